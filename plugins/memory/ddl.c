/*
 * Making and changing tables. In order, until one change fails; never within a transaction, so the
 * undo log never meets a table of another shape.
 *
 * A change of the columns rewrites the rows into a new list. Cursors go on with the old one.
 */
#include "memory.h"

#include "connector/kit.h"

#include <stdlib.h>
#include <string.h>

#define NATIVE_MAX (1u << 20) /* bytes of the description */

/* ---- Columns ----------------------------------------------------------------------------- */

/* Columns and rows that are to take the place of a table's. */
struct shape {
    struct mem_column *columns;
    uint32_t n_columns;
    struct mem_rows *rows;
    struct rh_map index;
};

/* Fills shape->rows: column i of a new row is column from[i] of the old one, or the default. */
static int rewrite(const struct mem_table *table, const uint32_t *from, struct shape *shape,
                   struct rh_error *error)
{
    struct rh_value *cells = calloc(shape->n_columns, sizeof *cells);
    int rc = RH_OK;
    shape->rows = mem_rows_new();
    if (!cells || !shape->rows) {
        free(cells);
        return rh_fail_nomem(error);
    }
    for (uint64_t r = 0; rc == RH_OK && r < table->rows->n; r++) {
        const struct mem_row *old = table->rows->items[r];
        if (!old)
            continue;
        for (uint32_t i = 0; i < shape->n_columns && rc == RH_OK; i++) {
            if (from[i] != RH_NO_COLUMN) {
                cells[i] = old->cells[from[i]];
                continue;
            }
            rc = mem_column_default(&shape->columns[i], &cells[i], error);
            if (rc == RH_OK)
                rc = mem_column_check(&shape->columns[i], &cells[i], error);
        }
        if (rc)
            break;
        struct mem_row *row = mem_row_new(cells, shape->n_columns, old->key);
        if (!row || !mem_rows_push(shape->rows, row)) {
            mem_row_unref(row);
            rc = rh_fail_nomem(error);
        } else if (table->n_key && !rh_map_put(&shape->index, row->key, row, NULL)) {
            rc = rh_fail_nomem(error);
        }
    }
    free(cells);
    return rc;
}

static void adopt(struct rh_conn *conn, struct mem_table *table, struct shape *shape)
{
    mem_rows_unref(table->rows);
    rh_map_free(&table->index);
    free(table->columns);
    table->rows = shape->rows;
    table->index = shape->index;
    table->columns = shape->columns;
    table->n_columns = shape->n_columns;
    table->layout = ++conn->database->last_layout;
}

static void drop_shape(struct shape *shape)
{
    mem_rows_unref(shape->rows);
    rh_map_free(&shape->index);
    free(shape->columns);
}

static int add_column(struct rh_conn *conn, struct mem_table *table,
                      const struct rh_ddl_change *change, struct rh_error *error)
{
    uint32_t n = table->n_columns;
    struct shape shape = {.n_columns = n + 1};
    struct mem_column added;
    if (mem_table_column(table, change->column->name) != RH_NO_COLUMN)
        return rh_fail(error, RH_EXISTS, "table \"%s\" has a column \"%.*s\"", table->name,
                       RH_TEXT_ARG(change->column->name));
    int rc = mem_column_init(&added, change->column, error);
    if (rc)
        return rc;
    uint32_t *from = calloc(n + 1, sizeof *from);
    shape.columns = calloc(n + 1, sizeof *shape.columns);
    if (!from || !shape.columns) {
        rc = rh_fail_nomem(error);
    } else {
        memcpy(shape.columns, table->columns, n * sizeof *table->columns);
        shape.columns[n] = added;
        for (uint32_t i = 0; i < n; i++)
            from[i] = i;
        from[n] = RH_NO_COLUMN;
        rc = rewrite(table, from, &shape, error);
    }
    if (rc == RH_OK) {
        adopt(conn, table, &shape);
    } else {
        drop_shape(&shape);
        mem_column_fini(&added);
    }
    free(from);
    return rc;
}

static int drop_column(struct rh_conn *conn, struct mem_table *table, uint32_t position,
                       struct rh_error *error)
{
    uint32_t n = table->n_columns - 1;
    struct shape shape = {.n_columns = n};
    for (uint32_t i = 0; i < table->n_key; i++) {
        if (table->key[i] == position)
            return rh_fail(error, RH_INVALID, "column \"%s\" is part of the key",
                           table->columns[position].name);
    }
    if (n == 0)
        return rh_fail(error, RH_INVALID, "column \"%s\" is the only one of its table",
                       table->columns[position].name);
    uint32_t *from = calloc(n, sizeof *from);
    shape.columns = calloc(n, sizeof *shape.columns);
    int rc = RH_OK;
    if (!from || !shape.columns) {
        rc = rh_fail_nomem(error);
    } else {
        for (uint32_t i = 0; i < n; i++) {
            from[i] = i < position ? i : i + 1;
            shape.columns[i] = table->columns[from[i]];
        }
        rc = rewrite(table, from, &shape, error);
    }
    if (rc == RH_OK) {
        mem_column_fini(&table->columns[position]);
        adopt(conn, table, &shape);
        for (uint32_t i = 0; i < table->n_key; i++)
            table->key[i] -= table->key[i] > position;
    } else {
        drop_shape(&shape);
    }
    free(from);
    return rc;
}

static int rename_column(struct rh_conn *conn, struct mem_table *table, uint32_t position,
                         struct rh_text new_name, struct rh_error *error)
{
    uint32_t other = mem_table_column(table, new_name);
    if (other != RH_NO_COLUMN && other != position)
        return rh_fail(error, RH_EXISTS, "table \"%s\" has a column \"%.*s\"", table->name,
                       RH_TEXT_ARG(new_name));
    int rc = mem_column_rename(&table->columns[position], new_name, error);
    if (rc == RH_OK)
        table->layout = ++conn->database->last_layout;
    return rc;
}

/* ---- Tables ------------------------------------------------------------------------------ */

static int fail_exists(struct rh_text name, struct rh_error *error)
{
    return rh_fail(error, RH_EXISTS, "there is a table \"%.*s\" already", RH_TEXT_ARG(name));
}

static int create_table(struct rh_conn *conn, const struct rh_table *described,
                        struct rh_error *error)
{
    struct mem_database *database = conn->database;
    struct mem_table *table, **last = &database->tables;
    if (described->schema.len)
        return rh_fail(error, RH_UNSUPPORTED, "the memory connector has no schemas");
    if (mem_database_table_locked(database, described->name))
        return fail_exists(described->name, error);
    int rc = mem_table_new(described, &table, error);
    if (rc)
        return rc;
    table->layout = ++database->last_layout;
    while (*last)
        last = &(*last)->next;
    *last = table;
    return RH_OK;
}

static void drop_table(struct mem_database *database, struct mem_table *table)
{
    struct mem_table **at = &database->tables;
    while (*at != table)
        at = &(*at)->next;
    *at = table->next;
    mem_table_free(table);
}

static int rename_table(struct rh_conn *conn, struct mem_table *table, struct rh_text new_name,
                        struct rh_error *error)
{
    const struct mem_table *other = mem_database_table_locked(conn->database, new_name);
    int rc = mem_name_check(new_name, error);
    if (rc)
        return rc;
    if (other && other != table)
        return fail_exists(new_name, error);
    char *name = strndup(new_name.data, new_name.len);
    if (!name)
        return rh_fail_nomem(error);
    free(table->name);
    table->name = name;
    return RH_OK;
}

static int apply_locked(struct rh_conn *conn, const struct rh_ddl_change *change,
                        struct rh_error *error)
{
    struct mem_table *table;
    uint32_t position = RH_NO_COLUMN;
    if (change->kind == RH_DDL_CREATE_TABLE)
        return create_table(conn, change->table, error);
    int rc = mem_database_find_locked(conn->database, change->table->schema, change->table->name,
                                      &table, error);
    if (rc == RH_OK && (change->kind == RH_DDL_DROP_COLUMN || change->kind == RH_DDL_RENAME_COLUMN))
        rc = mem_table_find_column(table, change->column->name, &position, error);
    if (rc)
        return rc;
    switch (change->kind) {
    case RH_DDL_DROP_TABLE:
        drop_table(conn->database, table);
        return RH_OK;
    case RH_DDL_RENAME_TABLE:
        return rename_table(conn, table, change->new_name, error);
    case RH_DDL_ADD_COLUMN:
        return add_column(conn, table, change, error);
    case RH_DDL_DROP_COLUMN:
        return drop_column(conn, table, position, error);
    default:
        return rename_column(conn, table, position, change->new_name, error);
    }
}

/* ---- The call ---------------------------------------------------------------------------- */

static const struct rh_ddl_change *change_at(const struct rh_ddl_change *changes, uint32_t stride,
                                             uint32_t i)
{
    const char *at = (const char *)changes + (size_t)i * stride;
    return (const struct rh_ddl_change *)(const void *)at;
}

static int check_change(const struct rh_ddl_change *change, struct rh_error *error)
{
    bool with_column = change->kind == RH_DDL_ADD_COLUMN || change->kind == RH_DDL_DROP_COLUMN ||
                       change->kind == RH_DDL_RENAME_COLUMN;
    if (change->kind < RH_DDL_CREATE_TABLE || change->kind > RH_DDL_RENAME_COLUMN)
        return rh_fail(error, RH_UNSUPPORTED,
                       "the memory connector alters no columns and has no indexes");
    if (!change->table || (with_column && !change->column))
        return rh_fail(error, RH_INVALID, "the change names no table or column");
    return RH_OK;
}

/* One line: there is no native language, so it is told in words. */
static void tell(struct rh_buf *buf, const struct rh_ddl_change *change)
{
    static const char *const verbs[] = {
        [RH_DDL_CREATE_TABLE] = "create table", [RH_DDL_DROP_TABLE] = "drop table",
        [RH_DDL_RENAME_TABLE] = "rename table", [RH_DDL_ADD_COLUMN] = "add column",
        [RH_DDL_DROP_COLUMN] = "drop column",   [RH_DDL_RENAME_COLUMN] = "rename column",
    };
    rh_buf_add_str(buf, verbs[change->kind]);
    rh_buf_add_char(buf, ' ');
    rh_buf_add_text(buf, change->table->name);
    if (change->kind >= RH_DDL_ADD_COLUMN) {
        rh_buf_add_char(buf, '.');
        rh_buf_add_text(buf, change->column->name);
    }
    if (change->kind == RH_DDL_RENAME_TABLE || change->kind == RH_DDL_RENAME_COLUMN) {
        rh_buf_add_str(buf, " to ");
        rh_buf_add_text(buf, change->new_name);
    }
    rh_buf_add_char(buf, '\n');
}

static int tell_all(struct rh_conn *conn, const struct rh_op *op,
                    const struct rh_ddl_change *changes, uint32_t n_changes, uint32_t stride,
                    struct rh_text *ret_native, struct rh_error *error)
{
    struct rh_buf buf;
    rh_buf_init(&buf, NATIVE_MAX);
    for (uint32_t i = 0; i < n_changes; i++)
        tell(&buf, change_at(changes, stride, i));
    char *copy = buf.failed ? NULL : conn->host->alloc(op->arena, buf.len + 1);
    if (copy) {
        if (buf.len)
            memcpy(copy, buf.data, buf.len);
        *ret_native = rh_text_make(copy, buf.len);
    }
    rh_buf_free(&buf);
    return copy ? RH_OK : rh_fail_nomem(error);
}

int32_t mem_ddl_apply(struct rh_conn *conn, const struct rh_op *op,
                      const struct rh_ddl_change *changes, uint32_t n_changes, uint32_t stride,
                      uint32_t flags, struct rh_text *ret_native, struct rh_error *error)
{
    int rc = RH_OK;
    uint32_t i;
    mem_call(conn);
    if (conn->in_tx)
        return rh_fail(error, RH_UNSUPPORTED, "tables are not changed within a transaction");
    for (i = 0; i < n_changes && rc == RH_OK; i++)
        rc = check_change(change_at(changes, stride, i), error);
    if (rc == RH_OK && ret_native)
        rc = tell_all(conn, op, changes, n_changes, stride, ret_native, error);
    if (rc || (flags & RH_DDL_DRY_RUN))
        return rc;
    pthread_mutex_lock(&conn->database->lock);
    rc = mem_tx_begin_write_locked(conn, op, error);
    if (rc == RH_OK) {
        for (i = 0; i < n_changes && rc == RH_OK; i++)
            rc = apply_locked(conn, change_at(changes, stride, i), error);
        if (rc && error)
            error->row = i - 1;
        mem_tx_end_write_locked(conn);
    }
    pthread_mutex_unlock(&conn->database->lock);
    return rc;
}
