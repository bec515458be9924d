/*
 * As long as no stream has been opened an error becomes a problem answer as everywhere; behind that
 * point the status is out and only the end of the stream can tell.
 */
#include "server/api/rows_out.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/text.h"
#include "server/api/problem.h"
#include "server/http/accept.h"

/* Rows encoded between two looks at the size of the block. */
#define SLICE_ROWS 32
/* Rows are not kept back for longer than this. */
#define FLUSH_AFTER_US 200000

static const char *const MEDIA_TYPES[] = {
    [RH_FORMAT_JSON] = "application/json",
    [RH_FORMAT_NDJSON] = "application/x-ndjson",
    [RH_FORMAT_CSV] = "text/csv; charset=utf-8",
};
static const struct {
    const char *name;
    enum rh_format format;
} NAMES[] = {{"json", RH_FORMAT_JSON}, {"ndjson", RH_FORMAT_NDJSON}, {"csv", RH_FORMAT_CSV}};

/* ---- Choosing the format ----------------------------------------------------------------- */

static bool range_covers(struct rh_text range, enum rh_format *ret_format)
{
    static const struct {
        const char *range;
        enum rh_format format;
    } ranges[] = {
        {"application/json", RH_FORMAT_JSON},
        {"*/*", RH_FORMAT_JSON},
        {"application/*", RH_FORMAT_JSON},
        {"application/x-ndjson", RH_FORMAT_NDJSON},
        {"application/ndjson", RH_FORMAT_NDJSON},
        {"text/csv", RH_FORMAT_CSV},
        {"text/*", RH_FORMAT_CSV},
    };

    for (size_t i = 0; i < RH_N(ranges); i++) {
        if (!rh_text_is(range, ranges[i].range))
            continue;
        *ret_format = ranges[i].format;
        return true;
    }
    return false;
}

static int format_of_accept(struct rh_text accept, enum rh_format *ret_format,
                            struct rh_error *error)
{
    struct rh_text rest = accept;
    double best = 0;

    while (rest.data) {
        struct rh_text item = rh_text_cut(&rest, ',');
        struct rh_text range = rh_text_trim(rh_text_cut(&item, ';'));
        enum rh_format format;
        double weight;
        if (!range_covers(range, &format))
            continue;
        weight = rh_web_weight(item);
        if (weight > best) {
            best = weight;
            *ret_format = format;
        }
    }
    if (best > 0)
        return RH_OK;
    rh_fail(error, RH_INVALID, "rows cannot be had as %.*s", RH_TEXT_ARG(accept));
    rh_error_hint(error, "application/json, application/x-ndjson and text/csv can");
    return rh_error_code(error, "not-acceptable");
}

int rh_rows_format(struct rh_call *call, enum rh_format *ret_format, struct rh_error *error)
{
    struct rh_text asked = rh_call_value(call, "format");
    struct rh_text accept;

    for (size_t i = 0; asked.data && i < RH_N(NAMES); i++) {
        if (!rh_text_is(asked, NAMES[i].name))
            continue;
        *ret_format = NAMES[i].format;
        return RH_OK;
    }
    if (asked.data) {
        rh_fail(error, RH_INVALID, "format is \"%.*s\", but must be json, ndjson or csv",
                RH_TEXT_ARG(asked));
        return rh_error_code(error, "not-acceptable");
    }
    accept = rh_web_request_header(call->http, "Accept");
    if (!accept.data || accept.len == 0 || rh_text_is(accept, "*/*")) {
        *ret_format = RH_FORMAT_JSON;
        return RH_OK;
    }
    return format_of_accept(accept, ret_format, error);
}

/* ---- Writing ----------------------------------------------------------------------------- */

int rh_rows_out_open(struct rh_rows_out *out, struct rh_call *call, enum rh_format format,
                     const struct rh_column *columns, uint32_t n_columns, bool numbers_as_text,
                     struct rh_error *error)
{
    *out = (struct rh_rows_out){.call = call, .format = format, .flushed_us = rh_clock_us()};
    out->encoder = rh_encoder_new(call->arena, format, columns, n_columns, numbers_as_text);
    if (!out->encoder)
        return rh_fail_nomem(error);
    out->buf = rh_call_reply_type(call, 200, MEDIA_TYPES[format]);
    if (format == RH_FORMAT_JSON)
        rh_buf_add_str(out->buf, "{\"data\":[");
    rh_encoder_begin(out->encoder, out->buf);
    return RH_OK;
}

/* The first block is what has been written to the answer's buffer so far. */
static int open_stream(struct rh_rows_out *out, struct rh_error *error)
{
    struct rh_web_request *http = out->call->http;
    unsigned stall_ms = (unsigned)out->call->api->config.numbers[RH_CONFIG_STALL_TIMEOUT_MS];
    struct rh_text begun = rh_buf_text(&http->reply);
    int rc;

    if (http->reply.failed)
        return rh_fail_nomem(error);
    rc = rh_web_stream_open(http, stall_ms, &out->stream, error);
    if (rc != RH_OK)
        return rc;
    out->call->streaming = true;
    out->buf = rh_web_stream_buffer(out->stream);
    rh_buf_add_text(out->buf, begun);
    return RH_OK;
}

static int flush(struct rh_rows_out *out, struct rh_error *error)
{
    int rc = RH_OK;

    if (!out->stream)
        rc = open_stream(out, error);
    if (rc == RH_OK)
        rc = rh_web_stream_flush(out->stream, error);
    if (out->stream)
        out->buf = rh_web_stream_buffer(out->stream);
    rh_call_progress(out->call);
    out->flushed_us = rh_clock_us();
    return rc;
}

int rh_rows_out_add(struct rh_rows_out *out, const struct rh_batch *batch, struct rh_error *error)
{
    uint64_t row = 0;

    if (out->format == RH_FORMAT_JSON) {
        rh_encoder_rows(out->encoder, out->buf, batch);
        return out->buf->failed ? rh_fail(error, RH_RESOURCE, "the page is too large to be sent")
                                : RH_OK;
    }
    while (row < batch->n_rows) {
        uint64_t n = batch->n_rows - row < SLICE_ROWS ? batch->n_rows - row : SLICE_ROWS;
        int rc;
        rh_encoder_slice(out->encoder, out->buf, batch, row, n);
        row += n;
        if (out->buf->len < RH_WEB_STREAM_BLOCK && !out->buf->failed)
            continue;
        rc = flush(out, error);
        if (rc != RH_OK)
            return rc;
    }
    return rh_clock_us() - out->flushed_us > FLUSH_AFTER_US ? flush(out, error) : RH_OK;
}

static void add_error_line(struct rh_rows_out *out, const struct rh_error *error)
{
    rh_buf_add_str(out->buf, "{\"error\":");
    rh_problem_write(out->buf, error, out->call->request_id);
    rh_buf_add_str(out->buf, "}\n");
}

int rh_rows_out_close(struct rh_rows_out *out, int rc, const struct rh_error *error)
{
    if (out->format == RH_FORMAT_JSON) {
        rh_buf_add_char(out->buf, ']');
        return rc;
    }
    if (!out->stream)
        return rc;
    if (rc != RH_OK) /* who leaves (or asks with HEAD) is no cause for alarm */
        rh_log(rc == RH_CANCELLED ? RH_LOG_INFO : RH_LOG_WARN, "request",
               "%.*s: the stream ended early: %s", RH_TEXT_ARG(out->call->request_id),
               error->message);
    if (rc != RH_OK && out->format == RH_FORMAT_NDJSON)
        add_error_line(out, error);
    rh_web_stream_end(out->stream, rc == RH_OK || out->format == RH_FORMAT_NDJSON);
    out->stream = NULL;
    return rc;
}

/* ---- Pages ------------------------------------------------------------------------------- */

static void add_cursor(struct rh_buf *buf, const char *name, struct rh_text cursor)
{
    rh_json_add_key(buf, name);
    if (cursor.data)
        rh_json_add_string(buf, cursor);
    else
        rh_buf_add_str(buf, "null");
}

void rh_rows_add_page(struct rh_buf *buf, const struct rh_page *page)
{
    rh_buf_add_str(buf, ",\"page\":{");
    add_cursor(buf, "next", page->next);
    rh_buf_add_char(buf, ',');
    add_cursor(buf, "prev", page->prev);
    if (page->count >= 0) {
        rh_buf_add_str(buf, ",\"count\":");
        rh_buf_add_i64(buf, page->count);
        if (page->count_is_estimate)
            rh_buf_add_str(buf, ",\"estimate\":true");
    }
    if (!page->stable)
        rh_buf_add_str(buf, ",\"stable\":false");
    rh_buf_add_char(buf, '}');
    if (page->text_order)
        rh_buf_addf(buf, ",\"meta\":{\"order\":\"%s\"}", page->text_order);
}
