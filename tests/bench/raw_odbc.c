/*
 * bench_raw_odbc CONNECTION_STRING TABLE: the hand-written loop that the odbc connector is compared
 * with: SQLFetch in blocks of 1000 rows into bound buffers of text.
 */
#include <sql.h>
#include <sqlext.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define BLOCK 1000
#define WIDTH 256

static int fail(SQLSMALLINT type, SQLHANDLE handle)
{
    SQLCHAR state[6], text[512];
    SQLINTEGER native = 0;
    SQLSMALLINT n = 0;

    if (SQL_SUCCEEDED(SQLGetDiagRec(type, handle, 1, state, &native, text, sizeof text, &n)))
        fprintf(stderr, "%s %s\n", state, text);
    return 1;
}

static int scan(SQLHSTMT statement, const char *table)
{
    char text[256];
    SQLSMALLINT n_columns = 0;
    SQLULEN n = 0;
    uint64_t rows = 0, sum = 0;
    SQLRETURN code;

    snprintf(text, sizeof text, "SELECT * FROM %s", table);
    if (!SQL_SUCCEEDED(SQLExecDirect(statement, (SQLCHAR *)text, SQL_NTS)) ||
        !SQL_SUCCEEDED(SQLNumResultCols(statement, &n_columns)))
        return fail(SQL_HANDLE_STMT, statement);
    char *data = calloc((size_t)n_columns * BLOCK, WIDTH);
    SQLLEN *lengths = calloc((size_t)n_columns * BLOCK, sizeof *lengths);
    if (!data || !lengths)
        return 1;
    SQLSetStmtAttr(statement, SQL_ATTR_ROW_ARRAY_SIZE, (SQLPOINTER)BLOCK, 0);
    SQLSetStmtAttr(statement, SQL_ATTR_ROWS_FETCHED_PTR, &n, 0);
    for (SQLUSMALLINT c = 0; c < n_columns; c++)
        SQLBindCol(statement, (SQLUSMALLINT)(c + 1), SQL_C_CHAR, data + (size_t)c * BLOCK * WIDTH,
                   WIDTH, lengths + (size_t)c * BLOCK);
    while (SQL_SUCCEEDED(code = SQLFetch(statement))) {
        rows += n;
        for (size_t i = 0; i < n; i++) {
            for (size_t c = 0; c < (size_t)n_columns; c++) {
                if (lengths[c * BLOCK + i] >= 0)
                    sum += (uint64_t)lengths[c * BLOCK + i] +
                           (unsigned char)data[(c * BLOCK + i) * WIDTH];
            }
        }
    }
    free(data);
    free(lengths);
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
