/*
 * Writing: all rows of a call or none.
 *
 *   WATCH the keys, ask what is there        one round trip
 *   decide, put together
 *   MULTI, the commands, EXEC                one round trip
 *
 * EXEC does nothing when a key was changed in between: then all of it is done again, a few times,
 * and is CONFLICT at last. What it would refuse half-way is refused before (change.c). A server that
 * is out of memory or a replica refuses while the commands are queued, and then EXEC does nothing.
 *
 * A row is found by all of its key columns; nothing but the key makes it, so none is changed.
 */
#include "write.h"

#include <string.h>

#define ARENA_BYTES ((size_t)1 << 30)
#define ATTEMPTS 8 /* at keys that others change at the same time */
#define KEY_BYTES ((size_t)512 << 20)

/* ---- Preparing ------------------------------------------------------------------------------- */

static bool is_row_key(enum rh_redis_role role)
{
    return role == RH_REDIS_PLACEHOLDER || role == RH_REDIS_MEMBER || role == RH_REDIS_ID;
}

/* Where columns are not declared, any name may be one. */
static bool is_field(const struct rh_redis_table *table, struct rh_text name)
{
    for (uint32_t i = 0; table->columns && i < table->n_columns; i++)
        if (rh_text_equal(table->columns[i].name, name))
            return true;
    return !table->columns;
}

static int check_column(struct rh_redis_write *w, uint32_t i, struct rh_error *error)
{
    const struct rh_column *column = rh_redis_written(w, i);
    enum rh_redis_role role = rh_redis_role_of(column);

    if (!role || (role == RH_REDIS_FIELD && !is_field(&w->table, column->name)))
        return rh_fail(error, RH_NOT_FOUND, "there is no column \"%.*s\"",
                       RH_TEXT_ARG(column->name));
    if (role == RH_REDIS_TIME)
        return rh_fail(error, RH_INVALID, "the time of an entry is that of its id");
    if (w->is_key[i] && !is_row_key(role))
        return rh_fail(error, RH_UNSUPPORTED, "Redis writes by key only, not by \"%.*s\"",
                       RH_TEXT_ARG(column->name));
    if (!w->is_key[i] && is_row_key(role) && w->verb != RH_REDIS_INSERT)
        return rh_fail(error, RH_UNSUPPORTED, "the key column \"%.*s\" cannot be changed",
                       RH_TEXT_ARG(column->name));
    if (role == RH_REDIS_TTL)
        w->ttl = i;
    return RH_OK;
}

static int check_columns(struct rh_redis_write *w, struct rh_error *error)
{
    uint32_t key[RH_REDIS_MAX_PLACEHOLDERS + 1], n_key = rh_redis_table_key(&w->table, key), n = 0;
    int rc = RH_OK;

    w->ttl = RH_NO_COLUMN;
    for (uint32_t i = 0; i < w->spec->n_key; i++) {
        if (w->spec->key[i] >= w->spec->n_columns)
            return rh_fail(error, RH_INVALID, "the write's key makes no sense");
        w->is_key[w->spec->key[i]] = true;
    }
    for (uint32_t i = 0; i < w->spec->n_columns && rc == RH_OK; i++) {
        rc = check_column(w, i, error);
        n += is_row_key(rh_redis_role_of(rh_redis_written(w, i)));
    }
    if (rc == RH_OK && w->verb != RH_REDIS_INSERT && n < n_key)
        rc = rh_fail(error, RH_UNSUPPORTED, "Redis writes by the whole key only");
    if (rc == RH_OK && w->table.kind == RH_REDIS_STREAM && w->verb != RH_REDIS_INSERT &&
        w->verb != RH_REDIS_REMOVE)
        rc = rh_fail(error, RH_UNSUPPORTED, "entries of a stream cannot be changed");
    for (uint32_t i = 0; i < w->spec->n_returning && rc == RH_OK; i++)
        if (!rh_kit_column(w->spec->returning, w->spec->returning_stride, i)->native_id)
            rc = rh_fail(error, RH_NOT_FOUND, "there is no column of the name to be returned");
    return rc;
}

static int missing_key(const struct rh_redis_write *w, uint64_t row, struct rh_text column,
                       struct rh_error *error)
{
    rh_fail(error, RH_CONSTRAINT, "the key column \"%.*s\" of the table \"%.*s\" needs a value",
            RH_TEXT_ARG(column), RH_TEXT_ARG(w->table.name));
    if (error) {
        error->constraint = RH_CONSTRAINT_NOT_NULL;
        error->row = row;
    }
    return RH_CONSTRAINT;
}

/* The values of the key's columns as texts. */
static int read_key_cells(struct rh_redis_write *w, struct rh_redis_change *row,
                          struct rh_error *error)
{
    struct rh_buf text;
    bool ok = true;
    int rc = RH_OK;

    rh_buf_init(&text, KEY_BYTES);
    for (uint32_t i = 0; i < w->spec->n_columns && rc == RH_OK; i++) {
        const struct rh_column *column = rh_redis_written(w, i);
        uint32_t placeholder = (column->native_id >> 8) % RH_REDIS_MAX_PLACEHOLDERS;
        enum rh_redis_role role = rh_redis_role_of(column);
        struct rh_text *to =
            role == RH_REDIS_PLACEHOLDER ? &row->values[placeholder] : &row->member;

        if (!is_row_key(role) || rh_kit_is_null(&row->cells[i]))
            continue;
        rh_buf_clear(&text);
        rc = rh_text_cell_add(&text, &row->cells[i], error);
        *to = rh_arena_text(w->arena, rh_buf_text(&text), &ok);
        ok = ok && !text.failed;
    }
    rh_buf_free(&text);
    return rc ? rc : ok ? RH_OK : rh_fail_nomem(error);
}

static int make_key(struct rh_redis_write *w, uint64_t i, struct rh_error *error)
{
    struct rh_redis_change *row = &w->rows[i];
    bool makes = w->verb != RH_REDIS_UPDATE && w->verb != RH_REDIS_REMOVE, ok = true;
    bool has_member = w->table.kind == RH_REDIS_SET || w->table.kind == RH_REDIS_ZSET;
    struct rh_buf key;
    int rc = read_key_cells(w, row, error);

    if (rc)
        return rc;
    for (uint32_t p = 0; p < w->table.pattern.n; p++)
        if (!row->values[p].data)
            return makes ? missing_key(w, i, w->table.pattern.at[p].name, error) : RH_OK;
    if (!row->member.data && (has_member || (w->table.kind == RH_REDIS_STREAM && !makes)))
        return makes ? missing_key(w, i, RH_TEXT("member"), error) : RH_OK;
    rh_buf_init(&key, KEY_BYTES);
    if (rh_redis_pattern_add_key(&w->table.pattern, row->values, &key))
        row->key = rh_arena_text(w->arena, rh_buf_text(&key), &ok);
    ok = ok && !key.failed;
    rh_buf_free(&key);
    if (!ok)
        return rh_fail_nomem(error);
    if (!row->key.data && makes) {
        rh_fail(error, RH_DATA, "no key of the table's pattern has these values");
        if (error)
            error->row = i;
        return rh_error_hint(error, "a value cannot have in it what follows it in the pattern");
    }
    return RH_OK;
}

static int prepare(struct rh_redis_write *w, struct rh_error *error)
{
    const struct rh_write_spec *spec = w->spec;
    int rc = RH_OK;

    if (spec->where)
        return rh_fail(error, RH_UNSUPPORTED, "Redis writes by key only, not by a condition");
    if (w->op->flags & RH_OP_READ_ONLY)
        return rh_fail(error, RH_PERMISSION, "nothing may be written in a read-only operation");
    w->arena = rh_arena_new(ARENA_BYTES);
    if (!w->arena)
        return rh_fail_nomem(error);
    rc = rh_redis_table_find(&w->conn->config, spec->schema, spec->table, w->arena, &w->table,
                             error);
    if (rc)
        return rc;
    w->is_key = rh_arena_array(w->arena, spec->n_columns, sizeof(*w->is_key));
    w->rows = rh_arena_array(w->arena, spec->n_rows, sizeof(*w->rows));
    if (!w->is_key || !w->rows)
        return rh_fail_nomem(error);
    rc = check_columns(w, error);
    for (uint64_t i = 0; i < spec->n_rows && rc == RH_OK; i++) {
        w->rows[i].cells = spec->cells + i * spec->n_columns;
        rc = make_key(w, i, error);
    }
    return rc;
}

/* ---- What is there --------------------------------------------------------------------------- */

static int look(struct rh_redis_write *w, struct rh_error *error)
{
    const struct rh_redis_reply *watched;
    uint32_t n = 0;
    int rc;

    for (uint64_t i = 0; i < w->spec->n_rows; i++)
        n += w->rows[i].key.data != NULL;
    if (!n)
        return RH_OK;
    rh_redis_begin(w->conn, n + 1);
    rh_redis_word(w->conn, RH_TEXT("WATCH"));
    for (uint64_t i = 0; i < w->spec->n_rows; i++)
        if (w->rows[i].key.data)
            rh_redis_word(w->conn, w->rows[i].key);
    for (uint64_t i = 0; i < w->spec->n_rows; i++)
        if (w->rows[i].key.data)
            rh_redis_change_ask(w, &w->rows[i]);
    rc = rh_redis_flush(w->conn, w->op, error);
    if (rc == RH_OK)
        rc = rh_redis_receive(w->conn, w->op, &watched, error);
    if (rc == RH_OK)
        rc = rh_redis_check(watched, "cannot watch the keys", error);
    for (uint64_t i = 0; i < w->spec->n_rows && rc == RH_OK; i++)
        if (w->rows[i].key.data)
            rc = rh_redis_change_learn(w, &w->rows[i], error);
    rh_redis_release(w->conn);
    return rc;
}

static int refuse(struct rh_error *error, uint64_t row, const char *why)
{
    rh_fail(error, RH_CONSTRAINT, "%s", why);
    if (error) {
        error->constraint = RH_CONSTRAINT_UNIQUE;
        error->row = row;
    }
    return RH_CONSTRAINT;
}

/* Whether the row is due, now that it is known what is there. before: the last row of this call
 * with the same key and member, or NULL: it finds what that one leaves. */
static int decide(struct rh_redis_write *w, uint64_t i, const struct rh_redis_change *before,
                  struct rh_error *error)
{
    struct rh_redis_change *row = &w->rows[i];
    bool makes = w->verb != RH_REDIS_UPDATE && w->verb != RH_REDIS_REMOVE;
    bool is_entry = w->table.kind == RH_REDIS_STREAM && makes;
    int rc;

    row->due = false;
    if (!row->key.data)
        return RH_OK;
    if (before) {
        row->there = w->verb != RH_REDIS_REMOVE && (before->there || before->due);
        row->would_empty = row->would_empty && !before->due;
        if (w->table.kind == RH_REDIS_JSON)
            row->text = before->text;
        if (is_entry && before->due)
            row->text = before->member.data ? before->member : RH_TEXT("*");
    }
    if (row->foreign && makes)
        return refuse(error, i, "there is a key of another kind with this name");
    if (w->verb == RH_REDIS_INSERT && row->there && !is_entry)
        return refuse(error, i, "there is a row with this key already");
    row->due = w->verb == RH_REDIS_IGNORE ? !row->there : makes || row->there;
    rc = row->due ? rh_redis_change_compose(w, row, error) : RH_OK;
    if (rc && error && error->row == RH_NO_ROW)
        error->row = i;
    return rc;
}

static int decide_all(struct rh_redis_write *w, bool *ret_any, struct rh_error *error)
{
    struct rh_map by_key;
    int rc = RH_OK;

    *ret_any = false;
    rh_map_init(&by_key);
    for (uint64_t i = 0; i < w->spec->n_rows && rc == RH_OK; i++) {
        struct rh_redis_change *row = &w->rows[i];
        struct rh_text member =
            w->table.kind == RH_REDIS_STREAM ? rh_text_make("", 0) : row->member;
        char *name = rh_arena_alloc(w->arena, row->key.len + member.len + 1);

        if (!name) {
            rc = rh_fail_nomem(error);
            break;
        }
        memcpy(name, row->key.data ? row->key.data : "", row->key.len);
        memcpy(name + row->key.len + 1, member.data ? member.data : "", member.len);
        member = rh_text_make(name, row->key.len + member.len + 1);
        rc = decide(w, i, rh_map_get(&by_key, member), error);
        *ret_any = *ret_any || row->due;
        if (rc == RH_OK && !rh_map_put(&by_key, member, row, NULL))
            rc = rh_fail_nomem(error);
    }
    rh_map_free(&by_key);
    return rc;
}

/* ---- Storing --------------------------------------------------------------------------------- */

/* Nothing tells what became of an EXEC whose answer was lost. */
static int as_unknown(struct rh_redis_write *w, int rc, struct rh_error *error)
{
    w->conn->broken = true;
    if (!error)
        return rc;
    error->error_class = RH_UNKNOWN_OUTCOME;
    error->retry = RH_RETRY_IF_IDEMPOTENT;
    (void)rh_error_prefix(error, "whether the rows were written is not known");
    return RH_UNKNOWN_OUTCOME;
}

/* The replies up to EXEC's: of MULTI, and QUEUED for each command, or why not. */
static int take_queued(struct rh_redis_write *w, struct rh_error *error)
{
    const struct rh_redis_reply *reply;
    struct rh_error first = RH_ERROR_INIT;

    while (w->conn->n_owed > 1) {
        int rc = rh_redis_receive(w->conn, w->op, &reply, error);
        if (rc)
            return as_unknown(w, rc, error);
        (void)rh_redis_check(reply, "cannot write", &first);
        rh_redis_release(w->conn);
    }
    if (first.error_class == RH_OK)
        return RH_OK;
    if (error)
        *error = first;
    return first.error_class;
}

static int return_rows(struct rh_redis_write *w, const struct rh_redis_reply *done,
                       struct rh_write_result *result, struct rh_error *error)
{
    struct rh_rowset *rows = &w->conn->returned;
    struct rh_arena *documents = rh_arena_new(ARENA_BYTES);
    int rc = documents ? RH_OK : rh_fail_nomem(error);

    rh_rowset_fini(rows);
    rh_rowset_init(rows, w->spec->n_returning, SIZE_MAX);
    rh_rowset_clear(rows, w->spec->n_rows);
    for (uint64_t i = 0; i < w->spec->n_rows && rc == RH_OK; i++)
        if (w->rows[i].due)
            rc = rh_redis_change_return(w, &w->rows[i], done, documents, error);
    rh_arena_free(documents);
    if (rc == RH_OK) {
        rc = rh_rowset_batch(rows, &result->returned, error);
        result->returned.n_cols = w->spec->n_returning;
        rc = rc == RH_END ? RH_OK : rc;
    }
    return rc;
}

/* The answer of EXEC. *ret_again: a key was changed by somebody else. */
static int take_done(struct rh_redis_write *w, bool *ret_again, struct rh_write_result *result,
                     struct rh_error *error)
{
    const struct rh_redis_reply *done;
    int refused = take_queued(w, error), rc;

    if (refused == RH_UNKNOWN_OUTCOME)
        return refused;
    if (refused) { /* EXECABORT follows */
        rc = rh_redis_receive(w->conn, w->op, &done, NULL);
        w->conn->broken = w->conn->broken || rc;
        rh_redis_release(w->conn);
        return refused;
    }
    rc = rh_redis_receive(w->conn, w->op, &done, error);
    if (rc)
        return as_unknown(w, rc, error);
    *ret_again = done->type == RH_REDIS_REPLY_NIL;
    if (!*ret_again)
        rc = rh_redis_check_array(done, 0, "cannot write", error);
    for (uint32_t i = 0; i < done->n && rc == RH_OK; i++)
        if (done->items[i]->type == RH_REDIS_REPLY_ERROR)
            rc =
                as_unknown(w, rh_redis_fail(error, done->items[i], "a row was not written"), error);
    for (uint64_t i = 0; i < w->spec->n_rows && rc == RH_OK && !*ret_again; i++)
        result->n_affected += w->rows[i].due;
    if (rc == RH_OK && !*ret_again && w->spec->n_returning)
        rc = return_rows(w, done, result, error);
    rh_redis_release(w->conn);
    return rc;
}

static int store(struct rh_redis_write *w, bool *ret_again, struct rh_write_result *result,
                 struct rh_error *error)
{
    uint64_t begin;
    int rc;

    rh_redis_command(w->conn, "MULTI");
    begin = w->conn->n_owed;
    for (uint64_t i = 0; i < w->spec->n_rows; i++) {
        if (!w->rows[i].due)
            continue;
        w->rows[i].at_write = (uint32_t)(w->conn->n_owed - begin);
        rh_redis_change_send(w, &w->rows[i]);
    }
    rh_redis_command(w->conn, "EXEC");
    rc = rh_redis_flush(w->conn, w->op, error);
    if (rc && error) /* without its EXEC a transaction does nothing */
        error->retry = RH_RETRY_SAFE;
    return rc ? rc : take_done(w, ret_again, result, error);
}

static int run_once(struct rh_redis_write *w, bool *ret_again, struct rh_write_result *result,
                    struct rh_error *error)
{
    bool any = false;
    int rc = look(w, error);

    *ret_again = false;
    if (rc == RH_OK)
        rc = decide_all(w, &any, error);
    if (rc == RH_OK && any)
        return store(w, ret_again, result, error);
    /* The watch ends; its reply is skipped. */
    if (!w->conn->broken) {
        rh_redis_abandon(w->conn);
        rh_redis_command(w->conn, "UNWATCH");
        if (rh_redis_flush(w->conn, w->op, NULL) == RH_OK)
            rh_redis_abandon(w->conn);
    }
    return rc;
}

static int run(struct rh_conn *conn, const struct rh_op *op, const struct rh_write_spec *spec,
               enum rh_redis_verb verb, struct rh_write_result *ret_result, struct rh_error *error)
{
    struct rh_redis_write w = {.conn = conn, .op = op, .spec = spec, .verb = verb};
    bool again = true;
    int rc = rh_redis_enter(conn, op, error);

    ret_result->n_affected = 0;
    if (rc == RH_OK && conn->cursor)
        rc = rh_fail(error, RH_INVALID, "the connection has an open cursor");
    if (rc == RH_OK)
        rc = prepare(&w, error);
    for (int i = 0; i < ATTEMPTS && again && rc == RH_OK; i++)
        rc = run_once(&w, &again, ret_result, error);
    if (rc == RH_OK && again) {
        rc = rh_fail(error, RH_CONFLICT, "the keys are being changed by others all the time");
        if (error)
            error->retry = RH_RETRY_SAFE;
    }
    rh_arena_free(w.arena);
    rh_redis_leave(conn);
    return rc;
}

RH_KIT_DEFINE_WRITES(run, RH_REDIS_INSERT, RH_REDIS_UPDATE, RH_REDIS_REMOVE)
RH_KIT_DEFINE_UPSERT(run, RH_REDIS_MERGE, RH_REDIS_IGNORE)

const struct rh_write rh_redis_write = {
    .struct_size = sizeof(rh_redis_write),
    .atomicity = RH_ATOMIC_ALL,
    .insert = insert,
    .update = update,
    .remove = remove_rows,
    .upsert = upsert,
};
