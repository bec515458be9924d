/*
 * Transactions: one writer at a time, and an undo log.
 *
 *     a call changes rows ──► each change is logged ──► the call fails: undo to where it began
 *                                    │
 *            outside a transaction   │   inside: the table's old list stays `committed`, which is
 *            the log is dropped      │   what all others read, until commit or rollback
 *
 * The right to write is taken at the first change, or at the beginning when all reads shall see
 * one state. A read-only snapshot holds the lists of all tables instead, and hinders nobody.
 */
#include "memory.h"

#include "connector/kit.h"

#include <stdlib.h>

static void forget_changes(struct rh_conn *conn, size_t mark)
{
    while (conn->n_changes > mark) {
        struct mem_change *change = &conn->changes[--conn->n_changes];
        mem_row_unref(change->old);
        mem_row_unref(change->row);
    }
}

/* The connection's changes are final: for those who follow them. */
static void log_changes(struct rh_conn *conn)
{
    for (size_t i = 0; i < conn->n_changes; i++) {
        const struct mem_change *change = &conn->changes[i];
        mem_log_add(&conn->database->log, change->table->layout, change->old, change->row);
    }
}

/* The array with room for one more; NULL when out of memory, and then it is as it was. */
static void *grow(void *items, size_t n, size_t *cap, size_t item_size)
{
    if (n < *cap)
        return items;
    size_t more = *cap ? *cap * 2 : 16;
    void *moved = reallocarray(items, more, item_size);
    if (moved)
        *cap = more;
    return moved;
}

/* ---- What the calls of write.c and read.c use -------------------------------------------- */

int mem_tx_rows_locked(struct rh_conn *conn, struct mem_table *table, struct mem_rows **ret_rows,
                       struct rh_error *error)
{
    *ret_rows = table->rows;
    if (table->committed && conn->database->writer != conn)
        *ret_rows = table->committed;
    if (!conn->frozen)
        return RH_OK;
    for (size_t i = 0; i < conn->n_frozen; i++) {
        if (conn->frozen[i].layout == table->layout) {
            *ret_rows = conn->frozen[i].rows;
            return RH_OK;
        }
    }
    return rh_fail(error, RH_CONFLICT, "table \"%s\" was changed since the transaction began",
                   table->name);
}

int mem_tx_begin_write_locked(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    if (op->flags & RH_OP_READ_ONLY)
        return rh_fail(error, RH_PERMISSION, "the operation is read-only");
    if (conn->in_tx && (conn->tx_flags & RH_TX_READ_ONLY))
        return rh_fail(error, RH_PERMISSION, "the transaction is read-only");
    return mem_database_acquire_locked(conn, op, error);
}

int mem_tx_replace_locked(struct rh_conn *conn, struct mem_table *table, uint64_t position,
                          struct mem_row *old, struct mem_row *row, struct rh_error *error)
{
    struct mem_change *changes =
        grow(conn->changes, conn->n_changes, &conn->cap_changes, sizeof *changes);
    struct mem_row *kept = old ? mem_row_ref(old) : NULL;
    int rc = changes ? RH_OK : rh_fail_nomem(error);
    if (changes)
        conn->changes = changes;
    if (rc == RH_OK && conn->in_tx && !table->committed)
        table->committed = mem_rows_ref(table->rows);
    if (rc == RH_OK)
        rc = mem_table_replace(table, position, old, row, error);
    if (rc) {
        mem_row_unref(kept);
        mem_row_unref(row);
        return rc;
    }
    changes[conn->n_changes++] = (struct mem_change){table, position, kept, row};
    return RH_OK;
}

void mem_tx_undo_locked(struct rh_conn *conn, size_t mark)
{
    for (size_t i = conn->n_changes; i > mark; i--) {
        const struct mem_change *change = &conn->changes[i - 1];
        mem_table_replace(change->table, change->position, change->row, change->old, NULL);
    }
    forget_changes(conn, mark);
}

void mem_tx_end_write_locked(struct rh_conn *conn)
{
    if (conn->in_tx)
        return;
    for (size_t i = 0; i < conn->n_changes; i++) {
        if (i == 0 || conn->changes[i].table != conn->changes[i - 1].table)
            mem_table_compact(conn->changes[i].table);
    }
    log_changes(conn);
    forget_changes(conn, 0);
    mem_database_release_locked(conn);
}

/* ---- Beginning and ending ---------------------------------------------------------------- */

static int freeze(struct rh_conn *conn, struct rh_error *error)
{
    size_t n = 0;
    for (struct mem_table *table = conn->database->tables; table; table = table->next)
        n++;
    conn->frozen = calloc(n + 1, sizeof *conn->frozen);
    if (!conn->frozen)
        return rh_fail_nomem(error);
    for (struct mem_table *table = conn->database->tables; table; table = table->next) {
        struct mem_rows *rows = table->committed ? table->committed : table->rows;
        conn->frozen[conn->n_frozen++] = (struct mem_frozen){table->layout, mem_rows_ref(rows)};
    }
    return RH_OK;
}

static void end(struct rh_conn *conn)
{
    for (size_t i = 0; i < conn->n_frozen; i++)
        mem_rows_unref(conn->frozen[i].rows);
    free(conn->frozen);
    conn->frozen = NULL;
    conn->n_frozen = 0;
    conn->n_savepoints = 0;
    conn->in_tx = false;
    mem_database_release_locked(conn);
}

void mem_tx_abort_locked(struct rh_conn *conn)
{
    if (!conn->in_tx)
        return;
    /* The lists are thrown away; only the indexes have to go back. */
    for (size_t i = conn->n_changes; i > 0; i--) {
        const struct mem_change *change = &conn->changes[i - 1];
        mem_table_index(change->table, change->row, change->old);
    }
    if (conn->database->writer == conn) {
        for (struct mem_table *table = conn->database->tables; table; table = table->next) {
            if (!table->committed)
                continue;
            mem_rows_unref(table->rows);
            table->rows = table->committed;
            table->committed = NULL;
        }
    }
    forget_changes(conn, 0);
    end(conn);
}

static int fail_without_tx(struct rh_error *error)
{
    return rh_fail(error, RH_INVALID, "no transaction has begun");
}

int32_t mem_begin(struct rh_conn *conn, const struct rh_op *op, uint32_t flags,
                  struct rh_error *error)
{
    int rc = RH_OK;
    mem_call(conn);
    if (conn->in_tx)
        return rh_fail(error, RH_INVALID, "a transaction has begun already");
    if (flags & 0xffffu & ~(RH_TX_READ_ONLY | RH_TX_SNAPSHOT))
        return rh_fail(error, RH_UNSUPPORTED, "there is no such kind of transaction");
    if (op->flags & RH_OP_READ_ONLY)
        flags |= RH_TX_READ_ONLY;
    pthread_mutex_lock(&conn->database->lock);
    if ((flags & RH_TX_SNAPSHOT) && (flags & RH_TX_READ_ONLY))
        rc = freeze(conn, error);
    else if (flags & RH_TX_SNAPSHOT)
        rc = mem_tx_begin_write_locked(conn, op, error);
    pthread_mutex_unlock(&conn->database->lock);
    if (rc)
        return rc;
    conn->in_tx = true;
    conn->tx_flags = flags;
    return RH_OK;
}

int32_t mem_commit(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    mem_call(conn);
    if (!conn->in_tx)
        return fail_without_tx(error);
    int rc = mem_check(conn, op, error);
    if (rc)
        return rc;
    pthread_mutex_lock(&conn->database->lock);
    log_changes(conn);
    forget_changes(conn, 0);
    if (conn->database->writer == conn) {
        for (struct mem_table *table = conn->database->tables; table; table = table->next) {
            if (!table->committed)
                continue;
            mem_rows_unref(table->committed);
            table->committed = NULL;
            mem_table_compact(table);
        }
    }
    end(conn);
    pthread_mutex_unlock(&conn->database->lock);
    return RH_OK;
}

int32_t mem_rollback(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    if (!conn->in_tx)
        return fail_without_tx(error);
    pthread_mutex_lock(&conn->database->lock);
    mem_tx_abort_locked(conn);
    pthread_mutex_unlock(&conn->database->lock);
    return RH_OK;
}

/* ---- Savepoints -------------------------------------------------------------------------- */

static int find_savepoint(const struct rh_conn *conn, uint32_t number, size_t *ret_position,
                          struct rh_error *error)
{
    if (!conn->in_tx)
        return fail_without_tx(error);
    for (size_t i = conn->n_savepoints; i > 0; i--) {
        if (conn->savepoints[i - 1].number == number) {
            *ret_position = i - 1;
            return RH_OK;
        }
    }
    return rh_fail(error, RH_INVALID, "there is no savepoint %u", number);
}

int32_t mem_savepoint(struct rh_conn *conn, const struct rh_op *op, uint32_t number,
                      struct rh_error *error)
{
    if (!conn->in_tx)
        return fail_without_tx(error);
    struct mem_savepoint *savepoints =
        grow(conn->savepoints, conn->n_savepoints, &conn->cap_savepoints, sizeof *savepoints);
    if (!savepoints)
        return rh_fail_nomem(error);
    conn->savepoints = savepoints;
    conn->savepoints[conn->n_savepoints++] = (struct mem_savepoint){number, conn->n_changes};
    return RH_OK;
}

int32_t mem_rollback_to(struct rh_conn *conn, const struct rh_op *op, uint32_t number,
                        struct rh_error *error)
{
    size_t position = 0;
    int rc = find_savepoint(conn, number, &position, error);
    if (rc)
        return rc;
    size_t mark = conn->savepoints[position].mark;
    pthread_mutex_lock(&conn->database->lock);
    /* An open cursor may share a list; copying it is the only step that can fail. */
    for (size_t i = mark; i < conn->n_changes && rc == RH_OK; i++)
        rc = mem_table_own(conn->changes[i].table, error);
    if (rc == RH_OK) {
        mem_tx_undo_locked(conn, mark);
        conn->n_savepoints = position + 1;
    }
    pthread_mutex_unlock(&conn->database->lock);
    return rc;
}

int32_t mem_release(struct rh_conn *conn, const struct rh_op *op, uint32_t number,
                    struct rh_error *error)
{
    size_t position = 0;
    int rc = find_savepoint(conn, number, &position, error);
    if (rc == RH_OK)
        conn->n_savepoints = position;
    return rc;
}
