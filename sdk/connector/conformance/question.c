/*
 * Random queries, as JSON text: conditions of every operator that a column's type has, nested in
 * and, or, not; order, groups, aggregates, having, distinct, limit and offset.
 *
 * Text order is "binary", because collations differ between sources, and rightly so; only pages are
 * also read in each source's own.
 */
#include "connector/conformance/question.h"

#include "base/buf.h"
#include "base/json.h"
#include "base/text.h"
#include "rows/encode.h"

#include <string.h>

#define MAX_BYTES ((size_t)1 << 20)
#define MAX_GROUPS 3
#define MAX_AGGREGATES 4

struct maker {
    struct rh_dice *dice;
    struct rh_buf buf;
    const struct rh_specimen *table;
    uint32_t parts;
};

static const struct rh_specimen_column *pick_column(struct maker *m)
{
    return &m->table->columns[rh_dice_below(m->dice, m->table->n_columns)];
}

static void add_column_name(struct maker *m, const struct rh_specimen_column *column)
{
    rh_json_add_string(&m->buf, column->column.name);
}

/* ---- Literals ---------------------------------------------------------------------------- */

static void add_value(struct maker *m, const struct rh_specimen_column *column)
{
    const struct rh_value *value = &column->pool.values[rh_dice_below(m->dice, column->pool.n)];

    if (column->column.type == RH_TYPE_INT && rh_dice_chance(m->dice, 5)) {
        rh_buf_add_str(&m->buf, rh_dice_chance(m->dice, 50) ? "1.5" : "-0.5e0");
        return;
    }
    if (column->column.type == RH_TYPE_DECIMAL && rh_dice_chance(m->dice, 10)) {
        rh_buf_add_str(&m->buf, rh_dice_chance(m->dice, 50) ? "1.00005" : "1");
        return;
    }
    rh_encode_value(&m->buf, value, false);
}

/* A pattern: a text of the pool, cut, with wildcards in it. */
static void add_pattern(struct maker *m, const struct rh_specimen_column *column, bool like)
{
    struct rh_text text = {NULL, 0};
    const struct rh_value *value = &column->pool.values[rh_dice_below(m->dice, column->pool.n)];
    struct rh_buf pattern;
    size_t at = 0;

    text = rh_text_make(value->as.data, value->len);
    rh_buf_init(&pattern, MAX_BYTES);
    if (like && rh_dice_chance(m->dice, 50))
        rh_buf_add_char(&pattern, '%');
    while (at < text.len) {
        unsigned step = rh_text_utf8_step(text.data + at, text.len - at);
        if (like && rh_dice_chance(m->dice, 15))
            rh_buf_add_char(&pattern, rh_dice_chance(m->dice, 60) ? '_' : '%');
        else if (like && text.data[at] == '\\')
            rh_buf_add_str(&pattern, "\\\\");
        else
            rh_buf_add(&pattern, text.data + at, step);
        at += step;
        if (!like && at && rh_dice_chance(m->dice, 30))
            break;
    }
    if (like && rh_dice_chance(m->dice, 50))
        rh_buf_add_char(&pattern, '%');
    if (like && rh_dice_chance(m->dice, 10))
        rh_buf_add_str(&pattern, "\\%");
    rh_json_add_string(&m->buf, rh_buf_text(&pattern));
    rh_buf_free(&pattern);
}

/* ---- Conditions -------------------------------------------------------------------------- */

static void add_list(struct maker *m, const struct rh_specimen_column *column, uint32_t n)
{
    rh_buf_add_char(&m->buf, '[');
    for (uint32_t i = 0; i < n; i++) {
        if (i)
            rh_buf_add_char(&m->buf, ',');
        add_value(m, column);
    }
    rh_buf_add_char(&m->buf, ']');
}

static void add_text_test(struct maker *m, const struct rh_specimen_column *column)
{
    static const char *const ops[] = {"like",     "nlike",   "ilike", "starts",   "ends",
                                      "contains", "istarts", "iends", "icontains"};
    static const char *const regexes[] = {"^a",    "[[:upper:]]", "b+c?$",
                                          "\\\\d", "(?i)strasse", "^.{1}$"};
    uint32_t i = rh_dice_below(m->dice, 10);

    if (i == 9) {
        rh_buf_addf(&m->buf, "{\"matches\":\"%s\"}", regexes[rh_dice_below(m->dice, 6)]);
        return;
    }
    rh_buf_addf(&m->buf, "{\"%s\":", ops[i]);
    add_pattern(m, column, i < 3);
    rh_buf_add_char(&m->buf, '}');
}

static void add_doc_test(struct maker *m)
{
    static const char *const items[] = {"1",   "1.0",       "\"a\"", "null", "true",
                                        "[1]", "{\"a\":1}", "\"A\"", "100",  "0.50"};
    uint32_t kind = rh_dice_below(m->dice, 3);

    if (kind == 0) {
        rh_buf_addf(&m->buf, "{\"has\":%s}", items[rh_dice_below(m->dice, 10)]);
        return;
    }
    rh_buf_addf(&m->buf, "{\"%s\":[%s,%s]}", kind == 1 ? "has_all" : "has_any",
                items[rh_dice_below(m->dice, 10)], items[rh_dice_below(m->dice, 10)]);
}

static void add_comparison(struct maker *m, const struct rh_specimen_column *column)
{
    static const char *const ops[] = {"eq", "ne", "lt", "lte", "gt", "gte"};
    bool ordered = column->column.type != RH_TYPE_BOOL;
    uint32_t kind = rh_dice_below(m->dice, 10);

    if (kind < 7) {
        rh_buf_addf(&m->buf, "{\"%s\":", ops[rh_dice_below(m->dice, ordered ? 6 : 2)]);
        add_value(m, column);
    } else if (kind < 9 || !ordered) {
        rh_buf_addf(&m->buf, "{\"%s\":", kind == 7 ? "in" : "nin");
        add_list(m, column, 1 + rh_dice_below(m->dice, rh_dice_chance(m->dice, 10) ? 40 : 5));
    } else {
        rh_buf_add_str(&m->buf, "{\"between\":");
        add_list(m, column, 2);
    }
    rh_buf_add_char(&m->buf, '}');
}

static void add_test(struct maker *m)
{
    const struct rh_specimen_column *column = pick_column(m);
    uint32_t type = column->column.type, kind = rh_dice_below(m->dice, 20);

    rh_buf_add_char(&m->buf, '{');
    add_column_name(m, column);
    rh_buf_add_char(&m->buf, ':');
    if (kind == 0)
        rh_buf_addf(&m->buf, "{\"null\":%s}", rh_dice_chance(m->dice, 50) ? "true" : "false");
    else if (kind == 1)
        rh_buf_addf(&m->buf, "{\"empty\":%s}", rh_dice_chance(m->dice, 50) ? "true" : "false");
    else if (kind == 2)
        rh_buf_add_str(&m->buf, "null");
    else if (type == RH_TYPE_JSON)
        add_doc_test(m);
    else if (type == RH_TYPE_TEXT && kind < 12)
        add_text_test(m, column);
    else
        add_comparison(m, column);
    rh_buf_add_char(&m->buf, '}');
}

static void add_condition(struct maker *m, unsigned depth)
{
    uint32_t kind = depth ? rh_dice_below(m->dice, 10) : 9, n;

    if (kind >= 4) {
        add_test(m);
        return;
    }
    if (kind == 0) {
        rh_buf_add_str(&m->buf, "{\"not\":");
        add_condition(m, depth - 1);
        rh_buf_add_char(&m->buf, '}');
        return;
    }
    rh_buf_add_str(&m->buf, kind == 1 ? "{\"and\":[" : "{\"or\":[");
    n = 1 + rh_dice_below(m->dice, 3);
    for (uint32_t i = 0; i < n; i++) {
        if (i)
            rh_buf_add_char(&m->buf, ',');
        add_condition(m, depth - 1);
    }
    rh_buf_add_str(&m->buf, "]}");
}

static void add_where(struct maker *m)
{
    uint32_t n = rh_dice_below(m->dice, 4);

    if (n == 0)
        return;
    rh_buf_add_str(&m->buf, ",\"where\":{\"and\":[");
    for (uint32_t i = 0; i < n; i++) {
        if (i)
            rh_buf_add_char(&m->buf, ',');
        add_condition(m, 3);
    }
    rh_buf_add_str(&m->buf, "]}");
}

/* ---- Order ------------------------------------------------------------------------------- */

static void add_order_item(struct maker *m, struct rh_text name, uint32_t n)
{
    static const char *const nulls[] = {"first", "last"};

    rh_buf_add_char(&m->buf, n ? ',' : '[');
    if (rh_dice_chance(m->dice, 50)) {
        rh_buf_add_str(&m->buf, rh_dice_chance(m->dice, 50) ? "\"-" : "\"");
        rh_buf_add_text(&m->buf, name);
        rh_buf_add_char(&m->buf, '"');
        return;
    }
    rh_buf_add_str(&m->buf, "{\"col\":");
    rh_json_add_string(&m->buf, name);
    if (rh_dice_chance(m->dice, 50))
        rh_buf_addf(&m->buf, ",\"dir\":\"%s\"", rh_dice_chance(m->dice, 50) ? "desc" : "asc");
    if (rh_dice_chance(m->dice, 60))
        rh_buf_addf(&m->buf, ",\"nulls\":\"%s\"", nulls[rh_dice_below(m->dice, 2)]);
    rh_buf_add_char(&m->buf, '}');
}

/* Distinct columns of the selected ones (bit set), at most three. */
static void add_order(struct maker *m, uint64_t allowed)
{
    uint32_t n = 0, wanted = rh_dice_below(m->dice, 4);

    for (uint32_t try = 0; try < 12 && n < wanted; try++) {
        uint32_t c = rh_dice_below(m->dice, m->table->n_columns);
        if (!(allowed >> c & 1) || m->table->columns[c].column.type == RH_TYPE_JSON)
            continue;
        allowed &= ~(UINT64_C(1) << c);
        if (n == 0)
            rh_buf_add_str(&m->buf, ",\"order\":");
        add_order_item(m, m->table->columns[c].column.name, n++);
    }
    if (n)
        rh_buf_add_char(&m->buf, ']');
}

/* ---- Groups ------------------------------------------------------------------------------ */

static bool is_moment(uint32_t type)
{
    return type == RH_TYPE_DATE || type == RH_TYPE_DATETIME || type == RH_TYPE_TIMESTAMP;
}

/* Adds one aggregate that suits the column. */
static void add_aggregate(struct maker *m, uint32_t i)
{
    const struct rh_specimen_column *column = pick_column(m);
    uint32_t type = column->column.type;
    const char *function = "count";

    if (type == RH_TYPE_INT || type == RH_TYPE_DECIMAL || type == RH_TYPE_FLOAT) {
        static const char *const functions[] = {"count", "sum", "avg", "min", "max"};
        function = functions[rh_dice_below(m->dice, 5)];
    } else if (type != RH_TYPE_BOOL && type != RH_TYPE_JSON && type != RH_TYPE_UUID &&
               type != RH_TYPE_BYTES) {
        static const char *const functions[] = {"count", "min", "max"};
        function = functions[rh_dice_below(m->dice, 3)];
    }
    rh_buf_addf(&m->buf, "%s\"x%u\":{\"%s\":", i ? "," : "", i, function);
    if (strcmp(function, "count") == 0 && rh_dice_chance(m->dice, 40)) {
        rh_buf_add_str(&m->buf, "\"*\"}");
        return;
    }
    add_column_name(m, column);
    if (type != RH_TYPE_JSON && type != RH_TYPE_FLOAT && rh_dice_chance(m->dice, 30))
        rh_buf_add_str(&m->buf, ",\"distinct\":true");
    rh_buf_add_char(&m->buf, '}');
}

static void add_group(struct maker *m, const struct rh_specimen_column *column, uint32_t i)
{
    static const char *const buckets[] = {"year", "quarter", "month", "week",
                                          "day",  "hour",    "minute"};

    rh_buf_add_str(&m->buf, i ? "," : ",\"group\":[");
    if (is_moment(column->column.type) && rh_dice_chance(m->dice, 70)) {
        rh_buf_addf(&m->buf, "{\"g%u\":{\"bucket\":", i);
        add_column_name(m, column);
        rh_buf_addf(&m->buf, ",\"by\":\"%s\"}}", buckets[rh_dice_below(m->dice, 7)]);
        return;
    }
    add_column_name(m, column);
}

static void add_groups(struct maker *m)
{
    uint32_t n_groups = 0, wanted = rh_dice_below(m->dice, MAX_GROUPS + 1);
    uint32_t n_aggregates = rh_dice_below(m->dice, MAX_AGGREGATES + 1);
    uint64_t used = 0;

    for (uint32_t try = 0; try < 12 && n_groups < wanted; try++) {
        uint32_t c = rh_dice_below(m->dice, m->table->n_columns);
        if ((used >> c & 1) || m->table->columns[c].column.type == RH_TYPE_JSON)
            continue;
        used |= UINT64_C(1) << c;
        add_group(m, &m->table->columns[c], n_groups++);
    }
    if (n_groups)
        rh_buf_add_char(&m->buf, ']');
    if (n_groups + n_aggregates == 0)
        n_aggregates = 1;
    if (n_aggregates)
        rh_buf_add_str(&m->buf, ",\"aggregate\":{");
    for (uint32_t i = 0; i < n_aggregates; i++)
        add_aggregate(m, i);
    if (n_aggregates && rh_dice_chance(m->dice, 60)) {
        rh_buf_add_str(&m->buf, ",\"total\":{\"count\":\"*\"}}");
        if (rh_dice_chance(m->dice, 40))
            rh_buf_addf(&m->buf, ",\"having\":{\"total\":{\"%s\":%u}}",
                        rh_dice_chance(m->dice, 50) ? "gt" : "lte", rh_dice_below(m->dice, 8));
        if (rh_dice_chance(m->dice, 50))
            rh_buf_add_str(&m->buf, ",\"order\":[\"-total\"]");
    } else if (n_aggregates) {
        rh_buf_add_char(&m->buf, '}');
    }
}

/* ---- The query --------------------------------------------------------------------------- */

static uint64_t add_select(struct maker *m, bool distinct)
{
    uint64_t selected = 0;
    uint32_t n = rh_dice_below(m->dice, distinct ? 3 : 5), done = 0;

    if (n == 0 && !distinct)
        return ~UINT64_C(0);
    for (uint32_t try = 0; done == 0 || (try < 10 && done < n); try++) {
        uint32_t c = rh_dice_below(m->dice, m->table->n_columns);
        if ((selected >> c & 1) || (distinct && m->table->columns[c].column.type == RH_TYPE_JSON))
            continue;
        selected |= UINT64_C(1) << c;
        rh_buf_add_str(&m->buf, done++ ? "," : ",\"select\":[");
        add_column_name(m, &m->table->columns[c]);
    }
    rh_buf_add_char(&m->buf, ']');
    return selected;
}

static void add_slice(struct maker *m)
{
    if (rh_dice_chance(m->dice, 40))
        rh_buf_addf(&m->buf, ",\"limit\":%u", rh_dice_below(m->dice, 30));
    else
        rh_buf_add_str(&m->buf, ",\"limit\":10000");
    if (rh_dice_chance(m->dice, 20))
        rh_buf_addf(&m->buf, ",\"offset\":%u", rh_dice_below(m->dice, 30));
    if (rh_dice_chance(m->dice, 20))
        rh_buf_add_str(&m->buf, ",\"count\":\"exact\"");
}

static const struct rh_specimen *
pick_table(struct rh_dice *dice, const struct rh_specimen *const *tables, uint32_t n_tables)
{
    uint32_t roll = rh_dice_below(dice, 10);

    /* The first is the richest. */
    if (roll < 4)
        return tables[0];
    return tables[rh_dice_below(dice, n_tables)];
}

void rh_question_make(struct rh_arena *arena, struct rh_dice *dice,
                      const struct rh_specimen *const *tables, uint32_t n_tables, uint32_t parts,
                      struct rh_question *ret_question)
{
    struct maker m = {.dice = dice, .parts = parts};
    uint32_t kind = parts & RH_QUESTION_PLAIN ? rh_dice_below(dice, 10) : 0;
    bool grouped = (parts & RH_QUESTION_GROUPS) && kind < 3;
    bool distinct = (parts & RH_QUESTION_DISTINCT) && !grouped && (kind == 0 || kind == 3);
    bool ok = true, native;

    m.table = pick_table(dice, tables, n_tables);
    rh_buf_init(&m.buf, MAX_BYTES);
    native = (parts & RH_QUESTION_OWN_ORDER) && rh_dice_chance(dice, 50);
    rh_buf_add_str(&m.buf, native ? "{\"count\":\"none\"" : "{\"collate\":\"binary\"");
    if (grouped) {
        add_groups(&m);
    } else {
        uint64_t selected;
        if (distinct)
            rh_buf_add_str(&m.buf, ",\"distinct\":true");
        selected = add_select(&m, distinct);
        if (parts & RH_QUESTION_ORDER)
            add_order(&m, distinct ? selected : ~UINT64_C(0));
    }
    if (parts & RH_QUESTION_WHERE)
        add_where(&m);
    if (parts & RH_QUESTION_SLICE)
        add_slice(&m);
    else if (!(parts & RH_QUESTION_PAGES))
        rh_buf_add_str(&m.buf, ",\"limit\":10000");
    rh_buf_add_char(&m.buf, '}');
    *ret_question = (struct rh_question){
        .table = m.table,
        .json = rh_arena_text(arena, rh_buf_text(&m.buf), &ok),
        .total = m.table->n_key > 0 || grouped || distinct,
        .native = native,
    };
    rh_buf_free(&m.buf);
}
