/*
 * What only the owner of a key sees: making, keeping, signing. Copies of the secret are wiped.
 *
 * A secret key without passphrase has zeros in place of the name of the key derivation and of the
 * checksum. Limits of scrypt are read from the file, so they are bounded: by what minisign itself
 * writes.
 */
#include "host/trust/minisign.h"

#include "base/err.h"
#include "base/text.h"

#include <sodium.h>

#define ID 8
#define SALT crypto_pwhash_scryptsalsa208sha256_SALTBYTES
#define OPS crypto_pwhash_scryptsalsa208sha256_OPSLIMIT_SENSITIVE
#define MEM crypto_pwhash_scryptsalsa208sha256_MEMLIMIT_SENSITIVE
#define CHECKSUM 32

/* The secret key's file, as it stands there. */
struct sealed {
    uint8_t algorithm[2], kdf[2], checksum_algorithm[2];
    uint8_t salt[SALT];
    uint8_t ops[8], mem[8]; /* little-endian */
    struct {
        uint8_t key_id[ID];
        uint8_t key[crypto_sign_SECRETKEYBYTES];
        uint8_t checksum[CHECKSUM];
    } secret;
};
_Static_assert(sizeof(struct sealed) == 158, "the layout of minisign's secret key");

static uint64_t read_u64(const uint8_t bytes[8])
{
    uint64_t value = 0;

    for (unsigned i = 8; i-- > 0;)
        value = value << 8 | bytes[i];
    return value;
}

static void write_u64(uint8_t bytes[8], uint64_t value)
{
    for (unsigned i = 0; i < 8; i++, value >>= 8)
        bytes[i] = (uint8_t)value;
}

static void add_base64(struct rh_buf *buf, const void *bytes, size_t n)
{
    size_t size = sodium_base64_ENCODED_LEN(n, sodium_base64_VARIANT_ORIGINAL);
    char *to = rh_buf_reserve(buf, size);

    if (!to)
        return;
    sodium_bin2base64(to, size, bytes, n, sodium_base64_VARIANT_ORIGINAL);
    buf->len += size - 1;
    rh_buf_add_char(buf, '\n');
}

void rh_minisign_make(struct rh_minisign_public *ret_public, struct rh_minisign_secret *ret_secret)
{
    crypto_sign_keypair(ret_public->key, ret_secret->key);
    randombytes_buf(ret_public->key_id, ID);
    memcpy(ret_secret->key_id, ret_public->key_id, ID);
}

void rh_minisign_write_public(const struct rh_minisign_public *key, struct rh_buf *buf)
{
    uint8_t bytes[2 + ID + crypto_sign_PUBLICKEYBYTES] = "Ed";
    char name[17];

    rh_minisign_key_name(key->key_id, name);
    memcpy(bytes + 2, key->key_id, ID);
    memcpy(bytes + 2 + ID, key->key, sizeof(key->key));
    rh_buf_addf(buf, "untrusted comment: minisign public key %s\n", name);
    add_base64(buf, bytes, sizeof(bytes));
}

static void checksum_of(const struct sealed *sealed, uint8_t ret_checksum[CHECKSUM])
{
    crypto_generichash_state state;

    crypto_generichash_init(&state, NULL, 0, CHECKSUM);
    crypto_generichash_update(&state, sealed->algorithm, sizeof(sealed->algorithm));
    crypto_generichash_update(&state, sealed->secret.key_id, sizeof(sealed->secret.key_id));
    crypto_generichash_update(&state, sealed->secret.key, sizeof(sealed->secret.key));
    crypto_generichash_final(&state, ret_checksum, CHECKSUM);
}

/* Encrypts and decrypts: an exclusive or with what scrypt makes of the passphrase. */
static int mask(struct sealed *sealed, struct rh_text passphrase, struct rh_error *error)
{
    uint8_t stream[sizeof(sealed->secret)];
    uint8_t *bytes = (uint8_t *)&sealed->secret;
    uint64_t ops = read_u64(sealed->ops), mem = read_u64(sealed->mem);

    if (ops > OPS || mem > MEM)
        return rh_fail(error, RH_CONTRACT, "the secret key asks for more than minisign ever does");
    if (crypto_pwhash_scryptsalsa208sha256(stream, sizeof(stream), passphrase.data, passphrase.len,
                                           sealed->salt, ops, (size_t)mem) != 0)
        return rh_fail(error, RH_RESOURCE, "not enough memory for the key's passphrase (%llu MiB)",
                       (unsigned long long)(mem >> 20));
    for (size_t i = 0; i < sizeof(stream); i++)
        bytes[i] ^= stream[i];
    sodium_memzero(stream, sizeof(stream));
    return RH_OK;
}

int rh_minisign_write_secret(const struct rh_minisign_secret *key, struct rh_text passphrase,
                             struct rh_buf *buf, struct rh_error *error)
{
    struct sealed sealed = {.algorithm = {'E', 'd'}, .checksum_algorithm = {'B', '2'}};
    int rc = RH_OK;

    memcpy(sealed.secret.key_id, key->key_id, ID);
    memcpy(sealed.secret.key, key->key, sizeof(key->key));
    if (passphrase.len) {
        checksum_of(&sealed, sealed.secret.checksum);
        memcpy(sealed.kdf, "Sc", 2);
        randombytes_buf(sealed.salt, sizeof(sealed.salt));
        write_u64(sealed.ops, OPS);
        write_u64(sealed.mem, MEM);
        rc = mask(&sealed, passphrase, error);
    }
    if (rc == RH_OK) {
        rh_buf_addf(buf, "untrusted comment: minisign %s secret key\n",
                    passphrase.len ? "encrypted" : "unencrypted");
        add_base64(buf, &sealed, sizeof(sealed));
    }
    sodium_memzero(&sealed, sizeof(sealed));
    return rc;
}

static bool read_sealed(struct rh_text text, struct sealed *ret_sealed)
{
    struct rh_text comment = rh_text_cut(&text, '\n'), line = rh_text_cut(&text, '\n');
    size_t n = 0;

    line = rh_text_trim(line);
    return rh_text_starts(comment, "untrusted comment: ") && line.len &&
           sodium_base642bin((uint8_t *)ret_sealed, sizeof(*ret_sealed), line.data, line.len, NULL,
                             &n, NULL, sodium_base64_VARIANT_ORIGINAL) == 0 &&
           n == sizeof(*ret_sealed) && memcmp(ret_sealed->algorithm, "Ed", 2) == 0 &&
           memcmp(ret_sealed->checksum_algorithm, "B2", 2) == 0 &&
           (memcmp(ret_sealed->kdf, "Sc", 2) == 0 || memcmp(ret_sealed->kdf, "\0\0", 2) == 0);
}

bool rh_minisign_is_encrypted(struct rh_text text)
{
    struct sealed sealed;
    bool is_encrypted = read_sealed(text, &sealed) && sealed.kdf[0];

    sodium_memzero(&sealed, sizeof(sealed));
    return is_encrypted;
}

/* The second half of a secret key is its public key. */
static bool is_whole(const uint8_t key[crypto_sign_SECRETKEYBYTES])
{
    uint8_t seed[crypto_sign_SEEDBYTES], again[crypto_sign_SECRETKEYBYTES];
    uint8_t public_key[crypto_sign_PUBLICKEYBYTES];
    bool is_same;

    crypto_sign_ed25519_sk_to_seed(seed, key);
    crypto_sign_seed_keypair(public_key, again, seed);
    is_same = sodium_memcmp(again, key, sizeof(again)) == 0;
    sodium_memzero(seed, sizeof(seed));
    sodium_memzero(again, sizeof(again));
    return is_same;
}

static int check_secret(const struct sealed *sealed, struct rh_error *error)
{
    uint8_t checksum[CHECKSUM];

    checksum_of(sealed, checksum);
    if (sealed->kdf[0] && sodium_memcmp(checksum, sealed->secret.checksum, CHECKSUM) != 0)
        return rh_fail(error, RH_AUTH, "the passphrase is wrong");
    return is_whole(sealed->secret.key) ? RH_OK
                                        : rh_fail(error, RH_CONTRACT, "the secret key is damaged");
}

int rh_minisign_read_secret(struct rh_text text, struct rh_text passphrase,
                            struct rh_minisign_secret *ret_key, struct rh_error *error)
{
    struct sealed sealed;
    int rc = RH_OK;

    if (!read_sealed(text, &sealed)) {
        sodium_memzero(&sealed, sizeof(sealed));
        return rh_fail(error, RH_CONTRACT, "is no secret key in minisign's format");
    }
    if (sealed.kdf[0])
        rc = mask(&sealed, passphrase, error);
    if (rc == RH_OK)
        rc = check_secret(&sealed, error);
    if (rc == RH_OK) {
        memcpy(ret_key->key_id, sealed.secret.key_id, ID);
        memcpy(ret_key->key, sealed.secret.key, sizeof(ret_key->key));
    }
    sodium_memzero(&sealed, sizeof(sealed));
    return rc;
}

int rh_minisign_sign(const struct rh_minisign_secret *key, struct rh_text data,
                     const char *trusted_comment, struct rh_buf *buf, struct rh_error *error)
{
    uint8_t hash[crypto_generichash_BYTES_MAX];
    uint8_t bytes[2 + ID + crypto_sign_BYTES] = "ED", global[crypto_sign_BYTES];
    uint8_t both[crypto_sign_BYTES + RH_MINISIGN_COMMENT_SIZE];
    size_t n = strlen(trusted_comment);

    if (n >= RH_MINISIGN_COMMENT_SIZE || strpbrk(trusted_comment, "\r\n"))
        return rh_fail(error, RH_INVALID,
                       "the trusted comment must be one line, and not that long");
    crypto_generichash(hash, sizeof(hash), (const unsigned char *)data.data, data.len, NULL, 0);
    memcpy(bytes + 2, key->key_id, ID);
    crypto_sign_detached(bytes + 2 + ID, NULL, hash, sizeof(hash), key->key);
    memcpy(both, bytes + 2 + ID, crypto_sign_BYTES);
    memcpy(both + crypto_sign_BYTES, trusted_comment, n);
    crypto_sign_detached(global, NULL, both, crypto_sign_BYTES + n, key->key);
    rh_buf_addf(buf, "untrusted comment: signature of a Rowhouse connector package\n");
    add_base64(buf, bytes, sizeof(bytes));
    rh_buf_addf(buf, "trusted comment: %s\n", trusted_comment);
    add_base64(buf, global, sizeof(global));
    return RH_OK;
}
