/* Sealing, and the key files, in temporary folders. */
#include "base/err.h"
#include "base/text.h"
#include "lib/fault.h"
#include "lib/tests.h"
#include "services/secrets.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define GOOD_KEY "00112233445566778899aabbccddeeffFFEEDDCCBBAA99887766554433221100"
#define OTHER_KEY "10112233445566778899aabbccddeeffFFEEDDCCBBAA99887766554433221100"

static char folder[] = "/tmp/rowhouse-secrets-XXXXXX";
static struct rh_secrets *secrets;
static struct rh_error error;

static void clean(void)
{
    DIR *dir = opendir(folder);
    for (struct dirent *entry; (entry = readdir(dir));)
        if (entry->d_name[0] != '.' || strlen(entry->d_name) > 2)
            ck_assert_int_eq(unlinkat(dirfd(dir), entry->d_name, 0), 0);
    closedir(dir);
}

static void setup(void)
{
    unsetenv("ROWHOUSE_MASTER_KEY");
    error = (struct rh_error)RH_ERROR_INIT;
    memcpy(folder + strlen(folder) - 6, "XXXXXX", 6);
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void teardown(void)
{
    rh_secrets_close(secrets);
    secrets = NULL;
    clean();
    ck_assert_int_eq(rmdir(folder), 0);
}

static int reopen(void)
{
    rh_secrets_close(secrets);
    secrets = NULL;
    rh_error_clear(&error);
    return rh_secrets_open(folder, &secrets, &error);
}

static char *path_of(const char *name)
{
    static char path[128];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static bool exists(const char *name)
{
    return access(path_of(name), F_OK) == 0;
}

static void write_file(const char *name, const char *text)
{
    FILE *file = fopen(path_of(name), "w");
    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    fclose(file);
}

static int unseal(const char *sealed, const char *context, char **ret_clear)
{
    rh_error_clear(&error);
    return rh_secrets_unseal(secrets, rh_text_of(sealed), context, ret_clear, &error);
}

static char *seal(const char *clear, const char *context)
{
    char *sealed = NULL;
    ck_assert_int_eq(rh_secrets_seal(secrets, rh_text_of(clear), context, &sealed, &error), 0);
    return sealed;
}

/* Whether this text opens, and is what is expected. */
static bool opens(const char *sealed, const char *context, const char *expected)
{
    char *clear = NULL;
    int rc = unseal(sealed, context, &clear);
    ck_assert(rc == 0 || rc == RH_CONFIG);
    ck_assert_int_eq(rc, error.error_class);
    if (rc == 0)
        ck_assert_str_eq(clear, expected);
    else
        ck_assert_ptr_null(clear);
    rh_secrets_wipe(clear);
    return rc == 0;
}

/* ---- Sealing ----------------------------------------------------------------------------- */

START_TEST(what_is_sealed_opens)
{
    ck_assert_int_eq(reopen(), 0);
    static const char *const clears[] = {"", "x", "pass wörd", "secret:v1:not", "\xff\x01"};
    for (size_t i = 0; i < sizeof(clears) / sizeof(clears[0]); i++) {
        char *one = seal(clears[i], "a/b#password");
        char *two = seal(clears[i], "a/b#password");
        ck_assert_str_ne(one, two); /* a nonce is never used twice */
        ck_assert(rh_secrets_is_sealed(rh_text_of(one)));
        ck_assert(opens(one, "a/b#password", clears[i]));
        ck_assert(opens(two, "a/b#password", clears[i]));
        ck_assert(!opens(one, "a/b#passwor", clears[i]));
        ck_assert(!opens(one, "a/c#password", clears[i]));
        ck_assert(!opens(one, "", clears[i]));
        free(one);
        free(two);
    }
    ck_assert(!rh_secrets_is_sealed(RH_TEXT("secret:v2:x")));
    ck_assert(!rh_secrets_is_sealed(RH_TEXT("secret")));
    ck_assert(!rh_secrets_is_sealed(RH_TEXT("")));
    char *kept = seal("kept", "c");
    ck_assert_int_eq(reopen(), 0);
    ck_assert(opens(kept, "c", "kept"));
    free(kept);
}
END_TEST

START_TEST(secrets_have_limits)
{
    char *sealed = NULL, *clear = NULL;
    char *text = calloc(1, 65538);
    memset(text, 'x', 65537);
    ck_assert_int_eq(reopen(), 0);
    ck_assert_int_eq(rh_secrets_seal(secrets, rh_text_make(text, 65537), "c", &sealed, &error),
                     RH_INVALID);
    rh_error_clear(&error);
    ck_assert_int_eq(rh_secrets_seal(secrets, rh_text_make("a\0b", 3), "c", &sealed, &error),
                     RH_INVALID);
    ck_assert_ptr_null(sealed);
    rh_error_clear(&error);
    ck_assert_int_eq(rh_secrets_seal(secrets, rh_text_make(text, 65536), "c", &sealed, &error), 0);
    ck_assert_int_eq(unseal(sealed, "c", &clear), 0);
    ck_assert_uint_eq(strlen(clear), 65536);
    rh_secrets_wipe(clear);
    rh_secrets_wipe(NULL);
    free(sealed);
    free(text);
}
END_TEST

START_TEST(tampering_is_noticed)
{
    ck_assert_int_eq(reopen(), 0);
    char *sealed = seal("swordfish", "place");
    size_t n = strlen(sealed);
    for (size_t i = 0; i < n; i++) {
        char old = sealed[i];
        for (int c = 1; c < 256; c++) {
            sealed[i] = (char)c;
            ck_assert_msg(opens(sealed, "place", "swordfish") == ((char)c == old), "byte %zu: %d",
                          i, c);
        }
        sealed[i] = old;
    }
    char *longer = NULL;
    ck_assert_int_ge(asprintf(&longer, "%sA", sealed), 0);
    ck_assert(!opens(longer, "place", ""));
    free(longer);
    while (n-- > 0) {
        sealed[n] = '\0';
        ck_assert(!opens(sealed, "place", ""));
    }
    free(sealed);
}
END_TEST

START_TEST(derived_keys_are_stable_and_distinct)
{
    uint8_t a[32], b[32], again[32];
    ck_assert_int_eq(reopen(), 0);
    rh_secrets_derive(secrets, "cursor", a);
    rh_secrets_derive(secrets, "cursors", b);
    ck_assert_mem_ne(a, b, 32);
    ck_assert_int_eq(reopen(), 0);
    rh_secrets_derive(secrets, "cursor", again);
    ck_assert_mem_eq(a, again, 32);
    rh_secrets_close(secrets);
    secrets = NULL;
    clean();
    ck_assert_int_eq(reopen(), 0);
    rh_secrets_derive(secrets, "cursor", again);
    ck_assert_mem_ne(a, again, 32);
}
END_TEST

/* ---- Key files --------------------------------------------------------------------------- */

static mode_t mode_of(const char *name)
{
    struct stat status;
    ck_assert_int_eq(stat(path_of(name), &status), 0);
    return status.st_mode & 07777;
}

START_TEST(key_files_are_private)
{
    umask(0);
    ck_assert_int_eq(reopen(), 0);
    ck_assert_uint_eq(mode_of("master.key"), 0600);
    ck_assert_uint_eq(mode_of("data.key"), 0600);
    int n = 0;
    DIR *dir = opendir(folder);
    while (readdir(dir))
        n++;
    closedir(dir);
    ck_assert_int_eq(n, 4); /* nothing else is left behind */
}
END_TEST

START_TEST(the_environment_has_the_master_key)
{
    setenv("ROWHOUSE_MASTER_KEY", GOOD_KEY, 1);
    ck_assert_int_eq(reopen(), 0);
    ck_assert(!exists("master.key"));
    char *sealed = seal("kept", "c");
    ck_assert_int_eq(reopen(), 0);
    ck_assert(opens(sealed, "c", "kept"));
    free(sealed);
    /* It wins over a file. */
    write_file("master.key", OTHER_KEY "\n");
    ck_assert_int_eq(reopen(), 0);
    unlink(path_of("master.key"));

    setenv("ROWHOUSE_MASTER_KEY", OTHER_KEY, 1);
    ck_assert_int_eq(reopen(), RH_CONFIG);
    ck_assert_ptr_nonnull(strstr(error.message, "data.key"));
    ck_assert_ptr_nonnull(strstr(error.hint, "not the one"));

    /* Without it no other key is made, which would only hide what is missing. */
    setenv("ROWHOUSE_MASTER_KEY", "", 1);
    ck_assert_int_eq(reopen(), RH_CONFIG);
    ck_assert_ptr_nonnull(strstr(error.hint, "ROWHOUSE_MASTER_KEY"));
    ck_assert(!exists("master.key"));
    write_file("master.key", GOOD_KEY "\r\n");
    ck_assert_int_eq(reopen(), 0);
}
END_TEST

START_TEST(malformed_master_keys_are_refused)
{
    static const char *const keys[] = {
        "x", GOOD_KEY "0", GOOD_KEY " ",
        "g0112233445566778899aabbccddeeffFFEEDDCCBBAA99887766554433221"
        "100",
        "0011 233445566778899aabbccddeeffFFEEDDCCBBAA99887766554433221"
        "100"};
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        setenv("ROWHOUSE_MASTER_KEY", keys[i], 1);
        ck_assert_int_eq(reopen(), RH_CONFIG);
        ck_assert_ptr_nonnull(strstr(error.message, "ROWHOUSE_MASTER_KEY"));
        ck_assert_ptr_null(strstr(error.message, "2233445566"));
        ck_assert(!exists("data.key"));
        unsetenv("ROWHOUSE_MASTER_KEY");
        write_file("master.key", keys[i]);
        ck_assert_int_eq(reopen(), RH_CONFIG);
        ck_assert_ptr_nonnull(strstr(error.message, "master.key"));
        ck_assert(!exists("data.key"));
        unlink(path_of("master.key"));
    }
    write_file("master.key", "");
    ck_assert_int_eq(reopen(), RH_CONFIG);
}
END_TEST

START_TEST(broken_folders_are_refused)
{
    ck_assert_int_eq(rh_secrets_open("/nonexistent/folder", &secrets, &error), RH_CONFIG);
    ck_assert_ptr_nonnull(strstr(error.message, "/nonexistent/folder"));
    ck_assert_int_eq(reopen(), 0);
    write_file("data.key", "secret:v1:AAAA");
    ck_assert_int_eq(reopen(), RH_CONFIG);
    write_file("data.key", "");
    ck_assert_int_eq(reopen(), RH_CONFIG);
    unlink(path_of("data.key"));
    ck_assert_int_eq(symlink("master.key", path_of("data.key")), 0);
    ck_assert_int_eq(reopen(), RH_CONFIG);
    ck_assert_ptr_null(secrets);
}
END_TEST

START_TEST(first_starts_race)
{
    enum { N = 8, ROUNDS = 20 };
    for (int round = 0; round < ROUNDS; round++) {
        int results[2], gate[2];
        uint8_t first[32], other[32];
        char byte;
        ck_assert_int_eq(pipe(results), 0);
        ck_assert_int_eq(pipe(gate), 0);
        for (int i = 0; i < N; i++) {
            if (fork() != 0)
                continue;
            struct rh_secrets *own = NULL;
            uint8_t key[32] = {0};
            close(gate[1]);
            if (read(gate[0], &byte, 1) == 0 && rh_secrets_open(folder, &own, NULL) == 0)
                rh_secrets_derive(own, "test", key);
            _exit(write(results[1], key, 32) != 32);
        }
        close(gate[0]);
        close(gate[1]); /* off they go */
        for (int i = 0; i < N; i++) {
            int status;
            ck_assert_int_gt(wait(&status), 0);
            ck_assert_int_eq(status, 0);
        }
        ck_assert_int_eq(reopen(), 0);
        rh_secrets_derive(secrets, "test", first);
        for (int i = 0; i < N; i++) {
            ck_assert_int_eq(read(results[0], other, 32), 32);
            ck_assert_mem_eq(first, other, 32);
        }
        close(results[0]);
        close(results[1]);
        clean();
    }
}
END_TEST

/* ---- Out of memory ----------------------------------------------------------------------- */

static bool work(void *context)
{
    struct rh_secrets *own = NULL;
    char *sealed = NULL, *clear = NULL;
    rh_error_clear(&error);
    int rc = rh_secrets_open(folder, &own, &error);
    if (rc == 0)
        rc = rh_secrets_seal(own, RH_TEXT("clear"), "c", &sealed, &error);
    if (rc == 0)
        rc = rh_secrets_unseal(own, rh_text_of(sealed), "c", &clear, &error);
    FAULT_ASSERT(rc == 0 || rc == RH_RESOURCE);
    FAULT_ASSERT(rc != 0 || strcmp(clear, "clear") == 0);
    rh_secrets_wipe(clear);
    free(sealed);
    rh_secrets_close(own);
    return rc == 0;
}

START_TEST(failed_allocations_are_errors)
{
    ck_assert_uint_gt(fault_torture(work, NULL), 4);
}
END_TEST

TESTS_MAIN_WITH("secrets", setup, teardown, what_is_sealed_opens, secrets_have_limits,
                tampering_is_noticed, derived_keys_are_stable_and_distinct, key_files_are_private,
                the_environment_has_the_master_key, malformed_master_keys_are_refused,
                broken_folders_are_refused, first_starts_race, failed_allocations_are_errors)
