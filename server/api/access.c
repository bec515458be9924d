/*
 * Keys are compared by hash, in constant time; only the hash stays in memory.
 */
#include "server/api/access.h"

#include "base/err.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define KEY_PREFIX "rh_"
#define KEY_RANDOM_BYTES 32
#define KEY_MAX 512

static void hash_key(struct rh_text key, uint8_t ret_hash[RH_ACCESS_HASH_BYTES])
{
    crypto_generichash(ret_hash, RH_ACCESS_HASH_BYTES, (const uint8_t *)key.data, key.len, NULL, 0);
}

static char *make_key(void)
{
    uint8_t random[KEY_RANDOM_BYTES];
    size_t size =
        sizeof(KEY_PREFIX) +
        sodium_base64_ENCODED_LEN(KEY_RANDOM_BYTES, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    char *key = malloc(size);

    if (!key)
        return NULL;
    randombytes_buf(random, sizeof(random));
    memcpy(key, KEY_PREFIX, sizeof(KEY_PREFIX) - 1);
    sodium_bin2base64(key + sizeof(KEY_PREFIX) - 1, size - (sizeof(KEY_PREFIX) - 1), random,
                      sizeof(random), sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    sodium_memzero(random, sizeof(random));
    return key;
}

/* NOT_FOUND when there is no file. */
static int read_key(const char *path, char **ret_key, struct rh_error *error)
{
    char text[KEY_MAX];
    struct rh_text key;
    ssize_t n;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0 && errno == ENOENT)
        return RH_NOT_FOUND;
    n = fd < 0 ? -1 : read(fd, text, sizeof(text));
    if (fd >= 0)
        close(fd);
    if (n < 0)
        return rh_fail(error, RH_CONFIG, "cannot read %s: %s", path, strerror(errno));
    key = rh_text_trim(rh_text_make(text, (size_t)n));
    if (key.len < RH_ACCESS_MIN_KEY)
        return rh_fail(error, RH_CONFIG, "%s holds no key of at least %d characters", path,
                       RH_ACCESS_MIN_KEY);
    *ret_key = strndup(key.data, key.len);
    sodium_memzero(text, sizeof(text));
    return *ret_key ? RH_OK : rh_fail_nomem(error);
}

static int write_key(const char *path, const char *key, struct rh_error *error)
{
    size_t n = strlen(key);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool done =
        fd >= 0 && write(fd, key, n) == (ssize_t)n && write(fd, "\n", 1) == 1 && fsync(fd) == 0;
    int failed = errno;

    if (fd >= 0)
        close(fd);
    return done ? RH_OK : rh_fail(error, RH_CONFIG, "cannot write %s: %s", path, strerror(failed));
}

static int find_key(const char *folder, const char *configured, char **ret_key, bool *ret_made,
                    struct rh_error *error)
{
    char *path = NULL, *key = NULL;
    int rc;

    if (*configured) {
        *ret_key = strdup(configured);
        return *ret_key ? RH_OK : rh_fail_nomem(error);
    }
    if (asprintf(&path, "%s/admin.key", folder) < 0)
        return rh_fail_nomem(error);
    rc = read_key(path, &key, error);
    if (rc == RH_NOT_FOUND) {
        key = make_key();
        rc = key ? write_key(path, key, error) : rh_fail_nomem(error);
        *ret_made = rc == RH_OK;
    }
    free(path);
    if (rc != RH_OK) {
        free(key);
        return rc;
    }
    *ret_key = key;
    return RH_OK;
}

int rh_access_open(struct rh_access *ret_access, const char *folder, const char *configured,
                   char **ret_key, bool *ret_made, struct rh_error *error)
{
    char *key = NULL;
    int rc;

    *ret_made = false;
    if (*configured && strlen(configured) < RH_ACCESS_MIN_KEY)
        return rh_fail(error, RH_CONFIG, "admin_key must have at least %d characters",
                       RH_ACCESS_MIN_KEY);
    rc = find_key(folder, configured, &key, ret_made, error);
    if (rc != RH_OK)
        return rc;
    hash_key(rh_text_of(key), ret_access->admin_hash);
    *ret_key = key;
    return RH_OK;
}

/* No text when there are none. */
static struct rh_text credentials_of(const struct rh_web_request *request)
{
    struct rh_text value = rh_web_request_header(request, "Authorization");
    struct rh_text scheme;

    if (!value.data)
        return rh_web_request_header(request, "X-Api-Key");
    scheme = rh_text_cut(&value, ' ');
    if (scheme.len != 6 || rh_text_distance(scheme, RH_TEXT("bearer"), 1) != 0 || !value.data)
        return (struct rh_text){NULL, 0};
    return rh_text_trim(value);
}

int rh_access_check(const struct rh_access *access, const struct rh_command *command,
                    const struct rh_web_request *request, struct rh_error *error)
{
    uint8_t hash[RH_ACCESS_HASH_BYTES];
    struct rh_text key;

    if (command->permission == RH_PUBLIC)
        return RH_OK;
    key = credentials_of(request);
    if (key.data) {
        hash_key(key, hash);
        if (sodium_memcmp(hash, access->admin_hash, sizeof(hash)) == 0)
            return RH_OK;
        rh_fail(error, RH_PERMISSION, "the API key is not known");
    } else {
        rh_fail(error, RH_PERMISSION, "this needs an API key");
        rh_error_hint(error, "send it as \"Authorization: Bearer <key>\" or \"X-Api-Key: <key>\"");
    }
    return rh_error_code(error, "unauthorized");
}
