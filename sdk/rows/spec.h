/*
 * A query as it was asked: names and literals, nothing looked up yet. Both query forms (JSON and
 * URL) are parsed into this one tree; rows/bind.h resolves it against a table.
 *
 * Everything lives in the arena it was parsed with.
 */
#pragma once

#include "base/arena.h"
#include "base/json.h"

#include <rowhouse/query.h>

#include <stdbool.h>

enum rh_literal_kind {
    RH_LITERAL_NULL,
    RH_LITERAL_BOOL,
    RH_LITERAL_NUMBER, /* text: as written */
    RH_LITERAL_STRING, /* text: decoded */
    RH_LITERAL_BARE,   /* from a URL: the column's type decides what it is */
    RH_LITERAL_JSON,   /* array or object: source text */
};

struct rh_literal {
    enum rh_literal_kind kind;
    bool truth;  /* BOOL */
    bool quoted; /* BARE: stood in double quotes, so for a JSON column it is a string */
    struct rh_text text;
};

enum rh_cond_kind { RH_COND_AND, RH_COND_OR, RH_COND_NOT, RH_COND_TEST, RH_COND_RELATION };

/* How a to-many relation is quantified (RH_COND_RELATION). */
enum rh_quantifier { RH_SOME, RH_NONE_OF, RH_EVERY };

struct rh_cond {
    enum rh_cond_kind kind;
    enum rh_quantifier quantifier;
    struct rh_cond *child; /* AND, OR, NOT, RELATION: first; chained by next */
    struct rh_cond *next;
    struct rh_text name; /* TEST: column or path "a.b.c"; RELATION: the relation */
    uint32_t op;         /* TEST: RH_OP_* with bits; BETWEEN comes as AND of GTE, LTE */
    const struct rh_literal *operands;
    uint32_t n_operands;
    const char *pointer; /* into the input, for errors: "/where/and/0/total" or "?total" */
};

struct rh_select_item {
    struct rh_text name;                 /* column or relation */
    const struct rh_select_item *nested; /* relation: its own select list */
    uint32_t n_nested;
    const char *pointer;
};

struct rh_order_item {
    struct rh_text name;
    bool desc;
    int nulls; /* 0 default (largest), 1 first, 2 last */
    const char *pointer;
};

struct rh_group_item {
    struct rh_text name; /* of the output */
    struct rh_text column;
    uint32_t bucket; /* RH_BUCKET_* */
    const char *pointer;
};

struct rh_aggregate_item {
    struct rh_text name;   /* of the output */
    uint32_t function;     /* RH_AGG_* */
    struct rh_text column; /* no text: "*" */
    bool distinct;
    const char *pointer;
};

enum rh_count_mode { RH_COUNT_NONE, RH_COUNT_EXACT, RH_COUNT_ESTIMATE };

struct rh_spec {
    const struct rh_select_item *select; /* none: all columns */
    uint32_t n_select;
    uint32_t n_order;
    const struct rh_order_item *order;
    struct rh_cond *where;  /* NULL: all rows */
    struct rh_cond *having; /* names are outputs */
    const struct rh_group_item *groups;
    uint32_t n_groups;
    uint32_t n_aggregates;
    const struct rh_aggregate_item *aggregates;
    struct rh_text search; /* no text: none */
    struct rh_text after;  /* cursors; no text: none */
    struct rh_text before;
    uint64_t limit; /* RH_NO_LIMIT: not given */
    uint64_t offset;
    enum rh_count_mode count;
    bool distinct;
    bool binary_collation; /* "collate": "binary" */
};

/* What a query may consist of at most; beyond: INVALID, "too-deep" or "invalid-query". */
#define RH_SPEC_MAX_DEPTH 128
#define RH_SPEC_MAX_CONDITIONS 100000

/* The JSON form. Members that it does not know are errors with near names. INVALID, codes
 * "invalid-json", "invalid-query", "invalid-filter", "unknown-operator", with a pointer. */
int rh_spec_parse_json(struct rh_arena *arena, const struct rh_json *body,
                       struct rh_spec **ret_spec, struct rh_error *error);
/* The URL form: the raw query string, without '?', percent-encoded. Reserved words for the HTTP
 * layer (format, numbers, and those in `also_reserved`, separated by spaces) are skipped. */
int rh_spec_parse_url(struct rh_arena *arena, struct rh_text query_string,
                      const char *also_reserved, struct rh_spec **ret_spec, struct rh_error *error);
/* Only a condition in JSON form ("where" of an update or delete). pointer: of the value. */
int rh_spec_parse_where(struct rh_arena *arena, const struct rh_json *value, const char *pointer,
                        struct rh_cond **ret_cond, struct rh_error *error);
