/* Cursors: memory, early ends, what stands between their rows. */
#include "postgres_fixture.h"

START_TEST(scan_in_bounded_memory)
{
    struct rh_query query;

    make_big_table();
    query = select_all(table_named("big_test"));
    check_scan(&query, 1000000);
    ok(connector->reset(conn, op, &error));
}
END_TEST

/* Small rows, and then some that are a hundred thousand times larger: 200 MB in a FETCH that is
 * planned for a hundred kilobytes. */
static void make_swelling_table(void)
{
    (void)try_sql(conn, "DROP TABLE IF EXISTS swelling");
    sql("CREATE TABLE swelling (id int PRIMARY KEY, t text, n int)");
    sql("ALTER TABLE swelling ALTER t SET STORAGE EXTERNAL");
    sql("INSERT INTO swelling SELECT i, repeat('x', CASE WHEN i > 2000 THEN 1000000 ELSE 10 END), 0"
        " FROM generate_series(1, 2200) i");
}

static struct rh_query select_by_id(const struct rh_table *table)
{
    static const struct rh_order by_id = {.column = 0};
    struct rh_query query = select_all(table);

    query.order = &by_id;
    query.n_order = 1;
    return query;
}

/* The rows behind `id` in order; true at the end. */
static bool read_on(struct rh_cursor *cursor, int64_t *id)
{
    struct rh_batch batch = {.struct_size = sizeof batch};
    int rc = connector->next(cursor, op, 100, &batch, &error);

    if (rc == RH_END)
        return true;
    ck_assert_msg(rc == RH_OK, "%s", error.message);
    ck_assert_uint_gt(batch.n_rows, 0);
    for (uint64_t row = 0; row < batch.n_rows; row++) {
        const struct rh_value *cells = &batch.cells[row * batch.n_cols];
        ck_assert_int_eq(cells[0].as.i, ++*id);
        ck_assert_uint_eq(cells[1].len, *id > 2000 ? 1000000 : 10);
        ck_assert_int_eq(((const char *)cells[1].as.data)[cells[1].len - 1], 'x');
    }
    return false;
}

START_TEST(rows_that_swell_in_bounded_memory)
{
    struct rh_query query;
    struct rh_cursor *cursor = NULL;
    struct rusage before, after;
    int64_t id = 0;

    make_swelling_table();
    query = select_by_id(table_named("swelling"));
    (void)getrusage(RUSAGE_SELF, &before);
    ok(connector->open(conn, op, &query, &cursor, &error));
    while (!read_on(cursor, &id))
        ;
    ck_assert_int_eq(id, 2200);
    connector->finish(cursor);
    (void)getrusage(RUSAGE_SELF, &after);
#ifndef __SANITIZE_ADDRESS__ /* it keeps what was freed for a while */
    ck_assert_int_lt(after.ru_maxrss - before.ru_maxrss, 32 * 1024);
#endif
    for (int64_t until = 1000; until < 2200; until += 200) { /* left anywhere */
        id = 0;
        ok(connector->open(conn, op, &query, &cursor, &error));
        while (id < until && !read_on(cursor, &id))
            ;
        connector->finish(cursor);
        if (session_goes_on())
            ck_assert_int_eq(sql_int("SELECT count(*) FROM swelling"), 2200);
    }
}
END_TEST

/* Writing between the slices, in pipelines, too. */
START_TEST(writes_between_swelling_rows)
{
    struct rh_cursor *cursor = NULL;
    struct rh_write_result result = {.struct_size = sizeof result};
    struct rh_column columns[2];
    struct rh_value cells[10];
    struct rh_write_spec spec;
    struct rh_query query;
    int64_t id = 0, n_writes = 0;

    make_swelling_table();
    query = select_by_id(table_named("swelling"));
    columns[0] = *column_named(table_named("swelling"), "id");
    columns[1] = *column_named(table_named("swelling"), "n");
    ok(connector->tx->begin(conn, op, 0, &error));
    ok(connector->open(conn, op, &query, &cursor, &error));
    while (!read_on(cursor, &id)) {
        spec = spec_for(table_named("swelling"), columns, 2, cells, 5);
        spec.key = (const uint32_t[]){0};
        spec.n_key = 1;
        for (int i = 0; i < 5; i++) {
            cells[2 * i] = int_value(id - i);
            cells[2 * i + 1] = int_value(1);
        }
        if (id < 5)
            continue;
        ok(connector->write->update(conn, op, &spec, &result, &error));
        ck_assert_uint_eq(result.n_affected, 5);
        n_writes++;
    }
    connector->finish(cursor);
    ok(connector->tx->commit(conn, op, &error));
    ck_assert_int_gt(n_writes, 10);
    ck_assert_int_eq(id, 2200);
    ck_assert_int_ge(sql_int("SELECT count(*) FROM swelling WHERE n = 1"), n_writes);
    sql("DROP TABLE swelling");
}
END_TEST

/* Wherever a cursor is left, the session is as good as new. */
START_TEST(leaves_cursors_early)
{
    const struct rh_order by_id = {.column = 0};
    struct rh_query query;
    struct rh_cursor *cursor = NULL;
    struct rh_batch batch = {.struct_size = sizeof batch};

    make_big_table();
    query = select_all(table_named("big_test"));
    query.order = &by_id;
    query.n_order = 1;
    leave_early(&query);
    ok(connector->tx->begin(conn, op, 0,
                            &error)); /* inside a transaction, with other work between */
    ok(connector->open(conn, op, &query, &cursor, &error));
    for (int i = 0; i < 6; i++) {
        ok(connector->next(cursor, op, 5000, &batch, &error));
        ok(connector->tx->savepoint(conn, op, 1, &error));
        ok(connector->tx->release(conn, op, 1, &error));
    }
    connector->finish(cursor);
    ok(connector->open(conn, op, &query, &cursor, &error));
    connector->finish(cursor);
    ok(connector->tx->commit(conn, op, &error));
}
END_TEST

/* A cursor that is left while its next rows would take long does not end the transaction. */
START_TEST(leaves_a_slow_cursor)
{
    struct rh_query query;
    struct rh_cursor *cursor = NULL;
    struct rh_batch batch = {.struct_size = sizeof batch};
    uint64_t n = 0;

    (void)try_sql(conn, "DROP VIEW IF EXISTS slow");
    sql("CREATE VIEW slow AS SELECT i, CASE WHEN i > 6000 THEN pg_sleep(0.01)::text END AS t"
        " FROM generate_series(1, 12000) i");
    make_stock();
    query = select_all(table_named("slow"));
    ok(connector->tx->begin(conn, op, 0, &error));
    sql("INSERT INTO stock VALUES (1, 'a')");
    ok(connector->open(conn, op, &query, &cursor, &error));
    for (int i = 0; n < 5000 && i < 50; i++) {
        ok(connector->next(cursor, op, 5000, &batch, &error));
        n += batch.n_rows;
    }
    connector->finish(cursor);
    ok(connector->tx->commit(conn, op, &error));
    ck_assert_int_eq(sql_int("SELECT count(*) FROM stock"), 1);
    sql("DROP VIEW slow");
}
END_TEST

static int64_t locks_held(struct rh_conn *by)
{
    struct rh_conn *mine = conn;
    int64_t n = 0;

    conn = by;
    n = sql_int("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711");
    conn = mine;
    return n;
}

START_TEST(resets_after_reading)
{
    struct rh_conn *second = connect_url();

    operation.abi.flags = RH_OP_READ_ONLY;
    ok(try_sql(conn, "SELECT pg_advisory_lock(4711)"));
    operation.abi.flags = 0;
    ck_assert_int_eq(locks_held(second), 1);
    ok(connector->reset(conn, op, &error));
    ok(connector->ping(conn, op, &error)); /* isolated, a reset is not waited for until then */
    ck_assert_int_eq(locks_held(second), 0);
    connector->close(second);
}
END_TEST

POSTGRES_TESTS("postgres_reading", scan_in_bounded_memory, rows_that_swell_in_bounded_memory,
               writes_between_swelling_rows, leaves_cursors_early, leaves_a_slow_cursor,
               resets_after_reading)
