/*
 * Helpers on struct rh_text. Nothing here allocates; every text may hold any bytes, NUL too.
 */
#include "base/text.h"

#include "base/number.h"

#include <limits.h>

#define DISTANCE_MAX 128 /* longest text that rh_text_distance looks into */

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static char fold(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

int rh_text_compare(struct rh_text a, struct rh_text b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int order = n ? memcmp(a.data, b.data, n) : 0;
    if (order)
        return order;
    return (a.len > b.len) - (a.len < b.len);
}

bool rh_text_starts(struct rh_text text, const char *prefix)
{
    size_t n = strlen(prefix);
    return text.len >= n && (n == 0 || memcmp(text.data, prefix, n) == 0);
}

bool rh_text_ends(struct rh_text text, const char *suffix)
{
    size_t n = strlen(suffix);
    return text.len >= n && (n == 0 || memcmp(text.data + (text.len - n), suffix, n) == 0);
}

struct rh_text rh_text_trim(struct rh_text text)
{
    while (text.len && is_space(text.data[0])) {
        text.data++;
        text.len--;
    }
    while (text.len && is_space(text.data[text.len - 1]))
        text.len--;
    return text;
}

struct rh_text rh_text_cut(struct rh_text *rest, char separator)
{
    struct rh_text front = *rest;
    const char *at = rest->len ? memchr(rest->data, separator, rest->len) : NULL;
    if (!at) {
        *rest = (struct rh_text){NULL, 0};
        return front;
    }
    front.len = (uint64_t)(at - rest->data);
    rest->data = at + 1;
    rest->len -= front.len + 1;
    return front;
}

bool rh_text_to_u64(struct rh_text text, uint64_t *ret_value)
{
    uint64_t value = 0;
    if (text.len == 0)
        return false;
    for (uint64_t i = 0; i < text.len; i++) {
        unsigned digit = (unsigned char)text.data[i] - (unsigned)'0';
        if (digit > 9 || __builtin_mul_overflow(value, 10u, &value) ||
            __builtin_add_overflow(value, digit, &value))
            return false;
    }
    *ret_value = value;
    return true;
}

bool rh_text_to_i64(struct rh_text text, int64_t *ret_value)
{
    bool negative = text.len && text.data[0] == '-';
    uint64_t magnitude;
    if (negative) {
        text.data++;
        text.len--;
    }
    if (!rh_text_to_u64(text, &magnitude))
        return false;
    if (magnitude > (uint64_t)INT64_MAX + negative)
        return false;
    *ret_value = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return true;
}

bool rh_text_to_f64(struct rh_text text, double *ret_value)
{
    return rh_number_to_f64(text, ret_value);
}

/* The table of Unicode, section 3.9, table 3-7: what the second byte may be depends on the first.
 */
unsigned rh_text_utf8_step(const char *data, size_t n)
{
    const unsigned char *p = (const unsigned char *)data;
    if (n == 0)
        return 0;
    if (p[0] < 0x80)
        return 1;
    unsigned len = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    unsigned low = 0x80, high = 0xbf;
    if (p[0] < 0xc2 || p[0] > 0xf4 || n < len)
        return 0;
    if (p[0] == 0xe0)
        low = 0xa0;
    else if (p[0] == 0xed)
        high = 0x9f;
    else if (p[0] == 0xf0)
        low = 0x90;
    else if (p[0] == 0xf4)
        high = 0x8f;
    if (p[1] < low || p[1] > high)
        return 0;
    for (unsigned i = 2; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    }
    return len;
}

bool rh_text_is_utf8(struct rh_text text)
{
    const char *p = text.data;
    size_t left = text.len;
    while (left) {
        uint64_t word;
        if (left >= sizeof(word)) {
            memcpy(&word, p, sizeof(word));
            if (!(word & 0x8080808080808080u)) {
                p += sizeof(word);
                left -= sizeof(word);
                continue;
            }
        }
        unsigned step = rh_text_utf8_step(p, left);
        if (!step)
            return false;
        p += step;
        left -= step;
    }
    return true;
}

unsigned rh_text_distance(struct rh_text a, struct rh_text b, unsigned limit)
{
    unsigned row[DISTANCE_MAX + 1];
    uint64_t apart = a.len > b.len ? a.len - b.len : b.len - a.len;
    if (rh_text_equal(a, b))
        return 0;
    if (apart >= limit || a.len > DISTANCE_MAX || b.len > DISTANCE_MAX)
        return limit;

    for (unsigned j = 0; j <= b.len; j++)
        row[j] = j;
    for (unsigned i = 1; i <= a.len; i++) {
        unsigned diagonal = row[0];
        unsigned least = row[0] = i;
        for (unsigned j = 1; j <= b.len; j++) {
            unsigned replace = diagonal + (fold(a.data[i - 1]) != fold(b.data[j - 1]));
            unsigned shorter = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            diagonal = row[j];
            row[j] = replace < shorter ? replace : shorter;
            if (row[j] < least)
                least = row[j];
        }
        if (least >= limit)
            return limit;
    }
    return row[b.len] < limit ? row[b.len] : limit;
}
