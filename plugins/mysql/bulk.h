/*
 * LOAD DATA LOCAL INFILE: the fast way in for many rows, from memory.
 */
#pragma once

#include "connection.h"

/* Lets the library read what this connection uploads, and never a file. [conn] */
void rh_my_bulk_attach(struct rh_conn *conn);
/* True when all rows can go that way: they leave out the same columns, and every cell has a text
 * form. */
bool rh_my_bulk_suits(const struct rh_conn *conn, const struct rh_write_spec *spec);
/* Loads all rows. LOAD DATA LOCAL skips rows that violate a constraint, and changes values that do
 * not fit: *ret_clean is false when it may have, and then all of it must be undone. */
int rh_my_bulk_load(struct rh_conn *conn, const struct rh_write_spec *spec, bool *ret_clean,
                    struct rh_error *error);
