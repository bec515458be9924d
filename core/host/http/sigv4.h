/*
 * AWS Signature Version 4 for headers. Own code, since libcurl 7.88 neither sorts nor encodes the
 * query and knows no x-amz-content-sha256, which S3 demands.
 *
 * Paths: for "s3" they are signed with each segment encoded once, else with the path that is sent
 * encoded once more. Dot segments are signed as they stand.
 */
#pragma once

#include "base/buf.h"

#include <rowhouse/error.h>
#include <rowhouse/http.h>

#define RH_SIGV4_DATE_SIZE 17 /* "20130524T000000Z" and NUL */
#define RH_SIGV4_HASH_SIZE 65 /* hex of SHA-256 and NUL */
#define RH_SIGV4_UNSIGNED "UNSIGNED-PAYLOAD"

struct rh_sigv4 {
    struct rh_text access_key;
    struct rh_text secret;
    struct rh_text region;
    struct rh_text service;
};

struct rh_sigv4_request {
    struct rh_text method;
    struct rh_text path;                  /* as it is sent */
    struct rh_text query;                 /* without "?" */
    const struct rh_http_header *headers; /* all that are to be signed, Host and X-Amz-Date among
                                             them; in any order and case */
    uint32_t n_headers;
    const char *payload_hash; /* rh_sigv4_hash of the body, or RH_SIGV4_UNSIGNED */
    const char *date;         /* the value of X-Amz-Date */
};

/* Appends the value of the header Authorization. RESOURCE. [any] */
int rh_sigv4_sign(const struct rh_sigv4 *key, const struct rh_sigv4_request *request,
                  struct rh_buf *ret_authorization, struct rh_error *error);
void rh_sigv4_hash(struct rh_text body, char ret_hex[RH_SIGV4_HASH_SIZE]);
void rh_sigv4_date(int64_t wall_us, char ret_date[RH_SIGV4_DATE_SIZE]);
