/* Specimens of the tables that a source has already: their columns, with values that occur. */
#pragma once

#include "connector/conformance/fixture.h"

/* Up to n_max tables that have rows and are small enough to be read often. */
uint32_t rh_sample_tables(struct rh_trial *t, struct rh_conn *conn,
                          struct rh_specimen *ret_specimens, uint32_t n_max);
/* The table that a specimen was made as, or taken from. */
const struct rh_table *rh_sample_find(struct rh_trial *t, struct rh_conn *conn,
                                      const struct rh_specimen *specimen);
