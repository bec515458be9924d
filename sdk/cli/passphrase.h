/* Passphrases: from a file, or asked for at the terminal without showing them. */
#pragma once

#include "base/buf.h"

#include <rowhouse/error.h>

#define RH_CLI_MAX_PASSPHRASE ((size_t)1024)

/* The first line of the file; of the terminal, with this question, when path is NULL. The caller
 * wipes the buffer with rh_cli_passphrase_wipe. AUTH when there is no terminal. */
int rh_cli_passphrase_read(const char *path, const char *question, struct rh_buf *buf,
                           struct rh_error *error);
void rh_cli_passphrase_wipe(struct rh_buf *buf);
