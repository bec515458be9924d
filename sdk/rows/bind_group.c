/*
 * Groups and aggregates: the outputs of a grouped query and their types (rowhouse/query.h).
 */
#include "rows/binder.h"

#include "base/err.h"
#include "base/text.h"
#include "base/type.h"
#include "rows/near.h"

/* Outputs are found by name one after the other, so there are not many of them. */
#define MAX_OUTPUTS 1000u

#define SOURCE_ONLY (RH_COLUMN_DEFAULT | RH_COLUMN_GENERATED | RH_COLUMN_IDENTITY)

static bool is_number(uint32_t type)
{
    return type >= RH_TYPE_INT && type <= RH_TYPE_DECIMAL;
}

static bool is_dated(uint32_t type)
{
    return type == RH_TYPE_DATE || type == RH_TYPE_DATETIME || type == RH_TYPE_TIMESTAMP;
}

static bool has_extremes(uint32_t type)
{
    return type != RH_TYPE_BOOL && type != RH_TYPE_JSON && type != RH_TYPE_INTERVAL;
}

static int use(struct rh_binder *b, struct rh_text name, const char *pointer, uint32_t *ret_query,
               const struct rh_column **ret_column)
{
    uint32_t position = 0;
    int r = rh_binder_column(b, name, pointer, &position);
    if (r)
        return r;
    *ret_column = &b->table->columns[position];
    *ret_query = rh_binder_use(b, position);
    return *ret_query == RH_NO_COLUMN ? rh_fail_nomem(b->error) : 0;
}

static int check_name(struct rh_binder *b, struct rh_text name, const char *pointer)
{
    struct rh_text shown = rh_near_clip(name);
    if (!name.len)
        return rh_binder_fail(b, "invalid-query", pointer, "an output has no name");
    if (rh_binder_output(b, name) == RH_NO_COLUMN)
        return 0;
    return rh_binder_fail(b, "invalid-query", pointer, "two outputs have the name \"%.*s\"",
                          RH_TEXT_ARG(shown));
}

static int bind_group(struct rh_binder *b, const struct rh_group_item *item, struct rh_group *group,
                      struct rh_column *output)
{
    const struct rh_column *column = NULL;
    int r = check_name(b, item->name, item->pointer);
    if (!r)
        r = use(b, item->column, item->pointer, &group->column, &column);
    if (r)
        return r;
    struct rh_text shown = rh_near_clip(column->name);
    if (column->type == RH_TYPE_JSON)
        return rh_binder_fail(b, "invalid-query", item->pointer,
                              "JSON column \"%.*s\" cannot be a group", RH_TEXT_ARG(shown));
    if (item->bucket && !is_dated(column->type)) {
        rh_binder_fail(b, "invalid-query", item->pointer, "column \"%.*s\" has no periods",
                       RH_TEXT_ARG(shown));
        return rh_error_hint(b->error, "periods are for columns of type date, datetime, timestamp");
    }
    group->bucket = item->bucket;
    *output = *column;
    output->name = item->name;
    output->flags &= ~SOURCE_ONLY;
    return 0;
}

static int fail_function(struct rh_binder *b, const struct rh_aggregate_item *item,
                         const struct rh_column *column)
{
    static const char *const takes[] = {
        [RH_AGG_COUNT] = "distinct values are not told apart in JSON columns",
        [RH_AGG_SUM] = "sums are taken of numbers",
        [RH_AGG_AVG] = "averages are taken of numbers",
        [RH_AGG_MIN] = "it is for columns that can be ordered by",
        [RH_AGG_MAX] = "it is for columns that can be ordered by",
    };
    struct rh_text name = rh_near_clip(item->name), shown = rh_near_clip(column->name);
    rh_binder_fail(b, "invalid-query", item->pointer,
                   "the aggregate \"%.*s\" cannot be taken of column \"%.*s\", which is of type %s",
                   RH_TEXT_ARG(name), RH_TEXT_ARG(shown), rh_type_name(column->type));
    return rh_error_hint(b->error, "%s", takes[item->function]);
}

/* Type of the result, or 0 when the function does not take this type. */
static uint32_t result_type(const struct rh_aggregate_item *item, uint32_t type)
{
    switch (item->function) {
    case RH_AGG_COUNT:
        return item->distinct && type == RH_TYPE_JSON ? 0 : RH_TYPE_INT;
    case RH_AGG_SUM:
    case RH_AGG_AVG:
        return !is_number(type) ? 0 : type == RH_TYPE_FLOAT ? RH_TYPE_FLOAT : RH_TYPE_DECIMAL;
    default:
        return has_extremes(type) ? type : 0;
    }
}

static int bind_aggregate(struct rh_binder *b, const struct rh_aggregate_item *item,
                          struct rh_aggregate *aggregate, struct rh_column *output)
{
    int r = check_name(b, item->name, item->pointer);
    if (r)
        return r;
    *aggregate = (struct rh_aggregate){
        .function = item->function, .column = RH_NO_COLUMN, .distinct = item->distinct};
    *output = (struct rh_column){.name = item->name, .type = RH_TYPE_INT};
    if (!item->column.data) {
        if (item->function != RH_AGG_COUNT || item->distinct)
            return rh_binder_fail(b, "invalid-query", item->pointer,
                                  "only a plain count takes \"*\"");
        aggregate->type = RH_TYPE_INT;
        output->flags = RH_COLUMN_NOT_NULL;
        return 0;
    }
    const struct rh_column *column = NULL;
    r = use(b, item->column, item->pointer, &aggregate->column, &column);
    if (r)
        return r;
    aggregate->type = result_type(item, column->type);
    if (!aggregate->type)
        return fail_function(b, item, column);
    if (item->function == RH_AGG_MIN || item->function == RH_AGG_MAX) {
        *output = *column;
        output->name = item->name;
        output->flags &= ~(SOURCE_ONLY | RH_COLUMN_NOT_NULL);
    }
    output->type = aggregate->type;
    if (item->function == RH_AGG_COUNT)
        output->flags = RH_COLUMN_NOT_NULL;
    return 0;
}

int rh_binder_groups(struct rh_binder *binder, const struct rh_spec *spec, struct rh_bound *bound)
{
    if (spec->n_groups > MAX_OUTPUTS || spec->n_aggregates > MAX_OUTPUTS - spec->n_groups)
        return rh_binder_fail(binder, "invalid-query", "/aggregate",
                              "the query has more than %u outputs", MAX_OUTPUTS);
    uint32_t n = spec->n_groups + spec->n_aggregates;
    struct rh_group *groups = rh_arena_array(binder->arena, spec->n_groups, sizeof(*groups));
    struct rh_aggregate *aggregates =
        rh_arena_array(binder->arena, spec->n_aggregates, sizeof(*aggregates));
    struct rh_column *outputs = rh_arena_array(binder->arena, n, sizeof(*outputs));
    if (!groups || !aggregates || !outputs)
        return rh_fail_nomem(binder->error);
    binder->outputs = outputs;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t j = i - spec->n_groups;
        int r = i < spec->n_groups
                    ? bind_group(binder, &spec->groups[i], &groups[i], &outputs[i])
                    : bind_aggregate(binder, &spec->aggregates[j], &aggregates[j], &outputs[i]);
        if (r)
            return r;
        binder->n_outputs = i + 1;
    }
    bound->query.groups = groups;
    bound->query.n_groups = spec->n_groups;
    bound->query.aggregates = aggregates;
    bound->query.n_aggregates = spec->n_aggregates;
    bound->outputs = outputs;
    bound->n_outputs = n;
    return 0;
}
