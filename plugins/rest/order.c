/*
 * Orders that an API's list comes in, so that a limit ends the reading early. Claimed for one
 * request only, and for columns that are never null and no text: where nulls stand and how texts
 * compare, a description does not tell.
 */
#include "rest.h"

static bool is_plain(const struct rh_rest_resource *resource, const struct rh_column *column)
{
    const struct rh_rest_column *described = rh_rest_column_named(resource, column->name);

    return described && !described->asked && column->type != RH_TYPE_TEXT &&
           column->type != RH_TYPE_JSON && column->flags & RH_COLUMN_NOT_NULL;
}

static bool is_whole_key(const struct rh_rest_resource *resource, struct rh_text column)
{
    return resource->n_key == 1 && rh_text_equal(resource->key[0], column);
}

uint32_t rh_rest_order_of(const struct rh_rest_scan *scan, const struct rh_query *query,
                          struct rh_text *ret_value)
{
    const struct rh_rest_resource *resource = scan->resource;
    const struct rh_column *column;
    struct rh_text value = {NULL, 0};
    bool down;

    *ret_value = value;
    if (!query->n_order || query->n_groups || query->n_aggregates || scan->n_requests != 1 ||
        scan->call != &resource->list || query->order[0].column >= query->n_columns)
        return 0;
    column = rh_kit_column(query->columns, query->column_stride, query->order[0].column);
    down = query->order[0].flags & RH_ORDER_DESC;
    if (!is_plain(resource, column))
        return 0;
    for (uint32_t i = 0; i < resource->n_orders; i++)
        if (rh_text_equal(resource->orders[i].column, column->name))
            value = down ? resource->orders[i].down : resource->orders[i].up;
    if (!value.len && !(resource->natural.len && rh_text_equal(resource->natural, column->name) &&
                        resource->natural_down == down))
        return 0;
    *ret_value = value;
    return is_whole_key(resource, column->name) ? query->n_order : 1; /* a key has no ties */
}
