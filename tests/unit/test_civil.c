/*
 * The calendar against gmtime_r and against itself, and the texts both ways.
 */
#include "connector/civil.h"

#include "base/text.h"
#include "lib/random.h"
#include "lib/tests.h"

#include <rowhouse/query.h>

#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int64_t random_between(int64_t low, int64_t high)
{
    return (int64_t)((uint64_t)low + random_u64() % ((uint64_t)high - (uint64_t)low + 1));
}

static void check_text(size_t n, const char *got, const char *want)
{
    ck_assert_msg(n == strlen(want) && memcmp(got, want, n) == 0, "got \"%.*s\", want \"%s\"",
                  (int)n, got, want);
}

START_TEST(calendar_agrees_with_gmtime)
{
    for (int i = 0; i < 200000; i++) {
        int64_t days = random_between(-4371587, 106762939);
        time_t seconds = (time_t)(days * 86400);
        struct tm tm;
        int64_t year;
        unsigned month, day;
        REQUIRE(gmtime_r(&seconds, &tm));
        rh_civil_from_days(days, &year, &month, &day);
        REQUIRE(year == (int64_t)tm.tm_year + 1900);
        REQUIRE(month == (unsigned)tm.tm_mon + 1);
        REQUIRE(day == (unsigned)tm.tm_mday);
        REQUIRE(rh_civil_days(year, month, day) == days);
    }
}
END_TEST

START_TEST(every_day_of_eight_centuries_follows_the_last)
{
    int64_t year = 0, last_year = 0;
    unsigned month, day, last_month = 12, last_day = 31;
    for (int64_t days = rh_civil_days(-400, 1, 1); days < rh_civil_days(400, 1, 1); days++) {
        rh_civil_from_days(days, &year, &month, &day);
        if (days != rh_civil_days(-400, 1, 1))
            REQUIRE((year == last_year && month == last_month && day == last_day + 1) ||
                    (year == last_year && month == last_month + 1 && day == 1) ||
                    (year == last_year + 1 && month == 1 && day == 1 && last_month == 12));
        last_year = year, last_month = month, last_day = day;
    }
}
END_TEST

START_TEST(values_round_trip)
{
    char text[RH_CIVIL_MAX];
    for (int i = 0; i < 200000; i++) {
        int64_t days = random_between(-4371587, 106762939), back = 7;
        size_t n = rh_civil_format_date(text, days);
        REQUIRE(rh_civil_parse_date(rh_text_make(text, n), &back));
        REQUIRE(back == days);

        int64_t us = random_between(-4371587 * RH_CIVIL_DAY_US, INT64_MAX - 1);
        if (i % 3 == 0)
            us -= us % 1000000;
        n = rh_civil_format_datetime(text, us);
        REQUIRE(rh_civil_parse_datetime(rh_text_make(text, n), &back));
        REQUIRE(back == us);
        n = rh_civil_format_timestamp(text, us);
        REQUIRE(rh_civil_parse_timestamp(rh_text_make(text, n), &back));
        REQUIRE(back == us);
        REQUIRE(!rh_civil_parse_datetime(rh_text_make(text, n), &back));

        us = random_between(0, RH_CIVIL_DAY_US);
        n = rh_civil_format_time(text, us);
        REQUIRE(rh_civil_parse_time(rh_text_make(text, n), &back));
        REQUIRE(back == us);
    }
}
END_TEST

START_TEST(intervals_round_trip)
{
    static const int64_t edges[] = {INT64_MIN, INT64_MIN + 1, -1, 0, 1, INT64_MAX};
    char text[RH_CIVIL_MAX];
    for (int i = 0; i < 200000; i++) {
        struct rh_interval in = {.months = (int32_t)random_u64(),
                                 .days = (int32_t)random_u64(),
                                 .us = (int64_t)random_u64() >> (random_u64() % 64)},
                           out;
        if (i % 4 == 1)
            in.us = edges[random_u64() % 6];
        if (i % 4 == 2)
            in.months = (int32_t)(random_u64() % 25) - 12, in.days = INT32_MIN;
        if (i % 4 == 3)
            in.months = INT32_MIN;
        size_t n = rh_civil_format_interval(text, &in);
        REQUIRE(n <= RH_CIVIL_MAX);
        if (!(rh_civil_parse_interval(rh_text_make(text, n), &out)))
            ck_abort_msg("%.*s", (int)n, text);
        REQUIRE(out.months == in.months);
        REQUIRE(out.days == in.days);
        REQUIRE(out.us == in.us);
    }
}
END_TEST

START_TEST(texts_are_as_promised)
{
    char to[RH_CIVIL_MAX];
    int64_t days = rh_civil_days(2024, 2, 29);
    int64_t us = days * RH_CIVIL_DAY_US + INT64_C(47100000000);
    check_text(rh_civil_format_date(to, days), to, "2024-02-29");
    check_text(rh_civil_format_date(to, INT64_MAX), to, "infinity");
    check_text(rh_civil_format_date(to, INT64_MIN), to, "-infinity");
    check_text(rh_civil_format_date(to, rh_civil_days(-44, 3, 15)), to, "-0044-03-15");
    check_text(rh_civil_format_date(to, rh_civil_days(294276, 12, 31)), to, "294276-12-31");
    check_text(rh_civil_format_time(to, INT64_C(47100250000)), to, "13:05:00.25");
    check_text(rh_civil_format_time(to, RH_CIVIL_DAY_US), to, "24:00:00");
    check_text(rh_civil_format_datetime(to, us), to, "2024-02-29T13:05:00");
    check_text(rh_civil_format_timestamp(to, us), to, "2024-02-29T13:05:00Z");
    check_text(rh_civil_format_datetime(to, -1), to, "1969-12-31T23:59:59.999999");
    struct rh_interval i = {.months = 14, .days = 3, .us = INT64_C(14706700000)};
    check_text(rh_civil_format_interval(to, &i), to, "P1Y2M3DT4H5M6.7S");
    i = (struct rh_interval){0};
    check_text(rh_civil_format_interval(to, &i), to, "PT0S");
    i.us = -500000;
    check_text(rh_civil_format_interval(to, &i), to, "PT-0.5S");
}
END_TEST

START_TEST(nothing_outside_the_calendar_breaks_formatting)
{
    char to[RH_CIVIL_MAX];
    for (int64_t i = 0; i < 100000; i++) {
        int64_t value = (int64_t)random_u64();
        if (i < 1000)
            value = i % 2 ? INT64_MAX - i * 200 : INT64_MIN + i * 200;
        REQUIRE(rh_civil_format_date(to, value) <= RH_CIVIL_MAX);
        REQUIRE(rh_civil_format_time(to, value) <= RH_CIVIL_MAX);
        REQUIRE(rh_civil_format_datetime(to, value) <= RH_CIVIL_MAX);
        for (uint32_t bucket = 0; bucket <= RH_BUCKET_MINUTE; bucket++) {
            REQUIRE(rh_civil_bucket_days(value, bucket) <= value);
            REQUIRE(rh_civil_bucket_us(value, bucket) <= value);
        }
    }
}
END_TEST

START_TEST(bad_texts_are_refused)
{
    static const char *const dates[] = {"",
                                        "2024",
                                        "2024-13-01",
                                        "2024-00-01",
                                        "2023-02-29",
                                        "1900-02-29",
                                        "2024-2-29",
                                        "24-02-29",
                                        "2024-02-30",
                                        "2024-02-29 ",
                                        " 2024-02-29",
                                        "2024/02/29",
                                        "-10000-01-01",
                                        "294277-01-01",
                                        "1000000-01-01",
                                        "2024-02-29T",
                                        "Infinity",
                                        "--2024-01-01"};
    static const char *const times[] = {
        "",       "1:00",      "24:00:01", "24:00:00.000001",     "23:60:00", "23:59:60",
        "12:00:", "12:00:00.", "12",       "12:00:00.1234567890", "25:00:00", "12:00:00Z"};
    static const char *const timestamps[] = {
        "2024-01-01T00:00:00+24", "2024-01-01T00:00:00+01:60", "2024-01-01T00:00:00+1",
        "2024-01-01T00:00:00Z0",  "2024-01-01T00:00:00+01:",   "2024-01-01Z",
        "2024-01-01  00:00:00",   "294276-01-01T00:00:00Z",    "2024-01-01T00:00:00 Z"};
    static const char *const intervals[] = {"",
                                            "P",
                                            "PT",
                                            "P1",
                                            "1Y",
                                            "P1DT",
                                            "P1H",
                                            "PT1D",
                                            "P1D1Y",
                                            "P1Y1Y",
                                            "P0.5D",
                                            "PT1.5H",
                                            "PT.5S",
                                            "P1Y ",
                                            "-P1Y",
                                            "P2147483648D",
                                            "P178956971Y",
                                            "PT9223372036855S",
                                            "PT1S1M",
                                            "PT1HT1M",
                                            "P99999999999999999999D"};
    int64_t value = 42;
    struct rh_interval interval = {.days = 42};
    for (size_t i = 0; i < sizeof dates / sizeof *dates; i++)
        ck_assert_msg(!rh_civil_parse_date(rh_text_of(dates[i]), &value), "%s", dates[i]);
    for (size_t i = 0; i < sizeof times / sizeof *times; i++)
        ck_assert_msg(!rh_civil_parse_time(rh_text_of(times[i]), &value), "%s", times[i]);
    for (size_t i = 0; i < sizeof timestamps / sizeof *timestamps; i++)
        ck_assert_msg(!rh_civil_parse_timestamp(rh_text_of(timestamps[i]), &value), "%s",
                      timestamps[i]);
    for (size_t i = 0; i < sizeof intervals / sizeof *intervals; i++)
        ck_assert_msg(!rh_civil_parse_interval(rh_text_of(intervals[i]), &interval), "%s",
                      intervals[i]);
    ck_assert_int_eq(value, 42);
    ck_assert_int_eq(interval.days, 42);
}
END_TEST

static int64_t timestamp(const char *text)
{
    int64_t us = -1;
    ck_assert_msg(rh_civil_parse_timestamp(rh_text_of(text), &us), "%s", text);
    return us;
}

START_TEST(many_spellings_mean_the_same)
{
    int64_t us = timestamp("2024-02-29T13:05:00.25Z"), value;
    ck_assert_int_eq(timestamp("2024-02-29 13:05:00.25"), us);
    ck_assert_int_eq(timestamp("2024-02-29t13:05:00.250000z"), us);
    ck_assert_int_eq(timestamp("2024-02-29T15:05:00.25+02"), us);
    ck_assert_int_eq(timestamp("2024-02-29T10:35:00.2500004-02:30"), us);
    ck_assert_int_eq(timestamp("+2024-02-29T15:35:00.2499995+0230"), us);
    ck_assert_int_eq(timestamp("2024-03-01"), timestamp("2024-02-29T24:00:00"));
    ck_assert_int_eq(timestamp("2024-03-01"), timestamp("2024-02-29T23:59:59.9999995"));
    ck_assert_int_eq(timestamp("infinity"), INT64_MAX);
    ck_assert_int_eq(timestamp("-infinity"), INT64_MIN);
    ck_assert(rh_civil_parse_time(rh_text_of("13:05"), &value));
    ck_assert_int_eq(value, INT64_C(47100000000));
    struct rh_interval i;
    ck_assert(rh_civil_parse_interval(rh_text_of("P1Y-2M1W-1DT-0.000001S"), &i));
    ck_assert(i.months == 10 && i.days == 6 && i.us == -1);
}
END_TEST

START_TEST(buckets_start_their_period)
{
    static const struct {
        uint32_t bucket;
        const char *in, *out;
    } cases[] = {
        {RH_BUCKET_YEAR, "2024-08-15T13:45:10", "2024-01-01"},
        {RH_BUCKET_QUARTER, "2024-08-15T13:45:10", "2024-07-01"},
        {RH_BUCKET_QUARTER, "2024-12-31", "2024-10-01"},
        {RH_BUCKET_MONTH, "2024-08-15T13:45:10", "2024-08-01"},
        {RH_BUCKET_WEEK, "2024-08-15T13:45:10", "2024-08-12"},
        {RH_BUCKET_WEEK, "2024-08-12", "2024-08-12"},
        {RH_BUCKET_WEEK, "1969-12-28T23:00:00", "1969-12-22"},
        {RH_BUCKET_DAY, "1969-12-31T23:59:59.999999", "1969-12-31"},
        {RH_BUCKET_HOUR, "1969-12-31T23:59:59.999999", "1969-12-31T23:00:00"},
        {RH_BUCKET_MINUTE, "2024-08-15T13:45:10", "2024-08-15T13:45:00"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t in = timestamp(cases[i].in), out = timestamp(cases[i].out);
        ck_assert_msg(rh_civil_bucket_us(in, cases[i].bucket) == out, "%s", cases[i].in);
        ck_assert_int_eq(rh_civil_bucket_us(out, cases[i].bucket), out);
    }
    for (uint32_t bucket = 0; bucket <= RH_BUCKET_MINUTE; bucket++) {
        ck_assert_int_eq(rh_civil_bucket_us(INT64_MAX, bucket), INT64_MAX);
        ck_assert_int_eq(rh_civil_bucket_us(INT64_MIN, bucket), INT64_MIN);
        ck_assert_int_eq(rh_civil_bucket_days(INT64_MAX, bucket), INT64_MAX);
        ck_assert_int_eq(rh_civil_bucket_days(INT64_MIN, bucket), INT64_MIN);
    }
    ck_assert_int_eq(rh_civil_bucket_days(5, RH_BUCKET_HOUR), 5);
    ck_assert_int_eq(rh_civil_bucket_days(5, RH_BUCKET_MONTH), 0);
}
END_TEST

TESTS_MAIN("civil", calendar_agrees_with_gmtime, every_day_of_eight_centuries_follows_the_last,
           values_round_trip, intervals_round_trip, texts_are_as_promised,
           nothing_outside_the_calendar_breaks_formatting, bad_texts_are_refused,
           many_spellings_mean_the_same, buckets_start_their_period)
