/* Lines are short, so one that is appended by one write is never mixed with another. */
#include "host/tried.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINE_BYTES 160

static bool make_line(const char *sha256, char ret_line[LINE_BYTES])
{
    int n = snprintf(ret_line, LINE_BYTES, "%s " RH_VERSION "\n", sha256);

    return n > 0 && n < LINE_BYTES;
}

bool rh_tried_has(const char *path, const char *sha256)
{
    char line[LINE_BYTES], wanted[LINE_BYTES];
    FILE *file = path && make_line(sha256, wanted) ? fopen(path, "re") : NULL;
    bool found = false;

    while (file && !found && fgets(line, sizeof(line), file))
        found = strcmp(line, wanted) == 0;
    if (file)
        fclose(file);
    return found;
}

void rh_tried_add(const char *path, const char *sha256)
{
    char line[LINE_BYTES];
    int fd = path && make_line(sha256, line)
                 ? open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600)
                 : -1;

    if (fd < 0)
        return;
    (void)!write(fd, line, strlen(line));
    close(fd);
}
