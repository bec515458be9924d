/*
 * The one growable byte buffer. Every buffer has a ceiling. Failure is sticky: after an append
 * that did not fit (or out of memory) the buffer is `failed`, further appends do nothing, and the
 * writer checks once at the end.
 */
#pragma once

#include <rowhouse/value.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct rh_buf {
    char *data; /* not NUL-terminated; NULL while cap is 0 */
    size_t len;
    size_t cap;
    size_t max;
    bool failed;
};

/* max: the largest length in bytes that it may ever have. */
void rh_buf_init(struct rh_buf *buf, size_t max);
/* Frees the memory; the buffer is as after init. */
void rh_buf_free(struct rh_buf *buf);
/* Empties it and keeps the memory; clears `failed`. */
static inline void rh_buf_clear(struct rh_buf *buf)
{
    buf->len = 0;
    buf->failed = false;
}

/* Makes room for n more bytes and returns where they go, or NULL (and `failed`). The caller adds
 * what it wrote to len. */
char *rh_buf_reserve_slow(struct rh_buf *buf, size_t n);
static inline char *rh_buf_reserve(struct rh_buf *buf, size_t n)
{
    if (!buf->failed && buf->cap - buf->len >= n && buf->data)
        return buf->data + buf->len;
    return rh_buf_reserve_slow(buf, n);
}

static inline void rh_buf_add(struct rh_buf *buf, const void *data, size_t n)
{
    char *to = rh_buf_reserve(buf, n);
    if (to && n) {
        memcpy(to, data, n);
        buf->len += n;
    }
}

static inline void rh_buf_add_char(struct rh_buf *buf, char c)
{
    char *to = rh_buf_reserve(buf, 1);
    if (to) {
        *to = c;
        buf->len++;
    }
}

static inline void rh_buf_add_text(struct rh_buf *buf, struct rh_text text)
{
    rh_buf_add(buf, text.data, text.len);
}

static inline void rh_buf_add_str(struct rh_buf *buf, const char *string)
{
    rh_buf_add(buf, string, strlen(string));
}

void rh_buf_addf(struct rh_buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
void rh_buf_add_i64(struct rh_buf *buf, int64_t value);
void rh_buf_add_u64(struct rh_buf *buf, uint64_t value);

/* The contents, borrowed until the next change. */
static inline struct rh_text rh_buf_text(const struct rh_buf *buf)
{
    return (struct rh_text){buf->data ? buf->data : "", buf->len};
}

/* Takes the contents as a malloc'ed, NUL-terminated string owned by the caller; the buffer is as
 * after init. NULL when failed or out of memory. */
char *rh_buf_take(struct rh_buf *buf);
