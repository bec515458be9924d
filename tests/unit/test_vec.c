/* core/base/vec.h */
#include "base/vec.h"

#include "lib/fault.h"
#include "lib/tests.h"

struct item {
    uint64_t a, b;
};

START_TEST(keeps_items_while_growing)
{
    struct rh_arena *arena = rh_arena_new(SIZE_MAX);
    struct rh_vec vec = RH_VEC_INIT(struct item);
    for (uint64_t i = 0; i < 10000; i++) {
        struct item *item = rh_vec_push(&vec, arena);
        ck_assert_uint_eq(item->a + item->b, 0);
        *item = (struct item){i, ~i};
    }
    const struct item *all = vec.items;
    ck_assert_uint_eq(vec.n, 10000);
    for (uint64_t i = 0; i < vec.n; i++)
        ck_assert(all[i].a == i && all[i].b == ~i);
    rh_arena_free(arena);
}
END_TEST

START_TEST(pushes_stretches)
{
    struct rh_arena *arena = rh_arena_new(SIZE_MAX);
    struct rh_vec vec = RH_VEC_INIT(char);
    ck_assert_ptr_nonnull(rh_vec_push_n(&vec, arena, 0));
    ck_assert_uint_eq(vec.n, 0);
    for (uint32_t n = 7; n <= 9; n++) {
        char *first = rh_vec_push_n(&vec, arena, n);
        ck_assert_ptr_eq(first, (char *)vec.items + vec.n - n);
        for (uint32_t i = 0; i < n; i++) {
            ck_assert_int_eq(first[i], 0);
            first[i] = 'x';
        }
    }
    ck_assert_uint_eq(vec.n, 24);
    rh_arena_free(arena);
}
END_TEST

START_TEST(refuses_to_overflow)
{
    struct rh_arena *arena = rh_arena_new(1000);
    struct rh_vec vec = RH_VEC_INIT(struct item);
    ck_assert_ptr_nonnull(rh_vec_push(&vec, arena));
    ck_assert_ptr_null(rh_vec_push_n(&vec, arena, UINT32_MAX));
    ck_assert_ptr_null(rh_vec_push_n(&vec, arena, UINT32_MAX - 1));
    ck_assert_ptr_null(rh_vec_push_n(&vec, arena, 100));
    ck_assert_uint_eq(vec.n, 1);
    ck_assert_ptr_nonnull(rh_vec_push(&vec, arena));
    rh_arena_free(arena);
}
END_TEST

static bool push_many(void *context)
{
    bool ok = true;
    struct rh_arena *arena = rh_arena_new(SIZE_MAX);
    struct rh_vec vec = RH_VEC_INIT(struct item);
    for (uint32_t i = 0; arena && ok && i < 5000; i++) {
        ok = rh_vec_push(&vec, arena) != NULL;
        FAULT_ASSERT(vec.n == i + ok);
    }
    rh_arena_free(arena);
    return arena && ok;
}

START_TEST(survives_failed_allocations)
{
    ck_assert_uint_ge(fault_torture(push_many, NULL), 3);
}
END_TEST

TESTS_MAIN("vec", keeps_items_while_growing, pushes_stretches, refuses_to_overflow,
           survives_failed_allocations)
