/* Commands about the server itself. */
#include "server/api/call.h"

static int config(struct rh_call *call, struct rh_error *error)
{
    struct rh_buf *buf = rh_call_reply(call, 200);

    (void)error;
    rh_buf_add_str(buf, "{\"data\":");
    rh_config_json(&call->api->config, buf);
    rh_buf_add_char(buf, '}');
    return RH_OK;
}

static const struct rh_command COMMANDS[] = {
    {.name = "admin.config",
     .method = "GET",
     .path = "/api/v1/admin/config",
     .summary = "The settings of the server and where each value comes from; secrets struck out",
     .permission = RH_ADMIN,
     .flags = RH_COMMAND_READ_ONLY,
     .run = config},
};

const struct rh_command_list rh_admin_commands = {COMMANDS, RH_N(COMMANDS)};
