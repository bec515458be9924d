/*
 * Parameters of a statement in the form that the library takes. The arrays and the scratch space are
 * reused from statement to statement.
 */
#pragma once

#include "connector/sql.h"

#include <mysql.h>

#define RH_MY_MAX_PARAMETERS 65535

union rh_my_room {
    int64_t i;
    uint64_t u;
    double f;
    MYSQL_TIME time;
    char text[40]; /* a UUID */
};

struct rh_my_params {
    MYSQL_BIND *binds;
    union rh_my_room *rooms; /* what binds point to, where it is not the value itself */
    uint32_t n, cap;
};

void rh_my_params_fini(struct rh_my_params *params);
/* All parameters of a statement. Values are borrowed until it was executed. DATA when one does not
 * fit, RESOURCE when there are too many. */
int rh_my_params_load(struct rh_my_params *params, const struct rh_sql *sql,
                      struct rh_error *error);
/* Values that stand against nothing: parameters of native statements. */
int rh_my_params_load_values(struct rh_my_params *params, const struct rh_value *values, uint32_t n,
                             struct rh_error *error);
/* The text of a TIME that is more or less than a day: [-]hhh:mm:ss[.ffffff]. False when the interval
 * is none that MySQL can hold. */
bool rh_my_time_of_interval(const struct rh_interval *interval, MYSQL_TIME *ret_time);
/* DATETIME's and DATE's parts; false when out of 0000-01-01 … 9999-12-31. */
bool rh_my_time_of_us(int64_t us, MYSQL_TIME *ret_time);
