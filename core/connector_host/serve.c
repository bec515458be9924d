/*
 * Questions and their answers: what has an outcome and little else, and the table of all of them.
 *
 * The connector is as little to be trusted here as anywhere: what it returns is checked before it
 * is read, as the host does in its own process, so that a breach of contract is told as one and not
 * as a crash. What slips through costs this process and no other.
 */
#include "base/err.h"
#include "host/check.h"
#include "session.h"

static void put_error(struct session *session, int32_t rc, const struct rh_error *error)
{
    rh_wire_put_outcome(&session->out, rc, error);
}

/* ---- Connections ----------------------------------------------------------------------------- */

static bool serve_connect(struct session *session, const struct rh_op *op, uint32_t type,
                          struct rh_wire_in *in)
{
    struct rh_error error = RH_ERROR_INIT;

    if (session->settings.fixed || !session_keep_settings(session, in))
        return false;
    put_error(session, session_connect(session, op, &error), &error);
    return true;
}

static bool serve_ping(struct session *session, const struct rh_op *op, uint32_t type,
                       struct rh_wire_in *in)
{
    struct rh_error error = RH_ERROR_INIT;

    put_error(session, session->served->connector->ping(session->conn, op, &error), &error);
    return rh_wire_is_done(in);
}

/* ---- Descriptions ---------------------------------------------------------------------------- */

static bool serve_tables(struct session *session, const struct rh_op *op, uint32_t type,
                         struct rh_wire_in *in)
{
    struct rh_catalog catalog = {.struct_size = sizeof(catalog)};
    struct rh_error error = RH_ERROR_INIT;
    int32_t rc = session->served->connector->tables(session->conn, op, &catalog, &error);

    if (rc == RH_OK)
        rc = rh_check_catalog(&catalog, &error);
    put_error(session, rc, &error);
    if (rc == RH_OK)
        rh_wire_put_catalog(&session->out, &catalog);
    return rh_wire_is_done(in);
}

static bool serve_plan(struct session *session, const struct rh_op *op, uint32_t type,
                       struct rh_wire_in *in)
{
    const struct rh_query *query = rh_wire_take_query(in);
    struct rh_error error = RH_ERROR_INIT;
    struct rh_plan plan = {.struct_size = sizeof(plan)};
    int32_t rc;

    if (!query || !session->served->connector->plan)
        return false;
    plan.verdicts = rh_arena_array(session->arena, query->n_conjuncts, sizeof(*plan.verdicts));
    plan.needs = rh_arena_array(session->arena, query->n_columns, sizeof(*plan.needs));
    if (!plan.verdicts || !plan.needs || !rh_wire_take_plan(in, &plan, query) ||
        !rh_wire_is_done(in))
        return false;
    rc = session->served->connector->plan(session->conn, query, &plan, &error);
    put_error(session, rc, &error);
    rh_wire_put_plan(&session->out, &plan, query);
    return true;
}

static bool serve_explain(struct session *session, const struct rh_op *op, uint32_t type,
                          struct rh_wire_in *in)
{
    const struct rh_query *query = rh_wire_take_query(in);
    struct rh_error error = RH_ERROR_INIT;
    struct rh_text native = {NULL, 0};
    int32_t rc;

    if (!query || !rh_wire_is_done(in))
        return false;
    rc = session->served->connector->explain(session->conn, op, query, &native, &error);
    put_error(session, rc, &error);
    if (rc == RH_OK) {
        native = rh_wire_text(&session->out, native);
        rh_wire_put(&session->out, &native, sizeof(native));
    }
    return true;
}

static bool serve_estimate(struct session *session, const struct rh_op *op, uint32_t type,
                           struct rh_wire_in *in)
{
    const struct rh_query *query = rh_wire_take_query(in);
    struct rh_error error = RH_ERROR_INIT;
    int64_t rows = -1;
    int32_t rc;

    if (!query || !rh_wire_is_done(in))
        return false;
    rc = session->served->connector->estimate(session->conn, op, query, &rows, &error);
    put_error(session, rc, &error);
    if (rc == RH_OK)
        rh_wire_put(&session->out, &rows, sizeof(rows));
    return true;
}

/* ---- The table ------------------------------------------------------------------------------- */

static serve_fn *const functions[RH_WIRE_N_TYPES] = {
    [RH_WIRE_CONNECT] = serve_connect,
    [RH_WIRE_PING] = serve_ping,
    [RH_WIRE_TABLES] = serve_tables,
    [RH_WIRE_PLAN] = serve_plan,
    [RH_WIRE_EXPLAIN] = serve_explain,
    [RH_WIRE_ESTIMATE] = serve_estimate,
    [RH_WIRE_OPEN] = serve_open,
    [RH_WIRE_NEXT] = serve_next,
    [RH_WIRE_INSERT] = serve_write,
    [RH_WIRE_UPDATE] = serve_write,
    [RH_WIRE_REMOVE] = serve_write,
    [RH_WIRE_UPSERT] = serve_write,
    [RH_WIRE_BEGIN] = serve_tx,
    [RH_WIRE_COMMIT] = serve_tx,
    [RH_WIRE_ROLLBACK] = serve_tx,
    [RH_WIRE_SAVEPOINT] = serve_tx,
    [RH_WIRE_ROLLBACK_TO] = serve_tx,
    [RH_WIRE_RELEASE] = serve_tx,
    [RH_WIRE_RUN] = serve_run,
    [RH_WIRE_APPLY] = serve_apply,
    [RH_WIRE_FEED_OPEN] = serve_feed_open,
    [RH_WIRE_FEED_NEXT] = serve_feed_next,
};

static bool opens_cursor(uint32_t type)
{
    return type == RH_WIRE_OPEN || type == RH_WIRE_RUN || type == RH_WIRE_FEED_OPEN;
}

static bool changes(uint32_t type)
{
    return (type >= RH_WIRE_INSERT && type <= RH_WIRE_UPSERT) || type == RH_WIRE_RUN ||
           type == RH_WIRE_APPLY;
}

/* In place of an answer that is too large, or that there was no memory for. */
static void put_failure(struct session *session, uint32_t type)
{
    struct rh_error error = RH_ERROR_INIT;
    int rc = changes(type) ? RH_UNKNOWN_OUTCOME : RH_RESOURCE;

    serve_finish(session);
    rh_wire_out_clear(&session->out);
    rh_fail(&error, rc, "the connector's answer is larger than %zu MiB, or memory was short",
            RH_WIRE_MAX_BYTES >> 20);
    put_error(session, rc, &error);
}

/* The operation, and a connection to do it on. False: malformed. *ret_rc: the outcome of
 * connecting anew, when that was needed. */
static bool prepare(struct session *session, uint32_t type, struct rh_arena *arena,
                    struct rh_wire_in *in, const struct rh_op **ret_op, int32_t *ret_rc)
{
    struct rh_error error = RH_ERROR_INIT;
    bool cancelled = false;

    *ret_op = type == RH_WIRE_PLAN ? session_op(session)
                                   : rh_wire_take_op(in, session->cancel_fd, arena, &cancelled);
    if (!*ret_op)
        return false;
    if (cancelled)
        session_fire(session);
    if (type == RH_WIRE_CONNECT || session->conn)
        return true;
    if (!session->settings.fixed)
        return false;
    *ret_rc = session_connect(session, *ret_op, &error);
    if (*ret_rc != RH_OK)
        put_error(session, *ret_rc, &error);
    return true;
}

bool serve(struct session *session, const struct rh_wire_header *header, struct rh_wire_in *in)
{
    uint32_t type = header->type;
    serve_fn *function = type < RH_WIRE_N_TYPES ? functions[type] : NULL;
    struct rh_arena *arena = session->arena;
    const struct rh_op *op = NULL;
    int32_t rc = RH_OK;

    if (type == (RH_WIRE_OPEN | RH_WIRE_ASSUMING))
        function = serve_open_assuming;
    if (!function)
        return false;
    if (opens_cursor(type & ~RH_WIRE_ASSUMING)) {
        if (session->cursor)
            return false;
        arena = session->cursor_arena;
        rh_arena_reset(arena);
    }
    if (!prepare(session, type, arena, in, &op, &rc))
        return false;
    if (rc == RH_OK && !function(session, op, type, in))
        return false;
    if (rh_wire_out_failed(&session->out))
        put_failure(session, type);
    return true;
}
