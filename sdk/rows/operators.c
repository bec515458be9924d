/*
 * One table of names. The list is short and looked up once per condition, so it is searched from
 * the front; the frequent ones stand there.
 */
#include "rows/operators.h"

#include "base/err.h"
#include "base/text.h"
#include "rows/near.h"

static const struct rh_operator_name operators[] = {
    {"eq", RH_OP_EQ, RH_OPERAND_ONE},
    {"ne", RH_OP_EQ | RH_OP_NOT, RH_OPERAND_ONE},
    {"lt", RH_OP_LT, RH_OPERAND_ONE},
    {"lte", RH_OP_LTE, RH_OPERAND_ONE},
    {"gt", RH_OP_GT, RH_OPERAND_ONE},
    {"gte", RH_OP_GTE, RH_OPERAND_ONE},
    {"in", RH_OP_IN, RH_OPERAND_LIST},
    {"nin", RH_OP_IN | RH_OP_NOT, RH_OPERAND_LIST},
    {"between", RH_OP_AND, RH_OPERAND_RANGE},
    {"null", RH_OP_NULL, RH_OPERAND_TRUTH},
    {"exists", RH_OP_ABSENT | RH_OP_NOT, RH_OPERAND_TRUTH},
    {"empty", RH_OP_EMPTY, RH_OPERAND_TRUTH},
    {"like", RH_OP_LIKE, RH_OPERAND_ONE},
    {"nlike", RH_OP_LIKE | RH_OP_NOT, RH_OPERAND_ONE},
    {"ilike", RH_OP_LIKE | RH_OP_FOLD, RH_OPERAND_ONE},
    {"starts", RH_OP_STARTS, RH_OPERAND_ONE},
    {"ends", RH_OP_ENDS, RH_OPERAND_ONE},
    {"contains", RH_OP_CONTAINS, RH_OPERAND_ONE},
    {"istarts", RH_OP_STARTS | RH_OP_FOLD, RH_OPERAND_ONE},
    {"iends", RH_OP_ENDS | RH_OP_FOLD, RH_OPERAND_ONE},
    {"icontains", RH_OP_CONTAINS | RH_OP_FOLD, RH_OPERAND_ONE},
    {"matches", RH_OP_MATCHES, RH_OPERAND_ONE},
    {"has", RH_OP_HAS_ALL, RH_OPERAND_ITEM},
    {"has_all", RH_OP_HAS_ALL, RH_OPERAND_ITEMS},
    {"has_any", RH_OP_HAS_ANY, RH_OPERAND_ITEMS},
};

static const char *const buckets[] = {
    [RH_BUCKET_YEAR] = "year",     [RH_BUCKET_QUARTER] = "quarter", [RH_BUCKET_MONTH] = "month",
    [RH_BUCKET_WEEK] = "week",     [RH_BUCKET_DAY] = "day",         [RH_BUCKET_HOUR] = "hour",
    [RH_BUCKET_MINUTE] = "minute",
};

static const char *const aggregates[] = {
    [RH_AGG_COUNT] = "count", [RH_AGG_SUM] = "sum", [RH_AGG_AVG] = "avg",
    [RH_AGG_MIN] = "min",     [RH_AGG_MAX] = "max",
};

#define N(array) (sizeof(array) / sizeof((array)[0]))

const struct rh_operator_name *rh_operator_find(struct rh_text name)
{
    for (size_t i = 0; i < N(operators); i++)
        if (rh_text_is(name, operators[i].name))
            return &operators[i];
    return NULL;
}

const char *rh_operator_label(uint32_t op)
{
    const char *base = "condition";
    for (size_t i = 0; i < N(operators); i++) {
        if (operators[i].op == op)
            return operators[i].name;
        if (operators[i].op == (op & ~RH_OP_NOT))
            base = operators[i].name;
    }
    return base;
}

static uint32_t find(const char *const *names, size_t n, struct rh_text name)
{
    for (uint32_t i = 1; i < n; i++)
        if (rh_text_is(name, names[i]))
            return i;
    return 0;
}

uint32_t rh_bucket_find(struct rh_text name)
{
    return find(buckets, N(buckets), name);
}

uint32_t rh_aggregate_find(struct rh_text name)
{
    return find(aggregates, N(aggregates), name);
}

static int unknown(const char *what, struct rh_text name, const char *code, const char *pointer,
                   struct rh_error *error)
{
    struct rh_text shown = rh_near_clip(name);
    rh_fail(error, RH_INVALID, "there is no %s \"%.*s\"", what, RH_TEXT_ARG(shown));
    rh_error_code(error, code);
    return rh_error_pointer(error, pointer);
}

int rh_operator_unknown(struct rh_text name, const char *pointer, const char *otherwise,
                        struct rh_error *error)
{
    unknown("operator", name, "unknown-operator", pointer, error);
    struct rh_near near;
    rh_near_init(&near, name);
    for (size_t i = 0; i < N(operators); i++)
        rh_near_add(&near, rh_text_of(operators[i].name));
    return rh_near_hint(
        &near,
        otherwise ? otherwise
                  : "operators: eq ne lt lte gt gte between in nin like nlike ilike starts "
                    "ends contains istarts iends icontains matches null exists empty has "
                    "has_all has_any",
        error);
}

int rh_bucket_unknown(struct rh_text name, const char *pointer, struct rh_error *error)
{
    unknown("period", name, "invalid-query", pointer, error);
    return rh_error_hint(error, "periods: year quarter month week day hour minute");
}

int rh_aggregate_unknown(struct rh_text name, const char *pointer, struct rh_error *error)
{
    unknown("aggregate function", name, "invalid-query", pointer, error);
    return rh_error_hint(error, "functions: count sum avg min max");
}
