/*
 * Settings: `path`, or `url` ("sqlite:/absolute.db", "sqlite:relative.db", "sqlite:///absolute.db",
 * "sqlite::memory:"; %XX is decoded). Refuses query strings in URLs, hosts, NUL bytes.
 *
 * SQLite may be compiled to take every name that begins with "file:" for a URI with options of its
 * own, so such a path is written "./file:…".
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Decodes %XX in place; false when it is malformed. */
static bool decode_percent(char *text, size_t *len)
{
    size_t to = 0;

    for (size_t from = 0; from < *len; from++) {
        char c = text[from];
        if (c == '%') {
            int high = from + 2 < *len ? hex_digit(text[from + 1]) : -1;
            int low = from + 2 < *len ? hex_digit(text[from + 2]) : -1;
            if (high < 0 || low < 0)
                return false;
            c = (char)(high * 16 + low);
            from += 2;
        }
        text[to++] = c;
    }
    *len = to;
    return true;
}

static int path_of_url(struct rh_text url, struct rh_text *ret_path, struct rh_error *error)
{
    static const char scheme[] = "sqlite:";
    struct rh_text rest = url;

    if (!rh_text_starts(url, scheme))
        return rh_fail(error, RH_CONFIG, "url does not begin with sqlite:");
    rest.data += sizeof scheme - 1;
    rest.len -= sizeof scheme - 1;
    if (rh_text_starts(rest, "//")) {
        if (!rh_text_starts(rest, "///")) {
            rh_fail(error, RH_CONFIG, "url names a host, but SQLite files are local");
            return rh_error_hint(error, "Write sqlite:/path/to/file.db");
        }
        rest.data += 2;
        rest.len -= 2;
    }
    if (memchr(rest.data, '?', rest.len) || memchr(rest.data, '#', rest.len))
        return rh_fail(error, RH_CONFIG, "url has options behind the path, which are not known");
    *ret_path = rest;
    return RH_OK;
}

static int set_path(struct rh_sqlite_config *config, struct rh_text path, bool decode,
                    struct rh_error *error)
{
    const char *before = "";
    char *copy = NULL;
    size_t len = path.len;

    copy = malloc(len + 3);
    if (!copy)
        return rh_fail_nomem(error);
    if (len)
        memcpy(copy + 2, path.data, len);
    if (decode && !decode_percent(copy + 2, &len)) {
        free(copy);
        return rh_fail(error, RH_CONFIG, "url has a malformed %%XX");
    }
    copy[2 + len] = '\0';
    if (len == 0 || memchr(copy + 2, '\0', len)) {
        free(copy);
        return rh_fail(error, RH_CONFIG, "path is empty or has a NUL byte");
    }
    if (strcmp(copy + 2, ":memory:") != 0 &&
        (copy[2] == ':' || strncasecmp(copy + 2, "file:", 5) == 0))
        before = "./";
    size_t n_before = strlen(before);
    memmove(copy + n_before, copy + 2, len + 1);
    memcpy(copy, before, n_before);
    config->path = copy;
    return RH_OK;
}

int rh_sqlite_config_init(struct rh_sqlite_config *ret_config, const struct rh_settings *settings,
                          struct rh_error *error)
{
    struct rh_sqlite_config config = {0};
    struct rh_text path = rh_kit_setting_text(settings, "path");
    struct rh_text url = rh_kit_setting_text(settings, "url");
    int rc = RH_OK;

    if (path.data && url.data)
        return rh_fail(error, RH_CONFIG, "path and url are both given");
    if (!path.data && !url.data)
        return rh_fail(error, RH_CONFIG, "path is missing: the database file");
    if (url.data)
        rc = path_of_url(url, &path, error);
    if (rc == RH_OK)
        rc = set_path(&config, path, url.data != NULL, error);
    if (rc)
        return rc;
    config.read_only = rh_kit_setting_bool(settings, "read_only", false);
    config.create = rh_kit_setting_bool(settings, "create", true);
    config.busy_timeout_ms = rh_kit_setting_int(settings, "busy_timeout_ms", 5000);
    *ret_config = config;
    return RH_OK;
}

void rh_sqlite_config_fini(struct rh_sqlite_config *config)
{
    free(config->path);
    *config = (struct rh_sqlite_config){0};
}
