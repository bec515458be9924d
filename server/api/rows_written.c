/* What a write returns, as JSON. Its size is bounded: whoever writes millions asks for none. */
#include "server/api/rows_written.h"

#include "base/err.h"
#include "base/text.h"
#include "rows/encode.h"
#include "server/api/problem.h"

#define MAX_BYTES ((size_t)256 << 20)
#define MAX_KEY_BYTES ((size_t)64 << 10)

static uint32_t find_column(const struct rh_column *columns, uint32_t n, struct rh_text name)
{
    for (uint32_t i = 0; i < n; i++)
        if (rh_text_equal(columns[i].name, name))
            return i;
    return RH_NO_COLUMN;
}

static void add_encoded(struct rh_buf *buf, struct rh_text text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
            c == '-' || c == '_' || c == '.' || c == '~' || c == ':')
            rh_buf_add_char(buf, (char)c);
        else
            rh_buf_addf(buf, "%%%02X", c);
    }
}

/* The part of a key as it stands in a path: what JSON would show, without quotes. */
static void add_key_part(struct rh_buf *buf, const struct rh_value *value)
{
    struct rh_buf json;
    struct rh_text text;

    if (value->type == RH_TYPE_TEXT) {
        add_encoded(buf, rh_text_make(value->as.data, value->len));
        return;
    }
    rh_buf_init(&json, MAX_KEY_BYTES);
    rh_encode_value(&json, value, false);
    text = rh_buf_text(&json);
    if (text.len >= 2 && text.data[0] == '"') {
        text.data++;
        text.len -= 2;
    }
    add_encoded(buf, text);
    rh_buf_free(&json);
}

static void note_key(struct rh_written *written, const struct rh_column *columns, uint32_t n,
                     const struct rh_value *cells)
{
    const struct rh_table *table = written->table;

    rh_buf_clear(&written->key);
    for (uint32_t i = 0; i < table->n_key; i++) {
        uint32_t at = find_column(columns, n, table->columns[table->key[i]].name);
        if (at == RH_NO_COLUMN) {
            rh_buf_clear(&written->key);
            return;
        }
        rh_buf_add_str(&written->key, i ? "," : "");
        add_key_part(&written->key, &cells[at]);
    }
}

static void note_etag(struct rh_written *written, const struct rh_column *columns, uint32_t n,
                      const struct rh_value *cells)
{
    written->etag[0] = '\0';
    if (n != written->table->n_columns)
        return;
    for (uint32_t i = 0; i < n; i++)
        if (!rh_text_equal(columns[i].name, written->table->columns[i].name))
            return;
    rh_read_etag(written->table, cells, written->etag);
}

static int on_rows(void *context, const struct rh_column *columns, uint32_t n_columns,
                   const struct rh_batch *batch, struct rh_error *error)
{
    struct rh_written *written = context;
    const struct rh_value *last;

    if (batch->n_rows == 0)
        return RH_OK;
    if (!written->encoder)
        written->encoder =
            rh_encoder_new(written->call->arena, RH_FORMAT_JSON, columns, n_columns,
                           rh_text_is(rh_call_value(written->call, "numbers"), "string"));
    if (!written->encoder)
        return rh_fail_nomem(error);
    rh_encoder_rows(written->encoder, &written->rows, batch);
    written->n_rows += batch->n_rows;
    last = batch->cells + (batch->n_rows - 1) * batch->n_cols;
    note_key(written, columns, n_columns, last);
    note_etag(written, columns, n_columns, last);
    return RH_OK;
}

static int on_status(void *context, uint64_t row, const struct rh_error *outcome,
                     struct rh_error *error)
{
    struct rh_written *written = context;
    struct rh_buf *buf = &written->statuses;
    bool failed = outcome && outcome->error_class != RH_OK;

    (void)error;
    written->n_failed += failed;
    if (!failed && written->only_failures)
        return RH_OK;
    if (written->only_failures && written->n_failed > RH_WRITTEN_MAX_FAILURES)
        return RH_OK;
    rh_buf_add_str(buf, buf->len ? ",{\"row\":" : "{\"row\":");
    rh_buf_add_u64(buf, row);
    if (failed) {
        rh_buf_add_str(buf, ",\"ok\":false,\"error\":");
        rh_problem_write(buf, outcome, (struct rh_text){NULL, 0});
        rh_buf_add_char(buf, '}');
    } else {
        rh_buf_add_str(buf, ",\"ok\":true}");
    }
    return RH_OK;
}

/* A write may go on as long as it makes progress. */
static void on_progress(void *context, uint64_t n_rows)
{
    struct rh_written *written = context;

    (void)n_rows;
    rh_call_progress(written->call);
}

void rh_written_init(struct rh_written *written, struct rh_call *call, const struct rh_table *table)
{
    *written = (struct rh_written){.call = call, .table = table};
    rh_buf_init(&written->rows, MAX_BYTES);
    rh_buf_init(&written->statuses, MAX_BYTES);
    rh_buf_init(&written->key, MAX_KEY_BYTES);
    written->sink = (struct rh_write_sink){written, on_rows, on_status, on_progress};
}

void rh_written_fini(struct rh_written *written)
{
    rh_buf_free(&written->rows);
    rh_buf_free(&written->statuses);
    rh_buf_free(&written->key);
}

void rh_written_add_meta(struct rh_buf *buf, const struct rh_write_counts *counts)
{
    rh_buf_addf(buf, "\"meta\":{\"rows\":%llu,\"affected\":%llu",
                (unsigned long long)counts->n_rows, (unsigned long long)counts->n_affected);
    if (counts->n_failed)
        rh_buf_addf(buf, ",\"failed\":%llu", (unsigned long long)counts->n_failed);
    rh_buf_add_char(buf, '}');
}

int rh_written_check(const struct rh_written *written, struct rh_error *error)
{
    if (!written->rows.failed && !written->statuses.failed && !written->key.failed)
        return RH_OK;
    rh_fail(error, RH_RESOURCE, "what the write returns is too large to be sent");
    return rh_error_hint(error, "ask for it with returning=none");
}
