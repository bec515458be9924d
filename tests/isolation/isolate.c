/*
 * In place of the loaders that tests use, rh_library_load and plain dlopen: every connector that a
 * test loads runs isolated, and may do what it could do in the test's own process. Linked with
 * --wrap.
 */
#include "base/err.h"
#include "host/isolation/isolation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int __wrap_rh_library_load(const char *path, struct rh_library **ret_library,
                           struct rh_error *error);
void *__wrap_dlopen(const char *path, int flags);
void *__wrap_dlsym(void *handle, const char *name);

int __wrap_rh_library_load(const char *path, struct rh_library **ret_library,
                           struct rh_error *error)
{
    static const char *const everywhere[] = {"/"};
    static const struct rh_sandbox sandbox = {.network = true,
                                              .read_paths = everywhere,
                                              .n_read_paths = 1,
                                              .write_paths = everywhere,
                                              .n_write_paths = 1};
    struct rh_image image = {.fd = -1};
    int rc = rh_image_read(path, &image, error);

    if (rc == RH_OK)
        rc = rh_isolation_load(&image, &sandbox, ret_library, error);
    rh_image_close(&image);
    return rc;
}

static const struct rh_connector *table; /* of the one connector that the test opened itself */

static int32_t entry(uint32_t host_minor, const struct rh_connector **ret_connector)
{
    *ret_connector = table;
    return RH_OK;
}

void *__wrap_dlopen(const char *path, int flags)
{
    struct rh_error error = RH_ERROR_INIT;
    struct rh_library *library = NULL;

    if (__wrap_rh_library_load(path, &library, &error) != RH_OK) {
        fprintf(stderr, "%s\n", error.message);
        abort();
    }
    table = &library->connector;
    return library;
}

void *__wrap_dlsym(void *handle, const char *name)
{
    rh_connector_entry_fn *function = entry;
    void *symbol;

    memcpy(&symbol, &function, sizeof(symbol));
    return symbol;
}
