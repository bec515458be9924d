/* Firestore: who it is, and its table of functions. */
#include "firestore.h"

static const struct rh_limits limits = {
    .struct_size = sizeof(limits),
    .in_values = 300,
    .rows_per_write = 500,
};

static const struct rh_connector connector = {
    .struct_size = sizeof(connector),
    .abi_minor = RH_ABI_MINOR,
    .kind = RH_KIND_DOCUMENT,
    .threads = RH_THREADS_SERIAL,
    .n_operators = RH_FIRESTORE_N_OPERATORS,
    .operators = rh_firestore_operators,
    .operator_stride = sizeof(struct rh_operator),
    .id = RH_TEXT_INIT("firestore"),
    .title = RH_TEXT_INIT("Firestore"),
    .version = RH_TEXT_INIT(RH_VERSION),
    .vendor = RH_TEXT_INIT("Rowhouse"),
    .license = RH_TEXT_INIT("GPL-3.0-or-later"),
    .config_schema = RH_TEXT_INIT(RH_FIRESTORE_CONFIG_SCHEMA),
    .limits = &limits,
    .connect = rh_firestore_connect,
    .close = rh_firestore_close,
    .ping = rh_firestore_ping,
    .tables = rh_firestore_tables,
    .open = rh_firestore_open,
    .next = rh_firestore_next,
    .finish = rh_firestore_finish,
    .cancel = rh_firestore_cancel,
    .plan = rh_firestore_plan,
    .explain = rh_firestore_explain,
    .write = &rh_firestore_write,
};

int32_t rh_connector_v1(uint32_t host_minor, const struct rh_connector **ret_connector)
{
    *ret_connector = &connector;
    return RH_OK;
}
