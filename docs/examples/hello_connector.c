/* hello: a whole connector in one file. One table, "greetings"; the host does all the querying. */
#include <rowhouse/connector.h>

#include <stdlib.h>
#include <string.h>

#define TEXT(literal)                                                                              \
    {                                                                                              \
        (literal), sizeof(literal) - 1                                                             \
    }
#define N_ROWS 3
#define N_COLUMNS 2

struct rh_conn {
    const struct rh_host *host;
};

struct rh_cursor {
    uint32_t *select; /* which of our columns each output is */
    uint32_t n_select;
    uint32_t done;
    struct rh_value cells[]; /* room for all rows */
};

static const struct rh_column columns[N_COLUMNS] = {
    {.name = TEXT("id"),
     .native_type = TEXT("int"),
     .type = RH_TYPE_INT,
     .flags = RH_COLUMN_NOT_NULL},
    {.name = TEXT("text"), .native_type = TEXT("text"), .type = RH_TYPE_TEXT},
};
static const uint32_t key[] = {0};
static const struct rh_table greetings = {
    .struct_size = sizeof(struct rh_table),
    .flags = RH_TABLE_READ_ONLY,
    .name = TEXT("greetings"),
    .columns = columns,
    .n_columns = N_COLUMNS,
    .column_stride = sizeof(struct rh_column),
    .key = key,
    .n_key = 1,
    .index_stride = sizeof(struct rh_index),
    .foreign_key_stride = sizeof(struct rh_foreign_key),
    .est_rows = N_ROWS,
};
static const char *const texts[N_ROWS] = {"hello", "hei", "bonjour"};

static int32_t fail(struct rh_error *error, int32_t error_class, const char *message)
{
    error->error_class = error_class;
    strncpy(error->message, message, sizeof(error->message) - 1);
    return error_class;
}

static int is(struct rh_text a, struct rh_text b)
{
    return a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
}

static int late(const struct rh_host *host, const struct rh_op *op)
{
    return host->now_us(host) >= op->deadline_us;
}

static int32_t hello_connect(const struct rh_host *host, const struct rh_op *op,
                             const struct rh_settings *settings, struct rh_conn **ret_conn,
                             struct rh_error *error)
{
    struct rh_conn *conn;
    (void)settings;
    if (late(host, op))
        return fail(error, RH_TIMEOUT, "there is no time left");
    conn = calloc(1, sizeof(*conn));
    if (!conn)
        return fail(error, RH_RESOURCE, "out of memory");
    conn->host = host;
    *ret_conn = conn;
    return RH_OK;
}

static void hello_close(struct rh_conn *conn)
{
    free(conn);
}

static int32_t hello_ping(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    return late(conn->host, op) ? fail(error, RH_TIMEOUT, "there is no time left") : RH_OK;
}

static int32_t hello_tables(struct rh_conn *conn, const struct rh_op *op,
                            struct rh_catalog *ret_catalog, struct rh_error *error)
{
    if (late(conn->host, op))
        return fail(error, RH_TIMEOUT, "there is no time left");
    ret_catalog->tables = &greetings;
    ret_catalog->n_tables = 1;
    ret_catalog->table_stride = sizeof(greetings);
    return RH_OK;
}

/* Which of our columns this is; N_COLUMNS: none of them. */
static uint32_t find_column(struct rh_text name)
{
    uint32_t i = 0;
    while (i < N_COLUMNS && !is(columns[i].name, name))
        i++;
    return i;
}

/* Nothing is pushed down, so the query says only which columns are wanted, in which order. */
static int32_t hello_open(struct rh_conn *conn, const struct rh_op *op,
                          const struct rh_query *query, struct rh_cursor **ret_cursor,
                          struct rh_error *error)
{
    uint32_t n = query->n_select;
    struct rh_cursor *cursor;
    if (late(conn->host, op))
        return fail(error, RH_TIMEOUT, "there is no time left");
    if (!is(query->table, greetings.name))
        return fail(error, RH_NOT_FOUND, "there is one table: greetings");
    cursor = calloc(1, sizeof(*cursor) + (size_t)n * N_ROWS * sizeof(cursor->cells[0]));
    if (cursor)
        cursor->select = calloc(n + 1, sizeof(cursor->select[0]));
    if (!cursor || !cursor->select) {
        free(cursor);
        return fail(error, RH_RESOURCE, "out of memory");
    }
    for (uint32_t i = 0; i < n; i++) {
        const struct rh_column *column =
            (const void *)((const char *)query->columns +
                           (size_t)query->select[i] * query->column_stride);
        cursor->select[i] = find_column(column->name);
        if (cursor->select[i] == N_COLUMNS) {
            free(cursor->select);
            free(cursor);
            return fail(error, RH_NOT_FOUND, "greetings has two columns: id and text");
        }
    }
    cursor->n_select = n;
    *ret_cursor = cursor;
    return RH_OK;
}

static int32_t hello_next(struct rh_cursor *cursor, const struct rh_op *op, uint32_t max_rows,
                          struct rh_batch *ret_batch, struct rh_error *error)
{
    uint32_t n = N_ROWS - cursor->done;
    (void)op, (void)error;
    if (!n)
        return RH_END;
    if (n > max_rows)
        n = max_rows;
    for (uint32_t r = 0; r < n; r++) {
        const char *text = texts[cursor->done + r];
        struct rh_value values[N_COLUMNS] = {
            {.type = RH_TYPE_INT, .as.i = cursor->done + r + 1},
            {.type = RH_TYPE_TEXT, .len = (uint32_t)strlen(text), .as.data = text},
        };
        for (uint32_t c = 0; c < cursor->n_select; c++)
            cursor->cells[r * cursor->n_select + c] = values[cursor->select[c]];
    }
    cursor->done += n;
    ret_batch->n_rows = n;
    ret_batch->n_cols = cursor->n_select;
    ret_batch->cells = cursor->cells;
    return RH_OK;
}

static void hello_finish(struct rh_cursor *cursor)
{
    free(cursor->select);
    free(cursor);
}

static void hello_cancel(struct rh_conn *conn)
{
    (void)conn; /* nothing here takes long */
}

static const struct rh_connector hello = {
    .struct_size = sizeof(struct rh_connector),
    .abi_minor = RH_ABI_MINOR,
    .kind = RH_KIND_FILE,
    .threads = RH_THREADS_SERIAL,
    .operator_stride = sizeof(struct rh_operator),
    .id = TEXT("hello"),
    .title = TEXT("Hello"),
    .version = TEXT("1.0"),
    .vendor = TEXT("You"),
    .license = TEXT("Yours"),
    .config_schema =
        TEXT("{\"type\": \"object\", \"properties\": {\"url\": {\"type\": \"string\"}}}"),
    .url_schemes = TEXT("hello"),
    .connect = hello_connect,
    .close = hello_close,
    .ping = hello_ping,
    .tables = hello_tables,
    .open = hello_open,
    .next = hello_next,
    .finish = hello_finish,
    .cancel = hello_cancel,
};

RH_EXPORT int32_t rh_connector_v1(uint32_t host_minor, const struct rh_connector **ret_connector)
{
    (void)host_minor;
    *ret_connector = &hello;
    return RH_OK;
}
