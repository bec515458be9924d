/*
 * Arena: a chain of blocks, each allocation cut from the newest.
 *
 * Blocks double from 8 KiB to 256 KiB. What is larger than a quarter of a block gets a block of
 * its own behind the newest, so that the room left in the newest is not lost. Memory is zeroed
 * when it is handed out, never before. Under AddressSanitizer all that is not handed out is
 * poisoned, with a gap behind each allocation.
 */
#include "base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* gcc 12 -fanalyzer loses sight of blocks that are reached through another block. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wanalyzer-malloc-leak"
#endif

#if defined(__SANITIZE_ADDRESS__)
#define WITH_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ASAN 1
#endif
#endif

#ifdef WITH_ASAN
#include <sanitizer/asan_interface.h>
#define POISON(at, n) ASAN_POISON_MEMORY_REGION(at, n)
#define UNPOISON(at, n) ASAN_UNPOISON_MEMORY_REGION(at, n)
#define GAP_BYTES ((size_t)16)
#else
#define POISON(at, n) ((void)(at), (void)(n))
#define UNPOISON(at, n) ((void)(at), (void)(n))
#define GAP_BYTES ((size_t)0)
#endif

#define ALIGN ((size_t)16)
#define FIRST_BLOCK_BYTES ((size_t)8 * 1024)
#define MAX_BLOCK_BYTES ((size_t)256 * 1024)

struct block {
    struct block *next; /* older */
    size_t size;        /* of data */
    _Alignas(16) char data[];
};

struct deferred {
    struct deferred *next; /* registered earlier */
    void (*run)(void *context);
    void *context;
};

struct rh_arena {
    struct block *newest; /* allocations are cut from it */
    char *at;             /* in newest: first free byte */
    size_t left;          /* free bytes there */
    size_t next_bytes;    /* size of the next block */
    size_t used;
    size_t max;
    struct deferred *deferred; /* last registered first */
};

/* n must leave room for the header: callers check. */
static struct block *block_new(size_t n)
{
    struct block *block = malloc(sizeof(*block) + n);
    if (!block)
        return NULL;
    block->size = n;
    POISON(block->data, n);
    return block;
}

static void block_free(struct block *block)
{
    UNPOISON(block->data, block->size);
    free(block);
}

static void run_deferred(struct rh_arena *arena)
{
    while (arena->deferred) {
        struct deferred *last = arena->deferred;
        arena->deferred = last->next;
        last->run(last->context);
    }
}

/* Room for n bytes (a multiple of ALIGN, with gap) from a new block, or NULL. */
static char *alloc_slow(struct rh_arena *arena, size_t n)
{
    bool own = arena->newest && n > arena->next_bytes / 4;
    size_t size = own || n > arena->next_bytes ? n : arena->next_bytes;
    struct block **link = own ? &arena->newest->next : &arena->newest;
    struct block *block = block_new(size);
    if (!block)
        return NULL;
    block->next = *link;
    *link = block;
    if (!own) {
        arena->at = block->data + n;
        arena->left = size - n;
        if (arena->next_bytes < MAX_BLOCK_BYTES)
            arena->next_bytes *= 2;
    }
    return block->data;
}

struct rh_arena *rh_arena_new(size_t max_bytes)
{
    struct rh_arena *arena = calloc(1, sizeof(*arena));
    if (!arena)
        return NULL;
    arena->max = max_bytes;
    arena->next_bytes = FIRST_BLOCK_BYTES;
    return arena;
}

void rh_arena_free(struct rh_arena *arena)
{
    if (!arena)
        return;
    run_deferred(arena);
    for (struct block *block = arena->newest, *next; block; block = next) {
        next = block->next;
        block_free(block);
    }
    free(arena);
}

/* Keeps one block of the first size, wherever it stands: what a request of unusual size took is
 * given back. */
void rh_arena_reset(struct rh_arena *arena)
{
    struct block *kept = NULL;

    run_deferred(arena);
    for (struct block *block = arena->newest, *next; block; block = next) {
        next = block->next;
        if (!kept && block->size == FIRST_BLOCK_BYTES)
            kept = block;
        else
            block_free(block);
    }
    arena->used = 0;
    arena->newest = kept;
    arena->at = kept ? kept->data : NULL;
    arena->left = kept ? kept->size : 0;
    arena->next_bytes = kept ? FIRST_BLOCK_BYTES * 2 : FIRST_BLOCK_BYTES;
    if (kept) {
        kept->next = NULL;
        POISON(kept->data, kept->size);
    }
}

void *rh_arena_alloc(struct rh_arena *arena, size_t n)
{
    size_t rounded = ((n ? n : 1) + (ALIGN - 1)) & ~(ALIGN - 1);
    if (n > PTRDIFF_MAX - MAX_BLOCK_BYTES || rounded > arena->max - arena->used)
        return NULL;
    size_t take = rounded + GAP_BYTES;
    char *to;
    if (take <= arena->left) {
        to = arena->at;
        arena->at += take;
        arena->left -= take;
    } else {
        to = alloc_slow(arena, take);
        if (!to)
            return NULL;
    }
    arena->used += rounded;
    UNPOISON(to, n ? n : 1);
    return memset(to, 0, n);
}

void *rh_arena_array(struct rh_arena *arena, size_t count, size_t size)
{
    size_t n;
    if (__builtin_mul_overflow(count, size, &n))
        return NULL;
    return rh_arena_alloc(arena, n);
}

char *rh_arena_dup(struct rh_arena *arena, const void *data, size_t n)
{
    if (n == SIZE_MAX)
        return NULL;
    char *copy = rh_arena_alloc(arena, n + 1);
    if (copy && n)
        memcpy(copy, data, n);
    return copy;
}

struct rh_text rh_arena_text(struct rh_arena *arena, struct rh_text text, bool *ret_ok)
{
    if (!text.data)
        return text;
    char *copy = rh_arena_dup(arena, text.data, text.len);
    if (copy)
        return (struct rh_text){copy, text.len};
    if (ret_ok)
        *ret_ok = false;
    return (struct rh_text){NULL, 0};
}

char *rh_arena_printf(struct rh_arena *arena, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n < 0)
        return NULL;
    char *text = rh_arena_alloc(arena, (size_t)n + 1);
    if (!text)
        return NULL;
    va_start(args, format);
    vsnprintf(text, (size_t)n + 1, format, args);
    va_end(args);
    return text;
}

bool rh_arena_defer(struct rh_arena *arena, void (*run)(void *context), void *context)
{
    struct deferred *last = rh_arena_alloc(arena, sizeof(*last));
    if (!last) {
        run(context);
        return false;
    }
    *last = (struct deferred){.next = arena->deferred, .run = run, .context = context};
    arena->deferred = last;
    return true;
}

size_t rh_arena_used(const struct rh_arena *arena)
{
    return arena->used;
}
