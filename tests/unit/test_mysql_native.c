/* The connector `mysql`: native statements. */
#include "mysql_fixture.h"

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

    make_people();
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
    bool survived = false;
    int rc = RH_OK;

    for (int i = 0; i < TRIES && !survived; i++) {
        sql("CREATE OR REPLACE TABLE stock (id int PRIMARY KEY, name varchar(20))");
        result = (struct rh_native_result){.struct_size = sizeof result};
        ok(connector->native->run(conn, op, &spec, &result, &error));
        ok(connector->next(result.cursor, op, 1, &batch, &error));
        connector->finish(result.cursor); /* the rest unread */
        survived = session_goes_on();
    }
    ck_assert(survived);
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

MYSQL_TESTS("mysql_native", native_statements, native_read_only, native_effects_stay,
            native_hides_no_control)
