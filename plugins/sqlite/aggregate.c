/*
 * Sums and averages. Whole numbers are summed in 128 bits, which 2^64 rows cannot fill. A column of
 * whole numbers may hold others too (SQLite types values, not columns): those are summed as doubles
 * beside it. What is no number is left out.
 */
#include "aggregate.h"

#include "base/text.h"
#include "connector/decimal.h"
#include "functions.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define FLAGS (SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY)
#define MICRO 1000000
#define DIGITS_MAX 48

struct sum {
    __int128 whole __attribute__((packed, aligned(8))); /* SQLite's memory is aligned to 8 */
    double real;
    int64_t n;
    bool has_real;
};

static void step(sqlite3_context *context, int n_values, sqlite3_value **values)
{
    struct sum *sum = NULL;
    int type = sqlite3_value_type(values[0]);

    if (type != SQLITE_INTEGER && type != SQLITE_FLOAT)
        return;
    sum = sqlite3_aggregate_context(context, sizeof *sum);
    if (!sum) {
        sqlite3_result_error_nomem(context);
        return;
    }
    sum->n++;
    if (type == SQLITE_INTEGER) {
        sum->whole += sqlite3_value_int64(values[0]);
    } else {
        sum->real += sqlite3_value_double(values[0]);
        sum->has_real = true;
    }
}

/* NULL when there was no number. */
static const struct sum *sum_of(sqlite3_context *context)
{
    const struct sum *sum = sqlite3_aggregate_context(context, 0);

    return sum && sum->n ? sum : NULL;
}

static double real_sum(const struct sum *sum)
{
    return (double)sum->whole + sum->real;
}

/* In millionths, rounded half away from zero. */
static __int128 average(const struct sum *sum)
{
    __int128 magnitude = sum->whole < 0 ? -sum->whole : sum->whole;
    __int128 part = magnitude / sum->n * MICRO;
    __int128 rest = magnitude % sum->n * MICRO;

    part += (2 * rest + sum->n) / (2 * (__int128)sum->n);
    return sum->whole < 0 ? -part : part;
}

/* The number divided by 10^scale, as decimal text. */
static size_t format(__int128 number, unsigned scale, char ret_text[DIGITS_MAX])
{
    char digits[DIGITS_MAX];
    unsigned __int128 rest = number < 0 ? -(unsigned __int128)number : (unsigned __int128)number;
    size_t n = 0, len = 0;

    while (rest || n <= scale) {
        if (scale && n == scale)
            digits[len++] = '.';
        digits[len++] = (char)('0' + (int)(rest % 10));
        rest /= 10;
        n++;
    }
    if (number < 0)
        digits[len++] = '-';
    for (size_t i = 0; i < len; i++)
        ret_text[i] = digits[len - 1 - i];
    return len;
}

static unsigned key_of_micro(__int128 micro, unsigned char ret_key[RH_SQLITE_KEY_MAX])
{
    unsigned __int128 biased = (unsigned __int128)micro ^ ((unsigned __int128)1 << 127);

    ret_key[0] = RH_SQLITE_KEY_MARK;
    for (unsigned i = 0; i < 16; i++)
        ret_key[1 + i] = (unsigned char)(biased >> (8 * (15 - i)));
    return 17;
}

bool rh_sqlite_key_of_decimal(struct rh_text decimal, unsigned char ret_key[RH_SQLITE_KEY_MAX],
                              unsigned *ret_len)
{
    __int128 micro = 0;
    bool negative = decimal.len && decimal.data[0] == '-', point = false;
    unsigned n_behind = 0, n_digits = 0;

    if (!rh_decimal_is_valid(decimal) || rh_text_is(decimal, "NaN"))
        return false;
    for (uint64_t i = negative; i < decimal.len; i++) {
        int digit = decimal.data[i] - '0';
        if (decimal.data[i] == '.') {
            point = true;
            continue;
        }
        n_behind += point;
        if (n_behind > 6 && digit)
            return false;
        if (n_behind > 6)
            continue;
        n_digits += n_digits || digit;
        if (n_digits > 30)
            return false;
        micro = micro * 10 + digit;
    }
    for (; n_behind < 6; n_behind++)
        micro *= 10;
    *ret_len = key_of_micro(negative ? -micro : micro, ret_key);
    return true;
}

static void result_decimal(sqlite3_context *context, const char *text, size_t len)
{
    if (len)
        sqlite3_result_text(context, text, (int)len, SQLITE_TRANSIENT);
}

static void result_real(sqlite3_context *context, double value)
{
    char text[RH_DECIMAL_F64_MAX];

    result_decimal(context, text, rh_decimal_from_f64(text, value, 0));
}

static void result_key(sqlite3_context *context, __int128 micro)
{
    unsigned char key[RH_SQLITE_KEY_MAX];

    sqlite3_result_blob(context, key, (int)key_of_micro(micro, key), SQLITE_TRANSIENT);
}

/* A double in millionths, kept within what the key can say. */
static __int128 micro_of_real(double value)
{
    double micro = round(value * MICRO);

    if (!(micro < 0x1p126))
        return (__int128)1 << 126;
    return micro > -0x1p126 ? (__int128)micro : -((__int128)1 << 126);
}

static void sum_text(sqlite3_context *context)
{
    const struct sum *sum = sum_of(context);
    char text[DIGITS_MAX];

    if (sum && sum->has_real)
        result_real(context, real_sum(sum));
    else if (sum)
        result_decimal(context, text, format(sum->whole, 0, text));
}

static void average_text(sqlite3_context *context)
{
    const struct sum *sum = sum_of(context);
    char text[DIGITS_MAX];

    if (sum && sum->has_real)
        result_real(context, real_sum(sum) / (double)sum->n);
    else if (sum)
        result_decimal(context, text, format(average(sum), 6, text));
}

static void sum_key(sqlite3_context *context)
{
    const struct sum *sum = sum_of(context);
    __int128 limit = (__int128)1 << 106; /* times a million still fits */

    if (sum && sum->has_real)
        result_key(context, micro_of_real(real_sum(sum)));
    else if (sum)
        result_key(context, (sum->whole > limit    ? limit
                             : sum->whole < -limit ? -limit
                                                   : sum->whole) *
                                MICRO);
}

static void average_key(sqlite3_context *context)
{
    const struct sum *sum = sum_of(context);

    if (sum)
        result_key(context,
                   sum->has_real ? micro_of_real(real_sum(sum) / (double)sum->n) : average(sum));
}

static void sum_float(sqlite3_context *context)
{
    const struct sum *sum = sum_of(context);

    if (sum)
        sqlite3_result_double(context, real_sum(sum));
}

static void average_float(sqlite3_context *context)
{
    const struct sum *sum = sum_of(context);

    if (sum)
        sqlite3_result_double(context, real_sum(sum) / (double)sum->n);
}

int rh_sqlite_aggregates_register(sqlite3 *db)
{
    static const struct {
        const char *name;
        void (*final)(sqlite3_context *context);
    } aggregates[] = {
        {"rh_sum", sum_text},        {"rh_avg", average_text},    {"rh_sum_key", sum_key},
        {"rh_avg_key", average_key}, {"rh_sum_float", sum_float}, {"rh_avg_float", average_float},
    };
    int code = SQLITE_OK;

    for (size_t i = 0; i < sizeof aggregates / sizeof aggregates[0] && code == SQLITE_OK; i++)
        code = sqlite3_create_function_v2(db, aggregates[i].name, 1, FLAGS, NULL, NULL, step,
                                          aggregates[i].final, NULL);
    return code;
}
