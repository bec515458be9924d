/*
 * Problems: the errors that users see (RFC 9457), in one table of codes. An error's own code
 * decides status and title; an error without one gets those of its class.
 */
#pragma once

#include "base/buf.h"

#include <rowhouse/error.h>

struct rh_problem {
    const char *code;
    unsigned status;
    const char *title;
    int error_class;
};

/* NULL behind the last. [any] */
const struct rh_problem *rh_problem_at(unsigned position);
/* The entry that an error belongs to. Never NULL. */
const struct rh_problem *rh_problem_of(const struct rh_error *error);
/* The problem as a JSON object. request_id: no text = left out. */
void rh_problem_write(struct rh_buf *buf, const struct rh_error *error, struct rh_text request_id);
