/* A write under way, for its two halves: what becomes of the rows (write.c), and the documents that
 * are sent (document.c). */
#pragma once

#include "couchdb.h"

#include "connector/replace.h"

enum rh_couchdb_verb {
    RH_COUCHDB_INSERT,
    RH_COUCHDB_UPDATE,
    RH_COUCHDB_REMOVE,
    RH_COUCHDB_MERGE,
    RH_COUCHDB_IGNORE
};

/* A row of the input, and what becomes of it. */
struct rh_couchdb_row {
    struct rh_replace_row fate;
    const struct rh_value *cells;
    struct rh_text given;      /* the _id that it is found by; no text: none */
    const struct rh_json *old; /* as it is stored; NULL: it is not there */
    struct rh_text text;       /* what is sent */
    struct rh_text id, rev;    /* after it was stored */
};

struct rh_couchdb_writing {
    struct rh_conn *conn;
    const struct rh_op *op;
    const struct rh_write_spec *spec;
    struct rh_write_result *result;
    struct rh_arena *arena;
    enum rh_couchdb_verb verb;
    uint32_t id, rev; /* positions of _id and _rev in the columns; RH_NO_COLUMN */
    bool *is_key;     /* of each column */
    const struct rh_couchdb_table *table; /* NULL: it is not declared */
    uint32_t *key;                        /* of each column of its key: position; RH_NO_COLUMN */
    struct rh_couchdb_row *rows;
};

static inline const struct rh_column *rh_couchdb_write_column(const struct rh_couchdb_writing *w,
                                                              uint32_t i)
{
    return rh_kit_column(w->spec->columns, w->spec->column_stride, i);
}

/* The row is not written. constraint: RH_CONSTRAINT_* or 0. */
void rh_couchdb_refuse(struct rh_couchdb_writing *w, struct rh_couchdb_row *row, int error_class,
                       uint32_t constraint, struct rh_text message);
/* Makes row->text, or refuses the row. */
int rh_couchdb_compose(struct rh_couchdb_writing *w, struct rh_couchdb_row *row,
                       struct rh_error *error);
