/*
 * What an author wrote is edited as a JSON document and then read by rh_manifest_parse, as every
 * host will: what signs is as strict as what verifies.
 */
#include "cli/manifest_draft.h"

#include "base/err.h"
#include "base/text.h"
#include "cli/files.h"
#include "host/trust/trust.h"

#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <rowhouse/connector.h>
#include <stdlib.h>
#include <string.h>

/* ---- Options ------------------------------------------------------------------------------ */

static const char *const PERMISSIONS[] = {"network", "port",   "host",      "read",
                                          "write",   "memory", "in-process"};

/* The values of a repeated option. */
static json_t *values_of(const struct rh_cli_words *words, const char *name, bool as_numbers)
{
    json_t *array = json_array();

    for (uint32_t i = 0; i < words->n_given; i++) {
        const char *value = words->given[i].value;
        int64_t number = 0;

        if (strcmp(words->given[i].option->name, name) != 0)
            continue;
        if (as_numbers && rh_text_to_i64(rh_text_of(value), &number))
            json_array_append_new(array, json_integer(number));
        else
            json_array_append_new(array, json_string(value));
    }
    return array;
}

static json_t *permissions_of(const struct rh_cli_words *words)
{
    const char *memory = rh_cli_value(words, "memory");
    int64_t mib = 0;
    json_t *permissions = json_pack(
        "{s:b, s:o, s:o, s:o, s:o}", "network", rh_cli_value(words, "network") != NULL, "ports",
        values_of(words, "port", true), "hosts", values_of(words, "host", false), "read",
        values_of(words, "read", false), "write", values_of(words, "write", false));

    if (memory)
        json_object_set_new(permissions, "memory_mib",
                            rh_text_to_i64(rh_text_of(memory), &mib) ? json_integer(mib)
                                                                     : json_string(memory));
    return permissions;
}

/* ---- Parts -------------------------------------------------------------------------------- */

static json_t *text(struct rh_text value)
{
    json_t *string = json_stringn(value.data ? value.data : "", value.len);

    return string ? string : json_string("");
}

static json_t *file_of(const struct rh_image *image)
{
    return json_pack("{s:I, s:s}", "bytes", (json_int_t)image->n_bytes, "sha256", image->sha256);
}

/* What the connector says, where the author has not said otherwise. */
static void add_description(json_t *draft, const struct rh_library *library)
{
    const struct rh_connector *c = &library->connector;
    json_t *said =
        json_pack("{s:i, s:o, s:o, s:o, s:o, s:o, s:{s:i, s:i, s:n}}", "manifest", 1, "id",
                  text(c->id), "version", text(c->version), "title", text(c->title), "vendor",
                  text(c->vendor), "license", text(c->license), "abi", "major", RH_ABI_MAJOR,
                  "min_minor", (int)c->min_host_minor, "max_minor");

    json_object_update_missing(draft, said);
    json_decref(said);
}

/* As every host will read it. Takes the draft. */
static int finish(struct rh_arena *arena, json_t *draft, struct rh_manifest *ret_manifest,
                  struct rh_error *error)
{
    char *dump = draft ? json_dumps(draft, JSON_COMPACT) : NULL;
    const char *json = dump ? rh_arena_dup(arena, dump, strlen(dump)) : NULL;

    free(dump);
    json_decref(draft);
    return json ? rh_manifest_parse(arena, rh_text_of(json), ret_manifest, error)
                : rh_fail_nomem(error);
}

/* What an author wrote. NOT_FOUND, CONFIG. */
static int read_draft(const char *path, json_t **ret_draft, struct rh_error *error)
{
    json_error_t malformed;
    struct rh_buf buf;
    int rc;

    rh_buf_init(&buf, RH_MANIFEST_MAX_BYTES);
    rc = rh_cli_file_read(path, &buf, error);
    if (rc == RH_OK) {
        *ret_draft = json_loadb(buf.data, buf.len, JSON_REJECT_DUPLICATES, &malformed);
        if (!json_is_object(*ret_draft)) {
            rc = rh_fail(error, RH_CONFIG, "%s: %s", path,
                         *ret_draft ? "is no JSON object" : malformed.text);
            json_decref(*ret_draft);
            *ret_draft = NULL;
        }
    }
    rh_buf_free(&buf);
    return rc;
}

/* The one of the folder; NULL and RH_OK when it has none. */
static int read_draft_of(struct rh_arena *arena, const char *folder, json_t **ret_draft,
                         struct rh_error *error)
{
    const char *path = rh_arena_printf(arena, "%s/" RH_PACKAGE_MANIFEST, folder);
    struct rh_error failed = RH_ERROR_INIT;
    int rc = path ? read_draft(path, ret_draft, &failed) : rh_fail_nomem(error);

    if (rc == RH_OK || rc == RH_NOT_FOUND)
        return RH_OK;
    return rh_fail(error, rc, "%s", failed.message);
}

static int check_options(const struct rh_cli_words *words, struct rh_error *error)
{
    for (size_t i = 0; i < sizeof(PERMISSIONS) / sizeof(PERMISSIONS[0]); i++)
        if (rh_cli_value(words, PERMISSIONS[i]))
            return rh_fail(error, RH_CONFIG,
                           "--%s: there is a manifest, which says what is permitted; edit it",
                           PERMISSIONS[i]);
    return RH_OK;
}

/* Id and version must be the connector's: a host would refuse it. */
static int check_identity(const struct rh_manifest *manifest, const struct rh_library *library,
                          struct rh_error *error)
{
    const struct rh_connector *c = &library->connector;

    if (rh_text_is(c->id, manifest->id) && rh_text_is(c->version, manifest->version))
        return RH_OK;
    return rh_fail(error, RH_CONFIG, "the manifest says %s %s, the connector %.*s %.*s",
                   manifest->id, manifest->version, RH_TEXT_ARG(c->id), RH_TEXT_ARG(c->version));
}

/* What the author wrote, or what the options say; then what the connector says. */
static int begin(const struct rh_cli_words *words, const struct rh_library *library,
                 json_t *written, json_t **ret_draft, struct rh_error *error)
{
    json_t *draft = written ? json_incref(written) : NULL;
    int rc = written ? check_options(words, error) : RH_OK;

    if (!draft) {
        draft = json_pack("{s:o}", "permissions", permissions_of(words));
        if (rh_cli_value(words, "in-process"))
            json_object_set_new(draft, "run", json_string("in-process"));
    }
    if (rc == RH_OK && !draft)
        rc = rh_fail_nomem(error);
    if (rc == RH_OK) {
        add_description(draft, library);
        *ret_draft = json_incref(draft);
    }
    json_decref(draft);
    return rc;
}

int rh_cli_draft_of_library(struct rh_arena *arena, const struct rh_cli_words *words,
                            const struct rh_library *library, const struct rh_image *image,
                            struct rh_manifest *ret_manifest, struct rh_error *error)
{
    const char *name = rh_arena_printf(arena, "%.*s.so", RH_TEXT_ARG(library->connector.id));
    const char *path = rh_cli_value(words, "manifest");
    json_t *written = NULL, *draft = NULL;
    int rc = name ? RH_OK : rh_fail_nomem(error);

    if (rc == RH_OK && path)
        rc = read_draft(path, &written, error);
    if (rc == RH_OK)
        rc = begin(words, library, written, &draft, error);
    json_decref(written);
    if (rc != RH_OK)
        return rc;
    json_object_set_new(draft, "library", json_string(name));
    json_object_set_new(draft, "files", json_pack("{s:o}", name, file_of(image)));
    rc = finish(arena, draft, ret_manifest, error);
    return rc == RH_OK ? check_identity(ret_manifest, library, error) : rc;
}

/* ---- Folders ------------------------------------------------------------------------------ */

static bool is_file_of_package(const char *name)
{
    return name[0] != '.' && strcmp(name, RH_PACKAGE_MANIFEST) != 0 &&
           strcmp(name, RH_PACKAGE_SIGNATURE) != 0;
}

/* The only *.so. */
static int find_library(struct rh_arena *arena, const char *folder, const char **ret_name,
                        struct rh_error *error)
{
    DIR *files = opendir(folder);
    const char *name = NULL;
    struct dirent *file;
    unsigned n = 0;

    if (!files)
        return rh_fail(error, RH_CONFIG, "%s: %s", folder, strerror(errno));
    while ((file = readdir(files)))
        if (is_file_of_package(file->d_name) && rh_text_ends(rh_text_of(file->d_name), ".so") &&
            n++ == 0)
            name = rh_arena_dup(arena, file->d_name, strlen(file->d_name));
    closedir(files);
    if (n != 1)
        return rh_fail(error, RH_CONFIG,
                       "%s: has %u files *.so, so its manifest.json must say "
                       "which is the \"library\"",
                       folder, n);
    if (!name)
        return rh_fail_nomem(error);
    *ret_name = name;
    return RH_OK;
}

static int library_name(struct rh_arena *arena, const char *folder, const json_t *draft,
                        const char **ret_name, struct rh_error *error)
{
    const char *name = json_string_value(json_object_get(draft, "library"));

    if (!name)
        return find_library(arena, folder, ret_name, error);
    if (!rh_manifest_is_file(rh_text_of(name)))
        return rh_fail(error, RH_CONFIG, "%s: \"%s\" is no name for the library", folder, name);
    *ret_name = rh_arena_dup(arena, name, strlen(name));
    return *ret_name ? RH_OK : rh_fail_nomem(error);
}

int rh_cli_draft_library_path(struct rh_arena *arena, const char *folder, const char **ret_path,
                              struct rh_error *error)
{
    json_t *draft = NULL;
    const char *name = NULL;
    int rc = read_draft_of(arena, folder, &draft, error);

    if (rc == RH_OK)
        rc = library_name(arena, folder, draft, &name, error);
    json_decref(draft);
    if (rc != RH_OK)
        return rc;
    *ret_path = rh_arena_printf(arena, "%s/%s", folder, name);
    return *ret_path ? RH_OK : rh_fail_nomem(error);
}

static int add_file(struct rh_arena *arena, const char *folder, const char *name, json_t *files,
                    struct rh_error *error)
{
    const char *path = rh_arena_printf(arena, "%s/%s", folder, name);
    struct rh_image image = {.fd = -1};
    int rc;

    if (!rh_manifest_is_file(rh_text_of(name)))
        return rh_fail(error, RH_CONFIG,
                       "%s/%s: the name has characters that packages do not allow", folder, name);
    rc = path ? rh_image_read(path, &image, error) : rh_fail_nomem(error);
    if (rc == RH_OK && json_object_set_new(files, name, file_of(&image)) != 0)
        rc = rh_fail_nomem(error);
    rh_image_close(&image);
    return rc;
}

static int list_files(struct rh_arena *arena, const char *folder, json_t *files,
                      struct rh_error *error)
{
    DIR *open = opendir(folder);
    struct dirent *file;
    int rc = RH_OK;

    if (!open)
        return rh_fail(error, RH_CONFIG, "%s: %s", folder, strerror(errno));
    while (rc == RH_OK && (file = readdir(open)))
        if (is_file_of_package(file->d_name))
            rc = add_file(arena, folder, file->d_name, files, error);
    closedir(open);
    return rc;
}

int rh_cli_draft_of_folder(struct rh_arena *arena, const struct rh_cli_words *words,
                           const char *folder, const struct rh_library *library,
                           struct rh_manifest *ret_manifest, struct rh_error *error)
{
    json_t *written = NULL, *draft = NULL, *files = json_object();
    const char *name = NULL;
    int rc = files ? read_draft_of(arena, folder, &written, error) : rh_fail_nomem(error);

    if (rc == RH_OK)
        rc = library_name(arena, folder, written, &name, error);
    if (rc == RH_OK)
        rc = list_files(arena, folder, files, error);
    if (rc == RH_OK)
        rc = begin(words, library, written, &draft, error);
    if (rc == RH_OK) {
        json_object_set_new(draft, "library", json_string(name));
        json_object_set(draft, "files", files);
        rc = finish(arena, draft, ret_manifest, error);
    }
    if (rc == RH_OK)
        rc = check_identity(ret_manifest, library, error);
    json_decref(files);
    json_decref(written);
    return rc;
}
