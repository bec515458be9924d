/* Commands: the OpenAPI document and the readable page, both made once at start-up. */
#include "base/text.h"
#include "server/api/call.h"

static int openapi(struct rh_call *call, struct rh_error *error)
{
    (void)error;
    rh_buf_add_text(rh_call_reply(call, 200), rh_buf_text(&call->api->openapi));
    return RH_OK;
}

static int docs(struct rh_call *call, struct rh_error *error)
{
    struct rh_buf *buf = rh_call_reply_type(call, 200, "text/html; charset=utf-8");

    (void)error;
    rh_web_reply_header(call->http, "Content-Security-Policy",
                        RH_TEXT("default-src 'none'; style-src 'unsafe-inline'"));
    rh_buf_add_text(buf, rh_buf_text(&call->api->docs));
    return RH_OK;
}

static const struct rh_command COMMANDS[] = {
    {.name = "openapi",
     .method = "GET",
     .path = "/api/v1/openapi.json",
     .summary = "This API as an OpenAPI 3.1 document",
     .permission = RH_PUBLIC,
     .flags = RH_COMMAND_READ_ONLY,
     .run = openapi},
    {.name = "docs",
     .method = "GET",
     .path = "/docs",
     .summary = "This API as a readable page",
     .permission = RH_PUBLIC,
     .flags = RH_COMMAND_READ_ONLY,
     .run = docs},
};

const struct rh_command_list rh_document_commands = {COMMANDS, RH_N(COMMANDS)};
