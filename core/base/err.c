/*
 * Errors: fixed texts inside a caller's struct, so nothing here can fail or allocate.
 *
 * A text that does not fit is cut between two characters and ends in "…", so that what was valid
 * UTF-8 stays valid.
 */
#include "base/err.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>

static const char ellipsis[] = "…";

struct class_info {
    const char *name;
    const char *problem;
};

static const struct class_info classes[RH_N_CLASSES] = {
#define ROW(symbol, problem, status, title) [-RH_##symbol] = {#symbol, problem},
    RH_ERROR_MAP(ROW)
#undef ROW
};

static const struct class_info *class_info(int error_class)
{
    if (error_class >= 0 || error_class <= -RH_N_CLASSES)
        return NULL;
    return &classes[-error_class];
}

/* Cuts the text at the last character that leaves room for the ellipsis, and adds that. */
static void end_in_ellipsis(char *text, size_t size)
{
    size_t cut = size - sizeof(ellipsis);
    while (cut > 0 && ((unsigned char)text[cut] & 0xc0) == 0x80)
        cut--;
    memcpy(text + cut, ellipsis, sizeof(ellipsis));
}

__attribute__((format(printf, 3, 0))) static void print(char *text, size_t size, const char *format,
                                                        va_list args)
{
    int n = vsnprintf(text, size, format, args);
    if (n < 0)
        text[0] = '\0';
    else if ((size_t)n >= size)
        end_in_ellipsis(text, size);
}

/* A detail may be written when an error is set and nobody wrote it before. */
static bool may_detail(const struct rh_error *error, const char *field)
{
    return error->error_class != RH_OK && field[0] == '\0';
}

void rh_error_clear(struct rh_error *error)
{
    *error = (struct rh_error)RH_ERROR_INIT;
}

int rh_vfail(struct rh_error *error, int error_class, const char *format, va_list args)
{
    if (!class_info(error_class))
        error_class = RH_INTERNAL;
    if (!error)
        return error_class;
    if (error->error_class != RH_OK)
        return error->error_class;
    error->error_class = error_class;
    print(error->message, sizeof(error->message), format, args);
    return error_class;
}

int rh_fail(struct rh_error *error, int error_class, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    error_class = rh_vfail(error, error_class, format, args);
    va_end(args);
    return error_class;
}

int rh_fail_nomem(struct rh_error *error)
{
    int error_class = rh_fail(error, RH_RESOURCE, "Out of memory");
    if (error && error_class == RH_RESOURCE)
        rh_error_code(error, "out-of-memory");
    return error_class;
}

int rh_error_hint(struct rh_error *error, const char *format, ...)
{
    if (!error)
        return RH_INTERNAL;
    if (may_detail(error, error->hint)) {
        va_list args;
        va_start(args, format);
        print(error->hint, sizeof(error->hint), format, args);
        va_end(args);
    }
    return error->error_class;
}

/* Codes are literals of ours; one that does not fit is cut. */
int rh_error_code(struct rh_error *error, const char *code)
{
    if (!error)
        return RH_INTERNAL;
    if (may_detail(error, error->code))
        snprintf(error->code, sizeof(error->code), "%s", code);
    return error->error_class;
}

int rh_error_pointer(struct rh_error *error, const char *pointer)
{
    if (!error)
        return RH_INTERNAL;
    if (may_detail(error, error->pointer)) {
        size_t n = strlen(pointer);
        if (n < sizeof(error->pointer)) {
            memcpy(error->pointer, pointer, n + 1);
        } else {
            memcpy(error->pointer, pointer, sizeof(error->pointer));
            end_in_ellipsis(error->pointer, sizeof(error->pointer));
        }
    }
    return error->error_class;
}

int rh_error_prefix(struct rh_error *error, const char *format, ...)
{
    if (!error)
        return RH_INTERNAL;
    if (error->error_class == RH_OK)
        return RH_OK;
    char context[sizeof(error->message)];
    va_list args;
    va_start(args, format);
    print(context, sizeof(context), format, args);
    va_end(args);

    char message[sizeof(error->message)];
    memcpy(message, error->message, sizeof(message));
    message[sizeof(message) - 1] = '\0';
    int n = snprintf(error->message, sizeof(error->message), "%s: %s", context, message);
    if (n < 0 || (size_t)n >= sizeof(error->message))
        end_in_ellipsis(error->message, sizeof(error->message));
    return error->error_class;
}

const char *rh_error_class_name(int error_class)
{
    const struct class_info *info = class_info(error_class);
    return info ? info->name : "UNKNOWN";
}

const char *rh_error_problem(const struct rh_error *error)
{
    if (error->code[0])
        return error->code;
    const struct class_info *info = class_info(error->error_class);
    return info ? info->problem : classes[-RH_INTERNAL].problem;
}
