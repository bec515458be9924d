/*
 * Parameters of a statement in the driver's form: one column-wise array per placeholder, with one
 * entry per row.
 */
#pragma once

#include "connector/sql.h"
#include "entry.h"

struct rh_odbc_param {
    struct rh_odbc_entry entry;
    SQLULEN size;    /* column size */
    size_t width;    /* bytes of an entry */
    size_t data;     /* where its entries begin, in bytes */
    SQLLEN *lengths; /* per row */
};

struct rh_odbc_params {
    struct rh_odbc_param *items;
    uint32_t n, cap;
    uint64_t n_rows;
    char *bytes;
    size_t n_bytes, cap_bytes;
    SQLLEN *lengths;
    size_t cap_lengths;
    SQLUSMALLINT *statuses; /* per row, after the execution */
    size_t cap_statuses;
    SQLULEN n_processed;
};

/* Rows of cells that parameters point into: those of row 0 stand for the same cell of each row. */
struct rh_odbc_params_rows {
    const struct rh_value *cells; /* of row 0; NULL = one row */
    uint32_t n_columns;
    uint64_t n_rows;
};

void rh_odbc_params_fini(struct rh_odbc_params *params);
/* Takes the parameters of the statement. DATA when a value has no form there: with the row set.
 * UNSUPPORTED when the rows of one parameter are of different types: then row by row. */
int rh_odbc_params_load(struct rh_odbc_params *params, const struct rh_odbc_form *form,
                        const struct rh_sql_parameter *list, uint32_t n,
                        const struct rh_odbc_params_rows *rows, struct rh_error *error);
/* Binds them to the statement; false: the driver's diagnostics say why. */
bool rh_odbc_params_bind(struct rh_odbc_params *params, SQLHSTMT statement);
