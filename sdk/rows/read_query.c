/*
 * What a read asks for: the cursor it was resumed from, the query with position, direction and
 * limit, and the strategy.
 *
 * Text order: the source's own collation is kept where the source can do all of the order, also on
 * later pages (asked beforehand with a made-up position); else text keys compare by code point. The
 * choice is written in the cursors, so that all pages are parts of one sequence.
 */
#include "rows/reader.h"

#include "base/err.h"
#include "base/text.h"

#include <string.h>

/* ---- Limit, position, direction ---------------------------------------------------------- */

static int check_limit(const struct rh_bound *bound, const struct rh_read_options *options,
                       struct rh_error *error)
{
    if (options->stream || bound->query.limit == RH_NO_LIMIT ||
        bound->query.limit <= RH_READ_MAX_LIMIT)
        return RH_OK;
    rh_fail(error, RH_INVALID, "limit is %llu, but a page has at most %d rows",
            (unsigned long long)bound->query.limit, RH_READ_MAX_LIMIT);
    rh_error_code(error, "invalid-query");
    rh_error_pointer(error, "/limit");
    return rh_error_hint(error, "read page by page, or as a stream (NDJSON, CSV)");
}

static int fail_resume(const char *reason, const char *pointer, struct rh_error *error)
{
    rh_fail(error, RH_INVALID, "%s", reason);
    rh_error_code(error, "invalid-cursor");
    return rh_error_pointer(error, pointer);
}

/* Takes the position out of the cursor that was given, if any. */
static int resume(struct rh_read *read, bool keyset, struct rh_error *error)
{
    const struct rh_bound *bound = &read->bound;
    const char *pointer = bound->after.data ? "/after" : "/before";
    int r;

    if (!bound->after.data && !bound->before.data)
        return RH_OK;
    if (bound->after.data && bound->before.data)
        return fail_resume("\"after\" and \"before\" cannot be combined", "/before", error);
    r = rh_position_decode(read->arena, read->fingerprint, bound->query.n_order,
                           bound->after.data ? bound->after : bound->before, pointer, &read->from,
                           error);
    if (r < 0)
        return r;
    if (read->from.keyset != keyset)
        return fail_resume("the cursor was made for another kind of order", pointer, error);
    read->resumed = true;
    read->backward = bound->before.data != NULL;
    return RH_OK;
}

/* Offset pages: where the page begins, and how long it can be. */
static void place_by_offset(struct rh_read *read)
{
    uint64_t offset = read->from.offset;

    if (!read->resumed)
        return;
    if (!read->backward) {
        read->offset = offset;
        return;
    }
    read->limit = offset < read->limit ? offset : read->limit;
    read->offset = offset - read->limit;
}

static int copy_order(struct rh_read *read, struct rh_query *query, uint32_t flip, uint32_t set,
                      struct rh_error *error)
{
    struct rh_order *order = rh_arena_array(read->arena, query->n_order, sizeof(*order));

    if (!order)
        return rh_fail_nomem(error);
    for (uint32_t i = 0; i < query->n_order; i++) {
        order[i] = query->order[i];
        order[i].flags = (order[i].flags ^ flip) | set;
    }
    query->order = order;
    return RH_OK;
}

/* Adds a SEEK behind this position to the conjuncts. */
static int add_seek(struct rh_read *read, struct rh_query *query, const struct rh_value *position,
                    struct rh_error *error)
{
    uint32_t n_order = query->n_order;
    uint32_t *conjuncts =
        rh_arena_array(read->arena, (size_t)query->n_conjuncts + 1, sizeof(*conjuncts));
    struct rh_node *nodes = rh_arena_array(read->arena, (size_t)query->n_nodes + 1, sizeof(*nodes));
    struct rh_value *values =
        rh_arena_array(read->arena, (size_t)query->n_values + n_order, sizeof(*values));

    if (!conjuncts || !nodes || !values)
        return rh_fail_nomem(error);
    if (query->n_conjuncts)
        memcpy(conjuncts, query->conjuncts, query->n_conjuncts * sizeof(*conjuncts));
    if (query->n_nodes)
        memcpy(nodes, query->nodes, query->n_nodes * sizeof(*nodes));
    if (query->n_values)
        memcpy(values, query->values, query->n_values * sizeof(*values));
    memcpy(values + query->n_values, position, n_order * sizeof(*values));
    nodes[query->n_nodes] = (struct rh_node){
        .op = RH_OP_SEEK, .column = RH_NO_COLUMN, .first = query->n_values, .n = n_order};
    conjuncts[query->n_conjuncts] = query->n_nodes;
    query->nodes = nodes;
    query->values = values;
    query->conjuncts = conjuncts;
    query->n_nodes++;
    query->n_values += n_order;
    query->n_conjuncts++;
    return RH_OK;
}

/* The bound query with the page's limit, direction and position. */
static int make_query(struct rh_read *read, struct rh_error *error)
{
    struct rh_query query = read->bound.query;
    bool whole = read->limit == RH_NO_LIMIT && read->offset == 0;
    int r = RH_OK;

    query.offset = read->offset;
    query.limit = read->limit;
    if (read->paging != RH_PAGING_NONE)
        query.limit = read->limit + 1; /* one more tells whether there is a next page */
    else if (whole && !read->resumed)
        query.n_order = read->bound.n_asked; /* nothing is cut: ties need no breaking */
    if (read->options.lock && read->session->connector->tx)
        query.flags |= RH_QUERY_LOCK;
    if (read->resumed && read->from.keyset) {
        if (read->backward)
            r = copy_order(read, &query, RH_ORDER_DESC | RH_ORDER_NULLS_FIRST, 0, error);
        if (r == RH_OK && !read->gathered)
            r = add_seek(read, &query, read->from.values, error);
    }
    read->query = query;
    return r;
}

/* ---- Planning ---------------------------------------------------------------------------- */

/* Some value of the column's type, to ask whether positions can be pushed down. */
static struct rh_value sample(uint32_t type)
{
    static const uint64_t zeros[2];

    switch (type) {
    case RH_TYPE_DECIMAL:
        return (struct rh_value){.type = RH_TYPE_DECIMAL, .len = 1, .as.data = "0"};
    case RH_TYPE_TEXT:
    case RH_TYPE_BYTES:
        return (struct rh_value){.type = (uint8_t)type, .as.data = ""};
    case RH_TYPE_INTERVAL:
    case RH_TYPE_UUID:
        return (struct rh_value){.type = (uint8_t)type, .len = 16, .as.data = zeros};
    default:
        return (struct rh_value){.type = (uint8_t)type};
    }
}

static int make_strategy(struct rh_read *read, const struct rh_query *query,
                         struct rh_strategy *ret_strategy, struct rh_error *error)
{
    bool behind = read->gathered && read->resumed && read->from.keyset;

    return rh_strategy_make(read->arena, read->session, read->bound.table, query,
                            read->options.push_nothing, read->paging == RH_PAGING_KEYSET,
                            behind ? read->from.values : NULL, ret_strategy, error);
}

/* Whether the source could also continue behind a row of the first page. Gathered rows are
 * continued by the host, which cannot compare as the source does. */
static int can_continue(struct rh_read *read, bool *ret_can, struct rh_error *error)
{
    struct rh_strategy strategy;
    struct rh_query query = read->query;
    struct rh_value *values = rh_arena_array(read->arena, query.n_order, sizeof(*values));
    int r;

    *ret_can = false;
    if (read->gathered)
        return RH_OK;
    if (!values)
        return rh_fail_nomem(error);
    for (uint32_t i = 0; i < query.n_order; i++)
        values[i] = sample(query.columns[query.order[i].column].type);
    r = add_seek(read, &query, values, error);
    if (r == RH_OK)
        r = make_strategy(read, &query, &strategy, error);
    if (r == RH_OK)
        *ret_can = strategy.sound;
    return r;
}

static int plan_binary(struct rh_read *read, struct rh_error *error)
{
    int r = copy_order(read, &read->query, 0, RH_ORDER_BINARY, error);

    return r < 0 ? r : make_strategy(read, &read->query, &read->strategy, error);
}

static int plan(struct rh_read *read, struct rh_error *error)
{
    bool keyset = read->resumed && read->from.keyset, can = true;
    int r = RH_OK;

    if (!rh_strategy_is_native_order(&read->query))
        return make_strategy(read, &read->query, &read->strategy, error);
    if (read->resumed && read->from.binary)
        return plan_binary(read, error);
    if (!keyset && read->paging == RH_PAGING_KEYSET)
        r = can_continue(read, &can, error);
    if (r == RH_OK && can)
        r = make_strategy(read, &read->query, &read->strategy, error);
    if (r < 0 || (can && read->strategy.sound))
        return r;
    if (read->resumed)
        return fail_resume("the page cannot be continued, because the datasource no longer orders "
                           "as it did",
                           read->backward ? "/before" : "/after", error);
    return plan_binary(read, error);
}

/* ---- All together ------------------------------------------------------------------------ */

int rh_read_prepare(struct rh_read *read, struct rh_error *error)
{
    const struct rh_query *query = &read->bound.query;
    bool gathered =
        query->n_groups + query->n_aggregates > 0 || (query->flags & RH_QUERY_DISTINCT) != 0;
    bool keyset = read->bound.stable && !gathered;
    int r;

    read->limit = query->limit;
    read->offset = query->offset;
    if (!read->options.stream) {
        read->paging = keyset ? RH_PAGING_KEYSET : RH_PAGING_OFFSET;
        if (read->limit == RH_NO_LIMIT)
            read->limit = RH_READ_DEFAULT_LIMIT;
    }
    r = check_limit(&read->bound, &read->options, error);
    if (r < 0)
        return r;
    r = rh_position_fingerprint(rh_text_of(rh_datasource_name(read->session->datasource)), query,
                                read->fingerprint, error);
    if (r == RH_OK)
        r = resume(read, keyset, error);
    if (r < 0)
        return r;
    if (read->resumed && keyset)
        read->offset = 0;
    else
        place_by_offset(read);
    if (read->backward && read->limit > RH_READ_MAX_LIMIT)
        return fail_resume("a stream cannot be read backwards; give it a limit of at most 10000",
                           "/before", error);
    r = make_query(read, error);
    return r < 0 ? r : plan(read, error);
}
