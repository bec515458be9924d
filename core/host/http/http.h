/*
 * The host's HTTP service for connectors (rowhouse/http.h), on libcurl.
 *
 * No threads of its own: the thread that calls drives its own transfer. A client keeps idle
 * connections in lanes (a curl multi and an easy handle each); an exchange has one lane to itself,
 * so two threads never meet in libcurl. HTTP/1.1 only: one exchange per connection leaves HTTP/2
 * nothing to gain, and libcurl buffers a paused HTTP/2 stream up to its whole window.
 *
 * Rejected: one connection pool shared through curl_share. Sharing connections between threads is
 * not safe in libcurl 7.88, and the host's own pool keeps connectors' connections, hence clients.
 */
#pragma once

#include <rowhouse/error.h>
#include <rowhouse/http.h>

#include <stdint.h>

/* What is the same for all clients of this process. Texts are copied. */
struct rh_http_config {
    const char *user_agent;   /* NULL: "Rowhouse/<version>" */
    const char *ca_pem;       /* trusted instead of the system's; NULL: the system's */
    const char *const *hosts; /* where requests may go: names, "*.suffix", or CIDR */
    uint32_t n_hosts;         /* 0: everywhere but what egress.h forbids by default */
};

/* At start-up, before any other call of the service; a second call replaces the first. NULL: the
 * defaults. CONFIG (a malformed host), RESOURCE. */
int rh_http_configure(const struct rh_http_config *config, struct rh_error *error);
/* The functions, for rh_host.http. */
extern const struct rh_http rh_http_service;
