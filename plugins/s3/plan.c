/*
 * Conditions on the keys of objects: a prefix and a range, which the listing takes, and looks at each
 * key again. Everything else is the host's: S3 filters nothing.
 */
#include "s3.h"

#include <string.h>

#define TEXTS RH_TYPE_BIT(RH_TYPE_TEXT)
#define KEY_BYTES ((size_t)1 << 20)

const struct rh_operator rh_s3_operators[RH_S3_N_OPERATORS] = {
    {RH_OP_EQ, TEXTS, RH_VERDICT_EXACT, 0}, {RH_OP_STARTS, TEXTS, RH_VERDICT_EXACT, 0},
    {RH_OP_LT, TEXTS, RH_VERDICT_EXACT, 0}, {RH_OP_LTE, TEXTS, RH_VERDICT_EXACT, 0},
    {RH_OP_GT, TEXTS, RH_VERDICT_EXACT, 0}, {RH_OP_GTE, TEXTS, RH_VERDICT_EXACT, 0},
};

static bool is_on_key(const struct rh_query *query, const struct rh_node *node)
{
    const struct rh_column *column =
        node->column < query->n_columns
            ? rh_kit_column(query->columns, query->column_stride, node->column)
            : NULL;

    return column && column->native_id == RH_S3_KEY &&
           (node->op == RH_OP_EQ || node->op == RH_OP_STARTS ||
            (node->op >= RH_OP_LT && node->op <= RH_OP_GTE)) &&
           query->values[node->first].type == RH_TYPE_TEXT;
}

/* Of two prefixes the longer one; neither, when they do not agree. */
static void narrow_prefix(struct rh_s3_bounds *b, struct rh_text prefix)
{
    size_t n = prefix.len < b->prefix.len ? prefix.len : b->prefix.len;

    if (n && memcmp(prefix.data, b->prefix.data, n) != 0)
        b->none = true;
    else if (prefix.len > b->prefix.len)
        b->prefix = prefix;
}

static void narrow(struct rh_s3_bounds *b, uint32_t op, struct rh_text key)
{
    int low = b->low.data ? rh_text_compare(key, b->low) : 1;
    int high = b->high.data ? rh_text_compare(key, b->high) : -1;
    bool open = op == RH_OP_LT || op == RH_OP_GT;

    if (op == RH_OP_STARTS || op == RH_OP_EQ)
        narrow_prefix(b, key);
    if ((op == RH_OP_GT || op == RH_OP_GTE || op == RH_OP_EQ) && (low > 0 || (low == 0 && open))) {
        b->low = key;
        b->low_open = open;
    }
    if ((op == RH_OP_LT || op == RH_OP_LTE || op == RH_OP_EQ) &&
        (high < 0 || (high == 0 && open))) {
        b->high = key;
        b->high_open = open;
    }
}

/* A table of one object has no column of its key: then there are no bounds either. */
int rh_s3_bounds_of(const struct rh_query *query, const struct rh_s3_table *table,
                    struct rh_arena *arena, struct rh_s3_bounds *ret_bounds, struct rh_error *error)
{
    struct rh_s3_bounds b = {.prefix = table->prefix};
    bool ok = true;

    if (query->n_groups || query->n_aggregates || query->n_having || query->n_order ||
        query->offset || (query->flags & 0xffffu))
        return rh_fail(error, RH_UNSUPPORTED, "S3 was not asked what it can do");
    for (uint32_t i = 0; i < query->n_conjuncts && ok; i++) {
        const struct rh_node *node = &query->nodes[query->conjuncts[i]];
        struct rh_text key;

        if (!is_on_key(query, node))
            return rh_fail(error, RH_UNSUPPORTED, "S3 was not asked what it can do");
        key = rh_kit_value_text(&query->values[node->first]);
        key = rh_arena_text(arena, key.len ? key : RH_TEXT(""), &ok);
        narrow(&b, node->op, key);
    }
    *ret_bounds = b;
    return ok ? RH_OK : rh_fail_nomem(error);
}

int32_t rh_s3_plan(struct rh_conn *conn, const struct rh_query *query, struct rh_plan *ret_plan,
                   struct rh_error *error)
{
    for (uint32_t i = 0; i < query->n_conjuncts; i++)
        ret_plan->verdicts[i] = is_on_key(query, &query->nodes[query->conjuncts[i]])
                                    ? RH_VERDICT_EXACT
                                    : RH_VERDICT_NONE;
    if (!query->n_groups && !query->n_aggregates)
        ret_plan->accepts = RH_ACCEPT_LIMIT;
    ret_plan->est_rows = -1;
    return RH_OK;
}

int32_t rh_s3_explain(struct rh_conn *conn, const struct rh_op *op, const struct rh_query *query,
                      struct rh_text *ret_native, struct rh_error *error)
{
    struct rh_arena *arena = rh_arena_new(KEY_BYTES);
    const struct rh_s3_table *table;
    struct rh_s3_bounds b;
    struct rh_buf text;
    char *copy;
    int rc;

    if (!arena)
        return rh_fail_nomem(error);
    rh_buf_init(&text, KEY_BYTES);
    rc = rh_s3_table_find(&conn->config, query->table, &table, error);
    if (rc == RH_OK)
        rc = rh_s3_bounds_of(query, table, arena, &b, error);
    if (rc == RH_OK) {
        if (table->object.data)
            rh_buf_addf(&text, "GET %.*s", RH_TEXT_ARG(table->object));
        else
            rh_buf_addf(&text, "LIST %.*s*%s", RH_TEXT_ARG(b.prefix),
                        table->format ? ", GET of each" : "");
        if (b.low.data)
            rh_buf_addf(&text, " from %.*s", RH_TEXT_ARG(b.low));
        if (b.high.data)
            rh_buf_addf(&text, " to %.*s", RH_TEXT_ARG(b.high));
        copy = conn->host->alloc(op->arena, text.len + 1);
        rc = copy ? RH_OK : rh_fail_nomem(error);
        if (copy)
            *ret_native = rh_text_make(memcpy(copy, text.data, text.len), text.len);
    }
    rh_buf_free(&text);
    rh_arena_free(arena);
    return rc;
}
