/*
 * The SQL of MySQL and MariaDB. Forms of a column, by kind (type.h); UTF-8 stands for
 * CONVERT(c USING utf8mb4) where the column's encoding is another:
 *
 *   kind                        PLAIN   ORDER            VALUE                     OUTPUT
 *   numbers, times, binary      c       c                c                         c
 *   tinyint(1)                  c       c + 1000 *       = ORDER                   c
 *                                       (c NOT IN (0,1))
 *   float, double               c       c                c + 0e0 [1]               c
 *   char varchar text           c       c                CAST(UTF-8 AS BINARY) [2] c
 *   enum                        c       c + 0            CAST(UTF-8 AS BINARY)     c
 *   set                         c       = VALUE          CAST(UTF-8 AS BINARY)     c
 *   uuid                        c       = VALUE          CAST(c AS CHAR)           c
 *   inet4, inet6, others        = VALUE = VALUE          CAST(CAST(c AS CHAR)      c
 *                                                          AS BINARY)
 *
 *   [1] -0 and 0 are equal, but not to GROUP BY; conditions are written with the PLAIN form
 *   [2] c where RH_COLUMN_BINARY_ORDER says that its collation compares code points anyway
 *
 * Nearly every collation folds case or accents, or takes 'a' and 'a ' for equal; so texts are
 * compared as the bytes of their UTF-8, which is by code point. Next to that stands, where an index
 * may help, the same condition under the column's own collation, which no equal text fails:
 * `(c = ? AND CAST(c AS BINARY) = ?)`, likewise for IN, and for LIKE with a fixed beginning. What
 * stands against a column of another encoding is converted to it first; that may lose letters, but
 * no match.
 *
 * A date with a zero in it is a TEXT cell to the host, and a TIME below 00:00 or above 24:00 an
 * INTERVAL: neither compares with a date or time, so ranges leave them out. They stay where the
 * server sorts them: zero dates first, as texts are; others among the dates.
 *
 * Case-insensitive predicates become, on MariaDB (PCRE2), a case-sensitive regular expression in
 * which each letter is a class of all that fold to the same; MySQL (ICU) leaves them to the host.
 */
#include "dialect.h"

#include "connection.h"
#include "connector/match.h"
#include "type.h"

#include <string.h>

/* ---- forms ---- */

static bool is_text(enum rh_my_kind kind)
{
    return kind >= RH_MY_CHAR && kind <= RH_MY_SET;
}

/* The text in UTF-8, for functions; its collation is that of the column or of the connection. */
static void add_utf8(struct rh_sql *sql, const struct rh_column *column)
{
    bool convert = !rh_my_is_utf8(column);

    rh_sql_add(sql, convert ? "CONVERT(" : "");
    rh_sql_name(sql, column);
    rh_sql_add(sql, convert ? " USING utf8mb4)" : "");
}

static void add_text_value(struct rh_sql *sql, const struct rh_column *column)
{
    if (column->flags & RH_COLUMN_BINARY_ORDER) {
        rh_sql_name(sql, column);
        return;
    }
    rh_sql_add(sql, "CAST(");
    add_utf8(sql, column);
    rh_sql_add(sql, " AS BINARY)");
}

static void add_around(struct rh_sql *sql, const char *before, const struct rh_column *column,
                       const char *after)
{
    rh_sql_add(sql, before);
    rh_sql_name(sql, column);
    rh_sql_add(sql, after);
}

static void add_bool_order(struct rh_sql *sql, const struct rh_column *column)
{
    add_around(sql, "(", column, " + 1000 * (");
    add_around(sql, "", column, " NOT IN (0, 1)))");
}

static void add_column(struct rh_sql *sql, const struct rh_column *column, enum rh_sql_form form)
{
    enum rh_my_kind kind = rh_my_kind_of(column);
    bool value = form == RH_SQL_VALUE || form == RH_SQL_VALUE_OUTPUT;
    bool order = form == RH_SQL_ORDER;

    if (kind == RH_MY_TINY_BOOL && (form == RH_SQL_VALUE || order))
        add_bool_order(sql, column);
    else if (kind == RH_MY_FLOAT && value)
        add_around(sql, "(", column, " + 0e0)");
    else if (kind == RH_MY_ENUM && order)
        add_around(sql, "(", column, " + 0)");
    else if (is_text(kind) && (value || (kind == RH_MY_SET && order)))
        add_text_value(sql, column);
    else if (kind == RH_MY_UUID && (value || order))
        add_around(sql, "CAST(", column, " AS CHAR)");
    else if (kind == RH_MY_OTHER && form != RH_SQL_OUTPUT)
        add_around(sql, "CAST(CAST(", column, " AS CHAR) AS BINARY)");
    else
        rh_sql_name(sql, column);
}

/* ---- parameters ---- */

/* Its number among the labels, which is what an enum sorts by; 0 for what is none. */
static int64_t label_number(const struct rh_column *column, struct rh_text label)
{
    for (uint32_t i = 0; i < column->n_options; i++) {
        if (rh_text_equal(column->options[i], label))
            return i + INT64_C(1);
    }
    return 0;
}

static void bind_number(struct rh_sql *sql, const struct rh_column *column, int64_t number,
                        enum rh_sql_form form)
{
    const struct rh_value value = rh_kit_int(number);
    const struct rh_value *owned = rh_sql_own_value(sql, &value);

    if (owned)
        rh_sql_bind(sql, column, owned, form);
}

static void add_parameter(struct rh_sql *sql, const struct rh_column *column,
                          const struct rh_value *value, enum rh_sql_form form)
{
    enum rh_my_kind kind = column ? rh_my_kind_of(column) : RH_MY_NONE;
    bool sorts = form == RH_SQL_ORDER || form == RH_SQL_VALUE;

    if (sql->having && form != RH_SQL_WRITE) {
        rh_sql_bind(sql, column, value, form);
    } else if (kind == RH_MY_TINY_BOOL && sorts && value->type == RH_TYPE_INT) {
        bind_number(sql, column, value->as.i + 1000, form);
    } else if (kind == RH_MY_ENUM && form == RH_SQL_ORDER && value->type == RH_TYPE_TEXT) {
        bind_number(sql, column, label_number(column, rh_kit_value_text(value)), form);
    } else if ((kind == RH_MY_SET || kind == RH_MY_OTHER) && form != RH_SQL_WRITE) {
        rh_sql_bind(sql, column, value, RH_SQL_VALUE);
    } else if (is_text(kind) && (form == RH_SQL_PLAIN || form == RH_SQL_ORDER) &&
               value->type == RH_TYPE_TEXT &&
               !rh_text_is(rh_text_of(rh_my_charset(column)), "utf8mb4")) {
        rh_sql_add(sql, "CONVERT(");
        rh_sql_bind(sql, column, value, form);
        rh_sql_addf(sql, " USING %s)", rh_my_charset(column) ? rh_my_charset(column) : "utf8mb4");
    } else {
        rh_sql_bind(sql, column, value, form);
    }
}

/* ---- predicates ---- */

static const char escape[] = " ESCAPE x'5C'"; /* a backslash, whatever the sql_mode */

/* Whether a pattern begins with something fixed, so that an index may help. */
static bool has_beginning(uint32_t op, const struct rh_value *pattern)
{
    const char *text = pattern->as.data;

    if (op == RH_OP_STARTS)
        return pattern->len > 0;
    return op == RH_OP_LIKE && pattern->len && text[0] != '%' && text[0] != '_';
}

/* utf8mb4_bin compares one code point with one, also for "_"; that it pads does not matter here. */
static void add_like(struct rh_sql *sql, const struct rh_column *column, const struct rh_node *node,
                     const struct rh_value *value)
{
    const struct rh_value *pattern = rh_sql_pattern(sql, node->op, value);
    enum rh_my_kind kind = rh_my_kind_of(column);
    const char *charset = rh_my_charset(column);
    bool twice = !sql->having && (kind == RH_MY_CHAR || kind == RH_MY_VARCHAR) && charset &&
                 rh_my_likes_by_index(column) && has_beginning(node->op, value);

    if (!pattern)
        return;
    if (twice) {
        rh_sql_add(sql, "(");
        rh_sql_name(sql, column);
        rh_sql_add(sql, " LIKE ");
        add_parameter(sql, column, pattern, RH_SQL_PLAIN);
        rh_sql_addf(sql, "%s AND ", escape);
    }
    rh_sql_add(sql, "CONVERT(");
    if (sql->having)
        rh_sql_operand(sql, column, RH_SQL_PLAIN);
    else
        rh_sql_name(sql, column);
    rh_sql_add(sql, " USING utf8mb4) COLLATE utf8mb4_bin LIKE ");
    rh_sql_bind(sql, NULL, pattern, RH_SQL_PLAIN);
    rh_sql_add(sql, escape);
    rh_sql_add(sql, twice ? ")" : "");
}

static void add_utf8_letter(struct rh_buf *to, uint32_t c)
{
    if (c < 0x80) {
        rh_buf_add_char(to, (char)c);
    } else if (c < 0x800) {
        rh_buf_add_char(to, (char)(0xc0 | c >> 6));
        rh_buf_add_char(to, (char)(0x80 | (c & 0x3f)));
    } else if (c < 0x10000) {
        rh_buf_add_char(to, (char)(0xe0 | c >> 12));
        rh_buf_add_char(to, (char)(0x80 | (c >> 6 & 0x3f)));
        rh_buf_add_char(to, (char)(0x80 | (c & 0x3f)));
    } else {
        rh_buf_add_char(to, (char)(0xf0 | c >> 18));
        rh_buf_add_char(to, (char)(0x80 | (c >> 12 & 0x3f)));
        rh_buf_add_char(to, (char)(0x80 | (c >> 6 & 0x3f)));
        rh_buf_add_char(to, (char)(0x80 | (c & 0x3f)));
    }
}

/* One code point under folding, as PCRE2 has it: [kKK], \x{2e}. */
static void add_folded(struct rh_buf *to, uint32_t c)
{
    uint32_t same[4];
    unsigned n = rh_match_fold_class(c, same);

    if (n < 2) {
        rh_buf_addf(to, "\\x{%x}", c);
        return;
    }
    rh_buf_add_char(to, '[');
    for (unsigned i = 0; i < n; i++)
        add_utf8_letter(to, same[i]);
    rh_buf_add_char(to, ']');
}

/* The pattern as a regular expression without backtracking: what stands before and between the
 * fixed parts is matched lazily in atomic groups, since the leftmost place of each part is as good as
 * any other; the last part is looked for at the end. */
static void add_regex_text(struct rh_buf *to, uint32_t op, struct rh_text text)
{
    bool like = op == RH_OP_LIKE, group = false;
    uint64_t n_percents = 0, seen = 0;

    for (struct rh_text rest = text; like && rest.len;) {
        uint32_t c = rh_match_next(&rest);
        if (c == '\\' && rest.len)
            (void)rh_match_next(&rest);
        else
            n_percents += c == '%';
    }
    rh_buf_add_str(to, op == RH_OP_CONTAINS || op == RH_OP_ENDS ? "(?s)" : "(?s)^");
    while (text.len) {
        uint32_t c = rh_match_next(&text);
        bool escaped = like && c == '\\' && text.len > 0;
        if (escaped)
            c = rh_match_next(&text);
        if (like && !escaped && c == '%') {
            rh_buf_add_str(to, group ? ")" : "");
            seen++;
            group = seen < n_percents;
            rh_buf_add_str(to, group ? "(?>.*?" : ".*");
        } else if (like && !escaped && c == '_') {
            rh_buf_add_char(to, '.');
        } else {
            add_folded(to, c);
        }
    }
    rh_buf_add_str(to, op == RH_OP_LIKE || op == RH_OP_ENDS ? "\\z" : "");
}

static void add_fold(struct rh_sql *sql, const struct rh_column *column, const struct rh_node *node,
                     const struct rh_value *value)
{
    const struct rh_value *owned = NULL;
    struct rh_value pattern = {.type = RH_TYPE_TEXT};
    struct rh_buf text;

    rh_buf_init(&text, 1u << 16);
    add_regex_text(&text, RH_OP_BASE(node->op), rh_kit_value_text(value));
    pattern.as.data = text.data;
    pattern.len = (uint32_t)text.len;
    if (!text.failed)
        owned = rh_sql_own_value(sql, &pattern);
    sql->failed = sql->failed || !owned;
    rh_buf_free(&text);
    if (!owned)
        return;
    rh_sql_add(sql, "CONVERT(");
    rh_sql_operand(sql, column, RH_SQL_PLAIN);
    rh_sql_add(sql, " USING utf8mb4) COLLATE utf8mb4_bin REGEXP ");
    rh_sql_bind(sql, NULL, owned, RH_SQL_PLAIN);
}

/* A range over dates or times, without what is a text or an interval to the host. */
static bool add_range(struct rh_sql *sql, const struct rh_column *column,
                      const struct rh_node *node, const struct rh_value *value)
{
    static const char *const signs[] = {
        [RH_OP_LT] = " < ", [RH_OP_LTE] = " <= ", [RH_OP_GT] = " > ", [RH_OP_GTE] = " >= "};
    bool upper = node->op == RH_OP_LT || node->op == RH_OP_LTE;
    enum rh_my_kind kind = rh_my_kind_of(column);

    if (kind != RH_MY_FLOAT && (kind < RH_MY_DATE || kind > RH_MY_TIMESTAMP))
        return false;
    rh_sql_add(sql, "(");
    rh_sql_operand(sql, column, RH_SQL_PLAIN);
    rh_sql_add(sql, signs[node->op]);
    rh_sql_value(sql, column, value, RH_SQL_PLAIN);
    if (kind == RH_MY_TIME) {
        rh_sql_add(sql, " AND ");
        rh_sql_operand(sql, column, RH_SQL_PLAIN);
        rh_sql_add(sql, upper ? " >= '00:00:00'" : " <= '24:00:00'");
    } else if (kind != RH_MY_FLOAT && (upper || kind != RH_MY_TIMESTAMP)) {
        rh_sql_add(sql, " AND DAYOFMONTH(");
        rh_sql_operand(sql, column, RH_SQL_PLAIN);
        rh_sql_add(sql, ") > 0 AND MONTH(");
        rh_sql_operand(sql, column, RH_SQL_PLAIN);
        rh_sql_add(sql, ") > 0");
    }
    rh_sql_add(sql, ")");
    return true;
}

static void add_json_empty(struct rh_sql *sql, const struct rh_column *column)
{
    add_around(sql, "(", column, " IS NULL OR JSON_TYPE(");
    add_around(sql, "", column, ") = 'NULL' OR (JSON_TYPE(");
    add_around(sql, "", column, ") = 'ARRAY' AND JSON_LENGTH(");
    add_around(sql, "", column, ") = 0) OR (JSON_TYPE(");
    add_around(sql, "", column, ") = 'STRING' AND LENGTH(JSON_UNQUOTE(");
    add_around(sql, "", column, ")) = 0))");
}

/* EQ and IN of what has no form that an index could use. */
static bool add_equal(struct rh_sql *sql, const struct rh_column *column,
                      const struct rh_node *node, const struct rh_value *values)
{
    enum rh_my_kind kind = rh_my_kind_of(column);

    if (sql->having || !(kind == RH_MY_OTHER || (is_text(kind) && !rh_my_charset(column))))
        return false;
    rh_sql_operand(sql, column, RH_SQL_VALUE);
    rh_sql_add(sql, " IN (");
    for (uint32_t i = 0; i < node->n; i++) {
        rh_sql_add(sql, i ? ", " : "");
        rh_sql_value(sql, column, &values[i], RH_SQL_VALUE);
    }
    rh_sql_add(sql, ")");
    return true;
}

static bool add_predicate(struct rh_sql *sql, const struct rh_column *column,
                          const struct rh_node *node, const struct rh_value *values)
{
    if (node->op & RH_OP_FOLD) {
        add_fold(sql, column, node, values);
        return true;
    }
    switch (node->op) {
    case RH_OP_EQ:
    case RH_OP_IN:
        return add_equal(sql, column, node, values);
    case RH_OP_LT:
    case RH_OP_LTE:
    case RH_OP_GT:
    case RH_OP_GTE:
        return add_range(sql, column, node, values);
    case RH_OP_LIKE:
    case RH_OP_STARTS:
    case RH_OP_ENDS:
    case RH_OP_CONTAINS:
        add_like(sql, column, node, values);
        return true;
    case RH_OP_EMPTY:
        add_json_empty(sql, column);
        return true;
    default:
        return false;
    }
}

/* ---- groups ---- */

/* Monday. Arithmetic that ends in the year 0 is NULL, so it is done 400 years later, where the
 * calendar is the same. */
static void add_week(struct rh_sql *sql, const struct rh_column *column)
{
    static const char shifted[] = " + INTERVAL 400 YEAR";

    add_around(sql, "IF(YEAR(", column, ") = 0, CAST(CONCAT('0000', SUBSTRING(CAST(DATE(");
    rh_sql_name(sql, column);
    rh_sql_addf(sql, "%s) - INTERVAL WEEKDAY(", shifted);
    rh_sql_name(sql, column);
    rh_sql_addf(sql, "%s) DAY AS CHAR), 5)) AS DATE), DATE(", shifted);
    add_around(sql, "", column, ") - INTERVAL WEEKDAY(");
    add_around(sql, "", column, ") DAY)");
}

static void add_start(struct rh_sql *sql, const struct rh_column *column, uint32_t bucket)
{
    static const char *const formats[] = {
        [RH_BUCKET_YEAR] = "%Y-01-01') AS DATE)",
        [RH_BUCKET_MONTH] = "%Y-%m-01') AS DATE)",
        [RH_BUCKET_DAY] = "%Y-%m-%d') AS DATE)",
        [RH_BUCKET_HOUR] = "%Y-%m-%d %H:00:00') AS DATETIME)",
        [RH_BUCKET_MINUTE] = "%Y-%m-%d %H:%i:00') AS DATETIME)",
    };

    if (bucket == RH_BUCKET_WEEK) {
        add_week(sql, column);
    } else if (bucket == RH_BUCKET_QUARTER) {
        add_around(sql, "CAST(CONCAT(DATE_FORMAT(", column, ", '%Y-'), ELT(QUARTER(");
        add_around(sql, "", column, "), '01', '04', '07', '10'), '-01') AS DATE)");
    } else if (bucket > RH_BUCKET_MINUTE || !formats[bucket]) {
        sql->failed = true;
    } else {
        add_around(sql, "CAST(DATE_FORMAT(", column, ", '");
        rh_sql_add(sql, formats[bucket]);
    }
}

/* A date with a zero in it is in no period: it stays. */
static void add_bucket(struct rh_sql *sql, const struct rh_column *column, uint32_t bucket,
                       enum rh_sql_form form)
{
    (void)form; /* the output is what is grouped */
    if (column->type == RH_TYPE_DATE && bucket >= RH_BUCKET_DAY) {
        rh_sql_name(sql, column);
        return;
    }
    add_around(sql, "IF(DAYOFMONTH(", column, ") > 0 AND MONTH(");
    add_around(sql, "", column, ") > 0, ");
    add_start(sql, column, bucket);
    add_around(sql, ", ", column, ")");
}

/* Exact, whatever the size: half away from zero at the sixth digit. Taking the remainder away first
 * makes the division come out even, since "/" keeps a number of digits that depends on its operands.
 */
static void add_average(struct rh_sql *sql, const struct rh_column *column, const char *distinct)
{
    for (int i = 0; i < 2; i++) {
        rh_sql_addf(sql, i ? " - MOD(" : "ROUND(SIGN(SUM(%s", distinct);
        if (!i) {
            rh_sql_operand(sql, column, RH_SQL_PLAIN);
            rh_sql_add(sql, ")) * (");
        }
        rh_sql_addf(sql, "(ABS(SUM(%s", distinct);
        rh_sql_operand(sql, column, RH_SQL_PLAIN);
        rh_sql_addf(sql, ")) * 2000000 + COUNT(%s", distinct);
        rh_sql_operand(sql, column, RH_SQL_PLAIN);
        rh_sql_add(sql, "))");
    }
    for (int i = 0; i < 2; i++) {
        rh_sql_addf(sql, i ? ") / (2 * COUNT(%s" : ", 2 * COUNT(%s", distinct);
        rh_sql_operand(sql, column, RH_SQL_PLAIN);
        rh_sql_add(sql, i ? ")) * 0.000001, 6)" : "))");
    }
}

static void add_aggregate(struct rh_sql *sql, const struct rh_column *column,
                          const struct rh_aggregate *aggregate, enum rh_sql_form form)
{
    static const char *const names[RH_N_AGGS] = {"", "COUNT", "SUM", "AVG", "MIN", "MAX"};
    const char *distinct = aggregate->distinct ? "DISTINCT " : "";
    bool counts = aggregate->function == RH_AGG_COUNT;
    bool extreme = aggregate->function == RH_AGG_MIN || aggregate->function == RH_AGG_MAX;
    bool value = extreme || (counts && aggregate->distinct);

    (void)form; /* it is compared as it is given out */
    if (!column) {
        rh_sql_add(sql, "COUNT(*)");
    } else if (aggregate->function == RH_AGG_AVG && column->type != RH_TYPE_FLOAT) {
        add_average(sql, column, distinct);
    } else {
        rh_sql_addf(sql, "%s(%s", names[aggregate->function], distinct);
        rh_sql_operand(sql, column, value ? RH_SQL_VALUE : RH_SQL_PLAIN);
        rh_sql_add(sql, ")");
    }
}

/* ---- tables made ---- */

static void add_type_name(struct rh_sql *sql, const struct rh_column *column)
{
    static const char *const names[RH_N_TYPES] = {
        [RH_TYPE_BOOL] = "TINYINT(1)",
        [RH_TYPE_INT] = "BIGINT",
        [RH_TYPE_UINT] = "BIGINT UNSIGNED",
        [RH_TYPE_FLOAT] = "DOUBLE",
        [RH_TYPE_DECIMAL] = "DECIMAL(65,30)",
        [RH_TYPE_TEXT] = "LONGTEXT",
        [RH_TYPE_BYTES] = "LONGBLOB",
        [RH_TYPE_DATE] = "DATE",
        [RH_TYPE_TIME] = "TIME(6)",
        [RH_TYPE_DATETIME] = "DATETIME(6)",
        [RH_TYPE_TIMESTAMP] = ("DATETIME(6) COMMENT '" RH_MY_UTC "'"),
        [RH_TYPE_UUID] = ("BINARY(16) COMMENT '" RH_MY_UUID_BYTES "'"),
        [RH_TYPE_JSON] = "JSON",
    };
    bool text = column->type == RH_TYPE_TEXT, bytes = column->type == RH_TYPE_BYTES;

    if (column->native_type.len)
        rh_sql_native_type(sql, column->native_type);
    else if (column->type >= RH_N_TYPES || !names[column->type])
        sql->failed = true;
    else if (column->type == RH_TYPE_DECIMAL && column->precision)
        rh_sql_addf(sql, "DECIMAL(%u,%u)", column->precision, column->scale);
    else if ((text && column->max_length && column->max_length <= 16383) ||
             (bytes && column->max_length && column->max_length <= 65532))
        rh_sql_addf(sql, text ? "VARCHAR(%u)" : "VARBINARY(%u)", column->max_length);
    else
        rh_sql_add(sql, names[column->type]);
}

static void add_identity(struct rh_sql *sql, const struct rh_column *column)
{
    add_type_name(sql, column);
    rh_sql_add(sql, " NOT NULL AUTO_INCREMENT");
}

/* A text's default as bytes where it holds what a literal would change. */
static void add_default(struct rh_sql *sql, const struct rh_column *column)
{
    struct rh_text text = column->default_text;
    bool number = column->type >= RH_TYPE_INT && column->type <= RH_TYPE_DECIMAL;

    if (column->type == RH_TYPE_BOOL) {
        if (rh_text_is(text, "true") || rh_text_is(text, "false"))
            rh_buf_add_text(&sql->text, text);
        else
            sql->failed = true;
    } else if (number && (!text.len || text.len > 100)) {
        sql->failed = true;
    } else if (text.len && memchr(text.data, '\\', text.len)) {
        rh_sql_add(sql, "(_utf8mb4 x'");
        for (uint64_t i = 0; i < text.len; i++)
            rh_sql_addf(sql, "%02x", (unsigned char)text.data[i]);
        rh_sql_add(sql, "')");
    } else if (column->type == RH_TYPE_TEXT || column->type == RH_TYPE_JSON ||
               column->type == RH_TYPE_BYTES) { /* in brackets: LONGTEXT takes expressions only */
        rh_sql_add(sql, "(");
        rh_sql_literal(sql, text);
        rh_sql_add(sql, ")");
    } else {
        rh_sql_literal(sql, text);
    }
}

static void begin_alter(struct rh_sql *sql, const struct rh_table *table, const char *action)
{
    rh_sql_add(sql, "ALTER TABLE ");
    rh_sql_table(sql, table->schema, table->name);
    rh_sql_add(sql, action);
}

static void alter_column(struct rh_sql *sql, const struct rh_table *table,
                         const struct rh_column *column)
{
    begin_alter(sql, table, " MODIFY COLUMN ");
    rh_sql_column_definition(sql, column);
    if (!(column->flags & RH_COLUMN_NOT_NULL))
        rh_sql_add(sql, " NULL");
}

static bool add_ddl(struct rh_sql *sql, const struct rh_ddl_change *change)
{
    switch (change->kind) {
    case RH_DDL_RENAME_TABLE: /* an unqualified name would move it to the session's database */
        begin_alter(sql, change->table, " RENAME TO ");
        rh_sql_table(sql, change->table->schema, change->new_name);
        return true;
    case RH_DDL_DROP_INDEX:
        rh_sql_add(sql, "DROP INDEX ");
        rh_sql_identifier(sql, change->new_name);
        rh_sql_add(sql, " ON ");
        rh_sql_table(sql, change->table->schema, change->table->name);
        return true;
    default:
        return false;
    }
}

const struct rh_sql_dialect rh_my_dialect = {
    .quote_open = '`',
    .quote_close = '`',
    .placeholder = '?',
    .bare_placeholder = true,
    .offset_needs_limit = true,
    .default_keyword = true,
    .default_row = " () VALUES ()",
    .limit_of_all = INT64_MAX,
    .own_name = true,
    .lock_clause = true,
    .column = add_column,
    .parameter = add_parameter,
    .predicate = add_predicate,
    .bucket = add_bucket,
    .aggregate = add_aggregate,
    .type_name = add_type_name,
    .identity = add_identity,
    .default_value = add_default,
    .ddl = add_ddl,
    .alter_column = alter_column,
    .exact = rh_my_exact,
    .can = rh_my_can,
    .pair = rh_my_pair,
};
