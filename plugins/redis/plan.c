/*
 * Which keys are asked for, and which part of them.
 *
 *   EQ or IN on every placeholder     those keys, in one round trip
 *   else                              SCAN with a glob of what is known of the placeholders
 *   ranges of a zset's score          ZRANGEBYSCORE
 *   ranges of a stream's time, an id  XRANGE
 *
 * Every condition on key columns is decided before a key's value is asked for (filter.c), so all of
 * them are exact. plan and open come to the same, because open sees the conditions that plan has
 * claimed.
 */
#include "redis.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_KEYS 100000u /* that are asked for one by one; beyond: SCAN */
#define KEY_BYTES ((size_t)512 << 20)

static const struct rh_column *column_of(const struct rh_query *query, const struct rh_node *node)
{
    return node->column < query->n_columns
               ? rh_kit_column(query->columns, query->column_stride, node->column)
               : NULL;
}

static bool is_range(uint32_t op)
{
    return op == RH_OP_EQ || (op >= RH_OP_LT && op <= RH_OP_GTE);
}

/* A bound of scores, times or an id: what ZRANGEBYSCORE and XRANGE take. */
static bool is_bound(const struct rh_query *query, const struct rh_node *node)
{
    const struct rh_column *column = column_of(query, node);
    const struct rh_value *value;

    if (!column || !is_range(node->op) || node->n != 1)
        return false;
    value = &query->values[node->first];
    switch (rh_redis_role_of(column)) {
    case RH_REDIS_SCORE:
        return value->type == RH_TYPE_FLOAT && !isnan(value->as.f);
    case RH_REDIS_TIME:
        return value->type == RH_TYPE_TIMESTAMP && value->as.i != INT64_MAX &&
               value->as.i != INT64_MIN;
    case RH_REDIS_ID:
        return node->op == RH_OP_EQ && value->type == RH_TYPE_TEXT;
    default:
        return false;
    }
}

int32_t rh_redis_plan(struct rh_conn *conn, const struct rh_query *query, struct rh_plan *ret_plan,
                      struct rh_error *error)
{
    for (uint32_t i = 0; i < query->n_conjuncts; i++) {
        const struct rh_node *node = &query->nodes[query->conjuncts[i]];

        ret_plan->verdicts[i] =
            rh_redis_filter_can(query, query->conjuncts[i]) || is_bound(query, node)
                ? RH_VERDICT_EXACT
                : RH_VERDICT_NONE;
    }
    if (!query->n_groups && !query->n_aggregates)
        ret_plan->accepts = RH_ACCEPT_LIMIT;
    ret_plan->est_rows = -1;
    return RH_OK;
}

/* ---- Keys ------------------------------------------------------------------------------------ */

/* What the conditions say of one placeholder. */
struct known {
    const struct rh_node *list; /* EQ or IN; NULL: none */
    struct rh_text prefix;      /* no text: none */
};

static void learn(const struct rh_query *query, uint32_t position, struct known *known)
{
    const struct rh_node *node = &query->nodes[position];
    const struct rh_column *column = column_of(query, node);
    struct known *of;

    if (!rh_redis_filter_can(query, position))
        return;
    if (node->op == RH_OP_AND) {
        for (uint32_t i = 0; i < node->n; i++)
            learn(query, node->first + i, known);
        return;
    }
    if (node->op == RH_OP_OR || !column)
        return;
    of = &known[(column->native_id >> 8) % RH_REDIS_MAX_PLACEHOLDERS];
    if ((node->op == RH_OP_EQ || node->op == RH_OP_IN) && (!of->list || node->n < of->list->n))
        of->list = node;
    if (node->op == RH_OP_STARTS)
        of->prefix = rh_kit_value_text(&query->values[node->first]);
}

static struct rh_text text_of(const struct rh_value *value, struct rh_arena *arena, bool *ok)
{
    char *number;

    if (value->type == RH_TYPE_TEXT)
        return rh_text_make(value->len ? value->as.data : "", value->len);
    number = rh_arena_printf(arena, "%lld", (long long)value->as.i);
    *ok = *ok && number;
    return rh_text_of(number);
}

static int by_text(const void *a, const void *b)
{
    return rh_text_compare(*(const struct rh_text *)a, *(const struct rh_text *)b);
}

/* All combinations of the listed values, each key once. */
static int add_keys(const struct rh_query *query, const struct rh_redis_pattern *pattern,
                    const struct known *known, uint32_t n_keys, struct rh_arena *arena,
                    struct rh_redis_scan *scan, struct rh_error *error)
{
    struct rh_buf key;
    uint32_t n = 0, unique = 0;
    bool ok = true;

    scan->keys = rh_arena_array(arena, n_keys, sizeof(*scan->keys));
    if (!scan->keys)
        return rh_fail_nomem(error);
    rh_buf_init(&key, KEY_BYTES);
    for (uint32_t i = 0; i < n_keys && ok; i++) {
        struct rh_text values[RH_REDIS_MAX_PLACEHOLDERS];
        uint32_t rest = i;

        for (uint32_t p = 0; p < pattern->n; p++) {
            const struct rh_node *list = known[p].list;
            values[p] = text_of(&query->values[list->first + rest % list->n], arena, &ok);
            rest /= list->n;
        }
        rh_buf_clear(&key);
        if (ok && rh_redis_filter_holds(&scan->filter, pattern, values) &&
            rh_redis_pattern_add_key(pattern, values, &key))
            scan->keys[n++] = rh_arena_text(arena, rh_buf_text(&key), &ok);
        ok = ok && !key.failed;
    }
    rh_buf_free(&key);
    if (!ok)
        return rh_fail_nomem(error);
    qsort(scan->keys, n, sizeof(*scan->keys), by_text);
    for (uint32_t i = 0; i < n; i++)
        if (!i || by_text(&scan->keys[i], &scan->keys[i - 1]))
            scan->keys[unique++] = scan->keys[i];
    scan->n_keys = unique;
    return RH_OK;
}

static int add_glob(const struct rh_query *query, const struct rh_redis_pattern *pattern,
                    const struct known *known, struct rh_arena *arena, struct rh_redis_scan *scan,
                    struct rh_error *error)
{
    struct rh_text values[RH_REDIS_MAX_PLACEHOLDERS] = {{NULL, 0}};
    bool is_prefix[RH_REDIS_MAX_PLACEHOLDERS] = {false};
    struct rh_buf glob;
    bool ok = true;

    for (uint32_t p = 0; p < pattern->n; p++) {
        bool is_one = known[p].list && known[p].list->n == 1;

        is_prefix[p] = !is_one;
        values[p] =
            is_one ? text_of(&query->values[known[p].list->first], arena, &ok) : known[p].prefix;
    }
    rh_buf_init(&glob, KEY_BYTES);
    rh_redis_pattern_add_glob(pattern, values, is_prefix, &glob);
    scan->glob = rh_arena_text(arena, rh_buf_text(&glob), &ok);
    ok = ok && !glob.failed;
    rh_buf_free(&glob);
    return ok ? RH_OK : rh_fail_nomem(error);
}

static int find_keys(const struct rh_query *query, const struct rh_redis_table *table,
                     struct rh_arena *arena, struct rh_redis_scan *scan, struct rh_error *error)
{
    struct known known[RH_REDIS_MAX_PLACEHOLDERS] = {{.list = NULL}};
    uint64_t n_keys = 1;

    for (uint32_t i = 0; i < query->n_conjuncts; i++)
        learn(query, query->conjuncts[i], known);
    for (uint32_t p = 0; p < table->pattern.n && n_keys <= MAX_KEYS; p++)
        n_keys *= known[p].list ? known[p].list->n : MAX_KEYS + 1u;
    return n_keys <= MAX_KEYS
               ? add_keys(query, &table->pattern, known, (uint32_t)n_keys, arena, scan, error)
               : add_glob(query, &table->pattern, known, arena, scan, error);
}

/* ---- Bounds ---------------------------------------------------------------------------------- */

/* The narrowest of several; nothing fits between low > high. */
struct bounds {
    double low, high; /* scores */
    bool low_open, high_open;
    int64_t from, to; /* milliseconds, both included */
    struct rh_text id;
    bool none;
};

static void narrow_score(struct bounds *b, uint32_t op, double score)
{
    bool open = op == RH_OP_LT || op == RH_OP_GT;

    if (op != RH_OP_LT && op != RH_OP_LTE && (score > b->low || (score == b->low && open))) {
        b->low = score;
        b->low_open = open;
    }
    if (op != RH_OP_GT && op != RH_OP_GTE && (score < b->high || (score == b->high && open))) {
        b->high = score;
        b->high_open = open;
    }
}

/* Entries have whole milliseconds. */
static void narrow_time(struct bounds *b, uint32_t op, int64_t us)
{
    int64_t floor_ms = us / 1000 - (us % 1000 < 0), ceil_ms = floor_ms + (us % 1000 != 0);
    bool is_whole = us % 1000 == 0;
    int64_t from = op == RH_OP_GT ? floor_ms + 1 : ceil_ms;
    int64_t to = op == RH_OP_LT && is_whole ? floor_ms - 1 : floor_ms;

    if (op != RH_OP_LT && op != RH_OP_LTE && from > b->from)
        b->from = from;
    if (op != RH_OP_GT && op != RH_OP_GTE && to < b->to)
        b->to = to;
}

static void narrow_id(struct bounds *b, struct rh_text id)
{
    uint64_t ms, seq;

    if (!rh_redis_parse_id(id, &ms, &seq) || (b->id.data && !rh_text_equal(b->id, id)))
        b->none = true;
    b->id = id;
}

static struct bounds bounds_of(const struct rh_query *query)
{
    struct bounds b = {.low = -INFINITY, .high = INFINITY, .from = 0, .to = INT64_MAX};

    for (uint32_t i = 0; i < query->n_conjuncts; i++) {
        const struct rh_node *node = &query->nodes[query->conjuncts[i]];
        const struct rh_value *value = &query->values[node->first];

        if (!is_bound(query, node))
            continue;
        if (value->type == RH_TYPE_FLOAT)
            narrow_score(&b, node->op, value->as.f);
        else if (value->type == RH_TYPE_TIMESTAMP)
            narrow_time(&b, node->op, value->as.i);
        else
            narrow_id(&b, rh_kit_value_text(value));
    }
    return b;
}

static int add_bounds(const struct rh_query *query, enum rh_redis_kind kind, struct rh_arena *arena,
                      struct rh_redis_scan *scan, struct rh_error *error)
{
    struct bounds b = bounds_of(query);
    char *low, *high;

    if (kind == RH_REDIS_ZSET) {
        low = rh_arena_printf(arena, "%s%.17g", b.low_open ? "(" : "", b.low);
        high = rh_arena_printf(arena, "%s%.17g", b.high_open ? "(" : "", b.high);
    } else {
        low = rh_arena_printf(arena, "%lld", (long long)b.from);
        high = rh_arena_printf(arena, "%lld", (long long)b.to);
        if (high && b.to == INT64_MAX)
            high[0] = '+', high[1] = 0;
    }
    if (!low || !high)
        return rh_fail_nomem(error);
    scan->low = rh_text_of(low);
    scan->high = rh_text_of(high);
    b.none = b.none || b.from > b.to || b.to < 0;
    if (b.id.data && !b.none) {
        uint64_t ms = 0, seq;

        (void)rh_redis_parse_id(b.id, &ms, &seq);
        b.none = ms < (uint64_t)b.from || (b.to != INT64_MAX && ms > (uint64_t)b.to);
        scan->low = scan->high = rh_arena_text(arena, b.id, NULL);
    }
    if (b.none) { /* no keys, no rows */
        scan->keys = rh_arena_alloc(arena, 1);
        scan->n_keys = 0;
    }
    return scan->low.data && (!b.none || scan->keys) ? RH_OK : rh_fail_nomem(error);
}

int rh_redis_scan_of(const struct rh_query *query, const struct rh_redis_table *table,
                     struct rh_arena *arena, struct rh_redis_scan *ret_scan, struct rh_error *error)
{
    struct rh_redis_scan scan = {.keys = NULL};
    int rc = RH_OK;

    if (query->n_groups || query->n_aggregates || query->n_having || query->n_order ||
        query->offset || (query->flags & 0xffffu))
        return rh_fail(error, RH_UNSUPPORTED, "Redis was not asked what it can do");
    for (uint32_t i = 0; i < query->n_conjuncts; i++)
        if (!rh_redis_filter_can(query, query->conjuncts[i]) &&
            !is_bound(query, &query->nodes[query->conjuncts[i]]))
            return rh_fail(error, RH_UNSUPPORTED, "Redis was not asked what it can do");
    rc = rh_redis_filter_copy(query, arena, &scan.filter, error);
    if (rc == RH_OK)
        rc = find_keys(query, table, arena, &scan, error);
    if (rc == RH_OK && (table->kind == RH_REDIS_ZSET || table->kind == RH_REDIS_STREAM))
        rc = add_bounds(query, table->kind, arena, &scan, error);
    if (rc == RH_OK)
        *ret_scan = scan;
    return rc;
}

/* ---- Explaining ------------------------------------------------------------------------------ */

static const char *const read_commands[] = {
    [RH_REDIS_HASH] = "HMGET", [RH_REDIS_JSON] = "GET",           [RH_REDIS_STRING] = "GET",
    [RH_REDIS_SET] = "SSCAN",  [RH_REDIS_ZSET] = "ZRANGEBYSCORE", [RH_REDIS_STREAM] = "XRANGE",
};

int32_t rh_redis_explain(struct rh_conn *conn, const struct rh_op *op, const struct rh_query *query,
                         struct rh_text *ret_native, struct rh_error *error)
{
    struct rh_arena *arena = rh_arena_new(KEY_BYTES);
    struct rh_redis_table table;
    struct rh_redis_scan scan;
    struct rh_buf text;
    char *copy = NULL;
    int rc;

    if (!arena)
        return rh_fail_nomem(error);
    rh_buf_init(&text, (size_t)64 << 10);
    rc = rh_redis_table_find(&conn->config, query->schema, query->table, arena, &table, error);
    if (rc == RH_OK)
        rc = rh_redis_scan_of(query, &table, arena, &scan, error);
    if (rc == RH_OK) {
        if (scan.keys)
            rh_buf_addf(&text, "%s of %u keys", read_commands[table.kind], (unsigned)scan.n_keys);
        else
            rh_buf_addf(&text, "SCAN MATCH %.*s, %s of each", RH_TEXT_ARG(scan.glob),
                        read_commands[table.kind]);
        if (scan.low.data)
            rh_buf_addf(&text, " %.*s %.*s", RH_TEXT_ARG(scan.low), RH_TEXT_ARG(scan.high));
        copy = conn->host->alloc(op->arena, text.len + 1);
        rc = copy ? RH_OK : rh_fail_nomem(error);
    }
    if (copy) {
        memcpy(copy, text.data, text.len);
        *ret_native = rh_text_make(copy, text.len);
    }
    rh_buf_free(&text);
    rh_arena_free(arena);
    return rc;
}
