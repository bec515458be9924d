/* core/base/arena.h */
#include "base/arena.h"

#include "base/text.h"
#include "lib/fault.h"
#include "lib/tests.h"

#include <malloc.h>
#include <stdint.h>
#include <string.h>

static bool is_zero(const char *data, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (data[i])
            return false;
    }
    return true;
}

START_TEST(hands_out_zeroed_aligned_memory)
{
    static const size_t sizes[] = {0, 1, 15, 16, 17, 100, 4096, 8191, 8192, 8193, 70000, 300000};
    struct rh_arena *arena = rh_arena_new(SIZE_MAX);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 200; i++) {
            size_t n = sizes[(size_t)(i * 7 + round) % (sizeof(sizes) / sizeof(sizes[0]))];
            char *data = rh_arena_alloc(arena, n);
            ck_assert_ptr_nonnull(data);
            ck_assert_uint_eq((uintptr_t)data % 16, 0);
            ck_assert(is_zero(data, n));
            memset(data, 0xee, n);
        }
        rh_arena_reset(arena);
        ck_assert_uint_eq(rh_arena_used(arena), 0);
    }
    rh_arena_free(arena);
    rh_arena_free(NULL);
}
END_TEST

/* Each piece keeps what was written into it: none overlaps another. */
START_TEST(pieces_do_not_overlap)
{
    enum { N = 3000 };
    static unsigned char *pieces[N];
    struct rh_arena *arena = rh_arena_new(SIZE_MAX);
    for (size_t i = 0; i < N; i++) {
        pieces[i] = rh_arena_alloc(arena, i % 500 + (i % 97 == 0 ? 20000 : 0));
        memset(pieces[i], (int)(i & 0xff), i % 500);
    }
    for (size_t i = 0; i < N; i++) {
        for (size_t k = 0; k < i % 500; k++)
            ck_assert_uint_eq(pieces[i][k], i & 0xff);
    }
    rh_arena_free(arena);
}
END_TEST

START_TEST(stops_at_its_limit)
{
    for (size_t max = 9999; max <= 10001; max++) {
        struct rh_arena *arena = rh_arena_new(max);
        ck_assert_ptr_nonnull(rh_arena_alloc(arena, 9000));
        ck_assert((rh_arena_alloc(arena, 992) != NULL) == (max >= 10000));
        ck_assert_uint_le(rh_arena_used(arena), max);
        rh_arena_reset(arena);
        ck_assert_ptr_nonnull(rh_arena_alloc(arena, 9000));
        rh_arena_free(arena);
    }
    struct rh_arena *none = rh_arena_new(0);
    ck_assert_ptr_null(rh_arena_alloc(none, 0));
    rh_arena_free(none);
}
END_TEST

START_TEST(refuses_absurd_sizes)
{
    struct rh_arena *arena = rh_arena_new(SIZE_MAX);
    for (size_t k = 0; k < 64; k++) {
        ck_assert_ptr_null(rh_arena_alloc(arena, SIZE_MAX - k));
        ck_assert_ptr_null(rh_arena_alloc(arena, (size_t)PTRDIFF_MAX - k));
    }
    ck_assert_ptr_null(rh_arena_dup(arena, "", SIZE_MAX));
    ck_assert_ptr_null(rh_arena_array(arena, SIZE_MAX / 8 + 1, 8));
    ck_assert_ptr_null(rh_arena_array(arena, (size_t)1 << 32, (size_t)1 << 32));
    ck_assert_ptr_nonnull(rh_arena_array(arena, 0, 8));
    ck_assert_ptr_nonnull(rh_arena_array(arena, 3, 8));
    rh_arena_free(arena);
}
END_TEST

START_TEST(copies)
{
    struct rh_arena *arena = rh_arena_new(160);
    bool ok = true;
    char *copy = rh_arena_dup(arena, "ab\0c", 4);
    ck_assert(memcmp(copy, "ab\0c\0", 5) == 0);
    ck_assert_str_eq(rh_arena_dup(arena, NULL, 0), "");
    ck_assert_str_eq(rh_arena_printf(arena, "%d-%s", 5, "x"), "5-x");
    struct rh_text text = rh_arena_text(arena, RH_TEXT("abc"), &ok);
    ck_assert(rh_text_is(text, "abc") && text.data[3] == '\0');
    text = rh_arena_text(arena, RH_TEXT(""), &ok);
    ck_assert(text.data && text.len == 0);
    text = rh_arena_text(arena, (struct rh_text){NULL, 0}, &ok);
    ck_assert(!text.data && ok);
    static char large[160];
    text = rh_arena_text(arena, rh_text_make(large, sizeof(large)), &ok);
    ck_assert(!text.data && text.len == 0 && !ok);
    rh_arena_text(arena, rh_text_make(large, sizeof(large)), NULL);
    ck_assert_ptr_null(rh_arena_printf(arena, "%200d", 1));
    rh_arena_free(arena);
}
END_TEST

static size_t bytes_in_use(void)
{
    struct mallinfo2 info = mallinfo2(); /* all zero under a sanitizer's malloc */

    return info.uordblks + info.hblkhd;
}

/* Whether the large one came first, last or in between. */
START_TEST(gives_back_what_an_unusual_request_took)
{
    static const size_t sizes[][3] = {
        {64 << 20, 0, 0}, {100, 64 << 20, 0}, {100, 64 << 20, 9000}, {3000, 64 << 20, 300000}};

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct rh_arena *arena = rh_arena_new(SIZE_MAX);
        size_t before = bytes_in_use();

        for (int round = 0; round < 2; round++) {
            for (int k = 0; k < 3; k++)
                ck_assert_ptr_nonnull(rh_arena_alloc(arena, sizes[i][k]));
            rh_arena_reset(arena);
            ck_assert_uint_le(bytes_in_use(), before + 16384);
        }
        rh_arena_free(arena);
    }
}
END_TEST

static char order[16];

static void note(void *context)
{
    strncat(order, context, sizeof(order) - strlen(order) - 1);
}

START_TEST(runs_what_was_deferred_last_first)
{
    struct rh_arena *arena = rh_arena_new(1000);
    static char a[] = "a", b[] = "b", c[] = "c", d[] = "d";
    ck_assert(rh_arena_defer(arena, note, a));
    ck_assert(rh_arena_defer(arena, note, b));
    rh_arena_reset(arena);
    ck_assert_str_eq(order, "ba");
    rh_arena_reset(arena);
    ck_assert_str_eq(order, "ba");
    ck_assert(rh_arena_defer(arena, note, c));
    ck_assert_ptr_nonnull(rh_arena_alloc(arena, 960));
    ck_assert(!rh_arena_defer(arena, note, d));
    ck_assert_str_eq(order, "bad");
    rh_arena_free(arena);
    ck_assert_str_eq(order, "badc");
}
END_TEST

static unsigned n_open;

static void close_one(void *context)
{
    n_open--;
}

static bool use_arena(void *context)
{
    bool ok = false;
    n_open = 0;
    struct rh_arena *arena = rh_arena_new(SIZE_MAX);
    if (!arena)
        return false;
    for (size_t i = 0; i < 200; i++) {
        n_open++;
        if (!rh_arena_defer(arena, close_one, NULL))
            goto out;
        if (!rh_arena_alloc(arena, i * 50) || !rh_arena_printf(arena, "%zu", i))
            goto out;
    }
    ok = true;
out:
    rh_arena_free(arena);
    FAULT_ASSERT(n_open == 0);
    return ok;
}

START_TEST(survives_failed_allocations)
{
    ck_assert_uint_ge(fault_torture(use_arena, NULL), 5);
}
END_TEST

TESTS_MAIN("arena", hands_out_zeroed_aligned_memory, pieces_do_not_overlap, stops_at_its_limit,
           refuses_absurd_sizes, copies, gives_back_what_an_unusual_request_took,
           runs_what_was_deferred_last_first, survives_failed_allocations)
