/*
 * Connections: a client of the library with one server session, and the commands that all else is made
 * of. The library's own cursors and bulk operations are not used: a command's reply is read in place.
 *
 * The library has state of the process: it sets itself up when it is loaded (OpenSSL, Cyrus SASL,
 * counters) and is never torn down. Its log goes nowhere; errors carry what there is to tell.
 */
#include "mongodb.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#define SCRATCH_BYTES ((size_t)64 << 20)
#define GRACE_US 250000 /* for the last word to a server */
#define SPARE_MS 500    /* at most, for the server's own time-out to arrive before ours */

static pthread_once_t once = PTHREAD_ONCE_INIT;

/* The library has made shared memory for its counters under the number of the process. A process that is
 * killed leaves it behind, and a later one of the same number writes a warning to stderr for it. */
__attribute__((constructor)) static void forget_counters(void)
{
    char name[32];

    snprintf(name, sizeof(name), "/mongoc-%u", (unsigned)getpid());
    shm_unlink(name);
}

static void set_up(void)
{
    mongoc_init();
    mongoc_log_set_handler(NULL, NULL);
}

int rh_mongodb_begin(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    uint64_t count;
    int rc = rh_kit_check(conn->host, op, error);

    if (rc)
        return rc;
    while (read(conn->wake_fd, &count, sizeof(count)) > 0)
        ;
    conn->ended = RH_OK;
    conn->sent = false;
    conn->op = op;
    return RH_OK;
}

void rh_mongodb_end(struct rh_conn *conn)
{
    conn->op = NULL;
    conn->grace_until_us = 0;
}

int64_t rh_mongodb_left_ms(const struct rh_conn *conn)
{
    uint64_t now_us = conn->host->now_us(conn->host);
    uint64_t ms =
        conn->op && conn->op->deadline_us > now_us ? (conn->op->deadline_us - now_us) / 1000 : 0;

    ms -= ms / 10 < SPARE_MS ? ms / 10 : SPARE_MS;
    return ms < 1 ? 1 : ms > INT32_MAX ? INT32_MAX : (int64_t)ms;
}

/* ---- Commands -------------------------------------------------------------------------------- */

static int select_server(struct rh_conn *conn, enum rh_mongodb_access access, const char *what,
                         uint32_t *ret_server, struct rh_error *error)
{
    mongoc_server_description_t *server;
    bson_error_t failure = {0};

    server = mongoc_client_select_server(conn->client, access == RH_MONGODB_WRITE || conn->in_tx,
                                         NULL, &failure);
    if (!server)
        return rh_mongodb_fail(conn, &failure, false, what, error);
    *ret_server = mongoc_server_description_id(server);
    mongoc_server_description_destroy(server);
    return RH_OK;
}

int rh_mongodb_command(struct rh_conn *conn, enum rh_mongodb_access access, const char *database,
                       const bson_t *command, const char *what, uint32_t *server, bson_t *ret_reply,
                       struct rh_error *error)
{
    bool wrote = access == RH_MONGODB_WRITE, done;
    bson_t options = BSON_INITIALIZER;
    bson_error_t failure = {0};
    int rc = RH_OK;

    if (!database)
        database = conn->config.database;
    if (!*server)
        rc = select_server(conn, access, what, server, error);
    if (rc == RH_OK && conn->session && access != RH_MONGODB_LOOK &&
        !mongoc_client_session_append(conn->session, &options, &failure))
        rc = rh_mongodb_fail(conn, &failure, false, what, error);
    if (rc) {
        bson_destroy(&options);
        return rc;
    }
    BSON_APPEND_INT64(&options, "serverId", *server);
    conn->sent = false;
    if (wrote)
        done = mongoc_client_write_command_with_opts(conn->client, database, command, &options,
                                                     ret_reply, &failure);
    else
        done = mongoc_client_read_command_with_opts(conn->client, database, command, NULL, &options,
                                                    ret_reply, &failure);
    bson_destroy(&options);
    if (done)
        return RH_OK;
    bson_destroy(ret_reply);
    return rh_mongodb_fail(conn, &failure, wrote, what, error);
}

int rh_mongodb_check_collection(struct rh_conn *conn, struct rh_text name, struct rh_error *error)
{
    bson_t command = BSON_INITIALIZER, filter, reply;
    bson_iter_t iter, batch;
    uint32_t server = 0;
    bool found = false;
    int rc;

    BSON_APPEND_INT32(&command, "listCollections", 1);
    bson_append_document_begin(&command, "filter", -1, &filter);
    bson_append_utf8(&filter, "name", -1, name.data, (int)name.len);
    bson_append_document_end(&command, &filter);
    BSON_APPEND_BOOL(&command, "nameOnly", true);
    rc = rh_mongodb_command(conn, RH_MONGODB_LOOK, NULL, &command, "cannot look for the collection",
                            &server, &reply, error);
    bson_destroy(&command);
    if (rc)
        return rc;
    if (bson_iter_init(&iter, &reply) &&
        bson_iter_find_descendant(&iter, "cursor.firstBatch", &batch) &&
        BSON_ITER_HOLDS_ARRAY(&batch) && bson_iter_recurse(&batch, &iter))
        while (!found && bson_iter_next(&iter))
            found = BSON_ITER_HOLDS_DOCUMENT(&iter) && bson_iter_recurse(&iter, &batch) &&
                    bson_iter_find(&batch, "name") && BSON_ITER_HOLDS_UTF8(&batch) &&
                    rh_text_is(name, bson_iter_utf8(&batch, NULL));
    bson_destroy(&reply);
    return found ? RH_OK
                 : rh_fail(error, RH_NOT_FOUND, "there is no table \"%.*s\"", RH_TEXT_ARG(name));
}

/* ---- Life ------------------------------------------------------------------------------------ */

/* A server without sessions is one of its kind, not an error. */
static void open_session(struct rh_conn *conn)
{
    mongoc_session_opt_t *options = mongoc_session_opts_new();
    bson_error_t failure;

    mongoc_session_opts_set_causal_consistency(options, false);
    conn->session = mongoc_client_start_session(conn->client, options, &failure);
    mongoc_session_opts_destroy(options);
}

static int ping(struct rh_conn *conn, struct rh_error *error)
{
    bson_t command = BSON_INITIALIZER, reply;
    uint32_t server = 0;
    int rc;

    BSON_APPEND_INT32(&command, "ping", 1);
    rc = rh_mongodb_command(conn, RH_MONGODB_READ, NULL, &command, "cannot connect", &server,
                            &reply, error);
    if (rc == RH_OK)
        bson_destroy(&reply);
    bson_destroy(&command);
    return rc;
}

static int open_client(struct rh_conn *conn, struct rh_error *error)
{
    bson_error_t failure = {0};

    conn->client = mongoc_client_new_from_uri_with_error(conn->config.uri, &failure);
    if (!conn->client)
        return rh_mongodb_fail(conn, &failure, false, "cannot connect", error);
    mongoc_client_set_error_api(conn->client, MONGOC_ERROR_API_VERSION_2);
    mongoc_client_set_stream_initiator(conn->client, rh_mongodb_stream_open, conn);
    open_session(conn);
    return conn->ended ? rh_mongodb_fail(conn, &failure, false, "cannot connect", error) : RH_OK;
}

int32_t rh_mongodb_connect(const struct rh_host *host, const struct rh_op *op,
                           const struct rh_settings *settings, struct rh_conn **ret_conn,
                           struct rh_error *error)
{
    struct rh_conn *conn = calloc(1, sizeof(*conn));
    int rc;

    if (!conn)
        return rh_fail_nomem(error);
    pthread_once(&once, set_up);
    conn->host = host;
    rh_buf_init(&conn->scratch, SCRATCH_BYTES);
    conn->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    rc = conn->wake_fd < 0 ? rh_fail_nomem(error) : RH_OK;
    if (rc == RH_OK)
        rc = rh_mongodb_config_init(&conn->config, settings, error);
    if (rc == RH_OK)
        rc = rh_mongodb_begin(conn, op, error);
    if (rc == RH_OK)
        rc = open_client(conn, error);
    if (rc == RH_OK)
        rc = ping(conn, error);
    rh_mongodb_end(conn);
    if (rc) {
        rh_mongodb_close(conn);
        return rc;
    }
    *ret_conn = conn;
    return RH_OK;
}

void rh_mongodb_close(struct rh_conn *conn)
{
    if (conn->cursor)
        rh_mongodb_finish(conn->cursor);
    conn->grace_until_us = conn->host->now_us(conn->host) + GRACE_US;
    if (conn->session)
        mongoc_client_session_destroy(conn->session);
    if (conn->client)
        mongoc_client_destroy(conn->client);
    rh_rowset_fini(&conn->returned);
    rh_buf_free(&conn->scratch);
    rh_mongodb_config_fini(&conn->config);
    if (conn->wake_fd >= 0)
        close(conn->wake_fd);
    free(conn);
}

int32_t rh_mongodb_ping(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    int rc = rh_mongodb_begin(conn, op, error);

    if (rc)
        return rc;
    rc = ping(conn, error);
    rh_mongodb_end(conn);
    return rc;
}

void rh_mongodb_cancel(struct rh_conn *conn)
{
    uint64_t one = 1;
    ssize_t n = write(conn->wake_fd, &one, sizeof(one));

    (void)n; /* full: it is awake already */
}
