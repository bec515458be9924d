/*
 * SEEK: the rows strictly after a position in the query's own order. One row-value comparison where
 * that says the same; else the lexicographic expansion
 *
 *     after(k1) OR (k1 = v1 AND (after(k2) OR (k2 = v2 AND …)))
 *
 * with, where the first key allows, `k1 >= v1 AND (…)` in front, so that an index on it is usable.
 */
#include "connector/sql_parts.h"

struct key {
    const struct rh_column *column;
    const struct rh_value *value;
    enum rh_sql_form form;
    bool descending, nulls_first, nullable, at_null;
};

static bool load_key(struct rh_sql *sql, const struct rh_sql_scope *scope,
                     const struct rh_node *node, uint32_t i, struct key *ret_key)
{
    const struct rh_order *order = &scope->query->order[i];
    const struct rh_value *value = &scope->query->values[node->first + i];
    const struct rh_column *column = rh_sql_scope_column(sql, scope, order->column);

    if (!column)
        return false;
    *ret_key = (struct key){
        .column = column,
        .value = value,
        .form = order->flags & RH_ORDER_BINARY ? RH_SQL_VALUE : RH_SQL_ORDER,
        .descending = (order->flags & RH_ORDER_DESC) != 0,
        .nulls_first = (order->flags & RH_ORDER_NULLS_FIRST) != 0,
        .nullable = !(column->flags & RH_COLUMN_NOT_NULL),
        .at_null = value->type <= RH_TYPE_NULL,
    };
    return true;
}

static void compare(struct rh_sql *sql, const struct key *key, const char *sign)
{
    rh_sql_operand(sql, key->column, key->form);
    rh_sql_add(sql, sign);
    rh_sql_value(sql, key->column, key->value, key->form);
}

static void add_after(struct rh_sql *sql, const struct key *key)
{
    if (key->at_null) {
        if (key->nulls_first) {
            rh_sql_null_test(sql, key->column, true);
        } else {
            rh_sql_add(sql, "1 = 0");
        }
        return;
    }
    compare(sql, key, key->descending ? " < " : " > ");
    if (key->nullable && !key->nulls_first) {
        rh_sql_add(sql, " OR ");
        rh_sql_null_test(sql, key->column, false);
    }
}

static void add_same(struct rh_sql *sql, const struct key *key)
{
    if (key->at_null) {
        rh_sql_null_test(sql, key->column, false);
        return;
    }
    compare(sql, key, " = ");
}

static bool suits_row_value(struct rh_sql *sql, const struct rh_sql_scope *scope,
                            const struct rh_node *node)
{
    bool descending = false;

    if (!sql->dialect->row_values && node->n > 1)
        return false;
    for (uint32_t i = 0; i < node->n; i++) {
        struct key key;
        if (!load_key(sql, scope, node, i, &key) || key.nullable || key.at_null)
            return false;
        if (i && key.descending != descending)
            return false;
        descending = key.descending;
    }
    return true;
}

static void add_row_value(struct rh_sql *sql, const struct rh_sql_scope *scope,
                          const struct rh_node *node)
{
    bool many = node->n > 1;
    struct key key;

    rh_sql_add(sql, many ? "(" : "");
    for (uint32_t i = 0; i < node->n && load_key(sql, scope, node, i, &key); i++) {
        rh_sql_add(sql, i ? ", " : "");
        rh_sql_operand(sql, key.column, key.form);
    }
    if (!load_key(sql, scope, node, 0, &key))
        return;
    rh_sql_add(sql, many ? ")" : "");
    rh_sql_add(sql, key.descending ? " < " : " > ");
    rh_sql_add(sql, many ? "(" : "");
    for (uint32_t i = 0; i < node->n && load_key(sql, scope, node, i, &key); i++) {
        rh_sql_add(sql, i ? ", " : "");
        rh_sql_value(sql, key.column, key.value, key.form);
    }
    rh_sql_add(sql, many ? ")" : "");
}

static void add_expansion(struct rh_sql *sql, const struct rh_sql_scope *scope,
                          const struct rh_node *node)
{
    struct key key;

    for (uint32_t i = 0; i < node->n; i++) {
        if (!load_key(sql, scope, node, i, &key))
            return;
        if (i == 0 && node->n > 1 && !key.at_null && (!key.nullable || key.nulls_first)) {
            compare(sql, &key, key.descending ? " <= " : " >= ");
            rh_sql_add(sql, " AND ");
        }
        rh_sql_add(sql, "(");
        add_after(sql, &key);
        if (i + 1 < node->n) {
            rh_sql_add(sql, " OR (");
            add_same(sql, &key);
            rh_sql_add(sql, " AND ");
        }
    }
    rh_sql_add(sql, ")");
    for (uint32_t i = 1; i < node->n; i++)
        rh_sql_add(sql, "))");
}

void rh_sql_seek(struct rh_sql *sql, const struct rh_sql_scope *scope, const struct rh_node *node)
{
    if (node->n == 0 || node->n != scope->query->n_order || sql->having ||
        scope->columns != scope->query->columns) {
        sql->failed = true;
        return;
    }
    if (suits_row_value(sql, scope, node)) {
        add_row_value(sql, scope, node);
        return;
    }
    rh_sql_add(sql, "(");
    add_expansion(sql, scope, node);
    rh_sql_add(sql, ")");
}
