/* Writing, and what is left when a write fails. */
#include "postgres_fixture.h"

static struct rh_value missing = {.type = RH_TYPE_MISSING};

START_TEST(inserts_and_returns_in_order)
{
    struct rh_value cells[] = {int_value(3), text_value("c"), missing,      missing,
                               int_value(1), text_value("a"), int_value(1), text_value("x"),
                               int_value(2), text_value("b"), missing,      text_value("y")};
    struct rh_write_spec spec;
    struct rh_write_result result = {.struct_size = sizeof result};

    make_stock();
    spec = spec_for(stock, stock->columns, 4, cells, 3);
    spec.returning = stock->columns;
    spec.n_returning = 3;
    ok(connector->write->insert(conn, op, &spec, &result, &error));
    ck_assert_uint_eq(result.n_affected, 3);
    ck_assert_uint_eq(result.returned.n_rows, 3);
    ck_assert_int_eq(result.returned.cells[0].as.i, 3);
    ck_assert_int_eq(result.returned.cells[2].as.i, 7);
    ck_assert_int_eq(result.returned.cells[3].as.i, 1);
    ck_assert_int_eq(result.returned.cells[5].as.i, 1);
    ck_assert_int_eq(result.returned.cells[6].as.i, 2);
    sql("ALTER TABLE stock ALTER name DROP NOT NULL, ALTER id SET DEFAULT 99");
    spec =
        spec_for(stock, stock->columns, 4, (struct rh_value[]){missing, missing, missing, missing},
                 1); /* nothing given at all */
    ok(connector->write->insert(conn, op, &spec, &result, &error));
    ck_assert_int_eq(sql_int("SELECT qty FROM stock WHERE id = 99"), 7);
}
END_TEST

/* Many rows with one bad among them: nothing is kept, and the row is named, on every path. */
static void insert_with_bad_row(uint64_t n, uint64_t bad, uint32_t n_returning, bool in_tx)
{
    struct rh_value *cells = calloc(n * 3, sizeof *cells);
    struct rh_write_spec spec;
    struct rh_write_result result = {.struct_size = sizeof result};

    for (uint64_t i = 0; i < n; i++) {
        cells[i * 3] = int_value((int64_t)i + 1000);
        cells[i * 3 + 1] = text_value("row");
        cells[i * 3 + 2] = int_value(5);
    }
    cells[bad * 3] = int_value(1000); /* a duplicate key */
    spec = spec_for(stock, stock->columns, 3, cells, n);
    spec.returning = stock->columns;
    spec.n_returning = n_returning;
    if (in_tx) {
        ok(connector->tx->begin(conn, op, 0, &error));
        sql("INSERT INTO stock VALUES (1, 'before', 1)");
    }
    fails(connector->write->insert(conn, op, &spec, &result, &error), RH_CONSTRAINT);
    ck_assert_uint_eq(error.constraint, RH_CONSTRAINT_UNIQUE);
    ck_assert_msg(error.row == bad, "row %llu instead of %llu", (unsigned long long)error.row,
                  (unsigned long long)bad);
    ck_assert_str_eq(error.sqlstate, "23505");
    rh_error_clear(&error);
    if (in_tx) {
        ck_assert_int_eq(sql_int("SELECT count(*) FROM stock"), 1); /* still usable */
        ok(connector->tx->rollback(conn, op, &error));
    }
    ck_assert_int_eq(sql_int("SELECT count(*) FROM stock"), 0);
    cells[bad * 3] = int_value(5000);
    rh_error_clear(&error);
    ok(connector->write->insert(conn, op, &spec, &result, &error));
    ck_assert_uint_eq(result.n_affected, n);
    ck_assert_uint_eq(result.returned.n_rows, n_returning ? n : 0);
    ck_assert_int_eq(sql_int("SELECT count(*) FROM stock"), (int64_t)n);
    sql("DELETE FROM stock");
    free(cells);
}

START_TEST(inserts_all_or_nothing)
{
    make_stock();
    insert_with_bad_row(3, 2, 0, false);
    insert_with_bad_row(2000, 1500, 1, false);
    insert_with_bad_row(2000, 1500, 0, false); /* COPY */
    insert_with_bad_row(3, 1, 0, true);
    insert_with_bad_row(2000, 700, 2, true);
    insert_with_bad_row(2000, 700, 0, true);
}
END_TEST

START_TEST(names_the_constraint)
{
    struct rh_value cells[] = {int_value(1), {.type = RH_TYPE_NULL}, int_value(1)};
    struct rh_write_spec spec;
    struct rh_write_result result = {.struct_size = sizeof result};

    make_stock();
    spec = spec_for(stock, stock->columns, 3, cells, 1);
    fails(connector->write->insert(conn, op, &spec, &result, &error), RH_CONSTRAINT);
    ck_assert_uint_eq(error.constraint, RH_CONSTRAINT_NOT_NULL);
    ck_assert_str_eq(error.column, "name");
    ck_assert_uint_eq(error.row, 0);
    cells[1] = text_value("x");
    cells[2] = int_value(-1);
    fails(connector->write->insert(conn, op, &spec, &result, &error), RH_CONSTRAINT);
    ck_assert_uint_eq(error.constraint, RH_CONSTRAINT_CHECK);
    (void)try_sql(conn, "DROP TABLE IF EXISTS stock_of");
    sql("CREATE TABLE stock_of (s int REFERENCES stock)");
    fails(try_sql(conn, "INSERT INTO stock_of VALUES (77)"), RH_CONSTRAINT);
    ck_assert_uint_eq(error.constraint, RH_CONSTRAINT_FOREIGN_KEY);
    sql("DROP TABLE stock_of");
}
END_TEST

START_TEST(updates_and_deletes_by_key)
{
    const uint32_t key = 0, name_key = 1;
    struct rh_value cells[] = {int_value(1),
                               text_value("one"),
                               int_value(10),
                               int_value(9),
                               text_value("no such row"),
                               int_value(1),
                               int_value(2),
                               missing,
                               int_value(20),
                               int_value(1),
                               text_value("again"),
                               missing};
    struct rh_value names[] = {text_value("gone"), int_value(4), text_value("twin"), int_value(5)};
    struct rh_write_spec spec;
    struct rh_write_result result = {.struct_size = sizeof result};

    make_stock();
    sql("INSERT INTO stock (id, name) VALUES (1, 'a'), (2, 'b'), (3, 'twin'), (4, 'twin'),"
        " (5, 'gone')");
    spec = spec_for(stock, stock->columns, 3, cells, 4);
    spec.key = &key;
    spec.n_key = 1;
    spec.returning = stock->columns;
    spec.n_returning = 3;
    ok(connector->write->update(conn, op, &spec, &result, &error));
    ck_assert_uint_eq(result.n_affected, 3);
    ck_assert_uint_eq(result.returned.n_rows, 3); /* the row that matched none is left out */
    ck_assert_int_eq(result.returned.cells[0].as.i, 1);
    ck_assert_int_eq(result.returned.cells[3].as.i, 2);
    check_same(&cells[10], &result.returned.cells[7], rh_text_of("name"));
    ck_assert_int_eq(result.returned.cells[8].as.i, 10);
    /* keyed by a column that is no key: the second row matches two, so nothing happens */
    spec = spec_for(stock, &stock->columns[1], 2, names, 2);
    spec.key = (const uint32_t[]){0};
    spec.n_key = 1;
    (void)name_key;
    fails(connector->write->update(conn, op, &spec, &result, &error), RH_CONSTRAINT);
    ck_assert_uint_eq(error.constraint, RH_CONSTRAINT_AMBIGUOUS_KEY);
    ck_assert_uint_eq(error.row, 1);
    rh_error_clear(&error);
    ck_assert_int_eq(sql_int("SELECT count(*) FROM stock WHERE qty IN (4, 5)"), 0);
    ok(connector->tx->begin(conn, op, 0, &error)); /* in a transaction, which stays usable */
    fails(connector->write->update(conn, op, &spec, &result, &error), RH_CONSTRAINT);
    rh_error_clear(&error);
    spec = spec_for(stock, stock->columns, 1, (struct rh_value[]){int_value(3), int_value(8)}, 2);
    spec.key = &key;
    spec.n_key = 1;
    ok(connector->write->remove(conn, op, &spec, &result, &error));
    ck_assert_uint_eq(result.n_affected, 1);
    ok(connector->tx->commit(conn, op, &error));
    ck_assert_int_eq(sql_int("SELECT count(*) FROM stock"), 4);
}
END_TEST

/* One row outside a transaction goes another way. */
START_TEST(changes_one_row)
{
    struct rh_value cells[] = {text_value("twin"), int_value(5)};
    struct rh_write_spec spec;
    struct rh_write_result result = {.struct_size = sizeof result};

    make_stock();
    sql("INSERT INTO stock (id, name) VALUES (1, 'one'), (3, 'twin'), (4, 'twin')");
    spec = spec_for(stock, &stock->columns[1], 2, cells, 1);
    spec.key = (const uint32_t[]){0};
    spec.n_key = 1;
    for (int i = 0; i < 3; i++) { /* unprepared and prepared */
        fails(connector->write->update(conn, op, &spec, &result, &error), RH_CONSTRAINT);
        ck_assert_uint_eq(error.constraint, RH_CONSTRAINT_AMBIGUOUS_KEY);
        ck_assert_uint_eq(error.row, 0);
    }
    spec.n_columns = 1;
    fails(connector->write->remove(conn, op, &spec, &result, &error), RH_CONSTRAINT);
    ck_assert_uint_eq(error.constraint, RH_CONSTRAINT_AMBIGUOUS_KEY);
    rh_error_clear(&error);
    ck_assert_int_eq(sql_int("SELECT count(*) FROM stock WHERE qty = 7"), 3);
    ok(connector->tx->begin(conn, op, 0, &error)); /* and inside one, which stays usable */
    fails(connector->write->remove(conn, op, &spec, &result, &error), RH_CONSTRAINT);
    rh_error_clear(&error);
    cells[0] = text_value("one");
    ok(connector->write->remove(conn, op, &spec, &result, &error));
    ck_assert_uint_eq(result.n_affected, 1);
    ok(connector->tx->rollback(conn, op, &error));
    spec.n_columns = 2;
    spec.returning = stock->columns;
    spec.n_returning = 3;
    ok(connector->write->update(conn, op, &spec, &result, &error));
    ck_assert_uint_eq(result.n_affected, 1);
    ck_assert_int_eq(result.returned.cells[0].as.i, 1);
    ck_assert_int_eq(result.returned.cells[2].as.i, 5);
    cells[1] = int_value(-5);
    fails(connector->write->update(conn, op, &spec, &result, &error), RH_CONSTRAINT);
    ck_assert_uint_eq(error.constraint, RH_CONSTRAINT_CHECK);
    rh_error_clear(&error);
    cells[0] = text_value("nobody");
    ok(connector->write->update(conn, op, &spec, &result, &error));
    ck_assert_uint_eq(result.n_affected, 0);
    ck_assert_uint_eq(result.returned.n_rows, 0);
    sql("CREATE TABLE IF NOT EXISTS stock_log (what text)");
    sql("CREATE RULE log AS ON UPDATE TO stock DO ALSO INSERT INTO stock_log VALUES ('x')");
    cells[0] = text_value("one");
    cells[1] = int_value(6);
    spec.n_returning = 0;
    ok(connector->write->update(conn, op, &spec, &result, &error)); /* a rule: not inside WITH */
    ck_assert_int_eq(sql_int("SELECT qty FROM stock WHERE id = 1"), 6);
    sql("DROP RULE log ON stock");
}
END_TEST

START_TEST(changes_keys)
{
    struct rh_column columns[2];
    struct rh_value cells[] = {int_value(1), int_value(100)};
    const uint32_t key = 0;
    struct rh_write_spec spec;
    struct rh_write_result result = {.struct_size = sizeof result};

    make_stock();
    sql("INSERT INTO stock (id, name) VALUES (1, 'a')");
    columns[0] = columns[1] = stock->columns[0];
    spec = spec_for(stock, columns, 2, cells, 1);
    spec.key = &key;
    spec.n_key = 1;
    ok(connector->write->update(conn, op, &spec, &result, &error));
    ck_assert_int_eq(sql_int("SELECT id FROM stock"), 100);
}
END_TEST

START_TEST(upserts)
{
    const uint32_t key = 0;
    struct rh_value cells[] = {int_value(1),      text_value("new"), int_value(2),
                               text_value("two"), int_value(2),      text_value("two again")};
    struct rh_write_spec spec;
    struct rh_write_result result = {.struct_size = sizeof result};

    make_stock();
    sql("INSERT INTO stock VALUES (1, 'old', 50)");
    spec = spec_for(stock, stock->columns, 2, cells, 3);
    spec.key = &key;
    spec.n_key = 1;
    spec.resolve = RH_RESOLVE_MERGE;
    spec.returning = stock->columns;
    spec.n_returning = 3;
    ok(connector->write->upsert(conn, op, &spec, &result,
                                &error)); /* the same key twice in one call */
    ck_assert_uint_eq(result.returned.n_rows, 3);
    ck_assert_int_eq(result.returned.cells[2].as.i, 50);
    ck_assert_int_eq(sql_int("SELECT count(*) FROM stock WHERE name IN ('new', 'two again')"), 2);
    spec.resolve = RH_RESOLVE_IGNORE;
    cells[0] = int_value(7);
    spec.n_rows = 2;
    ok(connector->write->upsert(conn, op, &spec, &result, &error));
    ck_assert_uint_eq(result.n_affected, 1);
    ck_assert_uint_eq(result.returned.n_rows, 1);
    ck_assert_int_eq(result.returned.cells[0].as.i, 7);
}
END_TEST

START_TEST(writes_by_condition)
{
    struct rh_query where;
    const struct rh_node node = {.op = RH_OP_GTE, .column = 0, .n = 1};
    const struct rh_value two = int_value(2);
    const uint32_t conjunct = 0;
    struct rh_value cell = int_value(33);
    struct rh_write_spec spec;
    struct rh_write_result result = {.struct_size = sizeof result};

    make_stock();
    sql("INSERT INTO stock (id, name) VALUES (1, 'a'), (2, 'b'), (3, 'c')");
    where = select_all(stock);
    where.n_select = 0;
    where.nodes = &node;
    where.n_nodes = where.n_conjuncts = where.n_values = 1;
    where.conjuncts = &conjunct;
    where.values = &two;
    spec = spec_for(stock, &stock->columns[2], 1, &cell, 1);
    spec.where = &where;
    ok(connector->write->update(conn, op, &spec, &result, &error));
    ck_assert_uint_eq(result.n_affected, 2);
    ck_assert_int_eq(sql_int("SELECT sum(qty)::int FROM stock"), 33 + 33 + 7);
    ok(connector->tx->begin(conn, op, 0, &error)); /* the same inside a transaction */
    cell = int_value(-1);
    fails(connector->write->update(conn, op, &spec, &result, &error), RH_CONSTRAINT);
    ck_assert(error.row == RH_NO_ROW);
    rh_error_clear(&error);
    cell = int_value(44);
    spec.returning = stock->columns;
    spec.n_returning = 1;
    ok(connector->write->update(conn, op, &spec, &result, &error));
    ck_assert_uint_eq(result.returned.n_rows, 2);
    spec = spec_for(stock, NULL, 0, NULL, 0);
    spec.where = &where;
    ok(connector->write->remove(conn, op, &spec, &result, &error));
    ck_assert_uint_eq(result.n_affected, 2);
    ck_assert_int_eq(sql_int("SELECT count(*) FROM stock"), 1);
    ok(connector->tx->rollback(conn, op, &error));
    ck_assert_int_eq(sql_int("SELECT sum(qty)::int FROM stock"), 33 + 33 + 7);
    ok(connector->write->remove(conn, op, &spec, &result, &error));
    ck_assert_uint_eq(result.n_affected, 2);
    ck_assert_int_eq(sql_int("SELECT count(*) FROM stock"), 1);
}
END_TEST

START_TEST(copy_falls_back)
{
    struct rh_value cells[100];
    struct rh_write_spec spec;
    struct rh_write_result result = {.struct_size = sizeof result};
    const struct rh_table *view = NULL;

    (void)try_sql(conn, "DROP TABLE IF EXISTS viewed CASCADE");
    sql("CREATE TABLE viewed (a int)");
    sql("CREATE VIEW viewing AS SELECT a FROM viewed");
    view = table_named("viewing");
    for (int i = 0; i < 100; i++)
        cells[i] = int_value(i);
    spec = spec_for(view, view->columns, 1, cells, 100);
    ok(connector->write->insert(conn, op, &spec, &result, &error));
    ck_assert_uint_eq(result.n_affected, 100);
    ok(connector->tx->begin(conn, op, 0, &error));
    ok(connector->write->insert(conn, op, &spec, &result, &error));
    ok(connector->tx->commit(conn, op, &error));
    ck_assert_int_eq(sql_int("SELECT count(*) FROM viewed"), 200);
}
END_TEST

/* The same where statements go through a pipeline, outside and inside a transaction. */
START_TEST(prepares_writes_again)
{
    struct rh_value cells[2 * 5];
    struct rh_write_spec spec;
    struct rh_write_result result = {.struct_size = sizeof result};
    struct rh_column columns[2];

    for (int nested = 0; nested < 2; nested++) {
        make_stock();
        sql("INSERT INTO stock SELECT i, 'a' FROM generate_series(1, 5) i");
        columns[0] = *column_named(stock, "id");
        columns[1] = *column_named(stock, "name");
        for (int i = 0; i < 5; i++) {
            cells[2 * i] = int_value(i + 1);
            cells[2 * i + 1] = text_value("new");
        }
        spec = spec_for(stock, &columns[0], 2, cells, 5);
        spec.key = (const uint32_t[]){0};
        spec.n_key = 1;
        spec.returning = stock->columns;
        spec.n_returning = stock->n_columns;
        for (int i = 0; i < 4; i++) {
            if (i == 2)
                sql("ALTER TABLE stock ALTER qty TYPE bigint");
            if (i == 3)
                sql("DEALLOCATE ALL");
            if (nested)
                ok(connector->tx->begin(conn, op, 0, &error));
            ok(connector->write->update(conn, op, &spec, &result, &error));
            ck_assert_uint_eq(result.n_affected, 5);
            ck_assert_uint_eq(result.returned.n_rows, 5);
            if (nested)
                ok(connector->tx->commit(conn, op, &error));
        }
        ok(connector->reset(conn, op, &error));
        ok(connector->write->update(conn, op, &spec, &result, &error));
    }
}
END_TEST

/* What fails before anything was sent leaves the host's transaction as it is. */
START_TEST(refusals_leave_the_transaction)
{
    static const char long_name[] =
        "0123456789012345678901234567890123456789012345678901234567890123";
    const struct rh_table *table = NULL;
    struct rh_value cells[5];
    struct rh_write_spec spec;
    struct rh_write_result result = {.struct_size = sizeof result};
    struct rh_column gone;

    (void)try_sql(conn, "DROP TABLE IF EXISTS refused");
    sql("CREATE TABLE refused (i2 smallint, c \"char\", n name)");
    table = table_named("refused");
    gone = table->columns[0];
    gone.name = rh_text_of("gone");
    ok(connector->tx->begin(conn, op, 0, &error));
    sql("INSERT INTO refused VALUES (1, 'a', 'b')");
    for (int i = 0; i < 5; i++)
        cells[i] = data_value(RH_TYPE_BYTES, "x", 1);
    spec = spec_for(table, &table->columns[0], 1, cells, 5);
    fails(connector->write->insert(conn, op, &spec, &result, &error), RH_DATA);
    for (int i = 0; i < 5; i++)
        cells[i] = text_value("ab");
    spec = spec_for(table, &table->columns[1], 1, cells, 5);
    fails(connector->write->insert(conn, op, &spec, &result, &error), RH_DATA);
    ck_assert_str_eq(error.column, "c");
    cells[0] = text_value(long_name);
    spec = spec_for(table, &table->columns[2], 1, cells, 1);
    fails(connector->write->insert(conn, op, &spec, &result, &error), RH_DATA);
    for (int i = 0; i < 5; i++)
        cells[i] = int_value(i);
    spec = spec_for(table, &gone, 1, cells, 5);
    fails(connector->write->insert(conn, op, &spec, &result, &error), RH_NOT_FOUND);
    rh_error_clear(&error);
    spec = spec_for(table, &table->columns[0], 1, cells, 5);
    ok(connector->write->insert(conn, op, &spec, &result, &error));
    ok(connector->tx->commit(conn, op, &error));
    ck_assert_int_eq(sql_int("SELECT count(*) FROM refused"), 6);
}
END_TEST

POSTGRES_TESTS("postgres_writing", inserts_and_returns_in_order, inserts_all_or_nothing,
               names_the_constraint, updates_and_deletes_by_key, changes_one_row, changes_keys,
               upserts, writes_by_condition, copy_falls_back, prepares_writes_again,
               refusals_leave_the_transaction)
