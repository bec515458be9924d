/* Opening and reading; a FIFO, a device or a file that grows meanwhile does not hold us up. */
#include "host/trust/file.h"

#include "base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static int fail_open(struct rh_error *error)
{
    int cause = errno;

    return rh_fail(error, cause == ENOENT || cause == ENOTDIR ? RH_NOT_FOUND : RH_CONTRACT, "%s",
                   cause == ELOOP ? "is a symbolic link" : strerror(cause));
}

int rh_trust_folder_open(const char *path, int flags, int *ret_fd, struct rh_error *error)
{
    struct stat st;
    int fd;

    /* O_NOFOLLOW with O_DIRECTORY tells of a link as of any other file: ENOTDIR. */
    if ((flags & O_NOFOLLOW) && lstat(path, &st) == 0 && S_ISLNK(st.st_mode))
        return rh_fail(error, RH_CONTRACT, "is a symbolic link");
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | flags);
    if (fd < 0)
        return fail_open(error);
    *ret_fd = fd;
    return RH_OK;
}

static int read_all(int fd, struct rh_buf *buf, struct rh_error *error)
{
    char part[4096];
    ssize_t n;

    while ((n = read(fd, part, sizeof(part))) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return rh_fail(error, RH_CONTRACT, "cannot be read: %s", strerror(errno));
        if ((size_t)n > buf->max - buf->len)
            return rh_fail(error, RH_CONTRACT, "is larger than %zu bytes", buf->max);
        rh_buf_add(buf, part, (size_t)n);
        if (buf->failed)
            return rh_fail_nomem(error);
    }
    return RH_OK;
}

int rh_trust_file_read(int folder, const char *name, int flags, struct rh_buf *buf,
                       struct rh_error *error)
{
    struct stat st;
    int rc, fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | flags);

    if (fd < 0)
        return fail_open(error);
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        rc = rh_fail(error, RH_CONTRACT, "is not a regular file");
    else
        rc = read_all(fd, buf, error);
    close(fd);
    return rc;
}

bool rh_trust_is_writable_by_all(int fd)
{
    struct statvfs fs;
    struct stat st;

    return fstat(fd, &st) != 0 ||
           ((st.st_mode & S_IWOTH) && !(fstatvfs(fd, &fs) == 0 && (fs.f_flag & ST_RDONLY)));
}

bool rh_trust_file_is_writable_by_all(int folder, const char *name)
{
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    bool is_writable = fd < 0 || rh_trust_is_writable_by_all(fd);

    if (fd >= 0)
        close(fd);
    return is_writable;
}
