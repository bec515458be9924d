/*
 * The life of a session; see connection.h. Waiting is in wait.c, statements are in statements.c.
 */
#include "connection.h"

#include "bulk.h"
#include "read.h"
#include "returned.h"
#include "wait.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define CALM_US 500000u

/* ---- failing ---- */

int rh_my_check(const struct rh_conn *conn, struct rh_error *error)
{
    if (conn->interrupted == RH_CANCELLED)
        return rh_fail(error, RH_CANCELLED, "the operation was cancelled");
    if (conn->interrupted)
        return rh_fail(error, RH_TIMEOUT, "the server did not answer within the deadline");
    return RH_OK;
}

int rh_my_fail(struct rh_conn *conn, MYSQL_STMT *stmt, struct rh_error *error)
{
    unsigned code = stmt ? mysql_stmt_errno(stmt) : mysql_errno(conn->my);
    const char *state = stmt ? mysql_stmt_sqlstate(stmt) : mysql_sqlstate(conn->my);
    const char *message = stmt ? mysql_stmt_error(stmt) : mysql_error(conn->my);
    int rc = RH_OK;

    if (!code) {
        code = mysql_errno(conn->my);
        state = mysql_sqlstate(conn->my);
        message = mysql_error(conn->my);
    }
    if (code == 1213 || code == 1614) /* takes the whole transaction with it */
        conn->tx_failed = conn->in_tx;
    if (code == 1317 && conn->killed)
        conn->killed = false;
    if (rh_my_is_client_code(code) && code != CR_STMT_CLOSED && code != CR_OUT_OF_MEMORY)
        conn->broken = true;
    rc = rh_my_check(conn, error);
    if (!rc && conn->broken && conn->connected) {
        rc = rh_fail(error, RH_UNAVAILABLE, "the connection to the server was lost: %s", message);
        if (error && rc == RH_UNAVAILABLE) {
            error->retry = RH_RETRY_IF_IDEMPOTENT;
            error->native_code = code;
        }
        return rc;
    }
    if (!rc)
        return rh_my_fail_code(code, state, message, error);
    if (error && !rh_my_is_client_code(code)) { /* the server has ended it, so nothing was kept */
        error->native_code = code;
        (void)snprintf(error->sqlstate, sizeof error->sqlstate, "%.5s", state);
    }
    return rc;
}

int rh_my_command(struct rh_conn *conn, const char *text, struct rh_error *error)
{
    MYSQL_RES *result = NULL;
    int rc = rh_my_check(conn, error);

    if (rc)
        return rc;
    if (mysql_real_query(conn->my, text, strlen(text)))
        return rh_my_fail(conn, NULL, error);
    result = mysql_store_result(conn->my);
    mysql_free_result(result);
    return RH_OK;
}

/* ---- calls ---- */

/* A server that went away while nothing was asked has closed the socket, maybe after last words:
 * found out here, where nothing has been sent and any operation may be tried again elsewhere. */
static bool has_hung_up(const struct rh_conn *conn)
{
    struct pollfd poller = {.fd = mysql_get_socket(conn->my), .events = POLLIN};

    return poll(&poller, 1, 0) > 0;
}

static int fail_dead(struct rh_error *error)
{
    rh_fail(error, RH_UNAVAILABLE, "the connection to the server was lost");
    if (error)
        error->retry = RH_RETRY_SAFE;
    return RH_UNAVAILABLE;
}

static void begin_call(struct rh_conn *conn, const struct rh_op *op)
{
    atomic_store(&conn->state, RH_MY_RUNNING);
    conn->op = op;
    conn->interrupted = RH_OK;
    (void)rh_my_wait_for(conn);
    rh_my_forget_tls_errors();
}

int rh_my_enter_cursor(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    begin_call(conn, op);
    return conn->broken ? fail_dead(error) : rh_kit_check(conn->host, op, error);
}

int rh_my_enter(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    int rc = rh_my_enter_cursor(conn, op, error);

    if (!rc && conn->cursor)
        rc = rh_my_cursor_settle(conn->cursor, error);
    else if (!rc && has_hung_up(conn)) {
        conn->broken = true;
        rc = fail_dead(error);
    }
    return rc;
}

void rh_my_extend(struct rh_conn *conn, struct rh_op *op, uint64_t us)
{
    *op = (struct rh_op){.deadline_us = conn->host->now_us(conn->host) + us, .cancel_fd = -1};
    conn->op = op;
    conn->interrupted = RH_OK;
    /* A cancellation counts once. */
    atomic_store(&conn->state, RH_MY_RUNNING);
}

/* A KILL QUERY that found nothing running would hit the next statement: one is given to it. */
static void calm(struct rh_conn *conn)
{
    struct rh_op op;

    conn->killed = false;
    rh_my_extend(conn, &op, CALM_US);
    if (mysql_query(conn->my, "DO 0") && rh_my_is_client_code(mysql_errno(conn->my)))
        conn->broken = true;
    conn->op = NULL;
}

void rh_my_leave(struct rh_conn *conn)
{
    uint64_t count = 0;

    if (conn->killed && !conn->broken && !(conn->cursor && rh_my_cursor_is_streaming(conn->cursor)))
        calm(conn);
    (void)rh_my_wait_for(NULL);
    conn->op = NULL;
    if (atomic_exchange(&conn->state, RH_MY_IDLE) == RH_MY_CANCELLED)
        (void)!read(conn->wake_fd, &count, sizeof count);
}

void rh_my_cancel(struct rh_conn *conn)
{
    int running = RH_MY_RUNNING;
    uint64_t one = 1;

    if (atomic_compare_exchange_strong(&conn->state, &running, RH_MY_CANCELLED))
        (void)!write(conn->wake_fd, &one, sizeof one);
}

/* ---- connecting ---- */

/* What the connector relies on, whatever the server's defaults are. NO_AUTO_VALUE_ON_ZERO: a 0 that
 * is given is a 0. Zeros in dates are not refused, since rows that have them must be readable. A sort
 * looks at 64 KiB of a value, not at its first 1024 bytes, and has room for eight such. */
static const char settings_sql[] =
    "SET SESSION sql_mode='STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION,"
    "NO_AUTO_VALUE_ON_ZERO',time_zone='+00:00',autocommit=1,max_sort_length=65536,"
    "sort_buffer_size=GREATEST(@@sort_buffer_size,8388608),group_concat_max_len=1048576,"
    "sql_select_limit=DEFAULT,sql_auto_is_null=0,foreign_key_checks=1,unique_checks=1";

static int apply_settings(struct rh_conn *conn, struct rh_error *error)
{
    int64_t timeout_ms = conn->config.statement_timeout_ms;
    char text[160];
    int rc = rh_my_command(conn, settings_sql, error);

    if (!rc && conn->mariadb)
        rc = rh_my_command(conn, "SET SESSION in_predicate_conversion_threshold=0", error);
    if (rc || !timeout_ms)
        return rc;
    if (conn->mariadb)
        (void)snprintf(text, sizeof text, "SET SESSION max_statement_time=%lld.%03lld",
                       (long long)timeout_ms / 1000, (long long)timeout_ms % 1000);
    else
        (void)snprintf(text, sizeof text, "SET SESSION max_execution_time=%lld",
                       (long long)timeout_ms);
    return rh_my_command(conn, text, error);
}

/* What is larger than this ends the connection, so it must not be sent. */
static int learn_limits(struct rh_conn *conn, struct rh_error *error)
{
    MYSQL_RES *result = NULL;
    MYSQL_ROW row = NULL;

    if (mysql_query(conn->my, "SELECT @@max_allowed_packet"))
        return rh_my_fail(conn, NULL, error);
    result = mysql_store_result(conn->my);
    row = result ? mysql_fetch_row(result) : NULL;
    if (!row || !row[0] || !rh_text_to_u64(rh_text_of(row[0]), &conn->max_packet))
        conn->max_packet = 0;
    mysql_free_result(result);
    return row ? RH_OK : rh_my_fail(conn, NULL, error);
}

static int fail_connect(struct rh_conn *conn, struct rh_error *error)
{
    unsigned code = mysql_errno(conn->my);
    const char *host = conn->config.text[RH_MY_HOST];
    int rc = RH_OK;

    if (conn->interrupted == RH_TIMEOUT) {
        /* Still a timeout: the host knows whose, the operation's or that of connecting. */
        rc = rh_fail(error, RH_TIMEOUT, "the server at \"%s\" did not answer within the deadline",
                     host);
        if (error)
            error->retry = RH_RETRY_SAFE;
        return rc;
    }
    if (conn->interrupted)
        return rh_my_check(conn, error);
    if (code == 2026)
        return rh_fail(error, RH_CONFIG, "%s", mysql_error(conn->my));
    rc = rh_my_fail_code(code, mysql_sqlstate(conn->my), mysql_error(conn->my), error);
    if (error && rc == RH_UNAVAILABLE)
        error->retry = RH_RETRY_SAFE;
    if (!rh_my_is_client_code(code))
        (void)rh_error_prefix(error, "the server refused the connection");
    return rc;
}

static int start(struct rh_conn *conn, struct rh_error *error)
{
    const char *mode = conn->config.text[RH_MY_SSL_MODE];
    bool must_encrypt = strcmp(mode, "require") == 0 || strcmp(mode, "verify-full") == 0;
    uint64_t now_us = 0, left_us = 0;
    int rc = RH_OK;

    conn->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (conn->wake_fd < 0)
        return rh_fail(error, RH_RESOURCE, "no file descriptor is left");
    conn->my = mysql_init(NULL);
    if (!conn->my)
        return rh_fail_nomem(error);
    rh_my_set_options(conn->my, &conn->config, rh_my_wait);
    rh_my_bulk_attach(conn);
    now_us = conn->host->now_us(conn->host);
    left_us = conn->op->deadline_us > now_us ? conn->op->deadline_us - now_us : 0;
    if (!rh_my_log_in(conn->my, &conn->config, CLIENT_FOUND_ROWS, left_us))
        return fail_connect(conn, error);
    if (must_encrypt && !mysql_get_ssl_cipher(conn->my))
        return rh_fail(error, RH_CONFIG, "the server does not support TLS");
    conn->connected = true;
    conn->tls = mysql_get_ssl_cipher(conn->my) != NULL;
    conn->mariadb = mariadb_connection(conn->my) != 0;
    conn->version = mysql_get_server_version(conn->my);
    rc = apply_settings(conn, error);
    return rc ? rc : learn_limits(conn, error);
}

int rh_my_connect(const struct rh_host *host, const struct rh_op *op,
                  const struct rh_settings *settings, struct rh_conn **ret_conn,
                  struct rh_error *error)
{
    struct rh_conn *conn = calloc(1, sizeof *conn);
    int rc = RH_OK;

    if (!conn)
        return rh_fail_nomem(error);
    conn->host = host;
    conn->wake_fd = -1;
    rh_sql_init(&conn->sql, NULL, NULL);
    rc = rh_my_config_load(settings, &conn->config, error);
    if (!rc)
        rc = rh_kit_check(host, op, error);
    if (!rc) {
        conn->database = rh_text_of(conn->config.text[RH_MY_DATABASE]);
        begin_call(conn, op);
        rc = start(conn, error);
        rh_my_leave(conn);
    }
    if (rc)
        rh_my_close(conn);
    else
        *ret_conn = conn;
    return rc;
}

void rh_my_close(struct rh_conn *conn)
{
    if (!conn)
        return;
    (void)rh_my_wait_for(NULL); /* no last words where they would block */
    if (conn->cursor)
        rh_my_cursor_free(conn->cursor);
    if (conn->my && conn->wake_fd >= 0 && conn->connected) /* pending rows are not read */
        (void)shutdown(mysql_get_socket(conn->my), SHUT_RD);
    mysql_close(conn->my);
    rh_my_statements_free(&conn->statements); /* here only */
    rh_my_returned_free(conn);
    if (conn->wake_fd >= 0)
        (void)close(conn->wake_fd);
    rh_my_params_fini(&conn->params);
    rh_sql_fini(&conn->sql);
    rh_my_config_fini(&conn->config);
    free(conn);
}

int rh_my_ping(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    int rc = rh_my_enter(conn, op, error);

    if (!rc && mysql_ping(conn->my))
        rc = rh_my_fail(conn, NULL, error);
    rh_my_leave(conn);
    return rc;
}

int rh_my_reset(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    int rc = RH_OK;

    if (conn->cursor)
        rh_my_finish(conn->cursor);
    rc = rh_my_enter(conn, op, error);
    rh_my_returned_free(conn);
    if (!rc && conn->in_tx)
        rc = rh_my_command(conn, "ROLLBACK", error);
    if (!rc)
        conn->in_tx = conn->tx_failed = false;
    if (!rc && conn->dirty) {
        rh_my_statements_free(&conn->statements); /* the server forgets them */
        if (mysql_reset_connection(conn->my))
            rc = rh_my_fail(conn, NULL, error);
        if (!rc)
            rc = rh_my_command(conn, "SET NAMES utf8mb4", error);
        if (!rc)
            rc = apply_settings(conn, error);
        conn->dirty = rc != RH_OK;
    }
    rh_my_leave(conn);
    return rc;
}
