/*
 * The legality of a pushdown: which of a connector's claims may be used together.
 *
 * Pure: no memory, no I/O, no state. It trusts the query (the host made it) and nothing of the
 * plan. Nesting of conditions is limited: what lies deeper than MAX_DEPTH counts as NONE.
 */
#include "rows/legal.h"

#define MAX_DEPTH 64

static uint32_t upper_of(const struct rh_library *library, const struct rh_query *query,
                         uint32_t position, const struct rh_column *columns, size_t stride,
                         unsigned depth);

static uint32_t column_type(const struct rh_column *columns, size_t stride, uint32_t column)
{
    const struct rh_column *c =
        (const struct rh_column *)(const void *)((const char *)columns + column * stride);
    return c->type;
}

/* The weakest and the strongest of the children. */
static void range_of(const struct rh_library *library, const struct rh_query *query,
                     const struct rh_node *node, const struct rh_column *columns, size_t stride,
                     unsigned depth, uint32_t *ret_weakest, uint32_t *ret_strongest)
{
    uint32_t weakest = RH_VERDICT_EXACT, strongest = node->n ? RH_VERDICT_NONE : RH_VERDICT_EXACT;

    for (uint32_t i = 0; i < node->n; i++) {
        uint32_t v = upper_of(library, query, node->first + i, columns, stride, depth + 1);
        if (v < weakest)
            weakest = v;
        if (v > strongest)
            strongest = v;
    }
    *ret_weakest = weakest;
    *ret_strongest = strongest;
}

/* A condition inside that is not exact makes EXISTS hold more often and NOT EXISTS less often:
 * the first is a superset still, the second loses rows. */
static uint32_t upper_of_exists(const struct rh_library *library, const struct rh_query *query,
                                const struct rh_node *node, unsigned depth)
{
    uint32_t upper = rh_library_upper(library, node->op, RH_TYPE_NULL);
    const struct rh_semijoin *join =
        (const struct rh_semijoin *)(const void *)((const char *)query->semijoins +
                                                   (size_t)node->first * query->semijoin_stride);

    for (uint32_t i = 0; i < join->n_conjuncts; i++) {
        uint32_t v = upper_of(library, query, join->conjuncts[i], join->columns,
                              join->column_stride, depth + 1);
        if (v == RH_VERDICT_EXACT)
            continue;
        if (node->op & RH_OP_NOT)
            return RH_VERDICT_NONE;
        if (upper > RH_VERDICT_SUPERSET)
            upper = RH_VERDICT_SUPERSET;
    }
    return upper;
}

static uint32_t upper_of(const struct rh_library *library, const struct rh_query *query,
                         uint32_t position, const struct rh_column *columns, size_t stride,
                         unsigned depth)
{
    const struct rh_node *node;
    uint32_t weakest, strongest;

    if (position >= query->n_nodes || depth > MAX_DEPTH)
        return RH_VERDICT_NONE;
    node = &query->nodes[position];
    switch (RH_OP_BASE(node->op)) {
    case RH_OP_OR:
        range_of(library, query, node, columns, stride, depth, &weakest, &strongest);
        return weakest;
    case RH_OP_AND:
        /* Leaving out a child of an AND only adds rows. */
        range_of(library, query, node, columns, stride, depth, &weakest, &strongest);
        if (weakest == RH_VERDICT_EXACT)
            return RH_VERDICT_EXACT;
        return strongest == RH_VERDICT_NONE ? RH_VERDICT_NONE : RH_VERDICT_SUPERSET;
    case RH_OP_EXISTS:
        return upper_of_exists(library, query, node, depth);
    case RH_OP_SEEK:
        return rh_library_upper(library, node->op, RH_TYPE_NULL);
    default:
        return rh_library_upper(library, node->op, column_type(columns, stride, node->column));
    }
}

uint32_t rh_legal_upper(const struct rh_library *library, const struct rh_query *query,
                        uint32_t node)
{
    return upper_of(library, query, node, query->columns, query->column_stride, 0);
}

/* What may be used of the claim for one conjunct. */
static uint32_t decide_verdict(const struct rh_library *library, const struct rh_query *query,
                               const struct rh_plan *plan, uint32_t conjunct, bool whole_order,
                               uint32_t *n_breaches)
{
    uint32_t node = query->conjuncts[conjunct];
    uint32_t verdict = plan->verdicts[conjunct];

    if (verdict > rh_legal_upper(library, query, node)) {
        ++*n_breaches;
        return RH_VERDICT_NONE;
    }
    /* A SEEK means nothing without the order that it stands in. */
    if (query->nodes[node].op == RH_OP_SEEK && !whole_order)
        return RH_VERDICT_NONE;
    return verdict;
}

void rh_legal_decide(const struct rh_library *library, const struct rh_query *query,
                     const struct rh_plan *plan, struct rh_legal *ret_legal)
{
    bool grouped = query->n_groups + query->n_aggregates > 0;
    bool whole_order = plan->n_order >= query->n_order && !grouped;
    bool all_exact = true, ready;

    ret_legal->n_breaches = 0;
    for (uint32_t i = 0; i < query->n_conjuncts; i++) {
        ret_legal->verdicts[i] =
            (uint8_t)decide_verdict(library, query, plan, i, whole_order, &ret_legal->n_breaches);
        all_exact = all_exact && ret_legal->verdicts[i] == RH_VERDICT_EXACT;
    }

    ret_legal->groups = !grouped || ((plan->accepts & RH_ACCEPT_GROUPS) && all_exact);
    ret_legal->having =
        query->n_having == 0 || ((plan->accepts & RH_ACCEPT_HAVING) && ret_legal->groups);
    ret_legal->distinct =
        !(query->flags & RH_QUERY_DISTINCT) || ((plan->accepts & RH_ACCEPT_DISTINCT) && all_exact &&
                                                ret_legal->groups && ret_legal->having);
    ret_legal->n_order = 0;
    if (ret_legal->groups)
        ret_legal->n_order = plan->n_order < query->n_order ? plan->n_order : query->n_order;

    ready = all_exact && ret_legal->groups && ret_legal->having && ret_legal->distinct &&
            ret_legal->n_order == query->n_order;
    ret_legal->offset = query->offset == 0 || ((plan->accepts & RH_ACCEPT_OFFSET) && ready);
    ret_legal->limit = query->limit == RH_NO_LIMIT ||
                       ((plan->accepts & RH_ACCEPT_LIMIT) && ready && ret_legal->offset);
}
