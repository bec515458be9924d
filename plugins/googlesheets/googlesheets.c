/* Google Sheets: who it is, and its table of functions. */
#include "googlesheets.h"

static const struct rh_limits limits = {
    .struct_size = sizeof(limits),
    .in_values = 200,
    .rows_per_write = RH_GOOGLESHEETS_ROWS_PER_WRITE,
};

static const struct rh_connector connector = {
    .struct_size = sizeof(connector),
    .abi_minor = RH_ABI_MINOR,
    .kind = RH_KIND_REST,
    .threads = RH_THREADS_SERIAL,
    .n_operators = RH_GOOGLESHEETS_N_OPERATORS,
    .operators = rh_googlesheets_operators,
    .operator_stride = sizeof(struct rh_operator),
    .id = RH_TEXT_INIT("googlesheets"),
    .title = RH_TEXT_INIT("Google Sheets"),
    .version = RH_TEXT_INIT(RH_VERSION),
    .vendor = RH_TEXT_INIT("Rowhouse"),
    .license = RH_TEXT_INIT("GPL-3.0-or-later"),
    .config_schema = RH_TEXT_INIT(RH_GOOGLESHEETS_CONFIG_SCHEMA),
    .limits = &limits,
    .connect = rh_googlesheets_connect,
    .close = rh_googlesheets_close,
    .ping = rh_googlesheets_ping,
    .tables = rh_googlesheets_tables,
    .open = rh_googlesheets_open,
    .next = rh_googlesheets_next,
    .finish = rh_googlesheets_finish,
    .cancel = rh_googlesheets_cancel,
    .plan = rh_googlesheets_plan,
    .write = &rh_googlesheets_write,
};

int32_t rh_connector_v1(uint32_t host_minor, const struct rh_connector **ret_connector)
{
    *ret_connector = &connector;
    return RH_OK;
}
