/*
 * Conditions as query clauses, all in filters: nothing is scored.
 *
 * A field that holds an array satisfies a clause when one of its elements does, while here an array is
 * JSON and satisfies no comparison. So, unless the setting single_values says that there are none, all is a
 * SUPERSET, and nothing that negates is claimed. Ranges then have both their ends, because the index
 * rounds: what is below a number is, rounded, below or at the number rounded. A text that is analysed is
 * asked through its keyword, which lacks long texts; so only equality with a short one is.
 *
 * With single_values a condition is exact where index and _source say the same: keywords without normalizer
 * and length, whole numbers, doubles, booleans, dates of whole milliseconds.
 */
#include "elasticsearch.h"

#include "connector/json_cell.h"

#include <arpa/inet.h>
#include <math.h>
#include <string.h>

#define MAX_IN 10000u
#define MAX_CLAUSES 500u /* of an OR or AND; 1024 is where old servers end */
#define MAX_TERM 32766u  /* bytes of a term in the index */
#define MAX_PATTERN 1000u
#define MAX_HALF 60000.0 /* a half_float takes no more than 65504 */

#define TEXT RH_TYPE_BIT(RH_TYPE_TEXT)
#define NUMBERS                                                                                    \
    (RH_TYPE_BIT(RH_TYPE_INT) | RH_TYPE_BIT(RH_TYPE_UINT) | RH_TYPE_BIT(RH_TYPE_FLOAT) |           \
     RH_TYPE_BIT(RH_TYPE_DECIMAL))
#define TIMES RH_TYPE_BIT(RH_TYPE_TIMESTAMP)
#define ORDERED (TEXT | NUMBERS | TIMES)
#define SCALARS (ORDERED | RH_TYPE_BIT(RH_TYPE_BOOL))
#define ALL 0xffffu
#define EXACT(operator, set)                                                                       \
    {                                                                                              \
        .op = (operator), .types = (set), .verdict = RH_VERDICT_EXACT                              \
    }

const struct rh_operator rh_elasticsearch_operators[RH_ELASTICSEARCH_N_OPERATORS] = {
    EXACT(RH_OP_EQ, SCALARS),
    EXACT(RH_OP_EQ | RH_OP_NOT, SCALARS),
    EXACT(RH_OP_IN, SCALARS),
    EXACT(RH_OP_IN | RH_OP_NOT, SCALARS),
    EXACT(RH_OP_LT, ORDERED),
    EXACT(RH_OP_LT | RH_OP_NOT, ORDERED),
    EXACT(RH_OP_LTE, ORDERED),
    EXACT(RH_OP_LTE | RH_OP_NOT, ORDERED),
    EXACT(RH_OP_GT, ORDERED),
    EXACT(RH_OP_GT | RH_OP_NOT, ORDERED),
    EXACT(RH_OP_GTE, ORDERED),
    EXACT(RH_OP_GTE | RH_OP_NOT, ORDERED),
    EXACT(RH_OP_STARTS, TEXT),
    EXACT(RH_OP_STARTS | RH_OP_NOT, TEXT),
    EXACT(RH_OP_ENDS, TEXT),
    EXACT(RH_OP_CONTAINS, TEXT),
    EXACT(RH_OP_LIKE, TEXT),
    EXACT(RH_OP_NULL, ALL),
    EXACT(RH_OP_NULL | RH_OP_NOT, ALL),
    {.op = RH_OP_ABSENT, .types = ALL, .verdict = RH_VERDICT_SUPERSET},
    {.op = RH_OP_EMPTY,
     .types = ALL & ~(TEXT | RH_TYPE_BIT(RH_TYPE_JSON)),
     .verdict = RH_VERDICT_SUPERSET},
};

/* ---- Verdicts ------------------------------------------------------------------------------ */

static const struct rh_column *column_of(const struct rh_query *query, const struct rh_node *node)
{
    return node->column < query->n_columns
               ? rh_kit_column(query->columns, query->column_stride, node->column)
               : NULL;
}

static bool is_claimed(const struct rh_node *node, uint32_t type)
{
    for (uint32_t i = 0; i < RH_ELASTICSEARCH_N_OPERATORS; i++)
        if (rh_elasticsearch_operators[i].op == node->op &&
            rh_elasticsearch_operators[i].types & RH_TYPE_BIT(type))
            return true;
    return false;
}

static uint64_t count_characters(struct rh_text text)
{
    uint64_t n = 0;

    for (uint64_t i = 0; i < text.len; i++)
        n += ((unsigned char)text.data[i] & 0xc0u) != 0x80;
    return n;
}

/* Java counts a character beyond the first 65536 as two. */
static bool is_indexed_term(struct rh_text text, uint32_t native_id)
{
    uint32_t most = RH_ELASTICSEARCH_IGNORE_ABOVE(native_id);

    return text.len <= MAX_TERM && rh_text_is_utf8(text) &&
           (!most || 2 * count_characters(text) <= most || text.len <= most);
}

static bool is_address(struct rh_text text)
{
    char name[INET6_ADDRSTRLEN + 1];
    unsigned char room[16];

    if (!text.len || text.len >= sizeof(name) || memchr(text.data, 0, text.len))
        return false;
    memcpy(name, text.data, text.len);
    name[text.len] = 0;
    return inet_pton(AF_INET, name, room) == 1 || inet_pton(AF_INET6, name, room) == 1;
}

/* Whether the server takes the value for the field, and finds what is equal to it. */
static bool is_value(const struct rh_column *column, const struct rh_value *value)
{
    enum rh_elasticsearch_kind kind = RH_ELASTICSEARCH_KIND(column->native_id);
    struct rh_text text = rh_kit_value_text(value);

    switch (kind) {
    case RH_ELASTICSEARCH_KEY:
        return value->type == RH_TYPE_TEXT && text.len <= 512 && rh_text_is_utf8(text);
    case RH_ELASTICSEARCH_KEYWORD:
    case RH_ELASTICSEARCH_TEXT:
        return value->type == RH_TYPE_TEXT && is_indexed_term(text, column->native_id);
    case RH_ELASTICSEARCH_IP:
        return value->type == RH_TYPE_TEXT && is_address(text);
    case RH_ELASTICSEARCH_WHOLE:
        return value->type == RH_TYPE_INT || value->type == RH_TYPE_UINT;
    case RH_ELASTICSEARCH_DOUBLE:
    case RH_ELASTICSEARCH_FLOAT:
        if (value->type == RH_TYPE_FLOAT)
            return isfinite(value->as.f) &&
                   (kind == RH_ELASTICSEARCH_DOUBLE || fabs(value->as.f) < MAX_HALF);
        return value->type == RH_TYPE_DECIMAL && text.len < 16 && !memchr(text.data, 'N', text.len);
    case RH_ELASTICSEARCH_BOOLEAN:
        return value->type == RH_TYPE_BOOL;
    case RH_ELASTICSEARCH_DATE: /* beyond these it is no number of nanoseconds, or of digits */
        return value->type == RH_TYPE_TIMESTAMP && value->as.i > INT64_C(-60000000000000000) &&
               value->as.i < INT64_C(9000000000000000);
    default:
        return false;
    }
}

/* The index says of it what _source says. */
static bool is_faithful(const struct rh_column *column)
{
    enum rh_elasticsearch_kind kind = RH_ELASTICSEARCH_KIND(column->native_id);

    return column->native_id & RH_ELASTICSEARCH_SINGLE &&
           !(column->native_id & (RH_ELASTICSEARCH_NULL_VALUE | RH_ELASTICSEARCH_NORMALIZED)) &&
           !RH_ELASTICSEARCH_IGNORE_ABOVE(column->native_id) &&
           (kind == RH_ELASTICSEARCH_KEYWORD || kind == RH_ELASTICSEARCH_WHOLE ||
            kind == RH_ELASTICSEARCH_DOUBLE || kind == RH_ELASTICSEARCH_BOOLEAN ||
            kind == RH_ELASTICSEARCH_DATE);
}

static bool is_whole_ms(const struct rh_value *value)
{
    return value->type != RH_TYPE_TIMESTAMP || value->as.i % 1000 == 0;
}

static uint8_t exact_if(bool exact, const struct rh_node *node)
{
    if (exact)
        return RH_VERDICT_EXACT;
    return node->op & RH_OP_NOT ? RH_VERDICT_NONE : RH_VERDICT_SUPERSET;
}

static uint8_t null_verdict(const struct rh_column *column, const struct rh_node *node)
{
    bool is_key = RH_ELASTICSEARCH_KIND(column->native_id) <= RH_ELASTICSEARCH_SEQUENCE;

    if (is_key || column->native_id & RH_ELASTICSEARCH_NULL_VALUE)
        return RH_VERDICT_NONE;
    if (node->op == RH_OP_ABSENT || node->op == RH_OP_EMPTY)
        return RH_VERDICT_SUPERSET;
    return exact_if(is_faithful(column), node);
}

static uint8_t match_verdict(const struct rh_column *column, const struct rh_node *node,
                             struct rh_text pattern)
{
    if (RH_ELASTICSEARCH_KIND(column->native_id) != RH_ELASTICSEARCH_KEYWORD ||
        column->native_id & RH_ELASTICSEARCH_NORMALIZED ||
        RH_ELASTICSEARCH_IGNORE_ABOVE(column->native_id) || pattern.len > MAX_PATTERN ||
        !rh_text_is_utf8(pattern))
        return RH_VERDICT_NONE;
    return exact_if(is_faithful(column), node);
}

static uint8_t leaf_verdict(const struct rh_query *query, const struct rh_node *node)
{
    const struct rh_column *column = column_of(query, node);
    const struct rh_value *values = query->values + node->first;
    uint32_t base = RH_OP_BASE(node->op);
    enum rh_elasticsearch_kind kind;
    bool whole_ms = true;

    if (!column || !column->native_id || !is_claimed(node, column->type))
        return RH_VERDICT_NONE;
    kind = RH_ELASTICSEARCH_KIND(column->native_id);
    if (base == RH_OP_NULL || base == RH_OP_ABSENT || base == RH_OP_EMPTY)
        return null_verdict(column, node);
    if (kind != RH_ELASTICSEARCH_KEY && !(column->native_id & RH_ELASTICSEARCH_SEARCHABLE))
        return RH_VERDICT_NONE;
    if (base >= RH_OP_LIKE && base <= RH_OP_CONTAINS)
        return match_verdict(column, node, rh_kit_value_text(values));
    if (!node->n || node->n > MAX_IN)
        return RH_VERDICT_NONE;
    for (uint32_t i = 0; i < node->n; i++) {
        if (!is_value(column, &values[i]))
            return RH_VERDICT_NONE;
        whole_ms = whole_ms && is_whole_ms(&values[i]);
    }
    if (kind == RH_ELASTICSEARCH_KEY)
        return base == RH_OP_EQ || base == RH_OP_IN ? RH_VERDICT_EXACT : RH_VERDICT_NONE;
    if (base == RH_OP_EQ || base == RH_OP_IN)
        return exact_if(is_faithful(column) && whole_ms, node);
    /* Of texts in order, those that are not in the index would be lost. */
    if (kind == RH_ELASTICSEARCH_TEXT || kind == RH_ELASTICSEARCH_IP ||
        column->native_id & RH_ELASTICSEARCH_NORMALIZED ||
        RH_ELASTICSEARCH_IGNORE_ABOVE(column->native_id))
        return RH_VERDICT_NONE;
    return exact_if(is_faithful(column) && whole_ms, node);
}

static bool is_group(const struct rh_node *node)
{
    return node->op == RH_OP_AND || node->op == RH_OP_OR;
}

/* A part of an AND may be left out, and makes a superset; a branch of an OR may not. */
static uint8_t verdict(const struct rh_query *query, const struct rh_node *node)
{
    uint8_t least = RH_VERDICT_EXACT, most = RH_VERDICT_NONE;

    if (!is_group(node))
        return leaf_verdict(query, node);
    if (!node->n || node->n > MAX_CLAUSES)
        return RH_VERDICT_NONE;
    for (uint32_t i = 0; i < node->n; i++) {
        uint8_t one = verdict(query, &query->nodes[node->first + i]);

        least = one < least ? one : least;
        most = one > most ? one : most;
    }
    if (node->op == RH_OP_OR || least)
        return least;
    return most ? RH_VERDICT_SUPERSET : RH_VERDICT_NONE;
}

uint8_t rh_elasticsearch_verdict(const struct rh_query *query, uint32_t position)
{
    return verdict(query, &query->nodes[position]);
}

/* ---- Clauses ------------------------------------------------------------------------------- */

static void add_value(const struct rh_value *value, struct rh_buf *body)
{
    int64_t ms;

    if (value->type == RH_TYPE_TIMESTAMP) {
        ms = value->as.i / 1000 - (value->as.i % 1000 < 0);
        rh_buf_add_i64(body, ms);
    } else {
        rh_json_add_value(body, value, NULL);
    }
}

/* {"word":{"field":, as far as the value */
static void begin(const char *word, const struct rh_column *column, struct rh_buf *body)
{
    struct rh_buf name;

    rh_buf_init(&name, body->max);
    rh_buf_add_text(&name, column->name);
    if (column->native_id & RH_ELASTICSEARCH_SUBFIELD)
        rh_buf_add_str(&name, ".keyword");
    rh_buf_addf(body, "{\"%s\":{", word);
    rh_json_add_string(body, rh_buf_text(&name));
    rh_buf_add_char(body, ':');
    body->failed = body->failed || name.failed;
    rh_buf_free(&name);
}

static void add_range(const struct rh_column *column, const char *low, const char *high,
                      const struct rh_value *value, struct rh_buf *body)
{
    const char *words[] = {low, high};

    begin("range", column, body);
    rh_buf_add_char(body, '{');
    for (int i = 0; i < 2; i++) {
        if (!words[i])
            continue;
        rh_buf_addf(body, "%s\"%s\":", i && low ? "," : "", words[i]);
        add_value(value, body);
    }
    if (value->type == RH_TYPE_TIMESTAMP)
        rh_buf_add_str(body, ",\"format\":\"epoch_millis\"");
    rh_buf_add_str(body, "}}}");
}

static void add_compare(const struct rh_column *column, uint32_t base, const struct rh_value *value,
                        struct rh_buf *body)
{
    bool exact = is_faithful(column) && is_whole_ms(value);

    if (base == RH_OP_LT || base == RH_OP_LTE)
        add_range(column, NULL, base == RH_OP_LT && exact ? "lt" : "lte", value, body);
    else
        add_range(column, base == RH_OP_GT && exact ? "gt" : "gte", NULL, value, body);
}

static void add_terms(const struct rh_column *column, const struct rh_value *values, uint32_t n,
                      struct rh_buf *body)
{
    bool key = RH_ELASTICSEARCH_KIND(column->native_id) == RH_ELASTICSEARCH_KEY;

    if (key)
        rh_buf_add_str(body, "{\"ids\":{\"values\":");
    else
        begin("terms", column, body);
    for (uint32_t i = 0; i < n; i++) {
        rh_buf_add_char(body, i ? ',' : '[');
        add_value(&values[i], body);
    }
    rh_buf_add_str(body, "]}}");
}

/* Dates have no terms: a term of a date is a range of it, read by the field's own format. */
static void add_dates(const struct rh_column *column, const struct rh_value *values, uint32_t n,
                      struct rh_buf *body)
{
    rh_buf_add_str(body, "{\"bool\":{\"should\":[");
    for (uint32_t i = 0; i < n; i++) {
        if (i)
            rh_buf_add_char(body, ',');
        add_range(column, "gte", "lte", &values[i], body);
    }
    rh_buf_add_str(body, "],\"minimum_should_match\":1}}");
}

static void add_literal(struct rh_text text, struct rh_buf *pattern)
{
    for (uint64_t i = 0; i < text.len; i++) {
        if (strchr("*?\\", text.data[i]) && text.data[i])
            rh_buf_add_char(pattern, '\\');
        rh_buf_add_char(pattern, text.data[i]);
    }
}

static void add_like(struct rh_text text, struct rh_buf *pattern)
{
    for (uint64_t i = 0; i < text.len; i++) {
        bool escaped = text.data[i] == '\\' && i + 1 < text.len;

        if (!escaped && (text.data[i] == '%' || text.data[i] == '_')) {
            rh_buf_add_char(pattern, text.data[i] == '%' ? '*' : '?');
            continue;
        }
        i += escaped;
        add_literal(rh_text_make(text.data + i, 1), pattern);
    }
}

static void add_match(const struct rh_column *column, uint32_t base, struct rh_text text,
                      struct rh_buf *body)
{
    struct rh_buf pattern;

    rh_buf_init(&pattern, body->max);
    if (base == RH_OP_LIKE) {
        add_like(text, &pattern);
    } else {
        if (base != RH_OP_STARTS)
            rh_buf_add_char(&pattern, '*');
        add_literal(text, &pattern);
        if (base == RH_OP_CONTAINS)
            rh_buf_add_char(&pattern, '*');
    }
    begin(base == RH_OP_STARTS ? "prefix" : "wildcard", column, body);
    rh_buf_add_str(body, "{\"value\":");
    rh_json_add_string(body, base == RH_OP_STARTS ? text : rh_buf_text(&pattern));
    rh_buf_add_str(body, "}}}");
    body->failed = body->failed || pattern.failed;
    rh_buf_free(&pattern);
}

static void add_missing(const struct rh_column *column, struct rh_buf *body)
{
    rh_buf_add_str(body, "{\"bool\":{\"must_not\":[{\"exists\":{\"field\":");
    rh_json_add_string(body, column->name);
    rh_buf_add_str(body, "}}]}}");
}

static void add_leaf(const struct rh_column *column, const struct rh_node *node,
                     const struct rh_value *values, struct rh_buf *body)
{
    uint32_t base = RH_OP_BASE(node->op);

    switch (base) {
    case RH_OP_EQ:
    case RH_OP_IN:
        if (RH_ELASTICSEARCH_KIND(column->native_id) == RH_ELASTICSEARCH_DATE)
            add_dates(column, values, node->n, body);
        else
            add_terms(column, values, node->n, body);
        break;
    case RH_OP_LT:
    case RH_OP_LTE:
    case RH_OP_GT:
    case RH_OP_GTE:
        add_compare(column, base, values, body);
        break;
    case RH_OP_NULL:
    case RH_OP_ABSENT:
    case RH_OP_EMPTY:
        add_missing(column, body);
        break;
    default:
        add_match(column, base, rh_kit_value_text(values), body);
        break;
    }
}

void rh_elasticsearch_add_clause(const struct rh_query *query, uint32_t position,
                                 struct rh_buf *body)
{
    const struct rh_node *node = &query->nodes[position];
    bool negated = (node->op & RH_OP_NOT) != 0;
    uint32_t n = 0;

    if (!is_group(node)) {
        rh_buf_add_str(body, negated ? "{\"bool\":{\"must_not\":[" : "");
        add_leaf(column_of(query, node), node, query->values + node->first, body);
        rh_buf_add_str(body, negated ? "]}}" : "");
        return;
    }
    rh_buf_addf(body, "{\"bool\":{\"%s\":[", node->op == RH_OP_AND ? "filter" : "should");
    for (uint32_t i = 0; i < node->n; i++) {
        if (!rh_elasticsearch_verdict(query, node->first + i))
            continue;
        if (n++)
            rh_buf_add_char(body, ',');
        rh_elasticsearch_add_clause(query, node->first + i, body);
    }
    rh_buf_add_str(body, node->op == RH_OP_AND ? "]}}" : "],\"minimum_should_match\":1}}");
}
