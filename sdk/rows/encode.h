/*
 * Rows to text: JSON objects, NDJSON, CSV. The hot path: from a batch of borrowed cells straight
 * into the output buffer; keys are escaped once per read.
 */
#pragma once

#include "base/buf.h"
#include "base/arena.h"

#include <rowhouse/query.h>

enum rh_format { RH_FORMAT_JSON, RH_FORMAT_NDJSON, RH_FORMAT_CSV };

struct rh_encoder;

/* numbers_as_text: integers beyond 2^53 and decimals as JSON strings ("?numbers=string": all INT,
 * UINT and DECIMAL cells). Columns are copied as far as needed. Owned by the arena. NULL: memory.
 */
struct rh_encoder *rh_encoder_new(struct rh_arena *arena, enum rh_format format,
                                  const struct rh_column *columns, uint32_t n_columns,
                                  bool numbers_as_text);
/* CSV: the header line; JSON, NDJSON: nothing. */
void rh_encoder_begin(struct rh_encoder *encoder, struct rh_buf *buf);
/* JSON: objects with commas between them (also across calls), the brackets are the caller's.
 * NDJSON: one per line. CSV: RFC 4180, CRLF, NULL = empty, "" = quoted empty. */
void rh_encoder_rows(struct rh_encoder *encoder, struct rh_buf *buf, const struct rh_batch *batch);
/* Rows [first, first + n) only: lets the caller keep a bounded buffer. */
void rh_encoder_slice(struct rh_encoder *encoder, struct rh_buf *buf, const struct rh_batch *batch,
                      uint64_t first, uint64_t n);
/* One value as JSON. */
void rh_encode_value(struct rh_buf *buf, const struct rh_value *value, bool numbers_as_text);
