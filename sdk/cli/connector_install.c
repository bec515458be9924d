/*
 * rowhouse connector install: puts a package where servers find it. It is copied beside its place,
 * judged there as a server would (signature, hashes, loading it in a child), and only then renamed
 * into its place, so that no server ever sees half of a package or one that it would refuse.
 */
#include "cli/connector.h"

#include "base/err.h"
#include "base/text.h"
#include "cli/files.h"
#include "cli/package.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct rh_cli_option options[] = {
    {"to", "DIR", "the folder of installed connectors; without it, ROWHOUSE_CONNECTORS", 0},
    {"trust", "DIR", "the trust folder; without it, ROWHOUSE_TRUST", 0},
    {"unsigned", "IDS", "ids that may run unsigned; without it, ROWHOUSE_UNSIGNED_CONNECTORS", 0},
    {0},
};

struct install {
    struct rh_arena *arena;
    const char *from, *to;
    const char *trust, *unsigned_ids;
    struct rh_manifest manifest;
    enum rh_trust_level level;
    const char *signer;
    const char *temporary; /* <to>/.install-…; in it <id>/<version> */
    const char *copy;      /* of the package, there */
    const char *place;     /* <to>/<id>/<version> */
    bool was_there;
    struct rh_error *error;
};

/* What a package says of itself; its image is closed. */
static int open_package(const struct install *i, const char *folder, struct rh_package *ret_package,
                        struct rh_error *error)
{
    struct rh_trust *trust = NULL;
    int rc = rh_trust_open(i->trust, i->unsigned_ids, &trust, error);

    if (rc == RH_OK)
        rc = rh_trust_open_package(trust, i->arena, folder, ret_package, error);
    rh_package_close(ret_package);
    rh_trust_free(trust);
    return rc;
}

static int verify(struct install *i)
{
    struct rh_package package = {.image = {.fd = -1}};
    int rc = open_package(i, i->from, &package, i->error);

    i->manifest = package.manifest;
    i->level = package.level;
    i->signer = package.signer;
    return rc;
}

static int name_folders(struct install *i)
{
    const struct rh_manifest *m = &i->manifest;

    i->temporary = rh_arena_printf(i->arena, "%s/.install-%ld", i->to, (long)getpid());
    if (!i->temporary)
        return rh_fail_nomem(i->error);
    i->copy = rh_cli_package_path(i->arena, i->temporary, m->id, m->version);
    i->place = rh_cli_package_path(i->arena, i->to, m->id, m->version);
    return i->copy && i->place ? RH_OK : rh_fail_nomem(i->error);
}

/* Another of the same version is an error: datasources that are pinned to it would get other code.
 * So is one that was damaged since. */
static int check_place(struct install *i)
{
    struct rh_package package = {.image = {.fd = -1}};
    struct rh_error damage = RH_ERROR_INIT;
    bool is_same = false;
    struct stat st;

    if (stat(i->place, &st) != 0)
        return RH_OK;
    if (open_package(i, i->place, &package, &damage) != RH_OK)
        rh_fail(i->error, RH_EXISTS, "%s %s is installed already, but not whole: %s",
                i->manifest.id, i->manifest.version, damage.message);
    else if (rh_cli_package_is_same(i->from, i->place, &is_same, i->error) == RH_OK && !is_same)
        rh_fail(i->error, RH_EXISTS, "%s %s is installed already, and is not the same",
                i->manifest.id, i->manifest.version);
    i->was_there = is_same;
    if (i->error->error_class != RH_EXISTS)
        return i->error->error_class;
    return rh_error_hint(i->error,
                         "give what has changed another version, or remove the old one: "
                         "rowhouse connector remove %s@%s",
                         i->manifest.id, i->manifest.version);
}

static int copy(struct install *i)
{
    const char *parent = rh_arena_printf(i->arena, "%s/%s", i->temporary, i->manifest.id);
    int rc = parent ? rh_cli_folder_make(parent, i->error) : rh_fail_nomem(i->error);

    return rc == RH_OK ? rh_cli_package_copy(i->from, &i->manifest, i->copy, i->error) : rc;
}

/* As a server would, but nothing is loaded into this process. */
static int judge(struct install *i)
{
    struct rh_registry_options settings = {.installed = i->temporary,
                                           .trust = i->trust,
                                           .unsigned_ids = i->unsigned_ids,
                                           .isolated_ids = "*"};
    const char *id = rh_arena_printf(i->arena, "%s@%s", i->manifest.id, i->manifest.version);
    const struct rh_library *library = NULL;
    struct rh_registry *registry = NULL;
    int rc = id ? rh_registry_new(&settings, &registry, i->error) : rh_fail_nomem(i->error);

    if (rc == RH_OK)
        rc = rh_registry_get(registry, rh_text_of(id), &library, i->error);
    rh_registry_free(registry);
    return rc;
}

static int move(struct install *i)
{
    const char *parent = rh_arena_printf(i->arena, "%s/%s", i->to, i->manifest.id);
    int rc = parent ? rh_cli_folder_make(parent, i->error) : rh_fail_nomem(i->error);

    if (rc == RH_OK && rename(i->copy, i->place) != 0)
        rc = rh_fail(i->error, RH_CONFIG, "%s: %s", i->place, strerror(errno));
    if (rc == RH_OK)
        rc = rh_cli_folder_sync(parent, i->error);
    return rc == RH_OK ? rh_cli_folder_sync(i->to, i->error) : rc;
}

static int install(struct install *i)
{
    int rc;

    if ((rc = verify(i)) != RH_OK || (rc = name_folders(i)) != RH_OK ||
        (rc = check_place(i)) != RH_OK || i->was_there)
        return rc;
    if ((rc = copy(i)) == RH_OK && (rc = judge(i)) == RH_OK)
        rc = move(i);
    rh_cli_folder_remove(i->temporary, NULL);
    return rc;
}

static int run(struct rh_cli *cli, const struct rh_cli_words *words)
{
    struct rh_error error = RH_ERROR_INIT;
    struct install i = {.arena = cli->arena,
                        .from = words->operands[0],
                        .to = rh_cli_installed("connector install", words, "to"),
                        .trust = rh_cli_trust(words),
                        .unsigned_ids = rh_cli_unsigned(words),
                        .error = &error};

    if (!i.to)
        return RH_CLI_USAGE;
    if (install(&i) != RH_OK)
        return rh_cli_fail(&error);
    printf("%s %s %s%s %s (%s%s%s)\n", i.was_there ? "there already:" : "installed", i.manifest.id,
           i.manifest.version, i.was_there ? "," : "", i.place, rh_trust_level_name(i.level),
           i.signer[0] ? ", signed by " : "", i.signer);
    if (!i.was_there)
        puts("A running server notices within a second.");
    return RH_CLI_OK;
}

const struct rh_cli_command rh_cli_connector_install = {
    .name = "connector install",
    .operands = "PACKAGE",
    .min_operands = 1,
    .max_operands = 1,
    .summary = "put a package where servers find it, if it may run",
    .help = "Verifies the package as `verify` does, loads it once in a process of its own, and\n"
            "copies it to DIR/ID/VERSION in one step. Running servers take it up within a second;\n"
            "other versions stay installed beside it, and datasources that ask for one of them\n"
            "keep it. The same version with other contents is an error.\n\n"
            "Example:\n"
            "  rowhouse connector install packages/acme/1.3.0 --to data/connectors --trust "
            "data/trust\n",
    .options = options,
    .run = run,
};
