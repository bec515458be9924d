/*
 * SQLite's SQL.
 *
 * SQLite types values, not columns, and orders them NULL < numbers < text < blobs. The host's
 * predicates hold only within one class, so a range over a column that may hold others is closed at
 * the end of its class: `c > ?1 AND c < ''` for numbers, `c > ?1 AND c < X''` for text.
 *
 * Dates, times and UUIDs are compared by their keys (functions.h). Where an index may help, a
 * condition on the text itself is added that no matching row can fail: the texts that are taken for
 * dates begin with YYYY-MM-DD, so they sort by day.
 */
#include "dialect.h"

#include "bind.h"
#include "connector/civil.h"
#include "connector/match.h"
#include "functions.h"
#include "type.h"

#include <math.h>
#include <string.h>

#define SHORT_LIST 16
#define MIN_DAYS INT64_C(-719528) /* 0000-01-01 */
#define MAX_DAYS INT64_C(2932896) /* 9999-12-31 */

/* ---- columns ---- */

/* "date", "time", … : the middle of the names of functions; NULL for types without keys. */
static const char *key_name(uint32_t type)
{
    switch (type) {
    case RH_TYPE_DATE:
        return "date";
    case RH_TYPE_TIME:
        return "time";
    case RH_TYPE_DATETIME:
        return "datetime";
    case RH_TYPE_TIMESTAMP:
        return "timestamp";
    case RH_TYPE_UUID:
        return "uuid";
    default:
        return NULL;
    }
}

static void add_column(struct rh_sql *sql, const struct rh_column *column, enum rh_sql_form form)
{
    const char *key = key_name(column->type);

    if (key && form != RH_SQL_OUTPUT) {
        rh_sql_addf(sql, "rh_%s_key(", key);
        rh_sql_name(sql, column);
        rh_sql_add(sql, ")");
        return;
    }
    rh_sql_name(sql, column);
    if (column->type == RH_TYPE_TEXT && !(column->flags & RH_COLUMN_BINARY_ORDER) &&
        (form == RH_SQL_VALUE || form == RH_SQL_VALUE_OUTPUT))
        rh_sql_add(sql, " COLLATE BINARY");
}

static void add_bucket(struct rh_sql *sql, const struct rh_column *column, uint32_t bucket,
                       enum rh_sql_form form)
{
    rh_sql_addf(sql, "rh_%s_bucket(", key_name(column->type));
    rh_sql_name(sql, column);
    rh_sql_addf(sql, ", %u)", bucket);
}

static void add_aggregate(struct rh_sql *sql, const struct rh_column *column,
                          const struct rh_aggregate *aggregate, enum rh_sql_form form)
{
    static const char *const names[RH_N_AGGS] = {"", "count", "sum", "avg", "min", "max"};
    bool computed = aggregate->function == RH_AGG_SUM || aggregate->function == RH_AGG_AVG;
    const char *kind = form == RH_SQL_VALUE ? "_key" : "";

    if (!column) {
        rh_sql_add(sql, "count(*)");
        return;
    }
    if (computed && column->type == RH_TYPE_FLOAT)
        kind = "_float";
    rh_sql_addf(sql, "%s%s%s(%s", computed ? "rh_" : "", names[aggregate->function],
                computed ? kind : "", aggregate->distinct ? "DISTINCT " : "");
    if (aggregate->function == RH_AGG_COUNT && !aggregate->distinct)
        rh_sql_name(sql, column);
    else
        rh_sql_operand(sql, column, RH_SQL_VALUE);
    rh_sql_add(sql, ")");
}

/* ---- predicates ---- */

static const char *sign_of(uint32_t op)
{
    switch (op) {
    case RH_OP_LT:
        return " < ";
    case RH_OP_LTE:
        return " <= ";
    case RH_OP_GT:
        return " > ";
    default:
        return " >= ";
    }
}

static bool is_range(uint32_t op)
{
    return op >= RH_OP_LT && op <= RH_OP_GTE;
}

static bool is_lower_bound(uint32_t op)
{
    return op == RH_OP_GT || op == RH_OP_GTE;
}

/* The literal that ends the class above (numbers: the least text) or begins it below. */
static const char *guard_of(const struct rh_column *column, uint32_t op)
{
    bool up = is_lower_bound(op);

    if (column->native_id & RH_SQLITE_PURE)
        return NULL;
    switch (column->type) {
    case RH_TYPE_INT:
    case RH_TYPE_FLOAT:
    case RH_TYPE_DECIMAL:
        return up && column->native_id ? " < ''" : NULL;
    case RH_TYPE_TEXT:
        return up ? " < X''" : NULL;
    case RH_TYPE_BYTES:
        return up ? NULL : " >= X''";
    default: /* keys: bytes are above, text and numbers below */
        return up ? " < X'01'" : " >= X'00'";
    }
}

static void add_range(struct rh_sql *sql, const struct rh_column *column, uint32_t op,
                      const struct rh_value *value)
{
    const char *guard = guard_of(column, op);

    rh_sql_add(sql, guard ? "(" : "");
    rh_sql_operand(sql, column, RH_SQL_VALUE);
    rh_sql_add(sql, sign_of(op));
    rh_sql_value(sql, column, value, RH_SQL_VALUE);
    if (guard) {
        rh_sql_add(sql, " AND ");
        rh_sql_operand(sql, column, RH_SQL_VALUE);
        rh_sql_add(sql, guard);
        rh_sql_add(sql, ")");
    }
}

static int64_t day_of(const struct rh_value *value)
{
    int64_t us = value->as.i;

    if (value->type == RH_TYPE_DATE)
        return us;
    return us / RH_CIVIL_DAY_US - (us % RH_CIVIL_DAY_US < 0);
}

/* `AND column < 'YYYY-MM-DD'`: a bound on the text; beyond the calendar one that always holds. */
static void add_day(struct rh_sql *sql, const struct rh_column *column, const char *sign,
                    int64_t day)
{
    char text[RH_CIVIL_MAX];
    size_t n = 0;

    if (day > MAX_DAYS)
        text[n++] = ':'; /* behind the digits */
    else if (day >= MIN_DAYS)
        n = rh_civil_format_date(text, day);
    else
        text[n++] = '0';
    const struct rh_value bound = rh_kit_text(rh_text_make(text, n));
    rh_sql_add(sql, " AND ");
    rh_sql_name(sql, column);
    rh_sql_add(sql, sign);
    rh_sql_bind(sql, NULL, rh_sql_own_value(sql, &bound), RH_SQL_VALUE);
}

/* A zone moves a timestamp's text by up to a day, and 24:00:00 is the next day. */
static void add_day_range(struct rh_sql *sql, const struct rh_column *column, uint32_t op,
                          const struct rh_value *value)
{
    int64_t zone = value->type == RH_TYPE_TIMESTAMP ? 1 : 0;
    int64_t day = day_of(value);

    if (day < MIN_DAYS - 10)
        day = MIN_DAYS - 10;
    if (day > MAX_DAYS + 10)
        day = MAX_DAYS + 10;
    if (op == RH_OP_EQ || is_lower_bound(op))
        add_day(sql, column, " >= ", day - 1 - zone > MAX_DAYS ? MAX_DAYS : day - 1 - zone);
    if (op == RH_OP_EQ || !is_lower_bound(op))
        add_day(sql, column, " < ", day + 1 + zone < MIN_DAYS ? MIN_DAYS : day + 1 + zone);
}

static void add_date_comparison(struct rh_sql *sql, const struct rh_column *column, uint32_t op,
                                const struct rh_value *value)
{
    const struct rh_value us = rh_kit_int(value->as.i);

    rh_sql_addf(sql, "(rh_%s_us(", key_name(column->type));
    rh_sql_name(sql, column);
    rh_sql_add(sql, ")");
    rh_sql_add(sql, op == RH_OP_EQ ? " = " : sign_of(op));
    rh_sql_bind(sql, NULL, rh_sql_own_value(sql, &us), RH_SQL_VALUE);
    if (column->type != RH_TYPE_TIME)
        add_day_range(sql, column, op, value);
    rh_sql_add(sql, ")");
}

/* A UUID is stored as text in lower or upper case, or as 16 bytes. */
static void add_uuids(struct rh_sql *sql, const struct rh_column *column,
                      const struct rh_value *values, uint32_t n)
{
    rh_sql_name(sql, column);
    rh_sql_add(sql, " IN (");
    for (uint32_t i = 0; i < n; i++) {
        char text[2][36];
        for (unsigned upper = 0; upper < 2; upper++) {
            rh_sqlite_format_uuid(values[i].as.data, upper, text[upper]);
            const struct rh_value form = rh_kit_text(rh_text_make(text[upper], 36));
            rh_sql_add(sql, i || upper ? ", " : "");
            rh_sql_bind(sql, NULL, rh_sql_own_value(sql, &form), RH_SQL_VALUE);
        }
        struct rh_value bytes = values[i];
        bytes.type = RH_TYPE_BYTES;
        rh_sql_add(sql, ", ");
        rh_sql_bind(sql, NULL, rh_sql_own_value(sql, &bytes), RH_SQL_VALUE);
    }
    rh_sql_add(sql, ")");
}

/* From the prefix up to the least text that is above all that begin with it; an empty one begins
 * all texts. */
static void add_starts(struct rh_sql *sql, const struct rh_column *column,
                       const struct rh_value *prefix)
{
    struct rh_value end = {.type = RH_TYPE_BYTES, .len = 0, .as.data = ""};
    const struct rh_value *owned = NULL;

    if (prefix->len) {
        unsigned char *bytes = NULL;
        owned = rh_sql_own_value(sql, prefix);
        if (!owned)
            return;
        bytes = (unsigned char *)(uintptr_t)owned->as.data;
        bytes[owned->len - 1]++; /* valid UTF-8 does not end in 0xFF */
    } else {
        owned = rh_sql_own_value(sql, &end);
    }
    rh_sql_add(sql, "(");
    rh_sql_operand(sql, column, RH_SQL_VALUE);
    rh_sql_add(sql, " >= ");
    rh_sql_value(sql, column, prefix, RH_SQL_VALUE);
    rh_sql_add(sql, " AND ");
    rh_sql_operand(sql, column, RH_SQL_VALUE);
    rh_sql_add(sql, " < ");
    rh_sql_value(sql, column, owned, RH_SQL_VALUE);
    rh_sql_add(sql, ")");
}

static void add_match(struct rh_sql *sql, const struct rh_column *column, uint32_t op,
                      const struct rh_value *pattern)
{
    rh_sql_addf(sql, "rh_match(%u, ", op);
    rh_sql_operand(sql, column, RH_SQL_VALUE);
    rh_sql_add(sql, ", ");
    rh_sql_value(sql, column, pattern, RH_SQL_VALUE);
    rh_sql_add(sql, ")");
}

static bool is_date(const struct rh_column *column)
{
    return column->type >= RH_TYPE_DATE && column->type <= RH_TYPE_TIMESTAMP;
}

static bool sorts_by_code_point(const struct rh_sql *sql)
{
    const struct rh_conn *conn = sql->state;

    return conn->utf8;
}

static bool add_predicate(struct rh_sql *sql, const struct rh_column *column,
                          const struct rh_node *node, const struct rh_value *values)
{
    uint32_t base = RH_OP_BASE(node->op);

    if (base >= RH_OP_LIKE && base <= RH_OP_CONTAINS) {
        if (node->op == RH_OP_STARTS && sorts_by_code_point(sql))
            add_starts(sql, column, values);
        else
            add_match(sql, column, node->op, values);
        return true;
    }
    if (is_date(column) && !sql->having && (node->op == RH_OP_EQ || is_range(node->op)) &&
        values->type == column->type) {
        add_date_comparison(sql, column, node->op, values);
        return true;
    }
    if (column->type == RH_TYPE_UUID && !sql->having && values && values->type == RH_TYPE_UUID &&
        (column->flags & RH_COLUMN_EXACT_EQUAL) &&
        (node->op == RH_OP_EQ || (node->op == RH_OP_IN && node->n <= SHORT_LIST))) {
        add_uuids(sql, column, values, node->op == RH_OP_EQ ? 1 : node->n);
        return true;
    }
    if (is_range(node->op)) {
        add_range(sql, column, node->op, values);
        return true;
    }
    return false;
}

static void add_in_list(struct rh_sql *sql, const struct rh_column *column,
                        const struct rh_value *values, uint32_t n, enum rh_sql_form form)
{
    uint32_t padded = 1;

    if (n > SHORT_LIST) {
        rh_sql_add(sql, " IN (SELECT value FROM rh_list(");
        rh_sql_bind_list(sql, column, values, n, form);
        rh_sql_add(sql, "))");
        return;
    }
    while (padded < n)
        padded *= 2;
    rh_sql_add(sql, " IN (");
    for (uint32_t i = 0; i < padded; i++) {
        rh_sql_add(sql, i ? ", " : "");
        rh_sql_value(sql, column, &values[i < n ? i : n - 1], form);
    }
    rh_sql_add(sql, ")");
}

/* ---- tables ---- */

static void add_type_name(struct rh_sql *sql, const struct rh_column *column)
{
    static const char *const names[RH_N_TYPES] = {
        [RH_TYPE_BOOL] = "BOOLEAN",
        [RH_TYPE_INT] = "INTEGER",
        [RH_TYPE_UINT] = "INTEGER",
        [RH_TYPE_FLOAT] = "REAL",
        [RH_TYPE_DECIMAL] = "DECIMAL",
        [RH_TYPE_TEXT] = "TEXT",
        [RH_TYPE_BYTES] = "BLOB",
        [RH_TYPE_DATE] = "DATE",
        [RH_TYPE_TIME] = "TIME",
        [RH_TYPE_DATETIME] = "DATETIME",
        [RH_TYPE_TIMESTAMP] = "TIMESTAMP WITH TIME ZONE",
        [RH_TYPE_INTERVAL] = "TEXT",
        [RH_TYPE_UUID] = "UUID",
        [RH_TYPE_JSON] = "JSON",
    };

    if (column->native_type.len) {
        rh_sql_native_type(sql, column->native_type);
        return;
    }
    if (column->type >= RH_N_TYPES || !names[column->type]) {
        sql->failed = true;
        return;
    }
    rh_sql_add(sql, names[column->type]);
    if (column->type == RH_TYPE_DECIMAL && column->precision)
        rh_sql_addf(sql, "(%u,%u)", column->precision, column->scale);
}

static void add_identity(struct rh_sql *sql, const struct rh_column *column)
{
    rh_sql_add(sql, "INTEGER PRIMARY KEY");
}

/* ---- planning ---- */

static bool pattern_is_exact(const struct rh_node *node, const struct rh_value *pattern)
{
    struct rh_text text = rh_kit_value_text(pattern);

    if (RH_OP_BASE(node->op) == RH_OP_LIKE)
        return rh_match_pattern_is_valid(text);
    /* The range of STARTS compares bytes. */
    return RH_OP_BASE(node->op) != RH_OP_STARTS || rh_text_is_utf8(text);
}

static bool number_is_exact(const struct rh_column *column, const struct rh_value *value)
{
    unsigned char key[RH_SQLITE_KEY_MAX];
    struct rh_value number;
    unsigned len;

    if (value->type == RH_TYPE_FLOAT)
        return !isnan(value->as.f);
    if (value->type == RH_TYPE_UINT)
        return value->as.u <= INT64_MAX;
    if (value->type != RH_TYPE_DECIMAL)
        return true;
    if (!column->native_id) /* an exact sum in HAVING */
        return rh_sqlite_key_of_decimal(rh_kit_value_text(value), key, &len);
    return rh_sqlite_decimal_is_kept(value, &number);
}

/* Bytes among dates would need the mark that their keys have. */
static bool seek_is_exact(const struct rh_node *node, const struct rh_value *values)
{
    struct rh_value number;

    for (uint32_t i = 0; i < node->n; i++) {
        if (values[i].type == RH_TYPE_BYTES ||
            (values[i].type == RH_TYPE_FLOAT && isnan(values[i].as.f)) ||
            (values[i].type == RH_TYPE_DECIMAL && !rh_sqlite_decimal_is_kept(&values[i], &number)))
            return false;
    }
    return true;
}

static uint32_t exact(const void *state, const struct rh_column *column, const struct rh_node *node,
                      const struct rh_value *values, uint32_t upper)
{
    const struct rh_conn *conn = state;
    uint32_t base = RH_OP_BASE(node->op);

    for (uint32_t i = 0; column && i < node->n; i++) {
        if (!number_is_exact(column, &values[i]))
            return RH_VERDICT_NONE;
        if (values[i].type != column->type)
            return RH_VERDICT_NONE;
    }
    if (!column)
        return seek_is_exact(node, values) ? upper : RH_VERDICT_NONE;
    if ((column->flags & RH_COLUMN_OPAQUE) && base != RH_OP_NULL)
        return RH_VERDICT_NONE;
    if (column->type == RH_TYPE_TEXT && is_range(base) && !conn->utf8)
        return RH_VERDICT_NONE;
    if (base >= RH_OP_LIKE && base <= RH_OP_CONTAINS && !pattern_is_exact(node, values))
        return RH_VERDICT_NONE;
    return upper;
}

static bool can(const void *state, const struct rh_column *column, enum rh_sql_use use,
                uint32_t detail)
{
    const struct rh_conn *conn = state;
    bool number = column->type == RH_TYPE_INT || column->type == RH_TYPE_FLOAT;

    if (use == RH_SQL_USE_AGGREGATE && detail == RH_AGG_COUNT)
        return true;
    if ((column->flags & RH_COLUMN_OPAQUE) || column->type == RH_TYPE_JSON)
        return false;
    if (use == RH_SQL_USE_AGGREGATE && (detail == RH_AGG_SUM || detail == RH_AGG_AVG))
        return number;
    if (use == RH_SQL_USE_GROUP)
        return !detail || (is_date(column) && column->type != RH_TYPE_TIME);
    /* 0 and 1 are booleans, which come before numbers. */
    if (column->type == RH_TYPE_BOOL)
        return false;
    if (conn->utf8)
        return true;
    /* In UTF-16 bytes do not sort by code point, neither in text columns nor in others' text. */
    if (column->type == RH_TYPE_TEXT)
        return use == RH_SQL_USE_ORDER && !(detail & RH_ORDER_BINARY);
    return (column->native_id & RH_SQLITE_PURE) != 0;
}

static enum rh_sql_pair pair(const void *state, const struct rh_column *outer,
                             const struct rh_column *inner)
{
    bool int_and_other = (outer->type == RH_TYPE_INT && inner->type <= RH_TYPE_DECIMAL &&
                          inner->type >= RH_TYPE_INT) ||
                         (inner->type == RH_TYPE_INT && outer->type <= RH_TYPE_DECIMAL &&
                          outer->type >= RH_TYPE_INT);

    if ((outer->type != inner->type && !int_and_other) || outer->type == RH_TYPE_JSON ||
        ((outer->flags | inner->flags) & RH_COLUMN_OPAQUE))
        return RH_SQL_PAIR_NO;
    if (key_name(outer->type))
        return RH_SQL_PAIR_VALUE;
    if (outer->type == RH_TYPE_TEXT && !(outer->flags & inner->flags & RH_COLUMN_EXACT_EQUAL))
        return RH_SQL_PAIR_VALUE;
    return RH_SQL_PAIR_PLAIN;
}

#define BIT(type) RH_TYPE_BIT(RH_TYPE_##type)
#define NUMBERS (BIT(INT) | BIT(FLOAT) | BIT(DECIMAL))
#define TIMES (BIT(DATE) | BIT(TIME) | BIT(DATETIME) | BIT(TIMESTAMP))
#define ORDERED (NUMBERS | TIMES | BIT(TEXT) | BIT(BYTES) | BIT(UUID))
#define EQUAL (ORDERED | BIT(BOOL))
#define ALL 0xffffu
#define BOTH(op, types)                                                                            \
    {RH_OP_##op, types, RH_VERDICT_EXACT, 0},                                                      \
    {                                                                                              \
        RH_OP_##op | RH_OP_NOT, types, RH_VERDICT_EXACT, 0                                         \
    }
#define FOLDED(op)                                                                                 \
    {RH_OP_##op | RH_OP_FOLD, BIT(TEXT), RH_VERDICT_EXACT, 0},                                     \
    {                                                                                              \
        RH_OP_##op | RH_OP_FOLD | RH_OP_NOT, BIT(TEXT), RH_VERDICT_EXACT, 0                        \
    }

const struct rh_operator rh_sqlite_operators[RH_SQLITE_N_OPERATORS] = {
    BOTH(EQ, EQUAL),
    BOTH(LT, ORDERED),
    BOTH(LTE, ORDERED),
    BOTH(GT, ORDERED),
    BOTH(GTE, ORDERED),
    BOTH(IN, EQUAL),
    BOTH(LIKE, BIT(TEXT)),
    BOTH(STARTS, BIT(TEXT)),
    BOTH(ENDS, BIT(TEXT)),
    BOTH(CONTAINS, BIT(TEXT)),
    FOLDED(LIKE),
    FOLDED(STARTS),
    FOLDED(ENDS),
    FOLDED(CONTAINS),
    BOTH(NULL, ALL),
    BOTH(ABSENT, ALL),
    BOTH(EMPTY, ALL & ~BIT(JSON)),
    BOTH(EXISTS, ALL),
    {RH_OP_SEEK, ALL, RH_VERDICT_EXACT, 0},
};

const struct rh_sql_dialect rh_sqlite_dialect = {
    .quote_open = '"',
    .quote_close = '"',
    .placeholder = '?',
    .order_nulls_keywords = true,
    .row_values = true,
    .offset_needs_limit = true,
    .identity_is_key = true,
    .column = add_column,
    .predicate = add_predicate,
    .in_list = add_in_list,
    .bucket = add_bucket,
    .aggregate = add_aggregate,
    .type_name = add_type_name,
    .identity = add_identity,
    .exact = exact,
    .can = can,
    .pair = pair,
};
