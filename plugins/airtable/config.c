/* Settings. */
#include "airtable.h"

#include <stdlib.h>
#include <string.h>

/* A text as it was given; one with a NUL cannot be meant. */
static int copy(char **to, const struct rh_settings *settings, const char *name,
                struct rh_error *error)
{
    struct rh_text text = rh_kit_setting_text(settings, name);

    if (!text.len)
        return RH_OK;
    if (memchr(text.data, 0, text.len))
        return rh_fail(error, RH_CONFIG, "%s has a NUL in it", name);
    *to = rh_kit_setting_dup(settings, name);
    return *to ? RH_OK : rh_fail_nomem(error);
}

static int check_url(char *url, struct rh_error *error)
{
    struct rh_text text = rh_text_of(url);

    if (!url || (!rh_text_starts(text, "https://") && !rh_text_starts(text, "http://"))) {
        rh_fail(error, RH_CONFIG, "url is not an address of Airtable's API");
        return rh_error_hint(error, "leave it out, or give https://api.airtable.com/v0");
    }
    for (size_t n = text.len; n && url[n - 1] == '/'; n--)
        url[n - 1] = 0;
    return RH_OK;
}

int rh_airtable_config_init(struct rh_airtable_config *ret_config,
                            const struct rh_settings *settings, struct rh_error *error)
{
    struct rh_airtable_config config = {
        .rate = (uint32_t)rh_kit_setting_int(settings, "rate", 150),
        .retries = (uint32_t)rh_kit_setting_int(settings, "retries", 2),
    };
    int rc;

    if ((rc = copy(&config.token, settings, "token", error)) == RH_OK &&
        (rc = copy(&config.base, settings, "base", error)) == RH_OK &&
        (rc = copy(&config.url, settings, "url", error)) == RH_OK &&
        (rc = copy(&config.tables, settings, "tables", error)) == RH_OK &&
        (rc = copy(&config.ca, settings, "ca", error)) == RH_OK)
        rc = check_url(config.url, error);
    if (rc == RH_OK && (!config.token || !config.base))
        rc = rh_fail(error, RH_CONFIG, "%s is empty", config.token ? "base" : "token");
    if (rc) {
        rh_airtable_config_fini(&config);
        return rc;
    }
    *ret_config = config;
    return RH_OK;
}

void rh_airtable_config_fini(struct rh_airtable_config *config)
{
    if (config->token)
        explicit_bzero(config->token, strlen(config->token));
    free(config->token);
    free(config->base);
    free(config->url);
    free(config->tables);
    free(config->ca);
    *config = (struct rh_airtable_config){.token = NULL};
}
