/*
 * Settings: from the host's validated list to a connection string (ODBC, SQLDriverConnect):
 * key=value;… where a value in braces may hold anything, a closing brace doubled.
 *
 * A few keywords are added for drivers that would otherwise hold a whole result in memory, unless
 * the string has them already. Which driver it is, is read from the files of unixODBC.
 */
#include "config.h"

#include <ctype.h>
#include <odbcinst.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MAX_STRING (64u << 10)

/* ---- reading a connection string ---- */

static void skip_spaces(struct rh_text *rest)
{
    while (rest->len && (isspace((unsigned char)*rest->data) || *rest->data == ';')) {
        rest->data++;
        rest->len--;
    }
}

static void advance(struct rh_text *rest, size_t n)
{
    rest->data += n;
    rest->len -= n;
}

/* Behind a value in braces; 0 when it is not closed. */
static size_t braced_length(struct rh_text rest)
{
    for (size_t i = 1; i < rest.len; i++) {
        if (rest.data[i] != '}')
            continue;
        if (i + 1 == rest.len || rest.data[i + 1] != '}')
            return i + 1;
        i++;
    }
    return 0;
}

/* The next key and its value (with its braces). False at the end or at what is no pair. */
static bool next_pair(struct rh_text *rest, struct rh_text *ret_key, struct rh_text *ret_value)
{
    const char *equals = NULL;
    size_t n = 0;

    skip_spaces(rest);
    equals = rest->len ? memchr(rest->data, '=', rest->len) : NULL;
    if (!equals)
        return false;
    *ret_key = rh_text_trim(rh_text_make(rest->data, (size_t)(equals - rest->data)));
    advance(rest, (size_t)(equals - rest->data) + 1);
    while (rest->len && *rest->data == ' ')
        advance(rest, 1);
    if (rest->len && *rest->data == '{')
        n = braced_length(*rest);
    if (!n) {
        const char *end = rest->len ? memchr(rest->data, ';', rest->len) : NULL;
        n = end ? (size_t)(end - rest->data) : rest->len;
    }
    *ret_value = rh_text_trim(rh_text_make(rest->data, n));
    advance(rest, n);
    return ret_key->len > 0;
}

static bool is_pairs(struct rh_text text)
{
    struct rh_text key, value;

    while (next_pair(&text, &key, &value))
        ;
    skip_spaces(&text);
    return text.len == 0;
}

/* The value without its braces, or no text. */
static struct rh_text find(struct rh_text text, const char *wanted)
{
    struct rh_text key, value;

    while (next_pair(&text, &key, &value)) {
        if (key.len != strlen(wanted) || strncasecmp(key.data, wanted, key.len) != 0)
            continue;
        if (value.len >= 2 && value.data[0] == '{' && value.data[value.len - 1] == '}')
            return rh_text_make(value.data + 1, value.len - 2);
        return value.data ? value : RH_TEXT("");
    }
    return (struct rh_text){NULL, 0};
}

/* ---- writing it ---- */

static void add_pair(struct rh_buf *to, const char *key, struct rh_text value)
{
    bool plain = true;

    for (size_t i = 0; i < value.len; i++)
        plain = plain && (isalnum((unsigned char)value.data[i]) || strchr("_-./:", value.data[i]));
    if (to->len && to->data[to->len - 1] != ';')
        rh_buf_add_char(to, ';');
    rh_buf_add_str(to, key);
    rh_buf_add_char(to, '=');
    if (plain) { /* some drivers do not know braces */
        rh_buf_add_text(to, value);
    } else {
        rh_buf_add_char(to, '{');
        for (size_t i = 0; i < value.len; i++) {
            rh_buf_add_char(to, value.data[i]);
            if (value.data[i] == '}')
                rh_buf_add_char(to, '}');
        }
        rh_buf_add_char(to, '}');
    }
}

static int add_setting(const struct rh_settings *settings, const char *setting, const char *key,
                       struct rh_text given, struct rh_buf *to, struct rh_error *error)
{
    struct rh_text value = rh_kit_setting_text(settings, setting);

    if (!value.len)
        return RH_OK;
    if (memchr(value.data, '\0', value.len))
        return rh_fail(error, RH_CONFIG, "the setting \"%s\" holds a NUL byte", setting);
    if (find(given, key).data) {
        rh_fail(error, RH_CONFIG, "both \"%s\" and the connection string say it", setting);
        return rh_error_hint(error, "Give one of them");
    }
    add_pair(to, key, value);
    return RH_OK;
}

/* ---- which driver it is ---- */

static bool holds(const char *text, const char *part)
{
    return strcasestr(text, part) != NULL;
}

static enum rh_odbc_driver driver_of(struct rh_text string)
{
    char dsn[256] = "", name[1024] = "", file[1024] = "";
    struct rh_text given = find(string, "DRIVER");

    if (!given.len) {
        given = find(string, "DSN");
        if (given.len && given.len < sizeof dsn) {
            memcpy(dsn, given.data, given.len);
            (void)SQLGetPrivateProfileString(dsn, "Driver", "", name, sizeof name, "odbc.ini");
        }
    } else if (given.len < sizeof name) {
        memcpy(name, given.data, given.len);
    }
    if (name[0] && name[0] != '/')
        (void)SQLGetPrivateProfileString(name, "Driver", "", file, sizeof file, "odbcinst.ini");
    if (!file[0])
        memcpy(file, name, sizeof file);
    if (holds(file, "psqlodbc"))
        return RH_ODBC_DRIVER_PSQLODBC;
    if (holds(file, "maodbc") || holds(file, "myodbc"))
        return RH_ODBC_DRIVER_MARIADB;
    if (holds(file, "sqlite"))
        return RH_ODBC_DRIVER_SQLITE;
    return RH_ODBC_DRIVER_OTHER;
}

static void add_unless(struct rh_buf *to, const char *key, const char *value)
{
    if (!find(rh_buf_text(to), key).data)
        add_pair(to, key, rh_text_of(value));
}

static void add_defaults(struct rh_odbc_config *config)
{
    struct rh_buf *to = &config->connection;

    switch (config->driver) {
    case RH_ODBC_DRIVER_SQLITE: /* rows step by step; waits for locks, twice and beyond cancelling */
        add_unless(to, "StepAPI", "1");
        add_unless(to, "Timeout", "250");
        add_unless(to, "FKSupport", "1");
        break;
    case RH_ODBC_DRIVER_MARIADB: /* matched rows count, not changed ones; rows are not kept */
        add_unless(to, "OPTION", "3145730");
        add_unless(to, "CHARSET", "utf8mb4");
        break;
    case RH_ODBC_DRIVER_PSQLODBC: /* in slices, through a cursor */
        add_unless(to, "UseDeclareFetch", "1");
        add_unless(to, "Fetch", "1000");
        add_unless(to, "BoolsAsChar", "0");
        add_unless(to, "LFConversion", "0");
        add_unless(to, "UseServerSidePrepare", "1");
        add_unless(to, "MaxVarcharSize", "4094");
        break;
    default:
        break;
    }
}

void rh_odbc_config_limit_login(struct rh_odbc_config *config, uint64_t seconds)
{
    char number[24];

    if (config->driver != RH_ODBC_DRIVER_MARIADB)
        return;
    (void)snprintf(number, sizeof number, "%llu", (unsigned long long)seconds);
    add_unless(&config->connection, "CONN_TIMEOUT", number);
}

/* ---- the whole ---- */

static int load_string(const struct rh_settings *settings, struct rh_buf *to,
                       struct rh_error *error)
{
    struct rh_text string = rh_kit_setting_text(settings, "connection_string");
    struct rh_text url = rh_kit_setting_text(settings, "url");

    if (url.len && string.len) {
        rh_fail(error, RH_CONFIG, "both \"url\" and \"connection_string\" are set");
        return rh_error_hint(error, "Give one of them");
    }
    if (url.len) {
        if (!rh_text_starts(url, "odbc:"))
            return rh_fail(error, RH_CONFIG, "the setting \"url\" does not begin with odbc:");
        string = rh_text_make(url.data + 5, url.len - 5);
        if (string.len && !memchr(string.data, '=', string.len)) {
            add_pair(to, "DSN", string);
            return RH_OK;
        }
    }
    if (string.len && (memchr(string.data, '\0', string.len) || !is_pairs(string))) {
        rh_fail(error, RH_CONFIG, "the connection string is not made of key=value pairs");
        return rh_error_hint(error, "Write values with ; or braces in braces: PWD={a;b}");
    }
    rh_buf_add_text(to, rh_text_trim(string));
    return RH_OK;
}

int rh_odbc_config_load(const struct rh_settings *settings, struct rh_odbc_config *ret_config,
                        struct rh_error *error)
{
    struct rh_odbc_config *config = ret_config;
    struct rh_text schemas = rh_kit_setting_text(settings, "schemas");
    struct rh_buf given; /* what the string says by itself */
    int rc = RH_OK;

    *config = (struct rh_odbc_config){.driver = RH_ODBC_DRIVER_OTHER};
    rh_buf_init(&config->connection, MAX_STRING);
    rh_buf_init(&given, MAX_STRING);
    rc = load_string(settings, &given, error);
    rh_buf_add_text(&config->connection, rh_buf_text(&given));
    if (!rc)
        rc = add_setting(settings, "dsn", "DSN", rh_buf_text(&given), &config->connection, error);
    if (!rc)
        rc = add_setting(settings, "driver", "DRIVER", rh_buf_text(&given), &config->connection,
                         error);
    if (!rc)
        rc = add_setting(settings, "user", "UID", rh_buf_text(&given), &config->connection, error);
    if (!rc)
        rc = add_setting(settings, "password", "PWD", rh_buf_text(&given), &config->connection,
                         error);
    if (given.data)
        explicit_bzero(given.data, given.cap);
    rh_buf_free(&given);
    if (rc)
        return rc;
    if (!find(rh_buf_text(&config->connection), "DSN").data &&
        !find(rh_buf_text(&config->connection), "DRIVER").data &&
        !find(rh_buf_text(&config->connection), "FILEDSN").data) {
        rh_fail(error, RH_CONFIG, "neither a data source name nor a driver is given");
        return rh_error_hint(error, "Set \"dsn\", or \"driver\" with \"connection_string\"");
    }
    config->driver = driver_of(rh_buf_text(&config->connection));
    add_defaults(config);
    config->dialect = rh_kit_setting_dup(settings, "dialect");
    config->encoding = rh_kit_setting_dup(settings, "encoding");
    if (schemas.len && !rh_text_is(rh_text_trim(schemas), "[]")) {
        config->schemas = strndup(schemas.data, schemas.len);
        if (!config->schemas)
            return rh_fail_nomem(error);
    }
    return config->connection.failed ? rh_fail(error, RH_CONFIG, "the settings are too long")
                                     : RH_OK;
}

void rh_odbc_config_fini(struct rh_odbc_config *config)
{
    if (config->connection.data)
        explicit_bzero(config->connection.data, config->connection.cap);
    rh_buf_free(&config->connection);
    free(config->schemas);
    free(config->dialect);
    free(config->encoding);
    *config = (struct rh_odbc_config){.driver = RH_ODBC_DRIVER_OTHER};
}
