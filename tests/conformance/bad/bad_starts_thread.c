/*
 * Each connection starts a thread that never ends.
 * base: sqlite
 * fails: hygiene/threads
 */
#include "bad.inc"

#include <pthread.h>
#include <unistd.h>

static void *sleep_on(void *context)
{
    for (;;)
        pause();
    return context;
}

static int32_t connect(const struct rh_host *host, const struct rh_op *op,
                       const struct rh_settings *settings, struct rh_conn **ret_conn,
                       struct rh_error *error)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, sleep_on, NULL) != 0)
        abort();
    return good->connect(host, op, settings, ret_conn, error);
}

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    bad->connect = connect;
    return RH_OK;
}
