/*
 * The values of secret settings that are in use in this process, so that they can be struck out of
 * what connectors write: log lines and error texts. A safety net, not a licence to log.
 */
#pragma once

#include "base/buf.h"

#include <rowhouse/connector.h>

/* [any] Notes a value; counted, so each add has its remove. Values under 4 bytes are not noted:
 * striking them out would garble every line and hide nothing. RESOURCE. */
int rh_redact_add(struct rh_text secret, struct rh_error *error);
/* [any] */
void rh_redact_remove(struct rh_text secret);
/* [any] The same for every text among the settings that the schema marks x-secret. Adding notes all
 * of them or none. */
int rh_redact_add_settings(struct rh_text config_schema, const struct rh_settings *settings,
                            struct rh_error *error);
void rh_redact_remove_settings(struct rh_text config_schema, const struct rh_settings *settings);
/* [any] Appends the text with every noted value replaced by "********". */
void rh_redact_text(struct rh_text text, struct rh_buf *buf);
/* [any] The same, in place, for the texts of an error. */
void rh_redact_error(struct rh_error *error);
