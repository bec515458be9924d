/*
 * Any command by name: POST /api/rpc/{command} with its parameters as members of one object, and
 * its body as the member "body". The same handlers run as for the routes.
 */
#include "base/err.h"
#include "base/text.h"
#include "server/api/call.h"
#include "server/api/parameters.h"

static int too_nested(const struct rh_json *member, struct rh_error *error)
{
    return rh_fail(error, RH_INVALID, "the parameter \"%.*s\" must be a text, number or boolean",
                   RH_TEXT_ARG(member->key));
}

static void add_encoded(struct rh_buf *buf, struct rh_text text)
{
    for (size_t i = 0; i < text.len; i++)
        rh_buf_addf(buf, "%%%02X", (unsigned char)text.data[i]);
}

/* What is not JSON by itself (an import) comes as a string. */
static struct rh_text body_of(const struct rh_command *command, const struct rh_json *member)
{
    bool any_type = command->flags & RH_COMMAND_LARGE_BODY;

    return any_type && member->kind == RH_JSON_STRING ? member->text : member->source;
}

/* Parameters that are not declared are column conditions where the command takes such. */
static int take_member(struct rh_call *call, const struct rh_json *member, struct rh_buf *query,
                       struct rh_error *error)
{
    const struct rh_command *command = call->command;
    int position = rh_command_parameter(command, member->key);
    struct rh_text value = member->kind == RH_JSON_STRING ? member->text : member->source;

    if (member->kind == RH_JSON_NULL)
        return RH_OK;
    if (member->kind == RH_JSON_ARRAY || member->kind == RH_JSON_OBJECT)
        return too_nested(member, error);
    if (position < 0 && !(command->flags & RH_COMMAND_OPEN_QUERY))
        return rh_parameters_unknown(command, member->key, error);
    if (position >= 0)
        call->values[position] = value;
    if (position < 0 || command->parameters[position].place == RH_IN_QUERY) {
        rh_buf_add_str(query, query->len ? "&" : "");
        add_encoded(query, member->key);
        rh_buf_add_char(query, '=');
        add_encoded(query, value);
    }
    return RH_OK;
}

static int take_parameters(struct rh_call *call, const struct rh_json *body, struct rh_error *error)
{
    struct rh_buf query;
    int rc = RH_OK;

    if (body->kind != RH_JSON_OBJECT)
        return rh_fail(error, RH_INVALID, "the body must be an object of parameters");
    rh_buf_init(&query, (size_t)1 << 20);
    for (const struct rh_json *member = body->child; member && rc == RH_OK; member = member->next) {
        if (rh_text_is(member->key, "body"))
            call->body = body_of(call->command, member);
        else
            rc = take_member(call, member, &query, error);
    }
    call->query =
        rh_text_make(rh_arena_dup(call->arena, query.data ? query.data : "", query.len), query.len);
    if (rc == RH_OK && (query.failed || !call->query.data))
        rc = rh_fail_nomem(error);
    rh_buf_free(&query);
    return rc == RH_OK ? rh_parameters_required(call, error) : rc;
}

static unsigned position_of(const struct rh_command *command)
{
    unsigned i = 0;

    while (rh_command_at(i) != command)
        i++;
    return i;
}

static int call_by_name(struct rh_call *call, struct rh_error *error)
{
    struct rh_text name = rh_call_value(call, "command");
    const struct rh_command *command = rh_command_find(name);
    struct rh_json *body = NULL;
    int rc;

    if (!command || command->run == call_by_name) {
        rh_fail(error, RH_NOT_FOUND, "there is no command \"%.*s\"", RH_TEXT_ARG(name));
        return rh_error_code(error, "unknown-command");
    }
    rc = rh_access_check(&call->api->access, command, call->http, error);
    if (rc != RH_OK)
        return rc;
    if (call->body.len == 0)
        call->body = RH_TEXT("{}");
    rc = rh_call_body(call, &body, error);
    if (rc != RH_OK)
        return rc;
    call->command = command;
    call->position = position_of(command);
    call->body = RH_TEXT("");
    for (unsigned i = 0; i < RH_COMMAND_MAX_PARAMETERS; i++)
        call->values[i] = (struct rh_text){NULL, 0};
    rc = take_parameters(call, body, error);
    return rc == RH_OK ? command->run(call, error) : rc;
}

static const struct rh_parameter PARAMETERS[] = {
    {"command", RH_IN_PATH, true, RH_SCHEMA_TEXT, "Name of the command: `datasources.list`"},
    RH_PARAMETER_IDEMPOTENCY("command"),
};

static const struct rh_command COMMANDS[] = {
    {.name = "rpc",
     .method = "POST",
     .path = "/api/rpc/{command}",
     .summary = "Run any command by name",
     .help =
         "The body is an object with the command's parameters, whatever their place, and its body "
         "as the member `body` (a string when it is not JSON). The answer is that of the command.",
     .parameters = PARAMETERS,
     .n_parameters = RH_N(PARAMETERS),
     .permission = RH_PUBLIC,
     .body = "{\"type\":\"object\"}",
     .example = "{\"app\": \"demo\", \"datasource\": \"shop\"}",
     .run = call_by_name},
};

const struct rh_command_list rh_rpc_commands = {COMMANDS, RH_N(COMMANDS)};
