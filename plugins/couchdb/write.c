/*
 * Writing: _bulk_docs, each row for itself.
 *
 * CouchDB replaces whole documents, and only with the _rev that they have. So update, upsert and
 * delete read the documents by _id first, build new ones from them, and send these; a document that
 * somebody else has changed in between is read and built again, a few times. When _rev is part of the
 * key the caller has decided which version he means: another one there is CONFLICT.
 *
 * A column that is set to MISSING goes out of the document; fields that are no columns stay.
 *
 * A document is found by its _id: the column _id, or what the key of a declared table makes. Other
 * columns in a key are conditions that the document, as it was read, must fulfil; since it is
 * replaced only if it is still that one, a change under a stale value affects no row.
 */
#include "write.h"

#include "base/map.h"
#include "base/rand.h"
#include "connector/json_cell.h"

#include <string.h>

#define ARENA_BYTES ((size_t)1 << 30)
#define BODY_BYTES ((size_t)512 << 20)
#define RETURNED_BYTES SIZE_MAX

/* ---- Preparing ----------------------------------------------------------------------------- */

/* Of a table that is inferred. */
static int find_id(struct rh_couchdb_writing *w, struct rh_error *error)
{
    for (uint32_t i = 0; i < w->spec->n_columns; i++) {
        struct rh_text name = rh_couchdb_write_column(w, i)->name;

        if (rh_text_is(name, RH_COUCHDB_ID)) {
            if (w->id != RH_NO_COLUMN)
                return rh_fail(error, RH_UNSUPPORTED, "the _id of a document cannot be changed");
            w->id = i;
        } else if (rh_text_is(name, RH_COUCHDB_REV)) {
            if (!w->is_key[i])
                return rh_fail(error, RH_INVALID, "_rev is CouchDB's own and cannot be set");
            w->rev = i;
        } else if (rh_text_is(name, RH_COUCHDB_PARTITION)) {
            return rh_fail(error, RH_INVALID, "_partition is what stands before the colon of _id");
        } else if (w->is_key[i] && (w->verb == RH_COUCHDB_MERGE || w->verb == RH_COUCHDB_IGNORE)) {
            return rh_fail(error, RH_UNSUPPORTED, "CouchDB finds documents by _id, not by \"%.*s\"",
                           RH_TEXT_ARG(name));
        }
    }
    if (w->verb != RH_COUCHDB_INSERT && (w->id == RH_NO_COLUMN || !w->is_key[w->id]))
        return rh_fail(error, RH_UNSUPPORTED, "CouchDB writes by _id only");
    return RH_OK;
}

/* Of a declared table: where its key is, by which the documents are found. */
static int find_key(struct rh_couchdb_writing *w, struct rh_error *error)
{
    const struct rh_column *columns = rh_couchdb_columns(w->table);
    bool finds = w->verb != RH_COUCHDB_INSERT;

    w->key = rh_arena_array(w->arena, w->table->n_key + 1, sizeof(*w->key));
    if (!w->key)
        return rh_fail_nomem(error);
    for (uint32_t k = 0; k < w->table->n_key; k++)
        w->key[k] = RH_NO_COLUMN;
    for (uint32_t i = 0; i < w->spec->n_columns; i++) {
        const struct rh_column *column =
            rh_couchdb_declared_column(w->table, rh_couchdb_write_column(w, i)->name);
        uint32_t k = 0;

        if (!column)
            return rh_fail(error, RH_NOT_FOUND, "there is no column \"%.*s\"",
                           RH_TEXT_ARG(rh_couchdb_write_column(w, i)->name));
        while (k < w->table->n_key && &columns[w->table->key[k]] != column)
            k++;
        if (k == w->table->n_key && w->is_key[i] &&
            (w->verb == RH_COUCHDB_MERGE || w->verb == RH_COUCHDB_IGNORE))
            return rh_fail(error, RH_UNSUPPORTED, "CouchDB finds documents by their key only");
        if (k < w->table->n_key && finds && !w->is_key[i])
            return rh_fail(error, RH_UNSUPPORTED, "the key of a document cannot be changed");
        if (k < w->table->n_key)
            w->key[k] = i;
    }
    for (uint32_t k = 0; finds && k < w->table->n_key; k++)
        if (w->key[k] == RH_NO_COLUMN)
            return rh_fail(error, RH_UNSUPPORTED, "CouchDB finds documents by all of their key");
    if (finds && !w->table->n_key)
        return rh_fail(error, RH_UNSUPPORTED, "the table has no key to find documents by");
    return RH_OK;
}

static int find_columns(struct rh_couchdb_writing *w, struct rh_error *error)
{
    const struct rh_write_spec *spec = w->spec;

    w->id = w->rev = RH_NO_COLUMN;
    for (uint32_t i = 0; i < spec->n_key; i++) {
        if (spec->key[i] >= spec->n_columns)
            return rh_fail(error, RH_INVALID, "the write's key makes no sense");
        w->is_key[spec->key[i]] = true;
    }
    return w->table ? find_key(w, error) : find_id(w, error);
}

/* Is there a text, or what the declared key of the row makes? Members that are null are no key. */
static bool add_given(const struct rh_couchdb_writing *w, const struct rh_couchdb_row *row,
                      struct rh_buf *id)
{
    const struct rh_couchdb_table *table = w->table;

    rh_couchdb_add_prefix(table->name, id);
    if (!table->n_key)
        rh_buf_addf(id, "%016llx%016llx", (unsigned long long)rh_rand_u64(),
                    (unsigned long long)rh_rand_u64());
    for (uint32_t k = 0; k < table->n_key; k++) {
        if (w->key[k] == RH_NO_COLUMN || row->cells[w->key[k]].type <= RH_TYPE_NULL)
            return false;
        if (table->n_key > 1)
            rh_buf_add_char(id, k ? ',' : '[');
        if (table->n_key == 1)
            rh_couchdb_add_key_text(&row->cells[w->key[k]], id);
        else if (rh_json_add_value(id, &row->cells[w->key[k]], NULL) != RH_OK)
            return false;
    }
    if (table->n_key > 1)
        rh_buf_add_char(id, ']');
    return true;
}

static int find_given(struct rh_couchdb_writing *w, struct rh_couchdb_row *row,
                      struct rh_error *error)
{
    const struct rh_value *cell = w->id == RH_NO_COLUMN ? NULL : &row->cells[w->id];
    struct rh_buf id;
    bool ok = true;

    if (!w->table) {
        if (cell && cell->type == RH_TYPE_TEXT)
            row->given = rh_kit_value_text(cell);
        return RH_OK;
    }
    rh_buf_init(&id, RH_COUCHDB_DOCUMENT_BYTES);
    if (add_given(w, row, &id))
        row->given = rh_arena_text(w->arena, rh_buf_text(&id), &ok);
    ok = ok && !id.failed;
    rh_buf_free(&id);
    return ok ? RH_OK : rh_fail_nomem(error);
}

static int prepare(struct rh_couchdb_writing *w, struct rh_couchdb_schema *schema,
                   struct rh_error *error)
{
    const struct rh_write_spec *spec = w->spec;
    int rc;

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
    rc = rh_couchdb_schema_read(w->conn, w->op, spec->table, w->arena, schema, error);
    if (rc == RH_OK) {
        w->table = rh_couchdb_schema_find(schema, spec->table);
        rc = find_columns(w, error);
    }
    for (uint64_t i = 0; i < spec->n_rows && rc == RH_OK; i++) {
        w->rows[i] =
            (struct rh_couchdb_row){.cells = spec->cells + i * spec->n_columns, .fate.due = true};
        rc = find_given(w, &w->rows[i], error);
    }
    return rc;
}

/* ---- Reading what is there ----------------------------------------------------------------- */

static int fetch_old(struct rh_couchdb_writing *w, struct rh_map *ret_by_id, struct rh_error *error)
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
        if (!w->rows[i].fate.due || !w->rows[i].given.data)
            continue;
        if (any)
            rh_buf_add_char(&body, ',');
        rh_json_add_string(&body, w->rows[i].given);
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
        struct rh_text id = rh_json_string(document, RH_COUCHDB_ID);

        if (id.data && !rh_map_put(ret_by_id, id, (void *)(uintptr_t)document, NULL))
            rc = rh_fail_nomem(error);
    }
    return rc;
}

/* Does the document fulfil what is in the key besides _id and _rev? Null equals nothing. */
static int check_conditions(const struct rh_couchdb_writing *w, const struct rh_couchdb_row *row,
                            bool *ret_holds, struct rh_error *error)
{
    struct rh_json *wanted = NULL;
    struct rh_buf text;
    int rc = RH_OK;

    *ret_holds = true;
    rh_buf_init(&text, RH_COUCHDB_DOCUMENT_BYTES);
    for (uint32_t i = 0; i < w->spec->n_columns && *ret_holds && rc == RH_OK; i++) {
        const struct rh_json *has = rh_json_find(row->old, rh_couchdb_write_column(w, i)->name);
        bool ok = true;

        if (!w->is_key[i] || i == w->id || i == w->rev)
            continue;
        *ret_holds = has && row->cells[i].type > RH_TYPE_NULL;
        if (!*ret_holds)
            break;
        rh_buf_clear(&text);
        rc = rh_json_add_value(&text, &row->cells[i], error);
        if (rc == RH_OK)
            rc = rh_json_parse(w->arena, rh_arena_text(w->arena, rh_buf_text(&text), &ok), &wanted,
                               error);
        if (!ok || text.failed)
            rc = rh_fail_nomem(error);
        *ret_holds = rc == RH_OK && rh_json_equal(has, wanted);
    }
    rh_buf_free(&text);
    return rc;
}

/* Whether the row is due at all, now that it is known what is there. */
static int decide(struct rh_couchdb_writing *w, struct rh_couchdb_row *row, struct rh_error *error)
{
    const struct rh_value *rev = w->rev == RH_NO_COLUMN ? NULL : &row->cells[w->rev];
    bool foreign = row->old && !rh_couchdb_is_row(w->conn, w->spec->table, row->old);
    bool merges = w->verb == RH_COUCHDB_MERGE || w->verb == RH_COUCHDB_IGNORE;
    bool holds = true;
    int rc = RH_OK;

    if (row->old && !foreign && !merges)
        rc = check_conditions(w, row, &holds, error);
    if (foreign && merges)
        rh_couchdb_refuse(w, row, RH_CONSTRAINT, RH_CONSTRAINT_UNIQUE,
                          RH_TEXT("a document of another table has this _id"));
    else if (w->verb == RH_COUCHDB_IGNORE ? row->old != NULL
                                          : !merges && (!row->old || foreign || !holds))
        row->fate.due = false;
    else if (rev && row->old &&
             (rev->type != RH_TYPE_TEXT ||
              !rh_text_equal(rh_kit_value_text(rev), rh_json_string(row->old, RH_COUCHDB_REV))))
        rh_couchdb_refuse(w, row, RH_CONFLICT, 0,
                          RH_TEXT("the document has been changed since it was read"));
    return rc;
}

static int look_up(void *context, struct rh_error *error)
{
    struct rh_couchdb_writing *w = context;
    struct rh_map by_id;
    int rc;

    rh_map_init(&by_id);
    rc = fetch_old(w, &by_id, error);
    for (uint64_t i = 0; i < w->spec->n_rows && rc == RH_OK; i++) {
        struct rh_couchdb_row *row = &w->rows[i];

        if (!row->fate.due)
            continue;
        row->old = row->given.data ? rh_map_get(&by_id, row->given) : NULL;
        rc = decide(w, row, error);
    }
    rh_map_free(&by_id);
    return rc;
}

/* ---- Storing ------------------------------------------------------------------------------- */

static void take_outcome(struct rh_couchdb_writing *w, struct rh_couchdb_row *row,
                         const struct rh_json *outcome)
{
    struct rh_text failure = rh_json_string(outcome, "error");
    struct rh_text reason = rh_json_string(outcome, "reason");

    row->fate.due = false;
    row->id = rh_json_string(outcome, "id");
    row->rev = rh_json_string(outcome, "rev");
    if (!failure.data) {
        row->fate.stored = true;
        w->result->n_affected++;
        return;
    }
    if (!reason.data)
        reason = failure;
    if (!rh_text_is(failure, "conflict"))
        rh_couchdb_refuse(w, row, rh_text_is(failure, "forbidden") ? RH_PERMISSION : RH_INVALID, 0,
                          reason);
    else if (w->verb == RH_COUCHDB_INSERT || w->verb == RH_COUCHDB_IGNORE)
        rh_couchdb_refuse(w, row, RH_CONSTRAINT, RH_CONSTRAINT_UNIQUE,
                          RH_TEXT("there is a document with this _id already"));
    else
        row->fate.conflict = true;
}

/* Is it one of this row: that it was stored, or why not? */
static bool is_outcome(const struct rh_couchdb_row *row, const struct rh_json *outcome)
{
    struct rh_text id = rh_json_string(outcome, "id");

    if (rh_json_string(outcome, "error").data)
        return true;
    return id.data && rh_json_string(outcome, "rev").data &&
           (!row->given.data || rh_text_equal(id, row->given));
}

static int take_outcomes(struct rh_couchdb_writing *w, const struct rh_json *answer,
                         struct rh_error *error)
{
    const struct rh_json *outcome = answer->kind == RH_JSON_ARRAY ? answer->child : NULL;

    for (uint64_t i = 0; i < w->spec->n_rows; i++) {
        if (!w->rows[i].fate.due)
            continue;
        if (!outcome || !is_outcome(&w->rows[i], outcome))
            return rh_fail(error, RH_UNKNOWN_OUTCOME,
                           "the server did not tell what became of the documents it was sent");
        take_outcome(w, &w->rows[i], outcome);
        outcome = outcome->next;
    }
    return RH_OK;
}

static int store(void *context, bool *ret_any, struct rh_error *error)
{
    struct rh_couchdb_writing *w = context;
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
        struct rh_couchdb_row *row = &w->rows[i];

        if (row->fate.due)
            rc = rh_couchdb_compose(w, row, error);
        if (!row->fate.due)
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
        rc = rh_couchdb_fetch(w->conn, w->op, &request, "cannot write the documents", w->arena,
                              &answer, error);
        rc = rh_http_as_unknown(rc, "the documents were", error);
        if (rc == RH_OK)
            rc = take_outcomes(w, answer, error);
    }
    rh_buf_free(&url);
    rh_buf_free(&body);
    return rc;
}

/* ---- Returning ----------------------------------------------------------------------------- */

/* The row as it is stored now, as a document of its own: what was sent, with _id and _rev. */
static int add_returned(struct rh_couchdb_writing *w, const struct rh_couchdb_row *row,
                        struct rh_error *error)
{
    const struct rh_write_spec *spec = w->spec;
    struct rh_json *document = NULL;
    struct rh_value *cells;
    int rc = rh_json_parse(w->arena, row->text, &document, error);

    if (rc)
        return rc;
    cells = rh_rowset_row(&w->conn->returned);
    for (uint32_t i = 0; cells && i < spec->n_returning; i++) {
        const struct rh_column *column = rh_kit_column(spec->returning, spec->returning_stride, i);

        if (rh_text_is(column->name, RH_COUCHDB_ID))
            rh_rowset_bytes(&w->conn->returned, &cells[i], RH_TYPE_TEXT, row->id.data, row->id.len);
        else if (rh_text_is(column->name, RH_COUCHDB_REV))
            rh_rowset_bytes(&w->conn->returned, &cells[i], RH_TYPE_TEXT, row->rev.data,
                            row->rev.len);
        else
            rh_json_cell(
                &w->conn->returned, &cells[i], column,
                rh_json_find(w->verb == RH_COUCHDB_REMOVE ? row->old : document, column->name));
    }
    return RH_OK;
}

static int return_rows(struct rh_couchdb_writing *w, struct rh_error *error)
{
    struct rh_rowset *returned = &w->conn->returned;
    int rc = RH_OK;

    if (!w->spec->n_returning)
        return RH_OK;
    rh_rowset_fini(returned);
    rh_rowset_init(returned, w->spec->n_returning, RETURNED_BYTES);
    rh_rowset_clear(returned, w->spec->n_rows);
    for (uint64_t i = 0; i < w->spec->n_rows && rc == RH_OK; i++)
        if (w->rows[i].fate.stored)
            rc = add_returned(w, &w->rows[i], error);
    if (rc == RH_OK)
        rc = rh_rowset_batch(returned, &w->result->returned, error);
    return rc == RH_END ? RH_OK : rc;
}

/* ---- The group ----------------------------------------------------------------------------- */

static int run(struct rh_conn *conn, const struct rh_op *op, const struct rh_write_spec *spec,
               enum rh_couchdb_verb verb, struct rh_write_result *ret_result,
               struct rh_error *error)
{
    struct rh_couchdb_writing w = {
        .conn = conn, .op = op, .spec = spec, .result = ret_result, .verb = verb};
    struct rh_couchdb_schema schema;
    int rc = prepare(&w, &schema, error);

    ret_result->n_affected = 0;
    if (rc == RH_OK)
        rc = rh_replace_run(
            &(struct rh_replace){.host = conn->host,
                                 .op = op,
                                 .result = ret_result,
                                 .rows = w.rows,
                                 .n_rows = spec->n_rows,
                                 .stride = sizeof(*w.rows),
                                 .once = w.rev != RH_NO_COLUMN,
                                 .context = &w,
                                 .look_up = verb == RH_COUCHDB_INSERT ? NULL : look_up,
                                 .store = store},
            error);
    if (rc == RH_OK)
        rc = return_rows(&w, error);
    rh_arena_free(w.arena);
    return rc;
}

RH_KIT_DEFINE_WRITES(run, RH_COUCHDB_INSERT, RH_COUCHDB_UPDATE, RH_COUCHDB_REMOVE)
RH_KIT_DEFINE_UPSERT(run, RH_COUCHDB_MERGE, RH_COUCHDB_IGNORE)

const struct rh_write rh_couchdb_write = {
    .struct_size = sizeof(rh_couchdb_write),
    .atomicity = RH_ATOMIC_ROW,
    .insert = insert,
    .update = update,
    .remove = remove_rows,
    .upsert = upsert,
};
