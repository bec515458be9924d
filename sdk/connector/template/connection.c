/*
 * Connections: an opened folder. For a server it would be the socket or the HTTP client.
 */
#include "acme.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The class of an error decides what the host does with it: whether it tries again, what the user
 * is told. So one place says what the source's errors mean. */
static int fail_folder(const struct acme_config *config, int number, struct rh_error *error)
{
    int error_class = RH_UNAVAILABLE;
    if (number == EACCES || number == EPERM)
        error_class = RH_PERMISSION;
    else if (number == ENOTDIR || number == ENAMETOOLONG || number == ELOOP)
        error_class = RH_CONFIG;
    else if (number == EMFILE || number == ENFILE || number == ENOMEM)
        error_class = RH_RESOURCE;
    rh_fail(error, error_class, "cannot open the folder \"%s\": %s", config->folder,
            strerrordesc_np(number));
    error->native_code = number;
    error->retry = RH_RETRY_SAFE; /* nothing has happened yet */
    if (error_class == RH_PERMISSION)
        rh_error_hint(error, ACME_PERMISSION_HINT);
    return error_class;
}

static int open_folder(const struct acme_config *config, int *ret_folder, struct rh_error *error)
{
    int folder = open(config->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return fail_folder(config, errno, error);
    *ret_folder = folder;
    return RH_OK;
}

int32_t acme_connect(const struct rh_host *host, const struct rh_op *op,
                     const struct rh_settings *settings, struct rh_conn **ret_conn,
                     struct rh_error *error)
{
    int rc = rh_kit_check(host, op, error);
    if (rc)
        return rc;
    struct rh_conn *conn = calloc(1, sizeof(*conn));
    if (!conn)
        return rh_fail_nomem(error);
    conn->host = host;
    conn->folder = -1;
    rc = acme_config_init(&conn->config, settings, error);
    if (rc == RH_OK)
        rc = open_folder(&conn->config, &conn->folder, error);
    if (rc) {
        acme_close(conn);
        return rc;
    }
    *ret_conn = conn;
    return RH_OK;
}

void acme_close(struct rh_conn *conn)
{
    if (conn->cursor)
        acme_finish(conn->cursor);
    if (conn->folder >= 0)
        close(conn->folder);
    acme_config_fini(&conn->config);
    free(conn);
}

int32_t acme_ping(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    int folder = -1;
    acme_begin(conn);
    int rc = acme_check(conn, op, error);
    if (rc == RH_OK)
        rc = open_folder(&conn->config, &folder, error);
    if (rc == RH_OK)
        close(folder);
    return rc;
}

/* Any thread, while another is at work on this connection: it only raises a flag. */
void acme_cancel(struct rh_conn *conn)
{
    atomic_store(&conn->cancelled, true);
}

void acme_begin(struct rh_conn *conn)
{
    atomic_store(&conn->cancelled, false);
}

int acme_check(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    if (atomic_load(&conn->cancelled))
        return rh_fail(error, RH_CANCELLED, "the operation was cancelled");
    return rh_kit_check(conn->host, op, error);
}
