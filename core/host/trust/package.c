/*
 * Verifying a package: signature, manifest, ABI, the folder's contents, every file's hash, the
 * list of what is revoked, in this order, so that nothing of an unknown signer is looked at
 * closely. The library is read once, and the image that was hashed is what the caller loads.
 *
 * Refuses symbolic links and whatever the manifest does not list. An unsigned package that others
 * could have written, folder or file, is refused too; of a signed one it does not matter.
 */
#include "host/trust/parts.h"

#include "base/err.h"
#include "base/text.h"
#include "host/trust/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <rowhouse/connector.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct opening {
    const struct rh_trust *trust;
    struct rh_arena *arena;
    const char *folder;
    int fd; /* of the folder */
    struct rh_buf manifest, signature;
    bool is_signed;
    struct rh_package package;
    struct rh_error *error;
};

/* ---- Signature ---------------------------------------------------------------------------- */

static int read_file(struct opening *o, const char *name, struct rh_buf *buf,
                     struct rh_error *error)
{
    int rc = rh_trust_file_read(o->fd, name, O_NOFOLLOW, buf, error);

    return rc == RH_OK ? RH_OK : rh_error_prefix(error, "%s/%s", o->folder, name);
}

static int fail_unknown_key(const struct opening *o, const char *key)
{
    rh_fail(o->error, RH_PERMISSION, "%s: is signed with the key %s, which is not trusted",
            o->folder, key);
    return rh_error_hint(o->error, "whoever trusts its owner puts the public key into the trust "
                                   "folder: vendors/NAME.pub or first-party/NAME.pub");
}

/* The key that made the signature; of those in both folders, the one that gives less. */
static int find_signer(struct opening *o, const struct rh_minisign_signature *signature)
{
    const struct rh_trusted_key *keys = o->trust->keys.items, *signer = NULL;
    struct rh_error misfit = RH_ERROR_INIT;
    char name[17];

    rh_minisign_key_name(signature->key_id, name);
    for (uint32_t i = 0; i < o->trust->keys.n; i++) {
        const struct rh_trusted_key *key = &keys[i];

        if (memcmp(key->public_key.key_id, signature->key_id, sizeof(signature->key_id)) == 0 &&
            rh_minisign_verify(&key->public_key, signature, rh_buf_text(&o->manifest), &misfit) ==
                RH_OK &&
            (!signer || key->level < signer->level))
            signer = key;
    }
    if (!signer && misfit.error_class)
        return rh_fail(o->error, RH_PERMISSION, "%s: %s: its manifest is not what was signed",
                       o->folder, misfit.message);
    if (!signer)
        return fail_unknown_key(o, name);
    o->package.level = signer->level;
    o->package.signer = rh_arena_dup(o->arena, signer->name, strlen(signer->name));
    o->package.key = rh_arena_dup(o->arena, name, strlen(name));
    return o->package.signer && o->package.key ? RH_OK : rh_fail_nomem(o->error);
}

static int check_signature(struct opening *o)
{
    struct rh_error failed = RH_ERROR_INIT;
    struct rh_minisign_signature signature;
    int rc = read_file(o, RH_PACKAGE_SIGNATURE, &o->signature, &failed);

    if (rc == RH_NOT_FOUND)
        return RH_OK;
    if (rc == RH_RESOURCE)
        return rh_fail_nomem(o->error);
    if (rc != RH_OK)
        return rh_fail(o->error, rc, "%s", failed.message);
    o->is_signed = true;
    rc = rh_minisign_read_signature(rh_buf_text(&o->signature), &signature, o->error);
    if (rc != RH_OK)
        return rh_error_prefix(o->error, "%s/" RH_PACKAGE_SIGNATURE, o->folder);
    return find_signer(o, &signature);
}

/* Nobody but root and ourselves has put something into it; the folder itself is ".". */
static int check_ours(const struct opening *o, const char *name)
{
    int fd = openat(o->fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    bool is_folder = strcmp(name, ".") == 0;
    struct stat st;
    bool ours = fd >= 0 && fstat(fd, &st) == 0 && (st.st_uid == 0 || st.st_uid == geteuid()) &&
                !rh_trust_is_writable_by_all(fd);

    if (fd >= 0)
        close(fd);
    if (ours)
        return RH_OK;
    rh_fail(o->error, RH_PERMISSION, "%s%s%s: is not signed, and others could have written it",
            o->folder, is_folder ? "" : "/", is_folder ? "" : name);
    return rh_error_hint(o->error, "it must belong to root or to the server's user, and be "
                                   "writable for its owner only");
}

static int check_unsigned(struct opening *o)
{
    const char *id = o->package.manifest.id;

    if (o->is_signed)
        return RH_OK;
    if (!rh_trust_list_has(o->trust->unsigned_ids, id)) {
        rh_fail(o->error, RH_PERMISSION, "%s: is not signed", o->folder);
        return rh_error_hint(o->error,
                             "sign it (rowhouse connector sign), or name \"%s\" in the "
                             "setting unsigned_connectors to run it isolated",
                             id);
    }
    o->package.level = RH_TRUST_UNSIGNED;
    return check_ours(o, ".");
}

/* ---- Manifest ----------------------------------------------------------------------------- */

static int read_manifest(struct opening *o)
{
    int rc = read_file(o, RH_PACKAGE_MANIFEST, &o->manifest, o->error);

    if (rc != RH_NOT_FOUND)
        return rc;
    rh_error_clear(o->error);
    rh_fail(o->error, RH_CONTRACT, "%s: has no " RH_PACKAGE_MANIFEST, o->folder);
    return rh_error_hint(o->error, "a package is a folder that `rowhouse connector sign` has made");
}

static bool is_in_range(const struct rh_manifest *manifest, uint32_t major, uint32_t minor)
{
    return manifest->abi_major == major && manifest->abi_min_minor <= minor &&
           manifest->abi_max_minor >= minor;
}

static int parse_manifest(struct opening *o)
{
    struct rh_manifest *manifest = &o->package.manifest;
    int rc = rh_manifest_parse(o->arena, rh_buf_text(&o->manifest), manifest, o->error);

    if (rc != RH_OK)
        return rh_error_prefix(o->error, "%s", o->folder);
    if (is_in_range(manifest, RH_ABI_MAJOR, RH_ABI_MINOR))
        return RH_OK;
    rh_fail(o->error, RH_CONTRACT, "%s: needs another ABI (%u.%u up) than this host speaks (%d.%d)",
            o->folder, manifest->abi_major, manifest->abi_min_minor, RH_ABI_MAJOR, RH_ABI_MINOR);
    return rh_error_hint(o->error, "ask for a version of it that is for this Rowhouse");
}

/* ---- Files -------------------------------------------------------------------------------- */

static int check_entry(const struct opening *o, const char *name)
{
    struct stat st;

    if (fstatat(o->fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode))
        return rh_fail(o->error, RH_CONTRACT, "%s/%s: is not a regular file", o->folder, name);
    if (strcmp(name, RH_PACKAGE_MANIFEST) != 0 && strcmp(name, RH_PACKAGE_SIGNATURE) != 0 &&
        !rh_manifest_find_file(&o->package.manifest, rh_text_of(name)))
        return rh_fail(o->error, RH_CONTRACT, "%s/%s: is not listed in the manifest", o->folder,
                       name);
    return o->is_signed ? RH_OK : check_ours(o, name);
}

static int check_folder(const struct opening *o)
{
    int rc = RH_OK, fd = openat(o->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *file;

    if (!folder) {
        if (fd >= 0)
            close(fd);
        return rh_fail(o->error, RH_RESOURCE, "%s: %s", o->folder, strerror(errno));
    }
    while (rc == RH_OK && (file = readdir(folder)))
        if (strcmp(file->d_name, ".") != 0 && strcmp(file->d_name, "..") != 0)
            rc = check_entry(o, file->d_name);
    closedir(folder);
    return rc;
}

int rh_package_read_file(const char *folder, const struct rh_manifest_file *file,
                         struct rh_image *ret_image, struct rh_error *error)
{
    struct rh_image image = {.fd = -1};
    char *path = NULL;
    int rc;

    if (asprintf(&path, "%s/%s", folder, file->name) < 0)
        return rh_fail_nomem(error);
    rc = rh_image_read(path, &image, error);
    if (rc == RH_NOT_FOUND) {
        rh_error_clear(error);
        rc = rh_fail(error, RH_CONTRACT, "%s: is missing", path);
    } else if (rc == RH_OK && image.n_bytes != file->n_bytes) {
        rc =
            rh_fail(error, RH_CONTRACT, "%s: is damaged: it has %llu bytes, the manifest says %llu",
                    path, (unsigned long long)image.n_bytes, (unsigned long long)file->n_bytes);
    } else if (rc == RH_OK && strcmp(image.sha256, file->sha256) != 0) {
        rc = rh_fail(error, RH_CONTRACT, "%s: is damaged: its SHA-256 is not the manifest's", path);
    }
    free(path);
    if (rc != RH_OK) {
        rh_image_close(&image);
        return rc;
    }
    *ret_image = image;
    return RH_OK;
}

static int read_files(struct opening *o)
{
    const struct rh_manifest *manifest = &o->package.manifest;
    int rc = RH_OK;

    for (uint32_t i = 0; i < manifest->n_files && rc == RH_OK; i++) {
        struct rh_image image = {.fd = -1};

        rc = rh_package_read_file(o->folder, &manifest->files[i], &image, o->error);
        if (rc == RH_OK && strcmp(manifest->files[i].name, manifest->library) == 0)
            o->package.image = image;
        else
            rh_image_close(&image);
    }
    return rc;
}

/* ---- Revoked ------------------------------------------------------------------------------ */

static int fail_revoked(const struct opening *o, const char *what, const char *reason)
{
    rh_fail(o->error, RH_PERMISSION, "%s: %s is revoked%s%s", o->folder, what,
            reason[0] ? ": " : "", reason);
    return rh_error_hint(o->error, "the trust folder's file `revoked` says so; install a version "
                                   "that is not revoked");
}

static int check_revoked(const struct opening *o)
{
    const struct rh_revoked *revoked = &o->trust->revoked;
    const struct rh_manifest *manifest = &o->package.manifest;
    const char *reason = rh_revoked_version(revoked, manifest->id, manifest->version);

    if (reason)
        return fail_revoked(o, "this version", reason);
    reason = rh_revoked_key(revoked, o->package.key);
    if (reason)
        return fail_revoked(o, "the key that signed it", reason);
    for (uint32_t i = 0; i < manifest->n_files; i++) {
        reason = rh_revoked_sha256(revoked, manifest->files[i].sha256);
        if (reason)
            return fail_revoked(o, manifest->files[i].name, reason);
    }
    return RH_OK;
}

/* ---- Opening ------------------------------------------------------------------------------ */

int rh_trust_open_package(const struct rh_trust *trust, struct rh_arena *arena, const char *folder,
                          struct rh_package *ret_package, struct rh_error *error)
{
    struct rh_error local = RH_ERROR_INIT;
    struct opening o = {.trust = trust,
                        .arena = arena,
                        .folder = folder,
                        .fd = -1,
                        .package = {.signer = "", .key = "", .image = {.fd = -1}},
                        .error = error ? error : &local};
    int rc = rh_trust_folder_open(folder, O_NOFOLLOW, &o.fd, o.error);

    if (rc != RH_OK)
        return rh_error_prefix(o.error, "%s", folder);
    rh_buf_init(&o.manifest, RH_MANIFEST_MAX_BYTES);
    rh_buf_init(&o.signature, RH_MINISIGN_MAX_BYTES);
    if ((rc = read_manifest(&o)) == RH_OK && (rc = check_signature(&o)) == RH_OK &&
        (rc = parse_manifest(&o)) == RH_OK && (rc = check_unsigned(&o)) == RH_OK &&
        (rc = check_revoked(&o)) == RH_OK && (rc = check_folder(&o)) == RH_OK &&
        (rc = read_files(&o)) == RH_OK) {
        *ret_package = o.package;
        o.package.image = (struct rh_image){.fd = -1};
    }
    rh_package_close(&o.package);
    rh_buf_free(&o.manifest);
    rh_buf_free(&o.signature);
    close(o.fd);
    return rc;
}

void rh_package_close(struct rh_package *package)
{
    rh_image_close(&package->image);
}
