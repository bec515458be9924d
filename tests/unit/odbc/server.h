/* Targets that are servers: where they are, and what is said when nobody answers there. */
#pragma once

#include "unit/odbc/suite.h"

#include <netinet/in.h>
#include <sys/socket.h>

static char host[128], port[16];

START_TEST(knows_unreachable_servers)
{
    struct rh_conn *made = NULL;
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof address;
    char string[256];
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    (void)snprintf(string, sizeof string, "SERVER=127.0.0.1;PORT=%d;DATABASE=x;UID=x",
                   ntohs(address.sin_port));
    fails(connect_with(string, NULL, NULL, &made), RH_UNAVAILABLE); /* nobody listens */
    ck_assert_int_eq(listen(fd, 1), 0); /* takes connections and says nothing */
    fresh(2 * SECOND);
    fails(connect_with(string, NULL, NULL, &made), RH_UNAVAILABLE);
    (void)close(fd);
}
END_TEST
