/*
 * Page cursors: a position between two rows of a query's sequence, as opaque text.
 *
 *     base64url( nonce 24 · XChaCha20-Poly1305( version · flags · fingerprint 16 · position ) )
 *
 * Encrypted, because the values of the order's columns need not be ones that the caller may see;
 * authenticated, so that a position is only ever one that this server (or another with the same
 * key) has handed out; bound by the fingerprint to datasource, table, conditions, groups and order.
 * The nonce is a keyed hash of the plain text: the same position gives the same text.
 */
#pragma once

#include "base/arena.h"

#include <rowhouse/error.h>
#include <rowhouse/query.h>

#include <stdbool.h>
#include <stdint.h>

#define RH_FINGERPRINT_BYTES 16

struct rh_position {
    bool keyset;     /* else: by offset */
    bool binary;     /* text keys compare by code point, else by the source's collation */
    uint64_t offset; /* rows before this position */
    const struct rh_value *values; /* one per order key: those of the row at the position */
    uint32_t n_values;
};

/* What a cursor is bound to. The query as it was bound: before any position was added to it or its
 * order turned. RESOURCE when the query is absurdly large. */
int rh_position_fingerprint(struct rh_text datasource, const struct rh_query *query,
                            uint8_t ret_fingerprint[RH_FINGERPRINT_BYTES], struct rh_error *error);
/* The text in the arena. Values round-trip exactly, type included. */
int rh_position_encode(struct rh_arena *arena, const uint8_t fingerprint[RH_FINGERPRINT_BYTES],
                       const struct rh_position *position, struct rh_text *ret_text,
                       struct rh_error *error);
/* Values in the arena. INVALID "invalid-cursor" with the pointer ("/after"): not ours, damaged, of
 * another query, or without exactly n_values values (keyset). */
int rh_position_decode(struct rh_arena *arena, const uint8_t fingerprint[RH_FINGERPRINT_BYTES],
                       uint32_t n_values, struct rh_text text, const char *pointer,
                       struct rh_position *ret_position, struct rh_error *error);

/* The process's secret: set once at start-up, else random. */
void rh_position_set_key(const uint8_t key[32]);
/* Keyed hash of n bytes, for ETags. [any] */
void rh_position_keyed_hash(const void *data, size_t n, uint8_t ret_hash[16]);
/* A value's exact bytes (type, length, payload), as cursors and ETags use them. */
struct rh_buf;
void rh_position_add_value(struct rh_buf *buf, const struct rh_value *value);
