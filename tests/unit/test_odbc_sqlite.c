/* The ODBC connector with the SQLite driver. */
#include "unit/odbc/suite.h"

#include <stdio.h>
#include <unistd.h>

static const struct type_case types[] = {
    {"i", "INTEGER", "9223372036854775807", "-9223372036854775808", RH_TYPE_INT, V(INT, INT64_MAX),
     V(INT, INT64_MIN)},
    {"mixed", "INTEGER", "'no number'", "7", RH_TYPE_INT, T("no number"), V(INT, 7)},
    {"b", "BOOLEAN", "1", "0", RH_TYPE_BOOL, V(BOOL, 1), V(BOOL, 0)},
    {"f", "REAL", "0.1 + 0.2", "-1024.0625", RH_TYPE_FLOAT, F(0.1 + 0.2), F(-1024.0625)},
    {"t", "TEXT", "'ü' || char(128512) || ' it''s'", "''", RH_TYPE_TEXT, T("ü😀 it's"), T("")},
    {"v", "VARCHAR(10)", "'longer than it says'", "'x '", RH_TYPE_TEXT, T("longer than it says"),
     T("x ")},
    {"by", "BLOB", "x'00ff10'", "x''", RH_TYPE_BYTES, D(BYTES, "\x00\xff\x10"), D(BYTES, "")},
    {"d", "DATE", "'2024-02-29'", "'0001-01-01'", RH_TYPE_DATE, V(DATE, 19782), V(DATE, -719162)},
    {"dt", "DATETIME", "'2024-02-29 13:05:00.123456'", "'1969-12-31 23:59:59'", RH_TYPE_DATETIME,
     V(DATETIME, INT64_C(1709211900123456)), V(DATETIME, -1000000)},
};

static const struct target sqlite = {
    .name = "SQLite for the test",
    .library = "libsqlite3odbc.so",
    .dialect = "sqlite",
    .slow = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) "
            "SELECT count(*) FROM c WHERE x < 0",
    .text_type = "TEXT",
    .double_type = "REAL",
    .identity = "INTEGER PRIMARY KEY",
    .types = types,
    .n_types = N_OF(types),
    .has_returning = true,
    .tx_ddl = true,
    .text_is_exact = true,
    .dynamic = true,
};

int main(void)
{
    static char path[] = "/tmp/rowhouse-odbc-sqlite.XXXXXX";
    int fd = mkstemp(path), status = 0;

    target = &sqlite;
    if (fd < 0 || !prepare())
        return 77;
    (void)close(fd);
    (void)snprintf(base_string, sizeof base_string, "Database=%s", path);
    status = run_suite(NULL, 0);
    (void)unlink(path);
    return status;
}
