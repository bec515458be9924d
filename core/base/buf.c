/*
 * The growable byte buffer.
 *
 * Invariants: len <= cap <= max, and cap < PTRDIFF_MAX. The memory has one byte more than cap,
 * which is not counted: it takes the NUL of vsnprintf and of rh_buf_take.
 */
#include "base/buf.h"

#include "base/number.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define FIRST_BYTES 128

static const char digit_pairs[] = "00010203040506070809"
                                  "10111213141516171819"
                                  "20212223242526272829"
                                  "30313233343536373839"
                                  "40414243444546474849"
                                  "50515253545556575859"
                                  "60616263646566676869"
                                  "70717273747576777879"
                                  "80818283848586878889"
                                  "90919293949596979899";

/* 1 to 20. The logarithm to base 2, times log10(2) = 1233/4096, is the digits less one, or one too
 * many. */
static unsigned count_digits(uint64_t value)
{
    value |= 1; /* so that 0 has a digit, too; all others keep theirs */
    unsigned guess = ((64 - (unsigned)__builtin_clzll(value)) * 1233) >> 12;
    return guess + (value >= rh_number_powers[guess]);
}

/* The decimal digits of value, ending before `end`. */
static void write_digits(char *end, uint64_t value)
{
    while (value >= 100) {
        end -= 2;
        memcpy(end, digit_pairs + 2 * (value % 100), 2);
        value /= 100;
    }
    if (value >= 10)
        memcpy(end - 2, digit_pairs + 2 * value, 2);
    else
        end[-1] = (char)('0' + value);
}

void rh_buf_init(struct rh_buf *buf, size_t max)
{
    *buf = (struct rh_buf){.max = max};
}

void rh_buf_free(struct rh_buf *buf)
{
    free(buf->data);
    rh_buf_init(buf, buf->max);
}

char *rh_buf_reserve_slow(struct rh_buf *buf, size_t n)
{
    size_t need, cap;
    char *data;
    if (buf->failed)
        return NULL;
    if (__builtin_add_overflow(buf->len, n, &need) || need > buf->max || need >= PTRDIFF_MAX)
        goto fail;
    cap = buf->cap * 2;
    if (cap < FIRST_BYTES)
        cap = FIRST_BYTES;
    if (cap < need)
        cap = need;
    if (cap > buf->max)
        cap = buf->max;
    data = realloc(buf->data, cap + 1);
    if (!data)
        goto fail;
    buf->data = data;
    buf->cap = cap;
    return data + buf->len;

fail:
    buf->failed = true;
    return NULL;
}

void rh_buf_addf(struct rh_buf *buf, const char *format, ...)
{
    va_list args;
    char *to = rh_buf_reserve(buf, 0);
    if (!to)
        return;
    va_start(args, format);
    int n = vsnprintf(to, buf->cap - buf->len + 1, format, args);
    va_end(args);
    if (n < 0) {
        buf->failed = true;
        return;
    }
    if ((size_t)n > buf->cap - buf->len) {
        to = rh_buf_reserve(buf, (size_t)n);
        if (!to)
            return;
        va_start(args, format);
        n = vsnprintf(to, (size_t)n + 1, format, args);
        va_end(args);
        if (n < 0) {
            buf->failed = true;
            return;
        }
    }
    buf->len += (size_t)n;
}

void rh_buf_add_i64(struct rh_buf *buf, int64_t value)
{
    uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    size_t n = count_digits(magnitude) + (value < 0);
    char *to = rh_buf_reserve(buf, n);
    if (!to)
        return;
    to[0] = '-'; /* the first digit replaces it when there is no sign */
    write_digits(to + n, magnitude);
    buf->len += n;
}

void rh_buf_add_u64(struct rh_buf *buf, uint64_t value)
{
    size_t n = count_digits(value);
    char *to = rh_buf_reserve(buf, n);
    if (!to)
        return;
    write_digits(to + n, value);
    buf->len += n;
}

char *rh_buf_take(struct rh_buf *buf)
{
    char *data = NULL;
    if (rh_buf_reserve(buf, 0)) {
        data = buf->data;
        data[buf->len] = '\0';
        buf->data = NULL;
    }
    rh_buf_free(buf);
    return data;
}
