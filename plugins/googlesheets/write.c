/*
 * Writing: each call is one request that Google takes as a whole or not at all, after those that find
 * the rows. Other people work in the same sheet, so:
 *
 * - Rows are added by inserting them behind the last one, at a place that was looked up just before:
 *   nothing is ever overwritten, wherever the end is by then. (Rejected: values.append, which guesses
 *   where the table is, and writes into other columns when the first ones are empty.)
 * - Rows are changed by their marks, which Google resolves, never by their number.
 * - Rows are deleted by number, there is no other way; the same request first deletes the mark of each,
 *   at that very place. Where one is not found nothing is deleted, or, should Google not mind, its answer
 *   lacks it and we say so.
 *
 * With a key column, the rows that have the key are looked up and marked first, and the mark is
 * taken off in the end.
 */
#include "googlesheets.h"

#include "connector/json_cell.h"

#include <stdlib.h>
#include <string.h>

#define URL_BYTES ((size_t)64 << 10)
#define BODY_BYTES ((size_t)64 << 20)
#define PROBE_ROWS 1000u
#define ATTEMPTS 3
#define NOWHERE ((uint32_t)-1)

enum verb { INSERT, UPDATE, REMOVE };

/* A row of the input, and the row of the sheet that it means. */
struct target {
    int64_t mark;   /* 0: it is not there */
    uint32_t index; /* in the grid from 0 on, as it was found; NOWHERE: not known */
    bool ours;      /* the mark was made for this write */
};

struct write {
    struct rh_conn *conn;
    const struct rh_op *op;
    const struct rh_write_spec *spec;
    struct rh_write_result *result;
    struct rh_arena *arena;
    struct rh_googlesheets_sheet sheet;
    struct rh_googlesheets_header header;
    enum verb verb;
    uint32_t *places; /* of the columns in the grid; RH_NO_COLUMN: `_row` */
    bool *is_key;
    struct target *targets;
};

static const struct rh_column *column_of(const struct write *w, uint32_t i)
{
    return rh_googlesheets_column(w->spec->columns, w->spec->column_stride, i);
}

static const struct rh_value *cell_of(const struct write *w, uint64_t row, uint32_t column)
{
    return &w->spec->cells[row * w->spec->n_columns + column];
}

static bool is_row_id(const struct write *w, uint32_t i)
{
    return column_of(w, i)->flags & RH_COLUMN_GENERATED;
}

/* POSTs to the spreadsheet; writes: the request changes it. */
static int post(struct write *w, const char *rest, const struct rh_buf *body, bool writes,
                struct rh_json **ret_answer, struct rh_error *error)
{
    struct rh_buf url;
    int rc;

    rh_buf_init(&url, URL_BYTES);
    rh_googlesheets_add_url(w->conn, rest, &url);
    rc = rh_googlesheets_fetch(w->conn, w->op, &url, body, writes, "cannot write the rows",
                               w->arena, ret_answer, error);
    rh_buf_free(&url);
    return rc;
}

/* ---- Preparing ----------------------------------------------------------------------------- */

static int check_columns(struct write *w, struct rh_error *error)
{
    const struct rh_write_spec *spec = w->spec;

    for (uint32_t i = 0; i < spec->n_columns; i++) {
        const struct rh_column *column = column_of(w, i);

        if (!column->native_id)
            return rh_fail(error, RH_NOT_FOUND, "there is no column \"%.*s\"",
                           RH_TEXT_ARG(column->name));
        for (uint64_t r = 0; is_row_id(w, i) && !w->is_key[i] && r < spec->n_rows; r++)
            if (cell_of(w, r, i)->type != RH_TYPE_MISSING)
                return rh_fail(error, RH_INVALID, "Google gives rows their ids itself");
    }
    if (w->verb == INSERT)
        return RH_OK;
    if (spec->n_key != 1 ||
        (!is_row_id(w, spec->key[0]) &&
         !rh_text_is(column_of(w, spec->key[0])->name,
                     w->conn->config.key_column ? w->conn->config.key_column : ""))) {
        rh_fail(error, RH_UNSUPPORTED, "rows of a sheet are written by their key only");
        return rh_error_hint(error, "set row_ids or key_column");
    }
    return RH_OK;
}

static int prepare(struct write *w, struct rh_error *error)
{
    const struct rh_write_spec *spec = w->spec;

    if (w->op->flags & RH_OP_READ_ONLY || w->conn->config.read_only)
        return rh_fail(error, RH_PERMISSION, "nothing may be written in a read-only operation");
    if (spec->where)
        return rh_fail(error, RH_UNSUPPORTED, "rows of a sheet are not written by a condition");
    w->arena = rh_arena_new(RH_GOOGLESHEETS_ARENA_BYTES);
    if (!w->arena)
        return rh_fail_nomem(error);
    w->places = rh_arena_array(w->arena, spec->n_columns, sizeof(*w->places));
    w->is_key = rh_arena_array(w->arena, spec->n_columns, sizeof(*w->is_key));
    w->targets = rh_arena_array(w->arena, spec->n_rows, sizeof(*w->targets));
    if (!w->places || !w->is_key || !w->targets)
        return rh_fail_nomem(error);
    for (uint32_t i = 0; i < spec->n_key; i++) {
        if (spec->key[i] >= spec->n_columns)
            return rh_fail(error, RH_INVALID, "the write's key makes no sense");
        w->is_key[spec->key[i]] = true;
    }
    for (uint64_t r = 0; r < spec->n_rows; r++)
        w->targets[r].index = NOWHERE;
    return check_columns(w, error);
}

/* Where the columns are, by the header's cells. */
static int find_places(struct write *w, const struct rh_json *cells, struct rh_error *error)
{
    int rc = rh_googlesheets_read_header(w->arena, cells, &w->header, error);

    for (uint32_t i = 0; rc == RH_OK && i < w->spec->n_columns; i++) {
        w->places[i] = is_row_id(w, i)
                           ? RH_NO_COLUMN
                           : rh_googlesheets_find_name(&w->header, column_of(w, i)->name);
        if (w->places[i] == RH_NO_COLUMN && !is_row_id(w, i))
            rc = rh_fail(error, RH_NOT_FOUND, "there is no column \"%.*s\"",
                         RH_TEXT_ARG(column_of(w, i)->name));
    }
    return rc;
}

/* ---- What is there ------------------------------------------------------------------------- */

/* Header and rows from .. to (none when from > to) of all columns or of one, with their marks. Sets the
 * first row and its metadata. */
static int fetch_rows(struct write *w, uint32_t place, uint32_t from, uint32_t to,
                      const struct rh_json **ret_row, const struct rh_json **ret_metadata,
                      struct rh_error *error)
{
    uint32_t header_row = w->conn->config.header_row;
    struct rh_json *answer = NULL;
    const struct rh_json *header, *rows;
    struct rh_buf url;
    int rc;

    rh_buf_init(&url, URL_BYTES);
    rh_googlesheets_add_url(w->conn,
                            "?fields=sheets.data(rowData.values.effectiveValue,"
                            "rowMetadata.developerMetadata(metadataId,metadataKey))",
                            &url);
    rh_googlesheets_add_range(&w->sheet, RH_NO_COLUMN, header_row, header_row, &url);
    if (from <= to)
        rh_googlesheets_add_range(&w->sheet, place, from, to, &url);
    rc = rh_googlesheets_fetch(w->conn, w->op, &url, NULL, false, "cannot read the rows to write",
                               w->arena, &answer, error);
    rh_buf_free(&url);
    if (rc)
        return rc;
    header = rh_googlesheets_first(rh_googlesheets_first(answer, "sheets"), "data");
    rows = header ? header->next : NULL;
    *ret_row = rh_googlesheets_first(rows, "rowData");
    *ret_metadata = rh_googlesheets_first(rows, "rowMetadata");
    header = rh_googlesheets_first(header, "rowData");
    return find_places(w, rh_googlesheets_first(header, "values"), error);
}

static bool has_value(const struct rh_json *row)
{
    for (const struct rh_json *c = rh_googlesheets_first(row, "values"); c; c = c->next)
        if (rh_googlesheets_scalar(c))
            return true;
    return false;
}

/* The number of rows up to the last one with a value: from the end of the grid back. */
static int find_end(struct write *w, uint32_t *ret_end, struct rh_error *error)
{
    uint32_t first = w->conn->config.header_row + 1, to = w->sheet.n_rows, step = PROBE_ROWS;
    const struct rh_json *row = NULL, *metadata = NULL;
    int rc = RH_OK;

    *ret_end = first - 1;
    do {
        uint32_t from = to >= step && to - step + 1 > first ? to - step + 1 : first, at = from;

        rc = fetch_rows(w, RH_NO_COLUMN, from, to, &row, &metadata, error);
        for (; rc == RH_OK && row; row = row->next, at++)
            if (has_value(row))
                *ret_end = at;
        to = from - 1;
        step *= 2;
    } while (rc == RH_OK && *ret_end < first && to >= first);
    return rc;
}

/* All rows of the sheet with the key of an input row: the target, or AMBIGUOUS_KEY. */
static int look_for_keys(struct write *w, uint32_t column, struct rh_error *error)
{
    const struct rh_json *row = NULL, *metadata = NULL;
    uint32_t at = w->conn->config.header_row;
    int rc = fetch_rows(w, RH_NO_COLUMN, 1, 0, &row, &metadata, error);

    if (rc == RH_OK && at < w->sheet.n_rows)
        rc = fetch_rows(w, w->places[column], at + 1, w->sheet.n_rows, &row, &metadata, error);
    for (; rc == RH_OK && row; row = row->next, at++) {
        const struct rh_json *scalar = rh_googlesheets_scalar(rh_googlesheets_first(row, "values"));

        for (uint64_t r = 0; scalar && r < w->spec->n_rows; r++) {
            if (!rh_googlesheets_same(cell_of(w, r, column), column_of(w, column), scalar))
                continue;
            if (w->targets[r].index != NOWHERE) {
                rh_fail(error, RH_CONSTRAINT, "several rows have the same \"%.*s\"",
                        RH_TEXT_ARG(column_of(w, column)->name));
                error->constraint = RH_CONSTRAINT_AMBIGUOUS_KEY;
                error->row = r;
                return RH_CONSTRAINT;
            }
            w->targets[r] = (struct target){.index = at, .mark = rh_googlesheets_mark_of(metadata)};
        }
        metadata = metadata ? metadata->next : NULL;
    }
    return rc;
}

/* A mark for each target that has none. */
static int mark_targets(struct write *w, struct rh_error *error)
{
    uint64_t n_rows = w->spec->n_rows;
    uint32_t *rows = rh_arena_array(w->arena, n_rows, sizeof(*rows)), n = 0;
    int64_t *ids = rh_arena_array(w->arena, n_rows, sizeof(*ids));
    int rc;

    if (!rows || !ids)
        return rh_fail_nomem(error);
    for (uint64_t r = 0; r < n_rows; r++)
        if (w->targets[r].index != NOWHERE && !w->targets[r].mark)
            rows[n++] = w->targets[r].index;
    rc = n ? rh_googlesheets_mark(w->conn, w->op, &w->sheet, rows, n, ids, error) : RH_OK;
    n = 0;
    for (uint64_t r = 0; rc == RH_OK && r < n_rows; r++)
        if (w->targets[r].index != NOWHERE && !w->targets[r].mark) {
            w->targets[r].mark = ids[n++];
            w->targets[r].ours = true;
        }
    return rc;
}

/* All marks, in input order; *ret_n of them. */
static int64_t *marks_of(const struct write *w, bool only_ours, uint32_t *ret_n)
{
    int64_t *ids = rh_arena_array(w->arena, w->spec->n_rows, sizeof(*ids));

    *ret_n = 0;
    for (uint64_t r = 0; ids && r < w->spec->n_rows; r++)
        if (w->targets[r].mark && (!only_ours || w->targets[r].ours))
            ids[(*ret_n)++] = w->targets[r].mark;
    return ids;
}

/* The matched range that this mark found. */
static const struct rh_json *found_by(const struct rh_json *answer, int64_t mark)
{
    const struct rh_json *matched = rh_googlesheets_first(answer, "valueRanges");

    while (matched && rh_googlesheets_found_by(matched) != mark)
        matched = matched->next;
    return matched;
}

/* Reads the marked rows: header places, and which are there. */
static int fetch_targets(struct write *w, struct rh_json **ret_answer, struct rh_error *error)
{
    const struct rh_json *header;
    uint32_t n;
    int64_t *ids = marks_of(w, false, &n);
    int rc;

    if (!ids)
        return rh_fail_nomem(error);
    rc = rh_googlesheets_fetch_marked(w->conn, w->op, &w->sheet, ids, n, w->arena, ret_answer,
                                      error);
    header = rc == RH_OK ? found_by(*ret_answer, 0) : NULL;
    header = rh_googlesheets_first(rh_json_member(header, "valueRange"), "values");
    return rc == RH_OK ? find_places(w, header ? header->child : NULL, error) : rc;
}

/* Of a matched range: the cell at this place. */
static const struct rh_json *matched_cell(const struct rh_json *matched, uint32_t place)
{
    const struct rh_json *row =
        rh_googlesheets_first(rh_json_member(matched, "valueRange"), "values");
    const struct rh_json *cell = row ? row->child : NULL;

    while (cell && place--)
        cell = cell->next;
    return rh_googlesheets_scalar(cell);
}

/* Somebody may have moved rows between looking and marking. */
static int check_marked(struct write *w, const struct rh_json *answer, struct rh_error *error)
{
    uint32_t key = w->spec->key[0];

    for (uint64_t r = 0; r < w->spec->n_rows; r++) {
        const struct rh_json *matched =
            w->targets[r].mark ? found_by(answer, w->targets[r].mark) : NULL;

        if (!is_row_id(w, key) && w->targets[r].mark &&
            (!matched || !rh_googlesheets_same(cell_of(w, r, key), column_of(w, key),
                                               matched_cell(matched, w->places[key]))))
            return rh_fail(error, RH_CONFLICT, "rows were moved while they were looked up");
        if (!matched)
            w->targets[r].mark = 0;
    }
    return RH_OK;
}

/* Finds the rows that are meant, and gives each a mark. *ret_answer: what they hold. */
static int find_targets(struct write *w, struct rh_json **ret_answer, struct rh_error *error)
{
    uint32_t key = w->spec->key[0];
    int rc = RH_OK;

    if (is_row_id(w, key)) {
        for (uint64_t r = 0; r < w->spec->n_rows; r++) {
            const struct rh_value *id = cell_of(w, r, key);
            bool possible = id->type == RH_TYPE_INT && id->as.i > 0 && id->as.i <= INT32_MAX;
            w->targets[r].mark = possible ? id->as.i : 0;
        }
    } else {
        rc = look_for_keys(w, key, error);
        if (rc == RH_OK)
            rc = mark_targets(w, error);
    }
    if (rc == RH_OK)
        rc = fetch_targets(w, ret_answer, error);
    return rc == RH_OK ? check_marked(w, *ret_answer, error) : rc;
}

/* ---- Adding rows --------------------------------------------------------------------------- */

static int check_unique(struct write *w, struct rh_error *error)
{
    const char *name = w->conn->config.key_column;
    uint32_t column = 0;
    int rc;

    while (name && column < w->spec->n_columns && !rh_text_is(column_of(w, column)->name, name))
        column++;
    if (!name || column == w->spec->n_columns)
        return RH_OK;
    rc = look_for_keys(w, column, error);
    for (uint64_t r = 0; rc == RH_OK && r < w->spec->n_rows; r++)
        if (w->targets[r].index != NOWHERE) {
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

/* The column of the input for a place of the grid; RH_NO_COLUMN. */
static uint32_t column_at(const struct write *w, uint32_t place)
{
    uint32_t last = RH_NO_COLUMN;

    for (uint32_t i = 0; i < w->spec->n_columns; i++)
        if (w->places[i] == place && !w->is_key[i])
            last = i;
    return last;
}

static int add_row(const struct write *w, uint64_t row, struct rh_buf *body, struct rh_error *error)
{
    static const struct rh_value nothing = {.type = RH_TYPE_NULL};
    int rc = RH_OK;

    rh_buf_add_str(body, "{\"values\":[");
    for (uint32_t place = 0; place < w->header.n && rc == RH_OK; place++) {
        uint32_t column = column_at(w, place);

        if (place)
            rh_buf_add_char(body, ',');
        rc = add_cell(body, column == RH_NO_COLUMN ? &nothing : cell_of(w, row, column), error);
        if (rc)
            error->row = row;
    }
    rh_buf_add_str(body, "]}");
    return rc;
}

/* Makes room at the end, behind `end` rows. */
static void add_room(const struct write *w, uint32_t end, struct rh_buf *body)
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
static void add_formats(const struct write *w, uint32_t end, struct rh_buf *body)
{
    for (uint32_t i = 0; i < w->spec->n_columns; i++) {
        const char *format = format_of(column_of(w, i));

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

static int add_insertion(const struct write *w, uint32_t end, struct rh_buf *body,
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
static void take_marks(struct write *w, const struct rh_json *answer)
{
    const struct rh_json *reply = rh_googlesheets_first(answer, "replies");

    for (uint64_t r = 0; reply && r < w->spec->n_rows; reply = reply->next) {
        const struct rh_json *made = rh_json_member(reply, "createDeveloperMetadata");
        int64_t id = rh_googlesheets_int(rh_json_member(made, "developerMetadata"), "metadataId");

        if (made)
            w->targets[r++].mark = id > 0 ? id : 0;
    }
}

static void echo(struct write *w, uint64_t row)
{
    struct rh_rowset *returned = &w->conn->returned;
    struct rh_value *cells = rh_rowset_row(returned);

    for (uint32_t i = 0; cells && i < w->spec->n_returning; i++) {
        const struct rh_column *column =
            rh_googlesheets_column(w->spec->returning, w->spec->returning_stride, i);

        cells[i] = rh_kit_null();
        if (column->flags & RH_COLUMN_GENERATED && w->targets[row].mark)
            cells[i] = rh_kit_int(w->targets[row].mark);
        for (uint32_t c = 0; c < w->spec->n_columns; c++) {
            const struct rh_value *cell = cell_of(w, row, c);
            bool empty = rh_kit_is_null(cell) || (cell->type == RH_TYPE_TEXT && !cell->len);

            if (!empty && rh_text_equal(column_of(w, c)->name, column->name) && !is_row_id(w, c))
                rh_rowset_value(returned, &cells[i], cell);
        }
    }
}

static void start_returning(struct write *w)
{
    rh_rowset_fini(&w->conn->returned);
    rh_rowset_init(&w->conn->returned, w->spec->n_returning, SIZE_MAX);
    rh_rowset_clear(&w->conn->returned, w->spec->n_rows);
}

static int run_insert(struct write *w, struct rh_error *error)
{
    struct rh_json *answer = NULL;
    struct rh_buf body;
    uint32_t end = 0;
    int rc = check_unique(w, error);

    if (rc == RH_OK)
        rc = find_end(w, &end, error);
    if (rc)
        return rc;
    rh_buf_init(&body, BODY_BYTES);
    rc = add_insertion(w, end, &body, error);
    if (rc == RH_OK)
        rc = post(w, ":batchUpdate", &body, true, &answer, error);
    rh_buf_free(&body);
    if (rc)
        return rc;
    take_marks(w, answer);
    w->result->n_affected = w->spec->n_rows;
    for (uint64_t r = 0; w->spec->n_returning && r < w->spec->n_rows; r++)
        echo(w, r);
    return RH_OK;
}

/* ---- Changing rows ------------------------------------------------------------------------- */

/* null leaves a cell as it is, the empty text empties it. */
static int add_changes(const struct write *w, uint64_t row, struct rh_buf *body,
                       struct rh_error *error)
{
    int rc = RH_OK;

    rh_buf_add_str(body, "\"values\":[[");
    for (uint32_t place = 0; place < w->header.n && rc == RH_OK; place++) {
        uint32_t column = column_at(w, place);

        if (place)
            rh_buf_add_char(body, ',');
        if (column == RH_NO_COLUMN)
            rh_buf_add_str(body, "null");
        else if (rh_kit_is_null(cell_of(w, row, column)))
            rh_buf_add_str(body, "\"\"");
        else
            rc = rh_googlesheets_add_value(body, cell_of(w, row, column), error);
        if (rc)
            error->row = row;
    }
    rh_buf_add_str(body, "]]");
    return rc;
}

static int send_changes(struct write *w, struct rh_json **ret_answer, struct rh_error *error)
{
    struct rh_buf body;
    bool any = false;
    int rc = RH_OK;

    rh_buf_init(&body, BODY_BYTES);
    rh_buf_add_str(&body, "{\"valueInputOption\":\"RAW\",\"data\":[");
    for (uint64_t r = 0; r < w->spec->n_rows && rc == RH_OK; r++) {
        if (!w->targets[r].mark)
            continue;
        rh_buf_add_str(&body, any ? ",{\"dataFilter\":" : "{\"dataFilter\":");
        any = true;
        rh_googlesheets_add_lookup(&w->sheet, w->targets[r].mark, &body);
        rh_buf_add_str(&body, ",\"majorDimension\":\"ROWS\",");
        rc = add_changes(w, r, &body, error);
        rh_buf_add_char(&body, '}');
    }
    rh_buf_add_str(&body, "]}");
    if (rc == RH_OK && any)
        rc = post(w, "/values:batchUpdateByDataFilter", &body, true, ret_answer, error);
    rh_buf_free(&body);
    return rc;
}

/* A row as it is, from what was found by its mark. */
static void give(struct write *w, uint64_t row, const struct rh_json *matched)
{
    struct rh_rowset *returned = &w->conn->returned;
    struct rh_value *cells = rh_rowset_row(returned);

    for (uint32_t i = 0; cells && i < w->spec->n_returning; i++) {
        const struct rh_column *column =
            rh_googlesheets_column(w->spec->returning, w->spec->returning_stride, i);
        uint32_t place = rh_googlesheets_find_name(&w->header, column->name);

        if (column->flags & RH_COLUMN_GENERATED)
            cells[i] = rh_kit_int(w->targets[row].mark);
        else
            rh_googlesheets_set_cell(returned, &cells[i], column,
                                     place == RH_NO_COLUMN ? NULL : matched_cell(matched, place));
    }
}

static int run_update(struct write *w, struct rh_error *error)
{
    struct rh_json *found = NULL, *answer = NULL;
    const struct rh_json *response;
    int rc = find_targets(w, &found, error);

    if (rc == RH_OK)
        rc = send_changes(w, &answer, error);
    for (response = rc == RH_OK ? rh_googlesheets_first(answer, "responses") : NULL; response;
         response = response->next)
        w->result->n_affected += rh_googlesheets_int(response, "updatedRows") > 0;
    if (rc == RH_OK && w->spec->n_returning && w->result->n_affected)
        rc = fetch_targets(w, &found, error);
    for (uint64_t r = 0; rc == RH_OK && w->spec->n_returning && r < w->spec->n_rows; r++)
        if (w->targets[r].mark && found_by(found, w->targets[r].mark))
            give(w, r, found_by(found, w->targets[r].mark));
    return rc;
}

/* ---- Deleting rows ------------------------------------------------------------------------- */

static struct target *target_of(struct write *w, int64_t mark)
{
    for (uint64_t r = 0; r < w->spec->n_rows; r++)
        if (w->targets[r].mark == mark)
            return &w->targets[r];
    return NULL;
}

/* Where the marked rows are now; what is not there is no target. */
static int locate(struct write *w, struct rh_error *error)
{
    struct rh_json *answer = NULL;
    const struct rh_json *match;
    struct rh_buf body;
    bool any = false;
    int rc;

    rh_buf_init(&body, BODY_BYTES);
    rh_buf_add_str(&body, "{\"dataFilters\":[");
    for (uint64_t r = 0; r < w->spec->n_rows; r++) {
        w->targets[r].index = NOWHERE;
        if (!w->targets[r].mark)
            continue;
        if (any)
            rh_buf_add_char(&body, ',');
        any = true;
        rh_googlesheets_add_lookup(&w->sheet, w->targets[r].mark, &body);
    }
    rh_buf_add_str(&body, "]}");
    rc = any ? post(w, "/developerMetadata:search", &body, false, &answer, error) : RH_OK;
    rh_buf_free(&body);
    match = rc == RH_OK ? rh_googlesheets_first(answer, "matchedDeveloperMetadata") : NULL;
    for (; match; match = match->next) {
        const struct rh_json *mark = rh_json_member(match, "developerMetadata");
        const struct rh_json *range =
            rh_json_member(rh_json_member(mark, "location"), "dimensionRange");
        struct target *target = target_of(w, rh_googlesheets_int(mark, "metadataId"));
        int64_t at = rh_googlesheets_int(range, "startIndex");

        if (target && rh_text_is(rh_googlesheets_string(range, "dimension"), "ROWS"))
            target->index = at < 0 ? 0 : (uint32_t)at;
    }
    return rc;
}

static int by_index_falling(const void *a, const void *b)
{
    const uint32_t *left = a, *right = b;

    return *left < *right ? 1 : *left > *right ? -1 : 0;
}

static void add_guard(const struct write *w, const struct target *target, struct rh_buf *body)
{
    rh_buf_addf(body,
                "{\"deleteDeveloperMetadata\":{\"dataFilter\":{\"developerMetadataLookup\":{"
                "\"metadataId\":%lld,\"locationMatchingStrategy\":\"EXACT_LOCATION\","
                "\"metadataLocation\":{\"dimensionRange\":{\"sheetId\":%lld,\"dimension\":"
                "\"ROWS\",\"startIndex\":%u,\"endIndex\":%u}}}}}}",
                (long long)target->mark, (long long)w->sheet.id, target->index, target->index + 1);
}

/* Guards first, then the rows, from the bottom up: none moves another. */
static int send_deletions(struct write *w, struct rh_json **ret_answer, uint32_t *ret_n,
                          struct rh_error *error)
{
    uint32_t *rows = rh_arena_array(w->arena, w->spec->n_rows, sizeof(*rows)), n = 0;
    struct rh_buf body;
    int rc = RH_OK;

    if (!rows)
        return rh_fail_nomem(error);
    rh_buf_init(&body, BODY_BYTES);
    rh_buf_add_str(&body, "{\"requests\":[");
    for (uint64_t r = 0; r < w->spec->n_rows; r++) {
        if (w->targets[r].index == NOWHERE)
            continue;
        if (n)
            rh_buf_add_char(&body, ',');
        add_guard(w, &w->targets[r], &body);
        rows[n++] = w->targets[r].index;
    }
    qsort(rows, n, sizeof(*rows), by_index_falling);
    for (uint32_t i = 0; i < n; i++)
        rh_buf_addf(&body,
                    ",{\"deleteDimension\":{\"range\":{\"sheetId\":%lld,\"dimension\":\"ROWS\","
                    "\"startIndex\":%u,\"endIndex\":%u}}}",
                    (long long)w->sheet.id, rows[i], rows[i] + 1);
    rh_buf_add_str(&body, "]}");
    *ret_n = n;
    if (n)
        rc = post(w, ":batchUpdate", &body, true, ret_answer, error);
    rh_buf_free(&body);
    return rc;
}

static int check_deletions(struct write *w, const struct rh_json *answer, uint32_t n,
                           struct rh_error *error)
{
    const struct rh_json *reply = rh_googlesheets_first(answer, "replies");

    for (uint32_t i = 0; i < n; i++, reply = reply ? reply->next : NULL)
        if (!rh_googlesheets_first(rh_json_member(reply, "deleteDeveloperMetadata"),
                                   "deletedDeveloperMetadata")) {
            rh_fail(error, RH_UNKNOWN_OUTCOME,
                    "rows of \"%.*s\" were moved while some were deleted",
                    RH_TEXT_ARG(w->sheet.title));
            return rh_error_hint(error, "look at the sheet's version history: another row may be "
                                        "gone");
        }
    w->result->n_affected = n;
    return RH_OK;
}

/* The same row twice is deleted once. */
static void drop_doubles(struct write *w)
{
    for (uint64_t r = 0; r < w->spec->n_rows; r++)
        if (w->targets[r].mark && target_of(w, w->targets[r].mark) != &w->targets[r])
            w->targets[r].mark = 0;
}

static int run_remove(struct write *w, struct rh_error *error)
{
    struct rh_json *found = NULL, *answer = NULL;
    uint32_t n = 0;
    int rc = find_targets(w, &found, error);

    if (rc)
        return rc;
    drop_doubles(w);
    for (int i = 1; i <= ATTEMPTS; i++) {
        rh_error_clear(error);
        rc = locate(w, error);
        if (rc == RH_OK)
            rc = send_deletions(w, &answer, &n, error);
        if (rc != RH_INVALID)
            break;
    }
    if (rc == RH_OK)
        rc = check_deletions(w, answer, n, error);
    for (uint64_t r = 0; rc == RH_OK && w->spec->n_returning && r < w->spec->n_rows; r++)
        if (w->targets[r].index != NOWHERE)
            give(w, r, found_by(found, w->targets[r].mark));
    return rc;
}

/* ---- The group ----------------------------------------------------------------------------- */

/* Takes off the marks that were made for this write. What cannot be taken off does no harm. */
static void take_off(struct write *w)
{
    struct rh_error ignored = RH_ERROR_INIT;
    struct rh_json *answer = NULL;
    uint32_t n = 0;
    int64_t *ids = w->targets ? marks_of(w, true, &n) : NULL;
    struct rh_buf body;

    if (!ids || !n)
        return;
    rh_buf_init(&body, BODY_BYTES);
    rh_buf_add_str(&body, "{\"requests\":[");
    for (uint32_t i = 0; i < n; i++)
        rh_buf_addf(&body,
                    "%s{\"deleteDeveloperMetadata\":{\"dataFilter\":{\"developerMetadataLookup\":{"
                    "\"metadataId\":%lld}}}}",
                    i ? "," : "", (long long)ids[i]);
    rh_buf_add_str(&body, "]}");
    post(w, ":batchUpdate", &body, true, &answer, &ignored);
    rh_buf_free(&body);
}

static int run(struct rh_conn *conn, const struct rh_op *op, const struct rh_write_spec *spec,
               enum verb verb, struct rh_write_result *ret_result, struct rh_error *error)
{
    static int (*const runs[])(struct write *, struct rh_error *) = {run_insert, run_update,
                                                                     run_remove};
    struct rh_error own = RH_ERROR_INIT;
    struct write w = {.conn = conn, .op = op, .spec = spec, .result = ret_result, .verb = verb};
    int rc;

    error = error ? error : &own;
    ret_result->n_affected = 0;
    rc = prepare(&w, error);
    if (rc == RH_OK)
        rc = rh_googlesheets_find_sheet(conn, op, spec->table, w.arena, &w.sheet, error);
    if (rc == RH_OK)
        start_returning(&w);
    if (rc == RH_OK && spec->n_rows)
        rc = runs[verb](&w, error);
    if (rc == RH_OK && spec->n_returning) {
        rc = rh_rowset_batch(&conn->returned, &ret_result->returned, error);
        rc = rc == RH_END ? RH_OK : rc;
    }
    if (verb == UPDATE || rc)
        take_off(&w);
    rh_arena_free(w.arena);
    return rc;
}

static int32_t insert(struct rh_conn *conn, const struct rh_op *op,
                      const struct rh_write_spec *spec, struct rh_write_result *ret_result,
                      struct rh_error *error)
{
    return run(conn, op, spec, INSERT, ret_result, error);
}

static int32_t update(struct rh_conn *conn, const struct rh_op *op,
                      const struct rh_write_spec *spec, struct rh_write_result *ret_result,
                      struct rh_error *error)
{
    return run(conn, op, spec, UPDATE, ret_result, error);
}

static int32_t remove_rows(struct rh_conn *conn, const struct rh_op *op,
                           const struct rh_write_spec *spec, struct rh_write_result *ret_result,
                           struct rh_error *error)
{
    return run(conn, op, spec, REMOVE, ret_result, error);
}

const struct rh_write rh_googlesheets_write = {
    .struct_size = sizeof(rh_googlesheets_write),
    .atomicity = RH_ATOMIC_ALL,
    .insert = insert,
    .update = update,
    .remove = remove_rows,
};
