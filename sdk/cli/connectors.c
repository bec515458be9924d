/*
 * rowhouse connectors: which connectors there are, and which were refused and why.
 */
#include "cli/cli.h"

#include "base/err.h"
#include "base/text.h"

#include <stdlib.h>

static const struct rh_cli_option options[] = {{0}};

static int run(struct rh_cli *cli, const struct rh_cli_words *words)
{
    struct rh_registry_entry *entries = NULL;
    struct rh_error error = RH_ERROR_INIT;
    uint32_t n = 0;
    int status = RH_CLI_OK;
    if (rh_registry_list(cli->registry, &entries, &n, &error) != RH_OK)
        return rh_cli_fail(&error);
    for (uint32_t i = 0; i < n; i++) {
        const struct rh_library *library = entries[i].library;
        if (!library) {
            printf("%-12s refused: %s\n", entries[i].id, entries[i].reason);
            status = RH_CLI_FAILED;
            continue;
        }
        const struct rh_connector *connector = &library->connector;
        printf("%-12s %.*s %.*s —%s%s%s%s%s%s%s\n", entries[i].id, RH_TEXT_ARG(connector->title),
               RH_TEXT_ARG(connector->version), " read", connector->write ? " write" : "",
               connector->tx ? " transactions" : "", connector->native ? " native" : "",
               connector->ddl ? " ddl" : "", entries[i].isolated ? ", isolated" : "",
               entries[i].in_use ? "" : ", only when asked for by version");
    }
    if (!n)
        fputs("no connectors found: set ROWHOUSE_PLUGINS to the folder that has them\n", stderr);
    free(entries);
    return status;
}

const struct rh_cli_command rh_cli_connectors = {
    .name = "connectors",
    .operands = "",
    .max_operands = 0,
    .summary = "connectors that were found, and what they can do",
    .help = "Exit status 1 when one was refused. Who signed them: rowhouse connector list\n",
    .options = options,
    .run = run,
};
