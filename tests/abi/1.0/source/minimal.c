/*
 * The least that is a connector of ABI 1.0: the required functions, one table with one row. Compiled with
 * the headers of 1.0 beside it and kept as minimal.so.
 */
#include <rowhouse/connector.h>

#include <stdlib.h>

#define TEXT(literal)                                                                              \
    {                                                                                              \
        (literal), sizeof(literal) - 1                                                             \
    }

struct rh_conn {
    int n_pings;
};
struct rh_cursor {
    int n_read;
};

static const struct rh_column column = {.name = TEXT("answer"), .type = RH_TYPE_INT};
static const struct rh_value cell = {.type = RH_TYPE_INT, .as.i = 42};
static const struct rh_table table = {
    .struct_size = sizeof(table),
    .name = TEXT("answers"),
    .columns = &column,
    .n_columns = 1,
    .column_stride = sizeof(column),
    .index_stride = sizeof(struct rh_index),
    .foreign_key_stride = sizeof(struct rh_foreign_key),
    .est_rows = 1,
};

static int32_t do_connect(const struct rh_host *host, const struct rh_op *op,
                          const struct rh_settings *settings, struct rh_conn **ret_conn,
                          struct rh_error *error)
{
    *ret_conn = calloc(1, sizeof(**ret_conn));
    return *ret_conn ? RH_OK : RH_RESOURCE;
}

static void do_close(struct rh_conn *conn)
{
    free(conn);
}

static int32_t do_ping(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    conn->n_pings++;
    return RH_OK;
}

static int32_t do_tables(struct rh_conn *conn, const struct rh_op *op,
                         struct rh_catalog *ret_catalog, struct rh_error *error)
{
    ret_catalog->tables = &table;
    ret_catalog->n_tables = 1;
    ret_catalog->table_stride = sizeof(table);
    return RH_OK;
}

static int32_t do_open(struct rh_conn *conn, const struct rh_op *op, const struct rh_query *query,
                       struct rh_cursor **ret_cursor, struct rh_error *error)
{
    *ret_cursor = calloc(1, sizeof(**ret_cursor));
    return *ret_cursor ? RH_OK : RH_RESOURCE;
}

static int32_t do_next(struct rh_cursor *cursor, const struct rh_op *op, uint32_t max_rows,
                       struct rh_batch *ret_batch, struct rh_error *error)
{
    if (cursor->n_read++)
        return RH_END;
    ret_batch->n_cols = 1;
    ret_batch->n_rows = 1;
    ret_batch->cells = &cell;
    return RH_OK;
}

static void do_finish(struct rh_cursor *cursor)
{
    free(cursor);
}

static void do_cancel(struct rh_conn *conn)
{
}

static const struct rh_connector connector = {
    .struct_size = sizeof(connector),
    .abi_minor = RH_ABI_MINOR,
    .kind = RH_KIND_FILE,
    .operator_stride = sizeof(struct rh_operator),
    .id = TEXT("minimal"),
    .title = TEXT("Minimal"),
    .version = TEXT("1.0"),
    .vendor = TEXT("Rowhouse"),
    .license = TEXT("none"),
    .config_schema = TEXT("{\"type\": \"object\", \"properties\": {}}"),
    .url_schemes = TEXT(""),
    .connect = do_connect,
    .close = do_close,
    .ping = do_ping,
    .tables = do_tables,
    .open = do_open,
    .next = do_next,
    .finish = do_finish,
    .cancel = do_cancel,
};

int32_t rh_connector_v1(uint32_t host_minor, const struct rh_connector **ret_connector)
{
    *ret_connector = &connector;
    return RH_OK;
}
