/* core/host/check.h */
#include "host/check.h"

#include "base/err.h"
#include "base/text.h"
#include "lib/tests.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Outcomes ----------------------------------------------------------------------------- */

START_TEST(makes_outcome_and_error_agree)
{
    struct rh_error error = RH_ERROR_INIT;

    ck_assert_int_eq(rh_check_outcome(RH_OK, "next", &error), RH_OK);
    ck_assert_int_eq(rh_check_outcome(RH_END, "next", &error), RH_END);
    rh_fail(&error, RH_AUTH, "left behind");
    ck_assert_int_eq(rh_check_outcome(RH_OK, "next", &error), RH_OK);
    ck_assert_int_eq(error.error_class, RH_OK);
    ck_assert_int_eq(rh_check_outcome(2, "next", &error), RH_CONTRACT);
    ck_assert_str_eq(error.message, "the connector's \"next\" returned 2, which is no class");
    rh_error_clear(&error);
    ck_assert_int_eq(rh_check_outcome(-RH_N_CLASSES, "next", &error), RH_CONTRACT);
    rh_error_clear(&error);
    ck_assert_int_eq(rh_check_outcome(RH_DATA, "next", &error), RH_DATA);
    ck_assert_str_eq(error.message, "the connector's \"next\" failed without saying why");
    ck_assert_int_eq(error.error_class, RH_DATA);
    error.error_class = RH_AUTH;
    ck_assert_int_eq(rh_check_outcome(RH_BUSY, "next", &error), RH_BUSY);
    ck_assert_int_eq(error.error_class, RH_BUSY);
    error.error_class = 12345;
    ck_assert_int_eq(rh_check_outcome(RH_BUSY, "next", &error), RH_BUSY);
    ck_assert_int_eq(error.error_class, RH_BUSY);
}
END_TEST

START_TEST(makes_error_texts_safe)
{
    struct rh_error error = RH_ERROR_INIT;

    memset(&error, 'x', sizeof(error));
    error.error_class = RH_DATA;
    ck_assert_int_eq(rh_check_outcome(RH_DATA, "next", &error), RH_DATA);
    ck_assert_uint_eq(strlen(error.message), sizeof(error.message) - 1);
    ck_assert_uint_eq(strlen(error.sqlstate), sizeof(error.sqlstate) - 1);
    ck_assert_uint_eq(strlen(error.code), sizeof(error.code) - 1);
    ck_assert_uint_eq(error.constraint, 0);
    ck_assert_uint_eq(error.retry, RH_RETRY_NEVER);
    ck_assert_uint_eq(error.struct_size, sizeof(error));
    snprintf(error.message, sizeof(error.message), "torn \xe2\x82"); /* the euro sign, cut */
    snprintf(error.hint, sizeof(error.hint), "bad \xff bytes");
    rh_check_outcome(RH_DATA, "next", &error);
    ck_assert_str_eq(error.message, "torn ");
    ck_assert_str_eq(error.hint, "bad ? bytes");

    rh_error_clear(&error);
    rh_fail(&error, RH_CONSTRAINT, "x");
    error.constraint = RH_CONSTRAINT_UNIQUE;
    error.retry = RH_RETRY_SAFE;
    rh_check_outcome(RH_CONSTRAINT, "next", &error);
    ck_assert_uint_eq(error.constraint, RH_CONSTRAINT_UNIQUE);
    ck_assert_uint_eq(error.retry, RH_RETRY_SAFE);
}
END_TEST

/* ---- Batches ------------------------------------------------------------------------------ */

static int check_cell(struct rh_value cell)
{
    struct rh_value cells[2] = {{.type = RH_TYPE_NULL}, cell};
    struct rh_batch batch = {
        .struct_size = sizeof(batch), .n_cols = 2, .n_rows = 1, .cells = cells};

    return rh_check_batch(&batch, 2, 1, NULL, NULL);
}

#define BYTES(kind, literal)                                                                       \
    ((struct rh_value){.type = (kind), .len = sizeof(literal) - 1, .as.data = (literal)})

START_TEST(takes_good_cells)
{
    static const char *const decimals[] = {"0", "-0", "1.5", "-12345678901234567890.0001", "NaN"};
    static const char bytes[16];

    for (uint8_t type = 0; type < RH_N_TYPES; type++) {
        struct rh_value cell = {.type = type};

        if (type == RH_TYPE_DECIMAL || type == RH_TYPE_INTERVAL || type == RH_TYPE_UUID)
            ck_assert_int_eq(check_cell(cell), RH_CONTRACT); /* empty */
        else
            ck_assert_int_eq(check_cell(cell), RH_OK);
    }
    for (size_t i = 0; i < sizeof(decimals) / sizeof(decimals[0]); i++) {
        struct rh_value cell = {
            .type = RH_TYPE_DECIMAL, .len = (uint32_t)strlen(decimals[i]), .as.data = decimals[i]};

        ck_assert_int_eq(check_cell(cell), RH_OK);
    }
    ck_assert_int_eq(check_cell(BYTES(RH_TYPE_TEXT, "text")), RH_OK);
    ck_assert_int_eq(check_cell(BYTES(RH_TYPE_BYTES, "\xff\0")), RH_OK);
    ck_assert_int_eq(check_cell(BYTES(RH_TYPE_JSON, "{}")), RH_OK);
    ck_assert_int_eq(check_cell((struct rh_value){.type = RH_TYPE_BOOL, .as.i = 1}), RH_OK);
    ck_assert_int_eq(check_cell((struct rh_value){.type = RH_TYPE_INT, .as.i = INT64_MIN}), RH_OK);
    ck_assert_int_eq(check_cell((struct rh_value){.type = RH_TYPE_FLOAT, .as.f = (double)NAN}),
                     RH_OK);
    ck_assert_int_eq(check_cell((struct rh_value){.type = RH_TYPE_TIME, .as.i = 86400000000}),
                     RH_OK);
    ck_assert_int_eq(
        check_cell((struct rh_value){.type = RH_TYPE_UUID, .len = 16, .as.data = bytes}), RH_OK);
}
END_TEST

START_TEST(refuses_bad_cells)
{
    static const char *const decimals[] = {"",    "-",     ".",   ".5",  "5.",  "+1",
                                           "1e5", "1,5",   " 1",  "1 ",  "nan", "-NaN",
                                           "Inf", "1.2.3", "--1", "0x1", "NaNx"};
    static const char bytes[17];
    const struct rh_value bad[] = {
        {.type = RH_N_TYPES},
        {.type = 255},
        {.type = RH_TYPE_INT, .reserved0 = 1},
        {.type = RH_TYPE_NULL, .reserved1 = 1},
        {.type = RH_TYPE_NULL, .len = 1},
        {.type = RH_TYPE_INT, .len = 8},
        {.type = RH_TYPE_FLOAT, .len = 8, .as.data = bytes},
        {.type = RH_TYPE_BOOL, .as.i = 2},
        {.type = RH_TYPE_BOOL, .as.i = -1},
        {.type = RH_TYPE_TIME, .as.i = -1},
        {.type = RH_TYPE_TIME, .as.i = 86400000001},
        {.type = RH_TYPE_TEXT, .len = 1},
        {.type = RH_TYPE_BYTES, .len = 1},
        {.type = RH_TYPE_JSON, .len = 1},
        {.type = RH_TYPE_DECIMAL, .len = 1},
        {.type = RH_TYPE_UUID, .len = 16},
        {.type = RH_TYPE_UUID, .len = 15, .as.data = bytes},
        {.type = RH_TYPE_INTERVAL, .len = 17, .as.data = bytes},
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_msg(check_cell(bad[i]) == RH_CONTRACT, "bad[%zu]", i);
    for (size_t i = 0; i < sizeof(decimals) / sizeof(decimals[0]); i++) {
        struct rh_value cell = {
            .type = RH_TYPE_DECIMAL, .len = (uint32_t)strlen(decimals[i]), .as.data = decimals[i]};

        ck_assert_msg(check_cell(cell) == RH_CONTRACT, "\"%s\"", decimals[i]);
    }
}
END_TEST

static bool reads_as_decimal(const char *text, size_t len)
{
    size_t sign = text[0] == '-', whole = strspn(text + sign, "0123456789"), at = sign + whole;

    if (!whole || at == len)
        return whole > 0;
    return text[at] == '.' && at + 1 < len && strspn(text + at + 1, "0123456789") == len - at - 1;
}

/* Short ones are looked at all at once. */
START_TEST(knows_all_short_decimals)
{
    static const char alphabet[] = {'0', '9', '.', '-', '/', ':', '\xb1'};
    unsigned n_texts = 1;

    for (size_t len = 1; len <= 7; len++) {
        n_texts *= sizeof(alphabet);
        for (unsigned number = 0; number < n_texts; number++) {
            char *text = calloc(len + 1, 1);
            unsigned left = number;

            for (size_t i = 0; i < len; i++, left /= sizeof(alphabet))
                text[i] = alphabet[left % sizeof(alphabet)];
            int rc = check_cell(
                (struct rh_value){.type = RH_TYPE_DECIMAL, .len = (uint32_t)len, .as.data = text});
            ck_assert_msg((rc == RH_OK) == reads_as_decimal(text, len), "\"%s\"", text);
            free(text);
        }
    }
    ck_assert_int_eq(check_cell(BYTES(RH_TYPE_DECIMAL, "12345.78")), RH_OK);
    ck_assert_int_eq(check_cell(BYTES(RH_TYPE_DECIMAL, "-1234.78")), RH_OK);
    ck_assert_int_eq(check_cell(BYTES(RH_TYPE_DECIMAL, "1234567.")), RH_CONTRACT);
    ck_assert_int_eq(check_cell(BYTES(RH_TYPE_DECIMAL, ".2345678")), RH_CONTRACT);
    ck_assert_int_eq(check_cell(BYTES(RH_TYPE_DECIMAL, "123.5.78")), RH_CONTRACT);
}
END_TEST

START_TEST(checks_the_shape)
{
    struct rh_error error = RH_ERROR_INIT;
    struct rh_value cells[6] = {{.type = RH_TYPE_INT}};
    struct rh_batch batch = {
        .struct_size = sizeof(batch), .n_cols = 3, .n_rows = 2, .cells = cells};

    ck_assert_int_eq(rh_check_batch(&batch, 3, 2, NULL, &error), RH_OK);
    ck_assert_int_eq(rh_check_batch(&batch, 2, 9, NULL, &error), RH_CONTRACT);
    ck_assert_str_eq(error.message, "the connector's batch has 3 columns instead of 2");
    rh_error_clear(&error);
    ck_assert_int_eq(rh_check_batch(&batch, 3, 1, NULL, &error), RH_CONTRACT);
    ck_assert_str_eq(error.message, "the connector's batch has 2 rows, more than 1");
    rh_error_clear(&error);
    batch.cells = NULL;
    ck_assert_int_eq(rh_check_batch(&batch, 3, 2, NULL, &error), RH_CONTRACT);
    batch.n_rows = 0;
    ck_assert_int_eq(rh_check_batch(&batch, 3, 2, NULL, NULL), RH_OK);
}
END_TEST

START_TEST(checks_each_column_against_its_types)
{
    const uint32_t allowed[] = {RH_TYPE_BIT(RH_TYPE_INT),
                                RH_TYPE_BIT(RH_TYPE_TEXT) | RH_TYPE_BIT(RH_TYPE_JSON)};
    struct rh_error error = RH_ERROR_INIT;
    struct rh_value cells[] = {
        {.type = RH_TYPE_INT},     BYTES(RH_TYPE_TEXT, "a"), {.type = RH_TYPE_NULL},
        {.type = RH_TYPE_MISSING}, {.type = RH_TYPE_INT},    BYTES(RH_TYPE_JSON, "1"),
    };
    struct rh_batch batch = {
        .struct_size = sizeof(batch), .n_cols = 2, .n_rows = 3, .cells = cells};

    ck_assert_int_eq(rh_check_batch(&batch, 2, 3, allowed, &error), RH_OK);
    cells[4].type = RH_TYPE_FLOAT;
    ck_assert_int_eq(rh_check_batch(&batch, 2, 3, allowed, &error), RH_CONTRACT);
    ck_assert_str_eq(error.message, "the connector's batch: cell in row 2, column 0 is not of its "
                                    "column's type");
}
END_TEST

/* ---- Catalogues --------------------------------------------------------------------------- */

struct world {
    struct rh_text options[2];
    uint32_t key[1];
    uint32_t positions[2];
    struct rh_text ref[1];
    struct rh_index indexes[1];
    struct rh_foreign_key keys[1];
    struct rh_column columns[3];
    struct rh_table tables[2];
    struct rh_catalog catalog;
};

static struct rh_column column_of(const char *name, uint32_t type)
{
    return (struct rh_column){.name = rh_text_of(name), .type = type};
}

/* Two tables over the same columns; the first has everything. */
static void fill(struct world *world)
{
    *world = (struct world){
        .options = {RH_TEXT_INIT("open"), RH_TEXT_INIT("")},
        .key = {0},
        .positions = {2, 1},
        .ref = {RH_TEXT_INIT("id")},
        .columns = {column_of("id", RH_TYPE_INT), column_of("status", RH_TYPE_TEXT),
                    column_of("customer", RH_TYPE_INT)},
    };
    world->columns[1].options = world->options;
    world->columns[1].n_options = 2;
    world->indexes[0] =
        (struct rh_index){.name = RH_TEXT("i"), .columns = world->positions, .n_columns = 2};
    world->keys[0] = (struct rh_foreign_key){.name = RH_TEXT("f"),
                                             .table = RH_TEXT("customers"),
                                             .columns = world->positions,
                                             .ref_columns = world->ref,
                                             .n_columns = 1};
    for (int i = 0; i < 2; i++)
        world->tables[i] = (struct rh_table){
            .struct_size = sizeof(struct rh_table),
            .name = rh_text_of(i ? "archive" : "orders"),
            .columns = world->columns,
            .n_columns = 3,
            .column_stride = sizeof(struct rh_column),
            .est_rows = -1,
        };
    world->tables[0].key = world->key;
    world->tables[0].n_key = 1;
    world->tables[0].indexes = world->indexes;
    world->tables[0].n_indexes = 1;
    world->tables[0].index_stride = sizeof(struct rh_index);
    world->tables[0].foreign_keys = world->keys;
    world->tables[0].n_foreign_keys = 1;
    world->tables[0].foreign_key_stride = sizeof(struct rh_foreign_key);
    world->catalog = (struct rh_catalog){.struct_size = sizeof(struct rh_catalog),
                                         .n_tables = 2,
                                         .tables = world->tables,
                                         .table_stride = sizeof(struct rh_table),
                                         .default_schema = RH_TEXT_INIT("public")};
}

START_TEST(takes_a_good_catalogue)
{
    struct rh_error error = RH_ERROR_INIT;
    struct rh_catalog none = {.struct_size = sizeof(none)};
    struct world world;

    fill(&world);
    ck_assert_msg(rh_check_catalog(&world.catalog, &error) == RH_OK, "%s", error.message);
    ck_assert_int_eq(rh_check_catalog(&none, &error), RH_OK);
    world.tables[1].name = RH_TEXT("orders");
    world.tables[1].schema = RH_TEXT("old"); /* the same name in another schema */
    ck_assert_int_eq(rh_check_catalog(&world.catalog, &error), RH_OK);
}
END_TEST

#define REFUSED_WITH(change, reason)                                                               \
    do {                                                                                           \
        struct rh_error error = RH_ERROR_INIT;                                                     \
        struct world w;                                                                            \
        fill(&w);                                                                                  \
        change;                                                                                    \
        ck_assert_msg(rh_check_catalog(&w.catalog, &error) == RH_CONTRACT, "%s", #change);         \
        ck_assert_msg(strstr(error.message, reason) != NULL, "%s: %s", #change, error.message);    \
    } while (0)

START_TEST(refuses_bad_catalogues)
{
    static const uint32_t twice[] = {2, 0, 2};

    REFUSED_WITH(w.catalog.tables = NULL, "catalogue is malformed");
    REFUSED_WITH(w.catalog.n_tables = UINT32_MAX, "catalogue is malformed");
    REFUSED_WITH(w.catalog.table_stride = sizeof(struct rh_table) - 8, "catalogue is malformed");
    REFUSED_WITH(w.catalog.table_stride++, "catalogue is malformed");
    REFUSED_WITH(w.catalog.default_schema = RH_TEXT("\xff"), "catalogue is malformed");
    REFUSED_WITH(w.tables[1].name = RH_TEXT(""), "table 1 has no name");
    REFUSED_WITH(w.tables[1].name = RH_TEXT("a\0b"), "table 1 has no name");
    REFUSED_WITH(w.tables[1].name = RH_TEXT("orders"), "\"orders\": it comes twice");
    REFUSED_WITH(w.tables[1].schema = RH_TEXT("\xc3"), "\"archive\": one of its texts");
    REFUSED_WITH(w.tables[1].struct_size = 8, "\"archive\": an impossible size");
    REFUSED_WITH(w.tables[1].kind = 4, "\"archive\": an impossible size, kind");
    REFUSED_WITH(w.tables[1].est_rows = -2, "\"archive\": an impossible size, kind");
    REFUSED_WITH(w.tables[1].n_columns = UINT32_MAX, "malformed columns");
    REFUSED_WITH(w.tables[1].columns = NULL, "malformed columns");
    REFUSED_WITH(w.tables[1].column_stride = 0, "malformed columns");
    REFUSED_WITH(w.key[0] = 3, "\"orders\": a malformed primary key");
    REFUSED_WITH((w.tables[0].key = twice, w.tables[0].n_key = 3),
                 "\"orders\": its primary key has a column twice");
    REFUSED_WITH(w.tables[0].n_key = 4, "\"orders\": a malformed primary key");
    REFUSED_WITH(w.tables[0].key = NULL, "\"orders\": a malformed primary key");
    REFUSED_WITH(w.positions[1] = 3, "\"orders\": a malformed index");
    REFUSED_WITH(w.tables[0].indexes = NULL, "\"orders\": malformed indexes");
    REFUSED_WITH(w.positions[0] = UINT32_MAX, "\"orders\": a malformed index");
    REFUSED_WITH(w.keys[0].n_columns = 0, "\"orders\": a malformed foreign key");
    REFUSED_WITH(w.keys[0].table = RH_TEXT(""), "\"orders\": a malformed foreign key");
    REFUSED_WITH(w.ref[0] = RH_TEXT(""), "\"orders\": a malformed foreign key");
    REFUSED_WITH(w.keys[0].ref_columns = NULL, "\"orders\": a malformed foreign key");
    REFUSED_WITH(w.tables[0].foreign_key_stride = 3, "\"orders\": malformed foreign keys");
    REFUSED_WITH(w.columns[1].name = RH_TEXT(""), "column 1: its name is not a text");
    REFUSED_WITH(w.columns[1].name = ((struct rh_text){NULL, 9}), "column 1: its name");
    REFUSED_WITH(w.columns[1].type = RH_TYPE_NULL, "column 1: it has no known type");
    REFUSED_WITH(w.columns[1].type = RH_N_TYPES, "column 1: it has no known type");
    REFUSED_WITH(w.columns[1].reserved = 1, "column 1: its reserved field");
    REFUSED_WITH(w.columns[1].comment = RH_TEXT("\xff"), "column 1: one of its texts");
    REFUSED_WITH(w.columns[1].options = NULL, "column 1: its options are malformed");
    REFUSED_WITH(w.options[1] = RH_TEXT("\xff"), "column 1: one of its options");
    REFUSED_WITH(w.columns[1].name = RH_TEXT("id"), "two of its columns have one name");
}
END_TEST

TESTS_MAIN("check", makes_outcome_and_error_agree, makes_error_texts_safe, takes_good_cells,
           refuses_bad_cells, knows_all_short_decimals, checks_the_shape,
           checks_each_column_against_its_types, takes_a_good_catalogue, refuses_bad_catalogues)
