/*
 * Who may do what: the one place where permission is checked. There is one administrator's API key,
 * which may do everything.
 */
#pragma once

#include "server/api/command.h"
#include "server/http/request.h"

#include <stdint.h>

#define RH_ACCESS_HASH_BYTES 32
#define RH_ACCESS_MIN_KEY 20

struct rh_access {
    uint8_t admin_hash[RH_ACCESS_HASH_BYTES];
};

/* The administrator's key: the configured one, else the one in <folder>/admin.key, else a new one
 * that is written there (mode 0600). ret_key: malloc'ed, owned by the caller. ret_made: it is new.
 * CONFIG when the configured one is too short or the file cannot be read. */
int rh_access_open(struct rh_access *ret_access, const char *folder, const char *configured,
                   char **ret_key, bool *ret_made, struct rh_error *error);
/* [any] 0 when the request may run the command. PERMISSION, code "unauthorized". */
int rh_access_check(const struct rh_access *access, const struct rh_command *command,
                    const struct rh_web_request *request, struct rh_error *error);
