/*
 * Connectors that lie, to see that the oracle catches them: SQLite's plan, with an `open` that does
 * something slightly else than it was asked.
 *
 *   fold-eq      claims EXACT for EQ on text, compares without regard to case
 *   loose-lt     claims EXACT for LT, does LTE
 *   order-nulls  claims the order, puts NULLs at the other end
 *   short-limit  claims the limit, stops one row early
 */
#include "oracle.h"

#include "base/err.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct rh_connector honest, liar;

typedef int32_t open_fn(struct rh_conn *conn, const struct rh_op *op, const struct rh_query *query,
                        struct rh_cursor **ret_cursor, struct rh_error *error);

/* Opens the query with each node of operator `from` changed to `to`. */
static int32_t open_with(struct rh_conn *conn, const struct rh_op *op, const struct rh_query *query,
                         uint32_t from, uint32_t to, struct rh_cursor **ret_cursor,
                         struct rh_error *error)
{
    struct rh_query other = *query;
    struct rh_node *nodes = calloc((size_t)query->n_nodes + 1, sizeof(*nodes));
    int32_t r;

    if (!nodes)
        return rh_fail_nomem(error);
    for (uint32_t i = 0; i < query->n_nodes; i++) {
        nodes[i] = query->nodes[i];
        if (nodes[i].op == from &&
            (from != RH_OP_EQ || query->values[nodes[i].first].type == RH_TYPE_TEXT))
            nodes[i].op = to;
    }
    other.nodes = nodes;
    r = honest.open(conn, op, &other, ret_cursor, error);
    free(nodes);
    return r;
}

static int32_t open_fold_eq(struct rh_conn *conn, const struct rh_op *op,
                            const struct rh_query *query, struct rh_cursor **ret_cursor,
                            struct rh_error *error)
{
    return open_with(conn, op, query, RH_OP_EQ, RH_OP_LIKE | RH_OP_FOLD, ret_cursor, error);
}

static int32_t open_loose_lt(struct rh_conn *conn, const struct rh_op *op,
                             const struct rh_query *query, struct rh_cursor **ret_cursor,
                             struct rh_error *error)
{
    return open_with(conn, op, query, RH_OP_LT, RH_OP_LTE, ret_cursor, error);
}

static int32_t open_order_nulls(struct rh_conn *conn, const struct rh_op *op,
                                const struct rh_query *query, struct rh_cursor **ret_cursor,
                                struct rh_error *error)
{
    struct rh_query other = *query;
    struct rh_order *order = calloc((size_t)query->n_order + 1, sizeof(*order));
    int32_t r;

    if (!order)
        return rh_fail_nomem(error);
    for (uint32_t i = 0; i < query->n_order; i++) {
        order[i] = query->order[i];
        order[i].flags ^= RH_ORDER_NULLS_FIRST;
    }
    other.order = order;
    r = honest.open(conn, op, &other, ret_cursor, error);
    free(order);
    return r;
}

static int32_t open_short_limit(struct rh_conn *conn, const struct rh_op *op,
                                const struct rh_query *query, struct rh_cursor **ret_cursor,
                                struct rh_error *error)
{
    struct rh_query other = *query;

    if (other.limit != RH_NO_LIMIT && other.limit > 1)
        other.limit--;
    return honest.open(conn, op, &other, ret_cursor, error);
}

static const struct {
    const char *name;
    open_fn *open;
} lies[] = {
    {"fold-eq", open_fold_eq},
    {"loose-lt", open_loose_lt},
    {"order-nulls", open_order_nulls},
    {"short-limit", open_short_limit},
};

struct rh_library *lie_about(const struct rh_library *library, const char *lie)
{
    struct rh_error error = RH_ERROR_INIT;
    struct rh_library *adopted = NULL;

    honest = liar = library->connector;
    liar.id = RH_TEXT("liar");
    liar.url_schemes = RH_TEXT("");
    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++)
        if (strcmp(lies[i].name, lie) == 0) {
            liar.open = lies[i].open;
            if (rh_library_adopt(&liar, "liar", &adopted, &error) == RH_OK)
                return adopted;
            fprintf(stderr, "oracle: %s\n", error.message);
            return NULL;
        }
    fprintf(stderr, "oracle: there is no lie \"%s\"\n", lie);
    return NULL;
}
