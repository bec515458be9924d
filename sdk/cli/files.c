/* Small files are read into memory as they are; who calls says how much that may be. */
#include "cli/files.h"

#include "base/err.h"
#include "base/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_DEPTH 8

static int fail(struct rh_error *error, const char *path)
{
    int cause = errno;
    int error_class = cause == ENOENT ? RH_NOT_FOUND : cause == EEXIST ? RH_EXISTS : RH_CONFIG;

    return rh_fail(error, error_class, "%s: %s", path, strerror(cause));
}

int rh_cli_file_read(const char *path, struct rh_buf *buf, struct rh_error *error)
{
    int rc = RH_OK, fd = open(path, O_RDONLY | O_CLOEXEC);
    char part[4096];
    ssize_t n;

    if (fd < 0)
        return fail(error, path);
    while (rc == RH_OK && (n = read(fd, part, sizeof(part))) != 0) {
        if (n < 0 && errno != EINTR)
            rc = fail(error, path);
        else if (n > 0)
            rh_buf_add(buf, part, (size_t)n);
        if (buf->failed)
            rc = rh_fail(error, RH_CONFIG, "%s: is larger than %zu bytes", path, buf->max);
    }
    close(fd);
    return rc;
}

static int write_all(int fd, struct rh_text text)
{
    while (text.len) {
        ssize_t n = write(fd, text.data, text.len);

        if (n < 0 && errno != EINTR)
            return -1;
        if (n > 0) {
            text.data += n;
            text.len -= (uint64_t)n;
        }
    }
    return fsync(fd);
}

static int write_new(const char *path, mode_t mode, struct rh_text text, struct rh_error *error)
{
    int rc = RH_OK, fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode & 0700);

    if (fd < 0)
        return fail(error, path);
    /* The mode as it was asked for, whatever the umask is; before anything is in it. */
    if (fchmod(fd, mode) != 0 || write_all(fd, text) != 0) {
        rc = fail(error, path);
        unlink(path);
    }
    close(fd);
    return rc;
}

int rh_cli_file_write(const char *path, mode_t mode, bool replace, struct rh_text text,
                      struct rh_error *error)
{
    char *other = NULL;
    int rc;

    if (!replace)
        return write_new(path, mode, text, error);
    if (asprintf(&other, "%s.%ld.new", path, (long)getpid()) < 0)
        return rh_fail_nomem(error);
    rc = write_new(other, mode, text, error);
    if (rc == RH_OK && rename(other, path) != 0) {
        rc = fail(error, path);
        unlink(other);
    }
    free(other);
    return rc;
}

int rh_cli_folder_make(const char *path, struct rh_error *error)
{
    char *copy = strdup(path);
    int rc = RH_OK;

    if (!copy)
        return rh_fail_nomem(error);
    for (char *at = copy + 1; rc == RH_OK && at[-1]; at++) {
        char end = *at;

        if (end != '/' && end != '\0')
            continue;
        *at = '\0';
        if (mkdir(copy, 0755) != 0 && errno != EEXIST)
            rc = fail(error, copy);
        *at = end;
    }
    free(copy);
    return rc;
}

int rh_cli_folder_sync(const char *path, struct rh_error *error)
{
    int rc = RH_OK, fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return fail(error, path);
    if (fsync(fd) != 0)
        rc = fail(error, path);
    close(fd);
    return rc;
}

static int remove_inside(DIR *folder, unsigned depth)
{
    struct dirent *file;
    int rc = 0;

    while (rc == 0 && (file = readdir(folder))) {
        const char *name = file->d_name;
        DIR *inner;
        int fd;

        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
            unlinkat(dirfd(folder), name, 0) == 0)
            continue;
        if (errno != EISDIR && errno != EPERM)
            return -1;
        fd = depth < MAX_DEPTH
                 ? openat(dirfd(folder), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
                 : -1;
        inner = fd < 0 ? NULL : fdopendir(fd);
        if (!inner)
            return -1;
        rc = remove_inside(inner, depth + 1);
        closedir(inner);
        if (rc == 0)
            rc = unlinkat(dirfd(folder), name, AT_REMOVEDIR);
    }
    return rc;
}

int rh_cli_folder_remove(const char *path, struct rh_error *error)
{
    DIR *folder = opendir(path);
    int rc;

    if (!folder)
        return fail(error, path);
    rc = remove_inside(folder, 0);
    if (rc == 0)
        rc = rmdir(path);
    if (rc != 0)
        rc = fail(error, path);
    closedir(folder);
    return rc;
}
