/*
 * Which rows of the sheet a write means: by their marks, or by a key column, whose rows are then marked.
 */
#include "write.h"

#define URL_BYTES ((size_t)64 << 10)
#define PROBE_ROWS 1000u

/* Where the columns are, by the header's cells. */
static int find_places(struct rh_googlesheets_call *w, const struct rh_json *cells,
                       struct rh_error *error)
{
    int rc = rh_googlesheets_read_header(w->arena, cells, &w->header, error);

    for (uint32_t i = 0; rc == RH_OK && i < w->spec->n_columns; i++) {
        w->places[i] =
            rh_googlesheets_call_is_id(w, i)
                ? RH_NO_COLUMN
                : rh_googlesheets_find_name(&w->header, rh_googlesheets_call_column(w, i)->name);
        if (w->places[i] == RH_NO_COLUMN && !rh_googlesheets_call_is_id(w, i))
            rc = rh_fail(error, RH_NOT_FOUND, "there is no column \"%.*s\"",
                         RH_TEXT_ARG(rh_googlesheets_call_column(w, i)->name));
    }
    return rc;
}

/* ---- Header and rows ------------------------------------------------------------------------- */

/* Header and rows from .. to (none when from > to) of all columns or of one, with their marks. Sets the
 * first row and its metadata. */
static int fetch_rows(struct rh_googlesheets_call *w, uint32_t place, uint32_t from, uint32_t to,
                      const struct rh_json **ret_row, const struct rh_json **ret_metadata,
                      struct rh_error *error)
{
    uint32_t header_row = w->conn->config.header_row;
    struct rh_json *answer = NULL;
    const struct rh_json *header, *rows;
    struct rh_buf url;
    int rc;

    rh_buf_init(&url, URL_BYTES);
    rh_googlesheets_add_url(w->conn,
                            "?fields=sheets.data(rowData.values.effectiveValue,"
                            "rowMetadata.developerMetadata(metadataId,metadataKey))",
                            &url);
    rh_googlesheets_add_range(&w->sheet, RH_NO_COLUMN, header_row, header_row, &url);
    if (from <= to)
        rh_googlesheets_add_range(&w->sheet, place, from, to, &url);
    rc = rh_googlesheets_fetch(w->conn, w->op, &url, NULL, false, "cannot read the rows to write",
                               w->arena, &answer, error);
    rh_buf_free(&url);
    if (rc)
        return rc;
    header = rh_googlesheets_first(rh_googlesheets_first(answer, "sheets"), "data");
    rows = header ? header->next : NULL;
    *ret_row = rh_googlesheets_first(rows, "rowData");
    *ret_metadata = rh_googlesheets_first(rows, "rowMetadata");
    header = rh_googlesheets_first(header, "rowData");
    return find_places(w, rh_googlesheets_first(header, "values"), error);
}

static bool has_value(const struct rh_json *row)
{
    for (const struct rh_json *c = rh_googlesheets_first(row, "values"); c; c = c->next)
        if (rh_googlesheets_scalar(c))
            return true;
    return false;
}

/* The number of rows up to the last one with a value: from the end of the grid back. */
int rh_googlesheets_find_end(struct rh_googlesheets_call *w, uint32_t *ret_end,
                             struct rh_error *error)
{
    uint32_t first = w->conn->config.header_row + 1, to = w->sheet.n_rows, step = PROBE_ROWS;
    const struct rh_json *row = NULL, *metadata = NULL;
    int rc = RH_OK;

    *ret_end = first - 1;
    do {
        uint32_t from = to >= step && to - step + 1 > first ? to - step + 1 : first, at = from;

        rc = fetch_rows(w, RH_NO_COLUMN, from, to, &row, &metadata, error);
        for (; rc == RH_OK && row; row = row->next, at++)
            if (has_value(row))
                *ret_end = at;
        to = from - 1;
        step *= 2;
    } while (rc == RH_OK && *ret_end < first && to >= first);
    return rc;
}

/* All rows of the sheet with the key of an input row: the target, or AMBIGUOUS_KEY. */
int rh_googlesheets_look_for_keys(struct rh_googlesheets_call *w, uint32_t column,
                                  struct rh_error *error)
{
    const struct rh_json *row = NULL, *metadata = NULL;
    uint32_t at = w->conn->config.header_row;
    int rc = fetch_rows(w, RH_NO_COLUMN, 1, 0, &row, &metadata, error);

    if (rc == RH_OK && at < w->sheet.n_rows)
        rc = fetch_rows(w, w->places[column], at + 1, w->sheet.n_rows, &row, &metadata, error);
    for (; rc == RH_OK && row; row = row->next, at++) {
        const struct rh_json *scalar = rh_googlesheets_scalar(rh_googlesheets_first(row, "values"));

        for (uint64_t r = 0; scalar && r < w->spec->n_rows; r++) {
            if (!rh_googlesheets_same(rh_googlesheets_call_cell(w, r, column),
                                      rh_googlesheets_call_column(w, column), scalar))
                continue;
            if (w->targets[r].index != RH_GOOGLESHEETS_NOWHERE) {
                rh_fail(error, RH_CONSTRAINT, "several rows have the same \"%.*s\"",
                        RH_TEXT_ARG(rh_googlesheets_call_column(w, column)->name));
                error->constraint = RH_CONSTRAINT_AMBIGUOUS_KEY;
                error->row = r;
                return RH_CONSTRAINT;
            }
            w->targets[r] = (struct rh_googlesheets_target){
                .index = at, .mark = rh_googlesheets_mark_of(metadata)};
        }
        metadata = metadata ? metadata->next : NULL;
    }
    return rc;
}

/* A mark for each target that has none. */
static int mark_targets(struct rh_googlesheets_call *w, struct rh_error *error)
{
    uint64_t n_rows = w->spec->n_rows;
    uint32_t *rows = rh_arena_array(w->arena, n_rows, sizeof(*rows)), n = 0;
    int64_t *ids = rh_arena_array(w->arena, n_rows, sizeof(*ids));
    int rc;

    if (!rows || !ids)
        return rh_fail_nomem(error);
    for (uint64_t r = 0; r < n_rows; r++)
        if (w->targets[r].index != RH_GOOGLESHEETS_NOWHERE && !w->targets[r].mark)
            rows[n++] = w->targets[r].index;
    rc = n ? rh_googlesheets_mark(w->conn, w->op, &w->sheet, rows, n, ids, error) : RH_OK;
    n = 0;
    for (uint64_t r = 0; rc == RH_OK && r < n_rows; r++)
        if (w->targets[r].index != RH_GOOGLESHEETS_NOWHERE && !w->targets[r].mark) {
            w->targets[r].mark = ids[n++];
            w->targets[r].ours = true;
        }
    return rc;
}

/* All marks, in input order; *ret_n of them. */
int64_t *rh_googlesheets_marks_of(const struct rh_googlesheets_call *w, bool only_ours,
                                  uint32_t *ret_n)
{
    int64_t *ids = rh_arena_array(w->arena, w->spec->n_rows, sizeof(*ids));

    *ret_n = 0;
    for (uint64_t r = 0; ids && r < w->spec->n_rows; r++)
        if (w->targets[r].mark && (!only_ours || w->targets[r].ours))
            ids[(*ret_n)++] = w->targets[r].mark;
    return ids;
}

/* The matched range that this mark found. */
const struct rh_json *rh_googlesheets_matched(const struct rh_json *answer, int64_t mark)
{
    const struct rh_json *matched = rh_googlesheets_first(answer, "valueRanges");

    while (matched && rh_googlesheets_found_by(matched) != mark)
        matched = matched->next;
    return matched;
}

/* Reads the marked rows: header places, and which are there. */
int rh_googlesheets_fetch_targets(struct rh_googlesheets_call *w, struct rh_json **ret_answer,
                                  struct rh_error *error)
{
    const struct rh_json *header;
    uint32_t n;
    int64_t *ids = rh_googlesheets_marks_of(w, false, &n);
    int rc;

    if (!ids)
        return rh_fail_nomem(error);
    rc = rh_googlesheets_fetch_marked(w->conn, w->op, &w->sheet, ids, n, w->arena, ret_answer,
                                      error);
    header = rc == RH_OK ? rh_googlesheets_matched(*ret_answer, 0) : NULL;
    header = rh_googlesheets_first(rh_json_member(header, "valueRange"), "values");
    return rc == RH_OK ? find_places(w, header ? header->child : NULL, error) : rc;
}

/* Of a matched range: the cell at this place. */
const struct rh_json *rh_googlesheets_matched_cell(const struct rh_json *matched, uint32_t place)
{
    const struct rh_json *row =
        rh_googlesheets_first(rh_json_member(matched, "valueRange"), "values");
    const struct rh_json *cell = row ? row->child : NULL;

    while (cell && place--)
        cell = cell->next;
    return rh_googlesheets_scalar(cell);
}

/* Somebody may have moved rows between looking and marking. */
static int check_marked(struct rh_googlesheets_call *w, const struct rh_json *answer,
                        struct rh_error *error)
{
    uint32_t key = w->spec->key[0];

    for (uint64_t r = 0; r < w->spec->n_rows; r++) {
        const struct rh_json *matched =
            w->targets[r].mark ? rh_googlesheets_matched(answer, w->targets[r].mark) : NULL;

        if (!rh_googlesheets_call_is_id(w, key) && w->targets[r].mark &&
            (!matched ||
             !rh_googlesheets_same(rh_googlesheets_call_cell(w, r, key),
                                   rh_googlesheets_call_column(w, key),
                                   rh_googlesheets_matched_cell(matched, w->places[key]))))
            return rh_fail(error, RH_CONFLICT, "rows were moved while they were looked up");
        if (!matched)
            w->targets[r].mark = 0;
    }
    return RH_OK;
}

/* Finds the rows that are meant, and gives each a mark. *ret_answer: what they hold. */
int rh_googlesheets_find_targets(struct rh_googlesheets_call *w, struct rh_json **ret_answer,
                                 struct rh_error *error)
{
    uint32_t key = w->spec->key[0];
    int rc = RH_OK;

    if (rh_googlesheets_call_is_id(w, key)) {
        for (uint64_t r = 0; r < w->spec->n_rows; r++) {
            const struct rh_value *id = rh_googlesheets_call_cell(w, r, key);
            bool possible = id->type == RH_TYPE_INT && id->as.i > 0 && id->as.i <= INT32_MAX;
            w->targets[r].mark = possible ? id->as.i : 0;
        }
    } else {
        rc = rh_googlesheets_look_for_keys(w, key, error);
        if (rc == RH_OK)
            rc = mark_targets(w, error);
    }
    if (rc == RH_OK)
        rc = rh_googlesheets_fetch_targets(w, ret_answer, error);
    return rc == RH_OK ? check_marked(w, *ret_answer, error) : rc;
}
