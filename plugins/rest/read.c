/*
 * Cursors: the requests of a scan, one after the other, each with its pages, row by row in bounded
 * memory. Where there are several requests a few are under way at once, so that the API works on
 * the next ones while rows of the first are read; their rows come in order.
 */
#include "rest.h"

#include "base/json.h"

#include <stdlib.h>
#include <string.h>

#define BATCH_BYTES ((size_t)64 << 10)
#define ARENA_BYTES ((size_t)256 << 20)

/* ---- Making -------------------------------------------------------------------------------- */

static int check_query(const struct rh_query *query, struct rh_rest_scan *scan,
                       struct rh_error *error)
{
    bool fits = !query->n_groups && !query->n_aggregates && !query->n_having && !query->offset &&
                !(query->flags & 0xffffu);

    fits = fits && rh_rest_order_of(scan, query, &scan->order) == query->n_order;
    for (uint32_t i = 0; i < query->n_conjuncts && fits; i++)
        fits = rh_rest_verdict(scan, query, query->conjuncts[i]) != RH_VERDICT_NONE;
    return fits ? RH_OK : rh_fail(error, RH_UNSUPPORTED, "the API was not asked what it can do");
}

static int make_fields(struct rh_cursor *cursor, const struct rh_query *query,
                       struct rh_error *error)
{
    const struct rh_rest_scan *scan = &cursor->scan;
    int rc = RH_OK;

    cursor->n_fields = query->n_select;
    cursor->fields = rh_arena_array(cursor->arena, query->n_select, sizeof(*cursor->fields));
    cursor->compared = rh_arena_array(cursor->arena, scan->n_bindings, sizeof(*cursor->compared));
    if (!cursor->fields || !cursor->compared)
        return rh_fail_nomem(error);
    for (uint32_t i = 0; i < query->n_select && rc == RH_OK; i++)
        rc = rh_rest_field_of(scan->resource,
                              rh_kit_column(query->columns, query->column_stride, query->select[i]),
                              cursor->arena, &cursor->fields[i], error);
    for (uint32_t i = 0; i < scan->n_bindings && rc == RH_OK; i++)
        rc = rh_rest_field_of(
            scan->resource,
            rh_kit_column(query->columns, query->column_stride, scan->bindings[i].column),
            cursor->arena, &cursor->compared[i], error);
    return rc;
}

static int make_turns(struct rh_cursor *cursor, struct rh_error *error)
{
    const struct rh_rest_scan *scan = &cursor->scan;

    for (uint32_t i = 0; i < RH_REST_AHEAD; i++) {
        struct rh_rest_turn *turn = &cursor->turns[i];
        turn->scan = *scan;
        turn->scan.bindings =
            rh_arena_array(cursor->arena, scan->n_bindings, sizeof(*scan->bindings));
        if (!turn->scan.bindings)
            return rh_fail_nomem(error);
        rh_rest_answer_init(&turn->answer, cursor->conn, scan->resource, scan->call);
        rh_rest_position_init(&turn->position, &scan->resource->pages);
    }
    return RH_OK;
}

static int make(struct rh_cursor *cursor, const struct rh_query *query, struct rh_error *error)
{
    const struct rh_rest_resource *resource;
    int rc;

    cursor->arena = rh_arena_new(ARENA_BYTES);
    if (!cursor->arena)
        return rh_fail_nomem(error);
    if ((rc = rh_rest_find(cursor->conn, query->table, &resource, error)) ||
        (rc = rh_rest_bind(resource, query, cursor->arena, true, &cursor->scan, error)) ||
        (rc = check_query(query, &cursor->scan, error)) ||
        (rc = make_fields(cursor, query, error)) || (rc = make_turns(cursor, error)))
        return rc;
    rh_rowset_init(&cursor->rows, query->n_select, BATCH_BYTES);
    rh_rowset_init(&cursor->probe, 1, BATCH_BYTES);
    cursor->left = query->limit;
    cursor->more = query->limit > 0;
    return RH_OK;
}

/* ---- Requests ------------------------------------------------------------------------------ */

/* Sends the page of the turn that its position is at. */
static int send_page(struct rh_cursor *cursor, struct rh_rest_turn *turn, const struct rh_op *op,
                     struct rh_error *error)
{
    struct rh_rest_answer *answer = &turn->answer;
    int rc;

    rh_buf_clear(&answer->url);
    rh_buf_clear(&answer->body);
    rc = rh_rest_add_request(&turn->scan, &answer->url, &answer->body, error);
    if (rc == RH_OK && turn->scan.call == &turn->scan.resource->list)
        rh_rest_position_add(&turn->position, cursor->left, &answer->url);
    return rc ? rc : rh_rest_answer_send(answer, op, error);
}

/* Starts as many of the requests as are wanted at once. */
static int send_ahead(struct rh_cursor *cursor, const struct rh_op *op, struct rh_error *error)
{
    uint64_t window = cursor->left < RH_REST_AHEAD ? cursor->left : RH_REST_AHEAD;
    int rc = RH_OK;

    while (rc == RH_OK && cursor->more && cursor->n_turns < window) {
        uint32_t at = (cursor->first + cursor->n_turns) % RH_REST_AHEAD;
        struct rh_rest_turn *turn = &cursor->turns[at];

        memcpy(turn->scan.bindings, cursor->scan.bindings,
               cursor->scan.n_bindings * sizeof(*turn->scan.bindings));
        rh_rest_position_reset(&turn->position);
        rc = send_page(cursor, turn, op, error);
        cursor->n_turns++;
        cursor->more = rh_rest_scan_step(&cursor->scan);
    }
    return rc;
}

/* Behind the last row of a page: the next one, or the next request. */
static int turn_page(struct rh_cursor *cursor, struct rh_rest_turn *turn, const struct rh_op *op,
                     struct rh_error *error)
{
    const struct rh_rest_resource *resource = turn->scan.resource;
    int rc = RH_END;

    if (turn->scan.call == &resource->list)
        rc = rh_rest_position_turn(&turn->position, &turn->answer, resource->n_key > 0, error);
    if (rc < 0)
        return rh_error_prefix(error, "cannot read \"%.*s\"", RH_TEXT_ARG(resource->name));
    if (rc == RH_OK)
        return send_page(cursor, turn, op, error);
    rh_rest_answer_close(&turn->answer);
    cursor->first = (cursor->first + 1) % RH_REST_AHEAD;
    cursor->n_turns--;
    return RH_OK;
}

int32_t rh_rest_open(struct rh_conn *conn, const struct rh_op *op, const struct rh_query *query,
                     struct rh_cursor **ret_cursor, struct rh_error *error)
{
    struct rh_cursor *cursor;
    int rc;

    if (conn->cursor)
        return rh_fail(error, RH_INVALID, "the connection has an open cursor");
    rc = rh_kit_check(conn->host, op, error);
    if (rc)
        return rc;
    cursor = calloc(1, sizeof(*cursor));
    if (!cursor)
        return rh_fail_nomem(error);
    cursor->conn = conn;
    conn->cursor = cursor;
    rc = make(cursor, query, error);
    if (rc == RH_OK)
        rc = send_ahead(cursor, op, error);
    if (rc)
        rh_rest_finish(cursor);
    else
        *ret_cursor = cursor;
    return rc;
}

/* ---- Rows ---------------------------------------------------------------------------------- */

/* Whether the row has one of the values that its request asked for. */
static int is_asked_for(struct rh_cursor *cursor, const struct rh_rest_turn *turn, uint32_t at,
                        const struct rh_json *document, bool *ret_is, struct rh_error *error)
{
    const struct rh_rest_binding *binding = &turn->scan.bindings[at];
    struct rh_rowset *probe = &cursor->probe;
    struct rh_batch batch = {.struct_size = sizeof(batch)};
    struct rh_value *cell;
    int rc;

    rh_rowset_clear(probe, 1);
    cell = rh_rowset_row(probe);
    if (!cell)
        return rh_fail_nomem(error);
    rc = rh_rest_cell(probe, cell, &cursor->compared[at], document, cursor->n_rows, error);
    if (rc == RH_OK)
        rc = rh_rowset_batch(probe, &batch, error);
    if (rc)
        return rc;
    *ret_is = false;
    for (uint32_t i = 0; i < binding->per_request && binding->at + i < binding->n; i++)
        *ret_is = *ret_is || rh_rest_equal(&batch.cells[0], &binding->values[binding->at + i]);
    return RH_OK;
}

static int belongs(struct rh_cursor *cursor, const struct rh_rest_turn *turn,
                   const struct rh_json *document, bool *ret_belongs, struct rh_error *error)
{
    const struct rh_rest_scan *scan = &turn->scan;
    bool lookup = scan->call != &scan->resource->list;
    int rc = RH_OK;

    *ret_belongs = true;
    for (uint32_t i = 0; i < scan->n_bindings && rc == RH_OK && *ret_belongs; i++)
        if ((lookup || scan->bindings[i].divides) && !cursor->compared[i].asked)
            rc = is_asked_for(cursor, turn, i, document, ret_belongs, error);
    return rc;
}

static int add_row(struct rh_cursor *cursor, const struct rh_rest_turn *turn,
                   const struct rh_json *document, struct rh_error *error)
{
    struct rh_value *cells = rh_rowset_row(&cursor->rows);
    int rc = RH_OK;

    for (uint32_t i = 0; cells && i < cursor->n_fields && rc == RH_OK; i++) {
        const struct rh_rest_field *field = &cursor->fields[i];
        const struct rh_rest_binding *asked =
            field->asked ? rh_rest_binding_of(&turn->scan, field->column.name) : NULL;

        if (asked)
            rh_rowset_value(&cursor->rows, &cells[i], &asked->values[asked->at]);
        else if (field->asked)
            cells[i] = rh_kit_null();
        else
            rc = rh_rest_cell(&cursor->rows, &cells[i], field, document, cursor->n_rows, error);
    }
    return rc;
}

static int take_document(struct rh_cursor *cursor, struct rh_rest_turn *turn,
                         const struct rh_json *document, struct rh_error *error)
{
    bool wanted;
    int rc = rh_rest_position_row(&turn->position, document, error);

    cursor->n_rows++;
    if (rc == RH_OK)
        rc = belongs(cursor, turn, document, &wanted, error);
    if (rc == RH_OK && wanted) {
        rc = add_row(cursor, turn, document, error);
        if (cursor->left != RH_NO_LIMIT)
            cursor->left--;
    }
    return rc < 0 ? rh_error_prefix(error, "cannot read \"%.*s\"",
                                    RH_TEXT_ARG(turn->scan.resource->name))
                  : rc;
}

static void stop(struct rh_cursor *cursor)
{
    for (uint32_t i = 0; i < RH_REST_AHEAD; i++)
        if (cursor->turns[i].answer.conn)
            rh_rest_answer_close(&cursor->turns[i].answer);
    cursor->n_turns = 0;
    cursor->more = false;
}

int32_t rh_rest_next(struct rh_cursor *cursor, const struct rh_op *op, uint32_t max_rows,
                     struct rh_batch *ret_batch, struct rh_error *error)
{
    const struct rh_json *document;
    int rc = rh_kit_check(cursor->conn->host, op, error);

    rh_rowset_clear(&cursor->rows, max_rows);
    while (rc == RH_OK && cursor->left && rh_rowset_has_room(&cursor->rows)) {
        struct rh_rest_turn *turn = &cursor->turns[cursor->first];

        rc = send_ahead(cursor, op, error);
        if (rc || !cursor->n_turns)
            break;
        rc = rh_rest_answer_next(&turn->answer, op, &document, error);
        if (rc == RH_OK)
            rc = take_document(cursor, turn, document, error);
        else if (rc == RH_END)
            rc = turn_page(cursor, turn, op, error);
        if (rc == RH_OK && cursor->rows.n_rows == 0)
            rc = rh_kit_check(cursor->conn->host, op, error);
    }
    if (!cursor->left || rc < 0)
        stop(cursor);
    return rc < 0 ? rc : rh_rowset_batch(&cursor->rows, ret_batch, error);
}

void rh_rest_finish(struct rh_cursor *cursor)
{
    for (uint32_t i = 0; i < RH_REST_AHEAD; i++)
        if (cursor->turns[i].answer.conn) {
            rh_rest_answer_fini(&cursor->turns[i].answer);
            rh_rest_position_fini(&cursor->turns[i].position);
        }
    rh_rowset_fini(&cursor->rows);
    rh_rowset_fini(&cursor->probe);
    rh_arena_free(cursor->arena);
    cursor->conn->cursor = NULL;
    free(cursor);
}
