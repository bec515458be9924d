/* Breaks nothing; has one of the optional functions and one group with gaps. */
#include "minimal.h"

static int32_t insert(struct rh_conn *conn, const struct rh_op *op,
                      const struct rh_write_spec *spec, struct rh_write_result *ret_result,
                      struct rh_error *error)
{
    ret_result->n_affected = spec->n_rows;
    return RH_OK;
}

static const struct rh_write write_group = {
    .struct_size = sizeof(write_group), .atomicity = RH_ATOMIC_ALL, .insert = insert};

int32_t rh_connector_v1(uint32_t host_minor, const struct rh_connector **ret_connector)
{
    static struct rh_connector table;

    table = minimal;
    table.id = (struct rh_text)TEXT("good");
    table.write = &write_group;
    *ret_connector = &table;
    return RH_OK;
}
