/*
 * See rows.h.
 */
#include "rows.h"

#include "decode.h"

#include <stdlib.h>
#include <string.h>

#define BLOCK_BYTES (256u * 1024)
#define WIDE_BLOCK_BYTES (4u << 20) /* of wide entries, most of whose pages are never touched */
#define PAGE_BYTES 4096
#define MAX_BLOCK_ROWS 1000
#define SMALL_BLOCK_ROWS 64 /* below, a block is too little for a batch, and cells are copied */
#define BATCH_BYTES (256u * 1024)
#define FIRST_PIECE 4096
#define FIRST_WIDTH 1024 /* of a column without a bound, when rows come one by one … */
#define SHORT_WIDTH 64 /* … and its values are short, or read again: drivers fill what is left */
#define MAX_VALUE_BYTES ((size_t)1 << 30)

/* ---- opening ---- */

static int describe(struct rh_odbc_rows *rows, uint32_t i, uint8_t type, struct rh_error *error)
{
    SQLHSTMT handle = rows->statement->handle;
    SQLSMALLINT sql_type = 0, digits = 0, nullable = 0, name_len = 0;
    SQLULEN size = 0;
    SQLLEN is_unsigned = SQL_FALSE;
    SQLWCHAR name[2];

    if (!SQL_SUCCEEDED(SQLDescribeColW(handle, (SQLUSMALLINT)(i + 1), name, 2, &name_len, &sql_type,
                                       &size, &digits, &nullable)))
        return rh_odbc_fail_call(rows->conn, handle, error);
    if (sql_type == SQL_BIGINT)
        (void)SQLColAttributeW(handle, (SQLUSMALLINT)(i + 1), SQL_DESC_UNSIGNED, NULL, 0, NULL,
                               &is_unsigned);
    rh_odbc_cell_choose(&rows->cells[i], rows->conn, type, sql_type, size, is_unsigned == SQL_TRUE);
    return RH_OK;
}

/* How many rows a block has; 1: rows one by one. */
static uint32_t rows_per_block(const struct rh_odbc_rows *rows, uint64_t row_goal)
{
    size_t row_bytes = 0, n;

    for (uint32_t i = 0; i < rows->n_cols; i++) {
        if (!rows->cells[i].width)
            return 1;
        row_bytes += rows->cells[i].width + sizeof(SQLLEN);
    }
    n = (row_bytes > BLOCK_BYTES / 16 ? WIDE_BLOCK_BYTES : BLOCK_BYTES) / (row_bytes + !row_bytes);
    if (row_goal && n > row_goal)
        n = (size_t)row_goal;
    return n < 2 ? 1 : n > MAX_BLOCK_ROWS ? MAX_BLOCK_ROWS : (uint32_t)n;
}

static bool is_long(uint8_t type)
{
    return type == RH_TYPE_TEXT || type == RH_TYPE_JSON || type == RH_TYPE_BYTES;
}

static int bind_block(struct rh_odbc_rows *rows, struct rh_error *error)
{
    SQLHSTMT handle = rows->statement->handle;
    size_t total = 0;

    for (uint32_t i = 0; i < rows->n_cols; i++) {
        rows->cells[i].width = (rows->cells[i].width + 7) & ~(size_t)7;
        if (rows->cells[i].width % PAGE_BYTES == 0)
            rows->cells[i].width += 64; /* or all entries would share a line of the cache */
        rows->cells[i].data = total;
        total += rows->cells[i].width * rows->block_rows;
    }
    rows->bound = malloc(total + 8);
    rows->lengths = calloc((size_t)rows->n_cols * rows->block_rows + 1, sizeof *rows->lengths);
    rows->statuses = calloc(rows->block_rows, sizeof *rows->statuses);
    if (!rows->bound || !rows->lengths || !rows->statuses)
        return rh_fail_nomem(error);
    if (!SQL_SUCCEEDED(
            SQLSetStmtAttr(handle, SQL_ATTR_ROW_BIND_TYPE, (SQLPOINTER)SQL_BIND_BY_COLUMN, 0)) ||
        !SQL_SUCCEEDED(SQLSetStmtAttr(handle, SQL_ATTR_ROW_ARRAY_SIZE,
                                      (SQLPOINTER)(SQLULEN)rows->block_rows, 0)) ||
        !SQL_SUCCEEDED(SQLSetStmtAttr(handle, SQL_ATTR_ROW_STATUS_PTR, rows->statuses, 0)) ||
        !SQL_SUCCEEDED(SQLSetStmtAttr(handle, SQL_ATTR_ROWS_FETCHED_PTR, &rows->n_fetched, 0)))
        return rh_odbc_fail_call(rows->conn, handle, error);
    for (uint32_t i = 0; i < rows->n_cols; i++) {
        struct rh_odbc_cell *cell = &rows->cells[i];
        if (!SQL_SUCCEEDED(SQLBindCol(handle, (SQLUSMALLINT)(i + 1), cell->c_type,
                                      rows->bound + cell->data, (SQLLEN)cell->width,
                                      rows->lengths + (size_t)i * rows->block_rows)))
            return rh_odbc_fail_call(rows->conn, handle, error);
    }
    return RH_OK;
}

int rh_odbc_rows_open(struct rh_odbc_rows *rows, struct rh_conn *conn,
                      struct rh_odbc_statement *statement, const uint8_t *types, uint32_t n,
                      uint64_t row_goal, struct rh_error *error)
{
    SQLSMALLINT n_given = 0;
    int rc = RH_OK;

    *rows = (struct rh_odbc_rows){.conn = conn, .statement = statement, .n_cols = n};
    rh_rowset_init(&rows->out, n, BATCH_BYTES);
    if (statement->no_rows) {
        rows->at_end = true;
        return RH_OK;
    }
    if (!SQL_SUCCEEDED(SQLNumResultCols(statement->handle, &n_given)))
        return rh_odbc_fail_call(conn, statement->handle, error);
    /* A query without outputs has one constant. */
    if (n_given < 1 || (uint32_t)n_given < n)
        return rh_fail(error, RH_PROTOCOL, "the driver gives %d columns instead of %u", n_given, n);
    rows->cells = calloc((size_t)n + 1, sizeof *rows->cells);
    if (!rows->cells)
        return rh_fail_nomem(error);
    for (uint32_t i = 0; i < n && !rc; i++)
        rc = describe(rows, i, types[i], error);
    if (rc)
        return rc;
    rows->block_rows = rows_per_block(rows, row_goal);
    rows->copies = rows->block_rows < SMALL_BLOCK_ROWS;
    rows->in_pieces = rows->block_rows == 1 && !conn->reads_again;
    for (uint32_t i = 0; i < n; i++) {
        if (!rows->cells[i].width)
            rows->cells[i].width = is_long(types[i]) ? FIRST_WIDTH : SHORT_WIDTH;
    }
    return rows->in_pieces ? RH_OK : bind_block(rows, error);
}

void rh_odbc_rows_close(struct rh_odbc_rows *rows)
{
    if (rows->statement && rows->statement->handle && !rows->in_pieces && rows->cells) {
        (void)SQLSetStmtAttr(rows->statement->handle, SQL_ATTR_ROW_STATUS_PTR, NULL, 0);
        (void)SQLSetStmtAttr(rows->statement->handle, SQL_ATTR_ROWS_FETCHED_PTR, NULL, 0);
    }
    free(rows->cells);
    free(rows->bound);
    free(rows->lengths);
    free(rows->statuses);
    free(rows->piece);
    rh_rowset_fini(&rows->out);
    *rows = (struct rh_odbc_rows){.at_end = true};
}

/* ---- fetching ---- */

static int fetch(struct rh_odbc_rows *rows, struct rh_error *error)
{
    SQLHSTMT handle = rows->statement->handle;
    SQLRETURN code;

    rows->n_fetched = rows->next_row = 0;
    if (rows->at_end)
        return RH_END;
    rh_odbc_watch_enter(&rows->conn->watch, handle);
    code = SQLFetch(handle);
    rh_odbc_watch_leave(&rows->conn->watch);
    if (code == SQL_NO_DATA) {
        rows->at_end = true;
        return RH_END;
    }
    if (!SQL_SUCCEEDED(code))
        return rh_odbc_fail_call(rows->conn, handle, error);
    if (rows->in_pieces)
        rows->n_fetched = 1;
    if (rows->n_fetched > rows->block_rows)
        return rh_fail(error, RH_PROTOCOL, "the driver gave more rows than it was asked for");
    return RH_OK;
}

static bool grow_piece(struct rh_odbc_rows *rows, size_t need)
{
    size_t cap = rows->cap_piece ? rows->cap_piece : FIRST_PIECE;
    char *grown = NULL;

    if (need <= rows->cap_piece)
        return true;
    if (need > MAX_VALUE_BYTES)
        return false;
    while (cap < need)
        cap *= 2;
    grown = realloc(rows->piece, cap);
    if (!grown)
        return false;
    rows->piece = grown;
    rows->cap_piece = cap;
    return true;
}

/* The whole value of a column of the row at hand, in rows->piece. *ret_len is SQL_NULL_DATA for
 * NULL. */
static int get_data(struct rh_odbc_rows *rows, uint32_t i, SQLLEN *ret_len, struct rh_error *error)
{
    const struct rh_odbc_cell *cell = &rows->cells[i];
    SQLHSTMT handle = rows->statement->handle;
    size_t have = 0, end = cell->end;
    bool fixed = cell->fixed;

    if (!grow_piece(rows, FIRST_PIECE))
        return rh_fail_nomem(error);
    for (;;) {
        SQLLEN len = 0;
        size_t room = rows->cap_piece - have;
        rh_odbc_watch_enter(&rows->conn->watch, handle);
        SQLRETURN code = SQLGetData(handle, (SQLUSMALLINT)(i + 1), cell->c_type, rows->piece + have,
                                    (SQLLEN)room, &len);
        rh_odbc_watch_leave(&rows->conn->watch);
        if (code == SQL_NO_DATA)
            break;
        if (!SQL_SUCCEEDED(code))
            return rh_odbc_fail_call(rows->conn, handle, error);
        if (len == SQL_NULL_DATA) {
            *ret_len = SQL_NULL_DATA;
            return RH_OK;
        }
        if (fixed || (len >= 0 && (size_t)len + end <= room)) {
            have += fixed ? 0 : (size_t)len;
            break;
        }
        /* Cut off: what came fills the room but for the terminator. */
        have += (room - end) & (cell->c_type == SQL_C_WCHAR ? ~(size_t)1 : ~(size_t)0);
        if (!grow_piece(rows, len >= 0 ? have + (size_t)len + end + 2 : rows->cap_piece * 2))
            return rh_fail(error, RH_RESOURCE, "a value is too large");
    }
    *ret_len = (SQLLEN)have;
    return RH_OK;
}

/* ---- cells ---- */

static int cell_in_pieces(struct rh_odbc_rows *rows, uint32_t i, struct rh_value *to,
                          struct rh_error *error)
{
    SQLLEN len = 0;
    int rc = get_data(rows, i, &len, error);

    if (rc)
        return rc;
    if (len == SQL_NULL_DATA) {
        *to = rh_kit_null();
        return RH_OK;
    }
    return rows->cells[i].decode(&rows->cells[i], &rows->out, to, rows->piece, (size_t)len, false,
                                 error);
}

/* A bound value that was cut off. */
static int cell_again(struct rh_odbc_rows *rows, uint32_t i, SQLULEN row, struct rh_value *to,
                      struct rh_error *error)
{
    SQLHSTMT handle = rows->statement->handle;

    if (rows->block_rows == 1)
        return cell_in_pieces(rows, i, to, error);
    if (!rows->conn->reads_in_blocks) {
        rh_fail(error, RH_PROTOCOL, "a value is longer than the driver announced");
        return rh_error_hint(error, "Report which driver it is");
    }
    if (!SQL_SUCCEEDED(
            SQLSetPos(handle, (SQLSETPOSIROW)(row + 1), SQL_POSITION, SQL_LOCK_NO_CHANGE)))
        return rh_odbc_fail_call(rows->conn, handle, error);
    return cell_in_pieces(rows, i, to, error);
}

static int cell_of_block(struct rh_odbc_rows *rows, uint32_t i, SQLULEN row, struct rh_value *to,
                         struct rh_error *error)
{
    const struct rh_odbc_cell *cell = &rows->cells[i];
    SQLLEN len = rows->lengths[(size_t)i * rows->block_rows + row];

    if (len == SQL_NULL_DATA) {
        *to = rh_kit_null();
        return RH_OK;
    }
    if (!cell->fixed && (len < 0 || (size_t)len + cell->end > cell->width))
        return cell_again(rows, i, row, to, error);
    return cell->decode(cell, &rows->out, to, rows->bound + cell->data + row * cell->width,
                        cell->fixed ? cell->width : (size_t)len, !rows->copies, error);
}

static int add_row(struct rh_odbc_rows *rows, SQLULEN row, struct rh_error *error)
{
    struct rh_value *cells = rh_rowset_row(&rows->out);
    int rc = RH_OK;

    if (!cells)
        return rh_fail_nomem(error);
    if (!rows->in_pieces && rows->statuses[row] == SQL_ROW_ERROR)
        return rh_odbc_fail_call(rows->conn, rows->statement->handle, error);
    for (uint32_t i = 0; i < rows->n_cols && !rc; i++)
        rc = rows->in_pieces ? cell_in_pieces(rows, i, &cells[i], error)
                             : cell_of_block(rows, i, row, &cells[i], error);
    return rc;
}

/* ---- reading ---- */

int rh_odbc_rows_next(struct rh_odbc_rows *rows, uint32_t max_rows, struct rh_batch *ret_batch,
                      struct rh_error *error)
{
    int rc = RH_OK;

    rh_rowset_clear(&rows->out, max_rows ? max_rows : 1);
    while (!rc && rh_rowset_has_room(&rows->out)) {
        if (rows->next_row == rows->n_fetched) {
            /* Cells point into the block. */
            if (!rows->copies && rows->out.n_rows)
                break;
            rc = fetch(rows, error);
            continue;
        }
        rc = add_row(rows, rows->next_row, error);
        rows->next_row++;
    }
    if (rc < 0)
        return rc;
    return rh_rowset_batch(&rows->out, ret_batch, error);
}

int rh_odbc_rows_skip(struct rh_odbc_rows *rows, uint64_t n, struct rh_error *error)
{
    int rc = RH_OK;

    while (n && !rc) {
        SQLULEN here = rows->n_fetched - rows->next_row;
        if (here > n)
            here = (SQLULEN)n;
        rows->next_row += here;
        n -= here;
        if (n)
            rc = fetch(rows, error);
    }
    return rc;
}
