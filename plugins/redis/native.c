/*
 * Native statements: one command, in words. A word may be quoted as redis-cli takes it ("a b\n\x00",
 * 'a b'); $1, $2, … as whole words are the parameters, sent as words of their own.
 *
 * Read-only is the server's own word: of commands that it does not mark so (COMMAND INFO) none is
 * sent. Commands that change the connection's state or turn it into a channel are refused.
 *
 * The answer is one row per item, with the column `value`; an item that is a list is JSON.
 */
#include "redis.h"

#include <string.h>
#include <strings.h>

#define TEXT_BYTES ((size_t)64 << 20)
#define MAX_WORDS 65536u

static const char *const refused[] = {
    "auth",      "hello",       "reset",      "quit",         "select",     "client",
    "multi",     "exec",        "discard",    "watch",        "unwatch",    "monitor",
    "subscribe", "unsubscribe", "psubscribe", "punsubscribe", "ssubscribe", "sunsubscribe",
    "sync",      "psync",       "replconf",   "readonly",     "readwrite",  "asking",
};

struct statement {
    const struct rh_native_spec *spec;
    struct rh_arena *arena;
    struct rh_vec words; /* of struct rh_text */
    uint32_t n_used;     /* the highest parameter */
};

/* ---- Words ----------------------------------------------------------------------------------- */

static int bad_quote(struct rh_error *error)
{
    return rh_fail(error, RH_INVALID, "the command has a quote that does not end a word");
}

static int hex_digit(char c)
{
    char lower = (char)(c | 0x20);
    return c >= '0' && c <= '9' ? c - '0' : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* The character behind a backslash; moves *at behind it. */
static char unescape(const char **at, const char *end)
{
    char c = *(*at)++;
    int high, low;

    switch (c) {
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    case 'b':
        return '\b';
    case 'a':
        return '\a';
    case 'x':
        high = end - *at >= 2 ? hex_digit((*at)[0]) : -1;
        low = high >= 0 ? hex_digit((*at)[1]) : -1;
        if (low < 0)
            return c;
        *at += 2;
        return (char)(high << 4 | low);
    default:
        return c;
    }
}

static int add_quoted(const char **at, const char *end, struct rh_buf *word, struct rh_error *error)
{
    char quote = *(*at)++;

    while (*at < end && **at != quote) {
        char c = *(*at)++;
        bool escapes = c == '\\' && *at < end && (quote == '"' || **at == '\'' || **at == '\\');

        rh_buf_add_char(word, !escapes ? c : quote == '"' ? unescape(at, end) : *(*at)++);
    }
    if (*at == end || (*at + 1 < end && !strchr(" \t\r\n", (*at)[1])))
        return bad_quote(error);
    (*at)++;
    return RH_OK;
}

static int add_parameter(struct statement *s, uint64_t number, struct rh_buf *word,
                         struct rh_error *error)
{
    const struct rh_value *value;

    if (number == 0 || number > s->spec->n_parameters)
        return rh_fail(error, RH_INVALID, "the command has a parameter $%llu, and %u are given",
                       (unsigned long long)number, (unsigned)s->spec->n_parameters);
    value = &s->spec->parameters[number - 1];
    if (number > s->n_used)
        s->n_used = (uint32_t)number;
    if (rh_kit_is_null(value))
        return rh_fail(error, RH_DATA, "the parameter $%llu is null, which Redis does not have",
                       (unsigned long long)number);
    return rh_text_cell_add(word, value, error);
}

static int add_word(struct statement *s, const char **at, const char *end, struct rh_buf *word,
                    struct rh_error *error)
{
    const char *begin = *at;
    uint64_t number;

    rh_buf_clear(word);
    if (**at == '"' || **at == '\'')
        return add_quoted(at, end, word, error);
    while (*at < end && !strchr(" \t\r\n", **at))
        (*at)++;
    if (*begin == '$' &&
        rh_text_to_u64(rh_text_make(begin + 1, (size_t)(*at - begin) - 1), &number))
        return add_parameter(s, number, word, error);
    rh_buf_add(word, begin, (size_t)(*at - begin));
    return RH_OK;
}

static int split(struct statement *s, struct rh_error *error)
{
    const char *at = s->spec->text.data, *end = at + s->spec->text.len;
    struct rh_buf word;
    bool ok = true;
    int rc = RH_OK;

    if (s->spec->text.len && memchr(at, 0, s->spec->text.len))
        return rh_fail(error, RH_INVALID, "the command has a NUL in it: write \"\\x00\"");
    rh_buf_init(&word, TEXT_BYTES);
    while (rc == RH_OK && ok && at < end) {
        struct rh_text *slot;

        if (strchr(" \t\r\n", *at)) {
            at++;
            continue;
        }
        rc = add_word(s, &at, end, &word, error);
        slot = s->words.n < MAX_WORDS ? rh_vec_push(&s->words, s->arena) : NULL;
        ok = slot && !word.failed;
        if (ok)
            *slot = rh_arena_text(s->arena, rh_buf_text(&word), &ok);
    }
    rh_buf_free(&word);
    if (rc == RH_OK && !ok)
        rc = rh_fail(error, RH_RESOURCE, "the command is too large");
    if (rc == RH_OK && !s->words.n)
        rc = rh_fail(error, RH_INVALID, "there is no command");
    if (rc == RH_OK && s->n_used < s->spec->n_parameters)
        rc = rh_fail(error, RH_INVALID, "%u parameters are given, and the command has %u",
                     (unsigned)s->spec->n_parameters, (unsigned)s->n_used);
    return rc;
}

/* ---- May it run? ----------------------------------------------------------------------------- */

static int check_state(struct rh_text name, struct rh_error *error)
{
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        if (name.len == strlen(refused[i]) && strncasecmp(name.data, refused[i], name.len) == 0)
            return rh_fail(error, RH_UNSUPPORTED,
                           "%s would change the connection, which others use after", refused[i]);
    return RH_OK;
}

static bool is_marked(const struct rh_redis_reply *info, const char *flag)
{
    const struct rh_redis_reply *flags;

    if (info->type != RH_REDIS_REPLY_ARRAY || info->n != 1 ||
        info->items[0]->type != RH_REDIS_REPLY_ARRAY || info->items[0]->n < 3)
        return false;
    flags = info->items[0]->items[2];
    for (uint32_t i = 0; i < flags->n; i++)
        if (rh_text_is(flags->items[i]->text, flag))
            return true;
    return false;
}

static int check_read_only(struct rh_conn *conn, const struct rh_op *op, struct rh_text name,
                           struct rh_error *error)
{
    const struct rh_redis_reply *info;
    int rc;

    rh_redis_command_on(conn, "COMMAND INFO", name);
    rc = rh_redis_flush(conn, op, error);
    if (rc == RH_OK)
        rc = rh_redis_receive(conn, op, &info, error);
    if (rc == RH_OK)
        rc = rh_redis_check(info, "cannot tell whether the command only reads", error);
    if (rc == RH_OK && !is_marked(info, "readonly")) {
        rh_fail(error, RH_PERMISSION, "the server does not say of %.*s that it only reads",
                RH_TEXT_ARG(name));
        rc = RH_PERMISSION;
    }
    rh_redis_release(conn);
    return rc;
}

/* ---- The answer ------------------------------------------------------------------------------ */

static void add_json(struct rh_buf *text, const struct rh_redis_reply *reply)
{
    switch (reply->type) {
    case RH_REDIS_REPLY_NIL:
        rh_buf_add_str(text, "null");
        break;
    case RH_REDIS_REPLY_INT:
        rh_buf_add_i64(text, reply->integer);
        break;
    case RH_REDIS_REPLY_ARRAY:
        rh_buf_add_char(text, '[');
        for (uint32_t i = 0; i < reply->n; i++) { /* hiredis allows seven levels */
            if (i)
                rh_buf_add_char(text, ',');
            add_json(text, reply->items[i]);
        }
        rh_buf_add_char(text, ']');
        break;
    default:
        rh_json_add_string(text, reply->text);
    }
}

static void add_item(struct rh_rowset *rows, const struct rh_redis_reply *reply)
{
    static const struct rh_column column = {.type = RH_TYPE_TEXT};
    struct rh_value *cell = rh_rowset_row(rows);
    struct rh_buf text;

    if (!cell)
        return;
    if (reply->type == RH_REDIS_REPLY_NIL) {
        *cell = rh_kit_null();
    } else if (reply->type == RH_REDIS_REPLY_INT) {
        *cell = rh_kit_int(reply->integer);
    } else if (reply->type == RH_REDIS_REPLY_ARRAY) {
        rh_buf_init(&text, RH_REDIS_REPLY_BYTES * 8);
        add_json(&text, reply);
        rh_rowset_bytes(rows, cell, RH_TYPE_JSON, rh_buf_text(&text).data, text.len);
        rows->failed = rows->failed || text.failed;
        rh_buf_free(&text);
    } else {
        rh_text_cell(rows, cell, &column, reply->text);
    }
}

/* The type of the first item that is not null. */
static uint32_t type_of(const struct rh_rowset *rows)
{
    for (uint64_t i = 0; i < rows->n_rows; i++)
        if (!rh_kit_is_null(&rows->cells[i]))
            return rows->cells[i].type == RH_TYPE_BYTES ? RH_TYPE_TEXT : rows->cells[i].type;
    return RH_TYPE_TEXT;
}

static int give(struct rh_conn *conn, const struct rh_op *op, const struct rh_redis_reply *reply,
                struct rh_native_result *result, struct rh_error *error)
{
    struct rh_column *column = conn->host->alloc(op->arena, sizeof(*column));
    struct rh_cursor *cursor = NULL;
    int rc = column ? rh_redis_cursor_new(conn, 1, &cursor, error) : rh_fail_nomem(error);

    if (rc)
        return rc;
    cursor->native = true;
    cursor->rows.max_bytes = SIZE_MAX;
    rh_rowset_clear(&cursor->rows, RH_NO_LIMIT);
    if (reply->type == RH_REDIS_REPLY_ARRAY)
        for (uint32_t i = 0; i < reply->n; i++)
            add_item(&cursor->rows, reply->items[i]);
    else
        add_item(&cursor->rows, reply);
    *column = (struct rh_column){
        .name = RH_TEXT("value"), .native_type = RH_TEXT("reply"), .type = type_of(&cursor->rows)};
    if (cursor->rows.failed) {
        rh_redis_finish(cursor);
        return rh_fail_nomem(error);
    }
    result->columns = column;
    result->n_columns = 1;
    result->cursor = cursor;
    return RH_OK;
}

int rh_redis_native_next(struct rh_cursor *cursor, uint32_t max_rows, struct rh_batch *ret_batch,
                         struct rh_error *error)
{
    struct rh_batch all = {.struct_size = sizeof(all)};
    int rc =
        cursor->at < cursor->rows.n_rows ? rh_rowset_batch(&cursor->rows, &all, error) : RH_END;

    if (rc)
        return rc;
    ret_batch->n_cols = all.n_cols;
    ret_batch->cells = all.cells + cursor->at;
    ret_batch->n_rows = all.n_rows - cursor->at < max_rows ? all.n_rows - cursor->at : max_rows;
    cursor->at += ret_batch->n_rows;
    return RH_OK;
}

/* ---- Running --------------------------------------------------------------------------------- */

static int execute(struct rh_conn *conn, const struct rh_op *op, const struct statement *s,
                   struct rh_native_result *result, struct rh_error *error)
{
    const struct rh_text *words = s->words.items;
    const struct rh_redis_reply *reply;
    int rc;

    rh_redis_begin(conn, s->words.n);
    for (uint32_t i = 0; i < s->words.n; i++)
        rh_redis_word(conn, words[i]);
    rc = rh_redis_flush(conn, op, error);
    if (rc == RH_OK)
        rc = rh_redis_receive(conn, op, &reply, error);
    if (rc) {
        conn->broken = true; /* the server may wait with it for ever */
        if (error && !(op->flags & RH_OP_READ_ONLY))
            error->retry = RH_RETRY_IF_IDEMPOTENT;
        return rc;
    }
    if (rh_redis_is_error(reply, "ERR unknown")) {
        rh_fail(error, RH_INVALID, "the server has no command %.*s", RH_TEXT_ARG(words[0]));
        rc = RH_INVALID;
    } else {
        rc = rh_redis_check(reply, "the server refuses the command", error);
    }
    if (rc == RH_OK)
        rc = give(conn, op, reply, result, error);
    rh_redis_release(conn);
    return rc;
}

static int32_t run(struct rh_conn *conn, const struct rh_op *op, const struct rh_native_spec *spec,
                   struct rh_native_result *ret_result, struct rh_error *error)
{
    struct statement s = {
        .spec = spec, .arena = rh_arena_new(TEXT_BYTES * 4), .words = RH_VEC_INIT(struct rh_text)};
    int rc = s.arena ? rh_redis_enter(conn, op, error) : rh_fail_nomem(error);

    if (rc == RH_OK && conn->cursor)
        rc = rh_fail(error, RH_INVALID, "the connection has an open cursor");
    if (rc == RH_OK)
        rc = split(&s, error);
    if (rc == RH_OK)
        rc = check_state(*(const struct rh_text *)s.words.items, error);
    if (rc == RH_OK && op->flags & RH_OP_READ_ONLY)
        rc = check_read_only(conn, op, *(const struct rh_text *)s.words.items, error);
    if (rc == RH_OK)
        rc = execute(conn, op, &s, ret_result, error);
    rh_redis_leave(conn);
    rh_arena_free(s.arena);
    return rc;
}

const struct rh_native rh_redis_native = {
    .struct_size = sizeof(rh_redis_native),
    .language = RH_TEXT_INIT("Redis commands"),
    .run = run,
};
