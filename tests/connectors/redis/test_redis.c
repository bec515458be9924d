/*
 * plugins/redis against the server at ROWHOUSE_TEST_REDIS: writing, pages, repetitions of SCAN,
 * commands, streams followed, TLS, settings. What reading must do is the conformance suite's.
 */
#include "redis_test.h"

#include "connector/decimal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *server;
struct rh_library *library;
struct rh_arena *arena;
struct rh_conn *conn;
struct rh_error error;
struct rh_write_result result;
static uint32_t resolve;
static uint32_t n_returned;

/* ---- Helpers ------------------------------------------------------------------------------- */

const struct rh_op *op_for(uint64_t ms, uint32_t flags)
{
    static struct rh_operation operation;

    error = (struct rh_error)RH_ERROR_INIT;
    rh_operation_init(&operation, arena, NULL, rh_clock_us() + ms * 1000);
    operation.abi.flags = flags;
    return &operation.abi;
}

const struct rh_op *op(void)
{
    return op_for(60000, 0);
}

void load(void)
{
    const char *folder = getenv("ROWHOUSE_PLUGINS");
    char path[4096];

    arena = rh_arena_new(SIZE_MAX);
    error = (struct rh_error)RH_ERROR_INIT;
    snprintf(path, sizeof(path), "%s/redis.so", folder ? folder : "plugins");
    if (library) /* loaded for good */
        return;
    ck_assert_msg(rh_library_load(path, &library, &error) == RH_OK, "%s", error.message);
}

void unload(void)
{
    if (conn)
        library->connector.close(conn);
    conn = NULL;
    rh_arena_free(arena);
}

static int connect_with(struct rh_setting *items, uint32_t n)
{
    struct rh_settings settings = {
        .struct_size = sizeof(settings), .n = n, .items = items, .stride = sizeof(items[0])};

    return library->connector.connect(rh_host_services(), op(), &settings, &conn, &error);
}

int connect_to(const char *url, const char *tables)
{
    struct rh_setting items[] = {
        {RH_TEXT_INIT("url"), rh_kit_text(rh_text_of(url))},
        {RH_TEXT_INIT("tables"), rh_kit_text(rh_text_of(tables))},
    };

    items[1].value.type = RH_TYPE_JSON;
    return connect_with(items, tables ? 2 : 1);
}

static void show(struct rh_buf *to, const struct rh_value *cell)
{
    switch (cell->type) {
    case RH_TYPE_MISSING:
        rh_buf_add_char(to, '-');
        break;
    case RH_TYPE_NULL:
        rh_buf_add_char(to, '~');
        break;
    case RH_TYPE_BOOL:
        rh_buf_add_str(to, cell->as.i ? "yes" : "no");
        break;
    case RH_TYPE_INT:
    case RH_TYPE_TIMESTAMP:
        rh_buf_add_i64(to, cell->as.i);
        break;
    case RH_TYPE_FLOAT:
        rh_buf_addf(to, "%g", cell->as.f);
        break;
    case RH_TYPE_BYTES:
        rh_buf_addf(to, "<%u bytes>", (unsigned)cell->len);
        break;
    default:
        rh_buf_add_text(to, rh_kit_value_text(cell));
    }
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Lines, sorted or not, with spaces between. */
struct lines {
    const char **items;
    uint64_t n, cap;
};

static void add_line(struct lines *lines, const struct rh_value *cells, uint32_t n)
{
    struct rh_buf line;

    rh_buf_init(&line, SIZE_MAX);
    for (uint32_t c = 0; c < n; c++) {
        if (c)
            rh_buf_add_char(&line, ':');
        show(&line, &cells[c]);
    }
    if (lines->n == lines->cap) {
        lines->cap = lines->cap * 2 + 16;
        lines->items = realloc(lines->items, lines->cap * sizeof(*lines->items));
    }
    lines->items[lines->n++] = rh_arena_dup(arena, line.data ? line.data : "", line.len);
    rh_buf_free(&line);
}

static const char *join(struct lines *lines, bool sorted)
{
    struct rh_buf all;
    const char *shown;

    rh_buf_init(&all, SIZE_MAX);
    if (sorted && lines->n)
        qsort(lines->items, lines->n, sizeof(*lines->items), by_text);
    for (uint64_t i = 0; i < lines->n; i++) {
        if (i)
            rh_buf_add_char(&all, ' ');
        rh_buf_add_str(&all, lines->items[i]);
    }
    shown = rh_arena_dup(arena, all.data ? all.data : "", all.len);
    rh_buf_free(&all);
    free(lines->items);
    return shown;
}

static int drain(struct rh_cursor *cursor, const struct rh_op *with, struct lines *lines)
{
    struct rh_batch batch = {.struct_size = sizeof(batch)};
    int rc;

    while ((rc = library->connector.next(cursor, with, 7, &batch, &error)) == RH_OK) {
        ck_assert_uint_le(batch.n_rows, 7);
        for (uint64_t i = 0; i < batch.n_rows; i++)
            add_line(lines, batch.cells + i * batch.n_cols, batch.n_cols);
    }
    library->connector.finish(cursor);
    return rc == RH_END ? RH_OK : rc;
}

int try_command(const char *text, const struct rh_op *with, const char **ret_shown)
{
    struct rh_native_spec spec = {.struct_size = sizeof(spec), .text = rh_text_of(text)};
    struct rh_native_result done = {.struct_size = sizeof(done)};
    struct lines lines = {NULL, 0, 0};
    int rc = library->native.run(conn, with, &spec, &done, &error);

    if (rc == RH_OK)
        rc = drain(done.cursor, with, &lines);
    if (ret_shown)
        *ret_shown = join(&lines, false);
    else
        free(lines.items);
    return rc;
}

const char *command(const char *format, ...)
{
    const char *shown;
    char *text;
    va_list list;

    va_start(list, format);
    ck_assert_int_gt(vasprintf(&text, format, list), 0);
    va_end(list);
    GOOD(try_command(text, op(), &shown));
    free(text);
    return shown;
}

const struct rh_table *table_of(const char *name)
{
    struct rh_catalog catalog = {.struct_size = sizeof(catalog)};
    struct rh_text bare = rh_text_of(name), schema = {NULL, 0};

    if (strchr(name, '.'))
        schema = rh_text_cut(&bare, '.');
    GOOD(library->connector.tables(conn, op(), &catalog, &error));
    for (uint32_t i = 0; i < catalog.n_tables; i++)
        if (rh_text_equal(catalog.tables[i].name, bare) &&
            rh_text_equal(catalog.tables[i].schema, schema))
            return &catalog.tables[i];
    return NULL;
}

static uint32_t column_of(const struct rh_table *table, struct rh_text name)
{
    for (uint32_t i = 0; i < table->n_columns; i++)
        if (rh_text_equal(table->columns[i].name, name))
            return i;
    ck_abort_msg("there is no column %.*s", RH_TEXT_ARG(name));
    return 0;
}

static uint32_t columns_of(const struct rh_table *table, const char *names, uint32_t *to)
{
    struct rh_text rest = rh_text_of(names);
    uint32_t n = 0;

    while (rest.len)
        to[n++] = column_of(table, rh_text_cut(&rest, ' '));
    return n;
}

static struct rh_query query_of(const struct rh_table *table)
{
    return (struct rh_query){.struct_size = sizeof(struct rh_query),
                             .schema = table->schema,
                             .table = table->name,
                             .columns = table->columns,
                             .n_columns = table->n_columns,
                             .column_stride = table->column_stride,
                             .limit = RH_NO_LIMIT};
}

int try_rows(const char *name, const char *columns, const struct rh_op *with,
             const char **ret_shown)
{
    struct rh_op mine = *with; /* op() makes them all in one place */
    const struct rh_table *table = table_of(name);
    struct lines lines = {NULL, 0, 0};
    struct rh_cursor *cursor;
    struct rh_query query;
    uint32_t select[32];
    int rc;

    with = &mine;
    ck_assert_msg(table != NULL, "there is no table %s", name);
    query = query_of(table);
    query.select = select;
    query.n_select = columns_of(table, columns, select);
    rc = library->connector.open(conn, with, &query, &cursor, &error);
    if (rc == RH_OK)
        rc = drain(cursor, with, &lines);
    if (ret_shown)
        *ret_shown = join(&lines, true);
    else
        free(lines.items);
    return rc;
}

const char *rows_of(const char *table, const char *columns)
{
    const char *shown;

    GOOD(try_rows(table, columns, op(), &shown));
    return shown;
}

uint64_t count_of(const char *table)
{
    const char *shown = rows_of(table, "ttl"), *at = shown;
    uint64_t n = *shown != 0;

    for (; *at; at++)
        n += *at == ' ';
    return n;
}

static struct rh_value cell_of(uint32_t type, struct rh_text word)
{
    struct rh_value value = rh_kit_text(word);

    if (rh_text_is(word, "-"))
        return (struct rh_value){.type = RH_TYPE_MISSING};
    if (rh_text_is(word, "~"))
        return rh_kit_null();
    if (type == RH_TYPE_INT)
        ck_assert(rh_text_to_i64(word, &value.as.i));
    if (type == RH_TYPE_FLOAT)
        value.as.f = strtod(rh_arena_dup(arena, word.data, word.len), NULL);
    if (type == RH_TYPE_BOOL)
        value.as.i = rh_text_is(word, "yes");
    if (type == RH_TYPE_INT || type == RH_TYPE_FLOAT || type == RH_TYPE_BOOL)
        value.len = 0;
    value.type = (uint8_t)type;
    return value;
}

int put(rh_write_fn *function, const char *name, const char *columns, uint32_t n_key,
        const char *rows)
{
    static const uint32_t key[] = {0, 1, 2, 3};
    const struct rh_table *table = table_of(name);
    struct rh_column given[32];
    struct rh_value cells[256];
    struct rh_text rest = rh_text_of(rows);
    uint32_t at[32], n;
    uint64_t n_cells = 0;
    struct rh_write_spec spec;

    ck_assert_msg(table != NULL, "there is no table %s", name);
    n = columns_of(table, columns, at);
    for (uint32_t i = 0; i < n; i++)
        given[i] = table->columns[at[i]];
    while (rest.len) {
        cells[n_cells] = cell_of(given[n_cells % n].type, rh_text_cut(&rest, '|'));
        n_cells++;
    }
    spec = (struct rh_write_spec){.struct_size = sizeof(spec),
                                  .resolve = resolve,
                                  .schema = table->schema,
                                  .table = table->name,
                                  .columns = given,
                                  .n_columns = n,
                                  .column_stride = sizeof(given[0]),
                                  .key = key,
                                  .n_key = n_key,
                                  .n_rows = n_cells / n,
                                  .cells = cells,
                                  .returning = table->columns,
                                  .n_returning = table->n_columns,
                                  .returning_stride = table->column_stride};
    n_returned = table->n_columns;
    result = (struct rh_write_result){.struct_size = sizeof(result)};
    return function(conn, op(), &spec, &result, &error);
}

int ignore_into(const char *table, const char *columns, uint32_t n_key, const char *rows)
{
    int rc;

    resolve = RH_RESOLVE_IGNORE;
    rc = put(library->write.upsert, table, columns, n_key, rows);
    resolve = RH_RESOLVE_MERGE;
    return rc;
}

const char *returned(void)
{
    struct lines lines = {NULL, 0, 0};

    for (uint64_t i = 0; i < result.returned.n_rows; i++)
        add_line(&lines, result.returned.cells + i * n_returned, n_returned);
    return join(&lines, false);
}

#define TABLES                                                                                     \
    "[{\"name\":\"h\",\"pattern\":\"h:{code}\",\"kind\":\"hash\",\"columns\":["                    \
    "{\"name\":\"n\",\"type\":\"int\"},{\"name\":\"s\"},{\"name\":\"d\",\"type\":\"decimal\"}]},"  \
    "{\"name\":\"j\",\"pattern\":\"j:{a}:{b}\",\"kind\":\"json\",\"columns\":["                    \
    "{\"name\":\"n\",\"type\":\"int\"},{\"name\":\"s\"}]},"                                        \
    "{\"name\":\"s\",\"pattern\":\"s:{code}\",\"kind\":\"string\"},"                               \
    "{\"name\":\"t\",\"pattern\":\"t:{code}\",\"kind\":\"set\"},"                                  \
    "{\"name\":\"z\",\"pattern\":\"z:{code}\",\"kind\":\"zset\"},"                                 \
    "{\"name\":\"log\",\"pattern\":\"log\",\"kind\":\"stream\",\"columns\":[{\"name\":\"what\"}]}" \
    "]"

static void start(const char *tables)
{
    load();
    resolve = RH_RESOLVE_MERGE;
    GOOD(connect_to(server, tables));
    command("FLUSHALL");
}

#define INSERT library->write.insert
#define UPDATE library->write.update
#define REMOVE library->write.remove
#define UPSERT library->write.upsert

/* ---- Writing --------------------------------------------------------------------------------- */

START_TEST(inserts_all_or_nothing)
{
    start(TABLES);
    GOOD(put(INSERT, "h", "code n s d", 0, "a|1|x|1.50|b|~|y|-"));
    ck_assert_uint_eq(result.n_affected, 2);
    ck_assert_str_eq(returned(), "a:1:x:1.50:~ b:-:y:-:~");
    ck_assert_str_eq(command("HGET h:a d"), "1.50");
    ck_assert_int_eq(put(INSERT, "h", "code n", 0, "c|1|a|2"), RH_CONSTRAINT);
    ck_assert_uint_eq(error.constraint, RH_CONSTRAINT_UNIQUE);
    ck_assert_uint_eq(error.row, 1);
    ck_assert_int_eq(put(INSERT, "h", "code n", 0, "c|1|c|2"), RH_CONSTRAINT);
    ck_assert_str_eq(rows_of("h", "code n"), "a:1 b:-");
    ck_assert_int_eq(put(INSERT, "h", "code n", 0, "~|1"), RH_CONSTRAINT);
    ck_assert_uint_eq(error.constraint, RH_CONSTRAINT_NOT_NULL);
    ck_assert_int_eq(put(INSERT, "h", "code n", 0, "d|~"), RH_DATA);
    command("SET h:other text");
    ck_assert_int_eq(put(INSERT, "h", "code n", 0, "other|1"), RH_CONSTRAINT);
    ck_assert_str_eq(rows_of("h", "code n"), "a:1 b:-");
    unload();
}
END_TEST

START_TEST(updates_only_what_is_there)
{
    start(TABLES);
    command("HSET h:a n 1 s x extra e");
    GOOD(put(UPDATE, "h", "code n s", 1, "a|5|~|gone|6|y"));
    ck_assert_uint_eq(result.n_affected, 1);
    ck_assert_str_eq(command("EXISTS h:gone"), "0");
    ck_assert_str_eq(command("HMGET h:a n s extra"), "5 ~ e");
    GOOD(put(UPDATE, "h", "code n", 1, "a|~"));
    command("HDEL h:a extra");
    ck_assert_str_eq(command("EXISTS h:a"), "0");
    command("HSET h:a n 1 s x");
    ck_assert_int_eq(put(UPDATE, "h", "code n s", 1, "a|~|~"), RH_DATA);
    ck_assert_str_eq(rows_of("h", "code n s"), "a:1:x");
    ck_assert_int_eq(put(UPDATE, "h", "n s", 1, "1|x"), RH_UNSUPPORTED);
    GOOD(put(REMOVE, "h", "code", 1, "a|b|a"));
    ck_assert_uint_eq(result.n_affected, 1);
    ck_assert_str_eq(returned(), "a:1:x:-:~");
    ck_assert_str_eq(rows_of("h", "code"), "");
    unload();
}
END_TEST

START_TEST(upserts)
{
    start(TABLES);
    command("HSET h:a n 1 s x");
    GOOD(put(UPSERT, "h", "code n", 1, "a|2|b|3"));
    ck_assert_str_eq(rows_of("h", "code n s"), "a:2:x b:3:-");
    GOOD(ignore_into("h", "code n", 1, "a|9|c|4|c|5"));
    ck_assert_uint_eq(result.n_affected, 1);
    ck_assert_str_eq(rows_of("h", "code n s"), "a:2:x b:3:- c:4:-");
    GOOD(put(UPSERT, "j", "a b n s", 2, "x|1|7|new|x|1|-|newer"));
    ck_assert_str_eq(command("GET j:x:1"), "{\"s\":\"newer\"}");
    unload();
}
END_TEST

START_TEST(keeps_documents)
{
    start(TABLES);
    command("SET j:x:y '{\"n\":1,\"big\":12345678901234567890.10,\"b\":{\"c\":[]},\"s\":\"é\"}' EX "
            "1000");
    GOOD(put(UPDATE, "j", "a b n", 2, "x|y|2"));
    ck_assert_str_eq(command("GET j:x:y"),
                     "{\"big\":12345678901234567890.10,\"b\":{\"c\":[]},\"s\":\"é\",\"n\":2}");
    ck_assert_int_gt(atoi(command("TTL j:x:y")), 900);
    ck_assert_str_eq(rows_of("j", "a b n s"), "x:y:2:é");
    ck_assert_int_eq(put(INSERT, "j", "a b n", 0, "x:|y|2"), RH_DATA);
    ck_assert_ptr_nonnull(strstr(error.hint, "pattern"));
    command("SET j:bad:1 '[1]'");
    ck_assert_int_eq(try_rows("j", "a", op(), NULL), RH_DATA);
    ck_assert_ptr_nonnull(strstr(error.message, "j:bad:1"));
    ck_assert_int_eq(put(UPDATE, "j", "a b n", 2, "bad|1|2"), RH_DATA);
    unload();
}
END_TEST

START_TEST(sets_times_to_live)
{
    start(TABLES);
    GOOD(put(INSERT, "s", "code value ttl", 0, "a|x|500|b|y|~"));
    ck_assert_str_eq(rows_of("s", "code value ttl"), "a:x:500 b:y:~");
    GOOD(put(UPDATE, "s", "code value", 1, "a|z"));
    ck_assert_str_eq(rows_of("s", "code value ttl"), "a:z:500 b:y:~");
    GOOD(put(UPDATE, "s", "code ttl", 1, "a|~|b|70"));
    ck_assert_str_eq(rows_of("s", "code value ttl"), "a:z:~ b:y:70");
    ck_assert_int_eq(put(UPDATE, "s", "code ttl", 1, "a|0"), RH_DATA);
    ck_assert_int_eq(put(UPDATE, "s", "code ttl", 1, "a|9000000000000000"), RH_DATA);
    ck_assert_int_eq(put(UPDATE, "s", "code value", 1, "a|~"), RH_CONSTRAINT);
    ck_assert_str_eq(rows_of("s", "code value ttl"), "a:z:~ b:y:70");
    unload();
}
END_TEST

START_TEST(writes_members)
{
    start(TABLES);
    GOOD(put(INSERT, "t", "code member", 0, "a|x|a|y|b|x"));
    ck_assert_int_eq(put(INSERT, "t", "code member", 0, "b|y|a|x"), RH_CONSTRAINT);
    ck_assert_uint_eq(error.row, 1);
    GOOD(put(REMOVE, "t", "code member", 2, "a|x|a|none"));
    ck_assert_uint_eq(result.n_affected, 1);
    ck_assert_str_eq(rows_of("t", "code member"), "a:y b:x");
    GOOD(put(INSERT, "z", "code member score", 0, "a|x|1.5|a|y|-2"));
    GOOD(put(UPDATE, "z", "code member score", 2, "a|x|7|a|none|1"));
    ck_assert_uint_eq(result.n_affected, 1);
    ck_assert_str_eq(returned(), "a:x:7:~");
    ck_assert_str_eq(rows_of("z", "code member score"), "a:x:7 a:y:-2");
    ck_assert_int_eq(put(INSERT, "z", "code member", 0, "a|q"), RH_CONSTRAINT);
    ck_assert_int_eq(put(INSERT, "z", "code member score", 0, "a|q|nan"), RH_DATA);
    GOOD(put(REMOVE, "z", "code member", 2, "a|x"));
    ck_assert_str_eq(rows_of("z", "code member score"), "a:y:-2");
    unload();
}
END_TEST

START_TEST(writes_entries)
{
    start(TABLES);
    GOOD(put(INSERT, "log", "id what", 0, "5-1|one|5-2|two"));
    ck_assert_str_eq(returned(), "5-1:5000:one:~ 5-2:5000:two:~");
    ck_assert_int_eq(put(INSERT, "log", "id what", 0, "6-0|three|5-2|again"), RH_CONSTRAINT);
    ck_assert_str_eq(rows_of("log", "id what"), "5-1:one 5-2:two");
    GOOD(put(INSERT, "log", "what", 0, "three"));
    ck_assert_uint_eq(count_of("log"), 3);
    ck_assert_int_eq(put(UPDATE, "log", "id what", 1, "5-1|x"), RH_UNSUPPORTED);
    GOOD(put(REMOVE, "log", "id", 1, "5-1|9-9|word"));
    ck_assert_uint_eq(result.n_affected, 1);
    ck_assert_uint_eq(count_of("log"), 2);
    unload();
}
END_TEST

START_TEST(writes_nothing_read_only)
{
    static const uint32_t key[] = {0};
    struct rh_value cell = rh_kit_text(RH_TEXT("a"));
    const struct rh_table *table;
    struct rh_write_spec spec;

    start(TABLES);
    command("HSET h:a n 1");
    table = table_of("h");
    spec = (struct rh_write_spec){.struct_size = sizeof(spec),
                                  .table = table->name,
                                  .columns = table->columns,
                                  .n_columns = 1,
                                  .column_stride = table->column_stride,
                                  .key = key,
                                  .n_key = 1,
                                  .n_rows = 1,
                                  .cells = &cell};
    ck_assert_int_eq(REMOVE(conn, op_for(1000, RH_OP_READ_ONLY), &spec, &result, &error),
                     RH_PERMISSION);
    ck_assert_str_eq(rows_of("h", "code n"), "a:1");
    unload();
}
END_TEST

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
    const TTest *tests[64] = {inserts_all_or_nothing,
                              updates_only_what_is_there,
                              upserts,
                              keeps_documents,
                              sets_times_to_live,
                              writes_members,
                              writes_entries,
                              writes_nothing_read_only,
                              turns_pages,
                              tells_each_key_once,
                              coerces_nothing,
                              finds_tables,
                              goes_on_after_an_early_end,
                              runs_commands,
                              follows_streams,
                              tells_why_it_cannot_connect,
                              connects_by_socket_and_tls};
    size_t n = 0;

    server = getenv("ROWHOUSE_TEST_REDIS");
    if (!server || !strchr(server, '@')) {
        fputs("ROWHOUSE_TEST_REDIS is not set\n", stderr);
        return 77;
    }
    while (tests[n])
        n++;
    n += add_bad_tests(tests + n);
    return tests_run("redis", tests, n);
}
