/*
 * Marks: developer metadata on a row, which moves with the row and goes with it. Its id, a number that
 * Google gives and that no other mark of the spreadsheet has, is the row's key.
 *
 * Google allows 30 000 characters of metadata in a sheet, keys and values together. A mark has two.
 */
#include "googlesheets.h"

#define BODY_BYTES ((size_t)64 << 20)
#define MARKS_PER_REQUEST 2000u

void rh_googlesheets_add_lookup(const struct rh_googlesheets_sheet *sheet, int64_t id,
                                struct rh_buf *body)
{
    rh_buf_addf(body,
                "{\"developerMetadataLookup\":{\"metadataId\":%lld,\"metadataKey\":\"%s\","
                "\"metadataLocation\":{\"sheetId\":%lld},"
                "\"locationMatchingStrategy\":\"INTERSECTING_LOCATION\"}}",
                (long long)id, RH_GOOGLESHEETS_MARK, (long long)sheet->id);
}

void rh_googlesheets_add_marking(const struct rh_googlesheets_sheet *sheet, uint32_t row,
                                 struct rh_buf *body)
{
    rh_buf_addf(body,
                "{\"createDeveloperMetadata\":{\"developerMetadata\":{\"metadataKey\":\"%s\","
                "\"visibility\":\"DOCUMENT\",\"location\":{\"dimensionRange\":{\"sheetId\":%lld,"
                "\"dimension\":\"ROWS\",\"startIndex\":%u,\"endIndex\":%u}}}}}",
                RH_GOOGLESHEETS_MARK, (long long)sheet->id, row, row + 1);
}

static int mark_some(struct rh_conn *conn, const struct rh_op *op,
                     const struct rh_googlesheets_sheet *sheet, const uint32_t *rows, uint32_t n,
                     int64_t *ret_ids, struct rh_error *error)
{
    struct rh_arena *arena = rh_arena_new(RH_GOOGLESHEETS_ARENA_BYTES);
    struct rh_json *answer = NULL;
    struct rh_buf url, body;
    const struct rh_json *reply;
    int rc;

    if (!arena)
        return rh_fail_nomem(error);
    rh_buf_init(&url, 65536);
    rh_buf_init(&body, BODY_BYTES);
    rh_googlesheets_add_url(conn, ":batchUpdate", &url);
    rh_buf_add_str(&body, "{\"requests\":[");
    for (uint32_t i = 0; i < n; i++) {
        if (i)
            rh_buf_add_char(&body, ',');
        rh_googlesheets_add_marking(sheet, rows[i], &body);
    }
    rh_buf_add_str(&body, "]}");
    rc = rh_googlesheets_fetch(conn, op, &url, &body, true, "cannot mark rows", arena, &answer,
                               error);
    if (rc == RH_INVALID || rc == RH_PERMISSION)
        rh_error_hint(error, "row ids need an account that may edit, and at most 15000 rows in a "
                             "sheet; with key_column there is no such limit");
    reply = rc == RH_OK ? rh_googlesheets_first(answer, "replies") : NULL;
    for (uint32_t i = 0; rc == RH_OK && ret_ids && i < n; i++) {
        const struct rh_json *made = rh_json_member(reply, "createDeveloperMetadata");

        ret_ids[i] = rh_googlesheets_int(rh_json_member(made, "developerMetadata"), "metadataId");
        if (ret_ids[i] <= 0)
            rc = rh_fail(error, RH_PROTOCOL, "a mark was made, and Google does not tell its id");
        reply = reply ? reply->next : NULL;
    }
    rh_buf_free(&url);
    rh_buf_free(&body);
    rh_arena_free(arena);
    return rc;
}

int rh_googlesheets_mark(struct rh_conn *conn, const struct rh_op *op,
                         const struct rh_googlesheets_sheet *sheet, const uint32_t *rows,
                         uint32_t n, int64_t *ret_ids, struct rh_error *error)
{
    int rc = RH_OK;

    if (conn->config.read_only || op->flags & RH_OP_READ_ONLY) {
        rh_fail(error, RH_PERMISSION, "rows without an id cannot get one in a read-only operation");
        return rh_error_hint(error, "read the rows once with an account that may edit, or name a "
                                    "key_column");
    }
    for (uint32_t i = 0; rc == RH_OK && i < n; i += MARKS_PER_REQUEST)
        rc = mark_some(conn, op, sheet, rows + i,
                       n - i < MARKS_PER_REQUEST ? n - i : MARKS_PER_REQUEST,
                       ret_ids ? ret_ids + i : NULL, error);
    return rc;
}

/* Two that marked a row at the same time leave two marks: the smaller id counts. */
int64_t rh_googlesheets_mark_of(const struct rh_json *row_metadata)
{
    const struct rh_json *mark = rh_googlesheets_first(row_metadata, "developerMetadata");
    int64_t least = 0;

    for (; mark; mark = mark->next) {
        int64_t id = rh_googlesheets_int(mark, "metadataId");

        if (id > 0 && (!least || id < least) &&
            rh_text_is(rh_json_string(mark, "metadataKey"), RH_GOOGLESHEETS_MARK))
            least = id;
    }
    return least;
}
