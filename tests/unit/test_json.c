/* core/base/json.h */
#include "base/json.h"

#include "base/err.h"
#include "base/text.h"
#include "lib/fault.h"
#include "lib/tests.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* In an arena that lasts as long as the process of the test. */
static int parse(struct rh_text text, struct rh_json **ret_value, struct rh_error *error)
{
    static struct rh_arena *arena;
    if (!arena)
        arena = rh_arena_new(SIZE_MAX);
    rh_error_clear(error);
    return rh_json_parse(arena, text, ret_value, error);
}

static const struct rh_json *parsed(const char *text)
{
    struct rh_json *value = NULL;
    struct rh_error error = RH_ERROR_INIT;
    int rc = parse(rh_text_of(text), &value, &error);
    ck_assert_msg(rc == 0, "%s: %s", text, error.message);
    return value;
}

START_TEST(reads_every_kind)
{
    const struct rh_json *v =
        parsed(" {\"a\" : [1, -2.50e+3 ,true,false,null], \"b\":\"x\", \"\":{}, \"c\":[]} ");
    ck_assert_int_eq(v->kind, RH_JSON_OBJECT);
    ck_assert_uint_eq(v->n, 4);
    const struct rh_json *a = rh_json_member(v, "a");
    ck_assert(a == v->child && rh_text_is(a->key, "a") && a->n == 5);
    ck_assert(rh_text_is(a->source, "[1, -2.50e+3 ,true,false,null]"));
    const struct rh_json *e = a->child;
    ck_assert(e->kind == RH_JSON_NUMBER && rh_text_is(e->text, "1") && !e->key.data);
    e = e->next;
    ck_assert(e->kind == RH_JSON_NUMBER && rh_text_is(e->text, "-2.50e+3"));
    ck_assert(rh_text_is(e->source, "-2.50e+3"));
    ck_assert_int_eq((e = e->next)->kind, RH_JSON_TRUE);
    ck_assert_int_eq((e = e->next)->kind, RH_JSON_FALSE);
    ck_assert_int_eq((e = e->next)->kind, RH_JSON_NULL);
    ck_assert_ptr_null(e->next);
    const struct rh_json *b = rh_json_member(v, "b");
    ck_assert(b->kind == RH_JSON_STRING && rh_text_is(b->text, "x"));
    ck_assert(rh_text_is(b->source, "\"x\""));
    ck_assert(rh_json_member(v, "")->kind == RH_JSON_OBJECT && !rh_json_member(v, "")->child);
    ck_assert(rh_json_member(v, "c")->n == 0);
    ck_assert_ptr_null(rh_json_member(v, "d"));
    ck_assert_ptr_null(rh_json_member(a, "a"));
    ck_assert_ptr_null(rh_json_member(NULL, "a"));
    ck_assert_ptr_eq(rh_json_find(v, RH_TEXT("a")), a);
    ck_assert(rh_text_is(rh_json_string(v, "b"), "x"));
    ck_assert(!rh_json_string(v, "a").data && !rh_json_string(v, "d").data);
    ck_assert_str_eq(rh_json_kind_name(RH_JSON_FALSE), "boolean");
    ck_assert_str_eq(rh_json_kind_name(RH_JSON_OBJECT), "object");
}
END_TEST

START_TEST(decodes_strings)
{
    static const struct {
        const char *json;
        struct rh_text text;
    } cases[] = {
        {"\"\"", RH_TEXT_INIT("")},
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", RH_TEXT_INIT("\"\\/\b\f\n\r\t")},
        {"\"\\u0041\\u00e4\\u20AC\\ud83d\\uDE00\"", RH_TEXT_INIT("Aä€😀")},
        {"\"a\\u0000b\"", RH_TEXT_INIT("a\0b")},
        {"\"\\u007f\\u0080\\u07ff\\u0800\\uffff\"",
         RH_TEXT_INIT("\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf")},
        {"\"\\uD7FF\\uE000\\uDBFF\\uDFFF\\ud800\\udc00\"",
         RH_TEXT_INIT("\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf\xf0\x90\x80\x80")},
        {"\"ä€😀 long enough to be scanned by words\"",
         RH_TEXT_INIT("ä€😀 long enough to be scanned by words")},
        {"\"12345678\\\\\"", RH_TEXT_INIT("12345678\\")},
        {"\"\x7f\"", RH_TEXT_INIT("\x7f")},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct rh_json *v = parsed(cases[i].json);
        ck_assert_int_eq(v->kind, RH_JSON_STRING);
        ck_assert_msg(rh_text_equal(v->text, cases[i].text), "%s", cases[i].json);
        ck_assert(rh_text_is(v->source, cases[i].json));
    }
    const struct rh_json *v = parsed("{\"\\u0061b\":1}");
    ck_assert_ptr_nonnull(rh_json_member(v, "ab"));
}
END_TEST

START_TEST(accepts_what_is_json)
{
    static const char *const right[] = {"0",
                                        "-0",
                                        "1e5",
                                        "1E-5",
                                        "0.0",
                                        "0e0",
                                        "123456789012345678901234567890.1",
                                        "1e999999999",
                                        "[]",
                                        "{}",
                                        "[[]]",
                                        "\t\r\n 1 \t\r\n",
                                        "[1,\n2]",
                                        "\"\xf4\x8f\xbf\xbf\"",
                                        "{\"a\":{\"a\":1}}",
                                        "{\"a\":1,\"A\":2,\"\":3}",
                                        "\"\\u2028\"",
                                        "null",
                                        "\"\xef\xbb\xbf\""};
    for (size_t i = 0; i < COUNT(right); i++)
        parsed(right[i]);
}
END_TEST

START_TEST(refuses_what_is_not_json)
{
    static const char *const wrong[] = {"",
                                        " ",
                                        "01",
                                        "-01",
                                        "1.",
                                        ".5",
                                        "-",
                                        "--1",
                                        "+1",
                                        "1e",
                                        "1e+",
                                        "1.e1",
                                        "1.5.5",
                                        "0x1",
                                        "1_0",
                                        "-a",
                                        "NaN",
                                        "Infinity",
                                        "-Infinity",
                                        "nul",
                                        "nulll",
                                        "True",
                                        "tru",
                                        "truefalse",
                                        "1 2",
                                        "[",
                                        "]",
                                        "{",
                                        "}",
                                        "[1",
                                        "[1,",
                                        "[1,]",
                                        "[,1]",
                                        "[1 2]",
                                        "[1,,2]",
                                        "[}",
                                        "{]",
                                        "{\"a\"}",
                                        "{\"a\":}",
                                        "{\"a\":1,}",
                                        "{,}",
                                        "{a:1}",
                                        "{'a':1}",
                                        "{1:1}",
                                        "{\"a\" 1}",
                                        "{\"a\":1 \"b\":2}",
                                        "{\"a\":1",
                                        "{\"a\"",
                                        "{\"",
                                        "\"",
                                        "\"a",
                                        "\"\\",
                                        "\"\\\"",
                                        "'a'",
                                        "\"\\x\"",
                                        "\"\\u\"",
                                        "\"\\u12\"",
                                        "\"\\u123\"",
                                        "\"\\u123g\"",
                                        "\"\\ud800\"",
                                        "\"\\udc00\"",
                                        "\"\\ud800\\ud800\"",
                                        "\"\\ud800\\u0041\"",
                                        "\"\\ud800x\"",
                                        "\"\\udc00\\ud800\"",
                                        "\"\\ud83d\\ude0\"",
                                        "\"\\U0041\"",
                                        "\"\\ \"",
                                        "\"\n\"",
                                        "\"\t\"",
                                        "\"\x1f\"",
                                        "\"\x80\"",
                                        "\"\xc0\xaf\"",
                                        "\"\xe0\x80\xaf\"",
                                        "\"\xf0\x80\x80\xaf\"",
                                        "\"\xed\xa0\x80\"",
                                        "\"\xf4\x90\x80\x80\"",
                                        "\"\xf8\x88\x80\x80\x80\"",
                                        "\"\xff\"",
                                        "\"\xc3\"",
                                        "\"12345678\xe2\x82\"",
                                        "\xef\xbb\xbf{}",
                                        "// a\n1",
                                        "/* a */1",
                                        "[1]#",
                                        "1\f",
                                        "\v1",
                                        "{} {}",
                                        "[\"a\",\n4\n,1,",
                                        "{\"a\":1,\"a\":2}",
                                        "{\"a\":1,\"\\u0061\":1}",
                                        "{\"\":1,\"\":1}",
                                        "[{\"b\":{\"a\":1,\"x\":[],\"a\":1}}]",
                                        "\"\\a\"",
                                        "[\"\\\x1b\"]",
                                        "\"\\\n\"",
                                        "\"abc\\\xff\""};
    struct rh_arena *arena = rh_arena_new(SIZE_MAX);
    for (size_t i = 0; i < COUNT(wrong); i++) {
        struct rh_json *value = NULL;
        struct rh_error error = RH_ERROR_INIT;
        int rc = parse(rh_text_of(wrong[i]), &value, &error);
        ck_assert_msg(rc == RH_INVALID, "%zu: %s", i, wrong[i]);
        ck_assert_str_eq(error.code, "invalid-json");
        ck_assert_ptr_null(value);
        ck_assert(rh_text_is_utf8(rh_text_of(error.message)));
        ck_assert_int_eq(rh_json_parse(arena, rh_text_of(wrong[i]), &value, NULL), RH_INVALID);
    }
    rh_arena_free(arena);
    struct rh_json *value = NULL;
    struct rh_error error = RH_ERROR_INIT;
    ck_assert_int_eq(parse(RH_TEXT("1\0"), &value, &error), RH_INVALID);
    ck_assert_int_eq(parse(RH_TEXT("\"\0\""), &value, &error), RH_INVALID);
    ck_assert_int_eq(parse(RH_TEXT("\"\\\0\""), &value, &error), RH_INVALID);
    ck_assert_int_eq(parse((struct rh_text){NULL, 0}, &value, &error), RH_INVALID);
}
END_TEST

/* No byte outside of the text is looked at: each front part stands in memory of exactly its size.
 */
START_TEST(refuses_every_front_part)
{
    static const char text[] =
        "{\"key\":[1.5e3,true,false,null,\"text \\n \\ud83d\\ude00 \xf0\x9f\x98\x80\",{\"a\":{}}]}";
    for (size_t n = 0; n < sizeof(text) - 1; n++) {
        char *part = malloc(n ? n : 1);
        struct rh_json *value = NULL;
        struct rh_error error = RH_ERROR_INIT;
        memcpy(part, text, n);
        ck_assert_int_eq(parse(rh_text_make(part, n), &value, &error), RH_INVALID);
        free(part);
    }
}
END_TEST

START_TEST(tells_line_and_column)
{
    static const struct {
        const char *json;
        const char *message;
    } cases[] = {
        {"[1,\n 2,\n  x]", "Unexpected character in the JSON text at line 3, column 3"},
        {"", "Unexpected end in the JSON text at line 1, column 1"},
        {"{\"a\":1,\n\"a\":2}", "Duplicate key \"a\" in the JSON text at line 2, column 1"},
        {"[01]", "Invalid number in the JSON text at line 1, column 2"},
        {"[\"\\ud800\"]", "Invalid \\u escape in the JSON text at line 1, column 3"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rh_json *value = NULL;
        struct rh_error error = RH_ERROR_INIT;
        ck_assert_int_eq(parse(rh_text_of(cases[i].json), &value, &error), RH_INVALID);
        ck_assert_str_eq(error.message, cases[i].message);
    }
    /* a long key of multi-byte characters is cut between two */
    static char text[2000];
    for (int pad = 0; pad < 4; pad++) {
        struct rh_buf buf;
        struct rh_json *value = NULL;
        struct rh_error error = RH_ERROR_INIT;
        rh_buf_init(&buf, sizeof(text));
        for (int k = 0; k < 2; k++) {
            rh_buf_addf(&buf, "%s\"%.*s", k ? ":1," : "{", pad, "xxxx");
            for (int i = 0; i < 50; i++)
                rh_buf_add_str(&buf, "😀");
            rh_buf_add_char(&buf, '"');
        }
        rh_buf_add_str(&buf, ":1}");
        ck_assert_int_eq(parse(rh_buf_text(&buf), &value, &error), RH_INVALID);
        ck_assert(rh_text_is_utf8(rh_text_of(error.message)));
        ck_assert_ptr_nonnull(strstr(error.message, "…\" in the JSON"));
        rh_buf_free(&buf);
    }
}
END_TEST

static struct rh_text nested(struct rh_buf *buf, const char *open, const char *close, int depth)
{
    rh_buf_clear(buf);
    for (int i = 0; i < depth; i++)
        rh_buf_add_str(buf, open);
    rh_buf_add_char(buf, '1');
    for (int i = 0; i < depth; i++)
        rh_buf_add_str(buf, close);
    ck_assert(!buf->failed);
    return rh_buf_text(buf);
}

START_TEST(limits_depth)
{
    static const int depths[] = {127, 128, 129, 10000, 1000000};
    struct rh_buf buf;
    rh_buf_init(&buf, 1 << 26);
    for (size_t i = 0; i < COUNT(depths); i++) {
        for (int object = 0; object < 2; object++) {
            struct rh_json *value = NULL;
            struct rh_error error = RH_ERROR_INIT;
            struct rh_text text = object ? nested(&buf, "{\"a\":", "}", depths[i])
                                         : nested(&buf, "[", "]", depths[i]);
            int rc = parse(text, &value, &error);
            if (depths[i] <= RH_JSON_MAX_DEPTH) {
                ck_assert_int_eq(rc, 0);
                ck_assert(rh_json_equal(value, value));
            } else {
                ck_assert_int_eq(rc, RH_INVALID);
                ck_assert_str_eq(error.code, "too-deep");
            }
        }
    }
    /* depth is what is open, not what there was */
    rh_buf_clear(&buf);
    rh_buf_add_char(&buf, '[');
    for (int i = 0; i < 1000; i++)
        rh_buf_add_str(&buf, "[{}],");
    rh_buf_add_str(&buf, "0]");
    struct rh_json *value = NULL;
    struct rh_error error = RH_ERROR_INIT;
    ck_assert_int_eq(parse(rh_buf_text(&buf), &value, &error), 0);
    ck_assert_uint_eq(value->n, 1001);
    rh_buf_free(&buf);
}
END_TEST

START_TEST(reads_a_long_string)
{
    struct rh_buf buf, out;
    rh_buf_init(&buf, 1 << 25);
    rh_buf_init(&out, 1 << 25);
    char *data = malloc(10000000);
    memset(data, 'x', 10000000);
    data[9999999] = '\n';
    rh_json_add_string(&buf, rh_text_make(data, 10000000));
    ck_assert_uint_eq(buf.len, 10000003);
    struct rh_json *value = NULL;
    struct rh_error error = RH_ERROR_INIT;
    ck_assert_int_eq(parse(rh_buf_text(&buf), &value, &error), 0);
    ck_assert(rh_text_equal(value->text, rh_text_make(data, 10000000)));
    free(data);
    rh_buf_free(&buf);
    rh_buf_free(&out);
}
END_TEST

/* Few keys are compared, many are hashed: around the border, with the last a duplicate of each. */
START_TEST(finds_duplicates_in_objects_of_every_size)
{
    struct rh_buf buf;
    rh_buf_init(&buf, 1 << 20);
    for (int n = 1; n < 40; n++) {
        for (int same = 0; same <= n; same++) {
            struct rh_json *value = NULL;
            struct rh_error error = RH_ERROR_INIT;
            rh_buf_clear(&buf);
            rh_buf_add_char(&buf, '{');
            for (int i = 0; i < n; i++)
                rh_buf_addf(&buf, "\"k%d\":%d,", i, i);
            rh_buf_addf(&buf, "\"k%d\":0}", same);
            int rc = parse(rh_buf_text(&buf), &value, &error);
            ck_assert_int_eq(rc, same < n ? RH_INVALID : 0);
            ck_assert(rc == 0 || strncmp(error.message, "Duplicate key", 13) == 0);
        }
    }
    rh_buf_free(&buf);
}
END_TEST

/* Quadratic would be five milliards of comparisons. */
START_TEST(copes_with_a_hundred_thousand_keys)
{
    struct rh_buf forward, backward;
    rh_buf_init(&forward, 1 << 24);
    rh_buf_init(&backward, 1 << 24);
    for (int i = 0; i < 100000; i++) {
        rh_buf_addf(&forward, "%s\"key%d\":%d", i ? "," : "{", i, i);
        rh_buf_addf(&backward, "%s\"key%d\":%d", i ? "," : "{", 99999 - i, 99999 - i);
    }
    rh_buf_add_char(&forward, '}');
    rh_buf_add_char(&backward, '}');
    struct rh_json *a = NULL, *b = NULL;
    struct rh_error error = RH_ERROR_INIT;
    ck_assert_int_eq(parse(rh_buf_text(&forward), &a, &error), 0);
    ck_assert_int_eq(parse(rh_buf_text(&backward), &b, &error), 0);
    ck_assert_uint_eq(a->n, 100000);
    ck_assert(rh_json_equal(a, b));
    rh_buf_free(&forward);
    rh_buf_free(&backward);
}
END_TEST

START_TEST(stays_within_its_arena)
{
    struct rh_text text = RH_TEXT("[1,2,3,4,5,6,7,8,9,10]");
    struct rh_arena *arena = rh_arena_new(SIZE_MAX);
    struct rh_json *value = NULL;
    ck_assert_int_eq(rh_json_parse(arena, text, &value, NULL), 0);
    size_t need = rh_arena_used(arena);
    rh_arena_free(arena);
    for (size_t max = need - 1; max <= need + 1; max++) {
        struct rh_error error = RH_ERROR_INIT;
        arena = rh_arena_new(max);
        ck_assert_int_eq(rh_json_parse(arena, text, &value, &error), max < need ? RH_RESOURCE : 0);
        ck_assert_str_eq(error.code, max < need ? "out-of-memory" : "");
        rh_arena_free(arena);
    }
}
END_TEST

START_TEST(walks_a_sequence)
{
    struct rh_arena *arena = rh_arena_new(SIZE_MAX);
    struct rh_text rest = RH_TEXT(" {\"a\":1}\n[2]\r\n\n\"x\" 4\n ");
    struct rh_error error = RH_ERROR_INIT;
    struct rh_json *value = NULL;
    static const char *const sources[] = {"{\"a\":1}", "[2]", "\"x\"", "4"};
    for (size_t i = 0; i < COUNT(sources); i++) {
        ck_assert_int_eq(rh_json_parse_next(arena, &rest, &value, &error), 0);
        ck_assert(rh_text_is(value->source, sources[i]));
    }
    ck_assert_int_eq(rh_json_parse_next(arena, &rest, &value, &error), RH_END);
    ck_assert_int_eq(rh_json_parse_next(arena, &rest, &value, &error), RH_END);
    static const char *const wrong[] = {"1,2",        "01", "1.", "{}{}",
                                        "\"a\"\"b\"", ",1", "]",  "nullnull"};
    for (size_t i = 0; i < COUNT(wrong); i++) {
        rest = rh_text_of(wrong[i]);
        rh_error_clear(&error);
        ck_assert_int_eq(rh_json_parse_next(arena, &rest, &value, &error), RH_INVALID);
        ck_assert_ptr_eq(rest.data, wrong[i]);
    }
    rest = (struct rh_text){NULL, 0};
    ck_assert_int_eq(rh_json_parse_next(arena, &rest, &value, NULL), RH_END);
    rh_arena_free(arena);
}
END_TEST

/* Number of elements when the text is an array, else the error's class. */
static int walk(const char *text, struct rh_error *error)
{
    struct rh_arena *arena = rh_arena_new(16384);
    struct rh_json_array array = {.n = 0};
    struct rh_json *value = NULL;
    rh_error_clear(error);
    int rc = rh_json_array_open(&array, rh_text_of(text), error);
    while (rc == 0 && (rc = rh_json_array_next(&array, arena, &value, error)) == 0)
        rh_arena_reset(arena);
    if (rc < 0 && array.state) {
        ck_assert_int_eq(rh_json_array_next(&array, arena, &value, NULL), rc);
    } else if (rc == RH_END) {
        ck_assert_int_eq(rh_json_array_next(&array, arena, &value, error), RH_END);
        rc = (int)array.n;
    }
    rh_arena_free(arena);
    return rc;
}

START_TEST(walks_an_array)
{
    struct rh_error error = RH_ERROR_INIT;
    ck_assert_int_eq(walk("[]", &error), 0);
    ck_assert_int_eq(walk(" [ ] ", &error), 0);
    ck_assert_int_eq(walk("[1]", &error), 1);
    ck_assert_int_eq(walk("\n[ 1 , {\"a\":[1,2]},\n[] ]\n", &error), 3);
    static const char *const wrong[] = {
        "",     " ",     "{}",   "1",     "[",   "[1", "[1,",  "[1,]",
        "[,1]", "[1 2]", "[1]]", "[1] 2", "[]x", "[}", "[01]", "[{\"a\":1,\"a\":1}]"};
    for (size_t i = 0; i < COUNT(wrong); i++) {
        ck_assert_msg(walk(wrong[i], &error) == RH_INVALID, "%s", wrong[i]);
        ck_assert_str_eq(error.code, "invalid-json");
    }
    walk("[1,\n{},\nx]", &error);
    ck_assert_str_eq(error.message, "Unexpected character in the JSON text at line 3, column 1");

    struct rh_buf buf;
    rh_buf_init(&buf, 1 << 20);
    for (int depth = 127; depth <= 129; depth++) {
        nested(&buf, "[", "]", depth);
        rh_buf_add_char(&buf, '\0');
        ck_assert_int_eq(walk(buf.data, &error), depth <= RH_JSON_MAX_DEPTH ? 1 : RH_INVALID);
    }
    /* 100 000 elements through an arena of 16 384 bytes */
    rh_buf_clear(&buf);
    for (int i = 0; i < 100000; i++)
        rh_buf_addf(&buf, "%s[%d]", i ? "," : "[", i % 100);
    rh_buf_add(&buf, "]", 2);
    ck_assert_int_eq(walk(buf.data, &error), 100000);
    rh_buf_free(&buf);
}
END_TEST

START_TEST(compares_by_value)
{
    static const struct {
        const char *a, *b;
        bool equal;
    } cases[] = {{"1", "1.0", true},
                 {"1", "\"1\"", false},
                 {"true", "false", false},
                 {"null", "null", true},
                 {"\"a\"", "\"\\u0061\"", true},
                 {"[1,2]", "[1.0,2e0]", true},
                 {"[1,2]", "[2,1]", false},
                 {"[1]", "[1,2]", false},
                 {"{\"a\":1,\"b\":[]}", "{\"b\":[],\"a\":1}", true},
                 {"{\"a\":1}", "{\"b\":1}", false},
                 {"{\"a\":1}", "{\"a\":2}", false},
                 {"{}", "[]", false},
                 {"{\"a\":1}", "{\"a\":1,\"b\":1}", false},
                 {"[]", "[]", true},
                 {"\"\"", "\"\"", true}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct rh_json *a = parsed(cases[i].a), *b = parsed(cases[i].b);
        ck_assert_msg(rh_json_equal(a, b) == cases[i].equal, "%s %s", cases[i].a, cases[i].b);
        ck_assert_msg(rh_json_equal(b, a) == cases[i].equal, "%s %s", cases[i].b, cases[i].a);
    }
}
END_TEST

static void check_written(struct rh_text text, const char *expected)
{
    struct rh_buf buf;
    rh_buf_init(&buf, 1000);
    rh_json_add_string(&buf, text);
    ck_assert_msg(rh_text_is(rh_buf_text(&buf), expected), "%.*s %s",
                  RH_TEXT_ARG(rh_buf_text(&buf)), expected);
    rh_buf_free(&buf);
}

START_TEST(writes_strings)
{
    check_written(RH_TEXT(""), "\"\"");
    check_written((struct rh_text){NULL, 0}, "\"\"");
    check_written(RH_TEXT("a\"b\\c/d"), "\"a\\\"b\\\\c/d\"");
    check_written(RH_TEXT("\b\f\n\r\t\x01\x1f\x7f\0z"),
                  "\"\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\\u0000z\"");
    check_written(RH_TEXT("ä€😀12345678ä"), "\"ä€😀12345678ä\"");
    check_written(RH_TEXT("a\xff"
                          "b\xed\xa0\x80\xc3"),
                  "\"a�b����\"");
    struct rh_buf buf;
    rh_buf_init(&buf, 1000);
    rh_json_add_key(&buf, "a\"");
    ck_assert(rh_text_is(rh_buf_text(&buf), "\"a\\\"\":"));
    rh_buf_free(&buf);
}
END_TEST

/* Each byte at each place of a text: whatever goes out is read back, the same when it was UTF-8. */
START_TEST(what_is_written_reads_back)
{
    struct rh_buf buf;
    rh_buf_init(&buf, 1000);
    for (size_t place = 0; place < 20; place++) {
        for (unsigned byte = 0; byte < 256; byte++) {
            char text[20];
            struct rh_json *value = NULL;
            struct rh_error error = RH_ERROR_INIT;
            memset(text, 'x', sizeof(text));
            text[place] = (char)byte;
            rh_buf_clear(&buf);
            rh_json_add_string(&buf, rh_text_make(text, sizeof(text)));
            ck_assert_int_eq(parse(rh_buf_text(&buf), &value, &error), 0);
            ck_assert(rh_text_equal(value->text, rh_text_make(text, sizeof(text))) == (byte < 128));
            if (byte >= 128) {
                ck_assert_uint_eq(value->text.len, sizeof(text) + 2);
                ck_assert(memcmp(value->text.data + place, "\xef\xbf\xbd", 3) == 0);
            }
        }
    }
    rh_buf_free(&buf);
}
END_TEST

START_TEST(writes_doubles)
{
    struct rh_buf buf;
    rh_buf_init(&buf, 1000);
    rh_json_add_f64(&buf, 1e300);
    rh_buf_add_char(&buf, ' ');
    rh_json_add_f64(&buf, (double)INFINITY);
    rh_json_add_f64(&buf, (double)-INFINITY);
    rh_json_add_f64(&buf, (double)NAN);
    rh_json_add_f64(&buf, -0.25);
    ck_assert(rh_text_is(rh_buf_text(&buf), "1e+300 nullnullnull-0.25"));
    rh_buf_free(&buf);
}
END_TEST

static bool read_and_write(void *context)
{
    struct rh_text text = rh_buf_text(context);
    bool ok = false;
    struct rh_arena *arena = rh_arena_new(SIZE_MAX);
    int rc;
    struct rh_buf out;
    struct rh_json *value = NULL, *element = NULL;
    struct rh_json_array array;
    struct rh_error error = RH_ERROR_INIT;
    rh_buf_init(&out, 1 << 20);
    if (!arena)
        goto out;
    rc = rh_json_parse(arena, text, &value, &error);
    if (rc) {
        FAULT_ASSERT(rc == RH_RESOURCE);
        FAULT_ASSERT(strcmp(error.code, "out-of-memory") == 0);
        goto out;
    }
    FAULT_ASSERT(rh_json_equal(value, value));
    rc = rh_json_array_open(&array, text, &error);
    while (rc == 0)
        rc = rh_json_array_next(&array, arena, &element, &error);
    if (rc != RH_END) {
        FAULT_ASSERT(rc == RH_RESOURCE);
        goto out;
    }
    rh_json_add_string(&out, text);
    ok = !out.failed;
out:
    rh_buf_free(&out);
    rh_arena_free(arena);
    return ok;
}

START_TEST(survives_failed_allocations)
{
    struct rh_buf text;
    rh_buf_init(&text, 1 << 20);
    rh_buf_add_str(&text, "[");
    for (int object = 0; object < 3; object++) {
        for (int i = 0; i < 100; i++)
            rh_buf_addf(&text, "%s\"k%d\":\"\\n%d\"", i ? "," : "{", i, i);
        rh_buf_add_str(&text, object < 2 ? "}," : "}");
    }
    rh_buf_add_str(&text, "]");
    ck_assert_uint_ge(fault_torture(read_and_write, &text), 10);
    rh_buf_free(&text);
}
END_TEST

TESTS_MAIN("json", reads_every_kind, decodes_strings, accepts_what_is_json,
           refuses_what_is_not_json, refuses_every_front_part, tells_line_and_column, limits_depth,
           reads_a_long_string, finds_duplicates_in_objects_of_every_size,
           copes_with_a_hundred_thousand_keys, stays_within_its_arena, walks_a_sequence,
           walks_an_array, compares_by_value, writes_strings, what_is_written_reads_back,
           writes_doubles, survives_failed_allocations)
