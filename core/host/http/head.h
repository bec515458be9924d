/*
 * The head of an answer, collected line by line as libcurl hands it over. Lines come whole; a
 * folded line (obs-fold) belongs to the one before it. Interim answers (1xx) are dropped.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"

#include <rowhouse/error.h>
#include <rowhouse/http.h>

#include <stdbool.h>

#define RH_HTTP_MAX_HEADERS 1024

struct rh_http_head {
    struct rh_buf lines; /* of the present head; its ceiling is max_header_bytes */
    uint32_t n_lines;
    bool complete; /* of a final answer; trailers that follow are dropped */
};

void rh_http_head_init(struct rh_http_head *head, uint32_t max_bytes);
void rh_http_head_fini(struct rh_http_head *head);
void rh_http_head_clear(struct rh_http_head *head);
/* One line, with its end of line. status: of the answer that it belongs to. RESOURCE (too long). */
int rh_http_head_line(struct rh_http_head *head, struct rh_text line, long status,
                      struct rh_error *error);
/* The headers, names in lower case, in the arena. PROTOCOL, RESOURCE. */
int rh_http_head_parse(const struct rh_http_head *head, struct rh_arena *arena,
                       const struct rh_http_header **ret_headers, uint32_t *ret_n,
                       struct rh_error *error);
/* The first of this name, in lower case; no text when there is none. */
struct rh_text rh_http_head_find(const struct rh_http_header *headers, uint32_t n,
                                 const char *name);
/* Retry-After: seconds or a date, in milliseconds from wall_us (since 1970); at least 1 when it is
 * there and understood, else 0; at most a year. */
uint64_t rh_http_retry_after_ms(struct rh_text value, int64_t wall_us);
