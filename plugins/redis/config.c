/*
 * Settings. A URL says host, port, user, password, database and whether TLS is used; what it says is
 * not given by a setting of its own. Tables are declared as JSON.
 */
#include "redis.h"

#include "base/type.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TABLES_BYTES ((size_t)16 << 20)
#define MAX_TABLES 4096u

/* ---- URL ----------------------------------------------------------------------------------- */

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

static int take(char **to, struct rh_text part, const char *name, struct rh_error *error)
{
    if (!part.len)
        return RH_OK;
    if (*to)
        return rh_fail(error, RH_CONFIG, "%s is given twice, in the URL and by itself", name);
    *to = decode(part);
    return *to ? RH_OK : rh_fail_nomem(error);
}

static int take_number(uint32_t *to, bool given, struct rh_text part, uint32_t max,
                       const char *name, struct rh_error *error)
{
    uint64_t value;

    if (!part.len)
        return RH_OK;
    if (given)
        return rh_fail(error, RH_CONFIG, "%s is given twice, in the URL and by itself", name);
    if (!rh_text_to_u64(part, &value) || value > max)
        return rh_fail(error, RH_CONFIG, "the URL's %s is no number up to %u", name, (unsigned)max);
    *to = (uint32_t)value;
    return RH_OK;
}

/* "user:password@rest" into its parts; what stands behind the last '@' stays. */
static int take_user(struct rh_redis_config *config, struct rh_text *rest, struct rh_error *error)
{
    struct rh_text password = *rest, name;
    int rc;

    for (uint64_t i = rest->len; i > 0; i--) {
        if (rest->data[i - 1] != '@')
            continue;
        password.len = i - 1;
        *rest = rh_text_make(rest->data + i, rest->len - i);
        name = rh_text_cut(&password, ':');
        rc = take(&config->user, name, "user", error);
        return rc ? rc : take(&config->password, password, "password", error);
    }
    return RH_OK;
}

static struct rh_text take_host(struct rh_text *authority)
{
    const char *close = authority->len && authority->data[0] == '['
                            ? memchr(authority->data, ']', authority->len)
                            : NULL;
    struct rh_text host;

    if (!close)
        return rh_text_cut(authority, ':');
    host = rh_text_make(authority->data + 1, (size_t)(close - authority->data) - 1);
    *authority = rh_text_make(close + 1, authority->len - host.len - 2);
    rh_text_cut(authority, ':');
    return host;
}

static int split_url(struct rh_redis_config *config, struct rh_text url,
                     const struct rh_settings *settings, struct rh_error *error)
{
    bool has_port = rh_kit_setting_int(settings, "port", -1) >= 0;
    bool has_database = rh_kit_setting_int(settings, "database", -1) >= 0;
    struct rh_text rest = url, scheme = rh_text_cut(&rest, ':'), query, part;
    bool is_unix = rh_text_is(scheme, "unix");
    int rc;

    if ((!is_unix && !rh_text_is(scheme, "redis") && !rh_text_is(scheme, "rediss")) ||
        !rh_text_starts(rest, "//") || memchr(url.data, 0, url.len)) {
        rh_fail(error, RH_CONFIG, "url is not the URL of a Redis server");
        return rh_error_hint(error, "it looks like redis://localhost:6379/0");
    }
    rest = rh_text_make(rest.data + 2, rest.len - 2);
    config->tls = config->tls || rh_text_is(scheme, "rediss");
    query = rest;
    rest = rh_text_cut(&query, '?');
    if (query.len && !rh_text_starts(query, "db="))
        return rh_fail(error, RH_CONFIG, "of a URL's parameters only db is known");
    if (query.len)
        query = rh_text_make(query.data + 3, query.len - 3);
    if (is_unix) {
        rc = take_user(config, &rest, error);
        if (rc == RH_OK && !rh_text_starts(rest, "/"))
            rc = rh_fail(error, RH_CONFIG, "url names no absolute path of a Unix socket");
        if (rc == RH_OK)
            rc = take(&config->host, rest, "host", error);
    } else {
        part = rest;
        rest = rh_text_cut(&part, '/');
        query = part.len ? part : query;
        rc = take_user(config, &rest, error);
        part = take_host(&rest);
        if (rc == RH_OK)
            rc = take(&config->host, part, "host", error);
        if (rc == RH_OK)
            rc = take_number(&config->port, has_port, rest, 65535, "port", error);
    }
    return rc ? rc
              : take_number(&config->database, has_database, query, INT32_MAX, "database", error);
}

/* ---- Declared tables ----------------------------------------------------------------------- */

static int bad_table(struct rh_error *error, struct rh_text name, const char *what)
{
    rh_fail(error, RH_CONFIG, "the table \"%.*s\" in tables %s", RH_TEXT_ARG(name), what);
    return rh_error_hint(error, "a table is {\"name\", \"pattern\", \"kind\", \"columns\"}");
}

static struct rh_text string_of(const struct rh_json *object, const char *name)
{
    const struct rh_json *member = rh_json_member(object, name);

    return member && member->kind == RH_JSON_STRING ? member->text : rh_text_make(NULL, 0);
}

static bool number_of(const struct rh_json *object, const char *name, uint32_t *ret_number)
{
    const struct rh_json *member = rh_json_member(object, name);
    uint64_t value = 0;

    if (!member)
        return true;
    if (member->kind != RH_JSON_NUMBER || !rh_text_to_u64(member->text, &value) || value > 1000)
        return false;
    *ret_number = (uint32_t)value;
    return true;
}

/* A member of the object that is none of these is a misspelling. */
static bool has_only(const struct rh_json *object, const char *const *names)
{
    for (const struct rh_json *m = object->child; m; m = m->next) {
        const char *const *name = names;
        while (*name && !rh_text_is(m->key, *name))
            name++;
        if (!*name)
            return false;
    }
    return true;
}

/* RH_N_TYPES when there is none of this name. */
static uint32_t type_of(struct rh_text name)
{
    uint32_t type = RH_TYPE_BOOL;

    while (type < RH_N_TYPES && !rh_text_is(name, rh_type_name(type)))
        type++;
    return type;
}

static int read_column(const struct rh_json *item, struct rh_column *column)
{
    static const char *const names[] = {"name", "type", "precision", "scale", NULL};
    struct rh_text type;

    if (item->kind != RH_JSON_OBJECT || !has_only(item, names))
        return RH_CONFIG;
    type = string_of(item, "type");
    *column = (struct rh_column){.name = string_of(item, "name"),
                                 .native_type = RH_TEXT("string"),
                                 .type = RH_TYPE_TEXT,
                                 .native_id = RH_REDIS_FIELD};
    column->type = type.data ? type_of(type) : RH_TYPE_TEXT;
    return column->name.len && rh_text_is_utf8(column->name) &&
                   !memchr(column->name.data, 0, column->name.len) && column->type < RH_N_TYPES &&
                   number_of(item, "precision", &column->precision) &&
                   number_of(item, "scale", &column->scale)
               ? RH_OK
               : RH_CONFIG;
}

/* A column with the name of a placeholder says only its type. */
static int place_column(struct rh_redis_table *table, struct rh_column *columns,
                        const struct rh_column *column, struct rh_error *error)
{
    for (uint32_t i = 0; i < table->pattern.n; i++) {
        if (!rh_text_equal(table->pattern.at[i].name, column->name))
            continue;
        if (column->type != RH_TYPE_TEXT && column->type != RH_TYPE_INT)
            return bad_table(error, table->name, "has a placeholder that is neither text nor int");
        table->pattern.at[i].type = column->type;
        return RH_OK;
    }
    for (uint32_t i = 0; i < table->n_columns; i++)
        if (rh_text_equal(columns[i].name, column->name))
            return bad_table(error, table->name, "has a column twice");
    columns[table->n_columns++] = *column;
    return RH_OK;
}

static int read_columns(struct rh_redis_config *config, const struct rh_json *list,
                        struct rh_redis_table *table, struct rh_error *error)
{
    struct rh_column *columns, column;
    int rc = RH_OK;

    if (!list || list->kind == RH_JSON_NULL)
        return RH_OK;
    if (list->kind != RH_JSON_ARRAY || list->n > RH_REDIS_MAX_COLUMNS)
        return bad_table(error, table->name, "has columns that are no list of at most 1000");
    columns = rh_arena_array(config->arena, list->n, sizeof(*columns));
    if (!columns)
        return rh_fail_nomem(error);
    for (const struct rh_json *item = list->child; item && rc == RH_OK; item = item->next) {
        if (read_column(item, &column))
            return bad_table(error, table->name, "has a column without a proper name and type");
        rc = place_column(table, columns, &column, error);
    }
    table->columns = columns;
    return rc;
}

static int read_table(struct rh_redis_config *config, const struct rh_json *item,
                      struct rh_error *error)
{
    static const char *const names[] = {"name", "pattern", "kind", "columns", NULL};
    struct rh_redis_table table = {.name = string_of(item, "name"),
                                   .kind = rh_redis_kind_of(string_of(item, "kind"))};
    struct rh_text pattern = string_of(item, "pattern");
    int rc;

    if (!table.name.len || memchr(table.name.data, 0, table.name.len))
        return rh_fail(error, RH_CONFIG, "a table in tables has no name");
    if (!has_only(item, names))
        return bad_table(error, table.name, "has a member that is not known");
    if (!pattern.len)
        return bad_table(error, table.name, "has no pattern");
    if (!table.kind)
        return bad_table(error, table.name,
                         "is of no kind: hash, json, string, set, zset or stream");
    for (uint32_t i = 0; i < config->n_tables; i++)
        if (rh_text_equal(config->tables[i].name, table.name))
            return bad_table(error, table.name, "is there twice");
    rc = rh_redis_pattern_parse(config->arena, pattern, &table.pattern, error);
    if (rc) {
        rh_error_prefix(error, "the table \"%.*s\" in tables", RH_TEXT_ARG(table.name));
        return rc;
    }
    rc = read_columns(config, rh_json_member(item, "columns"), &table, error);
    if (rc == RH_OK)
        config->tables[config->n_tables++] = table;
    return rc;
}

static int read_tables(struct rh_redis_config *config, struct rh_text text, struct rh_error *error)
{
    struct rh_json *list = NULL;
    bool ok = true;
    int rc;

    if (!text.len)
        return RH_OK;
    text = rh_arena_text(config->arena, text, &ok);
    if (!ok)
        return rh_fail_nomem(error);
    rc = rh_json_parse(config->arena, text, &list, error);
    if (rc)
        return rc;
    if (list->kind != RH_JSON_ARRAY || list->n > MAX_TABLES)
        return rh_fail(error, RH_CONFIG, "tables is no list of at most %u tables", MAX_TABLES);
    config->tables = rh_arena_array(config->arena, list->n, sizeof(*config->tables));
    if (!config->tables)
        return rh_fail_nomem(error);
    for (const struct rh_json *item = list->child; item && rc == RH_OK; item = item->next)
        rc = read_table(config, item, error);
    return rc;
}

/* ---- All of it ----------------------------------------------------------------------------- */

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

int rh_redis_config_init(struct rh_redis_config *config, const struct rh_settings *settings,
                         struct rh_error *error)
{
    struct rh_text url = rh_kit_setting_text(settings, "url");
    int rc;

    *config = (struct rh_redis_config){
        .port = (uint32_t)rh_kit_setting_int(settings, "port", 6379),
        .database = (uint32_t)rh_kit_setting_int(settings, "database", 0),
        .sample = (uint32_t)rh_kit_setting_int(settings, "sample", 1000),
        .tls = rh_kit_setting_bool(settings, "tls", false),
        .insecure = rh_kit_setting_bool(settings, "insecure", false),
        .arena = rh_arena_new(TABLES_BYTES * 16),
    };
    if (!config->arena)
        return rh_fail_nomem(error);
    if ((rc = copy(&config->host, settings, "host", error)) == RH_OK &&
        (rc = copy(&config->user, settings, "user", error)) == RH_OK &&
        (rc = copy(&config->password, settings, "password", error)) == RH_OK &&
        (rc = copy(&config->ca, settings, "ca", error)) == RH_OK && url.len)
        rc = split_url(config, url, settings, error);
    if (rc == RH_OK && !config->host) {
        config->host = strdup("localhost");
        rc = config->host ? RH_OK : rh_fail_nomem(error);
    }
    if (rc == RH_OK && config->user && !config->password)
        rc = rh_fail(error, RH_CONFIG, "there is a user, but no password");
    return rc ? rc : read_tables(config, rh_kit_setting_text(settings, "tables"), error);
}

void rh_redis_config_fini(struct rh_redis_config *config)
{
    if (config->password)
        explicit_bzero(config->password, strlen(config->password));
    free(config->host);
    free(config->user);
    free(config->password);
    free(config->ca);
    rh_arena_free(config->arena);
    *config = (struct rh_redis_config){.host = NULL};
}
