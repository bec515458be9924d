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
/* clang-format off */
#define RH_PG_CONFIG_SCHEMA \
    "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{" \
    "\"host\":{\"type\":\"string\",\"title\":\"Host\",\"description\":\"Name or address of the server, or the folder of its socket (/var/run/postgresql). localhost when not given.\",\"x-placeholder\":\"localhost\",\"x-order\":1}," \
    "\"port\":{\"type\":\"integer\",\"title\":\"Port\",\"description\":\"5432 when not given.\",\"minimum\":1,\"maximum\":65535,\"x-placeholder\":\"5432\",\"x-order\":2}," \
    "\"database\":{\"type\":\"string\",\"title\":\"Database\",\"description\":\"The name of the user when not given.\",\"x-order\":3}," \
    "\"user\":{\"type\":\"string\",\"title\":\"User\",\"description\":\"postgres when not given.\",\"x-placeholder\":\"postgres\",\"x-order\":4}," \
    "\"password\":{\"type\":\"string\",\"title\":\"Password\",\"x-secret\":true,\"x-order\":5}," \
    "\"url\":{\"type\":\"string\",\"title\":\"URL\",\"description\":\"Instead of the settings above: postgres://user:password@host:5432/database\",\"x-secret\":true,\"x-placeholder\":\"postgres://user:password@host:5432/database\",\"x-order\":6}," \
    "\"schemas\":{\"type\":\"array\",\"items\":{\"type\":\"string\"},\"title\":\"Schemas\",\"description\":\"Only tables of these schemas are shown. All but the system's own when not given.\",\"x-order\":7}," \
    "\"sslmode\":{\"type\":\"string\",\"title\":\"TLS\",\"enum\":[\"disable\",\"allow\",\"prefer\",\"require\",\"verify-ca\",\"verify-full\"],\"description\":\"prefer when not given.\",\"x-group\":\"TLS\",\"x-order\":8}," \
    "\"ssl_root_cert\":{\"type\":\"string\",\"title\":\"Certificate authority\",\"description\":\"File with the certificates that the server's is checked against.\",\"x-group\":\"TLS\",\"x-order\":9}," \
    "\"ssl_cert\":{\"type\":\"string\",\"title\":\"Client certificate\",\"description\":\"File.\",\"x-group\":\"TLS\",\"x-order\":10}," \
    "\"ssl_key\":{\"type\":\"string\",\"title\":\"Client key\",\"description\":\"File.\",\"x-group\":\"TLS\",\"x-order\":11}," \
    "\"application_name\":{\"type\":\"string\",\"title\":\"Application name\",\"description\":\"As the server's statistics show it; rowhouse when not given.\",\"x-placeholder\":\"rowhouse\",\"x-group\":\"Advanced\",\"x-order\":12}," \
    "\"statement_timeout_ms\":{\"type\":\"integer\",\"title\":\"Statement time-out (ms)\",\"description\":\"The server ends statements that take longer. 0: the deadline of each request decides.\",\"minimum\":0,\"maximum\":2147483647,\"default\":0,\"x-group\":\"Advanced\",\"x-order\":13}" \
    "}}"
/* clang-format on */

/* Reads the settings; CONFIG when two of them say different things, or the URL is none.
 * ret_config is to be given to rh_pg_config_fini, also after an error. [any] */
int rh_pg_config_load(const struct rh_settings *settings, struct rh_pg_config *ret_config,
                      struct rh_error *error);
void rh_pg_config_fini(struct rh_pg_config *config);
