/*
 * Parameters are few, so they are found by comparing names.
 */
#include "server/api/call.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/text.h"
#include "server/api/definition.h"
#include "server/api/problem.h"

#include <stdio.h>
#include <time.h>

#define MAX_POINTER 160

struct rh_text rh_call_value(const struct rh_call *call, const char *name)
{
    int position = rh_command_parameter(call->command, rh_text_of(name));

    return position < 0 ? (struct rh_text){NULL, 0} : call->values[position];
}

int rh_call_switch(const struct rh_call *call, const char *name, bool fallback, bool *ret_value,
                   struct rh_error *error)
{
    struct rh_text value = rh_call_value(call, name);

    if (!value.data)
        *ret_value = fallback;
    else if (value.len == 0 || rh_text_is(value, "true") || rh_text_is(value, "1"))
        *ret_value = true;
    else if (rh_text_is(value, "false") || rh_text_is(value, "0"))
        *ret_value = false;
    else
        return rh_fail(error, RH_INVALID, "%s must be true or false", name);
    return RH_OK;
}

struct rh_text rh_call_app(const struct rh_call *call)
{
    struct rh_text app = rh_call_value(call, "app");

    if (rh_text_ends(app, "@dev"))
        app.len -= 4;
    return app;
}

int rh_call_datasource_named(struct rh_call *call, struct rh_text name,
                             struct rh_datasource **ret_datasource, struct rh_error *error)
{
    if (!call->datasource) {
        uint64_t allowed_us, until_us;
        int rc = rh_datasource_cache_get(call->api->datasources, &call->op, rh_call_app(call), name,
                                         &call->datasource, error);
        if (rc != RH_OK)
            return rc;
        allowed_us = (uint64_t)rh_datasource_budget(call->datasource)->time_ms * 1000;
        until_us = rh_clock_us() + allowed_us;
        if (allowed_us < call->patience_us)
            call->patience_us = allowed_us;
        if (until_us < call->op.abi.deadline_us)
            call->op.abi.deadline_us = until_us;
    }
    *ret_datasource = call->datasource;
    return RH_OK;
}

int rh_call_datasource(struct rh_call *call, struct rh_datasource **ret_datasource,
                       struct rh_error *error)
{
    return rh_call_datasource_named(call, rh_call_value(call, "datasource"), ret_datasource, error);
}

static bool is_json_type(struct rh_text type)
{
    /* What `curl -d` sends when it is not told otherwise. */
    return type.len == 0 || rh_text_is(type, "application/json") || rh_text_ends(type, "+json") ||
           rh_text_is(type, "application/x-www-form-urlencoded");
}

int rh_call_check_json(struct rh_call *call, struct rh_error *error)
{
    if (is_json_type(call->media_type))
        return RH_OK;
    rh_fail(error, RH_INVALID, "the body is %.*s, but must be application/json",
            RH_TEXT_ARG(call->media_type));
    return rh_error_code(error, "unsupported-media-type");
}

int rh_call_body(struct rh_call *call, struct rh_json **ret_body, struct rh_error *error)
{
    int rc = rh_call_check_json(call, error);

    return rc == RH_OK ? rh_json_parse(call->arena, call->body, ret_body, error) : rc;
}

int rh_call_check_members(const struct rh_json *object, const char *pointer,
                          const char *const *known, struct rh_error *error)
{
    char at[MAX_POINTER];

    if (object->kind != RH_JSON_OBJECT) {
        rh_fail(error, RH_INVALID, "%s must be an object, but is %s",
                *pointer ? pointer : "the body", rh_json_kind_name(object->kind));
        return rh_error_pointer(error, pointer);
    }
    for (const struct rh_json *member = object->child; member; member = member->next) {
        const char *near = NULL;
        unsigned best = 4, i = 0;
        for (; known[i] && !rh_text_is(member->key, known[i]); i++) {
            unsigned distance = rh_text_distance(member->key, rh_text_of(known[i]), best);
            if (distance < best) {
                best = distance;
                near = known[i];
            }
        }
        if (known[i])
            continue;
        snprintf(at, sizeof(at), "%s/%.*s", pointer, RH_TEXT_ARG(member->key));
        rh_fail(error, RH_INVALID, "unknown member \"%.*s\"", RH_TEXT_ARG(member->key));
        rh_error_pointer(error, at);
        return near ? rh_error_hint(error, "did you mean \"%s\"?", near) : error->error_class;
    }
    return RH_OK;
}

int rh_call_object(struct rh_call *call, const char *const *known, json_t **ret_object,
                   struct rh_error *error)
{
    struct rh_json *body = NULL;
    json_error_t failed;
    int rc;

    rc = rh_call_body(call, &body, error);
    if (rc == RH_OK)
        rc = rh_call_check_members(body, "", known, error);
    if (rc != RH_OK)
        return rc;
    *ret_object = json_loadb(body->source.data, body->source.len, 0, &failed);
    if (!*ret_object) {
        rh_fail(error, RH_INVALID, "%s", failed.text);
        return rh_error_code(error, "invalid-json");
    }
    return RH_OK;
}

void rh_call_progress(struct rh_call *call)
{
    call->op.abi.deadline_us = rh_clock_us() + call->patience_us;
}

int rh_call_decode(struct rh_arena *arena, struct rh_text text, bool plus_is_space,
                   struct rh_text *ret_text, struct rh_error *error)
{
    size_t n = 0;
    char *to;

    if (!memchr(text.data, '%', text.len) && !(plus_is_space && memchr(text.data, '+', text.len))) {
        *ret_text = text;
        return RH_OK;
    }
    to = rh_arena_dup(arena, text.data, text.len);
    if (!to)
        return rh_fail_nomem(error);
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '%') {
            int high = i + 2 < text.len ? rh_text_hex_digit(text.data[i + 1]) : -1;
            int low = high >= 0 ? rh_text_hex_digit(text.data[i + 2]) : -1;
            if (low < 0)
                return rh_fail(error, RH_INVALID, "\"%.*s\" is not properly percent-encoded",
                               RH_TEXT_ARG(text));
            to[n++] = (char)(high * 16 + low);
            i += 2;
        } else {
            to[n++] = plus_is_space && text.data[i] == '+' ? ' ' : text.data[i];
        }
    }
    *ret_text = rh_text_make(to, n);
    return RH_OK;
}

/* ---- Answers ----------------------------------------------------------------------------- */

static void add_cors(struct rh_call *call)
{
    struct rh_text allowed = rh_text_of(call->api->config.texts[RH_CONFIG_CORS_ORIGINS]);
    struct rh_text origin;

    if (allowed.len == 0)
        return;
    origin = rh_web_request_header(call->http, "Origin");
    rh_web_reply_header(call->http, "Vary", RH_TEXT("Origin"));
    while (origin.data && allowed.data) {
        struct rh_text one = rh_text_trim(rh_text_cut(&allowed, ','));
        if (!rh_text_is(one, "*") && !rh_text_equal(one, origin))
            continue;
        rh_web_reply_header(call->http, "Access-Control-Allow-Origin", origin);
        rh_web_reply_header(call->http, "Access-Control-Expose-Headers",
                            RH_TEXT("ETag, Location, Retry-After, Rowhouse-Plan, X-Request-Id"));
        return;
    }
}

struct rh_buf *rh_call_reply_type(struct rh_call *call, unsigned status, const char *type)
{
    rh_web_reply_start(call->http, status);
    rh_web_reply_header(call->http, "X-Request-Id", call->request_id);
    rh_web_reply_header(call->http, "X-Content-Type-Options", RH_TEXT("nosniff"));
    if (type)
        rh_web_reply_type(call->http, type, true);
    add_cors(call);
    return rh_web_reply_body(call->http);
}

struct rh_buf *rh_call_reply(struct rh_call *call, unsigned status)
{
    return rh_call_reply_type(call, status, "application/json");
}

static int append(const char *data, size_t n, void *context)
{
    struct rh_buf *buf = context;

    rh_buf_add(buf, data, n);
    return buf->failed ? -1 : 0;
}

int rh_call_dump(struct rh_buf *buf, const json_t *value, struct rh_error *error)
{
    if (!value || json_dump_callback(value, append, buf, JSON_COMPACT | JSON_ENCODE_ANY) != 0)
        return rh_fail_nomem(error);
    return RH_OK;
}

int rh_call_reply_json(struct rh_call *call, unsigned status, json_t *data, struct rh_error *error)
{
    struct rh_buf *buf = rh_call_reply(call, status);
    int rc;

    rh_buf_add_str(buf, "{\"data\":");
    rc = rh_call_dump(buf, data, error);
    rh_buf_add_char(buf, '}');
    json_decref(data);
    return rc;
}

void rh_call_etag(struct rh_call *call, int64_t revision)
{
    char tag[32];

    snprintf(tag, sizeof(tag), "\"%lld\"", (long long)revision);
    rh_web_reply_header(call->http, "ETag", rh_text_of(tag));
}

static bool has_tag(struct rh_text list_of_tags, const char *tag)
{
    while (list_of_tags.data) {
        struct rh_text one = rh_text_trim(rh_text_cut(&list_of_tags, ','));
        if (rh_text_starts(one, "W/")) {
            one.data += 2;
            one.len -= 2;
        }
        if (rh_text_is(one, "*") || rh_text_is(one, tag))
            return true;
    }
    return false;
}

bool rh_call_unmodified(struct rh_call *call, const char *tag)
{
    if (!has_tag(rh_web_request_header(call->http, "If-None-Match"), tag))
        return false;
    rh_call_reply_type(call, 304, NULL);
    rh_web_reply_header(call->http, "ETag", rh_text_of(tag));
    return true;
}

bool rh_call_definition_unmodified(struct rh_call *call, int64_t revision)
{
    char tag[32];

    snprintf(tag, sizeof(tag), "\"%lld\"", (long long)revision);
    return rh_call_unmodified(call, tag);
}

int rh_call_if_match(struct rh_call *call, int64_t current, struct rh_error *error)
{
    struct rh_text wanted = rh_web_request_header(call->http, "If-Match");
    char tag[32];

    snprintf(tag, sizeof(tag), "\"%lld\"", (long long)current);
    if (!wanted.data || rh_text_is(wanted, "*") || rh_text_is(wanted, tag))
        return RH_OK;
    rh_fail(error, RH_CONFLICT, "it has changed: its ETag is %s now", tag);
    return rh_error_code(error, "stale");
}

static void add_failure_headers(struct rh_call *call, const struct rh_error *error, unsigned status)
{
    char seconds[24];
    uint64_t wait_ms = error->retry_after_ms;

    if (status == 401)
        rh_web_reply_header(call->http, "WWW-Authenticate", RH_TEXT("Bearer"));
    if (status == 503 && !wait_ms)
        wait_ms = 1000;
    if (!wait_ms)
        return;
    snprintf(seconds, sizeof(seconds), "%llu",
             (unsigned long long)(wait_ms / 1000 + (wait_ms % 1000 != 0)));
    rh_web_reply_header(call->http, "Retry-After", rh_text_of(seconds));
}

void rh_call_problem(struct rh_call *call, const struct rh_error *error)
{
    unsigned status = rh_problem_of(error)->status;
    struct rh_buf *buf = rh_call_reply_type(call, status, "application/problem+json");

    add_failure_headers(call, error, status);
    rh_problem_write(buf, error, call->request_id);
}

void rh_call_now(char ret_time[RH_CALL_TIME_SIZE])
{
    int64_t now_us = rh_clock_wall_us();
    time_t seconds = (time_t)(now_us / 1000000);
    struct tm utc;
    size_t n;

    gmtime_r(&seconds, &utc);
    n = strftime(ret_time, RH_CALL_TIME_SIZE, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(ret_time + n, RH_CALL_TIME_SIZE - n, ".%03dZ", (int)(now_us % 1000000 / 1000));
}
