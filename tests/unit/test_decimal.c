/*
 * Decimals against __int128 and against the C library.
 */
#include "connector/decimal.h"

#include "base/text.h"
#include "lib/random.h"
#include "lib/tests.h"

#include <check.h>
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* value / 10^scale with some zeros that mean nothing. */
static struct rh_text decimal_of(char *to, __int128 value, unsigned scale)
{
    char digits[80];
    size_t at = sizeof digits, n = 0;
    bool negative = value < 0;
    unsigned __int128 m = negative ? -(unsigned __int128)value : (unsigned __int128)value;
    for (unsigned zeros = (unsigned)(random_u64() % 3); zeros && scale; zeros--)
        digits[--at] = '0';
    for (unsigned i = 0; m || i <= scale; i++) {
        if (i == scale && scale)
            digits[--at] = '.';
        digits[--at] = (char)('0' + (int)(m % 10));
        m /= 10;
    }
    for (unsigned zeros = (unsigned)(random_u64() % 3); zeros; zeros--)
        digits[--at] = '0';
    if (negative || (value == 0 && random_u64() % 2))
        to[n++] = '-';
    memcpy(to + n, digits + at, sizeof digits - at);
    return rh_text_make(to, n + sizeof digits - at);
}

static __int128 random_i128(unsigned bits)
{
    unsigned __int128 m = (unsigned __int128)random_u64() << 64 | random_u64();
    m >>= 128 - (random_u64() % bits + 1);
    return random_u64() % 2 ? (__int128)m : -(__int128)m;
}

START_TEST(compare_agrees_with_int128)
{
    char room_a[120], room_b[120];
    for (int i = 0; i < 300000; i++) {
        unsigned scale_a = (unsigned)(random_u64() % 6), scale_b = (unsigned)(random_u64() % 6);
        __int128 a = random_i128(90), b = random_u64() % 4 ? random_i128(90) : a;
        __int128 x = a, y = b;
        for (unsigned s = scale_a; s < 6; s++)
            x *= 10;
        for (unsigned s = scale_b; s < 6; s++)
            y *= 10;
        struct rh_text ta = decimal_of(room_a, a, scale_a), tb = decimal_of(room_b, b, scale_b);
        REQUIRE(rh_decimal_is_valid(ta) && rh_decimal_is_valid(tb));
        if (!(rh_decimal_compare(ta, tb) == (x > y) - (x < y)))
            ck_abort_msg("%.*s %.*s", (int)ta.len, ta.data, (int)tb.len, tb.data);
        REQUIRE(rh_decimal_compare(tb, ta) == -rh_decimal_compare(ta, tb));
    }
}
END_TEST

START_TEST(nan_is_above_all)
{
    struct rh_text nan = RH_TEXT("NaN"), big = RH_TEXT("99999999999999999999999999999999999999");
    ck_assert_int_eq(rh_decimal_compare(nan, nan), 0);
    ck_assert_int_eq(rh_decimal_compare(nan, big), 1);
    ck_assert_int_eq(rh_decimal_compare(big, nan), -1);
    ck_assert_int_eq(rh_decimal_compare_f64(nan, NAN), 0);
    ck_assert_int_eq(rh_decimal_compare_f64(nan, (double)INFINITY), 1);
    ck_assert_int_eq(rh_decimal_compare_f64(big, NAN), -1);
    ck_assert_int_eq(rh_decimal_compare_f64(big, (double)INFINITY), -1);
    ck_assert_int_eq(rh_decimal_compare_f64(big, -(double)INFINITY), 1);
}
END_TEST

START_TEST(validity)
{
    static const char *const good[] = {"0", "-0", "1.0", "00.10", "NaN", "-12.5"};
    static const char *const bad[] = {"",     "-",  ".5", "5.",    "+1",   "1e3",  "nan",
                                      "-NaN", " 1", "1 ", "1.2.3", "1.-2", "NaNs", "Infinity"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        ck_assert_msg(rh_decimal_is_valid(rh_text_of(good[i])), "%s", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(!rh_decimal_is_valid(rh_text_of(bad[i])), "%s", bad[i]);
    ck_assert(!rh_decimal_is_valid((struct rh_text){NULL, 0}));
}
END_TEST

static double random_double(void)
{
    double d;
    do {
        uint64_t bits = random_u64();
        if (random_u64() % 3 == 0)
            return (double)(int64_t)bits / (double)(1u << random_u64() % 20);
        if (random_u64() % 3 == 0)
            return (double)((int64_t)bits >> 40) / 1000.0;
        memcpy(&d, &bits, sizeof d);
    } while (!isfinite(d));
    return d;
}

START_TEST(doubles_round_trip_with_the_fewest_digits)
{
    char to[RH_DECIMAL_F64_MAX + 1];
    for (int i = 0; i < 200000; i++) {
        double d = i == 0 ? DBL_MIN : i == 1 ? 5e-324 : i == 2 ? -DBL_MAX : random_double();
        size_t n = rh_decimal_from_f64(to, d, 0);
        REQUIRE(n > 0);
        REQUIRE(n < RH_DECIMAL_F64_MAX);
        to[n] = '\0';
        struct rh_text text = rh_text_make(to, n);
        if (!(rh_decimal_is_valid(text)))
            ck_abort_msg("%s", to);
        if (!(strtod(to, NULL) == d))
            ck_abort_msg("%s", to);
        if (!(rh_decimal_to_f64(text) == d))
            ck_abort_msg("%s", to);
        /* No more significant digits than %.17g needs at most. */
        char shortest[40];
        int precision = 1;
        do
            snprintf(shortest, sizeof shortest, "%.*e", precision - 1, d);
        while (strtod(shortest, NULL) != d && ++precision <= 17);
        char canonical[RH_DECIMAL_F64_MAX];
        size_t m = rh_decimal_from_number(canonical, sizeof canonical, rh_text_of(shortest));
        if (!(rh_decimal_compare(text, rh_text_make(canonical, m)) == 0 || precision > 15))
            ck_abort_msg("%s against %s", to, shortest);
    }
}
END_TEST

START_TEST(doubles_are_compared_by_their_exact_value)
{
    char exact[1600];
    for (int i = 0; i < 3000; i++) {
        double d = random_double();
        int n = snprintf(exact, sizeof exact - 2, "%.1074f", d);
        struct rh_text text = rh_text_make(exact, (size_t)n);
        REQUIRE(rh_decimal_compare_f64(text, d) == 0);
        REQUIRE(rh_decimal_compare_f64(text, nextafter(d, (double)INFINITY)) == -1);
        REQUIRE(rh_decimal_compare_f64(text, nextafter(d, -(double)INFINITY)) == 1);
        exact[n] = '1'; /* a little further from zero */
        text.len++;
        REQUIRE(rh_decimal_compare_f64(text, d) == (d < 0 ? -1 : 1));
        REQUIRE(rh_decimal_to_f64(text) == d);
    }
    REQUIRE(rh_decimal_compare_f64(RH_TEXT("0.1"), 0.1) == -1);
    REQUIRE(rh_decimal_compare_f64(RH_TEXT("0.5"), 0.5) == 0);
    REQUIRE(rh_decimal_compare_f64(RH_TEXT("9007199254740993"), 9007199254740992.0) == 1);
}
END_TEST

START_TEST(long_digits_still_round_correctly)
{
    /* Half way between 1 and its successor, then a 1 far behind. */
    char text[3000];
    memset(text, '0', sizeof text);
    struct rh_text half = RH_TEXT("1.00000000000000011102230246251565404236316680908203125");
    memcpy(text, half.data, half.len);
    ck_assert(rh_decimal_to_f64(rh_text_make(text, sizeof text)) == 1.0);
    text[sizeof text - 1] = '1';
    ck_assert(rh_decimal_to_f64(rh_text_make(text, sizeof text)) == 1.0 + DBL_EPSILON);
    memset(text, '9', sizeof text);
    ck_assert(isinf(rh_decimal_to_f64(rh_text_make(text, sizeof text))));
    memset(text, '0', sizeof text);
    text[1] = '.';
    text[sizeof text - 1] = '1';
    ck_assert(rh_decimal_to_f64(rh_text_make(text, sizeof text)) == 0.0);
}
END_TEST

START_TEST(numbers_become_canonical)
{
    static const struct {
        const char *in, *out;
    } cases[] = {{"0", "0"},
                 {"-0", "0"},
                 {"-0.00", "0.00"},
                 {"1e3", "1000"},
                 {"-1.50E-2", "-0.0150"},
                 {"12.340", "12.340"},
                 {"1.5e1", "15"},
                 {"1.25e1", "12.5"},
                 {"0.001e2", "0.1"},
                 {"0.001e3", "1"},
                 {"0e5", "0"},
                 {"123e-2", "1.23"},
                 {"123e-3", "0.123"},
                 {"123e-5", "0.00123"},
                 {"1E+2", "100"},
                 {"0.00e1", "0.0"},
                 {"1e00000000000000000000002", "100"}};
    static const char *const bad[] = {"",
                                      "-",
                                      "01",
                                      "1.",
                                      ".1",
                                      "1e",
                                      "1e+",
                                      "+1",
                                      "NaN",
                                      "1x",
                                      "1e400",
                                      "1e-400",
                                      "1e99999999999999999999",
                                      "1e-9223372036854775808"};
    char to[100];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t n = rh_decimal_from_number(to, sizeof to, rh_text_of(cases[i].in));
        ck_assert_msg(n == strlen(cases[i].out) && memcmp(to, cases[i].out, n) == 0, "%s: %.*s",
                      cases[i].in, (int)n, to);
        ck_assert_uint_eq(rh_decimal_from_number(to, n - 1, rh_text_of(cases[i].in)), 0);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(!rh_decimal_from_number(to, sizeof to, rh_text_of(bad[i])), "%s", bad[i]);
}
END_TEST

static void check_f64(double value, unsigned scale, const char *want)
{
    char to[RH_DECIMAL_F64_MAX];
    size_t n = rh_decimal_from_f64(to, value, scale);
    ck_assert_msg(n == strlen(want) && memcmp(to, want, n) == 0, "%.*s, want %s", (int)n, to, want);
}

START_TEST(doubles_are_padded_to_the_scale)
{
    char to[RH_DECIMAL_F64_MAX];
    check_f64(0.1, 0, "0.1");
    check_f64(-0.0, 0, "0");
    check_f64(0.0, 2, "0.00");
    check_f64(-12.5, 2, "-12.50");
    check_f64(1e15, 1, "1000000000000000.0");
    check_f64(1e22, 0, "10000000000000000000000");
    check_f64(0.00001234567, 0, "0.00001234567");
    check_f64(1.0 / 3, 3, "0.3333333333333333");
    check_f64(NAN, 2, "NaN");
    ck_assert_uint_eq(rh_decimal_from_f64(to, (double)INFINITY, 0), 0);
    ck_assert_uint_eq(rh_decimal_from_f64(to, 1, 100000), RH_DECIMAL_F64_MAX);
}
END_TEST

START_TEST(whole_numbers)
{
    static const struct {
        const char *in;
        bool whole, fits;
        int64_t floor;
    } cases[] = {{"5.00", true, true, 5},
                 {"5.01", false, true, 5},
                 {"-5.01", false, true, -6},
                 {"-0.5", false, true, -1},
                 {"0.5", false, true, 0},
                 {"-0", true, true, 0},
                 {"0009223372036854775807", true, true, INT64_MAX},
                 {"9223372036854775807.9", false, true, INT64_MAX},
                 {"9223372036854775808", false, false, 0},
                 {"-9223372036854775808.0", true, true, INT64_MIN},
                 {"-9223372036854775808.1", false, false, 0},
                 {"-9223372036854775809", false, false, 0},
                 {"123456789012345678901234567890", false, false, 0},
                 {"NaN", false, false, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t value = 77;
        ck_assert_msg(rh_decimal_to_i64(rh_text_of(cases[i].in), &value) == cases[i].whole, "%s",
                      cases[i].in);
        ck_assert_int_eq(value, cases[i].whole ? cases[i].floor : 77);
        value = 77;
        ck_assert_msg(rh_decimal_floor_i64(rh_text_of(cases[i].in), &value) == cases[i].fits, "%s",
                      cases[i].in);
        ck_assert_int_eq(value, cases[i].fits ? cases[i].floor : 77);
    }
}
END_TEST

TESTS_MAIN("decimal", compare_agrees_with_int128, nan_is_above_all, validity,
           doubles_round_trip_with_the_fewest_digits, doubles_are_compared_by_their_exact_value,
           long_digits_still_round_correctly, numbers_become_canonical,
           doubles_are_padded_to_the_scale, whole_numbers)
