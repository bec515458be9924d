/*
 * Writing: _bulk_docs, each row for itself.
 *
 * CouchDB replaces whole documents, and only with the _rev that they have. So update, upsert and
 * delete read the documents by _id first, build new ones from them, and send these; a document that
 * somebody else has changed in between is read and built again, a few times. When _rev is part of the
 * key the caller has decided which version he means: another one there is CONFLICT.
 *
 * A column that is set to MISSING goes out of the document; fields that are no columns stay.
 */
#include "couchdb.h"

#include "base/map.h"
#include "connector/json_cell.h"

#include <string.h>

#define ARENA_BYTES ((size_t)1 << 30)
#define BODY_BYTES ((size_t)512 << 20)
#define RETURNED_BYTES SIZE_MAX
#define ATTEMPTS 4 /* at a document that others change at the same time */

enum verb { INSERT, UPDATE, REMOVE, MERGE, IGNORE };

/* A row of the input, and what becomes of it. */
struct row {
    const struct rh_value *cells;
    const struct rh_json *old; /* as it is stored; NULL: it is not there */
    struct rh_text text;       /* what is sent */
    struct rh_text id, rev;    /* after it was stored */
    bool due;                  /* it is to be sent */
    bool stored;
    bool conflict; /* somebody else was quicker */
};

struct write {
    struct rh_conn *conn;
    const struct rh_op *op;
    const struct rh_write_spec *spec;
    struct rh_write_result *result;
    struct rh_arena *arena;
    enum verb verb;
    uint32_t id, rev; /* positions of _id and _rev in the columns; RH_NO_COLUMN */
    bool *is_key;     /* of each column */
    struct row *rows;
};

static const struct rh_column *column_of(const struct write *w, uint32_t i)
{
    return rh_couchdb_column(w->spec->columns, w->spec->column_stride, i);
}

static struct rh_text id_of(const struct write *w, const struct row *row)
{
    const struct rh_value *cell = w->id == RH_NO_COLUMN ? NULL : &row->cells[w->id];

    return cell && cell->type == RH_TYPE_TEXT ? rh_kit_value_text(cell) : rh_text_make(NULL, 0);
}

static void refuse(struct write *w, struct row *row, int error_class, uint32_t constraint,
                   struct rh_text message)
{
    struct rh_row_status *status = &w->result->statuses[row - w->rows];
    char *copy = w->conn->host->alloc(w->op->arena, message.len + 1);

    *status = (struct rh_row_status){.error_class = error_class, .constraint = constraint};
    if (copy) {
        memcpy(copy, message.data, message.len);
        status->message = rh_text_make(copy, message.len);
    }
    row->due = false;
}

/* ---- Preparing ----------------------------------------------------------------------------- */

static int find_columns(struct write *w, struct rh_error *error)
{
    const struct rh_write_spec *spec = w->spec;

    w->id = w->rev = RH_NO_COLUMN;
    for (uint32_t i = 0; i < spec->n_key; i++) {
        if (spec->key[i] >= spec->n_columns)
            return rh_fail(error, RH_INVALID, "the write's key makes no sense");
        w->is_key[spec->key[i]] = true;
    }
    for (uint32_t i = 0; i < spec->n_columns; i++) {
        struct rh_text name = column_of(w, i)->name;

        if (rh_text_is(name, RH_COUCHDB_ID)) {
            if (w->id != RH_NO_COLUMN)
                return rh_fail(error, RH_UNSUPPORTED, "the _id of a document cannot be changed");
            w->id = i;
        } else if (rh_text_is(name, RH_COUCHDB_REV)) {
            if (!w->is_key[i])
                return rh_fail(error, RH_INVALID, "_rev is CouchDB's own and cannot be set");
            w->rev = i;
        } else if (w->is_key[i]) {
            return rh_fail(error, RH_UNSUPPORTED, "CouchDB writes by _id only, not by \"%.*s\"",
                           RH_TEXT_ARG(name));
        }
    }
    if (w->verb != INSERT && (w->id == RH_NO_COLUMN || !w->is_key[w->id]))
        return rh_fail(error, RH_UNSUPPORTED, "CouchDB writes by _id only");
    return RH_OK;
}

static int prepare(struct write *w, struct rh_error *error)
{
    const struct rh_write_spec *spec = w->spec;

    if (spec->where)
        return rh_fail(error, RH_UNSUPPORTED, "CouchDB writes by _id only, not by a condition");
    if (w->op->flags & RH_OP_READ_ONLY)
        return rh_fail(error, RH_PERMISSION, "nothing may be written in a read-only operation");
    if (rh_couchdb_check_table(w->conn, spec->table, error))
        return RH_NOT_FOUND;
    w->arena = rh_arena_new(ARENA_BYTES);
    if (!w->arena)
        return rh_fail_nomem(error);
    w->is_key = rh_arena_array(w->arena, spec->n_columns, sizeof(*w->is_key));
    w->rows = rh_arena_array(w->arena, spec->n_rows, sizeof(*w->rows));
    if (!w->is_key || !w->rows)
        return rh_fail_nomem(error);
    for (uint64_t i = 0; i < spec->n_rows; i++)
        w->rows[i] = (struct row){.cells = spec->cells + i * spec->n_columns, .due = true};
    return find_columns(w, error);
}

/* ---- Documents ----------------------------------------------------------------------------- */

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

static bool is_set(const struct write *w, struct rh_text name)
{
    for (uint32_t i = 0; i < w->spec->n_columns; i++)
        if (!w->is_key[i] && rh_text_equal(column_of(w, i)->name, name))
            return true;
    return false;
}

/* What stays of the document that is there. */
static void add_old(const struct write *w, const struct rh_json *old, struct rh_buf *text)
{
    for (const struct rh_json *member = old->child; member; member = member->next) {
        if (is_set(w, member->key))
            continue;
        if (text->len > 1)
            rh_buf_add_char(text, ',');
        rh_json_add_string(text, member->key);
        rh_buf_add_char(text, ':');
        rh_buf_add_text(text, member->source);
    }
}

static void add_deletion(const struct row *row, struct rh_buf *text)
{
    rh_buf_add_str(text, "{\"_id\":");
    rh_json_add_string(text, rh_couchdb_string(row->old, RH_COUCHDB_ID));
    rh_buf_add_str(text, ",\"_rev\":");
    rh_json_add_string(text, rh_couchdb_string(row->old, RH_COUCHDB_REV));
    rh_buf_add_str(text, ",\"_deleted\":true}");
}

static int add_document(struct write *w, const struct row *row, struct rh_buf *text,
                        struct rh_error *error)
{
    const char *field = w->conn->config.table_field;
    bool given = false;
    int rc = RH_OK;

    rh_buf_add_char(text, '{');
    if (row->old)
        add_old(w, row->old, text);
    for (uint32_t i = 0; i < w->spec->n_columns && rc == RH_OK; i++) {
        struct rh_text name = column_of(w, i)->name;

        if (row->old ? w->is_key[i] : i == w->rev)
            continue;
        given = given || (field && rh_text_is(name, field));
        rc = add_member(text, name, &row->cells[i], error);
    }
    if (field && !row->old && !given) {
        struct rh_value table = rh_kit_text(w->spec->table);
        rc = rc ? rc : add_member(text, rh_text_of(field), &table, error);
    }
    rh_buf_add_char(text, '}');
    return rc;
}

/* The table of a document is not to be changed by the way. */
static bool leaves_table(const struct write *w, const struct row *row)
{
    const char *field = w->conn->config.table_field;

    for (uint32_t i = 0; field && w->verb != REMOVE && i < w->spec->n_columns; i++)
        if (rh_text_is(column_of(w, i)->name, field) &&
            (row->cells[i].type != RH_TYPE_TEXT ||
             !rh_text_equal(rh_kit_value_text(&row->cells[i]), w->spec->table)))
            return true;
    return false;
}

static int compose(struct write *w, struct row *row, struct rh_error *error)
{
    struct rh_error mine = RH_ERROR_INIT;
    struct rh_buf text;
    bool ok = true;
    int rc = RH_OK;

    if (leaves_table(w, row)) {
        refuse(w, row, RH_DATA, 0, RH_TEXT("the field that names the table has another value"));
        return RH_OK;
    }
    rh_buf_init(&text, RH_COUCHDB_DOCUMENT_BYTES);
    if (w->verb == REMOVE)
        add_deletion(row, &text);
    else
        rc = add_document(w, row, &text, &mine);
    if (rc)
        refuse(w, row, mine.error_class, 0, rh_text_of(mine.message));
    else
        row->text = rh_arena_text(w->arena, rh_buf_text(&text), &ok);
    ok = ok && !text.failed;
    rh_buf_free(&text);
    return ok ? RH_OK : rh_fail_nomem(error);
}

/* ---- Reading what is there ----------------------------------------------------------------- */

static int fetch_old(struct write *w, struct rh_map *ret_by_id, struct rh_error *error)
{
    struct rh_json *answer = NULL;
    struct rh_http_request request;
    struct rh_buf url, body;
    bool any = false;
    int rc = RH_OK;

    rh_buf_init(&url, 65536);
    rh_buf_init(&body, BODY_BYTES);
    rh_couchdb_add_database(w->conn, w->spec->table, &url);
    rh_buf_add_str(&url, "/_all_docs?include_docs=true");
    rh_buf_add_str(&body, "{\"keys\":[");
    for (uint64_t i = 0; i < w->spec->n_rows; i++) {
        if (!w->rows[i].due || !id_of(w, &w->rows[i]).data)
            continue;
        if (any)
            rh_buf_add_char(&body, ',');
        rh_json_add_string(&body, id_of(w, &w->rows[i]));
        any = true;
    }
    rh_buf_add_str(&body, "]}");
    request = rh_couchdb_request("POST", &url, rh_buf_text(&body), true);
    if (url.failed || body.failed)
        rc = rh_fail_nomem(error);
    else if (any)
        rc = rh_couchdb_fetch(w->conn, w->op, &request, "cannot read the documents to change",
                              w->arena, &answer, error);
    rh_buf_free(&url);
    rh_buf_free(&body);
    answer = (struct rh_json *)(uintptr_t)rh_json_member(answer, "rows");
    for (const struct rh_json *row = answer ? answer->child : NULL; row && rc == RH_OK;
         row = row->next) {
        const struct rh_json *document = rh_json_member(row, "doc");
        struct rh_text id = rh_couchdb_string(document, RH_COUCHDB_ID);

        if (id.data && !rh_map_put(ret_by_id, id, (void *)(uintptr_t)document, NULL))
            rc = rh_fail_nomem(error);
    }
    return rc;
}

/* Whether the row is due at all, now that it is known what is there. */
static void decide(struct write *w, struct row *row)
{
    const struct rh_value *rev = w->rev == RH_NO_COLUMN ? NULL : &row->cells[w->rev];
    bool foreign = row->old && !rh_couchdb_is_row(w->conn, w->spec->table, row->old);

    if (foreign && (w->verb == MERGE || w->verb == IGNORE))
        refuse(w, row, RH_CONSTRAINT, RH_CONSTRAINT_UNIQUE,
               RH_TEXT("a document of another table has this _id"));
    else if (w->verb == IGNORE ? row->old != NULL : w->verb != MERGE && (!row->old || foreign))
        row->due = false;
    else if (rev && row->old &&
             (rev->type != RH_TYPE_TEXT ||
              !rh_text_equal(rh_kit_value_text(rev), rh_couchdb_string(row->old, RH_COUCHDB_REV))))
        refuse(w, row, RH_CONFLICT, 0, RH_TEXT("the document has been changed since it was read"));
}

static int look_up(struct write *w, struct rh_error *error)
{
    struct rh_map by_id;
    int rc;

    rh_map_init(&by_id);
    rc = fetch_old(w, &by_id, error);
    for (uint64_t i = 0; i < w->spec->n_rows && rc == RH_OK; i++) {
        struct row *row = &w->rows[i];

        if (!row->due)
            continue;
        row->old = id_of(w, row).data ? rh_map_get(&by_id, id_of(w, row)) : NULL;
        decide(w, row);
    }
    rh_map_free(&by_id);
    return rc;
}

/* ---- Storing ------------------------------------------------------------------------------- */

static void take_outcome(struct write *w, struct row *row, const struct rh_json *outcome)
{
    struct rh_text failure = rh_couchdb_string(outcome, "error");
    struct rh_text reason = rh_couchdb_string(outcome, "reason");

    row->due = false;
    row->id = rh_couchdb_string(outcome, "id");
    row->rev = rh_couchdb_string(outcome, "rev");
    if (!failure.data) {
        row->stored = true;
        w->result->n_affected++;
        return;
    }
    if (!reason.data)
        reason = failure;
    if (!rh_text_is(failure, "conflict"))
        refuse(w, row, rh_text_is(failure, "forbidden") ? RH_PERMISSION : RH_INVALID, 0, reason);
    else if (w->verb == INSERT || w->verb == IGNORE)
        refuse(w, row, RH_CONSTRAINT, RH_CONSTRAINT_UNIQUE,
               RH_TEXT("there is a document with this _id already"));
    else
        row->conflict = true;
}

static int take_outcomes(struct write *w, const struct rh_json *answer, struct rh_error *error)
{
    const struct rh_json *outcome = answer->kind == RH_JSON_ARRAY ? answer->child : NULL;

    for (uint64_t i = 0; i < w->spec->n_rows; i++) {
        if (!w->rows[i].due)
            continue;
        if (!outcome)
            return rh_fail(error, RH_UNKNOWN_OUTCOME,
                           "the server told of fewer documents than it "
                           "was sent");
        take_outcome(w, &w->rows[i], outcome);
        outcome = outcome->next;
    }
    return RH_OK;
}

/* Nothing tells what became of a request whose answer was lost. */
static int as_unknown(int rc, struct rh_error *error)
{
    if (rc == RH_OK || !error || (error->retry != RH_RETRY_IF_IDEMPOTENT && rc != RH_PROTOCOL))
        return rc;
    error->error_class = RH_UNKNOWN_OUTCOME;
    rh_error_prefix(error, "whether the documents were written is not known");
    return RH_UNKNOWN_OUTCOME;
}

static int store(struct write *w, bool *ret_any, struct rh_error *error)
{
    struct rh_json *answer = NULL;
    struct rh_http_request request;
    struct rh_buf url, body;
    int rc = RH_OK;

    *ret_any = false;
    rh_buf_init(&url, 65536);
    rh_buf_init(&body, BODY_BYTES);
    rh_couchdb_add_database(w->conn, w->spec->table, &url);
    rh_buf_add_str(&url, "/_bulk_docs");
    rh_buf_add_str(&body, "{\"docs\":[");
    for (uint64_t i = 0; i < w->spec->n_rows && rc == RH_OK; i++) {
        struct row *row = &w->rows[i];

        if (row->due)
            rc = compose(w, row, error);
        if (!row->due)
            continue;
        if (*ret_any)
            rh_buf_add_char(&body, ',');
        rh_buf_add_text(&body, row->text);
        *ret_any = true;
    }
    rh_buf_add_str(&body, "]}");
    request = rh_couchdb_request("POST", &url, rh_buf_text(&body), false);
    if (rc == RH_OK && (url.failed || body.failed))
        rc = rh_fail(error, RH_RESOURCE, "the documents are too large for one request");
    if (rc == RH_OK && *ret_any) {
        rc = as_unknown(rh_couchdb_fetch(w->conn, w->op, &request, "cannot write the documents",
                                         w->arena, &answer, error),
                        error);
        if (rc == RH_OK)
            rc = take_outcomes(w, answer, error);
    }
    rh_buf_free(&url);
    rh_buf_free(&body);
    return rc;
}

/* Those that somebody else has changed are due again, or it is enough. */
static void take_conflicts(struct write *w, bool last)
{
    for (uint64_t i = 0; i < w->spec->n_rows; i++) {
        struct row *row = &w->rows[i];

        if (!row->conflict)
            continue;
        row->conflict = false;
        if (last || w->rev != RH_NO_COLUMN)
            refuse(w, row, RH_CONFLICT, 0,
                   RH_TEXT("the document has been changed by somebody else at the same time"));
        else
            row->due = true;
    }
}

/* ---- Returning ----------------------------------------------------------------------------- */

/* The row as it is stored now, as a document of its own: what was sent, with _id and _rev. */
static int add_returned(struct write *w, const struct row *row, struct rh_error *error)
{
    const struct rh_write_spec *spec = w->spec;
    struct rh_json *document = NULL;
    struct rh_value *cells;
    int rc = rh_json_parse(w->arena, row->text, &document, error);

    if (rc)
        return rc;
    cells = rh_rowset_row(&w->conn->returned);
    for (uint32_t i = 0; cells && i < spec->n_returning; i++) {
        const struct rh_column *column =
            rh_couchdb_column(spec->returning, spec->returning_stride, i);

        if (rh_text_is(column->name, RH_COUCHDB_ID))
            rh_rowset_bytes(&w->conn->returned, &cells[i], RH_TYPE_TEXT, row->id.data, row->id.len);
        else if (rh_text_is(column->name, RH_COUCHDB_REV))
            rh_rowset_bytes(&w->conn->returned, &cells[i], RH_TYPE_TEXT, row->rev.data,
                            row->rev.len);
        else
            rh_json_cell(&w->conn->returned, &cells[i], column,
                         rh_couchdb_member(w->verb == REMOVE ? row->old : document, column->name));
    }
    return RH_OK;
}

static int return_rows(struct write *w, struct rh_error *error)
{
    struct rh_rowset *returned = &w->conn->returned;
    int rc = RH_OK;

    if (!w->spec->n_returning)
        return RH_OK;
    rh_rowset_fini(returned);
    rh_rowset_init(returned, w->spec->n_returning, RETURNED_BYTES);
    rh_rowset_clear(returned, w->spec->n_rows);
    for (uint64_t i = 0; i < w->spec->n_rows && rc == RH_OK; i++)
        if (w->rows[i].stored)
            rc = add_returned(w, &w->rows[i], error);
    if (rc == RH_OK)
        rc = rh_rowset_batch(returned, &w->result->returned, error);
    return rc == RH_END ? RH_OK : rc;
}

/* ---- The group ----------------------------------------------------------------------------- */

static int run(struct rh_conn *conn, const struct rh_op *op, const struct rh_write_spec *spec,
               enum verb verb, struct rh_write_result *ret_result, struct rh_error *error)
{
    struct write w = {.conn = conn, .op = op, .spec = spec, .result = ret_result, .verb = verb};
    bool any = true;
    int rc = prepare(&w, error);

    ret_result->n_affected = 0;
    for (int i = 1; i <= ATTEMPTS && any && rc == RH_OK; i++) {
        if (verb != INSERT)
            rc = look_up(&w, error);
        if (rc == RH_OK)
            rc = store(&w, &any, error);
        take_conflicts(&w, i == ATTEMPTS);
    }
    if (rc == RH_OK)
        rc = return_rows(&w, error);
    rh_arena_free(w.arena);
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

const struct rh_write rh_couchdb_write = {
    .struct_size = sizeof(rh_couchdb_write),
    .atomicity = RH_ATOMIC_ROW,
    .insert = insert,
    .update = update,
    .remove = remove_rows,
    .upsert = upsert,
};
