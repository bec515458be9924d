/* Looking into values that were read: members, kinds, equality. */
#include "base/json.h"

#include "base/map.h"
#include "base/number.h"
#include "base/text.h"

/* Objects larger than this are compared through a map. */
#define MAX_SEARCHED_KEYS 16

static const struct rh_json *member(const struct rh_json *object, struct rh_text key)
{
    for (const struct rh_json *child = object->child; child; child = child->next) {
        if (rh_text_equal(child->key, key))
            return child;
    }
    return NULL;
}

static bool equal_arrays(const struct rh_json *a, const struct rh_json *b)
{
    const struct rh_json *x = a->child;
    const struct rh_json *y = b->child;
    for (; x && y; x = x->next, y = y->next) {
        if (!rh_json_equal(x, y))
            return false;
    }
    return !x && !y;
}

static bool equal_objects(const struct rh_json *a, const struct rh_json *b)
{
    struct rh_map by_key;
    bool mapped = b->n > MAX_SEARCHED_KEYS;
    bool equal = true;
    rh_map_init(&by_key);
    /* Without memory for the map the answer is the same, only slower. */
    for (struct rh_json *y = b->child; mapped && y; y = y->next)
        mapped = rh_map_put(&by_key, y->key, y, NULL);
    /* Keys are unique and as many, so every member of b is found once. */
    for (const struct rh_json *x = a->child; equal && x; x = x->next) {
        const struct rh_json *y = mapped ? rh_map_get(&by_key, x->key) : member(b, x->key);
        equal = y && rh_json_equal(x, y);
    }
    rh_map_free(&by_key);
    return equal;
}

const struct rh_json *rh_json_find(const struct rh_json *value, struct rh_text name)
{
    if (!value || value->kind != RH_JSON_OBJECT)
        return NULL;
    return member(value, name);
}

const struct rh_json *rh_json_member(const struct rh_json *value, const char *name)
{
    return rh_json_find(value, rh_text_of(name));
}

struct rh_text rh_json_string(const struct rh_json *value, const char *name)
{
    const struct rh_json *found = rh_json_member(value, name);
    return found && found->kind == RH_JSON_STRING ? found->text : (struct rh_text){NULL, 0};
}

const char *rh_json_kind_name(enum rh_json_kind kind)
{
    static const char *const names[] = {
        [RH_JSON_NULL] = "null",     [RH_JSON_FALSE] = "boolean", [RH_JSON_TRUE] = "boolean",
        [RH_JSON_NUMBER] = "number", [RH_JSON_STRING] = "string", [RH_JSON_ARRAY] = "array",
        [RH_JSON_OBJECT] = "object",
    };
    return names[kind];
}

/* As deep as the values are, which the reader limits. */
bool rh_json_equal(const struct rh_json *a, const struct rh_json *b)
{
    if (a->kind != b->kind || a->n != b->n)
        return false;
    switch (a->kind) {
    case RH_JSON_NULL:
    case RH_JSON_FALSE:
    case RH_JSON_TRUE:
        return true;
    case RH_JSON_NUMBER:
        return rh_number_equal(a->text, b->text);
    case RH_JSON_STRING:
        return rh_text_equal(a->text, b->text);
    case RH_JSON_ARRAY:
        return equal_arrays(a, b);
    case RH_JSON_OBJECT:
        return equal_objects(a, b);
    }
    return false;
}
