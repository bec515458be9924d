/* Loading: the file, its entry, and what the table says. */
#include "connector/conformance/fixture.h"
#include "connector/conformance/process.h"
#include "connector/conformance/suites.h"
#include "host/settings.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

/* The entry of the file, loaded a second time under its own name. */
rh_connector_entry_fn *rh_suite_entry(struct rh_trial *t)
{
    rh_connector_entry_fn *entry = NULL;
    void *handle, *symbol;
    char *path = realpath(t->options->path, NULL);

    handle = path ? dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE) : NULL;
    symbol = handle ? dlsym(handle, RH_ENTRY_SYMBOL) : NULL;
    if (!symbol)
        rh_trial_fail(t, "it has no entry " RH_ENTRY_SYMBOL);
    memcpy(&entry, &symbol, sizeof(entry));
    return entry;
}

static void loads(struct rh_trial *t)
{
    rh_trial_load(t);
}

static void entry_is_pure(struct rh_trial *t)
{
    rh_connector_entry_fn *entry = rh_suite_entry(t);
    const struct rh_connector *first = NULL, *second = NULL;
    struct rh_process_state before, after;
    char difference[256];
    int32_t rc;

    rh_process_look(&before);
    rc = entry(RH_ABI_MINOR, &first);
    if (rc != RH_OK || !first)
        rh_trial_fail(t, "the entry returned %d and %s table", rc, first ? "a" : "no");
    rc = entry(RH_ABI_MINOR, &second);
    if (rc != RH_OK || first != second)
        rh_trial_fail(t, "the second call gave another table than the first");
    rh_process_look(&after);
    if (rh_process_differs(&before, &after, difference, sizeof(difference)))
        rh_trial_fail(t, "the entry changed the process: %s", difference);
}

static void check_setting(struct rh_trial *t, const char *name, const json_t *setting)
{
    static const char *const secrets[] = {"password", "passphrase", "secret",     "token",
                                          "api_key",  "apikey",     "private_key"};

    if (!json_is_string(json_object_get(setting, "type")))
        rh_trial_fail(t, "the setting \"%s\" has no type", name);
    for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++)
        if (strcasestr(name, secrets[i]) && !json_is_true(json_object_get(setting, "x-secret")) &&
            strcmp(json_string_value(json_object_get(setting, "type")), "string") == 0)
            rh_trial_fail(t, "the setting \"%s\" is not marked x-secret", name);
}

/* Loading has parsed it: it is an object. */
static void schema_is_sound(struct rh_trial *t)
{
    const struct rh_connector *connector;
    struct rh_settings settings = {0};
    struct rh_error error = RH_ERROR_INIT;
    json_t *schema, *unknown = json_pack("{s:b}", "rh_check_no_such_setting", 1), *setting;
    const char *name;
    int rc;

    rh_trial_load(t);
    connector = t->connector;
    schema = json_loadb(connector->config_schema.data, connector->config_schema.len, 0, NULL);
    json_object_foreach(json_object_get(schema, "properties"), name, setting)
        check_setting(t, name, setting);
    rc = rh_settings_make(t->arena, connector->config_schema, unknown, &settings, &error);
    if (rc != RH_CONFIG)
        rh_trial_fail(t, "the schema cannot be used: %s",
                      rc ? error.message : "it takes settings that it does not name");
    json_decref(unknown);
    json_decref(schema);
}

static const struct rh_operator *operator_at(const struct rh_connector *connector, uint32_t i)
{
    return (const void *)((const char *)connector->operators +
                          (size_t)i * connector->operator_stride);
}

static void table_is_sound(struct rh_trial *t)
{
    const struct rh_connector *connector;
    struct rh_text schemes, scheme;

    rh_trial_load(t);
    connector = t->connector;
    schemes = connector->url_schemes;
    while (schemes.len) {
        scheme = rh_text_cut(&schemes, ' ');
        if (scheme.len == 0)
            rh_trial_fail(t, "url_schemes has two blanks in a row");
        for (uint64_t i = 0; i < scheme.len; i++)
            if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789+.-", scheme.data[i]))
                rh_trial_fail(t, "the URL scheme \"%.*s\" is not lower case", RH_TEXT_ARG(scheme));
    }
    for (uint32_t i = 0; i < connector->n_operators; i++) {
        const struct rh_operator *row = operator_at(connector, i);
        for (uint32_t j = 0; j < i; j++) {
            const struct rh_operator *other = operator_at(connector, j);
            if (row->op == other->op && row->types & other->types && row->verdict != other->verdict)
                rh_trial_fail(t, "rows %u and %u of the operators contradict each other", j, i);
        }
    }
}

static void claims(struct rh_trial *t)
{
    const struct rh_connector *c;

    rh_trial_load(t);
    c = t->connector;
    rh_trial_note(t, "%.*s %.*s\nread%s%s%s%s%s", RH_TEXT_ARG(c->id), RH_TEXT_ARG(c->version),
                  c->write ? " write" : "", c->tx ? " tx" : "", c->native ? " native" : "",
                  c->ddl ? " ddl" : "", c->feed ? " feed" : "");
}

const struct rh_trial_test rh_suite_claims = {"claims", "what it claims", claims};

const struct rh_trial_test rh_suite_load[] = {
    {"loads",
     "the file is a shared object for this machine that exports rh_connector_v1 and nothing else, "
     "and its table has all that is required",
     loads},
    {"entry-is-pure",
     "the entry gives the same table each time, and opens, starts and prints nothing",
     entry_is_pure},
    {"schema", "config_schema describes every setting, and marks what is secret", schema_is_sound},
    {"table", "URL schemes are lower case, rows of the operators agree with each other",
     table_is_sound},
    {NULL, NULL, NULL},
};
