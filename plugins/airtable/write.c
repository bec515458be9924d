/*
 * Writing: one request of at most 10 records, which Airtable takes as a whole or not at all.
 *
 * Update and delete name records by their id. Airtable refuses the whole request when one of them is
 * not there, for us that is no error: then it is looked which are, and the rest is sent again.
 * Upsert on fields is Airtable's own (performUpsert); it decides which records match, so it is taken
 * only for fields of plain text, numbers and dates whose values are there.
 */
#include "airtable.h"

#include "base/map.h"
#include "connector/json_cell.h"

#include <string.h>

#define ARENA_BYTES ((size_t)1 << 30)
#define BODY_BYTES ((size_t)64 << 20)
#define RETURNED_BYTES SIZE_MAX
#define MAX_MERGE_FIELDS 3u

enum verb { INSERT, UPDATE, REMOVE, UPSERT };

struct write {
    struct rh_conn *conn;
    const struct rh_op *op;
    const struct rh_write_spec *spec;
    struct rh_write_result *result;
    struct rh_arena *arena;
    enum verb verb;
    uint32_t id;                               /* position of _id, or RH_NO_COLUMN */
    bool *is_key;                              /* of each column */
    bool left_out[RH_AIRTABLE_ROWS_PER_WRITE]; /* rows that match no record */
    struct rh_json *old;                       /* records as they were: delete returning */
    struct rh_json *answer;
};

static const struct rh_column *column_of(const struct write *w, uint32_t i)
{
    return rh_kit_column(w->spec->columns, w->spec->column_stride, i);
}

static const struct rh_value *cell_of(const struct write *w, uint64_t row, uint32_t column)
{
    return &w->spec->cells[row * w->spec->n_columns + column];
}

static struct rh_text id_of(const struct write *w, uint64_t row)
{
    const struct rh_value *cell = w->id == RH_NO_COLUMN ? NULL : cell_of(w, row, w->id);

    return cell && cell->type == RH_TYPE_TEXT ? rh_kit_value_text(cell) : rh_text_make(NULL, 0);
}

/* ---- Preparing ----------------------------------------------------------------------------- */

static int check_column(struct write *w, uint32_t i, struct rh_error *error)
{
    const struct rh_column *column = column_of(w, i);

    if (column->native_id == RH_AIRTABLE_NO_FIELD)
        return rh_fail(error, RH_NOT_FOUND, "there is no column \"%.*s\"",
                       RH_TEXT_ARG(column->name));
    if (column->native_id != RH_AIRTABLE_RECORD && column->flags & RH_COLUMN_GENERATED)
        return rh_fail(error, RH_INVALID, "Airtable computes \"%.*s\" itself",
                       RH_TEXT_ARG(column->name));
    if (column->native_id != RH_AIRTABLE_RECORD)
        return RH_OK;
    if (w->id != RH_NO_COLUMN)
        return rh_fail(error, RH_UNSUPPORTED, "the id of a record cannot be changed");
    w->id = i;
    return RH_OK;
}

/* Fields that performUpsert may look for, with values that it can. */
static int check_merge(const struct write *w, struct rh_error *error)
{
    const struct rh_write_spec *spec = w->spec;

    if (spec->resolve != RH_RESOLVE_MERGE)
        return rh_fail(error, RH_UNSUPPORTED, "Airtable has no upsert that leaves rows alone");
    if (!spec->n_key || spec->n_key > MAX_MERGE_FIELDS || w->id != RH_NO_COLUMN)
        return rh_fail(error, RH_UNSUPPORTED, "Airtable merges on one to three fields");
    for (uint32_t k = 0; k < spec->n_key; k++) {
        const struct rh_column *column = column_of(w, spec->key[k]);

        if (column->native_id != RH_AIRTABLE_TEXT && column->native_id != RH_AIRTABLE_NUMBER &&
            column->native_id != RH_AIRTABLE_DATE)
            return rh_fail(error, RH_UNSUPPORTED, "Airtable cannot merge on \"%.*s\"",
                           RH_TEXT_ARG(column->name));
        for (uint64_t r = 0; r < spec->n_rows; r++)
            if (rh_kit_is_null(cell_of(w, r, spec->key[k])))
                return rh_fail(error, RH_UNSUPPORTED, "Airtable cannot merge on an empty cell");
    }
    return RH_OK;
}

static int check_keys(const struct write *w, struct rh_error *error)
{
    if (w->verb == UPSERT)
        return check_merge(w, error);
    if (w->verb == INSERT) {
        for (uint64_t r = 0; w->id != RH_NO_COLUMN && r < w->spec->n_rows; r++)
            if (cell_of(w, r, w->id)->type != RH_TYPE_MISSING)
                return rh_fail(error, RH_INVALID, "Airtable gives records their ids itself");
        return RH_OK;
    }
    if (w->spec->n_key != 1 || w->id == RH_NO_COLUMN || !w->is_key[w->id])
        return rh_fail(error, RH_UNSUPPORTED, "Airtable writes by _id only");
    return RH_OK;
}

static int prepare(struct write *w, struct rh_error *error)
{
    const struct rh_write_spec *spec = w->spec;
    int rc = RH_OK;

    if (w->op->flags & RH_OP_READ_ONLY)
        return rh_fail(error, RH_PERMISSION, "nothing may be written in a read-only operation");
    if (spec->where)
        return rh_fail(error, RH_UNSUPPORTED, "Airtable writes by _id only, not by a condition");
    if (spec->n_rows > RH_AIRTABLE_ROWS_PER_WRITE)
        return rh_fail(error, RH_UNSUPPORTED, "Airtable takes %u records at a time",
                       RH_AIRTABLE_ROWS_PER_WRITE);
    w->arena = rh_arena_new(ARENA_BYTES);
    w->is_key = w->arena ? rh_arena_array(w->arena, spec->n_columns, sizeof(*w->is_key)) : NULL;
    if (!w->is_key)
        return rh_fail_nomem(error);
    w->id = RH_NO_COLUMN;
    for (uint32_t i = 0; i < spec->n_key; i++) {
        if (spec->key[i] >= spec->n_columns)
            return rh_fail(error, RH_INVALID, "the write's key makes no sense");
        w->is_key[spec->key[i]] = true;
    }
    for (uint32_t i = 0; i < spec->n_columns && rc == RH_OK; i++)
        rc = check_column(w, i, error);
    for (uint64_t r = 0; r < spec->n_rows; r++)
        w->left_out[r] = (w->verb == UPDATE || w->verb == REMOVE) && !id_of(w, r).len;
    return rc == RH_OK ? check_keys(w, error) : rc;
}

/* ---- What is there ------------------------------------------------------------------------- */

/* The records with these ids, with their fields when they are to be returned. */
static int look_up(struct write *w, struct rh_json **ret_records, struct rh_error *error)
{
    struct rh_http_request request;
    struct rh_buf url, body, formula;
    int rc;

    rh_buf_init(&url, 65536);
    rh_buf_init(&body, 65536);
    rh_buf_init(&formula, 65536);
    rh_airtable_add_table(w->conn, w->spec->table, &url);
    rh_buf_add_str(&url, "/listRecords");
    rh_buf_add_str(&formula, "OR(FALSE()");
    for (uint64_t r = 0; r < w->spec->n_rows; r++) {
        if (w->left_out[r])
            continue;
        rh_buf_add_str(&formula, ",RECORD_ID()=");
        rh_airtable_add_literal(&formula, id_of(w, r));
    }
    rh_buf_add_char(&formula, ')');
    rh_buf_add_str(&body, w->spec->n_returning ? "{" : "{\"fields\":[],");
    rh_buf_add_str(&body, "\"filterByFormula\":");
    rh_json_add_string(&body, rh_buf_text(&formula));
    rh_buf_add_char(&body, '}');
    request = rh_airtable_request("POST", rh_buf_text(&url), rh_buf_text(&body), true);
    rc = url.failed || body.failed || formula.failed
             ? rh_fail(error, RH_DATA, "a record's id is far too long")
             : rh_airtable_fetch(w->conn, w->op, &request, "cannot read the records to write",
                                 w->arena, ret_records, error);
    rh_buf_free(&url);
    rh_buf_free(&body);
    rh_buf_free(&formula);
    return rc;
}

static const struct rh_json *find(const struct rh_json *answer, struct rh_text id)
{
    const struct rh_json *record = rh_json_member(answer, "records");

    for (record = record ? record->child : NULL; record; record = record->next)
        if (rh_text_equal(rh_json_string(record, "id"), id))
            return record;
    return NULL;
}

/* Leaves out what is not there. *ret_any: something was left out that was not before. */
static int leave_out(struct write *w, bool *ret_any, struct rh_error *error)
{
    int rc = look_up(w, &w->old, error);

    *ret_any = false;
    for (uint64_t r = 0; r < w->spec->n_rows && rc == RH_OK; r++)
        if (!w->left_out[r] && !find(w->old, id_of(w, r)))
            *ret_any = w->left_out[r] = true;
    return rc;
}

/* ---- The request --------------------------------------------------------------------------- */

static int add_fields(const struct write *w, uint64_t row, struct rh_buf *body,
                      struct rh_error *error)
{
    bool any = false;
    int rc = RH_OK;

    rh_buf_add_str(body, "\"fields\":{");
    for (uint32_t i = 0; i < w->spec->n_columns && rc == RH_OK; i++) {
        const struct rh_value *cell = cell_of(w, row, i);

        if (i == w->id || (w->verb != UPDATE && cell->type == RH_TYPE_MISSING))
            continue;
        if (any)
            rh_buf_add_char(body, ',');
        any = true;
        rh_json_add_string(body, column_of(w, i)->name);
        rh_buf_add_char(body, ':');
        rc = rh_json_add_value(body, cell, error);
        if (rc && error)
            error->row = row;
    }
    rh_buf_add_char(body, '}');
    return rc;
}

static void add_merge(const struct write *w, struct rh_buf *body)
{
    rh_buf_add_str(body, "\"performUpsert\":{\"fieldsToMergeOn\":[");
    for (uint32_t k = 0; k < w->spec->n_key; k++) {
        if (k)
            rh_buf_add_char(body, ',');
        rh_json_add_string(body, column_of(w, w->spec->key[k])->name);
    }
    rh_buf_add_str(body, "]},");
}

static int add_body(const struct write *w, struct rh_buf *body, struct rh_error *error)
{
    bool any = false;
    int rc = RH_OK;

    rh_buf_add_char(body, '{');
    if (w->verb == UPSERT)
        add_merge(w, body);
    rh_buf_add_str(body, "\"records\":[");
    for (uint64_t r = 0; r < w->spec->n_rows && rc == RH_OK; r++) {
        if (w->left_out[r])
            continue;
        rh_buf_add_str(body, any ? ",{" : "{");
        any = true;
        if (w->verb == UPDATE) {
            rh_buf_add_str(body, "\"id\":");
            rh_json_add_string(body, id_of(w, r));
            rh_buf_add_char(body, ',');
        }
        rc = add_fields(w, r, body, error);
        rh_buf_add_char(body, '}');
    }
    rh_buf_add_str(body, "]}");
    return rc;
}

static void add_ids(const struct write *w, struct rh_buf *url)
{
    for (uint64_t r = 0; r < w->spec->n_rows; r++)
        if (!w->left_out[r])
            rh_http_add_parameter(url, RH_TEXT("records[]"), id_of(w, r));
}

static bool has_rows(const struct write *w)
{
    for (uint64_t r = 0; r < w->spec->n_rows; r++)
        if (!w->left_out[r])
            return true;
    return false;
}

static int send(struct write *w, struct rh_error *error)
{
    static const char *const methods[] = {"POST", "PATCH", "DELETE", "PATCH"};
    struct rh_http_request request;
    struct rh_buf url, body;
    int rc = RH_OK;

    rh_buf_init(&url, 65536);
    rh_buf_init(&body, BODY_BYTES);
    rh_airtable_add_table(w->conn, w->spec->table, &url);
    if (w->verb == REMOVE)
        add_ids(w, &url);
    else
        rc = add_body(w, &body, error);
    request =
        rh_airtable_request(methods[w->verb], rh_buf_text(&url),
                            w->verb == REMOVE ? rh_text_make(NULL, 0) : rh_buf_text(&body), false);
    if (rc == RH_OK && (url.failed || body.failed))
        rc = rh_fail(error, RH_RESOURCE, "the records are too large for one request");
    if (rc == RH_OK) {
        rc = rh_airtable_fetch(w->conn, w->op, &request, "cannot write the records", w->arena,
                               &w->answer, error);
        rc = rh_http_as_unknown(rc, "the records were", error);
    }
    rh_buf_free(&url);
    rh_buf_free(&body);
    return rc;
}

static bool may_be_missing(const struct write *w, int rc)
{
    return (w->verb == UPDATE || w->verb == REMOVE) &&
           (rc == RH_NOT_FOUND || rc == RH_PERMISSION || rc == RH_INVALID);
}

/* Sends what is there; what Airtable misses is left out, once. */
static int store(struct write *w, struct rh_error *error)
{
    struct rh_error ignored = RH_ERROR_INIT;
    bool any = false;
    int rc = RH_OK;

    if (has_rows(w) && w->verb == REMOVE && w->spec->n_returning)
        rc = leave_out(w, &any, error);
    if (rc == RH_OK && has_rows(w))
        rc = send(w, error);
    if (rc == RH_OK || !may_be_missing(w, rc))
        return rc;
    if (leave_out(w, &any, &ignored) != RH_OK || !any)
        return error ? rh_airtable_clarify(w->conn, w->op, w->spec->table, error) : rc;
    rh_error_clear(error);
    return has_rows(w) ? send(w, error) : RH_OK;
}

/* ---- What was written ---------------------------------------------------------------------- */

/* Records answer to the rows that were sent, in their order. */
static int return_rows(struct write *w, struct rh_error *error)
{
    const struct rh_json *records = rh_json_member(w->answer, "records");
    const struct rh_json *record = records ? records->child : NULL, *shown;
    struct rh_rowset *returned = &w->conn->returned;
    int rc;

    rh_rowset_fini(returned);
    rh_rowset_init(returned, w->spec->n_returning, RETURNED_BYTES);
    rh_rowset_clear(returned, w->spec->n_rows);
    for (uint64_t r = 0; r < w->spec->n_rows; r++) {
        if (w->left_out[r])
            continue;
        if (!record)
            return rh_fail(error, RH_UNKNOWN_OUTCOME,
                           "Airtable told of fewer records than it was sent");
        shown = w->verb == REMOVE ? find(w->old, id_of(w, r)) : record;
        w->result->n_affected++;
        record = record->next;
        if (shown && w->spec->n_returning)
            rh_airtable_add_row(returned, w->spec->returning, w->spec->n_returning,
                                w->spec->returning_stride, shown);
    }
    if (!w->spec->n_returning)
        return RH_OK;
    rc = rh_rowset_batch(returned, &w->result->returned, error);
    return rc == RH_END ? RH_OK : rc;
}

/* ---- The group ----------------------------------------------------------------------------- */

static int run(struct rh_conn *conn, const struct rh_op *op, const struct rh_write_spec *spec,
               enum verb verb, struct rh_write_result *ret_result, struct rh_error *error)
{
    struct rh_error own = RH_ERROR_INIT;
    struct write w = {.conn = conn, .op = op, .spec = spec, .result = ret_result, .verb = verb};
    int rc;

    error = error ? error : &own;
    ret_result->n_affected = 0;
    rc = prepare(&w, error);
    if (rc == RH_OK && spec->n_rows)
        rc = store(&w, error);
    if (rc == RH_OK && spec->n_rows)
        rc = return_rows(&w, error);
    rh_arena_free(w.arena);
    return rc;
}

RH_KIT_DEFINE_WRITES(run, INSERT, UPDATE, REMOVE)
RH_KIT_DEFINE_UPSERT(run, UPSERT, UPSERT)

const struct rh_write rh_airtable_write = {
    .struct_size = sizeof(rh_airtable_write),
    .atomicity = RH_ATOMIC_ALL,
    .insert = insert,
    .update = update,
    .remove = remove_rows,
    .upsert = upsert,
};
