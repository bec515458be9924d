/*
 * What connectors answer is checked before anybody uses it: a connector is code from outside, and
 * its data comes from further outside still. All errors here are CONTRACT and name what is wrong.
 */
#pragma once

#include <rowhouse/connector.h>

/*
 * After every call into a connector that returns a class: makes rc and error agree, so that the
 * layers above can trust both. Returns the outcome: RH_OK and RH_END as they are (the error is then
 * made empty), a known class with error.error_class the same, CONTRACT for anything else. Texts are
 * made NUL-terminated and UTF-8, and secrets are struck out of them. `function` is for messages:
 * "next". error is not NULL. [any]
 */
int rh_check_outcome(int32_t rc, const char *function, struct rh_error *error);

/* rh_check_batch: allowed[c] is a set of RH_TYPE_BIT for column c. NULL and MISSING may always
 * come. allowed NULL: any type. */
#define RH_CHECK_ANY 0xffffu

/*
 * A batch from `next`, or rows that a write returned: its width, its length, and of every cell
 * type, zeroed reserved fields, length and pointer; BOOL is 0 or 1, TIME is in range, DECIMAL has
 * its syntax, INTERVAL and UUID their size. Not checked, because the encoder reads every byte
 * anyway: that TEXT is UTF-8 and JSON is JSON. One pass over the cells. [any]
 */
int rh_check_batch(const struct rh_batch *batch, uint32_t n_cols, uint64_t max_rows,
                   const uint32_t *allowed, struct rh_error *error);

/* What `tables` gave: sizes, strides, texts (UTF-8, no NUL, bounded), types, positions, and that no
 * table and no column of a table comes twice. [any] */
int rh_check_catalog(const struct rh_catalog *catalog, struct rh_error *error);

/* Columns alone, as `native.run` describes them. stride in bytes. `where` is for messages. [any] */
int rh_check_columns(const struct rh_column *columns, uint32_t n_columns, uint32_t stride,
                     const char *where, struct rh_error *error);
