/*
 * Decimals from any bytes: a number becomes a valid decimal of the same value, comparing is an
 * order, doubles come back, and the whole numbers agree with each other.
 * The input is cut at its first newline into two texts.
 */
#include "connector/decimal.h"

#include "base/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ROOM 512

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static bool same_double(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

static void check_whole(struct rh_text text)
{
    int64_t floor = 0, whole = 0;
    bool has_floor = rh_decimal_floor_i64(text, &floor), is_whole = rh_decimal_to_i64(text, &whole);
    require(!is_whole || (has_floor && floor == whole));
    if (!has_floor)
        return;
    char room[32];
    size_t n = 0;
    uint64_t m = floor < 0 ? 0 - (uint64_t)floor : (uint64_t)floor;
    do
        room[sizeof room - ++n] = (char)('0' + m % 10);
    while (m /= 10);
    if (floor < 0)
        room[sizeof room - ++n] = '-';
    int c = rh_decimal_compare(rh_text_make(room + sizeof room - n, n), text);
    require(is_whole ? c == 0 : c < 0);
}

static void check_double(double value)
{
    char room[RH_DECIMAL_F64_MAX];
    size_t n = rh_decimal_from_f64(room, value, 2);
    require((n == 0) == (isinf(value) != 0));
    if (n == 0)
        return;
    struct rh_text text = rh_text_make(room, n);
    require(rh_decimal_is_valid(text) && same_double(rh_decimal_to_f64(text), value));
}

/* A valid decimal of the text's value in room, if the text is a number. */
static bool canonical(struct rh_text text, char *room, struct rh_text *ret)
{
    size_t n = rh_decimal_from_number(room, ROOM, text);
    *ret = rh_text_make(room, n);
    if (n == 0)
        return false;
    require(n <= ROOM && rh_decimal_is_valid(*ret));
    double exact;
    if (rh_text_to_f64(text, &exact))
        require(rh_decimal_to_f64(*ret) == exact);
    if (rh_decimal_is_valid(text))
        require(rh_decimal_compare(text, *ret) == 0);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rh_text b = rh_text_make((const char *)data, size), a = rh_text_cut(&b, '\n');
    char room_a[ROOM], room_b[ROOM];
    if (size >= sizeof(double)) {
        double value;
        memcpy(&value, data, sizeof value);
        check_double(value);
    }
    if (!canonical(a, room_a, &a))
        return 0;
    check_whole(a);
    double x = rh_decimal_to_f64(a);
    require(rh_decimal_compare_f64(a, nextafter(x, (double)INFINITY)) < 0);
    require(rh_decimal_compare_f64(a, nextafter(x, -(double)INFINITY)) > 0);
    if (!canonical(b, room_b, &b))
        return 0;
    int c = rh_decimal_compare(a, b);
    require(rh_decimal_compare(b, a) == -c);
    double y = rh_decimal_to_f64(b);
    require(c < 0 ? x <= y : c > 0 ? x >= y : x == y);
    return 0;
}
