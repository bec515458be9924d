/*
 * A new process gets the six descriptors that it is meant to have and nothing else: whatever else
 * is open here is closed there before its first instruction. Its stderr is a pipe that does not
 * block: what it cannot hold is lost.
 */
#include "host/isolation/spawn.h"

#include "base/err.h"
#include "host/isolation/codec.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROGRAM "rowhouse-connector-host"
#define ABOVE 16 /* descriptors to be passed on stand clear of the numbers that they get */

/* ---- The program --------------------------------------------------------------------------- */

/* Beside this program, or in ../libexec/rowhouse; malloc'ed. */
static char *find_program(void)
{
    static const char *const places[] = {"/", "/../libexec/rowhouse/"};
    const char *named = secure_getenv("ROWHOUSE_CONNECTOR_HOST");
    char *folder, *slash, *path = NULL;

    if (named && *named)
        return access(named, X_OK) == 0 ? strdup(named) : NULL;
    folder = realpath("/proc/self/exe", NULL);
    slash = folder ? strrchr(folder, '/') : NULL;
    if (slash)
        *slash = 0;
    for (size_t i = 0; slash && i < sizeof(places) / sizeof(places[0]); i++) {
        if (asprintf(&path, "%s%s" PROGRAM, folder, places[i]) < 0)
            path = NULL;
        if (path && access(path, X_OK) == 0)
            break;
        free(path);
        path = NULL;
    }
    free(folder);
    return path;
}

static int fail_program(struct rh_error *error)
{
    rh_fail(error, RH_NOT_FOUND,
            "the program " PROGRAM ", which runs isolated connectors, is not there");
    return rh_error_hint(error, "set ROWHOUSE_CONNECTOR_HOST, or put it beside this program or in "
                                "../libexec/rowhouse");
}

static bool begins(const char *variable, const char *with)
{
    return strncmp(variable, with, strlen(with)) == 0;
}

/* Always the time zone, and what sanitizers read in builds that have one. */
static bool passes(const char *variable, bool environment)
{
    static const char *const always[] = {
        "TZ=", "ASAN_OPTIONS=", "TSAN_OPTIONS=", "UBSAN_OPTIONS=", "LSAN_OPTIONS="};

    for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++)
        if (begins(variable, always[i]))
            return true;
    return environment && !begins(variable, "ROWHOUSE_") && !begins(variable, "LANG") &&
           !begins(variable, "LC_");
}

/* An array that is malloc'ed, of borrowed texts; NULL when out of memory. The locale is the same
 * one everywhere, for libraries that convert texts and numbers by it: psqlodbc fails in "C". */
static char **make_environment(bool environment)
{
    static char locale[] = "LC_ALL=C.UTF-8";
    char **made;
    size_t n = 0;

    while (environ && environ[n])
        n++;
    made = calloc(n + 2, sizeof(*made));
    if (!made)
        return NULL;
    made[0] = locale;
    n = 1;
    for (char **variable = environ; variable && *variable; variable++)
        if (passes(*variable, environment))
            made[n++] = *variable;
    return made;
}

/* ---- Descriptors ----------------------------------------------------------------------------- */

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* Moves it out of the way of the numbers that the new process uses. */
static bool lift(int *fd)
{
    int high = fcntl(*fd, F_DUPFD_CLOEXEC, ABOVE);

    if (high < 0)
        return false;
    close(*fd);
    *fd = high;
    return true;
}

struct ends {
    int control[2], boot[2], output[2], image; /* [0] ours, [1] theirs */
};

static bool make_ends(struct ends *ends, int image_fd)
{
    ends->image = fcntl(image_fd, F_DUPFD_CLOEXEC, ABOVE);
    return ends->image >= 0 &&
           socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends->control) == 0 &&
           socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends->boot) == 0 &&
           pipe2(ends->output, O_CLOEXEC | O_NONBLOCK) == 0 && lift(&ends->control[1]) &&
           lift(&ends->boot[1]) && lift(&ends->output[1]);
}

static int add_actions(posix_spawn_file_actions_t *actions, const struct ends *ends)
{
    int rc;

    if ((rc = posix_spawn_file_actions_addopen(actions, 0, "/dev/null", O_RDWR, 0)) == 0 &&
        (rc = posix_spawn_file_actions_adddup2(actions, 0, 1)) == 0 &&
        (rc = posix_spawn_file_actions_adddup2(actions, ends->output[1], 2)) == 0 &&
        (rc = posix_spawn_file_actions_adddup2(actions, ends->control[1], RH_CHILD_CONTROL)) == 0 &&
        (rc = posix_spawn_file_actions_adddup2(actions, ends->image, RH_CHILD_IMAGE)) == 0 &&
        (rc = posix_spawn_file_actions_adddup2(actions, ends->boot[1], RH_CHILD_BOOT)) == 0)
        rc = posix_spawn_file_actions_addclosefrom_np(actions, RH_CHILD_BOOT + 1);
    return rc;
}

/* ---- Starting -------------------------------------------------------------------------------- */

static int start(const char *program, bool environment, const struct ends *ends, pid_t *ret_pid)
{
    char *arguments[] = {(char[]){PROGRAM}, NULL};
    char **variables = make_environment(environment);
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    int rc;

    if (!variables)
        return ENOMEM;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawn_file_actions_init(&actions);
    rc = add_actions(&actions, ends);
    if (rc == 0)
        rc = posix_spawn(ret_pid, program, &actions, &attributes, arguments, variables);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    free(variables);
    return rc;
}

/* pidfd_open has no wrapper before glibc 2.36. */
static int open_pid(pid_t pid)
{
    return (int)syscall(SYS_pidfd_open, pid, 0);
}

int rh_spawn(int image_fd, bool environment, struct rh_spawned *ret_spawned, struct rh_error *error)
{
    struct ends ends = {{-1, -1}, {-1, -1}, {-1, -1}, -1};
    char *program = find_program();
    struct rh_spawned spawned = {.pidfd = -1};
    int rc = RH_OK, failed;

    if (!program) {
        rc = fail_program(error);
        goto out;
    }
    failed = make_ends(&ends, image_fd) ? start(program, environment, &ends, &spawned.pid) : errno;
    if (failed) {
        rc = rh_fail(error, RH_RESOURCE, "cannot start %s: %s", program, strerror(failed));
        goto out;
    }
    spawned.pidfd = open_pid(spawned.pid);
    if (spawned.pidfd < 0) {
        rc = rh_fail(error, RH_RESOURCE, "cannot watch a process: %s", strerror(errno));
        kill(spawned.pid, SIGKILL);
        waitpid(spawned.pid, NULL, 0);
        goto out;
    }
    spawned.control = ends.control[0];
    spawned.boot = ends.boot[0];
    spawned.output = ends.output[0];
    *ret_spawned = spawned;
    ends.control[0] = ends.boot[0] = ends.output[0] = -1;
out:
    free(program);
    for (int i = 0; i < 2; i++) {
        close_fd(&ends.control[i]);
        close_fd(&ends.boot[i]);
        close_fd(&ends.output[i]);
    }
    close_fd(&ends.image);
    return rc;
}
