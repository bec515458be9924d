/*
 * Cursors: one frame takes the rows of as many `next` as it has room for. When nothing comes any
 * more the cursor is finished at once, so that the host need not ask for it.
 */
#include "base/err.h"
#include "host/check.h"
#include "host/isolation/isolation.h"
#include "session.h"

#include <string.h>

#define FIRST_ROWS 256u /* with `open`, when the query says nothing */
#define MAX_ROWS 16384u
#define FIRST_BYTES ((size_t)64 << 10)
#define FRAME_BYTES ((size_t)256 << 10)
#define MAX_TOKEN_BYTES 4096u

void serve_finish(struct session *session)
{
    if (session->cursor)
        session->served->connector->finish(session->cursor);
    session->cursor = NULL;
}

static size_t frame_bytes(const struct session *session)
{
    return session->out.fixed.len + session->out.bytes.len;
}

/* One `next`, checked. `head` has the rows of those before it. */
static int32_t pull(struct session *session, const struct rh_op *op, uint32_t max_rows,
                    struct rh_wire_rows *head, struct rh_batch *ret_batch, struct rh_error *error)
{
    struct rh_batch batch = {.struct_size = sizeof(batch)};
    int32_t rc = session->served->connector->next(session->cursor, op, max_rows, &batch, error);

    if (rc != RH_OK)
        return rc;
    /* How wide it has to be, the host knows; here all have to be as wide as the first. */
    if (head->n_rows == 0)
        head->n_cols = batch.n_cols;
    rc = rh_check_batch(&batch, head->n_cols, max_rows, NULL, error);
    if (rc == RH_OK)
        *ret_batch = batch;
    return rc;
}

/* Rows onto the frame: n_rows of them, or as many as n_bytes hold. A limit that is reached exactly
 * is followed by one more look, which tells that this was all. */
static void put_rows(struct session *session, const struct rh_op *op,
                     const struct rh_wire_wish *wish, uint64_t limit, size_t n_bytes)
{
    struct rh_wire_rows head = {.has_cursor = 1};
    struct rh_error error = RH_ERROR_INIT;
    size_t at = session->out.fixed.len;
    int32_t rc = RH_OK;

    rh_wire_put(&session->out, &head, sizeof(head));
    while (rc == RH_OK && !rh_wire_out_failed(&session->out) && frame_bytes(session) < n_bytes &&
           (head.n_rows < wish->n_rows || head.n_rows == limit)) {
        uint64_t left = head.n_rows < wish->n_rows ? wish->n_rows - head.n_rows : 1;
        struct rh_batch batch = {0};

        if (left > wish->max_rows)
            left = wish->max_rows;
        rc = pull(session, op, (uint32_t)left, &head, &batch, &error);
        if (rc != RH_OK || batch.n_rows == 0)
            break;
        rh_wire_put_values(&session->out, batch.cells, batch.n_rows * batch.n_cols);
        head.n_rows += batch.n_rows;
    }
    rh_wire_put_outcome(&session->out, rc, &error);
    if (rc != RH_OK)
        serve_finish(session);
    if (!rh_wire_out_failed(&session->out))
        memcpy(session->out.fixed.data + at, &head, sizeof(head));
}

/* ---- Queries --------------------------------------------------------------------------------- */

static uint32_t first_rows(const struct rh_query *query)
{
    uint64_t n = FIRST_ROWS;

    if (query->limit != RH_NO_LIMIT)
        n = query->limit;
    if (query->flags & RH_QUERY_ROW_GOAL && query->row_goal < n)
        n = query->row_goal;
    if (n == 0)
        return 1;
    return n < MAX_ROWS ? (uint32_t)n : MAX_ROWS;
}

static void open_query(struct session *session, const struct rh_op *op,
                       const struct rh_query *query)
{
    static const struct rh_wire_rows none = {0};
    struct rh_error error = RH_ERROR_INIT;
    struct rh_wire_wish wish;
    int32_t rc =
        session->served->connector->open(session->conn, op, query, &session->cursor, &error);

    if (rc != RH_OK)
        session->cursor = NULL;
    rh_wire_put_outcome(&session->out, rc, &error);
    if (rc != RH_OK)
        return;
    wish.max_rows = wish.n_rows = first_rows(query);
    if (session->cursor)
        put_rows(session, op, &wish, query->limit, FIRST_BYTES);
    else
        rh_wire_put(&session->out, &none, sizeof(none));
}

bool serve_open(struct session *session, const struct rh_op *op, uint32_t type,
                struct rh_wire_in *in)
{
    const struct rh_query *query = rh_wire_take_query(in);

    if (!query || !rh_wire_is_done(in))
        return false;
    open_query(session, op, query);
    return true;
}

/* ---- Queries whose plans were assumed -------------------------------------------------------- */

static const struct rh_query *take_nested_query(struct rh_wire_in *in)
{
    struct rh_wire_in inner;
    const struct rh_query *query;

    if (!rh_wire_take_nested(in, &inner))
        return NULL;
    query = rh_wire_take_query(&inner);
    return query && rh_wire_is_done(&inner) ? query : NULL;
}

/* Whether the connector plans this query as the host assumes. False: malformed. */
static bool is_planned_so(struct session *session, const struct rh_query *query,
                          struct rh_wire_in *in, bool *ret_so)
{
    struct rh_plan assumed = {.struct_size = sizeof(assumed)};
    struct rh_plan plan = {.struct_size = sizeof(plan), .est_rows = -1};
    struct rh_error error = RH_ERROR_INIT;

    plan.verdicts = rh_arena_array(session->arena, query->n_conjuncts, 1);
    assumed.verdicts = rh_arena_array(session->arena, query->n_conjuncts, 1);
    plan.needs = rh_arena_array(session->arena, query->n_columns, sizeof(*plan.needs));
    if (!plan.verdicts || !assumed.verdicts || !plan.needs || !session->served->connector->plan ||
        !rh_wire_take_plan(in, &assumed, query) || assumed.n_needs)
        return false;
    *ret_so = session->served->connector->plan(session->conn, query, &plan, &error) == RH_OK &&
              plan.accepts == assumed.accepts && plan.n_order == assumed.n_order &&
              plan.est_rows == assumed.est_rows &&
              (query->n_conjuncts == 0 ||
               memcmp(plan.verdicts, assumed.verdicts, query->n_conjuncts) == 0);
    return true;
}

bool serve_open_assuming(struct session *session, const struct rh_op *op, uint32_t type,
                         struct rh_wire_in *in)
{
    const struct rh_wire_assumed *assumed = rh_wire_take(in, 1, sizeof(*assumed));
    const struct rh_query *query = NULL;
    struct rh_error error = RH_ERROR_INIT;
    bool is_so = true;

    if (!assumed)
        return false;
    for (uint32_t i = 0; i < assumed->n && is_so; i++) {
        query = take_nested_query(in);
        if (!query || !is_planned_so(session, query, in, &is_so))
            return false;
    }
    if (!is_so) {
        rh_fail(&error, RH_CONFLICT, "the connector plans this query otherwise than one like it");
        rh_error_code(&error, RH_PLAN_CHANGED);
        rh_wire_put_outcome(&session->out, RH_CONFLICT, &error);
        return true;
    }
    if (!assumed->last_is_opened)
        query = take_nested_query(in);
    if (!query || !rh_wire_is_done(in))
        return false;
    open_query(session, op, query);
    return true;
}

/* ---- Rows ------------------------------------------------------------------------------------ */

/* As many rows as fit, in pieces that the host would ask for. */
bool serve_next(struct session *session, const struct rh_op *op, uint32_t type,
                struct rh_wire_in *in)
{
    struct rh_wire_wish *wish = rh_wire_take(in, 1, sizeof(*wish));
    struct rh_error error = RH_ERROR_INIT;

    if (!wish || !rh_wire_is_done(in) || !session->cursor || wish->max_rows == 0)
        return false;
    rh_wire_put_outcome(&session->out, RH_OK, &error);
    put_rows(session, op, wish, RH_NO_LIMIT, FRAME_BYTES);
    return true;
}

/* ---- Native queries -------------------------------------------------------------------------- */

bool serve_run(struct session *session, const struct rh_op *op, uint32_t type,
               struct rh_wire_in *in)
{
    const struct rh_native_spec *spec = rh_wire_take_native(in);
    const struct rh_native *native = session->served->connector->native;
    struct rh_native_result result = {.struct_size = sizeof(result)};
    struct rh_error error = RH_ERROR_INIT;
    struct rh_wire_ran ran;
    int32_t rc;

    if (!spec || !rh_wire_is_done(in) || !native)
        return false;
    rc = native->run(session->conn, op, spec, &result, &error);
    session->cursor = rc == RH_OK ? result.cursor : NULL;
    if (rc == RH_OK)
        rc = rh_check_columns(result.columns, result.n_columns, sizeof(*result.columns),
                              "the result", &error);
    if (rc != RH_OK)
        serve_finish(session);
    rh_wire_put_outcome(&session->out, rc, &error);
    if (rc != RH_OK)
        return true;
    ran = (struct rh_wire_ran){session->cursor != NULL, result.n_columns, result.n_affected};
    rh_wire_put(&session->out, &ran, sizeof(ran));
    rh_wire_put_columns(&session->out, result.columns, result.n_columns, sizeof(*result.columns));
    return true;
}

/* ---- Feeds ----------------------------------------------------------------------------------- */

bool serve_feed_open(struct session *session, const struct rh_op *op, uint32_t type,
                     struct rh_wire_in *in)
{
    const struct rh_feed_spec *spec = rh_wire_take_feed(in);
    const struct rh_feed *feed = session->served->connector->feed;
    struct rh_error error = RH_ERROR_INIT;
    int32_t rc;

    if (!spec || !rh_wire_is_done(in) || !feed)
        return false;
    rc = feed->open(session->conn, op, spec, &session->cursor, &error);
    if (rc == RH_OK && !session->cursor)
        rc = rh_fail(&error, RH_CONTRACT, "the connector's \"feed.open\" gave no cursor");
    if (rc != RH_OK)
        session->cursor = NULL;
    rh_wire_put_outcome(&session->out, rc, &error);
    return true;
}

static int check_changes(const struct rh_feed_batch *batch, uint32_t max_changes,
                         struct rh_error *error)
{
    int rc = rh_check_batch(&batch->rows, batch->rows.n_cols, max_changes, NULL, error);

    if (rc == RH_OK &&
        ((batch->rows.n_rows && !batch->kinds) || batch->token.len > MAX_TOKEN_BYTES ||
         (batch->token.len && !batch->token.data)))
        rc = rh_fail(error, RH_CONTRACT, "the connector's changes have no kinds or no sound token");
    return rc;
}

bool serve_feed_next(struct session *session, const struct rh_op *op, uint32_t type,
                     struct rh_wire_in *in)
{
    const struct rh_wire_wish *wish = rh_wire_take(in, 1, sizeof(*wish));
    const struct rh_feed *feed = session->served->connector->feed;
    struct rh_feed_batch batch = {.struct_size = sizeof(batch)};
    struct rh_error error = RH_ERROR_INIT;
    int32_t rc;

    if (!wish || !rh_wire_is_done(in) || !feed || !session->cursor)
        return false;
    rc = feed->next(session->cursor, op, wish->max_rows, &batch, &error);
    if (rc == RH_OK)
        rc = check_changes(&batch, wish->max_rows, &error);
    rh_wire_put_outcome(&session->out, rc, &error);
    if (rc == RH_OK)
        rh_wire_put_feed_batch(&session->out, &batch);
    return true;
}
