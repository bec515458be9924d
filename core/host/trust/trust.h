/*
 * Which connector packages may run, and how.
 *
 *   level         who                                     runs
 *   BUNDLED       <id>.so in the program's own folder     in-process; whoever can write there can
 *                                                         replace the program too
 *   FIRST_PARTY   signed by a key in trust/first-party/   in-process when its manifest asks for it
 *   VENDOR        signed by a key in trust/vendors/       isolated
 *   UNSIGNED      named in the configuration              isolated
 *   REFUSED       everything else, and what is revoked
 *
 * The trust folder holds first-party/ and vendors/ with public keys in minisign's format (*.pub),
 * and a file `revoked`, a line per entry: "sha256 HEX reason", "key ID reason" or "version
 * ID@VERSION reason", # for comments. A file that cannot be understood refuses everything that
 * needs it: an unreadable revocation list is not an empty one. Nor is anything trusted that every
 * user of the machine can write to. A key in both folders is a vendor's.
 *
 * Bundled connectors do not ask the trust folder: who distrusts one removes its file.
 */
#pragma once

#include "host/image.h"
#include "host/trust/manifest.h"

enum rh_trust_level {
    RH_TRUST_REFUSED,
    RH_TRUST_UNSIGNED,
    RH_TRUST_VENDOR,
    RH_TRUST_FIRST_PARTY,
    RH_TRUST_BUNDLED,
};
/* "first-party" */
const char *rh_trust_level_name(enum rh_trust_level level);

struct rh_trust;

/* Reads the keys and the list. folder NULL or not there: no key is trusted. unsigned_ids: ids that
 * may run unsigned, parted by commas or spaces; NULL: none. CONFIG names the file and line. */
int rh_trust_open(const char *folder, const char *unsigned_ids, struct rh_trust **ret_trust,
                  struct rh_error *error);
void rh_trust_free(struct rh_trust *trust);
/* Changes when a key or the list in this folder changes. */
uint64_t rh_trust_stamp(const char *folder);

/* Whether a list of ids, parted by commas or spaces, has this one. [any] */
bool rh_trust_list_has(const char *list, const char *id);

struct rh_package {
    struct rh_manifest manifest;
    enum rh_trust_level level;
    const char *signer;    /* name of the key's file without .pub; "" when unsigned */
    const char *key;       /* name of the key: 16 hex digits; "" when unsigned */
    struct rh_image image; /* the library's bytes, verified: hash, size, signature */
};

#define RH_PACKAGE_MANIFEST "manifest.json"
#define RH_PACKAGE_SIGNATURE "manifest.json.minisig"

/* Verifies the package in this folder. PERMISSION when it is refused (the message says why, the
 * hint what to do), CONTRACT when it is damaged: a hash differs, a file is missing or not listed.
 * [any] */
int rh_trust_open_package(const struct rh_trust *trust, struct rh_arena *arena, const char *folder,
                          struct rh_package *ret_package, struct rh_error *error);
/* One file of the package, read and compared with what its manifest says. CONTRACT. The image is
 * owned by the caller. [any] */
int rh_package_read_file(const char *folder, const struct rh_manifest_file *file,
                         struct rh_image *ret_image, struct rh_error *error);
/* Closes the image. */
void rh_package_close(struct rh_package *package);
