/* See params.h. */
#include "params.h"

#include "base/err.h"
#include "connector/kit.h"
#include "kept.h"

#include <stdlib.h>
#include <string.h>

#define SHORT_UNITS 4000 /* a longer text is a long one */
#define MAX_BYTES ((size_t)1 << 31)
#define DIGITS_US 6

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

/* ---- one parameter ---- */

struct loading {
    struct rh_odbc_params *params;
    const struct rh_odbc_form *form;
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
        struct rh_odbc_entry own = {.digits = 0};
        size_t width;
        if (value->type <= RH_TYPE_NULL)
            continue;
        rh_odbc_entry_choose(&own, loading->form, parameter->column, value);
        width = rh_odbc_entry_width(&own, value);
        if (any && (own.c_type != param->entry.c_type || own.sql_type != param->entry.sql_type))
            return rh_fail(loading->error, RH_UNSUPPORTED, "rows of different types");
        param->entry = own;
        if (width > param->width)
            param->width = width;
        any = true;
    }
    if (!any) { /* NULLs alone: of the column's type */
        const struct rh_value stand_in = {
            .type = parameter->column ? (uint8_t)parameter->column->type : RH_TYPE_TEXT};
        rh_odbc_entry_choose(&param->entry, loading->form, parameter->column, &stand_in);
    }
    if (param->entry.c_type == SQL_C_WCHAR || param->entry.c_type == SQL_C_SBIGINT ||
        param->entry.c_type == SQL_C_DOUBLE)
        param->width = (param->width + 1) & ~(size_t)1;
    return RH_OK;
}

static void set_size(struct rh_odbc_param *param, SQLULEN whole)
{
    switch (param->entry.sql_type) {
    case SQL_DECIMAL:
        param->size = whole + (SQLULEN)param->entry.digits;
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
        param->entry.digits = DIGITS_US;
        break;
    case SQL_GUID:
        param->size = 36;
        break;
    case SQL_WVARCHAR:
        param->size = param->width / 2 ? param->width / 2 : 1;
        if (param->size > SHORT_UNITS)
            param->entry.sql_type = SQL_WLONGVARCHAR;
        break;
    case SQL_VARCHAR:
    case SQL_VARBINARY:
        param->size = param->width ? param->width : 1;
        if (param->size > 2 * SHORT_UNITS)
            param->entry.sql_type =
                param->entry.sql_type == SQL_VARCHAR ? SQL_LONGVARCHAR : SQL_LONGVARBINARY;
        break;
    default:
        param->size = param->entry.sql_type == SQL_DOUBLE ? 15 : 1;
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
            rc = rh_odbc_check_kept(loading->form->dialect, parameter, value, loading->error);
        if (!rc && value->type > RH_TYPE_NULL)
            rc = rh_odbc_entry_put(&param->entry, loading->form, value, to, &param->lengths[row],
                                   loading->error);
        if (rc && loading->error && params->n_rows > 1)
            loading->error->row = row;
        if (rc)
            return rc;
        if (param->entry.sql_type == SQL_DECIMAL && param->lengths[row] >= 0)
            measure_decimal(to, (size_t)param->lengths[row], &whole, &param->entry.digits);
    }
    set_size(param, whole);
    return RH_OK;
}

/* ---- all ---- */

int rh_odbc_params_load(struct rh_odbc_params *params, const struct rh_odbc_form *form,
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
            SQLBindParameter(statement, (SQLUSMALLINT)(i + 1), SQL_PARAM_INPUT, param->entry.c_type,
                             param->entry.sql_type, param->size, param->entry.digits,
                             params->bytes + param->data, (SQLLEN)param->width, param->lengths);
        if (!SQL_SUCCEEDED(code))
            return false;
    }
    return true;
}
