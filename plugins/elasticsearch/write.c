/*
 * Writing: _bulk, each row for itself, visible to searches when it returns (refresh=wait_for).
 *
 * A partial update of Elasticsearch's merges objects into each other, which setting a column is not. So
 * update, upsert and delete read the documents by _id first, build new ones from them, and send these with
 * the sequence number they had; a document that somebody else has changed in between is read and built again,
 * a few times. When _version is part of the key the caller has decided which one he means: another one
 * there is CONFLICT.
 *
 * A column that is set to MISSING goes out of the document; fields that are no columns stay.
 */
#include "elasticsearch.h"

#include "base/map.h"
#include "connector/json_cell.h"
#include "connector/replace.h"

#include <string.h>

#define BODY_BYTES ((size_t)512 << 20)

enum verb { INSERT, UPDATE, REMOVE, MERGE, IGNORE };

/* A row of the input, and what becomes of it. */
struct row {
    struct rh_replace_row fate;
    const struct rh_value *cells;
    const struct rh_json *old; /* the hit that is stored; NULL: it is not there */
    struct rh_text source;     /* the new document */
    struct rh_text hit;        /* as it was written, to be returned */
};

struct write {
    struct rh_conn *conn;
    const struct rh_op *op;
    const struct rh_write_spec *spec;
    struct rh_write_result *result;
    struct rh_arena *arena;
    enum verb verb;
    uint32_t id, version; /* positions in the columns; RH_NO_COLUMN */
    bool *is_key;         /* of each column */
    struct row *rows;
};

static const struct rh_column *column_of(const struct write *w, uint32_t i)
{
    return rh_kit_column(w->spec->columns, w->spec->column_stride, i);
}

static struct rh_text id_of(const struct write *w, const struct row *row)
{
    const struct rh_value *cell = w->id == RH_NO_COLUMN ? NULL : &row->cells[w->id];

    return cell && cell->type == RH_TYPE_TEXT ? rh_kit_value_text(cell) : rh_text_make(NULL, 0);
}

static void refuse(struct write *w, struct row *row, int error_class, uint32_t constraint,
                   struct rh_text message)
{
    rh_kit_refuse(w->conn->host, w->op, &w->result->statuses[row - w->rows], error_class,
                  constraint, message);
    row->fate.due = false;
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

        if (rh_text_is(name, RH_ELASTICSEARCH_ID)) {
            if (w->id != RH_NO_COLUMN)
                return rh_fail(error, RH_UNSUPPORTED, "the _id of a document cannot be changed");
            w->id = i;
        } else if (rh_text_is(name, RH_ELASTICSEARCH_VERSION)) {
            if (!w->is_key[i])
                return rh_fail(error, RH_INVALID, "_version is Elasticsearch's own, not to be set");
            w->version = i;
        } else if (w->is_key[i]) {
            return rh_fail(error, RH_UNSUPPORTED,
                           "Elasticsearch writes by _id only, not by \"%.*s\"", RH_TEXT_ARG(name));
        }
    }
    if (w->verb != INSERT && (w->id == RH_NO_COLUMN || !w->is_key[w->id]))
        return rh_fail(error, RH_UNSUPPORTED, "Elasticsearch writes by _id only");
    return RH_OK;
}

static int prepare(struct write *w, struct rh_error *error)
{
    const struct rh_write_spec *spec = w->spec;

    if (spec->where)
        return rh_fail(error, RH_UNSUPPORTED,
                       "Elasticsearch writes by _id only, not by a condition");
    if (w->op->flags & RH_OP_READ_ONLY)
        return rh_fail(error, RH_PERMISSION, "nothing may be written in a read-only operation");
    w->arena = rh_arena_new(RH_ELASTICSEARCH_ARENA_BYTES);
    if (!w->arena)
        return rh_fail_nomem(error);
    w->is_key = rh_arena_array(w->arena, spec->n_columns, sizeof(*w->is_key));
    w->rows = rh_arena_array(w->arena, spec->n_rows, sizeof(*w->rows));
    if (!w->is_key || !w->rows)
        return rh_fail_nomem(error);
    for (uint64_t i = 0; i < spec->n_rows; i++)
        w->rows[i] = (struct row){.cells = spec->cells + i * spec->n_columns, .fate.due = true};
    return find_columns(w, error);
}

/* ---- Documents ----------------------------------------------------------------------------- */

static bool is_set(const struct write *w, const struct row *row, struct rh_text name)
{
    for (uint32_t i = 0; i < w->spec->n_columns; i++)
        if (!w->is_key[i] && rh_text_equal(column_of(w, i)->name, name))
            return w->verb == UPDATE || row->cells[i].type != RH_TYPE_MISSING;
    return false;
}

/* What stays of the document that is there. */
static void add_old(const struct write *w, const struct row *row, struct rh_buf *text)
{
    const struct rh_json *source = rh_json_member(row->old, "_source");

    for (const struct rh_json *member = source ? source->child : NULL; member;
         member = member->next) {
        if (is_set(w, row, member->key))
            continue;
        if (text->len > 1)
            rh_buf_add_char(text, ',');
        rh_json_add_string(text, member->key);
        rh_buf_add_char(text, ':');
        rh_buf_add_text(text, member->source);
    }
}

static int add_source(const struct write *w, const struct row *row, struct rh_buf *text,
                      struct rh_error *error)
{
    int rc = RH_OK;

    rh_buf_add_char(text, '{');
    if (row->old)
        add_old(w, row, text);
    for (uint32_t i = 0; i < w->spec->n_columns && rc == RH_OK; i++) {
        if (i == w->id || i == w->version || row->cells[i].type == RH_TYPE_MISSING)
            continue;
        if (text->len > 1)
            rh_buf_add_char(text, ',');
        rh_json_add_string(text, column_of(w, i)->name);
        rh_buf_add_char(text, ':');
        rc = rh_json_add_value(text, &row->cells[i], error);
    }
    rh_buf_add_char(text, '}');
    return rc;
}

static int compose(struct write *w, struct row *row, struct rh_error *error)
{
    struct rh_error mine = RH_ERROR_INIT;
    struct rh_buf text;
    bool ok = true;
    int rc;

    if (w->verb == REMOVE)
        return RH_OK;
    rh_buf_init(&text, RH_ELASTICSEARCH_DOCUMENT_BYTES);
    rc = add_source(w, row, &text, &mine);
    if (rc)
        refuse(w, row, mine.error_class, 0, rh_text_of(mine.message));
    else
        row->source = rh_arena_text(w->arena, rh_buf_text(&text), &ok);
    ok = ok && !text.failed;
    rh_buf_free(&text);
    return ok ? RH_OK : rh_fail_nomem(error);
}

static struct rh_text number_of(const struct rh_json *hit, const char *name)
{
    const struct rh_json *number = rh_json_member(hit, name);

    return number && number->kind == RH_JSON_NUMBER ? number->text : RH_TEXT("0");
}

/* {"index":{"_id":"1","if_seq_no":7,"if_primary_term":1}} and the document. */
static void add_action(const struct write *w, const struct row *row, struct rh_buf *body)
{
    const char *word = w->verb == REMOVE ? "delete" : row->old ? "index" : "create";
    struct rh_text id = id_of(w, row);

    rh_buf_addf(body, "{\"%s\":{", word);
    if (id.data) {
        rh_buf_add_str(body, "\"_id\":");
        rh_json_add_string(body, id);
    }
    if (row->old)
        rh_buf_addf(body, ",\"if_seq_no\":%.*s,\"if_primary_term\":%.*s",
                    RH_TEXT_ARG(number_of(row->old, "_seq_no")),
                    RH_TEXT_ARG(number_of(row->old, "_primary_term")));
    rh_buf_add_str(body, "}}\n");
    if (w->verb == REMOVE)
        return;
    rh_buf_add_text(body, row->source);
    rh_buf_add_char(body, '\n');
}

/* ---- Reading what is there ----------------------------------------------------------------- */

static int fetch_old(struct write *w, struct rh_map *ret_by_id, struct rh_error *error)
{
    struct rh_json *answer = NULL;
    const struct rh_json *docs;
    struct rh_http_request request;
    struct rh_buf url, body;
    bool any = false;
    int rc = RH_OK;

    rh_buf_init(&url, 65536);
    rh_buf_init(&body, BODY_BYTES);
    rh_http_add_segment(&url, w->spec->table);
    rh_buf_add_str(&url, "/_mget");
    for (uint64_t i = 0; i < w->spec->n_rows; i++) {
        if (!w->rows[i].fate.due || !id_of(w, &w->rows[i]).len)
            continue;
        rh_buf_add_str(&body, any ? "," : "{\"ids\":[");
        rh_json_add_string(&body, id_of(w, &w->rows[i]));
        any = true;
    }
    rh_buf_add_str(&body, "]}");
    request = rh_elasticsearch_request("POST", &url, rh_buf_text(&body), true);
    if (url.failed || body.failed)
        rc = rh_fail_nomem(error);
    else if (any)
        rc = rh_elasticsearch_fetch(w->conn, w->op, &request, "cannot read the documents to change",
                                    w->arena, &answer, error);
    rh_buf_free(&url);
    rh_buf_free(&body);
    docs = rh_json_member(answer, "docs");
    for (const struct rh_json *hit = docs ? docs->child : NULL; hit && rc == RH_OK;
         hit = hit->next) {
        const struct rh_json *found = rh_json_member(hit, "found");
        struct rh_text id = rh_json_string(hit, RH_ELASTICSEARCH_ID);

        if (id.data && found && found->kind == RH_JSON_TRUE &&
            !rh_map_put(ret_by_id, id, (void *)(uintptr_t)hit, NULL))
            rc = rh_fail_nomem(error);
    }
    return rc;
}

static bool is_version(const struct rh_value *version, const struct rh_json *hit)
{
    struct rh_text rest = rh_kit_value_text(version), sequence;

    if (version->type != RH_TYPE_TEXT)
        return false;
    sequence = rh_text_cut(&rest, '.');
    return rh_text_equal(sequence, number_of(hit, "_seq_no")) &&
           rh_text_equal(rest, number_of(hit, "_primary_term"));
}

/* Whether the row is due at all, now that it is known what is there. */
static void decide(struct write *w, struct row *row)
{
    const struct rh_value *version = w->version == RH_NO_COLUMN ? NULL : &row->cells[w->version];

    if (w->verb == IGNORE ? row->old != NULL : w->verb != MERGE && !row->old)
        row->fate.due = false;
    else if (version && row->old && !is_version(version, row->old))
        refuse(w, row, RH_CONFLICT, 0, RH_TEXT("the document has been changed since it was read"));
}

static int look_up(void *context, struct rh_error *error)
{
    struct write *w = context;
    struct rh_map by_id;
    int rc;

    rh_map_init(&by_id);
    rc = fetch_old(w, &by_id, error);
    for (uint64_t i = 0; i < w->spec->n_rows && rc == RH_OK; i++) {
        struct row *row = &w->rows[i];

        if (!row->fate.due)
            continue;
        row->old = id_of(w, row).len ? rh_map_get(&by_id, id_of(w, row)) : NULL;
        decide(w, row);
    }
    rh_map_free(&by_id);
    return rc;
}

/* ---- Storing ------------------------------------------------------------------------------- */

static int note_stored(struct write *w, struct row *row, const struct rh_json *outcome,
                       struct rh_error *error)
{
    struct rh_buf hit;
    bool ok = true;

    row->fate.stored = true;
    w->result->n_affected++;
    if (!w->spec->n_returning)
        return RH_OK;
    rh_buf_init(&hit, RH_ELASTICSEARCH_DOCUMENT_BYTES * 2);
    rh_buf_add_str(&hit, "{\"_id\":");
    rh_json_add_string(&hit, rh_json_string(outcome, RH_ELASTICSEARCH_ID));
    rh_buf_addf(&hit, ",\"_seq_no\":%.*s,\"_primary_term\":%.*s,\"_source\":",
                RH_TEXT_ARG(number_of(outcome, "_seq_no")),
                RH_TEXT_ARG(number_of(outcome, "_primary_term")));
    rh_buf_add_text(&hit,
                    w->verb == REMOVE ? rh_json_member(row->old, "_source")->source : row->source);
    rh_buf_add_char(&hit, '}');
    row->hit = rh_arena_text(w->arena, rh_buf_text(&hit), &ok);
    ok = ok && !hit.failed;
    rh_buf_free(&hit);
    return ok ? RH_OK : rh_fail_nomem(error);
}

/* What a document is refused for. A strict mapping tells of a column that is not there as of a field
 * further down that is not: by where it would be. */
static int class_of(const struct rh_json *failure, int64_t code)
{
    static const char top[] = "within [_doc]";
    struct rh_text reason = rh_json_string(failure, "reason");

    if (code != 400)
        return rh_http_class((uint32_t)code);
    if (rh_text_is(rh_json_string(failure, "type"), "strict_dynamic_mapping_exception") &&
        memmem(reason.data, reason.len, top, sizeof(top) - 1))
        return RH_NOT_FOUND;
    return RH_DATA;
}

static int take_outcome(struct write *w, struct row *row, const struct rh_json *outcome,
                        struct rh_error *error)
{
    const struct rh_json *status = rh_json_member(outcome, "status");
    const struct rh_json *failure = rh_json_member(outcome, "error");
    struct rh_text reason = rh_json_string(failure, "reason");
    int64_t code = 0;

    row->fate.due = false;
    if (!status || !rh_text_to_i64(status->text, &code))
        return rh_fail(error, RH_UNKNOWN_OUTCOME, "the server did not tell of every document");
    if (code >= 200 && code < 300)
        return note_stored(w, row, outcome, error);
    if (code == 404 && w->verb == REMOVE) /* somebody else has deleted it */
        return RH_OK;
    if (code != 409)
        refuse(w, row, class_of(failure, code), 0, reason);
    else if (w->verb == INSERT)
        refuse(w, row, RH_CONSTRAINT, RH_CONSTRAINT_UNIQUE,
               RH_TEXT("there is a document with this _id already"));
    else
        row->fate.conflict = true;
    return RH_OK;
}

static int take_outcomes(struct write *w, const struct rh_json *answer, struct rh_error *error)
{
    const struct rh_json *items = rh_json_member(answer, "items");
    const struct rh_json *item = items && items->kind == RH_JSON_ARRAY ? items->child : NULL;
    int rc = RH_OK;

    for (uint64_t i = 0; i < w->spec->n_rows && rc == RH_OK; i++) {
        if (!w->rows[i].fate.due)
            continue;
        if (!item || item->kind != RH_JSON_OBJECT || !item->child)
            return rh_fail(error, RH_UNKNOWN_OUTCOME,
                           "the server told of fewer documents than it was sent");
        rc = take_outcome(w, &w->rows[i], item->child, error);
        item = item->next;
    }
    return rc;
}

static int store(void *context, bool *ret_any, struct rh_error *error)
{
    struct write *w = context;
    struct rh_json *answer = NULL;
    struct rh_http_request request;
    struct rh_buf url, body;
    int rc = RH_OK;

    *ret_any = false;
    rh_buf_init(&url, 65536);
    rh_buf_init(&body, BODY_BYTES);
    rh_http_add_segment(&url, w->spec->table);
    rh_buf_add_str(&url, "/_bulk?refresh=wait_for");
    for (uint64_t i = 0; i < w->spec->n_rows && rc == RH_OK; i++) {
        struct row *row = &w->rows[i];

        if (row->fate.due)
            rc = compose(w, row, error);
        if (!row->fate.due)
            continue;
        add_action(w, row, &body);
        *ret_any = true;
    }
    request = rh_elasticsearch_request("POST", &url, rh_buf_text(&body), false);
    if (rc == RH_OK && (url.failed || body.failed))
        rc = rh_fail(error, RH_RESOURCE, "the documents are too large for one request");
    if (rc == RH_OK && *ret_any) {
        rc = rh_elasticsearch_fetch(w->conn, w->op, &request, "cannot write the documents",
                                    w->arena, &answer, error);
        rc = rh_http_as_unknown(rc, "the documents were", error);
        if (rc == RH_OK)
            rc = take_outcomes(w, answer, error);
    }
    rh_buf_free(&url);
    rh_buf_free(&body);
    return rc;
}

/* ---- The group ----------------------------------------------------------------------------- */

static int return_rows(struct write *w, struct rh_error *error)
{
    struct rh_rowset *returned = &w->conn->returned;
    int rc = RH_OK;

    if (!w->spec->n_returning)
        return RH_OK;
    rh_rowset_fini(returned);
    rh_rowset_init(returned, w->spec->n_returning, SIZE_MAX);
    rh_rowset_clear(returned, w->spec->n_rows);
    for (uint64_t i = 0; i < w->spec->n_rows && rc == RH_OK; i++) {
        struct rh_json *hit = NULL;

        if (!w->rows[i].fate.stored)
            continue;
        rc = rh_json_parse(w->arena, w->rows[i].hit, &hit, error);
        if (rc == RH_OK)
            rh_elasticsearch_add_row(returned, w->spec->returning, w->spec->n_returning,
                                     w->spec->returning_stride, hit);
    }
    if (rc == RH_OK)
        rc = rh_rowset_batch(returned, &w->result->returned, error);
    return rc == RH_END ? RH_OK : rc;
}

static int run(struct rh_conn *conn, const struct rh_op *op, const struct rh_write_spec *spec,
               enum verb verb, struct rh_write_result *ret_result, struct rh_error *error)
{
    struct write w = {.conn = conn, .op = op, .spec = spec, .result = ret_result, .verb = verb};
    int rc = prepare(&w, error);

    ret_result->n_affected = 0;
    if (rc == RH_OK)
        rc = rh_replace_run(&(struct rh_replace){.host = conn->host,
                                                 .op = op,
                                                 .result = ret_result,
                                                 .rows = w.rows,
                                                 .n_rows = spec->n_rows,
                                                 .stride = sizeof(*w.rows),
                                                 .once = w.version != RH_NO_COLUMN,
                                                 .context = &w,
                                                 .look_up = verb == INSERT ? NULL : look_up,
                                                 .store = store},
                            error);
    if (rc == RH_OK)
        rc = return_rows(&w, error);
    rh_arena_free(w.arena);
    return rc;
}

RH_KIT_DEFINE_WRITES(run, INSERT, UPDATE, REMOVE)
RH_KIT_DEFINE_UPSERT(run, MERGE, IGNORE)

const struct rh_write rh_elasticsearch_write = {
    .struct_size = sizeof(rh_elasticsearch_write),
    .atomicity = RH_ATOMIC_ROW,
    .insert = insert,
    .update = update,
    .remove = remove_rows,
    .upsert = upsert,
};
