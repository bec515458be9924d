/*
 * The files of a new connector (folder template/), as data in the program. The connector there is
 * called "acme" ("ac-me" in URLs), and whoever writes the files puts another name in its place.
 * [any]
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct rh_template_file {
    const char *path; /* relative, with '/' */
    const unsigned char *data;
    size_t len;
};

extern const struct rh_template_file rh_template_files[];
extern const uint32_t rh_template_n_files;
