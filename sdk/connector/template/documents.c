/*
 * The source: a file, read piece by piece, so that a table may be larger than the memory.
 *
 * Tables are named by users of the host, so a name is looked at before it becomes a file's: what
 * has a slash in it, or is no regular file, is no table.
 */
#include "acme.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE_BYTES ((size_t)64 << 10)
#define DOCUMENT_BYTES ((size_t)16 << 20) /* of text */
#define TREE_BYTES ((size_t)512 << 20)    /* the same, parsed */

static int no_table(struct rh_text table, struct rh_error *error)
{
    return rh_fail(error, RH_NOT_FOUND, "there is no table \"%.*s\"", RH_TEXT_ARG(table));
}

int acme_open_table(struct rh_conn *conn, struct rh_text table, int flags, int *ret_file,
                    struct rh_error *error)
{
    struct rh_buf name;
    struct stat found;
    if (table.len == 0 || memchr(table.data, '/', table.len) || memchr(table.data, 0, table.len))
        return no_table(table, error);
    rh_buf_init(&name, 4096);
    rh_buf_add_text(&name, table);
    rh_buf_add_str(&name, ACME_SUFFIX);
    char *path = rh_buf_take(&name);
    if (!path)
        return rh_fail_nomem(error);
    int file = openat(conn->folder, path, flags | O_CLOEXEC | O_NONBLOCK);
    int number = errno;
    free(path);
    if (file < 0 && (number == EACCES || number == EPERM || number == EROFS)) {
        rh_fail(error, RH_PERMISSION, "table \"%.*s\": %s", RH_TEXT_ARG(table),
                strerrordesc_np(number));
        return rh_error_hint(error, ACME_PERMISSION_HINT);
    }
    if (file < 0)
        return no_table(table, error);
    if (fstat(file, &found) || !S_ISREG(found.st_mode)) {
        close(file);
        return no_table(table, error);
    }
    *ret_file = file;
    return RH_OK;
}

int acme_documents_open(struct acme_documents *documents, struct rh_conn *conn,
                        struct rh_text table, struct rh_error *error)
{
    *documents = (struct acme_documents){.conn = conn, .file = -1};
    rh_json_stream_init(&documents->stream, NULL, DOCUMENT_BYTES);
    documents->arena = rh_arena_new(TREE_BYTES);
    if (!documents->arena)
        return rh_fail_nomem(error);
    return acme_open_table(conn, table, O_RDONLY, &documents->file, error);
}

/* The loop that every stream has: ask for a document, give it more bytes when it needs them. Here
 * they come from read(2); over HTTP they would come from rh_host.http. */
int acme_documents_next(struct acme_documents *documents, const struct rh_op *op,
                        struct rh_json **ret_document, struct rh_error *error)
{
    char piece[PIECE_BYTES];
    int rc;
    rh_arena_reset(documents->arena);
    while ((rc = rh_json_stream_next(&documents->stream, documents->arena, ret_document, error)) ==
           RH_JSON_MORE) {
        rc = acme_check(documents->conn, op, error);
        if (rc)
            return rc;
        ssize_t n = read(documents->file, piece, sizeof(piece));
        if (n < 0)
            return rh_fail(error, RH_UNAVAILABLE, "cannot read the file: %s",
                           strerrordesc_np(errno));
        if (n == 0)
            rh_json_stream_close(&documents->stream);
        else
            rh_json_stream_push(&documents->stream, rh_text_make(piece, (size_t)n));
    }
    return rc;
}

void acme_documents_close(struct acme_documents *documents)
{
    if (documents->file >= 0)
        close(documents->file);
    rh_json_stream_fini(&documents->stream);
    rh_arena_free(documents->arena);
}
