/*
 * What comes with a connector from outside: manifests, keys and signatures in minisign's format,
 * lists of what is revoked. Besides not crashing: a manifest that was read is written and read back
 * as the same, and what refuses says why; an order of versions is one.
 */
#include "base/err.h"
#include "base/text.h"
#include "host/trust/manifest.h"
#include "host/trust/minisign.h"
#include "host/trust/revoked.h"

#include <stdlib.h>

#define ARENA_BYTES ((size_t)64 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void check_manifest(struct rh_arena *arena, struct rh_text text)
{
    struct rh_manifest manifest, again;
    struct rh_error error = RH_ERROR_INIT;
    struct rh_buf first, second;

    rh_buf_init(&first, ARENA_BYTES);
    rh_buf_init(&second, ARENA_BYTES);
    if (rh_manifest_parse(arena, text, &manifest, &error) == RH_OK) {
        require(rh_manifest_is_id(rh_text_of(manifest.id)));
        require(rh_manifest_is_version(rh_text_of(manifest.version)));
        require(rh_manifest_find_file(&manifest, rh_text_of(manifest.library)) != NULL);
        for (uint32_t i = 0; i < manifest.n_files; i++)
            require(!strchr(manifest.files[i].name, '/') && manifest.files[i].name[0] != '.');
        rh_manifest_write(&manifest, &first);
        if (first.len <= RH_MANIFEST_MAX_BYTES) {
            require(rh_manifest_parse(arena, rh_buf_text(&first), &again, NULL) == RH_OK);
            rh_manifest_write(&again, &second);
            require(rh_text_equal(rh_buf_text(&first), rh_buf_text(&second)));
        }
    } else {
        require(error.error_class == RH_CONTRACT && error.message[0]);
    }
    rh_buf_free(&first);
    rh_buf_free(&second);
}

static void check_versions(struct rh_arena *arena, struct rh_text text)
{
    struct rh_text rest = text, left = rh_text_cut(&rest, '\n'), right = rh_text_cut(&rest, '\n');
    const char *a, *b;

    if (!rh_manifest_is_version(left) || !rh_manifest_is_version(right))
        return;
    a = rh_arena_dup(arena, left.data, left.len);
    b = rh_arena_dup(arena, right.data, right.len);
    require(rh_manifest_compare_versions(a, a) == 0);
    require((rh_manifest_compare_versions(a, b) > 0) == (rh_manifest_compare_versions(b, a) < 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rh_arena *arena = rh_arena_new(ARENA_BYTES);
    struct rh_text text = rh_text_make((const char *)data, size);
    struct rh_minisign_signature signature;
    struct rh_minisign_public key;
    struct rh_minisign_secret secret;
    struct rh_revoked revoked;

    require(arena != NULL);
    check_manifest(arena, text);
    check_versions(arena, text);
    if (rh_minisign_read_signature(text, &signature, NULL) == RH_OK)
        require(strlen(signature.comment) < RH_MINISIGN_COMMENT_SIZE);
    (void)rh_minisign_read_public(text, &key, NULL);
    if (!rh_minisign_is_encrypted(text)) /* deriving a key takes seconds */
        (void)rh_minisign_read_secret(text, RH_TEXT(""), &secret, NULL);
    if (rh_revoked_read(arena, text, &revoked, NULL) == RH_OK) {
        (void)rh_revoked_key(&revoked, "0123456789ABCDEF");
        (void)rh_revoked_version(&revoked, "acme", "1.0");
    }
    rh_arena_free(arena);
    return 0;
}
