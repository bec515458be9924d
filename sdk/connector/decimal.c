/*
 * Decimals as text.
 *
 * Everything works on the digits where they stand: a decimal is split into sign, whole digits
 * without leading zeros and fraction digits without trailing zeros, and two of those compare like
 * two numbers. Doubles come in through strtod and printf, which glibc rounds correctly at any
 * length; the process keeps the "C" locale (no connector may change it).
 */
#include "connector/decimal.h"

#include "base/text.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A double that lies half way between two others has at most 767 significant digits; digits after
 * these matter only by being there. */
#define F64_DIGITS 800
#define F64_EXACT_MAX 1500 /* longest exact expansion of a double: 1 + 309 + 1 + 1074 */

static const double POWERS[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
#define N_POWERS (sizeof POWERS / sizeof *POWERS)

struct parts {
    const char *whole, *fraction;
    size_t n_whole, n_fraction; /* both 0: zero */
    bool negative;              /* false for zero */
};

static bool is_digit(char c)
{
    return (unsigned char)(c - '0') <= 9;
}

static bool is_nan(struct rh_text text)
{
    return text.len > 0 && text.data[0] == 'N';
}

static struct parts split(struct rh_text text)
{
    struct parts p = {0};
    const char *at = text.data, *end = text.data + text.len;
    if (at < end && *at == '-') {
        p.negative = true;
        at++;
    }
    while (at < end && *at == '0')
        at++;
    p.whole = at;
    const char *point = memchr(at, '.', (size_t)(end - at));
    p.n_whole = (size_t)((point ? point : end) - at);
    if (point) {
        while (end[-1] == '0')
            end--;
        p.fraction = point + 1;
        p.n_fraction = (size_t)(end - p.fraction);
    }
    if (p.n_whole == 0 && p.n_fraction == 0)
        p.negative = false;
    return p;
}

bool rh_decimal_is_valid(struct rh_text text)
{
    const char *at = text.data ? text.data : "", *end = at + text.len;
    if (rh_text_is(text, "NaN"))
        return true;
    if (at < end && *at == '-')
        at++;
    const char *first = at;
    while (at < end && is_digit(*at))
        at++;
    if (at == first)
        return false;
    if (at == end)
        return true;
    if (*at++ != '.')
        return false;
    first = at;
    while (at < end && is_digit(*at))
        at++;
    return at == end && at != first;
}

/* ---- Comparing --------------------------------------------------------------------------- */

static int compare_magnitudes(const struct parts *a, const struct parts *b)
{
    if (a->n_whole != b->n_whole)
        return a->n_whole < b->n_whole ? -1 : 1;
    int c = a->n_whole ? memcmp(a->whole, b->whole, a->n_whole) : 0;
    if (c)
        return c;
    size_t n = a->n_fraction < b->n_fraction ? a->n_fraction : b->n_fraction;
    c = n ? memcmp(a->fraction, b->fraction, n) : 0;
    if (c)
        return c;
    return (a->n_fraction > b->n_fraction) - (a->n_fraction < b->n_fraction);
}

int rh_decimal_compare(struct rh_text a, struct rh_text b)
{
    if (is_nan(a) || is_nan(b))
        return (int)is_nan(a) - (int)is_nan(b);
    if (rh_text_equal(a, b))
        return 0;
    struct parts x = split(a), y = split(b);
    if (x.negative != y.negative)
        return x.negative ? -1 : 1;
    int c = x.negative ? compare_magnitudes(&y, &x) : compare_magnitudes(&x, &y);
    return (c > 0) - (c < 0);
}

int rh_decimal_compare_f64(struct rh_text a, double b)
{
    if (is_nan(a) || isnan(b))
        return (int)is_nan(a) - (int)isnan(b);
    if (isinf(b))
        return b > 0 ? -1 : 1;
    /* Rounding keeps the order, so only a tie needs the exact digits of b. */
    double rounded = rh_decimal_to_f64(a);
    if (rounded != b)
        return rounded < b ? -1 : 1;
    struct parts p = split(a);
    if (p.n_fraction == 0 && p.n_whole <= 15)
        return 0;
    char exact[F64_EXACT_MAX];
    int n = snprintf(exact, sizeof exact, "%.1074f", b);
    return rh_decimal_compare(a, rh_text_make(exact, (size_t)n));
}

/* ---- From numbers ------------------------------------------------------------------------ */

/* A JSON number in pieces: digits whole, fraction and a power of ten. */
struct number {
    struct rh_text whole, fraction;
    int64_t exponent;
    bool negative;
};

static struct rh_text take_digits(const char **at, const char *end)
{
    const char *first = *at;
    while (*at < end && is_digit(**at))
        (*at)++;
    return rh_text_make(first, (size_t)(*at - first));
}

static bool read_number(struct rh_text text, struct number *ret)
{
    const char *at = text.data ? text.data : "", *end = at + text.len;
    struct number n = {0};
    if (at < end && *at == '-') {
        n.negative = true;
        at++;
    }
    n.whole = take_digits(&at, end);
    if (n.whole.len == 0 || (n.whole.len > 1 && n.whole.data[0] == '0'))
        return false;
    if (at < end && *at == '.') {
        at++;
        n.fraction = take_digits(&at, end);
        if (n.fraction.len == 0)
            return false;
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        at++;
        bool down = at < end && *at == '-';
        if (at < end && (*at == '-' || *at == '+'))
            at++;
        struct rh_text digits = take_digits(&at, end);
        if (digits.len == 0)
            return false;
        for (size_t i = 0; i < digits.len; i++) {
            if (n.exponent < INT64_C(1) << 40) /* far above any cap: saturate */
                n.exponent = n.exponent * 10 + (digits.data[i] - '0');
        }
        if (down)
            n.exponent = -n.exponent;
    }
    *ret = n;
    return at == end;
}

/* Digit i of whole and fraction taken as one sequence; zero outside. */
static char digit_at(const struct number *n, int64_t i)
{
    uint64_t u = (uint64_t)i;
    if (i < 0 || u >= n->whole.len + n->fraction.len)
        return '0';
    return u < n->whole.len ? n->whole.data[u] : n->fraction.data[u - n->whole.len];
}

size_t rh_decimal_from_number(char *to, size_t cap, struct rh_text number)
{
    struct number n;
    if (number.len > INT32_MAX || !read_number(number, &n))
        return 0;
    int64_t n_digits = (int64_t)(n.whole.len + n.fraction.len);
    int64_t point = (int64_t)n.whole.len + n.exponent; /* digits before the point */
    int64_t first = 0;
    while (first < n_digits && digit_at(&n, first) == '0')
        first++;
    bool zero = first == n_digits;
    if (first > point || zero)
        first = point;
    int64_t n_whole = point - first, n_fraction = n_digits > point ? n_digits - point : 0;
    bool sign = n.negative && !zero;
    uint64_t need = (uint64_t)sign + (uint64_t)(n_whole ? n_whole : 1) +
                    (n_fraction ? (uint64_t)n_fraction + 1 : 0);
    if (need > cap)
        return 0;
    char *at = to;
    if (sign)
        *at++ = '-';
    if (n_whole == 0)
        *at++ = '0';
    for (int64_t i = first; i < point; i++)
        *at++ = digit_at(&n, i);
    if (n_fraction) {
        *at++ = '.';
        for (int64_t i = point; i < n_digits; i++)
            *at++ = digit_at(&n, i);
    }
    return (size_t)(at - to);
}

/* A double that is m / 10^k with |m| < 10^15: then those digits are the shortest, as no two
 * decimals of 15 digits read as the same double. Returns how many bytes, 0 when it is none of
 * these. */
static size_t from_short_f64(char *to, double value)
{
    for (unsigned k = 0; k <= 6; k++) {
        double scaled = nearbyint(value * POWERS[k]);
        if (!(fabs(scaled) < 1e15))
            return 0;
        if (scaled / POWERS[k] != value)
            continue;
        uint64_t m = (uint64_t)fabs(scaled);
        char digits[24];
        size_t at = sizeof digits;
        for (unsigned n = 0; m || n <= k; n++) {
            if (n == k && k)
                digits[--at] = '.';
            digits[--at] = (char)('0' + m % 10);
            m /= 10;
        }
        if (scaled < 0)
            digits[--at] = '-';
        memcpy(to, digits + at, sizeof digits - at);
        return sizeof digits - at;
    }
    return 0;
}

static size_t from_any_f64(char *to, double value)
{
    char text[40];
    int n = 0;
    /* Any 15 digits read as a double of their own, except where doubles lose bits near zero. */
    for (int precision = fabs(value) < DBL_MIN ? 1 : 15; precision <= 17; precision++) {
        n = snprintf(text, sizeof text, "%.*g", precision, value);
        if (strtod(text, NULL) == value)
            break;
    }
    return rh_decimal_from_number(to, RH_DECIMAL_F64_MAX, rh_text_make(text, (size_t)n));
}

size_t rh_decimal_from_f64(char *to, double value, unsigned scale)
{
    if (isinf(value))
        return 0;
    if (isnan(value)) {
        struct rh_text nan = RH_TEXT("NaN");
        memcpy(to, nan.data, nan.len);
        return nan.len;
    }
    size_t n = from_short_f64(to, value);
    if (n == 0)
        n = from_any_f64(to, value);
    const char *point = memchr(to, '.', n);
    size_t have = point ? n - (size_t)(point - to) - 1 : 0;
    if (have < scale && !point)
        to[n++] = '.';
    for (; have < scale && n < RH_DECIMAL_F64_MAX; have++)
        to[n++] = '0';
    return n;
}

/* ---- To numbers -------------------------------------------------------------------------- */

static bool whole_to_i64(const struct parts *p, int64_t *ret)
{
    int64_t value = 0;
    if (p->n_whole > 19)
        return false;
    for (size_t i = 0; i < p->n_whole; i++) {
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_sub_overflow(value, p->whole[i] - '0', &value))
            return false;
    }
    if (!p->negative && __builtin_sub_overflow((int64_t)0, value, &value))
        return false;
    *ret = value;
    return true;
}

bool rh_decimal_to_i64(struct rh_text text, int64_t *ret_value)
{
    if (is_nan(text))
        return false;
    struct parts p = split(text);
    return p.n_fraction == 0 && whole_to_i64(&p, ret_value);
}

bool rh_decimal_floor_i64(struct rh_text text, int64_t *ret_value)
{
    int64_t value;
    if (is_nan(text))
        return false;
    struct parts p = split(text);
    if (!whole_to_i64(&p, &value))
        return false;
    if (p.negative && p.n_fraction && __builtin_sub_overflow(value, 1, &value))
        return false;
    *ret_value = value;
    return true;
}

/* Digits into one integer, scaled by one exact power of ten: a single rounding. */
static bool short_to_f64(const struct parts *p, double *ret)
{
    uint64_t m = 0;
    if (p->n_whole + p->n_fraction > 15)
        return false;
    for (size_t i = 0; i < p->n_whole; i++)
        m = m * 10 + (uint64_t)(p->whole[i] - '0');
    for (size_t i = 0; i < p->n_fraction; i++)
        m = m * 10 + (uint64_t)(p->fraction[i] - '0');
    double value = (double)m / POWERS[p->n_fraction];
    *ret = p->negative ? -value : value;
    return true;
}

double rh_decimal_to_f64(struct rh_text text)
{
    double value;
    if (is_nan(text))
        return NAN;
    struct parts p = split(text);
    if (short_to_f64(&p, &value))
        return value;
    /* "0.DIGITSeN", the digits cut where they cannot matter any more, with a 1 for all the rest */
    char digits[F64_DIGITS + 64];
    size_t n = 0, leading = 0;
    int64_t exponent = (int64_t)p.n_whole;
    if (p.n_whole == 0) {
        while (p.fraction[leading] == '0') /* ends: a fraction without trailing zeros */
            leading++;
        exponent = -(int64_t)leading;
    }
    if (p.negative)
        digits[n++] = '-';
    digits[n++] = '.';
    size_t whole = p.n_whole < F64_DIGITS ? p.n_whole : F64_DIGITS;
    memcpy(digits + n, p.whole, whole);
    n += whole;
    size_t fraction = p.n_fraction - leading;
    if (fraction > F64_DIGITS - whole)
        fraction = F64_DIGITS - whole;
    if (fraction)
        memcpy(digits + n, p.fraction + leading, fraction);
    n += fraction;
    if (whole < p.n_whole || fraction < p.n_fraction - leading)
        digits[n++] = '1';
    snprintf(digits + n, sizeof digits - n, "e%lld", (long long)exponent);
    return strtod(digits, NULL);
}
