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
#include <stdbool.h>

/* Validates `config` (an object; NULL is as {}) and returns the settings with defaults filled in,
 * in the arena, texts copied. CONFIG, pointer "/config/<name>"; no message contains a value that
 * was given. A schema that is wrong itself: CONTRACT. Settings that are neither given nor have a
 * default are left out. */
int rh_settings_make(struct rh_arena *arena, struct rh_text config_schema, const json_t *config,
                     struct rh_settings *ret_settings, struct rh_error *error);
/* Deep copy in the arena. RESOURCE. */
int rh_settings_copy(struct rh_arena *arena, const struct rh_settings *settings,
                     struct rh_settings *ret_settings, struct rh_error *error);
/* Whether the schema marks this setting x-secret. A setting that the schema does not know is. */
bool rh_settings_is_secret(const json_t *schema, const char *name);
