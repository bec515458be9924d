/*
 * Databases: what connections with the same name share. Made at the first connect, kept while the
 * process lives.
 *
 * `lock` guards everything in a database: its tables, their rows, all reference counts. It is held
 * for short, never while waiting. There are no other locks under it.
 *
 * `writer` is the connection that may change things: for one call, or for the rest of its
 * transaction. To become the writer may take long, so that wait has a deadline and can be
 * cancelled.
 */
#pragma once

#include "log.h"
#include "table.h"

#include <rowhouse/connector.h>

#include <pthread.h>

struct mem_database {
    struct mem_database *next;
    char *name;
    pthread_mutex_t lock;
    pthread_cond_t idle; /* there is no writer any more */
    struct rh_conn *writer;
    struct mem_table *tables;
    uint64_t last_layout;
    struct mem_log log;
};

/* Finds or makes it. RESOURCE. [any] */
int mem_database_open(struct rh_text name, struct mem_database **ret_database,
                      struct rh_error *error);

/* With the lock held, which is let go while waiting: makes conn the writer, if it is not already.
 * TIMEOUT, CANCELLED. */
int mem_database_acquire_locked(struct rh_conn *conn, const struct rh_op *op,
                                struct rh_error *error);
/* No effect when conn is not the writer. */
void mem_database_release_locked(struct rh_conn *conn);

/* NULL when there is none. */
struct mem_table *mem_database_table_locked(const struct mem_database *database,
                                            struct rh_text name);
/* The same with NOT_FOUND; a name with a schema is never found. */
int mem_database_find_locked(const struct mem_database *database, struct rh_text schema,
                             struct rh_text name, struct mem_table **ret_table,
                             struct rh_error *error);
