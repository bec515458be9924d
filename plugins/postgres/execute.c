/*
 * Statements and pipelines on a session; see connection.h.
 */
#include "connection.h"

#include "read.h"

#include <stdlib.h>
#include <string.h>

#define UNDO_US 2000000u /* for undoing, beyond the deadline that may have made it necessary */

int rh_pg_check(const PGresult *result, struct rh_error *error)
{
    switch (PQresultStatus(result)) {
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
    case PGRES_EMPTY_QUERY:
        return RH_OK;
    default:
        return rh_pg_fail_result(result, error);
    }
}

int rh_pg_finish_statement(struct rh_conn *conn, const struct rh_op *op, PGresult **ret_result,
                           struct rh_error *error)
{
    PGresult *kept = NULL;
    int rc = RH_OK, failure = RH_OK;

    for (;;) {
        PGresult *result = NULL;
        ExecStatusType status = PGRES_EMPTY_QUERY;
        rc = rh_pg_next_result(conn, op, &result, error);
        if (rc || !result)
            break;
        status = PQresultStatus(result);
        if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH) {
            PQclear(result);
            rh_pg_interrupt(conn);
            rc = rh_fail(error, RH_UNSUPPORTED, "COPY cannot be used here");
            break;
        }
        if (!failure)
            failure = rh_pg_check(result, error);
        PQclear(kept);
        kept = result;
    }
    if (!rc && !kept && !failure)
        failure = conn->broken ? rh_pg_lost(conn, error)
                               : rh_fail(error, RH_PROTOCOL, "the server sent no answer");
    if (conn->broken && failure == RH_UNAVAILABLE && error)
        error->retry = RH_RETRY_IF_IDEMPOTENT;
    rc = rc ? rc : failure;
    if (!rc && ret_result) {
        *ret_result = kept;
        kept = NULL;
    }
    PQclear(kept);
    return rc;
}

static const struct rh_pg_params no_params;

int rh_pg_run(struct rh_conn *conn, const struct rh_op *op, const char *text,
              const struct rh_pg_params *params, int format, PGresult **ret_result,
              struct rh_error *error)
{
    const struct rh_pg_params *p = params ? params : &no_params;

    if (!PQsendQueryParams(conn->pg, text, p->n, p->oids, p->values, p->lengths, p->formats,
                           format))
        return rh_pg_lost(conn, error);
    return rh_pg_finish_statement(conn, op, ret_result, error);
}

int rh_pg_command(struct rh_conn *conn, const struct rh_op *op, const char *text,
                  struct rh_error *error)
{
    if (!PQsendQuery(conn->pg, text))
        return rh_pg_lost(conn, error);
    return rh_pg_finish_statement(conn, op, NULL, error);
}

static int prepare_slot(struct rh_conn *conn, const struct rh_op *op, const char *text,
                        const struct rh_pg_params *params, struct rh_pg_statement *slot,
                        const char *name, struct rh_error *error)
{
    int rc = RH_OK;

    if (slot->occupied) {
        char command[32 + RH_PG_STATEMENT_NAME_SIZE] = "DEALLOCATE ";
        memcpy(command + 11, name, RH_PG_STATEMENT_NAME_SIZE);
        slot->occupied = false; /* also when the server has forgotten it meanwhile */
        rc = rh_pg_command(conn, op, command, error);
        if (rc)
            return rc;
    }
    if (!PQsendPrepare(conn->pg, name, text, params->n, params->oids))
        return rh_pg_lost(conn, error);
    rc = rh_pg_finish_statement(conn, op, NULL, error);
    slot->prepared = slot->occupied = rc == RH_OK;
    return rc;
}

/* A statement that cannot be prepared must not end the host's transaction. */
static int prepare_nested(struct rh_conn *conn, const struct rh_op *op, const char *text,
                          const struct rh_pg_params *params, struct rh_pg_statement *slot,
                          const char *name, struct rh_error *error)
{
    struct rh_op last = {.cancel_fd = -1};
    int rc = rh_pg_command(conn, op, "SAVEPOINT rh_prepare", error);

    if (rc)
        return rc;
    rc = prepare_slot(conn, op, text, params, slot, name, error);
    if (!rc)
        return rh_pg_command(conn, op, "RELEASE SAVEPOINT rh_prepare", error);
    last.deadline_us = conn->host->now_us(conn->host) + UNDO_US;
    if (!conn->broken)
        (void)rh_pg_command(conn, &last,
                            "ROLLBACK TO SAVEPOINT rh_prepare;RELEASE SAVEPOINT rh_prepare", NULL);
    return rc;
}

int rh_pg_prepare(struct rh_conn *conn, const struct rh_op *op, const char *text,
                  const struct rh_pg_params *params, bool force,
                  char ret_name[RH_PG_STATEMENT_NAME_SIZE], struct rh_error *error)
{
    struct rh_pg_statement *slot = NULL;
    bool seen = false;
    int at = rh_pg_statements_find(&conn->statements, text, params, &seen);

    ret_name[0] = '\0';
    if (at < 0 || (!seen && !force))
        return RH_OK;
    slot = &conn->statements.slots[at];
    rh_pg_statement_name(at, ret_name);
    if (slot->prepared)
        return RH_OK;
    if (PQtransactionStatus(conn->pg) == PQTRANS_INTRANS)
        return prepare_nested(conn, op, text, params, slot, ret_name, error);
    return prepare_slot(conn, op, text, params, slot, ret_name, error);
}

bool rh_pg_expire_stale(struct rh_conn *conn, const char *name, const struct rh_error *error)
{
    bool gone = strcmp(error->sqlstate, "26000") == 0;

    if (!gone && (strcmp(error->sqlstate, "0A000") != 0 || !strstr(error->message, "cached plan")))
        return false;
    rh_pg_statement_expire(&conn->statements, name, gone);
    return true;
}

int rh_pg_run_prepared(struct rh_conn *conn, const struct rh_op *op, const char *text,
                       const struct rh_pg_params *params, PGresult **ret_result,
                       struct rh_error *error)
{
    char name[RH_PG_STATEMENT_NAME_SIZE];
    struct rh_error first = RH_ERROR_INIT;
    int rc = rh_pg_prepare(conn, op, text, params, false, name, error);

    if (rc)
        return rc;
    if (!*name)
        return rh_pg_run(conn, op, text, params, 1, ret_result, error);
    if (!PQsendQueryPrepared(conn->pg, name, params->n, params->values, params->lengths,
                             params->formats, 1))
        return rh_pg_lost(conn, error);
    rc = rh_pg_finish_statement(conn, op, ret_result, &first);
    if (rc && rh_pg_expire_stale(conn, name, &first) &&
        PQtransactionStatus(conn->pg) == PQTRANS_IDLE)
        return rh_pg_run(conn, op, text, params, 1, ret_result, error);
    if (rc && error && !error->error_class)
        *error = first;
    return rc;
}

/* ---- rest ---- */

int rh_pg_settle(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    if (conn->cursor) {
        int rc = rh_pg_cursor_settle(conn->cursor, op, error);
        if (rc)
            return rc;
    }
    if (!conn->owed)
        return RH_OK;
    conn->owed = false;
    for (;;) {
        PGresult *result = NULL;
        int rc = rh_pg_next_result(conn, op, &result, error);
        if (rc)
            return rc;
        if (!result)
            break;
        PQclear(result);
    }
    return conn->broken ? rh_pg_lost(conn, error) : RH_OK;
}

/* ---- pipelines ---- */

int rh_pg_pipe_begin(struct rh_conn *conn, struct rh_error *error)
{
    conn->pipe_synced = false;
    return PQenterPipelineMode(conn->pg) ? RH_OK : rh_pg_lost(conn, error);
}

int rh_pg_pipe_send(struct rh_conn *conn, const char *name, const char *text,
                    const struct rh_pg_params *params, struct rh_error *error)
{
    const struct rh_pg_params *p = params ? params : &no_params;
    int sent = 0;

    if (name && *name)
        sent = PQsendQueryPrepared(conn->pg, name, p->n, p->values, p->lengths, p->formats, 1);
    else
        sent =
            PQsendQueryParams(conn->pg, text, p->n, p->oids, p->values, p->lengths, p->formats, 1);
    return sent ? RH_OK : rh_pg_lost(conn, error);
}

int rh_pg_pipe_sync(struct rh_conn *conn, struct rh_error *error)
{
    conn->pipe_synced = true;
    return PQpipelineSync(conn->pg) ? RH_OK : rh_pg_lost(conn, error);
}

void rh_pg_pipe_abandon(struct rh_conn *conn, const struct rh_op *op)
{
    struct rh_error ignored = RH_ERROR_INIT;

    if (conn->broken || PQpipelineStatus(conn->pg) == PQ_PIPELINE_OFF)
        return;
    (void)rh_pg_pipe_send(conn, NULL, "ROLLBACK AND", NULL, &ignored); /* an error: no such text */
    (void)rh_pg_pipe_sync(conn, &ignored);
    (void)rh_pg_pipe_end(conn, op, &ignored);
}

/* In a pipeline each statement's results end with NULL; a statement of ours has exactly one. */
int rh_pg_pipe_result(struct rh_conn *conn, const struct rh_op *op, PGresult **ret_result,
                      struct rh_error *error)
{
    PGresult *result = NULL, *end = NULL;
    int rc = rh_pg_next_result(conn, op, &result, error);

    if (rc)
        return rc;
    if (!result)
        return rh_pg_lost(conn, error);
    rc = rh_pg_check(result, error);
    if (!rc)
        rc = rh_pg_next_result(conn, op, &end, error);
    PQclear(end);
    if (!rc && ret_result) {
        *ret_result = result;
        result = NULL;
    }
    PQclear(result);
    return rc;
}

int rh_pg_pipe_end(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    int failure = RH_OK;

    while (!conn->broken && PQpipelineStatus(conn->pg) != PQ_PIPELINE_OFF) {
        PGresult *result = NULL;
        ExecStatusType status = PGRES_EMPTY_QUERY;
        int rc = rh_pg_next_result(conn, op, &result, error);
        if (rc)
            return rc;
        if (!result)
            continue;
        status = PQresultStatus(result);
        if (!failure && status != PGRES_PIPELINE_SYNC && status != PGRES_PIPELINE_ABORTED)
            failure = rh_pg_check(result, error);
        PQclear(result);
        if (status == PGRES_PIPELINE_SYNC && !PQexitPipelineMode(conn->pg))
            return rh_pg_lost(conn, error);
    }
    if (conn->broken)
        return failure ? failure : rh_pg_lost(conn, error);
    return failure;
}
