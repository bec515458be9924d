/*
 * rowhouse connector sign: makes a package of a connector, or renews one, and signs it.
 *
 * A connector is described in a child process, so that signing runs nothing of it here. From a file
 * *.so a package is made, with a manifest of what the connector says and what the options permit.
 * In a folder that has a manifest.json already, what the author wrote there is kept; the files and
 * their hashes are always taken anew.
 */
#include "cli/connector.h"

#include "base/err.h"
#include "base/vec.h"
#include "cli/files.h"
#include "cli/manifest_draft.h"
#include "cli/package.h"
#include "cli/passphrase.h"
#include "host/isolation/isolation.h"
#include "host/trust/minisign.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define KEY_BYTES ((size_t)4096)

static const struct rh_cli_option options[] = {
    {"key", "FILE", "the secret key (rowhouse connector keygen, or minisign -G)", 0},
    {"passphrase-file", "FILE", "its passphrase; without it, one is asked for when needed", 0},
    {"manifest", "FILE", "of a .so: the manifest.json to take permissions and names from", 0},
    {"out", "DIR", "where the package DIR/ID/VERSION is made of a .so; default .", 0},
    {"network", NULL, "permission: open sockets", 0},
    {"port", "N", "permission: to these TCP ports only", 1},
    {"host", "NAME", "permission: HTTP to these hosts only (name, *.suffix, range)", 1},
    {"read", "PATH", "permission: read this file or folder", 1},
    {"write", "PATH", "permission: write this file or folder", 1},
    {"memory", "MIB", "permission: this much memory; default 512", 0},
    {"in-process", NULL, "asks to run inside of the server (first-party keys only)", 0},
    {0},
};

struct sign {
    struct rh_arena *arena;
    const struct rh_cli_words *words;
    struct rh_minisign_secret key;
    const char *folder; /* of the package */
    struct rh_manifest manifest;
    struct rh_error *error;
};

/* ---- Key ---------------------------------------------------------------------------------- */

static int read_key(struct sign *s)
{
    const char *path = rh_cli_value(s->words, "key");
    struct rh_buf text, passphrase = {0};
    int rc;

    if (!path) {
        rh_fail(s->error, RH_CONFIG, "with which key?");
        return rh_error_hint(s->error, "give --key FILE; make one with: rowhouse connector keygen");
    }
    rh_buf_init(&text, KEY_BYTES);
    rc = rh_cli_file_read(path, &text, s->error);
    if (rc == RH_OK && rh_minisign_is_encrypted(rh_buf_text(&text)))
        rc = rh_cli_passphrase_read(rh_cli_value(s->words, "passphrase-file"),
                                    "Passphrase: ", &passphrase, s->error);
    if (rc == RH_OK) {
        rc = rh_minisign_read_secret(rh_buf_text(&text), rh_buf_text(&passphrase), &s->key,
                                     s->error);
        if (rc != RH_OK)
            rh_error_prefix(s->error, "%s", path);
    }
    rh_cli_passphrase_wipe(&text);
    rh_cli_passphrase_wipe(&passphrase);
    return rc;
}

/* ---- Package ------------------------------------------------------------------------------ */

/* What the connector in the image says of itself, in a child. */
static int describe(const char *path, struct rh_image *image, struct rh_library **ret_library,
                    struct rh_error *error)
{
    static const struct rh_sandbox nothing = {0};
    int rc = rh_image_read(path, image, error);

    return rc == RH_OK ? rh_isolation_load(image, &nothing, ret_library, error) : rc;
}

/* A new package of the shared object; s->folder and s->manifest. */
static int make_package(struct sign *s, const char *path)
{
    const char *out = rh_cli_value(s->words, "out"), *parent;
    struct rh_image image = {.fd = -1};
    struct rh_library *library = NULL;
    int rc = describe(path, &image, &library, s->error);

    if (rc == RH_OK)
        rc = rh_cli_draft_of_library(s->arena, s->words, library, &image, &s->manifest, s->error);
    if (rc != RH_OK)
        goto out;
    parent = rh_arena_printf(s->arena, "%s/%s", out ? out : ".", s->manifest.id);
    s->folder = parent ? rh_arena_printf(s->arena, "%s/%s", parent, s->manifest.version) : NULL;
    rc = s->folder ? rh_cli_folder_make(parent, s->error) : rh_fail_nomem(s->error);
    if (rc == RH_OK && mkdir(s->folder, 0755) != 0) {
        rh_fail(s->error, RH_EXISTS, "%s: is there already", s->folder);
        rc = rh_error_hint(s->error, "sign that folder to renew it, or remove it first");
    }
    if (rc == RH_OK)
        rc = rh_cli_package_write_file(s->folder, s->manifest.library, &image, s->error);
out:
    rh_library_free(library);
    rh_image_close(&image);
    return rc;
}

/* The folder as it is, with its hashes taken anew. */
static int renew_package(struct sign *s, const char *folder)
{
    struct rh_image image = {.fd = -1};
    struct rh_library *library = NULL;
    const char *path = NULL;
    int rc;

    s->folder = folder;
    rc = rh_cli_draft_library_path(s->arena, folder, &path, s->error);
    if (rc == RH_OK)
        rc = describe(path, &image, &library, s->error);
    if (rc == RH_OK)
        rc = rh_cli_draft_of_folder(s->arena, s->words, folder, library, &s->manifest, s->error);
    rh_library_free(library);
    rh_image_close(&image);
    return rc;
}

/* ---- Signing ------------------------------------------------------------------------------ */

static int write_to(struct sign *s, const char *name, const struct rh_buf *buf)
{
    const char *path = rh_arena_printf(s->arena, "%s/%s", s->folder, name);

    if (!path || buf->failed)
        return rh_fail_nomem(s->error);
    return rh_cli_file_write(path, 0644, true, rh_buf_text(buf), s->error);
}

/* The signature goes first when the folder had one: until both are there, neither fits. */
static int sign(struct sign *s)
{
    struct rh_buf json, signature;
    const char *comment = rh_arena_printf(
        s->arena, "timestamp:%lld\tfile:" RH_PACKAGE_MANIFEST "\tconnector:%s %s\thashed",
        (long long)time(NULL), s->manifest.id, s->manifest.version);
    int rc = comment ? RH_OK : rh_fail_nomem(s->error);

    rh_buf_init(&json, RH_MANIFEST_MAX_BYTES);
    rh_buf_init(&signature, RH_MINISIGN_MAX_BYTES);
    rh_manifest_write(&s->manifest, &json);
    if (rc == RH_OK)
        rc = rh_minisign_sign(&s->key, rh_buf_text(&json), comment, &signature, s->error);
    if (rc == RH_OK)
        rc = write_to(s, RH_PACKAGE_SIGNATURE, &signature);
    if (rc == RH_OK)
        rc = write_to(s, RH_PACKAGE_MANIFEST, &json);
    rh_buf_free(&json);
    rh_buf_free(&signature);
    return rc;
}

static int run(struct rh_cli *cli, const struct rh_cli_words *words)
{
    const char *path = words->operands[0];
    struct rh_error error = RH_ERROR_INIT;
    struct sign s = {.arena = cli->arena, .words = words, .error = &error};
    struct stat st;
    char key[17];
    int rc = sodium_init() < 0 ? rh_fail_nomem(&error) : read_key(&s);

    if (rc == RH_OK && stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        rc = renew_package(&s, path);
    else if (rc == RH_OK)
        rc = make_package(&s, path);
    if (rc == RH_OK)
        rc = sign(&s);
    rh_minisign_key_name(s.key.key_id, key);
    sodium_memzero(&s.key, sizeof(s.key));
    if (rc != RH_OK)
        return rh_cli_fail(&error);
    printf("signed %s %s in %s with the key %s\n", s.manifest.id, s.manifest.version, s.folder,
           key);
    return RH_CLI_OK;
}

const struct rh_cli_command rh_cli_connector_sign = {
    .name = "connector sign",
    .operands = "FOLDER|FILE.so",
    .min_operands = 1,
    .max_operands = 1,
    .summary = "make a signed package of a connector, or renew one",
    .help =
        "Of a shared object, the package DIR/ID/VERSION is made: the connector, manifest.json with "
        "what\n"
        "it is and may do, and the signature manifest.json.minisig. The permissions count when it\n"
        "runs isolated, which is the rule; what is not permitted here, it cannot do there.\n"
        "They are given as options, or as the manifest.json of `rowhouse connector new`.\n\n"
        "A folder is signed as it is: edit its manifest.json (permissions, run), add files (a "
        "licence),\n"
        "then sign it again. Files and hashes are always taken anew.\n\n"
        "Signature and keys are minisign's: `minisign -V -p acme.pub -m manifest.json` verifies "
        "it.\n\n"
        "Example:\n"
        "  rowhouse connector sign build/acme.so --key acme.key --out packages --network --port "
        "443\n",
    .options = options,
    .run = run,
};
