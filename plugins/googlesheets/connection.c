/*
 * Connections: a client of the host's HTTP service, and what all requests have in common. Access tokens
 * are the host's business. Connecting asks for the spreadsheet's sheets, so that a wrong key, and a
 * spreadsheet that is not shared, are told at once.
 */
#include "googlesheets.h"

#include <stdlib.h>
#include <string.h>

#define ANSWER_BYTES ((size_t)64 << 20)
#define QUOTA_MS 60000 /* quotas are per minute */
#define SCOPE "https://www.googleapis.com/auth/spreadsheets"

static const struct rh_http_header headers[] = {
    {RH_TEXT_INIT("Accept"), RH_TEXT_INIT("application/json")},
    {RH_TEXT_INIT("Content-Type"), RH_TEXT_INIT("application/json")},
};

static int open_client(struct rh_conn *conn, struct rh_error *error)
{
    const struct rh_googlesheets_config *config = &conn->config;
    struct rh_http_options options = {
        .struct_size = sizeof(options),
        .base_url = rh_text_of(config->url),
        .ca = rh_text_of(config->ca),
        .retries = config->retries,
        .rate_per_minute = config->rate,
    };

    if (config->email) {
        options.auth = RH_HTTP_AUTH_OAUTH2_JWT;
        options.user = rh_text_of(config->email);
        options.secret = rh_text_of(config->key);
        options.token_url = rh_text_of(config->jwt_url);
        options.scope = config->read_only ? RH_TEXT(SCOPE ".readonly") : RH_TEXT(SCOPE);
    } else {
        options.auth = RH_HTTP_AUTH_OAUTH2_REFRESH;
        options.user = rh_text_of(config->client_id);
        options.secret = rh_text_of(config->client_secret);
        options.token = rh_text_of(config->refresh_token);
        options.token_url = rh_text_of(config->token_url);
    }
    return conn->host->http->client_new(conn->host, &options, &conn->client, error);
}

int32_t rh_googlesheets_connect(const struct rh_host *host, const struct rh_op *op,
                                const struct rh_settings *settings, struct rh_conn **ret_conn,
                                struct rh_error *error)
{
    struct rh_conn *conn = calloc(1, sizeof(*conn));
    int rc;

    if (!conn)
        return rh_fail_nomem(error);
    conn->host = host;
    rc = rh_googlesheets_config_init(&conn->config, settings, error);
    if (rc == RH_OK)
        rc = open_client(conn, error);
    if (rc == RH_OK)
        rc = rh_googlesheets_ping(conn, op, error);
    if (rc) {
        rh_googlesheets_close(conn);
        return rc;
    }
    *ret_conn = conn;
    return RH_OK;
}

void rh_googlesheets_close(struct rh_conn *conn)
{
    if (conn->cursor)
        rh_googlesheets_finish(conn->cursor);
    if (conn->client)
        conn->host->http->client_free(conn->client);
    rh_rowset_fini(&conn->returned);
    rh_googlesheets_config_fini(&conn->config);
    free(conn);
}

int32_t rh_googlesheets_ping(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    struct rh_arena *arena = rh_arena_new(RH_GOOGLESHEETS_ARENA_BYTES);
    struct rh_googlesheets_sheet *sheets;
    uint32_t n;
    int rc;

    if (!arena)
        return rh_fail_nomem(error);
    rc = rh_googlesheets_fetch_sheets(conn, op, arena, &sheets, &n, error);
    if ((rc == RH_PERMISSION || rc == RH_NOT_FOUND) && conn->config.email)
        rh_error_hint(error, "share the spreadsheet with %s", conn->config.email);
    rh_arena_free(arena);
    return rc;
}

void rh_googlesheets_cancel(struct rh_conn *conn)
{
    conn->host->http->cancel(conn->client);
}

/* ---- Requests ------------------------------------------------------------------------------ */

void rh_googlesheets_add_url(const struct rh_conn *conn, const char *rest, struct rh_buf *url)
{
    rh_buf_add_str(url, "/v4/spreadsheets");
    rh_http_add_segment(url, rh_text_of(conn->config.spreadsheet));
    rh_buf_add_str(url, rest);
}

int rh_googlesheets_fetch(struct rh_conn *conn, const struct rh_op *op, const struct rh_buf *url,
                          const struct rh_buf *body, bool writes, const char *what,
                          struct rh_arena *arena, struct rh_json **ret_answer,
                          struct rh_error *error)
{
    struct rh_http_request request = {
        .struct_size = sizeof(request),
        .flags = writes ? 0 : RH_HTTP_SAFE,
        .method = body ? RH_TEXT("POST") : RH_TEXT("GET"),
        .url = rh_buf_text(url),
        .headers = headers,
        .n_headers = body ? 2 : 1,
        .body = body ? rh_buf_text(body) : rh_text_make(NULL, 0),
    };
    struct rh_buf answer;
    uint32_t status = 0;
    int rc;

    if (url->failed || (body && body->failed))
        return rh_fail(error, RH_RESOURCE, "%s: the request is too long", what);
    rh_buf_init(&answer, ANSWER_BYTES);
    rc = rh_http_fetch(conn->host->http, conn->client, op, &request, &answer, &status, error);
    if (rc == RH_OK && (status < 200 || status > 299)) {
        rc = rh_http_fail(error, status, rh_buf_text(&answer), "%s", what);
        if (error && rc == RH_RATE_LIMITED && !error->retry_after_ms)
            error->retry_after_ms = QUOTA_MS;
    } else if (rc == RH_OK) {
        rc = rh_http_parse(arena, &answer, what, ret_answer, error);
    }
    rh_buf_free(&answer);
    return writes ? rh_http_as_unknown(rc, "the rows were", error) : rc;
}

/* ---- JSON, columns ------------------------------------------------------------------------- */

int64_t rh_googlesheets_int(const struct rh_json *object, const char *name)
{
    const struct rh_json *member = rh_json_member(object, name);
    int64_t value = -1;

    if (!member || member->kind != RH_JSON_NUMBER || !rh_text_to_i64(member->text, &value))
        return -1;
    return value;
}

const struct rh_json *rh_googlesheets_first(const struct rh_json *object, const char *name)
{
    const struct rh_json *member = rh_json_member(object, name);

    return member && member->kind == RH_JSON_ARRAY ? member->child : NULL;
}
