/*
 * What the host gives to connectors: log, clock, memory, HTTP. One object, the same for all; it may
 * be used from any thread.
 */
#include "host/library.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "host/http/http.h"
#include "host/redact.h"

static void service_log(const struct rh_host *host, uint32_t level, struct rh_text line)
{
    struct rh_buf struck;

    if (level < RH_LOG_ERROR || level > RH_LOG_DEBUG || (!line.data && line.len))
        return;
    rh_buf_init(&struck, 8192);
    rh_redact_text(line, &struck);
    if (struck.failed)
        rh_log(level, "connector", "(a line that is too long)");
    else
        rh_log(level, "connector", "%.*s", RH_TEXT_ARG(rh_buf_text(&struck)));
    rh_buf_free(&struck);
}

static uint64_t service_now_us(const struct rh_host *host)
{
    return rh_clock_us();
}

static void *service_alloc(struct rh_arena *arena, uint64_t size)
{
    return arena ? rh_arena_alloc(arena, size) : NULL;
}

const struct rh_host *rh_host_services(void)
{
    static const struct rh_host services = {
        .struct_size = sizeof(services),
        .minor = RH_ABI_MINOR,
        .log = service_log,
        .now_us = service_now_us,
        .alloc = service_alloc,
        .http = &rh_http_service,
    };

    return &services;
}
