/*
 * From a file to a loaded connector: the lint and the dynamic loader both see the bytes of the
 * sealed image, never the file.
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
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int inspect(const struct rh_image *image, struct rh_error *error)
{
    void *data = mmap(NULL, image->n_bytes, PROT_READ, MAP_PRIVATE, image->fd, 0);
    int rc;

    if (data == MAP_FAILED)
        return rh_fail(error, RH_RESOURCE, "%s: cannot be mapped: %s", image->path,
                       strerror(errno));
    rc = rh_elf_lint(data, image->n_bytes, image->path, error);
    munmap(data, image->n_bytes);
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

int rh_library_load_image(const struct rh_image *image, struct rh_library **ret_library,
                          struct rh_error *error)
{
    struct rh_library *library = NULL;
    struct rh_image own = {.fd = -1};
    rh_connector_entry_fn *entry = NULL;
    bool kept = false;
    int rc;

    if ((rc = rh_image_copy(image, &own, error)) != RH_OK || (rc = inspect(&own, error)) != RH_OK ||
        (rc = map_code(own.path, own.fd, &kept, &entry, error)) != RH_OK ||
        (rc = call_entry(own.path, entry, &library, error)) != RH_OK)
        goto out;
    library->path = own.path;
    own.path = NULL;
    memcpy(library->sha256, own.sha256, sizeof(library->sha256));
    *ret_library = library;
out:
    if (kept)
        own.fd = -1;
    rh_image_close(&own);
    return rc;
}

int rh_library_load(const char *path, struct rh_library **ret_library, struct rh_error *error)
{
    struct rh_image image = {.fd = -1};
    int rc = rh_image_read(path, &image, error);

    if (rc == RH_OK)
        rc = rh_library_load_image(&image, ret_library, error);
    rh_image_close(&image);
    return rc;
}
