/*
 * Native queries: a request, as CouchDB's own documentation writes it,
 *
 *     METHOD /path[?query] [body]
 *
 *     GET  /shop/_design/sales/_view/by_day?group=true
 *     GET  /shop/$1/photo.png                                  an attachment
 *     POST /_replicate {"source": $1, "target": $2, "create_target": true}
 *
 * $1, $2, … are parameters: in the path and the query their text, percent-encoded; in the body, which
 * is JSON, their JSON. An answer that has an array of rows (`rows`, `docs`, `results`, or is one) has a
 * row for each, else one, all in the column `answer`. What is no JSON has the columns `content` and
 * `content_type`.
 *
 * With the setting `database` only that database is reached. A read-only operation sends what CouchDB
 * itself takes for a reading: GET, HEAD, and POST to _find, _all_docs and the like.
 */
#include "couchdb.h"

#include "connector/json_cell.h"

#include <stdlib.h>
#include <string.h>

#define ANSWER_BYTES ((size_t)64 << 20)
#define TEXT_BYTES ((size_t)64 << 20)
#define MAX_PARAMETERS 1000

struct rh_couchdb_answer {
    struct rh_arena *arena;
    const struct rh_json *item; /* the next row; NULL: no more */
    bool is_list;               /* item has siblings */
    struct rh_buf content;      /* of an answer that is no JSON */
    struct rh_text type;        /* its media type, in the arena; no text: it is JSON */
};

struct request {
    const struct rh_native_spec *spec;
    struct rh_text method;
    struct rh_buf path, body;
    bool used[MAX_PARAMETERS];
};

/* ---- Reading the text ---------------------------------------------------------------------- */

static int fail_text(struct rh_error *error, const char *what)
{
    rh_fail(error, RH_INVALID, "%s", what);
    return rh_error_hint(error, "it looks like: GET /database/_all_docs?limit=$1, or: POST "
                                "/database/_find {\"selector\": {\"kind\": $1}}");
}

/* The parameter that "$12" at the front of the text names; NULL when it is none. */
static const struct rh_value *parameter(struct request *r, struct rh_text text, uint64_t *ret_len,
                                        struct rh_error *error)
{
    uint64_t n = 0, i = 1;

    for (; i < text.len && text.data[i] >= '0' && text.data[i] <= '9' && n < MAX_PARAMETERS; i++)
        n = n * 10 + (uint64_t)(text.data[i] - '0');
    if (n == 0 || n > r->spec->n_parameters || n > MAX_PARAMETERS) {
        rh_fail(error, RH_INVALID, "there is no parameter $%llu", (unsigned long long)n);
        return NULL;
    }
    *ret_len = i;
    r->used[n - 1] = true;
    return &r->spec->parameters[n - 1];
}

static bool is_parameter(struct rh_text text, uint64_t i)
{
    return text.data[i] == '$' && i + 1 < text.len && text.data[i + 1] >= '0' &&
           text.data[i + 1] <= '9';
}

static void add_encoded(struct rh_buf *path, struct rh_text text)
{
    static const char digits[] = "0123456789ABCDEF";

    for (uint64_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        bool plain = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
                     c == '-' || c == '_' || c == '~';

        if (plain || (c == '.' && text.len > 2)) {
            rh_buf_add_char(path, (char)c);
            continue;
        }
        rh_buf_add_char(path, '%');
        rh_buf_add_char(path, digits[c >> 4]);
        rh_buf_add_char(path, digits[c & 15]);
    }
}

static int read_path(struct request *r, struct rh_text path, struct rh_error *error)
{
    for (uint64_t i = 0; i < path.len;) {
        const struct rh_value *value;
        struct rh_buf text;
        uint64_t n = 0;

        if (path.data[i] <= ' ' || path.data[i] == '#' || path.data[i] == 0x7f)
            return fail_text(error, "the path has a character that no path has");
        if (!is_parameter(path, i)) {
            rh_buf_add_char(&r->path, path.data[i++]);
            continue;
        }
        value = parameter(r, rh_text_make(path.data + i, path.len - i), &n, error);
        if (!value)
            return RH_INVALID;
        rh_buf_init(&text, TEXT_BYTES);
        rh_couchdb_add_key_text(value, &text);
        add_encoded(&r->path, rh_buf_text(&text));
        r->path.failed = r->path.failed || text.failed;
        rh_buf_free(&text);
        i += n;
    }
    return RH_OK;
}

/* A parameter inside of a JSON string is no parameter. */
static int read_body(struct request *r, struct rh_text body, struct rh_error *error)
{
    bool in_string = false;

    for (uint64_t i = 0; i < body.len;) {
        const struct rh_value *value;
        uint64_t n = 0;

        if (in_string && body.data[i] == '\\' && i + 1 < body.len)
            rh_buf_add_char(&r->body, body.data[i++]);
        else if (body.data[i] == '"')
            in_string = !in_string;
        if (in_string || !is_parameter(body, i)) {
            rh_buf_add_char(&r->body, body.data[i++]);
            continue;
        }
        value = parameter(r, rh_text_make(body.data + i, body.len - i), &n, error);
        if (!value)
            return RH_INVALID;
        if (rh_json_add_value(&r->body, value, error) != RH_OK)
            return RH_DATA;
        i += n;
    }
    return RH_OK;
}

static int read_text(struct request *r, struct rh_arena *arena, struct rh_error *error)
{
    static const char *const methods[] = {"GET", "HEAD", "POST", "PUT", "DELETE"};
    struct rh_text rest = rh_text_trim(r->spec->text), path;
    struct rh_json *json = NULL;
    bool known = false;
    int rc;

    r->method = rh_text_cut(&rest, ' ');
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
        known = known || rh_text_is(r->method, methods[i]);
    rest = rest.data ? rh_text_trim(rest) : rest;
    if (!known || !rest.len || rest.data[0] != '/')
        return fail_text(error, "the text is no request: METHOD /path, and maybe a body");
    path = rh_text_make(rest.data, 0);
    while (path.len < rest.len && !strchr(" \t\r\n", rest.data[path.len]))
        path.len++;
    rest = rh_text_trim(rh_text_make(rest.data + path.len, rest.len - path.len));
    rc = read_path(r, path, error);
    if (rc == RH_OK)
        rc = read_body(r, rest, error);
    if (rc == RH_OK && (r->path.failed || r->body.failed))
        return rh_fail_nomem(error);
    if (rc == RH_OK && r->body.len)
        rc = rh_json_parse(arena, rh_buf_text(&r->body), &json, error);
    for (uint32_t i = 0; i < r->spec->n_parameters && rc == RH_OK; i++)
        if (i >= MAX_PARAMETERS || !r->used[i])
            rc = rh_fail(error, RH_INVALID, "the parameter $%u is not used", i + 1);
    return rc;
}

/* ---- What may be sent ---------------------------------------------------------------------- */

/* Without the query. */
static struct rh_text path_of(const struct request *r)
{
    struct rh_text path = rh_buf_text(&r->path);
    const char *query = memchr(path.data, '?', path.len);

    return query ? rh_text_make(path.data, (size_t)(query - path.data)) : path;
}

/* The segments of the path, from the last to the first; no text: there is no other. */
static struct rh_text last_segment(struct rh_text *path)
{
    struct rh_text segment = {path->data + path->len, 0};

    while (path->len && path->data[path->len - 1] != '/') {
        path->len--;
        segment = rh_text_make(segment.data - 1, segment.len + 1);
    }
    path->len -= path->len > 0;
    return segment;
}

/* "." and "..", in any spelling, would be taken for steps. */
static bool has_steps(struct rh_text path)
{
    while (path.len) {
        struct rh_text segment = last_segment(&path);
        uint64_t dots = 0;

        for (uint64_t i = 0; i < segment.len; dots++) {
            bool encoded = segment.len - i >= 3 && memcmp(segment.data + i, "%2", 2) == 0 &&
                           (segment.data[i + 2] | 0x20) == 'e';

            if (!encoded && segment.data[i] != '.')
                break;
            i += encoded ? 3 : 1;
        }
        if (segment.len && dots &&
            (dots == segment.len || dots * 3 == segment.len || (dots == 2 && segment.len == 4)))
            return true;
    }
    return false;
}

static bool is_in_database(const struct rh_conn *conn, struct rh_text path)
{
    struct rh_buf database;
    bool is_in;

    if (!conn->config.database)
        return true;
    rh_buf_init(&database, 65536);
    rh_http_add_segment(&database, rh_text_of(conn->config.database));
    is_in = !database.failed && path.len >= database.len &&
            memcmp(path.data, database.data, database.len) == 0 &&
            (path.len == database.len || path.data[database.len] == '/');
    rh_buf_free(&database);
    return is_in;
}

static bool reads(const struct request *r)
{
    static const char *const posts[] = {"_find",     "_all_docs",    "_explain", "_bulk_get",
                                        "_changes",  "_design_docs", "queries",  "_revs_diff",
                                        "_dbs_info", "_local_docs"};
    struct rh_text path = path_of(r);
    struct rh_text last = last_segment(&path), before = last_segment(&path);

    if (!rh_text_is(r->method, "POST"))
        return rh_text_is(r->method, "GET") || rh_text_is(r->method, "HEAD");
    for (size_t i = 0; i < sizeof(posts) / sizeof(posts[0]); i++)
        if (rh_text_is(last, posts[i]))
            return true;
    return rh_text_is(before, "_view");
}

static int check(const struct rh_conn *conn, const struct rh_op *op, const struct request *r,
                 struct rh_error *error)
{
    struct rh_text path = path_of(r);

    if (has_steps(path))
        return fail_text(error, "the path has a step, . or ..");
    if (!is_in_database(conn, path))
        return rh_fail(error, RH_PERMISSION,
                       "the datasource is one database, \"%s\": no other is reached through it",
                       conn->config.database);
    if (op->flags & RH_OP_READ_ONLY && !reads(r))
        return rh_fail(error, RH_PERMISSION,
                       "the request may change data, but the operation is "
                       "read-only");
    return RH_OK;
}

/* ---- The answer ---------------------------------------------------------------------------- */

static int read_all(struct rh_conn *conn, const struct rh_op *op, const struct request *r,
                    struct rh_couchdb_answer *answer, struct rh_error *error)
{
    struct rh_text body = r->body.len ? rh_buf_text(&r->body) : rh_text_make(NULL, 0);
    struct rh_http_request request = rh_couchdb_request("GET", &r->path, body, false);
    struct rh_http_answer head = {.struct_size = sizeof(head)};
    const struct rh_http *http = conn->host->http;
    struct rh_http_exchange *exchange = NULL;
    struct rh_text piece;
    bool ok = true;
    int rc;

    request.method = r->method;
    rc = http->send(conn->client, op, &request, &exchange, error);
    if (rc == RH_OK)
        rc = http->answer(exchange, op, &head, error);
    if (rc == RH_OK &&
        !rh_text_starts(rh_http_header_of(&head, "content-type"), "application/json"))
        answer->type = rh_arena_text(answer->arena, rh_http_header_of(&head, "content-type"), &ok);
    while (rc == RH_OK && (rc = http->read(exchange, op, &piece, error)) == RH_OK) {
        rh_buf_add_text(&answer->content, piece);
        if (answer->content.failed || !ok)
            rc =
                rh_fail(error, RH_RESOURCE, "the answer has more than %zu MiB", ANSWER_BYTES >> 20);
    }
    http->close(exchange);
    if (rc != RH_END)
        return rc;
    if (rh_http_class(head.status) != RH_OK)
        return rh_http_fail(error, head.status, rh_buf_text(&answer->content),
                            "the request failed");
    return RH_OK;
}

/* What of a JSON answer are its rows. */
static void find_rows(struct rh_couchdb_answer *answer, const struct rh_json *json)
{
    static const char *const lists[] = {"rows", "docs", "results"};

    answer->item = json;
    if (json->kind == RH_JSON_ARRAY) {
        answer->is_list = true;
        answer->item = json->child;
    }
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        const struct rh_json *list = rh_json_member(json, lists[i]);

        if (!list || list->kind != RH_JSON_ARRAY)
            continue;
        answer->is_list = true;
        answer->item = list->child;
        return;
    }
}

static int take_answer(struct rh_couchdb_answer *answer, struct rh_error *error)
{
    struct rh_json *json = NULL;
    int rc;

    if (answer->type.data || !answer->content.len)
        return RH_OK;
    rc = rh_json_parse(answer->arena, rh_buf_text(&answer->content), &json, error);
    if (rc == RH_INVALID) {
        rh_error_clear(error);
        return rh_fail(error, RH_PROTOCOL, "the server's answer is not JSON");
    }
    if (rc == RH_OK)
        find_rows(answer, json);
    return rc;
}

/* Outcomes of _bulk_docs that are good; else the request is one change. */
static uint64_t count_affected(const struct rh_couchdb_answer *answer, const struct request *r)
{
    uint64_t n = 0;

    if (reads(r))
        return 0;
    if (!answer->is_list)
        return 1;
    for (const struct rh_json *item = answer->item; item; item = item->next)
        n += !rh_json_member(item, "error");
    return n;
}

void rh_couchdb_answer_free(struct rh_couchdb_answer *answer)
{
    if (!answer)
        return;
    rh_arena_free(answer->arena);
    rh_buf_free(&answer->content);
    free(answer);
}

static const struct rh_column answer_columns[] = {
    {.name = RH_TEXT_INIT("answer"),
     .native_type = RH_TEXT_INIT("json"),
     .type = RH_TYPE_JSON,
     .native_id = RH_TYPE_BIT(RH_TYPE_JSON)},
};
static const struct rh_column content_columns[] = {
    {.name = RH_TEXT_INIT("content"),
     .native_type = RH_TEXT_INIT("attachment"),
     .type = RH_TYPE_BYTES,
     .native_id = RH_TYPE_BIT(RH_TYPE_BYTES)},
    {.name = RH_TEXT_INIT("content_type"),
     .native_type = RH_TEXT_INIT("string"),
     .type = RH_TYPE_TEXT,
     .native_id = RH_TYPE_BIT(RH_TYPE_TEXT)},
};

int32_t rh_couchdb_answer_next(struct rh_cursor *cursor, uint32_t max_rows,
                               struct rh_batch *ret_batch, struct rh_error *error)
{
    struct rh_couchdb_answer *answer = cursor->answer;
    struct rh_value *cells;

    rh_rowset_clear(&cursor->rows, max_rows);
    if (answer->type.data) {
        cells = rh_rowset_row(&cursor->rows);
        if (cells) {
            rh_rowset_bytes(&cursor->rows, &cells[0], RH_TYPE_BYTES,
                            rh_buf_text(&answer->content).data, answer->content.len);
            rh_rowset_bytes(&cursor->rows, &cells[1], RH_TYPE_TEXT, answer->type.data,
                            answer->type.len);
        }
        answer->type = rh_text_make(NULL, 0);
    }
    while (answer->item && rh_rowset_has_room(&cursor->rows)) {
        cells = rh_rowset_row(&cursor->rows);
        if (!cells)
            break;
        rh_rowset_bytes(&cursor->rows, &cells[0], RH_TYPE_JSON, answer->item->source.data,
                        answer->item->source.len);
        answer->item = answer->is_list ? answer->item->next : NULL;
    }
    return rh_rowset_batch(&cursor->rows, ret_batch, error);
}

/* ---- The call ------------------------------------------------------------------------------ */

static int open_answer(struct rh_conn *conn, struct rh_couchdb_answer *answer,
                       struct rh_native_result *ret_result, struct rh_error *error)
{
    bool is_content = answer->type.data != NULL;
    const struct rh_column *columns = is_content ? content_columns : answer_columns;
    uint32_t n = is_content ? 2 : 1;
    int rc = rh_couchdb_cursor_new(conn, RH_TEXT(""), columns, n, sizeof(*columns), NULL, n,
                                   &ret_result->cursor, error);

    if (rc) {
        rh_couchdb_answer_free(answer);
        return rc;
    }
    ret_result->columns = columns;
    ret_result->n_columns = n;
    ret_result->cursor->answer = answer;
    return RH_OK;
}

static int32_t run(struct rh_conn *conn, const struct rh_op *op, const struct rh_native_spec *spec,
                   struct rh_native_result *ret_result, struct rh_error *error)
{
    struct rh_couchdb_answer *answer = calloc(1, sizeof(*answer));
    struct request r = {.spec = spec};
    int rc = answer ? RH_OK : rh_fail_nomem(error);

    rh_buf_init(&r.path, 1 << 20);
    rh_buf_init(&r.body, TEXT_BYTES);
    if (rc == RH_OK) {
        rh_buf_init(&answer->content, ANSWER_BYTES);
        answer->arena = rh_arena_new(ANSWER_BYTES * 16);
        rc = answer->arena ? RH_OK : rh_fail_nomem(error);
    }
    if (rc == RH_OK && conn->cursor)
        rc = rh_fail(error, RH_INVALID, "the connection has an open cursor");
    if (rc == RH_OK)
        rc = rh_kit_check(conn->host, op, error);
    if (rc == RH_OK)
        rc = read_text(&r, answer->arena, error);
    if (rc == RH_OK)
        rc = check(conn, op, &r, error);
    if (rc == RH_OK)
        rc = read_all(conn, op, &r, answer, error);
    if (rc && r.path.len && !reads(&r))
        rc = rh_http_as_unknown(rc, "the documents were", error);
    if (rc == RH_OK)
        rc = take_answer(answer, error);
    if (rc == RH_OK)
        ret_result->n_affected = count_affected(answer, &r);
    if (rc == RH_OK && (answer->type.data || answer->item || answer->is_list))
        rc = open_answer(conn, answer, ret_result, error);
    else
        rh_couchdb_answer_free(answer);
    rh_buf_free(&r.path);
    rh_buf_free(&r.body);
    return rc;
}

const struct rh_native rh_couchdb_native = {
    .struct_size = sizeof(rh_couchdb_native),
    .language = RH_TEXT_INIT("CouchDB request"),
    .run = run,
};
