/*
 * Native statements: one, through the extended protocol (so that two cannot hide in one text), with
 * parameters $1, $2, … whose types the server infers from where they stand.
 *
 * Results come as text, which every type has, and are turned into values by type, arrays into JSON;
 * what has no value type here (an array of an enum, too), or does not read as one, is a TEXT cell, so
 * nothing is lost. JSON arrays as parameters: see native_params.c.
 *
 * With RH_OP_READ_ONLY the statement runs in a read-only transaction (a read-only savepoint inside
 * the host's) that is rolled back at the end, and its rows are streamed. Without, it may change
 * something, even as a SELECT: its result is taken in whole, within the operation's memory, so that
 * leaving rows unread cannot undo it. Transaction control is refused: that is what the tx group is
 * for. What gets past that test is found by its outcome, and costs the connection.
 */
#include "native.h"

#include "native_kind.h"
#include "native_params.h"
#include "native_value.h"
#include "read.h"

#include <stdlib.h>
#include <string.h>

#define BATCH_BYTES (1u << 20)
#define SOON_US 10000
#define WHOLE_BYTES (64u << 20) /* of a result, where the operation names no budget */

enum guard { GUARD_NONE, GUARD_TRANSACTION, GUARD_SAVEPOINT };

struct rh_pg_native_cursor {
    struct rh_conn *conn;
    struct rh_rowset rows;
    PGresult *result; /* at hand */
    int row;          /* next in it */
    Oid *oids;
    bool streaming; /* more results follow */
    enum guard guard;
};

/* ---- running ---- */

/* The columns of the result, in the op's arena. */
static int describe(struct rh_conn *conn, const struct rh_op *op, const PGresult *result,
                    struct rh_native_result *ret_result, struct rh_error *error)
{
    int n = PQnfields(result);
    struct rh_column *columns =
        conn->host->alloc(op->arena, (uint64_t)(n ? n : 1) * sizeof *columns);

    if (!columns)
        return rh_fail_nomem(error);
    for (int i = 0; i < n; i++) {
        struct rh_column *column = &columns[i];
        size_t len = strlen(PQfname(result, i));
        char *name = conn->host->alloc(op->arena, len + 1);
        if (!name)
            return rh_fail_nomem(error);
        memcpy(name, PQfname(result, i), len);
        column->name = rh_text_make(name, len);
        rh_pg_describe_type(PQftype(result, i), column);
    }
    ret_result->columns = columns;
    ret_result->n_columns = (uint32_t)n;
    return RH_OK;
}

static int raise_guard(struct rh_conn *conn, const struct rh_op *op, enum guard *ret_guard,
                       struct rh_error *error)
{
    int rc = RH_OK;

    *ret_guard = GUARD_NONE;
    if (!(op->flags & RH_OP_READ_ONLY))
        return RH_OK;
    if (PQtransactionStatus(conn->pg) == PQTRANS_IDLE) {
        rc = rh_pg_command(conn, op, "BEGIN READ ONLY", error);
        if (!rc)
            *ret_guard = GUARD_TRANSACTION;
        return rc;
    }
    rc = rh_pg_command(conn, op, "SAVEPOINT rh_native;SET LOCAL transaction_read_only=on", error);
    if (!rc)
        *ret_guard = GUARD_SAVEPOINT;
    return rc;
}

static void lower_guard(struct rh_conn *conn, enum guard guard)
{
    const char *text = guard == GUARD_TRANSACTION
                           ? "ROLLBACK"
                           : "ROLLBACK TO SAVEPOINT rh_native;RELEASE SAVEPOINT rh_native";

    if (guard == GUARD_NONE) {
        if (!conn->single_row)
            return;
        text = ""; /* in a pipeline libpq would go on row by row; a plain statement ends that */
    }
    conn->single_row = false;
    if (conn->broken)
        return;
    if (!PQsendQuery(conn->pg, text) || PQflush(conn->pg) < 0)
        conn->broken = true;
    else
        conn->owed = true;
}

/* Takes in what is left of a statement whose last result was seen. */
static int take_end(struct rh_conn *conn, const struct rh_op *op, int rc, struct rh_error *error)
{
    PGresult *end = NULL;
    int ended = RH_OK;

    if (conn->broken)
        return rc;
    ended = rh_pg_next_result(conn, op, &end, error);
    PQclear(end);
    return rc ? rc : ended;
}

static int refuse_copy(struct rh_conn *conn, struct rh_error *error)
{
    rh_pg_interrupt(conn);
    return rh_fail(error, RH_UNSUPPORTED, "COPY cannot be used here");
}

/* Puts the one row of `from` behind those of *whole, which is made from the first. */
static int add_to_whole(PGresult **whole, const PGresult *from, const struct rh_op *op,
                        struct rh_error *error)
{
    int n_cols = PQnfields(from), row = 0;

    if (!*whole)
        *whole = PQcopyResult(from, PG_COPYRES_ATTRS);
    if (!*whole)
        return rh_fail_nomem(error);
    row = PQntuples(*whole);
    for (int i = 0; i < n_cols; i++) {
        bool null = PQgetisnull(from, 0, i);
        if (!PQsetvalue(*whole, row, i, null ? NULL : PQgetvalue(from, 0, i),
                        null ? -1 : PQgetlength(from, 0, i)))
            return rh_fail_nomem(error);
    }
    if (PQresultMemorySize(*whole) > (op->memory_budget ? op->memory_budget : WHOLE_BYTES)) {
        rh_fail(error, RH_RESOURCE, "the result of the statement is too large");
        return rh_error_hint(error, "Ask for fewer rows, or run it read-only");
    }
    return RH_OK;
}

/* The statement was over at the server before its result was found to be too large. */
static int fail_half_done(struct rh_error *error)
{
    rh_error_clear(error);
    rh_fail(error, RH_UNKNOWN_OUTCOME,
            "the result of the statement is too large, but what it changes may be changed");
    return rh_error_hint(error, "Look whether it took effect before trying again");
}

/* All rows; *ret_last is the result behind them, which has the number of rows affected. */
static int take_whole(struct rh_conn *conn, const struct rh_op *op, bool nested,
                      PGresult **ret_whole, PGresult **ret_last, struct rh_error *error)
{
    for (;;) {
        PGresult *result = NULL;
        int rc = rh_pg_next_result(conn, op, &result, error);
        if (rc)
            return rc;
        if (!result)
            return rh_pg_lost(conn, error);
        switch (PQresultStatus(result)) {
        case PGRES_SINGLE_TUPLE:
            /* A row without columns has nothing that could be kept, or given. */
            rc = PQnfields(result) ? add_to_whole(ret_whole, result, op, error) : RH_OK;
            PQclear(result);
            if (!rc)
                continue;
            rh_pg_interrupt(conn);
            return nested || conn->ended_well ? rc : fail_half_done(error);
        case PGRES_COPY_IN:
        case PGRES_COPY_OUT:
        case PGRES_COPY_BOTH:
            PQclear(result);
            return refuse_copy(conn, error);
        default:
            *ret_last = result;
            return take_end(conn, op, rh_pg_check(result, error), error);
        }
    }
}

/* The result as far as it is here: whole, or a first row to be streamed from. */
struct answer {
    PGresult *rows; /* owned */
    uint64_t n_affected;
};

static int take_first(struct rh_conn *conn, const struct rh_op *op, PGresult **ret_first,
                      struct rh_error *error)
{
    int rc = rh_pg_next_result(conn, op, ret_first, error);

    if (rc)
        return rc;
    if (!*ret_first)
        return rh_pg_lost(conn, error);
    switch (PQresultStatus(*ret_first)) {
    case PGRES_SINGLE_TUPLE:
        return RH_OK;
    case PGRES_COPY_IN:
    case PGRES_COPY_OUT:
    case PGRES_COPY_BOTH:
        return refuse_copy(conn, error);
    default:
        return take_end(conn, op, rh_pg_check(*ret_first, error), error);
    }
}

static bool is_control_tag(const char *tag)
{
    static const char *const tags[] = {
        "BEGIN",     "START TRANSACTION", "COMMIT", "ROLLBACK", "PREPARE TRANSACTION",
        "SAVEPOINT", "RELEASE",           NULL};

    for (int i = 0; tags[i]; i++) {
        if (strcmp(tag, tags[i]) == 0)
            return true;
    }
    return false;
}

/* Whether the session is in the transaction that it was in before. */
static int check_outcome(struct rh_conn *conn, PGTransactionStatusType before, PGresult *last,
                         struct rh_error *error)
{
    PGTransactionStatusType now = PQtransactionStatus(conn->pg);
    bool same = now == before || (before == PQTRANS_INTRANS && now == PQTRANS_INERROR);

    if (conn->broken || (same && !(last && is_control_tag(PQcmdStatus(last)))))
        return RH_OK;
    conn->broken = true;
    rh_error_clear(error);
    return rh_fail(error, RH_UNSUPPORTED, "the statement ended or began a transaction");
}

/* Sends, and takes the result: whole, or with `streaming` its first row. */
static int execute(struct rh_conn *conn, const struct rh_op *op, const char *text, bool streaming,
                   struct answer *ret_answer, struct rh_error *error)
{
    const struct rh_pg_params *p = &conn->params;
    PGTransactionStatusType before = PQtransactionStatus(conn->pg);
    PGresult *rows = NULL, *last = NULL;
    int rc = RH_OK, outcome = RH_OK;

    if (!PQsendQueryParams(conn->pg, text, p->n, p->oids, p->values, p->lengths, p->formats, 0) ||
        !PQsetSingleRowMode(conn->pg))
        return rh_pg_lost(conn, error);
    conn->single_row = true;
    rc = streaming ? take_first(conn, op, &last, error)
                   : take_whole(conn, op, before != PQTRANS_IDLE, &rows, &last, error);
    if (PQtransactionStatus(conn->pg) != PQTRANS_ACTIVE)
        outcome = check_outcome(conn, before, last, error);
    rc = outcome ? outcome : rc;
    if (!rc) {
        ret_answer->n_affected = strtoull(PQcmdTuples(last), NULL, 10);
        ret_answer->rows = rows ? rows : last;
        last = ret_answer->rows == last ? NULL : last;
        rows = NULL;
    }
    PQclear(rows);
    PQclear(last);
    return rc;
}

static struct rh_pg_native_cursor *make_cursor(struct rh_conn *conn, PGresult *result)
{
    struct rh_pg_native_cursor *native = calloc(1, sizeof *native);
    int n = PQnfields(result);

    if (native)
        native->oids = calloc((size_t)n + 1, sizeof *native->oids);
    if (!native || !native->oids) {
        free(native);
        PQclear(result);
        return NULL;
    }
    native->conn = conn;
    native->result = result;
    native->streaming = PQresultStatus(result) == PGRES_SINGLE_TUPLE;
    rh_rowset_init(&native->rows, (uint32_t)n, BATCH_BYTES);
    for (int i = 0; i < n; i++)
        native->oids[i] = PQftype(result, i);
    return native;
}

static int32_t run(struct rh_conn *conn, const struct rh_op *op, const struct rh_native_spec *spec,
                   struct rh_native_result *ret_result, struct rh_error *error)
{
    struct rh_pg_native_cursor *native = NULL;
    struct answer answer = {.rows = NULL};
    enum guard guard = GUARD_NONE;
    char *text = NULL;
    int rc = rh_pg_enter(conn, op, error);

    if (!rc && conn->cursor)
        rc = rh_fail(error, RH_CONTRACT, "a cursor is open on this connection already");
    if (!rc)
        rc = rh_pg_native_check(spec, op, error);
    if (!rc)
        rc = rh_pg_native_load(conn, spec, error);
    if (rc)
        goto out;
    text = strndup(spec->text.data, spec->text.len);
    if (!text) {
        rc = rh_fail_nomem(error);
        goto out;
    }
    rc = raise_guard(conn, op, &guard, error);
    if (rc)
        goto out;
    conn->dirty = true; /* read-only ones, too: advisory locks outlive the rollback */
    rc = rh_pg_native_fit_arrays(conn, op, text, spec, error);
    if (!rc)
        rc = execute(conn, op, text, guard != GUARD_NONE, &answer, error);
    /* The wrong number of parameters: the server calls it a violation of its protocol. */
    if (rc == RH_PROTOCOL && strcmp(error->sqlstate, "08P01") == 0)
        rc = error->error_class = RH_INVALID;
    if (rc)
        goto out;
    ret_result->n_affected = answer.n_affected;
    if (PQnfields(answer.rows) == 0)
        goto out;
    rc = describe(conn, op, answer.rows, ret_result, error);
    if (rc)
        goto out;
    native = make_cursor(conn, answer.rows);
    answer.rows = NULL;
    if (native) {
        native->guard = guard;
        guard = GUARD_NONE;
        ret_result->cursor = rh_pg_cursor_of_native(conn, native);
    }
    if (!ret_result->cursor)
        rc = rh_fail_nomem(error);
out:
    if (PQtransactionStatus(conn->pg) == PQTRANS_ACTIVE && !ret_result->cursor && !conn->broken &&
        !conn->owed)
        rh_pg_interrupt(conn); /* streaming, and nobody will read it */
    if (!ret_result->cursor)
        lower_guard(conn, guard);
    PQclear(answer.rows);
    free(text);
    rh_pg_leave(conn);
    return rc;
}

/* ---- the cursor ---- */

bool rh_pg_native_is_streaming(const struct rh_pg_native_cursor *native)
{
    return native->streaming;
}

static int next_result(struct rh_pg_native_cursor *native, const struct rh_op *op,
                       struct rh_error *error)
{
    int rc = RH_OK;

    PQclear(native->result);
    native->result = NULL;
    native->row = 0;
    rc = rh_pg_next_result(native->conn, op, &native->result, error);
    if (!rc && !native->result)
        rc = rh_pg_lost(native->conn, error);
    if (!rc && PQresultStatus(native->result) != PGRES_SINGLE_TUPLE) {
        native->streaming = false;
        rc = take_end(native->conn, op, rh_pg_check(native->result, error), error);
    }
    if (rc)
        native->streaming = false;
    return rc;
}

static void add_row(struct rh_pg_native_cursor *native)
{
    struct rh_value *cells = rh_rowset_row(&native->rows);
    int row = native->row++;

    for (uint32_t i = 0; cells && i < native->rows.n_cols; i++) {
        struct rh_text text = {PQgetvalue(native->result, row, (int)i),
                               (uint64_t)PQgetlength(native->result, row, (int)i)};
        if (PQgetisnull(native->result, row, (int)i)) {
            cells[i].type = RH_TYPE_NULL;
        } else if (!rh_pg_convert(&native->rows, &cells[i], native->oids[i], text)) {
            cells[i] = (struct rh_value){.type = RH_TYPE_NULL};
            rh_rowset_bytes(&native->rows, &cells[i], RH_TYPE_TEXT, text.data, text.len);
        }
    }
}

int rh_pg_native_next(struct rh_pg_native_cursor *native, const struct rh_op *op, uint32_t max_rows,
                      struct rh_batch *ret_batch, struct rh_error *error)
{
    int rc = rh_pg_enter_cursor(native->conn, op, error);

    rh_rowset_clear(&native->rows, max_rows ? max_rows : 1);
    while (!rc && rh_rowset_has_room(&native->rows)) {
        if (native->result && native->row < PQntuples(native->result))
            add_row(native);
        else if (native->streaming)
            rc = next_result(native, op, error);
        else
            break;
    }
    if (!rc)
        rc = rh_rowset_batch(&native->rows, ret_batch, error);
    rh_pg_leave(native->conn);
    return rc;
}

void rh_pg_native_finish(struct rh_pg_native_cursor *native)
{
    struct rh_conn *conn = native->conn;
    uint64_t until_us = conn->host->now_us(conn->host) + SOON_US;

    while (native->streaming && !conn->broken) {
        uint64_t now_us = conn->host->now_us(conn->host);
        struct rh_op op = {.deadline_us = until_us, .cancel_fd = -1};
        if (now_us >= until_us || !rh_pg_await(conn, until_us - now_us)) {
            rh_pg_interrupt(conn);
            break;
        }
        if (next_result(native, &op, NULL))
            break;
    }
    lower_guard(conn, native->guard);
    native->guard = GUARD_NONE;
}

void rh_pg_native_free(struct rh_pg_native_cursor *native)
{
    rh_rowset_fini(&native->rows);
    PQclear(native->result);
    free(native->oids);
    free(native);
}

const struct rh_native rh_pg_native = {
    .struct_size = sizeof(struct rh_native),
    .language = RH_TEXT_INIT("SQL (PostgreSQL)"),
    .run = run,
};
