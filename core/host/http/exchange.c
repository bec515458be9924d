#include "host/http/exchange.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/text.h"
#include "host/http/http.h"

#include <stdlib.h>
#include <string.h>

#define MAX_ARENA_BYTES (8u << 20)
#define PIECE_BYTES 65536

/* ---- Calls -------------------------------------------------------------------------------- */

/* Begins a call that rh_http.cancel may end. */
static struct rh_http_wait enter(struct rh_http_exchange *exchange, const struct rh_op *op)
{
    pthread_mutex_lock(&exchange->client->lock);
    atomic_store(&exchange->cancelled, false);
    exchange->waiting = true;
    pthread_mutex_unlock(&exchange->client->lock);
    return (struct rh_http_wait){op, &exchange->cancelled};
}

static void advise(const struct rh_http_exchange *exchange, struct rh_error *error)
{
    bool over = error->error_class == RH_TIMEOUT || error->error_class == RH_CANCELLED;

    if (over && error->retry == RH_RETRY_NEVER)
        error->retry = exchange->transfer.sent ? RH_RETRY_IF_IDEMPOTENT : RH_RETRY_SAFE;
    if (over && exchange->shown)
        rh_error_prefix(error, "%s", exchange->shown);
}

/* Ends it; a failure stays. */
static int leave(struct rh_http_exchange *exchange, int rc, struct rh_error *error)
{
    pthread_mutex_lock(&exchange->client->lock);
    exchange->waiting = false;
    pthread_mutex_unlock(&exchange->client->lock);
    if (rc >= 0)
        return rc;
    advise(exchange, &exchange->error);
    exchange->state = RH_HTTP_STATE_FAILED;
    if (error && !error->error_class) {
        uint32_t size = error->struct_size;
        memcpy(error, &exchange->error, size && size < sizeof(*error) ? size : sizeof(*error));
        error->struct_size = size;
    }
    return rc;
}

/* RH_OK when a call may go on in this state. */
static int expect(struct rh_http_exchange *exchange, enum rh_http_state state,
                  struct rh_error *error)
{
    if (exchange->state == RH_HTTP_STATE_FAILED)
        return rh_fail(error, exchange->error.error_class, "%s", exchange->error.message);
    if (exchange->state == state)
        return RH_OK;
    return rh_fail(error, RH_CONTRACT, "the calls on an HTTP exchange are not in order");
}

/* ---- Life --------------------------------------------------------------------------------- */

static void enlist(struct rh_http_exchange *exchange)
{
    pthread_mutex_lock(&exchange->client->lock);
    exchange->next = exchange->client->exchanges;
    exchange->client->exchanges = exchange;
    pthread_mutex_unlock(&exchange->client->lock);
}

static void delist(struct rh_http_exchange *exchange)
{
    struct rh_http_exchange **at;

    pthread_mutex_lock(&exchange->client->lock);
    for (at = &exchange->client->exchanges; *at && *at != exchange; at = &(*at)->next)
        ;
    if (*at)
        *at = exchange->next;
    pthread_mutex_unlock(&exchange->client->lock);
}

/* NULL when out of memory. */
static struct rh_http_exchange *open_exchange(struct rh_http_client *client)
{
    struct rh_http_exchange *exchange = calloc(1, sizeof(*exchange));

    if (!exchange)
        return NULL;
    exchange->client = client;
    rh_error_clear(&exchange->error);
    rh_http_transfer_init(&exchange->transfer, client->options.max_header_bytes);
    exchange->arena = rh_arena_new(MAX_ARENA_BYTES);
    exchange->lane = exchange->arena ? rh_http_client_take_lane(client) : NULL;
    if (!exchange->lane) {
        rh_http_exchange_close(exchange);
        return NULL;
    }
    enlist(exchange);
    return exchange;
}

int32_t rh_http_exchange_send(struct rh_http_client *client, const struct rh_op *op,
                              const struct rh_http_request *request,
                              struct rh_http_exchange **ret_exchange, struct rh_error *error)
{
    struct rh_http_exchange *exchange = open_exchange(client);
    struct rh_http_wait wait;
    int rc;

    if (!exchange)
        return rh_fail_nomem(error);
    wait = enter(exchange, op);
    rc = rh_http_exchange_take(exchange, request, &exchange->error);
    if (rc == RH_OK)
        rc = rh_http_exchange_attempt(exchange, &wait, &exchange->error);
    rc = leave(exchange, rc, error);
    if (rc) {
        rh_http_exchange_close(exchange);
        return rc;
    }
    *ret_exchange = exchange;
    return RH_OK;
}

void rh_http_exchange_close(struct rh_http_exchange *exchange)
{
    if (!exchange)
        return;
    delist(exchange);
    rh_http_transfer_fini(&exchange->transfer);
    if (exchange->lane)
        rh_http_client_give_lane(exchange->client, exchange->lane);
    rh_http_decoder_free(exchange->decoder);
    free(exchange->decoded);
    rh_arena_free(exchange->arena);
    free(exchange);
}

/* ---- The request's body ------------------------------------------------------------------- */

int32_t rh_http_exchange_write(struct rh_http_exchange *exchange, const struct rh_op *op,
                               struct rh_text piece, struct rh_error *error)
{
    struct rh_http_wait wait;
    int rc;

    rc = expect(exchange, RH_HTTP_STATE_SENT, error);
    if (rc)
        return rc;
    if (!(exchange->flags & RH_HTTP_STREAM))
        return rh_fail(error, RH_CONTRACT, "the body of this HTTP request is not a stream");
    wait = enter(exchange, op);
    exchange->transfer.out = piece;
    rc = rh_http_transfer_run(&exchange->transfer, &wait, RH_HTTP_TAKEN, &exchange->error);
    exchange->transfer.out = rh_text_make(NULL, 0);
    return leave(exchange, rc, error);
}

/* ---- The answer --------------------------------------------------------------------------- */

static int read_head(struct rh_http_exchange *exchange, struct rh_error *error)
{
    struct rh_http_answer *answer = &exchange->answer;
    struct rh_text after;
    curl_off_t length = -1;
    int rc;

    *answer = (struct rh_http_answer){.struct_size = sizeof(*answer)};
    rc = rh_http_head_parse(&exchange->transfer.head, exchange->arena, &answer->headers,
                            &answer->n_headers, error);
    if (rc)
        return rh_error_prefix(error, "%s", exchange->shown);
    answer->status = (uint32_t)rh_http_transfer_status(&exchange->transfer);
    curl_easy_getinfo(exchange->lane->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    answer->content_length = length < 0 ? RH_HTTP_UNKNOWN_LENGTH : (uint64_t)length;
    after = rh_http_head_find(answer->headers, answer->n_headers, "retry-after");
    answer->retry_after_ms = rh_http_retry_after_ms(after, rh_clock_wall_us());
    answer->url = exchange->url.text;
    return RH_OK;
}

/* Drives attempts until there is an answer to hand out. */
static int reach_answer(struct rh_http_exchange *exchange, const struct rh_http_wait *wait,
                        struct rh_error *error)
{
    struct rh_http_transfer *transfer = &exchange->transfer;
    struct rh_error failure;
    bool again = true;
    int rc = RH_OK;

    while (again) {
        transfer->out_ended = true;
        rc = rh_http_transfer_run(transfer, wait, RH_HTTP_HEAD, error);
        if (rc)
            return rc;
        failure = (struct rh_error)RH_ERROR_INIT;
        if (transfer->head.complete)
            rc = read_head(exchange, error);
        else if (rh_http_transfer_outcome(transfer, exchange->shown, &failure) == RH_OK)
            rc = rh_fail(error, RH_PROTOCOL, "%s: the answer has no head", exchange->shown);
        if (rc == RH_OK)
            rc = rh_http_exchange_follow(exchange, wait, &failure, &again, error);
        if (rc)
            return rc;
        if (again)
            rc = rh_http_exchange_attempt(exchange, wait, error);
        if (rc)
            return rc;
    }
    if (failure.error_class)
        *error = failure;
    return failure.error_class;
}

static int open_body(struct rh_http_exchange *exchange, struct rh_error *error)
{
    struct rh_text encoding =
        rh_http_head_find(exchange->answer.headers, exchange->answer.n_headers, "content-encoding");
    int rc;

    rc = rh_http_decoder_new(encoding, &exchange->decoder, error);
    if (rc)
        return rh_error_prefix(error, "%s", exchange->shown);
    if (!exchange->decoder)
        return RH_OK;
    exchange->decoded = malloc(PIECE_BYTES);
    return exchange->decoded ? RH_OK : rh_fail_nomem(error);
}

int32_t rh_http_exchange_answer(struct rh_http_exchange *exchange, const struct rh_op *op,
                                struct rh_http_answer *ret_answer, struct rh_error *error)
{
    uint32_t size = ret_answer->struct_size;
    struct rh_http_wait wait;
    int rc;

    rc = expect(exchange, RH_HTTP_STATE_SENT, error);
    if (rc)
        return rc;
    if (size < offsetof(struct rh_http_answer, headers))
        return rh_fail(error, RH_CONTRACT, "rh_http_answer.struct_size is too small");
    wait = enter(exchange, op);
    rc = reach_answer(exchange, &wait, &exchange->error);
    if (rc == RH_OK)
        rc = open_body(exchange, &exchange->error);
    rc = leave(exchange, rc, error);
    if (rc)
        return rc;
    exchange->state = RH_HTTP_STATE_ANSWERED;
    memcpy(ret_answer, &exchange->answer, size < sizeof(*ret_answer) ? size : sizeof(*ret_answer));
    ret_answer->struct_size = size;
    return RH_OK;
}

/* ---- The answer's body -------------------------------------------------------------------- */

/* Waits for more in `raw`. RH_END when all has come. */
static int fill(struct rh_http_exchange *exchange, const struct rh_http_wait *wait,
                struct rh_error *error)
{
    struct rh_http_transfer *transfer = &exchange->transfer;
    int rc;

    if (exchange->raw.data) /* what is there was handed out */
        rh_buf_clear(&transfer->in);
    exchange->raw = rh_text_make(NULL, 0);
    rc = rh_http_transfer_run(transfer, wait, RH_HTTP_BODY, error);
    if (rc)
        return rc;
    if (transfer->in.len) {
        exchange->raw = rh_buf_text(&transfer->in);
        return RH_OK;
    }
    rc = rh_http_transfer_outcome(transfer, exchange->shown, error);
    return rc ? rc : RH_END;
}

static int next_piece(struct rh_http_exchange *exchange, const struct rh_http_wait *wait,
                      struct rh_text *ret_piece, struct rh_error *error)
{
    size_t n = 0;
    int rc = RH_OK;

    for (;;) {
        if (exchange->decoder)
            rc = rh_http_decoder_step(exchange->decoder, &exchange->raw, exchange->decoded,
                                      PIECE_BYTES, &n, error);
        if (rc)
            return rh_error_prefix(error, "%s", exchange->shown);
        if (n) {
            *ret_piece = rh_text_make(exchange->decoded, n);
            return RH_OK;
        }
        if (!exchange->decoder && exchange->raw.len) {
            *ret_piece = exchange->raw;
            exchange->raw.len = 0;
            return RH_OK;
        }
        if (exchange->raw.len)
            continue;
        rc = fill(exchange, wait, error);
        if (rc == RH_END && exchange->decoder && !rh_http_decoder_complete(exchange->decoder))
            return rh_fail(error, RH_UNAVAILABLE, "%s: the compressed body ends early",
                           exchange->shown);
        if (rc)
            return rc;
    }
}

int32_t rh_http_exchange_read(struct rh_http_exchange *exchange, const struct rh_op *op,
                              struct rh_text *ret_piece, struct rh_error *error)
{
    uint64_t max = exchange->client->options.max_answer_bytes;
    struct rh_http_wait wait;
    struct rh_text piece;
    int rc;

    if (exchange->state == RH_HTTP_STATE_ENDED)
        return RH_END;
    rc = expect(exchange, RH_HTTP_STATE_ANSWERED, error);
    if (rc)
        return rc;
    wait = enter(exchange, op);
    rc = next_piece(exchange, &wait, &piece, &exchange->error);
    if (rc == RH_OK && max && piece.len > max - exchange->n_read)
        rc = rh_fail(&exchange->error, RH_RESOURCE, "%s: the answer is longer than %llu bytes",
                     exchange->shown, (unsigned long long)max);
    rc = leave(exchange, rc, error);
    if (rc == RH_END)
        exchange->state = RH_HTTP_STATE_ENDED;
    if (rc)
        return rc;
    exchange->n_read += piece.len;
    *ret_piece = piece;
    return RH_OK;
}

/* ---- The service -------------------------------------------------------------------------- */

const struct rh_http rh_http_service = {
    .struct_size = sizeof(rh_http_service),
    .client_new = rh_http_client_new,
    .client_free = rh_http_client_free,
    .send = rh_http_exchange_send,
    .write = rh_http_exchange_write,
    .answer = rh_http_exchange_answer,
    .read = rh_http_exchange_read,
    .close = rh_http_exchange_close,
    .cancel = rh_http_client_cancel,
};
