/*
 * The answer to a request: status, headers, and a body in one buffer (sent with Content-Length) or
 * a stream. It is built by the thread whose turn it is and sent by the connection's epoll thread.
 */
#pragma once

#include "server/http/request.h"

/* Makes the answer empty: no headers, no body, this status. */
void rh_web_reply_start(struct rh_web_request *request, unsigned status);
/* Adds a header. name: static text; value: copied; control characters in it are replaced by
 * spaces. A header that does not fit makes the answer a bare 500. */
void rh_web_reply_header(struct rh_web_request *request, const char *name, struct rh_text value);
/* Content-Type. compressible: may be sent compressed when the client asks for it. */
void rh_web_reply_type(struct rh_web_request *request, const char *type, bool compressible);
/* What the answer's body is written to. */
static inline struct rh_buf *rh_web_reply_body(struct rh_web_request *request)
{
    return &request->reply;
}

/* [worker] Compresses the body when the client asked for it and it is worth it. */
void rh_web_reply_compress(struct rh_web_request *request);
/* [epoll] Gives the answer to the connection. False when that failed: the connection is then to be
 * closed. */
bool rh_web_reply_send(struct rh_web_request *request, bool close_after);
