/* The terminal's echo is off only while the line is typed. */
#include "cli/passphrase.h"

#include "base/err.h"
#include "base/text.h"
#include "cli/files.h"

#include <errno.h>
#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

static void cut_line(struct rh_buf *buf)
{
    struct rh_text rest = rh_buf_text(buf), line = rh_text_cut(&rest, '\n');

    if (line.len && line.data[line.len - 1] == '\r')
        line.len--;
    buf->len = line.len;
}

static int read_line(int fd, struct rh_buf *buf, struct rh_error *error)
{
    char c = 0;
    ssize_t n;

    while ((n = read(fd, &c, 1)) != 0 && c != '\n') {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return rh_fail(error, RH_AUTH, "cannot read the passphrase: %s", strerror(errno));
        rh_buf_add_char(buf, c);
    }
    return buf->failed ? rh_fail(error, RH_AUTH, "the passphrase is too long") : RH_OK;
}

static int ask(const char *question, struct rh_buf *buf, struct rh_error *error)
{
    int rc, fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    struct termios before, silent;

    if (fd < 0 || tcgetattr(fd, &before) != 0) {
        if (fd >= 0)
            close(fd);
        rh_fail(error, RH_AUTH, "there is no terminal to ask for the passphrase");
        return rh_error_hint(error, "give --passphrase-file FILE");
    }
    silent = before;
    silent.c_lflag &= ~(tcflag_t)ECHO;
    tcsetattr(fd, TCSAFLUSH, &silent);
    (void)!write(fd, question, strlen(question));
    rc = read_line(fd, buf, error);
    tcsetattr(fd, TCSAFLUSH, &before);
    (void)!write(fd, "\n", 1);
    close(fd);
    return rc;
}

int rh_cli_passphrase_read(const char *path, const char *question, struct rh_buf *buf,
                           struct rh_error *error)
{
    int rc;

    /* All of it at once, so that growing leaves no copy behind. */
    rh_buf_init(buf, RH_CLI_MAX_PASSPHRASE);
    if (!rh_buf_reserve(buf, RH_CLI_MAX_PASSPHRASE))
        return rh_fail_nomem(error);
    rc = path ? rh_cli_file_read(path, buf, error) : ask(question, buf, error);
    if (rc == RH_OK)
        cut_line(buf);
    return rc;
}

void rh_cli_passphrase_wipe(struct rh_buf *buf)
{
    if (buf->data)
        explicit_bzero(buf->data, buf->cap);
    rh_buf_free(buf);
}
