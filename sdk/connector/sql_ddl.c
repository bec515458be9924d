/*
 * Tables made and changed, as text. What has no one meaning here (partial indexes, generated
 * columns) is refused.
 */
#include "connector/sql_parts.h"

#include "base/err.h"
#include "base/text.h"
#include "connector/decimal.h"

static const struct rh_column *table_column(const struct rh_table *table, uint32_t i)
{
    return rh_sql_column_at(table->columns, table->column_stride, i);
}

static void add_default(struct rh_sql *sql, const struct rh_column *column)
{
    struct rh_text text = column->default_text;
    char room[64];

    if (sql->dialect->default_value) {
        sql->dialect->default_value(sql, column);
        return;
    }
    switch (column->type) {
    case RH_TYPE_INT:
    case RH_TYPE_UINT:
    case RH_TYPE_FLOAT:
    case RH_TYPE_DECIMAL: {
        size_t n = rh_decimal_from_number(room, sizeof room, text);
        if (n)
            rh_buf_add(&sql->text, room, n);
        else
            sql->failed = true;
        return;
    }
    case RH_TYPE_BOOL:
        if (rh_text_is(text, "true") || rh_text_is(text, "false"))
            rh_buf_add_text(&sql->text, text);
        else
            sql->failed = true;
        return;
    default:
        rh_sql_literal(sql, text);
    }
}

static bool has_default(const struct rh_column *column)
{
    return column->default_text.data && !(column->flags & RH_COLUMN_IDENTITY);
}

static void add_default_clause(struct rh_sql *sql, const struct rh_column *column)
{
    rh_sql_add(sql, " DEFAULT ");
    add_default(sql, column);
}

static void add_definition(struct rh_sql *sql, const struct rh_column *column)
{
    rh_sql_identifier(sql, column->name);
    rh_sql_add(sql, " ");
    if ((column->flags & RH_COLUMN_IDENTITY) && sql->dialect->identity) {
        sql->dialect->identity(sql, column);
        return;
    }
    sql->dialect->type_name(sql, column);
    if (has_default(column) && sql->dialect->default_first)
        add_default_clause(sql, column);
    if (column->flags & RH_COLUMN_NOT_NULL)
        rh_sql_add(sql, " NOT NULL");
    if (has_default(column) && !sql->dialect->default_first)
        add_default_clause(sql, column);
}

static void add_columns(struct rh_sql *sql, const struct rh_table *table, const uint32_t *columns,
                        uint32_t n)
{
    rh_sql_add(sql, " (");
    for (uint32_t i = 0; i < n && !sql->failed; i++) {
        rh_sql_add(sql, i ? ", " : "");
        if (columns[i] < table->n_columns)
            rh_sql_identifier(sql, table_column(table, columns[i])->name);
        else
            sql->failed = true;
    }
    rh_sql_add(sql, ")");
}

static void add_foreign_key(struct rh_sql *sql, const struct rh_table *table,
                            const struct rh_foreign_key *key)
{
    rh_sql_add(sql, ", ");
    if (key->name.len) {
        rh_sql_add(sql, "CONSTRAINT ");
        rh_sql_identifier(sql, key->name);
        rh_sql_add(sql, " ");
    }
    rh_sql_add(sql, "FOREIGN KEY");
    add_columns(sql, table, key->columns, key->n_columns);
    rh_sql_add(sql, " REFERENCES ");
    rh_sql_table(sql, key->schema, key->table);
    if (!key->ref_columns)
        return;
    for (uint32_t i = 0; i < key->n_columns && !sql->failed; i++) {
        rh_sql_add(sql, i ? ", " : " (");
        rh_sql_identifier(sql, key->ref_columns[i]);
    }
    rh_sql_add(sql, ")");
}

static void add_index(struct rh_sql *sql, const struct rh_table *table,
                      const struct rh_index *index)
{
    rh_sql_add(sql, index->flags & RH_INDEX_UNIQUE ? "CREATE UNIQUE INDEX " : "CREATE INDEX ");
    rh_sql_identifier(sql, index->name);
    rh_sql_add(sql, " ON ");
    rh_sql_table(sql, table->schema, table->name);
    add_columns(sql, table, index->columns, index->n_columns);
}

static const struct rh_index *table_index(const struct rh_table *table, uint32_t i)
{
    return (const struct rh_index *)(const void *)((const char *)table->indexes +
                                                   (size_t)table->index_stride * i);
}

static bool key_is_said(const struct rh_sql *sql, const struct rh_table *table)
{
    if (!sql->dialect->identity_is_key)
        return false;
    for (uint32_t i = 0; i < table->n_columns; i++) {
        if (table_column(table, i)->flags & RH_COLUMN_IDENTITY)
            return true;
    }
    return false;
}

static void create_table(struct rh_sql *sql, const struct rh_table *table)
{
    rh_sql_add(sql, "CREATE TABLE ");
    rh_sql_table(sql, table->schema, table->name);
    rh_sql_add(sql, " (");
    for (uint32_t i = 0; i < table->n_columns && !sql->failed; i++) {
        rh_sql_add(sql, i ? ", " : "");
        add_definition(sql, table_column(table, i));
    }
    if (table->n_key && !key_is_said(sql, table)) {
        rh_sql_add(sql, ", PRIMARY KEY");
        add_columns(sql, table, table->key, table->n_key);
    }
    for (uint32_t i = 0; i < table->n_foreign_keys && !sql->failed; i++)
        add_foreign_key(
            sql, table,
            (const struct rh_foreign_key *)(const void *)((const char *)table->foreign_keys +
                                                          (size_t)table->foreign_key_stride * i));
    rh_sql_add(sql, ")");
    for (uint32_t i = 0; i < table->n_indexes && !sql->failed; i++) {
        rh_sql_add(sql, ";\n");
        add_index(sql, table, table_index(table, i));
    }
}

static void alter(struct rh_sql *sql, const struct rh_table *table, const char *action)
{
    rh_sql_add(sql, "ALTER TABLE ");
    rh_sql_table(sql, table->schema, table->name);
    rh_sql_add(sql, action);
}

void rh_sql_column_definition(struct rh_sql *sql, const struct rh_column *column)
{
    add_definition(sql, column);
}

void rh_sql_column_default(struct rh_sql *sql, const struct rh_column *column)
{
    add_default(sql, column);
}

/* ---- what is refused ---- */

static int check_column(const struct rh_column *column, struct rh_error *error)
{
    if (!column || !column->name.len)
        return rh_fail(error, RH_INVALID, "a column without a name");
    if (column->flags & RH_COLUMN_GENERATED)
        return rh_fail(error, RH_UNSUPPORTED, "generated column %.*s cannot be made here",
                       RH_TEXT_ARG(column->name));
    return RH_OK;
}

static int check_table(const struct rh_table *table, struct rh_error *error)
{
    uint32_t n_identities = 0;

    if (table->n_columns == 0)
        return rh_fail(error, RH_INVALID, "table %.*s has no columns", RH_TEXT_ARG(table->name));
    for (uint32_t i = 0; i < table->n_columns; i++) {
        const struct rh_column *column = table_column(table, i);
        int rc = check_column(column, error);
        if (rc)
            return rc;
        n_identities += (column->flags & RH_COLUMN_IDENTITY) != 0;
    }
    if (n_identities > 1)
        return rh_fail(error, RH_INVALID, "table %.*s has two columns that count by themselves",
                       RH_TEXT_ARG(table->name));
    for (uint32_t i = 0; i < table->n_indexes; i++) {
        if (table_index(table, i)->flags & RH_INDEX_PARTIAL)
            return rh_fail(error, RH_UNSUPPORTED, "partial index %.*s cannot be made here",
                           RH_TEXT_ARG(table_index(table, i)->name));
    }
    return RH_OK;
}

/* An identity that is also the key must be the whole key. */
static int check_identity(const struct rh_sql *sql, const struct rh_table *table,
                          struct rh_error *error)
{
    if (!key_is_said(sql, table))
        return RH_OK;
    if (table->n_key == 1 && table->key[0] < table->n_columns &&
        (table_column(table, table->key[0])->flags & RH_COLUMN_IDENTITY))
        return RH_OK;
    return rh_fail(error, RH_UNSUPPORTED,
                   "table %.*s: a column that counts by itself must be the primary key",
                   RH_TEXT_ARG(table->name));
}

static int check_change(const struct rh_sql *sql, const struct rh_ddl_change *change,
                        struct rh_error *error)
{
    int rc = RH_OK;

    if (!change->table || !change->table->name.len)
        return rh_fail(error, RH_INVALID, "a change of a table without a name");
    switch (change->kind) {
    case RH_DDL_CREATE_TABLE:
        rc = check_table(change->table, error);
        return rc ? rc : check_identity(sql, change->table, error);
    case RH_DDL_ADD_COLUMN:
    case RH_DDL_DROP_COLUMN:
    case RH_DDL_RENAME_COLUMN:
    case RH_DDL_ALTER_COLUMN:
        rc = check_column(change->column, error);
        if (rc)
            return rc;
        if (change->kind == RH_DDL_ALTER_COLUMN && !sql->dialect->alter_column) {
            rh_fail(error, RH_UNSUPPORTED,
                    "this database cannot change the type of a column (%.*s)",
                    RH_TEXT_ARG(change->column->name));
            rh_error_hint(error,
                          "Add a column, copy the values, drop the old column and rename the "
                          "new one");
            return RH_UNSUPPORTED;
        }
        if (change->kind == RH_DDL_ADD_COLUMN && sql->dialect->identity_is_key &&
            (change->column->flags & RH_COLUMN_IDENTITY))
            return rh_fail(error, RH_UNSUPPORTED,
                           "column %.*s: a primary key cannot be added to a table here",
                           RH_TEXT_ARG(change->column->name));
        return RH_OK;
    case RH_DDL_CREATE_INDEX:
        if (change->table->n_indexes == 0 || !table_index(change->table, 0)->n_columns)
            return rh_fail(error, RH_INVALID, "an index without columns");
        if (table_index(change->table, 0)->flags & RH_INDEX_PARTIAL)
            return rh_fail(error, RH_UNSUPPORTED, "partial indexes cannot be made here");
        return RH_OK;
    case RH_DDL_DROP_TABLE:
    case RH_DDL_RENAME_TABLE:
    case RH_DDL_DROP_INDEX:
        return RH_OK;
    default:
        return rh_fail(error, RH_UNSUPPORTED, "unknown kind of change %u", change->kind);
    }
}

int rh_sql_ddl(struct rh_sql *sql, const struct rh_ddl_change *change, struct rh_error *error)
{
    const struct rh_table *table = change->table;
    int rc = check_change(sql, change, error);

    if (rc)
        return rc;
    sql->alias = RH_SQL_NO_ALIAS;
    if (sql->dialect->ddl && sql->dialect->ddl(sql, change))
        goto out;
    switch (change->kind) {
    case RH_DDL_CREATE_TABLE:
        create_table(sql, table);
        break;
    case RH_DDL_DROP_TABLE:
        rh_sql_add(sql, "DROP TABLE ");
        rh_sql_table(sql, table->schema, table->name);
        break;
    case RH_DDL_RENAME_TABLE:
        alter(sql, table, " RENAME TO ");
        rh_sql_identifier(sql, change->new_name);
        break;
    case RH_DDL_ADD_COLUMN:
        alter(sql, table, " ADD COLUMN ");
        add_definition(sql, change->column);
        break;
    case RH_DDL_DROP_COLUMN:
        alter(sql, table, " DROP COLUMN ");
        rh_sql_identifier(sql, change->column->name);
        break;
    case RH_DDL_RENAME_COLUMN:
        alter(sql, table, " RENAME COLUMN ");
        rh_sql_identifier(sql, change->column->name);
        rh_sql_add(sql, " TO ");
        rh_sql_identifier(sql, change->new_name);
        break;
    case RH_DDL_ALTER_COLUMN:
        sql->dialect->alter_column(sql, table, change->column);
        break;
    case RH_DDL_CREATE_INDEX:
        add_index(sql, table, table_index(table, 0));
        break;
    default:
        rh_sql_add(sql, "DROP INDEX ");
        rh_sql_table(sql, table->schema, change->new_name);
    }
out:
    if (sql->failed)
        return rh_fail(error, RH_INVALID, "table %.*s: a name, type or default cannot be written",
                       RH_TEXT_ARG(table->name));
    return rh_sql_check(sql, error);
}
