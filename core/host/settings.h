/*
 * Settings of a datasource against the connector's config_schema.
 *
 * Understood: type, properties, required, default, enum, minimum, maximum, minLength, maxLength,
 * items.type, title, description, x-secret. Unknown settings are errors with near names.
 */
#pragma once

#include "base/arena.h"

#include <rowhouse/connector.h>

#include <jansson.h>

/* Validates `config` (an object) and returns the settings with defaults filled in, in the arena,
 * texts copied. CONFIG, pointer "/config/<name>". */
int rh_settings_make(struct rh_arena *arena, struct rh_text config_schema, const json_t *config,
                     struct rh_settings *ret_settings, struct rh_error *error);
/* Whether the schema marks this setting x-secret. */
bool rh_settings_is_secret(const json_t *schema, const char *name);
/* Copy of config without its secret members; each is replaced by the text "********". New
 * reference owned by the caller; NULL when out of memory. */
json_t *rh_settings_redact(struct rh_text config_schema, const json_t *config);
