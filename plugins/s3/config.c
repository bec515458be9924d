/*
 * Settings: where the bucket is, and the tables in it as JSON.
 */
#include "s3.h"

#include "base/type.h"

#include <string.h>

#define CONFIG_BYTES ((size_t)64 << 20)
#define MAX_TABLES 4096u
#define MAX_COLUMNS 1000u

/* ---- Tables -------------------------------------------------------------------------------- */

static int bad_table(struct rh_error *error, struct rh_text name, const char *what)
{
    rh_fail(error, RH_CONFIG, "the table \"%.*s\" in tables %s", RH_TEXT_ARG(name), what);
    return rh_error_hint(error,
                         "a table is {\"name\", \"object\" or \"prefix\", \"format\", \"key\", "
                         "\"separator\", \"columns\"}");
}

static struct rh_text string_of(const struct rh_json *object, const char *name)
{
    const struct rh_json *member = rh_json_member(object, name);

    return member && member->kind == RH_JSON_STRING ? member->text : rh_text_make(NULL, 0);
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

static bool is_name(struct rh_text name)
{
    return name.len && !memchr(name.data, 0, name.len);
}

static uint32_t type_of(struct rh_text name)
{
    uint32_t type = RH_TYPE_BOOL;

    while (type < RH_N_TYPES && !rh_text_is(name, rh_type_name(type)))
        type++;
    return type;
}

static int read_column(const struct rh_s3_table *table, const struct rh_json *item,
                       struct rh_column *column)
{
    static const char *const names[] = {"name", "type", NULL};
    struct rh_text type;

    if (item->kind != RH_JSON_OBJECT || !has_only(item, names))
        return RH_CONFIG;
    type = string_of(item, "type");
    *column = (struct rh_column){.name = string_of(item, "name"),
                                 .native_type = RH_TEXT("field"),
                                 .type = type.data ? type_of(type) : RH_TYPE_TEXT,
                                 .native_id = RH_S3_FIELD};
    for (uint32_t i = 0; i < table->n_columns; i++)
        if (rh_text_equal(table->columns[i].name, column->name))
            return RH_CONFIG;
    return is_name(column->name) && column->type < RH_N_TYPES ? RH_OK : RH_CONFIG;
}

static int read_columns(struct rh_s3_config *config, const struct rh_json *list,
                        struct rh_s3_table *table, struct rh_error *error)
{
    struct rh_column *columns;

    if (!list)
        return RH_OK;
    if (list->kind != RH_JSON_ARRAY || !list->n || list->n > MAX_COLUMNS)
        return bad_table(error, table->name, "has columns that are no list of 1 to 1000");
    columns = rh_arena_array(config->arena, list->n, sizeof(*columns));
    if (!columns)
        return rh_fail_nomem(error);
    table->columns = columns;
    for (const struct rh_json *item = list->child; item; item = item->next, table->n_columns++)
        if (read_column(table, item, &columns[table->n_columns]))
            return bad_table(error, table->name, "has a column without a name or type of its own");
    return RH_OK;
}

static int read_key(struct rh_s3_config *config, const struct rh_json *list,
                    struct rh_s3_table *table, struct rh_error *error)
{
    struct rh_text *key;

    if (!list)
        return RH_OK;
    if (list->kind != RH_JSON_ARRAY || list->n > 16)
        return bad_table(error, table->name, "has a key that is no list of column names");
    key = rh_arena_array(config->arena, list->n, sizeof(*key));
    if (!key)
        return rh_fail_nomem(error);
    for (const struct rh_json *item = list->child; item; item = item->next) {
        if (item->kind != RH_JSON_STRING || !is_name(item->text))
            return bad_table(error, table->name, "has a key that is no list of column names");
        key[table->n_key++] = item->text;
    }
    table->key = key;
    return RH_OK;
}

static enum rh_s3_format format_of(struct rh_text name)
{
    return rh_text_is(name, "csv")      ? RH_S3_CSV
           : rh_text_is(name, "ndjson") ? RH_S3_NDJSON
           : rh_text_is(name, "json")   ? RH_S3_JSON
                                        : (enum rh_s3_format)0;
}

static int read_table(struct rh_s3_config *config, const struct rh_json *item,
                      struct rh_error *error)
{
    static const char *const names[] = {"name", "object",    "prefix",  "format",
                                        "key",  "separator", "columns", NULL};
    struct rh_s3_table table = {.name = string_of(item, "name"),
                                .object = string_of(item, "object"),
                                .prefix = string_of(item, "prefix"),
                                .format = format_of(string_of(item, "format")),
                                .separator = ','};
    struct rh_text separator = string_of(item, "separator");
    int rc;

    if (!is_name(table.name))
        return rh_fail(error, RH_CONFIG, "a table in tables has no name");
    if (!has_only(item, names))
        return bad_table(error, table.name, "has a member that is not known");
    if (!table.object.data == !table.prefix.data || table.object.len > RH_S3_MAX_KEY ||
        table.prefix.len > RH_S3_MAX_KEY || (table.object.data && !table.object.len))
        return bad_table(error, table.name, "needs either an object or a prefix");
    if (!table.format)
        return bad_table(error, table.name, "has no format: csv, ndjson or json");
    if (separator.data && (separator.len != 1 || strchr("\"\r\n", separator.data[0]) ||
                           (unsigned char)separator.data[0] > 127))
        return bad_table(error, table.name, "has a separator that is not one character");
    if (separator.data)
        table.separator = separator.data[0];
    for (uint32_t i = 0; i < config->n_tables; i++)
        if (rh_text_equal(config->tables[i].name, table.name))
            return bad_table(error, table.name, "is there twice");
    rc = read_columns(config, rh_json_member(item, "columns"), &table, error);
    if (rc == RH_OK)
        rc = read_key(config, rh_json_member(item, "key"), &table, error);
    if (rc == RH_OK)
        config->tables[config->n_tables++] = table;
    return rc;
}

static int read_tables(struct rh_s3_config *config, struct rh_text text, struct rh_error *error)
{
    struct rh_json *list = NULL;
    uint32_t n = 0;
    bool ok = true, named = false;
    int rc = RH_OK;

    text = rh_arena_text(config->arena, text.len ? text : RH_TEXT("[]"), &ok);
    rc = ok ? rh_json_parse(config->arena, text, &list, error) : rh_fail_nomem(error);
    if (rc)
        return rc;
    n = list->n;
    if (list->kind != RH_JSON_ARRAY || n > MAX_TABLES)
        return rh_fail(error, RH_CONFIG, "tables is no list of at most %u tables", MAX_TABLES);
    config->tables = rh_arena_array(config->arena, n + 1, sizeof(*config->tables));
    if (!config->tables)
        return rh_fail_nomem(error);
    for (const struct rh_json *item = list->child; item && rc == RH_OK; item = item->next) {
        rc = read_table(config, item, error);
        named = named || rh_text_is(string_of(item, "name"), "objects");
    }
    if (rc == RH_OK && !named)
        config->tables[config->n_tables++] =
            (struct rh_s3_table){.name = RH_TEXT("objects"), .prefix = RH_TEXT("")};
    return rc;
}

/* ---- Where the bucket is --------------------------------------------------------------------- */

static int place_bucket(struct rh_s3_config *config, const struct rh_settings *settings,
                        struct rh_error *error)
{
    struct rh_text url = rh_kit_setting_text(settings, "url");
    struct rh_text bucket = rh_kit_setting_text(settings, "bucket"), rest, scheme;
    bool is_amazon = !url.len, ok = true;
    struct rh_buf base;

    for (uint64_t i = 0; i < bucket.len; i++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_",
                    bucket.data[i]) ||
            !bucket.data[i])
            return rh_fail(error, RH_CONFIG, "bucket is no name of a bucket");
    rh_buf_init(&base, 4096);
    if (is_amazon)
        rh_buf_addf(&base, "https://s3.%.*s.amazonaws.com", RH_TEXT_ARG(config->region));
    else
        rh_buf_add_text(&base, url);
    while (base.len && base.data[base.len - 1] == '/')
        base.len--;
    url = rh_arena_text(config->arena, rh_buf_text(&base), &ok);
    rh_buf_clear(&base);
    rest = url;
    scheme = rh_text_cut(&rest, ':');
    if (!ok || !rest.len || (!rh_text_is(scheme, "http") && !rh_text_is(scheme, "https")) ||
        !rh_text_starts(rest, "//")) {
        rh_buf_free(&base);
        rh_fail(error, RH_CONFIG, "url is not the URL of an S3 service");
        return rh_error_hint(error, "it looks like https://s3.example.com");
    }
    if (rh_kit_setting_bool(settings, "path_style", true))
        rh_buf_addf(&base, "%.*s/%.*s", RH_TEXT_ARG(url), RH_TEXT_ARG(bucket));
    else
        rh_buf_addf(&base, "%.*s://%.*s.%.*s", RH_TEXT_ARG(scheme), RH_TEXT_ARG(bucket),
                    (int)(rest.len - 2), rest.data + 2);
    config->base = rh_arena_text(config->arena, rh_buf_text(&base), &ok);
    ok = ok && !base.failed;
    rh_buf_free(&base);
    return ok ? RH_OK : rh_fail_nomem(error);
}

int rh_s3_config_init(struct rh_s3_config *config, const struct rh_settings *settings,
                      struct rh_error *error)
{
    bool ok = true;
    int rc;

    *config = (struct rh_s3_config){
        .arena = rh_arena_new(CONFIG_BYTES),
        .sample = (uint32_t)rh_kit_setting_int(settings, "sample", 1000),
        .retries = (uint32_t)rh_kit_setting_int(settings, "retries", 2),
        .insecure = rh_kit_setting_bool(settings, "insecure", false),
    };
    if (!config->arena)
        return rh_fail_nomem(error);
    config->region = rh_arena_text(config->arena, rh_kit_setting_text(settings, "region"), &ok);
    if (!config->region.len)
        config->region = RH_TEXT("us-east-1");
    config->access_key =
        rh_arena_text(config->arena, rh_kit_setting_text(settings, "access_key"), &ok);
    config->secret_key =
        rh_arena_text(config->arena, rh_kit_setting_text(settings, "secret_key"), &ok);
    config->session_token =
        rh_arena_text(config->arena, rh_kit_setting_text(settings, "session_token"), &ok);
    config->ca = rh_arena_text(config->arena, rh_kit_setting_text(settings, "ca"), &ok);
    if (!ok)
        return rh_fail_nomem(error);
    if (!config->access_key.len != !config->secret_key.len)
        return rh_fail(error, RH_CONFIG, "access_key and secret_key are only of use together");
    rc = place_bucket(config, settings, error);
    return rc ? rc : read_tables(config, rh_kit_setting_text(settings, "tables"), error);
}

void rh_s3_config_fini(struct rh_s3_config *config)
{
    if (config->secret_key.len)
        explicit_bzero((char *)(uintptr_t)config->secret_key.data, config->secret_key.len);
    rh_arena_free(config->arena);
    *config = (struct rh_s3_config){.arena = NULL};
}

int rh_s3_table_find(const struct rh_s3_config *config, struct rh_text name,
                     const struct rh_s3_table **ret_table, struct rh_error *error)
{
    for (uint32_t i = 0; i < config->n_tables; i++) {
        if (rh_text_equal(config->tables[i].name, name)) {
            *ret_table = &config->tables[i];
            return RH_OK;
        }
    }
    return rh_fail(error, RH_NOT_FOUND, "there is no table \"%.*s\"", RH_TEXT_ARG(name));
}
