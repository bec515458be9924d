/* A write under way: what write.c, encode.c and returned.c share. */
#pragma once

#include "s3.h"

#include "base/map.h"

#define RH_S3_NO_INPUT UINT64_MAX

enum rh_s3_verb { RH_S3_INSERT, RH_S3_UPDATE, RH_S3_REMOVE, RH_S3_MERGE, RH_S3_IGNORE };

/* A row of the input. */
struct rh_s3_input {
    size_t begin, end; /* its row as it was written, in `body`, or deleted, in `removed` */
    bool done;         /* it has met its row, or is written */
};

struct rh_s3_call {
    struct rh_conn *conn;
    const struct rh_op *op;
    const struct rh_write_spec *spec;
    const struct rh_s3_table *table;
    enum rh_s3_verb verb;
    struct rh_arena *arena;
    bool *is_key;         /* of each column */
    uint32_t *fields;     /* CSV: where each column is in the header */
    struct rh_map by_key; /* to input + 1, in the arena */
    bool guards_key;      /* the declared key may change: then the next two are used */
    struct rh_map taken;  /* declared keys of the new object, to whom they belong */
    struct rh_rowset key; /* of the row at hand */
    struct rh_s3_input *inputs;
    struct rh_buf body;    /* the new object */
    size_t header_bytes;   /* of it, the header's */
    struct rh_buf removed; /* deleted rows, when they are to be returned */
    uint64_t n_rows, n_affected;
};

static inline const struct rh_column *rh_s3_call_column(const struct rh_s3_call *w, uint32_t i)
{
    return rh_kit_column(w->spec->columns, w->spec->column_stride, i);
}

static inline const struct rh_value *rh_s3_call_cells(const struct rh_s3_call *w, uint64_t row)
{
    return w->spec->cells + row * w->spec->n_columns;
}

/* ---- key.c ----------------------------------------------------------------------------------- */

/* The values of the columns that are key as one text, in the arena: each with its type's own
 * spelling, so that 1 and 1.0 are the same. */
int rh_s3_key_of(const struct rh_s3_call *w, const struct rh_value *cells, struct rh_text *ret_key,
                 struct rh_error *error);
/* Whether rows may get other values in the columns of the declared key. */
bool rh_s3_sets_key(const struct rh_s3_call *w);
/* Notes the declared key of a row of the new object: of the old row (NULL: none) and of an input
 * row, or RH_S3_NO_INPUT. CONSTRAINT when the input takes a key that another row has. */
int rh_s3_take_key(struct rh_s3_call *w, const struct rh_s3_object *object,
                   const struct rh_s3_row *old, uint64_t input, struct rh_error *error);
/* CONSTRAINT, of this input row. */
int rh_s3_refuse(struct rh_error *error, uint64_t row, uint32_t constraint, const char *why);

/* ---- encode.c -------------------------------------------------------------------------------- */

/* Appends a field of CSV, quoted where it must be. */
void rh_s3_add_field(struct rh_buf *body, struct rh_text text, char separator);
/* Appends a row in the table's format: of the old one (NULL: none) and the new cells (NULL: none). */
int rh_s3_add_row(const struct rh_s3_call *w, const struct rh_s3_object *object,
                  const struct rh_s3_row *old, const struct rh_value *cells, struct rh_buf *body,
                  struct rh_error *error);

/* ---- returned.c ------------------------------------------------------------------------------ */

/* NOT_FOUND when a column to be returned is none. */
int rh_s3_check_returning(const struct rh_s3_call *w, struct rh_error *error);
/* The rows that were written, as they are read from the object with this key. Borrowed until the
 * next call on the connection. */
int rh_s3_return_rows(struct rh_s3_call *w, const struct rh_s3_object *object, struct rh_text key,
                      struct rh_batch *ret_batch, struct rh_error *error);
