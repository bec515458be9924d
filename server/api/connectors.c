/* Commands: the connectors that this server has. */
#include "base/err.h"
#include "base/text.h"
#include "base/type.h"
#include "server/api/call.h"

#include <stdlib.h>

static const char *kind_name(uint32_t kind)
{
    static const char *const names[] = {"", "sql", "document", "keyvalue", "rest", "file"};

    return kind > 0 && kind < RH_N(names) ? names[kind] : "other";
}

static json_t *text(struct rh_text value)
{
    return value.data ? json_stringn(value.data, value.len) : json_null();
}

static json_t *refusal_of(const struct rh_registry_entry *entry)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:b}", "id", entry->id, "version", entry->version,
                     "state", "refused", "reason", entry->reason, "hint", entry->hint, "in_use", 0);
}

static json_t *summary_of(const struct rh_registry_entry *entry)
{
    const struct rh_connector *c;

    if (!entry->library)
        return refusal_of(entry);
    c = &entry->library->connector;
    return json_pack(
        "{s:s, s:o, s:o, s:o, s:o, s:s, s:s, s:b, s:s, s:s?, s:b, s:{s:b, s:b, s:b, "
        "s:b}}",
        "id", entry->id, "title", text(c->title), "version", text(c->version), "vendor",
        text(c->vendor), "license", text(c->license), "kind", kind_name(c->kind), "state", "ready",
        "in_use", entry->in_use, "trust", rh_trust_level_name(entry->level), "signer",
        entry->signer[0] ? entry->signer : NULL, "isolated", entry->isolated, "groups", "write",
        c->write != NULL, "tx", c->tx != NULL, "native", c->native != NULL, "ddl", c->ddl != NULL);
}

static int list(struct rh_call *call, struct rh_error *error)
{
    struct rh_registry_entry *entries = NULL;
    json_t *array;
    uint32_t n = 0;
    int rc;

    rc = rh_registry_list(call->api->registry, &entries, &n, error);
    if (rc != RH_OK)
        return rc;
    array = json_array();
    for (uint32_t i = 0; i < n; i++)
        json_array_append_new(array, summary_of(&entries[i]));
    free(entries);
    return rh_call_reply_json(call, 200, array, error);
}

static json_t *operators_of(const struct rh_connector *connector)
{
    static const char *const names[RH_N_OPS] = {
        "",     "and",    "or",    "eq",      "lt",      "lte",      "gt",
        "gte",  "in",     "like",  "starts",  "ends",    "contains", "matches",
        "null", "absent", "empty", "has_all", "has_any", "exists",   "seek"};
    static const char *const verdicts[] = {"none", "superset", "exact"};
    json_t *array = json_array();

    for (uint32_t i = 0; i < connector->n_operators; i++) {
        const struct rh_operator *row =
            (const struct rh_operator *)(const void *)((const char *)connector->operators +
                                                       (size_t)i * connector->operator_stride);
        uint32_t base = RH_OP_BASE(row->op);
        json_t *of = json_array();
        for (uint32_t type = 0; type < RH_N_TYPES; type++)
            if (row->types & RH_TYPE_BIT(type))
                json_array_append_new(of, json_string(rh_type_name(type)));
        json_array_append_new(
            array, json_pack("{s:s, s:b, s:b, s:o, s:s}", "operator",
                             base < RH_N_OPS ? names[base] : "?", "not", (row->op & RH_OP_NOT) != 0,
                             "fold", (row->op & RH_OP_FOLD) != 0, "types", of, "verdict",
                             row->verdict < RH_N(verdicts) ? verdicts[row->verdict] : "?"));
    }
    return array;
}

static json_t *details_of(const struct rh_registry_entry *entry)
{
    const struct rh_library *library = entry->library;
    const struct rh_connector *c = &library->connector;
    const struct rh_limits *limits = &library->limits;
    json_t *details = summary_of(entry);

    json_object_set_new(details, "config_schema",
                        json_loadb(c->config_schema.data, c->config_schema.len, 0, NULL));
    json_object_set_new(details, "url_schemes", text(c->url_schemes));
    json_object_set_new(details, "operators", operators_of(c));
    json_object_set_new(details, "limits",
                        json_pack("{s:I, s:I, s:I, s:I, s:I}", "parameters",
                                  (json_int_t)limits->parameters, "in_values",
                                  (json_int_t)limits->in_values, "rows_per_write",
                                  (json_int_t)limits->rows_per_write, "identifier_bytes",
                                  (json_int_t)limits->identifier_bytes, "connections",
                                  (json_int_t)limits->connections));
    if (c->native)
        json_object_set_new(details, "language", text(c->native->language));
    json_object_set_new(details, "abi_minor", json_integer(c->abi_minor));
    json_object_set_new(details, "sha256", json_string(library->sha256));
    return details;
}

static int get(struct rh_call *call, struct rh_error *error)
{
    const struct rh_library *library = NULL;
    struct rh_registry_entry *entries = NULL;
    json_t *details = NULL;
    uint32_t n = 0;
    int rc;

    rc = rh_registry_get(call->api->registry, rh_call_value(call, "connector"), &library, error);
    if (rc == RH_NOT_FOUND)
        return rh_error_code(error, "unknown-connector");
    if (rc == RH_CONTRACT)
        return rh_error_code(error, "connector-refused");
    if (rc == RH_OK)
        rc = rh_registry_list(call->api->registry, &entries, &n, error);
    if (rc != RH_OK)
        return rc;
    for (uint32_t i = 0; i < n && !details; i++)
        if (entries[i].library == library)
            details = details_of(&entries[i]);
    free(entries);
    /* NULL also when it went away between the two questions. */
    return rh_call_reply_json(call, 200, details, error);
}

static const struct rh_parameter GET[] = {
    {"connector", RH_IN_PATH, true, RH_SCHEMA_TEXT,
     "Id of the connector: `postgres`, or one version of it: `acme@1.3.0`"},
};

static const struct rh_command COMMANDS[] = {
    {.name = "connectors.list",
     .method = "GET",
     .path = "/api/v1/connectors",
     .summary = "The connectors, and the reason where one is refused",
     .help =
         "One entry for each version that is installed; `in_use` marks the one that the id alone "
         "means. `trust` is bundled, first-party, vendor or unsigned.",
     .permission = RH_KNOWN,
     .flags = RH_COMMAND_READ_ONLY,
     .run = list},
    {.name = "connectors.get",
     .method = "GET",
     .path = "/api/v1/connectors/{connector}",
     .summary = "A connector: schema of its settings, operators, groups, limits",
     .parameters = GET,
     .n_parameters = RH_N(GET),
     .permission = RH_KNOWN,
     .flags = RH_COMMAND_READ_ONLY,
     .run = get},
};

const struct rh_command_list rh_connector_commands = {COMMANDS, RH_N(COMMANDS)};
