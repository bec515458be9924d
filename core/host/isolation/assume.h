/*
 * Plans that are taken to be as they were: the proxy's way to a page in one round trip.
 *
 * `plan` is pure, and of queries that differ in their literals alone it nearly always says the
 * same. So a reader that is about to open a query, and says so with RH_QUERY_ASSUME, is told what
 * was planned last for a query of the same shape; and `open` then takes along what was assumed. The
 * connector's process plans the same queries first, with their literals, and refuses to open when
 * one of its plans is another: CONFLICT, RH_PLAN_CHANGED. Nothing has happened then, and what was
 * assumed is forgotten: the reader plans again and opens. Nobody ever reads by a plan that was not
 * the connector's own for this very query.
 *
 * A connection's, under its rules.
 */
#pragma once

#include "host/isolation/codec.h"

#define RH_ASSUME_SHAPES 8u
#define RH_ASSUME_PENDING 4u /* plans before one open; at most half of the shapes */

struct rh_assume_shape {
    char *key; /* the query's frame without its literals, then the verdicts; malloc'ed */
    size_t n_fixed, n_bytes;
    uint32_t n_conjuncts;
    struct rh_plan plan; /* verdicts within key */
};

struct rh_assume {
    struct rh_assume_shape shapes[RH_ASSUME_SHAPES];
    uint32_t next;          /* shape to be replaced */
    struct rh_wire_out key; /* of the query that was looked for last; until `put` */
    struct {
        struct rh_wire_out query;
        struct rh_assume_shape *shape;
    } pending[RH_ASSUME_PENDING]; /* assumed since the last `open` */
    uint32_t n_pending;
    uint32_t n_changed; /* plans that were others */
};

void rh_assume_init(struct rh_assume *assume);
void rh_assume_fini(struct rh_assume *assume);
/* Whether the plan of such a query is known; then it is in *ret_plan, and pending. */
bool rh_assume_look(struct rh_assume *assume, const struct rh_query *query,
                    struct rh_plan *ret_plan);
/* Keeps the plan of the query that was looked for last. */
void rh_assume_keep(struct rh_assume *assume, const struct rh_query *query,
                    const struct rh_plan *plan);
/* The query to be opened, behind what is pending: struct rh_wire_assumed and so on. */
void rh_assume_put(struct rh_assume *assume, struct rh_wire_out *out, const struct rh_query *query);
/* After `open`. changed: what was pending was wrong. */
void rh_assume_settle(struct rh_assume *assume, bool changed);
