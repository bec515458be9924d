/*
 * A password is not marked as secret.
 * base: sqlite
 * fails: load/schema
 */
#include "bad.inc"

static const char schema[] = "{\"type\":\"object\",\"properties\":{\"path\":{\"type\":\"string\"},"
                             "\"password\":{\"type\":\"string\"}}}";

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    bad->config_schema = (struct rh_text){schema, sizeof(schema) - 1};
    return RH_OK;
}
