/*
 * Reading and writing rows of the table: keyed read (EQ on the key), range read (by prefix),
 * insert, keyed update and delete with the revision among the key columns, so that a change under a
 * stale revision affects no row.
 */
#include "store/documents.h"

#include "base/err.h"
#include "base/text.h"
#include "host/check.h"

#define BATCH_ROWS 256
#define N_COLUMNS RH_DOCUMENTS_N_COLUMNS

static struct rh_value text_value(struct rh_text text)
{
    return (struct rh_value){.type = RH_TYPE_TEXT, .len = (uint32_t)text.len, .as.data = text.data};
}

static struct rh_value int_value(int64_t i)
{
    return (struct rh_value){.type = RH_TYPE_INT, .as.i = i};
}

static struct rh_text cell_text(const struct rh_value *cell)
{
    return (struct rh_text){(const char *)cell->as.data, cell->len};
}

/* ---- Reading ----------------------------------------------------------------------------- */

struct rh_query rh_documents_query(const struct rh_documents *documents,
                                   const struct rh_value *values, uint32_t n_values)
{
    static const uint32_t all_columns[] = {RH_DOCUMENTS_KEY, RH_DOCUMENTS_REVISION,
                                           RH_DOCUMENTS_BODY};
    static const struct rh_node equal_node[] = {
        {.op = RH_OP_EQ, .column = RH_DOCUMENTS_KEY, .n = 1}};
    static const struct rh_node range_nodes[] = {
        {.op = RH_OP_GTE, .column = RH_DOCUMENTS_KEY, .n = 1},
        {.op = RH_OP_LT, .column = RH_DOCUMENTS_KEY, .first = 1, .n = 1}};
    static const uint32_t conjuncts[] = {0, 1};
    static const struct rh_order by_key[] = {
        {.column = RH_DOCUMENTS_KEY, .flags = RH_ORDER_BINARY}};
    bool is_range = n_values == 2;
    return (struct rh_query){
        .struct_size = sizeof(struct rh_query),
        .schema = documents->schema,
        .table = RH_TEXT_INIT(RH_DOCUMENTS_TABLE),
        .columns = documents->columns,
        .n_columns = N_COLUMNS,
        .column_stride = sizeof(struct rh_column),
        .select = all_columns,
        .n_select = N_COLUMNS,
        .values = values,
        .n_values = n_values,
        .nodes = is_range ? range_nodes : equal_node,
        .n_nodes = n_values,
        .conjuncts = conjuncts,
        .n_conjuncts = n_values,
        .order = is_range ? by_key : NULL,
        .n_order = is_range ? 1 : 0,
        .semijoin_stride = sizeof(struct rh_semijoin),
        .limit = RH_NO_LIMIT,
    };
}

static int check_batch(const struct rh_batch *batch, struct rh_error *error)
{
    static const uint32_t types[N_COLUMNS] = {RH_TYPE_BIT(RH_TYPE_TEXT), RH_TYPE_BIT(RH_TYPE_INT),
                                              RH_TYPE_BIT(RH_TYPE_TEXT)};
    int rc = rh_check_batch(batch, N_COLUMNS, BATCH_ROWS, types, error);
    for (uint64_t i = 0; rc == RH_OK && i < batch->n_rows * N_COLUMNS; i++)
        if (batch->cells[i].type <= RH_TYPE_NULL)
            rc = rh_fail(error, RH_DATA,
                         "table \"" RH_DOCUMENTS_TABLE "\" of the store holds a NULL");
    return rc;
}

static int read_rows(struct rh_lease *lease, const struct rh_query *query, rh_documents_row_fn *row,
                     void *context, struct rh_error *error)
{
    const struct rh_connector *connector = &lease->library->connector;
    const struct rh_op *op = &lease->op->abi;
    struct rh_cursor *cursor = NULL;
    int rc =
        rh_check_outcome(connector->open(lease->conn, op, query, &cursor, error), "open", error);
    int answer = 0; /* of `row`: may be any number, also RH_END */
    if (rc != RH_OK)
        return rc;
    while (rc == RH_OK && answer == 0) {
        struct rh_batch batch = {.struct_size = sizeof(batch)};
        rc =
            rh_check_outcome(connector->next(cursor, op, BATCH_ROWS, &batch, error), "next", error);
        if (rc == RH_OK)
            rc = check_batch(&batch, error);
        for (uint64_t r = 0; rc == RH_OK && answer == 0 && r < batch.n_rows; r++) {
            const struct rh_value *cells = batch.cells + r * N_COLUMNS;
            answer =
                row(context, cell_text(&cells[RH_DOCUMENTS_KEY]), cells[RH_DOCUMENTS_REVISION].as.i,
                    cell_text(&cells[RH_DOCUMENTS_BODY]), error);
        }
    }
    connector->finish(cursor);
    return answer || rc == RH_END ? answer : rc;
}

int rh_documents_find(const struct rh_documents *documents, struct rh_lease *lease,
                      struct rh_text key, rh_documents_row_fn *row, void *context,
                      struct rh_error *error)
{
    struct rh_value value = text_value(key);
    struct rh_query query = rh_documents_query(documents, &value, 1);
    return read_rows(lease, &query, row, context, error);
}

int rh_documents_walk(const struct rh_documents *documents, struct rh_lease *lease,
                      struct rh_text from, struct rh_text below, rh_documents_row_fn *row,
                      void *context, struct rh_error *error)
{
    struct rh_value values[] = {text_value(from), text_value(below)};
    struct rh_query query = rh_documents_query(documents, values, 2);
    return read_rows(lease, &query, row, context, error);
}

/* ---- Writing ----------------------------------------------------------------------------- */

/* Calls one function of the write group with a single row. */
static int write_row(const struct rh_documents *documents, struct rh_lease *lease,
                     rh_write_fn *function, const struct rh_column *columns, uint32_t n_columns,
                     uint32_t n_key, const struct rh_value *cells, bool *ret_found,
                     struct rh_error *error)
{
    static const uint32_t key[] = {0, 1};
    struct rh_write_spec spec = {
        .struct_size = sizeof(spec),
        .schema = documents->schema,
        .table = RH_TEXT_INIT(RH_DOCUMENTS_TABLE),
        .columns = columns,
        .n_columns = n_columns,
        .column_stride = sizeof(struct rh_column),
        .key = key,
        .n_key = n_key,
        .n_rows = 1,
        .cells = cells,
        .returning_stride = sizeof(struct rh_column),
    };
    struct rh_row_status status = {.error_class = RH_OK};
    struct rh_write_result result = {.struct_size = sizeof(result),
                                     .returned = {.struct_size = sizeof(struct rh_batch)},
                                     .statuses = &status};
    int rc = rh_check_outcome(function(lease->conn, &lease->op->abi, &spec, &result, error),
                              "write", error);
    if (rc == RH_OK && status.error_class != RH_OK) { /* a connector that is atomic by row */
        rc = rh_fail(error, status.error_class, "%.*s", RH_TEXT_ARG(status.message));
        error->constraint = status.constraint;
    }
    if (rc == RH_OK && ret_found)
        *ret_found = result.n_affected != 0;
    return rc;
}

int rh_documents_insert(const struct rh_documents *documents, struct rh_lease *lease,
                        struct rh_text key, struct rh_text body, int64_t revision,
                        struct rh_error *error)
{
    struct rh_value cells[N_COLUMNS] = {text_value(key), int_value(revision), text_value(body)};
    return write_row(documents, lease, lease->library->connector.write->insert, documents->columns,
                     N_COLUMNS, 0, cells, NULL, error);
}

int rh_documents_update(const struct rh_documents *documents, struct rh_lease *lease,
                        struct rh_text key, struct rh_text body, int64_t from, int64_t to,
                        bool *ret_found, struct rh_error *error)
{
    /* key and revision find the row; revision and body are set */
    const struct rh_column columns[] = {
        documents->columns[RH_DOCUMENTS_KEY], documents->columns[RH_DOCUMENTS_REVISION],
        documents->columns[RH_DOCUMENTS_REVISION], documents->columns[RH_DOCUMENTS_BODY]};
    struct rh_value cells[] = {text_value(key), int_value(from), int_value(to), text_value(body)};
    return write_row(documents, lease, lease->library->connector.write->update, columns, 4, 2,
                     cells, ret_found, error);
}

int rh_documents_delete(const struct rh_documents *documents, struct rh_lease *lease,
                        struct rh_text key, int64_t revision, bool *ret_found,
                        struct rh_error *error)
{
    struct rh_value cells[] = {text_value(key), int_value(revision)};
    return write_row(documents, lease, lease->library->connector.write->remove, documents->columns,
                     2, 2, cells, ret_found, error);
}
