/*
 * bench_raw_sqlite FILE TABLE: the hand-written sqlite3 loop that the row SDK is compared with.
 */
#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    uint64_t rows = 0, sum = 0;
    char select[256];
    if (argc != 3)
        return 2;
    snprintf(select, sizeof(select),
             "SELECT id, customer_id, status, total, created_at, note FROM %s", argv[2]);
    if (sqlite3_open_v2(argv[1], &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) !=
            SQLITE_OK ||
        sqlite3_prepare_v2(db, select, -1, &statement, NULL) != SQLITE_OK) {
        fprintf(stderr, "%s\n", sqlite3_errmsg(db));
        return 1;
    }
    int n = sqlite3_column_count(statement);
    while (sqlite3_step(statement) == SQLITE_ROW) {
        rows++;
        for (int c = 0; c < n; c++) {
            switch (sqlite3_column_type(statement, c)) {
            case SQLITE_INTEGER:
                sum += (uint64_t)sqlite3_column_int64(statement, c);
                break;
            case SQLITE_FLOAT:
                sum += (uint64_t)sqlite3_column_double(statement, c);
                break;
            case SQLITE_TEXT: {
                const unsigned char *text = sqlite3_column_text(statement, c);
                sum += (uint64_t)sqlite3_column_bytes(statement, c) + text[0];
                break;
            }
            default:
                break;
            }
        }
    }
    sqlite3_finalize(statement);
    sqlite3_close(db);
    printf("%llu rows %llu\n", (unsigned long long)rows, (unsigned long long)sum);
    return 0;
}
