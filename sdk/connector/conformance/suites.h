/*
 * All tests, by suite. Each suite is one file suite_<name>.c, which ends with its table; a table
 * ends with a row without a name.
 */
#pragma once

#include "connector/conformance/trial.h"

struct rh_suite {
    const char *name;
    enum rh_conformance_level level; /* that its tests count for */
    const struct rh_trial_test *tests;
};

extern const struct rh_suite rh_suites[]; /* ends with a row without a name */

extern const struct rh_trial_test rh_suite_load[], rh_suite_abi[], rh_suite_config[],
    rh_suite_introspection[], rh_suite_types[], rh_suite_oracle[], rh_suite_cursors[],
    rh_suite_time[], rh_suite_network[], rh_suite_threads[], rh_suite_hygiene[], rh_suite_write[],
    rh_suite_transactions[], rh_suite_native[], rh_suite_ddl[], rh_suite_feed[];

/* Not a test of the connector: what it claims, as a note ("postgres 0.1.0\nread write tx"). */
extern const struct rh_trial_test rh_suite_claims;
/* Likewise: drops all tables whose names begin with the prefix. */
extern const struct rh_trial_test rh_suite_sweep;

/* The entry of the file, loaded under its own name; for tests of the table itself. */
rh_connector_entry_fn *rh_suite_entry(struct rh_trial *t);
