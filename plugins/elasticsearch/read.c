/*
 * Cursors: pages of _search, each streamed document by document.
 *
 * Pages are of one point in time, so that nothing is missed or seen twice while others write; each begins
 * after the last document of the one before. Where there are no points in time (OpenSearch, old
 * Elasticsearch), a scroll does the same. Either is given back when the cursor is finished. A page that
 * some shard has not answered for is an error, never a shorter page.
 */
#include "elasticsearch.h"

#include "base/map.h"
#include "connector/json_cell.h"

#include <stdlib.h>
#include <string.h>

#define BATCH_BYTES ((size_t)64 << 10)
#define URL_BYTES ((size_t)64 << 10)
#define BODY_BYTES ((size_t)64 << 20)
#define KEEP_ALIVE "5m"
#define GOODBYE_US UINT64_C(1000000)
#define IDS_PER_REQUEST 1000u

/* ---- The search ---------------------------------------------------------------------------- */

static const struct rh_column *column_at(const struct rh_query *query, uint32_t position)
{
    return rh_kit_column(query->columns, query->column_stride, position);
}

static bool is_own(const struct rh_column *column)
{
    return RH_ELASTICSEARCH_KIND(column->native_id) <= RH_ELASTICSEARCH_SEQUENCE;
}

/* Only the fields that are wanted; a star in a name would be a pattern. */
static void add_source(const struct rh_query *query, struct rh_buf *body)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < query->n_select; i++) {
        struct rh_text name = column_at(query, query->select[i])->name;

        if (memchr(name.data, '*', name.len))
            return;
    }
    rh_buf_add_str(body, ",\"_source\":");
    for (uint32_t i = 0; i < query->n_select; i++) {
        const struct rh_column *column = column_at(query, query->select[i]);

        if (is_own(column))
            continue;
        rh_buf_add_char(body, n++ ? ',' : '[');
        rh_json_add_string(body, column->name);
    }
    rh_buf_add_str(body, n ? "]" : "false");
}

static void add_order(const struct rh_query *query, struct rh_buf *body)
{
    for (uint32_t i = 0; i < query->n_order; i++) {
        uint32_t flags = query->order[i].flags;

        rh_buf_add_str(body, i ? ",{" : ",\"sort\":[{");
        rh_json_add_string(body, column_at(query, query->order[i].column)->name);
        rh_buf_addf(body, ":{\"order\":\"%s\",\"missing\":\"%s\"}}",
                    flags & RH_ORDER_DESC ? "desc" : "asc",
                    flags & RH_ORDER_NULLS_FIRST ? "_first" : "_last");
    }
    rh_buf_add_str(body, query->n_order ? "]" : "");
}

void rh_elasticsearch_add_search(const struct rh_query *query, struct rh_buf *body)
{
    rh_buf_add_str(body, "\"query\":");
    rh_elasticsearch_add_query(query, body);
    rh_buf_add_str(body, ",\"seq_no_primary_term\":true,\"track_total_hits\":false");
    add_source(query, body);
    add_order(query, body);
}

/* ---- Cursors ------------------------------------------------------------------------------- */

struct rh_cursor *rh_elasticsearch_cursor_new(struct rh_conn *conn, uint32_t n_columns)
{
    struct rh_cursor *cursor = calloc(1, sizeof(*cursor));

    if (!cursor)
        return NULL;
    cursor->conn = conn;
    conn->cursor = cursor;
    rh_buf_init(&cursor->url, URL_BYTES);
    rh_buf_init(&cursor->body, BODY_BYTES);
    rh_buf_init(&cursor->token, BODY_BYTES);
    rh_buf_init(&cursor->after, BODY_BYTES);
    rh_buf_init(&cursor->before, BODY_BYTES);
    rh_rowset_init(&cursor->rows, n_columns, BATCH_BYTES);
    cursor->arena = rh_arena_new(RH_ELASTICSEARCH_ARENA_BYTES);
    cursor->document_arena = rh_arena_new(RH_ELASTICSEARCH_ARENA_BYTES);
    if (cursor->arena && cursor->document_arena)
        cursor->columns = rh_arena_array(cursor->arena, n_columns, sizeof(*cursor->columns));
    cursor->n_columns = n_columns;
    if (cursor->columns)
        return cursor;
    rh_elasticsearch_finish(cursor);
    return NULL;
}

static int copy_columns(struct rh_cursor *cursor, const struct rh_query *query,
                        struct rh_error *error)
{
    bool ok = true;

    for (uint32_t i = 0; i < cursor->n_columns && !query->n_aggregates; i++) {
        const struct rh_column *column = column_at(query, query->select[i]);

        if (!column->native_id)
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

/* An id that is asked for twice comes once. */
static int copy_ids(struct rh_cursor *cursor, const struct rh_query *query, struct rh_error *error)
{
    const struct rh_node *node = &query->nodes[cursor->scan.keys];
    struct rh_map seen;
    bool ok = true;

    cursor->ids = rh_arena_array(cursor->arena, node->n, sizeof(*cursor->ids));
    if (!cursor->ids)
        return rh_fail_nomem(error);
    rh_map_init(&seen);
    for (uint32_t i = 0; i < node->n && ok; i++) {
        struct rh_text id = rh_kit_value_text(&query->values[node->first + i]);

        if (!id.len || rh_map_get(&seen, id))
            continue;
        cursor->ids[cursor->n_ids] = rh_arena_text(cursor->arena, id, &ok);
        ok = ok && rh_map_put(&seen, cursor->ids[cursor->n_ids], cursor, NULL);
        cursor->n_ids++;
    }
    rh_map_free(&seen);
    cursor->done = !cursor->n_ids;
    return ok ? RH_OK : rh_fail_nomem(error);
}

static int copy_search(struct rh_cursor *cursor, const struct rh_query *query,
                       struct rh_error *error)
{
    bool ok = true;

    rh_buf_clear(&cursor->body);
    if (cursor->scan.way == RH_ELASTICSEARCH_COUNT) {
        rh_buf_add_str(&cursor->body, "\"query\":");
        rh_elasticsearch_add_query(query, &cursor->body);
    } else {
        rh_elasticsearch_add_search(query, &cursor->body);
        if (!query->n_order && cursor->paging != RH_ELASTICSEARCH_ONE_PAGE)
            rh_buf_addf(&cursor->body, ",\"sort\":[\"%s\"]",
                        cursor->paging == RH_ELASTICSEARCH_PIT ? "_shard_doc" : "_doc");
    }
    cursor->search = rh_arena_text(cursor->arena, rh_buf_text(&cursor->body), &ok);
    return ok && !cursor->body.failed ? RH_OK : rh_fail_nomem(error);
}

static void choose_paging(struct rh_cursor *cursor, const struct rh_query *query)
{
    cursor->left = query->limit;
    cursor->page_size = RH_ELASTICSEARCH_PAGE;
    if (query->limit <= RH_ELASTICSEARCH_WINDOW) {
        cursor->page_size = (uint32_t)query->limit;
        cursor->done = !query->limit;
        return;
    }
    if (query->flags & RH_QUERY_ROW_GOAL && query->row_goal < RH_ELASTICSEARCH_PAGE)
        cursor->page_size = (uint32_t)(query->row_goal ? query->row_goal : 1);
    cursor->paging = cursor->conn->has_pit ? RH_ELASTICSEARCH_PIT : RH_ELASTICSEARCH_SCROLL;
}

int32_t rh_elasticsearch_open(struct rh_conn *conn, const struct rh_op *op,
                              const struct rh_query *query, struct rh_cursor **ret_cursor,
                              struct rh_error *error)
{
    struct rh_elasticsearch_scan scan;
    struct rh_cursor *cursor;
    int rc;

    if (conn->cursor)
        return rh_fail(error, RH_INVALID, "the connection has an open cursor");
    rc = rh_kit_check(conn->host, op, error);
    if (rc == RH_OK)
        rc = rh_elasticsearch_scan_of(query, &scan, error);
    if (rc)
        return rc;
    cursor = rh_elasticsearch_cursor_new(conn, query->n_aggregates ? 1 : query->n_select);
    if (!cursor)
        return rh_fail_nomem(error);
    cursor->scan = scan;
    choose_paging(cursor, query);
    rc = copy_columns(cursor, query, error);
    if (rc == RH_OK && scan.way == RH_ELASTICSEARCH_KEYS)
        rc = copy_ids(cursor, query, error);
    else if (rc == RH_OK)
        rc = copy_search(cursor, query, error);
    if (rc)
        rh_elasticsearch_finish(cursor);
    else
        *ret_cursor = cursor;
    return rc;
}

/* ---- Points in time, scrolls --------------------------------------------------------------- */

static int take_token(struct rh_cursor *cursor, const struct rh_json *token, struct rh_error *error)
{
    if (!token || token->kind != RH_JSON_STRING)
        return rh_fail(error, RH_PROTOCOL, "the server gives no token for the next page");
    rh_buf_clear(&cursor->token);
    rh_buf_add_text(&cursor->token, token->source);
    return cursor->token.failed ? rh_fail_nomem(error) : RH_OK;
}

static int open_pit(struct rh_cursor *cursor, const struct rh_op *op, struct rh_error *error)
{
    struct rh_json *answer = NULL;
    struct rh_http_request request;
    int rc;

    rh_buf_clear(&cursor->url);
    rh_http_add_segment(&cursor->url, cursor->table);
    rh_buf_add_str(&cursor->url, "/_pit?keep_alive=" KEEP_ALIVE);
    request = rh_elasticsearch_request("POST", &cursor->url, rh_text_make(NULL, 0), true);
    rh_arena_reset(cursor->document_arena);
    rc = rh_elasticsearch_fetch(cursor->conn, op, &request, "cannot read the index",
                                cursor->document_arena, &answer, error);
    return rc ? rc : take_token(cursor, rh_json_member(answer, "id"), error);
}

/* Nobody waits for it: what is not given back ends by itself in five minutes. */
static void give_back(struct rh_cursor *cursor)
{
    const struct rh_host *host = cursor->conn->host;
    struct rh_op op = {
        .struct_size = sizeof(op), .deadline_us = host->now_us(host) + GOODBYE_US, .cancel_fd = -1};
    bool pit = cursor->paging == RH_ELASTICSEARCH_PIT;
    struct rh_error ignored = RH_ERROR_INIT;
    struct rh_http_request request;
    uint32_t status;

    if (!cursor->token.len || cursor->token.failed)
        return;
    rh_buf_clear(&cursor->url);
    rh_buf_clear(&cursor->body);
    rh_buf_add_str(&cursor->url, pit ? "/_pit" : "/_search/scroll");
    rh_buf_add_str(&cursor->body, pit ? "{\"id\":" : "{\"scroll_id\":[");
    rh_buf_add_text(&cursor->body, rh_buf_text(&cursor->token));
    rh_buf_add_str(&cursor->body, pit ? "}" : "]}");
    request = rh_elasticsearch_request("DELETE", &cursor->url, rh_buf_text(&cursor->body), true);
    rh_buf_clear(&cursor->after);
    if (!cursor->url.failed && !cursor->body.failed)
        rh_http_fetch(host->http, cursor->conn->client, &op, &request, &cursor->after, &status,
                      &ignored);
}

/* ---- Pages --------------------------------------------------------------------------------- */

static void write_scroll(struct rh_cursor *cursor)
{
    rh_buf_add_str(&cursor->url, "/_search/scroll");
    rh_buf_add_str(&cursor->body, "{\"scroll\":\"" KEEP_ALIVE "\",\"scroll_id\":");
    rh_buf_add_text(&cursor->body, rh_buf_text(&cursor->token));
    rh_buf_add_char(&cursor->body, '}');
}

static void write_search(struct rh_cursor *cursor)
{
    bool pit = cursor->paging == RH_ELASTICSEARCH_PIT;

    if (!pit)
        rh_http_add_segment(&cursor->url, cursor->table);
    rh_buf_add_str(&cursor->url, "/_search?allow_partial_search_results=false");
    if (cursor->paging == RH_ELASTICSEARCH_SCROLL)
        rh_buf_add_str(&cursor->url, "&scroll=" KEEP_ALIVE);
    rh_buf_addf(&cursor->body, "{\"size\":%u,", cursor->page_size);
    rh_buf_add_text(&cursor->body, cursor->search);
    if (pit) {
        rh_buf_add_str(&cursor->body, ",\"pit\":{\"keep_alive\":\"" KEEP_ALIVE "\",\"id\":");
        rh_buf_add_text(&cursor->body, rh_buf_text(&cursor->token));
        rh_buf_add_char(&cursor->body, '}');
    }
    if (cursor->before.len) {
        rh_buf_add_str(&cursor->body, ",\"search_after\":");
        rh_buf_add_text(&cursor->body, rh_buf_text(&cursor->before));
    }
    rh_buf_add_char(&cursor->body, '}');
}

static void write_keys(struct rh_cursor *cursor)
{
    uint32_t n = cursor->n_ids - cursor->next_id;

    n = n < IDS_PER_REQUEST ? n : IDS_PER_REQUEST;
    rh_http_add_segment(&cursor->url, cursor->table);
    rh_buf_add_str(&cursor->url, "/_mget");
    for (uint32_t i = 0; i < n; i++) {
        rh_buf_add_str(&cursor->body, i ? "," : "{\"ids\":[");
        rh_json_add_string(&cursor->body, cursor->ids[cursor->next_id + i]);
    }
    rh_buf_add_str(&cursor->body, "]}");
    cursor->next_id += n;
}

static int open_page(struct rh_cursor *cursor, const struct rh_op *op, struct rh_error *error)
{
    bool keys = cursor->scan.way == RH_ELASTICSEARCH_KEYS;
    bool first = !cursor->token.len;
    struct rh_http_request request;
    int rc = RH_OK;

    if (!keys && cursor->paging == RH_ELASTICSEARCH_PIT && first)
        rc = open_pit(cursor, op, error);
    if (rc)
        return rc;
    rh_buf_clear(&cursor->url);
    rh_buf_clear(&cursor->body);
    if (keys)
        write_keys(cursor);
    else if (cursor->paging == RH_ELASTICSEARCH_SCROLL && !first)
        write_scroll(cursor);
    else
        write_search(cursor);
    if (cursor->url.failed || cursor->body.failed)
        return rh_fail(error, RH_RESOURCE, "the query is too large");
    request = rh_elasticsearch_request("POST", &cursor->url, rh_buf_text(&cursor->body), true);
    cursor->open = true;
    cursor->n_page = 0;
    rc =
        rh_http_documents_open(&cursor->documents, cursor->conn->host->http, cursor->conn->client,
                               op, &request, keys ? "docs" : "hits.hits",
                               RH_ELASTICSEARCH_DOCUMENT_BYTES, "cannot read the documents", error);
    if (rc == RH_NOT_FOUND && cursor->token.len && error) { /* the point in time, not the index */
        error->error_class = RH_UNAVAILABLE;
        error->retry = RH_RETRY_SAFE;
        rc = RH_UNAVAILABLE;
    }
    return rc;
}

static void end_page(struct rh_cursor *cursor)
{
    if (cursor->open)
        rh_http_documents_close(&cursor->documents);
    cursor->open = false;
}

int rh_elasticsearch_check_page(const struct rh_json *envelope, struct rh_error *error)
{
    const struct rh_json *timed_out = rh_json_member(envelope, "timed_out");
    const struct rh_json *failed = rh_json_member(rh_json_member(envelope, "_shards"), "failed");

    if (timed_out && timed_out->kind == RH_JSON_TRUE)
        return rh_fail(error, RH_TIMEOUT, "Elasticsearch has not searched everything in time");
    if (failed && !rh_text_is(failed->text, "0"))
        return rh_fail(error, RH_UNAVAILABLE, "%.*s of the index's shards have not answered",
                       RH_TEXT_ARG(failed->text));
    return RH_OK;
}

/* Behind the last document of a page. RH_END when there is no other. */
static int turn_page(struct rh_cursor *cursor, struct rh_error *error)
{
    const struct rh_json *envelope = cursor->documents.stream.envelope;
    bool full = cursor->n_page >= cursor->page_size;
    int rc = RH_OK;

    if (!cursor->documents.stream.found)
        return rh_fail(error, RH_PROTOCOL, "the server's answer has no documents");
    if (cursor->scan.way == RH_ELASTICSEARCH_KEYS) {
        end_page(cursor);
        cursor->done = cursor->next_id >= cursor->n_ids;
        return cursor->done ? RH_END : RH_OK;
    }
    rc = rh_elasticsearch_check_page(envelope, error);
    if (rc == RH_OK && cursor->paging == RH_ELASTICSEARCH_PIT && rh_json_member(envelope, "pit_id"))
        rc = take_token(cursor, rh_json_member(envelope, "pit_id"), error);
    if (rc == RH_OK && cursor->paging == RH_ELASTICSEARCH_SCROLL)
        rc = take_token(cursor, rh_json_member(envelope, "_scroll_id"), error);
    end_page(cursor);
    if (rc)
        return rc;
    cursor->done = cursor->paging == RH_ELASTICSEARCH_ONE_PAGE || !full;
    if (cursor->done)
        return RH_END;
    if (cursor->paging == RH_ELASTICSEARCH_SCROLL)
        return RH_OK;
    if (cursor->after.failed || !cursor->after.len)
        return rh_fail(error, RH_PROTOCOL, "the server's documents do not tell where they are");
    if (rh_text_equal(rh_buf_text(&cursor->after), rh_buf_text(&cursor->before)))
        return rh_fail(error, RH_PROTOCOL, "the server gives the same page again and again");
    rh_buf_clear(&cursor->before);
    rh_buf_add_text(&cursor->before, rh_buf_text(&cursor->after));
    cursor->page_size = RH_ELASTICSEARCH_PAGE;
    return cursor->before.failed ? rh_fail_nomem(error) : RH_OK;
}

/* Where the next page begins, should this be the last document of its page. */
static void note_position(struct rh_cursor *cursor, const struct rh_json *hit)
{
    const struct rh_json *sort;

    if (++cursor->n_page < cursor->page_size || cursor->paging != RH_ELASTICSEARCH_PIT)
        return;
    sort = rh_json_member(hit, "sort");
    rh_buf_clear(&cursor->after);
    if (sort && sort->kind == RH_JSON_ARRAY)
        rh_buf_add_text(&cursor->after, sort->source);
}

/* One of _mget that is not there, or cannot be read. */
static int check_found(const struct rh_json *hit, bool *ret_found, struct rh_error *error)
{
    const struct rh_json *failure = rh_json_member(hit, "error");
    const struct rh_json *found = rh_json_member(hit, "found");
    struct rh_text reason = rh_json_string(failure, "reason");

    *ret_found = found && found->kind == RH_JSON_TRUE;
    if (!failure)
        return RH_OK;
    if (rh_text_is(rh_json_string(failure, "type"), "index_not_found_exception"))
        return rh_fail(error, RH_NOT_FOUND, "%.*s", RH_TEXT_ARG(reason));
    return rh_fail(error, RH_UNAVAILABLE, "cannot read a document: %.*s", RH_TEXT_ARG(reason));
}

static int next_hit(struct rh_cursor *cursor, const struct rh_op *op, struct rh_json **ret_hit,
                    struct rh_error *error)
{
    bool found = true;
    int rc = RH_END;

    while (!cursor->done) {
        rc = cursor->open ? RH_OK : open_page(cursor, op, error);
        rh_arena_reset(cursor->document_arena);
        if (rc == RH_OK)
            rc = rh_http_documents_next(&cursor->documents, op, cursor->document_arena, ret_hit,
                                        error);
        if (rc == RH_END)
            rc = turn_page(cursor, error);
        else if (rc == RH_OK && cursor->scan.way == RH_ELASTICSEARCH_KEYS)
            rc = check_found(*ret_hit, &found, error);
        else if (rc == RH_OK)
            note_position(cursor, *ret_hit);
        if (rc || (cursor->open && found))
            return rc;
    }
    return RH_END;
}

/* ---- Rows ---------------------------------------------------------------------------------- */

static void add_version(struct rh_rowset *rows, struct rh_value *cell, const struct rh_json *hit)
{
    const struct rh_json *sequence = rh_json_member(hit, "_seq_no");
    const struct rh_json *term = rh_json_member(hit, "_primary_term");
    struct rh_buf text;

    if (!sequence || !term)
        return;
    rh_buf_init(&text, 64);
    rh_buf_addf(&text, "%.*s.%.*s", RH_TEXT_ARG(sequence->text), RH_TEXT_ARG(term->text));
    if (!text.failed)
        rh_rowset_bytes(rows, cell, RH_TYPE_TEXT, text.data, text.len);
    rh_buf_free(&text);
}

void rh_elasticsearch_add_row(struct rh_rowset *rows, const struct rh_column *columns,
                              uint32_t n_columns, uint32_t stride, const struct rh_json *hit)
{
    const struct rh_json *source = rh_json_member(hit, "_source");
    struct rh_text id = rh_json_string(hit, RH_ELASTICSEARCH_ID);
    struct rh_value *cells = rh_rowset_row(rows);

    for (uint32_t i = 0; cells && i < n_columns; i++) {
        const struct rh_column *column = rh_kit_column(columns, stride, i);
        enum rh_elasticsearch_kind kind = RH_ELASTICSEARCH_KIND(column->native_id);

        if (kind == RH_ELASTICSEARCH_KEY)
            rh_rowset_bytes(rows, &cells[i], RH_TYPE_TEXT, id.data, id.len);
        else if (kind == RH_ELASTICSEARCH_SEQUENCE)
            add_version(rows, &cells[i], hit);
        else
            rh_elasticsearch_cell(rows, &cells[i], column, rh_json_find(source, column->name));
    }
}

static int count(struct rh_cursor *cursor, const struct rh_op *op, struct rh_error *error)
{
    struct rh_json *answer = NULL;
    const struct rh_json *number;
    struct rh_http_request request;
    struct rh_value *cell;
    int64_t n;
    int rc;

    if (cursor->done)
        return RH_END;
    cursor->done = true;
    rh_buf_clear(&cursor->url);
    rh_buf_clear(&cursor->body);
    rh_http_add_segment(&cursor->url, cursor->table);
    rh_buf_add_str(&cursor->url, "/_count");
    rh_buf_add_char(&cursor->body, '{');
    rh_buf_add_text(&cursor->body, cursor->search);
    rh_buf_add_char(&cursor->body, '}');
    request = rh_elasticsearch_request("POST", &cursor->url, rh_buf_text(&cursor->body), true);
    rh_arena_reset(cursor->document_arena);
    rc = rh_elasticsearch_fetch(cursor->conn, op, &request, "cannot count the documents",
                                cursor->document_arena, &answer, error);
    if (rc == RH_OK)
        rc = rh_elasticsearch_check_page(answer, error);
    if (rc)
        return rc;
    number = rh_json_member(answer, "count");
    if (!number || !rh_text_to_i64(number->text, &n))
        return rh_fail(error, RH_PROTOCOL, "the server's answer has no count");
    cell = rh_rowset_row(&cursor->rows);
    if (cell)
        *cell = rh_kit_int(n);
    return RH_OK;
}

/* A row of a native search: its columns are members of the hit. */
static int next_native(struct rh_cursor *cursor)
{
    struct rh_value *cells;

    if (!cursor->answer)
        return RH_END;
    cells = rh_rowset_row(&cursor->rows);
    for (uint32_t i = 0; cells && i < cursor->n_columns; i++)
        rh_json_cell(&cursor->rows, &cells[i], &cursor->columns[i],
                     rh_json_find(cursor->answer, cursor->columns[i].name));
    cursor->answer = cursor->n_columns > 1 ? cursor->answer->next : NULL;
    return RH_OK;
}

int32_t rh_elasticsearch_next(struct rh_cursor *cursor, const struct rh_op *op, uint32_t max_rows,
                              struct rh_batch *ret_batch, struct rh_error *error)
{
    struct rh_json *hit = NULL;
    bool counting = cursor->scan.way == RH_ELASTICSEARCH_COUNT;
    int rc = rh_kit_check(cursor->conn->host, op, error);

    if (rc)
        return rc;
    rh_rowset_clear(&cursor->rows, max_rows);
    if (counting)
        rc = count(cursor, op, error);
    while (rc == RH_OK && cursor->is_native && rh_rowset_has_room(&cursor->rows))
        rc = next_native(cursor);
    while (rc == RH_OK && !counting && !cursor->is_native && cursor->left &&
           rh_rowset_has_room(&cursor->rows)) {
        rc = next_hit(cursor, op, &hit, error);
        if (rc == RH_OK && !rh_json_string(hit, RH_ELASTICSEARCH_ID).data)
            rc = rh_fail(error, RH_PROTOCOL, "the server sent a document without an _id");
        if (rc)
            break;
        rh_elasticsearch_add_row(&cursor->rows, cursor->columns, cursor->n_columns,
                                 sizeof(*cursor->columns), hit);
        if (cursor->left != RH_NO_LIMIT)
            cursor->left--;
    }
    return rc < 0 ? rc : rh_rowset_batch(&cursor->rows, ret_batch, error);
}

void rh_elasticsearch_finish(struct rh_cursor *cursor)
{
    end_page(cursor);
    if (cursor->paging != RH_ELASTICSEARCH_ONE_PAGE)
        give_back(cursor);
    rh_rowset_fini(&cursor->rows);
    rh_arena_free(cursor->document_arena);
    rh_arena_free(cursor->arena);
    rh_buf_free(&cursor->url);
    rh_buf_free(&cursor->body);
    rh_buf_free(&cursor->token);
    rh_buf_free(&cursor->after);
    rh_buf_free(&cursor->before);
    cursor->conn->cursor = NULL;
    free(cursor);
}
