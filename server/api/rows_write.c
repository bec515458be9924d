/*
 * Commands: writing rows. Each opens a session, lets the row SDK do the write, and answers what
 * came back. The write has been made durable before the answer is built.
 */
#include "server/api/row_write.h"

#include "base/err.h"
#include "base/text.h"

static const char *const UPDATE_MEMBERS[] = {"where", "set", "all", NULL};
static const char *const DELETE_MEMBERS[] = {"where", "all", NULL};

/* ---- Insert ------------------------------------------------------------------------------ */

static bool is_one_object(struct rh_text body)
{
    body = rh_text_trim(body);
    return body.len && body.data[0] == '{';
}

static int write_rows(struct rh_row_write *write, struct rh_row_source *rows, bool upsert,
                      struct rh_error *error)
{
    return (upsert ? rh_write_upsert : rh_write_insert)(&write->session, write->table, rows,
                                                        &write->options, &write->written.sink,
                                                        &write->counts, error);
}

static int insert_options(struct rh_call *call, bool one, struct rh_row_write *write,
                          bool *ret_upsert, struct rh_error *error)
{
    bool atomic = true, given = false;
    int rc;

    rc = rh_call_switch(call, "atomic", true, &atomic, error);
    if (rc == RH_OK)
        rc = rh_row_write_returning(call, one ? RH_RETURNING_ROWS : RH_RETURNING_KEYS,
                                    &write->options.returning, &given, error);
    if (rc == RH_OK)
        rc = rh_row_write_conflict(call, &write->options, ret_upsert, error);
    if (rc != RH_OK)
        return rc;
    write->options.not_atomic = !atomic && !one;
    if (write->options.not_atomic && given && write->options.returning != RH_RETURNING_NONE)
        return rh_fail(error, RH_INVALID,
                       "atomic=false answers the state of each row and cannot return rows");
    if (write->options.not_atomic)
        write->options.returning = RH_RETURNING_NONE;
    return RH_OK;
}

/* A table without a key has no keys to return. */
static void adjust_returning(struct rh_row_write *write)
{
    if (write->options.returning == RH_RETURNING_KEYS && write->table->n_key == 0)
        write->options.returning = RH_RETURNING_NONE;
}

static int insert(struct rh_call *call, struct rh_error *error)
{
    struct rh_row_source *rows = NULL;
    bool one = is_one_object(call->body), upsert = false;
    struct rh_row_write write = {0};
    unsigned status;
    int rc;

    rc = rh_call_check_json(call, error);
    if (rc == RH_OK)
        rc = insert_options(call, one, &write, &upsert, error);
    if (rc == RH_OK)
        rc = rh_row_write_open(&write, call, error);
    if (rc == RH_OK)
        rc = rh_row_source_json(call->arena, call->body, &rows, error);
    if (rc != RH_OK)
        goto out;
    adjust_returning(&write);
    rc = write_rows(&write, rows, upsert, error);
    if (rc != RH_OK)
        goto out;
    status = upsert ? 200 : 201;
    if (one)
        rc = rh_row_write_answer_one(&write, status, !upsert, error);
    else
        rc = rh_row_write_answer_many(&write, write.counts.n_failed ? 207 : status, error);

out:
    rh_row_write_close(&write);
    return rc;
}

/* ---- By key ------------------------------------------------------------------------------ */

static int keyed_options(struct rh_call *call, struct rh_row_write *write, struct rh_error *error)
{
    bool given;

    write->options.if_match = rh_row_write_if_match(call);
    return rh_row_write_returning(call, RH_RETURNING_ROWS, &write->options.returning, &given,
                                  error);
}

static int update(struct rh_call *call, struct rh_error *error)
{
    struct rh_json *body = NULL;
    struct rh_row_write write = {0};
    int rc;

    rc = rh_call_body(call, &body, error);
    if (rc == RH_OK)
        rc = keyed_options(call, &write, error);
    if (rc == RH_OK)
        rc = rh_row_write_open(&write, call, error);
    if (rc == RH_OK)
        rc = rh_write_update_row(&write.session, write.table, write.key, body, &write.options,
                                 &write.written.sink, &write.counts, error);
    if (rc == RH_OK)
        rc = rh_row_write_answer_one(&write, 200, false, error);
    rh_row_write_close(&write);
    return rc;
}

static int read_if_none_match(struct rh_call *call, bool *ret_must_be_new, struct rh_error *error)
{
    struct rh_text tag = rh_text_trim(rh_web_request_header(call->http, "If-None-Match"));

    *ret_must_be_new = rh_text_is(tag, "*");
    return tag.len == 0 || *ret_must_be_new
               ? RH_OK
               : rh_fail(error, RH_INVALID, "If-None-Match of a write must be *");
}

static int put(struct rh_call *call, struct rh_error *error)
{
    struct rh_json *body = NULL;
    struct rh_row_write write = {0};
    bool created = false;
    int rc;

    rc = rh_call_body(call, &body, error);
    if (rc == RH_OK)
        rc = keyed_options(call, &write, error);
    if (rc == RH_OK)
        rc = read_if_none_match(call, &write.options.must_be_new, error);
    if (rc == RH_OK)
        rc = rh_row_write_open(&write, call, error);
    if (rc == RH_OK)
        rc = rh_write_put_row(&write.session, write.table, write.key, body, &write.options,
                              &write.written.sink, &created, error);
    if (rc == RH_NOT_FOUND && write.options.if_match.data && write.key)
        rh_error_code(error, "stale"); /* RFC 9110, 13.1.1: the precondition failed */
    if (rc == RH_OK) {
        write.counts = (struct rh_write_counts){.n_rows = 1, .n_affected = 1};
        rc = rh_row_write_answer_one(&write, created ? 201 : 200, created, error);
    }
    rh_row_write_close(&write);
    return rc;
}

static int delete (struct rh_call *call, struct rh_error *error)
{
    struct rh_row_write write = {0};
    int rc;

    write.options.if_match = rh_row_write_if_match(call);
    rc = rh_row_write_open(&write, call, error);
    if (rc == RH_OK)
        rc = rh_write_delete_row(&write.session, write.table, write.key, &write.options,
                                 &write.counts, error);
    if (rc == RH_OK)
        rh_call_reply_type(call, 204, NULL);
    rh_row_write_close(&write);
    return rc;
}

/* ---- By condition ------------------------------------------------------------------------ */

static int read_where(struct rh_call *call, const char *const *members, struct rh_json **ret_body,
                      struct rh_cond **ret_where, bool *ret_all, struct rh_error *error)
{
    const struct rh_json *where, *all;
    int rc;

    if (call->body.len == 0)
        call->body = RH_TEXT("{}");
    rc = rh_call_body(call, ret_body, error);
    if (rc == RH_OK)
        rc = rh_call_check_members(*ret_body, "", members, error);
    if (rc != RH_OK)
        return rc;
    where = rh_json_member(*ret_body, "where");
    all = rh_json_member(*ret_body, "all");
    if (all && all->kind != RH_JSON_TRUE && all->kind != RH_JSON_FALSE) {
        rh_fail(error, RH_INVALID, "all must be true or false");
        return rh_error_pointer(error, "/all");
    }
    *ret_all = all && all->kind == RH_JSON_TRUE;
    return where ? rh_spec_parse_where(call->arena, where, "/where", ret_where, error) : RH_OK;
}

/* Rows found by a condition: `atomic=false` writes each of them for itself where the source has no
 * transactions; the first that fails ends it. */
static int where_options(struct rh_call *call, struct rh_write_options *ret_options,
                         struct rh_error *error)
{
    bool atomic = true, given;
    int rc;

    rc = rh_call_switch(call, "atomic", true, &atomic, error);
    ret_options->not_atomic = !atomic;
    return rc ? rc
              : rh_row_write_returning(call, RH_RETURNING_NONE, &ret_options->returning, &given,
                                       error);
}

static int update_where(struct rh_call *call, struct rh_error *error)
{
    const struct rh_json *set;
    struct rh_cond *where = NULL;
    struct rh_json *body = NULL;
    struct rh_row_write write = {0};
    bool all = false;
    int rc;

    rc = read_where(call, UPDATE_MEMBERS, &body, &where, &all, error);
    if (rc != RH_OK)
        return rc;
    set = rh_json_member(body, "set");
    if (!set || set->kind != RH_JSON_OBJECT) {
        rh_fail(error, RH_INVALID, "set must be an object of columns and values");
        return rh_error_pointer(error, "/set");
    }
    rc = where_options(call, &write.options, error);
    if (rc == RH_OK)
        rc = rh_row_write_open(&write, call, error);
    if (rc == RH_OK)
        rc = rh_write_update_where(&write.session, write.table, where, all, set, &write.options,
                                   &write.written.sink, &write.counts, error);
    if (rc == RH_OK)
        rc = rh_row_write_answer_many(&write, 200, error);
    rh_row_write_close(&write);
    return rc;
}

static int delete_where(struct rh_call *call, struct rh_error *error)
{
    struct rh_cond *where = NULL;
    struct rh_json *body = NULL;
    struct rh_row_write write = {0};
    bool all = false;
    int rc;

    rc = read_where(call, DELETE_MEMBERS, &body, &where, &all, error);
    if (rc == RH_OK)
        rc = where_options(call, &write.options, error);
    if (rc == RH_OK)
        rc = rh_row_write_open(&write, call, error);
    if (rc == RH_OK)
        rc = rh_write_delete_where(&write.session, write.table, where, all, &write.options,
                                   &write.written.sink, &write.counts, error);
    if (rc == RH_OK)
        rc = rh_row_write_answer_many(&write, 200, error);
    rh_row_write_close(&write);
    return rc;
}

/* ---- Import ------------------------------------------------------------------------------ */

static int open_source(struct rh_call *call, struct rh_row_source **ret_rows,
                       struct rh_error *error)
{
    struct rh_text format = rh_call_value(call, "format"), type = call->media_type;

    if (rh_text_is(format, "csv") || (!format.data && rh_text_is(type, "text/csv")))
        return rh_row_source_csv(call->arena, call->body, ret_rows, error);
    if (rh_text_is(format, "ndjson") ||
        (!format.data &&
         (rh_text_is(type, "application/x-ndjson") || rh_text_is(type, "application/ndjson"))))
        return rh_row_source_ndjson(call->arena, call->body, ret_rows, error);
    if (rh_text_is(format, "json") || (!format.data && rh_text_is(type, "application/json")))
        return rh_row_source_json(call->arena, call->body, ret_rows, error);
    rh_fail(error, RH_INVALID, "rows cannot be imported from %.*s",
            RH_TEXT_ARG(format.data ? format
                        : type.data ? type
                                    : RH_TEXT("a body without a type")));
    rh_error_hint(error,
                  "send text/csv, application/x-ndjson or application/json, or say ?format=");
    return rh_error_code(error, "unsupported-media-type");
}

static int import(struct rh_call *call, struct rh_error *error)
{
    struct rh_row_source *rows = NULL;
    bool atomic = true, upsert = false;
    struct rh_row_write write = {0};
    struct rh_buf *buf;
    int rc;

    rc = rh_call_switch(call, "atomic", true, &atomic, error);
    if (rc == RH_OK)
        rc = rh_row_write_conflict(call, &write.options, &upsert, error);
    if (rc == RH_OK)
        rc = open_source(call, &rows, error);
    if (rc == RH_OK)
        rc = rh_row_write_open(&write, call, error);
    if (rc != RH_OK)
        goto out;
    write.options.not_atomic = !atomic;
    write.options.returning = RH_RETURNING_NONE;
    write.written.only_failures = true;
    rh_call_progress(call);
    rc = write_rows(&write, rows, upsert, error);
    if (rc == RH_OK)
        rc = rh_written_check(&write.written, error);
    if (rc != RH_OK)
        goto out;
    buf = rh_call_reply(call, write.counts.n_failed ? 207 : 200);
    rh_buf_addf(buf, "{\"data\":{\"rows\":%llu,\"written\":%llu,\"failed\":%llu,\"errors\":[",
                (unsigned long long)write.counts.n_rows,
                (unsigned long long)write.counts.n_affected,
                (unsigned long long)write.counts.n_failed);
    rh_buf_add_text(buf, rh_buf_text(&write.written.statuses));
    rh_buf_add_str(buf, "]}}");

out:
    rh_row_write_close(&write);
    return rc;
}

/* ---- Table ------------------------------------------------------------------------------- */

#define RETURNING                                                                                  \
    {                                                                                              \
        "returning", RH_IN_QUERY, false, "{\"enum\":[\"none\",\"keys\",\"rows\"]}",                \
            "`none`, `keys` or `rows`: what of the written rows is answered; wins over `Prefer`"   \
    }
#define PREFER                                                                                     \
    {                                                                                              \
        "Prefer", RH_IN_HEADER, false, RH_SCHEMA_TEXT,                                             \
            "`return=representation` or `return=minimal`: the rows, or none"                       \
    }
#define IF_MATCH                                                                                   \
    {                                                                                              \
        "If-Match", RH_IN_HEADER, false, RH_SCHEMA_TEXT,                                           \
            "ETag that the row must have; `*`: it must exist. Otherwise 412"                       \
    }
#define ATOMIC                                                                                     \
    {                                                                                              \
        "atomic", RH_IN_QUERY, false, RH_SCHEMA_BOOL,                                              \
            "`false`: each row for itself. The answer tells about each row that was given; where " \
            "a condition finds them, the first that fails ends it"                                 \
    }
#define ON_CONFLICT                                                                                \
    {"on_conflict", RH_IN_QUERY, false, RH_SCHEMA_TEXT,                                            \
     "Upsert: the columns by which a row is known, `a,b`; empty for the primary key"},             \
    {                                                                                              \
        "resolution", RH_IN_QUERY, false, "{\"enum\":[\"merge\",\"ignore\"]}",                     \
            "Upsert: `merge` the given columns into a row that exists, as is done unless told "    \
            "otherwise, or `ignore` the given row"                                                 \
    }
#define TABLE_PATH RH_PARAMETER_APP, RH_PARAMETER_DATASOURCE, RH_PARAMETER_TABLE

static const struct rh_parameter INSERT[] = {TABLE_PATH,
                                             RETURNING,
                                             ON_CONFLICT,
                                             ATOMIC,
                                             RH_PARAMETER_NUMBERS,
                                             PREFER,
                                             RH_PARAMETER_IDEMPOTENCY("write")};
static const struct rh_parameter KEYED[] = {TABLE_PATH,
                                            RH_PARAMETER_KEY,
                                            RETURNING,
                                            RH_PARAMETER_NUMBERS,
                                            PREFER,
                                            IF_MATCH,
                                            RH_PARAMETER_IDEMPOTENCY("write")};
static const struct rh_parameter PUT[] = {
    TABLE_PATH,
    RH_PARAMETER_KEY,
    RETURNING,
    RH_PARAMETER_NUMBERS,
    PREFER,
    IF_MATCH,
    {"If-None-Match", RH_IN_HEADER, false, RH_SCHEMA_TEXT,
     "`*`: the row must not exist. Otherwise 412"},
    RH_PARAMETER_IDEMPOTENCY("write"),
};
static const struct rh_parameter DELETE[] = {TABLE_PATH, RH_PARAMETER_KEY, IF_MATCH,
                                             RH_PARAMETER_IDEMPOTENCY("write")};
static const struct rh_parameter WHERE[] = {
    TABLE_PATH, RETURNING, ATOMIC, RH_PARAMETER_NUMBERS, PREFER, RH_PARAMETER_IDEMPOTENCY("write")};
static const struct rh_parameter IMPORT[] = {
    TABLE_PATH,
    ON_CONFLICT,
    ATOMIC,
    {"format", RH_IN_QUERY, false, "{\"enum\":[\"csv\",\"ndjson\",\"json\"]}",
     "`csv`, `ndjson` or `json`, instead of Content-Type"},
    RH_PARAMETER_IDEMPOTENCY("write"),
};

#define ROW "{\"type\":\"object\"}"

static const struct rh_command COMMANDS[] = {
    {.name = "rows.insert",
     .method = "POST",
     .path = "/api/v1/apps/{app}/data/{datasource}/{table}",
     .summary = "Insert one row (an object) or many (an array), all or none",
     .help = "One object answers the whole row unless told otherwise, an array the keys. With "
             "`on_conflict` or `resolution` rows that exist are changed or left as they are.",
     .parameters = INSERT,
     .n_parameters = RH_N(INSERT),
     .permission = RH_WRITE,
     .body = "{\"oneOf\":[" ROW ",{\"type\":\"array\",\"items\":" ROW "}]}",
     .example = "{\"name\": \"Ada\", \"email\": \"ada@example.com\"}",
     .run = insert},
    {.name = "rows.update",
     .method = "PATCH",
     .path = "/api/v1/apps/{app}/data/{datasource}/{table}/{key}",
     .summary = "Change columns of one row",
     .parameters = KEYED,
     .n_parameters = RH_N(KEYED),
     .permission = RH_WRITE,
     .body = ROW,
     .example = "{\"status\": \"paid\"}",
     .run = update},
    {.name = "rows.put",
     .method = "PUT",
     .path = "/api/v1/apps/{app}/data/{datasource}/{table}/{key}",
     .summary = "Put a whole row: it is made, or replaced",
     .help = "Columns that are left out become NULL; those that the source fills in by itself keep "
             "their value in a row that exists.",
     .parameters = PUT,
     .n_parameters = RH_N(PUT),
     .permission = RH_WRITE,
     .body = ROW,
     .example = "{\"name\": \"Ada\", \"email\": \"ada@example.com\"}",
     .run = put},
    {.name = "rows.delete",
     .method = "DELETE",
     .path = "/api/v1/apps/{app}/data/{datasource}/{table}/{key}",
     .summary = "Delete one row",
     .parameters = DELETE,
     .n_parameters = RH_N(DELETE),
     .permission = RH_WRITE,
     .run = delete},
    {.name = "rows.update_where",
     .method = "PATCH",
     .path = "/api/v1/apps/{app}/data/{datasource}/{table}",
     .summary = "Change all rows that match",
     .parameters = WHERE,
     .n_parameters = RH_N(WHERE),
     .permission = RH_WRITE,
     .body = "{\"type\":\"object\",\"required\":[\"set\"],\"properties\":{\"where\":{\"type\":"
             "\"object\"},\"set\":{\"type\":\"object\"},\"all\":{\"type\":\"boolean\"}},"
             "\"additionalProperties\":false}",
     .example = "{\"where\": {\"status\": \"open\"}, \"set\": {\"status\": \"late\"}}",
     .run = update_where},
    {.name = "rows.delete_where",
     .method = "DELETE",
     .path = "/api/v1/apps/{app}/data/{datasource}/{table}",
     .summary = "Delete all rows that match",
     .parameters = WHERE,
     .n_parameters = RH_N(WHERE),
     .permission = RH_WRITE,
     .body = "{\"type\":\"object\",\"properties\":{\"where\":{\"type\":\"object\"},\"all\":{"
             "\"type\":\"boolean\"}},\"additionalProperties\":false}",
     .example = "{\"where\": {\"created_at\": {\"lt\": \"2020-01-01T00:00:00Z\"}}}",
     .run = delete_where},
    {.name = "rows.import",
     .method = "POST",
     .path = "/api/v1/apps/{app}/data/{datasource}/{table}/import",
     .summary = "Insert or upsert rows from CSV, NDJSON or a JSON array",
     .help =
         "All rows or none; with `atomic=false` every row that can be written is, and the answer "
         "lists those that could not.",
     .parameters = IMPORT,
     .n_parameters = RH_N(IMPORT),
     .permission = RH_WRITE,
     .flags = RH_COMMAND_LARGE_BODY,
     .body = "{\"type\":\"string\"}",
     .example = "name,email\\r\\nAda,ada@example.com\\r\\n",
     .run = import},
};

const struct rh_command_list rh_row_write_commands = {COMMANDS, RH_N(COMMANDS)};
