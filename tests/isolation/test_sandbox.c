/* core/host/isolation/sandbox.h: what an isolated connector may not do, tried from inside of one.
 * The connector's error tells what the kernel answered. */
#include "isolation/vandal.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>

static bool has_landlock(void)
{
    return syscall(444, NULL, 0, 1) > 0;
}

/* The vandal tries it in a sandbox; what it says. */
static void tries(const struct rh_sandbox *sandbox, const char *action, const char *arg,
                  const char *expected)
{
    struct rh_library *library = loaded(sandbox);
    struct visit visit;

    ck_assert_msg(enter(&visit, library, "ping", action, arg) == RH_OK, "%s", visit.error.message);
    ck_assert_int_eq(visit.connector->ping(visit.conn, op_of(&visit, 20000), &visit.error),
                     RH_PERMISSION);
    ck_assert_msg(strcmp(visit.error.message, expected) == 0, "%s %s: %s instead of %s", action,
                  arg, visit.error.message, expected);
    leave(&visit);
    rh_library_free(library);
}

START_TEST(refuses_to_make_processes)
{
    tries(NULL, "fork", "", "EPERM");
    tries(NULL, "vfork", "", "EPERM");
    tries(NULL, "exec", "", "EPERM");
}
END_TEST

START_TEST(refuses_power_over_others)
{
    static const struct rh_sandbox everything = {.network = true};

    tries(&everything, "ptrace", "", "EPERM");
    tries(&everything, "kill-parent", "", "EPERM");
    tries(&everything, "setuid", "", "EPERM");
    tries(&everything, "mount", "", "EPERM");
    tries(&everything, "chmod", "/tmp", "EPERM");
    tries(&everything, "io_uring", "", "EPERM");
    tries(&everything, "listen", "", "EPERM");
    tries(&everything, "pin-parent", "", "EPERM");
    tries(&everything, "signal-by-file", "", "EPERM");
    tries(&everything, "signal-by-socket", "", "EPERM");
    tries(&everything, "watch-folder", "", "EPERM");
}
END_TEST

/* What no limit of memory counts. */
START_TEST(refuses_memory_beside_its_own)
{
    tries(NULL, "memfd", "", "EPERM");
    tries(NULL, "shared-memory", "", "EPERM");
}
END_TEST

START_TEST(shows_no_files_but_those_that_were_named)
{
    char folder[] = "/tmp/rowhouse-sandbox-XXXXXX";
    char inside[64], beside[64];
    const char *paths[] = {inside};
    struct rh_sandbox reads = {.read_paths = paths, .n_read_paths = 1};
    const char *all[] = {folder};
    struct rh_sandbox everything_read = {.read_paths = all, .n_read_paths = 1};
    struct rh_sandbox writes = {.write_paths = paths, .n_write_paths = 1};
    FILE *file;

    if (!has_landlock())
        exit(77);
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(inside, sizeof(inside), "%s/in", folder);
    snprintf(beside, sizeof(beside), "%s/beside", folder);
    ck_assert_int_eq(mkdir(inside, 0700), 0);
    file = fopen(beside, "w");
    fclose(file);

    tries(NULL, "open", beside, "EACCES");
    tries(NULL, "open", "/etc/shadow", "EACCES");
    tries(NULL, "open", "/proc/1/environ", "EACCES");
    tries(NULL, "open", "/etc/hosts", "it worked");
    tries(NULL, "open", "/dev/zero", "it worked");
    tries(NULL, "create", "/dev/zero", "EACCES"); /* it would be shared memory */
    tries(NULL, "open", inside, "EACCES");
    tries(&reads, "open", inside, "it worked");
    tries(&reads, "open", beside, "EACCES");
    strncat(inside, "/new", 5);
    tries(NULL, "create", inside, "EACCES");
    inside[strlen(inside) - 4] = 0;
    tries(&everything_read, "fchmod", beside, "EPERM");
    tries(&everything_read, "truncate", beside, "EPERM");
    tries(&everything_read, "open-truncated", beside, "EPERM");
    {
        char made[72];

        snprintf(made, sizeof(made), "%s/new", inside);
        tries(&reads, "create", made, "EACCES");
        tries(&writes, "create", made, "it worked");
        tries(&writes, "fchmod", made, "it worked");
        tries(&writes, "create", "/tmp/rowhouse-sandbox-outside", "EACCES");
        unlink(made);
    }
    unlink(beside);
    rmdir(inside);
    rmdir(folder);
}
END_TEST

/* A socket that listens, and its port. */
static int listening(uint16_t *ret_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    ck_assert_int_eq(listen(fd, 8), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

START_TEST(keeps_to_the_network_that_was_granted)
{
    uint16_t port, other;
    int fd = listening(&port), second = listening(&other);
    struct rh_sandbox open = {.network = true};
    struct rh_sandbox one = {.network = true, .ports = &port, .n_ports = 1};
    char text[8], text_of_other[8];

    snprintf(text, sizeof(text), "%u", port);
    snprintf(text_of_other, sizeof(text_of_other), "%u", other);
    tries(NULL, "connect-to", text, "EPERM");
    tries(&open, "connect-to", text, "it worked");
    tries(&open, "connect-to", text_of_other, "it worked");
    tries(&one, "connect-to", text, "it worked");
    if (has_landlock())
        tries(&one, "connect-to", text_of_other, "EACCES");
    tries(&one, "connect-by-mptcp", text_of_other, "EPERM");
    tries(&one, "connect-by-sending", text_of_other, "EPERM");
    close(fd);
    close(second);
}
END_TEST

static int listening_in(const char *path, int type)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, type, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    if (type == SOCK_STREAM)
        ck_assert_int_eq(listen(fd, 8), 0);
    return fd;
}

/* Sockets of the machine's own services are in the file system: who may write nothing, reaches none. */
START_TEST(reaches_no_sockets_in_files)
{
    char folder[] = "/tmp/rowhouse-sandbox-XXXXXX", stream[64], datagrams[64];
    const char *paths[] = {folder};
    struct rh_sandbox network = {.network = true};
    struct rh_sandbox writes = {.network = true, .write_paths = paths, .n_write_paths = 1};
    int fd, second;

    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(stream, sizeof(stream), "%s/stream", folder);
    snprintf(datagrams, sizeof(datagrams), "%s/datagrams", folder);
    fd = listening_in(stream, SOCK_STREAM);
    second = listening_in(datagrams, SOCK_DGRAM);
    tries(NULL, "connect-in-files", stream, "EPERM");
    tries(&network, "connect-in-files", stream, "EPERM");
    tries(&writes, "connect-in-files", stream, "it worked");
    tries(NULL, "send-in-files", datagrams, "EPERM");
    tries(&network, "send-in-files", datagrams, "EPERM");
    close(fd);
    close(second);
    unlink(stream);
    unlink(datagrams);
    rmdir(folder);
}
END_TEST

TESTS_MAIN("sandbox", refuses_to_make_processes, refuses_power_over_others,
           refuses_memory_beside_its_own, shows_no_files_but_those_that_were_named,
           keeps_to_the_network_that_was_granted, reaches_no_sockets_in_files)
