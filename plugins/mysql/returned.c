/*
 * See returned.h.
 */
#include "returned.h"

void rh_my_returned_free(struct rh_conn *conn)
{
    rh_my_rows_free(conn->returned);
    conn->returned = NULL;
}

int rh_my_returned_start(struct rh_conn *conn, const struct rh_write_spec *spec,
                         struct rh_error *error)
{
    rh_my_returned_free(conn);
    if (!spec->n_returning)
        return RH_OK;
    conn->returned = rh_my_rows_new(conn, spec->n_returning, SIZE_MAX);
    if (!conn->returned)
        return rh_fail_nomem(error);
    for (uint32_t i = 0; i < spec->n_returning; i++)
        conn->returned->columns[i].type =
            (uint8_t)rh_sql_column_at(spec->returning, spec->returning_stride, i)->type;
    conn->returned->to_the_end = true;
    rh_my_rows_clear(conn->returned, UINT64_MAX);
    return RH_OK;
}

int rh_my_returned_add(struct rh_conn *conn, MYSQL_STMT *stmt, uint64_t *ret_n,
                       struct rh_error *error)
{
    uint64_t before = conn->returned->set.n_rows;
    int rc = rh_my_rows_take(conn->returned, stmt, error);

    if (!rc)
        rc = rh_my_rows_fetch(conn->returned, error);
    *ret_n = conn->returned->set.n_rows - before;
    return rc;
}

int rh_my_returned_batch(struct rh_conn *conn, struct rh_batch *ret_batch, struct rh_error *error)
{
    int rc = RH_OK;

    if (!conn->returned)
        return RH_OK;
    rc = rh_my_rows_batch(conn->returned, ret_batch, error);
    return rc == RH_END ? RH_OK : rc;
}
