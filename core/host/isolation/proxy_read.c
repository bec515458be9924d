/*
 * Cursors. `open` brings the first rows along, and a question for more brings as many as a frame
 * takes, so that a page costs one round trip; `next` hands out slices of what has come. The rows
 * stay in the frame they came in, which belongs to the cursor: other calls on the connection do
 * not touch it.
 */
#include "host/isolation/proxy.h"

#include "base/err.h"

#include <stdlib.h>
#include <string.h>

#define MAX_WISH 16384u

struct rh_cursor {
    struct rh_conn *conn;
    char *frame; /* what the rows lie in */
    size_t cap;
    const struct rh_value *cells; /* of the rows that are left */
    uint64_t n_rows;
    uint32_t n_cols;
    uint32_t n_asked;      /* rows of the last question */
    int32_t outcome;       /* what comes after the rows */
    struct rh_error fault; /* when that is a class */
    bool remote;           /* the connector's cursor is still open */
};

static struct rh_cursor *new_cursor(struct rh_conn *conn)
{
    struct rh_cursor *cursor = calloc(1, sizeof(*cursor));

    if (cursor)
        cursor->conn = conn;
    return cursor;
}

static void free_cursor(struct rh_cursor *cursor)
{
    if (cursor)
        free(cursor->frame);
    free(cursor);
}

/* Gives the channel's frame to the cursor, and the cursor's old room to the channel. */
static void take_frame(struct rh_cursor *cursor)
{
    struct rh_channel *channel = &cursor->conn->channel;
    char *frame = channel->data;
    size_t cap = channel->cap;

    channel->data = cursor->frame;
    channel->cap = cursor->cap;
    channel->n = channel->n_frame = 0;
    cursor->frame = frame;
    cursor->cap = cap;
}

/* The rows of an answer whose outcome was OK. False: malformed. */
static bool take_rows(struct rh_cursor *cursor, const struct rh_op *op, struct rh_wire_in *in)
{
    const struct rh_wire_rows *rows = rh_wire_take(in, 1, sizeof(*rows));
    uint64_t n_cells;

    if (!rows)
        return false;
    cursor->remote = false;
    if (!rows->has_cursor)
        return rh_wire_is_done(in);
    cursor->fault = (struct rh_error)RH_ERROR_INIT;
    if (__builtin_mul_overflow(rows->n_rows, (uint64_t)rows->n_cols, &n_cells) ||
        !(cursor->cells = rh_wire_take_values(in, n_cells)) ||
        !rh_wire_take_outcome(in, &cursor->outcome, &cursor->fault) || !rh_wire_is_done(in))
        return false;
    rh_proxy_tell_late(op, &cursor->outcome, &cursor->fault);
    cursor->n_cols = rows->n_cols;
    cursor->n_rows = rows->n_rows;
    cursor->remote = cursor->outcome == RH_OK;
    take_frame(cursor);
    return true;
}

/* ---- Opening --------------------------------------------------------------------------------- */

static int fail_open(struct rh_error *error)
{
    return rh_fail(error, RH_INVALID, "the connection has an open cursor");
}

/* Along with what was assumed when it was planned; see assume.h. */
static int ask_to_open(struct rh_conn *conn, const struct rh_op *op, const struct rh_query *query,
                       int32_t *ret_outcome, struct rh_wire_in *ret_in, struct rh_error *error)
{
    uint32_t type = RH_WIRE_OPEN;
    int rc;

    if (conn->assume.n_pending) {
        type |= RH_WIRE_ASSUMING;
        rh_assume_put(&conn->assume, &conn->out, query);
    } else {
        rh_wire_put_query(&conn->out, query);
    }
    rc = rh_proxy_ask(conn, op, type, RH_PROXY_READS, ret_outcome, ret_in, error);
    rh_assume_settle(&conn->assume, rc == RH_OK && *ret_outcome == RH_CONFLICT && error &&
                                        strcmp(error->code, RH_PLAN_CHANGED) == 0);
    return rc;
}

int32_t rh_proxy_open(struct rh_conn *conn, const struct rh_op *op, const struct rh_query *query,
                      struct rh_cursor **ret_cursor, struct rh_error *error)
{
    struct rh_cursor *cursor;
    struct rh_wire_in in;
    int32_t outcome;
    int rc;

    if (conn->cursor)
        return fail_open(error);
    cursor = new_cursor(conn);
    if (!cursor)
        return rh_fail_nomem(error);
    rh_proxy_begin(conn, op);
    rc = ask_to_open(conn, op, query, &outcome, &in, error);
    if (rc == RH_OK && outcome == RH_OK && !take_rows(cursor, op, &in))
        rc = rh_proxy_fail_frame(conn, RH_PROXY_READS, error);
    if (rc || outcome || !cursor->frame) {
        free_cursor(cursor);
        return rc ? rc : outcome;
    }
    conn->cursor = *ret_cursor = cursor;
    return RH_OK;
}

/* A cursor that nothing was read of yet. */
static int open_empty(struct rh_conn *conn, struct rh_cursor **ret_cursor, struct rh_error *error)
{
    struct rh_cursor *cursor = new_cursor(conn);

    if (!cursor)
        return rh_fail_nomem(error);
    cursor->remote = true;
    conn->cursor = *ret_cursor = cursor;
    return RH_OK;
}

/* ---- Reading --------------------------------------------------------------------------------- */

static int ask_for_rows(struct rh_cursor *cursor, const struct rh_op *op, uint32_t max_rows,
                        struct rh_error *error)
{
    struct rh_conn *conn = cursor->conn;
    uint32_t n_rows = cursor->n_asked < MAX_WISH / 2 ? cursor->n_asked * 2 : MAX_WISH;
    struct rh_wire_wish wish = {max_rows, n_rows > max_rows ? n_rows : max_rows};
    struct rh_wire_in in;
    int32_t outcome;
    int rc;

    rh_proxy_begin(conn, op);
    rh_wire_put(&conn->out, &wish, sizeof(wish));
    rc = rh_proxy_ask(conn, op, RH_WIRE_NEXT, RH_PROXY_READS, &outcome, &in, error);
    cursor->n_asked = wish.n_rows;
    if (rc)
        cursor->remote = false;
    if (rc || outcome)
        return rc ? rc : outcome;
    if (!take_rows(cursor, op, &in))
        return rh_proxy_fail_frame(conn, RH_PROXY_READS, error);
    return RH_OK;
}

int32_t rh_proxy_next_rows(struct rh_cursor *cursor, const struct rh_op *op, uint32_t max_rows,
                           struct rh_batch *ret_batch, struct rh_error *error)
{
    uint64_t n;

    if (cursor->n_rows == 0 && cursor->outcome == RH_OK) {
        int rc = ask_for_rows(cursor, op, max_rows, error);

        if (rc)
            return rc;
    }
    if (cursor->n_rows == 0 && cursor->outcome != RH_OK) {
        if (error && error->error_class == RH_OK)
            *error = cursor->fault;
        return cursor->outcome;
    }
    n = cursor->n_rows < max_rows ? cursor->n_rows : max_rows;
    ret_batch->n_cols = cursor->n_cols;
    ret_batch->n_rows = n;
    ret_batch->cells = cursor->cells;
    cursor->cells += n * cursor->n_cols;
    cursor->n_rows -= n;
    return RH_OK;
}

void rh_proxy_finish(struct rh_cursor *cursor)
{
    struct rh_conn *conn = cursor->conn;

    if (cursor->remote && !conn->broken) {
        rh_proxy_begin(conn, NULL);
        if (rh_channel_send(&conn->channel, &conn->out, RH_WIRE_FINISH, 0, NULL) != RH_OK)
            conn->broken = true;
    }
    conn->cursor = NULL;
    free_cursor(cursor);
}

/* ---- Native queries -------------------------------------------------------------------------- */

static bool take_ran(struct rh_wire_in *in, struct rh_native_result *result, bool *ret_has_cursor)
{
    const struct rh_wire_ran *ran = rh_wire_take(in, 1, sizeof(*ran));

    if (!ran || !(result->columns = rh_wire_take_columns(in, ran->n_columns)) ||
        !rh_wire_is_done(in))
        return false;
    result->n_columns = ran->n_columns;
    result->n_affected = ran->n_affected;
    *ret_has_cursor = ran->has_cursor != 0;
    return true;
}

static int32_t run(struct rh_conn *conn, const struct rh_op *op, const struct rh_native_spec *spec,
                   struct rh_native_result *ret_result, struct rh_error *error)
{
    enum rh_proxy_effect effect = op->flags & RH_OP_READ_ONLY ? RH_PROXY_READS : RH_PROXY_WRITES;
    bool has_cursor = false;
    struct rh_wire_in in;
    int32_t outcome;
    int rc;

    if (conn->cursor)
        return fail_open(error);
    rh_proxy_begin(conn, op);
    rh_wire_put_native(&conn->out, spec);
    rc = rh_proxy_ask(conn, op, RH_WIRE_RUN, effect, &outcome, &in, error);
    if (rc || outcome)
        return rc ? rc : outcome;
    if (!rh_proxy_keep(&in, op->arena))
        return rh_fail_nomem(error);
    if (!take_ran(&in, ret_result, &has_cursor))
        return rh_proxy_fail_frame(conn, effect, error);
    return has_cursor ? open_empty(conn, &ret_result->cursor, error) : RH_OK;
}

const struct rh_native rh_proxy_native = {
    .struct_size = sizeof(rh_proxy_native),
    .run = run,
};

/* ---- Feeds ----------------------------------------------------------------------------------- */

static int32_t feed_open(struct rh_conn *conn, const struct rh_op *op,
                         const struct rh_feed_spec *spec, struct rh_cursor **ret_cursor,
                         struct rh_error *error)
{
    struct rh_wire_in in;
    int32_t outcome;
    int rc;

    if (conn->cursor)
        return fail_open(error);
    rh_proxy_begin(conn, op);
    rh_wire_put_feed(&conn->out, spec);
    rc = rh_proxy_ask(conn, op, RH_WIRE_FEED_OPEN, RH_PROXY_READS, &outcome, &in, error);
    if (rc || outcome)
        return rc ? rc : outcome;
    return open_empty(conn, ret_cursor, error);
}

static int32_t feed_next(struct rh_cursor *cursor, const struct rh_op *op, uint32_t max_changes,
                         struct rh_feed_batch *ret_batch, struct rh_error *error)
{
    struct rh_conn *conn = cursor->conn;
    struct rh_wire_wish wish = {max_changes, max_changes};
    struct rh_wire_in in;
    int32_t outcome;
    int rc;

    rh_proxy_begin(conn, op);
    rh_wire_put(&conn->out, &wish, sizeof(wish));
    rc = rh_proxy_ask(conn, op, RH_WIRE_FEED_NEXT, RH_PROXY_READS, &outcome, &in, error);
    if (rc || outcome)
        return rc ? rc : outcome;
    if (!rh_wire_take_feed_batch(&in, ret_batch) || !rh_wire_is_done(&in))
        return rh_proxy_fail_frame(conn, RH_PROXY_READS, error);
    take_frame(cursor);
    return RH_OK;
}

const struct rh_feed rh_proxy_feed = {
    .struct_size = sizeof(rh_proxy_feed),
    .open = feed_open,
    .next = feed_next,
};
