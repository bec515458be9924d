/*
 * Writing: one request for each row, in order; each row stands for itself.
 *
 * The path takes the key, the body the other columns. A row that the API does not know (404, 410)
 * is not affected. What is to be returned is the row of the answer, where there is one, else it is
 * read again; a row that is deleted is read before. A request whose answer was lost is never sent
 * again: its outcome is not known.
 */
#include "rest.h"

#include "base/json.h"
#include "connector/json_cell.h"

#include <string.h>

#define ARENA_BYTES ((size_t)256 << 20)

enum verb { INSERT, UPDATE, REMOVE };

struct write {
    struct rh_conn *conn;
    const struct rh_op *op;
    const struct rh_write_spec *spec;
    struct rh_write_result *result;
    const struct rh_rest_resource *resource;
    const struct rh_rest_call *call;
    enum verb verb;
    struct rh_arena *arena;       /* of one row */
    struct rh_rest_field *fields; /* to return; in the arena of all */
    struct rh_arena *kept;
    struct rh_buf url, body, answer;
    uint64_t row; /* at hand */
};

static const struct rh_column *column_of(const struct write *w, uint32_t i)
{
    return rh_kit_column(w->spec->columns, w->spec->column_stride, i);
}

static const struct rh_value *cells_of(const struct write *w)
{
    return w->spec->cells + w->row * w->spec->n_columns;
}

static bool is_key(const struct write *w, uint32_t column)
{
    for (uint32_t i = 0; i < w->spec->n_key; i++)
        if (w->spec->key[i] == column)
            return true;
    return false;
}

static bool is_in_path(const struct rh_rest_call *call, struct rh_text name)
{
    for (uint32_t i = 0; i < call->n_parameters; i++)
        if (rh_text_equal(call->parameters[i].column, name))
            return true;
    return false;
}

/* ---- Preparing ----------------------------------------------------------------------------- */

static int check_columns(const struct write *w, struct rh_error *error)
{
    for (uint32_t i = 0; i < w->spec->n_columns; i++) {
        struct rh_text name = column_of(w, i)->name;
        const struct rh_rest_column *described = rh_rest_column_named(w->resource, name);
        bool in_path = is_in_path(w->call, name);

        if (is_key(w, i) && !in_path)
            return rh_fail(error, RH_UNSUPPORTED, "rows of \"%.*s\" are not found by \"%.*s\"",
                           RH_TEXT_ARG(w->resource->name), RH_TEXT_ARG(name));
        if (!in_path && described && !described->write.data)
            return rh_fail(error, RH_INVALID, "\"%.*s\" cannot be written", RH_TEXT_ARG(name));
        if (!is_key(w, i) && in_path && w->verb == UPDATE)
            return rh_fail(error, RH_UNSUPPORTED,
                           "\"%.*s\" is part of the key and cannot be changed", RH_TEXT_ARG(name));
    }
    return RH_OK;
}

static int check_returning(struct write *w, struct rh_error *error)
{
    const struct rh_write_spec *spec = w->spec;
    int rc = RH_OK;

    w->fields = rh_arena_array(w->kept, spec->n_returning, sizeof(*w->fields));
    if (!w->fields)
        return rh_fail_nomem(error);
    if (spec->n_returning && w->verb == REMOVE && !w->resource->one)
        return rh_fail(
            error, RH_UNSUPPORTED,
            "deleted rows of \"%.*s\" cannot be returned: the description has no \"one\"",
            RH_TEXT_ARG(w->resource->name));
    for (uint32_t i = 0; i < spec->n_returning && rc == RH_OK; i++)
        rc =
            rh_rest_field_of(w->resource, rh_kit_column(spec->returning, spec->returning_stride, i),
                             w->kept, &w->fields[i], error);
    return rc;
}

static int prepare(struct write *w, struct rh_error *error)
{
    static const char *const names[] = {"insert", "update", "delete"};
    const struct rh_rest_resource *resource;
    int rc = rh_rest_find(w->conn, w->spec->table, &resource, error);

    if (rc)
        return rc;
    w->resource = resource;
    w->call = w->verb == INSERT   ? resource->insert
              : w->verb == UPDATE ? resource->update
                                  : resource->remove;
    if (!w->call)
        return rh_fail(error, RH_UNSUPPORTED, "the description of \"%.*s\" has no \"%s\"",
                       RH_TEXT_ARG(resource->name), names[w->verb]);
    if (w->spec->where)
        return rh_fail(error, RH_UNSUPPORTED, "an API writes by key only, not by a condition");
    if (w->op->flags & RH_OP_READ_ONLY)
        return rh_fail(error, RH_PERMISSION, "nothing may be written in a read-only operation");
    w->arena = rh_arena_new(ARENA_BYTES);
    w->kept = rh_arena_new(ARENA_BYTES);
    if (!w->arena || !w->kept)
        return rh_fail_nomem(error);
    rc = check_columns(w, error);
    return rc ? rc : check_returning(w, error);
}

/* ---- Bodies -------------------------------------------------------------------------------- */

static int add_json(struct write *w, const struct rh_rest_column *described, struct rh_text name,
                    const struct rh_value *value, struct rh_error *error)
{
    uint8_t as = described ? described->as : (uint8_t)RH_REST_AS_TEXT;

    if (w->body.len > 1 && w->body.data[w->body.len - 1] != '{')
        rh_buf_add_char(&w->body, ',');
    rh_json_add_string(&w->body, name);
    rh_buf_add_char(&w->body, ':');
    if (as && value->type == RH_TYPE_TIMESTAMP)
        return rh_rest_add_value(&w->body, value, as, false)
                   ? RH_OK
                   : rh_fail(error, RH_DATA, "the API has no infinite times");
    return rh_json_add_value(&w->body, value, error);
}

static int add_form(struct write *w, const struct rh_rest_column *described, struct rh_text name,
                    const struct rh_value *value, struct rh_error *error)
{
    struct rh_buf text;
    bool can;

    rh_buf_init(&text, RH_REST_ROW_BYTES);
    can = rh_kit_is_null(value) ||
          rh_rest_add_value(&text, value, described ? described->as : 0, false);
    if (can)
        rh_http_add_parameter(&w->body, name, rh_buf_text(&text));
    w->body.failed = w->body.failed || text.failed;
    rh_buf_free(&text);
    return can ? RH_OK
               : rh_fail(error, RH_DATA, "the value of \"%.*s\" cannot be sent in a form",
                         RH_TEXT_ARG(name));
}

/* The columns that are not in the path. A form is what stands behind '?' in a URL. */
static int add_body(struct write *w, struct rh_error *error)
{
    bool json = w->call->encoding == RH_REST_BODY_JSON;
    int rc = RH_OK;

    rh_buf_clear(&w->body);
    if (w->verb == REMOVE)
        return RH_OK;
    if (json && w->call->wrap.len) {
        rh_buf_add_char(&w->body, '{');
        rh_json_add_string(&w->body, w->call->wrap);
        rh_buf_add_char(&w->body, ':');
    }
    if (json)
        rh_buf_add_char(&w->body, '{');
    for (uint32_t i = 0; i < w->spec->n_columns && rc == RH_OK; i++) {
        struct rh_text name = column_of(w, i)->name;
        const struct rh_rest_column *described = rh_rest_column_named(w->resource, name);
        const struct rh_value *value = &cells_of(w)[i];

        if (is_in_path(w->call, name) || (described && described->asked) ||
            (value->type == RH_TYPE_MISSING && w->verb == INSERT))
            continue;
        if (described)
            name = described->write;
        rc = json ? add_json(w, described, name, value, error)
                  : add_form(w, described, name, value, error);
    }
    if (json)
        rh_buf_add_str(&w->body, w->call->wrap.len ? "}}" : "}");
    return rc;
}

/* ---- Requests ------------------------------------------------------------------------------ */

static int send(struct write *w, uint32_t *ret_status, struct rh_error *error)
{
    bool json = w->call->encoding == RH_REST_BODY_JSON;
    struct rh_text body = rh_buf_text(&w->body);
    struct rh_http_header type = {RH_TEXT("Content-Type"),
                                  json ? RH_TEXT("application/json")
                                       : RH_TEXT("application/x-www-form-urlencoded")};
    struct rh_http_request request = {.struct_size = sizeof(request),
                                      .method = w->call->method,
                                      .url = rh_buf_text(&w->url),
                                      .headers = &type};
    int rc;

    if (!json && body.len)
        body = rh_text_make(body.data + 1, body.len - 1);
    if (w->verb != REMOVE) {
        request.body = body;
        request.n_headers = 1;
    }
    rc = rh_http_fetch(w->conn->host->http, w->conn->client, w->op, &request, &w->answer,
                       ret_status, error);
    return rh_http_as_unknown(rc, "the row was", error);
}

/* The answer's row; NULL when it has none that can be read. */
static const struct rh_json *row_of_answer(struct write *w)
{
    struct rh_rest_path path;
    struct rh_text names[16], rest = rh_text_of(w->call->rows);
    struct rh_json *json = NULL;
    const struct rh_json *row;
    uint32_t n = 0;

    while (rest.len && n < 16)
        names[n++] = rh_text_cut(&rest, '.');
    path = (struct rh_rest_path){names, n};
    rh_arena_reset(w->arena);
    if (rh_json_parse(w->arena, rh_buf_text(&w->answer), &json, NULL))
        return NULL;
    row = rh_rest_member(json, &path);
    if (row && row->kind == RH_JSON_ARRAY)
        row = row->child;
    return row && row->kind == RH_JSON_OBJECT ? row : NULL;
}

/* Reads the row at hand by its key: RH_END when it is not there. */
static int look_up(struct write *w, struct rh_rest_answer *answer, const struct rh_json **ret_row,
                   struct rh_error *error)
{
    int rc;

    rh_rest_answer_init(answer, w->conn, w->resource, w->resource->one);
    rc = rh_rest_add_path(w->resource, w->resource->one->path, w->spec->columns, w->spec->n_columns,
                          w->spec->column_stride, cells_of(w), &answer->url, error);
    if (rc == RH_OK)
        rc = rh_rest_answer_send(answer, w->op, error);
    return rc ? rc : rh_rest_answer_next(answer, w->op, ret_row, error);
}

/* ---- Returning ----------------------------------------------------------------------------- */

static int add_returned(struct write *w, const struct rh_json *row, struct rh_error *error)
{
    struct rh_value *cells = rh_rowset_row(&w->conn->returned);
    int rc = RH_OK;

    for (uint32_t i = 0; cells && i < w->spec->n_returning && rc == RH_OK; i++) {
        const struct rh_rest_field *field = &w->fields[i];

        if (!field->asked) {
            rc = rh_rest_cell(&w->conn->returned, &cells[i], field, row, w->row, error);
            continue;
        }
        for (uint32_t k = 0; k < w->spec->n_columns; k++)
            if (rh_text_equal(column_of(w, k)->name, field->column.name))
                rh_rowset_value(&w->conn->returned, &cells[i], &cells_of(w)[k]);
    }
    return rc;
}

/* After an insert or update: from the answer, else by reading the row again. */
static int return_row(struct write *w, struct rh_error *error)
{
    const struct rh_json *row = row_of_answer(w);
    struct rh_rest_answer answer = {.conn = NULL};
    int rc = row || w->resource->one ? RH_OK : RH_END;

    if (!row && rc == RH_OK)
        rc = look_up(w, &answer, &row, error);
    if (rc == RH_END)
        rc = rh_fail(error, RH_PROTOCOL, "the row was written, and the API does not give it back");
    if (rc == RH_OK)
        rc = add_returned(w, row, error);
    if (answer.conn)
        rh_rest_answer_fini(&answer);
    if (rc && error) {
        error->error_class = rc = RH_UNKNOWN_OUTCOME;
        rh_error_prefix(error, "the row was written, but cannot be returned");
    }
    return rc;
}

/* Before it is deleted. */
static int return_old(struct write *w, bool *ret_there, struct rh_error *error)
{
    const struct rh_json *row;
    struct rh_rest_answer answer;
    int rc = look_up(w, &answer, &row, error);

    *ret_there = rc == RH_OK;
    if (rc == RH_OK)
        rc = add_returned(w, row, error);
    rh_rest_answer_fini(&answer);
    return rc == RH_END ? RH_OK : rc;
}

/* ---- Rows ---------------------------------------------------------------------------------- */

/* The row is refused; the others go on. */
static void refuse(struct write *w, const struct rh_error *error)
{
    struct rh_row_status *status = &w->result->statuses[w->row];
    size_t n = strlen(error->message);
    char *copy = w->conn->host->alloc(w->op->arena, n + 1);

    *status =
        (struct rh_row_status){.error_class = error->error_class, .constraint = error->constraint};
    if (copy) {
        memcpy(copy, error->message, n);
        status->message = rh_text_make(copy, n);
    }
}

/* Is it this row's alone? Else the connection or the credentials are at fault, for all of them. */
static bool is_of_row(int rc)
{
    return rc == RH_INVALID || rc == RH_DATA || rc == RH_CONSTRAINT || rc == RH_CONFLICT ||
           rc == RH_NOT_FOUND || rc == RH_PERMISSION;
}

static int judge(struct write *w, uint32_t status, bool *ret_affected, struct rh_error *error)
{
    int rc = rh_http_class(status);

    *ret_affected = rc == RH_OK;
    if (rc == RH_OK || (w->verb != INSERT && (status == 404 || status == 410)))
        return RH_OK;
    if (rc == RH_TIMEOUT || rc == RH_UNAVAILABLE) {
        rh_http_fail(error, status, rh_buf_text(&w->answer),
                     "whether \"%.*s\" was written is not known", RH_TEXT_ARG(w->resource->name));
        if (error)
            error->error_class = RH_UNKNOWN_OUTCOME;
        return RH_UNKNOWN_OUTCOME;
    }
    rc = rh_http_fail(error, status, rh_buf_text(&w->answer), "cannot write \"%.*s\"",
                      RH_TEXT_ARG(w->resource->name));
    if (w->verb == INSERT && rc == RH_CONFLICT && status == 409 && error) {
        error->error_class = rc = RH_CONSTRAINT;
        error->constraint = RH_CONSTRAINT_UNIQUE;
    }
    return rc;
}

static int write_row(struct write *w, bool *ret_affected, struct rh_error *error)
{
    uint64_t n_returned = w->conn->returned.n_rows;
    uint32_t status = 0;
    bool there = true;
    int rc;

    *ret_affected = false;
    rh_buf_clear(&w->url);
    if ((rc = rh_rest_add_path(w->resource, w->call->path, w->spec->columns, w->spec->n_columns,
                               w->spec->column_stride, cells_of(w), &w->url, error)) ||
        (rc = add_body(w, error)))
        return rc;
    if (w->url.failed || w->body.failed)
        return rh_fail(error, RH_RESOURCE, "the row is too long for a request");
    if (w->verb == REMOVE && w->spec->n_returning)
        rc = return_old(w, &there, error);
    if (rc == RH_OK && there)
        rc = send(w, &status, error);
    if (rc == RH_OK && there)
        rc = judge(w, status, ret_affected, error);
    if (rc == RH_OK && *ret_affected && w->verb != REMOVE && w->spec->n_returning)
        rc = return_row(w, error);
    if (rc != RH_OK || !*ret_affected)
        w->conn->returned.n_rows = n_returned;
    return rc;
}

static int write_rows(struct write *w, struct rh_error *error)
{
    int rc = RH_OK;

    for (w->row = 0; w->row < w->spec->n_rows && rc == RH_OK; w->row++) {
        struct rh_error mine = RH_ERROR_INIT;
        bool affected;

        rc = write_row(w, &affected, &mine);
        w->result->n_affected += rc == RH_OK && affected;
        if (rc && is_of_row(rc)) {
            refuse(w, &mine);
            rc = RH_OK;
        } else if (rc && error && !error->error_class) {
            uint32_t size = error->struct_size;
            memcpy(error, &mine, size < sizeof(mine) ? size : sizeof(mine));
            error->struct_size = size;
        }
    }
    /* Some rows may be written already; which, nobody would be told. */
    if (rc && w->result->n_affected && error) {
        error->error_class = rc = RH_UNKNOWN_OUTCOME;
        rh_error_prefix(error, "%llu rows were written before this",
                        (unsigned long long)w->result->n_affected);
    }
    return rc;
}

static int run(struct rh_conn *conn, const struct rh_op *op, const struct rh_write_spec *spec,
               enum verb verb, struct rh_write_result *ret_result, struct rh_error *error)
{
    struct write w = {.conn = conn, .op = op, .spec = spec, .result = ret_result, .verb = verb};
    struct rh_rowset *returned = &conn->returned;
    int rc = rh_kit_check(conn->host, op, error);

    ret_result->n_affected = 0;
    rh_buf_init(&w.url, RH_REST_URL_BYTES);
    rh_buf_init(&w.body, RH_REST_ROW_BYTES);
    rh_buf_init(&w.answer, RH_REST_ROW_BYTES);
    rh_rowset_fini(returned);
    rh_rowset_init(returned, spec->n_returning, SIZE_MAX);
    rh_rowset_clear(returned, spec->n_rows);
    rh_rest_cache_clear(conn);
    if (rc == RH_OK)
        rc = prepare(&w, error);
    if (rc == RH_OK)
        rc = write_rows(&w, error);
    rh_rest_cache_clear(conn); /* returning has filled it again */
    if (rc == RH_OK && spec->n_returning)
        rc = rh_rowset_batch(returned, &ret_result->returned, error);
    rh_buf_free(&w.url);
    rh_buf_free(&w.body);
    rh_buf_free(&w.answer);
    rh_arena_free(w.arena);
    rh_arena_free(w.kept);
    return rc == RH_END ? RH_OK : rc;
}

RH_KIT_DEFINE_WRITES(run, INSERT, UPDATE, REMOVE)

const struct rh_write rh_rest_write = {
    .struct_size = sizeof(rh_rest_write),
    .atomicity = RH_ATOMIC_ROW,
    .insert = insert,
    .update = update,
    .remove = remove_rows,
};
