/*
 * The memory connector through the host's loader: types, keys, transactions, and cursors that stay
 * whole while others write. A random test compares it with a plain array.
 */
#include "host/library.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/text.h"
#include "connector/kit.h"
#include "host/op.h"
#include "lib/tests.h"

#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COUNT(array) ((uint32_t)(sizeof(array) / sizeof((array)[0])))

/* ---- Sessions ---------------------------------------------------------------------------- */

static struct rh_library *library;

struct session {
    struct rh_arena *arena;
    struct rh_operation op;
    struct rh_conn *conn;
    struct rh_error error;
    struct rh_write_result result;
};

static const struct rh_op *op_of(struct session *s)
{
    rh_arena_reset(s->arena);
    rh_error_clear(&s->error);
    s->op.abi.deadline_us = rh_clock_us() + 300000000; /* a safety net */
    return &s->op.abi;
}

static void start(struct session *s, const char *name)
{
    struct rh_setting item = {RH_TEXT_INIT("name"), rh_kit_text(rh_text_of(name))};
    struct rh_settings settings = {
        .struct_size = sizeof settings, .n = 1, .items = &item, .stride = sizeof item};
    if (!library) {
        char path[4096];
        const char *folder = getenv("ROWHOUSE_PLUGINS");
        struct rh_error error = RH_ERROR_INIT;
        snprintf(path, sizeof path, "%s/memory.so", folder ? folder : "plugins");
        ck_assert_msg(rh_library_load(path, &library, &error) == 0, "%s", error.message);
    }
    *s = (struct session){.arena = rh_arena_new(SIZE_MAX), .error = RH_ERROR_INIT};
    s->result.struct_size = sizeof s->result;
    rh_operation_init(&s->op, s->arena, NULL, 0);
    int rc =
        library->connector.connect(rh_host_services(), op_of(s), &settings, &s->conn, &s->error);
    ck_assert_msg(rc == 0, "%s", s->error.message);
}

static void stop(struct session *s)
{
    library->connector.close(s->conn);
    rh_arena_free(s->arena);
}

/* ---- Tables ------------------------------------------------------------------------------ */

static struct rh_column column(const char *name, uint32_t type, uint32_t flags)
{
    return (struct rh_column){.name = rh_text_of(name), .type = type, .flags = flags};
}

static int change(struct session *s, uint32_t kind, const struct rh_table *table,
                  const struct rh_column *with, const char *new_name)
{
    struct rh_ddl_change c = {
        .kind = kind, .table = table, .column = with, .new_name = rh_text_of(new_name)};
    struct rh_text native;
    return library->ddl.apply(s->conn, op_of(s), &c, 1, sizeof c, 0, &native, &s->error);
}

static int create(struct session *s, const char *name, const struct rh_column *columns, uint32_t n,
                  uint32_t n_key)
{
    static const uint32_t key[] = {0, 1, 2};
    struct rh_table table = {.struct_size = sizeof table,
                             .name = rh_text_of(name),
                             .columns = columns,
                             .n_columns = n,
                             .column_stride = sizeof *columns,
                             .key = key,
                             .n_key = n_key};
    return change(s, RH_DDL_CREATE_TABLE, &table, NULL, NULL);
}

/* Table t: id int key, n int not null, label text. */
static const struct rh_column id_n_label[] = {
    {.name = RH_TEXT_INIT("id"), .type = RH_TYPE_INT},
    {.name = RH_TEXT_INIT("n"), .type = RH_TYPE_INT, .flags = RH_COLUMN_NOT_NULL},
    {.name = RH_TEXT_INIT("label"), .type = RH_TYPE_TEXT},
};

static void create_t(struct session *s)
{
    ck_assert_msg(create(s, "t", id_n_label, 3, 1) == 0, "%s", s->error.message);
}

/* ---- Writing ----------------------------------------------------------------------------- */

enum verb { INSERT, UPDATE, REMOVE, MERGE, IGNORE };

struct writing {
    enum verb verb;
    const struct rh_column *columns;
    uint32_t n_columns;
    uint32_t n_key; /* the first ones */
    const struct rh_value *cells;
    uint64_t n_rows;
    const struct rh_column *returning;
    uint32_t n_returning;
};

static int put(struct session *s, const char *table, const struct writing *w)
{
    static const uint32_t key[] = {0, 1, 2, 3};
    struct rh_write_spec spec = {.struct_size = sizeof spec,
                                 .resolve = w->verb == MERGE    ? RH_RESOLVE_MERGE
                                            : w->verb == IGNORE ? RH_RESOLVE_IGNORE
                                                                : RH_RESOLVE_ERROR,
                                 .table = rh_text_of(table),
                                 .columns = w->columns,
                                 .n_columns = w->n_columns,
                                 .column_stride = sizeof(struct rh_column),
                                 .key = key,
                                 .n_key = w->n_key,
                                 .n_rows = w->n_rows,
                                 .cells = w->cells,
                                 .returning = w->returning,
                                 .n_returning = w->n_returning,
                                 .returning_stride = sizeof(struct rh_column)};
    rh_write_fn *const functions[] = {library->write.insert, library->write.update,
                                      library->write.remove, library->write.upsert,
                                      library->write.upsert};
    s->result.n_affected = 99;
    return functions[w->verb](s->conn, op_of(s), &spec, &s->result, &s->error);
}

/* One row of t. */
static int put_t(struct session *s, enum verb verb, int64_t id, int64_t n, const char *label)
{
    struct rh_value cells[] = {rh_kit_int(id), rh_kit_int(n), rh_kit_text(rh_text_of(label))};
    struct writing w = {verb, id_n_label, verb == REMOVE ? 1 : 3, verb == INSERT ? 0 : 1, cells, 1,
                        NULL, 0};
    return put(s, "t", &w);
}

/* ---- Reading ----------------------------------------------------------------------------- */

static int open_table(struct session *s, const char *table, const struct rh_column *columns,
                      uint32_t n, struct rh_cursor **ret_cursor)
{
    static const uint32_t select[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    struct rh_query query = {.struct_size = sizeof query,
                             .table = rh_text_of(table),
                             .columns = columns,
                             .n_columns = n,
                             .column_stride = sizeof *columns,
                             .select = select,
                             .n_select = n,
                             .limit = RH_NO_LIMIT};
    return library->connector.open(s->conn, op_of(s), &query, ret_cursor, &s->error);
}

/* The rest of the cursor's rows of t as "id:n:label …" in the order of the ids; finishes it. */
static const char *drain(struct session *s, struct rh_cursor *cursor)
{
    static _Thread_local char text[4096];
    static _Thread_local struct rh_value found[256][3];
    struct rh_batch batch = {.struct_size = sizeof batch};
    size_t n_found = 0, len = 0;
    int rc;
    text[0] = '\0';
    while ((rc = library->connector.next(cursor, op_of(s), 3, &batch, &s->error)) == RH_OK) {
        ck_assert(batch.n_rows >= 1 && batch.n_rows <= 3 && batch.n_cols == 3);
        for (uint64_t r = 0; r < batch.n_rows; r++) {
            size_t at = n_found++;
            ck_assert_uint_lt(at, COUNT(found));
            for (; at > 0 && found[at - 1][0].as.i > batch.cells[r * 3].as.i; at--)
                memcpy(found[at], found[at - 1], sizeof found[at]);
            memcpy(found[at], &batch.cells[r * 3], sizeof found[at]);
        }
    }
    ck_assert_msg(rc == RH_END, "%s", s->error.message);
    for (size_t i = 0; i < n_found; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "%s%lld:%lld:%.*s", i ? " " : "",
                                (long long)found[i][0].as.i, (long long)found[i][1].as.i,
                                (int)found[i][2].len,
                                found[i][2].len ? (const char *)found[i][2].as.data : "");
    library->connector.finish(cursor);
    return text;
}

static const char *read_t(struct session *s)
{
    struct rh_cursor *cursor;
    int rc = open_table(s, "t", id_n_label, 3, &cursor);
    ck_assert_msg(rc == 0, "%s", s->error.message);
    return drain(s, cursor);
}

/* ---- The tests --------------------------------------------------------------------------- */

START_TEST(claims_what_it_can_and_nothing_else)
{
    struct session s;
    start(&s, "a");
    ck_assert(rh_text_is(library->connector.id, "memory"));
    ck_assert(library->connector.write && library->connector.tx && library->connector.ddl);
    ck_assert_ptr_null(library->connector.native);
    for (uint32_t op = 1; op < RH_N_OPS; op++)
        ck_assert_uint_eq(rh_library_upper(library, op, RH_TYPE_INT), RH_VERDICT_NONE);
    ck_assert_int_eq(library->connector.ping(s.conn, op_of(&s), &s.error), RH_OK);

    create_t(&s);
    struct rh_query query = {.struct_size = sizeof query,
                             .table = RH_TEXT_INIT("t"),
                             .columns = id_n_label,
                             .n_columns = 3,
                             .column_stride = sizeof *id_n_label,
                             .limit = 5};
    struct rh_cursor *cursor;
    ck_assert_int_eq(library->connector.open(s.conn, op_of(&s), &query, &cursor, &s.error),
                     RH_UNSUPPORTED);
    query.limit = RH_NO_LIMIT;
    query.n_conjuncts = 1;
    ck_assert_int_eq(library->connector.open(s.conn, op_of(&s), &query, &cursor, &s.error),
                     RH_UNSUPPORTED);
    struct rh_write_spec spec = {.struct_size = sizeof spec,
                                 .table = RH_TEXT_INIT("t"),
                                 .columns = id_n_label,
                                 .n_columns = 3,
                                 .column_stride = sizeof *id_n_label,
                                 .where = &query};
    ck_assert_int_eq(library->write.remove(s.conn, op_of(&s), &spec, &s.result, &s.error),
                     RH_UNSUPPORTED);
    stop(&s);
}
END_TEST

START_TEST(every_type_comes_back)
{
    static const char uuid[16] = "0123456789abcde";
    struct rh_interval interval = {.months = -1, .days = 2, .us = INT64_MIN};
    struct rh_value cells[15] = {rh_kit_int(INT64_MIN)};
    struct rh_column columns[15];
    char names[15][4];
    struct session s;
    start(&s, "a");
    for (uint32_t i = 0; i < 15; i++) {
        snprintf(names[i], sizeof names[i], "c%u", i);
        uint32_t type = i == 0 ? RH_TYPE_INT : RH_TYPE_BOOL + i - 1;
        columns[i] = column(names[i], type, 0);
        cells[i].type = (uint8_t)type;
        if (i > 0)
            cells[i].as.i = (int64_t)i;
    }
    cells[1].as.i = 1;
    cells[3].as.u = UINT64_MAX;
    cells[4].as.f = -0.5;
    for (uint32_t i = 5; i < 8; i++) {
        cells[i].as.data = "-12.50";
        cells[i].len = 6;
    }
    cells[12].as.data = &interval;
    cells[13].as.data = uuid;
    cells[12].len = cells[13].len = 16;
    cells[14].as.data = "[1]";
    cells[14].len = 3;
    ck_assert_msg(create(&s, "types", columns, 15, 1) == 0, "%s", s.error.message);
    struct writing w = {INSERT, columns, 15, 0, cells, 1, NULL, 0};
    ck_assert_msg(put(&s, "types", &w) == 0, "%s", s.error.message);

    struct rh_value other[15];
    memcpy(other, cells, sizeof other);
    for (uint32_t i = 1; i < 15; i++)
        other[i] = rh_kit_null();
    other[0] = rh_kit_int(1);
    w.cells = other;
    ck_assert_msg(put(&s, "types", &w) == 0, "%s", s.error.message);
    for (uint32_t i = 1; i < 15; i++) { /* a value of another type is refused */
        other[0] = rh_kit_int(2);
        other[i] = cells[i == 14 ? 1 : i + 1];
        ck_assert_int_eq(put(&s, "types", &w), RH_DATA);
        ck_assert_str_eq(s.error.column, names[i]);
        other[i] = rh_kit_null();
    }

    struct rh_cursor *cursor;
    struct rh_batch batch = {.struct_size = sizeof batch};
    ck_assert_int_eq(open_table(&s, "types", columns, 15, &cursor), 0);
    ck_assert_int_eq(library->connector.next(cursor, op_of(&s), 10, &batch, &s.error), 0);
    ck_assert_uint_eq(batch.n_rows, 2);
    for (uint32_t i = 0; i < 15; i++) {
        const struct rh_value *cell = &batch.cells[i];
        ck_assert_uint_eq(cell->type, cells[i].type);
        ck_assert_uint_eq(cell->len, cells[i].len);
        if (cell->len)
            ck_assert_mem_eq(cell->as.data, cells[i].as.data, cell->len);
        else
            ck_assert_int_eq(cell->as.i, cells[i].as.i);
        if (i)
            ck_assert_uint_eq(batch.cells[15 + i].type, RH_TYPE_NULL);
    }
    ck_assert_int_eq(library->connector.next(cursor, op_of(&s), 10, &batch, &s.error), RH_END);
    library->connector.finish(cursor);

    struct rh_catalog catalog = {.struct_size = sizeof catalog};
    ck_assert_int_eq(library->connector.tables(s.conn, op_of(&s), &catalog, &s.error), 0);
    ck_assert_uint_eq(catalog.n_tables, 1);
    ck_assert(rh_text_is(catalog.tables->name, "types") && catalog.tables->est_rows == 2);
    ck_assert(catalog.tables->n_key == 1 && catalog.tables->key[0] == 0);
    for (uint32_t i = 0; i < 15; i++) {
        ck_assert_uint_eq(catalog.tables->columns[i].type, columns[i].type);
        ck_assert(rh_text_is(catalog.tables->columns[i].name, names[i]));
    }
    ck_assert_uint_eq(catalog.tables->columns[0].flags, RH_COLUMN_NOT_NULL);
    stop(&s);
}
END_TEST

START_TEST(keys_are_unique_and_find_rows)
{
    struct session s;
    start(&s, "a");
    create_t(&s);
    ck_assert_int_eq(put_t(&s, INSERT, 1, 10, "a"), 0);
    ck_assert_int_eq(put_t(&s, INSERT, 2, 10, "b"), 0);
    ck_assert_int_eq(put_t(&s, INSERT, 1, 11, "c"), RH_CONSTRAINT);
    ck_assert_uint_eq(s.error.constraint, RH_CONSTRAINT_UNIQUE);
    ck_assert_uint_eq(s.error.row, 0);
    ck_assert_int_eq(put_t(&s, UPDATE, 1, 11, "c"), 0);
    ck_assert_uint_eq(s.result.n_affected, 1);
    ck_assert_int_eq(put_t(&s, UPDATE, 3, 11, "c"), 0);
    ck_assert_uint_eq(s.result.n_affected, 0);
    ck_assert_int_eq(put_t(&s, MERGE, 2, 12, "d"), 0);
    ck_assert_int_eq(put_t(&s, MERGE, 3, 13, "e"), 0);
    ck_assert_int_eq(put_t(&s, IGNORE, 3, 14, "f"), 0);
    ck_assert_uint_eq(s.result.n_affected, 0);
    ck_assert_str_eq(read_t(&s), "1:11:c 2:12:d 3:13:e");

    /* Changed keys: id is given twice, as key and to be set. */
    struct rh_column twice[] = {id_n_label[0], id_n_label[0]};
    struct rh_value cells[] = {rh_kit_int(1), rh_kit_int(9)};
    struct writing w = {UPDATE, twice, 2, 1, cells, 1, NULL, 0};
    ck_assert_int_eq(put(&s, "t", &w), 0);
    cells[0] = rh_kit_int(2);
    ck_assert_int_eq(put(&s, "t", &w), RH_CONSTRAINT);
    ck_assert_int_eq(put_t(&s, INSERT, 1, 1, "new"), 0);
    ck_assert_int_eq(put_t(&s, REMOVE, 3, 0, ""), 0);
    ck_assert_uint_eq(s.result.n_affected, 1);
    ck_assert_str_eq(read_t(&s), "1:1:new 2:12:d 9:11:c");

    /* By a column that is no key: must match at most one row. */
    struct rh_column by_n[] = {id_n_label[1], id_n_label[2]};
    struct rh_value set[] = {rh_kit_int(12), rh_kit_text(RH_TEXT("by n"))};
    w = (struct writing){UPDATE, by_n, 2, 1, set, 1, NULL, 0};
    ck_assert_int_eq(put(&s, "t", &w), 0);
    ck_assert_int_eq(put_t(&s, INSERT, 4, 12, ""), 0);
    ck_assert_int_eq(put(&s, "t", &w), RH_CONSTRAINT);
    ck_assert_uint_eq(s.error.constraint, RH_CONSTRAINT_AMBIGUOUS_KEY);
    set[0] = rh_kit_null();
    ck_assert_int_eq(put(&s, "t", &w), 0);
    ck_assert_uint_eq(s.result.n_affected, 0);
    ck_assert_str_eq(read_t(&s), "1:1:new 2:12:by n 4:12: 9:11:c");
    stop(&s);
}
END_TEST

START_TEST(keys_are_compared_by_value)
{
    struct rh_column columns[] = {column("d", RH_TYPE_DECIMAL, 0), column("f", RH_TYPE_FLOAT, 0)};
    struct rh_value cells[] = {{.type = RH_TYPE_DECIMAL, .len = 4, .as.data = "1.50"},
                               {.type = RH_TYPE_FLOAT, .as.f = 0.0}};
    struct session s;
    start(&s, "a");
    ck_assert_int_eq(create(&s, "t", columns, 2, 2), 0);
    struct writing w = {INSERT, columns, 2, 0, cells, 1, NULL, 0};
    ck_assert_int_eq(put(&s, "t", &w), 0);
    cells[0].as.data = "01.5";
    cells[1].as.f = -0.0;
    ck_assert_int_eq(put(&s, "t", &w), RH_CONSTRAINT);
    cells[0].as.data = "-1.5";
    ck_assert_int_eq(put(&s, "t", &w), 0);
    cells[0].as.data = "-0.0";
    ck_assert_int_eq(put(&s, "t", &w), 0);
    cells[0].as.data = "0000";
    ck_assert_int_eq(put(&s, "t", &w), RH_CONSTRAINT);
    cells[0] = rh_kit_null();
    ck_assert_int_eq(put(&s, "t", &w), RH_CONSTRAINT);
    ck_assert_uint_eq(s.error.constraint, RH_CONSTRAINT_NOT_NULL);
    ck_assert_str_eq(s.error.column, "d");
    stop(&s);
}
END_TEST

START_TEST(missing_values_come_from_identity_and_defaults)
{
    struct rh_column columns[] = {
        column("id", RH_TYPE_INT, RH_COLUMN_IDENTITY), column("price", RH_TYPE_DECIMAL, 0),
        column("at", RH_TYPE_DATE, RH_COLUMN_NOT_NULL), column("note", RH_TYPE_TEXT, 0)};
    columns[1].default_text = RH_TEXT("1e1");
    columns[1].precision = 4;
    columns[1].scale = 1;
    columns[2].default_text = RH_TEXT("2024-02-29");
    columns[3].max_length = 2;
    struct rh_value missing = {.type = RH_TYPE_MISSING};
    struct rh_value cells[] = {
        missing,       missing, missing, missing,
        rh_kit_int(7), missing, missing, rh_kit_text(RH_TEXT("\xc3\xa9\xc3\xa9")),
        missing,       missing, missing, missing};
    struct session s;
    start(&s, "a");
    ck_assert_msg(create(&s, "d", columns, 4, 1) == 0, "%s", s.error.message);
    struct writing w = {INSERT, columns, 4, 0, cells, 3, columns, 4};
    ck_assert_msg(put(&s, "d", &w) == 0, "%s", s.error.message);
    ck_assert_uint_eq(s.result.n_affected, 3);
    const struct rh_batch *returned = &s.result.returned;
    ck_assert(returned->n_rows == 3 && returned->n_cols == 4);
    ck_assert_int_eq(returned->cells[0].as.i, 1);
    ck_assert(rh_text_is(rh_kit_value_text(&returned->cells[1]), "10"));
    ck_assert_int_eq(returned->cells[2].as.i, 19782);
    ck_assert_uint_eq(returned->cells[3].type, RH_TYPE_NULL);
    ck_assert_int_eq(returned->cells[4].as.i, 7);
    ck_assert_int_eq(returned->cells[8].as.i, 8);

    struct rh_value bad[] = {missing, missing, rh_kit_null(), missing};
    w = (struct writing){INSERT, columns, 4, 0, bad, 1, NULL, 0};
    ck_assert_int_eq(put(&s, "d", &w), RH_CONSTRAINT);
    ck_assert_uint_eq(s.error.constraint, RH_CONSTRAINT_NOT_NULL);
    bad[2] = missing;
    bad[3] = rh_kit_text(RH_TEXT("abc"));
    ck_assert_int_eq(put(&s, "d", &w), RH_DATA);
    bad[3] = rh_kit_text(RH_TEXT("\xff"));
    ck_assert_int_eq(put(&s, "d", &w), RH_DATA);
    bad[3] = missing;
    bad[1] = (struct rh_value){.type = RH_TYPE_DECIMAL, .len = 4, .as.data = "1.25"};
    ck_assert_int_eq(put(&s, "d", &w), RH_DATA);
    bad[1].as.data = "1000";
    ck_assert_int_eq(put(&s, "d", &w), RH_DATA);
    bad[1].as.data = "-9.9";
    ck_assert_int_eq(put(&s, "d", &w), 0);
    bad[0] = rh_kit_int(INT64_MAX);
    ck_assert_int_eq(put(&s, "d", &w), 0);
    bad[0] = missing;
    ck_assert_int_eq(put(&s, "d", &w), RH_DATA);

    columns[2].default_text = RH_TEXT("yesterday");
    ck_assert_int_eq(create(&s, "e", columns, 4, 1), RH_INVALID);
    stop(&s);
}
END_TEST

START_TEST(a_call_changes_all_of_its_rows_or_none)
{
    struct rh_value cells[30];
    struct session s;
    start(&s, "a");
    create_t(&s);
    ck_assert_int_eq(put_t(&s, INSERT, 5, 5, "old"), 0);
    for (int64_t i = 0; i < 10; i++) {
        cells[i * 3] = rh_kit_int(i == 9 ? 2 : i);
        cells[i * 3 + 1] = rh_kit_int(i);
        cells[i * 3 + 2] = rh_kit_text(RH_TEXT("new"));
    }
    struct writing w = {MERGE, id_n_label, 3, 1, cells, 9, NULL, 0};
    cells[25] = rh_kit_null();
    ck_assert_int_eq(put(&s, "t", &w), RH_CONSTRAINT);
    ck_assert_uint_eq(s.error.row, 8);
    ck_assert_str_eq(s.error.column, "n");
    ck_assert_str_eq(read_t(&s), "5:5:old");
    cells[25] = rh_kit_int(8);
    cells[15] = rh_kit_int(10);
    w = (struct writing){INSERT, id_n_label, 3, 0, cells, 10, NULL, 0};
    ck_assert_int_eq(put(&s, "t", &w), RH_CONSTRAINT);
    ck_assert_uint_eq(s.error.row, 9);
    ck_assert_str_eq(read_t(&s), "5:5:old");
    ck_assert_int_eq(put_t(&s, INSERT, 2, 2, "two"), 0); /* the index followed */
    ck_assert_int_eq(put_t(&s, INSERT, 5, 5, "five"), RH_CONSTRAINT);
    stop(&s);
}
END_TEST

START_TEST(transactions_are_seen_when_committed)
{
    struct session a, b;
    start(&a, "shared");
    start(&b, "shared");
    create_t(&a);
    const struct rh_tx *tx = &library->tx;
    ck_assert_int_eq(put_t(&a, INSERT, 1, 1, "a"), 0);
    ck_assert_int_eq(tx->begin(a.conn, op_of(&a), 0, &a.error), 0);
    ck_assert_int_eq(put_t(&a, UPDATE, 1, 2, "b"), 0);
    ck_assert_int_eq(put_t(&a, INSERT, 2, 2, "b"), 0);
    ck_assert_int_eq(put_t(&a, INSERT, 2, 2, "again"), RH_CONSTRAINT);
    ck_assert_str_eq(read_t(&a), "1:2:b 2:2:b");
    ck_assert_str_eq(read_t(&b), "1:1:a");
    ck_assert_int_eq(tx->rollback(a.conn, op_of(&a), &a.error), 0);
    ck_assert_str_eq(read_t(&a), "1:1:a");
    ck_assert_int_eq(put_t(&b, INSERT, 2, 3, "c"), 0);

    ck_assert_int_eq(tx->begin(a.conn, op_of(&a), 0, &a.error), 0);
    ck_assert_int_eq(put_t(&a, REMOVE, 1, 0, ""), 0);
    ck_assert_int_eq(tx->savepoint(a.conn, op_of(&a), 1, &a.error), 0);
    ck_assert_int_eq(put_t(&a, UPDATE, 2, 4, "d"), 0);
    ck_assert_int_eq(tx->savepoint(a.conn, op_of(&a), 2, &a.error), 0);
    ck_assert_int_eq(put_t(&a, MERGE, 1, 5, "e"), 0);
    struct rh_cursor *cursor; /* holds the list that is rolled back under it */
    ck_assert_int_eq(open_table(&a, "t", id_n_label, 3, &cursor), 0);
    ck_assert_int_eq(tx->rollback_to(a.conn, op_of(&a), 2, &a.error), 0);
    ck_assert_str_eq(drain(&a, cursor), "1:5:e 2:4:d");
    ck_assert_str_eq(read_t(&a), "2:4:d");
    ck_assert_int_eq(tx->rollback_to(a.conn, op_of(&a), 1, &a.error), 0);
    ck_assert_str_eq(read_t(&a), "2:3:c");
    ck_assert_int_eq(tx->release(a.conn, op_of(&a), 1, &a.error), 0);
    ck_assert_int_eq(tx->rollback_to(a.conn, op_of(&a), 2, &a.error), RH_INVALID);
    ck_assert_str_eq(read_t(&b), "1:1:a 2:3:c");
    ck_assert_int_eq(tx->commit(a.conn, op_of(&a), &a.error), 0);
    ck_assert_str_eq(read_t(&b), "2:3:c");
    ck_assert_int_eq(tx->commit(a.conn, op_of(&a), &a.error), RH_INVALID);

    ck_assert_int_eq(tx->begin(a.conn, op_of(&a), 0, &a.error), 0);
    ck_assert_int_eq(put_t(&a, INSERT, 8, 8, "lost"), 0);
    stop(&a); /* closing takes it back and lets others write */
    ck_assert_int_eq(put_t(&b, INSERT, 9, 9, "kept"), 0);
    ck_assert_str_eq(read_t(&b), "2:3:c 9:9:kept");
    stop(&b);
}
END_TEST

START_TEST(snapshots_stay_and_read_only_is_enforced)
{
    struct session a, b;
    start(&a, "shared");
    start(&b, "shared");
    create_t(&a);
    ck_assert_int_eq(put_t(&a, INSERT, 1, 1, "a"), 0);
    uint32_t flags = RH_TX_READ_ONLY | RH_TX_SNAPSHOT;
    ck_assert_int_eq(library->tx.begin(a.conn, op_of(&a), flags, &a.error), 0);
    ck_assert_int_eq(put_t(&b, UPDATE, 1, 2, "b"), 0);
    ck_assert_str_eq(read_t(&a), "1:1:a");
    ck_assert_str_eq(read_t(&b), "1:2:b");
    ck_assert_int_eq(put_t(&a, INSERT, 2, 2, "x"), RH_PERMISSION);
    struct rh_table t = {.struct_size = sizeof t, .name = RH_TEXT_INIT("t")};
    struct rh_column more = column("more", RH_TYPE_INT, 0);
    ck_assert_int_eq(change(&b, RH_DDL_ADD_COLUMN, &t, &more, NULL), 0);
    struct rh_cursor *cursor;
    ck_assert_int_eq(open_table(&a, "t", id_n_label, 3, &cursor), RH_CONFLICT);
    ck_assert_int_eq(library->connector.reset(a.conn, op_of(&a), &a.error), 0);
    ck_assert_str_eq(read_t(&a), "1:2:b");
    a.op.abi.flags = RH_OP_READ_ONLY;
    ck_assert_int_eq(put_t(&a, INSERT, 2, 2, "x"), RH_PERMISSION);
    ck_assert_int_eq(change(&a, RH_DDL_DROP_TABLE, &t, NULL, NULL), RH_PERMISSION);
    stop(&a);
    stop(&b);
}
END_TEST

static atomic_bool ended;

/* Again and again: without a running call it has no effect. */
static void *cancel_until_ended(void *conn)
{
    while (!atomic_load(&ended)) {
        library->connector.cancel(conn);
        (void)usleep(1000);
    }
    return NULL;
}

START_TEST(writers_wait_until_deadline_or_cancel)
{
    struct session a, b;
    pthread_t thread;
    start(&a, "shared");
    start(&b, "shared");
    create_t(&a);
    ck_assert_int_eq(library->tx.begin(a.conn, op_of(&a), 0, &a.error), 0);
    ck_assert_int_eq(put_t(&a, INSERT, 1, 1, "a"), 0);

    struct rh_value cells[] = {rh_kit_int(1)};
    uint32_t key = 0;
    struct rh_write_spec spec = {.struct_size = sizeof spec,
                                 .table = RH_TEXT_INIT("t"),
                                 .columns = id_n_label,
                                 .n_columns = 1,
                                 .column_stride = sizeof *id_n_label,
                                 .key = &key,
                                 .n_key = 1,
                                 .n_rows = 1,
                                 .cells = cells};
    op_of(&b);
    b.op.abi.deadline_us = rh_clock_us() + 60000;
    ck_assert_int_eq(library->write.remove(b.conn, &b.op.abi, &spec, &b.result, &b.error),
                     RH_TIMEOUT);
    ck_assert_uint_eq(b.error.retry, RH_RETRY_SAFE);

    ck_assert_int_eq(pthread_create(&thread, NULL, cancel_until_ended, b.conn), 0);
    ck_assert_int_eq(library->write.remove(b.conn, op_of(&b), &spec, &b.result, &b.error),
                     RH_CANCELLED);
    atomic_store(&ended, true);
    pthread_join(thread, NULL);
    library->connector.cancel(b.conn); /* between two calls: no effect */
    ck_assert_int_eq(library->connector.ping(b.conn, op_of(&b), &b.error), 0);

    ck_assert_int_eq(library->tx.commit(a.conn, op_of(&a), &a.error), 0);
    ck_assert_int_eq(library->write.remove(b.conn, op_of(&b), &spec, &b.result, &b.error), 0);
    ck_assert_uint_eq(b.result.n_affected, 1);
    stop(&a);
    stop(&b);
}
END_TEST

START_TEST(tables_change_under_open_cursors)
{
    struct session a, b;
    struct rh_cursor *cursor;
    start(&a, "shared");
    start(&b, "shared");
    create_t(&a);
    struct rh_table t = {.struct_size = sizeof t, .name = RH_TEXT_INIT("t")};
    for (int i = 1; i < 8; i++)
        ck_assert_int_eq(put_t(&a, INSERT, i, i, "x"), 0);
    ck_assert_int_eq(open_table(&b, "t", id_n_label, 3, &cursor), 0);
    for (int i = 1; i < 8; i++)
        ck_assert_int_eq(put_t(&a, i % 2 ? REMOVE : UPDATE, i, -i, "y"), 0);
    struct rh_column more = column("more", RH_TYPE_TEXT, RH_COLUMN_NOT_NULL);
    ck_assert_int_eq(change(&a, RH_DDL_ADD_COLUMN, &t, &more, NULL), RH_CONSTRAINT);
    more.default_text = RH_TEXT("dflt");
    ck_assert_msg(change(&a, RH_DDL_ADD_COLUMN, &t, &more, NULL) == 0, "%s", a.error.message);
    ck_assert_int_eq(change(&a, RH_DDL_ADD_COLUMN, &t, &more, NULL), RH_EXISTS);
    ck_assert_int_eq(change(&a, RH_DDL_DROP_COLUMN, &t, &id_n_label[0], NULL), RH_INVALID);
    ck_assert_int_eq(change(&a, RH_DDL_DROP_COLUMN, &t, &id_n_label[2], NULL), 0);
    ck_assert_int_eq(change(&a, RH_DDL_RENAME_COLUMN, &t, &more, "label"), 0);
    ck_assert_str_eq(read_t(&a), "2:-2:dflt 4:-4:dflt 6:-6:dflt");
    ck_assert_int_eq(put_t(&a, UPDATE, 4, 4, "z"), 0); /* the index was rebuilt */
    ck_assert_int_eq(change(&a, RH_DDL_RENAME_TABLE, &t, NULL, "u"), 0);
    ck_assert_int_eq(change(&a, RH_DDL_DROP_TABLE, &t, NULL, NULL), RH_NOT_FOUND);
    t.name = RH_TEXT("u");
    ck_assert_int_eq(change(&a, RH_DDL_DROP_TABLE, &t, NULL, NULL), 0);
    ck_assert_str_eq(drain(&b, cursor), "1:1:x 2:2:x 3:3:x 4:4:x 5:5:x 6:6:x 7:7:x");
    ck_assert_int_eq(open_table(&b, "u", id_n_label, 3, &cursor), RH_NOT_FOUND);
    stop(&a);
    stop(&b);
}
END_TEST

/* ---- Against a plain array --------------------------------------------------------------- */

#define IDS 12

struct model {
    int64_t n[IDS]; /* 0: no such row */
};

static const char *model_text(const struct model *m)
{
    static char text[1024];
    size_t len = 0;
    text[0] = '\0';
    for (int i = 0; i < IDS; i++) {
        if (m->n[i])
            len += (size_t)snprintf(text + len, sizeof text - len, "%s%d:%lld:x", len ? " " : "", i,
                                    (long long)m->n[i]);
    }
    return text;
}

static int model_put(struct model *m, enum verb verb, int id, int64_t n)
{
    bool exists = m->n[id] != 0;
    if (verb == INSERT && exists)
        return RH_CONSTRAINT;
    if (verb == REMOVE)
        m->n[id] = 0;
    else if (verb == UPDATE ? exists : verb == MERGE || !exists)
        m->n[id] = n;
    return RH_OK;
}

START_TEST(random_changes_agree_with_an_array)
{
    struct session s, other;
    struct model now = {{0}}, saved[4], committed = now;
    uint32_t n_saved = 0;
    bool in_tx = false;
    start(&s, "random");
    const struct rh_tx *tx = &library->tx;
    start(&other, "random");
    create_t(&s);
    srandom(4711);
    for (int64_t step = 1; step < 20000; step++) {
        long what = random() % 20;
        if (what == 0 && !in_tx) {
            ck_assert_int_eq(tx->begin(s.conn, op_of(&s), 0, &s.error), 0);
            in_tx = true;
            n_saved = 0;
        } else if (what == 1 && in_tx) {
            ck_assert_int_eq(tx->commit(s.conn, op_of(&s), &s.error), 0);
            in_tx = false;
        } else if (what == 2 && in_tx) {
            ck_assert_int_eq(tx->rollback(s.conn, op_of(&s), &s.error), 0);
            now = committed;
            in_tx = false;
        } else if (what == 3 && in_tx && n_saved < 4) {
            saved[n_saved++] = now;
            ck_assert_int_eq(tx->savepoint(s.conn, op_of(&s), n_saved, &s.error), 0);
        } else if (what == 4 && in_tx && n_saved) {
            n_saved = (uint32_t)random() % n_saved + 1;
            now = saved[n_saved - 1];
            ck_assert_int_eq(tx->rollback_to(s.conn, op_of(&s), n_saved, &s.error), 0);
        } else {
            enum verb verb = (enum verb)(random() % 5);
            int id = (int)(random() % IDS);
            int rc = put_t(&s, verb, id, step, "x");
            ck_assert_int_eq(rc, model_put(&now, verb, id, step));
        }
        if (!in_tx)
            committed = now;
        if (random() % 4 == 0) {
            ck_assert_str_eq(read_t(&s), model_text(&now));
            ck_assert_str_eq(read_t(&other), model_text(&committed));
        }
    }
    stop(&s);
    stop(&other);
}
END_TEST

/* ---- Many threads ------------------------------------------------------------------------ */

#define ACCOUNTS INT64_C(16)

/* Moves amounts between accounts in transactions; the sum never changes for anybody. */
static void *move_around(void *context)
{
    unsigned seed = *(unsigned *)context;
    struct session s;
    start(&s, "bank");
    for (int i = 0; i < 150; i++) {
        struct rh_cursor *cursor;
        struct rh_batch batch = {.struct_size = sizeof batch};
        int64_t sum = 0, rows = 0, n[ACCOUNTS];
        bool writes = rand_r(&seed) % 2;
        if (writes)
            ck_assert_int_eq(library->tx.begin(s.conn, op_of(&s), RH_TX_SNAPSHOT, &s.error), 0);
        ck_assert_int_eq(open_table(&s, "t", id_n_label, 3, &cursor), 0);
        while (library->connector.next(cursor, op_of(&s), 5, &batch, &s.error) == RH_OK) {
            for (uint64_t r = 0; r < batch.n_rows; r++) {
                ck_assert(rh_text_is(rh_kit_value_text(&batch.cells[r * 3 + 2]), "account"));
                n[batch.cells[r * 3].as.i] = batch.cells[r * 3 + 1].as.i;
                sum += batch.cells[r * 3 + 1].as.i;
                rows++;
            }
        }
        library->connector.finish(cursor);
        ck_assert_int_eq(rows, ACCOUNTS);
        ck_assert_int_eq(sum, ACCOUNTS * 100);
        if (!writes)
            continue;
        int64_t from = rand_r(&seed) % ACCOUNTS, to = (from + 1) % ACCOUNTS;
        ck_assert_int_eq(put_t(&s, REMOVE, from, 0, ""), 0);
        ck_assert_int_eq(put_t(&s, INSERT, from, n[from] - 1, "account"), 0);
        ck_assert_int_eq(put_t(&s, UPDATE, to, n[to] + 1, "account"), 0);
        if (rand_r(&seed) % 3)
            ck_assert_int_eq(library->tx.commit(s.conn, op_of(&s), &s.error), 0);
        else
            ck_assert_int_eq(library->tx.rollback(s.conn, op_of(&s), &s.error), 0);
    }
    stop(&s);
    return NULL;
}

START_TEST(threads_see_whole_transactions)
{
    pthread_t threads[6];
    unsigned seeds[6];
    struct session s;
    start(&s, "bank");
    create_t(&s);
    for (int i = 0; i < ACCOUNTS; i++)
        ck_assert_int_eq(put_t(&s, INSERT, i, 100, "account"), 0);
    for (uint32_t i = 0; i < COUNT(threads); i++) {
        seeds[i] = i;
        ck_assert_int_eq(pthread_create(&threads[i], NULL, move_around, &seeds[i]), 0);
    }
    for (uint32_t i = 0; i < COUNT(threads); i++)
        pthread_join(threads[i], NULL);
    stop(&s);
}
END_TEST

TESTS_MAIN("memory", claims_what_it_can_and_nothing_else, every_type_comes_back,
           keys_are_unique_and_find_rows, keys_are_compared_by_value,
           missing_values_come_from_identity_and_defaults, a_call_changes_all_of_its_rows_or_none,
           transactions_are_seen_when_committed, snapshots_stay_and_read_only_is_enforced,
           writers_wait_until_deadline_or_cancel, tables_change_under_open_cursors,
           random_changes_agree_with_an_array, threads_see_whole_transactions)
