/*
 * Rows that were written, as they would be read: they are parsed again from what was put, since the
 * object decides what a value is (a text that looks like a number, a member that is not ours).
 */
#include "write.h"

/* Reads rows out of the texts that they were written as. */
struct reader {
    const struct rh_s3_call *w;
    const struct rh_s3_object *object;
    struct rh_text key;
    struct rh_csv csv;
    struct rh_arena *arena; /* of the document at hand */
};

static const struct rh_column *column_of(const struct rh_s3_call *w, uint32_t i)
{
    return rh_kit_column(w->spec->returning, w->spec->returning_stride, i);
}

int rh_s3_check_returning(const struct rh_s3_call *w, struct rh_error *error)
{
    for (uint32_t i = 0; i < w->spec->n_returning; i++)
        if (!column_of(w, i)->native_id)
            return rh_fail(error, RH_NOT_FOUND, "there is no column \"%.*s\"",
                           RH_TEXT_ARG(column_of(w, i)->name));
    return RH_OK;
}

/* The header tells the reader how many fields a record has. */
static int open_reader(struct reader *reader, struct rh_error *error)
{
    const struct rh_text *fields;
    uint32_t n;

    rh_csv_init(&reader->csv, reader->w->table->separator, RH_S3_ROW_BYTES);
    reader->arena = rh_arena_new(RH_S3_ROW_BYTES * 16);
    if (!reader->arena)
        return rh_fail_nomem(error);
    if (reader->w->table->format != RH_S3_CSV)
        return RH_OK;
    rh_csv_push(&reader->csv, rh_text_make(reader->w->body.data, reader->w->header_bytes));
    return rh_csv_next(&reader->csv, &fields, &n, error);
}

static int read_row(struct reader *reader, struct rh_text text, struct rh_s3_row *ret_row,
                    struct rh_error *error)
{
    struct rh_json *document;
    uint32_t n;
    int rc;

    *ret_row = (struct rh_s3_row){.fields = NULL};
    if (reader->w->table->format == RH_S3_CSV) {
        rh_csv_push(&reader->csv, text);
        return rh_csv_next(&reader->csv, &ret_row->fields, &n, error);
    }
    rh_arena_reset(reader->arena);
    rc = rh_json_parse(reader->arena, text, &document, error);
    if (rc == RH_OK)
        ret_row->document = document;
    return rc;
}

static int return_row(struct reader *reader, const struct rh_s3_input *input,
                      struct rh_error *error)
{
    const struct rh_s3_call *w = reader->w;
    const struct rh_buf *from = w->verb == RH_S3_REMOVE ? &w->removed : &w->body;
    struct rh_rowset *rows = &w->conn->returned;
    struct rh_s3_row row;
    struct rh_value *cells;
    int rc = read_row(reader, rh_text_make(from->data + input->begin, input->end - input->begin),
                      &row, error);

    cells = rc == RH_OK ? rh_rowset_row(rows) : NULL;
    for (uint32_t i = 0; cells && i < w->spec->n_returning; i++) {
        const struct rh_column *column = column_of(w, i);

        if (column->native_id == RH_S3_KEY)
            rh_rowset_bytes(rows, &cells[i], RH_TYPE_TEXT, reader->key.data, reader->key.len);
        else
            rh_s3_cell(rows, &cells[i], column, &row, rh_s3_field(reader->object, column->name));
    }
    return rc;
}

int rh_s3_return_rows(struct rh_s3_call *w, const struct rh_s3_object *object, struct rh_text key,
                      struct rh_batch *ret_batch, struct rh_error *error)
{
    struct reader reader = {.w = w, .object = object, .key = key};
    struct rh_rowset *rows = &w->conn->returned;
    int rc = open_reader(&reader, error);

    rh_rowset_fini(rows);
    rh_rowset_init(rows, w->spec->n_returning, SIZE_MAX);
    rh_rowset_clear(rows, w->spec->n_rows);
    for (uint64_t i = 0; i < w->spec->n_rows && rc == RH_OK; i++)
        if (w->inputs[i].end)
            rc = return_row(&reader, &w->inputs[i], error);
    if (rc == RH_OK)
        rc = rh_rowset_batch(rows, ret_batch, error);
    rh_csv_fini(&reader.csv);
    rh_arena_free(reader.arena);
    return rc == RH_END ? RH_OK : rc;
}
