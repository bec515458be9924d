/*
 * Rows to text.
 *
 * JSON has no word for NaN and the infinities: they are the strings "NaN", "Infinity" and
 * "-Infinity", for floats and decimals alike; dates without end are "infinity" and "-infinity".
 * JSON cells pass through as the source sent them (in NDJSON without line breaks); one that is not
 * JSON becomes a string. MISSING is left out of objects and empty in CSV. Text that is not UTF-8 is
 * repaired with U+FFFD.
 */
#include "rows/encode.h"

#include "base/json.h"
#include "base/json_scan.h"
#include "base/text.h"
#include "rows/cell.h"
#include "rows/encode_cell.h"
#include "rows/jsoncheck.h"

#include <math.h>
#include <string.h>

#define NAME_MAX_BYTES ((size_t)1 << 20)

struct rh_encoder {
    enum rh_format format;
    uint32_t n_columns;
    bool numbers_as_text;
    bool began;            /* JSON: a row was written, the next one needs a comma */
    struct rh_text *names; /* JSON: `,"name":`; CSV: the field as it stands in the header */
    size_t row_bytes;      /* JSON: names, brackets and all bounded cells of a row */
};

/* ---- JSON -------------------------------------------------------------------------------- */

/* Digits of a decimal as a JSON number: that has no leading zeros. */
static void add_decimal(struct rh_buf *buf, struct rh_text text, bool as_text)
{
    bool negative = text.len && text.data[0] == '-';
    size_t first = negative ? 1 : 0;

    if (as_text || rh_text_is(text, "NaN")) {
        rh_json_add_string(buf, text);
        return;
    }
    while (first + 1 < text.len && text.data[first] == '0' && text.data[first + 1] != '.')
        first++;
    if (negative)
        rh_buf_add_char(buf, '-');
    rh_buf_add(buf, text.data + first, text.len - first);
}

static void add_json(struct rh_buf *buf, struct rh_text text, bool one_line)
{
    size_t begin = buf->len;

    if (!rh_jsoncheck_is_valid(text)) {
        rh_json_add_string(buf, text);
        return;
    }
    rh_buf_add_text(buf, text);
    if (!one_line || buf->failed)
        return;
    /* In a valid text these stand between tokens only. */
    for (size_t i = begin; i < buf->len; i++)
        if (buf->data[i] == '\n' || buf->data[i] == '\r')
            buf->data[i] = ' ';
}

static void add_unbounded(struct rh_buf *buf, const struct rh_value *cell, bool numbers_as_text,
                          bool one_line)
{
    switch (cell->type) {
    case RH_TYPE_DECIMAL:
        add_decimal(buf, rh_cell_text(cell), numbers_as_text);
        return;
    case RH_TYPE_BYTES:
        rh_buf_add_char(buf, '"');
        rh_encode_base64(buf, rh_cell_text(cell));
        rh_buf_add_char(buf, '"');
        return;
    case RH_TYPE_JSON:
        add_json(buf, rh_cell_text(cell), one_line);
        return;
    default:
        rh_json_add_string(buf, rh_cell_text(cell));
    }
}

static bool is_bare(const struct rh_value *cell, bool numbers_as_text)
{
    switch (cell->type) {
    case RH_TYPE_BOOL:
        return true;
    case RH_TYPE_INT:
    case RH_TYPE_UINT:
        return !numbers_as_text;
    case RH_TYPE_FLOAT:
        return isfinite(cell->as.f);
    default:
        return false;
    }
}

/* A bounded cell, with quotes where it needs them. */
static char *put_bounded(char *to, const struct rh_value *cell, bool numbers_as_text)
{
    if (cell->type == RH_TYPE_INT && !numbers_as_text)
        return rh_encode_fixed(to, cell);
    if (rh_cell_is_null(cell)) {
        memcpy(to, "null", 4);
        return to + 4;
    }
    if (is_bare(cell, numbers_as_text))
        return rh_encode_fixed(to, cell);
    *to++ = '"';
    to = rh_encode_fixed(to, cell);
    *to++ = '"';
    return to;
}

/* One row as an object. Room for names and bounded cells is made once; behind every other cell,
 * which may move the buffer, again. */
static void add_object(struct rh_encoder *encoder, struct rh_buf *buf, const struct rh_value *cells)
{
    char *to = rh_buf_reserve(buf, encoder->row_bytes);
    bool one_line = encoder->format == RH_FORMAT_NDJSON;
    size_t skip = 1; /* no comma before the first member */

    if (!to)
        return;
    *to++ = '{';
    for (uint32_t c = 0; c < encoder->n_columns; c++) {
        const struct rh_value *cell = &cells[c];
        struct rh_text name = encoder->names[c];

        if (cell->type == RH_TYPE_MISSING)
            continue;
        memcpy(to, name.data + skip, name.len - skip);
        to += name.len - skip;
        skip = 0;
        if (rh_encode_is_fixed(cell->type)) {
            to = put_bounded(to, cell, encoder->numbers_as_text);
            continue;
        }
        buf->len = (size_t)(to - buf->data);
        add_unbounded(buf, cell, encoder->numbers_as_text, one_line);
        to = rh_buf_reserve(buf, encoder->row_bytes);
        if (!to)
            return;
    }
    *to++ = '}';
    buf->len = (size_t)(to - buf->data);
}

void rh_encode_value(struct rh_buf *buf, const struct rh_value *value, bool numbers_as_text)
{
    char *to;

    if (!rh_encode_is_fixed(value->type)) {
        add_unbounded(buf, value, numbers_as_text, false);
        return;
    }
    to = rh_buf_reserve(buf, RH_ENCODE_FIXED_MAX);
    if (to)
        buf->len += (size_t)(put_bounded(to, value, numbers_as_text) - to);
}

/* ---- CSV --------------------------------------------------------------------------------- */

static void add_repaired(struct rh_buf *buf, struct rh_text text)
{
    for (size_t i = 0; i < text.len;) {
        unsigned step = rh_text_utf8_step(text.data + i, text.len - i);
        if (step)
            rh_buf_add(buf, text.data + i, step);
        else
            rh_buf_add_str(buf, "\xef\xbf\xbd");
        i += step ? step : 1;
    }
}

static bool needs_quotes(struct rh_text text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (c == '"' || c == ',' || c == '\n' || c == '\r')
            return true;
    }
    return text.len == 0;
}

static void add_field(struct rh_buf *buf, struct rh_text text)
{
    size_t begin;

    if (!rh_text_is_utf8(text)) {
        /* Repaired first, so that the quoting below sees whole characters. */
        struct rh_buf repaired;
        rh_buf_init(&repaired, buf->max);
        add_repaired(&repaired, text);
        if (repaired.failed)
            buf->failed = true;
        else
            add_field(buf, rh_buf_text(&repaired));
        rh_buf_free(&repaired);
        return;
    }
    if (!needs_quotes(text)) {
        rh_buf_add_text(buf, text);
        return;
    }
    rh_buf_add_char(buf, '"');
    for (begin = 0; begin < text.len;) {
        const char *quote = memchr(text.data + begin, '"', text.len - begin);
        size_t n = quote ? (size_t)(quote - text.data) - begin + 1 : text.len - begin;
        rh_buf_add(buf, text.data + begin, n);
        if (quote)
            rh_buf_add_char(buf, '"');
        begin += n;
    }
    rh_buf_add_char(buf, '"');
}

static void add_line(struct rh_encoder *encoder, struct rh_buf *buf, const struct rh_value *cells)
{
    for (uint32_t c = 0; c < encoder->n_columns; c++) {
        const struct rh_value *cell = &cells[c];

        if (c)
            rh_buf_add_char(buf, ',');
        if (rh_encode_is_fixed(cell->type)) {
            char *to = rh_buf_reserve(buf, RH_ENCODE_FIXED_MAX);
            if (to)
                buf->len += (size_t)(rh_encode_fixed(to, cell) - to);
        } else if (cell->type == RH_TYPE_BYTES) {
            if (cell->len)
                rh_encode_base64(buf, rh_cell_text(cell));
            else
                rh_buf_add_str(buf, "\"\"");
        } else {
            add_field(buf, rh_cell_text(cell));
        }
    }
    rh_buf_add(buf, "\r\n", 2);
}

/* ---- Public ------------------------------------------------------------------------------ */

struct rh_encoder *rh_encoder_new(struct rh_arena *arena, enum rh_format format,
                                  const struct rh_column *columns, uint32_t n_columns,
                                  bool numbers_as_text)
{
    struct rh_encoder *encoder = rh_arena_alloc(arena, sizeof(*encoder));
    struct rh_buf name;
    bool ok = true;

    if (!encoder)
        return NULL;
    encoder->format = format;
    encoder->n_columns = n_columns;
    encoder->numbers_as_text = numbers_as_text;
    encoder->row_bytes = 8;
    encoder->names = rh_arena_array(arena, n_columns, sizeof(*encoder->names));
    if (!encoder->names)
        return NULL;
    rh_buf_init(&name, NAME_MAX_BYTES);
    for (uint32_t c = 0; c < n_columns; c++) {
        rh_buf_clear(&name);
        if (format == RH_FORMAT_CSV) {
            add_field(&name, columns[c].name);
        } else {
            rh_buf_add_char(&name, ',');
            rh_json_add_string(&name, columns[c].name);
            rh_buf_add_char(&name, ':');
        }
        encoder->names[c] = rh_arena_text(arena, rh_buf_text(&name), &ok);
        ok = ok && !name.failed;
        encoder->row_bytes += name.len + RH_ENCODE_FIXED_MAX;
    }
    rh_buf_free(&name);
    return ok ? encoder : NULL;
}

void rh_encoder_begin(struct rh_encoder *encoder, struct rh_buf *buf)
{
    if (encoder->format != RH_FORMAT_CSV)
        return;
    for (uint32_t c = 0; c < encoder->n_columns; c++) {
        if (c)
            rh_buf_add_char(buf, ',');
        rh_buf_add_text(buf, encoder->names[c]);
    }
    rh_buf_add(buf, "\r\n", 2);
}

void rh_encoder_rows(struct rh_encoder *encoder, struct rh_buf *buf, const struct rh_batch *batch)
{
    rh_encoder_slice(encoder, buf, batch, 0, batch->n_rows);
}

void rh_encoder_slice(struct rh_encoder *encoder, struct rh_buf *buf, const struct rh_batch *batch,
                      uint64_t first, uint64_t n)
{
    const struct rh_value *cells = batch->cells + first * batch->n_cols;

    for (uint64_t i = 0; i < n && !buf->failed; i++, cells += batch->n_cols) {
        switch (encoder->format) {
        case RH_FORMAT_CSV:
            add_line(encoder, buf, cells);
            break;
        case RH_FORMAT_NDJSON:
            add_object(encoder, buf, cells);
            rh_buf_add_char(buf, '\n');
            break;
        default:
            if (encoder->began)
                rh_buf_add_char(buf, ',');
            add_object(encoder, buf, cells);
            encoder->began = true;
        }
    }
}
