/*
 * Reading written rows again, and what that needs to know of the table.
 */
#include "write.h"

#include "read.h"
#include "returned.h"
#include "type.h"

/* ---- unique indexes ---- */

static struct rh_text text_at(const struct rh_batch *batch, uint64_t row, uint32_t col)
{
    return rh_kit_value_text(&batch->cells[row * batch->n_cols + col]);
}

static int group_uniques(const struct rh_batch *batch, struct rh_my_unique *uniques,
                         uint32_t *ret_n, struct rh_error *error)
{
    uint32_t n = 0;

    for (uint64_t row = 0; row < batch->n_rows; row++) {
        struct rh_text name = text_at(batch, row, 0);
        struct rh_my_unique *unique = n ? &uniques[n - 1] : NULL;
        if (!unique || !rh_text_equal(unique->name, name)) {
            if (n == RH_MY_MAX_UNIQUES)
                return rh_fail(error, RH_UNSUPPORTED, "the table has too many unique indexes");
            unique = &uniques[n++];
            *unique = (struct rh_my_unique){.name = name};
        }
        if (unique->n_columns == sizeof unique->columns / sizeof unique->columns[0])
            return rh_fail(error, RH_UNSUPPORTED, "a unique index has too many columns");
        unique->columns[unique->n_columns++] = text_at(batch, row, 1);
    }
    *ret_n = n;
    return RH_OK;
}

/* A column of which a prefix is indexed, or an expression, has no name here. */
int rh_my_uniques(struct rh_conn *conn, const struct rh_write_spec *spec,
                  struct rh_my_rows **ret_rows, struct rh_my_unique *ret_uniques, uint32_t *ret_n,
                  struct rh_error *error)
{
    const struct rh_value names[] = {rh_kit_text(spec->schema), rh_kit_text(spec->table)};
    struct rh_sql *sql = rh_my_sql(conn);
    struct rh_batch batch = {.struct_size = sizeof batch};
    struct rh_my_rows *rows = *ret_rows = rh_my_rows_new(conn, 2, SIZE_MAX);
    MYSQL_STMT *stmt = NULL;
    int rc = rows ? RH_OK : rh_fail_nomem(error);

    rh_sql_add(sql, "SELECT INDEX_NAME, IF(SUB_PART IS NULL, COALESCE(COLUMN_NAME, ''), '')"
                    " FROM information_schema.STATISTICS WHERE NON_UNIQUE = 0 AND TABLE_SCHEMA = ");
    if (spec->schema.len)
        rh_sql_bind(sql, NULL, &names[0], RH_SQL_PLAIN);
    else
        rh_sql_add(sql, "DATABASE()");
    rh_sql_add(sql, " AND TABLE_NAME = ");
    rh_sql_bind(sql, NULL, &names[1], RH_SQL_PLAIN);
    rh_sql_add(sql, " ORDER BY INDEX_NAME <> 'PRIMARY', CAST(INDEX_NAME AS BINARY), SEQ_IN_INDEX");
    if (!rc)
        rc = rh_my_run(conn, sql, &stmt, error);
    if (!rc)
        rc = rh_my_rows_take(rows, stmt, error);
    if (!rc) {
        rh_my_rows_clear(rows, UINT64_MAX);
        rc = rh_my_rows_fetch(rows, error);
    }
    if (!rc)
        rc = rh_my_rows_batch(rows, &batch, error);
    *ret_n = 0;
    if (rc)
        return rc == RH_END ? RH_OK : rc;
    return group_uniques(&batch, ret_uniques, ret_n, error);
}

/* ---- reading again ---- */

static void begin_select(struct rh_sql *sql, const struct rh_write_spec *spec)
{
    sql->alias = RH_SQL_NO_ALIAS;
    for (uint32_t i = 0; i < spec->n_returning; i++) {
        rh_sql_add(sql, i ? ", " : "SELECT ");
        rh_sql_operand(sql, rh_sql_column_at(spec->returning, spec->returning_stride, i),
                       RH_SQL_OUTPUT);
    }
    rh_sql_add(sql, " FROM ");
    rh_sql_table(sql, spec->schema, spec->table);
    rh_sql_add(sql, " WHERE ");
}

static int take(struct rh_my_scope *scope, struct rh_error *error)
{
    struct rh_conn *conn = scope->conn;
    MYSQL_STMT *stmt = NULL;
    uint64_t n = 0;
    int rc = RH_OK;

    rh_sql_add(&conn->sql, " FOR UPDATE"); /* the row as it is, not as a snapshot has it */
    rc = rh_my_run(conn, &conn->sql, &stmt, error);
    return rc ? rc : rh_my_returned_add(conn, stmt, &n, error);
}

/* The cell that the column has after the write: what was set wins over the key. */
static const struct rh_value *final_cell(const struct rh_write_spec *spec, uint64_t row,
                                         uint32_t key)
{
    const struct rh_value *cells = spec->cells + row * spec->n_columns;
    const struct rh_value *cell = &cells[key];

    for (uint32_t i = 0; i < spec->n_columns; i++) {
        if (i != key && cells[i].type != RH_TYPE_MISSING &&
            rh_text_equal(rh_my_spec_column(spec, i)->name, rh_my_spec_column(spec, key)->name))
            cell = &cells[i];
    }
    return cell;
}

int rh_my_reread(struct rh_my_scope *scope, const struct rh_write_spec *spec, uint64_t row,
                 struct rh_error *error)
{
    struct rh_sql *sql = rh_my_sql(scope->conn);

    begin_select(sql, spec);
    for (uint32_t i = 0; i < spec->n_key; i++) {
        const struct rh_column *column = rh_my_spec_column(spec, spec->key[i]);
        rh_sql_add(sql, i ? " AND " : "");
        rh_sql_operand(sql, column, RH_SQL_PLAIN);
        rh_sql_add(sql, " = ");
        rh_sql_value(sql, column, final_cell(spec, row, spec->key[i]), RH_SQL_PLAIN);
        if (column->type == RH_TYPE_TEXT && !(column->flags & RH_COLUMN_EXACT_EQUAL)) {
            rh_sql_add(sql, " AND ");
            rh_sql_operand(sql, column, RH_SQL_VALUE);
            rh_sql_add(sql, " = ");
            rh_sql_value(sql, column, final_cell(spec, row, spec->key[i]), RH_SQL_VALUE);
        }
    }
    return take(scope, error);
}

/* Position of the column of that name; n_columns when it is not given. */
static uint32_t find_given(const struct rh_write_spec *spec, uint64_t row, struct rh_text name)
{
    const struct rh_value *cells = spec->cells + row * spec->n_columns;
    uint32_t i = 0;

    while (i < spec->n_columns &&
           !(rh_text_equal(rh_my_spec_column(spec, i)->name, name) && cells[i].type > RH_TYPE_NULL))
        i++;
    return i;
}

/* Whether the row is known by this index: all of its columns are given, or the one that the server
 * counts is not. */
static bool is_known_by(const struct rh_write_spec *spec, uint64_t row,
                        const struct rh_my_unique *unique, uint64_t insert_id)
{
    uint32_t n_counted = 0;

    for (uint32_t i = 0; i < unique->n_columns; i++) {
        if (!unique->columns[i].len)
            return false;
        n_counted += find_given(spec, row, unique->columns[i]) == spec->n_columns;
    }
    return n_counted == 0 || (n_counted == 1 && insert_id && rh_text_is(unique->name, "PRIMARY"));
}

int rh_my_reread_inserted(struct rh_my_scope *scope, uint64_t row, uint64_t insert_id,
                          struct rh_error *error)
{
    const struct rh_write_spec *spec = scope->spec;
    const struct rh_value counted = {.type = RH_TYPE_UINT, .as.u = insert_id};
    struct rh_my_unique uniques[RH_MY_MAX_UNIQUES];
    struct rh_my_rows *rows = NULL;
    struct rh_sql *sql = NULL;
    uint32_t n = 0, by = 0;
    int rc = rh_my_uniques(scope->conn, spec, &rows, uniques, &n, error);

    while (!rc && by < n && !is_known_by(spec, row, &uniques[by], insert_id))
        by++;
    if (!rc && by == n)
        rc = rh_fail(error, RH_UNSUPPORTED,
                     "this server does not return rows that are not known by a unique key");
    if (rc)
        goto out;
    sql = rh_my_sql(scope->conn);
    begin_select(sql, spec);
    for (uint32_t i = 0; i < uniques[by].n_columns; i++) {
        uint32_t at = find_given(spec, row, uniques[by].columns[i]);
        rh_sql_add(sql, i ? " AND " : "");
        rh_sql_identifier(sql, uniques[by].columns[i]);
        rh_sql_add(sql, " = ");
        if (at < spec->n_columns)
            rh_sql_value(sql, rh_my_spec_column(spec, at), &spec->cells[row * spec->n_columns + at],
                         RH_SQL_PLAIN);
        else
            rh_sql_bind(sql, NULL, &counted, RH_SQL_PLAIN);
    }
    rc = take(scope, error);
out:
    rh_my_rows_free(rows);
    return rc;
}
