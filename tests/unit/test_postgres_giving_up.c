/* Writes that are cancelled, run out of time or lose their connection; transactions. */
#include "postgres_fixture.h"

/* 100 rows: 0 = changed by key, 1 = new by COPY, 2 = new by INSERT. */
static int write_hundred(int way)
{
    struct rh_value cells[300];
    struct rh_write_spec spec;
    struct rh_write_result result = {.struct_size = sizeof result};

    for (int i = 0; i < 100; i++) {
        cells[i * 3] = int_value(way ? 1000 + i : i);
        cells[i * 3 + 1] = text_value("changed");
        cells[i * 3 + 2] = int_value(1);
    }
    spec = spec_for(stock, stock->columns, 3, cells, 100);
    spec.key = (const uint32_t[]){0};
    spec.n_key = way == 0;
    spec.returning = way == 2 ? stock->columns : NULL;
    spec.n_returning = way == 2;
    rh_error_clear(&error);
    return way == 0 ? connector->write->update(conn, op, &spec, &result, &error)
                    : connector->write->insert(conn, op, &spec, &result, &error);
}

/* Cancels a write that is under way. True when the session goes on: nothing was kept then. */
static bool cancel_write(int way, bool nested, const char *body)
{
    struct onlooker onlooker;
    int rc = RH_OK;

    make_stock();
    sql("INSERT INTO stock SELECT i, 'n' FROM generate_series(0, 99) i");
    make_slow(body);
    onlooker_start(&onlooker, cancel_session, conn, NULL);
    if (nested)
        ok(connector->tx->begin(conn, op, 0, &error));
    rc = write_hundred(way);
    onlooker_join(&onlooker);
    if (!session_goes_on()) {
        ck_assert(rc == RH_CANCELLED || (!nested && rc == RH_UNKNOWN_OUTCOME));
        return false;
    }
    ck_assert_int_eq(rc, RH_CANCELLED);
    ck_assert_int_eq(sql_int("SELECT count(*) FROM stock WHERE name = 'changed'"), 0);
    if (nested)
        ok(connector->tx->commit(conn, op, &error));
    return true;
}

/* Cancelled in the middle of many changes: nothing is kept, and the session goes on. Also when the
 * server ignores the first request, as it does when that comes between two statements. */
START_TEST(cancels_writes)
{
    for (int i = 0; i < 12; i++) {
        int tries = 1;
        while (!cancel_write(i % 3, i / 3 % 2, i / 6 ? ignores_the_first : sleeps))
            ck_assert_int_lt(tries++, TRIES);
    }
}
END_TEST

/* The connection is lost while a change is under way: nobody can know. */
START_TEST(outcome_unknown)
{
    struct rh_conn *victim = connect_url();
    struct rh_value cells[] = {int_value(1), text_value("x")};
    struct rh_write_spec spec;
    struct rh_write_result result = {.struct_size = sizeof result};
    struct onlooker onlooker;

    make_stock();
    make_slow(sleeps);
    spec = spec_for(stock, stock->columns, 2, cells, 1);
    onlooker_start(&onlooker, end_session, victim, NULL);
    fails(connector->write->insert(victim, op, &spec, &result, &error), RH_UNKNOWN_OUTCOME);
    onlooker_join(&onlooker);
    fails(connector->ping(victim, op, &error), RH_UNAVAILABLE);
    connector->close(victim);
    /* A deadline that passes, with the server's word that nothing was kept, is no riddle. */
    for (int tries = 1;; tries++) {
        int rc = RH_OK;
        fresh(SECOND / 5);
        rc = connector->write->insert(conn, op, &spec, &result, &error);
        if (session_goes_on()) {
            ck_assert_int_eq(rc, RH_TIMEOUT);
            break;
        }
        ck_assert(rc == RH_TIMEOUT || rc == RH_UNKNOWN_OUTCOME);
        ck_assert_int_lt(tries, TRIES);
    }
    ck_assert_int_eq(sql_int("SELECT count(*) FROM stock"), 0);
}
END_TEST

START_TEST(transactions)
{
    struct rh_conn *second = connect_url(), *mine = conn;

    make_stock();
    ok(connector->tx->begin(conn, op, 0, &error));
    sql("INSERT INTO stock VALUES (1, 'a')");
    ok(connector->tx->savepoint(conn, op, 1, &error));
    sql("INSERT INTO stock VALUES (2, 'b')");
    ok(connector->tx->savepoint(conn, op, 2, &error));
    fails(try_sql(conn, "INSERT INTO stock VALUES (1, 'again')"), RH_CONSTRAINT);
    rh_error_clear(&error);
    ok(connector->tx->rollback_to(conn, op, 2, &error));
    ok(connector->tx->release(conn, op, 2, &error));
    ok(connector->tx->rollback_to(conn, op, 1, &error));
    ok(connector->tx->commit(conn, op, &error));
    ck_assert_int_eq(sql_int("SELECT count(*) FROM stock"), 1);

    ok(connector->tx->begin(conn, op, RH_TX_READ_ONLY | RH_TX_SNAPSHOT, &error));
    ck_assert_int_eq(sql_int("SELECT count(*) FROM stock"), 1);
    conn = second;
    sql("INSERT INTO stock VALUES (5, 'other')");
    conn = mine;
    ck_assert_int_eq(sql_int("SELECT count(*) FROM stock"), 1);
    fails(try_sql(conn, "INSERT INTO stock VALUES (6, 'no')"), RH_PERMISSION);
    rh_error_clear(&error);
    fails(connector->tx->commit(conn, op, &error), RH_INVALID); /* it had failed */
    rh_error_clear(&error);
    ok(connector->tx->begin(conn, op, 0, &error)); /* reset ends what was left open */
    sql("INSERT INTO stock VALUES (8, 'left')");
    ok(connector->reset(conn, op, &error));
    ck_assert_int_eq(sql_int("SELECT count(*) FROM stock WHERE id = 8"), 0);
    fails(connector->tx->commit(conn, op, &error), RH_INVALID);
    connector->close(second);
}
END_TEST

POSTGRES_TESTS("postgres_giving_up", cancels_writes, outcome_unknown, transactions)
