/* Settings: the description, and the secrets that it may not hold. */
#include "rest.h"

#include <string.h>

static struct rh_text copy(struct rh_conn *conn, const struct rh_settings *settings,
                           const char *name, bool *ok)
{
    return rh_arena_text(conn->arena, rh_kit_setting_text(settings, name), ok);
}

static int need(struct rh_text text, const char *name, struct rh_error *error)
{
    if (text.len)
        return RH_OK;
    return rh_fail(error, RH_CONFIG, "the description's auth needs the setting %s", name);
}

static int check_auth(const struct rh_http_options *options, struct rh_error *error)
{
    int rc = RH_OK;

    if (options->auth == RH_HTTP_AUTH_NONE)
        return RH_OK;
    if (options->auth == RH_HTTP_AUTH_OAUTH2_REFRESH)
        rc = need(options->token, "refresh_token", error);
    else
        rc = need(options->auth == RH_HTTP_AUTH_BASIC ? options->user : options->secret, "secret",
                  error);
    if (rc == RH_OK && options->auth >= RH_HTTP_AUTH_OAUTH2_CLIENT && !options->token_url.len)
        rc = rh_fail(error, RH_CONFIG, "the description's auth has no token_url");
    return rc;
}

/* A user who is given wins over the description's; of an API key it is the name of the header. */
static void choose_user(const struct rh_rest_description *api, struct rh_http_options *options)
{
    bool is_name = api->auth == RH_HTTP_AUTH_HEADER || api->auth == RH_HTTP_AUTH_QUERY;

    if (is_name || !options->user.len)
        options->user = api->user;
    if (api->auth == RH_HTTP_AUTH_BASIC && !options->user.len) { /* a key alone, as Stripe has it */
        options->user = options->secret;
        options->secret = rh_text_make(NULL, 0);
    }
}

int rh_rest_config_take(struct rh_conn *conn, const struct rh_settings *settings,
                        struct rh_http_options *ret_options, struct rh_error *error)
{
    struct rh_text description = rh_kit_setting_text(settings, "description");
    struct rh_rest_description *api = &conn->api;
    struct rh_http_options options = {.struct_size = sizeof(options)};
    bool ok = true;
    int rc;

    description = rh_arena_text(conn->arena, description, &ok);
    options.base_url = copy(conn, settings, "url", &ok);
    options.user = copy(conn, settings, "user", &ok);
    options.secret = copy(conn, settings, "secret", &ok);
    options.token = copy(conn, settings, "refresh_token", &ok);
    options.proxy = copy(conn, settings, "proxy", &ok);
    options.ca = copy(conn, settings, "ca", &ok);
    if (!ok)
        return rh_fail_nomem(error);
    rc = rh_rest_description_read(conn->arena, description, api, error);
    if (rc)
        return rc;
    conn->sample = (uint32_t)rh_kit_setting_int(settings, "sample", 100);
    choose_user(api, &options);
    options.auth = api->auth;
    options.token_url = api->token_url;
    options.scope = api->scope;
    options.audience = api->audience;
    options.max_redirects = 5;
    options.headers = api->headers;
    options.n_headers = api->n_headers;
    options.rate_per_minute = api->rate_per_minute;
    options.retries = (uint32_t)rh_kit_setting_int(settings, "retries", 2);
    if (rh_kit_setting_bool(settings, "insecure", false))
        options.flags |= RH_HTTP_CLIENT_INSECURE;
    if (!options.base_url.len)
        options.base_url = api->base;
    while (options.base_url.len && options.base_url.data[options.base_url.len - 1] == '/')
        options.base_url.len--;
    api->base = options.base_url;
    if (!api->base.len)
        return rh_fail(error, RH_CONFIG,
                       "neither the description's base nor the setting url says "
                       "where the API is");
    *ret_options = options;
    return check_auth(&options, error);
}
