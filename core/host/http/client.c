#include "host/http/client.h"

#include "base/err.h"
#include "base/text.h"
#include "host/http/exchange.h"
#include "host/http/token.h"
#include "host/redact.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define MAX_OPTIONS_BYTES (4u << 20)
#define MAX_IDLE_LANES 4

static pthread_once_t once = PTHREAD_ONCE_INIT;

static bool libraries_work;

static void start_libraries(void)
{
    libraries_work = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK && sodium_init() >= 0;
}

/* ---- Secrets -------------------------------------------------------------------------------- */

/* The password between "://user:" and the last "@" before the path. */
static struct rh_text proxy_password(struct rh_text proxy)
{
    const char *from = proxy.len ? strstr(proxy.data, "://") : NULL;
    const char *end = from ? strrchr(from, '@') : NULL;

    from = end ? memchr(from + 3, ':', (size_t)(end - from - 3)) : NULL;
    return from ? rh_text_make(from + 1, (size_t)(end - from - 1)) : rh_text_make(NULL, 0);
}

static int note(struct rh_http_client *client, struct rh_text secret, struct rh_error *error)
{
    int rc;

    if (!secret.len)
        return RH_OK;
    rc = rh_redact_add(secret, error);
    if (rc == RH_OK)
        client->notes[client->n_notes++] = secret;
    return rc;
}

/* ---- What is derived ---------------------------------------------------------------------- */

static int make_authorization(struct rh_http_client *client, struct rh_error *error)
{
    const struct rh_http_options *options = &client->options;
    char *text = NULL, *pair;
    size_t n;

    if (options->auth == RH_HTTP_AUTH_BEARER) {
        text = rh_arena_printf(client->arena, "Bearer %s", options->secret.data);
    } else if (options->auth == RH_HTTP_AUTH_BASIC) {
        if (options->user.len && memchr(options->user.data, ':', options->user.len))
            return rh_fail(error, RH_CONFIG, "a user with a colon cannot be sent to %s",
                           rh_http_url_shown(client->arena, &client->base));
        pair = rh_arena_printf(client->arena, "%s:%s", options->user.data ? options->user.data : "",
                               options->secret.data ? options->secret.data : "");
        n = pair ? sodium_base64_ENCODED_LEN(strlen(pair), sodium_base64_VARIANT_ORIGINAL) : 0;
        text = pair ? rh_arena_alloc(client->arena, n + 6) : NULL;
        if (text) {
            memcpy(text, "Basic ", 6);
            sodium_bin2base64(text + 6, n, (const unsigned char *)pair, strlen(pair),
                              sodium_base64_VARIANT_ORIGINAL);
        }
    } else {
        return RH_OK;
    }
    if (!text)
        return rh_fail_nomem(error);
    client->authorization = rh_text_of(text);
    for (const char *c = text; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            return rh_fail(error, RH_CONFIG, "the secret has a control character in it");
    return note(client, rh_text_of(strchr(text, ' ') + 1), error);
}

static void digest_text(crypto_generichash_state *state, struct rh_text text)
{
    crypto_generichash_update(state, (const unsigned char *)&text.len, sizeof(text.len));
    crypto_generichash_update(state, (const unsigned char *)(text.data ? text.data : ""), text.len);
}

/* Of what makes two clients the same to a server. */
static void digest(const struct rh_http_client *client, bool with_grant,
                   uint8_t ret_key[RH_HTTP_KEY_BYTES])
{
    const struct rh_http_options *options = &client->options;
    crypto_generichash_state state;

    crypto_generichash_init(&state, NULL, 0, RH_HTTP_KEY_BYTES);
    digest_text(&state, options->user);
    digest_text(&state, options->secret);
    digest_text(&state, options->token);
    if (with_grant) {
        digest_text(&state, rh_text_make((const char *)&options->auth, sizeof(options->auth)));
        digest_text(&state, options->token_url);
        digest_text(&state, options->scope);
        digest_text(&state, options->audience);
    } else {
        digest_text(&state, client->base.authority);
        digest_text(&state, rh_text_make((const char *)&client->base.tls, 1));
    }
    crypto_generichash_final(&state, ret_key, RH_HTTP_KEY_BYTES);
}

static int open_client(const struct rh_host *host, const struct rh_http_options *options,
                       struct rh_http_client **ret_client, struct rh_error *error);

static int make_token_client(struct rh_http_client *client, struct rh_error *error)
{
    struct rh_http_options options = {
        .struct_size = sizeof(options),
        .base_url = client->options.token_url,
        .proxy = client->options.proxy,
        .ca = client->options.ca,
        .cert = client->options.cert,
        .key = client->options.key,
        .flags = client->options.flags,
        .retries = 2,
        .max_answer_bytes = 1u << 20,
    };
    uint8_t key[RH_HTTP_KEY_BYTES];

    if (client->options.auth < RH_HTTP_AUTH_OAUTH2_CLIENT)
        return RH_OK;
    digest(client, true, key);
    client->token = rh_http_token_get(key);
    if (!client->token)
        return rh_fail_nomem(error);
    return open_client(client->host, &options, &client->token_client, error);
}

/* ---- Life --------------------------------------------------------------------------------- */

static int set_up(struct rh_http_client *client, const struct rh_http_options *options,
                  struct rh_error *error)
{
    uint8_t key[RH_HTTP_KEY_BYTES];
    int rc;

    if ((rc = rh_http_client_take_options(client, options, error)) ||
        (rc = note(client, client->options.secret, error)) ||
        (rc = note(client, client->options.token, error)) ||
        (rc = note(client, client->options.key, error)) ||
        (rc = note(client, proxy_password(client->options.proxy), error)) ||
        (rc = make_authorization(client, error)))
        return rc;
    digest(client, false, key);
    client->limiter = rh_http_limiter_get(key, client->options.rate_per_minute);
    if (!client->limiter)
        return rh_fail_nomem(error);
    return make_token_client(client, error);
}

static void warn_insecure(const struct rh_http_client *client)
{
    struct rh_buf line;

    if (!(client->options.flags & RH_HTTP_CLIENT_INSECURE) || !client->base.tls)
        return;
    rh_buf_init(&line, 1024);
    rh_buf_addf(&line,
                "the certificate of %.*s is not verified: whoever is in between can read "
                "and change everything",
                RH_TEXT_ARG(client->base.authority));
    if (!line.failed)
        client->host->log(client->host, RH_LOG_WARN, rh_buf_text(&line));
    rh_buf_free(&line);
}

static int open_client(const struct rh_host *host, const struct rh_http_options *options,
                       struct rh_http_client **ret_client, struct rh_error *error)
{
    struct rh_http_client *client = calloc(1, sizeof(*client));
    int rc;

    if (client)
        pthread_mutex_init(&client->lock, NULL);
    if (client)
        client->arena = rh_arena_new(MAX_OPTIONS_BYTES);
    if (!client || !client->arena) {
        rh_http_client_free(client);
        return rh_fail_nomem(error);
    }
    client->host = host;
    rc = set_up(client, options, error);
    if (rc) {
        rh_http_client_free(client);
        return rc;
    }
    *ret_client = client;
    return RH_OK;
}

int32_t rh_http_client_new(const struct rh_host *host, const struct rh_http_options *options,
                           struct rh_http_client **ret_client, struct rh_error *error)
{
    struct rh_http_client *client = NULL;
    int rc;

    pthread_once(&once, start_libraries);
    if (!libraries_work)
        return rh_fail(error, RH_RESOURCE, "libcurl or libsodium cannot be initialised");
    rc = open_client(host, options, &client, error);
    if (rc || !client)
        return rc;
    if (client->base.query.data) { /* requests stand behind it */
        rh_http_client_free(client);
        return rh_fail(error, RH_CONFIG, "the base URL has a query");
    }
    warn_insecure(client);
    *ret_client = client;
    return RH_OK;
}

void rh_http_client_free(struct rh_http_client *client)
{
    struct rh_http_lane *lane;

    if (!client)
        return;
    rh_http_client_free(client->token_client);
    while ((lane = client->idle)) {
        client->idle = lane->next;
        rh_http_lane_free(lane);
    }
    rh_http_limiter_put(client->limiter);
    rh_http_token_put(client->token);
    for (uint32_t i = 0; i < client->n_notes; i++)
        rh_redact_remove(client->notes[i]);
    rh_arena_free(client->arena);
    pthread_mutex_destroy(&client->lock);
    free(client);
}

bool rh_http_client_configured(const struct rh_http_client *client, const struct rh_http_url *url)
{
    return url->port == client->base.port && rh_text_equal(url->host, client->base.host);
}

struct rh_http_lane *rh_http_client_take_lane(struct rh_http_client *client)
{
    struct rh_http_lane *lane;

    pthread_mutex_lock(&client->lock);
    lane = client->idle;
    if (lane) {
        client->idle = lane->next;
        client->n_idle--;
    }
    pthread_mutex_unlock(&client->lock);
    return lane ? lane : rh_http_lane_new();
}

void rh_http_client_give_lane(struct rh_http_client *client, struct rh_http_lane *lane)
{
    pthread_mutex_lock(&client->lock);
    if (client->n_idle < MAX_IDLE_LANES) {
        lane->next = client->idle;
        client->idle = lane;
        client->n_idle++;
        lane = NULL;
    }
    pthread_mutex_unlock(&client->lock);
    rh_http_lane_free(lane);
}

void rh_http_client_cancel(struct rh_http_client *client)
{
    struct rh_http_exchange *exchange;

    pthread_mutex_lock(&client->lock);
    for (exchange = client->exchanges; exchange; exchange = exchange->next)
        if (exchange->waiting) {
            atomic_store(&exchange->cancelled, true);
            rh_http_lane_wake(exchange->lane);
        }
    pthread_mutex_unlock(&client->lock);
    if (client->token_client)
        rh_http_client_cancel(client->token_client);
}
