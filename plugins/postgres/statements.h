/*
 * Which statements the session has prepared: least recently used out first. A statement is prepared
 * when its text comes by for the second time with the same parameter types.
 */
#pragma once

#include "params.h"

#include <stdbool.h>
#include <stdint.h>

#define RH_PG_MAX_STATEMENTS 256
#define RH_PG_MAX_STATEMENT_KEY 16384 /* longer texts are not kept */

struct rh_pg_statement {
    char *key; /* oids, then the text */
    size_t key_len;
    uint64_t used;
    bool prepared; /* at the server, under the name that rh_pg_statement_name gives */
    bool occupied; /* something is under that name there, maybe what the slot held before */
};

struct rh_pg_statements {
    uint64_t hashes[RH_PG_MAX_STATEMENTS]; /* looked through first; 0 = free slot */
    struct rh_pg_statement slots[RH_PG_MAX_STATEMENTS];
    uint32_t n;
    uint64_t clock;
};

#define RH_PG_STATEMENT_NAME_SIZE 16

/* Slot of the statement, with *ret_seen when it came by before; -1 when it is not kept. A new one
 * takes the place of the least recently used. */
int rh_pg_statements_find(struct rh_pg_statements *statements, const char *text,
                          const struct rh_pg_params *params, bool *ret_seen);
/* The server has none of them any more; which texts came by is still known. */
void rh_pg_statements_forget(struct rh_pg_statements *statements);
/* The statement of that name shall be prepared anew; gone: the server has nothing under it. */
void rh_pg_statement_expire(struct rh_pg_statements *statements, const char *name, bool gone);
void rh_pg_statements_free(struct rh_pg_statements *statements);
void rh_pg_statement_name(int slot, char ret_name[RH_PG_STATEMENT_NAME_SIZE]);
