/* Clocks. clock_gettime cannot fail for the two clocks that are asked for here. */
#include "base/clock.h"

#include <time.h>

uint64_t rh_clock_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

int64_t rh_clock_wall_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int rh_clock_left_ms(uint64_t deadline_us)
{
    uint64_t now = rh_clock_us();
    if (deadline_us <= now)
        return 0;
    uint64_t left_us = deadline_us - now;
    uint64_t left_ms = left_us / 1000 + (left_us % 1000 != 0);
    return left_ms > INT32_MAX ? INT32_MAX : (int)left_ms;
}
