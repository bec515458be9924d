#include "host/http/transfer.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/text.h"
#include "host/http/client.h"
#include "host/http/decode.h"

#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#define IN_MAX                                                                                     \
    (128u << 10) /* of an answer's body that nobody has read; one more piece may follow */
#define IN_PIECE CURL_MAX_WRITE_SIZE
#define READ_BYTES 65536L
#define DROP_MAX (64u << 10)
#define DROP_US 250000 /* for the rest of an answer, so that its connection can be kept */

/* ---- Callbacks ---------------------------------------------------------------------------- */

static size_t on_header(char *data, size_t size, size_t n, void *context)
{
    struct rh_http_transfer *transfer = context;
    struct rh_text line = {data, size * n};

    if (rh_http_head_line(&transfer->head, line, rh_http_transfer_status(transfer),
                          &transfer->fault))
        return line.len ? 0 : 1;
    return line.len;
}

static size_t on_body(char *data, size_t size, size_t n, void *context)
{
    struct rh_http_transfer *transfer = context;
    size_t len = size * n;

    if (transfer->drop) {
        transfer->n_dropped += len;
        return transfer->n_dropped > DROP_MAX ? 0 : len;
    }
    if (transfer->in.len > IN_MAX) {
        transfer->in_paused = true;
        return CURL_WRITEFUNC_PAUSE;
    }
    rh_buf_add(&transfer->in, data, len);
    if (!transfer->in.failed)
        return len;
    rh_fail_nomem(&transfer->fault);
    return 0;
}

static size_t on_send(char *to, size_t size, size_t n, void *context)
{
    struct rh_http_transfer *transfer = context;
    size_t len = size * n;

    if (!transfer->out.len) {
        if (transfer->out_ended)
            return 0;
        transfer->out_paused = true;
        return CURL_READFUNC_PAUSE;
    }
    if (len > transfer->out.len)
        len = transfer->out.len;
    memcpy(to, transfer->out.data, len);
    transfer->out.data += len;
    transfer->out.len -= len;
    return len;
}

/* Called with a connection, before anything of the request goes over it. */
static int on_ready(void *context, char *remote, char *local, int remote_port, int local_port)
{
    struct rh_http_transfer *transfer = context;

    if (transfer->sent && transfer->attempt.once) {
        transfer->repeated = true;
        return CURL_PREREQFUNC_ABORT;
    }
    transfer->sent = true;
    rh_http_head_clear(&transfer->head);
    return CURL_PREREQFUNC_OK;
}

static curl_socket_t on_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct rh_http_transfer *transfer = context;
    const struct rh_http_client *client = transfer->attempt.client;
    const struct rh_http_url *url = transfer->attempt.url;
    bool proxied = client->options.proxy.len;
    bool configured = proxied || rh_http_client_configured(client, url);
    const struct rh_egress *egress = proxied ? NULL : rh_http_config_egress();

    if (!rh_egress_allows_address(egress, url->host, &address->addr, configured)) {
        transfer->forbidden = true;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* ---- Setting up --------------------------------------------------------------------------- */

static bool has_header(const struct rh_http_attempt *attempt, const char *name)
{
    struct rh_text wanted = rh_text_of(name);

    for (uint32_t i = 0; i < attempt->n_headers; i++)
        if (attempt->headers[i].name.len == wanted.len &&
            strncasecmp(attempt->headers[i].name.data, name, wanted.len) == 0)
            return true;
    return false;
}

static bool add_line(struct curl_slist **lines, const char *line)
{
    struct curl_slist *longer = curl_slist_append(*lines, line);

    if (longer)
        *lines = longer;
    return longer;
}

/* A name alone with a colon takes one of libcurl's own headers away. */
static bool add_lines(const struct rh_http_attempt *attempt, struct curl_slist **lines)
{
    struct rh_buf line;
    bool ok = add_line(lines, "Expect:");

    if (!has_header(attempt, "content-type"))
        ok = ok && add_line(lines, "Content-Type:");
    if (!has_header(attempt, "accept-encoding"))
        ok = ok && add_line(lines, "Accept-Encoding: " RH_HTTP_ACCEPT_ENCODING);
    for (uint32_t i = 0; ok && i < attempt->n_headers; i++) {
        const struct rh_http_header *header = &attempt->headers[i];

        rh_buf_init(&line, SIZE_MAX / 4);
        rh_buf_add_text(&line, header->name);
        if (header->value.len)
            rh_buf_addf(&line, ": %.*s", RH_TEXT_ARG(header->value));
        else
            rh_buf_add_char(&line, ';');
        rh_buf_add_char(&line, 0);
        ok = !line.failed && add_line(lines, line.data);
        rh_buf_free(&line);
    }
    return ok;
}

static unsigned set_blob(CURL *easy, CURLoption option, struct rh_text text)
{
    struct curl_blob blob = {.len = text.len, .flags = CURL_BLOB_NOCOPY};

    memcpy(&blob.data, &text.data, sizeof(blob.data)); /* libcurl only reads it */
    return text.len ? (unsigned)curl_easy_setopt(easy, option, &blob) : 0;
}

static unsigned set_security(CURL *easy, const struct rh_http_options *options)
{
    struct rh_text ca = options->ca.len ? options->ca : rh_text_of(rh_http_config_ca());
    bool verify = !(options->flags & RH_HTTP_CLIENT_INSECURE);
    unsigned failed = 0;

    failed |= (unsigned)curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    failed |= (unsigned)curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, verify ? 1L : 0L);
    failed |= (unsigned)curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, verify ? 2L : 0L);
    failed |= (unsigned)curl_easy_setopt(easy, CURLOPT_PROXY,
                                         options->proxy.len ? options->proxy.data : "");
    failed |= (unsigned)curl_easy_setopt(easy, CURLOPT_NOPROXY, "");
    failed |= (unsigned)curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    failed |= set_blob(easy, CURLOPT_CAINFO_BLOB, ca);
    failed |= set_blob(easy, CURLOPT_PROXY_CAINFO_BLOB, ca);
    failed |= set_blob(easy, CURLOPT_SSLCERT_BLOB, options->cert);
    failed |= set_blob(easy, CURLOPT_SSLKEY_BLOB, options->key);
    return failed;
}

static unsigned set_callbacks(CURL *easy, struct rh_http_transfer *transfer)
{
    unsigned failed = 0;

    failed |= (unsigned)curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    failed |= (unsigned)curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
    failed |= (unsigned)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    failed |= (unsigned)curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
    failed |= (unsigned)curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_send);
    failed |= (unsigned)curl_easy_setopt(easy, CURLOPT_READDATA, transfer);
    failed |= (unsigned)curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_ready);
    failed |= (unsigned)curl_easy_setopt(easy, CURLOPT_PREREQDATA, transfer);
    failed |= (unsigned)curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_socket);
    failed |= (unsigned)curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, transfer);
    failed |= (unsigned)curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->detail);
    return failed;
}

static unsigned set_request(CURL *easy, const struct rh_http_attempt *attempt,
                            const struct curl_slist *lines)
{
    unsigned failed = 0;

    if (attempt->stream) {
        failed |= (unsigned)curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
        failed |= (unsigned)curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE,
                                             (curl_off_t)attempt->stream_length);
    } else if (attempt->body.data || strcmp(attempt->method, "POST") == 0 ||
               strcmp(attempt->method, "PUT") == 0 || strcmp(attempt->method, "PATCH") == 0) {
        failed |= (unsigned)curl_easy_setopt(easy, CURLOPT_POST, 1L);
        failed |= (unsigned)curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                                             (curl_off_t)attempt->body.len);
        failed |= (unsigned)curl_easy_setopt(easy, CURLOPT_POSTFIELDS,
                                             attempt->body.data ? attempt->body.data : "");
    } else if (strcmp(attempt->method, "HEAD") == 0) {
        failed |= (unsigned)curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    }
    failed |= (unsigned)curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, attempt->method);
    failed |= (unsigned)curl_easy_setopt(easy, CURLOPT_URL, attempt->url->text.data);
    failed |= (unsigned)curl_easy_setopt(easy, CURLOPT_HTTPHEADER, lines);
    if (!has_header(attempt, "user-agent"))
        failed |= (unsigned)curl_easy_setopt(easy, CURLOPT_USERAGENT, rh_http_config_user_agent());
    return failed;
}

static unsigned set_manners(CURL *easy)
{
    unsigned failed = 0;

    failed |= (unsigned)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    failed |= (unsigned)curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* don't wait for DNS */
    failed |= (unsigned)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    failed |= (unsigned)curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    failed |= (unsigned)curl_easy_setopt(easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    failed |= (unsigned)curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    failed |= (unsigned)curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    failed |= (unsigned)curl_easy_setopt(easy, CURLOPT_HTTP_CONTENT_DECODING, 0L);
    failed |= (unsigned)curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    failed |= (unsigned)curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, READ_BYTES);
    return failed;
}

void rh_http_transfer_init(struct rh_http_transfer *transfer, uint32_t max_header_bytes)
{
    *transfer = (struct rh_http_transfer){.fault = RH_ERROR_INIT};
    rh_http_head_init(&transfer->head, max_header_bytes);
    rh_buf_init(&transfer->in, IN_MAX + 2 * IN_PIECE);
}

void rh_http_transfer_fini(struct rh_http_transfer *transfer)
{
    rh_http_transfer_stop(transfer, NULL);
    rh_http_head_fini(&transfer->head);
    rh_buf_free(&transfer->in);
}

static void forget(struct rh_http_transfer *transfer)
{
    struct rh_http_transfer fresh = {.head = transfer->head, .in = transfer->in};

    rh_http_head_clear(&fresh.head);
    rh_buf_clear(&fresh.in);
    rh_error_clear(&fresh.fault);
    *transfer = fresh;
}

int rh_http_transfer_start(struct rh_http_transfer *transfer, struct rh_http_lane *lane,
                           const struct rh_http_attempt *attempt, struct rh_error *error)
{
    unsigned failed = 0;

    forget(transfer);
    transfer->lane = lane;
    transfer->attempt = *attempt;
    curl_easy_reset(lane->easy);
    failed |= set_manners(lane->easy);
    failed |= set_security(lane->easy, &attempt->client->options);
    failed |= set_callbacks(lane->easy, transfer);
    if (!add_lines(attempt, &transfer->lines))
        return rh_fail_nomem(error);
    failed |= set_request(lane->easy, attempt, transfer->lines);
    if (failed)
        return rh_fail(error, RH_CONFIG, "libcurl refuses an option of the request: %s",
                       curl_easy_strerror((CURLcode)failed));
    if (curl_multi_add_handle(lane->multi, lane->easy) != CURLM_OK)
        return rh_fail_nomem(error);
    transfer->added = true;
    return RH_OK;
}

/* ---- Driving ------------------------------------------------------------------------------ */

static bool reached(const struct rh_http_transfer *transfer, enum rh_http_goal goal)
{
    switch (goal) {
    case RH_HTTP_STARTED:
        return true;
    case RH_HTTP_HEAD:
        return transfer->head.complete;
    case RH_HTTP_BODY:
        return transfer->in.len > 0;
    case RH_HTTP_TAKEN:
        return !transfer->out.len;
    case RH_HTTP_COMPLETED:
        return false;
    }
    return true;
}

/* Lets go on what waited for its caller. */
static void unpause(struct rh_http_transfer *transfer)
{
    bool in = transfer->in_paused && transfer->in.len <= IN_MAX;
    bool out = transfer->out_paused && (transfer->out.len || transfer->out_ended);

    if (!in && !out)
        return;
    if (in)
        transfer->in_paused = false;
    if (out)
        transfer->out_paused = false;
    curl_easy_pause(transfer->lane->easy, (transfer->in_paused ? CURLPAUSE_RECV : 0) |
                                              (transfer->out_paused ? CURLPAUSE_SEND : 0));
}

static void collect(struct rh_http_transfer *transfer)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(transfer->lane->multi, &left)))
        if (message->msg == CURLMSG_DONE && message->easy_handle == transfer->lane->easy) {
            transfer->done = true;
            transfer->result = message->data.result;
        }
}

int rh_http_transfer_run(struct rh_http_transfer *transfer, const struct rh_http_wait *wait,
                         enum rh_http_goal goal, struct rh_error *error)
{
    CURLMcode code;
    int running, rc;

    if (goal != RH_HTTP_STARTED && reached(transfer, goal))
        return RH_OK;
    rc = rh_http_lane_check(wait, error);
    while (rc == RH_OK && !transfer->done) {
        unpause(transfer);
        code = curl_multi_perform(transfer->lane->multi, &running);
        if (code != CURLM_OK)
            return rh_fail(error, RH_INTERNAL, "curl: %s", curl_multi_strerror(code));
        collect(transfer);
        if (transfer->done || reached(transfer, goal))
            break;
        rc = rh_http_lane_poll(transfer->lane, wait, UINT64_MAX, error);
    }
    return rc;
}

static void drain(struct rh_http_transfer *transfer, const struct rh_http_wait *wait)
{
    struct rh_op op = *wait->op;
    struct rh_http_wait shorter = {&op, wait->cancelled};
    struct rh_error ignored = RH_ERROR_INIT;
    uint64_t latest_us = rh_clock_us() + DROP_US;

    if (op.deadline_us > latest_us)
        op.deadline_us = latest_us;
    transfer->drop = true;
    rh_buf_clear(&transfer->in);
    rh_http_transfer_run(transfer, &shorter, RH_HTTP_COMPLETED, &ignored);
}

void rh_http_transfer_stop(struct rh_http_transfer *transfer, const struct rh_http_wait *wait)
{
    if (wait && transfer->added && !transfer->done && transfer->head.complete)
        drain(transfer, wait);
    if (transfer->added)
        curl_multi_remove_handle(transfer->lane->multi, transfer->lane->easy);
    if (transfer->lane)
        curl_easy_reset(transfer->lane->easy); /* forgets what it borrowed */
    curl_slist_free_all(transfer->lines);
    transfer->lines = NULL;
    transfer->added = false;
}

long rh_http_transfer_status(const struct rh_http_transfer *transfer)
{
    long status = 0;

    curl_easy_getinfo(transfer->lane->easy, CURLINFO_RESPONSE_CODE, &status);
    return status;
}
