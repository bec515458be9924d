/*
 * Sums and averages. Whole numbers are summed in 128 bits, which 2^64 rows cannot fill; decimals by
 * their shortest texts, which is how they are read (total.h). A column of whole numbers may hold
 * others too (SQLite types values, not columns): those are summed as doubles beside it. What is no
 * finite number is left out.
 */
#include "aggregate.h"

#include "base/text.h"
#include "connector/decimal.h"
#include "functions.h"
#include "total.h"

#include <math.h>
#include <stdio.h>

#define FLAGS (SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY)
#define MICRO 1000000
#define DIGITS_MAX 48

struct sum {
    __int128 whole __attribute__((packed, aligned(8))); /* SQLite's memory is aligned to 8 */
    double real;
    int64_t n;
    bool has_real;
};

/* ---- adding ---- */

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

static void step_decimal(sqlite3_context *context, int n_values, sqlite3_value **values)
{
    struct rh_sqlite_total *total = NULL;
    char text[RH_DECIMAL_F64_MAX];
    size_t len = 0;

    if (sqlite3_value_type(values[0]) == SQLITE_INTEGER)
        len = (size_t)snprintf(text, sizeof text, "%lld", sqlite3_value_int64(values[0]));
    else if (sqlite3_value_type(values[0]) == SQLITE_FLOAT)
        len = rh_decimal_from_f64(text, sqlite3_value_double(values[0]), 0);
    if (len == 0)
        return;
    total = sqlite3_aggregate_context(context, sizeof *total);
    if (!total)
        sqlite3_result_error_nomem(context);
    else if (!rh_sqlite_total_add(total, rh_text_make(text, len)))
        sqlite3_result_error_toobig(context);
}

/* ---- results; each writes decimal text and returns its length, 0 for NULL ---- */

typedef size_t result(sqlite3_context *context, char ret_text[RH_SQLITE_TOTAL_TEXT_MAX]);

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
static size_t format(__int128 number, unsigned scale, char *to)
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
        to[i] = digits[len - 1 - i];
    return len;
}

static size_t whole_sum(sqlite3_context *context, char ret_text[RH_SQLITE_TOTAL_TEXT_MAX])
{
    const struct sum *sum = sum_of(context);

    if (!sum)
        return 0;
    return sum->has_real ? rh_decimal_from_f64(ret_text, real_sum(sum), 0)
                         : format(sum->whole, 0, ret_text);
}

static size_t whole_average(sqlite3_context *context, char ret_text[RH_SQLITE_TOTAL_TEXT_MAX])
{
    const struct sum *sum = sum_of(context);

    if (!sum)
        return 0;
    return sum->has_real ? rh_decimal_from_f64(ret_text, real_sum(sum) / (double)sum->n, 0)
                         : format(average(sum), 6, ret_text);
}

static size_t decimal_sum(sqlite3_context *context, char ret_text[RH_SQLITE_TOTAL_TEXT_MAX])
{
    const struct rh_sqlite_total *total = sqlite3_aggregate_context(context, 0);

    return total && total->n ? rh_sqlite_total_sum(total, ret_text) : 0;
}

static size_t decimal_average(sqlite3_context *context, char ret_text[RH_SQLITE_TOTAL_TEXT_MAX])
{
    const struct rh_sqlite_total *total = sqlite3_aggregate_context(context, 0);

    return total && total->n ? rh_sqlite_total_average(total, ret_text) : 0;
}

static void give_text(sqlite3_context *context, result *make)
{
    char text[RH_SQLITE_TOTAL_TEXT_MAX];
    size_t len = make(context, text);

    if (len)
        sqlite3_result_text(context, text, (int)len, SQLITE_TRANSIENT);
}

static void give_key(sqlite3_context *context, result *make)
{
    char text[RH_SQLITE_TOTAL_TEXT_MAX];
    unsigned char key[RH_SQLITE_TOTAL_KEY_MAX];
    unsigned n;
    size_t len = make(context, text);

    if (len && rh_sqlite_key_of_decimal(rh_text_make(text, len), key, &n))
        sqlite3_result_blob(context, key, (int)n, SQLITE_TRANSIENT);
}

static void sum_text(sqlite3_context *context)
{
    give_text(context, whole_sum);
}

static void average_text(sqlite3_context *context)
{
    give_text(context, whole_average);
}

static void sum_key(sqlite3_context *context)
{
    give_key(context, whole_sum);
}

static void average_key(sqlite3_context *context)
{
    give_key(context, whole_average);
}

static void decimal_sum_text(sqlite3_context *context)
{
    give_text(context, decimal_sum);
}

static void decimal_average_text(sqlite3_context *context)
{
    give_text(context, decimal_average);
}

static void decimal_sum_key(sqlite3_context *context)
{
    give_key(context, decimal_sum);
}

static void decimal_average_key(sqlite3_context *context)
{
    give_key(context, decimal_average);
}

/* Infinities of both signs make NaN, which SQLite would turn into NULL. As a text it stands above
 * all numbers, where NaN belongs. */
static void give_double(sqlite3_context *context, double value)
{
    if (isnan(value))
        sqlite3_result_text(context, "NaN", 3, SQLITE_STATIC);
    else
        sqlite3_result_double(context, value);
}

static void sum_float(sqlite3_context *context)
{
    const struct sum *sum = sum_of(context);

    if (sum)
        give_double(context, real_sum(sum));
}

static void average_float(sqlite3_context *context)
{
    const struct sum *sum = sum_of(context);

    if (sum)
        give_double(context, real_sum(sum) / (double)sum->n);
}

/* ---- registration ---- */

int rh_sqlite_aggregates_register(sqlite3 *db)
{
    static const struct {
        const char *name;
        void (*add)(sqlite3_context *context, int n, sqlite3_value **values);
        void (*final)(sqlite3_context *context);
    } aggregates[] = {
        {"rh_sum", step, sum_text},
        {"rh_avg", step, average_text},
        {"rh_sum_key", step, sum_key},
        {"rh_avg_key", step, average_key},
        {"rh_sum_decimal", step_decimal, decimal_sum_text},
        {"rh_avg_decimal", step_decimal, decimal_average_text},
        {"rh_sum_decimal_key", step_decimal, decimal_sum_key},
        {"rh_avg_decimal_key", step_decimal, decimal_average_key},
        {"rh_sum_float", step, sum_float},
        {"rh_avg_float", step, average_float},
    };
    int code = SQLITE_OK;

    for (size_t i = 0; i < sizeof aggregates / sizeof aggregates[0] && code == SQLITE_OK; i++)
        code = sqlite3_create_function_v2(db, aggregates[i].name, 1, FLAGS, NULL, NULL,
                                          aggregates[i].add, aggregates[i].final, NULL);
    return code;
}
