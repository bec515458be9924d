/*
 * What the files that read a resource share. `where` is the place in the description that messages
 * name: "resources.items.page".
 */
#pragma once

#include "rest.h"

#include "base/vec.h"

struct rh_rest_reader {
    struct rh_arena *arena;
    struct rh_rest_resource *resource; /* as far as it is read */
    struct rh_vec columns;             /* of struct rh_rest_column */
    struct rh_error *error;
};

extern const char *const rh_rest_as_words[]; /* of enum rh_rest_as */

/* CONFIG: "description: <where> <what>". */
int rh_rest_wrong(const struct rh_rest_reader *r, const char *where, const char *what);
/* "<where>.<name>", in the arena. */
const char *rh_rest_place(const struct rh_rest_reader *r, const char *where, struct rh_text name);
int rh_rest_read_type(const struct rh_rest_reader *r, const char *where, struct rh_text word,
                      uint8_t *to);

/* ---- parameter.c --------------------------------------------------------------------------- */

/* The list's parameters, from the member "parameters" (NULL: those of the path alone); columns that are
 * what was asked for are added. */
int rh_rest_read_parameters(struct rh_rest_reader *r, const struct rh_json *json,
                            const char *where);
/* An "as" of a column is its parameters', too. */
void rh_rest_share_as(const struct rh_rest_resource *resource, struct rh_rest_call *call);
/* Whether {name} stands in the path. */
bool rh_rest_has_placeholder(struct rh_text path, struct rh_text name);
