/*
 * The binary wire forms of a result as cells, in place.
 *
 *   result type                        cell
 *   bool                               BOOL
 *   int2 int4 int8 oid                 INT
 *   float4 float8                      FLOAT
 *   text varchar bpchar name json      as asked for: TEXT, JSON, DECIMAL (numeric is selected as
 *                                      text; "Infinity" is a TEXT cell, as DECIMAL has none)
 *   jsonb                              JSON, without the version byte
 *   bytea, uuid                        BYTES, UUID
 *   date time timestamp timestamptz    DATE TIME DATETIME TIMESTAMP; the epoch moves from 2000 to
 *                                      1970, infinities stay
 *   interval                           INTERVAL, from a block of the slice
 */
#include "read.h"

#include "encode.h"
#include "oid.h"

#include <stdlib.h>
#include <string.h>

enum decoder {
    DECODE_NONE,
    DECODE_BOOL,
    DECODE_INT2,
    DECODE_INT4,
    DECODE_INT8,
    DECODE_OID,
    DECODE_FLOAT4,
    DECODE_FLOAT8,
    DECODE_BYTES,
    DECODE_DECIMAL,
    DECODE_JSONB,
    DECODE_DATE,
    DECODE_TIMESTAMP,
    DECODE_INTERVAL,
};

struct rh_pg_rows *rh_pg_rows_new(uint32_t n_cols)
{
    struct rh_pg_rows *rows = calloc(1, sizeof *rows);

    if (!rows)
        return NULL;
    rows->n_cols = n_cols;
    rows->types = calloc(n_cols ? n_cols : 1, 1);
    rows->decoders = calloc(n_cols ? n_cols : 1, 1);
    if (!rows->types || !rows->decoders) {
        rh_pg_rows_free(rows);
        return NULL;
    }
    return rows;
}

void rh_pg_rows_free(struct rh_pg_rows *rows)
{
    if (!rows)
        return;
    rh_pg_rows_clear(rows);
    free(rows->parts);
    free(rows->types);
    free(rows->decoders);
    free(rows->cells);
    free(rows->intervals);
    free(rows);
}

void rh_pg_rows_clear(struct rh_pg_rows *rows)
{
    if (!rows->result) {
        for (int i = 0; i < rows->n_rows; i++)
            PQclear(rows->parts[i]);
    }
    PQclear(rows->result);
    rows->result = NULL;
    rows->n_rows = 0;
}

static bool is_textual(uint8_t type)
{
    return type == RH_TYPE_TEXT || type == RH_TYPE_JSON || type == RH_TYPE_DECIMAL;
}

/* The decoder of a column, and what its cells are: types is corrected where the result knows
 * better (an aggregate whose column was of another integer width, say). */
static uint8_t choose(Oid oid, uint8_t *type)
{
    switch (oid) {
    case PG_OID_BOOL:
        *type = RH_TYPE_BOOL;
        return DECODE_BOOL;
    case PG_OID_INT2:
        *type = RH_TYPE_INT;
        return DECODE_INT2;
    case PG_OID_INT4:
        *type = RH_TYPE_INT;
        return DECODE_INT4;
    case PG_OID_INT8:
        *type = RH_TYPE_INT;
        return DECODE_INT8;
    case PG_OID_OID:
        *type = RH_TYPE_INT;
        return DECODE_OID;
    case PG_OID_FLOAT4:
        *type = RH_TYPE_FLOAT;
        return DECODE_FLOAT4;
    case PG_OID_FLOAT8:
        *type = RH_TYPE_FLOAT;
        return DECODE_FLOAT8;
    case PG_OID_TEXT:
    case PG_OID_VARCHAR:
    case PG_OID_BPCHAR:
    case PG_OID_NAME:
        if (!is_textual(*type))
            *type = RH_TYPE_TEXT;
        return *type == RH_TYPE_DECIMAL ? DECODE_DECIMAL : DECODE_BYTES;
    case PG_OID_JSON:
        *type = RH_TYPE_JSON;
        return DECODE_BYTES;
    case PG_OID_JSONB:
        *type = RH_TYPE_JSON;
        return DECODE_JSONB;
    case PG_OID_BYTEA:
        *type = RH_TYPE_BYTES;
        return DECODE_BYTES;
    case PG_OID_UUID:
        *type = RH_TYPE_UUID;
        return DECODE_BYTES;
    case PG_OID_DATE:
        *type = RH_TYPE_DATE;
        return DECODE_DATE;
    case PG_OID_TIME:
        *type = RH_TYPE_TIME;
        return DECODE_INT8;
    case PG_OID_TIMESTAMP:
        *type = RH_TYPE_DATETIME;
        return DECODE_TIMESTAMP;
    case PG_OID_TIMESTAMPTZ:
        *type = RH_TYPE_TIMESTAMP;
        return DECODE_TIMESTAMP;
    case PG_OID_INTERVAL:
        *type = RH_TYPE_INTERVAL;
        return DECODE_INTERVAL;
    default:
        return DECODE_NONE;
    }
}

/* Chooses the decoders by the first result; the others have the same columns. */
static int learn(struct rh_pg_rows *rows, const PGresult *result, struct rh_error *error)
{
    if (rows->decoders[0] != DECODE_NONE || rows->n_cols == 0)
        return RH_OK;
    if ((uint32_t)PQnfields(result) != rows->n_cols)
        return rh_fail(error, RH_PROTOCOL, "the server sent %d columns instead of %u",
                       PQnfields(result), rows->n_cols);
    for (uint32_t i = 0; i < rows->n_cols; i++) {
        rows->decoders[i] = choose(PQftype(result, (int)i), &rows->types[i]);
        rows->n_intervals += rows->decoders[i] == DECODE_INTERVAL;
        if (rows->decoders[i] == DECODE_NONE) {
            memset(rows->decoders, DECODE_NONE, rows->n_cols);
            return rh_fail(error, RH_PROTOCOL, "column %s has a type without a decoder (oid %u)",
                           PQfname(result, (int)i), PQftype(result, (int)i));
        }
    }
    return RH_OK;
}

int rh_pg_rows_take(struct rh_pg_rows *rows, PGresult *result, struct rh_error *error)
{
    rh_pg_rows_clear(rows);
    rows->result = result;
    rows->n_rows = PQntuples(result);
    return learn(rows, result, error);
}

int rh_pg_rows_add(struct rh_pg_rows *rows, PGresult *result, struct rh_error *error)
{
    if (rows->result)
        rh_pg_rows_clear(rows);
    if (rows->n_rows == rows->cap_parts) {
        int cap = rows->cap_parts ? rows->cap_parts * 2 : 64;
        PGresult **grown = reallocarray(rows->parts, (size_t)cap, sizeof *grown);
        if (!grown) {
            PQclear(result);
            return rh_fail_nomem(error);
        }
        rows->parts = grown;
        rows->cap_parts = cap;
    }
    rows->parts[rows->n_rows++] = result;
    return learn(rows, result, error);
}

static int make_room(struct rh_pg_rows *rows, size_t n, struct rh_error *error)
{
    size_t n_cells = 0, n_intervals = n * rows->n_intervals;

    if (__builtin_mul_overflow(n, (size_t)rows->n_cols, &n_cells))
        return rh_fail_nomem(error);
    if (n_cells > rows->cap_cells) {
        struct rh_value *grown = reallocarray(rows->cells, n_cells, sizeof *grown);
        if (!grown)
            return rh_fail_nomem(error);
        rows->cells = grown;
        rows->cap_cells = n_cells;
    }
    if (n_intervals > rows->cap_intervals) {
        struct rh_interval *grown = reallocarray(rows->intervals, n_intervals, sizeof *grown);
        if (!grown)
            return rh_fail_nomem(error);
        rows->intervals = grown;
        rows->cap_intervals = n_intervals;
    }
    return RH_OK;
}

static inline uint16_t get16(const char *from)
{
    uint16_t value;

    memcpy(&value, from, sizeof value);
    return __builtin_bswap16(value);
}

static inline uint32_t get32(const char *from)
{
    uint32_t value;

    memcpy(&value, from, sizeof value);
    return __builtin_bswap32(value);
}

static inline uint64_t get64(const char *from)
{
    uint64_t value;

    memcpy(&value, from, sizeof value);
    return __builtin_bswap64(value);
}

static int64_t days_of(int32_t days)
{
    if (days == INT32_MIN)
        return INT64_MIN;
    return days == INT32_MAX ? INT64_MAX : (int64_t)days + RH_PG_EPOCH_DAYS;
}

/* Timestamps from year 294247 on cannot be said in microseconds since 1970. */
static bool us_of(int64_t us, int64_t *ret_us)
{
    if (us == INT64_MIN || us == INT64_MAX) {
        *ret_us = us;
        return true;
    }
    return !__builtin_add_overflow(us, RH_PG_EPOCH_US, ret_us) && *ret_us != INT64_MAX;
}

/* Bytes that a fixed-width decoder reads. */
static const uint8_t widths[] = {
    [DECODE_NONE] = 0,      [DECODE_BOOL] = 1,      [DECODE_INT2] = 2,   [DECODE_INT4] = 4,
    [DECODE_INT8] = 8,      [DECODE_OID] = 4,       [DECODE_FLOAT4] = 4, [DECODE_FLOAT8] = 8,
    [DECODE_BYTES] = 0,     [DECODE_DECIMAL] = 1,   [DECODE_JSONB] = 1,  [DECODE_DATE] = 4,
    [DECODE_TIMESTAMP] = 8, [DECODE_INTERVAL] = 16,
};

/* A cell that needs more than a load: false when it cannot be said. */
static bool decode_slow(struct rh_value *cell, uint8_t decoder, const char *data, uint32_t len,
                        struct rh_interval *interval)
{
    switch (decoder) {
    case DECODE_DECIMAL:
        cell->as.data = data;
        cell->len = len;
        if (data[0] == 'I' || (len > 1 && data[1] == 'I'))
            cell->type = RH_TYPE_TEXT;
        return true;
    case DECODE_JSONB:
        cell->as.data = data + 1;
        cell->len = len - 1;
        return true;
    case DECODE_TIMESTAMP:
        return us_of((int64_t)get64(data), &cell->as.i);
    case DECODE_INTERVAL:
        interval->us = (int64_t)get64(data);
        interval->days = (int32_t)get32(data + 8);
        interval->months = (int32_t)get32(data + 12);
        cell->as.data = interval;
        cell->len = sizeof *interval;
        return true;
    default:
        return false;
    }
}

static bool decode_cell(struct rh_value *cell, uint8_t decoder, const char *data, uint32_t len,
                        struct rh_interval *interval)
{
    union {
        uint32_t bits32;
        float f32;
        uint64_t bits64;
        double f64;
    } number;

    switch (decoder) {
    case DECODE_BYTES:
        cell->as.data = data;
        cell->len = len;
        return true;
    case DECODE_INT8:
        cell->as.i = (int64_t)get64(data);
        return true;
    case DECODE_INT4:
        cell->as.i = (int32_t)get32(data);
        return true;
    case DECODE_INT2:
        cell->as.i = (int16_t)get16(data);
        return true;
    case DECODE_OID:
        cell->as.i = get32(data);
        return true;
    case DECODE_BOOL:
        cell->as.i = data[0] != 0;
        return true;
    case DECODE_FLOAT8:
        number.bits64 = get64(data);
        cell->as.f = number.f64;
        return true;
    case DECODE_FLOAT4:
        number.bits32 = get32(data);
        cell->as.f = (double)number.f32;
        return true;
    case DECODE_DATE:
        cell->as.i = days_of((int32_t)get32(data));
        return true;
    default:
        return decode_slow(cell, decoder, data, len, interval);
    }
}

int rh_pg_rows_decode(struct rh_pg_rows *rows, int first, int n, struct rh_batch *ret_batch,
                      struct rh_error *error)
{
    int n_cols = (int)rows->n_cols;
    struct rh_interval *interval = NULL;
    struct rh_value *cell = NULL;
    int rc = make_room(rows, (size_t)n, error);

    if (rc)
        return rc;
    interval = rows->intervals;
    cell = rows->cells;
    for (int i = first; i < first + n; i++) {
        const PGresult *result = rows->result ? rows->result : rows->parts[i];
        int row = rows->result ? i : 0;
        for (int col = 0; col < n_cols; col++, cell++) {
            uint8_t decoder = rows->decoders[col];
            uint32_t len = (uint32_t)PQgetlength(result, row, col);
            *cell = (struct rh_value){.type = rows->types[col]};
            if (len < widths[decoder] || len == 0) {
                if (PQgetisnull(result, row, col)) {
                    cell->type = RH_TYPE_NULL;
                    continue;
                }
                if (len < widths[decoder])
                    return rh_fail(error, RH_PROTOCOL, "the server sent a value that is too short");
            }
            if (!decode_cell(cell, decoder, PQgetvalue(result, row, col), len, interval))
                return rh_fail(error, RH_DATA,
                               "column %s holds a time after the year 294246, which cannot be read",
                               PQfname(result, col));
            if (decoder == DECODE_INTERVAL) /* without any, there is no array to step in */
                interval++;
        }
    }
    ret_batch->n_cols = rows->n_cols;
    ret_batch->n_rows = (uint64_t)n;
    ret_batch->cells = rows->cells;
    return RH_OK;
}
