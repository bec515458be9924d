/*
 * Cursors: one streamed answer, document by document, in bounded memory. With a limit, a range of
 * _all_docs comes in pages a little larger than the limit, because design documents are in it too.
 */
#include "couchdb.h"

#include "connector/json_cell.h"

#include <stdlib.h>
#include <string.h>

#define BATCH_BYTES ((size_t)64 << 10)
#define URL_BYTES ((size_t)1 << 20)
#define BODY_BYTES ((size_t)256 << 20)
#define ALL_DOCUMENTS 200000000u /* _find has a limit of 25 by default, and 2^28 at most */
#define MORE 32                  /* design documents that a page may have */

/* ---- The request --------------------------------------------------------------------------- */

static void add_key(struct rh_buf *url, const char *name, struct rh_text id)
{
    struct rh_buf json;

    rh_buf_init(&json, url->max);
    rh_json_add_string(&json, id);
    rh_http_add_parameter(url, rh_text_of(name), rh_buf_text(&json));
    url->failed = url->failed || json.failed;
    rh_buf_free(&json);
}

/* after: the last _id of the page before. */
static void add_range(const struct rh_couchdb_scan *scan, uint64_t page, struct rh_text after,
                      struct rh_buf *url)
{
    struct rh_text first = scan->descending ? scan->high.id : scan->low.id;
    struct rh_text last = scan->descending ? scan->low.id : scan->high.id;

    rh_buf_add_str(url, "/_all_docs?include_docs=true");
    if (scan->descending)
        rh_buf_add_str(url, "&descending=true");
    if (after.data || first.data)
        add_key(url, "startkey", after.data ? after : first);
    if (after.data)
        rh_buf_add_str(url, "&skip=1");
    if (last.data)
        add_key(url, "endkey", last);
    if (page)
        rh_buf_addf(url, "&limit=%llu", (unsigned long long)page);
}

static int by_text(const void *a, const void *b)
{
    const struct rh_value *const *left = a, *const *right = b;

    return rh_text_compare(rh_kit_value_text(*left), rh_kit_value_text(*right));
}

/* A key that is asked for twice would come twice. */
static int add_keys(const struct rh_query *query, const struct rh_couchdb_scan *scan,
                    struct rh_buf *url, struct rh_buf *body, struct rh_error *error)
{
    const struct rh_node *node = &query->nodes[scan->keys];
    const struct rh_value **keys = calloc((size_t)node->n + 1, sizeof(const struct rh_value *));

    if (!keys)
        return rh_fail_nomem(error);
    for (uint32_t i = 0; i < node->n; i++)
        keys[i] = &query->values[node->first + i];
    qsort(keys, node->n, sizeof(const struct rh_value *), by_text);
    rh_buf_add_str(url, "/_all_docs?include_docs=true");
    rh_buf_add_str(body, "{\"keys\":[");
    for (uint32_t i = 0, n = 0; i < node->n; i++) {
        if (i && by_text(&keys[i - 1], &keys[i]) == 0)
            continue;
        if (n++)
            rh_buf_add_char(body, ',');
        rh_json_add_string(body, rh_kit_value_text(keys[i]));
    }
    rh_buf_add_str(body, "]}");
    free(keys);
    return RH_OK;
}

/* Only the fields that are wanted, where their names are no paths. */
static void add_fields(const struct rh_conn *conn, const struct rh_query *query,
                       struct rh_buf *body)
{
    for (uint32_t i = 0; i < query->n_columns; i++) {
        struct rh_text name = rh_couchdb_column(query->columns, query->column_stride, i)->name;
        if (memchr(name.data, '.', name.len) || memchr(name.data, '\\', name.len))
            return;
    }
    if (conn->config.table_field && strpbrk(conn->config.table_field, ".\\"))
        return;
    rh_buf_add_str(body, ",\"fields\":[\"_id\"");
    if (conn->config.table_field) {
        rh_buf_add_char(body, ',');
        rh_json_add_string(body, rh_text_of(conn->config.table_field));
    }
    for (uint32_t i = 0; i < query->n_select; i++) {
        struct rh_text name =
            rh_couchdb_column(query->columns, query->column_stride, query->select[i])->name;
        if (rh_text_is(name, RH_COUCHDB_ID))
            continue;
        rh_buf_add_char(body, ',');
        rh_json_add_string(body, name);
    }
    rh_buf_add_char(body, ']');
}

static int add_find(const struct rh_conn *conn, const struct rh_query *query,
                    const struct rh_couchdb_scan *scan, struct rh_buf *url, struct rh_buf *body,
                    struct rh_error *error)
{
    const char *field = conn->config.table_field;
    uint64_t limit = ALL_DOCUMENTS;
    int rc = RH_OK;

    if (!field && query->limit < limit)
        limit = query->limit;
    rh_buf_add_str(url, "/_find");
    rh_buf_add_str(body, "{\"selector\":{\"$and\":[{\"_id\":{\"$gt\":null}}");
    if (field && !strpbrk(field, ".\\$")) {
        rh_buf_add_str(body, ",{");
        rh_json_add_string(body, rh_text_of(field));
        rh_buf_add_str(body, ":{\"$eq\":");
        rh_json_add_string(body, query->table);
        rh_buf_add_str(body, "}}");
    }
    for (uint32_t i = 0; i < query->n_conjuncts && rc == RH_OK; i++) {
        rh_buf_add_char(body, ',');
        rc = rh_couchdb_add_selector(query, query->conjuncts[i], body, error);
    }
    rh_buf_add_str(body, "]}");
    if (query->n_order)
        rh_buf_addf(body, ",\"sort\":[{\"_id\":\"%s\"}]", scan->descending ? "desc" : "asc");
    add_fields(conn, query, body);
    rh_buf_addf(body, ",\"limit\":%llu}", (unsigned long long)limit);
    return rc;
}

int rh_couchdb_add_request(const struct rh_conn *conn, const struct rh_query *query,
                           const struct rh_couchdb_scan *scan, uint64_t page, struct rh_text after,
                           struct rh_buf *url, struct rh_buf *body, struct rh_error *error)
{
    rh_couchdb_add_database(conn, query->table, url);
    switch (scan->way) {
    case RH_COUCHDB_RANGE:
        add_range(scan, page, after, url);
        return RH_OK;
    case RH_COUCHDB_KEYS:
        return add_keys(query, scan, url, body, error);
    default:
        return add_find(conn, query, scan, url, body, error);
    }
}

/* ---- Cursors ------------------------------------------------------------------------------- */

int rh_couchdb_cursor_new(struct rh_conn *conn, struct rh_text table,
                          const struct rh_column *columns, uint32_t n_columns, uint32_t stride,
                          const uint32_t *select, uint32_t n_select, struct rh_cursor **ret_cursor,
                          struct rh_error *error)
{
    struct rh_cursor *cursor = calloc(1, sizeof(*cursor));
    bool ok = true;

    if (!cursor)
        return rh_fail_nomem(error);
    cursor->conn = conn;
    conn->cursor = cursor;
    rh_buf_init(&cursor->url, URL_BYTES);
    rh_buf_init(&cursor->body, BODY_BYTES);
    rh_buf_init(&cursor->last, URL_BYTES);
    rh_buf_init(&cursor->after, URL_BYTES);
    rh_rowset_init(&cursor->rows, n_select, BATCH_BYTES);
    cursor->arena = rh_arena_new(URL_BYTES * 64);
    cursor->document_arena = rh_arena_new(RH_COUCHDB_DOCUMENT_BYTES * 16);
    if (cursor->arena && cursor->document_arena)
        cursor->columns = rh_arena_array(cursor->arena, n_select, sizeof(*cursor->columns));
    for (uint32_t i = 0; cursor->columns && i < n_select; i++) {
        const struct rh_column *column = rh_couchdb_column(columns, stride, select ? select[i] : i);
        if (!column->native_id) {
            rh_fail(error, RH_NOT_FOUND, "there is no column \"%.*s\"", RH_TEXT_ARG(column->name));
            rh_couchdb_finish(cursor);
            return error ? error->error_class : RH_NOT_FOUND;
        }
        cursor->columns[i] =
            (struct rh_column){.name = rh_arena_text(cursor->arena, column->name, &ok),
                               .type = column->type,
                               .flags = column->flags};
    }
    cursor->n_columns = n_select;
    if (cursor->arena)
        cursor->table = rh_arena_text(cursor->arena, table, &ok);
    if (!cursor->columns || !ok) {
        rh_couchdb_finish(cursor);
        return rh_fail_nomem(error);
    }
    *ret_cursor = cursor;
    return RH_OK;
}

static int send(struct rh_cursor *cursor, const struct rh_op *op, struct rh_error *error)
{
    bool find = cursor->scan.way == RH_COUCHDB_FIND;
    struct rh_text body = cursor->body.len ? rh_buf_text(&cursor->body) : rh_text_make(NULL, 0);
    struct rh_http_request request;

    if (cursor->url.failed || cursor->body.failed || cursor->after.failed)
        return rh_fail_nomem(error);
    request = rh_couchdb_request(body.data ? "POST" : "GET", &cursor->url, body, true);
    cursor->open = true;
    cursor->n_page = 0;
    return rh_http_documents_open(&cursor->documents, cursor->conn->host->http,
                                  cursor->conn->client, op, &request, find ? "docs" : "rows",
                                  RH_COUCHDB_DOCUMENT_BYTES, "cannot read the documents", error);
}

static int copy_scan(struct rh_cursor *cursor, const struct rh_couchdb_scan *scan,
                     struct rh_error *error)
{
    bool ok = true;

    cursor->scan = *scan;
    cursor->scan.low.id = rh_arena_text(cursor->arena, scan->low.id, &ok);
    cursor->scan.high.id = rh_arena_text(cursor->arena, scan->high.id, &ok);
    return ok ? RH_OK : rh_fail_nomem(error);
}

int32_t rh_couchdb_open(struct rh_conn *conn, const struct rh_op *op, const struct rh_query *query,
                        struct rh_cursor **ret_cursor, struct rh_error *error)
{
    struct rh_cursor *cursor = NULL;
    struct rh_couchdb_scan scan;
    int rc;

    if (conn->cursor)
        return rh_fail(error, RH_INVALID, "the connection has an open cursor");
    rc = rh_kit_check(conn->host, op, error);
    if (rc == RH_OK)
        rc = rh_couchdb_check_table(conn, query->table, error);
    if (rc == RH_OK)
        rc = rh_couchdb_scan_of(query, &scan, error);
    if (rc == RH_OK)
        rc = rh_couchdb_cursor_new(conn, query->table, query->columns, query->n_columns,
                                   query->column_stride, query->select, query->n_select, &cursor,
                                   error);
    if (rc)
        return rc;
    cursor->left = query->limit;
    if (scan.way == RH_COUCHDB_RANGE && query->limit < ALL_DOCUMENTS)
        cursor->page = query->limit + MORE;
    rc = copy_scan(cursor, &scan, error);
    if (rc == RH_OK)
        rc = rh_couchdb_add_request(conn, query, &scan, cursor->page, rh_text_make(NULL, 0),
                                    &cursor->url, &cursor->body, error);
    if (rc == RH_OK && cursor->left)
        rc = send(cursor, op, error);
    if (rc)
        rh_couchdb_finish(cursor);
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

/* Behind the last document of a page. RH_END when there is no other. */
static int turn_page(struct rh_cursor *cursor, const struct rh_op *op, struct rh_error *error)
{
    bool full = cursor->page && cursor->n_page == cursor->page;

    end_page(cursor);
    if (!full)
        return RH_END;
    if (rh_text_equal(rh_buf_text(&cursor->last), rh_buf_text(&cursor->after)))
        return rh_fail(error, RH_PROTOCOL, "the server gives the same page again and again");
    rh_buf_clear(&cursor->after);
    rh_buf_add_text(&cursor->after, rh_buf_text(&cursor->last));
    rh_buf_clear(&cursor->url);
    rh_couchdb_add_database(cursor->conn, cursor->table, &cursor->url);
    add_range(&cursor->scan, cursor->page, rh_buf_text(&cursor->after), &cursor->url);
    return send(cursor, op, error);
}

static bool in_bounds(const struct rh_couchdb_scan *scan, struct rh_text id)
{
    int low = scan->low.id.data ? rh_text_compare(id, scan->low.id) : 1;
    int high = scan->high.id.data ? rh_text_compare(id, scan->high.id) : -1;

    return (low > 0 || (low == 0 && scan->low.inclusive)) &&
           (high < 0 || (high == 0 && scan->high.inclusive));
}

void rh_couchdb_add_row(struct rh_rowset *rows, const struct rh_column *columns, uint32_t n_columns,
                        const struct rh_json *document)
{
    struct rh_value *cells = rh_rowset_row(rows);

    for (uint32_t i = 0; cells && i < n_columns; i++)
        rh_json_cell(rows, &cells[i], &columns[i], rh_couchdb_member(document, columns[i].name));
}

/* The next document, a row or not; RH_END. */
static int next_document(struct rh_cursor *cursor, const struct rh_op *op,
                         const struct rh_json **ret_document, struct rh_error *error)
{
    struct rh_json *item = NULL;
    int rc = RH_END;

    while (cursor->open) {
        rh_arena_reset(cursor->document_arena);
        rc = rh_http_documents_next(&cursor->documents, op, cursor->document_arena, &item, error);
        if (rc == RH_END)
            rc = turn_page(cursor, op, error);
        else if (rc == RH_OK)
            break;
        if (rc)
            return rc;
    }
    if (rc)
        return rc;
    cursor->n_page++;
    *ret_document = cursor->scan.way == RH_COUCHDB_FIND ? item : rh_json_member(item, "doc");
    if (cursor->page) {
        rh_buf_clear(&cursor->last);
        rh_buf_add_text(&cursor->last, rh_couchdb_string(item, "id"));
    }
    return RH_OK;
}

int32_t rh_couchdb_next(struct rh_cursor *cursor, const struct rh_op *op, uint32_t max_rows,
                        struct rh_batch *ret_batch, struct rh_error *error)
{
    const struct rh_json *document;
    int rc = rh_kit_check(cursor->conn->host, op, error);

    if (rc)
        return rc;
    rh_rowset_clear(&cursor->rows, max_rows);
    while (rc == RH_OK && cursor->left && rh_rowset_has_room(&cursor->rows)) {
        rc = next_document(cursor, op, &document, error);
        if (rc || !rh_couchdb_is_row(cursor->conn, cursor->table, document) ||
            !in_bounds(&cursor->scan, rh_couchdb_string(document, RH_COUCHDB_ID)))
            continue;
        rh_couchdb_add_row(&cursor->rows, cursor->columns, cursor->n_columns, document);
        if (cursor->left != RH_NO_LIMIT)
            cursor->left--;
    }
    if (!cursor->left)
        end_page(cursor);
    return rc < 0 ? rc : rh_rowset_batch(&cursor->rows, ret_batch, error);
}

void rh_couchdb_finish(struct rh_cursor *cursor)
{
    end_page(cursor);
    rh_couchdb_feed_free(cursor->feed);
    rh_rowset_fini(&cursor->rows);
    rh_arena_free(cursor->document_arena);
    rh_buf_free(&cursor->url);
    rh_buf_free(&cursor->body);
    rh_buf_free(&cursor->last);
    rh_buf_free(&cursor->after);
    rh_arena_free(cursor->arena);
    cursor->conn->cursor = NULL;
    free(cursor);
}
