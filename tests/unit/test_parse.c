/* Both query forms: what they accept, that they mean the same, and what each refuses. */
#include "lib/tests.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/text.h"
#include "rows/operators.h"
#include "rows/spec.h"

#include <stdlib.h>

#define ARENA_BYTES ((size_t)256 << 20)

static struct rh_arena *arena;
static struct rh_error error;

static void setup(void)
{
    rh_arena_free(arena);
    arena = rh_arena_new(ARENA_BYTES);
    ck_assert_ptr_nonnull(arena);
    rh_error_clear(&error);
}

/* ---- Specs as text ----------------------------------------------------------------------- */

static void show_literal(struct rh_buf *buf, const struct rh_literal *literal)
{
    if (literal->kind == RH_LITERAL_NULL)
        rh_buf_add_str(buf, "null");
    else if (literal->kind == RH_LITERAL_BOOL)
        rh_buf_add_str(buf, literal->truth ? "true" : "false");
    else
        rh_buf_add_text(buf, literal->text);
}

static void show_cond(struct rh_buf *buf, const struct rh_cond *cond)
{
    static const char *const kinds[] = {[RH_COND_AND] = "and",
                                        [RH_COND_OR] = "or",
                                        [RH_COND_NOT] = "not",
                                        [RH_COND_RELATION] = "rel"};
    static const char *const quantifiers[] = {
        [RH_SOME] = " some", [RH_NONE_OF] = " none", [RH_EVERY] = " every"};
    if (cond->kind == RH_COND_TEST) {
        rh_buf_add_text(buf, cond->name);
        rh_buf_addf(buf, " %s", rh_operator_label(cond->op));
        for (uint32_t i = 0; i < cond->n_operands; i++) {
            rh_buf_add_char(buf, ' ');
            show_literal(buf, &cond->operands[i]);
        }
        return;
    }
    rh_buf_add_str(buf, kinds[cond->kind]);
    if (cond->kind == RH_COND_RELATION) {
        rh_buf_add_char(buf, ' ');
        rh_buf_add_text(buf, cond->name);
        rh_buf_add_str(buf, quantifiers[cond->quantifier]);
    }
    rh_buf_add_char(buf, '(');
    for (const struct rh_cond *child = cond->child; child; child = child->next) {
        show_cond(buf, child);
        if (child->next)
            rh_buf_add_str(buf, ", ");
    }
    rh_buf_add_char(buf, ')');
}

static void show_select(struct rh_buf *buf, const struct rh_select_item *items, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        rh_buf_add_str(buf, i ? "," : "");
        rh_buf_add_text(buf, items[i].name);
        if (items[i].n_nested) {
            rh_buf_add_char(buf, '(');
            show_select(buf, items[i].nested, items[i].n_nested);
            rh_buf_add_char(buf, ')');
        }
    }
}

static void show_groups(struct rh_buf *buf, const struct rh_spec *spec)
{
    for (uint32_t i = 0; i < spec->n_groups; i++) {
        const struct rh_group_item *item = &spec->groups[i];
        rh_buf_addf(buf, " group %.*s:%.*s/%u", RH_TEXT_ARG(item->name), RH_TEXT_ARG(item->column),
                    item->bucket);
    }
    for (uint32_t i = 0; i < spec->n_aggregates; i++) {
        const struct rh_aggregate_item *item = &spec->aggregates[i];
        rh_buf_addf(buf, " agg %.*s:%u(%s%.*s)", RH_TEXT_ARG(item->name), item->function,
                    item->distinct ? "distinct " : "",
                    RH_TEXT_ARG(item->column.data ? item->column : RH_TEXT("*")));
    }
}

/* In the arena. */
static const char *show(const struct rh_spec *spec)
{
    struct rh_buf buf;
    rh_buf_init(&buf, 1 << 20);
    rh_buf_add_str(&buf, "select ");
    show_select(&buf, spec->select, spec->n_select);
    if (spec->where) {
        rh_buf_add_str(&buf, " where ");
        show_cond(&buf, spec->where);
    }
    for (uint32_t i = 0; i < spec->n_order; i++)
        rh_buf_addf(&buf, " order %.*s%s/%d", RH_TEXT_ARG(spec->order[i].name),
                    spec->order[i].desc ? " desc" : "", spec->order[i].nulls);
    show_groups(&buf, spec);
    if (spec->having) {
        rh_buf_add_str(&buf, " having ");
        show_cond(&buf, spec->having);
    }
    if (spec->limit != RH_NO_LIMIT)
        rh_buf_addf(&buf, " limit %llu", (unsigned long long)spec->limit);
    if (spec->offset)
        rh_buf_addf(&buf, " offset %llu", (unsigned long long)spec->offset);
    if (spec->search.data)
        rh_buf_addf(&buf, " search %.*s", RH_TEXT_ARG(spec->search));
    if (spec->after.data)
        rh_buf_addf(&buf, " after %.*s", RH_TEXT_ARG(spec->after));
    if (spec->before.data)
        rh_buf_addf(&buf, " before %.*s", RH_TEXT_ARG(spec->before));
    rh_buf_addf(&buf, "%s%s%s", spec->distinct ? " distinct" : "",
                spec->binary_collation ? " binary" : "",
                spec->count == RH_COUNT_EXACT      ? " exact"
                : spec->count == RH_COUNT_ESTIMATE ? " estimate"
                                                   : "");
    ck_assert(!buf.failed);
    char *text = rh_arena_dup(arena, buf.data, buf.len);
    rh_buf_free(&buf);
    return text;
}

static int parse_json(const char *text, struct rh_spec **ret_spec)
{
    struct rh_json *body = NULL;
    int r = rh_json_parse(arena, rh_text_of(text), &body, &error);
    return r ? r : rh_spec_parse_json(arena, body, ret_spec, &error);
}

static const char *from_json(const char *text)
{
    struct rh_spec *spec = NULL;
    ck_assert_msg(parse_json(text, &spec) == 0, "%s: %s (%s)", text, error.message, error.hint);
    return show(spec);
}

static const char *from_url(const char *text)
{
    struct rh_spec *spec = NULL;
    ck_assert_msg(rh_spec_parse_url(arena, rh_text_of(text), "", &spec, &error) == 0, "%s: %s (%s)",
                  text, error.message, error.hint);
    return show(spec);
}

/* ---- The same in both forms -------------------------------------------------------------- */

static const struct {
    const char *json;
    const char *url;
    const char *meaning;
} twins[] = {
    {"{}", "", "select "},
    {"{\"select\":[\"id\",{\"customer\":[\"name\",{\"country\":[\"code\"]}]}]}",
     "select=id,customer(name,country(code))", "select id,customer(name,country(code))"},
    {"{\"where\":{\"status\":\"open\"}}", "status=eq.open", "select  where status eq open"},
    {"{\"where\":{\"n\":{\"gte\":1,\"lt\":5}}}", "n=gte.1&n=lt.5",
     "select  where and(n gte 1, n lt 5)"},
    {"{\"where\":{\"status\":{\"in\":[\"a\",\"b\",\"c,d\"]}}}", "status=in.(a,b,\"c,d\")",
     "select  where status in a b c,d"},
    {"{\"where\":{\"status\":{\"nin\":[]}}}", "status=nin.()", "select  where status nin"},
    {"{\"where\":{\"n\":{\"between\":[1,5]}}}", "n=between.(1,5)",
     "select  where and(n gte 1, n lte 5)"},
    {"{\"where\":{\"a\":null,\"b\":{\"null\":false}}}", "a=null.true&b=null.false",
     "select  where and(a null, b null)"},
    {"{\"where\":{\"or\":[{\"a\":1},{\"b\":{\"lt\":2}},{\"and\":[{\"c\":1},{\"not\":{\"d\":2}}]}]}"
     "}",
     "or=(a.eq.1,b.lt.2,and(c.eq.1,not.d.eq.2))",
     "select  where or(a eq 1, b lt 2, and(c eq 1, not(d eq 2)))"},
    {"{\"where\":{\"a\":{\"not\":{\"like\":\"x%\"}}}}", "a=not.like.x%25",
     "select  where not(a like x%)"},
    {"{\"where\":{\"not\":{\"a\":1,\"b\":2}}}", "not=(a.eq.1,b.eq.2)",
     "select  where not(and(a eq 1, b eq 2))"},
    {"{\"where\":{\"customer.country.code\":\"NO\"}}", "customer.country.code=eq.NO",
     "select  where customer.country.code eq NO"},
    {"{\"where\":{\"or\":[{\"customer.country.code\":\"NO\"},{\"a\":{\"ne\":1}}]}}",
     "or=(customer.country.code.eq.NO,a.ne.1)",
     "select  where or(customer.country.code eq NO, a ne 1)"},
    {"{\"where\":{\"col.limit\":5}}", "col.limit=eq.5", "select  where limit eq 5"},
    {"{\"where\":{\"col.and\":5}}", "col.and=eq.5", "select  where and eq 5"},
    {"{\"where\":{\"tags\":{\"has\":\"x\",\"has_any\":[1,2]}}}", "tags=has.x&tags=has_any.(1,2)",
     "select  where and(tags has x, tags has_any 1 2)"},
    {"{\"order\":[\"-created_at\",{\"col\":\"id\",\"nulls\":\"first\"}]}",
     "order=-created_at,id.nullsfirst", "select  order created_at desc/0 order id/1"},
    {"{\"order\":[{\"col\":\"a b\",\"dir\":\"desc\",\"nulls\":\"last\"}]}",
     "order=-%22a+b%22.nullslast", "select  order a b desc/2"},
    {"{\"group\":[\"status\",{\"month\":{\"bucket\":\"created_at\",\"by\":\"month\"}}],"
     "\"aggregate\":{\"n\":{\"count\":\"*\"},\"s\":{\"sum\":\"total\"},"
     "\"d\":{\"count\":\"x\",\"distinct\":true}},\"having\":{\"n\":{\"gt\":10}}}",
     "group=status,month:created_at.month&aggregate=n:count(*),s:sum(total),d:count(distinct+x)"
     "&having=(n.gt.10)",
     "select  group status:status/0 group month:created_at/3 agg n:1(*) agg s:2(total) "
     "agg d:1(distinct x) having n gt 10"},
    {"{\"limit\":5,\"offset\":2,\"count\":\"exact\",\"distinct\":true,\"collate\":\"binary\","
     "\"search\":\"a b\"}",
     "limit=5&offset=2&count=exact&distinct=true&collate=binary&search=a+b",
     "select  limit 5 offset 2 search a b distinct binary exact"},
    {"{\"after\":\"xyz\"}", "after=xyz", "select  after xyz"},
    {"{\"before\":\"xyz\",\"after\":null}", "before=xyz&after=", "select  before xyz"},
};

START_TEST(both_forms_mean_the_same)
{
    setup();
    const char *json = from_json(twins[_i].json), *url = from_url(twins[_i].url);
    ck_assert_str_eq(url, json);
    ck_assert_str_eq(json, twins[_i].meaning);
}
END_TEST

START_TEST(null_false_negates)
{
    setup();
    struct rh_spec *spec = NULL;
    ck_assert_int_eq(rh_spec_parse_url(arena, RH_TEXT("a=null.false"), "", &spec, &error), 0);
    ck_assert_uint_eq(spec->where->op, RH_OP_NULL | RH_OP_NOT);
    ck_assert_int_eq(rh_spec_parse_url(arena, RH_TEXT("a=exists.false"), "", &spec, &error), 0);
    ck_assert_uint_eq(spec->where->op, RH_OP_ABSENT);
    ck_assert_int_eq(rh_spec_parse_url(arena, RH_TEXT("a=empty.true"), "", &spec, &error), 0);
    ck_assert_uint_eq(spec->where->op, RH_OP_EMPTY);
}
END_TEST

START_TEST(json_keeps_kinds_of_literals)
{
    setup();
    struct rh_spec *spec = NULL;
    ck_assert_int_eq(
        parse_json("{\"where\":{\"a\":{\"has_all\":[1,\"1\",true,null,[2, 3],{\"x\":1}]}}}", &spec),
        0);
    static const enum rh_literal_kind kinds[] = {RH_LITERAL_NUMBER, RH_LITERAL_STRING,
                                                 RH_LITERAL_BOOL,   RH_LITERAL_NULL,
                                                 RH_LITERAL_JSON,   RH_LITERAL_JSON};
    ck_assert_uint_eq(spec->where->n_operands, 6);
    for (unsigned i = 0; i < 6; i++)
        ck_assert_int_eq(spec->where->operands[i].kind, kinds[i]);
    ck_assert(rh_text_is(spec->where->operands[4].text, "[2, 3]"));
}
END_TEST

START_TEST(relations_are_parsed)
{
    setup();
    ck_assert_str_eq(from_json("{\"where\":{\"orders\":{\"some\":{\"total\":{\"gt\":5}}}}}"),
                     "select  where rel orders some(total gt 5)");
    ck_assert_str_eq(from_json("{\"where\":{\"orders\":{\"none\":{},\"every\":{\"a\":1}}}}"),
                     "select  where and(rel orders none(and()), rel orders every(a eq 1))");
}
END_TEST

START_TEST(url_quotes_and_escapes)
{
    setup();
    ck_assert_str_eq(from_url("a=eq.x,y(z)"), "select  where a eq x,y(z)");
    ck_assert_str_eq(from_url("a=eq.\"q\\\"\\\\\""), "select  where a eq q\"\\");
    ck_assert_str_eq(from_url("a=eq."), "select  where a eq ");
    ck_assert_str_eq(from_url("a=eq.eq.x"), "select  where a eq eq.x");
    ck_assert_str_eq(from_url("%22a.eq%22=eq.%C3%A5+b"), "select  where a.eq eq \xC3\xA5 b");
    ck_assert_str_eq(from_url("or=(%22not%22.eq.1,b.in.(1,2),c.eq.\"),(\")"),
                     "select  where or(not eq 1, b in 1 2, c eq ),()");
    ck_assert_str_eq(from_url("&&a=eq.1&"), "select  where a eq 1");
    struct rh_spec *spec = NULL;
    ck_assert_int_eq(rh_spec_parse_url(arena, RH_TEXT("format=csv&numbers=string&x=1&y=2"), "x y",
                                       &spec, &error),
                     0);
    ck_assert_ptr_null(spec->where);
}
END_TEST

/* ---- Refusals ---------------------------------------------------------------------------- */

static const struct {
    const char *text; /* JSON when it begins with '{' or '[', else a query string */
    const char *code;
    const char *pointer;
    const char *hint; /* somewhere in it */
} refused[] = {
    {"[]", "invalid-query", "", ""},
    {"{\"wher\":{}}", "invalid-query", "/wher", "where"},
    {"{\"where\":[]}", "invalid-filter", "/where", "{\"and\": [...]}"},
    {"{\"where\":{\"a\":[1]}}", "invalid-filter", "/where/a", "\"in\""},
    {"{\"where\":{\"a\":{}}}", "invalid-filter", "/where/a", ""},
    {"{\"where\":{\"a\":{\"eq\":null}}}", "invalid-filter", "/where/a/eq", "{\"null\": true}"},
    {"{\"where\":{\"a\":{\"ne\":null}}}", "invalid-filter", "/where/a/ne", "{\"null\": false}"},
    {"{\"where\":{\"a\":{\"in\":[1,null]}}}", "invalid-filter", "/where/a/in/1", "null"},
    {"{\"where\":{\"a\":{\"in\":1}}}", "invalid-filter", "/where/a/in", ""},
    {"{\"where\":{\"a\":{\"eq\":[1]}}}", "invalid-filter", "/where/a/eq", "\"in\""},
    {"{\"where\":{\"a\":{\"null\":1}}}", "invalid-filter", "/where/a/null", ""},
    {"{\"where\":{\"a\":{\"between\":[1]}}}", "invalid-filter", "/where/a/between", ""},
    {"{\"where\":{\"a\":{\"gteq\":1}}}", "unknown-operator", "/where/a/gteq", "\"gte\""},
    {"{\"where\":{\"and\":[{\"x~/y\":{\"zz\":1}}]}}", "unknown-operator", "/where/and/0/x~0~1y/zz",
     "operators:"},
    {"{\"where\":{\"and\":{}}}", "invalid-filter", "/where/and", ""},
    {"{\"select\":[]}", "invalid-query", "/select", ""},
    {"{\"select\":[1]}", "invalid-query", "/select/0", ""},
    {"{\"order\":\"a\"}", "invalid-query", "/order", ""},
    {"{\"order\":[{\"col\":\"a\",\"dir\":\"down\"}]}", "invalid-query", "/order/0", "dir"},
    {"{\"limit\":-1}", "invalid-query", "/limit", ""},
    {"{\"limit\":1.5}", "invalid-query", "/limit", ""},
    {"{\"limit\":99999999999999999999}", "invalid-query", "/limit", ""},
    {"{\"count\":\"all\"}", "invalid-query", "/count", ""},
    {"{\"after\":\"x\",\"before\":\"y\"}", "invalid-query", "/before", ""},
    {"{\"group\":[{\"m\":{\"bucket\":\"a\",\"by\":\"decade\"}}]}", "invalid-query", "/group/0",
     "month"},
    {"{\"aggregate\":{\"n\":{\"median\":\"a\"}}}", "invalid-query", "/aggregate/n", "sum"},
    {"{\"aggregate\":{\"n\":{\"distinct\":true}}}", "invalid-query", "/aggregate/n", ""},
    {"{\"collate\":\"no\"}", "invalid-query", "/collate", ""},
    {"status=open", "invalid-filter", "?status", "status=eq.open"},
    {"mail=ann@example.org", "invalid-filter", "?mail", "mail=eq.ann@example.org"},
    {"a=gteq.1", "unknown-operator", "?a", "gte"},
    {"a=foo.1", "unknown-operator", "?a", "a=eq.foo.1"},
    {"a=in.1", "invalid-filter", "?a", "in.(a,b)"},
    {"a=in.(1,2", "invalid-query", "?a", ""},
    {"a=in.(1,2)x", "invalid-filter", "?a", ""},
    {"a=in.(f(x))", "invalid-filter", "?a", "double quotes"},
    {"a=null.maybe", "invalid-filter", "?a", ""},
    {"a=between.(1)", "invalid-filter", "?a", ""},
    {"a=eq.\"x", "invalid-query", "?a", ""},
    {"a=eq.\"x\"y", "invalid-filter", "?a", ""},
    {"a=eq.%zz", "invalid-query", "?", ""},
    {"a=eq.%ff", "invalid-query", "?", ""},
    {"=eq.1", "invalid-query", "?", ""},
    {"or=(a,b)", "invalid-filter", "?or", "a.eq.1"},
    {"or=a.eq.1", "invalid-query", "?or", ""},
    {"or=(a.eq.1", "invalid-query", "?or", ""},
    {"or=()", "invalid-filter", "?or", ""},
    {"limit=5&limit=6", "invalid-query", "?limit", ""},
    {"limit=x", "invalid-query", "?limit", ""},
    {"select=a,,b", "invalid-query", "?select", ""},
    {"select=a(b", "invalid-query", "?select", ""},
    {"select=a)b", "invalid-query", "?select", ""},
    {"aggregate=count(*)", "invalid-query", "?aggregate", "n:count(*)"},
    {"group=m:a.decade", "invalid-query", "?group", "month"},
    {"after=x&offset=3", "invalid-query", "/offset", ""},
};

START_TEST(refusals_say_where_and_what)
{
    setup();
    const char *text = refused[_i].text;
    struct rh_spec *spec = NULL;
    int r = text[0] == '{' || text[0] == '['
                ? parse_json(text, &spec)
                : rh_spec_parse_url(arena, rh_text_of(text), NULL, &spec, &error);
    ck_assert_msg(r == RH_INVALID, "%s was accepted", text);
    ck_assert_ptr_null(spec);
    ck_assert_msg(!strcmp(error.code, refused[_i].code), "%s: code %s (%s)", text, error.code,
                  error.message);
    ck_assert_msg(!strcmp(error.pointer, refused[_i].pointer), "%s: pointer %s", text,
                  error.pointer);
    ck_assert_msg(strstr(error.hint, refused[_i].hint), "%s: hint %s", text, error.hint);
}
END_TEST

/* ---- Limits ------------------------------------------------------------------------------ */

static char *repeat(const char *head, const char *part, size_t n, const char *tail)
{
    struct rh_buf buf;
    rh_buf_init(&buf, (size_t)64 << 20);
    rh_buf_add_str(&buf, head);
    for (size_t i = 0; i < n; i++)
        rh_buf_add_str(&buf, part);
    rh_buf_add_str(&buf, tail);
    return rh_buf_take(&buf);
}

static int parse_url_error(char *text)
{
    struct rh_spec *spec = NULL;
    int r = rh_spec_parse_url(arena, rh_text_of(text), "", &spec, &error);
    free(text);
    return r;
}

START_TEST(deep_nesting_is_refused)
{
    setup();
    ck_assert_int_eq(parse_url_error(repeat("or=", "(not", 10000, "")), RH_INVALID);
    ck_assert_str_eq(error.code, "too-deep");
    setup();
    ck_assert_int_eq(parse_url_error(repeat("and=(", "not.", 10000, "a.eq.1)")), RH_INVALID);
    ck_assert_str_eq(error.code, "too-deep");
    setup();
    ck_assert_int_eq(parse_url_error(repeat("select=", "a(", 1000000, "")), RH_INVALID);
    ck_assert_str_eq(error.code, "too-deep");
    setup();
    char *text = repeat("{\"where\":", "{\"not\":", 10000, "");
    struct rh_spec *spec = NULL;
    ck_assert_int_eq(parse_json(text, &spec), RH_INVALID);
    ck_assert_str_eq(error.code, "too-deep");
    free(text);
}
END_TEST

START_TEST(large_input_is_refused_or_taken)
{
    setup();
    ck_assert_int_eq(parse_url_error(repeat("or=(a.eq.1", ",a.eq.1", 1500000, ")")), RH_INVALID);
    ck_assert_str_eq(error.code, "invalid-query");
    setup();
    ck_assert_int_eq(parse_url_error(repeat("", "&a=eq.1", 1500000, "")), RH_INVALID);
    setup();
    ck_assert_int_eq(parse_url_error(repeat("a=in.(1", ",12345", 50000, ")")), 0);
    setup();
    ck_assert_int_eq(parse_url_error(repeat("or=(", "a.", 5000000, ")")), RH_INVALID);
    setup();
    ck_assert_int_eq(parse_url_error(repeat("or=(", "aaaaaaaa", 1250000, ")")), RH_INVALID);
    setup();
    char *text = repeat("{\"where\":{\"or\":[{\"a\":1}", ",{\"a\":1}", 1000000, "]}}");
    struct rh_spec *spec = NULL;
    ck_assert_int_lt(parse_json(text, &spec), 0);
    free(text);
}
END_TEST

int main(void)
{
    struct tests tests = tests_new("parse", NULL, NULL);

    tcase_add_loop_test(tests.tcase, both_forms_mean_the_same, 0, sizeof(twins) / sizeof(twins[0]));
    tcase_add_test(tests.tcase, null_false_negates);
    tcase_add_test(tests.tcase, json_keeps_kinds_of_literals);
    tcase_add_test(tests.tcase, relations_are_parsed);
    tcase_add_test(tests.tcase, url_quotes_and_escapes);
    tcase_add_loop_test(tests.tcase, refusals_say_where_and_what, 0,
                        sizeof(refused) / sizeof(refused[0]));
    tcase_add_test(tests.tcase, deep_nesting_is_refused);
    tcase_add_test(tests.tcase, large_input_is_refused_or_taken);
    return tests_end(&tests);
}
