/*
 * Values on their way to the server: which type they are sent as, and the bytes of that type's
 * binary form (manual, section 55.7 and the *_recv functions of the types).
 *
 *   value       sent as                              column of another type
 *   BOOL        bool
 *   INT         int2, int4, int8, oid as the column, int8 where it would not fit
 *   UINT        numeric
 *   FLOAT       float8                               numeric: shortest digits
 *   DECIMAL     numeric
 *   TEXT        text, bpchar                         the column's own type, as text: parsed there
 *   BYTES       bytea
 *   DATE TIME DATETIME TIMESTAMP INTERVAL UUID       date time timestamp timestamptz interval uuid
 *   JSON        json, jsonb                          arrays: as an array literal
 */
#pragma once

#include "connector/sql.h"

#include <rowhouse/error.h>

#include <stdbool.h>

/* The oid that the values (n of them, all for one placeholder or list) are sent as. [any] */
unsigned rh_pg_parameter_oid(const struct rh_column *column, enum rh_sql_form form,
                             const struct rh_value *values, uint32_t n);
/* True when rh_pg_encode knows the binary form of the type. */
bool rh_pg_is_binary(unsigned oid);
/* The array type whose elements have this type; 0 when not known. */
unsigned rh_pg_array_oid(unsigned oid);
/* The type of the elements of an array type; 0 when it is none, or not known. */
unsigned rh_pg_element_oid(unsigned oid);
/* DATA when a number is out of the column's range, of which the server would not name the column, or
 * when a text would be cut off to fit it: the server does so with "char" and name without a word. */
int rh_pg_check_cell(const struct rh_column *column, const struct rh_value *value,
                     struct rh_error *error);
/* Appends the binary form of a value that is not NULL. DATA when it does not fit the type. */
int rh_pg_encode(struct rh_buf *to, unsigned oid, const struct rh_value *value,
                 struct rh_error *error);
/* Appends a one-dimensional array of values, none of them NULL. */
int rh_pg_encode_array(struct rh_buf *to, unsigned element_oid, const struct rh_value *values,
                       uint32_t n, struct rh_error *error);
/* Appends the text form, for types without a binary one: texts as they are, a JSON array as an
 * array literal. DATA when there is none, or it holds a NUL byte. */
int rh_pg_encode_text(struct rh_buf *to, unsigned oid, const struct rh_value *value,
                      struct rh_error *error);
/* Appends a JSON array as an array literal: {1,"two",NULL,{…}}. DATA when it is none. */
int rh_pg_encode_array_literal(struct rh_buf *to, struct rh_text json, struct rh_error *error);

static inline void rh_pg_put_u16(char *to, uint16_t value)
{
    value = __builtin_bswap16(value);
    __builtin_memcpy(to, &value, sizeof value);
}
static inline void rh_pg_put_u32(char *to, uint32_t value)
{
    value = __builtin_bswap32(value);
    __builtin_memcpy(to, &value, sizeof value);
}
static inline void rh_pg_put_u64(char *to, uint64_t value)
{
    value = __builtin_bswap64(value);
    __builtin_memcpy(to, &value, sizeof value);
}

#define RH_PG_EPOCH_DAYS 10957 /* 2000-01-01 */
#define RH_PG_EPOCH_US INT64_C(946684800000000)
