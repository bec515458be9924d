/*
 * The codes of the classes come from RH_ERROR_MAP, the finer ones are listed here. A code that is
 * not in the table (a connector's own) keeps its name and takes status and title of its class.
 */
#include "server/api/problem.h"

#include "base/err.h"
#include "base/json.h"
#include "base/text.h"

#define TYPE_PREFIX "https://rowhouse.dev/problems/"

static const struct rh_problem PROBLEMS[] = {
#define CLASS(symbol, code, status, title) {code, status, title, RH_##symbol},
    RH_ERROR_MAP(CLASS)
#undef CLASS
        {"invalid-json", 400, "The body is not well-formed JSON", RH_INVALID},
    {"too-deep", 400, "Nested too deeply", RH_INVALID},
    {"invalid-csv", 400, "The body is not well-formed CSV", RH_INVALID},
    {"invalid-query", 400, "Invalid query", RH_INVALID},
    {"invalid-filter", 400, "Invalid filter", RH_INVALID},
    {"invalid-cursor", 400, "Invalid page cursor", RH_INVALID},
    {"unknown-operator", 400, "Unknown operator", RH_INVALID},
    {"unknown-column", 400, "Unknown column", RH_INVALID},
    {"unknown-parameter", 400, "Unknown parameter", RH_INVALID},
    {"missing-parameter", 400, "A parameter is missing", RH_INVALID},
    {"unknown-relation", 400, "Unknown relation", RH_INVALID},
    {"unconditional-write", 400, "A write without a condition", RH_INVALID},
    {"unauthorized", 401, "Credentials are missing or wrong", RH_PERMISSION},
    {"unknown-route", 404, "No such address", RH_NOT_FOUND},
    {"unknown-command", 404, "No such command", RH_NOT_FOUND},
    {"unknown-connector", 404, "No such connector", RH_NOT_FOUND},
    {"unknown-app", 404, "No such app", RH_NOT_FOUND},
    {"unknown-datasource", 404, "No such datasource", RH_NOT_FOUND},
    {"unknown-table", 404, "No such table", RH_NOT_FOUND},
    {"method-not-allowed", 405, "Method not allowed", RH_INVALID},
    {"not-acceptable", 406, "No acceptable representation", RH_INVALID},
    {"not-empty", 409, "Not empty", RH_CONFLICT},
    {"internal-datasource", 409, "The datasource belongs to the app", RH_CONFLICT},
    {"in-progress", 409, "A request with this idempotency key has not ended", RH_CONFLICT},
    {"answer-not-kept", 409, "The first answer was not kept", RH_CONFLICT},
    {"stale", 412, "Changed in the meantime", RH_CONFLICT},
    {"too-large", 413, "The body is too large", RH_RESOURCE},
    {"unsupported-media-type", 415, "Unsupported media type", RH_INVALID},
    {"read-only", 422, "What is read-only cannot be changed", RH_PERMISSION},
    {"no-transactions", 422, "The datasource has no transactions", RH_UNSUPPORTED},
    {"no-key", 422, "The table has no key", RH_UNSUPPORTED},
    {"needs-index", 422, "The query needs an index at the source", RH_UNSUPPORTED},
    {"egress-forbidden", 502, "Requests may not go to this address", RH_PERMISSION},
    {"datasource-failed", 502, "The datasource failed", RH_INTERNAL},
    {"idempotency-mismatch", 422, "The idempotency key belongs to another request", RH_CONFLICT},
    {"connector-missing", 503, "The connector of the datasource is missing", RH_UNAVAILABLE},
    {"connector-refused", 503, "The connector is refused", RH_UNAVAILABLE},
    {"datasource-full", 503, "The datasource has no room left", RH_RESOURCE},
    {"spill-failed", 503, "Temporary space could not be used", RH_RESOURCE},
    {"out-of-memory", 503, "Out of memory", RH_RESOURCE},
};

const struct rh_problem *rh_problem_at(unsigned position)
{
    return position < sizeof(PROBLEMS) / sizeof(PROBLEMS[0]) ? &PROBLEMS[position] : NULL;
}

const struct rh_problem *rh_problem_of(const struct rh_error *error)
{
    const char *code = rh_error_problem(error);
    const struct rh_problem *of_class = NULL, *problem;

    for (unsigned i = 0; (problem = rh_problem_at(i)); i++) {
        if (strcmp(problem->code, code) == 0)
            return problem;
        if (!of_class && problem->error_class == error->error_class)
            of_class = problem;
    }
    return of_class ? of_class : &PROBLEMS[sizeof(PROBLEMS) / sizeof(PROBLEMS[0]) - 1];
}

static void add_member(struct rh_buf *buf, const char *name, const char *value)
{
    if (!*value)
        return;
    rh_buf_add_char(buf, ',');
    rh_json_add_key(buf, name);
    rh_json_add_string(buf, rh_text_of(value));
}

static void add_errors(struct rh_buf *buf, const struct rh_error *error)
{
    if (!*error->pointer && !*error->column && error->row == RH_NO_ROW)
        return;
    rh_buf_add_str(buf, ",\"errors\":[{\"detail\":");
    rh_json_add_string(buf, rh_text_of(error->message));
    add_member(buf, "pointer", error->pointer);
    add_member(buf, "column", error->column);
    if (error->row != RH_NO_ROW) {
        rh_buf_add_str(buf, ",\"row\":");
        rh_buf_add_u64(buf, error->row);
    }
    rh_buf_add_str(buf, "}]");
}

static const char *constraint_name(uint32_t constraint)
{
    switch (constraint) {
    case RH_CONSTRAINT_UNIQUE:
        return "unique";
    case RH_CONSTRAINT_FOREIGN_KEY:
        return "foreign-key";
    case RH_CONSTRAINT_CHECK:
        return "check";
    case RH_CONSTRAINT_NOT_NULL:
        return "not-null";
    case RH_CONSTRAINT_AMBIGUOUS_KEY:
        return "ambiguous-key";
    default:
        return "";
    }
}

void rh_problem_write(struct rh_buf *buf, const struct rh_error *error, struct rh_text request_id)
{
    const struct rh_problem *problem = rh_problem_of(error);
    const char *code = rh_error_problem(error);

    rh_buf_addf(buf, "{\"type\":\"" TYPE_PREFIX "%s\",\"title\":", code);
    rh_json_add_string(buf, rh_text_of(problem->title));
    rh_buf_addf(buf, ",\"status\":%u", problem->status);
    add_member(buf, "code", code);
    add_member(buf, "detail", error->message);
    add_member(buf, "hint", error->hint);
    add_member(buf, "constraint", constraint_name(error->constraint));
    add_member(buf, "sqlstate", error->sqlstate);
    add_errors(buf, error);
    if (request_id.len) {
        rh_buf_add_str(buf, ",\"request_id\":");
        rh_json_add_string(buf, request_id);
    }
    rh_buf_add_char(buf, '}');
}
