/*
 * Cursors. runQuery comes in pages, each streamed document by document, and the next page begins behind
 * the last document: no request lasts long, whatever the collection's size. Names are unique, so a page
 * neither repeats nor skips what has not changed.
 */
#include "firestore.h"

#include "base/json.h"

#include <stdlib.h>
#include <string.h>

#define BATCH_BYTES ((size_t)64 << 10)
#define BODY_BYTES ((size_t)64 << 20)
#define URL_BYTES ((size_t)64 << 10)
#define PAGE 500u

struct rh_cursor {
    struct rh_conn *conn;
    struct rh_arena *arena; /* what is copied of the query */
    struct rh_arena *document_arena;
    struct rh_text table;
    struct rh_column *columns; /* of the output */
    uint32_t n_columns;
    struct rh_text range; /* the field that the order begins with; no text: none */
    struct rh_firestore_scan scan;
    struct rh_rowset rows;
    struct rh_buf url, head, body; /* head: the request without its end */
    struct rh_buf last, after; /* values of startAt: of the document that came last, of the page */
    struct rh_http_documents documents;
    bool open;       /* documents is */
    uint64_t left;   /* of the limit */
    uint64_t goal;   /* of the first page */
    uint64_t page;   /* how many were asked for */
    uint64_t n_page; /* how many of them came */
};

/* ---- The request --------------------------------------------------------------------------- */

const char *rh_firestore_method_of(const struct rh_firestore_scan *scan)
{
    static const char *const methods[] = {[RH_FIRESTORE_QUERY] = ":runQuery",
                                          [RH_FIRESTORE_KEYS] = ":batchGet",
                                          [RH_FIRESTORE_COUNT] = ":runAggregationQuery"};

    return methods[scan->way];
}

static struct rh_text name_at(const struct rh_query *query, uint32_t position)
{
    return rh_kit_column(query->columns, query->column_stride, position)->name;
}

static bool is_own(struct rh_text name)
{
    return rh_text_is(name, RH_FIRESTORE_ID) || rh_text_is(name, RH_FIRESTORE_UPDATE_TIME);
}

/* The fields that are wanted, as `{"fieldPath": …}` or as texts; how many. */
static uint32_t add_fields(const struct rh_query *query, uint32_t range, bool objects,
                           struct rh_buf *body)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i <= query->n_select; i++) {
        uint32_t position = i < query->n_select ? query->select[i] : range;
        if (position == RH_NO_COLUMN || is_own(name_at(query, position)))
            continue;
        if (n++)
            rh_buf_add_char(body, ',');
        if (objects)
            rh_buf_add_str(body, "{\"fieldPath\":");
        rh_firestore_add_path(body, name_at(query, position));
        if (objects)
            rh_buf_add_char(body, '}');
    }
    return n;
}

static int by_text(const void *a, const void *b)
{
    const struct rh_value *const *left = a, *const *right = b;

    return rh_text_compare(rh_kit_value_text(*left), rh_kit_value_text(*right));
}

/* A document that is asked for twice would come twice; one that there cannot be is not asked for. */
static int add_keys(const struct rh_conn *conn, const struct rh_query *query,
                    const struct rh_firestore_scan *scan, struct rh_buf *body,
                    struct rh_error *error)
{
    const struct rh_node *node = &query->nodes[scan->keys];
    const struct rh_value **keys = calloc((size_t)node->n + 1, sizeof(const struct rh_value *));
    bool any = false;
    size_t mark;

    if (!keys)
        return rh_fail_nomem(error);
    for (uint32_t i = 0; i < node->n; i++)
        keys[i] = &query->values[node->first + i];
    qsort(keys, node->n, sizeof(const struct rh_value *), by_text);
    rh_buf_add_str(body, "{\"documents\":[");
    for (uint32_t i = 0; i < node->n; i++) {
        struct rh_text id = rh_kit_value_text(keys[i]);
        if ((i && by_text(&keys[i - 1], &keys[i]) == 0) ||
            !rh_firestore_is_id(conn, query->table, id))
            continue;
        if (any)
            rh_buf_add_char(body, ',');
        rh_firestore_add_name(conn, query->table, id, body);
        any = true;
    }
    free(keys);
    if (!any) {
        rh_buf_clear(body); /* nothing to be asked */
        return RH_OK;
    }
    rh_buf_add_char(body, ']');
    mark = body->len;
    rh_buf_add_str(body, ",\"mask\":{\"fieldPaths\":[");
    if (add_fields(query, RH_NO_COLUMN, false, body))
        rh_buf_add_str(body, "]}");
    else
        body->len = mark;
    rh_buf_add_char(body, '}');
    return RH_OK;
}

static int add_where(const struct rh_conn *conn, const struct rh_query *query, struct rh_buf *body,
                     struct rh_error *error)
{
    int rc = RH_OK;

    if (!query->n_conjuncts)
        return RH_OK;
    rh_buf_add_str(body, ",\"where\":");
    if (query->n_conjuncts > 1)
        rh_buf_add_str(body, "{\"compositeFilter\":{\"op\":\"AND\",\"filters\":[");
    for (uint32_t i = 0; i < query->n_conjuncts && rc == RH_OK; i++) {
        if (i)
            rh_buf_add_char(body, ',');
        rc = rh_firestore_add_filter(conn, query, &query->nodes[query->conjuncts[i]], body, error);
    }
    if (query->n_conjuncts > 1)
        rh_buf_add_str(body, "]}}");
    return rc;
}

static void add_order(const struct rh_query *query, const struct rh_firestore_scan *scan,
                      struct rh_buf *body)
{
    const char *direction = scan->descending ? "DESCENDING" : "ASCENDING";

    rh_buf_add_str(body, ",\"orderBy\":[");
    if (scan->range != RH_NO_COLUMN) {
        rh_buf_add_str(body, "{\"field\":{\"fieldPath\":");
        rh_firestore_add_path(body, name_at(query, scan->range));
        rh_buf_addf(body, "},\"direction\":\"%s\"},", direction);
    }
    rh_buf_addf(body, "{\"field\":{\"fieldPath\":\"__name__\"},\"direction\":\"%s\"}]", direction);
}

int rh_firestore_add_request(const struct rh_conn *conn, const struct rh_query *query,
                             const struct rh_firestore_scan *scan, struct rh_buf *body,
                             struct rh_error *error)
{
    int rc;

    if (scan->way == RH_FIRESTORE_KEYS)
        return add_keys(conn, query, scan, body, error);
    if (scan->way == RH_FIRESTORE_COUNT)
        rh_buf_add_str(body, "{\"structuredAggregationQuery\":{\"aggregations\":"
                             "[{\"alias\":\"n\",\"count\":{}}],\"structuredQuery\":{");
    else
        rh_buf_add_str(body, "{\"structuredQuery\":{");
    rh_buf_add_str(body, "\"from\":[{\"collectionId\":");
    rh_json_add_string(body, query->table);
    rh_buf_add_str(body,
                   rh_firestore_is_group(conn, query->table) ? ",\"allDescendants\":true}]" : "}]");
    rc = add_where(conn, query, body, error);
    if (scan->way == RH_FIRESTORE_COUNT)
        return rc;
    add_order(query, scan, body);
    rh_buf_add_str(body, ",\"select\":{\"fields\":[");
    if (!add_fields(query, scan->range, true, body))
        rh_buf_add_str(body, "{\"fieldPath\":\"__name__\"}");
    rh_buf_add_str(body, "]}");
    return rc;
}

/* ---- Opening ------------------------------------------------------------------------------- */

static int copy_query(struct rh_cursor *cursor, const struct rh_query *query,
                      struct rh_error *error)
{
    bool ok = true;

    cursor->table = rh_arena_text(cursor->arena, query->table, &ok);
    cursor->n_columns = query->n_aggregates ? query->n_aggregates : query->n_select;
    cursor->columns = rh_arena_array(cursor->arena, query->n_select, sizeof(*cursor->columns));
    if (!cursor->columns)
        return rh_fail_nomem(error);
    for (uint32_t i = 0; i < query->n_select; i++) {
        cursor->columns[i] = *rh_kit_column(query->columns, query->column_stride, query->select[i]);
        cursor->columns[i].name = rh_arena_text(cursor->arena, cursor->columns[i].name, &ok);
    }
    if (cursor->scan.range != RH_NO_COLUMN)
        cursor->range = rh_arena_text(cursor->arena, name_at(query, cursor->scan.range), &ok);
    return ok ? RH_OK : rh_fail_nomem(error);
}

static int new_cursor(struct rh_conn *conn, const struct rh_query *query,
                      const struct rh_firestore_scan *scan, struct rh_cursor **ret_cursor,
                      struct rh_error *error)
{
    struct rh_cursor *cursor = calloc(1, sizeof(*cursor));
    int rc;

    if (!cursor)
        return rh_fail_nomem(error);
    cursor->conn = conn;
    conn->cursor = cursor;
    cursor->scan = *scan;
    cursor->left = query->limit;
    cursor->goal = query->flags & RH_QUERY_ROW_GOAL ? query->row_goal : PAGE;
    rh_buf_init(&cursor->url, URL_BYTES);
    rh_buf_init(&cursor->head, BODY_BYTES);
    rh_buf_init(&cursor->body, BODY_BYTES);
    rh_buf_init(&cursor->last, RH_FIRESTORE_DOCUMENT_BYTES);
    rh_buf_init(&cursor->after, RH_FIRESTORE_DOCUMENT_BYTES);
    cursor->arena = rh_arena_new((size_t)64 << 20);
    cursor->document_arena = rh_arena_new(RH_FIRESTORE_DOCUMENT_BYTES * 16);
    rc = cursor->arena && cursor->document_arena ? copy_query(cursor, query, error)
                                                 : rh_fail_nomem(error);
    rh_rowset_init(&cursor->rows, cursor->n_columns, BATCH_BYTES);
    if (rc == RH_OK)
        rc = rh_firestore_add_request(conn, query, scan, &cursor->head, error);
    if (rc == RH_OK && cursor->head.failed)
        rc = rh_fail(error, RH_RESOURCE, "the query is too large");
    if (rc)
        rh_firestore_finish(cursor);
    else
        *ret_cursor = cursor;
    return rc;
}

/* The next page, or all there is. */
static int ask(struct rh_cursor *cursor, const struct rh_op *op, struct rh_error *error)
{
    struct rh_http_request request;
    bool query = cursor->scan.way == RH_FIRESTORE_QUERY;

    rh_buf_clear(&cursor->body);
    rh_buf_add_text(&cursor->body, rh_buf_text(&cursor->head));
    if (query) {
        cursor->page = cursor->goal && cursor->goal < PAGE ? cursor->goal : PAGE;
        if (cursor->left < cursor->page)
            cursor->page = cursor->left;
        cursor->goal = PAGE;
        cursor->n_page = 0;
        if (cursor->after.len)
            rh_buf_addf(&cursor->body, ",\"startAt\":{\"values\":[%.*s],\"before\":false}",
                        (int)cursor->after.len, cursor->after.data);
        rh_buf_addf(&cursor->body, ",\"limit\":%llu}}", (unsigned long long)cursor->page);
    } else if (cursor->scan.way == RH_FIRESTORE_COUNT) {
        rh_buf_add_str(&cursor->body, "}}}");
    }
    request = rh_firestore_request(&cursor->url, cursor->conn,
                                   rh_firestore_method_of(&cursor->scan), &cursor->body, true);
    if (cursor->body.failed || cursor->url.failed)
        return rh_fail(error, RH_RESOURCE, "the query is too large");
    cursor->open = true;
    return rh_firestore_stream(cursor->conn, op, &request, "cannot read the documents",
                               &cursor->documents, error);
}

int32_t rh_firestore_open(struct rh_conn *conn, const struct rh_op *op,
                          const struct rh_query *query, struct rh_cursor **ret_cursor,
                          struct rh_error *error)
{
    struct rh_cursor *cursor = NULL;
    struct rh_firestore_scan scan;
    int rc;

    if (conn->cursor)
        return rh_fail(error, RH_INVALID, "the connection has an open cursor");
    if ((rc = rh_kit_check(conn->host, op, error)) != RH_OK ||
        (rc = rh_firestore_check_table(query->table, error)) != RH_OK ||
        (rc = rh_firestore_scan_of(conn, query, &scan, error)) != RH_OK ||
        (rc = new_cursor(conn, query, &scan, &cursor, error)) != RH_OK || !cursor)
        return rc;
    if (cursor->left && cursor->head.len)
        rc = ask(cursor, op, error);
    if (rc)
        rh_firestore_finish(cursor);
    else
        *ret_cursor = cursor;
    return rc;
}

/* ---- Reading ------------------------------------------------------------------------------- */

static void end_page(struct rh_cursor *cursor)
{
    if (cursor->open)
        rh_http_documents_close(&cursor->documents);
    cursor->open = false;
}

/* Where the next page begins. */
static int keep_position(struct rh_cursor *cursor, const struct rh_json *document,
                         struct rh_error *error)
{
    const struct rh_json *fields = rh_json_member(document, "fields");
    const struct rh_json *field = fields ? fields->child : NULL;

    rh_buf_clear(&cursor->last);
    if (cursor->range.data) {
        while (field && !rh_text_equal(field->key, cursor->range))
            field = field->next;
        if (!field)
            return rh_fail(error, RH_PROTOCOL, "a document lacks the field that was asked for");
        rh_buf_add_text(&cursor->last, field->source);
        rh_buf_add_char(&cursor->last, ',');
    }
    rh_buf_add_str(&cursor->last, "{\"referenceValue\":");
    rh_json_add_string(&cursor->last, rh_json_string(document, "name"));
    rh_buf_add_char(&cursor->last, '}');
    return cursor->last.failed ? rh_fail_nomem(error) : RH_OK;
}

/* Behind the last document of an answer. RH_END when there is no other page. */
static int turn_page(struct rh_cursor *cursor, const struct rh_op *op, struct rh_error *error)
{
    bool full = cursor->scan.way == RH_FIRESTORE_QUERY && cursor->n_page >= cursor->page;

    end_page(cursor);
    if (!full || !cursor->left)
        return RH_END;
    if (rh_text_equal(rh_buf_text(&cursor->last), rh_buf_text(&cursor->after)))
        return rh_fail(error, RH_PROTOCOL, "the server gives the same page again and again");
    rh_buf_clear(&cursor->after);
    rh_buf_add_text(&cursor->after, rh_buf_text(&cursor->last));
    return ask(cursor, op, error);
}

/* The next document, or result of an aggregation; RH_END. Elements without one tell progress. */
static int next_document(struct rh_cursor *cursor, const struct rh_op *op,
                         const struct rh_json **ret_document, struct rh_error *error)
{
    static const char *const members[] = {[RH_FIRESTORE_QUERY] = "document",
                                          [RH_FIRESTORE_KEYS] = "found",
                                          [RH_FIRESTORE_COUNT] = "result"};
    struct rh_json *item = NULL;
    int rc = RH_END;

    while (cursor->open) {
        rh_arena_reset(cursor->document_arena);
        rc = rh_http_documents_next(&cursor->documents, op, cursor->document_arena, &item, error);
        if (rc == RH_END)
            rc = turn_page(cursor, op, error);
        else if (rc == RH_OK) {
            *ret_document = rh_json_member(item, members[cursor->scan.way]);
            if (*ret_document)
                break;
            if (rh_json_member(item, "error"))
                return rh_fail(error, RH_UNAVAILABLE, "the server ended its answer with an error");
        }
        if (rc)
            return rc;
    }
    if (rc == RH_OK && cursor->scan.way == RH_FIRESTORE_QUERY) {
        cursor->n_page++;
        rc = keep_position(cursor, *ret_document, error);
    }
    return rc;
}

void rh_firestore_add_row(const struct rh_conn *conn, struct rh_rowset *rows,
                          const struct rh_column *columns, uint32_t stride, uint32_t n_columns,
                          struct rh_text id, const struct rh_json *document)
{
    const struct rh_json *fields = rh_json_member(document, "fields");
    struct rh_text version = rh_json_string(document, "updateTime");
    struct rh_value *cells = rh_rowset_row(rows);

    for (uint32_t i = 0; cells && i < n_columns; i++) {
        const struct rh_column *column = rh_kit_column(columns, stride, i);
        const struct rh_json *field = fields ? fields->child : NULL;

        if (rh_text_is(column->name, RH_FIRESTORE_ID)) {
            rh_rowset_bytes(rows, &cells[i], RH_TYPE_TEXT, id.data, id.len);
        } else if (rh_text_is(column->name, RH_FIRESTORE_UPDATE_TIME)) {
            rh_rowset_bytes(rows, &cells[i], RH_TYPE_TEXT, version.data ? version.data : "",
                            version.len);
        } else {
            while (field && !rh_text_equal(field->key, column->name))
                field = field->next;
            rh_firestore_cell(conn, rows, &cells[i], column, field);
        }
    }
}

static int add_count(struct rh_cursor *cursor, const struct rh_json *result, struct rh_error *error)
{
    const struct rh_json *n = rh_json_member(rh_json_member(result, "aggregateFields"), "n");
    struct rh_value *cells = rh_rowset_row(&cursor->rows);
    int64_t count;

    if (!rh_text_to_i64(rh_json_string(n, "integerValue"), &count))
        return rh_fail(error, RH_PROTOCOL, "the server's count is no number");
    for (uint32_t i = 0; cells && i < cursor->n_columns; i++)
        cells[i] = rh_kit_int(count);
    return RH_OK;
}

static int add_document(struct rh_cursor *cursor, const struct rh_json *document,
                        struct rh_error *error)
{
    struct rh_text id =
        rh_firestore_id_of(cursor->conn, cursor->table, rh_json_string(document, "name"));

    if (!id.data)
        return rh_fail(error, RH_PROTOCOL, "the server sent a document of another collection");
    rh_firestore_add_row(cursor->conn, &cursor->rows, cursor->columns, sizeof(*cursor->columns),
                         cursor->n_columns, id, document);
    if (cursor->left != RH_NO_LIMIT)
        cursor->left--;
    return RH_OK;
}

int32_t rh_firestore_next(struct rh_cursor *cursor, const struct rh_op *op, uint32_t max_rows,
                          struct rh_batch *ret_batch, struct rh_error *error)
{
    const struct rh_json *document = NULL;
    int rc = rh_kit_check(cursor->conn->host, op, error);

    if (rc)
        return rc;
    rh_rowset_clear(&cursor->rows, max_rows);
    while (rc == RH_OK && cursor->left && rh_rowset_has_room(&cursor->rows)) {
        rc = next_document(cursor, op, &document, error);
        if (rc == RH_OK)
            rc = cursor->scan.way == RH_FIRESTORE_COUNT ? add_count(cursor, document, error)
                                                        : add_document(cursor, document, error);
    }
    if (!cursor->left)
        end_page(cursor);
    return rc < 0 ? rc : rh_rowset_batch(&cursor->rows, ret_batch, error);
}

void rh_firestore_finish(struct rh_cursor *cursor)
{
    end_page(cursor);
    rh_rowset_fini(&cursor->rows);
    rh_buf_free(&cursor->url);
    rh_buf_free(&cursor->head);
    rh_buf_free(&cursor->body);
    rh_buf_free(&cursor->last);
    rh_buf_free(&cursor->after);
    rh_arena_free(cursor->document_arena);
    rh_arena_free(cursor->arena);
    cursor->conn->cursor = NULL;
    free(cursor);
}
