/*
 * Change feeds: a cursor over the database's log (log.h).
 *
 * A token is the log's epoch, the table's layout and the number of the next change. It is gone when
 * the log has moved past it, when the columns have changed since, or when it is another log's: then
 * the reader reads the table and begins anew. A change of a key is told as a delete and a put.
 */
#include "connector/kit.h"
#include "cursor.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BATCH_CHANGES 1024u
#define IDLE_US UINT64_C(1000000) /* how long an empty answer is waited for */
#define MARGIN_US UINT64_C(50000) /* before the deadline */
#define SLICE_NS 20000000         /* how late a cancelled waiter may notice */
#define TOKEN_BYTES 80u
#define TOKEN_FIELDS 3

struct mem_feed {
    uint64_t layout;
    uint64_t next; /* number of the next change to look at */
    bool put_left; /* of a changed key only the delete has been told */
    uint32_t n_kept;
    uint32_t kinds[BATCH_CHANGES];
    struct mem_row *kept[BATCH_CHANGES]; /* of the last batch; counted */
    char token[TOKEN_BYTES];
};

static int fail_gone(struct rh_error *error)
{
    rh_fail(error, RH_NOT_FOUND, "the changes since this token are not known any more");
    rh_error_code(error, "feed-gone");
    return rh_error_hint(error, "Read the table, and follow its changes from now on");
}

static void let_go(struct mem_feed *feed)
{
    while (feed->n_kept)
        mem_row_unref(feed->kept[--feed->n_kept]);
}

void mem_feed_close_locked(struct rh_cursor *cursor)
{
    let_go(cursor->feed);
    free(cursor->feed);
}

/* ---- Tokens ------------------------------------------------------------------------------ */

static struct rh_text make_token(const struct mem_log *log, struct mem_feed *feed)
{
    int n = snprintf(feed->token, sizeof feed->token, "%" PRIu64 ".%" PRIu64 ".%" PRIu64,
                     log->epoch, feed->layout, feed->next);
    return rh_text_make(feed->token, (size_t)n);
}

static int read_token(struct rh_text token, const struct mem_log *log, struct mem_feed *feed,
                      struct rh_error *error)
{
    uint64_t fields[TOKEN_FIELDS];
    for (int i = 0; i < TOKEN_FIELDS; i++) {
        struct rh_text field = rh_text_cut(&token, '.');
        if (!rh_text_to_u64(field, &fields[i]))
            return fail_gone(error);
    }
    if (token.data || fields[0] != log->epoch || fields[1] != feed->layout ||
        fields[2] < mem_log_begin(log) || fields[2] > log->end)
        return fail_gone(error);
    feed->next = fields[2];
    return RH_OK;
}

/* ---- Opening ----------------------------------------------------------------------------- */

static int open_locked(struct rh_cursor *cursor, const struct rh_feed_spec *spec,
                       struct rh_error *error)
{
    struct mem_database *database = cursor->conn->database;
    struct mem_table *table;
    int rc = mem_database_find_locked(database, spec->schema, spec->table, &table, error);
    for (uint32_t i = 0; i < spec->n_columns && rc == RH_OK; i++) {
        const char *column = (const char *)spec->columns + (size_t)i * spec->column_stride;
        rc = mem_table_find_column(table, ((const struct rh_column *)(const void *)column)->name,
                                   &cursor->columns[i], error);
    }
    if (rc == RH_OK)
        rc = mem_log_start(&database->log, error);
    if (rc)
        return rc;
    cursor->feed->layout = table->layout;
    cursor->feed->next = database->log.end;
    return spec->since.data ? read_token(spec->since, &database->log, cursor->feed, error) : RH_OK;
}

int32_t mem_feed_open(struct rh_conn *conn, const struct rh_op *op, const struct rh_feed_spec *spec,
                      struct rh_cursor **ret_cursor, struct rh_error *error)
{
    mem_call(conn);
    int rc = mem_check(conn, op, error);
    if (rc)
        return rc;
    if (conn->cursor)
        return rh_fail(error, RH_INVALID, "the connection has an open cursor");
    uint32_t n = spec->n_columns;
    struct rh_cursor *cursor = calloc(1, sizeof *cursor + n * sizeof *cursor->columns);
    if (cursor) {
        cursor->conn = conn;
        cursor->n_columns = n;
        cursor->cells = calloc((size_t)BATCH_CHANGES * n + 1, sizeof *cursor->cells);
        cursor->feed = calloc(1, sizeof *cursor->feed);
    }
    if (!cursor || !cursor->cells || !cursor->feed) {
        rc = rh_fail_nomem(error);
    } else {
        pthread_mutex_lock(&conn->database->lock);
        rc = open_locked(cursor, spec, error);
        pthread_mutex_unlock(&conn->database->lock);
    }
    if (rc) {
        if (cursor) {
            free(cursor->feed);
            free(cursor->cells);
        }
        free(cursor);
        return rc;
    }
    conn->cursor = cursor;
    *ret_cursor = cursor;
    return RH_OK;
}

/* ---- Reading ----------------------------------------------------------------------------- */

static bool is_same_key(const struct mem_row *a, const struct mem_row *b)
{
    return rh_text_equal(a->key, b->key);
}

static void tell(struct rh_cursor *cursor, uint32_t kind, struct mem_row *row)
{
    struct mem_feed *feed = cursor->feed;
    struct rh_value *cells = cursor->cells + (size_t)feed->n_kept * cursor->n_columns;
    for (uint32_t i = 0; i < cursor->n_columns; i++)
        cells[i] = row->cells[cursor->columns[i]];
    feed->kinds[feed->n_kept] = kind;
    feed->kept[feed->n_kept++] = mem_row_ref(row);
}

/* Tells changes of the table until the batch is full or the log is at its end. */
static void fill_locked(struct rh_cursor *cursor, uint32_t max_changes)
{
    const struct mem_log *log = &cursor->conn->database->log;
    struct mem_feed *feed = cursor->feed;
    while (feed->next < log->end && feed->n_kept < max_changes) {
        const struct mem_logged *change = mem_log_at(log, feed->next);
        bool moved = change->old && change->row && !is_same_key(change->old, change->row);
        if (change->layout == feed->layout && (!change->row || moved) && !feed->put_left) {
            tell(cursor, RH_CHANGE_DELETE, change->old);
            feed->put_left = moved;
            if (moved)
                continue;
        } else if (change->layout == feed->layout) {
            tell(cursor, RH_CHANGE_PUT, change->row);
        }
        feed->put_left = false;
        feed->next++;
    }
}

static bool is_known_locked(const struct rh_cursor *cursor)
{
    const struct mem_database *database = cursor->conn->database;
    const struct mem_table *table = database->tables;
    while (table && table->layout != cursor->feed->layout)
        table = table->next;
    return table && cursor->feed->next >= mem_log_begin(&database->log);
}

static void wait_locked(struct mem_database *database)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += SLICE_NS;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    pthread_cond_timedwait(&database->idle, &database->lock, &until);
}

static int next_locked(struct rh_cursor *cursor, const struct rh_op *op, uint32_t max_changes,
                       struct rh_error *error)
{
    const struct rh_host *host = cursor->conn->host;
    uint64_t until_us = host->now_us(host) + IDLE_US;
    let_go(cursor->feed);
    if (op->deadline_us < until_us + MARGIN_US)
        until_us = op->deadline_us > MARGIN_US ? op->deadline_us - MARGIN_US : 0;
    for (;;) {
        int rc = mem_check(cursor->conn, op, error);
        if (rc)
            return rc;
        if (!is_known_locked(cursor))
            return fail_gone(error);
        fill_locked(cursor, max_changes);
        if (cursor->feed->n_kept || host->now_us(host) >= until_us)
            return RH_OK;
        wait_locked(cursor->conn->database);
    }
}

int32_t mem_feed_next(struct rh_cursor *cursor, const struct rh_op *op, uint32_t max_changes,
                      struct rh_feed_batch *ret_batch, struct rh_error *error)
{
    struct rh_conn *conn = cursor->conn;
    struct mem_feed *feed = cursor->feed;
    mem_call(conn);
    if (!feed || max_changes == 0)
        return rh_fail(error, RH_INVALID, "the cursor is not one of changes, or none are wanted");
    if (max_changes > BATCH_CHANGES)
        max_changes = BATCH_CHANGES;
    pthread_mutex_lock(&conn->database->lock);
    int rc = next_locked(cursor, op, max_changes, error);
    if (rc == RH_OK) {
        ret_batch->kinds = feed->kinds;
        ret_batch->rows = (struct rh_batch){.struct_size = sizeof ret_batch->rows,
                                            .n_cols = cursor->n_columns,
                                            .n_rows = feed->n_kept,
                                            .cells = cursor->cells};
        ret_batch->token = make_token(&conn->database->log, feed);
    }
    pthread_mutex_unlock(&conn->database->lock);
    return rc;
}
