/*
 * What is not known is refused, in the outermost object and in every inner one: a manifest that
 * asks for something this host has never heard of must not run without it. Sizes and counts are
 * bounded.
 */
#include "host/trust/manifest_place.h"

#include "base/err.h"
#include "base/text.h"

#include <stdio.h>

#define MAX_TEXT 1024 /* of a title, path or host name */
#define POINTER_SIZE sizeof(((struct rh_manifest_place *)NULL)->pointer)

/* ---- Places ------------------------------------------------------------------------------- */

int rh_manifest_place_fail(const struct rh_manifest_place *place, const char *reason)
{
    if (place->pointer[0])
        rh_fail(place->error, RH_CONTRACT, "the manifest's %s %s", place->pointer + 1, reason);
    else
        rh_fail(place->error, RH_CONTRACT, "the manifest %s", reason);
    rh_error_pointer(place->error, place->pointer);
    return RH_CONTRACT;
}

struct rh_manifest_place rh_manifest_place_member(const struct rh_manifest_place *place,
                                                  struct rh_text name, const struct rh_json *value)
{
    struct rh_manifest_place inner = *place;
    size_t n = strlen(inner.pointer);

    inner.value = value;
    if (n + 2 < POINTER_SIZE)
        inner.pointer[n++] = '/';
    for (uint64_t i = 0; i < name.len && n + 3 < POINTER_SIZE; i++) {
        char c = name.data[i];

        if (c == '~' || c == '/')
            inner.pointer[n++] = '~';
        inner.pointer[n++] = c == '~' ? '0' : c == '/' ? '1' : c;
    }
    inner.pointer[n] = '\0';
    return inner;
}

struct rh_manifest_place rh_manifest_place_element(const struct rh_manifest_place *place,
                                                   uint32_t i, const struct rh_json *value)
{
    char number[16];

    snprintf(number, sizeof(number), "%u", i);
    return rh_manifest_place_member(place, rh_text_of(number), value);
}

int rh_manifest_place_read(const struct rh_manifest_place *place,
                           const struct rh_manifest_member *members, size_t n,
                           struct rh_manifest *manifest)
{
    if (place->value->kind != RH_JSON_OBJECT)
        return rh_manifest_place_fail(place, "must be an object");
    for (const struct rh_json *child = place->value->child; child; child = child->next) {
        struct rh_manifest_place inner = rh_manifest_place_member(place, child->key, child);
        size_t i = 0;
        int rc;

        while (i < n && !rh_text_is(child->key, members[i].name))
            i++;
        if (i == n)
            return rh_manifest_place_fail(&inner, "is not known to this version of Rowhouse");
        rc = members[i].read(&inner, manifest);
        if (rc != RH_OK)
            return rc;
    }
    for (size_t i = 0; i < n; i++) {
        struct rh_manifest_place inner =
            rh_manifest_place_member(place, rh_text_of(members[i].name), NULL);

        if (members[i].required && !rh_json_member(place->value, members[i].name))
            return rh_manifest_place_fail(&inner, "is missing");
    }
    return RH_OK;
}

/* ---- Values ------------------------------------------------------------------------------- */

/* Printable text: shown to people, used as a path. */
static bool is_plain(struct rh_text text)
{
    for (uint64_t i = 0; i < text.len; i++)
        if ((unsigned char)text.data[i] < 0x20 || text.data[i] == 0x7f)
            return false;
    return text.len <= MAX_TEXT;
}

int rh_manifest_place_text(const struct rh_manifest_place *place, const char **ret_text)
{
    if (place->value->kind != RH_JSON_STRING)
        return rh_manifest_place_fail(place, "must be a text");
    if (!is_plain(place->value->text))
        return rh_manifest_place_fail(place, "is too long or has control characters");
    *ret_text = rh_arena_dup(place->arena, place->value->text.data, place->value->text.len);
    return *ret_text ? RH_OK : rh_fail_nomem(place->error);
}

int rh_manifest_place_number(const struct rh_manifest_place *place, uint64_t max,
                             uint64_t *ret_number)
{
    if (place->value->kind != RH_JSON_NUMBER || !rh_text_to_u64(place->value->text, ret_number) ||
        *ret_number > max)
        return rh_manifest_place_fail(place, "must be a whole number, and not that large");
    return RH_OK;
}

int rh_manifest_place_texts(const struct rh_manifest_place *place,
                            bool (*is_valid)(struct rh_text text), const char *otherwise,
                            const char *const **ret_texts, uint32_t *ret_n)
{
    const char **texts;
    uint32_t n = 0;

    if (place->value->kind != RH_JSON_ARRAY || place->value->n > RH_MANIFEST_MAX_ITEMS)
        return rh_manifest_place_fail(place, "must be an array, and not that long");
    texts = rh_arena_array(place->arena, place->value->n, sizeof(*texts));
    if (!texts)
        return rh_fail_nomem(place->error);
    for (const struct rh_json *child = place->value->child; child; child = child->next) {
        struct rh_manifest_place inner = rh_manifest_place_element(place, n, child);
        int rc = rh_manifest_place_text(&inner, &texts[n]);

        if (rc != RH_OK)
            return rc;
        if (!is_valid(rh_text_of(texts[n++])))
            return rh_manifest_place_fail(&inner, otherwise);
    }
    *ret_texts = texts;
    *ret_n = n;
    return RH_OK;
}
