/* The command table, put together from the resource files. */
#include "server/api/command.h"

#include "base/text.h"

static const struct rh_command_list *const LISTS[] = {
    &rh_health_commands,    &rh_document_commands,  &rh_rpc_commands,         &rh_admin_commands,
    &rh_connector_commands, &rh_app_commands,       &rh_datasource_commands,  &rh_table_commands,
    &rh_row_read_commands,  &rh_row_write_commands, &rh_transaction_commands, &rh_native_commands,
};

const struct rh_command *rh_command_at(unsigned position)
{
    for (unsigned i = 0; i < RH_N(LISTS); i++) {
        if (position < LISTS[i]->n)
            return &LISTS[i]->commands[position];
        position -= LISTS[i]->n;
    }
    return NULL;
}

unsigned rh_command_count(void)
{
    unsigned n = 0;

    for (unsigned i = 0; i < RH_N(LISTS); i++)
        n += LISTS[i]->n;
    return n;
}

const struct rh_command *rh_command_find(struct rh_text name)
{
    const struct rh_command *command;

    for (unsigned i = 0; (command = rh_command_at(i)); i++)
        if (rh_text_is(name, command->name))
            return command;
    return NULL;
}

int rh_command_parameter(const struct rh_command *command, struct rh_text name)
{
    if (name.len == 0)
        return -1;
    for (unsigned i = 0; i < command->n_parameters; i++) {
        const char *candidate = command->parameters[i].name;
        if (name.data[0] == candidate[0] && rh_text_is(name, candidate))
            return (int)i;
    }
    return -1;
}
