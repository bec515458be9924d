/*
 * The rows of an object: a stream of records or documents that is never held as a whole. A body that
 * ends early is an error of the host's HTTP, so a cut-off object is never a short one.
 */
#include "s3.h"

#include <string.h>

#define HEADER_BYTES ((size_t)1 << 20)
#define PROBLEM_BYTES ((size_t)64 << 10)

static int fail_answer(struct rh_s3_object *object, const struct rh_op *op, uint32_t status,
                       struct rh_text key, struct rh_error *error)
{
    const struct rh_http *http = object->conn->host->http;
    struct rh_text piece;
    struct rh_buf body;
    int rc;

    rh_buf_init(&body, PROBLEM_BYTES);
    while (http->read(object->exchange, op, &piece, NULL) == RH_OK && !body.failed)
        rh_buf_add_text(&body, piece);
    rc = rh_s3_fail(error, status, rh_buf_text(&body), "cannot read an object");
    rh_error_prefix(error, "\"%.*s\"", RH_TEXT_ARG(key));
    rh_buf_free(&body);
    return rc;
}

static int send(struct rh_s3_object *object, const struct rh_op *op, struct rh_text key,
                struct rh_error *error)
{
    const struct rh_http *http = object->conn->host->http;
    struct rh_http_request request = {.struct_size = sizeof(request), .method = RH_TEXT("GET")};
    struct rh_http_answer answer = {.struct_size = sizeof(answer)};
    struct rh_buf url;
    bool ok = true;
    int rc;

    rh_buf_init(&url, HEADER_BYTES);
    rh_s3_add_key(&url, key);
    request.url = rh_buf_text(&url);
    rc = url.failed ? rh_fail_nomem(error)
                    : http->send(object->conn->client, op, &request, &object->exchange, error);
    if (rc == RH_OK)
        rc = http->answer(object->exchange, op, &answer, error);
    if (rc == RH_OK && answer.status != 200)
        rc = fail_answer(object, op, answer.status, key, error);
    if (rc == RH_OK)
        object->etag = rh_arena_text(object->head_arena, rh_http_header_of(&answer, "etag"), &ok);
    rh_buf_free(&url);
    return ok ? rc : rh_fail_nomem(error);
}

int rh_s3_object_open(struct rh_s3_object *object, struct rh_conn *conn, const struct rh_op *op,
                      const struct rh_s3_table *table, struct rh_text key, struct rh_error *error)
{
    *object = (struct rh_s3_object){
        .conn = conn,
        .format = table->format,
        .arena = rh_arena_new(RH_S3_ROW_BYTES * 16),
        .head_arena = rh_arena_new(HEADER_BYTES * 16),
    };
    rh_csv_init(&object->csv, table->separator, RH_S3_ROW_BYTES);
    rh_json_stream_init(&object->json, table->format == RH_S3_JSON ? "" : NULL, RH_S3_ROW_BYTES);
    if (!object->arena || !object->head_arena)
        return rh_fail_nomem(error);
    return send(object, op, key, error);
}

void rh_s3_object_close(struct rh_s3_object *object)
{
    if (!object->conn)
        return;
    object->conn->host->http->close(object->exchange);
    rh_csv_fini(&object->csv);
    rh_json_stream_fini(&object->json);
    rh_arena_free(object->arena);
    rh_arena_free(object->head_arena);
    *object = (struct rh_s3_object){.conn = NULL};
}

/* ---- Records --------------------------------------------------------------------------------- */

static int next_record(struct rh_s3_object *object, const struct rh_op *op,
                       const struct rh_text **ret_fields, uint32_t *ret_n, struct rh_error *error)
{
    const struct rh_http *http = object->conn->host->http;
    struct rh_text piece;
    int rc;

    while ((rc = rh_csv_next(&object->csv, ret_fields, ret_n, error)) == RH_CSV_MORE) {
        rc = http->read(object->exchange, op, &piece, error);
        if (rc == RH_END)
            rh_csv_close(&object->csv);
        else if (rc)
            return rc;
        else
            rh_csv_push(&object->csv, piece);
    }
    return rc;
}

int rh_s3_object_header(struct rh_s3_object *object, const struct rh_op *op, struct rh_error *error)
{
    const struct rh_text *fields;
    uint32_t n;
    bool ok = true;
    int rc;

    if (object->format != RH_S3_CSV || object->header)
        return RH_OK;
    rc = next_record(object, op, &fields, &n, error);
    if (rc)
        return rc;
    object->header = rh_arena_array(object->head_arena, n, sizeof(*object->header));
    for (uint32_t i = 0; object->header && i < n; i++) {
        object->header[i] = rh_arena_text(object->head_arena, fields[i], &ok);
        for (uint32_t k = 0; k < i; k++)
            if (rh_text_equal(object->header[k], object->header[i]))
                return rh_fail(error, RH_DATA, "the header has \"%.*s\" twice",
                               RH_TEXT_ARG(fields[i]));
    }
    object->n_header = n;
    return ok && object->header ? RH_OK : rh_fail_nomem(error);
}

/* ---- Documents ------------------------------------------------------------------------------- */

static int next_document(struct rh_s3_object *object, const struct rh_op *op,
                         struct rh_json **ret_document, struct rh_error *error)
{
    const struct rh_http *http = object->conn->host->http;
    struct rh_text piece;
    int rc;

    rh_arena_reset(object->arena);
    while ((rc = rh_json_stream_next(&object->json, object->arena, ret_document, error)) ==
           RH_JSON_MORE) {
        rc = http->read(object->exchange, op, &piece, error);
        if (rc == RH_END)
            rh_json_stream_close(&object->json);
        else if (rc)
            return rc;
        else
            rh_json_stream_push(&object->json, piece);
    }
    return rc;
}

int rh_s3_object_next(struct rh_s3_object *object, const struct rh_op *op,
                      struct rh_s3_row *ret_row, struct rh_error *error)
{
    struct rh_json *document = NULL;
    uint32_t n;
    int rc;

    *ret_row = (struct rh_s3_row){.fields = NULL};
    if (object->format == RH_S3_CSV) {
        rc = rh_s3_object_header(object, op, error);
        return rc ? rc : next_record(object, op, &ret_row->fields, &n, error);
    }
    rc = next_document(object, op, &document, error);
    if (rc)
        return rc;
    if (document->kind != RH_JSON_OBJECT)
        return rh_fail(error, RH_DATA, "a row is not a JSON object, but %s",
                       rh_json_kind_name(document->kind));
    ret_row->document = document;
    return RH_OK;
}
