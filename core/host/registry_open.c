/* Making and freeing the registry: its options, and where bundled connectors are. */
#include "host/registry_parts.h"

#include "base/err.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define OPTIONS_BYTES ((size_t)1 << 20)

static int copy_text(struct rh_arena *arena, const char *given, const char *variable,
                     const char **ret_text, struct rh_error *error)
{
    if (!given)
        given = secure_getenv(variable);
    if (!given || !*given)
        return RH_OK;
    *ret_text = rh_arena_dup(arena, given, strlen(given));
    return *ret_text ? RH_OK : rh_fail_nomem(error);
}

static int add_folder(struct rh_registry *registry, const char *base, const char *folder,
                      struct rh_error *error)
{
    const char *path = rh_arena_printf(registry->arena, "%s%s", base, folder);

    if (!path)
        return rh_fail_nomem(error);
    registry->folders.bundled[registry->folders.n_bundled++] = path;
    return RH_OK;
}

/* The folder that the running program's folder is in, without its last slash; NULL when the kernel
 * does not tell. */
static char *find_prefix(void)
{
    char *path = realpath("/proc/self/exe", NULL);

    for (int i = 0; i < 2; i++) {
        char *slash = path ? strrchr(path, '/') : NULL;

        if (slash)
            *slash = 0;
    }
    return path;
}

static int find_folders(struct rh_registry *registry, const char *folder, struct rh_error *error)
{
    char *prefix = NULL;
    int rc;

    if (!folder)
        folder = secure_getenv("ROWHOUSE_PLUGINS");
    if (folder && *folder)
        return add_folder(registry, folder, "", error);
    prefix = find_prefix();
    if (!prefix)
        return rh_fail(error, RH_RESOURCE, "cannot find the program's folder: %s", strerror(errno));
    rc = add_folder(registry, prefix, "/plugins", error);
    if (rc == RH_OK)
        rc = add_folder(registry, prefix, "/lib/rowhouse/plugins", error);
    free(prefix);
    return rc;
}

static int set_options(struct rh_registry *registry, const struct rh_registry_options *options,
                       struct rh_error *error)
{
    struct rh_arena *arena = registry->arena;
    int rc = find_folders(registry, options->folder, error);

    if (rc == RH_OK && options->tried) {
        registry->tried = rh_arena_dup(arena, options->tried, strlen(options->tried));
        rc = registry->tried ? RH_OK : rh_fail_nomem(error);
    }
    if (rc == RH_OK)
        rc = copy_text(arena, options->installed, "ROWHOUSE_CONNECTORS",
                       &registry->folders.installed, error);
    if (rc == RH_OK)
        rc = copy_text(arena, options->trust, "ROWHOUSE_TRUST", &registry->rules.trust, error);
    if (rc == RH_OK)
        rc = copy_text(arena, options->unsigned_ids, "ROWHOUSE_UNSIGNED_CONNECTORS",
                       &registry->rules.unsigned_ids, error);
    if (rc == RH_OK)
        rc = copy_text(arena, options->isolated_ids, "ROWHOUSE_ISOLATE",
                       &registry->rules.isolated_ids, error);
    return rc;
}

static int make_sync(struct rh_registry *registry, struct rh_error *error)
{
    int rc = pthread_mutex_init(&registry->lock, NULL);

    if (rc == 0) {
        rc = pthread_cond_init(&registry->ended, NULL);
        if (rc)
            pthread_mutex_destroy(&registry->lock);
    }
    return rc ? rh_fail(error, RH_RESOURCE, "cannot make a lock: %s", strerror(rc)) : RH_OK;
}

int rh_registry_new(const struct rh_registry_options *options, struct rh_registry **ret_registry,
                    struct rh_error *error)
{
    static const struct rh_registry_options defaults = {0};
    struct rh_arena *arena = rh_arena_new(OPTIONS_BYTES);
    struct rh_registry *registry = arena ? rh_arena_alloc(arena, sizeof(*registry)) : NULL;
    int rc;

    if (!registry) {
        rh_arena_free(arena);
        return rh_fail_nomem(error);
    }
    registry->arena = arena;
    rc = make_sync(registry, error);
    if (rc) {
        rh_arena_free(arena);
        return rc;
    }
    rc = set_options(registry, options ? options : &defaults, error);
    if (rc) {
        rh_registry_free(registry);
        return rc;
    }
    *ret_registry = registry;
    return RH_OK;
}

void rh_registry_free(struct rh_registry *registry)
{
    if (!registry)
        return;
    while (registry->known)
        rh_registry_remove_locked(registry, registry->known);
    for (struct rh_loaded *next, *loaded = registry->loaded; loaded; loaded = next) {
        next = loaded->next;
        rh_library_free(loaded->library);
        free(loaded);
    }
    pthread_cond_destroy(&registry->ended);
    pthread_mutex_destroy(&registry->lock);
    rh_arena_free(registry->arena);
}
