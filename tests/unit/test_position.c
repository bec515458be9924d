/* Page cursors: values round-trip exactly, nothing altered is accepted, nothing of another
 * query. */
#include "rows/position.h"

#include "base/err.h"
#include "base/text.h"
#include "lib/cells.h"
#include "lib/tests.h"
#include "rows/cell.h"

#include <math.h>
#include <string.h>

static const struct rh_interval span = {.months = -1, .days = 2, .us = INT64_MIN};
static const struct rh_value values[] = {
    {.type = RH_TYPE_NULL},
    X(RH_TYPE_BOOL, 1),
    X(RH_TYPE_INT, 0),
    X(RH_TYPE_INT, -1),
    X(RH_TYPE_INT, INT64_MIN),
    X(RH_TYPE_INT, INT64_MAX),
    {.type = RH_TYPE_UINT, .as.u = UINT64_MAX},
    {.type = RH_TYPE_FLOAT, .as.f = -0.0},
    {.type = RH_TYPE_FLOAT, .as.f = 0.1},
    {.type = RH_TYPE_FLOAT, .as.f = -(double)INFINITY},
    S(RH_TYPE_DECIMAL, "-12345678901234567890123456789.0100"),
    S(RH_TYPE_TEXT, ""),
    S(RH_TYPE_TEXT, "a\0b\xff"),
    S(RH_TYPE_BYTES, "\0\1"),
    X(RH_TYPE_DATE, -700000),
    X(RH_TYPE_TIME, 86400000000),
    X(RH_TYPE_DATETIME, INT64_MAX),
    X(RH_TYPE_TIMESTAMP, -1),
    {.type = RH_TYPE_INTERVAL, .len = 16, .as.data = &span},
    S(RH_TYPE_UUID, "0123456789abcdef"),
    S(RH_TYPE_JSON, "{}"),
};

static struct rh_arena *arena;
static struct rh_error error;
static const uint8_t fingerprint[RH_FINGERPRINT_BYTES] = "some fingerprint";
static const uint8_t other[RH_FINGERPRINT_BYTES] = "some fingerprinT";

static void start(void)
{
    arena = rh_arena_new((size_t)256 << 20);
    rh_error_clear(&error);
}

static struct rh_text make(const struct rh_position *position)
{
    struct rh_text text = {NULL, 0};

    ck_assert_int_eq(rh_position_encode(arena, fingerprint, position, &text, &error), RH_OK);
    return text;
}

START_TEST(values_round_trip)
{
    struct rh_position position = {
        .keyset = true, .binary = true, .values = values, .n_values = COUNT(values)};
    struct rh_position back;
    struct rh_text text;

    start();
    text = make(&position);
    for (size_t i = 0; i < text.len; i++)
        ck_assert(strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
                         text.data[i]));
    ck_assert_msg(rh_position_decode(arena, fingerprint, COUNT(values), text, "/after", &back,
                                     &error) == RH_OK,
                  "%s", error.message);
    ck_assert(back.keyset && back.binary);
    for (size_t i = 0; i < COUNT(values); i++) {
        ck_assert_uint_eq(back.values[i].type, values[i].type);
        ck_assert_uint_eq(back.values[i].len, values[i].len);
        if (rh_cell_has_data(&values[i]))
            ck_assert_int_eq(memcmp(back.values[i].as.data, values[i].as.data, values[i].len), 0);
        else
            ck_assert_msg(back.values[i].as.u == values[i].as.u, "value %zu", i);
    }
    /* The same position is the same text; one that differs is another. */
    ck_assert(rh_text_equal(text, make(&position)));
    position.binary = false;
    ck_assert(!rh_text_equal(text, make(&position)));
}
END_TEST

START_TEST(offsets_round_trip)
{
    static const uint64_t offsets[] = {0, 1, 127, 128, UINT64_MAX};
    struct rh_position back;

    start();
    for (size_t i = 0; i < COUNT(offsets); i++) {
        struct rh_position position = {.offset = offsets[i]};
        ck_assert_int_eq(
            rh_position_decode(arena, fingerprint, 3, make(&position), "/after", &back, &error),
            RH_OK);
        ck_assert(!back.keyset && !back.binary && back.offset == offsets[i]);
    }
}
END_TEST

static void check_refused(struct rh_text text, const uint8_t *print, uint32_t n_values,
                          const char *what)
{
    struct rh_position back;

    rh_error_clear(&error);
    ck_assert_msg(rh_position_decode(arena, print, n_values, text, "/before", &back, &error) ==
                      RH_INVALID,
                  "%s", what);
    ck_assert_str_eq(error.code, "invalid-cursor");
    ck_assert_str_eq(error.pointer, "/before");
}

START_TEST(nothing_altered_is_accepted)
{
    struct rh_position position = {.keyset = true, .values = values, .n_values = COUNT(values)};
    struct rh_text text;
    char *copy;

    start();
    text = make(&position);
    for (size_t i = 0; i < text.len; i++) {
        copy = rh_arena_dup(arena, text.data, text.len);
        copy[i] = copy[i] == 'A' ? 'B' : 'A';
        check_refused(rh_text_make(copy, text.len), fingerprint, COUNT(values), "changed");
        check_refused(rh_text_make(text.data, i), fingerprint, COUNT(values), "cut");
    }
    check_refused(rh_text_make(NULL, 0), fingerprint, COUNT(values), "empty");
    check_refused(RH_TEXT("not base 64!"), fingerprint, COUNT(values), "garbage");
    check_refused(text, fingerprint, COUNT(values) - 1, "too many values");
    check_refused(text, fingerprint, COUNT(values) + 1, "too few values");
    check_refused(text, other, COUNT(values), "another query");
    ck_assert_ptr_nonnull(strstr(error.message, "another query"));
}
END_TEST

START_TEST(another_key_reads_nothing)
{
    static const uint8_t one[32] = "one", two[32] = "two";
    struct rh_position position = {.offset = 9}, back;
    struct rh_text text;

    start();
    rh_position_set_key(one);
    text = make(&position);
    rh_position_set_key(two);
    check_refused(text, fingerprint, 0, "another key");
    rh_position_set_key(one);
    rh_error_clear(&error);
    ck_assert_int_eq(rh_position_decode(arena, fingerprint, 0, text, "/after", &back, &error),
                     RH_OK);
}
END_TEST

/* ---- Fingerprints ------------------------------------------------------------------------ */

static const struct rh_column columns[] = {
    {.name = RH_TEXT_INIT("a"), .type = RH_TYPE_INT},
    {.name = RH_TEXT_INIT("b"), .type = RH_TYPE_INT},
};
static const struct rh_column swapped[] = {
    {.name = RH_TEXT_INIT("b"), .type = RH_TYPE_INT},
    {.name = RH_TEXT_INIT("a"), .type = RH_TYPE_INT},
};
static const struct rh_value ones[] = {X(RH_TYPE_INT, 1), X(RH_TYPE_INT, 2)};
static const uint32_t conjuncts[] = {0, 1};

struct variant {
    struct rh_query query;
    struct rh_node nodes[2];
    struct rh_order order;
};

static void base(struct variant *v)
{
    memset(v, 0, sizeof(*v));
    v->nodes[0] = (struct rh_node){.op = RH_OP_EQ, .column = 0, .first = 0, .n = 1};
    v->nodes[1] = (struct rh_node){.op = RH_OP_GT, .column = 1, .first = 1, .n = 1};
    v->order = (struct rh_order){.column = 1};
    v->query = (struct rh_query){.table = RH_TEXT("t"),
                                 .columns = columns,
                                 .n_columns = 2,
                                 .column_stride = sizeof(columns[0]),
                                 .conjuncts = conjuncts,
                                 .n_conjuncts = 2,
                                 .nodes = v->nodes,
                                 .n_nodes = 2,
                                 .values = ones,
                                 .n_values = 2,
                                 .order = &v->order,
                                 .n_order = 1,
                                 .limit = 10};
}

static void print_of(const char *datasource, const struct variant *v, uint8_t *ret)
{
    ck_assert_int_eq(rh_position_fingerprint(rh_text_of(datasource), &v->query, ret, &error),
                     RH_OK);
}

START_TEST(fingerprints_tell_queries_apart)
{
    uint8_t first[RH_FINGERPRINT_BYTES], print[RH_FINGERPRINT_BYTES];
    struct variant v;

    start();
    base(&v);
    print_of("d", &v, first);
    for (unsigned i = 0; i < 12; i++) {
        bool same = i < 3;
        base(&v);
        switch (i) {
        case 0: /* the limit may change from page to page */
            v.query.limit = 20;
            break;
        case 1: /* and what is selected */
            v.query.select = conjuncts;
            v.query.n_select = 2;
            break;
        case 2: /* which may move the columns */
            v.query.columns = swapped;
            v.nodes[0].column = 1;
            v.nodes[1].column = 0;
            v.order.column = 0;
            break;
        case 3:
            v.query.table = RH_TEXT("u");
            break;
        case 4:
            v.nodes[0].op = RH_OP_LT;
            break;
        case 5:
            v.nodes[0].first = 1;
            break;
        case 6:
            v.nodes[0].column = 1;
            break;
        case 7:
            v.order.flags = RH_ORDER_DESC;
            break;
        case 8:
            v.order.column = 0;
            break;
        case 9:
            v.query.n_conjuncts = 1;
            break;
        case 10:
            v.query.flags = RH_QUERY_DISTINCT;
            break;
        default:
            v.query.n_order = 0;
        }
        print_of("d", &v, print);
        ck_assert_msg((memcmp(first, print, sizeof(print)) == 0) == same, "variant %u", i);
    }
    base(&v);
    print_of("e", &v, print);
    ck_assert_int_ne(memcmp(first, print, sizeof(print)), 0);
}
END_TEST

TESTS_MAIN("position", values_round_trip, offsets_round_trip, nothing_altered_is_accepted,
           another_key_reads_nothing, fingerprints_tell_queries_apart)
