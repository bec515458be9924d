/*
 * Commands: writing rows. Each opens a session, lets the row SDK do the write, and answers what
 * came back. The write has been made durable before the answer is built.
 */
#include "base/err.h"
#include "base/text.h"
#include "rows/encode.h"
#include "rows/write.h"
#include "server/api/call.h"
#include "server/api/rows_written.h"

#include <stdio.h>

static const char *const UPDATE_MEMBERS[] = {"where", "set", "all", NULL};
static const char *const DELETE_MEMBERS[] = {"where", "all", NULL};

/* One write on its way. */
struct job {
    struct rh_call *call;
    struct rh_session session;
    const struct rh_table *table;
    struct rh_write_options options;
    struct rh_write_counts counts;
    struct rh_written written;
    struct rh_value *key; /* of a keyed write */
};

/* ---- What was asked ---------------------------------------------------------------------- */

/* From ?returning=, else Prefer, else the fallback. *ret_given: it was asked for. */
static int read_returning(struct rh_call *call, enum rh_returning fallback,
                          enum rh_returning *ret_returning, bool *ret_given, struct rh_error *error)
{
    struct rh_text asked = rh_call_value(call, "returning");
    struct rh_text prefer = rh_web_request_header(call->http, "Prefer");

    *ret_returning = fallback;
    *ret_given = asked.data != NULL;
    if (rh_text_is(asked, "none"))
        *ret_returning = RH_RETURNING_NONE;
    else if (rh_text_is(asked, "keys"))
        *ret_returning = RH_RETURNING_KEYS;
    else if (rh_text_is(asked, "rows"))
        *ret_returning = RH_RETURNING_ROWS;
    else if (asked.data)
        return rh_fail(error, RH_INVALID, "returning must be none, keys or rows");
    while (!asked.data && prefer.data) {
        struct rh_text one = rh_text_trim(rh_text_cut(&prefer, ','));
        if (rh_text_is(one, "return=minimal"))
            *ret_returning = RH_RETURNING_NONE;
        else if (rh_text_is(one, "return=representation"))
            *ret_returning = RH_RETURNING_ROWS;
    }
    return RH_OK;
}

/* *ret_upsert: rows that exist are not an error. */
static int read_conflict(struct rh_call *call, struct rh_write_options *options, bool *ret_upsert,
                         struct rh_error *error)
{
    struct rh_text columns = rh_call_value(call, "on_conflict");
    struct rh_text resolution = rh_call_value(call, "resolution");

    *ret_upsert = columns.data || resolution.data;
    options->conflict_columns = columns.len ? columns : (struct rh_text){NULL, 0};
    options->resolution = RH_RESOLVE_MERGE;
    if (rh_text_is(resolution, "ignore"))
        options->resolution = RH_RESOLVE_IGNORE;
    else if (resolution.data && !rh_text_is(resolution, "merge"))
        return rh_fail(error, RH_INVALID, "resolution must be merge or ignore");
    return RH_OK;
}

/* The ETag without its quotes; no text when none was sent. */
static struct rh_text read_if_match(struct rh_call *call)
{
    struct rh_text tag = rh_text_trim(rh_web_request_header(call->http, "If-Match"));

    if (rh_text_starts(tag, "W/")) {
        tag.data += 2;
        tag.len -= 2;
    }
    if (tag.len >= 2 && tag.data[0] == '"' && tag.data[tag.len - 1] == '"') {
        tag.data++;
        tag.len -= 2;
    }
    return tag.len ? tag : (struct rh_text){NULL, 0};
}

/* Opens the session and finds the table; with a key in the path, that too. Ended with close_job,
 * also after an error. */
static int open_job(struct job *job, struct rh_call *call, struct rh_error *error)
{
    struct rh_datasource *datasource = NULL;
    int rc;

    job->call = call;
    rc = rh_call_datasource(call, &datasource, error);
    if (rc == RH_OK)
        rc = rh_session_open(datasource, &call->op, &job->session, error);
    if (rc != RH_OK)
        return rc;
    rc = rh_tableset_find(job->session.tables, rh_call_value(call, "table"), &job->table, error);
    if (rc == RH_OK && rh_command_parameter(call->command, RH_TEXT("key")) >= 0)
        rc = rh_bind_key(call->arena, job->table, rh_call_value(call, "key"), &job->key, error);
    if (rc == RH_OK)
        rh_written_init(&job->written, call, job->table);
    return rc;
}

static void close_job(struct job *job)
{
    if (job->written.call)
        rh_written_fini(&job->written);
    if (job->session.datasource)
        rh_session_close(&job->session);
}

static void add_location(const struct job *job)
{
    struct rh_call *call = job->call;
    struct rh_buf text;

    if (job->written.key.len == 0)
        return;
    rh_buf_init(&text, (size_t)8 << 10);
    rh_buf_addf(&text, "/api/v1/apps/%.*s/data/%.*s/%.*s/", RH_TEXT_ARG(rh_call_value(call, "app")),
                RH_TEXT_ARG(rh_call_value(call, "datasource")),
                RH_TEXT_ARG(rh_call_value(call, "table")));
    rh_buf_add_text(&text, rh_buf_text(&job->written.key));
    if (!text.failed)
        rh_web_reply_header(call->http, "Location", rh_buf_text(&text));
    rh_buf_free(&text);
}

static void add_row_etag(const struct job *job)
{
    char tag[40];

    if (!job->written.etag[0])
        return;
    snprintf(tag, sizeof(tag), "\"%s\"", job->written.etag);
    rh_web_reply_header(job->call->http, "ETag", rh_text_of(tag));
}

/* {"data": <row or null>, "meta": …} */
static int answer_one(struct job *job, unsigned status, bool located, struct rh_error *error)
{
    struct rh_buf *buf;
    int rc = rh_written_check(&job->written, error);

    if (rc != RH_OK)
        return rc;
    buf = rh_call_reply(job->call, status);
    if (located)
        add_location(job);
    add_row_etag(job);
    rh_buf_add_str(buf, "{\"data\":");
    if (job->options.returning != RH_RETURNING_NONE && job->written.n_rows)
        rh_buf_add_text(buf, rh_buf_text(&job->written.rows));
    else
        rh_buf_add_str(buf, "null");
    rh_buf_add_char(buf, ',');
    rh_written_add_meta(buf, &job->counts);
    rh_buf_add_char(buf, '}');
    return RH_OK;
}

/* {"data": [rows or statuses], "meta": …} */
static int answer_many(struct job *job, unsigned status, struct rh_error *error)
{
    struct rh_buf *buf;
    int rc = rh_written_check(&job->written, error);

    if (rc != RH_OK)
        return rc;
    buf = rh_call_reply(job->call, status);
    rh_buf_add_str(buf, "{\"data\":[");
    rh_buf_add_text(
        buf, rh_buf_text(job->options.not_atomic ? &job->written.statuses : &job->written.rows));
    rh_buf_add_str(buf, "],");
    rh_written_add_meta(buf, &job->counts);
    rh_buf_add_char(buf, '}');
    return RH_OK;
}

/* ---- Insert ------------------------------------------------------------------------------ */

static bool is_one_object(struct rh_text body)
{
    body = rh_text_trim(body);
    return body.len && body.data[0] == '{';
}

static int write_rows(struct job *job, struct rh_row_source *rows, bool upsert,
                      struct rh_error *error)
{
    return (upsert ? rh_write_upsert : rh_write_insert)(
        &job->session, job->table, rows, &job->options, &job->written.sink, &job->counts, error);
}

static int insert_options(struct rh_call *call, bool one, struct job *job, bool *ret_upsert,
                          struct rh_error *error)
{
    bool atomic = true, given = false;
    int rc;

    rc = rh_call_switch(call, "atomic", true, &atomic, error);
    if (rc == RH_OK)
        rc = read_returning(call, one ? RH_RETURNING_ROWS : RH_RETURNING_KEYS,
                            &job->options.returning, &given, error);
    if (rc == RH_OK)
        rc = read_conflict(call, &job->options, ret_upsert, error);
    if (rc != RH_OK)
        return rc;
    job->options.not_atomic = !atomic && !one;
    if (job->options.not_atomic && given && job->options.returning != RH_RETURNING_NONE)
        return rh_fail(error, RH_INVALID,
                       "atomic=false answers the state of each row and cannot return rows");
    if (job->options.not_atomic)
        job->options.returning = RH_RETURNING_NONE;
    return RH_OK;
}

/* A table without a key has no keys to return. */
static void adjust_returning(struct job *job)
{
    if (job->options.returning == RH_RETURNING_KEYS && job->table->n_key == 0)
        job->options.returning = RH_RETURNING_NONE;
}

static int insert(struct rh_call *call, struct rh_error *error)
{
    struct rh_row_source *rows = NULL;
    bool one = is_one_object(call->body), upsert = false;
    struct job job = {0};
    int rc;

    rc = rh_call_check_json(call, error);
    if (rc == RH_OK)
        rc = insert_options(call, one, &job, &upsert, error);
    if (rc == RH_OK)
        rc = open_job(&job, call, error);
    if (rc == RH_OK)
        rc = rh_row_source_json(call->arena, call->body, &rows, error);
    if (rc != RH_OK)
        goto out;
    adjust_returning(&job);
    rc = write_rows(&job, rows, upsert, error);
    if (rc != RH_OK)
        goto out;
    if (one)
        rc = answer_one(&job, upsert ? 200 : 201, !upsert, error);
    else
        rc = answer_many(&job, job.counts.n_failed ? 207 : upsert ? 200 : 201, error);

out:
    close_job(&job);
    return rc;
}

/* ---- By key ------------------------------------------------------------------------------ */

static int keyed_options(struct rh_call *call, struct job *job, struct rh_error *error)
{
    bool given;

    job->options.if_match = read_if_match(call);
    return read_returning(call, RH_RETURNING_ROWS, &job->options.returning, &given, error);
}

static int update(struct rh_call *call, struct rh_error *error)
{
    struct rh_json *body = NULL;
    struct job job = {0};
    int rc;

    rc = rh_call_body(call, &body, error);
    if (rc == RH_OK)
        rc = keyed_options(call, &job, error);
    if (rc == RH_OK)
        rc = open_job(&job, call, error);
    if (rc == RH_OK)
        rc = rh_write_update_row(&job.session, job.table, job.key, body, &job.options,
                                 &job.written.sink, &job.counts, error);
    if (rc == RH_OK)
        rc = answer_one(&job, 200, false, error);
    close_job(&job);
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
    struct job job = {0};
    bool created = false;
    int rc;

    rc = rh_call_body(call, &body, error);
    if (rc == RH_OK)
        rc = keyed_options(call, &job, error);
    if (rc == RH_OK)
        rc = read_if_none_match(call, &job.options.must_be_new, error);
    if (rc == RH_OK)
        rc = open_job(&job, call, error);
    if (rc == RH_OK)
        rc = rh_write_put_row(&job.session, job.table, job.key, body, &job.options,
                              &job.written.sink, &created, error);
    if (rc == RH_NOT_FOUND && job.options.if_match.data && job.key)
        rh_error_code(error, "stale"); /* RFC 9110, 13.1.1: the precondition failed */
    if (rc == RH_OK) {
        job.counts = (struct rh_write_counts){.n_rows = 1, .n_affected = 1};
        rc = answer_one(&job, created ? 201 : 200, created, error);
    }
    close_job(&job);
    return rc;
}

static int delete (struct rh_call *call, struct rh_error *error)
{
    struct job job = {0};
    int rc;

    job.options.if_match = read_if_match(call);
    rc = open_job(&job, call, error);
    if (rc == RH_OK)
        rc =
            rh_write_delete_row(&job.session, job.table, job.key, &job.options, &job.counts, error);
    if (rc == RH_OK)
        rh_call_reply_type(call, 204, NULL);
    close_job(&job);
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
              : read_returning(call, RH_RETURNING_NONE, &ret_options->returning, &given, error);
}

static int update_where(struct rh_call *call, struct rh_error *error)
{
    const struct rh_json *set;
    struct rh_cond *where = NULL;
    struct rh_json *body = NULL;
    struct job job = {0};
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
    rc = where_options(call, &job.options, error);
    if (rc == RH_OK)
        rc = open_job(&job, call, error);
    if (rc == RH_OK)
        rc = rh_write_update_where(&job.session, job.table, where, all, set, &job.options,
                                   &job.written.sink, &job.counts, error);
    if (rc == RH_OK)
        rc = answer_many(&job, 200, error);
    close_job(&job);
    return rc;
}

static int delete_where(struct rh_call *call, struct rh_error *error)
{
    struct rh_cond *where = NULL;
    struct rh_json *body = NULL;
    struct job job = {0};
    bool all = false;
    int rc;

    rc = read_where(call, DELETE_MEMBERS, &body, &where, &all, error);
    if (rc == RH_OK)
        rc = where_options(call, &job.options, error);
    if (rc == RH_OK)
        rc = open_job(&job, call, error);
    if (rc == RH_OK)
        rc = rh_write_delete_where(&job.session, job.table, where, all, &job.options,
                                   &job.written.sink, &job.counts, error);
    if (rc == RH_OK)
        rc = answer_many(&job, 200, error);
    close_job(&job);
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
    struct job job = {0};
    struct rh_buf *buf;
    int rc;

    rc = rh_call_switch(call, "atomic", true, &atomic, error);
    if (rc == RH_OK)
        rc = read_conflict(call, &job.options, &upsert, error);
    if (rc == RH_OK)
        rc = open_source(call, &rows, error);
    if (rc == RH_OK)
        rc = open_job(&job, call, error);
    if (rc != RH_OK)
        goto out;
    job.options.not_atomic = !atomic;
    job.options.returning = RH_RETURNING_NONE;
    job.written.only_failures = true;
    rh_call_progress(call);
    rc = write_rows(&job, rows, upsert, error);
    if (rc == RH_OK)
        rc = rh_written_check(&job.written, error);
    if (rc != RH_OK)
        goto out;
    buf = rh_call_reply(call, job.counts.n_failed ? 207 : 200);
    rh_buf_addf(buf, "{\"data\":{\"rows\":%llu,\"written\":%llu,\"failed\":%llu,\"errors\":[",
                (unsigned long long)job.counts.n_rows, (unsigned long long)job.counts.n_affected,
                (unsigned long long)job.counts.n_failed);
    rh_buf_add_text(buf, rh_buf_text(&job.written.statuses));
    rh_buf_add_str(buf, "]}}");

out:
    close_job(&job);
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
#define IDEMPOTENCY                                                                                \
    {                                                                                              \
        "Idempotency-Key", RH_IN_HEADER, false, RH_SCHEMA_TEXT,                                    \
            "The first answer to a write with this key is kept for a day and repeated"             \
    }
#define IF_MATCH                                                                                   \
    {                                                                                              \
        "If-Match", RH_IN_HEADER, false, RH_SCHEMA_TEXT,                                           \
            "ETag that the row must have; `*`: it must exist. Otherwise 412"                       \
    }
#define NUMBERS                                                                                    \
    {                                                                                              \
        "numbers", RH_IN_QUERY, false, "{\"enum\":[\"number\",\"string\"]}",                       \
            "`string`: integers and decimals as JSON strings"                                      \
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

static const struct rh_parameter INSERT[] = {TABLE_PATH, RETURNING, ON_CONFLICT, ATOMIC,
                                             NUMBERS,    PREFER,    IDEMPOTENCY};
static const struct rh_parameter KEYED[] = {TABLE_PATH, RH_PARAMETER_KEY, RETURNING,  NUMBERS,
                                            PREFER,     IF_MATCH,         IDEMPOTENCY};
static const struct rh_parameter PUT[] = {
    TABLE_PATH,
    RH_PARAMETER_KEY,
    RETURNING,
    NUMBERS,
    PREFER,
    IF_MATCH,
    {"If-None-Match", RH_IN_HEADER, false, RH_SCHEMA_TEXT,
     "`*`: the row must not exist. Otherwise 412"},
    IDEMPOTENCY,
};
static const struct rh_parameter DELETE[] = {TABLE_PATH, RH_PARAMETER_KEY, IF_MATCH, IDEMPOTENCY};
static const struct rh_parameter WHERE[] = {TABLE_PATH, RETURNING, ATOMIC,
                                            NUMBERS,    PREFER,    IDEMPOTENCY};
static const struct rh_parameter IMPORT[] = {
    TABLE_PATH,
    ON_CONFLICT,
    ATOMIC,
    {"format", RH_IN_QUERY, false, "{\"enum\":[\"csv\",\"ndjson\",\"json\"]}",
     "`csv`, `ndjson` or `json`, instead of Content-Type"},
    IDEMPOTENCY,
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
