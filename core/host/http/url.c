/*
 * libcurl's parser is lenient, so bytes that have no place in a URL (white space, control
 * characters, anything but ASCII) are refused before it sees them.
 */
#include "host/http/url.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/text.h"

#include <curl/curl.h>
#include <string.h>

#define FLAGS (CURLU_PATH_AS_IS | CURLU_DISALLOW_USER)

static bool is_clean(struct rh_text text)
{
    if (!text.data || text.len > RH_HTTP_URL_MAX)
        return false;
    for (uint64_t i = 0; i < text.len; i++)
        if (text.data[i] <= ' ' || text.data[i] > '~')
            return false;
    return true;
}

static bool starts_folded(struct rh_text text, const char *prefix)
{
    uint64_t n = strlen(prefix);

    for (uint64_t i = 0; i < n; i++)
        if (i >= text.len || (text.data[i] | 0x20) != prefix[i])
            return false;
    return true;
}

static struct rh_text part(struct rh_arena *arena, CURLU *url, CURLUPart which, unsigned flags,
                           bool *ok)
{
    struct rh_text copy = {NULL, 0};
    char *text = NULL;

    if (curl_url_get(url, which, &text, flags) == CURLUE_OK && text)
        copy = rh_arena_text(arena, rh_text_of(text), ok);
    curl_free(text);
    return copy;
}

/* Copies what the handle holds. */
static int take(struct rh_arena *arena, CURLU *handle, struct rh_http_url *ret_url,
                struct rh_error *error)
{
    struct rh_http_url url = {.port = 0};
    struct rh_text port;
    uint64_t number = 0;
    bool ok = true, usual;
    char *host;

    curl_url_set(handle, CURLUPART_FRAGMENT, NULL, 0);
    url.text = part(arena, handle, CURLUPART_URL, 0, &ok);
    url.path = part(arena, handle, CURLUPART_PATH, 0, &ok);
    url.query = part(arena, handle, CURLUPART_QUERY, 0, &ok);
    port = part(arena, handle, CURLUPART_PORT, CURLU_DEFAULT_PORT, &ok);
    url.host = part(arena, handle, CURLUPART_HOST, 0, &ok);
    if (!ok || !url.text.data || !url.host.data || !url.path.data)
        return rh_fail_nomem(error);
    if (rh_text_to_u64(port, &number))
        url.port = (uint16_t)number;
    url.tls = rh_text_starts(url.text, "https:");
    usual = url.port == (url.tls ? 443 : 80);
    host = rh_arena_dup(arena, url.host.data, url.host.len);
    if (!host)
        return rh_fail_nomem(error);
    for (uint64_t i = 0; i < url.host.len; i++)
        if (host[i] >= 'A' && host[i] <= 'Z')
            host[i] = (char)(host[i] | 0x20);
    url.authority =
        rh_text_of(usual ? host : rh_arena_printf(arena, "%s:%u", host, (unsigned)url.port));
    if (!url.authority.data)
        return rh_fail_nomem(error);
    url.host.data = host;
    if (url.host.len > 2 && host[0] == '[') {
        url.host = rh_text_make(rh_arena_dup(arena, host + 1, url.host.len - 2), url.host.len - 2);
        if (!url.host.data)
            return rh_fail_nomem(error);
    }
    *ret_url = url;
    return RH_OK;
}

static int explain(CURLUcode code, const char *what, int error_class, struct rh_error *error)
{
    if (code == CURLUE_OUT_OF_MEMORY)
        return rh_fail_nomem(error);
    if (code == CURLUE_USER_NOT_ALLOWED) {
        rh_fail(error, error_class, "the %s holds a user or password", what);
        return rh_error_hint(error, "these have settings of their own");
    }
    return rh_fail(error, error_class, "the %s is malformed: %s", what, curl_url_strerror(code));
}

static int parse(struct rh_arena *arena, CURLU *handle, struct rh_text text, const char *what,
                 unsigned flags, int error_class, struct rh_http_url *ret_url,
                 struct rh_error *error)
{
    char *copy = rh_arena_dup(arena, text.data, text.len);
    char *scheme = NULL;
    CURLUcode code;
    bool known;

    if (!copy)
        return rh_fail_nomem(error);
    code = curl_url_set(handle, CURLUPART_URL, copy, FLAGS | flags | CURLU_NON_SUPPORT_SCHEME);
    if (code == CURLUE_OK)
        code = curl_url_get(handle, CURLUPART_SCHEME, &scheme, 0);
    if (code != CURLUE_OK)
        return explain(code, what, error_class, error);
    known = strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0;
    curl_free(scheme);
    if (!known)
        return rh_fail(error, error_class, "the %s is neither http nor https", what);
    return take(arena, handle, ret_url, error);
}

int rh_http_url_parse(struct rh_arena *arena, struct rh_text text, const char *what,
                      int error_class, struct rh_http_url *ret_url, struct rh_error *error)
{
    CURLU *handle = NULL;
    int rc;

    if (!is_clean(text) || (!starts_folded(text, "http://") && !starts_folded(text, "https://"))) {
        rh_fail(error, error_class, "the %s is not an absolute http or https URL", what);
        return rh_error_hint(error, "it looks like https://host/path, percent-encoded");
    }
    handle = curl_url();
    if (!handle)
        return rh_fail_nomem(error);
    rc = parse(arena, handle, text, what, 0, error_class, ret_url, error);
    curl_url_cleanup(handle);
    return rc;
}

int rh_http_url_join(struct rh_arena *arena, const struct rh_http_url *base, struct rh_text text,
                     struct rh_http_url *ret_url, struct rh_error *error)
{
    struct rh_text front = base->text;
    const char *slash = "";
    char *joined;

    if (starts_folded(text, "http://") || starts_folded(text, "https://"))
        return rh_http_url_parse(arena, text, "URL of the request", RH_INVALID, ret_url, error);
    if (text.len && !is_clean(text))
        return rh_fail(error, RH_INVALID,
                       "the URL of the request is too long or not "
                       "percent-encoded");
    if (text.len && text.data[0] != '?') {
        if (front.data[front.len - 1] == '/')
            front.len--;
        if (text.data[0] != '/')
            slash = "/";
    }
    joined = rh_arena_printf(arena, "%.*s%s%.*s", RH_TEXT_ARG(front), slash, RH_TEXT_ARG(text));
    if (!joined)
        return rh_fail_nomem(error);
    return rh_http_url_parse(arena, rh_text_of(joined), "URL of the request", RH_INVALID, ret_url,
                             error);
}

int rh_http_url_follow(struct rh_arena *arena, const struct rh_http_url *from,
                       struct rh_text location, struct rh_http_url *ret_url, struct rh_error *error)
{
    CURLU *handle = NULL;
    CURLUcode code;
    int rc;

    if (!location.len || location.len > RH_HTTP_URL_MAX)
        return rh_fail(error, RH_PROTOCOL, "the server redirects to an impossible address");
    for (uint64_t i = 0; i < location.len; i++)
        if ((unsigned char)location.data[i] < ' ' || location.data[i] == 0x7f)
            return rh_fail(error, RH_PROTOCOL, "the server redirects to an impossible address");
    handle = curl_url();
    if (!handle)
        return rh_fail_nomem(error);
    code = curl_url_set(handle, CURLUPART_URL, from->text.data, FLAGS);
    rc = code == CURLUE_OK ? parse(arena, handle, location, "redirect", CURLU_URLENCODE,
                                   RH_PROTOCOL, ret_url, error)
                           : explain(code, "redirect", RH_PROTOCOL, error);
    curl_url_cleanup(handle);
    return rc;
}

int rh_http_url_with_query(struct rh_arena *arena, const struct rh_http_url *url,
                           struct rh_text name, struct rh_text value, struct rh_http_url *ret_url,
                           struct rh_error *error)
{
    struct rh_buf buf;
    int rc;

    rh_buf_init(&buf, RH_HTTP_URL_MAX);
    rh_buf_add_text(&buf, url->text);
    rh_buf_add_char(&buf, url->query.data ? '&' : '?');
    rh_http_url_encode(name, &buf);
    rh_buf_add_char(&buf, '=');
    rh_http_url_encode(value, &buf);
    rc = buf.failed ? rh_fail_nomem(error)
                    : rh_http_url_parse(arena, rh_buf_text(&buf), "URL of the request", RH_INVALID,
                                        ret_url, error);
    rh_buf_free(&buf);
    return rc;
}

bool rh_http_url_same_origin(const struct rh_http_url *a, const struct rh_http_url *b)
{
    return a->tls == b->tls && a->port == b->port && rh_text_equal(a->host, b->host);
}

const char *rh_http_url_shown(struct rh_arena *arena, const struct rh_http_url *url)
{
    const char *shown = rh_arena_printf(arena, "%s://%.*s%.*s", url->tls ? "https" : "http",
                                        RH_TEXT_ARG(url->authority), RH_TEXT_ARG(url->path));

    return shown ? shown : "the server";
}

void rh_http_url_encode(struct rh_text text, struct rh_buf *buf)
{
    static const char hex[] = "0123456789ABCDEF";

    for (uint64_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
            c == '-' || c == '.' || c == '_' || c == '~') {
            rh_buf_add_char(buf, (char)c);
        } else {
            rh_buf_add_char(buf, '%');
            rh_buf_add_char(buf, hex[c >> 4]);
            rh_buf_add_char(buf, hex[c & 15]);
        }
    }
}
