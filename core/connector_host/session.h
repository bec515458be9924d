/*
 * A connection as this process serves it: a socket on which the host asks, a thread that answers,
 * and the real connector's connection behind it.
 */
#pragma once

#include "host/isolation/channel.h"
#include "host/isolation/codec.h"

#include <pthread.h>

/* What all sessions share; constant once the connector is loaded. */
struct served {
    const struct rh_connector *connector;
    struct rh_host host;
};

struct session {
    struct session *next, *before; /* guarded by the list's lock */
    const struct served *served;
    uint64_t number;
    struct rh_channel channel;
    struct rh_wire_out out;
    struct rh_conn *conn;       /* set under lock, since cancel looks at it; NULL: connect anew */
    struct rh_wire_in settings; /* as the host sent them, for that; malloc'ed at `fixed` */
    struct rh_cursor *cursor;
    struct rh_arena *arena;        /* of the call that runs */
    struct rh_arena *cursor_arena; /* of the call that opened the cursor, as long as it is open */
    int cancel_fd;                 /* eventfd: the op's */
    pthread_mutex_t lock;          /* guards all below; held while `cancel` of the connector runs,
                                      so that it never meets the next call */
    bool fired;                    /* cancel_fd has been made readable; set while a call runs */
    uint32_t running;              /* number of the call; 0: none */
    uint32_t cancelled;            /* number of the last call that was cancelled */
};

/* Starts a session and its thread on this socket, which is taken. False: it could not be started,
 * and the socket is closed. */
bool session_start(const struct served *served, uint64_t number, int fd);
/* Cancels this call of this session, if it runs or comes. [any] */
void session_cancel(uint64_t number, uint32_t seq);
/* Makes the op's descriptor readable, for a call that was cancelled before it came. */
void session_fire(struct session *session);

/* connect.c: opens the connector's connection with the settings that the session keeps. The
 * connector's own class. */
int32_t session_connect(struct session *session, const struct rh_op *op, struct rh_error *error);
/* Keeps the settings that are what is left of the frame. False: out of memory. */
bool session_keep_settings(struct session *session, struct rh_wire_in *in);
/* Resets the connection; one whose reset fails is closed. */
void session_reset(struct session *session);
/* The operation of calls that were sent none; NULL when out of memory. */
const struct rh_op *session_op(struct session *session);

/* serve.c: answers one question, whose frame is in `in`. False: the session ends. */
bool serve(struct session *session, const struct rh_wire_header *header, struct rh_wire_in *in);

/* In serve_read.c and serve_write.c, by type. Each puts outcome and answer on session->out; false
 * when the question is malformed. */
typedef bool serve_fn(struct session *session, const struct rh_op *op, uint32_t type,
                      struct rh_wire_in *in);
serve_fn serve_open, serve_open_assuming, serve_next, serve_run, serve_feed_open, serve_feed_next;
serve_fn serve_write, serve_tx, serve_apply;
/* Ends the cursor, if there is one. */
void serve_finish(struct session *session);
