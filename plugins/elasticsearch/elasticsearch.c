/* Elasticsearch: who it is, and its table of functions. */
#include "elasticsearch.h"

static const struct rh_limits limits = {
    .struct_size = sizeof(limits),
    .in_values = 1000,
    .rows_per_write = 1000,
};

static const struct rh_connector connector = {
    .struct_size = sizeof(connector),
    .abi_minor = RH_ABI_MINOR,
    .kind = RH_KIND_DOCUMENT,
    .threads = RH_THREADS_SERIAL,
    .n_operators = RH_ELASTICSEARCH_N_OPERATORS,
    .operators = rh_elasticsearch_operators,
    .operator_stride = sizeof(struct rh_operator),
    .id = RH_TEXT_INIT("elasticsearch"),
    .title = RH_TEXT_INIT("Elasticsearch"),
    .version = RH_TEXT_INIT(RH_VERSION),
    .vendor = RH_TEXT_INIT("Rowhouse"),
    .license = RH_TEXT_INIT("GPL-3.0-or-later"),
    .config_schema = RH_TEXT_INIT(RH_ELASTICSEARCH_CONFIG_SCHEMA),
    .limits = &limits,
    .connect = rh_elasticsearch_connect,
    .close = rh_elasticsearch_close,
    .ping = rh_elasticsearch_ping,
    .tables = rh_elasticsearch_tables,
    .open = rh_elasticsearch_open,
    .next = rh_elasticsearch_next,
    .finish = rh_elasticsearch_finish,
    .cancel = rh_elasticsearch_cancel,
    .plan = rh_elasticsearch_plan,
    .explain = rh_elasticsearch_explain,
    .write = &rh_elasticsearch_write,
    .native = &rh_elasticsearch_native,
};

int32_t rh_connector_v1(uint32_t host_minor, const struct rh_connector **ret_connector)
{
    *ret_connector = &connector;
    return RH_OK;
}
