/*
 * Frames between the host and rowhouse-connector-host: how structs become bytes and back.
 *
 *   header (16 bytes) │ fixed: structs and arrays, in the order they are read │ bytes: texts
 *
 * Both ends are of one build on one machine, so a struct crosses as it lies in memory, with every
 * pointer replaced: a text by its place in the section of bytes, an array by nothing, for it
 * follows in the fixed section. A reader gets pointers into the frame and puts the real pointers
 * in there, after checking them; nothing is copied. The two sections never overlap, so no text can
 * show what a reader has written into a struct.
 *
 * Failure is sticky on both sides: the writer is asked once before it sends, the reader once
 * before what it read is used.
 */
#pragma once

#include "base/buf.h"

#include <rowhouse/connector.h>

#include <stdbool.h>
#include <stdint.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ && sizeof(void *) == 8,
               "frames are for 64-bit little-endian machines");

/* Changes with every change of a frame; the two ends have to be of one build. */
#define RH_WIRE_VERSION 2u

/* Of one section. */
#define RH_WIRE_MAX_BYTES ((size_t)256 << 20)

struct rh_wire_header {
    uint32_t n_fixed; /* bytes, a multiple of 8 */
    uint32_t n_bytes;
    uint32_t type; /* RH_WIRE_* */
    uint32_t seq;  /* number of the call; its answer has the same */
};

/* ---- Writing ----------------------------------------------------------------------------- */

struct rh_wire_out {
    struct rh_buf fixed;
    struct rh_buf bytes;
};

void rh_wire_out_init(struct rh_wire_out *out);
void rh_wire_out_fini(struct rh_wire_out *out);
/* Empties it for the next frame; gives large memory back. */
void rh_wire_out_clear(struct rh_wire_out *out);
static inline bool rh_wire_out_failed(const struct rh_wire_out *out)
{
    return out->fixed.failed || out->bytes.failed;
}
/* A struct or an array without pointers (or with ones that were replaced). NULL: zeros. */
void rh_wire_put(struct rh_wire_out *out, const void *data, size_t size);
/* What stands for a text in the fixed section; its bytes are added. No text stays no text. */
struct rh_text rh_wire_text(struct rh_wire_out *out, struct rh_text text);
/* A C string, with its NUL; NULL is no text. */
struct rh_text rh_wire_string(struct rh_wire_out *out, const char *string);
/* Values, from whoever holds them: those with bytes have them added. */
void rh_wire_put_values(struct rh_wire_out *out, const struct rh_value *values, size_t n);
/* A frame within the frame, to be read on its own. */
void rh_wire_put_nested(struct rh_wire_out *out, const struct rh_wire_out *inner);

/* ---- Reading ----------------------------------------------------------------------------- */

struct rh_wire_in {
    char *fixed; /* what is left of it */
    size_t n_fixed;
    char *bytes;
    size_t n_bytes;
    bool failed;
};

/* Opens the sections of a frame whose header has been checked. payload is aligned to 8. */
void rh_wire_in_init(struct rh_wire_in *in, const struct rh_wire_header *header, char *payload);
/* The next n items of this size; NULL (and failed) when there are not as many. n = 0 gives a
 * pointer that is not NULL. Aligned to 8. */
void *rh_wire_take(struct rh_wire_in *in, size_t n, size_t size);
/* Makes a text of what stands for it. False (and failed; no text) when it lies outside. */
bool rh_wire_fix_text(struct rh_wire_in *in, struct rh_text *text);
/* A text that has to be a C string: its NUL is its last byte and the only one. NULL when it is no
 * text, or failed. */
const char *rh_wire_fix_string(struct rh_wire_in *in, struct rh_text text);
/* The next n values, as rh_wire_put_values wrote them. Only what makes them safe to read is
 * checked; whether they are sound is rh_check_batch's question. */
struct rh_value *rh_wire_take_values(struct rh_wire_in *in, uint64_t n);
/* The next frame within the frame. False: malformed. */
bool rh_wire_take_nested(struct rh_wire_in *in, struct rh_wire_in *ret_inner);
/* Whether everything was read, and all of it was well-formed. */
static inline bool rh_wire_is_done(const struct rh_wire_in *in)
{
    return !in->failed && in->n_fixed == 0;
}
