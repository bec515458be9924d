/*
 * rowhouse connectors: which connectors there are, which were refused and why, what each can do.
 */
#include "cli/cli.h"
#include "cli/capabilities.h"

#include "base/err.h"
#include "base/text.h"

#include <stdlib.h>

static const struct rh_cli_option options[] = {
    {"describe", NULL, "settings of every connector, and what it can do", false}, {0}};

static int describe_one(struct rh_cli *cli, const char *id)
{
    const struct rh_library *library = NULL;
    struct rh_error error = RH_ERROR_INIT;
    if (rh_registry_get(cli->registry, rh_text_of(id), &library, &error) != RH_OK)
        return rh_cli_fail(&error);
    rh_cli_capabilities(library, stdout);
    return RH_CLI_OK;
}

static int describe_all(const struct rh_registry_entry *entries, uint32_t n)
{
    int status = RH_CLI_OK;
    for (uint32_t i = 0; i < n; i++) {
        if (!entries[i].library) {
            fprintf(stderr, "%s refused: %s\n", entries[i].id, entries[i].reason);
            status = RH_CLI_FAILED;
            continue;
        }
        if (i)
            putchar('\n');
        rh_cli_capabilities(entries[i].library, stdout);
    }
    return status;
}

static int list(const struct rh_registry_entry *entries, uint32_t n)
{
    int status = RH_CLI_OK;
    for (uint32_t i = 0; i < n; i++) {
        const struct rh_library *library = entries[i].library;
        if (!library) {
            printf("%-14s refused: %s\n", entries[i].id, entries[i].reason);
            status = RH_CLI_FAILED;
            continue;
        }
        const struct rh_connector *connector = &library->connector;
        printf("%-14s %.*s %.*s —%s%s%s%s%s%s%s\n", entries[i].id, RH_TEXT_ARG(connector->title),
               RH_TEXT_ARG(connector->version), " read", connector->write ? " write" : "",
               connector->tx ? " transactions" : "", connector->native ? " native" : "",
               connector->ddl ? " ddl" : "", entries[i].isolated ? ", isolated" : "",
               entries[i].in_use ? "" : ", only when asked for by version");
    }
    return status;
}

static int run(struct rh_cli *cli, const struct rh_cli_words *words)
{
    struct rh_registry_entry *entries = NULL;
    struct rh_error error = RH_ERROR_INIT;
    uint32_t n = 0;
    int status;
    if (words->n_operands)
        return describe_one(cli, words->operands[0]);
    if (rh_registry_list(cli->registry, &entries, &n, &error) != RH_OK)
        return rh_cli_fail(&error);
    status = rh_cli_value(words, "describe") ? describe_all(entries, n) : list(entries, n);
    if (!n)
        fputs("no connectors found: set ROWHOUSE_PLUGINS to the folder that has them\n", stderr);
    free(entries);
    return status;
}

const struct rh_cli_command rh_cli_connectors = {
    .name = "connectors",
    .operands = "[ID]",
    .max_operands = 1,
    .summary = "connectors that were found, and what they can do",
    .help = "With an ID: its settings, and what its source does itself.\n"
            "Exit status 1 when one was refused. Who signed them: rowhouse connector list\n"
            "\n"
            "  rowhouse connectors postgres\n",
    .options = options,
    .run = run,
};
