/*
 * Requests to an OAuth 2 token endpoint: RFC 6749 client credentials and refresh token, RFC 7523
 * JWT bearer. The client authenticates with HTTP Basic, which every server must support, and after
 * an "invalid_client" with parameters of the body, which some want instead.
 */
#pragma once

#include "base/arena.h"
#include "host/http/lane.h"

#include <rowhouse/error.h>

struct rh_http_client;

struct rh_http_grant {
    struct rh_text access_token;
    struct rh_text refresh_token; /* a new one, or no text */
    uint64_t lifetime_s;          /* 0: the server did not say */
};

/* refresh: the refresh token to use (OAUTH2_REFRESH). Texts in the arena. AUTH (refused), CONFIG (a
 * key that is no key), PROTOCOL, and the errors of a request. */
int rh_http_grant_fetch(struct rh_http_client *client, const struct rh_http_wait *wait,
                        struct rh_text refresh, struct rh_arena *arena,
                        struct rh_http_grant *ret_grant, struct rh_error *error);
/* The assertion of RFC 7523, signed with RS256. CONFIG, RESOURCE. */
int rh_http_jwt_sign(struct rh_arena *arena, struct rh_text key_pem, struct rh_text issuer,
                     struct rh_text scope, struct rh_text audience, int64_t wall_us,
                     struct rh_text *ret_jwt, struct rh_error *error);
