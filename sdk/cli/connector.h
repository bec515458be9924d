/*
 * The family `rowhouse connector VERB`: one file connector_<verb>.c per verb, each with its own
 * options and help; connector.c has the table of them.
 */
#pragma once

#include "cli/cli.h"

extern const struct rh_cli_command rh_cli_connector_check;
extern const struct rh_cli_command rh_cli_connector_new;
extern const struct rh_cli_command rh_cli_connector_keygen;
extern const struct rh_cli_command rh_cli_connector_verify;
extern const struct rh_cli_command rh_cli_connector_sign;
extern const struct rh_cli_command rh_cli_connector_install;
extern const struct rh_cli_command rh_cli_connector_list;
extern const struct rh_cli_command rh_cli_connector_remove;

/* The verb's command; NULL when there is none. */
const struct rh_cli_command *rh_cli_connector_find(const char *verb);
/* The verbs and what they do. */
void rh_cli_connector_usage(FILE *to);
