/*
 * The connector `mysql`: rows inserted, changed, upserted and deleted. Also run against a server
 * that calls itself MySQL (mariadb.sh run --as-mysql), which has no RETURNING then.
 */
#include "mysql_fixture.h"

/* ---- insert ---- */

START_TEST(inserts_and_returns_in_order)
{
    struct rh_value cells[2 * 700];
    struct rh_write_spec spec;
    struct rh_write_result result = {.struct_size = sizeof result};

    make_stock();
    for (int i = 0; i < 700; i++) {
        cells[2 * i] = i % 3 ? text_value("x") : missing();
        cells[2 * i + 1] = int_value(i);
    }
    spec = spec_of("name qty", cells, 700);
    return_all(&spec);
    ok(connector->write->insert(conn, op, &spec, &result, &error));
    ck_assert_uint_eq(result.n_affected, 700);
    ck_assert_uint_eq(result.returned.n_rows, 700);
    for (int i = 0; i < 700; i++) {
        const struct rh_value *row = &result.returned.cells[i * 5];
        ck_assert_int_eq(row[0].as.i, i + 1); /* the counted key */
        ck_assert_uint_eq(row[2].len, i % 3 ? 1 : 4);
        ck_assert_int_eq(row[3].as.i, i);
    }
    spec = spec_for(stock, stock->columns, 0, NULL, 1); /* nothing given */
    return_all(&spec);
    ok(connector->write->insert(conn, op, &spec, &result, &error));
    ck_assert_uint_eq(result.returned.n_rows, 1);
    ck_assert_int_eq(result.returned.cells[0].as.i, 701);
    cells[0] = int_value(0); /* a zero that is given is no "count" */
    cells[1] = text_value("zero");
    spec = spec_of("id name", cells, 1);
    ok(connector->write->insert(conn, op, &spec, &result, &error));
    ck_assert_int_eq(sql_int("SELECT COUNT(*) FROM stock WHERE id = 0"), 1);
}
END_TEST

START_TEST(inserts_all_or_nothing)
{
    struct rh_value cells[2 * 3000];
    struct rh_write_result result = {.struct_size = sizeof result};

    for (int nested = 0; nested < 2; nested++) {
        make_stock();
        if (nested)
            ok(connector->tx->begin(conn, op, 0, &error));
        for (int n = 3; n <= 3000; n *= 10) {
            struct rh_write_spec spec;
            for (int i = 0; i < n; i++) {
                cells[2 * i] = int_value(i + 1);
                cells[2 * i + 1] = int_value(i);
            }
            cells[2 * (n - 1)] = int_value(2); /* taken */
            spec = spec_of("id qty", cells, (uint64_t)n);
            fails(connector->write->insert(conn, op, &spec, &result, &error), RH_CONSTRAINT);
            ck_assert_uint_eq(error.constraint, RH_CONSTRAINT_UNIQUE);
            ck_assert_int_eq(error.native_code, 1062);
            ck_assert_uint_eq(error.row, (uint64_t)n - 1);
            rh_error_clear(&error);
            ck_assert_int_eq(n_stock(), 0);
            cells[2 * (n - 1)] = int_value(n);
            cells[2 * (n - 2) + 1] = int_value(-1);
            fails(connector->write->insert(conn, op, &spec, &result, &error), RH_CONSTRAINT);
            ck_assert_uint_eq(error.constraint, RH_CONSTRAINT_CHECK);
            ck_assert_uint_eq(error.row, (uint64_t)n - 2);
            rh_error_clear(&error);
            ck_assert_int_eq(n_stock(), 0);
        }
        if (nested)
            ok(connector->tx->commit(conn, op, &error));
    }
}
END_TEST

START_TEST(names_the_constraint)
{
    struct rh_value cells[2] = {int_value(1), null_value()};
    struct rh_write_spec spec;
    struct rh_write_result result = {.struct_size = sizeof result};

    sql("SET foreign_key_checks = 0");
    sql("DROP TABLE IF EXISTS child");
    sql("SET foreign_key_checks = 1");
    make_stock();
    spec = spec_of("id name", cells, 1);
    fails(connector->write->insert(conn, op, &spec, &result, &error), RH_CONSTRAINT);
    ck_assert_uint_eq(error.constraint, RH_CONSTRAINT_NOT_NULL);
    ck_assert_str_eq(error.column, "name");
    rh_error_clear(&error);
    sql("CREATE TABLE child (id int PRIMARY KEY, stock_id int, needed int NOT NULL, FOREIGN KEY"
        " (stock_id) REFERENCES stock (id))");
    stock = table_named("child");
    cells[1] = int_value(77);
    spec = spec_of("id needed", cells, 1);
    spec = spec_of("id stock_id", cells, 1);
    fails(connector->write->insert(conn, op, &spec, &result, &error), RH_CONSTRAINT);
    ck_assert_uint_eq(error.constraint, RH_CONSTRAINT_NOT_NULL); /* no default */
    ck_assert_str_eq(error.column, "needed");
    sql("ALTER TABLE child MODIFY needed int");
    fails(connector->write->insert(conn, op, &spec, &result, &error), RH_CONSTRAINT);
    ck_assert_uint_eq(error.constraint, RH_CONSTRAINT_FOREIGN_KEY);
    rh_error_clear(&error);
    sql("DROP TABLE child");
}
END_TEST

/* ---- update, delete ---- */

START_TEST(updates_and_deletes_by_key)
{
    struct rh_value cells[] = {int_value(3),       text_value("c3"), int_value(99),
                               text_value("none"), int_value(1),     text_value("c1")};
    struct rh_write_spec spec;
    struct rh_write_result result = {.struct_size = sizeof result};

    for (int nested = 0; nested < 2; nested++) {
        make_stock();
        sql("INSERT INTO stock (id, name) VALUES (1, 'a'), (2, 'a'), (3, 'c')");
        if (nested)
            ok(connector->tx->begin(conn, op, 0, &error));
        spec = keyed("id name", cells, 3);
        return_all(&spec);
        ok(connector->write->update(conn, op, &spec, &result, &error));
        ck_assert_uint_eq(result.n_affected, 2);
        ck_assert_uint_eq(result.returned.n_rows, 2);
        ck_assert_int_eq(result.returned.cells[0].as.i, 3);
        check_same(&cells[1], &result.returned.cells[2], rh_text_of("name"));
        ck_assert_int_eq(result.returned.cells[5].as.i, 1);
        ok(connector->write->update(conn, op, &spec, &result,
                                    &error)); /* changes nothing, matches */
        ck_assert_uint_eq(result.n_affected, 2);
        spec = keyed("name qty", cells, 1); /* by what is not unique */
        struct rh_value two[] = {text_value("a"), int_value(5)};
        sql("UPDATE stock SET name = 'a'");
        spec.cells = two;
        fails(connector->write->update(conn, op, &spec, &result, &error), RH_CONSTRAINT);
        ck_assert_uint_eq(error.constraint, RH_CONSTRAINT_AMBIGUOUS_KEY);
        ck_assert_int_eq(sql_int("SELECT COUNT(*) FROM stock WHERE qty = 5"), 0);
        spec.n_columns = 1;
        fails(connector->write->remove(conn, op, &spec, &result, &error), RH_CONSTRAINT);
        ck_assert_uint_eq(error.constraint, RH_CONSTRAINT_AMBIGUOUS_KEY);
        rh_error_clear(&error);
        ck_assert_int_eq(n_stock(), 3);
        two[0] = text_value("A"); /* another text, though the collation says equal */
        ok(connector->write->remove(conn, op, &spec, &result, &error));
        ck_assert_uint_eq(result.n_affected, 0);
        struct rh_value ids[] = {int_value(3), int_value(44), int_value(2)};
        spec = keyed("id", ids, 3);
        return_all(&spec);
        ok(connector->write->remove(conn, op, &spec, &result, &error));
        ck_assert_uint_eq(result.n_affected, 2);
        ck_assert_uint_eq(result.returned.n_rows, 2);
        ck_assert_int_eq(result.returned.cells[0].as.i, 3);
        ck_assert_int_eq(result.returned.cells[5].as.i, 2);
        if (nested)
            ok(connector->tx->commit(conn, op, &error));
        ck_assert_int_eq(n_stock(), 1);
    }
}
END_TEST

START_TEST(changes_keys)
{
    struct rh_value cells[] = {int_value(1), int_value(10), int_value(2), int_value(20)};
    struct rh_write_spec spec;
    struct rh_write_result result = {.struct_size = sizeof result};

    make_stock();
    sql("INSERT INTO stock (id, name) VALUES (1, 'a'), (2, 'b'), (3, 'c')");
    spec = keyed("id id", cells, 2);
    return_all(&spec);
    ok(connector->write->update(conn, op, &spec, &result, &error));
    ck_assert_uint_eq(result.returned.n_rows, 2);
    ck_assert_int_eq(result.returned.cells[0].as.i, 10);
    ck_assert_int_eq(result.returned.cells[5].as.i, 20);
    ck_assert_int_eq(sql_int("SELECT SUM(id) + 0e0 = 33 FROM stock"), 1);
    struct rh_value clash[] = {int_value(10), int_value(11), int_value(20), int_value(3)};
    spec = keyed("id id", clash, 2);
    fails(connector->write->update(conn, op, &spec, &result, &error), RH_CONSTRAINT);
    ck_assert_uint_eq(error.row, 1);
    ck_assert_int_eq(sql_int("SELECT COUNT(*) FROM stock WHERE id = 10"), 1); /* undone */
}
END_TEST

START_TEST(upserts)
{
    struct rh_value cells[] = {text_value("a"), text_value("one"),   int_value(1),
                               text_value("b"), text_value("two"),   int_value(2),
                               text_value("A"), text_value("three"), int_value(3)};
    struct rh_write_spec spec;
    struct rh_write_result result = {.struct_size = sizeof result};

    for (int several = 0; several < 2; several++) {
        make_stock();
        if (!several) /* one unique index: the fast way */
            sql("ALTER TABLE stock MODIFY id int DEFAULT 0, DROP PRIMARY KEY");
        sql("INSERT INTO stock (id, code, name, qty) VALUES (7, 'a', 'old', 5)");
        spec = keyed("code name qty", cells, 3);
        spec.resolve = RH_RESOLVE_MERGE;
        return_all(&spec);
        ok(connector->write->upsert(conn, op, &spec, &result, &error));
        ck_assert_uint_eq(result.n_affected, 3);
        ck_assert_uint_eq(result.returned.n_rows, 3);
        ck_assert_int_eq(result.returned.cells[0].as.i, 7);
        ck_assert_int_eq(n_stock(), 2); /* "A" is "a" to the index */
        ck_assert_int_eq(sql_int("SELECT qty FROM stock WHERE id = 7"), 3);
        ck_assert_int_eq(sql_int("SELECT BINARY code = 'a' FROM stock WHERE id = 7"), 1);
        cells[2] = int_value(50);
        cells[3] = text_value("new");
        spec.resolve = RH_RESOLVE_IGNORE;
        ok(connector->write->upsert(conn, op, &spec, &result, &error));
        ck_assert_uint_eq(result.n_affected, 1);
        ck_assert_uint_eq(result.returned.n_rows, 1);
        check_same(&cells[3], &result.returned.cells[1], rh_text_of("code"));
        ck_assert_int_eq(sql_int("SELECT qty FROM stock WHERE id = 7"), 3);
        cells[3] = text_value("b");
        cells[2] = int_value(1);
    }
    /* Another unique index is taken: an error, not somebody else's row changed. */
    struct rh_value other[] = {text_value("fresh"), text_value("x"), int_value(7)};
    spec = keyed("code name id", other, 1);
    for (uint32_t resolve = RH_RESOLVE_MERGE; resolve <= RH_RESOLVE_IGNORE; resolve++) {
        spec.resolve = resolve;
        fails(connector->write->upsert(conn, op, &spec, &result, &error), RH_CONSTRAINT);
        ck_assert_uint_eq(error.constraint, RH_CONSTRAINT_UNIQUE);
        rh_error_clear(&error);
        ck_assert_int_eq(sql_int("SELECT BINARY code = 'a' FROM stock WHERE id = 7"), 1);
    }
    spec = keyed("name qty", &cells[1], 1); /* no unique index */
    spec.resolve = RH_RESOLVE_MERGE;
    fails(connector->write->upsert(conn, op, &spec, &result, &error), RH_INVALID);
}
END_TEST

START_TEST(upserts_many)
{
    static struct rh_value cells[2 * 2000];
    struct rh_write_spec spec;
    struct rh_write_result result = {.struct_size = sizeof result};

    sql("CREATE OR REPLACE TABLE stock (id int PRIMARY KEY, name varchar(20) NOT NULL)");
    stock = table_named("stock");
    sql("INSERT INTO stock SELECT seq, 'old' FROM seq_1_to_1000");
    for (int i = 0; i < 2000; i++) {
        cells[2 * i] = int_value(i + 1);
        cells[2 * i + 1] = text_value("new");
    }
    spec = keyed("id name", cells, 2000);
    spec.resolve = RH_RESOLVE_MERGE;
    cells[2 * 1500 + 1] = null_value();
    fails(connector->write->upsert(conn, op, &spec, &result, &error), RH_CONSTRAINT);
    ck_assert_uint_eq(error.row, 1500);
    ck_assert_int_eq(sql_int("SELECT COUNT(*) FROM stock WHERE name = 'old'"), 1000);
    cells[2 * 1500 + 1] = text_value("new");
    rh_error_clear(&error);
    ok(connector->write->upsert(conn, op, &spec, &result, &error));
    ck_assert_uint_eq(result.n_affected, 2000);
    ck_assert_int_eq(sql_int("SELECT COUNT(*) FROM stock WHERE name = 'new'"), 2000);
}
END_TEST

START_TEST(writes_by_condition)
{
    const struct rh_value three = int_value(3), name = text_value("set");
    const struct rh_node node = {.op = RH_OP_LTE, .column = 0, .n = 1};
    const uint32_t conjunct = 0;
    struct rh_query where;
    struct rh_write_spec spec;
    struct rh_write_result result = {.struct_size = sizeof result};

    make_stock();
    sql("INSERT INTO stock (id, qty) VALUES (1, 1), (2, 2), (3, 3), (4, 4)");
    where = select_all(stock);
    where.n_select = 0;
    where.nodes = &node;
    where.conjuncts = &conjunct;
    where.values = &three;
    where.n_nodes = where.n_conjuncts = where.n_values = 1;
    spec = spec_of("name", &name, 1);
    spec.where = &where;
    ok(connector->write->update(conn, op, &spec, &result, &error));
    ck_assert_uint_eq(result.n_affected, 3);
    return_all(&spec);
    ok(connector->write->update(conn, op, &spec, &result, &error));
    ck_assert_uint_eq(result.n_affected, 3);
    ck_assert_uint_eq(result.returned.n_rows, 3);
    check_same(&name, &result.returned.cells[2], rh_text_of("name"));
    spec = spec_for(stock, NULL, 0, NULL, 0);
    spec.where = &where;
    return_all(&spec);
    ok(connector->write->remove(conn, op, &spec, &result, &error));
    ck_assert_uint_eq(result.n_affected, 3);
    ck_assert_uint_eq(result.returned.n_rows, 3);
    ck_assert_int_eq(n_stock(), 1);
}
END_TEST

/* LOAD DATA skips and changes rows; then nothing of it is kept, and the rows go another way. */
START_TEST(bulk_is_exact)
{
    static struct rh_value cells[3 * 500];
    struct rh_write_spec spec;
    struct rh_write_result result = {.struct_size = sizeof result};

    make_stock();
    for (int i = 0; i < 500; i++) {
        cells[3 * i] = int_value(i);
        cells[3 * i + 1] = text_value(i % 2 ? "tab\tline\nback\\slash \\N" : "it's");
        cells[3 * i + 2] = i % 5 ? text_value("") : null_value();
    }
    spec = spec_of("id t code", cells, 500);
    cells[3 * 7 + 2] = text_value("once");
    for (int i = 0; i < 500; i++)
        cells[3 * i + 2] = null_value();
    ok(connector->write->insert(conn, op, &spec, &result, &error));
    ck_assert_uint_eq(result.n_affected, 500);
    ck_assert_int_eq(sql_int("SELECT COUNT(*) FROM stock WHERE code IS NULL AND t ="
                             " 'tab\\tline\\nback\\\\slash \\\\N'"),
                     250);
    sql("DELETE FROM stock");
    cells[3 * 400 + 2] = text_value("too long for it");
    fails(connector->write->insert(conn, op, &spec, &result, &error), RH_DATA);
    ck_assert_uint_eq(error.row, 400);
    ck_assert_str_eq(error.column, "code");
    rh_error_clear(&error);
    ck_assert_int_eq(n_stock(), 0);
    sql("SET GLOBAL local_infile = 0"); /* not allowed: the other way from the start */
    cells[3 * 400 + 2] = null_value();
    ok(connector->write->insert(conn, op, &spec, &result, &error));
    sql("SET GLOBAL local_infile = 1");
    ck_assert_int_eq(n_stock(), 500);
    /* What cannot be undone is not tried. */
    sql("CREATE OR REPLACE TABLE stock (id int PRIMARY KEY, t text, code varchar(10)) ENGINE=Aria");
    stock = table_named("stock");
    ok(connector->reset(conn, op, &error));
    spec = spec_of("id t code", cells, 500);
    ok(connector->write->insert(conn, op, &spec, &result, &error));
    ck_assert_int_eq(n_stock(), 500);
}
END_TEST

MYSQL_TESTS("mysql_write", inserts_and_returns_in_order, inserts_all_or_nothing,
            names_the_constraint, updates_and_deletes_by_key, changes_keys, upserts, upserts_many,
            writes_by_condition, bulk_is_exact)
