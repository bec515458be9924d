/*
 * The JSON form of queries: an object whose members are listed in one table below. Conditions are
 * read by parse_where.c. What it does not know is an error with near names.
 */
#include "rows/spec_build.h"

#include "base/err.h"
#include "base/text.h"
#include "base/vec.h"
#include "rows/near.h"

static int expect(struct rh_spec_builder *b, const struct rh_json *value, enum rh_json_kind kind,
                  const char *pointer)
{
    if (value->kind == kind)
        return 0;
    return rh_spec_fail(b, "invalid-query", pointer, "\"%s\" must be of type %s, not %s",
                        pointer + 1, rh_json_kind_name(kind), rh_json_kind_name(value->kind));
}

static int parse_select_list(struct rh_spec_builder *b, const struct rh_json *value,
                             const char *pointer, unsigned depth,
                             const struct rh_select_item **ret_items, uint32_t *ret_n)
{
    struct rh_vec items = RH_VEC_INIT(struct rh_select_item);
    int r = rh_spec_check_depth(b, depth, pointer);
    if (r)
        return r;
    if (value->kind != RH_JSON_ARRAY)
        return rh_spec_fail(b, "invalid-query", pointer, "a select is a list of names");
    if (!value->n)
        return rh_spec_fail(b, "invalid-query", pointer, "the select list is empty");
    uint32_t i = 0;
    for (const struct rh_json *item = value->child; item; item = item->next, i++) {
        const char *at = rh_spec_pointer_at(b, pointer, i);
        if (item->kind == RH_JSON_STRING) {
            struct rh_select_item *name = rh_vec_push(&items, b->arena);
            if (!name)
                return rh_fail_nomem(b->error);
            *name = (struct rh_select_item){.name = item->text, .pointer = at};
            continue;
        }
        if (item->kind != RH_JSON_OBJECT || !item->n)
            return rh_spec_fail(b, "invalid-query", at,
                                "an item of a select is a name or {\"relation\": [...]}");
        for (const struct rh_json *nested = item->child; nested; nested = nested->next) {
            struct rh_select_item made = {.name = nested->key,
                                          .pointer = rh_spec_pointer(b, at, nested->key)};
            r = parse_select_list(b, nested, made.pointer, depth + 1, &made.nested, &made.n_nested);
            if (r)
                return r;
            struct rh_select_item *relation = rh_vec_push(&items, b->arena);
            if (!relation)
                return rh_fail_nomem(b->error);
            *relation = made;
        }
    }
    *ret_items = items.items;
    *ret_n = items.n;
    return 0;
}

static int parse_select(struct rh_spec_builder *b, const struct rh_json *value, const char *pointer,
                        struct rh_spec *spec)
{
    return parse_select_list(b, value, pointer, 1, &spec->select, &spec->n_select);
}

static int parse_where_member(struct rh_spec_builder *b, const struct rh_json *value,
                              const char *pointer, struct rh_spec *spec)
{
    spec->where = rh_spec_where(b, value, pointer);
    return spec->where ? 0 : b->error->error_class;
}

static int parse_having(struct rh_spec_builder *b, const struct rh_json *value, const char *pointer,
                        struct rh_spec *spec)
{
    spec->having = rh_spec_where(b, value, pointer);
    return spec->having ? 0 : b->error->error_class;
}

/* {"col": "x", "dir": "desc", "nulls": "last"} */
static int parse_order_object(struct rh_spec_builder *b, const struct rh_json *value,
                              struct rh_order_item *item)
{
    for (const struct rh_json *member = value->child; member; member = member->next) {
        struct rh_text key = member->key, text = member->text;
        bool is_text = member->kind == RH_JSON_STRING;
        if (rh_text_is(key, "col") && is_text)
            item->name = text;
        else if (rh_text_is(key, "dir") && is_text &&
                 (rh_text_is(text, "asc") || rh_text_is(text, "desc")))
            item->desc = rh_text_is(text, "desc");
        else if (rh_text_is(key, "nulls") && is_text &&
                 (rh_text_is(text, "first") || rh_text_is(text, "last")))
            item->nulls = rh_text_is(text, "first") ? 1 : 2;
        else
            goto wrong;
    }
    if (item->name.len)
        return 0;
wrong:
    rh_spec_fail(b, "invalid-query", item->pointer, "this is no key of an order");
    return rh_error_hint(b->error, "write {\"col\": \"name\", \"dir\": \"asc\" or \"desc\", "
                                   "\"nulls\": \"first\" or \"last\"}");
}

static int parse_order(struct rh_spec_builder *b, const struct rh_json *value, const char *pointer,
                       struct rh_spec *spec)
{
    int r = expect(b, value, RH_JSON_ARRAY, pointer);
    if (r)
        return r;
    struct rh_order_item *items = rh_arena_array(b->arena, value->n, sizeof(*items));
    if (!items)
        return rh_fail_nomem(b->error);
    uint32_t n = 0;
    for (const struct rh_json *json = value->child; json; json = json->next, n++) {
        struct rh_order_item *item = &items[n];
        item->pointer = rh_spec_pointer_at(b, pointer, n);
        if (json->kind == RH_JSON_OBJECT) {
            r = parse_order_object(b, json, item);
            if (r)
                return r;
            continue;
        }
        if (json->kind != RH_JSON_STRING || !json->text.len)
            return rh_spec_fail(b, "invalid-query", item->pointer,
                                "a key of an order is \"name\", \"-name\" or an object");
        item->desc = json->text.data[0] == '-';
        item->name = rh_text_make(json->text.data + item->desc, json->text.len - item->desc);
    }
    spec->order = items;
    spec->n_order = n;
    return 0;
}

static int parse_number(struct rh_spec_builder *b, const struct rh_json *value, const char *pointer,
                        uint64_t *ret_number)
{
    uint64_t number = 0;
    if (value->kind != RH_JSON_NUMBER || !rh_text_to_u64(value->text, &number) ||
        number > INT64_MAX)
        return rh_spec_fail(b, "invalid-query", pointer, "\"%s\" must be a whole number from 0",
                            pointer + 1);
    *ret_number = number;
    return 0;
}

static int parse_limit(struct rh_spec_builder *b, const struct rh_json *value, const char *pointer,
                       struct rh_spec *spec)
{
    return parse_number(b, value, pointer, &spec->limit);
}

static int parse_offset(struct rh_spec_builder *b, const struct rh_json *value, const char *pointer,
                        struct rh_spec *spec)
{
    return parse_number(b, value, pointer, &spec->offset);
}

/* null stands for "from the beginning": clients pass on the page's `next` as they got it. */
static int parse_cursor(struct rh_spec_builder *b, const struct rh_json *value, const char *pointer,
                        struct rh_text *ret)
{
    if (value->kind == RH_JSON_NULL)
        return 0;
    int r = expect(b, value, RH_JSON_STRING, pointer);
    if (!r && value->text.len)
        *ret = value->text;
    return r;
}

static int parse_after(struct rh_spec_builder *b, const struct rh_json *value, const char *pointer,
                       struct rh_spec *spec)
{
    return parse_cursor(b, value, pointer, &spec->after);
}

static int parse_before(struct rh_spec_builder *b, const struct rh_json *value, const char *pointer,
                        struct rh_spec *spec)
{
    return parse_cursor(b, value, pointer, &spec->before);
}

static int parse_count(struct rh_spec_builder *b, const struct rh_json *value, const char *pointer,
                       struct rh_spec *spec)
{
    struct rh_text text = value->kind == RH_JSON_STRING ? value->text : RH_TEXT("");
    if (!rh_spec_count_mode(text, &spec->count))
        return rh_spec_fail(b, "invalid-query", pointer,
                            "\"count\" is \"none\", \"exact\" or \"estimate\"");
    return 0;
}

/* "col", {"name": "col"} or {"name": {"bucket": "col", "by": "month"}} */
static int parse_group_item(struct rh_spec_builder *b, const struct rh_json *json,
                            struct rh_group_item *item)
{
    if (json->kind == RH_JSON_STRING && json->text.len) {
        item->name = item->column = json->text;
        return 0;
    }
    const struct rh_json *what = json->kind == RH_JSON_OBJECT && json->n == 1 ? json->child : NULL;
    if (what && what->kind == RH_JSON_STRING && what->key.len) {
        item->name = what->key;
        item->column = what->text;
        return 0;
    }
    const struct rh_json *column = rh_json_member(what, "bucket"), *by = rh_json_member(what, "by");
    if (!column || !by || column->kind != RH_JSON_STRING || by->kind != RH_JSON_STRING ||
        what->n != 2 || !what->key.len) {
        rh_spec_fail(b, "invalid-query", item->pointer, "this is no group");
        return rh_error_hint(b->error, "write \"column\" or {\"name\": {\"bucket\": \"column\", "
                                       "\"by\": \"month\"}}");
    }
    item->name = what->key;
    item->column = column->text;
    item->bucket = rh_bucket_find(by->text);
    return item->bucket ? 0 : rh_bucket_unknown(by->text, item->pointer, b->error);
}

static int parse_group(struct rh_spec_builder *b, const struct rh_json *value, const char *pointer,
                       struct rh_spec *spec)
{
    int r = expect(b, value, RH_JSON_ARRAY, pointer);
    if (r)
        return r;
    struct rh_group_item *items = rh_arena_array(b->arena, value->n, sizeof(*items));
    if (!items)
        return rh_fail_nomem(b->error);
    uint32_t n = 0;
    for (const struct rh_json *json = value->child; json; json = json->next, n++) {
        items[n].pointer = rh_spec_pointer_at(b, pointer, n);
        r = parse_group_item(b, json, &items[n]);
        if (r)
            return r;
    }
    spec->groups = items;
    spec->n_groups = n;
    return 0;
}

/* {"count": "*"}, {"sum": "col"}, {"count": "col", "distinct": true} */
static int parse_aggregate_item(struct rh_spec_builder *b, const struct rh_json *json,
                                struct rh_aggregate_item *item)
{
    for (const struct rh_json *member = json->child; member; member = member->next) {
        if (rh_text_is(member->key, "distinct") &&
            (member->kind == RH_JSON_TRUE || member->kind == RH_JSON_FALSE)) {
            item->distinct = member->kind == RH_JSON_TRUE;
            continue;
        }
        uint32_t function = rh_aggregate_find(member->key);
        if (!function)
            return rh_aggregate_unknown(member->key, item->pointer, b->error);
        if (item->function || member->kind != RH_JSON_STRING || !member->text.len)
            goto wrong;
        item->function = function;
        if (!rh_text_is(member->text, "*"))
            item->column = member->text;
    }
    if (json->kind == RH_JSON_OBJECT && item->function)
        return 0;
wrong:
    rh_spec_fail(b, "invalid-query", item->pointer, "this is no aggregate");
    return rh_error_hint(b->error, "write {\"count\": \"*\"}, {\"sum\": \"column\"} or {\"count\": "
                                   "\"column\", \"distinct\": true}");
}

static int parse_aggregate(struct rh_spec_builder *b, const struct rh_json *value,
                           const char *pointer, struct rh_spec *spec)
{
    int r = expect(b, value, RH_JSON_OBJECT, pointer);
    if (r)
        return r;
    struct rh_aggregate_item *items = rh_arena_array(b->arena, value->n, sizeof(*items));
    if (!items)
        return rh_fail_nomem(b->error);
    uint32_t n = 0;
    for (const struct rh_json *json = value->child; json; json = json->next, n++) {
        items[n].name = json->key;
        items[n].pointer = rh_spec_pointer(b, pointer, json->key);
        r = parse_aggregate_item(b, json, &items[n]);
        if (r)
            return r;
    }
    spec->aggregates = items;
    spec->n_aggregates = n;
    return 0;
}

static int parse_distinct(struct rh_spec_builder *b, const struct rh_json *value,
                          const char *pointer, struct rh_spec *spec)
{
    if (value->kind != RH_JSON_TRUE && value->kind != RH_JSON_FALSE)
        return rh_spec_fail(b, "invalid-query", pointer, "\"distinct\" is true or false");
    spec->distinct = value->kind == RH_JSON_TRUE;
    return 0;
}

static int parse_search(struct rh_spec_builder *b, const struct rh_json *value, const char *pointer,
                        struct rh_spec *spec)
{
    int r = expect(b, value, RH_JSON_STRING, pointer);
    if (!r && value->text.len)
        spec->search = value->text;
    return r;
}

static int parse_collate(struct rh_spec_builder *b, const struct rh_json *value,
                         const char *pointer, struct rh_spec *spec)
{
    struct rh_text text = value->kind == RH_JSON_STRING ? value->text : RH_TEXT("");
    if (!rh_text_is(text, "binary") && !rh_text_is(text, "source"))
        return rh_spec_fail(b, "invalid-query", pointer, "\"collate\" is \"binary\" or \"source\"");
    spec->binary_collation = rh_text_is(text, "binary");
    return 0;
}

static const struct {
    const char *name;
    const char *pointer;
    int (*parse)(struct rh_spec_builder *b, const struct rh_json *value, const char *pointer,
                 struct rh_spec *spec);
} members[] = {
    {"select", "/select", parse_select}, {"where", "/where", parse_where_member},
    {"order", "/order", parse_order},    {"limit", "/limit", parse_limit},
    {"offset", "/offset", parse_offset}, {"after", "/after", parse_after},
    {"before", "/before", parse_before}, {"count", "/count", parse_count},
    {"group", "/group", parse_group},    {"aggregate", "/aggregate", parse_aggregate},
    {"having", "/having", parse_having}, {"distinct", "/distinct", parse_distinct},
    {"search", "/search", parse_search}, {"collate", "/collate", parse_collate},
};
#define N_MEMBERS (sizeof(members) / sizeof(members[0]))

static int unknown_member(struct rh_spec_builder *b, struct rh_text name)
{
    struct rh_text shown = rh_near_clip(name);
    rh_spec_fail(b, "invalid-query", rh_spec_pointer(b, "", name), "a query has no member \"%.*s\"",
                 RH_TEXT_ARG(shown));
    struct rh_near near;
    rh_near_init(&near, name);
    for (size_t i = 0; i < N_MEMBERS; i++)
        rh_near_add(&near, rh_text_of(members[i].name));
    return rh_near_hint(&near,
                        "conditions stand in \"where\"; members: select where order limit offset "
                        "after before count group aggregate having distinct search collate",
                        b->error);
}

/* ---- Public ------------------------------------------------------------------------------ */

int rh_spec_parse_json(struct rh_arena *arena, const struct rh_json *body,
                       struct rh_spec **ret_spec, struct rh_error *error)
{
    struct rh_error own = RH_ERROR_INIT;
    struct rh_spec_builder builder = {.arena = arena, .error = error ? error : &own};
    if (body->kind != RH_JSON_OBJECT)
        return rh_spec_fail(&builder, "invalid-query", "", "a query is a JSON object");
    struct rh_spec *spec = rh_arena_alloc(arena, sizeof(*spec));
    if (!spec)
        return rh_fail_nomem(error);
    spec->limit = RH_NO_LIMIT;
    for (const struct rh_json *member = body->child; member; member = member->next) {
        size_t i = 0;
        while (i < N_MEMBERS && !rh_text_is(member->key, members[i].name))
            i++;
        int r = i < N_MEMBERS ? members[i].parse(&builder, member, members[i].pointer, spec)
                              : unknown_member(&builder, member->key);
        if (r)
            return r;
    }
    int r = rh_spec_check(&builder, spec);
    if (r)
        return r;
    *ret_spec = spec;
    return 0;
}
