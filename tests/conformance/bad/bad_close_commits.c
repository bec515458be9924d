/*
 * close makes an open transaction final.
 * base: sqlite
 * fails: transactions/close
 */
#include "bad.inc"

static const struct rh_op *kept;
static struct rh_op last;

static int32_t begin(struct rh_conn *conn, const struct rh_op *op, uint32_t flags,
                     struct rh_error *error)
{
    last = *op;
    kept = &last;
    return good->tx->begin(conn, op, flags, error);
}

static void close(struct rh_conn *conn)
{
    struct rh_error error = {.struct_size = sizeof(error)};

    if (kept)
        good->tx->commit(conn, kept, &error);
    good->close(conn);
}

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    own_tx(bad)->begin = begin;
    bad->close = close;
    return RH_OK;
}
