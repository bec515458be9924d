/*
 * Cursors: pages, one after the other, each streamed item by item.
 *
 * A request that reads has one answer of at most a megabyte, and tells where the next one begins; with a
 * filter a page may be empty and not the last. What BatchGetItem had no room for it gives back as
 * "unprocessed", to be asked for again.
 */
#include "dynamodb.h"

#include <stdlib.h>
#include <string.h>

#define BATCH_BYTES ((size_t)64 << 10)
#define MAX_ATTEMPTS 6u /* at keys of which none comes */
#define MOST_PER_PAGE 10000u

struct rh_cursor *rh_dynamodb_cursor_new(struct rh_conn *conn, uint32_t n_columns)
{
    struct rh_cursor *cursor = calloc(1, sizeof(*cursor));

    if (!cursor)
        return NULL;
    cursor->conn = conn;
    conn->cursor = cursor;
    cursor->left = RH_NO_LIMIT;
    rh_buf_init(&cursor->body, RH_DYNAMODB_BODY_BYTES);
    rh_buf_init(&cursor->start, RH_DYNAMODB_BODY_BYTES);
    rh_buf_init(&cursor->marker, RH_DYNAMODB_BODY_BYTES);
    rh_rowset_init(&cursor->rows, n_columns, BATCH_BYTES);
    cursor->arena = rh_arena_new(RH_DYNAMODB_ARENA_BYTES);
    cursor->item_arena = rh_arena_new(RH_DYNAMODB_ARENA_BYTES);
    if (cursor->arena && cursor->item_arena)
        cursor->columns = rh_arena_array(cursor->arena, n_columns, sizeof(*cursor->columns));
    cursor->n_columns = n_columns;
    if (cursor->columns)
        return cursor;
    rh_dynamodb_finish(cursor);
    return NULL;
}

static int copy_columns(struct rh_cursor *cursor, const struct rh_query *query,
                        struct rh_error *error)
{
    bool ok = true;

    for (uint32_t i = 0; !cursor->request.counting && i < query->n_select; i++) {
        const struct rh_column *column =
            rh_kit_column(query->columns, query->column_stride, query->select[i]);

        if (!column->native_id)
            return rh_fail(error, RH_NOT_FOUND, "there is no column \"%.*s\"",
                           RH_TEXT_ARG(column->name));
        cursor->columns[i] = (struct rh_column){
            .name = rh_arena_text(cursor->arena, column->name, &ok), .type = column->type};
    }
    return ok ? RH_OK : rh_fail_nomem(error);
}

int32_t rh_dynamodb_open(struct rh_conn *conn, const struct rh_op *op, const struct rh_query *query,
                         struct rh_cursor **ret_cursor, struct rh_error *error)
{
    struct rh_cursor *cursor = NULL;
    struct rh_dynamodb_scan scan;
    int rc;

    if (conn->cursor)
        return rh_fail(error, RH_INVALID, "the connection has an open cursor");
    rc = rh_dynamodb_begin(conn, op, error);
    if (rc == RH_OK)
        rc = rh_dynamodb_scan_of(query, &scan, error);
    if (rc)
        return rc;
    cursor = rh_dynamodb_cursor_new(conn, scan.counting ? 1 : query->n_select);
    if (!cursor)
        return rh_fail_nomem(error);
    cursor->left = query->limit;
    if (query->limit < MOST_PER_PAGE)
        cursor->goal = query->limit;
    else if (query->flags & RH_QUERY_ROW_GOAL && query->row_goal < MOST_PER_PAGE)
        cursor->goal = query->row_goal;
    rc = rh_dynamodb_request_of(conn, op, query, &scan, cursor->arena, &cursor->request, error);
    if (rc == RH_OK)
        rc = copy_columns(cursor, query, error);
    cursor->action = rh_dynamodb_action(&cursor->request);
    cursor->done = !cursor->request.n_parts && scan.way != RH_DYNAMODB_SCAN;
    if (rc)
        rh_dynamodb_finish(cursor);
    else
        *ret_cursor = cursor;
    return rc;
}

/* ---- Pages of Scan, Query and PartiQL ------------------------------------------------------ */

static void end_page(struct rh_cursor *cursor)
{
    if (cursor->open)
        rh_http_documents_close(&cursor->documents);
    cursor->open = false;
}

int rh_dynamodb_turn_page(struct rh_cursor *cursor, struct rh_text start, struct rh_error *error)
{
    if (cursor->marker.len && rh_text_equal(start, rh_buf_text(&cursor->marker)))
        return rh_fail(error, RH_PROTOCOL, "the server gives the same pages again and again");
    if (++cursor->n_pages >= cursor->marker_page * 2) {
        rh_buf_clear(&cursor->marker);
        rh_buf_add_text(&cursor->marker, start);
        cursor->marker_page = cursor->n_pages;
    }
    rh_buf_clear(&cursor->start);
    rh_buf_add_text(&cursor->start, start);
    return cursor->start.failed || cursor->marker.failed ? rh_fail_nomem(error) : RH_OK;
}

/* Behind the last item of a page: where the next one begins. RH_END after the last. */
static int turn_page(struct rh_cursor *cursor, const struct rh_json *envelope,
                     struct rh_error *error)
{
    const struct rh_json *next =
        rh_json_member(envelope, cursor->is_native ? "NextToken" : "LastEvaluatedKey");
    int rc = RH_OK;

    if (next && next->kind != RH_JSON_NULL)
        rc = rh_dynamodb_turn_page(cursor, next->source, error);
    else
        rh_buf_clear(&cursor->start);
    end_page(cursor);
    if (rc || cursor->start.len)
        return rc;
    cursor->n_pages = cursor->marker_page = 0;
    rh_buf_clear(&cursor->marker);
    cursor->part++;
    cursor->done = cursor->part >= cursor->request.n_parts;
    return cursor->done ? RH_END : RH_OK;
}

static void write_body(struct rh_cursor *cursor)
{
    uint64_t limit = cursor->request.filtered || cursor->request.counting ? 0 : cursor->goal;

    rh_buf_clear(&cursor->body);
    if (!cursor->is_native) {
        rh_dynamodb_add_body(&cursor->request, cursor->part, 1, rh_buf_text(&cursor->start), limit,
                             &cursor->body);
        return;
    }
    rh_buf_add_text(&cursor->body, cursor->statement);
    rh_buf_add_str(&cursor->body, ",\"NextToken\":");
    rh_buf_add_text(&cursor->body, rh_buf_text(&cursor->start));
    rh_buf_add_char(&cursor->body, '}');
}

static int open_page(struct rh_cursor *cursor, const struct rh_op *op, struct rh_error *error)
{
    write_body(cursor);
    if (cursor->body.failed)
        return rh_fail(error, RH_RESOURCE, "the request is too large for DynamoDB");
    cursor->open = true;
    return rh_dynamodb_stream(cursor->conn, op, cursor->action, rh_buf_text(&cursor->body), "Items",
                              "cannot read the items", &cursor->documents, error);
}

static int next_of_pages(struct rh_cursor *cursor, const struct rh_op *op,
                         const struct rh_json **ret_item, struct rh_error *error)
{
    struct rh_json *item = NULL;
    int rc = RH_OK;

    while (!cursor->done) {
        if (!cursor->open)
            rc = open_page(cursor, op, error);
        rh_arena_reset(cursor->item_arena);
        if (rc == RH_OK)
            rc = rh_http_documents_next(&cursor->documents, op, cursor->item_arena, &item, error);
        if (rc == RH_END && !cursor->documents.stream.found)
            return rh_fail(error, RH_PROTOCOL, "the server's answer has no items");
        if (rc == RH_OK)
            *ret_item = item;
        if (rc != RH_END)
            return rc;
        rc = turn_page(cursor, cursor->documents.stream.envelope, error);
        if (rc)
            return rc;
    }
    return RH_END;
}

/* ---- Keys ---------------------------------------------------------------------------------- */

/* The next keys: what was left over, else new ones. */
static void write_keys(struct rh_cursor *cursor)
{
    uint32_t n = cursor->request.n_parts - cursor->part;

    rh_buf_clear(&cursor->body);
    if (cursor->start.len) {
        rh_buf_add_str(&cursor->body, "{\"RequestItems\":");
        rh_buf_add_text(&cursor->body, rh_buf_text(&cursor->start));
        rh_buf_add_char(&cursor->body, '}');
        return;
    }
    n = n < RH_DYNAMODB_KEYS_PER_REQUEST ? n : RH_DYNAMODB_KEYS_PER_REQUEST;
    rh_dynamodb_add_body(&cursor->request, cursor->part, n, rh_text_make(NULL, 0), 0,
                         &cursor->body);
    cursor->part += n;
}

static const struct rh_json *member_of(const struct rh_json *object, struct rh_text name)
{
    const struct rh_json *member = object && object->kind == RH_JSON_OBJECT ? object->child : NULL;

    while (member && !rh_text_equal(member->key, name))
        member = member->next;
    return member;
}

static int take_keys(struct rh_cursor *cursor, const struct rh_json *answer, struct rh_error *error)
{
    const struct rh_json *left = rh_json_member(answer, "UnprocessedKeys");
    const struct rh_json *items =
        member_of(rh_json_member(answer, "Responses"), cursor->request.table);

    if (items && items->kind != RH_JSON_ARRAY)
        return rh_fail(error, RH_PROTOCOL, "the server's items are no list");
    cursor->items = items ? items->child : NULL;
    rh_buf_clear(&cursor->start);
    if (left && left->kind == RH_JSON_OBJECT && left->n)
        rh_buf_add_text(&cursor->start, left->source);
    cursor->attempt = cursor->items || !cursor->start.len ? 0 : cursor->attempt + 1;
    return cursor->start.failed ? rh_fail_nomem(error) : RH_OK;
}

static int fetch_keys(struct rh_cursor *cursor, const struct rh_op *op, struct rh_error *error)
{
    struct rh_json *answer = NULL;
    int rc = RH_OK;

    if (cursor->attempt > MAX_ATTEMPTS) {
        rc = rh_fail(error, RH_RATE_LIMITED, "DynamoDB left the same items out again and again");
        if (error)
            error->retry = RH_RETRY_SAFE;
        return rc;
    }
    if (cursor->attempt)
        rc = rh_dynamodb_back_off(cursor->conn, op, cursor->attempt, error);
    write_keys(cursor);
    if (cursor->body.failed)
        return rh_fail(error, RH_RESOURCE, "the keys are too large for one request");
    rh_arena_reset(cursor->item_arena);
    if (rc == RH_OK)
        rc = rh_dynamodb_call(cursor->conn, op, cursor->action, rh_buf_text(&cursor->body), true,
                              "cannot read the items", cursor->item_arena, &answer, error);
    return rc ? rc : take_keys(cursor, answer, error);
}

static int next_of_keys(struct rh_cursor *cursor, const struct rh_op *op,
                        const struct rh_json **ret_item, struct rh_error *error)
{
    int rc = RH_OK;

    while (!cursor->items && rc == RH_OK) {
        if (!cursor->start.len && cursor->part >= cursor->request.n_parts)
            return RH_END;
        rc = fetch_keys(cursor, op, error);
    }
    if (rc)
        return rc;
    *ret_item = cursor->items;
    cursor->items = cursor->items->next;
    return RH_OK;
}

/* ---- Counting ------------------------------------------------------------------------------ */

static int count_page(struct rh_cursor *cursor, const struct rh_op *op, struct rh_error *error)
{
    const struct rh_json *count;
    struct rh_json *answer = NULL;
    int64_t n;
    int rc;

    write_body(cursor);
    if (cursor->body.failed)
        return rh_fail(error, RH_RESOURCE, "the request is too large for DynamoDB");
    rh_arena_reset(cursor->item_arena);
    rc = rh_dynamodb_call(cursor->conn, op, cursor->action, rh_buf_text(&cursor->body), true,
                          "cannot count the items", cursor->item_arena, &answer, error);
    if (rc)
        return rc;
    count = rh_json_member(answer, "Count");
    if (!count || count->kind != RH_JSON_NUMBER || !rh_text_to_i64(count->text, &n) || n < 0)
        return rh_fail(error, RH_PROTOCOL, "the server's answer has no count");
    cursor->count += (uint64_t)n;
    return turn_page(cursor, answer, error);
}

static int count(struct rh_cursor *cursor, const struct rh_op *op, struct rh_error *error)
{
    struct rh_value *cell;
    int rc = RH_OK;

    if (cursor->sent)
        return RH_END;
    while (!cursor->done && rc == RH_OK)
        rc = count_page(cursor, op, error);
    if (rc < 0)
        return rc;
    cursor->sent = true;
    cell = rh_rowset_row(&cursor->rows);
    if (cell)
        *cell = rh_kit_int((int64_t)cursor->count);
    return RH_OK;
}

/* ---- Rows ---------------------------------------------------------------------------------- */

/* An attribute that is no column would be lost. */
static int check_attributes(const struct rh_cursor *cursor, const struct rh_json *item,
                            struct rh_error *error)
{
    for (const struct rh_json *a = item->child; a; a = a->next) {
        uint32_t i = 0;

        while (i < cursor->n_columns && !rh_text_equal(cursor->columns[i].name, a->key))
            i++;
        if (i < cursor->n_columns)
            continue;
        rh_fail(error, RH_DATA, "a later item has an attribute \"%.*s\" that the first ones lack",
                RH_TEXT_ARG(a->key));
        return rh_error_hint(error, "name the attributes: SELECT a, b FROM …");
    }
    return RH_OK;
}

static int next_item(struct rh_cursor *cursor, const struct rh_op *op,
                     const struct rh_json **ret_item, struct rh_error *error)
{
    int rc;

    if (cursor->first) {
        *ret_item = cursor->first;
        cursor->first = cursor->first->next;
        return RH_OK;
    }
    if (!cursor->is_native && cursor->request.way == RH_DYNAMODB_KEYS)
        return next_of_keys(cursor, op, ret_item, error);
    rc = next_of_pages(cursor, op, ret_item, error);
    return rc == RH_OK && cursor->is_native ? check_attributes(cursor, *ret_item, error) : rc;
}

int32_t rh_dynamodb_next(struct rh_cursor *cursor, const struct rh_op *op, uint32_t max_rows,
                         struct rh_batch *ret_batch, struct rh_error *error)
{
    const struct rh_json *item = NULL;
    int rc = rh_dynamodb_begin(cursor->conn, op, error);

    if (rc)
        return rc;
    rh_rowset_clear(&cursor->rows, max_rows);
    if (cursor->request.counting)
        rc = count(cursor, op, error);
    while (rc == RH_OK && !cursor->request.counting && cursor->left &&
           rh_rowset_has_room(&cursor->rows)) {
        rc = next_item(cursor, op, &item, error);
        if (rc == RH_OK)
            rc = rh_dynamodb_add_row(&cursor->rows, cursor->columns, cursor->n_columns,
                                     sizeof(*cursor->columns), item, error);
        if (rc == RH_OK && cursor->left != RH_NO_LIMIT)
            cursor->left--;
    }
    if (!cursor->left)
        end_page(cursor);
    return rc < 0 ? rc : rh_rowset_batch(&cursor->rows, ret_batch, error);
}

void rh_dynamodb_finish(struct rh_cursor *cursor)
{
    end_page(cursor);
    rh_rowset_fini(&cursor->rows);
    rh_arena_free(cursor->item_arena);
    rh_arena_free(cursor->arena);
    rh_buf_free(&cursor->body);
    rh_buf_free(&cursor->start);
    rh_buf_free(&cursor->marker);
    cursor->conn->cursor = NULL;
    free(cursor);
}
