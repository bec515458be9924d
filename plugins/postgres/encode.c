/*
 * See encode.h. A value that cannot be said in the column's type is an error of class DATA here
 * when it is written; to be compared with, it is sent in a wider type.
 */
#include "encode.h"

#include "connector/decimal.h"
#include "connector/kit.h"
#include "oid.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* ---- which type ---- */

static const struct {
    unsigned element, array;
} arrays[] = {
    {PG_OID_BOOL, 1000},    {PG_OID_BYTEA, 1001},       {PG_OID_NAME, 1003},
    {PG_OID_INT2, 1005},    {PG_OID_INT4, 1007},        {PG_OID_TEXT, 1009},
    {PG_OID_BPCHAR, 1014},  {PG_OID_INT8, 1016},        {PG_OID_FLOAT8, 1022},
    {PG_OID_OID, 1028},     {PG_OID_TIMESTAMP, 1115},   {PG_OID_DATE, 1182},
    {PG_OID_TIME, 1183},    {PG_OID_TIMESTAMPTZ, 1185}, {PG_OID_INTERVAL, 1187},
    {PG_OID_NUMERIC, 1231}, {PG_OID_UUID, 2951},        {PG_OID_JSONB, 3807},
    {PG_OID_JSON, 199},     {PG_OID_FLOAT4, 1021},      {PG_OID_VARCHAR, 1015},
};

unsigned rh_pg_array_oid(unsigned oid)
{
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++) {
        if (arrays[i].element == oid)
            return arrays[i].array;
    }
    return 0;
}

unsigned rh_pg_element_oid(unsigned oid)
{
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++) {
        if (arrays[i].array == oid)
            return arrays[i].element;
    }
    return 0;
}

bool rh_pg_is_binary(unsigned oid)
{
    return rh_pg_array_oid(oid) != 0;
}

static unsigned oid_of_type(uint8_t type)
{
    static const unsigned oids[RH_N_TYPES] = {
        [RH_TYPE_BOOL] = PG_OID_BOOL,
        [RH_TYPE_INT] = PG_OID_INT8,
        [RH_TYPE_UINT] = PG_OID_NUMERIC,
        [RH_TYPE_FLOAT] = PG_OID_FLOAT8,
        [RH_TYPE_DECIMAL] = PG_OID_NUMERIC,
        [RH_TYPE_TEXT] = PG_OID_TEXT,
        [RH_TYPE_BYTES] = PG_OID_BYTEA,
        [RH_TYPE_DATE] = PG_OID_DATE,
        [RH_TYPE_TIME] = PG_OID_TIME,
        [RH_TYPE_DATETIME] = PG_OID_TIMESTAMP,
        [RH_TYPE_TIMESTAMP] = PG_OID_TIMESTAMPTZ,
        [RH_TYPE_INTERVAL] = PG_OID_INTERVAL,
        [RH_TYPE_UUID] = PG_OID_UUID,
        [RH_TYPE_JSON] = PG_OID_JSONB,
    };

    return type < RH_N_TYPES ? oids[type] : 0;
}

static bool fits_integer(unsigned oid, const struct rh_value *value)
{
    if (value->type <= RH_TYPE_NULL)
        return true;
    if (value->type != RH_TYPE_INT)
        return false;
    switch (oid) {
    case PG_OID_INT2:
        return value->as.i >= INT16_MIN && value->as.i <= INT16_MAX;
    case PG_OID_INT4:
        return value->as.i >= INT32_MIN && value->as.i <= INT32_MAX;
    case PG_OID_OID:
        return value->as.i >= 0 && value->as.i <= UINT32_MAX;
    default:
        return true;
    }
}

/* int4 = int8 is in the same operator family, so an index stays usable. */
static unsigned integer_oid(unsigned oid, const struct rh_value *values, uint32_t n)
{
    bool whole = true, fits = true;

    for (uint32_t i = 0; i < n; i++) {
        whole = whole && (values[i].type == RH_TYPE_INT || values[i].type <= RH_TYPE_NULL);
        fits = fits && fits_integer(oid, &values[i]);
    }
    if (!whole)
        return PG_OID_NUMERIC;
    return fits ? oid : PG_OID_INT8;
}

static uint8_t type_of(const struct rh_value *values, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if (values[i].type > RH_TYPE_NULL)
            return values[i].type;
    }
    return RH_TYPE_NULL;
}

unsigned rh_pg_parameter_oid(const struct rh_column *column, enum rh_sql_form form,
                             const struct rh_value *values, uint32_t n)
{
    uint8_t type = type_of(values, n);

    if (!column)
        return oid_of_type(type);
    switch (column->native_id) {
    case 0:
        return oid_of_type(type == RH_TYPE_NULL ? (uint8_t)column->type : type);
    case PG_OID_INT2:
    case PG_OID_INT4:
    case PG_OID_INT8:
    case PG_OID_OID:
        return integer_oid(column->native_id, values, n);
    case PG_OID_FLOAT4:
    case PG_OID_FLOAT8:
        return PG_OID_FLOAT8;
    case PG_OID_NUMERIC:
    case PG_OID_MONEY:
        return PG_OID_NUMERIC;
    case PG_OID_TEXT:
    case PG_OID_VARCHAR:
    case PG_OID_NAME:
    case PG_OID_CHAR:
        return PG_OID_TEXT;
    case PG_OID_BPCHAR:
        return form == RH_SQL_VALUE ? PG_OID_TEXT : PG_OID_BPCHAR;
    default:
        if (rh_pg_is_binary(column->native_id))
            return column->native_id;
        return form == RH_SQL_WRITE || form == RH_SQL_ORDER ? column->native_id : PG_OID_TEXT;
    }
}

#define MAX_NAME_BYTES 63

static int out_of_range(const struct rh_column *column, struct rh_error *error)
{
    return rh_fail(error, RH_DATA, "the number is out of the range of %.*s",
                   RH_TEXT_ARG(column->native_type));
}

int rh_pg_check_cell(const struct rh_column *column, const struct rh_value *value,
                     struct rh_error *error)
{
    uint32_t most = UINT32_MAX;

    if (value->type == RH_TYPE_INT && !fits_integer(column->native_id, value))
        return out_of_range(column, error);
    if (value->type == RH_TYPE_FLOAT && column->native_id == PG_OID_FLOAT4 &&
        isfinite(value->as.f) && fabs(value->as.f) > (double)FLT_MAX)
        return out_of_range(column, error);
    if (value->type != RH_TYPE_TEXT)
        return RH_OK;
    if (column->native_id == PG_OID_CHAR)
        most = 1;
    else if (column->native_id == PG_OID_NAME)
        most = MAX_NAME_BYTES;
    return value->len <= most
               ? RH_OK
               : rh_fail(error, RH_DATA, "a text has more than the %u bytes of its column", most);
}

/* ---- binary forms ---- */

static void put16(struct rh_buf *to, uint16_t value)
{
    char bytes[2];

    rh_pg_put_u16(bytes, value);
    rh_buf_add(to, bytes, sizeof bytes);
}

static void put32(struct rh_buf *to, uint32_t value)
{
    char bytes[4];

    rh_pg_put_u32(bytes, value);
    rh_buf_add(to, bytes, sizeof bytes);
}

static void put64(struct rh_buf *to, uint64_t value)
{
    char bytes[8];

    rh_pg_put_u64(bytes, value);
    rh_buf_add(to, bytes, sizeof bytes);
}

static int does_not_fit(struct rh_error *error)
{
    return rh_fail(error, RH_DATA, "a value does not fit the type of its column");
}

static int encode_integer(struct rh_buf *to, unsigned oid, const struct rh_value *value,
                          struct rh_error *error)
{
    if (value->type != RH_TYPE_INT || !fits_integer(oid, value))
        return does_not_fit(error);
    if (oid == PG_OID_INT2)
        put16(to, (uint16_t)value->as.i);
    else if (oid == PG_OID_INT8)
        put64(to, (uint64_t)value->as.i);
    else
        put32(to, (uint32_t)value->as.i);
    return RH_OK;
}

static int encode_float(struct rh_buf *to, unsigned oid, const struct rh_value *value,
                        struct rh_error *error)
{
    double number = 0;
    uint64_t bits = 0;

    if (value->type == RH_TYPE_FLOAT)
        number = value->as.f;
    else if (value->type == RH_TYPE_INT)
        number = (double)value->as.i;
    else
        return does_not_fit(error);
    if (oid == PG_OID_FLOAT4) {
        float narrow = (float)number;
        uint32_t narrow_bits = 0;
        if (__builtin_isinf(narrow) && !__builtin_isinf(number))
            return does_not_fit(error);
        memcpy(&narrow_bits, &narrow, sizeof narrow_bits);
        put32(to, narrow_bits);
        return RH_OK;
    }
    memcpy(&bits, &number, sizeof bits);
    put64(to, bits);
    return RH_OK;
}

#define NUMERIC_NAN 0xC000u
#define NUMERIC_NEGATIVE 0x4000u
#define NUMERIC_MAX_DIGITS 100000

/* Digits in groups of four to the base of 10 000, aligned at the decimal point; the group in front
 * of the point has weight 0. Leading and trailing groups of zero are left out. */
static int encode_digits(struct rh_buf *to, struct rh_text text, struct rh_error *error)
{
    bool negative = text.len && text.data[0] == '-';
    const char *digits = text.data + negative;
    size_t len = (size_t)text.len - negative;
    const char *point = memchr(digits, '.', len);
    size_t whole = point ? (size_t)(point - digits) : len;
    size_t scale = point ? len - whole - 1 : 0;
    size_t before = (whole + 3) / 4, after = (scale + 3) / 4;
    size_t first = before + after, last = 0;
    size_t start = to->len;

    if (len > NUMERIC_MAX_DIGITS || scale > 16383)
        return rh_fail(error, RH_DATA, "a number has more digits than PostgreSQL can hold");
    for (int i = 0; i < 4; i++)
        put16(to, 0);
    for (size_t group = 0; group < before + after; group++) {
        unsigned value = 0;
        for (size_t k = 0; k < 4; k++) {
            size_t at = group * 4 + k; /* counted from the padded start */
            size_t pad = before * 4 - whole;
            unsigned digit = 0;
            if (at >= pad && at < pad + whole)
                digit = (unsigned)(digits[at - pad] - '0');
            else if (at >= before * 4 && at - before * 4 < scale)
                digit = (unsigned)(digits[whole + 1 + at - before * 4] - '0');
            value = value * 10 + digit;
        }
        if (value == 0 && first == before + after)
            continue;
        if (first == before + after)
            first = group;
        put16(to, (uint16_t)value);
        if (value)
            last = group + 1;
    }
    if (to->failed)
        return rh_fail_nomem(error);
    size_t n = last > first ? last - first : 0;
    char *head = to->data + start;
    to->len = start + 8 + n * 2;
    rh_pg_put_u16(head, (uint16_t)n);
    rh_pg_put_u16(head + 2, n ? (uint16_t)(int16_t)((int64_t)before - 1 - (int64_t)first) : 0);
    rh_pg_put_u16(head + 4, n && negative ? NUMERIC_NEGATIVE : 0);
    rh_pg_put_u16(head + 6, (uint16_t)scale);
    return RH_OK;
}

static int encode_numeric(struct rh_buf *to, const struct rh_value *value, struct rh_error *error)
{
    struct rh_text text = {NULL, 0};
    char room[RH_DECIMAL_F64_MAX];
    struct rh_buf digits;

    if (value->type == RH_TYPE_DECIMAL || value->type == RH_TYPE_TEXT) {
        text = rh_kit_value_text(value);
    } else if (value->type == RH_TYPE_FLOAT) {
        text = rh_text_make(room, rh_decimal_from_f64(room, value->as.f, 0));
    } else if (value->type == RH_TYPE_INT || value->type == RH_TYPE_UINT) {
        int rc = RH_OK;
        rh_buf_init(&digits, 32);
        if (value->type == RH_TYPE_INT)
            rh_buf_add_i64(&digits, value->as.i);
        else
            rh_buf_add_u64(&digits, value->as.u);
        rc = digits.failed ? rh_fail_nomem(error) : encode_digits(to, rh_buf_text(&digits), error);
        rh_buf_free(&digits);
        return rc;
    }
    if (!text.len || !rh_decimal_is_valid(text))
        return does_not_fit(error);
    if (rh_text_is(text, "NaN")) {
        put32(to, 0);
        put32(to, NUMERIC_NAN << 16);
        return RH_OK;
    }
    return encode_digits(to, text, error);
}

static int encode_date(struct rh_buf *to, const struct rh_value *value, struct rh_error *error)
{
    int64_t days = value->as.i;

    if (value->type != RH_TYPE_DATE)
        return does_not_fit(error);
    if (days == INT64_MIN) {
        days = INT32_MIN;
    } else if (days == INT64_MAX) {
        days = INT32_MAX;
    } else if (days <= INT32_MIN + RH_PG_EPOCH_DAYS || days >= INT32_MAX) {
        return rh_fail(error, RH_DATA, "a date is outside of what PostgreSQL can hold");
    } else {
        days -= RH_PG_EPOCH_DAYS;
    }
    put32(to, (uint32_t)(int32_t)days);
    return RH_OK;
}

static int encode_timestamp(struct rh_buf *to, const struct rh_value *value, uint8_t type,
                            struct rh_error *error)
{
    int64_t us = value->as.i;

    if (value->type != type)
        return does_not_fit(error);
    if (us != INT64_MIN && us != INT64_MAX) {
        if (__builtin_sub_overflow(us, RH_PG_EPOCH_US, &us) || us == INT64_MIN)
            return rh_fail(error, RH_DATA, "a time is outside of what PostgreSQL can hold");
    }
    put64(to, (uint64_t)us);
    return RH_OK;
}

static int encode_interval(struct rh_buf *to, const struct rh_value *value, struct rh_error *error)
{
    struct rh_interval interval;

    if (value->type != RH_TYPE_INTERVAL || value->len != sizeof interval)
        return does_not_fit(error);
    memcpy(&interval, value->as.data, sizeof interval);
    put64(to, (uint64_t)interval.us);
    put32(to, (uint32_t)interval.days);
    put32(to, (uint32_t)interval.months);
    return RH_OK;
}

static int encode_bytes(struct rh_buf *to, unsigned oid, const struct rh_value *value,
                        struct rh_error *error)
{
    bool fits = false;

    switch (oid) {
    case PG_OID_BYTEA:
        fits = value->type == RH_TYPE_BYTES;
        break;
    case PG_OID_UUID:
        fits = value->type == RH_TYPE_UUID && value->len == 16;
        break;
    case PG_OID_JSON:
    case PG_OID_JSONB:
        fits = value->type == RH_TYPE_JSON;
        break;
    default:
        fits = value->type == RH_TYPE_TEXT || value->type == RH_TYPE_DECIMAL ||
               value->type == RH_TYPE_JSON;
    }
    if (!fits)
        return does_not_fit(error);
    if (oid == PG_OID_JSONB)
        rh_buf_add_char(to, 1); /* version */
    rh_buf_add(to, value->as.data, value->len);
    return RH_OK;
}

int rh_pg_encode(struct rh_buf *to, unsigned oid, const struct rh_value *value,
                 struct rh_error *error)
{
    int rc = RH_OK;

    switch (oid) {
    case PG_OID_BOOL:
        if (value->type != RH_TYPE_BOOL)
            return does_not_fit(error);
        rh_buf_add_char(to, value->as.i != 0);
        break;
    case PG_OID_INT2:
    case PG_OID_INT4:
    case PG_OID_INT8:
    case PG_OID_OID:
        rc = encode_integer(to, oid, value, error);
        break;
    case PG_OID_FLOAT4:
    case PG_OID_FLOAT8:
        rc = encode_float(to, oid, value, error);
        break;
    case PG_OID_NUMERIC:
        rc = encode_numeric(to, value, error);
        break;
    case PG_OID_DATE:
        rc = encode_date(to, value, error);
        break;
    case PG_OID_TIME:
        if (value->type != RH_TYPE_TIME)
            return does_not_fit(error);
        put64(to, (uint64_t)value->as.i);
        break;
    case PG_OID_TIMESTAMP:
        rc = encode_timestamp(to, value, RH_TYPE_DATETIME, error);
        break;
    case PG_OID_TIMESTAMPTZ:
        rc = encode_timestamp(to, value, RH_TYPE_TIMESTAMP, error);
        break;
    case PG_OID_INTERVAL:
        rc = encode_interval(to, value, error);
        break;
    default:
        rc = encode_bytes(to, oid, value, error);
    }
    if (!rc && to->failed)
        rc = rh_fail_nomem(error);
    return rc;
}

int rh_pg_encode_array(struct rh_buf *to, unsigned element_oid, const struct rh_value *values,
                       uint32_t n, struct rh_error *error)
{
    put32(to, n ? 1 : 0); /* dimensions */
    put32(to, 0);         /* no NULLs */
    put32(to, element_oid);
    if (n) {
        put32(to, n);
        put32(to, 1); /* lower bound */
    }
    for (uint32_t i = 0; i < n; i++) {
        size_t start = to->len;
        int rc = RH_OK;
        put32(to, 0);
        rc = rh_pg_encode(to, element_oid, &values[i], error);
        if (rc)
            return rc;
        rh_pg_put_u32(to->data + start, (uint32_t)(to->len - start - 4));
    }
    return to->failed ? rh_fail_nomem(error) : RH_OK;
}

/* ---- text forms ---- */

int rh_pg_encode_text(struct rh_buf *to, unsigned oid, const struct rh_value *value,
                      struct rh_error *error)
{
    struct rh_text text = {NULL, 0};

    if (value->type == RH_TYPE_JSON)
        return rh_pg_encode_array_literal(to, rh_kit_value_text(value), error);
    if (value->type != RH_TYPE_TEXT && value->type != RH_TYPE_DECIMAL)
        return rh_fail(error, RH_DATA, "a value of this kind cannot be stored as type %u", oid);
    text = rh_kit_value_text(value);
    if (text.len && memchr(text.data, '\0', text.len))
        return rh_fail(error, RH_DATA, "PostgreSQL cannot hold a text with a NUL character");
    rh_buf_add_text(to, text);
    return to->failed ? rh_fail_nomem(error) : RH_OK;
}
