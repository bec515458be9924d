/*
 * Parameters of a statement in the form that libpq takes. The arrays and the scratch space are
 * reused from statement to statement.
 */
#pragma once

#include "connector/sql.h"

#include <libpq-fe.h>

struct rh_pg_params {
    int n, cap;
    Oid *oids;
    const char **values; /* NULL = NULL */
    int *lengths;
    int *formats;
    size_t *offsets;       /* into scratch, or NOT_SCRATCH */
    struct rh_buf scratch; /* ceiling: what one Bind message may hold */
};

#define RH_PG_MAX_PARAMETERS 65535

void rh_pg_params_init(struct rh_pg_params *params);
void rh_pg_params_fini(struct rh_pg_params *params);
void rh_pg_params_clear(struct rh_pg_params *params);
/* All parameters of a statement. Values are borrowed until the statement was sent. DATA when one
 * does not fit, RESOURCE when there are too many. */
int rh_pg_params_load(struct rh_pg_params *params, const struct rh_sql *sql,
                      struct rh_error *error);
/* One more; seal with rh_pg_params_seal. */
int rh_pg_params_add(struct rh_pg_params *params, const struct rh_sql_parameter *parameter,
                     struct rh_error *error);
/* One text or bytes (or NULL) whose type the server infers; bytes are bytea. Copied. */
int rh_pg_params_add_untyped(struct rh_pg_params *params, const struct rh_value *value,
                             struct rh_error *error);
/* The JSON array that was added as that parameter, untyped, as an array literal instead. DATA when
 * it is none. To be sealed again. */
int rh_pg_params_make_array(struct rh_pg_params *params, int at, const struct rh_value *value,
                            struct rh_error *error);
/* After the last: makes the pointers final. */
void rh_pg_params_seal(struct rh_pg_params *params);
