/*
 * Native types: what rh_column.native_id says of a column, and which values it has.
 */
#pragma once

#include "connector/kit.h"

#include <stdbool.h>
#include <stdint.h>

enum rh_my_kind {
    RH_MY_NONE, /* no column of a table: an aggregate */
    RH_MY_TINY_BOOL,
    RH_MY_INTEGER,
    RH_MY_YEAR,
    RH_MY_BIT,
    RH_MY_FLOAT,
    RH_MY_DECIMAL,
    RH_MY_CHAR, /* loses blanks at its end */
    RH_MY_VARCHAR,
    RH_MY_ENUM,
    RH_MY_SET,
    RH_MY_BINARY,
    RH_MY_DATE,
    RH_MY_TIME,
    RH_MY_DATETIME,
    RH_MY_TIMESTAMP,
    RH_MY_JSON,
    RH_MY_UUID,
    RH_MY_GEOMETRY,
    RH_MY_OTHER, /* a type with a text of its own: inet6 */
};

static inline enum rh_my_kind rh_my_kind_of(const struct rh_column *column)
{
    return (enum rh_my_kind)(column->native_id & 0xff);
}

/* The comment of a datetime column whose values are UTC: a TIMESTAMP of all years, where the server's
 * own has those from 1970 to 2038. Rowhouse makes its TIMESTAMP columns so. */
#define RH_MY_UTC "UTC"
/* Likewise of a binary(16) that holds UUIDs: MySQL has no type for them, and MariaDB's refuses some. */
#define RH_MY_UUID_BYTES "UUID"

/* Fills type, native_id, flags, precision, scale and max_length from a row of
 * information_schema.columns. */
struct rh_my_described {
    struct rh_text data_type, column_type, charset, collation, comment;
    uint64_t precision, scale, max_length;
    bool json; /* a check says json_valid */
};
void rh_my_describe(const struct rh_my_described *from, struct rh_column *column);

/* Whether UUIDs are stored as bytes. Of a column that nobody has described: as Rowhouse makes them. */
static inline bool rh_my_stores_bytes(const struct rh_column *column)
{
    enum rh_my_kind kind = rh_my_kind_of(column);

    return column->type == RH_TYPE_BYTES || kind == RH_MY_BINARY ||
           (column->type == RH_TYPE_UUID && kind == RH_MY_NONE);
}

/* Whether LIKE under the column's own collation, through an index, finds all that begin so. Under a
 * binary one that pads, the server looks from the beginning followed by blanks on, and misses what
 * goes on with less than a blank. */
#define RH_MY_PADDED_BINARY 0x8000u
static inline bool rh_my_likes_by_index(const struct rh_column *column)
{
    return !(column->native_id & RH_MY_PADDED_BINARY);
}

/* The name of a text column's encoding, or NULL when it is not known or there is none. */
const char *rh_my_charset(const struct rh_column *column);
/* Whether its bytes are UTF-8 (utf8mb4 or utf8mb3); true for what is no text column. */
bool rh_my_is_utf8(const struct rh_column *column);
/* Whether the VALUE form of a text is bytes, not a text under a collation that compares likewise. */
static inline bool rh_my_compares_bytes(const struct rh_column *column)
{
    return !(column->flags & RH_COLUMN_BINARY_ORDER) || rh_my_kind_of(column) == RH_MY_NONE;
}
