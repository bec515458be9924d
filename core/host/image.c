/*
 * A connector's bytes, taken once.
 *
 * Assumes nothing of the file: it may change while it is read, be anything but a shared object, or
 * be larger than memory. It is copied into a memfd that is then sealed; the hash is of what was
 * copied, and whoever inspects or loads the image sees those same bytes.
 */
#include "host/image.h"

#include "base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_FILE_BYTES ((size_t)256 << 20)
#define COPY_BYTES ((size_t)1 << 17)

static int fail_size(const char *path, struct rh_error *error)
{
    return rh_fail(error, RH_CONTRACT, "%s: is larger than %zu MiB", path, MAX_FILE_BYTES >> 20);
}

/* O_NONBLOCK: a FIFO must not hold us up before fstat can refuse it. */
static int open_file(const char *path, int *ret_fd, struct rh_error *error)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

    if (fd < 0)
        return rh_fail(error, errno == ENOENT || errno == ENOTDIR ? RH_NOT_FOUND : RH_CONTRACT,
                       "%s: cannot be opened: %s", path, strerror(errno));
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        close(fd);
        return rh_fail(error, RH_CONTRACT, "%s: is not a regular file", path);
    }
    if (st.st_size < 0 || (uint64_t)st.st_size > MAX_FILE_BYTES) {
        close(fd);
        return fail_size(path, error);
    }
    *ret_fd = fd;
    return RH_OK;
}

static bool write_all(int fd, const unsigned char *data, size_t n)
{
    while (n) {
        ssize_t done = write(fd, data, n);

        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return false;
        data += done;
        n -= (size_t)done;
    }
    return true;
}

/* Copies and hashes until the end of the file; its size is bounded again, for it may have grown. */
static int copy_bytes(const char *path, int from, struct rh_image *image, struct rh_error *error)
{
    unsigned char *chunk = malloc(COPY_BYTES);
    unsigned char hash[crypto_hash_sha256_BYTES];
    crypto_hash_sha256_state state;
    int rc = RH_OK;

    if (!chunk)
        return rh_fail_nomem(error);
    crypto_hash_sha256_init(&state);
    while (rc == RH_OK) {
        ssize_t n = read(from, chunk, COPY_BYTES);

        if (n < 0 && errno == EINTR)
            continue;
        if (n == 0)
            break;
        if (n < 0)
            rc = rh_fail(error, RH_CONTRACT, "%s: cannot be read: %s", path, strerror(errno));
        else if ((size_t)n > MAX_FILE_BYTES - image->n_bytes)
            rc = fail_size(path, error);
        else if (!write_all(image->fd, chunk, (size_t)n))
            rc = rh_fail(error, RH_RESOURCE, "%s: cannot be copied into memory: %s", path,
                         strerror(errno));
        else {
            crypto_hash_sha256_update(&state, chunk, (size_t)n);
            image->n_bytes += (uint64_t)n;
        }
    }
    free(chunk);
    crypto_hash_sha256_final(&state, hash);
    sodium_bin2hex(image->sha256, sizeof(image->sha256), hash, sizeof(hash));
    return rc;
}

int rh_image_read(const char *path, struct rh_image *ret_image, struct rh_error *error)
{
    struct rh_image image = {.fd = -1};
    const char *base = strrchr(path, '/');
    int from = -1, rc;

    rc = open_file(path, &from, error);
    if (rc)
        goto out;
    image.path = strdup(path);
    if (!image.path) {
        rc = rh_fail_nomem(error);
        goto out;
    }
    /* The name is for /proc/self/maps only, where a crash report shows it; at most 249 bytes. */
    base = base ? base + 1 : path;
    image.fd =
        memfd_create(strlen(base) < 200 ? base : "connector", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (image.fd < 0) {
        rc = rh_fail(error, RH_RESOURCE, "%s: cannot make a memfd: %s", path, strerror(errno));
        goto out;
    }
    rc = copy_bytes(path, from, &image, error);
    if (rc)
        goto out;
    if (image.n_bytes == 0) {
        rc = rh_fail(error, RH_CONTRACT, "%s: is empty", path);
        goto out;
    }
    if (fcntl(image.fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL)) {
        rc = rh_fail(error, RH_RESOURCE, "%s: cannot seal its copy: %s", path, strerror(errno));
        goto out;
    }
    *ret_image = image;
    image = (struct rh_image){.fd = -1};
out:
    if (from >= 0)
        close(from);
    rh_image_close(&image);
    return rc;
}

int rh_image_copy(const struct rh_image *image, struct rh_image *ret_image, struct rh_error *error)
{
    struct rh_image copy = *image;

    copy.path = strdup(image->path);
    if (!copy.path)
        return rh_fail_nomem(error);
    copy.fd = fcntl(image->fd, F_DUPFD_CLOEXEC, 0);
    if (copy.fd < 0) {
        rh_fail(error, RH_RESOURCE, "%s: no descriptor for its copy: %s", image->path,
                strerror(errno));
        free(copy.path);
        return RH_RESOURCE;
    }
    *ret_image = copy;
    return RH_OK;
}

void rh_image_close(struct rh_image *image)
{
    free(image->path);
    image->path = NULL;
    if (image->fd >= 0)
        close(image->fd);
    image->fd = -1;
}
