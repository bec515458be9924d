/*
 * Settings of an ODBC connection: one connection string for the driver manager, and what this
 * connector itself has to know.
 */
#pragma once

#include "connector/kit.h"

#include <stdbool.h>

/* What the driver's library is known for. */
enum rh_odbc_driver {
    RH_ODBC_DRIVER_OTHER,
    RH_ODBC_DRIVER_PSQLODBC,
    RH_ODBC_DRIVER_MARIADB, /* MySQL's own, too */
    RH_ODBC_DRIVER_SQLITE,
};

struct rh_odbc_config {
    struct rh_buf connection; /* the whole string, UTF-8; holds the password */
    char *schemas;            /* JSON array of names, NULL = all */
    char *dialect;            /* "auto", "generic", … */
    char *encoding;           /* "auto", "utf-8", "utf-16" */
    enum rh_odbc_driver driver;
};

/* The JSON Schema of the settings. */
/* clang-format off */
#define RH_ODBC_CONFIG_SCHEMA \
    "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{" \
    "\"dsn\":{\"type\":\"string\",\"title\":\"Data source name\",\"description\":\"A name from odbc.ini.\",\"x-placeholder\":\"crm\",\"x-order\":1}," \
    "\"driver\":{\"type\":\"string\",\"title\":\"Driver\",\"description\":\"A driver's name from odbcinst.ini, or the file of its library; instead of a data source name.\",\"x-placeholder\":\"ODBC Driver 18 for SQL Server\",\"x-order\":2}," \
    "\"connection_string\":{\"type\":\"string\",\"title\":\"Connection string\",\"description\":\"What the driver wants to know besides: Server=db.example.com;Database=crm. It may also hold everything.\",\"x-secret\":true,\"x-placeholder\":\"Server=db.example.com;Database=crm\",\"x-order\":3}," \
    "\"user\":{\"type\":\"string\",\"title\":\"User\",\"x-order\":4}," \
    "\"password\":{\"type\":\"string\",\"title\":\"Password\",\"x-secret\":true,\"x-order\":5}," \
    "\"url\":{\"type\":\"string\",\"title\":\"URL\",\"description\":\"Instead of the settings above: odbc: and a connection string, or odbc: and a data source name.\",\"x-secret\":true,\"x-placeholder\":\"odbc:DSN=crm;UID=app;PWD=secret\",\"x-order\":6}," \
    "\"schemas\":{\"type\":\"array\",\"items\":{\"type\":\"string\"},\"title\":\"Schemas\",\"description\":\"Only tables of these schemas are shown. All but the system's own when not given.\",\"x-order\":7}," \
    "\"dialect\":{\"type\":\"string\",\"title\":\"Dialect\",\"enum\":[\"auto\",\"sqlserver\",\"oracle\",\"db2\",\"postgres\",\"mysql\",\"sqlite\",\"firebird\",\"generic\"],\"default\":\"auto\",\"description\":\"auto: by the name of the database that the driver gives.\",\"x-group\":\"Advanced\",\"x-order\":8}," \
    "\"encoding\":{\"type\":\"string\",\"title\":\"Texts as\",\"enum\":[\"auto\",\"utf-8\",\"utf-16\"],\"default\":\"auto\",\"description\":\"How texts are exchanged with the driver. auto: UTF-8 with drivers that are known to do so, UTF-16 with all others.\",\"x-group\":\"Advanced\",\"x-order\":9}" \
    "}}"
/* clang-format on */

/* Reads the settings; CONFIG when two of them say different things, or the string is none.
 * ret_config is to be given to rh_odbc_config_fini, also after an error. [any] */
int rh_odbc_config_load(const struct rh_settings *settings, struct rh_odbc_config *ret_config,
                        struct rh_error *error);
/* Says how long connecting may take, to drivers that do not obey SQL_ATTR_LOGIN_TIMEOUT. [any] */
void rh_odbc_config_limit_login(struct rh_odbc_config *config, uint64_t seconds);
void rh_odbc_config_fini(struct rh_odbc_config *config);
