/*
 * Which request reads the rows.
 *
 *   EQ or IN on _id, of an index       _mget, nothing else pushed down
 *   the number of rows                 _count, when all conditions are exact
 *   all else                           _search
 *
 * Order is Elasticsearch's only with the setting single_values: of an array it takes the least or the most,
 * and what it sorts by is what the index has. _id has no order there.
 */
#include "elasticsearch.h"

#include <string.h>

#define EXPLAIN_BYTES ((size_t)1 << 20)

static const struct rh_column *column_at(const struct rh_query *query, uint32_t position)
{
    return rh_kit_column(query->columns, query->column_stride, position);
}

static bool is_keys(const struct rh_query *query, const struct rh_node *node)
{
    uint32_t id;

    if ((node->op != RH_OP_EQ && node->op != RH_OP_IN) || node->column >= query->n_columns)
        return false;
    id = column_at(query, node->column)->native_id;
    return RH_ELASTICSEARCH_KIND(id) == RH_ELASTICSEARCH_KEY && !(id & RH_ELASTICSEARCH_ALIAS) &&
           rh_elasticsearch_verdict(query, (uint32_t)(node - query->nodes)) == RH_VERDICT_EXACT;
}

static bool is_counting(const struct rh_query *query)
{
    return !query->n_groups && query->n_aggregates == 1 &&
           query->aggregates[0].function == RH_AGG_COUNT &&
           query->aggregates[0].column == RH_NO_COLUMN;
}

static bool is_sortable(const struct rh_query *query, const struct rh_order *order)
{
    const struct rh_column *column = column_at(query, order->column);
    enum rh_elasticsearch_kind kind = RH_ELASTICSEARCH_KIND(column->native_id);
    uint32_t wanted = RH_ELASTICSEARCH_SINGLE | RH_ELASTICSEARCH_SORTABLE;

    return (column->native_id & wanted) == wanted &&
           !(column->native_id & (RH_ELASTICSEARCH_NULL_VALUE | RH_ELASTICSEARCH_NORMALIZED)) &&
           !RH_ELASTICSEARCH_IGNORE_ABOVE(column->native_id) &&
           (kind == RH_ELASTICSEARCH_KEYWORD || kind == RH_ELASTICSEARCH_WHOLE ||
            kind == RH_ELASTICSEARCH_DOUBLE || kind == RH_ELASTICSEARCH_DATE);
}

static uint32_t order_of(const struct rh_query *query)
{
    uint32_t n = 0;

    if (query->n_groups || query->n_aggregates)
        return 0;
    while (n < query->n_order && is_sortable(query, &query->order[n]))
        n++;
    return n;
}

/* alone: no other condition may be there. */
static bool find_keys(const struct rh_query *query, bool alone, uint32_t *ret_keys)
{
    if (query->n_aggregates || query->n_groups || (alone && query->n_conjuncts != 1))
        return false;
    for (uint32_t i = 0; i < query->n_conjuncts; i++)
        if (is_keys(query, &query->nodes[query->conjuncts[i]])) {
            *ret_keys = query->conjuncts[i];
            return true;
        }
    return false;
}

int32_t rh_elasticsearch_plan(struct rh_conn *conn, const struct rh_query *query,
                              struct rh_plan *ret_plan, struct rh_error *error)
{
    uint32_t keys = 0;
    bool by_keys = find_keys(query, false, &keys);

    for (uint32_t i = 0; i < query->n_conjuncts; i++) {
        uint32_t position = query->conjuncts[i];

        if (!by_keys)
            ret_plan->verdicts[i] = rh_elasticsearch_verdict(query, position);
        else
            ret_plan->verdicts[i] = position == keys ? RH_VERDICT_EXACT : RH_VERDICT_NONE;
    }
    ret_plan->n_order = by_keys ? 0 : order_of(query);
    if (!query->n_groups && !query->n_aggregates)
        ret_plan->accepts = RH_ACCEPT_LIMIT;
    else if (is_counting(query))
        ret_plan->accepts = RH_ACCEPT_GROUPS;
    ret_plan->est_rows = by_keys ? (int64_t)query->nodes[keys].n : -1;
    return RH_OK;
}

int rh_elasticsearch_scan_of(const struct rh_query *query, struct rh_elasticsearch_scan *ret_scan,
                             struct rh_error *error)
{
    struct rh_elasticsearch_scan scan = {.way = RH_ELASTICSEARCH_SEARCH};
    bool ok = !query->n_groups && !query->n_having && !query->offset && !(query->flags & 0xffffu) &&
              (!query->n_aggregates || is_counting(query));

    if (query->n_aggregates)
        scan.way = RH_ELASTICSEARCH_COUNT;
    else if (!query->n_order && find_keys(query, true, &scan.keys))
        scan.way = RH_ELASTICSEARCH_KEYS;
    ok = ok && (query->n_aggregates ? !query->n_order : order_of(query) == query->n_order);
    for (uint32_t i = 0; i < query->n_conjuncts && ok; i++)
        ok = rh_elasticsearch_verdict(query, query->conjuncts[i]) != RH_VERDICT_NONE;
    if (!ok)
        return rh_fail(error, RH_UNSUPPORTED, "Elasticsearch was not asked what it can do");
    *ret_scan = scan;
    return RH_OK;
}

void rh_elasticsearch_add_query(const struct rh_query *query, struct rh_buf *body)
{
    if (!query->n_conjuncts) {
        rh_buf_add_str(body, "{\"match_all\":{}}");
        return;
    }
    rh_buf_add_str(body, "{\"bool\":{\"filter\":[");
    for (uint32_t i = 0; i < query->n_conjuncts; i++) {
        if (i)
            rh_buf_add_char(body, ',');
        rh_elasticsearch_add_clause(query, query->conjuncts[i], body);
    }
    rh_buf_add_str(body, "]}}");
}

int32_t rh_elasticsearch_explain(struct rh_conn *conn, const struct rh_op *op,
                                 const struct rh_query *query, struct rh_text *ret_native,
                                 struct rh_error *error)
{
    static const char *const verbs[] = {"_search", "_mget", "_count"};
    struct rh_elasticsearch_scan scan;
    struct rh_buf text;
    char *copy;
    int rc = rh_elasticsearch_scan_of(query, &scan, error);

    if (rc)
        return rc;
    rh_buf_init(&text, EXPLAIN_BYTES);
    rh_buf_add_str(&text, "POST ");
    rh_http_add_segment(&text, query->table);
    rh_buf_addf(&text, "/%s {", verbs[scan.way]);
    if (scan.way == RH_ELASTICSEARCH_SEARCH) {
        rh_elasticsearch_add_search(query, &text);
    } else {
        rh_buf_add_str(&text, "\"query\":");
        rh_elasticsearch_add_query(query, &text);
    }
    rh_buf_add_char(&text, '}');
    copy = text.failed ? NULL : conn->host->alloc(op->arena, text.len);
    if (copy) {
        memcpy(copy, text.data, text.len);
        *ret_native = rh_text_make(copy, text.len);
    }
    rh_buf_free(&text);
    return copy ? RH_OK : rh_fail_nomem(error);
}
