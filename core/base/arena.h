/*
 * Arena: memory that is freed all at once, at the end of a request or batch. One thread at a time.
 * Under AddressSanitizer the gaps between allocations are poisoned.
 */
#pragma once

#include <rowhouse/value.h>

#include <stdbool.h>
#include <stddef.h>

struct rh_arena;

/* max_bytes: what all allocations together may take, each rounded up to 16 (0 counts as 16). NULL
 * when out of memory. Owned by caller. */
struct rh_arena *rh_arena_new(size_t max_bytes);
/* Runs the deferred calls (last first) and frees everything. NULL is allowed. */
void rh_arena_free(struct rh_arena *arena);
/* The same, but the arena stays usable; it keeps one small block at most. */
void rh_arena_reset(struct rh_arena *arena);

/* Zeroed, aligned to 16. NULL when out of memory or above max_bytes. n = 0 gives a valid pointer.
 */
void *rh_arena_alloc(struct rh_arena *arena, size_t n);
/* Zeroed array; checks count * size for overflow. */
void *rh_arena_array(struct rh_arena *arena, size_t count, size_t size);
/* Copy of n bytes, with a NUL behind them. */
char *rh_arena_dup(struct rh_arena *arena, const void *data, size_t n);
/* Copy of a text; {NULL, 0} stays so. On failure sets *ret_ok to false when ret_ok is not NULL. */
struct rh_text rh_arena_text(struct rh_arena *arena, struct rh_text text, bool *ret_ok);
char *rh_arena_printf(struct rh_arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Calls run(context) when the arena is reset or freed. False when out of memory: then it has been
 * called already, so nothing leaks. */
bool rh_arena_defer(struct rh_arena *arena, void (*run)(void *context), void *context);
/* Bytes handed out since new or reset, each allocation rounded up to 16. */
size_t rh_arena_used(const struct rh_arena *arena);
