/*
 * Sessions and their threads. A session ends when the host closes its socket; the connector's
 * connection is closed before this end of the socket is, which is how the host knows.
 */
#include "session.h"

#include "base/err.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define STACK_BYTES ((size_t)1 << 20)
#define ARENA_BYTES ((size_t)1 << 30) /* the process's own limit is below */

static pthread_mutex_t list_lock = PTHREAD_MUTEX_INITIALIZER; /* before a session's own */
static struct session *sessions;

static void link_session(struct session *session)
{
    pthread_mutex_lock(&list_lock);
    session->next = sessions;
    if (sessions)
        sessions->before = session;
    sessions = session;
    pthread_mutex_unlock(&list_lock);
}

static void unlink_session(struct session *session)
{
    pthread_mutex_lock(&list_lock);
    if (session->next)
        session->next->before = session->before;
    if (session->before)
        session->before->next = session->next;
    else
        sessions = session->next;
    pthread_mutex_unlock(&list_lock);
}

/* ---- Cancelling ------------------------------------------------------------------------------ */

void session_fire(struct session *session)
{
    const uint64_t one = 1;

    session->fired = true;
    while (write(session->cancel_fd, &one, sizeof(one)) < 0 && errno == EINTR)
        continue;
}

/* Between calls, when nobody else fires. */
static void rearm(struct session *session)
{
    uint64_t count;

    if (!session->fired)
        return;
    session->fired = false;
    while (read(session->cancel_fd, &count, sizeof(count)) < 0 && errno == EINTR)
        continue;
}

void session_cancel(uint64_t number, uint32_t seq)
{
    struct session *session;

    pthread_mutex_lock(&list_lock);
    for (session = sessions; session && session->number != number;)
        session = session->next;
    if (session) {
        pthread_mutex_lock(&session->lock);
        session->cancelled = seq;
        if (session->running == seq) {
            session_fire(session);
            if (session->conn)
                session->served->connector->cancel(session->conn);
        }
        pthread_mutex_unlock(&session->lock);
    }
    pthread_mutex_unlock(&list_lock);
}

/* ---- The thread ------------------------------------------------------------------------------ */

static void begin_call(struct session *session, uint32_t seq)
{
    pthread_mutex_lock(&session->lock);
    session->running = seq;
    if (session->cancelled == seq)
        session_fire(session);
    pthread_mutex_unlock(&session->lock);
}

static void end_call(struct session *session)
{
    pthread_mutex_lock(&session->lock);
    session->running = 0;
    pthread_mutex_unlock(&session->lock);
}

/* A call is over before its answer is sent: what is cancelled afterwards is too late for it. */
static bool answer(struct session *session)
{
    struct rh_wire_header header;
    struct rh_wire_in in;
    bool ok;

    if (rh_channel_receive(&session->channel, &header, &in) != RH_OK)
        return false;
    rh_wire_out_clear(&session->out);
    rh_arena_reset(session->arena);
    if (header.type == RH_WIRE_FINISH) {
        serve_finish(session);
        return true;
    }
    if (header.type == RH_WIRE_RESET || header.type & RH_WIRE_RESET_FIRST)
        session_reset(session);
    if (header.type == RH_WIRE_RESET)
        return true;
    header.type &= ~RH_WIRE_RESET_FIRST;
    begin_call(session, header.seq);
    ok = serve(session, &header, &in);
    end_call(session);
    return ok && rh_channel_send(&session->channel, &session->out, header.type, header.seq, NULL) ==
                     RH_OK;
}

static void free_session(struct session *session)
{
    rh_channel_fini(&session->channel);
    rh_wire_out_fini(&session->out);
    rh_arena_free(session->arena);
    rh_arena_free(session->cursor_arena);
    free(session->settings.fixed);
    if (session->cancel_fd >= 0)
        close(session->cancel_fd);
    pthread_mutex_destroy(&session->lock);
    free(session);
}

static void *run(void *context)
{
    struct session *session = context;

    while (answer(session))
        rearm(session);
    unlink_session(session);
    if (session->conn)
        session->served->connector->close(session->conn);
    free_session(session);
    return NULL;
}

static bool start_thread(struct session *session)
{
    pthread_attr_t attributes;
    pthread_t thread;
    int rc;

    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    rc = pthread_create(&thread, &attributes, run, session);
    pthread_attr_destroy(&attributes);
    return rc == 0;
}

bool session_start(const struct served *served, uint64_t number, int fd)
{
    struct session *session = calloc(1, sizeof(*session));

    if (!session) {
        close(fd);
        return false;
    }
    session->served = served;
    session->number = number;
    rh_channel_init(&session->channel, fd);
    rh_wire_out_init(&session->out);
    session->arena = rh_arena_new(ARENA_BYTES);
    session->cursor_arena = rh_arena_new(ARENA_BYTES);
    session->cancel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pthread_mutex_init(&session->lock, NULL);
    link_session(session);
    if (fd < 0 || !session->arena || !session->cursor_arena || session->cancel_fd < 0 ||
        !start_thread(session)) {
        unlink_session(session);
        free_session(session);
        return false;
    }
    return true;
}
