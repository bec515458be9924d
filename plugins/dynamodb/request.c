/*
 * Bodies of the requests that read. What stays the same from page to page is written once; a page adds its
 * partition and where it begins.
 *
 * Reads are consistent, so that what was written is found; a global index has no such reads.
 */
#include "dynamodb.h"

#include <string.h>

#define MAX_PROJECTED 256u /* names, in the 4 KB of an expression */
#define EXPLAIN_BYTES ((size_t)1 << 20)

/* At work on the head. */
struct writing {
    const struct rh_query *query;
    const struct rh_dynamodb_scan *scan;
    struct rh_dynamodb_terms terms;
    struct rh_buf *head;
    struct rh_error *error;
};

static const struct rh_column *column_at(const struct rh_query *query, uint32_t position)
{
    return rh_kit_column(query->columns, query->column_stride, position);
}

/* ---- Expressions --------------------------------------------------------------------------- */

static void add_range_key(struct writing *w)
{
    static const char *const words[] = {" < ", " <= ", " > ", " >= "};
    const struct rh_dynamodb_scan *scan = w->scan;
    const struct rh_node *node = &w->query->nodes[scan->low];
    uint32_t op = node->op;

    if (op == RH_OP_SEEK)
        op = scan->descending ? RH_OP_LTE : RH_OP_GTE;
    rh_buf_add_str(w->head, op == RH_OP_STARTS ? " AND begins_with(" : " AND ");
    rh_dynamodb_add_name(&w->terms, scan->range, w->head);
    if (scan->high != RH_DYNAMODB_NONE)
        rh_buf_add_str(w->head, " BETWEEN ");
    else if (op == RH_OP_STARTS)
        rh_buf_add_char(w->head, ',');
    else
        rh_buf_add_str(w->head, op == RH_OP_EQ ? " = " : words[op - RH_OP_LT]);
    rh_dynamodb_add_operand(&w->terms, node->first, w->head);
    if (scan->high != RH_DYNAMODB_NONE) {
        rh_buf_add_str(w->head, " AND ");
        rh_dynamodb_add_operand(&w->terms, w->query->nodes[scan->high].first, w->head);
    } else if (op == RH_OP_STARTS) {
        rh_buf_add_char(w->head, ')');
    }
}

static void add_key_condition(struct writing *w)
{
    rh_buf_add_str(w->head, ",\"KeyConditionExpression\":\"");
    rh_dynamodb_add_name(&w->terms, w->scan->hash, w->head);
    rh_buf_add_str(w->head, " = :p");
    if (w->scan->low != RH_DYNAMODB_NONE)
        add_range_key(w);
    rh_buf_add_char(w->head, '"');
}

/* True when there is any. */
static bool add_filter(struct writing *w)
{
    bool any = false;

    for (uint32_t i = 0; i < w->query->n_conjuncts; i++) {
        uint32_t position = w->query->conjuncts[i];

        if (rh_dynamodb_is_key(w->scan, position))
            continue;
        rh_buf_add_str(w->head, any ? " AND " : ",\"FilterExpression\":\"");
        rh_dynamodb_add_filter(w->query, w->scan, position, &w->terms, w->head);
        any = true;
    }
    if (any)
        rh_buf_add_char(w->head, '"');
    return any;
}

static bool is_selected_before(const struct rh_query *query, uint32_t at)
{
    for (uint32_t i = 0; i < at; i++)
        if (query->select[i] == query->select[at])
            return true;
    return false;
}

static void add_projection(struct writing *w)
{
    const struct rh_query *query = w->query;

    if (query->n_select > MAX_PROJECTED || !query->n_select)
        return;
    rh_buf_add_str(w->head, ",\"ProjectionExpression\":\"");
    for (uint32_t i = 0; i < query->n_select; i++) {
        if (is_selected_before(query, i))
            continue;
        if (i)
            rh_buf_add_char(w->head, ',');
        rh_dynamodb_add_name(&w->terms, query->select[i], w->head);
    }
    rh_buf_add_char(w->head, '"');
}

static void add_names(struct writing *w)
{
    bool any = false;

    for (uint32_t i = 0; i < w->query->n_columns; i++) {
        if (!w->terms.columns[i])
            continue;
        rh_buf_add_str(w->head, any ? "," : ",\"ExpressionAttributeNames\":{");
        rh_buf_addf(w->head, "\"#%u\":", i);
        rh_json_add_string(w->head, column_at(w->query, i)->name);
        any = true;
    }
    if (any)
        rh_buf_add_char(w->head, '}');
}

/* Those of the way that are always the same. A Query has ":p" too, and leaves the object open for it. */
static int add_values(struct writing *w)
{
    static const struct {
        const char *text;
        size_t flag; /* in struct rh_dynamodb_terms */
    } constants[] = {
        {"\":null\":{\"NULL\":true}", offsetof(struct rh_dynamodb_terms, null)},
        {"\":S\":{\"S\":\"S\"}", offsetof(struct rh_dynamodb_terms, string)},
        {"\":text\":{\"S\":\"\"}", offsetof(struct rh_dynamodb_terms, empty_text)},
        {"\":list\":{\"L\":[]}", offsetof(struct rh_dynamodb_terms, empty_list)},
    };
    static const char begin[] = ",\"ExpressionAttributeValues\":{";
    bool any = false;
    int rc = RH_OK;

    for (uint32_t i = 0; i < w->query->n_values && rc == RH_OK; i++) {
        if (!w->terms.values[i])
            continue;
        rh_buf_add_str(w->head, any ? "," : begin);
        rh_buf_addf(w->head, "\":%u\":", i);
        rc = rh_dynamodb_add_value(w->head, &w->query->values[i], 0, w->error);
        any = true;
    }
    for (size_t i = 0; i < sizeof(constants) / sizeof(constants[0]); i++) {
        if (!*(const bool *)((const char *)&w->terms + constants[i].flag))
            continue;
        rh_buf_add_str(w->head, any ? "," : begin);
        rh_buf_add_str(w->head, constants[i].text);
        any = true;
    }
    if (w->scan->way == RH_DYNAMODB_QUERY)
        rh_buf_add_str(w->head, any ? ",\":p\":" : ",\"ExpressionAttributeValues\":{\":p\":");
    else if (any)
        rh_buf_add_char(w->head, '}');
    return rc;
}

/* ---- Keys and partitions ------------------------------------------------------------------- */

/* Texts of attribute values, each once. */
static int add_part(struct rh_arena *arena, struct rh_map *seen, struct rh_text text,
                    struct rh_dynamodb_request *request, struct rh_error *error)
{
    bool ok = true;

    if (rh_map_get(seen, text))
        return RH_OK;
    request->parts[request->n_parts] = rh_arena_text(arena, text, &ok);
    if (!ok || !rh_map_put(seen, request->parts[request->n_parts], request, NULL))
        return rh_fail_nomem(error);
    request->n_parts++;
    return RH_OK;
}

static int add_member(struct rh_buf *to, const struct rh_column *column,
                      const struct rh_value *value, struct rh_error *error)
{
    rh_json_add_string(to, column->name);
    rh_buf_add_char(to, ':');
    return rh_dynamodb_add_value(to, value, 0, error);
}

/* The part for a value of the hash key and one of the range key, or NULL; a value that no key can have is
 * left out: it finds nothing. */
static int make_part(const struct rh_query *query, const struct rh_dynamodb_scan *scan,
                     const struct rh_value *hash, const struct rh_value *range, struct rh_buf *to,
                     struct rh_error *error)
{
    const struct rh_column *hash_column = column_at(query, scan->hash);
    int rc;

    rh_buf_clear(to);
    if (!rh_dynamodb_is_key_value(hash, hash_column->native_id, false) ||
        (range && !rh_dynamodb_is_key_value(range, column_at(query, scan->range)->native_id, true)))
        return RH_OK;
    if (scan->way == RH_DYNAMODB_QUERY)
        return rh_dynamodb_add_value(to, hash, 0, error);
    rh_buf_add_char(to, '{');
    rc = add_member(to, hash_column, hash, error);
    if (rc == RH_OK && range) {
        rh_buf_add_char(to, ',');
        rc = add_member(to, column_at(query, scan->range), range, error);
    }
    rh_buf_add_char(to, '}');
    return rc;
}

static int add_parts(const struct rh_query *query, const struct rh_dynamodb_scan *scan,
                     struct rh_arena *arena, struct rh_dynamodb_request *request,
                     struct rh_error *error)
{
    const struct rh_node *hash = &query->nodes[scan->partitions];
    const struct rh_node *range = scan->way == RH_DYNAMODB_KEYS && scan->low != RH_DYNAMODB_NONE
                                      ? &query->nodes[scan->low]
                                      : NULL;
    uint32_t n_range = range ? range->n : 1;
    struct rh_map seen;
    struct rh_buf text;
    int rc = RH_OK;

    request->parts = rh_arena_array(arena, (size_t)hash->n * n_range, sizeof(*request->parts));
    if (!request->parts)
        return rh_fail_nomem(error);
    rh_map_init(&seen);
    rh_buf_init(&text, RH_DYNAMODB_BODY_BYTES);
    for (uint64_t i = 0; i < (uint64_t)hash->n * n_range && rc == RH_OK; i++) {
        rc = make_part(query, scan, &query->values[hash->first + i / n_range],
                       range ? &query->values[range->first + i % n_range] : NULL, &text, error);
        if (rc == RH_OK && text.failed)
            rc = rh_fail_nomem(error);
        if (rc == RH_OK && text.len)
            rc = add_part(arena, &seen, rh_buf_text(&text), request, error);
    }
    rh_buf_free(&text);
    rh_map_free(&seen);
    return rc;
}

/* ---- The head ------------------------------------------------------------------------------ */

static int add_index(struct rh_conn *conn, const struct rh_op *op, struct writing *w)
{
    const struct rh_dynamodb_schema *schema = NULL;
    const struct rh_dynamodb_index *index = NULL;
    uint32_t slot = w->scan->slot;
    int rc = RH_OK;

    if (slot && op)
        rc = rh_dynamodb_describe(conn, op, w->query->table, &schema, w->error);
    else if (slot)
        schema = rh_map_get(&conn->schema_of, w->query->table);
    if (rc)
        return rc;
    if (slot && schema && slot <= schema->n_indexes)
        index = &schema->indexes[slot - 1];
    if (slot && op &&
        (!index || !rh_text_equal(index->hash, column_at(w->query, w->scan->hash)->name)))
        return rh_fail(w->error, RH_CONFLICT, "the indexes of \"%.*s\" have changed",
                       RH_TEXT_ARG(w->query->table));
    if (index) {
        rh_buf_add_str(w->head, ",\"IndexName\":");
        rh_json_add_string(w->head, index->name);
    }
    if (!index || !index->global)
        rh_buf_add_str(w->head, ",\"ConsistentRead\":true");
    return RH_OK;
}

static int add_head(struct rh_conn *conn, const struct rh_op *op, struct writing *w,
                    struct rh_dynamodb_request *request)
{
    const struct rh_dynamodb_scan *scan = w->scan;
    int rc;

    if (scan->way == RH_DYNAMODB_KEYS) {
        rh_buf_add_str(w->head, "{\"RequestItems\":{");
        rh_json_add_string(w->head, w->query->table);
        rh_buf_add_str(w->head, ":{\"ConsistentRead\":true");
    } else {
        rh_buf_add_str(w->head, "{\"TableName\":");
        rh_json_add_string(w->head, w->query->table);
        rc = add_index(conn, op, w);
        if (rc)
            return rc;
    }
    if (scan->way == RH_DYNAMODB_QUERY)
        add_key_condition(w);
    if (scan->way != RH_DYNAMODB_KEYS)
        request->filtered = add_filter(w);
    if (scan->counting)
        rh_buf_add_str(w->head, ",\"Select\":\"COUNT\"");
    else
        add_projection(w);
    if (scan->descending)
        rh_buf_add_str(w->head, ",\"ScanIndexForward\":false");
    add_names(w);
    return add_values(w);
}

int rh_dynamodb_request_of(struct rh_conn *conn, const struct rh_op *op,
                           const struct rh_query *query, const struct rh_dynamodb_scan *scan,
                           struct rh_arena *arena, struct rh_dynamodb_request *ret_request,
                           struct rh_error *error)
{
    struct rh_dynamodb_request request = {.way = scan->way, .counting = scan->counting};
    struct writing w = {.query = query, .scan = scan, .error = error};
    struct rh_buf head;
    bool ok = true;
    int rc;

    rh_buf_init(&head, RH_DYNAMODB_BODY_BYTES);
    w.head = &head;
    w.terms.columns = rh_arena_array(arena, query->n_columns, sizeof(bool));
    w.terms.values = rh_arena_array(arena, query->n_values, sizeof(bool));
    if (!w.terms.columns || !w.terms.values)
        return rh_fail_nomem(error);
    rc = add_head(conn, op, &w, &request);
    if (rc == RH_OK && scan->way != RH_DYNAMODB_SCAN)
        rc = add_parts(query, scan, arena, &request, error);
    request.table = rh_arena_text(arena, query->table, &ok);
    request.head = rh_arena_text(arena, rh_buf_text(&head), &ok);
    if (rc == RH_OK && (!ok || head.failed))
        rc = rh_fail_nomem(error);
    rh_buf_free(&head);
    if (rc == RH_OK)
        *ret_request = request;
    return rc;
}

/* ---- Bodies -------------------------------------------------------------------------------- */

const char *rh_dynamodb_action(const struct rh_dynamodb_request *request)
{
    static const char *const actions[] = {"Scan", "Query", "BatchGetItem"};

    return actions[request->way];
}

void rh_dynamodb_add_body(const struct rh_dynamodb_request *request, uint32_t part, uint32_t n,
                          struct rh_text start, uint64_t limit, struct rh_buf *body)
{
    rh_buf_add_text(body, request->head);
    if (request->way == RH_DYNAMODB_KEYS) {
        rh_buf_add_str(body, ",\"Keys\":[");
        for (uint32_t i = 0; i < n; i++) {
            if (i)
                rh_buf_add_char(body, ',');
            rh_buf_add_text(body, request->parts[part + i]);
        }
        rh_buf_add_str(body, "]}}}");
        return;
    }
    if (request->way == RH_DYNAMODB_QUERY) {
        rh_buf_add_text(body, request->parts[part]);
        rh_buf_add_char(body, '}');
    }
    if (start.len) {
        rh_buf_add_str(body, ",\"ExclusiveStartKey\":");
        rh_buf_add_text(body, start);
    }
    if (limit)
        rh_buf_addf(body, ",\"Limit\":%llu", (unsigned long long)limit);
    rh_buf_add_char(body, '}');
}

int32_t rh_dynamodb_explain(struct rh_conn *conn, const struct rh_op *op,
                            const struct rh_query *query, struct rh_text *ret_native,
                            struct rh_error *error)
{
    struct rh_arena *arena = rh_arena_new(RH_DYNAMODB_BODY_BYTES * 2);
    struct rh_dynamodb_request request;
    struct rh_dynamodb_scan scan;
    struct rh_buf text;
    char *copy = NULL;
    int rc = arena ? rh_dynamodb_scan_of(query, &scan, error) : rh_fail_nomem(error);

    rh_buf_init(&text, EXPLAIN_BYTES);
    if (rc == RH_OK)
        rc = rh_dynamodb_request_of(conn, NULL, query, &scan, arena, &request, error);
    if (rc == RH_OK) {
        uint32_t n = request.n_parts < RH_DYNAMODB_KEYS_PER_REQUEST ? request.n_parts
                                                                    : RH_DYNAMODB_KEYS_PER_REQUEST;

        rh_buf_addf(&text, "%s ", rh_dynamodb_action(&request));
        if (request.n_parts || request.way == RH_DYNAMODB_SCAN)
            rh_dynamodb_add_body(&request, 0, n, rh_text_make(NULL, 0), 0, &text);
        copy = text.failed ? NULL : conn->host->alloc(op->arena, text.len);
        rc = copy ? RH_OK : rh_fail_nomem(error);
    }
    if (rc == RH_OK) {
        memcpy(copy, text.data, text.len);
        *ret_native = rh_text_make(copy, text.len);
    }
    rh_buf_free(&text);
    rh_arena_free(arena);
    return rc;
}
