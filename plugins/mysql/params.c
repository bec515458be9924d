/*
 * See params.h. Texts, bytes, decimals and JSON are sent from where they lie; everything else is put
 * into the scratch space. How a value is bound follows from its own type and from the role that it
 * has: a text that stands against the VALUE form of a column is bound as bytes, so that the server
 * compares code points.
 */
#include "params.h"

#include "connector/civil.h"
#include "connector/kit.h"
#include "type.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SCALE 30 /* of a decimal, in all servers */

void rh_my_params_fini(struct rh_my_params *params)
{
    free(params->binds);
    free(params->rooms);
    *params = (struct rh_my_params){.n = 0};
}

static int reserve(struct rh_my_params *params, uint32_t n, struct rh_error *error)
{
    MYSQL_BIND *binds = NULL;
    union rh_my_room *rooms = NULL;

    if (n > RH_MY_MAX_PARAMETERS) {
        rh_fail(error, RH_RESOURCE, "the statement has more than %d parameters",
                RH_MY_MAX_PARAMETERS);
        return rh_error_hint(error, "Use fewer values or rows at once");
    }
    params->n = n;
    if (n <= params->cap)
        return RH_OK;
    binds = reallocarray(params->binds, n, sizeof *binds);
    if (binds)
        params->binds = binds;
    rooms = reallocarray(params->rooms, n, sizeof *rooms);
    if (rooms)
        params->rooms = rooms;
    if (!binds || !rooms)
        return rh_fail_nomem(error);
    params->cap = n;
    return RH_OK;
}

/* ---- times ---- */

static void set_clock(MYSQL_TIME *time, uint64_t us)
{
    time->second_part = us % 1000000;
    us /= 1000000;
    time->second = (unsigned)(us % 60);
    time->minute = (unsigned)(us / 60 % 60);
    time->hour = (unsigned)(us / 3600);
}

bool rh_my_time_of_us(int64_t us, MYSQL_TIME *ret_time)
{
    int64_t days = us / RH_CIVIL_DAY_US, rest = us % RH_CIVIL_DAY_US, year = 0;

    if (rest < 0) {
        rest += RH_CIVIL_DAY_US;
        days--;
    }
    if (days < rh_civil_days(0, 1, 1) || days > rh_civil_days(9999, 12, 31))
        return false;
    *ret_time = (MYSQL_TIME){.time_type = MYSQL_TIMESTAMP_DATETIME};
    rh_civil_from_days(days, &year, &ret_time->month, &ret_time->day);
    ret_time->year = (unsigned)year;
    set_clock(ret_time, (uint64_t)rest);
    return true;
}

bool rh_my_time_of_interval(const struct rh_interval *interval, MYSQL_TIME *ret_time)
{
    const int64_t most = INT64_C(3020399999999); /* 838:59:59.999999 */
    int64_t us = 0;

    if (interval->months || interval->days < -40 || interval->days > 40 ||
        __builtin_add_overflow(interval->us, interval->days * RH_CIVIL_DAY_US, &us) || us < -most ||
        us > most)
        return false;
    *ret_time = (MYSQL_TIME){.time_type = MYSQL_TIMESTAMP_TIME, .neg = us < 0};
    set_clock(ret_time, (uint64_t)(us < 0 ? -us : us));
    ret_time->day = ret_time->hour / 24; /* hours are sent in one byte */
    ret_time->hour %= 24;
    return true;
}

static bool bind_time(MYSQL_BIND *bind, MYSQL_TIME *time, const struct rh_value *value)
{
    struct rh_interval interval = {.us = value->as.i};

    bind->buffer = time;
    switch (value->type) {
    case RH_TYPE_DATE:
        bind->buffer_type = MYSQL_TYPE_DATE;
        if (value->as.i > INT32_MAX || value->as.i < INT32_MIN ||
            !rh_my_time_of_us(value->as.i * RH_CIVIL_DAY_US, time))
            return false;
        time->time_type = MYSQL_TIMESTAMP_DATE;
        return true;
    case RH_TYPE_DATETIME:
    case RH_TYPE_TIMESTAMP:
        bind->buffer_type = MYSQL_TYPE_DATETIME;
        return rh_my_time_of_us(value->as.i, time);
    case RH_TYPE_INTERVAL:
        memcpy(&interval, value->as.data, sizeof interval);
        break;
    default:
        break;
    }
    bind->buffer_type = MYSQL_TYPE_TIME;
    return rh_my_time_of_interval(&interval, time);
}

/* ---- one parameter ---- */

static void bind_bytes(MYSQL_BIND *bind, enum enum_field_types type, const void *data, size_t len)
{
    bind->buffer_type = type;
    bind->buffer = (void *)(uintptr_t)(len ? data : "");
    bind->buffer_length = len;
    bind->length_value = len;
    bind->length = &bind->length_value;
}

static void bind_uuid(MYSQL_BIND *bind, char *room, const unsigned char *bytes)
{
    int n = 0;

    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            room[n++] = '-';
        n += snprintf(room + n, 3, "%02x", bytes[i]);
    }
    bind_bytes(bind, MYSQL_TYPE_STRING, room, 36);
}

static bool bind_value(MYSQL_BIND *bind, union rh_my_room *room, const struct rh_value *value,
                       bool as_bytes)
{
    *bind = (MYSQL_BIND){.buffer = room};
    switch (value->type) {
    case RH_TYPE_MISSING:
    case RH_TYPE_NULL:
        bind->buffer_type = MYSQL_TYPE_NULL;
        return true;
    case RH_TYPE_UINT:
        bind->is_unsigned = 1;
        bind->buffer_type = MYSQL_TYPE_LONGLONG;
        room->u = value->as.u;
        return true;
    case RH_TYPE_BOOL:
    case RH_TYPE_INT:
        bind->buffer_type = MYSQL_TYPE_LONGLONG;
        room->i = value->as.i;
        return true;
    case RH_TYPE_FLOAT:
        bind->buffer_type = MYSQL_TYPE_DOUBLE;
        room->f = value->as.f;
        return isfinite(value->as.f);
    case RH_TYPE_DECIMAL:
        bind_bytes(bind, MYSQL_TYPE_NEWDECIMAL, value->as.data, value->len);
        return !memchr(value->as.data, 'N', value->len);
    case RH_TYPE_TEXT:
    case RH_TYPE_JSON:
        bind_bytes(bind, as_bytes ? MYSQL_TYPE_BLOB : MYSQL_TYPE_STRING, value->as.data,
                   value->len);
        return true;
    case RH_TYPE_BYTES:
        bind_bytes(bind, MYSQL_TYPE_BLOB, value->as.data, value->len);
        return true;
    case RH_TYPE_UUID:
        bind_uuid(bind, room->text, value->as.data);
        return value->len == 16;
    default:
        return bind_time(bind, &room->time, value);
    }
}

/* A UUID for a column of bytes is its bytes. */
static struct rh_value stored_value(const struct rh_sql_parameter *parameter)
{
    struct rh_value value = *parameter->values;

    if (value.type == RH_TYPE_UUID && parameter->column && rh_my_stores_bytes(parameter->column))
        value.type = RH_TYPE_BYTES;
    return value;
}

static int fail_value(const struct rh_sql_parameter *parameter, struct rh_error *error)
{
    struct rh_text name = {NULL, 0};

    if (parameter->column)
        name = parameter->column->name;
    (void)rh_fail(error, RH_DATA, "column %.*s cannot hold the value", RH_TEXT_ARG(name));
    if (error && name.len && name.len < sizeof error->column) {
        memcpy(error->column, name.data, name.len);
        error->column[name.len] = '\0';
    }
    return RH_DATA;
}

/* Digits after the point, without zeros at the end. */
static uint32_t n_fraction_digits(struct rh_text decimal)
{
    struct rh_text fraction = decimal;

    (void)rh_text_cut(&fraction, '.');
    while (fraction.len && fraction.data[fraction.len - 1] == '0')
        fraction.len--;
    return (uint32_t)fraction.len;
}

/* Values that the server would change without an error: decimals of more digits than it holds,
 * texts that are not valid, numbers that are no truth value. */
static bool fits(const struct rh_sql_parameter *parameter, const struct rh_value *value)
{
    if (parameter->form != RH_SQL_WRITE || !parameter->column)
        return true;
    if (parameter->column->type == RH_TYPE_TEXT && value->type == RH_TYPE_TEXT)
        return rh_text_is_utf8(rh_kit_value_text(value));
    if (value->type == RH_TYPE_DECIMAL)
        return n_fraction_digits(rh_kit_value_text(value)) <=
               (parameter->column->scale > MAX_SCALE ? parameter->column->scale : MAX_SCALE);
    if (parameter->column->type == RH_TYPE_BOOL && value->type == RH_TYPE_INT)
        return value->as.i >= INT8_MIN && value->as.i <= INT8_MAX;
    return true;
}

int rh_my_params_load(struct rh_my_params *params, const struct rh_sql *sql, struct rh_error *error)
{
    int rc = reserve(params, sql->n_parameters, error);

    for (uint32_t i = 0; !rc && i < sql->n_parameters; i++) {
        const struct rh_sql_parameter *parameter = &sql->parameters[i];
        const struct rh_value value = stored_value(parameter);
        bool as_bytes = value.type == RH_TYPE_TEXT && parameter->form == RH_SQL_VALUE &&
                        (!parameter->column || rh_my_compares_bytes(parameter->column));
        if (!fits(parameter, &value) ||
            !bind_value(&params->binds[i], &params->rooms[i], &value, as_bytes))
            rc = fail_value(parameter, error);
    }
    return rc;
}

int rh_my_params_load_values(struct rh_my_params *params, const struct rh_value *values, uint32_t n,
                             struct rh_error *error)
{
    int rc = reserve(params, n, error);

    for (uint32_t i = 0; !rc && i < n; i++) {
        if (!bind_value(&params->binds[i], &params->rooms[i], &values[i], false))
            rc = rh_fail(error, RH_DATA, "parameter %u is out of the range of the server", i + 1);
    }
    return rc;
}
