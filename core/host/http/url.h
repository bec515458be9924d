/*
 * URLs of requests: parsed and joined by libcurl's own parser, so that what was checked is what is
 * connected to. http and https only; a user or password inside of a URL is refused.
 */
#pragma once

#include "base/arena.h"

#include <rowhouse/error.h>
#include <rowhouse/value.h>

#include <stdbool.h>
#include <stdint.h>

#define RH_HTTP_URL_MAX 65536

/* All texts in the arena and NUL-terminated. */
struct rh_http_url {
    struct rh_text text; /* the whole, without fragment */
    struct rh_text host; /* lower case, without the brackets of IPv6 */
    struct rh_text
        authority;        /* what the header Host says: the port only when it is not the usual */
    struct rh_text path;  /* as it is sent, at least "/" */
    struct rh_text query; /* without "?"; no text: none */
    uint16_t port;
    bool tls;
};

/* An absolute URL. `what` is for messages: "base_url". error_class: what a malformed one is. */
int rh_http_url_parse(struct rh_arena *arena, struct rh_text text, const char *what,
                      int error_class, struct rh_http_url *ret_url, struct rh_error *error);
/* Of a request: absolute, or to stand behind base. INVALID. */
int rh_http_url_join(struct rh_arena *arena, const struct rh_http_url *base, struct rh_text text,
                     struct rh_http_url *ret_url, struct rh_error *error);
/* Where a Location header leads to. PROTOCOL. */
int rh_http_url_follow(struct rh_arena *arena, const struct rh_http_url *from,
                       struct rh_text location, struct rh_http_url *ret_url,
                       struct rh_error *error);
/* The same with one more query parameter, which is percent-encoded. */
int rh_http_url_with_query(struct rh_arena *arena, const struct rh_http_url *url,
                           struct rh_text name, struct rh_text value, struct rh_http_url *ret_url,
                           struct rh_error *error);
/* Same scheme, host and port. */
bool rh_http_url_same_origin(const struct rh_http_url *a, const struct rh_http_url *b);
/* For messages, without the query: "https://example.com:8443/items". From the arena; never NULL. */
const char *rh_http_url_shown(struct rh_arena *arena, const struct rh_http_url *url);
/* Appends the text, percent-encoded but for letters, digits and -._~ */
struct rh_buf;
void rh_http_url_encode(struct rh_text text, struct rh_buf *buf);
