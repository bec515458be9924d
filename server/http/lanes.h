/*
 * The requests that wait for a worker, and which of them may have the next one.
 *
 * A request is in a lane: in this server, that of its datasource. The requests of a lane run in the
 * order they came, and lanes take turns. No lane has more workers than it leaves free for the
 * others, nor more places to wait: a source that has become slow, or is asked by very many, takes
 * half of what there is, the next one half of the rest, and whoever asks another is still
 * answered. These are the dynamic thresholds of shared buffers (Choudhury and Hahne, IEEE/ACM
 * Transactions on Networking 6(2), 1998) with the factor 1.
 *
 * Lanes are told apart by a hash: two may be one by accident, and then share what one may have.
 * Not safe for threads: the workers' lock guards it.
 */
#pragma once

#include "server/http/request.h"

struct rh_web_lanes;

/* NULL when out of memory. Owned by the caller. */
struct rh_web_lanes *rh_web_lanes_new(unsigned n_workers, unsigned n_places);
/* NULL is allowed. Requests that wait are forgotten. */
void rh_web_lanes_free(struct rh_web_lanes *lanes);
/* Borrowed until it is taken. False when it may not wait. now_us: when it came. */
bool rh_web_lanes_push(struct rh_web_lanes *lanes, struct rh_web_request *request, uint64_t now_us);
/* The next one that may run, which has a worker from now on; NULL when there is none, or when it
 * came after that time. */
struct rh_web_request *rh_web_lanes_take(struct rh_web_lanes *lanes, uint64_t until_us);
/* The worker of a request that was taken, and that was in this lane, is free again. */
void rh_web_lanes_end(struct rh_web_lanes *lanes, uint32_t lane);
unsigned rh_web_lanes_waiting(const struct rh_web_lanes *lanes);
unsigned rh_web_lanes_running(const struct rh_web_lanes *lanes);
