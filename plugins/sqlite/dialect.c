/*
 * SQLite's SQL: how columns, lists, groups and types are spelled.
 */
#include "dialect.h"

const char *rh_sqlite_key_name(uint32_t type)
{
    switch (type) {
    case RH_TYPE_DATE:
        return "date";
    case RH_TYPE_TIME:
        return "time";
    case RH_TYPE_DATETIME:
        return "datetime";
    case RH_TYPE_TIMESTAMP:
        return "timestamp";
    case RH_TYPE_UUID:
        return "uuid";
    default:
        return NULL;
    }
}

static void add_column(struct rh_sql *sql, const struct rh_column *column, enum rh_sql_form form)
{
    const char *key = rh_sqlite_key_name(column->type);

    if (key && form != RH_SQL_OUTPUT) {
        rh_sql_addf(sql, "rh_%s_key(", key);
        rh_sql_name(sql, column);
        rh_sql_add(sql, ")");
        return;
    }
    rh_sql_name(sql, column);
    if (column->type == RH_TYPE_TEXT && !(column->flags & RH_COLUMN_BINARY_ORDER) &&
        (form == RH_SQL_VALUE || form == RH_SQL_VALUE_OUTPUT))
        rh_sql_add(sql, " COLLATE BINARY");
}

static void add_bucket(struct rh_sql *sql, const struct rh_column *column, uint32_t bucket,
                       enum rh_sql_form form)
{
    rh_sql_addf(sql, "rh_%s_bucket(", rh_sqlite_key_name(column->type));
    rh_sql_name(sql, column);
    rh_sql_addf(sql, ", %u)", bucket);
}

static void add_aggregate(struct rh_sql *sql, const struct rh_column *column,
                          const struct rh_aggregate *aggregate, enum rh_sql_form form)
{
    static const char *const names[RH_N_AGGS] = {"", "count", "sum", "avg", "min", "max"};
    bool computed = aggregate->function == RH_AGG_SUM || aggregate->function == RH_AGG_AVG;
    bool as_key = form == RH_SQL_VALUE;
    const char *kind = as_key ? "_key" : "";

    if (!column) {
        rh_sql_add(sql, "count(*)");
        return;
    }
    if (computed && column->type == RH_TYPE_FLOAT)
        kind = "_float";
    if (column->type == RH_TYPE_DECIMAL)
        kind = as_key ? "_decimal_key" : "_decimal";
    rh_sql_addf(sql, "%s%s%s(%s", computed ? "rh_" : "", names[aggregate->function],
                computed ? kind : "", aggregate->distinct ? "DISTINCT " : "");
    if (aggregate->function == RH_AGG_COUNT && !aggregate->distinct)
        rh_sql_name(sql, column);
    else
        rh_sql_operand(sql, column, RH_SQL_VALUE);
    rh_sql_add(sql, ")");
}

static void add_in_list(struct rh_sql *sql, const struct rh_column *column,
                        const struct rh_value *values, uint32_t n, enum rh_sql_form form)
{
    uint32_t padded = 1;

    if (n > RH_SQLITE_SHORT_LIST) {
        rh_sql_add(sql, " IN (SELECT value FROM rh_list(");
        rh_sql_bind_list(sql, column, values, n, form);
        rh_sql_add(sql, "))");
        return;
    }
    while (padded < n)
        padded *= 2;
    rh_sql_add(sql, " IN (");
    for (uint32_t i = 0; i < padded; i++) {
        rh_sql_add(sql, i ? ", " : "");
        rh_sql_value(sql, column, &values[i < n ? i : n - 1], form);
    }
    rh_sql_add(sql, ")");
}

/* ---- tables ---- */

static void add_type_name(struct rh_sql *sql, const struct rh_column *column)
{
    static const char *const names[RH_N_TYPES] = {
        [RH_TYPE_BOOL] = "BOOLEAN",
        [RH_TYPE_INT] = "INTEGER",
        [RH_TYPE_UINT] = "INTEGER",
        [RH_TYPE_FLOAT] = "REAL",
        [RH_TYPE_DECIMAL] = "DECIMAL",
        [RH_TYPE_TEXT] = "TEXT",
        [RH_TYPE_BYTES] = "BLOB",
        [RH_TYPE_DATE] = "DATE",
        [RH_TYPE_TIME] = "TIME",
        [RH_TYPE_DATETIME] = "DATETIME",
        [RH_TYPE_TIMESTAMP] = "TIMESTAMP WITH TIME ZONE",
        [RH_TYPE_INTERVAL] = "TEXT",
        [RH_TYPE_UUID] = "UUID",
        [RH_TYPE_JSON] = "JSON TEXT", /* "JSON" alone has numeric affinity */
    };

    if (column->native_type.len) {
        rh_sql_native_type(sql, column->native_type);
        return;
    }
    if (column->type >= RH_N_TYPES || !names[column->type]) {
        sql->failed = true;
        return;
    }
    rh_sql_add(sql, names[column->type]);
    if (column->type == RH_TYPE_DECIMAL && column->precision)
        rh_sql_addf(sql, "(%u,%u)", column->precision, column->scale);
}

static void add_identity(struct rh_sql *sql, const struct rh_column *column)
{
    rh_sql_add(sql, "INTEGER PRIMARY KEY");
}

const struct rh_sql_dialect rh_sqlite_dialect = {
    .quote_open = '"',
    .quote_close = '"',
    .placeholder = '?',
    .order_nulls_keywords = true,
    .row_values = true,
    .offset_needs_limit = true,
    .identity_is_key = true,
    .column = add_column,
    .predicate = rh_sqlite_predicate,
    .pair_condition = rh_sqlite_pair_condition,
    .in_list = add_in_list,
    .bucket = add_bucket,
    .aggregate = add_aggregate,
    .type_name = add_type_name,
    .identity = add_identity,
    .exact = rh_sqlite_exact,
    .can = rh_sqlite_can,
    .pair = rh_sqlite_pair,
};
