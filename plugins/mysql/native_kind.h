/*
 * What a native statement is, as far as its words tell before it is executed.
 */
#pragma once

#include "connection.h"

/* UNSUPPORTED for transaction control, and inside a transaction for what would commit it;
 * PERMISSION for what is not surely a read in a read-only operation; INVALID for no text. [any] */
int rh_my_native_check(const struct rh_conn *conn, const struct rh_native_spec *spec,
                       const struct rh_op *op, struct rh_error *error);
/* By its first word it reads, as far as no function that it calls does more. [any] */
bool rh_my_native_reads(const struct rh_native_spec *spec);
