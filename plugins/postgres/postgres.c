/*
 * The PostgreSQL connector: its table of functions. Written for servers from version 12 on.
 *
 * Limits of what libpq allows: the look-up of a host name blocks (PQconnectStart calls
 * getaddrinfo); everything else ends at the operation's deadline.
 */
#include "catalog.h"
#include "config.h"
#include "connection.h"
#include "ddl.h"
#include "dialect.h"
#include "native.h"
#include "read.h"
#include "tx.h"
#include "write.h"

static int32_t plan(struct rh_conn *conn, const struct rh_query *query, struct rh_plan *ret_plan,
                    struct rh_error *error);

static const struct rh_limits limits = {
    .struct_size = sizeof(struct rh_limits),
    .parameters = RH_PG_MAX_PARAMETERS,
    .in_values = 1000000,
    .identifier_bytes = 63,
};

static const struct rh_write write_group = {
    .struct_size = sizeof(struct rh_write),
    .atomicity = RH_ATOMIC_ALL,
    .insert = rh_pg_insert,
    .update = rh_pg_update,
    .remove = rh_pg_remove,
    .upsert = rh_pg_upsert,
};

static const struct rh_connector connector = {
    .struct_size = sizeof(struct rh_connector),
    .abi_minor = RH_ABI_MINOR,
    .kind = RH_KIND_SQL,
    .threads = RH_THREADS_SERIAL,
    .n_operators = RH_PG_N_OPERATORS,
    .operators = rh_pg_operators,
    .operator_stride = sizeof(struct rh_operator),
    .id = RH_TEXT_INIT("postgres"),
    .title = RH_TEXT_INIT("PostgreSQL"),
    .version = RH_TEXT_INIT(RH_VERSION),
    .vendor = RH_TEXT_INIT("Rowhouse"),
    .config_schema = RH_TEXT_INIT(RH_PG_CONFIG_SCHEMA),
    .url_schemes = RH_TEXT_INIT("postgres postgresql"),
    .limits = &limits,
    .connect = rh_pg_connect,
    .close = rh_pg_close,
    .ping = rh_pg_ping,
    .tables = rh_pg_tables,
    .open = rh_pg_open,
    .next = rh_pg_next,
    .finish = rh_pg_finish,
    .cancel = rh_pg_cancel,
    .plan = plan,
    .explain = rh_pg_explain,
    .estimate = rh_pg_estimate,
    .reset = rh_pg_reset,
    .write = &write_group,
    .tx = &rh_pg_tx,
    .native = &rh_pg_native,
    .ddl = &rh_pg_ddl,
};

static int32_t plan(struct rh_conn *conn, const struct rh_query *query, struct rh_plan *ret_plan,
                    struct rh_error *error)
{
    return rh_sql_plan(&rh_pg_dialect, conn, &connector, query, ret_plan, error);
}

int32_t rh_connector_v1(uint32_t host_minor, const struct rh_connector **ret_connector)
{
    (void)host_minor; /* needs nothing beyond the first minor */
    *ret_connector = &connector;
    return RH_OK;
}
