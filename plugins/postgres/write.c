/*
 * Writing.
 *
 *   many new rows, nothing to return    COPY (copy.c)
 *   new rows, upserts                   INSERT with many rows of VALUES
 *   rows by key                         one prepared statement per row, all in one pipeline: exact
 *                                       order, counts per row, and the row at fault is known; a
 *                                       single row: a statement that checks its count itself
 *   rows by condition                   one statement
 *
 * Atomicity: a single statement, and a pipeline outside a transaction, are a transaction of their
 * own. Where the outcome must be looked at before it is kept (does a key match two rows?), BEGIN and
 * COMMIT stand around it; inside the host's transaction a savepoint does, so that a failed call
 * leaves that transaction usable.
 *
 * When an INSERT of many rows fails on one of them, nothing has been kept, and the rows are tried
 * again one by one: that finds the row at fault, and makes two rows with one key in an upsert work.
 */
#include "write.h"

#include "dialect.h"
#include "read.h"

#include <stdlib.h>
#include <string.h>

#define COPY_ROWS 64 /* from how many rows on COPY is used */
#define CHUNK_PARAMETERS 4096
#define CHUNK_ROWS 512
#define RETRY_ROWS 10000 /* up to how many rows are tried one by one after an error */
#define PREPARE_ROWS 3   /* from how many rows on a keyed statement is prepared */
#define FLUSH_EVERY 64   /* statements in a pipeline between flushes */

/* ---- the transaction around a call ---- */

struct scope {
    struct rh_conn *conn;
    const struct rh_op *op;
    const struct rh_write_spec *spec;
    bool nested;     /* inside the host's transaction: a savepoint */
    bool opened;     /* … which was sent */
    bool explicitly; /* BEGIN and COMMIT stand around it */
    bool committing; /* what was sent may have been kept */
    bool released;   /* the savepoint went with the pipeline */
    uint64_t n_affected;
};

static const char *opening(const struct scope *scope)
{
    if (scope->nested)
        return "SAVEPOINT rh_write";
    return scope->explicitly ? "BEGIN" : NULL;
}

static int scope_keep(struct scope *scope, struct rh_error *error)
{
    if (scope->nested)
        return scope->released
                   ? RH_OK
                   : rh_pg_command(scope->conn, scope->op, "RELEASE SAVEPOINT rh_write", error);
    if (!scope->explicitly)
        return RH_OK;
    scope->committing = true;
    return rh_pg_command(scope->conn, scope->op, "COMMIT", error);
}

/* With a little time of its own: the deadline may be what made it necessary. */
static void scope_undo(struct scope *scope)
{
    struct rh_conn *conn = scope->conn;
    struct rh_error ignored = RH_ERROR_INIT;
    struct rh_op op = {.deadline_us = conn->host->now_us(conn->host) + 2000000, .cancel_fd = -1};
    PGTransactionStatusType status = PQTRANS_UNKNOWN;

    rh_pg_returned_free(conn);
    if (conn->broken)
        return;
    status = PQtransactionStatus(conn->pg);
    if (status == PQTRANS_IDLE || (scope->nested && !scope->opened))
        return;
    scope->opened = false;
    if (rh_pg_command(conn, &op,
                      scope->nested ? "ROLLBACK TO SAVEPOINT rh_write;RELEASE SAVEPOINT rh_write"
                                    : "ROLLBACK",
                      &ignored) &&
        !scope->nested)
        conn->broken = true;
}

/* An end without an answer, after the change may have been kept. */
static int judge(struct scope *scope, int rc, struct rh_error *error)
{
    struct rh_conn *conn = scope->conn;
    bool no_answer = rc == RH_UNAVAILABLE || rc == RH_TIMEOUT || rc == RH_CANCELLED;

    if (!no_answer || scope->nested || !scope->committing)
        return rc;
    if (!conn->broken && (conn->ended_well || (error && error->sqlstate[0])))
        return rc;
    conn->broken = true;
    rh_error_clear(error);
    rh_fail(error, RH_UNKNOWN_OUTCOME,
            rc == RH_UNAVAILABLE ? "the connection was lost before the server confirmed the change"
                                 : "the server did not confirm the change in time");
    return rh_error_hint(error, "Look whether the rows have changed before trying again");
}

/* ---- statements ---- */

typedef void build_fn(struct rh_sql *sql, const struct rh_write_spec *spec, uint64_t first,
                      uint64_t n);

static void build_update(struct rh_sql *sql, const struct rh_write_spec *spec, uint64_t row,
                         uint64_t n)
{
    (void)n;
    rh_sql_update(sql, spec, row);
}

static void build_delete(struct rh_sql *sql, const struct rh_write_spec *spec, uint64_t row,
                         uint64_t n)
{
    (void)n;
    rh_sql_delete(sql, spec, row);
}

/* One row by key as a statement that fails by itself when it matches two: no BEGIN and COMMIT are
 * needed around it. */
static const char too_many[] = " rows match the key";

static void add_guard(struct rh_sql *sql, const struct rh_write_spec *spec)
{
    if (!spec->n_returning)
        rh_sql_add(sql, " RETURNING 1");
    rh_sql_add(sql,
               ") SELECT u.* FROM u, (SELECT CASE WHEN count(*) > 1 THEN (count(*)::text || '");
    rh_sql_add(sql, too_many);
    rh_sql_add(sql, "')::int ELSE 1 END AS one FROM u) AS guard WHERE guard.one = 1");
}

static void build_guarded_update(struct rh_sql *sql, const struct rh_write_spec *spec, uint64_t row,
                                 uint64_t n)
{
    (void)n;
    rh_sql_add(sql, "WITH u AS (");
    rh_sql_update(sql, spec, row);
    add_guard(sql, spec);
}

static void build_guarded_delete(struct rh_sql *sql, const struct rh_write_spec *spec, uint64_t row,
                                 uint64_t n)
{
    (void)n;
    rh_sql_add(sql, "WITH u AS (");
    rh_sql_delete(sql, spec, row);
    add_guard(sql, spec);
}

static int build(const struct scope *scope, build_fn *how, uint64_t first, uint64_t n,
                 struct rh_error *error)
{
    struct rh_conn *conn = scope->conn;
    int rc = RH_OK;

    if (conn->sql.dialect)
        rh_sql_clear(&conn->sql);
    else
        rh_sql_init(&conn->sql, &rh_pg_dialect, conn);
    how(&conn->sql, scope->spec, first, n);
    rc = rh_sql_check(&conn->sql, error);
    if (rc)
        return rc;
    rc = rh_pg_params_load(&conn->params, &conn->sql, error);
    if (rc && n == 1 && error && !scope->spec->where)
        error->row = first;
    return rc;
}

static int take_result(struct scope *scope, PGresult *result, struct rh_error *error)
{
    scope->n_affected += strtoull(PQcmdTuples(result), NULL, 10);
    return rh_pg_returned_add(scope->conn, scope->spec, result, error);
}

/* One statement that is a transaction of its own. */
static int run_alone(struct scope *scope, build_fn *how, uint64_t n, struct rh_error *error)
{
    struct rh_conn *conn = scope->conn;
    PGresult *result = NULL;
    int rc = build(scope, how, 0, n, error);

    if (rc)
        return rc;
    scope->committing = true;
    rc = rh_pg_run_prepared(conn, scope->op, rh_sql_string(&conn->sql), &conn->params, &result,
                            error);
    if (rc && n == 1 && error && !scope->spec->where)
        error->row = 0;
    return rc ? rc : take_result(scope, result, error);
}

/* Rows by key, or the one statement of a change by condition. */
static uint64_t n_units(const struct rh_write_spec *spec)
{
    return spec->where ? 1 : spec->n_rows;
}

/* How many rows go into the statement that begins with `first`. */
static uint64_t rows_together(const struct scope *scope, uint64_t first, uint64_t chunk)
{
    uint64_t left = n_units(scope->spec) - first;
    uint64_t n = left < chunk ? left : chunk;

    return n == 1 ? 1 : rh_sql_rows_alike(scope->spec, first, n);
}

struct prepared {
    char name[RH_PG_STATEMENT_NAME_SIZE];
    char *text;
    Oid *oids;
    int n;
};

/* The first chunk's statement, when most of the others will be like it. */
static int prepare_first(struct scope *scope, build_fn *how, uint64_t chunk,
                         struct prepared *prepared, struct rh_error *error)
{
    struct rh_conn *conn = scope->conn;
    uint64_t n = rows_together(scope, 0, chunk);
    int rc = RH_OK;

    rc = build(scope, how, 0, n, error);
    if (rc)
        return rc;
    rc = rh_pg_prepare(conn, scope->op, rh_sql_string(&conn->sql), &conn->params,
                       n_units(scope->spec) / n >= PREPARE_ROWS, prepared->name, error);
    if (rc || !prepared->name[0])
        return rc;
    prepared->n = conn->params.n;
    prepared->text = strdup(rh_sql_string(&conn->sql));
    prepared->oids = reallocarray(NULL, (size_t)prepared->n + 1, sizeof(Oid));
    if (!prepared->text || !prepared->oids)
        return rh_fail_nomem(error);
    memcpy(prepared->oids, conn->params.oids, (size_t)prepared->n * sizeof(Oid));
    return RH_OK;
}

static bool is_prepared(const struct prepared *prepared, struct rh_conn *conn)
{
    return prepared->text && prepared->n == conn->params.n &&
           memcmp(prepared->oids, conn->params.oids, (size_t)prepared->n * sizeof(Oid)) == 0 &&
           strcmp(prepared->text, rh_sql_string(&conn->sql)) == 0;
}

static int send_all(struct scope *scope, build_fn *how, uint64_t chunk, bool release,
                    const struct prepared *prepared, uint64_t *ret_sent, struct rh_error *error)
{
    struct rh_conn *conn = scope->conn;
    const char *open = opening(scope);
    int rc = open ? rh_pg_pipe_send(conn, NULL, open, NULL, error) : RH_OK;

    scope->opened = open && !rc;
    for (uint64_t first = 0; !rc && first < n_units(scope->spec);) {
        uint64_t n = rows_together(scope, first, chunk);
        rc = build(scope, how, first, n, error);
        if (!rc)
            rc = rh_pg_pipe_send(conn, is_prepared(prepared, conn) ? prepared->name : NULL,
                                 rh_sql_string(&conn->sql), &conn->params, error);
        if (rc)
            break;
        first += n;
        if (++*ret_sent % FLUSH_EVERY == 0)
            rc = rh_pg_flush(conn, scope->op, error);
    }
    if (!rc && release)
        rc = rh_pg_pipe_send(conn, NULL, "RELEASE SAVEPOINT rh_write", NULL, error);
    return rc;
}

static int fail_ambiguous(uint64_t row, struct rh_error *error)
{
    int rc = rh_fail(error, RH_CONSTRAINT, "the key matches more than one row");

    if (error && rc == RH_CONSTRAINT) {
        error->constraint = RH_CONSTRAINT_AMBIGUOUS_KEY;
        error->row = row;
    }
    return rc;
}

/* keyed: each statement is for one row and must not match two. */
static int take_all(struct scope *scope, uint64_t sent, uint64_t chunk, bool keyed,
                    struct rh_error *error)
{
    int rc = opening(scope) ? rh_pg_pipe_result(scope->conn, scope->op, NULL, error) : RH_OK;

    for (uint64_t i = 0; !rc && i < sent; i++) {
        PGresult *result = NULL;
        rc = rh_pg_pipe_result(scope->conn, scope->op, &result, error);
        if (rc && chunk == 1 && error && !scope->spec->where)
            error->row = i;
        if (!rc && keyed && strtoull(PQcmdTuples(result), NULL, 10) > 1) {
            PQclear(result);
            return fail_ambiguous(i, error);
        }
        if (!rc)
            rc = take_result(scope, result, error);
    }
    return rc;
}

static int try_pipeline(struct scope *scope, build_fn *how, uint64_t chunk, bool keyed,
                        char ret_name[RH_PG_STATEMENT_NAME_SIZE], struct rh_error *error)
{
    struct rh_conn *conn = scope->conn;
    struct prepared prepared = {.n = 0};
    bool release = scope->nested && !keyed; /* nothing is left to be looked at before */
    uint64_t sent = 0;
    int rc = prepare_first(scope, how, chunk, &prepared, error), ended = RH_OK;

    if (rc)
        goto out;
    rc = rh_pg_pipe_begin(conn, error);
    if (rc)
        goto out;
    rc = send_all(scope, how, chunk, release, &prepared, &sent, error);
    if (rc) {
        rh_pg_pipe_abandon(conn, scope->op);
        goto out;
    }
    if (!scope->nested && !scope->explicitly)
        scope->committing = true;
    rc = rh_pg_pipe_sync(conn, error);
    if (!rc)
        rc = take_all(scope, sent, chunk, keyed, error);
    if (!rc && release) {
        rc = rh_pg_pipe_result(conn, scope->op, NULL, error);
        scope->released = rc == RH_OK;
    }
    ended = rh_pg_pipe_end(conn, scope->op, error);
    rc = rc ? rc : ended;
out:
    memcpy(ret_name, prepared.name, sizeof prepared.name);
    free(prepared.text);
    free(prepared.oids);
    return rc;
}

/* Once more when the prepared statement turns out to be stale: nothing was kept of it. */
static int run_pipeline(struct scope *scope, build_fn *how, uint64_t chunk, bool keyed,
                        struct rh_error *error)
{
    struct rh_error first = RH_ERROR_INIT;
    char name[RH_PG_STATEMENT_NAME_SIZE] = "";
    int rc = try_pipeline(scope, how, chunk, keyed, name, &first);

    if (rc && name[0] && !scope->conn->broken && rh_pg_expire_stale(scope->conn, name, &first)) {
        scope_undo(scope);
        scope->committing = scope->released = false;
        scope->n_affected = 0;
        rh_error_clear(&first);
        rc = try_pipeline(scope, how, chunk, keyed, name, &first);
    }
    if (rc && error && !error->error_class)
        *error = first;
    return rc;
}

/* ---- the group ---- */

static int enter(struct scope *scope, struct rh_write_result *ret_result, struct rh_error *error)
{
    struct rh_conn *conn = scope->conn;
    int rc = rh_pg_enter(conn, scope->op, error);

    rh_pg_returned_free(conn);
    ret_result->n_affected = 0;
    ret_result->returned = (struct rh_batch){.struct_size = ret_result->returned.struct_size,
                                             .n_cols = scope->spec->n_returning};
    if (rc)
        return rc;
    if (scope->op->flags & RH_OP_READ_ONLY)
        return rh_fail(error, RH_PERMISSION, "the operation is read-only");
    rh_sql_fini(&conn->sql);
    rh_sql_init(&conn->sql, &rh_pg_dialect, conn);
    scope->nested = PQtransactionStatus(conn->pg) == PQTRANS_INTRANS;
    if (PQtransactionStatus(conn->pg) == PQTRANS_INERROR)
        return rh_fail(error, RH_INVALID, "the transaction has failed and must be rolled back");
    return RH_OK;
}

static int leave(struct scope *scope, int rc, struct rh_write_result *ret_result,
                 struct rh_error *error)
{
    if (!rc)
        rc = rh_pg_returned_batch(scope->conn, scope->spec, &ret_result->returned, error);
    if (!rc)
        ret_result->n_affected = scope->n_affected;
    else
        rh_pg_returned_free(scope->conn);
    rc = judge(scope, rc, error);
    rh_pg_leave(scope->conn);
    return rc;
}

static int keep_or_undo(struct scope *scope, int rc, struct rh_error *error)
{
    if (!rc)
        rc = scope_keep(scope, error);
    if (rc)
        scope_undo(scope);
    return rc;
}

static int insert_by_copy(struct scope *scope, struct rh_error *error)
{
    int rc = RH_OK;

    if (scope->nested) {
        rc = rh_pg_command(scope->conn, scope->op, opening(scope), error);
        scope->opened = rc == RH_OK;
    } else {
        scope->committing = true;
    }
    if (!rc)
        rc = rh_pg_copy(scope->conn, scope->op, scope->spec, &scope->n_affected, error);
    return keep_or_undo(scope, rc, error);
}

static int insert_in_chunks(struct scope *scope, build_fn *how, uint64_t chunk,
                            struct rh_error *error)
{
    int rc = RH_OK;

    scope->n_affected = 0;
    if (!scope->nested && rows_together(scope, 0, chunk) == scope->spec->n_rows)
        return run_alone(scope, how, scope->spec->n_rows, error);
    rc = run_pipeline(scope, how, chunk, false, error);
    return keep_or_undo(scope, rc, error);
}

/* Whether COPY refused the table, not the rows: row-level security, a view. */
static bool is_refusal(const struct rh_error *error)
{
    return strcmp(error->sqlstate, "0A000") == 0 || strcmp(error->sqlstate, "42809") == 0;
}

/* An upsert by columns without a unique constraint: the host can complete it. */
static bool has_no_arbiter(const struct rh_error *error)
{
    return strcmp(error->sqlstate, "42P10") == 0;
}

static int insert_rows(struct scope *scope, build_fn *how, struct rh_error *error)
{
    const struct rh_write_spec *spec = scope->spec;
    struct rh_error first = RH_ERROR_INIT;
    uint64_t chunk = CHUNK_PARAMETERS / (spec->n_columns ? spec->n_columns : 1);
    int rc = RH_OK;

    chunk = chunk < 1 ? 1 : chunk > CHUNK_ROWS ? CHUNK_ROWS : chunk;
    if (how == rh_sql_insert && spec->n_rows >= COPY_ROWS && spec->n_returning == 0 &&
        rh_pg_copy_suits(spec)) {
        rc = insert_by_copy(scope, &first);
        if (!rc || !is_refusal(&first)) {
            if (rc && error && !error->error_class)
                *error = first;
            return rc;
        }
        rh_error_clear(&first);
    }
    rc = insert_in_chunks(scope, how, chunk, &first);
    if ((rc == RH_CONSTRAINT || rc == RH_DATA) && chunk > 1 && spec->n_rows > 1 &&
        spec->n_rows <= RETRY_ROWS && first.row == RH_NO_ROW && !scope->conn->broken)
        return insert_in_chunks(scope, how, 1, error);
    if (rc && how == rh_sql_upsert && has_no_arbiter(&first))
        rc = first.error_class = RH_UNSUPPORTED;
    if (rc && error && !error->error_class)
        *error = first;
    return rc;
}

int rh_pg_insert(struct rh_conn *conn, const struct rh_op *op, const struct rh_write_spec *spec,
                 struct rh_write_result *ret_result, struct rh_error *error)
{
    struct scope scope = {.conn = conn, .op = op, .spec = spec};
    int rc = enter(&scope, ret_result, error);

    if (!rc && spec->n_rows)
        rc = insert_rows(&scope, rh_sql_insert, error);
    return leave(&scope, rc, ret_result, error);
}

int rh_pg_upsert(struct rh_conn *conn, const struct rh_op *op, const struct rh_write_spec *spec,
                 struct rh_write_result *ret_result, struct rh_error *error)
{
    struct scope scope = {.conn = conn, .op = op, .spec = spec};
    int rc = enter(&scope, ret_result, error);

    if (!rc && spec->n_key == 0)
        rc = rh_fail(error, RH_INVALID, "an upsert needs the columns of a key");
    if (!rc && spec->n_rows)
        rc = insert_rows(&scope, rh_sql_upsert, error);
    return leave(&scope, rc, ret_result, error);
}

/* One statement: alone, or with a savepoint around it in one round trip. */
static int run_one(struct scope *scope, build_fn *how, struct rh_error *error)
{
    if (!scope->nested)
        return run_alone(scope, how, 1, error);
    return keep_or_undo(scope, run_pipeline(scope, how, 1, false, error), error);
}

/* One row by key. */
static int change_one(struct scope *scope, bool update, struct rh_error *error)
{
    struct rh_error own = RH_ERROR_INIT;
    int rc = run_one(scope, update ? build_guarded_update : build_guarded_delete, &own);

    if (rc && strcmp(own.sqlstate, "22P02") == 0 && strstr(own.message, too_many))
        return fail_ambiguous(0, error);
    if (rc && strcmp(own.sqlstate, "0A000") == 0) { /* a rule stands on the table */
        scope->committing = false;
        scope->explicitly = !scope->nested;
        rc = run_pipeline(scope, update ? build_update : build_delete, 1, true, error);
        return keep_or_undo(scope, rc, error);
    }
    if (rc && error && !error->error_class)
        *error = own;
    return rc;
}

static int change(struct scope *scope, build_fn *how, struct rh_write_result *ret_result,
                  struct rh_error *error)
{
    int rc = enter(scope, ret_result, error);

    if (rc)
        return leave(scope, rc, ret_result, error);
    if (scope->spec->where) {
        rc = run_one(scope, how, error);
    } else if (scope->spec->n_rows == 1) {
        rc = change_one(scope, how == build_update, error);
    } else if (scope->spec->n_rows) {
        scope->explicitly = !scope->nested;
        rc = run_pipeline(scope, how, 1, true, error);
        rc = keep_or_undo(scope, rc, error);
    }
    return leave(scope, rc, ret_result, error);
}

int rh_pg_update(struct rh_conn *conn, const struct rh_op *op, const struct rh_write_spec *spec,
                 struct rh_write_result *ret_result, struct rh_error *error)
{
    struct scope scope = {.conn = conn, .op = op, .spec = spec};

    return change(&scope, build_update, ret_result, error);
}

int rh_pg_remove(struct rh_conn *conn, const struct rh_op *op, const struct rh_write_spec *spec,
                 struct rh_write_result *ret_result, struct rh_error *error)
{
    struct scope scope = {.conn = conn, .op = op, .spec = spec};

    return change(&scope, build_delete, ret_result, error);
}
