/*
 * The registry: a sorted list of entries under one lock, which is also held while a connector is
 * loaded, so that none is loaded twice. What was loaded or refused stays for the registry's life;
 * a file that was not there is looked for again.
 */
#include "host/registry.h"

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
#include <unistd.h>

#define MAX_FOLDERS 2
#define MAX_ID 64
#define MAX_PATH 65536
#define NEAR_DISTANCE 3

struct entry {
    char *id;
    struct rh_library *library; /* NULL when refused */
    char *reason;               /* NULL when not */
};

struct rh_registry {
    pthread_mutex_t lock; /* guards entries; base locks (log) are taken under it */
    char *folders[MAX_FOLDERS];
    uint32_t n_folders;
    struct entry **entries; /* by id; an entry never moves or changes once it is in */
    uint32_t n_entries;
};

static char *join(const char *a, const char *b, const char *c)
{
    struct rh_buf path;

    rh_buf_init(&path, MAX_PATH);
    rh_buf_add_str(&path, a);
    rh_buf_add_str(&path, b);
    rh_buf_add_str(&path, c);
    return rh_buf_take(&path);
}

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

static int add_folder(struct rh_registry *registry, char *folder, struct rh_error *error)
{
    if (!folder)
        return rh_fail_nomem(error);
    registry->folders[registry->n_folders++] = folder;
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
        return add_folder(registry, strdup(folder), error);
    program = program_folder();
    if (!program)
        return rh_fail(error, RH_RESOURCE, "cannot find the program's folder: %s", strerror(errno));
    rc = add_folder(registry, join(program, "/../plugins", ""), error);
    if (rc == RH_OK)
        rc = add_folder(registry, join(program, "/../lib/rowhouse/plugins", ""), error);
    free(program);
    return rc;
}

int rh_registry_new(const char *folder, struct rh_registry **ret_registry, struct rh_error *error)
{
    struct rh_registry *registry = calloc(1, sizeof(*registry));
    int rc;

    if (!registry)
        return rh_fail_nomem(error);
    rc = pthread_mutex_init(&registry->lock, NULL);
    if (rc) {
        free(registry);
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

static void free_entry(struct entry *entry)
{
    if (!entry)
        return;
    rh_library_free(entry->library);
    free(entry->reason);
    free(entry->id);
    free(entry);
}

void rh_registry_free(struct rh_registry *registry)
{
    if (!registry)
        return;
    for (uint32_t i = 0; i < registry->n_entries; i++)
        free_entry(registry->entries[i]);
    free(registry->entries);
    for (uint32_t i = 0; i < registry->n_folders; i++)
        free(registry->folders[i]);
    pthread_mutex_destroy(&registry->lock);
    free(registry);
}

/* ---- Entries ------------------------------------------------------------------------------ */

/* Where the id is, or where it belongs. */
static bool find_locked(const struct rh_registry *registry, struct rh_text id, uint32_t *ret_at)
{
    uint32_t low = 0, high = registry->n_entries;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = rh_text_compare(rh_text_of(registry->entries[middle]->id), id);

        if (order == 0) {
            *ret_at = middle;
            return true;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *ret_at = low;
    return false;
}

/* One of library and reason is NULL. Takes the library on success, the reason always. */
static int insert_locked(struct rh_registry *registry, struct rh_text id,
                         struct rh_library *library, char *reason, struct entry **ret_entry,
                         struct rh_error *error)
{
    struct entry *entry = calloc(1, sizeof(*entry));
    struct entry **grown = NULL;
    uint32_t at;

    if (!entry) {
        free(reason);
        return rh_fail_nomem(error);
    }
    entry->reason = reason;
    entry->id = strndup(id.data, id.len);
    if (entry->id)
        grown = reallocarray(registry->entries, registry->n_entries + 1u, sizeof(*grown));
    if (!grown) {
        free_entry(entry);
        return rh_fail_nomem(error);
    }
    entry->library = library;
    registry->entries = grown;
    find_locked(registry, id, &at);
    memmove(&grown[at + 1], &grown[at], (registry->n_entries - at) * sizeof(struct entry *));
    grown[at] = entry;
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

/* Loads <folder>/<id>.so from the first folder that has it; a refusal becomes an entry too.
 * NOT_FOUND when no folder has it. */
static int load_locked(struct rh_registry *registry, struct rh_text id, struct entry **ret_entry,
                       struct rh_error *error)
{
    char name[MAX_ID + 1] = "";

    memcpy(name, id.data, id.len);
    for (uint32_t i = 0; i < registry->n_folders; i++) {
        struct rh_error refusal = RH_ERROR_INIT;
        struct rh_library *library = NULL;
        char *path = join(registry->folders[i], "/", name);
        char *file = path ? join(path, ".so", "") : NULL;
        char *reason = NULL;
        int rc;

        free(path);
        if (!file)
            return rh_fail_nomem(error);
        rc = load_from(file, id, &library, &refusal);
        free(file);
        if (rc == RH_NOT_FOUND)
            continue;
        if (rc == RH_RESOURCE) { /* says nothing about the connector: try again next time */
            return rh_fail(error, rc, "%s", refusal.message);
        }
        if (rc) {
            rh_log(RH_LOG_WARN, "host", "connector refused: %s", refusal.message);
            reason = strdup(refusal.message);
            if (!reason)
                return rh_fail_nomem(error);
        }
        rc = insert_locked(registry, id, library, reason, ret_entry, error);
        if (rc)
            rh_library_free(library);
        return rc;
    }
    return RH_NOT_FOUND;
}

/* Loads what the folders hold and is not known yet. Files whose names are no ids are refused. */
static int load_all_locked(struct rh_registry *registry, struct rh_error *error)
{
    int rc = RH_OK;

    for (uint32_t i = 0; i < registry->n_folders && rc == RH_OK; i++) {
        DIR *folder = opendir(registry->folders[i]);
        struct dirent *file;

        if (!folder)
            continue;
        while (rc == RH_OK && (file = readdir(folder))) {
            struct rh_text id = rh_text_of(file->d_name);
            struct entry *entry;
            uint32_t at;

            if (!rh_text_ends(id, ".so") || id.len == 3)
                continue;
            id.len -= 3;
            if (find_locked(registry, id, &at))
                continue;
            if (is_id(id)) {
                rc = load_locked(registry, id, &entry, error);
            } else {
                char *reason = join(file->d_name, ": the file's name is not of the form ",
                                    "[a-z][a-z0-9_]*.so");
                rc = reason ? insert_locked(registry, id, NULL, reason, &entry, error)
                            : rh_fail_nomem(error);
            }
            if (rc == RH_NOT_FOUND) /* it went away meanwhile */
                rc = RH_OK;
        }
        closedir(folder);
    }
    return rc;
}

/* ---- Asking ------------------------------------------------------------------------------- */

static const char *find_near_locked(const struct rh_registry *registry, struct rh_text id)
{
    unsigned best = NEAR_DISTANCE + 1;
    const char *near = NULL;

    for (uint32_t i = 0; i < registry->n_entries; i++) {
        const struct entry *entry = registry->entries[i];
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
    for (uint32_t i = 0; i < registry->n_entries; i++) {
        if (registry->entries[i]->library)
            rh_buf_addf(&list, "%s%s", list.len ? ", " : "known are: ", registry->entries[i]->id);
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
    struct entry *entry = NULL;
    uint32_t at;
    int rc = RH_OK;

    if (!is_id(id))
        return rh_fail(error, RH_NOT_FOUND, "\"%.*s\" is not a connector's id", RH_TEXT_ARG(id));
    pthread_mutex_lock(&registry->lock);
    if (find_locked(registry, id, &at))
        entry = registry->entries[at];
    else
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
    uint32_t at;
    int rc;

    pthread_mutex_lock(&registry->lock);
    if (find_locked(registry, id, &at))
        rc = rh_fail(error, RH_EXISTS, "there is a connector \"%.*s\" already", RH_TEXT_ARG(id));
    else
        rc = insert_locked(registry, id, library, NULL, &entry, error);
    pthread_mutex_unlock(&registry->lock);
    return rc;
}

int rh_registry_list(struct rh_registry *registry, struct rh_registry_entry **ret_entries,
                     uint32_t *ret_n, struct rh_error *error)
{
    struct rh_registry_entry *list = NULL;
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
    for (uint32_t i = 0; i < registry->n_entries; i++) {
        const struct entry *entry = registry->entries[i];

        list[i] = (struct rh_registry_entry){entry->id, entry->library,
                                             entry->reason ? entry->reason : ""};
    }
    *ret_entries = list;
    *ret_n = registry->n_entries;
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
    for (uint32_t i = 0; i < registry->n_entries; i++) {
        const struct rh_library *library = registry->entries[i]->library;

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
