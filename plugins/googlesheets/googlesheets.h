/*
 * Google Sheets: the sheets of a spreadsheet as tables, over the host's HTTP and the Sheets API v4.
 *
 * The header row names the columns; their types are inferred from what the cells hold. A row is one
 * that has a value in a named column. The number of a row is never its key, since it changes with
 * every row that is inserted or deleted above it. A key is, as the settings say:
 *
 *   row_ids      `_row`, the id of a mark (developer metadata) that the row carries along. Rows without
 *                one get theirs when their key is first asked for
 *   key_column   a column of the sheet
 *   neither      none: rows are read and added, not changed
 *
 *   config.c   settings              connection.c  connect, ping, cancel, close, requests
 *   sheet.c    sheets, headers       cell.c        values of cells, both ways
 *   catalog.c  tables, columns       mark.c        marks on rows
 *   plan.c     what is pushed down   read.c        cursors
 *   write.c    the write group       target.c      rows that it means
 *   insert.c   adding rows
 */
#pragma once

#include "base/arena.h"
#include "base/json.h"
#include "connector/http.h"
#include "connector/kit.h"
#include "connector/rowset.h"

#include <rowhouse/connector.h>

#define RH_GOOGLESHEETS_ROW "_row"
#define RH_GOOGLESHEETS_ROWS_PER_WRITE 500u
#define RH_GOOGLESHEETS_ARENA_BYTES ((size_t)1 << 30)

/* ---- Settings (config.c) ------------------------------------------------------------------- */

#define RH_GOOGLESHEETS_CONFIG_SCHEMA                                                              \
    "{\"type\": \"object\", \"required\": [\"spreadsheet\"], \"properties\": {"                    \
    " \"spreadsheet\": {\"type\": \"string\", \"minLength\": 1, \"title\": \"Spreadsheet\","       \
    "  \"x-order\": 1, \"description\": \"Its address in the browser, or its id\"},"               \
    " \"service_account\": {\"type\": \"string\", \"title\": \"Service account\","                 \
    "  \"x-order\": 2, \"x-secret\": true, \"description\": \"The key file (JSON) of a service"    \
    " account that the spreadsheet is shared with\"},"                                             \
    " \"client_id\": {\"type\": \"string\", \"title\": \"Client id\", \"x-order\": 3,"             \
    "  \"description\": \"Instead: an OAuth client, with a refresh token\"},"                      \
    " \"client_secret\": {\"type\": \"string\", \"title\": \"Client secret\", \"x-order\": 4,"     \
    "  \"x-secret\": true},"                                                                       \
    " \"refresh_token\": {\"type\": \"string\", \"title\": \"Refresh token\", \"x-order\": 5,"     \
    "  \"x-secret\": true},"                                                                       \
    " \"sheets\": {\"type\": \"array\", \"items\": {\"type\": \"string\"}, \"title\": \"Sheets\"," \
    "  \"x-order\": 6, \"description\": \"Only these are shown\"},"                                \
    " \"header_row\": {\"type\": \"integer\", \"title\": \"Header row\", \"default\": 1,"          \
    "  \"minimum\": 1, \"maximum\": 1000, \"x-order\": 7},"                                        \
    " \"key_column\": {\"type\": \"string\", \"title\": \"Key column\", \"x-order\": 8,"           \
    "  \"description\": \"The column that tells rows apart\"},"                                    \
    " \"row_ids\": {\"type\": \"boolean\", \"title\": \"Row ids\", \"default\": false,"            \
    "  \"x-order\": 9, \"description\": \"Mark rows invisibly, so that they can be changed "       \
    "without"                                                                                      \
    " a key column\"},"                                                                            \
    " \"read_only\": {\"type\": \"boolean\", \"title\": \"Read only\", \"default\": false,"        \
    "  \"x-order\": 10, \"description\": \"Ask Google for no more than reading\"},"                \
    " \"sample\": {\"type\": \"integer\", \"title\": \"Sample\", \"default\": 200,"                \
    "  \"minimum\": 1, \"maximum\": 10000, \"x-order\": 11, \"x-group\": \"advanced\","            \
    "  \"description\": \"Rows of a sheet that types are inferred from\"},"                        \
    " \"retries\": {\"type\": \"integer\", \"title\": \"Retries\", \"default\": 4,"                \
    "  \"minimum\": 0, \"maximum\": 10, \"x-order\": 12, \"x-group\": \"advanced\"},"              \
    " \"rate\": {\"type\": \"integer\", \"title\": \"Requests per minute\", \"default\": 0,"       \
    "  \"minimum\": 0, \"maximum\": 60000, \"x-order\": 13, \"x-group\": \"advanced\","            \
    "  \"description\": \"0: as many as Google takes\"},"                                          \
    " \"url\": {\"type\": \"string\", \"title\": \"API\", \"x-order\": 14,"                        \
    "  \"default\": \"https://sheets.googleapis.com\", \"x-group\": \"advanced\"},"                \
    " \"auth_url\": {\"type\": \"string\", \"title\": \"Token endpoint\", \"x-order\": 15,"        \
    "  \"default\": \"https://oauth2.googleapis.com/token\", \"x-group\": \"advanced\","           \
    "  \"description\": \"For a refresh token\"},"                                                 \
    " \"ca\": {\"type\": \"string\", \"title\": \"Certificate authority\", \"x-order\": 16,"       \
    "  \"x-group\": \"advanced\", \"description\": \"PEM, instead of the system's\"}}}"

/* All texts owned, NUL-terminated; NULL where not set. */
struct rh_googlesheets_config {
    char *spreadsheet;           /* the id */
    char *email, *key, *jwt_url; /* of a service account */
    char *client_id, *client_secret, *refresh_token;
    char *sheets; /* a JSON array of texts */
    char *key_column;
    char *url, *token_url;
    char *ca;
    uint32_t header_row; /* from 1 on */
    uint32_t sample;
    uint32_t retries;
    uint32_t rate;
    bool row_ids;
    bool read_only;
};

/* CONFIG. Owned by the caller until fini. */
int rh_googlesheets_config_init(struct rh_googlesheets_config *ret_config,
                                const struct rh_settings *settings, struct rh_error *error);
void rh_googlesheets_config_fini(struct rh_googlesheets_config *config);

/* ---- Connections (connection.c) ------------------------------------------------------------ */

struct rh_conn {
    const struct rh_host *host;
    struct rh_googlesheets_config config;
    struct rh_http_client *client;
    struct rh_cursor *cursor;  /* the open one, or NULL */
    struct rh_rowset returned; /* rows that the last write returned */
};

int32_t rh_googlesheets_connect(const struct rh_host *host, const struct rh_op *op,
                                const struct rh_settings *settings, struct rh_conn **ret_conn,
                                struct rh_error *error);
void rh_googlesheets_close(struct rh_conn *conn);
int32_t rh_googlesheets_ping(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error);
void rh_googlesheets_cancel(struct rh_conn *conn);

/* Appends "/v4/spreadsheets/ID" and `rest`, which is percent-encoded already. */
void rh_googlesheets_add_url(const struct rh_conn *conn, const char *rest, struct rh_buf *url);
/* Sends what is at hand: GET without a body, POST with one; frees neither. writes: the request changes
 * something, so it is not repeated, and an answer that was lost is UNKNOWN_OUTCOME. The answer is parsed
 * into the arena (its text too); RESOURCE when it is longer than we hold. */
int rh_googlesheets_fetch(struct rh_conn *conn, const struct rh_op *op, const struct rh_buf *url,
                          const struct rh_buf *body, bool writes, const char *what,
                          struct rh_arena *arena, struct rh_json **ret_answer,
                          struct rh_error *error);
/* The whole number of a member; -1 when there is none. */
int64_t rh_googlesheets_int(const struct rh_json *object, const char *name);
/* The first element of an array that is a member; NULL when there is none. */
const struct rh_json *rh_googlesheets_first(const struct rh_json *object, const char *name);

/* ---- Sheets (sheet.c) ---------------------------------------------------------------------- */

struct rh_googlesheets_sheet {
    struct rh_text title;
    int64_t id;
    uint32_t n_rows, n_columns; /* of the grid, mostly empty */
};

/* All sheets with a grid that the settings show, in the arena. */
int rh_googlesheets_fetch_sheets(struct rh_conn *conn, const struct rh_op *op,
                                 struct rh_arena *arena, struct rh_googlesheets_sheet **ret_sheets,
                                 uint32_t *ret_n, struct rh_error *error);
/* The one with this title. NOT_FOUND. */
int rh_googlesheets_find_sheet(struct rh_conn *conn, const struct rh_op *op, struct rh_text title,
                               struct rh_arena *arena, struct rh_googlesheets_sheet *ret_sheet,
                               struct rh_error *error);
/* Appends the range of rows from .. to, numbered from 1, of all columns (place RH_NO_COLUMN) or of the
 * one at this place of the grid: 'title'!2:1001, 'title'!C2:C1001. */
void rh_googlesheets_add_a1(const struct rh_googlesheets_sheet *sheet, uint32_t place,
                            uint32_t from, uint32_t to, struct rh_buf *text);
/* The same as the parameter `ranges`. */
void rh_googlesheets_add_range(const struct rh_googlesheets_sheet *sheet, uint32_t place,
                               uint32_t from, uint32_t to, struct rh_buf *url);

/* Names of the grid's columns; no text where the header is empty. A name that comes again is told apart
 * by a number: "name (2)". */
struct rh_googlesheets_header {
    struct rh_text *names;
    uint32_t n;
};
/* cells: the first cell of the header row, or NULL. In the arena. */
int rh_googlesheets_read_header(struct rh_arena *arena, const struct rh_json *cells,
                                struct rh_googlesheets_header *ret_header, struct rh_error *error);
/* Position in the grid; RH_NO_COLUMN. */
uint32_t rh_googlesheets_find_name(const struct rh_googlesheets_header *header,
                                   struct rh_text name);

/* ---- Cells (cell.c) ------------------------------------------------------------------------ */

/* The scalar of a cell, of `values` or of grid data; NULL when it is empty. */
const struct rh_json *rh_googlesheets_scalar(const struct rh_json *cell);
/* Makes *cell a cell of a row from a scalar: a column of DATE, DATETIME or TIME has numbers, counted in
 * days from 1899-12-30. NULL when value is NULL. */
void rh_googlesheets_set_cell(struct rh_rowset *rows, struct rh_value *cell,
                              const struct rh_column *column, const struct rh_json *value);
/* Appends a value as JSON: times as such numbers, NULL as null. DATA. */
int rh_googlesheets_add_value(struct rh_buf *json, const struct rh_value *value,
                              struct rh_error *error);
/* Are both the same key? NULL equals nothing. */
bool rh_googlesheets_same(const struct rh_value *value, const struct rh_column *column,
                          const struct rh_json *scalar);

/* ---- Tables (catalog.c) -------------------------------------------------------------------- */

int32_t rh_googlesheets_tables(struct rh_conn *conn, const struct rh_op *op,
                               struct rh_catalog *ret_catalog, struct rh_error *error);

/* ---- Marks (mark.c) ------------------------------------------------------------------------ */

#define RH_GOOGLESHEETS_MARK "rh" /* key of the metadata: short, since Google counts characters */

/* Appends {"developerMetadataLookup": …} of one mark in this sheet. */
void rh_googlesheets_add_lookup(const struct rh_googlesheets_sheet *sheet, int64_t id,
                                struct rh_buf *body);
/* Appends the request that marks a row, numbered from 0. */
void rh_googlesheets_add_marking(const struct rh_googlesheets_sheet *sheet, uint32_t row,
                                 struct rh_buf *body);
/* Marks rows, numbered from 0. ids: NULL, or room for as many. */
int rh_googlesheets_mark(struct rh_conn *conn, const struct rh_op *op,
                         const struct rh_googlesheets_sheet *sheet, const uint32_t *rows,
                         uint32_t n, int64_t *ret_ids, struct rh_error *error);
/* The mark of a row, from its `rowMetadata` of grid data; 0: none. */
int64_t rh_googlesheets_mark_of(const struct rh_json *row_metadata);

/* ---- Plans (plan.c) ------------------------------------------------------------------------ */

#define RH_GOOGLESHEETS_N_OPERATORS 2
extern const struct rh_operator rh_googlesheets_operators[RH_GOOGLESHEETS_N_OPERATORS];

int32_t rh_googlesheets_plan(struct rh_conn *conn, const struct rh_query *query,
                             struct rh_plan *ret_plan, struct rh_error *error);
/* The condition on `_row` that was accepted; NULL: none. UNSUPPORTED when the query has more than was
 * claimed. */
int rh_googlesheets_check_query(const struct rh_query *query, const struct rh_node **ret_keys,
                                struct rh_error *error);

/* ---- Rows (read.c) ------------------------------------------------------------------------- */

int32_t rh_googlesheets_open(struct rh_conn *conn, const struct rh_op *op,
                             const struct rh_query *query, struct rh_cursor **ret_cursor,
                             struct rh_error *error);
int32_t rh_googlesheets_next(struct rh_cursor *cursor, const struct rh_op *op, uint32_t max_rows,
                             struct rh_batch *ret_batch, struct rh_error *error);
void rh_googlesheets_finish(struct rh_cursor *cursor);
/* Asks for the header and the rows with these marks, in one request: ret_answer as values:
 * batchGetByDataFilter answers. The header comes first. */
int rh_googlesheets_fetch_marked(struct rh_conn *conn, const struct rh_op *op,
                                 const struct rh_googlesheets_sheet *sheet, const int64_t *ids,
                                 uint32_t n, struct rh_arena *arena, struct rh_json **ret_answer,
                                 struct rh_error *error);
/* The mark that a value range of such an answer was found by; 0: the header. */
int64_t rh_googlesheets_found_by(const struct rh_json *matched);

/* ---- Writing (write.c) --------------------------------------------------------------------- */

extern const struct rh_write rh_googlesheets_write;
