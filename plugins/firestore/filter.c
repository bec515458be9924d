/*
 * Conditions as filters.
 *
 * What Firestore does differently from Rowhouse, hence what is claimed:
 * - A filter finds documents that have the field, with a value of the literal's own type (integers and
 *   doubles are one). So what holds for a row without the value (NULL, all negations but "not null") is
 *   nothing, and all else is as it should be.
 * - NaN is below all numbers, here above: GT says "or NaN", LT is a SUPERSET.
 * - Integers and doubles are compared as who knows what beyond 2^53: such literals are not pushed down.
 * - Of texts the first 1 500 bytes are indexed: literals near that are not pushed down.
 * - References are texts here, so a column of them is not compared there; nor is JSON.
 */
#include "firestore.h"

#include "base/json.h"

#include <math.h>
#include <string.h>

#define MAX_IN 30 /* Firestore's, of a query */
#define MAX_TEXT 1400
#define MAX_EXACT (INT64_C(1) << 53)

#define TEXT RH_TYPE_BIT(RH_TYPE_TEXT)
#define NUMBERS (RH_TYPE_BIT(RH_TYPE_INT) | RH_TYPE_BIT(RH_TYPE_FLOAT))
#define ORDERED (TEXT | NUMBERS | RH_TYPE_BIT(RH_TYPE_TIMESTAMP))
#define SCALARS (ORDERED | RH_TYPE_BIT(RH_TYPE_BOOL))

const struct rh_operator rh_firestore_operators[RH_FIRESTORE_N_OPERATORS] = {
    {.op = RH_OP_EQ, .types = SCALARS, .verdict = RH_VERDICT_EXACT},
    {.op = RH_OP_IN, .types = SCALARS, .verdict = RH_VERDICT_EXACT},
    {.op = RH_OP_LT, .types = ORDERED, .verdict = RH_VERDICT_EXACT},
    {.op = RH_OP_LTE, .types = ORDERED, .verdict = RH_VERDICT_EXACT},
    {.op = RH_OP_GT, .types = ORDERED, .verdict = RH_VERDICT_EXACT},
    {.op = RH_OP_GTE, .types = ORDERED, .verdict = RH_VERDICT_EXACT},
    {.op = RH_OP_STARTS, .types = TEXT, .verdict = RH_VERDICT_EXACT},
    {.op = RH_OP_NULL | RH_OP_NOT, .types = 0xffffu, .verdict = RH_VERDICT_EXACT},
    {.op = RH_OP_SEEK, .verdict = RH_VERDICT_EXACT},
};

/* ---- What can be done ---------------------------------------------------------------------- */

static const struct rh_column *column_of(const struct rh_query *query, const struct rh_node *node)
{
    return rh_kit_column(query->columns, query->column_stride, node->column);
}

static bool is_number(const struct rh_column *column)
{
    return (RH_TYPE_BIT(column->type) & NUMBERS) != 0;
}

static bool is_fit_text(struct rh_text text)
{
    return text.len <= MAX_TEXT && rh_text_is_utf8(text);
}

static bool is_fit(const struct rh_value *value)
{
    switch (value->type) {
    case RH_TYPE_BOOL:
        return true;
    case RH_TYPE_INT:
        return value->as.i < MAX_EXACT && value->as.i > -MAX_EXACT;
    case RH_TYPE_FLOAT:
        return fabs(value->as.f) < (double)MAX_EXACT; /* no NaN, no infinity */
    case RH_TYPE_TEXT:
        return is_fit_text(rh_kit_value_text(value));
    case RH_TYPE_TIMESTAMP:
        return value->as.i > INT64_C(-62135596800000000) &&
               value->as.i < INT64_C(253402300800000000);
    default:
        return false;
    }
}

/* The first text that is behind all that begin so; false: there is none. */
static bool successor_of(struct rh_text prefix, char *room, uint64_t *ret_n)
{
    while (prefix.len) {
        uint64_t at = prefix.len - 1;
        unsigned char last;
        while (at && ((unsigned char)prefix.data[at] & 0xc0) == 0x80)
            at--;
        last = (unsigned char)prefix.data[prefix.len - 1];
        memcpy(room, prefix.data, prefix.len);
        if (at == prefix.len - 1 && last < 0x7f) {
            room[at] = (char)(last + 1);
            *ret_n = prefix.len;
            return true;
        }
        if (at < prefix.len - 1 && last < 0xbf) {
            room[prefix.len - 1] = (char)(last + 1);
            *ret_n = prefix.len;
            if (rh_text_is_utf8(rh_text_make(room, prefix.len)))
                return true;
        }
        /* Its last code point is the last of its kind: whatever follows it, follows all of them. */
        if (at == prefix.len - 1 && last == 0x7f) {
            memcpy(room + at, "\xc2\x80", 2);
            *ret_n = at + 2;
            return true;
        }
        return false;
    }
    return false;
}

static enum rh_firestore_shape range_shape(const struct rh_query *query, const struct rh_node *node,
                                           const struct rh_column *column, uint8_t *ret_verdict)
{
    const struct rh_value *value = &query->values[node->first];
    bool upper = node->op == RH_OP_LT || node->op == RH_OP_LTE;
    char room[MAX_TEXT + 8];
    uint64_t n;

    if (!(RH_TYPE_BIT(column->type) & ORDERED) || !is_fit(value))
        return RH_FIRESTORE_NONE;
    if (node->op == RH_OP_STARTS &&
        (value->type != RH_TYPE_TEXT || !successor_of(rh_kit_value_text(value), room, &n)))
        return RH_FIRESTORE_NONE;
    *ret_verdict = upper && is_number(column) ? RH_VERDICT_SUPERSET : RH_VERDICT_EXACT;
    return RH_FIRESTORE_RANGE;
}

static enum rh_firestore_shape equal_shape(const struct rh_query *query, const struct rh_node *node,
                                           const struct rh_column *column, uint8_t *ret_verdict)
{
    if (!(RH_TYPE_BIT(column->type) & SCALARS) || node->n == 0 || node->n > MAX_IN)
        return RH_FIRESTORE_NONE;
    for (uint32_t i = 0; i < node->n; i++)
        if (!is_fit(&query->values[node->first + i]))
            return RH_FIRESTORE_NONE;
    *ret_verdict = RH_VERDICT_EXACT;
    return node->n == 1 ? RH_FIRESTORE_EQUAL : RH_FIRESTORE_ANY;
}

enum rh_firestore_shape rh_firestore_shape_of(const struct rh_query *query,
                                              const struct rh_node *node, uint8_t *ret_verdict)
{
    const struct rh_column *column =
        node->column < query->n_columns ? column_of(query, node) : NULL;
    uint32_t references = RH_FIRESTORE_BIT(RH_FIRESTORE_REFERENCE);

    *ret_verdict = RH_VERDICT_NONE;
    if (!column || rh_text_is(column->name, RH_FIRESTORE_ID) ||
        rh_text_is(column->name, RH_FIRESTORE_UPDATE_TIME) || !column->native_id)
        return RH_FIRESTORE_NONE;
    if (node->op == (RH_OP_NULL | RH_OP_NOT)) {
        *ret_verdict = RH_VERDICT_EXACT;
        return RH_FIRESTORE_RANGE;
    }
    if (column->native_id & references)
        return RH_FIRESTORE_NONE;
    switch (node->op) {
    case RH_OP_EQ:
    case RH_OP_IN:
        return equal_shape(query, node, column, ret_verdict);
    case RH_OP_LT:
    case RH_OP_LTE:
    case RH_OP_GT:
    case RH_OP_GTE:
    case RH_OP_STARTS:
        return range_shape(query, node, column, ret_verdict);
    default:
        return RH_FIRESTORE_NONE;
    }
}

/* ---- Writing it down ----------------------------------------------------------------------- */

struct filtered {
    const struct rh_conn *conn;
    const struct rh_column *column; /* NULL: __name__ */
    struct rh_text table;
    struct rh_buf *body;
    struct rh_error *error;
};

static void add_field(const struct filtered *f)
{
    rh_buf_add_str(f->body, "\"field\":{\"fieldPath\":");
    if (f->column)
        rh_firestore_add_path(f->body, f->column->name);
    else
        rh_buf_add_str(f->body, "\"__name__\"");
    rh_buf_add_char(f->body, '}');
}

static int add_literal(const struct filtered *f, const struct rh_value *value)
{
    if (f->column)
        return rh_firestore_add_value(f->conn, f->body, f->column, value, f->error);
    rh_buf_add_str(f->body, "{\"referenceValue\":");
    rh_firestore_add_name(f->conn, f->table, rh_kit_value_text(value), f->body);
    rh_buf_add_char(f->body, '}');
    return RH_OK;
}

static int compare(const struct filtered *f, const char *op, const struct rh_value *value)
{
    int rc;

    rh_buf_add_str(f->body, "{\"fieldFilter\":{");
    add_field(f);
    rh_buf_addf(f->body, ",\"op\":\"%s\",\"value\":", op);
    rc = add_literal(f, value);
    rh_buf_add_str(f->body, "}}");
    return rc;
}

static void ask(const struct filtered *f, const char *op)
{
    rh_buf_add_str(f->body, "{\"unaryFilter\":{");
    add_field(f);
    rh_buf_addf(f->body, ",\"op\":\"%s\"}}", op);
}

static void open_composite(const struct filtered *f, const char *op)
{
    rh_buf_addf(f->body, "{\"compositeFilter\":{\"op\":\"%s\",\"filters\":[", op);
}

static int add_in(const struct filtered *f, const struct rh_query *query,
                  const struct rh_node *node)
{
    int rc = RH_OK;

    rh_buf_add_str(f->body, "{\"fieldFilter\":{");
    add_field(f);
    rh_buf_add_str(f->body, ",\"op\":\"IN\",\"value\":{\"arrayValue\":{\"values\":[");
    for (uint32_t i = 0; i < node->n && rc == RH_OK; i++) {
        if (i)
            rh_buf_add_char(f->body, ',');
        rc = add_literal(f, &query->values[node->first + i]);
    }
    rh_buf_add_str(f->body, "]}}}}");
    return rc;
}

static int add_prefix(const struct filtered *f, const struct rh_value *prefix)
{
    char room[MAX_TEXT + 8];
    struct rh_value end = {.type = RH_TYPE_TEXT, .as.data = room};
    uint64_t n = 0;
    int rc;

    if (!successor_of(rh_kit_value_text(prefix), room, &n))
        return rh_fail(f->error, RH_UNSUPPORTED, "a condition was not claimed");
    end.len = (uint32_t)n;
    open_composite(f, "AND");
    rc = compare(f, "GREATER_THAN_OR_EQUAL", prefix);
    rh_buf_add_char(f->body, ',');
    if (rc == RH_OK)
        rc = compare(f, "LESS_THAN", &end);
    rh_buf_add_str(f->body, "]}}");
    return rc;
}

static int add_greater(const struct filtered *f, const char *op, const struct rh_value *value)
{
    int rc;

    if (!f->column || !is_number(f->column))
        return compare(f, op, value);
    open_composite(f, "OR");
    rc = compare(f, op, value);
    rh_buf_add_char(f->body, ',');
    ask(f, "IS_NAN");
    rh_buf_add_str(f->body, "]}}");
    return rc;
}

int rh_firestore_add_filter(const struct rh_conn *conn, const struct rh_query *query,
                            const struct rh_node *node, struct rh_buf *body, struct rh_error *error)
{
    struct filtered f = {.conn = conn, .table = query->table, .body = body, .error = error};
    const struct rh_value *value = node->n ? &query->values[node->first] : NULL;
    bool descending = query->n_order && query->order[0].flags & RH_ORDER_DESC;

    if (node->op != RH_OP_SEEK && !rh_text_is(column_of(query, node)->name, RH_FIRESTORE_ID))
        f.column = column_of(query, node);
    switch (node->op) {
    case RH_OP_NULL | RH_OP_NOT:
        ask(&f, "IS_NOT_NULL");
        return RH_OK;
    case RH_OP_EQ:
        return compare(&f, "EQUAL", value);
    case RH_OP_IN:
        return node->n == 1 ? compare(&f, "EQUAL", value) : add_in(&f, query, node);
    case RH_OP_LT:
        return compare(&f, "LESS_THAN", value);
    case RH_OP_LTE:
        return compare(&f, "LESS_THAN_OR_EQUAL", value);
    case RH_OP_GT:
        return add_greater(&f, "GREATER_THAN", value);
    case RH_OP_GTE:
        return add_greater(&f, "GREATER_THAN_OR_EQUAL", value);
    case RH_OP_SEEK:
        return compare(&f, descending ? "LESS_THAN" : "GREATER_THAN", value);
    default:
        return add_prefix(&f, value);
    }
}
