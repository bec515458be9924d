/* Commands: reading rows. */
#include "base/err.h"
#include "base/text.h"
#include "rows/read.h"
#include "server/api/call.h"
#include "server/api/rows_out.h"

#include <stdio.h>

/* ---- Answers ----------------------------------------------------------------------------- */

static void add_plan_header(struct rh_call *call, const struct rh_read *read)
{
    struct rh_buf text;

    rh_buf_init(&text, 4096);
    rh_read_plan_header(read, &text);
    if (!text.failed)
        rh_web_reply_header(call->http, "Rowhouse-Plan", rh_buf_text(&text));
    rh_buf_free(&text);
}

static int numbers_of(struct rh_call *call, bool *ret_text, struct rh_error *error)
{
    struct rh_text numbers = rh_call_value(call, "numbers");

    *ret_text = rh_text_is(numbers, "string");
    if (numbers.data && !*ret_text && !rh_text_is(numbers, "number"))
        return rh_fail(error, RH_INVALID, "numbers must be \"number\" or \"string\"");
    return RH_OK;
}

static int pull(struct rh_read *read, struct rh_rows_out *out, struct rh_error *error)
{
    struct rh_batch batch = {.struct_size = sizeof(batch)};
    int rc;

    while ((rc = rh_read_next(read, &batch, error)) == RH_OK) {
        rc = rh_rows_out_add(out, &batch, error);
        if (rc != RH_OK)
            return rc;
    }
    return rc == RH_END ? RH_OK : rc;
}

/* From the first row to the end of the answer. */
static int answer(struct rh_call *call, struct rh_read *read, enum rh_format format,
                  struct rh_error *error)
{
    const struct rh_column *columns;
    struct rh_rows_out out;
    struct rh_page page = {.count = -1};
    uint32_t n_columns = 0;
    bool numbers_as_text;
    int rc;

    rc = numbers_of(call, &numbers_as_text, error);
    if (rc != RH_OK)
        return rc;
    columns = rh_read_columns(read, &n_columns);
    rc = rh_rows_out_open(&out, call, format, columns, n_columns, numbers_as_text, error);
    if (rc != RH_OK)
        return rc;
    if (format != RH_FORMAT_JSON)
        add_plan_header(call, read);
    rc = rh_rows_out_close(&out, pull(read, &out, error), error);
    if (rc != RH_OK || format != RH_FORMAT_JSON)
        return rc;
    rc = rh_read_page(read, &page, error);
    if (rc != RH_OK)
        return rc;
    add_plan_header(call, read);
    rh_rows_add_page(out.buf, &page);
    rh_buf_add_char(out.buf, '}');
    return RH_OK;
}

static int answer_explain(struct rh_call *call, struct rh_read *read, struct rh_error *error)
{
    struct rh_batch batch = {.struct_size = sizeof(batch)};
    struct rh_buf *buf;
    int rc;

    while ((rc = rh_read_next(read, &batch, error)) == RH_OK)
        ;
    if (rc != RH_END)
        return rc;
    buf = rh_call_reply(call, 200);
    rh_buf_add_str(buf, "{\"data\":");
    rc = rh_read_explain(read, buf, error);
    rh_buf_add_char(buf, '}');
    return rc;
}

static int run_query(struct rh_call *call, const struct rh_spec *spec, bool explain, bool analyze,
                     struct rh_error *error)
{
    struct rh_datasource *datasource = NULL;
    struct rh_read_options options = {.explain_only = explain && !analyze};
    struct rh_session session = {0};
    struct rh_read *read = NULL;
    enum rh_format format = RH_FORMAT_JSON;
    int rc = RH_OK;

    if (!explain)
        rc = rh_rows_format(call, &format, error);
    options.stream = format != RH_FORMAT_JSON;
    if (rc == RH_OK)
        rc = rh_call_datasource(call, &datasource, error);
    if (rc == RH_OK)
        rc = rh_session_open(datasource, &call->op, &session, error);
    if (rc != RH_OK)
        return rc;
    rc = rh_read_open(&session, rh_call_value(call, "table"), spec, &options, &read, error);
    if (rc == RH_OK)
        rc = explain ? answer_explain(call, read, error) : answer(call, read, format, error);
    rh_read_close(read);
    rh_session_close(&session);
    return rc;
}

/* ---- Handlers ---------------------------------------------------------------------------- */

static int list(struct rh_call *call, struct rh_error *error)
{
    struct rh_spec *spec = NULL;
    int rc = rh_spec_parse_url(call->arena, call->query, "", &spec, error);

    return rc == RH_OK ? run_query(call, spec, false, false, error) : rc;
}

static int parse_body(struct rh_call *call, struct rh_spec **ret_spec, struct rh_error *error)
{
    struct rh_json *body = NULL;
    int rc;

    if (call->body.len == 0)
        call->body = RH_TEXT("{}");
    rc = rh_call_body(call, &body, error);
    return rc == RH_OK ? rh_spec_parse_json(call->arena, body, ret_spec, error) : rc;
}

static int query(struct rh_call *call, struct rh_error *error)
{
    struct rh_spec *spec = NULL;
    int rc = parse_body(call, &spec, error);

    return rc == RH_OK ? run_query(call, spec, false, false, error) : rc;
}

static int explain(struct rh_call *call, struct rh_error *error)
{
    struct rh_spec *spec = NULL;
    bool analyze = false;
    int rc;

    rc = rh_call_switch(call, "analyze", false, &analyze, error);
    if (rc == RH_OK)
        rc = parse_body(call, &spec, error);
    return rc == RH_OK ? run_query(call, spec, true, analyze, error) : rc;
}

/* ---- One row ----------------------------------------------------------------------------- */

static int answer_row(struct rh_call *call, const struct rh_table *table,
                      const struct rh_value *cells, struct rh_error *error)
{
    struct rh_batch batch = {sizeof(batch), table->n_columns, 1, cells};
    struct rh_encoder *encoder;
    char etag[33], tag[40];
    bool numbers_as_text;
    struct rh_buf *buf;
    int rc;

    rc = numbers_of(call, &numbers_as_text, error);
    if (rc != RH_OK)
        return rc;
    rh_read_etag(table, cells, etag);
    snprintf(tag, sizeof(tag), "\"%s\"", etag);
    if (rh_call_unmodified(call, tag))
        return RH_OK;
    encoder = rh_encoder_new(call->arena, RH_FORMAT_JSON, table->columns, table->n_columns,
                             numbers_as_text);
    if (!encoder)
        return rh_fail_nomem(error);
    buf = rh_call_reply(call, 200);
    rh_web_reply_header(call->http, "ETag", rh_text_of(tag));
    rh_buf_add_str(buf, "{\"data\":");
    rh_encoder_begin(encoder, buf);
    rh_encoder_rows(encoder, buf, &batch);
    rh_buf_add_char(buf, '}');
    return RH_OK;
}

static int get(struct rh_call *call, struct rh_error *error)
{
    struct rh_datasource *datasource = NULL;
    const struct rh_table *table = NULL;
    struct rh_session session = {0};
    struct rh_value *key = NULL, *cells = NULL;
    int rc;

    rc = rh_call_datasource(call, &datasource, error);
    if (rc == RH_OK)
        rc = rh_session_open(datasource, &call->op, &session, error);
    if (rc != RH_OK)
        return rc;
    rc = rh_tableset_find(session.tables, rh_call_value(call, "table"), &table, error);
    if (rc == RH_OK)
        rc = rh_bind_key(call->arena, table, rh_call_value(call, "key"), &key, error);
    if (rc == RH_OK)
        rc = rh_read_row(&session, table, key, false, &cells, error);
    if (rc == RH_OK)
        rc = answer_row(call, table, cells, error);
    rh_session_close(&session);
    return rc;
}

/* ---- Table ------------------------------------------------------------------------------- */

#define FORMAT                                                                                     \
    {                                                                                              \
        "format", RH_IN_QUERY, false, "{\"enum\":[\"json\",\"ndjson\",\"csv\"]}",                  \
            "Instead of Accept: a JSON page, or NDJSON or CSV as a stream without a limit"         \
    }

static const struct rh_parameter LIST[] = {
    RH_PARAMETER_APP,
    RH_PARAMETER_DATASOURCE,
    RH_PARAMETER_TABLE,
    {"select", RH_IN_QUERY, false, RH_SCHEMA_TEXT, "Columns: `id,total`"},
    {"order", RH_IN_QUERY, false, RH_SCHEMA_TEXT, "Order: `-created_at,id`"},
    {"limit", RH_IN_QUERY, false, "{\"type\":\"integer\",\"minimum\":0,\"maximum\":10000}",
     "Rows in the page, 100 unless given"},
    {"offset", RH_IN_QUERY, false, RH_SCHEMA_COUNT, "Rows to leave out; `after` is better"},
    {"after", RH_IN_QUERY, false, RH_SCHEMA_TEXT, "Cursor: `page.next` of an earlier answer"},
    {"before", RH_IN_QUERY, false, RH_SCHEMA_TEXT, "Cursor: `page.prev` of an earlier answer"},
    {"count", RH_IN_QUERY, false, "{\"enum\":[\"none\",\"exact\",\"estimate\"]}",
     "`exact` or `estimate`: count all rows that match"},
    {"and", RH_IN_QUERY, false, RH_SCHEMA_TEXT, "All hold: `(a.gt.1,b.eq.2)`"},
    {"or", RH_IN_QUERY, false, RH_SCHEMA_TEXT, "One holds: `(a.eq.1,b.lt.2)`"},
    {"not", RH_IN_QUERY, false, RH_SCHEMA_TEXT, "Does not hold"},
    {"group", RH_IN_QUERY, false, RH_SCHEMA_TEXT, "Columns to group by"},
    {"aggregate", RH_IN_QUERY, false, RH_SCHEMA_TEXT, "Aggregates over each group"},
    {"having", RH_IN_QUERY, false, RH_SCHEMA_TEXT, "Condition on the groups"},
    {"distinct", RH_IN_QUERY, false, RH_SCHEMA_BOOL, "Only rows that differ"},
    {"search", RH_IN_QUERY, false, RH_SCHEMA_TEXT, "Text that a text column contains"},
    {"collate", RH_IN_QUERY, false, "{\"enum\":[\"binary\",\"source\"]}",
     "`binary`: text is ordered by code point"},
    FORMAT,
    RH_PARAMETER_NUMBERS,
};
static const struct rh_parameter QUERY[] = {
    RH_PARAMETER_APP, RH_PARAMETER_DATASOURCE, RH_PARAMETER_TABLE, FORMAT, RH_PARAMETER_NUMBERS,
};
static const struct rh_parameter EXPLAIN[] = {
    RH_PARAMETER_APP,
    RH_PARAMETER_DATASOURCE,
    RH_PARAMETER_TABLE,
    {"analyze", RH_IN_QUERY, false, RH_SCHEMA_BOOL,
     "Run the query too, and tell rows and milliseconds"},
};
static const struct rh_parameter GET[] = {
    RH_PARAMETER_APP,
    RH_PARAMETER_DATASOURCE,
    RH_PARAMETER_TABLE,
    RH_PARAMETER_KEY,
    RH_PARAMETER_NUMBERS,
    {"If-None-Match", RH_IN_HEADER, false, RH_SCHEMA_TEXT,
     "ETag that the client has: 304 when it still holds"},
};

#define QUERY_SCHEMA                                                                               \
    "{\"type\":\"object\",\"properties\":{\"select\":{\"type\":\"array\"},\"where\":{\"type\":"    \
    "\"object\"},\"order\":{\"type\":\"array\"},\"limit\":{\"type\":\"integer\",\"minimum\":0},"   \
    "\"offset\":{\"type\":\"integer\",\"minimum\":0},\"after\":{\"type\":\"string\"},\"before\":{" \
    "\"type\":\"string\"},\"count\":{\"enum\":[\"none\",\"exact\",\"estimate\"]},\"group\":{"      \
    "\"type\":\"array\"},\"aggregate\":{\"type\":\"object\"},\"having\":{\"type\":\"object\"},"    \
    "\"distinct\":{\"type\":\"boolean\"},\"search\":{\"type\":\"string\"},\"collate\":{\"enum\":[" \
    "\"binary\",\"source\"]}},\"additionalProperties\":false}"
#define QUERY_EXAMPLE                                                                              \
    "{\"where\": {\"total\": {\"gte\": 100}}, \"order\": [\"-total\"], \"select\": [\"id\", "      \
    "\"total\"], \"limit\": 20}"

static const struct rh_command COMMANDS[] = {
    {.name = "rows.list",
     .method = "GET",
     .path = "/api/v1/apps/{app}/data/{datasource}/{table}",
     .summary = "Rows, by a query in the URL",
     .help = "Every other URL parameter is a condition on a column: `status=eq.open`, "
             "`total=gte.100.00`, `status=in.(open,paid)`. A column whose name is one of the words "
             "below is written `col.limit=eq.5`.",
     .parameters = LIST,
     .n_parameters = RH_N(LIST),
     .permission = RH_READ,
     .flags = RH_COMMAND_READ_ONLY | RH_COMMAND_STREAMS | RH_COMMAND_OPEN_QUERY,
     .run = list},
    {.name = "rows.query",
     .method = "POST",
     .path = "/api/v1/apps/{app}/data/{datasource}/{table}/query",
     .summary = "Rows, by a query in JSON",
     .parameters = QUERY,
     .n_parameters = RH_N(QUERY),
     .permission = RH_READ,
     .flags = RH_COMMAND_READ_ONLY | RH_COMMAND_STREAMS,
     .body = QUERY_SCHEMA,
     .example = QUERY_EXAMPLE,
     .run = query},
    {.name = "rows.explain",
     .method = "POST",
     .path = "/api/v1/apps/{app}/data/{datasource}/{table}/explain",
     .summary = "What would be done for a query: by the source, and by the server",
     .parameters = EXPLAIN,
     .n_parameters = RH_N(EXPLAIN),
     .permission = RH_READ,
     .flags = RH_COMMAND_READ_ONLY,
     .body = QUERY_SCHEMA,
     .example = QUERY_EXAMPLE,
     .run = explain},
    {.name = "rows.get",
     .method = "GET",
     .path = "/api/v1/apps/{app}/data/{datasource}/{table}/{key}",
     .summary = "One row, by its key",
     .parameters = GET,
     .n_parameters = RH_N(GET),
     .permission = RH_READ,
     .flags = RH_COMMAND_READ_ONLY,
     .run = get},
};

const struct rh_command_list rh_row_read_commands = {COMMANDS, RH_N(COMMANDS)};
