/*
 * The database that the tests of the ODBC connector run on, through its own driver: what is known
 * of it, a connection, statements, and values.
 */
#pragma once

#include "unit/connector_calls.h"

#include <unistd.h>

/* A column of the types table, and its two rows of values as SQL literals. */
struct type_case {
    const char *name, *type, *first, *second;
    uint32_t rh_type;
    struct rh_value first_cell, second_cell;
};

/* Cells of those rows: a text, a number, a float, the bytes of something else. */
#define T(text)                                                                                    \
    {                                                                                              \
        .type = RH_TYPE_TEXT, .len = sizeof(text) - 1, .as.data = (text)                           \
    }
#define V(type_, value)                                                                            \
    {                                                                                              \
        .type = RH_TYPE_##type_, .as.i = (value)                                                   \
    }
#define F(value)                                                                                   \
    {                                                                                              \
        .type = RH_TYPE_FLOAT, .as.f = (value)                                                     \
    }
#define D(type_, bytes)                                                                            \
    {                                                                                              \
        .type = RH_TYPE_##type_, .len = sizeof(bytes) - 1, .as.data = (bytes)                      \
    }

struct target {
    const char *name;    /* of the driver in odbcinst.ini */
    const char *library; /* as Debian installs it */
    const char *dialect;
    const char *slow;       /* a SELECT that takes long; NULL: none */
    const char *slow_shown; /* SELECT of 1 while that runs, from another session; NULL: none */
    const char *bool_type, *text_type, *double_type, *identity; /* of columns */
    const struct type_case *types;
    uint32_t n_types;
    bool returns_nothing;
    bool empty_is_null; /* '' */
    bool has_schemas, has_returning, tx_ddl, text_is_exact;
    bool dynamic;      /* cells have types of their own */
    bool own_decimals; /* decimals are compared exactly */
};

/* Set by the program: the target, and what the connection string says besides DRIVER. */
static const struct target *target;
static char base_string[1024];
static const char *encoding = "auto", *forced_dialect = "auto";

/* ---- helpers ---- */

static __attribute__((unused)) int connect_with(const char *string, const char *user,
                                                const char *password, struct rh_conn **ret_conn)
{
    struct rh_setting items[6] = {
        {RH_TEXT_INIT("connection_string"), text_value(string)},
        {RH_TEXT_INIT("dialect"), text_value(forced_dialect)},
        {RH_TEXT_INIT("encoding"), text_value(encoding)},
        {RH_TEXT_INIT("driver"), text_value(target->name)},
    };
    struct rh_settings settings = {
        .struct_size = sizeof settings, .n = 4, .items = items, .stride = sizeof *items};

    if (user)
        items[settings.n++] = (struct rh_setting){RH_TEXT_INIT("user"), text_value(user)};
    if (password)
        items[settings.n++] = (struct rh_setting){RH_TEXT_INIT("password"), text_value(password)};
    return connector->connect(rh_host_services(), op, &settings, ret_conn, &error);
}

static struct rh_conn *connect_again(void)
{
    struct rh_conn *made = NULL;

    ok(connect_with(base_string, NULL, NULL, &made));
    return made;
}

/* Called around the connection that each test begins with, when they are set. */
static void (*before_setup)(void), (*after_setup)(void);

static void setup(void)
{
    const char *folder = getenv("ROWHOUSE_PLUGINS");
    char path[4096];

    (void)snprintf(path, sizeof path, "%s/odbc.so", folder ? folder : "plugins");
    if (before_setup)
        before_setup();
    arena = rh_arena_new(1u << 30);
    rh_error_clear(&error);
    error.struct_size = sizeof error;
    ok(rh_library_load(path, &library, &error));
    connector = &library->connector;
    fresh(AMPLE);
    conn = connect_again();
    if (after_setup)
        after_setup();
}

static void teardown(void)
{
    connector->close(conn);
    rh_arena_free(arena);
    rh_library_free(library);
}

static int try_sql(struct rh_conn *on, const char *text)
{
    const struct rh_native_spec spec = {.struct_size = sizeof spec, .text = rh_text_of(text)};
    struct rh_native_result result = {.struct_size = sizeof result};
    struct rh_batch batch = {.struct_size = sizeof batch};
    int rc = connector->native->run(on, op, &spec, &result, &error);

    if (!rc && result.cursor) {
        rc = connector->next(result.cursor, op, 1, &batch, &error);
        rc = rc == RH_END ? RH_OK : rc;
        connector->finish(result.cursor);
    }
    return rc;
}

static void sql(const char *text)
{
    ok(try_sql(conn, text));
}

static int64_t sql_int_on(struct rh_conn *on, const char *text)
{
    const struct rh_native_spec spec = {.struct_size = sizeof spec, .text = rh_text_of(text)};
    struct rh_native_result result = {.struct_size = sizeof result};
    struct rh_batch batch = {.struct_size = sizeof batch};
    int64_t value = 0;

    ok(connector->native->run(on, op, &spec, &result, &error));
    ck_assert_ptr_nonnull(result.cursor);
    ok(connector->next(result.cursor, op, 1, &batch, &error));
    value = batch.cells[0].as.i;
    if (batch.cells[0].type == RH_TYPE_TEXT || batch.cells[0].type == RH_TYPE_DECIMAL) {
        ck_assert(rh_text_to_i64(rh_text_make(batch.cells[0].as.data, batch.cells[0].len), &value));
    }
    connector->finish(result.cursor);
    return value;
}

static int64_t sql_int(const char *text)
{
    return sql_int_on(conn, text);
}

/* Tables known beforehand, where the driver cannot read the catalogue; or NULL. */
static const struct rh_table *(*known_table)(const char *name);

static const struct rh_table *find_table(const char *name)
{
    if (known_table)
        return known_table(name);
    struct rh_catalog found = {.struct_size = sizeof found};
    ok(connector->tables(conn, op, &found, &error));
    for (uint32_t i = 0; i < found.n_tables; i++) {
        if (rh_text_is(found.tables[i].name, name))
            return &found.tables[i];
    }
    return NULL;
}

static const struct rh_table *table_named(const char *name)
{
    const struct rh_table *table = find_table(name);

    ck_assert_msg(table != NULL, "no table %s", name);
    return table;
}

static uint32_t position_of(const struct rh_table *table, const char *name)
{
    for (uint32_t i = 0; i < table->n_columns; i++) {
        if (rh_text_is(table->columns[i].name, name))
            return i;
    }
    ck_abort_msg("no column %s", name);
    return 0;
}

static void drop(const char *name)
{
    char text[256];

    (void)snprintf(text, sizeof text, "DROP TABLE %s", name);
    (void)try_sql(conn, text);
    rh_error_clear(&error);
}
