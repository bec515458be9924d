/*
 * Rowhouse connector ABI: errors.
 *
 * The caller supplies the struct; its text is inline, so there is nothing to release and an error
 * outlives whatever made it. Functions return 0 (RH_OK), RH_END, or one of the negative classes
 * below, and then have filled the error. The connector classifies; only the host retries.
 */
#pragma once

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RH_OK 0
#define RH_END 1 /* next(): no more rows */

/* Error classes. */
#define RH_INVALID (-1)       /* the request makes no sense */
#define RH_UNSUPPORTED (-2)   /* this connector or server does not do that */
#define RH_CONFIG (-3)        /* a setting is wrong */
#define RH_AUTH (-4)          /* the source refused the credentials */
#define RH_PERMISSION (-5)    /* the credentials may not do this */
#define RH_NOT_FOUND (-6)     /* no such table, row, database */
#define RH_EXISTS (-7)        /* there is one already (tables, databases; rows: CONSTRAINT) */
#define RH_CONSTRAINT (-8)    /* see RH_CONSTRAINT_* */
#define RH_CONFLICT (-9)      /* stale version, serialization failure, deadlock victim */
#define RH_DATA (-10)         /* a value does not fit: overflow, bad encoding, division by zero */
#define RH_RATE_LIMITED (-11) /* retry_after_ms may say when */
#define RH_BUSY (-12)         /* out of connections or slots for now; locked */
#define RH_UNAVAILABLE (-13)  /* unreachable, went away, shutting down */
#define RH_TIMEOUT (-14)      /* the deadline passed */
#define RH_CANCELLED (-15)    /* cancelled by the caller */
#define RH_RESOURCE (-16)     /* out of memory or disk; a budget is used up */
#define RH_PROTOCOL (-17)     /* the source sent what it must not */
#define RH_NEEDS_KEYS (-18)   /* plan(): will not scan without the columns in rh_plan.needs */
#define RH_UNKNOWN_OUTCOME (-19) /* the write may or may not have happened */
#define RH_CONTRACT (-20)        /* the connector broke the contract of this ABI */
#define RH_INTERNAL (-21)        /* a fault in the connector or host */
#define RH_N_CLASSES 22

/* Which constraint (rh_error.constraint). */
#define RH_CONSTRAINT_UNIQUE 1
#define RH_CONSTRAINT_FOREIGN_KEY 2
#define RH_CONSTRAINT_CHECK 3
#define RH_CONSTRAINT_NOT_NULL 4
#define RH_CONSTRAINT_AMBIGUOUS_KEY 5 /* a keyed write matched more than one row */

/* Retry advice. */
#define RH_RETRY_NEVER 0
#define RH_RETRY_SAFE 1          /* nothing happened: any operation may be retried */
#define RH_RETRY_IF_IDEMPOTENT 2 /* something may have happened */

#define RH_NO_ROW ((uint64_t)-1)

/* Texts are always NUL-terminated. Nothing secret belongs in here: it is shown to users. */
struct rh_error {
    uint32_t struct_size;
    int32_t error_class;     /* RH_OK while there is no error: the first error wins */
    uint32_t constraint;     /* RH_CONSTRAINT_* with class CONSTRAINT, else 0 */
    uint32_t retry;          /* RH_RETRY_* */
    uint64_t retry_after_ms; /* 0 = not known */
    int64_t native_code;     /* the source's own number; 0 = none */
    uint64_t row;            /* index of the input row at fault, or RH_NO_ROW */
    char sqlstate[8];        /* "" = none */
    char code[32];     /* the host's problem code where it is finer than the class; "" = none */
    char column[72];   /* column at fault; "" = none */
    char pointer[184]; /* JSON pointer into the caller's input; "" = none */
    char message[512]; /* names the thing; one sentence, no trailing period */
    char hint[256];    /* what to do about it; "" = none */
};

#ifdef __cplusplus
}
#endif
