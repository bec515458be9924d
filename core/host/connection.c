/*
 * One connection's housekeeping. Errors are collected in a local error first: a connector never
 * writes into the caller's.
 */
#include "host/connection.h"

#include "base/clock.h"
#include "base/err.h"
#include "host/check.h"

static uint64_t earlier(uint64_t deadline_us, uint32_t limit_ms)
{
    uint64_t limit_us = rh_clock_us() + (uint64_t)limit_ms * 1000;

    return limit_us < deadline_us ? limit_us : deadline_us;
}

/* The first error wins. */
static int pass(const struct rh_error *from, const char *name, struct rh_error *error)
{
    if (!error || error->error_class != RH_OK)
        return from->error_class;
    *error = *from;
    return rh_error_prefix(error, "%s", name);
}

int rh_connection_open(const struct rh_library *library, const char *name,
                       const struct rh_settings *settings, struct rh_operation *op,
                       uint32_t connect_ms, struct rh_conn **ret_conn, struct rh_error *error)
{
    struct rh_error fault = RH_ERROR_INIT;
    struct rh_op abi = op->abi;
    struct rh_conn *conn = NULL;
    int rc;

    abi.deadline_us = earlier(op->abi.deadline_us, connect_ms);
    rc = library->connector.connect(rh_host_services(), &abi, settings, &conn, &fault);
    rc = rh_check_outcome(rc, "connect", &fault);
    if (rc == RH_OK && conn) {
        *ret_conn = conn;
        return RH_OK;
    }
    if (rc == RH_OK || rc == RH_END)
        rh_fail(&fault, RH_CONTRACT, "the connector's \"connect\" gave no connection");
    if (rc == RH_TIMEOUT && rh_clock_us() < op->abi.deadline_us) {
        rh_error_clear(&fault);
        rh_fail(&fault, RH_UNAVAILABLE, "no connection within %u ms", connect_ms);
    }
    /* Nothing was asked of the source yet. */
    if (fault.error_class == RH_UNAVAILABLE || fault.error_class == RH_TIMEOUT ||
        fault.error_class == RH_BUSY || fault.error_class == RH_RATE_LIMITED)
        fault.retry = RH_RETRY_SAFE;
    return pass(&fault, name, error);
}

int rh_connection_ping(const struct rh_library *library, const char *name, struct rh_conn *conn,
                       struct rh_operation *op, uint32_t limit_ms, struct rh_error *error)
{
    struct rh_error fault = RH_ERROR_INIT;
    struct rh_op abi = op->abi;
    int rc;

    abi.deadline_us = earlier(op->abi.deadline_us, limit_ms);
    rc = rh_check_outcome(library->connector.ping(conn, &abi, &fault), "ping", &fault);
    return rc < 0 ? pass(&fault, name, error) : RH_OK;
}

int rh_connection_reset(const struct rh_library *library, const char *name, struct rh_conn *conn,
                        const struct rh_operation *op, uint32_t limit_ms, struct rh_error *error)
{
    struct rh_error fault = RH_ERROR_INIT;
    struct rh_op abi = op->abi;
    int rc;

    if (!library->connector.reset)
        return RH_OK;
    abi.deadline_us = earlier(UINT64_MAX, limit_ms);
    abi.cancel_fd = -1;
    rc = rh_check_outcome(library->connector.reset(conn, &abi, &fault), "reset", &fault);
    return rc < 0 ? pass(&fault, name, error) : RH_OK;
}

bool rh_connection_is_poison(int outcome)
{
    switch (outcome) {
    case RH_UNAVAILABLE:
    case RH_TIMEOUT:
    case RH_CANCELLED:
    case RH_PROTOCOL:
    case RH_UNKNOWN_OUTCOME:
    case RH_CONTRACT:
        return true;
    default:
        return false;
    }
}
