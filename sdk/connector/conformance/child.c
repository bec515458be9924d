/*
 * Processes of tests. The child leads a process group of its own; when the test has ended, by
 * itself or not, the whole group is killed.
 */
#include "connector/conformance/child.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define ARENA_BYTES ((size_t)1 << 30)
#define KEPT_BYTES 65536 /* of records and of output */
#define SHOWN_BYTES 700  /* of output, in a message */
#define TEST_SECONDS 600 /* deadline of operations that have none of their own */

/* ---- The child ------------------------------------------------------------------------------- */

/* Not on the stack: threads of the connector may log until the process ends. */
static struct rh_trial trial;
static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER; /* guards trial.log */

static void keep_log(const struct rh_host *host, uint32_t level, struct rh_text line)
{
    pthread_mutex_lock(&log_lock);
    if (line.len < KEPT_BYTES) {
        rh_buf_add_text(&trial.log, line);
        rh_buf_add_char(&trial.log, '\n');
    }
    pthread_mutex_unlock(&log_lock);
}

static _Noreturn void run_test(const struct rh_child_options *options,
                               const struct rh_trial_test *test, int pipe_fd)
{
    const struct rlimit no_core = {0, 0};
    sigset_t none;

    setrlimit(RLIMIT_CORE, &no_core);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_IGN);
    rh_log_set_level(RH_LOG_ERROR);
    trial = (struct rh_trial){
        .options = options->options,
        .config = options->config,
        .isolated = options->isolated,
        .prefix = options->prefix,
        .pipe = pipe_fd,
        .host = *rh_host_services(),
        .arena = rh_arena_new(ARENA_BYTES),
        .error = RH_ERROR_INIT,
    };
    rh_buf_init(&trial.log, (size_t)1 << 24);
    trial.host.log = keep_log;
    trial.op = (struct rh_op){
        .struct_size = sizeof(trial.op),
        .deadline_us = rh_clock_us() + TEST_SECONDS * RH_TRIAL_SECOND,
        .cancel_fd = -1,
        .arena = trial.arena,
        .memory_budget = (uint64_t)1 << 28,
    };
    if (!trial.arena)
        rh_trial_fail(&trial, "the suite has not enough memory");
    test->run(&trial);
    rh_trial_pass(&trial);
}

/* ---- The parent ------------------------------------------------------------------------------ */

struct heard {
    char bytes[KEPT_BYTES];
    size_t n;
    bool ended;
};

/* Keeps what fits. */
static void hear(int fd, struct heard *heard)
{
    char chunk[4096];
    ssize_t n = read(fd, chunk, sizeof(chunk));
    size_t room = sizeof(heard->bytes) - 1 - heard->n;

    if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
        heard->ended = true;
    if (n <= 0)
        return;
    if ((size_t)n < room)
        room = (size_t)n;
    memcpy(heard->bytes + heard->n, chunk, room);
    heard->n += room;
}

/* Whether the records hold the end of the test. */
static bool has_verdict(const struct heard *records)
{
    for (size_t at = 0; at < records->n; at += strlen(records->bytes + at) + 1)
        if (records->bytes[at] != 'N' && memchr(records->bytes + at, 0, records->n - at))
            return true;
    return false;
}

/* Until the test has said how it ended, its process has ended, or time is up. The output may be
 * held open by a process that the connector left behind, so its end is not waited for. */
static bool listen_to(int records_fd, int output_fd, uint32_t timeout_ms, struct heard *records,
                      struct heard *output)
{
    uint64_t deadline_us = rh_clock_us() + (uint64_t)timeout_ms * 1000;

    while (!records->ended && !has_verdict(records)) {
        struct pollfd waits[] = {{.fd = records_fd, .events = POLLIN},
                                 {.fd = output->ended ? -1 : output_fd, .events = POLLIN}};
        int left = rh_clock_left_ms(deadline_us);

        if (left == 0)
            return false;
        if (poll(waits, 2, left) <= 0)
            continue;
        if (waits[0].revents)
            hear(records_fd, records);
        if (waits[1].revents)
            hear(output_fd, output);
    }
    return true;
}

static void add_notes(const struct heard *records, struct rh_buf *message, char *ret_verdict)
{
    for (size_t at = 0; at < records->n; at += strlen(records->bytes + at) + 1) {
        const char *text = records->bytes + at + 1;

        if (message->len && *text)
            rh_buf_add_str(message, "; ");
        rh_buf_add_str(message, text);
        if (records->bytes[at] != 'N')
            *ret_verdict = records->bytes[at];
    }
}

static void add_output(const struct heard *output, struct rh_buf *message)
{
    size_t n = output->n < SHOWN_BYTES ? output->n : SHOWN_BYTES;

    if (n == 0)
        return;
    rh_buf_add_str(message, "; it had printed: ");
    for (size_t i = 0; i < n; i++) {
        char c = output->bytes[i];
        rh_buf_add_char(message, c == '\n' ? ' ' : (unsigned char)c < 0x20 ? '?' : c);
    }
}

static void conclude(const struct heard *records, const struct heard *output, bool in_time,
                     int status, uint32_t timeout_ms, enum rh_conformance_outcome *ret_outcome,
                     char **ret_message)
{
    struct rh_buf message;
    char verdict = 0;

    rh_buf_init(&message, KEPT_BYTES);
    add_notes(records, &message, &verdict);
    *ret_outcome = verdict == 'P'   ? RH_CONFORMANCE_PASS
                   : verdict == 'S' ? RH_CONFORMANCE_SKIP
                   : verdict == 'U' ? RH_CONFORMANCE_UNPROVEN
                                    : RH_CONFORMANCE_FAIL;
    if (!verdict && !in_time) {
        *ret_outcome = RH_CONFORMANCE_TIMEOUT;
        rh_buf_addf(&message, "it had not ended after %u s", timeout_ms / 1000);
    } else if (!verdict) {
        *ret_outcome = RH_CONFORMANCE_CRASH;
        if (WIFSIGNALED(status))
            rh_buf_addf(&message, "it was ended by signal %d (%s)", WTERMSIG(status),
                        strsignal(WTERMSIG(status)));
        else
            rh_buf_addf(&message, "its process was ended with status %d", WEXITSTATUS(status));
        add_output(output, &message);
    }
    rh_buf_add_char(&message, 0);
    *ret_message = rh_buf_take(&message);
}

/* What the kernel still holds of a process that has ended. */
static void drain(int fd, struct heard *heard)
{
    fcntl(fd, F_SETFL, O_NONBLOCK);
    for (size_t before = SIZE_MAX; !heard->ended && heard->n != before;) {
        before = heard->n;
        hear(fd, heard);
    }
}

void rh_child_run(const struct rh_child_options *options, const struct rh_trial_test *test,
                  enum rh_conformance_outcome *ret_outcome, char **ret_message)
{
    static struct heard records, output;
    int say[2] = {-1, -1}, print[2] = {-1, -1}, status = 0;
    bool in_time;
    pid_t pid;

    *ret_outcome = RH_CONFORMANCE_FAIL;
    *ret_message = NULL;
    records.n = output.n = 0;
    records.ended = output.ended = false;
    if (pipe2(say, O_CLOEXEC) < 0 || pipe2(print, O_CLOEXEC) < 0)
        goto out;
    fflush(NULL);
    pid = fork();
    if (pid < 0)
        goto out;
    if (pid == 0) {
        setpgid(0, 0);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(say[0]);
        dup2(print[1], STDOUT_FILENO);
        dup2(print[1], STDERR_FILENO);
        close(print[0]);
        close(print[1]);
        run_test(options, test, say[1]);
    }
    setpgid(pid, pid);
    close(say[1]);
    close(print[1]);
    say[1] = print[1] = -1;
    in_time = listen_to(say[0], print[0], options->timeout_ms, &records, &output);
    /* One that ends by itself gets to: its status tells how. */
    if (in_time && !has_verdict(&records))
        waitpid(pid, &status, 0);
    kill(-pid, SIGKILL);
    if (!in_time || has_verdict(&records))
        waitpid(pid, &status, 0);
    drain(say[0], &records);
    drain(print[0], &output);
    records.bytes[records.n] = 0;
    conclude(&records, &output, in_time, status, options->timeout_ms, ret_outcome, ret_message);
out:
    for (int i = 0; i < 2; i++) {
        if (say[i] >= 0)
            close(say[i]);
        if (print[i] >= 0)
            close(print[i]);
    }
}
