/*
 * What a connector's process says: log lines of the connector on the control socket, and whatever
 * is written to stderr there. It goes to the host's log with secrets struck out, and with a limit.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rh_output {
    const char *name; /* of the connector, borrowed */
    uint64_t second;  /* of the clock, that n_lines counts for */
    uint32_t n_lines;
    uint64_t n_dropped;
    size_t n; /* bytes of a line that has not ended */
    char line[1024];
};

void rh_output_init(struct rh_output *output, const char *path);
/* Logs what is left. */
void rh_output_fini(struct rh_output *output);
/* What is there, without waiting. False when the other end is closed, or sends what is no line. */
bool rh_output_read_control(struct rh_output *output, int control);
bool rh_output_read_lines(struct rh_output *output, int fd);
/* Lines of this second were dropped: until the next one, reading more is work for nothing. */
bool rh_output_is_flooded(const struct rh_output *output);
