/*
 * The order, and what makes it total.
 *
 * Plain query: the columns of a key are appended; the primary key, else a unique index, of columns
 * that are never NULL. (Several rows may have NULL in a unique column, so such a key decides
 * nothing.) Grouped or distinct query: the outputs themselves are appended, groups alone where
 * there are any, text by code point because that is how groups and distinct rows are told apart.
 *
 * Places of NULL are always stated. Text keys are in binary order where that was asked for, where
 * the source's own order is the same, and on columns whose native order has no meaning here.
 */
#include "rows/binder.h"

#include "base/err.h"
#include "base/text.h"
#include "rows/near.h"

struct order {
    struct rh_binder *binder;
    struct rh_vec keys; /* struct rh_order */
    bool *seen;         /* by position in the outputs or in the table */
    bool binary;
};

static bool is_orderable(const struct rh_column *column)
{
    return column->type != RH_TYPE_JSON && column->type != RH_TYPE_INTERVAL;
}

static uint32_t flags_for(const struct order *order, const struct rh_column *column, bool desc,
                          int nulls, bool binary)
{
    uint32_t flags = desc ? RH_ORDER_DESC : 0;
    if (nulls == 1 || (nulls == 0 && desc))
        flags |= RH_ORDER_NULLS_FIRST;
    if (column->type == RH_TYPE_TEXT &&
        (binary || order->binary || (column->flags & (RH_COLUMN_BINARY_ORDER | RH_COLUMN_OPAQUE))))
        flags |= RH_ORDER_BINARY;
    return flags;
}

static int add(struct order *order, uint32_t column, uint32_t flags)
{
    struct rh_order *key = rh_vec_push(&order->keys, order->binder->arena);
    if (!key || column == RH_NO_COLUMN)
        return rh_fail_nomem(order->binder->error);
    *key = (struct rh_order){.column = column, .flags = flags};
    return 0;
}

static int check_key(struct order *order, const struct rh_order_item *item,
                     const struct rh_column *column, uint32_t position)
{
    struct rh_text shown = rh_near_clip(column->name);
    if (!is_orderable(column))
        return rh_binder_fail(order->binder, "invalid-query", item->pointer,
                              "column \"%.*s\" cannot be ordered because of its type",
                              RH_TEXT_ARG(shown));
    if (order->seen[position])
        return rh_binder_fail(order->binder, "invalid-query", item->pointer,
                              "\"%.*s\" is ordered by twice", RH_TEXT_ARG(shown));
    order->seen[position] = true;
    return 0;
}

/* ---- Grouped: keys are outputs ----------------------------------------------------------- */

static int order_grouped(struct order *order, const struct rh_spec *spec)
{
    struct rh_binder *b = order->binder;
    for (uint32_t i = 0; i < spec->n_order; i++) {
        const struct rh_order_item *item = &spec->order[i];
        uint32_t position = rh_binder_output(b, item->name);
        if (position == RH_NO_COLUMN)
            return rh_binder_no_output(b, item->name, item->pointer);
        const struct rh_column *column = &b->outputs[position];
        int r = check_key(order, item, column, position);
        if (!r)
            r = add(order, position, flags_for(order, column, item->desc, item->nulls, false));
        if (r)
            return r;
    }
    return 0;
}

/* Whether a key that is there already tells apart what equality by code point tells apart. */
static bool decides(const struct order *order, const struct rh_column *column, uint32_t position)
{
    const struct rh_order *keys = order->keys.items;
    if (column->type != RH_TYPE_TEXT || (column->flags & RH_COLUMN_EXACT_EQUAL))
        return true;
    for (uint32_t i = 0; i < order->keys.n; i++)
        if (keys[i].column == position)
            return (keys[i].flags & RH_ORDER_BINARY) != 0;
    return false;
}

/* Appends a column that rows are told apart by. */
static int complete_with(struct order *order, const struct rh_column *column, uint32_t position,
                         bool seen, bool *ret_total)
{
    if (!is_orderable(column)) {
        *ret_total = false;
        return 0;
    }
    if (seen && decides(order, column, position))
        return 0;
    return add(order, position, flags_for(order, column, false, 0, true));
}

static int complete_grouped(struct order *order, uint32_t n_deciding, bool *ret_total)
{
    *ret_total = true;
    for (uint32_t i = 0; i < n_deciding; i++) {
        int r = complete_with(order, &order->binder->outputs[i], i, order->seen[i], ret_total);
        if (r)
            return r;
    }
    return 0;
}

/* ---- Plain: keys are columns ------------------------------------------------------------- */

/* "total.desc" is how others write it. */
static int no_column(const struct order *order, const struct rh_order_item *item)
{
    struct rh_binder *b = order->binder;
    struct rh_text name = item->name;
    bool desc = rh_text_ends(name, ".desc");
    uint32_t none;
    if (!desc && !rh_text_ends(name, ".asc"))
        return rh_binder_column(b, name, item->pointer, &none);
    struct rh_text shown = rh_near_clip(name);
    rh_binder_fail(b, "unknown-column", item->pointer, "column \"%.*s\" does not exist",
                   RH_TEXT_ARG(shown));
    name.len -= desc ? strlen(".desc") : strlen(".asc");
    shown = rh_near_clip(name);
    return rh_error_hint(b->error, "write %s%.*s", desc ? "-" : "", RH_TEXT_ARG(shown));
}

static int order_plain(struct order *order, const struct rh_spec *spec)
{
    struct rh_binder *b = order->binder;
    for (uint32_t i = 0; i < spec->n_order; i++) {
        const struct rh_order_item *item = &spec->order[i];
        uint32_t position = rh_tableset_column(b->tables, b->table, item->name);
        if (position == RH_NO_COLUMN)
            return no_column(order, item);
        const struct rh_column *column = &b->table->columns[position];
        int r = check_key(order, item, column, position);
        if (r)
            return r;
        r = add(order, rh_binder_use(b, position),
                flags_for(order, column, item->desc, item->nulls, false));
        if (r)
            return r;
    }
    return 0;
}

static bool is_key(const struct rh_table *table, const uint32_t *columns, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        const struct rh_column *column = &table->columns[columns[i]];
        if (!(column->flags & RH_COLUMN_NOT_NULL) || !is_orderable(column))
            return false;
    }
    return n > 0;
}

/* The columns of a key that decides, or none. */
static uint32_t find_key(const struct rh_table *table, const uint32_t **ret_columns)
{
    uint32_t n = 0;
    if (is_key(table, table->key, table->n_key)) {
        *ret_columns = table->key;
        return table->n_key;
    }
    for (uint32_t i = 0; i < table->n_indexes; i++) {
        const struct rh_index *index = &table->indexes[i];
        if (!(index->flags & RH_INDEX_UNIQUE) || (index->flags & RH_INDEX_PARTIAL) ||
            !is_key(table, index->columns, index->n_columns))
            continue;
        if (!n || index->n_columns < n) {
            *ret_columns = index->columns;
            n = index->n_columns;
        }
    }
    return n;
}

static int complete_plain(struct order *order, bool *ret_total)
{
    struct rh_binder *b = order->binder;
    const uint32_t *columns = b->table->key;
    uint32_t n = find_key(b->table, &columns);
    *ret_total = n > 0;
    if (!n)
        n = b->table->n_key; /* nearly decides: pages by offset are steadier with it */
    for (uint32_t i = 0; i < n; i++) {
        const struct rh_column *column = &b->table->columns[columns[i]];
        if (order->seen[columns[i]] || !is_orderable(column))
            continue;
        int r = add(order, rh_binder_use(b, columns[i]), flags_for(order, column, false, 0, false));
        if (r)
            return r;
    }
    return 0;
}

/* Distinct rows: keys must be among the outputs, which are the first columns in use. */
static int complete_distinct(struct order *order, const struct rh_spec *spec,
                             const struct rh_query *query, bool *ret_total)
{
    struct rh_binder *b = order->binder;
    const struct rh_order *keys = order->keys.items;
    for (uint32_t i = 0; i < spec->n_order; i++)
        if (keys[i].column >= query->n_select) {
            rh_binder_fail(b, "invalid-query", spec->order[i].pointer,
                           "distinct rows cannot be ordered by a column that is not selected");
            return rh_error_hint(b->error, "add it to \"select\"");
        }
    *ret_total = true;
    for (uint32_t i = 0; i < query->n_select; i++) {
        bool seen = false;
        keys = order->keys.items;
        for (uint32_t k = 0; k < spec->n_order; k++)
            seen = seen || keys[k].column == i;
        const struct rh_column *columns = b->columns.items;
        int r = complete_with(order, &columns[i], i, seen, ret_total);
        if (r)
            return r;
    }
    return 0;
}

int rh_binder_order(struct rh_binder *binder, const struct rh_spec *spec, struct rh_bound *bound)
{
    struct rh_query *query = &bound->query;
    bool grouped = query->n_groups || query->n_aggregates;
    uint32_t n_seen = grouped ? bound->n_outputs : binder->table->n_columns;
    struct order order = {
        .binder = binder,
        .keys = RH_VEC_INIT(struct rh_order),
        .seen = rh_arena_array(binder->arena, n_seen, sizeof(bool)),
        .binary = spec->binary_collation,
    };
    if (!order.seen)
        return rh_fail_nomem(binder->error);
    int r = grouped ? order_grouped(&order, spec) : order_plain(&order, spec);
    if (r)
        return r;
    bound->n_asked = order.keys.n;
    if (grouped)
        r = complete_grouped(&order, query->n_groups, &bound->stable);
    else if (spec->distinct)
        r = complete_distinct(&order, spec, query, &bound->stable);
    else
        r = complete_plain(&order, &bound->stable);
    query->order = order.keys.items;
    query->n_order = order.keys.n;
    return r;
}
