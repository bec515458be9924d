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

/* What was noted for one datasource. */
struct rh_redact_notes;
/* [any] Notes every text among the settings that the schema marks x-secret, every text inside of
 * the arrays and objects that it marks, and the passwords of texts that are URLs, as they stand and
 * decoded. All of them or none. *ret_notes is NULL when there are none; owned by caller. RESOURCE.
 */
int rh_redact_add_settings(struct rh_text config_schema, const struct rh_settings *settings,
                           struct rh_redact_notes **ret_notes, struct rh_error *error);
/* [any] Takes them back. NULL is allowed. */
void rh_redact_remove_notes(struct rh_redact_notes *notes);

/* [any] Appends the text with every noted value replaced by "********"; so is the beginning of one
 * (4 bytes or more) before an ellipsis, where its writer cut the text. */
void rh_redact_text(struct rh_text text, struct rh_buf *buf);
/* [any] The same, in place, for the texts of an error. A text that fills its field was cut too. */
void rh_redact_error(struct rh_error *error);
