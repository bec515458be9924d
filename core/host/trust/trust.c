/*
 * The trust folder: keys and the list of what is revoked, read once into an arena. It may be made
 * of symbolic links (mounted keys often are), because who can write there is trusted anyway; but it
 * must not be open to every user of the machine.
 */
#include "host/trust/parts.h"

#include "base/err.h"
#include "base/text.h"
#include "host/stamp.h"
#include "host/trust/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MAX_BYTES ((size_t)8 << 20)
#define MAX_REVOKED_BYTES ((size_t)1 << 20)
#define FIRST_PARTY "first-party"
#define VENDORS "vendors"
#define REVOKED "revoked"

const char *rh_trust_level_name(enum rh_trust_level level)
{
    static const char *const names[] = {"refused", "unsigned", "vendor", "first-party", "bundled"};

    return (unsigned)level < sizeof(names) / sizeof(names[0]) ? names[level] : "refused";
}

/* ---- Reading ------------------------------------------------------------------------------ */

/* The error of a part becomes one of the trust folder's configuration; memory stays what it is. */
static int fail_part(const char *folder, const char *name, const struct rh_error *cause,
                     struct rh_error *error)
{
    if (cause->error_class == RH_RESOURCE)
        return rh_fail_nomem(error);
    rh_fail(error, RH_CONFIG, "%s/%s: %s", folder, name, cause->message);
    return cause->hint[0] ? rh_error_hint(error, "%s", cause->hint) : RH_CONFIG;
}

static int fail_writable(struct rh_error *error)
{
    rh_fail(error, RH_CONFIG, "every user of this machine can write to it");
    return rh_error_hint(error, "what is trusted must be writable for its owner only: chmod o-w");
}

static int read_part(int folder, const char *name, struct rh_buf *buf, struct rh_error *error)
{
    int rc = rh_trust_file_read(folder, name, 0, buf, error);

    return rc == RH_OK && rh_trust_file_is_writable_by_all(folder, name) ? fail_writable(error)
                                                                         : rc;
}

static int read_key(struct rh_trust *trust, enum rh_trust_level level, int folder, const char *name,
                    struct rh_error *error)
{
    struct rh_trusted_key *key = rh_vec_push(&trust->keys, trust->arena);
    struct rh_buf buf;
    int rc;

    if (!key)
        return rh_fail_nomem(error);
    rh_buf_init(&buf, RH_MINISIGN_MAX_BYTES);
    rc = read_part(folder, name, &buf, error);
    if (rc == RH_OK)
        rc = rh_minisign_read_public(rh_buf_text(&buf), &key->public_key, error);
    rh_buf_free(&buf);
    key->level = level;
    key->name = rh_arena_dup(trust->arena, name, strlen(name) - strlen(".pub"));
    return rc == RH_OK && !key->name ? rh_fail_nomem(error) : rc;
}

/* All keys of an open folder. *ret_bad: the file that cannot be understood. */
static int read_keys(struct rh_trust *trust, enum rh_trust_level level, DIR *keys,
                     char ret_bad[NAME_MAX + 1], struct rh_error *error)
{
    struct dirent *file;
    int rc = RH_OK;

    if (rh_trust_is_writable_by_all(dirfd(keys)))
        return fail_writable(error);
    while (rc == RH_OK && (file = readdir(keys))) {
        struct rh_text name = rh_text_of(file->d_name);

        if (name.data[0] == '.' || !rh_text_ends(name, ".pub"))
            continue;
        rc = read_key(trust, level, dirfd(keys), file->d_name, error);
        if (rc != RH_OK)
            snprintf(ret_bad, NAME_MAX + 1, "%s", file->d_name);
    }
    return rc;
}

static int read_level(struct rh_trust *trust, const char *folder, int at, const char *name,
                      enum rh_trust_level level, struct rh_error *error)
{
    struct rh_error failed = RH_ERROR_INIT;
    char bad[NAME_MAX + 1] = "", part[NAME_MAX + 32];
    int rc, fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *keys = fd < 0 ? NULL : fdopendir(fd);

    if (!keys) {
        if (fd >= 0)
            close(fd);
        return errno == ENOENT ? RH_OK
                               : rh_fail(error, errno == ENOMEM ? RH_RESOURCE : RH_CONFIG,
                                         "%s/%s: %s", folder, name, strerror(errno));
    }
    rc = read_keys(trust, level, keys, bad, &failed);
    closedir(keys);
    if (rc == RH_OK)
        return RH_OK;
    snprintf(part, sizeof(part), "%s%s%s", name, *bad ? "/" : "", bad);
    return fail_part(folder, part, &failed, error);
}

static int read_revoked(struct rh_trust *trust, const char *folder, int at, struct rh_error *error)
{
    struct rh_error failed = RH_ERROR_INIT;
    struct rh_buf buf;
    int rc;

    rh_buf_init(&buf, MAX_REVOKED_BYTES);
    rc = read_part(at, REVOKED, &buf, &failed);
    if (rc == RH_OK)
        rc = rh_revoked_read(trust->arena, rh_buf_text(&buf), &trust->revoked, &failed);
    rh_buf_free(&buf);
    if (rc == RH_OK || rc == RH_NOT_FOUND)
        return RH_OK;
    return fail_part(folder, REVOKED, &failed, error);
}

static int read_folder(struct rh_trust *trust, const char *folder, struct rh_error *error)
{
    struct rh_error failed = RH_ERROR_INIT;
    int at = -1;
    int rc = rh_trust_folder_open(folder, 0, &at, &failed);

    if (rc == RH_NOT_FOUND)
        return RH_OK;
    if (rc != RH_OK)
        return rh_fail(error, RH_CONFIG, "%s: %s", folder, failed.message);
    if (rh_trust_is_writable_by_all(at)) {
        fail_writable(error);
        rc = rh_error_prefix(error, "%s", folder);
    }
    if (rc == RH_OK)
        rc = read_level(trust, folder, at, FIRST_PARTY, RH_TRUST_FIRST_PARTY, error);
    if (rc == RH_OK)
        rc = read_level(trust, folder, at, VENDORS, RH_TRUST_VENDOR, error);
    if (rc == RH_OK)
        rc = read_revoked(trust, folder, at, error);
    close(at);
    return rc;
}

int rh_trust_open(const char *folder, const char *unsigned_ids, struct rh_trust **ret_trust,
                  struct rh_error *error)
{
    struct rh_arena *arena = rh_arena_new(MAX_BYTES);
    struct rh_trust *trust = arena ? rh_arena_alloc(arena, sizeof(*trust)) : NULL;
    int rc;

    if (!trust || sodium_init() < 0) {
        rh_arena_free(arena);
        return rh_fail_nomem(error);
    }
    *trust = (struct rh_trust){.arena = arena, .keys = RH_VEC_INIT(struct rh_trusted_key)};
    trust->unsigned_ids =
        unsigned_ids ? rh_arena_dup(arena, unsigned_ids, strlen(unsigned_ids)) : "";
    rc = trust->unsigned_ids ? RH_OK : rh_fail_nomem(error);
    if (rc == RH_OK && folder)
        rc = read_folder(trust, folder, error);
    if (rc != RH_OK) {
        rh_trust_free(trust);
        return rc;
    }
    *ret_trust = trust;
    return RH_OK;
}

void rh_trust_free(struct rh_trust *trust)
{
    if (trust)
        rh_arena_free(trust->arena);
}

uint64_t rh_trust_stamp(const char *folder)
{
    uint64_t stamp = folder ? rh_stamp_folder(folder) : 0;
    char *keys = NULL;

    for (unsigned i = 0; stamp && i < 2; i++) {
        if (asprintf(&keys, "%s/%s", folder, i ? VENDORS : FIRST_PARTY) < 0)
            continue;
        stamp += rh_stamp_folder(keys) * (i + 2);
        free(keys);
    }
    return stamp;
}

/* ---- Asking ------------------------------------------------------------------------------- */

bool rh_trust_list_has(const char *list, const char *id)
{
    size_t n = strlen(id);

    while (*list) {
        size_t word;

        list += strspn(list, ", \t");
        word = strcspn(list, ", \t");
        if (word == n && memcmp(list, id, n) == 0)
            return true;
        list += word;
    }
    return false;
}
