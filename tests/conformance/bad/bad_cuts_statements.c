/*
 * What follows the first statement is left out.
 * base: sqlite
 * fails: native/one-statement
 */
#include "bad.inc"

static int32_t run(struct rh_conn *conn, const struct rh_op *op, const struct rh_native_spec *spec,
                   struct rh_native_result *ret_result, struct rh_error *error)
{
    struct rh_native_spec other = *spec;
    const char *end = memchr(spec->text.data, ';', spec->text.len);

    if (end)
        other.text.len = (uint64_t)(end - spec->text.data);
    return good->native->run(conn, op, &other, ret_result, error);
}

static int32_t break_rule(struct rh_connector *bad, uint32_t host_minor)
{
    own_native(bad)->run = run;
    return RH_OK;
}
