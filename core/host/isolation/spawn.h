/* Starting rowhouse-connector-host. */
#pragma once

#include <rowhouse/error.h>

#include <stdbool.h>
#include <sys/types.h>

/* This end of what the new process got. */
struct rh_spawned {
    pid_t pid;
    int pidfd;
    int control; /* SOCK_SEQPACKET */
    int boot;    /* SOCK_STREAM */
    int output;  /* its stderr; not blocking */
};

/* With the image as descriptor RH_CHILD_IMAGE. environment: with this process's variables, but for
 * the locale and ROWHOUSE_…; otherwise with the time zone only. The process dies with the calling
 * thread. NOT_FOUND (the program is nowhere), RESOURCE. */
int rh_spawn(int image_fd, bool environment, struct rh_spawned *ret_spawned,
             struct rh_error *error);
