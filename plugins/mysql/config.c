/*
 * Settings: from the host's validated list, and from a URL
 *
 *     mysql://user:password@host:port/database?ssl_mode=require&socket=…
 *
 * whose parts are percent-decoded. Nothing is taken from option files or the environment. The schema
 * names no defaults for what a URL can say too, so that "not set" can be told from "set"; they are
 * filled in here.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    const char *otherwise;
    bool in_query; /* may stand behind the "?" of a URL */
} settings_table[RH_MY_N_SETTINGS] = {
    [RH_MY_HOST] = {"host", "localhost", false}, [RH_MY_DATABASE] = {"database", NULL, false},
    [RH_MY_USER] = {"user", "root", false},      [RH_MY_PASSWORD] = {"password", NULL, false},
    [RH_MY_SOCKET] = {"socket", NULL, true},     [RH_MY_SSL_MODE] = {"ssl_mode", "prefer", true},
    [RH_MY_SSL_CA] = {"ssl_ca", NULL, true},     [RH_MY_SSL_CERT] = {"ssl_cert", NULL, true},
    [RH_MY_SSL_KEY] = {"ssl_key", NULL, true},
};

static int fail_twice(const char *name, struct rh_error *error)
{
    rh_fail(error, RH_CONFIG, "both \"%s\" and the URL say it", name);
    return rh_error_hint(error, "Give one of them");
}

static int fail_url(struct rh_error *error)
{
    rh_fail(error, RH_CONFIG, "the setting \"url\" is not a valid MySQL URL");
    return rh_error_hint(error, "Write special characters in user and password as %%XX");
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 32);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* ---- the URL ---- */

/* The part with %XX decoded, as a setting; empty parts are not given. */
static int set_part(struct rh_my_config *config, enum rh_my_setting which, struct rh_text part,
                    struct rh_error *error)
{
    char *to = NULL;

    if (!part.len)
        return RH_OK;
    if (config->text[which])
        return fail_url(error);
    to = config->text[which] = calloc(1, part.len + 1);
    if (!to)
        return rh_fail_nomem(error);
    for (uint64_t i = 0; i < part.len; i++) {
        int high = 0, low = 0;
        if (part.data[i] != '%') {
            *to++ = part.data[i];
            continue;
        }
        high = part.len - i > 2 ? hex_digit(part.data[i + 1]) : -1;
        low = part.len - i > 2 ? hex_digit(part.data[i + 2]) : -1;
        if (high < 0 || low < 0 || (high == 0 && low == 0))
            return fail_url(error);
        *to++ = (char)(high << 4 | low);
        i += 2;
    }
    return RH_OK;
}

static int load_query(struct rh_my_config *config, struct rh_text query, struct rh_error *error)
{
    while (query.len) {
        struct rh_text value = rh_text_cut(&query, '&');
        struct rh_text name = rh_text_cut(&value, '=');
        int which = 0, rc = RH_OK;
        while (which < RH_MY_N_SETTINGS &&
               !(settings_table[which].in_query && rh_text_is(name, settings_table[which].name)))
            which++;
        if (which == RH_MY_N_SETTINGS)
            return rh_fail(error, RH_CONFIG, "the parameter \"%.*s\" of the URL is not supported",
                           (int)(name.len > 60 ? 60 : name.len), name.len ? name.data : "");
        rc = set_part(config, (enum rh_my_setting)which, value, error);
        if (rc)
            return rc;
    }
    return RH_OK;
}

static int load_host(struct rh_my_config *config, struct rh_text at, struct rh_error *error)
{
    struct rh_text host = at;
    int64_t port = 0;

    if (at.len && at.data[0] == '[') {
        const char *close = memchr(at.data, ']', at.len);
        if (!close)
            return fail_url(error);
        host = rh_text_make(at.data + 1, (size_t)(close - at.data - 1));
        at = rh_text_make(close + 1, at.len - host.len - 2);
        if (at.len && at.data[0] != ':')
            return fail_url(error);
        (void)rh_text_cut(&at, ':');
    } else {
        host = rh_text_cut(&at, ':');
    }
    if (at.len) {
        if (!rh_text_to_i64(at, &port) || port < 1 || port > 65535)
            return fail_url(error);
        config->port = (unsigned)port;
    }
    return set_part(config, RH_MY_HOST, host, error);
}

static int load_url(struct rh_my_config *config, struct rh_text url, struct rh_error *error)
{
    struct rh_text rest = url, head, query, authority;
    const char *sign = NULL;
    int rc = RH_OK;

    if (!url.len)
        return RH_OK;
    if (!rh_text_starts(url, "mysql://") && !rh_text_starts(url, "mariadb://"))
        return rh_fail(error, RH_CONFIG, "the setting \"url\" does not begin with mysql://");
    (void)rh_text_cut(&rest, '/');
    (void)rh_text_cut(&rest, '/');
    query = rest;
    head = rh_text_cut(&query, '?');
    authority = rh_text_cut(&head, '/');
    sign = authority.len ? memrchr(authority.data, '@', authority.len) : NULL;
    if (sign) {
        struct rh_text password = rh_text_make(authority.data, (size_t)(sign - authority.data));
        struct rh_text user = rh_text_cut(&password, ':');
        authority.len -= (uint64_t)(sign + 1 - authority.data);
        authority.data = sign + 1;
        rc = set_part(config, RH_MY_USER, user, error);
        if (!rc)
            rc = set_part(config, RH_MY_PASSWORD, password, error);
    }
    if (!rc)
        rc = load_host(config, authority, error);
    if (!rc)
        rc = set_part(config, RH_MY_DATABASE, head, error);
    return rc ? rc : load_query(config, query, error);
}

/* ---- the settings ---- */

static int load_setting(const struct rh_settings *settings, struct rh_my_config *config, int which,
                        struct rh_error *error)
{
    const char *name = settings_table[which].name, *otherwise = settings_table[which].otherwise;
    struct rh_text text = rh_kit_setting_text(settings, name);
    char **to = &config->text[which];

    if (text.len && memchr(text.data, '\0', text.len))
        return rh_fail(error, RH_CONFIG, "the setting \"%s\" holds a NUL byte", name);
    if (text.len && *to)
        return fail_twice(name, error);
    if (text.len)
        *to = strndup(text.data, text.len);
    else if (!*to && otherwise)
        *to = strdup(otherwise);
    else
        return RH_OK;
    return *to ? RH_OK : rh_fail_nomem(error);
}

static bool is_ssl_mode(const char *mode)
{
    return strcmp(mode, "disable") == 0 || strcmp(mode, "prefer") == 0 ||
           strcmp(mode, "require") == 0 || strcmp(mode, "verify-full") == 0;
}

int rh_my_config_load(const struct rh_settings *settings, struct rh_my_config *ret_config,
                      struct rh_error *error)
{
    struct rh_my_config *config = ret_config;
    int64_t port = rh_kit_setting_int(settings, "port", 0);
    int rc = RH_OK;

    *config = (struct rh_my_config){.port = 0};
    rc = load_url(config, rh_kit_setting_text(settings, "url"), error);
    for (int i = 0; !rc && i < RH_MY_N_SETTINGS; i++)
        rc = load_setting(settings, config, i, error);
    if (!rc && port && config->port)
        rc = fail_twice("port", error);
    if (!rc && !is_ssl_mode(config->text[RH_MY_SSL_MODE]))
        rc = rh_fail(error, RH_CONFIG,
                     "\"ssl_mode\" is none of disable, prefer, require, verify-full");
    if (!config->port)
        config->port = port ? (unsigned)port : 3306;
    config->statement_timeout_ms = rh_kit_setting_int(settings, "statement_timeout_ms", 0);
    return rc;
}

void rh_my_config_fini(struct rh_my_config *config)
{
    for (int i = 0; i < RH_MY_N_SETTINGS; i++) {
        if (config->text[i])
            explicit_bzero(config->text[i], strlen(config->text[i]));
        free(config->text[i]);
    }
    *config = (struct rh_my_config){.port = 0};
}
