/* sdk/rows/write.h: rows inserted, all or each for itself, in every format. */
#include "write_fixture.h"

/* ---- Inserting --------------------------------------------------------------------------- */

START_TEST(inserts_one_and_many)
{
    struct rh_write_options keys = {.returning = RH_RETURNING_KEYS};
    start(connectors[_i]);
    OK(insert("{\"id\":1,\"name\":\"a\",\"total\":1.5,\"doc\":{\"x\": [1, 2]},"
              "\"at\":\"2024-01-01T02:00:00+02:00\"}",
              &keys));
    ck_assert_str_eq(returned(), "{\"id\":1}\n");
    ck_assert_uint_eq(counts.n_rows, 1);
    ck_assert_uint_eq(counts.n_affected, 1);
    OK(insert("[{\"id\":2,\"name\":\"b\"},{\"name\":\"c\",\"id\":3,\"note\":\"x\"},"
              "{\"total\":\"7.00\",\"id\":\"4\",\"name\":\"d\",\"a/b~\":9}]",
              &keys));
    ck_assert_str_eq(returned(), "{\"id\":2}\n{\"id\":3}\n{\"id\":4}\n");
    ck_assert_str_eq(rows_of("select=id,name,note,a/b~&order=id"),
                     "{\"id\":1,\"name\":\"a\",\"note\":null,\"a/b~\":null}\n"
                     "{\"id\":2,\"name\":\"b\",\"note\":null,\"a/b~\":null}\n"
                     "{\"id\":3,\"name\":\"c\",\"note\":\"x\",\"a/b~\":null}\n"
                     "{\"id\":4,\"name\":\"d\",\"note\":null,\"a/b~\":9}\n");
    ck_assert_str_eq(rows_of("select=at,doc&id=eq.1"),
                     "{\"at\":\"2024-01-01T00:00:00Z\",\"doc\":{\"x\": [1, 2]}}\n");
    ck_assert_str_eq(rows_of("select=id&total=eq.7"), "{\"id\":4}\n");
    OK(insert("[]", NULL));
    ck_assert_uint_eq(counts.n_rows, 0);
    struct rh_write_options rows = {.returning = RH_RETURNING_ROWS};
    OK(insert("{\"id\":5,\"name\":\"e\"}", &rows));
    ck_assert_ptr_nonnull(strstr(returned(), "\"name\":\"e\""));
    stop();
}
END_TEST

static const struct {
    const char *body;
    int error_class;
    const char *code;
    const char *pointer;
} refused[] = {
    {"{\"id\":1,\"nam\":\"a\"}", RH_INVALID, "unknown-column", "/nam"},
    {"[{\"id\":1,\"name\":\"a\"},{\"id\":\"x\",\"name\":\"b\"}]", RH_INVALID, "invalid-value",
     "/1/id"},
    {"[{\"id\":1,\"name\":\"a\",\"a/b~\":true}]", RH_INVALID, "invalid-value", "/0/a~1b~0"},
    {"{\"id\":1}", RH_CONSTRAINT, "", "/name"},
    {"[{\"id\":1,\"name\":null}]", RH_CONSTRAINT, "", "/0/name"},
    {"{\"id\":1,\"name\":\"a\",\"total\":1.005}", RH_INVALID, "invalid-value", "/total"},
    {"{\"id\":1,\"name\":\"a\",\"total\":123456789}", RH_INVALID, "invalid-value", "/total"},
    {"{\"id\":1,\"name\":\"a\",\"at\":5}", RH_INVALID, "invalid-value", "/at"},
    {"[{\"id\":1,\"name\":\"a\"},[1]]", RH_INVALID, "", "/1"},
    {"[{\"id\":1,\"name\":\"a\"},]", RH_INVALID, "invalid-json", NULL},
    {"5", RH_INVALID, "", NULL},
    {"[{\"id\":1,\"name\":\"a\"},{\"id\":1,\"name\":\"b\"}]", RH_CONSTRAINT, NULL, NULL},
};

START_TEST(refused_rows_leave_nothing)
{
    start(connectors[_i / N(refused)]);
    unsigned i = (unsigned)_i % N(refused);
    ck_assert_msg(insert(refused[i].body, NULL) == refused[i].error_class, "%s: %s",
                  refused[i].body, error.message);
    if (refused[i].code)
        ck_assert_str_eq(error.code, refused[i].code);
    if (refused[i].pointer)
        ck_assert_str_eq(error.pointer, refused[i].pointer);
    ck_assert_int_eq(count_rows(), 0);
    ck_assert(!session.in_transaction);
    stop();
}
END_TEST

START_TEST(decimals_within_the_scale_are_taken)
{
    start("memory");
    OK(insert("[{\"id\":1,\"name\":\"a\",\"total\":12345678.90},"
              "{\"id\":2,\"name\":\"a\",\"total\":\"-0.1000\"},{\"id\":3,\"name\":\"a\","
              "\"total\":1e2}]",
              NULL));
    stop();
}
END_TEST

START_TEST(many_batches_are_one_unit)
{
    start(connectors[_i]);
    char *body = many(0, 20000, "");
    OK(insert(body, NULL));
    ck_assert_uint_eq(counts.n_affected, 20000);
    ck_assert_uint_eq(output.n_progress, 20000);
    ck_assert_int_eq(count_rows(), 20000);
    free(body);
    body = many(20000, 20000, ",{\"id\":5,\"name\":\"again\"}");
    ck_assert_int_eq(insert(body, NULL), RH_CONSTRAINT);
    ck_assert_uint_eq(error.constraint, RH_CONSTRAINT_UNIQUE);
    ck_assert_uint_eq(error.row, 20000);
    ck_assert_int_eq(count_rows(), 20000);
    free(body);
    stop();
}
END_TEST

START_TEST(rows_for_themselves)
{
    struct rh_write_options each = {.not_atomic = true};
    start(connectors[_i]);
    OK(insert("[{\"id\":3,\"name\":\"old\"}]", NULL));
    OK(insert("[{\"id\":1,\"name\":\"a\"},{\"id\":2},{\"id\":3,\"name\":\"c\"},"
              "{\"id\":4,\"name\":\"d\"},{\"id\":4,\"name\":\"d\"},{\"nope\":1},"
              "{\"id\":6,\"name\":\"f\"}]",
              &each));
    ck_assert_str_eq(output.statuses, "0 1constraint 2constraint 3 4constraint 5unknown-column 6 ");
    ck_assert_uint_eq(counts.n_rows, 7);
    ck_assert_uint_eq(counts.n_failed, 4);
    ck_assert_uint_eq(counts.n_affected, 3);
    ck_assert_str_eq(rows_of("select=id,name&order=id"),
                     "{\"id\":1,\"name\":\"a\"}\n{\"id\":3,\"name\":\"old\"}\n"
                     "{\"id\":4,\"name\":\"d\"}\n{\"id\":6,\"name\":\"f\"}\n");
    stop();
}
END_TEST

START_TEST(rows_for_themselves_within_a_transaction)
{
    struct rh_write_options each = {.not_atomic = true};
    start(connectors[_i]);
    OK(rh_session_begin(&session, 0, &error));
    OK(insert("[{\"id\":1,\"name\":\"a\"},{\"id\":1,\"name\":\"b\"},{\"id\":2,\"name\":\"c\"}]",
              &each));
    ck_assert_uint_eq(counts.n_failed, 1);
    ck_assert_uint_eq(session.n_savepoints, 0);
    ck_assert_int_eq(count_rows(), 2);
    OK(rh_session_rollback(&session, &error));
    ck_assert_int_eq(count_rows(), 0);
    stop();
}
END_TEST

static const char one_twice[] =
    "[{\"id\":1,\"name\":\"a\"},{\"id\":1,\"name\":\"b\"},{\"id\":2,\"name\":\"c\"}]";

START_TEST(statuses_of_a_call)
{
    struct rh_write_options each = {.not_atomic = true, .returning = RH_RETURNING_KEYS};
    start(_i ? "each_plain" : "each");
    OK(insert(one_twice, &each));
    ck_assert_str_eq(output.statuses, "0 1constraint 2 ");
    ck_assert_str_eq(returned(), "{\"id\":1}\n{\"id\":2}\n");
    ck_assert_uint_eq(counts.n_affected, 2);
    ck_assert_uint_eq(counts.n_failed, 1);
    ck_assert_str_eq(rows_of("select=name&order=id"), "{\"name\":\"a\"}\n{\"name\":\"c\"}\n");
    stop();
}
END_TEST

/* All or nothing by a transaction around the call; without one only a single row is. */
START_TEST(atomic_although_the_call_is_not)
{
    start(_i ? "each_plain" : "each");
    ck_assert_int_eq(insert(one_twice, NULL), _i ? RH_UNSUPPORTED : RH_CONSTRAINT);
    if (_i) {
        ck_assert_str_eq(error.code, "no-transactions");
    } else {
        ck_assert_uint_eq(error.constraint, RH_CONSTRAINT_UNIQUE);
        ck_assert_str_eq(error.pointer, "/1");
    }
    ck_assert_int_eq(count_rows(), 0);
    OK(insert("[{\"id\":5,\"name\":\"a\"}]", NULL));
    ck_assert_int_eq(insert("[{\"id\":5,\"name\":\"b\"}]", NULL), RH_CONSTRAINT);
    if (!_i)
        OK(insert("[{\"id\":6,\"name\":\"a\"},{\"id\":7,\"name\":\"b\"}]", NULL));
    ck_assert_int_eq(count_rows(), _i ? 1 : 3);
    stop();
}
END_TEST

/* A call that fails as a whole may have written rows: they are not sent again unless a savepoint
 * took them back. */
START_TEST(rows_are_not_sent_twice)
{
    struct rh_write_options each = {.not_atomic = true};
    start("each");
    each_gives_up = 2;
    ck_assert_int_eq(insert(one_twice, &each), 0); /* gave up after the last */
    ck_assert_int_eq(
        insert("[{\"id\":3,\"name\":\"a\"},{\"id\":4,\"name\":\"b\"},{\"id\":5,\"name\":\"c\"}]",
               &each),
        RH_DATA);
    ck_assert_str_eq(rows_of("select=id&order=id"),
                     "{\"id\":1}\n{\"id\":2}\n{\"id\":3}\n{\"id\":4}\n");
    OK(rh_session_begin(&session, 0, &error));
    OK(insert("[{\"id\":6,\"name\":\"a\"},{\"id\":7,\"name\":\"b\"},{\"id\":8,\"name\":\"c\"}]",
              &each));
    ck_assert_str_eq(output.statuses, "0 1 2 ");
    OK(rh_session_commit(&session, &error));
    ck_assert_int_eq(count_rows(), 7);
    stop();
}
END_TEST

START_TEST(without_transactions_one_call_is_the_unit)
{
    struct rh_write_options each = {.not_atomic = true};
    start("plain");
    char *body = many(0, 10, "");
    OK(insert(body, NULL));
    free(body);
    body = many(10, 11, "");
    ck_assert_int_eq(insert(body, NULL), RH_UNSUPPORTED);
    ck_assert_str_eq(error.code, "no-transactions");
    ck_assert_int_eq(count_rows(), 10);
    OK(insert(body, &each));
    ck_assert_int_eq(count_rows(), 21);
    free(body);
    ck_assert_int_eq(rh_session_begin(&session, 0, &error), RH_UNSUPPORTED);
    rh_error_clear(&error);
    ck_assert_int_eq(rh_write_delete_where(&session, table_of("write_test"),
                                           where("{\"id\":{\"gte\":5}}"), false, NULL, NULL,
                                           &counts, &error),
                     RH_UNSUPPORTED);
    ck_assert_int_eq(count_rows(), 21);
    rh_error_clear(&error);
    OK(rh_write_delete_where(&session, table_of("write_test"), where("{\"id\":{\"gte\":12}}"),
                             false, NULL, NULL, &counts, &error));
    ck_assert_int_eq(count_rows(), 12);
    stop();
}
END_TEST

/* ---- Formats ----------------------------------------------------------------------------- */

START_TEST(csv_and_ndjson)
{
    start(connectors[_i]);
    OK(insert_as(CSV,
                 "\xEF\xBB\xBFid,name,note,doc,total\r\n"
                 "1,a,,\"{\"\"x\"\": 1}\",1.50\r\n\r\n"
                 "2,\"b,\"\"\n\",\"\",7,\n"
                 "3,\xC3\xA5,x,plain,-2\n",
                 NULL));
    ck_assert_uint_eq(counts.n_rows, 3);
    ck_assert_str_eq(rows_of("select=id,name,note,doc&order=id"),
                     "{\"id\":1,\"name\":\"a\",\"note\":null,\"doc\":{\"x\": 1}}\n"
                     "{\"id\":2,\"name\":\"b,\\\"\\n\",\"note\":\"\",\"doc\":7}\n"
                     "{\"id\":3,\"name\":\"\xC3\xA5\",\"note\":\"x\",\"doc\":\"plain\"}\n");
    OK(insert_as(NDJSON, "{\"id\":4,\"name\":\"d\"}\n\n{\"id\":5,\"name\":\"e\"}\n", NULL));
    ck_assert_uint_eq(counts.n_rows, 2);
    OK(insert_as(CSV, "id,name\n", NULL));
    ck_assert_uint_eq(counts.n_rows, 0);
    stop();
}
END_TEST

static const struct {
    enum format format;
    const char *body;
    const char *code;
    const char *says;
} malformed[] = {
    {CSV, "", "invalid-csv", "line 1"},
    {CSV, "id,name\n1,a\n2\n", "invalid-csv", "line 3 has fewer"},
    {CSV, "id,name\n1,\"a\nb\"\n2,b,c\n", "invalid-csv", "line 4 has more"},
    {CSV, "id,name\n1,\"a\n", "invalid-csv", "line 2: a quoted"},
    {CSV, "id,name\n1,\"a\"b\n", "invalid-csv", "line 2: there is text"},
    {CSV, "id,name\n1,a\"b\n", "invalid-csv", "line 2: a quote"},
    {CSV, "id,id\n", "invalid-csv", "twice"},
    {CSV, "id,\n", "invalid-csv", "no name"},
    {CSV, "id,name\n1,\xFF\n", "invalid-csv", "UTF-8"},
    {CSV, "id,name\nx,a\n", "invalid-value", "\"x\""},
    {NDJSON, "{\"id\":1,\"name\":\"a\"}\n{\"id\":}\n", "invalid-json", "row 1"},
};

START_TEST(malformed_input_is_refused)
{
    start("memory");
    ck_assert_int_eq(insert_as(malformed[_i].format, malformed[_i].body, NULL), RH_INVALID);
    ck_assert_str_eq(error.code, malformed[_i].code);
    ck_assert_msg(strstr(error.message, malformed[_i].says), "%s", error.message);
    ck_assert_int_eq(count_rows(), 0);
    stop();
}
END_TEST

int main(void)
{
    int n = getenv("ROWHOUSE_TEST_POSTGRES") ? 3 : 2;
    struct tests tests = tests_new("write_insert", NULL, NULL);

    tcase_add_loop_test(tests.tcase, inserts_one_and_many, 0, n);
    tcase_add_loop_test(tests.tcase, refused_rows_leave_nothing, 0, n * N(refused));
    tcase_add_test(tests.tcase, decimals_within_the_scale_are_taken);
    tcase_add_loop_test(tests.tcase, many_batches_are_one_unit, 0, n);
    tcase_add_loop_test(tests.tcase, rows_for_themselves, 0, n);
    tcase_add_loop_test(tests.tcase, rows_for_themselves_within_a_transaction, 0, n);
    tcase_add_loop_test(tests.tcase, statuses_of_a_call, 0, 2);
    tcase_add_loop_test(tests.tcase, atomic_although_the_call_is_not, 0, 2);
    tcase_add_test(tests.tcase, rows_are_not_sent_twice);
    tcase_add_test(tests.tcase, without_transactions_one_call_is_the_unit);
    tcase_add_loop_test(tests.tcase, csv_and_ndjson, 0, n);
    tcase_add_loop_test(tests.tcase, malformed_input_is_refused, 0, N(malformed));
    return tests_end(&tests);
}
