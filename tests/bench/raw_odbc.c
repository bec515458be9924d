/*
 * bench_raw_odbc CONNECTION_STRING TABLE: the hand-written loop that the odbc connector is compared
 * with: SQLFetch in blocks into bound buffers of the columns' own types. Whole numbers and doubles are
 * fetched as such, decimals and times as the ASCII that they are on the wire, texts as UTF-8.
 */
#include <sql.h>
#include <sqlext.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK 1000
#define BLOCK_BYTES (256u * 1024)
#define MAX_COLUMNS 64
#define TEXT_BYTES 1024
#define ASCII_BYTES 64

struct column {
    SQLSMALLINT c_type;
    size_t width;
    char *data;
    SQLLEN *lengths;
};

static int fail(SQLSMALLINT type, SQLHANDLE handle)
{
    SQLCHAR state[6], text[512];
    SQLINTEGER native = 0;
    SQLSMALLINT n = 0;

    if (SQL_SUCCEEDED(SQLGetDiagRec(type, handle, 1, state, &native, text, sizeof text, &n)))
        fprintf(stderr, "%s %s\n", state, text);
    return 1;
}

static int describe(SQLHSTMT statement, SQLUSMALLINT number, struct column *column)
{
    SQLSMALLINT type = 0, digits = 0, nullable = 0, n_name = 0;
    SQLULEN size = 0;
    SQLCHAR name[128];

    if (!SQL_SUCCEEDED(SQLDescribeCol(statement, number, name, sizeof name, &n_name, &type, &size,
                                      &digits, &nullable)))
        return fail(SQL_HANDLE_STMT, statement);
    switch (type) {
    case SQL_TINYINT:
    case SQL_SMALLINT:
    case SQL_INTEGER:
    case SQL_BIGINT:
        *column = (struct column){.c_type = SQL_C_SBIGINT, .width = 8};
        break;
    case SQL_REAL:
    case SQL_FLOAT:
    case SQL_DOUBLE:
        *column = (struct column){.c_type = SQL_C_DOUBLE, .width = 8};
        break;
    case SQL_CHAR:
    case SQL_VARCHAR:
    case SQL_LONGVARCHAR:
    case SQL_WCHAR:
    case SQL_WVARCHAR:
    case SQL_WLONGVARCHAR:
        *column = (struct column){.c_type = SQL_C_CHAR, .width = TEXT_BYTES};
        if (size && (size + 1) * 4 < TEXT_BYTES)
            column->width = (size + 1) * 4;
        break;
    default:
        *column = (struct column){.c_type = SQL_C_CHAR, .width = ASCII_BYTES};
    }
    return 0;
}

static int bind(SQLHSTMT statement, struct column *columns, SQLUSMALLINT n, size_t *ret_block)
{
    size_t row_bytes = 0, block;

    for (SQLUSMALLINT c = 0; c < n; c++) {
        if (describe(statement, (SQLUSMALLINT)(c + 1), &columns[c]))
            return 1;
        row_bytes += columns[c].width + sizeof(SQLLEN);
    }
    block = BLOCK_BYTES / row_bytes < BLOCK ? BLOCK_BYTES / row_bytes : BLOCK;
    SQLSetStmtAttr(statement, SQL_ATTR_ROW_ARRAY_SIZE, (SQLPOINTER)block, 0);
    for (SQLUSMALLINT c = 0; c < n; c++) {
        columns[c].data = malloc(block * columns[c].width);
        columns[c].lengths = malloc(block * sizeof(SQLLEN));
        if (!columns[c].data || !columns[c].lengths ||
            !SQL_SUCCEEDED(SQLBindCol(statement, (SQLUSMALLINT)(c + 1), columns[c].c_type,
                                      columns[c].data, (SQLLEN)columns[c].width,
                                      columns[c].lengths)))
            return fail(SQL_HANDLE_STMT, statement);
    }
    *ret_block = block;
    return 0;
}

static uint64_t touch(const struct column *columns, SQLUSMALLINT n, size_t row)
{
    uint64_t sum = 0;

    for (SQLUSMALLINT c = 0; c < n; c++) {
        const struct column *column = &columns[c];
        const char *at = column->data + row * column->width;
        uint64_t number;

        if (column->lengths[row] == SQL_NULL_DATA)
            continue;
        if (column->c_type == SQL_C_CHAR) {
            sum += (uint64_t)column->lengths[row] + (unsigned char)at[0];
        } else {
            memcpy(&number, at, 8);
            sum += number;
        }
    }
    return sum;
}

static int scan(SQLHSTMT statement, const char *table)
{
    struct column columns[MAX_COLUMNS] = {{.width = 0}};
    char text[256];
    SQLSMALLINT n_columns = 0;
    SQLULEN n = 0;
    uint64_t rows = 0, sum = 0;
    size_t block;
    SQLRETURN code;

    snprintf(text, sizeof text, "SELECT id, customer_id, status, total, created_at, note FROM %s",
             table);
    SQLSetStmtAttr(statement, SQL_ATTR_ROWS_FETCHED_PTR, &n, 0);
    if (!SQL_SUCCEEDED(SQLExecDirect(statement, (SQLCHAR *)text, SQL_NTS)) ||
        !SQL_SUCCEEDED(SQLNumResultCols(statement, &n_columns)) || n_columns > MAX_COLUMNS ||
        bind(statement, columns, (SQLUSMALLINT)n_columns, &block))
        return fail(SQL_HANDLE_STMT, statement);
    while (SQL_SUCCEEDED(code = SQLFetch(statement))) {
        rows += n;
        for (size_t i = 0; i < n; i++)
            sum += touch(columns, (SQLUSMALLINT)n_columns, i);
    }
    for (int c = 0; c < n_columns; c++) {
        free(columns[c].data);
        free(columns[c].lengths);
    }
    if (code != SQL_NO_DATA)
        return fail(SQL_HANDLE_STMT, statement);
    printf("%llu rows, sum %llu\n", (unsigned long long)rows, (unsigned long long)sum);
    return 0;
}

int main(int argc, char **argv)
{
    SQLHENV env = NULL;
    SQLHDBC dbc = NULL;
    SQLHSTMT statement = NULL;
    int status = 1;

    if (argc != 3) {
        fprintf(stderr, "usage: bench_raw_odbc CONNECTION_STRING TABLE\n");
        return 2;
    }
    SQLAllocHandle(SQL_HANDLE_ENV, NULL, &env);
    SQLSetEnvAttr(env, SQL_ATTR_ODBC_VERSION, (SQLPOINTER)SQL_OV_ODBC3, 0);
    SQLAllocHandle(SQL_HANDLE_DBC, env, &dbc);
    if (!SQL_SUCCEEDED(SQLDriverConnect(dbc, NULL, (SQLCHAR *)argv[1], SQL_NTS, NULL, 0, NULL,
                                        SQL_DRIVER_NOPROMPT)))
        return fail(SQL_HANDLE_DBC, dbc);
    SQLSetConnectAttr(dbc, SQL_ATTR_AUTOCOMMIT, (SQLPOINTER)SQL_AUTOCOMMIT_OFF, SQL_IS_UINTEGER);
    if (SQL_SUCCEEDED(SQLAllocHandle(SQL_HANDLE_STMT, dbc, &statement)))
        status = scan(statement, argv[2]);
    if (statement)
        SQLFreeHandle(SQL_HANDLE_STMT, statement);
    SQLEndTran(SQL_HANDLE_DBC, dbc, SQL_ROLLBACK);
    SQLDisconnect(dbc);
    SQLFreeHandle(SQL_HANDLE_DBC, dbc);
    SQLFreeHandle(SQL_HANDLE_ENV, env);
    return status;
}
