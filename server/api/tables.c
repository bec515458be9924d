/* Commands: the tables of a datasource, and changes to them where the connector can make them. */
#include "base/err.h"
#include "base/text.h"
#include "rows/session.h"
#include "server/api/call.h"
#include "server/api/table_json.h"

#include <stdio.h>

#define MAX_LOCATION 1024

static int tables_of(struct rh_call *call, struct rh_tableset **ret_tables, struct rh_error *error)
{
    struct rh_datasource *datasource = NULL;
    int rc = rh_call_datasource(call, &datasource, error);

    return rc == RH_OK ? rh_datasource_tables(datasource, &call->op, ret_tables, error) : rc;
}

static int list(struct rh_call *call, struct rh_error *error)
{
    struct rh_tableset *tables = NULL;
    struct rh_buf *buf;
    int rc = tables_of(call, &tables, error);

    if (rc != RH_OK)
        return rc;
    buf = rh_call_reply(call, 200);
    rh_buf_add_str(buf, "{\"data\":[");
    for (uint32_t i = 0; i < rh_tableset_count(tables); i++) {
        rh_buf_add_str(buf, i ? "," : "");
        rh_table_json_write(buf, rh_tableset_at(tables, i), false);
    }
    rh_buf_add_str(buf, "]}");
    rh_tableset_unref(tables);
    return RH_OK;
}

static int answer_table(struct rh_call *call, unsigned status, struct rh_text name,
                        struct rh_error *error)
{
    const struct rh_table *table = NULL;
    struct rh_tableset *tables = NULL;
    struct rh_buf *buf;
    int rc;

    rc = tables_of(call, &tables, error);
    if (rc != RH_OK)
        return rc;
    rc = rh_tableset_find(tables, name, &table, error);
    if (rc == RH_OK) {
        buf = rh_call_reply(call, status);
        rh_buf_add_str(buf, "{\"data\":");
        rh_table_json_write(buf, table, true);
        rh_buf_add_char(buf, '}');
    }
    rh_tableset_unref(tables);
    return rc;
}

static int get(struct rh_call *call, struct rh_error *error)
{
    return answer_table(call, 200, rh_call_value(call, "table"), error);
}

/* ---- Changing ---------------------------------------------------------------------------- */

/* Makes the changes, or with dry_run only answers the native text. *ret_done: they were made. */
static int apply(struct rh_call *call, struct rh_session *session,
                 const struct rh_ddl_change *changes, uint32_t n, bool *ret_done,
                 struct rh_error *error)
{
    struct rh_text native = {NULL, 0};
    struct rh_buf *buf;
    bool dry_run = false;
    int rc;

    rc = rh_call_switch(call, "dry_run", false, &dry_run, error);
    if (rc != RH_OK)
        return rc;
    if (!session->connector->ddl)
        return rh_fail(error, RH_UNSUPPORTED, "the connector %.*s cannot change tables",
                       RH_TEXT_ARG(session->connector->id));
    rc = rh_session_note(session, session->connector->ddl->apply(session->lease.conn, &call->op.abi,
                                                                 changes, n, sizeof(changes[0]),
                                                                 dry_run ? RH_DDL_DRY_RUN : 0,
                                                                 &native, error));
    if (rc != RH_OK) {
        error->row = RH_NO_ROW; /* which change it was; there are no rows */
        return rc;
    }
    *ret_done = !dry_run;
    if (dry_run) {
        buf = rh_call_reply(call, 200);
        rh_buf_add_str(buf, "{\"data\":{\"native\":");
        rh_json_add_string(buf, native);
        rh_buf_add_str(buf, "}}");
    }
    return RH_OK;
}

static int open_session(struct rh_call *call, struct rh_session *session, struct rh_error *error)
{
    struct rh_datasource *datasource = NULL;
    int rc = rh_call_datasource(call, &datasource, error);

    return rc == RH_OK ? rh_session_open(datasource, &call->op, session, error) : rc;
}

static int refresh(struct rh_call *call, struct rh_error *error)
{
    return rh_datasource_refresh(call->datasource, &call->op, error);
}

static struct rh_text full_name(struct rh_call *call, struct rh_text schema, struct rh_text name)
{
    char *full;

    if (!schema.len)
        return name;
    full = rh_arena_printf(call->arena, "%.*s.%.*s", RH_TEXT_ARG(schema), RH_TEXT_ARG(name));
    return full ? rh_text_of(full) : name;
}

/* SQLite would make a relation to a table that is not there, and then refuse every row. */
static int check_relations(struct rh_call *call, const struct rh_session *session,
                           const struct rh_table *table, struct rh_error *error)
{
    for (uint32_t i = 0; i < table->n_foreign_keys; i++) {
        const struct rh_foreign_key *key = &table->foreign_keys[i];
        const struct rh_table *there = NULL;
        char at[64];
        if (!key->schema.len && rh_text_equal(key->table, table->name))
            continue;
        if (rh_tableset_find(session->tables, full_name(call, key->schema, key->table), &there,
                             error) == RH_OK)
            continue;
        snprintf(at, sizeof(at), "/relations/%u/table", i);
        return rh_error_pointer(error, at);
    }
    return RH_OK;
}

static int create(struct rh_call *call, struct rh_error *error)
{
    struct rh_session session = {0};
    struct rh_json *body = NULL;
    struct rh_table *table = NULL;
    char location[MAX_LOCATION];
    struct rh_text name;
    bool done = false;
    int rc;

    rc = rh_call_body(call, &body, error);
    if (rc == RH_OK)
        rc = rh_table_json_read(call->arena, body, &table, error);
    if (rc == RH_OK)
        rc = open_session(call, &session, error);
    if (rc != RH_OK)
        return rc;
    rc = check_relations(call, &session, table, error);
    if (rc == RH_OK)
        rc = apply(call, &session,
                   &(struct rh_ddl_change){.kind = RH_DDL_CREATE_TABLE, .table = table}, 1, &done,
                   error);
    rh_session_close(&session);
    if (rc != RH_OK || !done)
        return rc;
    name = full_name(call, table->schema, table->name);
    rc = refresh(call, error);
    if (rc == RH_OK)
        rc = answer_table(call, 201, name, error);
    if (rc != RH_OK)
        return rc;
    snprintf(location, sizeof(location), "/api/v1/apps/%.*s/datasources/%.*s/tables/%.*s",
             RH_TEXT_ARG(rh_call_app(call)), RH_TEXT_ARG(rh_call_value(call, "datasource")),
             RH_TEXT_ARG(name));
    rh_web_reply_header(call->http, "Location", rh_text_of(location));
    return RH_OK;
}

static int update(struct rh_call *call, struct rh_error *error)
{
    struct rh_session session = {0};
    const struct rh_table *table = NULL;
    struct rh_ddl_change *changes = NULL;
    struct rh_text new_name = rh_call_value(call, "table");
    struct rh_json *body = NULL;
    uint32_t n = 0;
    bool done = false;
    int rc;

    rc = rh_call_body(call, &body, error);
    if (rc == RH_OK)
        rc = open_session(call, &session, error);
    if (rc != RH_OK)
        return rc;
    rc = rh_tableset_find(session.tables, rh_call_value(call, "table"), &table, error);
    if (rc == RH_OK)
        rc = rh_table_json_changes(call->arena, body, table, &changes, &n, error);
    if (rc == RH_OK)
        rc = apply(call, &session, changes, n, &done, error);
    if (rc == RH_OK && changes[n - 1].kind == RH_DDL_RENAME_TABLE)
        new_name = full_name(call, rh_arena_text(call->arena, table->schema, NULL),
                             changes[n - 1].new_name);
    rh_session_close(&session);
    if (rc != RH_OK || !done)
        return rc;
    rc = refresh(call, error);
    return rc == RH_OK ? answer_table(call, 200, new_name, error) : rc;
}

static int delete (struct rh_call *call, struct rh_error *error)
{
    struct rh_session session = {0};
    struct rh_ddl_change change = {.kind = RH_DDL_DROP_TABLE};
    bool done = false;
    int rc;

    rc = open_session(call, &session, error);
    if (rc != RH_OK)
        return rc;
    rc = rh_tableset_find(session.tables, rh_call_value(call, "table"), &change.table, error);
    if (rc == RH_OK)
        rc = apply(call, &session, &change, 1, &done, error);
    rh_session_close(&session);
    if (rc != RH_OK || !done)
        return rc;
    rh_call_reply_type(call, 204, NULL);
    return refresh(call, error);
}

/* ---- Table ------------------------------------------------------------------------------- */

#define DRY_RUN                                                                                    \
    {                                                                                              \
        "dry_run", RH_IN_QUERY, false, RH_SCHEMA_BOOL,                                             \
            "Change nothing, and answer the native text that would be executed"                    \
    }
#define COLUMN                                                                                     \
    "{\"type\":\"object\",\"required\":[\"name\"],\"properties\":{\"name\":{\"type\":\"string\"}," \
    "\"type\":{\"enum\":[\"bool\",\"int\",\"uint\",\"float\",\"decimal\",\"text\",\"bytes\","      \
    "\"date\",\"time\",\"datetime\",\"timestamp\",\"interval\",\"uuid\",\"json\"]},"               \
    "\"native_type\":{\"type\":\"string\"},\"nullable\":{\"type\":\"boolean\",\"default\":true},"  \
    "\"default\":{},\"identity\":{\"type\":\"boolean\"},\"precision\":{\"type\":\"integer\"},"     \
    "\"scale\":{\"type\":\"integer\"},\"max_length\":{\"type\":\"integer\"},\"options\":{"         \
    "\"type\":\"array\",\"items\":{\"type\":\"string\"}},\"comment\":{\"type\":\"string\"}}}"
#define NAMES "{\"type\":\"array\",\"items\":{\"type\":\"string\"}}"
#define INDEXES                                                                                    \
    "{\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":[\"name\",\"columns\"],"      \
    "\"properties\":{\"name\":{\"type\":\"string\"},\"columns\":" NAMES                            \
    ",\"unique\":{\"type\":\"boolean\"}}}}"

static const struct rh_parameter ALL[] = {RH_PARAMETER_APP, RH_PARAMETER_DATASOURCE};
static const struct rh_parameter ONE[] = {RH_PARAMETER_APP, RH_PARAMETER_DATASOURCE,
                                          RH_PARAMETER_TABLE};
static const struct rh_parameter CREATE[] = {RH_PARAMETER_APP, RH_PARAMETER_DATASOURCE, DRY_RUN};
static const struct rh_parameter CHANGE[] = {RH_PARAMETER_APP, RH_PARAMETER_DATASOURCE,
                                             RH_PARAMETER_TABLE, DRY_RUN};

static const struct rh_command COMMANDS[] = {
    {.name = "tables.list",
     .method = "GET",
     .path = "/api/v1/apps/{app}/datasources/{datasource}/tables",
     .summary = "The tables of a datasource",
     .parameters = ALL,
     .n_parameters = RH_N(ALL),
     .permission = RH_READ,
     .flags = RH_COMMAND_READ_ONLY,
     .run = list},
    {.name = "tables.create",
     .method = "POST",
     .path = "/api/v1/apps/{app}/datasources/{datasource}/tables",
     .summary = "Make a table at the source",
     .parameters = CREATE,
     .n_parameters = RH_N(CREATE),
     .permission = RH_BUILD,
     .body = "{\"type\":\"object\",\"required\":[\"name\",\"columns\"],\"properties\":{\"name\":{"
             "\"type\":\"string\"},\"schema\":{\"type\":\"string\"},\"comment\":{\"type\":"
             "\"string\"},\"columns\":{\"type\":\"array\",\"minItems\":1,\"items\":" COLUMN
             "},\"key\":" NAMES ",\"indexes\":" INDEXES
             ",\"relations\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":["
             "\"columns\",\"table\",\"ref_columns\"],\"properties\":{\"name\":{\"type\":\"string\"}"
             ",\"columns\":" NAMES ",\"schema\":{\"type\":\"string\"},\"table\":{\"type\":"
             "\"string\"},\"ref_columns\":" NAMES "}}}},\"additionalProperties\":false}",
     .example = "{\"name\": \"notes\", \"columns\": [{\"name\": \"id\", \"type\": \"int\", "
                "\"identity\": true}, {\"name\": \"body\", \"type\": \"text\", \"nullable\": "
                "false}], \"key\": [\"id\"]}",
     .run = create},
    {.name = "tables.get",
     .method = "GET",
     .path = "/api/v1/apps/{app}/datasources/{datasource}/tables/{table}",
     .summary = "A table: columns, key, relations, indexes",
     .parameters = ONE,
     .n_parameters = RH_N(ONE),
     .permission = RH_READ,
     .flags = RH_COMMAND_READ_ONLY,
     .run = get},
    {.name = "tables.update",
     .method = "PATCH",
     .path = "/api/v1/apps/{app}/datasources/{datasource}/tables/{table}",
     .summary = "Change a table at the source",
     .help = "The changes are made in this order: `drop_indexes`, `add_indexes`, `add`, `alter`, "
             "`rename`, `drop`, `name`.",
     .parameters = CHANGE,
     .n_parameters = RH_N(CHANGE),
     .permission = RH_BUILD,
     .body =
         "{\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\"},\"add\":{\"type\":"
         "\"array\",\"items\":" COLUMN "},\"alter\":{\"type\":\"array\",\"items\":" COLUMN
         "},\"rename\":{\"type\":\"object\"},\"drop\":" NAMES ",\"add_indexes\":" INDEXES
         ",\"drop_indexes\":" NAMES "},\"additionalProperties\":false}",
     .example = "{\"add\": [{\"name\": \"color\", \"type\": \"text\"}], \"rename\": {\"body\": "
                "\"text\"}}",
     .run = update},
    {.name = "tables.delete",
     .method = "DELETE",
     .path = "/api/v1/apps/{app}/datasources/{datasource}/tables/{table}",
     .summary = "Delete a table at the source, with its rows",
     .parameters = CHANGE,
     .n_parameters = RH_N(CHANGE),
     .permission = RH_BUILD,
     .run = delete},
};

const struct rh_command_list rh_table_commands = {COMMANDS, RH_N(COMMANDS)};
