/*
 * See entry.h.
 *
 *   value       C type             SQL type
 *   BOOL        BIT                BIT
 *   INT         SBIGINT            BIGINT         (dialect ints_as_text: CHAR, DECIMAL)
 *   UINT        CHAR               DECIMAL(20)
 *   FLOAT       DOUBLE             DOUBLE
 *   DECIMAL     CHAR               DECIMAL(precision, scale) of the longest
 *   TEXT JSON   WCHAR or CHAR      WVARCHAR, WLONGVARCHAR (VARCHAR, LONGVARCHAR)
 *   BYTES       BINARY             VARBINARY, LONGVARBINARY
 *   DATE …      TYPE_DATE …        TYPE_DATE …    (dialect dates_as_text: CHAR, VARCHAR)
 *   TIME        CHAR               TYPE_TIME; VARCHAR with a fraction
 *   TIMESTAMP   as DATETIME, in UTC
 *   UUID        CHAR               VARCHAR(36)    (a GUID column: GUID)
 */
#include "entry.h"

#include "base/err.h"
#include "connector/civil.h"
#include "connector/kit.h"
#include "text.h"

#include <string.h>

#define SECOND_US 1000000
#define MIN_DAYS INT64_C(-719162) /* 0001-01-01 */
#define MAX_DAYS INT64_C(2932896) /* 9999-12-31 */

static bool is_time(uint32_t type)
{
    return type >= RH_TYPE_DATE && type <= RH_TYPE_TIMESTAMP;
}

/* ---- choosing ---- */

void rh_odbc_entry_choose(struct rh_odbc_entry *entry, const struct rh_odbc_form *form,
                          const struct rh_column *column, const struct rh_value *value)
{
    const struct rh_odbc_dialect *dialect = form->dialect;
    bool guid = column && rh_odbc_id_type(column) == SQL_GUID && !dialect->dates_as_text;

    entry->c_type = SQL_C_CHAR;
    entry->sql_type = SQL_VARCHAR;
    entry->digits = 0;
    switch (value->type) {
    case RH_TYPE_BOOL:
        entry->c_type = SQL_C_BIT;
        entry->sql_type = SQL_BIT;
        break;
    case RH_TYPE_INT:
        entry->c_type = dialect->ints_as_text ? SQL_C_CHAR : SQL_C_SBIGINT;
        entry->sql_type = dialect->ints_as_text ? SQL_DECIMAL : SQL_BIGINT;
        break;
    case RH_TYPE_UINT:
    case RH_TYPE_DECIMAL:
        entry->sql_type = SQL_DECIMAL;
        break;
    case RH_TYPE_FLOAT:
        entry->c_type = SQL_C_DOUBLE;
        entry->sql_type = SQL_DOUBLE;
        break;
    case RH_TYPE_BYTES:
        entry->c_type = SQL_C_BINARY;
        entry->sql_type = SQL_VARBINARY;
        break;
    case RH_TYPE_UUID:
        entry->c_type = guid ? SQL_C_GUID : SQL_C_CHAR;
        entry->sql_type = guid ? SQL_GUID : SQL_VARCHAR;
        break;
    default:
        if (is_time(value->type) && !dialect->dates_as_text) {
            bool date = value->type == RH_TYPE_DATE;
            if (value->type == RH_TYPE_TIME) { /* the struct has no fraction */
                entry->sql_type = value->as.i % SECOND_US ? SQL_VARCHAR : SQL_TYPE_TIME;
                return;
            }
            entry->c_type = date ? SQL_C_TYPE_DATE : SQL_C_TYPE_TIMESTAMP;
            entry->sql_type = date ? SQL_TYPE_DATE : SQL_TYPE_TIMESTAMP;
        } else if (!is_time(value->type) && !form->utf8) {
            entry->c_type = SQL_C_WCHAR;
            entry->sql_type = SQL_WVARCHAR;
        }
    }
}

size_t rh_odbc_entry_width(const struct rh_odbc_entry *entry, const struct rh_value *value)
{
    switch (entry->c_type) {
    case SQL_C_BIT:
        return 1;
    case SQL_C_SBIGINT:
    case SQL_C_DOUBLE:
        return 8;
    case SQL_C_TYPE_DATE:
        return sizeof(SQL_DATE_STRUCT);
    case SQL_C_TYPE_TIMESTAMP:
        return sizeof(SQL_TIMESTAMP_STRUCT);
    case SQL_C_GUID:
        return 16;
    case SQL_C_WCHAR:
        return 2 * (size_t)value->len;
    default:
        return value->type == RH_TYPE_TEXT || value->type == RH_TYPE_JSON ||
                       value->type == RH_TYPE_BYTES || value->type == RH_TYPE_DECIMAL
                   ? value->len
                   : 64;
    }
}

/* ---- texts ---- */

/* "-0043-03-15" as PostgreSQL says it: "0044-03-15 BC". */
static size_t before_christ(char *text, size_t n)
{
    const char *dash = n > 1 && text[0] == '-' ? memchr(text + 1, '-', n - 1) : NULL;
    int64_t year = 0;
    struct rh_buf made;

    if (!dash || !rh_text_to_i64(rh_text_make(text + 1, (size_t)(dash - text) - 1), &year))
        return n;
    rh_buf_init(&made, 64);
    rh_buf_addf(&made, "%04lld", (long long)year + 1);
    rh_buf_add(&made, dash, n - (size_t)(dash - text));
    rh_buf_add_str(&made, " BC");
    n = made.failed ? 0 : made.len;
    if (n)
        memcpy(text, made.data, n);
    rh_buf_free(&made);
    return n;
}

/* Through which text a value goes, if it does. 0: too long. */
static size_t text_of(const struct rh_value *value, char to[64])
{
    size_t n = 0;

    switch (value->type) {
    case RH_TYPE_INT: {
        struct rh_buf buf;
        rh_buf_init(&buf, 32);
        rh_buf_add_i64(&buf, value->as.i);
        n = buf.len;
        if (n)
            memcpy(to, buf.data, n);
        rh_buf_free(&buf);
        return n;
    }
    case RH_TYPE_UINT: {
        struct rh_buf buf;
        rh_buf_init(&buf, 32);
        rh_buf_add_u64(&buf, value->as.u);
        n = buf.len;
        if (n)
            memcpy(to, buf.data, n);
        rh_buf_free(&buf);
        return n;
    }
    case RH_TYPE_DATE:
        return before_christ(to, rh_civil_format_date(to, value->as.i));
    case RH_TYPE_TIME:
        return rh_civil_format_time(to, value->as.i);
    case RH_TYPE_DATETIME:
        n = rh_civil_format_datetime(to, value->as.i);
        break;
    case RH_TYPE_TIMESTAMP: /* the session is in UTC */
        n = rh_civil_format_timestamp(to, value->as.i);
        if (n && to[n - 1] == 'Z')
            n--;
        break;
    case RH_TYPE_UUID: {
        static const char digits[] = "0123456789abcdef";
        const unsigned char *bytes = value->as.data;
        for (unsigned i = 0; i < 16; i++) {
            if (i == 4 || i == 6 || i == 8 || i == 10)
                to[n++] = '-';
            to[n++] = digits[bytes[i] >> 4];
            to[n++] = digits[bytes[i] & 15];
        }
        return n;
    }
    default:
        return 0;
    }
    for (size_t i = 0; i < n; i++) {
        if (to[i] == 'T')
            to[i] = ' ';
    }
    return before_christ(to, n);
}

/* ---- writing ---- */

static void split_day(int64_t days, SQLSMALLINT *ret_year, SQLUSMALLINT *ret_month,
                      SQLUSMALLINT *ret_day)
{
    int64_t year = 0;
    unsigned month = 0, day = 0;

    rh_civil_from_days(days, &year, &month, &day);
    *ret_year = (SQLSMALLINT)year;
    *ret_month = (SQLUSMALLINT)month;
    *ret_day = (SQLUSMALLINT)day;
}

static void put_timestamp(char *to, int64_t us)
{
    int64_t days = us / RH_CIVIL_DAY_US - (us % RH_CIVIL_DAY_US < 0);
    int64_t rest = us - days * RH_CIVIL_DAY_US;
    SQL_TIMESTAMP_STRUCT made = {.year = 0};

    split_day(days, &made.year, &made.month, &made.day);
    made.hour = (SQLUSMALLINT)(rest / INT64_C(3600000000));
    made.minute = (SQLUSMALLINT)(rest / 60000000 % 60);
    made.second = (SQLUSMALLINT)(rest / 1000000 % 60);
    made.fraction = (SQLUINTEGER)(rest % 1000000) * 1000u;
    memcpy(to, &made, sizeof made);
}

static void put_guid(char *to, const unsigned char *bytes)
{
    SQLGUID made = {
        .Data1 = (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 |
                 bytes[3],
        .Data2 = (uint16_t)((unsigned)bytes[4] << 8 | bytes[5]),
        .Data3 = (uint16_t)((unsigned)bytes[6] << 8 | bytes[7]),
    };

    memcpy(made.Data4, bytes + 8, 8);
    memcpy(to, &made, sizeof made);
}

/* Of the years 1 to 9999. */
static bool is_in_calendar(const struct rh_value *value)
{
    int64_t day = value->as.i;

    if (value->type != RH_TYPE_DATE)
        day = day / RH_CIVIL_DAY_US - (day % RH_CIVIL_DAY_US < 0);
    return day >= MIN_DAYS && day <= MAX_DAYS;
}

static bool has_nul(const struct rh_value *value)
{
    return value->len && memchr(value->as.data, '\0', value->len);
}

/* Drivers end a text there. */
static int fail_nul(struct rh_error *error)
{
    return rh_fail(error, RH_DATA, "a text with a NUL cannot be given to the driver");
}

static int put_char(const struct rh_odbc_form *form, const struct rh_value *value, char *to,
                    SQLLEN *ret_length, struct rh_error *error)
{
    char text[RH_CIVIL_MAX > 64 ? RH_CIVIL_MAX : 64];
    size_t n = value->len;

    switch (value->type) {
    case RH_TYPE_TEXT:
    case RH_TYPE_JSON:
        if (has_nul(value))
            return fail_nul(error);
        if (!rh_text_is_utf8(rh_kit_value_text(value)))
            return rh_fail(error, RH_DATA, "a text is no valid UTF-8");
        /* fall through */
    case RH_TYPE_DECIMAL:
    case RH_TYPE_BYTES:
        if (n)
            memcpy(to, value->as.data, n);
        break;
    default:
        if (is_time(value->type) && value->type != RH_TYPE_TIME && !form->dialect->far_dates &&
            !is_in_calendar(value))
            return rh_fail(error, RH_DATA, "the date cannot be given to the driver");
        n = text_of(value, text);
        if (!n)
            return rh_fail(error, RH_UNSUPPORTED, "a value of this type has no form here");
        memcpy(to, text, n);
    }
    *ret_length = (SQLLEN)n;
    return RH_OK;
}

int rh_odbc_entry_put(const struct rh_odbc_entry *entry, const struct rh_odbc_form *form,
                      const struct rh_value *value, char *to, SQLLEN *ret_length,
                      struct rh_error *error)
{
    size_t units = 0;

    switch (entry->c_type) {
    case SQL_C_BIT:
        *to = value->as.i != 0;
        *ret_length = 1;
        return RH_OK;
    case SQL_C_SBIGINT:
    case SQL_C_DOUBLE:
        memcpy(to, &value->as, 8);
        *ret_length = 8;
        return RH_OK;
    case SQL_C_GUID:
        put_guid(to, value->as.data);
        *ret_length = 16;
        return RH_OK;
    case SQL_C_TYPE_DATE:
    case SQL_C_TYPE_TIMESTAMP:
        if (!is_in_calendar(value))
            return rh_fail(error, RH_DATA, "the date cannot be given to the driver");
        *ret_length = (SQLLEN)rh_odbc_entry_width(entry, value);
        if (entry->c_type == SQL_C_TYPE_DATE) {
            SQL_DATE_STRUCT date = {.year = 0};
            split_day(value->as.i, &date.year, &date.month, &date.day);
            memcpy(to, &date, sizeof date);
        } else {
            put_timestamp(to, value->as.i);
        }
        return RH_OK;
    case SQL_C_WCHAR:
        if (has_nul(value))
            return fail_nul(error);
        if (!rh_odbc_to_utf16(rh_kit_value_text(value), (uint16_t *)(void *)to, &units))
            return rh_fail(error, RH_DATA, "a text is no valid UTF-8");
        *ret_length = (SQLLEN)(units * 2);
        return RH_OK;
    default:
        return put_char(form, value, to, ret_length, error);
    }
}
