/*
 * Cursors: find and aggregate, then getMore on the server that has the cursor, one batch at a time. The
 * reply stays as it came, and cells point into it.
 *
 * Fields of documents mostly come in the same order, so where a field was found last time is tried
 * first.
 */
#include "mongodb.h"

#include <stdlib.h>
#include <string.h>

#define BATCH_BYTES ((size_t)64 << 10)
#define MAX_EXPECTED 4096
#define MORE 10000 /* documents of a getMore; the server sends 16 MB at most */
#define GRACE_US 250000

/* ---- Life ------------------------------------------------------------------------------------ */

int rh_mongodb_cursor_new(struct rh_conn *conn, struct rh_text collection,
                          const struct rh_column *columns, uint32_t n_columns, uint32_t stride,
                          struct rh_cursor **ret_cursor, struct rh_error *error)
{
    struct rh_cursor *cursor = calloc(1, sizeof(*cursor));
    bool ok = true;

    if (!cursor)
        return rh_fail_nomem(error);
    cursor->conn = conn;
    conn->cursor = cursor;
    rh_rowset_init(&cursor->rows, n_columns, BATCH_BYTES);
    cursor->arena = rh_arena_new((size_t)1 << 26);
    if (cursor->arena)
        cursor->columns = rh_arena_array(cursor->arena, n_columns + 1, sizeof(*cursor->columns));
    for (uint32_t i = 0; cursor->columns && ok && i < n_columns; i++) {
        const struct rh_column *column = rh_mongodb_column(columns, stride, i);
        cursor->columns[i] =
            (struct rh_column){.name = rh_arena_text(cursor->arena, column->name, &ok),
                               .type = column->type,
                               .flags = column->flags,
                               .precision = column->precision,
                               .native_id = column->native_id};
    }
    cursor->n_columns = n_columns;
    cursor->n_expected = MAX_EXPECTED;
    if (cursor->columns) {
        cursor->collection = rh_arena_text(cursor->arena, collection, &ok);
        cursor->expected = rh_arena_array(cursor->arena, MAX_EXPECTED, sizeof(uint32_t));
    }
    if (!cursor->columns || !cursor->expected || !ok) {
        rh_mongodb_finish(cursor);
        return rh_fail_nomem(error);
    }
    *ret_cursor = cursor;
    return RH_OK;
}

static void drop_reply(struct rh_cursor *cursor)
{
    if (cursor->has_reply)
        bson_destroy(&cursor->reply);
    cursor->has_reply = false;
    cursor->more = false;
}

/* The server is told not to keep it; nothing is waited for longer than a moment. */
static void kill_cursor(struct rh_cursor *cursor)
{
    struct rh_conn *conn = cursor->conn;
    bson_t command = BSON_INITIALIZER, ids, reply;
    const struct rh_op *op = conn->op;
    struct rh_op last = {.struct_size = sizeof(last), .cancel_fd = -1};

    bson_append_utf8(&command, "killCursors", -1, cursor->collection.data,
                     (int)cursor->collection.len);
    bson_append_array_begin(&command, "cursors", -1, &ids);
    BSON_APPEND_INT64(&ids, "0", cursor->id);
    bson_append_array_end(&command, &ids);
    last.deadline_us = conn->host->now_us(conn->host) + GRACE_US;
    conn->op = &last;
    if (rh_mongodb_command(conn, RH_MONGODB_READ, NULL, &command, "cannot end the cursor",
                           &cursor->server, &reply, NULL) == RH_OK)
        bson_destroy(&reply);
    conn->op = op;
    bson_destroy(&command);
}

void rh_mongodb_finish(struct rh_cursor *cursor)
{
    struct rh_conn *conn = cursor->conn;

    if (cursor->id && !conn->ended)
        kill_cursor(cursor);
    drop_reply(cursor);
    rh_mongodb_feed_free(cursor->feed);
    rh_rowset_fini(&cursor->rows);
    rh_arena_free(cursor->arena);
    conn->cursor = NULL;
    free(cursor);
}

/* ---- Batches --------------------------------------------------------------------------------- */

int rh_mongodb_cursor_take(struct rh_cursor *cursor, bson_t *reply, struct rh_error *error)
{
    bson_iter_t iter, part;

    drop_reply(cursor);
    bson_init(&cursor->reply);
    if (!bson_steal(&cursor->reply, reply))
        return rh_fail_nomem(error);
    cursor->has_reply = true;
    if (!bson_iter_init_find(&iter, &cursor->reply, "cursor") || !BSON_ITER_HOLDS_DOCUMENT(&iter) ||
        !bson_iter_recurse(&iter, &part) || !bson_iter_find(&part, "id"))
        return rh_fail(error, RH_PROTOCOL, "the server's answer has no cursor");
    cursor->id = bson_iter_as_int64(&part);
    if (!bson_iter_recurse(&iter, &part))
        return rh_fail(error, RH_PROTOCOL, "the server's answer has no cursor");
    while (bson_iter_next(&part))
        if ((strcmp(bson_iter_key(&part), "firstBatch") == 0 ||
             strcmp(bson_iter_key(&part), "nextBatch") == 0) &&
            BSON_ITER_HOLDS_ARRAY(&part) && bson_iter_recurse(&part, &cursor->batch)) {
            cursor->more = true;
            return RH_OK;
        }
    return rh_fail(error, RH_PROTOCOL, "the server's answer has no batch");
}

int rh_mongodb_cursor_run(struct rh_cursor *cursor, enum rh_mongodb_access access,
                          const bson_t *command, const char *what, struct rh_error *error)
{
    bson_t reply;
    int rc = rh_mongodb_command(cursor->conn, access, NULL, command, what, &cursor->server, &reply,
                                error);

    return rc ? rc : rh_mongodb_cursor_take(cursor, &reply, error);
}

int rh_mongodb_cursor_more(struct rh_cursor *cursor, uint32_t max_rows, int64_t max_ms,
                           struct rh_error *error)
{
    bson_t command = BSON_INITIALIZER, reply;
    int64_t id = cursor->id;
    int rc;

    drop_reply(cursor);
    BSON_APPEND_INT64(&command, "getMore", id);
    bson_append_utf8(&command, "collection", -1, cursor->collection.data,
                     (int)cursor->collection.len);
    BSON_APPEND_INT64(&command, "batchSize", max_rows ? max_rows : MORE);
    if (max_ms > 0)
        BSON_APPEND_INT64(&command, "maxTimeMS", max_ms);
    rc = rh_mongodb_command(cursor->conn, RH_MONGODB_READ, NULL, &command,
                            "cannot read the documents", &cursor->server, &reply, error);
    bson_destroy(&command);
    if (rc == RH_OK)
        rc = rh_mongodb_cursor_take(cursor, &reply, error);
    if (rc == RH_OK && cursor->id && cursor->id != id)
        rc = rh_fail(error, RH_PROTOCOL, "the server went on with another cursor");
    if (rc)
        cursor->id = 0;
    return rc;
}

int rh_mongodb_cursor_document(struct rh_cursor *cursor, bson_t *ret_document,
                               struct rh_error *error)
{
    const uint8_t *data;
    uint32_t size;

    if (!cursor->more)
        return RH_END;
    if (!bson_iter_next(&cursor->batch)) {
        cursor->more = false;
        return cursor->batch.err_off
                   ? rh_fail(error, RH_PROTOCOL, "the server sent a malformed batch")
                   : RH_END;
    }
    if (BSON_ITER_HOLDS_DOCUMENT(&cursor->batch)) {
        bson_iter_document(&cursor->batch, &size, &data);
        if (bson_init_static(ret_document, data, size))
            return RH_OK;
    }
    return rh_fail(error, RH_PROTOCOL, "the server sent a malformed document");
}

/* ---- Rows ------------------------------------------------------------------------------------ */

/* The column with the field's name, or n_columns. position: of the field in its document. */
static uint32_t find_column(struct rh_cursor *cursor, const bson_iter_t *field, uint32_t position)
{
    struct rh_text name = {bson_iter_key(field), bson_iter_key_len(field)};
    uint32_t guess = position < cursor->n_expected ? cursor->expected[position] : 0, i = 0;

    if (guess < cursor->n_columns && rh_text_equal(cursor->columns[guess].name, name))
        return guess;
    while (i < cursor->n_columns && !rh_text_equal(cursor->columns[i].name, name))
        i++;
    if (position < cursor->n_expected)
        cursor->expected[position] = i;
    return i;
}

static int check_sum(const struct rh_column *column, const struct rh_value *cell,
                     struct rh_error *error)
{
    if (!column->precision || cell->type != RH_TYPE_DECIMAL || cell->len < column->precision)
        return RH_OK;
    return rh_fail(error, RH_DATA, "a sum may have more digits than MongoDB's decimals");
}

/* A name that is selected twice, or that a document has twice, is seldom: the first column gets it, and
 * others of that name the same. */
static void copy_twins(const struct rh_cursor *cursor, struct rh_value *cells, uint32_t column)
{
    for (uint32_t i = column + 1; i < cursor->n_columns; i++)
        if (rh_text_equal(cursor->columns[i].name, cursor->columns[column].name))
            cells[i] = cells[column];
}

static int add_whole(struct rh_cursor *cursor, struct rh_value *cell, const bson_t *document,
                     struct rh_error *error)
{
    struct rh_buf *scratch = &cursor->conn->scratch;
    int rc;

    rh_buf_clear(scratch);
    rc = rh_mongodb_add_document(scratch, document, error);
    if (rc == RH_OK && scratch->failed)
        rc = rh_fail(error, RH_RESOURCE, "a document is too large");
    if (rc == RH_OK)
        rh_rowset_bytes(&cursor->rows, cell, RH_TYPE_JSON, scratch->data, scratch->len);
    return rc;
}

int rh_mongodb_add_row(struct rh_cursor *cursor, const bson_t *document, struct rh_error *error)
{
    struct rh_value *cells = rh_rowset_row(&cursor->rows);
    uint32_t position = 0, left = cursor->n_columns;
    bson_iter_t field;
    int rc = RH_OK;

    if (!cells || !left)
        return cells ? RH_OK : rh_fail_nomem(error);
    if (cursor->whole)
        return add_whole(cursor, cells, document, error);
    if (!bson_iter_init(&field, document))
        return rh_fail(error, RH_PROTOCOL, "the server sent a malformed document");
    while (rc == RH_OK && left && bson_iter_next(&field)) {
        uint32_t i = find_column(cursor, &field, position++);

        if (i == cursor->n_columns || cells[i].type != RH_TYPE_MISSING)
            continue;
        rc = rh_mongodb_cell(cursor->conn, &cursor->rows, &cells[i], &cursor->columns[i], &field,
                             error);
        if (rc == RH_OK)
            rc = check_sum(&cursor->columns[i], &cells[i], error);
        if (cursor->has_twins)
            copy_twins(cursor, cells, i);
        left--;
    }
    if (rc == RH_OK && field.err_off)
        rc = rh_fail(error, RH_PROTOCOL, "the server sent a malformed document");
    for (uint32_t i = 0; rc == RH_OK && cursor->grouped && i < cursor->n_columns; i++)
        if (cells[i].type == RH_TYPE_MISSING)
            cells[i] = rh_kit_null();
    return rc;
}

/* ---- The vtable's functions ------------------------------------------------------------------ */

static int check_query(const struct rh_conn *conn, const struct rh_query *query,
                       struct rh_error *error)
{
    if (conn->cursor)
        return rh_fail(error, RH_INVALID, "the connection has an open cursor");
    if (query->flags & 0xffffu & ~RH_QUERY_DISTINCT)
        return rh_fail(error, RH_UNSUPPORTED, "MongoDB does not lock documents for reading");
    for (uint32_t i = 0; i < query->n_select; i++)
        if (query->select[i] >= query->n_columns)
            return rh_fail(error, RH_INVALID, "the query makes no sense");
    for (uint32_t i = 0; i < query->n_columns; i++) {
        const struct rh_column *column = rh_mongodb_column(query->columns, query->column_stride, i);
        if (!column->native_id)
            return rh_fail(error, RH_NOT_FOUND, "there is no column \"%.*s\"",
                           RH_TEXT_ARG(column->name));
    }
    return RH_OK;
}

static bool has_twins(const struct rh_cursor *cursor)
{
    for (uint32_t i = 0; i < cursor->n_columns; i++)
        for (uint32_t k = 0; k < i; k++)
            if (rh_text_equal(cursor->columns[i].name, cursor->columns[k].name))
                return true;
    return false;
}

static bool is_empty(const struct rh_cursor *cursor)
{
    bson_iter_t iter = cursor->batch;

    return !cursor->id && !(cursor->more && bson_iter_next(&iter));
}

/* A cursor for the query, and its command with a deadline. */
static int prepare(struct rh_conn *conn, const struct rh_query *query, bson_t *command,
                   struct rh_cursor **ret_cursor, struct rh_error *error)
{
    struct rh_arena *arena = rh_arena_new((size_t)1 << 24);
    struct rh_column *output = NULL;
    struct rh_cursor *cursor = NULL;
    uint32_t n = 0;
    int rc;

    if (arena)
        output = rh_mongodb_output(query, arena, &n);
    rc = output ? rh_mongodb_query_command(query, command, error) : rh_fail_nomem(error);
    if (rc == RH_OK)
        rc = rh_mongodb_cursor_new(conn, query->table, output, n, sizeof(*output), &cursor, error);
    rh_arena_free(arena);
    if (rc)
        return rc;
    BSON_APPEND_INT64(command, "maxTimeMS", rh_mongodb_left_ms(conn));
    cursor->has_twins = has_twins(cursor);
    cursor->grouped = rh_mongodb_is_grouped(query);
    cursor->wants_total = query->n_aggregates && !query->n_groups && !query->offset;
    *ret_cursor = cursor;
    return RH_OK;
}

int32_t rh_mongodb_open(struct rh_conn *conn, const struct rh_op *op, const struct rh_query *query,
                        struct rh_cursor **ret_cursor, struct rh_error *error)
{
    bson_t command = BSON_INITIALIZER;
    struct rh_cursor *cursor = NULL;
    int rc = check_query(conn, query, error);

    if (rc == RH_OK)
        rc = rh_mongodb_begin(conn, op, error);
    if (rc == RH_OK)
        rc = prepare(conn, query, &command, &cursor, error);
    if (rc == RH_OK && query->limit)
        rc = rh_mongodb_cursor_run(cursor, RH_MONGODB_READ, &command, "cannot read the documents",
                                   error);
    if (rc == RH_OK && is_empty(cursor))
        rc = rh_mongodb_check_collection(conn, query->table, error);
    bson_destroy(&command);
    if (rc && cursor)
        rh_mongodb_finish(cursor);
    else if (rc == RH_OK)
        *ret_cursor = cursor;
    rh_mongodb_end(conn);
    return rc;
}

/* COUNT is 0, all else NULL: what a total over no rows is. */
static int add_empty_total(struct rh_cursor *cursor, struct rh_error *error)
{
    struct rh_value *cells = rh_rowset_row(&cursor->rows);

    if (!cells)
        return rh_fail_nomem(error);
    for (uint32_t i = 0; i < cursor->n_columns; i++)
        cells[i] = rh_mongodb_is_ordered(&cursor->columns[i]) ? rh_kit_int(0) : rh_kit_null();
    return RH_OK;
}

/* The batch at hand, and the next one only when there is no row yet: its cells would be gone. */
static int fill(struct rh_cursor *cursor, struct rh_error *error)
{
    bson_t document;
    int rc = RH_OK;

    while (rc == RH_OK && rh_rowset_has_room(&cursor->rows)) {
        rc = rh_mongodb_cursor_document(cursor, &document, error);
        if (rc == RH_OK) {
            rc = rh_mongodb_add_row(cursor, &document, error);
            cursor->n_rows += rc == RH_OK;
        } else if (rc == RH_END && cursor->id && !cursor->rows.n_rows) {
            rc = rh_mongodb_cursor_more(cursor, 0, 0, error);
        }
    }
    return rc;
}

int32_t rh_mongodb_next(struct rh_cursor *cursor, const struct rh_op *op, uint32_t max_rows,
                        struct rh_batch *ret_batch, struct rh_error *error)
{
    struct rh_conn *conn = cursor->conn;
    int rc = rh_mongodb_begin(conn, op, error);

    if (rc)
        return rc;
    rh_rowset_clear(&cursor->rows, max_rows);
    rc = fill(cursor, error);
    if (rc == RH_END && cursor->wants_total && !cursor->n_rows++)
        rc = add_empty_total(cursor, error);
    rh_mongodb_end(conn);
    if (rc < 0) {
        cursor->id = conn->ended ? 0 : cursor->id;
        return rc;
    }
    return rh_rowset_batch(&cursor->rows, ret_batch, error);
}
