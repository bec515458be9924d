/*
 * Conditions as formulas.
 *
 * What Airtable does differently from Rowhouse, hence what is claimed:
 * - An empty cell is BLANK(), which equals 0 and "" alike and counts as 0 in comparisons. What tells
 *   them apart is the text of the cell: `{f}&""` is empty for an empty cell only, "0" for a zero.
 *   Empty texts are not stored, so a text that is asked for is never empty.
 * - Numbers are doubles: literals of up to 15 digits compare as we do.
 * - EXACT and FIND compare letters as they are; `=` is not documented to. Order of texts is not
 *   documented at all: nothing is claimed. SEARCH folds, but not as Unicode says: nothing either.
 * - Dates are compared in a time zone and to a unit that depend on the field: the days around are
 *   asked for too (SUPERSET), and a cell that is empty is not handed to what would fail on it.
 * - A cell that a formula computed may be an error, and an error in a formula loses the row: fields
 *   that are computed are not looked at.
 *
 * A field is named in braces. A name that has some itself cannot be written reliably.
 */
#include "airtable.h"

#include "connector/civil.h"

#include <math.h>
#include <string.h>

#define MAX_EXACT (INT64_C(1) << 53)
#define MAX_DIGITS 15
#define MAX_DECIMAL 40
#define MAX_IN 300
#define MAX_DEPTH 16
#define MARGIN_DAYS 2 /* no time zone and no unit is further off */

#define TEXT RH_TYPE_BIT(RH_TYPE_TEXT)
#define BOOL RH_TYPE_BIT(RH_TYPE_BOOL)
#define NUMBERS (RH_TYPE_BIT(RH_TYPE_INT) | RH_TYPE_BIT(RH_TYPE_DECIMAL))
#define DATES (RH_TYPE_BIT(RH_TYPE_DATE) | RH_TYPE_BIT(RH_TYPE_TIMESTAMP))
#define EXACT(which, set)                                                                          \
    {                                                                                              \
        .op = (which), .types = (set), .verdict = RH_VERDICT_EXACT                                 \
    }
#define SUPERSET(which, set)                                                                       \
    {                                                                                              \
        .op = (which), .types = (set), .verdict = RH_VERDICT_SUPERSET                              \
    }

const struct rh_operator rh_airtable_operators[RH_AIRTABLE_N_OPERATORS] = {
    EXACT(RH_OP_EQ, TEXT | BOOL | NUMBERS),
    EXACT(RH_OP_EQ | RH_OP_NOT, TEXT | BOOL | NUMBERS),
    EXACT(RH_OP_IN, TEXT | NUMBERS),
    EXACT(RH_OP_IN | RH_OP_NOT, TEXT | NUMBERS),
    EXACT(RH_OP_LT, NUMBERS),
    EXACT(RH_OP_LTE, NUMBERS),
    EXACT(RH_OP_GT, NUMBERS),
    EXACT(RH_OP_GTE, NUMBERS),
    EXACT(RH_OP_LT | RH_OP_NOT, NUMBERS),
    EXACT(RH_OP_LTE | RH_OP_NOT, NUMBERS),
    EXACT(RH_OP_GT | RH_OP_NOT, NUMBERS),
    EXACT(RH_OP_GTE | RH_OP_NOT, NUMBERS),
    SUPERSET(RH_OP_EQ, DATES),
    SUPERSET(RH_OP_LT, DATES),
    SUPERSET(RH_OP_LTE, DATES),
    SUPERSET(RH_OP_GT, DATES),
    SUPERSET(RH_OP_GTE, DATES),
    SUPERSET(RH_OP_LIKE, TEXT),
    EXACT(RH_OP_STARTS, TEXT),
    EXACT(RH_OP_CONTAINS, TEXT),
    EXACT(RH_OP_NULL, TEXT | NUMBERS | DATES),
    EXACT(RH_OP_NULL | RH_OP_NOT, TEXT | NUMBERS | DATES),
    EXACT(RH_OP_SEEK, 0),
};

static const struct rh_column *column_of(const struct rh_query *query, uint32_t position)
{
    return position < query->n_columns
               ? rh_kit_column(query->columns, query->column_stride, position)
               : NULL;
}

/* ---- Verdicts ------------------------------------------------------------------------------ */

static bool is_plain_name(struct rh_text name)
{
    for (uint64_t i = 0; i < name.len; i++)
        if (strchr("{}\\", name.data[i]) || (unsigned char)name.data[i] < 0x20)
            return false;
    return name.len > 0;
}

/* A literal has no escapes but those of quotes and backslashes. */
static bool is_literal(struct rh_text text)
{
    for (uint64_t i = 0; i < text.len; i++)
        if ((unsigned char)text.data[i] < 0x20)
            return false;
    return text.len > 0;
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

static bool is_exact_number(const struct rh_value *value)
{
    if (value->type == RH_TYPE_INT)
        return value->as.i <= MAX_EXACT && value->as.i >= -MAX_EXACT;
    return value->type == RH_TYPE_DECIMAL && is_short_decimal(rh_kit_value_text(value));
}

/* Years of four digits. */
static bool is_near(const struct rh_value *value)
{
    int64_t days = value->type == RH_TYPE_DATE ? value->as.i : value->as.i / RH_CIVIL_DAY_US;

    return days > rh_civil_days(1000, 1, 1) && days < rh_civil_days(9990, 1, 1);
}

/* The literal that a LIKE pattern begins with. */
static struct rh_text leading(struct rh_text pattern)
{
    uint64_t n = 0;

    while (n < pattern.len && !strchr("%_\\", pattern.data[n]))
        n++;
    return rh_text_make(pattern.data, n);
}

static uint8_t text_verdict(const struct rh_query *query, const struct rh_node *node)
{
    for (uint32_t i = 0; i < node->n; i++) {
        struct rh_text text = rh_kit_value_text(&query->values[node->first + i]);

        if (node->op == RH_OP_LIKE)
            text = leading(text);
        if (!is_literal(text))
            return RH_VERDICT_NONE;
    }
    switch (node->op) {
    case RH_OP_EQ:
    case RH_OP_EQ | RH_OP_NOT:
    case RH_OP_IN:
    case RH_OP_IN | RH_OP_NOT:
    case RH_OP_STARTS:
    case RH_OP_CONTAINS:
        return RH_VERDICT_EXACT;
    case RH_OP_LIKE:
        return RH_VERDICT_SUPERSET;
    default:
        return RH_VERDICT_NONE;
    }
}

static bool is_comparison(uint32_t op)
{
    uint32_t base = RH_OP_BASE(op);

    return base == RH_OP_EQ || (base >= RH_OP_LT && base <= RH_OP_GTE);
}

static uint8_t number_verdict(const struct rh_query *query, const struct rh_node *node)
{
    if (!is_comparison(node->op) && RH_OP_BASE(node->op) != RH_OP_IN)
        return RH_VERDICT_NONE;
    for (uint32_t i = 0; i < node->n; i++)
        if (!is_exact_number(&query->values[node->first + i]))
            return RH_VERDICT_NONE;
    return RH_VERDICT_EXACT;
}

static uint8_t leaf_verdict(const struct rh_query *query, const struct rh_node *node)
{
    const struct rh_column *column = column_of(query, node->column);
    uint32_t base = RH_OP_BASE(node->op);

    if (!column || node->op & RH_OP_FOLD || node->n > MAX_IN ||
        (column->native_id != RH_AIRTABLE_RECORD && column->native_id != RH_AIRTABLE_TIME &&
         !is_plain_name(column->name)))
        return RH_VERDICT_NONE;
    if (base == RH_OP_NULL)
        return column->native_id == RH_AIRTABLE_TEXT || column->native_id == RH_AIRTABLE_NUMBER ||
                       column->native_id == RH_AIRTABLE_DATE
                   ? RH_VERDICT_EXACT
                   : RH_VERDICT_NONE;
    if (!node->n)
        return RH_VERDICT_NONE;
    switch (column->native_id) {
    case RH_AIRTABLE_RECORD:
        return base == RH_OP_EQ || base == RH_OP_IN ? text_verdict(query, node) : RH_VERDICT_NONE;
    case RH_AIRTABLE_TEXT:
        return text_verdict(query, node);
    case RH_AIRTABLE_NUMBER:
    case RH_AIRTABLE_COUNTER:
        return number_verdict(query, node);
    case RH_AIRTABLE_CHECKBOX:
        return base == RH_OP_EQ ? RH_VERDICT_EXACT : RH_VERDICT_NONE;
    case RH_AIRTABLE_TIME:
    case RH_AIRTABLE_DATE:
    case RH_AIRTABLE_CREATION:
        return is_comparison(node->op) && !(node->op & RH_OP_NOT) &&
                       is_near(&query->values[node->first])
                   ? RH_VERDICT_SUPERSET
                   : RH_VERDICT_NONE;
    default:
        return RH_VERDICT_NONE;
    }
}

/* The position comes after a counter: nothing that follows it in the order matters. */
static uint8_t seek_verdict(const struct rh_query *query, const struct rh_node *node)
{
    const struct rh_column *column =
        query->n_order ? column_of(query, query->order[0].column) : NULL;

    return column && column->native_id == RH_AIRTABLE_COUNTER && is_plain_name(column->name) &&
                   node->n && is_exact_number(&query->values[node->first])
               ? RH_VERDICT_EXACT
               : RH_VERDICT_NONE;
}

static uint8_t verdict(const struct rh_query *query, const struct rh_node *node, unsigned depth)
{
    uint8_t least = RH_VERDICT_EXACT;

    if (node->op == RH_OP_SEEK)
        return seek_verdict(query, node);
    if (node->op != RH_OP_AND && node->op != RH_OP_OR)
        return leaf_verdict(query, node);
    if (depth == MAX_DEPTH || node->n > MAX_IN)
        return RH_VERDICT_NONE;
    for (uint32_t i = 0; i < node->n && least; i++) {
        uint8_t one = verdict(query, &query->nodes[node->first + i], depth + 1);
        least = one < least ? one : least;
    }
    return least;
}

uint8_t rh_airtable_verdict(const struct rh_query *query, uint32_t position)
{
    return verdict(query, &query->nodes[position], 0);
}

/* ---- Formulas ------------------------------------------------------------------------------ */

void rh_airtable_add_literal(struct rh_buf *formula, struct rh_text text)
{
    rh_buf_add_char(formula, '"');
    for (uint64_t i = 0; i < text.len; i++) {
        if (text.data[i] == '"' || text.data[i] == '\\')
            rh_buf_add_char(formula, '\\');
        rh_buf_add_char(formula, text.data[i]);
    }
    rh_buf_add_char(formula, '"');
}

static void add_field(struct rh_buf *formula, const struct rh_column *column)
{
    if (column->native_id == RH_AIRTABLE_RECORD) {
        rh_buf_add_str(formula, "RECORD_ID()");
        return;
    }
    if (column->native_id == RH_AIRTABLE_TIME) {
        rh_buf_add_str(formula, "CREATED_TIME()");
        return;
    }
    rh_buf_add_char(formula, '{');
    rh_buf_add_text(formula, column->name);
    rh_buf_add_char(formula, '}');
}

static void add_number(struct rh_buf *formula, const struct rh_value *value)
{
    if (value->type == RH_TYPE_INT)
        rh_buf_add_i64(formula, value->as.i);
    else
        rh_buf_add_text(formula, rh_kit_value_text(value));
}

/* One equality or comparison of what is not empty. */
static void add_comparison(struct rh_buf *formula, const struct rh_column *column, uint32_t base,
                           const struct rh_value *value)
{
    static const char *const signs[] = {"<", "<=", ">", ">="};

    if (column->type == RH_TYPE_TEXT) {
        rh_buf_add_str(formula, "EXACT(");
        add_field(formula, column);
        rh_buf_add_str(formula, "&\"\",");
        rh_airtable_add_literal(formula, rh_kit_value_text(value));
        rh_buf_add_char(formula, ')');
        return;
    }
    add_field(formula, column);
    rh_buf_add_str(formula, base == RH_OP_EQ || base == RH_OP_IN ? "=" : signs[base - RH_OP_LT]);
    add_number(formula, value);
}

static void add_find(struct rh_buf *formula, const struct rh_column *column, struct rh_text text,
                     const char *where)
{
    rh_buf_add_str(formula, "FIND(");
    rh_airtable_add_literal(formula, text);
    rh_buf_add_char(formula, ',');
    add_field(formula, column);
    rh_buf_add_str(formula, "&\"\")");
    rh_buf_add_str(formula, where);
}

static void add_moment(struct rh_buf *formula, const char *function, const struct rh_column *column,
                       const struct rh_value *value, int64_t margin_days)
{
    int64_t us = value->type == RH_TYPE_DATE ? value->as.i * RH_CIVIL_DAY_US : value->as.i;
    char text[RH_CIVIL_MAX];
    size_t n = rh_civil_format_timestamp(text, us + margin_days * RH_CIVIL_DAY_US);

    rh_buf_add_str(formula, function);
    rh_buf_add_char(formula, '(');
    add_field(formula, column);
    rh_buf_add_str(formula, ",DATETIME_PARSE(\"");
    rh_buf_add(formula, text, n);
    rh_buf_add_str(formula, "\"))");
}

/* The days around it. */
static void add_date(struct rh_buf *formula, const struct rh_column *column, uint32_t base,
                     const struct rh_value *value)
{
    bool low = base == RH_OP_EQ || base == RH_OP_GT || base == RH_OP_GTE;
    bool high = base == RH_OP_EQ || base == RH_OP_LT || base == RH_OP_LTE;

    rh_buf_add_str(formula, "IF(");
    add_field(formula, column);
    rh_buf_add_str(formula, "&\"\"=\"\",FALSE(),AND(");
    if (low)
        add_moment(formula, "IS_AFTER", column, value, -MARGIN_DAYS);
    if (low && high)
        rh_buf_add_char(formula, ',');
    if (high)
        add_moment(formula, "IS_BEFORE", column, value, MARGIN_DAYS);
    rh_buf_add_str(formula, "))");
}

static void add_null(struct rh_buf *formula, const struct rh_column *column, bool negated)
{
    add_field(formula, column);
    rh_buf_add_str(formula, negated ? "&\"\"!=\"\"" : "&\"\"=\"\"");
}

/* Equal to one of them, or compared with one: numbers must be there. */
static void add_values(struct rh_buf *formula, const struct rh_column *column, uint32_t base,
                       const struct rh_value *values, uint32_t n)
{
    bool guarded = column->type != RH_TYPE_TEXT;

    if (guarded) {
        rh_buf_add_str(formula, "AND(");
        add_null(formula, column, true);
        rh_buf_add_char(formula, ',');
    }
    rh_buf_add_str(formula, "OR(");
    for (uint32_t i = 0; i < n; i++) {
        if (i)
            rh_buf_add_char(formula, ',');
        add_comparison(formula, column, base, &values[i]);
    }
    rh_buf_add_str(formula, guarded ? "))" : ")");
}

static void add_leaf(const struct rh_query *query, const struct rh_node *node,
                     struct rh_buf *formula)
{
    const struct rh_column *column = column_of(query, node->column);
    const struct rh_value *value = &query->values[node->first];
    uint32_t base = RH_OP_BASE(node->op);
    bool negated = node->op & RH_OP_NOT;

    if (base == RH_OP_NULL) {
        add_null(formula, column, negated);
        return;
    }
    if (column->native_id == RH_AIRTABLE_CHECKBOX) {
        rh_buf_add_str(formula, (value->as.i != 0) == negated ? "NOT(" : "AND(");
        add_field(formula, column);
        rh_buf_add_char(formula, ')');
        return;
    }
    if (negated)
        rh_buf_add_str(formula, "NOT(");
    if (base >= RH_OP_LIKE) {
        struct rh_text text = rh_kit_value_text(value);
        add_find(formula, column, base == RH_OP_LIKE ? leading(text) : text,
                 base == RH_OP_CONTAINS ? ">0" : "=1");
    } else if (RH_TYPE_BIT(column->type) & DATES) {
        add_date(formula, column, base, value);
    } else {
        add_values(formula, column, base, value, node->n);
    }
    if (negated)
        rh_buf_add_char(formula, ')');
}

static void add_seek(const struct rh_query *query, const struct rh_node *node,
                     struct rh_buf *formula)
{
    const struct rh_column *column = column_of(query, query->order[0].column);
    bool falling = query->order[0].flags & RH_ORDER_DESC;

    add_comparison(formula, column, falling ? RH_OP_LT : RH_OP_GT, &query->values[node->first]);
}

void rh_airtable_add_formula(const struct rh_query *query, uint32_t position,
                             struct rh_buf *formula)
{
    const struct rh_node *node = &query->nodes[position];

    if (node->op == RH_OP_SEEK) {
        add_seek(query, node, formula);
    } else if (node->op != RH_OP_AND && node->op != RH_OP_OR) {
        add_leaf(query, node, formula);
    } else if (!node->n) {
        rh_buf_add_str(formula, node->op == RH_OP_AND ? "TRUE()" : "FALSE()");
    } else {
        rh_buf_add_str(formula, node->op == RH_OP_AND ? "AND(" : "OR(");
        for (uint32_t i = 0; i < node->n; i++) {
            if (i)
                rh_buf_add_char(formula, ',');
            rh_airtable_add_formula(query, node->first + i, formula);
        }
        rh_buf_add_char(formula, ')');
    }
}
