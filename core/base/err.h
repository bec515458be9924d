/*
 * Filling and naming errors (struct rh_error of the ABI).
 *
 * One table maps each class to its name, HTTP status and problem code. The first error wins:
 * rh_fail on an error that is already set changes nothing but still returns the set class.
 */
#pragma once

#include <rowhouse/error.h>
#include <rowhouse/value.h>

#include <stdarg.h>

/* symbol, problem code ("unique" names in kebab-case), HTTP status, title */
#define RH_ERROR_MAP(X)                                                                            \
    X(INVALID, "invalid-request", 400, "Invalid request")                                          \
    X(UNSUPPORTED, "unsupported", 422, "Not supported by this datasource")                         \
    X(CONFIG, "invalid-settings", 422, "Invalid datasource settings")                              \
    X(AUTH, "datasource-auth", 502, "The datasource refused the credentials")                      \
    X(PERMISSION, "datasource-permission", 502, "The datasource refused the operation")            \
    X(NOT_FOUND, "not-found", 404, "Not found")                                                    \
    X(EXISTS, "already-exists", 409, "Already exists")                                             \
    X(CONSTRAINT, "constraint", 409, "A constraint was violated")                                  \
    X(CONFLICT, "conflict", 409, "Conflict")                                                       \
    X(DATA, "invalid-value", 422, "A value does not fit")                                          \
    X(RATE_LIMITED, "rate-limited", 429, "Too many requests")                                      \
    X(BUSY, "busy", 503, "Busy")                                                                   \
    X(UNAVAILABLE, "datasource-unavailable", 503, "The datasource is unavailable")                 \
    X(TIMEOUT, "timeout", 504, "The deadline passed")                                              \
    X(CANCELLED, "cancelled", 499, "Cancelled")                                                    \
    X(RESOURCE, "budget-exceeded", 422, "A budget was exceeded")                                   \
    X(PROTOCOL, "datasource-protocol", 502, "The datasource sent a malformed answer")              \
    X(NEEDS_KEYS, "needs-filter", 422, "The query needs a filter")                                 \
    X(UNKNOWN_OUTCOME, "unknown-outcome", 502, "The outcome of the write is not known")            \
    X(CONTRACT, "connector-contract", 502, "The connector broke its contract")                     \
    X(INTERNAL, "internal", 500, "Internal error")

/* An empty error: `struct rh_error err = RH_ERROR_INIT;` */
#define RH_ERROR_INIT                                                                              \
    {                                                                                              \
        .struct_size = sizeof(struct rh_error), .row = RH_NO_ROW                                   \
    }

/* Makes the error empty again. [any] */
void rh_error_clear(struct rh_error *error);

/* Sets class and message unless an error is set already; a text that does not fit ends in "…".
 * error may be NULL. Returns the error's class (always negative), to be returned by the caller. */
int rh_fail(struct rh_error *error, int error_class, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same with a list of arguments. */
int rh_vfail(struct rh_error *error, int error_class, const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));

/* rh_fail with the class RESOURCE, code "out-of-memory". Needs no memory. */
int rh_fail_nomem(struct rh_error *error);

/* Details of an error that is set; on an empty one they do nothing. Hint, code and pointer keep the
 * first text too. Each returns the error's class, so that they can be chained in a return
 * statement: `return rh_error_hint(error, "…")`. With error NULL they return INTERNAL, so a caller
 * that allows NULL returns what rh_fail gave. */
int rh_error_hint(struct rh_error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
int rh_error_code(struct rh_error *error, const char *code);
int rh_error_pointer(struct rh_error *error, const char *pointer);
/* Puts "context: " before the message. */
int rh_error_prefix(struct rh_error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* "INVALID", …; "UNKNOWN" for what is no class. Static text. [any] */
const char *rh_error_class_name(int error_class);
/* The error's own problem code, else that of its class. Valid as long as the error. */
const char *rh_error_problem(const struct rh_error *error);
