/* Commands: is the server alive, is it ready, how does it do, and who is asking. */
#include "base/err.h"
#include "server/api/call.h"

static int live(struct rh_call *call, struct rh_error *error)
{
    (void)error;
    rh_buf_add_str(rh_call_reply(call, 200), "{\"data\":{\"live\":true}}");
    return RH_OK;
}

/* A document that does not exist is looked up: the answer proves that the store can be read. */
static int ready(struct rh_call *call, struct rh_error *error)
{
    struct rh_error failed = RH_ERROR_INIT;
    json_t *body = NULL;
    int rc;

    rc = rh_store_get(call->api->store, &call->op, "default/ready", &body, NULL, &failed);
    json_decref(body);
    if (rc != RH_OK && rc != RH_NOT_FOUND) {
        *error = failed;
        return rc;
    }
    rh_buf_add_str(rh_call_reply(call, 200), "{\"data\":{\"ready\":true,\"store\":true}}");
    return RH_OK;
}

static int metrics(struct rh_call *call, struct rh_error *error)
{
    (void)error;
    rh_metrics_write(call->api, rh_call_reply_type(call, 200, "text/plain; version=0.0.4"));
    return RH_OK;
}

static int me(struct rh_call *call, struct rh_error *error)
{
    return rh_call_reply_json(call, 200,
                              json_pack("{s:s, s:s, s:[s,s,s,s]}", "kind", "key", "name",
                                        "administrator", "permissions", "read", "write", "build",
                                        "admin"),
                              error);
}

static const struct rh_command COMMANDS[] = {
    {.name = "health.live",
     .method = "GET",
     .path = "/health/live",
     .summary = "Whether the process answers",
     .permission = RH_PUBLIC,
     .flags = RH_COMMAND_READ_ONLY | RH_COMMAND_INLINE,
     .run = live},
    {.name = "health.ready",
     .method = "GET",
     .path = "/health/ready",
     .summary = "Whether the server can do its work: its store can be read",
     .permission = RH_PUBLIC,
     .flags = RH_COMMAND_READ_ONLY,
     .run = ready},
    {.name = "metrics",
     .method = "GET",
     .path = "/metrics",
     .summary = "Counters in the Prometheus text format",
     .permission = RH_PUBLIC,
     .flags = RH_COMMAND_READ_ONLY | RH_COMMAND_METRICS,
     .run = metrics},
    {.name = "me",
     .method = "GET",
     .path = "/api/v1/me",
     .summary = "Whose credentials these are, and what they allow",
     .permission = RH_KNOWN,
     .flags = RH_COMMAND_READ_ONLY,
     .run = me},
};

const struct rh_command_list rh_health_commands = {COMMANDS, RH_N(COMMANDS)};
