/*
 * The conditions that are done here instead of by the host.
 *
 * acme_operators is a promise. EXACT: precisely the rows for which the condition holds. SUPERSET:
 * none of those is missing, others may be there too, and the host looks again. Here a whole file is
 * read whatever the condition is, so that only sending the other rows is saved; a source with an
 * index, or behind a network, saves much more.
 */
#include "acme.h"

const struct rh_operator acme_operators[ACME_N_OPERATORS] = {
    {RH_OP_EQ, RH_TYPE_BIT(RH_TYPE_INT) | RH_TYPE_BIT(RH_TYPE_TEXT), RH_VERDICT_EXACT, 0},
};

/* ---- Copying: the query is borrowed for the call of `open` only
 * -------------------------------- */

static const struct rh_value *copy_values(struct rh_arena *arena, const struct rh_query *query)
{
    struct rh_value *values = rh_arena_array(arena, query->n_values, sizeof(*values));
    for (uint32_t i = 0; values && i < query->n_values; i++) {
        values[i] = query->values[i];
        if (values[i].len)
            values[i].as.data = rh_arena_dup(arena, values[i].as.data, values[i].len);
        if (values[i].len && !values[i].as.data)
            return NULL;
    }
    return values;
}

bool acme_filter_claims(const struct rh_query *query, const struct rh_node *node)
{
    if (node->op == RH_OP_AND || node->op == RH_OP_OR)
        return true;
    if (node->column >= query->n_columns)
        return false;
    const struct rh_column *column =
        (const void *)((const char *)query->columns + (size_t)node->column * query->column_stride);
    for (uint32_t i = 0; i < ACME_N_OPERATORS; i++) {
        if (acme_operators[i].op == node->op &&
            (acme_operators[i].types & RH_TYPE_BIT(column->type)))
            return true;
    }
    return false;
}

/* What was not claimed may come along inside of an AND, of which what was claimed makes a SUPERSET.
 * It is taken to hold (an AND of nothing does), and the host looks again. */
static const struct rh_node *copy_nodes(struct rh_arena *arena, const struct rh_query *query)
{
    struct rh_node *nodes = rh_arena_array(arena, query->n_nodes, sizeof(*nodes));
    for (uint32_t i = 0; nodes && i < query->n_nodes; i++) {
        nodes[i] = query->nodes[i];
        if (!acme_filter_claims(query, &nodes[i]))
            nodes[i] = (struct rh_node){.op = RH_OP_AND};
    }
    return nodes;
}

int acme_filter_init(struct acme_filter *filter, struct rh_arena *arena,
                     const struct rh_query *query, struct rh_error *error)
{
    *filter = (struct acme_filter){
        .nodes = copy_nodes(arena, query),
        .values = copy_values(arena, query),
        .conjuncts = (const void *)rh_arena_dup(arena, query->conjuncts,
                                                query->n_conjuncts * sizeof(*query->conjuncts)),
        .n_conjuncts = query->n_conjuncts,
    };
    if (!filter->nodes || !filter->values || !filter->conjuncts)
        return rh_fail_nomem(error);
    return RH_OK;
}

/* ---- Looking at a row ------------------------------------------------------------------------ */

/* A cell may be of another type than its column: documents are like that. Then it equals
 * nothing. */
static bool is_equal(const struct rh_value *cell, const struct rh_value *value)
{
    if (cell->type != value->type)
        return false;
    if (cell->type == RH_TYPE_TEXT)
        return rh_text_equal(rh_kit_value_text(cell), rh_kit_value_text(value));
    return cell->as.i == value->as.i;
}

static bool is_met(const struct rh_node *node, const struct rh_value *cell,
                   const struct rh_value *values)
{
    return is_equal(cell, &values[0]);
}

static bool holds(const struct acme_filter *filter, const struct rh_value *cells, uint32_t position)
{
    const struct rh_node *node = &filter->nodes[position];
    if (node->op == RH_OP_AND || node->op == RH_OP_OR) {
        bool is_or = node->op == RH_OP_OR;
        for (uint32_t i = 0; i < node->n; i++) {
            if (holds(filter, cells, node->first + i) == is_or)
                return is_or;
        }
        return !is_or;
    }
    return is_met(node, &cells[node->column], &filter->values[node->first]);
}

bool acme_filter_holds(const struct acme_filter *filter, const struct rh_value *cells)
{
    for (uint32_t i = 0; i < filter->n_conjuncts; i++) {
        if (!holds(filter, cells, filter->conjuncts[i]))
            return false;
    }
    return true;
}
