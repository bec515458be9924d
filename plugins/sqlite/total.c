/*
 * Decimal totals in limbs of nine digits. Each digit is added to its limb without a carry; limbs
 * are 64 bits wide, so that only every 2^28 values they must be carried in between.
 */
#include "total.h"

#include "base/text.h"
#include "connector/decimal.h"
#include "functions.h"

#include <string.h>

#define BASE 1000000000
#define DIGITS 9
#define HALF (RH_SQLITE_LIMBS / 2 * DIGITS) /* digits on each side of the point */
#define UNIT (RH_SQLITE_LIMBS / 2)
#define MICRO_REST 1000 /* what a fraction limb has beyond six digits */
#define CARRY_EVERY (UINT64_C(1) << 28)

static const int64_t powers[DIGITS] = {1,      10,      100,      1000,     10000,
                                       100000, 1000000, 10000000, 100000000};

/* Brings each limb but the last into [0, BASE). */
static void carry(int64_t limbs[RH_SQLITE_LIMBS])
{
    for (unsigned i = 0; i + 1 < RH_SQLITE_LIMBS; i++) {
        int64_t up = limbs[i] / BASE;
        limbs[i] -= up * BASE;
        if (limbs[i] < 0) {
            limbs[i] += BASE;
            up--;
        }
        limbs[i + 1] += up;
    }
}

/* Carries; a negative number is turned into its magnitude. Returns whether it was one. */
static bool take_sign(int64_t limbs[RH_SQLITE_LIMBS])
{
    carry(limbs);
    if (limbs[RH_SQLITE_LIMBS - 1] >= 0)
        return false;
    for (unsigned i = 0; i < RH_SQLITE_LIMBS; i++)
        limbs[i] = -limbs[i];
    carry(limbs);
    return true;
}

bool rh_sqlite_total_add(struct rh_sqlite_total *total, struct rh_text decimal)
{
    bool negative = decimal.len && decimal.data[0] == '-';
    const char *point = memchr(decimal.data, '.', decimal.len);
    uint64_t end = point ? (uint64_t)(point - decimal.data) : decimal.len;
    /* Place of the first digit: the number of those before the point, less one. */
    int64_t place = (int64_t)(end - negative) - 1;

    for (uint64_t i = negative; i < decimal.len; i++) {
        int64_t digit = decimal.data[i] - '0';
        if (decimal.data[i] == '.')
            continue;
        if (digit && (place >= HALF || place < -HALF))
            return false;
        if (digit) {
            unsigned at = (unsigned)(place + HALF);
            total->limbs[at / DIGITS] += (negative ? -digit : digit) * powers[at % DIGITS];
        }
        place--;
    }
    if (++total->n % CARRY_EVERY == 0)
        carry(total->limbs);
    return true;
}

/* Digits from the highest that is not zero (the unit at least) down to `scale` behind the point, or
 * to the last that is not zero when scale is negative. */
static size_t format(const int64_t limbs[RH_SQLITE_LIMBS], bool negative, int scale, char *to)
{
    int high = 0, low = -HALF;
    size_t n = 0;

    for (int place = HALF - 1; place > 0 && high == 0; place--) {
        unsigned at = (unsigned)(place + HALF);
        high = limbs[at / DIGITS] / powers[at % DIGITS] % 10 ? place : 0;
    }
    while (low < 0 &&
           limbs[(unsigned)(low + HALF) / DIGITS] / powers[(unsigned)(low + HALF) % DIGITS] % 10 ==
               0)
        low++;
    if (scale >= 0)
        low = -scale;
    if (negative)
        to[n++] = '-';
    for (int place = high; place >= low; place--) {
        unsigned at = (unsigned)(place + HALF);
        if (place == -1)
            to[n++] = '.';
        to[n++] = (char)('0' + limbs[at / DIGITS] / powers[at % DIGITS] % 10);
    }
    return n;
}

static bool is_zero(const int64_t limbs[RH_SQLITE_LIMBS])
{
    for (unsigned i = 0; i < RH_SQLITE_LIMBS; i++) {
        if (limbs[i])
            return false;
    }
    return true;
}

size_t rh_sqlite_total_sum(const struct rh_sqlite_total *total,
                           char ret_text[RH_SQLITE_TOTAL_TEXT_MAX])
{
    int64_t limbs[RH_SQLITE_LIMBS];
    bool negative;

    memcpy(limbs, total->limbs, sizeof limbs);
    negative = take_sign(limbs);
    return format(limbs, negative, -1, ret_text);
}

size_t rh_sqlite_total_average(const struct rh_sqlite_total *total,
                               char ret_text[RH_SQLITE_TOTAL_TEXT_MAX])
{
    int64_t limbs[RH_SQLITE_LIMBS], rest;
    __int128 remainder = 0;
    bool negative;

    memcpy(limbs, total->limbs, sizeof limbs);
    negative = take_sign(limbs);
    for (unsigned i = RH_SQLITE_LIMBS; i-- > 0;) {
        remainder = remainder * BASE + limbs[i];
        limbs[i] = i + 1 >= UNIT ? (int64_t)(remainder / (__int128)total->n) : 0;
        remainder %= (__int128)total->n;
    }
    rest = limbs[UNIT - 1] % MICRO_REST;
    limbs[UNIT - 1] += rest >= MICRO_REST / 2 ? MICRO_REST - rest : -rest;
    carry(limbs);
    return format(limbs, negative && !is_zero(limbs), 6, ret_text);
}

bool rh_sqlite_key_of_decimal(struct rh_text decimal,
                              unsigned char ret_key[RH_SQLITE_TOTAL_KEY_MAX], unsigned *ret_len)
{
    struct rh_sqlite_total total = {.n = 0};
    unsigned char *to = ret_key + 2;
    bool negative;

    if (!rh_decimal_is_valid(decimal) || rh_text_is(decimal, "NaN") ||
        !rh_sqlite_total_add(&total, decimal))
        return false;
    negative = take_sign(total.limbs);
    ret_key[0] = RH_SQLITE_KEY_MARK;
    ret_key[1] = negative ? 0 : 1;
    for (unsigned i = RH_SQLITE_LIMBS; i-- > 0;) {
        uint32_t limb = (uint32_t)total.limbs[i];
        limb = __builtin_bswap32(negative ? ~limb : limb);
        memcpy(to, &limb, sizeof limb);
        to += sizeof limb;
    }
    *ret_len = RH_SQLITE_TOTAL_KEY_MAX;
    return true;
}
