/* Native statements. */
#include "postgres_fixture.h"

#include "connector/kit.h"

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
    ck_assert_uint_eq(batch.cells[7].type, RH_TYPE_JSON);
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

/* ---- arrays ---- */

static struct rh_native_result run_with(const char *text, const struct rh_value *parameters,
                                        uint32_t n)
{
    const struct rh_native_spec spec = {.struct_size = sizeof spec,
                                        .n_parameters = n,
                                        .parameters = parameters,
                                        .text = rh_text_of(text)};
    struct rh_native_result result = {.struct_size = sizeof result};

    ok(connector->native->run(conn, op, &spec, &result, &error));
    return result;
}

static int try_with(const char *text, const char *json)
{
    const struct rh_value parameter = json_value(json);
    const struct rh_native_spec spec = {.struct_size = sizeof spec,
                                        .n_parameters = 1,
                                        .parameters = &parameter,
                                        .text = rh_text_of(text)};
    struct rh_native_result result = {.struct_size = sizeof result};
    int rc = connector->native->run(conn, op, &spec, &result, &error);

    if (!rc && result.cursor)
        connector->finish(result.cursor);
    return rc;
}

/* The one number that the statement gives. */
static int64_t int_with(const char *text, const char *json)
{
    const struct rh_value parameter = json_value(json);
    struct rh_native_result result = run_with(text, &parameter, 1);
    struct rh_batch batch = {.struct_size = sizeof batch};
    int64_t number = 0;

    ok(connector->next(result.cursor, op, 10, &batch, &error));
    ck_assert_uint_eq(batch.cells[0].type, RH_TYPE_INT);
    number = batch.cells[0].as.i;
    connector->finish(result.cursor);
    return number;
}

/* An array of a native statement is the JSON that its column gives in a table: to_json's. */
START_TEST(native_arrays)
{
    static const struct {
        const char *type, *literal;
    } arrays[] = {
        {"smallint[]", "{-32768,NULL,32767}"},
        {"integer[]", "{}"},
        {"integer[]", "{{1,2},{3,NULL}}"},
        {"integer[]", "{{{{{{1},{2}}}}}}"},
        {"integer[]", "[2:3]={1,2}"},
        {"integer[]", "[-1:0][5:6]={{1,2},{3,4}}"},
        {"bigint[]", "{-9223372036854775808,9223372036854775807}"},
        {"oid[]", "{0,4294967295}"},
        {"real[]", "{0.1,NaN,-Infinity,1e+20,1e-30}"},
        {"double precision[]", "{0.1,-0,Infinity,1e300,5e-324}"},
        {"numeric[]", "{1.50,NaN,-0.000001,123456789012345678901234567890.5}"},
        {"boolean[]", "{t,f,NULL}"},
        {"text[]", "{\"\",NULL,\"NULL\",null_,\"a,b\",\"{}\",\"\\\"\\\\\",' x ',\" x \",/,é😀}"},
        {"text[]", "{\"\b\f\n\r\t\v\x01\x1f\x7f\"}"},
        {"character varying[]", "{{a,\"b c\"},{NULL,d}}"},
        {"character[]", "{a,\" \"}"},
        {"name[]", "{pg_class,\"two words\"}"},
        {"uuid[]", "{123e4567-e89b-12d3-a456-426614174000}"},
        {"date[]", "{2024-02-29,infinity,-infinity,\"0044-03-15 BC\",12345-01-01}"},
        {"time without time zone[]", "{13:05:00.25,24:00:00}"},
        {"timestamp without time zone[]",
         "{\"2024-02-29 23:59:59.999999\",infinity,\"0044-03-15 00:00:00 BC\",NULL}"},
        {"timestamp with time zone[]",
         "{\"2024-02-29 23:59:59.5+00\",-infinity,\"0044-03-15 00:00:00+00 BC\"}"},
        {"interval[]", "{P1Y2M3DT4H5M6.7S,PT0S,P-1M}"},
        {"bytea[]", "{\"\\\\x00ff\",\"\\\\x\"}"},
        {"json[]", "{\"{\\\"a\\\": [1, \\\"x\\\\\\\"\\\"]}\",\"null\",NULL,7,\"\\\"t\\\"\"}"},
        {"jsonb[]", "{{\"{\\\"a\\\": null}\"},{\"[]\"}}"},
    };

    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++) {
        const struct rh_value literal = text_value(arrays[i].literal);
        struct rh_native_result result;
        struct rh_batch batch = {.struct_size = sizeof batch};
        char text[128];
        (void)snprintf(text, sizeof text, "SELECT a, to_json(a)::text FROM (SELECT $1::%s AS a) x",
                       arrays[i].type);
        result = run_with(text, &literal, 1);
        ck_assert_uint_eq(result.columns[0].type, RH_TYPE_JSON);
        ck_assert_msg(rh_text_is(result.columns[0].native_type, arrays[i].type), "%s",
                      arrays[i].type);
        ok(connector->next(result.cursor, op, 10, &batch, &error));
        ck_assert_msg(batch.cells[0].type == RH_TYPE_JSON, "%s: no JSON", arrays[i].literal);
        ck_assert_msg(
            rh_text_equal(rh_kit_value_text(&batch.cells[0]), rh_kit_value_text(&batch.cells[1])),
            "%.*s, not %.*s", RH_TEXT_ARG(rh_kit_value_text(&batch.cells[0])),
            RH_TEXT_ARG(rh_kit_value_text(&batch.cells[1])));
        connector->finish(result.cursor);
    }
}
END_TEST

/* Times of another zone are as to_json says them; other forms of dates, and types that only this
 * database knows, are texts. */
START_TEST(native_arrays_as_text)
{
    struct rh_native_result result;
    struct rh_batch batch = {.struct_size = sizeof batch};

    make_people();
    sql("SET TimeZone = 'Asia/Kolkata'");
    result = run_with("SELECT a, to_json(a)::text, ARRAY['sad'::mood2] FROM"
                      " (SELECT ARRAY['epoch'::timestamptz, '1800-01-01'] AS a) x",
                      NULL, 0);
    ck_assert_uint_eq(result.columns[2].type, RH_TYPE_TEXT);
    ok(connector->next(result.cursor, op, 10, &batch, &error));
    ck_assert(rh_text_is(rh_kit_value_text(&batch.cells[0]),
                         "[\"1970-01-01T05:30:00+05:30\",\"1800-01-01T00:00:00+05:53:28\"]"));
    ck_assert(
        rh_text_equal(rh_kit_value_text(&batch.cells[0]), rh_kit_value_text(&batch.cells[1])));
    ck_assert_uint_eq(batch.cells[2].type, RH_TYPE_TEXT);
    ck_assert(rh_text_is(rh_kit_value_text(&batch.cells[2]), "{sad}"));
    connector->finish(result.cursor);
    sql("SET DateStyle = 'SQL, DMY'");
    result = run_with("SELECT ARRAY['2024-02-01'::date], ARRAY[1]", NULL, 0);
    ok(connector->next(result.cursor, op, 10, &batch, &error));
    ck_assert_uint_eq(batch.cells[0].type, RH_TYPE_TEXT);
    ck_assert(rh_text_is(rh_kit_value_text(&batch.cells[0]), "{01/02/2024}"));
    ck_assert_uint_eq(batch.cells[1].type, RH_TYPE_JSON);
    connector->finish(result.cursor);
    ok(connector->reset(conn, op, &error));
}
END_TEST

START_TEST(native_array_parameters)
{
    static const char count[] = "SELECT count(*) FROM people WHERE ";
    static const struct {
        const char *condition, *json;
        int64_t n;
    } conditions[] = {
        {"id = ANY ($1)", "[1,2,3]", 3},
        {"id = ANY ($1)", "[]", 0},
        {"id = ANY ($1)", " [ 1, null ]", 1},
        {"name = ANY ($1)", "[\"Anna\", \"line\\nbreak_x\", \"{}\", \"\"]", 3},
        {"m = ANY ($1)", "[\"sad\", \"Happy\"]", 2}, /* an enum, whose array the server knows */
        {"ip = ANY ($1)", "[\"10.0.0.9\", \"::1\"]", 2},
        {"n = ANY ($1)", "[1, 2]", 3},
        {"u = ANY ($1)", "[\"00000000-0000-0000-0000-000000000001\"]", 1},
        {"d = ANY ($1)", "[\"2024-02-29\", \"infinity\"]", 2},
        {"$1::int[] = '{{1,2},{3,4}}'", "[[1,2],[3,4]]", 6},
        {"id = ANY ($1::few)", "[1, 2]", 2}, /* a domain */
        {"jb = $1", "[1, \"a\"]", 1},
        {"jb = ANY ($1)", "[{\"a\": 1}]", 1},
        {"$1::json::text = '[1, 2]'", "[1, 2]", 6},
        {"$1::list = '[1]'", "[1]", 6},
        {"$1 = '[1]'", "[1]", 6},
        {"$1::varchar = '[1]'", "[1]", 6},
        {"$1::name = '[1]'", "[1]", 6},
    };

    make_people();
    (void)try_sql(conn, "DROP DOMAIN IF EXISTS few");
    (void)try_sql(conn, "DROP DOMAIN IF EXISTS list");
    sql("CREATE DOMAIN few AS int[] CHECK (cardinality(VALUE) < 9)");
    sql("CREATE DOMAIN list AS jsonb CHECK (jsonb_typeof(VALUE) = 'array')");
    for (size_t i = 0; i < sizeof conditions / sizeof conditions[0]; i++) {
        char text[256];
        (void)snprintf(text, sizeof text, "%s%s", count, conditions[i].condition);
        for (uint32_t flags = 0; flags <= RH_OP_READ_ONLY; flags++) {
            operation.abi.flags = flags;
            ck_assert_msg(int_with(text, conditions[i].json) == conditions[i].n, "%s",
                          conditions[i].condition);
        }
    }
}
END_TEST

/* Errors are those of the same statement without an array. */
START_TEST(native_array_errors)
{
    static const struct {
        const char *text, *json, *state;
        int error_class;
    } wrong[] = {
        {"SELEC id = ANY ($1)", "[1]", "42601", RH_INVALID},
        {"SELECT 1 WHERE 1 = ANY ($1); SELECT 2", "[1]", "42601", RH_INVALID},
        {"SELECT 1 WHERE 1 = ANY ($2)", "[1]", "42P18", RH_INVALID},
        {"SELECT 1 WHERE 1 = ANY ($1) AND $2", "[1]", "08P01", RH_INVALID},
        {"SELECT 1", "[1]", "42P18", RH_INVALID},
        {"SELECT * FROM no_such_table WHERE id = ANY ($1)", "[1]", "42P01", RH_NOT_FOUND},
        {"SELECT id FROM stock WHERE id = $1", "[1]", "22P02", RH_DATA},
        {"SELECT id FROM stock WHERE id = ANY ($1)", "[\"x\"]", "22P02", RH_DATA},
        {"SELECT id FROM stock WHERE id = ANY ($1)", "[[1],[2,3]]", "22P02", RH_DATA},
        {"SELECT id FROM stock WHERE id = ANY ($1)", "[[[[[[[1]]]]]]]", "", RH_DATA},
        {"COMMIT", "[1]", "", RH_UNSUPPORTED},
    };

    make_stock();
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        for (uint32_t flags = 0; flags <= RH_OP_READ_ONLY; flags++) {
            operation.abi.flags = flags;
            fails(try_with(wrong[i].text, wrong[i].json), wrong[i].error_class);
            ck_assert_str_eq(error.sqlstate, wrong[i].state);
            rh_error_clear(&error);
            ck_assert_int_eq(int_with("SELECT cardinality($1::int[])", "[1,2]"), 2);
        }
    }
}
END_TEST

START_TEST(native_array_parameters_in_transactions)
{
    make_stock();
    ok(connector->tx->begin(conn, op, 0, &error));
    ok(try_with("INSERT INTO stock SELECT i, 'a' FROM unnest($1::int[]) i", "[1,2]"));
    operation.abi.flags = RH_OP_READ_ONLY;
    ck_assert_int_eq(int_with("SELECT count(*) FROM stock WHERE id = ANY ($1)", "[1,2,3]"), 2);
    fails(try_with("DELETE FROM stock WHERE id = ANY ($1)", "[1]"), RH_PERMISSION);
    rh_error_clear(&error);
    fails(try_with("SELEC $1::int[]", "[1]"), RH_INVALID); /* within the savepoint */
    rh_error_clear(&error);
    operation.abi.flags = 0;
    ok(try_with("DELETE FROM stock WHERE id = ANY ($1)", "[1]"));
    fails(try_with("DELETE FROM stock WHERE id = ANY ($1)", "[[[[[[[1]]]]]]]"), RH_DATA);
    rh_error_clear(&error);
    ck_assert_int_eq(sql_int("SELECT count(*) FROM stock"), 1); /* it did not get to the server */
    fails(try_with("SELEC $1::int[]", "[1]"), RH_INVALID); /* fails the transaction, as without */
    rh_error_clear(&error);
    fails(try_with("DELETE FROM stock WHERE id = ANY ($1)", "[1]"), RH_INVALID);
    ck_assert_str_eq(error.sqlstate, "25P02");
    rh_error_clear(&error);
    ok(connector->tx->rollback(conn, op, &error));
    ck_assert_int_eq(sql_int("SELECT count(*) FROM stock"), 0);
}
END_TEST

/* A statement may have to wait already to be parsed: for a lock. */
START_TEST(native_array_parameters_wait)
{
    struct rh_conn *holder = connect_url();

    make_stock();
    ok(connector->tx->begin(holder, op, 0, &error));
    ok(try_sql(holder, "LOCK stock"));
    for (int tries = 1;; tries++) {
        fresh(SECOND / 5);
        fails(try_with("DELETE FROM stock WHERE id = ANY ($1)", "[1]"), RH_TIMEOUT);
        if (session_goes_on())
            break;
        ck_assert_int_lt(tries, TRIES);
    }
    ok(connector->tx->rollback(holder, op, &error));
    connector->close(holder);
    ok(try_with("DELETE FROM stock WHERE id = ANY ($1)", "[1]"));
}
END_TEST

POSTGRES_TESTS("postgres_native", native_statements, native_read_only, native_streams,
               native_effects_stay, native_hides_no_control, native_arrays, native_arrays_as_text,
               native_array_parameters, native_array_errors,
               native_array_parameters_in_transactions, native_array_parameters_wait)
