/* plugins/redis: rows and members written, documents kept, times to live. */
#include "redis_test.h"

#include <stdlib.h>

START_TEST(inserts_all_or_nothing)
{
    start(TABLES);
    GOOD(put(INSERT, "h", "code n s d", 0, "a|1|x|1.50|b|~|y|-"));
    ck_assert_uint_eq(result.n_affected, 2);
    ck_assert_str_eq(returned(), "a:1:x:1.50:~ b:-:y:-:~");
    ck_assert_str_eq(command("HGET h:a d"), "1.50");
    ck_assert_int_eq(put(INSERT, "h", "code n", 0, "c|1|a|2"), RH_CONSTRAINT);
    ck_assert_uint_eq(error.constraint, RH_CONSTRAINT_UNIQUE);
    ck_assert_uint_eq(error.row, 1);
    ck_assert_int_eq(put(INSERT, "h", "code n", 0, "c|1|c|2"), RH_CONSTRAINT);
    ck_assert_str_eq(rows_of("h", "code n"), "a:1 b:-");
    ck_assert_int_eq(put(INSERT, "h", "code n", 0, "~|1"), RH_CONSTRAINT);
    ck_assert_uint_eq(error.constraint, RH_CONSTRAINT_NOT_NULL);
    ck_assert_int_eq(put(INSERT, "h", "code n", 0, "d|~"), RH_DATA);
    command("SET h:other text");
    ck_assert_int_eq(put(INSERT, "h", "code n", 0, "other|1"), RH_CONSTRAINT);
    ck_assert_str_eq(rows_of("h", "code n"), "a:1 b:-");
    unload();
}
END_TEST

START_TEST(updates_only_what_is_there)
{
    start(TABLES);
    command("HSET h:a n 1 s x extra e");
    GOOD(put(UPDATE, "h", "code n s", 1, "a|5|~|gone|6|y"));
    ck_assert_uint_eq(result.n_affected, 1);
    ck_assert_str_eq(command("EXISTS h:gone"), "0");
    ck_assert_str_eq(command("HMGET h:a n s extra"), "5 ~ e");
    GOOD(put(UPDATE, "h", "code n", 1, "a|~"));
    command("HDEL h:a extra");
    ck_assert_str_eq(command("EXISTS h:a"), "0");
    command("HSET h:a n 1 s x");
    ck_assert_int_eq(put(UPDATE, "h", "code n s", 1, "a|~|~"), RH_DATA);
    ck_assert_str_eq(rows_of("h", "code n s"), "a:1:x");
    ck_assert_int_eq(put(UPDATE, "h", "n s", 1, "1|x"), RH_UNSUPPORTED);
    GOOD(put(REMOVE, "h", "code", 1, "a|b|a"));
    ck_assert_uint_eq(result.n_affected, 1);
    ck_assert_str_eq(returned(), "a:1:x:-:~");
    ck_assert_str_eq(rows_of("h", "code"), "");
    unload();
}
END_TEST

START_TEST(upserts)
{
    start(TABLES);
    command("HSET h:a n 1 s x");
    GOOD(put(UPSERT, "h", "code n", 1, "a|2|b|3"));
    ck_assert_str_eq(rows_of("h", "code n s"), "a:2:x b:3:-");
    GOOD(ignore_into("h", "code n", 1, "a|9|c|4|c|5"));
    ck_assert_uint_eq(result.n_affected, 1);
    ck_assert_str_eq(rows_of("h", "code n s"), "a:2:x b:3:- c:4:-");
    GOOD(put(UPSERT, "j", "a b n s", 2, "x|1|7|new|x|1|-|newer"));
    ck_assert_str_eq(command("GET j:x:1"), "{\"s\":\"newer\"}");
    unload();
}
END_TEST

START_TEST(keeps_documents)
{
    start(TABLES);
    command("SET j:x:y '{\"n\":1,\"big\":12345678901234567890.10,\"b\":{\"c\":[]},\"s\":\"é\"}' EX "
            "1000");
    GOOD(put(UPDATE, "j", "a b n", 2, "x|y|2"));
    ck_assert_str_eq(command("GET j:x:y"),
                     "{\"big\":12345678901234567890.10,\"b\":{\"c\":[]},\"s\":\"é\",\"n\":2}");
    ck_assert_int_gt(atoi(command("TTL j:x:y")), 900);
    ck_assert_str_eq(rows_of("j", "a b n s"), "x:y:2:é");
    ck_assert_int_eq(put(INSERT, "j", "a b n", 0, "x:|y|2"), RH_DATA);
    ck_assert_ptr_nonnull(strstr(error.hint, "pattern"));
    command("SET j:bad:1 '[1]'");
    ck_assert_int_eq(try_rows("j", "a", op(), NULL), RH_DATA);
    ck_assert_ptr_nonnull(strstr(error.message, "j:bad:1"));
    ck_assert_int_eq(put(UPDATE, "j", "a b n", 2, "bad|1|2"), RH_DATA);
    unload();
}
END_TEST

START_TEST(sets_times_to_live)
{
    start(TABLES);
    GOOD(put(INSERT, "s", "code value ttl", 0, "a|x|500|b|y|~"));
    ck_assert_str_eq(rows_of("s", "code value ttl"), "a:x:500 b:y:~");
    GOOD(put(UPDATE, "s", "code value", 1, "a|z"));
    ck_assert_str_eq(rows_of("s", "code value ttl"), "a:z:500 b:y:~");
    GOOD(put(UPDATE, "s", "code ttl", 1, "a|~|b|70"));
    ck_assert_str_eq(rows_of("s", "code value ttl"), "a:z:~ b:y:70");
    ck_assert_int_eq(put(UPDATE, "s", "code ttl", 1, "a|0"), RH_DATA);
    ck_assert_int_eq(put(UPDATE, "s", "code ttl", 1, "a|9000000000000000"), RH_DATA);
    ck_assert_int_eq(put(UPDATE, "s", "code value", 1, "a|~"), RH_CONSTRAINT);
    ck_assert_str_eq(rows_of("s", "code value ttl"), "a:z:~ b:y:70");
    unload();
}
END_TEST

START_TEST(writes_members)
{
    start(TABLES);
    GOOD(put(INSERT, "t", "code member", 0, "a|x|a|y|b|x"));
    ck_assert_int_eq(put(INSERT, "t", "code member", 0, "b|y|a|x"), RH_CONSTRAINT);
    ck_assert_uint_eq(error.row, 1);
    GOOD(put(REMOVE, "t", "code member", 2, "a|x|a|none"));
    ck_assert_uint_eq(result.n_affected, 1);
    ck_assert_str_eq(rows_of("t", "code member"), "a:y b:x");
    GOOD(put(INSERT, "z", "code member score", 0, "a|x|1.5|a|y|-2"));
    GOOD(put(UPDATE, "z", "code member score", 2, "a|x|7|a|none|1"));
    ck_assert_uint_eq(result.n_affected, 1);
    ck_assert_str_eq(returned(), "a:x:7:~");
    ck_assert_str_eq(rows_of("z", "code member score"), "a:x:7 a:y:-2");
    ck_assert_int_eq(put(INSERT, "z", "code member", 0, "a|q"), RH_CONSTRAINT);
    ck_assert_int_eq(put(INSERT, "z", "code member score", 0, "a|q|nan"), RH_DATA);
    GOOD(put(REMOVE, "z", "code member", 2, "a|x"));
    ck_assert_str_eq(rows_of("z", "code member score"), "a:y:-2");
    unload();
}
END_TEST

START_TEST(writes_entries)
{
    start(TABLES);
    GOOD(put(INSERT, "log", "id what", 0, "5-1|one|5-2|two"));
    ck_assert_str_eq(returned(), "5-1:5000:one:~ 5-2:5000:two:~");
    ck_assert_int_eq(put(INSERT, "log", "id what", 0, "6-0|three|5-2|again"), RH_CONSTRAINT);
    ck_assert_str_eq(rows_of("log", "id what"), "5-1:one 5-2:two");
    GOOD(put(INSERT, "log", "what", 0, "three"));
    ck_assert_uint_eq(count_of("log"), 3);
    ck_assert_int_eq(put(UPDATE, "log", "id what", 1, "5-1|x"), RH_UNSUPPORTED);
    GOOD(put(REMOVE, "log", "id", 1, "5-1|9-9|word"));
    ck_assert_uint_eq(result.n_affected, 1);
    ck_assert_uint_eq(count_of("log"), 2);
    unload();
}
END_TEST

START_TEST(writes_nothing_read_only)
{
    static const uint32_t key[] = {0};
    struct rh_value cell = rh_kit_text(RH_TEXT("a"));
    const struct rh_table *table;
    struct rh_write_spec spec;

    start(TABLES);
    command("HSET h:a n 1");
    table = table_of("h");
    spec = (struct rh_write_spec){.struct_size = sizeof(spec),
                                  .table = table->name,
                                  .columns = table->columns,
                                  .n_columns = 1,
                                  .column_stride = table->column_stride,
                                  .key = key,
                                  .n_key = 1,
                                  .n_rows = 1,
                                  .cells = &cell};
    ck_assert_int_eq(REMOVE(conn, op_for(1000, RH_OP_READ_ONLY), &spec, &result, &error),
                     RH_PERMISSION);
    ck_assert_str_eq(rows_of("h", "code n"), "a:1");
    unload();
}
END_TEST

void add_write_tests(struct tests *tests)
{
    const TTest *const all[] = {inserts_all_or_nothing, updates_only_what_is_there, upserts,
                                keeps_documents,        sets_times_to_live,         writes_members,
                                writes_entries,         writes_nothing_read_only};

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        tcase_add_test(tests->tcase, all[i]);
}
