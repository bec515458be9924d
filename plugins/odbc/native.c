/*
 * Native statements: one, with bound parameters ("?"). Read-only operations run in a read-only
 * transaction of the database, and are refused where it has none.
 *
 * Drivers take several statements in one text, and a second one could end the transaction that
 * keeps the first from writing. So a semicolon may stand at the end only, quoted or not: what is a
 * quote differs between databases. For the same reason a statement must begin with a word that
 * cannot control the transaction.
 */
#include "native.h"

#include "api.h"
#include "connection.h"
#include "read.h"
#include "type.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- the text ---- */

/* Behind white space, comments and parentheses; the end where a comment is not closed. */
static struct rh_text skip_to_word(struct rh_text text)
{
    while (text.len) {
        bool two = text.len >= 2;
        size_t n = 0;
        if (isspace((unsigned char)text.data[0]) || text.data[0] == '(') {
            n = 1;
        } else if (two && text.data[0] == '-' && text.data[1] == '-') {
            const char *end = memchr(text.data, '\n', text.len);
            n = end ? (size_t)(end - text.data) : text.len;
        } else if (two && text.data[0] == '/' && text.data[1] == '*') {
            const char *end = memmem(text.data + 2, text.len - 2, "*/", 2);
            n = end ? (size_t)(end - text.data) + 2 : text.len;
        } else {
            break;
        }
        text = rh_text_make(text.data + n, text.len - n);
    }
    return text;
}

static bool begins_with(struct rh_text text, const char *const *words)
{
    size_t n = 0;

    text = skip_to_word(text);
    while (n < text.len && (isalpha((unsigned char)text.data[n]) || text.data[n] == '_'))
        n++;
    for (; *words; words++) {
        if (strlen(*words) == n && strncasecmp(text.data, *words, n) == 0)
            return true;
    }
    return false;
}

static struct rh_text without_end(struct rh_text text)
{
    text = rh_text_trim(text);
    while (text.len && text.data[text.len - 1] == ';')
        text = rh_text_trim(rh_text_make(text.data, text.len - 1));
    return text;
}

static int check_text(const struct rh_conn *conn, struct rh_text text, bool read_only,
                      struct rh_error *error)
{
    static const char *const control[] = {
        "begin", "start",   "commit",  "end",        "rollback", "abort",   "savepoint", "release",
        "save",  "set",     "prepare", "deallocate", "discard",  "pragma",  "attach",    "detach",
        "use",   "lock",    "unlock",  "copy",       "load",     "handler", "reset",     "connect",
        "exec",  "execute", "call",    "do",         "declare",  NULL};
    static const char *const reading[] = {"select", "with",    "values", "show", "describe",
                                          "desc",   "explain", "table",  NULL};

    if (!text.len || memchr(text.data, '\0', text.len))
        return rh_fail(error, RH_INVALID, "the text of the statement is empty or holds a NUL");
    if (memchr(text.data, ';', text.len)) {
        rh_fail(error, RH_UNSUPPORTED, "a statement may hold no semicolon but at its end");
        return rh_error_hint(error, "Bind texts with semicolons as parameters");
    }
    if (skip_to_word(text).len && skip_to_word(text).data[0] == '{')
        return rh_fail(error, RH_UNSUPPORTED, "procedures cannot be called here");
    if (begins_with(text, control)) {
        rh_fail(error, RH_UNSUPPORTED,
                "session and transaction control, and procedures, cannot be used here");
        return rh_error_hint(error, "Use a transaction of Rowhouse");
    }
    if (!read_only)
        return RH_OK;
    if (!conn->dialect->read_only_native || !conn->traits.genuine) {
        rh_fail(error, RH_UNSUPPORTED,
                "this database cannot be kept from changing data by a statement of your own");
        return rh_error_hint(error, "Allow the operation to write, with a user that may not");
    }
    if (!begins_with(text, reading))
        return rh_fail(error, RH_PERMISSION, "the operation is read-only");
    return RH_OK;
}

/* ---- the result's columns ---- */

struct running {
    struct rh_conn *conn;
    const struct rh_op *op;
    const struct rh_native_spec *spec;
    struct rh_odbc_statement *statement;
    struct rh_error *error;
    bool own_tx;
};

static struct rh_text column_text(const struct running *running, uint32_t i, SQLUSMALLINT attribute)
{
    struct rh_conn *conn = running->conn;
    char name[RH_ODBC_NAME_MAX];
    size_t n = rh_odbc_api_column_name(running->statement->handle, conn->narrow,
                                       (SQLUSMALLINT)(i + 1), attribute, name);
    char *copy = conn->host->alloc(running->op->arena, n + 1);

    if (!copy)
        return (struct rh_text){NULL, 0};
    memcpy(copy, name, n);
    return rh_text_make(copy, n);
}

static int describe(const struct running *running, uint32_t i, struct rh_column *ret_column)
{
    SQLHSTMT handle = running->statement->handle;
    SQLSMALLINT sql_type = 0, digits = 0, nullable = SQL_NULLABLE_UNKNOWN, n = 0;
    SQLWCHAR name[2];
    SQLULEN size = 0;
    SQLLEN is_unsigned = SQL_FALSE;
    uint32_t id_flags = 0;

    if (!SQL_SUCCEEDED(SQLDescribeColW(handle, (SQLUSMALLINT)(i + 1), name, 2, &n, &sql_type, &size,
                                       &digits, &nullable)))
        return rh_odbc_fail_call(running->conn, handle, running->error);
    (void)SQLColAttributeW(handle, (SQLUSMALLINT)(i + 1), SQL_DESC_UNSIGNED, NULL, 0, NULL,
                           &is_unsigned);
    *ret_column = (struct rh_column){.precision = 0};
    ret_column->name = column_text(running, i, SQL_DESC_NAME);
    ret_column->native_type = column_text(running, i, SQL_DESC_TYPE_NAME);
    ret_column->type = rh_odbc_type_of(
        running->conn->dialect, sql_type, ret_column->native_type, size, digits,
        sql_type == SQL_BIGINT && is_unsigned == SQL_TRUE, &id_flags, &ret_column->flags);
    ret_column->native_id = rh_odbc_id(sql_type, digits > 0 ? (uint8_t)digits : 0, id_flags);
    if (nullable == SQL_NO_NULLS)
        ret_column->flags |= RH_COLUMN_NOT_NULL;
    if (!ret_column->name.data)
        return rh_fail_nomem(running->error);
    return RH_OK;
}

static int make_cursor(struct running *running, uint32_t n, struct rh_native_result *ret_result)
{
    struct rh_conn *conn = running->conn;
    struct rh_column *columns =
        conn->host->alloc(running->op->arena, (uint64_t)n * sizeof *columns);
    uint8_t *types = calloc((size_t)n + 1, 1);
    int rc = columns && types ? RH_OK : rh_fail_nomem(running->error);

    for (uint32_t i = 0; i < n && !rc; i++) {
        rc = describe(running, i, &columns[i]);
        types[i] = (uint8_t)columns[i].type;
    }
    if (rc) {
        rh_odbc_release(conn, running->statement, true);
    } else {
        rc = rh_odbc_cursor_make(conn, running->statement, types, n, 0, running->own_tx,
                                 &ret_result->cursor, running->error);
    }
    running->statement = NULL;
    if (!rc) {
        running->own_tx = false; /* the cursor's */
        ret_result->columns = columns;
        ret_result->n_columns = n;
    }
    free(types);
    return rc;
}

/* ---- running ---- */

static int load_parameters(struct running *running)
{
    const struct rh_odbc_form form = {.dialect = running->conn->dialect,
                                      .utf8 = running->conn->utf8};
    uint32_t n = running->spec->n_parameters;
    struct rh_sql_parameter *list = calloc((size_t)n + 1, sizeof *list);
    int rc;

    if (!list)
        return rh_fail_nomem(running->error);
    for (uint32_t i = 0; i < n; i++)
        list[i] = (struct rh_sql_parameter){
            .values = &running->spec->parameters[i], .n = 1, .form = RH_SQL_WRITE};
    rc = rh_odbc_params_load(&running->conn->params, &form, list, n, NULL, running->error);
    free(list);
    return rc;
}

static int execute(struct running *running, const char *text, struct rh_native_result *ret_result)
{
    struct rh_conn *conn = running->conn;
    SQLSMALLINT n_columns = 0, n_parameters = 0;
    int64_t n = 0;
    int rc = rh_odbc_prepare(conn, text, &running->statement, running->error);

    if (rc)
        return rc;
    if (SQL_SUCCEEDED(SQLNumParams(running->statement->handle, &n_parameters)) &&
        (uint32_t)n_parameters != running->spec->n_parameters)
        return rh_fail(running->error, RH_INVALID, "the statement has %d parameters, %u were given",
                       n_parameters, running->spec->n_parameters);
    rc = rh_odbc_execute(conn, running->statement, &conn->params, running->error);
    if (rc)
        return rc;
    if (!SQL_SUCCEEDED(SQLNumResultCols(running->statement->handle, &n_columns)))
        return rh_odbc_fail_call(conn, running->statement->handle, running->error);
    if (n_columns > 0)
        return make_cursor(running, (uint32_t)n_columns, ret_result);
    n = rh_odbc_row_count(running->statement);
    ret_result->n_affected = n > 0 ? (uint64_t)n : 0;
    return RH_OK;
}

/* A read-only transaction around the statement, and the cursor. */
static int open_read_only(struct running *running)
{
    struct rh_conn *conn = running->conn;
    int rc = rh_odbc_set_manual(conn, true, running->error);

    running->own_tx = !rc;
    if (!rc && conn->dialect->read_only)
        rc = rh_odbc_command(conn, conn->dialect->read_only, running->error);
    return rc;
}

static void close_read_only(struct running *running)
{
    struct rh_conn *conn = running->conn;

    if (!running->own_tx || conn->broken)
        return;
    if (rh_odbc_end_tran(conn, false, NULL) || rh_odbc_set_manual(conn, false, NULL))
        conn->broken = true;
}

/* Where read-only outlasts the transaction, it lasts until the cursor has ended: see conn->restore.
 */
static int run_text(struct running *running, const char *text, bool read_only,
                    struct rh_native_result *ret_result)
{
    struct rh_conn *conn = running->conn;
    bool own = read_only && !conn->in_tx;
    int rc = RH_OK;

    if (own && conn->dialect->read_write) {
        conn->restore = conn->dialect->read_write;
        rc = rh_odbc_command(conn, conn->dialect->read_only, running->error);
    } else if (own) {
        rc = open_read_only(running);
    }
    if (!rc)
        rc = load_parameters(running);
    if (!rc)
        rc = execute(running, text, ret_result);
    if (running->statement)
        rh_odbc_release(conn, running->statement, true);
    close_read_only(running);
    return rc;
}

static int32_t run(struct rh_conn *conn, const struct rh_op *op, const struct rh_native_spec *spec,
                   struct rh_native_result *ret_result, struct rh_error *error)
{
    struct running running = {.conn = conn, .op = op, .spec = spec, .error = error};
    struct rh_text text = without_end(spec->text);
    bool read_only = (op->flags & RH_OP_READ_ONLY) || conn->read_only;
    char *copy = NULL;
    int rc = rh_odbc_enter_free(conn, op, error);

    ret_result->cursor = NULL;
    ret_result->n_columns = 0;
    ret_result->n_affected = 0;
    if (!rc && conn->cursor)
        rc = rh_fail(error, RH_BUSY, "the rows of a query are still being read");
    if (!rc)
        rc = check_text(conn, text, read_only, error);
    if (!rc) {
        copy = strndup(text.data, text.len);
        rc = copy ? RH_OK : rh_fail_nomem(error);
    }
    if (!rc) {
        rh_odbc_use_slices(conn, conn->in_tx || read_only);
        rc = run_text(&running, copy, read_only, ret_result);
    }
    if (conn->broken && !read_only &&
        (rc == RH_UNAVAILABLE || rc == RH_TIMEOUT || rc == RH_CANCELLED)) {
        rh_error_clear(error);
        rc = rh_fail(error, RH_UNKNOWN_OUTCOME, "the database did not answer the statement");
    }
    free(copy);
    rh_odbc_leave(conn);
    return rc;
}

const struct rh_native rh_odbc_native = {
    .struct_size = sizeof(struct rh_native),
    .language = RH_TEXT_INIT("SQL (ODBC)"),
    .run = run,
};
