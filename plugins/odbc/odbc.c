/*
 * The ODBC connector: its table of functions. Works through unixODBC's driver manager with any
 * driver of ODBC 3.
 *
 * Limits of what ODBC allows: calls block in the driver, and end early only where the driver obeys
 * SQLCancel from another thread (watch.h); connecting ends with SQL_ATTR_LOGIN_TIMEOUT where the
 * driver obeys that.
 */
#include "catalog.h"
#include "config.h"
#include "connection.h"
#include "ddl.h"
#include "native.h"
#include "read.h"
#include "tx.h"
#include "write.h"

static int32_t plan(struct rh_conn *conn, const struct rh_query *query, struct rh_plan *ret_plan,
                    struct rh_error *error);

static const struct rh_limits limits = {
    .struct_size = sizeof(struct rh_limits),
    .parameters = 2000,
    .in_values = 900,
    .identifier_bytes = 128,
};

static const struct rh_write write_group = {
    .struct_size = sizeof(struct rh_write),
    .atomicity = RH_ATOMIC_ALL,
    .insert = rh_odbc_insert,
    .update = rh_odbc_update,
    .remove = rh_odbc_remove,
    .upsert = rh_odbc_upsert,
};

static const struct rh_connector connector = {
    .struct_size = sizeof(struct rh_connector),
    .abi_minor = RH_ABI_MINOR,
    .kind = RH_KIND_SQL,
    .threads = RH_THREADS_SERIAL,
    .n_operators = RH_ODBC_N_OPERATORS,
    .operators = rh_odbc_operators,
    .operator_stride = sizeof(struct rh_operator),
    .flags = RH_CONNECTOR_ISOLATED,
    .id = RH_TEXT_INIT("odbc"),
    .title = RH_TEXT_INIT("ODBC"),
    .version = RH_TEXT_INIT(RH_VERSION),
    .vendor = RH_TEXT_INIT("Rowhouse"),
    .config_schema = RH_TEXT_INIT(RH_ODBC_CONFIG_SCHEMA),
    .url_schemes = RH_TEXT_INIT("odbc"),
    .limits = &limits,
    .connect = rh_odbc_connect,
    .close = rh_odbc_close,
    .ping = rh_odbc_ping,
    .tables = rh_odbc_tables,
    .open = rh_odbc_open,
    .next = rh_odbc_next,
    .finish = rh_odbc_finish,
    .cancel = rh_odbc_cancel,
    .plan = plan,
    .explain = rh_odbc_explain,
    .reset = rh_odbc_reset,
    .write = &write_group,
    .tx = &rh_odbc_tx,
    .native = &rh_odbc_native,
    .ddl = &rh_odbc_ddl,
};

static int32_t plan(struct rh_conn *conn, const struct rh_query *query, struct rh_plan *ret_plan,
                    struct rh_error *error)
{
    return rh_sql_plan(&conn->sql_dialect, &conn->traits, &connector, query, ret_plan, error);
}

int32_t rh_connector_v1(uint32_t host_minor, const struct rh_connector **ret_connector)
{
    (void)host_minor; /* needs nothing beyond the first minor */
    *ret_connector = &connector;
    return RH_OK;
}
