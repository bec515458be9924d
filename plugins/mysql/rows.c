/*
 * See rows.h. The library hands each cell to `take` where it lies in its network buffer, and trusts the
 * lengths that stand there; we do not, and stay within that buffer.
 */
#include "rows.h"

#include <stdlib.h>
#include <string.h>

/* ---- life ---- */

struct rh_my_rows *rh_my_rows_new(struct rh_conn *conn, uint32_t n_cols, size_t max_bytes)
{
    struct rh_my_rows *rows = calloc(1, sizeof *rows);

    if (!rows)
        return NULL;
    rows->conn = conn;
    rh_rowset_init(&rows->set, n_cols, max_bytes);
    rows->columns = calloc((size_t)n_cols + 1, sizeof *rows->columns);
    if (!rows->columns) {
        rh_my_rows_free(rows);
        return NULL;
    }
    return rows;
}

void rh_my_rows_free(struct rh_my_rows *rows)
{
    if (!rows)
        return;
    rh_my_bytes_free(&rows->decoder.bytes);
    rh_rowset_fini(&rows->set);
    free(rows->columns);
    free(rows);
}

/* ---- batches ---- */

void rh_my_rows_clear(struct rh_my_rows *rows, uint64_t max_rows)
{
    rh_rowset_clear(&rows->set, max_rows);
    rh_my_bytes_clear(&rows->decoder.bytes);
}

/* No cell is filled by rh_rowset_bytes, so there is nothing to be finished in rh_rowset_batch. */
int rh_my_rows_batch(struct rh_my_rows *rows, struct rh_batch *ret_batch, struct rh_error *error)
{
    if (rows->set.failed)
        return rh_fail_nomem(error);
    ret_batch->n_cols = rows->set.n_cols;
    ret_batch->n_rows = rows->set.n_rows;
    ret_batch->cells = rows->set.cells;
    return rows->set.n_rows ? RH_OK : RH_END;
}

/* Called by the library for each cell: *at is where it lies, and is moved behind it; at is NULL for
 * NULL. */
static void take(void *data, unsigned i, unsigned char **at)
{
    struct rh_my_rows *rows = data;
    const struct rh_my_column *column = NULL;
    const unsigned char *behind = NULL;

    if (i >= rows->set.n_cols || rows->malformed)
        return;
    if (i == 0)
        rows->row_end = rows->conn->my->net.buff_end;
    if (!at) {
        rows->row[i].type = RH_TYPE_NULL;
        return;
    }
    column = &rows->columns[i];
    if (*at <= rows->row_end)
        behind = column->decode(&rows->decoder, column, &rows->row[i], *at, rows->row_end);
    if (behind)
        *at += behind - *at;
    else
        rows->malformed = true;
}

/* ---- results ---- */

int rh_my_rows_take(struct rh_my_rows *rows, MYSQL_STMT *stmt, struct rh_error *error)
{
    unsigned n = mysql_stmt_field_count(stmt);
    const MYSQL_FIELD *fields = mariadb_stmt_fetch_fields(stmt);
    void *callback = NULL;
    void (*function)(void *, unsigned, unsigned char **) = take;

    if (n == 0 || !fields)
        return rh_fail(error, RH_PROTOCOL, "the server sent no rows");
    rows->stmt = stmt;
    if (rows->set.n_cols && n != rows->set.n_cols)
        return rh_fail(error, RH_PROTOCOL, "the server sent %u columns instead of %u", n,
                       rows->set.n_cols);
    for (unsigned i = 0; i < rows->set.n_cols; i++)
        rh_my_column_choose(&rows->columns[i], &fields[i]);
    memcpy(&callback, &function, sizeof callback);
    if (mysql_stmt_attr_set(stmt, STMT_ATTR_CB_USER_DATA, rows) ||
        mysql_stmt_attr_set(stmt, STMT_ATTR_CB_RESULT, callback))
        return rh_fail(error, RH_INTERNAL, "the library takes no callback");
    return RH_OK;
}

int rh_my_rows_fetch(struct rh_my_rows *rows, struct rh_error *error)
{
    struct rh_conn *conn = rows->conn;
    int rc = RH_OK;

    while (!rc && rows->stmt && rh_rowset_has_room(&rows->set)) {
        uint64_t n_rows = rows->set.n_rows;
        int fetched = 0;
        rows->row = rh_rowset_row(&rows->set);
        if (!rows->row)
            break;
        fetched = mysql_stmt_fetch(rows->stmt);
        if (fetched)
            rows->set.n_rows = n_rows;
        rows->set.n_bytes = rows->decoder.bytes.n;
        rows->set.failed = rows->decoder.bytes.failed;
        if (fetched == MYSQL_NO_DATA) {
            MYSQL_STMT *stmt = rows->stmt;
            rows->stmt = NULL;
            rc = rh_my_drop(conn, stmt, error);
        } else if (fetched && fetched != MYSQL_DATA_TRUNCATED) {
            rc = rh_my_fail(conn, rows->stmt, error);
            rows->stmt = NULL;
        } else if (rows->malformed) {
            conn->broken = true;
            rc = rh_fail(error, RH_PROTOCOL, "the server sent a row that is cut off");
        } else if (!rows->to_the_end) {
            rc = rh_my_check(conn, error); /* a row that came after the end of the operation */
        }
    }
    rows->row = NULL;
    return rc;
}

bool rh_my_rows_abandon(struct rh_my_rows *rows)
{
    MYSQL_STMT *stmt = rows->stmt;

    rows->stmt = NULL;
    if (!stmt || rows->conn->broken)
        return !stmt;
    (void)rh_my_drop(rows->conn, stmt, NULL);
    return mysql_errno(rows->conn->my) != 0 && !rows->conn->broken;
}
