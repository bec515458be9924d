/*
 * Connections: a client of the host's HTTP service, and what all requests have in common.
 *
 * Connecting asks the server who it is: so a wrong password is told at once, and whether there are points in
 * time to read from.
 */
#include "elasticsearch.h"

#include <stdlib.h>
#include <string.h>

#define ANSWER_BYTES ((size_t)256 << 20)

static const struct rh_http_header headers[] = {
    {RH_TEXT_INIT("Accept"), RH_TEXT_INIT("application/json")},
    {RH_TEXT_INIT("Content-Type"), RH_TEXT_INIT("application/json")},
};
static const struct rh_http_header bulk_headers[] = {
    {RH_TEXT_INIT("Accept"), RH_TEXT_INIT("application/json")},
    {RH_TEXT_INIT("Content-Type"), RH_TEXT_INIT("application/x-ndjson")},
};

static int open_client(struct rh_conn *conn, struct rh_error *error)
{
    const struct rh_elasticsearch_config *config = &conn->config;
    bool by_key = config->authorization != NULL;
    struct rh_http_options options = {
        .struct_size = sizeof(options),
        .auth = by_key         ? RH_HTTP_AUTH_HEADER
                : config->user ? RH_HTTP_AUTH_BASIC
                               : RH_HTTP_AUTH_NONE,
        .base_url = rh_text_of(config->url),
        .user = by_key ? RH_TEXT("Authorization") : rh_text_of(config->user),
        .secret = rh_text_of(by_key ? config->authorization : config->password),
        .ca = rh_text_of(config->ca),
        .flags = config->insecure ? RH_HTTP_CLIENT_INSECURE : 0,
        .retries = config->retries,
    };

    return conn->host->http->client_new(conn->host, &options, &conn->client, error);
}

int32_t rh_elasticsearch_connect(const struct rh_host *host, const struct rh_op *op,
                                 const struct rh_settings *settings, struct rh_conn **ret_conn,
                                 struct rh_error *error)
{
    struct rh_conn *conn = calloc(1, sizeof(*conn));
    int rc;

    if (!conn)
        return rh_fail_nomem(error);
    conn->host = host;
    rc = rh_elasticsearch_config_init(&conn->config, settings, error);
    if (rc == RH_OK)
        rc = open_client(conn, error);
    if (rc == RH_OK)
        rc = rh_elasticsearch_ping(conn, op, error);
    if (rc) {
        rh_elasticsearch_close(conn);
        return rc;
    }
    *ret_conn = conn;
    return RH_OK;
}

void rh_elasticsearch_close(struct rh_conn *conn)
{
    if (conn->cursor)
        rh_elasticsearch_finish(conn->cursor);
    if (conn->client)
        conn->host->http->client_free(conn->client);
    rh_rowset_fini(&conn->returned);
    rh_elasticsearch_config_fini(&conn->config);
    free(conn);
}

/* 7.12 and later. */
static bool has_shard_doc(struct rh_text version)
{
    int64_t major = 0, minor = 0;
    struct rh_text rest = version, first = rh_text_cut(&rest, '.'),
                   second = rh_text_cut(&rest, '.');

    return rh_text_to_i64(first, &major) && rh_text_to_i64(second, &minor) &&
           (major > 7 || (major == 7 && minor >= 12));
}

int32_t rh_elasticsearch_ping(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    struct rh_arena *arena = rh_arena_new(ANSWER_BYTES);
    const struct rh_json *version;
    struct rh_json *answer = NULL;
    struct rh_http_request request;
    struct rh_buf url;
    int rc;

    if (!arena)
        return rh_fail_nomem(error);
    rh_buf_init(&url, 64);
    rh_buf_add_char(&url, '/');
    request = rh_elasticsearch_request("GET", &url, rh_text_make(NULL, 0), true);
    rc = rh_elasticsearch_fetch(conn, op, &request, "cannot connect", arena, &answer, error);
    version = rh_json_member(answer, "version");
    if (rc == RH_OK && !rh_json_string(version, "number").data)
        rc = rh_fail(error, RH_PROTOCOL, "the server is no Elasticsearch");
    if (rc == RH_OK)
        conn->has_pit = !rh_json_member(version, "distribution") &&
                        has_shard_doc(rh_json_string(version, "number"));
    rh_buf_free(&url);
    rh_arena_free(arena);
    return rc;
}

void rh_elasticsearch_cancel(struct rh_conn *conn)
{
    conn->host->http->cancel(conn->client);
}

/* ---- Requests ------------------------------------------------------------------------------ */

struct rh_http_request rh_elasticsearch_request(const char *method, const struct rh_buf *url,
                                                struct rh_text body, bool safe)
{
    return (struct rh_http_request){
        .struct_size = sizeof(struct rh_http_request),
        .flags = safe ? RH_HTTP_SAFE : 0,
        .method = rh_text_of(method),
        .url = rh_buf_text(url),
        .headers = safe ? headers : bulk_headers,
        .n_headers = body.data ? 2 : 1,
        .body = body,
    };
}

int rh_elasticsearch_fetch(struct rh_conn *conn, const struct rh_op *op,
                           const struct rh_http_request *request, const char *what,
                           struct rh_arena *arena, struct rh_json **ret_answer,
                           struct rh_error *error)
{
    struct rh_buf body;
    uint32_t status;
    int rc;

    rh_buf_init(&body, ANSWER_BYTES / 4);
    rc = rh_http_fetch(conn->host->http, conn->client, op, request, &body, &status, error);
    if (rc == RH_OK && rh_http_class(status) != RH_OK)
        rc = rh_http_fail(error, status, rh_buf_text(&body), "%s", what);
    if (rc == RH_OK)
        rc = rh_http_parse(arena, &body, what, ret_answer, error);
    rh_buf_free(&body);
    return rc;
}

/* ---- Documents ----------------------------------------------------------------------------- */
