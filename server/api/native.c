/*
 * Command: a query in the datasource's own language, with bound parameters. Read-only unless told
 * otherwise, and then it is the source that refuses changes.
 */
#include "base/err.h"
#include "base/text.h"
#include "base/type.h"
#include "rows/session.h"
#include "server/api/call.h"
#include "server/api/definition.h"
#include "server/api/rows_out.h"
#include "server/api/table_json.h"

#include <stdlib.h>

#define MAX_PARAMETERS 10000
#define DEFAULT_LIMIT 1000
#define MAX_LIMIT 10000
#define BATCH_ROWS 256
/* SQLSTATE for what the account may not do at all. */
#define NO_PRIVILEGE "42501"

static const char *const MEMBERS[] = {"text", "parameters", "read_only", "limit", NULL};

struct request {
    struct rh_native_spec spec;
    bool read_only;
    uint64_t limit;
};

static int wrong(const char *pointer, const char *message, struct rh_error *error)
{
    rh_fail(error, RH_INVALID, "%s", message);
    return rh_error_pointer(error, pointer);
}

/* A number: INT where it is one, DECIMAL where it has only a fraction, else FLOAT. */
static int number_value(struct rh_text text, struct rh_value *ret_value, struct rh_error *error)
{
    if (rh_text_to_i64(text, &ret_value->as.i)) {
        ret_value->type = RH_TYPE_INT;
        return RH_OK;
    }
    if (!memchr(text.data, 'e', text.len) && !memchr(text.data, 'E', text.len)) {
        *ret_value = (struct rh_value){
            .type = RH_TYPE_DECIMAL, .len = (uint32_t)text.len, .as.data = text.data};
        return RH_OK;
    }
    ret_value->type = RH_TYPE_FLOAT;
    return rh_text_to_f64(text, &ret_value->as.f)
               ? RH_OK
               : rh_fail(error, RH_DATA, "%.*s is too large a number", RH_TEXT_ARG(text));
}

static int value_of(const struct rh_json *json, struct rh_value *ret_value, struct rh_error *error)
{
    struct rh_text text = json->kind == RH_JSON_STRING ? json->text : json->source;

    if (text.len > UINT32_MAX)
        return rh_fail(error, RH_INVALID, "a parameter is too large");
    switch (json->kind) {
    case RH_JSON_NULL:
        ret_value->type = RH_TYPE_NULL;
        return RH_OK;
    case RH_JSON_FALSE:
    case RH_JSON_TRUE:
        ret_value->type = RH_TYPE_BOOL;
        ret_value->as.i = json->kind == RH_JSON_TRUE;
        return RH_OK;
    case RH_JSON_NUMBER:
        return number_value(json->text, ret_value, error);
    case RH_JSON_STRING:
        ret_value->type = RH_TYPE_TEXT;
        break;
    case RH_JSON_ARRAY:
    case RH_JSON_OBJECT:
        ret_value->type = RH_TYPE_JSON;
        break;
    }
    ret_value->len = (uint32_t)text.len;
    ret_value->as.data = text.data;
    return RH_OK;
}

static int read_parameters(struct rh_call *call, const struct rh_json *list,
                           struct rh_native_spec *spec, struct rh_error *error)
{
    struct rh_value *values;

    if (!list)
        return RH_OK;
    if (list->kind != RH_JSON_ARRAY || list->n > MAX_PARAMETERS)
        return wrong("/parameters", "parameters must be a list", error);
    values = rh_arena_array(call->arena, list->n, sizeof(*values));
    if (!values)
        return rh_fail_nomem(error);
    for (const struct rh_json *item = list->child; item; item = item->next) {
        int rc = value_of(item, &values[spec->n_parameters++], error);
        if (rc != RH_OK)
            return rc;
    }
    spec->parameters = values;
    return RH_OK;
}

static int read_request(struct rh_call *call, struct request *request, struct rh_error *error)
{
    const struct rh_json *member;
    struct rh_json *body = NULL;
    int rc;

    *request = (struct request){
        .spec.struct_size = sizeof(request->spec), .read_only = true, .limit = DEFAULT_LIMIT};
    rc = rh_call_body(call, &body, error);
    if (rc == RH_OK)
        rc = rh_call_check_members(body, "", MEMBERS, error);
    if (rc != RH_OK)
        return rc;
    member = rh_json_member(body, "text");
    if (!member || member->kind != RH_JSON_STRING || rh_text_trim(member->text).len == 0)
        return wrong("/text", "text must be a statement", error);
    request->spec.text = member->text;
    member = rh_json_member(body, "read_only");
    if (member && member->kind != RH_JSON_TRUE && member->kind != RH_JSON_FALSE)
        return wrong("/read_only", "read_only must be true or false", error);
    request->read_only = !member || member->kind == RH_JSON_TRUE;
    member = rh_json_member(body, "limit");
    if (member && (member->kind != RH_JSON_NUMBER ||
                   !rh_text_to_u64(member->text, &request->limit) || request->limit > MAX_LIMIT))
        return wrong("/limit", "limit must be a number up to 10000", error);
    return read_parameters(call, rh_json_member(body, "parameters"), &request->spec, error);
}

/* ---- The answer -------------------------------------------------------------------------- */

static bool is_taken(const struct rh_column *columns, uint32_t n, struct rh_text name)
{
    for (uint32_t i = 0; i < n; i++)
        if (rh_text_equal(columns[i].name, name))
            return true;
    return false;
}

/* A JSON object has no name twice: of `select 1 as n, 2 as n` the second is called n_2. */
static int tell_apart(struct rh_call *call, struct rh_native_result *result, struct rh_error *error)
{
    uint32_t n = result->n_columns;
    struct rh_column *columns = rh_arena_array(call->arena, n, sizeof(*columns));

    if (!columns)
        return rh_fail_nomem(error);
    for (uint32_t i = 0; i < n; i++) {
        struct rh_text name = result->columns[i].name;
        columns[i] = result->columns[i];
        for (uint32_t k = 2; is_taken(columns, i, columns[i].name); k++) {
            char *made = rh_arena_printf(call->arena, "%.*s_%u", RH_TEXT_ARG(name), k);
            if (!made)
                return rh_fail_nomem(error);
            columns[i].name = rh_text_of(made);
        }
    }
    result->columns = columns;
    return RH_OK;
}

static void add_columns(struct rh_buf *buf, const struct rh_native_result *result)
{
    rh_buf_add_str(buf, ",\"columns\":[");
    for (uint32_t i = 0; i < result->n_columns; i++) {
        rh_buf_add_str(buf, i ? ",{\"name\":" : "{\"name\":");
        rh_json_add_string(buf, result->columns[i].name);
        rh_buf_addf(buf, ",\"type\":\"%s\"}", rh_type_name(result->columns[i].type));
    }
    rh_buf_add_char(buf, ']');
}

/* A page of JSON ends at the limit and says whether there would be more; a stream has none. */
static int pull(struct rh_session *session, struct rh_cursor *cursor, uint64_t limit,
                struct rh_rows_out *out, bool *ret_more, struct rh_error *error)
{
    struct rh_call *call = out->call;
    struct rh_batch batch = {.struct_size = sizeof(batch)};
    uint64_t n = 0;
    int rc;

    for (;;) {
        rc = session->connector->next(cursor, &call->op.abi, BATCH_ROWS, &batch, error);
        if (rc != RH_OK)
            break;
        if (batch.n_rows > limit - n) {
            batch.n_rows = limit - n;
            *ret_more = true;
        }
        n += batch.n_rows;
        rc = rh_rows_out_add(out, &batch, error);
        if (rc != RH_OK)
            return rc;
        if (*ret_more)
            return RH_OK;
    }
    return rc == RH_END ? RH_OK : rh_session_note(session, rc);
}

static int answer_rows(struct rh_call *call, struct rh_session *session,
                       const struct rh_native_result *result, uint64_t limit, enum rh_format format,
                       struct rh_error *error)
{
    struct rh_rows_out out;
    bool more = false;
    int rc;

    rc = rh_rows_out_open(&out, call, format, result->columns, result->n_columns,
                          rh_text_is(rh_call_value(call, "numbers"), "string"), error);
    if (rc != RH_OK)
        return rc;
    if (format != RH_FORMAT_JSON)
        limit = UINT64_MAX;
    rc = rh_rows_out_close(&out, pull(session, result->cursor, limit, &out, &more, error), error);
    if (rc != RH_OK || format != RH_FORMAT_JSON)
        return rc;
    add_columns(out.buf, result);
    rh_buf_addf(out.buf, ",\"page\":{\"more\":%s}}", more ? "true" : "false");
    return RH_OK;
}

static int run_native(struct rh_call *call, struct rh_session *session,
                      const struct request *request, enum rh_format format, struct rh_error *error)
{
    const struct rh_connector *connector = session->connector;
    struct rh_native_result result = {.struct_size = sizeof(result)};
    int rc;

    if (!connector->native)
        return rh_fail(error, RH_UNSUPPORTED, "the connector %.*s has no native queries",
                       RH_TEXT_ARG(connector->id));
    if (request->read_only)
        call->op.abi.flags |= RH_OP_READ_ONLY;
    rc = rh_session_note(session, connector->native->run(session->lease.conn, &call->op.abi,
                                                         &request->spec, &result, error));
    if (rc == RH_PERMISSION && request->read_only && strcmp(error->sqlstate, NO_PRIVILEGE) != 0) {
        rh_error_code(error, "read-only");
        return rh_error_hint(error, "say \"read_only\": false when it is meant to change data");
    }
    if (rc != RH_OK)
        return rc;
    if (!result.cursor) {
        rh_buf_addf(rh_call_reply(call, 200), "{\"data\":[],\"meta\":{\"affected\":%llu}}",
                    (unsigned long long)result.n_affected);
        return RH_OK;
    }
    rc = tell_apart(call, &result, error);
    if (rc == RH_OK)
        rc = answer_rows(call, session, &result, request->limit, format, error);
    connector->finish(result.cursor);
    return rc;
}

static int native(struct rh_call *call, struct rh_error *error)
{
    struct rh_datasource *datasource = NULL;
    struct rh_session session = {0};
    enum rh_format format = RH_FORMAT_JSON;
    struct request request;
    int rc;

    rc = rh_rows_format(call, &format, error);
    if (rc == RH_OK)
        rc = read_request(call, &request, error);
    /* Its connection is the server's own; and what it runs on is not to be seen. */
    if (rc == RH_OK && rh_definition_is_internal(rh_call_value(call, "datasource")))
        rc = rh_fail(error, RH_UNSUPPORTED, "internal tables have no native queries");
    if (rc == RH_OK)
        rc = rh_call_datasource(call, &datasource, error);
    if (rc == RH_OK)
        rc = rh_session_open(datasource, &call->op, &session, error);
    if (rc != RH_OK)
        return rc;
    rc = run_native(call, &session, &request, format, error);
    rh_session_close(&session);
    return rc;
}

static const struct rh_parameter PARAMETERS[] = {
    RH_PARAMETER_APP,
    RH_PARAMETER_DATASOURCE,
    {"format", RH_IN_QUERY, false, "{\"enum\":[\"json\",\"ndjson\",\"csv\"]}",
     "Instead of Accept: a JSON page, or NDJSON or CSV as a stream without a limit"},
    RH_PARAMETER_NUMBERS,
    RH_PARAMETER_IDEMPOTENCY("statement"),
};

static const struct rh_command COMMANDS[] = {
    {.name = "datasources.native",
     .method = "POST",
     .path = "/api/v1/apps/{app}/datasources/{datasource}/native",
     .summary = "A query in the source's own language, with bound parameters",
     .help = "Read-only unless `read_only` is false. A JSON answer has at most `limit` rows (1000 "
             "unless given, at most 10000) and says in `page.more` whether there are others.",
     .parameters = PARAMETERS,
     .n_parameters = RH_N(PARAMETERS),
     .permission = RH_WRITE,
     .flags = RH_COMMAND_STREAMS,
     .body = "{\"type\":\"object\",\"required\":[\"text\"],\"properties\":{\"text\":{\"type\":"
             "\"string\"},\"parameters\":{\"type\":\"array\"},\"read_only\":{\"type\":\"boolean\","
             "\"default\":true},\"limit\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":10000}},"
             "\"additionalProperties\":false}",
     .example = "{\"text\": \"select count(*) as n from orders where total > ?\", \"parameters\": "
                "[100]}",
     .run = native},
};

const struct rh_command_list rh_native_commands = {COMMANDS, RH_N(COMMANDS)};
