/*
 * A set-based update changes other rows.
 * base: sqlite
 * fails: write/update-where
 */
#include "bad.inc"

static int32_t update(struct rh_conn *conn, const struct rh_op *op,
                      const struct rh_write_spec *spec, struct rh_write_result *ret_result,
                      struct rh_error *error)
{
    static const struct rh_value four = {.type = RH_TYPE_INT, .as.i = 4};
    struct rh_write_spec other = *spec;
    struct rh_query condition;

    if (spec->where) {
        condition = *spec->where;
        condition.values = &four;
        other.where = &condition;
    }
    return good->write->update(conn, op, &other, ret_result, error);
}

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    own_write(bad)->update = update;
    return RH_OK;
}
