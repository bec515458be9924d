/* Order, pages, indexes. */
#include "sqlite_oracle.h"

static int compare_keys(const struct rows *all, uint32_t column, uint32_t flags, uint32_t a,
                        uint32_t b)
{
    const struct rh_value *x = &all->cells[(size_t)a * all->n_cols + column];
    const struct rh_value *y = &all->cells[(size_t)b * all->n_cols + column];
    bool x_null = rh_cell_is_null(x), y_null = rh_cell_is_null(y);
    int order;

    if (x_null || y_null)
        return flags & RH_ORDER_NULLS_FIRST ? y_null - x_null : x_null - y_null;
    order = rh_cell_compare(x, y);
    return flags & RH_ORDER_DESC ? -order : order;
}

/* ids (equal to positions) in the order by column, then id. */
static void sort_ids(const struct rows *all, uint32_t column, uint32_t flags, uint32_t *ids)
{
    for (uint32_t i = 0; i < all->n_rows; i++) {
        uint32_t at = i;
        while (at > 0 && compare_keys(all, column, flags, ids[at - 1], i) > 0) {
            ids[at] = ids[at - 1];
            at--;
        }
        ids[at] = i;
    }
}

static void order_and_pages_in(enum flavour flavour)
{
    struct session s;
    uint32_t ids[COUNT(awkward_values)];

    fill_awkward(&s, flavour);
    const struct rh_table *table = table_of(&s, "awkward");
    const struct rows all = read_rows(&s, query_of(table));
    for (uint32_t c = 0; c < table->n_columns; c++) {
        for (uint32_t flags = 0; flags < 4; flags++) {
            struct query *q = query_of(table);
            q->order[0] = (struct rh_order){.column = c, .flags = flags | RH_ORDER_BINARY};
            q->order[1] = (struct rh_order){.column = 0};
            q->abi.n_order = 2;
            plan(&s, q);
            if (q->plan.n_order == 0) {
                ck_assert(flavour == UTF16 || table->columns[c].type == RH_TYPE_BOOL);
                continue;
            }
            ck_assert_uint_eq(q->plan.n_order, 2);
            sort_ids(&all, c, flags, ids);
            assert_ids(&s, q, ids, all.n_rows);
            for (uint32_t i = 0; i < all.n_rows; i++) {
                const struct rh_value position[] = {all.cells[(size_t)ids[i] * all.n_cols + c],
                                                    rh_kit_int(ids[i])};
                q->abi.n_nodes = q->abi.n_values = q->abi.n_conjuncts = 0;
                where(q, RH_OP_SEEK, RH_NO_COLUMN, position, 2);
                plan(&s, q);
                if (q->verdicts[0] == RH_VERDICT_EXACT)
                    assert_ids(&s, q, ids + i + 1, all.n_rows - i - 1);
                else
                    ck_assert_uint_eq(position[0].type, RH_TYPE_BYTES);
            }
            q->abi.n_conjuncts = 0;
            q->abi.offset = 5;
            q->abi.limit = 7;
            assert_ids(&s, q, ids + 5, 7);
            q->abi.limit = RH_NO_LIMIT;
            assert_ids(&s, q, ids + 5, all.n_rows - 5);
        }
    }
    rh_arena_free(all.arena);
    stop(&s);
}

START_TEST(order_and_pages)
{
    for (enum flavour flavour = PLAIN; flavour < N_FLAVOURS; flavour++)
        order_and_pages_in(flavour);
}
END_TEST

START_TEST(natural_order)
{
    struct session s;

    start(&s);
    sql(&s, "CREATE TABLE t (id INTEGER PRIMARY KEY, n TEXT COLLATE NOCASE)");
    sql(&s, "INSERT INTO t VALUES (1, 'b'), (2, 'A'), (3, 'a'), (4, 'B'), (5, NULL)");
    introspect(&s);
    struct query *q = query_of(table_of(&s, "t"));
    const struct rh_value position[] = {rh_kit_text(rh_text_of("a")), rh_kit_int(2)};
    q->abi.n_select = 1;
    q->order[0] = (struct rh_order){.column = 1};
    q->order[1] = (struct rh_order){.column = 0};
    q->abi.n_order = 2;
    assert_query(&s, q, "int:2\nint:3\nint:1\nint:4\nint:5\n");
    where(q, RH_OP_SEEK, RH_NO_COLUMN, position, 2);
    assert_query(&s, q, "int:3\nint:1\nint:4\nint:5\n");
    stop(&s);
}
END_TEST

/* Whether SQLite finds the rows of the query through an index. */
static bool uses_index(struct session *s, struct query *q)
{
    static const struct rh_value nulls[64] = {{.type = RH_TYPE_NULL}};
    struct rh_text native = {NULL, 0};
    struct rh_native_result result;
    struct rh_buf text = dump_buffer(), answer = dump_buffer();
    char *string = NULL;
    uint32_t n = 0;
    bool used;

    ck_assert_int_eq(connector->explain(s->conn, op_of(s), &q->abi, &native, &s->error), RH_OK);
    rh_buf_add_str(&text, "EXPLAIN QUERY PLAN ");
    rh_buf_add_text(&text, native);
    for (uint64_t i = 0; i < native.len; i++)
        n += native.data[i] == '?';
    string = rh_buf_take(&text);
    ck_assert_msg(run_with(s, string, nulls, n, &result) == RH_OK, "%s", s->error.message);
    dump_cursor(s, result.cursor, &answer);
    free(string);
    string = rh_buf_take(&answer);
    used =
        strstr(string, "SEARCH t0") && !strstr(string, "SCAN t0") && !strstr(string, "TEMP B-TREE");
    free(string);
    return used;
}

START_TEST(indexes_are_used)
{
    struct session s;
    static const struct {
        const char *column;
        uint32_t op;
    } usable[] = {{"t", RH_OP_EQ},  {"t", RH_OP_GT},   {"t", RH_OP_STARTS}, {"t", RH_OP_LIKE},
                  {"n", RH_OP_EQ},  {"i", RH_OP_EQ},   {"i", RH_OP_LTE},    {"i", RH_OP_IN},
                  {"d", RH_OP_GTE}, {"day", RH_OP_EQ}, {"day", RH_OP_GT},   {"u", RH_OP_EQ},
                  {"u", RH_OP_IN},  {"y", RH_OP_LT}};
    static unsigned char uuid[16];
    struct query *q = NULL;

    start(&s);
    sql(&s,
        "CREATE TABLE x (id INTEGER PRIMARY KEY, t TEXT, n TEXT COLLATE NOCASE, i INT NOT NULL, "
        "d DECIMAL(5,2), day DATE, u UUID, y BLOB)");
    for (const char *column = "t\0n\0i\0d\0u\0y\0"; *column; column += 2) {
        char text[64];
        snprintf(text, sizeof text, "CREATE INDEX by_%s ON x (%s)", column, column);
        sql(&s, text);
    }
    sql(&s, "CREATE INDEX by_day ON x (day)");
    introspect(&s);
    const struct rh_table *table = table_of(&s, "x");
    for (uint32_t i = 0; i < COUNT(usable); i++) {
        struct rh_value values[20] = {{.type = RH_TYPE_NULL}};
        const uint32_t column = column_of(table, usable[i].column);
        for (uint32_t v = 0; v < COUNT(values); v++) {
            values[v] = (struct rh_value){.type = (uint8_t)table->columns[column].type};
            if (rh_cell_has_data(&values[v]))
                values[v] = (struct rh_value){.type = values[v].type, .len = 16, .as.data = uuid};
            if (values[v].type == RH_TYPE_DECIMAL)
                values[v] = (struct rh_value){.type = RH_TYPE_DECIMAL, .len = 1, .as.data = "7"};
        }
        q = query_of(table);
        where(q, usable[i].op, column, values, usable[i].op == RH_OP_IN ? 20 : 1);
        ck_assert_msg(uses_index(&s, q), "%s %#x", usable[i].column, usable[i].op);
    }
    q = query_of(table); /* a page in the order of an index */
    const struct rh_value position[] = {rh_kit_int(5), rh_kit_int(6)};
    q->order[0] = (struct rh_order){.column = column_of(table, "i")};
    q->order[1] = (struct rh_order){.column = 0};
    q->abi.n_order = 2;
    q->abi.limit = 10;
    where(q, RH_OP_SEEK, RH_NO_COLUMN, position, 2);
    ck_assert(uses_index(&s, q));
    stop(&s);
}
END_TEST

TESTS_MAIN("sqlite_order", order_and_pages, natural_order, indexes_are_used)
