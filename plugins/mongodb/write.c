/*
 * Writing: insert, update and delete commands, unordered, each row for itself.
 *
 * A keyed row finds its document by `_id`, or by the fields of a unique index; then it is one statement
 * of a command for many. By other fields each row is looked up first, since MongoDB would change the
 * first document of several. Rows to be returned are read again; those that are deleted, before.
 *
 * A column that is set to MISSING goes out of the document; fields that are no columns stay.
 */
#include "mongodb.h"

#include <string.h>

#define ARENA_BYTES ((size_t)1 << 30)
#define DOCUMENT_BYTES ((size_t)16 << 20)
#define COMMAND_BYTES ((size_t)12 << 20) /* of the statements in a command; 16 MB are allowed */

enum verb { INSERT, UPDATE, REMOVE, MERGE, IGNORE };

/* A row of the input, and what becomes of it. */
struct row {
    const struct rh_value *cells;
    bson_t *statement; /* the document to insert, or an element of updates or deletes */
    bson_value_t id;   /* owned; 0: not known */
    bool due;
    bool done;
};

struct write {
    struct rh_conn *conn;
    const struct rh_write_spec *spec;
    struct rh_write_result *result;
    const struct rh_op *op;
    struct rh_arena *arena;
    struct row *rows;
    bool *is_key; /* of each column */
    enum verb verb;
    uint32_t id;    /* position of _id; RH_NO_COLUMN */
    bool by_id;     /* the key is _id and nothing else */
    bool is_unique; /* the key finds one document at most */
    uint32_t server;
};

static const struct rh_column *column_of(const struct write *w, uint32_t i)
{
    return rh_mongodb_column(w->spec->columns, w->spec->column_stride, i);
}

static void refuse(struct write *w, struct row *row, int error_class, uint32_t constraint,
                   const char *message)
{
    struct rh_row_status *status = &w->result->statuses[row - w->rows];
    size_t n = strlen(message);
    char *copy = w->conn->host->alloc(w->op->arena, n + 1);

    *status = (struct rh_row_status){.error_class = error_class, .constraint = constraint};
    if (copy) {
        memcpy(copy, message, n);
        status->message = rh_text_make(copy, n);
    }
    row->due = false;
}

/* ---- Preparing ------------------------------------------------------------------------------- */

static int find_columns(struct write *w, struct rh_error *error)
{
    const struct rh_write_spec *spec = w->spec;

    w->id = RH_NO_COLUMN;
    for (uint32_t i = 0; i < spec->n_key; i++) {
        if (spec->key[i] >= spec->n_columns)
            return rh_fail(error, RH_INVALID, "the write's key makes no sense");
        w->is_key[spec->key[i]] = true;
    }
    for (uint32_t i = 0; i < spec->n_columns; i++) {
        struct rh_text name = column_of(w, i)->name;

        if (!column_of(w, i)->native_id)
            return rh_fail(error, RH_NOT_FOUND, "there is no column \"%.*s\"", RH_TEXT_ARG(name));
        if (w->verb != INSERT && !rh_mongodb_is_plain(name))
            return rh_fail(error, RH_UNSUPPORTED, "\"%.*s\" is a path to MongoDB, not a field",
                           RH_TEXT_ARG(name));
        if (memchr(name.data, 0, name.len))
            return rh_fail(error, RH_INVALID, "the name of a field has a NUL in it");
        if (!rh_text_is(name, RH_MONGODB_ID))
            continue;
        if (w->id != RH_NO_COLUMN || (w->verb == UPDATE && !w->is_key[i]))
            return rh_fail(error, RH_UNSUPPORTED, "the _id of a document cannot be changed");
        w->id = i;
    }
    w->by_id = spec->n_key == 1 && spec->key[0] == w->id;
    return RH_OK;
}

static int prepare(struct write *w, struct rh_error *error)
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
        w->rows[i] = (struct row){.cells = spec->cells + i * spec->n_columns, .due = true};
    return find_columns(w, error);
}

static void clean_up(struct write *w)
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
static bool is_key_field(const struct write *w, const char *name)
{
    for (uint32_t i = 0; i < w->spec->n_columns; i++)
        if (w->is_key[i] && rh_text_is(column_of(w, i)->name, name))
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
static bool is_unique_index(const struct write *w, bson_iter_t *index)
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

static int look_at_indexes(struct write *w, struct rh_error *error)
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

/* ---- Statements ------------------------------------------------------------------------------ */

/* Appends the cells of the columns that are key or are not. missing: those that are MISSING instead. */
static int append_cells(struct write *w, const struct row *row, bool key, bool missing, bson_t *to,
                        struct rh_error *error)
{
    int rc = RH_OK;

    for (uint32_t i = 0; i < w->spec->n_columns && rc == RH_OK; i++) {
        const struct rh_column *column = column_of(w, i);
        bool is_missing = row->cells[i].type == RH_TYPE_MISSING;

        if (w->is_key[i] != key || is_missing != missing)
            continue;
        if (missing)
            bson_append_utf8(to, column->name.data, (int)column->name.len, "", 0);
        else
            rc = rh_mongodb_append(to, column->name, &row->cells[i], column->native_id, error);
    }
    return rc;
}

/* {$eq: value} for each key column. */
static int append_key(struct write *w, const struct row *row, bson_t *to, struct rh_error *error)
{
    int rc = RH_OK;

    for (uint32_t i = 0; i < w->spec->n_columns && rc == RH_OK; i++) {
        const struct rh_column *column = column_of(w, i);
        bson_t condition;

        if (!w->is_key[i])
            continue;
        rh_mongodb_begin_document(to, column->name, &condition);
        rc =
            rh_mongodb_append(&condition, RH_TEXT("$eq"), &row->cells[i], column->native_id, error);
        bson_append_document_end(to, &condition);
    }
    return rc;
}

static bool has_null_key(const struct write *w, const struct row *row)
{
    for (uint32_t i = 0; i < w->spec->n_columns; i++)
        if (w->is_key[i] && rh_kit_is_null(&row->cells[i]))
            return true;
    return false;
}

static int compose_insert(struct write *w, struct row *row, struct rh_error *error)
{
    bson_iter_t iter;
    bson_oid_t oid;
    int rc = RH_OK;

    if (w->id == RH_NO_COLUMN || row->cells[w->id].type == RH_TYPE_MISSING) {
        bson_oid_init(&oid, NULL);
        BSON_APPEND_OID(row->statement, RH_MONGODB_ID, &oid);
    }
    for (uint32_t i = 0; i < w->spec->n_columns && rc == RH_OK; i++)
        rc = rh_mongodb_append(row->statement, column_of(w, i)->name, &row->cells[i],
                               column_of(w, i)->native_id, error);
    if (rc == RH_OK && bson_iter_init_find(&iter, row->statement, RH_MONGODB_ID))
        bson_value_copy(bson_iter_value(&iter), &row->id);
    return rc;
}

/* A member of the update, unless it would be empty. */
static void append_part(bson_t *update, const char *name, const bson_t *part)
{
    if (!bson_empty(part))
        bson_append_document(update, name, -1, part);
}

static int append_update(struct write *w, const struct row *row, bson_t *to, struct rh_error *error)
{
    bson_t set = BSON_INITIALIZER, unset = BSON_INITIALIZER, made = BSON_INITIALIZER, update;
    bool upserts = w->verb == MERGE || w->verb == IGNORE;
    bson_oid_t oid;
    int rc = append_cells(w, row, false, false, w->verb == IGNORE ? &made : &set, error);

    if (rc == RH_OK && w->verb != IGNORE)
        rc = append_cells(w, row, false, true, &unset, error);
    if (upserts && w->id == RH_NO_COLUMN) {
        bson_oid_init(&oid, NULL);
        BSON_APPEND_OID(&made, RH_MONGODB_ID, &oid);
    } else if (rc == RH_OK && upserts && bson_empty(&set) && bson_empty(&made)) {
        rc = append_cells(w, row, true, false, &made, error);
    }
    bson_append_document_begin(to, "u", -1, &update);
    append_part(&update, "$set", &set);
    append_part(&update, "$unset", &unset);
    append_part(&update, "$setOnInsert", &made);
    bson_append_document_end(to, &update);
    if (rc == RH_OK && bson_empty(&set) && bson_empty(&unset) && bson_empty(&made))
        rc = rh_fail(error, RH_INVALID, "there is nothing to set");
    bson_destroy(&set);
    bson_destroy(&unset);
    bson_destroy(&made);
    return rc;
}

static void append_collation(bson_t *to)
{
    bson_t collation;

    bson_append_document_begin(to, "collation", -1, &collation);
    BSON_APPEND_UTF8(&collation, "locale", "simple");
    bson_append_document_end(to, &collation);
}

static int compose_keyed(struct write *w, struct row *row, struct rh_error *error)
{
    bson_t key;
    int rc;

    bson_append_document_begin(row->statement, "q", -1, &key);
    rc = append_key(w, row, &key, error);
    if (row->id.value_type)
        bson_append_value(&key, RH_MONGODB_ID, -1, &row->id);
    bson_append_document_end(row->statement, &key);
    if (rc == RH_OK && w->verb == REMOVE)
        BSON_APPEND_INT32(row->statement, "limit", 1);
    else if (rc == RH_OK)
        rc = append_update(w, row, row->statement, error);
    if (w->verb == MERGE || w->verb == IGNORE)
        BSON_APPEND_BOOL(row->statement, "upsert", true);
    if (!w->by_id)
        append_collation(row->statement);
    return rc;
}

/* ---- Looking up ------------------------------------------------------------------------------ */

/* The one document that the key finds; not due when there is none. */
static int look_up(struct write *w, struct row *row, struct rh_error *error)
{
    bson_t command = BSON_INITIALIZER, part, document;
    struct rh_cursor *cursor = NULL;
    uint32_t n = 0;
    bson_iter_t id;
    int rc;

    bson_append_utf8(&command, "find", -1, w->spec->table.data, (int)w->spec->table.len);
    bson_append_document_begin(&command, "filter", -1, &part);
    rc = append_key(w, row, &part, error);
    bson_append_document_end(&command, &part);
    bson_append_document_begin(&command, "projection", -1, &part);
    BSON_APPEND_INT32(&part, RH_MONGODB_ID, 1);
    bson_append_document_end(&command, &part);
    BSON_APPEND_INT64(&command, "limit", 2);
    append_collation(&command);
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

static const struct {
    const char *command, *list, *what;
} words[] = {
    [INSERT] = {"insert", "documents", "cannot insert the rows"},
    [UPDATE] = {"update", "updates", "cannot update the rows"},
    [REMOVE] = {"delete", "deletes", "cannot delete the rows"},
    [MERGE] = {"update", "updates", "cannot write the rows"},
    [IGNORE] = {"update", "updates", "cannot write the rows"},
};

/* The rows of one command, by position in it. */
struct share {
    struct row **rows;
    uint32_t n;
};

static struct row *row_at(const struct share *share, bson_iter_t *entry)
{
    bson_iter_t index;

    if (!bson_iter_recurse(entry, &index) || !bson_iter_find(&index, "index"))
        return NULL;
    int64_t i = bson_iter_as_int64(&index);
    return i >= 0 && i < share->n ? share->rows[i] : NULL;
}

static void take_error(struct write *w, struct row *row, bson_iter_t *entry)
{
    const char *message = "the server refused the row";
    uint32_t constraint = 0;
    int error_class = RH_INVALID;
    bson_iter_t member;

    if (bson_iter_recurse(entry, &member) && bson_iter_find(&member, "code"))
        error_class = rh_mongodb_class(bson_iter_as_int64(&member), &constraint);
    if (bson_iter_recurse(entry, &member) && bson_iter_find(&member, "errmsg") &&
        BSON_ITER_HOLDS_UTF8(&member))
        message = bson_iter_utf8(&member, NULL);
    refuse(w, row, error_class, constraint, message);
}

static void take_errors(struct write *w, const struct share *share, const bson_t *reply)
{
    bson_iter_t iter, entry;

    if (!bson_iter_init_find(&iter, reply, "writeErrors") || !BSON_ITER_HOLDS_ARRAY(&iter) ||
        !bson_iter_recurse(&iter, &entry))
        return;
    while (bson_iter_next(&entry)) {
        struct row *row = row_at(share, &entry);
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
        struct row *row = row_at(share, &entry);
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

static int64_t count_of(const bson_t *reply)
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

static void take_reply(struct write *w, const struct share *share, const bson_t *reply)
{
    int64_t n = count_of(reply);
    uint32_t made;

    take_errors(w, share, reply);
    made = take_upserted(share, reply);
    for (uint32_t i = 0; w->verb != IGNORE && i < share->n; i++)
        share->rows[i]->done =
            share->rows[i]->due && (w->verb != UPDATE || n > 0) && (w->verb != REMOVE || n > 0);
    if (w->verb == IGNORE)
        n = made;
    if (w->verb == INSERT)
        n = count_done(share); /* not every server counts what it refuses as not inserted */
    w->result->n_affected += n > 0 ? (uint64_t)n : 0;
}

static int send_share(struct write *w, const struct share *share, struct rh_error *error)
{
    bson_t command = BSON_INITIALIZER, list, reply;
    int rc;

    bson_append_utf8(&command, words[w->verb].command, -1, w->spec->table.data,
                     (int)w->spec->table.len);
    bson_append_array_begin(&command, words[w->verb].list, -1, &list);
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
    rc = rh_mongodb_command(w->conn, RH_MONGODB_WRITE, NULL, &command, words[w->verb].what,
                            &w->server, &reply, error);
    bson_destroy(&command);
    if (rc)
        return rc;
    take_reply(w, share, &reply);
    bson_destroy(&reply);
    return RH_OK;
}

/* In as few commands as fit; one by one where each row's own count matters. */
static int send_all(struct write *w, struct rh_error *error)
{
    bool one_by_one = w->spec->n_returning && (w->verb == UPDATE || w->verb == REMOVE);
    struct share share = {.rows =
                              rh_arena_array(w->arena, w->spec->n_rows + 1, sizeof(struct row *))};
    size_t bytes = 0;
    int rc = share.rows ? RH_OK : rh_fail_nomem(error);

    for (uint64_t i = 0; i < w->spec->n_rows && rc == RH_OK; i++) {
        struct row *row = &w->rows[i];

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
static int read_row(struct write *w, struct row *row, struct rh_cursor *cursor,
                    struct rh_error *error)
{
    bson_t command = BSON_INITIALIZER, filter, document;
    int rc = RH_OK;

    bson_append_utf8(&command, "find", -1, w->spec->table.data, (int)w->spec->table.len);
    bson_append_document_begin(&command, "filter", -1, &filter);
    if (row->id.value_type)
        bson_append_value(&filter, RH_MONGODB_ID, -1, &row->id);
    else
        rc = append_key(w, row, &filter, error);
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

static int read_rows(struct write *w, bool before, struct rh_error *error)
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
static bool lacks_value(const struct write *w, const struct row *row)
{
    for (uint32_t i = 0; i < w->spec->n_columns && w->verb != REMOVE; i++) {
        const struct rh_column *column = column_of(w, i);
        uint8_t type = row->cells[i].type;

        if (column->flags & RH_COLUMN_NOT_NULL && !w->is_key[i] && i != w->id &&
            (type == RH_TYPE_NULL || type == RH_TYPE_MISSING))
            return true;
    }
    return false;
}

static int compose(struct write *w, struct row *row, struct rh_error *error)
{
    struct rh_error mine = RH_ERROR_INIT;
    int rc;

    if (w->verb != INSERT && has_null_key(w, row)) {
        row->due = false; /* NULL equals nothing */
        return RH_OK;
    }
    if (lacks_value(w, row)) {
        refuse(w, row, RH_CONSTRAINT, RH_CONSTRAINT_NOT_NULL, "NULL in a column that has none");
        return RH_OK;
    }
    if (w->verb != INSERT && !w->is_unique) {
        rc = look_up(w, row, error);
        if (rc || !row->due)
            return rc;
    }
    row->statement = bson_new();
    rc = w->verb == INSERT ? compose_insert(w, row, &mine) : compose_keyed(w, row, &mine);
    if (rc == RH_OK && row->statement->len > DOCUMENT_BYTES)
        rc = rh_fail(&mine, RH_DATA, "the document is larger than 16 MB");
    if (rc)
        refuse(w, row, mine.error_class, 0, mine.message);
    return rc == RH_RESOURCE ? rh_fail_nomem(error) : RH_OK;
}

static int write_rows(struct write *w, struct rh_error *error)
{
    bool upserts = w->verb == MERGE || w->verb == IGNORE;
    int rc = rh_mongodb_check_collection(w->conn, w->spec->table, error);

    if (rc == RH_OK && w->verb != INSERT)
        rc = look_at_indexes(w, error);
    if (rc == RH_OK && upserts && !w->is_unique)
        rc = rh_fail(error, RH_UNSUPPORTED,
                     "MongoDB upserts by _id or by the fields of a unique index");
    for (uint64_t i = 0; i < w->spec->n_rows && rc == RH_OK; i++)
        rc = compose(w, &w->rows[i], error);
    if (rc == RH_OK && w->spec->n_returning && w->verb == REMOVE)
        rc = read_rows(w, true, error);
    if (rc == RH_OK)
        rc = send_all(w, error);
    if (rc == RH_OK && w->spec->n_returning && w->verb != REMOVE)
        rc = read_rows(w, false, error);
    return rc;
}

/* ---- Sets ------------------------------------------------------------------------------------ */

static int append_where(const struct rh_query *where, bson_t *to, struct rh_error *error)
{
    const struct rh_mongodb_scope scope = {where, where->columns, where->n_columns,
                                           where->column_stride};
    bson_t list;
    int rc = RH_OK;

    if (!where->n_conjuncts)
        return RH_OK;
    bson_append_array_begin(to, "$and", -1, &list);
    for (uint32_t i = 0; i < where->n_conjuncts && rc == RH_OK; i++) {
        if (rh_mongodb_verdict(&scope, where->conjuncts[i]) != RH_VERDICT_EXACT)
            rc = rh_fail(error, RH_UNSUPPORTED,
                         "MongoDB cannot tell exactly the rows of that condition");
        else
            rc = rh_mongodb_append_filter(&scope, where->conjuncts[i], &list, i, error);
    }
    bson_append_array_end(to, &list);
    return rc;
}

/* What the set's one statement came to. */
static int take_set(struct write *w, const bson_t *reply, struct rh_error *error)
{
    struct rh_row_status status = {0};
    struct row row = {.due = true}, *rows[] = {&row};
    struct rh_write_result result = {.statuses = &status};
    struct write one = *w;
    const struct share share = {rows, 1};

    one.rows = &row;
    one.result = &result;
    take_errors(&one, &share, reply);
    w->result->n_affected = (uint64_t)count_of(reply);
    if (status.error_class == RH_OK)
        return RH_OK;
    rh_fail(error, status.error_class, "%s: %.*s", words[w->verb].what,
            RH_TEXT_ARG(status.message));
    if (error)
        error->constraint = status.constraint;
    return status.error_class;
}

static int write_set(struct write *w, struct rh_error *error)
{
    bson_t command = BSON_INITIALIZER, list, statement, part, reply;
    int rc = rh_mongodb_check_collection(w->conn, w->spec->table, error);

    if (rc == RH_OK && w->spec->n_returning)
        rc = rh_fail(error, RH_UNSUPPORTED, "MongoDB does not return the rows of a set");
    bson_append_utf8(&command, words[w->verb].command, -1, w->spec->table.data,
                     (int)w->spec->table.len);
    bson_append_array_begin(&command, words[w->verb].list, -1, &list);
    bson_append_document_begin(&list, "0", -1, &statement);
    bson_append_document_begin(&statement, "q", -1, &part);
    if (rc == RH_OK)
        rc = append_where(w->spec->where, &part, error);
    bson_append_document_end(&statement, &part);
    if (rc == RH_OK && w->verb == UPDATE)
        rc = append_update(w, &w->rows[0], &statement, error);
    if (w->verb == UPDATE)
        BSON_APPEND_BOOL(&statement, "multi", true);
    else
        BSON_APPEND_INT32(&statement, "limit", 0);
    append_collation(&statement);
    bson_append_document_end(&list, &statement);
    bson_append_array_end(&command, &list);
    if (!w->conn->in_tx)
        BSON_APPEND_INT64(&command, "maxTimeMS", rh_mongodb_left_ms(w->conn));
    if (rc == RH_OK)
        rc = rh_mongodb_command(w->conn, RH_MONGODB_WRITE, NULL, &command, words[w->verb].what,
                                &w->server, &reply, error);
    bson_destroy(&command);
    if (rc)
        return rc;
    rc = take_set(w, &reply, error);
    bson_destroy(&reply);
    return rc;
}

/* ---- The group ------------------------------------------------------------------------------- */

static int run(struct rh_conn *conn, const struct rh_op *op, const struct rh_write_spec *spec,
               enum verb verb, struct rh_write_result *ret_result, struct rh_error *error)
{
    struct write w = {.conn = conn, .spec = spec, .result = ret_result, .op = op, .verb = verb};
    bool set = spec->where && (verb == UPDATE || verb == REMOVE);
    int rc = conn->cursor ? rh_fail(error, RH_INVALID, "the connection has an open cursor") : RH_OK;

    ret_result->n_affected = 0;
    if (rc == RH_OK && (conn->tx_read_only || op->flags & RH_OP_READ_ONLY))
        rc = rh_fail(error, RH_PERMISSION, "nothing may be written in a read-only operation");
    if (rc == RH_OK)
        rc = rh_mongodb_begin(conn, op, error);
    if (rc)
        return rc;
    rc = prepare(&w, error);
    if (rc == RH_OK && !set && verb != INSERT && !spec->n_key)
        rc = rh_fail(error, RH_INVALID, "the write has no key");
    if (rc == RH_OK)
        rc = set ? write_set(&w, error) : write_rows(&w, error);
    clean_up(&w);
    rh_mongodb_end(conn);
    return rc;
}

static int32_t insert(struct rh_conn *conn, const struct rh_op *op,
                      const struct rh_write_spec *spec, struct rh_write_result *ret_result,
                      struct rh_error *error)
{
    return run(conn, op, spec, INSERT, ret_result, error);
}

static int32_t update(struct rh_conn *conn, const struct rh_op *op,
                      const struct rh_write_spec *spec, struct rh_write_result *ret_result,
                      struct rh_error *error)
{
    return run(conn, op, spec, UPDATE, ret_result, error);
}

static int32_t remove_rows(struct rh_conn *conn, const struct rh_op *op,
                           const struct rh_write_spec *spec, struct rh_write_result *ret_result,
                           struct rh_error *error)
{
    return run(conn, op, spec, REMOVE, ret_result, error);
}

static int32_t upsert(struct rh_conn *conn, const struct rh_op *op,
                      const struct rh_write_spec *spec, struct rh_write_result *ret_result,
                      struct rh_error *error)
{
    enum verb verb = spec->resolve == RH_RESOLVE_IGNORE ? IGNORE : MERGE;

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
