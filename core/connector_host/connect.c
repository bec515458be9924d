/*
 * The connector's connection behind a session. Whoever gives it back to a pool has it reset and
 * does not wait for that; so when a reset fails, nobody is there to be told, and the connection is
 * replaced by a new one, which is as good as one that was reset.
 */
#include "base/clock.h"
#include "base/err.h"
#include "base/text.h"
#include "session.h"

#include <stdlib.h>
#include <string.h>

#define PURE_US (5u * 1000000u)

static void set_conn(struct session *session, struct rh_conn *conn)
{
    pthread_mutex_lock(&session->lock);
    session->conn = conn;
    pthread_mutex_unlock(&session->lock);
}

bool session_keep_settings(struct session *session, struct rh_wire_in *in)
{
    size_t n = in->n_fixed + in->n_bytes;
    char *copy = malloc(n ? n : 1);

    if (!copy)
        return false;
    memcpy(copy, in->fixed, in->n_fixed);
    if (in->n_bytes)
        memcpy(copy + in->n_fixed, in->bytes, in->n_bytes);
    free(session->settings.fixed);
    session->settings = (struct rh_wire_in){
        .fixed = copy, .n_fixed = in->n_fixed, .bytes = copy + in->n_fixed, .n_bytes = in->n_bytes};
    return true;
}

/* Reading a frame changes it, so it is read from a copy, which the arena keeps for the call. */
static const struct rh_settings *read_settings(struct session *session)
{
    struct rh_wire_in in = session->settings;
    const struct rh_settings *settings;
    char *copy = rh_arena_dup(session->arena, in.fixed, in.n_fixed + in.n_bytes);

    if (!copy)
        return NULL;
    in.fixed = copy;
    in.bytes = copy + in.n_fixed;
    settings = rh_wire_take_settings(&in);
    return settings && rh_wire_is_done(&in) ? settings : NULL;
}

int32_t session_connect(struct session *session, const struct rh_op *op, struct rh_error *error)
{
    const struct rh_settings *settings = read_settings(session);
    struct rh_conn *conn = NULL;
    int32_t rc;

    if (!settings)
        return rh_fail(error, RH_RESOURCE, "no memory for the settings of a connection");
    rc = session->served->connector->connect(&session->served->host, op, settings, &conn, error);
    if (rc == RH_OK && !conn)
        rc = rh_fail(error, RH_CONTRACT, "the connector's \"connect\" gave no connection");
    if (rc == RH_OK)
        set_conn(session, conn);
    return rc;
}

const struct rh_op *session_op(struct session *session)
{
    struct rh_op *op = rh_arena_alloc(session->arena, sizeof(*op));

    if (op)
        *op = (struct rh_op){.struct_size = sizeof(*op),
                             .deadline_us = rh_clock_us() + PURE_US,
                             .cancel_fd = session->cancel_fd,
                             .arena = session->arena};
    return op;
}

void session_reset(struct session *session)
{
    const struct rh_connector *connector = session->served->connector;
    const struct rh_host *host = &session->served->host;
    const struct rh_op *op = session_op(session);
    struct rh_error error = RH_ERROR_INIT;
    struct rh_conn *conn = session->conn;

    if (!conn || !connector->reset || (op && connector->reset(conn, op, &error) == RH_OK))
        return;
    host->log(host, RH_LOG_INFO, RH_TEXT("a connection is replaced, since its reset failed:"));
    host->log(host, RH_LOG_INFO, rh_text_of(error.message));
    set_conn(session, NULL);
    connector->close(conn);
}
