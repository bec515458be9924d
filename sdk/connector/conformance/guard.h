/*
 * Structs that are lent to a connector, each at the very end of memory that is readable: what lies
 * behind it is a page that nobody may touch. So a connector that reads or writes behind the
 * struct_size that it was given crashes. Or with room behind them that is zero, as a newer host's.
 * Or taken away after the call, so that a connector that keeps a pointer crashes later.
 *
 * Memory is mapped per object and never given back while the process lives.
 */
#pragma once

#include "connector/conformance/trial.h"

enum rh_guard_style {
    RH_GUARD_TIGHT,    /* struct_size and strides as in this minor, a guard behind each object */
    RH_GUARD_WIDE,     /* larger ones, zero behind what this minor knows */
    RH_GUARD_FLEETING, /* as TIGHT, and unreadable after rh_guard_end */
};

#define RH_GUARD_MORE 64u /* bytes that a wide struct has in addition */

/* Which style the copies below have; begins a call. */
void rh_guard_begin(enum rh_guard_style wanted);
/* Ends it: fleeting copies cannot be read any more. */
void rh_guard_end(void);

/* Copies that live until rh_guard_end. Deep: everything that they point to is such a copy too. */
const struct rh_op *rh_guard_op(const struct rh_op *op);
const struct rh_query *rh_guard_query(const struct rh_query *query);
const struct rh_settings *rh_guard_settings(const struct rh_settings *settings);
const struct rh_write_spec *rh_guard_spec(const struct rh_write_spec *spec);
/* Not fleeting: valid until the process ends. */
const struct rh_host *rh_guard_host(const struct rh_host *host);
/* Room for a struct that the connector fills; its first word is struct_size, the rest zero. */
void *rh_guard_room(size_t size);
