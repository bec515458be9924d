/*
 * See ddl.h. Where tables are made within transactions, a dry run executes the changes and rolls
 * them back; elsewhere it only writes them down, and changes are made in order until one fails.
 */
#include "ddl.h"

#include "connection.h"
#include "read.h"

#include <stdlib.h>
#include <string.h>

static const struct rh_ddl_change *change_at(const struct rh_ddl_change *changes, uint32_t stride,
                                             uint32_t i)
{
    return (const struct rh_ddl_change *)(const void *)((const char *)changes + (size_t)stride * i);
}

static bool is_keyed(const struct rh_table *table, uint32_t column)
{
    for (uint32_t i = 0; i < table->n_key; i++) {
        if (table->key[i] == column)
            return true;
    }
    for (uint32_t i = 0; i < table->n_indexes; i++) {
        const struct rh_index *index =
            (const struct rh_index *)(const void *)((const char *)table->indexes +
                                                    (size_t)table->index_stride * i);
        for (uint32_t k = 0; k < index->n_columns; k++) {
            if (index->columns[k] == column)
                return true;
        }
    }
    return false;
}

/* A table to be made, with a limit for the texts that are keys: long ones cannot be indexed there.
 * The copy's columns are owned by the caller. */
static int limit_keys(const struct rh_conn *conn, const struct rh_table *table,
                      struct rh_table *ret_table, struct rh_column **ret_columns,
                      struct rh_error *error)
{
    struct rh_column *columns = calloc((size_t)table->n_columns + 1, sizeof *columns);

    if (!columns)
        return rh_fail_nomem(error);
    for (uint32_t i = 0; i < table->n_columns; i++) {
        columns[i] = *rh_sql_column_at(table->columns, table->column_stride, i);
        if (columns[i].type == RH_TYPE_TEXT && !columns[i].max_length &&
            !columns[i].native_type.len && is_keyed(table, i))
            columns[i].max_length = conn->dialect->key_length;
    }
    *ret_table = *table;
    ret_table->columns = columns;
    ret_table->column_stride = sizeof *columns;
    *ret_columns = columns;
    return RH_OK;
}

/* Writes change i into conn->sql. */
static int build(struct rh_conn *conn, const struct rh_ddl_change *changes, uint32_t stride,
                 uint32_t i, struct rh_error *error)
{
    struct rh_ddl_change change = *change_at(changes, stride, i);
    struct rh_column *columns = NULL;
    struct rh_table table;
    int rc = RH_OK;

    if (change.kind == RH_DDL_CREATE_TABLE && change.table && conn->dialect->key_length) {
        rc = limit_keys(conn, change.table, &table, &columns, error);
        change.table = &table;
    }
    rh_sql_fini(&conn->sql);
    rh_sql_init(&conn->sql, &conn->sql_dialect, &conn->traits);
    if (!rc)
        rc = rh_sql_ddl(&conn->sql, &change, error);
    free(columns);
    if (rc && error)
        error->row = i;
    return rc;
}

static int write_down(struct rh_conn *conn, const struct rh_op *op,
                      const struct rh_ddl_change *changes, uint32_t n, uint32_t stride,
                      struct rh_text *ret_native, struct rh_error *error)
{
    struct rh_buf all;
    char *copy = NULL;
    int rc = RH_OK;

    rh_buf_init(&all, RH_SQL_MAX_BYTES);
    for (uint32_t i = 0; i < n && !rc; i++) {
        rc = build(conn, changes, stride, i, error);
        rh_buf_add_text(&all, rh_buf_text(&conn->sql.text));
        rh_buf_add_str(&all, ";\n");
    }
    if (!rc && all.failed)
        rc = rh_fail(error, RH_RESOURCE, "the changes are too many");
    if (!rc) {
        copy = conn->host->alloc(op->arena, all.len + 1);
        if (!copy)
            rc = rh_fail_nomem(error);
    }
    if (!rc) {
        if (all.len)
            memcpy(copy, all.data, all.len);
        *ret_native = rh_text_make(copy, all.len);
    }
    rh_buf_free(&all);
    return rc;
}

/* The end of the statement at hand: a change may be several, parted by ";\n". Names and literals
 * are in quotes, which are doubled inside. NULL: the last one. */
static char *end_of_statement(char *text, char open, char close)
{
    char quote = '\0';

    for (char *at = text; *at; at++) {
        if (quote) {
            quote = *at == quote ? '\0' : quote;
        } else if (*at == '\'' || *at == open) {
            quote = *at == open ? close : '\'';
        } else if (at[0] == ';' && at[1] == '\n') {
            return at;
        }
    }
    return NULL;
}

static int execute(struct rh_conn *conn, struct rh_error *error)
{
    const struct rh_sql_dialect *dialect = &conn->dialect->sql;
    char *text = strdup(rh_sql_string(&conn->sql));
    char *rest = text;
    int rc = text ? RH_OK : rh_fail_nomem(error);

    while (!rc && rest) {
        char *end = end_of_statement(rest, dialect->quote_open, dialect->quote_close);
        if (end)
            *end = '\0';
        rc = rh_odbc_command(conn, rest, error);
        rest = end ? end + 2 : NULL;
    }
    free(text);
    return rc;
}

static int execute_all(struct rh_conn *conn, const struct rh_ddl_change *changes, uint32_t n,
                       uint32_t stride, struct rh_error *error)
{
    int rc = RH_OK;

    for (uint32_t i = 0; i < n && !rc; i++) {
        rc = build(conn, changes, stride, i, error);
        if (!rc)
            rc = execute(conn, error);
        if (rc && error)
            error->row = i;
    }
    rh_odbc_forget_statements(conn);
    return rc;
}

/* Within a transaction, to be kept or not. */
static int apply_together(struct rh_conn *conn, const struct rh_ddl_change *changes, uint32_t n,
                          uint32_t stride, bool dry_run, struct rh_error *error)
{
    struct rh_odbc_scope scope;
    struct rh_error own = RH_ERROR_INIT;
    int rc = rh_odbc_scope_open(conn, &scope, error);

    if (rc)
        return rc;
    rc = execute_all(conn, changes, n, stride, &own);
    if (dry_run) { /* undone in any case */
        (void)rh_odbc_scope_close(conn, &scope, RH_CANCELLED, NULL);
    } else {
        rc = rh_odbc_scope_close(conn, &scope, rc, &own);
    }
    if (rc && error && !error->error_class)
        *error = own;
    return rc;
}

static int32_t apply(struct rh_conn *conn, const struct rh_op *op,
                     const struct rh_ddl_change *changes, uint32_t n_changes, uint32_t stride,
                     uint32_t flags, struct rh_text *ret_native, struct rh_error *error)
{
    bool dry_run = (flags & RH_DDL_DRY_RUN) != 0;
    int rc = rh_odbc_enter_free(conn, op, error);

    if (!rc && (flags & ~RH_DDL_DRY_RUN))
        rc = rh_fail(error, RH_UNSUPPORTED, "unknown flag of a change: %#x", flags);
    if (!rc && !dry_run && ((op->flags & RH_OP_READ_ONLY) || conn->read_only))
        rc = rh_fail(error, RH_PERMISSION, "the operation is read-only");
    if (!rc)
        rc = write_down(conn, op, changes, n_changes, stride, ret_native, error);
    if (rc)
        goto out;
    rh_odbc_use_slices(conn, false);
    if (conn->dialect->tx_ddl && conn->has_tx && (!dry_run || !conn->read_only))
        rc = apply_together(conn, changes, n_changes, stride, dry_run, error);
    else if (!dry_run && conn->in_tx)
        rc = rh_fail(error, RH_UNSUPPORTED,
                     "this database would commit the transaction with a change of tables");
    else if (!dry_run)
        rc = execute_all(conn, changes, n_changes, stride, error);
out:
    rh_odbc_leave(conn);
    return rc;
}

const struct rh_ddl rh_odbc_ddl = {
    .struct_size = sizeof(struct rh_ddl),
    .apply = apply,
};
