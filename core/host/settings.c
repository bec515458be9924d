/*
 * Settings against a JSON Schema of the small kind that connectors use: one object of scalar
 * properties, plus arrays and objects that pass through as JSON.
 *
 * The schema comes from a connector and the config from a user; neither is trusted.
 */
#include "host/settings.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/text.h"
#include "base/vec.h"
#include "host/settings_check.h"

#include <stdlib.h>
#include <string.h>

#define MAX_LISTED_BYTES 200
#define NEAR_DISTANCE 3

static int set_bytes(struct rh_arena *arena, uint8_t type, const char *data, size_t len,
                     struct rh_value *ret_value, struct rh_error *error)
{
    char *copy;

    if (len > UINT32_MAX)
        return rh_fail(error, RH_CONFIG, "a setting is longer than 4 GiB");
    copy = rh_arena_dup(arena, data, len);
    if (!copy)
        return rh_fail_nomem(error);
    *ret_value = (struct rh_value){.type = type, .len = (uint32_t)len, .as.data = copy};
    return RH_OK;
}

static int set_json(struct rh_arena *arena, const json_t *json, struct rh_value *ret_value,
                    struct rh_error *error)
{
    char *text = json_dumps(json, JSON_COMPACT);
    int rc;

    if (!text)
        return rh_fail_nomem(error);
    rc = set_bytes(arena, RH_TYPE_JSON, text, strlen(text), ret_value, error);
    free(text);
    return rc;
}

/* A "number" is FLOAT even when it was written without a point: the connector sees one type. */
static int set_value(struct rh_arena *arena, const struct rh_setting_check *setting,
                     struct rh_value *ret_value, struct rh_error *error)
{
    const char *type = json_string_value(json_object_get(setting->schema, "type"));
    const json_t *json = setting->value;

    if (json_is_string(json))
        return set_bytes(arena, RH_TYPE_TEXT, json_string_value(json), json_string_length(json),
                         ret_value, error);
    if (json_is_boolean(json))
        *ret_value = (struct rh_value){.type = RH_TYPE_BOOL, .as.i = json_is_true(json)};
    else if (json_is_number(json) && type && strcmp(type, "number") == 0)
        *ret_value = (struct rh_value){.type = RH_TYPE_FLOAT, .as.f = json_number_value(json)};
    else if (json_is_integer(json))
        *ret_value = (struct rh_value){.type = RH_TYPE_INT, .as.i = json_integer_value(json)};
    else
        return set_json(arena, json, ret_value, error);
    return RH_OK;
}

static const char *find_near(json_t *properties, const char *name)
{
    unsigned best = NEAR_DISTANCE + 1;
    const char *near = NULL, *key;
    json_t *property;

    json_object_foreach(properties, key, property)
    {
        unsigned distance = rh_text_distance(rh_text_of(key), rh_text_of(name), best);

        if (distance < best) {
            best = distance;
            near = key;
        }
    }
    return near;
}

static int fail_unknown(json_t *properties, const char *name, struct rh_error *error)
{
    const struct rh_setting_check unknown = {.name = name};
    const char *near = find_near(properties, name);
    struct rh_buf list;
    const char *key;
    json_t *property;
    int rc = rh_setting_fail(&unknown, error, "is not known");

    if (near) {
        rh_error_hint(error, "did you mean \"%s\"?", near);
        return rc;
    }
    rh_buf_init(&list, MAX_LISTED_BYTES);
    json_object_foreach(properties, key, property)
    {
        rh_buf_addf(&list, "%s%s", list.len ? ", " : "", key);
    }
    if (list.len)
        rh_error_hint(error, "known are: %.*s%s", RH_TEXT_ARG(rh_buf_text(&list)),
                      list.failed ? ", …" : "");
    rh_buf_free(&list);
    return rc;
}

static json_t *load_schema(struct rh_text text, struct rh_error *error)
{
    json_error_t fault;
    json_t *schema = NULL;

    if (text.data)
        schema = json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES, &fault);
    if (json_is_object(schema) && (!json_object_get(schema, "properties") ||
                                   json_is_object(json_object_get(schema, "properties"))))
        return schema;
    json_decref(schema);
    rh_fail(error, RH_CONTRACT, "config_schema is not a JSON Schema of an object");
    return NULL;
}

static bool is_required(const json_t *schema, const char *name)
{
    const json_t *item;
    size_t i;

    json_array_foreach(json_object_get(schema, "required"), i, item)
    {
        const char *required = json_string_value(item);

        if (required && strcmp(required, name) == 0)
            return true;
    }
    return false;
}

static int refuse_unknown(json_t *properties, json_t *config, struct rh_error *error)
{
    const char *name;
    json_t *value;

    json_object_foreach(config, name, value)
    {
        if (!json_object_get(properties, name))
            return fail_unknown(properties, name, error);
    }
    return RH_OK;
}

/* One property of the schema: the value that is given, else the default, else nothing. */
static int make_one(struct rh_arena *arena, const json_t *schema, const char *name,
                    const json_t *property, const json_t *given, struct rh_vec *items,
                    struct rh_error *error)
{
    struct rh_setting_check check = {.name = name, .schema = property, .value = given};
    struct rh_setting *item;
    int rc;

    if (!given) {
        check.value = json_object_get(property, "default");
        check.is_default = true;
    }
    if (!check.value) {
        check.is_default = false;
        return is_required(schema, name) ? rh_setting_fail(&check, error, "is required") : RH_OK;
    }
    rc = rh_setting_check(&check, error);
    if (rc)
        return rc;
    item = rh_vec_push(items, arena);
    if (!item)
        return rh_fail_nomem(error);
    item->name.len = strlen(name);
    item->name.data = rh_arena_dup(arena, name, item->name.len);
    if (!item->name.data)
        return rh_fail_nomem(error);
    return set_value(arena, &check, &item->value, error);
}

int rh_settings_make(struct rh_arena *arena, struct rh_text config_schema, const json_t *config,
                     struct rh_settings *ret_settings, struct rh_error *error)
{
    struct rh_vec items = RH_VEC_INIT(struct rh_setting);
    json_t *schema = NULL, *properties, *property;
    json_t *given = (json_t *)(uintptr_t)config; /* jansson iterates over non-const only */
    const char *name;
    int rc;

    if (config && !json_is_object(config)) {
        rc = rh_fail(error, RH_CONFIG, "the settings are not a JSON object");
        rh_error_pointer(error, "/config");
        return rc;
    }
    schema = load_schema(config_schema, error);
    if (!schema)
        return RH_CONTRACT;
    properties = json_object_get(schema, "properties");
    rc = refuse_unknown(properties, given, error);
    if (rc)
        goto out;
    json_object_foreach(properties, name, property)
    {
        rc = make_one(arena, schema, name, property, json_object_get(given, name), &items, error);
        if (rc)
            goto out;
    }
    *ret_settings = (struct rh_settings){
        .struct_size = sizeof(*ret_settings),
        .n = items.n,
        .items = items.items,
        .stride = sizeof(struct rh_setting),
    };
out:
    json_decref(schema);
    return rc;
}

int rh_settings_copy(struct rh_arena *arena, const struct rh_settings *settings,
                     struct rh_settings *ret_settings, struct rh_error *error)
{
    struct rh_setting *items = rh_arena_array(arena, settings->n, sizeof(*items));
    bool ok = items != NULL;

    for (uint32_t i = 0; ok && i < settings->n; i++) {
        const struct rh_setting *from =
            (const void *)((const char *)settings->items + (size_t)i * settings->stride);

        items[i].value = from->value;
        items[i].name = rh_arena_text(arena, from->name, &ok);
        if (from->value.type == RH_TYPE_TEXT || from->value.type == RH_TYPE_JSON) {
            items[i].value.as.data = rh_arena_dup(arena, from->value.as.data, from->value.len);
            ok = ok && items[i].value.as.data;
        }
    }
    if (!ok)
        return rh_fail_nomem(error);
    *ret_settings = (struct rh_settings){
        .struct_size = sizeof(*ret_settings),
        .n = settings->n,
        .items = items,
        .stride = sizeof(*items),
    };
    return RH_OK;
}

bool rh_settings_is_secret(const json_t *schema, const char *name)
{
    const json_t *property = json_object_get(json_object_get(schema, "properties"), name);

    return !property || json_is_true(json_object_get(property, "x-secret"));
}
