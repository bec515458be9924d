/* Binding: names to positions, literals to typed values, NOT into operators, order made total. */
#include "lib/tests.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/text.h"
#include "connector/civil.h"
#include "rows/bind.h"

#include <math.h>
#include <stdlib.h>

static struct rh_arena *arena;
static struct rh_tableset *tables;
static struct rh_error error;

/* ---- Tables ------------------------------------------------------------------------------ */

#define NN RH_COLUMN_NOT_NULL
static const struct rh_column orders_columns[] = {
    {.name = RH_TEXT_INIT("id"), .type = RH_TYPE_INT, .flags = NN | RH_COLUMN_IDENTITY},
    {.name = RH_TEXT_INIT("status"), .type = RH_TYPE_TEXT, .flags = RH_COLUMN_EXACT_EQUAL},
    {.name = RH_TEXT_INIT("total"), .type = RH_TYPE_DECIMAL, .precision = 10, .scale = 2},
    {.name = RH_TEXT_INIT("created_at"), .type = RH_TYPE_TIMESTAMP, .flags = NN},
    {.name = RH_TEXT_INIT("paid"), .type = RH_TYPE_BOOL},
    {.name = RH_TEXT_INIT("weight"), .type = RH_TYPE_FLOAT},
    {.name = RH_TEXT_INIT("big"), .type = RH_TYPE_UINT},
    {.name = RH_TEXT_INIT("day"), .type = RH_TYPE_DATE},
    {.name = RH_TEXT_INIT("at"), .type = RH_TYPE_DATETIME},
    {.name = RH_TEXT_INIT("clock"), .type = RH_TYPE_TIME},
    {.name = RH_TEXT_INIT("span"), .type = RH_TYPE_INTERVAL},
    {.name = RH_TEXT_INIT("uid"), .type = RH_TYPE_UUID},
    {.name = RH_TEXT_INIT("raw"), .type = RH_TYPE_BYTES},
    {.name = RH_TEXT_INIT("doc"), .type = RH_TYPE_JSON},
    {.name = RH_TEXT_INIT("code"),
     .type = RH_TYPE_TEXT,
     .flags = NN | RH_COLUMN_BINARY_ORDER | RH_COLUMN_EXACT_EQUAL},
    {.name = RH_TEXT_INIT("odd"), .type = RH_TYPE_TEXT, .flags = RH_COLUMN_OPAQUE},
    {.name = RH_TEXT_INIT("soft"), .type = RH_TYPE_TEXT},
    {.name = RH_TEXT_INIT("a.b"), .type = RH_TYPE_INT},
};
#define N_ORDERS (sizeof(orders_columns) / sizeof(orders_columns[0]))

static const struct rh_column plain_columns[] = {
    {.name = RH_TEXT_INIT("a"), .type = RH_TYPE_INT},
    {.name = RH_TEXT_INIT("b"), .type = RH_TYPE_INT, .flags = NN},
    {.name = RH_TEXT_INIT("c"), .type = RH_TYPE_INT, .flags = NN},
};

static const uint32_t first[] = {0}, second[] = {1}, both[] = {2, 1}, pair[] = {14, 0};
static const struct rh_index plain_indexes[] = {
    {.columns = second, .n_columns = 1, .flags = RH_INDEX_UNIQUE | RH_INDEX_PARTIAL},
    {.columns = second, .n_columns = 1},
    {.columns = both, .n_columns = 2, .flags = RH_INDEX_UNIQUE},
};

#define TABLE(name_, columns_, n_)                                                                 \
    .struct_size = sizeof(struct rh_table), .name = RH_TEXT_INIT(name_), .columns = (columns_),    \
    .n_columns = (n_), .column_stride = sizeof(struct rh_column), .est_rows = -1,                  \
    .index_stride = sizeof(struct rh_index)

static const struct rh_table catalog_tables[] = {
    {TABLE("orders", orders_columns, N_ORDERS), .key = first, .n_key = 1},
    {TABLE("pairs", orders_columns, N_ORDERS), .key = pair, .n_key = 2},
    {TABLE("nokey", plain_columns, 3)},
    {TABLE("weak", plain_columns, 3), .key = first, .n_key = 1},
    {TABLE("indexed", plain_columns, 3), .indexes = plain_indexes, .n_indexes = 3},
};

static void setup(void)
{
    struct rh_catalog catalog = {.struct_size = sizeof(catalog),
                                 .tables = catalog_tables,
                                 .n_tables = sizeof(catalog_tables) / sizeof(catalog_tables[0]),
                                 .table_stride = sizeof(struct rh_table)};
    rh_error_clear(&error);
    ck_assert_msg(rh_tableset_new(&catalog, &tables, &error) == 0, "%s", error.message);
    arena = rh_arena_new((size_t)256 << 20);
}

static void teardown(void)
{
    rh_arena_free(arena);
    rh_tableset_unref(tables);
}

static const struct rh_table *table_of(const char *name)
{
    const struct rh_table *table = NULL;
    ck_assert_int_eq(rh_tableset_find(tables, rh_text_of(name), &table, &error), 0);
    return table;
}

/* ---- Queries as text --------------------------------------------------------------------- */

static void show_value(struct rh_buf *buf, const struct rh_value *value)
{
    switch (value->type) {
    case RH_TYPE_NULL:
        rh_buf_add_str(buf, "null");
        break;
    case RH_TYPE_FLOAT:
        rh_buf_addf(buf, "f%g", value->as.f);
        break;
    case RH_TYPE_UINT:
        rh_buf_addf(buf, "u%llu", (unsigned long long)value->as.u);
        break;
    case RH_TYPE_DECIMAL:
    case RH_TYPE_TEXT:
    case RH_TYPE_JSON:
        rh_buf_addf(buf, "%c'%.*s'", value->type == RH_TYPE_TEXT ? 't' : 'd', (int)value->len,
                    (const char *)value->as.data);
        break;
    default:
        rh_buf_addf(buf, "%lld", (long long)value->as.i);
    }
}

static const char *op_name(uint32_t op)
{
    static const char *const names[RH_N_OPS] = {
        [RH_OP_AND] = "and",       [RH_OP_OR] = "or",           [RH_OP_EQ] = "=",
        [RH_OP_LT] = "<",          [RH_OP_LTE] = "<=",          [RH_OP_GT] = ">",
        [RH_OP_GTE] = ">=",        [RH_OP_IN] = "in",           [RH_OP_LIKE] = "like",
        [RH_OP_STARTS] = "starts", [RH_OP_ENDS] = "ends",       [RH_OP_CONTAINS] = "contains",
        [RH_OP_NULL] = "null",     [RH_OP_MATCHES] = "matches", [RH_OP_ABSENT] = "absent",
        [RH_OP_EMPTY] = "empty",   [RH_OP_HAS_ALL] = "has_all", [RH_OP_HAS_ANY] = "has_any",
    };
    return names[RH_OP_BASE(op)];
}

static void show_node(struct rh_buf *buf, const struct rh_query *query,
                      const struct rh_column *columns, uint32_t at)
{
    ck_assert_uint_lt(at, query->n_nodes);
    const struct rh_node *node = &query->nodes[at];
    if (node->op == RH_OP_AND || node->op == RH_OP_OR) {
        ck_assert_uint_eq(node->column, RH_NO_COLUMN);
        rh_buf_addf(buf, "%s(", op_name(node->op));
        for (uint32_t i = 0; i < node->n; i++) {
            ck_assert_uint_gt(node->first + i, at);
            rh_buf_add_str(buf, i ? ", " : "");
            show_node(buf, query, columns, node->first + i);
        }
        rh_buf_add_char(buf, ')');
        return;
    }
    rh_buf_addf(buf, "%.*s %s%s%s", RH_TEXT_ARG(columns[node->column].name),
                node->op & RH_OP_NOT ? "!" : "", node->op & RH_OP_FOLD ? "i" : "",
                op_name(node->op));
    for (uint32_t i = 0; i < node->n; i++) {
        ck_assert_uint_lt(node->first + i, query->n_values);
        rh_buf_add_char(buf, ' ');
        show_value(buf, &query->values[node->first + i]);
    }
}

static const char *show_conjuncts(const struct rh_query *query, const struct rh_column *columns,
                                  const uint32_t *conjuncts, uint32_t n)
{
    struct rh_buf buf;
    rh_buf_init(&buf, 1 << 20);
    for (uint32_t i = 0; i < n; i++) {
        rh_buf_add_str(&buf, i ? " & " : "");
        show_node(&buf, query, columns, conjuncts[i]);
    }
    ck_assert(!buf.failed);
    const char *text = rh_arena_dup(arena, buf.data ? buf.data : "", buf.len);
    rh_buf_free(&buf);
    return text;
}

static int bind(const char *table, const char *json, struct rh_bound *ret_bound)
{
    struct rh_json *body = NULL;
    struct rh_spec *spec = NULL;
    rh_error_clear(&error);
    ck_assert_msg(rh_json_parse(arena, rh_text_of(json), &body, &error) == 0, "%s: %s", json,
                  error.message);
    ck_assert_msg(rh_spec_parse_json(arena, body, &spec, &error) == 0, "%s: %s", json,
                  error.message);
    return rh_bind_query(arena, tables, table_of(table), spec, ret_bound, &error);
}

static struct rh_bound bound_of(const char *table, const char *json)
{
    struct rh_bound bound = {0};
    ck_assert_msg(bind(table, json, &bound) == 0, "%s: %s (%s)", json, error.message, error.hint);
    return bound;
}

static const char *where_of(const char *json_where)
{
    const char *json = rh_arena_printf(arena, "{\"where\":%s}", json_where);
    struct rh_bound bound = bound_of("orders", json);
    return show_conjuncts(&bound.query, bound.query.columns, bound.query.conjuncts,
                          bound.query.n_conjuncts);
}

static const char *order_of(const char *table, const char *json, bool *ret_stable)
{
    struct rh_bound bound = bound_of(table, json);
    bool grouped = bound.query.n_groups || bound.query.n_aggregates;
    struct rh_buf buf;
    rh_buf_init(&buf, 1 << 20);
    for (uint32_t i = 0; i < bound.query.n_order; i++) {
        const struct rh_order *key = &bound.query.order[i];
        const struct rh_column *column =
            grouped ? &bound.outputs[key->column] : &bound.query.columns[key->column];
        rh_buf_addf(&buf, "%s%.*s%s%s%s",
                    i == bound.n_asked ? "; "
                    : i                ? " "
                                       : "",
                    RH_TEXT_ARG(column->name), key->flags & RH_ORDER_DESC ? "-" : "+",
                    key->flags & RH_ORDER_NULLS_FIRST ? "f" : "l",
                    key->flags & RH_ORDER_BINARY ? "b" : "");
    }
    *ret_stable = bound.stable;
    const char *text = rh_arena_dup(arena, buf.data ? buf.data : "", buf.len);
    rh_buf_free(&buf);
    return text;
}

/* ---- Conditions -------------------------------------------------------------------------- */

static const struct {
    const char *where;
    const char *bound;
} conditions[] = {
    {"{}", ""},
    {"{\"id\":5}", "id = 5"},
    {"{\"id\":\"5\"}", "id = 5"},
    {"{\"id\":5.0}", "id = 5"},
    {"{\"id\":5e0,\"status\":\"x\"}", "id = 5 & status = t'x'"},
    {"{\"and\":[{\"id\":1},{\"and\":[{\"id\":2},{\"id\":3}]}]}", "id = 1 & id = 2 & id = 3"},
    {"{\"or\":[{\"id\":1},{\"or\":[{\"id\":2},{\"id\":3}]}]}", "or(id = 1, id = 2, id = 3)"},
    {"{\"or\":[{\"id\":1},{\"id\":2,\"status\":\"x\"}]}", "or(id = 1, and(id = 2, status = t'x'))"},
    {"{\"or\":[{\"id\":1}]}", "id = 1"},
    {"{\"or\":[]}", "or()"},
    {"{\"not\":{\"or\":[]}}", ""},
    {"{\"or\":[{\"id\":1},{}]}", ""},
    {"{\"not\":{\"id\":1}}", "id != 1"},
    {"{\"not\":{\"id\":{\"ne\":1}}}", "id = 1"},
    {"{\"not\":{\"not\":{\"id\":1}}}", "id = 1"},
    {"{\"not\":{\"or\":[{\"id\":1},{\"status\":\"x\"}]}}", "id != 1 & status != t'x'"},
    {"{\"not\":{\"id\":1,\"status\":\"x\"}}", "or(id != 1, status != t'x')"},
    {"{\"id\":{\"between\":[1,5]}}", "id >= 1 & id <= 5"},
    {"{\"not\":{\"id\":{\"between\":[1,5]}}}", "or(id !>= 1, id !<= 5)"},
    {"{\"id\":null}", "id null"},
    {"{\"id\":{\"null\":false}}", "id !null"},
    {"{\"id\":{\"exists\":false}}", "id absent"},
    {"{\"status\":{\"empty\":true}}", "or(status null, status = t'')"},
    {"{\"status\":{\"empty\":false}}", "status !null & status != t''"},
    {"{\"id\":{\"empty\":true}}", "id null"},
    {"{\"doc\":{\"empty\":false}}", "doc !empty"},
    {"{\"status\":{\"ilike\":\"a%\",\"nlike\":\"b\"}}", "status ilike t'a%' & status !like t'b'"},
    {"{\"status\":{\"matches\":\"^a+$\"}}", "status matches t'^a+$'"},
    {"{\"a.b\":7}", "a.b = 7"},
    /* numbers that a whole-number column cannot hold */
    {"{\"id\":1.5}", "or()"},
    {"{\"id\":{\"ne\":1.5}}", ""},
    {"{\"id\":{\"gt\":1.5}}", "id > 1"},
    {"{\"id\":{\"gte\":1.5}}", "id > 1"},
    {"{\"id\":{\"lt\":1.5}}", "id <= 1"},
    {"{\"id\":{\"lte\":-1.5}}", "id <= -2"},
    {"{\"not\":{\"id\":{\"gt\":1.5}}}", "id !> 1"},
    {"{\"id\":99999999999999999999}", "or()"},
    {"{\"id\":{\"lt\":99999999999999999999}}", "id !null"},
    {"{\"id\":{\"gt\":99999999999999999999}}", "or()"},
    {"{\"id\":{\"gt\":-99999999999999999999}}", "id !null"},
    {"{\"id\":{\"lt\":-99999999999999999999}}", "or()"},
    {"{\"not\":{\"id\":{\"lt\":1e30}}}", "id null"},
    {"{\"id\":{\"gt\":9223372036854775807.5}}", "id > 9223372036854775807"},
    {"{\"id\":{\"in\":[1,1.5,2,1e30]}}", "id in 1 2"},
    {"{\"id\":{\"in\":[1.5]}}", "or()"},
    {"{\"id\":{\"nin\":[]}}", ""},
    {"{\"id\":{\"in\":[]}}", "or()"},
    {"{\"big\":18446744073709551615}", "big = u18446744073709551615"},
    {"{\"big\":{\"gte\":-1}}", "big !null"},
    {"{\"big\":{\"lt\":0.5}}", "big <= u0"},
    {"{\"big\":{\"gt\":18446744073709551616}}", "or()"},
    {"{\"big\":-0}", "big = u0"},
    /* exact text of decimals */
    {"{\"total\":{\"gte\":\"100.00\"}}", "total >= d'100.00'"},
    {"{\"total\":1e3}", "total = d'1000'"},
    {"{\"total\":{\"lt\":-1.50E-2}}", "total < d'-0.0150'"},
    {"{\"total\":12345678901234567890123456789012345678.5}",
     "total = d'12345678901234567890123456789012345678.5'"},
    {"{\"weight\":1.5}", "weight = f1.5"},
    {"{\"weight\":\"NaN\"}", "weight = fnan"},
    {"{\"weight\":{\"lt\":\"Infinity\"}}", "weight < finf"},
    {"{\"paid\":true}", "paid = 1"},
    {"{\"day\":\"1970-01-11\"}", "day = 10"},
    {"{\"at\":\"1970-01-01T00:00:01\"}", "at = 1000000"},
    {"{\"created_at\":{\"gt\":\"1970-01-01T02:00:00+02:00\"}}", "created_at > 0"},
    {"{\"created_at\":\"1970-01-01T00:00:01\"}", "created_at = 1000000"},
    {"{\"clock\":{\"lt\":\"00:00:01.5\"}}", "clock < 1500000"},
    {"{\"doc\":{\"has\":\"x\"}}", "doc has_all d'\"x\"'"},
    {"{\"doc\":{\"has_any\":[1, null, \"q\\\"\", {\"a\": 1}]}}",
     "doc has_any d'1' d'null' d'\"q\\\"\"' d'{\"a\": 1}'"},
    {"{\"not\":{\"doc\":{\"has_all\":[]}}}", "doc !has_all"},
};

START_TEST(conditions_are_bound)
{
    ck_assert_str_eq(where_of(conditions[_i].where), conditions[_i].bound);
}
END_TEST

static const struct {
    const char *query;
    const char *code;
    const char *pointer;
    const char *hint;
} refused[] = {
    {"{\"where\":{\"totl\":1}}", "unknown-column", "/where/totl", "\"total\""},
    {"{\"where\":{\"customer.name\":1}}", "unknown-relation", "/where/customer.name", ""},
    {"{\"where\":{\"lines\":{\"some\":{}}}}", "unknown-relation", "/where/lines/some", ""},
    {"{\"select\":[{\"stats\":[\"x\"]}]}", "unknown-relation", "/select/0/stats", "\"status\""},
    {"{\"select\":[\"id\",\"idd\"]}", "unknown-column", "/select/1", "\"id\""},
    {"{\"select\":[\"id\",\"id\"]}", "invalid-query", "/select/1", ""},
    {"{\"where\":{\"id\":\"x\"}}", "invalid-value", "/where/id", "whole number"},
    {"{\"where\":{\"id\":true}}", "invalid-value", "/where/id", ""},
    {"{\"where\":{\"id\":\"\"}}", "invalid-value", "/where/id", ""},
    {"{\"where\":{\"total\":\"1,5\"}}", "invalid-value", "/where/total", "number"},
    {"{\"where\":{\"total\":1e999999999}}", "invalid-value", "/where/total", ""},
    {"{\"where\":{\"weight\":1e999}}", "invalid-value", "/where/weight", ""},
    {"{\"where\":{\"status\":5}}", "invalid-value", "/where/status", "string"},
    {"{\"where\":{\"paid\":\"true\"}}", "invalid-value", "/where/paid", "true or false"},
    {"{\"where\":{\"day\":\"2024-02-30\"}}", "invalid-value", "/where/day", "2024-02-29"},
    {"{\"where\":{\"at\":\"2024-01-01T00:00:00Z\"}}", "invalid-value", "/where/at", "no time zone"},
    {"{\"where\":{\"uid\":\"{123e4567-e89b-12d3-a456-426614174000}\"}}", "invalid-value",
     "/where/uid", "UUID"},
    {"{\"where\":{\"raw\":\"*\"}}", "invalid-value", "/where/raw", "base64"},
    {"{\"where\":{\"doc\":1}}", "invalid-filter", "/where/doc", "has"},
    {"{\"where\":{\"paid\":{\"lt\":true}}}", "invalid-filter", "/where/paid/lt", "eq"},
    {"{\"where\":{\"span\":{\"lt\":\"P1D\"}}}", "invalid-filter", "/where/span/lt", ""},
    {"{\"where\":{\"id\":{\"like\":\"1%\"}}}", "invalid-filter", "/where/id/like", "text"},
    {"{\"where\":{\"uid\":{\"contains\":\"1\"}}}", "invalid-filter", "/where/uid/contains", ""},
    {"{\"where\":{\"status\":{\"has\":1}}}", "invalid-filter", "/where/status/has", "JSON"},
    {"{\"where\":{\"status\":{\"like\":\"a\\\\\"}}}", "invalid-filter", "/where/status/like",
     "twice"},
    {"{\"where\":{\"status\":{\"matches\":\"(\"}}}", "invalid-filter", "/where/status/matches", ""},
    {"{\"where\":{\"or\":[{\"id\":{\"in\":[]}},{\"nope\":1}]}}", "unknown-column",
     "/where/or/1/nope", ""},
    {"{\"order\":[\"doc\"]}", "invalid-query", "/order/0", ""},
    {"{\"order\":[\"id\",\"-id\"]}", "invalid-query", "/order/1", ""},
    {"{\"order\":[\"nope\"]}", "unknown-column", "/order/0", ""},
    {"{\"select\":[\"id\"],\"distinct\":true,\"order\":[\"status\"]}", "invalid-query", "/order/0",
     "select"},
    {"{\"distinct\":true}", "invalid-query", "/distinct", ""},
    {"{\"having\":{\"id\":1}}", "invalid-query", "/having", ""},
    {"{\"select\":[\"id\"],\"group\":[\"id\"]}", "invalid-query", "/select", ""},
    {"{\"group\":[\"doc\"]}", "invalid-query", "/group/0", ""},
    {"{\"group\":[{\"m\":{\"bucket\":\"id\",\"by\":\"month\"}}]}", "invalid-query", "/group/0",
     "timestamp"},
    {"{\"group\":[\"id\"],\"aggregate\":{\"id\":{\"count\":\"*\"}}}", "invalid-query",
     "/aggregate/id", ""},
    {"{\"aggregate\":{\"n\":{\"sum\":\"*\"}}}", "invalid-query", "/aggregate/n", ""},
    {"{\"aggregate\":{\"n\":{\"sum\":\"status\"}}}", "invalid-query", "/aggregate/n", ""},
    {"{\"aggregate\":{\"n\":{\"max\":\"doc\"}}}", "invalid-query", "/aggregate/n", ""},
    {"{\"aggregate\":{\"n\":{\"count\":\"*\"}},\"having\":{\"m\":1}}", "unknown-column",
     "/having/m", "\"n\""},
    {"{\"aggregate\":{\"n\":{\"count\":\"*\"}},\"order\":[\"id\"]}", "unknown-column", "/order/0",
     ""},
};

START_TEST(refusals_say_where_and_what)
{
    struct rh_bound bound = {0};
    const char *query = refused[_i].query;
    ck_assert_msg(bind("orders", query, &bound) == RH_INVALID, "%s was accepted", query);
    ck_assert_ptr_null(bound.table);
    ck_assert_msg(!strcmp(error.code, refused[_i].code), "%s: code %s (%s)", query, error.code,
                  error.message);
    ck_assert_msg(!strcmp(error.pointer, refused[_i].pointer), "%s: pointer %s", query,
                  error.pointer);
    ck_assert_msg(strstr(error.hint, refused[_i].hint), "%s: hint %s", query, error.hint);
}
END_TEST

START_TEST(only_used_columns_are_listed)
{
    struct rh_bound bound =
        bound_of("orders", "{\"select\":[\"total\",\"status\"],\"where\":{\"paid\":true,"
                           "\"total\":{\"gt\":1},\"not\":{\"paid\":false}},\"order\":[\"total\"]}");
    ck_assert_uint_eq(bound.query.n_columns, 4); /* total, status, paid, id */
    ck_assert(rh_text_is(bound.query.columns[0].name, "total"));
    ck_assert(rh_text_is(bound.query.columns[2].name, "paid"));
    ck_assert(rh_text_is(bound.query.columns[3].name, "id"));
    ck_assert_uint_eq(bound.query.n_select, 2);
    ck_assert_uint_eq(bound.query.select[1], 1);
    ck_assert_uint_eq(bound.n_outputs, 2);
    ck_assert(rh_text_is(bound.outputs[1].name, "status"));
    bound = bound_of("orders", "{}");
    ck_assert_uint_eq(bound.n_outputs, N_ORDERS);
    ck_assert(bound.query.limit == RH_NO_LIMIT);
}
END_TEST

START_TEST(search_looks_at_text_columns)
{
    struct rh_bound bound = bound_of("orders", "{\"search\":\"x\",\"where\":{\"id\":1}}");
    ck_assert_str_eq(
        show_conjuncts(&bound.query, bound.query.columns, bound.query.conjuncts,
                       bound.query.n_conjuncts),
        "id = 1 & or(status icontains t'x', code icontains t'x', soft icontains t'x')");
    struct rh_bound none = {0};
    ck_assert_int_eq(bind("nokey", "{\"search\":\"x\"}", &none), RH_INVALID);
    ck_assert_str_eq(error.pointer, "/search");
}
END_TEST

/* ---- Order ------------------------------------------------------------------------------- */

static const struct {
    const char *table;
    const char *query;
    const char *order; /* asked; completed */
    bool stable;
} orders[] = {
    {"orders", "{}", "; id+l", true},
    {"orders", "{\"order\":[\"-total\"]}", "total-f; id+l", true},
    {"orders", "{\"order\":[\"-id\"]}", "id-f", true},
    {"orders", "{\"order\":[\"status\"]}", "status+l; id+l", true},
    {"orders", "{\"order\":[\"status\"],\"collate\":\"binary\"}", "status+lb; id+l", true},
    {"orders", "{\"order\":[\"code\",\"odd\"]}", "code+lb odd+lb; id+l", true},
    {"orders", "{\"order\":[{\"col\":\"total\",\"dir\":\"desc\",\"nulls\":\"last\"}]}",
     "total-l; id+l", true},
    {"orders", "{\"order\":[{\"col\":\"total\",\"nulls\":\"first\"}]}", "total+f; id+l", true},
    {"pairs", "{\"order\":[\"-id\"]}", "id-f; code+lb", true},
    {"nokey", "{\"order\":[\"a\"]}", "a+l", false},
    {"weak", "{}", "; a+l", false},
    {"indexed", "{\"order\":[\"-c\"]}", "c-f; b+l", true},
    {"orders", "{\"distinct\":true,\"select\":[\"soft\",\"status\"],\"order\":[\"-soft\"]}",
     "soft-f; soft+lb status+lb", true},
    {"orders", "{\"distinct\":true,\"select\":[\"status\",\"span\"],\"order\":[\"status\"]}",
     "status+l", false},
    {"orders",
     "{\"group\":[\"status\"],\"aggregate\":{\"n\":{\"count\":\"*\"}},"
     "\"order\":[\"-n\"]}",
     "n-f; status+lb", true},
    {"orders", "{\"aggregate\":{\"n\":{\"count\":\"*\"}}}", "", true},
};

START_TEST(orders_are_completed)
{
    bool stable = false;
    ck_assert_str_eq(order_of(orders[_i].table, orders[_i].query, &stable), orders[_i].order);
    ck_assert_int_eq(stable, orders[_i].stable);
}
END_TEST

START_TEST(groups_have_typed_outputs)
{
    struct rh_bound bound = bound_of(
        "orders",
        "{\"group\":[\"status\",{\"m\":{\"bucket\":\"created_at\",\"by\":\"month\"}}],"
        "\"aggregate\":{\"n\":{\"count\":\"*\"},\"s\":{\"sum\":\"id\"},\"w\":{\"avg\":\"weight\"},"
        "\"x\":{\"max\":\"total\"},\"d\":{\"count\":\"status\",\"distinct\":true}},"
        "\"having\":{\"n\":{\"gt\":9.5},\"or\":[{\"s\":{\"lt\":\"1.5\"}},{\"status\":null}]}}");
    static const uint32_t types[] = {RH_TYPE_TEXT,  RH_TYPE_TIMESTAMP, RH_TYPE_INT, RH_TYPE_DECIMAL,
                                     RH_TYPE_FLOAT, RH_TYPE_DECIMAL,   RH_TYPE_INT};
    ck_assert_uint_eq(bound.n_outputs, 7);
    for (unsigned i = 0; i < 7; i++)
        ck_assert_uint_eq(bound.outputs[i].type, types[i]);
    ck_assert_uint_eq(bound.query.groups[1].bucket, RH_BUCKET_MONTH);
    ck_assert_uint_eq(bound.query.aggregates[0].column, RH_NO_COLUMN);
    ck_assert_uint_eq(bound.query.aggregates[1].type, RH_TYPE_DECIMAL);
    ck_assert_uint_eq(bound.query.aggregates[4].distinct, 1);
    ck_assert_uint_eq(bound.query.n_select, 0);
    ck_assert_str_eq(
        show_conjuncts(&bound.query, bound.outputs, bound.query.having, bound.query.n_having),
        "n > 9 & or(s < d'1.5', status null)");
}
END_TEST

/* ---- Values and keys --------------------------------------------------------------------- */

static int bare(const char *column, const char *text, struct rh_value *ret_value)
{
    const struct rh_table *table = table_of("orders");
    uint32_t position = rh_tableset_column(tables, table, rh_text_of(column));
    struct rh_literal literal = {.kind = RH_LITERAL_BARE, .text = rh_text_of(text)};
    rh_error_clear(&error);
    return rh_bind_value(arena, &table->columns[position], &literal, "?x", ret_value, &error);
}

START_TEST(bare_literals_follow_the_column)
{
    struct rh_value value;
    ck_assert_int_eq(bare("paid", "1", &value), 0);
    ck_assert_int_eq(value.as.i, 1);
    ck_assert_int_eq(bare("paid", "false", &value), 0);
    ck_assert_int_eq(value.as.i, 0);
    ck_assert_int_eq(bare("status", "5", &value), 0);
    ck_assert_uint_eq(value.type, RH_TYPE_TEXT);
    ck_assert_int_eq(bare("id", "-5", &value), 0);
    ck_assert_int_eq(value.as.i, -5);
    ck_assert_int_eq(bare("id", "1.5", &value), RH_INVALID);
    ck_assert_str_eq(error.code, "invalid-value");
    ck_assert_int_eq(bare("id", "", &value), RH_INVALID);
    ck_assert_int_eq(bare("doc", "{\"a\":1}", &value), 0);
    ck_assert(rh_text_is(rh_text_make(value.as.data, value.len), "{\"a\":1}"));
    ck_assert_int_eq(bare("doc", "plain", &value), 0);
    ck_assert(rh_text_is(rh_text_make(value.as.data, value.len), "\"plain\""));
    ck_assert_int_eq(bare("raw", "AAEC", &value), 0);
    ck_assert_uint_eq(value.len, 3);
    ck_assert_mem_eq(value.as.data, "\0\1\2", 3);
    ck_assert_int_eq(bare("raw", "", &value), 0);
    ck_assert_uint_eq(value.len, 0);
    ck_assert_int_eq(bare("uid", "123E4567-e89b-12d3-a456-426614174000", &value), 0);
    ck_assert_uint_eq(((const uint8_t *)value.as.data)[1], 0x3e);
    ck_assert_int_eq(bare("span", "P1Y2DT3S", &value), 0);
    const struct rh_interval *interval = value.as.data;
    ck_assert_int_eq(interval->months, 12);
    ck_assert_int_eq(interval->us, 3000000);
    ck_assert_int_eq(bare("weight", "nan", &value), RH_INVALID);
    ck_assert_int_eq(bare("total", "NaN", &value), 0);
}
END_TEST

START_TEST(keys_come_from_path_segments)
{
    struct rh_value *values = NULL;
    ck_assert_int_eq(rh_bind_key(arena, table_of("orders"), RH_TEXT("7"), &values, &error), 0);
    ck_assert_int_eq(values[0].as.i, 7);
    ck_assert_int_eq(rh_bind_key(arena, table_of("pairs"), RH_TEXT("a%2Cb+c,9"), &values, &error),
                     0);
    ck_assert(rh_text_is(rh_text_make(values[0].as.data, values[0].len), "a,b+c"));
    ck_assert_int_eq(values[1].as.i, 9);
    ck_assert_int_eq(rh_bind_key(arena, table_of("orders"), RH_TEXT("7,8"), &values, &error),
                     RH_INVALID);
    rh_error_clear(&error);
    ck_assert_int_eq(rh_bind_key(arena, table_of("orders"), RH_TEXT("x"), &values, &error),
                     RH_INVALID);
    rh_error_clear(&error);
    ck_assert_int_eq(rh_bind_key(arena, table_of("nokey"), RH_TEXT("7"), &values, &error),
                     RH_UNSUPPORTED);
    ck_assert_str_eq(error.code, "no-key");
}
END_TEST

START_TEST(where_alone)
{
    struct rh_json *json = NULL;
    struct rh_cond *cond = NULL;
    struct rh_query query = {0};
    ck_assert_int_eq(rh_json_parse(arena, RH_TEXT("{\"id\":{\"in\":[1,2]}}"), &json, &error), 0);
    ck_assert_int_eq(rh_spec_parse_where(arena, json, "/where", &cond, &error), 0);
    ck_assert_int_eq(rh_bind_where(arena, tables, table_of("orders"), cond, &query, &error), 0);
    ck_assert_str_eq(show_conjuncts(&query, query.columns, query.conjuncts, query.n_conjuncts),
                     "id in 1 2");
    ck_assert_uint_eq(query.n_select, 0);
    ck_assert_int_eq(rh_bind_where(arena, tables, table_of("orders"), NULL, &query, &error), 0);
    ck_assert_uint_eq(query.n_conjuncts, 0);
}
END_TEST

/* In an arena of so many bytes: parsed, bound, and where it is too small refused as that. */
static int bind_within(const char *text, size_t max_bytes)
{
    struct rh_arena *small = rh_arena_new(max_bytes);
    struct rh_json *body = NULL;
    struct rh_spec *spec = NULL;
    struct rh_bound bound = {0};
    rh_error_clear(&error);
    ck_assert_ptr_nonnull(small);
    int r = rh_json_parse(small, rh_text_of(text), &body, &error);
    if (!r)
        r = rh_spec_parse_json(small, body, &spec, &error);
    if (!r)
        r = rh_bind_query(small, tables, table_of("orders"), spec, &bound, &error);
    ck_assert(r == 0 || r == RH_RESOURCE);
    ck_assert_int_eq(error.error_class, r);
    rh_arena_free(small);
    return r;
}

START_TEST(out_of_memory_is_an_error)
{
    static const char *const queries[] = {
        "{\"select\":[\"id\",\"status\"],\"where\":{\"or\":[{\"id\":{\"in\":[1,2,3]}},{\"not\":"
        "{\"status\":{\"empty\":true},\"total\":{\"between\":[1,2]}}}],\"doc\":{\"has\":\"x\"},"
        "\"uid\":\"123e4567-e89b-12d3-a456-426614174000\",\"raw\":\"AAEC\",\"span\":\"P1D\"},"
        "\"order\":[\"-total\",{\"col\":\"status\"}],\"search\":\"x\",\"distinct\":false}",
        "{\"group\":[\"status\",{\"m\":{\"bucket\":\"created_at\",\"by\":\"day\"}}],\"aggregate\":"
        "{\"n\":{\"count\":\"*\"}},\"having\":{\"n\":{\"gt\":1}},\"order\":[\"-n\"]}",
    };
    for (unsigned i = 0; i < 2; i++) {
        size_t max_bytes = 0;
        while (bind_within(queries[i], max_bytes) && max_bytes < 1000000)
            max_bytes += 16;
        ck_assert_uint_gt(max_bytes, 1000);
        ck_assert_uint_lt(max_bytes, 1000000);
    }
}
END_TEST

/* Wide and deep conditions keep their shape. */
START_TEST(many_conditions)
{
    struct rh_buf buf;
    rh_buf_init(&buf, 32 << 20);
    rh_buf_add_str(&buf, "{\"where\":{\"or\":[");
    for (int i = 0; i < 20000; i++)
        rh_buf_addf(&buf, "%s{\"id\":%d,\"total\":{\"gt\":%d}}", i ? "," : "", i, i);
    rh_buf_add_str(&buf, "]}}");
    char *text = rh_buf_take(&buf);
    struct rh_bound bound = bound_of("orders", text);
    ck_assert_uint_eq(bound.query.n_conjuncts, 1);
    ck_assert_uint_eq(bound.query.n_nodes, 1 + 20000 * 3);
    const struct rh_node *last = &bound.query.nodes[20000];
    ck_assert_uint_eq(last->op, RH_OP_AND);
    ck_assert_int_eq(bound.query.values[bound.query.nodes[last->first].first].as.i, 19999);
    free(text);
}
END_TEST

int main(void)
{
    struct tests tests = tests_new("bind", setup, teardown);

    tcase_add_loop_test(tests.tcase, conditions_are_bound, 0,
                        sizeof(conditions) / sizeof(conditions[0]));
    tcase_add_loop_test(tests.tcase, refusals_say_where_and_what, 0,
                        sizeof(refused) / sizeof(refused[0]));
    tcase_add_loop_test(tests.tcase, orders_are_completed, 0, sizeof(orders) / sizeof(orders[0]));
    tcase_add_test(tests.tcase, only_used_columns_are_listed);
    tcase_add_test(tests.tcase, search_looks_at_text_columns);
    tcase_add_test(tests.tcase, groups_have_typed_outputs);
    tcase_add_test(tests.tcase, bare_literals_follow_the_column);
    tcase_add_test(tests.tcase, keys_come_from_path_segments);
    tcase_add_test(tests.tcase, where_alone);
    tcase_add_test(tests.tcase, many_conditions);
    tcase_add_test(tests.tcase, out_of_memory_is_an_error);
    return tests_end(&tests);
}
