/*
 * rowhouse connector: what authors and operators do with connectors, by verb.
 */
#include "cli/connector.h"

#include <string.h>

#define PREFIX_LENGTH 10 /* of "connector " in the names of the commands */

static const struct rh_cli_command *const verbs[] = {
    &rh_cli_connector_new,  &rh_cli_connector_check,  &rh_cli_connector_keygen,
    &rh_cli_connector_sign, &rh_cli_connector_verify, &rh_cli_connector_install,
    &rh_cli_connector_list, &rh_cli_connector_remove,
};
#define N_VERBS (sizeof(verbs) / sizeof(verbs[0]))

const struct rh_cli_command *rh_cli_connector_find(const char *verb)
{
    for (size_t i = 0; i < N_VERBS; i++)
        if (strcmp(verbs[i]->name + PREFIX_LENGTH, verb) == 0)
            return verbs[i];
    return NULL;
}

void rh_cli_connector_usage(FILE *to)
{
    fputs("Usage: rowhouse connector VERB …\n\nMaking, testing and installing connectors.\n\n", to);
    for (size_t i = 0; i < N_VERBS; i++)
        fprintf(to, "  %-12s %s\n", verbs[i]->name + PREFIX_LENGTH, verbs[i]->summary);
    fputs("\nHelp on a verb: rowhouse connector VERB --help\n", to);
}
