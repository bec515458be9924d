/*
 * COPY … FROM STDIN BINARY (manual, "COPY", binary format): the fast way in for many rows.
 */
#include "dialect.h"
#include "encode.h"
#include "oid.h"
#include "write.h"

#include <stdlib.h>

#define SEND_BYTES (64u * 1024)
#define FLUSH_BYTES (512u * 1024)

static const char signature[] = "PGCOPY\n\377\r\n"; /* 11 bytes with the NUL, which is part of it */

/* The type whose binary form COPY expects for the column; 0 when there is none here. */
static unsigned copy_oid(const struct rh_column *column)
{
    unsigned oid = column->native_id;

    if (column->n_options)
        return PG_OID_TEXT; /* enum_recv takes the label */
    return rh_pg_is_binary(oid) ? oid : 0;
}

/* A text for a column of another type has to be parsed by the server, which COPY BINARY won't. */
static bool cell_suits(unsigned oid, const struct rh_value *cell)
{
    bool text_column =
        oid == PG_OID_TEXT || oid == PG_OID_VARCHAR || oid == PG_OID_BPCHAR || oid == PG_OID_NAME;

    return cell->type != RH_TYPE_TEXT || text_column;
}

bool rh_pg_copy_suits(const struct rh_write_spec *spec)
{
    uint32_t given = 0;

    for (uint32_t col = 0; col < spec->n_columns; col++) {
        unsigned oid = copy_oid(rh_pg_spec_column(spec, col));
        bool missing = spec->cells[col].type == RH_TYPE_MISSING;
        given += !missing;
        if (!missing && !oid)
            return false;
        for (uint64_t row = 0; row < spec->n_rows; row++) {
            const struct rh_value *cell = &spec->cells[row * spec->n_columns + col];
            if ((cell->type == RH_TYPE_MISSING) != missing || (!missing && !cell_suits(oid, cell)))
                return false;
        }
    }
    return given > 0;
}

static int build(struct rh_conn *conn, const struct rh_write_spec *spec, uint32_t *ret_columns,
                 struct rh_error *error)
{
    struct rh_sql *sql = &conn->sql;
    uint32_t n = 0;

    rh_sql_fini(sql);
    rh_sql_init(sql, &rh_pg_dialect, conn);
    rh_sql_add(sql, "COPY ");
    rh_sql_table(sql, spec->schema, spec->table);
    for (uint32_t i = 0; i < spec->n_columns; i++) {
        if (spec->cells[i].type == RH_TYPE_MISSING)
            continue;
        rh_sql_add(sql, n++ ? ", " : " (");
        rh_sql_identifier(sql, rh_pg_spec_column(spec, i)->name);
    }
    rh_sql_add(sql, ") FROM STDIN (FORMAT binary)");
    *ret_columns = n;
    return rh_sql_check(sql, error);
}

static int start(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    PGresult *result = NULL;
    bool copying = false;
    int rc = RH_OK;

    if (!PQsendQuery(conn->pg, rh_sql_string(&conn->sql)))
        return rh_pg_lost(conn, error);
    rc = rh_pg_next_result(conn, op, &result, error);
    if (rc)
        return rc;
    copying = PQresultStatus(result) == PGRES_COPY_IN;
    if (!copying)
        rc = rh_pg_fail_result(result, error);
    PQclear(result);
    if (!copying) /* takes in the end of the statement */
        (void)rh_pg_finish_statement(conn, op, NULL, &(struct rh_error)RH_ERROR_INIT);
    return rc;
}

static int add_row(struct rh_buf *to, const struct rh_write_spec *spec, uint64_t row, uint32_t n,
                   struct rh_error *error)
{
    const struct rh_value *cells = &spec->cells[row * spec->n_columns];
    char number[4];

    rh_pg_put_u16(number, (uint16_t)n);
    rh_buf_add(to, number, 2);
    for (uint32_t i = 0; i < spec->n_columns; i++) {
        size_t start_at = to->len;
        int rc = RH_OK;
        if (cells[i].type == RH_TYPE_MISSING)
            continue;
        rh_pg_put_u32(number, UINT32_MAX);
        rh_buf_add(to, number, 4);
        if (cells[i].type == RH_TYPE_NULL)
            continue;
        rc = rh_pg_check_cell(rh_pg_spec_column(spec, i), &cells[i], error);
        if (!rc)
            rc = rh_pg_encode(to, copy_oid(rh_pg_spec_column(spec, i)), &cells[i], error);
        if (rc) {
            if (error)
                error->row = row;
            return rh_pg_blame_column(rh_pg_spec_column(spec, i), error);
        }
        if (to->len - start_at - 4 > INT32_MAX)
            return rh_fail(error, RH_DATA, "a value is larger than 1 GiB");
        rh_pg_put_u32(to->data + start_at, (uint32_t)(to->len - start_at - 4));
    }
    return to->failed ? rh_fail_nomem(error) : RH_OK;
}

static int put(struct rh_conn *conn, const struct rh_op *op, struct rh_buf *from, size_t *unflushed,
               struct rh_error *error)
{
    for (;;) {
        int put = PQputCopyData(conn->pg, from->data, (int)from->len);
        int rc = RH_OK;
        if (put < 0)
            return rh_pg_lost(conn, error);
        *unflushed += from->len;
        if (put == 0 || *unflushed >= FLUSH_BYTES) {
            rc = rh_pg_flush(conn, op, error);
            *unflushed = 0;
        }
        if (rc || put)
            return rc;
    }
}

/* Ends the COPY so that nothing of it is kept; the session stays usable. */
static void give_up(struct rh_conn *conn, const struct rh_op *op)
{
    struct rh_error ignored = RH_ERROR_INIT;

    if (conn->broken || PQputCopyEnd(conn->pg, "the client gave up") < 0)
        return;
    (void)rh_pg_finish_statement(conn, op, NULL, &ignored);
}

int rh_pg_copy(struct rh_conn *conn, const struct rh_op *op, const struct rh_write_spec *spec,
               uint64_t *ret_affected, struct rh_error *error)
{
    PGresult *result = NULL;
    struct rh_buf buf;
    size_t unflushed = 0;
    uint32_t n_columns = 0;
    int rc = build(conn, spec, &n_columns, error);
    bool copying = false;

    rh_buf_init(&buf, INT32_MAX);
    if (!rc && n_columns > INT16_MAX)
        rc = rh_fail(error, RH_INVALID, "too many columns");
    if (!rc)
        rc = start(conn, op, error);
    if (rc)
        goto out;
    copying = true;
    rh_buf_add(&buf, signature, 11);
    rh_buf_add(&buf, "\0\0\0\0\0\0\0\0", 8); /* flags, length of the header's extension */
    for (uint64_t row = 0; !rc && row < spec->n_rows; row++) {
        rc = add_row(&buf, spec, row, n_columns, error);
        if (!rc && buf.len >= SEND_BYTES) {
            rc = put(conn, op, &buf, &unflushed, error);
            rh_buf_clear(&buf);
        }
    }
    rh_buf_add(&buf, "\377\377", 2);
    if (!rc)
        rc = put(conn, op, &buf, &unflushed, error);
    if (rc)
        goto out;
    if (PQputCopyEnd(conn->pg, NULL) < 0) {
        rc = rh_pg_lost(conn, error);
        goto out;
    }
    copying = false;
    rc = rh_pg_finish_statement(conn, op, &result, error);
    if (!rc)
        *ret_affected = strtoull(PQcmdTuples(result), NULL, 10);
out:
    if (copying && PQtransactionStatus(conn->pg) == PQTRANS_ACTIVE)
        give_up(conn, op);
    PQclear(result);
    rh_buf_free(&buf);
    return rc;
}
