/*
 * Scalar functions: dates, times and UUIDs by value, and text predicates. All are deterministic and
 * cannot be used from the schema (SQLITE_DIRECTONLY).
 */
#include "functions.h"

#include "aggregate.h"
#include "base/text.h"
#include "connector/civil.h"
#include "connector/decimal.h"
#include "connector/match.h"
#include "list.h"

#include <rowhouse/query.h>

#include <string.h>

#define FLAGS (SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY)

/* ---- values ---- */

static bool parse_date(struct rh_text text, int64_t *ret_days)
{
    int64_t us;

    if (rh_civil_parse_date(text, ret_days))
        return true;
    if (!rh_civil_parse_datetime(text, &us) || us % RH_CIVIL_DAY_US != 0)
        return false;
    *ret_days = us / RH_CIVIL_DAY_US;
    return true;
}

bool rh_sqlite_parse_us(uint32_t type, struct rh_text text, int64_t *ret_value)
{
    /* Four digits of a year and no more: then texts sort like days. */
    bool has_year =
        text.len >= 10 && text.data[4] == '-' && text.data[0] >= '0' && text.data[0] <= '9';

    switch (type) {
    case RH_TYPE_DATE:
        return has_year && parse_date(text, ret_value);
    case RH_TYPE_TIME:
        return rh_civil_parse_time(text, ret_value);
    case RH_TYPE_DATETIME:
        return has_year && rh_civil_parse_datetime(text, ret_value);
    case RH_TYPE_TIMESTAMP:
        return has_year && rh_civil_parse_timestamp(text, ret_value);
    default:
        return false;
    }
}

static int digit_of(char c, char letter)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= letter && c < letter + 6 ? c - letter + 10 : -1;
}

static bool parse_uuid_in(struct rh_text text, char letter, unsigned char ret_uuid[16])
{
    unsigned n = 0;

    for (unsigned i = 0; i < 36; i++) {
        int digit;
        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (text.data[i] != '-')
                return false;
            continue;
        }
        digit = digit_of(text.data[i], letter);
        if (digit < 0)
            return false;
        ret_uuid[n / 2] = (unsigned char)(n % 2 ? ret_uuid[n / 2] | digit : digit << 4);
        n++;
    }
    return true;
}

bool rh_sqlite_parse_uuid(struct rh_text text, unsigned char ret_uuid[16])
{
    return text.len == 36 &&
           (parse_uuid_in(text, 'a', ret_uuid) || parse_uuid_in(text, 'A', ret_uuid));
}

void rh_sqlite_format_uuid(const unsigned char uuid[16], bool upper, char ret_text[36])
{
    const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
    unsigned at = 0;

    for (unsigned i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            ret_text[at++] = '-';
        ret_text[at++] = digits[uuid[i] >> 4];
        ret_text[at++] = digits[uuid[i] & 15];
    }
}

unsigned rh_sqlite_key_of_i64(int64_t value, unsigned char ret_key[RH_SQLITE_KEY_MAX])
{
    uint64_t biased = __builtin_bswap64((uint64_t)value ^ (UINT64_C(1) << 63));

    ret_key[0] = RH_SQLITE_KEY_MARK;
    memcpy(ret_key + 1, &biased, sizeof biased);
    return 1 + sizeof biased;
}

unsigned rh_sqlite_key_of_uuid(const void *uuid, unsigned char ret_key[RH_SQLITE_KEY_MAX])
{
    ret_key[0] = RH_SQLITE_KEY_MARK;
    memcpy(ret_key + 1, uuid, 16);
    return 17;
}

bool rh_sqlite_key_to_i64(const void *key, size_t len, int64_t *ret_value)
{
    uint64_t biased;

    if (len != 1 + sizeof biased || *(const unsigned char *)key != RH_SQLITE_KEY_MARK)
        return false;
    memcpy(&biased, (const char *)key + 1, sizeof biased);
    *ret_value = (int64_t)(__builtin_bswap64(biased) ^ (UINT64_C(1) << 63));
    return true;
}

/* ---- functions of one column ---- */

static uint32_t type_of_function(sqlite3_context *context)
{
    return *(const uint32_t *)sqlite3_user_data(context);
}

static struct rh_text text_of(sqlite3_value *value)
{
    const char *data = (const char *)sqlite3_value_text(value);

    return (struct rh_text){data, data ? (uint64_t)sqlite3_value_bytes(value) : 0};
}

static bool is_text(sqlite3_value *value)
{
    return sqlite3_value_type(value) == SQLITE_TEXT;
}

static void us_of(sqlite3_context *context, int n, sqlite3_value **values)
{
    int64_t us;

    if (is_text(values[0]) &&
        rh_sqlite_parse_us(type_of_function(context), text_of(values[0]), &us))
        sqlite3_result_int64(context, us);
}

static void result_key(sqlite3_context *context, const unsigned char *key, unsigned len)
{
    sqlite3_result_blob(context, key, (int)len, SQLITE_TRANSIENT);
}

/* x itself, with bytes moved out of the way of keys. */
static void result_as_it_is(sqlite3_context *context, sqlite3_value *value)
{
    const void *bytes = NULL;
    unsigned char *marked = NULL;
    int len;

    if (sqlite3_value_type(value) != SQLITE_BLOB) {
        sqlite3_result_value(context, value);
        return;
    }
    bytes = sqlite3_value_blob(value);
    len = sqlite3_value_bytes(value);
    marked = sqlite3_malloc64((sqlite3_uint64)len + 1);
    if (!marked) {
        sqlite3_result_error_nomem(context);
        return;
    }
    marked[0] = RH_SQLITE_BYTES_MARK;
    if (len)
        memcpy(marked + 1, bytes, (size_t)len);
    sqlite3_result_blob64(context, marked, (sqlite3_uint64)len + 1, sqlite3_free);
}

static void key_of(sqlite3_context *context, int n, sqlite3_value **values)
{
    unsigned char key[RH_SQLITE_KEY_MAX];
    int64_t us;

    if (is_text(values[0]) &&
        rh_sqlite_parse_us(type_of_function(context), text_of(values[0]), &us))
        result_key(context, key, rh_sqlite_key_of_i64(us, key));
    else
        result_as_it_is(context, values[0]);
}

static void bucket_of(sqlite3_context *context, int n, sqlite3_value **values)
{
    uint32_t type = type_of_function(context);
    uint32_t bucket = (uint32_t)sqlite3_value_int(values[1]);
    unsigned char key[RH_SQLITE_KEY_MAX];
    int64_t us;

    if (!is_text(values[0]) || !rh_sqlite_parse_us(type, text_of(values[0]), &us)) {
        result_as_it_is(context, values[0]);
        return;
    }
    us = type == RH_TYPE_DATE ? rh_civil_bucket_days(us, bucket) : rh_civil_bucket_us(us, bucket);
    result_key(context, key, rh_sqlite_key_of_i64(us, key));
}

static bool uuid_of(sqlite3_value *value, unsigned char ret_uuid[16])
{
    if (is_text(value))
        return rh_sqlite_parse_uuid(text_of(value), ret_uuid);
    if (sqlite3_value_type(value) != SQLITE_BLOB || sqlite3_value_bytes(value) != 16)
        return false;
    memcpy(ret_uuid, sqlite3_value_blob(value), 16);
    return true;
}

static void uuid_key_of(sqlite3_context *context, int n, sqlite3_value **values)
{
    unsigned char key[RH_SQLITE_KEY_MAX], uuid[16];

    if (uuid_of(values[0], uuid))
        result_key(context, key, rh_sqlite_key_of_uuid(uuid, key));
    else
        result_as_it_is(context, values[0]);
}

static void uuid_lower(sqlite3_context *context, int n, sqlite3_value **values)
{
    unsigned char uuid[16];
    char text[36];

    if (!uuid_of(values[0], uuid)) {
        sqlite3_result_value(context, values[0]);
        return;
    }
    rh_sqlite_format_uuid(uuid, false, text);
    sqlite3_result_text(context, text, sizeof text, SQLITE_TRANSIENT);
}

static void uuid_upper(sqlite3_context *context, int n, sqlite3_value **values)
{
    unsigned char uuid[16];
    char text[36];

    if (!uuid_of(values[0], uuid)) {
        sqlite3_result_value(context, values[0]);
        return;
    }
    rh_sqlite_format_uuid(uuid, true, text);
    sqlite3_result_text(context, text, sizeof text, SQLITE_TRANSIENT);
}

static void uuid_bytes(sqlite3_context *context, int n, sqlite3_value **values)
{
    unsigned char uuid[16];

    if (uuid_of(values[0], uuid))
        sqlite3_result_blob(context, uuid, sizeof uuid, SQLITE_TRANSIENT);
    else
        sqlite3_result_value(context, values[0]);
}

static void match(sqlite3_context *context, int n, sqlite3_value **values)
{
    uint32_t op = (uint32_t)sqlite3_value_int(values[0]);

    sqlite3_result_int(context, is_text(values[1]) && is_text(values[2]) &&
                                    rh_match(op, text_of(values[1]), text_of(values[2])));
}

/* ---- registration ---- */

typedef void scalar(sqlite3_context *context, int n, sqlite3_value **values);

int rh_sqlite_functions_register(sqlite3 *db)
{
    static const uint32_t date = RH_TYPE_DATE, time = RH_TYPE_TIME, datetime = RH_TYPE_DATETIME,
                          timestamp = RH_TYPE_TIMESTAMP;
    static const struct {
        const char *name;
        int n;
        const uint32_t *type;
        scalar *run;
    } functions[] = {
        {"rh_match", 3, NULL, match},
        {"rh_date_us", 1, &date, us_of},
        {"rh_time_us", 1, &time, us_of},
        {"rh_datetime_us", 1, &datetime, us_of},
        {"rh_timestamp_us", 1, &timestamp, us_of},
        {"rh_date_key", 1, &date, key_of},
        {"rh_time_key", 1, &time, key_of},
        {"rh_datetime_key", 1, &datetime, key_of},
        {"rh_timestamp_key", 1, &timestamp, key_of},
        {"rh_uuid_key", 1, NULL, uuid_key_of},
        {"rh_uuid_lower", 1, NULL, uuid_lower},
        {"rh_uuid_upper", 1, NULL, uuid_upper},
        {"rh_uuid_bytes", 1, NULL, uuid_bytes},
        {"rh_date_bucket", 2, &date, bucket_of},
        {"rh_datetime_bucket", 2, &datetime, bucket_of},
        {"rh_timestamp_bucket", 2, &timestamp, bucket_of},
    };
    int code = SQLITE_OK;

    for (size_t i = 0; i < sizeof functions / sizeof functions[0] && code == SQLITE_OK; i++)
        code = sqlite3_create_function_v2(db, functions[i].name, functions[i].n, FLAGS,
                                          (void *)(uintptr_t)functions[i].type, functions[i].run,
                                          NULL, NULL, NULL);
    if (code == SQLITE_OK)
        code = rh_sqlite_aggregates_register(db);
    if (code == SQLITE_OK)
        code = rh_sqlite_list_register(db);
    return code;
}
