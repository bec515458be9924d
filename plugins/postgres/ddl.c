/*
 * See ddl.h. A dry run executes the changes and rolls them back, so that it finds what the server
 * would refuse; it takes the same locks for that moment.
 */
#include "ddl.h"

#include "dialect.h"

#include <string.h>

static const struct rh_ddl_change *change_at(const struct rh_ddl_change *changes, uint32_t stride,
                                             uint32_t i)
{
    return (const struct rh_ddl_change *)(const void *)((const char *)changes + (size_t)stride * i);
}

static int build_all(struct rh_conn *conn, const struct rh_ddl_change *changes, uint32_t n,
                     uint32_t stride, struct rh_buf *all, struct rh_error *error)
{
    for (uint32_t i = 0; i < n; i++) {
        int rc = RH_OK;
        rh_sql_fini(&conn->sql);
        rh_sql_init(&conn->sql, &rh_pg_dialect, conn);
        rc = rh_sql_ddl(&conn->sql, change_at(changes, stride, i), error);
        if (rc) {
            if (error)
                error->row = i;
            return rc;
        }
        rh_buf_add_text(all, rh_buf_text(&conn->sql.text));
        rh_buf_add_str(all, ";\n");
    }
    return all->failed ? rh_fail(error, RH_RESOURCE, "the changes are too many") : RH_OK;
}

static int execute_all(struct rh_conn *conn, const struct rh_op *op,
                       const struct rh_ddl_change *changes, uint32_t n, uint32_t stride,
                       struct rh_error *error)
{
    for (uint32_t i = 0; i < n; i++) {
        int rc = RH_OK;
        rh_sql_fini(&conn->sql);
        rh_sql_init(&conn->sql, &rh_pg_dialect, conn);
        rc = rh_sql_ddl(&conn->sql, change_at(changes, stride, i), error);
        if (!rc)
            rc = rh_pg_command(conn, op, rh_sql_string(&conn->sql), error);
        if (rc) {
            if (error)
                error->row = i;
            return rc;
        }
    }
    return RH_OK;
}

static int copy_text(struct rh_conn *conn, const struct rh_op *op, const struct rh_buf *all,
                     struct rh_text *ret_native, struct rh_error *error)
{
    char *copy = conn->host->alloc(op->arena, all->len + 1);

    if (!copy)
        return rh_fail_nomem(error);
    if (all->len)
        memcpy(copy, all->data, all->len);
    *ret_native = rh_text_make(copy, all->len);
    return RH_OK;
}

static int end(struct rh_conn *conn, const struct rh_op *op, bool nested, bool keep,
               struct rh_error *error)
{
    struct rh_op last = *op;

    if (!keep) { /* the deadline may have passed: a little time for the way back */
        last.deadline_us = conn->host->now_us(conn->host) + 2000000;
        last.cancel_fd = -1;
    }
    if (nested)
        return rh_pg_command(conn, &last,
                             keep ? "RELEASE SAVEPOINT rh_ddl"
                                  : "ROLLBACK TO SAVEPOINT rh_ddl;RELEASE SAVEPOINT rh_ddl",
                             error);
    return rh_pg_command(conn, &last, keep ? "COMMIT" : "ROLLBACK", error);
}

static int32_t apply(struct rh_conn *conn, const struct rh_op *op,
                     const struct rh_ddl_change *changes, uint32_t n_changes, uint32_t stride,
                     uint32_t flags, struct rh_text *ret_native, struct rh_error *error)
{
    bool dry_run = (flags & RH_DDL_DRY_RUN) != 0;
    bool nested = false;
    struct rh_buf all;
    int rc = rh_pg_enter(conn, op, error);

    rh_buf_init(&all, RH_SQL_MAX_BYTES);
    if (!rc && (flags & ~RH_DDL_DRY_RUN))
        rc = rh_fail(error, RH_UNSUPPORTED, "unknown flag of a change: %#x", flags);
    if (!rc && (op->flags & RH_OP_READ_ONLY) && !dry_run)
        rc = rh_fail(error, RH_PERMISSION, "the operation is read-only");
    if (!rc)
        rc = build_all(conn, changes, n_changes, stride, &all, error);
    if (!rc)
        rc = copy_text(conn, op, &all, ret_native, error);
    if (rc)
        goto out;
    nested = PQtransactionStatus(conn->pg) == PQTRANS_INTRANS;
    rc = rh_pg_command(conn, op, nested ? "SAVEPOINT rh_ddl" : "BEGIN", error);
    if (rc)
        goto out;
    rc = execute_all(conn, op, changes, n_changes, stride, error);
    if (!conn->broken) {
        struct rh_error ignored = RH_ERROR_INIT;
        bool keep = !rc && !dry_run;
        int ended = end(conn, op, nested, keep, keep ? error : &ignored);
        if (ended && keep && conn->broken) {
            rh_error_clear(error);
            ended = rh_fail(error, RH_UNKNOWN_OUTCOME,
                            "the server did not confirm that the changes were committed");
        }
        if (ended && !keep && !nested)
            conn->broken = true;
        rc = rc ? rc : keep ? ended : RH_OK;
    }
out:
    rh_buf_free(&all);
    rh_pg_leave(conn);
    return rc;
}

const struct rh_ddl rh_pg_ddl = {
    .struct_size = sizeof(struct rh_ddl),
    .apply = apply,
};
