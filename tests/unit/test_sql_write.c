/* sdk/connector/sql_write.c: inserts, upserts, updates and deletes. */
#include "sql_fixture.h"

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

TESTS_MAIN("sql_write", inserts, upserts, updates_and_deletes)
