/* CouchDB: who it is, and its table of functions. */
#include "couchdb.h"

static const struct rh_limits limits = {
    .struct_size = sizeof(limits),
    .in_values = 5000,
    .rows_per_write = 1000,
};

static const struct rh_connector connector = {
    .struct_size = sizeof(connector),
    .abi_minor = RH_ABI_MINOR,
    .kind = RH_KIND_DOCUMENT,
    .threads = RH_THREADS_SERIAL,
    .n_operators = RH_COUCHDB_N_OPERATORS,
    .operators = rh_couchdb_operators,
    .operator_stride = sizeof(struct rh_operator),
    .id = RH_TEXT_INIT("couchdb"),
    .title = RH_TEXT_INIT("CouchDB"),
    .version = RH_TEXT_INIT(RH_VERSION),
    .vendor = RH_TEXT_INIT("Rowhouse"),
    .license = RH_TEXT_INIT("GPL-3.0-or-later"),
    .config_schema = RH_TEXT_INIT(RH_COUCHDB_CONFIG_SCHEMA),
    .url_schemes = RH_TEXT_INIT("couchdb couchdbs"),
    .limits = &limits,
    .connect = rh_couchdb_connect,
    .close = rh_couchdb_close,
    .ping = rh_couchdb_ping,
    .tables = rh_couchdb_tables,
    .open = rh_couchdb_open,
    .next = rh_couchdb_next,
    .finish = rh_couchdb_finish,
    .cancel = rh_couchdb_cancel,
    .plan = rh_couchdb_plan,
    .explain = rh_couchdb_explain,
    .write = &rh_couchdb_write,
    .native = &rh_couchdb_native,
    .ddl = &rh_couchdb_ddl,
    .feed = &rh_couchdb_changes,
};

int32_t rh_connector_v1(uint32_t host_minor, const struct rh_connector **ret_connector)
{
    *ret_connector = &connector;
    return RH_OK;
}
