/*
 * A client: the copied options, what is derived from them, idle lanes, and the open exchanges.
 */
#pragma once

#include "base/arena.h"
#include "host/http/egress.h"
#include "host/http/lane.h"
#include "host/http/limiter.h"
#include "host/http/url.h"

#include <rowhouse/http.h>

#include <pthread.h>

struct rh_http_token;
struct rh_http_exchange;

#define RH_HTTP_MAX_NOTES 8

struct rh_http_client {
    const struct rh_host *host;
    struct rh_arena *arena;
    struct rh_http_options options; /* texts in the arena, NUL-terminated */
    struct rh_http_url base;
    struct rh_text authorization; /* BASIC, BEARER: the header's value; else no text */
    struct rh_http_limiter *limiter;
    struct rh_http_token *token;             /* OAUTH2_*: shared, else NULL */
    struct rh_http_client *token_client;     /* OAUTH2_*: talks to the token endpoint, else NULL */
    struct rh_text notes[RH_HTTP_MAX_NOTES]; /* secrets that were noted for redaction */
    uint32_t n_notes;
    pthread_mutex_t lock; /* guards all below; a leaf */
    struct rh_http_lane *idle;
    uint32_t n_idle;
    struct rh_http_exchange *exchanges; /* open ones */
};

int32_t rh_http_client_new(const struct rh_host *host, const struct rh_http_options *options,
                           struct rh_http_client **ret_client, struct rh_error *error);
void rh_http_client_free(struct rh_http_client *client);
/* [cancel] */
void rh_http_client_cancel(struct rh_http_client *client);

/* An idle lane or a new one. NULL when out of memory. */
struct rh_http_lane *rh_http_client_take_lane(struct rh_http_client *client);
/* With its connections, or freed when there are enough. */
void rh_http_client_give_lane(struct rh_http_client *client, struct rh_http_lane *lane);

/* options.c: copies and checks them, and parses the base URL. CONFIG, CONTRACT, RESOURCE. */
int rh_http_client_take_options(struct rh_http_client *client,
                                const struct rh_http_options *options, struct rh_error *error);
/* Is this the host and port that an administrator has configured? */
bool rh_http_client_configured(const struct rh_http_client *client, const struct rh_http_url *url);

/* Of the process; see http.h. Valid until the next rh_http_configure. */
const struct rh_egress *rh_http_config_egress(void);
const char *rh_http_config_user_agent(void);
const char *rh_http_config_ca(void); /* NULL: the system's */
