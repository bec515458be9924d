/*
 * Binding. What SQLite would change silently (digits beyond those of a double, NaN, infinity in a
 * date) is refused instead.
 */
#include "bind.h"

#include "connector/civil.h"
#include "connector/decimal.h"
#include "error.h"
#include "functions.h"
#include "list.h"
#include "total.h"
#include "type.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LIST_ROOM 96 /* bytes of an item beyond those of its value */
#define UUID_FORMS 3
#define MIN_DAYS INT64_C(-719528) /* 0000-01-01 */
#define MAX_DAYS INT64_C(2932896) /* 9999-12-31 */

static int fail_data(const struct rh_column *column, const char *what, struct rh_error *error)
{
    int rc = rh_fail(error, RH_DATA, "%s", what);

    if (error && column && column->name.len && column->name.len < sizeof error->column) {
        memcpy(error->column, column->name.data, column->name.len);
        error->column[column->name.len] = '\0';
        rh_error_prefix(error, "column \"%.*s\"", RH_TEXT_ARG(column->name));
    }
    return rc;
}

static void set_bytes(struct rh_value *value, uint8_t type, const void *data, size_t len)
{
    *value = (struct rh_value){.type = type, .len = (uint32_t)len, .as.data = data};
}

bool rh_sqlite_decimal_is_kept(const struct rh_value *decimal, struct rh_value *ret_number)
{
    const struct rh_text text = rh_kit_value_text(decimal);
    char shortest[RH_DECIMAL_F64_MAX];
    int64_t whole;
    double real;
    size_t n;

    if (text.len > RH_DECIMAL_F64_MAX || !rh_decimal_is_valid(text) || rh_text_is(text, "NaN"))
        return false;
    if (rh_decimal_to_i64(text, &whole)) {
        *ret_number = rh_kit_int(whole);
        return true;
    }
    real = rh_decimal_to_f64(text);
    n = isfinite(real) ? rh_decimal_from_f64(shortest, real, 0) : 0;
    if (n == 0 || rh_decimal_compare(rh_text_make(shortest, n), text) != 0)
        return false;
    *ret_number = (struct rh_value){.type = RH_TYPE_FLOAT, .as.f = real};
    return true;
}

static int store_decimal(const struct rh_column *column, enum rh_sql_form form,
                         const struct rh_value *value, struct rh_sqlite_stored *ret,
                         struct rh_error *error)
{
    uint32_t affinity = column ? column->native_id & RH_SQLITE_AFFINITY : RH_SQLITE_NUMERIC;
    unsigned char key[RH_SQLITE_TOTAL_KEY_MAX];
    unsigned len;

    if (form != RH_SQL_WRITE && column && column->type == RH_TYPE_DECIMAL && !column->native_id) {
        /* An exact sum in HAVING. */
        if (!rh_sqlite_key_of_decimal(rh_kit_value_text(value), key, &len))
            return fail_data(column, "the number has too many digits", error);
        memcpy(ret->room, key, len);
        set_bytes(&ret->value, RH_TYPE_BYTES, ret->room, len);
        return RH_OK;
    }
    if (form == RH_SQL_WRITE && affinity <= RH_SQLITE_TEXT) {
        set_bytes(&ret->value, RH_TYPE_TEXT, value->as.data, value->len);
        return RH_OK;
    }
    if (rh_sqlite_decimal_is_kept(value, &ret->value))
        return RH_OK;
    fail_data(column, "SQLite cannot keep all digits of the number", error);
    return rh_error_hint(error, "Use a TEXT column for decimals of more than 15 digits");
}

/* Where JSON has numeric affinity, SQLite makes a number of a text that looks like one. */
static int store_json(const struct rh_column *column, enum rh_sql_form form,
                      const struct rh_value *value, struct rh_sqlite_stored *ret,
                      struct rh_error *error)
{
    struct rh_text text = rh_text_trim(rh_kit_value_text(value));
    char digits[RH_DECIMAL_F64_MAX];
    struct rh_value number = {.type = RH_TYPE_DECIMAL, .as.data = digits}, kept;

    ret->value.type = RH_TYPE_TEXT;
    if (form != RH_SQL_WRITE || !column ||
        (column->native_id & RH_SQLITE_AFFINITY) != RH_SQLITE_NUMERIC || !text.len ||
        (text.data[0] != '-' && (text.data[0] < '0' || text.data[0] > '9')))
        return RH_OK;
    number.len = (uint32_t)rh_decimal_from_number(digits, sizeof digits, text);
    if (number.len && rh_sqlite_decimal_is_kept(&number, &kept))
        return RH_OK;
    fail_data(column, "SQLite cannot keep all digits of the number", error);
    return rh_error_hint(error,
                         "Declare the column as JSON TEXT for numbers of more than 15 digits");
}

/* Civil and UTC microseconds, as "2024-02-29 13:05:00". */
static size_t format_us(char *to, int64_t us)
{
    size_t n = rh_civil_format_datetime(to, us);

    to[10] = ' ';
    return n;
}

static int store_time(const struct rh_column *column, const struct rh_value *value,
                      struct rh_sqlite_stored *ret, struct rh_error *error)
{
    int64_t days = value->as.i;
    size_t n;

    if (value->type == RH_TYPE_TIME) {
        n = rh_civil_format_time(ret->room, value->as.i);
        set_bytes(&ret->value, RH_TYPE_TEXT, ret->room, n);
        return RH_OK;
    }
    if (value->type != RH_TYPE_DATE)
        days = days / RH_CIVIL_DAY_US - (days % RH_CIVIL_DAY_US < 0);
    if (days < MIN_DAYS || days > MAX_DAYS)
        return fail_data(column, "SQLite's dates go from year 0 to 9999", error);
    n = value->type == RH_TYPE_DATE ? rh_civil_format_date(ret->room, value->as.i)
                                    : format_us(ret->room, value->as.i);
    if (value->type == RH_TYPE_TIMESTAMP)
        ret->room[n++] = 'Z';
    set_bytes(&ret->value, RH_TYPE_TEXT, ret->room, n);
    return RH_OK;
}

static int store_uuid(const struct rh_column *column, enum rh_sql_form form,
                      const struct rh_value *value, struct rh_sqlite_stored *ret,
                      struct rh_error *error)
{
    unsigned char key[RH_SQLITE_KEY_MAX];
    unsigned n;

    if (value->len != 16)
        return fail_data(column, "a UUID has 16 bytes", error);
    if (form == RH_SQL_WRITE || !column || column->type != RH_TYPE_UUID) {
        rh_sqlite_format_uuid(value->as.data, false, ret->room);
        set_bytes(&ret->value, RH_TYPE_TEXT, ret->room, 36);
        return RH_OK;
    }
    n = rh_sqlite_key_of_uuid(value->as.data, key);
    memcpy(ret->room, key, n);
    set_bytes(&ret->value, RH_TYPE_BYTES, ret->room, n);
    return RH_OK;
}

/* Whether the column is compared through its key. */
static bool has_key(const struct rh_column *column, enum rh_sql_form form)
{
    return form != RH_SQL_WRITE && column &&
           ((column->type >= RH_TYPE_DATE && column->type <= RH_TYPE_TIMESTAMP) ||
            column->type == RH_TYPE_UUID);
}

static void store_key(const struct rh_value *value, struct rh_sqlite_stored *ret)
{
    unsigned char key[RH_SQLITE_KEY_MAX];
    unsigned n = rh_sqlite_key_of_i64(value->as.i, key);

    memcpy(ret->room, key, n);
    set_bytes(&ret->value, RH_TYPE_BYTES, ret->room, n);
}

static int store_interval(const struct rh_value *value, struct rh_sqlite_stored *ret)
{
    struct rh_interval interval;

    memcpy(&interval, value->as.data, sizeof interval);
    set_bytes(&ret->value, RH_TYPE_TEXT, ret->room, rh_civil_format_interval(ret->room, &interval));
    return RH_OK;
}

int rh_sqlite_store(const struct rh_column *column, enum rh_sql_form form,
                    const struct rh_value *value, struct rh_sqlite_stored *ret_stored,
                    struct rh_error *error)
{
    ret_stored->value = *value;
    switch (value->type) {
    case RH_TYPE_MISSING:
    case RH_TYPE_NULL:
        ret_stored->value.type = RH_TYPE_NULL;
        return RH_OK;
    case RH_TYPE_BOOL:
        ret_stored->value = rh_kit_int(value->as.i != 0);
        return RH_OK;
    case RH_TYPE_UINT:
        if (value->as.u > INT64_MAX)
            return fail_data(column, "the number is above 9223372036854775807", error);
        ret_stored->value = rh_kit_int((int64_t)value->as.u);
        return RH_OK;
    case RH_TYPE_FLOAT:
        return isnan(value->as.f) ? fail_data(column, "SQLite cannot keep NaN", error) : RH_OK;
    case RH_TYPE_DECIMAL:
        return store_decimal(column, form, value, ret_stored, error);
    case RH_TYPE_DATE:
    case RH_TYPE_TIME:
    case RH_TYPE_DATETIME:
    case RH_TYPE_TIMESTAMP:
        if (!has_key(column, form))
            return store_time(column, value, ret_stored, error);
        store_key(value, ret_stored);
        return RH_OK;
    case RH_TYPE_INTERVAL:
        return store_interval(value, ret_stored);
    case RH_TYPE_UUID:
        return store_uuid(column, form, value, ret_stored, error);
    case RH_TYPE_JSON:
        return store_json(column, form, value, ret_stored, error);
    case RH_TYPE_TEXT:
        return form != RH_SQL_WRITE || rh_text_is_utf8(rh_kit_value_text(value))
                   ? RH_OK
                   : fail_data(column, "the text is not UTF-8", error);
    default:
        return RH_OK;
    }
}

static int bind_stored(sqlite3_stmt *stmt, int index, const struct rh_value *value,
                       sqlite3_destructor_type destructor)
{
    const void *data = value->len ? value->as.data : "";

    switch (value->type) {
    case RH_TYPE_INT:
        return sqlite3_bind_int64(stmt, index, value->as.i);
    case RH_TYPE_FLOAT:
        return sqlite3_bind_double(stmt, index, value->as.f);
    case RH_TYPE_TEXT:
        return sqlite3_bind_text64(stmt, index, data, value->len, destructor, SQLITE_UTF8);
    case RH_TYPE_BYTES:
        return sqlite3_bind_blob64(stmt, index, data, value->len, destructor);
    default:
        return sqlite3_bind_null(stmt, index);
    }
}

/* A UUID that is compared with what is stored: text in lower and upper case, or 16 bytes. */
static bool add_uuid_forms(struct rh_sqlite_list *list, const struct rh_value *uuid)
{
    char text[36];
    struct rh_value bytes = *uuid;
    bool added = true;

    for (unsigned upper = 0; upper < 2; upper++) {
        rh_sqlite_format_uuid(uuid->as.data, upper, text);
        const struct rh_value form = rh_kit_text(rh_text_make(text, sizeof text));
        added = added && rh_sqlite_list_add(list, &form);
    }
    bytes.type = RH_TYPE_BYTES;
    return added && rh_sqlite_list_add(list, &bytes);
}

static int add_item(struct rh_sqlite_list *list, const struct rh_sql_parameter *parameter,
                    const struct rh_value *value, struct rh_error *error)
{
    struct rh_sqlite_stored stored;
    bool added;
    int rc = RH_OK;

    if (parameter->form == RH_SQL_WRITE && value->type == RH_TYPE_UUID && value->len == 16) {
        added = add_uuid_forms(list, value);
    } else {
        rc = rh_sqlite_store(parameter->column, parameter->form, value, &stored, error);
        added = rc || rh_sqlite_list_add(list, &stored.value);
    }
    return added ? rc : rh_fail(error, RH_INTERNAL, "a list is longer than its room");
}

static int bind_list(struct rh_conn *conn, sqlite3_stmt *stmt, int index,
                     const struct rh_sql_parameter *parameter, struct rh_error *error)
{
    struct rh_sqlite_list *list = NULL;
    bool is_made = parameter->column && !parameter->column->native_id; /* see store_decimal */
    size_t room = is_made ? RH_SQLITE_TOTAL_KEY_MAX : LIST_ROOM, n_bytes = 0;
    int rc = RH_OK, code;

    /* No form of a value is longer than the value itself and a key or texts of fixed size. */
    for (uint32_t i = 0; i < parameter->n; i++)
        n_bytes += parameter->values[i].len + room;
    list = rh_sqlite_list_new(parameter->n * (size_t)UUID_FORMS, n_bytes);
    if (!list)
        return rh_fail_nomem(error);
    for (uint32_t i = 0; i < parameter->n && rc == RH_OK; i++)
        rc = add_item(list, parameter, &parameter->values[i], error);
    if (rc) {
        free(list);
        return rc;
    }
    code = rh_sqlite_list_bind(stmt, index, list);
    return code == SQLITE_OK ? RH_OK : rh_sqlite_fail(conn, code, error);
}

int rh_sqlite_bind(struct rh_conn *conn, sqlite3_stmt *stmt, int index,
                   const struct rh_sql_parameter *parameter, struct rh_error *error)
{
    struct rh_sqlite_stored stored;
    int rc, code;

    if (parameter->is_list)
        return bind_list(conn, stmt, index, parameter, error);
    rc = rh_sqlite_store(parameter->column, parameter->form, parameter->values, &stored, error);
    if (rc)
        return rc;
    code = bind_stored(stmt, index, &stored.value, SQLITE_TRANSIENT);
    return code == SQLITE_OK ? RH_OK : rh_sqlite_fail(conn, code, error);
}

int rh_sqlite_bind_cell(struct rh_conn *conn, sqlite3_stmt *stmt, int index,
                        const struct rh_column *column, const struct rh_value *cell,
                        struct rh_error *error)
{
    struct rh_sqlite_stored stored;
    int rc = rh_sqlite_store(column, RH_SQL_WRITE, cell, &stored, error);
    int code;

    if (rc)
        return rc;
    code = bind_stored(stmt, index, &stored.value,
                       (const char *)stored.value.as.data == stored.room ? SQLITE_TRANSIENT
                                                                         : SQLITE_STATIC);
    return code == SQLITE_OK ? RH_OK : rh_sqlite_fail(conn, code, error);
}
