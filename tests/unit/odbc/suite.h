/*
 * The ODBC connector against a real database, through that database's own driver. Each program
 * test_odbc_<driver>.c describes its target and runs these tests on it.
 *
 * The driver manager's files are made in a temporary folder (ODBCSYSINI, ODBCINI), so nothing of
 * the machine's own is read.
 */
#pragma once

#include "lib/tests.h"
#include "unit/odbc/catalog.h"
#include "unit/odbc/deadline.h"
#include "unit/odbc/read.h"
#include "unit/odbc/target.h"
#include "unit/odbc/tx.h"
#include "unit/odbc/types.h"
#include "unit/odbc/write.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The driver manager's files. False: the driver is not installed. */
static __attribute__((unused)) bool prepare(void)
{
    char folder[] = "/tmp/rowhouse-odbc.XXXXXX";
    static const char *const roots[] = {"/usr/lib/x86_64-linux-gnu/odbc",
                                        "/usr/lib/aarch64-linux-gnu/odbc", "/usr/lib/odbc",
                                        "/usr/lib64", "/usr/lib"};
    char path[256], library_path[256] = "";
    FILE *file = NULL;

    for (unsigned i = 0; i < sizeof roots / sizeof roots[0] && !library_path[0]; i++) {
        (void)snprintf(library_path, sizeof library_path, "%s/%s", roots[i], target->library);
        if (access(library_path, R_OK))
            library_path[0] = '\0';
    }
    if (!library_path[0] || !mkdtemp(folder))
        return false;
    (void)snprintf(path, sizeof path, "%s/odbcinst.ini", folder);
    file = fopen(path, "w");
    if (!file)
        return false;
    (void)fprintf(file, "[%s]\nDriver=%s\n", target->name, library_path);
    (void)fclose(file);
    (void)setenv("ODBCSYSINI", folder, 1);
    (void)snprintf(path, sizeof path, "%s/odbc.ini", folder);
    file = fopen(path, "w");
    if (!file)
        return false;
    (void)fclose(file);
    (void)setenv("ODBCINI", path, 1);
    return true;
}

static void clean_up(void)
{
    char path[256];

    (void)snprintf(path, sizeof path, "%s/odbcinst.ini", getenv("ODBCSYSINI"));
    (void)unlink(path);
    (void)unlink(getenv("ODBCINI"));
    (void)rmdir(getenv("ODBCSYSINI"));
}

/* host and port of "scheme://user@host:port/database"; false: it is none. */
static __attribute__((unused)) bool split_url(const char *url, char host[128], char port[16])
{
    const char *at = url ? strchr(url, '@') : NULL;
    const char *colon = at ? strchr(at, ':') : NULL;
    size_t n_host = colon ? (size_t)(colon - at) - 1 : 0;
    size_t n_port = colon ? strspn(colon + 1, "0123456789") : 0;

    if (!n_host || n_host >= 128 || !n_port || n_port >= 16)
        return false;
    memcpy(host, at + 1, n_host);
    host[n_host] = '\0';
    memcpy(port, colon + 1, n_port);
    port[n_port] = '\0';
    return true;
}

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Both ways of exchanging texts. */
static int run_tests(const TTest *const *const *shared, size_t n_shared,
                     const TTest *const *const *own, size_t n_own)
{
    static const char *const encodings[] = {"auto", "utf-16"};
    int failed = 0;

    for (unsigned e = 0; e < 2; e++) {
        struct tests tests = tests_new(encodings[e], setup, teardown);

        encoding = encodings[e];
        for (size_t i = 0; i < n_shared; i++)
            tcase_add_test(tests.tcase, *shared[i]);
        for (size_t i = 0; i < n_own; i++)
            tcase_add_test(tests.tcase, *own[i]);
        failed |= tests_end(&tests);
    }
    clean_up();
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

static __attribute__((unused)) int run_suite(const TTest *const *const *own, size_t n_own)
{
    static const TTest *const *const shared[] = {
        &shows_tables_and_keys,
        &takes_names_with_quotes_and_unicode,
        &reads_types_at_their_boundaries,
        &writes_what_it_reads,
        &reads_long_values,
        &reads_long_values_of_a_block,
        &compares_texts_by_code_point,
        &compares_numbers,
        &takes_lists_and_null_tests,
        &pages_by_position,
        &skips_and_limits,
        &counts_and_groups,
        &returns_generated_keys,
        &tells_the_row_at_fault,
        &updates_and_deletes_by_key,
        &changes_by_condition,
        &upserts,
        &commits_and_rolls_back,
        &refuses_writes_when_read_only,
        &runs_native_statements,
        &makes_and_changes_tables,
        &cancels,
        &ends_at_the_deadline,
        &ends_early,
        &refuses_wrong_settings,
    };

    return run_tests(shared, N_OF(shared), own, n_own);
}
