/*
 * A parameter that is missing is NULL.
 * base: sqlite
 * fails: native/parameters
 */
#include "bad.inc"

static int32_t run(struct rh_conn *conn, const struct rh_op *op, const struct rh_native_spec *spec,
                   struct rh_native_result *ret_result, struct rh_error *error)
{
    static const struct rh_value null = {.type = RH_TYPE_NULL};
    struct rh_native_spec other = *spec;

    if (spec->n_parameters == 0 && memchr(spec->text.data, '?', spec->text.len)) {
        other.parameters = &null;
        other.n_parameters = 1;
    }
    return good->native->run(conn, op, &other, ret_result, error);
}

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    own_native(bad)->run = run;
    return RH_OK;
}
