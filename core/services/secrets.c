/*
 * Keys: master (environment or file) → wraps the data key (file) → seals every secret.
 * Algorithm: libsodium's crypto_aead_xchacha20poly1305_ietf, random 24-byte nonces, the context as
 * additional data. Rotating the master key re-wraps the data key only.
 */
#include "services/secrets.h"

#include "base/err.h"
#include "base/rand.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEY_BYTES crypto_aead_xchacha20poly1305_ietf_KEYBYTES
#define NONCE_BYTES crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG_BYTES crypto_aead_xchacha20poly1305_ietf_ABYTES
#define PREFIX "secret:v1:"
#define SECRET_MAX_BYTES ((size_t)64 << 10)
#define FILE_MAX_BYTES 4096
#define MASTER_FILE "master.key"
#define DATA_FILE "data.key"
#define MASTER_VARIABLE "ROWHOUSE_MASTER_KEY"
#define VARIANT sodium_base64_VARIANT_URLSAFE_NO_PADDING

struct rh_secrets {
    uint8_t data_key[KEY_BYTES];
};

/* ---- Sealing with a given key ------------------------------------------------------------ */

static int seal(const uint8_t key[KEY_BYTES], struct rh_text clear, const char *context,
                char **ret_sealed, struct rh_error *error)
{
    if (clear.len > SECRET_MAX_BYTES)
        return rh_fail(error, RH_INVALID, "a secret has at most %zu bytes", SECRET_MAX_BYTES);
    size_t box_bytes = NONCE_BYTES + clear.len + TAG_BYTES;
    size_t text_bytes = sizeof(PREFIX) - 1 + sodium_base64_ENCODED_LEN(box_bytes, VARIANT);
    uint8_t *box = malloc(box_bytes);
    char *text = malloc(text_bytes);
    if (!box || !text) {
        free(box);
        free(text);
        return rh_fail_nomem(error);
    }
    randombytes_buf(box, NONCE_BYTES);
    crypto_aead_xchacha20poly1305_ietf_encrypt(box + NONCE_BYTES, NULL, (const uint8_t *)clear.data,
                                               clear.len, (const uint8_t *)context, strlen(context),
                                               NULL, box, key);
    memcpy(text, PREFIX, sizeof(PREFIX) - 1);
    sodium_bin2base64(text + sizeof(PREFIX) - 1, text_bytes - (sizeof(PREFIX) - 1), box, box_bytes,
                      VARIANT);
    free(box);
    *ret_sealed = text;
    return RH_OK;
}

/* libsodium's decoder takes some bytes above 127 for letters: a sealed text has one spelling. */
static bool is_base64url(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (text[i] != '-' && text[i] != '_' && !(text[i] >= '0' && text[i] <= '9') &&
            !(text[i] >= 'A' && text[i] <= 'Z') && !(text[i] >= 'a' && text[i] <= 'z'))
            return false;
    return true;
}

static int unseal(const uint8_t key[KEY_BYTES], struct rh_text sealed, const char *context,
                  char **ret_clear, size_t *ret_len, struct rh_error *error)
{
    const char *end = NULL;
    size_t n = 0;
    if (!rh_secrets_is_sealed(sealed) || sealed.len > SECRET_MAX_BYTES * 2)
        return rh_fail(error, RH_CONFIG, "a sealed secret is malformed");
    const char *text = sealed.data + sizeof(PREFIX) - 1;
    size_t text_bytes = sealed.len - (sizeof(PREFIX) - 1);
    uint8_t *box = malloc(text_bytes + 1);
    char *clear = malloc(text_bytes + 1);
    int rc = RH_OK;
    if (!box || !clear)
        rc = rh_fail_nomem(error);
    else if (!is_base64url(text, text_bytes) ||
             sodium_base642bin(box, text_bytes, text, text_bytes, NULL, &n, &end, VARIANT) != 0 ||
             end != text + text_bytes || n < NONCE_BYTES + TAG_BYTES ||
             crypto_aead_xchacha20poly1305_ietf_decrypt(
                 (uint8_t *)clear, NULL, NULL, box + NONCE_BYTES, n - NONCE_BYTES,
                 (const uint8_t *)context, strlen(context), box, key) != 0)
        rc = rh_fail(error, RH_CONFIG, "a sealed secret cannot be opened with this key");
    free(box);
    if (rc != RH_OK) {
        free(clear);
        return rc;
    }
    n -= NONCE_BYTES + TAG_BYTES;
    clear[n] = '\0';
    *ret_clear = clear;
    if (ret_len)
        *ret_len = n;
    return RH_OK;
}

/* ---- Key files --------------------------------------------------------------------------- */

/* Reads a small text file without its trailing newline. NOT_FOUND when there is none. */
static int read_key_file(int folder, const char *name, char ret_text[FILE_MAX_BYTES],
                         struct rh_error *error)
{
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return rh_fail(error, errno == ENOENT ? RH_NOT_FOUND : RH_CONFIG, "%s: %s", name,
                       strerror(errno));
    ssize_t n = read(fd, ret_text, FILE_MAX_BYTES - 1);
    int problem = errno;
    close(fd);
    if (n < 0)
        return rh_fail(error, RH_CONFIG, "%s: %s", name, strerror(problem));
    while (n > 0 && (ret_text[n - 1] == '\n' || ret_text[n - 1] == '\r'))
        n--;
    ret_text[n] = '\0';
    return RH_OK;
}

static bool file_exists(int folder, const char *name)
{
    return faccessat(folder, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* What is acknowledged is sealed with these keys, so they must be durable first. Some file systems
 * cannot sync a folder and say so with EINVAL. */
static bool sync_folder(int folder)
{
    return fsync(folder) == 0 || errno == EINVAL;
}

/* Writes a new file, mode 0600, durable before it gets its name. EXISTS when there is one. The name
 * until then is random: processes in different containers may share folder and process number. */
static int write_key_file(int folder, const char *name, const char *text, struct rh_error *error)
{
    char id[RH_ID_SIZE], temporary[64];
    size_t n = strlen(text);
    rh_id_make(id);
    snprintf(temporary, sizeof(temporary), ".%s.%s", name, id);
    int fd = openat(folder, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return rh_fail(error, RH_CONFIG, "%s: %s", name, strerror(errno));
    errno = EIO; /* of a short write */
    bool written = write(fd, text, n) == (ssize_t)n && fsync(fd) == 0;
    int problem = errno;
    close(fd);
    int rc = RH_OK;
    if (!written)
        rc = rh_fail(error, RH_CONFIG, "%s: %s", name, strerror(problem));
    else if (linkat(folder, temporary, folder, name, 0) != 0)
        rc = rh_fail(error, errno == EEXIST ? RH_EXISTS : RH_CONFIG, "%s: %s", name,
                     strerror(errno));
    unlinkat(folder, temporary, 0);
    if (rc == RH_OK && !sync_folder(folder))
        rc = rh_fail(error, RH_CONFIG, "%s: %s", name, strerror(errno));
    return rc;
}

static int parse_hex_key(const char *text, const char *where, uint8_t ret_key[KEY_BYTES],
                         struct rh_error *error)
{
    size_t n = 0;
    const char *end = NULL;
    if (strlen(text) != KEY_BYTES * 2 ||
        sodium_hex2bin(ret_key, KEY_BYTES, text, strlen(text), NULL, &n, &end) != 0 || *end ||
        n != KEY_BYTES)
        return rh_fail(error, RH_CONFIG, "%s must be %d hexadecimal digits", where,
                       (int)KEY_BYTES * 2);
    return RH_OK;
}

/* Makes master.key; when another process is faster, its key counts. */
static int make_master_key(int folder, char ret_text[FILE_MAX_BYTES], struct rh_error *error)
{
    uint8_t key[KEY_BYTES];
    randombytes_buf(key, KEY_BYTES);
    sodium_bin2hex(ret_text, FILE_MAX_BYTES, key, KEY_BYTES);
    sodium_memzero(key, sizeof(key));
    int rc = write_key_file(folder, MASTER_FILE, ret_text, error);
    if (rc == RH_EXISTS) {
        rh_error_clear(error);
        rc = read_key_file(folder, MASTER_FILE, ret_text, error);
    }
    return rc;
}

static int master_key(int folder, uint8_t ret_key[KEY_BYTES], struct rh_error *error)
{
    const char *given = getenv(MASTER_VARIABLE);
    if (given && *given) {
        int rc = parse_hex_key(given, MASTER_VARIABLE, ret_key, error);
        return rc == RH_OK ? rc : rh_error_hint(error, "openssl rand -hex 32 makes one");
    }
    char text[FILE_MAX_BYTES];
    /* Looked for first: who makes both makes the master key before it. */
    bool has_data_key = file_exists(folder, DATA_FILE);
    int rc = read_key_file(folder, MASTER_FILE, text, error);
    if (rc == RH_NOT_FOUND && has_data_key) {
        rh_error_clear(error);
        rc = rh_fail(error, RH_CONFIG, "the data folder has secrets but no master key");
        rh_error_hint(error, "set " MASTER_VARIABLE " to the key it was made with, or put "
                             "its " MASTER_FILE " back");
    } else if (rc == RH_NOT_FOUND) {
        rh_error_clear(error);
        rc = make_master_key(folder, text, error);
    }
    if (rc == RH_OK)
        rc = parse_hex_key(text, MASTER_FILE, ret_key, error);
    sodium_memzero(text, sizeof(text));
    return rc;
}

/* Makes data.key and leaves its text; when another process is faster, its key counts. */
static int make_data_key(int folder, const uint8_t master[KEY_BYTES], char ret_text[FILE_MAX_BYTES],
                         struct rh_error *error)
{
    uint8_t fresh[KEY_BYTES];
    char *sealed = NULL;
    randombytes_buf(fresh, KEY_BYTES);
    int rc = seal(master, rh_text_make((const char *)fresh, KEY_BYTES), DATA_FILE, &sealed, error);
    sodium_memzero(fresh, sizeof(fresh));
    if (rc == RH_OK)
        rc = write_key_file(folder, DATA_FILE, sealed, error);
    free(sealed);
    if (rc == RH_EXISTS) {
        rh_error_clear(error);
        rc = RH_OK;
    }
    return rc == RH_OK ? read_key_file(folder, DATA_FILE, ret_text, error) : rc;
}

static int data_key(int folder, const uint8_t master[KEY_BYTES], uint8_t ret_key[KEY_BYTES],
                    struct rh_error *error)
{
    char text[FILE_MAX_BYTES];
    char *clear = NULL;
    size_t n = 0;
    int rc = read_key_file(folder, DATA_FILE, text, error);
    if (rc == RH_NOT_FOUND) {
        rh_error_clear(error);
        rc = make_data_key(folder, master, text, error);
    }
    if (rc != RH_OK)
        return rc;
    rc = unseal(master, rh_text_of(text), DATA_FILE, &clear, &n, error);
    if (rc == RH_OK && n != KEY_BYTES)
        rc = rh_fail(error, RH_CONFIG, DATA_FILE " holds a key of another length");
    if (rc == RH_OK)
        memcpy(ret_key, clear, KEY_BYTES);
    else if (rc == RH_CONFIG) {
        rh_error_prefix(error, DATA_FILE);
        rh_error_hint(error, "the master key is not the one that this data folder was made with");
    }
    if (clear) /* not a text: it may have zeros in it */
        sodium_memzero(clear, n);
    free(clear);
    return rc;
}

/* ---- Public ------------------------------------------------------------------------------ */

int rh_secrets_open(const char *folder, struct rh_secrets **ret_secrets, struct rh_error *error)
{
    uint8_t master[KEY_BYTES] = {0};
    struct rh_error problem = RH_ERROR_INIT;
    struct rh_secrets *secrets = NULL;
    int rc = RH_OK;
    int fd = -1;
    if (sodium_init() < 0) {
        rc = rh_fail(&problem, RH_INTERNAL, "libsodium does not start");
        goto out;
    }
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        rc = rh_fail(&problem, RH_CONFIG, "data folder %s: %s", folder, strerror(errno));
        goto out;
    }
    secrets = calloc(1, sizeof(*secrets));
    rc = secrets ? master_key(fd, master, &problem) : rh_fail_nomem(&problem);
    if (rc == RH_OK)
        rc = data_key(fd, master, secrets->data_key, &problem);
out:
    sodium_memzero(master, sizeof(master));
    if (fd >= 0)
        close(fd);
    if (rc != RH_OK) {
        rh_secrets_close(secrets);
        if (error)
            *error = problem;
        return rc;
    }
    *ret_secrets = secrets;
    return RH_OK;
}

void rh_secrets_close(struct rh_secrets *secrets)
{
    if (!secrets)
        return;
    sodium_memzero(secrets, sizeof(*secrets));
    free(secrets);
}

bool rh_secrets_is_sealed(struct rh_text text)
{
    return rh_text_starts(text, PREFIX);
}

int rh_secrets_seal(struct rh_secrets *secrets, struct rh_text clear, const char *context,
                    char **ret_sealed, struct rh_error *error)
{
    if (clear.len && memchr(clear.data, '\0', clear.len))
        return rh_fail(error, RH_INVALID, "a secret is text without NUL");
    return seal(secrets->data_key, clear, context, ret_sealed, error);
}

int rh_secrets_unseal(struct rh_secrets *secrets, struct rh_text sealed, const char *context,
                      char **ret_clear, struct rh_error *error)
{
    return unseal(secrets->data_key, sealed, context, ret_clear, NULL, error);
}

void rh_secrets_wipe(char *clear)
{
    if (!clear)
        return;
    sodium_memzero(clear, strlen(clear));
    free(clear);
}

void rh_secrets_derive(const struct rh_secrets *secrets, const char *purpose, uint8_t ret_key[32])
{
    crypto_generichash(ret_key, 32, (const uint8_t *)purpose, strlen(purpose), secrets->data_key,
                       KEY_BYTES);
}
