/*
 * Rowhouse connector ABI: values.
 *
 * A value is 16 bytes and never owns memory: text and bytes are borrowed from whoever produced
 * them, for as long as that producer's contract says (a batch: until the next call on its cursor).
 *
 * The two types of this file are frozen for ever; their sizes are asserted below.
 * ABI 1 is a DRAFT until connectors of four kinds (SQL, document, key-value, REST) pass the
 * conformance suite: until then a minor may still change it.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Text or bytes: pointer and length in bytes, UTF-8 where it is text, not NUL-terminated.
 * {NULL, 0} is "no text"; {"", 0} is the empty text. */
struct rh_text {
    const char *data;
    uint64_t len;
};

/*
 * Value types. One epoch (1970-01-01), one unit (microseconds), the proleptic Gregorian calendar.
 *
 *   type       payload
 *   MISSING    none: the document has no such field. In a row to insert: "use the default".
 *   NULL       none
 *   BOOL       as.i: 0 or 1
 *   INT        as.i
 *   UINT       as.u; used only for columns whose values may exceed INT64_MAX
 *   FLOAT      as.f: IEEE double; may be NaN or infinite. NaN equals NaN and sorts above all numbers
 *   DECIMAL    as.data/len: ASCII [-]digits[.digits], no exponent, no leading '+'; also "NaN"
 *   TEXT       as.data/len: UTF-8
 *   BYTES      as.data/len
 *   DATE       as.i: civil days since 1970-01-01
 *   TIME       as.i: microseconds since midnight, 0 .. 86 400 000 000
 *   DATETIME   as.i: civil microseconds since 1970-01-01T00:00:00, no zone
 *   TIMESTAMP  as.i: UTC microseconds since 1970-01-01T00:00:00Z
 *   INTERVAL   as.data -> struct rh_interval, len = 16
 *   UUID       as.data -> 16 bytes in network order, len = 16
 *   JSON       as.data/len: one JSON text
 *
 * DATE, DATETIME and TIMESTAMP: INT64_MIN is "-infinity" and INT64_MAX is "infinity".
 */
#define RH_TYPE_MISSING 0
#define RH_TYPE_NULL 1
#define RH_TYPE_BOOL 2
#define RH_TYPE_INT 3
#define RH_TYPE_UINT 4
#define RH_TYPE_FLOAT 5
#define RH_TYPE_DECIMAL 6
#define RH_TYPE_TEXT 7
#define RH_TYPE_BYTES 8
#define RH_TYPE_DATE 9
#define RH_TYPE_TIME 10
#define RH_TYPE_DATETIME 11
#define RH_TYPE_TIMESTAMP 12
#define RH_TYPE_INTERVAL 13
#define RH_TYPE_UUID 14
#define RH_TYPE_JSON 15
#define RH_N_TYPES 16

struct rh_value {
    uint8_t type;       /* RH_TYPE_* */
    uint8_t reserved0;  /* zero */
    uint16_t reserved1; /* zero */
    uint32_t len;       /* bytes at as.data; zero for the types without */
    union {
        int64_t i;
        uint64_t u;
        double f;
        const void *data;
    } as;
};

/* Calendar interval; the three parts are never folded into each other. */
struct rh_interval {
    int32_t months;
    int32_t days;
    int64_t us;
};

/* Rows on their way: row-major cells, row r column c at cells[r * n_cols + c].
 * Borrowed from the producer until the next call on the same cursor (or connection, for the
 * rows that a write returns). */
struct rh_batch {
    uint32_t struct_size;
    uint32_t n_cols;
    uint64_t n_rows;
    const struct rh_value *cells;
};

#if defined(__cplusplus)
static_assert(sizeof(struct rh_text) == 16, "rh_text is frozen");
static_assert(sizeof(struct rh_value) == 16, "rh_value is frozen");
static_assert(sizeof(struct rh_interval) == 16, "rh_interval is frozen");
#elif defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L
_Static_assert(sizeof(struct rh_text) == 16, "rh_text is frozen");
_Static_assert(sizeof(struct rh_value) == 16, "rh_value is frozen");
_Static_assert(sizeof(struct rh_interval) == 16, "rh_interval is frozen");
#endif

#ifdef __cplusplus
}
#endif
