/*
 * The memory connector: tables that live in the process. It is the smallest complete connector,
 * written to be copied, and the oracle of the tests: it pushes nothing down, so everything that
 * makes a query's answer is the host's own work.
 *
 * Where things are:
 *   memory.c    this file: who we are, connections, the table of functions (last in the file)
 *   catalog.c   what tables there are          ddl.c   making and changing them
 *   read.c      cursors                        write.c insert, update, delete, upsert
 *   tx.c        transactions, undo
 *   feed.c      changes as they happen         log.c   the last ones of them
 *   database.c  what connections share: here a list in memory, elsewhere a client library
 *   table.c, column.c, row.c   the data itself
 *
 * A connector for a real source keeps this shape and replaces the last two lines.
 */
#include "memory.h"

#include "connector/kit.h"

#include <stdlib.h>

/* ---- Who we are -------------------------------------------------------------------------- */

/* The host validates the settings against this, so `connect` may take them as they are. */
static const char config_schema[] =
    "{\"type\": \"object\", \"additionalProperties\": false, \"required\": [\"name\"],"
    " \"properties\": {\"name\": {\"type\": \"string\", \"title\": \"Database\","
    "  \"description\": \"Connections with the same name share one database, which lives as long"
    " as the process.\", \"minLength\": 1, \"maxLength\": 255, \"x-order\": 1,"
    " \"x-placeholder\": \"scratch\"}}}";

static const struct rh_limits limits = {
    .struct_size = sizeof limits,
    .rows_per_write = MEM_ROWS_PER_WRITE,
    .identifier_bytes = MEM_NAME_MAX,
};

/* ---- Connections ------------------------------------------------------------------------- */

static int32_t connect_database(const struct rh_host *host, const struct rh_op *op,
                                const struct rh_settings *settings, struct rh_conn **ret_conn,
                                struct rh_error *error)
{
    struct rh_text name = rh_kit_setting_text(settings, "name");
    if (name.len == 0)
        return rh_fail(error, RH_CONFIG, "the setting \"name\" is missing");
    int rc = rh_kit_check(host, op, error);
    if (rc)
        return rc;
    struct rh_conn *conn = calloc(1, sizeof *conn);
    if (!conn)
        return rh_fail_nomem(error);
    if ((rc = mem_database_open(name, &conn->database, error)) != RH_OK) {
        free(conn);
        return rc;
    }
    conn->host = host;
    rh_rowset_init(&conn->returned, 0, SIZE_MAX);
    rh_buf_init(&conn->key, MEM_KEY_MAX);
    *ret_conn = conn;
    return RH_OK;
}

static void close_connection(struct rh_conn *conn)
{
    if (conn->cursor)
        mem_finish(conn->cursor);
    pthread_mutex_lock(&conn->database->lock);
    mem_tx_abort_locked(conn);
    pthread_mutex_unlock(&conn->database->lock);
    rh_rowset_fini(&conn->returned);
    rh_buf_free(&conn->key);
    free(conn->changes);
    free(conn->savepoints);
    free(conn);
}

static int32_t ping(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    mem_call(conn);
    return mem_check(conn, op, error);
}

static int32_t reset(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    if (conn->cursor)
        mem_finish(conn->cursor);
    pthread_mutex_lock(&conn->database->lock);
    mem_tx_abort_locked(conn);
    pthread_mutex_unlock(&conn->database->lock);
    return RH_OK;
}

/* ---- Cancelling -------------------------------------------------------------------------- */

/* The flag is all that another thread may touch. It is lowered when the next call begins, so a
 * cancel between two calls has no effect. */
static void cancel(struct rh_conn *conn)
{
    atomic_store(&conn->cancelled, true);
}

void mem_call(struct rh_conn *conn)
{
    atomic_store(&conn->cancelled, false);
}

int mem_check(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    if (atomic_load(&conn->cancelled))
        return rh_fail(error, RH_CANCELLED, "the operation was cancelled");
    return rh_kit_check(conn->host, op, error);
}

/* ---- The table --------------------------------------------------------------------------- */

static const struct rh_write write_group = {
    .struct_size = sizeof write_group,
    .atomicity = RH_ATOMIC_ALL,
    .insert = mem_insert,
    .update = mem_update,
    .remove = mem_remove,
    .upsert = mem_upsert,
};

static const struct rh_tx tx_group = {
    .struct_size = sizeof tx_group,
    .begin = mem_begin,
    .commit = mem_commit,
    .rollback = mem_rollback,
    .savepoint = mem_savepoint,
    .rollback_to = mem_rollback_to,
    .release = mem_release,
};

static const struct rh_ddl ddl_group = {
    .struct_size = sizeof ddl_group,
    .apply = mem_ddl_apply,
};

static const struct rh_feed feed_group = {
    .struct_size = sizeof feed_group,
    .open = mem_feed_open,
    .next = mem_feed_next,
};

static const struct rh_connector connector = {
    .struct_size = sizeof connector,
    .abi_minor = RH_ABI_MINOR,
    .min_host_minor = 0,
    .kind = RH_KIND_SQL,
    .threads = RH_THREADS_SERIAL,
    .id = RH_TEXT_INIT("memory"),
    .title = RH_TEXT_INIT("Memory"),
    .version = RH_TEXT_INIT(RH_VERSION),
    .vendor = RH_TEXT_INIT("Rowhouse"),
    .license = RH_TEXT_INIT("see the project"),
    .config_schema = RH_TEXT_INIT(config_schema),
    .url_schemes = RH_TEXT_INIT(""),
    .limits = &limits,
    .connect = connect_database,
    .close = close_connection,
    .ping = ping,
    .tables = mem_tables,
    .open = mem_open,
    .next = mem_next,
    .finish = mem_finish,
    .cancel = cancel,
    .reset = reset,
    .write = &write_group,
    .tx = &tx_group,
    .ddl = &ddl_group,
    .feed = &feed_group,
};

int32_t rh_connector_v1(uint32_t host_minor, const struct rh_connector **ret_connector)
{
    if (host_minor < connector.min_host_minor)
        return RH_UNSUPPORTED;
    *ret_connector = &connector;
    return RH_OK;
}
