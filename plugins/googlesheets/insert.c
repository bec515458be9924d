/*
 * Adding rows: room behind the last one, the values, formats and marks, all in one request.
 */
#include "write.h"

#include <string.h>

#define BODY_BYTES ((size_t)64 << 20)

/* ---- The request --------------------------------------------------------------------------- */

static int check_unique(struct rh_googlesheets_call *w, struct rh_error *error)
{
    const char *name = w->conn->config.key_column;
    uint32_t column = 0;
    int rc;

    while (name && column < w->spec->n_columns &&
           !rh_text_is(rh_googlesheets_call_column(w, column)->name, name))
        column++;
    if (!name || column == w->spec->n_columns)
        return RH_OK;
    rc = rh_googlesheets_look_for_keys(w, column, error);
    for (uint64_t r = 0; rc == RH_OK && r < w->spec->n_rows; r++)
        if (w->targets[r].index != RH_GOOGLESHEETS_NOWHERE) {
            rc = rh_fail(error, RH_CONSTRAINT, "there is a row with this \"%s\" already", name);
            error->constraint = RH_CONSTRAINT_UNIQUE;
            error->row = r;
        }
    return rc;
}

/* {"userEnteredValue": …}, as it is and never as a formula. */
static int add_cell(struct rh_buf *body, const struct rh_value *value, struct rh_error *error)
{
    struct rh_buf json;
    const char *kind = "numberValue";
    int rc;

    if (rh_kit_is_null(value)) {
        rh_buf_add_str(body, "{}");
        return RH_OK;
    }
    rh_buf_init(&json, body->max);
    rc = rh_googlesheets_add_value(&json, value, error);
    if (json.len && json.data[0] == '"')
        kind = "stringValue";
    else if (json.len && strchr("tf", json.data[0]))
        kind = "boolValue";
    rh_buf_addf(body, "{\"userEnteredValue\":{\"%s\":", kind);
    rh_buf_add_text(body, rh_buf_text(&json));
    rh_buf_add_str(body, "}}");
    body->failed = body->failed || json.failed;
    rh_buf_free(&json);
    return rc;
}

static int add_row(const struct rh_googlesheets_call *w, uint64_t row, struct rh_buf *body,
                   struct rh_error *error)
{
    static const struct rh_value nothing = {.type = RH_TYPE_NULL};
    int rc = RH_OK;

    rh_buf_add_str(body, "{\"values\":[");
    for (uint32_t place = 0; place < w->header.n && rc == RH_OK; place++) {
        uint32_t column = rh_googlesheets_column_at(w, place);

        if (place)
            rh_buf_add_char(body, ',');
        rc = add_cell(body,
                      column == RH_NO_COLUMN ? &nothing : rh_googlesheets_call_cell(w, row, column),
                      error);
        if (rc)
            error->row = row;
    }
    rh_buf_add_str(body, "]}");
    return rc;
}

/* Makes room at the end, behind `end` rows. */
static void add_room(const struct rh_googlesheets_call *w, uint32_t end, struct rh_buf *body)
{
    long long id = (long long)w->sheet.id;
    unsigned n = (unsigned)w->spec->n_rows;

    if (end >= w->sheet.n_rows)
        rh_buf_addf(body,
                    "{\"appendDimension\":{\"sheetId\":%lld,\"dimension\":\"ROWS\",\"length\":%u}}",
                    id, n);
    else
        rh_buf_addf(body,
                    "{\"insertDimension\":{\"range\":{\"sheetId\":%lld,\"dimension\":\"ROWS\","
                    "\"startIndex\":%u,\"endIndex\":%u},\"inheritFromBefore\":%s}}",
                    id, end, end + n, end > w->conn->config.header_row ? "true" : "false");
}

static const char *format_of(const struct rh_column *column)
{
    return column->type == RH_TYPE_DATE       ? "DATE"
           : column->type == RH_TYPE_TIME     ? "TIME"
           : column->type == RH_TYPE_DATETIME ? "DATE_TIME"
                                              : NULL;
}

/* A number is a date by its format, and the row above may have none. */
static void add_formats(const struct rh_googlesheets_call *w, uint32_t end, struct rh_buf *body)
{
    for (uint32_t i = 0; i < w->spec->n_columns; i++) {
        const char *format = format_of(rh_googlesheets_call_column(w, i));

        if (format && w->places[i] != RH_NO_COLUMN)
            rh_buf_addf(body,
                        ",{\"repeatCell\":{\"range\":{\"sheetId\":%lld,\"startRowIndex\":%u,"
                        "\"endRowIndex\":%u,\"startColumnIndex\":%u,\"endColumnIndex\":%u},"
                        "\"cell\":{\"userEnteredFormat\":{\"numberFormat\":{\"type\":\"%s\"}}},"
                        "\"fields\":\"userEnteredFormat.numberFormat\"}}",
                        (long long)w->sheet.id, end, end + (uint32_t)w->spec->n_rows, w->places[i],
                        w->places[i] + 1, format);
    }
}

static int add_insertion(const struct rh_googlesheets_call *w, uint32_t end, struct rh_buf *body,
                         struct rh_error *error)
{
    int rc = RH_OK;

    rh_buf_add_str(body, "{\"requests\":[");
    add_room(w, end, body);
    rh_buf_addf(body,
                ",{\"updateCells\":{\"start\":{\"sheetId\":%lld,\"rowIndex\":%u,\"columnIndex\":0},"
                "\"fields\":\"userEnteredValue\",\"rows\":[",
                (long long)w->sheet.id, end);
    for (uint64_t r = 0; r < w->spec->n_rows && rc == RH_OK; r++) {
        if (r)
            rh_buf_add_char(body, ',');
        rc = add_row(w, r, body, error);
    }
    rh_buf_add_str(body, "]}}");
    add_formats(w, end, body);
    for (uint64_t r = 0; w->conn->config.row_ids && r < w->spec->n_rows; r++) {
        rh_buf_add_char(body, ',');
        rh_googlesheets_add_marking(&w->sheet, end + (uint32_t)r, body);
    }
    rh_buf_add_str(body, "]}");
    return rc;
}

/* Replies come in the order of the requests: those of the marks in that of the rows. */
static void take_marks(struct rh_googlesheets_call *w, const struct rh_json *answer)
{
    const struct rh_json *reply = rh_googlesheets_first(answer, "replies");

    for (uint64_t r = 0; reply && r < w->spec->n_rows; reply = reply->next) {
        const struct rh_json *made = rh_json_member(reply, "createDeveloperMetadata");
        int64_t id = rh_googlesheets_int(rh_json_member(made, "developerMetadata"), "metadataId");

        if (made)
            w->targets[r++].mark = id > 0 ? id : 0;
    }
}

static void echo(struct rh_googlesheets_call *w, uint64_t row)
{
    struct rh_rowset *returned = &w->conn->returned;
    struct rh_value *cells = rh_rowset_row(returned);

    for (uint32_t i = 0; cells && i < w->spec->n_returning; i++) {
        const struct rh_column *column =
            rh_kit_column(w->spec->returning, w->spec->returning_stride, i);

        cells[i] = rh_kit_null();
        if (column->flags & RH_COLUMN_GENERATED && w->targets[row].mark)
            cells[i] = rh_kit_int(w->targets[row].mark);
        for (uint32_t c = 0; c < w->spec->n_columns; c++) {
            const struct rh_value *cell = rh_googlesheets_call_cell(w, row, c);
            bool empty = rh_kit_is_null(cell) || (cell->type == RH_TYPE_TEXT && !cell->len);

            if (!empty && rh_text_equal(rh_googlesheets_call_column(w, c)->name, column->name) &&
                !rh_googlesheets_call_is_id(w, c))
                rh_rowset_value(returned, &cells[i], cell);
        }
    }
}

int rh_googlesheets_run_insert(struct rh_googlesheets_call *w, struct rh_error *error)
{
    struct rh_json *answer = NULL;
    struct rh_buf body;
    uint32_t end = 0;
    int rc = check_unique(w, error);

    if (rc == RH_OK)
        rc = rh_googlesheets_find_end(w, &end, error);
    if (rc)
        return rc;
    rh_buf_init(&body, BODY_BYTES);
    rc = add_insertion(w, end, &body, error);
    if (rc == RH_OK)
        rc = rh_googlesheets_post(w, ":batchUpdate", &body, true, &answer, error);
    rh_buf_free(&body);
    if (rc)
        return rc;
    take_marks(w, answer);
    w->result->n_affected = w->spec->n_rows;
    for (uint64_t r = 0; w->spec->n_returning && r < w->spec->n_rows; r++)
        echo(w, r);
    return RH_OK;
}
