/* Packages in temporary folders: which may run, which not and why; keys and signatures. */
#include "base/err.h"
#include "base/text.h"
#include "host/trust/minisign.h"
#include "host/trust/trust.h"
#include "lib/fault.h"
#include "lib/tests.h"

#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LIBRARY "these bytes stand for a connector"
#define ACME "acme/1.4.0"

static char root[64];
static struct rh_minisign_secret secret;
static struct rh_minisign_public public_key;
static char key_name[17];
static struct rh_arena *arena;
static struct rh_error error;
static struct rh_package package;

static char *path_of(const char *name)
{
    static char path[256];

    snprintf(path, sizeof(path), "%s/%s", root, name);
    return path;
}

static void make_folder(const char *name)
{
    ck_assert_int_eq(mkdir(path_of(name), 0755), 0);
}

static void write_text(const char *name, struct rh_text text)
{
    int fd = open(path_of(name), O_WRONLY | O_CREAT | O_TRUNC, 0644);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text.data, text.len), (ssize_t)text.len);
    close(fd);
}

static void write_file(const char *name, const char *text)
{
    write_text(name, rh_text_of(text));
}

static void write_key(const char *name, const struct rh_minisign_public *key)
{
    struct rh_buf buf;

    rh_buf_init(&buf, 4096);
    rh_minisign_write_public(key, &buf);
    write_text(name, rh_buf_text(&buf));
    rh_buf_free(&buf);
}

/* The manifest of the package, with its signature by the key. */
static void sign(const struct rh_minisign_secret *key, const char *comment)
{
    struct rh_manifest_file file = {.name = "acme.so", .n_bytes = strlen(LIBRARY)};
    struct rh_manifest manifest = {.id = "acme",
                                   .version = "1.4.0",
                                   .title = "",
                                   .vendor = "",
                                   .license = "",
                                   .abi_major = 1,
                                   .abi_max_minor = UINT32_MAX,
                                   .library = "acme.so",
                                   .files = &file,
                                   .n_files = 1};
    unsigned char hash[32];
    struct rh_buf json, signature;

    crypto_hash_sha256(hash, (const unsigned char *)LIBRARY, strlen(LIBRARY));
    sodium_bin2hex(file.sha256, sizeof(file.sha256), hash, sizeof(hash));
    rh_buf_init(&json, 65536);
    rh_buf_init(&signature, 65536);
    rh_manifest_write(&manifest, &json);
    write_text(ACME "/manifest.json", rh_buf_text(&json));
    if (key) {
        ck_assert_int_eq(rh_minisign_sign(key, rh_buf_text(&json), comment, &signature, &error), 0);
        write_text(ACME "/manifest.json.minisig", rh_buf_text(&signature));
    }
    rh_buf_free(&json);
    rh_buf_free(&signature);
}

static void setup(void)
{
    umask(022);
    snprintf(root, sizeof(root), "/tmp/rh-trust-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(root));
    ck_assert_int_ge(sodium_init(), 0);
    arena = rh_arena_new(1 << 20);
    rh_error_clear(&error);
    rh_minisign_make(&public_key, &secret);
    rh_minisign_key_name(secret.key_id, key_name);
    make_folder("acme");
    make_folder(ACME);
    write_file(ACME "/acme.so", LIBRARY);
    make_folder("trust");
    make_folder("trust/first-party");
    make_folder("trust/vendors");
    write_key("trust/vendors/acme-ltd.pub", &public_key);
    sign(&secret, "of a test");
}

static void teardown(void)
{
    static const char *const names[] = {ACME "/acme.so",
                                        ACME "/manifest.json",
                                        ACME "/manifest.json.minisig",
                                        ACME "/more",
                                        ACME,
                                        "acme",
                                        "link",
                                        "trust/vendors/acme-ltd.pub",
                                        "trust/vendors/.hidden.pub",
                                        "trust/vendors/readme",
                                        "trust/first-party/us.pub",
                                        "trust/revoked",
                                        "trust/vendors",
                                        "trust/first-party",
                                        "trust",
                                        ""};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        remove(path_of(names[i]));
    ck_assert_msg(access(root, F_OK) != 0, "%s is left", root);
    rh_arena_free(arena);
}

static int open_package(const char *unsigned_ids)
{
    struct rh_trust *trust = NULL;
    char folder[256];
    int rc;

    rh_error_clear(&error);
    package = (struct rh_package){.image = {.fd = -1}};
    snprintf(folder, sizeof(folder), "%s/trust", root);
    rc = rh_trust_open(folder, unsigned_ids, &trust, &error);
    if (rc == RH_OK)
        rc = rh_trust_open_package(trust, arena, path_of(ACME), &package, &error);
    rh_trust_free(trust);
    return rc;
}

static void refused(int rc, const char *told)
{
    ck_assert_int_eq(open_package(NULL), rc);
    ck_assert_msg(strstr(error.message, told), "%s", error.message);
}

START_TEST(runs_what_a_vendor_signed)
{
    char bytes[64] = "";

    ck_assert_msg(open_package(NULL) == RH_OK, "%s", error.message);
    ck_assert_int_eq(package.level, RH_TRUST_VENDOR);
    ck_assert_str_eq(rh_trust_level_name(package.level), "vendor");
    ck_assert_str_eq(package.signer, "acme-ltd");
    ck_assert_str_eq(package.key, key_name);
    ck_assert_str_eq(package.manifest.id, "acme");
    ck_assert_uint_eq(package.image.n_bytes, strlen(LIBRARY));
    ck_assert_str_eq(package.image.sha256, package.manifest.files[0].sha256);
    ck_assert_int_eq(pread(package.image.fd, bytes, sizeof(bytes), 0), (ssize_t)strlen(LIBRARY));
    ck_assert_str_eq(bytes, LIBRARY);
    rh_package_close(&package);
}
END_TEST

START_TEST(gives_the_lower_level_of_two)
{
    write_key("trust/first-party/us.pub", &public_key);
    ck_assert_int_eq(open_package(NULL), RH_OK);
    ck_assert_int_eq(package.level, RH_TRUST_VENDOR);
    rh_package_close(&package);
    remove(path_of("trust/vendors/acme-ltd.pub"));
    ck_assert_int_eq(open_package(NULL), RH_OK);
    ck_assert_int_eq(package.level, RH_TRUST_FIRST_PARTY);
    ck_assert_str_eq(package.signer, "us");
    rh_package_close(&package);
}
END_TEST

START_TEST(refuses_unknown_keys_and_forged_ids)
{
    struct rh_minisign_public other;
    struct rh_minisign_secret other_secret;

    rh_minisign_make(&other, &other_secret);
    sign(&other_secret, "");
    refused(RH_PERMISSION, "which is not trusted");
    ck_assert_ptr_nonnull(strstr(error.hint, "vendors/NAME.pub"));
    ck_assert_int_eq(open_package("acme"), RH_PERMISSION); /* naming it does not help */
    memcpy(other_secret.key_id, secret.key_id, sizeof(secret.key_id));
    sign(&other_secret, "");
    refused(RH_PERMISSION, "its manifest is not what was signed");
}
END_TEST

START_TEST(runs_unsigned_ones_when_named)
{
    remove(path_of(ACME "/manifest.json.minisig"));
    refused(RH_PERMISSION, "is not signed");
    ck_assert_int_eq(open_package("acm, acmee"), RH_PERMISSION);
    ck_assert_int_eq(open_package("other,acme foo"), RH_OK);
    ck_assert_int_eq(package.level, RH_TRUST_UNSIGNED);
    ck_assert_str_eq(package.signer, "");
    rh_package_close(&package);
    ck_assert_int_eq(chmod(path_of(ACME), 0777), 0);
    ck_assert_int_eq(open_package("acme"), RH_PERMISSION);
    ck_assert_ptr_nonnull(strstr(error.message, "others could have written it"));
    ck_assert_int_eq(chmod(path_of(ACME), 0755), 0);
    if (geteuid() == 0) {
        ck_assert_int_eq(chown(path_of(ACME), 65534, 65534), 0);
        ck_assert_int_eq(open_package("acme"), RH_PERMISSION);
    }
}
END_TEST

START_TEST(runs_no_unsigned_files_of_others)
{
    static const char *const names[] = {ACME "/manifest.json", ACME "/acme.so"};

    remove(path_of(ACME "/manifest.json.minisig"));
    for (int i = 0; i < 2; i++) {
        const char *file = strrchr(names[i], '/');

        ck_assert_int_eq(chmod(path_of(names[i]), 0666), 0);
        ck_assert_int_eq(open_package("acme"), RH_PERMISSION);
        ck_assert_ptr_nonnull(strstr(error.message, "others could have written it"));
        ck_assert_ptr_nonnull(strstr(error.message, file));
        ck_assert_int_eq(chmod(path_of(names[i]), 0644), 0);
        if (geteuid() == 0) {
            ck_assert_int_eq(chown(path_of(names[i]), 65534, 65534), 0);
            ck_assert_int_eq(open_package("acme"), RH_PERMISSION);
            ck_assert_int_eq(chown(path_of(names[i]), 0, 0), 0);
        }
        ck_assert_int_eq(open_package("acme"), RH_OK);
        rh_package_close(&package);
    }
}
END_TEST

START_TEST(sees_every_change)
{
    write_file(ACME "/acme.so", "these bytes stand for a connectoR");
    refused(RH_CONTRACT, "its SHA-256 is not the manifest's");
    write_file(ACME "/acme.so", LIBRARY "!");
    refused(RH_CONTRACT, "it has 34 bytes, the manifest says 33");
    remove(path_of(ACME "/acme.so"));
    refused(RH_CONTRACT, "acme.so: is missing");
    ck_assert_int_eq(symlink("/bin/true", path_of(ACME "/acme.so")), 0);
    refused(RH_CONTRACT, "acme.so: is not a regular file");
    remove(path_of(ACME "/acme.so"));
    write_file(ACME "/acme.so", LIBRARY);
    write_file(ACME "/more", "");
    refused(RH_CONTRACT, "more: is not listed in the manifest");
    remove(path_of(ACME "/more"));
    ck_assert_int_eq(mkfifo(path_of(ACME "/more"), 0644), 0);
    refused(RH_CONTRACT, "more: is not a regular file");
    remove(path_of(ACME "/more"));
    write_file(ACME "/manifest.json", "{}");
    refused(RH_PERMISSION, "not what was signed");
    remove(path_of(ACME "/manifest.json"));
    refused(RH_CONTRACT, "has no manifest.json");
    ck_assert_int_eq(mkfifo(path_of(ACME "/manifest.json"), 0644), 0);
    refused(RH_CONTRACT, "manifest.json: is not a regular file");
}
END_TEST

START_TEST(follows_no_link_to_a_package)
{
    struct rh_trust *trust = NULL;

    ck_assert_int_eq(symlink(ACME, path_of("link")), 0);
    ck_assert_int_eq(rh_trust_open(NULL, NULL, &trust, &error), RH_OK);
    ck_assert_int_eq(rh_trust_open_package(trust, arena, path_of("link"), &package, &error),
                     RH_CONTRACT);
    ck_assert_ptr_nonnull(strstr(error.message, "symbolic link"));
    rh_error_clear(&error);
    ck_assert_int_eq(rh_trust_open_package(trust, arena, path_of("nowhere"), &package, &error),
                     RH_NOT_FOUND);
    rh_trust_free(trust);
}
END_TEST

START_TEST(obeys_the_list_of_the_revoked)
{
    char line[200];

    write_file("trust/revoked", "# nothing yet\n\n  version acme@1.3.9  old\nversion acm@1.4.0\n");
    ck_assert_int_eq(open_package(NULL), RH_OK);
    snprintf(line, sizeof(line), "sha256 %s it leaks\r\n", package.image.sha256);
    rh_package_close(&package);
    write_file("trust/revoked", line);
    refused(RH_PERMISSION, "acme.so is revoked: it leaks");
    write_file("trust/revoked", "version acme@1.4 a hole");
    refused(RH_PERMISSION, "this version is revoked: a hole");
    for (char *c = key_name; *c; c++)
        *c = *c >= 'A' && *c <= 'F' ? (char)(*c + 32) : *c;
    snprintf(line, sizeof(line), "key\t%s\n", key_name);
    write_file("trust/revoked", line);
    refused(RH_PERMISSION, "the key that signed it is revoked");
}
END_TEST

START_TEST(does_not_guess_at_a_list_it_cannot_read)
{
    static const char *const lines[] = {"acme",           "version acme", "version Acme@1",
                                        "version acme@x", "key 123",      "key 123456789012345G",
                                        "sha256 00",      "SHA256 00"};
    char text[100];

    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        snprintf(text, sizeof(text), "# list\n%s\n", lines[i]);
        write_file("trust/revoked", text);
        refused(RH_CONFIG, "trust/revoked: line 2 cannot be understood");
        ck_assert_ptr_nonnull(strstr(error.hint, "version ID@VERSION"));
    }
    remove(path_of("trust/revoked"));
    ck_assert_int_eq(mkdir(path_of("trust/revoked"), 0755), 0);
    refused(RH_CONFIG, "trust/revoked: is not a regular file");
}
END_TEST

START_TEST(trusts_no_folder_that_is_open_to_all)
{
    static const char *const names[] = {"trust", "trust/vendors", "trust/vendors/acme-ltd.pub",
                                        "trust/revoked"};

    write_file("trust/revoked", "");
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        ck_assert_int_eq(chmod(path_of(names[i]), 0777), 0);
        refused(RH_CONFIG, "every user of this machine can write to it");
        ck_assert_ptr_nonnull(strstr(error.message, names[i]));
        ck_assert_int_eq(chmod(path_of(names[i]), 0755), 0);
    }
    ck_assert_int_eq(open_package(NULL), RH_OK);
    rh_package_close(&package);
}
END_TEST

START_TEST(reads_keys_strictly)
{
    write_file("trust/vendors/.hidden.pub", "no key");
    write_file("trust/vendors/readme", "no key");
    ck_assert_int_eq(open_package(NULL), RH_OK);
    rh_package_close(&package);
    write_file("trust/first-party/us.pub", "no key");
    refused(RH_CONFIG, "trust/first-party/us.pub: is no public key");
}
END_TEST

START_TEST(has_a_stamp)
{
    char folder[256];
    uint64_t before;

    snprintf(folder, sizeof(folder), "%s/trust", root);
    before = rh_trust_stamp(folder);
    ck_assert_uint_ne(before, 0);
    ck_assert_uint_eq(rh_trust_stamp(folder), before);
    ck_assert_uint_eq(rh_trust_stamp(path_of("nowhere")), 0);
    write_file("trust/revoked", "#");
    ck_assert_uint_ne(rh_trust_stamp(folder), before);
    before = rh_trust_stamp(folder);
    write_key("trust/first-party/us.pub", &public_key);
    ck_assert_uint_ne(rh_trust_stamp(folder), before);
}
END_TEST

/* ---- Minisign ----------------------------------------------------------------------------- */

/* What `minisign` 0.11 wrote. */
static const char THEIR_KEY[] = "untrusted comment: minisign public key 95CA51A95D474C78\n"
                                "RWR4TEddqVHKlcqYB9kjTzQNG+zlH1HE6NhttY0u8pGciPRUWVx7Imgg\n";
static const char THEIR_SIGNATURE[] =
    "untrusted comment: signature from minisign secret key\n"
    "RUR4TEddqVHKlfGQjuwWcym4Dj1JllXGGUz4ORHhnTwLCvBFrgZQz0qaBlEXPdZHbSr4YJ4c9/AUlsU7iempQQa7SO/"
    "1mzsHcAs=\n"
    "trusted comment: of a test\n"
    "kTQ+5FO9PtILjZi9cpsY82knaQNxTRocHoYaszZmcuPHsNd9cnh89jKkcPRBbZnfMROpxzkZpCvLFH7PZQLFAA==\n";
#define THEIR_DATA "hello\n"

START_TEST(verifies_what_minisign_signed)
{
    struct rh_minisign_public key;
    struct rh_minisign_signature signature;
    char *changed = strdup(THEIR_SIGNATURE);
    char *comment;

    ck_assert_int_eq(rh_minisign_read_public(rh_text_of(THEIR_KEY), &key, &error), RH_OK);
    ck_assert_int_eq(rh_minisign_read_signature(rh_text_of(THEIR_SIGNATURE), &signature, &error),
                     RH_OK);
    ck_assert_str_eq(signature.comment, "of a test");
    ck_assert_int_eq(rh_minisign_verify(&key, &signature, RH_TEXT(THEIR_DATA), &error), RH_OK);
    ck_assert_int_eq(rh_minisign_verify(&key, &signature, RH_TEXT("hello"), &error), RH_CONTRACT);
    rh_error_clear(&error);
    comment = strstr(changed, "of a test");
    ck_assert_ptr_nonnull(comment);
    comment[0] = 'O';
    ck_assert_int_eq(rh_minisign_read_signature(rh_text_of(changed), &signature, &error), RH_OK);
    ck_assert_int_eq(rh_minisign_verify(&key, &signature, RH_TEXT(THEIR_DATA), &error),
                     RH_CONTRACT);
    ck_assert_ptr_nonnull(strstr(error.message, "trusted comment was changed"));
    free(changed);
}
END_TEST

START_TEST(cuts_signatures_anywhere)
{
    struct rh_minisign_signature signature;
    struct rh_minisign_public key;

    for (size_t n = 0; n < strlen(THEIR_SIGNATURE) - 1; n++)
        ck_assert_msg(rh_minisign_read_signature(rh_text_make(THEIR_SIGNATURE, n), &signature,
                                                 &error) == RH_CONTRACT,
                      "%zu", n);
    for (size_t n = 0; n < strlen(THEIR_KEY) - 1; n++)
        ck_assert_int_eq(rh_minisign_read_public(rh_text_make(THEIR_KEY, n), &key, &error),
                         RH_CONTRACT);
}
END_TEST

START_TEST(keeps_secret_keys)
{
    struct rh_minisign_secret again;
    struct rh_buf buf;

    rh_buf_init(&buf, 4096);
    ck_assert_int_eq(rh_minisign_write_secret(&secret, RH_TEXT(""), &buf, &error), RH_OK);
    ck_assert(!rh_minisign_is_encrypted(rh_buf_text(&buf)));
    ck_assert_int_eq(rh_minisign_read_secret(rh_buf_text(&buf), RH_TEXT(""), &again, &error), 0);
    ck_assert_mem_eq(&again, &secret, sizeof(secret));
    buf.data[buf.len / 2 + 20] = buf.data[buf.len / 2 + 20] == 'A' ? 'B' : 'A';
    ck_assert_int_eq(rh_minisign_read_secret(rh_buf_text(&buf), RH_TEXT(""), &again, &error),
                     RH_CONTRACT);
    rh_buf_free(&buf);
}
END_TEST

START_TEST(signs_with_one_line_of_comment)
{
    struct rh_buf buf;

    rh_buf_init(&buf, 4096);
    ck_assert_int_eq(rh_minisign_sign(&secret, RH_TEXT("x"), "a\nb", &buf, &error), RH_INVALID);
    rh_buf_free(&buf);
}
END_TEST

static bool use(void *context)
{
    struct rh_arena *own = rh_arena_new(1 << 20);
    struct rh_package opened = {.image = {.fd = -1}};
    struct rh_error failed = RH_ERROR_INIT;
    struct rh_trust *trust = NULL;
    char folder[256];
    int rc = own ? RH_OK : RH_RESOURCE;

    snprintf(folder, sizeof(folder), "%s/trust", root);
    if (rc == RH_OK)
        rc = rh_trust_open(folder, "acme", &trust, &failed);
    if (rc == RH_OK)
        rc = rh_trust_open_package(trust, own, context, &opened, &failed);
    FAULT_ASSERT(rc == RH_OK || rc == RH_RESOURCE);
    rh_package_close(&opened);
    rh_trust_free(trust);
    rh_arena_free(own);
    return rc == RH_OK;
}

START_TEST(survives_failed_allocations)
{
    char folder[256];

    write_file("trust/revoked", "version acme@1 old\n");
    snprintf(folder, sizeof(folder), "%s/" ACME, root);
    ck_assert_uint_gt(fault_torture(use, folder), 5);
}
END_TEST

TESTS_MAIN_WITH("trust", setup, teardown, runs_what_a_vendor_signed, gives_the_lower_level_of_two,
                refuses_unknown_keys_and_forged_ids, runs_unsigned_ones_when_named,
                runs_no_unsigned_files_of_others, sees_every_change, follows_no_link_to_a_package,
                obeys_the_list_of_the_revoked, does_not_guess_at_a_list_it_cannot_read,
                trusts_no_folder_that_is_open_to_all, reads_keys_strictly, has_a_stamp,
                verifies_what_minisign_signed, cuts_signatures_anywhere, keeps_secret_keys,
                signs_with_one_line_of_comment, survives_failed_allocations)
