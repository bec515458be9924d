/*
 * Counters per command: requests by status, and a histogram of their duration. Lock-free.
 */
#pragma once

#include "base/buf.h"

#include <stdint.h>

struct rh_api;
struct rh_metrics;

struct rh_metrics *rh_metrics_new(unsigned n_commands);
void rh_metrics_free(struct rh_metrics *metrics);
/* [any] command: position in the table, or n_commands for requests that found none. */
void rh_metrics_count(struct rh_metrics *metrics, unsigned command, unsigned status,
                      uint64_t duration_us);
/* [any] Everything in the Prometheus text format, with the state of pools and process. */
void rh_metrics_write(struct rh_api *api, struct rh_buf *buf);
