/*
 * The connector for MySQL and MariaDB: its table of functions. Written for MySQL from version 8 on
 * and MariaDB from version 10.5 on.
 *
 * Limits of what the library allows: the look-up of a host name blocks; everything else ends at the
 * operation's deadline.
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
    .parameters = RH_MY_MAX_PARAMETERS,
    .in_values = 10000,
    .identifier_bytes = 64,
};

static const struct rh_write write_group = {
    .struct_size = sizeof(struct rh_write),
    .atomicity = RH_ATOMIC_ALL,
    .insert = rh_my_insert,
    .update = rh_my_update,
    .remove = rh_my_remove,
    .upsert = rh_my_upsert,
};

static const struct rh_connector connector = {
    .struct_size = sizeof(struct rh_connector),
    .abi_minor = RH_ABI_MINOR,
    .kind = RH_KIND_SQL,
    .threads = RH_THREADS_SERIAL,
    .n_operators = RH_MY_N_OPERATORS,
    .operators = rh_my_operators,
    .operator_stride = sizeof(struct rh_operator),
    .id = RH_TEXT_INIT("mysql"),
    .title = RH_TEXT_INIT("MySQL and MariaDB"),
    .version = RH_TEXT_INIT(RH_VERSION),
    .vendor = RH_TEXT_INIT("Rowhouse"),
    .config_schema = RH_TEXT_INIT(RH_MY_CONFIG_SCHEMA),
    .url_schemes = RH_TEXT_INIT("mysql mariadb"),
    .limits = &limits,
    .connect = rh_my_connect,
    .close = rh_my_close,
    .ping = rh_my_ping,
    .tables = rh_my_tables,
    .open = rh_my_open,
    .next = rh_my_next,
    .finish = rh_my_finish,
    .cancel = rh_my_cancel,
    .plan = plan,
    .explain = rh_my_explain,
    .estimate = rh_my_estimate,
    .reset = rh_my_reset,
    .write = &write_group,
    .tx = &rh_my_tx,
    .native = &rh_my_native,
    .ddl = &rh_my_ddl,
};

static int32_t plan(struct rh_conn *conn, const struct rh_query *query, struct rh_plan *ret_plan,
                    struct rh_error *error)
{
    return rh_sql_plan(&rh_my_dialect, conn, &connector, query, ret_plan, error);
}

int32_t rh_connector_v1(uint32_t host_minor, const struct rh_connector **ret_connector)
{
    (void)host_minor; /* needs nothing beyond the first minor */
    *ret_connector = &connector;
    return RH_OK;
}
