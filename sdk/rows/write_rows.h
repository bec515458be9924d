/*
 * Input rows as cells: members found among the table's columns, values in exactly the column's
 * type, checked against what the column says about itself. A batch of them, row-major, as the
 * write group takes it. Internal to writing. One thread at a time.
 */
#pragma once

#include "base/json.h"
#include "rows/tableset.h"

struct rh_rows {
    const struct rh_tableset *tables;
    const struct rh_table *table;
    struct rh_arena *arena;    /* what the cells point to; owned, reset with the batch */
    bool for_insert;           /* what a row needs must be there; else only what is given counts */
    bool single, bare;         /* of the source: see rh_row_source */
    struct rh_column *columns; /* those that any row gave; they stay from batch to batch */
    uint32_t *positions;       /* … in the table */
    uint32_t n_columns;
    uint32_t *at;    /* by position in the table: position in columns + 1, or 0 */
    uint32_t *guess; /* by position of a member: the table's column it was in the row before */
    uint32_t *required;
    uint32_t n_required;
    struct rh_value *cells; /* n_rows * n_columns */
    size_t cap_cells;
    uint64_t *numbers; /* of the input rows */
    size_t cap_rows;
    uint64_t n_rows;
};

/* The descriptions live in `arena`, the cells' contents in one of max_bytes. */
int rh_rows_init(struct rh_rows *rows, struct rh_arena *arena, size_t max_bytes,
                 const struct rh_tableset *tables, const struct rh_table *table, bool for_insert,
                 struct rh_error *error);
void rh_rows_fini(struct rh_rows *rows);
/* Empties the batch. */
void rh_rows_clear(struct rh_rows *rows);
/* Adds the row that the object is, or leaves the batch as it was. INVALID, CONSTRAINT (not null),
 * with row, column and pointer. */
int rh_rows_add(struct rh_rows *rows, const struct rh_json *object, uint64_t number,
                struct rh_error *error);
/* Makes sure that the table's column is among those of the batch. Its position there, or
 * RH_NO_COLUMN when out of memory. */
uint32_t rh_rows_column(struct rh_rows *rows, uint32_t position);
/* The cell of a table's column; NULL when no row has it. */
struct rh_value *rh_rows_cell(const struct rh_rows *rows, uint64_t row, uint32_t position);
/* Bytes that the batch holds. */
size_t rh_rows_bytes(const struct rh_rows *rows);
/* Row, column (may be no text) and pointer of an error that is set. Returns its class. */
int rh_rows_blame(const struct rh_rows *rows, uint64_t number, struct rh_text column,
                  struct rh_error *error);
