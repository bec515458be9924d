/*
 * Transactions, where the server has them: a replica set or a sharded cluster. All commands of the
 * connection are in its one session, and so in the transaction. There are no savepoints.
 */
#include "mongodb.h"

#include <string.h>

/* A server on its own has sessions, and takes the start of a transaction without a word. */
static int check_server(struct rh_conn *conn, struct rh_error *error)
{
    bson_error_t failure = {0};
    mongoc_server_description_t *server =
        mongoc_client_select_server(conn->client, true, NULL, &failure);
    bool alone;

    if (!server)
        return rh_mongodb_fail(conn, &failure, false, "cannot begin a transaction", error);
    alone = strcmp(mongoc_server_description_type(server), "Standalone") == 0;
    mongoc_server_description_destroy(server);
    if (!alone && conn->session)
        return RH_OK;
    rh_fail(error, RH_UNSUPPORTED, "this server has no transactions");
    return rh_error_hint(error, "a replica set or a sharded cluster has them; or write with "
                                "\"atomic\": false");
}

static int32_t begin(struct rh_conn *conn, const struct rh_op *op, uint32_t flags,
                     struct rh_error *error)
{
    mongoc_read_concern_t *concern = mongoc_read_concern_new();
    mongoc_transaction_opt_t *options = mongoc_transaction_opts_new();
    bson_error_t failure = {0};
    int rc = conn->in_tx ? rh_fail(error, RH_INVALID, "there is a transaction already") : RH_OK;

    if (rc == RH_OK)
        rc = rh_mongodb_begin(conn, op, error);
    if (rc)
        goto out;
    mongoc_read_concern_set_level(concern, MONGOC_READ_CONCERN_LEVEL_SNAPSHOT);
    if (flags & RH_TX_SNAPSHOT)
        mongoc_transaction_opts_set_read_concern(options, concern);
    rc = check_server(conn, error);
    if (rc == RH_OK && !mongoc_client_session_start_transaction(conn->session, options, &failure))
        rc = rh_mongodb_fail(conn, &failure, false, "cannot begin a transaction", error);
    conn->in_tx = rc == RH_OK;
    conn->tx_read_only = rc == RH_OK && flags & RH_TX_READ_ONLY;
    rh_mongodb_end(conn);
out:
    mongoc_transaction_opts_destroy(options);
    mongoc_read_concern_destroy(concern);
    return rc;
}

static int32_t finish(struct rh_conn *conn, const struct rh_op *op, bool commit,
                      struct rh_error *error)
{
    bson_error_t failure = {0};
    bson_t reply = BSON_INITIALIZER;
    bool done, unsure;
    int rc = conn->in_tx ? RH_OK : rh_fail(error, RH_INVALID, "there is no transaction");

    if (rc == RH_OK && conn->cursor)
        rc = rh_fail(error, RH_INVALID, "the connection has an open cursor");
    if (rc == RH_OK)
        rc = rh_mongodb_begin(conn, op, error);
    if (rc)
        return rc;
    if (commit)
        bson_destroy(&reply);
    done = commit ? mongoc_client_session_commit_transaction(conn->session, &reply, &failure)
                  : mongoc_client_session_abort_transaction(conn->session, &failure);
    unsure = commit && mongoc_error_has_label(&reply, "UnknownTransactionCommitResult");
    bson_destroy(&reply);
    conn->in_tx = false;
    conn->tx_read_only = false;
    if (!done && unsure)
        rc = rh_fail(error, RH_UNKNOWN_OUTCOME,
                     "whether the transaction was committed is not known: %s", failure.message);
    else if (!done)
        rc = rh_mongodb_fail(conn, &failure, commit, "cannot end the transaction", error);
    rh_mongodb_end(conn);
    return rc;
}

static int32_t commit(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    return finish(conn, op, true, error);
}

static int32_t rollback(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    return finish(conn, op, false, error);
}

const struct rh_tx rh_mongodb_tx = {
    .struct_size = sizeof(rh_mongodb_tx),
    .begin = begin,
    .commit = commit,
    .rollback = rollback,
};
