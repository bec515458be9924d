/*
 * Secrets at rest: XChaCha20-Poly1305 (libsodium) under a random data key, which is itself wrapped
 * by the master key. The master key comes from the environment (ROWHOUSE_MASTER_KEY, 64 hex digits)
 * or a file in the data folder, made at first start (mode 0600).
 *
 * A sealed secret is the text "secret:v1:<base64url of nonce and box>", bound to a context (the
 * document's key and the member's name), so that it cannot be moved to another place.
 */
#pragma once

#include <rowhouse/error.h>
#include <rowhouse/value.h>

#include <stdbool.h>
#include <stdint.h>

struct rh_secrets;

/* folder: where master.key and data.key are kept, made when missing. CONFIG when the master key is
 * malformed, does not open the data key, or is missing where there is a data key. */
int rh_secrets_open(const char *folder, struct rh_secrets **ret_secrets, struct rh_error *error);
void rh_secrets_close(struct rh_secrets *secrets); /* wipes the keys */

bool rh_secrets_is_sealed(struct rh_text text);
/* [any] NUL-terminated texts owned by the caller; the clear one is to be wiped with
 * rh_secrets_wipe. INVALID: a secret has a NUL or more than 64 KiB. CONFIG when it cannot be
 * opened. */
int rh_secrets_seal(struct rh_secrets *secrets, struct rh_text clear, const char *context,
                    char **ret_sealed, struct rh_error *error);
int rh_secrets_unseal(struct rh_secrets *secrets, struct rh_text sealed, const char *context,
                      char **ret_clear, struct rh_error *error);
void rh_secrets_wipe(char *clear); /* zeroes and frees; NULL is allowed */
/* 32 bytes derived from the data key for this purpose ("cursor"). [any] */
void rh_secrets_derive(const struct rh_secrets *secrets, const char *purpose, uint8_t ret_key[32]);
