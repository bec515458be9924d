/* Semi-joins. */
#include "sqlite_oracle.h"

START_TEST(semijoins)
{
    struct session s;
    static const uint32_t outer[] = {0}, inner[] = {1}, conjuncts[] = {1};
    const struct rh_value value = rh_kit_int(5);
    struct rh_semijoin join = {
        .outer = outer, .inner = inner, .n_pairs = 1, .conjuncts = conjuncts, .n_conjuncts = 1};
    struct query *q = NULL;

    start(&s);
    sql(&s, "CREATE TABLE p (id INTEGER PRIMARY KEY)");
    sql(&s, "CREATE TABLE c (n INT, p INT)");
    sql(&s, "INSERT INTO p VALUES (1), (2), (3)");
    sql(&s, "INSERT INTO c VALUES (5, 1), (6, 2), (NULL, 3), (5, NULL)");
    introspect(&s);
    const struct rh_table *c = table_of(&s, "c");
    join.table = c->name;
    join.columns = c->columns;
    join.n_columns = c->n_columns;
    join.column_stride = c->column_stride;
    for (uint32_t negated = 0; negated < 2; negated++) {
        q = query_of(table_of(&s, "p"));
        q->abi.semijoins = &join;
        q->abi.n_semijoins = 1;
        where(q, RH_OP_EXISTS | (negated ? RH_OP_NOT : 0), RH_NO_COLUMN, NULL, 0);
        q->nodes[0].n = 1;
        where(q, RH_OP_EQ, 0, &value, 1);
        q->abi.n_conjuncts = 1;
        plan(&s, q);
        ck_assert_uint_eq(q->verdicts[0], RH_VERDICT_EXACT);
        assert_query(&s, q, negated ? "int:2\nint:3\n" : "int:1\n");
    }
    stop(&s);
}
END_TEST

/* Rows of p for which c has one with equal k, by the host's comparison; keys of all kinds. */
static void semijoin_on(const char *type)
{
    static const uint32_t pairs[] = {0};
    struct session s;
    struct rh_semijoin join = {.outer = pairs, .inner = pairs, .n_pairs = 1};
    char text[512];

    start(&s);
    for (uint32_t t = 0; t < 2; t++) {
        snprintf(text, sizeof text, "CREATE TABLE %s (k %s)", t ? "c" : "p", type);
        sql(&s, text);
        for (uint32_t i = t; i < COUNT(awkward_values); i += 1 + t) {
            snprintf(text, sizeof text, "INSERT INTO %s VALUES (%s)", t ? "c" : "p",
                     awkward_values[i]);
            sql(&s, text);
        }
    }
    sql(&s, "CREATE INDEX by_k ON c (k)");
    introspect(&s);
    const struct rh_table *c = table_of(&s, "c");
    const struct rows outer = read_rows(&s, query_of(table_of(&s, "p")));
    const struct rows inner = read_rows(&s, query_of(c));
    join.table = c->name;
    join.columns = c->columns;
    join.n_columns = c->n_columns;
    join.column_stride = c->column_stride;
    for (uint32_t negated = 0; negated < 2; negated++) {
        struct query *q = query_of(table_of(&s, "p"));
        struct rh_buf expected = dump_buffer(), got = dump_buffer();
        char *string = NULL;
        q->abi.semijoins = &join;
        q->abi.n_semijoins = 1;
        where(q, RH_OP_EXISTS | (negated ? RH_OP_NOT : 0), RH_NO_COLUMN, NULL, 0);
        q->nodes[0].n = 1;
        plan(&s, q);
        ck_assert_uint_eq(q->verdicts[0], RH_VERDICT_EXACT);
        for (uint32_t r = 0; r < outer.n_rows; r++) {
            const struct rh_batch row = {.n_cols = 1, .n_rows = 1, .cells = &outer.cells[r]};
            bool found = false;
            for (uint32_t i = 0; i < inner.n_rows && !rh_cell_is_null(&outer.cells[r]); i++)
                found = found || rh_cell_equal(&outer.cells[r], &inner.cells[i]);
            if (found != negated)
                add_batch(&expected, &row);
        }
        dump_query(&s, q, &got);
        string = rh_buf_take(&expected);
        assert_dump(&got, string);
        free(string);
    }
    rh_arena_free(outer.arena);
    rh_arena_free(inner.arena);
    stop(&s);
}

START_TEST(semijoins_are_by_value)
{
    semijoin_on("UUID");
    semijoin_on("TEXT");
    semijoin_on("TEXT COLLATE NOCASE");
    semijoin_on("DATE");
    semijoin_on("TIMESTAMPTZ");
    semijoin_on("INT");
    semijoin_on("DECIMAL");
    semijoin_on("BLOB");
    semijoin_on("BOOLEAN");
}
END_TEST

TESTS_MAIN("sqlite_semijoins", semijoins, semijoins_are_by_value)
