/* core/base/text.h and number.h */
#include "base/number.h"
#include "base/text.h"
#include "lib/random.h"
#include "lib/tests.h"

#include <ctype.h>
#include <limits.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

START_TEST(compares_and_cuts)
{
    ck_assert(rh_text_equal(RH_TEXT("a"), RH_TEXT("a")));
    ck_assert(rh_text_equal((struct rh_text){NULL, 0}, RH_TEXT("")));
    ck_assert(!rh_text_equal(RH_TEXT("a"), RH_TEXT("ab")));
    ck_assert(!rh_text_equal(RH_TEXT("a\0b"), RH_TEXT("a\0c")));
    ck_assert_int_lt(rh_text_compare(RH_TEXT("a"), RH_TEXT("b")), 0);
    ck_assert_int_lt(rh_text_compare(RH_TEXT("a"), RH_TEXT("ab")), 0);
    ck_assert_int_gt(rh_text_compare(RH_TEXT("\xc3\xa4"), RH_TEXT("z")), 0);
    ck_assert_int_eq(rh_text_compare((struct rh_text){NULL, 0}, RH_TEXT("")), 0);
    ck_assert(rh_text_starts(RH_TEXT("abc"), "ab") && rh_text_starts(RH_TEXT(""), ""));
    ck_assert(!rh_text_starts(RH_TEXT("a"), "ab"));
    ck_assert(rh_text_ends(RH_TEXT("abc"), "bc") && !rh_text_ends(RH_TEXT("c"), "bc"));
    ck_assert(rh_text_ends(RH_TEXT("bc"), "bc") && rh_text_ends((struct rh_text){NULL, 0}, ""));
    ck_assert(rh_text_is(rh_text_trim(RH_TEXT(" \t\r\n\v\fa b ")), "a b"));
    ck_assert_uint_eq(rh_text_trim(RH_TEXT("  ")).len, 0);
    ck_assert_uint_eq(rh_text_trim((struct rh_text){NULL, 0}).len, 0);

    struct rh_text rest = RH_TEXT("a,,b");
    ck_assert(rh_text_is(rh_text_cut(&rest, ','), "a"));
    ck_assert(rh_text_is(rh_text_cut(&rest, ','), ""));
    ck_assert_ptr_nonnull(rest.data);
    ck_assert(rh_text_is(rh_text_cut(&rest, ','), "b"));
    ck_assert_ptr_null(rest.data);
    rest = RH_TEXT("a,");
    rh_text_cut(&rest, ',');
    ck_assert_ptr_nonnull(rest.data);
    ck_assert_uint_eq(rest.len, 0);
}
END_TEST

START_TEST(reads_integers_at_their_limits)
{
    for (int c = CHAR_MIN; c <= CHAR_MAX; c++) {
        const char digit[] = {(char)c, '\0'};
        bool is_digit = c > 0 && isxdigit(c);
        ck_assert_int_eq(rh_text_hex_digit((char)c), is_digit ? strtol(digit, NULL, 16) : -1);
    }
    int64_t i = 7;
    uint64_t u = 7;
    ck_assert(rh_text_to_i64(RH_TEXT("9223372036854775807"), &i) && i == INT64_MAX);
    ck_assert(rh_text_to_i64(RH_TEXT("-9223372036854775808"), &i) && i == INT64_MIN);
    ck_assert(rh_text_to_i64(RH_TEXT("-0"), &i) && i == 0);
    ck_assert(!rh_text_to_i64(RH_TEXT("9223372036854775808"), &i));
    ck_assert(!rh_text_to_i64(RH_TEXT("-9223372036854775809"), &i));
    ck_assert(rh_text_to_u64(RH_TEXT("18446744073709551615"), &u) && u == UINT64_MAX);
    ck_assert(rh_text_to_u64(RH_TEXT("18446744073709551614"), &u) && u == UINT64_MAX - 1);
    u = 7;
    ck_assert(!rh_text_to_u64(RH_TEXT("18446744073709551616"), &u));
    ck_assert(!rh_text_to_u64(RH_TEXT("99999999999999999999999"), &u));
    static const char *const wrong[] = {"", "-", "+1", " 1", "1 ", "1.0", "0x1", "1e3", "--1", "a"};
    for (size_t k = 0; k < sizeof(wrong) / sizeof(wrong[0]); k++) {
        ck_assert_msg(!rh_text_to_i64(rh_text_of(wrong[k]), &i), "%s", wrong[k]);
        ck_assert_msg(!rh_text_to_u64(rh_text_of(wrong[k]), &u), "%s", wrong[k]);
    }
    ck_assert(!rh_text_to_u64(RH_TEXT("-1"), &u));
    ck_assert_uint_eq(u, 7);
    ck_assert(!rh_text_to_u64((struct rh_text){NULL, 0}, &u));
}
END_TEST

START_TEST(reads_doubles_as_strtod_does)
{
    static const char *const right[] = {"0",
                                        "-0",
                                        "1",
                                        "-1",
                                        "0.1",
                                        "-0.001",
                                        "123456789012345",
                                        "1234567890123456789",
                                        "1e22",
                                        "1e23",
                                        "1E+5",
                                        "1e-5",
                                        "0.3e1",
                                        "5e-324",
                                        "2.4703282292062327208e-324",
                                        "4.9e-324",
                                        "1e-400",
                                        "-1e-400",
                                        "1.7976931348623157e308",
                                        "179769313486231570814e288",
                                        "0.000001e300",
                                        "1000000e-310",
                                        "2.2250738585072011e-308",
                                        "9007199254740993",
                                        "9007199254740992.5",
                                        "0e999999999999999999999",
                                        "100000000000000000000e-20",
                                        "0.00000000000000000000000000001e29",
                                        "1e-99999999999999999999999"};
    for (size_t k = 0; k < sizeof(right) / sizeof(right[0]); k++) {
        double value = 7, expected = strtod(right[k], NULL);
        ck_assert_msg(rh_text_to_f64(rh_text_of(right[k]), &value), "%s", right[k]);
        ck_assert_msg(memcmp(&value, &expected, sizeof(value)) == 0, "%s: %.17g", right[k], value);
    }
    static const char *const wrong[] = {"",
                                        "inf",
                                        "nan",
                                        "-inf",
                                        "Infinity",
                                        "0x1p3",
                                        "1.",
                                        ".5",
                                        "01",
                                        "+1",
                                        "1e",
                                        "1e+",
                                        "-",
                                        " 1",
                                        "1 ",
                                        "1,5",
                                        "1e309",
                                        "-1e309",
                                        "1e99999999999999999999",
                                        "1_0"};
    double value = 7;
    for (size_t k = 0; k < sizeof(wrong) / sizeof(wrong[0]); k++)
        ck_assert_msg(!rh_text_to_f64(rh_text_of(wrong[k]), &value), "%s", wrong[k]);
    ck_assert(value == 7);
}
END_TEST

/* Half-way between two doubles, and a last digit far beyond what decides otherwise. */
START_TEST(reads_doubles_with_thousands_of_digits)
{
    static char text[5000];
    double value;
    int n = snprintf(text, sizeof(text), "9007199254740993.%04000d", 0);
    ck_assert(rh_text_to_f64(rh_text_make(text, (size_t)n), &value));
    ck_assert(value == 9007199254740992.0);
    text[n - 1] = '1';
    ck_assert(rh_text_to_f64(rh_text_make(text, (size_t)n), &value));
    ck_assert(value == 9007199254740994.0);
    n = snprintf(text, sizeof(text), "0.%04000d1e4001", 0);
    ck_assert(rh_text_to_f64(rh_text_make(text, (size_t)n), &value));
    ck_assert(value == 1.0);
}
END_TEST

START_TEST(compares_numbers_exactly)
{
    static const struct {
        const char *a, *b;
        bool equal;
    } pairs[] = {{"1", "1.0", true},
                 {"1", "1e0", true},
                 {"100", "1e2", true},
                 {"0.001", "1E-3", true},
                 {"-0", "0", true},
                 {"0.0e5", "0", true},
                 {"12.340", "1234e-2", true},
                 {"1", "-1", false},
                 {"10", "1", false},
                 {"9007199254740993", "9007199254740992", false},
                 {"1e400", "10e399", true},
                 {"1e400", "1e401", false},
                 {"0.1", "0.10000000000000000001", false},
                 {"1.5", "15", false},
                 {"1e99999999999999999999", "1e99999999999999999999", true},
                 {"1e99999999999999999999", "1e99999999999999999998", false},
                 {"101", "1.01e2", true},
                 {"0.00", "-0e9", true},
                 {"120", "12", false},
                 {"1.2e-7", "0.00000012", true}};
    for (size_t k = 0; k < sizeof(pairs) / sizeof(pairs[0]); k++) {
        struct rh_text a = rh_text_of(pairs[k].a), b = rh_text_of(pairs[k].b);
        ck_assert_msg(rh_number_equal(a, b) == pairs[k].equal, "%s %s", pairs[k].a, pairs[k].b);
        ck_assert_msg(rh_number_equal(b, a) == pairs[k].equal, "%s %s", pairs[k].b, pairs[k].a);
    }
}
END_TEST

START_TEST(writes_doubles_shortest)
{
    static const struct {
        double value;
        const char *text;
    } cases[] = {{0, "0"},
                 {-0.0, "-0"},
                 {1, "1"},
                 {-1.5, "-1.5"},
                 {0.1, "0.1"},
                 {0.3, "0.3"},
                 {100, "100"},
                 {1e14, "100000000000000"},
                 {123456.789, "123456.789"},
                 {0.05, "0.05"},
                 {1e300, "1e+300"},
                 {5e-324, "5e-324"},
                 {0.00001, "1e-05"},
                 {0.001, "0.001"},
                 {1.0 / 3, "0.3333333333333333"},
                 {0.1 + 0.2, "0.30000000000000004"},
                 {9007199254740993.0, "9007199254740992"},
                 {-0.001, "-0.001"},
                 {1e15, "1e+15"}};
    char text[RH_NUMBER_F64_SIZE];
    for (size_t k = 0; k < sizeof(cases) / sizeof(cases[0]); k++) {
        size_t n = rh_number_from_f64(cases[k].value, text);
        ck_assert_str_eq(text, cases[k].text);
        ck_assert_uint_eq(n, strlen(text));
    }
}
END_TEST

/* Any bits: what is written is a JSON number and reads back as the same bits. */
START_TEST(doubles_make_the_round_trip)
{
    char text[RH_NUMBER_F64_SIZE];
    for (int k = 0; k < 200000; k++) {
        uint64_t bits = random_u64();
        double value, back = 7;
        memcpy(&value, &bits, sizeof(value));
        if (k % 4 == 0)
            value = (double)(int64_t)(bits % 2000000000) / 1000.0;
        else if (k % 4 == 1)
            value = (double)(bits >> 40) * 1e-9;
        if (!isfinite(value))
            continue;
        size_t n = rh_number_from_f64(value, text);
        ck_assert(n < sizeof(text) && text[n] == '\0');
        ck_assert_msg(rh_text_to_f64(rh_text_make(text, n), &back), "%s", text);
        ck_assert_msg(memcmp(&value, &back, sizeof(value)) == 0, "%s", text);
    }
}
END_TEST

/* Connectors load libraries that call setlocale. */
START_TEST(no_locale_changes_numbers)
{
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "ru_RU.UTF-8"};
    for (size_t k = 0; k < sizeof(names) / sizeof(names[0]); k++) {
        if (setlocale(LC_ALL, names[k]))
            break;
    }
    char text[RH_NUMBER_F64_SIZE];
    double value = 0;
    rh_number_from_f64(1.0 / 3, text);
    ck_assert_str_eq(text, "0.3333333333333333");
    ck_assert(rh_text_to_f64(RH_TEXT("0.33333333333333331483"), &value) && value == 1.0 / 3);
}
END_TEST

START_TEST(knows_utf8)
{
    static const struct rh_text right[] = {RH_TEXT_INIT(""),
                                           RH_TEXT_INIT("a"),
                                           RH_TEXT_INIT("12345678"),
                                           RH_TEXT_INIT("a\0b"),
                                           RH_TEXT_INIT("\x7f"),
                                           RH_TEXT_INIT("\xc2\x80"),
                                           RH_TEXT_INIT("\xdf\xbf"),
                                           RH_TEXT_INIT("\xe0\xa0\x80"),
                                           RH_TEXT_INIT("\xed\x9f\xbf"),
                                           RH_TEXT_INIT("\xee\x80\x80"),
                                           RH_TEXT_INIT("\xef\xbf\xbf"),
                                           RH_TEXT_INIT("\xf0\x90\x80\x80"),
                                           RH_TEXT_INIT("\xf4\x8f\xbf\xbf"),
                                           RH_TEXT_INIT("1234567\xc3\xa4z12345678")};
    static const struct rh_text wrong[] = {RH_TEXT_INIT("\x80"),
                                           RH_TEXT_INIT("\xbf"),
                                           RH_TEXT_INIT("\xc0\x80"),
                                           RH_TEXT_INIT("\xc1\xbf"),
                                           RH_TEXT_INIT("\xc2"),
                                           RH_TEXT_INIT("\xc2z"),
                                           RH_TEXT_INIT("\xe0\x9f\xbf"),
                                           RH_TEXT_INIT("\xe0\xa0"),
                                           RH_TEXT_INIT("\xed\xa0\x80"),
                                           RH_TEXT_INIT("\xed\xbf\xbf"),
                                           RH_TEXT_INIT("\xf0\x8f\xbf\xbf"),
                                           RH_TEXT_INIT("\xf0\x90\x80"),
                                           RH_TEXT_INIT("\xf4\x90\x80\x80"),
                                           RH_TEXT_INIT("\xf5\x80\x80\x80"),
                                           RH_TEXT_INIT("\xff"),
                                           RH_TEXT_INIT("\xe1\x80\xc0"),
                                           RH_TEXT_INIT("\xf1\x80\x80\x7f"),
                                           RH_TEXT_INIT("1234567\xc3"
                                                        "12345678"),
                                           RH_TEXT_INIT("12345678\xc3")};
    for (size_t k = 0; k < sizeof(right) / sizeof(right[0]); k++)
        ck_assert_msg(rh_text_is_utf8(right[k]), "right %zu", k);
    for (size_t k = 0; k < sizeof(wrong) / sizeof(wrong[0]); k++)
        ck_assert_msg(!rh_text_is_utf8(wrong[k]), "wrong %zu", k);
    ck_assert(rh_text_is_utf8((struct rh_text){NULL, 0}));
}
END_TEST

/* Every code point encoded, and every sequence one off. */
START_TEST(steps_over_every_code_point)
{
    for (unsigned point = 0; point < 0x112000; point++) {
        unsigned n = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
        unsigned char text[4] = {(unsigned char)point};
        unsigned rest = point;
        for (unsigned i = n; i-- > 1; rest >>= 6)
            text[i] = (unsigned char)(0x80 | (rest & 0x3f));
        if (n > 1)
            text[0] = (unsigned char)((0xf00u >> n) | rest);
        bool valid = point < 0x110000 && (point < 0xd800 || point > 0xdfff);
        ck_assert_uint_eq(rh_text_utf8_step((const char *)text, n), valid ? n : 0);
        ck_assert_uint_eq(rh_text_utf8_step((const char *)text, n - 1), 0);
    }
}
END_TEST

START_TEST(measures_distance)
{
    ck_assert_uint_eq(rh_text_distance(RH_TEXT("name"), RH_TEXT("name"), 3), 0);
    ck_assert_uint_eq(rh_text_distance(RH_TEXT("name"), RH_TEXT("NAME"), 3), 0);
    ck_assert_uint_eq(rh_text_distance(RH_TEXT("name"), RH_TEXT("nmae"), 3), 2);
    ck_assert_uint_eq(rh_text_distance(RH_TEXT("name"), RH_TEXT("names"), 3), 1);
    ck_assert_uint_eq(rh_text_distance(RH_TEXT("kitten"), RH_TEXT("sitting"), 9), 3);
    ck_assert_uint_eq(rh_text_distance(RH_TEXT("kitten"), RH_TEXT("sitting"), 3), 3);
    ck_assert_uint_eq(rh_text_distance(RH_TEXT("kitten"), RH_TEXT("sitting"), 2), 2);
    ck_assert_uint_eq(rh_text_distance(RH_TEXT(""), RH_TEXT("abc"), 9), 3);
    ck_assert_uint_eq(rh_text_distance((struct rh_text){NULL, 0}, RH_TEXT("abc"), 9), 3);
    static char a[200], b[200];
    memset(a, 'x', sizeof(a));
    memset(b, 'x', sizeof(b));
    b[0] = 'y';
    for (size_t n = 127; n <= 129; n++) {
        unsigned distance = rh_text_distance(rh_text_make(a, n), rh_text_make(b, n), 5);
        ck_assert_uint_eq(distance, n <= 128 ? 1 : 5);
    }
    ck_assert_uint_eq(rh_text_distance(rh_text_make(a, 129), rh_text_make(a, 128), 5), 5);
    ck_assert_uint_eq(rh_text_distance(rh_text_make(a, 128), rh_text_make(a, 127), 5), 1);
    ck_assert_uint_eq(rh_text_distance(rh_text_make(a, 200), rh_text_make(a, 200), 5), 0);
}
END_TEST

TESTS_MAIN("text", compares_and_cuts, reads_integers_at_their_limits, reads_doubles_as_strtod_does,
           reads_doubles_with_thousands_of_digits, compares_numbers_exactly,
           writes_doubles_shortest, doubles_make_the_round_trip, no_locale_changes_numbers,
           knows_utf8, steps_over_every_code_point, measures_distance)
