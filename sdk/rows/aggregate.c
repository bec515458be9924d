/* Aggregates over cells. */
#include "rows/aggregate.h"

#include "base/err.h"
#include "base/text.h"
#include "connector/decimal.h"
#include "rows/cell.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* More than any source's numbers have; keeps one hostile value from taking seconds. */
#define MAX_DIGITS 200000
#define SMALL_DIGITS 37
#define AVG_SCALE 6

/* ---- Exact sums -------------------------------------------------------------------------- */

static void set_mpz(mpz_t z, __int128 value)
{
    unsigned __int128 magnitude = value < 0 ? -(unsigned __int128)value : (unsigned __int128)value;
    uint64_t words[2] = {(uint64_t)magnitude, (uint64_t)(magnitude >> 64)};

    mpz_import(z, 2, -1, sizeof(words[0]), 0, 0, words);
    if (value < 0)
        mpz_neg(z, z);
}

static void scale_mpz(mpz_t z, uint32_t digits)
{
    mpz_t power;

    if (digits == 0)
        return;
    mpz_init(power);
    mpz_ui_pow_ui(power, 10, digits);
    mpz_mul(z, z, power);
    mpz_clear(power);
}

static bool scale_small(__int128 *value, uint32_t digits)
{
    if (*value == 0)
        return true;
    if (digits > SMALL_DIGITS)
        return false;
    while (digits--)
        if (__builtin_mul_overflow(*value, 10, value))
            return false;
    return true;
}

static void become_big(struct rh_accumulator *acc)
{
    if (acc->is_big)
        return;
    mpz_init(acc->big);
    set_mpz(acc->big, acc->small);
    acc->is_big = true;
}

/* Adds value / 10^scale; value is used up. */
static void add_big(struct rh_accumulator *acc, mpz_t value, uint32_t scale)
{
    become_big(acc);
    if (scale > acc->scale) {
        scale_mpz(acc->big, scale - acc->scale);
        acc->scale = scale;
    }
    scale_mpz(value, acc->scale - scale);
    mpz_add(acc->big, acc->big, value);
}

static void add_small(struct rh_accumulator *acc, __int128 value, uint32_t scale)
{
    __int128 sum = acc->small, scaled = value;
    uint32_t to = scale > acc->scale ? scale : acc->scale;
    mpz_t big;

    if (!acc->is_big && scale_small(&sum, to - acc->scale) && scale_small(&scaled, to - scale) &&
        !__builtin_add_overflow(sum, scaled, &sum)) {
        acc->small = sum;
        acc->scale = to;
        return;
    }
    mpz_init(big);
    set_mpz(big, value);
    add_big(acc, big, scale);
    mpz_clear(big);
}

/* The digits without their point, as text for mpz_set_str. */
static int add_long_decimal(struct rh_accumulator *acc, struct rh_text text, uint32_t scale,
                            struct rh_error *error)
{
    char *digits = malloc(text.len + 1);
    size_t n = 0;
    mpz_t big;

    if (!digits)
        return rh_fail_nomem(error);
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] != '.')
            digits[n++] = text.data[i];
    digits[n] = 0;
    mpz_init(big);
    mpz_set_str(big, digits, 10);
    add_big(acc, big, scale);
    mpz_clear(big);
    free(digits);
    return RH_OK;
}

static int add_decimal(struct rh_accumulator *acc, struct rh_text text, struct rh_error *error)
{
    const char *point;
    __int128 value = 0;
    uint32_t scale;

    if (rh_text_is(text, "NaN")) {
        acc->is_nan = true;
        return RH_OK;
    }
    if (text.len > MAX_DIGITS)
        return rh_fail(error, RH_RESOURCE, "a number of %llu digits is too long to be added up",
                       (unsigned long long)text.len);
    point = memchr(text.data, '.', text.len);
    scale = point ? (uint32_t)(text.data + text.len - point - 1) : 0;
    if (text.len > SMALL_DIGITS)
        return add_long_decimal(acc, text, scale, error);
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] >= '0' && text.data[i] <= '9')
            value = value * 10 + (text.data[i] - '0');
    add_small(acc, text.data[0] == '-' ? -value : value, scale);
    return RH_OK;
}

static int add_exact(struct rh_accumulator *acc, const struct rh_value *cell,
                     struct rh_error *error)
{
    char digits[RH_DECIMAL_F64_MAX];

    switch (cell->type) {
    case RH_TYPE_INT:
        add_small(acc, cell->as.i, 0);
        return RH_OK;
    case RH_TYPE_UINT:
        add_small(acc, (__int128)cell->as.u, 0);
        return RH_OK;
    case RH_TYPE_FLOAT:
        if (!isfinite(cell->as.f)) {
            acc->is_nan = true;
            return RH_OK;
        }
        return add_decimal(acc, rh_text_make(digits, rh_decimal_from_f64(digits, cell->as.f, 0)),
                           error);
    default:
        return add_decimal(acc, rh_cell_text(cell), error);
    }
}

static double as_double(const struct rh_value *cell)
{
    switch (cell->type) {
    case RH_TYPE_INT:
        return (double)cell->as.i;
    case RH_TYPE_UINT:
        return (double)cell->as.u;
    case RH_TYPE_FLOAT:
        return cell->as.f;
    default:
        return rh_text_is(rh_cell_text(cell), "NaN") ? (double)NAN
                                                     : rh_decimal_to_f64(rh_cell_text(cell));
    }
}

/* ---- Least and greatest ------------------------------------------------------------------ */

static int keep_best(struct rh_accumulator *acc, const struct rh_value *cell,
                     struct rh_error *error)
{
    size_t size = rh_row_size(cell, 1);
    void *data;

    if (size > acc->best_bytes) {
        data = realloc(acc->best_data, size);
        if (!data)
            return rh_fail_nomem(error);
        acc->best_data = data;
        acc->best_bytes = size;
    }
    acc->best = *rh_row_copy(acc->best_data, cell, 1);
    return RH_OK;
}

/* ---- Public ------------------------------------------------------------------------------ */

int rh_aggregate_add(const struct rh_aggregate *aggregate, struct rh_accumulator *acc,
                     const struct rh_value *cell, struct rh_error *error)
{
    int order;

    if (!cell) {
        acc->n++;
        return RH_OK;
    }
    if (rh_cell_is_null(cell))
        return RH_OK;
    switch (aggregate->function) {
    case RH_AGG_COUNT:
        acc->n++;
        return RH_OK;
    case RH_AGG_MIN:
    case RH_AGG_MAX:
        order = acc->n++ ? rh_cell_compare(cell, &acc->best) : 0;
        if (acc->n > 1 && (aggregate->function == RH_AGG_MIN ? order >= 0 : order <= 0))
            return RH_OK;
        return keep_best(acc, cell, error);
    default:
        if (!rh_cell_is_number(cell))
            return RH_OK;
        acc->n++;
        if (aggregate->type != RH_TYPE_FLOAT)
            return add_exact(acc, cell, error);
        acc->f += as_double(cell);
        return RH_OK;
    }
}

/* |sum| * 10^AVG_SCALE / (n * 10^scale), rounded half away from zero. */
static void divide(mpz_t sum, uint64_t n, uint32_t scale)
{
    mpz_t divisor;
    int sign = mpz_sgn(sum);

    mpz_init(divisor);
    set_mpz(divisor, (__int128)n);
    scale_mpz(divisor, scale);
    mpz_abs(sum, sum);
    scale_mpz(sum, AVG_SCALE);
    mpz_mul_2exp(sum, sum, 1);
    mpz_add(sum, sum, divisor);
    mpz_mul_2exp(divisor, divisor, 1);
    mpz_fdiv_q(sum, sum, divisor);
    if (sign < 0)
        mpz_neg(sum, sum);
    mpz_clear(divisor);
}

/* value / 10^scale as decimal text. */
static int format(const mpz_t value, uint32_t scale, struct rh_rowstore *store,
                  struct rh_value *ret_value, struct rh_error *error)
{
    size_t digits = mpz_sizeinbase(value, 10), length;
    char *raw = malloc(digits + 2);
    char *text = rh_rowstore_alloc(store, digits + scale + 4);
    char *to = text;
    const char *from = raw;

    if (!raw || !text) {
        free(raw);
        return rh_fail_nomem(error);
    }
    mpz_get_str(raw, 10, value);
    if (*from == '-')
        *to++ = *from++;
    length = strlen(from);
    if (length <= scale) {
        *to++ = '0';
    } else {
        memcpy(to, from, length - scale);
        to += length - scale;
        from += length - scale;
        length = scale;
    }
    if (scale) {
        *to++ = '.';
        memset(to, '0', scale - length);
        to += scale - length;
        memcpy(to, from, length);
        to += length;
    }
    free(raw);
    *ret_value =
        (struct rh_value){.type = RH_TYPE_DECIMAL, .len = (uint32_t)(to - text), .as.data = text};
    return RH_OK;
}

static int exact_result(const struct rh_aggregate *aggregate, const struct rh_accumulator *acc,
                        struct rh_rowstore *store, struct rh_value *ret_value,
                        struct rh_error *error)
{
    uint32_t scale = acc->scale;
    mpz_t sum;
    int r;

    if (acc->is_nan) {
        *ret_value = (struct rh_value){.type = RH_TYPE_DECIMAL, .len = 3, .as.data = "NaN"};
        return RH_OK;
    }
    mpz_init(sum);
    if (acc->is_big)
        mpz_set(sum, acc->big);
    else
        set_mpz(sum, acc->small);
    if (aggregate->function == RH_AGG_AVG) {
        divide(sum, acc->n, scale);
        scale = AVG_SCALE;
    }
    r = format(sum, scale, store, ret_value, error);
    mpz_clear(sum);
    return r;
}

int rh_aggregate_result(const struct rh_aggregate *aggregate, const struct rh_accumulator *acc,
                        struct rh_rowstore *store, struct rh_value *ret_value,
                        struct rh_error *error)
{
    if (aggregate->function == RH_AGG_COUNT) {
        *ret_value = (struct rh_value){.type = RH_TYPE_INT, .as.i = (int64_t)acc->n};
        return RH_OK;
    }
    if (acc->n == 0) {
        *ret_value = (struct rh_value){.type = RH_TYPE_NULL};
        return RH_OK;
    }
    if (aggregate->function == RH_AGG_MIN || aggregate->function == RH_AGG_MAX) {
        *ret_value = acc->best;
        return RH_OK;
    }
    if (aggregate->type != RH_TYPE_FLOAT)
        return exact_result(aggregate, acc, store, ret_value, error);
    *ret_value = (struct rh_value){
        .type = RH_TYPE_FLOAT,
        .as.f = aggregate->function == RH_AGG_AVG ? acc->f / (double)acc->n : acc->f};
    return RH_OK;
}

void rh_aggregate_fini(struct rh_accumulator *acc)
{
    if (acc->is_big)
        mpz_clear(acc->big);
    free(acc->best_data);
    memset(acc, 0, sizeof(*acc));
}
