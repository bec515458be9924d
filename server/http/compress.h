/* Content codings: which one the client asks for, and compressing all at once or bit by bit. */
#pragma once

#include "base/buf.h"

#include <stdbool.h>

/* Bodies below this are sent as they are. */
#define RH_WEB_COMPRESS_FROM 1024

enum rh_web_coding { RH_WEB_IDENTITY, RH_WEB_GZIP, RH_WEB_ZSTD };

/* From an Accept-Encoding header (no text: identity). zstd is preferred to gzip at equal weight. */
enum rh_web_coding rh_web_coding_wanted(struct rh_text accept_encoding);
const char *rh_web_coding_name(enum rh_web_coding coding);
/* Replaces the buffer's contents; leaves them when that failed. */
bool rh_web_compress_all(enum rh_web_coding coding, struct rh_buf *buf);

struct rh_web_compressor;
/* coding: not identity. NULL when out of memory. Owned by the caller. */
struct rh_web_compressor *rh_web_compressor_new(enum rh_web_coding coding);
void rh_web_compressor_free(struct rh_web_compressor *compressor);
/* Appends what comes out of `in` to `out`; all of it can be decompressed by the receiver. finish:
 * nothing follows. */
bool rh_web_compressor_run(struct rh_web_compressor *compressor, struct rh_text in, bool finish,
                           struct rh_buf *out);
