/*
 * rowhouse connector keygen: a pair of keys. Never overwrites one: a secret key that is lost cannot
 * be had again, and one that is replaced is lost.
 */
#include "cli/connector.h"

#include "base/err.h"
#include "cli/files.h"
#include "cli/passphrase.h"
#include "host/trust/minisign.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEY_BYTES ((size_t)4096)

static const struct rh_cli_option options[] = {
    {"passphrase", NULL, "protect the secret key with a passphrase, asked for at the terminal", 0},
    {"passphrase-file", "FILE", "the same, taken from the first line of this file", 0},
    {0},
};

static int read_passphrase(const struct rh_cli_words *words, struct rh_buf *passphrase,
                           struct rh_error *error)
{
    const char *path = rh_cli_value(words, "passphrase-file");
    struct rh_buf again = {0};
    int rc;

    if (!path && !rh_cli_value(words, "passphrase"))
        return RH_OK;
    rc = rh_cli_passphrase_read(path, "Passphrase: ", passphrase, error);
    if (rc == RH_OK && !path) {
        rc = rh_cli_passphrase_read(NULL, "Once more: ", &again, error);
        if (rc == RH_OK &&
            (again.len != passphrase->len || memcmp(again.data, passphrase->data, again.len) != 0))
            rc = rh_fail(error, RH_AUTH, "the two passphrases differ");
        rh_cli_passphrase_wipe(&again);
    }
    if (rc == RH_OK && passphrase->len == 0)
        rc = rh_fail(error, RH_AUTH, "the passphrase is empty");
    return rc;
}

/* The public key first: a secret key that lacks it is of no use. */
static int write_keys(const char *name, struct rh_text secret, struct rh_text public_key,
                      struct rh_error *error)
{
    char *key = NULL, *pub = NULL;
    int rc;

    if (asprintf(&key, "%s.key", name) < 0 || asprintf(&pub, "%s.pub", name) < 0) {
        free(key);
        return rh_fail_nomem(error);
    }
    rc = access(key, F_OK) == 0 ? rh_fail(error, RH_EXISTS, "%s: is there already", key)
                                : rh_cli_file_write(pub, 0644, false, public_key, error);
    if (rc == RH_OK) {
        rc = rh_cli_file_write(key, 0600, false, secret, error);
        if (rc != RH_OK)
            unlink(pub);
    }
    free(key);
    free(pub);
    return rc == RH_EXISTS ? rh_error_hint(error, "keys are never overwritten: take another name")
                           : rc;
}

static int run(struct rh_cli *cli, const struct rh_cli_words *words)
{
    const char *name = words->operands[0];
    struct rh_minisign_public public_key;
    struct rh_minisign_secret secret_key;
    struct rh_error error = RH_ERROR_INIT;
    struct rh_buf passphrase = {0}, secret, public_text;
    char id[17];
    int rc;

    if (sodium_init() < 0)
        return RH_CLI_FAILED;
    rh_buf_init(&secret, KEY_BYTES);
    rh_buf_init(&public_text, KEY_BYTES);
    rc = read_passphrase(words, &passphrase, &error);
    if (rc == RH_OK) {
        rh_minisign_make(&public_key, &secret_key);
        rh_minisign_write_public(&public_key, &public_text);
        rc = rh_minisign_write_secret(&secret_key, rh_buf_text(&passphrase), &secret, &error);
    }
    if (rc == RH_OK && (secret.failed || public_text.failed))
        rc = rh_fail_nomem(&error);
    if (rc == RH_OK)
        rc = write_keys(name, rh_buf_text(&secret), rh_buf_text(&public_text), &error);
    if (rc == RH_OK) {
        rh_minisign_key_name(public_key.key_id, id);
        printf("key %s\n  %s.key  secret: keep it, and keep it to yourself%s\n"
               "  %s.pub  public: whoever trusts you puts it into a trust folder\n",
               id, name, passphrase.len ? "" : " (it has no passphrase)", name);
    }
    sodium_memzero(&secret_key, sizeof(secret_key));
    rh_cli_passphrase_wipe(&secret);
    rh_cli_passphrase_wipe(&passphrase);
    rh_buf_free(&public_text);
    return rc == RH_OK ? RH_CLI_OK : rh_cli_fail(&error);
}

const struct rh_cli_command rh_cli_connector_keygen = {
    .name = "connector keygen",
    .operands = "NAME",
    .min_operands = 1,
    .max_operands = 1,
    .summary = "make a pair of keys to sign connectors with",
    .help =
        "Writes NAME.key (secret, for you only) and NAME.pub (public), in the format of minisign.\n"
        "Existing files are never overwritten.\n\n"
        "Operators who trust you put NAME.pub into the folder vendors/ of their trust folder; "
        "your\n"
        "connectors then run there, isolated. Keys in first-party/ are for connectors of their "
        "own\n"
        "house, which may run inside of the server.\n\n"
        "Example:\n"
        "  rowhouse connector keygen acme\n"
        "  rowhouse connector sign build/acme.so --key acme.key --out packages\n",
    .options = options,
    .run = run,
};
