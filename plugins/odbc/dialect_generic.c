/*
 * The least that every database has: SQL-92 without what products spell in their own ways. Limits
 * are counted by the connector; texts, doubles, decimals and bytes are compared by the host.
 */
#include "dialect.h"

#include <stdint.h>

static void add_type_name(struct rh_sql *sql, const struct rh_column *column)
{
    static const char *const names[RH_N_TYPES] = {
        [RH_TYPE_INT] = "INTEGER",
        [RH_TYPE_FLOAT] = "DOUBLE PRECISION",
        [RH_TYPE_DECIMAL] = "DECIMAL(18,6)",
        [RH_TYPE_TEXT] = "VARCHAR(4000)",
        [RH_TYPE_DATE] = "DATE",
        [RH_TYPE_TIME] = "TIME",
        [RH_TYPE_DATETIME] = "TIMESTAMP",
    };
    static const struct rh_odbc_types types = {
        .names = names, .decimal = "DECIMAL", .varchar = "VARCHAR"};

    rh_odbc_type_name(sql, column, &types);
}

static const char *const names[] = {NULL};

const struct rh_odbc_dialect rh_odbc_generic = {
    .id = "generic",
    .language = "SQL",
    .names = names,
    .sql =
        {
            .quote_open = '"',
            .quote_close = '"',
            .placeholder = '?',
            .bare_placeholder = true,
            .bare_alias = true,
            .own_name = true,
            .no_truth_test = true,
            .returning = RH_SQL_RETURNING_NONE,
            .paging = RH_SQL_PAGING_FETCH, /* not used: see counts_rows */
            .predicate = rh_odbc_plain_equal,
            .aggregate = rh_odbc_plain_aggregate,
            .type_name = add_type_name,
            .exact = rh_odbc_exact,
            .can = rh_odbc_can,
            .pair = rh_odbc_pair,
        },
    .texts = RH_ODBC_TEXT_LOOSE,
    .schemas = RH_ODBC_SCHEMAS,
    .typed_cells = true,
    .counts_rows = true,
    .savepoint = NULL,
    .system_schemas = " information_schema INFORMATION_SCHEMA sys SYS SYSTEM ",
};
