/*
 * Connections: a client of the host's HTTP service, and what all requests have in common.
 *
 * Connecting finds the base: a wrong token, and a base that is not there or that the token was not
 * given, are told at once. Airtable counts requests per base; the host's limiter counts them per
 * token, which is never more.
 */
#include "airtable.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_BYTES ((size_t)64 << 20)
#define ARENA_BYTES ((size_t)512 << 20)
#define PENALTY_MS 30000 /* after too many requests nothing is answered for so long */
#define MAX_BASE_PAGES 100

static const struct rh_http_header headers[] = {
    {RH_TEXT_INIT("Accept"), RH_TEXT_INIT("application/json")},
    {RH_TEXT_INIT("Content-Type"), RH_TEXT_INIT("application/json")},
};

static int open_client(struct rh_conn *conn, struct rh_error *error)
{
    const struct rh_airtable_config *config = &conn->config;
    struct rh_http_options options = {
        .struct_size = sizeof(options),
        .auth = RH_HTTP_AUTH_BEARER,
        .base_url = rh_text_of(config->url),
        .secret = rh_text_of(config->token),
        .ca = rh_text_of(config->ca),
        .retries = config->retries,
        .rate_per_minute = config->rate,
    };

    return conn->host->http->client_new(conn->host, &options, &conn->client, error);
}

/* ---- Errors -------------------------------------------------------------------------------- */

/* What Airtable's own word for an error means, where its status does not say it. */
static const struct meaning {
    const char *type;
    int error_class;
} meanings[] = {
    {"INVALID_VALUE_FOR_COLUMN", RH_DATA},  {"INVALID_MULTIPLE_CHOICE_OPTIONS", RH_DATA},
    {"INVALID_ATTACHMENT_OBJECT", RH_DATA}, {"UNKNOWN_FIELD_NAME", RH_NOT_FOUND},
    {"ROW_DOES_NOT_EXIST", RH_NOT_FOUND},   {"MODEL_ID_NOT_FOUND", RH_NOT_FOUND},
};

/* {"error": {"type": …}}, {"error": "TYPE"}, {"errors": [{"error": "TYPE"}]} */
static struct rh_text type_of(const struct rh_json *answer)
{
    const struct rh_json *error = rh_json_member(answer, "error");

    if (error && error->kind == RH_JSON_STRING)
        return error->text;
    if (error)
        return rh_json_string(error, "type");
    error = rh_json_member(answer, "errors");
    return rh_json_string(error ? error->child : NULL, "error");
}

static int fail_answer(struct rh_error *error, uint32_t status, const char *what,
                       struct rh_text body, struct rh_arena *arena)
{
    struct rh_json *answer = NULL;
    struct rh_text type = {NULL, 0};
    int rc = rh_http_fail(error, status, body, "%s", what);

    if (rh_json_parse(arena, body, &answer, NULL) == RH_OK)
        type = type_of(answer);
    for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++)
        if (error && type.len && rh_text_is(type, meanings[i].type))
            rc = error->error_class = meanings[i].error_class;
    if (error && rc == RH_RATE_LIMITED && !error->retry_after_ms)
        error->retry_after_ms = PENALTY_MS;
    return rc;
}

static bool has_table(const struct rh_json *schema, struct rh_text table)
{
    const struct rh_json *tables = rh_json_member(schema, "tables");

    for (const struct rh_json *t = tables ? tables->child : NULL; t; t = t->next)
        if (rh_text_equal(rh_json_string(t, "name"), table))
            return true;
    return false;
}

int rh_airtable_clarify(struct rh_conn *conn, const struct rh_op *op, struct rh_text table,
                        struct rh_error *error)
{
    struct rh_error ignored = RH_ERROR_INIT;
    struct rh_json *schema = NULL;
    struct rh_arena *arena;
    int rc = error->error_class;

    if (rc == RH_RATE_LIMITED && !error->retry_after_ms)
        error->retry_after_ms = PENALTY_MS;
    if (error->native_code != 403 && error->native_code != 404)
        return rc;
    arena = rh_arena_new(ARENA_BYTES);
    if (arena && rh_airtable_fetch_schema(conn, op, arena, &schema, &ignored) == RH_OK &&
        !has_table(schema, table)) {
        rh_error_clear(error);
        rc = rh_fail(error, RH_NOT_FOUND, "there is no table \"%.*s\"", RH_TEXT_ARG(table));
    }
    rh_arena_free(arena);
    return rc;
}

/* ---- Requests ------------------------------------------------------------------------------ */

struct rh_http_request rh_airtable_request(const char *method, struct rh_text url,
                                           struct rh_text body, bool safe)
{
    return (struct rh_http_request){
        .struct_size = sizeof(struct rh_http_request),
        .flags = safe ? RH_HTTP_SAFE : 0,
        .method = rh_text_of(method),
        .url = url,
        .headers = headers,
        .n_headers = body.data ? 2 : 1,
        .body = body,
    };
}

void rh_airtable_add_table(const struct rh_conn *conn, struct rh_text table, struct rh_buf *url)
{
    rh_http_add_segment(url, rh_text_of(conn->base_id));
    rh_http_add_segment(url, table);
}

int rh_airtable_fetch(struct rh_conn *conn, const struct rh_op *op,
                      const struct rh_http_request *request, const char *what,
                      struct rh_arena *arena, struct rh_json **ret_answer, struct rh_error *error)
{
    struct rh_buf body;
    uint32_t status = 0;
    int rc;

    rh_buf_init(&body, ANSWER_BYTES);
    rc = rh_http_fetch(conn->host->http, conn->client, op, request, &body, &status, error);
    if (rc == RH_OK && (status < 200 || status > 299))
        rc = fail_answer(error, status, what, rh_buf_text(&body), arena);
    if (rc == RH_OK)
        rc = rh_http_parse(arena, &body, what, ret_answer, error);
    rh_buf_free(&body);
    return rc;
}

int rh_airtable_fetch_schema(struct rh_conn *conn, const struct rh_op *op, struct rh_arena *arena,
                             struct rh_json **ret_schema, struct rh_error *error)
{
    struct rh_http_request request;
    struct rh_json *schema = NULL;
    const struct rh_json *tables;
    struct rh_buf url;
    int rc;

    rh_buf_init(&url, 1024);
    rh_buf_add_str(&url, "/meta/bases");
    rh_http_add_segment(&url, rh_text_of(conn->base_id));
    rh_buf_add_str(&url, "/tables");
    request = rh_airtable_request("GET", rh_buf_text(&url), rh_text_make(NULL, 0), true);
    rc = rh_airtable_fetch(conn, op, &request, "cannot read the base's tables", arena, &schema,
                           error);
    rh_buf_free(&url);
    if (rc)
        return rc;
    tables = rh_json_member(schema, "tables");
    if (!tables || tables->kind != RH_JSON_ARRAY)
        return rh_fail(error, RH_PROTOCOL, "the list of the base's tables is no list");
    *ret_schema = schema;
    return RH_OK;
}

/* ---- The base ------------------------------------------------------------------------------ */

static bool is_base_id(const char *text)
{
    return strncmp(text, "app", 3) == 0 && strlen(text) == 17 &&
           strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789") == 17;
}

/* One page of the bases that the token was given. Sets *ret_next to the next one's offset. */
static int look_through(struct rh_conn *conn, const struct rh_op *op, struct rh_text offset,
                        struct rh_arena *arena, struct rh_text *ret_next, struct rh_error *error)
{
    struct rh_http_request request;
    struct rh_json *answer = NULL;
    const struct rh_json *bases;
    struct rh_buf url;
    int rc;

    rh_buf_init(&url, 65536);
    rh_buf_add_str(&url, "/meta/bases");
    if (offset.len)
        rh_http_add_parameter(&url, RH_TEXT("offset"), offset);
    request = rh_airtable_request("GET", rh_buf_text(&url), rh_text_make(NULL, 0), true);
    rc = rh_airtable_fetch(conn, op, &request, "cannot list the bases", arena, &answer, error);
    rh_buf_free(&url);
    bases = rc == RH_OK ? rh_json_member(answer, "bases") : NULL;
    for (const struct rh_json *base = bases ? bases->child : NULL; base; base = base->next) {
        struct rh_text id = rh_json_string(base, "id");

        if (!rh_text_is(rh_json_string(base, "name"), conn->config.base) || !id.len)
            continue;
        if (conn->base_id[0])
            return rh_fail(error, RH_CONFIG, "several bases are called \"%s\"", conn->config.base);
        snprintf(conn->base_id, sizeof(conn->base_id), "%.*s", RH_TEXT_ARG(id));
    }
    *ret_next = rc == RH_OK ? rh_json_string(answer, "offset") : rh_text_make(NULL, 0);
    return rc;
}

static int find_base(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    struct rh_text offset = {NULL, 0};
    struct rh_arena *arena;
    int rc = RH_OK;

    if (is_base_id(conn->config.base)) {
        snprintf(conn->base_id, sizeof(conn->base_id), "%s", conn->config.base);
        return RH_OK;
    }
    arena = rh_arena_new(ARENA_BYTES);
    if (!arena)
        return rh_fail_nomem(error);
    for (int i = 0; rc == RH_OK && i < MAX_BASE_PAGES && (!i || offset.len); i++)
        rc = look_through(conn, op, offset, arena, &offset, error);
    rh_arena_free(arena);
    if (rc == RH_OK && !conn->base_id[0]) {
        rh_fail(error, RH_NOT_FOUND, "the token was given no base that is called \"%s\"",
                conn->config.base);
        rc = rh_error_hint(error, "give the base's id (app…), and add the base to the token");
    }
    return rc;
}

/* ---- Life ---------------------------------------------------------------------------------- */

int32_t rh_airtable_connect(const struct rh_host *host, const struct rh_op *op,
                            const struct rh_settings *settings, struct rh_conn **ret_conn,
                            struct rh_error *error)
{
    struct rh_conn *conn = calloc(1, sizeof(*conn));
    int rc;

    if (!conn)
        return rh_fail_nomem(error);
    conn->host = host;
    rc = rh_airtable_config_init(&conn->config, settings, error);
    if (rc == RH_OK)
        rc = open_client(conn, error);
    if (rc == RH_OK)
        rc = find_base(conn, op, error);
    if (rc == RH_OK)
        rc = rh_airtable_ping(conn, op, error);
    if (rc) {
        rh_airtable_close(conn);
        return rc;
    }
    *ret_conn = conn;
    return RH_OK;
}

void rh_airtable_close(struct rh_conn *conn)
{
    if (conn->cursor)
        rh_airtable_finish(conn->cursor);
    if (conn->client)
        conn->host->http->client_free(conn->client);
    rh_rowset_fini(&conn->returned);
    rh_airtable_config_fini(&conn->config);
    free(conn);
}

int32_t rh_airtable_ping(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    struct rh_arena *arena = rh_arena_new(ARENA_BYTES);
    struct rh_json *schema = NULL;
    int rc;

    if (!arena)
        return rh_fail_nomem(error);
    rc = rh_airtable_fetch_schema(conn, op, arena, &schema, error);
    if (rc == RH_PERMISSION || rc == RH_NOT_FOUND)
        rh_error_hint(error, "add the base and the scope schema.bases:read to the token");
    rh_arena_free(arena);
    return rc;
}

void rh_airtable_cancel(struct rh_conn *conn)
{
    conn->host->http->cancel(conn->client);
}

/* ---- JSON, columns ------------------------------------------------------------------------- */
