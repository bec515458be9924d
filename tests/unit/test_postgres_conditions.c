/* Conditions: what the connector claims, and that it holds. */
#include "postgres_fixture.h"

/* The ids for which the predicate holds, as the sum of 1 << id; checks that the plan says EXACT. */
static uint64_t holds(const char *column, uint32_t predicate, const struct rh_value *values,
                      uint32_t n)
{
    struct rh_query query = select_all(people);
    const struct rh_node node = {.op = predicate, .column = position_of(column), .n = n};
    const uint32_t conjunct = 0;
    uint8_t verdict = 0;
    uint32_t needs[64];
    struct rh_plan plan = {.struct_size = sizeof plan, .verdicts = &verdict, .needs = needs};

    query.n_select = 1;
    query.nodes = &node;
    query.n_nodes = 1;
    query.conjuncts = &conjunct;
    query.n_conjuncts = 1;
    query.values = values;
    query.n_values = n;
    ok(connector->plan(conn, &query, &plan, &error));
    ck_assert_msg(verdict == RH_VERDICT_EXACT, "%s op %#x: not exact", column, predicate);
    return ids_of(&query);
}

#define ALL_IDS 0x7eu /* 1 … 6 */

static void check_holds(const char *column, uint32_t predicate, struct rh_value value, uint64_t ids)
{
    uint64_t found = holds(column, predicate, &value, 1);

    ck_assert_msg(found == ids, "%s op %#x \"%.*s\": %#llx instead of %#llx", column, predicate,
                  value.len ? (int)value.len : 0, value.len ? (const char *)value.as.data : "",
                  (unsigned long long)found, (unsigned long long)ids);
    found = holds(column, predicate | RH_OP_NOT, &value, 1);
    ck_assert_msg(found == (ALL_IDS & ~ids), "%s not op %#x: %#llx instead of %#llx", column,
                  predicate, (unsigned long long)found, (unsigned long long)(ALL_IDS & ~ids));
}

static uint32_t verdict_of(const char *column, uint32_t predicate, const struct rh_value *value)
{
    struct rh_query query = select_all(people);
    const struct rh_node node = {.op = predicate, .column = position_of(column), .n = 1};
    const uint32_t conjunct = 0;
    uint8_t verdict = 9;
    struct rh_plan plan = {.struct_size = sizeof plan, .verdicts = &verdict};

    query.nodes = &node;
    query.n_nodes = query.n_conjuncts = query.n_values = 1;
    query.conjuncts = &conjunct;
    query.values = value;
    ok(connector->plan(conn, &query, &plan, &error));
    return verdict;
}

#define ID(n) (UINT64_C(1) << (n))
#define F(o) ((o) | RH_OP_FOLD)

START_TEST(predicates)
{
    const struct rh_value nan = {.type = RH_TYPE_FLOAT, .as.f = __builtin_nan("")};
    const struct rh_value half = {.type = RH_TYPE_FLOAT, .as.f = 1.5};
    const struct rh_value words[] = {text_value("Anna"), text_value(""), text_value("zzz")};
    const struct rh_value moods[] = {text_value("ok"), text_value("sad")};
    const struct rh_value odd_moods[] = {text_value("ok"), text_value("grumpy")};
    const struct rh_value ints[] = {int_value(1), int_value(100000), int_value(-32768)};

    make_people();
    check_holds("name", RH_OP_EQ, text_value("Anna"), ID(1));
    check_holds("name", RH_OP_EQ, text_value(""), ID(5));
    check_holds("name", RH_OP_LT, text_value("a"), ID(1) | ID(5));
    check_holds("name", RH_OP_GTE, text_value("straße"), ID(3) | ID(6));
    check_holds("ci", RH_OP_EQ, text_value("anna"), ID(2));
    check_holds("ci", RH_OP_LT, text_value("a"), ID(1) | ID(3) | ID(5));
    check_holds("ci", RH_OP_STARTS, text_value("an"), ID(2));
    check_holds("ci", F(RH_OP_STARTS), text_value("AN"), ID(1) | ID(2));
    check_holds("ch", RH_OP_EQ, text_value("b"), ID(3) | ID(6));
    check_holds("ch", RH_OP_EQ, text_value("b "), 0);
    check_holds("ch", RH_OP_LTE, text_value("AB"), ID(2) | ID(5));
    check_holds("n", RH_OP_EQ, decimal_value("1.000"), ID(1) | ID(2));
    check_holds("n", RH_OP_GT, decimal_value("99999999999999999999.49"), ID(5));
    check_holds("f", RH_OP_EQ, nan, ID(2));
    check_holds("f", RH_OP_GT, half, ID(2) | ID(6));
    check_holds("f4", RH_OP_GT, half, ID(3));
    check_holds("m", RH_OP_EQ, text_value("ok"), ID(2) | ID(5) | ID(6));
    check_holds("m", RH_OP_EQ, text_value("grumpy"), 0);
    check_holds("m", RH_OP_LT, text_value("ok"), ID(3));
    check_holds("m", RH_OP_CONTAINS, text_value("a"), ID(1) | ID(3));
    check_holds("d", RH_OP_LT, i_value(RH_TYPE_DATE, 0), ID(2));
    check_holds("d", RH_OP_EQ, i_value(RH_TYPE_DATE, INT64_MAX), ID(3));
    check_holds("ts", RH_OP_GTE, i_value(RH_TYPE_TIMESTAMP, 1709251199999999),
                ID(1) | ID(2) | ID(3));
    check_holds("u", RH_OP_GT, data_value(RH_TYPE_UUID, uuid_bytes, 16), ID(5));
    check_holds("by", RH_OP_LT, data_value(RH_TYPE_BYTES, "\0\1", 2), ID(1) | ID(3) | ID(6));
    check_holds("b", RH_OP_EQ, i_value(RH_TYPE_BOOL, 1), ID(1) | ID(5));
    check_holds("ip", RH_OP_EQ, text_value("10.0.0.9/32"), ID(1));
    check_holds("ip", RH_OP_LT, text_value("10.0.0.10"), ID(5));
    check_holds("s", RH_OP_LT, int_value(100000), ID(1) | ID(2) | ID(3) | ID(5) | ID(6));
    check_holds("s", RH_OP_EQ, int_value(-32768), ID(3));
    check_holds("name", RH_OP_LIKE, text_value("%\\%"), ID(3));
    check_holds("name", RH_OP_LIKE, text_value("line_break\\_x"), ID(4));
    check_holds("name", RH_OP_CONTAINS, text_value("%"), ID(3));
    check_holds("name", RH_OP_ENDS, text_value("K\\"), ID(6));
    check_holds("name", F(RH_OP_EQ) & ~RH_OP_FOLD, text_value("ANNA"), 0);
    check_holds("name", F(RH_OP_CONTAINS), text_value("NN"), ID(1) | ID(2));
    check_holds("name", F(RH_OP_STARTS), text_value("σίσυφος"), ID(6));      /* final sigma */
    check_holds("name", F(RH_OP_ENDS), text_value("\xe2\x84\xaa\\"), ID(6)); /* KELVIN SIGN */
    check_holds("name", F(RH_OP_LIKE), text_value("LINE%X"), ID(4));
    check_holds("name", F(RH_OP_LIKE), text_value("a__a"), ID(1) | ID(2));
    check_holds("name", F(RH_OP_LIKE), text_value("a.*"), 0);
    check_holds("name", F(RH_OP_CONTAINS), text_value("100%"), ID(3));
    check_holds("name", F(RH_OP_CONTAINS), text_value(""), ALL_IDS);
    ck_assert_uint_eq(holds("name", RH_OP_IN, words, 3), ID(1) | ID(5));
    ck_assert_uint_eq(holds("name", RH_OP_IN | RH_OP_NOT, words, 3), ALL_IDS & ~(ID(1) | ID(5)));
    ck_assert_uint_eq(holds("ci", RH_OP_IN, words, 3), ID(1) | ID(5));
    ck_assert_uint_eq(holds("m", RH_OP_IN, moods, 2), ID(1) | ID(2) | ID(5) | ID(6));
    ck_assert_uint_eq(holds("m", RH_OP_IN, odd_moods, 2), ID(2) | ID(5) | ID(6));
    ck_assert_uint_eq(holds("s", RH_OP_IN, ints, 3), ID(1) | ID(3));
    ck_assert_uint_eq(holds("jb", RH_OP_NULL, NULL, 0), ID(4));
    ck_assert_uint_eq(holds("jb", RH_OP_EMPTY, NULL, 0), ID(2) | ID(3) | ID(4) | ID(5));
    ck_assert_uint_eq(holds("jb", RH_OP_EMPTY | RH_OP_NOT, NULL, 0), ID(1) | ID(6));
    check_holds("jb", RH_OP_HAS_ANY, json_value("1.0"), ID(1));
    check_holds("jb", RH_OP_HAS_ALL, json_value("\"a\""), ID(1));
    check_holds("jb", RH_OP_HAS_ALL, json_value("\"\""), 0); /* a string is no array */
}
END_TEST

/* Composites of NULLs, infinite numbers, NOT NULL domains, numbers that are no oids. */
START_TEST(predicates_of_odd_values)
{
    const struct rh_value far = int_value(INT64_C(1) << 32), below = int_value(-1);

    (void)try_sql(conn, "DROP TABLE IF EXISTS odd CASCADE");
    (void)try_sql(conn, "DROP TYPE IF EXISTS pair");
    (void)try_sql(conn, "DROP DOMAIN IF EXISTS always");
    sql("CREATE TYPE pair AS (a int, b int)");
    sql("CREATE DOMAIN always AS int NOT NULL");
    sql("CREATE TABLE odd (id int PRIMARY KEY, p pair, n numeric, o oid, k always,"
        " ps int[])");
    sql("INSERT INTO odd VALUES (1, ROW(NULL, NULL), 'Infinity', 1, 1), (2, NULL, 4, 2, 1),"
        " (3, ROW(1, NULL), '-Infinity', 3, 1), (4, '(1,2)', 'NaN', 4294967295, 1),"
        " (5, NULL, 2, NULL, 1), (6, NULL, NULL, 0, 1)");
    sql("UPDATE odd SET ps = '{NULL}' WHERE id IN (1, 3, 4)");
    sql("CREATE VIEW odd_view AS SELECT i, odd.k FROM generate_series(6, 7) i"
        " LEFT JOIN odd ON odd.id = i");
    people = table_named("odd");
    ck_assert_uint_eq(verdict_of("p", RH_OP_NULL, &below), RH_VERDICT_NONE);
    ck_assert_uint_eq(verdict_of("p", RH_OP_NULL | RH_OP_NOT, &below), RH_VERDICT_NONE);
    ck_assert_uint_eq(holds("ps", RH_OP_NULL, NULL, 0), ID(2) | ID(5) | ID(6));
    ck_assert_uint_eq(holds("ps", RH_OP_NULL | RH_OP_NOT, NULL, 0), ID(1) | ID(3) | ID(4));
    check_holds("n", RH_OP_GT, int_value(3), ID(2) | ID(4));
    check_holds("n", RH_OP_GTE, int_value(4), ID(2) | ID(4));
    check_holds("n", RH_OP_LT, int_value(3), ID(5));
    check_holds("n", RH_OP_LTE, int_value(4), ID(2) | ID(5));
    check_holds("o", RH_OP_EQ, int_value(4294967295), ID(4));
    ck_assert_uint_eq(verdict_of("o", RH_OP_EQ, &far), RH_VERDICT_NONE);
    ck_assert_uint_eq(verdict_of("o", RH_OP_GT, &below), RH_VERDICT_NONE);
    ck_assert(!(column_named(table_named("odd_view"), "k")->flags & RH_COLUMN_NOT_NULL));
}
END_TEST

/* Every pair of these collations, each way; names and texts, too. */
START_TEST(joins_across_collations)
{
    const struct rh_node node = {.op = RH_OP_EXISTS, .column = RH_NO_COLUMN, .first = 0};
    const uint32_t conjunct = 0;
    uint64_t n_taken = 0;

    (void)try_sql(conn, "DROP TABLE IF EXISTS people");
    (void)try_sql(conn, "DROP TABLE IF EXISTS collated");
    sql("CREATE TABLE collated (a text, b text COLLATE \"C\", c text COLLATE \"POSIX\","
        " d name, e varchar(9) COLLATE \"en-x-icu\")");
    sql("INSERT INTO collated VALUES ('x', 'x', 'x', 'x', 'x'), ('Y', 'y', 'Y', 'y', 'Y')");
    people = table_named("collated");
    for (uint32_t outer = 0; outer < 5; outer++) {
        for (uint32_t inner = 0; inner < 5; inner++) {
            struct rh_query query = select_all(people);
            const struct rh_semijoin join = {.schema = people->schema,
                                             .table = people->name,
                                             .columns = people->columns,
                                             .n_columns = people->n_columns,
                                             .column_stride = people->column_stride,
                                             .outer = &outer,
                                             .inner = &inner,
                                             .n_pairs = 1};
            uint8_t verdict = RH_VERDICT_NONE;
            uint32_t needs[64];
            struct rh_plan plan = {
                .struct_size = sizeof plan, .verdicts = &verdict, .needs = needs};
            bool same = (outer == 1 || outer == 3) == (inner == 1 || inner == 3);
            query.nodes = &node;
            query.n_nodes = query.n_conjuncts = query.n_semijoins = 1;
            query.conjuncts = &conjunct;
            query.semijoins = &join;
            query.semijoin_stride = sizeof join;
            ok(connector->plan(conn, &query, &plan, &error));
            if (verdict != RH_VERDICT_EXACT)
                continue;
            n_taken++;
            ck_assert_uint_eq(count_rows(&query), same ? 2 : 1);
        }
    }
    ck_assert_uint_eq(n_taken, 25);
}
END_TEST

START_TEST(says_what_it_cannot)
{
    const struct rh_value nul = data_value(RH_TYPE_TEXT, "a\0", 2);
    const struct rh_value object = json_value("{\"a\":1}");
    const struct {
        const char *column;
        uint32_t op;
        const struct rh_value *value;
    } cases[] = {{"name", RH_OP_EQ, &nul}, {"jb", RH_OP_HAS_ALL, &object}};

    make_people();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rh_query query = select_all(people);
        const struct rh_node node = {
            .op = cases[i].op, .column = position_of(cases[i].column), .n = 1};
        const uint32_t conjunct = 0;
        uint8_t verdict = 9;
        struct rh_plan plan = {.struct_size = sizeof plan, .verdicts = &verdict};
        query.nodes = &node;
        query.n_nodes = query.n_conjuncts = query.n_values = 1;
        query.conjuncts = &conjunct;
        query.values = cases[i].value;
        ok(connector->plan(conn, &query, &plan, &error));
        ck_assert_uint_eq(verdict, RH_VERDICT_NONE);
    }
}
END_TEST

POSTGRES_TESTS("postgres_conditions", predicates, predicates_of_odd_values, joins_across_collations,
               says_what_it_cannot)
