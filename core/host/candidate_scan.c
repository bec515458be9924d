/*
 * Looking into the folders: names and stamps only, nothing is opened. A folder that is not there is
 * an empty one; one that cannot be read for want of descriptors or memory is not.
 */
#include "host/candidate.h"

#include "base/err.h"
#include "base/text.h"
#include "base/vec.h"
#include "host/stamp.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MAX_PLACES 4096
#define SUFFIX ".so"

struct scan {
    struct rh_arena *arena;
    struct rh_vec places;
    struct rh_error *error;
};

static int add(struct scan *scan, enum rh_candidate_kind kind, const char *id, const char *version,
               const char *path, uint64_t stamp)
{
    struct rh_candidate_place *place;

    if (scan->places.n == MAX_PLACES)
        return rh_fail(scan->error, RH_RESOURCE, "there are more than %d connectors", MAX_PLACES);
    place = rh_vec_push(&scan->places, scan->arena);
    if (!place)
        return rh_fail_nomem(scan->error);
    *place = (struct rh_candidate_place){kind, id, version, path, stamp};
    return RH_OK;
}

static bool has_bundled(const struct scan *scan, struct rh_text id)
{
    const struct rh_candidate_place *places = scan->places.items;

    for (uint32_t i = 0; i < scan->places.n; i++)
        if (rh_text_is(id, places[i].id))
            return true;
    return false;
}

/* Calls visit with the path and name of each entry that is not hidden. */
static int visit_folder(struct scan *scan, const char *path, const char *context,
                        int (*visit)(struct scan *scan, const char *path, const char *name,
                                     const char *context))
{
    DIR *folder = opendir(path);
    struct dirent *file;
    int rc = RH_OK;

    if (!folder)
        return errno == EMFILE || errno == ENFILE || errno == ENOMEM
                   ? rh_fail(scan->error, RH_RESOURCE, "%s: %s", path, strerror(errno))
                   : RH_OK;
    while (rc == RH_OK && (file = readdir(folder))) {
        const char *name, *inner;

        if (file->d_name[0] == '.')
            continue;
        name = rh_arena_dup(scan->arena, file->d_name, strlen(file->d_name));
        inner = rh_arena_printf(scan->arena, "%s/%s", path, file->d_name);
        rc = name && inner ? visit(scan, inner, name, context) : rh_fail_nomem(scan->error);
    }
    closedir(folder);
    return rc;
}

static int visit_file(struct scan *scan, const char *path, const char *name, const char *context)
{
    struct rh_text id = rh_text_of(name);
    const char *copy;
    uint64_t stamp;

    if (!rh_text_ends(id, SUFFIX))
        return RH_OK;
    id.len -= strlen(SUFFIX);
    stamp = rh_stamp_file(path);
    if (stamp == 0 || has_bundled(scan, id))
        return RH_OK;
    copy = rh_arena_dup(scan->arena, id.data, id.len);
    return copy ? add(scan, RH_CANDIDATE_BUNDLED, copy, "", path, stamp)
                : rh_fail_nomem(scan->error);
}

static int visit_version(struct scan *scan, const char *path, const char *name, const char *id)
{
    uint64_t stamp = rh_stamp_folder(path);

    return stamp ? add(scan, RH_CANDIDATE_PACKAGE, id, name, path, stamp) : RH_OK;
}

static int visit_id(struct scan *scan, const char *path, const char *name, const char *context)
{
    if (!rh_manifest_is_id(rh_text_of(name)))
        return RH_OK;
    return visit_folder(scan, path, name, visit_version);
}

int rh_candidate_scan(struct rh_arena *arena, const struct rh_candidate_folders *folders,
                      struct rh_candidate_place **ret_places, uint32_t *ret_n,
                      struct rh_error *error)
{
    struct scan scan = {arena, RH_VEC_INIT(struct rh_candidate_place), error};
    int rc = RH_OK;

    for (uint32_t i = 0; i < folders->n_bundled && rc == RH_OK; i++)
        rc = visit_folder(&scan, folders->bundled[i], "", visit_file);
    if (rc == RH_OK && folders->installed)
        rc = visit_folder(&scan, folders->installed, "", visit_id);
    if (rc != RH_OK)
        return rc;
    *ret_places = scan.places.items;
    *ret_n = scan.places.n;
    return RH_OK;
}
