/*
 * Speaking HTTP through the host (rowhouse/http.h), for connectors to what has a REST-like API:
 * URLs from parts, whole answers with a ceiling, documents one by one, and what a status means.
 *
 *     rh_http_add_segment(&url, database);                       // "/my%20db"
 *     rh_http_add_segment(&url, RH_TEXT("_find"));               // "/_find"
 *     rh_http_add_parameter(&url, RH_TEXT("limit"), RH_TEXT("10")); // "?limit=10"
 *     rc = rh_http_fetch(host->http, client, op, &request, &body, &status, error);
 *     if (rc == RH_OK && status >= 300)
 *         rc = rh_http_fail(error, status, rh_buf_text(&body), "cannot read \"%s\"", name);
 */
#pragma once

#include "base/buf.h"
#include "connector/json_stream.h"

#include <rowhouse/host.h>
#include <rowhouse/http.h>

#include <stdint.h>

/* ---- URLs ---------------------------------------------------------------------------------- */

/* Appends '/' and the text as one segment of a path: percent-encoded, slashes too. "." and ".."
 * have no spelling as a segment (both ends would take them for steps) and become "%2E", which
 * servers may still refuse. [any] */
void rh_http_add_segment(struct rh_buf *url, struct rh_text segment);
/* Appends name=value, percent-encoded, behind '?' or '&'. The URL must have no '#'. [any] */
void rh_http_add_parameter(struct rh_buf *url, struct rh_text name, struct rh_text value);

/* ---- What a status means ------------------------------------------------------------------- */

/* RH_OK for 2xx and 304, else the class of error that it stands for: 401 AUTH; 403, 407 PERMISSION;
 * 404, 410 NOT_FOUND; 408, 504 TIMEOUT; 409, 412 CONFLICT; 413, 414, 507 RESOURCE; 415, 422 and
 * other 4xx INVALID; 423 BUSY; 429 RATE_LIMITED; 501 UNSUPPORTED; other 5xx UNAVAILABLE; all else
 * PROTOCOL. [any] */
int rh_http_class(uint32_t status);
/*
 * Fills the error from an answer that is no success: its class, retry advice, the status as
 * native_code, and a message "<what>: <what the body says> (HTTP 404)". Of a JSON body what it says
 * is the member `message`, `error_description`, `reason`, `detail` or `error` (or those of an
 * object `error`), of plain text its first line, of HTML nothing; bounded, valid UTF-8, without
 * control characters. Returns the class. Where a source means something else by a status, look at
 * it first. [any]
 */
int rh_http_fail(struct rh_error *error, uint32_t status, struct rh_text body, const char *format,
                 ...) __attribute__((format(printf, 4, 5)));

/* ---- Requests ------------------------------------------------------------------------------ */

/* The value of a header of an answer; no text when it is not there. The name in lower case.
 * [any] */
struct rh_text rh_http_header_of(const struct rh_http_answer *answer, const char *name);
/* Sends and reads the whole answer into the body, which is emptied before: its ceiling is that of
 * the answer (RESOURCE). Every status is RH_OK here. [conn] */
int rh_http_fetch(const struct rh_http *http, struct rh_http_client *client, const struct rh_op *op,
                  const struct rh_http_request *request, struct rh_buf *body, uint32_t *ret_status,
                  struct rh_error *error);

/* Appends the rest of an answer to the body, as far as its ceiling (RESOURCE). [conn] */
int rh_http_read_body(const struct rh_http *http, struct rh_http_exchange *exchange,
                      const struct rh_op *op, struct rh_buf *body, struct rh_error *error);
/* Parses a whole answer into the arena, its text too. What is not JSON is PROTOCOL, "<what>: …". [any] */
int rh_http_parse(struct rh_arena *arena, const struct rh_buf *body, const char *what,
                  struct rh_json **ret_answer, struct rh_error *error);
/*
 * Of a request that writes: where nothing tells what became of it, since it was sent and its answer was
 * lost or makes no sense, the error becomes UNKNOWN_OUTCOME: "whether <what> written is not known". Gives
 * the class that the error has then. [any]
 */
int rh_http_as_unknown(int rc, const char *what, struct rh_error *error);

/* Documents of an answer, one by one, in bounded memory. Zeroed, it is closed. */
struct rh_http_documents {
    const struct rh_http *http;
    struct rh_http_exchange *exchange;
    struct rh_json_stream stream; /* .envelope and .found: at the end */
};
/*
 * Sends, and is ready to read the documents of a successful answer: path and max_bytes as for
 * rh_json_stream_init. An answer that is no success is an error, as rh_http_fail makes it, with
 * `what` before it. Owned by the caller until close, also after an error. What `request` borrows
 * (its body) must stay until close. [conn]
 */
int rh_http_documents_open(struct rh_http_documents *documents, const struct rh_http *http,
                           struct rh_http_client *client, const struct rh_op *op,
                           const struct rh_http_request *request, const char *path,
                           size_t max_bytes, const char *what, struct rh_error *error);
/* The next document, in the arena, borrowed until the next call; RH_END. [conn] */
int rh_http_documents_next(struct rh_http_documents *documents, const struct rh_op *op,
                           struct rh_arena *arena, struct rh_json **ret_document,
                           struct rh_error *error);
/* Ends it at any point. [conn] */
void rh_http_documents_close(struct rh_http_documents *documents);
