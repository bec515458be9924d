/*
 * See params.h.
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
#include "params.h"

#include "base/err.h"
#include "connector/civil.h"
#include "connector/kit.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

#define SHORT_UNITS 4000 /* a longer text is a long one */
#define MAX_BYTES ((size_t)1 << 31)
#define DIGITS_US 6
#define SECOND_US 1000000
#define MIN_DAYS INT64_C(-719162) /* 0001-01-01 */
#define MAX_DAYS INT64_C(2932896) /* 9999-12-31 */

void rh_odbc_params_fini(struct rh_odbc_params *params)
{
    free(params->items);
    free(params->bytes);
    free(params->lengths);
    free(params->statuses);
    *params = (struct rh_odbc_params){.n = 0};
}

static bool grow(void **array, size_t *cap, size_t need, size_t size)
{
    size_t room = *cap ? *cap : 16;
    void *grown = NULL;

    if (need <= *cap)
        return true;
    while (room < need) {
        if (__builtin_mul_overflow(room, 2, &room))
            return false;
    }
    grown = reallocarray(*array, room, size);
    if (!grown)
        return false;
    *array = grown;
    *cap = room;
    return true;
}

/* ---- one cell ---- */

struct loading {
    struct rh_odbc_params *params;
    const struct rh_odbc_params_form *form;
    const struct rh_odbc_params_rows *rows;
    struct rh_error *error;
};

static const struct rh_value *cell_of(const struct loading *loading,
                                      const struct rh_sql_parameter *parameter, uint64_t row)
{
    const struct rh_odbc_params_rows *rows = loading->rows;
    const struct rh_value *value = parameter->values;

    if (!rows || !rows->cells || value < rows->cells || value >= rows->cells + rows->n_columns)
        return value;
    return value + row * rows->n_columns;
}

static bool is_time(uint32_t type)
{
    return type >= RH_TYPE_DATE && type <= RH_TYPE_TIMESTAMP;
}

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

/* The types of an entry for a value. */
static void choose(const struct loading *loading, const struct rh_sql_parameter *parameter,
                   const struct rh_value *value, struct rh_odbc_param *param)
{
    const struct rh_odbc_dialect *dialect = loading->form->dialect;
    bool guid = parameter->column && rh_odbc_id_type(parameter->column) == SQL_GUID &&
                !dialect->dates_as_text;

    param->c_type = SQL_C_CHAR;
    param->sql_type = SQL_VARCHAR;
    param->digits = 0;
    switch (value->type) {
    case RH_TYPE_BOOL:
        param->c_type = SQL_C_BIT;
        param->sql_type = SQL_BIT;
        break;
    case RH_TYPE_INT:
        param->c_type = dialect->ints_as_text ? SQL_C_CHAR : SQL_C_SBIGINT;
        param->sql_type = dialect->ints_as_text ? SQL_DECIMAL : SQL_BIGINT;
        break;
    case RH_TYPE_UINT:
    case RH_TYPE_DECIMAL:
        param->sql_type = SQL_DECIMAL;
        break;
    case RH_TYPE_FLOAT:
        param->c_type = SQL_C_DOUBLE;
        param->sql_type = SQL_DOUBLE;
        break;
    case RH_TYPE_BYTES:
        param->c_type = SQL_C_BINARY;
        param->sql_type = SQL_VARBINARY;
        break;
    case RH_TYPE_UUID:
        param->c_type = guid ? SQL_C_GUID : SQL_C_CHAR;
        param->sql_type = guid ? SQL_GUID : SQL_VARCHAR;
        break;
    default:
        if (is_time(value->type) && !dialect->dates_as_text) {
            bool date = value->type == RH_TYPE_DATE;
            if (value->type == RH_TYPE_TIME) { /* the struct has no fraction */
                param->sql_type = value->as.i % SECOND_US ? SQL_VARCHAR : SQL_TYPE_TIME;
                return;
            }
            param->c_type = date ? SQL_C_TYPE_DATE : SQL_C_TYPE_TIMESTAMP;
            param->sql_type = date ? SQL_TYPE_DATE : SQL_TYPE_TIMESTAMP;
        } else if (!is_time(value->type) && !loading->form->utf8) {
            param->c_type = SQL_C_WCHAR;
            param->sql_type = SQL_WVARCHAR;
        }
    }
}

/* Bytes of the entry, at most. */
static size_t width_of(const struct rh_odbc_param *param, const struct rh_value *value)
{
    switch (param->c_type) {
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

/* ---- writing entries ---- */

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
static int fail_nul(const struct loading *loading)
{
    return rh_fail(loading->error, RH_DATA, "a text with a NUL cannot be given to the driver");
}

static int put_char(struct loading *loading, const struct rh_value *value, char *to,
                    SQLLEN *ret_length)
{
    char text[RH_CIVIL_MAX > 64 ? RH_CIVIL_MAX : 64];
    size_t n = value->len;

    switch (value->type) {
    case RH_TYPE_TEXT:
    case RH_TYPE_JSON:
        if (has_nul(value))
            return fail_nul(loading);
        if (!rh_text_is_utf8(rh_kit_value_text(value)))
            return rh_fail(loading->error, RH_DATA, "a text is no valid UTF-8");
        /* fall through */
    case RH_TYPE_DECIMAL:
    case RH_TYPE_BYTES:
        if (n)
            memcpy(to, value->as.data, n);
        break;
    default:
        if (is_time(value->type) && value->type != RH_TYPE_TIME &&
            !loading->form->dialect->far_dates && !is_in_calendar(value))
            return rh_fail(loading->error, RH_DATA, "the date cannot be given to the driver");
        n = text_of(value, text);
        if (!n)
            return rh_fail(loading->error, RH_UNSUPPORTED, "a value of this type has no form here");
        memcpy(to, text, n);
    }
    *ret_length = (SQLLEN)n;
    return RH_OK;
}

static int put(struct loading *loading, const struct rh_odbc_param *param,
               const struct rh_value *value, char *to, SQLLEN *ret_length)
{
    size_t units = 0;

    switch (param->c_type) {
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
            return rh_fail(loading->error, RH_DATA, "the date cannot be given to the driver");
        *ret_length = (SQLLEN)width_of(param, value);
        if (param->c_type == SQL_C_TYPE_DATE) {
            SQL_DATE_STRUCT date = {.year = 0};
            split_day(value->as.i, &date.year, &date.month, &date.day);
            memcpy(to, &date, sizeof date);
        } else {
            put_timestamp(to, value->as.i);
        }
        return RH_OK;
    case SQL_C_WCHAR:
        if (has_nul(value))
            return fail_nul(loading);
        if (!rh_odbc_to_utf16(rh_kit_value_text(value), (uint16_t *)(void *)to, &units))
            return rh_fail(loading->error, RH_DATA, "a text is no valid UTF-8");
        *ret_length = (SQLLEN)(units * 2);
        return RH_OK;
    default:
        return put_char(loading, value, to, ret_length);
    }
}

/* ---- one parameter ---- */

/* Digits of a decimal before and behind the point. */
static void measure_decimal(const char *text, size_t len, SQLULEN *whole, SQLSMALLINT *scale)
{
    const char *point = len ? memchr(text, '.', len) : NULL;
    size_t behind = point ? len - (size_t)(point - text) - 1 : 0;
    size_t before = len - behind - (point != NULL) - (len && text[0] == '-');

    if (before > *whole)
        *whole = before;
    if (behind > (size_t)*scale)
        *scale = (SQLSMALLINT)behind;
}

static int measure(struct loading *loading, const struct rh_sql_parameter *parameter,
                   struct rh_odbc_param *param)
{
    bool any = false;

    *param = (struct rh_odbc_param){.width = 1};
    for (uint64_t row = 0; row < loading->params->n_rows; row++) {
        const struct rh_value *value = cell_of(loading, parameter, row);
        struct rh_odbc_param own = {.width = 0};
        if (value->type <= RH_TYPE_NULL)
            continue;
        choose(loading, parameter, value, &own);
        own.width = width_of(&own, value);
        if (any && (own.c_type != param->c_type || own.sql_type != param->sql_type))
            return rh_fail(loading->error, RH_UNSUPPORTED, "rows of different types");
        param->c_type = own.c_type;
        param->sql_type = own.sql_type;
        if (own.width > param->width)
            param->width = own.width;
        any = true;
    }
    if (!any) { /* NULLs alone: of the column's type */
        const struct rh_value stand_in = {
            .type = parameter->column ? (uint8_t)parameter->column->type : RH_TYPE_TEXT};
        choose(loading, parameter, &stand_in, param);
    }
    if (param->c_type == SQL_C_WCHAR || param->c_type == SQL_C_SBIGINT ||
        param->c_type == SQL_C_DOUBLE)
        param->width = (param->width + 1) & ~(size_t)1;
    return RH_OK;
}

static void set_size(struct rh_odbc_param *param, SQLULEN whole)
{
    switch (param->sql_type) {
    case SQL_DECIMAL:
        param->size = whole + (SQLULEN)param->digits;
        if (param->size < 1)
            param->size = 1;
        break;
    case SQL_BIGINT:
        param->size = 19;
        break;
    case SQL_TYPE_DATE:
        param->size = 10;
        break;
    case SQL_TYPE_TIME:
        param->size = 8;
        break;
    case SQL_TYPE_TIMESTAMP:
        param->size = 26;
        param->digits = DIGITS_US;
        break;
    case SQL_GUID:
        param->size = 36;
        break;
    case SQL_WVARCHAR:
        param->size = param->width / 2 ? param->width / 2 : 1;
        if (param->size > SHORT_UNITS)
            param->sql_type = SQL_WLONGVARCHAR;
        break;
    case SQL_VARCHAR:
    case SQL_VARBINARY:
        param->size = param->width ? param->width : 1;
        if (param->size > 2 * SHORT_UNITS)
            param->sql_type = param->sql_type == SQL_VARCHAR ? SQL_LONGVARCHAR : SQL_LONGVARBINARY;
        break;
    default:
        param->size = param->sql_type == SQL_DOUBLE ? 15 : 1;
    }
}

static int fill(struct loading *loading, const struct rh_sql_parameter *parameter,
                struct rh_odbc_param *param)
{
    struct rh_odbc_params *params = loading->params;
    SQLULEN whole = 0;

    for (uint64_t row = 0; row < params->n_rows; row++) {
        const struct rh_value *value = cell_of(loading, parameter, row);
        char *to = params->bytes + param->data + row * param->width;
        int rc = RH_OK;
        param->lengths[row] = SQL_NULL_DATA;
        if (value->type > RH_TYPE_NULL)
            rc = put(loading, param, value, to, &param->lengths[row]);
        if (rc && loading->error && params->n_rows > 1)
            loading->error->row = row;
        if (rc)
            return rc;
        if (param->sql_type == SQL_DECIMAL && param->lengths[row] >= 0)
            measure_decimal(to, (size_t)param->lengths[row], &whole, &param->digits);
    }
    set_size(param, whole);
    return RH_OK;
}

int rh_odbc_params_load(struct rh_odbc_params *params, const struct rh_odbc_params_form *form,
                        const struct rh_sql_parameter *list, uint32_t n,
                        const struct rh_odbc_params_rows *rows, struct rh_error *error)
{
    struct loading loading = {.params = params, .form = form, .rows = rows, .error = error};
    size_t cap = params->cap, total = 0, n_lengths = 0;
    int rc = RH_OK;

    params->n = 0;
    params->n_rows = rows ? rows->n_rows : 1;
    if (!grow((void **)&params->items, &cap, n, sizeof *params->items) || cap > UINT32_MAX)
        return rh_fail_nomem(error);
    params->cap = (uint32_t)cap;
    for (uint32_t i = 0; i < n && !rc; i++) {
        size_t bytes = 0;
        if (list[i].is_list)
            return rh_fail(error, RH_INTERNAL, "a list is no parameter here");
        rc = measure(&loading, &list[i], &params->items[i]);
        total = (total + 7) & ~(size_t)7;
        params->items[i].data = total;
        if (__builtin_mul_overflow(params->items[i].width, params->n_rows, &bytes) ||
            __builtin_add_overflow(total, bytes, &total) || total > MAX_BYTES)
            return rh_fail(error, RH_RESOURCE, "the values are too large together");
    }
    if (rc)
        return rc;
    if (__builtin_mul_overflow((size_t)n, params->n_rows, &n_lengths) ||
        !grow((void **)&params->bytes, &params->cap_bytes, total + 1, 1) ||
        !grow((void **)&params->lengths, &params->cap_lengths, n_lengths + 1,
              sizeof *params->lengths) ||
        !grow((void **)&params->statuses, &params->cap_statuses, params->n_rows,
              sizeof *params->statuses))
        return rh_fail_nomem(error);
    for (uint32_t i = 0; i < n && !rc; i++) {
        params->items[i].lengths = params->lengths + (size_t)i * params->n_rows;
        rc = fill(&loading, &list[i], &params->items[i]);
    }
    if (!rc)
        params->n = n;
    return rc;
}

bool rh_odbc_params_bind(struct rh_odbc_params *params, SQLHSTMT statement)
{
    bool many = params->n_rows > 1;

    if (many) {
        for (uint64_t i = 0; i < params->n_rows; i++)
            params->statuses[i] = SQL_PARAM_UNUSED;
        params->n_processed = 0;
        if (!SQL_SUCCEEDED(SQLSetStmtAttr(statement, SQL_ATTR_PARAM_BIND_TYPE,
                                          (SQLPOINTER)SQL_PARAM_BIND_BY_COLUMN, 0)) ||
            !SQL_SUCCEEDED(SQLSetStmtAttr(statement, SQL_ATTR_PARAMSET_SIZE,
                                          (SQLPOINTER)(SQLULEN)params->n_rows, 0)) ||
            !SQL_SUCCEEDED(
                SQLSetStmtAttr(statement, SQL_ATTR_PARAM_STATUS_PTR, params->statuses, 0)) ||
            !SQL_SUCCEEDED(
                SQLSetStmtAttr(statement, SQL_ATTR_PARAMS_PROCESSED_PTR, &params->n_processed, 0)))
            return false;
    }
    for (uint32_t i = 0; i < params->n; i++) {
        struct rh_odbc_param *param = &params->items[i];
        SQLRETURN code =
            SQLBindParameter(statement, (SQLUSMALLINT)(i + 1), SQL_PARAM_INPUT, param->c_type,
                             param->sql_type, param->size, param->digits,
                             params->bytes + param->data, (SQLLEN)param->width, param->lengths);
        if (!SQL_SUCCEEDED(code))
            return false;
    }
    return true;
}
