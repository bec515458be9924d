/*
 * Which request reads the rows.
 *
 *   EQ or IN on _id                   batchGet, those documents; nothing else with it
 *   COUNT(*) alone                    runAggregationQuery
 *   all else                          runQuery
 *
 * Firestore has an index of every field by itself, and finds by any number of equalities, or by a range
 * of one field, or by a range of names beside equalities. All else needs an index that somebody has to
 * make, and is not pushed down unless the settings say that they are there. A group's filters need
 * one always.
 *
 * Order by a field leaves out the documents without it: it is taken where a condition on that field
 * does so anyway, and for _id, which all have. (Numbers have NaN in another place.)
 */
#include "firestore.h"

#include <string.h>

#define EXPLAIN_BYTES ((size_t)1 << 20)

static const struct rh_column *column_at(const struct rh_query *query, uint32_t position)
{
    return rh_kit_column(query->columns, query->column_stride, position);
}

static bool is_id(const struct rh_query *query, uint32_t column)
{
    return column < query->n_columns && rh_text_is(column_at(query, column)->name, RH_FIRESTORE_ID);
}

static bool is_grouped(const struct rh_query *query)
{
    return query->n_groups || query->n_aggregates;
}

/* The order is by _id and nothing else that could matter: _id is unique. */
static bool is_id_order(const struct rh_query *query)
{
    return query->n_order > 0 && !is_grouped(query) && is_id(query, query->order[0].column);
}

static bool wants_few(const struct rh_query *query)
{
    return query->limit != RH_NO_LIMIT || query->flags & RH_QUERY_ROW_GOAL;
}

static bool is_keys(const struct rh_query *query, const struct rh_node *node)
{
    return (node->op == RH_OP_EQ || node->op == RH_OP_IN) && is_id(query, node->column) && node->n;
}

/* A range of names: of a table at the root, between names that there can be. */
static bool is_names(const struct rh_conn *conn, const struct rh_query *query,
                     const struct rh_node *node)
{
    const struct rh_value *value = node->n ? &query->values[node->first] : NULL;
    bool seek = node->op == RH_OP_SEEK && is_id_order(query);
    bool range = is_id(query, node->column) && node->op >= RH_OP_LT && node->op <= RH_OP_GTE;

    return (seek || range) && value && value->type == RH_TYPE_TEXT &&
           !rh_firestore_is_group(conn, query->table) &&
           rh_firestore_is_id(conn, query->table, rh_kit_value_text(value));
}

static bool counts_only(const struct rh_query *query)
{
    for (uint32_t i = 0; i < query->n_aggregates; i++)
        if (query->aggregates[i].function != RH_AGG_COUNT ||
            query->aggregates[i].column != RH_NO_COLUMN)
            return false;
    return query->n_aggregates > 0 && query->n_aggregates <= 5 && !query->n_groups;
}

/* Whether rows that have this field, and a value of its type there, can be ordered by it. */
static bool is_range_order(const struct rh_query *query, uint32_t range)
{
    uint32_t type = range == RH_NO_COLUMN ? RH_TYPE_NULL : column_at(query, range)->type;

    return query->n_order > 0 && !is_grouped(query) && query->order[0].column == range &&
           (type == RH_TYPE_TEXT || type == RH_TYPE_TIMESTAMP) &&
           (query->n_order == 1 ||
            (is_id(query, query->order[1].column) &&
             !((query->order[0].flags ^ query->order[1].flags) & RH_ORDER_DESC)));
}

/* ---- Planning ------------------------------------------------------------------------------ */

struct planned {
    bool names;  /* by name: a range, or the order */
    bool equals; /* there is an equality */
    bool any;    /* an `in` was taken */
    uint32_t range;
};

static uint8_t judge(const struct rh_conn *conn, const struct rh_query *query,
                     const struct rh_node *node, struct planned *p)
{
    bool group = rh_firestore_is_group(conn, query->table);
    bool indexes = conn->config.composite_indexes;
    uint8_t verdict;

    if (is_names(conn, query, node))
        return p->names ? RH_VERDICT_EXACT : RH_VERDICT_NONE;
    switch (rh_firestore_shape_of(query, node, &verdict)) {
    case RH_FIRESTORE_EQUAL:
        return group && !indexes ? RH_VERDICT_NONE : verdict;
    case RH_FIRESTORE_ANY:
        if (p->any || (group && !indexes))
            return RH_VERDICT_NONE;
        p->any = true;
        return verdict;
    case RH_FIRESTORE_RANGE:
        if (p->names || ((group || p->equals) && !indexes) ||
            (p->range != RH_NO_COLUMN && p->range != node->column))
            return RH_VERDICT_NONE;
        p->range = node->column;
        return verdict;
    default:
        return RH_VERDICT_NONE;
    }
}

static bool has_seek(const struct rh_query *query)
{
    for (uint32_t i = 0; i < query->n_conjuncts; i++)
        if (query->nodes[query->conjuncts[i]].op == RH_OP_SEEK)
            return true;
    return false;
}

/* A comparison that a filter can make leaves fewer documents than an order by name would pass on the
 * way; what is only "not null" does not. */
static void survey(const struct rh_conn *conn, const struct rh_query *query, struct planned *p)
{
    bool group = rh_firestore_is_group(conn, query->table),
         indexes = conn->config.composite_indexes;
    bool compares = false;

    *p = (struct planned){.range = RH_NO_COLUMN};
    for (uint32_t i = 0; i < query->n_conjuncts; i++) {
        const struct rh_node *node = &query->nodes[query->conjuncts[i]];
        uint8_t verdict;
        enum rh_firestore_shape shape = rh_firestore_shape_of(query, node, &verdict);
        p->names = p->names || (node->op != RH_OP_SEEK && is_names(conn, query, node));
        p->equals = p->equals || shape == RH_FIRESTORE_EQUAL || shape == RH_FIRESTORE_ANY;
        compares = compares || (shape == RH_FIRESTORE_RANGE && node->n);
    }
    compares = compares && !((group || p->equals) && !indexes);
    if (!p->names && !compares && !group && is_id_order(query))
        p->names = wants_few(query) || has_seek(query);
}

/* The node that batchGet takes; RH_NO_COLUMN. */
static uint32_t find_keys(const struct rh_query *query)
{
    for (uint32_t i = 0; i < query->n_conjuncts; i++)
        if (is_keys(query, &query->nodes[query->conjuncts[i]]))
            return query->conjuncts[i];
    return RH_NO_COLUMN;
}

int32_t rh_firestore_plan(struct rh_conn *conn, const struct rh_query *query,
                          struct rh_plan *ret_plan, struct rh_error *error)
{
    uint32_t keys = find_keys(query);
    struct planned p;

    survey(conn, query, &p);
    for (uint32_t i = 0; i < query->n_conjuncts; i++) {
        uint32_t position = query->conjuncts[i];
        if (keys == RH_NO_COLUMN)
            ret_plan->verdicts[i] = judge(conn, query, &query->nodes[position], &p);
        else
            ret_plan->verdicts[i] = position == keys ? RH_VERDICT_EXACT : RH_VERDICT_NONE;
    }
    ret_plan->est_rows = -1;
    if (keys != RH_NO_COLUMN)
        ret_plan->est_rows = (int64_t)query->nodes[keys].n;
    else if ((p.names && is_id_order(query)) || is_range_order(query, p.range))
        ret_plan->n_order = query->n_order;
    if (!is_grouped(query))
        ret_plan->accepts = RH_ACCEPT_LIMIT;
    else if (keys == RH_NO_COLUMN && counts_only(query))
        ret_plan->accepts = RH_ACCEPT_GROUPS;
    return RH_OK;
}

/* ---- What was accepted --------------------------------------------------------------------- */

static int fail_claim(struct rh_error *error)
{
    return rh_fail(error, RH_UNSUPPORTED, "Firestore was not asked what it can do");
}

int rh_firestore_scan_of(const struct rh_conn *conn, const struct rh_query *query,
                         struct rh_firestore_scan *ret_scan, struct rh_error *error)
{
    struct rh_firestore_scan scan = {.keys = find_keys(query), .range = RH_NO_COLUMN};
    bool group = rh_firestore_is_group(conn, query->table), any = false, names = false;

    if (query->n_having || query->offset || (query->flags & 0xffffu) ||
        (is_grouped(query) && !counts_only(query)))
        return fail_claim(error);
    for (uint32_t i = 0; i < query->n_conjuncts; i++) {
        const struct rh_node *node = &query->nodes[query->conjuncts[i]];
        uint8_t verdict;
        enum rh_firestore_shape shape = rh_firestore_shape_of(query, node, &verdict);

        if (query->conjuncts[i] == scan.keys)
            continue;
        if (is_names(conn, query, node)) {
            names = true;
            continue;
        }
        if (shape == RH_FIRESTORE_NONE || (shape == RH_FIRESTORE_ANY && any) ||
            (shape == RH_FIRESTORE_RANGE && scan.range != RH_NO_COLUMN &&
             scan.range != node->column))
            return fail_claim(error);
        any = any || shape == RH_FIRESTORE_ANY;
        if (shape == RH_FIRESTORE_RANGE)
            scan.range = node->column;
    }
    if (is_grouped(query))
        scan.way = RH_FIRESTORE_COUNT;
    else if (scan.keys != RH_NO_COLUMN)
        scan.way = RH_FIRESTORE_KEYS;
    if ((scan.keys != RH_NO_COLUMN &&
         (query->n_conjuncts > 1 || query->n_order || scan.way == RH_FIRESTORE_COUNT)) ||
        (names && scan.range != RH_NO_COLUMN) ||
        (query->n_order && !(is_id_order(query) && !group && scan.range == RH_NO_COLUMN) &&
         !is_range_order(query, scan.range)))
        return fail_claim(error);
    scan.descending = query->n_order && query->order[0].flags & RH_ORDER_DESC;
    *ret_scan = scan;
    return RH_OK;
}

int32_t rh_firestore_explain(struct rh_conn *conn, const struct rh_op *op,
                             const struct rh_query *query, struct rh_text *ret_native,
                             struct rh_error *error)
{
    struct rh_firestore_scan scan;
    struct rh_buf text;
    char *copy = NULL;
    int rc;

    rh_buf_init(&text, EXPLAIN_BYTES);
    rc = rh_firestore_scan_of(conn, query, &scan, error);
    if (rc == RH_OK) {
        rh_buf_addf(&text, "%s ", rh_firestore_method_of(&scan) + 1);
        rc = rh_firestore_add_request(conn, query, &scan, &text, error);
        rh_buf_add_str(&text, scan.way == RH_FIRESTORE_COUNT   ? "}}}"
                              : scan.way == RH_FIRESTORE_QUERY ? "}}"
                                                               : "");
    }
    if (rc == RH_OK && !text.failed)
        copy = conn->host->alloc(op->arena, text.len);
    if (copy) {
        memcpy(copy, text.data, text.len);
        *ret_native = rh_text_make(copy, text.len);
    } else if (rc == RH_OK) {
        rc = rh_fail_nomem(error);
    }
    rh_buf_free(&text);
    return rc;
}
