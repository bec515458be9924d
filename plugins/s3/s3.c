/* S3: who it is, and its table of functions. */
#include "s3.h"

static const struct rh_limits limits = {
    .struct_size = sizeof(limits),
    .rows_per_write = 10000,
};

static const struct rh_connector connector = {
    .struct_size = sizeof(connector),
    .abi_minor = RH_ABI_MINOR,
    .kind = RH_KIND_FILE,
    .threads = RH_THREADS_SERIAL,
    .n_operators = RH_S3_N_OPERATORS,
    .operators = rh_s3_operators,
    .operator_stride = sizeof(struct rh_operator),
    .id = RH_TEXT_INIT("s3"),
    .title = RH_TEXT_INIT("S3"),
    .version = RH_TEXT_INIT(RH_VERSION),
    .vendor = RH_TEXT_INIT("Rowhouse"),
    .license = RH_TEXT_INIT("GPL-3.0-or-later"),
    .config_schema = RH_TEXT_INIT(RH_S3_CONFIG_SCHEMA),
    .limits = &limits,
    .connect = rh_s3_connect,
    .close = rh_s3_close,
    .ping = rh_s3_ping,
    .tables = rh_s3_tables,
    .open = rh_s3_open,
    .next = rh_s3_next,
    .finish = rh_s3_finish,
    .cancel = rh_s3_cancel,
    .plan = rh_s3_plan,
    .explain = rh_s3_explain,
    .write = &rh_s3_write,
};

int32_t rh_connector_v1(uint32_t host_minor, const struct rh_connector **ret_connector)
{
    *ret_connector = &connector;
    return RH_OK;
}
