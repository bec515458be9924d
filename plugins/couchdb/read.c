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

/* A bound of _id as a parameter. Without one, the rows of a declared table are between "<table>:" and
 * "<table>;", the character that comes next. */
static void add_bound(const struct rh_couchdb_scan *scan, struct rh_text table, bool is_high,
                      const char *name, struct rh_buf *url)
{
    struct rh_text bound = is_high ? scan->high.id : scan->low.id;
    struct rh_buf id;

    if (!scan->declared && !bound.data)
        return;
    rh_buf_init(&id, url->max);
    if (scan->declared)
        rh_couchdb_add_prefix(table, &id);
    rh_buf_add_text(&id, bound);
    if (is_high && !bound.data && !id.failed)
        id.data[id.len - 1]++;
    add_key(url, name, rh_buf_text(&id));
    url->failed = url->failed || id.failed;
    rh_buf_free(&id);
}

/* after: the last _id of the page before. */
static void add_range(const struct rh_couchdb_scan *scan, struct rh_text table, uint64_t page,
                      struct rh_text after, struct rh_buf *url)
{
    rh_buf_add_str(url, "/_all_docs?include_docs=true");
    if (scan->descending)
        rh_buf_add_str(url, "&descending=true");
    if (after.data) {
        add_key(url, "startkey", after);
        rh_buf_add_str(url, "&skip=1");
    } else {
        add_bound(scan, table, scan->descending, "startkey", url);
    }
    add_bound(scan, table, !scan->descending, "endkey", url);
    if (page)
        rh_buf_addf(url, "&limit=%llu", (unsigned long long)page);
}

static int by_text(const void *a, const void *b)
{
    const struct rh_text *left = a, *right = b;

    return rh_text_compare(*left, *right);
}

/* The _ids of the values; they borrow from `texts`. */
static void make_ids(const struct rh_query *query, const struct rh_couchdb_scan *scan,
                     struct rh_buf *texts, struct rh_text *ids)
{
    const struct rh_node *node = &query->nodes[scan->keys];

    for (uint32_t i = 0; i < node->n; i++) {
        size_t start = texts->len;

        if (scan->declared)
            rh_couchdb_add_prefix(query->table, texts);
        rh_couchdb_add_key_text(&query->values[node->first + i], texts);
        ids[i].len = texts->len - start;
    }
    for (uint64_t i = 0, at = 0; i < node->n; at += ids[i++].len)
        ids[i].data = rh_buf_text(texts).data + at;
}

/* A key that is asked for twice would come twice. */
static int add_keys(const struct rh_query *query, const struct rh_couchdb_scan *scan,
                    struct rh_buf *url, struct rh_buf *body, struct rh_error *error)
{
    uint32_t n = query->nodes[scan->keys].n;
    struct rh_text *ids = calloc((size_t)n + 1, sizeof(*ids));
    struct rh_buf texts;

    if (!ids)
        return rh_fail_nomem(error);
    rh_buf_init(&texts, BODY_BYTES);
    make_ids(query, scan, &texts, ids);
    if (n && !texts.failed)
        qsort(ids, n, sizeof(*ids), by_text);
    rh_buf_add_str(url, "/_all_docs?include_docs=true");
    rh_buf_add_str(body, "{\"keys\":[");
    for (uint32_t i = 0, added = 0; i < n && !texts.failed; i++) {
        if (i && rh_text_equal(ids[i - 1], ids[i]))
            continue;
        if (added++)
            rh_buf_add_char(body, ',');
        rh_json_add_string(body, ids[i]);
    }
    rh_buf_add_str(body, "]}");
    body->failed = body->failed || texts.failed;
    rh_buf_free(&texts);
    free(ids);
    return RH_OK;
}

/* Only the fields that are wanted, where their names are no paths. */
static void add_fields(const struct rh_conn *conn, const struct rh_query *query,
                       struct rh_buf *body)
{
    for (uint32_t i = 0; i < query->n_columns; i++) {
        struct rh_text name = rh_kit_column(query->columns, query->column_stride, i)->name;
        if (memchr(name.data, '.', name.len) || memchr(name.data, '\\', name.len))
            return;
    }
    rh_buf_add_str(body, ",\"fields\":[\"_id\"");
    if (conn->config.table_field) {
        rh_buf_add_char(body, ',');
        rh_json_add_string(body, rh_text_of(conn->config.table_field));
    }
    for (uint32_t i = 0; i < query->n_select; i++) {
        struct rh_text name =
            rh_kit_column(query->columns, query->column_stride, query->select[i])->name;
        if (rh_text_is(name, RH_COUCHDB_ID) || rh_text_is(name, RH_COUCHDB_PARTITION))
            continue;
        rh_buf_add_char(body, ',');
        rh_json_add_string(body, name);
    }
    rh_buf_add_char(body, ']');
}

/*
 * The server chooses the index itself. With a condition on _id that says nothing it takes _all_docs,
 * so that is there only where no other condition narrows, or the order is by _id.
 */
static int add_selector(const struct rh_conn *conn, const struct rh_query *query,
                        struct rh_buf *body, struct rh_error *error)
{
    const char *field = conn->config.table_field;
    bool narrow = field && !query->n_order;
    uint32_t n = 0;
    int rc = RH_OK;

    for (uint32_t i = 0; i < query->n_conjuncts && !query->n_order; i++)
        narrow = narrow || (rh_couchdb_narrows(&query->nodes[query->conjuncts[i]]) &&
                            !rh_couchdb_is_partition(query, query->conjuncts[i]));
    rh_buf_add_str(body, "{\"$and\":[");
    if (!narrow) {
        rh_buf_add_str(body, "{\"_id\":{\"$gt\":null}}");
        n++;
    }
    if (field) {
        rh_buf_add_str(body, n++ ? ",{" : "{");
        rh_json_add_string(body, rh_text_of(field));
        rh_buf_add_str(body, ":{\"$eq\":");
        rh_json_add_string(body, query->table);
        rh_buf_add_str(body, "}}");
    }
    for (uint32_t i = 0; i < query->n_conjuncts && rc == RH_OK; i++) {
        if (rh_couchdb_is_partition(query, query->conjuncts[i]))
            continue;
        rh_buf_add_str(body, n++ ? "," : "");
        rc = rh_couchdb_add_selector(query, query->conjuncts[i], body, error);
    }
    rh_buf_add_str(body, "]}");
    return rc;
}

static int add_find(const struct rh_conn *conn, const struct rh_query *query,
                    const struct rh_couchdb_scan *scan, struct rh_buf *url, struct rh_buf *body,
                    struct rh_error *error)
{
    uint64_t limit = ALL_DOCUMENTS;
    int rc;

    if (!conn->config.table_field && query->limit < limit)
        limit = query->limit;
    if (scan->partition.data) {
        rh_buf_add_str(url, "/" RH_COUCHDB_PARTITION);
        rh_http_add_segment(url, scan->partition);
    }
    rh_buf_add_str(url, "/_find");
    rh_buf_add_str(body, "{\"selector\":");
    rc = add_selector(conn, query, body, error);
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
        add_range(scan, query->table, page, after, url);
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
        const struct rh_column *column = rh_kit_column(columns, stride, select ? select[i] : i);
        if (!column->native_id) {
            rh_fail(error, RH_NOT_FOUND, "there is no column \"%.*s\"", RH_TEXT_ARG(column->name));
            rh_couchdb_finish(cursor);
            return error ? error->error_class : RH_NOT_FOUND;
        }
        cursor->columns[i] =
            (struct rh_column){.name = rh_arena_text(cursor->arena, column->name, &ok),
                               .type = column->type,
                               .flags = column->flags | RH_COLUMN_INFERRED,
                               .native_id = column->native_id};
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

static int fail_shape(struct rh_error *error)
{
    return rh_fail(error, RH_PROTOCOL, "the server's answer has no list of documents");
}

/* Behind the last document of a page. RH_END when there is no other. */
static int turn_page(struct rh_cursor *cursor, const struct rh_op *op, struct rh_error *error)
{
    bool full = cursor->page && cursor->n_page == cursor->page;

    if (!cursor->documents.stream.found)
        return fail_shape(error);
    end_page(cursor);
    if (!full)
        return RH_END;
    if (rh_text_equal(rh_buf_text(&cursor->last), rh_buf_text(&cursor->after)))
        return rh_fail(error, RH_PROTOCOL, "the server gives the same page again and again");
    rh_buf_clear(&cursor->after);
    rh_buf_add_text(&cursor->after, rh_buf_text(&cursor->last));
    rh_buf_clear(&cursor->url);
    rh_couchdb_add_database(cursor->conn, cursor->table, &cursor->url);
    add_range(&cursor->scan, cursor->table, cursor->page, rh_buf_text(&cursor->after),
              &cursor->url);
    return send(cursor, op, error);
}

struct rh_text rh_couchdb_key_of(const struct rh_cursor *cursor, struct rh_text id)
{
    uint64_t n = cursor->table.len;

    if (!cursor->scan.declared)
        return id;
    if (id.len <= n || id.data[n] != ':' || memcmp(id.data, cursor->table.data, n) != 0)
        return rh_text_make(NULL, 0);
    return rh_text_make(id.data + n + 1, id.len - n - 1);
}

static bool in_bounds(const struct rh_couchdb_scan *scan, struct rh_text id)
{
    if (!id.data)
        return false;
    int low = scan->low.id.data ? rh_text_compare(id, scan->low.id) : 1;
    int high = scan->high.id.data ? rh_text_compare(id, scan->high.id) : -1;

    return (low > 0 || (low == 0 && scan->low.inclusive)) &&
           (high < 0 || (high == 0 && scan->high.inclusive));
}

static void add_partition(struct rh_rowset *rows, struct rh_value *cell, struct rh_text id)
{
    struct rh_text partition = rh_text_cut(&id, ':');

    if (id.data)
        rh_rowset_bytes(rows, cell, RH_TYPE_TEXT, partition.data, partition.len);
}

void rh_couchdb_add_row(struct rh_rowset *rows, const struct rh_column *columns, uint32_t n_columns,
                        const struct rh_json *document)
{
    struct rh_value *cells = rh_rowset_row(rows);

    for (uint32_t i = 0; cells && i < n_columns; i++)
        if (columns[i].native_id & RH_COUCHDB_IS_PARTITION)
            add_partition(rows, &cells[i], rh_json_string(document, RH_COUCHDB_ID));
        else
            rh_json_cell(rows, &cells[i], &columns[i], rh_json_find(document, columns[i].name));
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
    if (item->kind != RH_JSON_OBJECT)
        return fail_shape(error);
    cursor->n_page++;
    *ret_document = cursor->scan.way == RH_COUCHDB_FIND ? item : rh_json_member(item, "doc");
    if (cursor->page) {
        rh_buf_clear(&cursor->last);
        rh_buf_add_text(&cursor->last, rh_json_string(item, "id"));
    }
    return RH_OK;
}

/* With table_field every name may be a table: one that no document and no declaration has is none. */
static int check_there(struct rh_cursor *cursor, const struct rh_op *op, struct rh_error *error)
{
    struct rh_couchdb_schema schema;
    struct rh_arena *arena = rh_arena_new(RH_COUCHDB_DOCUMENT_BYTES);
    bool any = true;
    int rc = arena ? rh_couchdb_schema_read(cursor->conn, op, cursor->table, arena, &schema, error)
                   : rh_fail_nomem(error);

    if (rc == RH_OK && !rh_couchdb_schema_find(&schema, cursor->table))
        rc = rh_couchdb_has_documents(cursor->conn, op, cursor->table, arena, &any, error);
    rh_arena_free(arena);
    if (rc == RH_OK && !any)
        rc = rh_fail(error, RH_NOT_FOUND, "there is no table \"%.*s\"", RH_TEXT_ARG(cursor->table));
    return rc;
}

int32_t rh_couchdb_next(struct rh_cursor *cursor, const struct rh_op *op, uint32_t max_rows,
                        struct rh_batch *ret_batch, struct rh_error *error)
{
    const struct rh_json *document = NULL;
    int rc = rh_kit_check(cursor->conn->host, op, error);

    if (rc)
        return rc;
    if (cursor->answer)
        return rh_couchdb_answer_next(cursor, max_rows, ret_batch, error);
    rh_rowset_clear(&cursor->rows, max_rows);
    while (rc == RH_OK && cursor->left && rh_rowset_has_room(&cursor->rows)) {
        rc = next_document(cursor, op, &document, error);
        if (rc || !rh_couchdb_is_row(cursor->conn, cursor->table, document) ||
            !in_bounds(&cursor->scan,
                       rh_couchdb_key_of(cursor, rh_json_string(document, RH_COUCHDB_ID))))
            continue;
        rh_couchdb_add_row(&cursor->rows, cursor->columns, cursor->n_columns, document);
        if (cursor->left != RH_NO_LIMIT)
            cursor->left--;
    }
    if (!cursor->left)
        end_page(cursor);
    if (rc == RH_END && !cursor->any && !cursor->rows.n_rows && cursor->conn->config.table_field) {
        rc = check_there(cursor, op, error);
        cursor->any = true;
    }
    cursor->any = cursor->any || cursor->rows.n_rows;
    return rc < 0 ? rc : rh_rowset_batch(&cursor->rows, ret_batch, error);
}

void rh_couchdb_finish(struct rh_cursor *cursor)
{
    end_page(cursor);
    rh_couchdb_feed_free(cursor->feed);
    rh_couchdb_answer_free(cursor->answer);
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
