/* sdk/rows/write.h: one row by its key, and all rows of a condition. */
#include "write_fixture.h"

/* ---- One row ----------------------------------------------------------------------------- */

static int update(int64_t id, const char *set, const struct rh_write_options *options)
{
    clear_output();
    return rh_write_update_row(&session, table_of("write_test"), key(id), json(set), options, &sink,
                               &counts, &error);
}

static int put(int64_t id, const char *row, const struct rh_write_options *options, bool *created)
{
    clear_output();
    return rh_write_put_row(&session, table_of("write_test"), key(id), json(row), options, &sink,
                            created, &error);
}

static int delete (int64_t id, const struct rh_write_options *options)
{
    clear_output();
    return rh_write_delete_row(&session, table_of("write_test"), key(id), options, &counts, &error);
}

START_TEST(one_row_by_key)
{
    struct rh_write_options rows = {.returning = RH_RETURNING_KEYS};
    start(connectors[_i]);
    OK(insert("[{\"id\":1,\"name\":\"a\"},{\"id\":2,\"name\":\"b\"}]", NULL));
    OK(update(1, "{\"name\":\"z\",\"note\":\"n\"}", &rows));
    ck_assert_str_eq(returned(), "{\"id\":1}\n");
    ck_assert_int_eq(update(9, "{\"name\":\"z\"}", NULL), RH_NOT_FOUND);
    ck_assert_int_eq(update(1, "{}", NULL), RH_INVALID);
    ck_assert_int_eq(update(1, "{\"name\":null}", NULL), RH_CONSTRAINT);
    ck_assert_str_eq(error.pointer, "/name");
    ck_assert_int_eq(update(1, "{\"id\":2}", NULL), RH_CONSTRAINT);
    OK(update(1, "{\"id\":7}", NULL));
    ck_assert_str_eq(rows_of("select=id,name,note&order=id"),
                     "{\"id\":2,\"name\":\"b\",\"note\":null}\n"
                     "{\"id\":7,\"name\":\"z\",\"note\":\"n\"}\n");
    OK(delete (2, NULL));
    ck_assert_int_eq(delete (2, NULL), RH_NOT_FOUND);
    ck_assert_int_eq(count_rows(), 1);
    rh_error_clear(&error);
    ck_assert_int_eq(
        rh_write_delete_row(&session, table_of("write_nokey"), key(1), NULL, &counts, &error),
        RH_UNSUPPORTED);
    ck_assert_str_eq(error.code, "no-key");
    stop();
}
END_TEST

START_TEST(put_replaces_the_whole_row)
{
    bool created = false;
    start(connectors[_i]);
    OK(put(1, "{\"name\":\"a\",\"note\":\"n\"}", NULL, &created));
    ck_assert(created);
    OK(put(1, "{\"id\":1,\"name\":\"b\",\"total\":5}", NULL, &created));
    ck_assert(!created);
    ck_assert_str_eq(rows_of("select=id,name,note"), "{\"id\":1,\"name\":\"b\",\"note\":null}\n");
    ck_assert_int_eq(put(1, "{\"id\":2,\"name\":\"b\"}", NULL, &created), RH_INVALID);
    ck_assert_str_eq(error.pointer, "/id");
    ck_assert_int_eq(put(1, "{\"note\":\"b\"}", NULL, &created), RH_CONSTRAINT);
    struct rh_write_options existing = {.if_match = RH_TEXT_INIT("*")};
    ck_assert_int_eq(put(5, "{\"name\":\"b\"}", &existing, &created), RH_NOT_FOUND);
    ck_assert_int_eq(count_rows(), 1);
    stop();
}
END_TEST

START_TEST(stale_versions_are_refused)
{
    char etag[33];
    struct rh_value *cells = NULL;
    struct rh_write_options match = {0};
    bool created = false;
    start(connectors[_i]);
    OK(insert("{\"id\":1,\"name\":\"a\"}", NULL));
    OK(rh_read_row(&session, table_of("write_test"), key(1), false, &cells, &error));
    rh_read_etag(table_of("write_test"), cells, etag);
    match.if_match = rh_text_of(etag);
    OK(update(1, "{\"name\":\"b\"}", &match));
    ck_assert_int_eq(update(1, "{\"name\":\"c\"}", &match), RH_CONFLICT);
    ck_assert_str_eq(error.code, "stale");
    ck_assert(!session.in_transaction);
    ck_assert_int_eq(delete (1, &match), RH_CONFLICT);
    ck_assert_int_eq(put(1, "{\"name\":\"c\"}", &match, &created), RH_CONFLICT);
    ck_assert_int_eq(upsert("{\"id\":1,\"name\":\"c\"}", &match), RH_CONFLICT);
    ck_assert_int_eq(update(2, "{\"name\":\"c\"}", &match), RH_NOT_FOUND);
    ck_assert_str_eq(rows_of("select=name"), "{\"name\":\"b\"}\n");
    OK(rh_read_row(&session, table_of("write_test"), key(1), false, &cells, &error));
    rh_read_etag(table_of("write_test"), cells, etag);
    OK(delete (1, &match));
    stop();
}
END_TEST

/* ---- By condition ------------------------------------------------------------------------ */

START_TEST(by_condition)
{
    start(connectors[_i]);
    char *body = many(0, 5000, "");
    OK(insert(body, NULL));
    free(body);
    const struct rh_table *table = table_of("write_test");
    OK(rh_write_update_where(&session, table, where("{\"id\":{\"lt\":3000}}"), false,
                             json("{\"note\":\"low\"}"), NULL, &sink, &counts, &error));
    ck_assert_uint_eq(counts.n_affected, 3000);
    /* A regular expression is not the source's business, so keys are read. */
    OK(rh_write_delete_where(&session, table,
                             where("{\"note\":\"low\",\"name\":{\"matches\":\"^n..?$\"}}"), false,
                             NULL, NULL, &counts, &error));
    ck_assert_uint_eq(counts.n_affected, 100);
    ck_assert_int_eq(count_rows(), 4900);
    OK(rh_write_update_where(&session, table, where("{\"id\":{\"in\":[]}}"), false,
                             json("{\"note\":\"x\"}"), NULL, &sink, &counts, &error));
    ck_assert_uint_eq(counts.n_affected, 0);
    ck_assert_int_eq(
        rh_write_delete_where(&session, table, NULL, false, NULL, NULL, &counts, &error),
        RH_INVALID);
    ck_assert_str_eq(error.code, "unconditional-write");
    rh_error_clear(&error);
    ck_assert_int_eq(
        rh_write_delete_where(&session, table, where("{}"), false, NULL, NULL, &counts, &error),
        RH_INVALID);
    rh_error_clear(&error);
    ck_assert_int_eq(rh_write_update_where(&session, table, where("{\"id\":1}"), false,
                                           json("{\"nam\":1}"), NULL, &sink, &counts, &error),
                     RH_INVALID);
    rh_error_clear(&error);
    ck_assert_int_eq(count_rows(), 4900);
    OK(rh_write_delete_where(&session, table, NULL, true, NULL, NULL, &counts, &error));
    ck_assert_int_eq(count_rows(), 0);
    stop();
}
END_TEST

START_TEST(by_condition_returns_rows)
{
    struct rh_write_options keys = {.returning = RH_RETURNING_KEYS};
    start(connectors[_i]);
    OK(insert("[{\"id\":1,\"name\":\"a\"},{\"id\":2,\"name\":\"b\"},{\"id\":3,\"name\":\"b\"}]",
              NULL));
    clear_output();
    OK(rh_write_update_where(&session, table_of("write_test"),
                             where("{\"name\":{\"matches\":\"b\"}}"), false,
                             json("{\"note\":\"x\"}"), &keys, &sink, &counts, &error));
    ck_assert_str_eq(returned(), "{\"id\":2}\n{\"id\":3}\n");
    stop();
}
END_TEST

/* What cannot be taken back is said. */
START_TEST(by_condition_says_how_far_it_came)
{
    struct rh_write_options each = {.not_atomic = true};
    start("plain");
    char *body = many(0, 25, "");
    OK(insert(body, &each));
    free(body);
    updates_left = 2;
    ck_assert_int_eq(rh_write_update_where(&session, table_of("write_test"),
                                           where("{\"name\":{\"matches\":\"n\"}}"), false,
                                           json("{\"note\":\"x\"}"), &each, &sink, &counts, &error),
                     RH_UNAVAILABLE);
    ck_assert_str_eq(error.message, "20 of 25 rows were changed before this: the source is away");
    updates_left = UINT32_MAX;
    ck_assert_int_eq(count_rows(), 25);
    stop();
}
END_TEST

START_TEST(keyless_tables_need_exact_conditions)
{
    start(connectors[_i]);
    int r = rh_write_delete_where(&session, table_of("write_nokey"),
                                  where("{\"name\":{\"matches\":\"b\"}}"), false, NULL, NULL,
                                  &counts, &error);
    ck_assert_int_eq(r, RH_UNSUPPORTED);
    ck_assert_str_eq(error.code, "no-key");
    stop();
}
END_TEST

START_TEST(read_only_operations_do_not_write)
{
    start(connectors[_i]);
    op.abi.flags |= RH_OP_READ_ONLY;
    ck_assert_int_eq(insert("{\"id\":1,\"name\":\"a\"}", NULL), RH_UNSUPPORTED);
    ck_assert_str_eq(error.code, "read-only");
    op.abi.flags = 0;
    ck_assert_int_eq(count_rows(), 0);
    stop();
}
END_TEST

int main(void)
{
    int n = getenv("ROWHOUSE_TEST_POSTGRES") ? 3 : 2;
    struct tests tests = tests_new("write_rows", NULL, NULL);

    tcase_add_loop_test(tests.tcase, one_row_by_key, 0, n);
    tcase_add_loop_test(tests.tcase, put_replaces_the_whole_row, 0, n);
    tcase_add_loop_test(tests.tcase, stale_versions_are_refused, 0, n);
    tcase_add_loop_test(tests.tcase, by_condition, 0, n);
    tcase_add_loop_test(tests.tcase, by_condition_returns_rows, 0, n);
    tcase_add_test(tests.tcase, by_condition_says_how_far_it_came);
    tcase_add_loop_test(tests.tcase, keyless_tables_need_exact_conditions, 0, n);
    tcase_add_loop_test(tests.tcase, read_only_operations_do_not_write, 0, n);
    return tests_end(&tests);
}
