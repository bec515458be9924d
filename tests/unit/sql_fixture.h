/*
 * What the tests of the SQL builder share: two dialects, a table, queries on it, and the text that
 * they become.
 */
#pragma once

#include "connector/sql.h"

#include "base/err.h"
#include "base/text.h"
#include "connector/kit.h"
#include "lib/tests.h"

#include <stdlib.h>
#include <string.h>

#define COUNT(array) ((uint32_t)(sizeof(array) / sizeof((array)[0])))
#define T(literal) RH_TEXT_INIT(literal)

/* ---- dialects ---- */

static inline void pg_column(struct rh_sql *sql, const struct rh_column *column,
                             enum rh_sql_form form)
{
    rh_sql_name(sql, column);
    if (column->type == RH_TYPE_TEXT && !(column->flags & RH_COLUMN_BINARY_ORDER) &&
        (form == RH_SQL_VALUE || form == RH_SQL_VALUE_OUTPUT))
        rh_sql_add(sql, " COLLATE \"C\"");
    if (column->type == RH_TYPE_DECIMAL && (form == RH_SQL_OUTPUT || form == RH_SQL_VALUE_OUTPUT))
        rh_sql_add(sql, "::text");
}

static inline void pg_in_list(struct rh_sql *sql, const struct rh_column *column,
                              const struct rh_value *values, uint32_t n, enum rh_sql_form form)
{
    rh_sql_add(sql, " = ANY (");
    rh_sql_bind_list(sql, column, values, n, form);
    rh_sql_add(sql, ")");
}

static inline void pg_bucket(struct rh_sql *sql, const struct rh_column *column, uint32_t bucket,
                             enum rh_sql_form form)
{
    rh_sql_add(sql, "date_trunc('month', ");
    rh_sql_name(sql, column);
    rh_sql_add(sql, ")");
}

static inline bool pg_predicate(struct rh_sql *sql, const struct rh_column *column,
                                const struct rh_node *node, const struct rh_value *values)
{
    if (node->op != (RH_OP_CONTAINS | RH_OP_FOLD))
        return false;
    rh_sql_operand(sql, column, RH_SQL_VALUE);
    rh_sql_add(sql, " ~ ");
    rh_sql_bind(sql, NULL, values, RH_SQL_VALUE);
    return true;
}

static inline void type_name(struct rh_sql *sql, const struct rh_column *column)
{
    if (column->native_type.len)
        rh_sql_native_type(sql, column->native_type);
    else
        rh_sql_add(sql, column->type == RH_TYPE_INT ? "integer" : "text");
}

static inline void identity(struct rh_sql *sql, const struct rh_column *column)
{
    rh_sql_add(sql, "INTEGER PRIMARY KEY");
}

static const struct rh_sql_dialect pg = {
    .quote_open = '"',
    .quote_close = '"',
    .placeholder = '$',
    .order_nulls_largest = true,
    .order_nulls_keywords = true,
    .row_values = true,
    .default_keyword = true,
    .lock_clause = true,
    .column = pg_column,
    .predicate = pg_predicate,
    .in_list = pg_in_list,
    .bucket = pg_bucket,
    .type_name = type_name,
};

static const struct rh_sql_dialect lite = {
    .quote_open = '[',
    .quote_close = ']',
    .placeholder = '?',
    .offset_needs_limit = true,
    .identity_is_key = true,
    .type_name = type_name,
    .identity = identity,
};

/* ---- queries ---- */

enum { ID, NAME, CITY, PRICE, WHEN, DATA, OPAQUE };

static const struct rh_column columns[] = {
    [ID] = {.name = T("id"), .type = RH_TYPE_INT, .flags = RH_COLUMN_NOT_NULL},
    [NAME] = {.name = T("name"), .type = RH_TYPE_TEXT, .flags = RH_COLUMN_EXACT_EQUAL},
    [CITY] = {.name = T("ci\"ty"), .type = RH_TYPE_TEXT, .flags = RH_COLUMN_NOT_NULL},
    [PRICE] = {.name = T("price"), .type = RH_TYPE_DECIMAL},
    [WHEN] = {.name = T("when"), .type = RH_TYPE_DATE},
    [DATA] = {.name = T("data"), .type = RH_TYPE_JSON},
    [OPAQUE] = {.name = T("odd"), .type = RH_TYPE_TEXT, .flags = RH_COLUMN_OPAQUE},
};

static const struct rh_column lines[] = {
    {.name = T("order_id"), .type = RH_TYPE_INT},
    {.name = T("note"), .type = RH_TYPE_TEXT, .flags = RH_COLUMN_EXACT_EQUAL},
};

static const uint32_t select_id[] = {ID};

static inline struct rh_query query_of(const struct rh_node *nodes, uint32_t n_nodes,
                                       const struct rh_value *values, uint32_t n_values)
{
    static const uint32_t conjuncts[] = {0};

    return (struct rh_query){.struct_size = sizeof(struct rh_query),
                             .table = T("orders"),
                             .columns = columns,
                             .n_columns = COUNT(columns),
                             .column_stride = sizeof columns[0],
                             .select = select_id,
                             .n_select = 1,
                             .conjuncts = conjuncts,
                             .n_conjuncts = n_nodes ? 1 : 0,
                             .nodes = nodes,
                             .n_nodes = n_nodes,
                             .values = values,
                             .n_values = n_values,
                             .semijoin_stride = sizeof(struct rh_semijoin),
                             .limit = RH_NO_LIMIT};
}

static inline struct rh_value text(const char *string)
{
    return rh_kit_text(rh_text_of(string));
}

static inline struct rh_value decimal(const char *string)
{
    struct rh_value value = text(string);

    value.type = RH_TYPE_DECIMAL;
    return value;
}

static inline void assert_built(struct rh_sql *sql, const char *expected, uint32_t n_parameters)
{
    struct rh_error error = RH_ERROR_INIT;

    ck_assert_msg(rh_sql_check(sql, &error) == RH_OK, "%s", error.message);
    ck_assert_str_eq(rh_sql_string(sql), expected);
    ck_assert_uint_eq(sql->n_parameters, n_parameters);
    rh_sql_fini(sql);
}

static inline void assert_select(const struct rh_sql_dialect *dialect, const struct rh_query *query,
                                 const char *expected, uint32_t n_parameters)
{
    struct rh_sql sql;

    rh_sql_init(&sql, dialect, NULL);
    rh_sql_select(&sql, query);
    assert_built(&sql, expected, n_parameters);
}

/* The condition that one node becomes. */
static inline void assert_where(const struct rh_sql_dialect *dialect, uint32_t op, uint32_t column,
                                const struct rh_value *values, uint32_t n, const char *expected,
                                uint32_t n_parameters)
{
    const struct rh_node node = {.op = op, .column = column, .n = n};
    const struct rh_query query = query_of(&node, 1, values, n);
    const char *prefix = dialect == &pg ? "SELECT t0.\"id\" FROM \"orders\" AS t0 WHERE "
                                        : "SELECT t0.[id] FROM [orders] AS t0 WHERE ";
    struct rh_sql sql;

    rh_sql_init(&sql, dialect, NULL);
    rh_sql_select(&sql, &query);
    ck_assert_msg(!sql.failed, "%s", expected);
    ck_assert_str_eq(rh_sql_string(&sql) + strlen(prefix), expected);
    ck_assert_uint_eq(sql.n_parameters, n_parameters);
    rh_sql_fini(&sql);
}
