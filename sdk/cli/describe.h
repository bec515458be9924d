/*
 * Drafts of descriptions for the connector rest (docs/rest.md), from what people have of an API:
 * its OpenAPI 3 document, or a curl line that works.
 */
#pragma once

#include <rowhouse/error.h>

#include <jansson.h>
#include <stdbool.h>

/* The description of what the document has as collections; base (may be NULL) instead of the
 * document's server. Owned by the caller. NULL with CONFIG or UNSUPPORTED. */
json_t *rh_cli_describe_openapi(const json_t *document, const char *base, struct rh_error *error);
/* The description of the one request that the curl line sends. The secrets in it are left out:
 * *ret_secret is true when there were any. */
json_t *rh_cli_describe_curl(const char *text, bool *ret_secret, struct rh_error *error);
