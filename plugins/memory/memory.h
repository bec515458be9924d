/*
 * The connection, and the functions that the vtable in memory.c is made of. What each has to do is
 * said in rowhouse/connector.h.
 */
#pragma once

#include "database.h"

#include "base/buf.h"
#include "connector/rowset.h"

#include <rowhouse/connector.h>

#include <stdatomic.h>
#include <stdbool.h>

#define MEM_KEY_MAX (1u << 30)    /* bytes of an encoded key */
#define MEM_ROWS_PER_WRITE 10000u /* keeps the time short for which a write holds the lock */
#define MEM_CHECK_EVERY 1024u     /* rows between two looks at deadline and cancel */

/* One change, for taking it back. Both rows are counted. */
struct mem_change {
    struct mem_table *table;
    uint64_t position;
    struct mem_row *old; /* NULL: an insert */
    struct mem_row *row; /* NULL: a delete */
};

struct mem_savepoint {
    uint32_t number;
    size_t mark; /* length of the undo log at that time */
};

/* What a read-only snapshot sees of one table. */
struct mem_frozen {
    uint64_t layout;
    struct mem_rows *rows;
};

struct rh_conn {
    const struct rh_host *host;
    struct mem_database *database;
    struct rh_cursor *cursor; /* the open one, or NULL */
    atomic_bool cancelled;

    bool in_tx;
    uint32_t tx_flags;
    struct mem_change *changes; /* the undo log */
    size_t n_changes, cap_changes;
    struct mem_savepoint *savepoints;
    size_t n_savepoints, cap_savepoints;
    struct mem_frozen *frozen;
    size_t n_frozen;

    struct rh_rowset returned; /* of the last write; lent to the host until the next call */
    struct rh_buf key;         /* scratch: an encoded key */
};

/* memory.c: at the beginning of every call that may block, and on its way. CANCELLED, TIMEOUT. */
void mem_call(struct rh_conn *conn);
int mem_check(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error);

/* catalog.c */
int32_t mem_tables(struct rh_conn *conn, const struct rh_op *op, struct rh_catalog *ret_catalog,
                   struct rh_error *error);
/* ddl.c */
int32_t mem_ddl_apply(struct rh_conn *conn, const struct rh_op *op,
                      const struct rh_ddl_change *changes, uint32_t n_changes, uint32_t stride,
                      uint32_t flags, struct rh_text *ret_native, struct rh_error *error);
/* read.c */
int32_t mem_open(struct rh_conn *conn, const struct rh_op *op, const struct rh_query *query,
                 struct rh_cursor **ret_cursor, struct rh_error *error);
int32_t mem_next(struct rh_cursor *cursor, const struct rh_op *op, uint32_t max_rows,
                 struct rh_batch *ret_batch, struct rh_error *error);
void mem_finish(struct rh_cursor *cursor);
/* feed.c */
int32_t mem_feed_open(struct rh_conn *conn, const struct rh_op *op, const struct rh_feed_spec *spec,
                      struct rh_cursor **ret_cursor, struct rh_error *error);
int32_t mem_feed_next(struct rh_cursor *cursor, const struct rh_op *op, uint32_t max_changes,
                      struct rh_feed_batch *ret_batch, struct rh_error *error);
/* write.c */
rh_write_fn mem_insert, mem_update, mem_remove, mem_upsert;
/* tx.c */
int32_t mem_begin(struct rh_conn *conn, const struct rh_op *op, uint32_t flags,
                  struct rh_error *error);
int32_t mem_commit(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error);
int32_t mem_rollback(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error);
int32_t mem_savepoint(struct rh_conn *conn, const struct rh_op *op, uint32_t number,
                      struct rh_error *error);
int32_t mem_rollback_to(struct rh_conn *conn, const struct rh_op *op, uint32_t number,
                        struct rh_error *error);
int32_t mem_release(struct rh_conn *conn, const struct rh_op *op, uint32_t number,
                    struct rh_error *error);

/* tx.c, all with the lock held. The list of the table that this connection sees: CONFLICT when a
 * snapshot cannot show it any more. */
int mem_tx_rows_locked(struct rh_conn *conn, struct mem_table *table, struct mem_rows **ret_rows,
                       struct rh_error *error);
/* Before the first change of a call: the right to write. PERMISSION, TIMEOUT, CANCELLED. */
int mem_tx_begin_write_locked(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error);
/* Changes a row as mem_table_replace does, and logs it. Takes the reference to `row`. */
int mem_tx_replace_locked(struct rh_conn *conn, struct mem_table *table, uint64_t position,
                          struct mem_row *old, struct mem_row *row, struct rh_error *error);
/* Takes back all changes behind the mark; their tables own their lists. */
void mem_tx_undo_locked(struct rh_conn *conn, size_t mark);
/* After the last change of a call: outside of a transaction the changes are final. */
void mem_tx_end_write_locked(struct rh_conn *conn);
/* Takes the whole transaction back, if there is one. */
void mem_tx_abort_locked(struct rh_conn *conn);
