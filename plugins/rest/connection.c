/*
 * Connections: a client of the host's HTTP service. Connecting sends one request, so that wrong
 * credentials and a wrong address are told at once: the description's `ping`, else a page of one
 * row of the first resource that can be read as a whole. Without either nothing is sent.
 */
#include "rest.h"

#include <stdlib.h>
#include <string.h>

#define SETTINGS_BYTES ((size_t)64 << 20)

int32_t rh_rest_connect(const struct rh_host *host, const struct rh_op *op,
                        const struct rh_settings *settings, struct rh_conn **ret_conn,
                        struct rh_error *error)
{
    struct rh_conn *conn = calloc(1, sizeof(*conn));
    struct rh_http_options options;
    int rc;

    if (!conn)
        return rh_fail_nomem(error);
    conn->host = host;
    conn->arena = rh_arena_new(SETTINGS_BYTES);
    rc = conn->arena ? rh_rest_config_take(conn, settings, &options, error) : rh_fail_nomem(error);
    if (rc == RH_OK)
        rc = host->http->client_new(host, &options, &conn->client, error);
    if (rc == RH_OK)
        rc = rh_rest_ping(conn, op, error);
    if (rc) {
        rh_rest_close(conn);
        return rc;
    }
    *ret_conn = conn;
    return RH_OK;
}

void rh_rest_close(struct rh_conn *conn)
{
    if (conn->cursor)
        rh_rest_finish(conn->cursor);
    if (conn->client)
        conn->host->http->client_free(conn->client);
    rh_rest_cache_fini(conn);
    rh_rowset_fini(&conn->returned);
    rh_arena_free(conn->arena);
    free(conn);
}

static bool needs_nothing(const struct rh_rest_resource *resource)
{
    for (uint32_t i = 0; i < resource->list.n_parameters; i++)
        if (resource->list.parameters[i].required)
            return false;
    return resource->n_any_ofs == 0;
}

/* Reads the head of the answer alone. */
static int knock(struct rh_conn *conn, const struct rh_op *op, struct rh_text method,
                 struct rh_text url, struct rh_text body, struct rh_error *error)
{
    static const struct rh_http_header json = {RH_TEXT_INIT("Content-Type"),
                                               RH_TEXT_INIT("application/json")};
    const struct rh_http *http = conn->host->http;
    struct rh_http_request request = {.struct_size = sizeof(request),
                                      .flags = RH_HTTP_SAFE,
                                      .method = method,
                                      .url = url,
                                      .headers = &json,
                                      .n_headers = body.data ? 1 : 0,
                                      .body = body};
    struct rh_http_answer answer = {.struct_size = sizeof(answer)};
    struct rh_http_exchange *exchange = NULL;
    int rc = http->send(conn->client, op, &request, &exchange, error);

    if (rc == RH_OK)
        rc = http->answer(exchange, op, &answer, error);
    if (rc == RH_OK && rh_http_class(answer.status))
        rc = rh_http_fail(error, answer.status, rh_text_make(NULL, 0), "cannot connect");
    if (exchange)
        http->close(exchange);
    return rc;
}

static int knock_at(struct rh_conn *conn, const struct rh_op *op,
                    const struct rh_rest_resource *resource, struct rh_error *error)
{
    struct rh_rest_scan scan = {.resource = resource, .call = &resource->list};
    struct rh_rest_position position;
    struct rh_buf url, body;
    int rc;

    rh_buf_init(&url, RH_REST_URL_BYTES);
    rh_buf_init(&body, RH_REST_ROW_BYTES);
    rh_rest_position_init(&position, &resource->pages);
    rc = rh_rest_add_request(&scan, &url, &body, error);
    rh_rest_position_add(&position, 1, &url);
    if (rc == RH_OK && (url.failed || body.failed))
        rc = rh_fail_nomem(error);
    if (rc == RH_OK)
        rc = knock(conn, op, scan.call->method, rh_buf_text(&url),
                   body.len ? rh_buf_text(&body) : rh_text_make(NULL, 0), error);
    rh_rest_position_fini(&position);
    rh_buf_free(&url);
    rh_buf_free(&body);
    return rc;
}

int32_t rh_rest_ping(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    const struct rh_rest_description *api = &conn->api;
    int rc = rh_kit_check(conn->host, op, error);

    if (rc)
        return rc;
    if (api->ping.len)
        return knock(conn, op, RH_TEXT("GET"), api->ping, rh_text_make(NULL, 0), error);
    for (uint32_t i = 0; i < api->n_resources; i++)
        if (needs_nothing(&api->resources[i]))
            return knock_at(conn, op, &api->resources[i], error);
    return RH_OK;
}

void rh_rest_cancel(struct rh_conn *conn)
{
    conn->host->http->cancel(conn->client);
}

int rh_rest_find(const struct rh_conn *conn, struct rh_text table,
                 const struct rh_rest_resource **ret_resource, struct rh_error *error)
{
    for (uint32_t i = 0; i < conn->api.n_resources; i++)
        if (rh_text_equal(conn->api.resources[i].name, table)) {
            *ret_resource = &conn->api.resources[i];
            return RH_OK;
        }
    return rh_fail(error, RH_NOT_FOUND, "the description has no resource \"%.*s\"",
                   RH_TEXT_ARG(table));
}
