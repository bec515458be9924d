/*
 * Definitions in the store: their keys, and datasources made from them. Secret settings are sealed
 * when they are stored, bound to their place, and opened only to make the datasource.
 */
#pragma once

#include "host/op.h"
#include "rows/datasource.h"

#include <jansson.h>
#include <stdbool.h>

struct rh_api;

/* Names of apps and datasources: [a-z][a-z0-9_-]*, at most 63 characters. */
#define RH_NAME_MAX 63
/* "default/datasources/<app>/<name>" */
#define RH_DEFINITION_KEY_SIZE (2 * RH_NAME_MAX + 32)
/* What stands in the place of a secret in answers. */
#define RH_SECRET_MASK "********"

bool rh_name_is_valid(struct rh_text name);
/* INVALID with a pointer to the member when it is not valid. */
int rh_name_check(struct rh_text name, const char *pointer, struct rh_error *error);

void rh_definition_app_key(char ret_key[RH_DEFINITION_KEY_SIZE], struct rh_text app);
/* name no text: the prefix of all datasources of the app. */
void rh_definition_datasource_key(char ret_key[RH_DEFINITION_KEY_SIZE], struct rh_text app,
                                  struct rh_text name);

/* The errors for what is not there. Always return the class. */
int rh_definition_no_app(struct rh_text app, struct rh_error *error);
int rh_definition_no_datasource(struct rh_text app, struct rh_text name, struct rh_error *error);

/* Is it the name of the internal datasource, which every app has? */
bool rh_definition_is_internal(struct rh_text name);
/* Its definition, which is nowhere stored; its settings are nobody's business. New reference, NULL
 * when out of memory. */
json_t *rh_definition_internal(const struct rh_api *api);

/* The stored definitions, and the internal one, with the revision 1. NOT_FOUND, codes
 * "unknown-app", "unknown-datasource". ret_body: new reference. */
int rh_definition_get_app(struct rh_api *api, struct rh_operation *op, struct rh_text app,
                          json_t **ret_body, int64_t *ret_revision, struct rh_error *error);
int rh_definition_get_datasource(struct rh_api *api, struct rh_operation *op, struct rh_text app,
                                 struct rh_text name, json_t **ret_body, int64_t *ret_revision,
                                 struct rh_error *error);

/* For rh_store_list: appends each definition to the JSON array that is the context. RESOURCE. */
int rh_definition_collect(void *array, const char *key, const json_t *body, int64_t revision,
                          struct rh_error *error);
/* The connector that it names. NOT_FOUND, code "unknown-connector"; CONTRACT, code
 * "connector-refused". */
int rh_definition_connector(struct rh_api *api, const json_t *definition,
                            const struct rh_library **ret_library, struct rh_error *error);

/* A copy of `definition` whose secret settings are sealed. Those that are the mask take the sealed
 * text that `old` (may be NULL) has. New reference. While the connector of `old` is not there,
 * nobody knows which settings are secret: then every text that is not as before is sealed.
 * NOT_FOUND, CONTRACT (connector), CONFIG. */
int rh_definition_seal(struct rh_api *api, struct rh_text app, const json_t *definition,
                       const json_t *old, json_t **ret_sealed, struct rh_error *error);
/* A copy whose secrets are masked. New reference, NULL when out of memory. */
json_t *rh_definition_redact(const json_t *definition);
/* The same to be shown, with "state": "ready", "connector-missing" or "connector-refused", and in
 * the latter cases "reason" and "hint". */
json_t *rh_definition_show(struct rh_api *api, const json_t *definition);

/* The datasource that a sealed definition describes. No connection is made. Errors of
 * rh_definition_connector, CONFIG. */
int rh_definition_make(struct rh_api *api, struct rh_text app, const json_t *definition,
                       struct rh_datasource **ret_datasource, struct rh_error *error);
/* The same, from the store. UNAVAILABLE, codes "connector-missing", "connector-refused". */
int rh_definition_open_datasource(struct rh_api *api, struct rh_operation *op, struct rh_text app,
                                  struct rh_text name, struct rh_datasource **ret_datasource,
                                  int64_t *ret_revision, struct rh_error *error);
