/*
 * Cursors: keys from the listing, one object after the other, row by row; or the listing itself.
 */
#include "s3.h"

#include "connector/json_cell.h"
#include "connector/text_cell.h"

#include <stdlib.h>
#include <string.h>

#define BATCH_BYTES ((size_t)64 << 10)
#define CURSOR_BYTES ((size_t)64 << 20)

struct rh_cursor {
    struct rh_conn *conn;
    struct rh_arena *arena; /* what is copied of the query */
    const struct rh_s3_table *table;
    struct rh_column *columns; /* of the output */
    uint32_t *fields;          /* CSV: where each column is in the object at hand */
    uint32_t n_columns;
    struct rh_rowset rows;
    uint64_t left; /* of the limit */
    struct rh_s3_bounds bounds;
    struct rh_s3_list list;
    struct rh_s3_object object;
    struct rh_buf key; /* of the object at hand */
    bool open;         /* object is */
    bool done;         /* a table of one object: it was read */
};

/* ---- Cells ----------------------------------------------------------------------------------- */

uint32_t rh_s3_field(const struct rh_s3_object *object, struct rh_text name)
{
    for (uint32_t i = 0; i < object->n_header; i++)
        if (rh_text_equal(object->header[i], name))
            return i;
    return RH_NO_COLUMN;
}

void rh_s3_cell(struct rh_rowset *rows, struct rh_value *cell, const struct rh_column *column,
                const struct rh_s3_row *row, uint32_t field)
{
    const struct rh_json *member = row->document ? row->document->child : NULL;

    if (row->document) {
        while (member && !rh_text_equal(member->key, column->name))
            member = member->next;
        rh_json_cell(rows, cell, column, member);
    } else if (field != RH_NO_COLUMN && row->fields[field].data) {
        rh_text_cell(rows, cell, column, row->fields[field]);
    } else {
        *cell = rh_kit_null();
    }
}

static void add_row(struct rh_cursor *cursor, const struct rh_s3_row *row)
{
    struct rh_value *cells = rh_rowset_row(&cursor->rows);

    for (uint32_t i = 0; cells && i < cursor->n_columns; i++) {
        if (cursor->columns[i].native_id == RH_S3_KEY)
            rh_rowset_bytes(&cursor->rows, &cells[i], RH_TYPE_TEXT, rh_buf_text(&cursor->key).data,
                            cursor->key.len);
        else
            rh_s3_cell(&cursor->rows, &cells[i], &cursor->columns[i], row, cursor->fields[i]);
    }
}

static void add_entry(struct rh_cursor *cursor, const struct rh_s3_entry *entry)
{
    struct rh_value *cells = rh_rowset_row(&cursor->rows);

    for (uint32_t i = 0; cells && i < cursor->n_columns; i++) {
        switch (cursor->columns[i].native_id) {
        case RH_S3_KEY:
            rh_rowset_bytes(&cursor->rows, &cells[i], RH_TYPE_TEXT, entry->key.data,
                            entry->key.len);
            break;
        case RH_S3_SIZE:
            cells[i] = rh_kit_int(entry->size);
            break;
        case RH_S3_ETAG:
            if (entry->etag.len)
                rh_rowset_bytes(&cursor->rows, &cells[i], RH_TYPE_TEXT, entry->etag.data,
                                entry->etag.len);
            else
                cells[i] = rh_kit_null();
            break;
        default:
            cells[i] =
                entry->modified_us == INT64_MIN
                    ? rh_kit_null()
                    : (struct rh_value){.type = RH_TYPE_TIMESTAMP, .as.i = entry->modified_us};
        }
    }
}

/* ---- Cursors --------------------------------------------------------------------------------- */

static int copy_columns(struct rh_cursor *cursor, const struct rh_query *query,
                        struct rh_error *error)
{
    bool ok = true;

    cursor->columns = rh_arena_array(cursor->arena, query->n_select, sizeof(*cursor->columns));
    cursor->fields = rh_arena_array(cursor->arena, query->n_select, sizeof(*cursor->fields));
    if (!cursor->columns || !cursor->fields)
        return rh_fail_nomem(error);
    for (uint32_t i = 0; i < query->n_select; i++) {
        const struct rh_column *column =
            rh_kit_column(query->columns, query->column_stride, query->select[i]);
        if (!column->native_id)
            return rh_fail(error, RH_NOT_FOUND, "there is no column \"%.*s\"",
                           RH_TEXT_ARG(column->name));
        cursor->columns[i] =
            (struct rh_column){.name = rh_arena_text(cursor->arena, column->name, &ok),
                               .type = column->type,
                               .flags = column->flags,
                               .native_id = column->native_id};
    }
    return ok ? RH_OK : rh_fail_nomem(error);
}

int32_t rh_s3_open(struct rh_conn *conn, const struct rh_op *op, const struct rh_query *query,
                   struct rh_cursor **ret_cursor, struct rh_error *error)
{
    struct rh_cursor *cursor;
    int rc;

    if (conn->cursor)
        return rh_fail(error, RH_INVALID, "the connection has an open cursor");
    cursor = calloc(1, sizeof(*cursor));
    if (!cursor)
        return rh_fail_nomem(error);
    cursor->conn = conn;
    conn->cursor = cursor;
    cursor->n_columns = query->n_select;
    cursor->left = query->limit;
    cursor->arena = rh_arena_new(CURSOR_BYTES);
    rh_rowset_init(&cursor->rows, query->n_select, BATCH_BYTES);
    rh_buf_init(&cursor->key, RH_S3_MAX_KEY);
    rc = cursor->arena ? rh_kit_check(conn->host, op, error) : rh_fail_nomem(error);
    if (rc == RH_OK)
        rc = rh_s3_table_find(&conn->config, query->table, &cursor->table, error);
    if (rc == RH_OK)
        rc = copy_columns(cursor, query, error);
    if (rc == RH_OK)
        rc = rh_s3_bounds_of(query, cursor->table, cursor->arena, &cursor->bounds, error);
    if (rc == RH_OK)
        rc = rh_s3_list_open(&cursor->list, conn, &cursor->bounds, error);
    if (rc)
        rh_s3_finish(cursor);
    else
        *ret_cursor = cursor;
    return rc;
}

/* The key of the object that is next; RH_END. What ends in '/' stands for a folder. */
static int next_key(struct rh_cursor *cursor, const struct rh_op *op, struct rh_error *error)
{
    const struct rh_s3_entry *entry;
    int rc = RH_OK;

    rh_buf_clear(&cursor->key);
    if (cursor->table->object.data) {
        if (cursor->done)
            return RH_END;
        cursor->done = true;
        rh_buf_add_text(&cursor->key, cursor->table->object);
        return RH_OK;
    }
    do
        rc = rh_s3_list_next(&cursor->list, op, &entry, error);
    while (rc == RH_OK && (!entry->size || entry->key.data[entry->key.len - 1] == '/'));
    if (rc == RH_OK)
        rh_buf_add_text(&cursor->key, entry->key);
    return rc;
}

/* A header that names no column that is declared: the page of a portal, say, or another table's object. */
static bool is_of_another(const struct rh_cursor *cursor)
{
    const struct rh_s3_table *table = cursor->table;

    if (table->format != RH_S3_CSV || !table->n_columns)
        return false;
    for (uint32_t i = 0; i < table->n_columns; i++)
        if (rh_s3_field(&cursor->object, table->columns[i].name) != RH_NO_COLUMN)
            return false;
    return true;
}

/* An object that went away since it was listed has no rows. */
static int open_object(struct rh_cursor *cursor, const struct rh_op *op, struct rh_error *error)
{
    int rc = next_key(cursor, op, error);

    if (rc)
        return rc;
    rc = rh_s3_object_open(&cursor->object, cursor->conn, op, cursor->table,
                           rh_buf_text(&cursor->key), error);
    cursor->open = true;
    if (rc == RH_OK)
        rc = rh_s3_object_header(&cursor->object, op, error);
    if (rc == RH_NOT_FOUND || rc == RH_END) {
        rh_error_clear(error);
        rh_s3_object_close(&cursor->object);
        cursor->open = false;
        return RH_OK;
    }
    if (rc == RH_OK && is_of_another(cursor))
        rc = rh_fail(error, RH_PROTOCOL, "\"%.*s\": its header has none of the table's columns",
                     RH_TEXT_ARG(rh_buf_text(&cursor->key)));
    for (uint32_t i = 0; rc == RH_OK && i < cursor->n_columns; i++)
        cursor->fields[i] = rh_s3_field(&cursor->object, cursor->columns[i].name);
    return rc;
}

static int read_row(struct rh_cursor *cursor, const struct rh_op *op, struct rh_error *error)
{
    struct rh_s3_row row;
    int rc;

    if (!cursor->open)
        return open_object(cursor, op, error);
    rc = rh_s3_object_next(&cursor->object, op, &row, error);
    if (rc == RH_OK) {
        add_row(cursor, &row);
        cursor->left -= cursor->left != RH_NO_LIMIT;
    } else if (rc == RH_END) {
        rh_s3_object_close(&cursor->object);
        cursor->open = false;
        rc = RH_OK;
    } else {
        rh_error_prefix(error, "the object \"%.*s\"", (int)cursor->key.len, cursor->key.data);
    }
    return rc;
}

static int read_entry(struct rh_cursor *cursor, const struct rh_op *op, struct rh_error *error)
{
    const struct rh_s3_entry *entry;
    int rc = rh_s3_list_next(&cursor->list, op, &entry, error);

    if (rc == RH_OK) {
        add_entry(cursor, entry);
        cursor->left -= cursor->left != RH_NO_LIMIT;
    }
    return rc;
}

int32_t rh_s3_next(struct rh_cursor *cursor, const struct rh_op *op, uint32_t max_rows,
                   struct rh_batch *ret_batch, struct rh_error *error)
{
    int rc = rh_kit_check(cursor->conn->host, op, error);

    rh_rowset_clear(&cursor->rows, max_rows);
    while (rc == RH_OK && cursor->left && rh_rowset_has_room(&cursor->rows))
        rc = cursor->table->format ? read_row(cursor, op, error) : read_entry(cursor, op, error);
    return rc < 0 ? rc : rh_rowset_batch(&cursor->rows, ret_batch, error);
}

void rh_s3_finish(struct rh_cursor *cursor)
{
    rh_s3_object_close(&cursor->object);
    rh_s3_list_close(&cursor->list);
    rh_rowset_fini(&cursor->rows);
    rh_buf_free(&cursor->key);
    rh_arena_free(cursor->arena);
    cursor->conn->cursor = NULL;
    free(cursor);
}
