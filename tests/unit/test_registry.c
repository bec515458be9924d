/* core/host/registry.h, on adopted tables and on files that are refused. Real connectors: tests/abi. */
#include "host/registry.h"

#include "abi/connectors/minimal.h"
#include "base/err.h"
#include "base/log.h"
#include "base/text.h"
#include "lib/fault.h"
#include "lib/tests.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct rh_library *named(const char *id, const char *schemes)
{
    struct rh_connector table = minimal;
    struct rh_library *library = NULL;

    table.id = rh_text_of(id);
    table.url_schemes = rh_text_of(schemes);
    return rh_library_adopt(&table, id, &library, NULL) == RH_OK ? library : NULL;
}

static struct rh_registry *registry_of(const char *folder)
{
    struct rh_error error = RH_ERROR_INIT;
    struct rh_registry *registry = NULL;

    rh_log_set_level(RH_LOG_ERROR);
    ck_assert_int_eq(rh_registry_new(folder, &registry, &error), RH_OK);
    return registry;
}

static void add(struct rh_registry *registry, const char *id, const char *schemes)
{
    struct rh_error error = RH_ERROR_INIT;
    struct rh_library *library = named(id, schemes);

    ck_assert_ptr_nonnull(library);
    ck_assert_int_eq(rh_registry_add(registry, library, &error), RH_OK);
}

START_TEST(finds_what_was_added)
{
    struct rh_registry *registry = registry_of("/nonexistent");
    struct rh_error error = RH_ERROR_INIT;
    const struct rh_library *library = NULL;
    struct rh_library *twin = named("beta", "");

    add(registry, "gamma", "");
    add(registry, "alpha", "");
    add(registry, "beta", "");
    ck_assert_int_eq(rh_registry_get(registry, RH_TEXT("beta"), &library, &error), RH_OK);
    ck_assert(rh_text_is(library->connector.id, "beta"));
    ck_assert_int_eq(rh_registry_add(registry, twin, &error), RH_EXISTS);
    rh_library_free(twin);
    rh_registry_free(registry);
    rh_registry_free(NULL);
}
END_TEST

START_TEST(lists_in_order)
{
    struct rh_registry *registry = registry_of("/nonexistent");
    struct rh_registry_entry *entries = NULL;
    uint32_t n = 99;

    ck_assert_int_eq(rh_registry_list(registry, &entries, &n, NULL), RH_OK);
    ck_assert_uint_eq(n, 0);
    free(entries);
    add(registry, "gamma", "");
    add(registry, "alpha", "");
    ck_assert_int_eq(rh_registry_list(registry, &entries, &n, NULL), RH_OK);
    ck_assert_uint_eq(n, 2);
    ck_assert_str_eq(entries[0].id, "alpha");
    ck_assert_str_eq(entries[1].id, "gamma");
    ck_assert_str_eq(entries[0].reason, "");
    ck_assert_ptr_nonnull(entries[0].library);
    free(entries);
    rh_registry_free(registry);
}
END_TEST

START_TEST(says_where_it_looked_and_what_there_is)
{
    struct rh_registry *registry = registry_of("/nonexistent/here");
    struct rh_error error = RH_ERROR_INIT;
    const struct rh_library *library = NULL;

    ck_assert_int_eq(rh_registry_get(registry, RH_TEXT("mysql"), &library, &error), RH_NOT_FOUND);
    ck_assert_str_eq(error.message, "there is no connector \"mysql\"");
    ck_assert_str_eq(error.hint, "looked in /nonexistent/here");
    add(registry, "alpha", "");
    add(registry, "postgres", "");
    rh_error_clear(&error);
    ck_assert_int_eq(rh_registry_get(registry, RH_TEXT("oracle"), &library, &error), RH_NOT_FOUND);
    ck_assert_str_eq(error.hint, "known are: alpha, postgres; looked in /nonexistent/here");
    rh_error_clear(&error);
    ck_assert_int_eq(rh_registry_get(registry, RH_TEXT("postgre"), &library, &error), RH_NOT_FOUND);
    ck_assert_str_eq(error.hint, "did you mean \"postgres\"?");
    rh_registry_free(registry);
}
END_TEST

START_TEST(opens_no_file_for_what_is_no_id)
{
    static const char *const ids[] = {"", "../alpha", "/etc/passwd", "Alpha", "al pha", "1alpha"};
    struct rh_registry *registry = registry_of("/nonexistent");
    const struct rh_library *library = NULL;

    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        struct rh_error error = RH_ERROR_INIT;

        ck_assert_int_eq(rh_registry_get(registry, rh_text_of(ids[i]), &library, &error),
                         RH_NOT_FOUND);
        ck_assert_ptr_nonnull(strstr(error.message, "is not a connector's id"));
    }
    rh_registry_free(registry);
}
END_TEST

START_TEST(finds_by_scheme)
{
    struct rh_registry *registry = registry_of("/nonexistent");
    struct rh_error error = RH_ERROR_INIT;
    const struct rh_library *library = NULL;

    add(registry, "sqlite", "sqlite file");
    add(registry, "postgres", "postgres postgresql");
    add(registry, "none", "");
    ck_assert_int_eq(
        rh_registry_find_scheme(registry, RH_TEXT("PostgreSQL://h/db"), &library, &error), RH_OK);
    ck_assert(rh_text_is(library->connector.id, "postgres"));
    ck_assert_int_eq(rh_registry_find_scheme(registry, RH_TEXT("file:"), &library, &error), RH_OK);
    ck_assert(rh_text_is(library->connector.id, "sqlite"));
    ck_assert_int_eq(rh_registry_find_scheme(registry, RH_TEXT("postgre:x"), &library, &error),
                     RH_NOT_FOUND);
    rh_error_clear(&error);
    ck_assert_int_eq(rh_registry_find_scheme(registry, RH_TEXT("x.db"), &library, &error),
                     RH_INVALID);
    rh_error_clear(&error);
    ck_assert_int_eq(rh_registry_find_scheme(registry, RH_TEXT(":x"), &library, &error),
                     RH_INVALID);
    rh_registry_free(registry);
}
END_TEST

static void write_file(const char *folder, const char *name, const char *text)
{
    int at = open(folder, O_RDONLY | O_DIRECTORY);
    int fd = openat(at, name, O_WRONLY | O_CREAT | O_TRUNC, 0644);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    close(at);
}

static void remove_file(const char *folder, const char *name)
{
    int at = open(folder, O_RDONLY | O_DIRECTORY);

    ck_assert_int_eq(unlinkat(at, name, 0), 0);
    close(at);
}

START_TEST(remembers_why_a_file_was_refused)
{
    char folder[] = "/tmp/rh-registry-XXXXXX";
    struct rh_error error = RH_ERROR_INIT;
    struct rh_registry_entry *entries = NULL;
    const struct rh_library *library = NULL;
    struct rh_registry *registry;
    uint32_t n = 0;

    ck_assert_ptr_nonnull(mkdtemp(folder));
    registry = registry_of(folder);
    ck_assert_int_eq(rh_registry_get(registry, RH_TEXT("late"), &library, &error), RH_NOT_FOUND);
    write_file(folder, "late.so", "a text"); /* is looked for again */
    write_file(folder, "No-Id.so", "");
    write_file(folder, "notes.txt", "");
    write_file(folder, ".so", "");
    rh_error_clear(&error);
    ck_assert_int_eq(rh_registry_get(registry, RH_TEXT("late"), &library, &error), RH_CONTRACT);
    ck_assert_ptr_nonnull(strstr(error.message, "late.so: is not an ELF shared object"));
    remove_file(folder, "late.so"); /* is not */
    rh_error_clear(&error);
    ck_assert_int_eq(rh_registry_get(registry, RH_TEXT("late"), &library, &error), RH_CONTRACT);
    ck_assert_int_eq(rh_registry_list(registry, &entries, &n, &error), RH_OK);
    ck_assert_uint_eq(n, 2);
    ck_assert_str_eq(entries[0].id, "No-Id");
    ck_assert_ptr_nonnull(strstr(entries[0].reason, "the file's name is not of the form"));
    ck_assert_str_eq(entries[1].id, "late");
    ck_assert_ptr_null(entries[1].library);
    free(entries);
    rh_registry_free(registry);
    remove_file(folder, "No-Id.so");
    remove_file(folder, "notes.txt");
    remove_file(folder, ".so");
    rmdir(folder);
}
END_TEST

START_TEST(searches_where_the_environment_says)
{
    struct rh_error error = RH_ERROR_INIT;
    const struct rh_library *library = NULL;
    struct rh_registry *registry;

    setenv("ROWHOUSE_PLUGINS", "/nonexistent/env", 1);
    registry = registry_of(NULL);
    rh_registry_get(registry, RH_TEXT("x"), &library, &error);
    ck_assert_str_eq(error.hint, "looked in /nonexistent/env");
    rh_registry_free(registry);

    unsetenv("ROWHOUSE_PLUGINS");
    registry = registry_of(NULL);
    rh_error_clear(&error);
    rh_registry_get(registry, RH_TEXT("no_such_connector"), &library, &error);
    ck_assert_ptr_nonnull(strstr(error.hint, "/../plugins, "));
    ck_assert_ptr_nonnull(strstr(error.hint, "/../lib/rowhouse/plugins"));
    rh_registry_free(registry);
}
END_TEST

static void *ask(void *context)
{
    struct rh_registry *registry = context;
    const struct rh_library *first = NULL;

    for (int i = 0; i < 200; i++) {
        const struct rh_library *library = NULL;
        struct rh_registry_entry *entries = NULL;
        uint32_t n;

        if (rh_registry_get(registry, RH_TEXT("alpha"), &library, NULL) != RH_OK ||
            (first && library != first) || rh_registry_list(registry, &entries, &n, NULL) != RH_OK)
            return NULL;
        first = library;
        free(entries);
    }
    return registry;
}

START_TEST(may_be_asked_by_many_threads)
{
    struct rh_registry *registry = registry_of("/nonexistent");
    pthread_t threads[4];

    add(registry, "alpha", "");
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, ask, registry), 0);
    for (int i = 0; i < 20; i++) {
        struct rh_library *library = named("beta", "");

        ck_assert_ptr_nonnull(library);
        if (rh_registry_add(registry, library, NULL) != RH_OK)
            rh_library_free(library);
    }
    for (int i = 0; i < 4; i++) {
        void *result = NULL;

        pthread_join(threads[i], &result);
        ck_assert_ptr_eq(result, registry);
    }
    rh_registry_free(registry);
}
END_TEST

static bool use(void *context)
{
    struct rh_error error = RH_ERROR_INIT;
    struct rh_registry *registry = NULL;
    struct rh_library *library = named("alpha", "alpha");
    const struct rh_library *found = NULL, *by_scheme = NULL;
    struct rh_registry_entry *entries = NULL;
    uint32_t n = 0;
    bool ok = false;

    if (!library || rh_registry_new(context, &registry, &error) != RH_OK)
        goto out;
    if (rh_registry_add(registry, library, &error) != RH_OK)
        goto out;
    library = NULL;
    ok = rh_registry_get(registry, RH_TEXT("alpha"), &found, &error) == RH_OK &&
         rh_registry_get(registry, RH_TEXT("broken"), &by_scheme, NULL) == RH_CONTRACT &&
         rh_registry_list(registry, &entries, &n, &error) == RH_OK && n == 2 &&
         rh_registry_find_scheme(registry, RH_TEXT("alpha:"), &by_scheme, &error) == RH_OK;
    FAULT_ASSERT(!ok || found == by_scheme);
out:
    free(entries);
    rh_library_free(library);
    rh_registry_free(registry);
    return ok;
}

START_TEST(survives_failed_allocations)
{
    char folder[] = "/tmp/rh-registry-XXXXXX";

    ck_assert_ptr_nonnull(mkdtemp(folder));
    write_file(folder, "broken.so", "a text");
    rh_log_set_level(0);
    ck_assert_uint_gt(fault_torture(use, folder), 3);
    remove_file(folder, "broken.so");
    rmdir(folder);
}
END_TEST

TESTS_MAIN("registry", finds_what_was_added, lists_in_order, says_where_it_looked_and_what_there_is,
           opens_no_file_for_what_is_no_id, finds_by_scheme, remembers_why_a_file_was_refused,
           searches_where_the_environment_says, may_be_asked_by_many_threads,
           survives_failed_allocations)
