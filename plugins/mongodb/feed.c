/*
 * Changes: a change stream on the collection, with the documents as they are now. The token is the
 * server's own resume token, as hexadecimal BSON. A server that gives none before the first change (older
 * ones, emulators) is told the time at which the feed was opened.
 *
 * A change whose document is gone by the time that it is looked up is left out: its deletion follows.
 */
#include "mongodb.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TOKEN_BYTES 4096
#define LONGEST_MS 5000 /* of one wait at the server */
#define SPARE_MS 1000   /* before the deadline, for the answer to arrive */
#define EARLY_MS 50     /* before a server is asked again that does not wait */
#define MAX_CHANGES 10000

struct rh_mongodb_feed {
    struct rh_buf token; /* hexadecimal BSON: {"resumeAfter": …} or {"startAtOperationTime": …} */
    uint32_t *kinds;
    uint32_t cap;
};

void rh_mongodb_feed_free(struct rh_mongodb_feed *feed)
{
    if (!feed)
        return;
    rh_buf_free(&feed->token);
    free(feed->kinds);
    free(feed);
}

/* ---- Tokens ---------------------------------------------------------------------------------- */

static int keep(struct rh_mongodb_feed *feed, const bson_t *start, struct rh_error *error)
{
    const uint8_t *data = bson_get_data(start);

    rh_buf_clear(&feed->token);
    for (uint32_t i = 0; i < start->len; i++)
        rh_buf_addf(&feed->token, "%02x", data[i]);
    return feed->token.failed ? rh_fail(error, RH_PROTOCOL, "the server's resume token is too long")
                              : RH_OK;
}

static int keep_token(struct rh_mongodb_feed *feed, const bson_iter_t *token,
                      struct rh_error *error)
{
    bson_t start = BSON_INITIALIZER;
    int rc;

    bson_append_iter(&start, "resumeAfter", -1, token);
    rc = keep(feed, &start, error);
    bson_destroy(&start);
    return rc;
}

static int keep_now(struct rh_mongodb_feed *feed, struct rh_error *error)
{
    bson_t start = BSON_INITIALIZER;
    int rc;

    BSON_APPEND_TIMESTAMP(&start, "startAtOperationTime", (uint32_t)time(NULL), 1);
    rc = keep(feed, &start, error);
    bson_destroy(&start);
    return rc;
}

static int gone(struct rh_error *error, const char *why)
{
    rh_fail(error, RH_NOT_FOUND, "%s", why);
    return rh_error_code(error, "feed-gone");
}

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Appends what the token holds to the stage. */
static int append_token(bson_t *stage, struct rh_text token, struct rh_error *error)
{
    uint8_t bytes[TOKEN_BYTES / 2];
    bson_iter_t iter;
    bson_t start;

    if (token.len > TOKEN_BYTES || token.len % 2)
        return gone(error, "the token is not one of this feed");
    for (uint64_t i = 0; i < token.len; i += 2) {
        int high = digit(token.data[i]), low = digit(token.data[i + 1]);
        if (high < 0 || low < 0)
            return gone(error, "the token is not one of this feed");
        bytes[i / 2] = (uint8_t)(high << 4 | low);
    }
    if (!bson_init_static(&start, bytes, token.len / 2) ||
        !bson_validate(&start, BSON_VALIDATE_NONE, NULL) || !bson_iter_init(&iter, &start) ||
        !bson_iter_next(&iter))
        return gone(error, "the token is not one of this feed");
    if ((strcmp(bson_iter_key(&iter), "resumeAfter") != 0 || !BSON_ITER_HOLDS_DOCUMENT(&iter)) &&
        (strcmp(bson_iter_key(&iter), "startAtOperationTime") != 0 ||
         !BSON_ITER_HOLDS_TIMESTAMP(&iter)))
        return gone(error, "the token is not one of this feed");
    bson_append_iter(stage, NULL, 0, &iter);
    return RH_OK;
}

/* The server's token for what has been read so far, if it gives one. */
static int keep_batch_token(struct rh_cursor *cursor, bool *ret_found, struct rh_error *error)
{
    bson_iter_t iter, token;

    *ret_found = bson_iter_init(&iter, &cursor->reply) &&
                 bson_iter_find_descendant(&iter, "cursor.postBatchResumeToken", &token) &&
                 BSON_ITER_HOLDS_DOCUMENT(&token);
    return *ret_found ? keep_token(cursor->feed, &token, error) : RH_OK;
}

/* ---- Opening --------------------------------------------------------------------------------- */

static int watch(struct rh_cursor *cursor, struct rh_text since, struct rh_error *error)
{
    bson_t command = BSON_INITIALIZER, list, stage, options, part;
    bool found = false;
    int rc = RH_OK;

    bson_append_utf8(&command, "aggregate", -1, cursor->collection.data,
                     (int)cursor->collection.len);
    bson_append_array_begin(&command, "pipeline", -1, &list);
    bson_append_document_begin(&list, "0", -1, &stage);
    bson_append_document_begin(&stage, "$changeStream", -1, &options);
    BSON_APPEND_UTF8(&options, "fullDocument", "updateLookup");
    if (since.data)
        rc = append_token(&options, since, error);
    bson_append_document_end(&stage, &options);
    bson_append_document_end(&list, &stage);
    bson_append_array_end(&command, &list);
    bson_append_document_begin(&command, "cursor", -1, &part);
    bson_append_document_end(&command, &part);
    if (rc == RH_OK && since.data)
        rh_buf_add_text(&cursor->feed->token, since);
    else if (rc == RH_OK)
        rc = keep_now(cursor->feed, error);
    if (rc == RH_OK)
        rc = rh_mongodb_cursor_run(cursor, RH_MONGODB_READ, &command, "cannot watch the collection",
                                   error);
    bson_destroy(&command);
    if (rc == RH_NOT_FOUND || (rc == RH_INVALID && since.data))
        error->error_class = rc = RH_NOT_FOUND;
    if (rc == RH_NOT_FOUND)
        return rh_error_code(error, "feed-gone");
    if (rc == RH_INVALID && error && error->native_code == 40573) { /* only on replica sets */
        error->error_class = rc = RH_UNSUPPORTED;
        rh_error_hint(error, "change streams need a replica set or a sharded cluster");
    }
    return rc == RH_OK && !since.data ? keep_batch_token(cursor, &found, error) : rc;
}

static bool has_id(const struct rh_feed_spec *spec)
{
    for (uint32_t i = 0; i < spec->n_columns; i++)
        if (rh_text_is(rh_mongodb_column(spec->columns, spec->column_stride, i)->name,
                       RH_MONGODB_ID))
            return true;
    return false;
}

static int32_t feed_open(struct rh_conn *conn, const struct rh_op *op,
                         const struct rh_feed_spec *spec, struct rh_cursor **ret_cursor,
                         struct rh_error *error)
{
    struct rh_cursor *cursor = NULL;
    int rc = conn->cursor ? rh_fail(error, RH_INVALID, "the connection has an open cursor") : RH_OK;

    if (rc == RH_OK)
        rc = rh_mongodb_begin(conn, op, error);
    if (rc)
        return rc;
    rc = rh_mongodb_check_collection(conn, spec->table, error);
    if (rc == RH_OK && !has_id(spec)) {
        rh_fail(error, RH_UNSUPPORTED,
                "MongoDB tells of a deletion no more than its _id, and the "
                "table does not show that");
        rc = rh_error_hint(error, "follow a collection whose key is _id");
    }
    if (rc == RH_OK)
        rc = rh_mongodb_cursor_new(conn, spec->table, spec->columns, spec->n_columns,
                                   spec->column_stride, &cursor, error);
    if (rc == RH_OK && !(cursor->feed = calloc(1, sizeof(*cursor->feed))))
        rc = rh_fail_nomem(error);
    if (rc == RH_OK) {
        rh_buf_init(&cursor->feed->token, TOKEN_BYTES);
        rc = watch(cursor, spec->since, error);
    }
    if (rc && cursor)
        rh_mongodb_finish(cursor);
    else if (rc == RH_OK)
        *ret_cursor = cursor;
    rh_mongodb_end(conn);
    return rc;
}

/* ---- Reading --------------------------------------------------------------------------------- */

static bool find_document(const bson_t *change, const char *name, bson_t *ret_document)
{
    const uint8_t *data;
    bson_iter_t iter;
    uint32_t size;

    if (!bson_iter_init_find(&iter, change, name) || !BSON_ITER_HOLDS_DOCUMENT(&iter))
        return false;
    bson_iter_document(&iter, &size, &data);
    return bson_init_static(ret_document, data, size);
}

static int add_change(struct rh_cursor *cursor, const bson_t *change, struct rh_error *error)
{
    struct rh_mongodb_feed *feed = cursor->feed;
    const char *kind = "";
    bson_iter_t iter;
    bson_t document;
    bool deleted;

    if (bson_iter_init_find(&iter, change, "operationType") && BSON_ITER_HOLDS_UTF8(&iter))
        kind = bson_iter_utf8(&iter, NULL);
    if (strcmp(kind, "drop") == 0 || strcmp(kind, "rename") == 0 ||
        strcmp(kind, "invalidate") == 0 || strcmp(kind, "dropDatabase") == 0)
        return gone(error, "the collection was dropped or renamed");
    deleted = strcmp(kind, "delete") == 0;
    if (!deleted && strcmp(kind, "insert") != 0 && strcmp(kind, "update") != 0 &&
        strcmp(kind, "replace") != 0)
        return RH_OK;
    if (!find_document(change, deleted ? "documentKey" : "fullDocument", &document))
        return RH_OK;
    feed->kinds[cursor->rows.n_rows] = deleted ? RH_CHANGE_DELETE : RH_CHANGE_PUT;
    return rh_mongodb_add_row(cursor, &document, error);
}

/* Changes of the batch at hand; each one's _id is the token behind it. */
static int take_changes(struct rh_cursor *cursor, uint32_t max_changes, struct rh_error *error)
{
    bson_iter_t token;
    bool found = false;
    bson_t change;
    int rc = RH_OK;

    while (rc == RH_OK && cursor->rows.n_rows < max_changes && rh_rowset_has_room(&cursor->rows)) {
        rc = rh_mongodb_cursor_document(cursor, &change, error);
        if (rc == RH_OK)
            rc = add_change(cursor, &change, error);
        if (rc == RH_OK && bson_iter_init_find(&token, &change, "_id") &&
            BSON_ITER_HOLDS_DOCUMENT(&token))
            rc = keep_token(cursor->feed, &token, error);
    }
    return rc == RH_END ? keep_batch_token(cursor, &found, error) : rc;
}

static int make_room(struct rh_mongodb_feed *feed, uint32_t n, struct rh_error *error)
{
    uint32_t *kinds = n <= feed->cap ? feed->kinds : realloc(feed->kinds, n * sizeof(*kinds));

    if (!kinds)
        return rh_fail_nomem(error);
    feed->cap = n > feed->cap ? n : feed->cap;
    feed->kinds = kinds;
    return RH_OK;
}

/* What is left of the batch, else one more that the server waits for. */
static int wait_for(struct rh_cursor *cursor, uint32_t max_changes, struct rh_error *error)
{
    struct rh_conn *conn = cursor->conn;
    int64_t ms = rh_mongodb_left_ms(conn);
    uint64_t until_us;
    int rc = take_changes(cursor, max_changes, error);

    ms -= ms / 2 < SPARE_MS ? ms / 2 : SPARE_MS;
    ms = ms < 1 ? 1 : ms > LONGEST_MS ? LONGEST_MS : ms;
    until_us = conn->host->now_us(conn->host) + (uint64_t)ms * 1000;
    while (rc == RH_OK && !cursor->rows.n_rows && !cursor->more) {
        if (!cursor->id)
            return gone(error, "the server has ended the feed");
        rc = rh_mongodb_cursor_more(cursor, max_changes, ms, error);
        if (rc == RH_NOT_FOUND)
            return rh_error_code(error, "feed-gone");
        if (rc == RH_OK)
            rc = take_changes(cursor, max_changes, error);
        if (rc || cursor->rows.n_rows || conn->host->now_us(conn->host) >= until_us)
            break;
        rc = rh_mongodb_pause(conn, EARLY_MS, error); /* it did not wait */
    }
    return rc;
}

static int32_t feed_next(struct rh_cursor *cursor, const struct rh_op *op, uint32_t max_changes,
                         struct rh_feed_batch *ret_batch, struct rh_error *error)
{
    struct rh_conn *conn = cursor->conn;
    int rc = rh_mongodb_begin(conn, op, error);

    if (rc)
        return rc;
    if (max_changes > MAX_CHANGES)
        max_changes = MAX_CHANGES;
    rh_rowset_clear(&cursor->rows, max_changes);
    rc = make_room(cursor->feed, max_changes, error);
    if (rc == RH_OK)
        rc = wait_for(cursor, max_changes, error);
    rh_mongodb_end(conn);
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

const struct rh_feed rh_mongodb_changes = {
    .struct_size = sizeof(rh_mongodb_changes),
    .open = feed_open,
    .next = feed_next,
};
