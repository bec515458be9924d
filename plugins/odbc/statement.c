/*
 * Prepared statements by their text, the least recently used given up first.
 */
#include "api.h"
#include "connection.h"

#include <stdlib.h>
#include <string.h>

static void drop(struct rh_odbc_statement *statement)
{
    if (statement->handle)
        (void)SQLFreeHandle(SQL_HANDLE_STMT, statement->handle);
    free(statement->text);
    *statement = (struct rh_odbc_statement){.handle = NULL};
}

void rh_odbc_forget_statements(struct rh_conn *conn)
{
    for (unsigned i = 0; i < RH_ODBC_N_STATEMENTS; i++) {
        if (!conn->statements[i].busy)
            drop(&conn->statements[i]);
    }
}

static struct rh_odbc_statement *find(struct rh_conn *conn, const char *text)
{
    for (unsigned i = 0; i < RH_ODBC_N_STATEMENTS; i++) {
        struct rh_odbc_statement *statement = &conn->statements[i];
        if (statement->text && !statement->busy && strcmp(statement->text, text) == 0)
            return statement;
    }
    return NULL;
}

/* An empty place, or that of the one not used for the longest time. */
static struct rh_odbc_statement *make_room(struct rh_conn *conn)
{
    struct rh_odbc_statement *oldest = NULL;

    for (unsigned i = 0; i < RH_ODBC_N_STATEMENTS; i++) {
        struct rh_odbc_statement *statement = &conn->statements[i];
        if (!statement->busy && (!oldest || statement->used < oldest->used))
            oldest = statement;
    }
    if (oldest)
        drop(oldest);
    return oldest;
}

int rh_odbc_prepare(struct rh_conn *conn, const char *text,
                    struct rh_odbc_statement **ret_statement, struct rh_error *error)
{
    struct rh_odbc_statement *statement = find(conn, text);
    SQLRETURN code;
    int rc = RH_OK;

    if (statement) {
        statement->fresh = false;
        goto out;
    }
    statement = make_room(conn);
    if (!statement)
        return rh_fail(error, RH_BUSY, "too many statements are open");
    if (!SQL_SUCCEEDED(SQLAllocHandle(SQL_HANDLE_STMT, conn->dbc, &statement->handle))) {
        statement->handle = NULL;
        rc = rh_odbc_fail_call(conn, NULL, error);
        goto out;
    }
    statement->fresh = true;
    statement->text = strdup(text);
    if (!statement->text) {
        rc = rh_fail_nomem(error);
        goto out;
    }
    rh_odbc_watch_enter(&conn->watch, statement->handle);
    code = rh_odbc_api_prepare(statement->handle, conn->narrow, rh_text_of(text));
    rh_odbc_watch_leave(&conn->watch);
    if (!SQL_SUCCEEDED(code))
        rc = rh_odbc_fail_call(conn, statement->handle, error);
out:
    if (rc) {
        drop(statement);
    } else {
        statement->busy = true;
        statement->used = ++conn->clock;
        *ret_statement = statement;
    }
    return rc;
}

int rh_odbc_execute(struct rh_conn *conn, struct rh_odbc_statement *statement,
                    struct rh_odbc_params *params, struct rh_error *error)
{
    SQLRETURN code;

    if (params && !rh_odbc_params_bind(params, statement->handle))
        return rh_odbc_fail_call(conn, statement->handle, error);
    rh_odbc_watch_enter(&conn->watch, statement->handle);
    code = SQLExecute(statement->handle);
    rh_odbc_watch_leave(&conn->watch);
    statement->no_rows = code == SQL_NO_DATA;
    if (SQL_SUCCEEDED(code) || code == SQL_NO_DATA)
        return RH_OK;
    return rh_odbc_fail_call(conn, statement->handle, error);
}

/* What is said when the tables behind a prepared statement have changed, or it was forgotten. */
static bool is_stale(const struct rh_error *error)
{
    return strcmp(error->sqlstate, "26000") == 0 || strcmp(error->sqlstate, "0A000") == 0 ||
           error->native_code == 1615 || strstr(error->message, "cached plan");
}

int rh_odbc_start(struct rh_conn *conn, const char *text, struct rh_odbc_params *params,
                  struct rh_odbc_statement **ret_statement, struct rh_error *error)
{
    struct rh_error first = RH_ERROR_INIT;
    struct rh_odbc_statement *statement = NULL;
    int rc = rh_odbc_prepare(conn, text, &statement, &first);
    bool fresh = !rc && statement->fresh;

    if (!rc)
        rc = rh_odbc_execute(conn, statement, params, &first);
    if (rc && statement)
        rh_odbc_release(conn, statement, true);
    if (rc && !fresh && !conn->manual && !conn->broken && is_stale(&first)) {
        rh_odbc_forget_statements(conn);
        rh_error_clear(&first);
        statement = NULL;
        rc = rh_odbc_prepare(conn, text, &statement, &first);
        if (!rc)
            rc = rh_odbc_execute(conn, statement, params, &first);
        if (rc && statement)
            rh_odbc_release(conn, statement, true);
    }
    if (rc && error && !error->error_class)
        *error = first;
    if (!rc)
        *ret_statement = statement;
    return rc;
}

/* SQLite's driver gives no rows when a SELECT that was closed early is executed once more. */
static bool spoils_reuse(const struct rh_conn *conn, const struct rh_odbc_statement *statement)
{
    SQLSMALLINT n = 0;

    return conn->driver == RH_ODBC_DRIVER_SQLITE &&
           (!SQL_SUCCEEDED(SQLNumResultCols(statement->handle, &n)) || n > 0);
}

void rh_odbc_release(struct rh_conn *conn, struct rh_odbc_statement *statement, bool forget)
{
    if (!statement)
        return;
    if (forget || spoils_reuse(conn, statement)) {
        drop(statement);
        return;
    }
    (void)SQLFreeStmt(statement->handle, SQL_CLOSE);
    (void)SQLFreeStmt(statement->handle, SQL_UNBIND);
    (void)SQLFreeStmt(statement->handle, SQL_RESET_PARAMS);
    (void)SQLSetStmtAttr(statement->handle, SQL_ATTR_ROW_ARRAY_SIZE, (SQLPOINTER)1, 0);
    (void)SQLSetStmtAttr(statement->handle, SQL_ATTR_PARAMSET_SIZE, (SQLPOINTER)1, 0);
    statement->busy = false;
}

int rh_odbc_command(struct rh_conn *conn, const char *text, struct rh_error *error)
{
    SQLHSTMT handle = NULL;
    SQLRETURN code;
    int rc = RH_OK;

    if (!SQL_SUCCEEDED(SQLAllocHandle(SQL_HANDLE_STMT, conn->dbc, &handle)))
        return rh_odbc_fail_call(conn, NULL, error);
    rh_odbc_watch_enter(&conn->watch, handle);
    code = rh_odbc_api_execute(handle, conn->narrow, rh_text_of(text));
    rh_odbc_watch_leave(&conn->watch);
    if (!SQL_SUCCEEDED(code) && code != SQL_NO_DATA)
        rc = rh_odbc_fail_call(conn, handle, error);
    (void)SQLFreeHandle(SQL_HANDLE_STMT, handle);
    return rc;
}

int64_t rh_odbc_row_count(struct rh_odbc_statement *statement)
{
    SQLLEN n = -1;

    if (statement->no_rows)
        return 0;
    return SQL_SUCCEEDED(SQLRowCount(statement->handle, &n)) ? (int64_t)n : -1;
}
