/*
 * The settings of a SQLite datasource: which file, and how it is opened.
 */
#pragma once

#include "connector/kit.h"

#include <stdbool.h>
#include <stdint.h>

#define RH_SQLITE_CONFIG_SCHEMA                                                                    \
    "{\"type\":\"object\",\"properties\":{"                                                        \
    "\"path\":{\"type\":\"string\",\"minLength\":1,\"title\":\"Database file\","                   \
    "\"description\":\"Path of the SQLite database file\",\"x-order\":1,"                          \
    "\"x-placeholder\":\"/var/lib/app/data.db\"},"                                                 \
    "\"url\":{\"type\":\"string\",\"minLength\":1,\"title\":\"URL\","                              \
    "\"description\":\"sqlite:/path/to/file.db, instead of path\",\"x-order\":2},"                 \
    "\"read_only\":{\"type\":\"boolean\",\"default\":false,\"title\":\"Read only\","               \
    "\"x-order\":3},"                                                                              \
    "\"create\":{\"type\":\"boolean\",\"default\":true,"                                           \
    "\"title\":\"Make the file when it is missing\",\"x-order\":4},"                               \
    "\"busy_timeout_ms\":{\"type\":\"integer\",\"default\":5000,\"minimum\":0,"                    \
    "\"maximum\":600000,\"title\":\"Wait for locks (ms)\",\"x-order\":5}}}"

struct rh_sqlite_config {
    char *path; /* never a "file:" URI; ":memory:" is a database of this connection alone */
    int64_t busy_timeout_ms;
    bool read_only;
    bool create; /* make the file when it is missing */
};

/* Reads the settings. CONFIG when there is no usable path. Owned by the caller until fini. */
int rh_sqlite_config_init(struct rh_sqlite_config *ret_config, const struct rh_settings *settings,
                          struct rh_error *error);
void rh_sqlite_config_fini(struct rh_sqlite_config *config);
