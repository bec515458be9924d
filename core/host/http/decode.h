/*
 * Content decoding in bounded pieces: gzip, deflate, zstd.
 *
 * libcurl's own decoding is not used: it decodes a whole network read at once, however large the
 * result, and a paused transfer keeps that in memory. Here the reader says how much it takes.
 */
#pragma once

#include <rowhouse/error.h>
#include <rowhouse/value.h>

#include <stdbool.h>
#include <stddef.h>

#define RH_HTTP_ACCEPT_ENCODING "gzip, deflate, zstd"

struct rh_http_decoder;

/* By the value of Content-Encoding. *ret_decoder is NULL when the body stands as it is. PROTOCOL
 * (another or more than one encoding), RESOURCE. Owned by caller. */
int rh_http_decoder_new(struct rh_text encoding, struct rh_http_decoder **ret_decoder,
                        struct rh_error *error);
void rh_http_decoder_free(struct rh_http_decoder *decoder);
/* Decodes from the front of *in, moving it, into `room` bytes at `out`; as much as fits. Nothing
 * was written and *in is empty: it needs more. PROTOCOL, RESOURCE. */
int rh_http_decoder_step(struct rh_http_decoder *decoder, struct rh_text *in, char *out,
                         size_t room, size_t *ret_n, struct rh_error *error);
/* The body may end here: at its beginning, or behind a whole member. */
bool rh_http_decoder_complete(const struct rh_http_decoder *decoder);
