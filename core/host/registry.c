/*
 * The registry: a sorted list of entries under one lock, which is also held while a connector is
 * loaded, so that none is loaded twice. What was loaded or refused stays for the registry's life;
 * a file that was not there is looked for again.
 */
#include "host/registry.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/text.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MAX_FOLDERS 2
#define MAX_ID 64
#define MAX_PATH 65536
#define MAX_BYTES ((size_t)16 << 20)
#define NEAR_DISTANCE 3

struct entry {
    struct entry *next;
    const char *id;
    struct rh_library *library; /* NULL when refused */
    const char *reason;         /* "" when not */
};

struct rh_registry {
    struct rh_arena *arena; /* folders and entries */
    pthread_mutex_t lock;   /* guards entries and the arena; the log's lock is taken under it */
    const char *folders[MAX_FOLDERS];
    uint32_t n_folders;
    struct entry *entries; /* by id; an entry never changes once it is in */
    uint32_t n_entries;
};

static bool is_id(struct rh_text id)
{
    if (id.len == 0 || id.len > MAX_ID)
        return false;
    for (uint64_t i = 0; i < id.len; i++) {
        char c = id.data[i];
        bool later = (c >= '0' && c <= '9') || c == '_';

        if (!(c >= 'a' && c <= 'z') && !(later && i > 0))
            return false;
    }
    return true;
}

/* ---- Folders ------------------------------------------------------------------------------ */

static int add_folder(struct rh_registry *registry, const char *base, const char *folder,
                      struct rh_error *error)
{
    const char *path = rh_arena_printf(registry->arena, "%s%s", base, folder);

    if (!path)
        return rh_fail_nomem(error);
    registry->folders[registry->n_folders++] = path;
    return RH_OK;
}

/* The folder of the running program; NULL when the kernel does not tell. */
static char *program_folder(void)
{
    char *path = realpath("/proc/self/exe", NULL);
    char *slash = path ? strrchr(path, '/') : NULL;

    if (slash)
        *slash = 0;
    return path;
}

static int find_folders(struct rh_registry *registry, const char *folder, struct rh_error *error)
{
    char *program = NULL;
    int rc;

    if (!folder)
        folder = secure_getenv("ROWHOUSE_PLUGINS");
    if (folder && *folder)
        return add_folder(registry, folder, "", error);
    program = program_folder();
    if (!program)
        return rh_fail(error, RH_RESOURCE, "cannot find the program's folder: %s", strerror(errno));
    rc = add_folder(registry, program, "/../plugins", error);
    if (rc == RH_OK)
        rc = add_folder(registry, program, "/../lib/rowhouse/plugins", error);
    free(program);
    return rc;
}

int rh_registry_new(const char *folder, struct rh_registry **ret_registry, struct rh_error *error)
{
    struct rh_arena *arena = rh_arena_new(MAX_BYTES);
    struct rh_registry *registry = arena ? rh_arena_alloc(arena, sizeof(*registry)) : NULL;
    int rc;

    if (!registry) {
        rh_arena_free(arena);
        return rh_fail_nomem(error);
    }
    registry->arena = arena;
    rc = pthread_mutex_init(&registry->lock, NULL);
    if (rc) {
        rh_arena_free(arena);
        return rh_fail(error, RH_RESOURCE, "cannot make a lock: %s", strerror(rc));
    }
    rc = find_folders(registry, folder, error);
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
    for (struct entry *entry = registry->entries; entry; entry = entry->next)
        rh_library_free(entry->library);
    pthread_mutex_destroy(&registry->lock);
    rh_arena_free(registry->arena);
}

/* ---- Entries ------------------------------------------------------------------------------ */

/* The link to the first entry that does not come before the id: to the id's own, if it is known. */
static struct entry **find_place_locked(struct rh_registry *registry, struct rh_text id)
{
    struct entry **place = &registry->entries;

    while (*place && rh_text_compare(rh_text_of((*place)->id), id) < 0)
        place = &(*place)->next;
    return place;
}

static struct entry *find_locked(struct rh_registry *registry, struct rh_text id)
{
    struct entry *entry = *find_place_locked(registry, id);

    return entry && rh_text_is(id, entry->id) ? entry : NULL;
}

/* Takes the library on success; NULL: refused, for the reason ("" otherwise), which is copied. */
static int insert_locked(struct rh_registry *registry, struct rh_text id,
                         struct rh_library *library, const char *reason, struct entry **ret_entry,
                         struct rh_error *error)
{
    struct entry **place = find_place_locked(registry, id);
    struct entry *entry = rh_arena_alloc(registry->arena, sizeof(*entry));

    if (!entry)
        return rh_fail_nomem(error);
    entry->id = rh_arena_dup(registry->arena, id.data, id.len);
    entry->reason = rh_arena_dup(registry->arena, reason, strlen(reason));
    if (!entry->id || !entry->reason)
        return rh_fail_nomem(error);
    entry->library = library;
    entry->next = *place;
    *place = entry;
    registry->n_entries++;
    *ret_entry = entry;
    return RH_OK;
}

static int load_from(const char *path, struct rh_text id, struct rh_library **ret_library,
                     struct rh_error *error)
{
    struct rh_library *library = NULL;
    int rc = rh_library_load(path, &library, error);

    if (rc)
        return rc;
    if (!rh_text_equal(library->connector.id, id)) {
        rc = rh_fail(error, RH_CONTRACT, "%s: calls itself \"%.*s\"", path,
                     RH_TEXT_ARG(library->connector.id));
        rh_library_free(library);
        return rc;
    }
    *ret_library = library;
    return RH_OK;
}

static int load_file(const char *folder, struct rh_text id, struct rh_library **ret_library,
                     struct rh_error *error)
{
    struct rh_buf buf;
    char *path;
    int rc;

    rh_buf_init(&buf, MAX_PATH);
    rh_buf_addf(&buf, "%s/%.*s.so", folder, RH_TEXT_ARG(id));
    path = rh_buf_take(&buf);
    if (!path)
        return rh_fail_nomem(error);
    rc = load_from(path, id, ret_library, error);
    free(path);
    return rc;
}

/* Loads <folder>/<id>.so from the first folder that has it; a refusal becomes an entry too.
 * NOT_FOUND when no folder has it. RESOURCE says nothing about the connector: no entry. */
static int load_locked(struct rh_registry *registry, struct rh_text id, struct entry **ret_entry,
                       struct rh_error *error)
{
    struct rh_library *library = NULL;
    struct rh_error refusal = RH_ERROR_INIT;
    int rc = RH_NOT_FOUND;

    for (uint32_t i = 0; i < registry->n_folders && rc == RH_NOT_FOUND; i++) {
        rh_error_clear(&refusal);
        rc = load_file(registry->folders[i], id, &library, &refusal);
    }
    if (rc == RH_NOT_FOUND)
        return rc;
    if (rc == RH_RESOURCE)
        return rh_fail(error, rc, "%s", refusal.message);
    if (rc)
        rh_log(RH_LOG_WARN, "host", "connector refused: %s", refusal.message);
    rc = insert_locked(registry, id, library, refusal.message, ret_entry, error);
    if (rc)
        rh_library_free(library);
    return rc;
}

/* A file whose name is no id: known, and refused. */
static int refuse_locked(struct rh_registry *registry, struct rh_text id, struct rh_error *error)
{
    struct entry *entry;

    return insert_locked(registry, id, NULL,
                         "the file's name is not of the form [a-z][a-z0-9_]*.so", &entry, error);
}

/* Loads what a folder holds and is not known yet. */
static int load_folder_locked(struct rh_registry *registry, DIR *folder, struct rh_error *error)
{
    struct dirent *file;
    int rc = RH_OK;

    while (rc == RH_OK && (file = readdir(folder))) {
        struct rh_text id = rh_text_of(file->d_name);
        struct entry *entry;

        if (!rh_text_ends(id, ".so") || id.len == 3)
            continue;
        id.len -= 3;
        if (find_locked(registry, id))
            continue;
        rc = is_id(id) ? load_locked(registry, id, &entry, error)
                       : refuse_locked(registry, id, error);
        if (rc == RH_NOT_FOUND) /* it went away meanwhile */
            rc = RH_OK;
    }
    return rc;
}

static int load_all_locked(struct rh_registry *registry, struct rh_error *error)
{
    int rc = RH_OK;

    for (uint32_t i = 0; i < registry->n_folders && rc == RH_OK; i++) {
        DIR *folder = opendir(registry->folders[i]);

        if (!folder)
            continue;
        rc = load_folder_locked(registry, folder, error);
        closedir(folder);
    }
    return rc;
}

/* ---- Asking ------------------------------------------------------------------------------- */

static const char *find_near_locked(const struct rh_registry *registry, struct rh_text id)
{
    unsigned best = NEAR_DISTANCE + 1;
    const char *near = NULL;

    for (const struct entry *entry = registry->entries; entry; entry = entry->next) {
        unsigned distance = rh_text_distance(rh_text_of(entry->id), id, best);

        if (entry->library && distance < best) {
            best = distance;
            near = entry->id;
        }
    }
    return near;
}

/* Puts "looked in …" or the names that there are into the hint. */
static void hint_locked(const struct rh_registry *registry, const char *near,
                        struct rh_error *error)
{
    struct rh_buf list;

    if (near) {
        rh_error_hint(error, "did you mean \"%s\"?", near);
        return;
    }
    rh_buf_init(&list, 4096);
    for (const struct entry *entry = registry->entries; entry; entry = entry->next) {
        if (entry->library)
            rh_buf_addf(&list, "%s%s", list.len ? ", " : "known are: ", entry->id);
    }
    for (uint32_t i = 0; i < registry->n_folders; i++)
        rh_buf_addf(&list, "%s%s",
                    i          ? ", "
                    : list.len ? "; looked in "
                               : "looked in ",
                    registry->folders[i]);
    rh_error_hint(error, "%.*s", RH_TEXT_ARG(rh_buf_text(&list)));
    rh_buf_free(&list);
}

static int fail_missing_locked(struct rh_registry *registry, struct rh_text id,
                               struct rh_error *error)
{
    int rc = load_all_locked(registry, error);

    if (rc)
        return rc;
    rc = rh_fail(error, RH_NOT_FOUND, "there is no connector \"%.*s\"", RH_TEXT_ARG(id));
    hint_locked(registry, find_near_locked(registry, id), error);
    return rc;
}

int rh_registry_get(struct rh_registry *registry, struct rh_text id,
                    const struct rh_library **ret_library, struct rh_error *error)
{
    struct entry *entry;
    int rc = RH_OK;

    if (!is_id(id))
        return rh_fail(error, RH_NOT_FOUND, "\"%.*s\" is not a connector's id", RH_TEXT_ARG(id));
    pthread_mutex_lock(&registry->lock);
    entry = find_locked(registry, id);
    if (!entry)
        rc = load_locked(registry, id, &entry, error);
    if (rc == RH_NOT_FOUND)
        rc = fail_missing_locked(registry, id, error);
    else if (rc == RH_OK && !entry->library)
        rc = rh_fail(error, RH_CONTRACT, "%s", entry->reason);
    if (rc == RH_OK)
        *ret_library = entry->library;
    pthread_mutex_unlock(&registry->lock);
    return rc;
}

int rh_registry_add(struct rh_registry *registry, struct rh_library *library,
                    struct rh_error *error)
{
    struct rh_text id = library->connector.id;
    struct entry *entry;
    int rc;

    pthread_mutex_lock(&registry->lock);
    if (find_locked(registry, id))
        rc = rh_fail(error, RH_EXISTS, "there is a connector \"%.*s\" already", RH_TEXT_ARG(id));
    else
        rc = insert_locked(registry, id, library, "", &entry, error);
    pthread_mutex_unlock(&registry->lock);
    return rc;
}

int rh_registry_list(struct rh_registry *registry, struct rh_registry_entry **ret_entries,
                     uint32_t *ret_n, struct rh_error *error)
{
    struct rh_registry_entry *list = NULL;
    uint32_t n = 0;
    int rc;

    pthread_mutex_lock(&registry->lock);
    rc = load_all_locked(registry, error);
    if (rc)
        goto out;
    list = calloc(registry->n_entries + 1u, sizeof(*list));
    if (!list) {
        rc = rh_fail_nomem(error);
        goto out;
    }
    for (const struct entry *entry = registry->entries; entry; entry = entry->next)
        list[n++] = (struct rh_registry_entry){entry->id, entry->library, entry->reason};
    *ret_entries = list;
    *ret_n = n;
out:
    pthread_mutex_unlock(&registry->lock);
    return rc;
}

/* Whether a list of schemes, separated by spaces, has this one; letters in any case. */
static bool has_scheme(struct rh_text schemes, struct rh_text scheme)
{
    while (schemes.data) {
        struct rh_text one = rh_text_cut(&schemes, ' ');

        if (one.len == scheme.len && one.len && strncasecmp(one.data, scheme.data, one.len) == 0)
            return true;
    }
    return false;
}

int rh_registry_find_scheme(struct rh_registry *registry, struct rh_text url,
                            const struct rh_library **ret_library, struct rh_error *error)
{
    struct rh_text rest = url, scheme = rh_text_cut(&rest, ':');
    int rc;

    if (!rest.data || scheme.len == 0 || scheme.len > MAX_ID)
        return rh_fail(error, RH_INVALID, "the URL does not begin with a scheme");
    pthread_mutex_lock(&registry->lock);
    rc = load_all_locked(registry, error);
    if (rc)
        goto out;
    for (const struct entry *entry = registry->entries; entry; entry = entry->next) {
        const struct rh_library *library = entry->library;

        if (library && has_scheme(library->connector.url_schemes, scheme)) {
            *ret_library = library;
            goto out;
        }
    }
    rc = rh_fail(error, RH_NOT_FOUND, "no connector takes URLs that begin with \"%.*s:\"",
                 RH_TEXT_ARG(scheme));
    hint_locked(registry, NULL, error);
out:
    pthread_mutex_unlock(&registry->lock);
    return rc;
}
