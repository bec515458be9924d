/*
 * Cursors: a sheet in chunks of rows, each asked for together with the header, so that columns are found
 * by their names even while somebody moves them. Of a chunk the whole answer is held; one that is too
 * long is asked for again in smaller pieces.
 *
 * Values alone are the short answer. With `_row` the rows' marks must come with them, in one answer, since
 * rows may move between two: that is grid data. Rows without a mark are marked, and the chunk is read
 * again.
 *
 * A sheet has no snapshot: when rows are inserted or deleted while it is read, a row may come twice or not
 * at all.
 */
#include "googlesheets.h"

#include <stdlib.h>
#include <string.h>

#define BATCH_BYTES ((size_t)64 << 10)
#define URL_BYTES ((size_t)64 << 10)
#define BODY_BYTES ((size_t)1 << 20)
#define CELLS_PER_CHUNK 60000u
#define LEAST_CHUNK 50u
#define MOST_CHUNK 5000u
#define ATTEMPTS 3
#define IS_ROW (RH_NO_COLUMN - 1) /* the place of `_row` */

struct rh_cursor {
    struct rh_conn *conn;
    struct rh_arena *arena; /* what is copied of the query */
    struct rh_googlesheets_sheet sheet;
    struct rh_column *columns; /* of the output */
    uint32_t *places;          /* of these columns in the grid */
    uint32_t n_columns;
    bool wants_row;
    int64_t *ids; /* the rows that are asked for; NULL: all */
    uint32_t n_ids;
    struct rh_rowset rows;
    uint64_t left;  /* of the limit */
    uint32_t chunk; /* rows that are asked for at a time */
    uint32_t next;  /* row, from 1 on, that the next chunk begins with */
    bool ended;
    /* the chunk at hand, in an arena of its own */
    struct rh_arena *page;
    struct rh_googlesheets_header header;
    const struct rh_json **cells; /* of the row at hand, by place */
    const struct rh_json *row;    /* the next one: of `values`, of rowData, or a matched range */
    const struct rh_json *metadata;
};

/* ---- Rows of a chunk ----------------------------------------------------------------------- */

static const struct rh_json *cells_of(const struct rh_cursor *cursor, const struct rh_json *row)
{
    if (cursor->ids) {
        row = rh_json_member(row, "valueRange");
        row = rh_googlesheets_first(row, "values");
    }
    if (row && row->kind == RH_JSON_OBJECT)
        return rh_googlesheets_first(row, "values");
    return row && row->kind == RH_JSON_ARRAY ? row->child : NULL;
}

/* Spreads the cells of a row; false when all that have a name are empty. */
static bool spread(struct rh_cursor *cursor, const struct rh_json *row)
{
    const struct rh_json *cell = cells_of(cursor, row);
    bool any = false;

    for (uint32_t i = 0; i < cursor->header.n; i++) {
        cursor->cells[i] = rh_googlesheets_scalar(cell);
        any = any || (cursor->cells[i] && cursor->header.names[i].len);
        cell = cell ? cell->next : NULL;
    }
    return any;
}

static int find_places(struct rh_cursor *cursor, struct rh_error *error)
{
    cursor->cells = rh_arena_array(cursor->page, cursor->header.n, sizeof(*cursor->cells));
    if (!cursor->cells)
        return rh_fail_nomem(error);
    for (uint32_t i = 0; i < cursor->n_columns; i++) {
        if (cursor->places[i] == IS_ROW)
            continue;
        cursor->places[i] = rh_googlesheets_find_name(&cursor->header, cursor->columns[i].name);
        if (cursor->places[i] == RH_NO_COLUMN)
            return rh_fail(error, RH_NOT_FOUND, "there is no column \"%.*s\" in \"%.*s\"",
                           RH_TEXT_ARG(cursor->columns[i].name), RH_TEXT_ARG(cursor->sheet.title));
    }
    return RH_OK;
}

/* ---- Asking for a chunk -------------------------------------------------------------------- */

static int ask(struct rh_cursor *cursor, const struct rh_op *op, uint32_t last,
               struct rh_json **ret_answer, struct rh_error *error)
{
    uint32_t header = cursor->conn->config.header_row;
    struct rh_buf url;
    int rc;

    rh_buf_init(&url, URL_BYTES);
    if (cursor->wants_row)
        rh_googlesheets_add_url(cursor->conn,
                                "?fields=sheets.data(rowData.values.effectiveValue,"
                                "rowMetadata.developerMetadata(metadataId,metadataKey))",
                                &url);
    else
        rh_googlesheets_add_url(cursor->conn,
                                "/values:batchGet?valueRenderOption=UNFORMATTED_VALUE&"
                                "dateTimeRenderOption=SERIAL_NUMBER&fields=valueRanges.values",
                                &url);
    rh_googlesheets_add_range(&cursor->sheet, RH_NO_COLUMN, header, header, &url);
    rh_googlesheets_add_range(&cursor->sheet, RH_NO_COLUMN, cursor->next, last, &url);
    rc = rh_googlesheets_fetch(cursor->conn, op, &url, NULL, false, "cannot read the rows",
                               cursor->page, ret_answer, error);
    rh_buf_free(&url);
    return rc;
}

/* The two ranges of an answer. */
static int take(struct rh_cursor *cursor, const struct rh_json *answer, struct rh_error *error)
{
    const struct rh_json *header = NULL, *rows;
    int rc;

    if (cursor->wants_row)
        header = rh_googlesheets_first(rh_googlesheets_first(answer, "sheets"), "data");
    else
        header = rh_googlesheets_first(answer, "valueRanges");
    rows = header ? header->next : NULL;
    if (!rows)
        return rh_fail(error, RH_PROTOCOL, "the answer lacks the rows that were asked for");
    cursor->row = rh_googlesheets_first(rows, cursor->wants_row ? "rowData" : "values");
    cursor->metadata = rh_googlesheets_first(rows, "rowMetadata");
    header = rh_googlesheets_first(header, cursor->wants_row ? "rowData" : "values");
    rc =
        rh_googlesheets_read_header(cursor->page, cells_of(cursor, header), &cursor->header, error);
    return rc == RH_OK ? find_places(cursor, error) : rc;
}

/* Marks what has none; RH_END when there is nothing to mark. */
static int mark(struct rh_cursor *cursor, const struct rh_op *op, struct rh_error *error)
{
    const struct rh_json *metadata = cursor->metadata;
    uint32_t *rows = rh_arena_array(cursor->page, cursor->chunk, sizeof(*rows));
    uint32_t n = 0, at = cursor->next - 1;
    int rc;

    if (!rows)
        return rh_fail_nomem(error);
    for (const struct rh_json *row = cursor->row; row && n < cursor->chunk; row = row->next, at++) {
        if (!rh_googlesheets_mark_of(metadata) && spread(cursor, row))
            rows[n++] = at;
        metadata = metadata ? metadata->next : NULL;
    }
    if (!n)
        return RH_END;
    rc = rh_googlesheets_mark(cursor->conn, op, &cursor->sheet, rows, n, NULL, error);
    return rc;
}

static int fetch(struct rh_cursor *cursor, const struct rh_op *op, uint32_t last,
                 struct rh_error *error)
{
    struct rh_json *answer = NULL;
    int rc;

    rh_arena_reset(cursor->page);
    cursor->row = cursor->metadata = NULL;
    rc = ask(cursor, op, last, &answer, error);
    return rc == RH_OK ? take(cursor, answer, error) : rc;
}

/* Google refuses ranges beyond the grid: has it become smaller? */
static bool shrank(struct rh_cursor *cursor, const struct rh_op *op)
{
    struct rh_error ignored = RH_ERROR_INIT;
    struct rh_googlesheets_sheet now;

    rh_arena_reset(cursor->page);
    if (rh_googlesheets_find_sheet(cursor->conn, op, cursor->sheet.title, cursor->page, &now,
                                   &ignored) != RH_OK ||
        now.n_rows >= cursor->sheet.n_rows)
        return false;
    cursor->sheet.n_rows = now.n_rows;
    return true;
}

/* The next chunk; RH_END behind the last. */
static int next_chunk(struct rh_cursor *cursor, const struct rh_op *op, struct rh_error *error)
{
    int attempts = 0, rc = RH_OK;
    uint32_t last = 0;

    for (;;) {
        if (cursor->next > cursor->sheet.n_rows)
            return RH_END;
        last = cursor->sheet.n_rows - cursor->next < cursor->chunk
                   ? cursor->sheet.n_rows
                   : cursor->next + cursor->chunk - 1;
        rc = fetch(cursor, op, last, error);
        if (rc == RH_RESOURCE && cursor->chunk > 1) {
            cursor->chunk = cursor->chunk / 4 + 1;
            cursor->chunk -= cursor->chunk == 2;
        } else if (rc == RH_INVALID && shrank(cursor, op)) {
            attempts++;
        } else if (rc == RH_OK && cursor->wants_row) {
            rc = mark(cursor, op, error);
            if (rc == RH_END)
                break;
            if (rc == RH_OK && ++attempts == ATTEMPTS)
                return rh_fail(error, RH_CONFLICT,
                               "the rows of \"%.*s\" change faster than they "
                               "can be marked",
                               RH_TEXT_ARG(cursor->sheet.title));
            if (rc)
                return rc;
            continue;
        } else {
            if (rc)
                return rc;
            break;
        }
        rh_error_clear(error);
    }
    cursor->next = last + 1;
    return RH_OK;
}

/* ---- Rows by their marks ------------------------------------------------------------------- */

int rh_googlesheets_fetch_marked(struct rh_conn *conn, const struct rh_op *op,
                                 const struct rh_googlesheets_sheet *sheet, const int64_t *ids,
                                 uint32_t n, struct rh_arena *arena, struct rh_json **ret_answer,
                                 struct rh_error *error)
{
    struct rh_buf url, body, range;
    int rc;

    rh_buf_init(&url, URL_BYTES);
    rh_buf_init(&body, BODY_BYTES);
    rh_buf_init(&range, URL_BYTES);
    rh_googlesheets_add_url(conn, "/values:batchGetByDataFilter", &url);
    rh_googlesheets_add_a1(sheet, RH_NO_COLUMN, conn->config.header_row, conn->config.header_row,
                           &range);
    rh_buf_add_str(&body,
                   "{\"majorDimension\":\"ROWS\",\"valueRenderOption\":\"UNFORMATTED_VALUE\","
                   "\"dateTimeRenderOption\":\"SERIAL_NUMBER\","
                   "\"dataFilters\":[{\"a1Range\":");
    rh_json_add_string(&body, rh_buf_text(&range));
    rh_buf_add_char(&body, '}');
    for (uint32_t i = 0; i < n; i++) {
        rh_buf_add_char(&body, ',');
        rh_googlesheets_add_lookup(sheet, ids[i], &body);
    }
    rh_buf_add_str(&body, "]}");
    body.failed = body.failed || range.failed;
    rc = rh_googlesheets_fetch(conn, op, &url, &body, false, "cannot read the rows", arena,
                               ret_answer, error);
    rh_buf_free(&url);
    rh_buf_free(&body);
    rh_buf_free(&range);
    return rc;
}

int64_t rh_googlesheets_found_by(const struct rh_json *matched)
{
    const struct rh_json *filter = rh_googlesheets_first(matched, "dataFilters");
    int64_t id =
        rh_googlesheets_int(rh_json_member(filter, "developerMetadataLookup"), "metadataId");

    return id > 0 ? id : 0;
}

static int fetch_keys(struct rh_cursor *cursor, const struct rh_op *op, struct rh_error *error)
{
    struct rh_json *answer = NULL;
    const struct rh_json *header;
    int rc;

    if (cursor->ended)
        return RH_END;
    cursor->ended = true;
    rc = rh_googlesheets_fetch_marked(cursor->conn, op, &cursor->sheet, cursor->ids, cursor->n_ids,
                                      cursor->page, &answer, error);
    if (rc)
        return rc;
    cursor->row = header = rh_googlesheets_first(answer, "valueRanges");
    while (header && rh_googlesheets_found_by(header))
        header = header->next;
    if (!header)
        return rh_fail(error, RH_PROTOCOL, "the answer lacks the header that was asked for");
    rc =
        rh_googlesheets_read_header(cursor->page, cells_of(cursor, header), &cursor->header, error);
    return rc == RH_OK ? find_places(cursor, error) : rc;
}

/* ---- Cursors ------------------------------------------------------------------------------- */

static int copy_columns(struct rh_cursor *cursor, const struct rh_query *query,
                        struct rh_error *error)
{
    bool ok = true;

    cursor->columns = rh_arena_array(cursor->arena, query->n_select, sizeof(*cursor->columns));
    cursor->places = rh_arena_array(cursor->arena, query->n_select, sizeof(*cursor->places));
    if (!cursor->columns || !cursor->places)
        return rh_fail_nomem(error);
    for (uint32_t i = 0; i < query->n_select; i++) {
        const struct rh_column *column =
            rh_kit_column(query->columns, query->column_stride, query->select[i]);

        if (!column->native_id)
            return rh_fail(error, RH_NOT_FOUND, "there is no column \"%.*s\"",
                           RH_TEXT_ARG(column->name));
        if (column->flags & RH_COLUMN_GENERATED) {
            cursor->places[i] = IS_ROW;
            cursor->wants_row = true;
        }
        cursor->columns[i] =
            (struct rh_column){.name = rh_arena_text(cursor->arena, column->name, &ok),
                               .type = column->type,
                               .flags = column->flags};
    }
    return ok ? RH_OK : rh_fail_nomem(error);
}

/* Each id once, and none that cannot be one. */
static int copy_ids(struct rh_cursor *cursor, const struct rh_query *query,
                    const struct rh_node *keys, struct rh_error *error)
{
    cursor->ids = rh_arena_array(cursor->arena, keys->n, sizeof(*cursor->ids));
    if (!cursor->ids)
        return rh_fail_nomem(error);
    for (uint32_t i = 0; i < keys->n; i++) {
        const struct rh_value *value = &query->values[keys->first + i];
        bool seen = value->type != RH_TYPE_INT || value->as.i <= 0 || value->as.i > INT32_MAX;

        for (uint32_t k = 0; k < cursor->n_ids && !seen; k++)
            seen = cursor->ids[k] == value->as.i;
        if (!seen)
            cursor->ids[cursor->n_ids++] = value->as.i;
    }
    cursor->ended = !cursor->n_ids;
    return RH_OK;
}

static int set_up(struct rh_cursor *cursor, const struct rh_op *op, const struct rh_query *query,
                  const struct rh_node *keys, struct rh_error *error)
{
    struct rh_text table;
    bool ok = true;
    int rc;

    cursor->arena = rh_arena_new((size_t)64 << 20);
    cursor->page = rh_arena_new(RH_GOOGLESHEETS_ARENA_BYTES);
    if (!cursor->arena || !cursor->page)
        return rh_fail_nomem(error);
    rc = copy_columns(cursor, query, error);
    if (rc == RH_OK && keys)
        rc = copy_ids(cursor, query, keys, error);
    table = rh_arena_text(cursor->arena, query->table, &ok);
    if (rc == RH_OK && !ok)
        rc = rh_fail_nomem(error);
    if (rc == RH_OK)
        rc = rh_googlesheets_find_sheet(cursor->conn, op, table, cursor->arena, &cursor->sheet,
                                        error);
    if (rc)
        return rc;
    cursor->next = cursor->conn->config.header_row + 1;
    cursor->chunk = CELLS_PER_CHUNK / cursor->sheet.n_columns;
    if (query->limit < cursor->chunk)
        cursor->chunk = (uint32_t)query->limit;
    if (cursor->chunk < LEAST_CHUNK)
        cursor->chunk = LEAST_CHUNK;
    if (cursor->chunk > MOST_CHUNK)
        cursor->chunk = MOST_CHUNK;
    return RH_OK;
}

int32_t rh_googlesheets_open(struct rh_conn *conn, const struct rh_op *op,
                             const struct rh_query *query, struct rh_cursor **ret_cursor,
                             struct rh_error *error)
{
    const struct rh_node *keys = NULL;
    struct rh_cursor *cursor;
    int rc;

    if (conn->cursor)
        return rh_fail(error, RH_INVALID, "the connection has an open cursor");
    rc = rh_kit_check(conn->host, op, error);
    if (rc == RH_OK)
        rc = rh_googlesheets_check_query(query, &keys, error);
    if (rc)
        return rc;
    cursor = calloc(1, sizeof(*cursor));
    if (!cursor)
        return rh_fail_nomem(error);
    cursor->conn = conn;
    cursor->left = query->limit;
    cursor->n_columns = query->n_select;
    conn->cursor = cursor;
    rh_rowset_init(&cursor->rows, query->n_select, BATCH_BYTES);
    rc = set_up(cursor, op, query, keys, error);
    if (rc)
        rh_googlesheets_finish(cursor);
    else
        *ret_cursor = cursor;
    return rc;
}

static void add_row(struct rh_cursor *cursor, int64_t id)
{
    struct rh_value *cells = rh_rowset_row(&cursor->rows);

    for (uint32_t i = 0; cells && i < cursor->n_columns; i++) {
        if (cursor->places[i] == IS_ROW)
            cells[i] = rh_kit_int(id);
        else
            rh_googlesheets_set_cell(&cursor->rows, &cells[i], &cursor->columns[i],
                                     cursor->cells[cursor->places[i]]);
    }
    if (cursor->left != RH_NO_LIMIT)
        cursor->left--;
}

/* Takes the row at hand, if it is one, and goes on. */
static void take_row(struct rh_cursor *cursor)
{
    int64_t id = cursor->ids ? rh_googlesheets_found_by(cursor->row)
                             : rh_googlesheets_mark_of(cursor->metadata);

    if ((!cursor->ids || id) && spread(cursor, cursor->row))
        add_row(cursor, id);
    cursor->row = cursor->row->next;
    cursor->metadata = cursor->metadata ? cursor->metadata->next : NULL;
}

int32_t rh_googlesheets_next(struct rh_cursor *cursor, const struct rh_op *op, uint32_t max_rows,
                             struct rh_batch *ret_batch, struct rh_error *error)
{
    struct rh_error own = RH_ERROR_INIT;
    int rc = rh_kit_check(cursor->conn->host, op, error);

    if (rc)
        return rc;
    error = error ? error : &own;
    rh_rowset_clear(&cursor->rows, max_rows);
    while (rc == RH_OK && cursor->left && rh_rowset_has_room(&cursor->rows)) {
        if (cursor->row)
            take_row(cursor);
        else
            rc = cursor->ids ? fetch_keys(cursor, op, error) : next_chunk(cursor, op, error);
    }
    return rc < 0 ? rc : rh_rowset_batch(&cursor->rows, ret_batch, error);
}

void rh_googlesheets_finish(struct rh_cursor *cursor)
{
    rh_rowset_fini(&cursor->rows);
    rh_arena_free(cursor->page);
    rh_arena_free(cursor->arena);
    cursor->conn->cursor = NULL;
    free(cursor);
}
