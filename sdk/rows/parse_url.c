/*
 * The URL form of queries.
 *
 *     query      parameter ("&" parameter)*      conditions that are repeated must all hold
 *     parameter  "select=" items
 *                "order=" key ("," key)*
 *                "group=" group ("," group)*
 *                "aggregate=" agg ("," agg)*
 *                "having=" list   "and=" list   "or=" list   "not=" list
 *                "limit=" n   "offset=" n   "after=" cursor   "before=" cursor
 *                "search=" text   "count=" ("none" | "exact" | "estimate")
 *                "distinct=" ("true" | "false")   "collate=" ("binary" | "source")
 *                name "=" test
 *                "col." name "=" test            for a column that bears one of the words above
 *     items      item ("," item)*
 *     item       name [ "(" items ")" ]
 *     key        ["-"] name [".nullsfirst" | ".nullslast"]
 *     group      name | name ":" name ["." period]
 *     agg        name ":" function "(" ["distinct "] column ")"
 *     list       "(" cond ("," cond)* ")"
 *     cond       ["not."] ( ("and" | "or" | "not") list | name "." test )
 *     test       ["not."] operator "." operand
 *     operand    value
 *                "(" value ("," value)* ")"       for in nin between has_all has_any
 *                "true" | "false"                 for null exists empty
 *
 * Names and values are percent-decoded first ('+' is a space). A value or name that contains one of
 * , ( ) " (names also . and :) stands in double quotes, in which \ takes the next character as it
 * is; the value of a single test ("name=eq.value") reaches to its end and needs no quotes unless it
 * begins with one. In a list, a path "a.b.c" ends before the first part that is an operator or
 * "not": a column with such a name is quoted.
 *
 * Values are bare: the type of the column decides what they are. Recursion is limited by depth.
 */
#include "rows/url_scan.h"

#include "base/err.h"
#include "base/text.h"
#include "base/vec.h"
#include "rows/near.h"

/* ---- Lists of names ---------------------------------------------------------------------- */

static int parse_select_items(struct rh_url_scan *scan, unsigned depth,
                              const struct rh_select_item **ret_items, uint32_t *ret_n)
{
    struct rh_vec items = RH_VEC_INIT(struct rh_select_item);
    int r = rh_spec_check_depth(scan->builder, depth, scan->pointer);
    if (r)
        return r;
    do {
        struct rh_select_item made = {.pointer = scan->pointer};
        r = rh_url_name(scan, ",()", &made.name);
        if (!r && rh_url_skip(scan, '(')) {
            r = parse_select_items(scan, depth + 1, &made.nested, &made.n_nested);
            if (!r)
                r = rh_url_expect(scan, ')');
        }
        if (r)
            return r;
        struct rh_select_item *item = rh_vec_push(&items, scan->builder->arena);
        if (!item)
            return rh_fail_nomem(scan->builder->error);
        *item = made;
    } while (rh_url_skip(scan, ','));
    *ret_items = items.items;
    *ret_n = items.n;
    return 0;
}

static int parse_select(struct rh_url_scan *scan, struct rh_spec *spec)
{
    return parse_select_items(scan, 1, &spec->select, &spec->n_select);
}

static bool cut_suffix(struct rh_text *text, const char *suffix)
{
    if (!rh_text_ends(*text, suffix) || text->len == strlen(suffix))
        return false;
    text->len -= strlen(suffix);
    return true;
}

/* [-]name[.nullsfirst|.nullslast]; the suffix of a quoted name stands behind its quote. */
static int parse_order_key(struct rh_url_scan *scan, struct rh_order_item *item)
{
    item->desc = rh_url_skip(scan, '-');
    bool quoted = rh_url_peek(scan) == '"';
    int r = rh_url_name(scan, ",()", &item->name);
    if (r)
        return r;
    if (quoted && rh_url_peek(scan) == '.') {
        struct rh_text suffix = {0};
        r = rh_url_name(scan, ",()", &suffix);
        if (r)
            return r;
        if (!rh_text_is(suffix, ".nullsfirst") && !rh_text_is(suffix, ".nullslast"))
            return rh_url_fail(scan, "invalid-query",
                               "behind a key of an order stands .nullsfirst or .nullslast");
        item->nulls = rh_text_is(suffix, ".nullsfirst") ? 1 : 2;
    } else if (!quoted && cut_suffix(&item->name, ".nullsfirst")) {
        item->nulls = 1;
    } else if (!quoted && cut_suffix(&item->name, ".nullslast")) {
        item->nulls = 2;
    }
    return 0;
}

static int parse_order(struct rh_url_scan *scan, struct rh_spec *spec)
{
    struct rh_vec items = RH_VEC_INIT(struct rh_order_item);
    do {
        struct rh_order_item made = {.pointer = scan->pointer};
        int r = parse_order_key(scan, &made);
        if (r)
            return r;
        struct rh_order_item *item = rh_vec_push(&items, scan->builder->arena);
        if (!item)
            return rh_fail_nomem(scan->builder->error);
        *item = made;
    } while (rh_url_skip(scan, ','));
    spec->order = items.items;
    spec->n_order = items.n;
    return 0;
}

/* column | name:column[.period] */
static int parse_group_item(struct rh_url_scan *scan, struct rh_group_item *item)
{
    int r = rh_url_name(scan, ",:()", &item->name);
    if (r)
        return r;
    item->column = item->name;
    if (!rh_url_skip(scan, ':'))
        return 0;
    bool quoted = rh_url_peek(scan) == '"';
    r = rh_url_name(scan, ",:()", &item->column);
    if (r)
        return r;
    struct rh_text period = {0};
    if (quoted && rh_url_skip(scan, '.')) {
        r = rh_url_name(scan, ",:()", &period);
        if (r)
            return r;
    } else if (!quoted) {
        const char *dot = memrchr(item->column.data, '.', item->column.len);
        if (dot) {
            uint64_t len = (uint64_t)(dot - item->column.data);
            period = rh_text_make(dot + 1, item->column.len - len - 1);
            item->column.len = len;
        }
    }
    if (!period.data)
        return 0;
    item->bucket = rh_bucket_find(period);
    return item->bucket ? 0 : rh_bucket_unknown(period, scan->pointer, scan->builder->error);
}

static int parse_group(struct rh_url_scan *scan, struct rh_spec *spec)
{
    struct rh_vec items = RH_VEC_INIT(struct rh_group_item);
    do {
        struct rh_group_item made = {.pointer = scan->pointer};
        int r = parse_group_item(scan, &made);
        if (r)
            return r;
        struct rh_group_item *item = rh_vec_push(&items, scan->builder->arena);
        if (!item)
            return rh_fail_nomem(scan->builder->error);
        *item = made;
    } while (rh_url_skip(scan, ','));
    spec->groups = items.items;
    spec->n_groups = items.n;
    return 0;
}

/* name:function([distinct ]column) */
static int parse_aggregate_item(struct rh_url_scan *scan, struct rh_aggregate_item *item)
{
    struct rh_text function = {0};
    int r = rh_url_name(scan, ",:()", &item->name);
    if (!r && !rh_url_skip(scan, ':')) {
        rh_url_fail(scan, "invalid-query", "an aggregate has no name");
        return rh_error_hint(scan->builder->error, "write name:function(column), as in n:count(*)");
    }
    if (!r)
        r = rh_url_name(scan, ",:()", &function);
    if (!r)
        r = rh_url_expect(scan, '(');
    if (r)
        return r;
    item->function = rh_aggregate_find(function);
    if (!item->function)
        return rh_aggregate_unknown(function, scan->pointer, scan->builder->error);
    static const char distinct[] = "distinct ";
    if ((size_t)(scan->end - scan->at) >= sizeof(distinct) - 1 &&
        !memcmp(scan->at, distinct, sizeof(distinct) - 1)) {
        item->distinct = true;
        scan->at += sizeof(distinct) - 1;
    }
    bool quoted = rh_url_peek(scan) == '"';
    r = rh_url_name(scan, ",()", &item->column);
    if (!r && !quoted && rh_text_is(item->column, "*"))
        item->column = (struct rh_text){0};
    return r ? r : rh_url_expect(scan, ')');
}

static int parse_aggregate(struct rh_url_scan *scan, struct rh_spec *spec)
{
    struct rh_vec items = RH_VEC_INIT(struct rh_aggregate_item);
    do {
        struct rh_aggregate_item made = {.pointer = scan->pointer};
        int r = parse_aggregate_item(scan, &made);
        if (r)
            return r;
        struct rh_aggregate_item *item = rh_vec_push(&items, scan->builder->arena);
        if (!item)
            return rh_fail_nomem(scan->builder->error);
        *item = made;
    } while (rh_url_skip(scan, ','));
    spec->aggregates = items.items;
    spec->n_aggregates = items.n;
    return 0;
}

/* ---- Single values ----------------------------------------------------------------------- */

static struct rh_text take_all(struct rh_url_scan *scan)
{
    struct rh_text all = rh_text_make(scan->at, (size_t)(scan->end - scan->at));
    scan->at = scan->end;
    return all;
}

static int parse_having(struct rh_url_scan *scan, struct rh_spec *spec)
{
    spec->having = rh_url_list(scan, RH_COND_AND);
    return spec->having ? 0 : scan->builder->error->error_class;
}

static int parse_number(struct rh_url_scan *scan, uint64_t *ret_number)
{
    uint64_t number = 0;
    if (!rh_text_to_u64(take_all(scan), &number) || number > INT64_MAX)
        return rh_url_fail(scan, "invalid-query", "\"%s\" must be a whole number from 0",
                           scan->pointer + 1);
    *ret_number = number;
    return 0;
}

static int parse_limit(struct rh_url_scan *scan, struct rh_spec *spec)
{
    return parse_number(scan, &spec->limit);
}

static int parse_offset(struct rh_url_scan *scan, struct rh_spec *spec)
{
    return parse_number(scan, &spec->offset);
}

/* An empty value is none, so that a form may send all of its fields. */
static int parse_text(struct rh_url_scan *scan, struct rh_text *ret_text)
{
    struct rh_text text = take_all(scan);
    if (text.len)
        *ret_text = text;
    return 0;
}

static int parse_after(struct rh_url_scan *scan, struct rh_spec *spec)
{
    return parse_text(scan, &spec->after);
}

static int parse_before(struct rh_url_scan *scan, struct rh_spec *spec)
{
    return parse_text(scan, &spec->before);
}

static int parse_search(struct rh_url_scan *scan, struct rh_spec *spec)
{
    return parse_text(scan, &spec->search);
}

static int parse_count(struct rh_url_scan *scan, struct rh_spec *spec)
{
    if (!rh_spec_count_mode(take_all(scan), &spec->count))
        return rh_url_fail(scan, "invalid-query", "\"count\" is none, exact or estimate");
    return 0;
}

static int parse_distinct(struct rh_url_scan *scan, struct rh_spec *spec)
{
    struct rh_text text = take_all(scan);
    spec->distinct = rh_text_is(text, "true");
    if (!spec->distinct && !rh_text_is(text, "false"))
        return rh_url_fail(scan, "invalid-query", "\"distinct\" is true or false");
    return 0;
}

static int parse_collate(struct rh_url_scan *scan, struct rh_spec *spec)
{
    struct rh_text text = take_all(scan);
    spec->binary_collation = rh_text_is(text, "binary");
    if (!spec->binary_collation && !rh_text_is(text, "source"))
        return rh_url_fail(scan, "invalid-query", "\"collate\" is binary or source");
    return 0;
}

/* ---- Parameters -------------------------------------------------------------------------- */

static const struct {
    const char *name;
    int (*parse)(struct rh_url_scan *scan, struct rh_spec *spec);
} words[] = {
    {"select", parse_select},   {"order", parse_order},       {"limit", parse_limit},
    {"offset", parse_offset},   {"after", parse_after},       {"before", parse_before},
    {"count", parse_count},     {"group", parse_group},       {"aggregate", parse_aggregate},
    {"having", parse_having},   {"distinct", parse_distinct}, {"search", parse_search},
    {"collate", parse_collate},
};
#define N_WORDS (sizeof(words) / sizeof(words[0]))

struct query_parser {
    struct rh_spec_builder builder;
    const char *also_reserved;
    struct rh_spec *spec;
    bool seen[N_WORDS];
    struct rh_cond *where;
    struct rh_cond **link;
    uint32_t n_where;
};

static bool is_in(const char *words_text, struct rh_text name)
{
    struct rh_text rest = rh_text_of(words_text);
    while (rest.len)
        if (rh_text_equal(rh_text_cut(&rest, ' '), name))
            return true;
    return false;
}

/* The column of a condition: "name", "col.name" or a quoted name. */
static int take_column(struct query_parser *p, struct rh_text key, const char *pointer,
                       struct rh_text *ret_name)
{
    if (rh_text_starts(key, "col."))
        key = rh_text_make(key.data + 4, key.len - 4);
    *ret_name = key;
    if (!key.len)
        return rh_spec_fail(&p->builder, "invalid-query", pointer, "a parameter has no name");
    if (key.data[0] != '"')
        return 0;
    struct rh_url_scan scan = {key.data, key.data + key.len, pointer, &p->builder};
    int r = rh_url_quoted(&scan, ret_name);
    if (!r && scan.at < scan.end)
        r = rh_url_fail(&scan, "invalid-query", "there is text behind the closing quote");
    return r;
}

static int parse_condition(struct query_parser *p, struct rh_text key, struct rh_url_scan *scan)
{
    struct rh_cond *cond = NULL;
    if (rh_text_is(key, "and") || rh_text_is(key, "or") || rh_text_is(key, "not")) {
        cond = rh_url_list(scan, rh_text_is(key, "and")  ? RH_COND_AND
                                 : rh_text_is(key, "or") ? RH_COND_OR
                                                         : RH_COND_NOT);
    } else {
        struct rh_text name = {0};
        int r = take_column(p, key, scan->pointer, &name);
        if (r)
            return r;
        cond = rh_url_test(scan, name);
    }
    if (!cond)
        return p->builder.error->error_class;
    *p->link = cond;
    p->link = &cond->next;
    p->n_where++;
    return 0;
}

static int parse_parameter(struct query_parser *p, struct rh_text raw)
{
    struct rh_text rest = raw, key = {0}, value = {0};
    struct rh_text raw_key = rh_text_cut(&rest, '=');
    if (!rh_url_decode(p->builder.arena, raw_key, true, &key) ||
        !rh_url_decode(p->builder.arena, rest.data ? rest : RH_TEXT(""), true, &value))
        return rh_spec_fail(&p->builder, "invalid-query", "?",
                            "the query string is not percent-encoded UTF-8");
    if (is_in("format numbers", key) || is_in(p->also_reserved, key))
        return 0;
    struct rh_text shown = rh_near_clip(key);
    char *pointer = rh_arena_alloc(p->builder.arena, shown.len + 2);
    if (!pointer)
        return rh_fail_nomem(p->builder.error);
    pointer[0] = '?';
    memcpy(pointer + 1, shown.data, shown.len);
    pointer[1 + shown.len] = 0;
    struct rh_url_scan scan = {value.data, value.data + value.len, pointer, &p->builder};
    size_t i = 0;
    while (i < N_WORDS && !rh_text_is(key, words[i].name))
        i++;
    if (i == N_WORDS)
        return parse_condition(p, key, &scan);
    if (p->seen[i])
        return rh_url_fail(&scan, "invalid-query", "\"%s\" is given twice", words[i].name);
    p->seen[i] = true;
    int r = words[i].parse(&scan, p->spec);
    if (!r && scan.at < scan.end)
        r = rh_url_fail(&scan, "invalid-query", "unexpected '%c' in \"%s\"",
                        *scan.at > ' ' && *scan.at < 0x7f ? *scan.at : '?', words[i].name);
    return r;
}

int rh_spec_parse_url(struct rh_arena *arena, struct rh_text query_string,
                      const char *also_reserved, struct rh_spec **ret_spec, struct rh_error *error)
{
    struct rh_error own = RH_ERROR_INIT;
    struct query_parser parser = {
        .builder = {.arena = arena, .error = error ? error : &own},
        .also_reserved = also_reserved ? also_reserved : "",
        .spec = rh_arena_alloc(arena, sizeof(struct rh_spec)),
    };
    parser.link = &parser.where;
    if (!parser.spec)
        return rh_fail_nomem(error);
    parser.spec->limit = RH_NO_LIMIT;
    while (query_string.len) {
        struct rh_text parameter = rh_text_cut(&query_string, '&');
        int r = parameter.len ? parse_parameter(&parser, parameter) : 0;
        if (r)
            return r;
    }
    if (parser.n_where) {
        parser.spec->where = rh_spec_all(&parser.builder, parser.where, parser.n_where, "?");
        if (!parser.spec->where)
            return parser.builder.error->error_class;
    }
    int r = rh_spec_check(&parser.builder, parser.spec);
    if (r)
        return r;
    *ret_spec = parser.spec;
    return 0;
}
