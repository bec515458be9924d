/*
 * Settings. They have the types that the schema in acme.c says; what it cannot say is checked here.
 */
#include "acme.h"

#include <stdlib.h>
#include <string.h>

static const char scheme[] = "ac-me:";

static int choose_folder(const struct rh_settings *settings, struct rh_text *ret_folder,
                         struct rh_error *error)
{
    struct rh_text path = rh_kit_setting_text(settings, "path");
    struct rh_text url = rh_kit_setting_text(settings, "url");
    if ((path.data != NULL) == (url.data != NULL)) {
        rh_fail(error, RH_CONFIG, "of path and url, one has to be given");
        return rh_error_hint(error, "path is the folder that has the files");
    }
    if (url.data) {
        if (!rh_text_starts(url, scheme))
            return rh_fail(error, RH_CONFIG, "url does not begin with %s", scheme);
        path = rh_text_make(url.data + strlen(scheme), url.len - strlen(scheme));
    }
    if (path.len == 0 || memchr(path.data, '\0', path.len))
        return rh_fail(error, RH_CONFIG, "the folder has no usable name");
    *ret_folder = path;
    return RH_OK;
}

int acme_config_init(struct acme_config *ret_config, const struct rh_settings *settings,
                     struct rh_error *error)
{
    struct rh_text key = rh_kit_setting_text(settings, "key"), folder = {NULL, 0};
    int rc = choose_folder(settings, &folder, error);
    if (rc)
        return rc;
    struct acme_config config = {.folder = strndup(folder.data, folder.len)};
    if (key.len)
        config.key = strndup(key.data, key.len);
    if (!config.folder || (key.len && !config.key)) {
        acme_config_fini(&config);
        return rh_fail_nomem(error);
    }
    *ret_config = config;
    return RH_OK;
}

void acme_config_fini(struct acme_config *config)
{
    free(config->folder);
    free(config->key);
    *config = (struct acme_config){0};
}
