/* Networks on bad days, through the suite's own proxy. */
#include "base/clock.h"
#include "connector/conformance/fixture.h"
#include "connector/conformance/proxy.h"
#include "connector/conformance/suites.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

#define GRACE_US (6 * RH_TRIAL_SECOND) /* for a slow machine; the contract's times are shorter */
#define LARGE_ROWS 20000u
#define MAX_PIECES 40u

struct network {
    struct rh_trial *t;
    struct rh_settings through;
    struct rh_conn *direct;
    const struct rh_table *table;
};

static void start(struct rh_trial *t, uint64_t n_rows, struct network *ret_network)
{
    struct network network = {.t = t};

    rh_trial_load(t);
    rh_proxy_start(t);
    rh_proxy_settings(t, &network.through);
    network.direct = rh_trial_connect(t);
    if (n_rows && rh_fixture_can_make(t))
        network.table = rh_fixture_simple(t, network.direct, n_rows);
    else if (n_rows)
        network.table = rh_fixture_any(t, network.direct);
    *ret_network = network;
}

static struct rh_conn *dial(struct network *network)
{
    struct rh_trial *t = network->t;
    struct rh_conn *conn = NULL;
    struct rh_op op = rh_trial_op(t, 20000);

    rh_trial_ok(t, "connect through the proxy",
                rh_trial_try_connect(t, &network->through, &op, &conn));
    return conn;
}

static void in_time(struct rh_trial *t, const char *what, uint64_t deadline_us)
{
    if (rh_clock_us() > deadline_us + GRACE_US)
        rh_trial_fail(t, "%s went on for %.1f s behind its deadline", what,
                      (double)(rh_clock_us() - deadline_us) / 1e6);
}

static void close_in_time(struct rh_trial *t, struct rh_conn *conn)
{
    uint64_t begin_us = rh_clock_us();

    t->connector->close(conn);
    in_time(t, "close", begin_us);
}

/* ---- Silence --------------------------------------------------------------------------------- */

static void silent_connect(struct rh_trial *t)
{
    struct rh_conn *conn = NULL;
    struct network network;
    struct rh_op op;
    int32_t rc;

    start(t, 0, &network);
    rh_proxy_set(RH_PROXY_HOLE);
    op = rh_trial_op(t, 1000);
    rc = rh_trial_try_connect(t, &network.through, &op, &conn);
    in_time(t, "connect to a source that says nothing", op.deadline_us);
    if (rc != RH_TIMEOUT && rc != RH_UNAVAILABLE)
        rh_trial_expect(t, "connect to a source that says nothing", rc, RH_TIMEOUT);
    rh_trial_check_error(t, "connect", rc, &t->error);
}

static void black_hole(struct rh_trial *t)
{
    struct network network;
    struct rh_conn *conn;
    struct rh_op op;
    int32_t rc;

    start(t, 0, &network);
    conn = dial(&network);
    rh_trial_ping(t, conn, "connect");
    rh_proxy_set(RH_PROXY_HOLE);
    op = rh_trial_op(t, 1000);
    rc = t->connector->ping(conn, &op, rh_trial_error(t));
    in_time(t, "ping to a source that has fallen silent", op.deadline_us);
    rh_trial_expect(t, "ping to a source that has fallen silent", rc, RH_TIMEOUT);
    close_in_time(t, conn);
}

struct canceller {
    struct rh_trial *t;
    struct rh_conn *conn;
};

static void *cancel_soon(void *context)
{
    struct canceller *canceller = context;

    usleep(100000);
    canceller->t->connector->cancel(canceller->conn);
    return NULL;
}

static void cancel_in_silence(struct rh_trial *t)
{
    struct canceller canceller = {.t = t};
    struct network network;
    pthread_t thread;
    struct rh_op op;
    uint64_t begin_us;
    int32_t rc;

    start(t, 0, &network);
    canceller.conn = dial(&network);
    rh_trial_ping(t, canceller.conn, "connect");
    rh_proxy_set(RH_PROXY_HOLE);
    op = rh_trial_op(t, 30000);
    begin_us = rh_clock_us();
    pthread_create(&thread, NULL, cancel_soon, &canceller);
    rc = t->connector->ping(canceller.conn, &op, rh_trial_error(t));
    pthread_join(thread, NULL);
    in_time(t, "a cancelled ping to a source that has fallen silent", begin_us);
    rh_trial_expect(t, "a cancelled ping to a source that has fallen silent", rc, RH_CANCELLED);
    close_in_time(t, canceller.conn);
}

/* ---- Slow and cut ---------------------------------------------------------------------------- */

static void slow_drip(struct rh_trial *t)
{
    struct rh_rows_read straight, dripping;
    struct network network;
    struct rh_conn *conn;

    start(t, 25, &network);
    rh_fixture_rows(t, network.direct, network.table, &straight);
    conn = dial(&network);
    rh_proxy_set(RH_PROXY_DRIP);
    rh_fixture_rows(t, conn, network.table, &dripping);
    rh_fixture_same(t, "rows that came one byte at a time", &straight, &dripping);
    t->connector->close(conn);
}

static void reset_idle(struct rh_trial *t)
{
    struct network network;
    struct rh_conn *conn;
    struct rh_op op;
    int32_t rc;

    start(t, 0, &network);
    conn = dial(&network);
    rh_trial_ping(t, conn, "connect");
    rh_proxy_set(RH_PROXY_RESET);
    usleep(200000);
    op = rh_trial_op(t, 10000);
    rc = t->connector->ping(conn, &op, rh_trial_error(t));
    rh_trial_check_error(t, "ping on a connection that was reset", rc, &t->error);
    rh_trial_expect(t, "ping on a connection that was reset", rc, RH_UNAVAILABLE);
    close_in_time(t, conn);
}

/* Whatever is cut off, rows that are missing are not an end. */
static void cut_rows(struct rh_trial *t)
{
    static const uint64_t cuts[] = {200, 5000, 100000, 200001};
    struct rh_rows_read all, rows;
    struct network network;
    struct rh_query query;

    start(t, LARGE_ROWS, &network);
    rh_fixture_query(t, network.table, &query);
    rh_trial_ok(t, "reading", rh_fixture_read(t, network.direct, &query, 1000, &all));
    for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
        struct rh_conn *conn;
        int32_t rc;
        rh_proxy_cut_after(UINT64_MAX);
        conn = dial(&network);
        rh_trial_ping(t, conn, "connect");
        rh_proxy_cut_after(cuts[i]);
        rc = rh_fixture_read(t, conn, &query, 1000, &rows);
        rh_trial_check_error(t, "reading rows that were cut off", rc, &t->error);
        if (rc == RH_OK && rows.n_rows != all.n_rows)
            rh_trial_fail(t, "the connection was cut, and %llu of %llu rows are told to be all",
                          (unsigned long long)rows.n_rows, (unsigned long long)all.n_rows);
        if (rc != RH_OK && rc != RH_UNAVAILABLE && rc != RH_PROTOCOL)
            rh_trial_expect(t, "reading rows that were cut off", rc, RH_UNAVAILABLE);
        close_in_time(t, conn);
    }
}

/* ---- Writes whose answer is lost ------------------------------------------------------------- */

static bool is_numbered(const struct rh_table *table)
{
    return table->n_key == 1 && table->key[0] == 0 && table->columns[0].type == RH_TYPE_INT;
}

static bool is_there(struct network *network, int64_t id)
{
    struct rh_rows_read rows;

    rh_fixture_rows(network->t, network->direct, network->table, &rows);
    for (uint64_t i = 0; i < rows.n_rows; i++)
        if (rows.cells[i * rows.n_cols].as.i == id)
            return true;
    return false;
}

static int32_t write_one(struct network *network, struct rh_conn *conn, int64_t id, bool in_tx)
{
    struct rh_trial *t = network->t;
    struct rh_value *cells = rh_arena_array(t->arena, network->table->n_columns, sizeof(*cells));
    struct rh_write_spec spec = rh_fixture_spec(network->table);
    int32_t rc = RH_OK;

    if (!cells)
        rh_trial_fail(t, "out of memory");
    cells[0] = (struct rh_value){.type = RH_TYPE_INT, .as.i = id};
    for (uint32_t i = 1; i < network->table->n_columns; i++)
        cells[i] = (struct rh_value){.type = RH_TYPE_NULL};
    spec.n_rows = 1;
    spec.cells = cells;
    if (in_tx)
        rc = t->connector->tx->begin(conn, &t->op, 0, rh_trial_error(t));
    if (rc == RH_OK)
        rc = rh_fixture_write(t, conn, t->connector->write->insert, &spec, NULL);
    if (rc == RH_OK && in_tx)
        rc = t->connector->tx->commit(conn, &t->op, rh_trial_error(t));
    return rc;
}

/* Cut at each piece of an answer in turn: OK means that the row is there, an error that is not
 * UNKNOWN_OUTCOME that it is not. */
static void lose_answers(struct rh_trial *t, bool in_tx)
{
    struct network network;
    uint32_t n_unknown = 0;

    rh_trial_load(t);
    if (!t->connector->write || (in_tx && !t->connector->tx))
        rh_trial_skip(t, "it does not claim %s", in_tx ? "transactions" : "to write");
    start(t, 0, &network);
    network.table = rh_fixture_writable(t, network.direct, 1);
    if (!t->writable && !is_numbered(network.table))
        rh_trial_skip(t, "its table has no number as key in the first column");
    for (uint32_t pieces = 0; pieces < MAX_PIECES; pieces++) {
        int64_t id = 1000 + pieces;
        struct rh_conn *conn;
        bool there;
        int32_t rc;
        rh_proxy_cut_after_pieces(UINT64_MAX);
        conn = dial(&network);
        rh_trial_ping(t, conn, "connect");
        rh_proxy_cut_after_pieces(pieces);
        rc = write_one(&network, conn, id, in_tx);
        rh_trial_check_error(t, "a write whose answer was lost", rc, &t->error);
        rh_proxy_cut_after_pieces(UINT64_MAX);
        close_in_time(t, conn);
        there = is_there(&network, id);
        n_unknown += rc == RH_UNKNOWN_OUTCOME;
        if (there != (rc == RH_OK) && rc != RH_UNKNOWN_OUTCOME)
            rh_trial_fail(t, "the answer was lost behind %u pieces: %s, and the row is %sthere",
                          pieces, rc ? rh_error_class_name(rc) : "OK", there ? "" : "not ");
        if (rc == RH_OK)
            break;
    }
    rh_trial_note(t, "%u answers lost are of unknown outcome", n_unknown);
}

static void lost_write(struct rh_trial *t)
{
    lose_answers(t, false);
}

static void lost_commit(struct rh_trial *t)
{
    lose_answers(t, true);
}

const struct rh_trial_test rh_suite_network[] = {
    {"silent-connect", "connecting to a source that says nothing ends at the deadline",
     silent_connect},
    {"black-hole",
     "a call to a source that has fallen silent is TIMEOUT at the deadline, and close "
     "does not wait",
     black_hole},
    {"cancel-in-silence", "cancel ends a call also when the source has fallen silent",
     cancel_in_silence},
    {"slow-drip", "an answer that comes one byte at a time is the same answer", slow_drip},
    {"reset", "a call on a connection that was reset is UNAVAILABLE", reset_idle},
    {"cut-rows", "a connection that ends in the middle of rows is an error, never their end",
     cut_rows},
    {"lost-write", "a write whose answer is lost is UNKNOWN_OUTCOME when it may have happened",
     lost_write},
    {"lost-commit", "so is a commit", lost_commit},
    {NULL, NULL, NULL},
};
