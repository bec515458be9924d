/*
 * bench_raw_mysql URL TABLE: the hand-written libmariadb loop that the row SDK is compared with. A
 * prepared statement in the binary protocol, rows fetched one by one into bound buffers, times made
 * microseconds.
 * URL: mysql://user@host:port/database
 */
#include <mysql.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N_COLUMNS 6

struct row {
    int64_t id, customer_id;
    char status[64], total[64], note[1024];
    MYSQL_TIME created_at;
    unsigned long lengths[N_COLUMNS];
    my_bool nulls[N_COLUMNS];
};

static int fail(MYSQL *my, MYSQL_STMT *stmt)
{
    fprintf(stderr, "%s\n", stmt ? mysql_stmt_error(stmt) : mysql_error(my));
    return 1;
}

static int open_url(MYSQL *my, const char *url)
{
    char user[64], host[128], database[64];
    unsigned port = 0;
    const char *at = strstr(url, "://"), *sign = at ? strchr(at, '@') : NULL;
    const char *colon = sign ? strchr(sign, ':') : NULL, *slash = colon ? strchr(colon, '/') : NULL;

    if (!slash)
        return 2;
    snprintf(user, sizeof(user), "%.*s", (int)(sign - at - 3), at + 3);
    snprintf(host, sizeof(host), "%.*s", (int)(colon - sign - 1), sign + 1);
    snprintf(database, sizeof(database), "%.*s", (int)strcspn(slash + 1, "?"), slash + 1);
    port = (unsigned)strtoul(colon + 1, NULL, 10);
    mysql_options(my, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    return mysql_real_connect(my, host, user, "", database, port, NULL, 0) ? 0 : fail(my, NULL);
}

static void bind_row(MYSQL_BIND *binds, struct row *row)
{
    memset(binds, 0, N_COLUMNS * sizeof(*binds));
    binds[0] = (MYSQL_BIND){.buffer_type = MYSQL_TYPE_LONGLONG, .buffer = &row->id};
    binds[1] = (MYSQL_BIND){.buffer_type = MYSQL_TYPE_LONGLONG, .buffer = &row->customer_id};
    binds[2] = (MYSQL_BIND){.buffer_type = MYSQL_TYPE_STRING,
                            .buffer = row->status,
                            .buffer_length = sizeof(row->status)};
    binds[3] = (MYSQL_BIND){.buffer_type = MYSQL_TYPE_STRING,
                            .buffer = row->total,
                            .buffer_length = sizeof(row->total)};
    binds[4] = (MYSQL_BIND){.buffer_type = MYSQL_TYPE_DATETIME, .buffer = &row->created_at};
    binds[5] = (MYSQL_BIND){
        .buffer_type = MYSQL_TYPE_STRING, .buffer = row->note, .buffer_length = sizeof(row->note)};
    for (int i = 0; i < N_COLUMNS; i++) {
        binds[i].length = &row->lengths[i];
        binds[i].is_null = &row->nulls[i];
    }
}

static int64_t microseconds(const MYSQL_TIME *at)
{
    int64_t y = at->month > 2 ? at->year : at->year - 1;
    int64_t m = at->month > 2 ? at->month - 3 : at->month + 9;
    int64_t days = y * 365 + y / 4 - y / 100 + y / 400 + (m * 153 + 2) / 5 + at->day - 719469;

    return ((days * 24 + at->hour) * 60 + at->minute) * 60000000 + at->second * INT64_C(1000000) +
           (int64_t)at->second_part;
}

static uint64_t touch(const struct row *row)
{
    return (uint64_t)row->id + (uint64_t)row->customer_id + row->lengths[2] + row->lengths[3] +
           (uint64_t)microseconds(&row->created_at) + row->lengths[5] +
           (uint64_t)(unsigned char)row->status[0];
}

int main(int argc, char **argv)
{
    static struct row row;
    MYSQL_BIND binds[N_COLUMNS];
    uint64_t rows = 0, sum = 0;
    char select[256];
    int rc;
    if (argc != 3)
        return 2;
    MYSQL *my = mysql_init(NULL);
    if (!my || open_url(my, argv[1]))
        return 1;
    MYSQL_STMT *stmt = mysql_stmt_init(my);
    snprintf(select, sizeof(select),
             "SELECT id, customer_id, status, total, created_at, note FROM %s", argv[2]);
    bind_row(binds, &row);
    if (!stmt || mysql_stmt_prepare(stmt, select, strlen(select)) || mysql_stmt_execute(stmt) ||
        mysql_stmt_bind_result(stmt, binds))
        return fail(my, stmt);
    while ((rc = mysql_stmt_fetch(stmt)) == 0) {
        rows++;
        sum += touch(&row);
    }
    if (rc != MYSQL_NO_DATA)
        return fail(my, stmt);
    mysql_stmt_close(stmt);
    mysql_close(my);
    printf("%llu rows %llu\n", (unsigned long long)rows, (unsigned long long)sum);
    return 0;
}
