/*
 * The body of a request while it arrives: in memory up to a bound, beyond it in an unlinked
 * temporary file that is mapped when it is complete.
 */
#pragma once

#include "base/buf.h"

#include <stdint.h>

/* Kept in memory up to here. */
#define RH_WEB_BODY_IN_MEMORY ((size_t)1 << 20)

struct rh_web_body {
    struct rh_buf memory;
    int fd;        /* temporary file, or -1 */
    uint64_t size; /* bytes so far, wherever they are */
    void *mapped;
};

void rh_web_body_init(struct rh_web_body *body);
/* Ready for the next request; keeps memory of modest size. */
void rh_web_body_reset(struct rh_web_body *body);
void rh_web_body_fini(struct rh_web_body *body);
/* folder: where a temporary file would go. False when there is no memory or no disk. */
bool rh_web_body_add(struct rh_web_body *body, const char *folder, const void *data, size_t n);
/* All of it, borrowed until reset. False when it could not be mapped. */
bool rh_web_body_finish(struct rh_web_body *body, struct rh_text *ret_text);
