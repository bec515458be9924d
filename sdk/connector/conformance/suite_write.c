/* Writing: what the write group claims, works; what it does not, changes nothing. */
#include "connector/conformance/fixture.h"
#include "connector/conformance/suites.h"
#include "connector/conformance/writable.h"

#include <stdio.h>
#include <string.h>

#define N_ROWS 20u
#define MANY_ROWS 2500u /* where the connector names no limit */
#define MOST_ROWS 20000u
#define INT(value) ((struct rh_value){.type = RH_TYPE_INT, .as.i = (value)})
#define TEXT(literal)                                                                              \
    ((struct rh_value){.type = RH_TYPE_TEXT, .len = sizeof(literal) - 1, .as.data = (literal)})
#define NOTHING ((struct rh_value){.type = RH_TYPE_NULL})

static const uint32_t first[] = {0}, second[] = {1};

/* What most tests need: a table of rh_fixture_writable, the columns in the order id, n, v. */
struct writing {
    struct rh_trial *t;
    const struct rh_write *group;
    struct rh_conn *conn;
    const struct rh_table *table;
    struct rh_rows_read before; /* all rows */
};

static void start(struct rh_trial *t, struct writing *ret_w)
{
    struct writing w = {.t = t};

    rh_trial_load(t);
    if (!t->connector->write)
        rh_trial_skip(t, "it does not claim to write");
    w.group = t->connector->write;
    w.conn = rh_trial_connect(t);
    w.table = rh_fixture_writable(t, w.conn, N_ROWS);
    rh_fixture_rows(t, w.conn, w.table, &w.before);
    *ret_w = w;
}

static struct rh_write_spec spec_of(const struct writing *w, const uint32_t *key, uint32_t n_key,
                                    const struct rh_value *cells, uint64_t n_rows)
{
    struct rh_write_spec spec = rh_fixture_spec(w->table);

    spec.key = key;
    spec.n_key = n_key;
    spec.cells = cells;
    spec.n_rows = n_rows;
    return spec;
}

/* Of a function that is not claimed: the host's stub, which must say so. */
static bool is_claimed(struct writing *w, rh_write_fn *function, const struct rh_write_spec *spec)
{
    struct rh_write_result result = {.struct_size = sizeof(result)};
    int32_t rc = rh_fixture_write(w->t, w->conn, function, spec, &result);

    if (rc == RH_UNSUPPORTED)
        rh_trial_skip(w->t, "not claimed: %s", w->t->error.message);
    rh_trial_ok(w->t, "the write", rc);
    return true;
}

/* The row with this id; NULL when there is none. */
static const struct rh_value *find(const struct rh_rows_read *rows, int64_t id)
{
    for (uint64_t i = 0; i < rows->n_rows; i++)
        if (rows->cells[i * rows->n_cols].as.i == id)
            return &rows->cells[i * rows->n_cols];
    return NULL;
}

static void unchanged(struct writing *w, const char *after)
{
    struct rh_rows_read now;

    rh_fixture_rows(w->t, w->conn, w->table, &now);
    rh_fixture_same(w->t, after, &w->before, &now);
}

static void expect_row(struct writing *w, int64_t id, const struct rh_value *n,
                       const struct rh_value *v, const char *after)
{
    struct rh_rows_read now, want = {.n_cols = 3, .n_rows = 1}, have = want;
    struct rh_value cells[] = {INT(id), *n, *v};
    const struct rh_value *row;

    rh_fixture_rows(w->t, w->conn, w->table, &now);
    row = find(&now, id);
    if (!row)
        rh_trial_fail(w->t, "after %s, the row is not there", after);
    want.cells = cells;
    have.cells = rh_trial_alloc(w->t, sizeof(cells));
    memcpy(have.cells, row, sizeof(cells));
    rh_fixture_same(w->t, after, &want, &have);
}

static void expect_affected(struct writing *w, const struct rh_write_result *result, uint64_t n)
{
    if (result->n_affected != n)
        rh_trial_fail(w->t, "n_affected is %llu instead of %llu",
                      (unsigned long long)result->n_affected, (unsigned long long)n);
}

/* ---- The four functions ---------------------------------------------------------------------- */

static void insert(struct rh_trial *t)
{
    struct rh_value cells[] = {INT(101), INT(1), TEXT("one"), INT(102), NOTHING, NOTHING};
    struct rh_write_result result = {.struct_size = sizeof(result)};
    struct rh_write_spec spec;
    struct writing w;

    start(t, &w);
    spec = spec_of(&w, NULL, 0, cells, 2);
    rh_trial_ok(t, "insert", rh_fixture_write(t, w.conn, w.group->insert, &spec, &result));
    expect_affected(&w, &result, 2);
    expect_row(&w, 101, &cells[1], &cells[2], "an insert");
    expect_row(&w, 102, &cells[4], &cells[5], "an insert of NULL");
    if (rh_fixture_count(t, w.conn, w.table) != N_ROWS + 2)
        rh_trial_fail(t, "2 rows inserted, and not 2 more in the table");
}

static void update(struct rh_trial *t)
{
    struct rh_value cells[] = {INT(3), INT(77), TEXT("three"), INT(5), NOTHING, TEXT("five")};
    struct rh_write_result result = {.struct_size = sizeof(result)};
    struct rh_write_spec spec;
    struct writing w;

    start(t, &w);
    spec = spec_of(&w, first, 1, cells, 2);
    is_claimed(&w, w.group->update, &spec);
    cells[1] = INT(78);
    rh_trial_ok(t, "update", rh_fixture_write(t, w.conn, w.group->update, &spec, &result));
    expect_affected(&w, &result, 2);
    expect_row(&w, 3, &cells[1], &cells[2], "an update");
    expect_row(&w, 5, &cells[4], &cells[5], "an update to NULL");
    if (rh_fixture_count(t, w.conn, w.table) != N_ROWS)
        rh_trial_fail(t, "an update changed the number of rows");
}

/* A column listed twice: as key, and to be set. */
static void update_key(struct rh_trial *t)
{
    struct rh_value cells[] = {INT(4), INT(400)};
    struct rh_column columns[2];
    struct rh_rows_read now;
    struct rh_write_spec spec;
    struct writing w;

    start(t, &w);
    columns[0] = columns[1] = *rh_fixture_column(w.table, 0);
    spec = spec_of(&w, first, 1, cells, 1);
    spec.columns = columns;
    spec.n_columns = 2;
    spec.column_stride = sizeof(*columns);
    is_claimed(&w, w.group->update, &spec);
    rh_fixture_rows(t, w.conn, w.table, &now);
    if (find(&now, 4) || !find(&now, 400))
        rh_trial_fail(t, "a changed key: the row is not there under its new key alone");
}

static void remove_rows(struct rh_trial *t)
{
    struct rh_value cells[] = {INT(3), INT(9)};
    struct rh_write_result result = {.struct_size = sizeof(result)};
    struct rh_column column;
    struct rh_rows_read now;
    struct rh_write_spec spec;
    struct writing w;

    start(t, &w);
    column = *rh_fixture_column(w.table, 0);
    spec = spec_of(&w, first, 1, cells, 2);
    spec.columns = &column;
    spec.n_columns = 1;
    if (rh_fixture_write(t, w.conn, w.group->remove, &spec, &result) == RH_UNSUPPORTED)
        rh_trial_skip(t, "not claimed");
    rh_trial_ok(t, "delete", t->error.error_class);
    expect_affected(&w, &result, 2);
    rh_fixture_rows(t, w.conn, w.table, &now);
    if (find(&now, 3) || find(&now, 9) || now.n_rows != N_ROWS - 2)
        rh_trial_fail(t, "after a delete of 2 rows there are %llu of %u",
                      (unsigned long long)now.n_rows, N_ROWS);
}

static void upsert(struct rh_trial *t)
{
    struct rh_value cells[] = {INT(2), INT(22), TEXT("two"), INT(200), INT(1), TEXT("new")};
    struct rh_value again[] = {INT(2), INT(33), TEXT("no"), INT(201), INT(1), TEXT("newer")};
    struct rh_write_spec spec;
    struct writing w;
    int32_t rc;

    start(t, &w);
    spec = spec_of(&w, first, 1, cells, 2);
    spec.resolve = RH_RESOLVE_MERGE;
    is_claimed(&w, w.group->upsert, &spec);
    expect_row(&w, 2, &cells[1], &cells[2], "an upsert of a row that exists");
    expect_row(&w, 200, &cells[4], &cells[5], "an upsert of a new row");
    spec.cells = again;
    spec.resolve = RH_RESOLVE_IGNORE;
    rc = rh_fixture_write(t, w.conn, w.group->upsert, &spec, NULL);
    if (rc == RH_UNSUPPORTED) {
        rh_trial_note(t, "leaving what exists is not claimed: %s", t->error.message);
        return;
    }
    rh_trial_ok(t, "an upsert that leaves rows as they are", rc);
    expect_row(&w, 2, &cells[1], &cells[2], "an upsert that leaves rows as they are");
    expect_row(&w, 201, &again[4], &again[5], "an upsert that leaves rows as they are");
}

static void no_match(struct rh_trial *t)
{
    struct rh_value cells[] = {INT(999), INT(1), TEXT("x")};
    struct rh_write_result result = {.struct_size = sizeof(result)};
    struct rh_write_spec spec;
    struct writing w;
    int32_t rc;

    start(t, &w);
    spec = spec_of(&w, first, 1, cells, 1);
    rc = rh_fixture_write(t, w.conn, w.group->update, &spec, &result);
    if (rc == RH_UNSUPPORTED)
        rh_trial_skip(t, "update is not claimed");
    rh_trial_ok(t, "an update that matches no row", rc);
    expect_affected(&w, &result, 0);
    unchanged(&w, "an update that matches no row");
}

/* ---- Sets ------------------------------------------------------------------------------------ */

/* The conjunct `n = 3`, as far as the connector claims it EXACT. */
static void where_three(struct writing *w, struct rh_query *ret_where)
{
    const struct rh_column *column = rh_fixture_column(w->table, 1);
    struct rh_value *three = rh_trial_alloc(w->t, sizeof(*three));
    static const struct rh_node node = {.op = RH_OP_EQ, .column = 1, .n = 1};
    static const uint32_t conjunct = 0;
    struct rh_plan plan = {.struct_size = sizeof(plan), .est_rows = -1};
    struct rh_trial *t = w->t;
    uint8_t verdict = RH_VERDICT_NONE;

    *three = rh_writable_fit(t, column, INT(3));
    rh_fixture_query(t, w->table, ret_where);
    ret_where->conjuncts = &conjunct;
    ret_where->n_conjuncts = ret_where->n_nodes = ret_where->n_values = 1;
    ret_where->nodes = &node;
    ret_where->values = three;
    plan.verdicts = &verdict;
    plan.needs = rh_trial_alloc(t, 16 * sizeof(*plan.needs));
    if (t->connector->plan)
        rh_trial_ok(t, "plan", t->connector->plan(w->conn, ret_where, &plan, rh_trial_error(t)));
    else
        verdict = (uint8_t)rh_library_upper(t->library, RH_OP_EQ, column->type);
    if (verdict != RH_VERDICT_EXACT)
        rh_trial_skip(t, "it claims no condition on integers to be exact");
    ret_where->n_select = 0;
}

static void set_update(struct rh_trial *t)
{
    struct rh_value cells[] = {TEXT("set")};
    struct rh_write_result result = {.struct_size = sizeof(result)};
    struct rh_column column;
    struct rh_query where;
    struct rh_rows_read now;
    struct rh_write_spec spec;
    struct writing w;
    int32_t rc;

    start(t, &w);
    where_three(&w, &where);
    column = *rh_fixture_column(w.table, 2);
    spec = spec_of(&w, NULL, 0, cells, 1);
    spec.columns = &column;
    spec.n_columns = 1;
    spec.where = &where;
    rc = rh_fixture_write(t, w.conn, w.group->update, &spec, &result);
    if (rc == RH_UNSUPPORTED)
        rh_trial_skip(t, "not claimed");
    rh_trial_ok(t, "update where", rc);
    expect_affected(&w, &result, 2);
    rh_fixture_rows(t, w.conn, w.table, &now);
    for (uint64_t i = 0; i < now.n_rows; i++) {
        const struct rh_value *row = &now.cells[i * 3];
        bool is_set =
            row[2].type == RH_TYPE_TEXT && row[2].len == 3 && memcmp(row[2].as.data, "set", 3) == 0;
        if (is_set != (row[1].as.i == 3))
            rh_trial_fail(t, "update where n = 3 has %s row %lld", is_set ? "changed" : "left",
                          (long long)row[0].as.i);
    }
}

static void set_remove(struct rh_trial *t)
{
    struct rh_write_result result = {.struct_size = sizeof(result)};
    struct rh_query where;
    struct rh_rows_read now;
    struct rh_write_spec spec;
    struct writing w;
    int32_t rc;

    start(t, &w);
    where_three(&w, &where);
    spec = spec_of(&w, NULL, 0, NULL, 0);
    spec.n_columns = 0;
    spec.where = &where;
    rc = rh_fixture_write(t, w.conn, w.group->remove, &spec, &result);
    if (rc == RH_UNSUPPORTED)
        rh_trial_skip(t, "not claimed");
    rh_trial_ok(t, "delete where", rc);
    expect_affected(&w, &result, 2);
    rh_fixture_rows(t, w.conn, w.table, &now);
    if (now.n_rows != N_ROWS - 2 || find(&now, 3) || find(&now, 13))
        rh_trial_fail(t, "delete where n = 3 left %llu of %u rows", (unsigned long long)now.n_rows,
                      N_ROWS);
}

/* ---- What comes back ------------------------------------------------------------------------- */

/* As many rows as a test wants, or as the connector takes at a time. */
static uint32_t n_rows_of(const struct writing *w, uint32_t wanted)
{
    uint32_t most = w->t->library->limits.rows_per_write;

    return most && most < wanted ? most : wanted;
}

static int64_t returned(const struct writing *w, const struct rh_write_result *result, uint32_t row,
                        uint32_t column)
{
    return rh_writable_number(w->t, result->returned.cells[row * 3 + column]).as.i;
}

static void returning(struct rh_trial *t)
{
    struct rh_value cells[30 * 3];
    struct rh_write_result result = {.struct_size = sizeof(result)};
    struct rh_write_spec spec;
    struct writing w;
    uint32_t n;

    start(t, &w);
    n = n_rows_of(&w, 30);
    for (uint32_t i = 0; i < n; i++) {
        cells[i * 3] = INT(1000 + (i * 7) % 30);
        cells[i * 3 + 1] = INT(i);
        cells[i * 3 + 2] = TEXT("r");
    }
    spec = spec_of(&w, NULL, 0, cells, n);
    spec.returning = w.table->columns;
    spec.n_returning = 3;
    spec.returning_stride = w.table->column_stride;
    rh_trial_ok(t, "insert returning",
                rh_fixture_write(t, w.conn, w.group->insert, &spec, &result));
    if (result.returned.n_rows != n || result.returned.n_cols != 3)
        rh_trial_fail(t, "%u rows written, %llu rows of %u cells returned", n,
                      (unsigned long long)result.returned.n_rows, result.returned.n_cols);
    for (uint32_t i = 0; i < n; i++)
        if (returned(&w, &result, i, 0) != cells[i * 3].as.i || returned(&w, &result, i, 1) != i)
            rh_trial_fail(t, "returned row %u has the id %lld of another input row", i,
                          (long long)returned(&w, &result, i, 0));
}

/* ---- Constraints ----------------------------------------------------------------------------- */

static void expect_constraint(struct writing *w, const char *what, int32_t rc, uint32_t which)
{
    rh_trial_expect(w->t, what, rc, RH_CONSTRAINT);
    if (w->t->error.constraint != which)
        rh_trial_fail(w->t, "%s: constraint %u instead of %u", what, w->t->error.constraint, which);
}

static void unique(struct rh_trial *t)
{
    struct rh_value cells[] = {INT(5), INT(0), TEXT("again")};
    struct rh_write_spec spec;
    struct writing w;

    start(t, &w);
    if (t->identity)
        rh_trial_skip(t, "the source generates its keys: none can be given");
    spec = spec_of(&w, NULL, 0, cells, 1);
    expect_constraint(&w, "inserting a key that exists",
                      rh_fixture_write(t, w.conn, w.group->insert, &spec, NULL),
                      RH_CONSTRAINT_UNIQUE);
    unchanged(&w, "an insert that was refused");
    rh_trial_ping(t, w.conn, "a constraint");
}

static void not_null(struct rh_trial *t)
{
    static const struct rh_column columns[] = {
        {.name = RH_TEXT_INIT("id"), .type = RH_TYPE_INT, .flags = RH_COLUMN_NOT_NULL},
        {.name = RH_TEXT_INIT("v"), .type = RH_TYPE_TEXT, .flags = RH_COLUMN_NOT_NULL}};
    struct rh_value cells[] = {INT(1), NOTHING};
    struct rh_table made;
    struct rh_write_spec spec;
    struct writing w;

    start(t, &w);
    if (!t->connector->ddl || !rh_fixture_create(t, w.conn, columns, 2, first, 1, &made))
        rh_trial_skip(t, "it has no columns that are NOT NULL");
    w.table = rh_fixture_find(t, w.conn, made.schema, made.name);
    rh_fixture_rows(t, w.conn, w.table, &w.before);
    spec = spec_of(&w, NULL, 0, cells, 1);
    expect_constraint(&w, "NULL in a column that is NOT NULL",
                      rh_fixture_write(t, w.conn, w.group->insert, &spec, NULL),
                      RH_CONSTRAINT_NOT_NULL);
    if (t->error.column[0] && strcmp(t->error.column, "v") != 0)
        rh_trial_fail(t, "the error names the column \"%s\" instead of \"v\"", t->error.column);
    unchanged(&w, "an insert that was refused");
}

static void ambiguous_key(struct rh_trial *t)
{
    struct rh_value cells[] = {INT(1), TEXT("both")};
    struct rh_column columns[2];
    struct rh_write_spec spec;
    struct writing w;
    int32_t rc;

    start(t, &w);
    columns[0] = *rh_fixture_column(w.table, 1);
    columns[1] = *rh_fixture_column(w.table, 2);
    spec = spec_of(&w, first, 1, cells, 1);
    spec.columns = columns;
    spec.n_columns = 2;
    spec.column_stride = sizeof(*columns);
    rc = rh_fixture_write(t, w.conn, w.group->update, &spec, NULL);
    if (rc == RH_UNSUPPORTED)
        rh_trial_skip(t, "keyed updates by other columns than the key are not claimed");
    expect_constraint(&w, "a keyed update that matches two rows", rc, RH_CONSTRAINT_AMBIGUOUS_KEY);
    unchanged(&w, "a keyed update that matched two rows");
}

/* ---- Atomicity ------------------------------------------------------------------------------- */

/* Rows of which one is refused: its key exists; or, where the source generates keys, its number is
 * a text. */
struct conflict {
    struct rh_value cells[12 * 3];
    struct rh_write_spec spec;
    uint32_t n, refused;
};

static void make_conflict(const struct writing *w, struct conflict *ret_conflict)
{
    uint32_t n = ret_conflict->n = n_rows_of(w, 12);
    struct rh_value *cells = ret_conflict->cells;
    uint32_t refused = ret_conflict->refused = n / 2;

    for (uint32_t i = 0; i < n; i++) {
        cells[i * 3] = INT(500 + i);
        cells[i * 3 + 1] = INT(i);
        cells[i * 3 + 2] = TEXT("a");
    }
    if (w->t->identity)
        cells[refused * 3 + 1] = TEXT("no number");
    else
        cells[refused * 3] = INT(7);
    ret_conflict->spec = spec_of(w, NULL, 0, cells, n);
}

/* Fails unless this is how the row is refused. */
static void expect_refusal(struct writing *w, int32_t rc, uint32_t constraint)
{
    struct rh_trial *t = w->t;

    if (t->identity && rc == RH_OK)
        rh_trial_skip(t, "it generates keys and takes texts for numbers: it refuses no row");
    if (t->identity && rc != RH_INVALID)
        rh_trial_expect(t, "inserting a text for a number", rc, RH_DATA);
    if (t->identity)
        return;
    rh_trial_expect(t, "inserting a key that exists", rc, RH_CONSTRAINT);
    if (constraint != RH_CONSTRAINT_UNIQUE)
        rh_trial_fail(t, "inserting a key that exists: constraint %u instead of UNIQUE",
                      constraint);
}

static void atomic_all(struct rh_trial *t)
{
    struct conflict conflict;
    struct writing w;
    int32_t rc;

    start(t, &w);
    if (w.group->atomicity != RH_ATOMIC_ALL)
        rh_trial_skip(t, "it claims atomicity by row");
    make_conflict(&w, &conflict);
    rc = rh_fixture_write(t, w.conn, w.group->insert, &conflict.spec, NULL);
    expect_refusal(&w, rc, t->error.constraint);
    unchanged(&w, "a call of which one row was refused");
    if (t->error.row != RH_NO_ROW && t->error.row != conflict.refused)
        rh_trial_fail(t, "the error names row %llu instead of %u", (unsigned long long)t->error.row,
                      conflict.refused);
}

static void atomic_row(struct rh_trial *t)
{
    struct rh_write_result result = {.struct_size = sizeof(result)};
    const struct rh_row_status *refused;
    struct conflict conflict;
    struct rh_rows_read now;
    struct writing w;

    start(t, &w);
    if (w.group->atomicity != RH_ATOMIC_ROW)
        rh_trial_skip(t, "it claims that a call is all or nothing");
    make_conflict(&w, &conflict);
    rh_trial_ok(t, "an insert of which one row is refused",
                rh_fixture_write(t, w.conn, w.group->insert, &conflict.spec, &result));
    refused = &result.statuses[conflict.refused];
    expect_refusal(&w, refused->error_class, refused->constraint);
    expect_affected(&w, &result, conflict.n - 1);
    for (uint32_t i = 0; i < conflict.n; i++)
        if (i != conflict.refused && result.statuses[i].error_class != RH_OK)
            rh_trial_fail(t, "the status of row %u is %s", i,
                          rh_error_class_name(result.statuses[i].error_class));
    rh_fixture_rows(t, w.conn, w.table, &now);
    if (now.n_rows != N_ROWS + conflict.n - 1)
        rh_trial_fail(t, "%u rows inserted, and %llu more in the table", conflict.n - 1,
                      (unsigned long long)(now.n_rows - N_ROWS));
}

static void many_rows(struct rh_trial *t)
{
    uint64_t n = MANY_ROWS;
    struct rh_value *cells;
    struct rh_write_spec spec;
    struct writing w;

    start(t, &w);
    if (t->library->limits.rows_per_write)
        n = t->library->limits.rows_per_write < MOST_ROWS ? t->library->limits.rows_per_write
                                                          : MOST_ROWS;
    cells = rh_trial_alloc(t, n * 3 * sizeof(*cells));
    for (uint64_t i = 0; i < n; i++) {
        cells[i * 3] = INT((int64_t)(i + 10000));
        cells[i * 3 + 1] = NOTHING;
        cells[i * 3 + 2] = TEXT("many");
    }
    spec = spec_of(&w, NULL, 0, cells, n);
    rh_trial_ok(t, "as many rows as a call may have",
                rh_fixture_write(t, w.conn, w.group->insert, &spec, NULL));
    if (rh_fixture_count(t, w.conn, w.table) != N_ROWS + n)
        rh_trial_fail(t, "%llu rows written, and not as many in the table", (unsigned long long)n);
}

/* ---- Refusals -------------------------------------------------------------------------------- */

static void refused(struct writing *w, const char *what, int32_t rc)
{
    if (rc != RH_PERMISSION && rc != RH_UNSUPPORTED && rc != RH_INVALID)
        rh_trial_expect(w->t, what, rc, RH_PERMISSION);
    rh_trial_check_error(w->t, what, rc, &w->t->error);
    unchanged(w, what);
}

static void read_only(struct rh_trial *t)
{
    struct rh_value cells[] = {INT(300), INT(1), TEXT("x")}, known[] = {INT(3), INT(99), TEXT("y")};
    struct rh_write_result result = {.struct_size = sizeof(result)};
    struct rh_write_spec spec;
    struct rh_op op;
    struct writing w;

    start(t, &w);
    op = t->op;
    op.flags = RH_OP_READ_ONLY;
    result.statuses = rh_trial_alloc(t, sizeof(*result.statuses));
    spec = spec_of(&w, NULL, 0, cells, 1);
    refused(&w, "an insert in a read-only operation",
            rh_fixture_write_as(t, w.conn, &op, w.group->insert, &spec, &result));
    spec = spec_of(&w, first, 1, known, 1);
    refused(&w, "an update in a read-only operation",
            rh_fixture_write_as(t, w.conn, &op, w.group->update, &spec, &result));
    spec.resolve = RH_RESOLVE_MERGE;
    refused(&w, "an upsert in a read-only operation",
            rh_fixture_write_as(t, w.conn, &op, w.group->upsert, &spec, &result));
    spec = spec_of(&w, first, 1, known, 1);
    spec.n_columns = 1;
    refused(&w, "a delete in a read-only operation",
            rh_fixture_write_as(t, w.conn, &op, w.group->remove, &spec, &result));
}

static void unknown_columns(struct rh_trial *t)
{
    struct rh_value cells[] = {INT(300), INT(1)};
    struct rh_column columns[2];
    struct rh_write_spec spec;
    struct writing w;
    int32_t rc;

    start(t, &w);
    columns[0] = *rh_fixture_column(w.table, 0);
    columns[1] = *rh_fixture_column(w.table, 1);
    if (columns[1].flags & RH_COLUMN_INFERRED)
        rh_trial_skip(t, "its columns are inferred: any name may be written");
    columns[1].name = RH_TEXT("rh_check_no_such_column");
    spec = spec_of(&w, NULL, 0, cells, 1);
    spec.columns = columns;
    spec.n_columns = 2;
    spec.column_stride = sizeof(*columns);
    rc = rh_fixture_write(t, w.conn, w.group->insert, &spec, NULL);
    if (rc != RH_NOT_FOUND && rc != RH_INVALID)
        rh_trial_expect(t, "writing a column that is not there", rc, RH_NOT_FOUND);
    unchanged(&w, "writing a column that is not there");
    spec = spec_of(&w, second, 1, cells, 0);
    rc = rh_fixture_write(t, w.conn, w.group->update, &spec, NULL);
    if (rc != RH_OK && rc != RH_INVALID && rc != RH_UNSUPPORTED)
        rh_trial_expect(t, "an update of no rows", rc, RH_OK);
    unchanged(&w, "an update of no rows");
    rh_trial_ping(t, w.conn, "a write that makes no sense");
}

const struct rh_trial_test rh_suite_write[] = {
    {"insert", "inserted rows are there, and counted", insert},
    {"update", "a keyed update changes the columns given of the rows meant", update},
    {"update-key", "a column may be key and be set", update_key},
    {"delete", "a keyed delete removes the rows meant", remove_rows},
    {"upsert", "an upsert inserts what is new, and merges or leaves what exists", upsert},
    {"no-match", "a keyed row that matches none is no error and not counted", no_match},
    {"update-where", "a set-based update changes the rows for which the condition holds",
     set_update},
    {"delete-where", "a set-based delete removes the rows for which the condition holds",
     set_remove},
    {"returning", "returned rows come in the order of the input", returning},
    {"unique", "a key that exists is CONSTRAINT/UNIQUE, and nothing changes", unique},
    {"not-null", "NULL where none may be is CONSTRAINT/NOT_NULL, and nothing changes", not_null},
    {"ambiguous-key",
     "a keyed row that matches several is CONSTRAINT/AMBIGUOUS_KEY, and nothing "
     "changes",
     ambiguous_key},
    {"atomic-all", "ATOMIC_ALL: one row that is refused takes all back", atomic_all},
    {"atomic-row", "ATOMIC_ROW: each row for itself, with its status", atomic_row},
    {"many", "as many rows as the limits allow go in one call", many_rows},
    {"read-only", "a read-only operation is refused every write, and nothing changes", read_only},
    {"unknown-columns", "a write that names what is not there is refused, and nothing changes",
     unknown_columns},
    {NULL, NULL, NULL},
};
