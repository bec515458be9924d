/*
 * A token that is not known has no code.
 * base: memory
 * fails: feed/gone
 */
#include "bad.inc"

static int32_t open(struct rh_conn *conn, const struct rh_op *op, const struct rh_feed_spec *spec,
                    struct rh_cursor **ret_cursor, struct rh_error *error)
{
    int32_t rc = good->feed->open(conn, op, spec, ret_cursor, error);

    memset(error->code, 0, sizeof(error->code));
    return rc;
}

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    own_feed(bad)->open = open;
    return RH_OK;
}
