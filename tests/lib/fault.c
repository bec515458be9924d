/* Allocations that fail on purpose. For tests with one thread at work. */
#include "lib/fault.h"

#include <check.h>
#include <stddef.h>
#include <stdint.h>

enum mode {
    NONE,
    ONE, /* only the n-th fails */
    ALL, /* the n-th and all behind it fail */
};

static enum mode mode = NONE;
static unsigned n_left; /* allocations that are still served */
static bool fired;

void *__real_malloc(size_t n);
void *__real_calloc(size_t count, size_t n);
void *__real_realloc(void *old, size_t n);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t count, size_t n);
void *__wrap_realloc(void *old, size_t n);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t n);

static bool fails(void)
{
    if (mode == NONE)
        return false;
    if (n_left) {
        n_left--;
        return false;
    }
    fired = true;
    if (mode == ONE)
        mode = NONE;
    return true;
}

void *__wrap_malloc(size_t n)
{
    return fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t count, size_t n)
{
    return fails() ? NULL : __real_calloc(count, n);
}

void *__wrap_realloc(void *old, size_t n)
{
    return fails() ? NULL : __real_realloc(old, n);
}

char *__wrap_strdup(const char *text)
{
    return fails() ? NULL : __real_strdup(text);
}

char *__wrap_strndup(const char *text, size_t n)
{
    return fails() ? NULL : __real_strndup(text, n);
}

static unsigned torture(enum mode how, bool (*run)(void *context), void *context)
{
    for (unsigned n = 0;; n++) {
        fired = false;
        n_left = n;
        mode = how;
        bool succeeded = run(context);
        mode = NONE;
        if (!fired) {
            ck_assert_msg(succeeded, "failed without a failed allocation (%u)", n);
            return n;
        }
    }
}

unsigned fault_torture(bool (*run)(void *context), void *context)
{
    unsigned n = torture(ONE, run, context);
    torture(ALL, run, context);
    return n;
}

_Noreturn void fault_abort(const char *file, int line, const char *condition)
{
    mode = NONE;
    ck_abort_msg("%s:%d: %s", file, line, condition);
}
