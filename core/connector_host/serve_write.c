/* Writes, transactions, changes of tables. */
#include "base/err.h"
#include "host/check.h"
#include "session.h"

/* ---- Writes ---------------------------------------------------------------------------------- */

static rh_write_fn *function_of(const struct rh_write *group, uint32_t type)
{
    switch (type) {
    case RH_WIRE_INSERT:
        return group->insert;
    case RH_WIRE_UPDATE:
        return group->update;
    case RH_WIRE_REMOVE:
        return group->remove;
    default:
        return group->upsert;
    }
}

/* Rows that were written but are returned in a broken batch: written all the same. */
static int32_t check_returned(const struct rh_write_result *result, struct rh_error *error)
{
    return rh_check_batch(&result->returned, result->returned.n_cols, UINT64_MAX, NULL, error);
}

bool serve_write(struct session *session, const struct rh_op *op, uint32_t type,
                 struct rh_wire_in *in)
{
    bool statuses = false;
    const struct rh_write_spec *spec = rh_wire_take_write(in, &statuses);
    const struct rh_write *group = session->served->connector->write;
    struct rh_write_result result = {.struct_size = sizeof(result),
                                     .returned = {.struct_size = sizeof(struct rh_batch)}};
    struct rh_error error = RH_ERROR_INIT;
    int32_t rc;

    if (!spec || !rh_wire_is_done(in) || !group)
        return false;
    if (statuses) {
        result.statuses = rh_arena_array(session->arena, spec->n_rows, sizeof(*result.statuses));
        if (!result.statuses)
            return false;
    }
    rc = function_of(group, type)(session->conn, op, spec, &result, &error);
    if (rc == RH_OK)
        rc = check_returned(&result, &error);
    if (rc != RH_OK)
        result.returned = (struct rh_batch){.struct_size = sizeof(result.returned)};
    rh_wire_put_outcome(&session->out, rc, &error);
    rh_wire_put_written(&session->out, &result, statuses ? spec->n_rows : 0);
    return true;
}

/* ---- Transactions ---------------------------------------------------------------------------- */

static int32_t call_tx(struct session *session, const struct rh_tx *tx, const struct rh_op *op,
                       uint32_t type, uint32_t argument, struct rh_error *error)
{
    switch (type) {
    case RH_WIRE_BEGIN:
        return tx->begin(session->conn, op, argument, error);
    case RH_WIRE_COMMIT:
        return tx->commit(session->conn, op, error);
    case RH_WIRE_ROLLBACK:
        return tx->rollback(session->conn, op, error);
    case RH_WIRE_SAVEPOINT:
        return tx->savepoint(session->conn, op, argument, error);
    case RH_WIRE_ROLLBACK_TO:
        return tx->rollback_to(session->conn, op, argument, error);
    default:
        return tx->release(session->conn, op, argument, error);
    }
}

bool serve_tx(struct session *session, const struct rh_op *op, uint32_t type, struct rh_wire_in *in)
{
    bool bare = type == RH_WIRE_COMMIT || type == RH_WIRE_ROLLBACK;
    const uint32_t *argument = rh_wire_take(in, bare ? 0 : 1, sizeof(*argument));
    const struct rh_tx *tx = session->served->connector->tx;
    struct rh_error error = RH_ERROR_INIT;
    int32_t rc;

    if (!argument || !rh_wire_is_done(in) || !tx)
        return false;
    rc = call_tx(session, tx, op, type, bare ? 0 : *argument, &error);
    rh_wire_put_outcome(&session->out, rc, &error);
    return true;
}

/* ---- Changes of tables ----------------------------------------------------------------------- */

bool serve_apply(struct session *session, const struct rh_op *op, uint32_t type,
                 struct rh_wire_in *in)
{
    const uint32_t *flags = rh_wire_take(in, 1, sizeof(*flags));
    uint32_t n = 0;
    const struct rh_ddl_change *changes = rh_wire_take_changes(in, &n);
    const struct rh_ddl *ddl = session->served->connector->ddl;
    struct rh_error error = RH_ERROR_INIT;
    struct rh_text native = {NULL, 0};
    int32_t rc;

    if (!flags || !changes || !rh_wire_is_done(in) || !ddl)
        return false;
    rc = ddl->apply(session->conn, op, changes, n, sizeof(*changes), *flags, &native, &error);
    rh_wire_put_outcome(&session->out, rc, &error);
    native = rh_wire_text(&session->out, native);
    rh_wire_put(&session->out, &native, sizeof(native));
    return true;
}
