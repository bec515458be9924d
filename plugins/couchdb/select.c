/*
 * Conditions as Mango selectors.
 *
 * What CouchDB does differently from Rowhouse, hence what is claimed:
 * - Strings are compared by ICU's root collation. What is the same by code point is the same for ICU,
 *   but not the other way round, and the order is another: EQ and IN of text are SUPERSET, their
 *   negations and ranges are nothing. (_id is compared by code point where it is a key of _all_docs,
 *   which is plan.c's business.)
 * - Values of all types have one order, so `$lt: 5` finds null and false: ranges ask for the type.
 * - A field that is missing satisfies no operator, and none's negation either: NOT says so.
 * - `$in` looks into arrays: IN is an OR of `$eq`.
 * - Numbers are compared as doubles: literals beyond 2^53 or 15 digits are not pushed down.
 * - `$regex` is PCRE on bytes (JavaScript's in PouchDB): only literals are sent, which both take alike.
 *
 * PouchDB flattens what is nested, and loses conditions on the way: of two `$or`, of two `$eq` or
 * `$exists` of a field, of `$regex` in an `$or`. So a selector is a list of conditions on one field
 * each and at most one `$or` of such, and what would not fit is not claimed.
 */
#include "couchdb.h"

#include "connector/json_cell.h"

#include <math.h>
#include <string.h>

#define MAX_EXACT (INT64_C(1) << 53)
#define MAX_DIGITS 15
#define MAX_DECIMAL 40
#define MAX_IN 1000

#define TEXT RH_TYPE_BIT(RH_TYPE_TEXT)
#define NUMBERS                                                                                    \
    (RH_TYPE_BIT(RH_TYPE_INT) | RH_TYPE_BIT(RH_TYPE_UINT) | RH_TYPE_BIT(RH_TYPE_FLOAT) |           \
     RH_TYPE_BIT(RH_TYPE_DECIMAL))
#define SCALARS (NUMBERS | RH_TYPE_BIT(RH_TYPE_BOOL))
#define ALL 0xffffu
/* Of keys of declared tables, which are found by their text. */
#define KEYS                                                                                       \
    (RH_TYPE_BIT(RH_TYPE_UUID) | RH_TYPE_BIT(RH_TYPE_DATE) | RH_TYPE_BIT(RH_TYPE_DATETIME) |       \
     RH_TYPE_BIT(RH_TYPE_TIMESTAMP))

const struct rh_operator rh_couchdb_operators[RH_COUCHDB_N_OPERATORS] = {
    {.op = RH_OP_EQ, .types = SCALARS | TEXT | KEYS, .verdict = RH_VERDICT_EXACT},
    {.op = RH_OP_EQ | RH_OP_NOT, .types = SCALARS, .verdict = RH_VERDICT_EXACT},
    {.op = RH_OP_IN, .types = SCALARS | TEXT | KEYS, .verdict = RH_VERDICT_EXACT},
    {.op = RH_OP_IN | RH_OP_NOT, .types = SCALARS, .verdict = RH_VERDICT_EXACT},
    {.op = RH_OP_LT, .types = NUMBERS | TEXT, .verdict = RH_VERDICT_EXACT},
    {.op = RH_OP_LTE, .types = NUMBERS | TEXT, .verdict = RH_VERDICT_EXACT},
    {.op = RH_OP_GT, .types = NUMBERS | TEXT, .verdict = RH_VERDICT_EXACT},
    {.op = RH_OP_GTE, .types = NUMBERS | TEXT, .verdict = RH_VERDICT_EXACT},
    {.op = RH_OP_LT | RH_OP_NOT, .types = NUMBERS, .verdict = RH_VERDICT_EXACT},
    {.op = RH_OP_LTE | RH_OP_NOT, .types = NUMBERS, .verdict = RH_VERDICT_EXACT},
    {.op = RH_OP_GT | RH_OP_NOT, .types = NUMBERS, .verdict = RH_VERDICT_EXACT},
    {.op = RH_OP_GTE | RH_OP_NOT, .types = NUMBERS, .verdict = RH_VERDICT_EXACT},
    {.op = RH_OP_LIKE, .types = TEXT, .verdict = RH_VERDICT_SUPERSET},
    {.op = RH_OP_STARTS, .types = TEXT, .verdict = RH_VERDICT_EXACT},
    {.op = RH_OP_ENDS, .types = TEXT, .verdict = RH_VERDICT_EXACT},
    {.op = RH_OP_CONTAINS, .types = TEXT, .verdict = RH_VERDICT_EXACT},
    {.op = RH_OP_NULL, .types = ALL, .verdict = RH_VERDICT_EXACT},
    {.op = RH_OP_NULL | RH_OP_NOT, .types = ALL, .verdict = RH_VERDICT_EXACT},
    {.op = RH_OP_ABSENT, .types = ALL, .verdict = RH_VERDICT_EXACT},
    {.op = RH_OP_ABSENT | RH_OP_NOT, .types = ALL, .verdict = RH_VERDICT_EXACT},
    {.op = RH_OP_SEEK, .verdict = RH_VERDICT_EXACT},
};

/* ---- Verdicts ------------------------------------------------------------------------------ */

/* A dot is a path in Mango, a dollar an operator. */
static bool is_plain(struct rh_text name)
{
    return name.len && name.data[0] != '$' && !memchr(name.data, '.', name.len) &&
           !memchr(name.data, '\\', name.len) && !memchr(name.data, 0, name.len);
}

static bool is_short_decimal(struct rh_text text)
{
    uint32_t n = 0;

    if (text.len > MAX_DECIMAL)
        return false;
    for (uint64_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (c == 'N') /* NaN */
            return false;
        n += c >= (n ? '0' : '1') && c <= '9';
    }
    return n <= MAX_DIGITS;
}

/* Would a double compare it as exactly as we do? */
static bool is_exact_number(const struct rh_value *value)
{
    switch (value->type) {
    case RH_TYPE_BOOL:
        return true;
    case RH_TYPE_INT:
        return value->as.i <= MAX_EXACT && value->as.i >= -MAX_EXACT;
    case RH_TYPE_UINT:
        return value->as.u <= (uint64_t)MAX_EXACT;
    case RH_TYPE_FLOAT:
        return isfinite(value->as.f) && fabs(value->as.f) <= (double)MAX_EXACT;
    case RH_TYPE_DECIMAL:
        return is_short_decimal(rh_kit_value_text(value));
    default:
        return false;
    }
}

/* The literal text that a LIKE pattern begins with; false when there is none. */
static bool leading_literal(struct rh_text pattern, struct rh_buf *literal)
{
    uint64_t i = 0;

    while (i < pattern.len && pattern.data[i] != '%' && pattern.data[i] != '_') {
        if (pattern.data[i] == '\\' && ++i == pattern.len)
            break;
        if (literal)
            rh_buf_add_char(literal, pattern.data[i]);
        i++;
    }
    return i > 0;
}

static uint8_t equal_verdict(const struct rh_query *query, const struct rh_node *node,
                             uint32_t type)
{
    bool text = type == RH_TYPE_TEXT;

    if (!node->n || node->n > MAX_IN || (text && node->op & RH_OP_NOT))
        return RH_VERDICT_NONE;
    for (uint32_t i = 0; i < node->n; i++)
        if (!text && !is_exact_number(&query->values[node->first + i]))
            return RH_VERDICT_NONE;
    return text ? RH_VERDICT_SUPERSET : RH_VERDICT_EXACT;
}

static uint8_t text_verdict(const struct rh_query *query, const struct rh_node *node, uint32_t type)
{
    struct rh_text value = rh_kit_value_text(&query->values[node->first]);

    if (type != RH_TYPE_TEXT || node->op & (RH_OP_NOT | RH_OP_FOLD) ||
        (value.len && memchr(value.data, 0, value.len)))
        return RH_VERDICT_NONE;
    if (node->op == RH_OP_LIKE)
        return leading_literal(value, NULL) ? RH_VERDICT_SUPERSET : RH_VERDICT_NONE;
    return RH_VERDICT_EXACT;
}

static uint8_t leaf_verdict(const struct rh_query *query, const struct rh_node *node)
{
    const struct rh_column *column =
        node->column < query->n_columns
            ? rh_kit_column(query->columns, query->column_stride, node->column)
            : NULL;

    if (!column || !column->native_id || column->native_id & RH_COUCHDB_IS_PARTITION ||
        !is_plain(column->name))
        return RH_VERDICT_NONE;
    switch (RH_OP_BASE(node->op)) {
    case RH_OP_EQ:
    case RH_OP_IN:
        return equal_verdict(query, node, column->type);
    case RH_OP_LT:
    case RH_OP_LTE:
    case RH_OP_GT:
    case RH_OP_GTE:
        return column->type != RH_TYPE_BOOL && is_exact_number(&query->values[node->first])
                   ? RH_VERDICT_EXACT
                   : RH_VERDICT_NONE;
    case RH_OP_LIKE:
    case RH_OP_STARTS:
    case RH_OP_ENDS:
    case RH_OP_CONTAINS:
        return text_verdict(query, node, column->type);
    case RH_OP_NULL:
    case RH_OP_ABSENT:
        return RH_VERDICT_EXACT;
    default:
        return RH_VERDICT_NONE;
    }
}

static bool is_match(const struct rh_node *node)
{
    return RH_OP_BASE(node->op) >= RH_OP_LIKE && RH_OP_BASE(node->op) <= RH_OP_CONTAINS;
}

static bool is_range(const struct rh_node *node)
{
    return node->op >= RH_OP_LT && node->op <= RH_OP_GTE;
}

/* AND is not taken apart: the host gives conjuncts one by one, and an AND inside of an OR would not
 * come through PouchDB. */
static uint8_t verdict(const struct rh_query *query, const struct rh_node *node, bool in_or)
{
    uint8_t least = RH_VERDICT_EXACT;

    if (node->op == RH_OP_AND)
        return RH_VERDICT_NONE;
    if (node->op != RH_OP_OR)
        return in_or && is_match(node) ? RH_VERDICT_NONE : leaf_verdict(query, node);
    if (in_or || !node->n || node->n > MAX_IN)
        return RH_VERDICT_NONE;
    for (uint32_t i = 0; i < node->n && least; i++) {
        uint8_t one = verdict(query, &query->nodes[node->first + i], true);
        least = one < least ? one : least;
    }
    return least;
}

uint8_t rh_couchdb_verdict(const struct rh_query *query, uint32_t position)
{
    if (rh_couchdb_is_partition(query, position))
        return RH_VERDICT_EXACT;
    return verdict(query, &query->nodes[position], false);
}

/* Is it a list of alternatives? */
static bool is_or(const struct rh_node *node)
{
    uint32_t base = RH_OP_BASE(node->op);

    if (base == RH_OP_OR || (base == RH_OP_IN && node->n != 1) || node->op == RH_OP_NULL)
        return true;
    return node->op & RH_OP_NOT && base != RH_OP_NULL && base != RH_OP_ABSENT;
}

bool rh_couchdb_agree(const struct rh_query *query, uint32_t position, uint32_t other)
{
    const struct rh_node *a = &query->nodes[position], *b = &query->nodes[other];

    if (rh_couchdb_is_partition(query, position) || rh_couchdb_is_partition(query, other))
        return rh_couchdb_is_partition(query, position) != rh_couchdb_is_partition(query, other);
    if (is_or(a) || is_or(b))
        return is_or(a) != is_or(b);
    return a->column != b->column || (is_range(a) && is_range(b)) || (is_match(a) && is_match(b));
}

bool rh_couchdb_is_partition(const struct rh_query *query, uint32_t position)
{
    const struct rh_node *node = &query->nodes[position];

    return node->op == RH_OP_EQ && node->column < query->n_columns &&
           rh_kit_column(query->columns, query->column_stride, node->column)->native_id &
               RH_COUCHDB_IS_PARTITION;
}

bool rh_couchdb_narrows(const struct rh_node *node)
{
    return node->op == RH_OP_EQ || is_range(node) || (node->op == RH_OP_IN && node->n == 1);
}

/* ---- Selectors ----------------------------------------------------------------------------- */

/* {"name":{"$op":value}}, as far as the value. */
static void begin(struct rh_buf *body, struct rh_text name, const char *op)
{
    rh_buf_add_char(body, '{');
    rh_json_add_string(body, name);
    rh_buf_addf(body, ":{\"%s\":", op);
}

static int compare(struct rh_buf *body, struct rh_text name, const char *op,
                   const struct rh_value *value, struct rh_error *error)
{
    int rc;

    begin(body, name, op);
    rc = rh_json_add_value(body, value, error);
    rh_buf_add_str(body, "}}");
    return rc;
}

static int range(struct rh_buf *body, struct rh_text name, uint32_t op,
                 const struct rh_value *value, struct rh_error *error)
{
    static const char *const words[] = {"$lt", "$lte", "$gt", "$gte"};
    int rc;

    begin(body, name, "$type");
    rh_buf_addf(body, "\"number\",\"%s\":", words[op - RH_OP_LT]);
    rc = rh_json_add_value(body, value, error);
    rh_buf_add_str(body, "}}");
    return rc;
}

static void add_literal(struct rh_buf *regex, struct rh_text text)
{
    for (uint64_t i = 0; i < text.len; i++) {
        if (strchr("\\^$.|?*+()[]{}", text.data[i]))
            rh_buf_add_char(regex, '\\');
        rh_buf_add_char(regex, text.data[i]);
    }
}

static void match(struct rh_buf *body, struct rh_text name, uint32_t op, struct rh_text text)
{
    struct rh_buf regex, literal;

    rh_buf_init(&regex, body->max);
    rh_buf_init(&literal, body->max);
    if (op == RH_OP_LIKE) {
        leading_literal(text, &literal);
        text = rh_buf_text(&literal);
    }
    if (op == RH_OP_STARTS || op == RH_OP_LIKE)
        rh_buf_add_char(&regex, '^');
    add_literal(&regex, text);
    if (op == RH_OP_ENDS)
        rh_buf_add_str(&regex, "(?![\\s\\S])"); /* "$" would do before a last newline too */
    begin(body, name, "$regex");
    rh_json_add_string(body, rh_buf_text(&regex));
    rh_buf_add_str(body, "}}");
    body->failed = body->failed || regex.failed || literal.failed;
    rh_buf_free(&regex);
    rh_buf_free(&literal);
}

/* One condition on one field, without NOT. */
static int simple(const struct rh_query *query, const struct rh_node *node, struct rh_text name,
                  struct rh_buf *body, struct rh_error *error)
{
    const struct rh_value *values = query->values + node->first;

    switch (RH_OP_BASE(node->op)) {
    case RH_OP_EQ:
    case RH_OP_IN:
        return compare(body, name, "$eq", values, error);
    case RH_OP_LT:
    case RH_OP_LTE:
    case RH_OP_GT:
    case RH_OP_GTE:
        return range(body, name, RH_OP_BASE(node->op), values, error);
    case RH_OP_NULL: /* with NOT: all that is there comes after null */
        begin(body, name, "$gt");
        rh_buf_add_str(body, "null}}");
        return RH_OK;
    case RH_OP_ABSENT:
        begin(body, name, "$exists");
        rh_buf_add_str(body, node->op & RH_OP_NOT ? "true}}" : "false}}");
        return RH_OK;
    default:
        match(body, name, node->op, rh_kit_value_text(values));
        return RH_OK;
    }
}

static void absent(struct rh_buf *body, struct rh_text name)
{
    begin(body, name, "$exists");
    rh_buf_add_str(body, "false}}");
}

static int one_of(struct rh_buf *body, struct rh_text name, const struct rh_value *values,
                  uint32_t n, struct rh_error *error)
{
    int rc = RH_OK;

    for (uint32_t i = 0; i < n && rc == RH_OK; i++) {
        if (i)
            rh_buf_add_char(body, ',');
        rc = compare(body, name, "$eq", &values[i], error);
    }
    return rc;
}

/* The alternatives of a leaf, with commas between them. */
static int alternatives(const struct rh_query *query, const struct rh_node *node,
                        struct rh_buf *body, struct rh_error *error)
{
    struct rh_text name = rh_kit_column(query->columns, query->column_stride, node->column)->name;
    const struct rh_value *values = query->values + node->first;
    int rc;

    if (!is_or(node))
        return simple(query, node, name, body, error);
    if (node->op == RH_OP_IN)
        return one_of(body, name, values, node->n, error);
    absent(body, name);
    if (node->op == RH_OP_NULL) {
        rh_buf_add_char(body, ',');
        begin(body, name, "$eq");
        rh_buf_add_str(body, "null}}");
        return RH_OK;
    }
    rh_buf_add_str(body, ",{\"$not\":");
    if (RH_OP_BASE(node->op) == RH_OP_IN && node->n != 1) {
        rh_buf_add_str(body, "{\"$or\":[");
        rc = one_of(body, name, values, node->n, error);
        rh_buf_add_str(body, "]}");
    } else {
        rc = simple(query, node, name, body, error);
    }
    rh_buf_add_char(body, '}');
    return rc;
}

int rh_couchdb_add_selector(const struct rh_query *query, uint32_t position, struct rh_buf *body,
                            struct rh_error *error)
{
    const struct rh_node *node = &query->nodes[position];
    int rc = RH_OK;

    if (!is_or(node))
        return alternatives(query, node, body, error);
    rh_buf_add_str(body, "{\"$or\":[");
    if (node->op == RH_OP_OR)
        for (uint32_t i = 0; i < node->n && rc == RH_OK; i++) {
            if (i)
                rh_buf_add_char(body, ',');
            rc = alternatives(query, &query->nodes[node->first + i], body, error);
        }
    else
        rc = alternatives(query, node, body, error);
    rh_buf_add_str(body, "]}");
    return rc;
}
