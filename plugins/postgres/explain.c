/*
 * What a query would do, and how many rows the server expects: its text, and its planner's word.
 */
#include "read.h"

#include "dialect.h"

#include <stdlib.h>
#include <string.h>

int rh_pg_explain(struct rh_conn *conn, const struct rh_op *op, const struct rh_query *query,
                  struct rh_text *ret_native, struct rh_error *error)
{
    struct rh_sql sql;
    char *copy = NULL;
    int rc = RH_OK;

    rh_sql_init(&sql, &rh_pg_dialect, conn);
    rh_sql_select(&sql, query);
    rc = rh_sql_check(&sql, error);
    if (!rc) {
        copy = conn->host->alloc(op->arena, sql.text.len + 1);
        if (copy) {
            memcpy(copy, sql.text.data, sql.text.len);
            *ret_native = rh_text_make(copy, sql.text.len);
        } else {
            rc = rh_fail_nomem(error);
        }
    }
    rh_sql_fini(&sql);
    return rc;
}

int rh_pg_estimate(struct rh_conn *conn, const struct rh_op *op, const struct rh_query *query,
                   int64_t *ret_rows, struct rh_error *error)
{
    static const char label[] = "\"Plan Rows\":";
    PGresult *result = NULL;
    const char *found = NULL;
    int rc = rh_pg_enter(conn, op, error);

    if (rc)
        goto out;
    rh_sql_fini(&conn->sql);
    rh_sql_init(&conn->sql, &rh_pg_dialect, conn);
    rh_sql_add(&conn->sql, "EXPLAIN (FORMAT JSON) SELECT 1");
    rh_sql_from_where(&conn->sql, query);
    rc = rh_sql_check(&conn->sql, error);
    if (!rc)
        rc = rh_pg_params_load(&conn->params, &conn->sql, error);
    if (!rc)
        rc = rh_pg_run(conn, op, rh_sql_string(&conn->sql), &conn->params, 0, &result, error);
    if (rc)
        goto out;
    if (PQntuples(result) > 0)
        found = strstr(PQgetvalue(result, 0, 0), label); /* the first is the topmost node's */
    if (found)
        *ret_rows = strtoll(found + sizeof label - 1, NULL, 10);
    else
        rc = rh_fail(error, RH_PROTOCOL, "EXPLAIN gave no number of rows");
out:
    PQclear(result);
    rh_pg_leave(conn);
    return rc;
}
