/*
 * One test in a process of its own, with a limit in time. What it and the connector print is kept
 * for the report. Whatever it started is ended with it.
 */
#pragma once

#include "connector/conformance/trial.h"

struct rh_child_options {
    const struct rh_conformance_options *options;
    const json_t *config;
    const char *prefix;
    bool isolated;
    uint32_t timeout_ms;
};

/* Runs it and waits. message: owned by the caller, NULL when out of memory. */
void rh_child_run(const struct rh_child_options *options, const struct rh_trial_test *test,
                  enum rh_conformance_outcome *ret_outcome, char **ret_message);
