/*
 * What the library's and the server's errors mean. A call that our own streams have ended is TIMEOUT or
 * CANCELLED, whatever the library made of it.
 */
#include "mongodb.h"

#include <stdio.h>
#include <string.h>

static const struct code {
    int64_t code;
    int error_class;
    uint32_t constraint;
} codes[] = {
    {2, RH_INVALID, 0},                           /* BadValue */
    {6, RH_UNAVAILABLE, 0},                       /* HostUnreachable */
    {7, RH_UNAVAILABLE, 0},                       /* HostNotFound */
    {9, RH_INVALID, 0},                           /* FailedToParse */
    {11, RH_AUTH, 0},                             /* UserNotFound */
    {13, RH_PERMISSION, 0},                       /* Unauthorized */
    {14, RH_INVALID, 0},                          /* TypeMismatch */
    {18, RH_AUTH, 0},                             /* AuthenticationFailed */
    {20, RH_UNSUPPORTED, 0},                      /* IllegalOperation */
    {24, RH_BUSY, 0},                             /* LockTimeout */
    {26, RH_NOT_FOUND, 0},                        /* NamespaceNotFound */
    {27, RH_NOT_FOUND, 0},                        /* IndexNotFound */
    {43, RH_UNAVAILABLE, 0},                      /* CursorNotFound */
    {46, RH_BUSY, 0},                             /* LockBusy */
    {48, RH_EXISTS, 0},                           /* NamespaceExists */
    {50, RH_TIMEOUT, 0},                          /* MaxTimeMSExpired */
    {59, RH_UNSUPPORTED, 0},                      /* CommandNotFound */
    {66, RH_INVALID, 0},                          /* ImmutableField */
    {73, RH_NOT_FOUND, 0},                        /* InvalidNamespace */
    {85, RH_EXISTS, 0},                           /* IndexOptionsConflict */
    {86, RH_EXISTS, 0},                           /* IndexKeySpecsConflict */
    {89, RH_UNAVAILABLE, 0},                      /* NetworkTimeout */
    {91, RH_UNAVAILABLE, 0},                      /* ShutdownInProgress */
    {112, RH_CONFLICT, 0},                        /* WriteConflict */
    {115, RH_UNSUPPORTED, 0},                     /* CommandNotSupported */
    {121, RH_CONSTRAINT, RH_CONSTRAINT_CHECK},    /* DocumentValidationFailure */
    {136, RH_NOT_FOUND, 0},                       /* CappedPositionLost */
    {166, RH_UNSUPPORTED, 0},                     /* CommandNotSupportedOnView */
    {189, RH_UNAVAILABLE, 0},                     /* PrimarySteppedDown */
    {202, RH_BUSY, 0},                            /* NetworkInterfaceExceededTimeLimit */
    {225, RH_BUSY, 0},                            /* TransactionTooOld */
    {251, RH_CONFLICT, 0},                        /* NoSuchTransaction */
    {260, RH_NOT_FOUND, 0},                       /* InvalidResumeToken */
    {262, RH_TIMEOUT, 0},                         /* ExceededTimeLimit */
    {263, RH_UNSUPPORTED, 0},                     /* OperationNotSupportedInTransaction */
    {280, RH_NOT_FOUND, 0},                       /* ChangeStreamFatalError */
    {286, RH_NOT_FOUND, 0},                       /* ChangeStreamHistoryLost */
    {292, RH_RESOURCE, 0},                        /* QueryExceededMemoryLimitNoDiskUseAllowed */
    {303, RH_UNSUPPORTED, 0},                     /* TransactionCoordinator…, "not supported" */
    {9001, RH_UNAVAILABLE, 0},                    /* SocketException */
    {10003, RH_DATA, 0},                          /* CannotGrowDocumentInCappedNamespace */
    {10107, RH_UNAVAILABLE, 0},                   /* NotWritablePrimary */
    {10334, RH_DATA, 0},                          /* BSONObjectTooLarge */
    {11000, RH_CONSTRAINT, RH_CONSTRAINT_UNIQUE}, /* DuplicateKey */
    {11001, RH_CONSTRAINT, RH_CONSTRAINT_UNIQUE},
    {11600, RH_UNAVAILABLE, 0}, /* InterruptedAtShutdown */
    {11601, RH_CANCELLED, 0},   /* Interrupted */
    {11602, RH_UNAVAILABLE, 0}, /* InterruptedDueToReplStateChange */
    {12582, RH_CONSTRAINT, RH_CONSTRAINT_UNIQUE},
    {13388, RH_CONFLICT, 0},    /* StaleConfig */
    {13435, RH_UNAVAILABLE, 0}, /* NotPrimaryNoSecondaryOk */
    {13436, RH_UNAVAILABLE, 0}, /* NotPrimaryOrSecondary */
    {17280, RH_DATA, 0},        /* KeyTooLong */
};

int rh_mongodb_class(int64_t code, uint32_t *ret_constraint)
{
    *ret_constraint = 0;
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
        if (codes[i].code == code) {
            *ret_constraint = codes[i].constraint;
            return codes[i].error_class;
        }
    return RH_INVALID;
}

static bool is_auth(const bson_error_t *failure)
{
    return failure->domain == MONGOC_ERROR_SASL || failure->domain == MONGOC_ERROR_SCRAM ||
           (failure->domain == MONGOC_ERROR_CLIENT &&
            failure->code == MONGOC_ERROR_CLIENT_AUTHENTICATE);
}

static bool is_network(const bson_error_t *failure)
{
    return failure->domain == MONGOC_ERROR_STREAM ||
           failure->domain == MONGOC_ERROR_SERVER_SELECTION;
}

static int class_of(const bson_error_t *failure, uint32_t *ret_constraint)
{
    *ret_constraint = 0;
    if (is_auth(failure))
        return RH_AUTH;
    if (is_network(failure))
        return RH_UNAVAILABLE;
    switch (failure->domain) {
    case MONGOC_ERROR_SERVER:
    case MONGOC_ERROR_WRITE_CONCERN:
    case MONGOC_ERROR_QUERY:
        return rh_mongodb_class(failure->code, ret_constraint);
    case MONGOC_ERROR_PROTOCOL:
    case MONGOC_ERROR_BSON:
        return RH_PROTOCOL;
    case MONGOC_ERROR_TRANSACTION:
        return RH_UNSUPPORTED;
    case MONGOC_ERROR_COMMAND:
        return RH_DATA;
    default:
        return RH_INTERNAL;
    }
}

int rh_mongodb_fail(struct rh_conn *conn, const bson_error_t *failure, bool wrote, const char *what,
                    struct rh_error *error)
{
    uint32_t constraint = 0;
    int error_class = conn->ended ? conn->ended : class_of(failure, &constraint);
    bool lost = error_class == RH_TIMEOUT || error_class == RH_CANCELLED ||
                error_class == RH_UNAVAILABLE || error_class == RH_PROTOCOL;

    if (wrote && conn->sent && lost && failure->domain != MONGOC_ERROR_SERVER) {
        rh_fail(error, RH_UNKNOWN_OUTCOME,
                "%s: the server's answer was lost, so whether it was done is not known", what);
        return RH_UNKNOWN_OUTCOME;
    }
    if (conn->ended == RH_TIMEOUT)
        rh_fail(error, RH_TIMEOUT, "%s: the deadline passed", what);
    else if (conn->ended)
        rh_fail(error, RH_CANCELLED, "%s: cancelled", what);
    else if (error_class == RH_AUTH && failure->domain != MONGOC_ERROR_SCRAM)
        rh_fail(error, RH_AUTH, "%s: the server refused user or password", what);
    else
        rh_fail(error, error_class, "%s: %s", what, failure->message);
    if (!error || error->error_class != error_class)
        return error_class;
    error->constraint = constraint;
    if (failure->domain == MONGOC_ERROR_SERVER)
        error->native_code = failure->code;
    if (error_class == RH_UNAVAILABLE || error_class == RH_BUSY || error_class == RH_CONFLICT)
        error->retry = wrote && conn->sent ? RH_RETRY_IF_IDEMPOTENT : RH_RETRY_SAFE;
    if (error_class == RH_AUTH)
        rh_error_hint(error, "set user and password, and auth_source when the user was made in "
                             "another database");
    return error_class;
}
