/* DynamoDB: who it is, and its table of functions. */
#include "dynamodb.h"

static const struct rh_limits limits = {
    .struct_size = sizeof(limits),
    .in_values = 1000,
    .rows_per_write = 100,
    .identifier_bytes = 255,
};

static const struct rh_connector connector = {
    .struct_size = sizeof(connector),
    .abi_minor = RH_ABI_MINOR,
    .kind = RH_KIND_KEYVALUE,
    .threads = RH_THREADS_SERIAL,
    .n_operators = RH_DYNAMODB_N_OPERATORS,
    .operators = rh_dynamodb_operators,
    .operator_stride = sizeof(struct rh_operator),
    .id = RH_TEXT_INIT("dynamodb"),
    .title = RH_TEXT_INIT("DynamoDB"),
    .version = RH_TEXT_INIT(RH_VERSION),
    .vendor = RH_TEXT_INIT("Rowhouse"),
    .license = RH_TEXT_INIT("GPL-3.0-or-later"),
    .config_schema = RH_TEXT_INIT(RH_DYNAMODB_CONFIG_SCHEMA),
    .limits = &limits,
    .connect = rh_dynamodb_connect,
    .close = rh_dynamodb_close,
    .ping = rh_dynamodb_ping,
    .tables = rh_dynamodb_tables,
    .open = rh_dynamodb_open,
    .next = rh_dynamodb_next,
    .finish = rh_dynamodb_finish,
    .cancel = rh_dynamodb_cancel,
    .plan = rh_dynamodb_plan,
    .explain = rh_dynamodb_explain,
    .write = &rh_dynamodb_write,
    .native = &rh_dynamodb_native,
};

int32_t rh_connector_v1(uint32_t host_minor, const struct rh_connector **ret_connector)
{
    *ret_connector = &connector;
    return RH_OK;
}
