/* Groups and aggregates. */
#include "sqlite_oracle.h"

static void groups_are_by_value_in(enum flavour flavour)
{
    struct session s;

    fill_awkward(&s, flavour);
    const struct rh_table *table = table_of(&s, "awkward");
    const struct rows all = read_rows(&s, query_of(table));
    for (uint32_t c = 0; c < table->n_columns; c++) {
        const struct rh_group group = {.column = c};
        const struct rh_aggregate count = {
            .function = RH_AGG_COUNT, .column = RH_NO_COLUMN, .type = RH_TYPE_INT};
        struct query *q = query_of(table);
        q->abi.groups = &group;
        q->abi.n_groups = 1;
        q->abi.aggregates = &count;
        q->abi.n_aggregates = 1;
        plan(&s, q);
        ck_assert_uint_eq(q->plan.accepts & RH_ACCEPT_GROUPS, RH_ACCEPT_GROUPS);
        const struct rows groups = read_rows(&s, q);
        uint64_t total = 0;
        for (uint32_t g = 0; g < groups.n_rows; g++) {
            const struct rh_value *key = &groups.cells[(size_t)g * 2];
            int64_t n = 0;
            for (uint32_t r = 0; r < all.n_rows; r++)
                n += rh_cell_equal(key, &all.cells[(size_t)r * all.n_cols + c]);
            struct rh_buf buf = dump_buffer();
            add_cell(&buf, key);
            ck_assert_msg(n == key[1].as.i, "column %u key %.*s: %lld not %lld", c,
                          RH_TEXT_ARG(rh_buf_text(&buf)), (long long)key[1].as.i, (long long)n);
            rh_buf_free(&buf);
            total += (uint64_t)key[1].as.i;
        }
        ck_assert_uint_eq(total, all.n_rows);
        rh_arena_free(groups.arena);
        /* DISTINCT gives the same keys. */
        q = query_of(table);
        q->select[0] = c;
        q->abi.n_select = 1;
        q->abi.flags = RH_QUERY_DISTINCT;
        const struct rows distinct = read_rows(&s, q);
        ck_assert_uint_eq(distinct.n_rows, groups.n_rows);
        rh_arena_free(distinct.arena);
    }
    rh_arena_free(all.arena);
    stop(&s);
}

START_TEST(groups_are_by_value)
{
    for (enum flavour flavour = PLAIN; flavour < N_FLAVOURS; flavour++)
        groups_are_by_value_in(flavour);
}
END_TEST

static void least_and_greatest_in(enum flavour flavour)
{
    struct session s;

    fill_awkward(&s, flavour);
    const struct rh_table *table = table_of(&s, "awkward");
    const struct rows all = read_rows(&s, query_of(table));
    for (uint32_t c = 0; c < table->n_columns; c++) {
        const struct rh_aggregate aggregates[] = {
            {.function = RH_AGG_MIN, .column = c, .type = table->columns[c].type},
            {.function = RH_AGG_MAX, .column = c, .type = table->columns[c].type},
            {.function = RH_AGG_COUNT, .column = c, .type = RH_TYPE_INT}};
        struct query *q = query_of(table);
        const struct rh_value *least = NULL, *greatest = NULL;
        q->abi.aggregates = aggregates;
        q->abi.n_aggregates = 3;
        plan(&s, q);
        if (!(q->plan.accepts & RH_ACCEPT_GROUPS)) {
            ck_assert(flavour == UTF16 || table->columns[c].type == RH_TYPE_BOOL);
            continue;
        }
        for (uint32_t r = 0; r < all.n_rows; r++) {
            const struct rh_value *cell = &all.cells[(size_t)r * all.n_cols + c];
            if (rh_cell_is_null(cell))
                continue;
            if (!least || rh_cell_compare(cell, least) < 0)
                least = cell;
            if (!greatest || rh_cell_compare(cell, greatest) > 0)
                greatest = cell;
        }
        const struct rows got = read_rows(&s, q);
        ck_assert_uint_eq(got.n_rows, 1);
        ck_assert_msg(least ? rh_cell_equal(least, &got.cells[0]) : rh_cell_is_null(&got.cells[0]),
                      "least of column %u", c);
        ck_assert_msg(greatest ? rh_cell_equal(greatest, &got.cells[1])
                               : rh_cell_is_null(&got.cells[1]),
                      "greatest of column %u", c);
        rh_arena_free(got.arena);
    }
    rh_arena_free(all.arena);
    stop(&s);
}

START_TEST(least_and_greatest)
{
    for (enum flavour flavour = PLAIN; flavour < N_FLAVOURS; flavour++)
        least_and_greatest_in(flavour);
}
END_TEST

START_TEST(sums_are_exact)
{
    struct session s;
    const struct rh_aggregate aggregates[] = {
        {.function = RH_AGG_SUM, .column = 1, .type = RH_TYPE_DECIMAL},
        {.function = RH_AGG_AVG, .column = 1, .type = RH_TYPE_DECIMAL},
        {.function = RH_AGG_SUM, .column = 2, .type = RH_TYPE_FLOAT},
        {.function = RH_AGG_SUM, .column = 1, .distinct = 1, .type = RH_TYPE_DECIMAL},
        {.function = RH_AGG_AVG, .column = 2, .type = RH_TYPE_FLOAT}};
    const struct rh_group group = {.column = 0};
    struct rh_value limits[] = {rh_kit_text(rh_text_of("9223372036854775808")),
                                rh_kit_text(rh_text_of("0.333334"))};
    struct query *q = NULL;
    const uint32_t having[] = {0};

    start(&s);
    sql(&s, "CREATE TABLE t (g INT, i INT, f REAL)");
    sql(&s, "INSERT INTO t VALUES (1, 9223372036854775807, 0.5), (1, 9223372036854775807, 0.25), "
            "(2, 1, 1.5), (2, 0, NULL), (2, 0, 'x'), (3, NULL, NULL), (4, -1, 1), (4, -1, 1), (4, "
            "0, 1)");
    introspect(&s);
    q = query_of(table_of(&s, "t"));
    q->abi.groups = &group;
    q->abi.n_groups = 1;
    q->abi.aggregates = aggregates;
    q->abi.n_aggregates = 5;
    q->order[0] = (struct rh_order){.column = 1, .flags = RH_ORDER_DESC | RH_ORDER_NULLS_FIRST};
    q->abi.n_order = 1;
    plan(&s, q);
    ck_assert_uint_eq(q->plan.n_order, 1);
    assert_query(&s, q,
                 "int:3|null|null|null|null|null\n"
                 "int:1|decimal:18446744073709551614|decimal:9223372036854775807.000000|float:0.75|"
                 "decimal:9223372036854775807|float:0.375\n"
                 "int:2|decimal:1|decimal:0.333333|float:1.5|decimal:1|float:1.5\n"
                 "int:4|decimal:-2|decimal:-0.666667|float:3|decimal:-1|float:1\n");
    limits[0].type = limits[1].type = RH_TYPE_DECIMAL;
    for (uint32_t i = 0; i < 2; i++) {
        where(q, RH_OP_LT | (i ? 0 : RH_OP_NOT), i + 1, &limits[i], 1);
        q->abi.n_conjuncts = 0;
    }
    q->abi.having = having;
    q->abi.n_having = 1;
    q->abi.n_order = 0;
    plan(&s, q);
    ck_assert_uint_eq(q->plan.accepts & RH_ACCEPT_HAVING, RH_ACCEPT_HAVING);
    q->abi.n_aggregates = 1;
    assert_query(&s, q, "int:1|decimal:18446744073709551614\nint:3|null\n");
    stop(&s);
}
END_TEST

START_TEST(decimal_sums_are_exact)
{
    struct session s;
    const struct rh_aggregate aggregates[] = {
        {.function = RH_AGG_SUM, .column = 1, .type = RH_TYPE_DECIMAL},
        {.function = RH_AGG_AVG, .column = 1, .type = RH_TYPE_DECIMAL}};
    const struct rh_group group = {.column = 0};
    struct rh_value limit = rh_kit_text(rh_text_of("0.3"));
    const uint32_t having[] = {0};
    struct query *q = NULL;

    start(&s);
    sql(&s, "CREATE TABLE t (g INT, d DECIMAL(10,2))");
    sql(&s, "INSERT INTO t VALUES (1, 0.1), (1, 0.2), (2, 1e300), (2, 1), (2, 1e-10), (2, -1e300), "
            "(3, -0.05), (3, 0), (3, -1), (4, NULL), (5, 'x'), (6, -5), (6, 5), (7, "
            "9223372036854775807), (7, 9223372036854775807), (8, -0.0000005), (9, 0.1), (9, 0.7), "
            "(9, 0.7), (9, 'inf'), (9, 9e999)");
    introspect(&s);
    q = query_of(table_of(&s, "t"));
    q->abi.groups = &group;
    q->abi.n_groups = 1;
    q->abi.aggregates = aggregates;
    q->abi.n_aggregates = 2;
    q->order[0] = (struct rh_order){.column = 1};
    q->order[1] = (struct rh_order){.column = 0};
    q->abi.n_order = 2;
    plan(&s, q);
    ck_assert_uint_eq(q->plan.accepts & RH_ACCEPT_GROUPS, RH_ACCEPT_GROUPS);
    ck_assert_uint_eq(q->plan.n_order, 2);
    assert_query(&s, q,
                 "int:3|decimal:-1.05|decimal:-0.350000\n"
                 "int:8|decimal:-0.0000005|decimal:-0.000001\n"
                 "int:6|decimal:0|decimal:0.000000\n"
                 "int:1|decimal:0.3|decimal:0.150000\n"
                 "int:2|decimal:1.0000000001|decimal:0.250000\n"
                 "int:9|decimal:1.5|decimal:0.500000\n"
                 "int:7|decimal:18446744073709551614|decimal:9223372036854775807.000000\n"
                 "int:4|null|null\nint:5|null|null\n");
    limit.type = RH_TYPE_DECIMAL;
    where(q, RH_OP_LTE, 1, &limit, 1);
    q->abi.n_conjuncts = 0;
    q->abi.having = having;
    q->abi.n_having = 1;
    plan(&s, q);
    ck_assert_uint_eq(q->plan.accepts & RH_ACCEPT_HAVING, RH_ACCEPT_HAVING);
    q->abi.n_aggregates = 1;
    assert_query(&s, q,
                 "int:3|decimal:-1.05\nint:8|decimal:-0.0000005\nint:6|decimal:0\n"
                 "int:1|decimal:0.3\n");
    /* A list that is bound as one. */
    struct rh_value sums[20];
    for (uint32_t i = 0; i < COUNT(sums); i++)
        sums[i] = decimal_of(i == 19 ? "1.5" : "18446744073709551614.0");
    q->abi.n_nodes = 0;
    where(q, RH_OP_IN, 1, sums, COUNT(sums));
    q->abi.n_conjuncts = 0;
    plan(&s, q);
    ck_assert_uint_eq(q->plan.accepts & RH_ACCEPT_HAVING, RH_ACCEPT_HAVING);
    assert_query(&s, q, "int:9|decimal:1.5\nint:7|decimal:18446744073709551614\n");
    stop(&s);
}
END_TEST

START_TEST(buckets)
{
    struct session s;
    const struct rh_group groups[] = {{.column = 0, .bucket = RH_BUCKET_MONTH},
                                      {.column = 1, .bucket = RH_BUCKET_YEAR}};
    const struct rh_aggregate count = {
        .function = RH_AGG_COUNT, .column = RH_NO_COLUMN, .type = RH_TYPE_INT};
    struct query *q = NULL;

    start(&s);
    sql(&s, "CREATE TABLE t (d DATE, ts TIMESTAMPTZ)");
    sql(&s, "INSERT INTO t VALUES ('2024-02-29', '2024-12-31T23:30:00-01:00'), ('2024-02-01', "
            "'2025-06-01T00:00:00Z'), ('soon', NULL)");
    introspect(&s);
    q = query_of(table_of(&s, "t"));
    q->abi.groups = groups;
    q->abi.n_groups = 2;
    q->abi.aggregates = &count;
    q->abi.n_aggregates = 1;
    q->order[0] = (struct rh_order){.column = 0};
    q->abi.n_order = 1;
    plan(&s, q);
    ck_assert_uint_eq(q->plan.accepts & RH_ACCEPT_GROUPS, RH_ACCEPT_GROUPS);
    assert_query(&s, q,
                 "text:soon|null|int:1\n"
                 "date:19754|ts:1735689600000000|int:2\n");
    stop(&s);
}
END_TEST

TESTS_MAIN("sqlite_groups", groups_are_by_value, least_and_greatest, sums_are_exact,
           decimal_sums_are_exact, buckets)
