/* Rows in a temporary file. */
#include "rows/spill.h"

#include "base/err.h"
#include "rows/cell.h"
#include "rows/rowstore.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define EXTENT_BYTES ((size_t)64 << 10)

/* ---- The file ---------------------------------------------------------------------------- */

static int fail_disk(struct rh_error *error, const char *what, int number)
{
    rh_fail(error, RH_RESOURCE, "a temporary file for sorting or grouping cannot be %s: %s", what,
            strerror(number));
    return rh_error_code(error, "spill-failed");
}

void rh_spill_init(struct rh_spill *spill, struct rh_meter *meter)
{
    *spill = (struct rh_spill){.meter = meter, .fd = -1};
}

void rh_spill_fini(struct rh_spill *spill)
{
    if (spill->fd >= 0)
        close(spill->fd);
    spill->meter->spilled -= (uint64_t)spill->size;
    spill->fd = -1;
    spill->size = 0;
}

/* A file that has no name: it is gone when the process is. */
static int open_file(struct rh_spill *spill, struct rh_error *error)
{
    const char *folder = getenv("TMPDIR");
    char *name = NULL;
    int fd;

    if (!folder || folder[0] != '/')
        folder = "/tmp";
    fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL)) {
        if (asprintf(&name, "%s/rowhouse-XXXXXX", folder) < 0)
            return rh_fail_nomem(error);
        fd = mkostemp(name, O_CLOEXEC);
        if (fd >= 0)
            unlink(name);
        free(name);
    }
    if (fd < 0)
        return fail_disk(error, "made", errno);
    spill->fd = fd;
    return RH_OK;
}

static int write_extent(struct rh_spill *spill, const char *data, size_t n, struct rh_error *error)
{
    struct rh_meter *meter = spill->meter;
    size_t done = 0;
    int r = rh_operation_check(meter->op, error);

    if (r < 0)
        return r;
    if (n > meter->spill_limit || meter->spilled > meter->spill_limit - n) {
        rh_fail(error, RH_RESOURCE,
                "sorting or grouping needs more than the %llu bytes of temporary files that one "
                "query may use",
                (unsigned long long)meter->spill_limit);
        rh_error_code(error, "budget-exceeded");
        return rh_error_hint(error, "add a condition, or select fewer columns");
    }
    if (spill->fd < 0) {
        r = open_file(spill, error);
        if (r < 0)
            return r;
    }
    while (done < n) {
        ssize_t w = pwrite(spill->fd, data + done, n - done, spill->size + (off_t)done);
        if (w < 0 && errno == EINTR)
            continue;
        if (w <= 0)
            return fail_disk(error, "written", w < 0 ? errno : EIO);
        done += (size_t)w;
    }
    spill->size += (off_t)n;
    meter->spilled += n;
    return RH_OK;
}

/* ---- Writing a run ----------------------------------------------------------------------- */

void rh_spill_run_init(struct rh_spill_run *run, struct rh_spill *spill, uint32_t n_cells)
{
    *run = (struct rh_spill_run){.spill = spill, .n_cells = n_cells};
}

void rh_spill_run_fini(struct rh_spill_run *run)
{
    free(run->extents);
    free(run->buffer);
    run->extents = NULL;
    run->buffer = NULL;
}

static int flush(struct rh_spill_run *run, struct rh_error *error)
{
    off_t offset = run->spill->size;
    struct rh_spill_extent *extents;
    size_t cap;
    int r;

    if (run->n_buffer == 0)
        return RH_OK;
    if (run->n_extents == run->cap_extents) {
        cap = run->cap_extents ? run->cap_extents * 2 : 8;
        extents = realloc(run->extents, cap * sizeof(*extents));
        if (!extents)
            return rh_fail_nomem(error);
        run->extents = extents;
        run->cap_extents = cap;
    }
    r = write_extent(run->spill, run->buffer, run->n_buffer, error);
    if (r < 0)
        return r;
    run->extents[run->n_extents++] = (struct rh_spill_extent){offset, run->n_buffer};
    run->n_buffer = 0;
    return RH_OK;
}

static int reserve(struct rh_spill_run *run, size_t n, struct rh_error *error)
{
    char *buffer;

    if (run->cap_buffer >= n)
        return RH_OK;
    buffer = realloc(run->buffer, n);
    if (!buffer)
        return rh_fail_nomem(error);
    run->buffer = buffer;
    run->cap_buffer = n;
    return RH_OK;
}

/* Record: its size in 16 bytes, then the row's copy, whose pointers are offsets into itself. */
int rh_spill_add(struct rh_spill_run *run, const struct rh_value *cells, struct rh_error *error)
{
    size_t size = rh_row_size(cells, run->n_cells) + 16;
    struct rh_value *copy;
    int r;

    if (run->n_buffer && run->n_buffer + size > EXTENT_BYTES) {
        r = flush(run, error);
        if (r < 0)
            return r;
    }
    r = reserve(run, size > EXTENT_BYTES ? size : EXTENT_BYTES, error);
    if (r < 0)
        return r;
    memset(run->buffer + run->n_buffer, 0, size);
    memcpy(run->buffer + run->n_buffer, &size, sizeof(size));
    copy = rh_row_copy(run->buffer + run->n_buffer + 16, cells, run->n_cells);
    for (uint32_t i = 0; i < run->n_cells; i++)
        if (rh_cell_has_data(&copy[i]))
            copy[i].as.u = (uint64_t)((const char *)copy[i].as.data - (const char *)copy);
    run->n_buffer += size;
    run->n_rows++;
    return RH_OK;
}

int rh_spill_finish(struct rh_spill_run *run, struct rh_error *error)
{
    int r = flush(run, error);

    free(run->buffer);
    run->buffer = NULL;
    run->cap_buffer = 0;
    run->n_buffer = 0;
    return r;
}

/* ---- Reading a run ----------------------------------------------------------------------- */

static int read_extent(struct rh_spill_run *run, struct rh_error *error)
{
    const struct rh_spill_extent *extent = &run->extents[run->next_extent];
    size_t done = 0;
    int r = rh_operation_check(run->spill->meter->op, error);

    if (r == RH_OK)
        r = reserve(run, extent->size, error);
    if (r < 0)
        return r;
    while (done < extent->size) {
        ssize_t n = pread(run->spill->fd, run->buffer + done, extent->size - done,
                          extent->offset + (off_t)done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return fail_disk(error, "read back", n < 0 ? errno : EIO);
        done += (size_t)n;
    }
    run->next_extent++;
    run->n_buffer = extent->size;
    run->at = 0;
    return RH_OK;
}

int rh_spill_next(struct rh_spill_run *run, struct rh_value **ret_cells, struct rh_error *error)
{
    struct rh_value *cells;
    size_t size;
    int r;

    if (run->at == run->n_buffer) {
        if (run->next_extent == run->n_extents)
            return RH_END;
        r = read_extent(run, error);
        if (r < 0)
            return r;
    }
    memcpy(&size, run->buffer + run->at, sizeof(size));
    cells = (struct rh_value *)(void *)(run->buffer + run->at + 16);
    for (uint32_t i = 0; i < run->n_cells; i++)
        if (rh_cell_has_data(&cells[i]))
            cells[i].as.data = (const char *)cells + cells[i].as.u;
    run->at += size;
    *ret_cells = cells;
    return RH_OK;
}
