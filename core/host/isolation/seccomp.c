/*
 * seccomp: the system calls that database clients and the C library make, and no others. What is
 * not on the list fails with EPERM, as it would for want of a permission; what a library tries first
 * and can do without (clone3, openat2) fails with ENOSYS, so that it does the older thing.
 *
 * Processes are never made: clone is allowed for threads alone, and exec not at all. Signals go to
 * the process itself only, also those that a file or a socket sends for its owner.
 *
 * Some calls get around what others keep, and are cut to what does not. Memory that belongs to no
 * mapping of its own (memfd, shared anonymous) is beyond the limits of memory. MPTCP, and TCP that
 * connects while it sends, are beyond Landlock's ports; so are truncating without writing, before
 * its third version, and sockets in the file system, in all. A connector reaches those when it may
 * write files; which ones no kernel lets us say.
 */
#include "host/isolation/sandbox_parts.h"

#include "base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <seccomp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *const CALLS[] = {
    /* memory */
    "brk",
    "munmap",
    "mprotect",
    "mremap",
    "madvise",
    "mincore",
    "msync",
    "mlock",
    "mlock2",
    "munlock",
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
    "flock",
    "fsync",
    "fdatasync",
    "sync_file_range",
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
    "copy_file_range",
    "sendfile",
    "splice",
    "tee",
    "pipe",
    "pipe2",
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
/* With `write_paths`. */
static const char *const WRITING_CALLS[] = {"fchmod"};

/* Tried first by the C library, which then does without. openat2 has its flags in memory, where no
 * filter sees them. */
static const char *const ABSENT_CALLS[] = {"clone3", "openat2"};

/* Of fcntl: no owners that are sent signals, no leases. */
static const scmp_datum_t FILE_COMMANDS[] = {
    F_DUPFD,      F_DUPFD_CLOEXEC, F_GETFD,     F_SETFD,     F_GETFL,     F_SETFL,
    F_GETLK,      F_SETLK,         F_SETLKW,    F_OFD_GETLK, F_OFD_SETLK, F_OFD_SETLKW,
    F_GETPIPE_SZ, F_SETPIPE_SZ,    F_ADD_SEALS, F_GET_SEALS};
/* Of ioctl: what isatty and poll's older kin ask, and which addresses the machine has. */
static const scmp_datum_t DEVICE_COMMANDS[] = {
    TCGETS,         TIOCGWINSZ,     FIONREAD,      TIOCOUTQ,     FIONBIO,      FIOCLEX,
    FIONCLEX,       SIOCATMARK,     SIOCGIFNAME,   SIOCGIFCONF,  SIOCGIFFLAGS, SIOCGIFADDR,
    SIOCGIFNETMASK, SIOCGIFBRDADDR, SIOCGIFHWADDR, SIOCGIFINDEX, SIOCGIFMTU};
/* Of prctl: names of threads and mappings, and what malloc and sanitizers ask. */
static const scmp_datum_t PROCESS_COMMANDS[] = {
    PR_SET_NAME, PR_GET_NAME, PR_SET_VMA, PR_GET_SECCOMP, PR_GET_NO_NEW_PRIVS, PR_GET_DUMPABLE};
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

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

static int allow_each(scmp_filter_ctx filter, const char *name, unsigned argument,
                      const scmp_datum_t *values, size_t n)
{
    int failed = 0;

    for (size_t i = 0; i < n && !failed; i++)
        failed = allow(filter, name, equals(argument, values[i]));
    return failed;
}

static int allow_sockets(scmp_filter_ctx filter, bool in_files)
{
    static const struct {
        int family, type, protocol;
    } sockets[] = {{AF_INET, SOCK_STREAM, 0},
                   {AF_INET, SOCK_STREAM, IPPROTO_TCP},
                   {AF_INET, SOCK_DGRAM, 0},
                   {AF_INET, SOCK_DGRAM, IPPROTO_UDP},
                   {AF_INET6, SOCK_STREAM, 0},
                   {AF_INET6, SOCK_STREAM, IPPROTO_TCP},
                   {AF_INET6, SOCK_DGRAM, 0},
                   {AF_INET6, SOCK_DGRAM, IPPROTO_UDP},
                   /* getifaddrs asks the kernel so, for getaddrinfo. */
                   {AF_NETLINK, SOCK_RAW, 0},
                   {AF_NETLINK, SOCK_DGRAM, 0},
                   {AF_UNIX, SOCK_STREAM, 0},
                   {AF_UNIX, SOCK_DGRAM, 0}};
    int failed = 0;

    for (size_t i = 0; i < COUNT(sockets) && !failed; i++) {
        if (sockets[i].family != AF_UNIX || in_files)
            failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 3,
                                      equals(0, (scmp_datum_t)sockets[i].family),
                                      equals_masked(1, 0xf, (scmp_datum_t)sockets[i].type),
                                      equals(2, (scmp_datum_t)sockets[i].protocol));
    }
    return failed;
}

/* Pairs that have no other end than each other: a datagram could be sent to any address. */
static int allow_pairs(scmp_filter_ctx filter)
{
    static const int types[] = {SOCK_STREAM, SOCK_SEQPACKET};
    int failed = 0;

    for (size_t i = 0; i < COUNT(types) && !failed; i++)
        failed =
            seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socketpair), 2, equals(0, AF_UNIX),
                             equals_masked(1, 0xf, (scmp_datum_t)types[i]));
    return failed;
}

/* Of a file, or private. */
static int allow_mappings(scmp_filter_ctx filter)
{
    int failed = allow(filter, "mmap", equals_masked(3, MAP_ANONYMOUS, 0));

    return failed ? failed
                  : allow(filter, "mmap",
                          equals_masked(3, MAP_ANONYMOUS | MAP_TYPE, MAP_ANONYMOUS | MAP_PRIVATE));
}

/* Truncating only what is opened for writing. `flags`: the number of that argument. */
static int allow_opening(scmp_filter_ctx filter, const char *name, unsigned flags)
{
    static const scmp_datum_t writing[] = {O_WRONLY, O_RDWR};
    int failed = allow(filter, name, equals_masked(flags, O_TRUNC, 0));

    for (size_t i = 0; i < COUNT(writing) && !failed; i++)
        failed =
            allow(filter, name, equals_masked(flags, O_TRUNC | O_ACCMODE, O_TRUNC | writing[i]));
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
        (failed = allow(filter, "sched_setaffinity", equals(0, 0))) != 0 ||
        /* Reading limits, of itself. */
        (failed = allow(filter, "prlimit64", equals(2, 0))) != 0 ||
        (failed = allow_mappings(filter)) != 0 ||
        (failed = allow_opening(filter, "open", 1)) != 0 ||
        (failed = allow_opening(filter, "openat", 2)) != 0 || (failed = allow_pairs(filter)) != 0 ||
        (failed = allow(filter, "sendto", equals_masked(3, MSG_FASTOPEN, 0))) != 0 ||
        (failed = allow(filter, "sendmsg", equals_masked(2, MSG_FASTOPEN, 0))) != 0 ||
        (failed = allow(filter, "sendmmsg", equals_masked(3, MSG_FASTOPEN, 0))) != 0 ||
        (failed = allow_each(filter, "fcntl", 1, FILE_COMMANDS, COUNT(FILE_COMMANDS))) != 0 ||
        (failed = allow_each(filter, "ioctl", 1, DEVICE_COMMANDS, COUNT(DEVICE_COMMANDS))) != 0)
        return failed;
    return allow_each(filter, "prctl", 0, PROCESS_COMMANDS, COUNT(PROCESS_COMMANDS));
}

static int make_filter(const struct rh_sandbox *sandbox, scmp_filter_ctx filter)
{
    bool writes = sandbox->n_write_paths > 0;
    int failed;

    if ((failed = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2)) != 0 ||
        (failed = add_calls(filter, SCMP_ACT_ALLOW, CALLS, COUNT(CALLS))) != 0 ||
        (failed = add_calls(filter, SCMP_ACT_ERRNO(ENOSYS), ABSENT_CALLS, COUNT(ABSENT_CALLS))) !=
            0 ||
        (failed = allow_conditionally(filter)) != 0)
        return failed;
    if (writes &&
        (failed = add_calls(filter, SCMP_ACT_ALLOW, WRITING_CALLS, COUNT(WRITING_CALLS))) != 0)
        return failed;
    if (sandbox->network &&
        ((failed = add_calls(filter, SCMP_ACT_ALLOW, NETWORK_CALLS, COUNT(NETWORK_CALLS))) != 0 ||
         (failed = allow_sockets(filter, writes)) != 0))
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
