/*
 * Command: several operations on one datasource, all or nothing.
 *
 * Each operation is an object whose one verb names the table:
 *   {"insert": "orders", "row": {…} | "rows": […], "returning": …}
 *   {"upsert": "orders", "row" | "rows", "on_conflict": "a,b", "resolution": …, "returning": …}
 *   {"update": "orders", "key": "7" | "where": {…} | "all": true, "set": {…}, "returning": …}
 *   {"delete": "orders", "key" | "where" | "all"}
 *   {"query": "orders", …members of a query…}
 */
#include "base/err.h"
#include "base/text.h"
#include "rows/encode.h"
#include "rows/write.h"
#include "server/api/call.h"
#include "server/api/rows_out.h"
#include "server/api/rows_written.h"

#include <stdio.h>

#define MAX_OPERATIONS 1000
#define POINTER_SIZE 64

static const char *const BODY_MEMBERS[] = {"datasource", "operations", NULL};
static const char *const INSERT_MEMBERS[] = {"insert", "row", "rows", "returning", NULL};
static const char *const UPSERT_MEMBERS[] = {"upsert",     "row",       "rows", "on_conflict",
                                             "resolution", "returning", NULL};
static const char *const UPDATE_MEMBERS[] = {"update", "key",      "where",     "all",
                                             "set",    "if_match", "returning", NULL};
static const char *const DELETE_MEMBERS[] = {"delete", "key", "where", "all", "if_match", NULL};

/* One operation on its way. */
struct step {
    struct rh_call *call;
    struct rh_session *session;
    const struct rh_json *object;
    const struct rh_table *table;
    struct rh_buf *out;
    char pointer[POINTER_SIZE]; /* "/operations/3" */
};

static int wrong(const struct step *step, const char *member, const char *message,
                 struct rh_error *error)
{
    char at[POINTER_SIZE + 32];

    snprintf(at, sizeof(at), "%s/%s", step->pointer, member);
    rh_fail(error, RH_INVALID, "%s", message);
    return rh_error_pointer(error, at);
}

/* The text of a member; no text when it is absent. */
static int text_of(const struct step *step, const char *name, struct rh_text *ret_text,
                   struct rh_error *error)
{
    const struct rh_json *member = rh_json_member(step->object, name);

    if (member && member->kind != RH_JSON_STRING) {
        char message[64];
        snprintf(message, sizeof(message), "%s must be a text", name);
        return wrong(step, name, message, error);
    }
    *ret_text = member ? member->text : (struct rh_text){NULL, 0};
    return RH_OK;
}

static int returning_of(const struct step *step, enum rh_returning *ret_returning,
                        struct rh_error *error)
{
    struct rh_text text;
    int rc = text_of(step, "returning", &text, error);

    if (rc != RH_OK)
        return rc;
    *ret_returning = rh_text_is(text, "none")   ? RH_RETURNING_NONE
                     : rh_text_is(text, "rows") ? RH_RETURNING_ROWS
                                                : RH_RETURNING_KEYS;
    if (text.data && !rh_text_is(text, "none") && !rh_text_is(text, "keys") &&
        !rh_text_is(text, "rows"))
        return wrong(step, "returning", "returning must be none, keys or rows", error);
    if (*ret_returning == RH_RETURNING_KEYS && step->table->n_key == 0)
        *ret_returning = RH_RETURNING_NONE;
    return RH_OK;
}

static int where_of(const struct step *step, struct rh_cond **ret_where, bool *ret_all,
                    struct rh_error *error)
{
    const struct rh_json *where = rh_json_member(step->object, "where");
    const struct rh_json *all = rh_json_member(step->object, "all");
    char at[POINTER_SIZE + 8];

    if (all && all->kind != RH_JSON_TRUE && all->kind != RH_JSON_FALSE)
        return wrong(step, "all", "all must be true or false", error);
    *ret_all = all && all->kind == RH_JSON_TRUE;
    snprintf(at, sizeof(at), "%s/where", step->pointer);
    return where ? rh_spec_parse_where(step->call->arena, where,
                                       rh_arena_dup(step->call->arena, at, strlen(at)), ret_where,
                                       error)
                 : RH_OK;
}

/* The key of a keyed operation: a text as in a path, or a number. NULL values when absent. */
static int key_of(const struct step *step, struct rh_value **ret_key, struct rh_error *error)
{
    const struct rh_json *key = rh_json_member(step->object, "key");

    if (!key)
        return RH_OK;
    if (key->kind != RH_JSON_STRING && key->kind != RH_JSON_NUMBER)
        return wrong(
            step, "key",
            "key must be a number or a text, as in a path: \"7\", or \"7,a\" for two parts", error);
    return rh_bind_key(step->call->arena, step->table, key->text, ret_key, error);
}

/* The row SDK points into what it was given; the caller sees it as a part of the operation. */
static void place_pointer(const struct step *step, const char *member, struct rh_error *error)
{
    struct rh_text inner = rh_text_of(error->pointer);
    char *whole;

    if (inner.len == 0 || rh_text_starts(inner, step->pointer))
        return;
    whole = rh_arena_printf(step->call->arena, "%s%s%s", step->pointer, member, error->pointer);
    if (!whole || strlen(whole) >= sizeof(error->pointer))
        return;
    memcpy(error->pointer, whole, strlen(whole) + 1);
}

static void add_result(struct step *step, const struct rh_written *written,
                       const struct rh_write_counts *counts)
{
    rh_buf_addf(step->out, "{\"affected\":%llu,\"rows\":[", (unsigned long long)counts->n_affected);
    rh_buf_add_text(step->out, rh_buf_text(&written->rows));
    rh_buf_add_str(step->out, "]}");
}

/* ---- Operations -------------------------------------------------------------------------- */

static int put_in(struct step *step, bool upsert, struct rh_error *error)
{
    const struct rh_json *rows = rh_json_member(step->object, "rows");
    const struct rh_json *row = rh_json_member(step->object, "row");
    struct rh_write_options options = {.resolution = RH_RESOLVE_MERGE};
    struct rh_write_counts counts = {0};
    struct rh_row_source *source = NULL;
    struct rh_text resolution = {NULL, 0};
    struct rh_written written;
    int rc;

    if (!rows == !row || (rows && rows->kind != RH_JSON_ARRAY) ||
        (row && row->kind != RH_JSON_OBJECT))
        return wrong(step, "rows", "either row (an object) or rows (a list) is needed", error);
    rc = returning_of(step, &options.returning, error);
    if (rc == RH_OK)
        rc = text_of(step, "on_conflict", &options.conflict_columns, error);
    if (rc == RH_OK)
        rc = text_of(step, "resolution", &resolution, error);
    if (rc == RH_OK)
        rc = rh_row_source_json(step->call->arena, (rows ? rows : row)->source, &source, error);
    if (rc != RH_OK)
        return rc;
    if (rh_text_is(resolution, "ignore"))
        options.resolution = RH_RESOLVE_IGNORE;
    else if (resolution.data && !rh_text_is(resolution, "merge"))
        return wrong(step, "resolution", "resolution must be merge or ignore", error);
    rh_written_init(&written, step->call, step->table);
    rc = (upsert ? rh_write_upsert : rh_write_insert)(step->session, step->table, source, &options,
                                                      &written.sink, &counts, error);
    if (rc != RH_OK)
        place_pointer(step, rows ? "/rows" : "/row", error);
    if (rc == RH_OK)
        rc = rh_written_check(&written, error);
    if (rc == RH_OK)
        add_result(step, &written, &counts);
    rh_written_fini(&written);
    return rc;
}

static int insert(struct step *step, struct rh_error *error)
{
    return put_in(step, false, error);
}

static int upsert(struct step *step, struct rh_error *error)
{
    return put_in(step, true, error);
}

static int update(struct step *step, struct rh_error *error)
{
    const struct rh_json *set = rh_json_member(step->object, "set");
    struct rh_write_options options = {0};
    struct rh_write_counts counts = {0};
    struct rh_value *key = NULL;
    struct rh_cond *where = NULL;
    struct rh_written written;
    bool all = false;
    int rc;

    if (!set || set->kind != RH_JSON_OBJECT)
        return wrong(step, "set", "set must be an object of columns and values", error);
    rc = returning_of(step, &options.returning, error);
    if (rc == RH_OK)
        rc = text_of(step, "if_match", &options.if_match, error);
    if (rc == RH_OK)
        rc = key_of(step, &key, error);
    if (rc == RH_OK)
        rc = where_of(step, &where, &all, error);
    if (rc != RH_OK)
        return rc;
    rh_written_init(&written, step->call, step->table);
    if (key)
        rc = rh_write_update_row(step->session, step->table, key, set, &options, &written.sink,
                                 &counts, error);
    else
        rc = rh_write_update_where(step->session, step->table, where, all, set, &options,
                                   &written.sink, &counts, error);
    if (rc != RH_OK)
        place_pointer(step, "/set", error);
    if (rc == RH_OK)
        rc = rh_written_check(&written, error);
    if (rc == RH_OK)
        add_result(step, &written, &counts);
    rh_written_fini(&written);
    return rc;
}

static int delete (struct step *step, struct rh_error *error)
{
    struct rh_write_options options = {0};
    struct rh_write_counts counts = {0};
    struct rh_value *key = NULL;
    struct rh_cond *where = NULL;
    bool all = false;
    int rc;

    rc = text_of(step, "if_match", &options.if_match, error);
    if (rc == RH_OK)
        rc = key_of(step, &key, error);
    if (rc == RH_OK)
        rc = where_of(step, &where, &all, error);
    if (rc != RH_OK)
        return rc;
    if (key)
        rc = rh_write_delete_row(step->session, step->table, key, &options, &counts, error);
    else
        rc = rh_write_delete_where(step->session, step->table, where, all, &options, NULL, &counts,
                                   error);
    if (rc == RH_OK)
        rh_buf_addf(step->out, "{\"affected\":%llu}", (unsigned long long)counts.n_affected);
    return rc;
}

/* The operation without its verb is a query. */
static struct rh_json *query_part(const struct step *step)
{
    struct rh_json *query = rh_arena_alloc(step->call->arena, sizeof(*query));
    struct rh_json **end;

    if (!query)
        return NULL;
    *query = *step->object;
    query->child = NULL;
    query->n = 0;
    end = &query->child;
    for (const struct rh_json *member = step->object->child; member; member = member->next) {
        struct rh_json *copy;
        if (rh_text_is(member->key, "query"))
            continue;
        copy = rh_arena_alloc(step->call->arena, sizeof(*copy));
        if (!copy)
            return NULL;
        *copy = *member;
        copy->next = NULL;
        *end = copy;
        end = &copy->next;
        query->n++;
    }
    return query;
}

static int pull(struct step *step, struct rh_read *read, struct rh_error *error)
{
    struct rh_batch batch = {.struct_size = sizeof(batch)};
    struct rh_page page = {.count = -1};
    struct rh_encoder *encoder;
    uint32_t n_columns = 0;
    const struct rh_column *columns = rh_read_columns(read, &n_columns);
    int rc;

    encoder = rh_encoder_new(step->call->arena, RH_FORMAT_JSON, columns, n_columns,
                             rh_text_is(rh_call_value(step->call, "numbers"), "string"));
    if (!encoder)
        return rh_fail_nomem(error);
    rh_buf_add_str(step->out, "{\"rows\":[");
    rh_encoder_begin(encoder, step->out);
    while ((rc = rh_read_next(read, &batch, error)) == RH_OK)
        rh_encoder_rows(encoder, step->out, &batch);
    if (rc != RH_END)
        return rc;
    rc = rh_read_page(read, &page, error);
    if (rc != RH_OK)
        return rc;
    rh_buf_add_char(step->out, ']');
    rh_rows_add_page(step->out, &page);
    rh_buf_add_char(step->out, '}');
    return RH_OK;
}

static int query(struct step *step, struct rh_error *error)
{
    struct rh_read_options options = {.lock = false};
    struct rh_json *object = query_part(step);
    struct rh_spec *spec = NULL;
    struct rh_read *read = NULL;
    int rc;

    if (!object)
        return rh_fail_nomem(error);
    rc = rh_spec_parse_json(step->call->arena, object, &spec, error);
    if (rc == RH_OK)
        rc = rh_read_open(step->session, rh_json_member(step->object, "query")->text, spec,
                          &options, &read, error);
    if (rc == RH_OK)
        rc = pull(step, read, error);
    rh_read_close(read);
    if (rc != RH_OK)
        place_pointer(step, "", error);
    return rc;
}

static const struct {
    const char *verb;
    const char *const *members; /* NULL: checked by the query parser */
    int (*run)(struct step *step, struct rh_error *error);
} VERBS[] = {
    {"insert", INSERT_MEMBERS, insert},
    {"upsert", UPSERT_MEMBERS, upsert},
    {"update", UPDATE_MEMBERS, update},
    {"delete", DELETE_MEMBERS, delete},
    {"query", NULL, query},
};

static int run_step(struct step *step, struct rh_error *error)
{
    size_t i = 0;
    struct rh_text name = {NULL, 0};
    int rc = RH_OK;

    if (step->object->kind != RH_JSON_OBJECT) {
        rh_fail(error, RH_INVALID, "an operation must be an object");
        return rh_error_pointer(error, step->pointer);
    }
    while (i < RH_N(VERBS) && !rh_json_member(step->object, VERBS[i].verb))
        i++;
    if (i == RH_N(VERBS)) {
        rh_fail(error, RH_INVALID,
                "an operation must have one of insert, upsert, update, delete, query");
        return rh_error_pointer(error, step->pointer);
    }
    if (VERBS[i].members)
        rc = rh_call_check_members(step->object, step->pointer, VERBS[i].members, error);
    if (rc == RH_OK)
        rc = text_of(step, VERBS[i].verb, &name, error);
    if (rc == RH_OK)
        rc = rh_tableset_find(step->session->tables, name, &step->table, error);
    return rc == RH_OK ? VERBS[i].run(step, error) : rc;
}

/* ---- The transaction --------------------------------------------------------------------- */

static int run_steps(struct rh_call *call, struct rh_session *session,
                     const struct rh_json *operations, struct rh_buf *out, struct rh_error *error)
{
    struct step step = {.call = call, .session = session, .out = out};
    struct rh_error ignored = RH_ERROR_INIT;
    unsigned n = 0;
    int rc = rh_session_begin(session, 0, error);

    if (rc != RH_OK)
        return rc;
    for (const struct rh_json *item = operations->child; item && rc == RH_OK; item = item->next) {
        step.object = item;
        snprintf(step.pointer, sizeof(step.pointer), "/operations/%u", n);
        rh_buf_add_str(out, n++ ? "," : "");
        rc = run_step(&step, error);
    }
    if (rc == RH_OK && out->failed)
        rc = rh_fail(error, RH_RESOURCE, "what the transaction returns is too large to be sent");
    if (rc == RH_OK)
        return rh_session_commit(session, error);
    rh_error_prefix(error, "operation %u", n ? n - 1 : 0);
    rh_session_rollback(session, &ignored);
    return rc;
}

static int read_body(struct rh_call *call, const struct rh_json **ret_operations,
                     struct rh_datasource **ret_datasource, struct rh_error *error)
{
    const struct rh_json *name, *operations;
    struct rh_json *body = NULL;
    int rc;

    rc = rh_call_body(call, &body, error);
    if (rc == RH_OK)
        rc = rh_call_check_members(body, "", BODY_MEMBERS, error);
    if (rc != RH_OK)
        return rc;
    name = rh_json_member(body, "datasource");
    operations = rh_json_member(body, "operations");
    if (!name || name->kind != RH_JSON_STRING) {
        rh_fail(error, RH_INVALID, "datasource must name a datasource");
        return rh_error_pointer(error, "/datasource");
    }
    if (!operations || operations->kind != RH_JSON_ARRAY || operations->n == 0 ||
        operations->n > MAX_OPERATIONS) {
        rh_fail(error, RH_INVALID, "operations must be a list of 1 to %d operations",
                MAX_OPERATIONS);
        return rh_error_pointer(error, "/operations");
    }
    *ret_operations = operations;
    return rh_call_datasource_named(call, name->text, ret_datasource, error);
}

static int transaction(struct rh_call *call, struct rh_error *error)
{
    const struct rh_json *operations = NULL;
    struct rh_datasource *datasource = NULL;
    struct rh_session session = {0};
    struct rh_buf *buf;
    int rc;

    rc = read_body(call, &operations, &datasource, error);
    if (rc == RH_OK)
        rc = rh_session_open(datasource, &call->op, &session, error);
    if (rc != RH_OK)
        return rc;
    buf = rh_call_reply(call, 200);
    rh_buf_add_str(buf, "{\"data\":[");
    rc = run_steps(call, &session, operations, buf, error);
    rh_buf_add_str(buf, "]}");
    rh_session_close(&session);
    return rc;
}

static const struct rh_parameter PARAMETERS[] = {
    RH_PARAMETER_APP,
    RH_PARAMETER_NUMBERS,
    RH_PARAMETER_IDEMPOTENCY("transaction"),
};

static const struct rh_command COMMANDS[] = {
    {.name = "transaction",
     .method = "POST",
     .path = "/api/v1/apps/{app}/transaction",
     .summary = "Several operations on one datasource, all or nothing",
     .help =
         "An operation is an object whose verb names the table: `insert` or `upsert` with `row` "
         "or `rows`, `update` with `key` or `where` and `set`, `delete` with `key` or `where`, "
         "`query` with the members of a query. The answer has one result per operation.",
     .parameters = PARAMETERS,
     .n_parameters = RH_N(PARAMETERS),
     .permission = RH_WRITE,
     .body = "{\"type\":\"object\",\"required\":[\"datasource\",\"operations\"],\"properties\":{"
             "\"datasource\":{\"type\":\"string\"},\"operations\":{\"type\":\"array\",\"minItems\":"
             "1,\"maxItems\":1000,\"items\":{\"type\":\"object\"}}},\"additionalProperties\":"
             "false}",
     .example = "{\"datasource\": \"shop\", \"operations\": [{\"insert\": \"customers\", \"row\": "
                "{\"name\": \"Ada\"}}, {\"update\": \"orders\", \"key\": 7, \"set\": {\"status\": "
                "\"paid\"}}]}",
     .run = transaction},
};

const struct rh_command_list rh_transaction_commands = {COMMANDS, RH_N(COMMANDS)};
