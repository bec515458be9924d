/*
 * A TCP proxy in a thread of the test's process, between the connector and its source, that does
 * what networks do on bad days. [any] for changing its mode.
 */
#pragma once

#include "connector/conformance/trial.h"

enum rh_proxy_mode {
    RH_PROXY_PASS,  /* everything goes through */
    RH_PROXY_HOLE,  /* nothing goes through any more; connections stay open */
    RH_PROXY_DRIP,  /* answers come one byte at a time */
    RH_PROXY_RESET, /* every connection is reset */
};

/* Starts it towards the configured source ("through"), or ends the test as unproven. */
void rh_proxy_start(struct rh_trial *t);
void rh_proxy_set(enum rh_proxy_mode mode);
/* Lets so many more bytes of answers through, then resets all. UINT64_MAX: no end. */
void rh_proxy_cut_after(uint64_t n_bytes);
/* Lets so many more pieces of answers through, then resets all. */
void rh_proxy_cut_after_pieces(uint64_t n_pieces);
/* The configured settings with the proxy's address in them. */
void rh_proxy_settings(struct rh_trial *t, struct rh_settings *ret_settings);
