/* core/host/op.h */
#include "host/op.h"

#include "base/clock.h"
#include "base/err.h"
#include "lib/tests.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/resource.h>

struct rh_conn {
    atomic_int n_cancels;
};

static void count(struct rh_conn *conn)
{
    atomic_fetch_add(&conn->n_cancels, 1);
}

static bool is_readable(int fd)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};

    return poll(&wait, 1, 0) == 1;
}

START_TEST(fires_once_and_stays_so)
{
    struct rh_cancel cancel;
    struct rh_conn conn = {0};

    ck_assert_int_eq(rh_cancel_init(&cancel, NULL), RH_OK);
    ck_assert(!rh_cancel_fired(&cancel));
    ck_assert(!is_readable(cancel.fd));
    rh_cancel_aim(&cancel, count, &conn);
    ck_assert_int_eq(conn.n_cancels, 0);
    rh_cancel_fire(&cancel);
    rh_cancel_fire(&cancel);
    ck_assert_int_eq(conn.n_cancels, 1);
    ck_assert(rh_cancel_fired(&cancel));
    ck_assert(is_readable(cancel.fd));
    rh_cancel_fini(&cancel);
}
END_TEST

START_TEST(tells_a_target_that_comes_late)
{
    struct rh_cancel cancel;
    struct rh_conn conn = {0};

    ck_assert_int_eq(rh_cancel_init(&cancel, NULL), RH_OK);
    rh_cancel_fire(&cancel);
    rh_cancel_aim(&cancel, count, &conn);
    ck_assert_int_eq(conn.n_cancels, 1);
    rh_cancel_release(&cancel, &conn);
    rh_cancel_fini(&cancel);
}
END_TEST

START_TEST(tells_all_its_targets)
{
    struct rh_cancel cancel;
    struct rh_conn conns[RH_CANCEL_TARGETS + 1] = {0};

    ck_assert_int_eq(rh_cancel_init(&cancel, NULL), RH_OK);
    for (int i = 0; i < RH_CANCEL_TARGETS + 1; i++)
        ck_assert(rh_cancel_aim(&cancel, count, &conns[i]) == (i < RH_CANCEL_TARGETS));
    rh_cancel_release(&cancel, &conns[1]);
    rh_cancel_release(&cancel, &conns[1]);
    rh_cancel_aim(&cancel, count, &conns[RH_CANCEL_TARGETS]); /* the one that was too many */
    rh_cancel_fire(&cancel);
    for (int i = 0; i < RH_CANCEL_TARGETS + 1; i++)
        ck_assert_int_eq(conns[i].n_cancels, i != 1);
    rh_cancel_fini(&cancel);
}
END_TEST

START_TEST(is_as_new_after_rearm)
{
    struct rh_cancel cancel;
    struct rh_conn conn = {0};

    ck_assert_int_eq(rh_cancel_init(&cancel, NULL), RH_OK);
    rh_cancel_rearm(&cancel);
    for (int i = 0; i < 3; i++) {
        rh_cancel_fire(&cancel);
        rh_cancel_rearm(&cancel);
        ck_assert(!rh_cancel_fired(&cancel));
        ck_assert(!is_readable(cancel.fd));
    }
    rh_cancel_aim(&cancel, count, &conn);
    rh_cancel_release(&cancel, &conn);
    rh_cancel_fire(&cancel);
    ck_assert_int_eq(conn.n_cancels, 0);
    rh_cancel_fini(&cancel);
}
END_TEST

START_TEST(says_so_when_there_is_no_descriptor)
{
    struct rlimit before, none;
    struct rh_error error = RH_ERROR_INIT;
    struct rh_cancel cancel;

    int rc;

    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = (struct rlimit){0, before.rlim_max};
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    rc = rh_cancel_init(&cancel, &error);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
    ck_assert_int_eq(rc, RH_RESOURCE);
    ck_assert_int_eq(error.error_class, RH_RESOURCE);
}
END_TEST

START_TEST(ends_an_operation_in_time)
{
    struct rh_error error = RH_ERROR_INIT;
    struct rh_cancel cancel;
    struct rh_operation op;

    ck_assert_int_eq(rh_cancel_init(&cancel, NULL), RH_OK);
    rh_operation_init(&op, NULL, &cancel, rh_clock_us() + 60000000);
    ck_assert_uint_eq(op.abi.struct_size, sizeof(struct rh_op));
    ck_assert_int_eq(op.abi.cancel_fd, cancel.fd);
    ck_assert_int_eq(rh_operation_check(&op, &error), RH_OK);
    op.abi.deadline_us = rh_clock_us();
    ck_assert_int_eq(rh_operation_check(&op, &error), RH_TIMEOUT);
    rh_cancel_fire(&cancel);
    rh_error_clear(&error);
    ck_assert_int_eq(rh_operation_check(&op, &error), RH_CANCELLED);
    op.cancel = NULL; /* only the descriptor is left */
    ck_assert_int_eq(rh_operation_check(&op, NULL), RH_CANCELLED);
    rh_cancel_fini(&cancel);

    rh_operation_init(&op, NULL, NULL, rh_clock_us() + 60000000);
    ck_assert_int_eq(op.abi.cancel_fd, -1);
    ck_assert_int_eq(rh_operation_check(&op, NULL), RH_OK);
}
END_TEST

static struct rh_cancel looked_at;

static void look(struct rh_conn *conn)
{
    atomic_store(&conn->n_cancels, rh_cancel_fired(&looked_at) ? 1 : 2);
}

/* Looking needs no lock: a target is called under it. */
START_TEST(can_be_looked_at_at_any_time)
{
    struct rh_conn conn = {0};

    ck_assert_int_eq(rh_cancel_init(&looked_at, NULL), RH_OK);
    ck_assert(rh_cancel_aim(&looked_at, look, &conn));
    rh_cancel_fire(&looked_at);
    ck_assert_int_eq(conn.n_cancels, 1);
    rh_cancel_fini(&looked_at);
}
END_TEST

static void *fire(void *context)
{
    rh_cancel_fire(context);
    return NULL;
}

/* Once release has returned, the connection is out of reach: it may be freed. */
START_TEST(releasing_is_a_barrier)
{
    for (int i = 0; i < 200; i++) {
        struct rh_cancel cancel;
        pthread_t thread;

        ck_assert_int_eq(rh_cancel_init(&cancel, NULL), RH_OK);
        {
            struct rh_conn conn = {0};
            int n;

            rh_cancel_aim(&cancel, count, &conn);
            ck_assert_int_eq(pthread_create(&thread, NULL, fire, &cancel), 0);
            rh_cancel_release(&cancel, &conn);
            n = conn.n_cancels;
            pthread_join(thread, NULL);
            ck_assert_int_eq(conn.n_cancels, n);
        }
        rh_cancel_fini(&cancel);
    }
}
END_TEST

TESTS_MAIN("op", fires_once_and_stays_so, tells_a_target_that_comes_late, tells_all_its_targets,
           is_as_new_after_rearm, says_so_when_there_is_no_descriptor, ends_an_operation_in_time,
           can_be_looked_at_at_any_time, releasing_is_a_barrier)
