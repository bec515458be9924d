/*
 * Path parameters are declared in the order in which they stand in the path. A row key stays
 * encoded: its parts are told apart before they are decoded (rh_bind_key).
 */
#include "server/api/parameters.h"

#include "base/err.h"
#include "base/text.h"

int rh_parameters_unknown(const struct rh_command *command, struct rh_text name,
                          struct rh_error *error)
{
    const char *near = NULL;
    unsigned best = 4;

    for (unsigned i = 0; i < command->n_parameters; i++) {
        unsigned distance = rh_text_distance(name, rh_text_of(command->parameters[i].name), best);
        if (command->parameters[i].place == RH_IN_QUERY && distance < best) {
            best = distance;
            near = command->parameters[i].name;
        }
    }
    rh_fail(error, RH_INVALID, "%s has no parameter \"%.*s\"", command->name, RH_TEXT_ARG(name));
    rh_error_code(error, "unknown-parameter");
    return near ? rh_error_hint(error, "did you mean \"%s\"?", near) : error->error_class;
}

int rh_parameters_required(const struct rh_call *call, struct rh_error *error)
{
    const struct rh_command *command = call->command;

    for (unsigned i = 0; i < command->n_parameters; i++) {
        if (!command->parameters[i].required || call->values[i].data)
            continue;
        rh_fail(error, RH_INVALID, "%s needs the parameter \"%s\"", command->name,
                command->parameters[i].name);
        return rh_error_code(error, "missing-parameter");
    }
    return RH_OK;
}

static int take_query(struct rh_call *call, struct rh_error *error)
{
    struct rh_text rest = call->query;

    while (rest.data) {
        struct rh_text value = rh_text_cut(&rest, '&');
        struct rh_text name = rh_text_cut(&value, '=');
        int position, rc;
        if (name.len == 0)
            continue;
        position = rh_command_parameter(call->command, name);
        if (position >= 0 && call->command->parameters[position].place == RH_IN_QUERY) {
            rc = rh_call_decode(call->arena, value.data ? value : RH_TEXT(""), true,
                                &call->values[position], error);
            if (rc != RH_OK)
                return rc;
        } else if (!(call->command->flags & RH_COMMAND_OPEN_QUERY)) {
            return rh_parameters_unknown(call->command, name, error);
        }
    }
    return RH_OK;
}

static int take_path(struct rh_call *call, unsigned position, struct rh_text segment,
                     struct rh_error *error)
{
    if (strcmp(call->command->parameters[position].name, "key") == 0) {
        call->values[position] = segment;
        return RH_OK;
    }
    return rh_call_decode(call->arena, segment, false, &call->values[position], error);
}

int rh_parameters_take(struct rh_call *call, const struct rh_route *route, struct rh_error *error)
{
    const struct rh_command *command = call->command;
    unsigned segment = 0;
    int rc = RH_OK;

    for (unsigned i = 0; i < command->n_parameters && rc == RH_OK; i++) {
        if (command->parameters[i].place == RH_IN_PATH)
            rc = take_path(call, i, route->segments[segment++], error);
        else if (command->parameters[i].place == RH_IN_HEADER)
            call->values[i] = rh_web_request_header(call->http, command->parameters[i].name);
    }
    if (rc == RH_OK && call->query.len)
        rc = take_query(call, error);
    return rc == RH_OK ? rh_parameters_required(call, error) : rc;
}
