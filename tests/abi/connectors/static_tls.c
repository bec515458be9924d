/* Reaches a thread-local variable by the initial-exec model, for which there is no room in a
 * process that runs already. */
#include "minimal.h"

static __thread int n_calls __attribute__((tls_model("initial-exec")));

int32_t rh_connector_v1(uint32_t host_minor, const struct rh_connector **ret_connector)
{
    n_calls++;
    *ret_connector = &minimal;
    return n_calls > 0 ? RH_OK : RH_UNSUPPORTED;
}
