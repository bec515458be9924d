/*
 * Changes: of a stream that is one key, with XREAD; the token is the id of the last entry. What is
 * added comes at least once and in order.
 *
 * Other kinds have no feed. Keyspace notifications are messages to who listens at that moment: what
 * happens while nobody does, or while the connection is down, is lost, and no token brings it back.
 *
 * Trimming takes entries from the beginning. So long as an entry up to the token is there, or none
 * was ever taken away, nothing behind the token was: else the token is gone. Entries that are deleted
 * one by one are not told.
 */
#include "redis.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_TOKEN 64
#define BLOCK_MS 500 /* of one XREAD: so long another call may have to wait behind a cancel */
#define SPARE_US 500000u

struct rh_redis_feed {
    struct rh_text key;
    char token[MAX_TOKEN];
    uint32_t *kinds;
    uint32_t cap;
};

void rh_redis_feed_free(struct rh_redis_feed *feed)
{
    if (!feed)
        return;
    free(feed->kinds);
    free(feed);
}

static int gone(struct rh_error *error, const char *why)
{
    rh_fail(error, RH_NOT_FOUND, "the token is %s", why);
    return rh_error_code(error, "feed-gone");
}

/* <0, 0, >0; what is no id is the lowest. */
static int compare_ids(struct rh_text a, struct rh_text b)
{
    uint64_t a_ms = 0, a_seq = 0, b_ms = 0, b_seq = 0;

    (void)rh_redis_parse_id(a, &a_ms, &a_seq);
    (void)rh_redis_parse_id(b, &b_ms, &b_seq);
    if (a_ms != b_ms)
        return a_ms < b_ms ? -1 : 1;
    return (a_seq > b_seq) - (a_seq < b_seq);
}

/* ---- What the stream says of itself ---------------------------------------------------------- */

static const struct rh_redis_reply *info_of(const struct rh_redis_reply *info, const char *name)
{
    for (uint32_t i = 0; info->type == RH_REDIS_REPLY_ARRAY && i + 1 < info->n; i += 2)
        if (rh_text_is(info->items[i]->text, name))
            return info->items[i + 1];
    return NULL;
}

/* "0-0" when there is no such key yet. */
static struct rh_text last_id(const struct rh_redis_reply *info)
{
    const struct rh_redis_reply *last = info_of(info, "last-generated-id");

    return last ? last->text : RH_TEXT("0-0");
}

static bool is_complete(const struct rh_redis_reply *info, struct rh_text token, bool any)
{
    const struct rh_redis_reply *first = info_of(info, "first-entry");
    const struct rh_redis_reply *added = info_of(info, "entries-added");
    const struct rh_redis_reply *length = info_of(info, "length");

    if (!any && compare_ids(last_id(info), token) <= 0)
        return true;
    if (added && length && added->integer == length->integer)
        return true;
    return first && first->type == RH_REDIS_REPLY_ARRAY && first->n > 0 &&
           compare_ids(first->items[0]->text, token) <= 0;
}

static int ask_info(struct rh_cursor *cursor, const struct rh_op *op,
                    const struct rh_redis_reply **ret_info, struct rh_error *error)
{
    int rc;

    rh_redis_command_on(cursor->conn, "XINFO STREAM", cursor->feed->key);
    rc = rh_redis_flush(cursor->conn, op, error);
    if (rc == RH_OK)
        rc = rh_redis_receive(cursor->conn, op, ret_info, error);
    if (rc == RH_OK && !rh_redis_is_error(*ret_info, "ERR no such key"))
        rc = rh_redis_check(*ret_info, "cannot follow the stream", error);
    return rc;
}

/* ---- Opening --------------------------------------------------------------------------------- */

static int begin(struct rh_cursor *cursor, const struct rh_op *op, struct rh_text since,
                 struct rh_error *error)
{
    struct rh_redis_feed *feed = cursor->feed;
    const struct rh_redis_reply *info;
    uint64_t ms, seq;
    int rc;

    if (since.data && (since.len >= MAX_TOKEN || !rh_redis_parse_id(since, &ms, &seq)))
        return gone(error, "not one of this feed");
    rc = ask_info(cursor, op, &info, error);
    if (rc)
        return rc;
    if (!since.data)
        since = last_id(info);
    else if (compare_ids(since, last_id(info)) > 0)
        return gone(error, "not one of this feed");
    if (since.len >= MAX_TOKEN)
        return rh_fail(error, RH_PROTOCOL, "Redis gave an id that is none");
    memcpy(feed->token, since.data, since.len);
    return RH_OK;
}

static int find_stream(struct rh_cursor *cursor, const struct rh_feed_spec *spec,
                       struct rh_error *error)
{
    int rc = rh_redis_table_find(&cursor->conn->config, spec->schema, spec->table, cursor->arena,
                                 &cursor->table, error);

    if (rc)
        return rc;
    if (cursor->table.kind == RH_REDIS_STREAM && !cursor->table.pattern.n) {
        cursor->feed->key = cursor->table.pattern.lead;
        return rh_redis_cursor_columns(cursor, spec->columns, spec->column_stride, NULL,
                                       spec->n_columns, error);
    }
    rh_fail(error, RH_UNSUPPORTED,
            "of Redis only a table that is one stream can be followed: notifications of other keys "
            "get lost");
    return rh_error_hint(error, "add changes to a stream, and declare it with its key as pattern");
}

static int32_t feed_open(struct rh_conn *conn, const struct rh_op *op,
                         const struct rh_feed_spec *spec, struct rh_cursor **ret_cursor,
                         struct rh_error *error)
{
    struct rh_cursor *cursor = NULL;
    int rc = rh_redis_cursor_new(conn, spec->n_columns, &cursor, error);

    if (rc)
        return rc;
    cursor->feed = calloc(1, sizeof(*cursor->feed));
    rc = cursor->feed ? rh_redis_enter(conn, op, error) : rh_fail_nomem(error);
    if (rc == RH_OK)
        rc = find_stream(cursor, spec, error);
    if (rc == RH_OK)
        rc = begin(cursor, op, spec->since, error);
    rh_redis_release(conn);
    rh_redis_leave(conn);
    if (rc)
        rh_redis_finish(cursor);
    else
        *ret_cursor = cursor;
    return rc;
}

/* ---- Following ------------------------------------------------------------------------------- */

static void ask_entries(struct rh_cursor *cursor, uint32_t max_changes, uint64_t block_ms)
{
    struct rh_conn *conn = cursor->conn;
    char words[96];

    snprintf(words, sizeof(words), "XREAD COUNT %u BLOCK %llu STREAMS", (unsigned)max_changes,
             (unsigned long long)(block_ms ? block_ms : 1));
    rh_redis_begin(conn, 8);
    for (struct rh_text rest = rh_text_of(words); rest.len;)
        rh_redis_word(conn, rh_text_cut(&rest, ' '));
    rh_redis_word(conn, cursor->feed->key);
    rh_redis_word(conn, rh_text_of(cursor->feed->token));
    rh_redis_command_on(conn, "XINFO STREAM", cursor->feed->key);
    rh_redis_command_on(conn, "TTL", cursor->feed->key);
}

static int add_entries(struct rh_cursor *cursor, const struct rh_redis_reply *entries,
                       const struct rh_redis_reply *ttl, struct rh_error *error)
{
    struct rh_redis_feed *feed = cursor->feed;

    for (uint32_t i = 0; i < entries->n; i++) {
        const struct rh_redis_reply *entry = entries->items[i];
        struct rh_redis_row row = {.ttl = ttl};

        if (entry->type != RH_REDIS_REPLY_ARRAY || entry->n != 2 || i >= feed->cap ||
            entry->items[0]->text.len >= MAX_TOKEN)
            return rh_fail(error, RH_PROTOCOL, "Redis sent an entry that is none");
        row.text = entry->items[0]->text;
        row.fields = entry->items[1];
        feed->kinds[i] = RH_CHANGE_PUT;
        rh_redis_add_row(&cursor->rows, cursor->columns, cursor->n_columns,
                         sizeof(*cursor->columns), &cursor->table, &row);
        memset(feed->token, 0, sizeof(feed->token));
        memcpy(feed->token, row.text.data, row.text.len);
    }
    return RH_OK;
}

/* One XREAD; the rows are empty when nothing came. */
static int read_once(struct rh_cursor *cursor, const struct rh_op *op, uint32_t max_changes,
                     uint64_t block_ms, struct rh_error *error)
{
    const struct rh_redis_reply *streams = NULL, *info = NULL, *ttl = NULL;
    const char *what = "cannot follow the stream";
    bool any;
    int rc;

    ask_entries(cursor, max_changes, block_ms);
    rc = rh_redis_flush(cursor->conn, op, error);
    if (rc == RH_OK)
        rc = rh_redis_receive(cursor->conn, op, &streams, error);
    if (rc == RH_OK)
        rc = rh_redis_receive(cursor->conn, op, &info, error);
    if (rc == RH_OK)
        rc = rh_redis_receive(cursor->conn, op, &ttl, error);
    any = rc == RH_OK && streams->type != RH_REDIS_REPLY_NIL;
    if (any && (rc = rh_redis_check_array(streams, 1, what, error)) == RH_OK &&
        (rc = rh_redis_check_array(streams->items[0], 2, what, error)) == RH_OK)
        rc = rh_redis_check_array(streams->items[0]->items[1], 1, what, error);
    if (rc == RH_OK && !is_complete(info, rh_text_of(cursor->feed->token), any))
        rc = gone(error, "too old: entries behind it were taken out of the stream");
    if (rc == RH_OK && any)
        rc = add_entries(cursor, streams->items[0]->items[1], ttl, error);
    rh_redis_release(cursor->conn);
    return rc;
}

static int make_room(struct rh_redis_feed *feed, uint32_t n, struct rh_error *error)
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

static int follow(struct rh_cursor *cursor, const struct rh_op *op, uint32_t max_changes,
                  struct rh_error *error)
{
    const struct rh_host *host = cursor->conn->host;
    int rc = make_room(cursor->feed, max_changes, error);

    rh_rowset_clear(&cursor->rows, max_changes);
    while (rc == RH_OK && !cursor->rows.n_rows) {
        uint64_t now_us = host->now_us(host);
        uint64_t left_us =
            op->deadline_us > now_us + SPARE_US ? op->deadline_us - now_us - SPARE_US : 0;
        uint64_t block_ms = left_us / 1000 < BLOCK_MS ? left_us / 1000 : BLOCK_MS;

        rc = read_once(cursor, op, max_changes, block_ms, error);
        if (!left_us)
            break;
    }
    return rc;
}

static int32_t feed_next(struct rh_cursor *cursor, const struct rh_op *op, uint32_t max_changes,
                         struct rh_feed_batch *ret_batch, struct rh_error *error)
{
    int rc = rh_redis_enter(cursor->conn, op, error);

    if (rc == RH_OK)
        rc = follow(cursor, op, max_changes > 1000 ? 1000 : max_changes, error);
    if (rc == RH_OK)
        rc = rh_rowset_batch(&cursor->rows, &ret_batch->rows, error);
    rh_redis_leave(cursor->conn);
    if (rc < 0)
        return rc;
    ret_batch->rows.n_cols = cursor->n_columns;
    if (rc == RH_END)
        ret_batch->rows.n_rows = 0;
    ret_batch->kinds = cursor->feed->kinds;
    ret_batch->token = rh_text_of(cursor->feed->token);
    return RH_OK;
}

const struct rh_feed rh_redis_changes = {
    .struct_size = sizeof(rh_redis_changes),
    .open = feed_open,
    .next = feed_next,
};
