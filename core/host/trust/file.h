/* Small files that trust depends on, read with suspicion. */
#pragma once

#include "base/buf.h"

#include <rowhouse/error.h>

/* Opens a folder. flags: O_NOFOLLOW when it must not be a symbolic link, or 0. NOT_FOUND, CONTRACT
 * (without the path, which the caller puts before it). */
int rh_trust_folder_open(const char *path, int flags, int *ret_fd, struct rh_error *error);
/* Appends the contents of a regular file to the buffer, whose ceiling is the largest size that is
 * accepted. Errors and flags as above. */
int rh_trust_file_read(int folder, const char *name, int flags, struct rh_buf *buf,
                       struct rh_error *error);
/* Whether every user of this machine may write to the open file or folder. */
bool rh_trust_is_writable_by_all(int fd);
/* The same of a file in the folder. */
bool rh_trust_file_is_writable_by_all(int folder, const char *name);
