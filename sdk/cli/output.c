/*
 * The table form holds back the first rows (at most HELD_ROWS) to measure the columns; everything
 * else goes out batch by batch.
 */
#include "cli/output.h"

#include "cli/plain.h"

#include "base/err.h"
#include "base/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HELD_ROWS 200
#define BUFFER_BYTES ((size_t)1 << 30)
#define MAX_WIDTH 60

/* Cells held back: their texts, one after the other, and where each ends. */
struct held {
    struct rh_buf texts;
    size_t *ends;
    size_t n, cap;
};

struct rh_output {
    enum rh_output_format format;
    FILE *to;
    struct rh_encoder *encoder;
    struct rh_buf buf;
    bool begun;
    /* table form */
    const struct rh_column *columns;
    uint32_t n_columns;
    size_t *widths;
    struct rh_buf value; /* a cell or title in the making */
    struct held held;
    bool measured;
};

bool rh_output_format_parse(const char *name, enum rh_output_format *ret_format)
{
    static const char *const names[] = {"table", "json", "ndjson", "csv"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(names[i], name) == 0) {
            *ret_format = (enum rh_output_format)i;
            return true;
        }
    }
    return false;
}

static void free_output(void *context)
{
    struct rh_output *output = context;
    rh_buf_free(&output->buf);
    rh_buf_free(&output->value);
    rh_buf_free(&output->held.texts);
    free(output->held.ends);
}

struct rh_output *rh_output_new(struct rh_arena *arena, enum rh_output_format format, FILE *to,
                                const struct rh_column *columns, uint32_t n_columns)
{
    static const enum rh_format formats[] = {
        [RH_OUTPUT_JSON] = RH_FORMAT_JSON,
        [RH_OUTPUT_NDJSON] = RH_FORMAT_NDJSON,
        [RH_OUTPUT_CSV] = RH_FORMAT_CSV,
    };
    struct rh_output *output = rh_arena_alloc(arena, sizeof(*output));
    if (!output)
        return NULL;
    output->format = format;
    output->to = to;
    output->columns = columns;
    output->n_columns = n_columns;
    rh_buf_init(&output->buf, BUFFER_BYTES);
    rh_buf_init(&output->value, BUFFER_BYTES);
    rh_buf_init(&output->held.texts, BUFFER_BYTES);
    if (!rh_arena_defer(arena, free_output, output))
        return NULL;
    if (format == RH_OUTPUT_TABLE) {
        output->widths = rh_arena_array(arena, n_columns, sizeof(size_t));
        return output->widths ? output : NULL;
    }
    output->encoder = rh_encoder_new(arena, formats[format], columns, n_columns, false);
    return output->encoder ? output : NULL;
}

static int flush(struct rh_output *output, struct rh_error *error)
{
    if (output->buf.failed)
        return rh_fail_nomem(error);
    if (fwrite(output->buf.data ? output->buf.data : "", 1, output->buf.len, output->to) !=
        output->buf.len)
        return rh_fail(error, RH_RESOURCE, "cannot write the output: %s", strerror(errno));
    rh_buf_clear(&output->buf);
    return RH_OK;
}

/* ---- The table form ---------------------------------------------------------------------- */

/* Text of a cell on one line. NULL is told from the empty text by its name, as in SQL. */
static void add_cell_text(struct rh_output *output, struct rh_buf *buf, const struct rh_value *cell)
{
    if (cell->type == RH_TYPE_MISSING)
        return;
    if (cell->type == RH_TYPE_NULL) {
        rh_buf_add_str(buf, "NULL");
        return;
    }
    if (cell->type == RH_TYPE_TEXT) {
        rh_plain_add(buf, rh_text_make((const char *)cell->as.data, cell->len));
        return;
    }
    rh_buf_clear(&output->value);
    rh_encode_value(&output->value, cell, false);
    struct rh_text text = rh_buf_text(&output->value);
    if (cell->type != RH_TYPE_JSON && text.len >= 2 && text.data[0] == '"') {
        text.data++; /* dates and the like: without their quotes */
        text.len -= 2;
    }
    rh_plain_add(buf, text);
    buf->failed = buf->failed || output->value.failed;
}

static bool is_number(uint32_t type)
{
    return type == RH_TYPE_INT || type == RH_TYPE_UINT || type == RH_TYPE_FLOAT ||
           type == RH_TYPE_DECIMAL;
}

static void add_padded(struct rh_output *output, uint32_t column, struct rh_text text)
{
    size_t width = rh_plain_width(text);
    size_t pad = width < output->widths[column] ? output->widths[column] - width : 0;
    bool right = is_number(output->columns[column].type);
    bool last = column + 1 == output->n_columns;
    for (size_t i = 0; right && i < pad; i++)
        rh_buf_add_char(&output->buf, ' ');
    rh_buf_add_text(&output->buf, text);
    for (size_t i = 0; !right && !last && i < pad; i++)
        rh_buf_add_char(&output->buf, ' ');
    rh_buf_add_str(&output->buf, last ? "\n" : "  ");
}

/* A column's name as it can be shown; borrowed until the next. */
static struct rh_text column_title(struct rh_output *output, uint32_t column)
{
    rh_buf_clear(&output->value);
    rh_plain_add(&output->value, output->columns[column].name);
    return rh_buf_text(&output->value);
}

static void add_header(struct rh_output *output)
{
    for (uint32_t c = 0; c < output->n_columns; c++)
        add_padded(output, c, column_title(output, c));
    for (uint32_t c = 0; c < output->n_columns; c++) {
        for (size_t i = 0; i < output->widths[c]; i++)
            rh_buf_add_str(&output->buf, "─");
        rh_buf_add_str(&output->buf, c + 1 == output->n_columns ? "\n" : "  ");
    }
}

static bool hold_cell(struct rh_output *output, const struct rh_value *cell)
{
    struct held *held = &output->held;
    if (held->n == held->cap) {
        size_t cap = held->cap ? held->cap * 2 : 256;
        size_t *ends = realloc(held->ends, cap * sizeof(*ends));
        if (!ends)
            return false;
        held->ends = ends;
        held->cap = cap;
    }
    add_cell_text(output, &output->held.texts, cell);
    held->ends[held->n++] = output->held.texts.len;
    return !output->held.texts.failed;
}

/* Measures the held rows and writes header and rows. */
static void release_held(struct rh_output *output)
{
    size_t start = 0;
    output->measured = true;
    for (uint32_t c = 0; c < output->n_columns; c++)
        output->widths[c] = rh_plain_width(column_title(output, c));
    for (size_t i = 0; i < output->held.n; i++) {
        size_t *width = &output->widths[i % output->n_columns];
        size_t own = rh_plain_width(
            rh_text_make(output->held.texts.data + start, output->held.ends[i] - start));
        own = own > MAX_WIDTH ? MAX_WIDTH : own;
        *width = own > *width ? own : *width;
        start = output->held.ends[i];
    }
    add_header(output);
    start = 0;
    for (size_t i = 0; i < output->held.n; i++) {
        const char *data = output->held.texts.data ? output->held.texts.data : "";
        add_padded(output, (uint32_t)(i % output->n_columns),
                   rh_text_make(data + start, output->held.ends[i] - start));
        start = output->held.ends[i];
    }
    output->held.n = 0;
    rh_buf_clear(&output->held.texts);
}

static int table_rows(struct rh_output *output, const struct rh_batch *batch,
                      struct rh_error *error)
{
    for (uint64_t r = 0; r < batch->n_rows; r++) {
        for (uint32_t c = 0; c < batch->n_cols; c++) {
            const struct rh_value *cell = &batch->cells[r * batch->n_cols + c];
            if (!output->measured) {
                if (!hold_cell(output, cell))
                    return rh_fail_nomem(error);
                continue;
            }
            rh_buf_clear(&output->held.texts);
            add_cell_text(output, &output->held.texts, cell);
            add_padded(output, c, rh_buf_text(&output->held.texts));
        }
        if (!output->measured && output->held.n >= (size_t)HELD_ROWS * output->n_columns)
            release_held(output);
    }
    return flush(output, error);
}

/* ---- Both -------------------------------------------------------------------------------- */

static void begin(struct rh_output *output)
{
    if (output->begun)
        return;
    output->begun = true;
    if (output->format == RH_OUTPUT_JSON)
        rh_buf_add_str(&output->buf, "[");
    rh_encoder_begin(output->encoder, &output->buf);
}

int rh_output_rows(struct rh_output *output, const struct rh_batch *batch, struct rh_error *error)
{
    if (output->format == RH_OUTPUT_TABLE)
        return table_rows(output, batch, error);
    begin(output);
    rh_encoder_rows(output->encoder, &output->buf, batch);
    return flush(output, error);
}

int rh_output_end(struct rh_output *output, struct rh_error *error)
{
    if (output->format == RH_OUTPUT_TABLE) {
        if (!output->measured)
            release_held(output);
    } else {
        begin(output);
        if (output->format == RH_OUTPUT_JSON)
            rh_buf_add_str(&output->buf, "]\n");
    }
    int rc = flush(output, error);
    if (rc == RH_OK && fflush(output->to) != 0)
        rc = rh_fail(error, RH_RESOURCE, "cannot write the output: %s", strerror(errno));
    return rc;
}
