/* server/http/lanes.h: who of those that wait gets a worker. */
#include "server/http/lanes.h"

#include "lib/tests.h"

#define WORKERS 8
#define PLACES 40

static struct rh_web_lanes *lanes;
static struct rh_web_request requests[PLACES + 1];

static void start(void)
{
    lanes = rh_web_lanes_new(WORKERS, PLACES);
    ck_assert_ptr_nonnull(lanes);
}

static void stop(void)
{
    rh_web_lanes_free(lanes);
}

/* So many requests, from that one on, in this lane; how many may wait. */
static unsigned push(unsigned first, unsigned n, uint32_t lane)
{
    for (unsigned i = first; i < first + n; i++) {
        requests[i].lane = lane;
        if (!rh_web_lanes_push(lanes, &requests[i], 0))
            return i - first;
    }
    return n;
}

/* How many more may run. */
static unsigned take_all(void)
{
    unsigned n = 0;

    while (rh_web_lanes_take(lanes, UINT64_MAX))
        n++;
    return n;
}

START_TEST(what_has_no_lane_is_bound_by_nobody)
{
    ck_assert_uint_eq(push(0, PLACES + 1, 0), PLACES);
    ck_assert_uint_eq(rh_web_lanes_waiting(lanes), PLACES);
    for (unsigned i = 0; i < WORKERS; i++)
        ck_assert_ptr_eq(rh_web_lanes_take(lanes, UINT64_MAX), &requests[i]);
    ck_assert_ptr_null(rh_web_lanes_take(lanes, UINT64_MAX));
    rh_web_lanes_end(lanes, 0);
    ck_assert_ptr_eq(rh_web_lanes_take(lanes, UINT64_MAX), &requests[WORKERS]);
    ck_assert_uint_eq(rh_web_lanes_waiting(lanes), PLACES - WORKERS - 1);
}
END_TEST

START_TEST(a_lane_has_no_more_than_it_leaves)
{
    push(0, 10, 1);
    ck_assert_uint_eq(take_all(), 4);
    push(10, 10, 2);
    ck_assert_uint_eq(take_all(), 2);
    push(20, 4, 3);
    ck_assert_uint_eq(take_all(), 1);
    push(24, 1, 0);
    ck_assert_uint_eq(take_all(), 1);
    ck_assert_uint_eq(rh_web_lanes_waiting(lanes), 6 + 8 + 3);
}
END_TEST

START_TEST(two_run_where_one_ended)
{
    struct rh_web_lanes *nine = rh_web_lanes_new(9, PLACES);
    struct rh_web_lanes *eight = lanes;

    lanes = nine;
    push(0, 3, 1);
    push(10, 3, 2);
    ck_assert_uint_eq(take_all(), 6);
    push(3, 1, 1);
    push(13, 1, 2);
    ck_assert_uint_eq(take_all(), 0); /* three are free, and in either lane three run */
    rh_web_lanes_end(lanes, 2);
    ck_assert_ptr_eq(rh_web_lanes_take(lanes, UINT64_MAX), &requests[3]);
    ck_assert_ptr_eq(rh_web_lanes_take(lanes, UINT64_MAX), &requests[13]);
    lanes = eight;
    rh_web_lanes_free(nine);
}
END_TEST

START_TEST(who_came_later_may_be_left)
{
    requests[0].lane = 1;
    ck_assert(rh_web_lanes_push(lanes, &requests[0], 1000));
    ck_assert_ptr_null(rh_web_lanes_take(lanes, 999));
    ck_assert_uint_eq(rh_web_lanes_running(lanes), 0);
    ck_assert_ptr_eq(rh_web_lanes_take(lanes, 1000), &requests[0]);
    ck_assert_uint_eq(rh_web_lanes_running(lanes), 1);
    rh_web_lanes_end(lanes, 1);
    ck_assert_uint_eq(rh_web_lanes_running(lanes), 0);
}
END_TEST

START_TEST(lanes_take_turns)
{
    static const unsigned order[] = {0, 10, 20, 1, 11};

    push(0, 2, 1);
    push(10, 2, 2);
    push(20, 1, 3);
    for (unsigned i = 0; i < 5; i++)
        ck_assert_ptr_eq(rh_web_lanes_take(lanes, UINT64_MAX), &requests[order[i]]);
    ck_assert_ptr_null(rh_web_lanes_take(lanes, UINT64_MAX));
    ck_assert_uint_eq(rh_web_lanes_waiting(lanes), 0);
}
END_TEST

START_TEST(a_lane_leaves_places_to_wait)
{
    ck_assert_uint_eq(push(0, PLACES, 1), PLACES / 2);
    ck_assert_uint_eq(push(PLACES / 2, PLACES / 2, 2), PLACES / 4);
    ck_assert_uint_eq(push(PLACES - PLACES / 4, PLACES / 4, 0), PLACES / 4);
    ck_assert_uint_eq(push(PLACES, 1, 0), 0);
}
END_TEST

START_TEST(one_worker_is_enough)
{
    struct rh_web_lanes *narrow = rh_web_lanes_new(1, 1);

    ck_assert_ptr_nonnull(narrow);
    requests[0].lane = 1;
    for (int i = 0; i < 3; i++) {
        ck_assert(rh_web_lanes_push(narrow, &requests[0], 0));
        ck_assert(!rh_web_lanes_push(narrow, &requests[1], 0));
        ck_assert_ptr_eq(rh_web_lanes_take(narrow, UINT64_MAX), &requests[0]);
        ck_assert_ptr_null(rh_web_lanes_take(narrow, UINT64_MAX));
        rh_web_lanes_end(narrow, 1);
    }
    rh_web_lanes_free(narrow);
}
END_TEST

TESTS_MAIN_WITH("lanes", start, stop, what_has_no_lane_is_bound_by_nobody,
                a_lane_has_no_more_than_it_leaves, two_run_where_one_ended,
                who_came_later_may_be_left, lanes_take_turns, a_lane_leaves_places_to_wait,
                one_worker_is_enough)
