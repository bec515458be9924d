/* Writing, transactions, native statements, DDL. */
#include "sqlite_fixture.h"

#define MISSING                                                                                    \
    {                                                                                              \
        .type = RH_TYPE_MISSING                                                                    \
    }

static struct rh_write_spec spec_of(const struct rh_table *table, const struct rh_value *cells,
                                    uint64_t n_rows, const uint32_t *key, uint32_t n_key)
{
    return (struct rh_write_spec){.struct_size = sizeof(struct rh_write_spec),
                                  .table = table->name,
                                  .columns = table->columns,
                                  .n_columns = table->n_columns,
                                  .column_stride = table->column_stride,
                                  .key = key,
                                  .n_key = n_key,
                                  .n_rows = n_rows,
                                  .cells = cells,
                                  .returning = table->columns,
                                  .n_returning = table->n_columns,
                                  .returning_stride = table->column_stride};
}

static int do_write(struct session *s, rh_write_fn *write, const struct rh_write_spec *spec)
{
    return write(s->conn, op_of(s), spec, &s->result, &s->error);
}

static void assert_written(struct session *s, uint64_t n_affected, const char *returned)
{
    struct rh_buf buf = dump_buffer();

    ck_assert_msg(s->error.error_class == RH_OK, "%s", s->error.message);
    ck_assert_uint_eq(s->result.n_affected, n_affected);
    add_batch(&buf, &s->result.returned);
    assert_dump(&buf, returned);
}

START_TEST(inserting)
{
    struct session s;
    const struct rh_value rows[] = {
        MISSING,
        rh_kit_text(rh_text_of("a")),
        rh_kit_int(1),
        rh_kit_int(7),
        MISSING,
        MISSING,
        MISSING,
        MISSING,
        MISSING,
        MISSING,
        rh_kit_text(rh_text_of("b")),
        rh_kit_null(),
    };
    const struct rh_value clash[] = {rh_kit_int(100), rh_kit_text(rh_text_of("x")), rh_kit_int(5),
                                     rh_kit_int(7),   rh_kit_text(rh_text_of("y")), rh_kit_int(6)};

    start(&s);
    sql(&s, "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT DEFAULT 'none', n INT UNIQUE)");
    introspect(&s);
    const struct rh_table *t = table_of(&s, "t");
    struct rh_write_spec spec = spec_of(t, rows, 4, NULL, 0);
    do_write(&s, connector->write->insert, &spec);
    assert_written(&s, 4,
                   "int:1|text:a|int:1\nint:7|text:none|null\nint:8|text:none|null\nint:9|text:b|"
                   "null\n");
    spec = spec_of(t, clash, 2, NULL, 0);
    ck_assert_int_eq(do_write(&s, connector->write->insert, &spec), RH_CONSTRAINT);
    ck_assert_uint_eq(s.error.constraint, RH_CONSTRAINT_UNIQUE);
    ck_assert_str_eq(s.error.column, "id");
    ck_assert_uint_eq(s.error.row, 1);
    assert_sql(&s, "SELECT count(*) FROM t", "int:4\n"); /* all or nothing */
    spec.n_rows = 0;
    do_write(&s, connector->write->insert, &spec);
    assert_written(&s, 0, "");
    stop(&s);
}
END_TEST

START_TEST(upserting)
{
    struct session s;
    static const uint32_t by_id[] = {0}, all[] = {0, 1, 2};
    const struct rh_value rows[] = {rh_kit_int(1), rh_kit_text(rh_text_of("new")), MISSING,
                                    rh_kit_int(2), rh_kit_text(rh_text_of("two")), rh_kit_int(2)};
    struct rh_write_spec spec;

    start(&s);
    sql(&s, "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, n INT)");
    sql(&s, "INSERT INTO t VALUES (1, 'old', 10)");
    introspect(&s);
    spec = spec_of(table_of(&s, "t"), rows, 2, by_id, 1);
    spec.resolve = RH_RESOLVE_IGNORE;
    do_write(&s, connector->write->upsert, &spec);
    assert_written(&s, 1, "int:2|text:two|int:2\n");
    spec.resolve = RH_RESOLVE_MERGE;
    do_write(&s, connector->write->upsert, &spec);
    assert_written(&s, 2, "int:1|text:new|int:10\nint:2|text:two|int:2\n");
    spec.key = all; /* no such unique key */
    spec.n_key = 3;
    ck_assert_int_eq(do_write(&s, connector->write->upsert, &spec), RH_UNSUPPORTED);
    spec.n_key = 0;
    ck_assert_int_eq(do_write(&s, connector->write->upsert, &spec), RH_INVALID);
    stop(&s);
}
END_TEST

START_TEST(updating_and_deleting)
{
    struct session s;
    static const uint32_t by_id[] = {0}, by_name[] = {1};
    const struct rh_value rows[] = {rh_kit_int(1),
                                    rh_kit_text(rh_text_of("x")),
                                    MISSING,
                                    rh_kit_int(9),
                                    rh_kit_text(rh_text_of("y")),
                                    rh_kit_int(0),
                                    rh_kit_int(3),
                                    MISSING,
                                    rh_kit_int(33)};
    const struct rh_value set[] = {MISSING, MISSING, rh_kit_int(-1)};
    const struct rh_value name = rh_kit_text(rh_text_of("same"));
    struct rh_write_spec spec;
    struct query *q = NULL;

    start(&s);
    sql(&s, "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, n INT)");
    sql(&s, "INSERT INTO t VALUES (1, 'a', 1), (2, 'same', 2), (3, 'same', 3)");
    introspect(&s);
    const struct rh_table *t = table_of(&s, "t");
    spec = spec_of(t, rows, 3, by_id, 1);
    do_write(&s, connector->write->update, &spec);
    assert_written(&s, 2, "int:1|text:x|int:1\nint:3|text:same|int:33\n");

    const struct rh_value ambiguous[] = {MISSING, name, rh_kit_int(0)};
    spec = spec_of(t, ambiguous, 1, by_name, 1);
    ck_assert_int_eq(do_write(&s, connector->write->update, &spec), RH_CONSTRAINT);
    ck_assert_uint_eq(s.error.constraint, RH_CONSTRAINT_AMBIGUOUS_KEY);
    assert_sql(&s, "SELECT sum(n) FROM t", "int:36\n");
    ck_assert_int_eq(do_write(&s, connector->write->remove, &spec), RH_CONSTRAINT);
    assert_sql(&s, "SELECT count(*) FROM t", "int:3\n");

    q = query_of(t);
    where(q, RH_OP_EQ, 1, &name, 1);
    spec = spec_of(t, set, 1, NULL, 0);
    spec.where = &q->abi;
    do_write(&s, connector->write->update, &spec);
    assert_written(&s, 2, "int:2|text:same|int:-1\nint:3|text:same|int:-1\n");
    spec.n_columns = 0;
    spec.n_rows = 0;
    spec.cells = NULL;
    do_write(&s, connector->write->remove, &spec);
    assert_written(&s, 2, "int:2|text:same|int:-1\nint:3|text:same|int:-1\n");
    spec.where = NULL;
    ck_assert_int_eq(do_write(&s, connector->write->remove, &spec), RH_INVALID);
    assert_sql(&s, "SELECT count(*) FROM t", "int:1\n");
    stop(&s);
}
END_TEST

START_TEST(constraints)
{
    static const struct {
        const char *sql;
        uint32_t constraint;
        const char *column;
    } broken[] = {
        {"INSERT INTO t (u) VALUES (1)", RH_CONSTRAINT_UNIQUE, "u"},
        {"INSERT INTO t (c) VALUES (-1)", RH_CONSTRAINT_CHECK, ""},
        {"INSERT INTO t (c, nn) VALUES (1, NULL)", RH_CONSTRAINT_NOT_NULL, "nn"},
        {"INSERT INTO t (f) VALUES (99)", RH_CONSTRAINT_FOREIGN_KEY, ""},
        {"INSERT INTO t (id) VALUES (1)", RH_CONSTRAINT_UNIQUE, "id"},
    };
    struct session s;

    start(&s);
    sql(&s, "CREATE TABLE p (id INTEGER PRIMARY KEY)");
    sql(&s, "CREATE TABLE t (id INTEGER PRIMARY KEY, u INT UNIQUE, c INT CHECK (c > 0), nn INT NOT "
            "NULL DEFAULT 1, f INT REFERENCES p)");
    sql(&s, "INSERT INTO t (id, u) VALUES (1, 1)");
    for (uint32_t i = 0; i < COUNT(broken); i++) {
        ck_assert_msg(try_sql(&s, broken[i].sql) == RH_CONSTRAINT, "%s: %s", broken[i].sql,
                      s.error.message);
        ck_assert_uint_eq(s.error.constraint, broken[i].constraint);
        ck_assert_str_eq(s.error.column, broken[i].column);
        ck_assert_int_ne(s.error.native_code, 0);
    }
    stop(&s);
}
END_TEST

/* SQLite says the same of a disk and of a table that has given away its last number. */
START_TEST(a_full_disk_is_told_as_such)
{
    struct session s;

    start(&s);
    sql(&s, "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, x)");
    sql(&s, "INSERT INTO t VALUES (9223372036854775807, 1)");
    ck_assert_int_eq(try_sql(&s, "INSERT INTO t (x) VALUES (2)"), RH_RESOURCE);
    ck_assert_str_eq(s.error.code, "datasource-full");
    stop(&s);
}
END_TEST

START_TEST(transactions)
{
    struct session s, other;
    const struct rh_tx *tx = NULL;

    start(&s);
    tx = connector->tx;
    ck_assert_int_eq(open_path(&other, s.path, false), RH_OK);
    sql(&s, "CREATE TABLE t (id INTEGER PRIMARY KEY, f INT REFERENCES t DEFERRABLE INITIALLY "
            "DEFERRED)");
    introspect(&s);
    const struct rh_value one[] = {rh_kit_int(1), MISSING}, again[] = {rh_kit_int(2), MISSING};
    struct rh_write_spec spec = spec_of(table_of(&s, "t"), one, 1, NULL, 0);
    ck_assert_int_eq(tx->commit(s.conn, op_of(&s), &s.error), RH_INVALID);
    ck_assert_int_eq(tx->begin(s.conn, op_of(&s), 0, &s.error), RH_OK);
    ck_assert_int_eq(tx->begin(s.conn, op_of(&s), 0, &s.error), RH_INVALID);
    ck_assert_int_eq(do_write(&s, connector->write->insert, &spec), RH_OK);
    ck_assert_int_eq(tx->savepoint(s.conn, op_of(&s), 1, &s.error), RH_OK);
    spec.cells = again;
    ck_assert_int_eq(do_write(&s, connector->write->insert, &spec), RH_OK);
    /* A write that fails undoes itself and nothing else. */
    ck_assert_int_eq(do_write(&s, connector->write->insert, &spec), RH_CONSTRAINT);
    assert_sql(&s, "SELECT count(*) FROM t", "int:2\n");
    ck_assert_int_eq(tx->rollback_to(s.conn, op_of(&s), 1, &s.error), RH_OK);
    ck_assert_int_eq(tx->release(s.conn, op_of(&s), 1, &s.error), RH_OK);
    assert_sql(&s, "SELECT count(*) FROM t", "int:1\n");
    /* Others neither see it nor write. */
    assert_sql(&other, "SELECT count(*) FROM t", "int:0\n");
    ck_assert_int_eq(try_sql(&other, "INSERT INTO t VALUES (5, NULL)"), RH_BUSY);
    ck_assert_uint_eq(other.error.retry, RH_RETRY_SAFE);
    ck_assert_int_eq(try_sql(&s, "COMMIT"), RH_PERMISSION);
    ck_assert_int_eq(tx->commit(s.conn, op_of(&s), &s.error), RH_OK);
    assert_sql(&other, "SELECT count(*) FROM t", "int:1\n");

    ck_assert_int_eq(tx->begin(s.conn, op_of(&s), 0, &s.error), RH_OK);
    sql(&s, "INSERT INTO t VALUES (3, 77)"); /* refers to nothing */
    ck_assert_int_eq(tx->commit(s.conn, op_of(&s), &s.error), RH_CONSTRAINT);
    ck_assert_uint_eq(s.error.constraint, RH_CONSTRAINT_FOREIGN_KEY);
    ck_assert_int_eq(tx->begin(s.conn, op_of(&s), 0, &s.error), RH_OK); /* the last one is over */
    sql(&s, "DELETE FROM t");
    ck_assert_int_eq(tx->rollback(s.conn, op_of(&s), &s.error), RH_OK);
    assert_sql(&s, "SELECT count(*) FROM t", "int:1\n");

    ck_assert_int_eq(tx->begin(s.conn, op_of(&s), RH_TX_READ_ONLY | RH_TX_SNAPSHOT, &s.error),
                     RH_OK);
    sql(&other, "INSERT INTO t VALUES (50, NULL)");
    assert_sql(&s, "SELECT count(*) FROM t", "int:1\n");
    ck_assert_int_eq(try_sql(&s, "DELETE FROM t"), RH_PERMISSION);
    ck_assert_int_eq(do_write(&s, connector->write->insert, &spec), RH_PERMISSION);
    ck_assert_int_eq(connector->reset(s.conn, op_of(&s), &s.error), RH_OK);
    assert_sql(&s, "SELECT count(*) FROM t", "int:2\n");
    sql(&s, "DELETE FROM t");
    stop(&other);
    stop(&s);
}
END_TEST

START_TEST(transactions_that_sqlite_ends)
{
    struct session s;
    const struct rh_tx *tx = NULL;
    const struct rh_value row[] = {rh_kit_int(9)};

    start(&s);
    tx = connector->tx;
    sql(&s, "CREATE TABLE t (id INTEGER PRIMARY KEY)");
    introspect(&s);
    struct rh_write_spec spec = spec_of(table_of(&s, "t"), row, 1, NULL, 0);
    for (uint32_t round = 0; round < 2; round++) {
        ck_assert_int_eq(tx->begin(s.conn, op_of(&s), 0, &s.error), RH_OK);
        sql(&s, "INSERT INTO t VALUES (1)");
        ck_assert_int_eq(try_sql(&s, "INSERT OR ROLLBACK INTO t VALUES (1)"), RH_CONSTRAINT);
        /* Nothing of what follows may happen outside of the transaction. */
        ck_assert_int_eq(do_write(&s, connector->write->insert, &spec), RH_CONFLICT);
        ck_assert_int_eq(try_sql(&s, "INSERT INTO t VALUES (2)"), RH_CONFLICT);
        ck_assert_int_eq(tx->savepoint(s.conn, op_of(&s), 1, &s.error), RH_CONFLICT);
        if (round == 0)
            ck_assert_int_eq(tx->commit(s.conn, op_of(&s), &s.error), RH_CONFLICT);
        else
            ck_assert_int_eq(tx->rollback(s.conn, op_of(&s), &s.error), RH_OK);
        assert_sql(&s, "SELECT count(*) FROM t", "int:0\n");
    }
    stop(&s);
}
END_TEST

/* A write that is interrupted ends the whole transaction: what follows must not commit by
 * itself. */
START_TEST(transactions_that_a_timeout_ends)
{
    struct session s;
    const struct rh_tx *tx = NULL;
    struct rh_native_result result = {.struct_size = sizeof result};
    const struct rh_value row[] = {rh_kit_int(9)};
    const struct rh_native_spec endless_write = {
        .struct_size = sizeof endless_write,
        .text = rh_text_of("INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 10 UNION ALL SELECT i + 1 "
                           "FROM n) SELECT i FROM n")};

    start(&s);
    tx = connector->tx;
    sql(&s, "CREATE TABLE t (id INTEGER PRIMARY KEY)");
    introspect(&s);
    struct rh_write_spec spec = spec_of(table_of(&s, "t"), row, 1, NULL, 0);
    const struct rh_table *table = table_of(&s, "t");
    const struct rh_ddl_change change = {.kind = RH_DDL_DROP_TABLE, .table = table};
    struct rh_text native = {NULL, 0};
    for (uint32_t round = 0; round < 2; round++) {
        ck_assert_int_eq(tx->begin(s.conn, op_of(&s), 0, &s.error), RH_OK);
        sql(&s, "INSERT INTO t VALUES (1)");
        op_of(&s)->deadline_us = rh_clock_us() + 50000;
        ck_assert_int_eq(connector->native->run(s.conn, &s.op, &endless_write, &result, &s.error),
                         RH_TIMEOUT);
        ck_assert_int_eq(do_write(&s, connector->write->insert, &spec), RH_CONFLICT);
        ck_assert_int_eq(try_sql(&s, "INSERT INTO t VALUES (2)"), RH_CONFLICT);
        ck_assert_int_eq(connector->ddl->apply(s.conn, op_of(&s), &change, 1, sizeof change, 0,
                                               &native, &s.error),
                         RH_CONFLICT);
        ck_assert_int_eq(tx->rollback_to(s.conn, op_of(&s), 1, &s.error), RH_CONFLICT);
        if (round == 0)
            ck_assert_int_eq(tx->commit(s.conn, op_of(&s), &s.error), RH_CONFLICT);
        else
            ck_assert_int_eq(connector->reset(s.conn, op_of(&s), &s.error), RH_OK);
        assert_sql(&s, "SELECT count(*) FROM t", "int:0\n");
    }
    ck_assert_int_eq(tx->begin(s.conn, op_of(&s), 0, &s.error), RH_OK);
    ck_assert_int_eq(tx->rollback(s.conn, op_of(&s), &s.error), RH_OK);
    stop(&s);
}
END_TEST

START_TEST(native_writes_are_over_when_answered)
{
    struct session s;
    struct rh_native_result result;

    start(&s);
    sql(&s, "CREATE TABLE t (id INTEGER PRIMARY KEY, f INT REFERENCES t DEFERRABLE INITIALLY "
            "DEFERRED)");
    ck_assert_int_eq(
        run_with(&s, "INSERT INTO t VALUES (1, 77), (2, NULL) RETURNING id", NULL, 0, &result),
        RH_CONSTRAINT);
    assert_sql(&s, "SELECT count(*) FROM t", "int:0\n");
    ck_assert_int_eq(
        run_with(&s, "INSERT INTO t VALUES (1, 1), (2, 1) RETURNING id", NULL, 0, &result), RH_OK);
    ck_assert_uint_eq(result.n_affected, 2);
    connector->finish(result.cursor); /* unread */
    assert_sql(&s, "SELECT count(*) FROM t", "int:2\n");
    s.op.memory_budget = 100;
    ck_assert_int_eq(
        run_with(&s, "UPDATE t SET f = NULL RETURNING printf('%.100c', 'x')", NULL, 0, &result),
        RH_RESOURCE);
    assert_sql(&s, "SELECT count(f) FROM t", "int:2\n");
    stop(&s);
}
END_TEST

TESTS_MAIN("sqlite_writing", inserting, upserting, updating_and_deleting, constraints, transactions,
           transactions_that_sqlite_ends, transactions_that_a_timeout_ends,
           native_writes_are_over_when_answered, a_full_disk_is_told_as_such)
