/*
 * The body stays in the request's own buffer while it is sent, so nothing is copied; the request
 * outlives the response (the connection holds a reference until it is completed).
 */
#include "server/http/reply.h"

#include "base/text.h"
#include "server/http/compress.h"
#include "server/http/stream.h"

#include <microhttpd.h>

void rh_web_reply_start(struct rh_web_request *request, unsigned status)
{
    request->status = status;
    request->n_headers = 0;
    request->compressible = false;
    rh_buf_clear(&request->header_text);
    rh_buf_clear(&request->reply);
}

void rh_web_reply_header(struct rh_web_request *request, const char *name, struct rh_text value)
{
    struct rh_buf *buf = &request->header_text;
    struct rh_web_header *header;
    size_t offset = buf->len;
    char *to;

    to = rh_buf_reserve(buf, value.len + 1);
    if (!to || request->n_headers == RH_WEB_MAX_HEADERS) {
        buf->failed = true;
        return;
    }
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.data[i];
        to[i] = c < 0x20 || c == 0x7f ? ' ' : (char)c;
    }
    to[value.len] = '\0';
    buf->len += value.len + 1;
    header = &request->headers[request->n_headers++];
    header->name = name;
    header->offset = (uint32_t)offset;
}

void rh_web_reply_type(struct rh_web_request *request, const char *type, bool compressible)
{
    rh_web_reply_header(request, MHD_HTTP_HEADER_CONTENT_TYPE, rh_text_of(type));
    request->compressible = compressible;
}

void rh_web_reply_compress(struct rh_web_request *request)
{
    enum rh_web_coding coding;

    if (!request->compressible || request->reply.failed || request->status == 304 ||
        request->status == 204)
        return;
    rh_web_reply_header(request, MHD_HTTP_HEADER_VARY, RH_TEXT("Accept-Encoding"));
    if (request->reply.len < RH_WEB_COMPRESS_FROM)
        return;
    coding = rh_web_coding_wanted(rh_web_request_header(request, "Accept-Encoding"));
    if (coding == RH_WEB_IDENTITY || !rh_web_compress_all(coding, &request->reply))
        return;
    rh_web_reply_header(request, MHD_HTTP_HEADER_CONTENT_ENCODING,
                        rh_text_of(rh_web_coding_name(coding)));
}

static struct MHD_Response *bare_failure(struct rh_web_request *request)
{
    request->status = 500;
    return MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
}

static struct MHD_Response *make_response(struct rh_web_request *request)
{
    struct MHD_Response *response;

    if (request->header_text.failed || (!request->stream && request->reply.failed)) {
        if (request->stream)
            rh_web_stream_refuse(request->stream);
        return bare_failure(request);
    }
    if (request->stream)
        response = rh_web_stream_response(request->stream);
    else
        response = MHD_create_response_from_buffer(request->reply.len, request->reply.data,
                                                   MHD_RESPMEM_PERSISTENT);
    for (unsigned i = 0; response && i < request->n_headers; i++) {
        const char *value = request->header_text.data + request->headers[i].offset;
        if (MHD_add_response_header(response, request->headers[i].name, value) != MHD_YES) {
            MHD_destroy_response(response); /* also lets go of the stream */
            response = bare_failure(request);
            break;
        }
    }
    return response;
}

bool rh_web_reply_send(struct rh_web_request *request, bool close_after)
{
    struct MHD_Response *response = make_response(request);
    enum MHD_Result queued;

    if (!response)
        return false;
    if (close_after)
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
    queued = MHD_queue_response(request->connection, request->status, response);
    MHD_destroy_response(response);
    return queued == MHD_YES;
}
