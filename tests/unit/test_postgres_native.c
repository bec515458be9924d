/* Native statements. */
#include "postgres_fixture.h"

START_TEST(native_statements)
{
    const struct rh_value parameters[] = {
        int_value(2), text_value("x'; DROP TABLE stock; --"), {.type = RH_TYPE_NULL}};
    struct rh_native_spec spec = {
        .struct_size = sizeof spec,
        .n_parameters = 3,
        .parameters = parameters,
        .text = RH_TEXT_INIT("SELECT id, $2::text AS t, $3::date AS nothing, 1.50 AS n,"
                             " 'NaN'::float8 AS f, '\\x00ff'::bytea AS b, '1 mon'::interval AS i,"
                             " '{1,2}'::int[] AS a, now() AS ts, '[1]'::jsonb AS j,"
                             " 'Infinity'::numeric AS inf, '0044-03-15 BC'::date AS ides"
                             " FROM stock WHERE id = $1")};
    struct rh_native_result result = {.struct_size = sizeof result};
    struct rh_batch batch = {.struct_size = sizeof batch};

    make_stock();
    sql("INSERT INTO stock VALUES (1, 'a'), (2, 'b')");
    ok(connector->native->run(conn, op, &spec, &result, &error));
    ck_assert_uint_eq(result.n_columns, 12);
    ck_assert(rh_text_is(result.columns[0].name, "id"));
    ck_assert_uint_eq(result.columns[2].type, RH_TYPE_DATE);
    ck_assert_uint_eq(result.columns[3].type, RH_TYPE_DECIMAL);
    ok(connector->next(result.cursor, op, 10, &batch, &error));
    ck_assert_uint_eq(batch.n_rows, 1);
    ck_assert_int_eq(batch.cells[0].as.i, 2);
    check_same(&parameters[1], &batch.cells[1], rh_text_of("t"));
    ck_assert_uint_eq(batch.cells[2].type, RH_TYPE_NULL);
    ck_assert_uint_eq(batch.cells[3].type, RH_TYPE_DECIMAL);
    ck_assert_uint_eq(batch.cells[4].type, RH_TYPE_FLOAT);
    check_same(&(struct rh_value){.type = RH_TYPE_BYTES, .len = 2, .as.data = "\0\xff"},
               &batch.cells[5], rh_text_of("b"));
    ck_assert_uint_eq(batch.cells[6].type, RH_TYPE_INTERVAL);
    ck_assert_int_eq(((const struct rh_interval *)batch.cells[6].as.data)->months, 1);
    ck_assert_uint_eq(batch.cells[7].type, RH_TYPE_TEXT);
    ck_assert_uint_eq(batch.cells[8].type, RH_TYPE_TIMESTAMP);
    ck_assert_uint_eq(batch.cells[9].type, RH_TYPE_JSON);
    ck_assert_uint_eq(batch.cells[10].type, RH_TYPE_TEXT);
    ck_assert_uint_eq(batch.cells[11].type, RH_TYPE_TEXT);
    ck_assert_int_eq(connector->next(result.cursor, op, 10, &batch, &error), RH_END);
    connector->finish(result.cursor);

    fails(try_sql(conn, "SELECT 1; SELECT 2"), RH_INVALID);
    fails(try_sql(conn, "/* x */ -- y\n COMMIT"), RH_UNSUPPORTED);
    fails(try_sql(conn, "COPY stock TO STDOUT"), RH_UNSUPPORTED);
    fails(try_sql(conn, "SELEC 1"), RH_INVALID);
    fails(try_sql(conn, "SELECT * FROM no_such_table"), RH_NOT_FOUND);
    rh_error_clear(&error);
    spec = (struct rh_native_spec){.struct_size = sizeof spec,
                                   .text = RH_TEXT_INIT("UPDATE stock SET qty = 1 RETURNING id")};
    ok(connector->native->run(conn, op, &spec, &result, &error));
    ck_assert_uint_eq(result.n_affected, 2);
    connector->finish(result.cursor);
    ck_assert_int_eq(sql_int("SELECT count(*) FROM stock WHERE qty = 1"), 2);
}
END_TEST

START_TEST(native_read_only)
{
    make_stock();
    operation.abi.flags = RH_OP_READ_ONLY;
    fails(try_sql(conn, "INSERT INTO stock VALUES (1, 'a')"), RH_PERMISSION);
    fails(try_sql(conn, "WITH x AS (INSERT INTO stock VALUES (1, 'a') RETURNING id)"
                        " SELECT * FROM x"),
          RH_PERMISSION);
    rh_error_clear(&error);
    ok(try_sql(conn, "SET default_transaction_read_only = off"));
    ok(try_sql(conn, "SELECT set_config('search_path', 'elsewhere', false)"));
    operation.abi.flags = 0;
    ck_assert_int_eq(sql_int("SELECT count(*) FROM stock"), 0);
    ok(connector->tx->begin(conn, op, 0, &error));
    sql("INSERT INTO stock VALUES (1, 'a')");
    operation.abi.flags = RH_OP_READ_ONLY;
    fails(try_sql(conn, "INSERT INTO stock VALUES (2, 'b')"), RH_PERMISSION);
    rh_error_clear(&error);
    ck_assert_int_eq(sql_int("SELECT count(*) FROM stock"), 1);
    operation.abi.flags = 0;
    sql("INSERT INTO stock VALUES (3, 'c')"); /* the host's transaction may still write */
    ok(connector->tx->commit(conn, op, &error));
    ck_assert_int_eq(sql_int("SELECT count(*) FROM stock"), 2);
}
END_TEST

START_TEST(native_streams)
{
    const struct rh_native_spec spec = {
        .struct_size = sizeof spec,
        .text = RH_TEXT_INIT("SELECT i, md5(i::text) FROM generate_series(1, 300000) i")};
    struct rh_native_result result = {.struct_size = sizeof result};
    struct rh_batch batch = {.struct_size = sizeof batch};
    const struct rh_native_spec endless = {
        .struct_size = sizeof endless,
        .text = RH_TEXT_INIT("SELECT generate_series(1, 2000000000), 'x'")};
    uint64_t n = 0;
    int rc = RH_OK;

    operation.abi.flags = RH_OP_READ_ONLY;
    ok(connector->native->run(conn, op, &spec, &result, &error));
    while ((rc = connector->next(result.cursor, op, 1000, &batch, &error)) == RH_OK)
        n += batch.n_rows;
    ck_assert_int_eq(rc, RH_END);
    ck_assert_uint_eq(n, 300000);
    connector->finish(result.cursor);
    for (int tries = 1;; tries++) {
        operation.abi.flags = RH_OP_READ_ONLY;
        ok(connector->native->run(conn, op, &endless, &result, &error));
        ok(connector->next(result.cursor, op, 10, &batch, &error));
        fails(connector->ping(conn, op, &error), RH_BUSY);
        rh_error_clear(&error);
        connector->finish(result.cursor); /* early */
        if (session_goes_on())
            break;
        ck_assert_int_lt(tries, TRIES);
    }
}
END_TEST

/* Without READ_ONLY, what a SELECT did stays done though nobody reads its rows. */
START_TEST(native_effects_stay)
{
    const struct rh_native_spec spec = {
        .struct_size = sizeof spec,
        .text = RH_TEXT_INIT("WITH x AS (INSERT INTO stock SELECT i, 'a'"
                             " FROM generate_series(1, 20000) i RETURNING id, name)"
                             " SELECT id, name, NULL AS nothing FROM x ORDER BY id")};
    struct rh_native_result result = {.struct_size = sizeof result};
    struct rh_batch batch = {.struct_size = sizeof batch};
    int rc = RH_OK;

    make_stock();
    ok(connector->native->run(conn, op, &spec, &result, &error));
    ok(connector->next(result.cursor, op, 1, &batch, &error));
    ck_assert_int_eq(batch.cells[0].as.i, 1);
    ck_assert_uint_eq(batch.cells[2].type, RH_TYPE_NULL);
    connector->finish(result.cursor);
    ck_assert_int_eq(sql_int("SELECT count(*) FROM stock"), 20000);
    operation.abi.memory_budget = 10000; /* what does not fit is undone, or said to be open */
    rc = try_sql(conn, "DELETE FROM stock RETURNING id");
    ck_assert(rc == RH_RESOURCE || rc == RH_UNKNOWN_OUTCOME);
    rh_error_clear(&error);
    operation.abi.memory_budget = 0;
    if (rc == RH_RESOURCE)
        ck_assert_int_eq(sql_int("SELECT count(*) FROM stock"), 20000);
}
END_TEST

/* Whatever stands in front of it: transaction control does not get to the server. */
START_TEST(native_hides_no_control)
{
    static const char *const texts[] = {";COMMIT", "/* /* */ */ ROLLBACK", "-- x\rCOMMIT",
                                        "\f;;/**/;END", ";COPY (SELECT 1) TO PROGRAM 'true'"};

    make_stock();
    ok(connector->tx->begin(conn, op, 0, &error));
    sql("INSERT INTO stock VALUES (1, 'a')");
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        for (uint32_t flags = 0; flags <= RH_OP_READ_ONLY; flags++) {
            operation.abi.flags = flags;
            fails(try_sql(conn, texts[i]), RH_UNSUPPORTED);
            rh_error_clear(&error);
        }
    }
    operation.abi.flags = RH_OP_READ_ONLY;
    fails(try_sql(conn, "DEALLOCATE ALL"), RH_PERMISSION);
    fails(try_sql(conn, "DISCARD PLANS"), RH_PERMISSION);
    rh_error_clear(&error);
    operation.abi.flags = 0;
    ck_assert_int_eq(sql_int("SELECT count(*) FROM stock"), 1);
    ok(connector->tx->rollback(conn, op, &error));
    ck_assert_int_eq(sql_int("SELECT count(*) FROM stock"), 0);
}
END_TEST

POSTGRES_TESTS("postgres_native", native_statements, native_read_only, native_streams,
               native_effects_stay, native_hides_no_control)
