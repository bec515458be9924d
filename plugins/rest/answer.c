/*
 * One request and the documents of its answer, whatever it is written in.
 *
 *   IDLE ──send──► SENT ──next: status, type──► READING ──► ENDED
 *
 * Rows come out of the stream one by one. A single JSON answer is read whole (it has a ceiling),
 * so it may come from the cache.
 */
#include "rest.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define DOCUMENT_BYTES (RH_REST_ROW_BYTES * 16) /* of the tree of one row */
#define PROBLEM_BYTES ((size_t)16 << 10)

#if RH_CSV_MORE != RH_JSON_MORE || RH_XML_MORE != RH_JSON_MORE
#error "the readers' words for MORE are one number"
#endif

enum { IDLE, SENT, READING, ENDED };

void rh_rest_answer_init(struct rh_rest_answer *answer, struct rh_conn *conn,
                         const struct rh_rest_resource *resource, const struct rh_rest_call *call)
{
    *answer = (struct rh_rest_answer){.conn = conn, .resource = resource, .call = call};
    rh_buf_init(&answer->url, RH_REST_URL_BYTES);
    rh_buf_init(&answer->body, RH_REST_ROW_BYTES);
    rh_buf_init(&answer->whole, RH_REST_ROW_BYTES);
    rh_buf_init(&answer->link, RH_REST_URL_BYTES);
}

static bool is_whole(const struct rh_rest_answer *answer)
{
    uint8_t format = answer->resource->format;

    return answer->call->single && (format == RH_REST_JSON || format == RH_REST_NDJSON);
}

static bool is_kept(const struct rh_rest_answer *answer)
{
    return answer->call == answer->resource->one && answer->resource->cache_us && is_whole(answer);
}

static int fail_prefix(const struct rh_rest_answer *answer, struct rh_error *error)
{
    return rh_error_prefix(error, "cannot read \"%.*s\"", RH_TEXT_ARG(answer->resource->name));
}

/* ---- Sending ------------------------------------------------------------------------------- */

int rh_rest_answer_send(struct rh_rest_answer *answer, const struct rh_op *op,
                        struct rh_error *error)
{
    static const char *const accepts[] = {
        [RH_REST_JSON] = "application/json",
        [RH_REST_NDJSON] = "application/x-ndjson, application/json",
        [RH_REST_XML] = "application/xml, text/xml;q=0.9, */*;q=0.1",
        [RH_REST_CSV] = "text/csv, */*;q=0.1",
    };
    struct rh_http_header headers[] = {
        {RH_TEXT("Content-Type"), RH_TEXT("application/json")},
        {RH_TEXT("Accept"), rh_text_of(accepts[answer->resource->format])},
    };
    const struct rh_rest_description *api = &answer->conn->api;
    struct rh_http_request request = {.struct_size = sizeof(request), .flags = RH_HTTP_SAFE};
    uint32_t first = answer->body.len ? 0 : 1, n = 2;
    int rc;

    rh_rest_answer_close(answer);
    if (answer->url.failed || answer->body.failed)
        return rh_fail(error, RH_RESOURCE, "the request is too long");
    if (!answer->arena)
        answer->arena = rh_arena_new(DOCUMENT_BYTES);
    if (!answer->arena)
        return rh_fail_nomem(error);
    if (is_kept(answer)) {
        struct rh_text text = rh_rest_cache_get(answer->conn, rh_buf_text(&answer->url));
        rh_buf_add_text(&answer->whole, text);
        answer->state = SENT;
        if (text.data)
            return RH_OK;
    }
    for (uint32_t i = 0; i < api->n_headers; i++)
        if (api->headers[i].name.len == 6 &&
            strncasecmp(api->headers[i].name.data, "Accept", 6) == 0)
            n = 1; /* the description's own */
    request.method = answer->call->method;
    request.url = rh_buf_text(&answer->url);
    request.headers = headers + first;
    request.n_headers = n - first;
    request.body = answer->body.len ? rh_buf_text(&answer->body) : rh_text_make(NULL, 0);
    rc = answer->conn->host->http->send(answer->conn->client, op, &request, &answer->exchange,
                                        error);
    if (rc)
        return fail_prefix(answer, error);
    answer->state = SENT;
    return RH_OK;
}

/* ---- The head ------------------------------------------------------------------------------ */

static bool has(struct rh_text text, const char *part)
{
    return text.len && memmem(text.data, text.len, part, strlen(part)) != NULL;
}

/* A page of HTML that a proxy or a login form sent is no answer, however well the status looks. */
static int check_type(const struct rh_rest_answer *answer, struct rh_text type,
                      struct rh_error *error)
{
    uint8_t format = answer->resource->format;
    bool other = has(type, "html") || (has(type, "json") && format > RH_REST_NDJSON) ||
                 (has(type, "xml") && format != RH_REST_XML) ||
                 (has(type, "csv") && format != RH_REST_CSV) || has(type, "image/") ||
                 has(type, "application/pdf");
    static const char *const names[] = {"JSON", "NDJSON", "XML", "CSV"};

    if (!other)
        return RH_OK;
    return rh_fail(error, RH_PROTOCOL, "the answer is of the type %.*s, not %s",
                   RH_TEXT_ARG(rh_text_make(type.data, type.len < 80 ? type.len : 80)),
                   names[format]);
}

/* As much of a body that is no success as is looked at. */
static int fail_status(struct rh_rest_answer *answer, const struct rh_op *op,
                       const struct rh_http_answer *head, struct rh_error *error)
{
    const struct rh_http *http = answer->conn->host->http;
    struct rh_error ignored = RH_ERROR_INIT;
    struct rh_text piece;
    struct rh_buf body;
    int rc;

    rh_buf_init(&body, PROBLEM_BYTES);
    while (!body.failed && http->read(answer->exchange, op, &piece, &ignored) == RH_OK)
        rh_buf_add_text(&body, piece);
    rc = rh_http_fail(error, head->status, rh_buf_text(&body), "the API answers");
    if (error)
        error->retry_after_ms = head->retry_after_ms;
    rh_buf_free(&body);
    return rc;
}

static const char *rows_of(const struct rh_rest_answer *answer)
{
    const char *rows = answer->call->rows;

    return rows[0]                                   ? rows
           : answer->resource->format == RH_REST_XML ? answer->resource->list.rows
                                                     : "";
}

static void open_stream(struct rh_rest_answer *answer)
{
    answer->streams = true;
    switch (answer->resource->format) {
    case RH_REST_XML:
        rh_xml_init(&answer->xml, rows_of(answer), RH_REST_ROW_BYTES);
        break;
    case RH_REST_CSV:
        rh_csv_init(&answer->csv, answer->resource->separator, RH_REST_ROW_BYTES);
        break;
    case RH_REST_NDJSON:
        rh_json_stream_init(&answer->json, NULL, RH_REST_ROW_BYTES);
        break;
    default:
        rh_json_stream_init(&answer->json, rows_of(answer), RH_REST_ROW_BYTES);
    }
}

static int read_whole(struct rh_rest_answer *answer, const struct rh_op *op, struct rh_error *error)
{
    const struct rh_http *http = answer->conn->host->http;
    struct rh_text piece;
    int rc = RH_END;

    while (answer->exchange && (rc = http->read(answer->exchange, op, &piece, error)) == RH_OK) {
        rh_buf_add_text(&answer->whole, piece);
        if (answer->whole.failed)
            return rh_fail(error, RH_RESOURCE, "the answer is longer than %zu bytes",
                           answer->whole.max);
    }
    return rc == RH_END ? RH_OK : rc;
}

static struct rh_rest_path path_of(const char *rows, struct rh_text room[16])
{
    struct rh_text rest = rh_text_of(rows);
    uint32_t n = 0;

    while (rest.len && n < 16)
        room[n++] = rh_text_cut(&rest, '.');
    return (struct rh_rest_path){room, n};
}

/* The row that the whole answer is or has; of an array, all of it. */
static int parse_whole(struct rh_rest_answer *answer, struct rh_error *error)
{
    struct rh_error inner = RH_ERROR_INIT;
    const struct rh_json *row;
    struct rh_text names[16];
    struct rh_rest_path path = path_of(rows_of(answer), names);
    struct rh_json *json = NULL;
    int rc;

    rh_arena_reset(answer->arena);
    rc = rh_json_parse(answer->arena, rh_buf_text(&answer->whole), &json, &inner);
    if (rc)
        return rh_fail(error, rc == RH_INVALID ? RH_PROTOCOL : rc,
                       "the answer is not well-formed JSON: %s", inner.message);
    row = rh_rest_member(json, &path);
    if (!row)
        return rh_fail(error, RH_PROTOCOL, "the answer has no \"%s\"", rows_of(answer));
    answer->envelope = json;
    answer->rest = row->kind == RH_JSON_ARRAY  ? row->child
                   : row->kind == RH_JSON_NULL ? NULL
                                               : (struct rh_json *)(uintptr_t)row;
    if (answer->rest == row)
        answer->rest->next = NULL;
    return RH_OK;
}

static int start_reading(struct rh_rest_answer *answer, const struct rh_op *op,
                         struct rh_error *error)
{
    struct rh_http_answer head = {.struct_size = sizeof(head)};
    bool cached = !answer->exchange;
    int rc = RH_OK;

    if (!cached)
        rc = answer->conn->host->http->answer(answer->exchange, op, &head, error);
    if (rc)
        return rc;
    answer->state = ENDED;
    if (!cached && (head.status == 204 || (answer->call == answer->resource->one &&
                                           (head.status == 404 || head.status == 410))))
        return RH_END;
    if (!cached && (head.status < 200 || head.status > 299))
        return fail_status(answer, op, &head, error);
    if (!cached)
        rc = check_type(answer, rh_http_header_of(&head, "content-type"), error);
    if (rc)
        return rc;
    if (answer->resource->pages.style == RH_REST_LINK && !cached)
        rh_buf_add_text(&answer->link, rh_http_header_of(&head, "link"));
    answer->state = READING;
    if (!is_whole(answer)) {
        open_stream(answer);
        return RH_OK;
    }
    rc = read_whole(answer, op, error);
    if (rc == RH_OK)
        rc = parse_whole(answer, error);
    if (rc == RH_OK && !cached && is_kept(answer))
        rh_rest_cache_put(answer->conn, rh_buf_text(&answer->url), rh_buf_text(&answer->whole),
                          answer->resource->cache_us);
    return rc;
}

/* ---- Documents ----------------------------------------------------------------------------- */

/* The first record names the fields. */
static int take_names(struct rh_rest_answer *answer, const struct rh_text *names, uint32_t n,
                      struct rh_error *error)
{
    size_t n_bytes = 1;
    char *bytes;

    for (uint32_t i = 0; i < n; i++)
        n_bytes += names[i].len;
    answer->fields = calloc(1, n * sizeof(*answer->fields) + n_bytes);
    if (!answer->fields)
        return rh_fail_nomem(error);
    bytes = (char *)(answer->fields + n);
    for (uint32_t i = 0; i < n; i++) {
        struct rh_json *field = &answer->fields[i];
        if (names[i].len)
            memcpy(bytes, names[i].data, names[i].len);
        field->key = rh_text_make(bytes, names[i].len);
        field->next = i + 1 < n ? field + 1 : NULL;
        bytes += names[i].len;
        for (uint32_t k = 0; k < i && names[i].len; k++)
            if (rh_text_equal(names[i], names[k]))
                return rh_fail(error, RH_PROTOCOL, "the CSV names the column \"%.*s\" twice",
                               RH_TEXT_ARG(names[i]));
    }
    answer->n_fields = n;
    answer->record = (struct rh_json){.kind = RH_JSON_OBJECT, .n = n, .child = answer->fields};
    return RH_OK;
}

/* One step of the stream: RH_OK and a document or none, MORE, RH_END. */
static int step(struct rh_rest_answer *answer, const struct rh_json **ret_document,
                struct rh_error *error)
{
    const struct rh_text *fields;
    struct rh_json *document = NULL;
    uint32_t n;
    int rc;

    rh_arena_reset(answer->arena);
    switch (answer->resource->format) {
    case RH_REST_XML:
        rc = rh_xml_next(&answer->xml, &document, error);
        break;
    case RH_REST_CSV:
        rc = rh_csv_next(&answer->csv, &fields, &n, error);
        if (rc == RH_OK && !answer->fields)
            return take_names(answer, fields, n, error);
        for (uint32_t i = 0; rc == RH_OK && i < answer->n_fields; i++) {
            answer->fields[i].kind = fields[i].data ? RH_JSON_STRING : RH_JSON_NULL;
            answer->fields[i].text = fields[i];
        }
        document = &answer->record;
        break;
    default:
        rc = rh_json_stream_next(&answer->json, answer->arena, &document, error);
    }
    if (rc == RH_OK)
        *ret_document = document;
    return rc;
}

static int feed(struct rh_rest_answer *answer, const struct rh_op *op, struct rh_error *error)
{
    struct rh_text piece = {NULL, 0};
    int rc = answer->conn->host->http->read(answer->exchange, op, &piece, error);
    bool ends = rc == RH_END;

    if (rc < 0)
        return rc;
    if (answer->resource->format == RH_REST_XML)
        ends ? rh_xml_close(&answer->xml) : rh_xml_push(&answer->xml, piece);
    else if (answer->resource->format == RH_REST_CSV)
        ends ? rh_csv_close(&answer->csv) : rh_csv_push(&answer->csv, piece);
    else
        ends ? rh_json_stream_close(&answer->json) : rh_json_stream_push(&answer->json, piece);
    return RH_OK;
}

/* Whether the rows were where the description says. */
static int end_stream(struct rh_rest_answer *answer, struct rh_error *error)
{
    bool found = true;

    if (answer->resource->format == RH_REST_JSON) {
        found = answer->json.found;
        answer->envelope = answer->json.envelope;
    } else if (answer->resource->format == RH_REST_XML) {
        found = answer->xml.found;
    }
    answer->state = ENDED;
    if (found)
        return RH_END;
    return rows_of(answer)[0]
               ? rh_fail(error, RH_PROTOCOL, "the answer has no rows at \"%s\"", rows_of(answer))
               : rh_fail(error, RH_PROTOCOL, "the answer is no array of rows");
}

static int next_of_stream(struct rh_rest_answer *answer, const struct rh_op *op,
                          const struct rh_json **ret_document, struct rh_error *error)
{
    const struct rh_json *document = NULL;
    int rc = RH_OK;

    while (rc == RH_OK && !document) {
        rc = step(answer, &document, error);
        if (rc == RH_JSON_MORE)
            rc = feed(answer, op, error);
    }
    if (rc == RH_END)
        return end_stream(answer, error);
    if (rc == RH_OK)
        *ret_document = document;
    return rc;
}

int rh_rest_answer_next(struct rh_rest_answer *answer, const struct rh_op *op,
                        const struct rh_json **ret_document, struct rh_error *error)
{
    int rc = answer->state == SENT ? start_reading(answer, op, error) : RH_OK;

    if (rc == RH_OK && answer->state != READING)
        return RH_END;
    if (rc == RH_OK && !is_whole(answer))
        rc = next_of_stream(answer, op, ret_document, error);
    else if (rc == RH_OK && !answer->rest)
        rc = RH_END;
    else if (rc == RH_OK) {
        *ret_document = answer->rest;
        answer->rest = answer->rest->next;
    }
    if (rc == RH_END)
        answer->state = ENDED;
    return rc < 0 ? fail_prefix(answer, error) : rc;
}

const struct rh_json *rh_rest_member(const struct rh_json *document,
                                     const struct rh_rest_path *path)
{
    for (uint32_t i = 0; document && i < path->n; i++) {
        uint64_t index = 0;

        if (document->kind == RH_JSON_ARRAY && !rh_text_to_u64(path->names[i], &index))
            return NULL;
        if (document->kind == RH_JSON_ARRAY) {
            document = document->child;
            while (document && index--)
                document = document->next;
            continue;
        }
        document = document->kind == RH_JSON_OBJECT ? document->child : NULL;
        while (document && !rh_text_equal(document->key, path->names[i]))
            document = document->next;
    }
    return document;
}

/* ---- Ending -------------------------------------------------------------------------------- */

void rh_rest_answer_close(struct rh_rest_answer *answer)
{
    if (answer->exchange)
        answer->conn->host->http->close(answer->exchange);
    answer->exchange = NULL;
    if (answer->streams && answer->resource->format == RH_REST_XML)
        rh_xml_fini(&answer->xml);
    else if (answer->streams && answer->resource->format == RH_REST_CSV)
        rh_csv_fini(&answer->csv);
    else if (answer->streams)
        rh_json_stream_fini(&answer->json);
    free(answer->fields);
    answer->fields = NULL;
    answer->streams = false;
    answer->rest = answer->envelope = NULL;
    answer->n_fields = 0;
    answer->state = IDLE;
    rh_buf_clear(&answer->link);
    rh_buf_clear(&answer->whole);
}

void rh_rest_answer_fini(struct rh_rest_answer *answer)
{
    rh_rest_answer_close(answer);
    rh_buf_free(&answer->url);
    rh_buf_free(&answer->body);
    rh_buf_free(&answer->whole);
    rh_buf_free(&answer->link);
    rh_arena_free(answer->arena);
    answer->arena = NULL;
}
