/*
 * OAuth 2 access tokens, shared by all clients with the same grant. One thread fetches a token, the
 * others wait for it. Kept in memory only: a refresh token that the server has replaced is lost
 * when the process ends.
 */
#pragma once

#include "base/arena.h"
#include "host/http/lane.h"
#include "host/http/limiter.h"

struct rh_http_client;
struct rh_http_token;

/* NULL when out of memory. [any] */
struct rh_http_token *rh_http_token_get(const uint8_t key[RH_HTTP_KEY_BYTES]);
/* [any] NULL is allowed. */
void rh_http_token_put(struct rh_http_token *token);
/* The client's access token, copied into the arena; fetched when there is none or it is about to
 * expire. The lane is for waiting. AUTH, and the errors of a request. */
int rh_http_token_use(struct rh_http_client *client, struct rh_http_lane *lane,
                      const struct rh_http_wait *wait, struct rh_arena *arena,
                      struct rh_text *ret_token, struct rh_error *error);
/* The server refused this one: it is not used again. [any] */
void rh_http_token_drop(struct rh_http_token *token, struct rh_text refused);
