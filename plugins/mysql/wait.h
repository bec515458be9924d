/*
 * Waiting for the server, in place of the library.
 */
#pragma once

#include "connection.h"

/* The connection whose call runs on this thread, or NULL: then nothing waits. Returns the one
 * before. */
struct rh_conn *rh_my_wait_for(struct rh_conn *conn);
/* OpenSSL keeps errors per thread, and the library takes one that another connection has left for
 * one of its own. To be called before it is used, where others were. */
void rh_my_forget_tls_errors(void);
/* The callbacks for MARIADB_OPT_IO_WAIT: of connections, and of those that kill. */
int rh_my_wait(my_socket fd, my_bool is_read, int timeout_ms);
/* Sets what a connection of our own needs: the callback, TLS, and which ways to log in are safe. */
void rh_my_set_options(MYSQL *my, const struct rh_my_config *config,
                       int (*wait)(my_socket, my_bool, int));
/* Connects; false with the error in my. left_us: until the deadline. */
bool rh_my_log_in(MYSQL *my, const struct rh_my_config *config, unsigned long flags,
                  uint64_t left_us);
