/*
 * Egress rules: which addresses requests may go to.
 *
 * Without a list: never to link-local, multicast, reserved and "this network" addresses, nor to the
 * clouds' metadata services; to loopback and private ones only for a host and port that an
 * administrator has configured (the base URL's, the token URL's, the proxy's), so no redirect or
 * link in an answer leads there. Everything public is allowed. With a list: only where its names or
 * ranges say; a range allows what it covers, a name any address that is not forbidden above.
 *
 * The address is checked when the socket is opened, after the name was resolved: an answer of DNS
 * that changes between check and use gains nothing. IPv4 inside of IPv6 (mapped, NAT64, 6to4)
 * counts as the IPv4 address.
 */
#pragma once

#include <rowhouse/error.h>
#include <rowhouse/value.h>

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct rh_egress;

/* Patterns: "example.com", "*.example.com" (not example.com itself), "10.1.0.0/16", "fd00::/8", a
 * single address. NULL list with n 0. CONFIG names the pattern. Owned by caller. */
int rh_egress_new(const char *const *hosts, uint32_t n_hosts, struct rh_egress **ret_egress,
                  struct rh_error *error);
void rh_egress_free(struct rh_egress *egress);

/* Before connecting: may a request go to a host of this name at all? host: lower case, brackets of
 * IPv6 removed. proxied: a proxy resolves the name, so no check of the address will follow, and a
 * list has to have the name itself. [any] */
bool rh_egress_allows_host(const struct rh_egress *egress, struct rh_text host, bool configured,
                           bool proxied);
/* When connecting: may it go to this address, which the name was resolved to? [any] */
bool rh_egress_allows_address(const struct rh_egress *egress, struct rh_text host,
                              const struct sockaddr *address, bool configured);
