/*
 * Settings: url is http://host:5984, or couchdb:// (couchdbs://) for the same, and may hold user,
 * password and database, which then are not given on their own.
 */
#include "couchdb.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct scheme {
    const char *prefix;
    const char *http;
} schemes[] = {
    {"http://", "http://"},
    {"https://", "https://"},
    {"couchdb://", "http://"},
    {"couchdbs://", "https://"},
};

static int hex_digit(char c)
{
    char lower = (char)(c | 0x20);
    return c >= '0' && c <= '9' ? c - '0' : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* Percent-decoded and NUL-terminated; NULL when out of memory. */
static char *decode(struct rh_text text)
{
    char *to = malloc(text.len + 1);
    uint64_t n = 0;

    for (uint64_t i = 0; to && i < text.len; i++) {
        int high = i + 2 < text.len && text.data[i] == '%' ? hex_digit(text.data[i + 1]) : -1;
        int low = high >= 0 ? hex_digit(text.data[i + 2]) : -1;
        to[n++] = text.data[i];
        if (low >= 0)
            to[n - 1] = (char)(high << 4 | low);
        i += low >= 0 ? 2 : 0;
    }
    if (to)
        to[n] = 0;
    return to;
}

/* What the URL says and a setting of its own does not. */
static int take(char **to, struct rh_text part, const char *name, struct rh_error *error)
{
    if (!part.len)
        return RH_OK;
    if (*to)
        return rh_fail(error, RH_CONFIG, "%s is given twice, in the URL and by itself", name);
    *to = decode(part);
    return *to ? RH_OK : rh_fail_nomem(error);
}

static int split_url(struct rh_couchdb_config *config, struct rh_text url, struct rh_error *error)
{
    const struct scheme *scheme = schemes;
    const struct scheme *end = schemes + sizeof(schemes) / sizeof(schemes[0]);
    struct rh_text path, authority, user = {NULL, 0};
    int rc = RH_OK;

    while (scheme < end && !rh_text_starts(url, scheme->prefix))
        scheme++;
    if (scheme == end || memchr(url.data, 0, url.len)) {
        rh_fail(error, RH_CONFIG, "url is not the URL of a CouchDB server");
        return rh_error_hint(error, "it looks like http://localhost:5984");
    }
    path = rh_text_make(url.data + strlen(scheme->prefix), url.len - strlen(scheme->prefix));
    authority = rh_text_cut(&path, '/');
    for (uint64_t i = authority.len; i > 0; i--)
        if (authority.data[i - 1] == '@') {
            user = rh_text_make(authority.data, i - 1);
            authority = rh_text_make(authority.data + i, authority.len - i);
            break;
        }
    if (path.len && path.data[path.len - 1] == '/')
        path.len--;
    if (path.len && memchr(path.data, '/', path.len))
        return rh_fail(error, RH_CONFIG, "url has more in its path than a database");
    if (user.data) {
        struct rh_text password = user, name = rh_text_cut(&password, ':');
        rc = take(&config->user, name, "user", error);
        if (rc == RH_OK)
            rc = take(&config->password, password, "password", error);
    }
    if (rc == RH_OK)
        rc = take(&config->database, path, "database", error);
    if (rc)
        return rc;
    return asprintf(&config->url, "%s%.*s", scheme->http, RH_TEXT_ARG(authority)) < 0
               ? rh_fail_nomem(error)
               : RH_OK;
}

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

/* A dot is a path in Mango, a dollar an operator, and what begins with _ is CouchDB's own. */
static int check_table_field(const char *field, struct rh_error *error)
{
    if (field[0] != '_' && !strpbrk(field, ".\\$"))
        return RH_OK;
    rh_fail(error, RH_CONFIG, "table_field is \"%s\", which is no plain name of a field", field);
    return rh_error_hint(error, "it has no dot, backslash or dollar, and does not begin with _");
}

int rh_couchdb_config_init(struct rh_couchdb_config *ret_config, const struct rh_settings *settings,
                           struct rh_error *error)
{
    struct rh_couchdb_config config = {
        .sample = (uint32_t)rh_kit_setting_int(settings, "sample", 1000),
        .retries = (uint32_t)rh_kit_setting_int(settings, "retries", 2),
        .insecure = rh_kit_setting_bool(settings, "insecure", false),
        .create = rh_kit_setting_bool(settings, "create", false),
    };
    int rc;

    if ((rc = copy(&config.user, settings, "user", error)) == RH_OK &&
        (rc = copy(&config.password, settings, "password", error)) == RH_OK &&
        (rc = copy(&config.database, settings, "database", error)) == RH_OK &&
        (rc = copy(&config.table_field, settings, "table_field", error)) == RH_OK &&
        (rc = copy(&config.ca, settings, "ca", error)) == RH_OK)
        rc = split_url(&config, rh_kit_setting_text(settings, "url"), error);
    if (rc == RH_OK && config.table_field)
        rc = check_table_field(config.table_field, error);
    if (rc == RH_OK && config.table_field && !config.database) {
        rh_fail(error, RH_CONFIG, "table_field needs a database");
        rc = rh_error_hint(error, "name the database whose documents have that field");
    }
    if (rc) {
        rh_couchdb_config_fini(&config);
        return rc;
    }
    *ret_config = config;
    return RH_OK;
}

void rh_couchdb_config_fini(struct rh_couchdb_config *config)
{
    if (config->password)
        explicit_bzero(config->password, strlen(config->password));
    free(config->url);
    free(config->user);
    free(config->password);
    free(config->database);
    free(config->table_field);
    free(config->ca);
    *config = (struct rh_couchdb_config){.url = NULL};
}
