/* core/host/registry.h: adopted tables, files that are refused, the real connector "memory" as file
 * and as package. Isolated packages: tests/cli, tests/api. */
#include "host/registry.h"

#include "abi/connectors/minimal.h"
#include "base/err.h"
#include "base/log.h"
#include "base/text.h"
#include "host/trust/minisign.h"
#include "lib/fault.h"
#include "lib/tests.h"

#include <fcntl.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
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
    struct rh_registry_options options = {.folder = folder};
    struct rh_registry *registry = NULL;
    struct rh_error error = RH_ERROR_INIT;

    rh_log_set_level(RH_LOG_ERROR);
    ck_assert_int_eq(rh_registry_new(&options, &registry, &error), RH_OK);
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
    ck_assert_str_eq(error.hint, "looked in /nonexistent/here; known are: alpha, postgres");
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

/* Asks until the answer is this one: the registry looks at its folders once a second. */
static void wait_for(struct rh_registry *registry, const char *id, int rc, struct rh_error *error)
{
    const struct rh_library *library = NULL;

    do {
        rh_error_clear(error);
        usleep(10000);
    } while (rh_registry_get(registry, rh_text_of(id), &library, error) != rc);
}

START_TEST(remembers_why_a_file_was_refused)
{
    char folder[] = "/tmp/rh-registry-XXXXXX";
    struct rh_error error = RH_ERROR_INIT;
    struct rh_registry_entry *entries = NULL;
    const struct rh_library *library = NULL;
    struct rh_registry *registry;
    uint64_t generation;
    uint32_t n = 0;

    ck_assert_ptr_nonnull(mkdtemp(folder));
    registry = registry_of(folder);
    ck_assert_int_eq(rh_registry_get(registry, RH_TEXT("late"), &library, &error), RH_NOT_FOUND);
    generation = rh_registry_generation(registry);
    write_file(folder, "late.so", "a text"); /* is looked for again */
    write_file(folder, "No-Id.so", "");
    write_file(folder, "notes.txt", "");
    write_file(folder, ".so", "");
    wait_for(registry, "late", RH_CONTRACT, &error);
    ck_assert_ptr_nonnull(strstr(error.message, "late.so: is not an ELF shared object"));
    ck_assert_uint_ne(rh_registry_generation(registry), generation);
    ck_assert_int_eq(rh_registry_list(registry, &entries, &n, &error), RH_OK);
    ck_assert_uint_eq(n, 2);
    ck_assert_str_eq(entries[0].id, "No-Id");
    ck_assert_ptr_nonnull(strstr(entries[0].reason, "the file's name is not of the form"));
    ck_assert_str_eq(entries[1].id, "late");
    ck_assert_ptr_null(entries[1].library);
    ck_assert_int_eq(entries[1].level, RH_TRUST_REFUSED);
    ck_assert(!entries[1].in_use);
    free(entries);
    write_file(folder, "late.so", ""); /* another file, another reason */
    do
        wait_for(registry, "late", RH_CONTRACT, &error);
    while (!strstr(error.message, "late.so: is empty"));
    remove_file(folder, "late.so");
    wait_for(registry, "late", RH_NOT_FOUND, &error);
    rh_registry_free(registry);
    remove_file(folder, "No-Id.so");
    remove_file(folder, "notes.txt");
    remove_file(folder, ".so");
    rmdir(folder);
}
END_TEST

/* ---- A real connector ---------------------------------------------------------------------- */

/* The connector "memory" as it was built, with n bytes more behind it (which no loader minds). */
static void write_memory(const char *folder, const char *name, size_t n_more, struct rh_buf *buf)
{
    const char *plugins = getenv("ROWHOUSE_PLUGINS");
    char part[4096];
    size_t n;
    FILE *from;
    int at;

    ck_assert_ptr_nonnull(plugins);
    rh_buf_init(buf, 64 << 20);
    rh_buf_addf(buf, "%s/memory.so", plugins);
    rh_buf_add_char(buf, 0);
    from = fopen(buf->data, "re");
    ck_assert_ptr_nonnull(from);
    rh_buf_clear(buf);
    while ((n = fread(part, 1, sizeof(part), from)) > 0)
        rh_buf_add(buf, part, n);
    fclose(from);
    for (size_t i = 0; i < n_more; i++)
        rh_buf_add_char(buf, 0);
    at = open(folder, O_RDONLY | O_DIRECTORY);
    n = buf->len;
    int fd = openat(at, "new", O_WRONLY | O_CREAT | O_TRUNC, 0755);
    ck_assert_int_eq(write(fd, buf->data, n), (ssize_t)n);
    close(fd);
    ck_assert_int_eq(renameat(at, "new", at, name), 0);
    close(at);
}

START_TEST(takes_a_new_file_and_keeps_the_old_library)
{
    char folder[] = "/tmp/rh-registry-XXXXXX";
    struct rh_error error = RH_ERROR_INIT;
    const struct rh_library *first = NULL, *second = NULL, *third = NULL;
    struct rh_registry *registry;
    struct rh_buf bytes;
    char pinned[80];

    ck_assert_ptr_nonnull(mkdtemp(folder));
    write_memory(folder, "memory.so", 0, &bytes);
    rh_buf_free(&bytes);
    registry = registry_of(folder);
    ck_assert_msg(rh_registry_get(registry, RH_TEXT("memory"), &first, &error) == RH_OK, "%s",
                  error.message);
    snprintf(pinned, sizeof(pinned), "memory@%.*s", RH_TEXT_ARG(first->connector.version));
    ck_assert_int_eq(rh_registry_get(registry, rh_text_of(pinned), &second, &error), RH_OK);
    ck_assert_ptr_eq(first, second);
    ck_assert_int_eq(rh_registry_get(registry, RH_TEXT("memory@99"), &second, &error),
                     RH_NOT_FOUND);
    ck_assert_str_eq(error.message, "there is no version 99 of the connector \"memory\"");
    ck_assert_ptr_nonnull(strstr(error.hint, "there are: "));
    write_memory(folder, "memory.so", 1, &bytes);
    rh_buf_free(&bytes);
    do
        wait_for(registry, "memory", RH_OK, &error);
    while (rh_registry_get(registry, RH_TEXT("memory"), &second, &error) == RH_OK &&
           second == first);
    ck_assert_str_ne(first->sha256, second->sha256);
    ck_assert(rh_text_is(first->connector.id, "memory")); /* may still be in use */
    write_memory(folder, "memory.so", 0, &bytes);
    rh_buf_free(&bytes);
    do
        ck_assert_int_eq(rh_registry_get(registry, RH_TEXT("memory"), &third, &error), RH_OK);
    while (third == second);
    ck_assert_ptr_eq(third, first); /* the same bytes are not loaded twice */
    rh_registry_free(registry);
    remove_file(folder, "memory.so");
    rmdir(folder);
}
END_TEST

static pthread_barrier_t all_have_the_first;

static void *ask_until_changed(void *context)
{
    struct rh_registry *registry = context;
    const struct rh_library *first = NULL, *library = NULL;

    int rc = rh_registry_get(registry, RH_TEXT("memory"), &first, NULL);

    pthread_barrier_wait(&all_have_the_first);
    do {
        (void)rh_registry_generation(registry);
        if (rc == RH_OK)
            rc = rh_registry_get(registry, RH_TEXT("memory"), &library, NULL);
        if (rc != RH_OK)
            return NULL;
    } while (library == first);
    return registry;
}

START_TEST(is_never_without_an_answer_while_a_file_is_replaced)
{
    char folder[] = "/tmp/rh-registry-XXXXXX";
    struct rh_registry *registry;
    struct rh_buf bytes;
    pthread_t threads[4];

    ck_assert_ptr_nonnull(mkdtemp(folder));
    write_memory(folder, "memory.so", 0, &bytes);
    rh_buf_free(&bytes);
    registry = registry_of(folder);
    ck_assert_int_eq(pthread_barrier_init(&all_have_the_first, NULL, 5), 0);
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, ask_until_changed, registry), 0);
    pthread_barrier_wait(&all_have_the_first);
    write_memory(folder, "memory.so", 1, &bytes);
    rh_buf_free(&bytes);
    for (int i = 0; i < 4; i++) {
        void *result = NULL;

        pthread_join(threads[i], &result);
        ck_assert_ptr_eq(result, registry);
    }
    rh_registry_free(registry);
    remove_file(folder, "memory.so");
    rmdir(folder);
}
END_TEST

/* ---- Packages ------------------------------------------------------------------------------ */

static struct {
    char root[40], installed[80], trust[80];
    struct rh_minisign_secret key;
} place;

static void make_place(const char *level)
{
    struct rh_minisign_public public_key;
    struct rh_buf buf;
    char keys[120];

    snprintf(place.root, sizeof(place.root), "/tmp/rh-registry-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(place.root));
    snprintf(place.installed, sizeof(place.installed), "%s/connectors", place.root);
    snprintf(place.trust, sizeof(place.trust), "%s/trust", place.root);
    snprintf(keys, sizeof(keys), "%s/%s", place.trust, level);
    ck_assert_int_eq(mkdir(place.installed, 0755) + mkdir(place.trust, 0755) + mkdir(keys, 0755),
                     0);
    ck_assert_int_ge(sodium_init(), 0);
    rh_minisign_make(&public_key, &place.key);
    rh_buf_init(&buf, 4096);
    rh_minisign_write_public(&public_key, &buf);
    rh_buf_add_char(&buf, 0);
    write_file(keys, "test.pub", buf.data);
    rh_buf_free(&buf);
}

static void remove_place(void)
{
    char command[100];
    pid_t child = fork();
    int status;

    snprintf(command, sizeof(command), "%s", place.root);
    if (child == 0) {
        execlp("rm", "rm", "-r", command, (char *)NULL);
        _exit(1);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
}

/* memory.so as the package memory/<version>. */
static void install(const char *version, bool in_process, size_t n_more)
{
    struct rh_manifest_file file = {.name = "memory.so"};
    struct rh_manifest manifest = {.id = "memory",
                                   .version = version,
                                   .title = "",
                                   .vendor = "",
                                   .license = "",
                                   .abi_major = 1,
                                   .abi_max_minor = UINT32_MAX,
                                   .library = "memory.so",
                                   .files = &file,
                                   .n_files = 1,
                                   .in_process = in_process};
    struct rh_buf bytes, json, signature;
    unsigned char hash[32];
    char folder[200];

    snprintf(folder, sizeof(folder), "%s/memory", place.installed);
    mkdir(folder, 0755);
    snprintf(folder, sizeof(folder), "%s/memory/%s", place.installed, version);
    mkdir(folder, 0755);
    write_memory(folder, "memory.so", n_more, &bytes);
    crypto_hash_sha256(hash, (const unsigned char *)bytes.data, bytes.len);
    sodium_bin2hex(file.sha256, sizeof(file.sha256), hash, sizeof(hash));
    file.n_bytes = bytes.len;
    rh_buf_init(&json, 65536);
    rh_buf_init(&signature, 65536);
    rh_manifest_write(&manifest, &json);
    ck_assert_int_eq(rh_minisign_sign(&place.key, rh_buf_text(&json), "", &signature, NULL), 0);
    rh_buf_add_char(&json, 0);
    rh_buf_add_char(&signature, 0);
    write_file(folder, RH_PACKAGE_MANIFEST, json.data);
    write_file(folder, RH_PACKAGE_SIGNATURE, signature.data);
    rh_buf_free(&bytes);
    rh_buf_free(&json);
    rh_buf_free(&signature);
}

static struct rh_registry *registry_of_place(const char *folder)
{
    struct rh_registry_options options = {
        .folder = folder, .installed = place.installed, .trust = place.trust};
    struct rh_registry *registry = NULL;
    struct rh_error error = RH_ERROR_INIT;

    rh_log_set_level(RH_LOG_ERROR);
    ck_assert_int_eq(rh_registry_new(&options, &registry, &error), RH_OK);
    return registry;
}

/* The version that the built connector calls itself. */
static void version_of_memory(char version[64])
{
    const struct rh_library *library = NULL;
    struct rh_registry *registry = registry_of(NULL);
    struct rh_error error = RH_ERROR_INIT;

    ck_assert_int_eq(rh_registry_get(registry, RH_TEXT("memory"), &library, &error), RH_OK);
    snprintf(version, 64, "%.*s", RH_TEXT_ARG(library->connector.version));
    rh_registry_free(registry);
}

START_TEST(runs_packages_as_they_are_trusted)
{
    struct rh_error error = RH_ERROR_INIT;
    struct rh_registry_entry *entries = NULL;
    struct rh_registry *registry;
    char version[64];
    uint32_t n = 0;

    version_of_memory(version);
    make_place("first-party");
    install(version, true, 0);
    install("99.0", true, 0); /* says another version than its library */
    registry = registry_of_place("/nonexistent");
    ck_assert_int_eq(rh_registry_list(registry, &entries, &n, &error), RH_OK);
    ck_assert_uint_eq(n, 2);
    ck_assert_str_eq(entries[0].version, "99.0");
    ck_assert_msg(strstr(entries[0].reason, "says that its version is"), "%s", entries[0].reason);
    ck_assert(!entries[0].in_use);
    ck_assert_str_eq(entries[1].version, version);
    ck_assert_str_eq(entries[1].reason, "");
    ck_assert_ptr_nonnull(entries[1].library);
    ck_assert_int_eq(entries[1].level, RH_TRUST_FIRST_PARTY);
    ck_assert_str_eq(entries[1].signer, "test");
    ck_assert(!entries[1].isolated);
    ck_assert(entries[1].in_use);
    free(entries);
    rh_registry_free(registry);
    remove_place();
}
END_TEST

START_TEST(refuses_what_is_revoked_while_it_is_known)
{
    struct rh_error error = RH_ERROR_INIT;
    const struct rh_library *first = NULL, *again = NULL;
    struct rh_registry *registry;
    char version[64], line[100];

    version_of_memory(version);
    make_place("first-party");
    install(version, true, 0);
    registry = registry_of_place("/nonexistent");
    ck_assert_msg(rh_registry_get(registry, RH_TEXT("memory"), &first, &error) == RH_OK, "%s",
                  error.message);
    snprintf(line, sizeof(line), "version memory@%s it leaks\n", version);
    write_file(place.trust, "revoked", line);
    wait_for(registry, "memory", RH_CONTRACT, &error);
    ck_assert_msg(strstr(error.message, "is revoked: it leaks"), "%s", error.message);
    write_file(place.trust, "revoked", "what?\n"); /* nobody knows what was meant */
    do
        wait_for(registry, "memory", RH_CONTRACT, &error);
    while (!strstr(error.message, "cannot be understood"));
    remove_file(place.trust, "revoked");
    wait_for(registry, "memory", RH_OK, &error);
    ck_assert_int_eq(rh_registry_get(registry, RH_TEXT("memory"), &again, &error), RH_OK);
    ck_assert_ptr_eq(first, again);
    rh_registry_free(registry);
    remove_place();
}
END_TEST

START_TEST(lets_no_vendor_replace_a_bundled_connector)
{
    struct rh_error error = RH_ERROR_INIT;
    struct rh_registry_entry *entries = NULL;
    const struct rh_library *library = NULL;
    struct rh_registry *registry;
    uint32_t n = 0;
    bool found = false;

    make_place("vendors");
    install("99.0", false, 1);
    registry = registry_of_place(NULL);
    ck_assert_int_eq(rh_registry_get(registry, RH_TEXT("memory"), &library, &error), RH_OK);
    ck_assert(!rh_text_is(library->connector.version, "99.0"));
    ck_assert_int_eq(rh_registry_get(registry, RH_TEXT("memory@99.0"), &library, &error),
                     RH_CONTRACT);
    ck_assert_ptr_nonnull(strstr(error.message, "is the id of a bundled connector"));
    ck_assert_int_eq(rh_registry_list(registry, &entries, &n, &error), RH_OK);
    for (uint32_t i = 0; i < n; i++)
        if (strcmp(entries[i].id, "memory") == 0 && entries[i].level == RH_TRUST_BUNDLED)
            found = entries[i].in_use;
    ck_assert(found);
    free(entries);
    rh_registry_free(registry);
    remove_place();
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
    ck_assert_ptr_nonnull(strstr(error.hint, "/plugins, "));
    ck_assert_ptr_nonnull(strstr(error.hint, "/lib/rowhouse/plugins; known are: "));
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

    struct rh_registry_options options = {.folder = context};

    if (!library || rh_registry_new(&options, &registry, &error) != RH_OK)
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
           takes_a_new_file_and_keeps_the_old_library,
           is_never_without_an_answer_while_a_file_is_replaced, runs_packages_as_they_are_trusted,
           refuses_what_is_revoked_while_it_is_known, lets_no_vendor_replace_a_bundled_connector,
           searches_where_the_environment_says, may_be_asked_by_many_threads,
           survives_failed_allocations)
