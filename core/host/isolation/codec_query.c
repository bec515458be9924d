/* Queries and plans. */
#include "host/isolation/codec.h"

#include <string.h>

static const void *item(const void *items, uint32_t stride, uint32_t index)
{
    return (const char *)items + (size_t)index * stride;
}

/* ---- Queries ------------------------------------------------------------------------------- */

static void put_semijoins(struct rh_wire_out *out, const struct rh_query *query)
{
    for (uint32_t i = 0; i < query->n_semijoins; i++) {
        const struct rh_semijoin *join = item(query->semijoins, query->semijoin_stride, i);
        struct rh_semijoin wire = *join;

        wire.schema = rh_wire_text(out, join->schema);
        wire.table = rh_wire_text(out, join->table);
        wire.columns = NULL;
        wire.column_stride = sizeof(struct rh_column);
        wire.outer = NULL;
        wire.inner = NULL;
        wire.conjuncts = NULL;
        rh_wire_put(out, &wire, sizeof(wire));
    }
    for (uint32_t i = 0; i < query->n_semijoins; i++) {
        const struct rh_semijoin *join = item(query->semijoins, query->semijoin_stride, i);

        rh_wire_put_columns(out, join->columns, join->n_columns, join->column_stride);
        rh_wire_put_u32s(out, join->outer, join->n_pairs);
        rh_wire_put_u32s(out, join->inner, join->n_pairs);
        rh_wire_put_u32s(out, join->conjuncts, join->n_conjuncts);
    }
}

void rh_wire_put_query(struct rh_wire_out *out, const struct rh_query *query)
{
    struct rh_query wire = {
        .struct_size = sizeof(wire),
        .flags = query->flags,
        .schema = rh_wire_text(out, query->schema),
        .table = rh_wire_text(out, query->table),
        .n_columns = query->n_columns,
        .column_stride = sizeof(struct rh_column),
        .n_select = query->n_select,
        .n_conjuncts = query->n_conjuncts,
        .n_nodes = query->n_nodes,
        .n_values = query->n_values,
        .n_semijoins = query->n_semijoins,
        .semijoin_stride = sizeof(struct rh_semijoin),
        .n_groups = query->n_groups,
        .n_aggregates = query->n_aggregates,
        .n_having = query->n_having,
        .n_order = query->n_order,
        .limit = query->limit,
        .offset = query->offset,
        .row_goal = query->row_goal,
    };

    rh_wire_put(out, &wire, sizeof(wire));
    rh_wire_put_columns(out, query->columns, query->n_columns, query->column_stride);
    rh_wire_put_u32s(out, query->select, query->n_select);
    rh_wire_put_u32s(out, query->conjuncts, query->n_conjuncts);
    rh_wire_put(out, query->nodes, query->n_nodes * sizeof(struct rh_node));
    rh_wire_put_values(out, query->values, query->n_values);
    put_semijoins(out, query);
    rh_wire_put(out, query->groups, query->n_groups * sizeof(struct rh_group));
    rh_wire_put(out, query->aggregates, query->n_aggregates * sizeof(struct rh_aggregate));
    rh_wire_put_u32s(out, query->having, query->n_having);
    rh_wire_put(out, query->order, query->n_order * sizeof(struct rh_order));
}

static const struct rh_semijoin *take_semijoins(struct rh_wire_in *in, uint32_t n)
{
    struct rh_semijoin *joins = rh_wire_take(in, n, sizeof(*joins));

    for (uint32_t i = 0; joins && i < n; i++) {
        struct rh_semijoin *join = &joins[i];

        if (!rh_wire_fix_text(in, &join->schema) || !rh_wire_fix_text(in, &join->table) ||
            !(join->columns = rh_wire_take_columns(in, join->n_columns)) ||
            !(join->outer = rh_wire_take(in, join->n_pairs, sizeof(uint32_t))) ||
            !(join->inner = rh_wire_take(in, join->n_pairs, sizeof(uint32_t))) ||
            !(join->conjuncts = rh_wire_take(in, join->n_conjuncts, sizeof(uint32_t))))
            return NULL;
    }
    return joins;
}

const struct rh_query *rh_wire_take_query(struct rh_wire_in *in)
{
    struct rh_query *query = rh_wire_take(in, 1, sizeof(*query));

    if (!query || !rh_wire_fix_text(in, &query->schema) || !rh_wire_fix_text(in, &query->table) ||
        !(query->columns = rh_wire_take_columns(in, query->n_columns)) ||
        !(query->select = rh_wire_take(in, query->n_select, sizeof(uint32_t))) ||
        !(query->conjuncts = rh_wire_take(in, query->n_conjuncts, sizeof(uint32_t))) ||
        !(query->nodes = rh_wire_take(in, query->n_nodes, sizeof(struct rh_node))) ||
        !(query->values = rh_wire_take_values(in, query->n_values)) ||
        !(query->semijoins = take_semijoins(in, query->n_semijoins)) ||
        !(query->groups = rh_wire_take(in, query->n_groups, sizeof(struct rh_group))) ||
        !(query->aggregates = rh_wire_take(in, query->n_aggregates, sizeof(struct rh_aggregate))) ||
        !(query->having = rh_wire_take(in, query->n_having, sizeof(uint32_t))) ||
        !(query->order = rh_wire_take(in, query->n_order, sizeof(struct rh_order))))
        return NULL;
    return query;
}

/* ---- Plans --------------------------------------------------------------------------------- */

void rh_wire_put_plan(struct rh_wire_out *out, const struct rh_plan *plan,
                      const struct rh_query *query)
{
    struct rh_plan wire = *plan;

    wire.verdicts = NULL;
    wire.needs = NULL;
    if (wire.n_needs > query->n_columns)
        wire.n_needs = query->n_columns;
    rh_wire_put(out, &wire, sizeof(wire));
    rh_wire_put(out, plan->verdicts, query->n_conjuncts);
    rh_wire_put_u32s(out, plan->needs, wire.n_needs);
}

bool rh_wire_take_plan(struct rh_wire_in *in, struct rh_plan *plan, const struct rh_query *query)
{
    const struct rh_plan *sent = rh_wire_take(in, 1, sizeof(*sent));
    const uint8_t *verdicts = rh_wire_take(in, query->n_conjuncts, 1);
    const uint32_t *needs = NULL;

    if (sent && sent->n_needs <= query->n_columns)
        needs = rh_wire_take(in, sent->n_needs, sizeof(*needs));
    if (!sent || !verdicts || !needs)
        return false;
    plan->accepts = sent->accepts;
    plan->n_order = sent->n_order;
    plan->n_needs = sent->n_needs;
    plan->est_rows = sent->est_rows;
    if (query->n_conjuncts)
        memcpy(plan->verdicts, verdicts, query->n_conjuncts);
    if (plan->n_needs)
        memcpy(plan->needs, needs, plan->n_needs * sizeof(*needs));
    return true;
}
