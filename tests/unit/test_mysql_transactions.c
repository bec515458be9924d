/*
 * The connector `mysql`: transactions, and writes that are cancelled or whose outcome is unknown.
 * Also run against a server that calls itself MySQL (mariadb.sh run --as-mysql), which has no
 * RETURNING then.
 */
#include "mysql_fixture.h"

#include <pthread.h>
#include <unistd.h>

static void *cancel_soon(void *context)
{
    (void)usleep(100000);
    connector->cancel(context);
    return NULL;
}

START_TEST(cancels_writes)
{
    struct rh_conn *other = connect_url();
    struct rh_value cells[] = {int_value(1), text_value("x")};
    struct rh_write_spec spec;
    struct rh_write_result result = {.struct_size = sizeof result};
    pthread_t thread;

    make_stock();
    sql("INSERT INTO stock (id, name) VALUES (1, 'a')");
    ok(connector->tx->begin(other, op, 0, &error));
    ok(try_sql(other, "UPDATE stock SET name = 'locked' WHERE id = 1"));
    spec = keyed("id name", cells, 1);
    for (int nested = 0; nested < 2; nested++) {
        if (nested)
            ok(connector->tx->begin(conn, op, 0, &error));
        ck_assert_int_eq(pthread_create(&thread, NULL, cancel_soon, conn), 0);
        fails(connector->write->update(conn, op, &spec, &result, &error), RH_CANCELLED);
        (void)pthread_join(thread, NULL);
        if (session_goes_on() && nested)
            ok(connector->tx->commit(conn, op, &error));
    }
    fresh(SECOND / 3);
    fails(connector->write->update(conn, op, &spec, &result, &error), RH_TIMEOUT);
    (void)session_goes_on();
    ok(connector->tx->rollback(other, op, &error));
    ok(connector->write->update(conn, op, &spec, &result, &error));
    ck_assert_uint_eq(result.n_affected, 1);
    connector->close(other);
}
END_TEST

/* The session is killed while its statement waits: nobody knows. */
static void *kill_soon(void *context)
{
    (void)usleep(150000);
    (void)context;
    struct rh_error ignored = RH_ERROR_INIT;
    struct rh_operation own;
    struct rh_native_result result = {.struct_size = sizeof result};
    struct rh_native_spec spec = {.struct_size = sizeof spec};
    char text[64];
    rh_operation_init(&own, NULL, NULL, rh_clock_us() + 10 * SECOND);
    (void)snprintf(text, sizeof text, "KILL %lld", *(long long *)context);
    spec.text = rh_text_of(text);
    (void)connector->native->run(conn, &own.abi, &spec, &result, &ignored);
    return NULL;
}

START_TEST(outcome_unknown)
{
    struct rh_conn *victim = connect_url(), *locker = connect_url(), *mine = conn;
    struct rh_value cells[] = {text_value("x")};
    const struct rh_node node = {.op = RH_OP_NULL | RH_OP_NOT, .column = 0};
    const uint32_t conjunct = 0;
    struct rh_query where;
    struct rh_write_spec spec;
    struct rh_write_result result = {.struct_size = sizeof result};
    pthread_t thread;
    long long id = 0;

    make_stock();
    sql("INSERT INTO stock (id, name) VALUES (1, 'a')");
    where = select_all(stock);
    where.n_select = 0;
    where.nodes = &node;
    where.conjuncts = &conjunct;
    where.n_nodes = where.n_conjuncts = 1;
    conn = victim;
    id = sql_int("SELECT CONNECTION_ID()");
    conn = mine;
    ok(connector->tx->begin(locker, op, 0, &error));
    ok(try_sql(locker, "UPDATE stock SET qty = 1"));
    spec = spec_of("name", cells, 1);
    spec.where = &where;
    ck_assert_int_eq(pthread_create(&thread, NULL, kill_soon, &id), 0);
    fails(connector->write->update(victim, op, &spec, &result, &error), RH_UNKNOWN_OUTCOME);
    (void)pthread_join(thread, NULL);
    rh_error_clear(&error);
    connector->close(victim);
    ok(connector->tx->rollback(locker, op, &error));
    connector->close(locker);
}
END_TEST

/* ---- transactions ---- */

START_TEST(transactions)
{
    struct rh_conn *other = connect_url();
    struct rh_error refused = RH_ERROR_INIT;

    make_stock();
    ok(connector->tx->begin(conn, op, 0, &error));
    fails(connector->tx->begin(conn, op, 0, &error), RH_INVALID);
    rh_error_clear(&error);
    sql("INSERT INTO stock (id) VALUES (1)");
    ok(connector->tx->savepoint(conn, op, 1, &error));
    sql("INSERT INTO stock (id) VALUES (2)");
    ok(connector->tx->savepoint(conn, op, 2, &error));
    sql("INSERT INTO stock (id) VALUES (3)");
    ok(connector->tx->rollback_to(conn, op, 2, &error));
    ck_assert_int_eq(n_stock(), 2);
    ok(connector->tx->rollback_to(conn, op, 1, &error));
    ck_assert_int_eq(n_stock(), 1);
    ok(connector->tx->release(conn, op, 1, &error));
    ok(connector->tx->commit(conn, op, &error));
    fails(connector->tx->commit(conn, op, &error), RH_INVALID);
    rh_error_clear(&error);
    ok(connector->tx->begin(conn, op, RH_TX_READ_ONLY | RH_TX_SNAPSHOT, &error));
    ok(try_sql(other, "INSERT INTO stock (id) VALUES (9)"));
    ck_assert_int_eq(n_stock(), 1); /* as it was */
    fails(try_sql(conn, "DELETE FROM stock"), RH_PERMISSION);
    rh_error_clear(&error);
    ok(connector->tx->rollback(conn, op, &error));
    ck_assert_int_eq(n_stock(), 2);
    /* A deadlock takes the transaction with it; nothing is kept by accident afterwards. */
    ok(connector->tx->begin(conn, op, 0, &error));
    ok(connector->tx->begin(other, op, 0, &error));
    sql("UPDATE stock SET qty = 1 WHERE id = 1");
    ok(try_sql(other, "UPDATE stock SET qty = qty + 1, name = 'w' WHERE id = 9"));
    fresh(SECOND / 2); /* waits for the other … */
    fails(try_sql(conn, "UPDATE stock SET qty = 2 WHERE id = 9"), RH_TIMEOUT);
    fresh(30 * SECOND);
    ck_assert_int_eq(sql_int("SELECT qty FROM stock WHERE id = 1"), 1); /* still open */
    ok(connector->tx->rollback(conn, op, &error));
    ok(connector->tx->rollback(other, op, &error));
    (void)refused;
    connector->close(other);
}
END_TEST

static void *lock_first(void *context)
{
    struct rh_error ignored = RH_ERROR_INIT;
    struct rh_operation own;
    struct rh_native_result result = {.struct_size = sizeof result};
    const struct rh_native_spec spec = {
        .struct_size = sizeof spec, .text = RH_TEXT_INIT("UPDATE stock SET qty = 5 WHERE id = 1")};

    rh_operation_init(&own, NULL, NULL, rh_clock_us() + 20 * SECOND);
    (void)connector->native->run(context, &own.abi, &spec, &result, &ignored);
    return NULL;
}

START_TEST(deadlocks)
{
    struct rh_conn *other = connect_url();
    struct rh_value cells[] = {int_value(50), text_value("late")};
    struct rh_write_spec spec;
    struct rh_write_result result = {.struct_size = sizeof result};
    pthread_t thread;
    int rc = RH_OK;

    make_stock();
    sql("INSERT INTO stock (id, qty) VALUES (1, 0), (2, 0)");
    ok(connector->tx->begin(conn, op, 0, &error));
    ok(connector->tx->begin(other, op, 0, &error));
    sql("UPDATE stock SET qty = 1 WHERE id = 1");
    ok(try_sql(other,
               "UPDATE stock SET qty = 1, name = 'much', t = REPEAT('x', 9999) WHERE id = 2"));
    ok(try_sql(other, "INSERT INTO stock (id, t) SELECT seq, 'weight' FROM seq_100_to_500"));
    ck_assert_int_eq(pthread_create(&thread, NULL, lock_first, other), 0);
    rc = try_sql(conn, "UPDATE stock SET qty = 1 WHERE id = 2");
    if (rc == RH_CONFLICT) {
        ck_assert_int_eq(error.native_code, 1213);
        ck_assert_uint_eq(error.retry, RH_RETRY_SAFE);
        spec = spec_of("id name", cells, 1);
        fails(connector->write->insert(conn, op, &spec, &result, &error), RH_CONFLICT);
        fails(try_sql(conn, "INSERT INTO stock (id) VALUES (51)"), RH_CONFLICT);
        fails(connector->tx->commit(conn, op, &error), RH_INVALID);
        rh_error_clear(&error);
        ck_assert_int_eq(sql_int("SELECT COUNT(*) FROM stock WHERE id IN (50, 51)"), 0);
    } else {
        ok(connector->tx->rollback(conn, op, &error));
    }
    (void)pthread_join(thread, NULL);
    ok(connector->tx->rollback(other, op, &error));
    connector->close(other);
}
END_TEST

/* What fails inside the host's transaction leaves that as it is. */
START_TEST(refusals_leave_the_transaction)
{
    struct rh_value cells[] = {int_value(1), text_value("a"), int_value(2), null_value()};
    struct rh_write_spec spec;
    struct rh_write_result result = {.struct_size = sizeof result};

    make_stock();
    ok(connector->tx->begin(conn, op, 0, &error));
    sql("INSERT INTO stock (id) VALUES (5)");
    spec = spec_of("id name", cells, 2);
    fails(connector->write->insert(conn, op, &spec, &result, &error), RH_CONSTRAINT);
    ck_assert_uint_eq(error.row, 1);
    fails(try_sql(conn, "SELECT nothing FROM nowhere"), RH_NOT_FOUND);
    operation.abi.flags = RH_OP_READ_ONLY;
    fails(connector->write->insert(conn, op, &spec, &result, &error), RH_PERMISSION);
    operation.abi.flags = 0;
    rh_error_clear(&error);
    ok(connector->tx->commit(conn, op, &error));
    ck_assert_int_eq(n_stock(), 1);
}
END_TEST

MYSQL_TESTS("mysql_transactions", cancels_writes, outcome_unknown, transactions, deadlocks,
            refusals_leave_the_transaction)
