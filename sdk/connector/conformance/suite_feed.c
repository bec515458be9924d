/*
 * Change feeds: every change at least once, in order for each row, from a token on.
 *
 * Of a log (conformance.h) two columns are written, n and v: there an entry stands for a row by its
 * number, a change of the row is another entry, and none is taken away.
 */
#include "base/clock.h"
#include "connector/conformance/fixture.h"
#include "connector/conformance/suites.h"
#include "connector/conformance/writable.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

#define N_ROWS 3u
#define PATIENCE_MS 15000u /* for a change to arrive */
#define MAX_TOKEN 4096u
#define OF_LOG 100 /* an entry's number: the row's id times this, plus n */

struct following {
    struct rh_trial *t;
    const struct rh_feed *feed;
    struct rh_conn *writer, *reader;
    const struct rh_table *table;
    bool is_log;
    char *token; /* the last one; NULL: none yet */
    uint64_t token_len;
};

/* The last change of each kind that came. */
struct seen {
    uint32_t n_puts, n_deletes;
    int64_t last_n[16]; /* value of n in the last PUT of row 10 .. 25; -1: none */
};

static const char *member(struct rh_trial *t, const json_t *log, const char *name)
{
    const char *text = json_string_value(json_object_get(log, name));

    if (!text)
        rh_trial_fail(t, "the configuration's \"log\" has no \"%s\"", name);
    return text;
}

/* The configuration's log with its columns for n and v; NULL when there is none. */
static const struct rh_table *find_log(struct rh_trial *t, struct rh_conn *conn)
{
    const json_t *log = json_object_get(t->config, "log");
    const char *schema = json_string_value(json_object_get(log, "schema"));
    struct rh_column *columns = rh_trial_alloc(t, 2 * sizeof(*columns));
    struct rh_table *table = rh_trial_alloc(t, sizeof(*table));
    const struct rh_table *told;

    if (!json_is_object(log))
        return NULL;
    told = rh_fixture_find(t, conn, rh_text_of(schema), rh_text_of(member(t, log, "table")));
    columns[0] = *rh_fixture_column(told, rh_fixture_position(t, told, member(t, log, "number")));
    columns[1] = *rh_fixture_column(told, rh_fixture_position(t, told, member(t, log, "text")));
    *table = *told;
    table->columns = columns;
    table->n_columns = 2;
    table->column_stride = sizeof(*columns);
    table->n_key = 0;
    return table;
}

static void start(struct rh_trial *t, struct following *ret_f)
{
    struct following f = {.t = t};

    rh_trial_load(t);
    if (!t->connector->feed)
        rh_trial_skip(t, "it does not claim change feeds");
    f.feed = t->connector->feed;
    f.writer = rh_trial_connect(t);
    f.reader = rh_trial_connect(t);
    f.table = find_log(t, f.writer);
    f.is_log = f.table != NULL;
    if (!f.is_log)
        f.table = json_object_get(t->config, "writable") ? rh_writable_make(t, f.writer, N_ROWS)
                                                         : rh_fixture_writable(t, f.writer, N_ROWS);
    *ret_f = f;
}

static struct rh_feed_spec spec_of(const struct following *f)
{
    return (struct rh_feed_spec){.struct_size = sizeof(struct rh_feed_spec),
                                 .schema = f->table->schema,
                                 .table = f->table->name,
                                 .since = {f->token, f->token_len},
                                 .columns = f->table->columns,
                                 .n_columns = f->table->n_columns,
                                 .column_stride = f->table->column_stride};
}

static struct rh_cursor *open_feed(struct following *f)
{
    const struct rh_feed_spec spec = spec_of(f);
    struct rh_cursor *cursor = NULL;
    struct rh_trial *t = f->t;

    rh_trial_ok(t, "opening a feed",
                f->feed->open(f->reader, &t->op, &spec, &cursor, rh_trial_error(t)));
    if (!cursor)
        rh_trial_fail(t, "opening a feed was OK but gave no cursor");
    return cursor;
}

static void write_row(struct following *f, rh_write_fn *function, int64_t id, int64_t n)
{
    static const uint32_t key[] = {0};
    const struct rh_value text = {.type = RH_TYPE_TEXT, .len = 1, .as.data = "f"};
    const struct rh_value cells[] = {
        {.type = RH_TYPE_INT, .as.i = id}, {.type = RH_TYPE_INT, .as.i = n}, text};
    const struct rh_value entry[] = {{.type = RH_TYPE_INT, .as.i = id * OF_LOG + n}, text};
    struct rh_write_spec spec = rh_fixture_spec(f->table);

    if (f->is_log)
        function = f->t->connector->write->insert;
    spec.n_rows = 1;
    spec.cells = f->is_log ? entry : cells;
    spec.key = key;
    spec.n_key = function == f->t->connector->write->insert ? 0 : 1;
    if (function == f->t->connector->write->remove)
        spec.n_columns = 1;
    rh_trial_ok(f->t, "a write", rh_fixture_write(f->t, f->writer, function, &spec, NULL));
}

static void keep_token(struct following *f, struct rh_text token)
{
    if (token.len == 0 || token.len > MAX_TOKEN)
        rh_trial_fail(f->t, "a token of %llu bytes", (unsigned long long)token.len);
    f->token = rh_trial_alloc(f->t, token.len);
    memcpy(f->token, token.data, token.len);
    f->token_len = token.len;
}

static void look_at(struct following *f, const struct rh_feed_batch *batch, struct seen *seen)
{
    for (uint64_t i = 0; i < batch->rows.n_rows; i++) {
        const struct rh_value *row = &batch->rows.cells[i * batch->rows.n_cols];
        struct rh_value id = rh_writable_number(f->t, row[0]);
        int64_t n = f->is_log ? id.as.i % OF_LOG : rh_writable_number(f->t, row[1]).as.i;
        if (batch->kinds[i] != RH_CHANGE_PUT && batch->kinds[i] != RH_CHANGE_DELETE)
            rh_trial_fail(f->t, "a change of the kind %u", batch->kinds[i]);
        if (id.type != RH_TYPE_INT)
            rh_trial_fail(f->t, "a change without the row's key");
        seen->n_puts += batch->kinds[i] == RH_CHANGE_PUT;
        seen->n_deletes += batch->kinds[i] == RH_CHANGE_DELETE;
        if (f->is_log)
            id.as.i /= OF_LOG;
        if (id.as.i >= 10 && id.as.i < 26)
            seen->last_n[id.as.i - 10] = batch->kinds[i] == RH_CHANGE_PUT ? n : -2;
    }
}

/* One call. How many changes it gave; the token is kept. */
static uint64_t next(struct following *f, struct rh_cursor *cursor, uint32_t ms, uint32_t most,
                     struct seen *seen)
{
    struct rh_feed_batch batch = {.struct_size = sizeof(batch)};
    struct rh_op op = rh_trial_op(f->t, ms);

    batch.rows.struct_size = sizeof(batch.rows);
    rh_trial_ok(f->t, "next of a feed",
                f->feed->next(cursor, &op, most, &batch, rh_trial_error(f->t)));
    if (batch.rows.n_rows > most)
        rh_trial_fail(f->t, "%llu changes, more than %u", (unsigned long long)batch.rows.n_rows,
                      most);
    keep_token(f, batch.token);
    look_at(f, &batch, seen);
    return batch.rows.n_rows;
}

/* Reads until row 10 + i has `n` last, or patience ends. */
static void await(struct following *f, struct rh_cursor *cursor, uint32_t i, int64_t n,
                  struct seen *seen)
{
    uint64_t until_us = rh_clock_us() + PATIENCE_MS * UINT64_C(1000);

    while (seen->last_n[i] != n && rh_clock_us() < until_us)
        next(f, cursor, 2000, 100, seen);
    if (seen->last_n[i] != n)
        rh_trial_fail(f->t, "a change of row %u has not come", 10 + i);
}

static struct seen nothing_seen(void)
{
    struct seen seen = {0};

    for (size_t i = 0; i < sizeof(seen.last_n) / sizeof(seen.last_n[0]); i++)
        seen.last_n[i] = -1;
    return seen;
}

/* ---- Tests ----------------------------------------------------------------------------------- */

static void from_now(struct rh_trial *t)
{
    const struct rh_write *write;
    struct seen seen = nothing_seen();
    struct rh_cursor *cursor;
    struct following f;

    start(t, &f);
    write = t->connector->write;
    cursor = open_feed(&f);
    write_row(&f, write->insert, 10, 1);
    write_row(&f, write->insert, 11, 1);
    write_row(&f, write->update, 10, 2);
    if (!f.is_log)
        write_row(&f, write->remove, 11, 0);
    await(&f, cursor, 0, 2, &seen);
    await(&f, cursor, 1, f.is_log ? 1 : -2, &seen);
    if (seen.n_puts > 3 + 4 || seen.n_puts < (f.is_log ? 3 : 1))
        rh_trial_fail(t, "3 rows were put, and %u are told", seen.n_puts);
    t->connector->finish(cursor);
}

static void resume(struct rh_trial *t)
{
    const struct rh_write *write;
    struct seen seen = nothing_seen();
    struct rh_cursor *cursor;
    struct following f;

    start(t, &f);
    write = t->connector->write;
    cursor = open_feed(&f);
    write_row(&f, write->insert, 10, 1);
    await(&f, cursor, 0, 1, &seen);
    t->connector->finish(cursor);
    for (int i = 1; i < 9; i++)
        write_row(&f, write->insert, 10 + i, i);
    write_row(&f, write->update, 10, 7);
    seen = nothing_seen();
    cursor = open_feed(&f);
    next(&f, cursor, 2000, 2, &seen);
    t->connector->finish(cursor);
    cursor = open_feed(&f);
    await(&f, cursor, 0, 7, &seen);
    for (uint32_t i = 1; i < 9; i++)
        if (seen.last_n[i] != (int64_t)i)
            rh_trial_fail(t, "the change of row %u was lost between two cursors", 10 + i);
    t->connector->finish(cursor);
}

static void rolled_back(struct rh_trial *t)
{
    const struct rh_write *write;
    struct seen seen = nothing_seen();
    struct rh_cursor *cursor;
    struct following f;

    start(t, &f);
    write = t->connector->write;
    if (!t->connector->tx)
        rh_trial_skip(t, "it does not claim transactions");
    cursor = open_feed(&f);
    rh_trial_ok(t, "begin", t->connector->tx->begin(f.writer, &t->op, 0, rh_trial_error(t)));
    write_row(&f, write->insert, 12, 1);
    rh_trial_ok(t, "rollback", t->connector->tx->rollback(f.writer, &t->op, rh_trial_error(t)));
    write_row(&f, write->insert, 13, 1);
    await(&f, cursor, 3, 1, &seen);
    if (seen.last_n[2] != -1)
        rh_trial_fail(t, "a change that was rolled back is told");
    t->connector->finish(cursor);
}

static void idle(struct rh_trial *t)
{
    struct seen seen = nothing_seen();
    struct rh_cursor *cursor;
    struct following f;

    start(t, &f);
    cursor = open_feed(&f);
    if (next(&f, cursor, 1500, 10, &seen) != 0)
        rh_trial_fail(t, "nothing has changed, and a change is told");
    t->connector->finish(cursor);
    rh_trial_ping(t, f.reader, "the end of a feed");
}

static void gone(struct rh_trial *t)
{
    static const char *const tokens[] = {"",  "rh_check: no token",          "0.0.0", "\xff\xfe",
                                         "1", "18446744073709551615.1.99999"};
    struct following f;

    start(t, &f);
    for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++) {
        struct rh_feed_spec spec = spec_of(&f);
        struct rh_cursor *cursor = NULL;
        int32_t rc;
        spec.since = rh_text_of(tokens[i]);
        rc = f.feed->open(f.reader, &t->op, &spec, &cursor, rh_trial_error(t));
        rh_trial_check_error(t, "a feed from a token that is none", rc, &t->error);
        rh_trial_expect(t, "a feed from a token that is none", rc, RH_NOT_FOUND);
        if (strcmp(t->error.code, "feed-gone") != 0)
            rh_trial_fail(t, "a token that is none has the code \"%s\" instead of \"feed-gone\"",
                          t->error.code);
    }
    rh_trial_ping(t, f.reader, "a feed that was refused");
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

static void cancel(struct rh_trial *t)
{
    struct rh_feed_batch batch = {.struct_size = sizeof(batch)};
    struct canceller canceller = {.t = t};
    struct rh_cursor *cursor;
    struct following f;
    struct rh_op op;
    pthread_t thread;
    uint64_t begin_us;
    int32_t rc;

    start(t, &f);
    cursor = open_feed(&f);
    op = rh_trial_op(t, 30000);
    begin_us = rh_clock_us();
    canceller.conn = f.reader;
    if (pthread_create(&thread, NULL, cancel_soon, &canceller) != 0)
        rh_trial_fail(t, "the suite cannot start a thread");
    rc = f.feed->next(cursor, &op, 10, &batch, rh_trial_error(t));
    pthread_join(thread, NULL);
    rh_trial_expect(t, "a wait for changes that was cancelled", rc, RH_CANCELLED);
    if (rh_clock_us() - begin_us > 6 * RH_TRIAL_SECOND)
        rh_trial_fail(t, "a wait for changes goes on long behind its cancel");
    t->connector->finish(cursor);
}

const struct rh_trial_test rh_suite_feed[] = {
    {"from-now", "changes after the feed was opened come, in order for each row", from_now},
    {"resume", "from a token on, no change is missing", resume},
    {"rolled-back", "what was rolled back is not told", rolled_back},
    {"idle", "without changes, next is OK with a token before the deadline", idle},
    {"gone", "a token that is not known is NOT_FOUND, \"feed-gone\"", gone},
    {"cancel", "cancel ends the wait for changes", cancel},
    {NULL, NULL, NULL},
};
