/*
 * What a native statement is, by its first word: whether it may be run at all.
 */
#pragma once

#include <rowhouse/connector.h>

/* INVALID for no text, UNSUPPORTED for transaction control and COPY, PERMISSION for what a read-only
 * operation must not do though the server would. [any] */
int rh_pg_native_check(const struct rh_native_spec *spec, const struct rh_op *op,
                       struct rh_error *error);
