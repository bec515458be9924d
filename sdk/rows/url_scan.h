/*
 * Reading the value of one URL parameter, after percent-decoding: names, quoted texts, brackets.
 * Internal to the URL parser.
 */
#pragma once

#include "rows/spec_build.h"

struct rh_url_scan {
    const char *at;
    const char *end;
    const char *pointer; /* of the parameter, for errors */
    struct rh_spec_builder *builder;
};

/* The next character, or 0 at the end. */
static inline char rh_url_peek(const struct rh_url_scan *scan)
{
    return scan->at < scan->end ? *scan->at : 0;
}
/* Steps over c when it is next. */
static inline bool rh_url_skip(struct rh_url_scan *scan, char c)
{
    if (scan->at >= scan->end || *scan->at != c)
        return false;
    scan->at++;
    return true;
}

/* INVALID with the parameter's pointer. Returns the class. */
int rh_url_fail(struct rh_url_scan *scan, const char *code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Steps over c or fails. */
int rh_url_expect(struct rh_url_scan *scan, char c);
/* A text in double quotes: \" and \\ stand for themselves. */
int rh_url_quoted(struct rh_url_scan *scan, struct rh_text *ret_text);
/* A name, plain up to one of the characters in `stops`, or quoted. Not empty. */
int rh_url_name(struct rh_url_scan *scan, const char *stops, struct rh_text *ret_name);

/* '%41', and where plus_is_space (query strings, not paths) also '+'. False for a malformed escape,
 * what is not UTF-8, or out of memory. */
bool rh_url_decode(struct rh_arena *arena, struct rh_text raw, bool plus_is_space,
                   struct rh_text *ret_text);

/* Conditions (url_where.c); each takes the whole value. NULL with the error set. */
/* ["not."] operator "." operand */
struct rh_cond *rh_url_test(struct rh_url_scan *scan, struct rh_text name);
/* "(" cond ("," cond)* ")"; NOT: the complement of all of them together. */
struct rh_cond *rh_url_list(struct rh_url_scan *scan, enum rh_cond_kind kind);
