/* REST: what it is, and its table of functions. */
#include "rest.h"

static const struct rh_limits limits = {
    .struct_size = sizeof(limits),
    .in_values = RH_REST_MAX_REQUESTS,
    .rows_per_write = 1000,
};

static const struct rh_connector connector = {
    .struct_size = sizeof(connector),
    .abi_minor = RH_ABI_MINOR,
    .kind = RH_KIND_REST,
    .threads = RH_THREADS_SERIAL,
    .n_operators = RH_REST_N_OPERATORS,
    .operators = rh_rest_operators,
    .operator_stride = sizeof(struct rh_operator),
    .id = RH_TEXT_INIT("rest"),
    .title = RH_TEXT_INIT("REST API"),
    .version = RH_TEXT_INIT(RH_VERSION),
    .vendor = RH_TEXT_INIT("Rowhouse"),
    .license = RH_TEXT_INIT("GPL-3.0-or-later"),
    .config_schema = RH_TEXT_INIT(RH_REST_CONFIG_SCHEMA),
    .limits = &limits,
    .connect = rh_rest_connect,
    .close = rh_rest_close,
    .ping = rh_rest_ping,
    .tables = rh_rest_tables,
    .open = rh_rest_open,
    .next = rh_rest_next,
    .finish = rh_rest_finish,
    .cancel = rh_rest_cancel,
    .plan = rh_rest_plan,
    .explain = rh_rest_explain,
    .write = &rh_rest_write,
};

int32_t rh_connector_v1(uint32_t host_minor, const struct rh_connector **ret_connector)
{
    *ret_connector = &connector;
    return RH_OK;
}
