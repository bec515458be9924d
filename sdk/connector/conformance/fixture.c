/*
 * The suite's tables. A source need not be able to hold everything: columns and values that it
 * refuses with UNSUPPORTED, INVALID or DATA are left out, and what is left is tested.
 */
#include "connector/conformance/fixture.h"

#include "connector/conformance/writable.h"
#include "host/check.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define INSERT_ROWS 500u /* per call, when the connector names no limit */
#define KEPT_COLUMNS 64u

/* ---- Making ---------------------------------------------------------------------------------- */

bool rh_fixture_can_make(const struct rh_trial *t)
{
    return t->connector->ddl && t->connector->write &&
           !json_is_false(json_object_get(t->config, "make_tables"));
}

void rh_fixture_need(struct rh_trial *t)
{
    if (!rh_fixture_can_make(t))
        rh_trial_skip(t, "it claims no way to make tables and fill them");
}

/* The schema that the configuration names, else the source's default one. */
static void find_schema(struct rh_trial *t, struct rh_conn *conn)
{
    const char *named = json_string_value(json_object_get(t->config, "schema"));
    struct rh_catalog catalog;

    if (t->schema.data)
        return;
    t->schema = rh_text_of(named);
    if (!named) {
        rh_fixture_catalog(t, conn, &catalog);
        t->schema = catalog.default_schema;
    }
    if (!t->schema.data)
        t->schema = RH_TEXT("");
}

bool rh_fixture_create(struct rh_trial *t, struct rh_conn *conn, const struct rh_column *columns,
                       uint32_t n_columns, const uint32_t *key, uint32_t n_key,
                       struct rh_table *ret_table)
{
    struct rh_ddl_change change = {.kind = RH_DDL_CREATE_TABLE, .table = ret_table};
    struct rh_text native = {NULL, 0};
    char *name = rh_trial_alloc(t, 64);
    int32_t rc;

    find_schema(t, conn);
    snprintf(name, 64, "%s%ld_%u", t->prefix, (long)getpid(), t->n_tables++);
    *ret_table = (struct rh_table){
        .struct_size = sizeof(*ret_table),
        .schema = t->schema.len ? t->schema : (struct rh_text){NULL, 0},
        .name = rh_text_of(name),
        .columns = columns,
        .n_columns = n_columns,
        .column_stride = sizeof(struct rh_column),
        .key = key,
        .n_key = n_key,
        .index_stride = sizeof(struct rh_index),
        .foreign_key_stride = sizeof(struct rh_foreign_key),
        .est_rows = -1,
    };
    rc = t->connector->ddl->apply(conn, &t->op, &change, 1, sizeof(change), 0, &native,
                                  rh_trial_error(t));
    if (rc != RH_OK && rc != RH_UNSUPPORTED && rc != RH_INVALID && rc != RH_DATA)
        rh_trial_fail_call(t, "making a table", rc, &t->error);
    return rc == RH_OK;
}

/* The columns that the source takes, each tried in a table of its own beside the key's. */
static void narrow_columns(struct rh_trial *t, struct rh_conn *conn,
                           const struct rh_specimen *specimen, bool *ret_keep)
{
    struct rh_table table;

    for (uint32_t c = 0; c < specimen->n_columns; c++) {
        struct rh_column columns[KEPT_COLUMNS];
        uint32_t n = 0;
        for (; n < specimen->n_key; n++)
            columns[n] = specimen->columns[n].column;
        if (c >= specimen->n_key)
            columns[n++] = specimen->columns[c].column;
        ret_keep[c] =
            rh_fixture_create(t, conn, columns, n, specimen->key, specimen->n_key, &table);
    }
}

static uint64_t rows_per_call(const struct rh_trial *t)
{
    uint64_t most = t->library->limits.rows_per_write;

    return most == 0 || most > INSERT_ROWS ? INSERT_ROWS : most;
}

/* Inserts rows; refuses none of them on its own. */
static int32_t insert(struct rh_trial *t, struct rh_conn *conn, const struct rh_table *table,
                      const struct rh_value *cells, uint64_t n_rows)
{
    uint64_t most = rows_per_call(t);
    int32_t rc = RH_OK;

    for (uint64_t at = 0; at < n_rows && rc == RH_OK; at += most) {
        struct rh_write_spec spec = rh_fixture_spec(table);
        spec.n_rows = n_rows - at < most ? n_rows - at : most;
        spec.cells = cells + at * table->n_columns;
        rc = rh_fixture_write(t, conn, t->connector->write->insert, &spec, NULL);
    }
    return rc;
}

static bool is_refusal(int32_t rc)
{
    return rc == RH_DATA || rc == RH_INVALID || rc == RH_UNSUPPORTED || rc == RH_CONSTRAINT;
}

/* ATOMIC_ROW: what is good stays; tells which rows were refused. */
static void insert_each(struct rh_trial *t, struct rh_conn *conn, const struct rh_table *table,
                        const struct rh_value *cells, uint64_t n_rows, bool *ret_refused)
{
    uint64_t most = rows_per_call(t);

    for (uint64_t at = 0; at < n_rows; at += most) {
        struct rh_write_result result = {.struct_size = sizeof(result)};
        struct rh_write_spec spec = rh_fixture_spec(table);
        int32_t rc;

        spec.n_rows = n_rows - at < most ? n_rows - at : most;
        spec.cells = cells + at * table->n_columns;
        rc = rh_fixture_write(t, conn, t->connector->write->insert, &spec, &result);
        if (rc != RH_OK && !is_refusal(rc))
            rh_trial_fail_call(t, "insert", rc, &t->error);
        for (uint64_t i = 0; i < spec.n_rows; i++)
            ret_refused[at + i] = rc != RH_OK || result.statuses[i].error_class != RH_OK;
    }
}

/* Inserts a row, with NULL in place of what is refused; false when there is no way. */
static bool insert_narrowed(struct rh_trial *t, struct rh_conn *conn, const struct rh_table *table,
                            struct rh_value *row)
{
    int32_t rc = insert(t, conn, table, row, 1);

    for (uint32_t c = table->n_key; c < table->n_columns && is_refusal(rc); c++) {
        if (rh_fixture_column(table, c)->flags & RH_COLUMN_NOT_NULL || row[c].type == RH_TYPE_NULL)
            continue;
        row[c] = (struct rh_value){.type = RH_TYPE_NULL};
        rc = insert(t, conn, table, row, 1);
    }
    if (rc != RH_OK && !is_refusal(rc))
        rh_trial_fail_call(t, "insert", rc, &t->error);
    return rc == RH_OK;
}

static void fill(struct rh_trial *t, struct rh_conn *conn, const struct rh_table *table,
                 struct rh_value *cells, uint32_t *n_rows)
{
    bool *refused = rh_trial_alloc(t, (size_t)*n_rows + 1);
    uint32_t n = table->n_columns, n_refused = 0, kept = 0;
    struct rh_rows_read rows;
    int32_t rc;

    if (t->connector->write->atomicity == RH_ATOMIC_ROW) {
        insert_each(t, conn, table, cells, *n_rows, refused);
    } else {
        rc = insert(t, conn, table, cells, *n_rows);
        if (rc != RH_OK && !is_refusal(rc))
            rh_trial_fail_call(t, "insert", rc, &t->error);
        memset(refused, rc != RH_OK, *n_rows);
    }
    for (uint32_t i = 0; i < *n_rows; i++)
        n_refused += refused[i];
    if (n_refused == 0)
        return;
    rh_fixture_rows(t, conn, table, &rows);
    if (rows.n_rows != *n_rows - n_refused)
        rh_trial_fail(t, "an insert that refused %u of %u rows has left %llu", n_refused, *n_rows,
                      (unsigned long long)rows.n_rows);
    for (uint32_t i = 0; i < *n_rows; i++)
        if (!refused[i] || insert_narrowed(t, conn, table, cells + (size_t)i * n))
            memmove(cells + (size_t)kept++ * n, cells + (size_t)i * n, n * sizeof(*cells));
    *n_rows = kept;
}

bool rh_fixture_make(struct rh_trial *t, struct rh_conn *conn, const struct rh_specimen *specimen,
                     struct rh_specimen *ret_specimen)
{
    uint32_t n = specimen->n_columns, kept = 0;
    struct rh_specimen_column *own = rh_trial_alloc(t, n * sizeof(*own));
    struct rh_column *columns = rh_trial_alloc(t, n * sizeof(*columns));
    struct rh_value *cells = rh_specimen_cells(t->arena, specimen), *to = cells;
    struct rh_table table;
    bool keep[KEPT_COLUMNS];
    char *name;

    memset(keep, true, sizeof(keep));
    for (uint32_t c = 0; c < n; c++)
        columns[c] = specimen->columns[c].column;
    if (!rh_fixture_create(t, conn, columns, n, specimen->key, specimen->n_key, &table))
        narrow_columns(t, conn, specimen, keep);
    for (uint32_t c = 0; c < specimen->n_key; c++)
        if (!keep[c])
            return false;
    for (uint32_t c = 0; c < n; c++)
        if (keep[c]) {
            columns[kept] = specimen->columns[c].column;
            own[kept++] = specimen->columns[c];
        }
    for (uint32_t i = 0; cells && i < specimen->n_rows * n; i++)
        if (keep[i % n])
            *to++ = cells[i];
    if (kept < n &&
        !rh_fixture_create(t, conn, columns, kept, specimen->key, specimen->n_key, &table))
        rh_trial_fail_call(t, "making a table", RH_UNSUPPORTED, &t->error);
    *ret_specimen = *specimen;
    ret_specimen->columns = own;
    ret_specimen->n_columns = kept;
    name = rh_trial_alloc(t, table.name.len + 1);
    memcpy(name, table.name.data, table.name.len);
    ret_specimen->name = name;
    /* Writes get the columns as the connector described them. */
    fill(t, conn, rh_fixture_find(t, conn, table.schema, table.name), cells, &ret_specimen->n_rows);
    ret_specimen->cells = cells;
    return true;
}

struct rh_value *rh_fixture_simple_cells(struct rh_trial *t, uint64_t n_rows)
{
    struct rh_value *cells = rh_trial_alloc(t, (n_rows * 3 + 1) * sizeof(*cells));

    for (uint64_t i = 0; i < n_rows; i++) {
        char *text = rh_trial_alloc(t, 24);
        int length = snprintf(text, 24, "v%llu", (unsigned long long)i + 1);
        cells[i * 3] = (struct rh_value){.type = RH_TYPE_INT, .as.i = (int64_t)i + 1};
        cells[i * 3 + 1] = (struct rh_value){.type = RH_TYPE_INT, .as.i = (int64_t)(i + 1) % 10};
        cells[i * 3 + 2] =
            (struct rh_value){.type = RH_TYPE_TEXT, .len = (uint32_t)length, .as.data = text};
    }
    return cells;
}

const struct rh_table *rh_fixture_simple(struct rh_trial *t, struct rh_conn *conn, uint64_t n_rows)
{
    static const struct rh_column columns[] = {
        {.name = RH_TEXT_INIT("id"), .type = RH_TYPE_INT, .flags = RH_COLUMN_NOT_NULL},
        {.name = RH_TEXT_INIT("n"), .type = RH_TYPE_INT},
        {.name = RH_TEXT_INIT("v"), .type = RH_TYPE_TEXT},
    };
    static const uint32_t key[] = {0};
    const struct rh_table *told;
    struct rh_table table;

    rh_fixture_need(t);
    if (!rh_fixture_create(t, conn, columns, 3, key, 1, &table))
        rh_trial_fail_call(t, "making a table of INT and TEXT", RH_UNSUPPORTED, &t->error);
    told = rh_fixture_find(t, conn, table.schema, table.name);
    rh_trial_ok(t, "insert", insert(t, conn, told, rh_fixture_simple_cells(t, n_rows), n_rows));
    return told;
}

void rh_fixture_drop_all(struct rh_trial *t, struct rh_conn *conn)
{
    struct rh_text native = {NULL, 0};
    struct rh_catalog catalog;

    rh_fixture_catalog(t, conn, &catalog);
    for (uint32_t i = 0; i < catalog.n_tables; i++) {
        const struct rh_table *table = rh_fixture_table(&catalog, i);
        struct rh_ddl_change change = {.kind = RH_DDL_DROP_TABLE, .table = table};
        if (rh_text_starts(table->name, t->prefix))
            t->connector->ddl->apply(conn, &t->op, &change, 1, sizeof(change), 0, &native,
                                     rh_trial_error(t));
    }
}

const struct rh_table *rh_fixture_writable(struct rh_trial *t, struct rh_conn *conn,
                                           uint64_t n_rows)
{
    if (!t->connector->write || rh_fixture_can_make(t))
        return rh_fixture_simple(t, conn, n_rows);
    return rh_writable_make(t, conn, n_rows);
}

const struct rh_table *rh_fixture_any(struct rh_trial *t, struct rh_conn *conn)
{
    struct rh_rows_read rows;
    struct rh_catalog catalog;
    struct rh_query query;

    if (rh_fixture_can_make(t))
        return rh_fixture_simple(t, conn, 25);
    rh_fixture_catalog(t, conn, &catalog);
    for (uint32_t i = 0; i < catalog.n_tables; i++) {
        const struct rh_table *table = rh_fixture_table(&catalog, i);
        rh_fixture_query(t, table, &query);
        if (rh_fixture_read(t, conn, &query, 1000, &rows) == RH_OK && rows.n_rows)
            return table;
    }
    rh_trial_skip(t, "it has no table with rows and claims no way to make one");
}

/* ---- The catalogue --------------------------------------------------------------------------- */

void rh_fixture_catalog(struct rh_trial *t, struct rh_conn *conn, struct rh_catalog *ret_catalog)
{
    struct rh_error error = RH_ERROR_INIT;
    int32_t rc;

    *ret_catalog = (struct rh_catalog){.struct_size = sizeof(*ret_catalog)};
    rc = t->connector->tables(conn, &t->op, ret_catalog, rh_trial_error(t));
    rh_trial_ok(t, "tables", rc);
    if (rh_check_catalog(ret_catalog, &error))
        rh_trial_fail(t, "the catalogue is malformed: %s", error.message);
}

const struct rh_table *rh_fixture_table(const struct rh_catalog *catalog, uint32_t i)
{
    return (const void *)((const char *)catalog->tables + (size_t)i * catalog->table_stride);
}

const struct rh_column *rh_fixture_column(const struct rh_table *table, uint32_t i)
{
    return (const void *)((const char *)table->columns + (size_t)i * table->column_stride);
}

const struct rh_table *rh_fixture_find(struct rh_trial *t, struct rh_conn *conn,
                                       struct rh_text schema, struct rh_text name)
{
    struct rh_catalog catalog;

    rh_fixture_catalog(t, conn, &catalog);
    for (uint32_t i = 0; i < catalog.n_tables; i++) {
        const struct rh_table *table = rh_fixture_table(&catalog, i);
        if (rh_text_equal(table->name, name) &&
            (schema.len == 0 || rh_text_equal(table->schema, schema)))
            return table;
    }
    rh_trial_fail(t, "introspection does not show the table \"%.*s\", which is there",
                  RH_TEXT_ARG(name));
}

uint32_t rh_fixture_position(struct rh_trial *t, const struct rh_table *table, const char *name)
{
    for (uint32_t i = 0; i < table->n_columns; i++)
        if (rh_text_is(rh_fixture_column(table, i)->name, name))
            return i;
    rh_trial_fail(t, "introspection does not show the column \"%s\", which is there", name);
}

/* ---- Reading --------------------------------------------------------------------------------- */

void rh_fixture_query(struct rh_trial *t, const struct rh_table *table, struct rh_query *ret_query)
{
    uint32_t *select = rh_trial_alloc(t, (table->n_columns + 1) * sizeof(*select));

    for (uint32_t i = 0; i < table->n_columns; i++)
        select[i] = i;
    *ret_query = (struct rh_query){
        .struct_size = sizeof(*ret_query),
        .schema = table->schema,
        .table = table->name,
        .columns = table->columns,
        .n_columns = table->n_columns,
        .column_stride = table->column_stride,
        .select = select,
        .n_select = table->n_columns,
        .semijoin_stride = sizeof(struct rh_semijoin),
        .limit = RH_NO_LIMIT,
    };
}

static bool has_bytes(const struct rh_value *value)
{
    return value->type == RH_TYPE_DECIMAL || value->type == RH_TYPE_TEXT ||
           value->type == RH_TYPE_BYTES || value->type >= RH_TYPE_INTERVAL;
}

static void keep_batch(struct rh_trial *t, const struct rh_batch *batch, struct rh_rows_read *rows,
                       uint64_t *cap_rows)
{
    uint64_t n = batch->n_rows * batch->n_cols, at = rows->n_rows * batch->n_cols;

    if (rows->n_rows + batch->n_rows > *cap_rows) {
        struct rh_value *more;
        *cap_rows = (rows->n_rows + batch->n_rows) * 2;
        more = rh_trial_alloc(t, (*cap_rows * batch->n_cols + 1) * sizeof(*more));
        if (at)
            memcpy(more, rows->cells, at * sizeof(*more));
        rows->cells = more;
    }
    for (uint64_t i = 0; i < n; i++) {
        struct rh_value *cell = &rows->cells[at + i];
        *cell = batch->cells[i];
        if (has_bytes(cell)) {
            void *copy = rh_trial_alloc(t, (size_t)cell->len + 1);
            if (cell->len)
                memcpy(copy, cell->as.data, cell->len);
            cell->as.data = copy;
        }
    }
    rows->n_rows += batch->n_rows;
}

static uint32_t n_outputs(const struct rh_query *query)
{
    uint32_t n = query->n_groups + query->n_aggregates;

    return n ? n : query->n_select;
}

int32_t rh_fixture_read(struct rh_trial *t, struct rh_conn *conn, const struct rh_query *query,
                        uint32_t max_rows, struct rh_rows_read *ret_rows)
{
    struct rh_rows_read rows = {.n_cols = n_outputs(query)};
    struct rh_cursor *cursor = NULL;
    struct rh_error error = RH_ERROR_INIT;
    uint64_t cap_rows = 0;
    int32_t rc = t->connector->open(conn, &t->op, query, &cursor, rh_trial_error(t));

    if (rc != RH_OK)
        return rc;
    if (!cursor)
        rh_trial_fail(t, "open was OK but gave no cursor");
    for (;;) {
        struct rh_batch batch = {.struct_size = sizeof(batch)};
        rc = t->connector->next(cursor, &t->op, max_rows, &batch, rh_trial_error(t));
        if (rc != RH_OK)
            break;
        if (rh_check_batch(&batch, rows.n_cols, max_rows, NULL, &error))
            rh_trial_fail(t, "next: %s", error.message);
        if (batch.n_rows == 0)
            rh_trial_fail(t, "next: OK without a row");
        keep_batch(t, &batch, &rows, &cap_rows);
    }
    t->connector->finish(cursor);
    *ret_rows = rows;
    return rc == RH_END ? RH_OK : rc;
}

void rh_fixture_rows(struct rh_trial *t, struct rh_conn *conn, const struct rh_table *table,
                     struct rh_rows_read *ret_rows)
{
    struct rh_query query;

    rh_fixture_query(t, table, &query);
    rh_trial_ok(t, "reading a table", rh_fixture_read(t, conn, &query, 1000, ret_rows));
    for (uint64_t i = 0; i < ret_rows->n_rows * ret_rows->n_cols; i++)
        if (table == t->writable && i % ret_rows->n_cols < 2)
            ret_rows->cells[i] = rh_writable_number(t, ret_rows->cells[i]);
    rh_fixture_sort(ret_rows);
}

uint64_t rh_fixture_count(struct rh_trial *t, struct rh_conn *conn, const struct rh_table *table)
{
    struct rh_rows_read rows;

    rh_fixture_rows(t, conn, table, &rows);
    return rows.n_rows;
}

/* ---- Writing --------------------------------------------------------------------------------- */

struct rh_write_spec rh_fixture_spec(const struct rh_table *table)
{
    return (struct rh_write_spec){
        .struct_size = sizeof(struct rh_write_spec),
        .schema = table->schema,
        .table = table->name,
        .columns = table->columns,
        .n_columns = table->n_columns,
        .column_stride = table->column_stride,
        .returning_stride = sizeof(struct rh_column),
    };
}

int32_t rh_fixture_write_as(struct rh_trial *t, struct rh_conn *conn, const struct rh_op *op,
                            rh_write_fn *function, const struct rh_write_spec *spec,
                            struct rh_write_result *result)
{
    struct rh_write_result own = {.struct_size = sizeof(own)};
    struct rh_write_result *to = result ? result : &own;
    struct rh_write_spec fitting = rh_writable_spec(t, conn, function, spec);
    int32_t rc;

    if (!to->statuses)
        to->statuses = rh_trial_alloc(t, (spec->n_rows + 1) * sizeof(*to->statuses));
    rc = function(conn, op, &fitting, to, rh_trial_error(t));
    rh_trial_check_error(t, "a write", rc, &t->error);
    /* Rows for themselves: the first that failed speaks for the call. */
    for (uint64_t i = 0; !result && rc == RH_OK && i < spec->n_rows; i++)
        if (own.statuses[i].error_class != RH_OK) {
            rc = own.statuses[i].error_class;
            rh_fail(&t->error, rc, "row %llu: %.*s", (unsigned long long)i,
                    RH_TEXT_ARG(own.statuses[i].message));
            t->error.constraint = own.statuses[i].constraint;
        }
    return rc;
}

int32_t rh_fixture_write(struct rh_trial *t, struct rh_conn *conn, rh_write_fn *function,
                         const struct rh_write_spec *spec, struct rh_write_result *result)
{
    return rh_fixture_write_as(t, conn, &t->op, function, spec, result);
}
