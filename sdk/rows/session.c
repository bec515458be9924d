/*
 * Sessions and their transactions.
 *
 *            begin                      commit, rollback
 *    PLAIN ─────────► IN TRANSACTION ───────────────────► PLAIN
 *                       │ savepoint ▲ release, rollback_to
 *                       └───────────┘ (nested, counted)
 *
 * While a transaction is open the lease is poisoned: a connection on which it could not be ended
 * is closed, never given to another request.
 */
#include "rows/session.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/text.h"
#include "host/check.h"

/* A rollback after the request's deadline gets this much, so that the connection can be kept. */
#define ROLLBACK_GRACE_US UINT64_C(1000000)
#define MAX_SAVEPOINTS 1000u

/* How much an outcome says about the connection. */
static int gravity(int outcome)
{
    switch (outcome) {
    case RH_OK:
    case RH_END:
        return 0;
    case RH_UNAVAILABLE:
    case RH_TIMEOUT:
    case RH_CANCELLED:
        return 2;
    case RH_PROTOCOL:
    case RH_UNKNOWN_OUTCOME:
    case RH_CONTRACT:
    case RH_INTERNAL:
        return 3;
    default:
        return 1;
    }
}

int rh_session_note(struct rh_session *session, int result)
{
    if (gravity(result) > gravity(session->outcome))
        session->outcome = result;
    return result;
}

/* What a call of the vtable came to. These calls have no END. */
static int ended(struct rh_session *session, int32_t rc, const char *function,
                 struct rh_error *error)
{
    int r = rh_check_outcome(rc, function, error);
    if (r == RH_END)
        r = rh_fail(error, RH_CONTRACT, "the connector's \"%s\" returned END", function);
    return rh_session_note(session, r);
}

int rh_session_open(struct rh_datasource *datasource, struct rh_operation *op,
                    struct rh_session *ret_session, struct rh_error *error)
{
    struct rh_session session = {.datasource = datasource, .op = op};
    op->abi.memory_budget = rh_datasource_budget(datasource)->memory_bytes;
    /* Before borrowing: reading the tables borrows a connection itself, maybe the only one. */
    int r = rh_datasource_tables(datasource, op, &session.tables, error);
    if (r)
        return r;
    r = rh_pool_borrow(rh_datasource_pool(datasource), op, &session.lease, error);
    if (r) {
        rh_tableset_unref(session.tables);
        return r;
    }
    session.connector = &session.lease.library->connector;
    *ret_session = session;
    return 0;
}

void rh_session_close(struct rh_session *session)
{
    if (!session->tables)
        return;
    if (session->in_transaction && gravity(session->outcome) < 2) {
        struct rh_error ignored = RH_ERROR_INIT;
        rh_session_rollback(session, &ignored);
    }
    rh_pool_return(&session->lease, session->outcome);
    rh_tableset_unref(session->tables);
    *session = (struct rh_session){0};
}

static int check_state(const struct rh_session *session, bool in_transaction,
                       struct rh_error *error)
{
    if (!session->connector->tx) {
        struct rh_text title = session->connector->title;
        rh_fail(error, RH_UNSUPPORTED, "%.*s has no transactions", RH_TEXT_ARG(title));
        return rh_error_code(error, "no-transactions");
    }
    if (session->in_transaction != in_transaction)
        return rh_fail(error, RH_INVALID,
                       in_transaction ? "there is no transaction"
                                      : "a transaction is open already");
    return 0;
}

int rh_session_begin(struct rh_session *session, uint32_t flags, struct rh_error *error)
{
    int r = check_state(session, false, error);
    if (r)
        return r;
    bool was_poisoned = session->lease.poisoned;
    session->lease.poisoned = true;
    r = session->connector->tx->begin(session->lease.conn, &session->op->abi, flags, error);
    r = ended(session, r, "begin", error);
    if (r) {
        /* A begin that was refused in so many words has changed nothing. */
        if (gravity(r) < 2)
            session->lease.poisoned = was_poisoned;
        return r;
    }
    session->in_transaction = true;
    session->n_savepoints = 0;
    return 0;
}

/* After a failed commit the transaction is over as far as the source says anything at all; what it
 * left is cleaned up by a rollback, and when that fails the connection is closed. */
int rh_session_commit(struct rh_session *session, struct rh_error *error)
{
    int r = check_state(session, true, error);
    if (r)
        return r;
    r = session->connector->tx->commit(session->lease.conn, &session->op->abi, error);
    r = ended(session, r, "commit", error);
    if (r) {
        if (gravity(r) < 2) {
            struct rh_error ignored = RH_ERROR_INIT;
            rh_session_rollback(session, &ignored);
        }
        return r;
    }
    session->in_transaction = false;
    session->lease.poisoned = false;
    return 0;
}

int rh_session_rollback(struct rh_session *session, struct rh_error *error)
{
    int r = check_state(session, true, error);
    if (r)
        return r;
    struct rh_op abi = session->op->abi;
    uint64_t grace = rh_clock_us() + ROLLBACK_GRACE_US;
    if (abi.deadline_us < grace)
        abi.deadline_us = grace;
    abi.cancel_fd = -1;
    session->in_transaction = false;
    r = session->connector->tx->rollback(session->lease.conn, &abi, error);
    r = ended(session, r, "rollback", error);
    if (!r)
        session->lease.poisoned = false;
    return r;
}

int rh_session_savepoint(struct rh_session *session, struct rh_error *error)
{
    int r = check_state(session, true, error);
    if (r)
        return r;
    if (session->n_savepoints >= MAX_SAVEPOINTS)
        return rh_fail(error, RH_INVALID, "savepoints are nested too deeply");
    r = session->connector->tx->savepoint(session->lease.conn, &session->op->abi,
                                          session->n_savepoints + 1, error);
    r = ended(session, r, "savepoint", error);
    if (!r)
        session->n_savepoints++;
    return r;
}

static int check_savepoint(const struct rh_session *session, struct rh_error *error)
{
    int r = check_state(session, true, error);
    if (!r && !session->n_savepoints)
        r = rh_fail(error, RH_INVALID, "there is no savepoint");
    return r;
}

int rh_session_release(struct rh_session *session, struct rh_error *error)
{
    int r = check_savepoint(session, error);
    if (r)
        return r;
    r = session->connector->tx->release(session->lease.conn, &session->op->abi,
                                        session->n_savepoints, error);
    r = ended(session, r, "release", error);
    if (!r)
        session->n_savepoints--;
    return r;
}

int rh_session_rollback_to(struct rh_session *session, struct rh_error *error)
{
    int r = check_savepoint(session, error);
    if (r)
        return r;
    r = session->connector->tx->rollback_to(session->lease.conn, &session->op->abi,
                                            session->n_savepoints, error);
    r = ended(session, r, "rollback_to", error);
    /* The savepoint is still there after going back to it. */
    return r ? r : rh_session_release(session, error);
}
