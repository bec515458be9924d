/*
 * rowhouse connector remove: takes an installed version, or all of an id, out of the folder. First
 * it is renamed, so that a server sees all of a package or nothing.
 */
#include "cli/connector.h"

#include "base/err.h"
#include "base/text.h"
#include "cli/files.h"
#include "cli/package.h"
#include "host/trust/manifest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct rh_cli_option options[] = {
    {"from", "DIR", "the folder of installed connectors; without it, ROWHOUSE_CONNECTORS", 0},
    {0},
};

static int remove_folder(const char *folder, const char *path, struct rh_error *error)
{
    char *gone = NULL;
    int rc;

    if (asprintf(&gone, "%s/.removed-%ld", folder, (long)getpid()) < 0)
        return rh_fail_nomem(error);
    if (rename(path, gone) != 0)
        rc = rh_fail(error, errno == ENOENT ? RH_NOT_FOUND : RH_CONFIG, "%s: %s", path,
                     errno == ENOENT ? "is not installed" : strerror(errno));
    else
        rc = rh_cli_folder_remove(gone, error);
    if (rc == RH_OK)
        rc = rh_cli_folder_sync(folder, error);
    free(gone);
    return rc;
}

/* The folder of the id too, when it was the last version. */
static int remove_version(const char *folder, const char *id, const char *version,
                          struct rh_error *error)
{
    char *all = NULL, *one = NULL;
    int rc = RH_OK;

    if (asprintf(&all, "%s/%s", folder, id) < 0)
        return rh_fail_nomem(error);
    if (version[0] && asprintf(&one, "%s/%s", all, version) < 0) {
        free(all);
        return rh_fail_nomem(error);
    }
    rc = remove_folder(folder, one ? one : all, error);
    if (rc == RH_OK && one)
        (void)rmdir(all);
    free(one);
    free(all);
    return rc;
}

static int run(struct rh_cli *cli, const struct rh_cli_words *words)
{
    const char *folder = rh_cli_installed("connector remove", words, "from");
    struct rh_text version = rh_text_of(words->operands[0]), id = rh_text_cut(&version, '@');
    struct rh_error error = RH_ERROR_INIT;
    int rc;

    if (!folder)
        return RH_CLI_USAGE;
    if (!rh_manifest_is_id(id) || (version.data && !rh_manifest_is_version(version))) {
        fprintf(stderr, "rowhouse connector remove: give ID or ID@VERSION, as in acme@1.3.0\n");
        return RH_CLI_USAGE;
    }
    const char *name = rh_arena_dup(cli->arena, id.data, id.len);
    const char *number = rh_arena_dup(cli->arena, version.data, version.len);
    rc = name && number ? remove_version(folder, name, number, &error) : rh_fail_nomem(&error);
    if (rc != RH_OK)
        return rh_cli_fail(&error);
    printf("removed %s%s%s from %s\n"
           "A running server notices within a second. Datasources that use it are kept: they go\n"
           "over to another version, or say that their connector is missing.\n",
           name, number[0] ? " " : "", number[0] ? number : ", all versions,", folder);
    return RH_CLI_OK;
}

const struct rh_cli_command rh_cli_connector_remove = {
    .name = "connector remove",
    .operands = "ID[@VERSION]",
    .min_operands = 1,
    .max_operands = 1,
    .summary = "take an installed connector away",
    .help = "Without a version, all versions are removed. Datasources and their settings stay as\n"
            "they are; they work again when the connector is installed again.\n\n"
            "Example:\n"
            "  rowhouse connector remove acme@1.3.0 --from data/connectors\n",
    .options = options,
    .run = run,
};
