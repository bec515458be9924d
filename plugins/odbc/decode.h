/*
 * One cell of the driver as a value.
 */
#pragma once

#include "connection.h"
#include "connector/rowset.h"

struct rh_odbc_cell;

/* data, len: of the entry, in its C type. stable: data lives as long as the batch. What does not
 * fit the type is a TEXT cell. PROTOCOL when it is nothing at all. */
typedef int rh_odbc_decode_fn(const struct rh_odbc_cell *cell, struct rh_rowset *out,
                              struct rh_value *ret_value, const char *data, size_t len, bool stable,
                              struct rh_error *error);

/* A column: chosen once for all of its cells. */
struct rh_odbc_cell {
    rh_odbc_decode_fn *decode;
    uint8_t type;       /* RH_TYPE_* that it shall have */
    bool is_unsigned;   /* a whole number without a sign */
    bool fixed;         /* a C type of one length */
    uint8_t end;        /* bytes that the driver ends a value with */
    SQLSMALLINT c_type; /* as which it is fetched */
    SQLSMALLINT sql_type;
    size_t width; /* of a bound entry in bytes; 0 = not bounded */
    size_t data;  /* where its entries begin in a block */
};

/* How a column of that type is fetched. size: as the driver describes it, 0 = not bounded. */
void rh_odbc_cell_choose(struct rh_odbc_cell *cell, const struct rh_conn *conn, uint8_t type,
                         SQLSMALLINT sql_type, SQLULEN size, bool is_unsigned);
