/*
 * Room for the bytes of a batch. Bytes do not move while a batch grows, so cells point to them at
 * once; the room is kept from batch to batch.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rh_my_block;

struct rh_my_bytes {
    struct rh_my_block *first, *block; /* all; the one being filled */
    char *at, *end;                    /* free room in it */
    size_t n;                          /* bytes taken since the last clear */
    bool failed;                       /* out of memory; sticky until clear */
};

/* Zeroed is empty. */
void rh_my_bytes_clear(struct rh_my_bytes *bytes);
void rh_my_bytes_free(struct rh_my_bytes *bytes);
/* Room for that many bytes, and one more so that what is empty has an address, too. NULL when out of
 * memory. */
char *rh_my_bytes_take_slowly(struct rh_my_bytes *bytes, size_t len);
static inline char *rh_my_bytes_take(struct rh_my_bytes *bytes, size_t len)
{
    char *room = bytes->at;

    if ((size_t)(bytes->end - room) <= len)
        return rh_my_bytes_take_slowly(bytes, len);
    bytes->at += len;
    bytes->n += len;
    return room;
}
/* What is taken next begins at a multiple of eight. */
void rh_my_bytes_align(struct rh_my_bytes *bytes);
