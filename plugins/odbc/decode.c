/*
 * See decode.h. Numbers, dates and UUIDs that are fetched as SQL_C_CHAR are ASCII with every
 * driver. Fractions of a second beyond microseconds are cut off, so that an order stays one.
 */
#include "decode.h"

#include "connector/civil.h"
#include "connector/decimal.h"
#include "connector/kit.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

#define NUMBER_BYTES 128
#define TIME_BYTES 64
#define MAX_BOUND 8192 /* bytes of an entry; wider columns are long */
#define MAX_WIDE 65536 /* characters of one where nothing is read again: MariaDB's TEXT */

/* ---- choosing ---- */

static bool is_binary(SQLSMALLINT sql_type)
{
    return sql_type == SQL_BINARY || sql_type == SQL_VARBINARY || sql_type == SQL_LONGVARBINARY;
}

static bool is_number(SQLSMALLINT sql_type)
{
    switch (sql_type) {
    case SQL_BIT:
    case SQL_TINYINT:
    case SQL_SMALLINT:
    case SQL_INTEGER:
    case SQL_BIGINT:
    case SQL_REAL:
    case SQL_FLOAT:
    case SQL_DOUBLE:
        return true;
    default:
        return false;
    }
}

static void as_text(struct rh_odbc_cell *cell, const struct rh_conn *conn, SQLULEN size)
{
    size_t per_char = conn->utf8 ? 4 : 2;

    cell->c_type = conn->utf8 ? SQL_C_CHAR : SQL_C_WCHAR;
    cell->width = 0;
    if (size > 0 && size <= MAX_BOUND / 4) {
        cell->width = (size + 1) * per_char;
    } else if (conn->reads_in_blocks && size <= MAX_BOUND) {
        cell->width = 1024; /* a longer one is read again */
    } else if (conn->driver == RH_ODBC_DRIVER_MARIADB && size > 0 && size < MAX_WIDE) {
        cell->width = (size + 1) * per_char;
    }
}

static void as_bytes(struct rh_odbc_cell *cell, const struct rh_conn *conn, SQLULEN size)
{
    cell->c_type = SQL_C_BINARY;
    if (size > 0 && size <= MAX_BOUND / 2)
        cell->width = size;
    else
        cell->width = conn->reads_in_blocks && size <= MAX_BOUND ? 1024 : 0;
}

static void as_ascii(struct rh_odbc_cell *cell, size_t width)
{
    cell->c_type = SQL_C_CHAR;
    cell->width = width;
}

static void choose(struct rh_odbc_cell *cell, const struct rh_conn *conn, uint8_t type,
                   SQLSMALLINT sql_type, SQLULEN size, bool is_unsigned)
{
    bool typed = conn->dialect->typed_cells;

    *cell = (struct rh_odbc_cell){.type = type, .sql_type = sql_type, .is_unsigned = is_unsigned};
    if (!typed && !is_binary(sql_type)) {
        as_text(cell, conn, 0);
        return;
    }
    switch (type) {
    case RH_TYPE_BOOL:
    case RH_TYPE_INT:
        if (is_number(sql_type) && !conn->dialect->ints_as_text) {
            cell->c_type = SQL_C_SBIGINT;
            cell->width = 8;
        } else {
            as_ascii(cell, NUMBER_BYTES);
        }
        return;
    case RH_TYPE_FLOAT:
        cell->c_type = SQL_C_DOUBLE;
        cell->width = 8;
        return;
    case RH_TYPE_UINT:
    case RH_TYPE_DECIMAL:
        as_ascii(cell, NUMBER_BYTES);
        return;
    case RH_TYPE_DATE:
    case RH_TYPE_TIME:
    case RH_TYPE_DATETIME:
    case RH_TYPE_TIMESTAMP:
        if (conn->dialect->dates_as_text || type == RH_TYPE_TIME || sql_type == -155) {
            as_ascii(cell, TIME_BYTES);
        } else if (sql_type == SQL_TYPE_DATE) {
            cell->c_type = SQL_C_TYPE_DATE;
            cell->width = sizeof(SQL_DATE_STRUCT);
        } else {
            cell->c_type = SQL_C_TYPE_TIMESTAMP;
            cell->width = sizeof(SQL_TIMESTAMP_STRUCT);
        }
        return;
    case RH_TYPE_UUID:
        as_ascii(cell, TIME_BYTES);
        return;
    case RH_TYPE_BYTES:
        as_bytes(cell, conn, size);
        return;
    default:
        as_text(cell, conn, size);
    }
}

/* ---- decoding ---- */

static void put_bytes(struct rh_rowset *out, struct rh_value *to, uint8_t type, const char *data,
                      size_t len, bool stable)
{
    if (stable && len <= UINT32_MAX)
        *to = (struct rh_value){.type = type, .len = (uint32_t)len, .as.data = data};
    else
        rh_rowset_bytes(out, to, type, data, len);
}

/* "-.5", "+1.0E2" → canonical. False when it is no number. Apart, because its room is large. */
__attribute__((noinline)) static bool put_number(struct rh_rowset *out, struct rh_value *to,
                                                 struct rh_text text)
{
    char fixed[4096], made[4096];
    size_t n = 0, len;

    if (text.len + 2 > sizeof fixed)
        return false;
    if (text.len && text.data[0] == '+') {
        text.data++;
        text.len--;
    }
    if (text.len && text.data[0] == '-') {
        fixed[n++] = '-';
        text.data++;
        text.len--;
    }
    if (text.len && text.data[0] == '.')
        fixed[n++] = '0';
    memcpy(fixed + n, text.data, text.len);
    n += text.len;
    if (n && fixed[n - 1] == '.')
        n--;
    len = rh_decimal_from_number(made, sizeof made, rh_text_make(fixed, n));
    if (len)
        rh_rowset_bytes(out, to, RH_TYPE_DECIMAL, made, len);
    return len > 0;
}

static bool put_decimal(struct rh_rowset *out, struct rh_value *to, struct rh_text text,
                        bool stable)
{
    if (!rh_decimal_is_valid(text))
        return put_number(out, to, text);
    put_bytes(out, to, RH_TYPE_DECIMAL, text.data, text.len, stable);
    return true;
}

static int hex_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* 32 digits, with hyphens or braces or without. */
static bool parse_uuid(struct rh_text text, unsigned char ret_bytes[16])
{
    unsigned n = 0;
    int high = 0;

    for (uint64_t i = 0; i < text.len; i++) {
        int digit = hex_of(text.data[i]);
        if (digit < 0) {
            if (text.data[i] != '-' && text.data[i] != '{' && text.data[i] != '}')
                return false;
            continue;
        }
        if (n == 32)
            return false;
        if (n % 2 == 0)
            high = digit;
        else
            ret_bytes[n / 2] = (unsigned char)(high << 4 | digit);
        n++;
    }
    return n == 32;
}

static bool parse_iso(uint8_t type, struct rh_text text, int64_t *ret_value)
{
    switch (type) {
    case RH_TYPE_DATE:
        return rh_civil_parse_date(text, ret_value);
    case RH_TYPE_TIME:
        return rh_civil_parse_time(text, ret_value);
    case RH_TYPE_DATETIME:
        return rh_civil_parse_datetime(text, ret_value);
    default:
        return rh_civil_parse_timestamp(text, ret_value);
    }
}

/* PostgreSQL's years before 1: "0044-03-15 BC", and SQL Server's zone: "… 10:11:12 +00:00". */
static bool parse_other_moment(uint8_t type, struct rh_text text, int64_t *ret_value)
{
    char room[TIME_BYTES + 8];
    int64_t year = 0;

    text = rh_text_trim(text);
    if (rh_text_ends(text, " BC") && text.len < TIME_BYTES) {
        const char *dash = memchr(text.data, '-', text.len);
        struct rh_buf buf;
        if (!dash || !rh_text_to_i64(rh_text_make(text.data, (size_t)(dash - text.data)), &year))
            return false;
        rh_buf_init(&buf, sizeof room);
        rh_buf_addf(&buf, "%s%04lld", year > 1 ? "-" : "", (long long)(year - 1));
        rh_buf_add(&buf, dash, text.len - (size_t)(dash - text.data) - 3);
        bool fits = !buf.failed && buf.len < sizeof room;
        size_t n = buf.len;
        if (fits)
            memcpy(room, buf.data, n);
        rh_buf_free(&buf);
        if (!fits)
            return false;
        text = rh_text_make(room, n);
    }
    /* without the blank in front of the zone */
    if (type == RH_TYPE_TIMESTAMP && text.len > 7 && text.len < sizeof room &&
        text.data[text.len - 7] == ' ' &&
        (text.data[text.len - 6] == '+' || text.data[text.len - 6] == '-')) {
        memmove(room, text.data, text.len - 7);
        memcpy(room + text.len - 7, text.data + text.len - 6, 6);
        text = rh_text_make(room, text.len - 1);
    }
    return parse_iso(type, text, ret_value);
}

static bool parse_moment(uint8_t type, struct rh_text text, int64_t *ret_value)
{
    return parse_iso(type, text, ret_value) || parse_other_moment(type, text, ret_value);
}

/* False: the text is not of that type. */
static bool put_parsed(const struct rh_odbc_cell *cell, struct rh_rowset *out, struct rh_value *to,
                       struct rh_text text, bool stable)
{
    struct rh_value made = {.type = cell->type};
    unsigned char uuid[16];

    switch (cell->type) {
    case RH_TYPE_INT:
        if (!rh_text_to_i64(text, &made.as.i))
            return rh_decimal_is_valid(text) && rh_decimal_to_i64(text, &made.as.i) &&
                   (*to = made, true);
        break;
    case RH_TYPE_BOOL:
        if (rh_text_is(text, "0") || rh_text_is(text, "1"))
            made.as.i = text.data[0] == '1';
        else if (rh_text_to_i64(text, &made.as.i))
            made.type = RH_TYPE_INT;
        else
            return false;
        break;
    case RH_TYPE_UINT:
        if (!rh_text_to_u64(text, &made.as.u))
            return false;
        break;
    case RH_TYPE_FLOAT:
        if (rh_text_is(text, "Inf") || rh_text_is(text, "-Inf"))
            made.as.f = text.data[0] == '-' ? -__builtin_inf() : __builtin_inf();
        else if (!rh_text_to_f64(text, &made.as.f))
            return false;
        break;
    case RH_TYPE_DECIMAL:
        return put_decimal(out, to, text, stable);
    case RH_TYPE_UUID:
        if (!parse_uuid(text, uuid))
            return false;
        rh_rowset_bytes(out, to, RH_TYPE_UUID, uuid, sizeof uuid);
        return true;
    case RH_TYPE_DATE:
    case RH_TYPE_TIME:
    case RH_TYPE_DATETIME:
    case RH_TYPE_TIMESTAMP:
        if (!parse_moment(cell->type, text, &made.as.i))
            return false;
        break;
    default:
        return false;
    }
    *to = made;
    return true;
}

static int64_t us_of(const SQL_TIMESTAMP_STRUCT *at)
{
    int64_t days = rh_civil_days(at->year, at->month, at->day);

    return days * RH_CIVIL_DAY_US +
           ((int64_t)at->hour * 3600 + (int64_t)at->minute * 60 + at->second) * 1000000 +
           at->fraction / 1000;
}

static int decode_int64(const struct rh_odbc_cell *cell, struct rh_rowset *out, struct rh_value *to,
                        const char *data, size_t len, bool stable, struct rh_error *error)
{
    *to = (struct rh_value){.type = cell->type};
    memcpy(&to->as, data, 8);
    if (cell->type == RH_TYPE_BOOL && to->as.i != 0 && to->as.i != 1)
        to->type = RH_TYPE_INT;
    return RH_OK;
}

static int decode_double(const struct rh_odbc_cell *cell, struct rh_rowset *out,
                         struct rh_value *to, const char *data, size_t len, bool stable,
                         struct rh_error *error)
{
    *to = (struct rh_value){.type = cell->type};
    memcpy(&to->as, data, 8);
    return RH_OK;
}

static int decode_moment(const struct rh_odbc_cell *cell, struct rh_rowset *out,
                         struct rh_value *to, const char *data, size_t len, bool stable,
                         struct rh_error *error)
{
    SQL_TIMESTAMP_STRUCT at = {.year = 0};
    SQL_DATE_STRUCT date;

    if (cell->c_type == SQL_C_TYPE_DATE) {
        memcpy(&date, data, sizeof date);
        at.year = date.year;
        at.month = date.month;
        at.day = date.day;
    } else {
        memcpy(&at, data, sizeof at);
    }
    if (at.month < 1 || at.month > 12 || at.day < 1 || at.day > 31 || at.hour > 24 ||
        at.minute > 59 || at.second > 61 || at.fraction > 999999999)
        return rh_fail(error, RH_PROTOCOL, "the driver gave a date that is none");
    *to = (struct rh_value){.type = cell->type};
    to->as.i = cell->type == RH_TYPE_DATE ? rh_civil_days(at.year, at.month, at.day) : us_of(&at);
    return RH_OK;
}

static int decode_utf8(const struct rh_odbc_cell *cell, struct rh_rowset *out, struct rh_value *to,
                       const char *data, size_t len, bool stable, struct rh_error *error)
{
    uint8_t type = rh_text_is_utf8(rh_text_make(data, len)) ? cell->type : RH_TYPE_BYTES;

    put_bytes(out, to, type, data, len, stable);
    return RH_OK;
}

static int decode_ascii(const struct rh_odbc_cell *cell, struct rh_rowset *out, struct rh_value *to,
                        const char *data, size_t len, bool stable, struct rh_error *error)
{
    struct rh_text text = rh_text_make(data, len);

    if (!put_parsed(cell, out, to, text, stable))
        put_bytes(out, to, rh_text_is_utf8(text) ? RH_TYPE_TEXT : RH_TYPE_BYTES, data, len, stable);
    return RH_OK;
}

static int decode_wide(const struct rh_odbc_cell *cell, struct rh_rowset *out, struct rh_value *to,
                       const char *data, size_t len, bool stable, struct rh_error *error)
{
    bool textual = cell->type == RH_TYPE_TEXT || cell->type == RH_TYPE_JSON;
    size_t units = len / 2, n = 0;
    char *made = malloc(units * 3 + 1);

    if (!made)
        return rh_fail_nomem(error);
    n = rh_odbc_to_utf8((const uint16_t *)(const void *)data, units, made);
    if (textual || !put_parsed(cell, out, to, rh_text_make(made, n), false))
        rh_rowset_bytes(out, to, textual ? cell->type : RH_TYPE_TEXT, made, n);
    free(made);
    return RH_OK;
}

static int decode_bytes(const struct rh_odbc_cell *cell, struct rh_rowset *out, struct rh_value *to,
                        const char *data, size_t len, bool stable, struct rh_error *error)
{
    put_bytes(out, to, RH_TYPE_BYTES, data, len, stable);
    return RH_OK;
}

static rh_odbc_decode_fn *decode_for(SQLSMALLINT c_type, uint8_t type)
{
    switch (c_type) {
    case SQL_C_SBIGINT:
        return decode_int64;
    case SQL_C_DOUBLE:
        return decode_double;
    case SQL_C_CHAR:
        return type == RH_TYPE_TEXT || type == RH_TYPE_JSON ? decode_utf8 : decode_ascii;
    case SQL_C_WCHAR:
        return decode_wide;
    case SQL_C_BINARY:
        return decode_bytes;
    default:
        return decode_moment;
    }
}

void rh_odbc_cell_choose(struct rh_odbc_cell *cell, const struct rh_conn *conn, uint8_t type,
                         SQLSMALLINT sql_type, SQLULEN size, bool is_unsigned)
{
    choose(cell, conn, type, sql_type, size, is_unsigned);
    cell->decode = decode_for(cell->c_type, type);
    cell->end = cell->c_type == SQL_C_CHAR ? 1 : cell->c_type == SQL_C_WCHAR ? 2 : 0;
    cell->fixed = cell->end == 0 && cell->c_type != SQL_C_BINARY;
}
