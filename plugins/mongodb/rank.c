/*
 * Rowhouse's order of values, as a number that goes before the value in a sort:
 *
 *     bool 0 < numbers 1 < NaN 2 < text 3 < timestamp 4 < all else 5      and null where it is wanted
 *
 * MongoDB sorts null and missing first, NaN before the numbers, and bool behind objects. The kind of a
 * value is told by comparing it with the least value of the next kind, which older servers can too.
 * A falling order has the numbers negated, so the sort by rank always rises.
 *
 * What is in the last class (objects, arrays, bytes among scalars) has MongoDB's own order.
 */
#include "mongodb.h"

#include <math.h>

#define BOOL 0
#define NUMBER 1
#define NOT_A_NUMBER 2
#define TEXT 3
#define INSTANT 4
#define OTHER 5
#define NOTHING 9

static int with_flags(int rank, uint32_t flags)
{
    if (rank == NOTHING)
        return flags & RH_ORDER_NULLS_FIRST ? -NOTHING : NOTHING;
    return flags & RH_ORDER_DESC ? -rank : rank;
}

int rh_mongodb_rank_of(const struct rh_value *value, uint32_t order_flags)
{
    int rank = OTHER;

    switch (value->type) {
    case RH_TYPE_MISSING:
    case RH_TYPE_NULL:
        rank = NOTHING;
        break;
    case RH_TYPE_BOOL:
        rank = BOOL;
        break;
    case RH_TYPE_INT:
    case RH_TYPE_UINT:
        rank = NUMBER;
        break;
    case RH_TYPE_FLOAT:
        rank = isnan(value->as.f) ? NOT_A_NUMBER : NUMBER;
        break;
    case RH_TYPE_DECIMAL:
        rank = rh_text_is(rh_kit_value_text(value), "NaN") ? NOT_A_NUMBER : NUMBER;
        break;
    case RH_TYPE_TEXT:
        rank = TEXT;
        break;
    case RH_TYPE_TIMESTAMP:
        rank = INSTANT;
        break;
    default:
        break;
    }
    return with_flags(rank, order_flags);
}

/* ---- The expression -------------------------------------------------------------------------- */

struct chain {
    const char *path; /* "$field" */
    uint32_t flags;
};

/* Opens {$cond: [{op: [path, …]}, rank, …]}: the caller appends the operand to `operands`. */
static void open_case(const struct chain *chain, bson_t *to, const char *key, bson_t *cond,
                      bson_t *list, bson_t *test, bson_t *operands, const char *op)
{
    bson_append_document_begin(to, key, -1, cond);
    bson_append_array_begin(cond, "$cond", -1, list);
    bson_append_document_begin(list, "0", -1, test);
    bson_append_array_begin(test, op, -1, operands);
    BSON_APPEND_UTF8(operands, "0", chain->path);
}

static void close_test(const struct chain *chain, bson_t *list, bson_t *test, bson_t *operands,
                       int rank)
{
    bson_append_array_end(test, operands);
    bson_append_document_end(list, test);
    BSON_APPEND_INT32(list, "1", with_flags(rank, chain->flags));
}

static void close_case(bson_t *to, bson_t *cond, bson_t *list)
{
    bson_append_array_end(cond, list);
    bson_append_document_end(to, cond);
}

/* The tests, in the order in which they are made. */
enum { IS_NULL, IS_NAN, IS_NUMBER, IS_TEXT, IS_BELOW_BOOL, IS_BOOL, IS_INSTANT, N_TESTS };

static void append_operand(bson_t *operands, int test)
{
    bson_t empty;

    switch (test) {
    case IS_NAN:
        BSON_APPEND_DOUBLE(operands, "1", (double)NAN);
        return;
    case IS_NUMBER:
        BSON_APPEND_UTF8(operands, "1", "");
        return;
    case IS_TEXT:
        bson_append_document_begin(operands, "1", -1, &empty);
        bson_append_document_end(operands, &empty);
        return;
    case IS_BELOW_BOOL:
        BSON_APPEND_BOOL(operands, "1", false);
        return;
    case IS_BOOL:
        BSON_APPEND_BOOL(operands, "1", true);
        return;
    case IS_INSTANT:
        BSON_APPEND_TIMESTAMP(operands, "1", 0, 0);
        return;
    default:
        return;
    }
}

static void append_test(const struct chain *chain, bson_t *to, const char *key, int test)
{
    static const struct {
        const char *op;
        int rank;
    } tests[N_TESTS] = {{"$eq", NOTHING}, {"$eq", NOT_A_NUMBER}, {"$lt", NUMBER}, {"$lt", TEXT},
                        {"$lt", OTHER},   {"$lte", BOOL},        {"$lt", INSTANT}};
    bson_t cond, list, inner, operands, null, pair;

    if (test == N_TESTS) {
        BSON_APPEND_INT32(to, key, with_flags(OTHER, chain->flags));
        return;
    }
    if (test == IS_NULL) { /* {$eq: [{$ifNull: [path, null]}, null]} */
        bson_append_document_begin(to, key, -1, &cond);
        bson_append_array_begin(&cond, "$cond", -1, &list);
        bson_append_document_begin(&list, "0", -1, &inner);
        bson_append_array_begin(&inner, "$eq", -1, &operands);
        bson_append_document_begin(&operands, "0", -1, &null);
        bson_append_array_begin(&null, "$ifNull", -1, &pair);
        BSON_APPEND_UTF8(&pair, "0", chain->path);
        BSON_APPEND_NULL(&pair, "1");
        bson_append_array_end(&null, &pair);
        bson_append_document_end(&operands, &null);
        BSON_APPEND_NULL(&operands, "1");
    } else {
        open_case(chain, to, key, &cond, &list, &inner, &operands, tests[test].op);
        append_operand(&operands, test);
    }
    close_test(chain, &list, &inner, &operands, tests[test].rank);
    append_test(chain, &list, "2", test + 1);
    close_case(to, &cond, &list);
}

void rh_mongodb_append_rank(bson_t *to, const char *key, struct rh_text field, uint32_t order_flags)
{
    char *path = bson_strdup_printf("$%.*s", RH_TEXT_ARG(field));
    const struct chain chain = {.path = path, .flags = order_flags};

    append_test(&chain, to, key, 0);
    bson_free(path);
}
