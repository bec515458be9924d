/* The set of tables: copied deeply, found by name, sorted; unsound catalogues are refused. */
#include "rows/tableset.h"

#include "base/err.h"
#include "base/text.h"
#include "lib/fault.h"
#include "lib/tests.h"

#include <stdio.h>
#include <stdlib.h>

static struct rh_error error;

static const uint32_t positions[] = {1, 0};
static struct rh_text options[] = {RH_TEXT_INIT("open"), RH_TEXT_INIT("paid")};
static const struct rh_text ref_columns[] = {RH_TEXT_INIT("id")};

/* Columns with a stride of their own, as a newer connector would have. */
struct wide_column {
    struct rh_column column;
    uint64_t newer[3];
};
static struct wide_column columns[] = {
    {.column = {.name = RH_TEXT_INIT("id"), .type = RH_TYPE_INT}},
    {.column = {.name = RH_TEXT_INIT("status"),
                .type = RH_TYPE_TEXT,
                .options = options,
                .n_options = 2,
                .default_text = RH_TEXT_INIT("'open'"),
                .flags = RH_COLUMN_DEFAULT | 0x10000u}},
};
static struct rh_index indexes[] = {
    {.name = RH_TEXT_INIT("i"), .columns = positions, .n_columns = 2, .flags = RH_INDEX_UNIQUE}};
static struct rh_foreign_key foreign_keys[] = {{.name = RH_TEXT_INIT("f"),
                                                .table = RH_TEXT_INIT("other"),
                                                .columns = positions,
                                                .ref_columns = ref_columns,
                                                .n_columns = 1}};

#define TABLE(schema_, name_)                                                                      \
    {                                                                                              \
        .struct_size = sizeof(struct rh_table), .schema = RH_TEXT_INIT(schema_),                   \
        .name = RH_TEXT_INIT(name_), .columns = &columns[0].column, .n_columns = 2,                \
        .column_stride = sizeof(columns[0]), .key = positions, .n_key = 1, .indexes = indexes,     \
        .n_indexes = 1, .index_stride = sizeof(indexes[0]), .foreign_keys = foreign_keys,          \
        .n_foreign_keys = 1, .foreign_key_stride = sizeof(foreign_keys[0]), .est_rows = -1         \
    }

static struct rh_table tables[] = {
    TABLE("sales", "orders"),    TABLE("public", "orders"), TABLE("sales", "lines"),
    TABLE("archive", "lines"),   TABLE("a", "b.c"),         TABLE("a.b", "c"),
    TABLE("audit", "customers"), TABLE("public", "x.y"),
};

static struct rh_catalog catalog = {.struct_size = sizeof(catalog),
                                    .n_tables = sizeof(tables) / sizeof(tables[0]),
                                    .tables = tables,
                                    .table_stride = sizeof(tables[0]),
                                    .default_schema = RH_TEXT_INIT("public")};

static struct rh_tableset *make(void)
{
    struct rh_tableset *set = NULL;
    rh_error_clear(&error);
    ck_assert_msg(rh_tableset_new(&catalog, &set, &error) == 0, "%s", error.message);
    return set;
}

static const char *found(const struct rh_tableset *set, const char *name)
{
    static char text[128];
    const struct rh_table *table = NULL;
    rh_error_clear(&error);
    if (rh_tableset_find(set, rh_text_of(name), &table, &error))
        return error.code;
    snprintf(text, sizeof(text), "%.*s/%.*s", RH_TEXT_ARG(table->schema), RH_TEXT_ARG(table->name));
    return text;
}

START_TEST(tables_are_found_by_name)
{
    struct rh_tableset *set = make();
    ck_assert_str_eq(found(set, "orders"), "public/orders");
    ck_assert_str_eq(found(set, "sales.orders"), "sales/orders");
    ck_assert_str_eq(found(set, "customers"), "audit/customers");
    ck_assert_str_eq(found(set, "x.y"), "public/x.y");
    ck_assert_str_eq(found(set, "a.b.c"), "a/b.c");
    ck_assert_str_eq(found(set, "b.c"), "a/b.c");
    ck_assert_str_eq(found(set, "lines"), "unknown-table");
    ck_assert_ptr_nonnull(strstr(error.hint, "schema.lines"));
    ck_assert_str_eq(found(set, "archive.lines"), "archive/lines");
    ck_assert_str_eq(found(set, ""), "unknown-table");
    ck_assert_str_eq(found(set, "ordrs"), "unknown-table");
    ck_assert_ptr_nonnull(strstr(error.hint, "\"orders\""));
    ck_assert_str_eq(found(set, "sales.ordrs"), "unknown-table");
    ck_assert_ptr_nonnull(strstr(error.hint, "\"orders\""));
    ck_assert_str_eq(found(set, "sales.orders.x"), "unknown-table");
    rh_tableset_unref(set);
}
END_TEST

START_TEST(columns_are_found_by_name)
{
    struct rh_tableset *set = make();
    const struct rh_table *table = rh_tableset_at(set, 0);
    ck_assert_uint_eq(rh_tableset_column(set, table, RH_TEXT("status")), 1);
    ck_assert_uint_eq(rh_tableset_column(set, table, RH_TEXT("Status")), RH_NO_COLUMN);
    ck_assert_uint_eq(rh_tableset_column(set, table, RH_TEXT("")), RH_NO_COLUMN);
    ck_assert_int_eq(rh_tableset_no_column(table, RH_TEXT("statsu"), "/x", &error), RH_INVALID);
    ck_assert_str_eq(error.code, "unknown-column");
    ck_assert_str_eq(error.pointer, "/x");
    ck_assert_str_eq(error.hint, "did you mean \"status\"?");
    rh_tableset_unref(set);
}
END_TEST

START_TEST(tables_are_sorted)
{
    struct rh_tableset *set = make();
    uint32_t n = rh_tableset_count(set);
    ck_assert_uint_eq(n, catalog.n_tables);
    for (uint32_t i = 1; i < n; i++) {
        const struct rh_table *a = rh_tableset_at(set, i - 1), *b = rh_tableset_at(set, i);
        int order = rh_text_compare(a->schema, b->schema);
        ck_assert(order < 0 || (order == 0 && rh_text_compare(a->name, b->name) < 0));
    }
    ck_assert_ptr_null(rh_tableset_at(set, n));
    rh_tableset_unref(set);
}
END_TEST

START_TEST(the_copy_is_deep)
{
    struct rh_tableset *set = make();
    char word[] = "open";
    struct rh_text kept = options[0];
    options[0] = rh_text_of(word);
    struct rh_tableset *second = make();
    memset(word, 'x', 4);
    options[0] = kept;
    const struct rh_table *table = rh_tableset_at(second, 3);
    ck_assert(rh_text_is(table->columns[1].options[0], "open"));
    ck_assert_uint_eq(table->column_stride, sizeof(struct rh_column));
    ck_assert(rh_text_is(table->columns[1].default_text, "'open'"));
    ck_assert_uint_eq(table->key[0], 1);
    ck_assert_uint_eq(table->indexes[0].columns[1], 0);
    ck_assert(rh_text_is(table->foreign_keys[0].ref_columns[0], "id"));
    ck_assert_ptr_ne(table->key, positions);
    struct rh_tableset *again = rh_tableset_ref(second);
    rh_tableset_unref(second);
    ck_assert(rh_text_is(rh_tableset_at(again, 3)->columns[0].name, "id"));
    rh_tableset_unref(again);
    rh_tableset_unref(set);
    rh_tableset_unref(NULL);
}
END_TEST

/* Each makes one thing wrong. */
static void break_it(int how)
{
    static const uint32_t outside[] = {2};
    switch (how) {
    case 0:
        columns[0].column.type = RH_N_TYPES;
        break;
    case 1:
        columns[0].column.type = RH_TYPE_NULL;
        break;
    case 2:
        columns[0].column.flags = 0x8000u;
        break;
    case 3:
        columns[0].column.name = RH_TEXT("status");
        break;
    case 4:
        columns[0].column.name = RH_TEXT("");
        break;
    case 5:
        columns[0].column.name = RH_TEXT("\xff");
        break;
    case 6:
        columns[0].column.name = RH_TEXT("a\0b");
        break;
    case 7:
        columns[0].column.reserved = 1;
        break;
    case 8:
        tables[0].key = outside;
        break;
    case 9:
        indexes[0].columns = outside;
        indexes[0].n_columns = 1;
        break;
    case 10:
        tables[0].column_stride = 8;
        break;
    case 11:
        tables[0].columns = NULL;
        break;
    case 12:
        tables[1] = tables[0];
        break;
    case 13:
        catalog.table_stride = 4;
        break;
    case 14:
        foreign_keys[0].ref_columns = NULL;
        break;
    case 15:
        tables[0].struct_size = 8;
        break;
    case 16:
        columns[0].column.comment = (struct rh_text){NULL, 5};
        break;
    case 17:
        tables[0].flags = 0x2u;
        break;
    default:
        columns[1].column.options = NULL;
    }
}

START_TEST(unsound_catalogues_are_refused)
{
    struct rh_tableset *set = NULL;
    rh_error_clear(&error);
    break_it(_i);
    ck_assert_int_eq(rh_tableset_new(&catalog, &set, &error), RH_CONTRACT);
    ck_assert_ptr_null(set);
    ck_assert_str_ne(error.message, "");
}
END_TEST

static bool make_once(void *context)
{
    struct rh_tableset *set = NULL;
    struct rh_error own = RH_ERROR_INIT;
    int r = rh_tableset_new(&catalog, &set, &own);
    FAULT_ASSERT((r == 0) == (set != NULL));
    FAULT_ASSERT(r == 0 || own.error_class == RH_RESOURCE);
    rh_tableset_unref(set);
    return r == 0;
}

START_TEST(out_of_memory_is_an_error)
{
    ck_assert_uint_gt(fault_torture(make_once, NULL), 5);
}
END_TEST

START_TEST(an_empty_catalogue_is_fine)
{
    struct rh_catalog none = {.struct_size = sizeof(none)};
    struct rh_tableset *set = NULL;
    ck_assert_int_eq(rh_tableset_new(&none, &set, &error), 0);
    ck_assert_uint_eq(rh_tableset_count(set), 0);
    ck_assert_str_eq(found(set, "x"), "unknown-table");
    rh_tableset_unref(set);
}
END_TEST

int main(void)
{
    struct tests tests = tests_new("tableset", NULL, NULL);

    tcase_add_test(tests.tcase, tables_are_found_by_name);
    tcase_add_test(tests.tcase, columns_are_found_by_name);
    tcase_add_test(tests.tcase, tables_are_sorted);
    tcase_add_test(tests.tcase, the_copy_is_deep);
    tcase_add_loop_test(tests.tcase, unsound_catalogues_are_refused, 0, 19);
    tcase_add_test(tests.tcase, out_of_memory_is_an_error);
    tcase_add_test(tests.tcase, an_empty_catalogue_is_fine);
    return tests_end(&tests);
}
