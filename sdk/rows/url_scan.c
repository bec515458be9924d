/*
 * The scanner under the URL parser. It works on decoded text, so an encoded comma in a value has
 * to be in quotes like a plain one: clients may encode as much or as little as they like.
 */
#include "rows/url_scan.h"

#include "base/err.h"
#include "base/text.h"

int rh_url_fail(struct rh_url_scan *scan, const char *code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int r = rh_spec_vfail(scan->builder, code, scan->pointer, format, args);
    va_end(args);
    return r;
}

int rh_url_expect(struct rh_url_scan *scan, char c)
{
    if (rh_url_skip(scan, c))
        return 0;
    char next = rh_url_peek(scan);
    if (next > ' ' && next < 0x7f)
        return rh_url_fail(scan, "invalid-query", "expected '%c' instead of '%c'", c, next);
    return rh_url_fail(scan, "invalid-query", "expected '%c'%s", c,
                       scan->at < scan->end ? "" : " at the end");
}

int rh_url_quoted(struct rh_url_scan *scan, struct rh_text *ret_text)
{
    const char *start = ++scan->at;
    bool escaped = false;
    while (scan->at < scan->end && *scan->at != '"') {
        if (*scan->at == '\\' && scan->end - scan->at > 1) {
            escaped = true;
            scan->at++;
        }
        scan->at++;
    }
    if (scan->at >= scan->end)
        return rh_url_fail(scan, "invalid-query", "a double quote is not closed");
    struct rh_text inside = rh_text_make(start, (size_t)(scan->at - start));
    scan->at++;
    if (!escaped) {
        *ret_text = inside;
        return 0;
    }
    char *copy = rh_arena_alloc(scan->builder->arena, inside.len);
    if (!copy)
        return rh_fail_nomem(scan->builder->error);
    size_t n = 0;
    for (uint64_t i = 0; i < inside.len; i++) {
        if (inside.data[i] == '\\')
            i++;
        copy[n++] = inside.data[i];
    }
    *ret_text = rh_text_make(copy, n);
    return 0;
}

int rh_url_name(struct rh_url_scan *scan, const char *stops, struct rh_text *ret_name)
{
    if (rh_url_peek(scan) == '"') {
        struct rh_text name = {0};
        int r = rh_url_quoted(scan, &name);
        if (r)
            return r;
        if (!name.len)
            return rh_url_fail(scan, "invalid-query", "a name is empty");
        *ret_name = name;
        return 0;
    }
    const char *start = scan->at;
    while (scan->at < scan->end && *scan->at && !strchr(stops, *scan->at) && *scan->at != '"')
        scan->at++;
    if (scan->at == start) {
        rh_url_fail(scan, "invalid-query", "a name is missing");
        return rh_error_hint(scan->builder->error,
                             "names with reserved characters stand in double quotes");
    }
    *ret_name = rh_text_make(start, (size_t)(scan->at - start));
    return 0;
}

bool rh_url_decode(struct rh_arena *arena, struct rh_text raw, bool plus_is_space,
                   struct rh_text *ret_text)
{
    char *to = rh_arena_alloc(arena, raw.len);
    if (!to)
        return false;
    size_t n = 0;
    for (uint64_t i = 0; i < raw.len; i++) {
        char c = raw.data[i];
        if (c == '%') {
            int high = raw.len - i > 2 ? rh_text_hex_digit(raw.data[i + 1]) : -1;
            int low = high >= 0 ? rh_text_hex_digit(raw.data[i + 2]) : -1;
            if (low < 0)
                return false;
            c = (char)(high * 16 + low);
            i += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        to[n++] = c;
    }
    *ret_text = rh_text_make(to, n);
    return rh_text_is_utf8(*ret_text);
}
