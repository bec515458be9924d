/*
 * See connection.h.
 *
 * Each connection has an environment of its own, so that the driver manager's locks are not shared
 * between connections.
 */
#include "connection.h"

#include "api.h"
#include "grid.h"
#include "read.h"
#include "write.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLOSE_US 2000000

/* ---- what the driver said ---- */

/* Not every driver says 08S01: PostgreSQL's says HY000 for everything. */
static bool is_dead(struct rh_conn *conn)
{
    SQLUINTEGER dead = SQL_CD_FALSE;

    return SQL_SUCCEEDED(
               SQLGetConnectAttr(conn->dbc, SQL_ATTR_CONNECTION_DEAD, &dead, sizeof dead, NULL)) &&
           dead == SQL_CD_TRUE;
}

int rh_odbc_fail_call(struct rh_conn *conn, SQLHSTMT statement, struct rh_error *error)
{
    SQLSMALLINT type = statement ? SQL_HANDLE_STMT : SQL_HANDLE_DBC;
    SQLHANDLE handle = statement ? statement : conn->dbc;
    enum rh_odbc_reason reason = rh_odbc_watch_reason(&conn->watch);
    bool lost = rh_odbc_is_lost(type, handle, conn->narrow);
    struct rh_error said = RH_ERROR_INIT;
    /* The next call on the handle forgets the diagnostics. */
    int rc = rh_odbc_fail(type, handle, conn->narrow, conn->traits.genuine ? conn->dialect : NULL,
                          &said);

    if (lost || is_dead(conn))
        conn->broken = true;
    if (conn->broken && (rc == RH_INVALID || rc == RH_PROTOCOL))
        rc = said.error_class = RH_UNAVAILABLE;
    if (reason == RH_ODBC_CANCELLED)
        return rh_fail(error, RH_CANCELLED, "the operation was cancelled");
    if (reason == RH_ODBC_TIMED_OUT)
        return rh_fail(error, RH_TIMEOUT, "the deadline passed");
    if (error && error->error_class)
        return error->error_class;
    if (error)
        *error = said;
    return rc;
}

/* ---- connecting ---- */

static void get_info(struct rh_conn *conn, SQLUSMALLINT what, char *to, SQLSMALLINT size)
{
    SQLSMALLINT len = 0;

    to[0] = '\0';
    if (!SQL_SUCCEEDED(SQLGetInfo(conn->dbc, what, to, size, &len)))
        to[0] = '\0';
    to[size - 1] = '\0';
}

static SQLUINTEGER get_number(struct rh_conn *conn, SQLUSMALLINT what)
{
    SQLUINTEGER number = 0;

    return SQL_SUCCEEDED(SQLGetInfo(conn->dbc, what, &number, sizeof number, NULL)) ? number : 0;
}

static SQLUSMALLINT get_small(struct rh_conn *conn, SQLUSMALLINT what)
{
    SQLUSMALLINT number = 0;

    return SQL_SUCCEEDED(SQLGetInfo(conn->dbc, what, &number, sizeof number, NULL)) ? number : 0;
}

static SQLULEN seconds_left(const struct rh_host *host, const struct rh_op *op)
{
    uint64_t now_us = host->now_us(host);
    uint64_t left_us = op->deadline_us > now_us ? op->deadline_us - now_us : 0;
    uint64_t seconds = left_us / 1000000;

    return seconds < 1 ? 1 : seconds > 3600 ? 3600 : (SQLULEN)seconds;
}

static int connect_driver(struct rh_conn *conn, const struct rh_op *op,
                          struct rh_odbc_config *config, struct rh_error *error)
{
    struct rh_text string;
    int rc = RH_OK;

    rh_odbc_config_limit_login(config, seconds_left(conn->host, op));
    string = rh_buf_text(&config->connection);
    if (!rh_text_is_utf8(string) || string.len > INT16_MAX)
        return rh_fail(error, RH_CONFIG, "the connection string is no valid text, or too long");
    conn->narrow = config->driver == RH_ODBC_DRIVER_SQLITE;
    (void)SQLSetConnectAttr(conn->dbc, SQL_ATTR_LOGIN_TIMEOUT,
                            (SQLPOINTER)seconds_left(conn->host, op), SQL_IS_UINTEGER);
    if (SQL_SUCCEEDED(rh_odbc_api_connect(conn->dbc, conn->narrow, string))) {
        conn->connected = true;
        return RH_OK;
    }
    if (conn->host->now_us(conn->host) >= op->deadline_us)
        rc = rh_fail(error, RH_UNAVAILABLE, "the database did not answer in time");
    else
        rc = rh_odbc_fail(SQL_HANDLE_DBC, conn->dbc, conn->narrow, NULL, error);
    if (rc == RH_TIMEOUT || rc == RH_INVALID || rc == RH_CANCELLED) {
        if (error)
            error->error_class = RH_UNAVAILABLE;
        rc = RH_UNAVAILABLE;
    }
    if (error && rc == RH_UNAVAILABLE)
        error->retry = RH_RETRY_SAFE;
    if (rc == RH_CONFIG)
        rh_error_hint(error, "Look whether the driver is installed: odbcinst -q -d");
    return rc;
}

static int choose_dialect(struct rh_conn *conn, const struct rh_odbc_config *config,
                          struct rh_error *error)
{
    char name[128], version[64];
    const struct rh_odbc_dialect *own = NULL;

    get_info(conn, SQL_DBMS_NAME, name, sizeof name);
    get_info(conn, SQL_DBMS_VER, version, sizeof version);
    own = rh_odbc_dialect_of(name);
    conn->dialect = own;
    if (config->dialect && strcmp(config->dialect, "auto") != 0)
        conn->dialect = rh_odbc_dialect_named(config->dialect);
    if (!conn->dialect)
        return rh_fail(error, RH_CONFIG, "there is no dialect %s", config->dialect);
    conn->traits = (struct rh_odbc_traits){
        .dialect = conn->dialect,
        .genuine = rh_odbc_dialect_is(conn->dialect, name),
        .code_point_order = !conn->dialect->utf16_texts,
        .major = (uint32_t)strtoul(version, NULL, 10),
    };
    conn->sql_dialect = conn->dialect->sql;
    return RH_OK;
}

static void learn(struct rh_conn *conn, const struct rh_odbc_config *config)
{
    bool known = config->driver != RH_ODBC_DRIVER_OTHER;
    SQLUINTEGER extensions = get_number(conn, SQL_GETDATA_EXTENSIONS);

    conn->driver = config->driver;
    conn->utf8 = config->encoding && strcmp(config->encoding, "auto") != 0
                     ? strcmp(config->encoding, "utf-8") == 0
                     : known;
    if (conn->driver == RH_ODBC_DRIVER_PSQLODBC && !conn->traits.genuine)
        conn->driver = RH_ODBC_DRIVER_OTHER; /* another database that speaks its protocol */
    conn->has_tx = get_small(conn, SQL_TXN_CAPABLE) != SQL_TC_NONE;
    /* MariaDB's runs over the end of a buffer of its own when it cuts off UTF-16. */
    conn->reads_again =
        (extensions & SQL_GD_BOUND) && (conn->utf8 || conn->driver != RH_ODBC_DRIVER_MARIADB);
    /* Within a block, MariaDB's SQLSetPos succeeds and stays where it is; SQLite's reaches into a
     * result that has been read as a whole, not into steps. */
    conn->reads_in_blocks = conn->reads_again && (extensions & SQL_GD_BLOCK) &&
                            conn->driver != RH_ODBC_DRIVER_MARIADB &&
                            conn->driver != RH_ODBC_DRIVER_SQLITE;
    conn->arrays = conn->driver != RH_ODBC_DRIVER_SQLITE;
    conn->streams =
        conn->driver != RH_ODBC_DRIVER_PSQLODBC && conn->driver != RH_ODBC_DRIVER_SQLITE;
    (void)SQLGetConnectAttr(conn->dbc, SQL_ATTR_TXN_ISOLATION, &conn->isolation,
                            sizeof conn->isolation, NULL);
}

static int ask_code_points(struct rh_conn *conn, struct rh_error *error)
{
    struct rh_odbc_grid grid;
    int rc = rh_odbc_grid_query(conn, conn->dialect->code_points, 1, &grid, error);

    conn->traits.code_point_order = !rc && grid.n_rows && rh_odbc_grid_int(&grid, 0, 0, 0) == 1;
    rh_odbc_grid_fini(&grid);
    return rc;
}

static int set_up(struct rh_conn *conn, struct rh_error *error)
{
    const char *const *text = conn->traits.genuine ? conn->dialect->setup : NULL;
    int rc = RH_OK;

    for (; text && *text && !rc; text++)
        rc = rh_odbc_command(conn, *text, error);
    if (!rc && conn->dialect->code_points && conn->traits.genuine)
        rc = ask_code_points(conn, error);
    if (rc)
        rh_error_prefix(error, "setting up the session");
    return rc;
}

static int allocate(struct rh_conn *conn, struct rh_error *error)
{
    if (!SQL_SUCCEEDED(SQLAllocHandle(SQL_HANDLE_ENV, SQL_NULL_HANDLE, &conn->env)))
        return rh_fail_nomem(error);
    (void)SQLSetEnvAttr(conn->env, SQL_ATTR_ODBC_VERSION, (SQLPOINTER)SQL_OV_ODBC3, 0);
    if (!SQL_SUCCEEDED(SQLAllocHandle(SQL_HANDLE_DBC, conn->env, &conn->dbc)))
        return rh_fail_nomem(error);
    if (!rh_odbc_watch_start(&conn->watch, conn->host))
        return rh_fail(error, RH_RESOURCE, "no thread can be started");
    return RH_OK;
}

int rh_odbc_connect(const struct rh_host *host, const struct rh_op *op,
                    const struct rh_settings *settings, struct rh_conn **ret_conn,
                    struct rh_error *error)
{
    struct rh_conn *conn = calloc(1, sizeof *conn);
    struct rh_odbc_config config;
    int rc = rh_odbc_config_load(settings, &config, error);

    if (!conn)
        rc = rc ? rc : rh_fail_nomem(error);
    if (rc)
        goto out;
    conn->host = host;
    conn->dialect = &rh_odbc_generic;
    rc = rh_kit_check(host, op, error);
    if (!rc)
        rc = allocate(conn, error);
    if (!rc)
        rc = connect_driver(conn, op, &config, error);
    if (rc)
        goto out;
    rh_odbc_watch_arm(&conn->watch, op);
    rc = choose_dialect(conn, &config, error);
    if (!rc) {
        learn(conn, &config);
        rc = set_up(conn, error);
    }
    rh_odbc_watch_disarm(&conn->watch);
    conn->schemas = config.schemas;
    config.schemas = NULL;
out:
    rh_odbc_config_fini(&config);
    if (rc) {
        if (conn)
            rh_odbc_close(conn);
    } else {
        *ret_conn = conn;
    }
    return rc;
}

void rh_odbc_close(struct rh_conn *conn)
{
    struct rh_op op = {.cancel_fd = -1};

    op.deadline_us = conn->host ? conn->host->now_us(conn->host) + CLOSE_US : 0;
    if (conn->watch.started)
        rh_odbc_watch_arm(&conn->watch, &op);
    if (conn->cursor)
        rh_odbc_cursor_free(conn->cursor);
    rh_odbc_returned_free(conn);
    rh_odbc_forget_statements(conn);
    if (conn->connected) {
        if (conn->manual)
            (void)SQLEndTran(SQL_HANDLE_DBC, conn->dbc, SQL_ROLLBACK);
        (void)SQLDisconnect(conn->dbc);
    }
    rh_odbc_watch_stop(&conn->watch);
    if (conn->dbc)
        (void)SQLFreeHandle(SQL_HANDLE_DBC, conn->dbc);
    if (conn->env)
        (void)SQLFreeHandle(SQL_HANDLE_ENV, conn->env);
    rh_sql_fini(&conn->sql);
    rh_odbc_params_fini(&conn->params);
    free(conn->schemas);
    free(conn);
}

void rh_odbc_cancel(struct rh_conn *conn)
{
    rh_odbc_watch_cancel(&conn->watch);
}

/* ---- a call of the vtable ---- */

int rh_odbc_enter(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    rh_odbc_watch_arm(&conn->watch, op);
    if (conn->broken)
        return rh_fail(error, RH_UNAVAILABLE, "the connection was lost");
    return rh_kit_check(conn->host, op, error);
}

int rh_odbc_enter_free(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    int rc = rh_odbc_enter(conn, op, error);

    if (!rc && conn->cursor && conn->streams && rh_odbc_cursor_is_reading(conn->cursor))
        rc = rh_fail(error, RH_BUSY, "the rows of a query are still being read");
    if (!rc && conn->tx_failed)
        rc = rh_fail(error, RH_INVALID, "the transaction has failed and must be rolled back");
    if (!rc && conn->restore && !conn->cursor) {
        rc = rh_odbc_command(conn, conn->restore, error);
        conn->restore = NULL;
        conn->broken = conn->broken || rc;
    }
    return rc;
}

void rh_odbc_leave(struct rh_conn *conn)
{
    rh_odbc_watch_disarm(&conn->watch);
}

/* A statement that every dialect has; the catalogue function when it does not. */
int rh_odbc_ping(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    int rc = rh_odbc_enter_free(conn, op, error);
    SQLHSTMT handle = NULL;

    if (rc)
        goto out;
    if (!SQL_SUCCEEDED(SQLAllocHandle(SQL_HANDLE_STMT, conn->dbc, &handle))) {
        rc = rh_odbc_fail_call(conn, NULL, error);
        goto out;
    }
    rh_odbc_watch_enter(&conn->watch, handle);
    if (conn->dialect->ping) {
        SQLRETURN code = SQLExecDirect(handle, (SQLCHAR *)(uintptr_t)conn->dialect->ping, SQL_NTS);
        if (!SQL_SUCCEEDED(code))
            rc = rh_odbc_fail_call(conn, handle, error);
    } else if (!SQL_SUCCEEDED(SQLGetTypeInfo(handle, SQL_INTEGER))) {
        rc = rh_odbc_fail_call(conn, handle, error);
    }
    rh_odbc_watch_leave(&conn->watch);
out:
    if (handle)
        (void)SQLFreeHandle(SQL_HANDLE_STMT, handle);
    rh_odbc_leave(conn);
    return rc;
}

/* Session settings cannot be put back in general: a session that native statements have used is
 * not used again. */
int rh_odbc_reset(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    int rc = rh_odbc_enter(conn, op, error);

    if (!rc && conn->cursor)
        rh_odbc_cursor_free(conn->cursor);
    rh_odbc_returned_free(conn);
    if (!rc && (conn->in_tx || conn->manual)) {
        rc = rh_odbc_end_tran(conn, false, error);
        conn->in_tx = conn->tx_failed = conn->read_only = false;
        if (!rc)
            rc = rh_odbc_set_manual(conn, false, error);
    }
    if (!rc && conn->dirty)
        rc = rh_fail(error, RH_UNAVAILABLE, "a native statement may have changed the session");
    rh_odbc_leave(conn);
    return rc;
}
