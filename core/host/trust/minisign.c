/*
 * What everybody may see of minisign's formats: public keys, signatures, verifying. Nothing is
 * tolerated that minisign does not write, but for \r before \n and blank lines at the end.
 */
#include "host/trust/minisign.h"

#include "base/err.h"
#include "base/text.h"

#include <sodium.h>

#define UNTRUSTED "untrusted comment: "
#define TRUSTED "trusted comment: "
#define ID 8 /* bytes of a key's id */

void rh_minisign_key_name(const uint8_t key_id[8], char ret_name[17])
{
    static const char digits[] = "0123456789ABCDEF";

    for (unsigned i = 0; i < ID; i++) { /* it is a little-endian number */
        uint8_t byte = key_id[ID - 1 - i];

        ret_name[2 * i] = digits[byte >> 4];
        ret_name[2 * i + 1] = digits[byte & 15];
    }
    ret_name[2 * ID] = '\0';
}

static struct rh_text cut_line(struct rh_text *rest)
{
    struct rh_text line = rh_text_cut(rest, '\n');

    if (line.len && line.data[line.len - 1] == '\r')
        line.len--;
    return line;
}

static bool is_base64(struct rh_text text, uint8_t *bytes, size_t n)
{
    size_t n_read = 0;

    return text.len &&
           sodium_base642bin(bytes, n, text.data, text.len, NULL, &n_read, NULL,
                             sodium_base64_VARIANT_ORIGINAL) == 0 &&
           n_read == n;
}

static bool is_end(struct rh_text rest)
{
    return rh_text_trim(rest).len == 0;
}

int rh_minisign_read_public(struct rh_text text, struct rh_minisign_public *ret_key,
                            struct rh_error *error)
{
    uint8_t bytes[2 + ID + crypto_sign_PUBLICKEYBYTES];
    struct rh_text comment = cut_line(&text), line = cut_line(&text);

    if (!rh_text_starts(comment, UNTRUSTED) || !is_base64(line, bytes, sizeof(bytes)) ||
        memcmp(bytes, "Ed", 2) != 0 || !is_end(text))
        return rh_fail(error, RH_CONTRACT, "is no public key in minisign's format");
    memcpy(ret_key->key_id, bytes + 2, ID);
    memcpy(ret_key->key, bytes + 2 + ID, sizeof(ret_key->key));
    return RH_OK;
}

int rh_minisign_read_signature(struct rh_text text, struct rh_minisign_signature *ret_signature,
                               struct rh_error *error)
{
    struct rh_minisign_signature signature;
    uint8_t bytes[2 + ID + crypto_sign_BYTES];
    struct rh_text untrusted = cut_line(&text), line = cut_line(&text);
    struct rh_text trusted = cut_line(&text), global = cut_line(&text);

    if (!rh_text_starts(untrusted, UNTRUSTED) || !is_base64(line, bytes, sizeof(bytes)) ||
        !rh_text_starts(trusted, TRUSTED) ||
        !is_base64(global, signature.global, sizeof(signature.global)) || !is_end(text))
        return rh_fail(error, RH_CONTRACT, "is no signature in minisign's format");
    if (memcmp(bytes, "ED", 2) != 0)
        return rh_fail(error, RH_CONTRACT,
                       "is a signature of a kind that is not accepted: only "
                       "prehashed ones are (minisign -S -H)");
    trusted.data += sizeof(TRUSTED) - 1;
    trusted.len -= sizeof(TRUSTED) - 1;
    if (trusted.len >= sizeof(signature.comment) || memchr(trusted.data, 0, trusted.len))
        return rh_fail(error, RH_CONTRACT, "has a trusted comment that is too long");
    memcpy(signature.key_id, bytes + 2, ID);
    memcpy(signature.signature, bytes + 2 + ID, sizeof(signature.signature));
    memcpy(signature.comment, trusted.data, trusted.len);
    signature.comment[trusted.len] = '\0';
    *ret_signature = signature;
    return RH_OK;
}

int rh_minisign_verify(const struct rh_minisign_public *key,
                       const struct rh_minisign_signature *signature, struct rh_text data,
                       struct rh_error *error)
{
    uint8_t hash[crypto_generichash_BYTES_MAX];
    uint8_t both[sizeof(signature->signature) + RH_MINISIGN_COMMENT_SIZE];
    size_t n = strlen(signature->comment);

    crypto_generichash(hash, sizeof(hash), (const unsigned char *)data.data, data.len, NULL, 0);
    if (memcmp(key->key_id, signature->key_id, ID) != 0 ||
        crypto_sign_verify_detached(signature->signature, hash, sizeof(hash), key->key) != 0)
        return rh_fail(error, RH_CONTRACT, "the signature does not fit");
    memcpy(both, signature->signature, sizeof(signature->signature));
    memcpy(both + sizeof(signature->signature), signature->comment, n);
    if (crypto_sign_verify_detached(signature->global, both, sizeof(signature->signature) + n,
                                    key->key) != 0)
        return rh_fail(error, RH_CONTRACT, "the signature's trusted comment was changed");
    return RH_OK;
}
