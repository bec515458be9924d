/*
 * Keys and signatures in minisign's file formats (https://jedisct1.github.io/minisign/), so that
 * the tool `minisign` verifies what Rowhouse signs and signs what Rowhouse verifies.
 *
 *   public key   untrusted comment: …          signature   untrusted comment: …
 *                base64("Ed" key-id key)                   base64("ED" key-id signature)
 *                                                          trusted comment: …
 *   secret key   untrusted comment: …                      base64(global signature)
 *                base64("Ed" kdf "B2" salt ops mem key-id secret-key checksum)
 *
 * The signature is Ed25519 over the BLAKE2b-512 of the data; the global one is over signature and
 * trusted comment. The older kind over the data itself ("Ed") is refused.
 */
#pragma once

#include "base/buf.h"

#include <rowhouse/error.h>

#include <stdint.h>

#define RH_MINISIGN_COMMENT_SIZE 1024
/* What a file of keys or signatures may take. */
#define RH_MINISIGN_MAX_BYTES ((size_t)8192)

struct rh_minisign_public {
    uint8_t key_id[8];
    uint8_t key[32];
};

struct rh_minisign_secret {
    uint8_t key_id[8];
    uint8_t key[64];
};

struct rh_minisign_signature {
    uint8_t key_id[8];
    uint8_t signature[64];
    uint8_t global[64];
    char comment[RH_MINISIGN_COMMENT_SIZE]; /* the trusted one */
};

/* As minisign prints it: 16 hex digits in upper case. */
void rh_minisign_key_name(const uint8_t key_id[8], char ret_name[17]);

/* CONTRACT when the text is none. [any] */
int rh_minisign_read_public(struct rh_text text, struct rh_minisign_public *ret_key,
                            struct rh_error *error);
int rh_minisign_read_signature(struct rh_text text, struct rh_minisign_signature *ret_signature,
                               struct rh_error *error);
/* CONTRACT when signature or trusted comment are not by this key over these data. [any] */
int rh_minisign_verify(const struct rh_minisign_public *key,
                       const struct rh_minisign_signature *signature, struct rh_text data,
                       struct rh_error *error);

/* A new pair of keys with one random id. */
void rh_minisign_make(struct rh_minisign_public *ret_public, struct rh_minisign_secret *ret_secret);
void rh_minisign_write_public(const struct rh_minisign_public *key, struct rh_buf *buf);
/* passphrase no text: the key is written in the clear; else under scrypt, which takes seconds and
 * 1 GiB. RESOURCE. */
int rh_minisign_write_secret(const struct rh_minisign_secret *key, struct rh_text passphrase,
                             struct rh_buf *buf, struct rh_error *error);
/* Whether this is a secret key that needs a passphrase. */
bool rh_minisign_is_encrypted(struct rh_text text);
/* AUTH when the passphrase is wrong; CONTRACT when the text is none; RESOURCE. The key is wiped by
 * the caller. */
int rh_minisign_read_secret(struct rh_text text, struct rh_text passphrase,
                            struct rh_minisign_secret *ret_key, struct rh_error *error);
/* The text of the signature's file. The comments are one line each, the trusted one shorter than
 * RH_MINISIGN_COMMENT_SIZE; INVALID. */
int rh_minisign_sign(const struct rh_minisign_secret *key, struct rh_text data,
                     const char *trusted_comment, struct rh_buf *buf, struct rh_error *error);
