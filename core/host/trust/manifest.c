/*
 * Reading manifests from outside, into an arena: what they are, their files, the ABI. How their
 * values are read is in manifest_place.c.
 */
#include "base/err.h"
#include "base/text.h"
#include "host/trust/manifest_place.h"

#define MAX_ID 64
#define MAX_NAME 128 /* of a file */
#define MAX_FILES 256

static int read_u32(const struct rh_manifest_place *place, uint32_t *ret_number)
{
    uint64_t number = 0;
    int rc = rh_manifest_place_number(place, UINT32_MAX - 1, &number);

    if (rc == RH_OK)
        *ret_number = (uint32_t)number;
    return rc;
}

/* ---- Files -------------------------------------------------------------------------------- */

bool rh_manifest_is_file(struct rh_text name)
{
    for (uint64_t i = 0; i < name.len; i++) {
        char c = name.data[i];
        bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

        if (!word && c != '_' && !(i > 0 && (c == '.' || c == '-' || c == '+')))
            return false;
    }
    return name.len > 0 && name.len <= MAX_NAME && !rh_text_starts(name, "manifest.json");
}

static int read_sha256(const struct rh_manifest_place *place, char ret_sha256[65])
{
    struct rh_text text = place->value->text;

    if (place->value->kind != RH_JSON_STRING || text.len != 64)
        return rh_manifest_place_fail(place, "must be 64 lower-case hex digits");
    for (uint64_t i = 0; i < text.len; i++)
        if (!(text.data[i] >= '0' && text.data[i] <= '9') &&
            !(text.data[i] >= 'a' && text.data[i] <= 'f'))
            return rh_manifest_place_fail(place, "must be 64 lower-case hex digits");
    memcpy(ret_sha256, text.data, 64);
    ret_sha256[64] = '\0';
    return RH_OK;
}

static int read_file(const struct rh_manifest_place *place, struct rh_manifest_file *file)
{
    const struct rh_json *bytes = rh_json_member(place->value, "bytes");
    const struct rh_json *sha256 = rh_json_member(place->value, "sha256");
    struct rh_manifest_place inner;
    int rc;

    if (!rh_manifest_is_file(place->value->key))
        return rh_manifest_place_fail(place,
                                      "is no name for a file: letters, digits and . _ - + only");
    if (!bytes || !sha256 || place->value->n != 2)
        return rh_manifest_place_fail(place, "must be {\"bytes\": …, \"sha256\": …}");
    file->name = rh_arena_dup(place->arena, place->value->key.data, place->value->key.len);
    if (!file->name)
        return rh_fail_nomem(place->error);
    inner = rh_manifest_place_member(place, RH_TEXT("bytes"), bytes);
    rc = rh_manifest_place_number(&inner, INT64_MAX, &file->n_bytes);
    if (rc != RH_OK)
        return rc;
    inner = rh_manifest_place_member(place, RH_TEXT("sha256"), sha256);
    return read_sha256(&inner, file->sha256);
}

static int read_files(struct rh_manifest_place *place, struct rh_manifest *manifest)
{
    struct rh_manifest_file *files;
    uint32_t n = 0;

    if (place->value->kind != RH_JSON_OBJECT || place->value->n > MAX_FILES)
        return rh_manifest_place_fail(place, "must be an object, and not that large");
    files = rh_arena_array(place->arena, place->value->n, sizeof(*files));
    if (!files)
        return rh_fail_nomem(place->error);
    for (const struct rh_json *child = place->value->child; child; child = child->next) {
        struct rh_manifest_place inner = rh_manifest_place_member(place, child->key, child);
        int rc = read_file(&inner, &files[n++]);

        if (rc != RH_OK)
            return rc;
    }
    manifest->files = files;
    manifest->n_files = n;
    return RH_OK;
}

/* ---- Outermost ---------------------------------------------------------------------------- */

bool rh_manifest_is_id(struct rh_text id)
{
    for (uint64_t i = 0; i < id.len; i++) {
        char c = id.data[i];
        bool later = (c >= '0' && c <= '9') || c == '_';

        if (!(c >= 'a' && c <= 'z') && !(later && i > 0))
            return false;
    }
    return id.len > 0 && id.len <= MAX_ID;
}

static int read_format(struct rh_manifest_place *place, struct rh_manifest *manifest)
{
    uint64_t format = 0;

    if (place->value->kind != RH_JSON_NUMBER || !rh_text_to_u64(place->value->text, &format) ||
        format != 1)
        return rh_manifest_place_fail(place, "is not 1: it is for another version of Rowhouse");
    return RH_OK;
}

static int read_id(struct rh_manifest_place *place, struct rh_manifest *manifest)
{
    int rc = rh_manifest_place_text(place, &manifest->id);

    if (rc == RH_OK && !rh_manifest_is_id(rh_text_of(manifest->id)))
        rc = rh_manifest_place_fail(place, "is not of the form [a-z][a-z0-9_]*");
    return rc;
}

static int read_version(struct rh_manifest_place *place, struct rh_manifest *manifest)
{
    int rc = rh_manifest_place_text(place, &manifest->version);

    if (rc == RH_OK && !rh_manifest_is_version(rh_text_of(manifest->version)))
        rc = rh_manifest_place_fail(place, "is not of the form 1.2.3 or 1.2.3-suffix");
    return rc;
}

static int read_title(struct rh_manifest_place *place, struct rh_manifest *manifest)
{
    return rh_manifest_place_text(place, &manifest->title);
}

static int read_vendor(struct rh_manifest_place *place, struct rh_manifest *manifest)
{
    return rh_manifest_place_text(place, &manifest->vendor);
}

static int read_license(struct rh_manifest_place *place, struct rh_manifest *manifest)
{
    return rh_manifest_place_text(place, &manifest->license);
}

static int read_library(struct rh_manifest_place *place, struct rh_manifest *manifest)
{
    return rh_manifest_place_text(place, &manifest->library);
}

static int read_run(struct rh_manifest_place *place, struct rh_manifest *manifest)
{
    struct rh_text text = place->value->text;
    bool is_text = place->value->kind == RH_JSON_STRING;

    manifest->in_process = is_text && rh_text_is(text, "in-process");
    if (!manifest->in_process && !(is_text && rh_text_is(text, "isolated")))
        return rh_manifest_place_fail(place, "must be \"isolated\" or \"in-process\"");
    return RH_OK;
}

static int read_major(struct rh_manifest_place *place, struct rh_manifest *manifest)
{
    return read_u32(place, &manifest->abi_major);
}

static int read_min_minor(struct rh_manifest_place *place, struct rh_manifest *manifest)
{
    return read_u32(place, &manifest->abi_min_minor);
}

static int read_max_minor(struct rh_manifest_place *place, struct rh_manifest *manifest)
{
    if (place->value->kind == RH_JSON_NULL)
        return RH_OK;
    return read_u32(place, &manifest->abi_max_minor);
}

static const struct rh_manifest_member ABI[] = {
    {"major", true, read_major},
    {"min_minor", true, read_min_minor},
    {"max_minor", false, read_max_minor},
};

static int read_abi(struct rh_manifest_place *place, struct rh_manifest *manifest)
{
    return rh_manifest_place_read(place, ABI, sizeof(ABI) / sizeof(ABI[0]), manifest);
}

static const struct rh_manifest_member MEMBERS[] = {
    {"manifest", true, read_format}, {"id", true, read_id},
    {"version", true, read_version}, {"title", false, read_title},
    {"vendor", false, read_vendor},  {"license", false, read_license},
    {"abi", true, read_abi},         {"library", true, read_library},
    {"files", true, read_files},     {"permissions", false, rh_manifest_read_permissions},
    {"run", false, read_run},
};

const struct rh_manifest_file *rh_manifest_find_file(const struct rh_manifest *manifest,
                                                     struct rh_text name)
{
    for (uint32_t i = 0; i < manifest->n_files; i++)
        if (rh_text_is(name, manifest->files[i].name))
            return &manifest->files[i];
    return NULL;
}

int rh_manifest_parse(struct rh_arena *arena, struct rh_text json, struct rh_manifest *ret_manifest,
                      struct rh_error *error)
{
    struct rh_manifest manifest = {
        .title = "", .vendor = "", .license = "", .abi_max_minor = UINT32_MAX};
    struct rh_error malformed = RH_ERROR_INIT;
    struct rh_manifest_place place = {.arena = arena, .error = error};
    struct rh_json *value = NULL;
    int rc;

    if (json.len > RH_MANIFEST_MAX_BYTES)
        return rh_manifest_place_fail(&place, "is too large");
    rc = rh_json_parse(arena, json, &value, &malformed);
    if (rc == RH_RESOURCE)
        return rh_fail_nomem(error);
    if (rc != RH_OK)
        return rh_fail(error, RH_CONTRACT, "the manifest is malformed: %s", malformed.message);
    place.value = value;
    rc = rh_manifest_place_read(&place, MEMBERS, sizeof(MEMBERS) / sizeof(MEMBERS[0]), &manifest);
    if (rc != RH_OK)
        return rc;
    if (!rh_manifest_find_file(&manifest, rh_text_of(manifest.library))) {
        place = rh_manifest_place_member(&place, RH_TEXT("library"), NULL);
        return rh_manifest_place_fail(&place, "is none of its files");
    }
    *ret_manifest = manifest;
    return RH_OK;
}
