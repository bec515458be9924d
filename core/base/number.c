/*
 * Numbers as text.
 *
 * The C library converts, under the "C" locale of this thread: a connector's driver may have
 * called setlocale, and then strtod would want a decimal comma. Numbers of everyday size do not get
 * that far: integer arithmetic in 128 bits is exact for them.
 */
#include "base/number.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A double is decided by at most 767 digits and by whether any digit behind them is not zero. */
#define MAX_DIGITS 800
/* Exponents beyond are cut to this: far outside of any double, far inside of int64_t. */
#define MAX_EXPONENT INT64_C(100000000000000000)
/* Integers of so many digits, and powers of ten up to this exponent, fit into 64 bits. */
#define MAX_U64_DIGITS 19

__extension__ typedef unsigned __int128 wide;

const uint64_t rh_number_powers[RH_NUMBER_N_POWERS] = {1u,
                                                       10u,
                                                       100u,
                                                       1000u,
                                                       10000u,
                                                       100000u,
                                                       1000000u,
                                                       10000000u,
                                                       100000000u,
                                                       1000000000u,
                                                       10000000000u,
                                                       100000000000u,
                                                       1000000000000u,
                                                       10000000000000u,
                                                       100000000000000u,
                                                       1000000000000000u,
                                                       10000000000000000u,
                                                       100000000000000000u,
                                                       1000000000000000000u,
                                                       10000000000000000000u};

/* ±0.d1d2d3… × 10^exponent, with d1 not zero. */
struct decimal {
    bool negative;
    bool saturated;     /* the exponent as written was beyond MAX_EXPONENT */
    const char *digits; /* d1 … dn as they stand in the text: a dot may be between them */
    const char *end;
    size_t n_digits; /* without the dot and trailing zeros; 0: the number is zero */
    int64_t exponent;
};

static pthread_once_t locale_once = PTHREAD_ONCE_INIT;
static locale_t c_locale;

static void locale_make(void)
{
    c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0); /* built in: needs no memory */
}

static locale_t locale_enter(void)
{
    pthread_once(&locale_once, locale_make);
    return c_locale ? uselocale(c_locale) : (locale_t)0;
}

static void locale_leave(locale_t before)
{
    if (before)
        uselocale(before);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static const char *skip_digits(const char *at, const char *end)
{
    while (at < end && is_digit(*at))
        at++;
    return at;
}

/* The exponent's digits between at and end, with sign. */
static int64_t read_exponent(const char *at, const char *end, bool *ret_saturated)
{
    int64_t value = 0;
    bool negative = *at == '-';
    if (*at == '-' || *at == '+')
        at++;
    for (; at < end; at++) {
        value = value * 10 + (*at - '0');
        if (value > MAX_EXPONENT) {
            value = MAX_EXPONENT;
            *ret_saturated = true;
            break;
        }
    }
    return negative ? -value : value;
}

/* The text must be a number. */
static struct decimal decimal_of(struct rh_text text)
{
    struct decimal d = {0};
    const char *at = text.data;
    const char *end = at + text.len;
    if (*at == '-') {
        d.negative = true;
        at++;
    }
    const char *whole = at;
    const char *dot = skip_digits(at, end);
    const char *mantissa_end = dot;
    if (dot < end && *dot == '.')
        mantissa_end = skip_digits(dot + 1, end);
    if (mantissa_end < end)
        d.exponent = read_exponent(mantissa_end + 1, end, &d.saturated);

    while (mantissa_end > whole && (mantissa_end[-1] == '0' || mantissa_end[-1] == '.'))
        mantissa_end--;
    while (whole < mantissa_end && (*whole == '0' || *whole == '.'))
        whole++;
    d.digits = whole;
    d.end = mantissa_end;
    d.n_digits = (size_t)(mantissa_end - whole) - (whole < dot && dot < mantissa_end);
    if (d.n_digits == 0)
        return (struct decimal){.negative = d.negative, .digits = whole, .end = whole};
    /* whole > dot: the first digit stands (whole - dot - 1) places behind the dot */
    d.exponent += whole < dot ? dot - whole : dot + 1 - whole;
    return d;
}

size_t rh_number_length(struct rh_text text)
{
    const char *at = text.data;
    const char *end = at + text.len;
    if (at < end && *at == '-')
        at++;
    if (at == end || !is_digit(*at))
        return 0;
    at = *at == '0' ? at + 1 : skip_digits(at, end);
    if (end - at > 1 && at[0] == '.' && is_digit(at[1]))
        at = skip_digits(at + 2, end);
    if (end - at > 1 && (at[0] | 0x20) == 'e') {
        const char *digits = at + 1;
        if (*digits == '+' || *digits == '-')
            digits++;
        if (digits < end && is_digit(*digits))
            at = skip_digits(digits, end);
    }
    return (size_t)(at - text.data);
}

bool rh_number_equal(struct rh_text a, struct rh_text b)
{
    struct decimal x = decimal_of(a);
    struct decimal y = decimal_of(b);
    if (x.n_digits == 0 || y.n_digits == 0)
        return x.n_digits == y.n_digits;
    if (x.saturated || y.saturated)
        return a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
    if (x.negative != y.negative || x.n_digits != y.n_digits || x.exponent != y.exponent)
        return false;
    for (size_t i = 0; i < x.n_digits; i++) {
        x.digits += *x.digits == '.';
        y.digits += *y.digits == '.';
        if (*x.digits++ != *y.digits++)
            return false;
    }
    return true;
}

/*
 * The double nearest to digits × 10^power, for a power from -19 to 19 and digits that are not 0.
 * The quotient has 64 bits or more, so what it lacks only matters as "there is more": the lowest
 * bit says that, and the conversion from uint64_t rounds right.
 */
static double scale(uint64_t digits, int power)
{
    wide value;
    int exponent = 0;
    bool inexact = false;
    if (power >= 0) {
        value = (wide)digits * rh_number_powers[power];
    } else {
        int shift = 64 + __builtin_clzll(digits);
        wide dividend = (wide)digits << shift;
        value = dividend / rh_number_powers[-power];
        inexact = value * rh_number_powers[-power] != dividend;
        exponent = -shift;
    }
    uint64_t high = (uint64_t)(value >> 64);
    if (high) {
        int shift = 64 - __builtin_clzll(high);
        wide kept = value >> shift;
        inexact |= (kept << shift) != value;
        value = kept;
        exponent += shift;
    }
    return ldexp((double)((uint64_t)value | inexact), exponent);
}

/* Any decimal, through strtod on digits that are enough for it. */
static double to_f64_slow(const struct decimal *d)
{
    char text[MAX_DIGITS + 40];
    size_t n = 0;
    const char *digit = d->digits;
    if (d->negative)
        text[n++] = '-';
    text[n++] = '0';
    text[n++] = '.';
    for (size_t i = 0; i < d->n_digits && i < MAX_DIGITS; i++) {
        digit += *digit == '.';
        text[n++] = *digit++;
    }
    if (d->n_digits > MAX_DIGITS)
        text[n++] = '1'; /* trailing zeros are not counted, so there is a digit that is not zero */
    long long exponent = d->exponent;
    if (exponent > 99999 || exponent < -99999)
        exponent = exponent < 0 ? -99999 : 99999;
    snprintf(text + n, sizeof(text) - n, "e%lld", exponent);
    locale_t before = locale_enter();
    double value = strtod(text, NULL);
    locale_leave(before);
    return value;
}

bool rh_number_to_f64(struct rh_text text, double *ret_value)
{
    if (text.len == 0 || rh_number_length(text) != text.len)
        return false;
    struct decimal d = decimal_of(text);
    double value = 0;
    int64_t power = d.exponent - (int64_t)d.n_digits;
    if (d.n_digits == 0) {
        *ret_value = d.negative ? -0.0 : 0.0;
        return true;
    }
    if (d.n_digits <= MAX_U64_DIGITS && power >= -MAX_U64_DIGITS && power <= MAX_U64_DIGITS) {
        uint64_t digits = 0;
        for (const char *at = d.digits; at < d.end; at++) {
            if (*at != '.')
                digits = digits * 10 + (uint64_t)(*at - '0');
        }
        value = scale(digits, (int)power);
        value = d.negative ? -value : value;
    } else {
        value = to_f64_slow(&d);
    }
    if (!isfinite(value))
        return false;
    *ret_value = value;
    return true;
}

/* "-12.345" for whole / 10^places. Returns the length. */
static size_t write_scaled(char *to, bool negative, uint64_t whole, unsigned places)
{
    char digits[24];
    size_t n_digits = 0;
    size_t n = 0;
    while (whole || n_digits <= places) {
        digits[n_digits++] = (char)('0' + whole % 10);
        whole /= 10;
    }
    if (negative)
        to[n++] = '-';
    while (n_digits) {
        if (n_digits == places)
            to[n++] = '.';
        to[n++] = digits[--n_digits];
    }
    to[n] = '\0';
    return n;
}

/*
 * For a magnitude from 10^-3 up to 10^15: the shortest digits and how many of them are decimals.
 *
 * A double is mantissa × 2^-shift, so its product with a power of ten is exact in 128 bits, and
 * its nearest integer is the best text of that many decimals. Fifteen digits are tried first
 * (trailing zeros then go: that is where all shorter ones are found); seventeen always do.
 */
static uint64_t shortest_digits(double magnitude, unsigned *ret_places)
{
    int binary;
    uint64_t mantissa = (uint64_t)ldexp(frexp(magnitude, &binary), 53);
    int shift = 53 - binary; /* 3 to 62 */
    int whole_digits = -2;   /* 10^(whole_digits - 1) <= magnitude < 10^whole_digits */
    while (magnitude >= (whole_digits < 0 ? 1 / (double)rh_number_powers[-whole_digits]
                                          : (double)rh_number_powers[whole_digits]))
        whole_digits++;
    uint64_t digits = 0;
    unsigned places = 0;
    for (int n = 15; n <= 17; n++) {
        places = (unsigned)(n - whole_digits);
        digits =
            (uint64_t)(((wide)mantissa * rh_number_powers[places] + ((wide)1 << (shift - 1))) >>
                       shift);
        if (n == 17 || scale(digits, -(int)places) == magnitude)
            break;
    }
    while (places && digits % 10 == 0) {
        digits /= 10;
        places--;
    }
    *ret_places = places;
    return digits;
}

/* The same for any magnitude, by trying. */
static size_t print_shortest(double value, char ret_text[RH_NUMBER_F64_SIZE])
{
    int n = 0;
    locale_t before = locale_enter();
    /* Fifteen digits always survive, except below DBL_MIN, where fewer are there to begin with. */
    for (int digits = fabs(value) < DBL_MIN ? 1 : 15; digits <= 17; digits++) {
        n = snprintf(ret_text, RH_NUMBER_F64_SIZE, "%.*g", digits, value);
        if (digits == 17 || strtod(ret_text, NULL) == value)
            break;
    }
    locale_leave(before);
    return n < 0 ? 0 : (size_t)n;
}

size_t rh_number_from_f64(double value, char ret_text[RH_NUMBER_F64_SIZE])
{
    bool negative = signbit(value) != 0;
    double magnitude = fabs(value);
    if (magnitude < 1e15 && magnitude == (double)(uint64_t)magnitude)
        return write_scaled(ret_text, negative, (uint64_t)magnitude, 0);
    if (magnitude < 1e15 && magnitude >= 1e-3) {
        unsigned places;
        uint64_t digits = shortest_digits(magnitude, &places);
        return write_scaled(ret_text, negative, digits, places);
    }
    return print_shortest(value, ret_text);
}
