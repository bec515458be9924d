/* Tests of cancelling, deadlines, and settings that are wrong. */
#pragma once

#include "unit/odbc/read.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct canceller {
    struct rh_conn *watched, *own;
    atomic_bool seen;
    int event;
};

static void *cancel_when_running(void *context)
{
    struct canceller *canceller = context;
    struct rh_arena *memory = rh_arena_new(1u << 24);
    struct rh_operation until;
    struct rh_error problem = RH_ERROR_INIT;

    rh_operation_init(&until, memory, NULL, rh_clock_us() + AMPLE);
    for (bool shown = false; !shown;) {
        const struct rh_native_spec spec = {.struct_size = sizeof spec,
                                            .text = rh_text_of(target->slow_shown)};
        struct rh_native_result result = {.struct_size = sizeof result};
        struct rh_batch batch = {.struct_size = sizeof batch};
        if (connector->native->run(canceller->own, &until.abi, &spec, &result, &problem))
            break;
        shown = connector->next(result.cursor, &until.abi, 1, &batch, &problem) == RH_OK;
        connector->finish(result.cursor);
    }
    canceller->seen = true;
    if (canceller->event >= 0) {
        const uint64_t one = 1;
        (void)!write(canceller->event, &one, sizeof one);
    } else {
        connector->cancel(canceller->watched);
    }
    rh_arena_free(memory);
    return NULL;
}

static void cancel_slow(bool by_event)
{
    struct canceller canceller = {.watched = conn, .own = connect_again(), .event = -1};
    pthread_t thread;

    if (by_event) {
        canceller.event = eventfd(0, 0);
        operation.abi.cancel_fd = canceller.event;
    }
    ck_assert_int_eq(pthread_create(&thread, NULL, cancel_when_running, &canceller), 0);
    fails(try_sql(conn, target->slow), RH_CANCELLED);
    (void)pthread_join(thread, NULL);
    ck_assert(canceller.seen);
    connector->close(canceller.own);
    fresh(AMPLE);
    ok(connector->ping(conn, op, &error));
    if (by_event)
        (void)close(canceller.event);
}

START_TEST(cancels)
{
    if (!target->slow_shown)
        return;
    cancel_slow(false);
    cancel_slow(true);
}
END_TEST

START_TEST(ends_at_the_deadline)
{
    if (!target->slow)
        return;
    fresh(SECOND / 2);
    fails(try_sql(conn, target->slow), RH_TIMEOUT);
    fresh(AMPLE);
    ok(connector->ping(conn, op, &error));
}
END_TEST

START_TEST(ends_early)
{
    const struct rh_table *table = make_rows();
    struct rh_query query = select_all(table);
    struct rh_cursor *cursor = NULL;
    struct rh_batch batch = {.struct_size = sizeof batch};

    for (unsigned i = 0; i < 5; i++) {
        ok(connector->open(conn, op, &query, &cursor, &error));
        if (i)
            ok(connector->next(cursor, op, i, &batch, &error));
        connector->finish(cursor);
        ck_assert_int_eq(sql_int("SELECT count(*) FROM odbc_rows"), (int64_t)N_ADVERSARIAL + 1);
    }
}
END_TEST

START_TEST(refuses_wrong_settings)
{
    struct rh_conn *made = NULL;

    fails(connect_with("no pairs", NULL, NULL, &made), RH_CONFIG);
    fails(connect_with("DRIVER={Not There};Database=/tmp/x", NULL, NULL, &made), RH_CONFIG);
    const struct rh_setting url = {RH_TEXT_INIT("url"), text_value("odbc:not_there_at_all")};
    const struct rh_settings settings = {
        .struct_size = sizeof settings, .n = 1, .items = &url, .stride = sizeof url};
    fails(connector->connect(rh_host_services(), op, &settings, &made, &error), RH_CONFIG);
    ck_assert_ptr_null(made);
}
END_TEST
