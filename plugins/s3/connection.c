/*
 * Connections: a client of the host's HTTP service that signs. Connecting lists one key, so that wrong
 * credentials and a wrong bucket are told at once.
 */
#include "s3.h"

#include "connector/xml.h"

#include <stdlib.h>
#include <string.h>

static int open_client(struct rh_conn *conn, struct rh_error *error)
{
    const struct rh_s3_config *config = &conn->config;
    struct rh_http_options options = {
        .struct_size = sizeof(options),
        .auth = config->access_key.len ? RH_HTTP_AUTH_SIGV4 : RH_HTTP_AUTH_NONE,
        .base_url = config->base,
        .user = config->access_key,
        .secret = config->secret_key,
        .token = config->session_token,
        .region = config->region,
        .service = RH_TEXT("s3"),
        .ca = config->ca,
        .flags = config->insecure ? RH_HTTP_CLIENT_INSECURE : 0,
        .retries = config->retries,
    };

    return conn->host->http->client_new(conn->host, &options, &conn->client, error);
}

int32_t rh_s3_connect(const struct rh_host *host, const struct rh_op *op,
                      const struct rh_settings *settings, struct rh_conn **ret_conn,
                      struct rh_error *error)
{
    struct rh_conn *conn = calloc(1, sizeof(*conn));
    int rc;

    if (!conn)
        return rh_fail_nomem(error);
    conn->host = host;
    rc = rh_s3_config_init(&conn->config, settings, error);
    if (rc == RH_OK)
        rc = open_client(conn, error);
    if (rc == RH_OK)
        rc = rh_s3_ping(conn, op, error);
    if (rc) {
        rh_s3_close(conn);
        return rc;
    }
    *ret_conn = conn;
    return RH_OK;
}

void rh_s3_close(struct rh_conn *conn)
{
    if (conn->cursor)
        rh_s3_finish(conn->cursor);
    if (conn->client)
        conn->host->http->client_free(conn->client);
    rh_rowset_fini(&conn->returned);
    rh_s3_config_fini(&conn->config);
    free(conn);
}

int32_t rh_s3_ping(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    const struct rh_http_request request = {.struct_size = sizeof(request),
                                            .method = RH_TEXT("GET"),
                                            .url = RH_TEXT("?list-type=2&max-keys=1")};
    struct rh_buf body;
    uint32_t status = 0;
    int rc;

    rh_buf_init(&body, (size_t)1 << 20);
    rc = rh_http_fetch(conn->host->http, conn->client, op, &request, &body, &status, error);
    if (rc == RH_OK && status != 200)
        rc = rh_s3_fail(error, status, rh_buf_text(&body), "cannot list the bucket");
    else if (rc == RH_OK && !memmem(body.data, body.len, "ListBucketResult", 16))
        rc = rh_fail(error, RH_PROTOCOL, "the server is no S3 service");
    rh_buf_free(&body);
    return rc;
}

void rh_s3_cancel(struct rh_conn *conn)
{
    conn->host->http->cancel(conn->client);
}

/* ---- Errors ---------------------------------------------------------------------------------- */

static const struct {
    const char *code;
    int error_class;
} codes[] = {
    {"InvalidAccessKeyId", RH_AUTH},
    {"SignatureDoesNotMatch", RH_AUTH},
    {"ExpiredToken", RH_AUTH},
    {"InvalidToken", RH_AUTH},
    {"RequestTimeTooSkewed", RH_AUTH},
    {"NoSuchBucket", RH_NOT_FOUND},
    {"PermanentRedirect", RH_CONFIG},
    {"AuthorizationHeaderMalformed", RH_CONFIG},
    {"SlowDown", RH_RATE_LIMITED},
    {"PreconditionFailed", RH_CONFLICT},
    {"ConditionalRequestConflict", RH_CONFLICT},
    {"InvalidObjectState", RH_UNSUPPORTED},
};

/* <Error><Code>…</Code><Message>…</Message></Error>; false when it is anything else. */
static bool read_error(struct rh_text body, char *code, char *message, size_t cap)
{
    struct rh_json *document = NULL;
    struct rh_xml xml;
    const struct rh_json *found, *text;
    bool ok;

    rh_xml_init(&xml, "Error", (size_t)64 << 10);
    rh_xml_push(&xml, body);
    rh_xml_close(&xml);
    ok = rh_xml_next(&xml, &document, NULL) == RH_OK;
    found = ok ? rh_json_member(document, "Code") : NULL;
    text = ok ? rh_json_member(document, "Message") : NULL;
    ok = found && found->kind == RH_JSON_STRING && found->text.len < cap;
    if (ok) {
        size_t n = text && text->kind == RH_JSON_STRING ? text->text.len : 0;

        n = n < cap - 1 ? n : cap - 1;
        memcpy(code, found->text.data, found->text.len);
        code[found->text.len] = 0;
        memcpy(message, n ? text->text.data : "", n);
        message[n] = 0;
        for (size_t i = 0; i < n; i++)
            if ((unsigned char)message[i] < ' ' || (unsigned char)message[i] > '~')
                message[i] = '?';
    }
    rh_xml_fini(&xml);
    return ok;
}

int rh_s3_fail(struct rh_error *error, uint32_t status, struct rh_text body, const char *what)
{
    char code[100], message[300];
    int error_class = rh_http_class(status);

    if (!read_error(body, code, message, sizeof(code)))
        return rh_http_fail(error, status, rh_text_make(NULL, 0), "%s", what);
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
        if (strcmp(codes[i].code, code) == 0)
            error_class = codes[i].error_class;
    if (error_class == RH_OK)
        error_class = RH_PROTOCOL;
    rh_fail(error, error_class, "%s: %s, %s (HTTP %u)", what, code, message, (unsigned)status);
    if (error) {
        error->native_code = (int64_t)status;
        if (error_class == RH_RATE_LIMITED || status == 503)
            error->retry = RH_RETRY_SAFE;
        else if (status >= 500)
            error->retry = RH_RETRY_IF_IDEMPOTENT;
        if (error_class == RH_CONFIG)
            (void)rh_error_hint(error, "look at the settings region and url");
    }
    return error_class;
}

/* ---- Requests -------------------------------------------------------------------------------- */

void rh_s3_add_key(struct rh_buf *url, struct rh_text key)
{
    struct rh_text rest = key;

    do
        rh_http_add_segment(url, rh_text_cut(&rest, '/'));
    while (rest.data);
}
