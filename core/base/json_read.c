/*
 * The JSON reader: recursive descent over one borrowed text, nodes in an arena.
 *
 * Strings without escapes and all numbers are borrowed from the input, so most values cost one
 * node and no copying. Recursion is limited by RH_JSON_MAX_DEPTH. Keys are compared with each
 * other while there are few in an object and by hash beyond, so a key of a large object costs no
 * more than one of a small object.
 *
 * Refused beside what RFC 8259 refuses: a byte order mark, escapes of unpaired surrogates, strings
 * that are not UTF-8, duplicate keys.
 */
#include "base/json.h"

#include "base/err.h"
#include "base/json_scan.h"
#include "base/map.h"
#include "base/number.h"

#include <stdio.h>

#define MAX_COMPARED_KEYS 16

struct parser {
    struct rh_arena *arena;
    const char *start; /* for line and column */
    const char *at;
    const char *end;
    struct rh_error *error;
    unsigned depth; /* arrays and objects that are open */
};

static int parse_value(struct parser *p, struct rh_json **ret_value);

static struct parser parser_of(struct rh_arena *arena, struct rh_text text, struct rh_error *error)
{
    const char *start = text.data ? text.data : "";
    return (struct parser){
        .arena = arena, .start = start, .at = start, .end = start + text.len, .error = error};
}

static int fail_as(const struct parser *p, const char *at, const char *code, const char *what)
{
    unsigned long long line = 1;
    const char *line_start = p->start;
    const char *newline;
    while (line_start < at &&
           (newline = memchr(line_start, '\n', (size_t)(at - line_start))) != NULL) {
        line++;
        line_start = newline + 1;
    }
    unsigned long long column = (unsigned long long)(at - line_start) + 1;
    int error_class = rh_fail(p->error, RH_INVALID, "%s in the JSON text at line %llu, column %llu",
                              what, line, column);
    rh_error_code(p->error, code);
    return error_class;
}

static int fail(const struct parser *p, const char *what)
{
    return fail_as(p, p->at, "invalid-json", p->at == p->end ? "Unexpected end" : what);
}

static int fail_duplicate(const struct parser *p, const char *at, struct rh_text key)
{
    char what[120];
    size_t n = key.len < 64 ? key.len : 64;
    while (n < key.len && n > 0 && ((unsigned char)key.data[n] & 0xc0) == 0x80)
        n--;
    snprintf(what, sizeof(what), "Duplicate key \"%.*s%s\"", (int)n, key.data,
             n < key.len ? "…" : "");
    return fail_as(p, at, "invalid-json", what);
}

static inline void skip_space(struct parser *p)
{
    while (p->at < p->end && (*p->at == ' ' || *p->at == '\n' || *p->at == '\r' || *p->at == '\t'))
        p->at++;
}

static inline bool take(struct parser *p, char c)
{
    if (p->at == p->end || *p->at != c)
        return false;
    p->at++;
    return true;
}

/* Four hex digits, or -1. */
static int32_t read_hex4(const char *at, const char *end)
{
    int32_t value = 0;
    if (end - at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int digit = rh_text_hex_digit(at[i]);
        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

/* The code point of `\uXXXX` or a surrogate pair of those, and *at moved behind; -1 otherwise. */
static int32_t read_unicode_escape(const char **at, const char *end)
{
    int32_t point = read_hex4(*at + 2, end);
    if (point < 0xd800 || point > 0xdfff) {
        if (point >= 0)
            *at += 6;
        return point;
    }
    if (point > 0xdbff || end - *at < 12 || (*at)[6] != '\\' || (*at)[7] != 'u')
        return -1;
    int32_t low = read_hex4(*at + 8, end);
    if (low < 0xdc00 || low > 0xdfff)
        return -1;
    *at += 12;
    return 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
}

static char *put_utf8(char *to, int32_t point)
{
    if (point < 0x80) {
        *to++ = (char)point;
    } else if (point < 0x800) {
        *to++ = (char)(0xc0 | (point >> 6));
        *to++ = (char)(0x80 | (point & 0x3f));
    } else if (point < 0x10000) {
        *to++ = (char)(0xe0 | (point >> 12));
        *to++ = (char)(0x80 | ((point >> 6) & 0x3f));
        *to++ = (char)(0x80 | (point & 0x3f));
    } else {
        *to++ = (char)(0xf0 | (point >> 18));
        *to++ = (char)(0x80 | ((point >> 12) & 0x3f));
        *to++ = (char)(0x80 | ((point >> 6) & 0x3f));
        *to++ = (char)(0x80 | (point & 0x3f));
    }
    return to;
}

/* Decodes what stands between the quotes; an escape is never shorter than what it stands for. */
static int decode_string(struct parser *p, const char *at, const char *close,
                         struct rh_text *ret_text)
{
    static const char letters[] = "b\bt\tn\nf\fr\r\"\"\\\\//";
    char *data = rh_arena_alloc(p->arena, (size_t)(close - at));
    char *to = data;
    if (!data)
        return rh_fail_nomem(p->error);
    while (at < close) {
        const char *stop = rh_json_plain_end(at, close);
        memcpy(to, at, (size_t)(stop - at));
        to += stop - at;
        at = stop;
        if (at == close)
            break;
        if (at[1] == 'u') {
            const char *escape = at;
            int32_t point = read_unicode_escape(&at, close);
            if (point < 0)
                return fail_as(p, escape, "invalid-json", "Invalid \\u escape");
            to = put_utf8(to, point);
            continue;
        }
        const char *pair = letters;
        while (*pair && *pair != at[1])
            pair += 2;
        if (!*pair)
            return fail_as(p, at, "invalid-json", "Unknown escape");
        *to++ = pair[1];
        at += 2;
    }
    *ret_text = rh_text_make(data, (size_t)(to - data));
    return 0;
}

/* At the opening quote. */
static int parse_string(struct parser *p, struct rh_text *ret_text)
{
    const char *start = ++p->at;
    bool escaped = false;
    for (;;) {
        p->at = rh_json_plain_end(p->at, p->end);
        if (p->at == p->end)
            return fail(p, "");
        if (*p->at == '"')
            break;
        if (*p->at != '\\')
            return fail(p, (unsigned char)*p->at < 0x20 ? "Control character in a string"
                                                        : "Invalid UTF-8 in a string");
        escaped = true;
        p->at++;
        if (p->at == p->end)
            return fail(p, "");
        /* What follows the backslash is judged in decode_string; here it is enough that an escaped
         * quote does not end the string. */
        if (*p->at == '"' || *p->at == '\\')
            p->at++;
    }
    const char *close = p->at++;
    if (escaped)
        return decode_string(p, start, close, ret_text);
    *ret_text = rh_text_make(start, (size_t)(close - start));
    return 0;
}

static int parse_number(struct parser *p, struct rh_text *ret_text)
{
    *ret_text = rh_text_make(p->at, (size_t)(p->end - p->at));
    ret_text->len = rh_number_length(*ret_text);
    p->at += ret_text->len;
    if (ret_text->len == 0 || (p->at < p->end && strchr("0123456789.eE+-", *p->at) && *p->at))
        return fail_as(p, ret_text->data, "invalid-json", "Invalid number");
    return 0;
}

static int parse_literal(struct parser *p, const char *literal)
{
    size_t n = strlen(literal);
    if ((size_t)(p->end - p->at) < n || memcmp(p->at, literal, n) != 0)
        return fail(p, "Unexpected character");
    p->at += n;
    return 0;
}

static int open_container(struct parser *p)
{
    if (p->depth == RH_JSON_MAX_DEPTH)
        return fail_as(p, p->at, "too-deep", "Too deeply nested value");
    p->depth++;
    p->at++;
    skip_space(p);
    return 0;
}

/* Puts the child at the end of the parent's list; *tail is its last link. */
static int append(struct parser *p, struct rh_json *parent, struct rh_json *child,
                  struct rh_json ***tail)
{
    if (parent->n == UINT32_MAX)
        return fail(p, "Too many values");
    parent->n++;
    **tail = child;
    *tail = &child->next;
    return 0;
}

static int parse_array(struct parser *p, struct rh_json *array)
{
    struct rh_json **tail = &array->child;
    int rc = open_container(p);
    if (rc)
        return rc;
    if (!take(p, ']')) {
        for (;;) {
            struct rh_json *child = NULL;
            if ((rc = parse_value(p, &child)) || (rc = append(p, array, child, &tail)))
                return rc;
            skip_space(p);
            if (take(p, ']'))
                break;
            if (!take(p, ','))
                return fail(p, "Expected ',' or ']'");
            skip_space(p);
        }
    }
    p->depth--;
    return 0;
}

/* Whether the object has a member of that name; `keys` is used once there are many. */
static int check_key(struct parser *p, const struct rh_json *object, struct rh_map *keys,
                     struct rh_json *child, const char *at)
{
    void *old = NULL;
    if (object->n < MAX_COMPARED_KEYS) {
        for (const struct rh_json *other = object->child; other; other = other->next) {
            if (rh_text_equal(other->key, child->key))
                return fail_duplicate(p, at, child->key);
        }
        return 0;
    }
    if (keys->n == 0) {
        for (struct rh_json *other = object->child; other; other = other->next) {
            if (!rh_map_put(keys, other->key, other, NULL))
                return rh_fail_nomem(p->error);
        }
    }
    if (!rh_map_put(keys, child->key, child, &old))
        return rh_fail_nomem(p->error);
    return old ? fail_duplicate(p, at, child->key) : 0;
}

static int parse_member(struct parser *p, struct rh_json *object, struct rh_map *keys,
                        struct rh_json ***tail)
{
    struct rh_json *child = NULL;
    struct rh_text key;
    const char *key_at = p->at;
    int rc;
    if (p->at == p->end || *p->at != '"')
        return fail(p, "Expected a key in quotes");
    if ((rc = parse_string(p, &key)))
        return rc;
    skip_space(p);
    if (!take(p, ':'))
        return fail(p, "Expected ':'");
    skip_space(p);
    if ((rc = parse_value(p, &child)))
        return rc;
    child->key = key;
    if ((rc = check_key(p, object, keys, child, key_at)))
        return rc;
    return append(p, object, child, tail);
}

static int parse_object(struct parser *p, struct rh_json *object)
{
    struct rh_json **tail = &object->child;
    struct rh_map keys;
    int rc = open_container(p);
    if (rc)
        return rc;
    rh_map_init(&keys);
    if (!take(p, '}')) {
        while (!(rc = parse_member(p, object, &keys, &tail))) {
            skip_space(p);
            if (take(p, '}'))
                break;
            if (!take(p, ',')) {
                rc = fail(p, "Expected ',' or '}'");
                break;
            }
            skip_space(p);
        }
    }
    rh_map_free(&keys);
    p->depth--;
    return rc;
}

/* At the value's first character. */
static int parse_value(struct parser *p, struct rh_json **ret_value)
{
    int rc;
    if (p->at == p->end)
        return fail(p, "");
    struct rh_json *value = rh_arena_alloc(p->arena, sizeof(*value));
    if (!value)
        return rh_fail_nomem(p->error);
    const char *start = p->at;
    switch (*start) {
    case '{':
        value->kind = RH_JSON_OBJECT;
        rc = parse_object(p, value);
        break;
    case '[':
        value->kind = RH_JSON_ARRAY;
        rc = parse_array(p, value);
        break;
    case '"':
        value->kind = RH_JSON_STRING;
        rc = parse_string(p, &value->text);
        break;
    case 't':
        value->kind = RH_JSON_TRUE;
        rc = parse_literal(p, "true");
        break;
    case 'f':
        value->kind = RH_JSON_FALSE;
        rc = parse_literal(p, "false");
        break;
    case 'n':
        value->kind = RH_JSON_NULL;
        rc = parse_literal(p, "null");
        break;
    default:
        if (*start != '-' && (*start < '0' || *start > '9'))
            return fail(p, "Unexpected character");
        value->kind = RH_JSON_NUMBER;
        rc = parse_number(p, &value->text);
    }
    if (rc)
        return rc;
    value->source = rh_text_make(start, (size_t)(p->at - start));
    *ret_value = value;
    return 0;
}

int rh_json_parse(struct rh_arena *arena, struct rh_text text, struct rh_json **ret_value,
                  struct rh_error *error)
{
    struct parser p = parser_of(arena, text, error);
    struct rh_json *value = NULL;
    skip_space(&p);
    int rc = parse_value(&p, &value);
    if (rc)
        return rc;
    skip_space(&p);
    if (p.at < p.end)
        return fail(&p, "Unexpected text behind the value");
    *ret_value = value;
    return 0;
}

int rh_json_parse_next(struct rh_arena *arena, struct rh_text *rest, struct rh_json **ret_value,
                       struct rh_error *error)
{
    struct parser p = parser_of(arena, *rest, error);
    skip_space(&p);
    if (p.at == p.end) {
        *rest = rh_text_make(p.end, 0);
        return RH_END;
    }
    struct rh_json *value = NULL;
    int rc = parse_value(&p, &value);
    if (rc)
        return rc;
    const char *value_end = p.at;
    skip_space(&p);
    /* Two values that touch are one mistake, such as `01` or `1.`, not two values. */
    if (p.at < p.end && p.at == value_end)
        return fail(&p, "Unexpected text behind the value");
    *rest = rh_text_make(p.at, (size_t)(p.end - p.at));
    *ret_value = value;
    return 0;
}

int rh_json_array_open(struct rh_json_array *ret_walk, struct rh_text text, struct rh_error *error)
{
    struct parser p = parser_of(NULL, text, error);
    skip_space(&p);
    if (!take(&p, '['))
        return fail(&p, "Expected an array");
    *ret_walk = (struct rh_json_array){.text = rh_text_make(p.start, text.len),
                                       .at = (uint64_t)(p.at - p.start)};
    return 0;
}

/* Between two elements: RH_OK when one follows, RH_END behind the array. */
static int step_array(struct parser *p, bool first)
{
    skip_space(p);
    if (take(p, ']')) {
        skip_space(p);
        return p->at < p->end ? fail(p, "Unexpected text behind the array") : RH_END;
    }
    if (!first && !take(p, ','))
        return fail(p, "Expected ',' or ']'");
    skip_space(p);
    return RH_OK;
}

int rh_json_array_next(struct rh_json_array *walk, struct rh_arena *arena,
                       struct rh_json **ret_value, struct rh_error *error)
{
    if (walk->state > 0)
        return walk->state;
    if (walk->state < 0)
        return rh_fail(error, walk->state, "The JSON text was refused before");
    struct parser p = parser_of(arena, walk->text, error);
    struct rh_json *value = NULL;
    p.at += walk->at;
    p.depth = 1;
    walk->state = step_array(&p, walk->n == 0);
    if (!walk->state)
        walk->state = parse_value(&p, &value);
    if (walk->state)
        return walk->state;
    walk->at = (uint64_t)(p.at - p.start);
    walk->n++;
    *ret_value = value;
    return 0;
}
