/* core/base/map.h */
#include "base/map.h"

#include "base/text.h"
#include "lib/fault.h"
#include "lib/tests.h"

#include <stdio.h>

enum { N = 5000 };

static char keys[N][8];
static int values[N];

static struct rh_text key(size_t i)
{
    snprintf(keys[i], sizeof(keys[i]), "k%zu", i);
    return rh_text_of(keys[i]);
}

START_TEST(finds_what_was_put)
{
    struct rh_map map;
    void *old = &map;
    rh_map_init(&map);
    ck_assert_ptr_null(rh_map_get(&map, RH_TEXT("a")));
    ck_assert_ptr_null(rh_map_remove(&map, RH_TEXT("a")));
    ck_assert(rh_map_put(&map, RH_TEXT("a"), &values[0], &old));
    ck_assert_ptr_null(old);
    ck_assert(rh_map_put(&map, RH_TEXT("a"), &values[1], &old));
    ck_assert_ptr_eq(old, &values[0]);
    ck_assert(rh_map_put(&map, RH_TEXT(""), &values[2], NULL));
    ck_assert(rh_map_put(&map, RH_TEXT("a\0b"), &values[3], NULL));
    ck_assert_uint_eq(map.n, 3);
    ck_assert_ptr_eq(rh_map_get(&map, RH_TEXT("a")), &values[1]);
    ck_assert_ptr_eq(rh_map_get(&map, (struct rh_text){NULL, 0}), &values[2]);
    ck_assert_ptr_eq(rh_map_get(&map, RH_TEXT("a\0b")), &values[3]);
    ck_assert_ptr_null(rh_map_get(&map, RH_TEXT("a\0c")));
    rh_map_free(&map);
    ck_assert_ptr_null(rh_map_get(&map, RH_TEXT("a")));
}
END_TEST

/* Against a plain table, through thousands of puts and removals. */
START_TEST(agrees_with_a_plain_table)
{
    static bool there[N];
    struct rh_map map;
    size_t n = 0;
    uint32_t random = 12345;
    rh_map_init(&map);
    for (int step = 0; step < 100000; step++) {
        random = random * 1664525u + 1013904223u;
        size_t i = (random >> 8) % (step < 50000 ? N : 50);
        if (random >> 31) {
            ck_assert(rh_map_put(&map, key(i), &values[i], NULL));
            n += !there[i];
            there[i] = true;
        } else {
            ck_assert_ptr_eq(rh_map_remove(&map, key(i)), there[i] ? &values[i] : NULL);
            n -= there[i];
            there[i] = false;
        }
        ck_assert_uint_eq(map.n, n);
    }
    for (size_t i = 0; i < N; i++)
        ck_assert_ptr_eq(rh_map_get(&map, key(i)), there[i] ? &values[i] : NULL);
    rh_map_free(&map);
}
END_TEST

START_TEST(hashes_every_byte)
{
    char data[40] = {0};
    for (size_t n = 0; n < sizeof(data); n++) {
        uint64_t hash = rh_hash(data, n);
        ck_assert_uint_eq(hash, rh_hash(data, n));
        ck_assert_uint_ne(hash, rh_hash(data, n + 1 > sizeof(data) ? n - 1 : n + 1));
        for (size_t i = 0; i < n; i++) {
            data[i] = 1;
            ck_assert_uint_ne(hash, rh_hash(data, n));
            data[i] = 0;
        }
    }
}
END_TEST

static bool put_many(void *context)
{
    struct rh_map map;
    size_t i = 0;
    rh_map_init(&map);
    while (i < 200 && rh_map_put(&map, key(i), &values[i], NULL))
        i++;
    for (size_t k = 0; k < i; k++)
        FAULT_ASSERT(rh_map_get(&map, key(k)) == &values[k]);
    FAULT_ASSERT(map.n == i);
    rh_map_free(&map);
    return i == 200;
}

START_TEST(survives_failed_allocations)
{
    ck_assert_uint_ge(fault_torture(put_many, NULL), 4);
}
END_TEST

TESTS_MAIN("map", finds_what_was_put, agrees_with_a_plain_table, hashes_every_byte,
           survives_failed_allocations)
