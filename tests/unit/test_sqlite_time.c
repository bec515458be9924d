/* Ending in time; cursors. */
#include "sqlite_fixture.h"

static const char endless[] = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
                              "SELECT count(*) FROM n";

static atomic_bool ended;

/* Again and again: without a running call it has no effect. */
static void *cancel_until_ended(void *context)
{
    const struct session *s = context;

    while (!atomic_load(&ended)) {
        connector->cancel(s->conn);
        (void)usleep(1000);
    }
    return NULL;
}

static void *fire_soon(void *context)
{
    const uint64_t one = 1;

    usleep(50000);
    ck_assert_int_eq(write(*(int *)context, &one, sizeof one), sizeof one);
    return NULL;
}

START_TEST(ending_in_time)
{
    const struct rh_native_spec spec = {.struct_size = sizeof spec, .text = rh_text_of(endless)};
    struct rh_native_result result = {.struct_size = sizeof result};
    struct session s;
    pthread_t thread;

    start(&s);
    op_of(&s)->deadline_us = rh_clock_us() + 50000;
    ck_assert_int_eq(connector->native->run(s.conn, &s.op, &spec, &result, &s.error), RH_TIMEOUT);

    op_of(&s);
    ck_assert_int_eq(pthread_create(&thread, NULL, cancel_until_ended, &s), 0);
    ck_assert_int_eq(connector->native->run(s.conn, &s.op, &spec, &result, &s.error), RH_CANCELLED);
    atomic_store(&ended, true);
    pthread_join(thread, NULL);

    connector->cancel(s.conn); /* nothing runs: no effect */
    assert_sql(&s, "SELECT 1", "int:1\n");

    op_of(&s)->cancel_fd = eventfd(0, EFD_CLOEXEC);
    ck_assert_int_eq(pthread_create(&thread, NULL, fire_soon, &s.op.cancel_fd), 0);
    ck_assert_int_eq(connector->native->run(s.conn, &s.op, &spec, &result, &s.error), RH_CANCELLED);
    pthread_join(thread, NULL);
    rh_error_clear(&s.error);
    ck_assert_int_eq(connector->ping(s.conn, &s.op, &s.error), RH_CANCELLED); /* it stays so */
    close(s.op.cancel_fd);
    s.op.cancel_fd = -1;
    op_of(&s)->deadline_us = rh_clock_us() - 1;
    ck_assert_int_eq(connector->ping(s.conn, &s.op, &s.error), RH_TIMEOUT);
    stop(&s);
}
END_TEST

static uint64_t frozen_us = 1000;

static uint64_t frozen_now(const struct rh_host *from)
{
    return frozen_us;
}

/* Looking at the cancel fd costs a system call, so frequent checks look now and then only. */
START_TEST(the_cancel_fd_is_seen_in_time)
{
    const struct rh_host frozen = {.struct_size = sizeof frozen, .now_us = frozen_now};
    struct rh_op op = {.struct_size = sizeof op, .deadline_us = UINT64_MAX};
    const uint64_t one = 1;
    uint32_t n_seen = 0;

    op.cancel_fd = eventfd(0, EFD_CLOEXEC);
    ck_assert_int_ge(op.cancel_fd, 0);
    ck_assert_int_eq(write(op.cancel_fd, &one, sizeof one), sizeof one);
    for (uint32_t i = 0; i < 100; i++)
        n_seen += rh_kit_check(&frozen, &op, NULL) == RH_CANCELLED;
    ck_assert_uint_ge(n_seen, 1);
    ck_assert_uint_le(n_seen, 10);
    frozen_us += 10000;
    ck_assert_int_eq(rh_kit_check(&frozen, &op, NULL), RH_CANCELLED);
    close(op.cancel_fd);
}
END_TEST

START_TEST(waiting_for_a_lock_ends_in_time)
{
    struct session s, other;

    start(&s);
    ck_assert_int_eq(open_path(&other, s.path, false), RH_OK);
    sql(&s, "CREATE TABLE t (x)");
    ck_assert_int_eq(connector->tx->begin(s.conn, op_of(&s), 0, &s.error), RH_OK);
    op_of(&other)->deadline_us = rh_clock_us() + 50000;
    ck_assert_int_eq(connector->tx->begin(other.conn, &other.op, 0, &other.error), RH_TIMEOUT);
    ck_assert_int_eq(connector->tx->begin(other.conn, op_of(&other), 0, &other.error), RH_BUSY);
    stop(&other);
    stop(&s);
}
END_TEST

START_TEST(cursors)
{
    struct session s;
    struct rh_cursor *cursor = NULL, *second = NULL;
    struct rh_batch batch = {.struct_size = sizeof batch};
    uint64_t n = 0;

    start(&s);
    sql(&s, "CREATE TABLE t (x INTEGER PRIMARY KEY, pad TEXT)");
    sql(&s,
        "INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < "
        "10000) SELECT i, printf('%0100d', i) FROM n");
    sql(&s, "INSERT INTO t VALUES (20000, printf('%.*c', 4000000, 'x'))");
    introspect(&s);
    cursor = open_query(&s, query_of(table_of(&s, "t")));
    ck_assert_int_eq(
        connector->open(s.conn, op_of(&s), &query_of(table_of(&s, "t"))->abi, &second, &s.error),
        RH_INVALID);
    rh_error_clear(&s.error);
    while (connector->next(cursor, &s.op, 1000000, &batch, &s.error) == RH_OK) {
        ck_assert_uint_le(batch.n_rows, 3000); /* bounded memory */
        for (uint64_t r = 0; r < batch.n_rows; r++) {
            const struct rh_value *cells = &batch.cells[r * 2];
            ck_assert_int_eq(cells[0].as.i, ++n <= 10000 ? (int64_t)n : 20000);
            ck_assert_uint_eq(cells[1].len, n <= 10000 ? 100 : 4000000);
        }
    }
    ck_assert_uint_eq(n, 10001);
    connector->finish(cursor);
    /* Ended early: the connection is free for the next. */
    cursor = open_query(&s, query_of(table_of(&s, "t")));
    ck_assert_int_eq(connector->next(cursor, &s.op, 1, &batch, &s.error), RH_OK);
    connector->finish(cursor);
    sql(&s, "DROP TABLE t");
    /* Closing ends what is open. */
    sql(&s, "CREATE TABLE t (x INT)");
    introspect(&s);
    open_query(&s, query_of(table_of(&s, "t")));
    stop(&s);
}
END_TEST

START_TEST(no_columns)
{
    struct session s;
    struct rh_batch batch = {.struct_size = sizeof batch};
    struct query *q = NULL;
    struct rh_cursor *cursor = NULL;

    start(&s);
    sql(&s, "CREATE TABLE t (x)");
    sql(&s, "INSERT INTO t VALUES (1), (2)");
    introspect(&s);
    q = query_of(table_of(&s, "t"));
    q->abi.n_select = 0;
    cursor = open_query(&s, q);
    ck_assert_int_eq(connector->next(cursor, &s.op, 100, &batch, &s.error), RH_OK);
    ck_assert_uint_eq(batch.n_rows, 2);
    ck_assert_uint_eq(batch.n_cols, 0);
    ck_assert_int_eq(connector->next(cursor, &s.op, 100, &batch, &s.error), RH_END);
    connector->finish(cursor);
    stop(&s);
}
END_TEST

TESTS_MAIN("sqlite_time", ending_in_time, the_cancel_fd_is_seen_in_time,
           waiting_for_a_lock_ends_in_time, cursors, no_columns)
