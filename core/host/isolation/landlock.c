/*
 * Landlock: which files may be opened and which TCP ports may be connected to.
 *
 * The constants are our own, so that what is enforced depends on the kernel that runs this and not
 * on the headers that it was built with. A path that does not exist is left out: it can be opened
 * by nobody. Nothing may be executed, whatever the paths.
 */
#include "host/isolation/sandbox_parts.h"

#include "base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SYS_CREATE_RULESET 444
#define SYS_ADD_RULE 445
#define SYS_RESTRICT_SELF 446
#define CREATE_VERSION 1u
#define RULE_PATH 1
#define RULE_PORT 2

#define FS_EXECUTE (1ull << 0)
#define FS_WRITE_FILE (1ull << 1)
#define FS_READ_FILE (1ull << 2)
#define FS_READ_DIR (1ull << 3)
#define FS_REMOVE_DIR (1ull << 4)
#define FS_REMOVE_FILE (1ull << 5)
#define FS_MAKE_DIR (1ull << 7)
#define FS_MAKE_REG (1ull << 8)
#define FS_MAKE_SOCK (1ull << 9)
#define FS_MAKE_FIFO (1ull << 10)
#define FS_V1 ((1ull << 13) - 1)
#define FS_REFER (1ull << 13)     /* ABI 2 */
#define FS_TRUNCATE (1ull << 14)  /* ABI 3 */
#define FS_IOCTL_DEV (1ull << 15) /* ABI 5 */
#define NET_BIND_TCP (1ull << 0)  /* ABI 4 */
#define NET_CONNECT_TCP (1ull << 1)
#define SCOPE_ABSTRACT_UNIX (1ull << 0) /* ABI 6 */
#define SCOPE_SIGNAL (1ull << 1)

#define READS (FS_READ_FILE | FS_READ_DIR)
#define WRITES                                                                                     \
    (FS_WRITE_FILE | FS_REMOVE_DIR | FS_REMOVE_FILE | FS_MAKE_DIR | FS_MAKE_REG | FS_MAKE_SOCK |   \
     FS_MAKE_FIFO | FS_REFER | FS_TRUNCATE)
#define ON_FILES (FS_WRITE_FILE | FS_READ_FILE | FS_TRUNCATE | FS_IOCTL_DEV)

#define DNS_PORT 53u

struct ruleset {
    uint64_t files;
    uint64_t net;
    uint64_t scoped;
};
struct path_rule {
    uint64_t allowed;
    int32_t fd;
} __attribute__((packed));
struct port_rule {
    uint64_t allowed;
    uint64_t port;
};

/* What the C library, its resolver, TLS, ODBC, Kerberos and MySQL's and Firebird's clients read,
 * and what sanitizers do. No folder of a user, no secret of the system. */
static const char *const ALWAYS_READ[] = {
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/usr/local/lib",
    "/usr/share",
    "/usr/local/share/ca-certificates",
    "/etc/ld.so.cache",
    "/etc/resolv.conf",
    "/run/systemd/resolve",
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/gai.conf",
    "/etc/nsswitch.conf",
    "/etc/services",
    "/etc/protocols",
    "/etc/passwd",
    "/etc/group",
    "/etc/localtime",
    "/etc/timezone",
    "/etc/ssl/certs",
    "/etc/ssl/openssl.cnf",
    "/etc/ca-certificates",
    "/etc/pki/tls/certs",
    "/etc/pki/ca-trust",
    "/etc/odbc.ini",
    "/etc/odbcinst.ini",
    "/etc/ODBCDataSources",
    "/etc/krb5.conf",
    "/etc/krb5.conf.d",
    "/etc/gss",
    "/etc/mysql",
    "/etc/my.cnf",
    "/etc/firebird",
    "/proc/self",
    "/proc/meminfo",
    "/proc/cpuinfo",
    "/proc/sys/vm/overcommit_memory",
    "/sys/devices/system/cpu",
    "/dev/zero", /* written to, it would be shared memory */
};
static const char *const ALWAYS_WRITE[] = {"/dev/null", "/dev/random", "/dev/urandom"};

static uint64_t files_of(long abi)
{
    return FS_V1 | (abi >= 2 ? FS_REFER : 0) | (abi >= 3 ? FS_TRUNCATE : 0) |
           (abi >= 5 ? FS_IOCTL_DEV : 0);
}

static int allow_path(int ruleset, const char *path, uint64_t allowed, struct rh_error *error)
{
    struct path_rule rule = {allowed, open(path, O_PATH | O_CLOEXEC)};
    struct stat st;
    int rc = RH_OK;

    if (rule.fd < 0)
        return RH_OK;
    if (fstat(rule.fd, &st) == 0 && !S_ISDIR(st.st_mode))
        rule.allowed &= ON_FILES;
    if (syscall(SYS_ADD_RULE, ruleset, RULE_PATH, &rule, 0) != 0)
        rc = rh_fail(error, RH_RESOURCE, "Landlock: %s: %s", path, strerror(errno));
    close(rule.fd);
    return rc;
}

static int allow_paths(int ruleset, const char *const *paths, size_t n, uint64_t allowed,
                       struct rh_error *error)
{
    int rc = RH_OK;

    for (size_t i = 0; i < n && rc == RH_OK; i++)
        rc = allow_path(ruleset, paths[i], allowed, error);
    return rc;
}

static int allow_port(int ruleset, uint32_t port, struct rh_error *error)
{
    struct port_rule rule = {NET_CONNECT_TCP, port};

    if (syscall(SYS_ADD_RULE, ruleset, RULE_PORT, &rule, 0) == 0)
        return RH_OK;
    return rh_fail(error, RH_RESOURCE, "Landlock: port %u: %s", port, strerror(errno));
}

/* With a list of ports: those, and the one that names are resolved by. */
static int allow_ports(int ruleset, const struct rh_sandbox *sandbox, struct rh_error *error)
{
    int rc = allow_port(ruleset, DNS_PORT, error);

    for (uint32_t i = 0; i < sandbox->n_ports && rc == RH_OK; i++)
        rc = allow_port(ruleset, sandbox->ports[i], error);
    return rc;
}

int rh_landlock_enter(const struct rh_sandbox *sandbox, enum rh_landlock *ret_has,
                      struct rh_error *error)
{
    long abi = syscall(SYS_CREATE_RULESET, NULL, 0, CREATE_VERSION);
    struct ruleset rules = {0};
    uint64_t handled;
    bool ports = abi >= 4 && sandbox->network && sandbox->n_ports;
    int ruleset = -1, rc;

    *ret_has = abi <= 0 ? RH_LANDLOCK_NONE : abi < 4 ? RH_LANDLOCK_FILES : RH_LANDLOCK_PORTS;
    if (abi <= 0)
        return RH_OK;
    rules.files = handled = files_of(abi);
    if (abi >= 4)
        rules.net = NET_BIND_TCP | (ports ? NET_CONNECT_TCP : 0);
    if (abi >= 6)
        rules.scoped = SCOPE_ABSTRACT_UNIX | SCOPE_SIGNAL;
    ruleset = (int)syscall(SYS_CREATE_RULESET, &rules, sizeof(rules), 0);
    if (ruleset < 0)
        return rh_fail(error, RH_RESOURCE, "Landlock: %s", strerror(errno));
    if ((rc = allow_paths(ruleset, ALWAYS_READ, sizeof(ALWAYS_READ) / sizeof(ALWAYS_READ[0]), READS,
                          error)) != RH_OK ||
        (rc = allow_paths(ruleset, ALWAYS_WRITE, sizeof(ALWAYS_WRITE) / sizeof(ALWAYS_WRITE[0]),
                          (READS | WRITES) & handled, error)) != RH_OK ||
        (rc = allow_paths(ruleset, sandbox->read_paths, sandbox->n_read_paths, READS, error)) !=
            RH_OK ||
        (rc = allow_paths(ruleset, sandbox->write_paths, sandbox->n_write_paths,
                          (READS | WRITES) & handled, error)) != RH_OK ||
        (ports && (rc = allow_ports(ruleset, sandbox, error)) != RH_OK))
        goto out;
    if (syscall(SYS_RESTRICT_SELF, ruleset, 0) != 0)
        rc = rh_fail(error, RH_RESOURCE, "Landlock: %s", strerror(errno));
out:
    close(ruleset);
    return rc;
}
