/*
 * A session: one connection of a datasource, borrowed for one operation, with the tables as they
 * were at its start. All reads and writes go through a session; several of them on one session may
 * share a transaction. One thread at a time.
 */
#pragma once

#include "rows/datasource.h"

struct rh_session {
    struct rh_datasource *datasource;
    struct rh_operation *op;
    struct rh_tableset *tables;
    struct rh_lease lease;
    const struct rh_connector *connector; /* the vtable; calls take lease.conn */
    bool in_transaction;
    uint32_t n_savepoints;
    bool assuming; /* who plans now opens next, and plans again when `open` says RH_PLAN_CHANGED */
    int outcome;   /* worst class so far: decides whether the connection can be used again */
};

/* Borrows a connection and gives the operation the datasource's memory budget. datasource and op
 * must outlive the session. */
int rh_session_open(struct rh_datasource *datasource, struct rh_operation *op,
                    struct rh_session *ret_session, struct rh_error *error);
/* Rolls back an open transaction and returns the connection. */
void rh_session_close(struct rh_session *session);

/* flags: RH_TX_*. UNSUPPORTED when the connector has no transactions. */
int rh_session_begin(struct rh_session *session, uint32_t flags, struct rh_error *error);
int rh_session_commit(struct rh_session *session, struct rh_error *error);
int rh_session_rollback(struct rh_session *session, struct rh_error *error);
/* Nested: a savepoint, released or rolled back to. */
int rh_session_savepoint(struct rh_session *session, struct rh_error *error);
int rh_session_release(struct rh_session *session, struct rh_error *error);
int rh_session_rollback_to(struct rh_session *session, struct rh_error *error);
/* To be called with the result of every vtable call: keeps `outcome`. Returns result. */
int rh_session_note(struct rh_session *session, int result);
