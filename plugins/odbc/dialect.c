/*
 * The list of dialects, and what they share.
 */
#include "dialect.h"

#include "connector/kit.h"

#include <string.h>
#include <strings.h>

static const struct rh_odbc_dialect *const dialects[] = {
    &rh_odbc_sqlserver, &rh_odbc_oracle, &rh_odbc_db2,      &rh_odbc_postgres,
    &rh_odbc_mysql,     &rh_odbc_sqlite, &rh_odbc_firebird, &rh_odbc_generic,
};
#define N_DIALECTS (sizeof dialects / sizeof dialects[0])

const struct rh_odbc_dialect *rh_odbc_dialect_named(const char *id)
{
    for (size_t i = 0; id && i < N_DIALECTS; i++) {
        if (strcmp(dialects[i]->id, id) == 0)
            return dialects[i];
    }
    return NULL;
}

bool rh_odbc_dialect_is(const struct rh_odbc_dialect *dialect, const char *dbms_name)
{
    for (const char *const *name = dialect->names; *name; name++) {
        if (strcasestr(dbms_name, *name))
            return true;
    }
    return false;
}

const struct rh_odbc_dialect *rh_odbc_dialect_of(const char *dbms_name)
{
    for (size_t i = 0; i < N_DIALECTS; i++) {
        if (rh_odbc_dialect_is(dialects[i], dbms_name))
            return dialects[i];
    }
    return &rh_odbc_generic;
}

void rh_odbc_aggregate(struct rh_sql *sql, const struct rh_column *column,
                       const struct rh_aggregate *aggregate, const char *sum_as)
{
    static const char *const names[RH_N_AGGS] = {"", "COUNT", "SUM", "AVG", "MIN", "MAX"};
    bool cast = sum_as && aggregate->function == RH_AGG_SUM && column &&
                (column->type == RH_TYPE_INT || column->type == RH_TYPE_UINT);

    if (!column) {
        rh_sql_add(sql, "COUNT(*)");
        return;
    }
    rh_sql_addf(sql, "%s(%s%s", names[aggregate->function], aggregate->distinct ? "DISTINCT " : "",
                cast ? "CAST(" : "");
    if (aggregate->function == RH_AGG_COUNT && !aggregate->distinct)
        rh_sql_name(sql, column);
    else
        rh_sql_operand(sql, column, RH_SQL_VALUE);
    if (cast)
        rh_sql_addf(sql, " AS %s)", sum_as);
    rh_sql_add(sql, ")");
}

void rh_odbc_plain_aggregate(struct rh_sql *sql, const struct rh_column *column,
                             const struct rh_aggregate *aggregate, enum rh_sql_form form)
{
    (void)form;
    rh_odbc_aggregate(sql, column, aggregate, NULL);
}

bool rh_odbc_plain_equal(struct rh_sql *sql, const struct rh_column *column,
                         const struct rh_node *node, const struct rh_value *values)
{
    if (!rh_odbc_is_textual(column) || node->op != RH_OP_EQ)
        return false;
    rh_sql_operand(sql, column, RH_SQL_PLAIN);
    rh_sql_add(sql, " = ");
    rh_sql_value(sql, column, values, RH_SQL_PLAIN);
    return true;
}

void rh_odbc_alter(struct rh_sql *sql, const struct rh_table *table, const char *action)
{
    rh_sql_add(sql, "ALTER TABLE ");
    rh_sql_table(sql, table->schema, table->name);
    rh_sql_add(sql, action);
}

void rh_odbc_type_name(struct rh_sql *sql, const struct rh_column *column,
                       const struct rh_odbc_types *types)
{
    if (column->native_type.len) {
        rh_sql_native_type(sql, column->native_type);
    } else if (column->type >= RH_N_TYPES || !types->names[column->type]) {
        sql->failed = true;
    } else if (column->type == RH_TYPE_DECIMAL && column->precision) {
        rh_sql_addf(sql, "%s(%u,%u)", types->decimal, column->precision, column->scale);
    } else if (column->type == RH_TYPE_TEXT && column->max_length) {
        rh_sql_addf(sql, "%s(%u)", types->varchar, column->max_length);
    } else {
        rh_sql_add(sql, types->names[column->type]);
    }
}

void rh_odbc_cast(struct rh_sql *sql, const struct rh_column *column, const struct rh_value *value,
                  enum rh_sql_form form, const char *type)
{
    rh_sql_add(sql, "CAST(");
    rh_sql_bind(sql, column, value, form);
    rh_sql_addf(sql, " AS %s)", type);
}

void rh_odbc_source(struct rh_sql *sql, const struct rh_column *column,
                    const struct rh_value *value, const struct rh_odbc_types *types)
{
    uint32_t type = column ? column->type : RH_TYPE_MISSING;

    if (type == RH_TYPE_DECIMAL && column->precision) {
        rh_sql_add(sql, "CAST(");
        rh_sql_bind(sql, column, value, RH_SQL_SOURCE);
        rh_sql_addf(sql, " AS %s(%u,%u))", types->decimal, column->precision, column->scale);
    } else if (type < RH_N_TYPES && types->names[type]) {
        rh_odbc_cast(sql, column, value, RH_SQL_SOURCE, types->names[type]);
    } else {
        rh_sql_bind(sql, column, value, RH_SQL_SOURCE);
    }
}
