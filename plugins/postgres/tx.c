/*
 * See tx.h. libpq knows whether a transaction is open and whether it has failed, so nothing is kept
 * here.
 */
#include "tx.h"

#include <stdio.h>
#include <string.h>

static int run(struct rh_conn *conn, const struct rh_op *op, const char *text,
               struct rh_error *error)
{
    int rc = rh_pg_enter(conn, op, error);

    if (!rc)
        rc = rh_pg_command(conn, op, text, error);
    rh_pg_leave(conn);
    return rc;
}

static int32_t begin(struct rh_conn *conn, const struct rh_op *op, uint32_t flags,
                     struct rh_error *error)
{
    bool read_only = (flags & RH_TX_READ_ONLY) || (op->flags & RH_OP_READ_ONLY);
    bool snapshot = (flags & RH_TX_SNAPSHOT) != 0;
    const char *text = NULL;
    int rc = rh_pg_enter(conn, op, error);

    if (flags & ~(RH_TX_READ_ONLY | RH_TX_SNAPSHOT))
        rc = rh_fail(error, RH_UNSUPPORTED, "unknown flag of a transaction: %#x", flags);
    if (!rc && PQtransactionStatus(conn->pg) != PQTRANS_IDLE)
        rc = rh_fail(error, RH_INVALID, "a transaction is open already");
    if (read_only)
        text = snapshot ? "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY" : "BEGIN READ ONLY";
    else
        text = snapshot ? "BEGIN ISOLATION LEVEL REPEATABLE READ" : "BEGIN";
    if (!rc)
        rc = rh_pg_command(conn, op, text, error);
    rh_pg_leave(conn);
    return rc;
}

/* The answer to COMMIT is "ROLLBACK" when the transaction had failed. */
static int32_t commit(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    int rc = rh_pg_enter(conn, op, error);

    if (rc)
        goto out;
    if (PQtransactionStatus(conn->pg) == PQTRANS_IDLE) {
        rc = rh_fail(error, RH_INVALID, "no transaction is open");
    } else if (PQtransactionStatus(conn->pg) == PQTRANS_INERROR) {
        (void)rh_pg_command(conn, op, "ROLLBACK", NULL);
        rc = rh_fail(error, RH_INVALID, "the transaction has failed and was rolled back");
    } else {
        rc = rh_pg_command(conn, op, "COMMIT", error);
        if (rc && (conn->broken || !conn->ended_well) &&
            (rc == RH_UNAVAILABLE || rc == RH_TIMEOUT || rc == RH_CANCELLED)) {
            conn->broken = true;
            rh_error_clear(error);
            rc = rh_fail(error, RH_UNKNOWN_OUTCOME,
                         "the server did not confirm that the transaction was committed");
        }
    }
out:
    rh_pg_leave(conn);
    return rc;
}

static int32_t rollback(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    int rc = rh_pg_enter(conn, op, error);

    if (!rc && PQtransactionStatus(conn->pg) != PQTRANS_IDLE)
        rc = rh_pg_command(conn, op, "ROLLBACK", error);
    rh_pg_leave(conn);
    return rc;
}

static int32_t savepoint(struct rh_conn *conn, const struct rh_op *op, uint32_t number,
                         struct rh_error *error)
{
    char text[64];

    (void)snprintf(text, sizeof text, "SAVEPOINT rh_%u", number);
    return run(conn, op, text, error);
}

static int32_t rollback_to(struct rh_conn *conn, const struct rh_op *op, uint32_t number,
                           struct rh_error *error)
{
    char text[64];

    (void)snprintf(text, sizeof text, "ROLLBACK TO SAVEPOINT rh_%u", number);
    return run(conn, op, text, error);
}

static int32_t release(struct rh_conn *conn, const struct rh_op *op, uint32_t number,
                       struct rh_error *error)
{
    char text[64];

    (void)snprintf(text, sizeof text, "RELEASE SAVEPOINT rh_%u", number);
    return run(conn, op, text, error);
}

const struct rh_tx rh_pg_tx = {
    .struct_size = sizeof(struct rh_tx),
    .begin = begin,
    .commit = commit,
    .rollback = rollback,
    .savepoint = savepoint,
    .rollback_to = rollback_to,
    .release = release,
};
