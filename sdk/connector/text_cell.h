/*
 * Cells from the texts that sources without types have (Redis, CSV), and such texts from cells,
 * without loss in either direction.
 */
#pragma once

#include "base/buf.h"
#include "connector/rowset.h"

#include <rowhouse/query.h>

#include <stdint.h>

/* BOOL (true, false), INT, DECIMAL (each without leading zeros or exponent), TEXT: what a text may
 * be taken for when nobody has declared it, since no other text is the same value; BYTES when it is
 * no UTF-8. [any] */
uint8_t rh_text_cell_type(struct rh_text text);
/*
 * Makes *cell, a cell of a row of `rows`, from the text that stands for it; bytes are copied.
 *
 *   column type            is made from
 *   BOOL                   true, false (declared: 1, 0 as well)
 *   INT … UUID             as rh_json_cell reads strings; FLOAT also inf, -inf, nan
 *   BYTES                  the bytes themselves
 *   JSON                   one JSON text
 *   TEXT                   UTF-8; else the cell is BYTES
 *
 * Of an inferred column (RH_COLUMN_INFERRED) only what rh_text_cell_type takes for it. What does
 * not fit is delivered as the text (or bytes) that it is, never bent. Out of memory: rows->failed.
 * [any] */
void rh_text_cell(struct rh_rowset *rows, struct rh_value *cell, const struct rh_column *column,
                  struct rh_text text);
/* Appends the text that rh_text_cell reads back: numbers keep their digits. The value is not NULL.
 * DATA for what has none. The buffer's own failure is the caller's to check. [any] */
int rh_text_cell_add(struct rh_buf *buf, const struct rh_value *value, struct rh_error *error);
