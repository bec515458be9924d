/*
 * The SQL text builder: texts for many shapes of queries in two small dialects (PostgreSQL's habits
 * and SQLite's), what the planner makes of them, and that hostile queries end in an error.
 */
#include "connector/sql.h"

#include "base/err.h"
#include "base/text.h"
#include "connector/kit.h"
#include "lib/fault.h"
#include "lib/tests.h"

#include <stdlib.h>
#include <string.h>

#define COUNT(array) ((uint32_t)(sizeof(array) / sizeof((array)[0])))
#define T(literal) RH_TEXT_INIT(literal)

/* ---- dialects ---- */

static void pg_column(struct rh_sql *sql, const struct rh_column *column, enum rh_sql_form form)
{
    rh_sql_name(sql, column);
    if (column->type == RH_TYPE_TEXT && !(column->flags & RH_COLUMN_BINARY_ORDER) &&
        (form == RH_SQL_VALUE || form == RH_SQL_VALUE_OUTPUT))
        rh_sql_add(sql, " COLLATE \"C\"");
    if (column->type == RH_TYPE_DECIMAL && (form == RH_SQL_OUTPUT || form == RH_SQL_VALUE_OUTPUT))
        rh_sql_add(sql, "::text");
}

static void pg_in_list(struct rh_sql *sql, const struct rh_column *column,
                       const struct rh_value *values, uint32_t n, enum rh_sql_form form)
{
    rh_sql_add(sql, " = ANY (");
    rh_sql_bind_list(sql, column, values, n, form);
    rh_sql_add(sql, ")");
}

static void pg_bucket(struct rh_sql *sql, const struct rh_column *column, uint32_t bucket,
                      enum rh_sql_form form)
{
    rh_sql_add(sql, "date_trunc('month', ");
    rh_sql_name(sql, column);
    rh_sql_add(sql, ")");
}

static bool pg_predicate(struct rh_sql *sql, const struct rh_column *column,
                         const struct rh_node *node, const struct rh_value *values)
{
    if (node->op != (RH_OP_CONTAINS | RH_OP_FOLD))
        return false;
    rh_sql_operand(sql, column, RH_SQL_VALUE);
    rh_sql_add(sql, " ~ ");
    rh_sql_bind(sql, NULL, values, RH_SQL_VALUE);
    return true;
}

static void type_name(struct rh_sql *sql, const struct rh_column *column)
{
    if (column->native_type.len)
        rh_sql_native_type(sql, column->native_type);
    else
        rh_sql_add(sql, column->type == RH_TYPE_INT ? "integer" : "text");
}

static void identity(struct rh_sql *sql, const struct rh_column *column)
{
    rh_sql_add(sql, "INTEGER PRIMARY KEY");
}

static const struct rh_sql_dialect pg = {
    .quote_open = '"',
    .quote_close = '"',
    .placeholder = '$',
    .order_nulls_largest = true,
    .order_nulls_keywords = true,
    .row_values = true,
    .default_keyword = true,
    .lock_clause = true,
    .column = pg_column,
    .predicate = pg_predicate,
    .in_list = pg_in_list,
    .bucket = pg_bucket,
    .type_name = type_name,
};

static const struct rh_sql_dialect lite = {
    .quote_open = '[',
    .quote_close = ']',
    .placeholder = '?',
    .offset_needs_limit = true,
    .identity_is_key = true,
    .type_name = type_name,
    .identity = identity,
};

/* ---- queries ---- */

enum { ID, NAME, CITY, PRICE, WHEN, DATA, OPAQUE };

static const struct rh_column columns[] = {
    [ID] = {.name = T("id"), .type = RH_TYPE_INT, .flags = RH_COLUMN_NOT_NULL},
    [NAME] = {.name = T("name"), .type = RH_TYPE_TEXT, .flags = RH_COLUMN_EXACT_EQUAL},
    [CITY] = {.name = T("ci\"ty"), .type = RH_TYPE_TEXT, .flags = RH_COLUMN_NOT_NULL},
    [PRICE] = {.name = T("price"), .type = RH_TYPE_DECIMAL},
    [WHEN] = {.name = T("when"), .type = RH_TYPE_DATE},
    [DATA] = {.name = T("data"), .type = RH_TYPE_JSON},
    [OPAQUE] = {.name = T("odd"), .type = RH_TYPE_TEXT, .flags = RH_COLUMN_OPAQUE},
};

static const struct rh_column lines[] = {
    {.name = T("order_id"), .type = RH_TYPE_INT},
    {.name = T("note"), .type = RH_TYPE_TEXT, .flags = RH_COLUMN_EXACT_EQUAL},
};

static const uint32_t select_id[] = {ID};

static struct rh_query query_of(const struct rh_node *nodes, uint32_t n_nodes,
                                const struct rh_value *values, uint32_t n_values)
{
    static const uint32_t conjuncts[] = {0};

    return (struct rh_query){.struct_size = sizeof(struct rh_query),
                             .table = T("orders"),
                             .columns = columns,
                             .n_columns = COUNT(columns),
                             .column_stride = sizeof columns[0],
                             .select = select_id,
                             .n_select = 1,
                             .conjuncts = conjuncts,
                             .n_conjuncts = n_nodes ? 1 : 0,
                             .nodes = nodes,
                             .n_nodes = n_nodes,
                             .values = values,
                             .n_values = n_values,
                             .semijoin_stride = sizeof(struct rh_semijoin),
                             .limit = RH_NO_LIMIT};
}

static struct rh_value text(const char *string)
{
    return rh_kit_text(rh_text_of(string));
}

static struct rh_value decimal(const char *string)
{
    struct rh_value value = text(string);

    value.type = RH_TYPE_DECIMAL;
    return value;
}

static void assert_built(struct rh_sql *sql, const char *expected, uint32_t n_parameters)
{
    struct rh_error error = RH_ERROR_INIT;

    ck_assert_msg(rh_sql_check(sql, &error) == RH_OK, "%s", error.message);
    ck_assert_str_eq(rh_sql_string(sql), expected);
    ck_assert_uint_eq(sql->n_parameters, n_parameters);
    rh_sql_fini(sql);
}

static void assert_select(const struct rh_sql_dialect *dialect, const struct rh_query *query,
                          const char *expected, uint32_t n_parameters)
{
    struct rh_sql sql;

    rh_sql_init(&sql, dialect, NULL);
    rh_sql_select(&sql, query);
    assert_built(&sql, expected, n_parameters);
}

/* The condition that one node becomes. */
static void assert_where(const struct rh_sql_dialect *dialect, uint32_t op, uint32_t column,
                         const struct rh_value *values, uint32_t n, const char *expected,
                         uint32_t n_parameters)
{
    const struct rh_node node = {.op = op, .column = column, .n = n};
    const struct rh_query query = query_of(&node, 1, values, n);
    const char *prefix = dialect == &pg ? "SELECT t0.\"id\" FROM \"orders\" AS t0 WHERE "
                                        : "SELECT t0.[id] FROM [orders] AS t0 WHERE ";
    struct rh_sql sql;

    rh_sql_init(&sql, dialect, NULL);
    rh_sql_select(&sql, &query);
    ck_assert_msg(!sql.failed, "%s", expected);
    ck_assert_str_eq(rh_sql_string(&sql) + strlen(prefix), expected);
    ck_assert_uint_eq(sql.n_parameters, n_parameters);
    rh_sql_fini(&sql);
}

/* ---- predicates ---- */

START_TEST(comparisons)
{
    const struct rh_value seven = rh_kit_int(7), oslo = text("Oslo");

    assert_where(&pg, RH_OP_EQ, ID, &seven, 1, "t0.\"id\" = $1", 1);
    assert_where(&pg, RH_OP_EQ | RH_OP_NOT, ID, &seven, 1, "t0.\"id\" <> $1", 1);
    assert_where(&pg, RH_OP_EQ, NAME, &oslo, 1, "t0.\"name\" = $1", 1);
    assert_where(&pg, RH_OP_EQ | RH_OP_NOT, NAME, &oslo, 1,
                 "(t0.\"name\" <> $1 OR t0.\"name\" IS NULL)", 1);
    /* Not equal by code point: found by the source's equality, then checked. */
    assert_where(&pg, RH_OP_EQ, CITY, &oslo, 1,
                 "(t0.\"ci\"\"ty\" = $1 AND t0.\"ci\"\"ty\" COLLATE \"C\" = $2)", 2);
    assert_where(&pg, RH_OP_EQ | RH_OP_NOT, CITY, &oslo, 1, "t0.\"ci\"\"ty\" COLLATE \"C\" <> $1",
                 1);
    assert_where(&pg, RH_OP_LT, NAME, &oslo, 1, "t0.\"name\" COLLATE \"C\" < $1", 1);
    assert_where(&pg, RH_OP_LT | RH_OP_NOT, NAME, &oslo, 1,
                 "(t0.\"name\" COLLATE \"C\" >= $1 OR t0.\"name\" IS NULL)", 1);
    assert_where(&pg, RH_OP_LTE | RH_OP_NOT, ID, &seven, 1, "t0.\"id\" > $1", 1);
    assert_where(&pg, RH_OP_GT | RH_OP_NOT, ID, &seven, 1, "t0.\"id\" <= $1", 1);
    assert_where(&pg, RH_OP_GTE | RH_OP_NOT, ID, &seven, 1, "t0.\"id\" < $1", 1);
    assert_where(&lite, RH_OP_GTE, PRICE, &seven, 1, "t0.[price] >= ?1", 1);
}
END_TEST

START_TEST(lists)
{
    const struct rh_value numbers[] = {rh_kit_int(1), rh_kit_int(2), rh_kit_int(3)};
    const struct rh_value names[] = {text("a"), text("b")};

    assert_where(&pg, RH_OP_IN, ID, numbers, 3, "t0.\"id\" = ANY ($1)", 1);
    assert_where(&pg, RH_OP_IN | RH_OP_NOT, NAME, names, 2,
                 "(NOT (t0.\"name\" = ANY ($1)) OR t0.\"name\" IS NULL)", 1);
    assert_where(&pg, RH_OP_IN, CITY, names, 2,
                 "(t0.\"ci\"\"ty\" = ANY ($1) AND t0.\"ci\"\"ty\" COLLATE \"C\" = ANY ($2))", 2);
    /* Padded to a power of two, so that three and four share one text. */
    assert_where(&lite, RH_OP_IN, ID, numbers, 3, "t0.[id] IN (?1, ?2, ?3, ?4)", 4);
    assert_where(&lite, RH_OP_IN | RH_OP_NOT, ID, numbers, 1, "NOT (t0.[id] IN (?1))", 1);
    assert_where(&lite, RH_OP_IN, ID, NULL, 0, "1 = 0", 0);
    assert_where(&lite, RH_OP_IN | RH_OP_NOT, ID, NULL, 0, "1 = 1", 0);
}
END_TEST

START_TEST(texts_and_nulls)
{
    const struct rh_value value = text("50%_\\");
    struct rh_sql sql;
    const struct rh_value *pattern = NULL;

    assert_where(&pg, RH_OP_LIKE, NAME, &value, 1, "t0.\"name\" LIKE $1 ESCAPE '\\'", 1);
    assert_where(&pg, RH_OP_STARTS, CITY, &value, 1,
                 "t0.\"ci\"\"ty\" COLLATE \"C\" LIKE $1 ESCAPE '\\'", 1);
    assert_where(&pg, RH_OP_ENDS | RH_OP_NOT, NAME, &value, 1,
                 "(NOT (t0.\"name\" LIKE $1 ESCAPE '\\') OR t0.\"name\" IS NULL)", 1);
    assert_where(&pg, RH_OP_CONTAINS | RH_OP_FOLD, NAME, &value, 1,
                 "t0.\"name\" COLLATE \"C\" ~ $1", 1);
    assert_where(&pg, RH_OP_CONTAINS | RH_OP_FOLD | RH_OP_NOT, NAME, &value, 1,
                 "(t0.\"name\" COLLATE \"C\" ~ $1) IS NOT TRUE", 1);
    assert_where(&pg, RH_OP_NULL, NAME, NULL, 0, "t0.\"name\" IS NULL", 0);
    assert_where(&pg, RH_OP_NULL | RH_OP_NOT, NAME, NULL, 0, "t0.\"name\" IS NOT NULL", 0);
    assert_where(&pg, RH_OP_ABSENT, NAME, NULL, 0, "1 = 0", 0);
    assert_where(&pg, RH_OP_ABSENT | RH_OP_NOT, NAME, NULL, 0, "1 = 1", 0);
    assert_where(&pg, RH_OP_EMPTY, NAME, NULL, 0, "t0.\"name\" IS NULL", 0);

    rh_sql_init(&sql, &pg, NULL);
    pattern = rh_sql_pattern(&sql, RH_OP_CONTAINS, &value);
    ck_assert(rh_text_is(rh_kit_value_text(pattern), "%50\\%\\_\\\\%"));
    pattern = rh_sql_pattern(&sql, RH_OP_STARTS, &value);
    ck_assert(rh_text_is(rh_kit_value_text(pattern), "50\\%\\_\\\\%"));
    pattern = rh_sql_pattern(&sql, RH_OP_ENDS | RH_OP_FOLD, &value);
    ck_assert(rh_text_is(rh_kit_value_text(pattern), "%50\\%\\_\\\\"));
    pattern = rh_sql_pattern(&sql, RH_OP_LIKE, &value);
    ck_assert(rh_text_is(rh_kit_value_text(pattern), "50%_\\"));
    rh_sql_fini(&sql);
}
END_TEST

START_TEST(trees)
{
    const struct rh_value values[] = {rh_kit_int(1), rh_kit_int(2), text("x")};
    const struct rh_node nodes[] = {
        {.op = RH_OP_OR, .column = RH_NO_COLUMN, .first = 2, .n = 2},
        {.op = RH_OP_AND, .column = RH_NO_COLUMN, .first = 0, .n = 0},
        {.op = RH_OP_EQ, .column = ID, .first = 0, .n = 1},
        {.op = RH_OP_AND, .column = RH_NO_COLUMN, .first = 4, .n = 3},
        {.op = RH_OP_GT, .column = ID, .first = 1, .n = 1},
        {.op = RH_OP_EQ, .column = NAME, .first = 2, .n = 1},
        {.op = RH_OP_OR, .column = RH_NO_COLUMN, .n = 0},
    };
    const uint32_t conjuncts[] = {0, 1};
    struct rh_query query = query_of(nodes, COUNT(nodes), values, COUNT(values));

    query.conjuncts = conjuncts;
    query.n_conjuncts = 2;
    assert_select(&pg, &query,
                  "SELECT t0.\"id\" FROM \"orders\" AS t0 WHERE (t0.\"id\" = $1 OR (t0.\"id\" > $2 "
                  "AND t0.\"name\" = $3 AND 1 = 0)) AND 1 = 1",
                  3);
}
END_TEST

START_TEST(semijoins)
{
    static const uint32_t outer[] = {ID, NAME}, inner[] = {0, 1}, deeper[] = {0};
    static const uint32_t inner_conjuncts[] = {1, 2};
    const struct rh_value values[] = {text("x")};
    const struct rh_node nodes[] = {
        {.op = RH_OP_EXISTS, .column = RH_NO_COLUMN, .first = 0, .n = 1},
        {.op = RH_OP_EQ, .column = 1, .first = 0, .n = 1},
        {.op = RH_OP_EXISTS | RH_OP_NOT, .column = RH_NO_COLUMN, .first = 1, .n = 1},
    };
    const struct rh_semijoin joins[] = {
        {.schema = T("s"),
         .table = T("lines"),
         .columns = lines,
         .n_columns = 2,
         .column_stride = sizeof lines[0],
         .outer = outer,
         .inner = inner,
         .n_pairs = 2,
         .conjuncts = inner_conjuncts,
         .n_conjuncts = 2},
        {.table = T("lines"),
         .columns = lines,
         .n_columns = 2,
         .column_stride = sizeof lines[0],
         .outer = deeper,
         .inner = deeper,
         .n_pairs = 1},
    };
    struct rh_query query = query_of(nodes, COUNT(nodes), values, 1);

    query.semijoins = joins;
    query.n_semijoins = COUNT(joins);
    assert_select(&pg, &query,
                  "SELECT t0.\"id\" FROM \"orders\" AS t0 WHERE EXISTS (SELECT 1 FROM "
                  "\"s\".\"lines\" AS t1 WHERE t1.\"order_id\" = t0.\"id\" AND t1.\"note\" = "
                  "t0.\"name\" AND t1.\"note\" = $1 AND NOT EXISTS (SELECT 1 FROM \"lines\" AS t2 "
                  "WHERE t2.\"order_id\" = t1.\"order_id\"))",
                  1);
}
END_TEST

/* ---- order, pages ---- */

START_TEST(orders)
{
    const struct rh_order order[] = {{.column = PRICE},
                                     {.column = NAME, .flags = RH_ORDER_DESC | RH_ORDER_BINARY},
                                     {.column = ID, .flags = RH_ORDER_DESC}};
    struct rh_query query = query_of(NULL, 0, NULL, 0);

    query.order = order;
    query.n_order = COUNT(order);
    query.limit = 10;
    query.offset = 20;
    assert_select(
        &pg, &query,
        "SELECT t0.\"id\" FROM \"orders\" AS t0 ORDER BY t0.\"price\", t0.\"name\" COLLATE "
        "\"C\" DESC NULLS LAST, t0.\"id\" DESC LIMIT 10 OFFSET $1",
        1);
    query.limit = RH_NO_LIMIT;
    query.flags = RH_QUERY_LOCK;
    assert_select(&lite, &query,
                  "SELECT t0.[id] FROM [orders] AS t0 ORDER BY CASE WHEN t0.[price] IS NULL THEN 1 "
                  "ELSE 0 END, t0.[price], t0.[name] DESC, t0.[id] DESC LIMIT ?1 OFFSET ?2",
                  2);
    query.offset = 0;
    query.n_order = 0;
    assert_select(&pg, &query, "SELECT t0.\"id\" FROM \"orders\" AS t0 FOR UPDATE", 0);
    query.n_select = 0;
    query.flags = 0;
    assert_select(&pg, &query, "SELECT 1 FROM \"orders\" AS t0", 0);
}
END_TEST

static void assert_seek(const struct rh_sql_dialect *dialect, const struct rh_order *order,
                        const struct rh_value *values, uint32_t n, const char *expected)
{
    const struct rh_node node = {.op = RH_OP_SEEK, .column = RH_NO_COLUMN, .n = n};
    struct rh_query query = query_of(&node, 1, values, n);
    struct rh_sql sql;

    query.order = order;
    query.n_order = n;
    rh_sql_init(&sql, dialect, NULL);
    rh_sql_from_where(&sql, &query);
    ck_assert(!sql.failed);
    ck_assert_str_eq(strstr(rh_sql_string(&sql), "WHERE ") + 6, expected);
    rh_sql_fini(&sql);
}

START_TEST(seeks)
{
    const struct rh_value values[] = {rh_kit_int(5), text("b"), rh_kit_int(7)};
    const struct rh_value nulls[] = {rh_kit_null(), rh_kit_int(7)};
    const struct rh_order same[] = {{.column = ID}, {.column = CITY}};
    const struct rh_order mixed[] = {{.column = ID, .flags = RH_ORDER_DESC}, {.column = NAME}};
    const struct rh_order nullable[] = {{.column = PRICE}, {.column = ID}};
    const struct rh_order first[] = {{.column = PRICE, .flags = RH_ORDER_NULLS_FIRST},
                                     {.column = ID}};

    assert_seek(&pg, same, values, 1, "t0.\"id\" > $1");
    assert_seek(&pg, same, values, 2, "(t0.\"id\", t0.\"ci\"\"ty\") > ($1, $2)");
    assert_seek(&lite, same, values, 2,
                "(t0.[id] >= ?1 AND (t0.[id] > ?2 OR (t0.[id] = ?3 AND (t0.[ci\"ty] > ?4))))");
    assert_seek(&pg, mixed, values, 2,
                "(t0.\"id\" <= $1 AND (t0.\"id\" < $2 OR (t0.\"id\" = $3 AND (t0.\"name\" > $4 OR "
                "t0.\"name\" IS NULL))))");
    assert_seek(&pg, nullable, values, 1, "((t0.\"price\" > $1 OR t0.\"price\" IS NULL))");
    assert_seek(&pg, nullable, nulls, 2,
                "((1 = 0 OR (t0.\"price\" IS NULL AND (t0.\"id\" > $1))))");
    assert_seek(&pg, first, nulls, 2,
                "((t0.\"price\" IS NOT NULL OR (t0.\"price\" IS NULL AND (t0.\"id\" > $1))))");
    assert_seek(&pg, first, (const struct rh_value[]){rh_kit_int(1), rh_kit_int(2)}, 2,
                "(t0.\"price\" >= $1 AND (t0.\"price\" > $2 OR (t0.\"price\" = $3 AND (t0.\"id\" > "
                "$4))))");
}
END_TEST

/* ---- groups ---- */

START_TEST(groups)
{
    const struct rh_group group[] = {{.column = NAME}, {.column = WHEN, .bucket = RH_BUCKET_MONTH}};
    const struct rh_aggregate aggregates[] = {
        {.function = RH_AGG_COUNT, .column = RH_NO_COLUMN, .type = RH_TYPE_INT},
        {.function = RH_AGG_MAX, .column = CITY, .type = RH_TYPE_TEXT},
        {.function = RH_AGG_COUNT, .column = NAME, .distinct = 1, .type = RH_TYPE_INT}};
    const struct rh_order order[] = {{.column = 2, .flags = RH_ORDER_DESC}, {.column = 0}};
    const struct rh_value values[] = {rh_kit_int(10)};
    const struct rh_node nodes[] = {{.op = RH_OP_GT | RH_OP_NOT, .column = 2, .n = 1},
                                    {.op = RH_OP_NULL, .column = 3}};
    const uint32_t having[] = {0, 1};
    struct rh_query query = query_of(NULL, 0, values, 1);

    query.nodes = nodes;
    query.n_nodes = 2;
    query.groups = group;
    query.n_groups = 2;
    query.aggregates = aggregates;
    query.n_aggregates = 3;
    query.having = having;
    query.n_having = 2;
    query.order = order;
    query.n_order = 2;
    assert_select(
        &pg, &query,
        "SELECT t0.\"name\" COLLATE \"C\", date_trunc('month', t0.\"when\"), count(*), "
        "max(t0.\"ci\"\"ty\" COLLATE \"C\"), count(DISTINCT t0.\"name\" COLLATE \"C\") FROM "
        "\"orders\" AS t0 GROUP BY t0.\"name\" COLLATE \"C\", date_trunc('month', t0.\"when\"), "
        "t0.\"name\" HAVING count(*) <= $1 AND max(t0.\"ci\"\"ty\" COLLATE \"C\") IS NULL ORDER BY "
        "count(*) DESC, t0.\"name\"",
        1);
}
END_TEST

START_TEST(distinct)
{
    const uint32_t select[] = {PRICE, NAME};
    const struct rh_order order[] = {{.column = NAME}, {.column = PRICE}};
    struct rh_query query = query_of(NULL, 0, NULL, 0);

    query.select = select;
    query.n_select = 2;
    query.flags = RH_QUERY_DISTINCT;
    query.order = order;
    query.n_order = 2;
    assert_select(
        &pg, &query,
        "SELECT t0.\"price\"::text, t0.\"name\" COLLATE \"C\" FROM \"orders\" AS t0 GROUP "
        "BY t0.\"price\", t0.\"name\" COLLATE \"C\", t0.\"name\" ORDER BY t0.\"name\", "
        "t0.\"price\"",
        0);
}
END_TEST

/* ---- writes ---- */

static struct rh_write_spec spec_of(const struct rh_value *cells, uint64_t n_rows,
                                    const uint32_t *key, uint32_t n_key)
{
    return (struct rh_write_spec){.struct_size = sizeof(struct rh_write_spec),
                                  .table = T("orders"),
                                  .columns = columns,
                                  .n_columns = 3,
                                  .column_stride = sizeof columns[0],
                                  .key = key,
                                  .n_key = n_key,
                                  .n_rows = n_rows,
                                  .cells = cells,
                                  .returning = columns,
                                  .n_returning = 1,
                                  .returning_stride = sizeof columns[0]};
}

START_TEST(inserts)
{
    const struct rh_value cells[] = {rh_kit_int(1), text("a"),     {.type = RH_TYPE_MISSING},
                                     rh_kit_int(2), rh_kit_null(), {.type = RH_TYPE_MISSING},
                                     rh_kit_int(3), text("c"),     text("d"),
                                     {.type = 0},   {.type = 0},   {.type = 0},
                                     {.type = 0},   {.type = 0},   {.type = 0}};
    const struct rh_write_spec spec = spec_of(cells, 5, NULL, 0);
    struct rh_sql sql;

    ck_assert_uint_eq(rh_sql_rows_alike(&spec, 0, UINT64_MAX), 2);
    ck_assert_uint_eq(rh_sql_rows_alike(&spec, 0, 1), 1);
    ck_assert_uint_eq(rh_sql_rows_alike(&spec, 2, UINT64_MAX), 1);
    ck_assert_uint_eq(rh_sql_rows_alike(&spec, 3, UINT64_MAX), 1);
    ck_assert_uint_eq(rh_sql_rows_alike(&spec, 5, UINT64_MAX), 0);
    rh_sql_init(&sql, &lite, NULL);
    rh_sql_insert(&sql, &spec, 0, 2);
    ck_assert_ptr_eq(sql.parameters[3].values, &cells[4]);
    assert_built(&sql,
                 "INSERT INTO [orders] ([id], [name]) VALUES (?1, ?2), (?3, ?4) RETURNING [id]", 4);
    rh_sql_init(&sql, &lite, NULL);
    rh_sql_insert(&sql, &spec, 3, 1);
    assert_built(&sql, "INSERT INTO [orders] DEFAULT VALUES RETURNING [id]", 0);
    rh_sql_init(&sql, &pg, NULL);
    rh_sql_insert(&sql, &spec, 1, 3);
    assert_built(
        &sql,
        "INSERT INTO \"orders\" (\"id\", \"name\", \"ci\"\"ty\") VALUES ($1, $2, DEFAULT), "
        "($3, $4, $5), (DEFAULT, DEFAULT, DEFAULT) RETURNING \"id\"",
        5);
    rh_sql_init(&sql, &pg, NULL);
    rh_sql_insert(&sql, &spec, 4, 2);
    ck_assert(sql.failed);
    rh_sql_fini(&sql);
}
END_TEST

START_TEST(upserts)
{
    static const uint32_t key[] = {0}, all[] = {0, 1, 2};
    const struct rh_value cells[] = {rh_kit_int(1), text("a"), {.type = RH_TYPE_MISSING}};
    struct rh_write_spec spec = spec_of(cells, 1, key, 1);
    struct rh_sql sql;

    spec.n_returning = 0;
    spec.resolve = RH_RESOLVE_MERGE;
    rh_sql_init(&sql, &lite, NULL);
    rh_sql_upsert(&sql, &spec, 0, 1);
    assert_built(&sql,
                 "INSERT INTO [orders] ([id], [name]) VALUES (?1, ?2) ON CONFLICT ([id]) DO UPDATE "
                 "SET [name] = excluded.[name]",
                 2);
    spec.resolve = RH_RESOLVE_IGNORE;
    rh_sql_init(&sql, &lite, NULL);
    rh_sql_upsert(&sql, &spec, 0, 1);
    assert_built(
        &sql, "INSERT INTO [orders] ([id], [name]) VALUES (?1, ?2) ON CONFLICT ([id]) DO NOTHING",
        2);
    spec.resolve = RH_RESOLVE_MERGE;
    spec.key = all;
    spec.n_key = 3;
    rh_sql_init(&sql, &lite, NULL);
    rh_sql_upsert(&sql, &spec, 0, 1);
    assert_built(&sql,
                 "INSERT INTO [orders] ([id], [name]) VALUES (?1, ?2) ON CONFLICT ([id], [name], "
                 "[ci\"ty]) DO UPDATE SET [id] = excluded.[id]",
                 2);
    spec.n_key = 0;
    rh_sql_init(&sql, &lite, NULL);
    rh_sql_upsert(&sql, &spec, 0, 1);
    ck_assert(sql.failed);
    rh_sql_fini(&sql);
}
END_TEST

START_TEST(updates_and_deletes)
{
    static const uint32_t key[] = {0}, none[] = {0, 1, 2};
    const struct rh_value cells[] = {rh_kit_int(1), text("a"), {.type = RH_TYPE_MISSING}};
    const struct rh_value price = decimal("9.90");
    const struct rh_node node = {.op = RH_OP_LT, .column = PRICE, .n = 1};
    const struct rh_query where = query_of(&node, 1, &price, 1);
    struct rh_write_spec spec = spec_of(cells, 1, key, 1);
    struct rh_sql sql;

    rh_sql_init(&sql, &pg, NULL);
    rh_sql_update(&sql, &spec, 0);
    ck_assert_int_eq(sql.parameters[0].form, RH_SQL_WRITE);
    assert_built(
        &sql, "UPDATE \"orders\" AS t0 SET \"name\" = $1 WHERE t0.\"id\" = $2 RETURNING \"id\"", 2);
    rh_sql_init(&sql, &pg, NULL);
    rh_sql_delete(&sql, &spec, 0);
    assert_built(&sql, "DELETE FROM \"orders\" AS t0 WHERE t0.\"id\" = $1 RETURNING \"id\"", 1);
    spec.key = none;
    spec.n_key = 2;
    rh_sql_init(&sql, &pg, NULL);
    rh_sql_update(&sql, &spec, 0);
    assert_built(&sql,
                 "UPDATE \"orders\" AS t0 SET \"id\" = t0.\"id\" WHERE t0.\"id\" = $1 AND "
                 "t0.\"name\" = $2 RETURNING \"id\"",
                 2);
    spec.n_key = 0;
    spec.where = &where;
    spec.n_returning = 0;
    rh_sql_init(&sql, &lite, NULL);
    rh_sql_update(&sql, &spec, 0);
    assert_built(&sql, "UPDATE [orders] AS t0 SET [id] = ?1, [name] = ?2 WHERE t0.[price] < ?3", 3);
    rh_sql_init(&sql, &lite, NULL);
    rh_sql_delete(&sql, &spec, 0);
    assert_built(&sql, "DELETE FROM [orders] AS t0 WHERE t0.[price] < ?1", 1);
    spec.where = NULL; /* neither key nor condition: never a delete of everything */
    rh_sql_init(&sql, &lite, NULL);
    rh_sql_delete(&sql, &spec, 0);
    ck_assert(sql.failed);
    rh_sql_fini(&sql);
}
END_TEST

/* ---- tables ---- */

static int build_change(const struct rh_sql_dialect *dialect, const struct rh_ddl_change *change,
                        const char *expected)
{
    struct rh_error error = RH_ERROR_INIT;
    struct rh_sql sql;
    int rc;

    rh_sql_init(&sql, dialect, NULL);
    rc = rh_sql_ddl(&sql, change, &error);
    if (expected) {
        ck_assert_msg(rc == RH_OK, "%s", error.message);
        ck_assert_str_eq(rh_sql_string(&sql), expected);
    }
    rh_sql_fini(&sql);
    return rc;
}

START_TEST(tables)
{
    static const uint32_t key[] = {0}, pair[] = {1, 2};
    static const struct rh_text names[] = {T("a"), T("b")};
    struct rh_column made[] = {
        {.name = T("id"), .type = RH_TYPE_INT, .flags = RH_COLUMN_IDENTITY},
        {.name = T("na"), .type = RH_TYPE_TEXT, .default_text = T("it's"), .flags = 1},
        {.name = T("n"), .type = RH_TYPE_INT, .default_text = T("1e2")},
        {.name = T("v"), .native_type = T("numeric(10, 2)")},
    };
    const struct rh_index index = {
        .name = T("i"), .columns = pair, .n_columns = 2, .flags = RH_INDEX_UNIQUE};
    const struct rh_foreign_key foreign = {
        .table = T("p"), .columns = pair, .ref_columns = names, .n_columns = 2};
    struct rh_table table = {.name = T("t"),
                             .columns = made,
                             .n_columns = 4,
                             .column_stride = sizeof made[0],
                             .key = key,
                             .n_key = 1,
                             .indexes = &index,
                             .n_indexes = 1,
                             .index_stride = sizeof index,
                             .foreign_keys = &foreign,
                             .n_foreign_keys = 1,
                             .foreign_key_stride = sizeof foreign};
    struct rh_ddl_change change = {.kind = RH_DDL_CREATE_TABLE, .table = &table};

    ck_assert_int_eq(
        build_change(
            &lite, &change,
            "CREATE TABLE [t] ([id] INTEGER PRIMARY KEY, [na] text NOT NULL DEFAULT "
            "'it''s', [n] integer DEFAULT 100, [v] numeric(10, 2), FOREIGN KEY ([na], [n]) "
            "REFERENCES [p] ([a], [b]));\nCREATE UNIQUE INDEX [i] ON [t] ([na], [n])"),
        RH_OK);
    made[2].default_text = (struct rh_text)T("1; DROP TABLE t");
    ck_assert_int_eq(build_change(&lite, &change, NULL), RH_INVALID);
    made[2].default_text = (struct rh_text){NULL, 0};
    made[3].native_type = (struct rh_text)T("int, evil int");
    ck_assert_int_eq(build_change(&lite, &change, NULL), RH_INVALID);
    made[3].native_type = (struct rh_text)T("int) --");
    ck_assert_int_eq(build_change(&lite, &change, NULL), RH_INVALID);
    made[3].native_type = (struct rh_text)T("int(4");
    ck_assert_int_eq(build_change(&lite, &change, NULL), RH_INVALID);
    made[3].native_type = (struct rh_text)T("int");
    made[1].flags |= RH_COLUMN_GENERATED;
    ck_assert_int_eq(build_change(&lite, &change, NULL), RH_UNSUPPORTED);
}
END_TEST

static bool type_passes(const char *type)
{
    struct rh_sql sql;
    rh_sql_init(&sql, &pg, NULL);
    rh_sql_native_type(&sql, rh_text_of(type));
    bool passes = !sql.failed;
    if (passes)
        ck_assert_str_eq(rh_sql_string(&sql), type);
    rh_sql_fini(&sql);
    return passes;
}

START_TEST(native_types)
{
    static const char *const good[] = {
        "text COLLATE C",
        "varchar(40) COLLATE \"en-x-icu\"",
        "text COLLATE pg_catalog.\"C\"",
        "int",
        "VARCHAR(20)",
        "numeric(10, 2)",
        "numeric ( 10,2 )",
        "double precision",
        "character varying(10)[]",
        "bit varying(5)",
        "timestamp(3) with time zone",
        "time without time zone",
        "UNSIGNED BIG INT",
        "int(11) unsigned",
        "interval day to second(3)",
        "public.mood",
        "public.mood[][]",
        "integer[3][3]",
        "JSON TEXT",
        "int8_t",
    };
    static const char *const bad[] = {
        "",
        " ",
        "text DEFAULT pg_read_file(1)",
        "text DEFAULT now()",
        "text DEFAULT 1",
        "int CHECK (1)",
        "CHECK (1)",
        "int REFERENCES t",
        "int references t(id)",
        "int GENERATED ALWAYS AS (1) STORED",
        "int AS (1)",
        "AS (1)",
        "UNIQUE",
        "int PRIMARY KEY",
        "int NOT NULL",
        "text COLLATE",
        "text COLLATE lower(x)",
        "text COLLATE C DEFAULT f()",
        "text COLLATE \"a\"\"b\"",
        "text CONSTRAINT x",
        "timestamp with zone",
        "timestamp with",
        "f(x)",
        "f(1, x)",
        "f(1, 2, 3)",
        "f()",
        "f(1)(2)",
        "f(-1)",
        "a.b.c",
        "a.",
        ".a",
        "1a",
        "int[",
        "int]",
        "int[a]",
        "int[] unsigned",
        "int, evil int",
        "int) --",
        "int(4",
        "int;",
        "\"int\"",
        "int\n",
        "int/**/",
    };

    for (uint32_t i = 0; i < sizeof good / sizeof good[0]; i++)
        ck_assert_msg(type_passes(good[i]), "%s", good[i]);
    for (uint32_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        ck_assert_msg(!type_passes(bad[i]), "%s", bad[i]);
}
END_TEST

START_TEST(changes)
{
    const struct rh_column column = {
        .name = T("c"), .type = RH_TYPE_BOOL, .default_text = T("true")};
    const struct rh_table table = {.schema = T("s"), .name = T("t")};
    struct rh_ddl_change change = {.table = &table, .column = &column, .new_name = T("n")};

    change.kind = RH_DDL_DROP_TABLE;
    build_change(&pg, &change, "DROP TABLE \"s\".\"t\"");
    change.kind = RH_DDL_RENAME_TABLE;
    build_change(&pg, &change, "ALTER TABLE \"s\".\"t\" RENAME TO \"n\"");
    change.kind = RH_DDL_ADD_COLUMN;
    build_change(&pg, &change, "ALTER TABLE \"s\".\"t\" ADD COLUMN \"c\" text DEFAULT true");
    change.kind = RH_DDL_DROP_COLUMN;
    build_change(&pg, &change, "ALTER TABLE \"s\".\"t\" DROP COLUMN \"c\"");
    change.kind = RH_DDL_RENAME_COLUMN;
    build_change(&pg, &change, "ALTER TABLE \"s\".\"t\" RENAME COLUMN \"c\" TO \"n\"");
    change.kind = RH_DDL_DROP_INDEX;
    build_change(&pg, &change, "DROP INDEX \"s\".\"n\"");
    change.kind = RH_DDL_ALTER_COLUMN;
    ck_assert_int_eq(build_change(&pg, &change, NULL), RH_UNSUPPORTED);
    change.kind = RH_DDL_CREATE_INDEX;
    ck_assert_int_eq(build_change(&pg, &change, NULL), RH_INVALID);
    change.kind = RH_DDL_RENAME_TABLE;
    change.new_name = (struct rh_text){"a\0b", 3};
    ck_assert_int_eq(build_change(&pg, &change, NULL), RH_INVALID);
    change.kind = 77;
    ck_assert_int_eq(build_change(&pg, &change, NULL), RH_UNSUPPORTED);
}
END_TEST

/* ---- planning ---- */

#define EXACT RH_VERDICT_EXACT
static const struct rh_operator operators[] = {
    {RH_OP_EQ, 0xffff, EXACT, 0},
    {RH_OP_LIKE, 0xffff, RH_VERDICT_SUPERSET, 0},
    {RH_OP_GT, RH_TYPE_BIT(RH_TYPE_INT), EXACT, 0},
    {RH_OP_IN, 0xffff, EXACT, 0},
    {RH_OP_NULL, 0xffff, EXACT, 0},
    {RH_OP_EXISTS, 0, EXACT, 0},
    {RH_OP_EXISTS | RH_OP_NOT, 0, EXACT, 0},
    {RH_OP_SEEK, 0, EXACT, 0},
};
static const struct rh_limits limits = {.parameters = 100, .in_values = 20};
static const struct rh_connector connector = {.operators = operators,
                                              .n_operators = COUNT(operators),
                                              .operator_stride = sizeof operators[0],
                                              .limits = &limits};

static struct rh_plan plan_of(const struct rh_sql_dialect *dialect, const struct rh_query *query,
                              uint8_t verdicts[8])
{
    struct rh_plan plan = {.struct_size = sizeof plan, .verdicts = verdicts};
    struct rh_error error = RH_ERROR_INIT;

    memset(verdicts, 0xee, 8);
    ck_assert_int_eq(rh_sql_plan(dialect, NULL, &connector, query, &plan, &error), RH_OK);
    return plan;
}

static uint32_t verdict_of(const struct rh_node *nodes, uint32_t n_nodes)
{
    static const struct rh_value values[64] = {{.type = RH_TYPE_INT}};
    const struct rh_query query = query_of(nodes, n_nodes, values, 64);
    uint8_t verdicts[8];

    plan_of(&pg, &query, verdicts);
    return verdicts[0];
}

START_TEST(predicates_planned)
{
    const struct rh_node unlisted = {.op = RH_OP_MATCHES, .column = NAME, .n = 1};
    const struct rh_node other_type = {.op = RH_OP_GT, .column = NAME, .n = 1};
    const struct rh_node opaque = {.op = RH_OP_LIKE, .column = OPAQUE, .n = 1};
    const struct rh_node opaque_null = {.op = RH_OP_NULL, .column = OPAQUE};
    const struct rh_node no_value = {.op = RH_OP_EQ, .column = ID, .n = 0};
    const struct rh_node no_column = {.op = RH_OP_EQ, .column = 99, .n = 1};
    const struct rh_node outside = {.op = RH_OP_IN, .column = ID, .first = 60, .n = 5};
    const struct rh_node too_many = {.op = RH_OP_IN, .column = ID, .n = 21};
    struct rh_node tree[] = {
        {.op = RH_OP_OR, .column = RH_NO_COLUMN, .first = 1, .n = 3},
        {.op = RH_OP_EQ, .column = ID, .n = 1},
        {.op = RH_OP_NULL, .column = NAME},
        {.op = RH_OP_AND, .column = RH_NO_COLUMN, .first = 4, .n = 1},
        {.op = RH_OP_LIKE, .column = NAME, .n = 1},
    };

    ck_assert_uint_eq(verdict_of(&unlisted, 1), RH_VERDICT_NONE);
    ck_assert_uint_eq(verdict_of(&other_type, 1), RH_VERDICT_NONE);
    ck_assert_uint_eq(verdict_of(&opaque, 1), RH_VERDICT_NONE);
    ck_assert_uint_eq(verdict_of(&opaque_null, 1), RH_VERDICT_EXACT);
    ck_assert_uint_eq(verdict_of(&no_value, 1), RH_VERDICT_NONE);
    ck_assert_uint_eq(verdict_of(&no_column, 1), RH_VERDICT_NONE);
    ck_assert_uint_eq(verdict_of(&outside, 1), RH_VERDICT_NONE);
    ck_assert_uint_eq(verdict_of(&too_many, 1), RH_VERDICT_NONE);
    ck_assert_uint_eq(verdict_of(tree, COUNT(tree)), RH_VERDICT_SUPERSET);
    tree[4].op = RH_OP_EQ;
    ck_assert_uint_eq(verdict_of(tree, COUNT(tree)), RH_VERDICT_EXACT);
    tree[1].op = RH_OP_GTE;
    ck_assert_uint_eq(verdict_of(tree, COUNT(tree)), RH_VERDICT_NONE);
}
END_TEST

START_TEST(planned_semijoins)
{
    static const uint32_t outer[] = {ID}, inner[] = {0}, conjuncts[] = {1}, text_column[] = {1};
    struct rh_node nodes[] = {{.op = RH_OP_EXISTS, .column = RH_NO_COLUMN, .n = 1},
                              {.op = RH_OP_LIKE, .column = 1, .n = 1}};
    struct rh_semijoin join = {.table = T("lines"),
                               .columns = lines,
                               .n_columns = 2,
                               .column_stride = sizeof lines[0],
                               .outer = outer,
                               .inner = inner,
                               .n_pairs = 1,
                               .conjuncts = conjuncts,
                               .n_conjuncts = 1};
    const struct rh_value value = text("a%");
    struct rh_query query = query_of(nodes, 2, &value, 1);
    uint8_t verdicts[8];

    query.semijoins = &join;
    query.n_semijoins = 1;
    plan_of(&pg, &query, verdicts);
    ck_assert_uint_eq(verdicts[0], RH_VERDICT_SUPERSET);
    nodes[0].op |= RH_OP_NOT; /* more rows inside are fewer outside */
    plan_of(&pg, &query, verdicts);
    ck_assert_uint_eq(verdicts[0], RH_VERDICT_NONE);
    nodes[1].op = RH_OP_EQ;
    plan_of(&pg, &query, verdicts);
    ck_assert_uint_eq(verdicts[0], RH_VERDICT_EXACT);
    join.inner = text_column; /* int = text */
    plan_of(&pg, &query, verdicts);
    ck_assert_uint_eq(verdicts[0], RH_VERDICT_NONE);
}
END_TEST

START_TEST(accepted)
{
    const struct rh_order order[] = {{.column = ID}, {.column = DATA}, {.column = NAME}};
    const struct rh_order natural = {.column = 1}, binary = {.column = 1, .flags = RH_ORDER_BINARY};
    const struct rh_group bucket = {.column = WHEN, .bucket = RH_BUCKET_MONTH};
    const struct rh_group json = {.column = DATA};
    const struct rh_aggregate max = {.function = RH_AGG_MAX, .column = CITY, .type = RH_TYPE_TEXT};
    const struct rh_aggregate sum = {.function = RH_AGG_SUM, .column = NAME, .type = RH_TYPE_TEXT};
    const struct rh_node node = {.op = RH_OP_LIKE, .column = 1, .n = 1};
    const struct rh_value value = text("x");
    const uint32_t having[] = {0};
    struct rh_query query = query_of(&node, 1, &value, 1);
    uint8_t verdicts[8];
    struct rh_plan plan;

    query.n_conjuncts = 0;
    query.order = order;
    query.n_order = 3;
    query.flags = RH_QUERY_DISTINCT;
    plan = plan_of(&pg, &query, verdicts);
    ck_assert_uint_eq(plan.n_order, 1);
    ck_assert_uint_eq(plan.accepts, RH_ACCEPT_LIMIT | RH_ACCEPT_OFFSET);
    query.n_order = 1;
    plan = plan_of(&pg, &query, verdicts);
    ck_assert_uint_eq(plan.accepts, RH_ACCEPT_LIMIT | RH_ACCEPT_OFFSET | RH_ACCEPT_DISTINCT);

    query.flags = 0;
    query.groups = &bucket;
    query.n_groups = 1;
    query.aggregates = &max;
    query.n_aggregates = 1;
    query.having = having;
    query.n_having = 1;
    query.order = &natural;
    plan = plan_of(&pg, &query, verdicts);
    ck_assert_uint_eq(plan.accepts & RH_ACCEPT_GROUPS, RH_ACCEPT_GROUPS);
    ck_assert_uint_eq(plan.accepts & RH_ACCEPT_HAVING, 0); /* a superset is not enough */
    ck_assert_uint_eq(plan.n_order, 0);                    /* its own collation is lost */
    query.order = &binary;
    ck_assert_uint_eq(plan_of(&pg, &query, verdicts).n_order, 1);
    query.n_having = 0;
    ck_assert_uint_eq(plan_of(&pg, &query, verdicts).accepts & RH_ACCEPT_HAVING, RH_ACCEPT_HAVING);
    ck_assert_uint_eq(plan_of(&lite, &query, verdicts).accepts & RH_ACCEPT_GROUPS, 0);
    query.aggregates = &sum;
    ck_assert_uint_eq(plan_of(&pg, &query, verdicts).accepts & RH_ACCEPT_GROUPS, 0);
    query.aggregates = &max;
    query.groups = &json;
    ck_assert_uint_eq(plan_of(&pg, &query, verdicts).accepts & RH_ACCEPT_GROUPS, 0);
    query.flags = 0x8000;
    ck_assert_int_eq(rh_sql_plan(&pg, NULL, &connector, &query, &plan, NULL), RH_UNSUPPORTED);
}
END_TEST

/* ---- hostile queries ---- */

/* A chain of ANDs of this depth, and whether it could be written and planned. */
static bool can_be_deep(uint32_t depth)
{
    struct rh_node *nodes = calloc(depth + 1, sizeof *nodes);
    const struct rh_value value = rh_kit_int(1);
    struct rh_query query;
    uint8_t verdicts[8];
    struct rh_sql sql;
    bool built;

    for (uint32_t i = 0; i < depth; i++)
        nodes[i] =
            (struct rh_node){.op = RH_OP_AND, .column = RH_NO_COLUMN, .first = i + 1, .n = 1};
    nodes[depth] = (struct rh_node){.op = RH_OP_EQ, .column = ID, .n = 1};
    query = query_of(nodes, depth + 1, &value, 1);
    rh_sql_init(&sql, &pg, NULL);
    rh_sql_select(&sql, &query);
    built = rh_sql_check(&sql, NULL) == RH_OK;
    plan_of(&pg, &query, verdicts);
    ck_assert_uint_eq(verdicts[0] != RH_VERDICT_NONE, built);
    rh_sql_fini(&sql);
    free(nodes);
    return built;
}

START_TEST(depth)
{
    ck_assert(can_be_deep(128));
    ck_assert(can_be_deep(RH_SQL_MAX_DEPTH - 1));
    ck_assert(!can_be_deep(RH_SQL_MAX_DEPTH));
    ck_assert(!can_be_deep(100000));
}
END_TEST

START_TEST(shared_children)
{
    /* Each node has the next two as children: 2^60 leaves. */
    struct rh_node nodes[62];
    const struct rh_value value = rh_kit_int(1);
    struct rh_query query;
    uint8_t verdicts[8];
    struct rh_sql sql;

    for (uint32_t i = 0; i < 60; i++)
        nodes[i] = (struct rh_node){.op = RH_OP_OR, .column = RH_NO_COLUMN, .first = i + 1, .n = 2};
    nodes[60] = nodes[61] = (struct rh_node){.op = RH_OP_EQ, .column = ID, .n = 1};
    query = query_of(nodes, 62, &value, 1);
    plan_of(&pg, &query, verdicts);
    ck_assert_uint_eq(verdicts[0], RH_VERDICT_NONE);
    rh_sql_init(&sql, &pg, NULL);
    rh_sql_select(&sql, &query);
    ck_assert_int_eq(rh_sql_check(&sql, NULL), RH_RESOURCE);
    rh_sql_fini(&sql);
}
END_TEST

START_TEST(malformed)
{
    const struct rh_node loop = {.op = RH_OP_AND, .column = RH_NO_COLUMN, .first = 0, .n = 1};
    const struct rh_node beyond = {.op = RH_OP_AND, .column = RH_NO_COLUMN, .first = 1, .n = 9};
    const struct rh_node exists = {.op = RH_OP_EXISTS, .column = RH_NO_COLUMN, .first = 3, .n = 1};
    const struct rh_node seek = {.op = RH_OP_SEEK, .column = RH_NO_COLUMN, .n = 1};
    const struct rh_node matches = {.op = RH_OP_MATCHES, .column = NAME, .n = 1};
    const struct rh_node column = {.op = RH_OP_EQ, .column = 7, .n = 1};
    const struct rh_node *const nodes[] = {&loop, &beyond, &exists, &seek, &matches, &column};
    const struct rh_value value = rh_kit_int(1);

    for (uint32_t i = 0; i < COUNT(nodes); i++) {
        const struct rh_query query = query_of(nodes[i], 1, &value, 1);
        uint8_t verdicts[8];
        struct rh_sql sql;
        rh_sql_init(&sql, &pg, NULL);
        rh_sql_select(&sql, &query);
        ck_assert_msg(rh_sql_check(&sql, NULL) == RH_RESOURCE, "%u", i);
        rh_sql_fini(&sql);
        plan_of(&pg, &query, verdicts);
        ck_assert_uint_eq(verdicts[0], RH_VERDICT_NONE);
    }
}
END_TEST

START_TEST(text_is_one_for_one_shape)
{
    const struct rh_value small[] = {rh_kit_int(1), rh_kit_int(2), rh_kit_int(3)};
    const struct rh_value large[] = {rh_kit_int(INT64_MAX), rh_kit_int(0), rh_kit_int(-1),
                                     rh_kit_int(4)};
    const struct rh_node three = {.op = RH_OP_IN, .column = ID, .n = 3};
    const struct rh_node four = {.op = RH_OP_IN, .column = ID, .n = 4};
    struct rh_query a = query_of(&three, 1, small, 3), b = query_of(&four, 1, large, 4);
    struct rh_sql left, right;

    a.limit = b.limit = 10;
    a.offset = 1;
    b.offset = 100000;
    rh_sql_init(&left, &lite, NULL);
    rh_sql_init(&right, &lite, NULL);
    rh_sql_select(&left, &a);
    rh_sql_select(&right, &b);
    ck_assert_str_eq(rh_sql_string(&left), rh_sql_string(&right));
    ck_assert_int_eq(left.parameters[4].values->as.i, 1);
    ck_assert_int_eq(right.parameters[4].values->as.i, 100000);
    rh_sql_fini(&left);
    rh_sql_fini(&right);
}
END_TEST

static bool build_once(void *context)
{
    struct rh_sql *sql = context;
    const struct rh_value value = text("x");
    const struct rh_node node = {.op = RH_OP_CONTAINS, .column = NAME, .n = 1};
    struct rh_query query = query_of(&node, 1, &value, 1);
    bool good;

    query.limit = 5;
    rh_sql_init(sql, &pg, NULL);
    rh_sql_select(sql, &query);
    good = rh_sql_check(sql, NULL) == RH_OK;
    rh_sql_fini(sql);
    return good;
}

START_TEST(out_of_memory)
{
    struct rh_sql sql;

    ck_assert_uint_ge(fault_torture(build_once, &sql), 4);
}
END_TEST

TESTS_MAIN("sql", comparisons, lists, texts_and_nulls, trees, semijoins, orders, seeks, groups,
           distinct, inserts, upserts, updates_and_deletes, tables, native_types, changes,
           predicates_planned, planned_semijoins, accepted, depth, shared_children, malformed,
           text_is_one_for_one_shape, out_of_memory)
