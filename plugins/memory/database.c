/*
 * The list of databases, and the right to write.
 *
 * Writers wait in slices, because the host may cancel through a file descriptor or through
 * `cancel`, and neither can wake a condition variable.
 */
#include "database.h"

#include "connector/kit.h"
#include "memory.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SLICE_NS 20000000 /* how late a cancelled waiter may notice */

static pthread_mutex_t databases_lock = PTHREAD_MUTEX_INITIALIZER; /* guards the list only */
static struct mem_database *databases;

static struct mem_database *make(struct rh_text name)
{
    struct mem_database *database = calloc(1, sizeof *database);
    pthread_condattr_t attributes;
    if (!database || !(database->name = strndup(name.data, name.len))) {
        free(database);
        return NULL;
    }
    pthread_mutex_init(&database->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&database->idle, &attributes);
    pthread_condattr_destroy(&attributes);
    return database;
}

int mem_database_open(struct rh_text name, struct mem_database **ret_database,
                      struct rh_error *error)
{
    struct mem_database *database;
    pthread_mutex_lock(&databases_lock);
    for (database = databases; database; database = database->next) {
        if (rh_text_is(name, database->name))
            break;
    }
    if (!database && (database = make(name))) {
        database->next = databases;
        databases = database;
    }
    pthread_mutex_unlock(&databases_lock);
    if (!database)
        return rh_fail_nomem(error);
    *ret_database = database;
    return RH_OK;
}

int mem_database_acquire_locked(struct rh_conn *conn, const struct rh_op *op,
                                struct rh_error *error)
{
    struct mem_database *database = conn->database;
    while (database->writer && database->writer != conn) {
        struct timespec until;
        int rc = mem_check(conn, op, error);
        if (rc) {
            rh_error_prefix(error, "waiting for another writer");
            if (error)
                error->retry = RH_RETRY_SAFE;
            return rc;
        }
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += SLICE_NS;
        if (until.tv_nsec >= 1000000000) {
            until.tv_nsec -= 1000000000;
            until.tv_sec++;
        }
        pthread_cond_timedwait(&database->idle, &database->lock, &until);
    }
    database->writer = conn;
    return RH_OK;
}

void mem_database_release_locked(struct rh_conn *conn)
{
    if (conn->database->writer != conn)
        return;
    conn->database->writer = NULL;
    pthread_cond_broadcast(&conn->database->idle);
}

struct mem_table *mem_database_table_locked(const struct mem_database *database,
                                            struct rh_text name)
{
    struct mem_table *table = database->tables;
    while (table && !rh_text_is(name, table->name))
        table = table->next;
    return table;
}

int mem_database_find_locked(const struct mem_database *database, struct rh_text schema,
                             struct rh_text name, struct mem_table **ret_table,
                             struct rh_error *error)
{
    struct mem_table *table = schema.len ? NULL : mem_database_table_locked(database, name);
    if (!table)
        return rh_fail(error, RH_NOT_FOUND, "there is no table \"%.*s\"", RH_TEXT_ARG(name));
    *ret_table = table;
    return RH_OK;
}
