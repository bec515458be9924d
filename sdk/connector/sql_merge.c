/*
 * MERGE: the upsert of one row where the dialect has no ON CONFLICT. Source and target are equal by
 * the source's own "=", as its unique constraint sees it.
 *
 *     MERGE INTO t AS t0 USING (SELECT ? AS k, ? AS a) AS t1 ON (t0.k = t1.k)
 *     WHEN MATCHED THEN UPDATE SET a = t1.a
 *     WHEN NOT MATCHED THEN INSERT (k, a) VALUES (t1.k, t1.a)
 */
#include "connector/sql_parts.h"

#define TARGET 0u
#define SOURCE 1u

static const struct rh_column *spec_column(const struct rh_write_spec *spec, uint32_t i)
{
    return rh_sql_column_at(spec->columns, spec->column_stride, i);
}

static void add_of(struct rh_sql *sql, uint32_t alias, const struct rh_column *column)
{
    sql->alias = alias;
    rh_sql_name(sql, column);
    sql->alias = RH_SQL_NO_ALIAS;
}

static void add_source(struct rh_sql *sql, const struct rh_write_spec *spec,
                       const struct rh_value *cells)
{
    const char *before = " USING (SELECT ";

    for (uint32_t i = 0; i < spec->n_columns && !sql->failed; i++) {
        if (cells[i].type == RH_TYPE_MISSING)
            continue;
        rh_sql_add(sql, before);
        rh_sql_value(sql, spec_column(spec, i), &cells[i], RH_SQL_SOURCE);
        rh_sql_add(sql, " AS ");
        rh_sql_identifier(sql, spec_column(spec, i)->name);
        before = ", ";
    }
    rh_sql_add(sql, sql->dialect->merge->source_from);
    rh_sql_add(sql, ")");
    rh_sql_alias(sql, SOURCE);
}

static void add_match(struct rh_sql *sql, const struct rh_write_spec *spec)
{
    for (uint32_t i = 0; i < spec->n_key && !sql->failed; i++) {
        const struct rh_column *column = spec_column(spec, spec->key[i]);
        rh_sql_add(sql, i ? " AND " : " ON (");
        add_of(sql, TARGET, column);
        rh_sql_add(sql, " = ");
        add_of(sql, SOURCE, column);
    }
    rh_sql_add(sql, ")");
}

/* With OUTPUT a row that is not changed would not be shown, so the key is set to itself. */
static void add_changes(struct rh_sql *sql, const struct rh_write_spec *spec,
                        const struct rh_value *cells)
{
    const char *before = " WHEN MATCHED THEN UPDATE SET ";
    bool any = false;

    for (uint32_t i = 0; i < spec->n_columns && !sql->failed; i++) {
        if (rh_sql_is_key(spec, i) || cells[i].type == RH_TYPE_MISSING)
            continue;
        rh_sql_add(sql, before);
        rh_sql_identifier(sql, spec_column(spec, i)->name);
        rh_sql_add(sql, " = ");
        add_of(sql, SOURCE, spec_column(spec, i));
        before = ", ";
        any = true;
    }
    if (!any && sql->dialect->returning == RH_SQL_RETURNING_OUTPUT) {
        const struct rh_column *key = spec_column(spec, spec->key[0]);
        rh_sql_add(sql, before);
        rh_sql_identifier(sql, key->name);
        rh_sql_add(sql, " = ");
        add_of(sql, TARGET, key);
    }
}

static void add_row(struct rh_sql *sql, const struct rh_write_spec *spec,
                    const struct rh_value *cells)
{
    const char *before = " WHEN NOT MATCHED THEN INSERT (";

    for (uint32_t i = 0; i < spec->n_columns && !sql->failed; i++) {
        if (cells[i].type == RH_TYPE_MISSING)
            continue;
        rh_sql_add(sql, before);
        rh_sql_identifier(sql, spec_column(spec, i)->name);
        before = ", ";
    }
    before = ") VALUES (";
    for (uint32_t i = 0; i < spec->n_columns && !sql->failed; i++) {
        if (cells[i].type == RH_TYPE_MISSING)
            continue;
        rh_sql_add(sql, before);
        add_of(sql, SOURCE, spec_column(spec, i));
        before = ", ";
    }
    rh_sql_add(sql, ")");
}

void rh_sql_merge(struct rh_sql *sql, const struct rh_write_spec *spec, uint64_t row)
{
    const struct rh_value *cells = spec->cells + (size_t)row * spec->n_columns;

    sql->alias = RH_SQL_NO_ALIAS;
    rh_sql_add(sql, "MERGE INTO ");
    rh_sql_table(sql, spec->schema, spec->table);
    rh_sql_add(sql, sql->dialect->merge->hint);
    rh_sql_alias(sql, TARGET);
    add_source(sql, spec, cells);
    add_match(sql, spec);
    if (spec->resolve != RH_RESOLVE_IGNORE)
        add_changes(sql, spec, cells);
    add_row(sql, spec, cells);
}
