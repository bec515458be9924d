/*
 * JSON without loss: a reader that keeps numbers as their text, and a writer onto a buffer.
 *
 * Used for what passes through (queries, rows, JSON columns). Documents that Rowhouse itself keeps
 * and edits (definitions, settings) are jansson's business.
 *
 * RFC 8259, strictly: UTF-8, no comments, no trailing commas, nothing after the value. Duplicate
 * keys are an error. Nesting is limited, so hostile input cannot exhaust the stack.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"

#include <rowhouse/error.h>

#include <stdbool.h>
#include <stdint.h>

#define RH_JSON_MAX_DEPTH 128

enum rh_json_kind {
    RH_JSON_NULL,
    RH_JSON_FALSE,
    RH_JSON_TRUE,
    RH_JSON_NUMBER,
    RH_JSON_STRING,
    RH_JSON_ARRAY,
    RH_JSON_OBJECT,
};

/* A value in an arena. Immutable. */
struct rh_json {
    enum rh_json_kind kind;
    uint32_t n;              /* ARRAY, OBJECT: number of children */
    struct rh_text text;     /* NUMBER: as written; STRING: decoded */
    struct rh_text source;   /* the whole value as it stands in the input (borrowed from it) */
    struct rh_text key;      /* this value's name in its object; no text elsewhere */
    struct rh_json *child;   /* ARRAY, OBJECT: first child */
    struct rh_json *next;    /* next sibling */
};

/* Parses one complete text. The result lives in the arena and borrows from `text`. Errors are
 * INVALID, code "invalid-json", and tell line and column. */
int rh_json_parse(struct rh_arena *arena, struct rh_text text, struct rh_json **ret_value,
                  struct rh_error *error);

/* Parses the value at the front of *rest and moves *rest behind it (white space skipped): for a
 * sequence of values (NDJSON) or the elements of a large array one by one. RH_END when only white
 * space is left. */
int rh_json_parse_next(struct rh_arena *arena, struct rh_text *rest, struct rh_json **ret_value,
                       struct rh_error *error);

/* The member with this name, or NULL; also NULL when value is NULL or not an object. */
const struct rh_json *rh_json_member(const struct rh_json *value, const char *name);
/* "null", "boolean", "number", "string", "array", "object". */
const char *rh_json_kind_name(enum rh_json_kind kind);
/* Equal by value: numbers by value (1.0 = 1), object members in any order. */
bool rh_json_equal(const struct rh_json *a, const struct rh_json *b);

/* Writing: values onto a buffer; commas and braces are the caller's. */
void rh_json_add_string(struct rh_buf *buf, struct rh_text text); /* with quotes; invalid UTF-8
                                                                     becomes U+FFFD */
/* Shortest text that reads back as the same double; NaN and infinities as null. */
void rh_json_add_f64(struct rh_buf *buf, double value);
/* `"name":` */
void rh_json_add_key(struct rh_buf *buf, const char *name);
