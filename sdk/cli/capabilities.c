/*
 * Everything comes from the connector's own tables: the JSON Schema of its settings, its operators,
 * its groups and its limits.
 */
#include "cli/capabilities.h"

#include "base/text.h"
#include "base/type.h"
#include "rows/operators.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* ---- Settings ---------------------------------------------------------------------------- */

#define MAX_SETTINGS 64

struct setting {
    const char *name;
    const json_t *schema;
    json_int_t order;
};

static int by_order(const void *left, const void *right)
{
    const struct setting *a = left, *b = right;
    if (a->order != b->order)
        return a->order < b->order ? -1 : 1;
    return strcmp(a->name, b->name);
}

static bool is_required(const json_t *schema, const char *name)
{
    const json_t *required = json_object_get(schema, "required"), *item;
    size_t i;
    json_array_foreach(required, i,
                       item) if (strcmp(json_string_value(item), name) == 0) return true;
    return false;
}

static void describe_choices(const json_t *choices, FILE *to)
{
    const json_t *choice;
    size_t i;
    if (!json_is_array(choices))
        return;
    fputs(", one of", to);
    json_array_foreach(choices, i, choice) fprintf(
        to, "%s %s", i ? "," : "", json_is_string(choice) ? json_string_value(choice) : "?");
}

static void describe_default(const json_t *value, FILE *to)
{
    char *text = value ? json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
    if (text)
        fprintf(to, ", default %s", text);
    free(text);
}

static void describe_setting(const struct setting *setting, bool required, FILE *to)
{
    const json_t *type = json_object_get(setting->schema, "type");
    const char *help = json_string_value(json_object_get(setting->schema, "description"));
    const char *title = json_string_value(json_object_get(setting->schema, "title"));
    fprintf(to, "- `%s` (%s%s%s", setting->name,
            json_is_string(type) ? json_string_value(type) : "any", required ? ", required" : "",
            json_is_true(json_object_get(setting->schema, "x-secret")) ? ", secret" : "");
    describe_choices(json_object_get(setting->schema, "enum"), to);
    describe_default(json_object_get(setting->schema, "default"), to);
    fprintf(to, "): %s\n", help ? help : title ? title : "");
}

static void describe_settings(const struct rh_connector *connector, FILE *to)
{
    json_t *schema =
        json_loadb(connector->config_schema.data, connector->config_schema.len, 0, NULL);
    json_t *properties = json_object_get(schema, "properties"), *value;
    struct setting settings[MAX_SETTINGS];
    const char *name;
    size_t n = 0;
    json_object_foreach(properties, name, value)
    {
        const json_t *order = json_object_get(value, "x-order");
        if (n < MAX_SETTINGS)
            settings[n++] =
                (struct setting){name, value, order ? json_integer_value(order) : MAX_SETTINGS};
    }
    qsort(settings, n, sizeof(settings[0]), by_order);
    fputs(n ? "Settings:\n\n" : "It has no settings.\n", to);
    for (size_t i = 0; i < n; i++)
        describe_setting(&settings[i], is_required(schema, settings[i].name), to);
    json_decref(schema);
}

/* ---- What is pushed down ----------------------------------------------------------------- */

static const struct rh_operator *operator_at(const struct rh_connector *connector, uint32_t i)
{
    return (const struct rh_operator *)(const void *)((const char *)connector->operators +
                                                      (size_t)i * connector->operator_stride);
}

static bool is_of(const struct rh_operator *op, uint32_t verdict, uint32_t types)
{
    return op->verdict == verdict && op->types == types;
}

/* Whether a row before this one has the same types, so that they were told together. */
static bool was_told(const struct rh_connector *connector, uint32_t at)
{
    const struct rh_operator *op = operator_at(connector, at);
    for (uint32_t i = 0; i < at; i++)
        if (is_of(operator_at(connector, i), op->verdict, op->types))
            return true;
    return false;
}

static void describe_types(uint32_t types, FILE *to)
{
    for (uint32_t type = 0; type < RH_N_TYPES; type++)
        if (types & RH_TYPE_BIT(type))
            fprintf(to, " %s", rh_type_name(type));
}

static bool has_name(const struct rh_operator *op)
{
    uint32_t base = RH_OP_BASE(op->op);
    return base != RH_OP_AND && base != RH_OP_OR && base != RH_OP_SEEK && base != RH_OP_EXISTS;
}

/* Whether the operator's opposite is in the same group. */
static bool goes_both_ways(const struct rh_connector *connector, const struct rh_operator *op)
{
    for (uint32_t i = 0; i < connector->n_operators; i++) {
        const struct rh_operator *other = operator_at(connector, i);
        if (other->op == (op->op ^ RH_OP_NOT) && is_of(other, op->verdict, op->types))
            return true;
    }
    return false;
}

/* "lt" for both ways, else "lt" or "not lt". Only the negation of ABSENT has a name: "exists". */
static void describe_operator(const struct rh_operator *op, bool both, FILE *to)
{
    uint32_t plain = op->op & ~RH_OP_NOT;
    if (RH_OP_BASE(op->op) == RH_OP_ABSENT)
        fprintf(to, " %s`exists`", both || op->op != plain ? "" : "not ");
    else
        fprintf(to, " %s`%s`", both || op->op == plain ? "" : "not ", rh_operator_label(plain));
}

/* Operators with the verdict and types of `as`: those that go both ways, or the others. */
static void describe_group(const struct rh_connector *connector, const struct rh_operator *as,
                           bool both, FILE *to)
{
    bool any = false;
    for (uint32_t i = 0; i < connector->n_operators; i++) {
        const struct rh_operator *op = operator_at(connector, i);
        if (!is_of(op, as->verdict, as->types) || !has_name(op) ||
            goes_both_ways(connector, op) != both || (both && (op->op & RH_OP_NOT)))
            continue;
        if (!any)
            fputs("-", to);
        any = true;
        describe_operator(op, both, to);
    }
    if (!any)
        return;
    fputs(both ? " and their opposites, on" : " on", to);
    describe_types(as->types, to);
    fputc('\n', to);
}

static void describe_verdict(const struct rh_connector *connector, uint32_t verdict,
                             const char *title, FILE *to)
{
    bool any = false;
    for (uint32_t i = 0; i < connector->n_operators; i++) {
        const struct rh_operator *op = operator_at(connector, i);
        if (op->verdict != verdict || was_told(connector, i))
            continue;
        if (!any)
            fprintf(to, "\n%s\n\n", title);
        any = true;
        describe_group(connector, op, true, to);
        describe_group(connector, op, false, to);
    }
}

/* ---- The whole --------------------------------------------------------------------------- */

static void describe_limit(const char *what, uint32_t limit, FILE *to)
{
    if (limit)
        fprintf(to, "- %s: %u\n", what, limit);
}

static void describe_limits(const struct rh_limits *limits, FILE *to)
{
    if (!limits->parameters && !limits->in_values && !limits->rows_per_write &&
        !limits->identifier_bytes && !limits->connections)
        return;
    fputs("\nLimits, which Rowhouse keeps by itself:\n\n", to);
    describe_limit("parameters of a statement", limits->parameters, to);
    describe_limit("values of a list", limits->in_values, to);
    describe_limit("rows of a write", limits->rows_per_write, to);
    describe_limit("bytes of a name", limits->identifier_bytes, to);
    describe_limit("connections", limits->connections, to);
}

void rh_cli_capabilities(const struct rh_library *library, FILE *to)
{
    const struct rh_connector *c = &library->connector;
    fprintf(to, "## %.*s\n\n`%.*s` %.*s: reads", RH_TEXT_ARG(c->title), RH_TEXT_ARG(c->id),
            RH_TEXT_ARG(c->version));
    fputs(c->write ? ", writes" : "", to);
    fputs(c->tx ? ", has transactions" : "", to);
    if (c->native)
        fprintf(to, ", takes native queries (%.*s)", RH_TEXT_ARG(c->native->language));
    fputs(c->ddl ? ", makes tables" : "", to);
    fputs(c->feed ? ", tells of changes" : "", to);
    fputs(".\n\n", to);
    describe_settings(c, to);
    describe_verdict(c, RH_VERDICT_EXACT, "Conditions that the source can settle:", to);
    describe_verdict(c, RH_VERDICT_SUPERSET,
                     "Conditions that the source narrows and Rowhouse settles:", to);
    describe_limits(&library->limits, to);
}
