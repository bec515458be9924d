/*
 * Settings: a URL as every MongoDB driver takes it, or host, port, user and so on by themselves. What
 * a URL says is not given a second time. Texts of the library are not passed on: they may quote the URL.
 */
#include "mongodb.h"

#include <stdlib.h>
#include <string.h>

static int refuse(struct rh_error *error, const char *name)
{
    return rh_fail(error, RH_CONFIG, "%s is given twice, in the URL and by itself", name);
}

/* NUL-terminated; NULL when not set. */
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

static int parse_url(struct rh_mongodb_config *config, const struct rh_settings *settings,
                     struct rh_error *error)
{
    char *url = NULL;
    int rc = copy(&url, settings, "url", error);

    if (rc)
        return rc;
    if (url)
        config->uri = mongoc_uri_new_with_error(url, NULL);
    else
        config->uri = mongoc_uri_new_for_host_port(
            "localhost", (uint16_t)rh_kit_setting_int(settings, "port", 27017));
    if (url)
        explicit_bzero(url, strlen(url));
    free(url);
    if (config->uri)
        return RH_OK;
    rh_fail(error, RH_CONFIG, "url is not the URL of a MongoDB server");
    return rh_error_hint(error, "it looks like mongodb://user:password@localhost:27017/database, "
                                "with special characters percent-encoded");
}

/* host:port, once more parsed by the library because it may be IPv6 or the path of a socket. */
static int set_host(struct rh_mongodb_config *config, const struct rh_settings *settings,
                    struct rh_error *error)
{
    struct rh_text host = rh_kit_setting_text(settings, "host");
    uint16_t port = (uint16_t)rh_kit_setting_int(settings, "port", 27017);
    mongoc_uri_t *uri = NULL;
    char *name = NULL;
    int rc;

    if (!host.len)
        return RH_OK;
    if (rh_kit_setting_text(settings, "url").len)
        return refuse(error, "host");
    rc = copy(&name, settings, "host", error);
    if (rc)
        return rc;
    uri = mongoc_uri_new_for_host_port(name, port);
    free(name);
    if (!uri)
        return rh_fail(error, RH_CONFIG, "host is not the name of a host");
    mongoc_uri_destroy(config->uri);
    config->uri = uri;
    return RH_OK;
}

static int set_login(struct rh_mongodb_config *config, const struct rh_settings *settings,
                     struct rh_error *error)
{
    char *user = NULL, *password = NULL, *source = NULL;
    int rc;

    if ((rc = copy(&user, settings, "user", error)) ||
        (rc = copy(&password, settings, "password", error)) ||
        (rc = copy(&source, settings, "auth_source", error)))
        goto out;
    if (user && mongoc_uri_get_username(config->uri))
        rc = refuse(error, "user");
    else if (password && mongoc_uri_get_password(config->uri))
        rc = refuse(error, "password");
    else if ((user && !mongoc_uri_set_username(config->uri, user)) ||
             (password && !mongoc_uri_set_password(config->uri, password)) ||
             (source && !mongoc_uri_set_auth_source(config->uri, source)))
        rc = rh_fail(error, RH_CONFIG, "user, password or auth_source is not UTF-8");
out:
    if (password)
        explicit_bzero(password, strlen(password));
    free(user);
    free(password);
    free(source);
    return rc;
}

static int set_database(struct rh_mongodb_config *config, const struct rh_settings *settings,
                        struct rh_error *error)
{
    const char *name = mongoc_uri_get_database(config->uri);
    int rc = copy(&config->database, settings, "database", error);

    if (rc)
        return rc;
    if (config->database && name && *name)
        return refuse(error, "database");
    if (!config->database && name && *name && !(config->database = strdup(name)))
        return rh_fail_nomem(error);
    if (config->database)
        return RH_OK;
    rh_fail(error, RH_CONFIG, "no database is named");
    return rh_error_hint(error, "set database, or append it to the URL: mongodb://host/database");
}

static int set_tls(struct rh_mongodb_config *config, const struct rh_settings *settings,
                   struct rh_error *error)
{
    const bson_t *options = mongoc_uri_get_options(config->uri);
    bson_iter_t iter;
    int rc;

    if ((rc = copy(&config->tls_ca, settings, "tls_ca", error)) ||
        (rc = copy(&config->tls_key, settings, "tls_key", error)))
        return rc;
    if (rh_kit_setting_bool(settings, "tls", false) || config->tls_ca || config->tls_key)
        mongoc_uri_set_option_as_bool(config->uri, MONGOC_URI_TLS, true);
    if (!config->tls_ca && bson_iter_init_find_case(&iter, options, MONGOC_URI_TLSCAFILE) &&
        !(config->tls_ca = strdup(bson_iter_utf8(&iter, NULL))))
        return rh_fail_nomem(error);
    if (!config->tls_key &&
        bson_iter_init_find_case(&iter, options, MONGOC_URI_TLSCERTIFICATEKEYFILE) &&
        !(config->tls_key = strdup(bson_iter_utf8(&iter, NULL))))
        return rh_fail_nomem(error);
    config->insecure =
        rh_kit_setting_bool(settings, "insecure", false) ||
        mongoc_uri_get_option_as_bool(config->uri, MONGOC_URI_TLSALLOWINVALIDCERTIFICATES, false) ||
        mongoc_uri_get_option_as_bool(config->uri, MONGOC_URI_TLSINSECURE, false);
    return RH_OK;
}

/* Only the host retries, and only the operation's deadline ends a wait. */
static int set_options(struct rh_mongodb_config *config, const struct rh_settings *settings,
                       struct rh_error *error)
{
    char *name = NULL;
    int rc = copy(&name, settings, "replica_set", error);

    if (rc)
        return rc;
    if (name)
        mongoc_uri_set_option_as_utf8(config->uri, MONGOC_URI_REPLICASET, name);
    free(name);
    mongoc_uri_set_option_as_bool(config->uri, MONGOC_URI_RETRYREADS, false);
    mongoc_uri_set_option_as_bool(config->uri, MONGOC_URI_RETRYWRITES, false);
    mongoc_uri_set_option_as_bool(config->uri, MONGOC_URI_SERVERSELECTIONTRYONCE, true);
    mongoc_uri_set_option_as_int32(config->uri, MONGOC_URI_SOCKETTIMEOUTMS, INT32_MAX);
    if (!mongoc_uri_get_appname(config->uri))
        mongoc_uri_set_appname(config->uri, "rowhouse");
    return RH_OK;
}

int rh_mongodb_config_init(struct rh_mongodb_config *ret_config, const struct rh_settings *settings,
                           struct rh_error *error)
{
    struct rh_mongodb_config config = {
        .sample = (uint32_t)rh_kit_setting_int(settings, "sample", 1000),
    };
    int rc;

    if ((rc = parse_url(&config, settings, error)) || (rc = set_host(&config, settings, error)) ||
        (rc = set_login(&config, settings, error)) ||
        (rc = set_database(&config, settings, error)) || (rc = set_tls(&config, settings, error)) ||
        (rc = set_options(&config, settings, error))) {
        rh_mongodb_config_fini(&config);
        return rc;
    }
    *ret_config = config;
    return RH_OK;
}

void rh_mongodb_config_fini(struct rh_mongodb_config *config)
{
    if (config->uri)
        mongoc_uri_destroy(config->uri);
    free(config->database);
    free(config->tls_ca);
    free(config->tls_key);
    *config = (struct rh_mongodb_config){.uri = NULL};
}
