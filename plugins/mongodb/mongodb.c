/* MongoDB: who it is, and its table of functions. */
#include "mongodb.h"

static const struct rh_limits limits = {
    .struct_size = sizeof(limits),
    .in_values = 10000,
    .rows_per_write = 1000,
};

static const struct rh_connector connector = {
    .struct_size = sizeof(connector),
    .abi_minor = RH_ABI_MINOR,
    .kind = RH_KIND_DOCUMENT,
    .threads = RH_THREADS_SERIAL,
    .n_operators = RH_MONGODB_N_OPERATORS,
    .operators = rh_mongodb_operators,
    .operator_stride = sizeof(struct rh_operator),
    .id = RH_TEXT_INIT("mongodb"),
    .title = RH_TEXT_INIT("MongoDB"),
    .version = RH_TEXT_INIT(RH_VERSION),
    .vendor = RH_TEXT_INIT("Rowhouse"),
    .license = RH_TEXT_INIT("GPL-3.0-or-later"),
    .config_schema = RH_TEXT_INIT(RH_MONGODB_CONFIG_SCHEMA),
    .url_schemes = RH_TEXT_INIT("mongodb mongodb+srv"),
    .limits = &limits,
    .connect = rh_mongodb_connect,
    .close = rh_mongodb_close,
    .ping = rh_mongodb_ping,
    .tables = rh_mongodb_tables,
    .open = rh_mongodb_open,
    .next = rh_mongodb_next,
    .finish = rh_mongodb_finish,
    .cancel = rh_mongodb_cancel,
    .plan = rh_mongodb_plan,
    .explain = rh_mongodb_explain,
    .write = &rh_mongodb_write,
    .tx = &rh_mongodb_tx,
    .native = &rh_mongodb_native,
    .ddl = &rh_mongodb_ddl,
    .feed = &rh_mongodb_changes,
};

int32_t rh_connector_v1(uint32_t host_minor, const struct rh_connector **ret_connector)
{
    *ret_connector = &connector;
    return RH_OK;
}
