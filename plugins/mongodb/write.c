/*
 * Writing: insert, update and delete commands, unordered, each row for itself.
 *
 * A keyed row finds its document by `_id`, or by the fields of a unique index; then it is one statement
 * of a command for many. By other fields each row is looked up first, since MongoDB would change the
 * first document of several. Rows to be returned are read again; those that are deleted, before.
 *
 * A column that is set to MISSING goes out of the document; fields that are no columns stay.
 */
#include "write.h"

#include <string.h>

#define ARENA_BYTES ((size_t)1 << 30)
#define DOCUMENT_BYTES ((size_t)16 << 20)
#define COMMAND_BYTES ((size_t)12 << 20) /* of the statements in a command; 16 MB are allowed */

static void refuse(struct rh_mongodb_writing *w, struct rh_mongodb_row *row, int error_class,
                   uint32_t constraint, const char *message)
{
    rh_kit_refuse(w->conn->host, w->op, &w->result->statuses[row - w->rows], error_class,
                  constraint, rh_text_of(message));
    row->due = false;
}

/* ---- Preparing ------------------------------------------------------------------------------- */

static int find_columns(struct rh_mongodb_writing *w, struct rh_error *error)
{
    const struct rh_write_spec *spec = w->spec;

    w->id = RH_NO_COLUMN;
    for (uint32_t i = 0; i < spec->n_key; i++) {
        if (spec->key[i] >= spec->n_columns)
            return rh_fail(error, RH_INVALID, "the write's key makes no sense");
        w->is_key[spec->key[i]] = true;
    }
    for (uint32_t i = 0; i < spec->n_columns; i++) {
        struct rh_text name = rh_mongodb_write_column(w, i)->name;

        if (!rh_mongodb_write_column(w, i)->native_id)
            return rh_fail(error, RH_NOT_FOUND, "there is no column \"%.*s\"", RH_TEXT_ARG(name));
        if (w->verb != RH_MONGODB_INSERT && !rh_mongodb_is_plain(name))
            return rh_fail(error, RH_UNSUPPORTED, "\"%.*s\" is a path to MongoDB, not a field",
                           RH_TEXT_ARG(name));
        if (memchr(name.data, 0, name.len))
            return rh_fail(error, RH_INVALID, "the name of a field has a NUL in it");
        if (!rh_text_is(name, RH_MONGODB_ID))
            continue;
        if (w->id != RH_NO_COLUMN || (w->verb == RH_MONGODB_UPDATE && !w->is_key[i]))
            return rh_fail(error, RH_UNSUPPORTED, "the _id of a document cannot be changed");
        w->id = i;
    }
    w->by_id = spec->n_key == 1 && spec->key[0] == w->id;
    return RH_OK;
}

static int prepare(struct rh_mongodb_writing *w, struct rh_error *error)
{
    const struct rh_write_spec *spec = w->spec;

    w->arena = rh_arena_new(ARENA_BYTES);
    if (w->arena) {
        w->rows = rh_arena_array(w->arena, spec->n_rows + 1, sizeof(*w->rows));
        w->is_key = rh_arena_array(w->arena, spec->n_columns + 1, sizeof(*w->is_key));
    }
    if (!w->rows || !w->is_key)
        return rh_fail_nomem(error);
    for (uint64_t i = 0; i < spec->n_rows; i++)
        w->rows[i] =
            (struct rh_mongodb_row){.cells = spec->cells + i * spec->n_columns, .due = true};
    return find_columns(w, error);
}

static void clean_up(struct rh_mongodb_writing *w)
{
    for (uint64_t i = 0; w->rows && i < w->spec->n_rows; i++) {
        if (w->rows[i].statement)
            bson_destroy(w->rows[i].statement);
        if (w->rows[i].id.value_type)
            bson_value_destroy(&w->rows[i].id);
    }
    rh_arena_free(w->arena);
}

/* Does the key hold the field? */
static bool is_key_field(const struct rh_mongodb_writing *w, const char *name)
{
    for (uint32_t i = 0; i < w->spec->n_columns; i++)
        if (w->is_key[i] && rh_text_is(rh_mongodb_write_column(w, i)->name, name))
            return true;
    return false;
}

static bool is_true(bson_iter_t *index, const char *name)
{
    bson_iter_t iter = *index, member;

    return bson_iter_recurse(&iter, &member) && bson_iter_find(&member, name) &&
           bson_iter_as_bool(&member);
}

/* A unique index without exceptions, all of whose fields are in the key. */
static bool is_unique_index(const struct rh_mongodb_writing *w, bson_iter_t *index)
{
    bson_iter_t member, key;
    uint32_t n = 0;

    if (!is_true(index, "unique") || is_true(index, "sparse") ||
        is_true(index, "partialFilterExpression") || !bson_iter_recurse(index, &member) ||
        !bson_iter_find(&member, "key") || !bson_iter_recurse(&member, &key))
        return false;
    for (; bson_iter_next(&key); n++)
        if (!is_key_field(w, bson_iter_key(&key)))
            return false;
    return n > 0;
}

static int look_at_indexes(struct rh_mongodb_writing *w, struct rh_error *error)
{
    bson_t command = BSON_INITIALIZER, reply;
    bson_iter_t iter, batch;
    int rc;

    w->is_unique = w->id != RH_NO_COLUMN && w->is_key[w->id];
    if (w->is_unique)
        return RH_OK;
    bson_append_utf8(&command, "listIndexes", -1, w->spec->table.data, (int)w->spec->table.len);
    rc = rh_mongodb_command(w->conn, RH_MONGODB_LOOK, NULL, &command, "cannot look at the indexes",
                            &w->server, &reply, error);
    bson_destroy(&command);
    if (rc)
        return rc;
    if (bson_iter_init(&iter, &reply) &&
        bson_iter_find_descendant(&iter, "cursor.firstBatch", &batch) &&
        bson_iter_recurse(&batch, &iter))
        while (!w->is_unique && bson_iter_next(&iter))
            w->is_unique = is_unique_index(w, &iter);
    bson_destroy(&reply);
    return RH_OK;
}

static bool has_null_key(const struct rh_mongodb_writing *w, const struct rh_mongodb_row *row)
{
    for (uint32_t i = 0; i < w->spec->n_columns; i++)
        if (w->is_key[i] && rh_kit_is_null(&row->cells[i]))
            return true;
    return false;
}

/* ---- Looking up ------------------------------------------------------------------------------ */

/* The one document that the key finds; not due when there is none. */
static int look_up(struct rh_mongodb_writing *w, struct rh_mongodb_row *row, struct rh_error *error)
{
    bson_t command = BSON_INITIALIZER, part, document;
    struct rh_cursor *cursor = NULL;
    uint32_t n = 0;
    bson_iter_t id;
    int rc;

    bson_append_utf8(&command, "find", -1, w->spec->table.data, (int)w->spec->table.len);
    bson_append_document_begin(&command, "filter", -1, &part);
    rc = rh_mongodb_append_key(w, row, &part, error);
    bson_append_document_end(&command, &part);
    bson_append_document_begin(&command, "projection", -1, &part);
    BSON_APPEND_INT32(&part, RH_MONGODB_ID, 1);
    bson_append_document_end(&command, &part);
    BSON_APPEND_INT64(&command, "limit", 2);
    rh_mongodb_append_collation(&command);
    if (rc == RH_OK)
        rc = rh_mongodb_cursor_new(w->conn, w->spec->table, NULL, 0, 0, &cursor, error);
    if (rc == RH_OK)
        rc = rh_mongodb_cursor_run(cursor, RH_MONGODB_READ, &command, "cannot look up the rows",
                                   error);
    while (rc == RH_OK && (rc = rh_mongodb_cursor_document(cursor, &document, error)) == RH_OK) {
        if (n++ == 0 && bson_iter_init_find(&id, &document, RH_MONGODB_ID))
            bson_value_copy(bson_iter_value(&id), &row->id);
    }
    if (cursor)
        rh_mongodb_finish(cursor);
    bson_destroy(&command);
    if (n > 1)
        refuse(w, row, RH_CONSTRAINT, RH_CONSTRAINT_AMBIGUOUS_KEY,
               "the key matches more than one document");
    row->due = row->due && n == 1;
    return rc == RH_END ? RH_OK : rc;
}

/* ---- Sending --------------------------------------------------------------------------------- */

const struct rh_mongodb_words rh_mongodb_words[] = {
    [RH_MONGODB_INSERT] = {"insert", "documents", "cannot insert the rows"},
    [RH_MONGODB_UPDATE] = {"update", "updates", "cannot update the rows"},
    [RH_MONGODB_REMOVE] = {"delete", "deletes", "cannot delete the rows"},
    [RH_MONGODB_MERGE] = {"update", "updates", "cannot write the rows"},
    [RH_MONGODB_IGNORE] = {"update", "updates", "cannot write the rows"},
};

/* The rows of one command, by position in it. */
struct share {
    struct rh_mongodb_row **rows;
    uint32_t n;
};

static struct rh_mongodb_row *row_at(const struct share *share, bson_iter_t *entry)
{
    bson_iter_t index;

    if (!bson_iter_recurse(entry, &index) || !bson_iter_find(&index, "index"))
        return NULL;
    int64_t i = bson_iter_as_int64(&index);
    return i >= 0 && i < share->n ? share->rows[i] : NULL;
}

int rh_mongodb_write_error(const bson_iter_t *entry, uint32_t *ret_constraint,
                           const char **ret_message)
{
    int error_class = RH_INVALID;
    bson_iter_t member;

    *ret_constraint = 0;
    *ret_message = "the server refused the row";
    if (bson_iter_recurse(entry, &member) && bson_iter_find(&member, "code"))
        error_class = rh_mongodb_class(bson_iter_as_int64(&member), ret_constraint);
    if (bson_iter_recurse(entry, &member) && bson_iter_find(&member, "errmsg") &&
        BSON_ITER_HOLDS_UTF8(&member))
        *ret_message = bson_iter_utf8(&member, NULL);
    return error_class;
}

static void take_error(struct rh_mongodb_writing *w, struct rh_mongodb_row *row,
                       const bson_iter_t *entry)
{
    const char *message;
    uint32_t constraint;
    int error_class = rh_mongodb_write_error(entry, &constraint, &message);

    refuse(w, row, error_class, constraint, message);
}

static void take_errors(struct rh_mongodb_writing *w, const struct share *share,
                        const bson_t *reply)
{
    bson_iter_t iter, entry;

    if (!bson_iter_init_find(&iter, reply, "writeErrors") || !BSON_ITER_HOLDS_ARRAY(&iter) ||
        !bson_iter_recurse(&iter, &entry))
        return;
    while (bson_iter_next(&entry)) {
        struct rh_mongodb_row *row = row_at(share, &entry);
        if (row)
            take_error(w, row, &entry);
    }
}

/* Ids of documents that an upsert has made; returns how many. */
static uint32_t take_upserted(const struct share *share, const bson_t *reply)
{
    bson_iter_t iter, entry, id;
    uint32_t n = 0;

    if (!bson_iter_init_find(&iter, reply, "upserted") || !BSON_ITER_HOLDS_ARRAY(&iter) ||
        !bson_iter_recurse(&iter, &entry))
        return 0;
    for (; bson_iter_next(&entry); n++) {
        struct rh_mongodb_row *row = row_at(share, &entry);
        if (!row || row->done || !bson_iter_recurse(&entry, &id) ||
            !bson_iter_find(&id, RH_MONGODB_ID))
            continue;
        if (row->id.value_type)
            bson_value_destroy(&row->id);
        bson_value_copy(bson_iter_value(&id), &row->id);
        row->done = true;
    }
    return n;
}

int64_t rh_mongodb_count(const bson_t *reply)
{
    bson_iter_t iter;

    return bson_iter_init_find(&iter, reply, "n") ? bson_iter_as_int64(&iter) : 0;
}

static int64_t count_done(const struct share *share)
{
    int64_t n = 0;

    for (uint32_t i = 0; i < share->n; i++)
        n += share->rows[i]->done;
    return n;
}

static void take_reply(struct rh_mongodb_writing *w, const struct share *share, const bson_t *reply)
{
    int64_t n = rh_mongodb_count(reply);
    uint32_t made;

    take_errors(w, share, reply);
    made = take_upserted(share, reply);
    for (uint32_t i = 0; w->verb != RH_MONGODB_IGNORE && i < share->n; i++)
        share->rows[i]->done = share->rows[i]->due && (w->verb != RH_MONGODB_UPDATE || n > 0) &&
                               (w->verb != RH_MONGODB_REMOVE || n > 0);
    if (w->verb == RH_MONGODB_IGNORE)
        n = made;
    if (w->verb == RH_MONGODB_INSERT)
        n = count_done(share); /* not every server counts what it refuses as not inserted */
    w->result->n_affected += n > 0 ? (uint64_t)n : 0;
}

static int send_share(struct rh_mongodb_writing *w, const struct share *share,
                      struct rh_error *error)
{
    bson_t command = BSON_INITIALIZER, list, reply;
    int rc;

    bson_append_utf8(&command, rh_mongodb_words[w->verb].command, -1, w->spec->table.data,
                     (int)w->spec->table.len);
    bson_append_array_begin(&command, rh_mongodb_words[w->verb].list, -1, &list);
    for (uint32_t i = 0; i < share->n; i++) {
        char room[16];
        const char *key;
        size_t n = bson_uint32_to_string(i, &key, room, sizeof(room));
        bson_append_document(&list, key, (int)n, share->rows[i]->statement);
    }
    bson_append_array_end(&command, &list);
    BSON_APPEND_BOOL(&command, "ordered", false);
    if (!w->conn->in_tx)
        BSON_APPEND_INT64(&command, "maxTimeMS", rh_mongodb_left_ms(w->conn));
    rc = rh_mongodb_command(w->conn, RH_MONGODB_WRITE, NULL, &command,
                            rh_mongodb_words[w->verb].what, &w->server, &reply, error);
    bson_destroy(&command);
    if (rc)
        return rc;
    take_reply(w, share, &reply);
    bson_destroy(&reply);
    return RH_OK;
}

/* In as few commands as fit; one by one where each row's own count matters. */
static int send_all(struct rh_mongodb_writing *w, struct rh_error *error)
{
    bool one_by_one =
        w->spec->n_returning && (w->verb == RH_MONGODB_UPDATE || w->verb == RH_MONGODB_REMOVE);
    struct share share = {
        .rows = rh_arena_array(w->arena, w->spec->n_rows + 1, sizeof(struct rh_mongodb_row *))};
    size_t bytes = 0;
    int rc = share.rows ? RH_OK : rh_fail_nomem(error);

    for (uint64_t i = 0; i < w->spec->n_rows && rc == RH_OK; i++) {
        struct rh_mongodb_row *row = &w->rows[i];

        if (!row->due)
            continue;
        if (share.n && (one_by_one || bytes + row->statement->len > COMMAND_BYTES)) {
            rc = send_share(w, &share, error);
            share.n = 0;
            bytes = 0;
        }
        share.rows[share.n++] = row;
        bytes += row->statement->len;
    }
    return rc == RH_OK && share.n ? send_share(w, &share, error) : rc;
}

/* ---- Returning ------------------------------------------------------------------------------- */

/* The document with the row's id as it is now, or as the key finds it. */
static int read_row(struct rh_mongodb_writing *w, struct rh_mongodb_row *row,
                    struct rh_cursor *cursor, struct rh_error *error)
{
    bson_t command = BSON_INITIALIZER, filter, document;
    int rc = RH_OK;

    bson_append_utf8(&command, "find", -1, w->spec->table.data, (int)w->spec->table.len);
    bson_append_document_begin(&command, "filter", -1, &filter);
    if (row->id.value_type)
        bson_append_value(&filter, RH_MONGODB_ID, -1, &row->id);
    else
        rc = rh_mongodb_append_key(w, row, &filter, error);
    bson_append_document_end(&command, &filter);
    BSON_APPEND_INT64(&command, "limit", 1);
    if (rc == RH_OK)
        rc = rh_mongodb_cursor_run(cursor, RH_MONGODB_READ, &command, "cannot read the row again",
                                   error);
    bson_destroy(&command);
    if (rc == RH_OK)
        rc = rh_mongodb_cursor_document(cursor, &document, error);
    if (rc == RH_OK)
        rc = rh_mongodb_add_row(cursor, &document, error);
    if (rc == RH_OK) { /* the reply goes with the next row: cells must not borrow from it */
        struct rh_value *cells =
            cursor->rows.cells + (cursor->rows.n_rows - 1) * cursor->rows.n_cols;
        for (uint32_t i = 0; i < cursor->rows.n_cols; i++) {
            struct rh_value cell = cells[i];
            if (!cell.reserved1)
                rh_rowset_value(&cursor->rows, &cells[i], &cell);
        }
    }
    return rc == RH_END ? RH_OK : rc;
}

static int read_rows(struct rh_mongodb_writing *w, bool before, struct rh_error *error)
{
    struct rh_cursor *cursor = NULL;
    int rc = rh_mongodb_cursor_new(w->conn, w->spec->table, w->spec->returning,
                                   w->spec->n_returning, w->spec->returning_stride, &cursor, error);

    if (rc)
        return rc;
    cursor->server = w->server;
    cursor->rows.max_bytes = SIZE_MAX;
    rh_rowset_clear(&cursor->rows, w->spec->n_rows);
    for (uint64_t i = 0; i < w->spec->n_rows && rc == RH_OK; i++)
        if (before ? w->rows[i].due : w->rows[i].done)
            rc = read_row(w, &w->rows[i], cursor, error);
    if (rc == RH_OK) {
        rh_rowset_fini(&w->conn->returned);
        w->conn->returned = cursor->rows;
        rh_rowset_init(&cursor->rows, 0, 0);
        rc = rh_rowset_batch(&w->conn->returned, &w->result->returned, error);
    }
    rh_mongodb_finish(cursor);
    return rc == RH_END ? RH_OK : rc;
}

/* ---- Rows ------------------------------------------------------------------------------------ */

/* NULL or, in a new document, nothing, where the validator wants a value. */
static bool lacks_value(const struct rh_mongodb_writing *w, const struct rh_mongodb_row *row)
{
    for (uint32_t i = 0; i < w->spec->n_columns && w->verb != RH_MONGODB_REMOVE; i++) {
        const struct rh_column *column = rh_mongodb_write_column(w, i);
        uint8_t type = row->cells[i].type;

        if (column->flags & RH_COLUMN_NOT_NULL && !w->is_key[i] && i != w->id &&
            (type == RH_TYPE_NULL || type == RH_TYPE_MISSING))
            return true;
    }
    return false;
}

static int compose(struct rh_mongodb_writing *w, struct rh_mongodb_row *row, struct rh_error *error)
{
    struct rh_error mine = RH_ERROR_INIT;
    int rc;

    if (w->verb != RH_MONGODB_INSERT && has_null_key(w, row)) {
        row->due = false; /* NULL equals nothing */
        return RH_OK;
    }
    if (lacks_value(w, row)) {
        refuse(w, row, RH_CONSTRAINT, RH_CONSTRAINT_NOT_NULL, "NULL in a column that has none");
        return RH_OK;
    }
    if (w->verb != RH_MONGODB_INSERT && !w->is_unique) {
        rc = look_up(w, row, error);
        if (rc || !row->due)
            return rc;
    }
    row->statement = bson_new();
    rc = w->verb == RH_MONGODB_INSERT ? rh_mongodb_compose_insert(w, row, &mine)
                                      : rh_mongodb_compose_keyed(w, row, &mine);
    if (rc == RH_OK && row->statement->len > DOCUMENT_BYTES)
        rc = rh_fail(&mine, RH_DATA, "the document is larger than 16 MB");
    if (rc)
        refuse(w, row, mine.error_class, 0, mine.message);
    return rc == RH_RESOURCE ? rh_fail_nomem(error) : RH_OK;
}

static int write_rows(struct rh_mongodb_writing *w, struct rh_error *error)
{
    bool upserts = w->verb == RH_MONGODB_MERGE || w->verb == RH_MONGODB_IGNORE;
    int rc = rh_mongodb_check_collection(w->conn, w->spec->table, error);

    if (rc == RH_OK && w->verb != RH_MONGODB_INSERT)
        rc = look_at_indexes(w, error);
    if (rc == RH_OK && upserts && !w->is_unique)
        rc = rh_fail(error, RH_UNSUPPORTED,
                     "MongoDB upserts by _id or by the fields of a unique index");
    for (uint64_t i = 0; i < w->spec->n_rows && rc == RH_OK; i++)
        rc = compose(w, &w->rows[i], error);
    if (rc == RH_OK && w->spec->n_returning && w->verb == RH_MONGODB_REMOVE)
        rc = read_rows(w, true, error);
    if (rc == RH_OK)
        rc = send_all(w, error);
    if (rc == RH_OK && w->spec->n_returning && w->verb != RH_MONGODB_REMOVE)
        rc = read_rows(w, false, error);
    return rc;
}

/* ---- The group ------------------------------------------------------------------------------- */

static int run(struct rh_conn *conn, const struct rh_op *op, const struct rh_write_spec *spec,
               enum rh_mongodb_verb verb, struct rh_write_result *ret_result,
               struct rh_error *error)
{
    struct rh_mongodb_writing w = {
        .conn = conn, .spec = spec, .result = ret_result, .op = op, .verb = verb};
    bool set = spec->where && (verb == RH_MONGODB_UPDATE || verb == RH_MONGODB_REMOVE);
    int rc = conn->cursor ? rh_fail(error, RH_INVALID, "the connection has an open cursor") : RH_OK;

    ret_result->n_affected = 0;
    if (rc == RH_OK && (conn->tx_read_only || op->flags & RH_OP_READ_ONLY))
        rc = rh_fail(error, RH_PERMISSION, "nothing may be written in a read-only operation");
    if (rc == RH_OK)
        rc = rh_mongodb_begin(conn, op, error);
    if (rc)
        return rc;
    rc = prepare(&w, error);
    if (rc == RH_OK && !set && verb != RH_MONGODB_INSERT && !spec->n_key)
        rc = rh_fail(error, RH_INVALID, "the write has no key");
    if (rc == RH_OK)
        rc = set ? rh_mongodb_write_set(&w, error) : write_rows(&w, error);
    clean_up(&w);
    rh_mongodb_end(conn);
    return rc;
}

static int32_t insert(struct rh_conn *conn, const struct rh_op *op,
                      const struct rh_write_spec *spec, struct rh_write_result *ret_result,
                      struct rh_error *error)
{
    return run(conn, op, spec, RH_MONGODB_INSERT, ret_result, error);
}

static int32_t update(struct rh_conn *conn, const struct rh_op *op,
                      const struct rh_write_spec *spec, struct rh_write_result *ret_result,
                      struct rh_error *error)
{
    return run(conn, op, spec, RH_MONGODB_UPDATE, ret_result, error);
}

static int32_t remove_rows(struct rh_conn *conn, const struct rh_op *op,
                           const struct rh_write_spec *spec, struct rh_write_result *ret_result,
                           struct rh_error *error)
{
    return run(conn, op, spec, RH_MONGODB_REMOVE, ret_result, error);
}

static int32_t upsert(struct rh_conn *conn, const struct rh_op *op,
                      const struct rh_write_spec *spec, struct rh_write_result *ret_result,
                      struct rh_error *error)
{
    enum rh_mongodb_verb verb =
        spec->resolve == RH_RESOLVE_IGNORE ? RH_MONGODB_IGNORE : RH_MONGODB_MERGE;

    return run(conn, op, spec, verb, ret_result, error);
}

const struct rh_write rh_mongodb_write = {
    .struct_size = sizeof(rh_mongodb_write),
    .atomicity = RH_ATOMIC_ROW,
    .insert = insert,
    .update = update,
    .remove = remove_rows,
    .upsert = upsert,
};
