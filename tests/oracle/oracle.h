/*
 * The pushdown oracle: the same query must give the same rows everywhere.
 *
 * Every source gets the same tables. Each random query runs on the memory connector, which pushes
 * nothing down (the reference), and on every source twice: with everything pushed down that may be,
 * and with nothing. Results are compared cell by cell, by value.
 */
#pragma once

#include "rows/datasource.h"
#include "rows/read.h"

#include <stdbool.h>
#include <stdint.h>

/* ---- Random numbers ---------------------------------------------------------------------- */

struct dice {
    uint64_t state;
};
uint64_t dice_roll(struct dice *dice);
/* 0 .. n - 1 */
uint32_t dice_below(struct dice *dice, uint32_t n);
/* True in `percent` of 100. */
bool dice_chance(struct dice *dice, uint32_t percent);

/* ---- Data -------------------------------------------------------------------------------- */

struct pool {
    const struct rh_value *values;
    uint32_t n;
};

struct data_column {
    struct rh_column column;
    struct pool pool;              /* what its cells and the literals in queries are taken from */
    const char *sqlite, *postgres; /* native type, NULL: by the column's type */
};

struct data_table {
    const char *name;
    const struct data_column *columns;
    uint32_t n_columns;
    const uint32_t *key;
    uint32_t n_key;
    uint32_t n_rows;
    bool exact_only; /* has values that SQLite cannot keep */
};

extern const struct data_table data_tables[];
extern const uint32_t n_data_tables;

/* All cells of a table, row by row, the same in every call. Owned by the arena. */
struct rh_value *data_cells(struct rh_arena *arena, const struct data_table *table);

/* ---- Sources ----------------------------------------------------------------------------- */

struct source {
    const char *name;
    struct rh_datasource *datasource;
    struct rh_session session;
    bool open;
    bool inexact; /* SQLite: without the tables that are exact_only */
};

/* Registers the connectors, from ROWHOUSE_PLUGINS. */
bool source_start(struct rh_registry **ret_registry);
/* Opens the source, makes the tables and fills them. kind: "memory", "sqlite", "postgres". lie: what
 * the connector claims falsely, or NULL. False with a message on stderr. */
bool source_open(struct source *source, struct rh_registry *registry, const char *kind,
                 const char *where, const char *lie, struct rh_operation *op);
/* Removes the tables. */
void source_close(struct source *source, struct rh_operation *op);

/* A connector that claims more than it does: a copy of this library whose `plan`, `open` or operators
 * table lies. NULL and a message when there is no such lie. */
struct rh_library *lie_about(const struct rh_library *library, const char *lie);

/* ---- Queries ----------------------------------------------------------------------------- */

struct question {
    const struct data_table *table;
    struct rh_text json; /* the query */
    bool total;          /* its order decides: results are sequences */
    bool native;         /* text in the source's own order: a sequence only within one source */
};

/* Owned by the arena. paging: without limit and offset, and some of them in the
 * sources' own text order. */
void question_make(struct rh_arena *arena, struct dice *dice, bool exact_tables, bool paging,
                   struct question *ret_question);

/* ---- Answers ----------------------------------------------------------------------------- */

struct answer {
    int outcome; /* RH_OK or the class */
    char message[512];
    char plan[256];
    uint32_t n_columns;
    const struct rh_column *columns;
    uint64_t n_rows;
    struct rh_value *cells;
    int64_t count;
    struct rh_text next, prev;
};

/* Runs the query; rows are copied to the operation's arena. after, before: cursors, or no text. */
void answer_get(struct source *source, struct rh_operation *op, const struct question *question,
                uint64_t page_size, struct rh_text after, struct rh_text before, bool push_nothing,
                struct answer *ret_answer);
/* Page by page, forwards to the end and backwards again; the rows as one answer. A page that comes
 * out differently on the way back makes the outcome RH_INTERNAL. */
void answer_get_paged(struct source *source, struct rh_operation *op,
                      const struct question *question, uint64_t page_size, bool push_nothing,
                      struct answer *ret_answer);
/* False when they differ; prints both then. */
bool answer_compare(struct rh_arena *arena, const struct answer *expected,
                    const struct answer *actual, bool as_sequence);
void answer_print(const struct answer *answer);
