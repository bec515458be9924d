/*
 * The connector `mysql`: conditions under every kind of collation, and the indexes that they use.
 */
#include "mysql_fixture.h"

static uint64_t holds(const char *column, uint32_t predicate, const struct rh_value *values,
                      uint32_t n)
{
    const struct rh_node node = {.op = predicate, .column = position_of(column), .n = n};
    const struct rh_query query = query_of(&node, values);

    ck_assert_msg(verdict_of(&query) == RH_VERDICT_EXACT, "%s op %#x: not exact", column,
                  predicate);
    return ids_of(&query);
}

#define ALL_IDS 0x7feu /* 1 … 10 */
#define ID(n) (UINT64_C(1) << (n))
#define F(o) ((o) | RH_OP_FOLD)

static void check_holds(const char *column, uint32_t predicate, struct rh_value value, uint64_t ids)
{
    uint64_t found = holds(column, predicate, &value, 1);

    ck_assert_msg(found == ids, "%s op %#x \"%.*s\": %#llx instead of %#llx", column, predicate,
                  (int)value.len, value.len ? (const char *)value.as.data : "",
                  (unsigned long long)found, (unsigned long long)ids);
    found = holds(column, predicate | RH_OP_NOT, &value, 1);
    ck_assert_msg(found == (ALL_IDS & ~ids), "%s not op %#x: %#llx instead of %#llx", column,
                  predicate, (unsigned long long)found, (unsigned long long)(ALL_IDS & ~ids));
}

START_TEST(texts_compare_by_code_point)
{
    static const char *const columns[] = {"g", "u", "b", "nb"};
    static const char *const narrow[] = {"l", "u3", "ch"};
    const struct rh_value nul = data_value(RH_TYPE_TEXT, "a\0b", 3);
    const struct rh_value words[] = {text_value("ANNA"), text_value("anna "), text_value(""),
                                     text_value("\xf0\x9f\x98\x80 100%")};

    make_people();
    for (size_t i = 0; i < 4; i++) {
        const char *c = columns[i];
        check_holds(c, RH_OP_EQ, text_value("anna"), ID(2));
        check_holds(c, RH_OP_EQ, text_value("anna "), ID(3));
        check_holds(c, RH_OP_EQ, text_value("ANNA"), 0);
        check_holds(c, RH_OP_EQ, text_value(""), ID(5));
        check_holds(c, RH_OP_EQ, text_value("strasse"), 0);
        check_holds(c, RH_OP_EQ,
                    text_value("stra\xc3\x9f"
                               "e"),
                    ID(6));
        check_holds(c, RH_OP_EQ, nul, ID(7));
        check_holds(c, RH_OP_LT, text_value("anna"), ID(1) | ID(5) | ID(7));
        check_holds(c, RH_OP_LTE, text_value("anna"), ID(1) | ID(2) | ID(5) | ID(7));
        check_holds(c, RH_OP_GT, text_value("anna"), ID(3) | ID(6) | ID(8) | ID(9) | ID(10));
        check_holds(c, RH_OP_GTE, text_value("\xf0\x9f\x98\x80"), ID(8));
        check_holds(c, RH_OP_STARTS, text_value("a"), ID(2) | ID(3) | ID(7) | ID(10));
        check_holds(c, RH_OP_STARTS, text_value("AN"), 0);
        check_holds(c, RH_OP_ENDS, text_value("0%"), ID(8));
        check_holds(c, RH_OP_ENDS, text_value(" "), ID(3));
        check_holds(c, RH_OP_CONTAINS, text_value("\\slash_"), ID(9));
        check_holds(c, RH_OP_CONTAINS, text_value("A"), ID(1));
        check_holds(c, RH_OP_LIKE, text_value("_nna"), ID(1) | ID(2));
        check_holds(c, RH_OP_LIKE, text_value("an%"), ID(2) | ID(3) | ID(10));
        check_holds(c, RH_OP_LIKE, text_value("anna_"), ID(3) | ID(10));
        check_holds(c, RH_OP_LIKE, text_value("_ 100\\%"), ID(8));
        check_holds(c, RH_OP_LIKE, text_value("back\\\\slash\\__"), ID(9));
        check_holds(c, F(RH_OP_CONTAINS), text_value("NN"), ID(1) | ID(2) | ID(3) | ID(10));
        check_holds(c, F(RH_OP_STARTS), text_value("STRA\xe1\xba\x9e"), ID(6));
        check_holds(c, F(RH_OP_ENDS), text_value("SLASH_\n"), ID(9));
        check_holds(c, F(RH_OP_LIKE), text_value("A%N_"), ID(1) | ID(2));
        check_holds(c, F(RH_OP_LIKE), text_value("%N%N%"), ID(1) | ID(2) | ID(3) | ID(10));
        check_holds(c, F(RH_OP_LIKE), text_value("a.*"), 0);
        check_holds(c, F(RH_OP_CONTAINS), text_value(""), ALL_IDS & ~ID(4));
        ck_assert_uint_eq(holds(c, RH_OP_IN, words, 4), ID(3) | ID(5) | ID(8));
        ck_assert_uint_eq(holds(c, RH_OP_IN | RH_OP_NOT, words, 4),
                          ALL_IDS & ~(ID(3) | ID(5) | ID(8)));
    }
    for (size_t i = 0; i < 3; i++) {
        const char *c = narrow[i];
        bool padded = i == 2; /* CHAR has no blanks at its end */
        uint64_t blank = padded ? 0 : ID(3);
        check_holds(c, RH_OP_EQ, text_value("anna"), ID(2) | (padded ? ID(3) : 0));
        check_holds(c, RH_OP_EQ, text_value("anna "), blank);
        check_holds(c, RH_OP_EQ, text_value("\xd0\x96"), 0); /* not in latin1 */
        check_holds(c, RH_OP_EQ, text_value("\xf0\x9f\x98\x80"), 0);
        check_holds(c, RH_OP_EQ,
                    text_value("stra\xc3\x9f"
                               "e"),
                    ID(6));
        check_holds(c, RH_OP_LT, text_value("\xd0\x96"), ID(1) | ID(2) | ID(3) | ID(5) | ID(6));
        check_holds(c, RH_OP_STARTS, text_value("stra\xc3\x9f"), ID(6));
        check_holds(c, RH_OP_STARTS, text_value("\xd0\x96"), 0);
        ck_assert_uint_eq(holds(c, RH_OP_IN, words, 4), blank | ID(5));
    }
}
END_TEST

START_TEST(other_predicates)
{
    const struct rh_value ones[] = {int_value(1), int_value(5), int_value(7)};
    const struct rh_value labels[] = {text_value("a"), text_value("A"), text_value("B")};

    make_people();
    check_holds("e", RH_OP_EQ, text_value("a"), ID(2) | ID(6));
    check_holds("e", RH_OP_EQ, text_value("b"), 0);
    check_holds("e", RH_OP_LT, text_value("a"), ID(3)); /* by text, not by number */
    ck_assert_uint_eq(holds("e", RH_OP_IN, labels, 3), ID(2) | ID(3) | ID(6));
    check_holds("st", RH_OP_EQ, text_value("p,q"), ID(2));
    check_holds("st", RH_OP_CONTAINS, text_value("q"), ID(2) | ID(6));
    check_holds("ok", RH_OP_EQ, i_value(RH_TYPE_BOOL, 1), ID(1) | ID(6));
    check_holds("ok", RH_OP_EQ, i_value(RH_TYPE_BOOL, 0), ID(2));
    check_holds("n", RH_OP_EQ, decimal_value("1.5"), ID(2));
    check_holds("n", RH_OP_GT, decimal_value("1.499999999999999999999999999999"),
                ID(2) | ID(5) | ID(6));
    check_holds("f", RH_OP_EQ, float_value((double)0.1f), ID(1));
    check_holds("f", RH_OP_EQ, float_value(0.1), 0);
    check_holds("f", RH_OP_LT, float_value(0.0), ID(2));
    check_holds("d", RH_OP_LT, i_value(RH_TYPE_DATE, 19783), ID(1) | ID(6)); /* no zero dates */
    check_holds("d", RH_OP_GTE, i_value(RH_TYPE_DATE, 0), ID(1) | ID(2));
    check_holds("dt", RH_OP_LTE, i_value(RH_TYPE_DATETIME, 0), ID(5) | ID(6));
    check_holds("t", RH_OP_LT, i_value(RH_TYPE_TIME, 36000000000), ID(5));
    check_holds("t", RH_OP_GTE, i_value(RH_TYPE_TIME, 36000000000), ID(1) | ID(6));
    check_holds("y", RH_OP_EQ, int_value(1999), ID(2));
    check_holds("u8", RH_OP_GT, (struct rh_value){.type = RH_TYPE_UINT, .as.u = UINT64_MAX - 1},
                ID(1));
    check_holds("u8", RH_OP_GT, int_value(-1), ID(1) | ID(2) | ID(3) | ID(5) | ID(6));
    check_holds("bits", RH_OP_EQ, int_value(255), ID(2));
    ck_assert_uint_eq(holds("bits", RH_OP_IN, ones, 3), ID(1) | ID(5));
    check_holds("by_", RH_OP_LT, data_value(RH_TYPE_BYTES, "\0\1", 2), ID(1) | ID(3));
    check_holds("by_", RH_OP_EQ, data_value(RH_TYPE_BYTES, "\xff", 1), ID(2));
    check_holds("uu", RH_OP_EQ, data_value(RH_TYPE_UUID, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\2", 16),
                ID(2));
    check_holds("uu", RH_OP_GT, data_value(RH_TYPE_UUID, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16),
                ID(2));
    check_holds("ub", RH_OP_GT, data_value(RH_TYPE_UUID, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16),
                ID(2));
    check_holds("ip", RH_OP_EQ, text_value("2001:db8::1"), ID(2));
    check_holds("ip", RH_OP_EQ, text_value("no address"), 0);
    ck_assert_uint_eq(holds("j", RH_OP_EMPTY, NULL, 0),
                      ID(2) | ID(3) | ID(4) | ID(5) | ID(7) | ID(8) | ID(9) | ID(10));
    ck_assert_uint_eq(holds("j", RH_OP_EMPTY | RH_OP_NOT, NULL, 0), ID(1) | ID(6));
}
END_TEST

START_TEST(says_what_it_cannot)
{
    static const struct {
        const char *column;
        uint32_t op;
    } not [] = {{"g", RH_OP_MATCHES}, {"j", RH_OP_EQ}, {"j", RH_OP_HAS_ALL}, {"ip", RH_OP_LT}};
    const struct rh_value nan = float_value(__builtin_nan("")), year = int_value(24);
    const struct rh_value far = i_value(RH_TYPE_DATE, INT64_MAX), text = text_value("a");
    const struct rh_value dangling = text_value("a\\"),
                          broken = data_value(RH_TYPE_TEXT, "\xff", 1);
    const struct {
        const char *column;
        uint32_t op;
        const struct rh_value *value;
    } odd[] = {{"f", RH_OP_EQ, &nan},
               {"y", RH_OP_LT, &year},
               {"d", RH_OP_LT, &far},
               {"g", RH_OP_LIKE, &dangling},
               {"g", RH_OP_EQ, &broken}};

    make_people();
    for (size_t i = 0; i < sizeof not / sizeof not [0]; i++) {
        const struct rh_node node = {
            .op = not [i].op, .column = position_of(not [i].column), .n = 1};
        const struct rh_query query = query_of(&node, &text);
        ck_assert_uint_eq(verdict_of(&query), RH_VERDICT_NONE);
    }
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        const struct rh_node node = {.op = odd[i].op, .column = position_of(odd[i].column), .n = 1};
        const struct rh_query query = query_of(&node, odd[i].value);
        ck_assert_uint_eq(verdict_of(&query), RH_VERDICT_NONE);
    }
}
END_TEST

/* ---- indexes ---- */

/* The index that the server uses for the query, by executing EXPLAIN over its native text, with the
 * same values bound. */
static void check_index(const struct rh_query *query, const struct rh_value *values, uint32_t n,
                        const char *index)
{
    struct rh_text native = {NULL, 0};
    struct rh_native_spec spec = {
        .struct_size = sizeof spec, .parameters = values, .n_parameters = n};
    struct rh_native_result result = {.struct_size = sizeof result};
    struct rh_batch batch = {.struct_size = sizeof batch};
    char text[8192];
    const struct rh_value *key = NULL;

    ok(connector->explain(conn, op, query, &native, &error));
    spec.text = rh_text_make(
        text, (size_t)snprintf(text, sizeof text, "EXPLAIN %.*s", RH_TEXT_ARG(native)));
    ok(connector->native->run(conn, op, &spec, &result, &error));
    ok(connector->next(result.cursor, op, 10, &batch, &error));
    for (uint32_t i = 0; i < result.n_columns; i++) {
        if (rh_text_is(result.columns[i].name, "key"))
            key = &batch.cells[i];
    }
    ck_assert_ptr_nonnull(key);
    ck_assert_msg(key->type == RH_TYPE_TEXT && key->len == strlen(index) &&
                      memcmp(key->as.data, index, key->len) == 0,
                  "%.*s: index \"%.*s\" instead of %s", RH_TEXT_ARG(native), (int)key->len,
                  key->len ? (const char *)key->as.data : "", index);
    connector->finish(result.cursor);
}

START_TEST(uses_indexes)
{
    static const char *const columns[] = {"g", "u", "b", "nb", "l", "u3", "ch"};
    const struct rh_value word[] = {text_value("x77"), text_value("x77"), text_value("x78"),
                                    text_value("x78")};
    const struct rh_value list[] = {text_value("x77"), text_value("x78"), text_value("x77"),
                                    text_value("x78")};
    const struct rh_value prefix[] = {text_value("x77%"), text_value("x77%")};
    const struct rh_value day = i_value(RH_TYPE_DATE, 100), id = int_value(500);
    const struct rh_order by_key = {.column = 0};
    struct rh_query query;

    make_people();
    sql("INSERT INTO people (id, g, u, b, nb, l, u3, ch, d, dt) SELECT seq, CONCAT('x', seq),"
        " CONCAT('x', seq), CONCAT('x', seq), CONCAT('x', seq), CONCAT('x', seq),"
        " CONCAT('x', seq), CONCAT('x', seq), '1970-01-01' + INTERVAL seq DAY,"
        " '1970-01-01' + INTERVAL seq DAY FROM seq_20_to_3000");
    sql("ANALYZE TABLE people");
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
        struct rh_node node = {.op = RH_OP_EQ, .column = position_of(columns[i]), .n = 1};
        bool exact = i == 3;
        query = query_of(&node, word);
        check_index(&query, word, exact ? 1 : 2, columns[i]);
        node.op = RH_OP_IN;
        node.n = 2;
        query = query_of(&node, word);
        check_index(&query, list, exact ? 2 : 4, columns[i]);
        if (i == 2) /* see rh_my_likes_by_index */
            continue;
        node.op = RH_OP_STARTS;
        node.n = 1;
        query = query_of(&node, word);
        check_index(&query, prefix, 2, columns[i]);
    }
    const struct rh_node until = {.op = RH_OP_LT, .column = position_of("d"), .n = 1};
    query = query_of(&until, &day);
    ck_assert(rh_text_is(people->columns[13].name, "d"));
    check_index(&query, &day, 1, "d");
    /* The next page. */
    const struct rh_node seek = {.op = RH_OP_SEEK, .column = RH_NO_COLUMN, .n = 1};
    query = query_of(&seek, &id);
    query.order = &by_key;
    query.n_order = 1;
    query.limit = 10;
    check_index(&query, &id, 1, "PRIMARY");
    query = select_all(people);
    query.order = (const struct rh_order[]){{.column = 13, .flags = RH_ORDER_NULLS_FIRST}};
    query.n_order = 1;
    query.limit = 10;
    check_index(&query, NULL, 0, "d");
}
END_TEST

MYSQL_TESTS("mysql_conditions", texts_compare_by_code_point, other_predicates, says_what_it_cannot,
            uses_indexes)
