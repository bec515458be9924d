/* Content codings: which one the client asks for, and compressing all at once or bit by bit. */
#pragma once

#include "base/buf.h"

#include <stdbool.h>

/* Bodies below this are sent as they are. */
#define RH_HTTP_COMPRESS_FROM 1024

enum rh_http_coding { RH_HTTP_IDENTITY, RH_HTTP_GZIP, RH_HTTP_ZSTD };

/* From an Accept-Encoding header (no text: identity). zstd is preferred to gzip at equal weight. */
enum rh_http_coding rh_http_coding_wanted(struct rh_text accept_encoding);
const char *rh_http_coding_name(enum rh_http_coding coding);
/* Replaces the buffer's contents; leaves them when that failed. */
bool rh_http_compress_all(enum rh_http_coding coding, struct rh_buf *buf);

struct rh_http_compressor;
/* coding: not identity. NULL when out of memory. Owned by the caller. */
struct rh_http_compressor *rh_http_compressor_new(enum rh_http_coding coding);
void rh_http_compressor_free(struct rh_http_compressor *compressor);
/* Appends what comes out of `in` to `out`; all of it can be decompressed by the receiver. finish:
 * nothing follows. */
bool rh_http_compressor_run(struct rh_http_compressor *compressor, struct rh_text in, bool finish,
                            struct rh_buf *out);
