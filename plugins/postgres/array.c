/*
 * JSON arrays as PostgreSQL array literals (manual, section 8.15): elements are quoted, so that
 * commas, braces and the word NULL in them mean nothing; nested arrays become dimensions; an object
 * is an element with its JSON text.
 *
 * The host gives valid JSON; what is none is refused or ends as an element that the server refuses.
 */
#include "encode.h"

#include "connector/kit.h"

#include <string.h>

#define MAX_DEPTH 6 /* PostgreSQL's own limit of dimensions */

struct scan {
    struct rh_buf *to;
    const char *at, *end;
};

static void skip_space(struct scan *scan)
{
    while (scan->at < scan->end && strchr(" \t\r\n", *scan->at) && *scan->at)
        scan->at++;
}

static void add_quoted(struct rh_buf *to, const char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (bytes[i] == '"' || bytes[i] == '\\')
            rh_buf_add_char(to, '\\');
        rh_buf_add_char(to, bytes[i]);
    }
}

static void add_code_point(struct rh_buf *to, uint32_t c)
{
    char utf8[4];
    size_t n = 0;

    if (c < 0x80) {
        utf8[n++] = (char)c;
    } else if (c < 0x800) {
        utf8[n++] = (char)(0xc0 | (c >> 6));
        utf8[n++] = (char)(0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
        utf8[n++] = (char)(0xe0 | (c >> 12));
        utf8[n++] = (char)(0x80 | ((c >> 6) & 0x3f));
        utf8[n++] = (char)(0x80 | (c & 0x3f));
    } else {
        utf8[n++] = (char)(0xf0 | (c >> 18));
        utf8[n++] = (char)(0x80 | ((c >> 12) & 0x3f));
        utf8[n++] = (char)(0x80 | ((c >> 6) & 0x3f));
        utf8[n++] = (char)(0x80 | (c & 0x3f));
    }
    add_quoted(to, utf8, n);
}

static bool take_hex(struct scan *scan, uint32_t *ret)
{
    uint32_t value = 0;

    if (scan->end - scan->at < 4)
        return false;
    for (int i = 0; i < 4; i++) {
        char c = *scan->at++;
        uint32_t digit = 0;
        if (c >= '0' && c <= '9')
            digit = (uint32_t)(c - '0');
        else if ((c | 32) >= 'a' && (c | 32) <= 'f')
            digit = (uint32_t)((c | 32) - 'a') + 10;
        else
            return false;
        value = value << 4 | digit;
    }
    *ret = value;
    return true;
}

static bool take_escape(struct scan *scan)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char *found = NULL;
    uint32_t c = 0, low = 0;

    if (scan->at == scan->end)
        return false;
    if (*scan->at != 'u') {
        found = *scan->at ? strchr(from, *scan->at) : NULL;
        if (!found)
            return false;
        add_quoted(scan->to, &to[found - from], 1);
        scan->at++;
        return true;
    }
    scan->at++;
    if (!take_hex(scan, &c) || c == 0)
        return false;
    if (c >= 0xd800 && c < 0xdc00) {
        if (scan->end - scan->at < 6 || scan->at[0] != '\\' || scan->at[1] != 'u')
            return false;
        scan->at += 2;
        if (!take_hex(scan, &low) || low < 0xdc00 || low > 0xdfff)
            return false;
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    }
    add_code_point(scan->to, c);
    return true;
}

static bool take_string(struct scan *scan)
{
    scan->at++;
    rh_buf_add_char(scan->to, '"');
    while (scan->at < scan->end && *scan->at != '"') {
        if (*scan->at == '\0')
            return false;
        if (*scan->at == '\\') {
            scan->at++;
            if (!take_escape(scan))
                return false;
        } else {
            add_quoted(scan->to, scan->at++, 1);
        }
    }
    if (scan->at == scan->end)
        return false;
    scan->at++;
    rh_buf_add_char(scan->to, '"');
    return true;
}

/* An object, kept as JSON text. */
static bool take_object(struct scan *scan)
{
    const char *start = scan->at;
    bool in_string = false;
    int depth = 0;

    for (; scan->at < scan->end; scan->at++) {
        char c = *scan->at;
        if (in_string && c == '\\' && scan->at + 1 < scan->end)
            scan->at++;
        else if (c == '"')
            in_string = !in_string;
        else if (!in_string && (c == '{' || c == '['))
            depth++;
        else if (!in_string && (c == '}' || c == ']') && --depth == 0)
            break;
    }
    if (scan->at == scan->end)
        return false;
    scan->at++;
    rh_buf_add_char(scan->to, '"');
    add_quoted(scan->to, start, (size_t)(scan->at - start));
    rh_buf_add_char(scan->to, '"');
    return true;
}

static bool take_word(struct scan *scan)
{
    const char *start = scan->at;
    size_t n = 0;

    while (scan->at < scan->end && *scan->at && !strchr(",] \t\r\n", *scan->at))
        scan->at++;
    n = (size_t)(scan->at - start);
    if (n == 0)
        return false;
    if (n == 4 && memcmp(start, "null", 4) == 0) {
        rh_buf_add_str(scan->to, "NULL");
        return true;
    }
    rh_buf_add_char(scan->to, '"');
    add_quoted(scan->to, start, n);
    rh_buf_add_char(scan->to, '"');
    return true;
}

static bool take_array(struct scan *scan, int depth)
{
    bool any = false;

    if (depth == MAX_DEPTH)
        return false;
    scan->at++;
    rh_buf_add_char(scan->to, '{');
    for (;;) {
        bool ok = false;
        skip_space(scan);
        if (scan->at == scan->end)
            return false;
        if (*scan->at == ']' && !any)
            break;
        if (*scan->at == '[')
            ok = take_array(scan, depth + 1);
        else if (*scan->at == '"')
            ok = take_string(scan);
        else if (*scan->at == '{')
            ok = take_object(scan);
        else
            ok = take_word(scan);
        skip_space(scan);
        if (!ok || scan->at == scan->end || (*scan->at != ',' && *scan->at != ']'))
            return false;
        if (*scan->at == ']')
            break;
        rh_buf_add_char(scan->to, ',');
        scan->at++;
        any = true;
    }
    scan->at++;
    rh_buf_add_char(scan->to, '}');
    return true;
}

int rh_pg_encode_array_literal(struct rh_buf *to, struct rh_text json, struct rh_error *error)
{
    struct scan scan = {.to = to, .at = json.data, .end = json.data + json.len};

    skip_space(&scan);
    if (scan.at == scan.end || *scan.at != '[' || !take_array(&scan, 0)) {
        rh_fail(error, RH_DATA, "the type takes a JSON array");
        return rh_error_hint(error, "At most %d dimensions; composite types cannot be written",
                             MAX_DEPTH);
    }
    return to->failed ? rh_fail_nomem(error) : RH_OK;
}
