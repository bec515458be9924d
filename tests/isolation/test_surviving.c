/* core/host/isolation: connectors that crash or are killed by the hundred beside one that works, and a
 * host that dies. */
#include "isolation/vandal.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* ---- Under load ------------------------------------------------------------------------------ */

struct load {
    const struct rh_library *library;
    atomic_bool done;
    atomic_uint n_good, n_lost, n_wrong;
};

/* Somebody else's datasource: whatever happens, every request has to succeed. */
static void *read_calmly(void *context)
{
    struct load *load = context;
    struct visit visit;
    int64_t sum;

    if (enter(&visit, load->library, "", "", "calm") != RH_OK)
        atomic_fetch_add(&load->n_wrong, 1);
    while (!atomic_load(&load->done) && visit.conn) {
        if (read_all(&visit, 20, &sum) != RH_END || sum != 50 * 51 / 2)
            atomic_fetch_add(&load->n_wrong, 1);
        atomic_fetch_add(&load->n_good, 1);
    }
    leave(&visit);
    return NULL;
}

/* The one that is killed: a request succeeds or is UNAVAILABLE, and nothing else. */
static void *read_hotly(void *context)
{
    struct load *load = context;
    struct visit visit;
    int64_t sum;

    while (!atomic_load(&load->done)) {
        int rc = enter(&visit, load->library, "", "", "hot");

        while (rc == RH_OK && !atomic_load(&load->done)) {
            rc = read_all(&visit, 20, &sum);
            if (rc == RH_END && sum == 50 * 51 / 2)
                rc = RH_OK;
            atomic_fetch_add(&load->n_good, rc == RH_OK);
        }
        atomic_fetch_add(&load->n_lost, rc == RH_UNAVAILABLE);
        if (rc != RH_OK && rc != RH_UNAVAILABLE)
            atomic_fetch_add(&load->n_wrong, 1);
        leave(&visit);
        poll(NULL, 0, 10);
    }
    return NULL;
}

START_TEST(survives_being_killed_under_load)
{
    struct rh_library *library = loaded(NULL);
    struct load calm = {.library = library}, hot = {.library = library};
    pthread_t threads[4];
    struct visit keeper;
    pid_t calm_pid, pids[8];

    ck_assert_int_eq(enter(&keeper, library, "", "", "calm"), RH_OK);
    while (children(pids, 8) != 1) /* the one that described it is about to end */
        poll(NULL, 0, 1);
    calm_pid = pids[0];
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, i ? read_hotly : read_calmly, i ? &hot : &calm);
    for (int kills = 0; kills < 5;) {
        uint32_t n = children(pids, 8);
        unsigned before = atomic_load(&hot.n_good);

        for (uint32_t i = 0; i < n; i++) {
            if (pids[i] != calm_pid && kill(pids[i], SIGKILL) == 0)
                kills++;
        }
        while (n > 1 && atomic_load(&hot.n_good) < before + 5)
            poll(NULL, 0, 1);
    }
    atomic_store(&calm.done, true);
    atomic_store(&hot.done, true);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    ck_assert_uint_eq(calm.n_wrong, 0);
    ck_assert_uint_eq(hot.n_wrong, 0);
    ck_assert_uint_gt(calm.n_good, 0);
    ck_assert_uint_gt(hot.n_lost, 0);
    leave(&keeper);
    rh_library_free(library);
    ck_assert_uint_eq(children(pids, 8), 0);
}
END_TEST

/* Until nobody is on the way out: beside the threads that there were, the calm reader and its
 * watcher are left. */
static uint32_t descriptors_at_rest(uint32_t threads)
{
    pid_t pids[8];

    while (children(pids, 8) > 1 || count_entries("/proc/self/task") > threads + 2)
        poll(NULL, 0, 1);
    return count_entries("/proc/self/fd");
}

static void *do_nothing(void *context)
{
    return context;
}

/* A thread is listed until a moment after it was joined, or has said that it ends. One that stays is
 * waited for until the test's time is up. */
static void await_threads(uint32_t n)
{
    while (count_entries("/proc/self/task") > n)
        poll(NULL, 0, 1);
}

/* How many there are; a sanitizer's own thread comes with the first one of ours. */
static uint32_t threads_at_first(void)
{
    pthread_t thread;

    pthread_create(&thread, NULL, do_nothing, NULL);
    pthread_join(thread, NULL);
    return count_entries("/proc/self/task");
}

#define CRASHES (SANITIZED ? 100 : 1000)

START_TEST(leaves_nothing_behind_after_a_thousand_crashes)
{
    uint32_t threads = threads_at_first(), descriptors = 0;
    struct rh_library *library = loaded(NULL);
    struct load calm = {.library = library};
    struct rh_isolation_stats stats;
    struct visit visit;
    pthread_t thread;
    char arg[16];
    pid_t pids[8];

    pthread_create(&thread, NULL, read_calmly, &calm);
    for (int i = 0; i < CRASHES; i++) {
        snprintf(arg, sizeof(arg), "%d", i);
        ck_assert_msg(enter(&visit, library, "ping", "crash", arg) == RH_OK, "%s",
                      visit.error.message);
        ck_assert_int_eq(call(&visit, "ping", 20000), RH_UNAVAILABLE);
        leave(&visit);
        if (i == 10)
            descriptors = descriptors_at_rest(threads);
    }
    ck_assert_uint_eq(descriptors_at_rest(threads), descriptors);
    atomic_store(&calm.done, true);
    pthread_join(thread, NULL);
    ck_assert_uint_eq(calm.n_wrong, 0);
    ck_assert_uint_gt(calm.n_good, 0);
    rh_isolation_stats(&stats);
    ck_assert_uint_eq(stats.n_crashed, CRASHES);
    rh_library_free(library);
    ck_assert_uint_eq(children(pids, 8), 0);
    await_threads(threads);
}
END_TEST

START_TEST(starts_again_after_a_while)
{
    struct rh_library *library = loaded(NULL);
    struct visit visit;
    int rc;

    ck_assert_int_eq(enter(&visit, library, "ping", "crash", ""), RH_OK);
    ck_assert_int_eq(call(&visit, "ping", 20000), RH_UNAVAILABLE);
    leave(&visit);
    while ((rc = enter(&visit, library, "ping", "crash", "")) == RH_UNAVAILABLE) {
        poll(NULL, 0, (int)visit.error.retry_after_ms);
        leave(&visit);
    }
    ck_assert_int_eq(rc, RH_OK);
    leave(&visit);
    rh_library_free(library);
}
END_TEST

/* ---- The end of the host --------------------------------------------------------------------- */

/* A host that is killed with a connector busy. Tells the connector's process id. */
static void live_and_wait(int fd)
{
    struct rh_library *library = loaded(NULL);
    struct visit visit;
    pid_t pids[8];

    ck_assert_int_eq(enter(&visit, library, "ping", "loop", ""), RH_OK);
    while (children(pids, 8) != 1)
        poll(NULL, 0, 1);
    ck_assert_int_eq(write(fd, pids, sizeof(pids[0])), sizeof(pids[0]));
    call(&visit, "ping", 60000);
}

START_TEST(ends_with_the_host)
{
    int ends[2], pidfd;
    struct pollfd wait = {.events = POLLIN};
    pid_t host, pid = 0;

    ck_assert_int_eq(pipe(ends), 0);
    host = fork();
    if (host == 0) {
        live_and_wait(ends[1]);
        _exit(0);
    }
    ck_assert_int_eq(read(ends[0], &pid, sizeof(pid)), sizeof(pid));
    pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    ck_assert_int_ge(pidfd, 0);
    kill(host, SIGKILL);
    ck_assert_int_eq(waitpid(host, NULL, 0), host);
    wait.fd = pidfd;
    ck_assert_int_eq(poll(&wait, 1, 30000), 1);
    close(pidfd);
}
END_TEST

TESTS_MAIN("surviving", survives_being_killed_under_load,
           leaves_nothing_behind_after_a_thousand_crashes, starts_again_after_a_while,
           ends_with_the_host)
