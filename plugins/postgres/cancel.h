/*
 * Cancel requests: the 16 bytes of section 55.2.8 of the PostgreSQL manual, sent over a socket of
 * their own.
 *
 * libpq's PQcancel does the same with a blocking connect and read, so a server that swallows
 * packets would hang it for minutes; here everything has a deadline. The secret key of the session,
 * which libpq does not hand out, is read from its protocol trace while connecting. As with PQcancel
 * before version 17, the request is not encrypted: it holds nothing but the key, which is of no use
 * except for cancelling.
 */
#pragma once

#include <libpq-fe.h>

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct rh_pg_cancel {
    struct sockaddr_storage address; /* of the server's end */
    socklen_t address_len;
    uint32_t pid;
    uint32_t key;
    bool known; /* false: this session cannot be cancelled, only dropped */
};

/* From a connection that stands, and what PQtrace wrote while it was made (may be NULL). [conn] */
void rh_pg_cancel_learn(struct rh_pg_cancel *cancel, PGconn *pg, const char *trace);
/* Sends the request and waits until the server has taken it, for at most timeout_ms. False when it
 * did not get there. [any] */
bool rh_pg_cancel_send(const struct rh_pg_cancel *cancel, uint64_t timeout_ms);
