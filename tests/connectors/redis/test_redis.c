/*
 * plugins/redis against the server at ROWHOUSE_TEST_REDIS: pages, repetitions of SCAN, commands,
 * streams followed, TLS, settings. What reading must do is the conformance suite's.
 */
#include "redis_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Reading --------------------------------------------------------------------------------- */

START_TEST(turns_pages)
{
    start(TABLES);
    command("EVAL \"for i=1,1700 do redis.call('ZADD','z:a',i<1200 and 5 or i,'m'..i) end\" 0");
    command("EVAL \"for i=1,1200 do redis.call('ZADD','z:b',5,'m'..i) end\" 0");
    command("EVAL \"for i=1,4000 do redis.call('SADD','t:a','member'..i) end\" 0");
    command("EVAL \"for i=1,4000 do redis.call('SADD','t:b','other'..i) end\" 0");
    command("EVAL \"for i=1,1500 do redis.call('XADD','log','7-'..i,'what',i) end\" 0");
    ck_assert_uint_eq(count_of("z"), 2900);
    ck_assert_uint_eq(count_of("t"), 8000);
    ck_assert_uint_eq(count_of("log"), 1500);
    unload();
}
END_TEST

/* The server's table shrinks while it is walked through: then keys come again. */
START_TEST(tells_each_key_once)
{
    const struct rh_table *table;
    struct rh_batch batch = {.struct_size = sizeof(batch)};
    struct rh_conn *reader;
    struct rh_cursor *cursor;
    static const uint32_t select[] = {0};
    struct rh_query query;
    char *seen = calloc(1, 200000);
    int rc;

    start(TABLES);
    command("EVAL \"for i=0,99999 do redis.call('SET','s:'..i,i) end\" 0");
    table = table_of("s");
    query = query_of(table);
    query.select = select;
    query.n_select = 1;
    reader = conn;
    GOOD(connect_to(server, TABLES));
    GOOD(library->connector.open(reader, op(), &query, &cursor, &error));
    for (int n = 0; (rc = library->connector.next(cursor, op(), 500, &batch, &error)) == RH_OK;
         n++) {
        for (uint64_t i = 0; i < batch.n_rows; i++) {
            int64_t key;
            ck_assert(rh_text_to_i64(rh_kit_value_text(&batch.cells[i]), &key));
            ck_assert_msg(!seen[key], "the key %lld comes twice", (long long)key);
            seen[key] = 1;
        }
        if (n % 20 == 10)
            command("EVAL \"local n=0 for i=%d,99999,4 do redis.call('DEL','s:'..i) end\" 0",
                    n / 20 % 3 + 1);
    }
    ck_assert_int_eq(rc, RH_END);
    for (int i = 0; i < 100000; i += 4)
        ck_assert_msg(seen[i], "the key %d never went away, and did not come", i);
    library->connector.finish(cursor);
    library->connector.close(reader);
    free(seen);
    unload();
}
END_TEST

START_TEST(coerces_nothing)
{
    start(TABLES);
    command("HSET h:a n 007 s \"\\xff\\x00\" d 1e3");
    command("HSET h:b n text d \"\"");
    command("HSET \"h:\\xfe\" n 1");
    ck_assert_str_eq(rows_of("h", "code n s d"), "<1 bytes>:1:-:- a:007:<2 bytes>:1000 b:text:-:");
    command("SADD h:set x");
    ck_assert_str_eq(rows_of("h", "code"), "<1 bytes> a b");
    unload();
}
END_TEST

START_TEST(finds_tables)
{
    const struct rh_table *table;

    start(NULL);
    command("HSET product:1 name Hammer price 10.50 stock 3 active true");
    command("HSET product:2 name Nail price 7 stock 0 active false code 007");
    command("SET cache:x text");
    command("SET doc:1 '{\"a\": 1}'");
    command("SADD tag:x a");
    command("ZADD rank:x 1 a");
    command("XADD log:x 1-1 what now");
    command("SET lonely x");
    table = table_of("hash.product");
    ck_assert_ptr_nonnull(table);
    ck_assert_ptr_nonnull(strstr(table->comment.data, "found"));
    ck_assert_uint_eq(table->columns[column_of(table, RH_TEXT("price"))].type, RH_TYPE_DECIMAL);
    ck_assert_uint_eq(table->columns[column_of(table, RH_TEXT("stock"))].type, RH_TYPE_INT);
    ck_assert_uint_eq(table->columns[column_of(table, RH_TEXT("active"))].type, RH_TYPE_BOOL);
    ck_assert_uint_eq(table->columns[column_of(table, RH_TEXT("code"))].type, RH_TYPE_TEXT);
    ck_assert_uint_ne(table->columns[column_of(table, RH_TEXT("name"))].flags & RH_COLUMN_INFERRED,
                      0);
    ck_assert_str_eq(rows_of("hash.product", "key name price stock active code"),
                     "1:Hammer:10.50:3:yes:- 2:Nail:7:0:no:007");
    ck_assert_str_eq(rows_of("string.cache", "key value"), "x:text");
    ck_assert_str_eq(rows_of("json.doc", "key a"), "1:1");
    ck_assert_str_eq(rows_of("set.tag", "key member"), "x:a");
    ck_assert_str_eq(rows_of("zset.rank", "key member score"), "x:a:1");
    ck_assert_str_eq(rows_of("stream.log", "key id what"), "x:1-1:now");
    ck_assert_ptr_null(table_of("string.lonely"));
    GOOD(put(INSERT, "hash.product", "key name", 0, "3|Saw"));
    ck_assert_str_eq(command("HGET product:3 name"), "Saw");
    unload();
}
END_TEST

START_TEST(goes_on_after_an_early_end)
{
    const struct rh_table *table;
    struct rh_batch batch = {.struct_size = sizeof(batch)};
    struct rh_cursor *cursor;
    static const uint32_t select[] = {0, 1};
    struct rh_query query;

    start(TABLES);
    command("EVAL \"for i=1,3000 do redis.call('SET','s:'..i,i) end\" 0");
    table = table_of("s");
    query = query_of(table);
    query.select = select;
    query.n_select = 2;
    for (int i = 0; i < 5; i++) {
        GOOD(library->connector.open(conn, op(), &query, &cursor, &error));
        GOOD(library->connector.next(cursor, op(), 3, &batch, &error));
        library->connector.finish(cursor);
        GOOD(library->connector.ping(conn, op(), &error));
        ck_assert_str_eq(command("GET s:77"), "77");
    }
    query.limit = 5;
    GOOD(library->connector.open(conn, op(), &query, &cursor, &error));
    GOOD(library->connector.next(cursor, op(), 100, &batch, &error));
    ck_assert_uint_eq(batch.n_rows, 5);
    ck_assert_int_eq(library->connector.next(cursor, op(), 100, &batch, &error), RH_END);
    library->connector.finish(cursor);
    unload();
}
END_TEST

/* ---- Commands -------------------------------------------------------------------------------- */

START_TEST(runs_commands)
{
    const char *shown;

    start(TABLES);
    command("SET \"a b\\x21\" 'it\\'s'");
    ck_assert_str_eq(command("  GET\t'a b!' "), "it's");
    command("RPUSH l 1 2 3");
    ck_assert_str_eq(command("LRANGE l 0 -1"), "1 2 3");
    command("XADD st 1-1 f v");
    ck_assert_str_eq(command("XRANGE st - +"), "[\"1-1\",[\"f\",\"v\"]]");
    ck_assert_int_eq(try_command("GET 'a", op(), NULL), RH_INVALID);
    ck_assert_int_eq(try_command("", op(), NULL), RH_INVALID);
    ck_assert_int_eq(try_command("GET $1", op(), NULL), RH_INVALID);
    ck_assert_int_eq(try_command("nonsense", op(), NULL), RH_INVALID);
    ck_assert_int_eq(try_command("GET l", op(), NULL), RH_DATA);
    ck_assert_int_eq(try_command("subscribe x", op(), NULL), RH_UNSUPPORTED);
    ck_assert_int_eq(try_command("MULTI", op(), NULL), RH_UNSUPPORTED);
    GOOD(try_command("LLEN l", op_for(5000, RH_OP_READ_ONLY), &shown));
    ck_assert_str_eq(shown, "3");
    ck_assert_int_eq(try_command("RPUSH l 4", op_for(5000, RH_OP_READ_ONLY), NULL), RH_PERMISSION);
    ck_assert_int_eq(
        try_command("EVAL \"redis.call('DEL','l')\" 0", op_for(5000, RH_OP_READ_ONLY), NULL),
        RH_PERMISSION);
    ck_assert_int_eq(try_command("CONFIG SET maxmemory 1", op_for(5000, RH_OP_READ_ONLY), NULL),
                     RH_PERMISSION);
    ck_assert_str_eq(command("LLEN l"), "3");
    unload();
}
END_TEST

/* ---- Changes --------------------------------------------------------------------------------- */

static int open_feed(const char *name, const char *since, struct rh_cursor **ret_cursor)
{
    const struct rh_table *table = table_of(name);
    struct rh_feed_spec spec = {.struct_size = sizeof(spec),
                                .schema = table->schema,
                                .table = table->name,
                                .since = rh_text_of(since),
                                .columns = table->columns,
                                .n_columns = table->n_columns,
                                .column_stride = table->column_stride};

    return library->feed.open(conn, op(), &spec, ret_cursor, &error);
}

static int next_changes(struct rh_cursor *cursor, uint64_t ms, const char **ret_shown,
                        const char **ret_token)
{
    struct rh_feed_batch batch = {.struct_size = sizeof(batch)};
    struct lines lines = {NULL, 0, 0};
    int rc = library->feed.next(cursor, op_for(ms, 0), 2, &batch, &error);

    for (uint64_t i = 0; rc == RH_OK && i < batch.rows.n_rows; i++)
        add_line(&lines, batch.rows.cells + i * batch.rows.n_cols, 3);
    *ret_shown = join(&lines, false);
    if (rc == RH_OK)
        *ret_token = rh_arena_dup(arena, batch.token.data, batch.token.len);
    return rc;
}

START_TEST(follows_streams)
{
    struct rh_cursor *cursor;
    const char *shown, *token;

    start(TABLES);
    command("XADD log 1-1 what old");
    GOOD(open_feed("log", NULL, &cursor));
    GOOD(next_changes(cursor, 700, &shown, &token));
    ck_assert_str_eq(shown, "");
    ck_assert_str_eq(token, "1-1");
    library->connector.finish(cursor);
    command("XADD log 2-1 what a");
    command("XADD log 2-2 what b");
    command("XADD log 3-1 what c");
    GOOD(open_feed("log", token, &cursor));
    GOOD(next_changes(cursor, 5000, &shown, &token));
    ck_assert_str_eq(shown, "2-1:2000:a 2-2:2000:b");
    library->connector.finish(cursor);
    GOOD(open_feed("log", token, &cursor));
    GOOD(next_changes(cursor, 5000, &shown, &token));
    ck_assert_str_eq(shown, "3-1:3000:c");
    library->connector.finish(cursor);
    command("XTRIM log MAXLEN 0");
    command("XADD log 9-9 what d");
    GOOD(open_feed("log", "2-1", &cursor));
    ck_assert_int_eq(next_changes(cursor, 5000, &shown, &token), RH_NOT_FOUND);
    ck_assert_str_eq(error.code, "feed-gone");
    library->connector.finish(cursor);
    ck_assert_int_eq(open_feed("log", "99-0", &cursor), RH_NOT_FOUND);
    ck_assert_int_eq(open_feed("log", "x", &cursor), RH_NOT_FOUND);
    ck_assert_str_eq(error.code, "feed-gone");
    ck_assert_int_eq(open_feed("h", NULL, &cursor), RH_UNSUPPORTED);
    unload();
}
END_TEST

/* ---- Settings -------------------------------------------------------------------------------- */

static void cannot_connect(const char *url, const char *tables, int error_class)
{
    int rc = connect_to(url, tables);

    ck_assert_msg(rc == error_class, "%s: %d, %s", url, rc, error.message);
    ck_assert_ptr_null(strstr(error.message, "s3cret"));
    ck_assert_ptr_null(strstr(error.message, "wr0ng"));
}

START_TEST(tells_why_it_cannot_connect)
{
    const char *host = strchr(server, '@') + 1;

    load();
    cannot_connect("http://localhost", NULL, RH_CONFIG);
    cannot_connect("redis://localhost/x", NULL, RH_CONFIG);
    cannot_connect("redis://localhost:99999", NULL, RH_CONFIG);
    cannot_connect("unix://relative", NULL, RH_CONFIG);
    cannot_connect("redis://u@localhost", NULL, RH_CONFIG);
    cannot_connect("redis://127.0.0.1:1", NULL, RH_UNAVAILABLE);
    cannot_connect("unix:///nowhere/socket", NULL, RH_UNAVAILABLE);
    cannot_connect(rh_arena_printf(arena, "redis://rowhouse:wr0ng@%s", host), NULL, RH_AUTH);
    cannot_connect(rh_arena_printf(arena, "redis://%s", host), NULL, RH_AUTH);
    cannot_connect(rh_arena_printf(arena, "redis://nobody:n0thing@%s", host), NULL, RH_PERMISSION);
    cannot_connect(rh_arena_printf(arena, "%s/99", server), NULL, RH_NOT_FOUND);
    for (const char *const *bad =
             (const char *const[]){
                 "{}", "[{}]", "[{\"name\":\"x\"}]",
                 "[{\"name\":\"x\",\"pattern\":\"x\",\"kind\":\"list\"}]",
                 "[{\"name\":\"x\",\"pattern\":\"{a}{b}\",\"kind\":\"hash\"}]",
                 "[{\"name\":\"x\",\"pattern\":\"{a\",\"kind\":\"hash\"}]",
                 "[{\"name\":\"x\",\"pattern\":\"a}\",\"kind\":\"hash\"}]",
                 "[{\"name\":\"x\",\"pattern\":\"{}\",\"kind\":\"hash\"}]",
                 "[{\"name\":\"x\",\"pattern\":\"{a}:{a}\",\"kind\":\"hash\"}]",
                 "[{\"name\":\"x\",\"pattern\":\"{a}\",\"kind\":\"hash\",\"columns\":[{\"name\":"
                 "\"a\",\"type\":\"float\"}]}]",
                 "[{\"name\":\"x\",\"pattern\":\"{a}\",\"kind\":\"hash\",\"column\":[]}]",
                 "[{\"name\":\"x\",\"pattern\":\"{a}\",\"kind\":\"hash\",\"columns\":[{\"name\":"
                 "\"b\",\"type\":\"number\"}]}]",
                 NULL};
         *bad; bad++)
        cannot_connect(server, *bad, RH_CONFIG);
    unload();
}
END_TEST

START_TEST(connects_by_socket_and_tls)
{
    const char *tls = getenv("ROWHOUSE_TEST_REDIS_TLS"), *file = getenv("ROWHOUSE_TEST_REDIS_CA");
    FILE *stream = fopen(file, "r");
    char pem[8192] = "";
    struct rh_setting items[] = {
        {RH_TEXT_INIT("url"), {0}},
        {RH_TEXT_INIT("ca"), {0}},
    };

    load();
    ck_assert_ptr_nonnull(stream);
    ck_assert_uint_gt(fread(pem, 1, sizeof(pem) - 1, stream), 0);
    fclose(stream);
    GOOD(connect_to(rh_arena_printf(arena, "unix://rowhouse:s3cret@%s?db=3",
                                    getenv("ROWHOUSE_TEST_REDIS_SOCKET")),
                    NULL));
    command("FLUSHALL");
    command("SET only:here x");
    library->connector.close(conn);
    conn = NULL;
    items[0].value =
        rh_kit_text(rh_text_of(rh_arena_printf(arena, "rediss://rowhouse:s3cret@%s/3", tls)));
    items[1].value = rh_kit_text(rh_text_of(pem));
    ck_assert_int_eq(connect_with(items, 1), RH_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(error.hint, "ca"));
    GOOD(connect_with(items, 2));
    ck_assert_str_eq(command("GET only:here"), "x");
    command("SETRANGE only:large 3000000 x");
    ck_assert_str_eq(command("STRLEN only:large"), "3000001");
    ck_assert_uint_eq(count_of("string.only"), 2);
    library->connector.close(conn);
    conn = NULL;
    items[1].value = rh_kit_text(RH_TEXT("no certificate"));
    ck_assert_int_eq(connect_with(items, 2), RH_CONFIG);
    unload();
}
END_TEST

int main(void)
{
    const TTest *const all[] = {
        turns_pages,     tells_each_key_once,         coerces_nothing,
        finds_tables,    goes_on_after_an_early_end,  runs_commands,
        follows_streams, tells_why_it_cannot_connect, connects_by_socket_and_tls};
    struct tests tests;

    server = getenv("ROWHOUSE_TEST_REDIS");
    if (!server || !strchr(server, '@')) {
        fputs("ROWHOUSE_TEST_REDIS is not set\n", stderr);
        return 77;
    }
    tests = tests_new("redis", NULL, NULL);
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        tcase_add_test(tests.tcase, all[i]);
    add_write_tests(&tests);
    add_bad_tests(&tests);
    return tests_end(&tests);
}
