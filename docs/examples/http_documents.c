/* http_documents: how a connector reads documents of an HTTP API, page by page. */
#include "connector/http.h"
#include "connector/kit.h"

#include <stdlib.h>

struct rh_conn {
    const struct rh_host *host;
    struct rh_http_client *client;
};

/* Opens no connection yet. The host brings TLS, authentication, proxies, retries and limits. */
int things_connect(struct rh_conn *conn, const struct rh_settings *settings, struct rh_error *error)
{
    const struct rh_http_options options = {
        .struct_size = sizeof(options),
        .auth = RH_HTTP_AUTH_BEARER,
        .base_url = rh_kit_setting_text(settings, "url"),
        .secret = rh_kit_setting_text(settings, "token"),
        .retries = 2,
        .max_redirects = 3,
    };
    return conn->host->http->client_new(conn->host, &options, &conn->client, error);
}

/* One page of {"items": [{…}, …], "next": "…"}: each document goes to `use`; the token of the next
 * page is what stands around the array. */
int things_read_page(struct rh_conn *conn, const struct rh_op *op, struct rh_text table,
                     struct rh_text after, struct rh_arena *arena,
                     void (*use)(void *context, const struct rh_json *document), void *context,
                     struct rh_text *ret_next, struct rh_error *error)
{
    struct rh_http_documents documents;
    struct rh_json *document;
    struct rh_buf url;
    bool ok = true;
    rh_buf_init(&url, 8192);
    rh_http_add_segment(&url, table);
    rh_http_add_parameter(&url, RH_TEXT("limit"), RH_TEXT("500"));
    if (after.len)
        rh_http_add_parameter(&url, RH_TEXT("after"), after);
    if (url.failed)
        return rh_fail(error, RH_INVALID, "the name of the table is too long");
    const struct rh_http_request request = {
        .struct_size = sizeof(request), .method = RH_TEXT("GET"), .url = rh_buf_text(&url)};
    int rc = rh_http_documents_open(&documents, conn->host->http, conn->client, op, &request,
                                    "items", 16 << 20, "cannot list the things", error);
    while (rc == RH_OK &&
           (rc = rh_http_documents_next(&documents, op, arena, &document, error)) == RH_OK)
        use(context, document);
    if (rc == RH_END) {
        const struct rh_json *next = rh_json_member(documents.stream.envelope, "next");
        *ret_next = rh_arena_text(arena, next ? next->text : (struct rh_text){NULL, 0}, &ok);
        rc = ok ? RH_OK : rh_fail_nomem(error);
    }
    rh_http_documents_close(&documents);
    rh_buf_free(&url);
    return rc;
}
