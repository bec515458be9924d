/*
 * Predicates in SQLite's SQL.
 *
 * SQLite types values, not columns, and orders them NULL < numbers < text < blobs. The host's
 * predicates hold only within one class, so a range over a column that may hold others is closed at
 * the end of its class: `c > ?1 AND c < ''` for numbers, `c > ?1 AND c < X''` for text.
 *
 * Dates, times and UUIDs are compared by their values (functions.h). Where an index may help, a
 * condition on the text itself is added that no matching row can fail: the texts that are taken for
 * dates begin with YYYY-MM-DD, so they sort by day.
 */
#include "dialect.h"

#include "connection.h"
#include "connector/civil.h"
#include "functions.h"
#include "type.h"

#define MIN_DAYS INT64_C(-719528) /* 0000-01-01 */
#define MAX_DAYS INT64_C(2932896) /* 9999-12-31 */

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

    rh_sql_addf(sql, "(rh_%s_us(", rh_sqlite_key_name(column->type));
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

/* The same for a list of any length: it is bound with all forms of each UUID (bind.c). */
static void add_uuid_list(struct rh_sql *sql, const struct rh_column *column,
                          const struct rh_value *values, uint32_t n)
{
    rh_sql_name(sql, column);
    rh_sql_add(sql, " IN (SELECT value FROM rh_list(");
    rh_sql_bind_list(sql, column, values, n, RH_SQL_WRITE);
    rh_sql_add(sql, "))");
}

static bool is_plain_uuid(const struct rh_column *column)
{
    return column->type == RH_TYPE_UUID && (column->flags & RH_COLUMN_EXACT_EQUAL);
}

/* All forms that the other column's UUID may have here. */
bool rh_sqlite_pair_condition(struct rh_sql *sql, const struct rh_column *outer,
                              uint32_t outer_alias, const struct rh_column *inner)
{
    static const char *const forms[] = {" IN (rh_uuid_lower(", "), rh_uuid_upper(",
                                        "), rh_uuid_bytes("};
    uint32_t inner_alias = sql->alias;

    if (!is_plain_uuid(outer) || !is_plain_uuid(inner))
        return false;
    rh_sql_name(sql, inner);
    sql->alias = outer_alias;
    for (uint32_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        rh_sql_add(sql, forms[i]);
        rh_sql_name(sql, outer);
    }
    rh_sql_add(sql, "))");
    sql->alias = inner_alias;
    return true;
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

/* What every text that matches a LIKE pattern begins with; no text when that is nothing. Owned by
 * the statement. */
static const struct rh_value *prefix_of_pattern(struct rh_sql *sql, const struct rh_value *pattern)
{
    const struct rh_value *prefix = rh_sql_own_value(sql, pattern);
    const char *from = pattern->as.data;
    struct rh_value *made = (struct rh_value *)(uintptr_t)prefix;
    char *to = NULL;
    uint32_t n = 0;

    if (!prefix || !rh_text_is_utf8(rh_kit_value_text(pattern)))
        return NULL;
    to = (char *)(uintptr_t)prefix->as.data;
    for (uint32_t i = 0; i < pattern->len && from[i] != '%' && from[i] != '_'; i++) {
        if (from[i] == '\\' && ++i == pattern->len)
            break;
        to[n++] = from[i];
    }
    made->len = n;
    return n ? prefix : NULL;
}

static void add_like(struct rh_sql *sql, const struct rh_column *column,
                     const struct rh_value *pattern)
{
    const struct rh_value *prefix = prefix_of_pattern(sql, pattern);

    rh_sql_add(sql, "(");
    if (prefix) { /* for an index */
        add_starts(sql, column, prefix);
        rh_sql_add(sql, " AND ");
    }
    add_match(sql, column, RH_OP_LIKE, pattern);
    rh_sql_add(sql, ")");
}

static bool sorts_by_code_point(const struct rh_sql *sql)
{
    const struct rh_conn *conn = sql->state;

    return conn->utf8;
}

bool rh_sqlite_predicate(struct rh_sql *sql, const struct rh_column *column,
                         const struct rh_node *node, const struct rh_value *values)
{
    uint32_t base = RH_OP_BASE(node->op);

    if (base >= RH_OP_LIKE && base <= RH_OP_CONTAINS) {
        if (node->op == RH_OP_STARTS && sorts_by_code_point(sql))
            add_starts(sql, column, values);
        else if (node->op == RH_OP_LIKE && sorts_by_code_point(sql))
            add_like(sql, column, values);
        else
            add_match(sql, column, node->op, values);
        return true;
    }
    if (rh_sqlite_is_time(column) && !sql->having && (node->op == RH_OP_EQ || is_range(node->op)) &&
        values->type == column->type) {
        add_date_comparison(sql, column, node->op, values);
        return true;
    }
    if (is_plain_uuid(column) && !sql->having && (base == RH_OP_EQ || base == RH_OP_IN)) {
        if (node->n <= RH_SQLITE_SHORT_LIST)
            add_uuids(sql, column, values, node->n);
        else
            add_uuid_list(sql, column, values, node->n);
        return true;
    }
    if (is_range(node->op)) {
        add_range(sql, column, node->op, values);
        return true;
    }
    return false;
}
