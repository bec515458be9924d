/*
 * Rows out of XML 1.0 that comes in pieces, one at a time, in bounded memory: each element at a
 * path from the root becomes a document, as JSON would have it.
 *
 *     <user id="7"><name>Ann</name><tag>a</tag><tag>b</tag><note/></user>
 *     {"@id":"7","name":"Ann","tag":["a","b"],"note":null}
 *
 *   attribute                      "@name": text
 *   child elements                 by their name, with the prefix that is written; several of one
 *                                  name are an array
 *   element with text alone        its text; with nothing at all: null
 *   text beside attributes or      "#text", when it is more than white space
 *   elements
 *   attributes of the element      "^@name"
 *   around the row
 *
 * Used as rh_json_stream is:
 *
 *     rh_xml_init(&xml, "feed.entry", 16 << 20);
 *     while ((rc = rh_xml_next(&xml, &document, error)) != RH_END)
 *         …RH_XML_MORE: rh_xml_push or rh_xml_close; RH_OK: use document…
 *
 * Strict, and small on purpose: UTF-8 alone, no document type (so no entities but the five
 * predefined ones and character references, and nothing is ever fetched), tags that match, one
 * root. RH_END says that all was well-formed to its last byte. One thread at a time.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/json.h"

#include <rowhouse/error.h>

#include <stdbool.h>
#include <stdint.h>

#define RH_XML_MORE 2 /* no complete row yet: push or close */
#define RH_XML_MAX_DEPTH 60u
#define RH_XML_MAX_MEMBERS 2000u /* of one element, with different names */

struct rh_xml_node;

/* All members are the reader's own, but for the one that says so. */
struct rh_xml {
    const char *path; /* borrowed */
    size_t max_bytes;
    uint32_t n_path; /* names in the path */
    struct rh_arena *arena;
    struct rh_buf held;  /* bytes that came and are not used up */
    size_t start, at;    /* in held: the token at hand, and what is looked at next */
    char quote;          /* in a tag: the attribute's quote that is open */
    struct rh_buf names; /* of the open elements, one behind the other */
    struct rh_buf text;  /* of the row's open elements, one behind the other */
    struct rh_buf json;  /* the last row */
    struct rh_buf outer; /* the attributes of the element around the row, as members of JSON */
    size_t row_bytes;    /* of the row at hand, so far */
    uint32_t depth;      /* open elements */
    uint32_t matched;    /* of these, from the root: how many are the path's */
    size_t name_starts[RH_XML_MAX_DEPTH];
    size_t text_starts[RH_XML_MAX_DEPTH];
    struct rh_xml_node *nodes[RH_XML_MAX_DEPTH]; /* of the row's open elements */
    bool begun, rooted, closed;
    bool found; /* for reading: the element around the rows was there */
};

/* path: names of elements from the root to the row, with dots: "feed.entry". max_bytes: ceiling of
 * one row, and of one tag or text. */
void rh_xml_init(struct rh_xml *xml, const char *path, size_t max_bytes);
void rh_xml_fini(struct rh_xml *xml);
/* Adds bytes (copied). What `next` returned before ends. */
void rh_xml_push(struct rh_xml *xml, struct rh_text piece);
/* There is no more. */
void rh_xml_close(struct rh_xml *xml);
/* The next row, borrowed until the next call. RH_XML_MORE; RH_END; PROTOCOL (not XML, or more than
 * this reader takes), RESOURCE (a row above the ceiling, out of memory). */
int rh_xml_next(struct rh_xml *xml, struct rh_json **ret_document, struct rh_error *error);
