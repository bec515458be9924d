/*
 * Settings: from the host's validated list to libpq keywords.
 *
 * Nothing is taken from the environment or the home folder (PGHOST, PGPASSWORD, ~/.pgpass,
 * services): every keyword that libpq would look up is given. The schema names no defaults for what
 * a URL can say too, so that "not set" can be told from "set"; they are filled in here.
 */
#include "config.h"

#include <libpq-fe.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Settings that have a libpq keyword, and what holds when neither they nor the URL give it. */
static const struct {
    const char *setting;
    const char *keyword;
    const char *otherwise;
} keyword_table[] = {
    {"host", "host", "localhost"},
    {"port", "port", "5432"},
    {"database", "dbname", NULL},
    {"user", "user", "postgres"},
    {"password", "password", NULL},
    {"sslmode", "sslmode", "prefer"},
    {"ssl_root_cert", "sslrootcert", NULL},
    {"ssl_cert", "sslcert", NULL},
    {"ssl_key", "sslkey", NULL},
    {"application_name", "application_name", "rowhouse"},
};

/* What a URL may say besides. Not: service and passfile (they read other files), options and
 * client_encoding (they would change what this connector relies on). */
static const char *const url_extras[] = {
    "hostaddr",        "channel_binding",     "connect_timeout",          "keepalives",
    "keepalives_idle", "keepalives_interval", "keepalives_count",         "tcp_user_timeout",
    "sslcrl",          "sslpassword",         "ssl_min_protocol_version", "target_session_attrs",
    "krbsrvname",      "gssencmode",
};

static const char *given(const struct rh_pg_config *config, const char *keyword)
{
    for (uint32_t i = 0; i < config->n; i++) {
        if (strcmp(config->keywords[i], keyword) == 0)
            return config->values[i];
    }
    return NULL;
}

static int add(struct rh_pg_config *config, const char *keyword, const char *value,
               struct rh_error *error)
{
    char *copy = NULL;

    if (config->n == RH_PG_MAX_KEYWORDS)
        return rh_fail(error, RH_CONFIG, "too many connection parameters");
    copy = strdup(value);
    if (!copy)
        return rh_fail_nomem(error);
    config->keywords[config->n] = keyword;
    config->values[config->n] = copy;
    config->n++;
    return RH_OK;
}

static bool has_nul(struct rh_text text)
{
    return text.len && memchr(text.data, '\0', text.len);
}

/* The table's or list's own spelling of the keyword (static), or NULL when it is not allowed. */
static const char *allowed_keyword(const char *keyword)
{
    for (size_t i = 0; i < sizeof keyword_table / sizeof keyword_table[0]; i++) {
        if (strcmp(keyword_table[i].keyword, keyword) == 0)
            return keyword_table[i].keyword;
    }
    for (size_t i = 0; i < sizeof url_extras / sizeof url_extras[0]; i++) {
        if (strcmp(url_extras[i], keyword) == 0)
            return url_extras[i];
    }
    return NULL;
}

static int load_url(const struct rh_settings *settings, struct rh_pg_config *config,
                    struct rh_error *error)
{
    char *url = rh_kit_setting_dup(settings, "url");
    PQconninfoOption *options = NULL;
    char *message = NULL;
    int rc = RH_OK;

    if (!url)
        return RH_OK;
    if (*url == '\0')
        goto out;
    if (strncmp(url, "postgres://", 11) != 0 && strncmp(url, "postgresql://", 13) != 0) {
        rc = rh_fail(error, RH_CONFIG, "the setting \"url\" does not begin with postgres://");
        goto out;
    }
    options = PQconninfoParse(url, &message);
    if (!options) { /* libpq's message may quote parts of the URL, the password among them */
        rh_fail(error, RH_CONFIG, "the setting \"url\" is not a valid PostgreSQL URL");
        rc = rh_error_hint(error, "Write special characters in user and password as %%XX");
        goto out;
    }
    for (PQconninfoOption *option = options; option->keyword; option++) {
        const char *keyword = NULL;
        if (!option->val)
            continue;
        keyword = allowed_keyword(option->keyword);
        if (!keyword) {
            rc = rh_fail(error, RH_CONFIG, "the parameter \"%s\" of the URL is not supported",
                         option->keyword);
            goto out;
        }
        rc = add(config, keyword, option->val, error);
        if (rc)
            goto out;
    }
out:
    PQconninfoFree(options);
    PQfreemem(message);
    if (url)
        explicit_bzero(url, strlen(url));
    free(url);
    return rc;
}

static int load_setting(const struct rh_settings *settings, struct rh_pg_config *config,
                        const char *setting, const char *keyword, const char *otherwise,
                        struct rh_error *error)
{
    struct rh_text text = rh_kit_setting_text(settings, setting);
    const char *of_url = given(config, keyword);
    int64_t number = rh_kit_setting_int(settings, setting, -1);
    char *value = NULL;
    int rc = RH_OK;

    if (has_nul(text))
        return rh_fail(error, RH_CONFIG, "the setting \"%s\" holds a NUL byte", setting);
    if (text.len && of_url) {
        rh_fail(error, RH_CONFIG, "both \"%s\" and the URL say it", setting);
        return rh_error_hint(error, "Give one of them");
    }
    if (number >= 0) {
        char digits[24];
        if (of_url)
            return rh_fail(error, RH_CONFIG, "both \"%s\" and the URL say it", setting);
        (void)snprintf(digits, sizeof digits, "%lld", (long long)number);
        return add(config, keyword, digits, error);
    }
    if (text.len) {
        value = strndup(text.data, text.len);
        if (!value)
            return rh_fail_nomem(error);
        rc = add(config, keyword, value, error);
        explicit_bzero(value, text.len);
        free(value);
        return rc;
    }
    return of_url || !otherwise ? RH_OK : add(config, keyword, otherwise, error);
}

int rh_pg_config_load(const struct rh_settings *settings, struct rh_pg_config *ret_config,
                      struct rh_error *error)
{
    struct rh_pg_config *config = ret_config;
    struct rh_text schemas = rh_kit_setting_text(settings, "schemas");
    int rc = RH_OK;

    *config = (struct rh_pg_config){.n = 0};
    rc = load_url(settings, config, error);
    for (size_t i = 0; !rc && i < sizeof keyword_table / sizeof keyword_table[0]; i++)
        rc = load_setting(settings, config, keyword_table[i].setting, keyword_table[i].keyword,
                          keyword_table[i].otherwise, error);
    if (!rc && !given(config, "dbname"))
        rc = add(config, "dbname", given(config, "user"), error);
    if (!rc && !given(config, "gssencmode")) /* libpq would block in Kerberos libraries */
        rc = add(config, "gssencmode", "disable", error);
    if (!rc && !given(config, "password")) /* … and read ~/.pgpass */
        rc = add(config, "passfile", "/nonexistent/rowhouse", error);
    if (!rc)
        rc = add(config, "client_encoding", "UTF8", error);
    if (!rc)
        rc = add(config, "options", "", error);
    if (!rc && schemas.len && !rh_text_is(rh_text_trim(schemas), "[]")) {
        config->schemas = strndup(schemas.data, schemas.len);
        if (!config->schemas)
            rc = rh_fail_nomem(error);
    }
    config->statement_timeout_ms = rh_kit_setting_int(settings, "statement_timeout_ms", 0);
    return rc;
}

void rh_pg_config_fini(struct rh_pg_config *config)
{
    for (uint32_t i = 0; i < config->n; i++) {
        char *value = (char *)(uintptr_t)config->values[i]; /* made by strdup */
        explicit_bzero(value, strlen(value));
        free(value);
    }
    free(config->schemas);
    *config = (struct rh_pg_config){.n = 0};
}
