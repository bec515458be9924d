/*
 * Which request reads the rows.
 *
 *   EQ or IN on all of the table's key       BatchGetItem, nothing else pushed down
 *   EQ or IN on a partition key              Query of each partition, by the table's key or an index
 *   all else                                 Scan
 *
 * An index lacks the items that lack a part of its key. So it is used only when there is a condition on
 * each part, which such items do not satisfy. Only indexes that hold whole items are known here.
 *
 * `open` sees the conditions that `plan` has claimed, but maybe without order and aggregates; it takes the
 * best way on which all of them can be done, and the one that plan has taken is always such.
 */
#include "dynamodb.h"

#include "connector/decimal.h"

#define MAX_PARTITIONS 100u
#define MAX_KEYS 10000u

static const struct rh_column *column_at(const struct rh_query *query, uint32_t position)
{
    return rh_kit_column(query->columns, query->column_stride, position);
}

static const struct rh_node *node_at(const struct rh_query *query, uint32_t conjunct)
{
    return &query->nodes[query->conjuncts[conjunct]];
}

const struct rh_value *rh_dynamodb_bound(const struct rh_query *query, uint32_t position)
{
    return &query->values[query->nodes[position].first];
}

static bool is_counting(const struct rh_query *query)
{
    return !query->n_groups && query->n_aggregates == 1 &&
           query->aggregates[0].function == RH_AGG_COUNT &&
           query->aggregates[0].column == RH_NO_COLUMN;
}

static bool is_list(const struct rh_node *node)
{
    return (node->op == RH_OP_EQ || node->op == RH_OP_IN) && node->n > 0;
}

/* EQ before IN; NONE. */
static uint32_t list_on(const struct rh_query *query, uint32_t column, uint32_t most)
{
    uint32_t found = RH_DYNAMODB_NONE;

    for (uint32_t i = 0; i < query->n_conjuncts; i++) {
        const struct rh_node *node = node_at(query, i);

        if (!is_list(node) || node->column != column || node->n > most)
            continue;
        if (node->op == RH_OP_EQ)
            return query->conjuncts[i];
        if (found == RH_DYNAMODB_NONE)
            found = query->conjuncts[i];
    }
    return found;
}

/* ---- Conditions on the range key ----------------------------------------------------------- */

static int compare(const struct rh_value *a, const struct rh_value *b)
{
    if (a->type == RH_TYPE_INT)
        return (a->as.i > b->as.i) - (a->as.i < b->as.i);
    if (a->type == RH_TYPE_DECIMAL)
        return rh_decimal_compare(rh_kit_value_text(a), rh_kit_value_text(b));
    return rh_text_compare(rh_kit_value_text(a), rh_kit_value_text(b));
}

/* The order begins with the range key. (SEEK compares by all of the order: then it is after or at.) */
static bool is_seek(const struct rh_query *query, const struct rh_node *node, uint32_t range)
{
    return node->op == RH_OP_SEEK && node->n && query->n_order && !query->n_aggregates &&
           query->order[0].column == range;
}

static uint32_t bound_op(const struct rh_query *query, const struct rh_node *node)
{
    if (node->op != RH_OP_SEEK)
        return node->op;
    return query->order[0].flags & RH_ORDER_DESC ? RH_OP_LTE : RH_OP_GTE;
}

/* One condition, or two that are a range. */
static void find_range(const struct rh_query *query, struct rh_dynamodb_scan *scan)
{
    uint32_t starts = RH_DYNAMODB_NONE;

    for (uint32_t i = 0; i < query->n_conjuncts; i++) {
        const struct rh_node *node = node_at(query, i);
        uint32_t position = query->conjuncts[i], op = bound_op(query, node);

        if ((node->column != scan->range && !is_seek(query, node, scan->range)) || !node->n ||
            !rh_dynamodb_is_key_value(rh_dynamodb_bound(query, position),
                                      column_at(query, scan->range)->native_id, true))
            continue;
        if (op == RH_OP_EQ) {
            scan->low = position;
            scan->high = RH_DYNAMODB_NONE;
            return;
        }
        if (op == RH_OP_STARTS && query->values[node->first].type == RH_TYPE_TEXT)
            starts = position;
        else if ((op == RH_OP_GT || op == RH_OP_GTE) && scan->low == RH_DYNAMODB_NONE)
            scan->low = position;
        else if ((op == RH_OP_LT || op == RH_OP_LTE) && scan->high == RH_DYNAMODB_NONE)
            scan->high = position;
    }
    if (starts != RH_DYNAMODB_NONE) {
        scan->low = starts;
        scan->high = RH_DYNAMODB_NONE;
    } else if (scan->low == RH_DYNAMODB_NONE) {
        scan->low = scan->high;
        scan->high = RH_DYNAMODB_NONE;
    } else if (scan->high != RH_DYNAMODB_NONE && /* DynamoDB refuses a range that is upside down */
               compare(rh_dynamodb_bound(query, scan->low), rh_dynamodb_bound(query, scan->high)) >
                   0) {
        scan->high = RH_DYNAMODB_NONE;
    }
}

/* ---- Ways ---------------------------------------------------------------------------------- */

static void find_columns(const struct rh_query *query, struct rh_dynamodb_scan *scan,
                         bool *ret_alone)
{
    *ret_alone = false;
    for (uint32_t i = 0; i < query->n_columns; i++)
        switch (RH_DYNAMODB_ROLE(column_at(query, i)->native_id, scan->slot)) {
        case RH_DYNAMODB_ALONE:
            *ret_alone = true;
            scan->hash = i;
            break;
        case RH_DYNAMODB_HASH:
            scan->hash = i;
            break;
        case RH_DYNAMODB_RANGE:
            scan->range = i;
            break;
        default:
            break;
        }
}

static struct rh_dynamodb_scan whole(enum rh_dynamodb_way way, uint32_t slot)
{
    return (struct rh_dynamodb_scan){
        .way = way,
        .slot = slot,
        .hash = RH_DYNAMODB_NONE,
        .range = RH_DYNAMODB_NONE,
        .partitions = RH_DYNAMODB_NONE,
        .low = RH_DYNAMODB_NONE,
        .high = RH_DYNAMODB_NONE,
    };
}

static bool by_keys(const struct rh_query *query, struct rh_dynamodb_scan *ret_scan)
{
    struct rh_dynamodb_scan scan = whole(RH_DYNAMODB_KEYS, 0);
    bool alone;
    uint64_t n;

    find_columns(query, &scan, &alone);
    if (scan.hash == RH_DYNAMODB_NONE || (!alone && scan.range == RH_DYNAMODB_NONE))
        return false;
    scan.partitions = list_on(query, scan.hash, MAX_KEYS);
    if (!alone)
        scan.low = list_on(query, scan.range, MAX_KEYS);
    if (scan.partitions == RH_DYNAMODB_NONE || (!alone && scan.low == RH_DYNAMODB_NONE))
        return false;
    n = query->nodes[scan.partitions].n;
    n *= alone ? 1 : query->nodes[scan.low].n;
    *ret_scan = scan;
    return n <= MAX_KEYS;
}

static bool by_query(const struct rh_query *query, uint32_t slot, struct rh_dynamodb_scan *ret_scan)
{
    struct rh_dynamodb_scan scan = whole(RH_DYNAMODB_QUERY, slot);
    bool alone;

    find_columns(query, &scan, &alone);
    if (scan.hash == RH_DYNAMODB_NONE)
        return false;
    scan.partitions = list_on(query, scan.hash, MAX_PARTITIONS);
    if (scan.range != RH_DYNAMODB_NONE)
        find_range(query, &scan);
    *ret_scan = scan;
    return scan.partitions != RH_DYNAMODB_NONE &&
           (alone || slot == 0 || scan.low != RH_DYNAMODB_NONE);
}

/* How much of the order a way gives by itself: within one partition, by the range key. */
static uint32_t order_of(const struct rh_query *query, const struct rh_dynamodb_scan *scan)
{
    uint32_t n = 0;

    if (scan->way != RH_DYNAMODB_QUERY || query->n_groups || query->n_aggregates ||
        query->nodes[scan->partitions].op != RH_OP_EQ)
        return 0;
    while (n < query->n_order && query->order[n].column == scan->hash)
        n++;
    if (n == query->n_order || query->order[n].column != scan->range)
        return n;
    return scan->slot == 0 ? query->n_order : n + 1; /* the table's own key is unique */
}

static bool is_descending(const struct rh_query *query, const struct rh_dynamodb_scan *scan)
{
    for (uint32_t i = 0; i < query->n_order; i++)
        if (query->order[i].column == scan->range)
            return (query->order[i].flags & RH_ORDER_DESC) != 0;
    return false;
}

bool rh_dynamodb_is_key(const struct rh_dynamodb_scan *scan, uint32_t position)
{
    return scan->way != RH_DYNAMODB_SCAN &&
           (position == scan->partitions || position == scan->low || position == scan->high);
}

/* A range of two is sent as BETWEEN, which has both of its ends. */
static uint8_t key_verdict(const struct rh_query *query, const struct rh_dynamodb_scan *scan,
                           uint32_t position)
{
    uint32_t op = query->nodes[position].op;
    bool open_end = op == RH_OP_LT || op == RH_OP_GT;

    return op == RH_OP_SEEK || (scan->high != RH_DYNAMODB_NONE && open_end) ? RH_VERDICT_SUPERSET
                                                                            : RH_VERDICT_EXACT;
}

static uint8_t verdict_of(const struct rh_query *query, const struct rh_dynamodb_scan *scan,
                          uint32_t position, struct rh_dynamodb_cost *cost)
{
    if (rh_dynamodb_is_key(scan, position))
        return key_verdict(query, scan, position);
    if (scan->way == RH_DYNAMODB_KEYS)
        return RH_VERDICT_NONE;
    return rh_dynamodb_verdict(query, scan, position, cost);
}

static bool does_all(const struct rh_query *query, const struct rh_dynamodb_scan *scan)
{
    struct rh_dynamodb_cost cost = {0};

    for (uint32_t i = 0; i < query->n_conjuncts; i++)
        if (!verdict_of(query, scan, query->conjuncts[i], &cost))
            return false;
    return query->n_aggregates || order_of(query, scan) == query->n_order;
}

static unsigned worth_of(const struct rh_query *query, const struct rh_dynamodb_scan *scan)
{
    return (query->nodes[scan->partitions].op == RH_OP_EQ ? 8u : 4u) +
           (scan->low != RH_DYNAMODB_NONE ? 2u : 0u) + (order_of(query, scan) ? 1u : 0u);
}

/* all: only ways on which everything is done. */
static struct rh_dynamodb_scan choose(const struct rh_query *query, bool all)
{
    struct rh_dynamodb_scan best = whole(RH_DYNAMODB_SCAN, 0), scan;
    unsigned worth = 0;

    if (!is_counting(query) && by_keys(query, &scan) && (!all || does_all(query, &scan)))
        return scan;
    for (uint32_t slot = 0; slot < RH_DYNAMODB_SLOTS; slot++) {
        if (!by_query(query, slot, &scan) || (all && !does_all(query, &scan)) ||
            worth_of(query, &scan) <= worth)
            continue;
        best = scan;
        worth = worth_of(query, &scan);
    }
    best.descending = best.way == RH_DYNAMODB_QUERY && is_descending(query, &best);
    best.counting = is_counting(query);
    return best;
}

int32_t rh_dynamodb_plan(struct rh_conn *conn, const struct rh_query *query,
                         struct rh_plan *ret_plan, struct rh_error *error)
{
    struct rh_dynamodb_scan scan = choose(query, false);
    struct rh_dynamodb_cost cost = {0};

    for (uint32_t i = 0; i < query->n_conjuncts; i++)
        ret_plan->verdicts[i] = verdict_of(query, &scan, query->conjuncts[i], &cost);
    ret_plan->n_order = order_of(query, &scan);
    if (!query->n_groups && !query->n_aggregates)
        ret_plan->accepts = RH_ACCEPT_LIMIT;
    else if (scan.counting)
        ret_plan->accepts = RH_ACCEPT_GROUPS;
    ret_plan->est_rows =
        scan.way == RH_DYNAMODB_KEYS ? (int64_t)query->nodes[scan.partitions].n : -1;
    return RH_OK;
}

int rh_dynamodb_scan_of(const struct rh_query *query, struct rh_dynamodb_scan *ret_scan,
                        struct rh_error *error)
{
    struct rh_dynamodb_scan scan = choose(query, true);

    if (query->n_groups || (query->n_aggregates && !scan.counting) || query->n_having ||
        query->offset || (query->flags & 0xffffu) || (scan.counting && query->n_order) ||
        !does_all(query, &scan))
        return rh_fail(error, RH_UNSUPPORTED, "DynamoDB was not asked what it can do");
    *ret_scan = scan;
    return RH_OK;
}
