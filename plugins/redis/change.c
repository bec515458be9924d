/*
 * What one row of a write means in commands, for each kind. Everything that could fail in EXEC is
 * checked before, since Redis takes nothing back.
 */
#include "write.h"

#include "connector/json_cell.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define VALUE_BYTES ((size_t)512 << 20)
#define MAX_TTL INT64_C(1000000000000) /* seconds: Redis counts milliseconds in 64 bits */

const struct rh_column *rh_redis_written(const struct rh_redis_write *write, uint32_t position)
{
    return rh_kit_column(write->spec->columns, write->spec->column_stride, position);
}

static bool is_set(const struct rh_redis_write *w, uint32_t i)
{
    return !w->is_key[i] && rh_redis_role_of(rh_redis_written(w, i)) == RH_REDIS_FIELD;
}

/* How many fields the row sets to a value, or takes away. */
static uint32_t count_fields(const struct rh_redis_write *w, const struct rh_redis_change *row,
                             bool with_value)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < w->spec->n_columns; i++)
        n += is_set(w, i) && rh_kit_is_null(&row->cells[i]) != with_value;
    return n;
}

/* The cell of the column with this role that is set; NULL when it is not given. */
static const struct rh_value *cell_of(const struct rh_redis_write *w,
                                      const struct rh_redis_change *row, enum rh_redis_role role)
{
    for (uint32_t i = 0; i < w->spec->n_columns; i++)
        if (!w->is_key[i] && rh_redis_role_of(rh_redis_written(w, i)) == role)
            return &row->cells[i];
    return NULL;
}

/* ---- What is there --------------------------------------------------------------------------- */

static bool may_empty(const struct rh_redis_write *w, const struct rh_redis_change *row)
{
    return w->table.kind == RH_REDIS_HASH && w->verb != RH_REDIS_REMOVE &&
           count_fields(w, row, true) == 0 && count_fields(w, row, false) > 0;
}

static void command_with_member(struct rh_conn *conn, const char *command,
                                const struct rh_redis_change *row)
{
    rh_redis_begin(conn, 3);
    rh_redis_word(conn, rh_text_of(command));
    rh_redis_word(conn, row->key);
    rh_redis_word(conn, row->member);
}

/* "HDEL key field…", for the fields that are set to nothing. */
static void command_with_nulls(struct rh_redis_write *w, const char *command,
                               const struct rh_redis_change *row)
{
    rh_redis_begin(w->conn, 2 + count_fields(w, row, false));
    rh_redis_word(w->conn, rh_text_of(command));
    rh_redis_word(w->conn, row->key);
    for (uint32_t i = 0; i < w->spec->n_columns; i++)
        if (is_set(w, i) && rh_kit_is_null(&row->cells[i]))
            rh_redis_word(w->conn, rh_redis_written(w, i)->name);
}

void rh_redis_change_ask(struct rh_redis_write *write, const struct rh_redis_change *row)
{
    struct rh_conn *conn = write->conn;

    rh_redis_command_on(conn, "TYPE", row->key);
    switch (write->table.kind) {
    case RH_REDIS_JSON:
        rh_redis_command_on(conn, "GET", row->key);
        break;
    case RH_REDIS_SET:
        command_with_member(conn, "SISMEMBER", row);
        break;
    case RH_REDIS_ZSET:
        command_with_member(conn, "ZSCORE", row);
        break;
    case RH_REDIS_STREAM:
        if (write->verb == RH_REDIS_INSERT) {
            rh_redis_command_on(conn, "XINFO STREAM", row->key);
        } else {
            rh_redis_begin(conn, 4);
            rh_redis_word(conn, RH_TEXT("XRANGE"));
            rh_redis_word(conn, row->key);
            rh_redis_word(conn, row->member);
            rh_redis_word(conn, row->member);
        }
        break;
    default:
        if (may_empty(write, row)) {
            rh_redis_command_on(conn, "HLEN", row->key);
            command_with_nulls(write, "HMGET", row);
        }
    }
}

static bool is_of_kind(enum rh_redis_kind kind, struct rh_text type)
{
    return kind == RH_REDIS_JSON ? rh_text_is(type, "string")
                                 : rh_text_is(type, rh_redis_kind_name(kind));
}

static struct rh_text last_id(const struct rh_redis_reply *info)
{
    for (uint32_t i = 0; info->type == RH_REDIS_REPLY_ARRAY && i + 1 < info->n; i += 2)
        if (rh_text_is(info->items[i]->text, "last-generated-id"))
            return info->items[i + 1]->text;
    return rh_text_make(NULL, 0);
}

static int learn_emptiness(struct rh_redis_write *w, struct rh_redis_change *row,
                           const struct rh_redis_reply *length, struct rh_error *error)
{
    const struct rh_redis_reply *fields;
    int64_t n_left = length->type == RH_REDIS_REPLY_INT ? length->integer : 0;
    int rc = rh_redis_receive(w->conn, w->op, &fields, error);

    for (uint32_t i = 0; rc == RH_OK && i < fields->n; i++)
        n_left -= fields->items[i]->type == RH_REDIS_REPLY_TEXT;
    row->would_empty = n_left <= 0;
    return rc;
}

int rh_redis_change_learn(struct rh_redis_write *write, struct rh_redis_change *row,
                          struct rh_error *error)
{
    const struct rh_redis_reply *type, *more = NULL;
    enum rh_redis_kind kind = write->table.kind;
    bool ok = true;
    int rc = rh_redis_receive(write->conn, write->op, &type, error);

    if (rc == RH_OK)
        rc = rh_redis_check(type, "cannot tell a key's kind", error);
    if (rc)
        return rc;
    row->there = is_of_kind(kind, type->text);
    row->foreign = !row->there && !rh_text_is(type->text, "none");
    if (kind == RH_REDIS_STRING || (kind == RH_REDIS_HASH && !may_empty(write, row)))
        return RH_OK;
    rc = rh_redis_receive(write->conn, write->op, &more, error);
    if (rc)
        return rc;
    if (kind == RH_REDIS_HASH)
        return learn_emptiness(write, row, more, error);
    if (!row->there)
        return RH_OK;
    if (kind == RH_REDIS_JSON)
        row->text = rh_arena_text(write->arena, more->text, &ok);
    else if (kind == RH_REDIS_SET)
        row->there = more->integer == 1;
    else if (kind == RH_REDIS_ZSET)
        row->there = more->type == RH_REDIS_REPLY_TEXT;
    else if (write->verb == RH_REDIS_INSERT)
        row->text = rh_arena_text(write->arena, last_id(more), &ok);
    else
        row->there = more->type == RH_REDIS_REPLY_ARRAY && more->n == 1;
    return ok ? RH_OK : rh_fail_nomem(error);
}

/* ---- Putting together ------------------------------------------------------------------------ */

static int add_member(struct rh_buf *text, struct rh_text name, const struct rh_value *value,
                      struct rh_error *error)
{
    if (value->type == RH_TYPE_MISSING)
        return RH_OK;
    if (text->len > 1)
        rh_buf_add_char(text, ',');
    rh_json_add_string(text, name);
    rh_buf_add_char(text, ':');
    return rh_json_add_value(text, value, error);
}

static bool is_replaced(const struct rh_redis_write *w, struct rh_text name)
{
    for (uint32_t i = 0; i < w->spec->n_columns; i++)
        if (is_set(w, i) && rh_text_equal(rh_redis_written(w, i)->name, name))
            return true;
    return false;
}

static int compose_document(struct rh_redis_write *w, struct rh_redis_change *row,
                            struct rh_error *error)
{
    struct rh_json *old = NULL;
    struct rh_buf text;
    bool ok = true;
    int rc = RH_OK;

    if (row->there)
        rc = rh_redis_document(row->key, row->text, w->arena, &old, error);
    if (rc)
        return rc;
    rh_buf_init(&text, VALUE_BYTES);
    rh_buf_add_char(&text, '{');
    for (const struct rh_json *member = old ? old->child : NULL; member; member = member->next) {
        if (is_replaced(w, member->key))
            continue;
        if (text.len > 1)
            rh_buf_add_char(&text, ',');
        rh_json_add_string(&text, member->key);
        rh_buf_add_char(&text, ':');
        rh_buf_add_text(&text, member->source);
    }
    for (uint32_t i = 0; i < w->spec->n_columns && rc == RH_OK; i++)
        if (is_set(w, i))
            rc = add_member(&text, rh_redis_written(w, i)->name, &row->cells[i], error);
    rh_buf_add_char(&text, '}');
    if (rc == RH_OK)
        row->text = rh_arena_text(w->arena, rh_buf_text(&text), &ok);
    ok = ok && !text.failed;
    rh_buf_free(&text);
    return rc ? rc : ok ? RH_OK : rh_fail_nomem(error);
}

static int not_null(struct rh_error *error, const char *column)
{
    rh_fail(error, RH_CONSTRAINT, "the column \"%s\" needs a value", column);
    if (error) {
        error->constraint = RH_CONSTRAINT_NOT_NULL;
        snprintf(error->column, sizeof(error->column), "%s", column);
    }
    return RH_CONSTRAINT;
}

/* An id has to be above all that the stream has had. */
static int check_id(struct rh_redis_write *w, struct rh_redis_change *row, struct rh_error *error)
{
    uint64_t ms = 0, seq = 0, last_ms = 0, last_seq = 0;

    if (!row->member.data)
        return RH_OK;
    if (!rh_redis_parse_id(row->member, &ms, &seq) || (!ms && !seq))
        return rh_fail(error, RH_DATA, "\"%.*s\" is no id of a stream", RH_TEXT_ARG(row->member));
    if (!row->text.data)
        return RH_OK;
    if (!rh_redis_parse_id(row->text, &last_ms, &last_seq))
        return rh_fail(error, RH_UNSUPPORTED,
                       "in one write, an id cannot stand behind one that Redis makes");
    if (ms > last_ms || (ms == last_ms && seq > last_seq))
        return RH_OK;
    rh_fail(error, RH_CONSTRAINT, "the stream has an entry with this or a higher id already");
    if (error)
        error->constraint = RH_CONSTRAINT_UNIQUE;
    return rh_error_hint(error, "leave the id out, and Redis makes one");
}

static int check_values(const struct rh_redis_write *w, const struct rh_redis_change *row,
                        struct rh_error *error)
{
    struct rh_buf text;
    int rc = RH_OK;

    rh_buf_init(&text, VALUE_BYTES);
    for (uint32_t i = 0; i < w->spec->n_columns && rc == RH_OK; i++) {
        rh_buf_clear(&text);
        if (is_set(w, i) && w->table.kind != RH_REDIS_JSON && !rh_kit_is_null(&row->cells[i]))
            rc = rh_text_cell_add(&text, &row->cells[i], error);
    }
    rh_buf_free(&text);
    return rc;
}

int rh_redis_change_compose(struct rh_redis_write *write, struct rh_redis_change *row,
                            struct rh_error *error)
{
    const struct rh_value *ttl = write->ttl == RH_NO_COLUMN ? NULL : &row->cells[write->ttl];
    const struct rh_value *value = cell_of(write, row, RH_REDIS_VALUE);
    const struct rh_value *score = cell_of(write, row, RH_REDIS_SCORE);
    int rc = check_values(write, row, error);

    if (rc || write->verb == RH_REDIS_REMOVE)
        return rc;
    if (ttl && !rh_kit_is_null(ttl) &&
        (ttl->type != RH_TYPE_INT || ttl->as.i <= 0 || ttl->as.i > MAX_TTL))
        return rh_fail(error, RH_DATA, "ttl is no number of seconds from 1 to %lld",
                       (long long)MAX_TTL);
    switch (write->table.kind) {
    case RH_REDIS_HASH:
        if (row->there ? row->would_empty : !count_fields(write, row, true)) {
            rh_fail(error, RH_DATA, "a hash has at least one field: \"%.*s\" would have none",
                    RH_TEXT_ARG(row->key));
            return rh_error_hint(error, "delete the row instead");
        }
        return RH_OK;
    case RH_REDIS_JSON:
        return compose_document(write, row, error);
    case RH_REDIS_STRING:
        return (value && rh_kit_is_null(value)) || (!value && !row->there)
                   ? not_null(error, "value")
                   : RH_OK;
    case RH_REDIS_ZSET:
        if ((score && rh_kit_is_null(score)) || (!score && !row->there))
            return not_null(error, "score");
        return score && isnan(score->as.f) ? rh_fail(error, RH_DATA, "a score cannot be NaN")
                                           : RH_OK;
    case RH_REDIS_STREAM:
        if (!count_fields(write, row, true))
            return rh_fail(error, RH_DATA, "an entry of a stream has at least one field");
        return check_id(write, row, error);
    default:
        return RH_OK;
    }
}

/* ---- Sending --------------------------------------------------------------------------------- */

static void word_value(struct rh_redis_write *w, const struct rh_value *value)
{
    struct rh_buf text;

    rh_buf_init(&text, VALUE_BYTES);
    (void)rh_text_cell_add(&text, value, NULL); /* check_values has looked */
    rh_redis_word(w->conn, rh_buf_text(&text));
    w->conn->out.failed = w->conn->out.failed || text.failed;
    rh_buf_free(&text);
}

static void words_of_fields(struct rh_redis_write *w, const struct rh_redis_change *row)
{
    for (uint32_t i = 0; i < w->spec->n_columns; i++) {
        if (!is_set(w, i) || rh_kit_is_null(&row->cells[i]))
            continue;
        rh_redis_word(w->conn, rh_redis_written(w, i)->name);
        word_value(w, &row->cells[i]);
    }
}

static void send_ttl(struct rh_redis_write *w, const struct rh_redis_change *row)
{
    const struct rh_value *ttl = &row->cells[w->ttl];

    if (!rh_kit_is_null(ttl)) {
        rh_redis_begin(w->conn, 3);
        rh_redis_word(w->conn, RH_TEXT("EXPIRE"));
        rh_redis_word(w->conn, row->key);
        word_value(w, ttl);
    } else if (row->there) {
        rh_redis_command_on(w->conn, "PERSIST", row->key);
    }
}

static void send_string(struct rh_redis_write *w, const struct rh_redis_change *row)
{
    const struct rh_value *value = cell_of(w, row, RH_REDIS_VALUE);
    bool keeps_ttl = row->there && w->ttl == RH_NO_COLUMN;

    if (w->table.kind == RH_REDIS_STRING && !value)
        return;
    rh_redis_begin(w->conn, keeps_ttl ? 4 : 3);
    rh_redis_word(w->conn, RH_TEXT("SET"));
    rh_redis_word(w->conn, row->key);
    if (value)
        word_value(w, value);
    else
        rh_redis_word(w->conn, row->text);
    if (keeps_ttl)
        rh_redis_word(w->conn, RH_TEXT("KEEPTTL"));
}

static void send_put(struct rh_redis_write *w, const struct rh_redis_change *row)
{
    const struct rh_value *score = cell_of(w, row, RH_REDIS_SCORE);
    uint32_t n = count_fields(w, row, true);

    switch (w->table.kind) {
    case RH_REDIS_HASH:
        if (n) {
            rh_redis_begin(w->conn, 2 + 2 * n);
            rh_redis_word(w->conn, RH_TEXT("HSET"));
            rh_redis_word(w->conn, row->key);
            words_of_fields(w, row);
        }
        if (row->there && count_fields(w, row, false))
            command_with_nulls(w, "HDEL", row);
        break;
    case RH_REDIS_SET:
        command_with_member(w->conn, "SADD", row);
        break;
    case RH_REDIS_ZSET:
        if (!score)
            break;
        rh_redis_begin(w->conn, 4);
        rh_redis_word(w->conn, RH_TEXT("ZADD"));
        rh_redis_word(w->conn, row->key);
        word_value(w, score);
        rh_redis_word(w->conn, row->member);
        break;
    case RH_REDIS_STREAM:
        rh_redis_begin(w->conn, 3 + 2 * n);
        rh_redis_word(w->conn, RH_TEXT("XADD"));
        rh_redis_word(w->conn, row->key);
        rh_redis_word(w->conn, row->member.data ? row->member : RH_TEXT("*"));
        words_of_fields(w, row);
        break;
    default:
        send_string(w, row);
    }
    if (w->ttl != RH_NO_COLUMN)
        send_ttl(w, row);
}

static void send_remove(struct rh_redis_write *w, const struct rh_redis_change *row)
{
    switch (w->table.kind) {
    case RH_REDIS_SET:
        command_with_member(w->conn, "SREM", row);
        break;
    case RH_REDIS_ZSET:
        command_with_member(w->conn, "ZREM", row);
        break;
    case RH_REDIS_STREAM:
        command_with_member(w->conn, "XDEL", row);
        break;
    default:
        rh_redis_command_on(w->conn, "DEL", row->key);
    }
}

static const struct rh_column *returned(const struct rh_redis_write *w, uint32_t i)
{
    return rh_kit_column(w->spec->returning, w->spec->returning_stride, i);
}

static uint32_t count_returned_fields(const struct rh_redis_write *w)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < w->spec->n_returning; i++)
        n += rh_redis_role_of(returned(w, i)) == RH_REDIS_FIELD;
    return n;
}

static bool reads_value(const struct rh_redis_write *w)
{
    return w->table.kind != RH_REDIS_SET &&
           (w->table.kind != RH_REDIS_HASH || count_returned_fields(w));
}

/* TTL, then what the kind needs. An entry is read from its stream. */
static void send_read(struct rh_redis_write *w, const struct rh_redis_change *row)
{
    uint32_t n = count_returned_fields(w);

    rh_redis_command_on(w->conn, "TTL", row->key);
    if (w->table.kind == RH_REDIS_HASH && n) {
        rh_redis_begin(w->conn, 2 + n);
        rh_redis_word(w->conn, RH_TEXT("HMGET"));
        rh_redis_word(w->conn, row->key);
        for (uint32_t i = 0; i < w->spec->n_returning; i++)
            if (rh_redis_role_of(returned(w, i)) == RH_REDIS_FIELD)
                rh_redis_word(w->conn, returned(w, i)->name);
    } else if (w->table.kind == RH_REDIS_JSON || w->table.kind == RH_REDIS_STRING) {
        rh_redis_command_on(w->conn, "GET", row->key);
    } else if (w->table.kind == RH_REDIS_ZSET) {
        command_with_member(w->conn, "ZSCORE", row);
    } else if (w->table.kind == RH_REDIS_STREAM) {
        /* Inserted: it is the last one. */
        rh_redis_begin(w->conn, 6);
        rh_redis_word(w->conn, RH_TEXT("XREVRANGE"));
        rh_redis_word(w->conn, row->key);
        rh_redis_word(w->conn, row->member.data ? row->member : RH_TEXT("+"));
        rh_redis_word(w->conn, row->member.data ? row->member : RH_TEXT("-"));
        rh_redis_word(w->conn, RH_TEXT("COUNT"));
        rh_redis_word(w->conn, RH_TEXT("1"));
    }
}

void rh_redis_change_send(struct rh_redis_write *write, struct rh_redis_change *row)
{
    uint64_t begin = write->conn->n_owed - row->at_write; /* at_write: commands before */
    bool reads = write->spec->n_returning > 0;

    row->at_read = row->at_write;
    if (write->verb == RH_REDIS_REMOVE) {
        if (reads)
            send_read(write, row);
        send_remove(write, row);
        return;
    }
    send_put(write, row);
    row->at_read = (uint32_t)(write->conn->n_owed - begin);
    if (reads)
        send_read(write, row);
}

/* ---- Returning ------------------------------------------------------------------------------- */

int rh_redis_change_return(struct rh_redis_write *write, const struct rh_redis_change *row,
                           const struct rh_redis_reply *done, struct rh_arena *documents,
                           struct rh_error *error)
{
    struct rh_redis_row made = {.values = row->values, .text = row->member};
    const struct rh_redis_reply *value = NULL;
    struct rh_json *document = NULL;
    bool has_value = reads_value(write);
    int rc = RH_OK;

    if (row->at_read + has_value >= done->n)
        return rh_fail(error, RH_PROTOCOL, "the answer of EXEC is too short");
    made.ttl = done->items[row->at_read];
    value = has_value ? done->items[row->at_read + 1] : NULL;
    switch (write->table.kind) {
    case RH_REDIS_HASH:
        made.fields = value;
        break;
    case RH_REDIS_JSON:
        rh_arena_reset(documents);
        rc = rh_redis_document(row->key, value->text, documents, &document, error);
        made.document = document;
        break;
    case RH_REDIS_STRING:
        made.text = value->text;
        break;
    case RH_REDIS_ZSET:
        made.score = value->text;
        break;
    case RH_REDIS_STREAM:
        rc = rh_redis_check_array(value, 1, "cannot read the entry", error);
        if (rc == RH_OK)
            rc = rh_redis_check_array(value->items[0], 2, "cannot read the entry", error);
        if (rc == RH_OK) {
            made.text = value->items[0]->items[0]->text;
            made.fields = value->items[0]->items[1];
        }
        break;
    default:
        break;
    }
    if (rc == RH_OK)
        rh_redis_add_row(&write->conn->returned, write->spec->returning, write->spec->n_returning,
                         write->spec->returning_stride, &write->table, &made);
    return rc;
}
