/* Files of packages are copied from images, so what was verified is what is written. */
#include "cli/package.h"

#include "base/err.h"
#include "base/text.h"
#include "cli/files.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

static const char *value_or(const struct rh_cli_words *words, const char *option,
                            const char *variable)
{
    const char *value = rh_cli_value(words, option);

    if (!value)
        value = secure_getenv(variable);
    return value && *value ? value : NULL;
}

const char *rh_cli_trust(const struct rh_cli_words *words)
{
    return value_or(words, "trust", "ROWHOUSE_TRUST");
}

const char *rh_cli_unsigned(const struct rh_cli_words *words)
{
    return value_or(words, "unsigned", "ROWHOUSE_UNSIGNED_CONNECTORS");
}

const char *rh_cli_installed(const char *command, const struct rh_cli_words *words,
                             const char *option)
{
    const char *folder = value_or(words, option, "ROWHOUSE_CONNECTORS");

    if (!folder)
        fprintf(stderr,
                "rowhouse %s: in which folder? Give --%s DIR, or set ROWHOUSE_CONNECTORS.\n"
                "A server has it in its data folder: data/connectors\n",
                command, option);
    return folder;
}

const char *rh_cli_package_path(struct rh_arena *arena, const char *root, const char *id,
                                const char *version)
{
    return rh_arena_printf(arena, "%s/%s/%s", root, id, version);
}

int rh_cli_package_write_file(const char *folder, const char *name, const struct rh_image *image,
                              struct rh_error *error)
{
    void *data = mmap(NULL, image->n_bytes, PROT_READ, MAP_PRIVATE, image->fd, 0);
    char *path = NULL;
    int rc;

    if (data == MAP_FAILED)
        return rh_fail(error, RH_RESOURCE, "%s: cannot be mapped: %s", name, strerror(errno));
    if (asprintf(&path, "%s/%s", folder, name) < 0)
        rc = rh_fail_nomem(error);
    else
        rc = rh_cli_file_write(path, 0644, false, rh_text_make(data, image->n_bytes), error);
    free(path);
    munmap(data, image->n_bytes);
    return rc;
}

static int read_from(const char *folder, const char *name, struct rh_buf *buf,
                     struct rh_error *error)
{
    char *path = NULL;
    int rc;

    if (asprintf(&path, "%s/%s", folder, name) < 0)
        return rh_fail_nomem(error);
    rc = rh_cli_file_read(path, buf, error);
    free(path);
    return rc;
}

/* The manifest or its signature, which an unsigned package lacks. */
static int copy_small(const char *from, const char *name, const char *to, struct rh_error *error)
{
    struct rh_error missing = RH_ERROR_INIT;
    struct rh_buf buf;
    char *path = NULL;
    int rc;

    rh_buf_init(&buf, RH_MANIFEST_MAX_BYTES);
    rc = read_from(from, name, &buf, &missing);
    if (rc == RH_NOT_FOUND) {
        rc = RH_OK;
    } else if (rc != RH_OK) {
        rh_fail(error, rc, "%s", missing.message);
    } else if (asprintf(&path, "%s/%s", to, name) < 0) {
        path = NULL;
        rc = rh_fail_nomem(error);
    } else {
        rc = rh_cli_file_write(path, 0644, false, rh_buf_text(&buf), error);
    }
    free(path);
    rh_buf_free(&buf);
    return rc;
}

int rh_cli_package_copy(const char *from, const struct rh_manifest *manifest, const char *to,
                        struct rh_error *error)
{
    int rc = RH_OK;

    if (mkdir(to, 0755) != 0 || chmod(to, 0755) != 0)
        return rh_fail(error, errno == EEXIST ? RH_EXISTS : RH_CONFIG, "%s: %s", to,
                       strerror(errno));
    for (uint32_t i = 0; i < manifest->n_files && rc == RH_OK; i++) {
        struct rh_image image = {.fd = -1};

        rc = rh_package_read_file(from, &manifest->files[i], &image, error);
        if (rc == RH_OK)
            rc = rh_cli_package_write_file(to, manifest->files[i].name, &image, error);
        rh_image_close(&image);
    }
    if (rc == RH_OK)
        rc = copy_small(from, RH_PACKAGE_MANIFEST, to, error);
    if (rc == RH_OK)
        rc = copy_small(from, RH_PACKAGE_SIGNATURE, to, error);
    return rc == RH_OK ? rh_cli_folder_sync(to, error) : rc;
}

int rh_cli_package_is_same(const char *a, const char *b, bool *ret_same, struct rh_error *error)
{
    struct rh_buf first, second;
    int rc;

    rh_buf_init(&first, RH_MANIFEST_MAX_BYTES);
    rh_buf_init(&second, RH_MANIFEST_MAX_BYTES);
    rc = read_from(a, RH_PACKAGE_MANIFEST, &first, error);
    if (rc == RH_OK)
        rc = read_from(b, RH_PACKAGE_MANIFEST, &second, error);
    if (rc == RH_OK)
        *ret_same = rh_text_equal(rh_buf_text(&first), rh_buf_text(&second));
    rh_buf_free(&first);
    rh_buf_free(&second);
    return rc;
}
