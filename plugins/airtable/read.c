/*
 * Cursors: pages of listRecords, record by record out of the stream, in bounded memory.
 *
 * A page names the next one by an offset that Airtable forgets after some minutes, or when its server
 * is restarted. Before the first row has been given out the reading then begins again; later it
 * cannot go on, for rows without an order cannot be told from those that came already.
 *
 * Offsets that lead in a circle are found with two of them: the newest, and one that is kept for 1, 2,
 * 4, 8, … pages (R. P. Brent).
 */
#include "airtable.h"

#include "connector/civil.h"
#include "connector/json_cell.h"

#include <stdlib.h>
#include <string.h>

#define BATCH_BYTES ((size_t)64 << 10)
#define TEXT_BYTES ((size_t)1 << 20)
#define MAX_RESTARTS 3

struct rh_cursor {
    struct rh_conn *conn;
    struct rh_arena *arena; /* what is copied of the query */
    struct rh_text table;
    struct rh_column *columns; /* of the output */
    uint32_t n_columns;
    struct rh_rowset rows;
    struct rh_arena *record_arena;
    struct rh_buf url, body;
    size_t body_len; /* without the offset of a page */
    struct rh_http_documents documents;
    bool open;      /* documents is */
    uint64_t left;  /* of the limit */
    uint64_t given; /* rows */
    uint32_t restarts;
    struct rh_buf offset; /* of the page at hand; empty: the first */
    struct rh_buf kept;   /* one that came earlier */
    uint64_t n_pages, kept_until;
};

/* ---- Rows ---------------------------------------------------------------------------------- */

/* Members of a record mostly come in the order of the columns: the search goes on from where the last
 * one was found. */
static const struct rh_json *member(const struct rh_json *fields, const struct rh_json **at,
                                    struct rh_text name)
{
    const struct rh_json *m = *at;

    for (uint32_t i = 0; fields && i < fields->n; i++, m = m ? m->next : NULL) {
        if (!m)
            m = fields->child;
        if (rh_text_equal(m->key, name)) {
            *at = m->next;
            return m;
        }
    }
    return NULL;
}

static void set_created(struct rh_value *cell, const struct rh_json *record)
{
    int64_t us;

    *cell = (struct rh_value){.type = RH_TYPE_NULL};
    if (rh_civil_parse_timestamp(rh_json_string(record, "createdTime"), &us))
        *cell = (struct rh_value){.type = RH_TYPE_TIMESTAMP, .as.i = us};
}

void rh_airtable_add_row(struct rh_rowset *rows, const struct rh_column *columns,
                         uint32_t n_columns, uint32_t stride, const struct rh_json *record)
{
    const struct rh_json *fields = rh_json_member(record, "fields"), *at = NULL;
    struct rh_text id = rh_json_string(record, "id");
    struct rh_value *cells = rh_rowset_row(rows);

    if (fields && fields->kind != RH_JSON_OBJECT)
        fields = NULL;
    for (uint32_t i = 0; cells && i < n_columns; i++) {
        const struct rh_column *column = rh_kit_column(columns, stride, i);

        if (column->native_id == RH_AIRTABLE_RECORD) {
            rh_rowset_bytes(rows, &cells[i], RH_TYPE_TEXT, id.data, id.len);
            continue;
        }
        if (column->native_id == RH_AIRTABLE_TIME) {
            set_created(&cells[i], record);
            continue;
        }
        rh_json_cell(rows, &cells[i], column, member(fields, &at, column->name));
        if (cells[i].type <= RH_TYPE_NULL)
            cells[i] = column->native_id == RH_AIRTABLE_CHECKBOX
                           ? (struct rh_value){.type = RH_TYPE_BOOL}
                           : rh_kit_null();
    }
}

/* ---- Cursors ------------------------------------------------------------------------------- */

static int copy_columns(struct rh_cursor *cursor, const struct rh_query *query,
                        struct rh_error *error)
{
    bool ok = true;

    cursor->columns = rh_arena_array(cursor->arena, query->n_select, sizeof(*cursor->columns));
    if (!cursor->columns)
        return rh_fail_nomem(error);
    for (uint32_t i = 0; i < query->n_select; i++) {
        const struct rh_column *column =
            rh_kit_column(query->columns, query->column_stride, query->select[i]);

        if (column->native_id == RH_AIRTABLE_NO_FIELD)
            return rh_fail(error, RH_NOT_FOUND, "there is no column \"%.*s\"",
                           RH_TEXT_ARG(column->name));
        cursor->columns[i] =
            (struct rh_column){.name = rh_arena_text(cursor->arena, column->name, &ok),
                               .type = column->type,
                               .flags = column->flags,
                               .native_id = column->native_id};
    }
    cursor->table = rh_arena_text(cursor->arena, query->table, &ok);
    return ok ? RH_OK : rh_fail_nomem(error);
}

static int cursor_new(struct rh_conn *conn, const struct rh_query *query,
                      struct rh_cursor **ret_cursor, struct rh_error *error)
{
    struct rh_cursor *cursor = calloc(1, sizeof(*cursor));
    int rc;

    if (!cursor)
        return rh_fail_nomem(error);
    cursor->conn = conn;
    conn->cursor = cursor;
    rh_buf_init(&cursor->url, TEXT_BYTES);
    rh_buf_init(&cursor->body, TEXT_BYTES * 16);
    rh_buf_init(&cursor->offset, TEXT_BYTES);
    rh_buf_init(&cursor->kept, TEXT_BYTES);
    rh_rowset_init(&cursor->rows, query->n_select, BATCH_BYTES);
    cursor->n_columns = query->n_select;
    cursor->left = query->limit;
    cursor->kept_until = 1;
    cursor->arena = rh_arena_new(TEXT_BYTES * 16);
    cursor->record_arena = rh_arena_new(RH_AIRTABLE_RECORD_BYTES * 16);
    rc = cursor->arena && cursor->record_arena ? copy_columns(cursor, query, error)
                                               : rh_fail_nomem(error);
    if (rc)
        rh_airtable_finish(cursor);
    else
        *ret_cursor = cursor;
    return rc;
}

static void end_page(struct rh_cursor *cursor)
{
    if (cursor->open)
        rh_http_documents_close(&cursor->documents);
    cursor->open = false;
}

/* Asks for the page at the offset. */
static int ask(struct rh_cursor *cursor, const struct rh_op *op, struct rh_error *error)
{
    struct rh_http_request request;

    end_page(cursor);
    cursor->body.len = cursor->body_len;
    if (cursor->offset.len) {
        rh_buf_add_str(&cursor->body, ",\"offset\":");
        rh_json_add_string(&cursor->body, rh_buf_text(&cursor->offset));
    }
    rh_buf_add_char(&cursor->body, '}');
    if (cursor->url.failed || cursor->body.failed || cursor->offset.failed || cursor->kept.failed)
        return rh_fail(error, RH_RESOURCE, "the request is too long");
    request =
        rh_airtable_request("POST", rh_buf_text(&cursor->url), rh_buf_text(&cursor->body), true);
    cursor->open = true;
    return rh_http_documents_open(&cursor->documents, cursor->conn->host->http,
                                  cursor->conn->client, op, &request, "records",
                                  RH_AIRTABLE_RECORD_BYTES, "cannot read the records", error);
}

/* A page that follows is refused though the first one, asked for in the same words, was not: its
 * offset is not known any more. */
static int send(struct rh_cursor *cursor, const struct rh_op *op, struct rh_error *error)
{
    int rc = ask(cursor, op, error);

    while (rc < 0 && error && error->native_code == 422 && cursor->offset.len) {
        rh_error_clear(error);
        if (cursor->given || ++cursor->restarts > MAX_RESTARTS) {
            rh_fail(error, RH_UNAVAILABLE,
                    "Airtable has forgotten where the reading of \"%.*s\" was",
                    RH_TEXT_ARG(cursor->table));
            return rh_error_hint(error, "read again; it keeps a place for some minutes only");
        }
        rh_buf_clear(&cursor->offset);
        rc = ask(cursor, op, error);
    }
    return rc < 0 && error ? rh_airtable_clarify(cursor->conn, op, cursor->table, error) : rc;
}

int32_t rh_airtable_open(struct rh_conn *conn, const struct rh_op *op, const struct rh_query *query,
                         struct rh_cursor **ret_cursor, struct rh_error *error)
{
    struct rh_cursor *cursor = NULL;
    int rc;

    if (conn->cursor)
        return rh_fail(error, RH_INVALID, "the connection has an open cursor");
    rc = rh_kit_check(conn->host, op, error);
    if (rc == RH_OK)
        rc = rh_airtable_check_query(query, error);
    if (rc == RH_OK)
        rc = cursor_new(conn, query, &cursor, error);
    if (rc || !cursor)
        return rc;
    rh_airtable_add_table(conn, query->table, &cursor->url);
    rh_buf_add_str(&cursor->url, "/listRecords");
    rh_airtable_add_list(query, &cursor->body);
    cursor->body_len = cursor->body.len;
    if (cursor->left)
        rc = send(cursor, op, error);
    if (rc)
        rh_airtable_finish(cursor);
    else
        *ret_cursor = cursor;
    return rc;
}

/* Behind the last record of a page. RH_END when there is no other. */
static int turn_page(struct rh_cursor *cursor, const struct rh_op *op, struct rh_error *error)
{
    struct rh_text next = rh_json_string(cursor->documents.stream.envelope, "offset");

    if (!cursor->documents.stream.found)
        return rh_fail(error, RH_PROTOCOL, "Airtable's answer has no records");
    if (!next.len) {
        end_page(cursor);
        return RH_END;
    }
    if (rh_text_equal(next, rh_buf_text(&cursor->kept)))
        return rh_fail(error, RH_PROTOCOL, "Airtable gives the same pages again and again");
    if (++cursor->n_pages == cursor->kept_until) {
        cursor->kept_until *= 2;
        rh_buf_clear(&cursor->kept);
        rh_buf_add_text(&cursor->kept, next);
    }
    rh_buf_clear(&cursor->offset);
    rh_buf_add_text(&cursor->offset, next);
    return send(cursor, op, error);
}

/* The next record; RH_END. */
static int next_record(struct rh_cursor *cursor, const struct rh_op *op,
                       struct rh_json **ret_record, struct rh_error *error)
{
    int rc = RH_END;

    while (cursor->open) {
        rh_arena_reset(cursor->record_arena);
        rc =
            rh_http_documents_next(&cursor->documents, op, cursor->record_arena, ret_record, error);
        if (rc != RH_END)
            return rc;
        rc = turn_page(cursor, op, error);
        if (rc)
            return rc;
    }
    return rc;
}

int32_t rh_airtable_next(struct rh_cursor *cursor, const struct rh_op *op, uint32_t max_rows,
                         struct rh_batch *ret_batch, struct rh_error *error)
{
    struct rh_json *record = NULL;
    int rc = rh_kit_check(cursor->conn->host, op, error);

    if (rc)
        return rc;
    rh_rowset_clear(&cursor->rows, max_rows);
    while (rc == RH_OK && cursor->left && rh_rowset_has_room(&cursor->rows)) {
        rc = next_record(cursor, op, &record, error);
        if (rc)
            break;
        rh_airtable_add_row(&cursor->rows, cursor->columns, cursor->n_columns,
                            sizeof(*cursor->columns), record);
        cursor->given++;
        if (cursor->left != RH_NO_LIMIT)
            cursor->left--;
    }
    if (!cursor->left)
        end_page(cursor);
    return rc < 0 ? rc : rh_rowset_batch(&cursor->rows, ret_batch, error);
}

void rh_airtable_finish(struct rh_cursor *cursor)
{
    end_page(cursor);
    rh_rowset_fini(&cursor->rows);
    rh_arena_free(cursor->record_arena);
    rh_buf_free(&cursor->url);
    rh_buf_free(&cursor->body);
    rh_buf_free(&cursor->offset);
    rh_buf_free(&cursor->kept);
    rh_arena_free(cursor->arena);
    cursor->conn->cursor = NULL;
    free(cursor);
}
