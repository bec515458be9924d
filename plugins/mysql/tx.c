/*
 * See tx.h. A deadlock ends the whole transaction at the server (rh_conn.tx_failed): what came after
 * it would be kept at once, so everything is refused until the host rolls back.
 */
#include "tx.h"

#include <stdio.h>

static int run(struct rh_conn *conn, const struct rh_op *op, const char *text,
               struct rh_error *error)
{
    int rc = rh_my_enter(conn, op, error);

    if (!rc && conn->tx_failed)
        rc = rh_fail(error, RH_CONFLICT, "the server has rolled the transaction back");
    if (!rc)
        rc = rh_my_command(conn, text, error);
    rh_my_leave(conn);
    return rc;
}

static int32_t begin(struct rh_conn *conn, const struct rh_op *op, uint32_t flags,
                     struct rh_error *error)
{
    bool read_only = (flags & RH_TX_READ_ONLY) || (op->flags & RH_OP_READ_ONLY);
    bool snapshot = (flags & RH_TX_SNAPSHOT) != 0;
    char text[96];
    int rc = rh_my_enter(conn, op, error);

    if (!rc && (flags & ~(RH_TX_READ_ONLY | RH_TX_SNAPSHOT)))
        rc = rh_fail(error, RH_UNSUPPORTED, "unknown flag of a transaction: %#x", flags);
    if (!rc && conn->in_tx)
        rc = rh_fail(error, RH_INVALID, "a transaction is open already");
    if (!rc && snapshot)
        rc = rh_my_command(conn, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", error);
    (void)snprintf(text, sizeof text, "START TRANSACTION%s%s%s",
                   snapshot ? " WITH CONSISTENT SNAPSHOT" : "", snapshot && read_only ? "," : "",
                   read_only ? " READ ONLY" : "");
    if (!rc)
        rc = rh_my_command(conn, text, error);
    if (!rc) {
        conn->in_tx = true;
        conn->tx_failed = false;
    }
    rh_my_leave(conn);
    return rc;
}

static int32_t commit(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    int rc = rh_my_enter(conn, op, error);

    if (rc)
        goto out;
    if (!conn->in_tx) {
        rc = rh_fail(error, RH_INVALID, "no transaction is open");
    } else if (conn->tx_failed) {
        (void)rh_my_command(conn, "ROLLBACK", NULL);
        rc = rh_fail(error, RH_INVALID, "the transaction has failed and was rolled back");
    } else {
        rc = rh_my_command(conn, "COMMIT", error);
        if (rc && conn->broken) {
            rh_error_clear(error);
            rc = rh_fail(error, RH_UNKNOWN_OUTCOME,
                         "the server did not confirm that the transaction was committed");
        }
    }
    if (!rc || conn->tx_failed)
        conn->in_tx = conn->tx_failed = false;
out:
    rh_my_leave(conn);
    return rc;
}

static int32_t rollback(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    int rc = rh_my_enter(conn, op, error);

    if (!rc && conn->in_tx)
        rc = rh_my_command(conn, "ROLLBACK", error);
    if (!rc)
        conn->in_tx = conn->tx_failed = false;
    rh_my_leave(conn);
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

const struct rh_tx rh_my_tx = {
    .struct_size = sizeof(struct rh_tx),
    .begin = begin,
    .commit = commit,
    .rollback = rollback,
    .savepoint = savepoint,
    .rollback_to = rollback_to,
    .release = release,
};
