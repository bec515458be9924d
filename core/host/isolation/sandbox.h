/*
 * What an isolated connector may do, and the end of everything else.
 *
 * Comes from the manifest's permissions. Enforced in the connector's process before any of the
 * connector's code runs: no new privileges, death with the parent, resource limits, Landlock for
 * files and TCP ports and seccomp for system calls, each where the kernel has it. What the kernel
 * lacks is said in the log, once per process.
 */
#pragma once

#include <rowhouse/error.h>

#include <stdbool.h>
#include <stdint.h>

struct rh_sandbox {
    bool network;          /* may open sockets: TCP and UDP */
    const uint16_t *ports; /* TCP to these ports only; n_ports 0: to all */
    uint32_t n_ports;
    const char *const *hosts;      /* egress of the HTTP service: names, *.suffix, or CIDR */
    uint32_t n_hosts;              /* 0: every public and private host but link-local ones */
    const char *const *read_paths; /* files and folders, beside what the C library needs */
    uint32_t n_read_paths;
    const char *const *write_paths; /* with any, and network: sockets in the file system too */
    uint32_t n_write_paths;
    bool environment;      /* gets the host's variables, but for the locale and ROWHOUSE_… */
    uint64_t memory_bytes; /* data segment and mappings; 0: 512 MiB */
    uint32_t max_files;    /* descriptors; 0: 256 */
    uint32_t max_threads;  /* 0: 64; counted by the host, which kills a process with more */
};

/* In bytes, the default included. */
uint64_t rh_sandbox_memory(const struct rh_sandbox *sandbox);
/* For the calling process, from now on for ever; before it has other threads. RESOURCE when a
 * limit cannot be set. *ret_lacking: what the kernel does not have ("Landlock, seccomp"), "" when
 * nothing; static text. */
int rh_sandbox_enter(const struct rh_sandbox *sandbox, const char **ret_lacking,
                     struct rh_error *error);
