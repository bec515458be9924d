/*
 * The demo: an app "demo" with the datasource "shop", an SQLite file with customers, products,
 * orders and reviews. The rows are the same on every machine.
 */
#pragma once

#include "server/api/api.h"

/* Makes app, datasource and file, each only when it is missing. */
int rh_demo_make(struct rh_api *api, struct rh_error *error);
/* Prints three curl lines that work as pasted. */
void rh_demo_announce(struct rh_api *api, const char *url);

/* The rows of one table as NDJSON. Deterministic. */
struct rh_demo_rows;
struct rh_demo_rows *rh_demo_rows_new(void); /* NULL when out of memory */
void rh_demo_rows_free(struct rh_demo_rows *rows);
/* Position of a table among those below, its definition and its rows. NULL behind the last. */
const char *rh_demo_table(unsigned position);
void rh_demo_rows_write(const struct rh_demo_rows *rows, unsigned position, struct rh_buf *buf);
