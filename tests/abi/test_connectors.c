/* core/host/library.h and registry.h, on real shared objects: the connectors of this folder. */
#include "host/library.h"
#include "host/registry.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/text.h"
#include "lib/tests.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *folder(void)
{
    const char *path = getenv("ABI_CONNECTORS");

    ck_assert_msg(path != NULL, "ABI_CONNECTORS is not set");
    rh_log_set_level(RH_LOG_ERROR); /* refusals are logged, and here they are wanted */
    return path;
}

static int load(const char *name, struct rh_library **ret_library, struct rh_error *error)
{
    struct rh_buf path;
    char *text;
    int rc;

    rh_buf_init(&path, 65536);
    rh_buf_addf(&path, "%s/%s.so", folder(), name);
    text = rh_buf_take(&path);
    ck_assert_ptr_nonnull(text);
    rc = rh_library_load(text, ret_library, error);
    free(text);
    return rc;
}

static struct rh_library *loaded(const char *name)
{
    struct rh_error error = RH_ERROR_INIT;
    struct rh_library *library = NULL;
    int rc = load(name, &library, &error);

    ck_assert_msg(rc == RH_OK, "%s", error.message);
    ck_assert(rh_text_is(library->connector.id, name));
    return library;
}

START_TEST(loads_a_good_one)
{
    struct rh_error error = RH_ERROR_INIT;
    struct rh_library *library = loaded("good");
    struct rh_write_spec spec = {.struct_size = sizeof(spec), .n_rows = 7};
    struct rh_write_result result = {.struct_size = sizeof(result)};

    ck_assert(rh_text_ends(rh_text_of(library->path), "/good.so"));
    ck_assert_uint_eq(strlen(library->sha256), 64);
    ck_assert_ptr_eq(library->connector.write, &library->write);
    ck_assert_int_eq(library->connector.write->insert(NULL, NULL, &spec, &result, &error), RH_OK);
    ck_assert_uint_eq(result.n_affected, 7);
    ck_assert_int_eq(library->connector.write->remove(NULL, NULL, &spec, &result, &error),
                     RH_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(error.message, "write.remove"));
    rh_library_free(library);
}
END_TEST

/* The hash is that of the file: the reference is sha256sum. */
START_TEST(hashes_the_file)
{
    struct rh_library *library = loaded("good");
    char line[256] = "";
    int ends[2];
    pid_t child;
    ssize_t n;

    ck_assert_int_eq(pipe(ends), 0);
    child = fork();
    if (child == 0) {
        dup2(ends[1], 1);
        execlp("sha256sum", "sha256sum", "-b", library->path, (char *)NULL);
        _exit(127);
    }
    ck_assert_int_gt(child, 0);
    n = read(ends[0], line, sizeof(line) - 1);
    ck_assert_int_gt(n, 64);
    line[64] = 0;
    ck_assert_str_eq(library->sha256, line);
    rh_library_free(library);
}
END_TEST

/* The loader knows libraries by name; two memfds must not share one. */
START_TEST(loads_one_after_the_other)
{
    struct rh_library *good = loaded("good");
    struct rh_library *second = loaded("second");

    rh_library_free(good);
    good = loaded("good");
    ck_assert(good->connector.connect != second->connector.connect);
    rh_library_free(second);
    rh_library_free(good);
}
END_TEST

START_TEST(reads_no_further_than_an_older_table)
{
    struct rh_error error = RH_ERROR_INIT;
    struct rh_library *library = loaded("older");
    const struct rh_connector *connector = &library->connector;
    int64_t rows = 0;

    ck_assert_uint_eq(connector->struct_size, sizeof(*connector));
    ck_assert_ptr_null(connector->plan);
    ck_assert(connector->reset == NULL);
    ck_assert_ptr_null(connector->write);
    ck_assert_ptr_null(connector->tx);
    ck_assert_ptr_null(connector->native);
    ck_assert_ptr_null(connector->ddl);
    ck_assert_ptr_null(connector->feed);
    ck_assert_int_eq(connector->estimate(NULL, NULL, NULL, &rows, &error), RH_UNSUPPORTED);
    rh_library_free(library);
}
END_TEST

START_TEST(ignores_the_tail_of_a_newer_table)
{
    struct rh_library *library = loaded("newer");

    ck_assert_uint_eq(library->connector.abi_minor, RH_ABI_MINOR + 3);
    ck_assert_uint_eq(library->connector.struct_size, sizeof(library->connector));
    rh_library_free(library);
}
END_TEST

static const struct {
    const char *name;
    const char *reason;
} refused[] = {
    {"needs_newer_host", "needs ABI 1.2, this host speaks 1.0"},
    {"lacks_ping", "lacks the required function \"ping\""},
    {"major2", "needs ABI 2, this host speaks 1"},
    {"no_entry", "has no rh_connector_v1"},
    {"two_symbols", "exports \"helper_that_leaked\" besides rh_connector_v1"},
    {"static_tls", "uses static TLS"},
    {"exec_stack", "asks for an executable stack"},
    {"text_relocation", "has text relocations"},
    {"unresolved", "undefined symbol: function_that_nobody_has"},
    {"bad_id", "its id \"Bad-Id\" is not of the form [a-z][a-z0-9_]*"},
    {"entry_fails", "does not run on a host of ABI 1.0"},
    {"entry_errs", "its entry failed with INTERNAL"},
    {"no_table", "its entry gave no table"},
    {"prose", "is not an ELF shared object"},
    {"truncated", "is truncated"},
};

START_TEST(refuses_with_the_reason)
{
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        struct rh_error error = RH_ERROR_INIT;
        struct rh_library *library = NULL;
        int rc = load(refused[i].name, &library, &error);

        ck_assert_msg(rc == RH_CONTRACT, "%s: %d", refused[i].name, rc);
        ck_assert_int_eq(error.error_class, RH_CONTRACT);
        ck_assert_ptr_null(library);
        ck_assert_msg(strstr(error.message, refused[i].reason) != NULL, "%s: %s", refused[i].name,
                      error.message);
        ck_assert_msg(strstr(error.message, folder()) != NULL, "no path in: %s", error.message);
        ck_assert_msg(strstr(error.message, "/proc/") == NULL, "%s", error.message);
    }
}
END_TEST

START_TEST(tells_a_missing_file_from_a_wrong_one)
{
    struct rh_error error = RH_ERROR_INIT;
    struct rh_library *library = NULL;

    ck_assert_int_eq(load("there_is_none", &library, &error), RH_NOT_FOUND);
    rh_error_clear(&error);
    ck_assert_int_eq(rh_library_load(folder(), &library, &error), RH_CONTRACT);
    ck_assert_ptr_nonnull(strstr(error.message, "is not a regular file"));
    rh_error_clear(&error);
    ck_assert_int_eq(rh_library_load("/dev/null", &library, &error), RH_CONTRACT);
    ck_assert_ptr_nonnull(strstr(error.message, "is not a regular file"));
}
END_TEST

START_TEST(registry_loads_by_id)
{
    struct rh_error error = RH_ERROR_INIT;
    struct rh_registry_options options = {.folder = folder()};
    struct rh_registry *registry = NULL;
    const struct rh_library *one = NULL, *again = NULL;

    ck_assert_int_eq(rh_registry_new(&options, &registry, &error), RH_OK);
    ck_assert_int_eq(rh_registry_get(registry, RH_TEXT("good"), &one, &error), RH_OK);
    ck_assert_int_eq(rh_registry_get(registry, RH_TEXT("good"), &again, &error), RH_OK);
    ck_assert_ptr_eq(one, again);

    ck_assert_int_eq(rh_registry_get(registry, RH_TEXT("misnamed"), &one, &error), RH_CONTRACT);
    ck_assert_ptr_nonnull(strstr(error.message, "calls itself \"good\""));
    rh_error_clear(&error);
    ck_assert_int_eq(rh_registry_get(registry, RH_TEXT("lacks_ping"), &one, &error), RH_CONTRACT);
    ck_assert_ptr_nonnull(strstr(error.message, "lacks the required function"));
    rh_error_clear(&error);
    ck_assert_int_eq(rh_registry_get(registry, RH_TEXT("god"), &one, &error), RH_NOT_FOUND);
    ck_assert_str_eq(error.hint, "did you mean \"good\"?");
    rh_registry_free(registry);
}
END_TEST

START_TEST(registry_lists_the_refused_with_their_reasons)
{
    struct rh_error error = RH_ERROR_INIT;
    struct rh_registry_options options = {.folder = folder()};
    struct rh_registry *registry = NULL;
    struct rh_registry_entry *entries = NULL;
    const struct rh_library *library = NULL;
    uint32_t n = 0, n_loaded = 0;

    ck_assert_int_eq(rh_registry_new(&options, &registry, &error), RH_OK);
    ck_assert_int_eq(rh_registry_list(registry, &entries, &n, &error), RH_OK);
    for (uint32_t i = 0; i < n; i++) {
        ck_assert((entries[i].library == NULL) == (entries[i].reason[0] != 0));
        ck_assert(i == 0 || strcmp(entries[i - 1].id, entries[i].id) < 0);
        n_loaded += entries[i].library != NULL;
    }
    ck_assert_uint_eq(n_loaded, 4);
    ck_assert_uint_eq(n, n_loaded + sizeof(refused) / sizeof(refused[0]) + 1);
    ck_assert_int_eq(rh_registry_find_scheme(registry, RH_TEXT("SECOND:x"), &library, &error),
                     RH_OK);
    ck_assert(rh_text_is(library->connector.id, "second"));
    free(entries);
    rh_registry_free(registry);
}
END_TEST

TESTS_MAIN("abi", loads_a_good_one, hashes_the_file, loads_one_after_the_other,
           reads_no_further_than_an_older_table, ignores_the_tail_of_a_newer_table,
           refuses_with_the_reason, tells_a_missing_file_from_a_wrong_one, registry_loads_by_id,
           registry_lists_the_refused_with_their_reasons)
