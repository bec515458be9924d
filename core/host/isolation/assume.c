/*
 * What is assumed crosses as frames within the frame: each query was written when it was planned,
 * since the caller need not keep it until it opens.
 */
#include "host/isolation/assume.h"

#include <stdlib.h>
#include <string.h>

#define KEY_BYTES ((size_t)16 << 10) /* a longer one is asked for each time */
#define MOST_VALUES 64u
#define MOST_CHANGED 16u /* then the connector's plans hang on literals: it is always asked */

void rh_assume_init(struct rh_assume *assume)
{
    *assume = (struct rh_assume){.next = 0};
    rh_wire_out_init(&assume->key);
    for (uint32_t i = 0; i < RH_ASSUME_PENDING; i++)
        rh_wire_out_init(&assume->pending[i].query);
}

void rh_assume_fini(struct rh_assume *assume)
{
    rh_wire_out_fini(&assume->key);
    for (uint32_t i = 0; i < RH_ASSUME_PENDING; i++)
        rh_wire_out_fini(&assume->pending[i].query);
    for (uint32_t i = 0; i < RH_ASSUME_SHAPES; i++)
        free(assume->shapes[i].key);
}

/* ---- Looking --------------------------------------------------------------------------------- */

/* The query without its literals. False: it is not one to be kept. */
static bool make_key(struct rh_assume *assume, const struct rh_query *query)
{
    struct rh_value values[MOST_VALUES];
    struct rh_query shape = *query;

    rh_wire_out_clear(&assume->key);
    if (query->n_values > MOST_VALUES || assume->n_changed >= MOST_CHANGED)
        return false; /* an empty key is not kept */
    memset(values, 0, query->n_values * sizeof(*values));
    for (uint32_t i = 0; i < query->n_values; i++)
        values[i].type = query->values[i].type;
    shape.values = values;
    rh_wire_put_query(&assume->key, &shape);
    return !rh_wire_out_failed(&assume->key) &&
           assume->key.fixed.len + assume->key.bytes.len <= KEY_BYTES;
}

static struct rh_assume_shape *find(struct rh_assume *assume)
{
    const struct rh_wire_out *key = &assume->key;

    for (uint32_t i = 0; i < RH_ASSUME_SHAPES; i++) {
        struct rh_assume_shape *shape = &assume->shapes[i];
        if (shape->key && shape->n_fixed == key->fixed.len && shape->n_bytes == key->bytes.len &&
            memcmp(shape->key, key->fixed.data, key->fixed.len) == 0 &&
            (key->bytes.len == 0 ||
             memcmp(shape->key + key->fixed.len, key->bytes.data, key->bytes.len) == 0))
            return shape;
    }
    return NULL;
}

bool rh_assume_look(struct rh_assume *assume, const struct rh_query *query,
                    struct rh_plan *ret_plan)
{
    struct rh_assume_shape *shape = make_key(assume, query) ? find(assume) : NULL;
    struct rh_wire_out *out;

    if (!shape || assume->n_pending == RH_ASSUME_PENDING)
        return false;
    out = &assume->pending[assume->n_pending].query;
    rh_wire_out_clear(out);
    rh_wire_put_query(out, query);
    if (rh_wire_out_failed(out))
        return false;
    assume->pending[assume->n_pending++].shape = shape;
    ret_plan->accepts = shape->plan.accepts;
    ret_plan->n_order = shape->plan.n_order;
    ret_plan->est_rows = shape->plan.est_rows;
    ret_plan->n_needs = 0;
    if (query->n_conjuncts)
        memcpy(ret_plan->verdicts, shape->plan.verdicts, query->n_conjuncts);
    return true;
}

/* ---- Keeping --------------------------------------------------------------------------------- */

static bool is_pending(const struct rh_assume *assume, const struct rh_assume_shape *shape)
{
    for (uint32_t i = 0; i < assume->n_pending; i++)
        if (assume->pending[i].shape == shape)
            return true;
    return false;
}

static void forget(struct rh_assume_shape *shape)
{
    free(shape->key);
    *shape = (struct rh_assume_shape){.key = NULL};
}

void rh_assume_keep(struct rh_assume *assume, const struct rh_query *query,
                    const struct rh_plan *plan)
{
    size_t n_fixed = assume->key.fixed.len, n_bytes = assume->key.bytes.len;
    struct rh_assume_shape *shape;
    char *key;

    if (n_fixed == 0 || n_fixed + n_bytes > KEY_BYTES || find(assume))
        return;
    do
        shape = &assume->shapes[assume->next++ % RH_ASSUME_SHAPES];
    while (is_pending(assume, shape));
    key = malloc(n_fixed + n_bytes + query->n_conjuncts);
    if (!key)
        return;
    forget(shape);
    memcpy(key, assume->key.fixed.data, n_fixed);
    if (n_bytes)
        memcpy(key + n_fixed, assume->key.bytes.data, n_bytes);
    if (query->n_conjuncts)
        memcpy(key + n_fixed + n_bytes, plan->verdicts, query->n_conjuncts);
    *shape = (struct rh_assume_shape){.key = key,
                                      .n_fixed = n_fixed,
                                      .n_bytes = n_bytes,
                                      .n_conjuncts = query->n_conjuncts,
                                      .plan = *plan};
    shape->plan.verdicts = (uint8_t *)key + n_fixed + n_bytes;
    shape->plan.needs = NULL;
    shape->plan.n_needs = 0;
}

/* ---- Opening --------------------------------------------------------------------------------- */

static bool is_same(const struct rh_wire_out *a, const struct rh_wire_out *b)
{
    return a->fixed.len == b->fixed.len && a->bytes.len == b->bytes.len &&
           memcmp(a->fixed.data, b->fixed.data, a->fixed.len) == 0 &&
           (a->bytes.len == 0 || memcmp(a->bytes.data, b->bytes.data, a->bytes.len) == 0);
}

void rh_assume_put(struct rh_assume *assume, struct rh_wire_out *out, const struct rh_query *query)
{
    struct rh_wire_assumed head = {.n = assume->n_pending};
    struct rh_wire_out *opened = &assume->key;

    rh_wire_out_clear(opened);
    rh_wire_put_query(opened, query);
    if (rh_wire_out_failed(opened)) {
        out->fixed.failed = true;
        return;
    }
    head.last_is_opened = head.n && is_same(&assume->pending[head.n - 1].query, opened);
    rh_wire_put(out, &head, sizeof(head));
    for (uint32_t i = 0; i < head.n; i++) {
        const struct rh_assume_shape *shape = assume->pending[i].shape;
        const struct rh_query of = {.n_conjuncts = shape->n_conjuncts};
        rh_wire_put_nested(out, &assume->pending[i].query);
        rh_wire_put_plan(out, &shape->plan, &of);
    }
    if (!head.last_is_opened)
        rh_wire_put_nested(out, opened);
}

void rh_assume_settle(struct rh_assume *assume, bool changed)
{
    for (uint32_t i = 0; changed && i < assume->n_pending; i++)
        forget(assume->pending[i].shape);
    assume->n_changed += changed;
    assume->n_pending = 0;
}
