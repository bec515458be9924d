/*
 * Settings. Without an endpoint it is the region's own, whose name is made here: so a region is checked
 * to be a name and nothing else.
 */
#include "dynamodb.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_REGION 64

static int copy(char **to, const struct rh_settings *settings, const char *name,
                struct rh_error *error)
{
    struct rh_text text = rh_kit_setting_text(settings, name);

    if (!text.len)
        return RH_OK;
    for (uint64_t i = 0; i < text.len; i++)
        if ((unsigned char)text.data[i] < ' ')
            return rh_fail(error, RH_CONFIG, "%s has a control character in it", name);
    *to = strndup(text.data, text.len);
    return *to ? RH_OK : rh_fail_nomem(error);
}

static int check_region(const char *region, struct rh_error *error)
{
    size_t n = region ? strlen(region) : 0;

    if (n && n <= MAX_REGION && strspn(region, "abcdefghijklmnopqrstuvwxyz0123456789-") == n)
        return RH_OK;
    rh_fail(error, RH_CONFIG, "region is not the name of a region");
    return rh_error_hint(error, "it looks like eu-central-1");
}

static int find_endpoint(struct rh_dynamodb_config *config, struct rh_error *error)
{
    const char *rest =
        strncmp(config->region, "cn-", 3) == 0 ? "amazonaws.com.cn" : "amazonaws.com";

    if (!config->endpoint)
        return asprintf(&config->endpoint, "https://dynamodb.%s.%s", config->region, rest) < 0
                   ? rh_fail_nomem(error)
                   : RH_OK;
    if (strncmp(config->endpoint, "http://", 7) == 0 ||
        strncmp(config->endpoint, "https://", 8) == 0)
        return RH_OK;
    rh_fail(error, RH_CONFIG, "endpoint is no URL");
    return rh_error_hint(error, "it looks like http://localhost:8000");
}

int rh_dynamodb_config_init(struct rh_dynamodb_config *ret_config,
                            const struct rh_settings *settings, struct rh_error *error)
{
    struct rh_dynamodb_config config = {
        .sample = (uint32_t)rh_kit_setting_int(settings, "sample", 200),
        .retries = (uint32_t)rh_kit_setting_int(settings, "retries", 4),
    };
    int rc;

    if ((rc = copy(&config.region, settings, "region", error)) == RH_OK &&
        (rc = copy(&config.access_key, settings, "access_key", error)) == RH_OK &&
        (rc = copy(&config.secret_key, settings, "secret_key", error)) == RH_OK &&
        (rc = copy(&config.session_token, settings, "session_token", error)) == RH_OK &&
        (rc = copy(&config.endpoint, settings, "endpoint", error)) == RH_OK &&
        (rc = check_region(config.region, error)) == RH_OK)
        rc = find_endpoint(&config, error);
    if (rc == RH_OK && (!config.access_key || !config.secret_key))
        rc = rh_fail(error, RH_CONFIG, "access_key and secret_key are needed");
    if (rc) {
        rh_dynamodb_config_fini(&config);
        return rc;
    }
    *ret_config = config;
    return RH_OK;
}

static void forget(char *secret)
{
    if (secret)
        explicit_bzero(secret, strlen(secret));
    free(secret);
}

void rh_dynamodb_config_fini(struct rh_dynamodb_config *config)
{
    forget(config->secret_key);
    forget(config->session_token);
    free(config->region);
    free(config->access_key);
    free(config->endpoint);
    *config = (struct rh_dynamodb_config){.region = NULL};
}
