/*
 * SEEK: what comes after a position in an order, key by key as the sort compares them: by rank, where
 * the key has one, then by value.
 */
#include "mongodb.h"

#include <math.h>
#include <string.h>

static const struct rh_column *key_of(const struct rh_query *query, uint32_t i)
{
    return rh_mongodb_column(query->columns, query->column_stride, query->order[i].column);
}

static bool is_nan(const struct rh_value *value)
{
    return (value->type == RH_TYPE_FLOAT && isnan(value->as.f)) ||
           (value->type == RH_TYPE_DECIMAL && rh_text_is(rh_kit_value_text(value), "NaN"));
}

/* Values of the same rank as this one compare equal. */
static bool is_alone(const struct rh_value *value)
{
    return rh_kit_is_null(value) || is_nan(value);
}

bool rh_mongodb_can_seek(const struct rh_query *query, const struct rh_node *node)
{
    if (!query->n_order || node->n != query->n_order || rh_mongodb_is_grouped(query))
        return false;
    for (uint32_t i = 0; i < query->n_order; i++) {
        const struct rh_value *value = &query->values[node->first + i];
        const struct rh_column *column;
        bson_oid_t oid;

        if (query->order[i].column >= query->n_columns)
            return false;
        column = key_of(query, i);
        if (!rh_mongodb_can_order(column))
            return false;
        if (rh_mongodb_is_ordered(column)) {
            if (!rh_mongodb_is_exact(value, column->type))
                return false;
            if (column->native_id & RH_MONGODB_OID &&
                !rh_mongodb_to_oid(rh_kit_value_text(value), &oid))
                return false;
        } else if (!is_alone(value) && !rh_mongodb_is_exact(value, value->type)) {
            return false;
        }
        if (value->type == RH_TYPE_TIMESTAMP && value->as.i % 1000)
            return false;
    }
    return true;
}

struct seek {
    const struct rh_query *query;
    const struct rh_value *values;
    struct rh_error *error;
    int rc;
};

/* {field: {op: value}} as an element of a list. */
static void add_value(struct seek *s, bson_t *list, uint32_t *n, uint32_t i, const char *op)
{
    const struct rh_column *column = key_of(s->query, i);
    uint32_t kinds = rh_mongodb_is_ordered(column) ? column->native_id : 0;
    bson_t element, condition;
    char key[16];

    snprintf(key, sizeof(key), "%u", (*n)++);
    bson_append_document_begin(list, key, -1, &element);
    rh_mongodb_begin_document(&element, column->name, &condition);
    if (s->rc == RH_OK)
        s->rc = rh_mongodb_append(&condition, rh_text_of(op), &s->values[i], kinds, s->error);
    bson_append_document_end(&element, &condition);
    bson_append_document_end(list, &element);
}

static void add_rank(struct seek *s, bson_t *list, uint32_t *n, uint32_t i, const char *op)
{
    bson_t element, condition;
    char key[16], name[32];

    snprintf(key, sizeof(key), "%u", (*n)++);
    snprintf(name, sizeof(name), RH_MONGODB_RANK, i);
    bson_append_document_begin(list, key, -1, &element);
    bson_append_document_begin(&element, name, -1, &condition);
    BSON_APPEND_INT32(&condition, op, rh_mongodb_rank_of(&s->values[i], s->query->order[i].flags));
    bson_append_document_end(&element, &condition);
    bson_append_document_end(list, &element);
}

static void add_equal(struct seek *s, bson_t *list, uint32_t *n, uint32_t i)
{
    bool ranked = !rh_mongodb_is_ordered(key_of(s->query, i));

    if (ranked)
        add_rank(s, list, n, i, "$eq");
    if (!ranked || !is_alone(&s->values[i]))
        add_value(s, list, n, i, "$eq");
}

/* One alternative: equal up to the i-th key, and behind in that by rank or by value. */
static void add_alternative(struct seek *s, bson_t *alternatives, uint32_t *n, uint32_t i,
                            bool by_rank)
{
    bool falls = s->query->order[i].flags & RH_ORDER_DESC;
    uint32_t n_conditions = 0;
    bson_t element, list;
    char key[16];

    snprintf(key, sizeof(key), "%u", (*n)++);
    bson_append_document_begin(alternatives, key, -1, &element);
    bson_append_array_begin(&element, "$and", -1, &list);
    for (uint32_t k = 0; k < i; k++)
        add_equal(s, &list, &n_conditions, k);
    if (by_rank) {
        add_rank(s, &list, &n_conditions, i, "$gt");
    } else {
        if (!rh_mongodb_is_ordered(key_of(s->query, i)))
            add_rank(s, &list, &n_conditions, i, "$eq");
        add_value(s, &list, &n_conditions, i, falls ? "$lt" : "$gt");
    }
    bson_append_array_end(&element, &list);
    bson_append_document_end(alternatives, &element);
}

int rh_mongodb_append_seek(const struct rh_query *query, const struct rh_node *node, bson_t *to,
                           struct rh_error *error)
{
    struct seek s = {.query = query, .values = query->values + node->first, .error = error};
    bson_t alternatives;
    uint32_t n = 0;

    bson_append_array_begin(to, "$or", -1, &alternatives);
    for (uint32_t i = 0; i < query->n_order; i++) {
        bool ranked = !rh_mongodb_is_ordered(key_of(query, i));

        if (ranked)
            add_alternative(&s, &alternatives, &n, i, true);
        if (!ranked || !is_alone(&s.values[i]))
            add_alternative(&s, &alternatives, &n, i, false);
    }
    bson_append_array_end(to, &alternatives);
    return s.rc;
}
