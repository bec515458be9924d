/*
 * Dates, times and intervals as text, both ways, in the units of the ABI (rowhouse/value.h).
 * Proleptic Gregorian calendar (H. Hinnant's days_from_civil), years -9999 .. 294276. No zone data,
 * no locale, no allocation. [any]
 */
#pragma once

#include <rowhouse/value.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RH_CIVIL_DAY_US INT64_C(86400000000)

int64_t rh_civil_days(int64_t year, unsigned month, unsigned day);
void rh_civil_from_days(int64_t days, int64_t *ret_year, unsigned *ret_month, unsigned *ret_day);

/* Parsing takes the whole text (ISO 8601 extended; 'T', 't' or one space between date and time;
 * 1 to 9 fraction digits of which more than 6 are rounded half up; "infinity", "-infinity" where
 * the type has them). False when it is anything else or out of range; ret untouched.
 *   time       hh:mm or hh:mm:ss; 24:00:00 is allowed
 *   datetime   no zone; a bare date is midnight
 *   timestamp  Z, ±hh, ±hh:mm, ±hhmm; without: UTC
 *   interval   ISO 8601 PnYnMnWnDTnHnMn.nS, signs per part */
bool rh_civil_parse_date(struct rh_text text, int64_t *ret_days);
bool rh_civil_parse_time(struct rh_text text, int64_t *ret_us);
bool rh_civil_parse_datetime(struct rh_text text, int64_t *ret_us);
bool rh_civil_parse_timestamp(struct rh_text text, int64_t *ret_us);
bool rh_civil_parse_interval(struct rh_text text, struct rh_interval *ret);

/* Formatting writes at most RH_CIVIL_MAX bytes without NUL and returns how many. Fractions without
 * trailing zeros, none when zero. "2024-02-29", "13:05:00.25", "2024-02-29T13:05:00",
 * "2024-02-29T13:05:00Z", "P1Y2M3DT4H5M6.7S" ("PT0S" for nothing). */
#define RH_CIVIL_MAX 64
size_t rh_civil_format_date(char *to, int64_t days);
size_t rh_civil_format_time(char *to, int64_t us);
size_t rh_civil_format_datetime(char *to, int64_t us);
size_t rh_civil_format_timestamp(char *to, int64_t us);
size_t rh_civil_format_interval(char *to, const struct rh_interval *interval);

/* Start of the period (RH_BUCKET_*) that holds the value, for DATE (days) and for DATETIME and
 * TIMESTAMP (us). Infinities stay. Periods shorter than a day leave a DATE as it is. */
int64_t rh_civil_bucket_days(int64_t days, uint32_t bucket);
int64_t rh_civil_bucket_us(int64_t us, uint32_t bucket);
