/*
 * A table that the configuration allows the suite to write, for connectors that write but make no
 * tables: documents, REST.
 *
 * The tests write (id INT, n INT, v TEXT) and know nothing of it. Here a number becomes what its
 * column holds (a text as the key of a document, a double, a decimal), and on the way back a number
 * again. Where the source generates its keys, a keyed write means its rows by the configuration's
 * "identity" instead of id.
 */
#pragma once

#include "connector/conformance/fixture.h"

/* The table of the configuration's "writable", emptied and filled as rh_fixture_simple does it,
 * with its columns in the order id, n, v; the trial's t->writable from then on. Unproven when the
 * configuration has none. */
const struct rh_table *rh_writable_make(struct rh_trial *t, struct rh_conn *conn, uint64_t n_rows);
/* A value as the column holds it: the numbers of tests, NULL and texts. As it is unless
 * t->writable is set. */
struct rh_value rh_writable_fit(struct rh_trial *t, const struct rh_column *column,
                                struct rh_value value);
/* A write of tests as the table takes it: each cell as its column holds it, rows that are meant by
 * id by their identity. As it is unless t->writable is set. */
struct rh_write_spec rh_writable_spec(struct rh_trial *t, struct rh_conn *conn,
                                      rh_write_fn *function, const struct rh_write_spec *spec);
/* The number that a cell of the columns id and n holds, as INT; anything else as it is. */
struct rh_value rh_writable_number(const struct rh_trial *t, struct rh_value cell);
