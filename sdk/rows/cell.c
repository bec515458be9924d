/*
 * Cells compared by value. Assumes cells that the host has checked: decimals are valid texts,
 * UUIDs and intervals have 16 bytes. Compares across number types without rounding.
 */
#include "rows/cell.h"

#include "base/map.h"
#include "base/text.h"
#include "connector/decimal.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define CLASS_NUMBER 1
#define CLASS_NULL 11

static const uint8_t class_of_type[RH_N_TYPES] = {
    [RH_TYPE_MISSING] = CLASS_NULL,
    [RH_TYPE_NULL] = CLASS_NULL,
    [RH_TYPE_BOOL] = 0,
    [RH_TYPE_INT] = CLASS_NUMBER,
    [RH_TYPE_UINT] = CLASS_NUMBER,
    [RH_TYPE_FLOAT] = CLASS_NUMBER,
    [RH_TYPE_DECIMAL] = CLASS_NUMBER,
    [RH_TYPE_TEXT] = 2,
    [RH_TYPE_UUID] = 3,
    [RH_TYPE_DATE] = 4,
    [RH_TYPE_TIME] = 5,
    [RH_TYPE_DATETIME] = 6,
    [RH_TYPE_TIMESTAMP] = 7,
    [RH_TYPE_INTERVAL] = 8,
    [RH_TYPE_BYTES] = 9,
    [RH_TYPE_JSON] = 10,
};

static int compare_i64(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static int compare_f64(double a, double b)
{
    if (isnan(a) || isnan(b))
        return isnan(a) - isnan(b);
    return (a > b) - (a < b);
}

/* An integer (in 65 bits, to hold both INT and UINT) against a double, by exact value. */
static int compare_int_f64(__int128 a, double b)
{
    double whole;
    __int128 truncated;

    if (isnan(b) || b >= 0x1p64)
        return -1;
    if (b < -0x1p63)
        return 1;
    whole = trunc(b);
    truncated = (__int128)whole;
    if (a != truncated)
        return a > truncated ? 1 : -1;
    return (b < whole) - (b > whole);
}

static __int128 integer_of(const struct rh_value *cell)
{
    return cell->type == RH_TYPE_UINT ? (__int128)cell->as.u : (__int128)cell->as.i;
}

static int compare_int_decimal(const struct rh_value *a, struct rh_text b)
{
    char digits[24];
    int n = a->type == RH_TYPE_UINT ? snprintf(digits, sizeof(digits), "%" PRIu64, a->as.u)
                                    : snprintf(digits, sizeof(digits), "%" PRId64, a->as.i);

    return rh_decimal_compare(rh_text_make(digits, (size_t)n), b);
}

static int compare_decimal_f64(struct rh_text a, double b)
{
    bool a_is_nan = rh_text_is(a, "NaN");

    if (a_is_nan || isnan(b))
        return a_is_nan - isnan(b);
    if (isinf(b))
        return b > 0 ? -1 : 1;
    return rh_decimal_compare_f64(a, b);
}

static int compare_numbers(const struct rh_value *a, const struct rh_value *b)
{
    if (a->type == RH_TYPE_INT && b->type == RH_TYPE_INT)
        return compare_i64(a->as.i, b->as.i);
    if (a->type == RH_TYPE_DECIMAL) {
        if (b->type == RH_TYPE_DECIMAL)
            return rh_decimal_compare(rh_cell_text(a), rh_cell_text(b));
        if (b->type == RH_TYPE_FLOAT)
            return compare_decimal_f64(rh_cell_text(a), b->as.f);
        return -compare_int_decimal(b, rh_cell_text(a));
    }
    if (a->type == RH_TYPE_FLOAT) {
        if (b->type == RH_TYPE_FLOAT)
            return compare_f64(a->as.f, b->as.f);
        if (b->type == RH_TYPE_DECIMAL)
            return -compare_decimal_f64(rh_cell_text(b), a->as.f);
        return -compare_int_f64(integer_of(b), a->as.f);
    }
    if (b->type == RH_TYPE_DECIMAL)
        return compare_int_decimal(a, rh_cell_text(b));
    if (b->type == RH_TYPE_FLOAT)
        return compare_int_f64(integer_of(a), b->as.f);
    return (integer_of(a) > integer_of(b)) - (integer_of(a) < integer_of(b));
}

static __int128 length_of_interval(const struct rh_value *cell)
{
    struct rh_interval interval;

    memcpy(&interval, cell->as.data, sizeof(interval));
    return ((__int128)interval.months * 30 + interval.days) * INT64_C(86400000000) + interval.us;
}

static int compare_bytes(const struct rh_value *a, const struct rh_value *b)
{
    uint32_t n = a->len < b->len ? a->len : b->len;
    int r = n ? memcmp(a->as.data, b->as.data, n) : 0;

    return r ? r : (a->len > b->len) - (a->len < b->len);
}

unsigned rh_cell_class(const struct rh_value *cell)
{
    return class_of_type[cell->type % RH_N_TYPES];
}

int rh_cell_compare(const struct rh_value *a, const struct rh_value *b)
{
    unsigned class_a = rh_cell_class(a), class_b = rh_cell_class(b);
    __int128 length_a, length_b;

    if (class_a != class_b)
        return class_a < class_b ? -1 : 1;
    switch (a->type) {
    case RH_TYPE_MISSING:
    case RH_TYPE_NULL:
        return 0;
    case RH_TYPE_INT:
    case RH_TYPE_UINT:
    case RH_TYPE_FLOAT:
    case RH_TYPE_DECIMAL:
        return compare_numbers(a, b);
    case RH_TYPE_INTERVAL:
        length_a = length_of_interval(a);
        length_b = length_of_interval(b);
        return (length_a > length_b) - (length_a < length_b);
    case RH_TYPE_TEXT:
    case RH_TYPE_BYTES:
    case RH_TYPE_UUID:
    case RH_TYPE_JSON:
        return compare_bytes(a, b);
    default:
        return compare_i64(a->as.i, b->as.i);
    }
}

bool rh_cell_equal(const struct rh_value *a, const struct rh_value *b)
{
    if (a->type == RH_TYPE_TEXT && b->type == RH_TYPE_TEXT)
        return a->len == b->len && (a->len == 0 || memcmp(a->as.data, b->as.data, a->len) == 0);
    return rh_cell_compare(a, b) == 0;
}

/* Whole numbers within int64 by that, all others by the nearest double: the same for every type
 * that can hold the value. */
static uint64_t hash_number(const struct rh_value *cell)
{
    double f;
    int64_t i;

    switch (cell->type) {
    case RH_TYPE_INT:
        return rh_hash(&cell->as.i, sizeof(cell->as.i));
    case RH_TYPE_UINT:
        if (cell->as.u <= INT64_MAX)
            return rh_hash(&cell->as.u, sizeof(cell->as.u));
        f = (double)cell->as.u;
        break;
    case RH_TYPE_DECIMAL:
        if (rh_decimal_to_i64(rh_cell_text(cell), &i))
            return rh_hash(&i, sizeof(i));
        f = rh_text_is(rh_cell_text(cell), "NaN") ? (double)NAN
                                                  : rh_decimal_to_f64(rh_cell_text(cell));
        break;
    default:
        f = cell->as.f;
    }
    if (isnan(f))
        return rh_hash("NaN", 3);
    if (f >= -0x1p63 && f < 0x1p63) {
        i = (int64_t)f;
        /* A decimal that is not whole may round to a whole double; its hash is then that of the
         * whole number, which costs a collision and no more. */
        if ((double)i == f)
            return rh_hash(&i, sizeof(i));
    }
    return rh_hash(&f, sizeof(f));
}

uint64_t rh_cell_hash(const struct rh_value *cell)
{
    uint64_t length_words[2];
    __int128 length;

    switch (cell->type) {
    case RH_TYPE_MISSING:
    case RH_TYPE_NULL:
        return rh_hash("", 0);
    case RH_TYPE_INT:
    case RH_TYPE_UINT:
    case RH_TYPE_FLOAT:
    case RH_TYPE_DECIMAL:
        return hash_number(cell);
    case RH_TYPE_INTERVAL:
        length = length_of_interval(cell);
        length_words[0] = (uint64_t)length;
        length_words[1] = (uint64_t)(length >> 64);
        return rh_hash(length_words, sizeof(length_words));
    case RH_TYPE_TEXT:
    case RH_TYPE_BYTES:
    case RH_TYPE_UUID:
    case RH_TYPE_JSON:
        return rh_hash(cell->as.data, cell->len) + cell->type;
    default:
        return rh_hash(&cell->as.i, sizeof(cell->as.i)) + cell->type;
    }
}

bool rh_cells_equal(const struct rh_value *a, const struct rh_value *b, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (!rh_cell_equal(&a[i], &b[i]))
            return false;
    return true;
}

uint64_t rh_cells_hash(const struct rh_value *cells, uint32_t n)
{
    uint64_t hash = n;

    for (uint32_t i = 0; i < n; i++) {
        hash = (hash ^ rh_cell_hash(&cells[i])) * UINT64_C(0x9e3779b97f4a7c15);
        hash ^= hash >> 29;
    }
    return hash;
}
