/* The listening socket, from an address as users write it. */
#pragma once

#include <rowhouse/error.h>

/* "host:port", "[v6]:port" or ":port" (all addresses). ret_url: "http://host:port" with the port
 * that was given by the system, malloc'ed, owned by the caller. CONFIG. */
int rh_web_listen(const char *address, int *ret_fd, char **ret_url, struct rh_error *error);
