/*
 * Connections: a client of the host's HTTP service, and what all requests have in common.
 *
 * DynamoDB answers errors with 400 and the name of an exception, which says more than the status does.
 * What it throttles it has not done; a request that was throttled is repeated here, since one of the many
 * of a scan must not end it.
 */
#include "dynamodb.h"

#include "base/rand.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#define PROBLEM_BYTES ((size_t)256 << 10)
#define MESSAGE_BYTES 350u /* of DynamoDB's own words */
#define SCHEMA_BYTES ((size_t)64 << 20)
#define FIRST_WAIT_US UINT64_C(25000)
#define LONGEST_WAIT_US UINT64_C(1000000)
#define SLICE_MS 100 /* a cancel is seen within */

static int open_client(struct rh_conn *conn, struct rh_error *error)
{
    const struct rh_dynamodb_config *config = &conn->config;
    struct rh_http_options options = {
        .struct_size = sizeof(options),
        .auth = RH_HTTP_AUTH_SIGV4,
        .base_url = rh_text_of(config->endpoint),
        .user = rh_text_of(config->access_key),
        .secret = rh_text_of(config->secret_key),
        .token = rh_text_of(config->session_token),
        .region = rh_text_of(config->region),
        .service = RH_TEXT("dynamodb"),
        .retries = config->retries,
    };

    return conn->host->http->client_new(conn->host, &options, &conn->client, error);
}

int32_t rh_dynamodb_connect(const struct rh_host *host, const struct rh_op *op,
                            const struct rh_settings *settings, struct rh_conn **ret_conn,
                            struct rh_error *error)
{
    struct rh_conn *conn = calloc(1, sizeof(*conn));
    int rc;

    if (!conn)
        return rh_fail_nomem(error);
    conn->host = host;
    atomic_init(&conn->cancelled, false);
    rh_map_init(&conn->schema_of);
    conn->schemas = rh_arena_new(SCHEMA_BYTES);
    rc = conn->schemas ? rh_dynamodb_config_init(&conn->config, settings, error)
                       : rh_fail_nomem(error);
    if (rc == RH_OK)
        rc = open_client(conn, error);
    if (rc == RH_OK)
        rc = rh_dynamodb_ping(conn, op, error);
    if (rc) {
        rh_dynamodb_close(conn);
        return rc;
    }
    *ret_conn = conn;
    return RH_OK;
}

void rh_dynamodb_close(struct rh_conn *conn)
{
    if (conn->cursor)
        rh_dynamodb_finish(conn->cursor);
    if (conn->client)
        conn->host->http->client_free(conn->client);
    rh_rowset_fini(&conn->returned);
    rh_map_free(&conn->schema_of);
    rh_arena_free(conn->schemas);
    rh_dynamodb_config_fini(&conn->config);
    free(conn);
}

int32_t rh_dynamodb_ping(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    struct rh_arena *arena = rh_arena_new(PROBLEM_BYTES * 4);
    struct rh_json *answer = NULL;
    int rc = arena ? rh_dynamodb_begin(conn, op, error) : rh_fail_nomem(error);

    if (rc == RH_OK)
        rc = rh_dynamodb_call(conn, op, "ListTables", RH_TEXT("{\"Limit\":1}"), true,
                              "cannot connect", arena, &answer, error);
    if (rc == RH_OK && !rh_json_member(answer, "TableNames"))
        rc = rh_fail(error, RH_PROTOCOL, "the server is no DynamoDB");
    rh_arena_free(arena);
    return rc;
}

void rh_dynamodb_cancel(struct rh_conn *conn)
{
    atomic_store(&conn->cancelled, true);
    conn->host->http->cancel(conn->client);
}

int rh_dynamodb_begin(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    atomic_store(&conn->cancelled, false);
    return rh_kit_check(conn->host, op, error);
}

/* ---- Errors -------------------------------------------------------------------------------- */

static const struct problem {
    const char *name; /* behind the '#' of __type, as far as "Exception" */
    int error_class;
    uint32_t retry;
} problems[] = {
    {"ResourceNotFound", RH_NOT_FOUND, RH_RETRY_NEVER},
    {"TableNotFound", RH_NOT_FOUND, RH_RETRY_NEVER},
    {"ResourceInUse", RH_BUSY, RH_RETRY_SAFE},
    {"ProvisionedThroughputExceeded", RH_RATE_LIMITED, RH_RETRY_SAFE},
    {"Throttling", RH_RATE_LIMITED, RH_RETRY_SAFE},
    {"RequestLimitExceeded", RH_RATE_LIMITED, RH_RETRY_SAFE},
    {"LimitExceeded", RH_RATE_LIMITED, RH_RETRY_SAFE},
    {"ConditionalCheckFailed", RH_CONSTRAINT, RH_RETRY_NEVER},
    {"DuplicateItem", RH_CONSTRAINT, RH_RETRY_NEVER},
    {"TransactionConflict", RH_CONFLICT, RH_RETRY_SAFE},
    {"TransactionInProgress", RH_CONFLICT, RH_RETRY_SAFE},
    {"TransactionCanceled", RH_CONFLICT, RH_RETRY_NEVER},
    {"ItemCollectionSizeLimitExceeded", RH_RESOURCE, RH_RETRY_NEVER},
    {"UnrecognizedClient", RH_AUTH, RH_RETRY_NEVER},
    {"InvalidSignature", RH_AUTH, RH_RETRY_NEVER},
    {"IncompleteSignature", RH_AUTH, RH_RETRY_NEVER},
    {"MissingAuthenticationToken", RH_AUTH, RH_RETRY_NEVER},
    {"InvalidClientTokenId", RH_AUTH, RH_RETRY_NEVER},
    {"ExpiredToken", RH_AUTH, RH_RETRY_NEVER},
    {"AccessDenied", RH_PERMISSION, RH_RETRY_NEVER},
    {"Validation", RH_INVALID, RH_RETRY_NEVER},
    {"Serialization", RH_INVALID, RH_RETRY_NEVER},
    {"UnknownOperation", RH_UNSUPPORTED, RH_RETRY_NEVER},
    {"InternalServerError", RH_UNAVAILABLE, RH_RETRY_IF_IDEMPOTENT},
    {"InternalFailure", RH_UNAVAILABLE, RH_RETRY_IF_IDEMPOTENT},
    {"ServiceUnavailable", RH_UNAVAILABLE, RH_RETRY_IF_IDEMPOTENT},
};

/* "ResourceNotFoundException" */
static struct rh_text exception_of(const struct rh_json *answer)
{
    const struct rh_json *type = rh_json_member(answer, "__type");
    struct rh_text name = type && type->kind == RH_JSON_STRING ? type->text : (struct rh_text){0};
    const char *hash = name.len ? memrchr(name.data, '#', name.len) : NULL;

    return hash ? rh_text_make(hash + 1, name.len - (size_t)(hash + 1 - name.data)) : name;
}

static const struct problem *problem_of(struct rh_text exception)
{
    if (rh_text_ends(exception, "Exception"))
        exception.len -= strlen("Exception");
    for (size_t i = 0; i < sizeof(problems) / sizeof(problems[0]); i++)
        if (rh_text_is(exception, problems[i].name))
            return &problems[i];
    return NULL;
}

/* Services write it both ways. */
static struct rh_text message_of(const struct rh_json *answer)
{
    const struct rh_json *message = rh_json_member(answer, "message");

    message = message ? message : rh_json_member(answer, "Message");
    return message && message->kind == RH_JSON_STRING ? message->text : RH_TEXT("");
}

static int fail(struct rh_error *error, const struct rh_http_answer *answer, struct rh_text body,
                const struct rh_json *parsed, const char *what)
{
    struct rh_text exception = exception_of(parsed), message = message_of(parsed);
    const struct problem *problem = problem_of(exception);
    int rc;

    if (message.len > MESSAGE_BYTES)
        message.len = MESSAGE_BYTES;
    if (problem)
        rc = rh_fail(error, problem->error_class, "%s: %.*s (%.*s)", what, RH_TEXT_ARG(message),
                     RH_TEXT_ARG(exception));
    else
        rc = rh_http_fail(error, answer->status, body, "%s", what);
    if (!error)
        return rc;
    error->retry_after_ms = answer->retry_after_ms;
    error->native_code = answer->status;
    if (problem)
        error->retry = problem->retry;
    if (problem && problem->error_class == RH_CONSTRAINT)
        error->constraint = RH_CONSTRAINT_UNIQUE;
    return rc;
}

/* ---- Requests ------------------------------------------------------------------------------ */

int rh_dynamodb_back_off(struct rh_conn *conn, const struct rh_op *op, uint32_t attempt,
                         struct rh_error *error)
{
    uint64_t wait = attempt < 6 ? FIRST_WAIT_US << attempt : LONGEST_WAIT_US, end;
    struct pollfd cancel = {.fd = op->cancel_fd, .events = POLLIN};
    int rc;

    end = conn->host->now_us(conn->host) + wait / 2 + rh_rand_u64() % (wait / 2);
    while ((rc = rh_kit_check(conn->host, op, error)) == RH_OK) {
        uint64_t now = conn->host->now_us(conn->host);
        uint64_t ms = now < end ? (end - now) / 1000 + 1 : 0;

        if (atomic_load(&conn->cancelled))
            return rh_fail(error, RH_CANCELLED, "cancelled");
        if (!ms)
            return RH_OK;
        poll(&cancel, 1, ms < SLICE_MS ? (int)ms : SLICE_MS);
    }
    return rc;
}

static int send(struct rh_conn *conn, const struct rh_op *op, const char *action,
                struct rh_text body, bool safe, struct rh_http_exchange **ret_exchange,
                struct rh_http_answer *ret_answer, struct rh_error *error)
{
    char target[64] = "DynamoDB_20120810.";
    const struct rh_http_header headers[] = {
        {RH_TEXT_INIT("Content-Type"), RH_TEXT_INIT("application/x-amz-json-1.0")},
        {RH_TEXT_INIT("X-Amz-Target"), {target, strlen(target) + strlen(action)}},
    };
    struct rh_http_request request = {
        .struct_size = sizeof(request),
        .flags = safe ? RH_HTTP_SAFE : 0,
        .method = RH_TEXT("POST"),
        .url = RH_TEXT("/"),
        .headers = headers,
        .n_headers = 2,
        .body = body,
    };
    int rc;

    memcpy(target + strlen(target), action, strlen(action) + 1);
    *ret_answer = (struct rh_http_answer){.struct_size = sizeof(*ret_answer)};
    rc = conn->host->http->send(conn->client, op, &request, ret_exchange, error);
    if (rc == RH_OK)
        rc = conn->host->http->answer(*ret_exchange, op, ret_answer, error);
    return rc;
}

/* Parses what is there into the arena, its text too; NULL when it is no JSON. */
static int parse(struct rh_arena *arena, const struct rh_buf *body, struct rh_json **ret_value,
                 struct rh_error *error)
{
    struct rh_error ignored = RH_ERROR_INIT;
    bool ok = true;
    struct rh_text text = rh_arena_text(arena, rh_buf_text(body), &ok);
    int rc = ok ? rh_json_parse(arena, text, ret_value, &ignored) : RH_RESOURCE;

    if (rc == RH_RESOURCE)
        return rh_fail_nomem(error);
    if (rc)
        *ret_value = NULL;
    return RH_OK;
}

/* What an answer that is no success says. */
static int explain_failure(struct rh_conn *conn, const struct rh_op *op,
                           struct rh_http_exchange *exchange, const struct rh_http_answer *answer,
                           const char *what, struct rh_arena *arena, struct rh_json **ret_answer,
                           struct rh_error *error)
{
    struct rh_error ignored = RH_ERROR_INIT;
    struct rh_buf body;
    int rc;

    rh_buf_init(&body, PROBLEM_BYTES);
    rh_http_read_body(conn->host->http, exchange, op, &body, &ignored);
    body.failed = false;
    rc = parse(arena, &body, ret_answer, error);
    if (rc == RH_OK)
        rc = fail(error, answer, rh_buf_text(&body), *ret_answer, what);
    rh_buf_free(&body);
    return rc;
}

/* After an attempt that failed: RH_OK when there is to be another one. */
static int try_again(struct rh_conn *conn, const struct rh_op *op, int rc, uint32_t attempt,
                     struct rh_error *error)
{
    struct rh_error mine = RH_ERROR_INIT;

    if (rc != RH_RATE_LIMITED || attempt > conn->config.retries)
        return rc;
    if (rh_dynamodb_back_off(conn, op, attempt, &mine) != RH_OK) {
        if (mine.error_class == RH_CANCELLED && error)
            *error = mine;
        return mine.error_class == RH_CANCELLED ? RH_CANCELLED : rc;
    }
    rh_error_clear(error);
    return RH_OK;
}

static int attempt_call(struct rh_conn *conn, const struct rh_op *op, const char *action,
                        struct rh_text body, bool safe, const char *what, struct rh_arena *arena,
                        struct rh_json **ret_answer, struct rh_error *error)
{
    struct rh_http_exchange *exchange = NULL;
    struct rh_http_answer answer;
    struct rh_buf text;
    int rc = send(conn, op, action, body, safe, &exchange, &answer, error);

    rh_buf_init(&text, RH_DYNAMODB_ANSWER_BYTES);
    if (rc == RH_OK && answer.status != 200) {
        rc = explain_failure(conn, op, exchange, &answer, what, arena, ret_answer, error);
    } else if (rc == RH_OK) {
        rc = rh_http_read_body(conn->host->http, exchange, op, &text, error);
        if (rc == RH_OK)
            rc = parse(arena, &text, ret_answer, error);
        if (rc == RH_OK && (!*ret_answer || (*ret_answer)->kind != RH_JSON_OBJECT))
            rc = rh_fail(error, RH_PROTOCOL, "%s: the server's answer is no JSON object", what);
    }
    conn->host->http->close(exchange);
    rh_buf_free(&text);
    return rc;
}

int rh_dynamodb_call(struct rh_conn *conn, const struct rh_op *op, const char *action,
                     struct rh_text body, bool safe, const char *what, struct rh_arena *arena,
                     struct rh_json **ret_answer, struct rh_error *error)
{
    struct rh_json *answer = NULL;
    int rc;

    for (uint32_t attempt = 1;; attempt++) {
        answer = NULL;
        rc = attempt_call(conn, op, action, body, safe, what, arena, &answer, error);
        if (rc == RH_OK || (rc = try_again(conn, op, rc, attempt, error)) != RH_OK)
            break;
    }
    if (ret_answer)
        *ret_answer = answer;
    return rc;
}

int rh_dynamodb_stream(struct rh_conn *conn, const struct rh_op *op, const char *action,
                       struct rh_text body, const char *path, const char *what,
                       struct rh_http_documents *documents, struct rh_error *error)
{
    struct rh_http_answer answer;
    int rc;

    *documents = (struct rh_http_documents){.http = conn->host->http};
    rh_json_stream_init(&documents->stream, path, RH_DYNAMODB_ITEM_BYTES);
    for (uint32_t attempt = 1;; attempt++) {
        rc = send(conn, op, action, body, true, &documents->exchange, &answer, error);
        if (rc == RH_OK && answer.status != 200) {
            struct rh_arena *arena = rh_arena_new(PROBLEM_BYTES * 64);
            struct rh_json *ignored = NULL;

            rc = arena ? explain_failure(conn, op, documents->exchange, &answer, what, arena,
                                         &ignored, error)
                       : rh_fail_nomem(error);
            rh_arena_free(arena);
        }
        if (rc == RH_OK || (rc = try_again(conn, op, rc, attempt, error)) != RH_OK)
            return rc;
        conn->host->http->close(documents->exchange);
        documents->exchange = NULL;
    }
}
