/*
 * The SQL functions that Rowhouse registers on its connections, for what SQLite cannot say exactly.
 *
 *   rh_match(op, text, pattern)   text predicates of the ABI (rh_match); 0 for what is no text
 *   rh_date_us(x) …               the value of a date, time, datetime or timestamp text; NULL for
 *                                 anything else
 *   rh_date_key(x) …              what sorts and groups by value: a key (see below) where x is a
 *                                 value of the type, else x itself
 *   rh_date_bucket(x, bucket) …   the key of the period's start
 *   rh_uuid_key(x)
 *   rh_uuid_lower(x), rh_uuid_upper(x), rh_uuid_bytes(x)   the forms that a UUID may be stored in;
 *                                 x itself where it is no UUID
 *   rh_sum(x), rh_avg(x)          exact, over whole numbers; decimal text
 *   rh_sum_decimal(x), …          the same over a column of decimals
 *   rh_sum_key(x), …              the same as what compares (total.h): a blob
 *   rh_sum_float(x), rh_avg_float(x)   over doubles; what is no number is left out
 *   rh_list(pointer)              a table-valued function over a bound list
 *
 * A key is a blob: RH_SQLITE_KEY_MARK and the value so that memcmp sorts it. In SQLite's order
 * numbers < text < blobs, so keys stand where the host wants times: behind text, before bytes
 * (which keep clear of keys by RH_SQLITE_BYTES_MARK in front of them).
 */
#pragma once

#include <rowhouse/value.h>

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#define RH_SQLITE_KEY_MARK 0x00
#define RH_SQLITE_BYTES_MARK 0x01
#define RH_SQLITE_KEY_MAX 17

/* Returns SQLite's code. */
int rh_sqlite_functions_register(sqlite3 *db);

/* The value of a stored text: DATE, TIME, DATETIME, TIMESTAMP (years 0000 to 9999, as in SQLite's
 * own functions; a date may have a time of midnight). */
bool rh_sqlite_parse_us(uint32_t type, struct rh_text text, int64_t *ret_value);
/* 36 characters, all in lower case or all in upper case. */
bool rh_sqlite_parse_uuid(struct rh_text text, unsigned char ret_uuid[16]);
void rh_sqlite_format_uuid(const unsigned char uuid[16], bool upper, char ret_text[36]);

/* Keys; return the length. */
unsigned rh_sqlite_key_of_i64(int64_t value, unsigned char ret_key[RH_SQLITE_KEY_MAX]);
unsigned rh_sqlite_key_of_uuid(const void *uuid, unsigned char ret_key[RH_SQLITE_KEY_MAX]);
bool rh_sqlite_key_to_i64(const void *key, size_t len, int64_t *ret_value);
