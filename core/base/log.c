/*
 * The log. A line is built on the stack and written with one write(2), so that lines of several
 * threads and processes do not mix; a line that does not fit is cut and ends in "…".
 *
 * Control characters (C0, DEL, C1) and broken UTF-8 in component and message become \xNN: a line
 * stays one line, and no text from outside reaches a terminal as a command.
 */
#include "base/log.h"

#include "base/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define LINE_BYTES 4096 /* PIPE_BUF: up to this a write into a pipe is not divided */
#define TAIL_BYTES 8    /* kept for "…" and the newline */

struct line {
    char text[LINE_BYTES];
    size_t len;
    bool full;
};

static _Atomic uint32_t max_level = RH_LOG_INFO;

static void add(struct line *line, const char *data, size_t n)
{
    if (line->full || n > sizeof(line->text) - TAIL_BYTES - line->len) {
        line->full = true;
        return;
    }
    memcpy(line->text + line->len, data, n);
    line->len += n;
}

static void add_escaped(struct line *line, const char *text)
{
    static const char hex[] = "0123456789abcdef";
    size_t left = strlen(text);
    while (left && !line->full) {
        unsigned step = rh_text_utf8_step(text, left);
        unsigned char c = (unsigned char)text[0];
        bool control = step == 1 ? c < 0x20 || c == 0x7f
                                 : step == 2 && c == 0xc2 && (unsigned char)text[1] < 0xa0;
        if (step == 0 || control) {
            char escape[4] = {'\\', 'x', hex[c >> 4], hex[c & 15]};
            add(line, escape, sizeof(escape));
            step = 1;
        } else {
            add(line, text, step);
        }
        text += step;
        left -= step;
    }
}

static void add_time(struct line *line)
{
    struct timespec now;
    struct tm utc;
    char text[32];
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    size_t n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &utc);
    add(line, text, n);
    int k = snprintf(text, sizeof(text), ".%03dZ ", (int)(now.tv_nsec / 1000000));
    add(line, text, k > 0 ? (size_t)k : 0);
}

void rh_log_set_level(uint32_t level)
{
    atomic_store_explicit(&max_level, level, memory_order_relaxed);
}

void rh_log(uint32_t level, const char *component, const char *format, ...)
{
    static const char *const names[] = {"", "error ", "warn ", "info ", "debug "};
    if (level > atomic_load_explicit(&max_level, memory_order_relaxed))
        return;
    int saved_errno = errno;
    struct line line = {.len = 0};
    char message[LINE_BYTES];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(message, sizeof(message), format, args);
    va_end(args);

    add_time(&line);
    const char *name = level < sizeof(names) / sizeof(names[0]) ? names[level] : "";
    add(&line, name, strlen(name));
    add_escaped(&line, component);
    add(&line, " ", 1);
    add_escaped(&line, n < 0 ? "(a message that could not be formatted)" : message);
    if (line.full) {
        memcpy(line.text + line.len, "…", 3);
        line.len += 3;
    }
    line.text[line.len++] = '\n';
    ssize_t written = write(STDERR_FILENO, line.text, line.len);
    (void)written; /* there is nobody to tell */
    errno = saved_errno;
}
