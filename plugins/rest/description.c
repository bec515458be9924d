/*
 * The description of an API: strictly, so that a misspelt member is told and not passed over. What
 * a resource is, is resource.c's.
 */
#include "rest.h"

#include "base/json.h"

#include <string.h>
#include <strings.h>

/* ---- Members ------------------------------------------------------------------------------- */

static int wrong(struct rh_error *error, const char *where, const char *name, const char *what)
{
    return rh_fail(error, RH_CONFIG, "description: %s%s%s %s", where, where[0] ? "." : "", name,
                   what);
}

int rh_rest_only(const struct rh_json *object, const char *where, const char *const *names,
                 struct rh_error *error)
{
    if (object->kind != RH_JSON_OBJECT)
        return rh_fail(error, RH_CONFIG, "description: %s is no object", where[0] ? where : "it");
    for (const struct rh_json *member = object->child; member; member = member->next) {
        const char *near = NULL;
        unsigned distance = 4;
        bool known = false;

        for (size_t i = 0; names[i] && !known; i++) {
            unsigned d = rh_text_distance(member->key, rh_text_of(names[i]), distance);
            known = rh_text_is(member->key, names[i]);
            if (d < distance) {
                distance = d;
                near = names[i];
            }
        }
        if (known)
            continue;
        rh_fail(error, RH_CONFIG, "description: %s%shas no \"%.*s\"", where, where[0] ? " " : "it ",
                RH_TEXT_ARG(member->key));
        return near ? rh_error_hint(error, "did you mean \"%s\"?", near)
                    : rh_error_hint(error, "docs/rest.md tells what may stand there");
    }
    return RH_OK;
}

int rh_rest_text(const struct rh_json *object, const char *where, const char *name,
                 struct rh_text *to, struct rh_error *error)
{
    const struct rh_json *member = rh_json_member(object, name);

    if (!member)
        return RH_OK;
    if (member->kind != RH_JSON_STRING ||
        (member->text.len && memchr(member->text.data, 0, member->text.len)))
        return wrong(error, where, name, "is no text");
    *to = member->text;
    return RH_OK;
}

int rh_rest_bool(const struct rh_json *object, const char *where, const char *name, bool *to,
                 struct rh_error *error)
{
    const struct rh_json *member = rh_json_member(object, name);

    if (!member)
        return RH_OK;
    if (member->kind != RH_JSON_TRUE && member->kind != RH_JSON_FALSE)
        return wrong(error, where, name, "is neither true nor false");
    *to = member->kind == RH_JSON_TRUE;
    return RH_OK;
}

int rh_rest_number(const struct rh_json *object, const char *where, const char *name, uint64_t max,
                   uint64_t *to, struct rh_error *error)
{
    const struct rh_json *member = rh_json_member(object, name);
    uint64_t number;

    if (!member)
        return RH_OK;
    if (member->kind != RH_JSON_NUMBER || !rh_text_to_u64(member->text, &number) || number > max)
        return wrong(error, where, name, "is no whole number, or too large");
    *to = number;
    return RH_OK;
}

int rh_rest_word(const struct rh_json *object, const char *where, const char *name,
                 const char *const *words, uint8_t *to, struct rh_error *error)
{
    struct rh_text word = {NULL, 0};
    int rc = rh_rest_text(object, where, name, &word, error);

    if (rc || !word.data)
        return rc;
    for (uint8_t i = 0; words[i]; i++)
        if (rh_text_is(word, words[i])) {
            *to = i;
            return RH_OK;
        }
    return rh_fail(error, RH_CONFIG, "description: %s.%s knows no \"%.*s\"", where, name,
                   RH_TEXT_ARG(word));
}

/* ---- The whole ----------------------------------------------------------------------------- */

static int read_auth(const struct rh_json *json, struct rh_rest_description *api,
                     struct rh_error *error)
{
    static const char *const names[] = {"type",  "user",     "name", "token_url",
                                        "scope", "audience", NULL};
    static const char *const types[] = {"none",  "basic",         "bearer",         "header",
                                        "query", "oauth2_client", "oauth2_refresh", NULL};
    static const uint8_t auths[] = {RH_HTTP_AUTH_NONE,          RH_HTTP_AUTH_BASIC,
                                    RH_HTTP_AUTH_BEARER,        RH_HTTP_AUTH_HEADER,
                                    RH_HTTP_AUTH_QUERY,         RH_HTTP_AUTH_OAUTH2_CLIENT,
                                    RH_HTTP_AUTH_OAUTH2_REFRESH};
    struct rh_text name = {NULL, 0};
    uint8_t type = 0;
    int rc;

    if (!json)
        return RH_OK;
    if ((rc = rh_rest_only(json, "auth", names, error)) ||
        (rc = rh_rest_word(json, "auth", "type", types, &type, error)) ||
        (rc = rh_rest_text(json, "auth", "user", &api->user, error)) ||
        (rc = rh_rest_text(json, "auth", "name", &name, error)) ||
        (rc = rh_rest_text(json, "auth", "token_url", &api->token_url, error)) ||
        (rc = rh_rest_text(json, "auth", "scope", &api->scope, error)) ||
        (rc = rh_rest_text(json, "auth", "audience", &api->audience, error)))
        return rc;
    api->auth = auths[type];
    if (api->auth == RH_HTTP_AUTH_HEADER || api->auth == RH_HTTP_AUTH_QUERY) {
        if (!name.len)
            return wrong(error, "auth", "name", "is missing: the header or parameter of the key");
        api->user = name;
    }
    return RH_OK;
}

/* What authenticates is secret, and a description is shown. */
static bool is_credential(struct rh_text name)
{
    static const char *const names[] = {
        "authorization", "proxy-authorization", "cookie", "x-api-key", "api-key", NULL};

    for (size_t i = 0; names[i]; i++)
        if (name.len == strlen(names[i]) && strncasecmp(name.data, names[i], name.len) == 0)
            return true;
    return false;
}

static int read_headers(struct rh_arena *arena, const struct rh_json *json,
                        struct rh_rest_description *api, struct rh_error *error)
{
    struct rh_http_header *headers;

    if (!json)
        return RH_OK;
    if (json->kind != RH_JSON_OBJECT)
        return wrong(error, "", "headers", "is no object");
    headers = rh_arena_array(arena, json->n, sizeof(*headers));
    if (!headers)
        return rh_fail_nomem(error);
    for (const struct rh_json *member = json->child; member; member = member->next) {
        if (member->kind != RH_JSON_STRING)
            return wrong(error, "headers", "a value", "is no text");
        if (is_credential(member->key)) {
            rh_fail(error, RH_CONFIG, "description: headers has \"%.*s\", which is secret",
                    RH_TEXT_ARG(member->key));
            return rh_error_hint(error,
                                 "say {\"auth\": {\"type\": \"header\", \"name\": \"%.*s\"}} and "
                                 "give the setting `secret`",
                                 RH_TEXT_ARG(member->key));
        }
        headers[api->n_headers++] = (struct rh_http_header){member->key, member->text};
    }
    api->headers = headers;
    return RH_OK;
}

static int read_rate(const struct rh_json *json, struct rh_rest_description *api,
                     struct rh_error *error)
{
    static const char *const names[] = {"per_minute", NULL};
    uint64_t rate = 0;
    int rc;

    if (!json)
        return RH_OK;
    rc = rh_rest_only(json, "rate", names, error);
    if (rc == RH_OK)
        rc = rh_rest_number(json, "rate", "per_minute", UINT32_MAX, &rate, error);
    api->rate_per_minute = (uint32_t)rate;
    return rc;
}

static int read_resources(struct rh_arena *arena, const struct rh_json *json,
                          struct rh_rest_description *api, struct rh_error *error)
{
    struct rh_rest_resource *resources;
    int rc = RH_OK;

    if (!json || json->kind != RH_JSON_OBJECT || json->n == 0)
        return wrong(error, "", "resources", "is no object with a member for each table");
    resources = rh_arena_array(arena, json->n, sizeof(*resources));
    if (!resources)
        return rh_fail_nomem(error);
    for (const struct rh_json *member = json->child; member && rc == RH_OK; member = member->next)
        rc = rh_rest_resource_read(arena, member, &resources[api->n_resources++], error);
    api->resources = resources;
    return rc;
}

int rh_rest_description_read(struct rh_arena *arena, struct rh_text text,
                             struct rh_rest_description *ret_description, struct rh_error *error)
{
    static const char *const names[] = {"about", "base", "auth",      "headers",
                                        "rate",  "ping", "resources", NULL};
    struct rh_rest_description api = {.n_resources = 0};
    struct rh_error inner = RH_ERROR_INIT;
    struct rh_text about;
    struct rh_json *json;
    int rc = rh_json_parse(arena, text, &json, &inner);

    if (rc)
        return rh_fail(error, rc == RH_INVALID ? RH_CONFIG : rc, "description: %s", inner.message);
    if ((rc = rh_rest_only(json, "", names, error)) ||
        (rc = rh_rest_text(json, "", "about", &about, error)) ||
        (rc = rh_rest_text(json, "", "base", &api.base, error)) ||
        (rc = rh_rest_text(json, "", "ping", &api.ping, error)) ||
        (rc = read_auth(rh_json_member(json, "auth"), &api, error)) ||
        (rc = read_headers(arena, rh_json_member(json, "headers"), &api, error)) ||
        (rc = read_rate(rh_json_member(json, "rate"), &api, error)) ||
        (rc = read_resources(arena, rh_json_member(json, "resources"), &api, error)))
        return rc;
    *ret_description = api;
    return RH_OK;
}
