/*
 * From a place in a folder to a library: read, verify, decide how it runs, load. The trust folder
 * is read for each package, so that there is nothing to keep in step with it.
 */
#include "host/candidate.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/text.h"
#include "host/isolation/isolation.h"

#include <string.h>

#define MANIFEST_TEXT_BYTES (4 * RH_MANIFEST_MAX_BYTES)

static bool is_isolated(const struct rh_candidate_rules *rules, const char *id)
{
    return rules->isolated_ids && (rh_trust_list_has(rules->isolated_ids, "*") ||
                                   rh_trust_list_has(rules->isolated_ids, id));
}

/* ---- Opening ------------------------------------------------------------------------------ */

/* Isolated, a bundled connector may do what it could do in this process; only its crashes end
 * elsewhere. */
static const char *const EVERYWHERE[] = {"/"};
static const struct rh_sandbox BUNDLED_SANDBOX = {.network = true,
                                                  .read_paths = EVERYWHERE,
                                                  .n_read_paths = 1,
                                                  .write_paths = EVERYWHERE,
                                                  .n_write_paths = 1,
                                                  .environment = true,
                                                  .memory_bytes = (uint64_t)2 << 30,
                                                  .max_files = 1024,
                                                  .max_threads = 512};

static int open_bundled(struct rh_arena *arena, const struct rh_candidate_place *place,
                        const struct rh_candidate_rules *rules, struct rh_candidate_opened *opened,
                        struct rh_error *error)
{
    int rc;

    if (!rh_manifest_is_id(rh_text_of(place->id)))
        return rh_fail(error, RH_CONTRACT, "the file's name is not of the form [a-z][a-z0-9_]*.so");
    rc = rh_image_read(place->path, &opened->image, error);
    if (rc != RH_OK)
        return rc;
    opened->level = RH_TRUST_BUNDLED;
    opened->isolated = is_isolated(rules, place->id);
    opened->sandbox = BUNDLED_SANDBOX;
    opened->key = rh_arena_printf(arena, "%s %s", opened->image.sha256,
                                  opened->isolated ? "isolated" : "in-process");
    return opened->key ? RH_OK : rh_fail_nomem(error);
}

/* What is isolated is kept in by its manifest, so that is part of how it runs. */
static int make_key(struct rh_arena *arena, const struct rh_manifest *manifest,
                    struct rh_candidate_opened *opened, struct rh_error *error)
{
    struct rh_buf buf;

    rh_buf_init(&buf, MANIFEST_TEXT_BYTES);
    if (opened->isolated)
        rh_manifest_write(manifest, &buf);
    else
        rh_buf_addf(&buf, "%s in-process", opened->image.sha256);
    opened->key = buf.failed ? NULL : rh_arena_dup(arena, buf.data, buf.len);
    rh_buf_free(&buf);
    return opened->key ? RH_OK : rh_fail_nomem(error);
}

static int check_place(const struct rh_candidate_place *place, const struct rh_package *package,
                       bool has_bundled, struct rh_error *error)
{
    const struct rh_manifest *manifest = &package->manifest;

    if (strcmp(manifest->id, place->id) != 0 || strcmp(manifest->version, place->version) != 0)
        return rh_fail(error, RH_CONTRACT, "%s: is in the wrong folder: its manifest says %s/%s",
                       place->path, manifest->id, manifest->version);
    if (!has_bundled || package->level >= RH_TRUST_FIRST_PARTY)
        return RH_OK;
    rh_fail(error, RH_PERMISSION, "%s: \"%s\" is the id of a bundled connector", place->path,
            place->id);
    return rh_error_hint(error, "only a first-party package may take its place; its author can "
                                "give it another id");
}

static int open_package(struct rh_arena *arena, const struct rh_candidate_place *place,
                        const struct rh_candidate_rules *rules, bool has_bundled,
                        struct rh_candidate_opened *opened, struct rh_error *error)
{
    struct rh_package package = {.image = {.fd = -1}};
    struct rh_trust *trust = NULL;
    int rc;

    if (!rh_manifest_is_version(rh_text_of(place->version)))
        return rh_fail(error, RH_CONTRACT, "%s: the folder's name is not a version", place->path);
    rc = rh_trust_open(rules->trust, rules->unsigned_ids, &trust, error);
    if (rc == RH_OK)
        rc = rh_trust_open_package(trust, arena, place->path, &package, error);
    rh_trust_free(trust);
    if (rc != RH_OK)
        return rc;
    opened->image = package.image;
    rc = check_place(place, &package, has_bundled, error);
    if (rc != RH_OK)
        return rc;
    opened->level = package.level;
    opened->signer = package.signer;
    opened->isolated = package.level < RH_TRUST_FIRST_PARTY || !package.manifest.in_process ||
                       is_isolated(rules, place->id);
    opened->sandbox = package.manifest.permissions;
    return make_key(arena, &package.manifest, opened, error);
}

int rh_candidate_open(struct rh_arena *arena, const struct rh_candidate_place *place,
                      const struct rh_candidate_rules *rules, bool has_bundled,
                      struct rh_candidate_opened *ret_opened, struct rh_error *error)
{
    struct rh_candidate_opened opened = {.image = {.fd = -1}, .signer = ""};
    int rc = place->kind == RH_CANDIDATE_BUNDLED
                 ? open_bundled(arena, place, rules, &opened, error)
                 : open_package(arena, place, rules, has_bundled, &opened, error);

    if (rc != RH_OK)
        rh_candidate_close(&opened);
    else
        *ret_opened = opened;
    return rc;
}

void rh_candidate_close(struct rh_candidate_opened *opened)
{
    rh_image_close(&opened->image);
}

/* ---- Loading ------------------------------------------------------------------------------ */

int rh_candidate_check(const struct rh_candidate_place *place, const struct rh_library *library,
                       struct rh_error *error)
{
    const struct rh_connector *connector = &library->connector;

    if (!rh_text_is(connector->id, place->id))
        return rh_fail(error, RH_CONTRACT, "%s: calls itself \"%.*s\"", place->path,
                       RH_TEXT_ARG(connector->id));
    if (place->kind == RH_CANDIDATE_PACKAGE && !rh_text_is(connector->version, place->version))
        return rh_fail(error, RH_CONTRACT, "%s: says that its version is \"%.*s\"", place->path,
                       RH_TEXT_ARG(connector->version));
    return RH_OK;
}

/* What is not found there is a program of ours, not the connector. Most causes name the file. */
static int fail_run(const struct rh_candidate_place *place, const struct rh_error *cause,
                    struct rh_error *error)
{
    bool named = strncmp(cause->message, place->path, strlen(place->path)) == 0;

    if (cause->error_class == RH_RESOURCE)
        return rh_fail(error, RH_RESOURCE, "%s", cause->message);
    rh_fail(error, RH_CONTRACT, "%s%s%s", named ? "" : place->path, named ? "" : ": ",
            cause->message);
    return cause->hint[0] ? rh_error_hint(error, "%s", cause->hint) : RH_CONTRACT;
}

/* The library that runs as the connector itself asks: of the one at hand, or the other way. */
static int settle(const struct rh_candidate_opened *opened, struct rh_library **library,
                  struct rh_error *error)
{
    bool isolated = opened->isolated || (*library)->connector.flags & RH_CONNECTOR_ISOLATED;

    if (isolated == ((*library)->isolated != NULL))
        return RH_OK;
    rh_library_free(*library);
    *library = NULL;
    return isolated ? rh_isolation_load(&opened->image, &opened->sandbox, library, error)
                    : rh_library_load_image(&opened->image, library, error);
}

int rh_candidate_load(const struct rh_candidate_place *place,
                      const struct rh_candidate_opened *opened, bool probe,
                      struct rh_library **ret_library, struct rh_error *error)
{
    struct rh_library *library = NULL;
    struct rh_error failed = RH_ERROR_INIT;
    int rc = RH_OK;

    if (opened->isolated || probe)
        rc = rh_isolation_load(&opened->image, &opened->sandbox, &library, &failed);
    if (rc != RH_OK)
        return fail_run(place, &failed, error);
    if (!library)
        rc = rh_library_load_image(&opened->image, &library, error);
    if (rc == RH_OK)
        rc = settle(opened, &library, error);
    if (rc == RH_OK)
        rc = rh_candidate_check(place, library, error);
    if (rc != RH_OK)
        rh_library_free(library);
    else
        *ret_library = library;
    return rc;
}
