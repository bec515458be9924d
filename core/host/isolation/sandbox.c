/*
 * Limits first, then files, then system calls: each step still needs what the next one takes.
 *
 * Memory: RLIMIT_DATA is the limit that is meant, since it counts what can be written to; address
 * space is bounded well above it, against shared mappings, which RLIMIT_DATA does not see.
 * Threads: RLIMIT_NPROC counts all processes of a user, so it is no limit for one of them; the
 * watcher in the host counts threads instead.
 *
 * Sanitizers map terabytes of shadow memory, so builds with one have no limits of memory.
 */
#include "host/isolation/sandbox.h"

#include "base/err.h"
#include "host/isolation/sandbox_parts.h"

#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#define DEFAULT_MEMORY ((uint64_t)512 << 20)
#define SHARED_BYTES ((uint64_t)2 << 30) /* libraries, reserves of malloc, stacks */
#define DEFAULT_FILES 256u
#define FILE_BYTES ((uint64_t)16 << 30)

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define LIMITS_MEMORY 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||                         \
    __has_feature(memory_sanitizer)
#define LIMITS_MEMORY 0
#endif
#endif
#ifndef LIMITS_MEMORY
#define LIMITS_MEMORY 1
#endif

/* Never above what the process has already. */
static int limit(__rlimit_resource_t resource, const char *name, uint64_t most,
                 struct rh_error *error)
{
    struct rlimit limits;

    if (getrlimit(resource, &limits) != 0)
        return rh_fail(error, RH_RESOURCE, "the limit of %s: %s", name, strerror(errno));
    if (limits.rlim_max > most)
        limits.rlim_max = most;
    limits.rlim_cur = limits.rlim_max;
    if (setrlimit(resource, &limits) != 0)
        return rh_fail(error, RH_RESOURCE, "the limit of %s: %s", name, strerror(errno));
    return RH_OK;
}

uint64_t rh_sandbox_memory(const struct rh_sandbox *sandbox)
{
    return sandbox->memory_bytes ? sandbox->memory_bytes : DEFAULT_MEMORY;
}

static int set_limits(const struct rh_sandbox *sandbox, struct rh_error *error)
{
    uint64_t memory = rh_sandbox_memory(sandbox);
    uint32_t files = sandbox->max_files ? sandbox->max_files : DEFAULT_FILES;
    uint64_t space;
    int rc;

    if (__builtin_add_overflow(memory, SHARED_BYTES, &space))
        space = RLIM_INFINITY;
    if ((rc = limit(RLIMIT_CORE, "core dumps", 0, error)) != RH_OK ||
        (rc = limit(RLIMIT_NOFILE, "descriptors", files, error)) != RH_OK ||
        (rc = limit(RLIMIT_FSIZE, "file sizes", FILE_BYTES, error)) != RH_OK)
        return rc;
    if (LIMITS_MEMORY && ((rc = limit(RLIMIT_DATA, "memory", memory, error)) != RH_OK ||
                          (rc = limit(RLIMIT_AS, "address space", space, error)) != RH_OK))
        return rc;
    return RH_OK;
}

static const char *lacking(const struct rh_sandbox *sandbox, enum rh_landlock landlock,
                           bool seccomp)
{
    if (landlock == RH_LANDLOCK_NONE)
        return seccomp ? "Landlock" : "Landlock, seccomp";
    if (landlock == RH_LANDLOCK_FILES && sandbox->n_ports)
        return seccomp ? "Landlock for TCP ports" : "Landlock for TCP ports, seccomp";
    return seccomp ? "" : "seccomp";
}

int rh_sandbox_enter(const struct rh_sandbox *sandbox, const char **ret_lacking,
                     struct rh_error *error)
{
    enum rh_landlock landlock = RH_LANDLOCK_NONE;
    bool seccomp = false;
    int rc;

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return rh_fail(error, RH_RESOURCE, "no-new-privileges: %s", strerror(errno));
    if ((rc = set_limits(sandbox, error)) != RH_OK ||
        (rc = rh_landlock_enter(sandbox, &landlock, error)) != RH_OK ||
        (rc = rh_seccomp_enter(sandbox, &seccomp, error)) != RH_OK)
        return rc;
    *ret_lacking = lacking(sandbox, landlock, seccomp);
    return RH_OK;
}
