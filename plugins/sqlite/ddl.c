/*
 * Tables made and changed: all changes of a call in one transaction. SQLite cannot change the type
 * of a column in place; that is refused.
 */
#include "ddl.h"

#include "base/err.h"
#include "dialect.h"
#include "error.h"
#include "read.h"
#include "tx.h"

#include <string.h>

#define NATIVE_BYTES (16u << 20)

struct changing {
    struct rh_conn *conn;
    struct rh_buf native; /* all statements so far */
    struct rh_error *error;
};

static const struct rh_ddl_change *change_at(const struct rh_ddl_change *changes, uint32_t stride,
                                             uint32_t i)
{
    return (const struct rh_ddl_change *)(const void *)((const char *)changes + (size_t)stride * i);
}

/* Runs the statements of one change, one after the other. */
static int execute(struct changing *changing, struct rh_text text)
{
    struct rh_conn *conn = changing->conn;
    const char *at = text.data, *end = text.data + text.len;

    while (at < end) {
        sqlite3_stmt *stmt = NULL;
        int code = sqlite3_prepare_v2(conn->db, at, (int)(end - at), &stmt, &at);
        while (stmt && (code == SQLITE_OK || code == SQLITE_ROW))
            code = sqlite3_step(stmt);
        if (code != SQLITE_DONE && code != SQLITE_OK) {
            rh_sqlite_fail(conn, code, changing->error);
            sqlite3_finalize(stmt);
            return changing->error->error_class;
        }
        sqlite3_finalize(stmt);
    }
    return RH_OK;
}

static int apply_one(struct changing *changing, const struct rh_ddl_change *change, bool dry)
{
    struct rh_conn *conn = changing->conn;
    int rc;

    rh_sql_clear(&conn->sql);
    rc = rh_sql_ddl(&conn->sql, change, changing->error);
    if (rc)
        return rc;
    if (changing->native.len)
        rh_buf_add_str(&changing->native, ";\n");
    rh_buf_add_text(&changing->native, rh_buf_text(&conn->sql.text));
    return dry ? RH_OK : execute(changing, rh_buf_text(&conn->sql.text));
}

static int apply_all(struct changing *changing, const struct rh_ddl_change *changes,
                     uint32_t n_changes, uint32_t stride, bool dry)
{
    int rc = RH_OK;

    for (uint32_t i = 0; i < n_changes && rc == RH_OK; i++) {
        rc = apply_one(changing, change_at(changes, stride, i), dry);
        if (rc && changing->error->row == RH_NO_ROW)
            changing->error->row = i;
    }
    if (rc == RH_OK && changing->native.failed)
        rc = rh_fail_nomem(changing->error);
    return rc;
}

static int32_t apply(struct rh_conn *conn, const struct rh_op *op,
                     const struct rh_ddl_change *changes, uint32_t n_changes, uint32_t stride,
                     uint32_t flags, struct rh_text *ret_native, struct rh_error *error)
{
    struct changing changing = {.conn = conn, .error = error};
    bool dry = (flags & RH_DDL_DRY_RUN) != 0;
    int rc = rh_sqlite_begin(conn, op, error);

    if (rc)
        return rc;
    rh_buf_init(&changing.native, NATIVE_BYTES);
    if (!dry)
        rc = rh_sqlite_scope_begin(conn, op, error);
    if (rc == RH_OK) {
        rc = apply_all(&changing, changes, n_changes, stride, dry);
        if (!dry)
            rc = rh_sqlite_scope_end(conn, rc, error);
    }
    if (rc == RH_OK && ret_native)
        rc = rh_sqlite_give_text(conn, op, rh_buf_text(&changing.native), ret_native, error);
    rh_buf_free(&changing.native);
    rh_sqlite_end(conn);
    return rc;
}

const struct rh_ddl rh_sqlite_ddl = {
    .struct_size = sizeof rh_sqlite_ddl,
    .apply = apply,
};
