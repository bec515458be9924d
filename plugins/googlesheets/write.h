/* A write under way: what write.c, insert.c and target.c share. */
#pragma once

#include "googlesheets.h"

#define RH_GOOGLESHEETS_NOWHERE ((uint32_t)-1)

enum rh_googlesheets_verb {
    RH_GOOGLESHEETS_INSERT,
    RH_GOOGLESHEETS_UPDATE,
    RH_GOOGLESHEETS_REMOVE
};

/* A row of the input, and the row of the sheet that it means. */
struct rh_googlesheets_target {
    int64_t mark;   /* 0: it is not there */
    uint32_t index; /* in the grid from 0 on, as it was found; RH_GOOGLESHEETS_NOWHERE: not known */
    bool ours;      /* the mark was made for this write */
};

struct rh_googlesheets_call {
    struct rh_conn *conn;
    const struct rh_op *op;
    const struct rh_write_spec *spec;
    struct rh_write_result *result;
    struct rh_arena *arena;
    struct rh_googlesheets_sheet sheet;
    struct rh_googlesheets_header header;
    enum rh_googlesheets_verb verb;
    uint32_t *places; /* of the columns in the grid; RH_NO_COLUMN: `_row` */
    bool *is_key;
    struct rh_googlesheets_target *targets;
};

/* The column at this position of the write; the cell of an input row; is it `_row`? */
static inline const struct rh_column *
rh_googlesheets_call_column(const struct rh_googlesheets_call *w, uint32_t i)
{
    return rh_kit_column(w->spec->columns, w->spec->column_stride, i);
}

static inline const struct rh_value *rh_googlesheets_call_cell(const struct rh_googlesheets_call *w,
                                                               uint64_t row, uint32_t column)
{
    return &w->spec->cells[row * w->spec->n_columns + column];
}

static inline bool rh_googlesheets_call_is_id(const struct rh_googlesheets_call *w, uint32_t i)
{
    return rh_googlesheets_call_column(w, i)->flags & RH_COLUMN_GENERATED;
}

/* POSTs to the spreadsheet; writes: the request changes it. (write.c) */
int rh_googlesheets_post(struct rh_googlesheets_call *w, const char *rest,
                         const struct rh_buf *body, bool writes, struct rh_json **ret_answer,
                         struct rh_error *error);
/* The column that is set at a place of the grid; RH_NO_COLUMN. (write.c) */
uint32_t rh_googlesheets_column_at(const struct rh_googlesheets_call *w, uint32_t place);

/* ---- target.c ------------------------------------------------------------------------------ */

/* The number of rows up to the last one with a value. Sets the columns' places. */
int rh_googlesheets_find_end(struct rh_googlesheets_call *w, uint32_t *ret_end,
                             struct rh_error *error);
/* Makes the rows that have the keys of the input rows, in this column, their targets. AMBIGUOUS_KEY. */
int rh_googlesheets_look_for_keys(struct rh_googlesheets_call *w, uint32_t column,
                                  struct rh_error *error);
/* Makes the rows that the input means its targets, each with a mark. ret_answer: what they hold, as
 * rh_googlesheets_fetch_marked gives it. CONFLICT: rows were moved meanwhile. */
int rh_googlesheets_find_targets(struct rh_googlesheets_call *w, struct rh_json **ret_answer,
                                 struct rh_error *error);
/* What the targets hold now. */
int rh_googlesheets_fetch_targets(struct rh_googlesheets_call *w, struct rh_json **ret_answer,
                                  struct rh_error *error);
/* Of such an answer: the range that was found by this mark (0: the header); NULL. */
const struct rh_json *rh_googlesheets_matched(const struct rh_json *answer, int64_t mark);
/* Of a range: the cell at this place; NULL when it is empty. */
const struct rh_json *rh_googlesheets_matched_cell(const struct rh_json *matched, uint32_t place);
/* The targets' marks, or those that were made for this write; in the arena, NULL when out of memory. */
int64_t *rh_googlesheets_marks_of(const struct rh_googlesheets_call *w, bool only_ours,
                                  uint32_t *ret_n);

/* ---- insert.c ------------------------------------------------------------------------------ */

int rh_googlesheets_run_insert(struct rh_googlesheets_call *w, struct rh_error *error);
