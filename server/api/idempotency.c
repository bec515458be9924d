/*
 * Stored as {"fingerprint", "state": "running" | "done", "process", "expires_s", "status",
 * "headers", "body"}. The fingerprint is over method, path, query and body, so the same key with
 * another request is found out. The key itself is hashed: it may be long.
 */
#include "server/api/idempotency.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/text.h"
#include "server/api/problem.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#define PREFIX "default/idempotency/"
#define KEPT_SECONDS 86400
#define MAX_KEY 255
#define MAX_KEPT_BYTES ((size_t)256 << 10)
#define SWEEP_BATCH 500

/* Headers of the answer that are worth repeating. */
static const char *const KEPT_HEADERS[] = {"Content-Type", "Location", "ETag"};

static void hash_hex(char ret_hex[65], const struct rh_text *parts, size_t n)
{
    crypto_generichash_state state;
    uint8_t hash[32];

    crypto_generichash_init(&state, NULL, 0, sizeof(hash));
    for (size_t i = 0; i < n; i++) {
        crypto_generichash_update(&state, (const uint8_t *)&parts[i].len, sizeof(parts[i].len));
        crypto_generichash_update(&state, (const uint8_t *)parts[i].data, parts[i].len);
    }
    crypto_generichash_final(&state, hash, sizeof(hash));
    sodium_bin2hex(ret_hex, 65, hash, sizeof(hash));
}

static int64_t now_s(void)
{
    return rh_clock_wall_us() / 1000000;
}

static int conflict(struct rh_error *error, const char *code, const char *message)
{
    rh_fail(error, RH_CONFLICT, "%s", message);
    return rh_error_code(error, code);
}

static const char *kept_header_name(const char *name)
{
    for (size_t i = 0; i < RH_N(KEPT_HEADERS); i++)
        if (strcmp(KEPT_HEADERS[i], name) == 0)
            return KEPT_HEADERS[i];
    return NULL;
}

static int repeat(struct rh_call *call, const struct rh_idempotency *once, const json_t *stored,
                  struct rh_error *error)
{
    const json_t *body = json_object_get(stored, "body");
    const char *fingerprint = json_string_value(json_object_get(stored, "fingerprint"));
    const char *state = json_string_value(json_object_get(stored, "state"));
    struct rh_buf *buf;
    const char *name;
    json_t *value;

    if (!fingerprint || strcmp(fingerprint, once->fingerprint) != 0)
        return conflict(error, "idempotency-mismatch",
                        "this idempotency key was used for another request");
    if (!state || strcmp(state, "done") != 0)
        return conflict(
            error, "in-progress",
            "the first request with this idempotency key has not ended, or the server was "
            "stopped while it ran");
    if (!json_is_string(body))
        return conflict(error, "answer-not-kept",
                        "the request was carried out, but its answer was too large to be kept");
    buf = rh_call_reply_type(call, (unsigned)json_integer_value(json_object_get(stored, "status")),
                             NULL);
    json_object_foreach(json_object_get(stored, "headers"), name, value)
    {
        const char *known = kept_header_name(name);
        if (known && json_is_string(value))
            rh_web_reply_header(call->http, known, rh_text_of(json_string_value(value)));
    }
    rh_web_reply_header(call->http, "Idempotency-Replayed", RH_TEXT("true"));
    rh_buf_add(buf, json_string_value(body), json_string_length(body));
    return RH_OK;
}

static int find_earlier(struct rh_call *call, struct rh_idempotency *once,
                        enum rh_idempotency_state *ret_state, struct rh_error *error)
{
    struct rh_store *store = call->api->store;
    json_t *stored = NULL;
    int rc;

    rc = rh_store_get(store, &call->op, once->key, &stored, NULL, error);
    if (rc != RH_OK)
        return rc;
    *ret_state = RH_IDEMPOTENCY_REPEATED;
    rc = repeat(call, once, stored, error);
    json_decref(stored);
    return rc;
}

int rh_idempotency_begin(struct rh_call *call, struct rh_idempotency *ret_once,
                         enum rh_idempotency_state *ret_state, struct rh_error *error)
{
    struct rh_text key = rh_web_request_header(call->http, "Idempotency-Key");
    struct rh_error failed = RH_ERROR_INIT;
    char hex[65];
    json_t *body;
    int rc;

    *ret_state = RH_IDEMPOTENCY_NONE;
    if (!key.data)
        return RH_OK;
    if (key.len == 0 || key.len > MAX_KEY)
        return rh_fail(error, RH_INVALID, "an idempotency key has 1 to %d characters", MAX_KEY);
    hash_hex(hex, &key, 1);
    snprintf(ret_once->key, sizeof(ret_once->key), PREFIX "%.*s", 48, hex);
    hash_hex(ret_once->fingerprint,
             (struct rh_text[]){rh_text_of(call->command->method), call->http->path, call->query,
                                call->body},
             4);
    body = json_pack("{s:s, s:s, s:I}", "fingerprint", ret_once->fingerprint, "state", "running",
                     "expires_s", (json_int_t)(now_s() + KEPT_SECONDS));
    if (!body)
        return rh_fail_nomem(error);
    rc = rh_store_put(call->api->store, &call->op, ret_once->key, body, RH_STORE_NEW,
                      &ret_once->revision, &failed);
    json_decref(body);
    if (rc == RH_EXISTS)
        return find_earlier(call, ret_once, ret_state, error);
    if (rc != RH_OK) {
        *error = failed;
        return rc;
    }
    *ret_state = RH_IDEMPOTENCY_FIRST;
    return RH_OK;
}

static json_t *answer_of(const struct rh_call *call, const struct rh_idempotency *once)
{
    const struct rh_web_request *http = call->http;
    json_t *headers = json_object();
    json_t *answer;

    for (unsigned i = 0; headers && i < http->n_headers; i++)
        if (kept_header_name(http->headers[i].name))
            json_object_set_new(headers, http->headers[i].name,
                                json_string(http->header_text.data + http->headers[i].offset));
    answer = json_pack("{s:s, s:s, s:I, s:i, s:o}", "fingerprint", once->fingerprint, "state",
                       "done", "expires_s", (json_int_t)(now_s() + KEPT_SECONDS), "status",
                       (int)http->status, "headers", headers);
    if (answer && !call->streaming && http->reply.len <= MAX_KEPT_BYTES)
        json_object_set_new(
            answer, "body",
            json_stringn(http->reply.data ? http->reply.data : "", http->reply.len));
    return answer;
}

static bool frees_key(int rc)
{
    return rc == RH_BUSY || rc == RH_UNAVAILABLE || rc == RH_TIMEOUT || rc == RH_CANCELLED ||
           rc == RH_RATE_LIMITED || rc == RH_RESOURCE;
}

void rh_idempotency_end(struct rh_call *call, const struct rh_idempotency *once, int rc)
{
    struct rh_error error = RH_ERROR_INIT;
    struct rh_operation op;
    json_t *answer = NULL;

    /* The request may be past its deadline or cancelled; this must be stored all the same. */
    rh_operation_init(&op, call->arena, NULL, rh_clock_us() + 10 * 1000000);
    if (frees_key(rc)) {
        rc = rh_store_delete(call->api->store, &op, once->key, once->revision, &error);
    } else {
        answer = answer_of(call, once);
        rc = answer ? rh_store_put(call->api->store, &op, once->key, answer, once->revision, NULL,
                                   &error)
                    : rh_fail_nomem(&error);
    }
    json_decref(answer);
    if (rc != RH_OK)
        rh_log(RH_LOG_ERROR, "idempotency", "%.*s: the answer was not stored: %s",
               RH_TEXT_ARG(call->request_id), error.message);
}

/* ---- Expiry ------------------------------------------------------------------------------ */

struct expired {
    char keys[SWEEP_BATCH][80];
    int64_t revisions[SWEEP_BATCH];
    unsigned n;
};

static int note_expired(void *context, const char *key, const json_t *body, int64_t revision,
                        struct rh_error *error)
{
    struct expired *expired = context;

    (void)error;
    if (json_integer_value(json_object_get(body, "expires_s")) > now_s() || strlen(key) >= 80)
        return RH_OK;
    memcpy(expired->keys[expired->n], key, strlen(key) + 1);
    expired->revisions[expired->n++] = revision;
    return expired->n == SWEEP_BATCH ? RH_END : RH_OK;
}

int rh_idempotency_sweep(struct rh_api *api, struct rh_operation *op, struct rh_error *error)
{
    struct expired *expired = calloc(1, sizeof(*expired));
    int rc;

    if (!expired)
        return rh_fail_nomem(error);
    rc = rh_store_list(api->store, op, PREFIX, note_expired, expired, error);
    for (unsigned i = 0; rc >= 0 && i < expired->n; i++)
        rc = rh_store_delete(api->store, op, expired->keys[i], expired->revisions[i], error);
    free(expired);
    return rc < 0 ? rc : RH_OK;
}
