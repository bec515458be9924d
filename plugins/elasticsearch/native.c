/*
 * Native searches: the body of a _search, with its index, and parameters where a text is "$1", "$2", …
 *
 *     {"index": "shop", "query": {"match": {"title": "$1"}}, "size": 20}
 *
 * A parameter takes the place of a whole JSON value, so it is always data. A search changes nothing. With
 * aggregations the answer is one row with them; else a row for each hit, at most 10 000.
 */
#include "elasticsearch.h"

#include "connector/json_cell.h"

#include <string.h>

#define MAX_PARAMETERS 1000u

struct binding {
    const struct rh_native_spec *spec;
    struct rh_buf *body;
    uint32_t n_used; /* the highest number that was named */
};

/* The number in "$7"; 0 when it is another text. */
static uint32_t number_of(const struct rh_json *value)
{
    int64_t n = 0;

    if (value->kind != RH_JSON_STRING || value->text.len < 2 || value->text.data[0] != '$' ||
        !rh_text_to_i64(rh_text_make(value->text.data + 1, value->text.len - 1), &n) || n < 1)
        return 0;
    return n > MAX_PARAMETERS ? MAX_PARAMETERS + 1 : (uint32_t)n;
}

static int add_parameter(struct binding *b, uint32_t number, struct rh_error *error)
{
    if (number > b->spec->n_parameters)
        return rh_fail(error, RH_INVALID, "the search has no parameter $%u", number);
    if (number > b->n_used)
        b->n_used = number;
    return rh_json_add_value(b->body, &b->spec->parameters[number - 1], error);
}

/* Depth is bounded by the JSON reader's. */
static int add_bound(struct binding *b, const struct rh_json *value, struct rh_error *error)
{
    bool object = value->kind == RH_JSON_OBJECT;
    int rc = RH_OK;

    if (!object && value->kind != RH_JSON_ARRAY) {
        if (number_of(value))
            return add_parameter(b, number_of(value), error);
        rh_buf_add_text(b->body, value->source);
        return RH_OK;
    }
    rh_buf_add_char(b->body, object ? '{' : '[');
    for (const struct rh_json *child = value->child; child && rc == RH_OK; child = child->next) {
        if (child != value->child)
            rh_buf_add_char(b->body, ',');
        if (object) {
            rh_json_add_string(b->body, child->key);
            rh_buf_add_char(b->body, ':');
        }
        rc = add_bound(b, child, error);
    }
    rh_buf_add_char(b->body, object ? '}' : ']');
    return rc;
}

static int add_body(struct binding *b, const struct rh_json *search, struct rh_error *error)
{
    uint32_t n = 0;
    int rc = RH_OK;

    rh_buf_add_char(b->body, '{');
    for (const struct rh_json *m = search->child; m && rc == RH_OK; m = m->next) {
        if (rh_text_is(m->key, "index"))
            continue;
        rh_buf_add_str(b->body, n++ ? "," : "");
        rh_json_add_string(b->body, m->key);
        rh_buf_add_char(b->body, ':');
        rc = add_bound(b, m, error);
    }
    rh_buf_add_char(b->body, '}');
    if (rc == RH_OK && b->n_used != b->spec->n_parameters)
        rc = rh_fail(error, RH_INVALID, "%u parameters were given, and the search has %u",
                     b->spec->n_parameters, b->n_used);
    if (rc == RH_OK && b->body->failed)
        rc = rh_fail(error, RH_RESOURCE, "the search is too large");
    return rc;
}

static int parse(struct rh_arena *arena, struct rh_text text, struct rh_json **ret_search,
                 struct rh_error *error)
{
    int rc = rh_json_parse(arena, text, ret_search, error);

    if (rc == RH_OK && !rh_json_string(*ret_search, "index").len) {
        rh_fail(error, RH_INVALID, "the search does not name its index");
        rc = rh_error_hint(error, "it looks like {\"index\": \"shop\", \"query\": {…}}");
    }
    if (rc == RH_OK &&
        (rh_json_member(*ret_search, "pit") || rh_json_member(*ret_search, "scroll")))
        rc = rh_fail(error, RH_INVALID, "a search here has one page: without pit and scroll");
    return rc;
}

static int ask(struct rh_cursor *cursor, const struct rh_op *op, const struct rh_native_spec *spec,
               struct rh_json **ret_answer, struct rh_error *error)
{
    struct binding b = {.spec = spec, .body = &cursor->body};
    struct rh_json *search = NULL;
    struct rh_http_request request;
    int rc = parse(cursor->arena, spec->text, &search, error);

    if (rc == RH_OK)
        rc = add_body(&b, search, error);
    if (rc)
        return rc;
    rh_http_add_segment(&cursor->url, rh_json_string(search, "index"));
    rh_buf_add_str(&cursor->url, "/_search?allow_partial_search_results=false");
    if (cursor->url.failed)
        return rh_fail(error, RH_INVALID, "the index's name is too long");
    request = rh_elasticsearch_request("POST", &cursor->url, rh_buf_text(&cursor->body), true);
    rc = rh_elasticsearch_fetch(cursor->conn, op, &request, "cannot search", cursor->arena,
                                ret_answer, error);
    return rc ? rc : rh_elasticsearch_check_page(*ret_answer, error);
}

/* ---- The result ---------------------------------------------------------------------------- */

static const struct rh_column hit_columns[] = {
    {.name = RH_TEXT_INIT("_index"), .native_type = RH_TEXT_INIT("string"), .type = RH_TYPE_TEXT},
    {.name = RH_TEXT_INIT("_id"), .native_type = RH_TEXT_INIT("string"), .type = RH_TYPE_TEXT},
    {.name = RH_TEXT_INIT("_score"), .native_type = RH_TEXT_INIT("float"), .type = RH_TYPE_FLOAT},
    {.name = RH_TEXT_INIT("_source"), .native_type = RH_TEXT_INIT("object"), .type = RH_TYPE_JSON},
};
static const struct rh_column aggregation_columns[] = {
    {.name = RH_TEXT_INIT("aggregations"),
     .native_type = RH_TEXT_INIT("object"),
     .type = RH_TYPE_JSON},
};

static int tell(struct rh_cursor *cursor, const struct rh_op *op, const struct rh_json *answer,
                struct rh_native_result *ret_result, struct rh_error *error)
{
    const struct rh_json *aggregations = rh_json_member(answer, "aggregations");
    const struct rh_json *hits = rh_json_member(rh_json_member(answer, "hits"), "hits");
    const struct rh_column *columns = aggregations ? aggregation_columns : hit_columns;
    uint32_t n = aggregations ? 1 : RH_ELASTICSEARCH_HIT_COLUMNS;
    struct rh_column *copy = cursor->conn->host->alloc(op->arena, n * sizeof(*copy));

    if (!copy)
        return rh_fail_nomem(error);
    if (!aggregations && (!hits || hits->kind != RH_JSON_ARRAY))
        return rh_fail(error, RH_PROTOCOL, "the server's answer has no documents");
    for (uint32_t i = 0; i < n; i++)
        copy[i] = cursor->columns[i] = columns[i];
    cursor->answer = aggregations ? answer : hits->child;
    cursor->n_columns = n;
    rh_rowset_fini(&cursor->rows);
    rh_rowset_init(&cursor->rows, n, (size_t)64 << 10);
    ret_result->columns = copy;
    ret_result->n_columns = n;
    ret_result->cursor = cursor;
    return RH_OK;
}

static int32_t run(struct rh_conn *conn, const struct rh_op *op, const struct rh_native_spec *spec,
                   struct rh_native_result *ret_result, struct rh_error *error)
{
    struct rh_json *answer = NULL;
    struct rh_cursor *cursor;
    int rc;

    if (conn->cursor)
        return rh_fail(error, RH_INVALID, "the connection has an open cursor");
    rc = rh_kit_check(conn->host, op, error);
    if (rc)
        return rc;
    cursor = rh_elasticsearch_cursor_new(conn, RH_ELASTICSEARCH_HIT_COLUMNS);
    if (!cursor)
        return rh_fail_nomem(error);
    cursor->is_native = true;
    rc = ask(cursor, op, spec, &answer, error);
    if (rc == RH_OK)
        rc = tell(cursor, op, answer, ret_result, error);
    if (rc)
        rh_elasticsearch_finish(cursor);
    return rc;
}

const struct rh_native rh_elasticsearch_native = {
    .struct_size = sizeof(rh_elasticsearch_native),
    .language = RH_TEXT_INIT("Elasticsearch query DSL"),
    .run = run,
};
