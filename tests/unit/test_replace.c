/*
 * Replacing documents: what is in conflict is written again, a few times, unless the caller meant one
 * version.
 */
#include "connector/replace.h"

#include "lib/tests.h"

#include <check.h>
#include <stdlib.h>

#define N_ROWS 3

struct row {
    struct rh_replace_row fate;
    uint32_t n_conflicts; /* that it will have */
};

struct store {
    struct row rows[N_ROWS];
    struct rh_row_status statuses[N_ROWS];
    uint32_t n_looks, n_stores, n_sent;
    int fails; /* class of every store; RH_OK */
};

static void *allocate(struct rh_arena *arena, uint64_t n)
{
    return malloc(n);
}

static int look_up(void *context, struct rh_error *error)
{
    struct store *store = context;

    store->n_looks++;
    return RH_OK;
}

static int put(void *context, bool *ret_any, struct rh_error *error)
{
    struct store *store = context;

    store->n_stores++;
    if (store->fails)
        return rh_fail(error, store->fails, "it does not answer");
    *ret_any = false;
    for (int i = 0; i < N_ROWS; i++) {
        struct row *row = &store->rows[i];

        if (!row->fate.due)
            continue;
        *ret_any = true;
        store->n_sent++;
        row->fate.due = false;
        row->fate.conflict = row->n_conflicts > 0;
        row->fate.stored = row->n_conflicts == 0;
        row->n_conflicts -= row->n_conflicts > 0;
    }
    return RH_OK;
}

static int run(struct store *store, bool once, bool looks, struct rh_error *error)
{
    struct rh_host host = {.alloc = allocate};
    struct rh_op op = {.struct_size = sizeof(op)};
    struct rh_write_result result = {.statuses = store->statuses};

    for (int i = 0; i < N_ROWS; i++)
        store->rows[i].fate.due = true;
    return rh_replace_run(&(struct rh_replace){.host = &host,
                                               .op = &op,
                                               .result = &result,
                                               .rows = store->rows,
                                               .n_rows = N_ROWS,
                                               .stride = sizeof(struct row),
                                               .once = once,
                                               .context = store,
                                               .look_up = looks ? look_up : NULL,
                                               .store = put},
                          error);
}

static void free_messages(struct store *store)
{
    for (int i = 0; i < N_ROWS; i++)
        free((void *)(uintptr_t)store->statuses[i].message.data);
}

START_TEST(what_others_change_is_written_again)
{
    struct store store = {.rows = {{.n_conflicts = 0}, {.n_conflicts = 2}, {.n_conflicts = 9}}};
    struct rh_error error = RH_ERROR_INIT;

    ck_assert_int_eq(run(&store, false, true, &error), RH_OK);
    ck_assert(store.rows[0].fate.stored && store.rows[1].fate.stored);
    ck_assert(!store.rows[2].fate.stored && !store.rows[2].fate.due);
    ck_assert_int_eq(store.statuses[1].error_class, RH_OK);
    ck_assert_int_eq(store.statuses[2].error_class, RH_CONFLICT);
    ck_assert(rh_text_starts(store.statuses[2].message, "the document has been changed"));
    ck_assert_uint_eq(store.n_looks, 4);
    ck_assert_uint_eq(store.n_sent, 3 + 2 + 2 + 1);
    free_messages(&store);
}
END_TEST

START_TEST(a_version_that_is_meant_is_tried_once)
{
    struct store store = {.rows = {{.n_conflicts = 1}}};
    struct rh_error error = RH_ERROR_INIT;

    ck_assert_int_eq(run(&store, true, true, &error), RH_OK);
    ck_assert_int_eq(store.statuses[0].error_class, RH_CONFLICT);
    ck_assert_uint_eq(store.n_sent, 3);
    free_messages(&store);
}
END_TEST

START_TEST(a_failure_ends_it)
{
    struct store store = {.fails = RH_UNAVAILABLE};
    struct rh_error error = RH_ERROR_INIT;

    ck_assert_int_eq(run(&store, false, false, &error), RH_UNAVAILABLE);
    ck_assert_uint_eq(store.n_stores, 1);
    ck_assert_uint_eq(store.n_looks, 0);
}
END_TEST

TESTS_MAIN("replace", what_others_change_is_written_again, a_version_that_is_meant_is_tried_once,
           a_failure_ends_it)
