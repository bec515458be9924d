/*
 * Settings: url is http://host:9200, maybe with a path where a proxy has one. Credentials are settings of
 * their own.
 */
#include "elasticsearch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int copy(char **to, const struct rh_settings *settings, const char *name,
                struct rh_error *error)
{
    struct rh_text text = rh_kit_setting_text(settings, name);

    if (!text.len)
        return RH_OK;
    if (memchr(text.data, 0, text.len))
        return rh_fail(error, RH_CONFIG, "%s has a NUL in it", name);
    *to = strndup(text.data, text.len);
    return *to ? RH_OK : rh_fail_nomem(error);
}

static int check_url(struct rh_elasticsearch_config *config, struct rh_error *error)
{
    char *url = config->url;
    size_t n = url ? strlen(url) : 0;

    while (n && url[n - 1] == '/')
        url[--n] = 0;
    if (n && !strpbrk(url, "@?# ") &&
        (strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0))
        return RH_OK;
    rh_fail(error, RH_CONFIG, "url is not the URL of a server");
    return rh_error_hint(error, "it looks like https://localhost:9200; user and password are "
                                "settings of their own");
}

/* Names and patterns, between commas, as they go into a path. */
static int check_indices(const char *indices, struct rh_error *error)
{
    if (!indices || strpbrk(indices, "/?#\"\\<>| \t\r\n%"))
        return rh_fail(error, RH_CONFIG, "indices are names and patterns with commas between them");
    return RH_OK;
}

static int make_authorization(struct rh_elasticsearch_config *config,
                              const struct rh_settings *settings, struct rh_error *error)
{
    struct rh_text key = rh_kit_setting_text(settings, "api_key");

    if (!key.len)
        return RH_OK;
    if (config->user)
        return rh_fail(error, RH_CONFIG, "api_key and user are two ways to sign in: give one");
    for (uint64_t i = 0; i < key.len; i++)
        if (key.data[i] <= ' ' || key.data[i] > '~')
            return rh_fail(error, RH_CONFIG, "api_key is not one, encoded");
    return asprintf(&config->authorization, "ApiKey %.*s", RH_TEXT_ARG(key)) < 0
               ? rh_fail_nomem(error)
               : RH_OK;
}

int rh_elasticsearch_config_init(struct rh_elasticsearch_config *ret_config,
                                 const struct rh_settings *settings, struct rh_error *error)
{
    struct rh_elasticsearch_config config = {
        .retries = (uint32_t)rh_kit_setting_int(settings, "retries", 2),
        .single_values = rh_kit_setting_bool(settings, "single_values", false),
        .insecure = rh_kit_setting_bool(settings, "insecure", false),
    };
    int rc;

    if ((rc = copy(&config.url, settings, "url", error)) == RH_OK &&
        (rc = copy(&config.user, settings, "user", error)) == RH_OK &&
        (rc = copy(&config.password, settings, "password", error)) == RH_OK &&
        (rc = copy(&config.indices, settings, "indices", error)) == RH_OK &&
        (rc = copy(&config.ca, settings, "ca", error)) == RH_OK &&
        (rc = check_url(&config, error)) == RH_OK &&
        (rc = check_indices(config.indices, error)) == RH_OK)
        rc = make_authorization(&config, settings, error);
    if (rc) {
        rh_elasticsearch_config_fini(&config);
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

void rh_elasticsearch_config_fini(struct rh_elasticsearch_config *config)
{
    forget(config->password);
    forget(config->authorization);
    free(config->url);
    free(config->user);
    free(config->indices);
    free(config->ca);
    *config = (struct rh_elasticsearch_config){.url = NULL};
}
