/*
 * What is claimed: the conditions that parameters take, an order that the
 * API has, and a limit. Everything else is the host's.
 * open comes to the same requests as plan, because it sees the conditions that plan has claimed.
 */
#include "rest.h"

#include <string.h>

#define PLAN_BYTES ((size_t)256 << 20)

static int check(const struct rh_conn *conn, const struct rh_query *query, struct rh_arena *arena,
                 struct rh_rest_scan *ret_scan, struct rh_error *error)
{
    const struct rh_rest_resource *resource;
    int rc = arena ? rh_rest_find(conn, query->table, &resource, error) : rh_fail_nomem(error);

    return rc ? rc : rh_rest_bind(resource, query, arena, false, ret_scan, error);
}

int32_t rh_rest_plan(struct rh_conn *conn, const struct rh_query *query, struct rh_plan *ret_plan,
                     struct rh_error *error)
{
    struct rh_arena *arena = rh_arena_new(PLAN_BYTES);
    struct rh_rest_scan scan;
    int rc = check(conn, query, arena, &scan, error);

    if (rc == RH_OK) {
        for (uint32_t i = 0; i < query->n_conjuncts; i++)
            ret_plan->verdicts[i] = rh_rest_verdict(&scan, query, query->conjuncts[i]);
        ret_plan->n_order = rh_rest_order_of(&scan, query, &scan.order);
        if (!query->n_groups && !query->n_aggregates)
            ret_plan->accepts = RH_ACCEPT_LIMIT;
        ret_plan->est_rows = scan.call != &scan.resource->list ? (int64_t)scan.n_requests : -1;
    }
    rh_arena_free(arena);
    return rc;
}

int32_t rh_rest_explain(struct rh_conn *conn, const struct rh_op *op, const struct rh_query *query,
                        struct rh_text *ret_native, struct rh_error *error)
{
    struct rh_arena *arena = rh_arena_new(PLAN_BYTES);
    struct rh_rest_scan scan;
    struct rh_buf url, body;
    char *text;
    int rc = check(conn, query, arena, &scan, error);

    rh_buf_init(&url, RH_REST_URL_BYTES);
    rh_buf_init(&body, RH_REST_ROW_BYTES);
    if (rc == RH_OK) {
        rh_rest_order_of(&scan, query, &scan.order);
        rh_buf_add_text(&url, scan.call->method);
        rh_buf_add_char(&url, ' ');
        rc = rh_rest_add_request(&scan, &url, &body, error);
    }
    if (rc == RH_OK && body.len) {
        rh_buf_add_char(&url, ' ');
        rh_buf_add_text(&url, rh_buf_text(&body));
    }
    if (rc == RH_OK && scan.n_requests > 1)
        rh_buf_addf(&url, " (the first of %llu requests)", (unsigned long long)scan.n_requests);
    text = rc == RH_OK && !url.failed ? conn->host->alloc(op->arena, url.len + 1) : NULL;
    if (text) {
        memcpy(text, url.data, url.len);
        *ret_native = rh_text_make(text, url.len);
    } else if (rc == RH_OK) {
        rc = rh_fail_nomem(error);
    }
    rh_buf_free(&url);
    rh_buf_free(&body);
    rh_arena_free(arena);
    return rc;
}
