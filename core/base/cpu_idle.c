/* See cpu_idle.h. The file is small, and cheaper for the kernel to write than /proc/stat. */
#include "base/cpu_idle.h"

#include "base/clock.h"
#include "base/text.h"

#include <fcntl.h>
#include <unistd.h>

#define INTERVAL_US 20000u
#define US_PER_CS 10000u

/* "seconds since the start, seconds idle", both with two digits behind the point. */
static bool read_idle(int fd, uint64_t *ret_idle_cs)
{
    char bytes[64];
    ssize_t n = fd < 0 ? -1 : pread(fd, bytes, sizeof(bytes), 0);
    struct rh_text rest = rh_text_make(bytes, n > 0 ? (size_t)n : 0), line, seconds;
    uint64_t whole, hundredths;

    line = rh_text_cut(&rest, '\n');
    rh_text_cut(&line, ' ');
    seconds = rh_text_cut(&line, '.');
    if (!rh_text_to_u64(seconds, &whole) || !rh_text_to_u64(line, &hundredths))
        return false;
    *ret_idle_cs = whole * 100 + hundredths;
    return true;
}

void rh_cpu_idle_init(struct rh_cpu_idle *idle)
{
    *idle = (struct rh_cpu_idle){.fd = open("/proc/uptime", O_RDONLY | O_CLOEXEC), .spare = true};
    idle->since_us = rh_clock_us();
    if (!read_idle(idle->fd, &idle->idle_cs))
        rh_cpu_idle_fini(idle);
}

void rh_cpu_idle_fini(struct rh_cpu_idle *idle)
{
    if (idle->fd >= 0)
        close(idle->fd);
    idle->fd = -1;
}

bool rh_cpu_idle_spare(struct rh_cpu_idle *idle)
{
    uint64_t now_us = rh_clock_us(), idle_cs;

    if (now_us - idle->since_us < INTERVAL_US || !read_idle(idle->fd, &idle_cs))
        return idle->spare;
    idle->spare = (idle_cs - idle->idle_cs) * US_PER_CS * 2 >= now_us - idle->since_us;
    idle->idle_cs = idle_cs;
    idle->since_us = now_us;
    return idle->spare;
}
