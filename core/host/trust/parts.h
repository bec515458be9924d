/* What trust.c and package.c share: the trust folder as it was read. */
#pragma once

#include "base/vec.h"
#include "host/trust/minisign.h"
#include "host/trust/revoked.h"
#include "host/trust/trust.h"

struct rh_trusted_key {
    enum rh_trust_level level;
    const char *name; /* of its file, without .pub */
    struct rh_minisign_public public_key;
};

struct rh_trust {
    struct rh_arena *arena; /* everything here */
    struct rh_vec keys;     /* rh_trusted_key */
    struct rh_revoked revoked;
    const char *unsigned_ids;
};
