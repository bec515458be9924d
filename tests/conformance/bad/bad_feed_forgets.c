/*
 * A feed begins from now, whatever the token.
 * base: memory
 * fails: feed/resume
 * timeout: 5
 */
#include "bad.inc"

static int32_t open(struct rh_conn *conn, const struct rh_op *op, const struct rh_feed_spec *spec,
                    struct rh_cursor **ret_cursor, struct rh_error *error)
{
    struct rh_feed_spec other = *spec;

    other.since = (struct rh_text){NULL, 0};
    return good->feed->open(conn, op, &other, ret_cursor, error);
}

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    own_feed(bad)->open = open;
    return RH_OK;
}
