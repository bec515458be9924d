/*
 * Configuration: one table of settings, fed by the environment, an INI file and the command line
 * (the later wins). --help, the documentation and GET /api/v1/admin/config are printed from it.
 */
#pragma once

#include "base/buf.h"

#include <rowhouse/error.h>

#include <stdint.h>

enum rh_config_type { RH_CONFIG_TEXT, RH_CONFIG_NUMBER, RH_CONFIG_SWITCH };

#define RH_CONFIG_SECRET 0x1u     /* never shown */
#define RH_CONFIG_RELOADABLE 0x2u /* read again on SIGHUP */

struct rh_config_item {
    const char
        *name; /* "max_body_bytes": flag --max-body-bytes, variable ROWHOUSE_MAX_BODY_BYTES */
    enum rh_config_type type;
    const char *fallback; /* default, as it would be written; "" = none */
    int64_t min, max;     /* numbers */
    unsigned flags;
    const char *help;
};

/* The settings by position, in the order of the table. */
enum rh_config_name {
    RH_CONFIG_LISTEN,
    RH_CONFIG_METRICS_LISTEN,
    RH_CONFIG_DATA,
    RH_CONFIG_STORE,
    RH_CONFIG_STORE_GRACE_S,
    RH_CONFIG_PLUGINS,
    RH_CONFIG_CONNECTORS,
    RH_CONFIG_TRUST,
    RH_CONFIG_UNSIGNED_CONNECTORS,
    RH_CONFIG_ISOLATE,
    RH_CONFIG_ADMIN_KEY,
    RH_CONFIG_MASTER_KEY,
    RH_CONFIG_DEMO,
    RH_CONFIG_DEMO_POSTGRES,
    RH_CONFIG_WORKERS,
    RH_CONFIG_QUEUE,
    RH_CONFIG_HTTP_THREADS,
    RH_CONFIG_MAX_CONNECTIONS,
    RH_CONFIG_MAX_BODY_BYTES,
    RH_CONFIG_MAX_IMPORT_BYTES,
    RH_CONFIG_REQUEST_TIMEOUT_MS,
    RH_CONFIG_STALL_TIMEOUT_MS,
    RH_CONFIG_STOP_TIMEOUT_MS,
    RH_CONFIG_LOG_LEVEL,
    RH_CONFIG_CORS_ORIGINS,
    RH_CONFIG_BUDGET_SCAN_ROWS,
    RH_CONFIG_BUDGET_MEMORY_BYTES,
    RH_CONFIG_BUDGET_SPILL_BYTES,
    RH_CONFIG_BUDGET_TIME_MS,
    RH_CONFIG_POOL_MAX_CONNECTIONS,
    RH_N_CONFIG,
};

struct rh_config {
    char *texts[RH_N_CONFIG];         /* the values as written; owned */
    int64_t numbers[RH_N_CONFIG];     /* NUMBER and SWITCH */
    const char *sources[RH_N_CONFIG]; /* "default", "environment", "file", "command line" */
};

const struct rh_config_item *rh_config_item(enum rh_config_name name);

/* Reads all sources. environment: NULL-terminated "NAME=value" list. CONFIG with near names for
 * unknown settings. What `ret_config` holds is freed with rh_config_fini, on errors too. */
int rh_config_load(struct rh_config *ret_config, int n_arguments, char **arguments,
                   char **environment, struct rh_error *error);
void rh_config_fini(struct rh_config *config);

/* The table as text for --help. */
void rh_config_help(struct rh_buf *buf);
/* The same as a Markdown table. */
void rh_config_markdown(struct rh_buf *buf);
/* Name, value, source, help of each as a JSON array; secrets struck out. */
void rh_config_json(const struct rh_config *config, struct rh_buf *buf);
