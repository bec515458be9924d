/*
 * What the parts of binding share: the query under construction. Internal to bind*.c.
 *
 * Conditions are first made into a tree of struct rh_bnode (negation pushed down, literals typed,
 * constants folded) and then laid out flat: children stand next to each other, behind their parent.
 */
#pragma once

#include "base/vec.h"
#include "rows/bind.h"

struct rh_binder {
    struct rh_arena *arena;
    const struct rh_tableset *tables;
    const struct rh_table *table;
    struct rh_error *error;
    struct rh_vec columns;           /* struct rh_column: those in use */
    uint32_t *used;                  /* by position in the table: position in columns + 1, or 0 */
    struct rh_vec nodes;             /* struct rh_node */
    struct rh_vec values;            /* struct rh_value */
    const struct rh_column *outputs; /* grouped: what `having` and `order` name */
    uint32_t n_outputs;
    bool in_having;
};

int rh_binder_init(struct rh_binder *binder, struct rh_arena *arena,
                   const struct rh_tableset *tables, const struct rh_table *table,
                   struct rh_error *error);
/* Puts nodes, values and columns into the query. */
void rh_binder_finish(const struct rh_binder *binder, struct rh_query *query);

/* The table column's position in `columns`, where it is added when it is new. RH_NO_COLUMN when out
 * of memory. */
uint32_t rh_binder_use(struct rh_binder *binder, uint32_t position);
/* Position of a column in the table by name; INVALID "unknown-column" or, for a path,
 * "unknown-relation". */
int rh_binder_column(struct rh_binder *binder, struct rh_text name, const char *pointer,
                     uint32_t *ret_position);
int rh_binder_no_relation(struct rh_binder *binder, struct rh_text name, const char *pointer);
/* Position among the outputs; RH_NO_COLUMN when there is none. */
uint32_t rh_binder_output(const struct rh_binder *binder, struct rh_text name);
int rh_binder_no_output(struct rh_binder *binder, struct rh_text name, const char *pointer);
/* INVALID with code and pointer. Returns the class. */
int rh_binder_fail(struct rh_binder *binder, const char *code, const char *pointer,
                   const char *format, ...) __attribute__((format(printf, 4, 5)));

struct rh_bnode {
    uint32_t op; /* RH_OP_* with bits */
    uint32_t column;
    uint32_t first_value, n_values;
    uint32_t n_children;
    struct rh_bnode *child, *last, *next;
};

/* The tree of a condition. NULL with the error set. */
struct rh_bnode *rh_binder_cond(struct rh_binder *binder, const struct rh_cond *cond);
/* OR of "contains, case-insensitive" over all text columns. NULL with the error set. */
struct rh_bnode *rh_binder_search(struct rh_binder *binder, struct rh_text text);
/* Both must hold. Either may be NULL, which holds always. NULL when out of memory or both are. */
struct rh_bnode *rh_binder_both(struct rh_binder *binder, struct rh_bnode *a, struct rh_bnode *b);
/* Lays the tree out; its top-level ANDs become separate conjuncts. NULL: none. */
int rh_binder_flatten(struct rh_binder *binder, struct rh_bnode *root,
                      const uint32_t **ret_conjuncts, uint32_t *ret_n);

/* A literal as an element of a JSON array (bind_value.c). */
int rh_bind_item(struct rh_arena *arena, const struct rh_literal *literal,
                 struct rh_value *ret_value, struct rh_error *error);

/* Groups, aggregates and their names (bind_group.c); order and its completion (bind_order.c). */
int rh_binder_groups(struct rh_binder *binder, const struct rh_spec *spec, struct rh_bound *bound);
int rh_binder_order(struct rh_binder *binder, const struct rh_spec *spec, struct rh_bound *bound);
