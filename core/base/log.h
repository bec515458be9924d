/*
 * The log: one line per event on stderr, `time level component message`, written in one write(2).
 * Secrets are never passed in here. [any]
 */
#pragma once

#include <rowhouse/host.h>

/* Lines above this level are dropped. Default RH_LOG_INFO. */
void rh_log_set_level(uint32_t level);
/* component: "server", "pool crm", …; the message has no trailing newline; control characters in
 * it are escaped. */
void rh_log(uint32_t level, const char *component, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
