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
#include "connector/kit.h"
#include "connector/match.h"
#include "encode.h"
#include "oid.h"

#include <string.h>

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

/* An infinite numeric is a text to the host, beyond comparing with numbers. A type with a precision
 * has none, nor has a server before version 14. */
static bool add_finite(struct rh_sql *sql, const struct rh_column *column,
                       const struct rh_node *node, const struct rh_value *value,
                       const char *infinity)
{
    static const char *const signs[] = {
        [RH_OP_LT] = " < ", [RH_OP_LTE] = " <= ", [RH_OP_GT] = " > ", [RH_OP_GTE] = " >= "};
    const struct rh_conn *conn = sql->state;

    if (kind_of(column) != KIND_NUMERIC || column->precision || PQserverVersion(conn->pg) < 140000)
        return false;
    rh_sql_add(sql, "(");
    rh_sql_operand(sql, column, RH_SQL_VALUE);
    rh_sql_add(sql, signs[node->op]);
    rh_sql_value(sql, column, value, RH_SQL_VALUE);
    rh_sql_add(sql, " AND ");
    rh_sql_operand(sql, column, RH_SQL_VALUE);
    rh_sql_addf(sql, " <> %s)", infinity);
    return true;
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
    case RH_OP_LT:
    case RH_OP_LTE:
        return add_finite(sql, column, node, values, "'-Infinity'");
    case RH_OP_GT:
    case RH_OP_GTE:
        return add_finite(sql, column, node, values, "'Infinity'");
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

/* Columns in the VALUE form bring their own collations where those sort by code point, and two
 * different ones are an error; a collation said on one side decides for both. */
static bool add_pair_condition(struct rh_sql *sql, const struct rh_column *outer,
                               uint32_t outer_alias, const struct rh_column *inner)
{
    uint32_t inner_alias = sql->alias;

    if (outer->type != RH_TYPE_TEXT || !(outer->flags & inner->flags & RH_COLUMN_BINARY_ORDER))
        return false;
    rh_sql_name(sql, inner);
    rh_sql_add(sql, " = ");
    sql->alias = outer_alias;
    rh_sql_name(sql, outer);
    sql->alias = inner_alias;
    rh_sql_add(sql, " COLLATE \"C\"");
    return true;
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
    .exact = rh_pg_exact,
    .can = rh_pg_can,
    .pair = rh_pg_pair,
    .pair_condition = add_pair_condition,
};
