/*
 * Writing: one commit of all rows, which happens whole or not at all.
 *
 * Whether a document is there is a condition of each write (`currentDocument`), so update, delete and
 * upsert/IGNORE look first, and then commit on the condition that it still is so; when somebody was
 * quicker nothing has happened, and they look again, a few times. With _update_time in the key the
 * caller has decided which version he means: another one is CONFLICT.
 *
 * A column that is set to MISSING goes out of the document; fields that are not named stay.
 */
#include "firestore.h"

#include "base/json.h"
#include "base/map.h"

#include <string.h>
#include <sys/random.h>

#define ARENA_BYTES ((size_t)512 << 20)
#define BODY_BYTES ((size_t)10 << 20) /* Firestore's, of a request */
#define ATTEMPTS 4
#define AUTO_ID 20

enum verb { INSERT, UPDATE, REMOVE, MERGE, IGNORE };

struct row {
    const struct rh_value *cells;
    struct rh_text id;
    const struct rh_json *old; /* as it is stored; NULL: it is not there */
    bool due;                  /* it is to be written */
};

struct write {
    struct rh_conn *conn;
    const struct rh_op *op;
    const struct rh_write_spec *spec;
    struct rh_arena *arena;
    enum verb verb;
    uint32_t id, version; /* positions of _id and _update_time in the columns; RH_NO_COLUMN */
    bool *is_key;         /* of each column */
    struct row *rows;
};

static const struct rh_column *column_of(const struct write *w, uint32_t i)
{
    return rh_kit_column(w->spec->columns, w->spec->column_stride, i);
}

/* ---- Preparing ----------------------------------------------------------------------------- */

static int find_columns(struct write *w, struct rh_error *error)
{
    const struct rh_write_spec *spec = w->spec;

    w->id = w->version = RH_NO_COLUMN;
    for (uint32_t i = 0; i < spec->n_key; i++) {
        if (spec->key[i] >= spec->n_columns)
            return rh_fail(error, RH_INVALID, "the write's key makes no sense");
        w->is_key[spec->key[i]] = true;
    }
    for (uint32_t i = 0; i < spec->n_columns; i++) {
        struct rh_text name = column_of(w, i)->name;

        if (rh_text_is(name, RH_FIRESTORE_ID)) {
            if (w->id != RH_NO_COLUMN)
                return rh_fail(error, RH_UNSUPPORTED, "the _id of a document cannot be changed");
            w->id = i;
        } else if (rh_text_is(name, RH_FIRESTORE_UPDATE_TIME)) {
            if (!w->is_key[i])
                return rh_fail(error, RH_INVALID, "_update_time is Firestore's own");
            w->version = i;
        } else if (w->is_key[i]) {
            return rh_fail(error, RH_UNSUPPORTED, "Firestore writes by _id only, not by \"%.*s\"",
                           RH_TEXT_ARG(name));
        }
    }
    if (w->verb != INSERT && (w->id == RH_NO_COLUMN || !w->is_key[w->id]))
        return rh_fail(error, RH_UNSUPPORTED, "Firestore writes by _id only");
    return RH_OK;
}

/* As Firestore's own clients make them. */
static int make_id(struct write *w, struct row *row, struct rh_error *error)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    unsigned char random[AUTO_ID];
    char *id = rh_arena_alloc(w->arena, AUTO_ID);

    if (rh_firestore_is_group(w->conn, w->spec->table))
        return rh_fail(error, RH_DATA, "a row of a collection group needs its path as _id");
    if (!id || getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
        return rh_fail_nomem(error);
    for (int i = 0; i < AUTO_ID; i++)
        id[i] = letters[random[i] % (sizeof(letters) - 1)];
    row->id = rh_text_make(id, AUTO_ID);
    return RH_OK;
}

static int take_id(struct write *w, struct row *row, struct rh_error *error)
{
    const struct rh_value *cell = w->id == RH_NO_COLUMN ? NULL : &row->cells[w->id];

    if (w->verb == INSERT && (!cell || cell->type == RH_TYPE_MISSING))
        return make_id(w, row, error);
    if (cell && cell->type == RH_TYPE_TEXT)
        row->id = rh_kit_value_text(cell);
    row->due = row->id.data && rh_firestore_is_id(w->conn, w->spec->table, row->id);
    if (row->due || w->verb == UPDATE || w->verb == REMOVE) /* nothing can have it */
        return RH_OK;
    rh_fail(error, RH_DATA, "an _id is none that Firestore could keep");
    if (error)
        error->row = (uint64_t)(row - w->rows);
    return RH_DATA;
}

static int prepare(struct write *w, struct rh_error *error)
{
    const struct rh_write_spec *spec = w->spec;
    int rc;

    if (spec->where)
        return rh_fail(error, RH_UNSUPPORTED, "Firestore writes by _id only, not by a condition");
    if (w->op->flags & RH_OP_READ_ONLY)
        return rh_fail(error, RH_PERMISSION, "nothing may be written in a read-only operation");
    if ((rc = rh_kit_check(w->conn->host, w->op, error)) != RH_OK ||
        (rc = rh_firestore_check_table(spec->table, error)) != RH_OK)
        return rc;
    w->arena = rh_arena_new(ARENA_BYTES);
    if (!w->arena)
        return rh_fail_nomem(error);
    w->is_key = rh_arena_array(w->arena, spec->n_columns, sizeof(*w->is_key));
    w->rows = rh_arena_array(w->arena, spec->n_rows, sizeof(*w->rows));
    if (!w->is_key || !w->rows)
        return rh_fail_nomem(error);
    rc = find_columns(w, error);
    for (uint64_t i = 0; i < spec->n_rows && rc == RH_OK; i++) {
        w->rows[i] = (struct row){.cells = spec->cells + i * spec->n_columns, .due = true};
        rc = take_id(w, &w->rows[i], error);
    }
    return rc;
}

/* ---- Looking ------------------------------------------------------------------------------- */

/* The documents of these rows as they are now. */
static int fetch(struct write *w, struct rh_error *error)
{
    struct rh_json *answer = NULL;
    struct rh_map by_id;
    struct rh_buf body;
    bool any = false;
    int rc = RH_OK;

    rh_map_init(&by_id);
    rh_buf_init(&body, BODY_BYTES);
    rh_buf_add_str(&body, "{\"documents\":[");
    for (uint64_t i = 0; i < w->spec->n_rows; i++) {
        w->rows[i].old = NULL;
        if (!w->rows[i].due || rh_map_get(&by_id, w->rows[i].id))
            continue;
        if (any)
            rh_buf_add_char(&body, ',');
        rh_firestore_add_name(w->conn, w->spec->table, w->rows[i].id, &body);
        any = true;
        if (!rh_map_put(&by_id, w->rows[i].id, w, NULL))
            rc = rh_fail_nomem(error);
    }
    rh_buf_add_str(&body, "]}");
    rh_map_free(&by_id);
    rh_map_init(&by_id);
    if (rc == RH_OK && any)
        rc = rh_firestore_call(w->conn, w->op, ":batchGet", &body, true,
                               "cannot read the documents to change", w->arena, &answer, error);
    for (const struct rh_json *item = answer ? answer->child : NULL; item && rc == RH_OK;
         item = item->next) {
        const struct rh_json *document = rh_json_member(item, "found");
        struct rh_text id =
            rh_firestore_id_of(w->conn, w->spec->table, rh_json_string(document, "name"));
        if (id.data && !rh_map_put(&by_id, id, (void *)(uintptr_t)document, NULL))
            rc = rh_fail_nomem(error);
    }
    for (uint64_t i = 0; i < w->spec->n_rows && rc == RH_OK; i++)
        w->rows[i].old = w->rows[i].due ? rh_map_get(&by_id, w->rows[i].id) : NULL;
    rh_map_free(&by_id);
    rh_buf_free(&body);
    return rc;
}

static int fail_version(const struct write *w, const struct row *row, struct rh_error *error)
{
    rh_fail(error, RH_CONFLICT, "the document has been changed since it was read");
    if (error)
        error->row = (uint64_t)(row - w->rows);
    return RH_CONFLICT;
}

static int look_up(struct write *w, struct rh_error *error)
{
    int rc = fetch(w, error);

    for (uint64_t i = 0; i < w->spec->n_rows && rc == RH_OK; i++) {
        struct row *row = &w->rows[i];
        const struct rh_value *version =
            w->version == RH_NO_COLUMN ? NULL : &row->cells[w->version];

        if (w->verb == IGNORE)
            row->due = row->due && !row->old;
        else if (w->verb != MERGE)
            row->due = row->due && row->old;
        if (row->due && row->old && version &&
            (version->type != RH_TYPE_TEXT ||
             !rh_text_equal(rh_kit_value_text(version), rh_json_string(row->old, "updateTime"))))
            rc = fail_version(w, row, error);
    }
    return rc;
}

/* ---- Committing ---------------------------------------------------------------------------- */

static void add_condition(const struct write *w, const struct row *row, struct rh_buf *body)
{
    if (w->verb == MERGE)
        return;
    rh_buf_add_str(body, ",\"currentDocument\":{");
    if (w->version != RH_NO_COLUMN && row->old) {
        rh_buf_add_str(body, "\"updateTime\":");
        rh_json_add_string(body, rh_json_string(row->old, "updateTime"));
    } else {
        rh_buf_addf(body, "\"exists\":%s",
                    w->verb == INSERT || w->verb == IGNORE ? "false" : "true");
    }
    rh_buf_add_char(body, '}');
}

static bool is_set(const struct write *w, uint32_t i)
{
    return i != w->id && !w->is_key[i];
}

static int add_document(struct write *w, const struct row *row, struct rh_buf *body,
                        struct rh_error *error)
{
    bool any = false;
    int rc = RH_OK;

    rh_buf_add_str(body, "{\"update\":{\"name\":");
    rh_firestore_add_name(w->conn, w->spec->table, row->id, body);
    rh_buf_add_str(body, ",\"fields\":{");
    for (uint32_t i = 0; i < w->spec->n_columns && rc == RH_OK; i++) {
        if (!is_set(w, i) || row->cells[i].type == RH_TYPE_MISSING)
            continue;
        if (any)
            rh_buf_add_char(body, ',');
        rh_json_add_string(body, column_of(w, i)->name);
        rh_buf_add_char(body, ':');
        rc = rh_firestore_add_value(w->conn, body, column_of(w, i), &row->cells[i], error);
        any = true;
    }
    rh_buf_add_str(body, "}}");
    if (rc && error && error->row == RH_NO_ROW)
        error->row = (uint64_t)(row - w->rows);
    if (w->verb != UPDATE && w->verb != MERGE)
        return rc;
    any = false;
    rh_buf_add_str(body, ",\"updateMask\":{\"fieldPaths\":[");
    for (uint32_t i = 0; i < w->spec->n_columns; i++) {
        if (!is_set(w, i))
            continue;
        if (any)
            rh_buf_add_char(body, ',');
        rh_firestore_add_path(body, column_of(w, i)->name);
        any = true;
    }
    rh_buf_add_str(body, "]}");
    return rc;
}

static int add_write(struct write *w, const struct row *row, struct rh_buf *body,
                     struct rh_error *error)
{
    int rc = RH_OK;

    if (w->verb == REMOVE) {
        rh_buf_add_str(body, "{\"delete\":");
        rh_firestore_add_name(w->conn, w->spec->table, row->id, body);
    } else {
        rc = add_document(w, row, body, error);
    }
    add_condition(w, row, body);
    rh_buf_add_char(body, '}');
    return rc;
}

/* A document that is written twice, of which the second write has a condition on the first. */
static bool is_repeated(const struct write *w, uint64_t i, struct rh_map *seen)
{
    bool again = rh_map_get(seen, w->rows[i].id) != NULL;

    return again || !rh_map_put(seen, w->rows[i].id, w->rows, NULL);
}

/* *ret_n: rows that were written. */
static int commit(struct write *w, uint64_t *ret_n, struct rh_error *error)
{
    struct rh_json *answer = NULL;
    const struct rh_json *results;
    struct rh_map seen;
    struct rh_buf body;
    uint64_t n = 0;
    int rc = RH_OK;

    rh_map_init(&seen);
    rh_buf_init(&body, BODY_BYTES);
    rh_buf_add_str(&body, "{\"writes\":[");
    for (uint64_t i = 0; i < w->spec->n_rows && rc == RH_OK; i++) {
        struct row *row = &w->rows[i];
        bool again = row->due && w->verb != MERGE && w->verb != INSERT && is_repeated(w, i, &seen);
        if (again && (w->verb == REMOVE || w->verb == IGNORE))
            row->due = false; /* the first has done it */
        if (!row->due)
            continue;
        if (n++)
            rh_buf_add_char(&body, ',');
        rc = add_write(w, row, &body, error);
    }
    rh_buf_add_str(&body, "]}");
    if (rc == RH_OK && body.failed)
        rc = rh_fail(error, RH_RESOURCE, "the documents are too large for one request of 10 MiB");
    if (rc == RH_OK && n) {
        rc = rh_firestore_call(w->conn, w->op, ":commit", &body, false,
                               "cannot write the documents", w->arena, &answer, error);
        rc = rh_http_as_unknown(rc, "the documents were", error);
        results = rh_json_member(answer, "writeResults");
        if (rc == RH_OK && (!results || results->n != n))
            rc = rh_fail(error, RH_UNKNOWN_OUTCOME,
                         "the server told of another number of documents than it was sent");
    }
    rh_map_free(&seen);
    rh_buf_free(&body);
    *ret_n = n;
    return rc;
}

/* Whether somebody has made or removed a document after it was looked for. */
static bool is_late(const struct write *w, int rc)
{
    switch (w->verb) {
    case UPDATE:
    case REMOVE:
        return (rc == RH_NOT_FOUND || rc == RH_CONFLICT) && w->version == RH_NO_COLUMN;
    case IGNORE:
        return rc == RH_CONSTRAINT || rc == RH_CONFLICT;
    default:
        return rc == RH_CONFLICT; /* ABORTED: contention */
    }
}

/* ---- Returning ----------------------------------------------------------------------------- */

static int return_rows(struct write *w, struct rh_write_result *ret_result, struct rh_error *error)
{
    struct rh_rowset *returned = &w->conn->returned;
    int rc = RH_OK;

    if (!w->spec->n_returning)
        return RH_OK;
    rh_rowset_fini(returned);
    rh_rowset_init(returned, w->spec->n_returning, SIZE_MAX);
    rh_rowset_clear(returned, w->spec->n_rows);
    if (w->verb != REMOVE)
        rc = fetch(w, error);
    for (uint64_t i = 0; i < w->spec->n_rows && rc == RH_OK; i++)
        if (w->rows[i].due)
            rh_firestore_add_row(w->conn, returned, w->spec->returning, w->spec->returning_stride,
                                 w->spec->n_returning, w->rows[i].id, w->rows[i].old);
    if (rc == RH_OK)
        rc = rh_rowset_batch(returned, &ret_result->returned, error);
    return rc == RH_END ? RH_OK : rc;
}

/* ---- The group ----------------------------------------------------------------------------- */

static int run(struct rh_conn *conn, const struct rh_op *op, const struct rh_write_spec *spec,
               enum verb verb, struct rh_write_result *ret_result, struct rh_error *error)
{
    struct write w = {.conn = conn, .op = op, .spec = spec, .verb = verb};
    struct rh_error own = RH_ERROR_INIT, *to = error ? error : &own;
    uint64_t n = 0;
    int rc = prepare(&w, to);

    ret_result->n_affected = 0;
    for (int i = 1; rc == RH_OK; i++) {
        if (verb != INSERT && verb != MERGE)
            rc = look_up(&w, to);
        if (rc == RH_OK)
            rc = commit(&w, &n, to);
        if (i == ATTEMPTS || !is_late(&w, rc))
            break;
        rh_error_clear(to);
        for (uint64_t k = 0; verb != INSERT && verb != MERGE && k < spec->n_rows; k++)
            w.rows[k].due = rh_firestore_is_id(conn, spec->table, w.rows[k].id);
        rc = rh_kit_check(conn->host, op, to);
    }
    if (rc == RH_OK) {
        ret_result->n_affected = n;
        rc = return_rows(&w, ret_result, to);
    }
    rh_arena_free(w.arena);
    return rc;
}

RH_KIT_DEFINE_WRITES(run, INSERT, UPDATE, REMOVE)
RH_KIT_DEFINE_UPSERT(run, MERGE, IGNORE)

const struct rh_write rh_firestore_write = {
    .struct_size = sizeof(rh_firestore_write),
    .atomicity = RH_ATOMIC_ALL,
    .insert = insert,
    .update = update,
    .remove = remove_rows,
    .upsert = upsert,
};
