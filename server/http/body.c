/*
 * A body grows in memory first. The file has no name (O_TMPFILE, or unlinked at once), so nothing
 * is left behind when the process dies. Writing to it goes to the page cache and does not wait for
 * the disk in the ordinary case.
 */
#include "server/http/body.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* Memory above this is given back between requests. */
#define KEEP_BYTES ((size_t)64 << 10)

void rh_web_body_init(struct rh_web_body *body)
{
    *body = (struct rh_web_body){.fd = -1};
    rh_buf_init(&body->memory, RH_WEB_BODY_IN_MEMORY);
}

void rh_web_body_reset(struct rh_web_body *body)
{
    if (body->mapped)
        munmap(body->mapped, (size_t)body->size);
    if (body->fd >= 0)
        close(body->fd);
    body->mapped = NULL;
    body->fd = -1;
    body->size = 0;
    if (body->memory.cap > KEEP_BYTES)
        rh_buf_free(&body->memory);
    rh_buf_clear(&body->memory);
}

void rh_web_body_fini(struct rh_web_body *body)
{
    rh_web_body_reset(body);
    rh_buf_free(&body->memory);
}

static int open_temporary(const char *folder)
{
    int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    char *path = NULL;
    size_t size;

    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT))
        return fd;
    /* The file system has no O_TMPFILE. */
    size = strlen(folder) + sizeof("/body-XXXXXX");
    path = malloc(size);
    if (!path)
        return -1;
    memcpy(path, folder, strlen(folder));
    memcpy(path + strlen(folder), "/body-XXXXXX", sizeof("/body-XXXXXX"));
    fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0)
        unlink(path);
    free(path);
    return fd;
}

static bool write_all(int fd, const char *data, size_t n)
{
    while (n) {
        ssize_t done = write(fd, data, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return false;
        data += done;
        n -= (size_t)done;
    }
    return true;
}

bool rh_web_body_add(struct rh_web_body *body, const char *folder, const void *data, size_t n)
{
    if (body->fd < 0 && n <= RH_WEB_BODY_IN_MEMORY - body->memory.len) {
        rh_buf_add(&body->memory, data, n);
        body->size += n;
        return !body->memory.failed;
    }
    if (body->fd < 0) {
        body->fd = open_temporary(folder);
        if (body->fd < 0 || !write_all(body->fd, body->memory.data, body->memory.len))
            return false;
        rh_buf_clear(&body->memory);
    }
    if (!write_all(body->fd, data, n))
        return false;
    body->size += n;
    return true;
}

bool rh_web_body_finish(struct rh_web_body *body, struct rh_text *ret_text)
{
    if (body->fd < 0) {
        *ret_text = rh_buf_text(&body->memory);
        return true;
    }
    if (body->size > SIZE_MAX)
        return false;
    body->mapped = mmap(NULL, (size_t)body->size, PROT_READ, MAP_PRIVATE, body->fd, 0);
    if (body->mapped == MAP_FAILED) {
        body->mapped = NULL;
        return false;
    }
    *ret_text = (struct rh_text){body->mapped, body->size};
    return true;
}
