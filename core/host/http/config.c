/* What is the same for all clients of this process. */
#include "host/http/client.h"
#include "host/http/http.h"

#include "base/err.h"

#include <stdlib.h>
#include <string.h>

static struct {
    struct rh_egress *egress;
    char *user_agent;
    char *ca_pem;
} present;

int rh_http_configure(const struct rh_http_config *config, struct rh_error *error)
{
    static const struct rh_http_config defaults = {.n_hosts = 0};
    struct rh_egress *egress = NULL;
    char *user_agent = NULL, *ca_pem = NULL;
    int rc;

    if (!config)
        config = &defaults;
    rc = rh_egress_new(config->hosts, config->n_hosts, &egress, error);
    if (rc)
        return rc;
    user_agent = config->user_agent ? strdup(config->user_agent) : NULL;
    ca_pem = config->ca_pem ? strdup(config->ca_pem) : NULL;
    if ((config->user_agent && !user_agent) || (config->ca_pem && !ca_pem)) {
        rh_egress_free(egress);
        free(user_agent);
        free(ca_pem);
        return rh_fail_nomem(error);
    }
    rh_egress_free(present.egress);
    free(present.user_agent);
    free(present.ca_pem);
    present.egress = egress;
    present.user_agent = user_agent;
    present.ca_pem = ca_pem;
    return RH_OK;
}

const struct rh_egress *rh_http_config_egress(void)
{
    return present.egress;
}

const char *rh_http_config_user_agent(void)
{
    return present.user_agent ? present.user_agent : "Rowhouse/" RH_VERSION;
}

const char *rh_http_config_ca(void)
{
    return present.ca_pem;
}
