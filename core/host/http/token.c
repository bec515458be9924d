#include "host/http/token.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/text.h"
#include "host/http/client.h"
#include "host/http/grant.h"
#include "host/redact.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define SLICE_US 50000      /* how often those look who wait for another's fetch */
#define MARGIN_US 60000000u /* a token is replaced so long before it ends, */
#define MARGIN_PART 4       /* but not before three quarters of its life */
#define DEFAULT_S 3600      /* life of a token that does not say */
#define MAX_S (24u * 3600)

struct rh_http_token {
    struct rh_http_token *next;
    uint64_t refs;
    uint8_t key[RH_HTTP_KEY_BYTES];
    char *access;  /* NULL: none */
    char *refresh; /* NULL: the one of the options */
    uint64_t fresh_until_us;
    bool fetching;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards all tokens; over redact's */
static struct rh_http_token *tokens;

struct rh_http_token *rh_http_token_get(const uint8_t key[RH_HTTP_KEY_BYTES])
{
    struct rh_http_token *token;

    pthread_mutex_lock(&lock);
    token = tokens;
    while (token && memcmp(token->key, key, RH_HTTP_KEY_BYTES) != 0)
        token = token->next;
    if (!token && (token = calloc(1, sizeof(*token)))) {
        memcpy(token->key, key, RH_HTTP_KEY_BYTES);
        token->next = tokens;
        tokens = token;
    }
    if (token)
        token->refs++;
    pthread_mutex_unlock(&lock);
    return token;
}

static void forget_locked(char **secret)
{
    if (!*secret)
        return;
    rh_redact_remove(rh_text_of(*secret));
    sodium_memzero(*secret, strlen(*secret));
    free(*secret);
    *secret = NULL;
}

void rh_http_token_put(struct rh_http_token *token)
{
    struct rh_http_token **at = &tokens;

    if (!token)
        return;
    pthread_mutex_lock(&lock);
    if (--token->refs == 0) {
        while (*at != token)
            at = &(*at)->next;
        *at = token->next;
        forget_locked(&token->access);
        forget_locked(&token->refresh);
        free(token);
    }
    pthread_mutex_unlock(&lock);
}

static int replace_locked(char **secret, struct rh_text text, struct rh_error *error)
{
    char *copy = strndup(text.data, text.len);

    if (!copy || rh_redact_add(rh_text_of(copy), error)) {
        free(copy);
        return rh_fail_nomem(error);
    }
    forget_locked(secret);
    *secret = copy;
    return RH_OK;
}

static int keep_locked(struct rh_http_token *token, const struct rh_http_grant *grant,
                       struct rh_error *error)
{
    uint64_t life_us, margin_us;
    int rc;

    life_us = (grant->lifetime_s ? grant->lifetime_s : DEFAULT_S);
    life_us = (life_us > MAX_S ? MAX_S : life_us) * 1000000;
    margin_us = life_us / MARGIN_PART < MARGIN_US ? life_us / MARGIN_PART : MARGIN_US;
    rc = replace_locked(&token->access, grant->access_token, error);
    if (rc == RH_OK && grant->refresh_token.len)
        rc = replace_locked(&token->refresh, grant->refresh_token, error);
    token->fresh_until_us = rh_clock_us() + life_us - margin_us;
    return rc;
}

static int fetch(struct rh_http_client *client, const struct rh_http_wait *wait,
                 struct rh_arena *arena, struct rh_text *ret_token, struct rh_error *error)
{
    struct rh_http_token *token = client->token;
    struct rh_http_grant grant;
    struct rh_text refresh = client->options.token;
    bool ok = true;
    int rc;

    pthread_mutex_lock(&lock);
    if (token->refresh)
        refresh = rh_arena_text(arena, rh_text_of(token->refresh), &ok);
    pthread_mutex_unlock(&lock);
    rc = ok ? rh_http_grant_fetch(client, wait, refresh, arena, &grant, error)
            : rh_fail_nomem(error);
    pthread_mutex_lock(&lock);
    if (rc == RH_OK)
        rc = keep_locked(token, &grant, error);
    token->fetching = false;
    pthread_mutex_unlock(&lock);
    if (rc == RH_OK)
        *ret_token = grant.access_token;
    return rc;
}

int rh_http_token_use(struct rh_http_client *client, struct rh_http_lane *lane,
                      const struct rh_http_wait *wait, struct rh_arena *arena,
                      struct rh_text *ret_token, struct rh_error *error)
{
    struct rh_http_token *token = client->token;
    bool mine = false, fresh, ok = true;
    int rc = RH_OK;

    while (rc == RH_OK) {
        pthread_mutex_lock(&lock);
        fresh = token->access && rh_clock_us() < token->fresh_until_us;
        if (fresh)
            *ret_token = rh_arena_text(arena, rh_text_of(token->access), &ok);
        else if (!token->fetching)
            mine = token->fetching = true;
        pthread_mutex_unlock(&lock);
        if (fresh)
            return ok ? RH_OK : rh_fail_nomem(error);
        if (mine)
            return fetch(client, wait, arena, ret_token, error);
        rc = rh_http_lane_sleep(lane, wait, rh_clock_us() + SLICE_US, error);
    }
    return rc;
}

void rh_http_token_drop(struct rh_http_token *token, struct rh_text refused)
{
    pthread_mutex_lock(&lock);
    if (token->access && rh_text_is(refused, token->access))
        forget_locked(&token->access);
    pthread_mutex_unlock(&lock);
}
