/*
 * INSERT, upsert, UPDATE and DELETE, in the form that PostgreSQL and SQLite share, and what other
 * dialects say in its place.
 */
#include "connector/sql_parts.h"

#include "base/text.h"

static const struct rh_column *spec_column(const struct rh_write_spec *spec, uint32_t i)
{
    return rh_sql_column_at(spec->columns, spec->column_stride, i);
}

static const struct rh_value *spec_row(const struct rh_write_spec *spec, uint64_t row)
{
    return spec->cells + (size_t)row * spec->n_columns;
}

bool rh_sql_is_key(const struct rh_write_spec *spec, uint32_t column)
{
    for (uint32_t i = 0; i < spec->n_key; i++) {
        if (spec->key[i] == column)
            return true;
    }
    return false;
}

static bool is_missing(const struct rh_value *cell)
{
    return cell->type == RH_TYPE_MISSING;
}

static void add_returned(struct rh_sql *sql, const struct rh_write_spec *spec, const char *before)
{
    for (uint32_t i = 0; i < spec->n_returning && !sql->failed; i++) {
        rh_sql_add(sql, i ? ", " : before);
        rh_sql_operand(sql, rh_sql_column_at(spec->returning, spec->returning_stride, i),
                       RH_SQL_OUTPUT);
    }
}

/* In front of the statement. table: FINAL or OLD. */
static void begin_returning(struct rh_sql *sql, const struct rh_write_spec *spec, const char *table)
{
    if (sql->dialect->returning != RH_SQL_RETURNING_FINAL || !spec->n_returning)
        return;
    sql->alias = RH_SQL_NO_ALIAS;
    add_returned(sql, spec, "SELECT ");
    rh_sql_addf(sql, " FROM %s TABLE (", table);
}

/* In the middle of it: inserted.… or deleted.… */
static void add_output(struct rh_sql *sql, const struct rh_write_spec *spec, const char *table)
{
    uint32_t alias = sql->alias;
    struct rh_text qualifier = sql->qualifier;

    if (sql->dialect->returning != RH_SQL_RETURNING_OUTPUT)
        return;
    sql->alias = RH_SQL_QUALIFIER;
    sql->qualifier = rh_text_of(table);
    add_returned(sql, spec, " OUTPUT ");
    sql->alias = alias;
    sql->qualifier = qualifier;
}

/* Behind it. alias: of the columns in RETURNING, where bare names would be ambiguous. */
static void end_returning(struct rh_sql *sql, const struct rh_write_spec *spec, uint32_t alias)
{
    sql->alias = alias;
    if (sql->dialect->returning == RH_SQL_RETURNING)
        add_returned(sql, spec, " RETURNING ");
    else if (sql->dialect->returning == RH_SQL_RETURNING_FINAL && spec->n_returning)
        rh_sql_add(sql, ")");
}

/* ---- rows ---- */

static bool same_columns(const struct rh_write_spec *spec, uint64_t a, uint64_t b)
{
    const struct rh_value *left = spec_row(spec, a), *right = spec_row(spec, b);

    for (uint32_t i = 0; i < spec->n_columns; i++) {
        if (is_missing(&left[i]) != is_missing(&right[i]))
            return false;
    }
    return true;
}

static bool row_is_empty(const struct rh_write_spec *spec, uint64_t row)
{
    const struct rh_value *cells = spec_row(spec, row);

    for (uint32_t i = 0; i < spec->n_columns; i++) {
        if (!is_missing(&cells[i]))
            return false;
    }
    return true;
}

uint64_t rh_sql_rows_alike(const struct rh_write_spec *spec, uint64_t first, uint64_t max)
{
    uint64_t n = 1;

    if (first >= spec->n_rows || max == 0)
        return 0;
    if (row_is_empty(spec, first))
        return 1;
    while (n < max && n < spec->n_rows - first && same_columns(spec, first, first + n))
        n++;
    return n;
}

static void add_column_names(struct rh_sql *sql, const struct rh_write_spec *spec,
                             const struct rh_value *missing)
{
    const char *before = " (";

    for (uint32_t i = 0; i < spec->n_columns && !sql->failed; i++) {
        if (missing && is_missing(&missing[i]))
            continue;
        rh_sql_add(sql, before);
        rh_sql_identifier(sql, spec_column(spec, i)->name);
        before = ", ";
    }
    rh_sql_add(sql, ")");
}

static void add_row(struct rh_sql *sql, const struct rh_write_spec *spec, uint64_t row)
{
    const struct rh_value *cells = spec_row(spec, row);
    const char *before = "(";

    for (uint32_t i = 0; i < spec->n_columns && !sql->failed; i++) {
        if (is_missing(&cells[i]) && !sql->dialect->default_keyword)
            continue;
        rh_sql_add(sql, before);
        if (is_missing(&cells[i]))
            rh_sql_add(sql, "DEFAULT");
        else
            rh_sql_value(sql, spec_column(spec, i), &cells[i], RH_SQL_WRITE);
        before = ", ";
    }
    rh_sql_add(sql, ")");
}

static void add_default_row(struct rh_sql *sql, const struct rh_write_spec *spec)
{
    bool listed = sql->dialect->default_row_is_listed;

    if (listed && !spec->n_columns) {
        sql->failed = true;
        return;
    }
    if (listed) {
        rh_sql_add(sql, " (");
        rh_sql_identifier(sql, spec_column(spec, 0)->name);
        rh_sql_add(sql, ")");
    }
    add_output(sql, spec, "inserted");
    if (sql->dialect->default_row)
        rh_sql_add(sql, sql->dialect->default_row);
    else
        rh_sql_add(sql, listed ? " VALUES (DEFAULT)" : " DEFAULT VALUES");
}

static void add_insert(struct rh_sql *sql, const struct rh_write_spec *spec, uint64_t first,
                       uint64_t n)
{
    bool leave_out = !sql->dialect->default_keyword;

    if (n == 0 || first >= spec->n_rows || n > spec->n_rows - first) {
        sql->failed = true;
        return;
    }
    sql->alias = RH_SQL_NO_ALIAS;
    rh_sql_add(sql, "INSERT INTO ");
    rh_sql_table(sql, spec->schema, spec->table);
    if (n == 1 && row_is_empty(spec, first)) {
        add_default_row(sql, spec);
        return;
    }
    add_column_names(sql, spec, leave_out ? spec_row(spec, first) : NULL);
    add_output(sql, spec, "inserted");
    for (uint64_t i = 0; i < n && !sql->failed && !sql->text.failed; i++) {
        rh_sql_add(sql, i ? ", " : " VALUES ");
        add_row(sql, spec, first + i);
    }
}

void rh_sql_insert(struct rh_sql *sql, const struct rh_write_spec *spec, uint64_t first, uint64_t n)
{
    begin_returning(sql, spec, "FINAL");
    add_insert(sql, spec, first, n);
    end_returning(sql, spec, RH_SQL_NO_ALIAS);
}

static void add_excluded(struct rh_sql *sql, const struct rh_column *column)
{
    rh_sql_identifier(sql, column->name);
    rh_sql_add(sql, " = excluded.");
    rh_sql_identifier(sql, column->name);
}

static void add_conflict(struct rh_sql *sql, const struct rh_write_spec *spec,
                         const struct rh_value *cells)
{
    bool any = false;

    rh_sql_add(sql, " ON CONFLICT (");
    for (uint32_t i = 0; i < spec->n_key && !sql->failed; i++) {
        rh_sql_add(sql, i ? ", " : "");
        rh_sql_identifier(sql, spec_column(spec, spec->key[i])->name);
    }
    rh_sql_add(sql, ")");
    if (spec->resolve == RH_RESOLVE_IGNORE) {
        rh_sql_add(sql, " DO NOTHING");
        return;
    }
    rh_sql_add(sql, " DO UPDATE SET ");
    for (uint32_t i = 0; i < spec->n_columns && !sql->failed; i++) {
        if (rh_sql_is_key(spec, i) || is_missing(&cells[i]))
            continue;
        rh_sql_add(sql, any ? ", " : "");
        add_excluded(sql, spec_column(spec, i));
        any = true;
    }
    if (!any) /* so that RETURNING shows the row */
        add_excluded(sql, spec_column(spec, spec->key[0]));
}

void rh_sql_upsert(struct rh_sql *sql, const struct rh_write_spec *spec, uint64_t first, uint64_t n)
{
    if (spec->n_key == 0 || first >= spec->n_rows) {
        sql->failed = true;
        return;
    }
    begin_returning(sql, spec, "FINAL");
    if (sql->dialect->merge) {
        sql->failed = sql->failed || n != 1;
        rh_sql_merge(sql, spec, first);
        add_output(sql, spec, "inserted");
    } else {
        add_insert(sql, spec, first, n);
        add_conflict(sql, spec, spec_row(spec, first));
    }
    end_returning(sql, spec, sql->dialect->merge ? 0 : RH_SQL_NO_ALIAS);
    if (sql->dialect->merge)
        rh_sql_add(sql, sql->dialect->merge->end);
}

/* ---- update, delete ---- */

/* The table that is changed, and how its columns are qualified from here on. */
static void add_target(struct rh_sql *sql, const struct rh_write_spec *spec)
{
    rh_sql_table(sql, spec->schema, spec->table);
    sql->n_aliases = 1;
    sql->alias = 0;
    if (sql->dialect->own_name) {
        sql->alias = RH_SQL_QUALIFIER;
        sql->qualifier = spec->table;
    } else {
        rh_sql_alias(sql, 0);
    }
}

static void add_key(struct rh_sql *sql, const struct rh_write_spec *spec,
                    const struct rh_value *cells)
{
    if (spec->n_key == 0)
        sql->failed = true;
    for (uint32_t i = 0; i < spec->n_key && !sql->failed; i++) {
        rh_sql_add(sql, i ? " AND " : " WHERE ");
        rh_sql_equal(sql, spec_column(spec, spec->key[i]), &cells[spec->key[i]]);
    }
}

static void add_where(struct rh_sql *sql, const struct rh_query *where)
{
    const struct rh_sql_scope scope = rh_sql_scope_of(where, sql->alias);

    if (where->n_conjuncts) {
        rh_sql_add(sql, " WHERE ");
        rh_sql_conjuncts(sql, &scope, where->conjuncts, where->n_conjuncts);
    }
}

static void add_assignments(struct rh_sql *sql, const struct rh_write_spec *spec,
                            const struct rh_value *cells)
{
    const char *before = " SET ";

    for (uint32_t i = 0; i < spec->n_columns && !sql->failed; i++) {
        if (rh_sql_is_key(spec, i) || is_missing(&cells[i]))
            continue;
        rh_sql_add(sql, before);
        rh_sql_identifier(sql, spec_column(spec, i)->name);
        rh_sql_add(sql, " = ");
        rh_sql_value(sql, spec_column(spec, i), &cells[i], RH_SQL_WRITE);
        before = ", ";
    }
    if (before[0] == ',')
        return;
    if (spec->n_columns == 0) {
        sql->failed = true;
        return;
    }
    rh_sql_add(sql, before);
    const struct rh_column *self = spec_column(spec, spec->n_key ? spec->key[0] : 0);
    rh_sql_identifier(sql, self->name);
    rh_sql_add(sql, " = ");
    rh_sql_name(sql, self);
}

void rh_sql_update(struct rh_sql *sql, const struct rh_write_spec *spec, uint64_t row)
{
    const struct rh_value *cells = spec_row(spec, row);

    begin_returning(sql, spec, "FINAL");
    rh_sql_add(sql, "UPDATE ");
    add_target(sql, spec);
    add_assignments(sql, spec, cells);
    add_output(sql, spec, "inserted");
    if (spec->where)
        add_where(sql, spec->where);
    else
        add_key(sql, spec, cells);
    end_returning(sql, spec, RH_SQL_NO_ALIAS);
}

void rh_sql_delete(struct rh_sql *sql, const struct rh_write_spec *spec, uint64_t row)
{
    begin_returning(sql, spec, "OLD");
    rh_sql_add(sql, "DELETE FROM ");
    add_target(sql, spec);
    add_output(sql, spec, "deleted");
    if (spec->where)
        add_where(sql, spec->where);
    else
        add_key(sql, spec, spec_row(spec, row));
    end_returning(sql, spec, RH_SQL_NO_ALIAS);
}
