/* core/host/settings.h */
#include "host/settings.h"

#include "base/err.h"
#include "base/text.h"
#include "lib/fault.h"
#include "lib/tests.h"

#include <stdlib.h>
#include <string.h>

static const char schema_text[] =
    "{\"type\":\"object\",\"required\":[\"host\"],\"properties\":{"
    "\"host\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":10},"
    "\"port\":{\"type\":\"integer\",\"default\":5432,\"minimum\":1,\"maximum\":65535},"
    "\"ratio\":{\"type\":\"number\",\"maximum\":1.5},"
    "\"tls\":{\"type\":\"boolean\",\"default\":true},"
    "\"mode\":{\"type\":\"string\",\"enum\":[\"slow\",\"fast\"]},"
    "\"password\":{\"type\":\"string\",\"x-secret\":true},"
    "\"schemas\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},"
    "\"extra/~x\":{\"type\":\"object\"}}}";

static struct rh_arena *arena;
static struct rh_settings settings;
static struct rh_error error;

static int make_with(const char *schema, const char *config)
{
    json_t *json = json_loads(config, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    int rc;

    ck_assert_ptr_nonnull(json);
    if (!arena)
        arena = rh_arena_new(1 << 20);
    ck_assert_ptr_nonnull(arena);
    rh_error_clear(&error);
    rc = rh_settings_make(arena, rh_text_of(schema), json, &settings, &error);
    ck_assert_int_eq(rc, error.error_class);
    json_decref(json); /* what was made must not need it */
    return rc;
}

static int make(const char *config)
{
    return make_with(schema_text, config);
}

static const struct rh_value *find(const char *name)
{
    for (uint32_t i = 0; i < settings.n; i++) {
        if (rh_text_is(settings.items[i].name, name))
            return &settings.items[i].value;
    }
    return NULL;
}

static const struct rh_value *typed(const char *name, uint8_t type)
{
    const struct rh_value *value = find(name);

    ck_assert_msg(value != NULL, "%s is not there", name);
    ck_assert_uint_eq(value->type, type);
    return value;
}

static void is_text(const char *name, uint8_t type, const char *expected)
{
    const struct rh_value *value = typed(name, type);

    ck_assert(rh_text_is(rh_text_make(value->as.data, value->len), expected));
}

START_TEST(fills_in_the_defaults)
{
    ck_assert_int_eq(make("{\"host\":\"crm\"}"), RH_OK);
    ck_assert_uint_eq(settings.n, 3);
    ck_assert_uint_eq(settings.stride, sizeof(struct rh_setting));
    is_text("host", RH_TYPE_TEXT, "crm");
    ck_assert_int_eq(typed("port", RH_TYPE_INT)->as.i, 5432);
    ck_assert_int_eq(typed("tls", RH_TYPE_BOOL)->as.i, 1);
    rh_arena_free(arena);
}
END_TEST

START_TEST(takes_every_type)
{
    ck_assert_int_eq(make("{\"host\":\"ærlig\",\"port\":65535,\"ratio\":1,\"tls\":false,"
                          "\"mode\":\"fast\",\"password\":\"\",\"schemas\":[\"a\",\"b\"],"
                          "\"extra/~x\":{\"k\":[1,null]}}"),
                     RH_OK);
    ck_assert_uint_eq(settings.n, 8);
    is_text("host", RH_TYPE_TEXT, "ærlig");
    ck_assert_int_eq(typed("port", RH_TYPE_INT)->as.i, 65535);
    ck_assert(typed("ratio", RH_TYPE_FLOAT)->as.f == 1.0);
    ck_assert_int_eq(typed("tls", RH_TYPE_BOOL)->as.i, 0);
    is_text("password", RH_TYPE_TEXT, "");
    is_text("schemas", RH_TYPE_JSON, "[\"a\",\"b\"]");
    is_text("extra/~x", RH_TYPE_JSON, "{\"k\":[1,null]}");
    rh_arena_free(arena);
}
END_TEST

START_TEST(says_what_is_wrong_and_where)
{
    static const struct {
        const char *config, *message, *pointer;
    } cases[] = {
        {"{}", "setting \"host\" is required", "/config/host"},
        {"[]", "the settings are not a JSON object", "/config"},
        {"7", "the settings are not a JSON object", "/config"},
        {"{\"host\":5}", "setting \"host\" must be of type string", "/config/host"},
        {"{\"host\":null}", "setting \"host\" must be of type string", "/config/host"},
        {"{\"host\":\"\"}", "setting \"host\" must not be empty", "/config/host"},
        {"{\"host\":\"01234567890\"}", "setting \"host\" must have at most 10 characters",
         "/config/host"},
        {"{\"host\":\"a\\u0000b\"}", "setting \"host\" must not contain a NUL character",
         "/config/host"},
        {"{\"host\":\"a\",\"port\":0}", "setting \"port\" must be at least 1 and at most 65535",
         "/config/port"},
        {"{\"host\":\"a\",\"port\":65536}", "setting \"port\" must be at least 1 and at most 65535",
         "/config/port"},
        {"{\"host\":\"a\",\"port\":80.0}", "setting \"port\" must be of type integer",
         "/config/port"},
        {"{\"host\":\"a\",\"port\":\"80\"}", "setting \"port\" must be of type integer",
         "/config/port"},
        {"{\"host\":\"a\",\"ratio\":1.6}", "setting \"ratio\" must be at most 1.5",
         "/config/ratio"},
        {"{\"host\":\"a\",\"tls\":1}", "setting \"tls\" must be of type boolean", "/config/tls"},
        {"{\"host\":\"a\",\"mode\":\"x\"}", "setting \"mode\" must be one of \"slow\", \"fast\"",
         "/config/mode"},
        {"{\"host\":\"a\",\"schemas\":[\"a\",2]}",
         "setting \"schemas\" must be an array of type string (item 1 is not)", "/config/schemas"},
        {"{\"host\":\"a\",\"extra/~x\":[]}", "setting \"extra/~x\" must be of type object",
         "/config/extra~1~0x"},
        {"{\"hosts\":\"a\"}", "setting \"hosts\" is not known", "/config/hosts"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        ck_assert_int_eq(make(cases[i].config), RH_CONFIG);
        ck_assert_str_eq(error.message, cases[i].message);
        ck_assert_str_eq(error.pointer, cases[i].pointer);
    }
    rh_arena_free(arena);
}
END_TEST

START_TEST(suggests_names)
{
    ck_assert_int_eq(make("{\"hosts\":\"a\"}"), RH_CONFIG);
    ck_assert_str_eq(error.hint, "did you mean \"host\"?");
    ck_assert_int_eq(make("{\"PassWrd\":\"a\"}"), RH_CONFIG);
    ck_assert_str_eq(error.hint, "did you mean \"password\"?");
    ck_assert_int_eq(make("{\"completely different\":1}"), RH_CONFIG);
    ck_assert_str_eq(error.hint,
                     "known are: host, port, ratio, tls, mode, password, schemas, extra/~x");
    rh_arena_free(arena);
}
END_TEST

/* A password in the wrong field must not come back in a message. */
START_TEST(repeats_no_value)
{
    static const char *const configs[] = {
        "{\"host\":\"hunter2-hunter2\"}",
        "{\"host\":\"a\",\"mode\":\"hunter2\"}",
        "{\"host\":\"a\",\"port\":\"hunter2\"}",
        "{\"host\":\"a\",\"schemas\":\"hunter2\"}",
    };

    for (size_t i = 0; i < sizeof(configs) / sizeof(configs[0]); i++) {
        ck_assert_int_eq(make(configs[i]), RH_CONFIG);
        ck_assert_ptr_null(strstr(error.message, "hunter2"));
        ck_assert_ptr_null(strstr(error.hint, "hunter2"));
    }
    rh_arena_free(arena);
}
END_TEST

START_TEST(blames_a_wrong_schema_on_the_connector)
{
    static const char *const schemas[] = {
        "",
        "[]",
        "{\"properties\":[]}",
        "{\"properties\":{\"a\":{\"type\":\"text\"}}}",
        "{\"properties\":{\"a\":7}}",
        "{\"properties\":{\"a\":{\"type\":\"integer\",\"default\":\"x\"}}}",
        "{\"properties\":{\"a\":{\"type\":\"integer\",\"default\":5,\"maximum\":4}}}",
        "{\"properties\":{\"a\":{}},\"properties\":{}}"};
    static const bool needs_value[] = {false, false, false, true, true, false, false, false};

    for (size_t i = 0; i < sizeof(schemas) / sizeof(schemas[0]); i++)
        ck_assert_int_eq(make_with(schemas[i], needs_value[i] ? "{\"a\":1}" : "{}"), RH_CONTRACT);
    ck_assert_int_eq(make_with("{}", "{}"), RH_OK);
    ck_assert_uint_eq(settings.n, 0);
    ck_assert_int_eq(make_with("{}", "{\"a\":1}"), RH_CONFIG);
    ck_assert_int_eq(
        make_with("{\"properties\":{\"a\":{\"type\":\"integer\"}},\"required\":[7]}", "{}"), RH_OK);
    rh_arena_free(arena);
}
END_TEST

START_TEST(takes_no_config_as_an_empty_one)
{
    arena = rh_arena_new(1 << 16);
    rh_error_clear(&error);
    ck_assert_int_eq(rh_settings_make(arena,
                                      RH_TEXT("{\"properties\":{\"a\":{\"type\":\"integer\","
                                              "\"default\":5}}}"),
                                      NULL, &settings, &error),
                     RH_OK);
    ck_assert_int_eq(typed("a", RH_TYPE_INT)->as.i, 5);
    rh_arena_free(arena);
}
END_TEST

START_TEST(copies_deeply)
{
    struct rh_arena *other = rh_arena_new(1 << 16);
    struct rh_settings copy;

    ck_assert_int_eq(make("{\"host\":\"crm\",\"schemas\":[1]}"), RH_CONFIG);
    ck_assert_int_eq(make("{\"host\":\"crm\",\"schemas\":[\"x\"]}"), RH_OK);
    ck_assert_int_eq(rh_settings_copy(other, &settings, &copy, &error), RH_OK);
    rh_arena_free(arena);
    settings = copy;
    is_text("host", RH_TYPE_TEXT, "crm");
    is_text("schemas", RH_TYPE_JSON, "[\"x\"]");
    ck_assert_int_eq(typed("port", RH_TYPE_INT)->as.i, 5432);
    rh_arena_free(other);
}
END_TEST

static bool make_again(void *context)
{
    struct rh_error fault = RH_ERROR_INIT;
    struct rh_arena *fresh = rh_arena_new(1 << 20);
    struct rh_settings made;
    int rc = RH_RESOURCE;

    if (fresh)
        rc = rh_settings_make(fresh, rh_text_of(schema_text), context, &made, &fault);
    rh_arena_free(fresh);
    return rc == RH_OK;
}

START_TEST(survives_failed_allocations)
{
    json_t *config = json_loads("{\"host\":\"a\",\"schemas\":[\"b\"],\"password\":\"c\"}", 0, NULL);

    ck_assert_uint_gt(fault_torture(make_again, config), 0);
    json_decref(config);
}
END_TEST

TESTS_MAIN("settings", fills_in_the_defaults, takes_every_type, says_what_is_wrong_and_where,
           suggests_names, repeats_no_value, blames_a_wrong_schema_on_the_connector,
           takes_no_config_as_an_empty_one, copies_deeply, survives_failed_allocations)
