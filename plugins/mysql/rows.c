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
 *
 * The library hands each cell to `take` where it lies in its network buffer, and trusts the lengths
 * that stand there; we do not, and stay within that buffer.
 */
#include "rows.h"

#include "base/text.h"
#include "connector/civil.h"
#include "connector/decimal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BINARY_CHARSET 63

#define BLOCK_BYTES (64u * 1024 - 64)

/* Bytes do not move while a batch grows, so cells point to them at once. */
struct rh_my_block {
    struct rh_my_block *next;
    size_t size;
    char bytes[] __attribute__((aligned(8)));
};

enum decoder {
    DECODE_SKIP, /* NULL only */
    DECODE_I8,
    DECODE_U8,
    DECODE_I16,
    DECODE_U16,
    DECODE_I32,
    DECODE_U32,
    DECODE_I64,
    DECODE_U64,
    DECODE_F32,
    DECODE_F64,
    DECODE_DECIMAL,
    DECODE_BIT,
    DECODE_DATE,
    DECODE_TIME,
    DECODE_BYTES,
};

/* Bytes of the forms that have a fixed length. */
static const uint8_t widths[] = {
    [DECODE_I8] = 1,  [DECODE_U8] = 1,  [DECODE_I16] = 2,   [DECODE_U16] = 2,
    [DECODE_I32] = 4, [DECODE_U32] = 4, [DECODE_I64] = 8,   [DECODE_U64] = 8,
    [DECODE_F32] = 4, [DECODE_F64] = 8, [DECODE_BYTES] = 0,
};

struct rh_my_rows *rh_my_rows_new(struct rh_conn *conn, uint32_t n_cols, size_t max_bytes)
{
    struct rh_my_rows *rows = calloc(1, sizeof *rows);

    if (!rows)
        return NULL;
    rows->conn = conn;
    rh_rowset_init(&rows->set, n_cols, max_bytes);
    rows->types = calloc((size_t)n_cols + 1, 1);
    rows->decoders = calloc((size_t)n_cols + 1, 1);
    if (!rows->types || !rows->decoders) {
        rh_my_rows_free(rows);
        return NULL;
    }
    return rows;
}

void rh_my_rows_free(struct rh_my_rows *rows)
{
    if (!rows)
        return;
    while (rows->first) {
        struct rh_my_block *next = rows->first->next;
        free(rows->first);
        rows->first = next;
    }
    rh_rowset_fini(&rows->set);
    free(rows->types);
    free(rows->decoders);
    free(rows);
}

/* ---- bytes ---- */

static void use_block(struct rh_my_rows *rows, struct rh_my_block *block)
{
    rows->block = block;
    rows->at = block ? block->bytes : NULL;
    rows->end = block ? block->bytes + block->size : NULL;
}

void rh_my_rows_clear(struct rh_my_rows *rows, uint64_t max_rows)
{
    rh_rowset_clear(&rows->set, max_rows);
    use_block(rows, rows->first);
}

/* No cell is filled by rh_rowset_bytes, so there is nothing to be finished in rh_rowset_batch. */
int rh_my_rows_batch(struct rh_my_rows *rows, struct rh_batch *ret_batch, struct rh_error *error)
{
    if (rows->set.failed)
        return rh_fail_nomem(error);
    ret_batch->n_cols = rows->set.n_cols;
    ret_batch->n_rows = rows->set.n_rows;
    ret_batch->cells = rows->set.cells;
    return rows->set.n_rows ? RH_OK : RH_END;
}

/* Goes on to a block with that much room: the next one, or a new one in front of it. */
static bool next_block(struct rh_my_rows *rows, size_t len)
{
    struct rh_my_block **link = rows->block ? &rows->block->next : &rows->first;
    struct rh_my_block *block = *link;

    if (!block || block->size < len) {
        size_t size = len > BLOCK_BYTES ? (len + 7) & ~(size_t)7 : BLOCK_BYTES;
        block = malloc(sizeof *block + size);
        if (!block) {
            rows->set.failed = true;
            return false;
        }
        block->next = *link;
        block->size = size;
        *link = block;
    }
    use_block(rows, block);
    return true;
}

/* Copies the bytes in and makes *cell a value over them. */
static void put(struct rh_my_rows *rows, struct rh_value *cell, uint8_t type, const void *data,
                size_t len)
{
    /* One byte more, so that what is empty has an address, too. */
    if ((size_t)(rows->end - rows->at) <= len && !next_block(rows, len + 1))
        return;
    memcpy(rows->at, data, len);
    *cell = (struct rh_value){.type = type, .len = (uint32_t)len, .as.data = rows->at};
    rows->at += len;
    rows->set.n_bytes += len;
}

static uint8_t choose(const MYSQL_FIELD *field)
{
    bool is_unsigned = (field->flags & UNSIGNED_FLAG) != 0;

    switch (field->type) {
    case MYSQL_TYPE_TINY:
        return is_unsigned ? DECODE_U8 : DECODE_I8;
    case MYSQL_TYPE_SHORT:
        return is_unsigned ? DECODE_U16 : DECODE_I16;
    case MYSQL_TYPE_YEAR:
        return DECODE_U16;
    case MYSQL_TYPE_INT24:
    case MYSQL_TYPE_LONG:
        return is_unsigned ? DECODE_U32 : DECODE_I32;
    case MYSQL_TYPE_LONGLONG:
        return is_unsigned ? DECODE_U64 : DECODE_I64;
    case MYSQL_TYPE_FLOAT:
        return DECODE_F32;
    case MYSQL_TYPE_DOUBLE:
        return DECODE_F64;
    case MYSQL_TYPE_DECIMAL:
    case MYSQL_TYPE_NEWDECIMAL:
        return DECODE_DECIMAL;
    case MYSQL_TYPE_BIT:
        return DECODE_BIT;
    case MYSQL_TYPE_DATE:
    case MYSQL_TYPE_NEWDATE:
    case MYSQL_TYPE_DATETIME:
    case MYSQL_TYPE_DATETIME2:
    case MYSQL_TYPE_TIMESTAMP:
    case MYSQL_TYPE_TIMESTAMP2:
        return DECODE_DATE;
    case MYSQL_TYPE_TIME:
    case MYSQL_TYPE_TIME2:
        return DECODE_TIME;
    case MYSQL_TYPE_NULL:
        return DECODE_SKIP;
    default:
        return DECODE_BYTES;
    }
}

uint8_t rh_my_field_type(const MYSQL_FIELD *field)
{
    switch (choose(field)) {
    case DECODE_F32:
    case DECODE_F64:
        return RH_TYPE_FLOAT;
    case DECODE_DECIMAL:
        return RH_TYPE_DECIMAL;
    case DECODE_BIT:
    case DECODE_U64:
        return RH_TYPE_UINT;
    case DECODE_DATE:
        if (field->type == MYSQL_TYPE_TIMESTAMP || field->type == MYSQL_TYPE_TIMESTAMP2)
            return RH_TYPE_TIMESTAMP;
        return field->type == MYSQL_TYPE_DATE || field->type == MYSQL_TYPE_NEWDATE
                   ? RH_TYPE_DATE
                   : RH_TYPE_DATETIME;
    case DECODE_TIME:
        return RH_TYPE_TIME;
    case DECODE_BYTES:
        if (field->type == MYSQL_TYPE_JSON)
            return RH_TYPE_JSON;
        return field->charsetnr == BINARY_CHARSET ? RH_TYPE_BYTES : RH_TYPE_TEXT;
    case DECODE_SKIP:
        return RH_TYPE_TEXT;
    default:
        return RH_TYPE_INT;
    }
}

/* ---- numbers ---- */

static void set_unsigned(struct rh_my_rows *rows, struct rh_value *cell, uint8_t type, uint64_t u)
{
    char digits[24];

    if (type == RH_TYPE_DECIMAL) {
        int n = snprintf(digits, sizeof digits, "%" PRIu64, u);
        put(rows, cell, RH_TYPE_DECIMAL, digits, (size_t)n);
    } else if (type == RH_TYPE_FLOAT) {
        *cell = (struct rh_value){.type = RH_TYPE_FLOAT, .as.f = (double)u};
    } else if (type == RH_TYPE_BOOL && u <= 1) {
        *cell = (struct rh_value){.type = RH_TYPE_BOOL, .as.i = (int64_t)u};
    } else {
        bool wide = type == RH_TYPE_UINT || u > INT64_MAX;
        *cell = (struct rh_value){.type = wide ? RH_TYPE_UINT : RH_TYPE_INT, .as.u = u};
    }
}

static void set_signed(struct rh_my_rows *rows, struct rh_value *cell, uint8_t type, int64_t i)
{
    char digits[24];

    if (type == RH_TYPE_INT)
        *cell = (struct rh_value){.type = RH_TYPE_INT, .as.i = i};
    else if (i >= 0)
        set_unsigned(rows, cell, type, (uint64_t)i);
    else if (type == RH_TYPE_DECIMAL)
        put(rows, cell, RH_TYPE_DECIMAL, digits,
            (size_t)snprintf(digits, sizeof digits, "%" PRId64, i));
    else if (type == RH_TYPE_FLOAT)
        *cell = (struct rh_value){.type = RH_TYPE_FLOAT, .as.f = (double)i};
    else
        *cell = (struct rh_value){.type = RH_TYPE_INT, .as.i = i};
}

static void set_decimal(struct rh_my_rows *rows, struct rh_value *cell, uint8_t type,
                        struct rh_text text)
{
    bool negative = text.len && text.data[0] == '-';
    int64_t number = 0;

    if (type == RH_TYPE_FLOAT) {
        *cell = (struct rh_value){.type = RH_TYPE_FLOAT, .as.f = rh_decimal_to_f64(text)};
        return;
    }
    if (type == RH_TYPE_INT && rh_decimal_to_i64(text, &number)) {
        *cell = (struct rh_value){.type = RH_TYPE_INT, .as.i = number};
        return;
    }
    if (!negative) {
        while (text.len > 1 && text.data[0] == '0' && text.data[1] != '.') {
            text.data++;
            text.len--;
        }
    }
    put(rows, cell, RH_TYPE_DECIMAL, text.data, text.len);
}

/* ---- times ---- */

static uint32_t get32(const unsigned char *from)
{
    uint32_t value = 0;

    memcpy(&value, from, sizeof value);
    return value;
}

static void set_text(struct rh_my_rows *rows, struct rh_value *cell, const char *text, int n)
{
    put(rows, cell, RH_TYPE_TEXT, text, (size_t)n);
}

/* "0000-00-00", "2024-02-00 10:00:00": not a date, but not to be lost. */
static void set_zero_date(struct rh_my_rows *rows, struct rh_value *cell, uint8_t type,
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
    set_text(rows, cell, text, n);
}

static int64_t days_of(struct rh_my_rows *rows, const unsigned char *at)
{
    uint32_t month = at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16;

    if (month != rows->month) {
        rows->month = month;
        rows->month_start = rh_civil_days(at[0] | (unsigned)at[1] << 8, at[2], 1);
    }
    return rows->month_start + at[3] - 1;
}

static bool set_date(struct rh_my_rows *rows, struct rh_value *cell, uint8_t type,
                     const unsigned char *at, uint32_t len)
{
    int64_t days = 0, us = 0;

    if (len != 0 && len != 4 && len != 7 && len != 11)
        return false;
    if (len == 0 || at[2] == 0 || at[3] == 0) {
        set_zero_date(rows, cell, type, at, len);
        return true;
    }
    days = days_of(rows, at);
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

static bool set_time(struct rh_my_rows *rows, struct rh_value *cell, const unsigned char *at,
                     uint32_t len)
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
    rows->at += -(uintptr_t)rows->at & (_Alignof(struct rh_interval) - 1); /* blocks end aligned */
    put(rows, cell, RH_TYPE_INTERVAL, &interval, sizeof interval);
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

static void set_bytes(struct rh_my_rows *rows, struct rh_value *cell, uint8_t type,
                      struct rh_text text)
{
    char uuid[16];

    switch (type) {
    case RH_TYPE_TEXT:
    case RH_TYPE_BYTES:
    case RH_TYPE_JSON:
        put(rows, cell, type, text.data, text.len);
        return;
    case RH_TYPE_DECIMAL:
        if (rh_decimal_is_valid(text))
            break;
        put(rows, cell, RH_TYPE_TEXT, text.data, text.len);
        return;
    case RH_TYPE_UUID:
        if (text.len == 16) {
            put(rows, cell, RH_TYPE_UUID, text.data, 16);
            return;
        }
        if (parse_uuid(text, uuid)) {
            put(rows, cell, RH_TYPE_UUID, uuid, 16);
            return;
        }
        put(rows, cell, RH_TYPE_TEXT, text.data, text.len);
        return;
    default: /* an expression over a column of another type */
        put(rows, cell, RH_TYPE_TEXT, text.data, text.len);
        return;
    }
    set_decimal(rows, cell, type, text);
}

static void set_bits(struct rh_my_rows *rows, struct rh_value *cell, uint8_t type,
                     struct rh_text text)
{
    uint64_t bits = 0;

    for (uint64_t i = 0; i < text.len && i < 8; i++)
        bits = bits << 8 | (unsigned char)text.data[i];
    set_unsigned(rows, cell, type, bits);
}

/* ---- cells ---- */

/* A length-encoded string: the length itself, and where it begins. False when it is not all there. */
static bool get_string(const unsigned char *at, const unsigned char *end, struct rh_text *ret_text)
{
    uint64_t len = 0, n_bytes = 0, left = (uint64_t)(end - at);

    if (left == 0)
        return false;
    switch (*at) {
    case 251:
    case 255:
        return false;
    case 252:
        n_bytes = 2;
        break;
    case 253:
        n_bytes = 3;
        break;
    case 254:
        n_bytes = 8;
        break;
    default:
        len = *at;
    }
    if (left < 1 + n_bytes)
        return false;
    if (n_bytes)
        memcpy(&len, at + 1, n_bytes); /* little-endian, as the host is */
    if (len > left - 1 - n_bytes || len > UINT32_MAX)
        return false;
    *ret_text = rh_text_make((const char *)at + 1 + n_bytes, (size_t)len);
    return true;
}

/* The library's network order is little-endian, as the host is. */
#define LOAD(type)                                                                                 \
    ({                                                                                             \
        type loaded;                                                                               \
        memcpy(&loaded, at, sizeof loaded);                                                        \
        loaded;                                                                                    \
    })

static void take_fixed(struct rh_my_rows *rows, struct rh_value *cell, unsigned column,
                       const unsigned char *at)
{
    uint8_t type = rows->types[column];

    switch (rows->decoders[column]) {
    case DECODE_I8:
        set_signed(rows, cell, type, LOAD(int8_t));
        return;
    case DECODE_U8:
        set_unsigned(rows, cell, type, LOAD(uint8_t));
        return;
    case DECODE_I16:
        set_signed(rows, cell, type, LOAD(int16_t));
        return;
    case DECODE_U16:
        set_unsigned(rows, cell, type, LOAD(uint16_t));
        return;
    case DECODE_I32:
        set_signed(rows, cell, type, LOAD(int32_t));
        return;
    case DECODE_U32:
        set_unsigned(rows, cell, type, LOAD(uint32_t));
        return;
    case DECODE_I64:
        set_signed(rows, cell, type, LOAD(int64_t));
        return;
    case DECODE_U64:
        set_unsigned(rows, cell, type, LOAD(uint64_t));
        return;
    case DECODE_F32:
        *cell = (struct rh_value){.type = RH_TYPE_FLOAT, .as.f = (double)LOAD(float)};
        return;
    default:
        *cell = (struct rh_value){.type = RH_TYPE_FLOAT, .as.f = LOAD(double)};
    }
}

static bool take_string(struct rh_my_rows *rows, struct rh_value *cell, unsigned column,
                        struct rh_text text)
{
    const unsigned char *bytes = (const unsigned char *)text.data;
    uint8_t type = rows->types[column];

    switch (rows->decoders[column]) {
    case DECODE_BYTES:
        set_bytes(rows, cell, type, text);
        return true;
    case DECODE_DECIMAL:
        set_decimal(rows, cell, type, text);
        return true;
    case DECODE_BIT:
        set_bits(rows, cell, type, text);
        return true;
    case DECODE_DATE:
        return set_date(rows, cell, type, bytes, (uint32_t)text.len);
    case DECODE_TIME:
        return set_time(rows, cell, bytes, (uint32_t)text.len);
    default:
        return false;
    }
}

/* Called by the library for each cell: *row is where it lies, and is moved behind it; row is NULL
 * for NULL. */
static void take(void *data, unsigned column, unsigned char **row)
{
    struct rh_my_rows *rows = data;
    const unsigned char *end = NULL;
    struct rh_value *cell = NULL;
    struct rh_text text = {NULL, 0};

    if (!rows->row || column >= rows->set.n_cols || rows->malformed)
        return;
    if (column == 0)
        rows->row_end = rows->conn->my->net.buff_end;
    end = rows->row_end;
    cell = &rows->row[column];
    if (!row) {
        cell->type = RH_TYPE_NULL;
        return;
    }
    uint8_t decoder = rows->decoders[column];
    if (decoder < sizeof widths && widths[decoder]) {
        rows->malformed = *row > end || end - *row < widths[decoder];
        if (rows->malformed)
            return;
        take_fixed(rows, cell, column, *row);
        *row += widths[decoder];
        return;
    }
    rows->malformed =
        *row > end || !get_string(*row, end, &text) || !take_string(rows, cell, column, text);
    if (!rows->malformed)
        *row += (const unsigned char *)text.data + text.len - *row;
}

/* ---- results ---- */

int rh_my_rows_take(struct rh_my_rows *rows, MYSQL_STMT *stmt, struct rh_error *error)
{
    unsigned n = mysql_stmt_field_count(stmt);
    const MYSQL_FIELD *fields = mariadb_stmt_fetch_fields(stmt);
    void *callback = NULL;
    void (*function)(void *, unsigned, unsigned char **) = take;

    if (n == 0 || !fields)
        return rh_fail(error, RH_PROTOCOL, "the server sent no rows");
    rows->stmt = stmt;
    if (rows->set.n_cols && n != rows->set.n_cols)
        return rh_fail(error, RH_PROTOCOL, "the server sent %u columns instead of %u", n,
                       rows->set.n_cols);
    for (unsigned i = 0; i < rows->set.n_cols; i++) {
        rows->decoders[i] = choose(&fields[i]);
        if (rows->types[i] == RH_TYPE_MISSING)
            rows->types[i] = rh_my_field_type(&fields[i]);
    }
    memcpy(&callback, &function, sizeof callback);
    if (mysql_stmt_attr_set(stmt, STMT_ATTR_CB_USER_DATA, rows) ||
        mysql_stmt_attr_set(stmt, STMT_ATTR_CB_RESULT, callback))
        return rh_fail(error, RH_INTERNAL, "the library takes no callback");
    return RH_OK;
}

int rh_my_rows_fetch(struct rh_my_rows *rows, struct rh_error *error)
{
    struct rh_conn *conn = rows->conn;
    int rc = RH_OK;

    while (!rc && rows->stmt && rh_rowset_has_room(&rows->set)) {
        uint64_t n_rows = rows->set.n_rows;
        int fetched = 0;
        rows->row = rh_rowset_row(&rows->set);
        fetched = mysql_stmt_fetch(rows->stmt);
        if (fetched)
            rows->set.n_rows = n_rows;
        if (fetched == MYSQL_NO_DATA) {
            MYSQL_STMT *stmt = rows->stmt;
            rows->stmt = NULL;
            rc = rh_my_drop(conn, stmt, error);
        } else if (fetched && fetched != MYSQL_DATA_TRUNCATED) {
            rc = rh_my_fail(conn, rows->stmt, error);
            rows->stmt = NULL;
        } else if (rows->malformed) {
            conn->broken = true;
            rc = rh_fail(error, RH_PROTOCOL, "the server sent a row that is cut off");
        } else if (!rows->to_the_end) {
            rc = rh_my_check(conn, error); /* a row that came after the end of the operation */
        }
    }
    rows->row = NULL;
    return rc;
}

bool rh_my_rows_abandon(struct rh_my_rows *rows)
{
    MYSQL_STMT *stmt = rows->stmt;

    rows->stmt = NULL;
    if (!stmt || rows->conn->broken)
        return !stmt;
    (void)rh_my_drop(rows->conn, stmt, NULL);
    return mysql_errno(rows->conn->my) != 0 && !rows->conn->broken;
}
