/*
 * seccomp: the system calls that database clients and the C library make, and no others. What is
 * not on the list fails with EPERM, as it would for want of a permission; what a library tries
 * first and can do without (clone3, rseq's kin) fails with ENOSYS, so that it does the older thing.
 *
 * Processes are never made: clone is allowed for threads alone, and exec not at all. Signals go to
 * the process itself only.
 */
#include "host/isolation/sandbox_parts.h"

#include "base/err.h"

#include <errno.h>
#include <linux/sched.h>
#include <seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *const CALLS[] = {
    /* memory */
    "brk",
    "mmap",
    "munmap",
    "mprotect",
    "mremap",
    "madvise",
    "mincore",
    "msync",
    "mlock",
    "mlock2",
    "munlock",
    "memfd_create",
    "membarrier",
    "mbind",
    "get_mempolicy",
    "pkey_alloc",
    "pkey_free",
    "pkey_mprotect",
    /* threads, scheduling and time */
    "futex",
    "futex_waitv",
    "set_robust_list",
    "get_robust_list",
    "set_tid_address",
    "rseq",
    "sched_yield",
    "sched_getaffinity",
    "sched_setaffinity",
    "sched_getparam",
    "sched_getscheduler",
    "sched_get_priority_max",
    "sched_get_priority_min",
    "getcpu",
    "gettid",
    "getpid",
    "getppid",
    "getpgrp",
    "getpgid",
    "getsid",
    "nanosleep",
    "clock_nanosleep",
    "clock_gettime",
    "clock_getres",
    "gettimeofday",
    "time",
    "times",
    "getitimer",
    "alarm",
    "setitimer",
    "timer_create",
    "timer_settime",
    "timer_gettime",
    "timer_delete",
    "timer_getoverrun",
    "timerfd_create",
    "timerfd_settime",
    "timerfd_gettime",
    "getpriority",
    "exit",
    "exit_group",
    "restart_syscall",
    "arch_prctl",
    "sysinfo",
    "uname",
    "getrusage",
    "getrlimit",
    "getrandom",
    "umask",
    "capget",
    "getcwd",
    "chdir",
    "fchdir",
    /* identity, read only */
    "getuid",
    "geteuid",
    "getgid",
    "getegid",
    "getresuid",
    "getresgid",
    "getgroups",
    /* signals, to oneself */
    "rt_sigaction",
    "rt_sigprocmask",
    "rt_sigreturn",
    "rt_sigpending",
    "rt_sigtimedwait",
    "rt_sigsuspend",
    "sigaltstack",
    "signalfd4",
    "pause",
    /* files: which ones is Landlock's business; what it does not cover (modes, times, owners) is
     * allowed on open files alone */
    "open",
    "openat",
    "openat2",
    "creat",
    "close",
    "close_range",
    "read",
    "write",
    "readv",
    "writev",
    "pread64",
    "pwrite64",
    "preadv",
    "pwritev",
    "preadv2",
    "pwritev2",
    "lseek",
    "stat",
    "fstat",
    "lstat",
    "newfstatat",
    "statx",
    "statfs",
    "fstatfs",
    "access",
    "faccessat",
    "faccessat2",
    "readlink",
    "readlinkat",
    "getdents",
    "getdents64",
    "dup",
    "dup2",
    "dup3",
    "fcntl",
    "flock",
    "fsync",
    "fdatasync",
    "sync_file_range",
    "truncate",
    "ftruncate",
    "fallocate",
    "fadvise64",
    "readahead",
    "rename",
    "renameat",
    "renameat2",
    "unlink",
    "unlinkat",
    "mkdir",
    "mkdirat",
    "rmdir",
    "link",
    "linkat",
    "symlink",
    "symlinkat",

    "fchmod",

    "copy_file_range",
    "sendfile",
    "splice",
    "tee",
    "pipe",
    "pipe2",
    "ioctl",
    "inotify_init1",
    "inotify_add_watch",
    "inotify_rm_watch",
    /* waiting */
    "poll",
    "ppoll",
    "select",
    "pselect6",
    "epoll_create",
    "epoll_create1",
    "epoll_ctl",
    "epoll_wait",
    "epoll_pwait",
    "epoll_pwait2",
    "eventfd",
    "eventfd2",
    /* sockets that are there already */
    "socketpair",
    "sendto",
    "sendmsg",
    "sendmmsg",
    "recvfrom",
    "recvmsg",
    "recvmmsg",
    "shutdown",
    "getsockname",
    "getpeername",
    "getsockopt",
    "setsockopt",
};
/* With `network`. No listen and accept: a connector is a client. */
static const char *const NETWORK_CALLS[] = {"connect", "bind"};

/* Tried first by the C library, which then does without. */
static const char *const ABSENT_CALLS[] = {"clone3"};

/* libseccomp's own macros leave a member out, which compilers warn of. */
static struct scmp_arg_cmp equals(unsigned argument, scmp_datum_t value)
{
    return (struct scmp_arg_cmp){.arg = argument, .op = SCMP_CMP_EQ, .datum_a = value};
}

static struct scmp_arg_cmp equals_masked(unsigned argument, scmp_datum_t mask, scmp_datum_t value)
{
    return (struct scmp_arg_cmp){
        .arg = argument, .op = SCMP_CMP_MASKED_EQ, .datum_a = mask, .datum_b = value};
}

/* A name that this libseccomp does not know is a call that this machine does not have. */
static int add_calls(scmp_filter_ctx filter, uint32_t action, const char *const *names, size_t n)
{
    int failed = 0;

    for (size_t i = 0; i < n && !failed; i++) {
        int number = seccomp_syscall_resolve_name(names[i]);

        if (number != __NR_SCMP_ERROR)
            failed = seccomp_rule_add(filter, action, number, 0);
    }
    return failed == -EEXIST ? 0 : failed;
}

static int allow(scmp_filter_ctx filter, const char *name, struct scmp_arg_cmp condition)
{
    int number = seccomp_syscall_resolve_name(name);

    if (number == __NR_SCMP_ERROR)
        return 0;
    return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, number, 1, &condition);
}

static int allow_sockets(scmp_filter_ctx filter)
{
    static const int families[] = {AF_INET, AF_INET6, AF_UNIX, AF_NETLINK};
    static const int types[] = {SOCK_STREAM, SOCK_DGRAM};
    int failed = 0;

    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]) && !failed; i++) {
        for (size_t j = 0; j < sizeof(types) / sizeof(types[0]) && !failed; j++)
            failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2,
                                      equals(0, (scmp_datum_t)families[i]),
                                      equals_masked(1, 0xf, (scmp_datum_t)types[j]));
    }
    /* getifaddrs asks the kernel so, for getaddrinfo. */
    if (!failed)
        failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2,
                                  equals(0, AF_NETLINK), equals_masked(1, 0xf, SOCK_RAW));
    return failed;
}

static int allow_conditionally(scmp_filter_ctx filter)
{
    scmp_datum_t self = (scmp_datum_t)getpid();
    int failed;

    if ((failed = allow(filter, "clone", equals_masked(0, CLONE_THREAD, CLONE_THREAD))) != 0 ||
        (failed = allow(filter, "kill", equals(0, self))) != 0 ||
        (failed = allow(filter, "tgkill", equals(0, self))) != 0 ||
        (failed = allow(filter, "rt_sigqueueinfo", equals(0, self))) != 0 ||
        (failed = allow(filter, "rt_tgsigqueueinfo", equals(0, self))) != 0 ||
        /* Reading limits, of itself. */
        (failed = allow(filter, "prlimit64", equals(2, 0))) != 0)
        return failed;
    /* Names of threads and mappings, and what malloc and sanitizers ask. */
    static const scmp_datum_t options[] = {PR_SET_NAME,    PR_GET_NAME,         PR_SET_VMA,
                                           PR_GET_SECCOMP, PR_GET_NO_NEW_PRIVS, PR_GET_DUMPABLE};

    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]) && !failed; i++)
        failed = allow(filter, "prctl", equals(0, options[i]));
    return failed;
}

static int make_filter(const struct rh_sandbox *sandbox, scmp_filter_ctx filter)
{
    int failed;

    if ((failed = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2)) != 0 ||
        (failed = add_calls(filter, SCMP_ACT_ALLOW, CALLS, sizeof(CALLS) / sizeof(CALLS[0]))) !=
            0 ||
        (failed = add_calls(filter, SCMP_ACT_ERRNO(ENOSYS), ABSENT_CALLS,
                            sizeof(ABSENT_CALLS) / sizeof(ABSENT_CALLS[0]))) != 0 ||
        (failed = allow_conditionally(filter)) != 0)
        return failed;
    if (sandbox->network &&
        ((failed = add_calls(filter, SCMP_ACT_ALLOW, NETWORK_CALLS,
                             sizeof(NETWORK_CALLS) / sizeof(NETWORK_CALLS[0]))) != 0 ||
         (failed = allow_sockets(filter)) != 0))
        return failed;
    return seccomp_load(filter);
}

int rh_seccomp_enter(const struct rh_sandbox *sandbox, bool *ret_has, struct rh_error *error)
{
    scmp_filter_ctx filter;
    int failed;

    *ret_has = seccomp_api_get() >= 2;
    if (!*ret_has)
        return RH_OK;
    filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    if (!filter)
        return rh_fail_nomem(error);
    failed = make_filter(sandbox, filter);
    seccomp_release(filter);
    return failed ? rh_fail(error, RH_RESOURCE, "seccomp: %s", strerror(-failed)) : RH_OK;
}
