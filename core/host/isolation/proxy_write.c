/* Writes, transactions, changes of tables: what is lost here after it was sent has an unknown
 * outcome. */
#include "host/isolation/proxy.h"

#include "base/err.h"

/* ---- Writes ---------------------------------------------------------------------------------- */

static int32_t write_rows(struct rh_conn *conn, const struct rh_op *op, enum rh_wire_type type,
                          const struct rh_write_spec *spec, struct rh_write_result *ret_result,
                          struct rh_error *error)
{
    bool statuses = ret_result->statuses != NULL;
    struct rh_wire_in in;
    int32_t outcome;
    int rc;

    rh_proxy_begin(conn, op);
    rh_wire_put_write(&conn->out, spec, statuses);
    rc = rh_proxy_ask(conn, op, type, RH_PROXY_WRITES, &outcome, &in, error);
    if (rc || (outcome && rh_wire_is_done(&in)))
        return rc ? rc : outcome;
    if (!rh_wire_take_written(&in, ret_result, statuses ? spec->n_rows : 0, op->arena) ||
        !rh_wire_is_done(&in))
        return rh_proxy_fail_frame(conn, RH_PROXY_WRITES, error);
    return outcome;
}

static int32_t insert(struct rh_conn *conn, const struct rh_op *op,
                      const struct rh_write_spec *spec, struct rh_write_result *ret_result,
                      struct rh_error *error)
{
    return write_rows(conn, op, RH_WIRE_INSERT, spec, ret_result, error);
}

static int32_t update(struct rh_conn *conn, const struct rh_op *op,
                      const struct rh_write_spec *spec, struct rh_write_result *ret_result,
                      struct rh_error *error)
{
    return write_rows(conn, op, RH_WIRE_UPDATE, spec, ret_result, error);
}

static int32_t remove_rows(struct rh_conn *conn, const struct rh_op *op,
                           const struct rh_write_spec *spec, struct rh_write_result *ret_result,
                           struct rh_error *error)
{
    return write_rows(conn, op, RH_WIRE_REMOVE, spec, ret_result, error);
}

static int32_t upsert(struct rh_conn *conn, const struct rh_op *op,
                      const struct rh_write_spec *spec, struct rh_write_result *ret_result,
                      struct rh_error *error)
{
    return write_rows(conn, op, RH_WIRE_UPSERT, spec, ret_result, error);
}

const struct rh_write rh_proxy_write = {
    .struct_size = sizeof(rh_proxy_write),
    .atomicity = RH_ATOMIC_ALL,
    .insert = insert,
    .update = update,
    .remove = remove_rows,
    .upsert = upsert,
};

/* ---- Transactions ---------------------------------------------------------------------------- */

static int32_t ask_with(struct rh_conn *conn, const struct rh_op *op, enum rh_wire_type type,
                        uint32_t argument, struct rh_error *error)
{
    rh_proxy_begin(conn, op);
    rh_wire_put(&conn->out, &argument, sizeof(argument));
    return rh_proxy_ask_simply(conn, op, type, RH_PROXY_READS, error);
}

static int32_t begin(struct rh_conn *conn, const struct rh_op *op, uint32_t flags,
                     struct rh_error *error)
{
    return ask_with(conn, op, RH_WIRE_BEGIN, flags, error);
}

static int32_t commit(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    rh_proxy_begin(conn, op);
    return rh_proxy_ask_simply(conn, op, RH_WIRE_COMMIT, RH_PROXY_WRITES, error);
}

static int32_t rollback(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    rh_proxy_begin(conn, op);
    return rh_proxy_ask_simply(conn, op, RH_WIRE_ROLLBACK, RH_PROXY_READS, error);
}

static int32_t savepoint(struct rh_conn *conn, const struct rh_op *op, uint32_t number,
                         struct rh_error *error)
{
    return ask_with(conn, op, RH_WIRE_SAVEPOINT, number, error);
}

static int32_t rollback_to(struct rh_conn *conn, const struct rh_op *op, uint32_t number,
                           struct rh_error *error)
{
    return ask_with(conn, op, RH_WIRE_ROLLBACK_TO, number, error);
}

static int32_t release(struct rh_conn *conn, const struct rh_op *op, uint32_t number,
                       struct rh_error *error)
{
    return ask_with(conn, op, RH_WIRE_RELEASE, number, error);
}

const struct rh_tx rh_proxy_tx = {
    .struct_size = sizeof(rh_proxy_tx),
    .begin = begin,
    .commit = commit,
    .rollback = rollback,
    .savepoint = savepoint,
    .rollback_to = rollback_to,
    .release = release,
};

/* ---- Changes of tables ----------------------------------------------------------------------- */

static int32_t apply(struct rh_conn *conn, const struct rh_op *op,
                     const struct rh_ddl_change *changes, uint32_t n_changes, uint32_t stride,
                     uint32_t flags, struct rh_text *ret_native, struct rh_error *error)
{
    enum rh_proxy_effect effect = flags & RH_DDL_DRY_RUN ? RH_PROXY_READS : RH_PROXY_WRITES;
    struct rh_text *text;
    struct rh_wire_in in;
    int32_t outcome;
    int rc;

    rh_proxy_begin(conn, op);
    rh_wire_put(&conn->out, &flags, sizeof(flags));
    rh_wire_put_changes(&conn->out, changes, n_changes, stride);
    rc = rh_proxy_ask(conn, op, RH_WIRE_APPLY, effect, &outcome, &in, error);
    if (rc || (outcome && rh_wire_is_done(&in)))
        return rc ? rc : outcome;
    if (!rh_proxy_keep(&in, op->arena))
        return rh_fail_nomem(error);
    text = rh_wire_take(&in, 1, sizeof(*text));
    if (!text || !rh_wire_fix_text(&in, text) || !rh_wire_is_done(&in))
        return rh_proxy_fail_frame(conn, effect, error);
    *ret_native = *text;
    return outcome;
}

const struct rh_ddl rh_proxy_ddl = {
    .struct_size = sizeof(rh_proxy_ddl),
    .apply = apply,
};
