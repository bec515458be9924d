/*
 * Commands: datasources. Secret settings go in and are never shown again; "********" in an update
 * keeps the one that is stored.
 */
#include "base/clock.h"
#include "base/err.h"
#include "base/text.h"
#include "rows/session.h"
#include "server/api/call.h"
#include "server/api/definition.h"

#include <stdio.h>

static const char *const CREATE_MEMBERS[] = {"name", "title",  "connector", "config",
                                             "pool", "budget", NULL};
static const char *const UPDATE_MEMBERS[] = {"title", "connector", "config",
                                             "pool",  "budget",    NULL};
static const char *const POOL_MEMBERS[] = {"max_connections", "connect_ms", NULL};
static const char *const BUDGET_MEMBERS[] = {"scan_rows", "memory_bytes", "spill_bytes", "time_ms",
                                             NULL};

/* Takes the definition. */
static json_t *shown(struct rh_call *call, json_t *definition)
{
    json_t *copy = rh_definition_show(call->api, definition);

    json_decref(definition);
    return copy;
}

/* ---- Checking what was sent -------------------------------------------------------------- */

static int check_numbers(const json_t *object, const char *member, const char *const *known,
                         struct rh_error *error)
{
    const json_t *numbers = json_object_get(object, member);
    char pointer[100];
    const char *name;
    json_t *value;

    if (!numbers || json_is_null(numbers))
        return RH_OK;
    snprintf(pointer, sizeof(pointer), "/%s", member);
    if (!json_is_object(numbers)) {
        rh_fail(error, RH_INVALID, "%s must be an object", member);
        return rh_error_pointer(error, pointer);
    }
    json_object_foreach((json_t *)(uintptr_t)numbers, name, value)
    {
        size_t i = 0;
        while (known[i] && strcmp(known[i], name) != 0)
            i++;
        if (known[i] && json_is_integer(value) && json_integer_value(value) > 0)
            continue;
        snprintf(pointer, sizeof(pointer), "/%s/%.64s", member, name);
        rh_fail(error, RH_INVALID,
                known[i] ? "%s must be a positive whole number" : "unknown member \"%s\"", name);
        return rh_error_pointer(error, pointer);
    }
    return RH_OK;
}

static int fail_connector(struct rh_error *error)
{
    rh_fail(error, RH_INVALID, "connector must name one of the connectors");
    return rh_error_pointer(error, "/connector");
}

static int check_shape(json_t *object, struct rh_error *error)
{
    const json_t *title = json_object_get(object, "title");
    const json_t *config = json_object_get(object, "config");
    const json_t *connector = json_object_get(object, "connector");

    if (connector && !json_is_string(connector))
        return fail_connector(error);
    if (title && !json_is_string(title) && !json_is_null(title)) {
        rh_fail(error, RH_INVALID, "title must be a text");
        return rh_error_pointer(error, "/title");
    }
    if (config && !json_is_object(config)) {
        rh_fail(error, RH_INVALID, "config must be an object");
        return rh_error_pointer(error, "/config");
    }
    if (check_numbers(object, "pool", POOL_MEMBERS, error) != RH_OK)
        return error->error_class;
    return check_numbers(object, "budget", BUDGET_MEMBERS, error);
}

static int check_new(json_t *object, struct rh_error *error)
{
    int rc;

    rc = rh_name_check(rh_text_of(json_string_value(json_object_get(object, "name"))), "/name",
                       error);
    if (rc != RH_OK)
        return rc;
    if (!json_object_get(object, "connector"))
        return fail_connector(error);
    if (!json_object_get(object, "config"))
        json_object_set_new(object, "config", json_object());
    return check_shape(object, error);
}

/* ---- Storing ----------------------------------------------------------------------------- */

/* While the connector of a stored datasource is not there, nobody can try its settings; they are
 * tried when it is used again. */
static bool is_without_connector(struct rh_call *call, const json_t *old)
{
    const struct rh_library *library = NULL;
    struct rh_error ignored = RH_ERROR_INIT;
    int rc = old ? rh_definition_connector(call->api, old, &library, &ignored) : RH_OK;

    return rc == RH_NOT_FOUND || rc == RH_CONTRACT;
}

/* Seals, tries the settings (without connecting) and stores. Takes `definition`. */
static int store(struct rh_call *call, json_t *definition, const json_t *old, int64_t expected,
                 json_t **ret_sealed, int64_t *ret_revision, struct rh_error *error)
{
    struct rh_text app = rh_call_app(call);
    struct rh_datasource *datasource = NULL;
    char key[RH_DEFINITION_KEY_SIZE];
    json_t *sealed = NULL;
    int rc;

    rc = rh_definition_seal(call->api, app, definition, old, &sealed, error);
    if (rc == RH_OK && !is_without_connector(call, old))
        rc = rh_definition_make(call->api, app, sealed, &datasource, error);
    if (rc != RH_OK)
        goto out;
    rh_definition_datasource_key(key, app,
                                 rh_text_of(json_string_value(json_object_get(sealed, "name"))));
    rc = rh_store_put(call->api->store, &call->op, key, sealed, expected, ret_revision, error);
    if (rc == RH_EXISTS) {
        rh_error_clear(error);
        rh_fail(error, RH_EXISTS, "there is a datasource \"%s\" in the app \"%.*s\" already",
                json_string_value(json_object_get(sealed, "name")), RH_TEXT_ARG(app));
        rh_error_pointer(error, "/name");
    }
    if (rc != RH_OK)
        goto out;
    *ret_sealed = sealed;
    sealed = NULL;

out:
    if (datasource)
        rh_datasource_unref(datasource);
    json_decref(sealed);
    json_decref(definition);
    return rc;
}

static void drop_cached(struct rh_call *call, const json_t *definition)
{
    struct rh_text app = rh_call_app(call);
    char *name = rh_arena_dup(call->arena, app.data, app.len);

    if (name)
        rh_datasource_cache_drop(call->api->datasources, name,
                                 json_string_value(json_object_get(definition, "name")));
}

static int fail_internal(struct rh_error *error)
{
    rh_fail(error, RH_CONFLICT,
            "the datasource \"" RH_HOME_INTERNAL "\" belongs to the app: it is "
            "neither changed nor deleted");
    return rh_error_code(error, "internal-datasource");
}

static int fail_taken(struct rh_error *error)
{
    rh_fail(error, RH_EXISTS, "every app has its datasource \"" RH_HOME_INTERNAL "\" already");
    return rh_error_pointer(error, "/name");
}

static int create(struct rh_call *call, struct rh_error *error)
{
    struct rh_text app = rh_call_app(call);
    char location[RH_DEFINITION_KEY_SIZE + 64], now[RH_CALL_TIME_SIZE];
    json_t *owner = NULL, *object = NULL, *sealed = NULL;
    int64_t revision = 0;
    int rc;

    rc = rh_definition_get_app(call->api, &call->op, app, &owner, NULL, error);
    json_decref(owner);
    if (rc == RH_OK)
        rc = rh_call_object(call, CREATE_MEMBERS, &object, error);
    if (rc == RH_OK)
        rc = check_new(object, error);
    if (rc == RH_OK &&
        rh_definition_is_internal(rh_text_of(json_string_value(json_object_get(object, "name")))))
        rc = fail_taken(error);
    if (rc != RH_OK) {
        json_decref(object);
        return rc;
    }
    rh_call_now(now);
    json_object_set_new(object, "created_at", json_string(now));
    json_object_set_new(object, "updated_at", json_string(now));
    rc = store(call, object, NULL, RH_STORE_NEW, &sealed, &revision, error);
    if (rc != RH_OK)
        return rc;
    drop_cached(call, sealed);
    snprintf(location, sizeof(location), "/api/v1/apps/%.*s/datasources/%s", RH_TEXT_ARG(app),
             json_string_value(json_object_get(sealed, "name")));
    rc = rh_call_reply_json(call, 201, shown(call, sealed), error);
    rh_call_etag(call, revision);
    rh_web_reply_header(call->http, "Location", rh_text_of(location));
    return rc;
}

/* A member that is null removes the setting (it takes its default). */
static void merge_config(json_t *config, json_t *changes)
{
    const char *name;
    json_t *value;

    json_object_foreach(changes, name, value)
    {
        if (json_is_null(value))
            json_object_del(config, name);
        else
            json_object_set(config, name, value);
    }
}

static void merge(json_t *object, json_t *changes)
{
    const char *name;
    json_t *value;

    json_object_foreach(changes, name, value)
    {
        if (strcmp(name, "config") == 0)
            merge_config(json_object_get(object, "config"), value);
        else
            json_object_set(object, name, value);
    }
}

static int load(struct rh_call *call, json_t **ret_body, int64_t *ret_revision,
                struct rh_error *error)
{
    return rh_definition_get_datasource(call->api, &call->op, rh_call_app(call),
                                        rh_call_value(call, "datasource"), ret_body, ret_revision,
                                        error);
}

/* Another version may be asked for; what belongs to another connector is another datasource. */
static int check_connector(const json_t *object, const json_t *old, struct rh_error *error)
{
    struct rh_text asked = rh_text_of(json_string_value(json_object_get(object, "connector")));
    struct rh_text had = rh_text_of(json_string_value(json_object_get(old, "connector")));
    struct rh_text id = rh_text_cut(&had, '@');

    if (rh_text_equal(rh_text_cut(&asked, '@'), id))
        return RH_OK;
    rh_fail(error, RH_INVALID,
            "the datasource's connector is \"%.*s\"; only its version may change", RH_TEXT_ARG(id));
    rh_error_hint(error, "\"%.*s@1.2.3\" asks for a version, \"%.*s\" for the highest",
                  RH_TEXT_ARG(id), RH_TEXT_ARG(id));
    return rh_error_pointer(error, "/connector");
}

static int update(struct rh_call *call, struct rh_error *error)
{
    json_t *old = NULL, *object = NULL, *changes = NULL, *sealed = NULL;
    char now[RH_CALL_TIME_SIZE];
    int64_t revision = 0;
    int rc;

    rc = load(call, &old, &revision, error);
    if (rc == RH_OK && json_is_true(json_object_get(old, "internal")))
        rc = fail_internal(error);
    if (rc == RH_OK)
        rc = rh_call_if_match(call, revision, error);
    if (rc == RH_OK)
        rc = rh_call_object(call, UPDATE_MEMBERS, &changes, error);
    if (rc == RH_OK)
        rc = check_shape(changes, error);
    if (rc != RH_OK)
        goto out;
    /* Settings that are not mentioned stay sealed; the mask keeps them so when they are sealed
     * again. */
    object = rh_definition_redact(old);
    if (!object) {
        rc = rh_fail_nomem(error);
        goto out;
    }
    merge(object, changes);
    rc = check_connector(object, old, error);
    if (rc != RH_OK)
        goto out;
    rh_call_now(now);
    json_object_set_new(object, "updated_at", json_string(now));
    rc = store(call, json_incref(object), old, revision, &sealed, &revision, error);
    if (rc != RH_OK)
        goto out;
    drop_cached(call, sealed);
    rc = rh_call_reply_json(call, 200, shown(call, json_incref(sealed)), error);
    rh_call_etag(call, revision);

out:
    json_decref(old);
    json_decref(object);
    json_decref(changes);
    json_decref(sealed);
    return rc;
}

/* The state of the connector is shown, too, but is no part of the revision: only the answer of one
 * that is ready may be kept. */
static int get(struct rh_call *call, struct rh_error *error)
{
    json_t *object = NULL;
    int64_t revision = 0;
    const char *state;
    bool ready;
    int rc = load(call, &object, &revision, error);

    if (rc != RH_OK)
        return rc;
    object = shown(call, object);
    state = json_string_value(json_object_get(object, "state"));
    ready = state && strcmp(state, "ready") == 0;
    if (ready && rh_call_definition_unmodified(call, revision)) {
        json_decref(object);
        return RH_OK;
    }
    rc = rh_call_reply_json(call, 200, object, error);
    rh_call_etag(call, revision);
    if (!ready)
        rh_web_reply_header(call->http, "Cache-Control", RH_TEXT("no-store"));
    return rc;
}

/* Once the store has been left: what is looked up now may have to be loaded. */
static int show_all(struct rh_call *call, json_t *array, struct rh_error *error)
{
    for (size_t i = 0; i < json_array_size(array); i++) {
        json_t *copy = rh_definition_show(call->api, json_array_get(array, i));
        if (json_array_set_new(array, i, copy) != 0)
            return rh_fail_nomem(error);
    }
    return RH_OK;
}

static int list(struct rh_call *call, struct rh_error *error)
{
    char prefix[RH_DEFINITION_KEY_SIZE];
    json_t *owner = NULL, *array = NULL;
    int rc;

    rc = rh_definition_get_app(call->api, &call->op, rh_call_app(call), &owner, NULL, error);
    json_decref(owner);
    if (rc != RH_OK)
        return rc;
    array = json_array();
    rh_definition_datasource_key(prefix, rh_call_app(call), RH_TEXT(""));
    rc = rh_store_list(call->api->store, &call->op, prefix, rh_definition_collect, array, error);
    if (rc == RH_OK && json_array_insert_new(array, 0, rh_definition_internal(call->api)) != 0)
        rc = rh_fail_nomem(error);
    if (rc == RH_OK)
        rc = show_all(call, array, error);
    if (rc != RH_OK) {
        json_decref(array);
        return rc;
    }
    return rh_call_reply_json(call, 200, array, error);
}

static int delete (struct rh_call *call, struct rh_error *error)
{
    char key[RH_DEFINITION_KEY_SIZE];
    json_t *object = NULL;
    int64_t revision = 0;
    int rc = load(call, &object, &revision, error);

    if (rc == RH_OK && json_is_true(json_object_get(object, "internal")))
        rc = fail_internal(error);
    if (rc == RH_OK)
        rc = rh_call_if_match(call, revision, error);
    if (rc == RH_OK) {
        rh_definition_datasource_key(key, rh_call_app(call), rh_call_value(call, "datasource"));
        rc = rh_store_delete(call->api->store, &call->op, key, revision, error);
    }
    if (rc == RH_OK) {
        drop_cached(call, object);
        rh_call_reply_type(call, 204, NULL);
    }
    json_decref(object);
    return rc;
}

/* ---- Actions ----------------------------------------------------------------------------- */

static int test(struct rh_call *call, struct rh_error *error)
{
    struct rh_datasource *datasource = NULL;
    struct rh_lease lease = {0};
    uint64_t began_us = rh_clock_us();
    struct rh_buf *buf;
    int rc;

    rc = rh_call_datasource(call, &datasource, error);
    if (rc == RH_OK)
        rc = rh_pool_borrow(rh_datasource_pool(datasource), &call->op, &lease, error);
    if (rc != RH_OK)
        return rc;
    rc = lease.library->connector.ping(lease.conn, &call->op.abi, error);
    rh_pool_return(&lease, rc);
    if (rc != RH_OK)
        return rc;
    buf = rh_call_reply(call, 200);
    rh_buf_addf(buf, "{\"data\":{\"ok\":true,\"milliseconds\":%.3f}}",
                (double)(rh_clock_us() - began_us) / 1000.0);
    return RH_OK;
}

static int refresh(struct rh_call *call, struct rh_error *error)
{
    struct rh_datasource *datasource = NULL;
    struct rh_tableset *tables = NULL;
    uint32_t n;
    int rc;

    rc = rh_call_datasource(call, &datasource, error);
    if (rc == RH_OK)
        rc = rh_datasource_refresh(datasource, &call->op, error);
    if (rc == RH_OK)
        rc = rh_datasource_tables(datasource, &call->op, &tables, error);
    if (rc != RH_OK)
        return rc;
    n = rh_tableset_count(tables);
    rh_tableset_unref(tables);
    return rh_call_reply_json(call, 200, json_pack("{s:I}", "tables", (json_int_t)n), error);
}

/* ---- Table ------------------------------------------------------------------------------- */

#define LIMITS                                                                                     \
    "\"pool\":{\"type\":\"object\",\"properties\":{\"max_connections\":{\"type\":\"integer\"},"    \
    "\"connect_ms\":{\"type\":\"integer\"}}},\"budget\":{\"type\":\"object\",\"properties\":{"     \
    "\"scan_rows\":{\"type\":\"integer\"},\"memory_bytes\":{\"type\":\"integer\"},"                \
    "\"spill_bytes\":{\"type\":\"integer\"},\"time_ms\":{\"type\":\"integer\"}}}"

static const struct rh_parameter ALL[] = {RH_PARAMETER_APP};
static const struct rh_parameter ONE[] = {RH_PARAMETER_APP, RH_PARAMETER_DATASOURCE};
static const struct rh_parameter GET[] = {RH_PARAMETER_APP, RH_PARAMETER_DATASOURCE,
                                          RH_PARAMETER_KNOWN};
static const struct rh_parameter CHANGE[] = {RH_PARAMETER_APP, RH_PARAMETER_DATASOURCE,
                                             RH_PARAMETER_REVISION};

static const struct rh_command COMMANDS[] = {
    {.name = "datasources.list",
     .method = "GET",
     .path = "/api/v1/apps/{app}/datasources",
     .summary = "The datasources of an app; secrets struck out",
     .parameters = ALL,
     .n_parameters = RH_N(ALL),
     .permission = RH_BUILD,
     .flags = RH_COMMAND_READ_ONLY,
     .run = list},
    {.name = "datasources.create",
     .method = "POST",
     .path = "/api/v1/apps/{app}/datasources",
     .summary = "Add a datasource",
     .help =
         "The settings are checked against the connector's schema; no connection is made. Secret "
         "settings are encrypted and never shown again. `connector` is the id of a connector, or "
         "`id@version` for that version only. While the connector is missing or refused, the "
         "datasource has the `state` connector-missing or connector-refused and a `reason`.",
     .parameters = ALL,
     .n_parameters = RH_N(ALL),
     .permission = RH_BUILD,
     .body = "{\"type\":\"object\",\"required\":[\"name\",\"connector\"],\"properties\":{\"name\":"
             "{\"type\":\"string\",\"pattern\":\"^[a-z][a-z0-9_-]{0,62}$\"},\"title\":{\"type\":"
             "[\"string\",\"null\"]},\"connector\":{\"type\":\"string\"},\"config\":{\"type\":"
             "\"object\"}," LIMITS "},\"additionalProperties\":false}",
     .example =
         "{\"name\": \"crm\", \"connector\": \"postgres\", \"config\": {\"host\": "
         "\"127.0.0.1\", \"database\": \"crm\", \"user\": \"app\", \"password\": \"secret\"}}",
     .run = create},
    {.name = "datasources.get",
     .method = "GET",
     .path = "/api/v1/apps/{app}/datasources/{datasource}",
     .summary = "A datasource; secrets struck out",
     .parameters = GET,
     .n_parameters = RH_N(GET),
     .permission = RH_BUILD,
     .flags = RH_COMMAND_READ_ONLY,
     .run = get},
    {.name = "datasources.update",
     .method = "PATCH",
     .path = "/api/v1/apps/{app}/datasources/{datasource}",
     .summary = "Change a datasource",
     .help = "Members of `config` are merged into the stored ones; null removes a setting, "
             "\"********\" keeps a secret. Of `connector` only the version may change.",
     .parameters = CHANGE,
     .n_parameters = RH_N(CHANGE),
     .permission = RH_BUILD,
     .body = "{\"type\":\"object\",\"properties\":{\"title\":{\"type\":[\"string\",\"null\"]},"
             "\"connector\":{\"type\":\"string\"},\"config\":{\"type\":\"object\"}," LIMITS
             "},\"additionalProperties\":false}",
     .example = "{\"config\": {\"host\": \"db.example.com\", \"password\": \"********\"}}",
     .run = update},
    {.name = "datasources.delete",
     .method = "DELETE",
     .path = "/api/v1/apps/{app}/datasources/{datasource}",
     .summary = "Remove a datasource; its rows stay where they are",
     .parameters = CHANGE,
     .n_parameters = RH_N(CHANGE),
     .permission = RH_BUILD,
     .run = delete},
    {.name = "datasources.test",
     .method = "POST",
     .path = "/api/v1/apps/{app}/datasources/{datasource}/test",
     .summary = "Connect to a datasource and ask it something",
     .parameters = ONE,
     .n_parameters = RH_N(ONE),
     .permission = RH_BUILD,
     .flags = RH_COMMAND_READ_ONLY,
     .run = test},
    {.name = "datasources.refresh",
     .method = "POST",
     .path = "/api/v1/apps/{app}/datasources/{datasource}/refresh",
     .summary = "Read the tables of a datasource again",
     .parameters = ONE,
     .n_parameters = RH_N(ONE),
     .permission = RH_BUILD,
     .flags = RH_COMMAND_READ_ONLY,
     .run = refresh},
};

const struct rh_command_list rh_datasource_commands = {COMMANDS, RH_N(COMMANDS)};
