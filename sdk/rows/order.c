/* The order of rows: comparing and sorting. */
#include "rows/order.h"

#include "rows/cell.h"

#include <string.h>

int rh_order_compare_cells(uint32_t flags, const struct rh_value *a, const struct rh_value *b)
{
    bool a_null = rh_cell_is_null(a), b_null = rh_cell_is_null(b);
    int r;

    if (a_null || b_null) {
        r = (int)a_null - (int)b_null;
        return flags & RH_ORDER_NULLS_FIRST ? -r : r;
    }
    r = rh_cell_compare(a, b);
    return flags & RH_ORDER_DESC ? -(r > 0) + (r < 0) : r;
}

int rh_order_compare(const struct rh_order_key *keys, uint32_t n_keys, const struct rh_value *a,
                     const struct rh_value *b)
{
    for (uint32_t i = 0; i < n_keys; i++) {
        int r = rh_order_compare_cells(keys[i].flags, &a[keys[i].cell], &b[keys[i].cell]);
        if (r)
            return r;
    }
    return 0;
}

int rh_order_compare_position(const struct rh_order_key *keys, uint32_t n_keys,
                              const struct rh_value *row, const struct rh_value *position)
{
    for (uint32_t i = 0; i < n_keys; i++) {
        int r = rh_order_compare_cells(keys[i].flags, &row[keys[i].cell], &position[i]);
        if (r)
            return r;
    }
    return 0;
}

static void merge(const struct rh_order_key *keys, uint32_t n_keys, struct rh_value **from,
                  struct rh_value **to, size_t low, size_t middle, size_t high)
{
    size_t i = low, j = middle;

    /* Runs that are in order already, the common case of rows that come nearly sorted. */
    if (middle >= high || rh_order_compare(keys, n_keys, from[middle - 1], from[middle]) <= 0) {
        memcpy(to + low, from + low, (high - low) * sizeof(struct rh_value *));
        return;
    }
    for (size_t k = low; k < high; k++) {
        if (i < middle && (j >= high || rh_order_compare(keys, n_keys, from[i], from[j]) <= 0))
            to[k] = from[i++];
        else
            to[k] = from[j++];
    }
}

void rh_order_sort(const struct rh_order_key *keys, uint32_t n_keys, struct rh_value **rows,
                   struct rh_value **spare, size_t n_rows)
{
    struct rh_value **from = rows, **to = spare, **swap;

    for (size_t width = 1; width < n_rows; width *= 2) {
        for (size_t low = 0; low < n_rows; low += 2 * width) {
            size_t middle = low + width < n_rows ? low + width : n_rows;
            size_t high = low + 2 * width < n_rows ? low + 2 * width : n_rows;
            merge(keys, n_keys, from, to, low, middle, high);
        }
        swap = from;
        from = to;
        to = swap;
    }
    if (from != rows)
        memcpy(rows, from, n_rows * sizeof(struct rh_value *));
}
