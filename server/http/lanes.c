/* See lanes.h. Invariant: the lanes in the list are those in which somebody waits. */
#include "server/http/lanes.h"

#include <stdlib.h>

#define N_LANES 256 /* beside the one without bounds */

struct lane {
    struct rh_web_request *first, *last; /* that wait, by next */
    unsigned n_waiting, n_running;
    struct lane *next; /* in the list */
};

struct rh_web_lanes {
    unsigned n_workers, n_free;
    unsigned n_places, n_waiting;
    struct lane *first, *last; /* whose turn it is; who had the last one */
    struct lane lanes[1 + N_LANES];
};

static struct lane *lane_of(struct rh_web_lanes *lanes, uint32_t lane)
{
    return &lanes->lanes[lane ? 1 + lane % N_LANES : 0];
}

static bool is_bound(const struct rh_web_lanes *lanes, const struct lane *lane)
{
    return lane != &lanes->lanes[0];
}

static bool may_run(const struct rh_web_lanes *lanes, const struct lane *lane)
{
    return lanes->n_free && (!is_bound(lanes, lane) || lane->n_running < lanes->n_free);
}

static bool may_wait(const struct rh_web_lanes *lanes, const struct lane *lane)
{
    unsigned n_left = lanes->n_places - lanes->n_waiting;

    return n_left && (!is_bound(lanes, lane) || lane->n_waiting < n_left);
}

struct rh_web_lanes *rh_web_lanes_new(unsigned n_workers, unsigned n_places)
{
    struct rh_web_lanes *lanes = calloc(1, sizeof(*lanes));

    if (lanes) {
        lanes->n_workers = lanes->n_free = n_workers;
        lanes->n_places = n_places;
    }
    return lanes;
}

void rh_web_lanes_free(struct rh_web_lanes *lanes)
{
    free(lanes);
}

static void append(struct rh_web_lanes *lanes, struct lane *lane)
{
    lane->next = NULL;
    *(lanes->first ? &lanes->last->next : &lanes->first) = lane;
    lanes->last = lane;
}

static void remove_behind(struct rh_web_lanes *lanes, struct lane *before, struct lane *lane)
{
    *(before ? &before->next : &lanes->first) = lane->next;
    if (lanes->last == lane)
        lanes->last = before;
}

bool rh_web_lanes_push(struct rh_web_lanes *lanes, struct rh_web_request *request, uint64_t now_us)
{
    struct lane *lane = lane_of(lanes, request->lane);

    if (!may_wait(lanes, lane))
        return false;
    if (!lane->n_waiting)
        append(lanes, lane);
    request->next = NULL;
    request->queued_us = now_us;
    *(lane->n_waiting ? &lane->last->next : &lane->first) = request;
    lane->last = request;
    lane->n_waiting++;
    lanes->n_waiting++;
    return true;
}

struct rh_web_request *rh_web_lanes_take(struct rh_web_lanes *lanes, uint64_t until_us)
{
    struct lane *before = NULL, *lane = lanes->first;
    struct rh_web_request *request;

    while (lane && !may_run(lanes, lane)) {
        before = lane;
        lane = lane->next;
    }
    if (!lane || lane->first->queued_us > until_us)
        return NULL;
    request = lane->first;
    lane->first = request->next;
    lane->n_waiting--;
    lane->n_running++;
    lanes->n_waiting--;
    lanes->n_free--;
    remove_behind(lanes, before, lane);
    if (lane->n_waiting)
        append(lanes, lane);
    return request;
}

void rh_web_lanes_end(struct rh_web_lanes *lanes, uint32_t lane)
{
    lane_of(lanes, lane)->n_running--;
    lanes->n_free++;
}

unsigned rh_web_lanes_waiting(const struct rh_web_lanes *lanes)
{
    return lanes->n_waiting;
}

unsigned rh_web_lanes_running(const struct rh_web_lanes *lanes)
{
    return lanes->n_workers - lanes->n_free;
}
