/* What redis_test.h declares. */
#include "redis_test.h"

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

int connect_with(struct rh_setting *items, uint32_t n)
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

void add_line(struct lines *lines, const struct rh_value *cells, uint32_t n)
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

const char *join(struct lines *lines, bool sorted)
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

uint32_t column_of(const struct rh_table *table, struct rh_text name)
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

struct rh_query query_of(const struct rh_table *table)
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

void start(const char *tables)
{
    load();
    resolve = RH_RESOLVE_MERGE;
    GOOD(connect_to(server, tables));
    command("FLUSHALL");
}
