/*
 * Settings. A service account's key file is JSON with client_email, private_key and token_uri; its
 * project_id is the project unless another one is named. Without one, the URL is an emulator's.
 */
#include "firestore.h"

#include "base/json.h"

#include <stdlib.h>
#include <string.h>

#define SERVICE "https://firestore.googleapis.com"
#define TOKEN_URL "https://oauth2.googleapis.com/token"
#define ACCOUNT_BYTES ((size_t)1 << 20)

static int copy(char **to, struct rh_text text, const char *name, struct rh_error *error)
{
    if (!text.len)
        return RH_OK;
    if (memchr(text.data, 0, text.len))
        return rh_fail(error, RH_CONFIG, "%s has a NUL in it", name);
    free(*to);
    *to = strndup(text.data, text.len);
    return *to ? RH_OK : rh_fail_nomem(error);
}

static int fail_account(struct rh_error *error)
{
    rh_error_clear(error);
    rh_fail(error, RH_CONFIG, "service_account is not the JSON of a service account's key");
    return rh_error_hint(error, "paste the whole file that was downloaded when the key was made");
}

/* ret_project: in the arena. */
static int take_account(struct rh_firestore_config *config, struct rh_text text,
                        struct rh_arena *arena, struct rh_text *ret_project, struct rh_error *error)
{
    struct rh_json *account = NULL;
    int rc;

    if (!text.len)
        return RH_OK;
    if (rh_json_parse(arena, text, &account, error))
        return fail_account(error);
    *ret_project = rh_json_string(account, "project_id");
    if ((rc = copy(&config->email, rh_json_string(account, "client_email"), "client_email",
                   error)) != RH_OK ||
        (rc = copy(&config->private_key, rh_json_string(account, "private_key"), "private_key",
                   error)) != RH_OK ||
        (rc = copy(&config->token_url, RH_TEXT(TOKEN_URL), "token_uri", error)) != RH_OK ||
        (rc = copy(&config->token_url, rh_json_string(account, "token_uri"), "token_uri", error)) !=
            RH_OK)
        return rc;
    return config->email && config->private_key ? RH_OK : fail_account(error);
}

static bool is_part(struct rh_text text)
{
    return text.len && !memchr(text.data, '/', text.len) && !memchr(text.data, 0, text.len);
}

/* As it may stand in a URL's path. */
static bool is_plain(struct rh_text text)
{
    for (uint64_t i = 0; i < text.len; i++) {
        char c = text.data[i], lower = (char)(c | 0x20);
        if (!(lower >= 'a' && lower <= 'z') && !(c >= '0' && c <= '9') &&
            (!c || !strchr("-_.:()", c)))
            return false;
    }
    return text.len > 0;
}

static int make_root(struct rh_firestore_config *config, struct rh_text project,
                     struct rh_text database, struct rh_error *error)
{
    struct rh_buf root;
    int rc;

    if (!project.len) {
        rh_fail(error, RH_CONFIG, "no project is named");
        return rh_error_hint(error,
                             "set \"project\", or give a service account, which names its own");
    }
    if (!is_plain(project) || !is_plain(database))
        return rh_fail(error, RH_CONFIG, "the project's or the database's name is none");
    rh_buf_init(&root, 65536);
    rh_buf_addf(&root, "projects/%.*s/databases/%.*s/documents", RH_TEXT_ARG(project),
                RH_TEXT_ARG(database));
    rc =
        root.failed ? rh_fail_nomem(error) : copy(&config->root, rh_buf_text(&root), "root", error);
    rh_buf_free(&root);
    return rc;
}

static int take_url(struct rh_firestore_config *config, struct rh_text url, struct rh_error *error)
{
    while (url.len && url.data[url.len - 1] == '/')
        url.len--;
    if (!url.len && !config->email) {
        rh_fail(error, RH_CONFIG, "there is no service account");
        return rh_error_hint(error, "give a service account, or the URL of an emulator");
    }
    if (url.len && !rh_text_starts(url, "http://") && !rh_text_starts(url, "https://"))
        return rh_fail(error, RH_CONFIG, "the URL does not begin with http:// or https://");
    return copy(&config->url, url.len ? url : RH_TEXT(SERVICE), "url", error);
}

static int take_groups(struct rh_firestore_config *config, struct rh_text text,
                       struct rh_arena *arena, struct rh_error *error)
{
    struct rh_json *list = NULL;
    int rc = text.len ? rh_json_parse(arena, text, &list, error) : RH_OK;

    if (rc || !list || list->kind != RH_JSON_ARRAY)
        return rc;
    config->groups = calloc((size_t)list->n + 1, sizeof(*config->groups));
    if (!config->groups)
        return rh_fail_nomem(error);
    for (const struct rh_json *name = list->child; name && rc == RH_OK; name = name->next) {
        if (name->kind != RH_JSON_STRING || !is_part(name->text))
            return rh_fail(error, RH_CONFIG, "collection_groups has what is no collection's name");
        rc = copy(&config->groups[config->n_groups], name->text, "collection_groups", error);
        config->n_groups += rc == RH_OK;
    }
    return rc;
}

int rh_firestore_config_init(struct rh_firestore_config *ret_config,
                             const struct rh_settings *settings, struct rh_error *error)
{
    struct rh_firestore_config config = {
        .sample = (uint32_t)rh_kit_setting_int(settings, "sample", 200),
        .retries = (uint32_t)rh_kit_setting_int(settings, "retries", 2),
        .composite_indexes = rh_kit_setting_bool(settings, "composite_indexes", false),
    };
    struct rh_arena *arena = rh_arena_new(ACCOUNT_BYTES);
    struct rh_text project = {NULL, 0}, named = rh_kit_setting_text(settings, "project");
    int rc = RH_OK;

    if (!arena)
        return rh_fail_nomem(error);
    if ((rc = take_account(&config, rh_kit_setting_text(settings, "service_account"), arena,
                           &project, error)) == RH_OK &&
        (rc = make_root(&config, named.len ? named : project,
                        rh_kit_setting_text(settings, "database"), error)) == RH_OK &&
        (rc = take_url(&config, rh_kit_setting_text(settings, "url"), error)) == RH_OK &&
        (rc = take_groups(&config, rh_kit_setting_text(settings, "collection_groups"), arena,
                          error)) == RH_OK)
        rc = copy(&config.ca, rh_kit_setting_text(settings, "ca"), "ca", error);
    rh_arena_free(arena);
    if (rc)
        rh_firestore_config_fini(&config);
    else
        *ret_config = config;
    return rc;
}

void rh_firestore_config_fini(struct rh_firestore_config *config)
{
    if (config->private_key)
        explicit_bzero(config->private_key, strlen(config->private_key));
    for (uint32_t i = 0; i < config->n_groups; i++)
        free(config->groups[i]);
    free(config->groups);
    free(config->url);
    free(config->root);
    free(config->email);
    free(config->private_key);
    free(config->token_url);
    free(config->ca);
    *config = (struct rh_firestore_config){.url = NULL};
}
