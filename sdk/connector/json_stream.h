/*
 * Documents out of a stream of bytes that comes in pieces, one at a time, in bounded memory: lines
 * of NDJSON, or the elements of one array inside a larger document.
 *
 *     rh_json_stream_init(&stream, "hits.hits", 16 << 20);
 *     while ((rc = rh_json_stream_next(&stream, arena, &document, error)) != RH_END) {
 *         if (rc == RH_JSON_MORE)
 *             …rh_json_stream_push(&stream, piece), or rh_json_stream_close(&stream) after the last…
 *         else if (rc == RH_OK)
 *             …use document, reset the arena now and then…
 *         else
 *             break;
 *     }
 *
 * RH_END says that everything was well-formed to its last byte: an answer that was cut off is never
 * taken for a short one. What stands around the array (a count, the token of the next page) is kept
 * and is `envelope` at the end. One thread at a time.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/json.h"

#include <rowhouse/error.h>

#include <stdbool.h>
#include <stdint.h>

#define RH_JSON_MORE 2 /* no complete document yet: push or close */

/* All members are the stream's own, but for the two that say so. */
struct rh_json_stream {
    const char *path; /* borrowed; NULL: NDJSON */
    size_t max_bytes;
    struct rh_buf held;    /* bytes that came and are not used up */
    size_t start, at;      /* in held: the document at hand, and what is looked at next */
    struct rh_buf outside; /* text of the envelope, with an empty array */
    size_t string_start;   /* in outside: the last string */
    uint32_t depth;        /* brackets that are open around the array */
    uint32_t inner;        /* brackets that are open in the element at hand */
    uint32_t n_names;      /* of the path */
    uint32_t lead;         /* of the open objects, from outside: how many are on the path */
    uint8_t state;
    bool in_string, escaped;
    bool key_is_next; /* in the innermost object of the lead */
    bool named;       /* the key that was read there is the path's next name */
    bool is_value;    /* what comes is that key's value (at first: the whole text) */
    bool closed;
    bool found; /* for reading: the array was there */
    /* For reading, after RH_END of an array: the document around it, in the arena of that call,
     * borrowing from the stream. NULL for NDJSON. */
    struct rh_json *envelope;
};

/* path: names of the objects' members that lead to the array, with dots ("hits.hits"; "" when
 * the whole text is the array); NULL: NDJSON. max_bytes: ceiling of one document, and of the
 * envelope. */
void rh_json_stream_init(struct rh_json_stream *stream, const char *path, size_t max_bytes);
void rh_json_stream_fini(struct rh_json_stream *stream);
/* Adds bytes (copied). What `next` returned before ends. */
void rh_json_stream_push(struct rh_json_stream *stream, struct rh_text piece);
/* There is no more. */
void rh_json_stream_close(struct rh_json_stream *stream);
/* The next document: in the arena, borrowing from the stream until push or fini. RH_JSON_MORE;
 * RH_END; PROTOCOL (not JSON, cut off), RESOURCE (a document above the ceiling). */
int rh_json_stream_next(struct rh_json_stream *stream, struct rh_arena *arena,
                        struct rh_json **ret_document, struct rh_error *error);
