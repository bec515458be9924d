/*
 * The readers of dates, times and intervals on any bytes: what was read is written, fits into the
 * promised room, and reads back as the same value. And the other way round: any value is written
 * without overflow, and values of the calendar read back.
 */
#include "connector/civil.h"

#include "base/text.h"

#include <rowhouse/query.h>

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

typedef bool parse_fn(struct rh_text text, int64_t *ret);
typedef size_t format_fn(char *to, int64_t value);

static void read_back(struct rh_text text, parse_fn *parse, format_fn *fn)
{
    static const int64_t untouched = 0x7ead;
    int64_t value = untouched, again;
    if (!parse(text, &value)) {
        require(value == untouched);
        return;
    }
    char room[RH_CIVIL_MAX];
    size_t n = fn(room, value);
    require(n <= RH_CIVIL_MAX && parse(rh_text_make(room, n), &again) && again == value);
}

static void any_value(int64_t value)
{
    char room[RH_CIVIL_MAX];
    for (uint32_t bucket = RH_BUCKET_NONE; bucket <= RH_BUCKET_MINUTE; bucket++) {
        int64_t us = rh_civil_bucket_us(value, bucket), days = rh_civil_bucket_days(value, bucket);
        require(us <= value && rh_civil_bucket_us(us, bucket) == us);
        require(days <= value && rh_civil_bucket_days(days, bucket) == days);
    }
    static format_fn *const formats[] = {rh_civil_format_date, rh_civil_format_time,
                                         rh_civil_format_datetime, rh_civil_format_timestamp};
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        size_t n = formats[i](room, value); /* beyond the room: the sanitizer tells */
        require(n > 0 && n <= sizeof room);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rh_text text = rh_text_make((const char *)data, size);
    read_back(text, rh_civil_parse_date, rh_civil_format_date);
    read_back(text, rh_civil_parse_time, rh_civil_format_time);
    read_back(text, rh_civil_parse_datetime, rh_civil_format_datetime);
    read_back(text, rh_civil_parse_timestamp, rh_civil_format_timestamp);

    struct rh_interval interval, again;
    char room[RH_CIVIL_MAX];
    if (rh_civil_parse_interval(text, &interval)) {
        size_t n = rh_civil_format_interval(room, &interval);
        require(n <= RH_CIVIL_MAX && rh_civil_parse_interval(rh_text_make(room, n), &again));
        require(interval.months == again.months && interval.days == again.days &&
                interval.us == again.us);
    }
    if (size >= sizeof interval) {
        memcpy(&interval, data, sizeof interval);
        size_t n = rh_civil_format_interval(room, &interval);
        require(n <= RH_CIVIL_MAX && rh_civil_parse_interval(rh_text_make(room, n), &again));
        require(interval.months == again.months && interval.days == again.days &&
                interval.us == again.us);
        any_value(interval.us);
    }
    return 0;
}
