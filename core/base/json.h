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

/* Arrays and objects inside each other; the outermost is 1. */
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
    uint32_t n;            /* ARRAY, OBJECT: number of children */
    struct rh_text text;   /* NUMBER: as written; STRING: decoded */
    struct rh_text source; /* the whole value as it stands in the input (borrowed from it) */
    struct rh_text key;    /* this value's name in its object; no text elsewhere */
    struct rh_json *child; /* ARRAY, OBJECT: first child */
    struct rh_json *next;  /* next sibling */
};

/* Parses one complete text. The result lives in the arena and borrows from `text`. Errors are
 * INVALID, code "invalid-json" (nested too deeply: "too-deep"), and tell line and column in bytes;
 * RESOURCE when the arena is full. Takes about 80 bytes of the arena per value. [any] */
int rh_json_parse(struct rh_arena *arena, struct rh_text text, struct rh_json **ret_value,
                  struct rh_error *error);

/* Parses the value at the front of *rest and moves *rest behind it (white space skipped): for a
 * sequence of values (NDJSON). RH_END when only white space is left. Lines in messages count from
 * *rest. On an error *rest stays. The elements of an array: rh_json_array_next. */
int rh_json_parse_next(struct rh_arena *arena, struct rh_text *rest, struct rh_json **ret_value,
                       struct rh_error *error);

/*
 * Walks one large array element by element, so that no more of it than one element (or batch of
 * elements) is ever in memory as a tree:
 *
 *     struct rh_json_array walk;
 *     rc = rh_json_array_open(&walk, text, &error);
 *     while (rc == 0 && (rc = rh_json_array_next(&walk, arena, &row, &error)) == 0) {
 *         … use row …
 *         if (rh_arena_used(arena) > enough)
 *             rh_arena_reset(arena);
 *     }
 *     // here rc is RH_END when the whole text was well-formed, else the error's class
 */
struct rh_json_array {
    struct rh_text text; /* all of it; borrowed */
    uint64_t at;         /* offset of what comes next */
    uint64_t n;          /* elements that were returned so far */
    int state;           /* 0, or what every further call returns: RH_END or an error's class */
};

/* Steps into the array that the whole text is (the source of a parsed value, or input that was
 * not parsed). INVALID, code "invalid-json", when it starts with anything but `[`. */
int rh_json_array_open(struct rh_json_array *ret_walk, struct rh_text text, struct rh_error *error);
/* The next element; it lives in the arena and borrows from the text. RH_END behind the closing
 * bracket, when only white space follows. Errors as for rh_json_parse, and they stay: what was
 * returned before was well-formed, what follows is never returned. */
int rh_json_array_next(struct rh_json_array *walk, struct rh_arena *arena,
                       struct rh_json **ret_value, struct rh_error *error);

/* The member with this name, or NULL; also NULL when value is NULL or not an object. */
const struct rh_json *rh_json_member(const struct rh_json *value, const char *name);
const struct rh_json *rh_json_find(const struct rh_json *value, struct rh_text name);
/* The text of the member with this name; {NULL, 0} when it is not there or no string. */
struct rh_text rh_json_string(const struct rh_json *value, const char *name);
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
