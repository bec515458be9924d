/*
 * The worker pool: bounded lanes of requests that wait, a fixed number of threads, and one watcher
 * that notices when the client of a request that takes long has left, and when more threads would
 * help.
 */
#pragma once

#include "server/http/server.h"

struct rh_web_workers;

/* n_eager of the workers run while the machine is busy. Owned by the caller. RESOURCE. */
int rh_web_workers_new(unsigned n_workers, unsigned n_eager, unsigned queue,
                       const struct rh_web_handler *handler, struct rh_web_requests *requests,
                       struct rh_web_workers **ret_workers, struct rh_error *error);
/* [epoll] Takes a reference to the request. False when the queue is full. */
bool rh_web_workers_push(struct rh_web_workers *workers, struct rh_web_request *request);
/* [epoll] The connection of this request has ended: whoever runs it is told. */
void rh_web_workers_gone(struct rh_web_workers *workers, const struct rh_web_request *request);
/* Tells all running requests that their client has gone. */
void rh_web_workers_cancel(struct rh_web_workers *workers);
unsigned rh_web_workers_queued(struct rh_web_workers *workers);
/* Waits for the threads; the queue must be empty. NULL is allowed. */
void rh_web_workers_free(struct rh_web_workers *workers);
