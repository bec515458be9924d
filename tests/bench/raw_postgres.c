/*
 * bench_raw_postgres URL TABLE [single]: the hand-written libpq loop that the row SDK is compared
 * with. Binary results; a cursor read with FETCH 1000, or libpq's single-row mode.
 */
#include <arpa/inet.h>
#include <libpq-fe.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static uint64_t touch(const PGresult *result)
{
    uint64_t sum = 0;
    int n_rows = PQntuples(result), n_columns = PQnfields(result);
    for (int r = 0; r < n_rows; r++) {
        for (int c = 0; c < n_columns; c++) {
            if (PQgetisnull(result, r, c))
                continue;
            const char *value = PQgetvalue(result, r, c);
            if (PQgetlength(result, r, c) == 8) {
                uint32_t half[2];
                memcpy(half, value, 8);
                sum += ((uint64_t)ntohl(half[0]) << 32) | ntohl(half[1]);
            } else {
                sum += (uint64_t)PQgetlength(result, r, c) + (uint64_t)(unsigned char)value[0];
            }
        }
    }
    return sum;
}

static int fail(PGconn *conn)
{
    fprintf(stderr, "%s", PQerrorMessage(conn));
    return 1;
}

static int scan_cursor(PGconn *conn, const char *select, uint64_t *rows, uint64_t *sum)
{
    char text[512];
    snprintf(text, sizeof(text),
             "BEGIN; SET cursor_tuple_fraction = 1; DECLARE c NO SCROLL CURSOR FOR %s", select);
    PQclear(PQexec(conn, text));
    for (;;) {
        PGresult *result =
            PQexecParams(conn, "FETCH FORWARD 1000 FROM c", 0, NULL, NULL, NULL, NULL, 1);
        if (PQresultStatus(result) != PGRES_TUPLES_OK)
            return fail(conn);
        int n = PQntuples(result);
        *rows += (uint64_t)n;
        *sum += touch(result);
        PQclear(result);
        if (n == 0)
            break;
    }
    PQclear(PQexec(conn, "COMMIT"));
    return 0;
}

static int scan_single(PGconn *conn, const char *select, uint64_t *rows, uint64_t *sum)
{
    PGresult *result;
    if (!PQsendQueryParams(conn, select, 0, NULL, NULL, NULL, NULL, 1) || !PQsetSingleRowMode(conn))
        return fail(conn);
    while ((result = PQgetResult(conn))) {
        *rows += (uint64_t)PQntuples(result);
        *sum += touch(result);
        PQclear(result);
    }
    return 0;
}

int main(int argc, char **argv)
{
    uint64_t rows = 0, sum = 0;
    char select[256];
    if (argc < 3)
        return 2;
    PGconn *conn = PQconnectdb(argv[1]);
    if (PQstatus(conn) != CONNECTION_OK)
        return fail(conn);
    snprintf(select, sizeof(select),
             "SELECT id, customer_id, status, total::text, created_at, note FROM %s", argv[2]);
    int rc =
        argc > 3 ? scan_single(conn, select, &rows, &sum) : scan_cursor(conn, select, &rows, &sum);
    PQfinish(conn);
    printf("%llu rows %llu\n", (unsigned long long)rows, (unsigned long long)sum);
    return rc;
}
