/*
 * Numbers without loss: from the text as it was written, through canonical decimal text, to the
 * type of the column. Nothing passes through a double but what is compared with doubles.
 *
 * Decimals are limited to what no source exceeds (PostgreSQL: 131072 digits before the point and
 * 16383 after it); a larger exponent is refused before its zeros are written out.
 */
#include "rows/bind_number.h"

#include "base/number.h"
#include "base/text.h"
#include "connector/decimal.h"

#include <math.h>
#include <stdlib.h>

#define SHORT_BYTES 512u
#define LONG_BYTES 150000u

static bool is_number(struct rh_text text)
{
    return text.len && rh_number_length(text) == text.len;
}

static bool has_sign(struct rh_text decimal)
{
    return decimal.len && decimal.data[0] == '-';
}

/* The whole part as digits, and whether all digits behind the point are zero. */
static struct rh_text whole_part(struct rh_text decimal, bool *ret_is_whole)
{
    uint64_t start = has_sign(decimal) ? 1 : 0, i = start;
    while (i < decimal.len && decimal.data[i] != '.')
        i++;
    struct rh_text whole = rh_text_make(decimal.data + start, i - start);
    *ret_is_whole = true;
    for (i++; i < decimal.len; i++)
        if (decimal.data[i] != '0')
            *ret_is_whole = false;
    return whole;
}

static enum rh_fit fit_int(struct rh_text decimal, struct rh_value *ret_value)
{
    int64_t value = 0;
    *ret_value = (struct rh_value){.type = RH_TYPE_INT};
    bool exact = rh_decimal_to_i64(decimal, &value);
    if (!exact && !rh_decimal_floor_i64(decimal, &value))
        return has_sign(decimal) ? RH_FIT_TOO_SMALL : RH_FIT_TOO_LARGE;
    ret_value->as.i = value;
    return exact ? RH_FIT_EXACT : RH_FIT_ABOVE_FLOOR;
}

static enum rh_fit fit_uint(struct rh_text decimal, struct rh_value *ret_value)
{
    bool is_whole = false;
    uint64_t value = 0;
    struct rh_text whole = whole_part(decimal, &is_whole);
    *ret_value = (struct rh_value){.type = RH_TYPE_UINT};
    if (has_sign(decimal)) {
        bool zero = is_whole && rh_text_to_u64(whole, &value) && !value;
        return zero ? RH_FIT_EXACT : RH_FIT_TOO_SMALL;
    }
    if (!rh_text_to_u64(whole, &value))
        return RH_FIT_TOO_LARGE;
    ret_value->as.u = value;
    return is_whole ? RH_FIT_EXACT : RH_FIT_ABOVE_FLOOR;
}

static enum rh_fit fit(uint32_t type, struct rh_text decimal, struct rh_value *ret_value)
{
    return type == RH_TYPE_INT ? fit_int(decimal, ret_value) : fit_uint(decimal, ret_value);
}

int rh_bind_whole(uint32_t type, struct rh_text text, enum rh_fit *ret_fit,
                  struct rh_value *ret_value)
{
    char shorter[SHORT_BYTES];
    int64_t i = 0;
    if (type == RH_TYPE_INT && text.len <= 20 && rh_text_to_i64(text, &i)) {
        *ret_value = (struct rh_value){.type = RH_TYPE_INT, .as.i = i};
        *ret_fit = RH_FIT_EXACT;
        return 0;
    }
    if (!is_number(text))
        return RH_NUMBER_WRONG;
    size_t len = rh_decimal_from_number(shorter, sizeof(shorter), text);
    if (len) {
        *ret_fit = fit(type, rh_text_make(shorter, len), ret_value);
        return 0;
    }
    char *longer = malloc(LONG_BYTES);
    if (!longer)
        return RH_NUMBER_NOMEM;
    len = rh_decimal_from_number(longer, LONG_BYTES, text);
    if (len)
        *ret_fit = fit(type, rh_text_make(longer, len), ret_value);
    free(longer);
    return len ? 0 : RH_NUMBER_WRONG;
}

static int keep_decimal(struct rh_arena *arena, const char *data, size_t len,
                        struct rh_value *ret_value)
{
    const char *copy = rh_arena_dup(arena, data, len);
    if (!copy)
        return RH_NUMBER_NOMEM;
    *ret_value = (struct rh_value){.type = RH_TYPE_DECIMAL, .len = (uint32_t)len, .as.data = copy};
    return 0;
}

int rh_bind_decimal(struct rh_arena *arena, struct rh_text text, struct rh_value *ret_value)
{
    char shorter[SHORT_BYTES];
    if (rh_text_is(text, "NaN"))
        return keep_decimal(arena, "NaN", 3, ret_value);
    if (!is_number(text))
        return RH_NUMBER_WRONG;
    size_t len = rh_decimal_from_number(shorter, sizeof(shorter), text);
    if (len)
        return keep_decimal(arena, shorter, len, ret_value);
    char *longer = malloc(LONG_BYTES);
    if (!longer)
        return RH_NUMBER_NOMEM;
    len = rh_decimal_from_number(longer, LONG_BYTES, text);
    int r = len ? keep_decimal(arena, longer, len, ret_value) : RH_NUMBER_WRONG;
    free(longer);
    return r;
}

int rh_bind_float(struct rh_text text, struct rh_value *ret_value)
{
    double value = 0;
    if (rh_text_is(text, "NaN"))
        value = (double)NAN;
    else if (rh_text_is(text, "Infinity"))
        value = (double)INFINITY;
    else if (rh_text_is(text, "-Infinity"))
        value = (double)-INFINITY;
    else if (!rh_number_to_f64(text, &value))
        return RH_NUMBER_WRONG;
    *ret_value = (struct rh_value){.type = RH_TYPE_FLOAT, .as.f = value};
    return 0;
}
