/*
 * An OpenAPI 3 document as a description. A collection is a GET whose answer is an array of
 * objects, or an object with one such array; what the document does not tell is left out, not
 * guessed.
 */
#include "cli/describe.h"

#include "base/err.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define MAX_REFS 32

struct import {
    const json_t *document;
    json_t *resources;
};

static const char *text_of(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

/* What a local reference leads to; the value itself when it is none. NULL when it leads nowhere. */
static const json_t *resolve(const struct import *import, const json_t *value)
{
    for (int i = 0; i < MAX_REFS && text_of(value, "$ref"); i++) {
        struct rh_text rest = rh_text_of(text_of(value, "$ref"));
        struct rh_text part = rh_text_cut(&rest, '/');
        char name[256];

        if (!rh_text_is(part, "#"))
            return NULL;
        value = import->document;
        while (value && rest.len) {
            part = rh_text_cut(&rest, '/');
            snprintf(name, sizeof(name), "%.*s", RH_TEXT_ARG(part));
            value = json_object_get(value, name);
        }
    }
    return text_of(value, "$ref") ? NULL : value;
}

/* ---- Columns ------------------------------------------------------------------------------- */

static const char *type_of(const struct import *import, const json_t *schema)
{
    static const struct {
        const char *type, *format, *name;
    } types[] = {
        {"integer", NULL, "int"},     {"number", "double", "float"},
        {"number", "float", "float"}, {"number", NULL, "decimal"},
        {"boolean", NULL, "bool"},    {"string", "date-time", "timestamp"},
        {"string", "date", "date"},   {"string", "uuid", "uuid"},
        {"string", "byte", "bytes"},  {"string", NULL, "text"},
    };
    const json_t *resolved = resolve(import, schema), *type = json_object_get(resolved, "type");
    const char *name =
        json_is_array(type) ? json_string_value(json_array_get(type, 0)) : json_string_value(type);
    const char *format = text_of(resolved, "format");

    for (size_t i = 0; name && i < sizeof(types) / sizeof(types[0]); i++)
        if (strcmp(name, types[i].type) == 0 &&
            (!types[i].format || (format && strcmp(format, types[i].format) == 0)))
            return types[i].name;
    return "json";
}

static void add_columns(const struct import *import, const json_t *schema, json_t *columns,
                        int depth)
{
    const json_t *resolved = resolve(import, schema), *part;
    const json_t *all = json_object_get(resolved, "allOf");
    const char *name;
    size_t i;

    json_array_foreach((json_t *)(uintptr_t)all, i, part) if (depth < MAX_REFS)
        add_columns(import, part, columns, depth + 1);
    json_object_foreach(json_object_get(resolved, "properties"), name, part)
    {
        const json_t *described = resolve(import, part);
        const char *type = type_of(import, part);
        json_t *column = json_string(type);

        if (json_is_true(json_object_get(described, "readOnly"))) {
            json_decref(column);
            column = json_pack("{s:s, s:b}", "type", type, "write", 0);
        }
        json_object_set_new(columns, name, column);
    }
}

/* The items of an array of objects, or NULL. */
static const json_t *items_of(const struct import *import, const json_t *schema)
{
    const json_t *resolved = resolve(import, schema);
    const json_t *items = resolve(import, json_object_get(resolved, "items"));

    return json_object_get(items, "properties") || json_object_get(items, "allOf") ? items : NULL;
}

/* The schema of a row, and the member of the answer that has the rows ("" for the answer itself).
 * */
static const json_t *rows_of(const struct import *import, const json_t *operation,
                             const char **ret_rows)
{
    const json_t *answers = json_object_get(operation, "responses"), *member, *found = NULL;
    const json_t *answer = json_object_get(answers, "200");
    const json_t *content = json_object_get(resolve(import, answer), "content");
    const json_t *schema = json_object_get(json_object_get(content, "application/json"), "schema");
    const char *name;

    *ret_rows = "";
    schema = resolve(import, schema);
    found = items_of(import, schema);
    if (found)
        return found;
    json_object_foreach(json_object_get(schema, "properties"), name, member)
    {
        const json_t *items = items_of(import, member);
        if (items && found)
            return NULL; /* which of them? */
        if (items) {
            found = items;
            *ret_rows = name;
        }
    }
    return found;
}

/* ---- Parameters ---------------------------------------------------------------------------- */

static bool is_one_of(const char *name, const char *const *names)
{
    for (size_t i = 0; names[i]; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

static void add_parameter(const struct import *import, const json_t *parameter, json_t *resource)
{
    static const char *const sizes[] = {"per_page", "page_size", "pageSize", "limit", "size", NULL};
    const char *name = text_of(parameter, "name"), *in = text_of(parameter, "in");
    json_t *page = json_object_get(resource, "page");
    json_t *columns = json_object_get(resource, "columns");
    const json_t *schema = resolve(import, json_object_get(parameter, "schema"));
    bool required = json_is_true(json_object_get(parameter, "required"));
    json_t *described;

    if (!name || !in || strcmp(in, "query") != 0)
        return;
    if (is_one_of(name, sizes)) {
        json_int_t max = json_integer_value(json_object_get(schema, "maximum"));
        json_object_set_new(page, "size", json_string(name));
        json_object_set_new(page, "max", json_integer(max > 0 ? max : 20));
        return;
    }
    if (strcmp(name, "page") == 0 || strcmp(name, "offset") == 0) {
        json_object_set_new(page, "style", json_string(name));
        json_object_set_new(page, "name", json_string(name));
        return;
    }
    if (!required && !json_object_get(columns, name))
        return;
    described = json_object();
    if (required)
        json_object_set_new(described, "required", json_true());
    if (json_object_get(parameter, "explode") &&
        json_is_false(json_object_get(parameter, "explode")) && json_object_get(columns, name))
        json_object_set_new(described, "list", json_string(","));
    json_object_set_new(json_object_get(resource, "parameters"), name, described);
}

static void add_parameters(const struct import *import, const json_t *list, json_t *resource)
{
    const json_t *parameter;
    size_t i;

    json_array_foreach((json_t *)(uintptr_t)list, i, parameter)
        add_parameter(import, resolve(import, parameter), resource);
}

/* ---- Single rows --------------------------------------------------------------------------- */

/* "/pets/{petId}" below "/pets": the name in braces. False when it is another path. */
static bool is_below(const char *path, const char *list, char name[128])
{
    size_t n = strlen(list), len = strlen(path);

    if (strncmp(path, list, n) != 0 || len < n + 4 || path[n] != '/' || path[n + 1] != '{' ||
        path[len - 1] != '}' || strchr(path + n + 2, '/') || len - n - 3 >= 128)
        return false;
    memcpy(name, path + n + 2, len - n - 3);
    name[len - n - 3] = 0;
    return true;
}

/* The column that the placeholder stands for: of its name, or "id" for petId and pet_id. */
static const char *key_of(const json_t *columns, const char *placeholder)
{
    size_t n = strlen(placeholder);

    if (json_object_get(columns, placeholder))
        return placeholder;
    if (n >= 2 && strcasecmp(placeholder + n - 2, "id") == 0 && json_object_get(columns, "id"))
        return "id";
    return NULL;
}

static void add_single(const json_t *paths, const char *list, json_t *resource)
{
    static const struct {
        const char *verb, *member;
    } calls[] = {{"get", "one"}, {"patch", "update"}, {"delete", "delete"}};
    const char *path;
    json_t *item;

    json_object_foreach((json_t *)(uintptr_t)paths, path, item)
    {
        char placeholder[128];
        const char *key = is_below(path, list, placeholder)
                              ? key_of(json_object_get(resource, "columns"), placeholder)
                              : NULL;
        if (!key)
            continue;
        json_object_set_new(resource, "key", json_pack("[s]", key));
        for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
            if (json_object_get(item, calls[i].verb))
                json_object_set_new(resource, calls[i].member,
                                    json_pack("{s:o}", "path", json_sprintf("%s/{%s}", list, key)));
    }
}

/* ---- Resources ----------------------------------------------------------------------------- */

/* The last step of the path that is no placeholder. */
static void name_of(const char *path, char name[128])
{
    struct rh_text rest = rh_text_of(path);

    snprintf(name, 128, "rows");
    while (rest.len) {
        struct rh_text part = rh_text_cut(&rest, '/');
        if (part.len && part.data[0] != '{')
            snprintf(name, 128, "%.*s", RH_TEXT_ARG(part));
    }
}

static void drop_empty(json_t *resource, const char *name)
{
    if (json_object_size(json_object_get(resource, name)) == 0)
        json_object_del(resource, name);
}

static void add_resource(struct import *import, const json_t *paths, const char *path,
                         const json_t *item)
{
    const json_t *get = json_object_get(item, "get");
    const char *rows;
    const json_t *row = rows_of(import, get, &rows);
    json_t *resource;
    char name[128];

    if (!row)
        return;
    name_of(path, name);
    if (json_object_get(import->resources, name))
        snprintf(name, sizeof(name), "%s", path + 1);
    resource = json_pack("{s:s, s:s, s:{}, s:{}, s:{}}", "path", path, "rows", rows, "columns",
                         "parameters", "page");
    if (text_of(get, "summary"))
        json_object_set(resource, "about", json_object_get(get, "summary"));
    add_columns(import, row, json_object_get(resource, "columns"), 0);
    add_parameters(import, json_object_get(item, "parameters"), resource);
    add_parameters(import, json_object_get(get, "parameters"), resource);
    if (!json_object_get(json_object_get(resource, "page"), "style"))
        json_object_clear(json_object_get(resource, "page"));
    drop_empty(resource, "page");
    drop_empty(resource, "parameters");
    add_single(paths, path, resource);
    if (json_object_get(item, "post"))
        json_object_set_new(resource, "insert", json_pack("{s:s}", "path", path));
    json_object_set_new(import->resources, name, resource);
}

/* ---- The document -------------------------------------------------------------------------- */

static json_t *auth_of(const struct import *import)
{
    const json_t *components = json_object_get(import->document, "components"), *scheme;
    const char *name;

    json_object_foreach(json_object_get(components, "securitySchemes"), name, scheme)
    {
        const json_t *flow = json_object_get(json_object_get(scheme, "flows"), "clientCredentials");
        const char *type = text_of(scheme, "type"), *in = text_of(scheme, "in");
        const char *kind = text_of(scheme, "scheme");

        if (type && strcmp(type, "http") == 0 && kind && strcasecmp(kind, "bearer") == 0)
            return json_pack("{s:s}", "type", "bearer");
        if (type && strcmp(type, "http") == 0 && kind && strcasecmp(kind, "basic") == 0)
            return json_pack("{s:s}", "type", "basic");
        if (type && strcmp(type, "apiKey") == 0 && in && text_of(scheme, "name") &&
            (strcmp(in, "header") == 0 || strcmp(in, "query") == 0))
            return json_pack("{s:s, s:s}", "type", in, "name", text_of(scheme, "name"));
        if (text_of(flow, "tokenUrl"))
            return json_pack("{s:s, s:s}", "type", "oauth2_client", "token_url",
                             text_of(flow, "tokenUrl"));
    }
    return NULL;
}

json_t *rh_cli_describe_openapi(const json_t *document, const char *base, struct rh_error *error)
{
    struct import import = {.document = document};
    const json_t *paths = json_object_get(document, "paths");
    const char *version = text_of(document, "openapi"), *path;
    const char *server = text_of(json_array_get(json_object_get(document, "servers"), 0), "url");
    json_t *description, *item, *auth;

    if (!version || strncmp(version, "3.", 2) != 0 || !json_is_object(paths)) {
        rh_fail(error, RH_UNSUPPORTED, "this is no OpenAPI 3 document");
        return NULL;
    }
    base = base ? base : server;
    if (!base || !strstr(base, "://")) {
        rh_fail(error, RH_CONFIG, "the document does not say where the API is");
        rh_error_hint(error, "give --base https://…");
        return NULL;
    }
    import.resources = json_object();
    json_object_foreach((json_t *)(uintptr_t)paths, path, item)
        add_resource(&import, paths, path, item);
    if (json_object_size(import.resources) == 0) {
        json_decref(import.resources);
        rh_fail(error, RH_UNSUPPORTED, "the document has no GET whose answer is a list of objects");
        return NULL;
    }
    description = json_pack("{s:s}", "base", base);
    auth = auth_of(&import);
    if (auth)
        json_object_set_new(description, "auth", auth);
    json_object_set_new(description, "resources", import.resources);
    return description;
}
