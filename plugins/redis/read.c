/*
 * Cursors. Keys are listed or come from SCAN; what a row needs of them is asked for in pipelines, a
 * window of keys at a time, so that about a MiB is under way. The next SCAN goes out with the last
 * window of the one before. Sets, sorted sets and streams come in pages, many keys at once; a key
 * that has another page is asked again behind the others.
 */
#include "redis.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH_BYTES ((size_t)64 << 10)
#define CURSOR_BYTES ((size_t)1 << 30)
#define UNDER_WAY_BYTES ((size_t)1 << 20)
#define MAX_WINDOW 512u /* keys under way */
#define MAX_PAGED 64u   /* of those that come in pages */
#define PAGE 500u       /* members or entries */
#define SCAN_COUNT 1000u
#define MAX_POSITION 64 /* a score or an id */

/* A key whose replies are under way. */
struct request {
    struct rh_text key;
    uint64_t cursor;           /* SET: of SSCAN */
    uint64_t n_skip;           /* ZSET: members with the lowest score that came already */
    char low[MAX_POSITION];    /* ZSET, STREAM: where the page begins; "": at the scan's low */
    struct rh_redis_seen seen; /* SET with several pages */
};

struct rh_redis_requests {
    struct rh_redis_scan scan;
    struct rh_text *fields; /* HASH: of the output, in its order */
    uint32_t n_fields;
    bool wants_ttl;
    /* keys that are known and not asked for */
    struct rh_arena *key_arena;
    struct rh_text *queue;
    uint32_t n_queue, at_queue;
    uint64_t scan_cursor;
    bool scan_sent, scan_done;
    struct rh_redis_seen seen;
    /* keys that are asked for: a ring */
    struct request ring[MAX_WINDOW];
    uint32_t first, n_pending;
    uint32_t window;
    uint64_t n_bytes, n_answers; /* so far, to find the window */
    /* the page at hand */
    struct request at;
    const struct rh_redis_reply *page, *ttl;
    uint32_t at_item;
    struct rh_arena *document_arena;
};

static bool is_paged(enum rh_redis_kind kind)
{
    return kind == RH_REDIS_SET || kind == RH_REDIS_ZSET || kind == RH_REDIS_STREAM;
}

/* ---- Cursors --------------------------------------------------------------------------------- */

int rh_redis_cursor_new(struct rh_conn *conn, uint32_t n_columns, struct rh_cursor **ret_cursor,
                        struct rh_error *error)
{
    struct rh_cursor *cursor;

    if (conn->cursor)
        return rh_fail(error, RH_INVALID, "the connection has an open cursor");
    cursor = calloc(1, sizeof(*cursor));
    if (!cursor)
        return rh_fail_nomem(error);
    cursor->conn = conn;
    conn->cursor = cursor;
    cursor->left = RH_NO_LIMIT;
    cursor->n_columns = n_columns;
    rh_rowset_init(&cursor->rows, n_columns, BATCH_BYTES);
    cursor->arena = rh_arena_new(CURSOR_BYTES);
    if (!cursor->arena) {
        rh_redis_finish(cursor);
        return rh_fail_nomem(error);
    }
    *ret_cursor = cursor;
    return RH_OK;
}

int rh_redis_cursor_columns(struct rh_cursor *cursor, const struct rh_column *columns,
                            uint32_t stride, const uint32_t *select, uint32_t n,
                            struct rh_error *error)
{
    bool ok = true;

    cursor->columns = rh_arena_array(cursor->arena, n, sizeof(*cursor->columns));
    for (uint32_t i = 0; cursor->columns && i < n; i++) {
        const struct rh_column *column = rh_kit_column(columns, stride, select ? select[i] : i);
        if (!column->native_id)
            return rh_fail(error, RH_NOT_FOUND, "there is no column \"%.*s\"",
                           RH_TEXT_ARG(column->name));
        cursor->columns[i] =
            (struct rh_column){.name = rh_arena_text(cursor->arena, column->name, &ok),
                               .type = column->type,
                               .flags = column->flags,
                               .native_id = column->native_id};
    }
    return cursor->columns && ok ? RH_OK : rh_fail_nomem(error);
}

static int prepare(struct rh_cursor *cursor, const struct rh_op *op, const struct rh_query *query,
                   struct rh_error *error)
{
    struct rh_redis_requests *r = calloc(1, sizeof(*r));
    int rc;

    cursor->requests = r;
    if (!r)
        return rh_fail_nomem(error);
    r->key_arena = rh_arena_new(CURSOR_BYTES);
    r->document_arena = rh_arena_new(RH_REDIS_REPLY_BYTES * 16);
    r->fields = rh_arena_array(cursor->arena, cursor->n_columns, sizeof(*r->fields));
    if (!r->key_arena || !r->document_arena || !r->fields)
        return rh_fail_nomem(error);
    r->window = is_paged(cursor->table.kind) ? MAX_PAGED : MAX_WINDOW / 8;
    r->seen.max_bytes = op->memory_budget ? op->memory_budget / 2 : CURSOR_BYTES;
    for (uint32_t i = 0; i < cursor->n_columns; i++) {
        enum rh_redis_role role = rh_redis_role_of(&cursor->columns[i]);
        r->wants_ttl = r->wants_ttl || role == RH_REDIS_TTL;
        if (role == RH_REDIS_FIELD)
            r->fields[r->n_fields++] = cursor->columns[i].name;
    }
    rc = rh_redis_scan_of(query, &cursor->table, cursor->arena, &r->scan, error);
    r->queue = r->scan.keys;
    r->n_queue = r->scan.n_keys;
    r->scan_done = r->scan.keys != NULL;
    return rc;
}

int32_t rh_redis_open(struct rh_conn *conn, const struct rh_op *op, const struct rh_query *query,
                      struct rh_cursor **ret_cursor, struct rh_error *error)
{
    struct rh_cursor *cursor = NULL;
    int rc = rh_redis_cursor_new(conn, query->n_select, &cursor, error);

    if (rc || !cursor)
        return rc;
    rc = rh_redis_enter(conn, op, error);
    cursor->left = query->limit;
    if (rc == RH_OK)
        rc = rh_redis_table_find(&conn->config, query->schema, query->table, cursor->arena,
                                 &cursor->table, error);
    if (rc == RH_OK)
        rc = rh_redis_cursor_columns(cursor, query->columns, query->column_stride, query->select,
                                     query->n_select, error);
    if (rc == RH_OK)
        rc = prepare(cursor, op, query, error);
    rh_redis_leave(conn);
    if (rc)
        rh_redis_finish(cursor);
    else
        *ret_cursor = cursor;
    return rc;
}

/* ---- Asking ---------------------------------------------------------------------------------- */

static void word_u64(struct rh_conn *conn, uint64_t number)
{
    char text[24];
    int n = snprintf(text, sizeof(text), "%llu", (unsigned long long)number);

    rh_redis_word(conn, rh_text_make(text, (size_t)n));
}

static void ask_page(struct rh_cursor *cursor, const struct request *request)
{
    const struct rh_redis_requests *r = cursor->requests;
    struct rh_conn *conn = cursor->conn;
    struct rh_text low = request->low[0] ? rh_text_of(request->low) : r->scan.low;

    if (cursor->table.kind == RH_REDIS_SET) {
        rh_redis_begin(conn, 5);
        rh_redis_word(conn, RH_TEXT("SSCAN"));
        rh_redis_word(conn, request->key);
        word_u64(conn, request->cursor);
        rh_redis_word(conn, RH_TEXT("COUNT"));
    } else if (cursor->table.kind == RH_REDIS_ZSET) {
        rh_redis_begin(conn, 8);
        rh_redis_word(conn, RH_TEXT("ZRANGEBYSCORE"));
        rh_redis_word(conn, request->key);
        rh_redis_word(conn, low);
        rh_redis_word(conn, r->scan.high);
        rh_redis_word(conn, RH_TEXT("WITHSCORES"));
        rh_redis_word(conn, RH_TEXT("LIMIT"));
        word_u64(conn, request->n_skip);
    } else {
        rh_redis_begin(conn, 6);
        rh_redis_word(conn, RH_TEXT("XRANGE"));
        rh_redis_word(conn, request->key);
        rh_redis_word(conn, low);
        rh_redis_word(conn, r->scan.high);
        rh_redis_word(conn, RH_TEXT("COUNT"));
    }
    word_u64(conn, PAGE);
}

/* HLEN tells whether there is such a hash, when it has none of the fields. */
static void ask_value(struct rh_cursor *cursor, struct rh_text key)
{
    const struct rh_redis_requests *r = cursor->requests;
    struct rh_conn *conn = cursor->conn;

    if (cursor->table.kind != RH_REDIS_HASH) {
        rh_redis_command_on(conn, "GET", key);
        return;
    }
    rh_redis_command_on(conn, "HLEN", key);
    if (!r->n_fields)
        return;
    rh_redis_begin(conn, r->n_fields + 2);
    rh_redis_word(conn, RH_TEXT("HMGET"));
    rh_redis_word(conn, key);
    for (uint32_t i = 0; i < r->n_fields; i++)
        rh_redis_word(conn, r->fields[i]);
}

static void push(struct rh_cursor *cursor, const struct request *request)
{
    struct rh_redis_requests *r = cursor->requests;

    r->ring[(r->first + r->n_pending++) % MAX_WINDOW] = *request;
    if (r->wants_ttl)
        rh_redis_command_on(cursor->conn, "TTL", request->key);
    if (is_paged(cursor->table.kind))
        ask_page(cursor, request);
    else
        ask_value(cursor, request->key);
}

static void ask_scan(struct rh_cursor *cursor)
{
    struct rh_redis_requests *r = cursor->requests;
    struct rh_conn *conn = cursor->conn;
    uint64_t count = cursor->left < SCAN_COUNT ? cursor->left + 10 : SCAN_COUNT;

    rh_redis_begin(conn, 6);
    rh_redis_word(conn, RH_TEXT("SCAN"));
    word_u64(conn, r->scan_cursor);
    rh_redis_word(conn, RH_TEXT("MATCH"));
    rh_redis_word(conn, r->scan.glob);
    rh_redis_word(conn, RH_TEXT("COUNT"));
    word_u64(conn, count);
    r->scan_sent = true;
}

/* Keys that are rows, and have not come before, go into the queue. */
static int take_keys(struct rh_cursor *cursor, const struct rh_redis_reply *keys,
                     struct rh_error *error)
{
    struct rh_redis_requests *r = cursor->requests;
    bool ok = true, is_new = true;
    int rc = RH_OK;

    rh_arena_reset(r->key_arena);
    r->n_queue = r->at_queue = 0;
    r->queue = rh_arena_array(r->key_arena, keys->n, sizeof(*r->queue));
    if (!r->queue)
        return rh_fail_nomem(error);
    for (uint32_t i = 0; i < keys->n && ok && rc == RH_OK; i++) {
        struct rh_text values[RH_REDIS_MAX_PLACEHOLDERS], key = keys->items[i]->text;

        if (keys->items[i]->type != RH_REDIS_REPLY_TEXT)
            return rh_redis_fail(error, keys->items[i], "cannot list the keys");
        if (!rh_redis_pattern_match(&cursor->table.pattern, key, values) ||
            !rh_redis_filter_holds(&r->scan.filter, &cursor->table.pattern, values))
            continue;
        rc = rh_redis_seen_add(&r->seen, key, &is_new, error);
        if (rc == RH_OK && is_new)
            r->queue[r->n_queue++] = rh_arena_text(r->key_arena, key, &ok);
    }
    return ok ? rc : rh_fail_nomem(error);
}

static int take_scan(struct rh_cursor *cursor, const struct rh_op *op, struct rh_error *error)
{
    struct rh_redis_requests *r = cursor->requests;
    const struct rh_redis_reply *reply;
    int rc = rh_redis_receive(cursor->conn, op, &reply, error);

    if (rc == RH_OK)
        rc = rh_redis_check_array(reply, 2, "cannot list the keys", error);
    if (rc == RH_OK && (reply->items[0]->type != RH_REDIS_REPLY_TEXT ||
                        !rh_text_to_u64(reply->items[0]->text, &r->scan_cursor)))
        rc = rh_fail(error, RH_PROTOCOL, "Redis gave no cursor with its keys");
    if (rc == RH_OK)
        rc = rh_redis_check_array(reply->items[1], 0, "cannot list the keys", error);
    if (rc == RH_OK)
        rc = take_keys(cursor, reply->items[1], error);
    rh_redis_release(cursor->conn);
    r->scan_sent = false;
    r->scan_done = r->scan_cursor == 0;
    return rc;
}

/* Sends for more; RH_END when nothing is left. Nothing is pending. */
static int ask(struct rh_cursor *cursor, const struct rh_op *op, struct rh_error *error)
{
    struct rh_redis_requests *r = cursor->requests;
    uint32_t window = r->window;
    int rc = rh_kit_check(cursor->conn->host, op, error);

    if (rc)
        return rc;
    if (r->at_queue == r->n_queue) {
        if (r->scan_done)
            return RH_END;
        if (!r->scan_sent) {
            ask_scan(cursor);
            rc = rh_redis_flush(cursor->conn, op, error);
        }
        return rc ? rc : take_scan(cursor, op, error);
    }
    if (cursor->left < window)
        window = (uint32_t)cursor->left;
    while (r->at_queue < r->n_queue && r->n_pending < window)
        push(cursor, &(struct request){.key = r->queue[r->at_queue++]});
    if (r->at_queue == r->n_queue && !r->scan_done && !is_paged(cursor->table.kind) &&
        cursor->left > r->n_pending)
        ask_scan(cursor);
    return rh_redis_flush(cursor->conn, op, error);
}

/* ---- Answers --------------------------------------------------------------------------------- */

static uint64_t size_of(const struct rh_redis_reply *reply)
{
    uint64_t n = reply->text.len + 16;

    for (uint32_t i = 0; i < reply->n; i++)
        n += size_of(reply->items[i]);
    return n;
}

static void find_window(struct rh_redis_requests *r, const struct rh_redis_reply *value)
{
    uint64_t window;

    r->n_answers++;
    r->n_bytes += size_of(value);
    window = UNDER_WAY_BYTES / (r->n_bytes / r->n_answers + 1);
    r->window = window < 1 ? 1 : window > MAX_WINDOW ? MAX_WINDOW : (uint32_t)window;
}

static int add_single(struct rh_cursor *cursor, const struct request *request,
                      const struct rh_redis_reply *value, const struct rh_redis_reply *ttl,
                      struct rh_error *error)
{
    struct rh_redis_requests *r = cursor->requests;
    struct rh_text values[RH_REDIS_MAX_PLACEHOLDERS];
    struct rh_redis_row row = {.values = values, .ttl = ttl, .fields = value, .text = value->text};
    struct rh_json *document = NULL;
    int rc = RH_OK;

    rh_redis_pattern_match(&cursor->table.pattern, request->key, values);
    if (cursor->table.kind == RH_REDIS_JSON) {
        rh_arena_reset(r->document_arena);
        rc = rh_redis_document(request->key, value->text, r->document_arena, &document, error);
        row.document = document;
    }
    if (rc)
        return rc;
    rh_redis_add_row(&cursor->rows, cursor->columns, cursor->n_columns, sizeof(*cursor->columns),
                     &cursor->table, &row);
    if (cursor->left != RH_NO_LIMIT)
        cursor->left--;
    return RH_OK;
}

/* A key that is gone, or of another kind, is no row. */
static int take_value(struct rh_cursor *cursor, const struct rh_op *op,
                      const struct request *request, const struct rh_redis_reply *ttl,
                      struct rh_error *error)
{
    struct rh_redis_requests *r = cursor->requests;
    bool is_hash = cursor->table.kind == RH_REDIS_HASH;
    const struct rh_redis_reply *first, *value;
    int rc = rh_redis_receive(cursor->conn, op, &first, error);

    value = first;
    if (rc == RH_OK && is_hash && r->n_fields)
        rc = rh_redis_receive(cursor->conn, op, &value, error);
    if (rc)
        return rc;
    find_window(r, value);
    if (rh_redis_is_error(first, "WRONGTYPE") || rh_redis_is_error(value, "WRONGTYPE") ||
        (is_hash ? first->type == RH_REDIS_REPLY_INT && !first->integer
                 : first->type == RH_REDIS_REPLY_NIL))
        return RH_OK;
    if (is_hash && r->n_fields)
        rc = rh_redis_check_array(value, r->n_fields, "cannot read a hash", error);
    else if (value->type != (is_hash ? RH_REDIS_REPLY_INT : RH_REDIS_REPLY_TEXT))
        rc = rh_redis_fail(error, value, "cannot read a key");
    return rc ? rc : add_single(cursor, request, value, ttl, error);
}

static bool is_shape(const struct rh_redis_reply *reply, enum rh_redis_reply_type type)
{
    return reply->type == type;
}

/* Whether all items of a page are what they have to be. */
static bool is_page(enum rh_redis_kind kind, const struct rh_redis_reply *page)
{
    if (!is_shape(page, RH_REDIS_REPLY_ARRAY) || (kind == RH_REDIS_ZSET && page->n % 2))
        return false;
    for (uint32_t i = 0; i < page->n; i++) {
        const struct rh_redis_reply *item = page->items[i];

        if (kind != RH_REDIS_STREAM && !is_shape(item, RH_REDIS_REPLY_TEXT))
            return false;
        if (kind == RH_REDIS_STREAM && (!is_shape(item, RH_REDIS_REPLY_ARRAY) || item->n != 2 ||
                                        !is_shape(item->items[0], RH_REDIS_REPLY_TEXT) ||
                                        item->items[0]->text.len >= MAX_POSITION))
            return false;
    }
    return true;
}

/* Where the page behind this one begins. False when there is none. */
static bool turn_zset(struct request *next, const struct rh_redis_reply *page)
{
    struct rh_text last = page->n ? page->items[page->n - 1]->text : rh_text_make(NULL, 0);
    uint64_t n = 0;

    if (page->n < 2 * PAGE || last.len >= MAX_POSITION)
        return false;
    while (n < page->n / 2 && rh_text_equal(page->items[page->n - 1 - 2 * n]->text, last))
        n++;
    /* All of one score: they are counted on. */
    next->n_skip = n == page->n / 2 && rh_text_is(last, next->low) ? next->n_skip + n : n;
    memcpy(next->low, last.data, last.len);
    next->low[last.len] = 0;
    return true;
}

static bool turn_stream(struct request *next, const struct rh_redis_reply *page)
{
    uint64_t ms, seq;

    if (page->n < PAGE || !rh_redis_parse_id(page->items[page->n - 1]->items[0]->text, &ms, &seq) ||
        (seq == UINT64_MAX && ms == UINT64_MAX))
        return false;
    ms += seq == UINT64_MAX;
    seq++;
    snprintf(next->low, sizeof(next->low), "%llu-%llu", (unsigned long long)ms,
             (unsigned long long)seq);
    return true;
}

static int take_page(struct rh_cursor *cursor, const struct rh_op *op,
                     const struct request *request, struct rh_error *error)
{
    struct rh_redis_requests *r = cursor->requests;
    enum rh_redis_kind kind = cursor->table.kind;
    struct request next = *request;
    const struct rh_redis_reply *page;
    bool more = false;
    int rc = rh_redis_receive(cursor->conn, op, &page, error);

    r->at = *request;
    r->at.seen.max_bytes = r->seen.max_bytes;
    if (rc || rh_redis_is_error(page, "WRONGTYPE"))
        return rc;
    next.seen = (struct rh_redis_seen){.prints = NULL}; /* end_page hands it on */
    if (kind == RH_REDIS_SET) {
        rc = rh_redis_check_array(page, 2, "cannot read a set", error);
        if (rc == RH_OK && !rh_text_to_u64(page->items[0]->text, &next.cursor))
            rc = rh_fail(error, RH_PROTOCOL, "Redis gave no cursor with a set's members");
        if (rc)
            return rc;
        page = page->items[1];
        more = next.cursor != 0;
    }
    if (!is_page(kind, page))
        return rh_redis_fail(error, page, "cannot read the members of a key");
    if (kind == RH_REDIS_ZSET)
        more = turn_zset(&next, page);
    else if (kind == RH_REDIS_STREAM)
        more = turn_stream(&next, page);
    r->at.cursor = next.cursor;
    r->page = page;
    r->at_item = 0;
    if (!more)
        return RH_OK;
    push(cursor, &next);
    return rh_redis_flush(cursor->conn, op, error);
}

/* The replies of the first key that is pending. */
static int take_answer(struct rh_cursor *cursor, const struct rh_op *op, struct rh_error *error)
{
    struct rh_redis_requests *r = cursor->requests;
    struct request request = r->ring[r->first];
    int rc = RH_OK;

    r->ttl = NULL;
    if (r->wants_ttl)
        rc = rh_redis_receive(cursor->conn, op, &r->ttl, error);
    r->first = (r->first + 1) % MAX_WINDOW;
    r->n_pending--;
    if (rc == RH_OK && is_paged(cursor->table.kind))
        return take_page(cursor, op, &request, error);
    if (rc == RH_OK)
        rc = take_value(cursor, op, &request, r->ttl, error);
    rh_redis_release(cursor->conn);
    return rc;
}

/* ---- Pages ----------------------------------------------------------------------------------- */

/* SSCAN of a set with several pages may tell of a member twice. */
static int is_new_member(struct rh_redis_requests *r, struct rh_text member, bool *ret_new,
                         struct rh_error *error)
{
    struct rh_redis_seen *seen = &r->at.seen;
    bool is_only = r->at.cursor == 0 && !seen->n;

    *ret_new = true;
    return is_only ? RH_OK : rh_redis_seen_add(seen, member, ret_new, error);
}

static int add_item(struct rh_cursor *cursor, struct rh_error *error)
{
    struct rh_redis_requests *r = cursor->requests;
    struct rh_redis_reply *const *items = r->page->items + r->at_item;
    struct rh_text values[RH_REDIS_MAX_PLACEHOLDERS];
    struct rh_redis_row row = {.values = values, .ttl = r->ttl};
    bool is_new = true;
    int rc = RH_OK;

    rh_redis_pattern_match(&cursor->table.pattern, r->at.key, values);
    if (cursor->table.kind == RH_REDIS_STREAM) {
        row.text = items[0]->items[0]->text;
        row.fields = items[0]->items[1];
    } else {
        row.text = items[0]->text;
    }
    if (cursor->table.kind == RH_REDIS_ZSET)
        row.score = items[1]->text;
    else if (cursor->table.kind == RH_REDIS_SET)
        rc = is_new_member(r, row.text, &is_new, error);
    r->at_item += cursor->table.kind == RH_REDIS_ZSET ? 2 : 1;
    if (rc || !is_new)
        return rc;
    rh_redis_add_row(&cursor->rows, cursor->columns, cursor->n_columns, sizeof(*cursor->columns),
                     &cursor->table, &row);
    if (cursor->left != RH_NO_LIMIT)
        cursor->left--;
    return RH_OK;
}

/* What is known of a set's members goes on with its next page. */
static void end_page(struct rh_cursor *cursor)
{
    struct rh_redis_requests *r = cursor->requests;

    for (uint32_t i = 0; i < r->n_pending; i++) {
        struct request *pending = &r->ring[(r->first + i) % MAX_WINDOW];
        if (r->at.cursor && pending->key.data == r->at.key.data) {
            pending->seen = r->at.seen;
            r->at.seen = (struct rh_redis_seen){.prints = NULL};
        }
    }
    rh_redis_seen_fini(&r->at.seen);
    r->page = NULL;
    rh_redis_release(cursor->conn);
}

/* ---- The vtable's -------------------------------------------------------------------------- */

static int read_rows(struct rh_cursor *cursor, const struct rh_op *op, struct rh_error *error)
{
    struct rh_redis_requests *r = cursor->requests;
    int rc = RH_OK;

    while (rc == RH_OK && cursor->left && rh_rowset_has_room(&cursor->rows)) {
        if (r->page && r->at_item < r->page->n)
            rc = add_item(cursor, error);
        else if (r->page)
            end_page(cursor);
        else if (r->n_pending)
            rc = take_answer(cursor, op, error);
        else
            rc = ask(cursor, op, error);
    }
    return rc;
}

int32_t rh_redis_next(struct rh_cursor *cursor, const struct rh_op *op, uint32_t max_rows,
                      struct rh_batch *ret_batch, struct rh_error *error)
{
    int rc = rh_redis_enter(cursor->conn, op, error);

    if (rc == RH_OK && cursor->native) {
        rc = rh_redis_native_next(cursor, max_rows, ret_batch, error);
    } else if (rc == RH_OK) {
        rh_rowset_clear(&cursor->rows, max_rows);
        rc = read_rows(cursor, op, error);
        rc = rc < 0 ? rc : rh_rowset_batch(&cursor->rows, ret_batch, error);
    }
    rh_redis_leave(cursor->conn);
    return rc;
}

void rh_redis_finish(struct rh_cursor *cursor)
{
    struct rh_redis_requests *r = cursor->requests;

    rh_redis_abandon(cursor->conn);
    if (r) {
        for (uint32_t i = 0; i < r->n_pending; i++)
            rh_redis_seen_fini(&r->ring[(r->first + i) % MAX_WINDOW].seen);
        rh_redis_seen_fini(&r->at.seen);
        rh_redis_seen_fini(&r->seen);
        rh_arena_free(r->key_arena);
        rh_arena_free(r->document_arena);
        free(r);
    }
    rh_redis_feed_free(cursor->feed);
    rh_rowset_fini(&cursor->rows);
    rh_arena_free(cursor->arena);
    cursor->conn->cursor = NULL;
    free(cursor);
}
