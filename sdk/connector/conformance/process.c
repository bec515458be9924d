/* A look at the own process, through /proc and libc. */
#include "connector/conformance/process.h"

#include "base/map.h"

#include <dirent.h>
#include <locale.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MIX UINT64_C(0x9e3779b97f4a7c15)

static uint32_t count_entries(const char *path)
{
    DIR *folder = opendir(path);
    uint32_t n = 0;

    while (folder && readdir(folder))
        n++;
    if (folder)
        closedir(folder);
    return n;
}

uint32_t rh_process_count_fds(void)
{
    return count_entries("/proc/self/fd");
}

uint32_t rh_process_count_threads(void)
{
    return count_entries("/proc/self/task");
}

uint64_t rh_process_heap_bytes(void)
{
    struct mallinfo2 info = mallinfo2();

    return (uint64_t)info.uordblks + (uint64_t)info.hblkhd;
}

static uint64_t hash_text(uint64_t hash, const char *text)
{
    return hash * MIX + rh_hash(text, strlen(text));
}

static uint64_t hash_signals(void)
{
    uint64_t hash = 0;
    sigset_t mask;

    for (int number = 1; number < RH_PROCESS_SIGNALS; number++) {
        struct sigaction action;
        if (sigaction(number, NULL, &action) == 0)
            hash = hash * MIX + (uint64_t)(uintptr_t)action.sa_sigaction;
    }
    sigemptyset(&mask);
    pthread_sigmask(SIG_BLOCK, NULL, &mask);
    for (int number = 1; number < RH_PROCESS_SIGNALS; number++)
        hash = hash * MIX + (uint64_t)sigismember(&mask, number);
    return hash;
}

void rh_process_look(struct rh_process_state *ret_state)
{
    struct rh_process_state state = {.n_fds = rh_process_count_fds(),
                                     .n_threads = rh_process_count_threads()};
    const char *locale = setlocale(LC_ALL, NULL);
    char directory[4096];

    for (char **variable = environ; variable && *variable; variable++)
        state.environment = hash_text(state.environment, *variable);
    state.locale = locale ? hash_text(0, locale) : 0;
    state.locale = state.locale * MIX + (uint64_t)(uintptr_t)uselocale((locale_t)0);
    if (getcwd(directory, sizeof(directory)))
        state.directory = hash_text(0, directory);
    state.signals = hash_signals();
    state.umask = umask(077);
    umask(state.umask);
    *ret_state = state;
}

bool rh_process_differs(const struct rh_process_state *before, const struct rh_process_state *after,
                        char *ret_what, size_t size)
{
    if (before->n_fds != after->n_fds)
        snprintf(ret_what, size, "%u open descriptors instead of %u", after->n_fds, before->n_fds);
    else if (before->n_threads != after->n_threads)
        snprintf(ret_what, size, "%u threads instead of %u", after->n_threads, before->n_threads);
    else if (before->environment != after->environment)
        snprintf(ret_what, size, "its environment");
    else if (before->locale != after->locale)
        snprintf(ret_what, size, "its locale");
    else if (before->directory != after->directory)
        snprintf(ret_what, size, "its working directory");
    else if (before->signals != after->signals)
        snprintf(ret_what, size, "its signal handlers or mask");
    else if (before->umask != after->umask)
        snprintf(ret_what, size, "its umask");
    else
        return false;
    return true;
}
