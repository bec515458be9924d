/*
 * Connections: a client of the host's HTTP service, and what all requests have in common.
 *
 * Connecting lists one collection, so a wrong key, project or database is told at once. An emulator
 * takes the bearer token "owner" for one that may do everything.
 */
#include "firestore.h"

#include <stdlib.h>
#include <string.h>

#define ANSWER_BYTES ((size_t)256 << 20)
#define PROBLEM_BYTES ((size_t)64 << 10)

static const struct rh_http_header headers[] = {
    {RH_TEXT_INIT("Accept"), RH_TEXT_INIT("application/json")},
    {RH_TEXT_INIT("Content-Type"), RH_TEXT_INIT("application/json")},
};

static int open_client(struct rh_conn *conn, struct rh_error *error)
{
    const struct rh_firestore_config *config = &conn->config;
    struct rh_http_options options = {
        .struct_size = sizeof(options),
        .base_url = rh_text_of(config->url),
        .ca = rh_text_of(config->ca),
        .retries = config->retries,
    };

    if (config->email) {
        options.auth = RH_HTTP_AUTH_OAUTH2_JWT;
        options.token_url = rh_text_of(config->token_url);
        options.user = rh_text_of(config->email);
        options.secret = rh_text_of(config->private_key);
        options.scope = RH_TEXT("https://www.googleapis.com/auth/datastore");
    } else {
        options.auth = RH_HTTP_AUTH_BEARER;
        options.secret = RH_TEXT("owner");
    }
    return conn->host->http->client_new(conn->host, &options, &conn->client, error);
}

int32_t rh_firestore_connect(const struct rh_host *host, const struct rh_op *op,
                             const struct rh_settings *settings, struct rh_conn **ret_conn,
                             struct rh_error *error)
{
    struct rh_conn *conn = calloc(1, sizeof(*conn));
    int rc;

    if (!conn)
        return rh_fail_nomem(error);
    conn->host = host;
    rc = rh_firestore_config_init(&conn->config, settings, error);
    if (rc == RH_OK)
        rc = open_client(conn, error);
    if (rc == RH_OK)
        rc = rh_firestore_ping(conn, op, error);
    if (rc) {
        rh_firestore_close(conn);
        return rc;
    }
    *ret_conn = conn;
    return RH_OK;
}

void rh_firestore_close(struct rh_conn *conn)
{
    if (conn->cursor)
        rh_firestore_finish(conn->cursor);
    if (conn->client)
        conn->host->http->client_free(conn->client);
    rh_rowset_fini(&conn->returned);
    rh_firestore_config_fini(&conn->config);
    free(conn);
}

int32_t rh_firestore_ping(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    struct rh_arena *arena = rh_arena_new(ANSWER_BYTES);
    struct rh_json *answer = NULL;
    struct rh_buf body;
    int rc;

    if (!arena)
        return rh_fail_nomem(error);
    rh_buf_init(&body, 64);
    rh_buf_add_str(&body, "{\"pageSize\":1}");
    rc = rh_firestore_call(conn, op, ":listCollectionIds", &body, true, "cannot connect", arena,
                           &answer, error);
    if (rc == RH_OK && answer->kind != RH_JSON_OBJECT)
        rc = rh_fail(error, RH_PROTOCOL, "the server is no Firestore");
    rh_buf_free(&body);
    rh_arena_free(arena);
    return rc;
}

void rh_firestore_cancel(struct rh_conn *conn)
{
    conn->host->http->cancel(conn->client);
}

/* ---- Errors -------------------------------------------------------------------------------- */

/* google.rpc.Code, where it says more than the status. */
static const struct meaning {
    const char *status;
    int error_class;
} meanings[] = {
    {"UNAUTHENTICATED", RH_AUTH},
    {"PERMISSION_DENIED", RH_PERMISSION},
    {"NOT_FOUND", RH_NOT_FOUND},
    {"ALREADY_EXISTS", RH_CONSTRAINT},
    {"FAILED_PRECONDITION", RH_CONFLICT},
    {"ABORTED", RH_CONFLICT},
    {"RESOURCE_EXHAUSTED", RH_RATE_LIMITED},
    {"INVALID_ARGUMENT", RH_INVALID},
    {"OUT_OF_RANGE", RH_INVALID},
    {"DEADLINE_EXCEEDED", RH_TIMEOUT},
    {"UNIMPLEMENTED", RH_UNSUPPORTED},
    {"UNAVAILABLE", RH_UNAVAILABLE},
};

/* `{"error": {…}}`, or an array of it, from a method that streams. */
static const struct rh_json *said_by(struct rh_arena *arena, struct rh_text body)
{
    struct rh_json *answer = NULL;

    if (!arena || rh_json_parse(arena, body, &answer, NULL))
        return NULL;
    if (answer->kind == RH_JSON_ARRAY)
        answer = answer->child;
    return rh_json_member(answer, "error");
}

static bool mentions(struct rh_text text, const char *word)
{
    return text.data && memmem(text.data, text.len, word, strlen(word)) != NULL;
}

static void advise(struct rh_error *error, struct rh_text status, struct rh_text message)
{
    const char *link = message.data ? memmem(message.data, message.len, "https://", 8) : NULL;
    size_t n = link ? (size_t)(message.data + message.len - link) : 0;

    if (rh_text_is(status, "FAILED_PRECONDITION") && mentions(message, "index")) {
        error->error_class = RH_UNSUPPORTED;
        error->retry = RH_RETRY_NEVER;
        rh_error_code(error, "needs-index");
        while (n && link[n - 1] <= ' ')
            n--;
        if (n && n < sizeof(error->hint) - 32)
            rh_error_hint(error, "create the index: %.*s", (int)n, link);
        else
            rh_error_hint(error, "create the index that the query needs in the Firebase console");
    } else if (error->error_class == RH_CONSTRAINT) {
        error->constraint = RH_CONSTRAINT_UNIQUE;
    } else if (error->error_class == RH_NOT_FOUND && mentions(message, "database")) {
        error->error_class = RH_CONFIG;
        rh_error_hint(error, "look at \"project\" and \"database\", or create the database");
    }
}

static int fail_answer(struct rh_error *error, uint32_t status, struct rh_text body,
                       const char *what)
{
    struct rh_error own = RH_ERROR_INIT, *to = error ? error : &own;
    struct rh_arena *arena = rh_arena_new(PROBLEM_BYTES * 16);
    const struct rh_json *said = said_by(arena, body);
    struct rh_text message = rh_json_string(said, "message");
    struct rh_text code = rh_json_string(said, "status");

    if (message.data && rh_text_is_utf8(message)) {
        rh_http_fail(to, status, rh_text_make(NULL, 0), "%s: %.*s", what,
                     (int)(message.len < 150 ? message.len : 150), message.data);
        for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++)
            if (rh_text_is(code, meanings[i].status))
                to->error_class = meanings[i].error_class;
        advise(to, code, message);
    } else {
        rh_http_fail(to, status, body, "%s", what);
    }
    rh_arena_free(arena);
    return to->error_class;
}

/* ---- Requests ------------------------------------------------------------------------------ */

struct rh_http_request rh_firestore_request(struct rh_buf *url, const struct rh_conn *conn,
                                            const char *method, const struct rh_buf *body,
                                            bool safe)
{
    rh_buf_clear(url);
    rh_buf_addf(url, "/v1/%s%s", conn->config.root, method);
    return (struct rh_http_request){
        .struct_size = sizeof(struct rh_http_request),
        .flags = safe ? RH_HTTP_SAFE : 0,
        .method = RH_TEXT("POST"),
        .url = rh_buf_text(url),
        .headers = headers,
        .n_headers = 2,
        .body = rh_buf_text(body),
    };
}

int rh_firestore_call(struct rh_conn *conn, const struct rh_op *op, const char *method,
                      const struct rh_buf *body, bool safe, const char *what,
                      struct rh_arena *arena, struct rh_json **ret_answer, struct rh_error *error)
{
    struct rh_http_request request;
    struct rh_buf url, answer;
    uint32_t status = 0;
    int rc = RH_OK;

    rh_buf_init(&url, 65536);
    rh_buf_init(&answer, ANSWER_BYTES / 4);
    request = rh_firestore_request(&url, conn, method, body, safe);
    if (url.failed || body->failed)
        rc = rh_fail(error, RH_RESOURCE, "%s: the request is too large", what);
    if (rc == RH_OK)
        rc = rh_http_fetch(conn->host->http, conn->client, op, &request, &answer, &status, error);
    if (rc == RH_OK && rh_http_class(status) != RH_OK)
        rc = fail_answer(error, status, rh_buf_text(&answer), what);
    if (rc == RH_OK)
        rc = rh_http_parse(arena, &answer, what, ret_answer, error);
    rh_buf_free(&url);
    rh_buf_free(&answer);
    return rc;
}

static int read_problem(struct rh_http_documents *documents, const struct rh_op *op,
                        const struct rh_http_answer *answer, const char *what,
                        struct rh_error *error)
{
    struct rh_text piece;
    struct rh_buf body;
    int rc;

    rh_buf_init(&body, PROBLEM_BYTES);
    while (!body.failed && documents->http->read(documents->exchange, op, &piece, NULL) == RH_OK)
        rh_buf_add_text(&body, piece);
    rc = fail_answer(error, answer->status, rh_buf_text(&body), what);
    if (error)
        error->retry_after_ms = answer->retry_after_ms;
    rh_buf_free(&body);
    return rc;
}

int rh_firestore_stream(struct rh_conn *conn, const struct rh_op *op,
                        const struct rh_http_request *request, const char *what,
                        struct rh_http_documents *ret_documents, struct rh_error *error)
{
    struct rh_http_answer answer = {.struct_size = sizeof(answer)};
    const struct rh_http *http = conn->host->http;
    int rc;

    *ret_documents = (struct rh_http_documents){.http = http};
    rh_json_stream_init(&ret_documents->stream, "", RH_FIRESTORE_DOCUMENT_BYTES);
    rc = http->send(conn->client, op, request, &ret_documents->exchange, error);
    if (rc == RH_OK)
        rc = http->answer(ret_documents->exchange, op, &answer, error);
    if (rc == RH_OK && (answer.status < 200 || answer.status > 299))
        rc = read_problem(ret_documents, op, &answer, what, error);
    return rc;
}

/* ---- Small things -------------------------------------------------------------------------- */
