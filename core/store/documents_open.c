/*
 * Finding or making the table, and refusing what cannot keep it: a connector that lacks writes or
 * table definitions, that does not find rows by key exactly, or whose data ends
 * with the process; a table of that name with another shape.
 */
#include "store/documents.h"

#include "base/err.h"
#include "base/text.h"
#include "host/check.h"

#include <string.h>

#define N_COLUMNS RH_DOCUMENTS_N_COLUMNS

static const char *const column_names[N_COLUMNS] = {"key", "revision", "body"};
static const uint32_t column_types[N_COLUMNS] = {RH_TYPE_TEXT, RH_TYPE_INT, RH_TYPE_TEXT};

static int cannot_keep(const struct rh_connector *connector, const char *why,
                       struct rh_error *error)
{
    rh_fail(error, RH_CONFIG, "connector \"%.*s\" cannot keep the store: %s",
            RH_TEXT_ARG(connector->id), why);
    return rh_error_hint(error, "keep the store in SQLite, PostgreSQL or CouchDB");
}

static int check_connector(const struct rh_connector *connector, struct rh_error *error)
{
    if (!connector->write)
        return cannot_keep(connector, "it does not write", error);
    if (!connector->ddl)
        return cannot_keep(connector, "it does not make tables", error);
    /* Nothing in the ABI tells how long data lives; of this one we know it. */
    if (rh_text_is(connector->id, "memory"))
        return cannot_keep(connector, "its data ends with the process", error);
    return RH_OK;
}

static int create_table(const struct rh_lease *lease, struct rh_error *error)
{
    struct rh_column columns[N_COLUMNS];
    memset(columns, 0, sizeof(columns));
    for (int i = 0; i < N_COLUMNS; i++) {
        columns[i].name = rh_text_of(column_names[i]);
        columns[i].type = column_types[i];
        columns[i].flags = RH_COLUMN_NOT_NULL;
    }
    static const uint32_t key[] = {RH_DOCUMENTS_KEY};
    struct rh_table table = {
        .struct_size = sizeof(table),
        .name = RH_TEXT_INIT(RH_DOCUMENTS_TABLE),
        .columns = columns,
        .n_columns = N_COLUMNS,
        .column_stride = sizeof(struct rh_column),
        .key = key,
        .n_key = 1,
        .index_stride = sizeof(struct rh_index),
        .foreign_key_stride = sizeof(struct rh_foreign_key),
        .est_rows = -1,
    };
    struct rh_ddl_change change = {.kind = RH_DDL_CREATE_TABLE, .table = &table};
    struct rh_text native = {NULL, 0};
    int rc = lease->library->connector.ddl->apply(lease->conn, &lease->op->abi, &change, 1,
                                                  sizeof(change), 0, &native, error);
    return rh_check_outcome(rc, "apply", error);
}

/* What the store needs of a column, with texts that live as long as the store. */
static bool copy_column(struct rh_column *to, struct rh_arena *arena,
                        const struct rh_column *column)
{
    bool ok = true;
    *to = (struct rh_column){
        .name = rh_arena_text(arena, column->name, &ok),
        .native_type = rh_arena_text(arena, column->native_type, &ok),
        .type = column->type,
        .flags = column->flags,
        .max_length = column->max_length,
        .native_id = column->native_id,
    };
    return ok;
}

static int take_table(struct rh_documents *documents, struct rh_arena *arena,
                      const struct rh_table *table, struct rh_error *error)
{
    uint32_t at[N_COLUMNS];
    uint32_t n_found = 0;
    bool ok = true;
    for (uint32_t c = 0; c < table->n_columns; c++) {
        const struct rh_column *column =
            (const void *)((const char *)table->columns + (size_t)c * table->column_stride);
        for (uint32_t i = 0; i < N_COLUMNS; i++) {
            if (!rh_text_is(column->name, column_names[i]) || column->type != column_types[i])
                continue;
            ok = copy_column(&documents->columns[i], arena, column) && ok;
            at[i] = c;
            n_found++;
        }
    }
    documents->schema = rh_arena_text(arena, table->schema, &ok);
    if (!ok)
        return rh_fail_nomem(error);
    if (n_found == N_COLUMNS && table->n_columns == N_COLUMNS && table->kind == RH_TABLE_BASE &&
        table->n_key == 1 && table->key[0] == at[RH_DOCUMENTS_KEY])
        return RH_OK;
    rh_fail(error, RH_CONFIG,
            "the store's database has a table \"" RH_DOCUMENTS_TABLE "\" of another kind");
    return rh_error_hint(error, "give the store a database of its own");
}

/* *ret_found tells whether there is the table. */
static int describe_table(struct rh_documents *documents, struct rh_arena *arena,
                          struct rh_lease *lease, bool *ret_found, struct rh_error *error)
{
    struct rh_catalog catalog = {.struct_size = sizeof(catalog)};
    int rc = lease->library->connector.tables(lease->conn, &lease->op->abi, &catalog, error);
    if ((rc = rh_check_outcome(rc, "tables", error)) != RH_OK ||
        (rc = rh_check_catalog(&catalog, error)) != RH_OK)
        return rc;
    *ret_found = false;
    for (uint32_t t = 0; t < catalog.n_tables && !*ret_found; t++) {
        const struct rh_table *table =
            (const void *)((const char *)catalog.tables + (size_t)t * catalog.table_stride);
        if (!rh_text_is(table->name, RH_DOCUMENTS_TABLE) ||
            (catalog.default_schema.len && !rh_text_equal(table->schema, catalog.default_schema)))
            continue;
        if ((rc = take_table(documents, arena, table, error)) != RH_OK)
            return rc;
        *ret_found = true;
    }
    return RH_OK;
}

/* The store needs exact answers to the two queries it makes. */
static int check_plan(const struct rh_documents *documents, struct rh_lease *lease,
                      struct rh_error *error)
{
    const struct rh_connector *connector = &lease->library->connector;
    struct rh_value values[] = {{.type = RH_TYPE_TEXT, .len = 1, .as.data = "a"},
                                {.type = RH_TYPE_TEXT, .len = 1, .as.data = "b"}};
    if (!connector->plan)
        return cannot_keep(connector, "it does not find rows by key", error);
    for (uint32_t n = 1; n <= 2; n++) {
        struct rh_query query = rh_documents_query(documents, values, n);
        uint8_t verdicts[2] = {0};
        uint32_t needs[N_COLUMNS] = {0};
        struct rh_plan plan = {.struct_size = sizeof(plan), .verdicts = verdicts, .needs = needs};
        int rc =
            rh_check_outcome(connector->plan(lease->conn, &query, &plan, error), "plan", error);
        if (rc != RH_OK)
            return rc;
        for (uint32_t i = 0; i < n; i++)
            if (verdicts[i] != RH_VERDICT_EXACT || plan.n_order != query.n_order)
                return cannot_keep(connector, "it does not find rows by key exactly", error);
    }
    return RH_OK;
}

int rh_documents_open(struct rh_documents *documents, struct rh_arena *arena,
                      struct rh_lease *lease, struct rh_error *error)
{
    struct rh_error problem = RH_ERROR_INIT;
    bool found = false;
    int rc = check_connector(&lease->library->connector, error);
    documents->has_transactions = lease->library->connector.tx != NULL;
    if (rc != RH_OK || (rc = describe_table(documents, arena, lease, &found, error)) != RH_OK)
        return rc;
    if (!found) {
        /* When it fails another process may have been faster, which sources tell differently. */
        int made = create_table(lease, &problem);
        rc = describe_table(documents, arena, lease, &found, error);
        if (rc == RH_OK && !found && made != RH_OK) {
            *error = problem;
            rc = made;
        }
        if (rc != RH_OK)
            return rc;
    }
    if (!found)
        return rh_fail(error, RH_CONTRACT, "the store's table was made but is not to be seen");
    return check_plan(documents, lease, error);
}
