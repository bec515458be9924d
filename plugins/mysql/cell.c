/*
 * The binary wire forms of a result as cells (protocol: "Binary Protocol Resultset").
 *
 *   result type                        cell
 *   tiny short int24 long longlong     BOOL where one is asked for and it is 0 or 1, else INT, UINT
 *     year
 *   float, double                      FLOAT; a float is widened, so it is the single that is stored
 *   decimal                            DECIMAL, without the zeros that ZEROFILL puts in front
 *   bit                                BOOL, INT or UINT
 *   date datetime timestamp            as asked for; TEXT when there is a zero in the date
 *   time                               TIME, INTERVAL when out of 00:00 … 24:00
 *   strings, blobs                     as asked for: TEXT, BYTES, JSON, UUID, DECIMAL
 */
#include "cell.h"

#include "base/text.h"
#include "connector/civil.h"
#include "connector/decimal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define BINARY_CHARSET 63
#define RARE __attribute__((noinline)) /* its locals stay out of the way of the others */

enum form {
    FORM_SKIP, /* NULL only */
    FORM_I8,
    FORM_U8,
    FORM_I16,
    FORM_U16,
    FORM_I32,
    FORM_U32,
    FORM_I64,
    FORM_U64,
    FORM_F32,
    FORM_F64,
    FORM_DECIMAL,
    FORM_BIT,
    FORM_DATE,
    FORM_TIME,
    FORM_BYTES,
};

/* Bytes of the forms that have a fixed length. */
static const uint8_t widths[] = {
    [FORM_I8] = 1,  [FORM_U8] = 1,  [FORM_I16] = 2,   [FORM_U16] = 2,
    [FORM_I32] = 4, [FORM_U32] = 4, [FORM_I64] = 8,   [FORM_U64] = 8,
    [FORM_F32] = 4, [FORM_F64] = 8, [FORM_BYTES] = 0,
};

/* ---- forms ---- */

static uint8_t form_of(const MYSQL_FIELD *field)
{
    bool is_unsigned = (field->flags & UNSIGNED_FLAG) != 0;

    switch (field->type) {
    case MYSQL_TYPE_TINY:
        return is_unsigned ? FORM_U8 : FORM_I8;
    case MYSQL_TYPE_SHORT:
        return is_unsigned ? FORM_U16 : FORM_I16;
    case MYSQL_TYPE_YEAR:
        return FORM_U16;
    case MYSQL_TYPE_INT24:
    case MYSQL_TYPE_LONG:
        return is_unsigned ? FORM_U32 : FORM_I32;
    case MYSQL_TYPE_LONGLONG:
        return is_unsigned ? FORM_U64 : FORM_I64;
    case MYSQL_TYPE_FLOAT:
        return FORM_F32;
    case MYSQL_TYPE_DOUBLE:
        return FORM_F64;
    case MYSQL_TYPE_DECIMAL:
    case MYSQL_TYPE_NEWDECIMAL:
        return FORM_DECIMAL;
    case MYSQL_TYPE_BIT:
        return FORM_BIT;
    case MYSQL_TYPE_DATE:
    case MYSQL_TYPE_NEWDATE:
    case MYSQL_TYPE_DATETIME:
    case MYSQL_TYPE_DATETIME2:
    case MYSQL_TYPE_TIMESTAMP:
    case MYSQL_TYPE_TIMESTAMP2:
        return FORM_DATE;
    case MYSQL_TYPE_TIME:
    case MYSQL_TYPE_TIME2:
        return FORM_TIME;
    case MYSQL_TYPE_NULL:
        return FORM_SKIP;
    default:
        return FORM_BYTES;
    }
}

uint8_t rh_my_field_type(const MYSQL_FIELD *field)
{
    switch (form_of(field)) {
    case FORM_F32:
    case FORM_F64:
        return RH_TYPE_FLOAT;
    case FORM_DECIMAL:
        return RH_TYPE_DECIMAL;
    case FORM_BIT:
    case FORM_U64:
        return RH_TYPE_UINT;
    case FORM_DATE:
        if (field->type == MYSQL_TYPE_TIMESTAMP || field->type == MYSQL_TYPE_TIMESTAMP2)
            return RH_TYPE_TIMESTAMP;
        return field->type == MYSQL_TYPE_DATE || field->type == MYSQL_TYPE_NEWDATE
                   ? RH_TYPE_DATE
                   : RH_TYPE_DATETIME;
    case FORM_TIME:
        return RH_TYPE_TIME;
    case FORM_BYTES:
        if (field->type == MYSQL_TYPE_JSON)
            return RH_TYPE_JSON;
        return field->charsetnr == BINARY_CHARSET ? RH_TYPE_BYTES : RH_TYPE_TEXT;
    case FORM_SKIP:
        return RH_TYPE_TEXT;
    default:
        return RH_TYPE_INT;
    }
}

/* ---- bytes ---- */

/* Most values are short: from both ends at once, where the halves overlap, costs less than a call. */
static inline void copy(char *to, const char *from, size_t len)
{
    if (len >= 8 && len <= 16) {
        uint64_t front, back;
        memcpy(&front, from, 8);
        memcpy(&back, from + len - 8, 8);
        memcpy(to, &front, 8);
        memcpy(to + len - 8, &back, 8);
    } else if (len >= 4 && len < 8) {
        uint32_t front, back;
        memcpy(&front, from, 4);
        memcpy(&back, from + len - 4, 4);
        memcpy(to, &front, 4);
        memcpy(to + len - 4, &back, 4);
    } else {
        memcpy(to, from, len);
    }
}

/* Copies the bytes in and makes *cell a value over them. */
static void put(struct rh_my_decoder *decoder, struct rh_value *cell, uint8_t type,
                const void *data, size_t len)
{
    char *room = rh_my_bytes_take(&decoder->bytes, len);

    if (!room)
        return;
    copy(room, data, len);
    *cell = (struct rh_value){.type = type, .len = (uint32_t)len, .as.data = room};
}

/* ---- numbers ---- */

RARE static void set_number_text(struct rh_my_decoder *decoder, struct rh_value *cell,
                                 bool negative, uint64_t magnitude)
{
    char digits[24];
    int n = snprintf(digits, sizeof digits, "%s%" PRIu64, negative ? "-" : "", magnitude);

    put(decoder, cell, RH_TYPE_DECIMAL, digits, (size_t)n);
}

static void set_unsigned(struct rh_my_decoder *decoder, struct rh_value *cell, uint8_t type,
                         uint64_t u)
{
    if (type == RH_TYPE_DECIMAL) {
        set_number_text(decoder, cell, false, u);
    } else if (type == RH_TYPE_FLOAT) {
        *cell = (struct rh_value){.type = RH_TYPE_FLOAT, .as.f = (double)u};
    } else if (type == RH_TYPE_BOOL && u <= 1) {
        *cell = (struct rh_value){.type = RH_TYPE_BOOL, .as.i = (int64_t)u};
    } else {
        bool wide = type == RH_TYPE_UINT || u > INT64_MAX;
        *cell = (struct rh_value){.type = wide ? RH_TYPE_UINT : RH_TYPE_INT, .as.u = u};
    }
}

static void set_signed(struct rh_my_decoder *decoder, struct rh_value *cell, uint8_t type,
                       int64_t i)
{
    if (type == RH_TYPE_INT)
        *cell = (struct rh_value){.type = RH_TYPE_INT, .as.i = i};
    else if (i >= 0)
        set_unsigned(decoder, cell, type, (uint64_t)i);
    else if (type == RH_TYPE_DECIMAL)
        set_number_text(decoder, cell, true, 0 - (uint64_t)i);
    else if (type == RH_TYPE_FLOAT)
        *cell = (struct rh_value){.type = RH_TYPE_FLOAT, .as.f = (double)i};
    else
        *cell = (struct rh_value){.type = RH_TYPE_INT, .as.i = i};
}

/* ZEROFILL's zeros are no part of the number. */
static inline struct rh_text without_zeros(struct rh_text text)
{
    while (text.len > 1 && text.data[0] == '0' && text.data[1] != '.') {
        text.data++;
        text.len--;
    }
    return text;
}

RARE static void set_decimal(struct rh_my_decoder *decoder, struct rh_value *cell, uint8_t type,
                             struct rh_text text)
{
    int64_t number = 0;

    if (type == RH_TYPE_FLOAT) {
        *cell = (struct rh_value){.type = RH_TYPE_FLOAT, .as.f = rh_decimal_to_f64(text)};
    } else if (type == RH_TYPE_INT && rh_decimal_to_i64(text, &number)) {
        *cell = (struct rh_value){.type = RH_TYPE_INT, .as.i = number};
    } else {
        text = without_zeros(text);
        put(decoder, cell, RH_TYPE_DECIMAL, text.data, text.len);
    }
}

/* ---- times ---- */

static uint32_t get32(const unsigned char *from)
{
    uint32_t value = 0;

    memcpy(&value, from, sizeof value);
    return value;
}

static void set_text(struct rh_my_decoder *decoder, struct rh_value *cell, const char *text, int n)
{
    put(decoder, cell, RH_TYPE_TEXT, text, (size_t)n);
}

/* "0000-00-00", "2024-02-00 10:00:00": not a date, but not to be lost. */
RARE static void set_zero_date(struct rh_my_decoder *decoder, struct rh_value *cell, uint8_t type,
                               const unsigned char *at, uint32_t len)
{
    unsigned year = len >= 4 ? at[0] | (unsigned)at[1] << 8 : 0;
    unsigned hour = len >= 7 ? at[4] : 0, minute = len >= 7 ? at[5] : 0;
    unsigned second = len >= 7 ? at[6] : 0;
    char text[64];
    int n = snprintf(text, sizeof text, "%04u-%02u-%02u", year, len >= 4 ? at[2] : 0u,
                     len >= 4 ? at[3] : 0u);

    if (type != RH_TYPE_DATE)
        n += snprintf(text + n, sizeof text - (size_t)n, " %02u:%02u:%02u", hour, minute, second);
    if (len >= 11 && get32(at + 7))
        n += snprintf(text + n, sizeof text - (size_t)n, ".%06u", get32(at + 7));
    set_text(decoder, cell, text, n);
}

static int64_t days_of(struct rh_my_decoder *decoder, const unsigned char *at)
{
    uint32_t month = at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16;

    if (month != decoder->month) {
        decoder->month = month;
        decoder->month_start = rh_civil_days(at[0] | (unsigned)at[1] << 8, at[2], 1);
    }
    return decoder->month_start + at[3] - 1;
}

static bool set_date(struct rh_my_decoder *decoder, struct rh_value *cell, uint8_t type,
                     const unsigned char *at, uint32_t len)
{
    int64_t days = 0, us = 0;

    if (len != 0 && len != 4 && len != 7 && len != 11)
        return false;
    if (len == 0 || at[2] == 0 || at[3] == 0) {
        set_zero_date(decoder, cell, type, at, len);
        return true;
    }
    days = days_of(decoder, at);
    if (len >= 7)
        us = (at[4] * INT64_C(3600) + at[5] * INT64_C(60) + at[6]) * 1000000;
    if (len >= 11)
        us += get32(at + 7);
    if (type == RH_TYPE_DATE)
        *cell = (struct rh_value){.type = RH_TYPE_DATE, .as.i = days};
    else
        *cell = (struct rh_value){.type = type == RH_TYPE_TIMESTAMP ? RH_TYPE_TIMESTAMP
                                                                    : RH_TYPE_DATETIME,
                                  .as.i = days * RH_CIVIL_DAY_US + us};
    return true;
}

RARE static bool set_time(struct rh_my_decoder *decoder, struct rh_value *cell,
                          const unsigned char *at, uint32_t len)
{
    struct rh_interval interval = {.months = 0};
    int64_t us = 0;

    if (len != 0 && len != 8 && len != 12)
        return false;
    if (len >= 8)
        us = ((get32(at + 1) * INT64_C(24) + at[5]) * 3600 + at[6] * INT64_C(60) + at[7]) * 1000000;
    if (len == 12)
        us += get32(at + 8);
    if (len && at[0])
        us = -us;
    if (us >= 0 && us <= RH_CIVIL_DAY_US) {
        *cell = (struct rh_value){.type = RH_TYPE_TIME, .as.i = us};
        return true;
    }
    interval.us = us;
    rh_my_bytes_align(&decoder->bytes); /* it is read in place, as a struct */
    put(decoder, cell, RH_TYPE_INTERVAL, &interval, sizeof interval);
    return true;
}

/* ---- strings ---- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 32);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool parse_uuid(struct rh_text text, char ret_bytes[16])
{
    int n = 0, high = -1;

    for (uint64_t i = 0; i < text.len; i++) {
        int digit = hex_digit(text.data[i]);
        if (digit < 0) {
            if (text.data[i] != '-' || high >= 0)
                return false;
        } else if (high < 0) {
            high = digit;
        } else {
            if (n == 16)
                return false;
            ret_bytes[n++] = (char)(high << 4 | digit);
            high = -1;
        }
    }
    return n == 16 && high < 0;
}

RARE static void set_uuid(struct rh_my_decoder *decoder, struct rh_value *cell, struct rh_text text)
{
    char uuid[16];

    if (text.len == 16)
        put(decoder, cell, RH_TYPE_UUID, text.data, 16);
    else if (parse_uuid(text, uuid))
        put(decoder, cell, RH_TYPE_UUID, uuid, 16);
    else
        put(decoder, cell, RH_TYPE_TEXT, text.data, text.len);
}

/* As a type that bytes are not. */
static void set_bytes(struct rh_my_decoder *decoder, struct rh_value *cell, uint8_t type,
                      struct rh_text text)
{
    if (type == RH_TYPE_UUID)
        set_uuid(decoder, cell, text);
    else if (type == RH_TYPE_DECIMAL && rh_decimal_is_valid(text))
        set_decimal(decoder, cell, type, text);
    else /* or an expression over a column of another type */
        put(decoder, cell, RH_TYPE_TEXT, text.data, text.len);
}

static void set_bits(struct rh_my_decoder *decoder, struct rh_value *cell, uint8_t type,
                     struct rh_text text)
{
    uint64_t bits = 0;

    for (uint64_t i = 0; i < text.len && i < 8; i++)
        bits = bits << 8 | (unsigned char)text.data[i];
    set_unsigned(decoder, cell, type, bits);
}

/* ---- cells ---- */

/* A string with the length of its length in front, little-endian as the host is. */
RARE static struct rh_text get_long_text(const unsigned char *at, const unsigned char *end)
{
    static const struct rh_text none;
    size_t left = at < end ? (size_t)(end - at) - 1 : 0;
    size_t n_bytes = left ? (*at == 252 ? 2 : *at == 253 ? 3 : *at == 254 ? 8 : 0) : 0;
    uint64_t len = 0;

    if (!n_bytes || left < n_bytes)
        return none;
    memcpy(&len, at + 1, n_bytes);
    if (len > left - n_bytes || len > UINT32_MAX)
        return none;
    return rh_text_make((const char *)at + 1 + n_bytes, len);
}

/* A length-encoded string; no text when it is not all there. */
static inline struct rh_text get_text(const unsigned char *at, const unsigned char *end)
{
    if (at < end && *at < 251 && *at < end - at)
        return rh_text_make((const char *)at + 1, *at);
    return get_long_text(at, end);
}

static const unsigned char *behind(struct rh_text text)
{
    return (const unsigned char *)text.data + text.len;
}

/* The library's network order is little-endian, as the host is. */
#define LOAD(type)                                                                                 \
    ({                                                                                             \
        type loaded;                                                                               \
        memcpy(&loaded, at, sizeof loaded);                                                        \
        loaded;                                                                                    \
    })

static void set_number(struct rh_my_decoder *decoder, const struct rh_my_column *column,
                       struct rh_value *cell, const unsigned char *at)
{
    uint8_t type = column->type;

    switch (column->form) {
    case FORM_I8:
        set_signed(decoder, cell, type, LOAD(int8_t));
        return;
    case FORM_U8:
        set_unsigned(decoder, cell, type, LOAD(uint8_t));
        return;
    case FORM_I16:
        set_signed(decoder, cell, type, LOAD(int16_t));
        return;
    case FORM_U16:
        set_unsigned(decoder, cell, type, LOAD(uint16_t));
        return;
    case FORM_I32:
        set_signed(decoder, cell, type, LOAD(int32_t));
        return;
    case FORM_U32:
        set_unsigned(decoder, cell, type, LOAD(uint32_t));
        return;
    case FORM_I64:
        set_signed(decoder, cell, type, LOAD(int64_t));
        return;
    case FORM_U64:
        set_unsigned(decoder, cell, type, LOAD(uint64_t));
        return;
    case FORM_F32:
        *cell = (struct rh_value){.type = RH_TYPE_FLOAT, .as.f = (double)LOAD(float)};
        return;
    default:
        *cell = (struct rh_value){.type = RH_TYPE_FLOAT, .as.f = LOAD(double)};
    }
}

static const unsigned char *decode_number(struct rh_my_decoder *decoder,
                                          const struct rh_my_column *column, struct rh_value *cell,
                                          const unsigned char *at, const unsigned char *end)
{
    if (end - at < widths[column->form])
        return NULL;
    set_number(decoder, column, cell, at);
    return at + widths[column->form];
}

static const unsigned char *decode_int64(struct rh_my_decoder *decoder,
                                         const struct rh_my_column *column, struct rh_value *cell,
                                         const unsigned char *at, const unsigned char *end)
{
    if (end - at < 8)
        return NULL;
    *cell = (struct rh_value){.type = RH_TYPE_INT, .as.i = LOAD(int64_t)};
    return at + 8;
}

/* Bytes that are the value. */
static const unsigned char *decode_plain(struct rh_my_decoder *decoder,
                                         const struct rh_my_column *column, struct rh_value *cell,
                                         const unsigned char *at, const unsigned char *end)
{
    struct rh_text text = get_text(at, end);

    if (!text.data)
        return NULL;
    put(decoder, cell, column->type, text.data, text.len);
    return behind(text);
}

static const unsigned char *decode_decimal(struct rh_my_decoder *decoder,
                                           const struct rh_my_column *column, struct rh_value *cell,
                                           const unsigned char *at, const unsigned char *end)
{
    struct rh_text text = get_text(at, end), digits;

    if (!text.data)
        return NULL;
    digits = without_zeros(text);
    put(decoder, cell, RH_TYPE_DECIMAL, digits.data, digits.len);
    return behind(text);
}

static const unsigned char *decode_date(struct rh_my_decoder *decoder,
                                        const struct rh_my_column *column, struct rh_value *cell,
                                        const unsigned char *at, const unsigned char *end)
{
    struct rh_text text = get_text(at, end);

    if (!text.data || !set_date(decoder, cell, column->type, (const unsigned char *)text.data,
                                (uint32_t)text.len))
        return NULL;
    return behind(text);
}

static const unsigned char *decode_string(struct rh_my_decoder *decoder,
                                          const struct rh_my_column *column, struct rh_value *cell,
                                          const unsigned char *at, const unsigned char *end)
{
    struct rh_text text = get_text(at, end);
    bool good = text.data != NULL;

    if (!good)
        return NULL;
    switch (column->form) {
    case FORM_BYTES:
        set_bytes(decoder, cell, column->type, text);
        break;
    case FORM_DECIMAL:
        set_decimal(decoder, cell, column->type, text);
        break;
    case FORM_BIT:
        set_bits(decoder, cell, column->type, text);
        break;
    case FORM_TIME:
        good = set_time(decoder, cell, (const unsigned char *)text.data, (uint32_t)text.len);
        break;
    default: /* there is only NULL */
        good = false;
    }
    return good ? behind(text) : NULL;
}

/* ---- columns ---- */

static rh_my_decode_fn *decode_for(uint8_t form, uint8_t type)
{
    switch (form) {
    case FORM_I64:
        return type == RH_TYPE_INT ? decode_int64 : decode_number;
    case FORM_BYTES:
        return type == RH_TYPE_TEXT || type == RH_TYPE_BYTES || type == RH_TYPE_JSON
                   ? decode_plain
                   : decode_string;
    case FORM_DECIMAL:
        return type == RH_TYPE_FLOAT || type == RH_TYPE_INT ? decode_string : decode_decimal;
    case FORM_DATE:
        return decode_date;
    default:
        return widths[form] ? decode_number : decode_string;
    }
}

void rh_my_column_choose(struct rh_my_column *column, const MYSQL_FIELD *field)
{
    if (column->type == RH_TYPE_MISSING)
        column->type = rh_my_field_type(field);
    column->form = form_of(field);
    column->decode = decode_for(column->form, column->type);
}
