/* Array literals that no server writes: each is refused, or becomes well-formed JSON. */
#include "plugins/postgres/native_array.c"

#include "base/text.h"
#include "lib/tests.h"
#include "rows/jsoncheck.h"

#include <stdlib.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* In a copy that ends where the literal ends, so that reading on is found out. */
static bool convert(struct rh_buf *to, unsigned oid, const char *literal, size_t n)
{
    char *copy = malloc(n ? n : 1);
    bool ok = false;

    rh_buf_clear(to);
    ck_assert_ptr_nonnull(copy);
    memcpy(copy, literal, n);
    ok = rh_pg_array_to_json(to, oid, rh_text_make(copy, n));
    free(copy);
    return ok;
}

START_TEST(hostile_literals)
{
    static const struct {
        unsigned oid;
        const char *literal, *json; /* NULL: refused */
    } cases[] = {
        {PG_OID_INT4, "", NULL},
        {PG_OID_INT4, "1", NULL},
        {PG_OID_INT4, "{", NULL},
        {PG_OID_INT4, "}", NULL},
        {PG_OID_INT4, "{}}", NULL},
        {PG_OID_INT4, "{{}", NULL},
        {PG_OID_INT4, "{,}", NULL},
        {PG_OID_INT4, "{1,}", NULL},
        {PG_OID_INT4, "{,1}", NULL},
        {PG_OID_INT4, "{1,,2}", NULL},
        {PG_OID_INT4, "{1", NULL},
        {PG_OID_INT4, "{1,2", NULL},
        {PG_OID_INT4, "{1}2", NULL},
        {PG_OID_INT4, "{1} ", NULL},
        {PG_OID_INT4, " {1}", NULL},
        {PG_OID_INT4, "{1 }", NULL},
        {PG_OID_INT4, "{ 1}", NULL},
        {PG_OID_INT4, "{1}{2}", NULL},
        {PG_OID_INT4, "{{1}{2}}", NULL},
        {PG_OID_INT4, "{1{2}}", NULL},
        {PG_OID_INT4, "{\"1\"2}", NULL},
        {PG_OID_INT4, "{1\"2\"}", NULL},
        {PG_OID_INT4, "[1:2]", NULL},
        {PG_OID_INT4, "[1:2]=", NULL},
        {PG_OID_INT4, "[1:]={1}", NULL},
        {PG_OID_INT4, "[:1]={1}", NULL},
        {PG_OID_INT4, "[1]={1}", NULL},
        {PG_OID_INT4, "[1:2={1,2}", NULL},
        {PG_OID_INT4, "[1:2][={1,2}", NULL},
        {PG_OID_INT4, "[--1:2]={1,2}", NULL},
        {PG_OID_INT4, "[1:2] = {1,2}", NULL},
        {PG_OID_INT4, "[1:2]{1,2}", NULL},
        {PG_OID_INT4, "[2:3]={1,2}", "[1,2]"},
        {PG_OID_INT4, "[-9:-8][0:0]={{1},{2}}", "[[1],[2]]"},
        {PG_OID_INT4, "{{{{{{1}}}}}}", "[[[[[[1]]]]]]"},
        {PG_OID_INT4, "{{{{{{{1}}}}}}}", NULL},
        {PG_OID_INT4, "{01,1.,.5,1e,1e+,-,+1,--1,0x1,1_0,1e5,-0.5E-7}",
         "[\"01\",\"1.\",\".5\",\"1e\",\"1e+\",\"-\",\"+1\",\"--1\",\"0x1\",\"1_0\",1e5,-0.5E-7]"},
        {PG_OID_FLOAT8, "{NaN,-Infinity,NULL}", "[\"NaN\",\"-Infinity\",null]"},
        {PG_OID_BOOL, "{t,f}", "[true,false]"},
        {PG_OID_BOOL, "{true}", NULL},
        {PG_OID_BOOL, "{\"\"}", NULL},
        {PG_OID_TEXT, "{\"}", NULL},
        {PG_OID_TEXT, "{\"a\\", NULL},
        {PG_OID_TEXT, "{\"a\\\"}", NULL},
        {PG_OID_TEXT, "{a\\b}", NULL},
        {PG_OID_TEXT, "{a b}", NULL},
        {PG_OID_TEXT, "{\"\",\"NULL\",NULL,null}", "[\"\",\"NULL\",null,\"null\"]"},
        {PG_OID_TEXT, "{\"},{\",\"\\\"\\\\\"}", "[\"},{\",\"\\\"\\\\\"]"},
        {PG_OID_TEXT, "{],[,:}", "[\"]\",\"[\",\":\"]"},
        {PG_OID_TEXT, "{\xff}", NULL},
        {PG_OID_TEXT, "{\"\xc3\\\xa9\"}", NULL},
        {PG_OID_TEXT, "{\xed\xa0\x80}", NULL},
        {PG_OID_JSONB, "{\"\"}", NULL},
        {PG_OID_JSONB, "{\"null\",NULL,\"{\\\"a\\\": [1]}\"}", "[null,null,{\"a\": [1]}]"},
        {PG_OID_DATE, "{2024-02-29,infinity,-infinity}",
         "[\"2024-02-29\",\"infinity\",\"-infinity\"]"},
        {PG_OID_DATE, "{02-29-2024}", NULL},
        {PG_OID_DATE, "{29.02.2024}", NULL},
        {PG_OID_DATE, "{2024-02-2}", NULL},
        {PG_OID_DATE, "{\"2024-02-29 AD\"}", NULL},
        {PG_OID_DATE, "{\"2024-02-29 00:00:00\"}", NULL},
        {PG_OID_DATE, "{\"\"}", NULL},
        {PG_OID_TIMESTAMP, "{2024-02-29}", NULL},
        {PG_OID_TIMESTAMP, "{\"2024-02-29 01:02:03.\"}", NULL},
        {PG_OID_TIMESTAMP, "{\"2024-02-29 01:02:03+00\"}", NULL},
        {PG_OID_TIMESTAMP, "{\"Thu Feb 29 01:02:03 2024\"}", NULL},
        {PG_OID_TIMESTAMPTZ, "{\"2024-02-29 01:02:03\"}", NULL},
        {PG_OID_TIMESTAMPTZ, "{\"2024-02-29 01:02:03 UTC\"}", NULL},
        {PG_OID_TIMESTAMPTZ, "{\"2024-02-29 01:02:03+0\"}", NULL},
        {PG_OID_TIMESTAMPTZ, "{\"1890-01-01 01:02:03.5+05:53:28 BC\"}",
         "[\"1890-01-01T01:02:03.5+05:53:28 BC\"]"},
    };
    struct rh_buf json;

    rh_buf_init(&json, 1 << 16);
    for (size_t i = 0; i < COUNT(cases); i++) {
        bool ok = convert(&json, cases[i].oid, cases[i].literal, strlen(cases[i].literal));
        ck_assert_msg(ok == (cases[i].json != NULL), "%s", cases[i].literal);
        ck_assert_msg(!ok || rh_text_is(rh_buf_text(&json), cases[i].json), "%s: %.*s",
                      cases[i].literal, (int)json.len, json.data);
    }
    ck_assert(!convert(&json, PG_OID_TEXT, "{a\0b}", 5));
    ck_assert(convert(&json, PG_OID_TEXT, "{\"a\0b\"}", 7));
    ck_assert(rh_jsoncheck_is_valid(rh_buf_text(&json)));
    rh_buf_free(&json);
}
END_TEST

/* Each literal cut off everywhere, and with each of its bytes replaced by each that has a meaning. */
START_TEST(bent_literals)
{
    static const char bytes[] = "{}[]\",:=\\ -+.09aTNULnull\n\x01\xc3\xff";
    static const struct {
        unsigned oid;
        const char *literal;
    } cases[] = {
        {PG_OID_INT4, "[-1:0][2:3]={{1,-20},{NULL,3}}"},
        {PG_OID_FLOAT8, "{0.5,-1e+20,NaN,-0,Infinity}"},
        {PG_OID_BOOL, "{t,NULL,f}"},
        {PG_OID_TEXT, "{{\"a\\\"b\\\\\",\"\"},{NULL,\"\xc3\xa9 {}\"}}"},
        {PG_OID_DATE, "{2024-02-29,\"0044-03-15 BC\",infinity}"},
        {PG_OID_TIMESTAMPTZ, "{\"2024-02-29 23:59:59.5+05:30\",\"12024-01-01 00:00:00-03 BC\"}"},
        {PG_OID_BYTEA, "{\"\\\\x00ff\",\"\\\\x\"}"},
    };
    struct rh_buf json;

    rh_buf_init(&json, 1 << 16);
    for (size_t i = 0; i < COUNT(cases); i++) {
        char bent[128];
        size_t n = strlen(cases[i].literal);
        ck_assert_uint_lt(n, sizeof bent);
        ck_assert_msg(convert(&json, cases[i].oid, cases[i].literal, n), "%s", cases[i].literal);
        for (size_t at = 0; at < n; at++) {
            ck_assert(!convert(&json, cases[i].oid, cases[i].literal, at));
            for (size_t k = 0; k < sizeof bytes; k++) { /* its NUL, too */
                memcpy(bent, cases[i].literal, n);
                bent[at] = bytes[k];
                if (convert(&json, cases[i].oid, bent, n))
                    ck_assert_msg(rh_jsoncheck_is_valid(rh_buf_text(&json)), "%.*s: %.*s", (int)n,
                                  bent, (int)json.len, json.data);
            }
        }
    }
    rh_buf_free(&json);
}
END_TEST

/* Neither the stack nor the memory is at the literal's mercy. */
START_TEST(endless_literals)
{
    const size_t n = 1 << 20;
    char *literal = malloc(n);
    struct rh_buf json;

    ck_assert_ptr_nonnull(literal);
    memset(literal, '{', n);
    rh_buf_init(&json, 1000);
    ck_assert(!convert(&json, PG_OID_INT4, literal, n));
    ck_assert(!json.failed);
    memset(literal, '\x01', n); /* six bytes each in JSON */
    memcpy(literal, "{\"", 2);
    memcpy(literal + n - 2, "\"}", 2);
    ck_assert(!convert(&json, PG_OID_TEXT, literal, n));
    ck_assert(json.failed);
    ck_assert_uint_le(json.cap, 1000);
    rh_buf_free(&json);
    rh_buf_init(&json, 8 * n);
    ck_assert(convert(&json, PG_OID_TEXT, literal, n));
    ck_assert_uint_eq(json.len, 6 * (n - 4) + 4);
    rh_buf_free(&json);
    free(literal);
}
END_TEST

TESTS_MAIN("postgres_native_array", hostile_literals, bent_literals, endless_literals)
