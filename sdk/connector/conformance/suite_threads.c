/* Threads: connections side by side, and one connection on changing threads. */
#include "connector/conformance/fixture.h"
#include "connector/conformance/suites.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define N_THREADS 4
#define ROUNDS 25
#define BATCH_HELD_US 100 /* while others are at work */

/* What one thread does; it must not end the process, so it keeps what went wrong. */
struct worker {
    struct rh_trial *t;
    const struct rh_table *table;
    const struct rh_query *query;
    const struct rh_rows_read *expected;
    struct rh_conn *conn; /* NULL: opens one of its own each time */
    int rounds;
    char wrong[256];
};

static bool is_same_batch(const struct rh_batch *batch, const struct rh_rows_read *expected,
                          uint64_t at)
{
    if (at + batch->n_rows > expected->n_rows)
        return false;
    for (uint64_t i = 0; i < batch->n_rows * batch->n_cols; i++) {
        const struct rh_value *a = &batch->cells[i];
        const struct rh_value *b = &expected->cells[at * batch->n_cols + i];
        if (a->type != b->type || a->len != b->len ||
            (a->len ? memcmp(a->as.data, b->as.data, a->len) != 0
                    : a->type == RH_TYPE_INT && a->as.i != b->as.i))
            return false;
    }
    return true;
}

static void read_once(struct worker *w, struct rh_conn *conn, struct rh_error *error)
{
    const struct rh_connector *c = w->t->connector;
    struct rh_cursor *cursor = NULL;
    struct rh_op op = w->t->op;
    struct rh_arena *arena = rh_arena_new((size_t)1 << 26);
    uint64_t n = 0;
    int32_t rc;

    op.arena = arena;
    rc = arena ? c->open(conn, &op, w->query, &cursor, error) : RH_RESOURCE;
    while (rc == RH_OK && cursor) {
        struct rh_batch batch = {.struct_size = sizeof(batch)};
        rc = c->next(cursor, &op, 5, &batch, error);
        usleep(BATCH_HELD_US);
        if (rc == RH_OK && !is_same_batch(&batch, w->expected, n))
            snprintf(w->wrong, sizeof(w->wrong), "rows of another query, or in part");
        n += rc == RH_OK ? batch.n_rows : 0;
    }
    if (cursor)
        c->finish(cursor);
    if (rc != RH_END)
        snprintf(w->wrong, sizeof(w->wrong), "%s, \"%.200s\"", rh_error_class_name(rc),
                 error->message);
    else if (n != w->expected->n_rows && !w->wrong[0])
        snprintf(w->wrong, sizeof(w->wrong), "%llu rows instead of %llu", (unsigned long long)n,
                 (unsigned long long)w->expected->n_rows);
    rh_arena_free(arena);
}

static void *work(void *context)
{
    struct worker *w = context;
    const struct rh_connector *c = w->t->connector;

    for (int i = 0; i < w->rounds && !w->wrong[0]; i++) {
        struct rh_error error = RH_ERROR_INIT;
        struct rh_conn *conn = w->conn;
        if (!conn && c->connect(&w->t->host, &w->t->op, &w->t->settings, &conn, &error) != RH_OK) {
            snprintf(w->wrong, sizeof(w->wrong), "connect: %.200s", error.message);
            return NULL;
        }
        for (int n = 0; n < 3 && !w->wrong[0]; n++)
            read_once(w, conn, &error);
        if (!w->conn)
            c->close(conn);
    }
    return NULL;
}

/* The table's rows in the order of its key, as far as the connector reads them the same each time.
 */
static void prepare(struct rh_trial *t, struct rh_conn **ret_conn, struct worker *ret_worker)
{
    struct rh_query *query = rh_trial_alloc(t, sizeof(*query));
    struct rh_rows_read *expected = rh_trial_alloc(t, sizeof(*expected));
    struct rh_conn *conn;

    rh_trial_load(t);
    conn = rh_trial_connect(t);
    *ret_worker = (struct worker){.t = t, .table = rh_fixture_any(t, conn), .rounds = ROUNDS};
    rh_fixture_query(t, ret_worker->table, query);
    rh_trial_ok(t, "reading", rh_fixture_read(t, conn, query, 1000, expected));
    ret_worker->query = query;
    ret_worker->expected = expected;
    *ret_conn = conn;
}

/* The same rows with their columns the other way round, so that rows of one cannot pass for those
 * of another. */
static void turn_round(struct rh_trial *t, struct rh_conn *conn, struct worker *w)
{
    struct rh_query *query = rh_trial_alloc(t, sizeof(*query));
    struct rh_rows_read *expected = rh_trial_alloc(t, sizeof(*expected));
    uint32_t n = w->query->n_select;
    uint32_t *select = rh_trial_alloc(t, (n + 1) * sizeof(*select));

    for (uint32_t i = 0; i < n; i++)
        select[i] = n - 1 - i;
    *query = *w->query;
    query->select = select;
    rh_trial_ok(t, "reading", rh_fixture_read(t, conn, query, 1000, expected));
    w->query = query;
    w->expected = expected;
}

static void run_workers(struct rh_trial *t, struct worker *workers, int n)
{
    pthread_t threads[N_THREADS];

    for (int i = 0; i < n; i++)
        if (pthread_create(&threads[i], NULL, work, &workers[i]) != 0)
            rh_trial_fail(t, "the suite cannot start a thread");
    for (int i = 0; i < n; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < n; i++)
        if (workers[i].wrong[0])
            rh_trial_fail(t, "%d threads side by side: %s", n, workers[i].wrong);
}

static void parallel(struct rh_trial *t)
{
    struct worker workers[N_THREADS];
    struct rh_conn *conn;

    prepare(t, &conn, &workers[0]);
    for (int i = 1; i < N_THREADS; i++)
        workers[i] = workers[0];
    for (int i = 0; i < N_THREADS; i++) {
        if (i % 2)
            turn_round(t, conn, &workers[i]);
        if (i < 2)
            workers[i].conn = rh_trial_connect(t);
    }
    run_workers(t, workers, N_THREADS);
    t->connector->close(conn);
}

static void migrate(struct rh_trial *t)
{
    struct worker worker;
    struct rh_conn *conn;

    prepare(t, &conn, &worker);
    worker.conn = conn;
    worker.rounds = 1;
    for (int i = 0; i < 8; i++)
        run_workers(t, &worker, 1);
    rh_trial_ping(t, conn, "calls on other threads");
    t->connector->close(conn);
}

static void *close_it(void *context)
{
    struct worker *w = context;

    w->t->connector->close(w->conn);
    return NULL;
}

static void close_elsewhere(struct rh_trial *t)
{
    struct worker worker;
    pthread_t thread;
    struct rh_conn *conn;

    prepare(t, &conn, &worker);
    worker.conn = rh_trial_connect(t);
    if (pthread_create(&thread, NULL, close_it, &worker) != 0)
        rh_trial_fail(t, "the suite cannot start a thread");
    pthread_join(thread, NULL);
    rh_trial_ping(t, conn, "closing a connection on another thread");
    t->connector->close(conn);
}

static void concurrent(struct rh_trial *t)
{
    struct worker workers[N_THREADS];
    struct rh_conn *conn;

    prepare(t, &conn, &workers[0]);
    if (t->connector->threads != RH_THREADS_CONCURRENT)
        rh_trial_skip(t, "it claims one call at a time per connection");
    workers[0].conn = conn;
    for (int i = 1; i < N_THREADS; i++)
        workers[i] = workers[0];
    run_workers(t, workers, N_THREADS);
    t->connector->close(conn);
}

const struct rh_trial_test rh_suite_threads[] = {
    {"parallel", "connections may be used side by side", parallel},
    {"migrate", "a connection may be used on changing threads", migrate},
    {"close", "a connection may be closed on another thread than it was opened on",
     close_elsewhere},
    {"concurrent", "CONCURRENT: cursors of one connection may be used side by side", concurrent},
    {NULL, NULL, NULL},
};
