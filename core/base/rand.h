/* Random bytes from the kernel, and identifiers made of them. [any] */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Fills the buffer from getrandom(2); ends the process when the kernel has none (it always has). */
void rh_rand_bytes(void *data, size_t n);
uint64_t rh_rand_u64(void);

/* 26 characters of [0-9a-z], sortable by time of making (48-bit milliseconds, 80 random bits), and
 * a NUL. The layout is ULID's in Crockford's base 32, lower case. */
#define RH_ID_SIZE 27
void rh_id_make(char ret_id[RH_ID_SIZE]);
