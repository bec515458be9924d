/*
 * A stored datasource: {"name", "title", "connector", "config": {…}, "pool": {…}, "budget": {…},
 * "created_at", "updated_at"}. A secret is sealed in the context "<key of the document>#<setting>".
 */
#include "server/api/definition.h"

#include "base/err.h"
#include "base/text.h"
#include "host/settings.h"
#include "server/api/api.h"

#include <stdio.h>

#define APPS "default/apps/"
#define DATASOURCES "default/datasources/"
#define CONTEXT_SIZE (RH_DEFINITION_KEY_SIZE + 128)

bool rh_name_is_valid(struct rh_text name)
{
    if (name.len == 0 || name.len > RH_NAME_MAX || name.data[0] < 'a' || name.data[0] > 'z')
        return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.data[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-'))
            return false;
    }
    return true;
}

int rh_name_check(struct rh_text name, const char *pointer, struct rh_error *error)
{
    if (rh_name_is_valid(name))
        return RH_OK;
    rh_fail(error, RH_INVALID, "\"%.*s\" is no valid name", RH_TEXT_ARG(name));
    rh_error_pointer(error, pointer);
    return rh_error_hint(
        error, "a letter, then letters, digits, _ and -, all lower case, at most %d", RH_NAME_MAX);
}

void rh_definition_app_key(char ret_key[RH_DEFINITION_KEY_SIZE], struct rh_text app)
{
    snprintf(ret_key, RH_DEFINITION_KEY_SIZE, APPS "%.*s", RH_TEXT_ARG(app));
}

void rh_definition_datasource_key(char ret_key[RH_DEFINITION_KEY_SIZE], struct rh_text app,
                                  struct rh_text name)
{
    snprintf(ret_key, RH_DEFINITION_KEY_SIZE, DATASOURCES "%.*s/%.*s", RH_TEXT_ARG(app),
             RH_TEXT_ARG(name));
}

int rh_definition_no_app(struct rh_text app, struct rh_error *error)
{
    rh_fail(error, RH_NOT_FOUND, "there is no app \"%.*s\"", RH_TEXT_ARG(app));
    return rh_error_code(error, "unknown-app");
}

int rh_definition_no_datasource(struct rh_text app, struct rh_text name, struct rh_error *error)
{
    rh_fail(error, RH_NOT_FOUND, "there is no datasource \"%.*s\" in the app \"%.*s\"",
            RH_TEXT_ARG(name), RH_TEXT_ARG(app));
    return rh_error_code(error, "unknown-datasource");
}

int rh_definition_get_app(struct rh_api *api, struct rh_operation *op, struct rh_text app,
                          json_t **ret_body, int64_t *ret_revision, struct rh_error *error)
{
    struct rh_error failed = RH_ERROR_INIT;
    char key[RH_DEFINITION_KEY_SIZE];
    int rc;

    if (!rh_name_is_valid(app))
        return rh_definition_no_app(app, error);
    rh_definition_app_key(key, app);
    rc = rh_store_get(api->store, op, key, ret_body, ret_revision, &failed);
    if (rc == RH_NOT_FOUND)
        return rh_definition_no_app(app, error);
    if (rc != RH_OK)
        *error = failed;
    return rc;
}

bool rh_definition_is_internal(struct rh_text name)
{
    return rh_text_is(name, RH_HOME_INTERNAL);
}

json_t *rh_definition_internal(const struct rh_api *api)
{
    return json_pack("{s:s, s:s, s:s, s:{}, s:b}", "name", RH_HOME_INTERNAL, "title",
                     "Internal tables", "connector", rh_home_connector(api->home), "config",
                     "internal", 1);
}

/* The app first: a store with a home for each would make one for an app that is not there. */
int rh_definition_get_datasource(struct rh_api *api, struct rh_operation *op, struct rh_text app,
                                 struct rh_text name, json_t **ret_body, int64_t *ret_revision,
                                 struct rh_error *error)
{
    struct rh_error failed = RH_ERROR_INIT;
    char key[RH_DEFINITION_KEY_SIZE];
    json_t *owner = NULL;
    int rc = rh_definition_get_app(api, op, app, &owner, NULL, error);

    json_decref(owner);
    if (rc != RH_OK)
        return rc;
    if (!rh_name_is_valid(name))
        return rh_definition_no_datasource(app, name, error);
    if (rh_definition_is_internal(name)) {
        *ret_body = rh_definition_internal(api);
        if (ret_revision)
            *ret_revision = 1;
        return *ret_body ? RH_OK : rh_fail_nomem(error);
    }
    rh_definition_datasource_key(key, app, name);
    rc = rh_store_get(api->store, op, key, ret_body, ret_revision, &failed);
    if (rc == RH_NOT_FOUND)
        return rh_definition_no_datasource(app, name, error);
    if (rc != RH_OK)
        *error = failed;
    return rc;
}

int rh_definition_collect(void *array, const char *key, const json_t *body, int64_t revision,
                          struct rh_error *error)
{
    (void)key;
    (void)revision;
    if (json_array_append(array, (json_t *)(uintptr_t)body) != 0)
        return rh_fail_nomem(error);
    return RH_OK;
}

/* ---- Connectors -------------------------------------------------------------------------- */

int rh_definition_connector(struct rh_api *api, const json_t *definition,
                            const struct rh_library **ret_library, struct rh_error *error)
{
    const char *id = json_string_value(json_object_get(definition, "connector"));
    int rc = rh_registry_get(api->registry, rh_text_of(id), ret_library, error);

    if (rc == RH_NOT_FOUND)
        rh_error_code(error, "unknown-connector");
    if (rc == RH_CONTRACT)
        rh_error_code(error, "connector-refused");
    return rc;
}

/* For a datasource that is there while its connector is not. */
static int fail_without_connector(const json_t *definition, const struct rh_error *cause,
                                  struct rh_error *error)
{
    rh_fail(error, RH_UNAVAILABLE, "the datasource \"%s\" has no connector: %s",
            json_string_value(json_object_get(definition, "name")), cause->message);
    if (cause->hint[0])
        rh_error_hint(error, "%s", cause->hint);
    return rh_error_code(error, cause->error_class == RH_NOT_FOUND ? "connector-missing"
                                                                   : "connector-refused");
}

static bool is_gone(int rc)
{
    return rc == RH_NOT_FOUND || rc == RH_CONTRACT;
}

/* ---- Secrets ----------------------------------------------------------------------------- */

static void secret_context(char ret_context[CONTEXT_SIZE], struct rh_text app,
                           const json_t *definition, const char *setting)
{
    char key[RH_DEFINITION_KEY_SIZE];

    rh_definition_datasource_key(
        key, app, rh_text_of(json_string_value(json_object_get(definition, "name"))));
    snprintf(ret_context, CONTEXT_SIZE, "%s#%s", key, setting);
}

static struct rh_text string_of(const json_t *value)
{
    return rh_text_make(json_string_value(value), json_string_length(value));
}

/* What a secret setting becomes; new reference in *ret_value (NULL: it is left out). */
static int seal_one(struct rh_api *api, struct rh_text app, const json_t *definition,
                    const char *setting, const json_t *value, const json_t *old, json_t **ret_value,
                    struct rh_error *error)
{
    char context[CONTEXT_SIZE];
    char *sealed = NULL;
    int rc;

    if (rh_text_is(string_of(value), RH_SECRET_MASK)) {
        *ret_value = json_incref(json_object_get(json_object_get(old, "config"), setting));
        return RH_OK;
    }
    secret_context(context, app, definition, setting);
    rc = rh_secrets_seal(api->secrets, string_of(value), context, &sealed, error);
    if (rc != RH_OK)
        return rc;
    *ret_value = json_string(sealed);
    free(sealed);
    return *ret_value ? RH_OK : rh_fail_nomem(error);
}

/* Without a schema: what is not as it was. */
static bool is_to_be_sealed(const json_t *schema, const char *name, const json_t *value,
                            const json_t *old)
{
    if (schema)
        return rh_settings_is_secret(schema, name);
    return !json_equal(value, json_object_get(json_object_get(old, "config"), name));
}

static int seal_config(struct rh_api *api, struct rh_text app, const json_t *definition,
                       const json_t *schema, const json_t *old, json_t *config,
                       struct rh_error *error)
{
    const json_t *given = json_object_get(definition, "config");
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)given, name, value)
    {
        json_t *sealed = NULL;
        int rc;
        if (!json_is_string(value) || !is_to_be_sealed(schema, name, value, old))
            continue;
        rc = seal_one(api, app, definition, name, value, old, &sealed, error);
        if (rc != RH_OK)
            return rc;
        if (!sealed)
            json_object_del(config, name);
        else if (json_object_set_new(config, name, sealed) != 0)
            return rh_fail_nomem(error);
    }
    return RH_OK;
}

static bool has_same_connector(const json_t *a, const json_t *b)
{
    return json_equal(json_object_get(a, "connector"), json_object_get(b, "connector"));
}

int rh_definition_seal(struct rh_api *api, struct rh_text app, const json_t *definition,
                       const json_t *old, json_t **ret_sealed, struct rh_error *error)
{
    const struct rh_library *library = NULL;
    struct rh_error failed = RH_ERROR_INIT;
    json_t *schema = NULL, *copy = NULL;
    int rc;

    rc = rh_definition_connector(api, definition, &library, &failed);
    if (rc != RH_OK && !(is_gone(rc) && old && has_same_connector(definition, old))) {
        *error = failed;
        return rc;
    }
    if (library)
        schema = json_loadb(library->connector.config_schema.data,
                            library->connector.config_schema.len, 0, NULL);
    copy = json_deep_copy(definition);
    if ((library && !schema) || !copy)
        rc = rh_fail_nomem(error);
    else
        rc = seal_config(api, app, definition, schema, old, json_object_get(copy, "config"), error);
    json_decref(schema);
    if (rc == RH_OK)
        *ret_sealed = copy;
    else
        json_decref(copy);
    return rc;
}

json_t *rh_definition_redact(const json_t *definition)
{
    json_t *copy = json_deep_copy(definition);
    const char *name;
    json_t *value;

    json_object_foreach(json_object_get(copy, "config"), name, value)
    {
        if (rh_secrets_is_sealed(string_of(value)))
            json_string_set(value, RH_SECRET_MASK);
    }
    return copy;
}

json_t *rh_definition_show(struct rh_api *api, const json_t *definition)
{
    const struct rh_library *library = NULL;
    struct rh_error error = RH_ERROR_INIT;
    json_t *copy = rh_definition_redact(definition);
    int rc = rh_definition_connector(api, definition, &library, &error);

    if (!copy || rc == RH_OK) {
        json_object_set_new(copy, "state", json_string("ready"));
        return copy;
    }
    json_object_set_new(
        copy, "state", json_string(rc == RH_NOT_FOUND ? "connector-missing" : "connector-refused"));
    json_object_set_new(copy, "reason", json_string(error.message));
    json_object_set_new(copy, "hint", json_string(error.hint));
    return copy;
}

static int unseal_config(struct rh_api *api, struct rh_text app, const json_t *definition,
                         json_t *config, struct rh_error *error)
{
    const char *name;
    json_t *value;

    json_object_foreach(config, name, value)
    {
        char context[CONTEXT_SIZE];
        char *clear = NULL;
        int rc;
        if (!rh_secrets_is_sealed(string_of(value)))
            continue;
        secret_context(context, app, definition, name);
        rc = rh_secrets_unseal(api->secrets, string_of(value), context, &clear, error);
        if (rc != RH_OK)
            return rc;
        rc = json_string_set(value, clear);
        rh_secrets_wipe(clear);
        if (rc != 0)
            return rh_fail_nomem(error);
    }
    return RH_OK;
}

/* ---- Making ------------------------------------------------------------------------------ */

static void set_u64(const json_t *object, const char *name, uint64_t *value)
{
    const json_t *member = json_object_get(object, name);

    if (json_is_integer(member))
        *value = (uint64_t)json_integer_value(member);
}

static void set_u32(const json_t *object, const char *name, uint32_t *value)
{
    uint64_t wide = *value;

    set_u64(object, name, &wide);
    *value = wide > UINT32_MAX ? UINT32_MAX : (uint32_t)wide;
}

static void limits_of(const struct rh_api *api, const json_t *definition,
                      struct rh_pool_limits *limits, struct rh_budget *budget)
{
    const json_t *pool = json_object_get(definition, "pool");
    const json_t *allowed = json_object_get(definition, "budget");
    const int64_t *numbers = api->config.numbers;

    rh_pool_limits_default(limits);
    limits->max_connections = (uint32_t)numbers[RH_CONFIG_POOL_MAX_CONNECTIONS];
    set_u32(pool, "max_connections", &limits->max_connections);
    set_u32(pool, "connect_ms", &limits->connect_ms);
    rh_budget_default(budget);
    budget->scan_rows = (uint64_t)numbers[RH_CONFIG_BUDGET_SCAN_ROWS];
    budget->memory_bytes = (uint64_t)numbers[RH_CONFIG_BUDGET_MEMORY_BYTES];
    budget->spill_bytes = (uint64_t)numbers[RH_CONFIG_BUDGET_SPILL_BYTES];
    budget->time_ms = (uint32_t)numbers[RH_CONFIG_BUDGET_TIME_MS];
    set_u64(allowed, "scan_rows", &budget->scan_rows);
    set_u64(allowed, "memory_bytes", &budget->memory_bytes);
    set_u64(allowed, "spill_bytes", &budget->spill_bytes);
    set_u32(allowed, "time_ms", &budget->time_ms);
}

int rh_definition_make(struct rh_api *api, struct rh_text app, const json_t *definition,
                       struct rh_datasource **ret_datasource, struct rh_error *error)
{
    const struct rh_library *library = NULL;
    struct rh_pool_limits limits;
    struct rh_budget budget;
    json_t *config = NULL;
    int rc;

    rc = rh_definition_connector(api, definition, &library, error);
    if (rc != RH_OK)
        return rc;
    config = json_is_true(json_object_get(definition, "internal"))
                 ? rh_home_config(api->home, app)
                 : json_deep_copy(json_object_get(definition, "config"));
    if (!config)
        return rh_fail_nomem(error);
    limits_of(api, definition, &limits, &budget);
    rc = unseal_config(api, app, definition, config, error);
    if (rc == RH_OK)
        rc =
            rh_datasource_new(api->registry, json_string_value(json_object_get(definition, "name")),
                              string_of(json_object_get(definition, "connector")), config, &limits,
                              &budget, ret_datasource, error);
    json_decref(config);
    return rc;
}

int rh_definition_open_datasource(struct rh_api *api, struct rh_operation *op, struct rh_text app,
                                  struct rh_text name, struct rh_datasource **ret_datasource,
                                  int64_t *ret_revision, struct rh_error *error)
{
    const struct rh_library *library = NULL;
    struct rh_error failed = RH_ERROR_INIT;
    json_t *definition = NULL;
    int rc;

    rc = rh_definition_get_datasource(api, op, app, name, &definition, ret_revision, error);
    if (rc != RH_OK)
        return rc;
    rc = rh_definition_connector(api, definition, &library, &failed);
    if (is_gone(rc))
        rc = fail_without_connector(definition, &failed, error);
    else
        rc = rh_definition_make(api, app, definition, ret_datasource, error);
    json_decref(definition);
    return rc;
}
