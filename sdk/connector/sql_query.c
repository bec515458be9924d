/*
 * SELECT: the whole query as text.
 *
 * DISTINCT is written as GROUP BY over the VALUE forms: rows that are equal by value (1.0 and 1.00)
 * are one row, which SELECT DISTINCT over the output forms would not say.
 */
#include "connector/sql_parts.h"

#define MUST_UNDERSTAND 0xffffu /* of rh_query.flags */

static bool is_grouped(const struct rh_query *query)
{
    return query->n_groups || query->n_aggregates;
}

static bool is_distinct(const struct rh_query *query)
{
    return (query->flags & RH_QUERY_DISTINCT) && !is_grouped(query);
}

/* ---- outputs of grouped queries ---- */

const struct rh_column *rh_sql_output_column(const struct rh_query *query, uint32_t output,
                                             struct rh_column *room)
{
    const struct rh_aggregate *aggregate = NULL;

    if (output < query->n_groups) {
        uint32_t position = query->groups[output].column;
        if (position >= query->n_columns)
            return NULL;
        return rh_sql_column_at(query->columns, query->column_stride, position);
    }
    if (output - query->n_groups >= query->n_aggregates)
        return NULL;
    aggregate = &query->aggregates[output - query->n_groups];
    *room = (struct rh_column){.type = aggregate->type,
                               .flags = RH_COLUMN_EXACT_EQUAL | RH_COLUMN_BINARY_ORDER};
    if (aggregate->function == RH_AGG_COUNT)
        room->flags |= RH_COLUMN_NOT_NULL;
    if ((aggregate->function == RH_AGG_MIN || aggregate->function == RH_AGG_MAX) &&
        aggregate->column < query->n_columns) {
        const struct rh_column *of =
            rh_sql_column_at(query->columns, query->column_stride, aggregate->column);
        room->native_type = of->native_type;
        room->native_id = of->native_id;
        room->precision = of->precision;
        room->scale = of->scale;
    }
    return room;
}

static void add_aggregate(struct rh_sql *sql, const struct rh_column *column,
                          const struct rh_aggregate *aggregate, enum rh_sql_form form)
{
    static const char *const names[RH_N_AGGS] = {"", "count", "sum", "avg", "min", "max"};

    if (aggregate->function == 0 || aggregate->function >= RH_N_AGGS ||
        (!column && aggregate->function != RH_AGG_COUNT)) {
        sql->failed = true;
    } else if (sql->dialect->aggregate) {
        sql->dialect->aggregate(sql, column, aggregate, form);
    } else if (!column) {
        rh_sql_add(sql, "count(*)");
    } else {
        rh_sql_addf(sql, "%s(%s", names[aggregate->function],
                    aggregate->distinct ? "DISTINCT " : "");
        rh_sql_operand(sql, column, RH_SQL_VALUE);
        rh_sql_add(sql, ")");
    }
}

void rh_sql_output(struct rh_sql *sql, const struct rh_query *query, uint32_t output,
                   enum rh_sql_form form)
{
    const struct rh_query *having = sql->having;
    const struct rh_column *column = NULL;
    enum rh_sql_form made =
        form == RH_SQL_OUTPUT || form == RH_SQL_VALUE_OUTPUT ? RH_SQL_VALUE_OUTPUT : RH_SQL_VALUE;
    struct rh_column room;

    sql->having = NULL; /* what stands inside is written from the table's own columns */
    if (output < query->n_groups) {
        uint32_t bucket = query->groups[output].bucket;
        column = rh_sql_output_column(query, output, &room);
        if (!column || (bucket && !sql->dialect->bucket))
            sql->failed = true;
        else if (bucket)
            sql->dialect->bucket(sql, column, bucket, made);
        else
            rh_sql_operand(sql, column, form == RH_SQL_ORDER ? form : made);
    } else if (output - query->n_groups < query->n_aggregates) {
        const struct rh_aggregate *aggregate = &query->aggregates[output - query->n_groups];
        if (aggregate->column < query->n_columns)
            column = rh_sql_column_at(query->columns, query->column_stride, aggregate->column);
        add_aggregate(sql, column, aggregate, made);
    } else {
        sql->failed = true;
    }
    sql->having = having;
}

void rh_sql_operand(struct rh_sql *sql, const struct rh_column *column, enum rh_sql_form form)
{
    if (sql->having)
        rh_sql_output(sql, sql->having, sql->output, form);
    else if (sql->dialect->column)
        sql->dialect->column(sql, column, form);
    else
        rh_sql_name(sql, column);
}

/* ---- clauses ---- */

static const struct rh_column *column_of(struct rh_sql *sql, const struct rh_query *query,
                                         uint32_t position)
{
    const struct rh_sql_scope scope = rh_sql_scope_of(query, 0);

    return rh_sql_scope_column(sql, &scope, position);
}

static void add_number(struct rh_sql *sql, const char *keyword, int64_t number)
{
    const struct rh_value value = {.type = RH_TYPE_INT, .as.i = number};
    const struct rh_value *owned = rh_sql_own_value(sql, &value);

    rh_sql_add(sql, keyword);
    if (owned)
        rh_sql_value(sql, NULL, owned, RH_SQL_VALUE);
}

static bool is_limited(const struct rh_query *query)
{
    return query->limit <= INT64_MAX;
}

static void add_top(struct rh_sql *sql, const struct rh_query *query)
{
    if (sql->dialect->paging != RH_SQL_PAGING_TOP || query->offset || !is_limited(query))
        return;
    rh_sql_addf(sql, "TOP (%llu", (unsigned long long)query->limit);
    rh_sql_add(sql, ") ");
}

static void add_select_list(struct rh_sql *sql, const struct rh_query *query)
{
    enum rh_sql_form form = is_distinct(query) ? RH_SQL_VALUE_OUTPUT : RH_SQL_OUTPUT;
    uint32_t n = is_grouped(query) ? query->n_groups + query->n_aggregates : query->n_select;

    rh_sql_add(sql, "SELECT ");
    add_top(sql, query);
    rh_sql_add(sql, n ? "" : "1");
    for (uint32_t i = 0; i < n && !sql->failed; i++) {
        const struct rh_column *column = NULL;
        if (i)
            rh_sql_add(sql, ", ");
        if (is_grouped(query))
            rh_sql_output(sql, query, i, RH_SQL_VALUE_OUTPUT);
        else if ((column = column_of(sql, query, query->select[i])))
            rh_sql_operand(sql, column, form);
    }
}

/* Text whose own order is asked for, although it is grouped by code point. */
static bool orders_in_own_way(const struct rh_order *order, const struct rh_column *column)
{
    return !(order->flags & RH_ORDER_BINARY) && column->type == RH_TYPE_TEXT &&
           !(column->flags & RH_COLUMN_BINARY_ORDER);
}

/* That order's expression must be grouped too; it parts no group, since equal code points sort
 * equal. */
static void add_ordered_groups(struct rh_sql *sql, const struct rh_query *query)
{
    for (uint32_t i = 0; i < query->n_order && !sql->failed; i++) {
        const struct rh_order *order = &query->order[i];
        const struct rh_column *column = NULL;
        if (is_grouped(query)) {
            if (order->column >= query->n_groups || query->groups[order->column].bucket)
                continue;
            column = column_of(sql, query, query->groups[order->column].column);
        } else {
            column = column_of(sql, query, order->column);
        }
        if (!column || !orders_in_own_way(order, column))
            continue;
        rh_sql_add(sql, ", ");
        rh_sql_operand(sql, column, RH_SQL_ORDER);
    }
}

static void add_group_by(struct rh_sql *sql, const struct rh_query *query)
{
    uint32_t n = is_distinct(query) ? query->n_select : query->n_groups;

    for (uint32_t i = 0; i < n && !sql->failed; i++) {
        const struct rh_column *column = NULL;
        rh_sql_add(sql, i ? ", " : " GROUP BY ");
        if (is_grouped(query))
            rh_sql_output(sql, query, i, RH_SQL_VALUE);
        else if ((column = column_of(sql, query, query->select[i])))
            rh_sql_operand(sql, column, RH_SQL_VALUE);
    }
    if (n)
        add_ordered_groups(sql, query);
}

static void add_order_key(struct rh_sql *sql, const struct rh_query *query,
                          const struct rh_order *order)
{
    enum rh_sql_form form = order->flags & RH_ORDER_BINARY ? RH_SQL_VALUE : RH_SQL_ORDER;
    const struct rh_column *column = NULL;
    struct rh_column room;

    if (is_grouped(query))
        column = rh_sql_output_column(query, order->column, &room);
    else
        column = column_of(sql, query, order->column);
    if (!column) {
        sql->failed = true;
        return;
    }
    if (is_grouped(query))
        rh_sql_output(sql, query, order->column,
                      orders_in_own_way(order, column) ? form : RH_SQL_VALUE);
    else if (is_distinct(query))
        rh_sql_operand(sql, column, orders_in_own_way(order, column) ? form : RH_SQL_VALUE);
    else
        rh_sql_operand(sql, column, form);
}

static void add_order_by(struct rh_sql *sql, const struct rh_query *query)
{
    for (uint32_t i = 0; i < query->n_order && !sql->failed; i++) {
        const struct rh_order *order = &query->order[i];
        bool descending = (order->flags & RH_ORDER_DESC) != 0;
        bool nulls_first = (order->flags & RH_ORDER_NULLS_FIRST) != 0;
        bool by_itself = sql->dialect->order_nulls_largest == descending;
        bool nullable = true;
        struct rh_column room;
        const struct rh_column *column = is_grouped(query)
                                             ? rh_sql_output_column(query, order->column, &room)
                                             : column_of(sql, query, order->column);

        if (column)
            nullable = !(column->flags & RH_COLUMN_NOT_NULL);
        rh_sql_add(sql, i ? ", " : " ORDER BY ");
        if (nullable && by_itself != nulls_first && !sql->dialect->order_nulls_keywords) {
            rh_sql_add(sql, "CASE WHEN ");
            add_order_key(sql, query, order);
            rh_sql_addf(sql, " IS NULL THEN %d ELSE %d END, ", !nulls_first, nulls_first);
        }
        add_order_key(sql, query, order);
        rh_sql_add(sql, descending ? " DESC" : "");
        if (nullable && by_itself != nulls_first && sql->dialect->order_nulls_keywords)
            rh_sql_add(sql, nulls_first ? " NULLS FIRST" : " NULLS LAST");
    }
}

static int64_t offset_of(const struct rh_query *query)
{
    return query->offset > INT64_MAX ? INT64_MAX : (int64_t)query->offset;
}

/* With TOP the clause belongs to ORDER BY, and an offset must be said. */
static void add_fetch(struct rh_sql *sql, const struct rh_query *query)
{
    bool top = sql->dialect->paging == RH_SQL_PAGING_TOP;

    if (top && !query->offset)
        return;
    if (top && !query->n_order)
        rh_sql_add(sql, " ORDER BY (SELECT NULL)");
    if (query->offset) {
        add_number(sql, " OFFSET ", offset_of(query));
        rh_sql_add(sql, " ROWS");
    }
    if (is_limited(query)) {
        rh_sql_addf(sql, " FETCH NEXT %llu", (unsigned long long)query->limit);
        rh_sql_add(sql, " ROWS ONLY");
    }
}

/* The limit stands in the text: a planner that does not know it expects many rows, or plans anew
 * for every execution (PostgreSQL). Clients use few limits, so statements stay shared. */
static void add_limit(struct rh_sql *sql, const struct rh_query *query)
{
    bool offset = query->offset > 0;

    if (sql->dialect->paging != RH_SQL_PAGING_LIMIT) {
        add_fetch(sql, query);
        return;
    }
    if (is_limited(query))
        rh_sql_addf(sql, " LIMIT %llu", (unsigned long long)query->limit);
    else if (offset && sql->dialect->offset_needs_limit)
        add_number(sql, " LIMIT ", sql->dialect->limit_of_all ? sql->dialect->limit_of_all : -1);
    if (offset)
        add_number(sql, " OFFSET ", offset_of(query));
}

void rh_sql_from_where(struct rh_sql *sql, const struct rh_query *query)
{
    const struct rh_sql_scope scope = rh_sql_scope_of(query, 0);

    sql->alias = 0;
    sql->n_aliases = 1;
    rh_sql_add(sql, " FROM ");
    rh_sql_table(sql, query->schema, query->table);
    rh_sql_alias(sql, 0);
    if ((query->flags & RH_QUERY_LOCK) && sql->dialect->lock_hint)
        rh_sql_add(sql, sql->dialect->lock_hint);
    if (query->n_conjuncts) {
        rh_sql_add(sql, " WHERE ");
        rh_sql_conjuncts(sql, &scope, query->conjuncts, query->n_conjuncts);
    }
}

void rh_sql_select(struct rh_sql *sql, const struct rh_query *query)
{
    if (query->flags & MUST_UNDERSTAND & ~(RH_QUERY_DISTINCT | RH_QUERY_LOCK))
        sql->unsupported = true;
    sql->alias = 0;
    add_select_list(sql, query);
    rh_sql_from_where(sql, query);
    add_group_by(sql, query);
    if (query->n_having) {
        rh_sql_add(sql, " HAVING ");
        rh_sql_having(sql, query);
    }
    add_order_by(sql, query);
    add_limit(sql, query);
    if ((query->flags & RH_QUERY_LOCK) && sql->dialect->lock_clause && !is_grouped(query) &&
        !is_distinct(query))
        rh_sql_add(sql, " FOR UPDATE");
}
