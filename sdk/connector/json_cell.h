/*
 * Cells from JSON values and JSON from cells, without loss in either direction.
 */
#pragma once

#include "base/json.h"
#include "connector/rowset.h"

#include <rowhouse/query.h>

#include <stdint.h>

/* The type that a value has by itself: NULL (null), BOOL, INT (whole, within int64), DECIMAL (other
 * numbers, of any number of digits), FLOAT (with an exponent too large to write out), TEXT, and
 * JSON (arrays, objects, numbers beyond a double). MISSING when value is NULL. [any] */
uint8_t rh_json_type_of(const struct rh_json *value);

/*
 * Makes *cell, a cell of a row of `rows`, from a member of a document; bytes are copied. value
 * NULL: the document lacks it, MISSING.
 *
 *   column type           is made from
 *   BOOL                  true, false
 *   INT UINT DECIMAL      numbers that it can hold
 *   FLOAT                 numbers, to the nearest double
 *   TEXT                  strings
 *   BYTES                 strings in base 64
 *   DATE … INTERVAL UUID  strings as connector/civil.h and json_text.h read them
 *   JSON                  everything, as it was written
 *
 * A declared type is the source's word: numbers may then stand in strings. An inferred one
 * (RH_COLUMN_INFERRED) is our guess: they may not, and a double takes only numbers that it gives
 * back. A value that does not fit is delivered with the type that it has by itself (the host
 * compares by what a cell is, not by what its column promised), never bent. Out of memory:
 * rows->failed. [any]
 */
void rh_json_cell(struct rh_rowset *rows, struct rh_value *cell, const struct rh_column *column,
                  const struct rh_json *value);

/* Appends the value as JSON, as rh_json_cell reads it back into a column of its type; NULL and
 * MISSING as null (a document leaves MISSING members out: the caller's business). DATA for what
 * JSON cannot say: numbers that are not finite. The buffer's own failure is the caller's to check.
 * [any] */
int rh_json_add_value(struct rh_buf *buf, const struct rh_value *value, struct rh_error *error);
