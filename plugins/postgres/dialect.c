/*
 * PostgreSQL's SQL. Forms of a column, by native type:
 *
 *   native type              PLAIN           ORDER      VALUE               OUTPUT
 *   bool int float date      c               c          c                   c
 *     time timestamp uuid
 *     bytea interval
 *   numeric                  c               c          c                   c::text
 *   money                    c::numeric      = PLAIN    = PLAIN             c::numeric::text
 *   text varchar name        c               c          c COLLATE "C" [1]   c
 *   bpchar                   c               c          c::text COLLATE "C" c::text
 *   "char"                   c::text         = VALUE    c::text COLLATE "C" c::text
 *   json jsonb               c               -          -                   c
 *   arrays, composites       c               -          -                   to_json(c)::text
 *   enums, everything else   c::text         c          c::text COLLATE "C" c::text
 *
 *   [1] c where RH_COLUMN_BINARY_ORDER says that its collation sorts by code point anyway
 *
 * "=" on the PLAIN form of a text with RH_COLUMN_EXACT_EQUAL is exact; other texts are compared in
 * the PLAIN form (for an index) and in the VALUE form. Enums are compared in the ORDER form, with
 * their index, when the literal is one of the labels. COLLATE "C" sorts by byte, which is by code
 * point in UTF-8 and LATIN1 databases only; elsewhere text ranges are not pushed.
 *
 * Case-insensitive predicates become a case-sensitive regular expression in which each letter is a
 * bracket of all that fold to the same: ILIKE follows the locale, not CaseFolding.txt.
 */
#include "dialect.h"

#include "connection.h"
#include "connector/decimal.h"
#include "connector/match.h"
#include "encode.h"
#include "oid.h"

#include <string.h>

#define MAX_FOLD_BYTES 512 /* of a pattern; beyond, regular expressions become too complex */
#define MAX_DECIMAL_BYTES 1000

/* ---- kinds of columns ---- */

enum kind {
    KIND_BARE, /* the same in all forms */
    KIND_NUMERIC,
    KIND_MONEY,
    KIND_TEXT, /* with a collation */
    KIND_BPCHAR,
    KIND_CHAR,
    KIND_JSON,
    KIND_NESTED, /* arrays, composites: JSON here */
    KIND_OTHER,  /* TEXT here, something else there */
};

static enum kind kind_of(const struct rh_column *column)
{
    switch (column->native_id) {
    case PG_OID_NUMERIC:
        return KIND_NUMERIC;
    case PG_OID_MONEY:
        return KIND_MONEY;
    case PG_OID_TEXT:
    case PG_OID_VARCHAR:
    case PG_OID_NAME:
        return KIND_TEXT;
    case PG_OID_BPCHAR:
        return KIND_BPCHAR;
    case PG_OID_CHAR:
        return KIND_CHAR;
    case PG_OID_JSON:
    case PG_OID_JSONB:
        return KIND_JSON;
    default:
        if (column->type == RH_TYPE_JSON)
            return column->native_id ? KIND_NESTED : KIND_JSON;
        if (column->type == RH_TYPE_TEXT)
            return column->native_id ? KIND_OTHER : KIND_TEXT;
        return column->type == RH_TYPE_DECIMAL && !column->native_id ? KIND_NUMERIC : KIND_BARE;
    }
}

static bool is_enum(const struct rh_column *column)
{
    return kind_of(column) == KIND_OTHER && column->n_options > 0;
}

/* ---- forms ---- */

static void add_text(struct rh_sql *sql, const struct rh_column *column, enum rh_sql_form form)
{
    rh_sql_name(sql, column);
    if ((form == RH_SQL_VALUE || form == RH_SQL_VALUE_OUTPUT) &&
        !(column->flags & RH_COLUMN_BINARY_ORDER))
        rh_sql_add(sql, " COLLATE \"C\"");
}

static void add_as_text(struct rh_sql *sql, const struct rh_column *column, enum rh_sql_form form)
{
    rh_sql_name(sql, column);
    rh_sql_add(sql, "::text");
    if (form == RH_SQL_VALUE || form == RH_SQL_VALUE_OUTPUT)
        rh_sql_add(sql, " COLLATE \"C\"");
}

static void add_column(struct rh_sql *sql, const struct rh_column *column, enum rh_sql_form form)
{
    bool output = form == RH_SQL_OUTPUT || form == RH_SQL_VALUE_OUTPUT;

    switch (kind_of(column)) {
    case KIND_NUMERIC:
        rh_sql_name(sql, column);
        rh_sql_add(sql, output ? "::text" : "");
        return;
    case KIND_MONEY:
        rh_sql_name(sql, column);
        rh_sql_add(sql, output ? "::numeric::text" : "::numeric");
        return;
    case KIND_TEXT:
        add_text(sql, column, form);
        return;
    case KIND_BPCHAR:
        if (form == RH_SQL_PLAIN || form == RH_SQL_ORDER)
            rh_sql_name(sql, column);
        else
            add_as_text(sql, column, form);
        return;
    case KIND_CHAR:
        add_as_text(sql, column, form == RH_SQL_ORDER ? RH_SQL_VALUE : form);
        return;
    case KIND_NESTED:
        rh_sql_add(sql, output ? "to_json(" : "");
        rh_sql_name(sql, column);
        rh_sql_add(sql, output ? ")::text" : "");
        return;
    case KIND_OTHER:
        if (form == RH_SQL_ORDER)
            rh_sql_name(sql, column);
        else
            add_as_text(sql, column, form);
        return;
    default:
        rh_sql_name(sql, column);
    }
}

static void add_in_list(struct rh_sql *sql, const struct rh_column *column,
                        const struct rh_value *values, uint32_t n, enum rh_sql_form form)
{
    if (rh_pg_array_oid(rh_pg_parameter_oid(column, form, values, n))) {
        rh_sql_add(sql, " = ANY (");
        rh_sql_bind_list(sql, column, values, n, form);
        rh_sql_add(sql, ")");
        return;
    }
    rh_sql_add(sql, " IN (");
    for (uint32_t i = 0; i < n && !sql->failed; i++) {
        rh_sql_add(sql, i ? ", " : "");
        rh_sql_bind(sql, column, &values[i], form);
    }
    rh_sql_add(sql, ")");
}

/* ---- predicates ---- */

static void add_code_point(struct rh_buf *to, uint32_t c)
{
    char bytes[4];

    if (c < 0x80) {
        rh_buf_add_char(to, (char)c);
    } else if (c < 0x800) {
        bytes[0] = (char)(0xc0 | (c >> 6));
        bytes[1] = (char)(0x80 | (c & 0x3f));
        rh_buf_add(to, bytes, 2);
    } else if (c < 0x10000) {
        bytes[0] = (char)(0xe0 | (c >> 12));
        bytes[1] = (char)(0x80 | ((c >> 6) & 0x3f));
        bytes[2] = (char)(0x80 | (c & 0x3f));
        rh_buf_add(to, bytes, 3);
    } else {
        bytes[0] = (char)(0xf0 | (c >> 18));
        bytes[1] = (char)(0x80 | ((c >> 12) & 0x3f));
        bytes[2] = (char)(0x80 | ((c >> 6) & 0x3f));
        bytes[3] = (char)(0x80 | (c & 0x3f));
        rh_buf_add(to, bytes, 4);
    }
}

static void add_folded(struct rh_buf *to, uint32_t c)
{
    uint32_t same[4];
    unsigned n = rh_match_fold_class(c, same);

    if (n > 1) {
        rh_buf_add_char(to, '[');
        for (unsigned i = 0; i < n; i++)
            add_code_point(to, same[i]);
        rh_buf_add_char(to, ']');
        return;
    }
    if (c < 0x80 && strchr("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", (int)c) && c)
        rh_buf_add_char(to, '\\');
    add_code_point(to, c);
}

/* LIKE, STARTS, ENDS, CONTAINS under case folding, as an advanced regular expression (manual,
 * section 9.7.3): "." matches newlines too, "^" and "$" the ends of the text only. */
static void add_regex(struct rh_sql *sql, uint32_t op, const struct rh_value *value)
{
    struct rh_text rest = rh_kit_value_text(value);
    struct rh_value made = {.type = RH_TYPE_TEXT};
    struct rh_buf regex;

    rh_buf_init(&regex, 1u << 16);
    if (op == RH_OP_LIKE || op == RH_OP_STARTS)
        rh_buf_add_char(&regex, '^');
    while (rest.len) {
        uint32_t c = rh_match_next(&rest);
        if (op == RH_OP_LIKE && c == '%') {
            rh_buf_add_str(&regex, ".*");
        } else if (op == RH_OP_LIKE && c == '_') {
            rh_buf_add_char(&regex, '.');
        } else {
            if (op == RH_OP_LIKE && c == '\\' && rest.len)
                c = rh_match_next(&rest);
            add_folded(&regex, c);
        }
    }
    if (op == RH_OP_LIKE || op == RH_OP_ENDS)
        rh_buf_add_char(&regex, '$');
    made.len = (uint32_t)regex.len;
    made.as.data = regex.data ? regex.data : "";
    if (regex.failed)
        sql->failed = true;
    else
        rh_sql_bind(sql, NULL, rh_sql_own_value(sql, &made), RH_SQL_VALUE);
    rh_buf_free(&regex);
}

static bool is_label(const struct rh_column *column, const struct rh_value *value)
{
    for (uint32_t i = 0; i < column->n_options; i++) {
        if (value->type == RH_TYPE_TEXT &&
            rh_text_equal(column->options[i], rh_kit_value_text(value)))
            return true;
    }
    return false;
}

static bool are_labels(const struct rh_column *column, const struct rh_value *values, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if (!is_label(column, &values[i]))
            return false;
    }
    return n > 0;
}

/* An enum has one text per value, so that no second comparison is needed. */
static void add_enum_equal(struct rh_sql *sql, const struct rh_column *column,
                           const struct rh_node *node, const struct rh_value *values)
{
    enum rh_sql_form form =
        !sql->having && are_labels(column, values, node->n) ? RH_SQL_ORDER : RH_SQL_VALUE;
    rh_sql_operand(sql, column, form);
    if (node->op == RH_OP_EQ) {
        rh_sql_add(sql, " = ");
        rh_sql_value(sql, column, values, form);
    } else {
        add_in_list(sql, column, values, node->n, form);
    }
}

/* c @> '[v]' for each; jsonb containment of a scalar in an array is equality with an element. */
static void add_has(struct rh_sql *sql, const struct rh_column *column, const struct rh_node *node,
                    const struct rh_value *values)
{
    rh_sql_add(sql, "(jsonb_typeof(");
    rh_sql_operand(sql, column, RH_SQL_PLAIN);
    rh_sql_add(sql, ") = 'array' AND (");
    for (uint32_t i = 0; i < node->n; i++) {
        if (i)
            rh_sql_add(sql, node->op == RH_OP_HAS_ALL ? " AND " : " OR ");
        rh_sql_operand(sql, column, RH_SQL_PLAIN);
        rh_sql_add(sql, " @> jsonb_build_array(");
        rh_sql_bind(sql, NULL, &values[i], RH_SQL_VALUE);
        rh_sql_add(sql, ")");
    }
    if (node->n == 0)
        rh_sql_add(sql, node->op == RH_OP_HAS_ALL ? "TRUE" : "FALSE");
    rh_sql_add(sql, "))");
}

static bool add_predicate(struct rh_sql *sql, const struct rh_column *column,
                          const struct rh_node *node, const struct rh_value *values)
{
    if (node->op & RH_OP_FOLD) {
        rh_sql_operand(sql, column, RH_SQL_VALUE);
        if (column->flags & RH_COLUMN_BINARY_ORDER) /* then VALUE has no COLLATE of its own */
            rh_sql_add(sql, " COLLATE \"C\"");
        rh_sql_add(sql, " ~ ");
        add_regex(sql, RH_OP_BASE(node->op), values);
        return true;
    }
    switch (node->op) {
    case RH_OP_EQ:
    case RH_OP_IN:
        if (!is_enum(column))
            return false;
        add_enum_equal(sql, column, node, values);
        return true;
    case RH_OP_EMPTY:
        rh_sql_add(sql, "(");
        rh_sql_operand(sql, column, RH_SQL_PLAIN);
        rh_sql_add(sql, " IS NULL OR ");
        rh_sql_operand(sql, column, RH_SQL_PLAIN);
        rh_sql_add(sql, " IN ('null'::jsonb, '\"\"'::jsonb, '[]'::jsonb))");
        return true;
    case RH_OP_HAS_ALL:
    case RH_OP_HAS_ANY:
        add_has(sql, column, node, values);
        return true;
    default:
        return false;
    }
}

/* ---- groups ---- */

static void add_bucket(struct rh_sql *sql, const struct rh_column *column, uint32_t bucket,
                       enum rh_sql_form form)
{
    static const char *const units[] = {"",     "year", "quarter", "month",
                                        "week", "day",  "hour",    "minute"};
    const char *after = ")";

    (void)form; /* the output is what is grouped */
    if (bucket >= sizeof units / sizeof units[0]) {
        sql->failed = true;
        return;
    }
    if (column->type == RH_TYPE_DATE && bucket >= RH_BUCKET_DAY) {
        rh_sql_name(sql, column);
        return;
    }
    rh_sql_addf(sql, "date_trunc('%s', ", units[bucket]);
    rh_sql_name(sql, column);
    if (column->type == RH_TYPE_DATE)
        after = "::timestamp)::date";
    else if (column->type == RH_TYPE_TIMESTAMP)
        after = ", 'UTC')";
    rh_sql_add(sql, after);
}

/* Exact, whatever the size: half away from zero at the sixth digit, with div() on whole numbers,
 * since "/" on numeric keeps a number of digits that depends on its operands. */
static void add_average(struct rh_sql *sql, const struct rh_column *column, const char *distinct)
{
    rh_sql_addf(sql, "(sign(sum(%s", distinct);
    rh_sql_operand(sql, column, RH_SQL_VALUE);
    rh_sql_addf(sql, ")::numeric) * div(abs(sum(%s", distinct);
    rh_sql_operand(sql, column, RH_SQL_VALUE);
    rh_sql_addf(sql, ")::numeric) * 2000000 + count(%s", distinct);
    rh_sql_operand(sql, column, RH_SQL_VALUE);
    rh_sql_addf(sql, "), 2 * count(%s", distinct);
    rh_sql_operand(sql, column, RH_SQL_VALUE);
    rh_sql_add(sql, ")) * 0.000001)");
}

static void add_extreme(struct rh_sql *sql, const struct rh_column *column, bool least,
                        bool as_text)
{
    bool is_bool = column->type == RH_TYPE_BOOL;

    if (is_bool)
        rh_sql_add(sql, least ? "bool_and(" : "bool_or(");
    else
        rh_sql_add(sql, least ? "min(" : "max(");
    rh_sql_operand(sql, column, RH_SQL_VALUE);
    if (column->type == RH_TYPE_UUID) /* has no min before version 18; its text sorts the same */
        rh_sql_add(sql, "::text COLLATE \"C\")::uuid");
    else
        rh_sql_add(sql, ")");
    if (as_text && column->type == RH_TYPE_DECIMAL)
        rh_sql_add(sql, "::text");
}

static void add_aggregate(struct rh_sql *sql, const struct rh_column *column,
                          const struct rh_aggregate *aggregate, enum rh_sql_form form)
{
    const char *distinct = aggregate->distinct ? "DISTINCT " : "";
    bool output = form == RH_SQL_VALUE_OUTPUT;

    if (!column) {
        rh_sql_add(sql, "count(*)");
        return;
    }
    switch (aggregate->function) {
    case RH_AGG_COUNT:
        rh_sql_addf(sql, "count(%s", distinct);
        rh_sql_operand(sql, column, aggregate->distinct ? RH_SQL_VALUE : RH_SQL_PLAIN);
        rh_sql_add(sql, ")");
        return;
    case RH_AGG_MIN:
    case RH_AGG_MAX:
        add_extreme(sql, column, aggregate->function == RH_AGG_MIN, output);
        return;
    case RH_AGG_SUM:
    case RH_AGG_AVG:
        if (column->type == RH_TYPE_FLOAT) {
            rh_sql_addf(sql, "%s(%s", aggregate->function == RH_AGG_SUM ? "sum" : "avg", distinct);
            rh_sql_name(sql, column);
            rh_sql_add(sql, "::float8)");
            return;
        }
        if (aggregate->function == RH_AGG_AVG) {
            add_average(sql, column, distinct);
        } else {
            rh_sql_addf(sql, "sum(%s", distinct);
            rh_sql_operand(sql, column, RH_SQL_VALUE);
            rh_sql_add(sql, ")::numeric");
        }
        rh_sql_add(sql, output ? "::text" : "");
        return;
    default:
        sql->failed = true;
    }
}

/* ---- planning ---- */

static bool is_ascii(struct rh_text text)
{
    for (uint64_t i = 0; i < text.len; i++) {
        if (text.data[i] & 0x80)
            return false;
    }
    return true;
}

/* Whether the server can be given the literal at all, and takes it for what it is. */
static bool is_sayable(const struct rh_conn *conn, const struct rh_column *column,
                       const struct rh_value *value)
{
    struct rh_text text = rh_kit_value_text(value);
    struct rh_buf room;
    bool fits = false;

    switch (value->type) {
    case RH_TYPE_TEXT:
        return (!text.len || !memchr(text.data, '\0', text.len)) && rh_text_is_utf8(text) &&
               (conn->utf8 || is_ascii(text));
    case RH_TYPE_DECIMAL:
        return text.len <= MAX_DECIMAL_BYTES && rh_decimal_is_valid(text);
    case RH_TYPE_DATE:
        return value->as.i == INT64_MIN || value->as.i == INT64_MAX ||
               (value->as.i >= -2440588 && value->as.i <= INT64_C(2147472634));
    case RH_TYPE_DATETIME:
    case RH_TYPE_TIMESTAMP:
        return value->as.i == INT64_MIN || value->as.i == INT64_MAX ||
               value->as.i >= INT64_C(-210866803200000000);
    case RH_TYPE_BYTES:
    case RH_TYPE_JSON:
        return true;
    default:
        rh_buf_init(&room, 64);
        fits = rh_pg_encode(&room, rh_pg_parameter_oid(column, RH_SQL_VALUE, value, 1), value,
                            NULL) == RH_OK;
        rh_buf_free(&room);
        return fits;
    }
}

static bool is_json_scalar(const struct rh_value *value)
{
    const char *text = value->as.data;

    return value->type == RH_TYPE_JSON && value->len && text[0] != '{' && text[0] != '[' &&
           !memmem(text, value->len, "\\u0000", 6);
}

static uint32_t exact_json(const struct rh_column *column, const struct rh_node *node,
                           const struct rh_value *values, uint32_t upper)
{
    uint32_t base = RH_OP_BASE(node->op);

    if (base == RH_OP_NULL)
        return upper;
    if (column->native_id != PG_OID_JSONB)
        return RH_VERDICT_NONE;
    for (uint32_t i = 0; i < node->n; i++) {
        if (!is_json_scalar(&values[i]))
            return RH_VERDICT_NONE;
    }
    return upper;
}

static uint32_t exact_text(const struct rh_conn *conn, const struct rh_node *node,
                           const struct rh_value *value, uint32_t upper)
{
    switch (RH_OP_BASE(node->op)) {
    case RH_OP_LT:
    case RH_OP_LTE:
    case RH_OP_GT:
    case RH_OP_GTE:
        return conn->code_point_order ? upper : RH_VERDICT_NONE;
    case RH_OP_LIKE:
        /* In other encodings "_" may stand for a byte. */
        if (!conn->code_point_order || !rh_match_pattern_is_valid(rh_kit_value_text(value)))
            return RH_VERDICT_NONE;
        break;
    default:
        break;
    }
    if ((node->op & RH_OP_FOLD) && (!conn->utf8 || value->len > MAX_FOLD_BYTES))
        return RH_VERDICT_NONE;
    return upper;
}

static uint32_t exact(const void *state, const struct rh_column *column, const struct rh_node *node,
                      const struct rh_value *values, uint32_t upper)
{
    const struct rh_conn *conn = state;

    if (RH_OP_BASE(node->op) != RH_OP_NULL) {
        for (uint32_t i = 0; i < node->n; i++) {
            if (values[i].type > RH_TYPE_NULL && !is_sayable(conn, column, &values[i]))
                return RH_VERDICT_NONE;
        }
    }
    if (!column)
        return upper;
    if (column->type == RH_TYPE_JSON)
        return exact_json(column, node, values, upper);
    if (column->type == RH_TYPE_TEXT && node->n)
        return exact_text(conn, node, values, upper);
    return upper;
}

static bool has_order(const struct rh_conn *conn, const struct rh_column *column, bool binary)
{
    if (column->type == RH_TYPE_JSON || column->type == RH_TYPE_INTERVAL)
        return false;
    if (column->type != RH_TYPE_TEXT)
        return !(column->flags & RH_COLUMN_OPAQUE);
    return binary ? conn->code_point_order : !(column->flags & RH_COLUMN_OPAQUE);
}

static bool can(const void *state, const struct rh_column *column, enum rh_sql_use use,
                uint32_t detail)
{
    const struct rh_conn *conn = state;

    switch (use) {
    case RH_SQL_USE_GROUP: /* 1 mon and 30 days are equal to PostgreSQL, so not INTERVAL */
        if (detail != RH_BUCKET_NONE)
            return column->type == RH_TYPE_DATE || column->type == RH_TYPE_DATETIME ||
                   column->type == RH_TYPE_TIMESTAMP;
        return column->type != RH_TYPE_JSON && column->type != RH_TYPE_INTERVAL;
    case RH_SQL_USE_ORDER:
        return has_order(conn, column, (detail & RH_ORDER_BINARY) != 0);
    case RH_SQL_USE_AGGREGATE:
        if (detail == RH_AGG_COUNT)
            return true;
        if (detail == RH_AGG_SUM || detail == RH_AGG_AVG)
            return column->type >= RH_TYPE_INT && column->type <= RH_TYPE_DECIMAL &&
                   column->native_id != PG_OID_OID;
        return column->type != RH_TYPE_BYTES && has_order(conn, column, true);
    default:
        return false;
    }
}

static enum rh_sql_pair pair(const void *state, const struct rh_column *a,
                             const struct rh_column *b)
{
    bool numbers = (a->type == RH_TYPE_INT || a->type == RH_TYPE_DECIMAL) &&
                   (b->type == RH_TYPE_INT || b->type == RH_TYPE_DECIMAL);

    (void)state;
    if ((a->type != b->type && !numbers) || a->type == RH_TYPE_JSON || a->type == RH_TYPE_INTERVAL)
        return RH_SQL_PAIR_NO;
    if (a->type != RH_TYPE_TEXT)
        return RH_SQL_PAIR_PLAIN;
    return a->flags & b->flags & RH_COLUMN_EXACT_EQUAL ? RH_SQL_PAIR_PLAIN : RH_SQL_PAIR_VALUE;
}

#define NUMBERS                                                                                    \
    (RH_TYPE_BIT(RH_TYPE_INT) | RH_TYPE_BIT(RH_TYPE_UINT) | RH_TYPE_BIT(RH_TYPE_FLOAT) |           \
     RH_TYPE_BIT(RH_TYPE_DECIMAL))
#define TEXTS RH_TYPE_BIT(RH_TYPE_TEXT)
#define COMPARABLE                                                                                 \
    (NUMBERS | TEXTS | RH_TYPE_BIT(RH_TYPE_BOOL) | RH_TYPE_BIT(RH_TYPE_BYTES) |                    \
     RH_TYPE_BIT(RH_TYPE_DATE) | RH_TYPE_BIT(RH_TYPE_TIME) | RH_TYPE_BIT(RH_TYPE_DATETIME) |       \
     RH_TYPE_BIT(RH_TYPE_TIMESTAMP) | RH_TYPE_BIT(RH_TYPE_UUID))
#define JSONS RH_TYPE_BIT(RH_TYPE_JSON)
#define ANY_TYPE (COMPARABLE | JSONS | RH_TYPE_BIT(RH_TYPE_INTERVAL))
#define BOTH(op, types)                                                                            \
    {(op), (types), RH_VERDICT_EXACT, 0},                                                          \
    {                                                                                              \
        (op) | RH_OP_NOT, (types), RH_VERDICT_EXACT, 0                                             \
    }

const struct rh_operator rh_pg_operators[RH_PG_N_OPERATORS] = {
    BOTH(RH_OP_EQ, COMPARABLE),
    BOTH(RH_OP_LT, COMPARABLE),
    BOTH(RH_OP_LTE, COMPARABLE),
    BOTH(RH_OP_GT, COMPARABLE),
    BOTH(RH_OP_GTE, COMPARABLE),
    BOTH(RH_OP_IN, COMPARABLE),
    BOTH(RH_OP_LIKE, TEXTS),
    BOTH(RH_OP_STARTS, TEXTS),
    BOTH(RH_OP_ENDS, TEXTS),
    BOTH(RH_OP_CONTAINS, TEXTS),
    BOTH(RH_OP_LIKE | RH_OP_FOLD, TEXTS),
    BOTH(RH_OP_STARTS | RH_OP_FOLD, TEXTS),
    BOTH(RH_OP_ENDS | RH_OP_FOLD, TEXTS),
    BOTH(RH_OP_CONTAINS | RH_OP_FOLD, TEXTS),
    BOTH(RH_OP_NULL, ANY_TYPE),
    BOTH(RH_OP_ABSENT, ANY_TYPE),
    BOTH(RH_OP_EMPTY, ANY_TYPE),
    BOTH(RH_OP_HAS_ALL, JSONS),
    BOTH(RH_OP_HAS_ANY, JSONS),
    BOTH(RH_OP_EXISTS, ANY_TYPE),
    {RH_OP_SEEK, ANY_TYPE, RH_VERDICT_EXACT, 0},
};

/* ---- tables made ---- */

static void add_type_name(struct rh_sql *sql, const struct rh_column *column)
{
    static const char *const names[RH_N_TYPES] = {
        [RH_TYPE_BOOL] = "boolean",
        [RH_TYPE_INT] = "bigint",
        [RH_TYPE_UINT] = "numeric(20)",
        [RH_TYPE_FLOAT] = "double precision",
        [RH_TYPE_DECIMAL] = "numeric",
        [RH_TYPE_TEXT] = "text",
        [RH_TYPE_BYTES] = "bytea",
        [RH_TYPE_DATE] = "date",
        [RH_TYPE_TIME] = "time",
        [RH_TYPE_DATETIME] = "timestamp",
        [RH_TYPE_TIMESTAMP] = "timestamptz",
        [RH_TYPE_INTERVAL] = "interval",
        [RH_TYPE_UUID] = "uuid",
        [RH_TYPE_JSON] = "jsonb",
    };

    if (column->native_type.len) {
        rh_sql_native_type(sql, column->native_type);
    } else if (column->type >= RH_N_TYPES || !names[column->type]) {
        sql->failed = true;
    } else if (column->type == RH_TYPE_DECIMAL && column->precision) {
        rh_sql_addf(sql, "numeric(%u,%u)", column->precision, column->scale);
    } else if (column->type == RH_TYPE_TEXT && column->max_length) {
        rh_sql_addf(sql, "varchar(%u)", column->max_length);
    } else {
        rh_sql_add(sql, names[column->type]);
    }
}

static void add_identity(struct rh_sql *sql, const struct rh_column *column)
{
    add_type_name(sql, column);
    rh_sql_add(sql, " GENERATED BY DEFAULT AS IDENTITY");
}

static void alter_to(struct rh_sql *sql, const struct rh_table *table,
                     const struct rh_column *column)
{
    rh_sql_add(sql, "ALTER TABLE ");
    rh_sql_table(sql, table->schema, table->name);
    rh_sql_add(sql, " ALTER COLUMN ");
    rh_sql_identifier(sql, column->name);
}

/* Type, default and NOT NULL become as given; the old default goes first, since it may not cast. */
static void alter_column(struct rh_sql *sql, const struct rh_table *table,
                         const struct rh_column *column)
{
    alter_to(sql, table, column);
    rh_sql_add(sql, " DROP DEFAULT, ALTER COLUMN ");
    rh_sql_identifier(sql, column->name);
    rh_sql_add(sql, " TYPE ");
    add_type_name(sql, column);
    rh_sql_add(sql, " USING ");
    rh_sql_identifier(sql, column->name);
    rh_sql_add(sql, "::");
    add_type_name(sql, column);
    if (column->default_text.data) {
        rh_sql_add(sql, ", ALTER COLUMN ");
        rh_sql_identifier(sql, column->name);
        rh_sql_add(sql, " SET DEFAULT ");
        rh_sql_literal(sql, column->default_text);
    }
    rh_sql_add(sql, ", ALTER COLUMN ");
    rh_sql_identifier(sql, column->name);
    rh_sql_add(sql, column->flags & RH_COLUMN_NOT_NULL ? " SET NOT NULL" : " DROP NOT NULL");
}

const struct rh_sql_dialect rh_pg_dialect = {
    .quote_open = '"',
    .quote_close = '"',
    .placeholder = '$',
    .order_nulls_largest = true,
    .order_nulls_keywords = true,
    .row_values = true,
    .default_keyword = true,
    .column = add_column,
    .predicate = add_predicate,
    .in_list = add_in_list,
    .bucket = add_bucket,
    .aggregate = add_aggregate,
    .type_name = add_type_name,
    .identity = add_identity,
    .alter_column = alter_column,
    .exact = exact,
    .can = can,
    .pair = pair,
};
