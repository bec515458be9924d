/* Lines from a connector's process. More than 100 in a second are counted and dropped. */
#include "host/isolation/output.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "host/isolation/codec.h"
#include "host/redact.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINES_PER_SECOND 100u
#define MESSAGES_AT_A_TIME 64 /* so that a flood does not keep the watcher from its clock */

void rh_output_init(struct rh_output *output, const char *path)
{
    const char *base = strrchr(path, '/');

    memset(output, 0, sizeof(*output));
    output->name = base ? base + 1 : path;
}

bool rh_output_is_flooded(const struct rh_output *output)
{
    return output->n_dropped && output->second == rh_clock_us() / 1000000;
}

static bool may_log(struct rh_output *output)
{
    uint64_t second = rh_clock_us() / 1000000;

    if (second != output->second) {
        if (output->n_dropped)
            rh_log(RH_LOG_WARN, "isolation", "%s: %llu lines of its log were dropped", output->name,
                   (unsigned long long)output->n_dropped);
        output->second = second;
        output->n_lines = 0;
        output->n_dropped = 0;
    }
    if (output->n_lines >= LINES_PER_SECOND) {
        output->n_dropped++;
        return false;
    }
    output->n_lines++;
    return true;
}

static void log_line(struct rh_output *output, uint32_t level, const char *component,
                     struct rh_text line)
{
    struct rh_buf struck;

    if (line.len == 0 || !may_log(output))
        return;
    rh_buf_init(&struck, 8192);
    rh_redact_text(line, &struck);
    if (struck.failed)
        rh_log(level, component, "%s: (a line that is too long)", output->name);
    else
        rh_log(level, component, "%s: %.*s", output->name, RH_TEXT_ARG(rh_buf_text(&struck)));
    rh_buf_free(&struck);
}

static void end_line(struct rh_output *output)
{
    log_line(output, RH_LOG_WARN, "isolation", rh_text_make(output->line, output->n));
    output->n = 0;
}

void rh_output_fini(struct rh_output *output)
{
    end_line(output);
}

bool rh_output_read_control(struct rh_output *output, int control)
{
    struct {
        struct rh_control head;
        char text[RH_CONTROL_LOG_BYTES];
    } message;

    for (int i = 0; i < MESSAGES_AT_A_TIME; i++) {
        ssize_t n = recv(control, &message, sizeof(message), MSG_DONTWAIT);

        if (n < 0)
            return errno == EAGAIN || errno == EINTR;
        if (n == 0)
            return false;
        if ((size_t)n < sizeof(message.head) || message.head.kind != RH_CONTROL_LOG ||
            message.head.value < RH_LOG_ERROR || message.head.value > RH_LOG_DEBUG)
            return false;
        log_line(output, message.head.value, "connector",
                 rh_text_make(message.text, (size_t)n - sizeof(message.head)));
    }
    return true;
}

bool rh_output_read_lines(struct rh_output *output, int fd)
{
    char bytes[4096];
    ssize_t n = read(fd, bytes, sizeof(bytes));

    if (n <= 0)
        return n < 0 && (errno == EAGAIN || errno == EINTR);
    for (ssize_t i = 0; i < n; i++) {
        if (bytes[i] == '\n' || output->n == sizeof(output->line))
            end_line(output);
        if (bytes[i] != '\n')
            output->line[output->n++] = bytes[i];
    }
    return true;
}
