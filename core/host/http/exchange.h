/*
 * An exchange: one request and its answer, over as many attempts as redirects and retries need.
 *
 *   SENT ──answer──► ANSWERED ──read…──► ENDED        FAILED from anywhere, for good
 */
#pragma once

#include "host/http/client.h"
#include "host/http/decode.h"
#include "host/http/transfer.h"

#include "base/vec.h"

#include <stdatomic.h>

enum rh_http_state {
    RH_HTTP_STATE_SENT,
    RH_HTTP_STATE_ANSWERED,
    RH_HTTP_STATE_ENDED,
    RH_HTTP_STATE_FAILED,
};

struct rh_http_exchange {
    struct rh_http_client *client;
    struct rh_http_exchange *next; /* guarded by client->lock, as is `waiting` */
    bool waiting;                  /* inside of a call */
    atomic_bool cancelled;
    enum rh_http_state state;
    struct rh_arena *arena;
    struct rh_http_lane *lane;
    struct rh_http_transfer transfer;
    /* the request, as the next attempt sends it */
    uint32_t flags;
    const char *method;
    const struct rh_http_header *headers;
    uint32_t n_headers;
    struct rh_text body;
    int64_t stream_length;
    struct rh_http_url url;  /* without the secret of AUTH_QUERY */
    struct rh_http_url sent; /* with it */
    const char *shown;       /* for messages */
    struct rh_text token;    /* OAUTH2_*: what the present attempt was sent with */
    /* how often */
    uint32_t n_redirects;
    uint32_t n_retries;
    bool renewed; /* the access token, after a 401 */
    /* the answer */
    struct rh_http_answer answer;
    struct rh_http_decoder *decoder; /* NULL: the body stands as it is */
    char *decoded;                   /* room for a piece */
    struct rh_text raw;              /* of transfer.in, not yet decoded or handed out */
    uint64_t n_read;
    struct rh_error error; /* FAILED: with what */
};

int32_t rh_http_exchange_send(struct rh_http_client *client, const struct rh_op *op,
                              const struct rh_http_request *request,
                              struct rh_http_exchange **ret_exchange, struct rh_error *error);
int32_t rh_http_exchange_write(struct rh_http_exchange *exchange, const struct rh_op *op,
                               struct rh_text piece, struct rh_error *error);
int32_t rh_http_exchange_answer(struct rh_http_exchange *exchange, const struct rh_op *op,
                                struct rh_http_answer *ret_answer, struct rh_error *error);
int32_t rh_http_exchange_read(struct rh_http_exchange *exchange, const struct rh_op *op,
                              struct rh_text *ret_piece, struct rh_error *error);
void rh_http_exchange_close(struct rh_http_exchange *exchange);

/* ---- request.c ---- */

/* May a connector send this header? */
bool rh_http_header_valid(const struct rh_http_header *header);
/* Copies and checks the request. INVALID, CONTRACT, RESOURCE. */
int rh_http_exchange_take(struct rh_http_exchange *exchange, const struct rh_http_request *from,
                          struct rh_error *error);
/* GET, HEAD, OPTIONS, and what the connector says. */
bool rh_http_exchange_safe(const struct rh_http_exchange *exchange);

/* ---- credentials.c ---- */

/* Adds to the headers of the attempt, or to `sent`. Waits for a token where there is need. */
int rh_http_exchange_authenticate(struct rh_http_exchange *exchange,
                                  const struct rh_http_wait *wait, struct rh_vec *headers,
                                  struct rh_error *error);

/* ---- attempt.c ---- */

/* One more header; the texts are borrowed. RESOURCE. */
int rh_http_exchange_add(struct rh_http_exchange *exchange, struct rh_vec *headers,
                         struct rh_text name, struct rh_text value, struct rh_error *error);
/* Starts the next attempt: waits for the limiter and a token, sets up the transfer. */
int rh_http_exchange_attempt(struct rh_http_exchange *exchange, const struct rh_http_wait *wait,
                             struct rh_error *error);

/* ---- follow.c ---- */

/* Looks at how the attempt ended, a head or an error in `failure`, and prepares another where that
 * is due: then *ret_again. RH_OK otherwise: what there is stands. An error ends the exchange. */
int rh_http_exchange_follow(struct rh_http_exchange *exchange, const struct rh_http_wait *wait,
                            const struct rh_error *failure, bool *ret_again,
                            struct rh_error *error);
