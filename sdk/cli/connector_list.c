/*
 * rowhouse connector list: every version of every connector that a server with the same settings
 * knows, and what it would do with it. Loads them as the server does.
 */
#include "cli/connector.h"

#include "base/err.h"
#include "base/text.h"
#include "cli/plain.h"

#include <stdlib.h>

static const struct rh_cli_option options[] = {
    {"from", "DIR", "the folder of installed connectors; without it, ROWHOUSE_CONNECTORS", 0},
    {"trust", "DIR", "the trust folder; without it, ROWHOUSE_TRUST", 0},
    {0},
};

static void print_entry(const struct rh_registry_entry *entry)
{
    rh_plain_print(stdout, rh_text_of(entry->id), 14);
    putchar(' ');
    rh_plain_print(stdout, rh_text_of(entry->version), 10);
    printf(" %-11s ", rh_trust_level_name(entry->level));
    if (!entry->library) {
        rh_plain_print(stdout, rh_text_of(entry->reason), 0);
        if (entry->hint[0]) {
            fputs("\n  hint: ", stdout);
            rh_plain_print(stdout, rh_text_of(entry->hint), 0);
        }
    } else {
        printf("%-10s", entry->isolated ? "isolated" : "in-process");
        if (entry->signer[0]) {
            fputs(" signed by ", stdout);
            rh_plain_print(stdout, rh_text_of(entry->signer), 0);
        }
        if (!entry->in_use)
            fputs(" (only when asked for by version)", stdout);
    }
    putchar('\n');
}

static int run(struct rh_cli *cli, const struct rh_cli_words *words)
{
    struct rh_registry_options settings = {.installed = rh_cli_value(words, "from"),
                                           .trust = rh_cli_value(words, "trust")};
    struct rh_registry_entry *entries = NULL;
    struct rh_registry *registry = NULL;
    struct rh_error error = RH_ERROR_INIT;
    uint32_t n = 0;
    int status = RH_CLI_OK;
    int rc = rh_registry_new(&settings, &registry, &error);

    if (rc == RH_OK)
        rc = rh_registry_list(registry, &entries, &n, &error);
    for (uint32_t i = 0; i < n; i++) {
        print_entry(&entries[i]);
        if (!entries[i].library)
            status = RH_CLI_FAILED;
    }
    free(entries);
    rh_registry_free(registry);
    return rc == RH_OK ? status : rh_cli_fail(&error);
}

const struct rh_cli_command rh_cli_connector_list = {
    .name = "connector list",
    .operands = "",
    .max_operands = 0,
    .summary = "all versions of all connectors, who signed them, how they run",
    .help =
        "The highest version that is not refused is the one that an id means; another runs only\n"
        "for datasources that ask for it, as in \"acme@1.3.0\". Exit status 1 when one is\n"
        "refused; the reason stands beside it.\n\n"
        "Example:\n"
        "  rowhouse connector list --from data/connectors --trust data/trust\n",
    .options = options,
    .run = run,
};
