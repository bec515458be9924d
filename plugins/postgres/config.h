/*
 * Settings of a PostgreSQL connection, ready for libpq.
 */
#pragma once

#include "connector/kit.h"

#include <stdbool.h>
#include <stdint.h>

#define RH_PG_MAX_KEYWORDS 48

struct rh_pg_config {
    const char *keywords[RH_PG_MAX_KEYWORDS + 1]; /* as PQconnectStartParams wants them */
    const char *values[RH_PG_MAX_KEYWORDS + 1];
    uint32_t n;
    char *schemas;                /* JSON array of names, NULL = all */
    int64_t statement_timeout_ms; /* 0 = none */
};

/* The JSON Schema of the settings. */
extern const char rh_pg_config_schema[];

/* Reads the settings; CONFIG when two of them say different things, or the URL is none.
 * ret_config is to be given to rh_pg_config_fini, also after an error. [any] */
int rh_pg_config_load(const struct rh_settings *settings, struct rh_pg_config *ret_config,
                      struct rh_error *error);
void rh_pg_config_fini(struct rh_pg_config *config);
