/* Airtable: who it is, and its table of functions. */
#include "airtable.h"

static const struct rh_limits limits = {
    .struct_size = sizeof(limits),
    .in_values = 300,
    .rows_per_write = RH_AIRTABLE_ROWS_PER_WRITE,
};

static const struct rh_connector connector = {
    .struct_size = sizeof(connector),
    .abi_minor = RH_ABI_MINOR,
    .kind = RH_KIND_REST,
    .threads = RH_THREADS_SERIAL,
    .n_operators = RH_AIRTABLE_N_OPERATORS,
    .operators = rh_airtable_operators,
    .operator_stride = sizeof(struct rh_operator),
    .id = RH_TEXT_INIT("airtable"),
    .title = RH_TEXT_INIT("Airtable"),
    .version = RH_TEXT_INIT(RH_VERSION),
    .vendor = RH_TEXT_INIT("Rowhouse"),
    .license = RH_TEXT_INIT("GPL-3.0-or-later"),
    .config_schema = RH_TEXT_INIT(RH_AIRTABLE_CONFIG_SCHEMA),
    .limits = &limits,
    .connect = rh_airtable_connect,
    .close = rh_airtable_close,
    .ping = rh_airtable_ping,
    .tables = rh_airtable_tables,
    .open = rh_airtable_open,
    .next = rh_airtable_next,
    .finish = rh_airtable_finish,
    .cancel = rh_airtable_cancel,
    .plan = rh_airtable_plan,
    .explain = rh_airtable_explain,
    .write = &rh_airtable_write,
};

int32_t rh_connector_v1(uint32_t host_minor, const struct rh_connector **ret_connector)
{
    *ret_connector = &connector;
    return RH_OK;
}
