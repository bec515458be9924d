/*
 * The connector `mysql`: introspection, conditions under every kind of collation, orders, groups,
 * native statements.
 */
#include "connector_fixture.h"

/* ---- introspection ---- */

START_TEST(introspects)
{
    const struct rh_table *table = NULL;
    const struct rh_column *column = NULL;

    sql("DROP VIEW IF EXISTS a_view");
    sql("DROP VIEW IF EXISTS w_view");
    sql("DROP TABLE IF EXISTS `select ``from`` \xc3\xa9`");
    sql("CREATE OR REPLACE TABLE target (a int, b varchar(20), PRIMARY KEY (b, a))");
    sql("CREATE TABLE `select ``from`` \xc3\xa9` (`order` int AUTO_INCREMENT PRIMARY KEY,"
        " `sp ace` varchar(10) NOT NULL DEFAULT 'it''s' COMMENT 'of space', `quo\"te` "
        "decimal(12,3),"
        " c enum('red','g\"r''een,','bl\xc3\xbc'), ra int, rb varchar(20),"
        " twice int GENERATED ALWAYS AS (ra * 2) STORED, thrice int AS (ra * 3) VIRTUAL,"
        " bin varchar(10) COLLATE utf8mb4_nopad_bin, doc json, plain longtext, n int DEFAULT NULL,"
        " UNIQUE KEY odd_prefix (rb(3)), KEY odd_two (rb, `order`),"
        " CONSTRAINT odd_fk FOREIGN KEY (rb, ra) REFERENCES target (b, a))"
        " COMMENT 'A table''s comment'");
    sql("CREATE VIEW a_view AS SELECT a FROM target GROUP BY a");
    sql("CREATE VIEW w_view AS SELECT * FROM target");
    table = table_named("select `from` \xc3\xa9");
    ck_assert(rh_text_is(table->schema, "rowhouse"));
    ck_assert(rh_text_is(table->comment, "A table's comment"));
    ck_assert_uint_eq(table->n_key, 1);
    column = column_named(table, "order");
    ck_assert(rh_text_is(table->columns[table->key[0]].name, "order"));
    ck_assert_uint_eq(column->flags & (RH_COLUMN_NOT_NULL | RH_COLUMN_DEFAULT | RH_COLUMN_IDENTITY),
                      RH_COLUMN_NOT_NULL | RH_COLUMN_DEFAULT | RH_COLUMN_IDENTITY);
    column = column_named(table, "sp ace");
    ck_assert_uint_eq(column->max_length, 10);
    ck_assert(rh_text_is(column->native_type, "varchar(10)"));
    ck_assert(rh_text_is(column->comment, "of space"));
    ck_assert_uint_eq(column->flags, RH_COLUMN_NOT_NULL | RH_COLUMN_DEFAULT);
    column = column_named(table, "quo\"te");
    ck_assert_uint_eq(column->precision, 12);
    ck_assert_uint_eq(column->scale, 3);
    column = column_named(table, "c");
    ck_assert_uint_eq(column->n_options, 3);
    ck_assert(rh_text_is(column->options[1], "g\"r'een,"));
    ck_assert(rh_text_is(column->options[2], "bl\xc3\xbc"));
    ck_assert(column_named(table, "twice")->flags & RH_COLUMN_GENERATED);
    ck_assert(column_named(table, "thrice")->flags & RH_COLUMN_GENERATED);
    ck_assert(column_named(table, "bin")->flags & RH_COLUMN_BINARY_ORDER);
    ck_assert(!(column_named(table, "rb")->flags & RH_COLUMN_EXACT_EQUAL));
    ck_assert_uint_eq(column_named(table, "doc")->type, RH_TYPE_JSON);
    ck_assert_uint_eq(column_named(table, "plain")->type, RH_TYPE_TEXT);
    ck_assert_uint_eq(column_named(table, "n")->flags, 0);
    ck_assert_uint_eq(table->n_foreign_keys, 1);
    ck_assert(rh_text_is(table->foreign_keys[0].name, "odd_fk"));
    ck_assert(rh_text_is(table->foreign_keys[0].table, "target"));
    ck_assert(rh_text_is(table->columns[table->foreign_keys[0].columns[0]].name, "rb"));
    ck_assert(rh_text_is(table->foreign_keys[0].ref_columns[0], "b"));
    for (uint32_t i = 0; i < table->n_indexes; i++) {
        if (rh_text_is(table->indexes[i].name, "odd_prefix"))
            ck_assert_uint_eq(table->indexes[i].flags, RH_INDEX_UNIQUE | RH_INDEX_PARTIAL);
        if (rh_text_is(table->indexes[i].name, "odd_two"))
            ck_assert_uint_eq(table->indexes[i].n_columns, 2);
    }
    table = table_named("target");
    ck_assert_uint_eq(table->n_key, 2);
    ck_assert(rh_text_is(table->columns[table->key[0]].name, "b"));
    ck_assert_uint_eq(table_named("a_view")->kind, RH_TABLE_VIEW);
    ck_assert_uint_eq(table_named("a_view")->flags, RH_TABLE_READ_ONLY);
    ck_assert_uint_eq(table_named("w_view")->flags, 0);
    ck_assert_int_eq(table_named("w_view")->est_rows, -1);
}
END_TEST

START_TEST(shows_databases)
{
    char url[256];
    struct rh_setting item = {RH_TEXT_INIT("url"), null_value()};
    struct rh_catalog all = {.struct_size = sizeof all};
    struct rh_conn *made = NULL;
    bool seen = false;

    sql("CREATE DATABASE IF NOT EXISTS `odd ``db`");
    sql("CREATE OR REPLACE TABLE `odd ``db`.one (a int)");
    ok(connector->tables(conn, op, &all, &error));
    ck_assert(rh_text_is(all.default_schema, "rowhouse"));
    for (uint32_t i = 0; i < all.n_tables; i++)
        ck_assert(rh_text_is(all.tables[i].schema, "rowhouse"));
    (void)snprintf(url, sizeof url, "mysql://rowhouse@127.0.0.1:%lld", (long long)server_port);
    item.value = text_value(url);
    ok(connect_with(&item, 1, &made));
    all = (struct rh_catalog){.struct_size = sizeof all};
    ok(connector->tables(made, op, &all, &error));
    ck_assert_ptr_null(all.default_schema.data);
    for (uint32_t i = 0; i < all.n_tables; i++) {
        seen = seen || rh_text_is(all.tables[i].schema, "odd `db");
        ck_assert(!rh_text_is(all.tables[i].schema, "information_schema"));
        ck_assert(!rh_text_is(all.tables[i].schema, "mysql"));
    }
    ck_assert(seen);
    connector->close(made);
    sql("DROP DATABASE `odd ``db`");
}
END_TEST

/* ---- conditions ---- */

static const struct rh_table *people;

static void make_people(void)
{
    sql("CREATE OR REPLACE TABLE people (id int PRIMARY KEY, g varchar(40), u varchar(40) COLLATE"
        " utf8mb4_unicode_ci, b varchar(40) COLLATE utf8mb4_bin, nb varchar(40) COLLATE"
        " utf8mb4_nopad_bin, l varchar(40) CHARACTER SET latin1, u3 varchar(40) CHARACTER SET"
        " utf8mb3, ch char(8), e enum('z','a','B'), st set('p','q'), ok tinyint(1), n "
        "decimal(10,2),"
        " f float, d date, t time, dt datetime(6), y year, u8 bigint unsigned, bits bit(8),"
        " by_ varbinary(20), j json, uu uuid, ip inet6, ub binary(16) COMMENT 'UUID',"
        " KEY(g), KEY(u), KEY(b), KEY(nb), KEY(l), KEY(u3), KEY(ch), KEY(e), KEY(d), KEY(dt),"
        " KEY(uu))");
    sql("INSERT INTO people VALUES"
        " (1,'Anna','Anna','Anna','Anna','Anna','Anna','Anna','z','p',1,1.00,0.1,'2024-02-29',"
        "'10:00:00','2024-02-29 23:59:59.999999',2024,18446744073709551615,1,x'00','[1,\"a\"]',"
        "'00000000-0000-0000-0000-000000000001','::1',x'00000000000000000000000000000001'),"
        " (2,'anna','anna','anna','anna','anna','anna','anna','a','p,q',0,1.50,-0.5,'2024-03-01',"
        "'-01:00:00','2024-03-01',1999,0,255,x'ff','[]','00000000-0000-0000-0000-000000000002',"
        "'2001:db8::1',x'ff000000000000000000000000000000'),"
        " (3,'anna ','anna ','anna ','anna ','anna ','anna ','anna ','B','',5,-0.50,3,'0000-00-00',"
        "'25:00:00','0000-00-00',0,1,0,'','\"\"',NULL,NULL,NULL),"
        " (4,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,"
        "NULL,NULL,NULL,NULL,NULL,NULL),"
        " (5,'','','','','','','',NULL,'',-3,99999999.99,1e20,'2024-00-05','00:00:00','1970-01-01',"
        "2155,5,7,x'0001','null',NULL,NULL,NULL),"
        " (6,'stra\xc3\x9f"
        "e','stra\xc3\x9f"
        "e','stra\xc3\x9f"
        "e','stra\xc3\x9f"
        "e',"
        "'stra\xc3\x9f"
        "e','stra\xc3\x9f"
        "e','stra\xc3\x9f"
        "e','a','q',1,2,0,'1000-01-01',"
        "'24:00:00','0001-01-01',1901,6,8,x'61','{\"a\":1}',NULL,NULL,NULL)");
    sql("INSERT INTO people (id, g, u, b, nb) VALUES (7, 'a\\0b', 'a\\0b', 'a\\0b', 'a\\0b'),"
        " (8, '\xf0\x9f\x98\x80 100%', '\xf0\x9f\x98\x80 100%', '\xf0\x9f\x98\x80 100%',"
        " '\xf0\x9f\x98\x80 100%'), (9, 'back\\\\slash_\\n', 'back\\\\slash_\\n',"
        " 'back\\\\slash_\\n', 'back\\\\slash_\\n'), (10, 'anna\\t', 'anna\\t', 'anna\\t',"
        " 'anna\\t')");
    people = table_named("people");
}

static uint32_t position_of(const char *name)
{
    return (uint32_t)(column_named(people, name) - people->columns);
}

static struct rh_query query_of(const struct rh_node *node, const struct rh_value *values)
{
    static const uint32_t conjunct = 0;
    struct rh_query query = select_all(people);

    query.n_select = 1;
    query.nodes = node;
    query.n_nodes = 1;
    query.conjuncts = &conjunct;
    query.n_conjuncts = 1;
    query.values = values;
    query.n_values = node->n;
    return query;
}

static uint32_t verdict_of(const struct rh_query *query)
{
    uint8_t verdict = 9;
    uint32_t needs[64];
    struct rh_plan plan = {.struct_size = sizeof plan, .verdicts = &verdict, .needs = needs};

    ok(connector->plan(conn, query, &plan, &error));
    return verdict;
}

/* The ids for which the predicate holds, as the sum of 1 << id; checks that the plan says EXACT. */
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

/* ---- groups and orders ---- */

static void first_rows(const struct rh_query *query, uint64_t n_rows, struct rh_value *ret_cells)
{
    struct rh_cursor *cursor = NULL;
    struct rh_batch batch = {.struct_size = sizeof batch};

    ok(connector->open(conn, op, query, &cursor, &error));
    ok(connector->next(cursor, op, 100, &batch, &error));
    ck_assert_uint_eq(batch.n_rows, n_rows);
    for (uint64_t i = 0; i < n_rows * batch.n_cols; i++) {
        ret_cells[i] = batch.cells[i];
        if (batch.cells[i].len) {
            void *copy = rh_arena_alloc(arena, batch.cells[i].len);
            memcpy(copy, batch.cells[i].as.data, batch.cells[i].len);
            ret_cells[i].as.data = copy;
        }
    }
    connector->finish(cursor);
}

static void check_aggregate(const char *column, uint32_t function, uint32_t distinct, uint32_t type,
                            struct rh_value expected)
{
    const struct rh_aggregate aggregate = {
        .function = function, .column = position_of(column), .distinct = distinct, .type = type};
    struct rh_query query = select_all(people);
    struct rh_plan plan = {.struct_size = sizeof plan};
    struct rh_value cell;

    query.n_select = 0;
    query.aggregates = &aggregate;
    query.n_aggregates = 1;
    ok(connector->plan(conn, &query, &plan, &error));
    ck_assert_msg(plan.accepts & RH_ACCEPT_GROUPS, "%s: function %u", column, function);
    first_rows(&query, 1, &cell);
    check_same(&expected, &cell, rh_text_of(column));
}

START_TEST(aggregates_exactly)
{
    sql("CREATE OR REPLACE TABLE people (id int PRIMARY KEY, i bigint, u bigint unsigned,"
        " n decimal(20,8), g varchar(10), f double, d date, none int)");
    sql("INSERT INTO people VALUES"
        " (1, 9223372036854775807, 18446744073709551615, 0.00000050, 'b', 1.5, '2024-02-29', NULL),"
        " (2, 9223372036854775807, 18446744073709551615, 0.00000050, 'B', 2.5, '2024-01-31', NULL),"
        " (3, 1, 1, -0.00000250, 'a', 3, '0000-00-00', NULL)");
    people = table_named("people");
    check_aggregate("i", RH_AGG_SUM, 0, RH_TYPE_DECIMAL, decimal_value("18446744073709551615"));
    check_aggregate("i", RH_AGG_SUM, 1, RH_TYPE_DECIMAL, decimal_value("9223372036854775808"));
    check_aggregate("u", RH_AGG_SUM, 0, RH_TYPE_DECIMAL, decimal_value("36893488147419103231"));
    check_aggregate("i", RH_AGG_AVG, 0, RH_TYPE_DECIMAL,
                    decimal_value("6148914691236517205.000000"));
    check_aggregate("u", RH_AGG_AVG, 0, RH_TYPE_DECIMAL,
                    decimal_value("12297829382473034410.333333"));
    check_aggregate("n", RH_AGG_SUM, 0, RH_TYPE_DECIMAL, decimal_value("-0.00000150"));
    check_aggregate("n", RH_AGG_AVG, 0, RH_TYPE_DECIMAL, decimal_value("-0.000001")); /* half up */
    check_aggregate("f", RH_AGG_SUM, 0, RH_TYPE_FLOAT, float_value(7.0));
    check_aggregate("g", RH_AGG_MIN, 0, RH_TYPE_TEXT, text_value("B"));
    check_aggregate("g", RH_AGG_MAX, 0, RH_TYPE_TEXT, text_value("b"));
    check_aggregate("g", RH_AGG_COUNT, 1, RH_TYPE_INT, int_value(3));
    check_aggregate("d", RH_AGG_MAX, 0, RH_TYPE_DATE, i_value(RH_TYPE_DATE, 19782));
    check_aggregate("none", RH_AGG_SUM, 0, RH_TYPE_DECIMAL, null_value());
    check_aggregate("none", RH_AGG_AVG, 0, RH_TYPE_DECIMAL, null_value());
    check_aggregate("none", RH_AGG_COUNT, 0, RH_TYPE_INT, int_value(0));
}
END_TEST

START_TEST(orders_and_groups)
{
    const struct rh_order orders[] = {{.column = 0, .flags = RH_ORDER_BINARY}};
    struct rh_order own[] = {{.column = 0}, {.column = 1, .flags = RH_ORDER_DESC}};
    const struct rh_group group = {.column = 2, .bucket = RH_BUCKET_WEEK};
    const struct rh_aggregate count = {
        .function = RH_AGG_COUNT, .column = RH_NO_COLUMN, .type = RH_TYPE_INT};
    struct rh_value cells[32];
    struct rh_query query;

    sql("CREATE OR REPLACE TABLE people (g varchar(10), ok tinyint(1), dt datetime)");
    sql("INSERT INTO people VALUES ('b', 1, '2024-03-03 23:00'), ('B', 0, '2024-02-26'),"
        " ('a', 7, '2024-03-04'), (NULL, NULL, NULL), ('A', -2, '0000-00-00')");
    people = table_named("people");
    query = select_all(people);
    query.n_select = 1;
    query.order = orders;
    query.n_order = 1;
    first_rows(&query, 5, cells);
    check_same(&(struct rh_value){.type = RH_TYPE_TEXT, .len = 1, .as.data = "A"}, &cells[0],
               rh_text_of("first"));
    check_same(&(struct rh_value){.type = RH_TYPE_TEXT, .len = 1, .as.data = "b"}, &cells[3],
               rh_text_of("fourth"));
    ck_assert_uint_eq(cells[4].type, RH_TYPE_NULL); /* the largest */
    query.order = own;
    query.n_order = 2;
    query.n_select = 2;
    first_rows(&query, 5, cells);
    ck_assert_int_eq(cells[1].as.i, 7); /* a, then A: equal there, so by the second key */
    ck_assert_int_eq(cells[3].as.i, -2);
    own[0] = (struct rh_order){.column = 1}; /* booleans come before numbers */
    query.n_order = 1;
    first_rows(&query, 5, cells);
    ck_assert_uint_eq(cells[1].type, RH_TYPE_BOOL);
    ck_assert_int_eq(cells[1].as.i, 0);
    ck_assert_int_eq(cells[3].as.i, 1);
    ck_assert_int_eq(cells[5].as.i, -2);
    ck_assert_int_eq(cells[7].as.i, 7);
    query = select_all(people);
    query.n_select = 0;
    query.groups = &group;
    query.n_groups = 1;
    query.aggregates = &count;
    query.n_aggregates = 1;
    query.order = orders;
    query.n_order = 1;
    first_rows(&query, 4, cells);
    ck_assert_uint_eq(cells[0].type, RH_TYPE_TEXT); /* a zero date stays */
    ck_assert_uint_eq(cells[2].type, RH_TYPE_DATETIME);
    ck_assert_int_eq(cells[2].as.i, 19779 * INT64_C(86400000000)); /* a Monday */
    ck_assert_int_eq(cells[3].as.i, 2);
    query.limit = RH_NO_LIMIT;
    query.offset = 3;
    first_rows(&query, 1, cells);
    ck_assert_uint_eq(cells[0].type, RH_TYPE_NULL);
}
END_TEST

START_TEST(estimates)
{
    struct rh_query query;
    int64_t rows = 0;

    sql("CREATE OR REPLACE TABLE people (id int PRIMARY KEY, v int)");
    sql("INSERT INTO people SELECT seq, seq FROM seq_1_to_5000");
    sql("ANALYZE TABLE people");
    people = table_named("people");
    ck_assert_int_ge(people->est_rows, 1000);
    query = select_all(people);
    ok(connector->estimate(conn, op, &query, &rows, &error));
    ck_assert_int_ge(rows, 1000);
    const struct rh_value seven = int_value(7);
    const struct rh_node node = {.op = RH_OP_EQ, .column = 0, .n = 1};
    query = query_of(&node, &seven);
    ok(connector->estimate(conn, op, &query, &rows, &error));
    ck_assert_int_eq(rows, 1);
}
END_TEST

/* ---- native statements ---- */

START_TEST(native_statements)
{
    const struct rh_value parameters[] = {
        int_value(7), text_value("it's"),           decimal_value("1.50"),
        null_value(), i_value(RH_TYPE_DATE, 19782), data_value(RH_TYPE_BYTES, "\0\xff", 2)};
    struct rh_native_spec spec = {.struct_size = sizeof spec,
                                  .text = RH_TEXT_INIT("SELECT ? AS i, ?, ? AS d, ?, ? AS day, ?"),
                                  .parameters = parameters,
                                  .n_parameters = 6};
    struct rh_native_result result = {.struct_size = sizeof result};
    struct rh_batch batch = {.struct_size = sizeof batch};

    ok(connector->native->run(conn, op, &spec, &result, &error));
    ck_assert_uint_eq(result.n_columns, 6);
    ck_assert(rh_text_is(result.columns[0].name, "i"));
    ck_assert_uint_eq(result.columns[0].type, RH_TYPE_INT);
    ok(connector->next(result.cursor, op, 10, &batch, &error));
    for (int i = 0; i < 6; i++)
        check_same(&parameters[i], &batch.cells[i], rh_text_of("parameter"));
    connector->finish(result.cursor);
    spec.n_parameters = 5;
    fails(connector->native->run(conn, op, &spec, &result, &error), RH_INVALID);
    fails(try_sql(conn, "SELECT 1; SELECT 2"), RH_INVALID);
    fails(try_sql(conn, "SELEC 1"), RH_INVALID);
    fails(try_sql(conn, "SELECT * FROM no_such_table"), RH_NOT_FOUND);
    fails(try_sql(conn, "LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE people"), RH_UNSUPPORTED);
    rh_error_clear(&error);
    sql("CREATE OR REPLACE PROCEDURE two_results() BEGIN SELECT 1; SELECT 2; END");
    sql("CALL two_results()");
    ck_assert_int_eq(sql_int("SELECT 7"), 7);
}
END_TEST

START_TEST(native_read_only)
{
    static const char *const refused[] = {"DELETE FROM stock",
                                          "INSERT INTO stock VALUES (9, 'x')",
                                          "SET GLOBAL max_connections = 50",
                                          "CREATE TABLE nope (a int)",
                                          "TRUNCATE stock",
                                          "SELECT 1 INTO OUTFILE '/tmp/rowhouse-x'",
                                          "SELECT 1 /*! INTO DUMPFILE '/tmp/rowhouse-x' */",
                                          "CALL change_stock()",
                                          "/*!50000 DELETE FROM stock */",
                                          "-- x\n# y\n/* z */ delete from stock",
                                          "WITH x AS (SELECT 1) DELETE FROM stock",
                                          "EXECUTE IMMEDIATE 'DELETE FROM stock'",
                                          "SELECT change_it()",
                                          "DO RELEASE_ALL_LOCKS()",
                                          "ANALYZE DELETE FROM stock",
                                          "SELECT 1 INTO @x"};
    struct rh_native_spec spec = {.struct_size = sizeof spec,
                                  .text = RH_TEXT_INIT("SELECT seq FROM seq_1_to_1000000")};
    struct rh_native_result result = {.struct_size = sizeof result};
    struct rh_batch batch = {.struct_size = sizeof batch};

    sql("CREATE OR REPLACE TABLE stock (id int PRIMARY KEY, name varchar(20))");
    sql("INSERT INTO stock VALUES (1, 'outfile')");
    sql("CREATE OR REPLACE PROCEDURE change_stock() BEGIN DELETE FROM stock; COMMIT; END");
    sql("CREATE OR REPLACE FUNCTION change_it() RETURNS int BEGIN DELETE FROM stock; RETURN 1; "
        "END");
    for (int nested = 0; nested < 2; nested++) {
        if (nested)
            ok(connector->tx->begin(conn, op, 0, &error));
        for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
            int rc = RH_OK;
            operation.abi.flags = RH_OP_READ_ONLY;
            rh_error_clear(&error);
            rc = try_sql(conn, refused[i]);
            operation.abi.flags = 0;
            /* A function that changes something: undone, where it cannot be refused. */
            ck_assert_msg(rc == RH_PERMISSION || rc == RH_UNSUPPORTED || rc == RH_INVALID ||
                              (nested && rc == RH_OK && strstr(refused[i], "change_it")),
                          "%s: %s", refused[i], rh_error_class_name(rc));
            rh_error_clear(&error);
            ck_assert_int_eq(sql_int("SELECT COUNT(*) FROM stock"), 1);
        }
        operation.abi.flags = RH_OP_READ_ONLY;
        ck_assert_int_eq(sql_int("SELECT COUNT(*) FROM stock WHERE name = 'outfile' -- outfile"),
                         1);
        ck_assert_int_eq(sql_int("(SELECT COUNT(*) AS `outfile` FROM stock)"), 1);
        sql("SHOW TABLES");
        sql("EXPLAIN SELECT * FROM stock");
        operation.abi.flags = 0;
        if (nested)
            ok(connector->tx->commit(conn, op, &error));
    }
    operation.abi.flags = RH_OP_READ_ONLY; /* rows are streamed, and may be left */
    ok(connector->native->run(conn, op, &spec, &result, &error));
    ok(connector->next(result.cursor, op, 1000, &batch, &error));
    ck_assert_uint_eq(batch.n_rows, 1000);
    connector->finish(result.cursor);
    operation.abi.flags = 0;
    sql("INSERT INTO stock VALUES (2, 'b')");
    ck_assert_int_eq(sql_int("SELECT COUNT(*) FROM stock"), 2);
}
END_TEST

START_TEST(native_effects_stay)
{
    struct rh_native_spec spec = {
        .struct_size = sizeof spec,
        .text = RH_TEXT_INIT("INSERT INTO stock SELECT seq, 'x' FROM seq_10_to_5000 RETURNING id")};
    struct rh_native_result result = {.struct_size = sizeof result};
    struct rh_batch batch = {.struct_size = sizeof batch};
    int rc = RH_OK;

    sql("CREATE OR REPLACE TABLE stock (id int PRIMARY KEY, name varchar(20))");
    ok(connector->native->run(conn, op, &spec, &result, &error));
    ok(connector->next(result.cursor, op, 1, &batch, &error));
    connector->finish(result.cursor); /* the rest unread */
    ck_assert_int_eq(sql_int("SELECT COUNT(*) FROM stock"), 4991);
    operation.abi.memory_budget = 10000;
    spec.text = rh_text_of("DELETE FROM stock RETURNING id, name");
    result = (struct rh_native_result){.struct_size = sizeof result};
    rc = connector->native->run(conn, op, &spec, &result, &error);
    ck_assert(rc == RH_RESOURCE || rc == RH_UNKNOWN_OUTCOME);
    operation.abi.memory_budget = 0;
    rh_error_clear(&error);
    if (rc == RH_RESOURCE)
        ck_assert_int_eq(sql_int("SELECT COUNT(*) FROM stock"), 4991);
}
END_TEST

START_TEST(native_hides_no_control)
{
    static const char *const texts[] = {"COMMIT",
                                        " /**/ /*! ROLLBACK */",
                                        "# x\nCOMMIT",
                                        "-- x\nSTART TRANSACTION",
                                        "SET autocommit = 0",
                                        "SET @@SESSION.autocommit=1",
                                        "LOCK TABLES stock WRITE",
                                        "XA START 'x'",
                                        "CREATE TABLE nope (a int)",
                                        "/*M!100100 TRUNCATE */ stock",
                                        "EXECUTE IMMEDIATE 'COMMIT'",
                                        "(((COMMIT"};

    sql("CREATE OR REPLACE TABLE stock (id int PRIMARY KEY, name varchar(20))");
    ok(connector->tx->begin(conn, op, 0, &error));
    sql("INSERT INTO stock VALUES (1, 'a')");
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        fails(try_sql(conn, texts[i]), RH_UNSUPPORTED);
        rh_error_clear(&error);
    }
    ck_assert_int_eq(sql_int("SELECT COUNT(*) FROM stock"), 1);
    ok(connector->tx->rollback(conn, op, &error));
    ck_assert_int_eq(sql_int("SELECT COUNT(*) FROM stock"), 0);
    /* What no word tells is found by its outcome. */
    sql("CREATE OR REPLACE PROCEDURE hidden() BEGIN COMMIT; END");
    ok(connector->tx->begin(conn, op, 0, &error));
    fails(try_sql(conn, "CALL hidden()"), RH_UNSUPPORTED);
    fails(connector->ping(conn, op, &error), RH_UNAVAILABLE);
}
END_TEST

CONNECTOR_TESTS("mysql", "ROWHOUSE_TEST_MARIADB", "mysql_read", introspects, shows_databases,
                texts_compare_by_code_point, other_predicates, says_what_it_cannot, uses_indexes,
                aggregates_exactly, orders_and_groups, estimates, native_statements,
                native_read_only, native_effects_stay, native_hides_no_control)
