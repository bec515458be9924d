/*
 * The calls that make, test and clean one connection, with their own deadlines and with outcomes
 * that can be trusted. `name` is the datasource's, and stands before every message.
 */
#pragma once

#include "host/library.h"
#include "host/op.h"

/* connect, within connect_ms and the operation's deadline. A source that did not answer within
 * connect_ms is UNAVAILABLE; TIMEOUT means that the operation's own deadline passed. */
int rh_connection_open(const struct rh_library *library, const char *name,
                       const struct rh_settings *settings, struct rh_operation *op,
                       uint32_t connect_ms, struct rh_conn **ret_conn, struct rh_error *error);
/* ping, within limit_ms and the operation's deadline. */
int rh_connection_ping(const struct rh_library *library, const char *name, struct rh_conn *conn,
                       struct rh_operation *op, uint32_t limit_ms, struct rh_error *error);
/* reset, if the connector has it. The operation may have ended: its deadline and token do not
 * count, limit_ms does. */
int rh_connection_reset(const struct rh_library *library, const char *name, struct rh_conn *conn,
                        const struct rh_operation *op, uint32_t limit_ms, struct rh_error *error);
/* Whether this outcome leaves the connection's state in doubt. [any] */
bool rh_connection_is_poison(int outcome);
