/*
 * rowhouse connector verify: whether a package may run, and as what. Judges as a server with the
 * same trust folder does, but loads nothing.
 */
#include "cli/connector.h"

#include "base/err.h"
#include "base/text.h"
#include "cli/files.h"
#include "cli/package.h"
#include "cli/plain.h"
#include "host/trust/trust.h"

#include <stdlib.h>

static const struct rh_cli_option options[] = {
    {"trust", "DIR", "the trust folder; without it, ROWHOUSE_TRUST", 0},
    {"unsigned", "IDS", "ids that may run unsigned; without it, ROWHOUSE_UNSIGNED_CONNECTORS", 0},
    {0},
};

static void line(const char *name, const char *value)
{
    printf("%-12s ", name);
    rh_plain_print(stdout, rh_text_of(value), 0);
    putchar('\n');
}

static void list_of(const char *name, const char *const *texts, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        line(i ? "" : name, texts[i]);
}

static void print_permissions(const struct rh_sandbox *permissions)
{
    line("network", permissions->network ? "yes" : "no");
    for (uint32_t i = 0; i < permissions->n_ports; i++)
        printf("%-12s %u\n", i ? "" : "  ports", permissions->ports[i]);
    list_of("  hosts", permissions->hosts, permissions->n_hosts);
    list_of("reads", permissions->read_paths, permissions->n_read_paths);
    list_of("writes", permissions->write_paths, permissions->n_write_paths);
    printf("%-12s %llu MiB\n", "memory",
           (unsigned long long)(rh_sandbox_memory(permissions) >> 20));
}

/* Each file of the manifest, whether or not the package as a whole passes. */
static void print_files(const char *folder, const struct rh_manifest *manifest)
{
    for (uint32_t i = 0; i < manifest->n_files; i++) {
        const struct rh_manifest_file *file = &manifest->files[i];
        struct rh_image image = {.fd = -1};
        struct rh_error error = RH_ERROR_INIT;
        int rc = rh_package_read_file(folder, file, &image, &error);

        printf("%-12s %s, %llu bytes: %s\n", i ? "" : "files", file->name,
               (unsigned long long)file->n_bytes, rc == RH_OK ? "as signed" : error.message);
        rh_image_close(&image);
    }
}

static void print_package(const char *folder, const struct rh_package *package)
{
    const struct rh_manifest *manifest = &package->manifest;
    bool in_process = manifest->in_process && package->level == RH_TRUST_FIRST_PARTY;

    line("package", manifest->id);
    line("version", manifest->version);
    if (manifest->title[0])
        line("title", manifest->title);
    line("level", rh_trust_level_name(package->level));
    if (package->signer[0]) {
        line("signer", package->signer);
        line("key", package->key);
    }
    line("runs", in_process ? "in-process" : "isolated");
    if (!in_process)
        print_permissions(&manifest->permissions);
    print_files(folder, manifest);
}

/* What can be said of a package that is refused, where its manifest can be read at all. */
static void print_refused(struct rh_arena *arena, const char *folder)
{
    struct rh_manifest manifest;
    struct rh_buf buf;
    char *path = NULL;

    if (asprintf(&path, "%s/" RH_PACKAGE_MANIFEST, folder) < 0)
        return;
    rh_buf_init(&buf, RH_MANIFEST_MAX_BYTES);
    if (rh_cli_file_read(path, &buf, NULL) == RH_OK &&
        rh_manifest_parse(arena, rh_buf_text(&buf), &manifest, NULL) == RH_OK) {
        line("package", manifest.id);
        line("version", manifest.version);
        line("level", rh_trust_level_name(RH_TRUST_REFUSED));
        print_files(folder, &manifest);
    }
    rh_buf_free(&buf);
    free(path);
}

static int run(struct rh_cli *cli, const struct rh_cli_words *words)
{
    const char *folder = words->operands[0];
    struct rh_package package = {.image = {.fd = -1}};
    struct rh_error error = RH_ERROR_INIT;
    struct rh_trust *trust = NULL;
    int rc;

    rc = rh_trust_open(rh_cli_trust(words), rh_cli_unsigned(words), &trust, &error);
    if (rc == RH_OK)
        rc = rh_trust_open_package(trust, cli->arena, folder, &package, &error);
    if (rc == RH_OK)
        print_package(folder, &package);
    else
        print_refused(cli->arena, folder);
    rh_package_close(&package);
    rh_trust_free(trust);
    return rc == RH_OK ? RH_CLI_OK : rh_cli_fail(&error);
}

const struct rh_cli_command rh_cli_connector_verify = {
    .name = "connector verify",
    .operands = "PACKAGE",
    .min_operands = 1,
    .max_operands = 1,
    .summary = "whether a package may run, and as what",
    .help = "Checks the signature, the manifest, the hash of every file and the list of what is\n"
            "revoked. Nothing of the connector is run. Exit status 1 when it is refused.\n\n"
            "Levels: first-party (may run inside of the server), vendor (runs isolated), unsigned\n"
            "(named by you; runs isolated), refused.\n\n"
            "Example:\n"
            "  rowhouse connector verify packages/acme/1.3.0 --trust /etc/rowhouse/trust\n",
    .options = options,
    .run = run,
};
