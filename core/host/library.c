/*
 * From a file to a loaded connector.
 *
 * Assumes nothing of the file: it may change while it is read, be anything but a shared object, or
 * be larger than memory. Its bytes are taken once, into a memfd that is then sealed; lint, hash and
 * the dynamic loader all see those same bytes.
 *
 * The descriptor of a memfd whose code was mapped is never closed: the loader knows libraries by
 * name, the name is /proc/self/fd/N, and with N used again it would answer a later load with the
 * earlier library.
 */
#include "host/library.h"

#include "base/err.h"
#include "base/log.h"
#include "host/elf.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_FILE_BYTES ((size_t)256 << 20)
#define COPY_BYTES ((size_t)1 << 17)

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
        return rh_fail(error, RH_CONTRACT, "%s: is larger than %zu MiB", path,
                       MAX_FILE_BYTES >> 20);
    }
    *ret_fd = fd;
    return RH_OK;
}

static bool write_all(int fd, const char *data, size_t n)
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

/* Copies until the end of the file; its size is bounded again, for it may have grown. */
static int copy_bytes(const char *path, int from, int to, size_t *ret_size, struct rh_error *error)
{
    char *chunk = malloc(COPY_BYTES);
    size_t size = 0;
    int rc = RH_OK;

    if (!chunk)
        return rh_fail_nomem(error);
    while (rc == RH_OK) {
        ssize_t n = read(from, chunk, COPY_BYTES);

        if (n < 0 && errno == EINTR)
            continue;
        if (n == 0)
            break;
        if (n < 0)
            rc = rh_fail(error, RH_RESOURCE, "%s: cannot be read: %s", path, strerror(errno));
        else if ((size_t)n > MAX_FILE_BYTES - size)
            rc = rh_fail(error, RH_CONTRACT, "%s: is larger than %zu MiB", path,
                         MAX_FILE_BYTES >> 20);
        else if (!write_all(to, chunk, (size_t)n))
            rc = rh_fail(error, RH_RESOURCE, "%s: cannot be copied into memory: %s", path,
                         strerror(errno));
        else
            size += (size_t)n;
    }
    free(chunk);
    if (rc == RH_OK)
        *ret_size = size;
    return rc;
}

/* A sealed memfd with the file's bytes, owned by the caller. */
static int take_bytes(const char *path, int *ret_fd, size_t *ret_size, struct rh_error *error)
{
    const char *base = strrchr(path, '/');
    size_t size = 0;
    int from = -1, to = -1, rc;

    rc = open_file(path, &from, error);
    if (rc)
        goto out;
    /* The name is for /proc/self/maps only, where a crash report shows it; at most 249 bytes. */
    base = base ? base + 1 : path;
    to = memfd_create(strlen(base) < 200 ? base : "connector", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (to < 0) {
        rc = rh_fail(error, RH_RESOURCE, "%s: cannot make a memfd: %s", path, strerror(errno));
        goto out;
    }
    rc = copy_bytes(path, from, to, &size, error);
    if (rc)
        goto out;
    if (fcntl(to, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) != 0) {
        rc = rh_fail(error, RH_RESOURCE, "%s: cannot seal its copy: %s", path, strerror(errno));
        goto out;
    }
    *ret_fd = to;
    *ret_size = size;
    to = -1;
out:
    if (from >= 0)
        close(from);
    if (to >= 0)
        close(to);
    return rc;
}

static void hash_bytes(const void *data, size_t size, char hex[65])
{
    unsigned char hash[crypto_hash_sha256_BYTES];

    crypto_hash_sha256(hash, data, size);
    sodium_bin2hex(hex, 65, hash, sizeof(hash));
}

static int inspect(const char *path, int fd, size_t size, char hex[65], struct rh_error *error)
{
    void *data;
    int rc;

    if (size == 0)
        return rh_fail(error, RH_CONTRACT, "%s: is empty", path);
    data = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED)
        return rh_fail(error, RH_RESOURCE, "%s: cannot be mapped: %s", path, strerror(errno));
    rc = rh_elf_lint(data, size, path, error);
    if (rc == RH_OK)
        hash_bytes(data, size, hex);
    munmap(data, size);
    return rc;
}

/* The loader's message without the name that it was given. */
static int fail_dlopen(const char *path, const char *name, struct rh_error *error)
{
    const char *reason = dlerror();
    size_t n = strlen(name);

    if (!reason)
        reason = "cannot be loaded";
    if (strncmp(reason, name, n) == 0 && reason[n] == ':')
        reason += n + 1 + strspn(reason + n + 1, " ");
    return rh_fail(error, RH_CONTRACT, "%s: %s", path, reason);
}

static bool is_loaded_by_path(void)
{
    const char *value = secure_getenv("ROWHOUSE_PLUGINS_BY_PATH");

    return value && strcmp(value, "1") == 0;
}

/* The entry function of the mapped library. *ret_kept: the memfd is in use for ever. */
static int map_code(const char *path, int fd, bool *ret_kept, rh_connector_entry_fn **ret_entry,
                    struct rh_error *error)
{
    char name[64];
    char *real = NULL;
    void *handle, *symbol;
    int rc = RH_OK;

    snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
    if (is_loaded_by_path()) {
        real = realpath(path, NULL);
        if (!real)
            return rh_fail(error, RH_RESOURCE, "%s: %s", path, strerror(errno));
        rh_log(RH_LOG_WARN, "host",
               "%s is loaded by path (ROWHOUSE_PLUGINS_BY_PATH): its bytes "
               "are not pinned to what was checked",
               real);
    }
    handle = dlopen(real ? real : name, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (!handle) {
        rc = fail_dlopen(path, real ? real : name, error);
        goto out;
    }
    *ret_kept = !real;
    symbol = dlsym(handle, RH_ENTRY_SYMBOL);
    if (!symbol) {
        rc = rh_fail(error, RH_CONTRACT, "%s: has no " RH_ENTRY_SYMBOL, path);
        goto out;
    }
    /* POSIX promises that an object pointer of dlsym holds a function pointer; C does not. */
    memcpy(ret_entry, &symbol, sizeof(symbol));
out:
    free(real);
    return rc;
}

static int call_entry(const char *path, rh_connector_entry_fn *entry,
                      struct rh_library **ret_library, struct rh_error *error)
{
    const struct rh_connector *table = NULL;
    int32_t rc = entry(RH_ABI_MINOR, &table);

    if (rc == RH_UNSUPPORTED)
        return rh_fail(error, RH_CONTRACT, "%s: does not run on a host of ABI %d.%d", path,
                       RH_ABI_MAJOR, RH_ABI_MINOR);
    if (rc != RH_OK)
        return rh_fail(error, RH_CONTRACT, "%s: its entry failed with %s (%d)", path,
                       rh_error_class_name(rc), rc);
    return rh_library_adopt(table, path, ret_library, error);
}

int rh_library_load(const char *path, struct rh_library **ret_library, struct rh_error *error)
{
    struct rh_library *library = NULL;
    rh_connector_entry_fn *entry = NULL;
    char hex[65] = "";
    bool kept = false;
    size_t size = 0;
    int fd = -1, rc;

    if ((rc = take_bytes(path, &fd, &size, error)) != RH_OK ||
        (rc = inspect(path, fd, size, hex, error)) != RH_OK ||
        (rc = map_code(path, fd, &kept, &entry, error)) != RH_OK ||
        (rc = call_entry(path, entry, &library, error)) != RH_OK)
        goto out;
    library->path = strdup(path);
    if (!library->path) {
        rc = rh_fail_nomem(error);
        goto out;
    }
    memcpy(library->sha256, hex, sizeof(hex));
    *ret_library = library;
    library = NULL;
out:
    rh_library_free(library);
    if (fd >= 0 && !kept)
        close(fd);
    return rc;
}
