/* Commands: apps. */
#include "base/err.h"
#include "base/text.h"
#include "server/api/call.h"
#include "server/api/definition.h"

#include <stdio.h>
#include <stdlib.h>

#define MAX_DATASOURCES 10000

static const char *const CREATE_MEMBERS[] = {"name", "title", "description", NULL};
static const char *const UPDATE_MEMBERS[] = {"title", "description", NULL};

static int list(struct rh_call *call, struct rh_error *error)
{
    json_t *array = json_array();
    int rc = rh_store_list(call->api->store, &call->op, "default/apps/", rh_definition_collect,
                           array, error);

    if (rc != RH_OK) {
        json_decref(array);
        return rc;
    }
    return rh_call_reply_json(call, 200, array, error);
}

static int check_texts(const json_t *object, struct rh_error *error)
{
    static const char *const texts[] = {"title", "description"};

    for (size_t i = 0; i < RH_N(texts); i++) {
        const json_t *value = json_object_get(object, texts[i]);
        if (!value || json_is_string(value) || json_is_null(value))
            continue;
        rh_fail(error, RH_INVALID, "%s must be a text", texts[i]);
        return rh_error_pointer(error, i == 0 ? "/title" : "/description");
    }
    return RH_OK;
}

static int store_new(struct rh_call *call, json_t *object, struct rh_error *error)
{
    struct rh_text name = rh_text_of(json_string_value(json_object_get(object, "name")));
    char key[RH_DEFINITION_KEY_SIZE], now[RH_CALL_TIME_SIZE];
    int64_t revision = 0;
    int rc;

    rh_call_now(now);
    json_object_set_new(object, "created_at", json_string(now));
    json_object_set_new(object, "updated_at", json_string(now));
    rh_definition_app_key(key, name);
    rc = rh_store_put(call->api->store, &call->op, key, object, RH_STORE_NEW, &revision, error);
    if (rc == RH_EXISTS) {
        rh_error_clear(error);
        rh_fail(error, RH_EXISTS, "there is an app \"%.*s\" already", RH_TEXT_ARG(name));
        return rh_error_pointer(error, "/name");
    }
    if (rc == RH_OK) /* what an app of this name left behind, if its deletion was interrupted */
        rc = rh_home_drop(call->api->home, &call->op, name, error);
    if (rc != RH_OK)
        return rc;
    rc = rh_call_reply_json(call, 201, json_incref(object), error);
    rh_call_etag(call, revision);
    snprintf(key, sizeof(key), "/api/v1/apps/%.*s", RH_TEXT_ARG(name));
    rh_web_reply_header(call->http, "Location", rh_text_of(key));
    return rc;
}

static int create(struct rh_call *call, struct rh_error *error)
{
    json_t *object = NULL;
    int rc;

    rc = rh_call_object(call, CREATE_MEMBERS, &object, error);
    if (rc == RH_OK)
        rc = rh_name_check(rh_text_of(json_string_value(json_object_get(object, "name"))), "/name",
                           error);
    if (rc == RH_OK)
        rc = check_texts(object, error);
    if (rc == RH_OK)
        rc = store_new(call, object, error);
    json_decref(object);
    return rc;
}

static int get(struct rh_call *call, struct rh_error *error)
{
    json_t *object = NULL;
    int64_t revision = 0;
    int rc;

    rc = rh_definition_get_app(call->api, &call->op, rh_call_app(call), &object, &revision, error);
    if (rc != RH_OK)
        return rc;
    if (rh_call_definition_unmodified(call, revision)) {
        json_decref(object);
        return RH_OK;
    }
    rc = rh_call_reply_json(call, 200, object, error);
    rh_call_etag(call, revision);
    return rc;
}

static int update(struct rh_call *call, struct rh_error *error)
{
    char key[RH_DEFINITION_KEY_SIZE], now[RH_CALL_TIME_SIZE];
    json_t *changes = NULL, *object = NULL;
    int64_t revision = 0;
    int rc;

    rc = rh_definition_get_app(call->api, &call->op, rh_call_app(call), &object, &revision, error);
    if (rc == RH_OK)
        rc = rh_call_if_match(call, revision, error);
    if (rc == RH_OK)
        rc = rh_call_object(call, UPDATE_MEMBERS, &changes, error);
    if (rc == RH_OK)
        rc = check_texts(changes, error);
    if (rc != RH_OK)
        goto out;
    json_object_update(object, changes);
    rh_call_now(now);
    json_object_set_new(object, "updated_at", json_string(now));
    rh_definition_app_key(key, rh_call_app(call));
    rc = rh_store_put(call->api->store, &call->op, key, object, revision, &revision, error);
    if (rc != RH_OK)
        goto out;
    rc = rh_call_reply_json(call, 200, json_incref(object), error);
    rh_call_etag(call, revision);

out:
    json_decref(changes);
    json_decref(object);
    return rc;
}

/* ---- Deleting ---------------------------------------------------------------------------- */

struct deletion {
    struct rh_arena *arena;
    struct rh_store_change *changes;
    uint32_t n;
};

static int add_deletion(void *context, const char *key, const json_t *body, int64_t revision,
                        struct rh_error *error)
{
    struct deletion *deletion = context;
    char *copy;

    (void)body;
    if (deletion->n == MAX_DATASOURCES)
        return rh_fail(error, RH_RESOURCE, "the app has more than %d datasources", MAX_DATASOURCES);
    copy = rh_arena_dup(deletion->arena, key, strlen(key));
    if (!copy)
        return rh_fail_nomem(error);
    deletion->changes[deletion->n++] = (struct rh_store_change){copy, NULL, revision};
    return RH_OK;
}

/* *ret_n: tables of the internal datasource. */
static int count_internal(struct rh_call *call, uint32_t *ret_n, struct rh_error *error)
{
    struct rh_datasource *datasource = NULL;
    struct rh_tableset *tables = NULL;
    int rc = rh_datasource_cache_get(call->api->datasources, &call->op, rh_call_app(call),
                                     RH_TEXT(RH_HOME_INTERNAL), &datasource, error);

    if (rc != RH_OK)
        return rc;
    rc = rh_datasource_tables(datasource, &call->op, &tables, error);
    if (rc == RH_OK) {
        *ret_n = rh_tableset_count(tables);
        rh_tableset_unref(tables);
    }
    rh_datasource_unref(datasource);
    return rc;
}

static int delete_all(struct rh_call *call, bool cascade, int64_t revision, struct rh_error *error)
{
    struct rh_text app = rh_call_app(call);
    char key[RH_DEFINITION_KEY_SIZE], prefix[RH_DEFINITION_KEY_SIZE];
    struct deletion deletion = {.arena = call->arena};
    uint32_t n_tables = 0;
    int rc;

    deletion.changes =
        rh_arena_array(call->arena, MAX_DATASOURCES + 1, sizeof(deletion.changes[0]));
    if (!deletion.changes)
        return rh_fail_nomem(error);
    rh_definition_app_key(key, app);
    rh_definition_datasource_key(prefix, app, RH_TEXT(""));
    rc = rh_store_list(call->api->store, &call->op, prefix, add_deletion, &deletion, error);
    if (rc != RH_OK)
        return rc;
    if (!cascade)
        rc = count_internal(call, &n_tables, error);
    if (rc != RH_OK)
        return rc;
    if ((deletion.n || n_tables) && !cascade) {
        rh_fail(error, RH_CONFLICT, "the app \"%.*s\" has %u datasources and %u internal tables",
                RH_TEXT_ARG(app), deletion.n, n_tables);
        rh_error_code(error, "not-empty");
        return rh_error_hint(error, "add ?cascade=true to delete the definitions (their rows stay "
                                    "where they are) and the internal tables with their rows");
    }
    deletion.changes[deletion.n++] = (struct rh_store_change){key, NULL, revision};
    return rh_store_batch(call->api->store, &call->op, deletion.changes, deletion.n, error);
}

static int delete (struct rh_call *call, struct rh_error *error)
{
    json_t *object = NULL;
    int64_t revision = 0;
    bool cascade = false;
    char *name;
    int rc;

    rc = rh_call_switch(call, "cascade", false, &cascade, error);
    if (rc == RH_OK)
        rc = rh_definition_get_app(call->api, &call->op, rh_call_app(call), &object, &revision,
                                   error);
    json_decref(object);
    if (rc == RH_OK)
        rc = rh_call_if_match(call, revision, error);
    if (rc == RH_OK)
        rc = delete_all(call, cascade, revision, error);
    if (rc != RH_OK)
        return rc;
    name = rh_arena_dup(call->arena, rh_call_app(call).data, rh_call_app(call).len);
    if (name)
        rh_datasource_cache_drop(call->api->datasources, name, NULL);
    rc = rh_home_drop(call->api->home, &call->op, rh_call_app(call), error);
    if (rc == RH_OK)
        rh_call_reply_type(call, 204, NULL);
    return rc;
}

static const struct rh_parameter ONE[] = {RH_PARAMETER_APP, RH_PARAMETER_KNOWN};
static const struct rh_parameter CHANGE[] = {RH_PARAMETER_APP, RH_PARAMETER_REVISION};
static const struct rh_parameter DELETE[] = {
    RH_PARAMETER_APP,
    {"cascade", RH_IN_QUERY, false, RH_SCHEMA_BOOL, "Delete the definitions in it too"},
    RH_PARAMETER_REVISION,
};

#define TEXTS                                                                                      \
    "\"title\":{\"type\":[\"string\",\"null\"]},\"description\":{\"type\":[\"string\",\"null\"]}"

static const struct rh_command COMMANDS[] = {
    {.name = "apps.list",
     .method = "GET",
     .path = "/api/v1/apps",
     .summary = "All apps",
     .permission = RH_READ,
     .flags = RH_COMMAND_READ_ONLY,
     .run = list},
    {.name = "apps.create",
     .method = "POST",
     .path = "/api/v1/apps",
     .summary = "Make an app",
     .permission = RH_BUILD,
     .body = "{\"type\":\"object\",\"required\":[\"name\"],\"properties\":{\"name\":{\"type\":"
             "\"string\",\"pattern\":\"^[a-z][a-z0-9_-]{0,62}$\"}," TEXTS
             "},\"additionalProperties\":false}",
     .example = "{\"name\": \"shop\", \"title\": \"The shop\"}",
     .run = create},
    {.name = "apps.get",
     .method = "GET",
     .path = "/api/v1/apps/{app}",
     .summary = "An app",
     .parameters = ONE,
     .n_parameters = RH_N(ONE),
     .permission = RH_READ,
     .flags = RH_COMMAND_READ_ONLY,
     .run = get},
    {.name = "apps.update",
     .method = "PATCH",
     .path = "/api/v1/apps/{app}",
     .summary = "Change an app's title and description",
     .parameters = CHANGE,
     .n_parameters = RH_N(CHANGE),
     .permission = RH_BUILD,
     .body = "{\"type\":\"object\",\"properties\":{" TEXTS "},\"additionalProperties\":false}",
     .example = "{\"title\": \"The new shop\"}",
     .run = update},
    {.name = "apps.delete",
     .method = "DELETE",
     .path = "/api/v1/apps/{app}",
     .summary = "Delete an app; rows stay where they are, but for those of internal tables",
     .parameters = DELETE,
     .n_parameters = RH_N(DELETE),
     .permission = RH_BUILD,
     .run = delete},
};

const struct rh_command_list rh_app_commands = {COMMANDS, RH_N(COMMANDS)};
