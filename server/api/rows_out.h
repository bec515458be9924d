/*
 * Where rows go: a JSON page in one buffer, or NDJSON and CSV, which begin in the same buffer and
 * become a stream when they outgrow a block.
 */
#pragma once

#include "rows/encode.h"
#include "rows/read.h"
#include "server/api/call.h"
#include "server/http/stream.h"

struct rh_rows_out {
    struct rh_call *call;
    enum rh_format format;
    struct rh_encoder *encoder;
    struct rh_web_stream *stream; /* NULL until it has been opened */
    struct rh_buf *buf;           /* where the next rows are written */
    uint64_t flushed_us;          /* when rows were last handed over */
};

/* The format that ?format= and Accept ask for, among JSON, NDJSON and CSV. INVALID, code
 * "not-acceptable". */
int rh_rows_format(struct rh_call *call, enum rh_format *ret_format, struct rh_error *error);

/* Begins the answer: 200, media type, header line or `{"data":[`. Further headers may be added
 * until the first rows. */
int rh_rows_out_open(struct rh_rows_out *out, struct rh_call *call, enum rh_format format,
                     const struct rh_column *columns, uint32_t n_columns, bool numbers_as_text,
                     struct rh_error *error);
/* Writes the rows; streams hand them over in blocks, or after a while when the source is slow, and
 * wait for the client. CANCELLED, TIMEOUT, RESOURCE. */
int rh_rows_out_add(struct rh_rows_out *out, const struct rh_batch *batch, struct rh_error *error);
/* Ends the rows. rc and error: how they ended. A JSON page is left open behind its `]` for the
 * caller; a stream is ended well, with an error line (NDJSON) or broken (CSV). Returns rc. */
int rh_rows_out_close(struct rh_rows_out *out, int rc, const struct rh_error *error);

/* Writes `,"page":{…}`: the cursors, the count where it was asked for; and `,"meta":{"order":…}`
 * where text is ordered by. */
void rh_rows_add_page(struct rh_buf *buf, const struct rh_page *page);
