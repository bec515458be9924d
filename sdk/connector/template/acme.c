/*
 * Who we are, and the table of functions that the host gets.
 */
#include "acme.h"

/* The host validates settings against this before `connect` sees them, and draws forms from it. */
static const char config_schema[] =
    "{\"type\": \"object\", \"properties\": {"
    " \"path\": {\"type\": \"string\", \"minLength\": 1, \"title\": \"Folder\","
    "  \"description\": \"The folder that has the files\", \"x-order\": 1,"
    "  \"x-placeholder\": \"/srv/acme\"},"
    " \"url\": {\"type\": \"string\", \"minLength\": 1, \"title\": \"URL\","
    "  \"description\": \"ac-me:/srv/acme, instead of the folder\", \"x-order\": 2},"
    " \"key\": {\"type\": \"string\", \"default\": \"id\", \"title\": \"Key\","
    "  \"description\": \"The member that is different in every row of a file\", \"x-order\": 3}}}";

static const struct rh_connector connector = {
    .struct_size = sizeof(connector),
    .abi_minor = RH_ABI_MINOR,
    .kind = RH_KIND_FILE,
    .threads = RH_THREADS_SERIAL,
    .n_operators = ACME_N_OPERATORS,
    .operators = acme_operators,
    .operator_stride = sizeof(struct rh_operator),
    .id = RH_TEXT_INIT("acme"),
    .title = RH_TEXT_INIT("Acme"),
    .version = RH_TEXT_INIT("0.1.0"),
    .vendor = RH_TEXT_INIT("You"),
    .license = RH_TEXT_INIT("Yours"),
    .config_schema = RH_TEXT_INIT(config_schema),
    .url_schemes = RH_TEXT_INIT("ac-me"),
    .connect = acme_connect,
    .close = acme_close,
    .ping = acme_ping,
    .tables = acme_tables,
    .open = acme_open,
    .next = acme_next,
    .finish = acme_finish,
    .cancel = acme_cancel,
};

int32_t rh_connector_v1(uint32_t host_minor, const struct rh_connector **ret_connector)
{
    if (host_minor < connector.min_host_minor)
        return RH_UNSUPPORTED;
    *ret_connector = &connector;
    return RH_OK;
}
