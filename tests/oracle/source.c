/* Sources of the oracle: opening, and the same tables in each through ddl and write. */
#include "oracle.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/text.h"
#include "host/check.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool complain(const char *what, const char *name, const struct rh_error *error)
{
    fprintf(stderr, "oracle: %s: cannot %s: %s%s%s\n", name, what, error->message,
            error->hint[0] ? "; " : "", error->hint);
    return false;
}

bool source_start(struct rh_registry **ret_registry)
{
    struct rh_error error = RH_ERROR_INIT;

    if (rh_registry_new(NULL, ret_registry, &error) < 0)
        return complain("find connectors", "registry", &error);
    return true;
}

/* A schema of its own for this process. */
static const char *schema_name(void)
{
    static char name[48];

    snprintf(name, sizeof(name), "oracle_%ld", (long)getpid());
    return name;
}

static bool has_schema(const char *kind)
{
    return strcmp(kind, "postgres") == 0 || strcmp(kind, "mysql") == 0;
}

static json_t *make_config(const char *kind, const char *where)
{
    if (strcmp(kind, "memory") == 0)
        return json_pack("{s:s}", "name", where);
    if (strcmp(kind, "sqlite") == 0)
        return json_pack("{s:s}", "path", where);
    if (strcmp(kind, "mysql") == 0) /* without its database: ours is made first */
        return json_pack("{s:s%}", "url", where, (size_t)(strrchr(where, '/') - where));
    return json_pack("{s:s,s:[s]}", "url", where, "schemas", schema_name());
}

/* ---- Tables ------------------------------------------------------------------------------ */

static bool run_native(struct source *source, const char *text, struct rh_error *error)
{
    struct rh_session *session = &source->session;
    struct rh_native_spec spec = {.struct_size = sizeof(spec), .text = rh_text_of(text)};
    struct rh_native_result result = {.struct_size = sizeof(result)};
    int r = session->connector->native->run(session->lease.conn, &session->op->abi, &spec, &result,
                                            error);

    r = rh_check_outcome(r, "run", error);
    if (result.cursor)
        session->connector->finish(result.cursor);
    return r == RH_OK;
}

static void describe(struct rh_arena *arena, const struct source *source,
                     const struct rh_specimen *data, struct rh_table *ret_table)
{
    struct rh_column *columns = rh_arena_array(arena, data->n_columns, sizeof(*columns));

    for (uint32_t c = 0; c < data->n_columns; c++) {
        columns[c] = data->columns[c].column;
        columns[c].native_type = rh_text_of(data_native(data, c, source->name));
    }
    *ret_table = (struct rh_table){.struct_size = sizeof(*ret_table),
                                   .name = rh_text_of(data->name),
                                   .columns = columns,
                                   .n_columns = data->n_columns,
                                   .column_stride = sizeof(*columns),
                                   .key = data->key,
                                   .n_key = data->n_key,
                                   .index_stride = sizeof(struct rh_index),
                                   .foreign_key_stride = sizeof(struct rh_foreign_key),
                                   .est_rows = -1};
    if (has_schema(source->name))
        ret_table->schema = rh_text_of(schema_name());
}

static bool make_table(struct source *source, const struct rh_specimen *data,
                       struct rh_operation *op)
{
    struct rh_session *session = &source->session;
    struct rh_error error = RH_ERROR_INIT;
    struct rh_table table;
    struct rh_ddl_change change = {.kind = RH_DDL_CREATE_TABLE, .table = &table};
    struct rh_write_spec spec = {.struct_size = sizeof(spec)};
    struct rh_write_result result = {.struct_size = sizeof(result)};
    struct rh_text native = {NULL, 0};
    int r;

    describe(op->abi.arena, source, data, &table);
    r = session->connector->ddl->apply(session->lease.conn, &op->abi, &change, 1, sizeof(change), 0,
                                       &native, &error);
    if (rh_check_outcome(r, "apply", &error) != RH_OK)
        return complain("make a table", source->name, &error);
    if (data->n_rows == 0)
        return true;
    spec.schema = table.schema;
    spec.table = table.name;
    spec.columns = table.columns;
    spec.n_columns = table.n_columns;
    spec.column_stride = table.column_stride;
    spec.n_rows = data->n_rows;
    spec.cells = rh_specimen_cells(op->abi.arena, data);
    spec.returning_stride = sizeof(struct rh_column);
    r = session->connector->write->insert(session->lease.conn, &op->abi, &spec, &result, &error);
    if (rh_check_outcome(r, "insert", &error) != RH_OK)
        return complain(data->name, source->name, &error);
    return true;
}

/* One without regard to case (equal texts that are not the same text), one of a language, and C
 * under a name that needs no quotes. */
static bool make_collations(struct source *source, struct rh_error *error)
{
    static const char ci[] = "CREATE COLLATION IF NOT EXISTS public.oracle_ci"
                             " (provider = icu, locale = 'und-u-ks-level2', deterministic = false)";
    static const char en[] = "CREATE COLLATION IF NOT EXISTS public.oracle_en"
                             " (provider = icu, locale = 'en')";
    static const char c[] = "CREATE COLLATION IF NOT EXISTS public.oracle_c FROM \"C\"";
    static const char *const statements[] = {ci, en, c};

    for (size_t i = 0; i < sizeof(statements) / sizeof(statements[0]); i++)
        if (!run_native(source, statements[i], error))
            return false;
    return true;
}

/* ---- Public ------------------------------------------------------------------------------ */

bool source_open(struct source *source, struct rh_registry *registry, const char *kind,
                 const char *where, const char *lie, struct rh_operation *op)
{
    struct rh_error error = RH_ERROR_INIT;
    const struct rh_library *library = NULL;
    struct rh_library *liar = NULL;
    json_t *config = make_config(kind, where);
    char id[32];
    int r;

    source->name = kind;
    source->inexact = strcmp(kind, "sqlite") == 0 || strcmp(kind, "mysql") == 0;
    snprintf(id, sizeof(id), "%s", kind);
    r = rh_registry_get(registry, rh_text_of(kind), &library, &error);
    if (r == RH_OK && lie) {
        liar = lie_about(library, lie);
        if (!liar)
            return false;
        r = rh_registry_add(registry, liar, &error);
        snprintf(id, sizeof(id), "%.*s", RH_TEXT_ARG(liar->connector.id));
    }
    if (r == RH_OK)
        r = rh_datasource_new(registry, kind, rh_text_of(id), config, NULL, NULL,
                              &source->datasource, &error);
    json_decref(config);
    if (r == RH_OK)
        r = rh_session_open(source->datasource, op, &source->session, &error);
    if (r < 0)
        return complain("open it", kind, &error);
    source->open = true;
    if (has_schema(kind)) {
        char text[96];
        snprintf(text, sizeof(text), "CREATE SCHEMA %s", schema_name());
        if (!run_native(source, text, &error))
            return complain("make a schema", kind, &error);
        if (strcmp(kind, "postgres") == 0 && !make_collations(source, &error))
            return complain("make its collations", kind, &error);
    }
    for (uint32_t i = 0; i < n_data_tables; i++)
        if (!(data_tables[i]->exact_only && source->inexact) &&
            !make_table(source, data_tables[i], op))
            return false;
    rh_session_close(&source->session);
    source->open = false;
    r = rh_datasource_refresh(source->datasource, op, &error);
    if (r == RH_OK)
        r = rh_session_open(source->datasource, op, &source->session, &error);
    source->open = r == RH_OK;
    return source->open || complain("read its tables", kind, &error);
}

void source_close(struct source *source, struct rh_operation *op)
{
    struct rh_error error = RH_ERROR_INIT;
    char text[96];

    if (source->open && has_schema(source->name)) {
        snprintf(text, sizeof(text), "DROP SCHEMA IF EXISTS %s%s", schema_name(),
                 strcmp(source->name, "postgres") == 0 ? " CASCADE" : "");
        if (!run_native(source, text, &error))
            complain("drop its schema", source->name, &error);
    }
    if (source->open)
        rh_session_close(&source->session);
    rh_datasource_unref(source->datasource);
    source->datasource = NULL;
    source->open = false;
}
