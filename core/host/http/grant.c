#include "host/http/grant.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/text.h"
#include "host/http/client.h"
#include "host/http/exchange.h"

#include <sodium.h>
#include <string.h>
#include <strings.h>

#define MAX_FORM (256u << 10)
#define MAX_ANSWER (1u << 20)

static void add_field(struct rh_buf *form, const char *name, struct rh_text value)
{
    if (!value.len)
        return;
    if (form->len)
        rh_buf_add_char(form, '&');
    rh_buf_add_str(form, name);
    rh_buf_add_char(form, '=');
    rh_http_url_encode(value, form);
}

static int add_grant(const struct rh_http_options *options, struct rh_text refresh,
                     struct rh_arena *arena, struct rh_buf *form, struct rh_error *error)
{
    struct rh_text jwt;
    int rc;

    switch (options->auth) {
    case RH_HTTP_AUTH_OAUTH2_REFRESH:
        add_field(form, "grant_type", RH_TEXT("refresh_token"));
        add_field(form, "refresh_token", refresh);
        add_field(form, "scope", options->scope);
        return RH_OK;
    case RH_HTTP_AUTH_OAUTH2_JWT:
        rc = rh_http_jwt_sign(arena, options->secret, options->user, options->scope,
                              options->audience.len ? options->audience : options->token_url,
                              rh_clock_wall_us(), &jwt, error);
        if (rc)
            return rc;
        add_field(form, "grant_type", RH_TEXT("urn:ietf:params:oauth:grant-type:jwt-bearer"));
        add_field(form, "assertion", jwt);
        return RH_OK;
    default:
        add_field(form, "grant_type", RH_TEXT("client_credentials"));
        add_field(form, "scope", options->scope);
        add_field(form, "audience", options->audience);
        return RH_OK;
    }
}

/* RFC 6749, 2.3.1: both are form-encoded before they are joined. */
static int basic_header(const struct rh_http_options *options, struct rh_arena *arena,
                        struct rh_text *ret_value, struct rh_error *error)
{
    struct rh_buf pair;
    char *text = NULL;
    size_t n;

    rh_buf_init(&pair, MAX_FORM);
    rh_http_url_encode(options->user, &pair);
    rh_buf_add_char(&pair, ':');
    rh_http_url_encode(options->secret, &pair);
    n = sodium_base64_ENCODED_LEN(pair.len, sodium_base64_VARIANT_ORIGINAL);
    if (!pair.failed)
        text = rh_arena_alloc(arena, n + 6);
    if (text) {
        memcpy(text, "Basic ", 6);
        sodium_bin2base64(text + 6, n, (const unsigned char *)pair.data, pair.len,
                          sodium_base64_VARIANT_ORIGINAL);
        *ret_value = rh_text_of(text);
    }
    rh_buf_free(&pair);
    return text ? RH_OK : rh_fail_nomem(error);
}

static int read_all(struct rh_http_exchange *exchange, const struct rh_op *op, struct rh_buf *body,
                    struct rh_error *error)
{
    struct rh_text piece;
    int rc;

    while ((rc = rh_http_exchange_read(exchange, op, &piece, error)) == RH_OK)
        rh_buf_add_text(body, piece);
    if (rc != RH_END)
        return rc;
    return body->failed ? rh_fail(error, RH_RESOURCE,
                                  "the answer of the token endpoint is too "
                                  "long")
                        : RH_OK;
}

/* One request. *ret_status and the body of the answer, whatever they are. */
static int post(struct rh_http_client *client, const struct rh_op *op, struct rh_text form,
                struct rh_text authorization, uint32_t *ret_status, struct rh_buf *body,
                struct rh_error *error)
{
    struct rh_http_header headers[] = {
        {RH_TEXT("Content-Type"), RH_TEXT("application/x-www-form-urlencoded")},
        {RH_TEXT("Accept"), RH_TEXT("application/json")},
        {RH_TEXT("Authorization"), authorization},
    };
    bool rotates = client->options.auth == RH_HTTP_AUTH_OAUTH2_REFRESH;
    struct rh_http_request request = {
        .struct_size = sizeof(request),
        .flags = rotates ? 0 : RH_HTTP_SAFE,
        .method = RH_TEXT("POST"),
        .url = RH_TEXT(""),
        .headers = headers,
        .n_headers = authorization.len ? 3 : 2,
        .body = form,
    };
    struct rh_http_answer answer = {.struct_size = sizeof(answer)};
    struct rh_http_exchange *exchange = NULL;
    int rc;

    rc = rh_http_exchange_send(client->token_client, op, &request, &exchange, error);
    if (rc == RH_OK)
        rc = rh_http_exchange_answer(exchange, op, &answer, error);
    if (rc == RH_OK)
        rc = read_all(exchange, op, body, error);
    *ret_status = answer.status;
    rh_http_exchange_close(exchange);
    return rc;
}

static bool is_name(struct rh_text text)
{
    for (uint64_t i = 0; i < text.len; i++)
        if (!(text.data[i] >= 'a' && text.data[i] <= 'z') && text.data[i] != '_')
            return false;
    return text.len && text.len < 64;
}

static struct rh_text string_member(const struct rh_json *object, const char *name)
{
    const struct rh_json *value = rh_json_member(object, name);

    return value && value->kind == RH_JSON_STRING ? value->text : rh_text_make(NULL, 0);
}

static bool refused_client(const struct rh_json *answer)
{
    return rh_text_is(string_member(answer, "error"), "invalid_client");
}

static int refuse(const struct rh_json *answer, uint32_t status, struct rh_error *error)
{
    struct rh_text name = string_member(answer, "error");

    if (status == 429)
        return rh_fail(error, RH_RATE_LIMITED, "the token endpoint gets too many requests");
    if (status >= 500)
        return rh_fail(error, RH_UNAVAILABLE, "the token endpoint answers with status %u",
                       (unsigned)status);
    if (is_name(name))
        return rh_fail(error, RH_AUTH, "the token endpoint refuses: %.*s", RH_TEXT_ARG(name));
    return rh_fail(error, RH_AUTH, "the token endpoint refuses with status %u", (unsigned)status);
}

static int read_grant(const struct rh_json *answer, struct rh_http_grant *ret_grant,
                      struct rh_error *error)
{
    struct rh_http_grant grant = {.access_token = string_member(answer, "access_token"),
                                  .refresh_token = string_member(answer, "refresh_token")};
    struct rh_text type = string_member(answer, "token_type");
    const struct rh_json *expires = rh_json_member(answer, "expires_in");
    bool usable = grant.access_token.len > 0;
    double seconds;

    for (uint64_t i = 0; i < grant.access_token.len; i++)
        usable = usable && grant.access_token.data[i] > ' ' && grant.access_token.data[i] <= '~';
    if (!usable || (type.len && (type.len != 6 || strncasecmp(type.data, "bearer", 6) != 0)))
        return rh_fail(error, RH_PROTOCOL, "the token endpoint gave no bearer token");
    if (expires && (expires->kind == RH_JSON_NUMBER || expires->kind == RH_JSON_STRING) &&
        rh_text_to_f64(expires->text, &seconds) && seconds >= 1)
        grant.lifetime_s = seconds > 1e9 ? 1000000000 : (uint64_t)seconds;
    *ret_grant = grant;
    return RH_OK;
}

/* Parses what may not be JSON at all: then *ret_answer is NULL. Copied into the arena. */
static int parse(struct rh_buf *body, struct rh_arena *arena, struct rh_json **ret_answer,
                 struct rh_error *error)
{
    struct rh_error ignored = RH_ERROR_INIT;
    bool ok = true;
    struct rh_text text = rh_arena_text(arena, rh_buf_text(body), &ok);

    *ret_answer = NULL;
    if (!ok || rh_json_parse(arena, text, ret_answer, &ignored) == RH_RESOURCE)
        return rh_fail_nomem(error);
    return RH_OK;
}

int rh_http_grant_fetch(struct rh_http_client *client, const struct rh_http_wait *wait,
                        struct rh_text refresh, struct rh_arena *arena,
                        struct rh_http_grant *ret_grant, struct rh_error *error)
{
    const struct rh_http_options *options = &client->options;
    bool jwt = options->auth == RH_HTTP_AUTH_OAUTH2_JWT;
    struct rh_text authorization = {NULL, 0};
    struct rh_json *answer = NULL;
    struct rh_buf form, body;
    uint32_t status = 0;
    int rc;

    rh_buf_init(&form, MAX_FORM);
    rh_buf_init(&body, MAX_ANSWER);
    rc = add_grant(options, refresh, arena, &form, error);
    if (rc == RH_OK && !jwt && options->secret.len)
        rc = basic_header(options, arena, &authorization, error);
    else if (rc == RH_OK && !jwt)
        add_field(&form, "client_id", options->user);
    if (rc == RH_OK && form.failed)
        rc = rh_fail_nomem(error);
    if (rc == RH_OK)
        rc = post(client, wait->op, rh_buf_text(&form), authorization, &status, &body, error);
    if (rc == RH_OK)
        rc = parse(&body, arena, &answer, error);
    if (rc == RH_OK && authorization.len && status >= 400 && refused_client(answer)) {
        rh_buf_clear(&body);
        add_field(&form, "client_id", options->user);
        add_field(&form, "client_secret", options->secret);
        rc = form.failed ? rh_fail_nomem(error)
                         : post(client, wait->op, rh_buf_text(&form), rh_text_make(NULL, 0),
                                &status, &body, error);
        if (rc == RH_OK)
            rc = parse(&body, arena, &answer, error);
    }
    if (rc == RH_OK)
        rc = status == 200 ? read_grant(answer, ret_grant, error) : refuse(answer, status, error);
    rh_buf_free(&form);
    rh_buf_free(&body);
    if (rc)
        rh_error_prefix(error, "access token");
    return rc;
}
