/*
 * Conditions as MongoDB's filters.
 *
 * What MongoDB does differently from Rowhouse, and what is done about it:
 * - An operator on an array looks at its elements: each condition also asks that the field is no array.
 * - `$eq: null` finds missing fields too, which is what NULL means here.
 * - Filters are two-valued, so `$nor` is the exact complement, NULL and missing included.
 * - Comparisons keep to the kind of the literal: numbers with numbers by value, strings with strings
 *   bytewise (with the collation "simple", which every command asks for), as Rowhouse does.
 * - NaN is above nothing in MongoDB, and the greatest number here: GT and GTE ask for it as well.
 * - ObjectIds are texts here: in a column that is known to hold some a text of 24 digits is both.
 * - Dates have milliseconds: literals between two of them are rounded to the right side.
 * - LIKE and its like are regular expressions of literals, letter by letter: `i` is another folding
 *   than ours. They ask that the field is no regular expression, which would equal itself.
 *
 * A decimal literal of more than 17 digits beside doubles, which MongoDB compares at 34 digits, is not
 * pushed down unless it is for equality.
 */
#include "mongodb.h"

#include "connector/match.h"

#include <math.h>
#include <string.h>

#define MAX_IN 10000
#define MAX_DEPTH 32
#define MAX_PATTERN 2000 /* bytes of a text pattern */
#define MAX_WILDCARDS 3  /* % in a pattern: each is a place to backtrack to */
#define MAX_DIGITS 17
#define LAST_US INT64_C(9223372036854774000) /* of dates that are TIMESTAMP cells */

#define TEXT RH_TYPE_BIT(RH_TYPE_TEXT)
#define NUMBERS                                                                                    \
    (RH_TYPE_BIT(RH_TYPE_INT) | RH_TYPE_BIT(RH_TYPE_FLOAT) | RH_TYPE_BIT(RH_TYPE_DECIMAL))
#define RANGED (NUMBERS | TEXT | RH_TYPE_BIT(RH_TYPE_TIMESTAMP))
#define SCALARS                                                                                    \
    (RANGED | RH_TYPE_BIT(RH_TYPE_BOOL) | RH_TYPE_BIT(RH_TYPE_UUID) | RH_TYPE_BIT(RH_TYPE_BYTES))
#define ALL 0xffffu
#define EXACT_BOTH(o, t)                                                                           \
    {.op = (o), .types = (t), .verdict = RH_VERDICT_EXACT},                                        \
    {                                                                                              \
        .op = (o) | RH_OP_NOT, .types = (t), .verdict = RH_VERDICT_EXACT                           \
    }

const struct rh_operator rh_mongodb_operators[RH_MONGODB_N_OPERATORS] = {
    EXACT_BOTH(RH_OP_EQ, SCALARS),
    EXACT_BOTH(RH_OP_IN, SCALARS),
    EXACT_BOTH(RH_OP_LT, RANGED),
    EXACT_BOTH(RH_OP_LTE, RANGED),
    EXACT_BOTH(RH_OP_GT, RANGED),
    EXACT_BOTH(RH_OP_GTE, RANGED),
    EXACT_BOTH(RH_OP_LIKE, TEXT),
    EXACT_BOTH(RH_OP_STARTS, TEXT),
    EXACT_BOTH(RH_OP_ENDS, TEXT),
    EXACT_BOTH(RH_OP_CONTAINS, TEXT),
    EXACT_BOTH(RH_OP_LIKE | RH_OP_FOLD, TEXT),
    EXACT_BOTH(RH_OP_STARTS | RH_OP_FOLD, TEXT),
    EXACT_BOTH(RH_OP_ENDS | RH_OP_FOLD, TEXT),
    EXACT_BOTH(RH_OP_CONTAINS | RH_OP_FOLD, TEXT),
    EXACT_BOTH(RH_OP_NULL, ALL),
    EXACT_BOTH(RH_OP_ABSENT, ALL),
    EXACT_BOTH(RH_OP_EMPTY, RH_TYPE_BIT(RH_TYPE_JSON)),
    {.op = RH_OP_SEEK, .verdict = RH_VERDICT_EXACT},
};

/* ---- Verdicts -------------------------------------------------------------------------------- */

static const struct rh_column *column_of(const struct rh_mongodb_scope *scope,
                                         const struct rh_node *node)
{
    return node->column < scope->n_columns
               ? rh_mongodb_column(scope->columns, scope->stride, node->column)
               : NULL;
}

static uint32_t digits_of(struct rh_text decimal)
{
    uint32_t n = 0;

    for (uint64_t i = 0; i < decimal.len; i++)
        n += decimal.data[i] >= (n ? '0' : '1') && decimal.data[i] <= '9';
    return n;
}

static uint8_t literal_verdict(const struct rh_value *value, uint32_t type, bool equal)
{
    bson_decimal128_t decimal;

    if (value->type != type)
        return RH_VERDICT_NONE;
    switch (value->type) {
    case RH_TYPE_FLOAT:
        return isnan(value->as.f) && !equal ? RH_VERDICT_NONE : RH_VERDICT_EXACT;
    case RH_TYPE_DECIMAL:
        if (!rh_mongodb_to_decimal(rh_kit_value_text(value), &decimal) ||
            (!equal && rh_text_is(rh_kit_value_text(value), "NaN")))
            return RH_VERDICT_NONE;
        if (digits_of(rh_kit_value_text(value)) <= MAX_DIGITS)
            return RH_VERDICT_EXACT;
        return equal ? RH_VERDICT_SUPERSET : RH_VERDICT_NONE;
    case RH_TYPE_TEXT:
        return rh_text_is_utf8(rh_kit_value_text(value)) ? RH_VERDICT_EXACT : RH_VERDICT_NONE;
    case RH_TYPE_TIMESTAMP:
        return equal || (value->as.i < LAST_US && value->as.i > -LAST_US) ? RH_VERDICT_EXACT
                                                                          : RH_VERDICT_NONE;
    default:
        return RH_VERDICT_EXACT;
    }
}

bool rh_mongodb_is_exact(const struct rh_value *value, uint32_t type)
{
    return RH_TYPE_BIT(value->type) & (RANGED | RH_TYPE_BIT(RH_TYPE_BOOL)) &&
           literal_verdict(value, type, false) == RH_VERDICT_EXACT;
}

static uint8_t list_verdict(const struct rh_query *query, const struct rh_node *node, uint32_t type)
{
    uint8_t least = RH_VERDICT_EXACT;

    if (!(RH_TYPE_BIT(type) & SCALARS) || node->n > MAX_IN)
        return RH_VERDICT_NONE;
    for (uint32_t i = 0; i < node->n; i++) {
        uint8_t one = literal_verdict(&query->values[node->first + i], type, true);
        least = one < least ? one : least;
    }
    return least == RH_VERDICT_EXACT || !(node->op & RH_OP_NOT) ? least : RH_VERDICT_NONE;
}

static uint8_t range_verdict(const struct rh_query *query, const struct rh_node *node,
                             const struct rh_column *column)
{
    const struct rh_value *value = &query->values[node->first];
    bson_oid_t oid;

    if (!(RH_TYPE_BIT(column->type) & RANGED))
        return RH_VERDICT_NONE;
    if (column->native_id & RH_MONGODB_OID && column->type == RH_TYPE_TEXT &&
        !rh_mongodb_to_oid(rh_kit_value_text(value), &oid))
        return RH_VERDICT_NONE;
    return literal_verdict(value, column->type, false);
}

static uint8_t text_verdict(const struct rh_query *query, const struct rh_node *node,
                            const struct rh_column *column)
{
    struct rh_text value = rh_kit_value_text(&query->values[node->first]);
    uint32_t wildcards = 0;

    if (column->type != RH_TYPE_TEXT || column->native_id & RH_MONGODB_OID ||
        value.len > MAX_PATTERN || (value.len && memchr(value.data, 0, value.len)) ||
        !rh_text_is_utf8(value))
        return RH_VERDICT_NONE;
    if (RH_OP_BASE(node->op) != RH_OP_LIKE)
        return RH_VERDICT_EXACT;
    for (uint64_t i = 0; i < value.len; i++)
        wildcards += value.data[i] == '%';
    return wildcards <= MAX_WILDCARDS && rh_match_pattern_is_valid(value) ? RH_VERDICT_EXACT
                                                                          : RH_VERDICT_NONE;
}

static uint8_t leaf_verdict(const struct rh_mongodb_scope *scope, const struct rh_node *node)
{
    const struct rh_column *column = column_of(scope, node);

    if (!column || !column->native_id || !rh_mongodb_is_plain(column->name))
        return RH_VERDICT_NONE;
    switch (RH_OP_BASE(node->op)) {
    case RH_OP_EQ:
    case RH_OP_IN:
        return list_verdict(scope->query, node, column->type);
    case RH_OP_LT:
    case RH_OP_LTE:
    case RH_OP_GT:
    case RH_OP_GTE:
        return range_verdict(scope->query, node, column);
    case RH_OP_LIKE:
    case RH_OP_STARTS:
    case RH_OP_ENDS:
    case RH_OP_CONTAINS:
        return text_verdict(scope->query, node, column);
    case RH_OP_NULL:
    case RH_OP_ABSENT:
        return RH_VERDICT_EXACT;
    case RH_OP_EMPTY:
        return column->type == RH_TYPE_JSON ? RH_VERDICT_EXACT : RH_VERDICT_NONE;
    default:
        return RH_VERDICT_NONE;
    }
}

static uint8_t verdict(const struct rh_mongodb_scope *scope, uint32_t position, unsigned depth)
{
    const struct rh_node *node = &scope->query->nodes[position];
    uint8_t least = RH_VERDICT_EXACT;

    if (node->op != RH_OP_AND && node->op != RH_OP_OR)
        return leaf_verdict(scope, node);
    if (depth == MAX_DEPTH || node->n > MAX_IN)
        return RH_VERDICT_NONE;
    for (uint32_t i = 0; i < node->n && least; i++) {
        uint8_t one = verdict(scope, node->first + i, depth + 1);
        least = one < least ? one : least;
    }
    return least;
}

uint8_t rh_mongodb_verdict(const struct rh_mongodb_scope *scope, uint32_t position)
{
    return verdict(scope, position, 0);
}

/* ---- Writing filters ------------------------------------------------------------------------- */

struct writer {
    const struct rh_mongodb_scope *scope;
    struct rh_error *error;
    int rc;
};

static const char *key_of(uint32_t i, char room[16])
{
    const char *key;

    bson_uint32_to_string(i, &key, room, 16);
    return key;
}

/* No array; and for regular expressions none of these. */
static void add_guard(bson_t *condition, struct rh_text name, bool regex)
{
    bson_t not, types;

    if (rh_text_is(name, RH_MONGODB_ID) && !regex)
        return;
    bson_append_document_begin(condition, "$not", -1, &not );
    if (regex) {
        bson_append_array_begin(&not, "$type", -1, &types);
        BSON_APPEND_UTF8(&types, "0", "array");
        BSON_APPEND_UTF8(&types, "1", "regex");
        bson_append_array_end(&not, &types);
    } else {
        BSON_APPEND_UTF8(&not, "$type", "array");
    }
    bson_append_document_end(condition, &not );
}

/* {name: {op: value, guard}}, the value by rh_mongodb_append. */
static void add_comparison(struct writer *w, bson_t *to, struct rh_text name, const char *op,
                           const struct rh_value *value, uint32_t kinds)
{
    bson_t condition;

    rh_mongodb_begin_document(to, name, &condition);
    if (w->rc == RH_OK)
        w->rc = rh_mongodb_append(&condition, rh_text_of(op), value, kinds, w->error);
    add_guard(&condition, name, false);
    bson_append_document_end(to, &condition);
}

static void add_list(struct writer *w, bson_t *to, const struct rh_column *column,
                     const struct rh_value *values, uint32_t n)
{
    bson_t condition, list;
    char room[16];
    bson_oid_t oid;
    uint32_t k = 0;

    rh_mongodb_begin_document(to, column->name, &condition);
    bson_append_array_begin(&condition, "$in", -1, &list);
    for (uint32_t i = 0; i < n && w->rc == RH_OK; i++) {
        const struct rh_value *value = &values[i];

        if (value->type == RH_TYPE_TIMESTAMP &&
            (value->as.i % 1000 || value->as.i == INT64_MAX || value->as.i == INT64_MIN))
            continue; /* equals no date */
        w->rc = rh_mongodb_append(&list, rh_text_of(key_of(k++, room)), value, 0, w->error);
        if (value->type == RH_TYPE_TEXT && column->native_id & RH_MONGODB_OID &&
            rh_mongodb_to_oid(rh_kit_value_text(value), &oid))
            bson_append_oid(&list, key_of(k++, room), -1, &oid);
    }
    bson_append_array_end(&condition, &list);
    add_guard(&condition, column->name, false);
    bson_append_document_end(to, &condition);
}

/* {$or: [first, second]}, each a comparison of the field. */
static void add_either(struct writer *w, bson_t *to, struct rh_text name, const char *op,
                       const struct rh_value *value, const char *or_op,
                       const struct rh_value *or_value, uint32_t or_kinds)
{
    bson_t list, one;

    bson_append_array_begin(to, "$or", -1, &list);
    bson_append_document_begin(&list, "0", -1, &one);
    add_comparison(w, &one, name, op, value, 0);
    bson_append_document_end(&list, &one);
    bson_append_document_begin(&list, "1", -1, &one);
    add_comparison(w, &one, name, or_op, or_value, or_kinds);
    bson_append_document_end(&list, &one);
    bson_append_array_end(to, &list);
}

/* The instant as milliseconds: downwards for what holds up to it or above it. */
static struct rh_value in_ms(const struct rh_value *value, uint32_t op)
{
    int64_t us = value->as.i, rest = ((us % 1000) + 1000) % 1000;
    bool down = op == RH_OP_LTE || op == RH_OP_GT;

    us -= rest;
    if (rest && !down)
        us += 1000;
    return (struct rh_value){.type = RH_TYPE_TIMESTAMP, .as.i = us};
}

/* Dates beyond the cells' range are JSON there, and so compare with nothing. */
static void add_instant_range(struct writer *w, bson_t *to, struct rh_text name, uint32_t op,
                              const char *word, const struct rh_value *value)
{
    struct rh_value ms = in_ms(value, op);
    bool below = op == RH_OP_LT || op == RH_OP_LTE;
    bson_t condition;

    rh_mongodb_begin_document(to, name, &condition);
    w->rc = rh_mongodb_append(&condition, rh_text_of(word), &ms, 0, w->error);
    bson_append_date_time(&condition, below ? "$gt" : "$lt", 3,
                          (below ? -1 : 1) * (INT64_MAX / 1000));
    add_guard(&condition, name, false);
    bson_append_document_end(to, &condition);
}

static void add_range(struct writer *w, bson_t *to, const struct rh_column *column, uint32_t op,
                      const struct rh_value *value)
{
    static const char *const words[] = {"$lt", "$lte", "$gt", "$gte"};
    const struct rh_value nan = {.type = RH_TYPE_FLOAT, .as.f = (double)NAN};
    const char *word = words[op - RH_OP_LT];
    bool number = RH_TYPE_BIT(column->type) & NUMBERS, above = op >= RH_OP_GT;

    if (column->type == RH_TYPE_TIMESTAMP)
        add_instant_range(w, to, column->name, op, word, value);
    else if (number && above && !(column->native_id & RH_MONGODB_ORDERED))
        add_either(w, to, column->name, word, value, "$eq", &nan, 0);
    else if (column->type == RH_TYPE_TEXT && column->native_id & RH_MONGODB_OID)
        add_either(w, to, column->name, word, value, word, value, RH_MONGODB_OID);
    else
        add_comparison(w, to, column->name, word, value, 0);
}

/* ---- Texts ----------------------------------------------------------------------------------- */

static void add_code_point(struct rh_buf *regex, uint32_t c)
{
    if (c < 0x80) {
        if (strchr("\\^$.|?*+()[]{}-/&~#", (int)c))
            rh_buf_add_char(regex, '\\');
        rh_buf_add_char(regex, (char)c);
    } else if (c < 0x800) {
        rh_buf_add_char(regex, (char)(0xc0 | c >> 6));
        rh_buf_add_char(regex, (char)(0x80 | (c & 0x3f)));
    } else if (c < 0x10000) {
        rh_buf_add_char(regex, (char)(0xe0 | c >> 12));
        rh_buf_add_char(regex, (char)(0x80 | (c >> 6 & 0x3f)));
        rh_buf_add_char(regex, (char)(0x80 | (c & 0x3f)));
    } else {
        rh_buf_add_char(regex, (char)(0xf0 | c >> 18));
        rh_buf_add_char(regex, (char)(0x80 | (c >> 12 & 0x3f)));
        rh_buf_add_char(regex, (char)(0x80 | (c >> 6 & 0x3f)));
        rh_buf_add_char(regex, (char)(0x80 | (c & 0x3f)));
    }
}

/* The code point, or with fold all those that fold to the same. */
static void add_literal(struct rh_buf *regex, uint32_t c, bool fold)
{
    uint32_t twins[4];
    unsigned n = fold ? rh_match_fold_class(c, twins) : 1;

    if (n <= 1) {
        add_code_point(regex, c);
        return;
    }
    rh_buf_add_char(regex, '[');
    for (unsigned i = 0; i < n; i++)
        add_code_point(regex, twins[i]);
    rh_buf_add_char(regex, ']');
}

static void write_regex(struct rh_buf *regex, uint32_t op, struct rh_text pattern)
{
    uint32_t base = RH_OP_BASE(op);
    bool fold = op & RH_OP_FOLD, like = base == RH_OP_LIKE;

    if (like || base == RH_OP_STARTS)
        rh_buf_add_char(regex, '^');
    while (pattern.len) {
        uint32_t c = rh_match_next(&pattern);

        if (like && c == '%')
            rh_buf_add_str(regex, "[\\s\\S]*");
        else if (like && c == '_')
            rh_buf_add_str(regex, "[\\s\\S]");
        else
            add_literal(regex, like && c == '\\' ? rh_match_next(&pattern) : c, fold);
    }
    if (like || base == RH_OP_ENDS)
        rh_buf_add_str(regex, "\\z");
}

static void add_regex(struct writer *w, bson_t *to, const struct rh_column *column, uint32_t op,
                      struct rh_text pattern)
{
    struct rh_buf regex;
    bson_t condition;

    rh_buf_init(&regex, MAX_PATTERN * 24);
    write_regex(&regex, op, pattern);
    if (regex.failed)
        w->rc = rh_fail_nomem(w->error);
    rh_mongodb_begin_document(to, column->name, &condition);
    bson_append_utf8(&condition, "$regex", -1, rh_buf_text(&regex).data, (int)regex.len);
    add_guard(&condition, column->name, true);
    bson_append_document_end(to, &condition);
    rh_buf_free(&regex);
}

/* The least text above all that begin with the prefix; false when there is none. */
static bool next_prefix(struct rh_text prefix, struct rh_buf *to)
{
    while (prefix.len) {
        uint64_t at = prefix.len - 1;
        struct rh_text last;
        uint32_t c;

        while (at && (prefix.data[at] & 0xc0) == 0x80)
            at--;
        last = rh_text_make(prefix.data + at, prefix.len - at);
        c = rh_match_next(&last);
        prefix.len = at;
        if (c >= 0x10ffff)
            continue;
        rh_buf_add_text(to, prefix);
        c = c == 0xd7ff ? 0xe000 : c + 1;
        if (c < 0x80)
            rh_buf_add_char(to, (char)c);
        else
            add_code_point(to, c);
        return true;
    }
    return false;
}

/* As a range, which an index can do. */
static void add_prefix(struct writer *w, bson_t *to, const struct rh_column *column,
                       struct rh_text prefix)
{
    struct rh_value value = rh_kit_text(prefix);
    struct rh_buf end;
    bson_t condition;

    rh_buf_init(&end, MAX_PATTERN + 8);
    rh_mongodb_begin_document(to, column->name, &condition);
    w->rc = rh_mongodb_append(&condition, RH_TEXT("$gte"), &value, 0, w->error);
    if (next_prefix(prefix, &end))
        bson_append_utf8(&condition, "$lt", -1, rh_buf_text(&end).data, (int)end.len);
    if (end.failed)
        w->rc = rh_fail_nomem(w->error);
    add_guard(&condition, column->name, false);
    bson_append_document_end(to, &condition);
    rh_buf_free(&end);
}

/* ---- Leaves ---------------------------------------------------------------------------------- */

static void add_null(struct writer *w, bson_t *to, struct rh_text name)
{
    const struct rh_value null = rh_kit_null();

    add_comparison(w, to, name, "$eq", &null, 0);
}

static void add_empty(struct writer *w, bson_t *to, struct rh_text name)
{
    const struct rh_value nothing = rh_kit_text(RH_TEXT(""));
    bson_t list, one, size;

    bson_append_array_begin(to, "$or", -1, &list);
    bson_append_document_begin(&list, "0", -1, &one);
    add_null(w, &one, name);
    bson_append_document_end(&list, &one);
    bson_append_document_begin(&list, "1", -1, &one);
    add_comparison(w, &one, name, "$eq", &nothing, 0);
    bson_append_document_end(&list, &one);
    bson_append_document_begin(&list, "2", -1, &one);
    rh_mongodb_begin_document(&one, name, &size);
    BSON_APPEND_INT32(&size, "$size", 0);
    bson_append_document_end(&one, &size);
    bson_append_document_end(&list, &one);
    bson_append_array_end(to, &list);
}

static void add_absent(bson_t *to, struct rh_text name)
{
    bson_t condition;

    rh_mongodb_begin_document(to, name, &condition);
    BSON_APPEND_BOOL(&condition, "$exists", false);
    bson_append_document_end(to, &condition);
}

/* The condition without its NOT. */
static void add_positive(struct writer *w, bson_t *to, const struct rh_node *node)
{
    const struct rh_column *column = column_of(w->scope, node);
    const struct rh_value *values = w->scope->query->values + node->first;

    switch (RH_OP_BASE(node->op)) {
    case RH_OP_EQ:
    case RH_OP_IN:
        add_list(w, to, column, values, node->n);
        return;
    case RH_OP_LT:
    case RH_OP_LTE:
    case RH_OP_GT:
    case RH_OP_GTE:
        add_range(w, to, column, RH_OP_BASE(node->op), values);
        return;
    case RH_OP_NULL:
        add_null(w, to, column->name);
        return;
    case RH_OP_ABSENT:
        add_absent(to, column->name);
        return;
    case RH_OP_EMPTY:
        add_empty(w, to, column->name);
        return;
    case RH_OP_STARTS:
        if (!(node->op & RH_OP_FOLD)) {
            add_prefix(w, to, column, rh_kit_value_text(values));
            return;
        }
        /* fall through */
    default:
        add_regex(w, to, column, node->op, rh_kit_value_text(values));
        return;
    }
}

static void add_node(struct writer *w, bson_t *array, uint32_t i, const struct rh_node *node);

/* {$and: […]}, {$or: […]}; with nothing in it everything, nothing. */
static void add_branches(struct writer *w, bson_t *to, const struct rh_node *node)
{
    bson_t list, one;

    if (!node->n && node->op == RH_OP_AND)
        return;
    bson_append_array_begin(to,
                            node->op == RH_OP_AND ? "$and"
                            : node->n             ? "$or"
                                                  : "$nor",
                            -1, &list);
    for (uint32_t i = 0; i < node->n; i++)
        add_node(w, &list, i, &w->scope->query->nodes[node->first + i]);
    if (!node->n) {
        bson_append_document_begin(&list, "0", -1, &one);
        bson_append_document_end(&list, &one);
    }
    bson_append_array_end(to, &list);
}

static void add_node(struct writer *w, bson_t *array, uint32_t i, const struct rh_node *node)
{
    bson_t element, list, one;
    char room[16];

    if (w->rc)
        return;
    bson_append_document_begin(array, key_of(i, room), -1, &element);
    if (node->op == RH_OP_AND || node->op == RH_OP_OR) {
        add_branches(w, &element, node);
    } else if (node->op & RH_OP_NOT) {
        bson_append_array_begin(&element, "$nor", -1, &list);
        bson_append_document_begin(&list, "0", -1, &one);
        add_positive(w, &one, node);
        bson_append_document_end(&list, &one);
        bson_append_array_end(&element, &list);
    } else {
        add_positive(w, &element, node);
    }
    bson_append_document_end(array, &element);
}

int rh_mongodb_append_filter(const struct rh_mongodb_scope *scope, uint32_t position, bson_t *array,
                             uint32_t i, struct rh_error *error)
{
    struct writer w = {.scope = scope, .error = error};

    add_node(&w, array, i, &scope->query->nodes[position]);
    return w.rc;
}
