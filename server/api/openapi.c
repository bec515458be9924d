/*
 * The OpenAPI document. Schemas stand in the command table as JSON text and are put in as they are;
 * the document is parsed once when it is made, so a schema that is no JSON is found at start-up.
 */
#include "server/api/openapi.h"

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/text.h"
#include "server/api/command.h"
#include "server/api/problem.h"

#define ARENA_BYTES ((size_t)64 << 20)

static const char *const METHODS[] = {"GET", "POST", "PUT", "PATCH", "DELETE"};
static const char *const PLACES[] = {"path", "query", "header"};

static void add_member(struct rh_buf *buf, const char *name, const char *text)
{
    rh_json_add_key(buf, name);
    rh_json_add_string(buf, rh_text_of(text));
}

static void add_parameters(struct rh_buf *buf, const struct rh_command *command)
{
    rh_buf_add_str(buf, ",\"parameters\":[");
    for (unsigned i = 0; i < command->n_parameters; i++) {
        const struct rh_parameter *parameter = &command->parameters[i];
        rh_buf_add_str(buf, i ? ",{" : "{");
        add_member(buf, "name", parameter->name);
        rh_buf_addf(buf, ",\"in\":\"%s\",\"required\":%s,\"schema\":%s,", PLACES[parameter->place],
                    parameter->required ? "true" : "false", parameter->schema);
        add_member(buf, "description", parameter->help);
        rh_buf_add_char(buf, '}');
    }
    rh_buf_add_char(buf, ']');
}

static void add_body(struct rh_buf *buf, const struct rh_command *command)
{
    if (!command->body)
        return;
    if (command->flags & RH_COMMAND_LARGE_BODY) {
        rh_buf_add_str(buf, ",\"requestBody\":{\"required\":true,\"content\":{\"text/csv\":{},"
                            "\"application/x-ndjson\":{},\"application/json\":{}}}");
        return;
    }
    rh_buf_addf(buf, ",\"requestBody\":{\"content\":{\"application/json\":{\"schema\":%s",
                command->body);
    if (command->example)
        rh_buf_addf(buf, ",\"example\":%s", command->example);
    rh_buf_add_str(buf, "}}}");
}

static void add_answers(struct rh_buf *buf, const struct rh_command *command)
{
    rh_buf_add_str(buf, ",\"responses\":{\"2XX\":{\"description\":\"Done\"");
    if (command->flags & RH_COMMAND_STREAMS)
        rh_buf_add_str(buf, ",\"content\":{\"application/json\":{},\"application/x-ndjson\":{},"
                            "\"text/csv\":{}}");
    rh_buf_add_str(buf, "},\"default\":{\"$ref\":\"#/components/responses/Problem\"}}");
}

static void add_operation(struct rh_buf *buf, const struct rh_command *command)
{
    struct rh_text group = rh_text_of(command->name);

    rh_buf_add_str(buf, "{");
    add_member(buf, "operationId", command->name);
    rh_buf_add_str(buf, ",\"tags\":[");
    rh_json_add_string(buf, rh_text_cut(&group, '.'));
    rh_buf_add_str(buf, "],");
    add_member(buf, "summary", command->summary);
    if (command->help) {
        rh_buf_add_char(buf, ',');
        add_member(buf, "description", command->help);
    }
    if (command->permission == RH_PUBLIC)
        rh_buf_add_str(buf, ",\"security\":[]");
    add_parameters(buf, command);
    add_body(buf, command);
    add_answers(buf, command);
    rh_buf_add_char(buf, '}');
}

static void add_lower(struct rh_buf *buf, const char *method)
{
    for (; *method; method++)
        rh_buf_add_char(buf, (char)(*method + ('a' - 'A')));
}

/* All methods of the path that the command at `first` has, unless an earlier one had it too. */
static void add_path(struct rh_buf *buf, unsigned first, bool *any)
{
    const char *path = rh_command_at(first)->path;
    const struct rh_command *command;
    bool comma = false;

    for (unsigned i = 0; i < first; i++)
        if (strcmp(rh_command_at(i)->path, path) == 0)
            return;
    rh_buf_add_str(buf, *any ? "," : "");
    *any = true;
    rh_json_add_key(buf, path);
    rh_buf_add_char(buf, '{');
    for (unsigned m = 0; m < RH_N(METHODS); m++) {
        for (unsigned i = first; (command = rh_command_at(i)); i++) {
            if (strcmp(command->path, path) != 0 || strcmp(command->method, METHODS[m]) != 0)
                continue;
            rh_buf_add_str(buf, comma ? ",\"" : "\"");
            add_lower(buf, METHODS[m]);
            rh_buf_add_str(buf, "\":");
            add_operation(buf, command);
            comma = true;
        }
    }
    rh_buf_add_char(buf, '}');
}

static void add_problems(struct rh_buf *buf)
{
    const struct rh_problem *problem;

    rh_buf_add_str(buf, "\"Problem\":{\"type\":\"object\",\"required\":[\"type\",\"title\","
                        "\"status\",\"code\"],\"properties\":{\"type\":{\"type\":\"string\"},"
                        "\"title\":{\"type\":\"string\"},\"status\":{\"type\":\"integer\"},"
                        "\"detail\":{\"type\":\"string\"},\"hint\":{\"type\":\"string\"},"
                        "\"request_id\":{\"type\":\"string\"},\"errors\":{\"type\":\"array\"},"
                        "\"code\":{\"type\":\"string\",\"description\":\"A connector may add its "
                        "own\",\"examples\":[");
    for (unsigned i = 0; (problem = rh_problem_at(i)); i++)
        rh_buf_addf(buf, "%s\"%s\"", i ? "," : "", problem->code);
    rh_buf_add_str(buf, "]}}}");
}

/* x-problems: every code with its status and title. */
static void add_problem_list(struct rh_buf *buf)
{
    const struct rh_problem *problem;

    rh_buf_add_str(buf, ",\"x-problems\":[");
    for (unsigned i = 0; (problem = rh_problem_at(i)); i++) {
        rh_buf_addf(buf, "%s{\"code\":\"%s\",\"status\":%u,", i ? "," : "", problem->code,
                    problem->status);
        add_member(buf, "title", problem->title);
        rh_buf_add_char(buf, '}');
    }
    rh_buf_add_char(buf, ']');
}

static int check(const struct rh_buf *buf, struct rh_error *error)
{
    struct rh_arena *arena = rh_arena_new(ARENA_BYTES);
    struct rh_json *value = NULL;
    int rc;

    if (!arena || buf->failed) {
        rh_arena_free(arena);
        return rh_fail_nomem(error);
    }
    rc = rh_json_parse(arena, rh_buf_text(buf), &value, error);
    if (rc != RH_OK)
        rh_error_prefix(error, "the OpenAPI document");
    rh_arena_free(arena);
    return rc;
}

int rh_openapi_write(struct rh_buf *buf, struct rh_error *error)
{
    bool any = false;

    rh_buf_add_str(
        buf, "{\"openapi\":\"3.1.0\",\"info\":{\"title\":\"Rowhouse\",\"version\":\"" RH_VERSION
             "\",\"description\":\"One API for the rows of every datasource\"},"
             "\"security\":[{\"bearer\":[]},{\"key\":[]}],\"paths\":{");
    for (unsigned i = 0; i < rh_command_count(); i++)
        add_path(buf, i, &any);
    rh_buf_add_str(buf, "},\"components\":{\"securitySchemes\":{\"bearer\":{\"type\":\"http\","
                        "\"scheme\":\"bearer\"},\"key\":{\"type\":\"apiKey\",\"in\":\"header\","
                        "\"name\":\"X-Api-Key\"}},\"responses\":{\"Problem\":{\"description\":\"An "
                        "error\",\"content\":{\"application/problem+json\":{\"schema\":{\"$ref\":"
                        "\"#/components/schemas/Problem\"}}}}},\"schemas\":{");
    add_problems(buf);
    rh_buf_add_str(buf, "}}");
    add_problem_list(buf);
    rh_buf_add_char(buf, '}');
    return check(buf, error);
}
