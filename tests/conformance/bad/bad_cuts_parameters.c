/*
 * A parameter ends at a quote.
 * base: sqlite
 * fails: native/bound
 */
#include "bad.inc"

static int32_t run(struct rh_conn *conn, const struct rh_op *op, const struct rh_native_spec *spec,
                   struct rh_native_result *ret_result, struct rh_error *error)
{
    struct rh_native_spec other = *spec;
    struct rh_value value;

    if (spec->n_parameters == 1) {
        value = spec->parameters[0];
        for (uint32_t i = 0; i < value.len; i++)
            if (((const char *)value.as.data)[i] == '\'')
                value.len = i;
        other.parameters = &value;
    }
    return good->native->run(conn, op, &other, ret_result, error);
}

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    own_native(bad)->run = run;
    return RH_OK;
}
