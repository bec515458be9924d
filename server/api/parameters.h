/* The parameters of a call: taken from path, query string and headers, checked against the
 * table. */
#pragma once

#include "server/api/call.h"

/* Fills call->values. INVALID, codes "unknown-parameter", "missing-parameter". */
int rh_parameters_take(struct rh_call *call, const struct rh_route *route, struct rh_error *error);
/* The error for a parameter that is not declared. Always returns the class. */
int rh_parameters_unknown(const struct rh_command *command, struct rh_text name,
                          struct rh_error *error);
/* Errors when a required one is absent. */
int rh_parameters_required(const struct rh_call *call, struct rh_error *error);
