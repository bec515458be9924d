/*
 * SQLite: the connector for database files.
 */
#include "sqlite.h"

#include "base/text.h"
#include "catalog.h"
#include "config.h"
#include "connection.h"
#include "ddl.h"
#include "dialect.h"
#include "native.h"
#include "read.h"
#include "tx.h"
#include "write.h"

static const struct rh_limits limits = {
    .struct_size = sizeof(struct rh_limits),
    .parameters = 32766, /* SQLite's default; lists count as one */
};

const struct rh_connector rh_sqlite_connector = {
    .struct_size = sizeof(struct rh_connector),
    .abi_minor = RH_ABI_MINOR,
    .kind = RH_KIND_SQL,
    .threads = RH_THREADS_SERIAL,
    .n_operators = RH_SQLITE_N_OPERATORS,
    .operators = rh_sqlite_operators,
    .operator_stride = sizeof(struct rh_operator),
    .id = RH_TEXT_INIT("sqlite"),
    .title = RH_TEXT_INIT("SQLite"),
    .version = RH_TEXT_INIT(RH_VERSION),
    .vendor = RH_TEXT_INIT("Rowhouse"),
    .license = RH_TEXT_INIT("GPL-3.0-or-later"),
    .config_schema = RH_TEXT_INIT(RH_SQLITE_CONFIG_SCHEMA),
    .url_schemes = RH_TEXT_INIT("sqlite"),
    .limits = &limits,
    .connect = rh_sqlite_connect,
    .close = rh_sqlite_close,
    .ping = rh_sqlite_ping,
    .tables = rh_sqlite_tables,
    .open = rh_sqlite_open,
    .next = rh_sqlite_next,
    .finish = rh_sqlite_finish,
    .cancel = rh_sqlite_cancel,
    .plan = rh_sqlite_plan,
    .explain = rh_sqlite_explain,
    .reset = rh_sqlite_reset,
    .write = &rh_sqlite_write,
    .tx = &rh_sqlite_tx,
    .native = &rh_sqlite_native,
    .ddl = &rh_sqlite_ddl,
};

int32_t rh_connector_v1(uint32_t host_minor, const struct rh_connector **ret_connector)
{
    *ret_connector = &rh_sqlite_connector;
    return RH_OK;
}
