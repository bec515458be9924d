/* Redis: who it is, and its table of functions. */
#include "redis.h"

static const struct rh_limits limits = {
    .struct_size = sizeof(limits),
    .in_values = 5000,
    .rows_per_write = 1000,
};

static const struct rh_connector connector = {
    .struct_size = sizeof(connector),
    .abi_minor = RH_ABI_MINOR,
    .kind = RH_KIND_KEYVALUE,
    .threads = RH_THREADS_SERIAL,
    .n_operators = RH_REDIS_N_OPERATORS,
    .operators = rh_redis_operators,
    .operator_stride = sizeof(struct rh_operator),
    .id = RH_TEXT_INIT("redis"),
    .title = RH_TEXT_INIT("Redis"),
    .version = RH_TEXT_INIT(RH_VERSION),
    .vendor = RH_TEXT_INIT("Rowhouse"),
    .license = RH_TEXT_INIT("GPL-3.0-or-later"),
    .config_schema = RH_TEXT_INIT(RH_REDIS_CONFIG_SCHEMA),
    .url_schemes = RH_TEXT_INIT("redis rediss unix"),
    .limits = &limits,
    .connect = rh_redis_connect,
    .close = rh_redis_close,
    .ping = rh_redis_ping,
    .tables = rh_redis_tables,
    .open = rh_redis_open,
    .next = rh_redis_next,
    .finish = rh_redis_finish,
    .cancel = rh_redis_cancel,
    .plan = rh_redis_plan,
    .explain = rh_redis_explain,
    .write = &rh_redis_write,
    .native = &rh_redis_native,
    .feed = &rh_redis_changes,
};

int32_t rh_connector_v1(uint32_t host_minor, const struct rh_connector **ret_connector)
{
    *ret_connector = &connector;
    return RH_OK;
}
