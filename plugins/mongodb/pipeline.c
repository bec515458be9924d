/*
 * The command for a query: `find` when nothing has to be computed, else `aggregate` with the stages
 *
 *     $match  conditions           $group, $project  groups and aggregates as fields g0…, a0…
 *     $match  having               $addFields        ranks of the order's keys (rank.c)
 *     $match  SEEK                 $sort $skip $limit $project
 *
 * All with the collation "simple": a collection may have another one.
 */
#include "mongodb.h"

#include <stdio.h>
#include <string.h>

#define BATCH 1000

static const struct rh_column *column_of(const struct rh_query *query, uint32_t position)
{
    return rh_mongodb_column(query->columns, query->column_stride, position);
}

static bool is_distinct(const struct rh_query *query)
{
    return query->flags & RH_QUERY_DISTINCT && query->n_groups + query->n_aggregates == 0;
}

/* ---- The output ------------------------------------------------------------------------------ */

static struct rh_column aggregate_column(const struct rh_query *query,
                                         const struct rh_aggregate *aggregate)
{
    struct rh_column column = {.type = aggregate->type, .native_id = RH_MONGODB_KNOWN};

    if (aggregate->column < query->n_columns &&
        (aggregate->function == RH_AGG_MIN || aggregate->function == RH_AGG_MAX))
        column.native_id = column_of(query, aggregate->column)->native_id & ~RH_MONGODB_ORDERED;
    if (aggregate->function == RH_AGG_COUNT)
        column.native_id = RH_MONGODB_INT | RH_MONGODB_ORDERED;
    if (aggregate->function == RH_AGG_SUM)
        column.precision = RH_MONGODB_DIGITS;
    return column;
}

struct rh_column *rh_mongodb_output(const struct rh_query *query, struct rh_arena *arena,
                                    uint32_t *ret_n)
{
    bool distinct = is_distinct(query), grouped = rh_mongodb_is_grouped(query);
    uint32_t n_keys = distinct || !grouped ? query->n_select : query->n_groups;
    uint32_t n = n_keys + query->n_aggregates;
    struct rh_column *columns = rh_arena_array(arena, n + 1, sizeof(*columns));
    bool ok = columns != NULL;

    for (uint32_t i = 0; ok && i < n; i++) {
        uint32_t from = distinct || !grouped ? query->select[i < n_keys ? i : 0] : 0;
        char name[32];

        if (i < n_keys &&
            (distinct || !grouped ? from : query->groups[i].column) >= query->n_columns)
            return NULL;
        if (i >= n_keys)
            columns[i] = aggregate_column(query, &query->aggregates[i - n_keys]);
        else
            columns[i] = *column_of(query, distinct || !grouped ? from : query->groups[i].column);
        if (!grouped)
            continue;
        snprintf(name, sizeof(name), "%c%u", i < n_keys ? 'g' : 'a', i < n_keys ? i : i - n_keys);
        columns[i].name = rh_arena_text(arena, rh_text_of(name), &ok);
    }
    *ret_n = n;
    return ok ? columns : NULL;
}

/* ---- Stages ---------------------------------------------------------------------------------- */

struct pipeline {
    const struct rh_query *query;
    const struct rh_column *output;
    uint32_t n_output;
    bson_t *stages; /* of aggregate */
    uint32_t n;
    bson_t stage;
    struct rh_error *error;
    int rc;
};

static void begin_stage(struct pipeline *p, const char *name, bson_t *body)
{
    char key[16];

    snprintf(key, sizeof(key), "%u", p->n++);
    bson_append_document_begin(p->stages, key, -1, &p->stage);
    bson_append_document_begin(&p->stage, name, -1, body);
}

static void end_stage(struct pipeline *p, bson_t *body)
{
    bson_append_document_end(&p->stage, body);
    bson_append_document_end(p->stages, &p->stage);
}

static void add_number_stage(struct pipeline *p, const char *name, uint64_t value)
{
    char key[16];

    snprintf(key, sizeof(key), "%u", p->n++);
    bson_append_document_begin(p->stages, key, -1, &p->stage);
    BSON_APPEND_INT64(&p->stage, name, value > INT64_MAX ? INT64_MAX : (int64_t)value);
    bson_append_document_end(p->stages, &p->stage);
}

/* The column that the i-th key of the order is by. */
static const struct rh_column *key_column(const struct pipeline *p, uint32_t i)
{
    const struct rh_query *query = p->query;
    uint32_t at = query->order[i].column;

    if (is_distinct(query)) {
        for (uint32_t k = 0; k < query->n_select; k++)
            if (query->select[k] == at)
                return &p->output[k];
        return NULL;
    }
    if (rh_mongodb_is_grouped(query))
        return at < p->n_output ? &p->output[at] : NULL;
    return at < query->n_columns ? column_of(query, at) : NULL;
}

static bool is_ranked(const struct pipeline *p)
{
    for (uint32_t i = 0; i < p->query->n_order; i++)
        if (!rh_mongodb_is_ordered(key_column(p, i)))
            return true;
    return false;
}

/* Conditions as the members of a filter; with seek: SEEK among them. */
static void add_conditions(struct pipeline *p, bson_t *filter, const uint32_t *positions,
                           uint32_t n, const struct rh_mongodb_scope *scope, bool seek)
{
    const struct rh_query *query = p->query;
    uint32_t k = 0;
    bson_t list, one;
    char key[16];

    if (!n)
        return;
    bson_append_array_begin(filter, "$and", -1, &list);
    for (uint32_t i = 0; i < n && p->rc == RH_OK; i++) {
        const struct rh_node *node = &query->nodes[positions[i]];

        if (node->op != RH_OP_SEEK) {
            if (!rh_mongodb_verdict(scope, positions[i]))
                p->rc = rh_fail(p->error, RH_UNSUPPORTED,
                                "MongoDB was given a condition that it has not claimed");
            else
                p->rc = rh_mongodb_append_filter(scope, positions[i], &list, k++, p->error);
        } else if (!rh_mongodb_can_seek(query, node)) {
            p->rc = rh_fail(p->error, RH_UNSUPPORTED,
                            "MongoDB was given a position that it has not claimed");
        } else if (seek) {
            snprintf(key, sizeof(key), "%u", k++);
            bson_append_document_begin(&list, key, -1, &one);
            p->rc = rh_mongodb_append_seek(query, node, &one, p->error);
            bson_append_document_end(&list, &one);
        }
    }
    if (!k) { /* no list may be empty */
        bson_append_document_begin(&list, "0", -1, &one);
        bson_append_document_end(&list, &one);
    }
    bson_append_array_end(filter, &list);
}

static void add_filter(struct pipeline *p, bson_t *filter, bool seek)
{
    const struct rh_query *query = p->query;
    const struct rh_mongodb_scope scope = {query, query->columns, query->n_columns,
                                           query->column_stride};

    add_conditions(p, filter, query->conjuncts, query->n_conjuncts, &scope, seek);
}

static void add_sort(const struct pipeline *p, bson_t *sort, bool ranked)
{
    char name[32];

    for (uint32_t i = 0; i < p->query->n_order; i++) {
        const struct rh_column *column = key_column(p, i);
        int direction = p->query->order[i].flags & RH_ORDER_DESC ? -1 : 1;

        snprintf(name, sizeof(name), RH_MONGODB_RANK, i);
        if (ranked && !rh_mongodb_is_ordered(column))
            BSON_APPEND_INT32(sort, name, 1);
        if (!bson_has_field(sort, column->name.data ? column->name.data : ""))
            bson_append_int32(sort, column->name.data, (int)column->name.len, direction);
    }
}

/* Only the fields that are wanted, where their names mean themselves. False: all of them. */
static bool add_projection(const struct rh_column *columns, uint32_t n, bson_t *to)
{
    bool id = false;

    for (uint32_t i = 0; i < n; i++)
        if (!rh_mongodb_is_plain(columns[i].name))
            return false;
    for (uint32_t i = 0; i < n; i++) {
        bool again = false;

        for (uint32_t k = 0; k < i && !again; k++)
            again = rh_text_equal(columns[k].name, columns[i].name);
        if (again)
            continue;
        id = id || rh_text_is(columns[i].name, RH_MONGODB_ID);
        bson_append_int32(to, columns[i].name.data, (int)columns[i].name.len, 1);
    }
    if (!id)
        BSON_APPEND_INT32(to, RH_MONGODB_ID, n ? 0 : 1);
    return true;
}

/* ---- Groups ---------------------------------------------------------------------------------- */

/* {$ifNull: ["$field", null]} */
static void append_or_null(bson_t *to, const char *key, struct rh_text field)
{
    char *path = bson_strdup_printf("$%.*s", RH_TEXT_ARG(field));
    bson_t outer, list;

    bson_append_document_begin(to, key, -1, &outer);
    bson_append_array_begin(&outer, "$ifNull", -1, &list);
    BSON_APPEND_UTF8(&list, "0", path);
    BSON_APPEND_NULL(&list, "1");
    bson_append_array_end(&outer, &list);
    bson_append_document_end(to, &outer);
    bson_free(path);
}

/* Opens {$cond: [test, …]}, where the test is whether the field is null, or is a number. */
static void begin_cond(bson_t *to, const char *key, struct rh_text field, bool number, bson_t *cond,
                       bson_t *list)
{
    char *path = bson_strdup_printf("$%.*s", RH_TEXT_ARG(field));
    bson_t test, operands, one, pair;

    bson_append_document_begin(to, key, -1, cond);
    bson_append_array_begin(cond, "$cond", -1, list);
    bson_append_document_begin(list, "0", -1, &test);
    bson_append_array_begin(&test, number ? "$and" : "$eq", -1, &operands);
    if (number) {
        bson_append_document_begin(&operands, "0", -1, &one);
        bson_append_array_begin(&one, "$gt", -1, &pair);
        BSON_APPEND_UTF8(&pair, "0", path);
        BSON_APPEND_NULL(&pair, "1");
        bson_append_array_end(&one, &pair);
        bson_append_document_end(&operands, &one);
        bson_append_document_begin(&operands, "1", -1, &one);
        bson_append_array_begin(&one, "$lt", -1, &pair);
        BSON_APPEND_UTF8(&pair, "0", path);
        BSON_APPEND_UTF8(&pair, "1", "");
        bson_append_array_end(&one, &pair);
        bson_append_document_end(&operands, &one);
    } else {
        append_or_null(&operands, "0", field);
        BSON_APPEND_NULL(&operands, "1");
    }
    bson_append_array_end(&test, &operands);
    bson_append_document_end(list, &test);
    bson_free(path);
}

static void end_cond(bson_t *to, bson_t *cond, bson_t *list)
{
    bson_append_array_end(cond, list);
    bson_append_document_end(to, cond);
}

/* {$sum: {$cond: [test, yes, no]}} */
static void append_count(bson_t *group, const char *name, struct rh_text field, bool number)
{
    bson_t sum, cond, list;

    bson_append_document_begin(group, name, -1, &sum);
    begin_cond(&sum, "$sum", field, number, &cond, &list);
    BSON_APPEND_INT64(&list, "1", number ? 1 : 0);
    BSON_APPEND_INT64(&list, "2", number ? 0 : 1);
    end_cond(&sum, &cond, &list);
    bson_append_document_end(group, &sum);
}

/* As decimals, so that it does not overflow: {$sum: {$cond: [is a number, {$add: [field, 0]}, null]}} */
static void append_sum(bson_t *group, const char *name, struct rh_text field)
{
    char *path = bson_strdup_printf("$%.*s", RH_TEXT_ARG(field));
    bson_t sum, cond, list, add, terms;
    bson_decimal128_t zero;

    bson_decimal128_from_string("0", &zero);
    bson_append_document_begin(group, name, -1, &sum);
    begin_cond(&sum, "$sum", field, true, &cond, &list);
    bson_append_document_begin(&list, "1", -1, &add);
    bson_append_array_begin(&add, "$add", -1, &terms);
    BSON_APPEND_UTF8(&terms, "0", path);
    BSON_APPEND_DECIMAL128(&terms, "1", &zero);
    bson_append_array_end(&add, &terms);
    bson_append_document_end(&list, &add);
    BSON_APPEND_NULL(&list, "2");
    end_cond(&sum, &cond, &list);
    bson_append_document_end(group, &sum);
    bson_free(path);
}

/* The least pair of rank and value: {$min: {$cond: [is null, null, {r: rank, v: field}]}} */
static void append_extreme(bson_t *group, const char *name, const char *op, struct rh_text field)
{
    char *path = bson_strdup_printf("$%.*s", RH_TEXT_ARG(field));
    bson_t outer, cond, list, pair;

    bson_append_document_begin(group, name, -1, &outer);
    begin_cond(&outer, op, field, false, &cond, &list);
    BSON_APPEND_NULL(&list, "1");
    bson_append_document_begin(&list, "2", -1, &pair);
    rh_mongodb_append_rank(&pair, "r", field, 0);
    BSON_APPEND_UTF8(&pair, "v", path);
    bson_append_document_end(&list, &pair);
    end_cond(&outer, &cond, &list);
    bson_append_document_end(group, &outer);
    bson_free(path);
}

static void append_aggregate(bson_t *group, const struct rh_query *query, uint32_t i)
{
    const struct rh_aggregate *aggregate = &query->aggregates[i];
    struct rh_text field = {NULL, 0};
    char name[16];
    bson_t sum;

    snprintf(name, sizeof(name), "a%u", i);
    if (aggregate->column != RH_NO_COLUMN)
        field = column_of(query, aggregate->column)->name;
    switch (aggregate->function) {
    case RH_AGG_COUNT:
        if (field.data) {
            append_count(group, name, field, false);
            return;
        }
        bson_append_document_begin(group, name, -1, &sum);
        BSON_APPEND_INT64(&sum, "$sum", 1);
        bson_append_document_end(group, &sum);
        return;
    case RH_AGG_SUM:
        append_sum(group, name, field);
        snprintf(name, sizeof(name), "n%u", i);
        append_count(group, name, field, true);
        return;
    default:
        append_extreme(group, name, aggregate->function == RH_AGG_MIN ? "$min" : "$max", field);
        return;
    }
}

/* {$cond: [{$eq: ["$n0", 0]}, null, "$a0"]}: the sum of nothing is NULL. */
static void append_sum_or_null(bson_t *to, const char *name, uint32_t i)
{
    bson_t cond, list, test, operands;
    char path[16];

    bson_append_document_begin(to, name, -1, &cond);
    bson_append_array_begin(&cond, "$cond", -1, &list);
    bson_append_document_begin(&list, "0", -1, &test);
    bson_append_array_begin(&test, "$eq", -1, &operands);
    snprintf(path, sizeof(path), "$n%u", i);
    BSON_APPEND_UTF8(&operands, "0", path);
    BSON_APPEND_INT64(&operands, "1", 0);
    bson_append_array_end(&test, &operands);
    bson_append_document_end(&list, &test);
    BSON_APPEND_NULL(&list, "1");
    snprintf(path, sizeof(path), "$a%u", i);
    BSON_APPEND_UTF8(&list, "2", path);
    bson_append_array_end(&cond, &list);
    bson_append_document_end(to, &cond);
}

static void add_flat(struct pipeline *p, uint32_t n_keys)
{
    const struct rh_query *query = p->query;
    char name[16], path[32];
    bson_t body;

    begin_stage(p, "$project", &body);
    BSON_APPEND_INT32(&body, RH_MONGODB_ID, 0);
    for (uint32_t i = 0; i < n_keys; i++) {
        snprintf(name, sizeof(name), "g%u", i);
        snprintf(path, sizeof(path), "$_id.g%u", i);
        BSON_APPEND_UTF8(&body, name, path);
    }
    for (uint32_t i = 0; i < query->n_aggregates; i++) {
        uint32_t function = query->aggregates[i].function;

        snprintf(name, sizeof(name), "a%u", i);
        snprintf(path, sizeof(path), "$a%u%s", i, function == RH_AGG_COUNT ? "" : ".v");
        if (function == RH_AGG_SUM)
            append_sum_or_null(&body, name, i);
        else
            BSON_APPEND_UTF8(&body, name, path);
    }
    end_stage(p, &body);
}

static void add_groups(struct pipeline *p)
{
    const struct rh_query *query = p->query;
    bool distinct = is_distinct(query);
    uint32_t n_keys = distinct ? query->n_select : query->n_groups;
    const struct rh_mongodb_scope scope = {query, p->output, p->n_output, sizeof(*p->output)};
    bson_t body, keys;
    char name[16];

    begin_stage(p, "$group", &body);
    bson_append_document_begin(&body, RH_MONGODB_ID, -1, &keys);
    for (uint32_t i = 0; i < n_keys; i++) {
        uint32_t at = distinct ? query->select[i] : query->groups[i].column;
        snprintf(name, sizeof(name), "g%u", i);
        append_or_null(&keys, name, column_of(query, at)->name);
    }
    bson_append_document_end(&body, &keys);
    for (uint32_t i = 0; i < query->n_aggregates; i++)
        append_aggregate(&body, query, i);
    end_stage(p, &body);
    add_flat(p, n_keys);
    if (!query->n_having)
        return;
    begin_stage(p, "$match", &body);
    add_conditions(p, &body, query->having, query->n_having, &scope, false);
    end_stage(p, &body);
}

/* ---- Commands -------------------------------------------------------------------------------- */

static void add_ranks(struct pipeline *p)
{
    bson_t body;
    char name[32];

    begin_stage(p, "$addFields", &body);
    for (uint32_t i = 0; i < p->query->n_order; i++) {
        const struct rh_column *column = key_column(p, i);
        snprintf(name, sizeof(name), RH_MONGODB_RANK, i);
        if (!rh_mongodb_is_ordered(column))
            rh_mongodb_append_rank(&body, name, column->name, p->query->order[i].flags);
    }
    end_stage(p, &body);
}

static void add_seek(struct pipeline *p)
{
    const struct rh_query *query = p->query;
    bson_t body;

    for (uint32_t i = 0; i < query->n_conjuncts && p->rc == RH_OK; i++) {
        const struct rh_node *node = &query->nodes[query->conjuncts[i]];
        if (node->op != RH_OP_SEEK)
            continue;
        begin_stage(p, "$match", &body);
        p->rc = rh_mongodb_append_seek(query, node, &body, p->error);
        end_stage(p, &body);
    }
}

static void write_aggregate(struct pipeline *p, bson_t *command, bool ranked)
{
    const struct rh_query *query = p->query;
    bool grouped = rh_mongodb_is_grouped(query);
    bson_t stages, body, fields = BSON_INITIALIZER;

    bson_append_utf8(command, "aggregate", -1, query->table.data, (int)query->table.len);
    bson_append_array_begin(command, "pipeline", -1, &stages);
    p->stages = &stages;
    begin_stage(p, "$match", &body);
    add_filter(p, &body, !ranked);
    end_stage(p, &body);
    if (grouped)
        add_groups(p);
    if (ranked)
        add_ranks(p);
    if (ranked)
        add_seek(p);
    if (query->n_order) {
        begin_stage(p, "$sort", &body);
        add_sort(p, &body, ranked);
        end_stage(p, &body);
    }
    if (query->offset)
        add_number_stage(p, "$skip", query->offset);
    if (query->limit != RH_NO_LIMIT)
        add_number_stage(p, "$limit", query->limit);
    if (add_projection(p->output, p->n_output, &fields)) {
        begin_stage(p, "$project", &body);
        bson_concat(&body, &fields);
        end_stage(p, &body);
    }
    bson_append_array_end(command, &stages);
    bson_destroy(&fields);
    bson_append_document_begin(command, "cursor", -1, &body);
    BSON_APPEND_INT64(&body, "batchSize", BATCH);
    bson_append_document_end(command, &body);
    BSON_APPEND_BOOL(command, "allowDiskUse", true);
}

static void write_find(struct pipeline *p, bson_t *command)
{
    const struct rh_query *query = p->query;
    bson_t body, fields = BSON_INITIALIZER;
    uint64_t goal = query->flags & RH_QUERY_ROW_GOAL && query->row_goal ? query->row_goal : BATCH;

    bson_append_utf8(command, "find", -1, query->table.data, (int)query->table.len);
    bson_append_document_begin(command, "filter", -1, &body);
    add_filter(p, &body, true);
    bson_append_document_end(command, &body);
    if (add_projection(p->output, p->n_output, &fields))
        BSON_APPEND_DOCUMENT(command, "projection", &fields);
    bson_destroy(&fields);
    if (query->n_order) {
        bson_append_document_begin(command, "sort", -1, &body);
        add_sort(p, &body, false);
        bson_append_document_end(command, &body);
    }
    if (query->offset)
        BSON_APPEND_INT64(command, "skip", (int64_t)query->offset);
    if (query->limit != RH_NO_LIMIT && query->limit < INT64_MAX)
        BSON_APPEND_INT64(command, "limit", (int64_t)query->limit);
    BSON_APPEND_INT64(command, "batchSize", goal < BATCH ? (int64_t)goal : BATCH);
}

int rh_mongodb_query_command(const struct rh_query *query, bson_t *ret_command,
                             struct rh_error *error)
{
    struct rh_arena *arena = rh_arena_new((size_t)1 << 24);
    struct pipeline p = {.query = query, .error = error};
    bool ranked;
    bson_t body;

    if (arena)
        p.output = rh_mongodb_output(query, arena, &p.n_output);
    if (!p.output) {
        rh_arena_free(arena);
        return rh_fail_nomem(error);
    }
    for (uint32_t i = 0; i < query->n_order && p.rc == RH_OK; i++)
        if (!key_column(&p, i) || !rh_mongodb_can_order(key_column(&p, i)))
            p.rc = rh_fail(error, RH_UNSUPPORTED,
                           "MongoDB was given an order that it has not "
                           "claimed");
    ranked = p.rc == RH_OK && is_ranked(&p);
    if (p.rc == RH_OK && (ranked || rh_mongodb_is_grouped(query)))
        write_aggregate(&p, ret_command, ranked);
    else if (p.rc == RH_OK)
        write_find(&p, ret_command);
    bson_append_document_begin(ret_command, "collation", -1, &body);
    BSON_APPEND_UTF8(&body, "locale", "simple");
    bson_append_document_end(ret_command, &body);
    rh_arena_free(arena);
    return p.rc;
}
