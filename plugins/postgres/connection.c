/*
 * The life of a session, and waiting on it; see connection.h. Statements are in execute.c.
 */
#include "connection.h"

#include "read.h"
#include "write.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define REACH_MS 500          /* for a cancel request to get to the server */
#define INTERRUPT_US 1500000u /* for the server to fall idle, all in all */
#define ASK_AGAIN_US 100000u  /* from one cancel request to the next */

/* ---- waiting ---- */

static void clear_wake(struct rh_conn *conn)
{
    uint64_t count = 0;

    (void)!read(conn->wake_fd, &count, sizeof count);
}

/* RH_OK when the socket is ready, else CANCELLED or TIMEOUT. */
static int wait_socket(struct rh_conn *conn, const struct rh_op *op, short events,
                       bool *ret_readable, struct rh_error *error)
{
    for (;;) {
        struct pollfd fds[3] = {{.fd = PQsocket(conn->pg), .events = events},
                                {.fd = conn->wake_fd, .events = POLLIN},
                                {.fd = op->cancel_fd, .events = POLLIN}};
        uint64_t now = conn->host->now_us(conn->host);
        uint64_t left_ms = 0;
        int n = 0;

        if (atomic_load(&conn->state) == RH_PG_CANCELLED)
            return rh_fail(error, RH_CANCELLED, "the operation was cancelled");
        if (now >= op->deadline_us)
            return rh_fail(error, RH_TIMEOUT, "the server did not answer within the deadline");
        left_ms = (op->deadline_us - now + 999) / 1000;
        n = poll(fds, op->cancel_fd >= 0 ? 3 : 2, left_ms > 60000 ? 60000 : (int)left_ms);
        if (n < 0 && errno != EINTR)
            return rh_fail(error, RH_INTERNAL, "poll failed: %s", strerror(errno));
        if (n <= 0)
            continue;
        if (op->cancel_fd >= 0 && fds[2].revents)
            return rh_fail(error, RH_CANCELLED, "the operation was cancelled");
        if (fds[1].revents)
            clear_wake(conn); /* the state tells whether it was for this call */
        if (fds[0].revents) {
            *ret_readable = (fds[0].revents & ~POLLOUT) != 0;
            return RH_OK;
        }
    }
}

int rh_pg_lost(struct rh_conn *conn, struct rh_error *error)
{
    const char *message = PQerrorMessage(conn->pg);
    size_t n = strcspn(message, "\n");
    int rc = 0;

    conn->broken = true;
    rc = n ? rh_fail(error, RH_UNAVAILABLE, "the connection to the server was lost: %.*s", (int)n,
                     message)
           : rh_fail(error, RH_UNAVAILABLE, "the connection to the server was lost");
    if (error && rc == RH_UNAVAILABLE)
        error->retry = RH_RETRY_IF_IDEMPOTENT;
    return rc;
}

/* Until nothing is to be sent and, with `answer`, until a result can be taken without blocking. */
static int pump(struct rh_conn *conn, const struct rh_op *op, bool answer, struct rh_error *error)
{
    for (;;) {
        bool readable = false;
        int unsent = PQflush(conn->pg);
        int rc = RH_OK;

        if (unsent < 0)
            return rh_pg_lost(conn, error);
        if (answer ? !PQisBusy(conn->pg) : !unsent)
            return RH_OK;
        rc = wait_socket(conn, op, (short)(unsent ? POLLIN | POLLOUT : POLLIN), &readable, error);
        if (rc)
            return rc;
        if (readable && !PQconsumeInput(conn->pg))
            return rh_pg_lost(conn, error);
    }
}

bool rh_pg_await(struct rh_conn *conn, uint64_t us)
{
    struct rh_op op = {.deadline_us = conn->host->now_us(conn->host) + us, .cancel_fd = -1};

    return pump(conn, &op, true, NULL) == RH_OK;
}

int rh_pg_flush(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    int rc = pump(conn, op, false, error);

    if (rc)
        rh_pg_interrupt(conn);
    return rc;
}

int rh_pg_next_result(struct rh_conn *conn, const struct rh_op *op, PGresult **ret_result,
                      struct rh_error *error)
{
    int rc = pump(conn, op, true, error);

    if (rc) {
        rh_pg_interrupt(conn);
        return rc;
    }
    *ret_result = PQgetResult(conn->pg);
    if (PQstatus(conn->pg) == CONNECTION_BAD)
        conn->broken = true;
    return RH_OK;
}

/* ---- giving up ---- */

/* A sync would keep the statements that were sent: one that fails stands in front of it. */
static bool fence_pipeline(struct rh_conn *conn)
{
    if (PQpipelineStatus(conn->pg) == PQ_PIPELINE_OFF || conn->pipe_synced)
        return true;
    conn->pipe_synced = true;
    return PQsendQueryParams(conn->pg, "ROLLBACK AND", 0, NULL, NULL, NULL, NULL, 0) &&
           PQpipelineSync(conn->pg);
}

/* Reads and drops results until the session is idle. TIMEOUT: not yet, call again. */
static int drain(struct rh_conn *conn, uint64_t until_us)
{
    bool in_pipeline = PQpipelineStatus(conn->pg) != PQ_PIPELINE_OFF;
    struct rh_op op = {.deadline_us = until_us, .cancel_fd = -1};

    for (;;) {
        PGresult *result = NULL;
        ExecStatusType status = PGRES_COMMAND_OK;
        int rc = pump(conn, &op, true, NULL);
        if (rc)
            return rc;
        result = PQgetResult(conn->pg);
        if (!result) {
            if (!in_pipeline)
                return PQstatus(conn->pg) == CONNECTION_OK ? RH_OK : RH_UNAVAILABLE;
            continue;
        }
        status = PQresultStatus(result);
        if (status == PGRES_FATAL_ERROR)
            conn->ended_well = true;
        PQclear(result);
        if (PQstatus(conn->pg) != CONNECTION_OK || status == PGRES_COPY_OUT ||
            status == PGRES_COPY_BOTH)
            return RH_UNAVAILABLE;
        if (status == PGRES_COPY_IN && PQputCopyEnd(conn->pg, "cancelled") < 0)
            return RH_UNAVAILABLE;
        if (status == PGRES_PIPELINE_SYNC && PQexitPipelineMode(conn->pg))
            return RH_OK;
    }
}

/* A server drops a request that finds it between two statements of a pipeline (ProcessInterrupts
 * while a command is being read), and statements may catch one: it is asked again until it is idle.
 * No request is on its way any more when this returns true. */
static bool stop_server(struct rh_conn *conn)
{
    uint64_t now_us = conn->host->now_us(conn->host), until_us = now_us + INTERRUPT_US;
    int rc = fence_pipeline(conn) ? RH_TIMEOUT : RH_UNAVAILABLE;

    while (rc == RH_TIMEOUT && now_us < until_us) {
        if (!rh_pg_cancel_send(&conn->cancel, REACH_MS))
            return false;
        now_us = conn->host->now_us(conn->host);
        rc = drain(conn, now_us + ASK_AGAIN_US);
    }
    return rc == RH_OK;
}

void rh_pg_interrupt(struct rh_conn *conn)
{
    /* Draining must be able to wait, and what the call does afterwards (rolling back), too: a
     * cancellation counts once. */
    bool running = atomic_exchange(&conn->state, RH_PG_IDLE) != RH_PG_IDLE;

    conn->ended_well = false;
    if (!conn->broken) {
        conn->broken = true;
        conn->broken = !stop_server(conn);
    }
    atomic_store(&conn->state, running ? RH_PG_RUNNING : RH_PG_IDLE);
}

/* ---- calls ---- */

/* A server that went away while nothing was asked has closed the socket: found out here, where
 * nothing has been sent and any operation may be tried again elsewhere. */
static bool has_hung_up(struct rh_conn *conn)
{
    struct pollfd poller = {.fd = PQsocket(conn->pg), .events = POLLIN};

    if (conn->cursor || PQtransactionStatus(conn->pg) == PQTRANS_ACTIVE)
        return false;
    /* Its last words first, the end of the stream then. */
    while (poll(&poller, 1, 0) > 0) {
        if (!PQconsumeInput(conn->pg) || PQstatus(conn->pg) != CONNECTION_OK)
            return true;
    }
    return false;
}

static int fail_dead(struct rh_error *error)
{
    rh_fail(error, RH_UNAVAILABLE, "the connection to the server was lost");
    if (error)
        error->retry = RH_RETRY_SAFE;
    return RH_UNAVAILABLE;
}

int rh_pg_enter_cursor(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    atomic_store(&conn->state, RH_PG_RUNNING);
    return conn->broken ? fail_dead(error) : rh_kit_check(conn->host, op, error);
}

int rh_pg_enter(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    int rc = rh_pg_enter_cursor(conn, op, error);

    if (rc)
        return rc;
    rc = rh_pg_settle(conn, op, error);
    if (rc == RH_UNAVAILABLE && error)
        error->retry = RH_RETRY_SAFE; /* nothing of this call has been sent */
    if (!rc && has_hung_up(conn)) {
        conn->broken = true;
        rc = fail_dead(error);
    }
    return rc;
}

void rh_pg_leave(struct rh_conn *conn)
{
    if (atomic_exchange(&conn->state, RH_PG_IDLE) == RH_PG_CANCELLED)
        clear_wake(conn);
}

void rh_pg_cancel(struct rh_conn *conn)
{
    int running = RH_PG_RUNNING;
    uint64_t one = 1;

    if (atomic_compare_exchange_strong(&conn->state, &running, RH_PG_CANCELLED))
        (void)!write(conn->wake_fd, &one, sizeof one);
}

/* ---- connecting ---- */

static void drop_notice(void *context, const PGresult *result)
{
    (void)context, (void)result; /* libpq's own would write to stderr */
}

static int poll_connect(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    PostgresPollingStatusType status = PGRES_POLLING_WRITING;

    while (status != PGRES_POLLING_OK) {
        bool readable = false;
        int rc = wait_socket(conn, op, status == PGRES_POLLING_READING ? POLLIN : POLLOUT,
                             &readable, error);
        if (rc) {
            if (rc == RH_TIMEOUT && error) {
                /* Still a timeout: the host knows whose, the operation's or that of connecting. */
                rh_error_clear(error);
                rc = rh_fail(error, RH_TIMEOUT,
                             "the server at \"%s\" did not answer within the deadline",
                             PQhost(conn->pg) ? PQhost(conn->pg) : "");
                error->retry = RH_RETRY_SAFE;
            }
            return rc;
        }
        status = PQconnectPoll(conn->pg);
        if (status == PGRES_POLLING_FAILED)
            return rh_pg_fail_connect(conn->pg, error);
    }
    return RH_OK;
}

/* What the connector relies on, whatever the server's or role's defaults are. */
static void add_settings(const struct rh_conn *conn, struct rh_buf *text)
{
    rh_buf_add_str(text, "SET client_encoding='UTF8';SET TimeZone='UTC';SET DateStyle='ISO,YMD';"
                         "SET IntervalStyle='iso_8601';SET extra_float_digits=3;"
                         "SET bytea_output='hex';SET standard_conforming_strings=on;"
                         "SET xmloption=content;SET cursor_tuple_fraction=1;");
    rh_buf_addf(text, "SET statement_timeout=%lld", (long long)conn->statement_timeout_ms);
}

static int apply_settings(struct rh_conn *conn, const struct rh_op *op, const char *before,
                          struct rh_error *error)
{
    struct rh_buf text;
    int rc = RH_OK;

    rh_buf_init(&text, 4096);
    rh_buf_add_str(&text, before);
    add_settings(conn, &text);
    rh_buf_add_char(&text, '\0');
    rc = text.failed ? rh_fail_nomem(error) : rh_pg_command(conn, op, text.data, error);
    rh_buf_free(&text);
    /* Ends work for a client that went away. Not on every platform, so its answer is not waited
     * for, and may be an error. */
    if (!rc && PQserverVersion(conn->pg) >= 140000) {
        if (!PQsendQuery(conn->pg, "SET client_connection_check_interval='2s'"))
            return rh_pg_lost(conn, error);
        conn->owed = true;
    }
    return rc;
}

static void learn_encoding(struct rh_conn *conn)
{
    const char *encoding = PQparameterStatus(conn->pg, "server_encoding");

    conn->utf8 = encoding && strcmp(encoding, "UTF8") == 0;
    conn->code_point_order = conn->utf8 || (encoding && strcmp(encoding, "LATIN1") == 0);
}

static int start(struct rh_conn *conn, const struct rh_op *op, const struct rh_pg_config *config,
                 struct rh_error *error)
{
    char *trace = NULL;
    size_t trace_len = 0;
    FILE *stream = NULL;
    int rc = RH_OK;

    conn->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (conn->wake_fd < 0)
        return rh_fail(error, RH_RESOURCE, "no file descriptor is left");
    conn->pg = PQconnectStartParams(config->keywords, config->values, 0);
    stream = open_memstream(&trace, &trace_len);
    if (!conn->pg || !stream) {
        rc = rh_fail_nomem(error);
        goto out;
    }
    (void)PQsetNoticeReceiver(conn->pg, drop_notice, NULL);
    (void)PQsetErrorVerbosity(conn->pg, PQERRORS_VERBOSE); /* rh_pg_fail_connect needs it */
    if (PQstatus(conn->pg) == CONNECTION_BAD) {
        rc = rh_pg_fail_connect(conn->pg, error);
        goto out;
    }
    PQtrace(conn->pg, stream);
    PQsetTraceFlags(conn->pg, PQTRACE_SUPPRESS_TIMESTAMPS);
    rc = poll_connect(conn, op, error);
    PQuntrace(conn->pg);
    if (rc)
        goto out;
    (void)fflush(stream);
    rh_pg_cancel_learn(&conn->cancel, conn->pg, trace);
    if (PQsetnonblocking(conn->pg, 1))
        rc = rh_pg_lost(conn, error);
    else
        rc = apply_settings(conn, op, "", error);
    learn_encoding(conn);
out:
    if (stream)
        (void)fclose(stream);
    if (trace)
        explicit_bzero(trace, trace_len); /* the password went through it */
    free(trace);
    return rc;
}

int rh_pg_connect(const struct rh_host *host, const struct rh_op *op,
                  const struct rh_settings *settings, struct rh_conn **ret_conn,
                  struct rh_error *error)
{
    struct rh_pg_config config;
    struct rh_conn *conn = NULL;
    int rc = rh_pg_config_load(settings, &config, error);

    if (rc)
        goto out;
    conn = calloc(1, sizeof *conn);
    if (!conn) {
        rc = rh_fail_nomem(error);
        goto out;
    }
    conn->host = host;
    conn->wake_fd = -1;
    conn->statement_timeout_ms = config.statement_timeout_ms;
    conn->schemas = config.schemas;
    config.schemas = NULL;
    rh_pg_params_init(&conn->params);
    rh_sql_init(&conn->sql, NULL, NULL);
    rc = rh_kit_check(host, op, error);
    if (!rc)
        rc = start(conn, op, &config, error);
    if (!rc) {
        *ret_conn = conn;
        conn = NULL;
    }
out:
    rh_pg_close(conn);
    rh_pg_config_fini(&config);
    return rc;
}

void rh_pg_close(struct rh_conn *conn)
{
    if (!conn)
        return;
    if (conn->cursor) {
        conn->broken = true; /* no last words */
        rh_pg_cursor_free(conn->cursor);
    }
    rh_pg_returned_free(conn);
    PQfinish(conn->pg);
    if (conn->wake_fd >= 0)
        (void)close(conn->wake_fd);
    rh_pg_statements_free(&conn->statements);
    rh_pg_params_fini(&conn->params);
    rh_sql_fini(&conn->sql);
    free(conn->schemas);
    free(conn);
}

int rh_pg_ping(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    int rc = rh_pg_enter(conn, op, error);

    if (!rc)
        rc = rh_pg_command(conn, op, "", error);
    rh_pg_leave(conn);
    return rc;
}

int rh_pg_reset(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    int rc = RH_OK;

    rh_pg_returned_free(conn);
    if (!conn->broken && !conn->dirty && !conn->owed && !conn->cursor &&
        PQtransactionStatus(conn->pg) == PQTRANS_IDLE)
        return RH_OK; /* nothing was left behind; whether the server is there is asked on use */
    rc = rh_pg_enter(conn, op, error);
    if (!rc && PQtransactionStatus(conn->pg) != PQTRANS_IDLE)
        rc = rh_pg_command(conn, op, "ROLLBACK", error);
    if (!rc && conn->dirty) {
        rc = apply_settings(conn, op,
                            "CLOSE ALL;SET SESSION AUTHORIZATION DEFAULT;RESET ALL;UNLISTEN *;"
                            "SELECT pg_advisory_unlock_all();DISCARD SEQUENCES;DISCARD TEMP;"
                            "DEALLOCATE ALL;",
                            error);
        rh_pg_statements_forget(&conn->statements);
        conn->dirty = rc != RH_OK;
    }
    if (rc)
        conn->broken = true;
    rh_pg_leave(conn);
    return rc;
}
