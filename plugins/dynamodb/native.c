/*
 * PartiQL: one statement, its parameters bound.
 *
 * An answer has items, not columns: the columns are the attributes of its first page. A later item with
 * another one ends the read with an error rather than without it.
 */
#include "dynamodb.h"

#include <string.h>
#include <strings.h>
#include <stdlib.h>

#define MAX_COLUMNS 1000u

static bool begins_with(struct rh_text text, const char *word)
{
    size_t n = strlen(word);

    return text.len > n && strncasecmp(text.data, word, n) == 0 &&
           strchr(" \t\r\n*", text.data[n]) != NULL;
}

static bool has(struct rh_text text, const char *word)
{
    size_t n = strlen(word);

    for (uint64_t i = 0; i + n <= text.len; i++)
        if (strncasecmp(text.data + i, word, n) == 0)
            return true;
    return false;
}

static int check(struct rh_conn *conn, const struct rh_op *op, const struct rh_native_spec *spec,
                 bool is_select, struct rh_error *error)
{
    if (conn->cursor)
        return rh_fail(error, RH_INVALID, "the connection has an open cursor");
    if (op->flags & RH_OP_READ_ONLY && !is_select)
        return rh_fail(error, RH_PERMISSION, "only SELECT may run in a read-only operation");
    if (!rh_text_is_utf8(spec->text))
        return rh_fail(error, RH_INVALID, "the statement is not UTF-8");
    return rh_dynamodb_begin(conn, op, error);
}

/* Without its '}'. A DELETE does not tell whether there was an item, unless it is asked for it. */
static int add_body(const struct rh_native_spec *spec, struct rh_text text, struct rh_buf *body,
                    struct rh_error *error)
{
    struct rh_buf statement;
    int rc = RH_OK;

    rh_buf_init(&statement, RH_DYNAMODB_BODY_BYTES);
    rh_buf_add_text(&statement, text);
    if (begins_with(text, "DELETE") && !has(text, "RETURNING"))
        rh_buf_add_str(&statement, " RETURNING ALL OLD *");
    rh_buf_add_str(body, "{\"ConsistentRead\":true,\"Statement\":");
    rh_json_add_string(body, rh_buf_text(&statement));
    for (uint32_t i = 0; i < spec->n_parameters && rc == RH_OK; i++) {
        rh_buf_add_str(body, i ? "," : ",\"Parameters\":[");
        rc = rh_dynamodb_add_value(body, &spec->parameters[i], 0, error);
    }
    if (spec->n_parameters)
        rh_buf_add_char(body, ']');
    body->failed = body->failed || statement.failed;
    rh_buf_free(&statement);
    return rc ? rc : body->failed ? rh_fail_nomem(error) : RH_OK;
}

/* ---- Columns ------------------------------------------------------------------------------- */

static int add_column(struct rh_cursor *cursor, const struct rh_json *attribute, uint32_t *n,
                      struct rh_error *error)
{
    uint32_t i = 0, type = rh_dynamodb_type_of(attribute);

    if (!type)
        return rh_fail(error, RH_PROTOCOL, "the server sent an attribute without a type");
    while (i < *n && !rh_text_equal(cursor->columns[i].name, attribute->key))
        i++;
    if (i == MAX_COLUMNS)
        return rh_fail(error, RH_RESOURCE, "the items have more than %u attributes", MAX_COLUMNS);
    if (i == *n)
        cursor->columns[(*n)++].name = attribute->key;
    cursor->columns[i].native_id |= type;
    return RH_OK;
}

static int compare_names(const void *a, const void *b)
{
    const struct rh_column *left = a, *right = b;

    return rh_text_compare(left->name, right->name);
}

static int find_columns(struct rh_cursor *cursor, uint32_t *ret_n, struct rh_error *error)
{
    uint32_t n = 0;
    int rc = RH_OK;

    for (const struct rh_json *item = cursor->first; item && rc == RH_OK; item = item->next) {
        if (item->kind != RH_JSON_OBJECT)
            return rh_fail(error, RH_PROTOCOL, "the server sent an item that is no object");
        for (const struct rh_json *a = item->child; a && rc == RH_OK; a = a->next)
            rc = add_column(cursor, a, &n, error);
    }
    qsort(cursor->columns, n, sizeof(*cursor->columns), compare_names);
    *ret_n = n;
    return rc;
}

/* For the host, from the op's arena; and for the cursor. */
static int tell_columns(struct rh_conn *conn, const struct rh_op *op, struct rh_cursor *cursor,
                        uint32_t n, struct rh_native_result *ret_result, struct rh_error *error)
{
    struct rh_column *columns = conn->host->alloc(op->arena, (uint64_t)n * sizeof(*columns));

    for (uint32_t i = 0; columns && i < n; i++) {
        struct rh_column *column = &cursor->columns[i];
        char *name = conn->host->alloc(op->arena, column->name.len + 1);

        if (!name)
            return rh_fail_nomem(error);
        memcpy(name, column->name.data, column->name.len);
        column->type = rh_dynamodb_column_type(column->native_id);
        columns[i] = *column;
        columns[i].name = rh_text_make(name, column->name.len);
        columns[i].native_type = rh_dynamodb_type_name(column->native_id);
        columns[i].flags = RH_COLUMN_INFERRED;
    }
    ret_result->columns = columns;
    ret_result->n_columns = n;
    return columns ? RH_OK : rh_fail_nomem(error);
}

/* ---- Running ------------------------------------------------------------------------------- */

static int call(struct rh_cursor *cursor, const struct rh_op *op, struct rh_text body, bool safe,
                struct rh_error *error)
{
    const struct rh_json *items, *next;
    struct rh_json *answer = NULL;
    int rc = rh_dynamodb_call(cursor->conn, op, "ExecuteStatement", body, safe,
                              "cannot run the statement", cursor->arena, &answer, error);

    if (rc && !safe && error && error->retry == RH_RETRY_IF_IDEMPOTENT)
        rc = error->error_class = RH_UNKNOWN_OUTCOME;
    if (rc)
        return rc;
    items = rh_json_member(answer, "Items");
    next = rh_json_member(answer, "NextToken");
    cursor->first = items && items->kind == RH_JSON_ARRAY ? items->child : NULL;
    cursor->done = !next || next->kind != RH_JSON_STRING;
    return cursor->done ? RH_OK : rh_dynamodb_turn_page(cursor, next->source, error);
}

/* A page may have no items and yet not be the last. */
static int skip_empty_pages(struct rh_cursor *cursor, const struct rh_op *op,
                            struct rh_error *error)
{
    int rc = RH_OK;

    while (rc == RH_OK && !cursor->first && !cursor->done) {
        struct rh_buf body;

        rh_buf_init(&body, RH_DYNAMODB_BODY_BYTES);
        rh_buf_add_text(&body, cursor->statement);
        rh_buf_add_str(&body, ",\"NextToken\":");
        rh_buf_add_text(&body, rh_buf_text(&cursor->start));
        rh_buf_add_char(&body, '}');
        rc = body.failed ? rh_fail_nomem(error) : call(cursor, op, rh_buf_text(&body), true, error);
        rh_buf_free(&body);
    }
    return rc;
}

static int read_first(struct rh_cursor *cursor, const struct rh_op *op,
                      const struct rh_native_spec *spec, struct rh_text text, bool is_select,
                      struct rh_error *error)
{
    struct rh_buf body;
    bool ok = true;
    int rc;

    rh_buf_init(&body, RH_DYNAMODB_BODY_BYTES);
    rc = add_body(spec, text, &body, error);
    cursor->statement = rh_arena_text(cursor->arena, rh_buf_text(&body), &ok);
    rh_buf_add_char(&body, '}');
    if (rc == RH_OK && (!ok || body.failed))
        rc = rh_fail_nomem(error);
    if (rc == RH_OK)
        rc = call(cursor, op, rh_buf_text(&body), is_select, error);
    rh_buf_free(&body);
    return rc == RH_OK ? skip_empty_pages(cursor, op, error) : rc;
}

static int32_t run(struct rh_conn *conn, const struct rh_op *op, const struct rh_native_spec *spec,
                   struct rh_native_result *ret_result, struct rh_error *error)
{
    struct rh_text text = rh_text_trim(spec->text);
    bool is_select = begins_with(text, "SELECT"), shows;
    struct rh_cursor *cursor;
    uint32_t n = 0;
    int rc = check(conn, op, spec, is_select, error);

    if (rc)
        return rc;
    cursor = rh_dynamodb_cursor_new(conn, MAX_COLUMNS);
    if (!cursor)
        return rh_fail_nomem(error);
    cursor->is_native = true;
    cursor->action = "ExecuteStatement";
    rc = read_first(cursor, op, spec, text, is_select, error);
    if (rc == RH_CONSTRAINT && !begins_with(text, "INSERT")) { /* no item met the condition */
        rh_error_clear(error);
        rh_dynamodb_finish(cursor);
        return RH_OK;
    }
    shows = is_select || has(text, "RETURNING");
    if (rc == RH_OK && !is_select)
        ret_result->n_affected = cursor->first || !begins_with(text, "DELETE") ? 1 : 0;
    if (rc == RH_OK && shows)
        rc = find_columns(cursor, &n, error);
    if (rc == RH_OK && n)
        rc = tell_columns(conn, op, cursor, n, ret_result, error);
    if (rc || !n) {
        rh_dynamodb_finish(cursor);
        return rc;
    }
    cursor->n_columns = n;
    rh_rowset_fini(&cursor->rows);
    rh_rowset_init(&cursor->rows, n, (size_t)64 << 10);
    ret_result->cursor = cursor;
    return RH_OK;
}

const struct rh_native rh_dynamodb_native = {
    .struct_size = sizeof(rh_dynamodb_native),
    .language = RH_TEXT_INIT("PartiQL"),
    .run = run,
};
