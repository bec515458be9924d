/*
 * Helpers on struct rh_text: making, comparing, cutting. Nothing here allocates.
 */
#pragma once

#include <rowhouse/value.h>

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* For constant initialisers: RH_TEXT_INIT("id"). */
#define RH_TEXT_INIT(literal)                                                                      \
    {                                                                                              \
        (literal), sizeof(literal) - 1                                                             \
    }
/* As an expression: RH_TEXT("id"). */
#define RH_TEXT(literal) ((struct rh_text)RH_TEXT_INIT(literal))
/* For printf: "%.*s", RH_TEXT_ARG(text). At most INT_MAX bytes are printed. */
#define RH_TEXT_ARG(text)                                                                          \
    (int)((text).len > 0x7fffffff ? 0x7fffffff : (text).len), (text).data ? (text).data : ""

static inline struct rh_text rh_text_of(const char *string)
{
    return (struct rh_text){string, string ? strlen(string) : 0};
}

static inline struct rh_text rh_text_make(const char *data, size_t len)
{
    return (struct rh_text){data, len};
}

static inline bool rh_text_equal(struct rh_text a, struct rh_text b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static inline bool rh_text_is(struct rh_text a, const char *string)
{
    return rh_text_equal(a, rh_text_of(string));
}

/* Bytewise, which for UTF-8 is by code point. <0, 0, >0. */
int rh_text_compare(struct rh_text a, struct rh_text b);
bool rh_text_starts(struct rh_text text, const char *prefix);
bool rh_text_ends(struct rh_text text, const char *suffix);
/* Without ASCII white space at both ends. */
struct rh_text rh_text_trim(struct rh_text text);
/* Cuts *rest at the first separator and returns what stood before it; all of it when there is
 * none, and then *rest becomes {NULL, 0}. */
struct rh_text rh_text_cut(struct rh_text *rest, char separator);
/* The whole text as a decimal number in range; false when it is anything else. */
bool rh_text_to_i64(struct rh_text text, int64_t *ret_value);
bool rh_text_to_u64(struct rh_text text, uint64_t *ret_value);
/* The whole text as a number as JSON writes it, correctly rounded, whatever the locale; false when it
 * is anything else ("inf", "nan") or too large for a double. */
bool rh_text_to_f64(struct rh_text text, double *ret_value);
/* The value of a hexadecimal digit in either case; -1 for anything else. */
static inline int rh_text_hex_digit(char c)
{
    char lower = (char)(c | 0x20);

    return c >= '0' && c <= '9' ? c - '0' : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}
/* Length of the well-formed UTF-8 sequence at the front of n bytes: 1 to 4, or 0 when there is
 * none (no byte, a stray or cut-off sequence, a surrogate, an overlong form). */
unsigned rh_text_utf8_step(const char *data, size_t n);
/* Well-formed UTF-8 (no surrogates, nothing above U+10FFFF, no overlong forms). */
bool rh_text_is_utf8(struct rh_text text);
/* Levenshtein distance over bytes, ASCII letters folded, cut off at `limit`: for "did you mean".
 * Texts above 128 bytes are taken as `limit` apart unless they are equal. */
unsigned rh_text_distance(struct rh_text a, struct rh_text b, unsigned limit);
