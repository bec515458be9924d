/*
 * The least that is a connector: required functions that do nothing, and a table of them. Each
 * connector of this folder takes a copy of the table and breaks one thing.
 */
#pragma once

#include <rowhouse/connector.h>

#define TEXT(literal)                                                                              \
    {                                                                                              \
        (literal), sizeof(literal) - 1                                                             \
    }

struct rh_conn {
    int n_calls;
};

static int32_t minimal_connect(const struct rh_host *host, const struct rh_op *op,
                               const struct rh_settings *settings, struct rh_conn **ret_conn,
                               struct rh_error *error)
{
    static struct rh_conn conn;

    *ret_conn = &conn;
    return RH_OK;
}

static void minimal_close(struct rh_conn *conn)
{
    conn->n_calls++;
}

static int32_t minimal_ping(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    conn->n_calls++;
    return RH_OK;
}

static int32_t minimal_tables(struct rh_conn *conn, const struct rh_op *op,
                              struct rh_catalog *ret_catalog, struct rh_error *error)
{
    conn->n_calls++;
    return RH_OK;
}

static int32_t minimal_open(struct rh_conn *conn, const struct rh_op *op,
                            const struct rh_query *query, struct rh_cursor **ret_cursor,
                            struct rh_error *error)
{
    *ret_cursor = (struct rh_cursor *)conn;
    return RH_OK;
}

static int32_t minimal_next(struct rh_cursor *cursor, const struct rh_op *op, uint32_t max_rows,
                            struct rh_batch *ret_batch, struct rh_error *error)
{
    return RH_END;
}

static void minimal_finish(struct rh_cursor *cursor)
{
    ((struct rh_conn *)cursor)->n_calls++;
}

static void minimal_cancel(struct rh_conn *conn)
{
}

static const struct rh_operator minimal_operators[] = {
    {RH_OP_EQ, RH_TYPE_BIT(RH_TYPE_INT) | RH_TYPE_BIT(RH_TYPE_TEXT), RH_VERDICT_EXACT, 0},
    {RH_OP_EQ | RH_OP_NOT, RH_TYPE_BIT(RH_TYPE_INT), RH_VERDICT_SUPERSET, 0},
    {RH_OP_LIKE | RH_OP_FOLD, RH_TYPE_BIT(RH_TYPE_TEXT), RH_VERDICT_SUPERSET, 0},
    {RH_OP_EXISTS, 0, RH_VERDICT_EXACT, 0},
};

static const struct rh_connector minimal = {
    .struct_size = sizeof(struct rh_connector),
    .abi_minor = RH_ABI_MINOR,
    .kind = RH_KIND_SQL,
    .n_operators = sizeof(minimal_operators) / sizeof(minimal_operators[0]),
    .operators = minimal_operators,
    .operator_stride = sizeof(struct rh_operator),
    .id = TEXT("minimal"),
    .title = TEXT("Minimal"),
    .version = TEXT("1.0"),
    .vendor = TEXT("Rowhouse"),
    .license = TEXT("none"),
    .config_schema = TEXT("{\"type\":\"object\",\"properties\":{"
                          "\"host\":{\"type\":\"string\"},"
                          "\"password\":{\"type\":\"string\",\"x-secret\":true}}}"),
    .url_schemes = TEXT("minimal mini"),
    .connect = minimal_connect,
    .close = minimal_close,
    .ping = minimal_ping,
    .tables = minimal_tables,
    .open = minimal_open,
    .next = minimal_next,
    .finish = minimal_finish,
    .cancel = minimal_cancel,
};
