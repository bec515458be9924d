/*
 * Writing: each call is one request that Google takes as a whole or not at all, after those that find
 * the rows. Other people work in the same sheet, so:
 *
 * - Rows are added by inserting them behind the last one, at a place that was looked up just before:
 *   nothing is ever overwritten, wherever the end is by then. (Rejected: values.append, which guesses
 *   where the table is, and writes into other columns when the first ones are empty.)
 * - Rows are changed by their marks, which Google resolves, never by their number.
 * - Rows are deleted by number, there is no other way; the same request first deletes the mark of each,
 *   at that very place. Where one is not found nothing is deleted, or, should Google not mind, its answer
 *   lacks it and we say so.
 *
 * With a key column, the rows that have the key are looked up and marked first, and the mark is
 * taken off in the end.
 */
#include "write.h"

#include <stdlib.h>
#include <string.h>

#define URL_BYTES ((size_t)64 << 10)
#define BODY_BYTES ((size_t)64 << 20)
#define ATTEMPTS 3

/* POSTs to the spreadsheet; writes: the request changes it. */
int rh_googlesheets_post(struct rh_googlesheets_call *w, const char *rest,
                         const struct rh_buf *body, bool writes, struct rh_json **ret_answer,
                         struct rh_error *error)
{
    struct rh_buf url;
    int rc;

    rh_buf_init(&url, URL_BYTES);
    rh_googlesheets_add_url(w->conn, rest, &url);
    rc = rh_googlesheets_fetch(w->conn, w->op, &url, body, writes, "cannot write the rows",
                               w->arena, ret_answer, error);
    rh_buf_free(&url);
    return rc;
}

/* The column of the input for a place of the grid; RH_NO_COLUMN. */
uint32_t rh_googlesheets_column_at(const struct rh_googlesheets_call *w, uint32_t place)
{
    uint32_t last = RH_NO_COLUMN;

    for (uint32_t i = 0; i < w->spec->n_columns; i++)
        if (w->places[i] == place && !w->is_key[i])
            last = i;
    return last;
}

/* ---- Preparing ----------------------------------------------------------------------------- */

static int check_columns(struct rh_googlesheets_call *w, struct rh_error *error)
{
    const struct rh_write_spec *spec = w->spec;

    for (uint32_t i = 0; i < spec->n_columns; i++) {
        const struct rh_column *column = rh_googlesheets_call_column(w, i);

        if (!column->native_id)
            return rh_fail(error, RH_NOT_FOUND, "there is no column \"%.*s\"",
                           RH_TEXT_ARG(column->name));
        for (uint64_t r = 0; rh_googlesheets_call_is_id(w, i) && !w->is_key[i] && r < spec->n_rows;
             r++)
            if (rh_googlesheets_call_cell(w, r, i)->type != RH_TYPE_MISSING)
                return rh_fail(error, RH_INVALID, "Google gives rows their ids itself");
    }
    if (w->verb == RH_GOOGLESHEETS_INSERT)
        return RH_OK;
    if (spec->n_key != 1 ||
        (!rh_googlesheets_call_is_id(w, spec->key[0]) &&
         !rh_text_is(rh_googlesheets_call_column(w, spec->key[0])->name,
                     w->conn->config.key_column ? w->conn->config.key_column : ""))) {
        rh_fail(error, RH_UNSUPPORTED, "rows of a sheet are written by their key only");
        return rh_error_hint(error, "set row_ids or key_column");
    }
    return RH_OK;
}

static int prepare(struct rh_googlesheets_call *w, struct rh_error *error)
{
    const struct rh_write_spec *spec = w->spec;

    if (w->op->flags & RH_OP_READ_ONLY || w->conn->config.read_only)
        return rh_fail(error, RH_PERMISSION, "nothing may be written in a read-only operation");
    if (spec->where)
        return rh_fail(error, RH_UNSUPPORTED, "rows of a sheet are not written by a condition");
    w->arena = rh_arena_new(RH_GOOGLESHEETS_ARENA_BYTES);
    if (!w->arena)
        return rh_fail_nomem(error);
    w->places = rh_arena_array(w->arena, spec->n_columns, sizeof(*w->places));
    w->is_key = rh_arena_array(w->arena, spec->n_columns, sizeof(*w->is_key));
    w->targets = rh_arena_array(w->arena, spec->n_rows, sizeof(*w->targets));
    if (!w->places || !w->is_key || !w->targets)
        return rh_fail_nomem(error);
    for (uint32_t i = 0; i < spec->n_key; i++) {
        if (spec->key[i] >= spec->n_columns)
            return rh_fail(error, RH_INVALID, "the write's key makes no sense");
        w->is_key[spec->key[i]] = true;
    }
    for (uint64_t r = 0; r < spec->n_rows; r++)
        w->targets[r].index = RH_GOOGLESHEETS_NOWHERE;
    return check_columns(w, error);
}

/* ---- Changing rows ------------------------------------------------------------------------- */

/* null leaves a cell as it is, the empty text empties it. */
static int add_changes(const struct rh_googlesheets_call *w, uint64_t row, struct rh_buf *body,
                       struct rh_error *error)
{
    int rc = RH_OK;

    rh_buf_add_str(body, "\"values\":[[");
    for (uint32_t place = 0; place < w->header.n && rc == RH_OK; place++) {
        uint32_t column = rh_googlesheets_column_at(w, place);

        if (place)
            rh_buf_add_char(body, ',');
        if (column == RH_NO_COLUMN)
            rh_buf_add_str(body, "null");
        else if (rh_kit_is_null(rh_googlesheets_call_cell(w, row, column)))
            rh_buf_add_str(body, "\"\"");
        else
            rc = rh_googlesheets_add_value(body, rh_googlesheets_call_cell(w, row, column), error);
        if (rc)
            error->row = row;
    }
    rh_buf_add_str(body, "]]");
    return rc;
}

static int send_changes(struct rh_googlesheets_call *w, struct rh_json **ret_answer,
                        struct rh_error *error)
{
    struct rh_buf body;
    bool any = false;
    int rc = RH_OK;

    rh_buf_init(&body, BODY_BYTES);
    rh_buf_add_str(&body, "{\"valueInputOption\":\"RAW\",\"data\":[");
    for (uint64_t r = 0; r < w->spec->n_rows && rc == RH_OK; r++) {
        if (!w->targets[r].mark)
            continue;
        rh_buf_add_str(&body, any ? ",{\"dataFilter\":" : "{\"dataFilter\":");
        any = true;
        rh_googlesheets_add_lookup(&w->sheet, w->targets[r].mark, &body);
        rh_buf_add_str(&body, ",\"majorDimension\":\"ROWS\",");
        rc = add_changes(w, r, &body, error);
        rh_buf_add_char(&body, '}');
    }
    rh_buf_add_str(&body, "]}");
    if (rc == RH_OK && any)
        rc = rh_googlesheets_post(w, "/values:batchUpdateByDataFilter", &body, true, ret_answer,
                                  error);
    rh_buf_free(&body);
    return rc;
}

/* A row as it is, from what was found by its mark. */
static void give(struct rh_googlesheets_call *w, uint64_t row, const struct rh_json *matched)
{
    struct rh_rowset *returned = &w->conn->returned;
    struct rh_value *cells = rh_rowset_row(returned);

    for (uint32_t i = 0; cells && i < w->spec->n_returning; i++) {
        const struct rh_column *column =
            rh_kit_column(w->spec->returning, w->spec->returning_stride, i);
        uint32_t place = rh_googlesheets_find_name(&w->header, column->name);

        if (column->flags & RH_COLUMN_GENERATED)
            cells[i] = rh_kit_int(w->targets[row].mark);
        else
            rh_googlesheets_set_cell(
                returned, &cells[i], column,
                place == RH_NO_COLUMN ? NULL : rh_googlesheets_matched_cell(matched, place));
    }
}

static int run_update(struct rh_googlesheets_call *w, struct rh_error *error)
{
    struct rh_json *found = NULL, *answer = NULL;
    const struct rh_json *response;
    int rc = rh_googlesheets_find_targets(w, &found, error);

    if (rc == RH_OK)
        rc = send_changes(w, &answer, error);
    for (response = rc == RH_OK ? rh_googlesheets_first(answer, "responses") : NULL; response;
         response = response->next)
        w->result->n_affected += rh_googlesheets_int(response, "updatedRows") > 0;
    if (rc == RH_OK && w->spec->n_returning && w->result->n_affected)
        rc = rh_googlesheets_fetch_targets(w, &found, error);
    for (uint64_t r = 0; rc == RH_OK && w->spec->n_returning && r < w->spec->n_rows; r++)
        if (w->targets[r].mark && rh_googlesheets_matched(found, w->targets[r].mark))
            give(w, r, rh_googlesheets_matched(found, w->targets[r].mark));
    return rc;
}

/* ---- Deleting rows ------------------------------------------------------------------------- */

static struct rh_googlesheets_target *target_of(struct rh_googlesheets_call *w, int64_t mark)
{
    for (uint64_t r = 0; r < w->spec->n_rows; r++)
        if (w->targets[r].mark == mark)
            return &w->targets[r];
    return NULL;
}

/* Where the marked rows are now; what is not there is no target. */
static int locate(struct rh_googlesheets_call *w, struct rh_error *error)
{
    struct rh_json *answer = NULL;
    const struct rh_json *match;
    struct rh_buf body;
    bool any = false;
    int rc;

    rh_buf_init(&body, BODY_BYTES);
    rh_buf_add_str(&body, "{\"dataFilters\":[");
    for (uint64_t r = 0; r < w->spec->n_rows; r++) {
        w->targets[r].index = RH_GOOGLESHEETS_NOWHERE;
        if (!w->targets[r].mark)
            continue;
        if (any)
            rh_buf_add_char(&body, ',');
        any = true;
        rh_googlesheets_add_lookup(&w->sheet, w->targets[r].mark, &body);
    }
    rh_buf_add_str(&body, "]}");
    rc = any ? rh_googlesheets_post(w, "/developerMetadata:search", &body, false, &answer, error)
             : RH_OK;
    rh_buf_free(&body);
    match = rc == RH_OK ? rh_googlesheets_first(answer, "matchedDeveloperMetadata") : NULL;
    for (; match; match = match->next) {
        const struct rh_json *mark = rh_json_member(match, "developerMetadata");
        const struct rh_json *range =
            rh_json_member(rh_json_member(mark, "location"), "dimensionRange");
        struct rh_googlesheets_target *target =
            target_of(w, rh_googlesheets_int(mark, "metadataId"));
        int64_t at = rh_googlesheets_int(range, "startIndex");

        if (target && rh_text_is(rh_json_string(range, "dimension"), "ROWS"))
            target->index = at < 0 ? 0 : (uint32_t)at;
    }
    return rc;
}

static int by_index_falling(const void *a, const void *b)
{
    const uint32_t *left = a, *right = b;

    return *left < *right ? 1 : *left > *right ? -1 : 0;
}

static void add_guard(const struct rh_googlesheets_call *w,
                      const struct rh_googlesheets_target *target, struct rh_buf *body)
{
    rh_buf_addf(body,
                "{\"deleteDeveloperMetadata\":{\"dataFilter\":{\"developerMetadataLookup\":{"
                "\"metadataId\":%lld,\"locationMatchingStrategy\":\"EXACT_LOCATION\","
                "\"metadataLocation\":{\"dimensionRange\":{\"sheetId\":%lld,\"dimension\":"
                "\"ROWS\",\"startIndex\":%u,\"endIndex\":%u}}}}}}",
                (long long)target->mark, (long long)w->sheet.id, target->index, target->index + 1);
}

/* Guards first, then the rows, from the bottom up: none moves another. */
static int send_deletions(struct rh_googlesheets_call *w, struct rh_json **ret_answer,
                          uint32_t *ret_n, struct rh_error *error)
{
    uint32_t *rows = rh_arena_array(w->arena, w->spec->n_rows, sizeof(*rows)), n = 0;
    struct rh_buf body;
    int rc = RH_OK;

    if (!rows)
        return rh_fail_nomem(error);
    rh_buf_init(&body, BODY_BYTES);
    rh_buf_add_str(&body, "{\"requests\":[");
    for (uint64_t r = 0; r < w->spec->n_rows; r++) {
        if (w->targets[r].index == RH_GOOGLESHEETS_NOWHERE)
            continue;
        if (n)
            rh_buf_add_char(&body, ',');
        add_guard(w, &w->targets[r], &body);
        rows[n++] = w->targets[r].index;
    }
    qsort(rows, n, sizeof(*rows), by_index_falling);
    for (uint32_t i = 0; i < n; i++)
        rh_buf_addf(&body,
                    ",{\"deleteDimension\":{\"range\":{\"sheetId\":%lld,\"dimension\":\"ROWS\","
                    "\"startIndex\":%u,\"endIndex\":%u}}}",
                    (long long)w->sheet.id, rows[i], rows[i] + 1);
    rh_buf_add_str(&body, "]}");
    *ret_n = n;
    if (n)
        rc = rh_googlesheets_post(w, ":batchUpdate", &body, true, ret_answer, error);
    rh_buf_free(&body);
    return rc;
}

static int check_deletions(struct rh_googlesheets_call *w, const struct rh_json *answer, uint32_t n,
                           struct rh_error *error)
{
    const struct rh_json *reply = rh_googlesheets_first(answer, "replies");

    for (uint32_t i = 0; i < n; i++, reply = reply ? reply->next : NULL)
        if (!rh_googlesheets_first(rh_json_member(reply, "deleteDeveloperMetadata"),
                                   "deletedDeveloperMetadata")) {
            rh_fail(error, RH_UNKNOWN_OUTCOME,
                    "rows of \"%.*s\" were moved while some were deleted",
                    RH_TEXT_ARG(w->sheet.title));
            return rh_error_hint(error, "look at the sheet's version history: another row may be "
                                        "gone");
        }
    w->result->n_affected = n;
    return RH_OK;
}

/* The same row twice is deleted once. */
static void drop_doubles(struct rh_googlesheets_call *w)
{
    for (uint64_t r = 0; r < w->spec->n_rows; r++)
        if (w->targets[r].mark && target_of(w, w->targets[r].mark) != &w->targets[r])
            w->targets[r].mark = 0;
}

static int run_remove(struct rh_googlesheets_call *w, struct rh_error *error)
{
    struct rh_json *found = NULL, *answer = NULL;
    uint32_t n = 0;
    int rc = rh_googlesheets_find_targets(w, &found, error);

    if (rc)
        return rc;
    drop_doubles(w);
    for (int i = 1; i <= ATTEMPTS; i++) {
        rh_error_clear(error);
        rc = locate(w, error);
        if (rc == RH_OK)
            rc = send_deletions(w, &answer, &n, error);
        if (rc != RH_INVALID)
            break;
    }
    if (rc == RH_OK)
        rc = check_deletions(w, answer, n, error);
    for (uint64_t r = 0; rc == RH_OK && w->spec->n_returning && r < w->spec->n_rows; r++)
        if (w->targets[r].index != RH_GOOGLESHEETS_NOWHERE)
            give(w, r, rh_googlesheets_matched(found, w->targets[r].mark));
    return rc;
}

/* ---- The group ----------------------------------------------------------------------------- */

/* Takes off the marks that were made for this write. What cannot be taken off does no harm. */
static void take_off(struct rh_googlesheets_call *w)
{
    struct rh_error ignored = RH_ERROR_INIT;
    struct rh_json *answer = NULL;
    uint32_t n = 0;
    int64_t *ids = w->targets ? rh_googlesheets_marks_of(w, true, &n) : NULL;
    struct rh_buf body;

    if (!ids || !n)
        return;
    rh_buf_init(&body, BODY_BYTES);
    rh_buf_add_str(&body, "{\"requests\":[");
    for (uint32_t i = 0; i < n; i++)
        rh_buf_addf(&body,
                    "%s{\"deleteDeveloperMetadata\":{\"dataFilter\":{\"developerMetadataLookup\":{"
                    "\"metadataId\":%lld}}}}",
                    i ? "," : "", (long long)ids[i]);
    rh_buf_add_str(&body, "]}");
    rh_googlesheets_post(w, ":batchUpdate", &body, true, &answer, &ignored);
    rh_buf_free(&body);
}

static void start_returning(struct rh_googlesheets_call *w)
{
    rh_rowset_fini(&w->conn->returned);
    rh_rowset_init(&w->conn->returned, w->spec->n_returning, SIZE_MAX);
    rh_rowset_clear(&w->conn->returned, w->spec->n_rows);
}

static int run(struct rh_conn *conn, const struct rh_op *op, const struct rh_write_spec *spec,
               enum rh_googlesheets_verb verb, struct rh_write_result *ret_result,
               struct rh_error *error)
{
    static int (*const runs[])(struct rh_googlesheets_call *, struct rh_error *) = {
        rh_googlesheets_run_insert, run_update, run_remove};
    struct rh_error own = RH_ERROR_INIT;
    struct rh_googlesheets_call w = {
        .conn = conn, .op = op, .spec = spec, .result = ret_result, .verb = verb};
    int rc;

    error = error ? error : &own;
    ret_result->n_affected = 0;
    rc = prepare(&w, error);
    if (rc == RH_OK)
        rc = rh_googlesheets_find_sheet(conn, op, spec->table, w.arena, &w.sheet, error);
    if (rc == RH_OK)
        start_returning(&w);
    if (rc == RH_OK && spec->n_rows)
        rc = runs[verb](&w, error);
    if (rc == RH_OK && spec->n_returning) {
        rc = rh_rowset_batch(&conn->returned, &ret_result->returned, error);
        rc = rc == RH_END ? RH_OK : rc;
    }
    if (verb == RH_GOOGLESHEETS_UPDATE || rc)
        take_off(&w);
    rh_arena_free(w.arena);
    return rc;
}

RH_KIT_DEFINE_WRITES(run, RH_GOOGLESHEETS_INSERT, RH_GOOGLESHEETS_UPDATE, RH_GOOGLESHEETS_REMOVE)

const struct rh_write rh_googlesheets_write = {
    .struct_size = sizeof(rh_googlesheets_write),
    .atomicity = RH_ATOMIC_ALL,
    .insert = insert,
    .update = update,
    .remove = remove_rows,
};
