/*
 * The children of a node are few (at most some ten), so they are a list. The search may step back
 * from a fixed segment to a parameter; the tree's depth bounds that.
 */
#include "server/api/router.h"

#include "base/text.h"

#include <stdlib.h>

struct node {
    struct rh_text segment; /* borrowed from the table; no text: a parameter */
    struct node *child, *next;
    const struct rh_command *commands[RH_WEB_OTHER];
    unsigned positions[RH_WEB_OTHER];
};

struct rh_router {
    struct node root;
};

static bool is_parameter(struct rh_text segment)
{
    return segment.len && segment.data[0] == '{';
}

static struct node *child_for(struct node *node, struct rh_text segment)
{
    struct rh_text wanted = is_parameter(segment) ? (struct rh_text){NULL, 0} : segment;
    struct node **end = &node->child, *child;

    for (; *end; end = &(*end)->next)
        if ((*end)->segment.data ? rh_text_equal((*end)->segment, wanted) : !wanted.data)
            return *end;
    child = calloc(1, sizeof(*child));
    if (!child)
        return NULL;
    child->segment = wanted;
    if (!wanted.data) {
        *end = child;
    } else { /* fixed segments stand before the parameter */
        child->next = node->child;
        node->child = child;
    }
    return child;
}

static bool add(struct rh_router *router, const struct rh_command *command, unsigned position)
{
    struct rh_text rest = rh_text_of(command->path + 1);
    struct node *node = &router->root;
    enum rh_web_method method = rh_web_method_of(command->method);

    while (rest.data) {
        node = child_for(node, rh_text_cut(&rest, '/'));
        if (!node)
            return false;
    }
    node->commands[method] = command;
    node->positions[method] = position;
    return true;
}

struct rh_router *rh_router_new(void)
{
    struct rh_router *router = calloc(1, sizeof(*router));
    const struct rh_command *command;

    if (!router)
        return NULL;
    for (unsigned i = 0; (command = rh_command_at(i)); i++) {
        if (!add(router, command, i)) {
            rh_router_free(router);
            return NULL;
        }
    }
    return router;
}

static void free_children(struct node *node)
{
    while (node->child) {
        struct node *child = node->child;
        node->child = child->next;
        free_children(child);
        free(child);
    }
}

void rh_router_free(struct rh_router *router)
{
    if (!router)
        return;
    free_children(&router->root);
    free(router);
}

static bool take(const struct node *node, enum rh_web_method method, struct rh_route *route)
{
    if (node->commands[method]) {
        route->command = node->commands[method];
        route->position = node->positions[method];
        return true;
    }
    for (unsigned i = 0; i < RH_WEB_OTHER; i++)
        if (node->commands[i])
            route->allowed |= 1u << i;
    return false;
}

static bool search(const struct node *node, enum rh_web_method method, struct rh_text rest,
                   struct rh_route *route)
{
    struct rh_text segment;

    if (!rest.data)
        return take(node, method, route);
    segment = rh_text_cut(&rest, '/');
    for (const struct node *child = node->child; child; child = child->next) {
        if (child->segment.data) {
            if (rh_text_equal(child->segment, segment) && search(child, method, rest, route))
                return true;
        } else if (segment.len && route->n_segments < RH_COMMAND_MAX_SEGMENTS) {
            route->segments[route->n_segments++] = segment;
            if (search(child, method, rest, route))
                return true;
            route->n_segments--;
        }
    }
    return false;
}

bool rh_router_find(const struct rh_router *router, enum rh_web_method method, struct rh_text path,
                    struct rh_route *ret_route)
{
    ret_route->command = NULL;
    ret_route->n_segments = 0;
    ret_route->allowed = 0;
    if (path.len == 0 || path.data[0] != '/')
        return false;
    if (method == RH_WEB_HEAD)
        method = RH_WEB_GET;
    if (method == RH_WEB_OTHER)
        method = RH_WEB_OPTIONS; /* has no commands: only finds out what is allowed */
    path.data++;
    path.len--;
    if (path.len > 1 && path.data[path.len - 1] == '/')
        path.len--;
    return search(&router->root, method, path, ret_route);
}
