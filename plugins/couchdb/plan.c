/*
 * Which request reads the rows.
 *
 *   a condition on _id that is a range, SEEK, or no condition   _all_docs, between two keys
 *   EQ or IN on _id                                            _all_docs, those keys
 *   all else                                                   _find
 *
 * Only _all_docs compares _id by code point; in _find even a range of _id is ICU's, so the two are
 * never mixed. Order by _id is _find's too (it walks _all_docs), but is taken only when not all rows
 * are wanted: else an index on what is asked for is the better way, and the host sorts.
 *
 * plan and open come to the same way, because open sees the conditions that plan has claimed.
 */
#include "couchdb.h"

#include "base/json.h"

#include <string.h>

#define EXPLAIN_BYTES ((size_t)1 << 20)

static const struct rh_column *column_of(const struct rh_query *query, uint32_t column)
{
    return column < query->n_columns ? rh_kit_column(query->columns, query->column_stride, column)
                                     : NULL;
}

static bool is_declared(const struct rh_query *query)
{
    return query->n_columns && column_of(query, 0)->native_id & RH_COUCHDB_DECLARED;
}

/* Do equal values of it have equal _ids? */
static bool is_key(const struct rh_query *query, uint32_t position)
{
    const struct rh_column *column = column_of(query, position);

    return column &&
           (column->native_id & RH_COUCHDB_DECLARED ? (column->native_id & RH_COUCHDB_KEY) != 0
                                                    : rh_text_is(column->name, RH_COUCHDB_ID));
}

/* And are they in the same order? */
static bool is_id(const struct rh_query *query, uint32_t position)
{
    const struct rh_column *column = column_of(query, position);

    return is_key(query, position) && column && column->type == RH_TYPE_TEXT;
}

/* The order is by _id and nothing else that could matter: _id is unique. */
static bool is_id_order(const struct rh_query *query)
{
    return query->n_order > 0 && !query->n_groups && !query->n_aggregates &&
           is_id(query, query->order[0].column);
}

static bool is_range(const struct rh_query *query, const struct rh_node *node)
{
    if (node->op == RH_OP_SEEK)
        return is_id_order(query) && node->n >= 1;
    return is_id(query, node->column) && (node->op == RH_OP_LT || node->op == RH_OP_LTE ||
                                          node->op == RH_OP_GT || node->op == RH_OP_GTE);
}

static bool is_keys(const struct rh_query *query, const struct rh_node *node)
{
    return is_key(query, node->column) && (node->op == RH_OP_EQ || node->op == RH_OP_IN);
}

static bool is_grouped(const struct rh_query *query)
{
    return query->n_groups || query->n_aggregates;
}

static bool wants_few(const struct rh_query *query)
{
    return query->limit != RH_NO_LIMIT || query->flags & RH_QUERY_ROW_GOAL;
}

/* Is there an index that leads to what is asked for? */
static bool is_indexed(const struct rh_query *query)
{
    for (uint32_t i = 0; i < query->n_conjuncts; i++) {
        const struct rh_node *node = &query->nodes[query->conjuncts[i]];
        const struct rh_column *column = column_of(query, node->column);

        if (column && column->native_id & RH_COUCHDB_INDEXED && rh_couchdb_narrows(node) &&
            rh_couchdb_verdict(query, query->conjuncts[i]))
            return true;
    }
    return false;
}

/* The way, and for KEYS the node. */
static enum rh_couchdb_way way_of(const struct rh_query *query, uint32_t *ret_keys)
{
    bool keys = false;

    for (uint32_t i = 0; i < query->n_conjuncts; i++) {
        const struct rh_node *node = &query->nodes[query->conjuncts[i]];

        if (is_range(query, node))
            return RH_COUCHDB_RANGE;
        if (!keys && is_keys(query, node)) {
            *ret_keys = query->conjuncts[i];
            keys = true;
        }
    }
    if (keys)
        return RH_COUCHDB_KEYS;
    return query->n_conjuncts ? RH_COUCHDB_FIND : RH_COUCHDB_RANGE;
}

/* "Not null" beside a condition that narrows is better left to the host: PouchDB cannot read an index
 * from null on. */
static bool is_idle(const struct rh_conn *conn, const struct rh_query *query, uint32_t i)
{
    bool narrow = conn->config.table_field != NULL;

    if (query->nodes[query->conjuncts[i]].op != (RH_OP_NULL | RH_OP_NOT))
        return false;
    for (uint32_t k = 0; k < query->n_conjuncts; k++)
        narrow = narrow || rh_couchdb_narrows(&query->nodes[query->conjuncts[k]]);
    return narrow;
}

/* A condition that fits to those that were claimed before it. */
static uint8_t find_verdict(const struct rh_conn *conn, const struct rh_query *query,
                            const uint8_t *verdicts, uint32_t i)
{
    if (is_idle(conn, query, i))
        return RH_VERDICT_NONE;
    for (uint32_t k = 0; k < i; k++)
        if (verdicts[k] && !rh_couchdb_agree(query, query->conjuncts[k], query->conjuncts[i]))
            return RH_VERDICT_NONE;
    return rh_couchdb_verdict(query, query->conjuncts[i]);
}

int32_t rh_couchdb_plan(struct rh_conn *conn, const struct rh_query *query,
                        struct rh_plan *ret_plan, struct rh_error *error)
{
    uint32_t keys = 0;
    enum rh_couchdb_way way = way_of(query, &keys);
    bool ordered = is_id_order(query);

    for (uint32_t i = 0; i < query->n_conjuncts; i++) {
        uint32_t position = query->conjuncts[i];
        const struct rh_node *node = &query->nodes[position];
        bool done = way == RH_COUCHDB_RANGE ? is_range(query, node) : position == keys;

        if (way == RH_COUCHDB_FIND)
            ret_plan->verdicts[i] = find_verdict(conn, query, ret_plan->verdicts, i);
        else
            ret_plan->verdicts[i] = done ? RH_VERDICT_EXACT : RH_VERDICT_NONE;
    }
    if (ordered && (way == RH_COUCHDB_RANGE || (way == RH_COUCHDB_FIND && !is_declared(query) &&
                                                wants_few(query) && !is_indexed(query))))
        ret_plan->n_order = query->n_order;
    if (!is_grouped(query))
        ret_plan->accepts = RH_ACCEPT_LIMIT;
    ret_plan->est_rows = way == RH_COUCHDB_KEYS ? (int64_t)query->nodes[keys].n : -1;
    return RH_OK;
}

/* ---- What was accepted --------------------------------------------------------------------- */

/* Makes a bound narrower. */
static void narrow(struct rh_couchdb_bound *bound, struct rh_text id, bool inclusive, int direction)
{
    int order = bound->id.data ? rh_text_compare(id, bound->id) * direction : 1;

    if (order > 0 || (order == 0 && !inclusive))
        *bound = (struct rh_couchdb_bound){id, inclusive};
}

static int add_range(const struct rh_query *query, const struct rh_node *node,
                     struct rh_couchdb_scan *scan, struct rh_error *error)
{
    const struct rh_value *value = &query->values[node->first];
    struct rh_text id = rh_kit_value_text(value);
    uint32_t op = node->op;

    if (value->type != RH_TYPE_TEXT)
        return rh_fail(error, RH_UNSUPPORTED, "_id is compared with what is no text");
    if (!id.data)
        id = RH_TEXT("");
    if (op == RH_OP_SEEK)
        op = scan->descending ? RH_OP_LT : RH_OP_GT;
    if (op == RH_OP_GT || op == RH_OP_GTE)
        narrow(&scan->low, id, op == RH_OP_GTE, 1);
    else
        narrow(&scan->high, id, op == RH_OP_LTE, -1);
    return RH_OK;
}

int rh_couchdb_scan_of(const struct rh_query *query, struct rh_couchdb_scan *ret_scan,
                       struct rh_error *error)
{
    struct rh_couchdb_scan scan = {.keys = 0};
    int rc = RH_OK;

    scan.way = way_of(query, &scan.keys);
    scan.declared = is_declared(query);
    if (is_grouped(query) || query->n_having || query->offset || (query->flags & 0xffffu) ||
        (query->n_order && (!is_id_order(query) || scan.way == RH_COUCHDB_KEYS)))
        return rh_fail(error, RH_UNSUPPORTED, "CouchDB was not asked what it can do");
    scan.descending = query->n_order && query->order[0].flags & RH_ORDER_DESC;
    for (uint32_t i = 0; i < query->n_conjuncts && rc == RH_OK; i++) {
        uint32_t position = query->conjuncts[i];
        const struct rh_node *node = &query->nodes[position];

        if (scan.way == RH_COUCHDB_RANGE && is_range(query, node))
            rc = add_range(query, node, &scan, error);
        else if (scan.way == RH_COUCHDB_FIND && rh_couchdb_is_partition(query, position))
            scan.partition = rh_kit_value_text(&query->values[node->first]);
        else if (scan.way == RH_COUCHDB_FIND ? !rh_couchdb_verdict(query, position)
                                             : position != scan.keys || !is_keys(query, node))
            rc = rh_fail(error, RH_UNSUPPORTED,
                         "CouchDB was given a condition that it has not "
                         "claimed");
    }
    if (rc == RH_OK)
        *ret_scan = scan;
    return rc;
}

int32_t rh_couchdb_explain(struct rh_conn *conn, const struct rh_op *op,
                           const struct rh_query *query, struct rh_text *ret_native,
                           struct rh_error *error)
{
    struct rh_couchdb_scan scan;
    struct rh_buf url, body;
    char *text = NULL;
    int rc;

    rh_buf_init(&url, EXPLAIN_BYTES);
    rh_buf_init(&body, EXPLAIN_BYTES);
    rc = rh_couchdb_scan_of(query, &scan, error);
    if (rc == RH_OK)
        rc = rh_couchdb_add_request(conn, query, &scan, 0, rh_text_make(NULL, 0), &url, &body,
                                    error);
    if (rc == RH_OK && (url.failed || body.failed))
        rc = rh_fail_nomem(error);
    if (rc == RH_OK)
        text = conn->host->alloc(op->arena, url.len + body.len + 8);
    if (text) {
        const char *method = body.len ? "POST " : "GET ";
        size_t n = strlen(method);

        memcpy(text, method, n);
        memcpy(text + n, url.data, url.len);
        n += url.len;
        if (body.len) {
            text[n++] = ' ';
            memcpy(text + n, body.data, body.len);
            n += body.len;
        }
        *ret_native = rh_text_make(text, n);
    } else if (rc == RH_OK) {
        rc = rh_fail_nomem(error);
    }
    rh_buf_free(&url);
    rh_buf_free(&body);
    return rc;
}
