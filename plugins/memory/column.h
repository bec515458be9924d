/*
 * Columns: what the host is told about them, what values they take, what they hold when nothing
 * is given.
 */
#pragma once

#include <rowhouse/error.h>
#include <rowhouse/query.h>

#include <stdint.h>

#define MEM_NAME_MAX 255 /* bytes */

struct mem_column {
    struct rh_column described; /* texts point to name and block */
    char *name;
    char *block;             /* all other texts and the options */
    struct rh_value initial; /* the default; NULL when there is none */
    char *initial_bytes;
    uint64_t next; /* IDENTITY: the number to give out next; INT64_MAX + 1 when used up */
};

/* INVALID when it is empty, too long, or no text. */
int mem_name_check(struct rh_text name, struct rh_error *error);

/* Copies the description. INVALID for a type, default or name that makes no sense, UNSUPPORTED for
 * GENERATED. */
int mem_column_init(struct mem_column *column, const struct rh_column *from,
                    struct rh_error *error);
void mem_column_fini(struct mem_column *column);
int mem_column_rename(struct mem_column *column, struct rh_text name, struct rh_error *error);

/* What MISSING stands for: the next number, the default, or NULL. DATA when the numbers are used
 * up. Borrowed from the column. */
int mem_column_default(struct mem_column *column, struct rh_value *ret_value,
                       struct rh_error *error);
/* Whether the column takes the value. DATA, or CONSTRAINT/NOT_NULL; names the column. */
int mem_column_check(const struct mem_column *column, const struct rh_value *value,
                     struct rh_error *error);
/* Lets IDENTITY go on behind a number that was given. */
void mem_column_saw(struct mem_column *column, const struct rh_value *value);
