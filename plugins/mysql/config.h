/*
 * Settings of a MySQL or MariaDB connection.
 */
#pragma once

#include "connector/kit.h"

#include <stdbool.h>
#include <stdint.h>

/* Settings that are texts. */
enum rh_my_setting {
    RH_MY_HOST,
    RH_MY_DATABASE,
    RH_MY_USER,
    RH_MY_PASSWORD,
    RH_MY_SOCKET,
    RH_MY_SSL_MODE,
    RH_MY_SSL_CA,
    RH_MY_SSL_CERT,
    RH_MY_SSL_KEY,
    RH_MY_N_SETTINGS,
};

struct rh_my_config {
    char *text[RH_MY_N_SETTINGS]; /* owned; NULL = not given, and has no default */
    unsigned port;
    int64_t statement_timeout_ms; /* 0 = none */
};

/* The JSON Schema of the settings. */
/* clang-format off */
#define RH_MY_CONFIG_SCHEMA \
    "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{" \
    "\"host\":{\"type\":\"string\",\"title\":\"Host\",\"description\":\"Name or address of the server. localhost when not given.\",\"x-placeholder\":\"localhost\",\"x-order\":1}," \
    "\"port\":{\"type\":\"integer\",\"title\":\"Port\",\"description\":\"3306 when not given.\",\"minimum\":1,\"maximum\":65535,\"x-placeholder\":\"3306\",\"x-order\":2}," \
    "\"database\":{\"type\":\"string\",\"title\":\"Database\",\"description\":\"Only its tables are shown. Those of all databases but the system's own when not given.\",\"x-order\":3}," \
    "\"user\":{\"type\":\"string\",\"title\":\"User\",\"description\":\"root when not given.\",\"x-placeholder\":\"root\",\"x-order\":4}," \
    "\"password\":{\"type\":\"string\",\"title\":\"Password\",\"x-secret\":true,\"x-order\":5}," \
    "\"url\":{\"type\":\"string\",\"title\":\"URL\",\"description\":\"Instead of the settings above: mysql://user:password@host:3306/database\",\"x-secret\":true,\"x-placeholder\":\"mysql://user:password@host:3306/database\",\"x-order\":6}," \
    "\"socket\":{\"type\":\"string\",\"title\":\"Socket\",\"description\":\"The server's Unix socket, in place of host and port.\",\"x-placeholder\":\"/run/mysqld/mysqld.sock\",\"x-order\":7}," \
    "\"ssl_mode\":{\"type\":\"string\",\"title\":\"TLS\",\"enum\":[\"disable\",\"prefer\",\"require\",\"verify-full\"],\"description\":\"prefer when not given; verify-full checks the server's certificate and its name.\",\"x-group\":\"TLS\",\"x-order\":8}," \
    "\"ssl_ca\":{\"type\":\"string\",\"title\":\"Certificate authority\",\"description\":\"File with the certificates that the server's is checked against.\",\"x-group\":\"TLS\",\"x-order\":9}," \
    "\"ssl_cert\":{\"type\":\"string\",\"title\":\"Client certificate\",\"description\":\"File.\",\"x-group\":\"TLS\",\"x-order\":10}," \
    "\"ssl_key\":{\"type\":\"string\",\"title\":\"Client key\",\"description\":\"File.\",\"x-group\":\"TLS\",\"x-order\":11}," \
    "\"statement_timeout_ms\":{\"type\":\"integer\",\"title\":\"Statement time-out (ms)\",\"description\":\"The server ends statements that take longer. 0: the deadline of each request decides.\",\"minimum\":0,\"maximum\":2147483647,\"default\":0,\"x-group\":\"Advanced\",\"x-order\":12}" \
    "}}"
/* clang-format on */

/* Reads the settings; CONFIG when two of them say different things, or the URL is none.
 * ret_config is to be given to rh_my_config_fini, also after an error. [any] */
int rh_my_config_load(const struct rh_settings *settings, struct rh_my_config *ret_config,
                      struct rh_error *error);
void rh_my_config_fini(struct rh_my_config *config);
