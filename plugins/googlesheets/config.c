/*
 * Settings: the spreadsheet by id or by the address that a browser shows, and one of two ways to be let
 * in.
 */
#include "googlesheets.h"

#include <stdlib.h>
#include <string.h>

#define KEY_FILE_BYTES ((size_t)1 << 20)
#define ID_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

static int copy_text(char **to, struct rh_text text, const char *name, struct rh_error *error)
{
    if (!text.len)
        return RH_OK;
    if (memchr(text.data, 0, text.len))
        return rh_fail(error, RH_CONFIG, "%s has a NUL in it", name);
    *to = strndup(text.data, text.len);
    return *to ? RH_OK : rh_fail_nomem(error);
}

static int copy(char **to, const struct rh_settings *settings, const char *name,
                struct rh_error *error)
{
    return copy_text(to, rh_kit_setting_text(settings, name), name, error);
}

/* What stands behind /d/ in an address, or all of it. */
static int take_id(struct rh_googlesheets_config *config, const struct rh_settings *settings,
                   struct rh_error *error)
{
    struct rh_text text = rh_kit_setting_text(settings, "spreadsheet");
    int rc = copy_text(&config->spreadsheet, text, "spreadsheet", error);
    const char *at = rc == RH_OK && config->spreadsheet ? strstr(config->spreadsheet, "/d/") : NULL;

    if (rc)
        return rc;
    if (at && rh_text_starts(text, "http"))
        memmove(config->spreadsheet, at + 3, strlen(at + 3) + 1);
    if (at)
        config->spreadsheet[strspn(config->spreadsheet, ID_CHARACTERS)] = 0;
    if (!config->spreadsheet || !*config->spreadsheet ||
        strspn(config->spreadsheet, ID_CHARACTERS) != strlen(config->spreadsheet)) {
        rh_fail(error, RH_CONFIG, "spreadsheet is neither an address nor an id");
        return rh_error_hint(error, "copy what the browser shows while the spreadsheet is open");
    }
    return RH_OK;
}

/* Of a service account's key file. Messages must not show any of it. */
static int take_account(struct rh_googlesheets_config *config, struct rh_text file,
                        struct rh_error *error)
{
    struct rh_arena *arena = rh_arena_new(KEY_FILE_BYTES * 8);
    struct rh_json *account = NULL;
    int rc = arena ? RH_OK : rh_fail_nomem(error);

    if (rc == RH_OK && (file.len > KEY_FILE_BYTES || rh_json_parse(arena, file, &account, NULL)))
        rc = rh_fail(error, RH_CONFIG, "service_account is not JSON");
    if (rc == RH_OK)
        rc = copy_text(&config->email, rh_json_string(account, "client_email"), "client_email",
                       error);
    if (rc == RH_OK)
        rc = copy_text(&config->key, rh_json_string(account, "private_key"), "private_key", error);
    if (rc == RH_OK)
        rc = copy_text(&config->jwt_url, rh_json_string(account, "token_uri"), "token_uri", error);
    if (rc == RH_OK && (!config->email || !config->key || !config->jwt_url)) {
        rh_fail(error, RH_CONFIG, "service_account has no client_email, private_key or token_uri");
        rc = rh_error_hint(error, "give the key file as Google made it, all of it");
    }
    rh_arena_free(arena);
    return rc;
}

static int check_access(struct rh_googlesheets_config *config, struct rh_error *error)
{
    bool client = config->client_id && config->client_secret && config->refresh_token;
    bool any = config->client_id || config->client_secret || config->refresh_token;

    if ((config->email && any) || (!config->email && !client)) {
        rh_fail(error, RH_CONFIG, "there must be one way to be let in");
        return rh_error_hint(error, "give service_account, or client_id, client_secret and "
                                    "refresh_token");
    }
    if (config->row_ids && config->key_column)
        return rh_fail(error, RH_CONFIG, "row_ids and key_column exclude each other");
    for (size_t n = strlen(config->url); n && config->url[n - 1] == '/'; n--)
        config->url[n - 1] = 0;
    return RH_OK;
}

int rh_googlesheets_config_init(struct rh_googlesheets_config *ret_config,
                                const struct rh_settings *settings, struct rh_error *error)
{
    struct rh_googlesheets_config config = {
        .header_row = (uint32_t)rh_kit_setting_int(settings, "header_row", 1),
        .sample = (uint32_t)rh_kit_setting_int(settings, "sample", 200),
        .retries = (uint32_t)rh_kit_setting_int(settings, "retries", 4),
        .rate = (uint32_t)rh_kit_setting_int(settings, "rate", 0),
        .row_ids = rh_kit_setting_bool(settings, "row_ids", false),
        .read_only = rh_kit_setting_bool(settings, "read_only", false),
    };
    struct rh_text account = rh_kit_setting_text(settings, "service_account");
    int rc;

    if ((rc = take_id(&config, settings, error)) == RH_OK &&
        (rc = copy(&config.client_id, settings, "client_id", error)) == RH_OK &&
        (rc = copy(&config.client_secret, settings, "client_secret", error)) == RH_OK &&
        (rc = copy(&config.refresh_token, settings, "refresh_token", error)) == RH_OK &&
        (rc = copy(&config.sheets, settings, "sheets", error)) == RH_OK &&
        (rc = copy(&config.key_column, settings, "key_column", error)) == RH_OK &&
        (rc = copy(&config.url, settings, "url", error)) == RH_OK &&
        (rc = copy(&config.token_url, settings, "auth_url", error)) == RH_OK &&
        (rc = copy(&config.ca, settings, "ca", error)) == RH_OK && account.len)
        rc = take_account(&config, account, error);
    if (rc == RH_OK && !config.url)
        rc = rh_fail(error, RH_CONFIG, "url is empty");
    if (rc == RH_OK)
        rc = check_access(&config, error);
    if (rc) {
        rh_googlesheets_config_fini(&config);
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

void rh_googlesheets_config_fini(struct rh_googlesheets_config *config)
{
    forget(config->key);
    forget(config->client_secret);
    forget(config->refresh_token);
    free(config->spreadsheet);
    free(config->email);
    free(config->jwt_url);
    free(config->client_id);
    free(config->sheets);
    free(config->key_column);
    free(config->url);
    free(config->token_url);
    free(config->ca);
    *config = (struct rh_googlesheets_config){.url = NULL};
}
