/*
 * Idempotency-Key: the first answer to a write is stored for a day and repeated.
 *
 * A key is reserved before the command runs, so two requests with the same key never both run. An
 * answer that says "try again" (5xx, 429, cancelled) frees the key, but an unknown outcome keeps
 * it.
 */
#pragma once

#include "server/api/call.h"

enum rh_idempotency_state {
    RH_IDEMPOTENCY_NONE,     /* no key was sent */
    RH_IDEMPOTENCY_FIRST,    /* the command is to be run, then rh_idempotency_end */
    RH_IDEMPOTENCY_REPEATED, /* the stored answer has been given */
};

struct rh_idempotency {
    char key[80]; /* in the store */
    char fingerprint[65];
    int64_t revision;
};

/* INVALID for a malformed key; codes "idempotency-mismatch", "in-progress", "answer-not-kept". */
int rh_idempotency_begin(struct rh_call *call, struct rh_idempotency *ret_once,
                         enum rh_idempotency_state *ret_state, struct rh_error *error);
/* Stores the answer that the call has now. rc: what the command returned. */
void rh_idempotency_end(struct rh_call *call, const struct rh_idempotency *once, int rc);
/* Deletes what has expired. */
int rh_idempotency_sweep(struct rh_api *api, struct rh_operation *op, struct rh_error *error);
