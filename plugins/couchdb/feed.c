/*
 * Changes: _changes with feed=longpoll, one request at a time, so that the token is always the
 * server's own last_seq. Each change is the document as it is now; of several changes of a document
 * the server tells the last.
 *
 * With table_field: a deleted document does not say which table it was in, so its deletion is told to
 * the readers of every table, but for declared ones, where the _id tells.
 */
#include "couchdb.h"

#include "base/number.h"
#include "connector/json_cell.h"

#include <stdlib.h>
#include <string.h>

#define TOKEN_BYTES 4096
#define ANSWER_BYTES ((size_t)256 << 20)
#define LONGEST_MS 30000 /* of one request; proxies cut longer silences */
#define SPARE_MS 1000    /* before the deadline, for the answer to arrive */

struct rh_couchdb_feed {
    struct rh_arena *arena; /* of the answer at hand */
    struct rh_buf token;    /* table, space, the server's last_seq as JSON */
    size_t n_prefix;        /* bytes of the token before the JSON */
    uint32_t *kinds;
    uint32_t cap;
};

void rh_couchdb_feed_free(struct rh_couchdb_feed *feed)
{
    if (!feed)
        return;
    rh_arena_free(feed->arena);
    rh_buf_free(&feed->token);
    free(feed->kinds);
    free(feed);
}

static int fail_gone(struct rh_error *error)
{
    rh_error_clear(error);
    rh_fail(error, RH_NOT_FOUND, "the token is not one of this feed");
    return rh_error_code(error, "feed-gone");
}

/* Whose feed a token is of; a server takes another database's for its own. */
static void add_prefix(struct rh_couchdb_feed *feed, struct rh_text table)
{
    rh_buf_clear(&feed->token);
    rh_buf_add_text(&feed->token, table);
    rh_buf_add_char(&feed->token, ' ');
    feed->n_prefix = feed->token.len;
}

/* From a reader. */
static int take_token(struct rh_cursor *cursor, struct rh_text since, struct rh_error *error)
{
    struct rh_couchdb_feed *feed = cursor->feed;
    struct rh_json *seq = NULL;

    add_prefix(feed, cursor->table);
    if (feed->token.failed)
        return rh_fail_nomem(error);
    if (since.len > TOKEN_BYTES || since.len <= feed->n_prefix ||
        memcmp(since.data, feed->token.data, feed->n_prefix) != 0)
        return fail_gone(error);
    since = rh_text_make(since.data + feed->n_prefix, since.len - feed->n_prefix);
    if (rh_json_parse(feed->arena, since, &seq, error) ||
        (seq->kind != RH_JSON_NUMBER && seq->kind != RH_JSON_STRING))
        return fail_gone(error);
    rh_buf_add_text(&feed->token, since);
    return feed->token.failed ? rh_fail_nomem(error) : RH_OK;
}

/* The token of an answer; JSON, since PouchDB's is a number and CouchDB's a string. */
static int keep_token(struct rh_couchdb_feed *feed, const struct rh_json *answer,
                      struct rh_error *error)
{
    const struct rh_json *token = rh_json_member(answer, "last_seq");

    if (!token || token->source.len > TOKEN_BYTES)
        return rh_fail(error, RH_PROTOCOL, "the server's list of changes has no usable last_seq");
    feed->token.len = feed->n_prefix;
    rh_buf_add_text(&feed->token, token->source);
    return feed->token.failed ? rh_fail_nomem(error) : RH_OK;
}

/* since: JSON of a last_seq, or "now". */
static int ask(struct rh_cursor *cursor, const struct rh_op *op, const char *feed,
               struct rh_text since, uint32_t limit, uint64_t timeout_ms,
               struct rh_json **ret_answer, struct rh_error *error)
{
    struct rh_json *token = NULL;
    struct rh_http_request request;
    int rc;

    rh_arena_reset(cursor->feed->arena);
    rh_buf_clear(&cursor->url);
    rh_couchdb_add_database(cursor->conn, cursor->table, &cursor->url);
    rh_buf_addf(&cursor->url, "/_changes?include_docs=true&feed=%s&limit=%u&timeout=%llu", feed,
                (unsigned)limit, (unsigned long long)timeout_ms);
    if (!rh_text_is(since, "now")) {
        rc = rh_json_parse(cursor->feed->arena, since, &token, error);
        if (rc)
            return rc;
        since = token->text;
    }
    rh_http_add_parameter(&cursor->url, RH_TEXT("since"), since);
    if (cursor->url.failed)
        return rh_fail_nomem(error);
    request = rh_couchdb_request("GET", &cursor->url, rh_text_make(NULL, 0), true);
    rc = rh_couchdb_fetch(cursor->conn, op, &request, "cannot read the changes",
                          cursor->feed->arena, ret_answer, error);
    if (rc == RH_INVALID) /* 400: a token of another database */
        return fail_gone(error);
    return rc == RH_OK ? keep_token(cursor->feed, *ret_answer, error) : rc;
}

static int32_t feed_open(struct rh_conn *conn, const struct rh_op *op,
                         const struct rh_feed_spec *spec, struct rh_cursor **ret_cursor,
                         struct rh_error *error)
{
    struct rh_cursor *cursor = NULL;
    struct rh_json *answer;
    int rc;

    if (conn->cursor)
        return rh_fail(error, RH_INVALID, "the connection has an open cursor");
    rc = rh_couchdb_check_table(conn, spec->table, error);
    if (rc)
        return rc;
    rc = rh_couchdb_cursor_new(conn, spec->table, spec->columns, spec->n_columns,
                               spec->column_stride, NULL, spec->n_columns, &cursor, error);
    if (rc)
        return rc;
    cursor->scan.declared = spec->n_columns && cursor->columns[0].native_id & RH_COUCHDB_DECLARED;
    cursor->feed = calloc(1, sizeof(*cursor->feed));
    if (cursor->feed) {
        rh_buf_init(&cursor->feed->token, TOKEN_BYTES);
        cursor->feed->arena = rh_arena_new(ANSWER_BYTES);
    }
    if (!cursor->feed || !cursor->feed->arena)
        rc = rh_fail_nomem(error);
    else if (spec->since.data)
        rc = take_token(cursor, spec->since, error);
    else {
        add_prefix(cursor->feed, cursor->table);
        rc = ask(cursor, op, "normal", RH_TEXT("now"), 1, SPARE_MS, &answer, error);
    }
    if (rc)
        rh_couchdb_finish(cursor);
    else
        *ret_cursor = cursor;
    return rc;
}

/* The key of a declared table from its text. */
static void add_key(struct rh_cursor *cursor, struct rh_value *cell, const struct rh_column *column,
                    struct rh_text key)
{
    bool is_string = rh_text_is(rh_couchdb_native_type(column->type), "string");
    struct rh_json json = {.kind = is_string                  ? RH_JSON_STRING
                                   : rh_text_is(key, "true")  ? RH_JSON_TRUE
                                   : rh_text_is(key, "false") ? RH_JSON_FALSE
                                                              : RH_JSON_NUMBER,
                           .text = key,
                           .source = key};

    if (json.kind != RH_JSON_NUMBER || rh_number_length(key) == key.len)
        rh_json_cell(&cursor->rows, cell, column, &json);
}

/* A deletion tells the _id, and nothing else for certain. */
static int add_change(struct rh_cursor *cursor, const struct rh_json *change,
                      struct rh_error *error)
{
    struct rh_couchdb_feed *feed = cursor->feed;
    const struct rh_json *deleted = rh_json_member(change, "deleted");
    const struct rh_json *document = rh_json_member(change, "doc");
    struct rh_text id = rh_json_string(change, "id");
    struct rh_text key = rh_couchdb_key_of(cursor, id);
    bool is_deleted = deleted && deleted->kind == RH_JSON_TRUE;
    struct rh_value *cells;

    if (!key.data || rh_text_starts(id, "_design/") ||
        (!is_deleted && !rh_couchdb_is_row(cursor->conn, cursor->table, document)))
        return RH_OK;
    if (cursor->rows.n_rows >= feed->cap)
        return rh_fail(error, RH_PROTOCOL, "the server sent more changes than it was asked for");
    feed->kinds[cursor->rows.n_rows] = is_deleted ? RH_CHANGE_DELETE : RH_CHANGE_PUT;
    if (!is_deleted) {
        rh_couchdb_add_row(&cursor->rows, cursor->columns, cursor->n_columns, document);
        return RH_OK;
    }
    cells = rh_rowset_row(&cursor->rows);
    for (uint32_t i = 0; cells && i < cursor->n_columns; i++)
        if (rh_text_is(cursor->columns[i].name, RH_COUCHDB_ID))
            rh_rowset_bytes(&cursor->rows, &cells[i], RH_TYPE_TEXT, id.data, id.len);
        else if (cursor->columns[i].native_id & RH_COUCHDB_KEY)
            add_key(cursor, &cells[i], &cursor->columns[i], key);
    return RH_OK;
}

static uint64_t patience_ms(const struct rh_conn *conn, const struct rh_op *op)
{
    uint64_t now_us = conn->host->now_us(conn->host);
    uint64_t left_ms = op->deadline_us > now_us ? (op->deadline_us - now_us) / 1000 : 0;

    left_ms = left_ms > SPARE_MS ? left_ms - SPARE_MS : 0;
    return left_ms < LONGEST_MS ? left_ms : LONGEST_MS;
}

/* Waits for changes. PouchDB does not heed the time-out that it is given, so we do: then *ret_answer
 * stays NULL, and the token as it was. */
static int wait_for(struct rh_cursor *cursor, const struct rh_op *op, uint32_t max_changes,
                    struct rh_json **ret_answer, struct rh_error *error)
{
    struct rh_couchdb_feed *of = cursor->feed;
    struct rh_text token =
        rh_text_make(of->token.data + of->n_prefix, of->token.len - of->n_prefix);
    uint64_t patience = patience_ms(cursor->conn, op);
    struct rh_op shorter = *op;
    int rc;

    if (!patience)
        return ask(cursor, op, "normal", token, max_changes, SPARE_MS, ret_answer, error);
    shorter.deadline_us =
        cursor->conn->host->now_us(cursor->conn->host) + (patience + SPARE_MS / 2) * 1000;
    rc = ask(cursor, &shorter, "longpoll", token, max_changes, patience, ret_answer, error);
    if (rc != RH_TIMEOUT || rh_kit_check(cursor->conn->host, op, NULL))
        return rc;
    rh_error_clear(error);
    return RH_OK;
}

static int make_room(struct rh_couchdb_feed *feed, uint32_t n, struct rh_error *error)
{
    uint32_t *kinds;

    if (n <= feed->cap)
        return RH_OK;
    kinds = realloc(feed->kinds, (size_t)n * sizeof(*kinds));
    if (!kinds)
        return rh_fail_nomem(error);
    feed->kinds = kinds;
    feed->cap = n;
    return RH_OK;
}

static int32_t feed_next(struct rh_cursor *cursor, const struct rh_op *op, uint32_t max_changes,
                         struct rh_feed_batch *ret_batch, struct rh_error *error)
{
    const struct rh_json *results;
    struct rh_json *answer = NULL;
    int rc;

    if (max_changes > 10000)
        max_changes = 10000;
    rc = make_room(cursor->feed, max_changes, error);
    if (rc == RH_OK)
        rc = wait_for(cursor, op, max_changes, &answer, error);
    if (rc)
        return rc;
    rh_rowset_clear(&cursor->rows, max_changes);
    results = rh_json_member(answer, "results");
    for (const struct rh_json *change = results ? results->child : NULL; change && rc == RH_OK;
         change = change->next)
        rc = add_change(cursor, change, error);
    if (rc == RH_OK)
        rc = rh_rowset_batch(&cursor->rows, &ret_batch->rows, error);
    if (rc < 0)
        return rc;
    ret_batch->rows.n_cols = cursor->n_columns;
    if (rc == RH_END)
        ret_batch->rows.n_rows = 0;
    ret_batch->kinds = cursor->feed->kinds;
    ret_batch->token = rh_buf_text(&cursor->feed->token);
    return RH_OK;
}

const struct rh_feed rh_couchdb_changes = {
    .struct_size = sizeof(rh_couchdb_changes),
    .open = feed_open,
    .next = feed_next,
};
