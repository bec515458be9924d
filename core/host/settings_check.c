/*
 * The rules for one setting. Values that were given never appear in a message: one of them may be
 * the password in the wrong field.
 */
#include "host/settings_check.h"

#include "base/buf.h"
#include "base/err.h"

#include <stdlib.h>
#include <string.h>

#define MAX_LISTED_BYTES 200

int rh_setting_fail(const struct rh_setting_check *setting, struct rh_error *error,
                    const char *what)
{
    struct rh_buf pointer;
    char *text;

    if (setting->is_default)
        return rh_fail(error, RH_CONTRACT, "config_schema: the default of \"%s\" %s", setting->name,
                       what);
    rh_fail(error, RH_CONFIG, "setting \"%s\" %s", setting->name, what);
    rh_buf_init(&pointer, 1024);
    rh_buf_add_str(&pointer, "/config/");
    for (const char *c = setting->name; *c; c++) {
        if (*c == '~' || *c == '/')
            rh_buf_add_str(&pointer, *c == '~' ? "~0" : "~1");
        else
            rh_buf_add_char(&pointer, *c);
    }
    text = rh_buf_take(&pointer);
    if (text)
        rh_error_pointer(error, text);
    free(text);
    return RH_CONFIG;
}

static bool is_of_type(const json_t *value, const char *type)
{
    if (strcmp(type, "string") == 0)
        return json_is_string(value);
    if (strcmp(type, "integer") == 0)
        return json_is_integer(value);
    if (strcmp(type, "number") == 0)
        return json_is_number(value);
    if (strcmp(type, "boolean") == 0)
        return json_is_boolean(value);
    if (strcmp(type, "array") == 0)
        return json_is_array(value);
    return json_is_object(value);
}

static bool is_known_type(const char *type)
{
    static const char *const known[] = {"string",  "integer", "number",
                                        "boolean", "array",   "object"};

    for (size_t i = 0; type && i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(type, known[i]) == 0)
            return true;
    }
    return false;
}

static int fail_with_text(const struct rh_setting_check *setting, struct rh_error *error,
                          struct rh_buf *what)
{
    char *text = rh_buf_take(what);
    int rc = text ? rh_setting_fail(setting, error, text) : rh_fail_nomem(error);

    free(text);
    return rc;
}

/* "must be one of "a", "b"": the list of an enum, as JSON, cut when it is long. */
static int fail_enum(const struct rh_setting_check *setting, const json_t *allowed,
                     struct rh_error *error)
{
    struct rh_buf what;
    const json_t *item;
    size_t i;

    rh_buf_init(&what, 65536);
    rh_buf_add_str(&what, "must be one of");
    json_array_foreach(allowed, i, item)
    {
        char *text = json_dumps(item, JSON_ENCODE_ANY | JSON_COMPACT);

        if (!text || what.len + strlen(text) > MAX_LISTED_BYTES) {
            free(text);
            rh_buf_add_str(&what, ", …");
            break;
        }
        rh_buf_addf(&what, "%s %s", i ? "," : "", text);
        free(text);
    }
    return fail_with_text(setting, error, &what);
}

static int check_enum(const struct rh_setting_check *setting, struct rh_error *error)
{
    const json_t *allowed = json_object_get(setting->schema, "enum");
    const json_t *item;
    size_t i;

    if (!json_is_array(allowed))
        return RH_OK;
    json_array_foreach(allowed, i, item)
    {
        if (json_equal(item, setting->value))
            return RH_OK;
    }
    return fail_enum(setting, allowed, error);
}

/* Of two numbers, of which at least the bound may be an integer beyond what a double tells apart.
 */
static int compare_numbers(const json_t *a, const json_t *b)
{
    double x, y;

    if (json_is_integer(a) && json_is_integer(b)) {
        json_int_t i = json_integer_value(a), j = json_integer_value(b);

        return i < j ? -1 : i > j;
    }
    x = json_number_value(a);
    y = json_number_value(b);
    return x < y ? -1 : x > y;
}

static void add_bound(struct rh_buf *what, const json_t *bound)
{
    if (json_is_integer(bound))
        rh_buf_add_i64(what, json_integer_value(bound));
    else
        rh_buf_addf(what, "%g", json_number_value(bound));
}

static int check_range(const struct rh_setting_check *setting, struct rh_error *error)
{
    const json_t *minimum = json_object_get(setting->schema, "minimum");
    const json_t *maximum = json_object_get(setting->schema, "maximum");
    struct rh_buf what;

    if (!json_is_number(setting->value))
        return RH_OK;
    minimum = json_is_number(minimum) ? minimum : NULL;
    maximum = json_is_number(maximum) ? maximum : NULL;
    if (!(minimum && compare_numbers(setting->value, minimum) < 0) &&
        !(maximum && compare_numbers(setting->value, maximum) > 0))
        return RH_OK;
    rh_buf_init(&what, 1024);
    rh_buf_add_str(&what, "must be ");
    if (minimum) {
        rh_buf_add_str(&what, "at least ");
        add_bound(&what, minimum);
    }
    if (maximum) {
        rh_buf_add_str(&what, minimum ? " and at most " : "at most ");
        add_bound(&what, maximum);
    }
    return fail_with_text(setting, error, &what);
}

static json_int_t count_characters(const char *text, size_t len)
{
    json_int_t n = 0;

    for (size_t i = 0; i < len; i++)
        n += ((unsigned char)text[i] & 0xc0) != 0x80;
    return n;
}

static int check_length(const struct rh_setting_check *setting, struct rh_error *error)
{
    const json_t *least = json_object_get(setting->schema, "minLength");
    const json_t *most = json_object_get(setting->schema, "maxLength");
    const char *text = json_string_value(setting->value);
    struct rh_buf what;
    json_int_t n;

    if (!text)
        return RH_OK;
    if (strlen(text) != json_string_length(setting->value))
        return rh_setting_fail(setting, error, "must not contain a NUL character");
    n = count_characters(text, json_string_length(setting->value));
    rh_buf_init(&what, 1024);
    if (json_is_integer(least) && n < json_integer_value(least)) {
        if (n == 0)
            return rh_setting_fail(setting, error, "must not be empty");
        rh_buf_addf(&what, "must have at least %lld characters",
                    (long long)json_integer_value(least));
        return fail_with_text(setting, error, &what);
    }
    if (json_is_integer(most) && n > json_integer_value(most)) {
        rh_buf_addf(&what, "must have at most %lld characters",
                    (long long)json_integer_value(most));
        return fail_with_text(setting, error, &what);
    }
    return RH_OK;
}

static int check_items(const struct rh_setting_check *setting, struct rh_error *error)
{
    const json_t *type = json_object_get(json_object_get(setting->schema, "items"), "type");
    const json_t *item;
    struct rh_buf what;
    size_t i;

    if (!json_is_array(setting->value) || !is_known_type(json_string_value(type)))
        return RH_OK;
    json_array_foreach(setting->value, i, item)
    {
        if (is_of_type(item, json_string_value(type)))
            continue;
        rh_buf_init(&what, 1024);
        rh_buf_addf(&what, "must be an array of type %s (item %zu is not)", json_string_value(type),
                    i);
        return fail_with_text(setting, error, &what);
    }
    return RH_OK;
}

int rh_setting_check(const struct rh_setting_check *setting, struct rh_error *error)
{
    const char *type = json_string_value(json_object_get(setting->schema, "type"));
    struct rh_buf what;
    int rc;

    if (!is_known_type(type))
        return rh_fail(error, RH_CONTRACT, "config_schema: \"%s\" has no known type",
                       setting->name);
    if (!is_of_type(setting->value, type)) {
        rh_buf_init(&what, 1024);
        rh_buf_addf(&what, "must be of type %s", type);
        return fail_with_text(setting, error, &what);
    }
    if ((rc = check_enum(setting, error)) != RH_OK || (rc = check_range(setting, error)) != RH_OK ||
        (rc = check_length(setting, error)) != RH_OK)
        return rc;
    return check_items(setting, error);
}
