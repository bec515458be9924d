/*
 * The bytes of a connector: read once, sealed, hashed. What is linted, hashed, verified and loaded
 * is this one copy, so nobody can change the file in between.
 */
#pragma once

#include <rowhouse/error.h>

#include <stdint.h>

struct rh_image {
    char *path; /* where the bytes came from */
    int fd;     /* memfd, sealed against every change; close-on-exec */
    uint64_t n_bytes;
    char sha256[65]; /* hex */
};

/* NOT_FOUND (no file), CONTRACT (no regular file, too large, cannot be read), RESOURCE. Owned by
 * the caller. [any] */
int rh_image_read(const char *path, struct rh_image *ret_image, struct rh_error *error);
/* The same bytes again, under a descriptor of its own. */
int rh_image_copy(const struct rh_image *image, struct rh_image *ret_image, struct rh_error *error);
void rh_image_close(struct rh_image *image);
