/*
 * Settings by name, and the poll that ends long work in time.
 *
 * The host has validated the settings against config_schema and filled in the defaults, so a
 * setting of another type than asked for is treated as one that is not set.
 */
#include "connector/kit.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW_US 10000
#define LOOKS_PER_WINDOW 4

static const struct rh_value *find(const struct rh_settings *settings, const char *name)
{
    if (!settings)
        return NULL;
    const char *item = (const char *)settings->items;
    for (uint32_t i = 0; i < settings->n; i++, item += settings->stride) {
        const struct rh_setting *setting = (const struct rh_setting *)(const void *)item;
        if (rh_text_is(setting->name, name))
            return &setting->value;
    }
    return NULL;
}

struct rh_text rh_kit_setting_text(const struct rh_settings *settings, const char *name)
{
    const struct rh_value *value = find(settings, name);
    if (!value || (value->type != RH_TYPE_TEXT && value->type != RH_TYPE_JSON))
        return (struct rh_text){NULL, 0};
    return rh_kit_value_text(value);
}

int64_t rh_kit_setting_int(const struct rh_settings *settings, const char *name, int64_t otherwise)
{
    const struct rh_value *value = find(settings, name);
    return value && value->type == RH_TYPE_INT ? value->as.i : otherwise;
}

bool rh_kit_setting_bool(const struct rh_settings *settings, const char *name, bool otherwise)
{
    const struct rh_value *value = find(settings, name);
    return value && value->type == RH_TYPE_BOOL ? value->as.i != 0 : otherwise;
}

char *rh_kit_setting_dup(const struct rh_settings *settings, const char *name)
{
    struct rh_text text = rh_kit_setting_text(settings, name);
    return text.data ? strndup(text.data, text.len) : NULL;
}

/* Whether the cancel fd may be looked at now. A look is a system call and a check may come with
 * each batch, so a thread takes a few looks per window and then none until the next one: well
 * within the 100 ms that rh_op allows. */
static bool may_look(uint64_t now_us)
{
    static _Thread_local uint64_t window_us;
    static _Thread_local unsigned n_looks;

    if (now_us < window_us || now_us - window_us >= WINDOW_US) {
        window_us = now_us;
        n_looks = 0;
    }
    if (n_looks == LOOKS_PER_WINDOW)
        return false;
    n_looks++;
    return true;
}

int rh_kit_check(const struct rh_host *host, const struct rh_op *op, struct rh_error *error)
{
    uint64_t now_us = host->now_us(host);

    if (op->cancel_fd >= 0 && may_look(now_us)) {
        struct pollfd fd = {.fd = op->cancel_fd, .events = POLLIN};
        int saved = errno;
        int n = poll(&fd, 1, 0);
        errno = saved;
        if (n > 0)
            return rh_fail(error, RH_CANCELLED, "the operation was cancelled");
    }
    if (now_us >= op->deadline_us)
        return rh_fail(error, RH_TIMEOUT, "the deadline passed");
    return RH_OK;
}

void rh_kit_refuse(const struct rh_host *host, const struct rh_op *op, struct rh_row_status *status,
                   int32_t error_class, uint32_t constraint, struct rh_text message)
{
    char *copy = message.len ? host->alloc(op->arena, message.len) : NULL;

    *status = (struct rh_row_status){.error_class = error_class, .constraint = constraint};
    if (copy) {
        memcpy(copy, message.data, message.len);
        status->message = rh_text_make(copy, message.len);
    }
}
