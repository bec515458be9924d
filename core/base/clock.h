/*
 * Clocks. Deadlines and durations use the monotonic clock; the wall clock is for output only.
 */
#pragma once

#include <stdint.h>

/* Microseconds of CLOCK_MONOTONIC. [any] */
uint64_t rh_clock_us(void);
/* Microseconds since 1970-01-01T00:00:00Z. [any] */
int64_t rh_clock_wall_us(void);
/* Milliseconds left until a monotonic deadline, rounded up; 0 when it has passed; at most
 * INT32_MAX. For poll(). */
int rh_clock_left_ms(uint64_t deadline_us);
