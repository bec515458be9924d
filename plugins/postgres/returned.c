/*
 * The rows that a write returns: the results of its statements, kept until the next call on the
 * connection, as one batch.
 */
#include "read.h"
#include "write.h"

#include <stdlib.h>
#include <string.h>

struct rh_pg_returned {
    struct rh_pg_rows **parts; /* one per statement */
    size_t n, cap;
    uint64_t n_rows;
    struct rh_value *cells; /* of all parts together, when there are several */
};

void rh_pg_returned_free(struct rh_conn *conn)
{
    struct rh_pg_returned *returned = conn->returned;

    conn->returned = NULL;
    if (!returned)
        return;
    for (size_t i = 0; i < returned->n; i++)
        rh_pg_rows_free(returned->parts[i]);
    free(returned->parts);
    free(returned->cells);
    free(returned);
}

int rh_pg_returned_add(struct rh_conn *conn, const struct rh_write_spec *spec, PGresult *result,
                       struct rh_error *error)
{
    struct rh_pg_returned *returned = conn->returned;
    struct rh_pg_rows *rows = NULL;

    if (PQntuples(result) == 0 || spec->n_returning == 0) {
        PQclear(result);
        return RH_OK;
    }
    if (!returned)
        returned = conn->returned = calloc(1, sizeof *returned);
    if (returned && returned->n == returned->cap) {
        size_t cap = returned->cap ? returned->cap * 2 : 4;
        struct rh_pg_rows **grown = reallocarray(returned->parts, cap, sizeof *returned->parts);
        if (grown) {
            returned->parts = grown;
            returned->cap = cap;
        }
    }
    rows = rh_pg_rows_new(spec->n_returning);
    if (!returned || returned->n == returned->cap || !rows) {
        rh_pg_rows_free(rows);
        PQclear(result);
        return rh_fail_nomem(error);
    }
    for (uint32_t i = 0; i < spec->n_returning; i++)
        rows->types[i] =
            (uint8_t)rh_sql_column_at(spec->returning, spec->returning_stride, i)->type;
    returned->parts[returned->n++] = rows;
    returned->n_rows += (uint64_t)PQntuples(result);
    return rh_pg_rows_take(rows, result, error);
}

int rh_pg_returned_batch(struct rh_conn *conn, const struct rh_write_spec *spec,
                         struct rh_batch *ret_batch, struct rh_error *error)
{
    struct rh_pg_returned *returned = conn->returned;
    struct rh_batch part = {.struct_size = sizeof part};
    size_t at = 0;
    int rc = RH_OK;

    if (!returned)
        return RH_OK;
    if (returned->n == 1)
        return rh_pg_rows_decode(returned->parts[0], 0, returned->parts[0]->n_rows, ret_batch,
                                 error);
    returned->cells =
        reallocarray(NULL, returned->n_rows, sizeof *returned->cells * spec->n_returning);
    if (!returned->cells)
        return rh_fail_nomem(error);
    for (size_t i = 0; i < returned->n && !rc; i++) {
        rc = rh_pg_rows_decode(returned->parts[i], 0, returned->parts[i]->n_rows, &part, error);
        if (!rc && part.n_rows) {
            size_t n = (size_t)part.n_rows * part.n_cols;
            memcpy(returned->cells + at, part.cells, n * sizeof *part.cells);
            at += n;
        }
    }
    ret_batch->n_rows = returned->n_rows;
    ret_batch->cells = returned->cells;
    return rc;
}
