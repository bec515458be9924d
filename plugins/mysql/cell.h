/*
 * One cell of a result in the binary protocol as a value.
 */
#pragma once

#include "bytes.h"

#include <mysql.h>
#include <rowhouse/value.h>

struct rh_my_decoder {
    struct rh_my_bytes bytes; /* that cells point to */
    uint32_t month;           /* that was decoded last, and its first day: dates cluster */
    int64_t month_start;
};

struct rh_my_column;

/* Decodes the cell that lies at `at` and ends before `end`, which are in order. Returns what lies
 * behind it; NULL when it is cut off or has a length that there is not. */
typedef const unsigned char *rh_my_decode_fn(struct rh_my_decoder *decoder,
                                             const struct rh_my_column *column,
                                             struct rh_value *cell, const unsigned char *at,
                                             const unsigned char *end);

/* How the cells of a column are decoded: chosen once for all of them. */
struct rh_my_column {
    rh_my_decode_fn *decode;
    uint8_t type; /* RH_TYPE_* that they shall have */
    uint8_t form; /* on the wire */
};

/* For a result's column. A type of RH_TYPE_MISSING becomes that of the result. */
void rh_my_column_choose(struct rh_my_column *column, const MYSQL_FIELD *field);
/* The type of a result's column: for native statements. */
uint8_t rh_my_field_type(const MYSQL_FIELD *field);
