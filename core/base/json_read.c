/*
 * The JSON reader: recursive descent over one borrowed text, nodes in an arena.
 *
 * Strings without escapes and all numbers are borrowed from the input, so most values cost one
 * node and no copying. Recursion is limited by RH_JSON_MAX_DEPTH. Keys are compared with each
 * other while there are few in an object and by hash beyond, so a large object costs no more per
 * key than a small one.
 *
 * Refused beside what RFC 8259 refuses: a byte order mark, escapes of unpaired surrogates, strings
 * that are not UTF-8, duplicate keys.
 */
#include "base/json.h"

#include "base/err.h"
#include "base/map.h"
#include "base/number.h"
#include "base/text.h"

#define MAX_COMPARED_KEYS 16

struct parser {
    struct rh_arena *arena;
    const char *start; /* for line and column */
    const char *at;
    const char *end;
    struct rh_error *error;
    unsigned depth;
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
    uint64_t line = 1;
    const char *line_start = p->start;
    const char *newline;
    while (line_start < at &&
           (newline = memchr(line_start, '\n', (size_t)(at - line_start))) != NULL) {
        line++;
        line_start = newline + 1;
    }
    int error_class = rh_fail(p->error, RH_INVALID, "%s at line %llu, column %llu of the JSON text",
                              what, (unsigned long long)line,
                              (unsigned long long)(at - line_start) + 1);
    rh_error_code(p->error, code);
    return error_class;
}

static int fail(const struct parser *p, const char *what)
{
    if (p->at == p->end)
        return fail_as(p, p->at, "invalid-json", "Unexpected end");
    return fail_as(p, p->at, "invalid-json", what);
}

static int fail_duplicate(const struct parser *p, struct rh_text key)
{
    char what[120];
    uint64_t n = key.len < 64 ? key.len : 64;
    while (n < key.len && n > 0 && ((unsigned char)key.data[n] & 0xc0) == 0x80)
        n--;
    snprintf(what, sizeof(what), "Duplicate key \"%.*s%s\"", (int)n, key.data,
             n < key.len ? "…" : "");
    return fail_as(p, p->at, "invalid-json", what);
}

static inline void skip_space(struct parser *p)
{
    while (p->at < p->end && (*p->at == ' ' || *p->at == '\n' || *p->at == '\r' || *p->at == '\t'))
        p->at++;
}

/* At the closing quote, a backslash, or a byte that may not stand in a string. */
static const char *string_stretch_end(const char *at, const char *end)
{
    const uint64_t ones = 0x0101010101010101u;
    const uint64_t highs = 0x8080808080808080u;
    for (;;) {
        uint64_t word;
        while ((size_t)(end - at) >= sizeof(word)) {
            memcpy(&word, at, sizeof(word));
            uint64_t special = (word - ones * 0x20) | ((word ^ (ones * '"')) - ones) |
                               ((word ^ (ones * '\\')) - ones) | word;
            if (special & highs)
                break;
            at += sizeof(word);
        }
        while (at < end && (unsigned char)*at < 0x80) {
            if ((unsigned char)*at < 0x20 || *at == '"' || *at == '\\')
                return at;
            at++;
            if ((size_t)(end - at) >= sizeof(word))
                break;
        }
        if (at == end)
            return at;
        if ((unsigned char)*at >= 0x80) {
            unsigned step = rh_text_utf8_step(at, (size_t)(end - at));
            if (!step)
                return at;
            at += step;
        }
    }
}
