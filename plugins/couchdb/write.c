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
#include "couchdb.h"

#include "base/map.h"
#include "base/rand.h"
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
    struct rh_text given;      /* the _id that it is found by; no text: none */
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
    const struct rh_couchdb_table *table; /* NULL: it is not declared */
    uint32_t *key;                        /* of each column of its key: position; RH_NO_COLUMN */
    struct row *rows;
};

static const struct rh_column *column_of(const struct write *w, uint32_t i)
{
    return rh_couchdb_column(w->spec->columns, w->spec->column_stride, i);
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

/* Of a table that is inferred. */
static int find_id(struct write *w, struct rh_error *error)
{
    for (uint32_t i = 0; i < w->spec->n_columns; i++) {
        struct rh_text name = column_of(w, i)->name;

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
        } else if (w->is_key[i] && (w->verb == MERGE || w->verb == IGNORE)) {
            return rh_fail(error, RH_UNSUPPORTED, "CouchDB finds documents by _id, not by \"%.*s\"",
                           RH_TEXT_ARG(name));
        }
    }
    if (w->verb != INSERT && (w->id == RH_NO_COLUMN || !w->is_key[w->id]))
        return rh_fail(error, RH_UNSUPPORTED, "CouchDB writes by _id only");
    return RH_OK;
}

/* Of a declared table: where its key is, by which the documents are found. */
static int find_key(struct write *w, struct rh_error *error)
{
    const struct rh_column *columns = rh_couchdb_columns(w->table);
    bool finds = w->verb != INSERT;

    w->key = rh_arena_array(w->arena, w->table->n_key + 1, sizeof(*w->key));
    if (!w->key)
        return rh_fail_nomem(error);
    for (uint32_t k = 0; k < w->table->n_key; k++)
        w->key[k] = RH_NO_COLUMN;
    for (uint32_t i = 0; i < w->spec->n_columns; i++) {
        const struct rh_column *column =
            rh_couchdb_declared_column(w->table, column_of(w, i)->name);
        uint32_t k = 0;

        if (!column)
            return rh_fail(error, RH_NOT_FOUND, "there is no column \"%.*s\"",
                           RH_TEXT_ARG(column_of(w, i)->name));
        while (k < w->table->n_key && &columns[w->table->key[k]] != column)
            k++;
        if (k == w->table->n_key && w->is_key[i] && (w->verb == MERGE || w->verb == IGNORE))
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

static int find_columns(struct write *w, struct rh_error *error)
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
static bool add_given(const struct write *w, const struct row *row, struct rh_buf *id)
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

static int find_given(struct write *w, struct row *row, struct rh_error *error)
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

static int prepare(struct write *w, struct rh_couchdb_schema *schema, struct rh_error *error)
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
        w->rows[i] = (struct row){.cells = spec->cells + i * spec->n_columns, .due = true};
        rc = find_given(w, &w->rows[i], error);
    }
    return rc;
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

/* What the row does not give, of a new document of a declared table. */
static int add_defaults(const struct write *w, const struct row *row, struct rh_buf *text,
                        uint32_t *ret_constraint, struct rh_error *error)
{
    const struct rh_value missing = {.type = RH_TYPE_MISSING};
    const struct rh_column *columns = rh_couchdb_columns(w->table);
    int rc = RH_OK;

    for (uint32_t c = 0; c < w->table->columns.n && rc == RH_OK; c++) {
        bool given = false;

        for (uint32_t i = 0; i < w->spec->n_columns; i++)
            given = given || (rh_text_equal(column_of(w, i)->name, columns[c].name) &&
                              row->cells[i].type != RH_TYPE_MISSING);
        if (given)
            continue;
        if (!columns[c].default_text.data) {
            rc = rh_couchdb_check_value(&columns[c], true, &missing, ret_constraint, error);
            continue;
        }
        rh_buf_add_char(text, ',');
        rh_json_add_string(text, columns[c].name);
        rh_buf_add_char(text, ':');
        rh_couchdb_add_default(&columns[c], text);
    }
    return rc;
}

static int check_cell(const struct write *w, const struct row *row, uint32_t i,
                      uint32_t *ret_constraint, struct rh_error *error)
{
    const struct rh_column *column = column_of(w, i);
    const struct rh_column *declared =
        w->table ? rh_couchdb_declared_column(w->table, column->name) : NULL;

    if (!row->old && row->cells[i].type == RH_TYPE_MISSING)
        return RH_OK; /* its default, later */
    return rh_couchdb_check_value(declared ? declared : column, declared != NULL, &row->cells[i],
                                  ret_constraint, error);
}

static int add_document(struct write *w, const struct row *row, struct rh_buf *text,
                        uint32_t *ret_constraint, struct rh_error *error)
{
    const char *field = w->conn->config.table_field;
    struct rh_value id = rh_kit_text(row->given);
    bool given = false;
    int rc = RH_OK;

    rh_buf_add_char(text, '{');
    if (row->old)
        add_old(w, row->old, text);
    else if (w->table)
        rc = add_member(text, RH_TEXT(RH_COUCHDB_ID), &id, error);
    for (uint32_t i = 0; i < w->spec->n_columns && rc == RH_OK; i++) {
        struct rh_text name = column_of(w, i)->name;

        if (row->old ? w->is_key[i] : i == w->rev)
            continue;
        given = given || (field && rh_text_is(name, field));
        rc = check_cell(w, row, i, ret_constraint, error);
        if (rc == RH_OK)
            rc = add_member(text, name, &row->cells[i], error);
    }
    if (rc == RH_OK && w->table && !row->old)
        rc = add_defaults(w, row, text, ret_constraint, error);
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
    uint32_t constraint = 0;
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
        rc = add_document(w, row, &text, &constraint, &mine);
    if (rc)
        refuse(w, row, mine.error_class, constraint, rh_text_of(mine.message));
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
        if (!w->rows[i].due || !w->rows[i].given.data)
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
        struct rh_text id = rh_couchdb_string(document, RH_COUCHDB_ID);

        if (id.data && !rh_map_put(ret_by_id, id, (void *)(uintptr_t)document, NULL))
            rc = rh_fail_nomem(error);
    }
    return rc;
}

/* Does the document fulfil what is in the key besides _id and _rev? Null equals nothing. */
static int check_conditions(const struct write *w, const struct row *row, bool *ret_holds,
                            struct rh_error *error)
{
    struct rh_json *wanted = NULL;
    struct rh_buf text;
    int rc = RH_OK;

    *ret_holds = true;
    rh_buf_init(&text, RH_COUCHDB_DOCUMENT_BYTES);
    for (uint32_t i = 0; i < w->spec->n_columns && *ret_holds && rc == RH_OK; i++) {
        const struct rh_json *has = rh_couchdb_member(row->old, column_of(w, i)->name);
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
static int decide(struct write *w, struct row *row, struct rh_error *error)
{
    const struct rh_value *rev = w->rev == RH_NO_COLUMN ? NULL : &row->cells[w->rev];
    bool foreign = row->old && !rh_couchdb_is_row(w->conn, w->spec->table, row->old);
    bool merges = w->verb == MERGE || w->verb == IGNORE;
    bool holds = true;
    int rc = RH_OK;

    if (row->old && !foreign && !merges)
        rc = check_conditions(w, row, &holds, error);
    if (foreign && merges)
        refuse(w, row, RH_CONSTRAINT, RH_CONSTRAINT_UNIQUE,
               RH_TEXT("a document of another table has this _id"));
    else if (w->verb == IGNORE ? row->old != NULL : !merges && (!row->old || foreign || !holds))
        row->due = false;
    else if (rev && row->old &&
             (rev->type != RH_TYPE_TEXT ||
              !rh_text_equal(rh_kit_value_text(rev), rh_couchdb_string(row->old, RH_COUCHDB_REV))))
        refuse(w, row, RH_CONFLICT, 0, RH_TEXT("the document has been changed since it was read"));
    return rc;
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
        row->old = row->given.data ? rh_map_get(&by_id, row->given) : NULL;
        rc = decide(w, row, error);
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

/* Is it one of this row: that it was stored, or why not? */
static bool is_outcome(const struct row *row, const struct rh_json *outcome)
{
    struct rh_text id = rh_couchdb_string(outcome, "id");

    if (rh_couchdb_string(outcome, "error").data)
        return true;
    return id.data && rh_couchdb_string(outcome, "rev").data &&
           (!row->given.data || rh_text_equal(id, row->given));
}

static int take_outcomes(struct write *w, const struct rh_json *answer, struct rh_error *error)
{
    const struct rh_json *outcome = answer->kind == RH_JSON_ARRAY ? answer->child : NULL;

    for (uint64_t i = 0; i < w->spec->n_rows; i++) {
        if (!w->rows[i].due)
            continue;
        if (!outcome || !is_outcome(&w->rows[i], outcome))
            return rh_fail(error, RH_UNKNOWN_OUTCOME,
                           "the server did not tell what became of the documents it was sent");
        take_outcome(w, &w->rows[i], outcome);
        outcome = outcome->next;
    }
    return RH_OK;
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
        rc = rh_couchdb_as_unknown(rh_couchdb_fetch(w->conn, w->op, &request,
                                                    "cannot write the documents", w->arena, &answer,
                                                    error),
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
    struct rh_couchdb_schema schema;
    bool any = true;
    int rc = prepare(&w, &schema, error);

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
