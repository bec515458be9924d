/*
 * bench_raw_odbc CONNECTION_STRING TABLE: the hand-written loop that the odbc connector is compared
 * with: SQLFetch in blocks into bound buffers of the columns' own types, on the connector's terms. What
 * it leaves out is the value that is longer than its buffer.
 *
 *   rows      streamed: SQLite's driver does that outside transactions only, PostgreSQL's within
 *   integers  as such
 *   decimals  their digits
 *   doubles   exact: of SQLite's, the driver would print 15 digits
 *   times     microseconds: PostgreSQL's driver would take its own text apart and print another
 *   texts     UTF-8
 */
#include <sql.h>
#include <sqlext.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK 1000
#define BLOCK_BYTES (256u * 1024)
#define MAX_COLUMNS 64
#define TEXT_BYTES 1024
#define ASCII_BYTES 64

/* What the columns are selected as; NULL: as they are. */
struct terms {
    bool in_transaction;
    const char *total, *created_at;
};

enum form { FORM_INTEGER, FORM_DOUBLE, FORM_DOUBLE_TEXT, FORM_TIME_TEXT, FORM_TEXT };

struct column {
    enum form form;
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

static struct terms terms_of(const char *connection_string)
{
    if (strstr(connection_string, "UseDeclareFetch=1"))
        return (struct terms){.in_transaction = true, .created_at = "created_at::text"};
    if (strstr(connection_string, "StepAPI=1"))
        return (struct terms){.total = "printf('%!.20g', total)"};
    return (struct terms){.total = NULL};
}

static int describe(SQLHSTMT statement, const struct terms *terms, SQLUSMALLINT number,
                    struct column *column)
{
    SQLSMALLINT type = 0, digits = 0, nullable = 0, n_name = 0;
    SQLULEN size = 0;
    SQLCHAR name[128];

    if (!SQL_SUCCEEDED(SQLDescribeCol(statement, number, name, sizeof name, &n_name, &type, &size,
                                      &digits, &nullable)))
        return fail(SQL_HANDLE_STMT, statement);
    *column = (struct column){.form = FORM_TEXT, .c_type = SQL_C_CHAR, .width = ASCII_BYTES};
    switch (type) {
    case SQL_TINYINT:
    case SQL_SMALLINT:
    case SQL_INTEGER:
    case SQL_BIGINT:
        *column = (struct column){.form = FORM_INTEGER, .c_type = SQL_C_SBIGINT, .width = 8};
        break;
    case SQL_REAL:
    case SQL_FLOAT:
    case SQL_DOUBLE:
        *column = (struct column){.form = FORM_DOUBLE, .c_type = SQL_C_DOUBLE, .width = 8};
        break;
    case SQL_TYPE_TIMESTAMP:
        column->form = FORM_TIME_TEXT;
        break;
    case SQL_CHAR:
    case SQL_VARCHAR:
    case SQL_LONGVARCHAR:
    case SQL_WCHAR:
    case SQL_WVARCHAR:
    case SQL_WLONGVARCHAR:
        column->width = size && (size + 1) * 4 < TEXT_BYTES ? (size + 1) * 4 : TEXT_BYTES;
        if (number == 4 && terms->total) {
            column->form = FORM_DOUBLE_TEXT;
            column->width = ASCII_BYTES;
        } else if (number == 5 && terms->created_at) {
            column->form = FORM_TIME_TEXT;
            column->width = ASCII_BYTES;
        }
    }
    return 0;
}

static int bind(SQLHSTMT statement, const struct terms *terms, struct column *columns,
                SQLUSMALLINT n, size_t *ret_block)
{
    size_t row_bytes = 0, block;

    for (SQLUSMALLINT c = 0; c < n; c++) {
        if (describe(statement, terms, (SQLUSMALLINT)(c + 1), &columns[c]))
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

static int64_t digits(const char *at, int n)
{
    int64_t number = 0;

    for (int i = 0; i < n; i++)
        number = number * 10 + (at[i] - '0');
    return number;
}

static int64_t microseconds(const char *at, SQLLEN len)
{
    int64_t year = digits(at, 4), month = digits(at + 5, 2), fraction = 0;
    int64_t y = month > 2 ? year : year - 1, m = month > 2 ? month - 3 : month + 9;
    int64_t days = y * 365 + y / 4 - y / 100 + y / 400 + (m * 153 + 2) / 5 + digits(at + 8, 2);
    SQLLEN i = 20;

    for (; len > i && i < 26 && at[i] >= '0' && at[i] <= '9'; i++)
        fraction = fraction * 10 + (at[i] - '0');
    for (; i < 26; i++)
        fraction *= 10;
    return (((days - 719469) * 24 + digits(at + 11, 2)) * 60 + digits(at + 14, 2)) * 60000000 +
           digits(at + 17, 2) * 1000000 + fraction;
}

static uint64_t touch(const struct column *columns, SQLUSMALLINT n, size_t row)
{
    uint64_t sum = 0;

    for (SQLUSMALLINT c = 0; c < n; c++) {
        const struct column *column = &columns[c];
        const char *at = column->data + row * column->width;
        uint64_t number = 0;
        double real;

        if (column->lengths[row] == SQL_NULL_DATA)
            continue;
        switch (column->form) {
        case FORM_INTEGER:
        case FORM_DOUBLE:
            memcpy(&number, at, 8);
            break;
        case FORM_DOUBLE_TEXT:
            real = strtod(at, NULL);
            memcpy(&number, &real, 8);
            break;
        case FORM_TIME_TEXT:
            number = (uint64_t)microseconds(at, column->lengths[row]);
            break;
        case FORM_TEXT:
            number = (uint64_t)column->lengths[row] + (unsigned char)at[0];
        }
        sum += number;
    }
    return sum;
}

static int scan(SQLHSTMT statement, const struct terms *terms, const char *table)
{
    struct column columns[MAX_COLUMNS] = {{.width = 0}};
    char text[256];
    SQLSMALLINT n_columns = 0;
    SQLULEN n = 0;
    uint64_t rows = 0, sum = 0;
    size_t block;
    SQLRETURN code;

    snprintf(text, sizeof text, "SELECT id, customer_id, status, %s, %s, note FROM %s",
             terms->total ? terms->total : "total",
             terms->created_at ? terms->created_at : "created_at", table);
    SQLSetStmtAttr(statement, SQL_ATTR_ROWS_FETCHED_PTR, &n, 0);
    if (!SQL_SUCCEEDED(SQLExecDirect(statement, (SQLCHAR *)text, SQL_NTS)) ||
        !SQL_SUCCEEDED(SQLNumResultCols(statement, &n_columns)) || n_columns > MAX_COLUMNS ||
        bind(statement, terms, columns, (SQLUSMALLINT)n_columns, &block))
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
    struct terms terms;
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
    terms = terms_of(argv[1]);
    if (terms.in_transaction)
        SQLSetConnectAttr(dbc, SQL_ATTR_AUTOCOMMIT, (SQLPOINTER)SQL_AUTOCOMMIT_OFF,
                          SQL_IS_UINTEGER);
    if (SQL_SUCCEEDED(SQLAllocHandle(SQL_HANDLE_STMT, dbc, &statement)))
        status = scan(statement, &terms, argv[2]);
    if (statement)
        SQLFreeHandle(SQL_HANDLE_STMT, statement);
    SQLEndTran(SQL_HANDLE_DBC, dbc, SQL_ROLLBACK);
    SQLDisconnect(dbc);
    SQLFreeHandle(SQL_HANDLE_DBC, dbc);
    SQLFreeHandle(SQL_HANDLE_ENV, env);
    return status;
}
