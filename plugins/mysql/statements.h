/*
 * Statements of the session: prepared at the server, kept by their text, least recently used out
 * first.
 */
#pragma once

#include "params.h"

#include <mysql.h>
#include <stdbool.h>
#include <stdint.h>

struct rh_conn;

#define RH_MY_MAX_STATEMENTS 64
#define RH_MY_MAX_STATEMENT_BYTES 65536 /* longer texts are not kept */

struct rh_my_statement {
    MYSQL_STMT *stmt; /* NULL: the slot is free */
    char *text;
    size_t len;
    uint64_t hash;
    uint64_t used;
};

struct rh_my_statements {
    struct rh_my_statement slots[RH_MY_MAX_STATEMENTS];
    MYSQL_STMT *loose; /* the last one that is not kept */
    uint64_t clock;
};

/* The statement of that text, prepared. Borrowed until the next call. [conn] */
int rh_my_prepare(struct rh_conn *conn, struct rh_text text, MYSQL_STMT **ret_stmt,
                  struct rh_error *error);
/* Binds params and executes. With rows: they are to be fetched, or dropped by rh_my_drop. */
int rh_my_execute(struct rh_conn *conn, MYSQL_STMT *stmt, struct rh_my_params *params,
                  struct rh_error *error);
/* Reads and drops what is left of the statement's result. */
int rh_my_drop(struct rh_conn *conn, MYSQL_STMT *stmt, struct rh_error *error);
/* sql's text with its parameters: prepared and executed. */
int rh_my_run(struct rh_conn *conn, const struct rh_sql *sql, MYSQL_STMT **ret_stmt,
              struct rh_error *error);
/* Closes them all, here and at the server (unless it has forgotten them). */
void rh_my_statements_free(struct rh_my_statements *statements);
