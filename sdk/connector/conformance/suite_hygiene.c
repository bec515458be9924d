/*
 * What a connector leaves behind: nothing. Every test lets it live some lives (connect, read,
 * write, fail, close), and looks at the process before and after. Libraries may keep what they set
 * up once, so the first lives do not count.
 */
#include "connector/conformance/fixture.h"
#include "connector/conformance/process.h"
#include "connector/conformance/suites.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define WARM_UPS 3
#define LIVES 20
#define SLACK_BYTES (256u << 10) /* of the heap, for all lives together */
#define STATEMENTS 300

/* ---- A life ---------------------------------------------------------------------------------- */

static void provoke(struct rh_trial *t, struct rh_conn *conn)
{
    struct rh_query query = {.struct_size = sizeof(query),
                             .table = RH_TEXT("rh_check_no_such_table"),
                             .column_stride = sizeof(struct rh_column),
                             .semijoin_stride = sizeof(struct rh_semijoin),
                             .limit = RH_NO_LIMIT};
    struct rh_rows_read rows;

    rh_fixture_read(t, conn, &query, 10, &rows);
}

static void write_and_undo(struct rh_trial *t, struct rh_conn *conn, const struct rh_table *table)
{
    const struct rh_value cells[] = {
        {.type = RH_TYPE_INT, .as.i = 7000}, {.type = RH_TYPE_NULL}, {.type = RH_TYPE_NULL}};
    struct rh_write_spec spec = rh_fixture_spec(table);

    if (!t->connector->tx || !rh_fixture_can_make(t))
        return;
    spec.n_rows = 1;
    spec.cells = cells;
    rh_trial_ok(t, "begin", t->connector->tx->begin(conn, &t->op, 0, rh_trial_error(t)));
    rh_trial_ok(t, "insert", rh_fixture_write(t, conn, t->connector->write->insert, &spec, NULL));
    rh_trial_ok(t, "rollback", t->connector->tx->rollback(conn, &t->op, rh_trial_error(t)));
}

static void live(struct rh_trial *t, const struct rh_table *table)
{
    struct rh_conn *conn = rh_trial_connect(t);
    struct rh_cursor *cursor = NULL;
    struct rh_batch batch = {.struct_size = sizeof(batch)};
    struct rh_rows_read rows;
    struct rh_catalog catalog;
    struct rh_query query;

    rh_trial_ping(t, conn, "connect");
    rh_fixture_catalog(t, conn, &catalog);
    rh_fixture_query(t, table, &query);
    rh_trial_ok(t, "reading", rh_fixture_read(t, conn, &query, 10, &rows));
    provoke(t, conn);
    rh_trial_ok(t, "open", t->connector->open(conn, &t->op, &query, &cursor, rh_trial_error(t)));
    rh_trial_ok(t, "next", t->connector->next(cursor, &t->op, 1, &batch, rh_trial_error(t)));
    t->connector->finish(cursor);
    write_and_undo(t, conn, table);
    if (t->connector->reset)
        rh_trial_ok(t, "reset", t->connector->reset(conn, &t->op, rh_trial_error(t)));
    t->connector->close(conn);
}

/* A life whose memory of the suite's is given back, so that only the connector's counts. */
static void live_apart(struct rh_trial *t, const struct rh_table *table)
{
    struct rh_arena *kept = t->arena, *own = rh_arena_new((size_t)1 << 28);

    if (!own)
        rh_trial_fail(t, "the suite has not enough memory");
    t->arena = t->op.arena = own;
    live(t, table);
    t->arena = t->op.arena = kept;
    rh_arena_free(own);
}

static const struct rh_table *warm_up(struct rh_trial *t)
{
    const struct rh_table *table;
    struct rh_conn *conn;

    if (!t->library)
        rh_trial_load(t);
    conn = rh_trial_connect(t);
    table = rh_fixture_any(t, conn);
    t->connector->close(conn);
    for (int i = 0; i < WARM_UPS; i++)
        live(t, table);
    return table;
}

/* ---- Tests ----------------------------------------------------------------------------------- */

static void fds(struct rh_trial *t)
{
    const struct rh_table *table = warm_up(t);
    uint32_t before = rh_process_count_fds(), after;

    for (int i = 0; i < LIVES; i++)
        live(t, table);
    after = rh_process_count_fds();
    if (after > before)
        rh_trial_fail(t,
                      "after %d connections came and went, %u descriptors are open instead of %u",
                      LIVES, after, before);
}

static void thread_count(struct rh_trial *t)
{
    const struct rh_table *table;
    uint32_t before, after;

    rh_trial_load(t);
    before = rh_process_count_threads();
    table = warm_up(t);
    for (int i = 0; i < 3; i++)
        live(t, table);
    after = rh_process_count_threads();
    /* A thread that was told to end may still be on its way. */
    for (int i = 0; after > before && i < 200; i++) {
        usleep(10000);
        after = rh_process_count_threads();
    }
    if (after > before && !t->isolated)
        rh_trial_fail(t, "no connection is open, and %u threads run instead of %u", after, before);
}

/* Sanitizers have a malloc of their own. */
static void need_heap(struct rh_trial *t)
{
    if (rh_process_heap_bytes() == 0)
        rh_trial_skip(t, "malloc does not tell what it has given out");
}

static void memory(struct rh_trial *t)
{
    const struct rh_table *table = warm_up(t);
    uint64_t before, after;

    need_heap(t);
    live_apart(t, table);
    before = rh_process_heap_bytes();
    for (int i = 0; i < LIVES; i++)
        live_apart(t, table);
    after = rh_process_heap_bytes();
    if (after > before + SLACK_BYTES)
        rh_trial_fail(t, "after %d connections came and went, %llu bytes more are held", LIVES,
                      (unsigned long long)(after - before));
}

static void long_memory(struct rh_trial *t)
{
    const struct rh_table *table = warm_up(t);
    struct rh_conn *conn = rh_trial_connect(t);
    uint64_t before = 0, after;
    struct rh_query query;

    need_heap(t);
    rh_fixture_query(t, table, &query);
    for (int i = 0; i < 2 * STATEMENTS; i++) {
        struct rh_cursor *cursor = NULL;
        struct rh_batch batch = {.struct_size = sizeof(batch)};
        if (i == STATEMENTS)
            before = rh_process_heap_bytes();
        query.n_select = 1 + (uint32_t)i % table->n_columns;
        rh_trial_ok(t, "open",
                    t->connector->open(conn, &t->op, &query, &cursor, rh_trial_error(t)));
        rh_trial_ok(t, "next", t->connector->next(cursor, &t->op, 3, &batch, rh_trial_error(t)));
        t->connector->finish(cursor);
    }
    after = rh_process_heap_bytes();
    if (after > before + SLACK_BYTES)
        rh_trial_fail(t, "%d reads on one connection, and %llu bytes more are held", STATEMENTS,
                      (unsigned long long)(after - before));
    t->connector->close(conn);
}

static void output(struct rh_trial *t)
{
    int kept = memfd_create("output", MFD_CLOEXEC), out = dup(STDOUT_FILENO),
        err = dup(STDERR_FILENO);
    char printed[200] = "";
    ssize_t n;

    if (kept < 0 || out < 0 || err < 0)
        rh_trial_fail(t, "the suite cannot keep what is printed");
    dup2(kept, STDOUT_FILENO);
    dup2(kept, STDERR_FILENO);
    warm_up(t);
    fflush(NULL);
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    n = pread(kept, printed, sizeof(printed) - 1, 0);
    if (n > 0)
        rh_trial_fail(t, "it printed \"%.*s\"", (int)n, printed);
}

/* Only what the named part of the state says. */
static void unchanged(struct rh_trial *t, uint64_t (*part)(const struct rh_process_state *state),
                      const char *what)
{
    struct rh_process_state before, after;

    rh_process_look(&before);
    warm_up(t);
    rh_process_look(&after);
    if (part(&before) != part(&after))
        rh_trial_fail(t, "it changed the process's %s", what);
}

static uint64_t environment_of(const struct rh_process_state *state)
{
    return state->environment;
}

static uint64_t locale_of(const struct rh_process_state *state)
{
    return state->locale;
}

static uint64_t directory_of(const struct rh_process_state *state)
{
    return state->directory * 31 + state->umask;
}

static uint64_t signals_of(const struct rh_process_state *state)
{
    return state->signals;
}

static void environment(struct rh_trial *t)
{
    unchanged(t, environment_of, "environment");
}

static void locale(struct rh_trial *t)
{
    unchanged(t, locale_of, "locale");
}

static void directory(struct rh_trial *t)
{
    unchanged(t, directory_of, "working directory or umask");
}

static void signals(struct rh_trial *t)
{
    unchanged(t, signals_of, "signal handlers or mask");
}

static void children(struct rh_trial *t)
{
    warm_up(t);
    if (t->isolated)
        rh_trial_skip(t, "the host itself runs it in a child");
    if (waitpid(-1, NULL, WNOHANG) != -1)
        rh_trial_fail(t, "it has forked");
}

const struct rh_trial_test rh_suite_hygiene[] = {
    {"descriptors", "connections that were closed leave no open descriptor", fds},
    {"threads", "no thread outlives its connection", thread_count},
    {"memory", "connections that were closed leave no memory", memory},
    {"long-memory", "a connection that is used for long does not grow", long_memory},
    {"output", "nothing is written to stdout or stderr", output},
    {"environment", "the environment stays as it is", environment},
    {"locale", "the locale stays as it is", locale},
    {"directory", "the working directory and the umask stay as they are", directory},
    {"signals", "signal handlers and the signal mask stay as they are", signals},
    {"children", "no process is forked", children},
    {NULL, NULL, NULL},
};
