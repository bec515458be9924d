/*
 * Connections: a client of the host's HTTP service, and what all requests have in common.
 *
 * Connecting asks the server who it is and, when a database is named, for that: so a wrong password
 * and a wrong name are told at once.
 */
#include "couchdb.h"

#include <stdlib.h>
#include <string.h>

#define ANSWER_BYTES ((size_t)256 << 20)

static const struct rh_http_header headers[] = {
    {RH_TEXT_INIT("Accept"), RH_TEXT_INIT("application/json")},
    {RH_TEXT_INIT("Content-Type"), RH_TEXT_INIT("application/json")},
};

static int open_client(struct rh_conn *conn, struct rh_error *error)
{
    const struct rh_couchdb_config *config = &conn->config;
    struct rh_http_options options = {
        .struct_size = sizeof(options),
        .auth = config->user ? RH_HTTP_AUTH_BASIC : RH_HTTP_AUTH_NONE,
        .base_url = rh_text_of(config->url),
        .user = rh_text_of(config->user),
        .secret = rh_text_of(config->password),
        .ca = rh_text_of(config->ca),
        .flags = config->insecure ? RH_HTTP_CLIENT_INSECURE : 0,
        .retries = config->retries,
    };

    return conn->host->http->client_new(conn->host, &options, &conn->client, error);
}

/* Somebody else may be faster: 412. */
static int make_database(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    struct rh_http_request request;
    struct rh_buf url, body;
    uint32_t status = 0;
    int rc;

    rh_buf_init(&url, 65536);
    rh_buf_init(&body, ANSWER_BYTES);
    rh_couchdb_add_database(conn, rh_text_make(NULL, 0), &url);
    request = rh_couchdb_request("PUT", &url, rh_text_make(NULL, 0), true);
    rc = rh_http_fetch(conn->host->http, conn->client, op, &request, &body, &status, error);
    if (rc == RH_OK && status != 412 && rh_http_class(status) != RH_OK)
        rc = rh_http_fail(error, status, rh_buf_text(&body), "cannot make the database");
    rh_buf_free(&url);
    rh_buf_free(&body);
    return rc;
}

static int find_database(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    int rc = rh_couchdb_ping(conn, op, error);

    if (rc != RH_NOT_FOUND || !conn->config.database || !conn->config.create)
        return rc;
    rh_error_clear(error);
    rc = make_database(conn, op, error);
    return rc == RH_OK ? rh_couchdb_ping(conn, op, error) : rc;
}

int32_t rh_couchdb_connect(const struct rh_host *host, const struct rh_op *op,
                           const struct rh_settings *settings, struct rh_conn **ret_conn,
                           struct rh_error *error)
{
    struct rh_conn *conn = calloc(1, sizeof(*conn));
    int rc;

    if (!conn)
        return rh_fail_nomem(error);
    conn->host = host;
    rc = rh_couchdb_config_init(&conn->config, settings, error);
    if (rc == RH_OK)
        rc = open_client(conn, error);
    if (rc == RH_OK)
        rc = find_database(conn, op, error);
    if (rc) {
        rh_couchdb_close(conn);
        return rc;
    }
    *ret_conn = conn;
    return RH_OK;
}

void rh_couchdb_close(struct rh_conn *conn)
{
    if (conn->cursor)
        rh_couchdb_finish(conn->cursor);
    if (conn->client)
        conn->host->http->client_free(conn->client);
    rh_rowset_fini(&conn->returned);
    rh_couchdb_config_fini(&conn->config);
    free(conn);
}

int32_t rh_couchdb_ping(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    struct rh_arena *arena = rh_arena_new(ANSWER_BYTES);
    struct rh_json *answer = NULL;
    struct rh_http_request request;
    struct rh_buf url;
    int rc;

    if (!arena)
        return rh_fail_nomem(error);
    rh_buf_init(&url, 65536);
    rh_buf_add_char(&url, '/');
    if (conn->config.database) {
        rh_buf_clear(&url);
        rh_couchdb_add_database(conn, rh_text_make(NULL, 0), &url);
    }
    request = rh_couchdb_request("GET", &url, rh_text_make(NULL, 0), true);
    rc = rh_couchdb_fetch(conn, op, &request,
                          conn->config.database ? "cannot open the database" : "cannot connect",
                          arena, &answer, error);
    if (rc == RH_OK && answer->kind != RH_JSON_OBJECT)
        rc = rh_fail(error, RH_PROTOCOL, "the server is no CouchDB");
    rh_buf_free(&url);
    rh_arena_free(arena);
    return rc;
}

void rh_couchdb_cancel(struct rh_conn *conn)
{
    conn->host->http->cancel(conn->client);
}

/* ---- Requests ------------------------------------------------------------------------------ */

int rh_couchdb_check_table(const struct rh_conn *conn, struct rh_text table, struct rh_error *error)
{
    const struct rh_couchdb_config *config = &conn->config;
    bool hidden = !config->database && rh_text_starts(table, "_"); /* _users, _replicator */

    if (table.len && !hidden &&
        (config->table_field || !config->database || rh_text_is(table, config->database)))
        return RH_OK;
    return rh_fail(error, RH_NOT_FOUND, "there is no table \"%.*s\"", RH_TEXT_ARG(table));
}

void rh_couchdb_add_database(const struct rh_conn *conn, struct rh_text table, struct rh_buf *url)
{
    rh_http_add_segment(url, conn->config.database ? rh_text_of(conn->config.database) : table);
}

struct rh_http_request rh_couchdb_request(const char *method, const struct rh_buf *url,
                                          struct rh_text body, bool safe)
{
    return (struct rh_http_request){
        .struct_size = sizeof(struct rh_http_request),
        .flags = safe ? RH_HTTP_SAFE : 0,
        .method = rh_text_of(method),
        .url = rh_buf_text(url),
        .headers = headers,
        .n_headers = body.data ? 2 : 1,
        .body = body,
    };
}

int rh_couchdb_fetch(struct rh_conn *conn, const struct rh_op *op,
                     const struct rh_http_request *request, const char *what,
                     struct rh_arena *arena, struct rh_json **ret_answer, struct rh_error *error)
{
    struct rh_buf body;
    uint32_t status;
    int rc;

    rh_buf_init(&body, ANSWER_BYTES / 4);
    rc = rh_http_fetch(conn->host->http, conn->client, op, request, &body, &status, error);
    if (rc == RH_OK && rh_http_class(status) != RH_OK)
        rc = rh_http_fail(error, status, rh_buf_text(&body), "%s", what);
    if (rc == RH_OK)
        rc = rh_http_parse(arena, &body, what, ret_answer, error);
    rh_buf_free(&body);
    return rc;
}

struct rh_text rh_couchdb_copy(const struct rh_conn *conn, const struct rh_op *op,
                               struct rh_text text)
{
    char *copy = text.data ? conn->host->alloc(op->arena, text.len + 1) : NULL;

    if (!copy)
        return rh_text_make(NULL, 0);
    memcpy(copy, text.data, text.len);
    return rh_text_make(copy, text.len);
}

/* ---- Documents ----------------------------------------------------------------------------- */

bool rh_couchdb_is_row(const struct rh_conn *conn, struct rh_text table,
                       const struct rh_json *document)
{
    struct rh_text id = rh_json_string(document, RH_COUCHDB_ID), kind;

    if (!id.data || rh_text_starts(id, "_design/"))
        return false;
    if (!conn->config.table_field)
        return true;
    kind = rh_json_string(document, conn->config.table_field);
    return kind.data && rh_text_equal(kind, table);
}

int rh_couchdb_has_documents(struct rh_conn *conn, const struct rh_op *op, struct rh_text table,
                             struct rh_arena *arena, bool *ret_any, struct rh_error *error)
{
    const struct rh_json *docs;
    struct rh_json *answer = NULL;
    struct rh_http_request request;
    struct rh_buf url, body;
    int rc;

    rh_buf_init(&url, 65536);
    rh_buf_init(&body, 65536);
    rh_couchdb_add_database(conn, table, &url);
    rh_buf_add_str(&url, "/_find");
    rh_buf_add_str(&body, "{\"selector\":{");
    rh_json_add_string(&body, rh_text_of(conn->config.table_field));
    rh_buf_add_str(&body, ":{\"$eq\":");
    rh_json_add_string(&body, table);
    rh_buf_add_str(&body, "}},\"fields\":[\"_id\"],\"limit\":1}");
    request = rh_couchdb_request("POST", &url, rh_buf_text(&body), true);
    rc = rh_couchdb_fetch(conn, op, &request, "cannot look for documents of the table", arena,
                          &answer, error);
    rh_buf_free(&url);
    rh_buf_free(&body);
    docs = rh_json_member(answer, "docs");
    if (rc == RH_OK)
        *ret_any = docs && docs->n;
    return rc;
}
