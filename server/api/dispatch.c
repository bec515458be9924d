/*
 * From an HTTP request to a command and back. What cannot block is answered on the epoll thread:
 * unknown addresses, missing credentials, cross-origin preflights and INLINE commands.
 */
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/map.h"
#include "base/rand.h"
#include "base/text.h"
#include "server/api/call.h"
#include "server/api/idempotency.h"
#include "server/api/parameters.h"
#include "server/api/problem.h"

#include <stdlib.h>

#define MAX_REQUEST_ID 128
#define ARENA_BYTES ((size_t)512 << 20)
/* Of bodies that no command wants. */
#define IGNORED_BODY_BYTES ((uint64_t)64 << 10)

/* Kept with the request between the two threads. */
struct begun {
    struct rh_route route;
    unsigned id_len;
    char id[MAX_REQUEST_ID];
};
_Static_assert(sizeof(struct begun) <= RH_WEB_ROOM, "kept in the request's room");

static struct begun *begun_of(struct rh_web_request *request)
{
    return (struct begun *)(void *)request->room;
}

static bool is_sane_id(struct rh_text id)
{
    if (id.len == 0 || id.len > MAX_REQUEST_ID)
        return false;
    for (size_t i = 0; i < id.len; i++) {
        char c = id.data[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '.' || c == '_' || c == '-'))
            return false;
    }
    return true;
}

static void set_id(struct rh_web_request *request, struct begun *begun)
{
    struct rh_text id = rh_web_request_header(request, "X-Request-Id");
    char made[RH_ID_SIZE];

    if (!is_sane_id(id)) {
        rh_id_make(made);
        id = rh_text_make(made, RH_ID_SIZE - 1);
    }
    memcpy(begun->id, id.data, id.len);
    begun->id_len = (unsigned)id.len;
}

static void start_call(struct rh_call *call, struct rh_api *api, struct rh_web_request *request)
{
    struct begun *begun = begun_of(request);

    *call = (struct rh_call){
        .api = api,
        .http = request,
        .command = begun->route.command,
        .position = begun->route.position,
        .request_id = {begun->id, begun->id_len},
        .query = request->query,
        .body = request->body,
    };
    if (!call->command)
        call->position = rh_command_count();
}

static void end_call(struct rh_call *call)
{
    uint64_t took_us = rh_clock_us() - call->http->received_us;

    rh_metrics_count(call->api->metrics, call->position, call->http->status, took_us);
    rh_log(RH_LOG_DEBUG, "request", "%s %.*s %u %llu us %.*s",
           rh_web_method_name(call->http->method), RH_TEXT_ARG(call->http->path),
           call->http->status, (unsigned long long)took_us, RH_TEXT_ARG(call->request_id));
}

/* ---- On the epoll thread ----------------------------------------------------------------- */

static void list_methods(unsigned allowed, struct rh_buf *text)
{
    for (unsigned i = 0; i < RH_WEB_OTHER; i++) {
        if (!(allowed & (1u << i)))
            continue;
        rh_buf_add_str(text, text->len ? ", " : "");
        rh_buf_add_str(text, rh_web_method_name((enum rh_web_method)i));
        if (i == RH_WEB_GET)
            rh_buf_add_str(text, ", HEAD");
    }
    rh_buf_add_str(text, text->len ? ", OPTIONS" : "OPTIONS");
}

static void add_allow(struct rh_call *call, const char *header, unsigned allowed)
{
    struct rh_buf text;

    rh_buf_init(&text, 256);
    list_methods(allowed, &text);
    rh_web_reply_header(call->http, header, rh_buf_text(&text));
    rh_buf_free(&text);
}

static void answer_options(struct rh_call *call, unsigned allowed)
{
    rh_call_reply_type(call, 204, NULL);
    add_allow(call, "Allow", allowed);
    if (!rh_web_request_header(call->http, "Access-Control-Request-Method").data)
        return;
    add_allow(call, "Access-Control-Allow-Methods", allowed);
    rh_web_reply_header(call->http, "Access-Control-Allow-Headers",
                        RH_TEXT("Authorization, Content-Type, Idempotency-Key, If-Match, "
                                "If-None-Match, Prefer, X-Api-Key, X-Request-Id"));
    rh_web_reply_header(call->http, "Access-Control-Max-Age", RH_TEXT("600"));
}

static void answer_wrong_method(struct rh_call *call, unsigned allowed)
{
    enum rh_web_method method = call->http->method;
    struct rh_error error = RH_ERROR_INIT;
    struct rh_buf text;

    rh_buf_init(&text, 256);
    list_methods(allowed, &text);
    rh_fail(&error, RH_INVALID, "%.*s does not take %s", RH_TEXT_ARG(call->http->path),
            method == RH_WEB_OTHER ? "this method" : rh_web_method_name(method));
    rh_error_hint(&error, "it takes %.*s", RH_TEXT_ARG(rh_buf_text(&text)));
    rh_error_code(&error, "method-not-allowed");
    rh_buf_free(&text);
    rh_call_problem(call, &error);
    add_allow(call, "Allow", allowed);
}

static void answer_no_command(struct rh_call *call, unsigned allowed)
{
    struct rh_error error = RH_ERROR_INIT;

    if (!allowed) {
        rh_fail(&error, RH_NOT_FOUND, "there is nothing at %.*s", RH_TEXT_ARG(call->http->path));
        rh_error_code(&error, "unknown-route");
        rh_error_hint(&error, "all addresses are listed at /docs");
        rh_call_problem(call, &error);
        return;
    }
    if (call->http->method == RH_WEB_OPTIONS) {
        answer_options(call, allowed);
        return;
    }
    answer_wrong_method(call, allowed);
}

static uint64_t body_bound(const struct rh_api *api, const struct rh_command *command)
{
    if (command->flags & RH_COMMAND_LARGE_BODY)
        return (uint64_t)api->config.numbers[RH_CONFIG_MAX_IMPORT_BYTES];
    if (command->body)
        return (uint64_t)api->config.numbers[RH_CONFIG_MAX_BODY_BYTES];
    return IGNORED_BODY_BYTES;
}

/* Of a datasource: the first two parameters of a path are the app and its name. A command of an app
 * is in the app's lane, an RPC in that of its command; what names none of them is bound by nobody. */
static uint32_t lane_of(const struct rh_route *route)
{
    uint64_t hash = 0;

    for (unsigned i = 0; i < route->n_segments && i < 2; i++)
        hash = hash * 31 + rh_hash(route->segments[i].data, route->segments[i].len);
    return (uint32_t)(hash ^ hash >> 32);
}

/* Whether the command is one for this address: that of the metrics, or the other. */
static bool is_served(const struct rh_api *api, const struct rh_command *command, bool at_metrics)
{
    bool apart = *api->config.texts[RH_CONFIG_METRICS_LISTEN] != '\0';

    return !apart || at_metrics == ((command->flags & RH_COMMAND_METRICS) != 0);
}

static bool begin_at(struct rh_api *api, struct rh_web_request *request, bool at_metrics)
{
    struct begun *begun = begun_of(request);
    struct rh_error error = RH_ERROR_INIT;
    struct rh_call call;
    bool found;

    set_id(request, begun);
    found = rh_router_find(api->router, request->method, request->path, &begun->route);
    if (found && !is_served(api, begun->route.command, at_metrics)) {
        begun->route = (struct rh_route){.command = NULL};
        found = false;
    }
    start_call(&call, api, request);
    if (!found) {
        answer_no_command(&call, begun->route.allowed);
    } else if (rh_access_check(&api->access, call.command, request, &error) != RH_OK) {
        rh_call_problem(&call, &error);
    } else if (call.command->flags & RH_COMMAND_INLINE) {
        if (call.command->run(&call, &error) != RH_OK)
            rh_call_problem(&call, &error);
    } else {
        request->max_body = body_bound(api, call.command);
        request->lane = lane_of(&begun->route);
        return true;
    }
    end_call(&call);
    return false;
}

static bool begin(void *context, struct rh_web_request *request)
{
    return begin_at(context, request, false);
}

static bool begin_metrics(void *context, struct rh_web_request *request)
{
    return begin_at(context, request, true);
}

static void refuse(void *context, struct rh_web_request *request, enum rh_web_refusal why)
{
    struct rh_error error = RH_ERROR_INIT;
    struct rh_call call;

    start_call(&call, context, request);
    switch (why) {
    case RH_WEB_REFUSE_BUSY:
        rh_fail(&error, RH_BUSY, "too many requests are waiting");
        break;
    case RH_WEB_REFUSE_TOO_LARGE:
        rh_fail(&error, RH_RESOURCE, "the body is larger than %llu bytes",
                (unsigned long long)request->max_body);
        rh_error_code(&error, "too-large");
        break;
    case RH_WEB_REFUSE_STORAGE:
        rh_fail(&error, RH_BUSY, "there is no room to keep the body");
        break;
    case RH_WEB_REFUSE_FRAMING:
        rh_fail(&error, RH_INVALID, "it is not clear where the body ends");
        rh_error_hint(&error, "send either one Content-Length or \"Transfer-Encoding: chunked\"");
        break;
    }
    rh_call_problem(&call, &error);
    end_call(&call);
}

/* ---- On a worker ------------------------------------------------------------------------- */

static void *worker_new(void *context)
{
    struct rh_call_worker *worker = calloc(1, sizeof(*worker));
    struct rh_error error = RH_ERROR_INIT;

    (void)context;
    if (!worker)
        return NULL;
    worker->arena = rh_arena_new(ARENA_BYTES);
    if (!worker->arena || rh_cancel_init(&worker->cancel, &error) != RH_OK) {
        rh_arena_free(worker->arena);
        free(worker);
        return NULL;
    }
    return worker;
}

static void worker_free(void *context, void *state)
{
    struct rh_call_worker *worker = state;

    (void)context;
    rh_cancel_fini(&worker->cancel);
    rh_arena_free(worker->arena);
    free(worker);
}

static void gone(void *context, void *state)
{
    struct rh_call_worker *worker = state;

    (void)context;
    rh_cancel_fire(&worker->cancel);
}

static struct rh_text media_type_of(struct rh_call *call)
{
    struct rh_text type = rh_web_request_header(call->http, "Content-Type");

    return type.data ? rh_text_trim(rh_text_cut(&type, ';')) : type;
}

static int check_coding(struct rh_call *call, struct rh_error *error)
{
    struct rh_text coding = rh_web_request_header(call->http, "Content-Encoding");

    if (call->body.len == 0 || coding.len == 0 || rh_text_is(coding, "identity"))
        return RH_OK;
    rh_fail(error, RH_INVALID, "bodies cannot be taken in the coding \"%.*s\"",
            RH_TEXT_ARG(coding));
    rh_error_code(error, "unsupported-media-type");
    return rh_error_hint(error, "send the body as it is");
}

static int prepare(struct rh_call *call, struct rh_idempotency *once,
                   enum rh_idempotency_state *state, struct rh_error *error)
{
    int rc = rh_parameters_take(call, &begun_of(call->http)->route, error);

    if (rc == RH_OK)
        rc = check_coding(call, error);
    if (rc == RH_OK && !(call->command->flags & RH_COMMAND_READ_ONLY))
        rc = rh_idempotency_begin(call, once, state, error);
    return rc;
}

/* 500 is for faults of the server alone: one behind a connector is the datasource's. */
static void answer_failure(struct rh_call *call, struct rh_error *error)
{
    if (error->error_class == RH_INTERNAL && call->datasource)
        rh_error_code(error, "datasource-failed");
    if (rh_problem_of(error)->status == 500)
        rh_log(RH_LOG_ERROR, "request", "%.*s %s: %s", RH_TEXT_ARG(call->request_id),
               call->command->name, error->message);
    rh_call_problem(call, error);
}

static void run_command(struct rh_call *call)
{
    enum rh_idempotency_state state = RH_IDEMPOTENCY_NONE;
    struct rh_error error = RH_ERROR_INIT;
    struct rh_idempotency once;
    int rc;

    rc = prepare(call, &once, &state, &error);
    if (rc == RH_OK && state != RH_IDEMPOTENCY_REPEATED)
        rc = call->command->run(call, &error);
    if (rc != RH_OK && !call->streaming)
        answer_failure(call, &error);
    if (state == RH_IDEMPOTENCY_FIRST)
        rh_idempotency_end(call, &once, rc);
}

static void run(void *context, void *state, struct rh_web_request *request)
{
    struct rh_call_worker *worker = state;
    struct rh_api *api = context;
    struct rh_call call;

    start_call(&call, api, request);
    call.arena = worker->arena;
    call.media_type = media_type_of(&call);
    rh_cancel_rearm(&worker->cancel);
    call.patience_us = (uint64_t)api->config.numbers[RH_CONFIG_REQUEST_TIMEOUT_MS] * 1000;
    rh_operation_init(&call.op, worker->arena, &worker->cancel,
                      request->received_us + call.patience_us);
    call.op.abi.tenant = RH_TEXT("default");
    call.op.abi.user = RH_TEXT("administrator");
    call.op.abi.request_id = call.request_id;
    run_command(&call);
    end_call(&call);
    if (call.datasource)
        rh_datasource_unref(call.datasource);
    rh_arena_reset(worker->arena);
}

const struct rh_web_handler rh_api_handler = {
    .begin = begin,
    .run = run,
    .refuse = refuse,
    .gone = gone,
    .worker_new = worker_new,
    .worker_free = worker_free,
};

const struct rh_web_handler rh_api_metrics_handler = {
    .begin = begin_metrics,
    .run = run,
    .refuse = refuse,
    .gone = gone,
    .worker_new = worker_new,
    .worker_free = worker_free,
};
