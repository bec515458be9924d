/*
 * What of a connector's answer may be used: the one pure function that decides what is pushed down.
 *
 *  - a verdict above the connector's operators table counts as NONE (and is reported);
 *  - an OR is as exact as its weakest branch;
 *  - groups, distinct, offset and limit only if every conjunct is EXACT; having needs the groups;
 *    distinct needs having done; limit and offset need the full order when there is one, and
 *    everything before them done;
 *  - the order is independent of the conjuncts, but not of groups: above unaccepted groups there
 *    is no order to accept. Text order by the source's collation (SEEK included) cannot be
 *    completed by the host;
 *  - a SEEK only together with the whole order that it stands in.
 */
#pragma once

#include "host/library.h"

#include <stdbool.h>

struct rh_legal {
    uint8_t *verdicts;                            /* per conjunct; caller's room */
    uint32_t n_order;                             /* accepted prefix */
    bool groups, having, distinct, offset, limit; /* done by the connector (also when not asked:
                                                     nothing to do counts as done) */
    uint32_t n_breaches;                          /* claims above the operators table */
};

/* The most that may be claimed for the condition at this node of the query: what its operators
 * table allows, an AND or OR from its children, EXISTS from the conditions inside. Pure. [any] */
uint32_t rh_legal_upper(const struct rh_library *library, const struct rh_query *query,
                        uint32_t node);

/* Pure. [any] plan as the connector filled it. */
void rh_legal_decide(const struct rh_library *library, const struct rh_query *query,
                     const struct rh_plan *plan, struct rh_legal *ret_legal);
