/* Native statements: bound parameters, one statement, read-only enforced. */
#include "connector/conformance/fixture.h"
#include "connector/conformance/suites.h"

#include <stdio.h>
#include <string.h>

static struct rh_conn *start(struct rh_trial *t)
{
    rh_trial_load(t);
    if (!t->connector->native)
        rh_trial_skip(t, "it does not claim native statements");
    return rh_trial_connect(t);
}

static void need_sql(struct rh_trial *t)
{
    if (!memmem(t->connector->native->language.data, t->connector->native->language.len, "SQL", 3))
        rh_trial_skip(t, "its language is not SQL");
}

/* Runs a statement; its rows, if it has any. */
static int32_t run(struct rh_trial *t, struct rh_conn *conn, const struct rh_op *op,
                   const char *text, const struct rh_value *parameters, uint32_t n,
                   struct rh_rows_read *ret_rows)
{
    struct rh_native_spec spec = {.struct_size = sizeof(spec),
                                  .n_parameters = n,
                                  .text = rh_text_of(text),
                                  .parameters = parameters};
    struct rh_native_result result = {.struct_size = sizeof(result)};
    struct rh_batch batch = {.struct_size = sizeof(batch)};
    int32_t rc = t->connector->native->run(conn, op, &spec, &result, rh_trial_error(t));

    rh_trial_check_error(t, text, rc, &t->error);
    *ret_rows = (struct rh_rows_read){.n_cols = result.n_columns};
    if (rc != RH_OK || !result.cursor)
        return rc;
    rc = t->connector->next(result.cursor, op, 10, &batch, rh_trial_error(t));
    if (rc == RH_OK && batch.n_rows) {
        ret_rows->n_rows = batch.n_rows;
        ret_rows->cells = rh_trial_alloc(t, batch.n_cols * sizeof(struct rh_value));
        memcpy(ret_rows->cells, batch.cells, batch.n_cols * sizeof(struct rh_value));
        for (uint32_t c = 0; c < batch.n_cols; c++)
            if (ret_rows->cells[c].len)
                ret_rows->cells[c].as.data = memcpy(rh_trial_alloc(t, batch.cells[c].len),
                                                    batch.cells[c].as.data, batch.cells[c].len);
    }
    t->connector->finish(result.cursor);
    return rc == RH_END ? RH_OK : rc;
}

static void bound(struct rh_trial *t)
{
    static const char *const hostile[] = {
        "",  "'",    "'; DROP TABLE x; --",      "\\",  "\\' OR 1=1", "$1",
        "?", "%s%n", "\xc3\xa9\xf0\x9f\x98\x80", "a\nb"};
    struct rh_conn *conn = start(t);
    const char *echo = json_string_value(rh_trial_need(t, "echo"));

    for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
        struct rh_value value = {
            .type = RH_TYPE_TEXT, .len = (uint32_t)strlen(hostile[i]), .as.data = hostile[i]};
        struct rh_rows_read rows;
        rh_trial_ok(t, "a statement with a parameter",
                    run(t, conn, &t->op, echo, &value, 1, &rows));
        if (rows.n_rows != 1 || rows.cells[0].type != RH_TYPE_TEXT ||
            rows.cells[0].len != value.len ||
            memcmp(rows.cells[0].as.data ? rows.cells[0].as.data : "", hostile[i], value.len) != 0)
            rh_trial_fail(t, "the parameter \"%s\" comes back changed", hostile[i]);
    }
    t->connector->close(conn);
}

static void parameters(struct rh_trial *t)
{
    struct rh_conn *conn = start(t);
    const char *echo = json_string_value(rh_trial_need(t, "echo"));
    struct rh_rows_read rows;
    int32_t rc = run(t, conn, &t->op, echo, NULL, 0, &rows);

    if (rc == RH_OK)
        rh_trial_fail(t, "a statement with a parameter runs without one");
    rh_trial_expect(t, "a statement whose parameter is missing", rc, RH_INVALID);
    rh_trial_ping(t, conn, "a statement whose parameter was missing");
    t->connector->close(conn);
}

static void errors(struct rh_trial *t)
{
    struct rh_conn *conn = start(t);
    struct rh_rows_read rows;
    int32_t rc = run(t, conn, &t->op, "rh_check: this is no statement", NULL, 0, &rows);

    rh_trial_expect(t, "a statement that is none", rc, RH_INVALID);
    rh_trial_ping(t, conn, "a statement that was none");
    t->connector->close(conn);
}

static const struct rh_table *table_and_text(struct rh_trial *t, struct rh_conn *conn,
                                             const char *format, char *ret_text, size_t size)
{
    const struct rh_table *table = rh_fixture_simple(t, conn, 5);
    char name[256];

    need_sql(t);
    if (table->schema.len && t->connector->kind == RH_KIND_SQL)
        snprintf(name, sizeof(name), "%.*s.%.*s", RH_TEXT_ARG(table->schema),
                 RH_TEXT_ARG(table->name));
    else
        snprintf(name, sizeof(name), "%.*s", RH_TEXT_ARG(table->name));
    snprintf(ret_text, size, "%s %s", format, name);
    return table;
}

static void counts(struct rh_trial *t)
{
    struct rh_conn *conn = start(t);
    struct rh_native_spec spec = {.struct_size = sizeof(spec)};
    struct rh_native_result result = {.struct_size = sizeof(result)};
    char text[400];
    const struct rh_table *table = table_and_text(t, conn, "DELETE FROM", text, sizeof(text));

    spec.text = rh_text_of(text);
    rh_trial_ok(t, text,
                t->connector->native->run(conn, &t->op, &spec, &result, rh_trial_error(t)));
    if (result.cursor)
        t->connector->finish(result.cursor);
    if (result.n_affected != 5)
        rh_trial_fail(t, "a statement that deletes 5 rows says %llu",
                      (unsigned long long)result.n_affected);
    if (rh_fixture_count(t, conn, table) != 0)
        rh_trial_fail(t, "a statement that deletes all rows leaves some");
    t->connector->close(conn);
}

static void read_only(struct rh_trial *t)
{
    struct rh_conn *conn = start(t);
    struct rh_op op = t->op;
    char text[400], select[500];
    const struct rh_table *table = table_and_text(t, conn, "DELETE FROM", text, sizeof(text));
    struct rh_rows_read rows;
    int32_t rc;

    op.flags = RH_OP_READ_ONLY;
    rc = run(t, conn, &op, text, NULL, 0, &rows);
    if (rc == RH_OK)
        rh_trial_fail(t, "a read-only operation runs \"%s\"", text);
    if (rc != RH_PERMISSION && rc != RH_UNSUPPORTED && rc != RH_INVALID)
        rh_trial_expect(t, "a write in a read-only operation", rc, RH_PERMISSION);
    if (rh_fixture_count(t, conn, table) != 5)
        rh_trial_fail(t, "a read-only operation has changed rows");
    snprintf(select, sizeof(select), "SELECT count(*)%s", text + strlen("DELETE"));
    rc = run(t, conn, &op, select, NULL, 0, &rows);
    if (rc != RH_UNSUPPORTED)
        rh_trial_ok(t, "a read in a read-only operation", rc);
    /* What was read-only must not stay so. */
    rh_trial_ok(t, text, run(t, conn, &t->op, text, NULL, 0, &rows));
    t->connector->close(conn);
}

static void one_statement(struct rh_trial *t)
{
    struct rh_conn *conn = start(t);
    char text[400], both[500];
    const struct rh_table *table = table_and_text(t, conn, "DELETE FROM", text, sizeof(text));
    struct rh_rows_read rows;

    snprintf(both, sizeof(both), "SELECT 1; %s", text);
    if (run(t, conn, &t->op, both, NULL, 0, &rows) == RH_OK)
        rh_trial_fail(t, "two statements at once are run");
    if (rh_fixture_count(t, conn, table) != 5)
        rh_trial_fail(t, "of two statements at once the second was run");
    rh_trial_ping(t, conn, "two statements at once");
    t->connector->close(conn);
}

const struct rh_trial_test rh_suite_native[] = {
    {"bound", "parameters are bound: no text of theirs is ever a part of the statement", bound},
    {"parameters", "a statement with the wrong number of parameters is INVALID", parameters},
    {"errors", "what is no statement is INVALID, and the connection goes on", errors},
    {"counts", "a statement that writes tells how many rows it changed", counts},
    {"read-only", "a read-only operation cannot write, and the next one can", read_only},
    {"one-statement", "a second statement in the text is refused and not run", one_statement},
    {NULL, NULL, NULL},
};
