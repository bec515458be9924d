/*
 * Rows as an object holds them. What of an old row is not changed stays as it was written.
 */
#include "write.h"

#include "connector/json_cell.h"
#include "connector/text_cell.h"

#include <string.h>

/* ---- Records --------------------------------------------------------------------------------- */

void rh_s3_add_field(struct rh_buf *body, struct rh_text text, char separator)
{
    bool quoted = !text.len;

    for (uint64_t i = 0; i < text.len && !quoted; i++)
        quoted = text.data[i] == '"' || text.data[i] == separator || text.data[i] == '\r' ||
                 text.data[i] == '\n';
    quoted = quoted || (text.len >= 3 && memcmp(text.data, "\xef\xbb\xbf", 3) == 0);
    if (!quoted) {
        rh_buf_add_text(body, text);
        return;
    }
    rh_buf_add_char(body, '"');
    for (uint64_t i = 0; i < text.len; i++) {
        if (text.data[i] == '"')
            rh_buf_add_char(body, '"');
        rh_buf_add_char(body, text.data[i]);
    }
    rh_buf_add_char(body, '"');
}

static int add_cell(const struct rh_value *cell, char separator, struct rh_buf *body,
                    struct rh_error *error)
{
    struct rh_buf text;
    int rc = RH_OK;

    if (rh_kit_is_null(cell))
        return RH_OK;
    rh_buf_init(&text, RH_S3_ROW_BYTES);
    rc = rh_text_cell_add(&text, cell, error);
    if (rc == RH_OK && !rh_text_is_utf8(rh_buf_text(&text)))
        rc = rh_fail(error, RH_DATA, "CSV holds texts only, and a value is none");
    if (rc == RH_OK)
        rh_s3_add_field(body, rh_buf_text(&text), separator);
    body->failed = body->failed || text.failed;
    rh_buf_free(&text);
    return rc;
}

/* The input column of a header's field that is set; RH_NO_COLUMN. */
static uint32_t setter_of(const struct rh_s3_call *w, uint32_t field, bool with_key)
{
    for (uint32_t i = 0; i < w->spec->n_columns; i++)
        if (w->fields[i] == field && (with_key || !w->is_key[i]))
            return i;
    return RH_NO_COLUMN;
}

/* A record: of the old fields (NULL: none) and the new cells (NULL: none). */
static int add_record(const struct rh_s3_call *w, uint32_t n_fields, const struct rh_text *old,
                      const struct rh_value *cells, struct rh_buf *body, struct rh_error *error)
{
    int rc = RH_OK;

    for (uint32_t f = 0; f < n_fields && rc == RH_OK; f++) {
        uint32_t setter = cells ? setter_of(w, f, !old) : RH_NO_COLUMN;

        if (f)
            rh_buf_add_char(body, w->table->separator);
        if (setter != RH_NO_COLUMN)
            rc = add_cell(&cells[setter], w->table->separator, body, error);
        else if (old && old[f].data)
            rh_s3_add_field(body, old[f], w->table->separator);
    }
    rh_buf_add_str(body, "\r\n");
    return rc;
}

/* ---- Documents ------------------------------------------------------------------------------- */

static bool is_replaced(const struct rh_s3_call *w, struct rh_text name)
{
    for (uint32_t i = 0; i < w->spec->n_columns; i++)
        if (!w->is_key[i] && rh_text_equal(rh_s3_call_column(w, i)->name, name))
            return true;
    return false;
}

/* A document: members that stay as they were written, and the new ones. */
static int add_document(const struct rh_s3_call *w, const struct rh_json *old,
                        const struct rh_value *cells, struct rh_buf *body, struct rh_error *error)
{
    const char *before = "{";
    int rc = RH_OK;

    for (const struct rh_json *m = old ? old->child : NULL; m; m = m->next) {
        if (cells && is_replaced(w, m->key))
            continue;
        rh_buf_add_str(body, before);
        rh_json_add_string(body, m->key);
        rh_buf_add_char(body, ':');
        for (uint64_t i = 0; i < m->source.len; i++) /* NDJSON: no line ends within */
            if (m->source.data[i] != '\n' && m->source.data[i] != '\r')
                rh_buf_add_char(body, m->source.data[i]);
        before = ",";
    }
    for (uint32_t i = 0; cells && i < w->spec->n_columns && rc == RH_OK; i++) {
        if ((old && w->is_key[i]) || cells[i].type == RH_TYPE_MISSING)
            continue;
        rh_buf_add_str(body, before);
        rh_json_add_string(body, rh_s3_call_column(w, i)->name);
        rh_buf_add_char(body, ':');
        rc = rh_json_add_value(body, &cells[i], error);
        before = ",";
    }
    rh_buf_add_str(body, before[0] == '{' ? "{}" : "}");
    return rc;
}

int rh_s3_add_row(const struct rh_s3_call *w, const struct rh_s3_object *object,
                  const struct rh_s3_row *old, const struct rh_value *cells, struct rh_buf *body,
                  struct rh_error *error)
{
    if (w->table->format == RH_S3_CSV)
        return add_record(w, object->n_header, old ? old->fields : NULL, cells, body, error);
    return add_document(w, old ? old->document : NULL, cells, body, error);
}
