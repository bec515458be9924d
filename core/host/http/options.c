/* A client's options: copied into its arena, and checked before anything is done with them. */
#include "host/http/client.h"

#include "base/err.h"
#include "base/text.h"
#include "host/http/exchange.h"

#include <string.h>

#define MAX_CLIENT_HEADERS 100
#define MAX_RETRIES 20
#define DEFAULT_HEADER_BYTES 65536

static int copy_headers(struct rh_http_client *client, const struct rh_http_header *from,
                        struct rh_error *error)
{
    uint32_t n = client->options.n_headers;
    struct rh_http_header *copy;
    bool ok = true;

    if (n > MAX_CLIENT_HEADERS)
        return rh_fail(error, RH_CONFIG, "more than %d headers", MAX_CLIENT_HEADERS);
    copy = rh_arena_array(client->arena, n, sizeof(*copy));
    if (!copy)
        return rh_fail_nomem(error);
    for (uint32_t i = 0; i < n; i++) {
        if (!rh_http_header_valid(&from[i]))
            return rh_fail(error, RH_CONFIG, "header %u may not be sent", (unsigned)i + 1);
        copy[i].name = rh_arena_text(client->arena, from[i].name, &ok);
        copy[i].value = rh_arena_text(client->arena, from[i].value, &ok);
    }
    client->options.headers = copy;
    return ok ? RH_OK : rh_fail_nomem(error);
}

static int copy_all(struct rh_http_client *client, const struct rh_http_options *from,
                    struct rh_error *error)
{
    struct rh_http_options *to = &client->options;
    struct rh_text *const texts[] = {
        &to->base_url, &to->user,     &to->secret, &to->token,   &to->token_url,
        &to->scope,    &to->audience, &to->region, &to->service, &to->proxy,
        &to->ca,       &to->cert,     &to->key,
    };
    bool ok = true;

    if (from->struct_size < offsetof(struct rh_http_options, user))
        return rh_fail(error, RH_CONTRACT, "rh_http_options.struct_size is too small");
    memcpy(to, from, from->struct_size < sizeof(*to) ? from->struct_size : sizeof(*to));
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (texts[i]->len && memchr(texts[i]->data, 0, texts[i]->len))
            return rh_fail(error, RH_CONFIG, "an option of the HTTP client has a NUL in it");
        *texts[i] = rh_arena_text(client->arena, *texts[i], &ok);
    }
    if (!ok)
        return rh_fail_nomem(error);
    if (!to->max_header_bytes)
        to->max_header_bytes = DEFAULT_HEADER_BYTES;
    if (to->retries > MAX_RETRIES)
        to->retries = MAX_RETRIES;
    return copy_headers(client, from->headers, error);
}

static int need(struct rh_text text, const char *name, struct rh_error *error)
{
    return text.len ? RH_OK : rh_fail(error, RH_CONFIG, "the HTTP client has no %s", name);
}

static int check_auth(const struct rh_http_options *options, struct rh_error *error)
{
    int rc = RH_OK;

    switch (options->auth) {
    case RH_HTTP_AUTH_NONE:
    case RH_HTTP_AUTH_BASIC:
        return RH_OK;
    case RH_HTTP_AUTH_BEARER:
        return need(options->secret, "secret", error);
    case RH_HTTP_AUTH_HEADER: {
        struct rh_http_header header = {options->user, options->secret};
        if (!rh_http_header_valid(&header))
            return rh_fail(error, RH_CONFIG, "the header that authenticates may not be sent");
        return RH_OK;
    }
    case RH_HTTP_AUTH_QUERY:
        return need(options->user, "user", error);
    case RH_HTTP_AUTH_SIGV4:
        if ((rc = need(options->user, "access key (user)", error)) ||
            (rc = need(options->secret, "secret", error)) ||
            (rc = need(options->region, "region", error)))
            return rc;
        return need(options->service, "service", error);
    case RH_HTTP_AUTH_OAUTH2_REFRESH:
        if ((rc = need(options->token, "refresh token (token)", error)))
            return rc;
        return need(options->token_url, "token_url", error);
    case RH_HTTP_AUTH_OAUTH2_CLIENT:
    case RH_HTTP_AUTH_OAUTH2_JWT:
        if ((rc = need(options->user, "user", error)) ||
            (rc = need(options->secret, "secret", error)))
            return rc;
        return need(options->token_url, "token_url", error);
    default:
        return rh_fail(error, RH_CONFIG, "no kind of authentication has the number %u",
                       (unsigned)options->auth);
    }
}

static int check_proxy(struct rh_text proxy, struct rh_error *error)
{
    static const char *const schemes[] = {"http://", "https://", "socks5://", "socks5h://"};

    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
        if (rh_text_starts(proxy, schemes[i]))
            return RH_OK;
    return proxy.len
               ? rh_fail(error, RH_CONFIG, "the proxy is no http, https, socks5 or socks5h URL")
               : RH_OK;
}

int rh_http_client_take_options(struct rh_http_client *client,
                                const struct rh_http_options *options, struct rh_error *error)
{
    int rc = copy_all(client, options, error);

    if (rc == RH_OK)
        rc = rh_http_url_parse(client->arena, client->options.base_url, "base URL", RH_CONFIG,
                               &client->base, error);
    if (rc == RH_OK)
        rc = check_auth(&client->options, error);
    return rc ? rc : check_proxy(client->options.proxy, error);
}
