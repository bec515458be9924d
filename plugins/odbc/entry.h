/*
 * A value in the driver's form, as an entry of a parameter's array; decode.h is the way back.
 */
#pragma once

#include "dialect.h"

#include <sql.h>
#include <sqlext.h>
#include <stdbool.h>

/* How values are given to the driver. */
struct rh_odbc_form {
    const struct rh_odbc_dialect *dialect;
    bool utf8;
};

struct rh_odbc_entry {
    SQLSMALLINT c_type, sql_type;
    SQLSMALLINT digits; /* behind the point */
};

/* The types of an entry for a value of that column (or NULL). [any] */
void rh_odbc_entry_choose(struct rh_odbc_entry *entry, const struct rh_odbc_form *form,
                          const struct rh_column *column, const struct rh_value *value);
/* Bytes that it takes, at most. [any] */
size_t rh_odbc_entry_width(const struct rh_odbc_entry *entry, const struct rh_value *value);
/* Writes it; `to` has its width. DATA, UNSUPPORTED: the value has no such form. [any] */
int rh_odbc_entry_put(const struct rh_odbc_entry *entry, const struct rh_odbc_form *form,
                      const struct rh_value *value, char *to, SQLLEN *ret_length,
                      struct rh_error *error);
