/*
 * For the fuzz targets of queries: a table with a column of every type, and what must hold of
 * everything that binding accepts.
 */
#pragma once

#include "base/err.h"
#include "base/text.h"
#include "rows/bind.h"

#include <stdlib.h>

#define QUERY_CHECK_ARENA ((size_t)64 << 20)

static inline void require(bool holds)
{
    if (!holds)
        abort();
}

static inline struct rh_tableset *query_check_tables(void)
{
    static const char *const names[RH_N_TYPES] = {
        [RH_TYPE_BOOL] = "b",      [RH_TYPE_INT] = "i",       [RH_TYPE_UINT] = "u",
        [RH_TYPE_FLOAT] = "f",     [RH_TYPE_DECIMAL] = "d",   [RH_TYPE_TEXT] = "t",
        [RH_TYPE_BYTES] = "y",     [RH_TYPE_DATE] = "day",    [RH_TYPE_TIME] = "clock",
        [RH_TYPE_DATETIME] = "at", [RH_TYPE_TIMESTAMP] = "z", [RH_TYPE_INTERVAL] = "span",
        [RH_TYPE_UUID] = "id",     [RH_TYPE_JSON] = "j",
    };
    static struct rh_column columns[RH_N_TYPES];
    static const uint32_t key[] = {1};
    struct rh_table table = {.struct_size = sizeof(table),
                             .name = RH_TEXT_INIT("t"),
                             .columns = columns,
                             .column_stride = sizeof(columns[0]),
                             .key = key,
                             .n_key = 1,
                             .est_rows = -1};
    struct rh_catalog catalog = {.struct_size = sizeof(catalog),
                                 .tables = &table,
                                 .n_tables = 1,
                                 .table_stride = sizeof(table)};
    struct rh_tableset *tables = NULL;
    for (uint32_t type = RH_TYPE_BOOL; type < RH_N_TYPES; type++)
        columns[table.n_columns++] =
            (struct rh_column){.name = rh_text_of(names[type]),
                               .type = type,
                               .flags = type == RH_TYPE_INT ? RH_COLUMN_NOT_NULL : 0};
    require(rh_tableset_new(&catalog, &tables, NULL) == 0);
    return tables;
}

/* Nodes in their array, children behind their parent, values of exactly the column's type. */
static inline void query_check_node(const struct rh_query *query, const struct rh_column *columns,
                                    uint32_t n_columns, uint32_t at)
{
    require(at < query->n_nodes);
    const struct rh_node *node = &query->nodes[at];
    uint32_t base = RH_OP_BASE(node->op);
    if (base == RH_OP_AND || base == RH_OP_OR) {
        require(node->op == base && node->column == RH_NO_COLUMN);
        require(node->n == 0 || node->first > at);
        for (uint32_t i = 0; i < node->n; i++)
            query_check_node(query, columns, n_columns, node->first + i);
        return;
    }
    require(base < RH_N_OPS && node->column < n_columns);
    require(node->n <= query->n_values && node->first <= query->n_values - node->n);
    for (uint32_t i = 0; i < node->n; i++)
        require(query->values[node->first + i].type == columns[node->column].type);
}

static inline void query_check_bound(const struct rh_bound *bound)
{
    const struct rh_query *query = &bound->query;
    bool grouped = query->n_groups || query->n_aggregates;
    require(bound->n_outputs ==
            (grouped ? query->n_groups + query->n_aggregates : query->n_select));
    for (uint32_t i = 0; i < query->n_conjuncts; i++)
        query_check_node(query, query->columns, query->n_columns, query->conjuncts[i]);
    for (uint32_t i = 0; i < query->n_having; i++)
        query_check_node(query, bound->outputs, bound->n_outputs, query->having[i]);
    for (uint32_t i = 0; i < query->n_select; i++)
        require(query->select[i] < query->n_columns);
    for (uint32_t i = 0; i < query->n_order; i++)
        require(query->order[i].column < (grouped ? bound->n_outputs : query->n_columns));
    require(bound->n_asked <= query->n_order);
}

/* Refused, with a class and a code that the documentation lists; or bound and sound. */
static inline void query_check_spec(struct rh_arena *arena, const struct rh_tableset *tables,
                                    const struct rh_spec *spec)
{
    struct rh_error error = RH_ERROR_INIT;
    struct rh_bound bound;
    int r = rh_bind_query(arena, tables, rh_tableset_at(tables, 0), spec, &bound, &error);
    if (r == 0)
        query_check_bound(&bound);
    else
        require(error.error_class == r && (r == RH_RESOURCE || (r == RH_INVALID && error.code[0])));
}
