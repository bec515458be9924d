/*
 * The calendar and its texts.
 *
 * Digits are written and read by hand: these functions run once per cell of every date column.
 * Values outside the calendar (which only a broken connector can make) are still formatted without
 * overflow, and stay as they are in buckets.
 */
#include "connector/civil.h"

#include "base/text.h"

#include <rowhouse/query.h>

#include <string.h>

#define DAYS_PER_ERA 146097 /* of 400 years */
#define EPOCH_SHIFT 719468  /* days from 0000-03-01 to 1970-01-01 */
#define MIN_YEAR (-9999)
#define MAX_YEAR 294276
#define MIN_DAYS INT64_C(-4371587)  /* -9999-01-01 */
#define MAX_DAYS INT64_C(106762939) /* 294276-12-31; beyond what microseconds can say */
#define SECOND_US INT64_C(1000000)
#define MINUTE_US (60 * SECOND_US)
#define HOUR_US (60 * MINUTE_US)

/* ---- Calendar ---------------------------------------------------------------------------- */

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

int64_t rh_civil_days(int64_t year, unsigned month, unsigned day)
{
    int64_t y = year - (month <= 2);
    int64_t era = floor_div(y, 400);
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * ((int64_t)month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * DAYS_PER_ERA + day_of_era - EPOCH_SHIFT;
}

void rh_civil_from_days(int64_t days, int64_t *ret_year, unsigned *ret_month, unsigned *ret_day)
{
    /* The era is found before the shift is added, so that no day overflows. */
    int64_t era = floor_div(days, DAYS_PER_ERA);
    int64_t rest = days % DAYS_PER_ERA;
    uint32_t day_of_era = (uint32_t)(rest < 0 ? rest + DAYS_PER_ERA : rest);
    day_of_era += EPOCH_SHIFT % DAYS_PER_ERA;
    era += EPOCH_SHIFT / DAYS_PER_ERA;
    if (day_of_era >= DAYS_PER_ERA) {
        day_of_era -= DAYS_PER_ERA;
        era++;
    }
    uint32_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    uint32_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    uint32_t mp = (5 * day_of_year + 2) / 153;
    *ret_day = day_of_year - (153 * mp + 2) / 5 + 1;
    *ret_month = mp < 10 ? mp + 3 : mp - 9;
    *ret_year = era * 400 + year_of_era + (*ret_month <= 2);
}

static bool date_exists(int64_t year, unsigned month, unsigned day)
{
    static const uint8_t length[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (year < MIN_YEAR || year > MAX_YEAR || month < 1 || month > 12 || day < 1)
        return false;
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return day <= length[month - 1] + (unsigned)(month == 2 && leap);
}

/* ---- Reading ----------------------------------------------------------------------------- */

/* What is left of the text. Readers move it only when they succeed. */
struct scan {
    const char *at, *end;
};

static struct scan scan_of(struct rh_text text)
{
    const char *data = text.data ? text.data : "";
    return (struct scan){data, data + text.len};
}

static bool take(struct scan *s, char c)
{
    if (s->at == s->end || *s->at != c)
        return false;
    s->at++;
    return true;
}

static bool is_digit(char c)
{
    return (unsigned char)(c - '0') <= 9;
}

static bool take_2_digits(struct scan *s, unsigned *ret)
{
    if (s->end - s->at < 2 || !is_digit(s->at[0]) || !is_digit(s->at[1]))
        return false;
    *ret = (unsigned)(s->at[0] - '0') * 10 + (unsigned)(s->at[1] - '0');
    s->at += 2;
    return true;
}

/* ".5" as microseconds; 0 when there is no fraction. */
static bool take_fraction(struct scan *s, int64_t *ret_us)
{
    *ret_us = 0;
    if (!take(s, '.'))
        return true;
    int64_t ns = 0;
    int n = 0;
    for (; s->at < s->end && is_digit(*s->at); s->at++, n++) {
        if (n == 9)
            return false;
        ns = ns * 10 + (*s->at - '0');
    }
    if (n == 0)
        return false;
    for (; n < 9; n++)
        ns *= 10;
    *ret_us = (ns + 500) / 1000;
    return true;
}

static bool take_date(struct scan *s, int64_t *ret_days)
{
    bool negative = take(s, '-');
    if (!negative)
        take(s, '+');
    int64_t year = 0;
    int n = 0;
    for (; s->at < s->end && is_digit(*s->at); s->at++, n++) {
        if (n == 6)
            return false;
        year = year * 10 + (*s->at - '0');
    }
    unsigned month, day;
    if (n < 4 || !take(s, '-') || !take_2_digits(s, &month) || !take(s, '-') ||
        !take_2_digits(s, &day))
        return false;
    if (negative)
        year = -year;
    if (!date_exists(year, month, day))
        return false;
    *ret_days = rh_civil_days(year, month, day);
    return true;
}

static bool take_time(struct scan *s, int64_t *ret_us)
{
    unsigned hour, minute, second = 0;
    int64_t fraction = 0;
    if (!take_2_digits(s, &hour) || !take(s, ':') || !take_2_digits(s, &minute))
        return false;
    if (take(s, ':') && (!take_2_digits(s, &second) || !take_fraction(s, &fraction)))
        return false;
    if (minute > 59 || second > 59)
        return false;
    int64_t us = hour * HOUR_US + minute * MINUTE_US + second * SECOND_US + fraction;
    if (hour > 24 || us > RH_CIVIL_DAY_US)
        return false;
    *ret_us = us;
    return true;
}

/* "Z", "+02", "+02:30" or "+0230" as an offset to be subtracted. */
static bool take_zone(struct scan *s, int64_t *ret_us)
{
    if (take(s, 'Z') || take(s, 'z')) {
        *ret_us = 0;
        return true;
    }
    bool negative = take(s, '-');
    unsigned hour, minute = 0;
    if ((!negative && !take(s, '+')) || !take_2_digits(s, &hour))
        return false;
    if (s->at < s->end) {
        take(s, ':');
        if (!take_2_digits(s, &minute))
            return false;
    }
    if (hour > 23 || minute > 59)
        return false;
    int64_t us = hour * HOUR_US + minute * MINUTE_US;
    *ret_us = negative ? -us : us;
    return true;
}

static bool is_infinite(struct rh_text text, int64_t *ret)
{
    if (rh_text_is(text, "infinity"))
        *ret = INT64_MAX;
    else if (rh_text_is(text, "-infinity"))
        *ret = INT64_MIN;
    else
        return false;
    return true;
}

static bool parse_moment(struct rh_text text, bool with_zone, int64_t *ret_us)
{
    struct scan s = scan_of(text);
    int64_t days, time = 0, zone = 0, us;
    if (is_infinite(text, ret_us))
        return true;
    if (!take_date(&s, &days))
        return false;
    if (s.at < s.end) {
        if (!take(&s, 'T') && !take(&s, 't') && !take(&s, ' '))
            return false;
        if (!take_time(&s, &time))
            return false;
        if (with_zone && s.at < s.end && !take_zone(&s, &zone))
            return false;
    }
    if (s.at != s.end || __builtin_mul_overflow(days, RH_CIVIL_DAY_US, &us) ||
        __builtin_add_overflow(us, time - zone, &us) || us == INT64_MAX)
        return false;
    *ret_us = us;
    return true;
}

bool rh_civil_parse_date(struct rh_text text, int64_t *ret_days)
{
    struct scan s = scan_of(text);
    int64_t days;
    if (is_infinite(text, ret_days))
        return true;
    if (!take_date(&s, &days) || s.at != s.end)
        return false;
    *ret_days = days;
    return true;
}

bool rh_civil_parse_time(struct rh_text text, int64_t *ret_us)
{
    struct scan s = scan_of(text);
    int64_t us;
    if (!take_time(&s, &us) || s.at != s.end)
        return false;
    *ret_us = us;
    return true;
}

bool rh_civil_parse_datetime(struct rh_text text, int64_t *ret_us)
{
    return parse_moment(text, false, ret_us);
}

bool rh_civil_parse_timestamp(struct rh_text text, int64_t *ret_us)
{
    return parse_moment(text, true, ret_us);
}

/* One "-12.5": whole part and microseconds, both with the sign. */
static bool take_part(struct scan *s, int64_t *ret_whole, int64_t *ret_us, bool *ret_has_fraction)
{
    bool negative = take(s, '-');
    if (!negative)
        take(s, '+');
    int64_t whole = 0;
    const char *first = s->at;
    for (; s->at < s->end && is_digit(*s->at); s->at++) {
        int digit = *s->at - '0';
        if (__builtin_mul_overflow(whole, 10, &whole) ||
            __builtin_sub_overflow(whole, digit, &whole)) /* downwards: INT64_MIN has no twin */
            return false;
    }
    if (s->at == first)
        return false;
    const char *point = s->at;
    if (!take_fraction(s, ret_us))
        return false;
    *ret_has_fraction = s->at != point;
    if (negative)
        *ret_us = -*ret_us;
    else if (__builtin_sub_overflow((int64_t)0, whole, &whole))
        return false;
    *ret_whole = whole;
    return true;
}

/* Adds whole * unit; the field's own range is checked at the end. */
static bool add_scaled(int64_t *sum, int64_t whole, int64_t unit)
{
    int64_t scaled;
    return !__builtin_mul_overflow(whole, unit, &scaled) &&
           !__builtin_add_overflow(*sum, scaled, sum);
}

bool rh_civil_parse_interval(struct rh_text text, struct rh_interval *ret)
{
    enum { MONTHS, DAYS, US };
    static const struct {
        char letter;
        bool after_t;
        uint8_t field;
        int64_t unit;
    } parts[] = {{'Y', false, MONTHS, 12},  {'M', false, MONTHS, 1},  {'W', false, DAYS, 7},
                 {'D', false, DAYS, 1},     {'H', true, US, HOUR_US}, {'M', true, US, MINUTE_US},
                 {'S', true, US, SECOND_US}};
    struct scan s = scan_of(text);
    int64_t sums[3] = {0, 0, 0};
    size_t next = 0; /* each letter at most once, in this order */
    bool after_t = false, any = false;
    if (!take(&s, 'P'))
        return false;
    while (s.at < s.end) {
        int64_t whole, us;
        bool has_fraction;
        if (take(&s, 'T')) {
            if (after_t)
                return false;
            after_t = true;
            any = false;
        }
        if (!take_part(&s, &whole, &us, &has_fraction) || s.at == s.end)
            return false;
        while (next < sizeof parts / sizeof *parts &&
               (parts[next].letter != *s.at || parts[next].after_t != after_t))
            next++;
        if (next == sizeof parts / sizeof *parts || (has_fraction && *s.at != 'S'))
            return false;
        if (!add_scaled(&sums[parts[next].field], whole, parts[next].unit) ||
            __builtin_add_overflow(sums[US], us, &sums[US]))
            return false;
        s.at++;
        next++;
        any = true;
    }
    if (!any || sums[MONTHS] != (int32_t)sums[MONTHS] || sums[DAYS] != (int32_t)sums[DAYS])
        return false;
    *ret = (struct rh_interval){
        .months = (int32_t)sums[MONTHS], .days = (int32_t)sums[DAYS], .us = sums[US]};
    return true;
}

/* ---- Writing ----------------------------------------------------------------------------- */

static char *put_2_digits(char *to, unsigned n)
{
    to[0] = (char)('0' + n / 10);
    to[1] = (char)('0' + n % 10);
    return to + 2;
}

/* At least min_digits of them. */
static char *put_unsigned(char *to, uint64_t n, int min_digits)
{
    char digits[20];
    int at = 20;
    while (n || min_digits > 0) {
        digits[--at] = (char)('0' + n % 10);
        n /= 10;
        min_digits--;
    }
    memcpy(to, digits + at, (size_t)(20 - at));
    return to + (20 - at);
}

/* ".25"; nothing for zero. */
static char *put_fraction(char *to, uint32_t us)
{
    if (us == 0)
        return to;
    *to++ = '.';
    for (uint32_t unit = 100000; us; unit /= 10) {
        *to++ = (char)('0' + us / unit);
        us %= unit;
    }
    return to;
}

static char *put_date(char *to, int64_t days)
{
    int64_t year;
    unsigned month, day;
    rh_civil_from_days(days, &year, &month, &day);
    if (year >= 0 && year <= 9999) {
        to = put_2_digits(to, (unsigned)year / 100);
        to = put_2_digits(to, (unsigned)year % 100);
    } else {
        if (year < 0)
            *to++ = '-';
        to = put_unsigned(to, (uint64_t)(year < 0 ? -year : year), 4);
    }
    *to++ = '-';
    to = put_2_digits(to, month);
    *to++ = '-';
    return put_2_digits(to, day);
}

static char *put_time(char *to, int64_t us)
{
    uint32_t seconds = (uint32_t)(us / SECOND_US);
    to = put_2_digits(to, seconds / 3600);
    *to++ = ':';
    to = put_2_digits(to, seconds / 60 % 60);
    *to++ = ':';
    to = put_2_digits(to, seconds % 60);
    return put_fraction(to, (uint32_t)(us % SECOND_US));
}

/* True when it was one of the infinities, which are then written. */
static bool put_infinite(char *to, int64_t value, size_t *ret_n)
{
    if (value != INT64_MAX && value != INT64_MIN)
        return false;
    struct rh_text text = value > 0 ? RH_TEXT("infinity") : RH_TEXT("-infinity");
    memcpy(to, text.data, text.len);
    *ret_n = text.len;
    return true;
}

static size_t format_moment(char *to, int64_t us, bool utc)
{
    size_t n;
    if (put_infinite(to, us, &n))
        return n;
    int64_t days = floor_div(us, RH_CIVIL_DAY_US);
    char *at = put_date(to, days);
    *at++ = 'T';
    int64_t rest = us % RH_CIVIL_DAY_US;
    at = put_time(at, rest < 0 ? rest + RH_CIVIL_DAY_US : rest);
    if (utc)
        *at++ = 'Z';
    return (size_t)(at - to);
}

size_t rh_civil_format_date(char *to, int64_t days)
{
    size_t n;
    if (put_infinite(to, days, &n))
        return n;
    return (size_t)(put_date(to, days) - to);
}

size_t rh_civil_format_time(char *to, int64_t us)
{
    if (us < 0)
        us = 0;
    if (us > RH_CIVIL_DAY_US)
        us = RH_CIVIL_DAY_US;
    return (size_t)(put_time(to, us) - to);
}

size_t rh_civil_format_datetime(char *to, int64_t us)
{
    return format_moment(to, us, false);
}

size_t rh_civil_format_timestamp(char *to, int64_t us)
{
    return format_moment(to, us, true);
}

/* "-12M"; nothing for zero. */
static char *put_part(char *to, bool negative, uint64_t n, uint32_t us, char letter)
{
    if (n == 0 && us == 0)
        return to;
    if (negative)
        *to++ = '-';
    to = put_fraction(put_unsigned(to, n, 1), us);
    *to++ = letter;
    return to;
}

static uint64_t magnitude(int64_t n)
{
    return n < 0 ? 0 - (uint64_t)n : (uint64_t)n;
}

size_t rh_civil_format_interval(char *to, const struct rh_interval *interval)
{
    char *at = to;
    uint64_t months = magnitude(interval->months), us = magnitude(interval->us);
    bool negative = interval->months < 0;
    *at++ = 'P';
    at = put_part(at, negative, months / 12, 0, 'Y');
    at = put_part(at, negative, months % 12, 0, 'M');
    at = put_part(at, interval->days < 0, magnitude(interval->days), 0, 'D');
    if (us || at == to + 1) {
        negative = interval->us < 0;
        *at++ = 'T';
        char *time = at;
        at = put_part(at, negative, us / HOUR_US, 0, 'H');
        at = put_part(at, negative, us / MINUTE_US % 60, 0, 'M');
        at = put_part(at, negative, us / SECOND_US % 60, (uint32_t)(us % SECOND_US), 'S');
        if (at == time) {
            *at++ = '0';
            *at++ = 'S';
        }
    }
    return (size_t)(at - to);
}

/* ---- Periods ----------------------------------------------------------------------------- */

int64_t rh_civil_bucket_days(int64_t days, uint32_t bucket)
{
    int64_t year;
    unsigned month, day;
    if (days < MIN_DAYS || days > MAX_DAYS)
        return days;
    switch (bucket) {
    case RH_BUCKET_YEAR:
    case RH_BUCKET_QUARTER:
    case RH_BUCKET_MONTH:
        rh_civil_from_days(days, &year, &month, &day);
        if (bucket == RH_BUCKET_YEAR)
            month = 1;
        else if (bucket == RH_BUCKET_QUARTER)
            month = (month - 1) / 3 * 3 + 1;
        return rh_civil_days(year, month, 1);
    case RH_BUCKET_WEEK: /* 1970-01-01 was a Thursday, three days after its Monday */
        return floor_div(days + 3, 7) * 7 - 3;
    default:
        return days;
    }
}

int64_t rh_civil_bucket_us(int64_t us, uint32_t bucket)
{
    int64_t days = floor_div(us, RH_CIVIL_DAY_US);
    if (days < MIN_DAYS || us == INT64_MAX)
        return us;
    switch (bucket) {
    case RH_BUCKET_NONE:
        return us;
    case RH_BUCKET_HOUR:
        return floor_div(us, HOUR_US) * HOUR_US;
    case RH_BUCKET_MINUTE:
        return floor_div(us, MINUTE_US) * MINUTE_US;
    default:
        return rh_civil_bucket_days(days, bucket) * RH_CIVIL_DAY_US;
    }
}
