/* Manifests: what is read, what is refused and where, versions in order. */
#include "base/err.h"
#include "base/text.h"
#include "host/trust/manifest.h"
#include "lib/fault.h"
#include "lib/tests.h"

#include <stdio.h>
#include <stdlib.h>

#define HASH "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define REST                                                                                       \
    "\"abi\":{\"major\":1,\"min_minor\":0},\"library\":\"acme.so\",\"files\":{\"acme.so\":"        \
    "{\"bytes\":7,\"sha256\":\"" HASH "\"}}"

static const char WHOLE[] =
    "{\"manifest\":1,\"id\":\"acme\",\"version\":\"1.4.0\",\"title\":\"Acme\",\"vendor\":\"ACME "
    "Ltd\","
    "\"license\":\"MIT\",\"abi\":{\"major\":1,\"min_minor\":0,\"max_minor\":3},\"library\":\"acme."
    "so\","
    "\"files\":{\"acme.so\":{\"bytes\":81920,\"sha256\":\"" HASH "\"},"
    "\"LICENSE\":{\"bytes\":1,\"sha256\":\"" HASH "\"}},"
    "\"permissions\":{\"network\":true,\"ports\":[443,8443],\"hosts\":[\"*.acme.com\",\"10.0.0.0/"
    "8\","
    "\"::1\"],\"read\":[\"/etc/ssl\"],\"write\":[],\"memory_mib\":512},\"run\":\"in-process\"}";

static int parse(struct rh_arena *arena, const char *json, struct rh_manifest *manifest,
                 struct rh_error *error)
{
    return rh_manifest_parse(arena, rh_text_of(json), manifest, error);
}

START_TEST(reads_all_of_it)
{
    struct rh_arena *arena = rh_arena_new(1 << 20);
    struct rh_error error = RH_ERROR_INIT;
    struct rh_manifest m;

    ck_assert_msg(parse(arena, WHOLE, &m, &error) == RH_OK, "%s", error.message);
    ck_assert_str_eq(m.id, "acme");
    ck_assert_str_eq(m.version, "1.4.0");
    ck_assert_str_eq(m.title, "Acme");
    ck_assert_str_eq(m.vendor, "ACME Ltd");
    ck_assert_str_eq(m.license, "MIT");
    ck_assert_uint_eq(m.abi_major, 1);
    ck_assert_uint_eq(m.abi_min_minor, 0);
    ck_assert_uint_eq(m.abi_max_minor, 3);
    ck_assert_str_eq(m.library, "acme.so");
    ck_assert_uint_eq(m.n_files, 2);
    ck_assert_str_eq(m.files[0].name, "acme.so");
    ck_assert_uint_eq(m.files[0].n_bytes, 81920);
    ck_assert_str_eq(m.files[0].sha256, HASH);
    ck_assert(m.permissions.network);
    ck_assert_uint_eq(m.permissions.n_ports, 2);
    ck_assert_uint_eq(m.permissions.ports[1], 8443);
    ck_assert_uint_eq(m.permissions.n_hosts, 3);
    ck_assert_str_eq(m.permissions.hosts[0], "*.acme.com");
    ck_assert_str_eq(m.permissions.read_paths[0], "/etc/ssl");
    ck_assert_uint_eq(m.permissions.n_write_paths, 0);
    ck_assert_uint_eq(m.permissions.memory_bytes, UINT64_C(512) << 20);
    ck_assert(m.in_process);
    ck_assert_ptr_eq(rh_manifest_find_file(&m, RH_TEXT("LICENSE")), &m.files[1]);
    ck_assert_ptr_null(rh_manifest_find_file(&m, RH_TEXT("license")));
    rh_arena_free(arena);
}
END_TEST

START_TEST(has_modest_defaults)
{
    struct rh_arena *arena = rh_arena_new(1 << 20);
    struct rh_error error = RH_ERROR_INIT;
    struct rh_manifest m;

    ck_assert_int_eq(
        parse(arena, "{\"manifest\":1,\"id\":\"acme\",\"version\":\"1\"," REST "}", &m, &error), 0);
    ck_assert(!m.in_process);
    ck_assert(!m.permissions.network);
    ck_assert_uint_eq(m.abi_max_minor, UINT32_MAX);
    ck_assert_str_eq(m.title, "");
    rh_arena_free(arena);
}
END_TEST

START_TEST(writes_what_it_reads)
{
    struct rh_arena *arena = rh_arena_new(1 << 20);
    struct rh_error error = RH_ERROR_INIT;
    struct rh_manifest m, again;
    struct rh_buf first, second;

    rh_buf_init(&first, 1 << 16);
    rh_buf_init(&second, 1 << 16);
    ck_assert_int_eq(parse(arena, WHOLE, &m, &error), RH_OK);
    rh_manifest_write(&m, &first);
    ck_assert_msg(rh_manifest_parse(arena, rh_buf_text(&first), &again, &error) == RH_OK, "%s",
                  error.message);
    rh_manifest_write(&again, &second);
    ck_assert(rh_text_equal(rh_buf_text(&first), rh_buf_text(&second)));
    ck_assert_uint_eq(again.permissions.n_hosts, 3);
    ck_assert_uint_eq(again.abi_max_minor, 3);
    ck_assert(again.in_process);
    rh_buf_free(&first);
    rh_buf_free(&second);
    rh_arena_free(arena);
}
END_TEST

#define HEAD "{\"manifest\":1,\"id\":\"acme\",\"version\":\"1.0\","
#define FILES(files)                                                                               \
    HEAD "\"abi\":{\"major\":1,\"min_minor\":0},\"library\":\"acme.so\",\"files\":" files "}"
#define FILE_OF(name) "{\"" name "\":{\"bytes\":1,\"sha256\":\"" HASH "\"}}"

static const struct {
    const char *json, *pointer, *told;
} REFUSED[] = {
    {"", "", "malformed"},
    {"[]", "", "must be an object"},
    {"{\"manifest\":1,\"manifest\":1}", "", "malformed"},
    {"{}", "/manifest", "missing"},
    {"{\"manifest\":2}", "/manifest", "another version"},
    {"{\"manifest\":\"1\"}", "/manifest", "another version"},
    {"{\"manifest\":1,\"id\":\"Acme\"}", "/id", "not of the form"},
    {"{\"manifest\":1,\"id\":\"../x\"}", "/id", "not of the form"},
    {"{\"manifest\":1,\"id\":\"\"}", "/id", "not of the form"},
    {"{\"manifest\":1,\"id\":7}", "/id", "must be a text"},
    {"{\"manifest\":1,\"id\":\"acme\",\"version\":\"1..2\"}", "/version", "not of the form"},
    {"{\"manifest\":1,\"id\":\"acme\",\"version\":\"1/2\"}", "/version", "not of the form"},
    {HEAD "\"title\":\"a\\u0007\"}", "/title", "control characters"},
    {HEAD "\"colour\":\"red\"," REST "}", "/colour", "not known"},
    {HEAD "\"a~/b\":1}", "/a~0~1b", "not known"},
    {HEAD "\"abi\":{\"major\":1}}", "/abi/min_minor", "missing"},
    {HEAD "\"abi\":{\"major\":1,\"min_minor\":-1}}", "/abi/min_minor", "whole number"},
    {HEAD "\"abi\":{\"major\":1.0,\"min_minor\":0}}", "/abi/major", "whole number"},
    {HEAD "\"abi\":{\"major\":99999999999,\"min_minor\":0}}", "/abi/major", "that large"},
    {FILES("[]"), "/files", "must be an object"},
    {FILES("{}"), "/library", "none of its files"},
    {FILES(FILE_OF("other.so")), "/library", "none of its files"},
    {FILES(FILE_OF("../acme.so")), "/files/..~1acme.so", "no name for a file"},
    {FILES(FILE_OF("a/b.so")), "/files/a~1b.so", "no name for a file"},
    {FILES(FILE_OF(".hidden")), "/files/.hidden", "no name for a file"},
    {FILES(FILE_OF("..")), "/files/..", "no name for a file"},
    {FILES(FILE_OF("")), "/files/", "no name for a file"},
    {FILES(FILE_OF("a\\u0000b")), "/files/a", "no name for a file"},
    {FILES(FILE_OF("manifest.json")), "/files/manifest.json", "no name for a file"},
    {FILES("{\"acme.so\":{\"bytes\":1}}"), "/files/acme.so", "must be {"},
    {FILES("{\"acme.so\":{\"bytes\":1,\"sha256\":\"AA\"}}"), "/files/acme.so/sha256", "64"},
    {FILES("{\"acme.so\":{\"bytes\":\"1\",\"sha256\":\"" HASH "\"}}"), "/files/acme.so/bytes",
     "whole number"},
    {HEAD "\"permissions\":{\"camera\":true}}", "/permissions/camera", "not known"},
    {HEAD "\"permissions\":{\"network\":1}}", "/permissions/network", "true or false"},
    {HEAD "\"permissions\":{\"ports\":[0]}}", "/permissions/ports/0", "TCP port"},
    {HEAD "\"permissions\":{\"ports\":[80,65536]}}", "/permissions/ports/1", "that large"},
    {HEAD "\"permissions\":{\"hosts\":[\"a b\"]}}", "/permissions/hosts/0", "host name"},
    {HEAD "\"permissions\":{\"read\":[\"etc\"]}}", "/permissions/read/0", "absolute"},
    {HEAD "\"permissions\":{\"write\":[\"/tmp/../etc\"]}}", "/permissions/write/0", "absolute"},
    {HEAD "\"permissions\":{\"memory_mib\":1048577}}", "/permissions/memory_mib", "that large"},
    {HEAD "\"run\":\"anywhere\"}", "/run", "isolated"},
};

START_TEST(refuses)
{
    struct rh_arena *arena = rh_arena_new(1 << 20);
    struct rh_error error = RH_ERROR_INIT;
    struct rh_manifest m;

    ck_assert_int_eq(parse(arena, REFUSED[_i].json, &m, &error), RH_CONTRACT);
    ck_assert_str_eq(error.pointer, REFUSED[_i].pointer);
    ck_assert_msg(strstr(error.message, REFUSED[_i].told), "%s", error.message);
    rh_arena_free(arena);
}
END_TEST

START_TEST(is_bounded)
{
    struct rh_arena *arena = rh_arena_new(64 << 20);
    struct rh_error error = RH_ERROR_INIT;
    struct rh_manifest m;
    struct rh_buf buf;

    rh_buf_init(&buf, 2 << 20);
    rh_buf_add_str(&buf, HEAD "\"permissions\":{\"ports\":[");
    for (int i = 0; i < 257; i++)
        rh_buf_addf(&buf, "%s%d", i ? "," : "", i + 1);
    rh_buf_add_str(&buf, "]}}");
    ck_assert_int_eq(rh_manifest_parse(arena, rh_buf_text(&buf), &m, &error), RH_CONTRACT);
    ck_assert_str_eq(error.pointer, "/permissions/ports");
    rh_buf_clear(&buf);
    rh_error_clear(&error);
    rh_buf_add_str(&buf, WHOLE);
    while (buf.len <= RH_MANIFEST_MAX_BYTES)
        rh_buf_add_char(&buf, ' ');
    ck_assert_int_eq(rh_manifest_parse(arena, rh_buf_text(&buf), &m, &error), RH_CONTRACT);
    ck_assert_ptr_nonnull(strstr(error.message, "too large"));
    buf.len--;
    rh_error_clear(&error);
    ck_assert_int_eq(rh_manifest_parse(arena, rh_buf_text(&buf), &m, &error), RH_OK);
    rh_buf_free(&buf);
    rh_arena_free(arena);
}
END_TEST

START_TEST(orders_versions)
{
    static const char *const order[] = {"0",
                                        "0.0.1",
                                        "0.9",
                                        "1.0.0-1",
                                        "1.0.0-alpha",
                                        "1.0.0-alpha.1",
                                        "1.0.0-alpha.beta",
                                        "1.0.0-beta",
                                        "1.0.0-beta.2",
                                        "1.0.0-beta.11",
                                        "1.0.0-rc.1",
                                        "1.0.0",
                                        "1.0.1",
                                        "1.2",
                                        "1.10",
                                        "2",
                                        "10.0",
                                        "99999999999999999999999999",
                                        "100000000000000000000000000"};
    size_t n = sizeof(order) / sizeof(order[0]);

    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) {
            int is = rh_manifest_compare_versions(order[i], order[j]);

            ck_assert_msg((is > 0) - (is < 0) == (i > j) - (i < j), "%s and %s: %d", order[i],
                          order[j], is);
        }
    ck_assert_int_eq(rh_manifest_compare_versions("1.2", "1.2.0"), 0);
    ck_assert_int_eq(rh_manifest_compare_versions("01.2", "1.02.0.0"), 0);
}
END_TEST

START_TEST(knows_versions)
{
    static const char *const good[] = {"0", "1.2.3", "1.2.3-rc.1", "1.2.3-a-b", "1.2.3.4.5.6.7.8"};
    static const char *const bad[] = {"",
                                      ".",
                                      "1.",
                                      ".1",
                                      "v1",
                                      "1-",
                                      "1.0-",
                                      "1 0",
                                      "1.0+",
                                      "1.0-a_b",
                                      "1.0-a..b",
                                      "1/2",
                                      "1.2.3.4.5.6.7.8.9"};

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        ck_assert_msg(rh_manifest_is_version(rh_text_of(good[i])), "%s", good[i]);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_msg(!rh_manifest_is_version(rh_text_of(bad[i])), "%s", bad[i]);
}
END_TEST

static bool use(void *context)
{
    struct rh_arena *arena = rh_arena_new(1 << 20);
    struct rh_error error = RH_ERROR_INIT;
    struct rh_manifest m;
    int rc = arena ? parse(arena, context, &m, &error) : RH_RESOURCE;

    FAULT_ASSERT(rc == RH_OK || rc == RH_RESOURCE);
    rh_arena_free(arena);
    return rc == RH_OK;
}

START_TEST(survives_failed_allocations)
{
    char *json = strdup(WHOLE);

    fault_torture(use, json);
    free(json);
}
END_TEST

int main(void)
{
    struct tests tests = tests_new("manifest", NULL, NULL);

    tcase_add_test(tests.tcase, reads_all_of_it);
    tcase_add_test(tests.tcase, has_modest_defaults);
    tcase_add_test(tests.tcase, writes_what_it_reads);
    tcase_add_loop_test(tests.tcase, refuses, 0, (int)(sizeof(REFUSED) / sizeof(REFUSED[0])));
    tcase_add_test(tests.tcase, is_bounded);
    tcase_add_test(tests.tcase, orders_versions);
    tcase_add_test(tests.tcase, knows_versions);
    tcase_add_test(tests.tcase, survives_failed_allocations);
    return tests_end(&tests);
}
