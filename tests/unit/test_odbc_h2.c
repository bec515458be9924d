/*
 * The dialects of SQL Server, Oracle and Db2 on H2 in its modes of that name, through PostgreSQL's
 * driver: ROWHOUSE_TEST_H2 holds the URL of the server (tests/lib/h2.sh run …); without it
 * everything is skipped. H2 is not those databases: this proves that the texts are SQL that
 * somebody else takes, with the meaning that they have here; not what collations do, nor OUTPUT,
 * nor savepoints.
 *
 * The driver begins each session with settings that H2 does not know. A relay between the two says
 * something else in their place, and sets the mode where the test asks for it: the mode is the
 * database's and goes back with each new session.
 */
#include "unit/odbc/suite.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- the relay ---- */

#define MARK "SELECT 'here the mode is set'"
#define NULLS_MARK "SELECT 'and here how nulls sort'"

struct relay {
    int listener, upstream_port;
    const char *mode; /* of sessions from now on */
};

struct pair {
    int client, server;
    const char *mode;
};

/* Replaces a text by another of the same length. */
static void replace(char *data, size_t n, const char *old, const char *new)
{
    char *found = memmem(data, n, old, strlen(old));
    char padded[64];

    if (!found)
        return;
    (void)snprintf(padded, sizeof padded, "%-*s", (int)strlen(old), new);
    memcpy(found, padded, strlen(old));
}

static bool forward(int from, int to, const char *mode)
{
    char data[65536];
    ssize_t n = recv(from, data, sizeof data, 0);
    const int on = 1;

    if (n <= 0)
        return false;
    /* H2 waits for it before it sends the rest of an answer. */
    (void)setsockopt(from, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
    if (mode) {
        replace(data, (size_t)n, "SET extra_float_digits = 2", "SET DateStyle = 'ISO'");
        replace(data, (size_t)n, MARK, mode);
        replace(data, (size_t)n, NULLS_MARK, "SET DEFAULT_NULL_ORDERING LOW");
        replace(data, (size_t)n, "WITH (HOLDLOCK)", "");
        replace(data, (size_t)n, "COUNT_BIG", "COUNT");
        replace(data, (size_t)n, "show transaction_isolation", "SELECT 'read committed'");
    }
    return send(to, data, (size_t)n, MSG_NOSIGNAL) == n;
}

static void *pump(void *context)
{
    struct pair pair = *(struct pair *)context;
    struct pollfd fds[2] = {{.fd = pair.client, .events = POLLIN},
                            {.fd = pair.server, .events = POLLIN}};
    bool open = true;

    free(context);
    while (open && poll(fds, 2, -1) > 0) {
        if (fds[0].revents)
            open = forward(pair.client, pair.server, pair.mode);
        if (open && fds[1].revents)
            open = forward(pair.server, pair.client, NULL);
    }
    (void)close(pair.client);
    (void)close(pair.server);
    return NULL;
}

/* Small messages at once: with their delay every statement would take 40 ms. */
static void hurry(int fd)
{
    const int on = 1;

    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

static void *relay(void *context)
{
    const struct relay *relay = context;

    for (;;) {
        struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_port = htons((uint16_t)relay->upstream_port),
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        struct pair *pair = malloc(sizeof *pair);
        pthread_t thread;
        *pair = (struct pair){.client = accept(relay->listener, NULL, NULL),
                              .server = socket(AF_INET, SOCK_STREAM, 0),
                              .mode = relay->mode};
        hurry(pair->client);
        hurry(pair->server);
        if (pair->client < 0 ||
            connect(pair->server, (struct sockaddr *)&address, sizeof address) != 0 ||
            pthread_create(&thread, NULL, pump, pair) != 0)
            return NULL;
        (void)pthread_detach(thread);
    }
}

/* ---- tests ---- */

static struct relay h2;

/* Each test has a process of its own, and the relay's thread is not in it: it is started there. */
static void start_relay(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof address;
    pthread_t thread;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    h2.listener = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(h2.listener, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(listen(h2.listener, 8), 0);
    ck_assert_int_eq(getsockname(h2.listener, (struct sockaddr *)&address, &len), 0);
    (void)snprintf(base_string, sizeof base_string,
                   "SERVER=127.0.0.1;PORT=%d;DATABASE=mem:rowhouse_%s;UID=sa;PWD=sa;"
                   "UseDeclareFetch=0;BatchSize=1",
                   ntohs(address.sin_port), target->dialect);
    ck_assert_int_eq(pthread_create(&thread, NULL, relay, &h2), 0);
}

/* The driver's questions for the catalogue are PostgreSQL's. */
static const struct rh_table *described(const char *name)
{
    static const struct rh_column rows[] = {
        {.name = RH_TEXT_INIT("id"), .type = RH_TYPE_INT, .flags = RH_COLUMN_NOT_NULL},
        {.name = RH_TEXT_INIT("t"), .type = RH_TYPE_TEXT, .max_length = 200},
        {.name = RH_TEXT_INIT("n"), .type = RH_TYPE_INT},
        {.name = RH_TEXT_INIT("f"), .type = RH_TYPE_FLOAT},
    };
    static const struct rh_column writable[] = {
        {.name = RH_TEXT_INIT("id"),
         .type = RH_TYPE_INT,
         .flags = RH_COLUMN_NOT_NULL | RH_COLUMN_IDENTITY | RH_COLUMN_DEFAULT},
        {.name = RH_TEXT_INIT("name"),
         .type = RH_TYPE_TEXT,
         .max_length = 40,
         .flags = RH_COLUMN_NOT_NULL},
        {.name = RH_TEXT_INIT("n"), .type = RH_TYPE_INT, .flags = RH_COLUMN_DEFAULT},
    };
    static const uint32_t key[] = {0};
    static struct rh_table table;
    bool is_rows = strcmp(name, "odbc_rows") == 0;

    table = (struct rh_table){.struct_size = sizeof table,
                              .name = rh_text_of(name),
                              .columns = is_rows ? rows : writable,
                              .n_columns = is_rows ? 4 : 3,
                              .column_stride = sizeof *rows,
                              .key = key,
                              .n_key = 1};
    return &table;
}

static void set_mode(void)
{
    bool db2 = strcmp(target->dialect, "db2") == 0;

    ok(try_sql(conn, MARK));
    if (strcmp(target->dialect, "sqlserver") == 0)
        ok(try_sql(conn, NULLS_MARK)); /* PostgreSQL's driver has set it to PostgreSQL's way */
    if (db2) {
        sql("CREATE SCHEMA IF NOT EXISTS sysibm");
        sql("CREATE TABLE IF NOT EXISTS sysibm.sysdummy1 AS SELECT 'Y' AS ibmreqd");
    }
}

START_TEST(makes_tables)
{
    const struct rh_column columns[] = {
        {.name = RH_TEXT_INIT("id"), .type = RH_TYPE_INT, .flags = RH_COLUMN_NOT_NULL},
        {.name = RH_TEXT_INIT("price"),
         .type = RH_TYPE_DECIMAL,
         .precision = 10,
         .scale = 2,
         .default_text = RH_TEXT_INIT("1.50"),
         .flags = RH_COLUMN_NOT_NULL},
        {.name = RH_TEXT_INIT("at"), .type = RH_TYPE_DATETIME},
    };
    const struct rh_column more = {
        .name = RH_TEXT_INIT("more"), .type = RH_TYPE_TEXT, .max_length = 20};
    const uint32_t key[] = {0}, on[] = {1};
    const struct rh_index index = {
        .name = RH_TEXT_INIT("odbc_made_price"), .columns = on, .n_columns = 1};
    const struct rh_table made = {.struct_size = sizeof made,
                                  .name = RH_TEXT_INIT("odbc made"),
                                  .columns = columns,
                                  .n_columns = 3,
                                  .column_stride = sizeof *columns,
                                  .key = key,
                                  .n_key = 1,
                                  .indexes = &index,
                                  .n_indexes = 1,
                                  .index_stride = sizeof index};
    const struct rh_ddl_change changes[] = {
        {.kind = RH_DDL_CREATE_TABLE, .table = &made},
        {.kind = RH_DDL_ADD_COLUMN, .table = &made, .column = &more},
        {.kind = RH_DDL_DROP_COLUMN, .table = &made, .column = &more},
        {.kind = RH_DDL_DROP_TABLE, .table = &made},
    };
    struct rh_text native = {NULL, 0};

    ok(connector->ddl->apply(conn, op, changes, 4, sizeof *changes, 0, &native, &error));
}
END_TEST

static const struct target targets[] = {
    {.name = "H2 for the test",
     .library = "psqlodbcw.so",
     .dialect = "sqlserver",
     .returns_nothing = true, /* H2 has no OUTPUT */
     .text_type = "NVARCHAR(200)",
     .double_type = "FLOAT(53)",
     .identity = "BIGINT IDENTITY PRIMARY KEY"},
    {.name = "H2 for the test",
     .library = "psqlodbcw.so",
     .dialect = "oracle",
     .empty_is_null = true,
     .text_type = "VARCHAR2(200)",
     .double_type = "DOUBLE PRECISION",
     .identity = "BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY"},
    {.name = "H2 for the test",
     .library = "psqlodbcw.so",
     .dialect = "db2",
     .text_type = "VARCHAR(200)",
     .double_type = "DOUBLE PRECISION",
     .identity = "BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY"},
};
static const char *const modes[] = {"SET MODE MSSQLServer", "SET MODE Oracle", "SET MODE DB2"};

int main(void)
{
    static const TTest *const *const tests[] = {
        &compares_numbers,
        &takes_lists_and_null_tests,
        &pages_by_position,
        &skips_and_limits,
        &counts_and_groups,
        &updates_and_deletes_by_key,
        &changes_by_condition,
        &upserts,
        &compares_texts_by_code_point,
        &makes_tables,
    };
    char host[128], port[16];
    int failed = 0;

    for (unsigned i = 0; i < N_OF(targets); i++) {
        target = &targets[i];
        forced_dialect = target->dialect;
        if (!split_url(getenv("ROWHOUSE_TEST_H2"), host, port) || !prepare()) {
            (void)puts("skipped: no ROWHOUSE_TEST_H2, or no driver");
            return 77;
        }
        h2 = (struct relay){.upstream_port = atoi(port), .mode = modes[i]};
        before_setup = start_relay;
        after_setup = set_mode;
        known_table = described;
        (void)puts(target->dialect);
        failed += run_tests(tests, N_OF(tests), NULL, 0);
    }
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
