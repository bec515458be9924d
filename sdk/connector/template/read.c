/*
 * Cursors. Each document becomes one row of all columns that the query mentions; when its
 * conditions hold, the selected ones of them go into the batch.
 *
 * The query holds exactly what was promised before, all of it has to be done, and nothing else is
 * expected. So what this file does not do is refused, not ignored.
 */
#include "acme.h"

#include "connector/json_cell.h"
#include "connector/rowset.h"

#include <stdlib.h>

#define BATCH_BYTES ((size_t)64 << 10)
#define QUERY_BYTES ((size_t)64 << 20) /* literals and names */

struct rh_cursor {
    struct rh_conn *conn;
    struct rh_arena *arena; /* the copy of the query */
    struct acme_documents documents;
    struct acme_filter filter;
    struct rh_column *columns; /* of the query */
    uint32_t n_columns;
    const uint32_t *select;
    struct rh_rowset row;  /* one row of all columns */
    struct rh_rowset rows; /* the batch */
};

static int check_query(const struct rh_query *query, struct rh_error *error)
{
    if (query->n_groups || query->n_aggregates || query->n_having || query->n_order ||
        query->offset || query->limit != RH_NO_LIMIT || (query->flags & 0xffffu))
        return rh_fail(error, RH_UNSUPPORTED, "acme filters rows and does nothing else to them");
    return RH_OK;
}

static int copy_query(struct rh_cursor *cursor, const struct rh_query *query,
                      struct rh_error *error)
{
    struct rh_arena *arena = cursor->arena;
    bool ok = true;
    cursor->columns = rh_arena_array(arena, query->n_columns, sizeof(*cursor->columns));
    cursor->select =
        (const void *)rh_arena_dup(arena, query->select, query->n_select * sizeof(*query->select));
    if (!cursor->columns || !cursor->select)
        return rh_fail_nomem(error);
    const char *at = (const char *)query->columns;
    for (uint32_t i = 0; i < query->n_columns; i++, at += query->column_stride) {
        const struct rh_column *column = (const void *)at;
        if (!column->native_id) /* the host hands back what `tables` said */
            return rh_fail(error, RH_NOT_FOUND, "there is no column \"%.*s\"",
                           RH_TEXT_ARG(column->name));
        cursor->columns[i] = (struct rh_column){.name = rh_arena_text(arena, column->name, &ok),
                                                .type = column->type,
                                                .flags = column->flags};
    }
    cursor->n_columns = query->n_columns;
    rh_rowset_init(&cursor->row, query->n_columns, SIZE_MAX);
    rh_rowset_init(&cursor->rows, query->n_select, BATCH_BYTES);
    return ok ? acme_filter_init(&cursor->filter, arena, query, error) : rh_fail_nomem(error);
}

int32_t acme_open(struct rh_conn *conn, const struct rh_op *op, const struct rh_query *query,
                  struct rh_cursor **ret_cursor, struct rh_error *error)
{
    acme_begin(conn);
    int rc = acme_check(conn, op, error);
    if (rc == RH_OK && conn->cursor)
        rc = rh_fail(error, RH_INVALID, "the connection has an open cursor");
    if (rc == RH_OK)
        rc = check_query(query, error);
    if (rc)
        return rc;
    struct rh_cursor *cursor = calloc(1, sizeof(*cursor));
    if (!cursor)
        return rh_fail_nomem(error);
    cursor->conn = conn;
    cursor->arena = rh_arena_new(QUERY_BYTES);
    rc = acme_documents_open(&cursor->documents, conn, query->table, error);
    if (rc == RH_OK)
        rc = cursor->arena ? copy_query(cursor, query, error) : rh_fail_nomem(error);
    conn->cursor = cursor;
    if (rc)
        acme_finish(cursor);
    else
        *ret_cursor = cursor;
    return rc;
}

/* The member of a document. Names are few, so they are looked for one by one. */
static const struct rh_json *member_of(const struct rh_json *document, struct rh_text name)
{
    const struct rh_json *member = document->child;
    while (member && !rh_text_equal(member->key, name))
        member = member->next;
    return member;
}

/* All cells of a document, borrowed until the next one. */
static int make_row(struct rh_cursor *cursor, const struct rh_json *document,
                    struct rh_batch *ret_row, struct rh_error *error)
{
    rh_rowset_clear(&cursor->row, 1);
    struct rh_value *cells = rh_rowset_row(&cursor->row);
    for (uint32_t i = 0; cells && i < cursor->n_columns; i++)
        rh_json_cell(&cursor->row, &cells[i], &cursor->columns[i],
                     member_of(document, cursor->columns[i].name));
    return rh_rowset_batch(&cursor->row, ret_row, error);
}

static void add_row(struct rh_cursor *cursor, const struct rh_value *from)
{
    struct rh_value *to = rh_rowset_row(&cursor->rows);
    for (uint32_t i = 0; to && i < cursor->rows.n_cols; i++)
        rh_rowset_value(&cursor->rows, &to[i], &from[cursor->select[i]]);
}

int32_t acme_next(struct rh_cursor *cursor, const struct rh_op *op, uint32_t max_rows,
                  struct rh_batch *ret_batch, struct rh_error *error)
{
    struct rh_json *document;
    struct rh_batch row;
    acme_begin(cursor->conn);
    int rc = acme_check(cursor->conn, op, error);
    if (rc)
        return rc;
    rh_rowset_clear(&cursor->rows, max_rows);
    while (rc == RH_OK && rh_rowset_has_room(&cursor->rows)) {
        rc = acme_documents_next(&cursor->documents, op, &document, error);
        if (rc == RH_OK)
            rc = make_row(cursor, document, &row, error);
        if (rc == RH_OK && acme_filter_holds(&cursor->filter, row.cells))
            add_row(cursor, row.cells);
    }
    return rc < 0 ? rc : rh_rowset_batch(&cursor->rows, ret_batch, error);
}

void acme_finish(struct rh_cursor *cursor)
{
    acme_documents_close(&cursor->documents);
    rh_rowset_fini(&cursor->row);
    rh_rowset_fini(&cursor->rows);
    rh_arena_free(cursor->arena);
    cursor->conn->cursor = NULL;
    free(cursor);
}
