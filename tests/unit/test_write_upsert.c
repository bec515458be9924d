/* sdk/rows/write.h: upserts, by the source or by reading what is there. */
#include "write_fixture.h"

/* ---- Upserts ----------------------------------------------------------------------------- */

START_TEST(upserts_merge_or_ignore)
{
    struct rh_write_options merge = {.resolution = RH_RESOLVE_MERGE};
    struct rh_write_options ignore = {.resolution = RH_RESOLVE_IGNORE};
    struct rh_write_options by = {.conflict_columns = RH_TEXT_INIT("id")};
    struct rh_write_options unknown = {.conflict_columns = RH_TEXT_INIT("idd")};
    start(connectors[_i]);
    OK(insert("{\"id\":1,\"name\":\"a\",\"note\":\"kept\"}", NULL));
    OK(upsert("[{\"id\":1,\"name\":\"b\"},{\"id\":2,\"name\":\"c\"}]", &merge));
    OK(upsert("[{\"id\":1,\"name\":\"x\"},{\"id\":3,\"name\":\"d\"}]", &ignore));
    OK(upsert("[{\"id\":3,\"name\":\"e\"}]", &by));
    ck_assert_str_eq(rows_of("select=id,name,note&order=id"),
                     "{\"id\":1,\"name\":\"b\",\"note\":\"kept\"}\n"
                     "{\"id\":2,\"name\":\"c\",\"note\":null}\n"
                     "{\"id\":3,\"name\":\"e\",\"note\":null}\n");
    ck_assert_int_eq(upsert("[{\"id\":1,\"name\":\"b\"}]", &unknown), RH_INVALID);
    ck_assert_str_eq(error.code, "unknown-column");
    ck_assert_int_lt(upsert("[{\"name\":\"b\"}]", &merge), 0);
    ck_assert_str_eq(error.pointer, "/0/id");
    stop();
}
END_TEST

static const char *const without_upserts[] = {"each", "each_plain", "plain"};

/* The host looks which rows are there, by any columns. */
START_TEST(upserts_by_reading)
{
    struct rh_write_options merge = {.not_atomic = true, .conflict_columns = RH_TEXT_INIT("name")};
    struct rh_write_options ignore = merge, pair = merge;
    ignore.resolution = RH_RESOLVE_IGNORE;
    pair.conflict_columns = RH_TEXT("note,name");
    start(without_upserts[_i]);
    OK(insert("[{\"id\":1,\"name\":\"a\",\"note\":\"n\"}]", NULL));
    /* What an earlier row made a later one finds; what a row leaves out stays as it is. */
    OK(upsert("[{\"name\":\"z\",\"id\":2},{\"name\":\"a\",\"id\":1},{\"name\":\"z\",\"id\":2,"
              "\"note\":\"y\"},"
              "{\"name\":\"a\",\"id\":10,\"note\":\"w\"},{\"name\":\"b\",\"id\":3}]",
              &merge));
    ck_assert_str_eq(output.statuses, "0 1 2 3 4 ");
    ck_assert_str_eq(rows_of("select=id,name,note&order=id"),
                     "{\"id\":2,\"name\":\"z\",\"note\":\"y\"}\n"
                     "{\"id\":3,\"name\":\"b\",\"note\":null}\n"
                     "{\"id\":10,\"name\":\"a\",\"note\":\"w\"}\n");
    OK(upsert("[{\"name\":\"a\",\"id\":1,\"note\":\"!\"},{\"name\":\"c\",\"id\":4}]", &ignore));
    OK(upsert("[{\"name\":\"a\",\"note\":\"w\",\"id\":5},{\"name\":\"a\",\"note\":\"v\",\"id\":6}]",
              &pair));
    ck_assert_str_eq(rows_of("select=id,name,note&order=id"),
                     "{\"id\":2,\"name\":\"z\",\"note\":\"y\"}\n"
                     "{\"id\":3,\"name\":\"b\",\"note\":null}\n"
                     "{\"id\":4,\"name\":\"c\",\"note\":null}\n"
                     "{\"id\":5,\"name\":\"a\",\"note\":\"w\"}\n"
                     "{\"id\":6,\"name\":\"a\",\"note\":\"v\"}\n");
    /* Two rows have this name; a NULL is like no other. */
    OK(upsert("[{\"name\":\"b\",\"id\":3,\"note\":\"!\"},{\"name\":\"a\",\"id\":1,\"note\":\"?\"}]",
              &merge));
    ck_assert_str_eq(output.statuses, "0 1constraint ");
    OK(upsert("[{\"name\":\"c\",\"note\":null,\"id\":7}]", &pair));
    ck_assert_str_eq(
        rows_of("select=id,note&order=id&id=gte.3"),
        "{\"id\":3,\"note\":\"!\"}\n{\"id\":4,\"note\":null}\n{\"id\":5,\"note\":\"w\"}\n"
        "{\"id\":6,\"note\":\"v\"}\n{\"id\":7,\"note\":null}\n");
    stop();
}
END_TEST

START_TEST(upserts_by_reading_are_one_unit)
{
    struct rh_write_options by = {.conflict_columns = RH_TEXT_INIT("name"),
                                  .returning = RH_RETURNING_KEYS};
    bool transactions = !_i;
    start(without_upserts[_i]);
    OK(insert("[{\"id\":1,\"name\":\"a\"}]", NULL));
    OK(upsert("[{\"id\":1,\"name\":\"a\",\"note\":\"x\"}]", &by));
    ck_assert_str_eq(returned(), "{\"id\":1}\n");
    int r = upsert("[{\"id\":2,\"name\":\"b\"},{\"id\":1,\"name\":\"a\",\"note\":\"y\"},{\"id\":1,"
                   "\"name\":\"c\"}]",
                   &by);
    ck_assert_int_eq(r, transactions ? RH_CONSTRAINT : RH_UNSUPPORTED);
    ck_assert_str_eq(transactions ? error.pointer : error.code,
                     transactions ? "/2" : "no-transactions");
    ck_assert_str_eq(rows_of("select=id,note"), "{\"id\":1,\"note\":\"x\"}\n");
    if (transactions) {
        OK(upsert("[{\"id\":2,\"name\":\"b\"},{\"id\":1,\"name\":\"a\",\"note\":\"y\"}]", &by));
        ck_assert_str_eq(returned(), "{\"id\":2}\n{\"id\":1}\n");
    }
    stop();
}
END_TEST

/* More rows than one look takes, and more than one call may have. */
START_TEST(upserts_by_reading_many)
{
    struct rh_write_options by = {.not_atomic = true, .conflict_columns = RH_TEXT_INIT("name")};
    start(without_upserts[_i]);
    for (int i = 0; i < 2; i++) {
        char *body = many(0, 2500, "");
        OK(upsert(body, &by));
        free(body);
        ck_assert_uint_eq(counts.n_affected, 2500);
        ck_assert_int_eq(count_rows(), 2500);
    }
    stop();
}
END_TEST

int main(void)
{
    int n = getenv("ROWHOUSE_TEST_POSTGRES") ? 3 : 2;
    struct tests tests = tests_new("write_upsert", NULL, NULL);

    tcase_add_loop_test(tests.tcase, upserts_merge_or_ignore, 0, n);
    tcase_add_loop_test(tests.tcase, upserts_by_reading, 0, N(without_upserts));
    tcase_add_loop_test(tests.tcase, upserts_by_reading_are_one_unit, 0, N(without_upserts));
    tcase_add_loop_test(tests.tcase, upserts_by_reading_many, 0, N(without_upserts));
    return tests_end(&tests);
}
