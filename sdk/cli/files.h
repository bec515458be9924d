/* Whole files: reading small ones, writing them so that a crash leaves all of a file or nothing. */
#pragma once

#include "base/buf.h"

#include <rowhouse/error.h>

#include <sys/types.h>

/* Appends the file's contents; the buffer's ceiling is the largest size that is accepted.
 * NOT_FOUND, CONFIG with the path. */
int rh_cli_file_read(const char *path, struct rh_buf *buf, struct rh_error *error);
/* Writes a file and syncs it. EXISTS when it is there, unless it may be replaced (which is done by
 * renaming). */
int rh_cli_file_write(const char *path, mode_t mode, bool replace, struct rh_text text,
                      struct rh_error *error);
/* Makes the folder and those above it. */
int rh_cli_folder_make(const char *path, struct rh_error *error);
/* What was put into the folder outlives a crash. */
int rh_cli_folder_sync(const char *path, struct rh_error *error);
/* Removes a folder with all that is in it, to a depth of eight. */
int rh_cli_folder_remove(const char *path, struct rh_error *error);
