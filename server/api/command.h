/*
 * The command table: everything that the server can be asked to do, declared once.
 *
 * Routes, the RPC endpoint, the OpenAPI document, the reference, the permission check and the
 * metrics label all come from it; there is no second list. Each resource file declares its own
 * commands; commands.c puts the files together.
 */
#pragma once

#include <rowhouse/error.h>
#include <rowhouse/value.h>

#include <stdbool.h>

struct rh_call;

enum rh_place { RH_IN_PATH, RH_IN_QUERY, RH_IN_HEADER };

struct rh_parameter {
    const char *name;
    enum rh_place place;
    bool required;
    const char *schema; /* JSON Schema of its value */
    const char *help;
};

/* Who may: checked in access.c. */
enum rh_permission {
    RH_PUBLIC, /* no credentials */
    RH_KNOWN,  /* any valid credentials */
    RH_READ,   /* rows and what describes them */
    RH_WRITE,  /* rows */
    RH_BUILD,  /* definitions */
    RH_ADMIN,  /* the server itself */
};

#define RH_COMMAND_READ_ONLY 0x01u /* changes nothing */
#define RH_COMMAND_STREAMS 0x02u   /* may answer NDJSON and CSV without limit */
#define RH_COMMAND_INLINE                                                                          \
    0x04u /* never blocks: runs on the epoll thread, without arena and operation */
#define RH_COMMAND_OPEN_QUERY                                                                      \
    0x08u /* URL parameters besides the declared ones are column conditions */
#define RH_COMMAND_LARGE_BODY 0x10u /* bodies up to max_import_bytes, of any media type */
#define RH_COMMAND_METRICS 0x20u    /* at metrics_listen, and only there, when that is set */

#define RH_COMMAND_MAX_PARAMETERS 24
#define RH_COMMAND_MAX_SEGMENTS 10

struct rh_command {
    const char *name;    /* "datasources.create" */
    const char *method;  /* "GET" */
    const char *path;    /* "/api/v1/apps/{app}"; parameters are whole segments */
    const char *summary; /* one line */
    const char *help;    /* more, or NULL */
    const struct rh_parameter *parameters;
    unsigned n_parameters;
    enum rh_permission permission;
    unsigned flags;      /* RH_COMMAND_* */
    const char *body;    /* JSON Schema of the body, or NULL when it takes none */
    const char *example; /* a body, or NULL */
    /* 0 when the answer is set (or streamed), else a class and the error, answered as a problem. */
    int (*run)(struct rh_call *call, struct rh_error *error);
};

struct rh_command_list {
    const struct rh_command *commands;
    unsigned n;
};

/* One per resource file. */
extern const struct rh_command_list rh_health_commands;
extern const struct rh_command_list rh_document_commands;
extern const struct rh_command_list rh_rpc_commands;
extern const struct rh_command_list rh_admin_commands;
extern const struct rh_command_list rh_connector_commands;
extern const struct rh_command_list rh_app_commands;
extern const struct rh_command_list rh_datasource_commands;
extern const struct rh_command_list rh_table_commands;
extern const struct rh_command_list rh_row_read_commands;
extern const struct rh_command_list rh_row_write_commands;
extern const struct rh_command_list rh_transaction_commands;
extern const struct rh_command_list rh_native_commands;

/* All commands; NULL behind the last. Position: a small number that stays the same while the
 * process runs. [any] */
const struct rh_command *rh_command_at(unsigned position);
unsigned rh_command_count(void);
/* NULL when there is none. [any] */
const struct rh_command *rh_command_find(struct rh_text name);
/* Position of a parameter, or -1. */
int rh_command_parameter(const struct rh_command *command, struct rh_text name);

/* For resource files. */
#define RH_N(array) (sizeof(array) / sizeof((array)[0]))
#define RH_SCHEMA_TEXT "{\"type\":\"string\"}"
#define RH_SCHEMA_BOOL "{\"type\":\"boolean\"}"
#define RH_SCHEMA_COUNT "{\"type\":\"integer\",\"minimum\":0}"
#define RH_PARAMETER_APP                                                                           \
    {                                                                                              \
        "app", RH_IN_PATH, true, RH_SCHEMA_TEXT,                                                   \
            "Name of the app: `shop`, or `shop@dev` for the "                                      \
            "definitions being edited"                                                             \
    }
#define RH_PARAMETER_DATASOURCE                                                                    \
    {                                                                                              \
        "datasource", RH_IN_PATH, true, RH_SCHEMA_TEXT, "Name of the datasource"                   \
    }
#define RH_PARAMETER_TABLE                                                                         \
    {                                                                                              \
        "table", RH_IN_PATH, true, RH_SCHEMA_TEXT,                                                 \
            "Name of the table: `orders`, or `sales.orders` "                                      \
            "where the source has schemas"                                                         \
    }
#define RH_PARAMETER_KEY                                                                           \
    {                                                                                              \
        "key", RH_IN_PATH, true, RH_SCHEMA_TEXT,                                                   \
            "Primary key; the parts of a composite key are "                                       \
            "joined by `,`, each percent-encoded"                                                  \
    }
#define RH_PARAMETER_NUMBERS                                                                       \
    {                                                                                              \
        "numbers", RH_IN_QUERY, false, "{\"enum\":[\"number\",\"string\"]}",                       \
            "`string`: integers and decimals as JSON strings, for clients that would round them"   \
    }
/* what: "write" */
#define RH_PARAMETER_IDEMPOTENCY(what)                                                             \
    {                                                                                              \
        "Idempotency-Key", RH_IN_HEADER, false, RH_SCHEMA_TEXT,                                    \
            "The first answer to a " what " with this key is kept for a day and repeated"          \
    }
#define RH_PARAMETER_KNOWN                                                                         \
    {                                                                                              \
        "If-None-Match", RH_IN_HEADER, false, RH_SCHEMA_TEXT,                                      \
            "ETag that the client has: 304 when it still holds"                                    \
    }
#define RH_PARAMETER_REVISION                                                                      \
    {                                                                                              \
        "If-Match", RH_IN_HEADER, false, RH_SCHEMA_TEXT, "ETag that the definition must have"      \
    }
