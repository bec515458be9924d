/* Conditions mean what the host means, on values of every kind. */
#include "sqlite_oracle.h"

static void predicates_mean_what_the_host_means_in(enum flavour flavour)
{
    static const uint32_t one_value[] = {RH_OP_EQ,
                                         RH_OP_LT,
                                         RH_OP_LTE,
                                         RH_OP_GT,
                                         RH_OP_GTE,
                                         RH_OP_IN,
                                         RH_OP_LIKE,
                                         RH_OP_STARTS,
                                         RH_OP_ENDS,
                                         RH_OP_CONTAINS,
                                         RH_OP_LIKE | RH_OP_FOLD,
                                         RH_OP_STARTS | RH_OP_FOLD,
                                         RH_OP_ENDS | RH_OP_FOLD,
                                         RH_OP_CONTAINS | RH_OP_FOLD};
    struct session s;
    uint64_t n_pushed = 0;

    fill_awkward(&s, flavour);
    const struct rh_table *table = table_of(&s, "awkward");
    const struct rows all = read_rows(&s, query_of(table));
    ck_assert_uint_eq(all.n_rows, COUNT(awkward_values));
    for (uint32_t c = 0; c < table->n_columns; c++) {
        for (uint32_t r = 0; r < all.n_rows; r++) {
            const struct rh_value *value = &all.cells[(size_t)r * all.n_cols + c];
            if (value->type != table->columns[c].type)
                continue;
            for (uint32_t o = 0; o < COUNT(one_value); o++) {
                n_pushed += check_predicate(&s, table, &all, one_value[o], c, value, 1);
                n_pushed += check_predicate(&s, table, &all, one_value[o] | RH_OP_NOT, c, value, 1);
            }
        }
        n_pushed += check_predicate(&s, table, &all, RH_OP_NULL, c, NULL, 0);
        n_pushed += check_predicate(&s, table, &all, RH_OP_NULL | RH_OP_NOT, c, NULL, 0);
        n_pushed += check_predicate(&s, table, &all, RH_OP_EMPTY, c, NULL, 0);
        n_pushed += check_predicate(&s, table, &all, RH_OP_ABSENT | RH_OP_NOT, c, NULL, 0);
        n_pushed += check_predicate(&s, table, &all, RH_OP_IN, c, NULL, 0);
        n_pushed += check_predicate(&s, table, &all, RH_OP_IN | RH_OP_NOT, c, NULL, 0);
    }
    ck_assert_uint_ge(n_pushed, flavour == PLAIN ? 4000 : 1000);
    rh_arena_free(all.arena);
    stop(&s);
}

START_TEST(predicates_mean_what_the_host_means)
{
    for (enum flavour flavour = PLAIN; flavour < N_FLAVOURS; flavour++)
        predicates_mean_what_the_host_means_in(flavour);
}
END_TEST

static void lists_of_all_lengths_in(enum flavour flavour)
{
    struct session s;

    fill_awkward(&s, flavour);
    const struct rh_table *table = table_of(&s, "awkward");
    const struct rows all = read_rows(&s, query_of(table));
    for (uint32_t c = 0; c < table->n_columns; c++) {
        struct rh_value values[300];
        uint32_t n = 0;
        for (uint32_t r = 0; r < all.n_rows; r++) {
            const struct rh_value *value = &all.cells[(size_t)r * all.n_cols + c];
            if (value->type == table->columns[c].type)
                values[n++] = *value;
        }
        for (uint32_t length = 1; length <= n; length++) {
            check_predicate(&s, table, &all, RH_OP_IN, c, values, length);
            check_predicate(&s, table, &all, RH_OP_IN | RH_OP_NOT, c, values, length);
        }
        for (uint32_t i = n; n && i < 300; i++)
            values[i] = values[i % n];
        check_predicate(&s, table, &all, RH_OP_IN, c, values, 300);
    }
    rh_arena_free(all.arena);
    stop(&s);
}

START_TEST(lists_of_all_lengths)
{
    for (enum flavour flavour = PLAIN; flavour < N_FLAVOURS; flavour++)
        lists_of_all_lengths_in(flavour);
}
END_TEST

TESTS_MAIN("sqlite_conditions", predicates_mean_what_the_host_means, lists_of_all_lengths)
