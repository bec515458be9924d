/*
 * A stream: an answer without a known length, written by a worker and read by the connection's
 * epoll thread. A few blocks of 64 KiB stand between them: the worker writes straight into one
 * of them and waits when all are full, so a slow client slows the source down.
 *
 * A stream that is not ended well closes the connection without the last chunk, so that the client
 * can tell.
 */
#pragma once

#include "server/http/compress.h"
#include "server/http/request.h"

#include <rowhouse/error.h>

struct MHD_Response;
struct rh_web_stream;

#define RH_WEB_STREAM_BLOCK ((size_t)64 << 10)

/* [worker] Opens the stream of a request whose status and headers are set, and lets the answer
 * begin. stall_ms: how long one wait for the client may take. RESOURCE. */
int rh_web_stream_open(struct rh_web_request *request, unsigned stall_ms,
                       struct rh_web_stream **ret_stream, struct rh_error *error);
/* [worker] Where to write. Write about RH_WEB_STREAM_BLOCK bytes, then flush. After a flush that
 * failed it leads nowhere. */
struct rh_buf *rh_web_stream_buffer(struct rh_web_stream *stream);
/* [worker] Hands over what was written and waits for room. CANCELLED when the client left, TIMEOUT
 * when it took nothing for stall_ms, RESOURCE when the block could not hold what was written. */
int rh_web_stream_flush(struct rh_web_stream *stream, struct rh_error *error);
/* [worker] Ends it: all that was written is sent, then the end, or (ok false) the connection is
 * broken. The stream is not used afterwards. */
void rh_web_stream_end(struct rh_web_stream *stream, bool ok);

/* [epoll] The response that reads from the stream; NULL when out of memory. */
struct MHD_Response *rh_web_stream_response(struct rh_web_stream *stream);
/* [epoll] Instead of the response: nobody will read this stream. */
void rh_web_stream_refuse(struct rh_web_stream *stream);
/* [any] The client has left: a worker that waits for it stops waiting. */
void rh_web_stream_abandon(struct rh_web_stream *stream);
/* [any] The request lets go of its stream. */
void rh_web_stream_unref(struct rh_web_stream *stream);
