/* Transactions: what commit makes seen, and what rollback undoes. */
#include "base/clock.h"
#include "connector/conformance/fixture.h"
#include "connector/conformance/suites.h"

#define N_ROWS 5u

struct two {
    struct rh_trial *t;
    const struct rh_tx *tx;
    struct rh_conn *one, *other;
    const struct rh_table *table;
    int64_t next_id;
};

static void start(struct rh_trial *t, struct two *ret_two)
{
    struct two two = {.t = t, .next_id = 100};

    rh_trial_load(t);
    if (!t->connector->tx)
        rh_trial_skip(t, "it does not claim transactions");
    two.tx = t->connector->tx;
    two.one = rh_trial_connect(t);
    two.other = rh_trial_connect(t);
    two.table = rh_fixture_writable(t, two.one, N_ROWS);
    *ret_two = two;
}

static int32_t insert(struct two *two, struct rh_conn *conn)
{
    const struct rh_value cells[] = {{.type = RH_TYPE_INT, .as.i = two->next_id++},
                                     {.type = RH_TYPE_NULL},
                                     {.type = RH_TYPE_NULL}};
    struct rh_write_spec spec = rh_fixture_spec(two->table);

    spec.n_rows = 1;
    spec.cells = cells;
    return rh_fixture_write(two->t, conn, two->t->connector->write->insert, &spec, NULL);
}

static void must_insert(struct two *two)
{
    rh_trial_ok(two->t, "insert", insert(two, two->one));
}

static void begin(struct two *two, uint32_t flags)
{
    int32_t rc = two->tx->begin(two->one, &two->t->op, flags, rh_trial_error(two->t));

    if (rc == RH_UNSUPPORTED && flags)
        rh_trial_skip(two->t, "such transactions are not claimed");
    rh_trial_ok(two->t, "begin", rc);
}

static void rollback(struct two *two)
{
    rh_trial_ok(two->t, "rollback",
                two->tx->rollback(two->one, &two->t->op, rh_trial_error(two->t)));
}

static void commit(struct two *two)
{
    rh_trial_ok(two->t, "commit", two->tx->commit(two->one, &two->t->op, rh_trial_error(two->t)));
}

static void expect(struct two *two, struct rh_conn *conn, uint64_t n, const char *when)
{
    uint64_t found = rh_fixture_count(two->t, conn, two->table);

    if (found != n)
        rh_trial_fail(two->t, "%s there are %llu rows instead of %llu", when,
                      (unsigned long long)found, (unsigned long long)n);
}

/* ---- Ends ------------------------------------------------------------------------------------ */

static void commits(struct rh_trial *t)
{
    struct two two;

    start(t, &two);
    begin(&two, 0);
    must_insert(&two);
    expect(&two, two.one, N_ROWS + 1, "in the transaction");
    expect(&two, two.other, N_ROWS, "beside the transaction");
    commit(&two);
    expect(&two, two.other, N_ROWS + 1, "after commit");
    must_insert(&two);
    expect(&two, two.other, N_ROWS + 2, "after a write behind the transaction");
}

static void rolls_back(struct rh_trial *t)
{
    struct two two;

    start(t, &two);
    begin(&two, 0);
    must_insert(&two);
    must_insert(&two);
    rollback(&two);
    expect(&two, two.one, N_ROWS, "after rollback");
    expect(&two, two.other, N_ROWS, "after rollback, elsewhere,");
    begin(&two, 0);
    must_insert(&two);
    commit(&two);
    expect(&two, two.other, N_ROWS + 1, "after another transaction");
}

static void close_ends(struct rh_trial *t)
{
    struct two two;

    start(t, &two);
    begin(&two, 0);
    must_insert(&two);
    t->connector->close(two.one);
    expect(&two, two.other, N_ROWS, "after the connection was closed in a transaction");
}

static void reset_ends(struct rh_trial *t)
{
    struct two two;

    start(t, &two);
    if (!t->connector->reset)
        rh_trial_skip(t, "it has no reset");
    begin(&two, 0);
    must_insert(&two);
    rh_trial_ok(t, "reset", t->connector->reset(two.one, &t->op, rh_trial_error(t)));
    expect(&two, two.other, N_ROWS, "after a reset in a transaction");
    begin(&two, 0);
    must_insert(&two);
    commit(&two);
    expect(&two, two.other, N_ROWS + 1, "after a transaction behind a reset");
}

/* ---- Savepoints ------------------------------------------------------------------------------ */

static void point(struct two *two,
                  int32_t (*function)(struct rh_conn *conn, const struct rh_op *op, uint32_t number,
                                      struct rh_error *error),
                  uint32_t number, const char *what)
{
    int32_t rc = function(two->one, &two->t->op, number, rh_trial_error(two->t));

    if (rc == RH_UNSUPPORTED)
        rh_trial_skip(two->t, "savepoints are not claimed");
    rh_trial_ok(two->t, what, rc);
}

static void savepoints(struct rh_trial *t)
{
    struct two two;

    start(t, &two);
    begin(&two, 0);
    must_insert(&two);
    point(&two, two.tx->savepoint, 1, "savepoint 1");
    must_insert(&two);
    point(&two, two.tx->savepoint, 2, "savepoint 2");
    must_insert(&two);
    point(&two, two.tx->rollback_to, 2, "rollback to 2");
    expect(&two, two.one, N_ROWS + 2, "after rollback to 2");
    must_insert(&two);
    point(&two, two.tx->release, 2, "release 2");
    expect(&two, two.one, N_ROWS + 3, "after release of 2");
    point(&two, two.tx->rollback_to, 1, "rollback to 1");
    expect(&two, two.one, N_ROWS + 1, "after rollback to 1");
    point(&two, two.tx->release, 1, "release 1");
    commit(&two);
    expect(&two, two.other, N_ROWS + 1, "after commit");
}

/* A refused row in a transaction; behind a savepoint the transaction goes on. */
static void failure(struct rh_trial *t)
{
    struct two two;

    start(t, &two);
    begin(&two, 0);
    must_insert(&two);
    point(&two, two.tx->savepoint, 1, "savepoint");
    two.next_id = 1;
    rh_trial_expect(t, "inserting a key that exists", insert(&two, two.one), RH_CONSTRAINT);
    point(&two, two.tx->rollback_to, 1, "rollback to a savepoint behind an error");
    two.next_id = 200;
    must_insert(&two);
    commit(&two);
    expect(&two, two.other, N_ROWS + 2, "after commit");
}

/* ---- Rules ----------------------------------------------------------------------------------- */

static void order(struct rh_trial *t)
{
    struct two two;
    int32_t rc;

    start(t, &two);
    rc = two.tx->commit(two.one, &t->op, rh_trial_error(t));
    rh_trial_check_error(t, "commit without begin", rc, &t->error);
    rh_trial_expect(t, "commit without begin", rc, RH_INVALID);
    /* One that is gone already may be rolled back again. */
    rc = two.tx->rollback(two.one, &t->op, rh_trial_error(t));
    if (rc != RH_OK)
        rh_trial_expect(t, "rollback without begin", rc, RH_INVALID);
    begin(&two, 0);
    rc = two.tx->begin(two.one, &t->op, 0, rh_trial_error(t));
    rh_trial_expect(t, "begin within a transaction", rc, RH_INVALID);
    must_insert(&two);
    rollback(&two);
    expect(&two, two.other, N_ROWS, "after rollback");
}

static void read_only(struct rh_trial *t)
{
    struct two two;
    int32_t rc;

    start(t, &two);
    begin(&two, RH_TX_READ_ONLY);
    expect(&two, two.one, N_ROWS, "in a read-only transaction");
    rc = insert(&two, two.one);
    rh_trial_expect(t, "a write in a read-only transaction", rc, RH_PERMISSION);
    rollback(&two);
    expect(&two, two.other, N_ROWS, "after it");
    must_insert(&two);
    expect(&two, two.other, N_ROWS + 1, "after a write behind it");
}

static void snapshot(struct rh_trial *t)
{
    struct two two;
    int32_t rc;

    start(t, &two);
    begin(&two, RH_TX_READ_ONLY | RH_TX_SNAPSHOT);
    expect(&two, two.one, N_ROWS, "at the beginning of a snapshot");
    rc = insert(&two, two.other);
    /* A source whose readers hold writers off keeps its promise too. */
    if (rc != RH_OK && rc != RH_BUSY && rc != RH_CONFLICT && rc != RH_TIMEOUT)
        rh_trial_ok(t, "a write beside a snapshot", rc);
    expect(&two, two.one, N_ROWS, "in a snapshot, after a write elsewhere,");
    commit(&two);
    expect(&two, two.one, rc == RH_OK ? N_ROWS + 1 : N_ROWS, "after the snapshot");
}

/* Two that want the same row: the second waits, is refused or loses, but not for ever. */
static void conflict(struct rh_trial *t)
{
    const struct rh_value cells[] = {{.type = RH_TYPE_INT, .as.i = 1},
                                     {.type = RH_TYPE_INT, .as.i = 50},
                                     {.type = RH_TYPE_NULL}};
    struct rh_write_result result = {.struct_size = sizeof(result)};
    const uint32_t key = 0;
    struct rh_write_spec spec;
    struct rh_op op;
    struct two two;
    int32_t rc;

    start(t, &two);
    spec = rh_fixture_spec(two.table);
    spec.n_rows = 1;
    spec.cells = cells;
    spec.key = &key;
    spec.n_key = 1;
    begin(&two, 0);
    rc = rh_fixture_write(t, two.one, t->connector->write->update, &spec, &result);
    if (rc == RH_UNSUPPORTED)
        rh_trial_skip(t, "update is not claimed");
    rh_trial_ok(t, "update", rc);
    op = rh_trial_op(t, 1000);
    result.statuses = rh_trial_alloc(t, sizeof(*result.statuses));
    rc = t->connector->write->update(two.other, &op, &spec, &result, rh_trial_error(t));
    rh_trial_check_error(t, "an update of a row that another transaction has changed", rc,
                         &t->error);
    if (rh_clock_us() > op.deadline_us + 6 * RH_TRIAL_SECOND)
        rh_trial_fail(t, "an update waits for another transaction far behind its deadline");
    if (rc != RH_TIMEOUT && rc != RH_BUSY && rc != RH_CONFLICT)
        rh_trial_expect(t, "an update of a row that another transaction has changed", rc,
                        RH_TIMEOUT);
    commit(&two);
}

const struct rh_trial_test rh_suite_transactions[] = {
    {"commit", "what a transaction writes is seen by it, and by others after commit", commits},
    {"rollback", "rollback takes everything back", rolls_back},
    {"close", "close takes an open transaction back", close_ends},
    {"reset", "reset takes an open transaction back", reset_ends},
    {"savepoints", "savepoints nest, and take back what came after them", savepoints},
    {"failure", "behind a savepoint, a refused row leaves the transaction usable", failure},
    {"order", "commit without begin, and begin twice, are INVALID", order},
    {"read-only", "a read-only transaction refuses writes with PERMISSION", read_only},
    {"snapshot", "all reads of a snapshot see one state", snapshot},
    {"conflict", "a write that waits for another transaction ends at its deadline", conflict},
    {NULL, NULL, NULL},
};
