/* core/host/library.h: the negotiation, on tables in this process. Real files: tests/abi. */
#include "host/library.h"

#include "abi/connectors/minimal.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/text.h"
#include "lib/fault.h"
#include "lib/tests.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static struct rh_library *adopted(const struct rh_connector *table)
{
    struct rh_error error = RH_ERROR_INIT;
    struct rh_library *library = NULL;
    int rc = rh_library_adopt(table, "test", &library, &error);

    ck_assert_msg(rc == RH_OK, "%s", error.message);
    return library;
}

static void refused(const struct rh_connector *table, const char *reason)
{
    struct rh_error error = RH_ERROR_INIT;
    struct rh_library *library = NULL;

    ck_assert_int_eq(rh_library_adopt(table, "test", &library, &error), RH_CONTRACT);
    ck_assert_ptr_null(library);
    ck_assert_msg(strncmp(error.message, "test: ", 6) == 0 && strstr(error.message, reason), "%s",
                  error.message);
}

START_TEST(copies_the_table)
{
    struct rh_library *library = adopted(&minimal);

    ck_assert(library->connector.ping == minimal.ping);
    ck_assert_uint_eq(library->connector.struct_size, sizeof(library->connector));
    ck_assert_ptr_eq(library->connector.limits, &library->limits);
    ck_assert_uint_eq(library->limits.struct_size, sizeof(library->limits));
    ck_assert_uint_eq(library->limits.parameters, 0);
    ck_assert_ptr_null(library->path);
    ck_assert_str_eq(library->sha256, "");
    rh_library_free(library);
    rh_library_free(NULL);
}
END_TEST

START_TEST(answers_unsupported_in_every_gap)
{
    static const struct rh_write write = {.struct_size = 8, .atomicity = RH_ATOMIC_ROW};
    static const struct rh_tx tx = {.struct_size = 8};
    static const struct rh_native native = {.struct_size = 24, .language = TEXT("None")};
    static const struct rh_ddl ddl = {.struct_size = 8};
    static const struct rh_feed feed = {.struct_size = sizeof(feed)};
    struct rh_connector table = minimal;
    struct rh_library *library;
    const struct rh_connector *c;

    table.write = &write;
    table.tx = &tx;
    table.native = &native;
    table.ddl = &ddl;
    table.feed = &feed;
    library = adopted(&table);
    c = &library->connector;
    ck_assert_int_eq(c->explain(NULL, NULL, NULL, NULL, NULL), RH_UNSUPPORTED);
    ck_assert_int_eq(c->estimate(NULL, NULL, NULL, NULL, NULL), RH_UNSUPPORTED);
    ck_assert_int_eq(c->write->insert(NULL, NULL, NULL, NULL, NULL), RH_UNSUPPORTED);
    ck_assert_int_eq(c->write->update(NULL, NULL, NULL, NULL, NULL), RH_UNSUPPORTED);
    ck_assert_int_eq(c->write->remove(NULL, NULL, NULL, NULL, NULL), RH_UNSUPPORTED);
    ck_assert_int_eq(c->write->upsert(NULL, NULL, NULL, NULL, NULL), RH_UNSUPPORTED);
    ck_assert_int_eq(c->tx->begin(NULL, NULL, 0, NULL), RH_UNSUPPORTED);
    ck_assert_int_eq(c->tx->commit(NULL, NULL, NULL), RH_UNSUPPORTED);
    ck_assert_int_eq(c->tx->rollback(NULL, NULL, NULL), RH_UNSUPPORTED);
    ck_assert_int_eq(c->tx->savepoint(NULL, NULL, 1, NULL), RH_UNSUPPORTED);
    ck_assert_int_eq(c->tx->rollback_to(NULL, NULL, 1, NULL), RH_UNSUPPORTED);
    ck_assert_int_eq(c->tx->release(NULL, NULL, 1, NULL), RH_UNSUPPORTED);
    ck_assert_int_eq(c->native->run(NULL, NULL, NULL, NULL, NULL), RH_UNSUPPORTED);
    ck_assert_int_eq(c->ddl->apply(NULL, NULL, NULL, 0, 0, 0, NULL, NULL), RH_UNSUPPORTED);
    ck_assert_int_eq(c->feed->open(NULL, NULL, NULL, NULL, NULL), RH_UNSUPPORTED);
    ck_assert_int_eq(c->feed->next(NULL, NULL, 0, NULL, NULL), RH_UNSUPPORTED);
    ck_assert(c->plan == NULL && c->reset == NULL);
    rh_library_free(library);
}
END_TEST

START_TEST(needs_every_required_function)
{
    static const struct {
        size_t at;
        const char *reason;
    } required[] = {
        {offsetof(struct rh_connector, connect), "function \"connect\""},
        {offsetof(struct rh_connector, close), "function \"close\""},
        {offsetof(struct rh_connector, ping), "function \"ping\""},
        {offsetof(struct rh_connector, tables), "function \"tables\""},
        {offsetof(struct rh_connector, open), "function \"open\""},
        {offsetof(struct rh_connector, next), "function \"next\""},
        {offsetof(struct rh_connector, finish), "function \"finish\""},
        {offsetof(struct rh_connector, cancel), "function \"cancel\""},
    };

    for (size_t i = 0; i < sizeof(required) / sizeof(required[0]); i++) {
        struct rh_connector table = minimal;

        memset((char *)&table + required[i].at, 0, sizeof(void *));
        refused(&table, required[i].reason);
    }
}
END_TEST

/* Sizes from a table that ends before `connect` to one that is longer than ours. */
START_TEST(takes_tables_of_every_size)
{
    const uint32_t least = offsetof(struct rh_connector, connect);
    const uint32_t whole = offsetof(struct rh_connector, plan);

    for (uint32_t size = 0; size <= sizeof(struct rh_connector); size++) {
        /* Exactly as large as it says: a sanitizer sees the first byte too far. */
        struct rh_connector *table = malloc(size < 4 ? 4 : size);
        struct rh_connector image = minimal;

        ck_assert_ptr_nonnull(table);
        image.struct_size = size;
        memcpy((void *)table, &image, size < 4 ? 4 : size);
        if (size < least || size % sizeof(void *) != 0)
            refused(table, "its table has the impossible size");
        else if (size < whole)
            refused(table, "lacks the required function");
        else
            rh_library_free(adopted(table));
        free(table);
    }
    refused(NULL, "its entry gave no table");
}
END_TEST

#define REFUSED_WITH(field, value, reason)                                                         \
    do {                                                                                           \
        struct rh_connector table = minimal;                                                       \
        table.field = value;                                                                       \
        refused(&table, reason);                                                                   \
    } while (0)

START_TEST(refuses_impossible_numbers)
{
    REFUSED_WITH(struct_size, UINT32_MAX, "impossible size");
    REFUSED_WITH(min_host_minor, RH_ABI_MINOR + 1, "needs ABI 1.1, this host speaks 1.0");
    REFUSED_WITH(kind, 0, "its kind 0 is not known");
    REFUSED_WITH(kind, 6, "its kind 6 is not known");
    REFUSED_WITH(threads, 2, "its threading model 2 is not known");
    REFUSED_WITH(flags, 0x8001, "its flags 0x8001 are not known");
}
END_TEST

START_TEST(ignores_flags_that_may_be_ignored)
{
    struct rh_connector table = minimal;

    table.flags = 0xffff0000;
    rh_library_free(adopted(&table));
}
END_TEST

#define REFUSED_WITH_TEXT(field, literal, reason)                                                  \
    REFUSED_WITH(field, ((struct rh_text)TEXT(literal)), reason)

START_TEST(refuses_impossible_texts)
{
    static char long_text[2000000];

    memset(long_text, 'a', sizeof(long_text));
    REFUSED_WITH_TEXT(id, "", "its id has an impossible length");
    REFUSED_WITH_TEXT(id, "9lives", "is not of the form");
    REFUSED_WITH_TEXT(id, "_x", "is not of the form");
    REFUSED_WITH_TEXT(id, "a-b", "is not of the form");
    REFUSED_WITH_TEXT(id, "../x", "is not of the form");
    REFUSED_WITH(id, ((struct rh_text){long_text, 65}), "its id has an impossible length");
    REFUSED_WITH(id, ((struct rh_text){NULL, 4}), "its id has an impossible length");
    REFUSED_WITH(title, ((struct rh_text){NULL, 0}), "its title has an impossible length");
    REFUSED_WITH_TEXT(title, "a\xff", "its title is not UTF-8");
    REFUSED_WITH_TEXT(version, "1\0002", "its version is not UTF-8 text");
    REFUSED_WITH(vendor, ((struct rh_text){long_text, UINT64_MAX}), "its vendor has an impossible");
    REFUSED_WITH(license, ((struct rh_text){long_text, 129}), "its license has an impossible");
    REFUSED_WITH_TEXT(config_schema, "", "its config_schema has an impossible length");
    REFUSED_WITH_TEXT(config_schema, "[]", "its config_schema is not a JSON object");
    REFUSED_WITH_TEXT(config_schema, "{\"a\":1,\"a\":2}", "its config_schema is not a JSON");
    REFUSED_WITH(config_schema, ((struct rh_text){long_text, sizeof(long_text)}),
                 "its config_schema has an impossible length");
}
END_TEST

START_TEST(expands_the_operators)
{
    struct rh_library *library = adopted(&minimal);

    ck_assert_uint_eq(rh_library_upper(library, RH_OP_EQ, RH_TYPE_INT), RH_VERDICT_EXACT);
    ck_assert_uint_eq(rh_library_upper(library, RH_OP_EQ, RH_TYPE_TEXT), RH_VERDICT_EXACT);
    ck_assert_uint_eq(rh_library_upper(library, RH_OP_EQ, RH_TYPE_FLOAT), RH_VERDICT_NONE);
    ck_assert_uint_eq(rh_library_upper(library, RH_OP_EQ | RH_OP_NOT, RH_TYPE_INT),
                      RH_VERDICT_SUPERSET);
    ck_assert_uint_eq(rh_library_upper(library, RH_OP_EQ | RH_OP_NOT, RH_TYPE_TEXT),
                      RH_VERDICT_NONE);
    ck_assert_uint_eq(rh_library_upper(library, RH_OP_LIKE, RH_TYPE_TEXT), RH_VERDICT_NONE);
    ck_assert_uint_eq(rh_library_upper(library, RH_OP_LIKE | RH_OP_FOLD, RH_TYPE_TEXT),
                      RH_VERDICT_SUPERSET);
    for (uint32_t type = 0; type < RH_N_TYPES; type++)
        ck_assert_uint_eq(rh_library_upper(library, RH_OP_EXISTS, type), RH_VERDICT_EXACT);
    ck_assert_uint_eq(rh_library_upper(library, RH_OP_EQ, RH_N_TYPES), RH_VERDICT_NONE);
    ck_assert_uint_eq(rh_library_upper(library, RH_N_OPS, RH_TYPE_INT), RH_VERDICT_NONE);
    ck_assert_uint_eq(rh_library_upper(library, RH_OP_EQ | 0x400u, RH_TYPE_INT), RH_VERDICT_NONE);
    rh_library_free(library);
}
END_TEST

START_TEST(refuses_rows_that_are_no_operators)
{
    static const struct {
        struct rh_operator row;
        bool fits;
    } cases[] = {
        {{RH_OP_AND, 0, RH_VERDICT_EXACT, 0}, false},
        {{RH_OP_OR, 0, RH_VERDICT_EXACT, 0}, false},
        {{0, 0, RH_VERDICT_EXACT, 0}, false},
        {{RH_OP_SEEK | RH_OP_NOT, 0, RH_VERDICT_EXACT, 0}, false},
        {{RH_OP_EQ | RH_OP_FOLD, 0, RH_VERDICT_EXACT, 0}, false},
        {{RH_OP_EQ, 0, 3, 0}, false},
        {{RH_OP_EQ, 0, RH_VERDICT_EXACT, 1}, false},
        {{RH_N_OPS + 3, 0, RH_VERDICT_EXACT, 0}, true}, /* of a later minor */
        {{RH_OP_EQ | 0x800u, 0, RH_VERDICT_EXACT, 0}, true},
        {{RH_OP_CONTAINS | RH_OP_FOLD | RH_OP_NOT, ~0u, RH_VERDICT_EXACT, 0}, true},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rh_connector table = minimal;

        table.operators = &cases[i].row;
        table.n_operators = 1;
        if (cases[i].fits)
            rh_library_free(adopted(&table));
        else
            refused(&table, "row 0 of its operators");
    }
    REFUSED_WITH(operator_stride, 8, "its operators table is malformed");
    REFUSED_WITH(operator_stride, 18, "its operators table is malformed");
    REFUSED_WITH(n_operators, UINT32_MAX, "its operators table is malformed");
    REFUSED_WITH(operators, NULL, "its operators table is malformed");
}
END_TEST

START_TEST(steps_over_longer_operators)
{
    static const struct {
        struct rh_operator row;
        uint32_t later;
    } rows[] = {{{RH_OP_LT, ~0u, RH_VERDICT_EXACT, 0}, 0xa5a5a5a5},
                {{RH_OP_GT, ~0u, RH_VERDICT_SUPERSET, 0}, 0xa5a5a5a5}};
    struct rh_connector table = minimal;
    struct rh_library *library;

    table.operators = &rows[0].row;
    table.n_operators = 2;
    table.operator_stride = sizeof(rows[0]);
    library = adopted(&table);
    ck_assert_uint_eq(rh_library_upper(library, RH_OP_LT, RH_TYPE_INT), RH_VERDICT_EXACT);
    ck_assert_uint_eq(rh_library_upper(library, RH_OP_GT, RH_TYPE_INT), RH_VERDICT_SUPERSET);
    rh_library_free(library);
}
END_TEST

START_TEST(refuses_groups_that_are_malformed)
{
    static const struct rh_write no_size = {.struct_size = 0, .atomicity = RH_ATOMIC_ALL};
    static const struct rh_write no_atomicity = {.struct_size = sizeof(no_atomicity)};
    static const struct rh_native no_language = {.struct_size = sizeof(no_language)};
    static const struct rh_tx huge = {.struct_size = UINT32_MAX};
    static const struct rh_limits small = {.struct_size = 2};

    REFUSED_WITH(write, &no_size, "its write group has the impossible size 0");
    REFUSED_WITH(write, &no_atomicity, "the atomicity 0 of its write group is not known");
    REFUSED_WITH(native, &no_language, "its native language has an impossible length");
    REFUSED_WITH(tx, &huge, "its tx group has the impossible size");
    REFUSED_WITH(limits, &small, "its limits has the impossible size");
    REFUSED_WITH(ddl, (const struct rh_ddl *)((const char *)&huge + 1), "is not aligned");
}
END_TEST

/* Its members are of 4 bytes, so it may stand at any multiple of 4. */
START_TEST(takes_limits_from_where_they_are)
{
    static const struct {
        _Alignas(8) uint32_t before;
        struct rh_limits limits;
    } odd = {.limits = {.struct_size = 8, .parameters = 99, .in_values = 7}};
    struct rh_connector table = minimal;
    struct rh_library *library;

    table.limits = &odd.limits;
    library = adopted(&table);
    ck_assert_uint_eq(library->limits.parameters, 99);
    ck_assert_uint_eq(library->limits.in_values, 0); /* behind its size */
    rh_library_free(library);
}
END_TEST

START_TEST(gives_services)
{
    const struct rh_host *host = rh_host_services();
    struct rh_arena *arena = rh_arena_new(4096);
    unsigned char *memory;

    ck_assert_uint_eq(host->minor, RH_ABI_MINOR);
    ck_assert_uint_le(host->now_us(host), rh_clock_us());
    memory = host->alloc(arena, 100);
    ck_assert_ptr_nonnull(memory);
    ck_assert_uint_eq(memory[0] | memory[99], 0);
    ck_assert_uint_eq((uintptr_t)memory % 16, 0);
    ck_assert_ptr_null(host->alloc(arena, UINT64_MAX));
    ck_assert_ptr_null(host->alloc(NULL, 1));
    rh_arena_free(arena);
}
END_TEST

static bool adopt(void *context)
{
    struct rh_error error = RH_ERROR_INIT;
    struct rh_library *library = NULL;
    int rc = rh_library_adopt(context, "test", &library, &error);

    FAULT_ASSERT(rc == RH_OK || (rc == error.error_class && !library));
    rh_library_free(library);
    return rc == RH_OK;
}

START_TEST(survives_failed_allocations)
{
    struct rh_connector table = minimal;

    ck_assert_uint_gt(fault_torture(adopt, &table), 0);
}
END_TEST

TESTS_MAIN("library", copies_the_table, answers_unsupported_in_every_gap,
           needs_every_required_function, takes_tables_of_every_size, refuses_impossible_numbers,
           ignores_flags_that_may_be_ignored, refuses_impossible_texts, expands_the_operators,
           refuses_rows_that_are_no_operators, steps_over_longer_operators,
           refuses_groups_that_are_malformed, takes_limits_from_where_they_are, gives_services,
           survives_failed_allocations)
