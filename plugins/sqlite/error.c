/*
 * SQLite's extended result codes as error classes.
 *
 * SQLITE_ERROR says everything from a syntax error to a missing table; there the beginning of the
 * message, which is the same in all releases of SQLite 3, decides.
 */
#include "error.h"

#include "base/err.h"
#include "base/text.h"

#include <string.h>

struct mapping {
    int code;
    int error_class;
    uint32_t constraint;
    uint32_t retry;
};

static const struct mapping mappings[] = {
    {SQLITE_CONSTRAINT_UNIQUE, RH_CONSTRAINT, RH_CONSTRAINT_UNIQUE, 0},
    {SQLITE_CONSTRAINT_PRIMARYKEY, RH_CONSTRAINT, RH_CONSTRAINT_UNIQUE, 0},
    {SQLITE_CONSTRAINT_ROWID, RH_CONSTRAINT, RH_CONSTRAINT_UNIQUE, 0},
    {SQLITE_CONSTRAINT_FOREIGNKEY, RH_CONSTRAINT, RH_CONSTRAINT_FOREIGN_KEY, 0},
    {SQLITE_CONSTRAINT_CHECK, RH_CONSTRAINT, RH_CONSTRAINT_CHECK, 0},
    {SQLITE_CONSTRAINT_NOTNULL, RH_CONSTRAINT, RH_CONSTRAINT_NOT_NULL, 0},
    {SQLITE_CONSTRAINT_DATATYPE, RH_DATA, 0, 0},
    {SQLITE_CONSTRAINT, RH_CONSTRAINT, RH_CONSTRAINT_CHECK, 0}, /* triggers, virtual tables */
    {SQLITE_BUSY_SNAPSHOT, RH_CONFLICT, 0, RH_RETRY_SAFE},
    {SQLITE_BUSY, RH_BUSY, 0, RH_RETRY_SAFE},
    {SQLITE_LOCKED, RH_BUSY, 0, RH_RETRY_SAFE},
    {SQLITE_FULL, RH_RESOURCE, 0, 0},
    {SQLITE_NOMEM, RH_RESOURCE, 0, 0},
    {SQLITE_TOOBIG, RH_DATA, 0, 0},
    {SQLITE_READONLY, RH_PERMISSION, 0, 0},
    {SQLITE_PERM, RH_PERMISSION, 0, 0},
    {SQLITE_AUTH, RH_PERMISSION, 0, 0},
    {SQLITE_NOTADB, RH_PROTOCOL, 0, 0},
    {SQLITE_CORRUPT, RH_PROTOCOL, 0, 0},
    {SQLITE_FORMAT, RH_PROTOCOL, 0, 0},
    {SQLITE_IOERR, RH_UNAVAILABLE, 0, 0},
    {SQLITE_CANTOPEN, RH_UNAVAILABLE, 0, 0},
    {SQLITE_PROTOCOL, RH_BUSY, 0, RH_RETRY_SAFE}, /* locking protocol: a race for the WAL */
    {SQLITE_MISMATCH, RH_DATA, 0, 0},
    {SQLITE_RANGE, RH_INVALID, 0, 0},
    {SQLITE_MISUSE, RH_INTERNAL, 0, 0},
};

static const struct mapping *find(int code)
{
    for (size_t i = 0; i < sizeof mappings / sizeof mappings[0]; i++) {
        if (mappings[i].code == code)
            return &mappings[i];
    }
    return NULL;
}

static int class_of_message(const char *message)
{
    static const struct {
        const char *text;
        int error_class;
    } known[] = {
        {"no such ", RH_NOT_FOUND},
        {" already exists", RH_EXISTS},
        {"there is already ", RH_EXISTS},
        {"duplicate column", RH_EXISTS},
        {"not authorized", RH_PERMISSION},
        {"integer overflow", RH_DATA},
        {"string or blob too big", RH_DATA},
        {"authorizer", RH_PERMISSION},
        /* An upsert by columns without a unique constraint: the host can complete it. */
        {"ON CONFLICT clause does not match", RH_UNSUPPORTED},
    };

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strstr(message, known[i].text))
            return known[i].error_class;
    }
    return RH_INVALID;
}

/* "UNIQUE constraint failed: track.name, track.album" names the columns; the first one is told. */
static void name_column(struct rh_error *error, const char *message)
{
    const char *at = strstr(message, "constraint failed: ");
    size_t n;

    if (!at)
        return;
    at += strlen("constraint failed: ");
    n = strcspn(at, ",");
    for (size_t i = n; i > 0; i--) {
        if (at[i - 1] == '.') {
            at += i;
            n -= i;
            break;
        }
        if (i == 1) /* no table before it: the name of a check or an index */
            return;
    }
    if (n == 0 || n >= sizeof error->column)
        return;
    memcpy(error->column, at, n);
    error->column[n] = '\0';
}

static int fail_stopped(struct rh_conn *conn, struct rh_error *error)
{
    if (conn->stopped == RH_TIMEOUT)
        return rh_fail(error, RH_TIMEOUT, "the deadline passed");
    return rh_fail(error, RH_CANCELLED, "the operation was cancelled");
}

int rh_sqlite_fail(struct rh_conn *conn, int code, struct rh_error *error)
{
    const char *message = sqlite3_errmsg(conn->db);
    const struct mapping *mapping = find(code);
    int primary = code & 0xff;
    int error_class;

    if (error->error_class)
        return error->error_class;
    if (primary == SQLITE_INTERRUPT || (primary == SQLITE_BUSY && conn->stopped))
        return fail_stopped(conn, error);
    if (primary == SQLITE_NOMEM)
        return rh_fail_nomem(error);
    if (sqlite3_extended_errcode(conn->db) != code && sqlite3_errcode(conn->db) != primary)
        message = sqlite3_errstr(code);
    if (!mapping)
        mapping = find(primary);
    error_class = mapping ? mapping->error_class : class_of_message(message);
    rh_fail(error, error_class, "%s", message);
    error->native_code = code;
    if (!mapping)
        return error_class;
    error->constraint = mapping->constraint;
    error->retry = mapping->retry;
    if (error_class == RH_CONSTRAINT)
        name_column(error, message);
    if (primary == SQLITE_FULL)
        rh_error_code(error, "datasource-full");
    if (error_class == RH_BUSY)
        rh_error_hint(error, "Another process holds the lock on the database file");
    return error_class;
}
