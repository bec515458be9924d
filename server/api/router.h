/*
 * From method and path to a command: a tree of path segments built once from the command table.
 * A fixed segment wins over a parameter; where the fixed one has no command for the method, the
 * parameter gets its turn ("query" is a row key for GET and an action for POST).
 */
#pragma once

#include "server/api/command.h"
#include "server/http/request.h"

struct rh_router;

/* NULL when out of memory. Owned by the caller. */
struct rh_router *rh_router_new(void);
void rh_router_free(struct rh_router *router);

struct rh_route {
    const struct rh_command *command;
    unsigned position; /* of the command in the table */
    /* The segments that stand for the path's parameters, in the order of the path, as sent. */
    struct rh_text segments[RH_COMMAND_MAX_SEGMENTS];
    unsigned n_segments;
    unsigned allowed; /* no command: methods that the path has, as bits (1 << enum rh_web_method) */
};

/* [any] True when there is a command. Else ret_route->allowed says which methods there would be (0:
 * no such path). HEAD finds what GET finds. path: percent-encoded. */
bool rh_router_find(const struct rh_router *router, enum rh_web_method method, struct rh_text path,
                    struct rh_route *ret_route);
