/*
 * The ABI from the host's side: hosts older and newer than the connector, and what is lent for a
 * call only. The calls go straight to the connector's table, through copies of guard.h.
 */
#include "connector/conformance/fixture.h"
#include "connector/conformance/guard.h"
#include "connector/conformance/suites.h"

#include <string.h>

#define NEWER 7u /* minors that a newer host is ahead */

static void need_process(struct rh_trial *t)
{
    if (t->isolated)
        rh_trial_skip(t, "what crosses the proxy has sizes of its own");
}

/* ---- The entry ------------------------------------------------------------------------------- */

static void newer_host(struct rh_trial *t)
{
    rh_connector_entry_fn *entry = rh_suite_entry(t);
    const struct rh_connector *table = NULL;
    int32_t rc = entry(RH_ABI_MINOR + NEWER, &table);

    if (rc != RH_OK || !table)
        rh_trial_fail(t, "on a host of minor %u the entry returned %d", RH_ABI_MINOR + NEWER, rc);
    if (table->abi_minor > RH_ABI_MINOR)
        rh_trial_note(t, "it was built for a newer minor than this host's");
}

static void older_host(struct rh_trial *t)
{
    rh_connector_entry_fn *entry = rh_suite_entry(t);
    const struct rh_connector *table = NULL;
    uint32_t least;
    int32_t rc = entry(RH_ABI_MINOR, &table);

    if (rc != RH_OK || !table)
        rh_trial_fail(t, "the entry returned %d", rc);
    least = table->min_host_minor;
    if (least > table->abi_minor)
        rh_trial_fail(t, "it needs minor %u but was built for %u", least, table->abi_minor);
    table = NULL;
    rc = entry(least, &table);
    if (rc != RH_OK || !table)
        rh_trial_fail(t, "it says that it runs on minor %u, and refuses it with %d", least, rc);
    if (least > 0 && entry(least - 1, &table) != RH_UNSUPPORTED)
        rh_trial_fail(t, "it needs minor %u, and does not refuse %u with UNSUPPORTED", least,
                      least - 1);
}

/* ---- A life of calls ------------------------------------------------------------------------- */

struct life {
    struct rh_trial *t;
    enum rh_guard_style style;
    struct rh_conn *conn;
};

static void done(struct life *life, const char *what, int32_t rc, struct rh_error *error)
{
    struct rh_trial *t = life->t;

    memcpy(&t->error, error, sizeof(t->error));
    t->error.struct_size = sizeof(t->error);
    rh_guard_end();
    if (rc != RH_OK)
        rh_trial_fail_call(t, what, rc, &t->error);
}

static struct rh_error *begin(struct life *life)
{
    struct rh_error *error;

    rh_guard_begin(life->style);
    error = rh_guard_room(sizeof(*error));
    error->row = RH_NO_ROW;
    return error;
}

static void live_connect(struct life *life)
{
    struct rh_trial *t = life->t;
    struct rh_error *error = begin(life);
    const struct rh_host *host = rh_guard_host(&t->host);
    int32_t rc;

    rc = t->connector->connect(host, rh_guard_op(&t->op), rh_guard_settings(&t->settings),
                               &life->conn, error);
    done(life, "connect", rc, error);
    error = begin(life);
    rc = t->connector->ping(life->conn, rh_guard_op(&t->op), error);
    done(life, "ping", rc, error);
}

/* The catalogue is the op's arena's, so it stays. */
static void live_tables(struct life *life)
{
    struct rh_trial *t = life->t;
    struct rh_error *error = begin(life);
    struct rh_catalog *catalog = rh_guard_room(sizeof(*catalog));
    int32_t rc = t->connector->tables(life->conn, rh_guard_op(&t->op), catalog, error);

    done(life, "tables", rc, error);
}

static void live_read(struct life *life, const struct rh_table *table, const struct rh_query *query,
                      uint64_t expected)
{
    struct rh_trial *t = life->t;
    struct rh_cursor *cursor = NULL;
    struct rh_error *error = begin(life);
    uint64_t n_rows = 0;
    int32_t rc;

    rc = t->connector->open(life->conn, rh_guard_op(&t->op), rh_guard_query(query), &cursor, error);
    done(life, "open", rc, error);
    do {
        struct rh_batch *batch;
        error = begin(life);
        batch = rh_guard_room(sizeof(*batch));
        rc = t->connector->next(cursor, rh_guard_op(&t->op), 3, batch, error);
        n_rows += rc == RH_OK ? batch->n_rows : 0;
        if (rc == RH_OK && batch->n_cols != query->n_select)
            rh_trial_fail(t, "next: %u cells in a row instead of %u", batch->n_cols,
                          query->n_select);
        done(life, "next", rc == RH_END ? RH_OK : rc, error);
    } while (rc == RH_OK);
    t->connector->finish(cursor);
    if (n_rows != expected)
        rh_trial_fail(t, "%llu rows of \"%.*s\" instead of %llu", (unsigned long long)n_rows,
                      RH_TEXT_ARG(table->name), (unsigned long long)expected);
}

/* A plan for `n = 3`, then a read with what was accepted. */
static void live_plan(struct life *life, const struct rh_table *table, uint64_t n_all,
                      uint64_t n_matching)
{
    struct rh_trial *t = life->t;
    const struct rh_value three = {.type = RH_TYPE_INT, .as.i = 3};
    const struct rh_node node = {.op = RH_OP_EQ, .column = 1, .first = 0, .n = 1};
    const uint32_t conjunct = 0;
    struct rh_query query;
    struct rh_plan *plan;
    struct rh_error *error;
    uint8_t *verdict;
    int32_t rc;

    rh_fixture_query(t, table, &query);
    query.conjuncts = &conjunct;
    query.n_conjuncts = query.n_nodes = query.n_values = 1;
    query.nodes = &node;
    query.values = &three;
    error = begin(life);
    plan = rh_guard_room(sizeof(*plan));
    verdict = rh_trial_alloc(t, 16);
    plan->verdicts = verdict;
    plan->needs = rh_trial_alloc(t, (table->n_columns + 1) * sizeof(*plan->needs));
    plan->est_rows = -1;
    rc = t->connector->plan(life->conn, rh_guard_query(&query), plan, error);
    done(life, "plan", rc, error);
    if (*verdict == RH_VERDICT_NONE)
        rh_fixture_query(t, table, &query);
    live_read(life, table, &query,
              *verdict == RH_VERDICT_EXACT  ? n_matching
              : *verdict == RH_VERDICT_NONE ? n_all
                                            : rh_fixture_count(t, life->conn, table));
}

static void live_write(struct life *life, const struct rh_table *table)
{
    struct rh_trial *t = life->t;
    const struct rh_value cells[] = {{.type = RH_TYPE_INT, .as.i = 1001},
                                     {.type = RH_TYPE_INT, .as.i = 5},
                                     {.type = RH_TYPE_TEXT, .len = 3, .as.data = "new"}};
    const uint32_t key = 0;
    struct rh_write_spec spec = rh_fixture_spec(table);
    struct rh_error *error = begin(life);
    struct rh_write_result *result = rh_guard_room(sizeof(*result));
    int32_t rc;

    spec.n_rows = 1;
    spec.cells = cells;
    spec.returning = table->columns;
    spec.n_returning = table->n_columns;
    spec.returning_stride = table->column_stride;
    result->statuses = rh_trial_alloc(t, sizeof(*result->statuses));
    rc = t->connector->write->insert(life->conn, rh_guard_op(&t->op), rh_guard_spec(&spec), result,
                                     error);
    if (rc == RH_OK && result->returned.n_rows != 1)
        rh_trial_fail(t, "insert returned %llu rows instead of 1",
                      (unsigned long long)result->returned.n_rows);
    done(life, "insert", rc, error);
    spec.key = &key;
    spec.n_key = 1;
    spec.n_returning = 0;
    error = begin(life);
    result = rh_guard_room(sizeof(*result));
    result->statuses = rh_trial_alloc(t, sizeof(*result->statuses));
    rc = t->connector->write->update(life->conn, rh_guard_op(&t->op), rh_guard_spec(&spec), result,
                                     error);
    done(life, "update", rc == RH_UNSUPPORTED ? RH_OK : rc, error);
}

static void live(struct rh_trial *t, enum rh_guard_style style)
{
    struct life life = {.t = t, .style = style};
    const struct rh_table *table;
    struct rh_conn *plain;
    struct rh_query query;
    uint64_t n_rows;
    bool own;

    need_process(t);
    rh_trial_load(t);
    plain = rh_trial_connect(t);
    own = rh_fixture_can_make(t);
    table = rh_fixture_any(t, plain);
    n_rows = rh_fixture_count(t, plain, table);
    live_connect(&life);
    live_tables(&life);
    rh_fixture_query(t, table, &query);
    live_read(&life, table, &query, n_rows);
    if (own && t->connector->plan)
        live_plan(&life, table, n_rows, 3);
    if (own)
        live_write(&life, table);
    t->connector->close(life.conn);
    t->connector->close(plain);
}

static void reads_no_further(struct rh_trial *t)
{
    live(t, RH_GUARD_TIGHT);
}

static void larger_structs(struct rh_trial *t)
{
    live(t, RH_GUARD_WIDE);
}

static void keeps_nothing(struct rh_trial *t)
{
    live(t, RH_GUARD_FLEETING);
}

const struct rh_trial_test rh_suite_abi[] = {
    {"newer-host", "the entry accepts a host of a newer minor", newer_host},
    {"older-host",
     "the entry accepts the minor that it names as its least, and refuses the one "
     "before with UNSUPPORTED",
     older_host},
    {"reads-no-further", "nothing behind the struct_size or the count of what is lent is touched",
     reads_no_further},
    {"larger-structs", "structs and strides may be larger than this minor's", larger_structs},
    {"keeps-nothing", "what was lent for a call is not touched after it", keeps_nothing},
    {NULL, NULL, NULL},
};
