/* core/base/buf.h */
#include "base/buf.h"

#include "lib/fault.h"
#include "lib/tests.h"

#include <stdio.h>
#include <stdlib.h>

static void check_is(const struct rh_buf *buf, const char *expected)
{
    ck_assert(!buf->failed);
    ck_assert_uint_eq(buf->len, strlen(expected));
    ck_assert(memcmp(rh_buf_text(buf).data, expected, buf->len) == 0);
}

START_TEST(appends)
{
    struct rh_buf buf;
    rh_buf_init(&buf, 1000);
    check_is(&buf, "");
    rh_buf_add(&buf, NULL, 0);
    rh_buf_add_str(&buf, "");
    check_is(&buf, "");
    rh_buf_add_str(&buf, "ab");
    rh_buf_add_char(&buf, 'c');
    rh_buf_add_text(&buf, (struct rh_text){"def", 2});
    rh_buf_add_text(&buf, (struct rh_text){NULL, 0});
    rh_buf_addf(&buf, " %d %s", 42, "x");
    check_is(&buf, "abcde 42 x");
    rh_buf_clear(&buf);
    check_is(&buf, "");
    rh_buf_addf(&buf, "%0300d", 7);
    ck_assert_uint_eq(buf.len, 300);
    rh_buf_free(&buf);
    ck_assert_uint_eq(buf.max, 1000);
    rh_buf_add_char(&buf, 'z');
    check_is(&buf, "z");
    rh_buf_free(&buf);
}
END_TEST

START_TEST(writes_integers)
{
    static const int64_t values[] = {0,
                                     1,
                                     9,
                                     10,
                                     11,
                                     99,
                                     100,
                                     101,
                                     999,
                                     1000,
                                     12345,
                                     -1,
                                     -9,
                                     -10,
                                     -100,
                                     INT64_MAX,
                                     INT64_MIN,
                                     INT64_MIN + 1,
                                     1000000000000000000};
    struct rh_buf buf;
    char expected[32];
    rh_buf_init(&buf, 100);
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        rh_buf_clear(&buf);
        rh_buf_add_i64(&buf, values[i]);
        snprintf(expected, sizeof(expected), "%lld", (long long)values[i]);
        check_is(&buf, expected);
        rh_buf_clear(&buf);
        rh_buf_add_u64(&buf, (uint64_t)values[i]);
        snprintf(expected, sizeof(expected), "%llu", (unsigned long long)values[i]);
        check_is(&buf, expected);
    }
    /* around each power of ten and of two */
    for (uint64_t power = 1;;) {
        for (uint64_t value = power - 1; value != power + 2; value++) {
            rh_buf_clear(&buf);
            rh_buf_add_u64(&buf, value);
            snprintf(expected, sizeof(expected), "%llu", (unsigned long long)value);
            check_is(&buf, expected);
        }
        if (power > UINT64_MAX / 10)
            break;
        power *= 10;
    }
    for (unsigned bit = 0; bit < 64; bit++) {
        rh_buf_clear(&buf);
        rh_buf_add_u64(&buf, UINT64_C(1) << bit);
        snprintf(expected, sizeof(expected), "%llu", 1ull << bit);
        check_is(&buf, expected);
    }
    rh_buf_free(&buf);
}
END_TEST

/* Each way to append, one byte below the ceiling, at it, one above. */
START_TEST(stops_at_its_ceiling)
{
    static char data[301];
    memset(data, 'x', 300);
    for (size_t max = 299; max <= 301; max++) {
        for (int way = 0; way < 3; way++) {
            struct rh_buf buf;
            rh_buf_init(&buf, max);
            rh_buf_add(&buf, data, 100);
            if (way == 0)
                rh_buf_add(&buf, data, 200);
            else if (way == 1)
                rh_buf_addf(&buf, "%s", data + 100);
            else
                for (int i = 0; i < 200; i++)
                    rh_buf_add_char(&buf, 'x');
            ck_assert(buf.failed == (max < 300));
            ck_assert_uint_le(buf.cap, max);
            if (!buf.failed)
                check_is(&buf, data);
            rh_buf_free(&buf);
        }
    }
}
END_TEST

START_TEST(failure_stays)
{
    struct rh_buf buf;
    rh_buf_init(&buf, 4);
    rh_buf_add_str(&buf, "abcde");
    ck_assert(buf.failed);
    rh_buf_add_char(&buf, 'f');
    rh_buf_addf(&buf, "g");
    rh_buf_add_i64(&buf, 1);
    ck_assert_ptr_null(rh_buf_reserve(&buf, 0));
    ck_assert_uint_eq(buf.len, 0);
    ck_assert_ptr_null(rh_buf_take(&buf));
    ck_assert(!buf.failed);
    rh_buf_add_str(&buf, "abcd");
    check_is(&buf, "abcd");
    rh_buf_clear(&buf);
    rh_buf_free(&buf);
}
END_TEST

START_TEST(survives_absurd_sizes)
{
    struct rh_buf buf;
    rh_buf_init(&buf, SIZE_MAX);
    rh_buf_add_char(&buf, 'a');
    ck_assert_ptr_null(rh_buf_reserve(&buf, SIZE_MAX));
    ck_assert(buf.failed);
    rh_buf_clear(&buf);
    ck_assert_ptr_null(rh_buf_reserve(&buf, PTRDIFF_MAX));
    rh_buf_free(&buf);
    rh_buf_init(&buf, 0);
    ck_assert_ptr_nonnull(rh_buf_reserve(&buf, 0));
    rh_buf_addf(&buf, "%s", "");
    check_is(&buf, "");
    rh_buf_add_char(&buf, 'a');
    ck_assert(buf.failed);
    rh_buf_free(&buf);
}
END_TEST

START_TEST(is_taken)
{
    struct rh_buf buf;
    rh_buf_init(&buf, 128);
    char *text = rh_buf_take(&buf);
    ck_assert_str_eq(text, "");
    free(text);
    rh_buf_addf(&buf, "%0128d", 1);
    text = rh_buf_take(&buf);
    ck_assert_uint_eq(strlen(text), 128);
    free(text);
    ck_assert_ptr_null(buf.data);
    ck_assert_uint_eq(buf.max, 128);
}
END_TEST

static bool write_some(void *context)
{
    struct rh_buf buf;
    rh_buf_init(&buf, 1 << 20);
    for (int i = 0; i < 300; i++) {
        rh_buf_addf(&buf, "%d,", i);
        rh_buf_add_str(&buf, "text");
        rh_buf_add_u64(&buf, 18446744073709551615u);
    }
    bool failed = buf.failed;
    size_t len = buf.len;
    char *text = rh_buf_take(&buf);
    FAULT_ASSERT(failed == !text);
    FAULT_ASSERT(!text || strlen(text) == len);
    free(text);
    return !failed;
}

START_TEST(survives_failed_allocations)
{
    ck_assert_uint_ge(fault_torture(write_some, NULL), 5);
}
END_TEST

TESTS_MAIN("buf", appends, writes_integers, stops_at_its_ceiling, failure_stays,
           survives_absurd_sizes, is_taken, survives_failed_allocations)
