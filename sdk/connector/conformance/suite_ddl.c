/* Tables made and changed. */
#include "connector/conformance/fixture.h"
#include "connector/conformance/suites.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define N_ROWS 3u

struct making {
    struct rh_trial *t;
    struct rh_conn *conn;
    const struct rh_table *table;
};

static void start(struct rh_trial *t, struct making *ret_m)
{
    struct making m = {.t = t};

    rh_trial_load(t);
    if (!t->connector->ddl)
        rh_trial_skip(t, "it does not claim to make tables");
    m.conn = rh_trial_connect(t);
    m.table = rh_fixture_simple(t, m.conn, N_ROWS);
    *ret_m = m;
}

static int32_t apply_op(struct making *m, const struct rh_op *op,
                        const struct rh_ddl_change *changes, uint32_t n, uint32_t flags,
                        struct rh_text *ret_native)
{
    struct rh_trial *t = m->t;
    int32_t rc = t->connector->ddl->apply(m->conn, op, changes, n, sizeof(*changes), flags,
                                          ret_native, rh_trial_error(t));

    rh_trial_check_error(t, "a change of tables", rc, &t->error);
    return rc;
}

static int32_t apply(struct making *m, const struct rh_ddl_change *change)
{
    struct rh_text native = {NULL, 0};

    return apply_op(m, &m->t->op, change, 1, 0, &native);
}

/* Changes that the connector need not know; then the test has nothing to test. */
static void may_apply(struct making *m, const struct rh_ddl_change *change)
{
    int32_t rc = apply(m, change);

    if (rc == RH_UNSUPPORTED)
        rh_trial_skip(m->t, "not claimed: %s", m->t->error.message);
    rh_trial_ok(m->t, "a change of tables", rc);
}

static bool is_there(struct making *m, struct rh_text name)
{
    struct rh_catalog catalog;

    rh_fixture_catalog(m->t, m->conn, &catalog);
    for (uint32_t i = 0; i < catalog.n_tables; i++)
        if (rh_text_equal(rh_fixture_table(&catalog, i)->name, name))
            return true;
    return false;
}

static bool has_column(struct making *m, const char *name)
{
    const struct rh_table *now = rh_fixture_find(m->t, m->conn, m->table->schema, m->table->name);

    for (uint32_t i = 0; i < now->n_columns; i++)
        if (rh_text_is(rh_fixture_column(now, i)->name, name))
            return true;
    return false;
}

static struct rh_text fresh_name(struct rh_trial *t)
{
    char *name = rh_trial_alloc(t, 64);

    snprintf(name, 64, "%s%ld_new", t->prefix, (long)getpid());
    return rh_text_of(name);
}

/* ---- Tests ----------------------------------------------------------------------------------- */

static void drop(struct rh_trial *t)
{
    struct rh_ddl_change change = {.kind = RH_DDL_DROP_TABLE};
    struct making m;

    start(t, &m);
    change.table = m.table;
    rh_trial_ok(t, "dropping a table", apply(&m, &change));
    if (is_there(&m, m.table->name))
        rh_trial_fail(t, "a table that was dropped is there");
    rh_trial_expect(t, "dropping a table that is not there", apply(&m, &change), RH_NOT_FOUND);
}

static void exists(struct rh_trial *t)
{
    struct rh_ddl_change change = {.kind = RH_DDL_CREATE_TABLE};
    struct making m;

    start(t, &m);
    change.table = m.table;
    rh_trial_expect(t, "making a table that is there", apply(&m, &change), RH_EXISTS);
    if (rh_fixture_count(t, m.conn, m.table) != N_ROWS)
        rh_trial_fail(t, "making a table that is there has changed its rows");
}

static void dry_run(struct rh_trial *t)
{
    struct rh_ddl_change change = {.kind = RH_DDL_DROP_TABLE};
    struct rh_text native = {NULL, 0};
    struct making m;

    start(t, &m);
    change.table = m.table;
    rh_trial_ok(t, "a dry run", apply_op(&m, &t->op, &change, 1, RH_DDL_DRY_RUN, &native));
    if (!is_there(&m, m.table->name))
        rh_trial_fail(t, "a dry run has dropped the table");
    if (native.len == 0)
        rh_trial_fail(t, "a dry run does not tell what would be executed");
    if (!rh_text_is_utf8(native))
        rh_trial_fail(t, "what a dry run tells is not UTF-8");
}

static void read_only(struct rh_trial *t)
{
    struct rh_ddl_change change = {.kind = RH_DDL_DROP_TABLE};
    struct rh_text native = {NULL, 0};
    struct rh_op op;
    struct making m;
    int32_t rc;

    start(t, &m);
    op = t->op;
    op.flags = RH_OP_READ_ONLY;
    change.table = m.table;
    rc = apply_op(&m, &op, &change, 1, 0, &native);
    if (rc != RH_UNSUPPORTED && rc != RH_INVALID)
        rh_trial_expect(t, "dropping a table in a read-only operation", rc, RH_PERMISSION);
    if (!is_there(&m, m.table->name))
        rh_trial_fail(t, "a read-only operation has dropped the table");
}

static void rename_table(struct rh_trial *t)
{
    struct rh_ddl_change change = {.kind = RH_DDL_RENAME_TABLE};
    struct making m;

    start(t, &m);
    change.table = m.table;
    change.new_name = fresh_name(t);
    may_apply(&m, &change);
    if (is_there(&m, m.table->name) || !is_there(&m, change.new_name))
        rh_trial_fail(t, "a table that was renamed is not there under its new name alone");
    if (rh_fixture_count(t, m.conn, rh_fixture_find(t, m.conn, m.table->schema, change.new_name)) !=
        N_ROWS)
        rh_trial_fail(t, "a table that was renamed has not its rows");
}

static void columns(struct rh_trial *t)
{
    const struct rh_column column = {.name = RH_TEXT("added"), .type = RH_TYPE_TEXT};
    struct rh_ddl_change change = {.kind = RH_DDL_ADD_COLUMN, .column = &column};
    struct making m;

    start(t, &m);
    change.table = m.table;
    may_apply(&m, &change);
    if (!has_column(&m, "added"))
        rh_trial_fail(t, "a column that was added is not there");
    if (rh_fixture_count(t, m.conn, rh_fixture_find(t, m.conn, m.table->schema, m.table->name)) !=
        N_ROWS)
        rh_trial_fail(t, "adding a column has changed the rows");
    change.kind = RH_DDL_RENAME_COLUMN;
    change.new_name = RH_TEXT("renamed");
    may_apply(&m, &change);
    if (has_column(&m, "added") || !has_column(&m, "renamed"))
        rh_trial_fail(t, "a column that was renamed is not there under its new name alone");
    change.kind = RH_DDL_DROP_COLUMN;
    change.column = &(const struct rh_column){.name = RH_TEXT("renamed"), .type = RH_TYPE_TEXT};
    may_apply(&m, &change);
    if (has_column(&m, "renamed"))
        rh_trial_fail(t, "a column that was dropped is there");
    if (rh_fixture_count(t, m.conn, rh_fixture_find(t, m.conn, m.table->schema, m.table->name)) !=
        N_ROWS)
        rh_trial_fail(t, "dropping a column has changed the rows");
}

static void indexes(struct rh_trial *t)
{
    static const uint32_t positions[] = {2};
    struct rh_index index = {.columns = positions, .n_columns = 1, .flags = RH_INDEX_UNIQUE};
    struct rh_value cells[] = {{.type = RH_TYPE_INT, .as.i = 80},
                               {.type = RH_TYPE_NULL},
                               {.type = RH_TYPE_TEXT, .len = 2, .as.data = "v1"}};
    struct rh_ddl_change change = {.kind = RH_DDL_CREATE_INDEX};
    struct rh_write_spec spec;
    struct rh_table table;
    struct making m;

    start(t, &m);
    table = *m.table;
    index.name = fresh_name(t);
    table.indexes = &index;
    table.n_indexes = 1;
    table.index_stride = sizeof(index);
    change.table = &table;
    may_apply(&m, &change);
    spec = rh_fixture_spec(m.table);
    spec.n_rows = 1;
    spec.cells = cells;
    rh_trial_expect(t, "a value that a unique index has already",
                    rh_fixture_write(t, m.conn, t->connector->write->insert, &spec, NULL),
                    RH_CONSTRAINT);
    change.kind = RH_DDL_DROP_INDEX;
    change.new_name = index.name;
    may_apply(&m, &change);
    rh_trial_ok(t, "the same value without the index",
                rh_fixture_write(t, m.conn, t->connector->write->insert, &spec, NULL));
}

static void in_order(struct rh_trial *t)
{
    const struct rh_column column = {.name = RH_TEXT("added"), .type = RH_TYPE_TEXT};
    struct rh_ddl_change changes[2] = {{.kind = RH_DDL_ADD_COLUMN, .column = &column},
                                       {.kind = RH_DDL_ADD_COLUMN, .column = &column}};
    struct rh_text native = {NULL, 0};
    struct making m;
    uint64_t row;
    int32_t rc;

    start(t, &m);
    changes[0].table = changes[1].table = m.table;
    rc = apply_op(&m, &t->op, changes, 2, 0, &native);
    if (rc == RH_UNSUPPORTED)
        rh_trial_skip(t, "adding columns is not claimed");
    if (rc == RH_OK)
        rh_trial_fail(t, "the same column is added twice");
    row = t->error.row;
    if (has_column(&m, "added") && row != 1)
        rh_trial_fail(t, "the first of two changes was made, and the error does not say that it "
                         "was the second which failed");
}

const struct rh_trial_test rh_suite_ddl[] = {
    {"drop", "a dropped table is gone; dropping it again is NOT_FOUND", drop},
    {"exists", "making a table that is there is EXISTS, and changes nothing", exists},
    {"dry-run", "a dry run tells what it would do, and does not", dry_run},
    {"read-only", "a read-only operation changes no table", read_only},
    {"rename", "a renamed table has its rows", rename_table},
    {"columns", "columns are added, renamed and dropped, and the rows stay", columns},
    {"indexes", "a unique index is kept, until it is dropped", indexes},
    {"all-or-told", "changes are all made or none, or the error says which failed", in_order},
    {NULL, NULL, NULL},
};
