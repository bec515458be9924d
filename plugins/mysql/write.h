/*
 * Inserting, updating, deleting. A call changes all of its rows or none.
 */
#pragma once

#include "connection.h"

/* Functions of the write group. */
int rh_my_insert(struct rh_conn *conn, const struct rh_op *op, const struct rh_write_spec *spec,
                 struct rh_write_result *ret_result, struct rh_error *error);
int rh_my_update(struct rh_conn *conn, const struct rh_op *op, const struct rh_write_spec *spec,
                 struct rh_write_result *ret_result, struct rh_error *error);
int rh_my_remove(struct rh_conn *conn, const struct rh_op *op, const struct rh_write_spec *spec,
                 struct rh_write_result *ret_result, struct rh_error *error);
int rh_my_upsert(struct rh_conn *conn, const struct rh_op *op, const struct rh_write_spec *spec,
                 struct rh_write_result *ret_result, struct rh_error *error);

/* ---- shared by the files of writing ---- */

/* A call, and the transaction around it. */
struct rh_my_scope {
    struct rh_conn *conn;
    const struct rh_op *op;
    const struct rh_write_spec *spec;
    bool nested;     /* inside the host's transaction: a savepoint */
    bool opened;     /* … or a transaction of our own stands around it */
    bool committing; /* what was sent may have been kept */
    uint64_t n_affected;
};

typedef void rh_my_build_fn(struct rh_sql *sql, const struct rh_write_spec *spec, uint64_t first,
                            uint64_t n);

/* Opens the transaction or savepoint, when several statements must be kept together. */
int rh_my_scope_open(struct rh_my_scope *scope, struct rh_error *error);
/* Keeps what was done when rc is RH_OK, else undoes it; returns rc or why it was not kept. */
int rh_my_scope_end(struct rh_my_scope *scope, int rc, struct rh_error *error);
/* Undoes it, and opens anew. */
int rh_my_scope_restart(struct rh_my_scope *scope, struct rh_error *error);
/* One statement over rows [first, first + n) of the spec: builds, executes, takes the rows that it
 * returns. ret_n: rows matched, or returned. */
int rh_my_scope_run(struct rh_my_scope *scope, rh_my_build_fn *how,
                    const struct rh_write_spec *spec, uint64_t first, uint64_t n, uint64_t *ret_n,
                    struct rh_error *error);
/* Reads the row of the spec that `row` is about, as it is now, to be returned. */
int rh_my_reread(struct rh_my_scope *scope, const struct rh_write_spec *spec, uint64_t row,
                 struct rh_error *error);
/* An inserted row where the server has no RETURNING: by its counted or its primary key. */
int rh_my_reread_inserted(struct rh_my_scope *scope, uint64_t row, uint64_t insert_id,
                          struct rh_error *error);

/* A unique index over whole columns. */
struct rh_my_unique {
    struct rh_text name;
    struct rh_text columns[16];
    uint32_t n_columns;
};
#define RH_MY_MAX_UNIQUES 64
/* The unique indexes of the spec's table, PRIMARY first; names live in rows, which the caller frees
 * (rh_my_rows_free). UNSUPPORTED when there are too many. */
struct rh_my_rows;
int rh_my_uniques(struct rh_conn *conn, const struct rh_write_spec *spec,
                  struct rh_my_rows **ret_rows, struct rh_my_unique *ret_uniques, uint32_t *ret_n,
                  struct rh_error *error);
/* MERGE and IGNORE; see upsert.c. */
int rh_my_upsert_rows(struct rh_my_scope *scope, struct rh_error *error);

static inline const struct rh_column *rh_my_spec_column(const struct rh_write_spec *spec,
                                                        uint32_t i)
{
    return rh_sql_column_at(spec->columns, spec->column_stride, i);
}
