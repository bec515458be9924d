/*
 * Deadlines and cancelling. The bounds are wide, because the machine may be busy; how long cancels
 * really took stands in the report.
 */
#include "base/clock.h"
#include "connector/conformance/fixture.h"
#include "connector/conformance/suites.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define GRACE_US (6 * RH_TRIAL_SECOND)
#define CANCELS 20
#define CANCEL_US 250000u /* the contract's bound; the median must keep it */
#define HEAD_START_US 30000u

static struct rh_conn *start(struct rh_trial *t)
{
    rh_trial_load(t);
    return rh_trial_connect(t);
}

/* Runs the configured slow statement, rows included. */
static int32_t run_slow(struct rh_trial *t, struct rh_conn *conn, const struct rh_op *op)
{
    const char *text = json_string_value(rh_trial_need(t, "slow"));
    struct rh_native_spec spec = {.struct_size = sizeof(spec), .text = rh_text_of(text)};
    struct rh_native_result result = {.struct_size = sizeof(result)};
    struct rh_batch batch = {.struct_size = sizeof(batch)};
    int32_t rc;

    if (!t->connector->native)
        rh_trial_skip(t, "it does not claim native statements");
    rc = t->connector->native->run(conn, op, &spec, &result, rh_trial_error(t));
    while (rc == RH_OK && result.cursor)
        rc = t->connector->next(result.cursor, op, 100, &batch, rh_trial_error(t));
    if (result.cursor)
        t->connector->finish(result.cursor);
    if (rc == RH_OK || rc == RH_END)
        rh_trial_fail(t, "the configured slow statement is not slow");
    rh_trial_check_error(t, "a slow statement", rc, &t->error);
    return rc;
}

static void in_time(struct rh_trial *t, const char *what, uint64_t until_us)
{
    if (rh_clock_us() > until_us + GRACE_US)
        rh_trial_fail(t, "%s took %.1f s too long", what, (double)(rh_clock_us() - until_us) / 1e6);
}

/* ---- Deadlines ------------------------------------------------------------------------------- */

static void deadline(struct rh_trial *t)
{
    struct rh_conn *conn = start(t);
    struct rh_op op = rh_trial_op(t, 300);

    rh_trial_expect(t, "a slow statement behind its deadline", run_slow(t, conn, &op), RH_TIMEOUT);
    in_time(t, "a slow statement", op.deadline_us);
    t->connector->close(conn);
}

static void deadline_past(struct rh_trial *t)
{
    struct rh_conn *conn = start(t), *other = NULL;
    const struct rh_table *table = rh_fixture_any(t, conn);
    struct rh_cursor *cursor = NULL;
    struct rh_catalog catalog = {.struct_size = sizeof(catalog)};
    struct rh_query query;
    struct rh_op op = t->op;
    uint64_t begin_us = rh_clock_us();
    int32_t rc;

    op.deadline_us = begin_us - RH_TRIAL_SECOND;
    rc = t->connector->ping(conn, &op, rh_trial_error(t));
    rh_trial_expect(t, "ping behind its deadline", rc, RH_TIMEOUT);
    rc = t->connector->tables(conn, &op, &catalog, rh_trial_error(t));
    rh_trial_expect(t, "tables behind its deadline", rc, RH_TIMEOUT);
    rh_fixture_query(t, table, &query);
    rc = t->connector->open(conn, &op, &query, &cursor, rh_trial_error(t));
    rh_trial_expect(t, "open behind its deadline", rc, RH_TIMEOUT);
    rc = t->connector->connect(&t->host, &op, &t->settings, &other, rh_trial_error(t));
    if (rc != RH_UNAVAILABLE)
        rh_trial_expect(t, "connect behind its deadline", rc, RH_TIMEOUT);
    in_time(t, "calls behind their deadline", begin_us);
    t->connector->close(conn);
}

static void write_past(struct rh_trial *t)
{
    const struct rh_value cells[] = {
        {.type = RH_TYPE_INT, .as.i = 900}, {.type = RH_TYPE_NULL}, {.type = RH_TYPE_NULL}};
    struct rh_write_result result = {.struct_size = sizeof(result)};
    struct rh_conn *conn = start(t), *other;
    const struct rh_table *table = rh_fixture_writable(t, conn, 3);
    struct rh_write_spec spec = rh_fixture_spec(table);
    struct rh_op op = t->op;
    int32_t rc;

    spec.n_rows = 1;
    spec.cells = cells;
    op.deadline_us = rh_clock_us() - RH_TRIAL_SECOND;
    rc = rh_fixture_write_as(t, conn, &op, t->connector->write->insert, &spec, &result);
    rh_trial_expect(t, "insert behind its deadline", rc, RH_TIMEOUT);
    t->connector->close(conn);
    other = rh_trial_connect(t);
    if (rh_fixture_count(t, other, table) != 3)
        rh_trial_fail(t, "an insert behind its deadline was TIMEOUT, and has inserted");
    t->connector->close(other);
}

/* ---- Cancelling ------------------------------------------------------------------------------ */

struct canceller {
    struct rh_trial *t;
    struct rh_conn *conn;
    int fd; /* -1: by cancel */
    uint64_t at_us;
};

static void *cancel_soon(void *context)
{
    struct canceller *canceller = context;
    const uint64_t one = 1;

    usleep(HEAD_START_US);
    canceller->at_us = rh_clock_us();
    if (canceller->fd < 0)
        canceller->t->connector->cancel(canceller->conn);
    else if (write(canceller->fd, &one, sizeof(one)) != sizeof(one))
        canceller->at_us = 0;
    return NULL;
}

/* A slow statement, cancelled: microseconds that it went on. */
static uint64_t cancel_once(struct rh_trial *t, bool by_fd)
{
    struct canceller canceller = {.t = t, .fd = by_fd ? eventfd(0, EFD_CLOEXEC) : -1};
    struct rh_op op = rh_trial_op(t, 30000);
    pthread_t thread;
    uint64_t took_us;
    int32_t rc;

    canceller.conn = rh_trial_connect(t);
    op.cancel_fd = canceller.fd;
    rh_trial_need(t, "slow");
    if (pthread_create(&thread, NULL, cancel_soon, &canceller) != 0)
        rh_trial_fail(t, "the suite cannot start a thread");
    rc = run_slow(t, canceller.conn, &op);
    pthread_join(thread, NULL);
    took_us = rh_clock_us() - canceller.at_us;
    rh_trial_expect(t, "a slow statement that was cancelled", rc, RH_CANCELLED);
    if (took_us > GRACE_US)
        rh_trial_fail(t, "a call went on for %.1f s behind its cancel", (double)took_us / 1e6);
    t->connector->close(canceller.conn);
    if (by_fd)
        close(canceller.fd);
    return took_us;
}

static int compare_times(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;

    return *x < *y ? -1 : *x > *y;
}

static void cancel_often(struct rh_trial *t, bool by_fd)
{
    uint64_t took[CANCELS], median_us;

    rh_trial_load(t);
    for (int i = 0; i < CANCELS; i++)
        took[i] = cancel_once(t, by_fd);
    qsort(took, CANCELS, sizeof(took[0]), compare_times);
    median_us = took[CANCELS / 2];
    rh_trial_note(t, "median %.1f ms, worst of %d: %.1f ms", (double)median_us / 1e3, CANCELS,
                  (double)took[CANCELS - 1] / 1e3);
    if (median_us > CANCEL_US)
        rh_trial_fail(t, "half of the cancelled calls went on for more than %.0f ms",
                      CANCEL_US / 1e3);
}

static void cancel(struct rh_trial *t)
{
    cancel_often(t, false);
}

static void cancel_fd(struct rh_trial *t)
{
    cancel_often(t, true);
}

static void cancel_idle(struct rh_trial *t)
{
    struct rh_conn *conn = start(t);
    const struct rh_table *table = rh_fixture_any(t, conn);
    struct rh_cursor *cursor = NULL;
    struct rh_rows_read rows;
    struct rh_query query;
    struct rh_batch batch = {.struct_size = sizeof(batch)};

    rh_fixture_query(t, table, &query);
    t->connector->cancel(conn);
    rh_trial_ping(t, conn, "a cancel without a call");
    t->connector->cancel(conn);
    rh_trial_ok(t, "reading after a cancel without a call",
                rh_fixture_read(t, conn, &query, 10, &rows));
    rh_trial_ok(t, "open", t->connector->open(conn, &t->op, &query, &cursor, rh_trial_error(t)));
    t->connector->cancel(conn);
    rh_trial_ok(t, "next after a cancel between two calls",
                t->connector->next(cursor, &t->op, 10, &batch, rh_trial_error(t)));
    t->connector->finish(cursor);
    t->connector->cancel(conn);
    rh_trial_ping(t, conn, "a cancel without a call");
    t->connector->close(conn);
}

const struct rh_trial_test rh_suite_time[] = {
    {"deadline", "a slow call is TIMEOUT at its deadline", deadline},
    {"deadline-past", "a call whose deadline has passed is TIMEOUT at once", deadline_past},
    {"write-past", "a write whose deadline has passed is TIMEOUT and changes nothing", write_past},
    {"cancel", "cancel ends a running call with CANCELLED within 250 ms", cancel},
    {"cancel-fd", "so does the cancel fd, when it becomes readable", cancel_fd},
    {"cancel-idle", "cancel without a running call has no effect", cancel_idle},
    {NULL, NULL, NULL},
};
