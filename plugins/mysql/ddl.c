/*
 * See ddl.h. Each change is kept as soon as it is done (the server commits), so changes are done one
 * after the other until one fails, and none inside the host's transaction. A dry run only writes the
 * statements.
 *
 * Text columns that an index, a key or a foreign key is over are made with a collation that compares
 * code points, since keys are told apart by code point everywhere else, and with a length, since
 * LONGTEXT cannot be indexed.
 */
#include "ddl.h"

#include "dialect.h"
#include "read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_LENGTH 255

static const struct rh_ddl_change *change_at(const struct rh_ddl_change *changes, uint32_t stride,
                                             uint32_t i)
{
    return (const struct rh_ddl_change *)(const void *)((const char *)changes + (size_t)stride * i);
}

/* ---- keys over texts ---- */

static bool lists(const uint32_t *columns, uint32_t n, uint32_t column)
{
    for (uint32_t i = 0; i < n; i++) {
        if (columns[i] == column)
            return true;
    }
    return false;
}

static bool is_indexed(const struct rh_table *table, uint32_t column)
{
    bool found = lists(table->key, table->n_key, column);

    for (uint32_t i = 0; i < table->n_indexes && !found; i++) {
        const struct rh_index *index =
            (const struct rh_index *)(const void *)((const char *)table->indexes +
                                                    (size_t)table->index_stride * i);
        found = lists(index->columns, index->n_columns, column);
    }
    for (uint32_t i = 0; i < table->n_foreign_keys && !found; i++) {
        const struct rh_foreign_key *key =
            (const struct rh_foreign_key *)(const void *)((const char *)table->foreign_keys +
                                                          (size_t)table->foreign_key_stride * i);
        found = lists(key->columns, key->n_columns, column);
    }
    return found;
}

/* The server's collation that compares code points and in which blanks count; older ones have but
 * one that pads. */
static int find_collation(struct rh_conn *conn, char ret_name[64], struct rh_error *error)
{
    MYSQL_RES *result = NULL;
    MYSQL_ROW row = NULL;
    int rc = rh_my_check(conn, error);

    if (rc)
        return rc;
    if (mysql_query(conn->my, "SELECT COLLATION_NAME FROM information_schema.COLLATIONS WHERE"
                              " COLLATION_NAME IN ('utf8mb4_nopad_bin', 'utf8mb4_0900_bin')"))
        return rh_my_fail(conn, NULL, error);
    result = mysql_store_result(conn->my);
    row = result ? mysql_fetch_row(result) : NULL;
    (void)snprintf(ret_name, 64, "%s", row && row[0] ? row[0] : "utf8mb4_bin");
    mysql_free_result(result);
    return RH_OK;
}

/* A copy of the table whose indexed columns have types that can be; its memory is the op's. */
static int prepare_table(struct rh_conn *conn, const struct rh_op *op, const struct rh_table *table,
                         struct rh_table *ret_table, struct rh_error *error)
{
    char collation[64];
    struct rh_column *columns =
        conn->host->alloc(op->arena, sizeof *columns * (table->n_columns ? table->n_columns : 1));

    int rc = columns ? find_collation(conn, collation, error) : rh_fail_nomem(error);

    if (rc)
        return rc;
    *ret_table = *table;
    ret_table->columns = columns;
    ret_table->column_stride = sizeof *columns;
    for (uint32_t i = 0; i < table->n_columns; i++) {
        struct rh_column *column = &columns[i];
        char *type = NULL;
        *column = *rh_sql_column_at(table->columns, table->column_stride, i);
        if (column->native_type.len || !is_indexed(table, i))
            continue;
        if (column->type == RH_TYPE_BYTES && !column->max_length)
            column->max_length = KEY_LENGTH;
        if (column->type != RH_TYPE_TEXT)
            continue;
        type = conn->host->alloc(op->arena, 128);
        if (!type)
            return rh_fail_nomem(error);
        (void)snprintf(type, 128, "VARCHAR(%u) COLLATE %s",
                       column->max_length ? column->max_length : KEY_LENGTH, collation);
        column->native_type = rh_text_of(type);
    }
    return RH_OK;
}

static int build(struct rh_conn *conn, const struct rh_op *op, const struct rh_ddl_change *change,
                 struct rh_error *error)
{
    struct rh_ddl_change prepared = *change;
    struct rh_table table;
    int rc = RH_OK;

    if (change->kind == RH_DDL_CREATE_TABLE && change->table) {
        rc = prepare_table(conn, op, change->table, &table, error);
        prepared.table = &table;
    }
    return rc ? rc : rh_sql_ddl(rh_my_sql(conn), &prepared, error);
}

/* ---- applying ---- */

/* A table with its indexes is several statements, parted by ";\n". */
static int execute(struct rh_conn *conn, struct rh_error *error)
{
    char *text = strdup(rh_sql_string(&conn->sql)), *next = text;
    int rc = text ? RH_OK : rh_fail_nomem(error);

    while (!rc && next) {
        char *end = strstr(next, ";\nCREATE ");
        if (end)
            *end = '\0';
        rc = rh_my_command(conn, next, error);
        next = end ? end + 2 : NULL;
    }
    free(text);
    return rc;
}

static int build_all(struct rh_conn *conn, const struct rh_op *op,
                     const struct rh_ddl_change *changes, uint32_t n, uint32_t stride,
                     struct rh_text *ret_native, struct rh_error *error)
{
    struct rh_buf all;
    char *copy = NULL;
    int rc = RH_OK;

    rh_buf_init(&all, RH_SQL_MAX_BYTES);
    for (uint32_t i = 0; i < n && !rc; i++) {
        rc = build(conn, op, change_at(changes, stride, i), error);
        if (rc && error)
            error->row = i;
        rh_buf_add_text(&all, rh_buf_text(&conn->sql.text));
        rh_buf_add_str(&all, ";\n");
    }
    if (!rc && all.failed)
        rc = rh_fail(error, RH_RESOURCE, "the changes are too many");
    if (!rc) {
        copy = conn->host->alloc(op->arena, all.len + 1);
        rc = copy ? RH_OK : rh_fail_nomem(error);
    }
    if (!rc) {
        if (all.len)
            memcpy(copy, all.data, all.len);
        *ret_native = rh_text_make(copy, all.len);
    }
    rh_buf_free(&all);
    return rc;
}

static int32_t apply(struct rh_conn *conn, const struct rh_op *op,
                     const struct rh_ddl_change *changes, uint32_t n_changes, uint32_t stride,
                     uint32_t flags, struct rh_text *ret_native, struct rh_error *error)
{
    bool dry_run = (flags & RH_DDL_DRY_RUN) != 0;
    int rc = rh_my_enter(conn, op, error);

    if (!rc && (flags & ~RH_DDL_DRY_RUN))
        rc = rh_fail(error, RH_UNSUPPORTED, "unknown flag of a change: %#x", flags);
    if (!rc && (op->flags & RH_OP_READ_ONLY) && !dry_run)
        rc = rh_fail(error, RH_PERMISSION, "the operation is read-only");
    if (!rc && conn->in_tx && !dry_run)
        rc =
            rh_fail(error, RH_UNSUPPORTED, "this server cannot change tables inside a transaction");
    if (!rc)
        rc = build_all(conn, op, changes, n_changes, stride, ret_native, error);
    for (uint32_t i = 0; i < n_changes && !rc && !dry_run; i++) {
        rc = build(conn, op, change_at(changes, stride, i), error);
        if (!rc)
            rc = execute(conn, error);
        if (rc && error)
            error->row = i;
        if (rc && conn->broken &&
            (rc == RH_UNAVAILABLE || rc == RH_TIMEOUT || rc == RH_CANCELLED)) {
            rh_error_clear(error);
            rc = rh_fail(error, RH_UNKNOWN_OUTCOME,
                         "the server did not confirm that the change was made");
            if (error)
                error->row = i;
        }
    }
    rh_my_leave(conn);
    return rc;
}

const struct rh_ddl rh_my_ddl = {
    .struct_size = sizeof(struct rh_ddl),
    .apply = apply,
};
