/* One row by its key, and the ETag of a row. */
#include "rows/reader.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/rand.h"
#include "base/text.h"
#include "rows/cell.h"

#include <string.h>

#define MAX_ROW_BYTES ((size_t)256 << 20)

static const struct rh_column *column_at(const struct rh_table *table, uint32_t position)
{
    return (const struct rh_column *)(const void *)((const char *)table->columns +
                                                    (size_t)position * table->column_stride);
}

/* SELECT all columns WHERE every key column equals its value. */
static int make_bound(struct rh_arena *arena, const struct rh_table *table,
                      const struct rh_value *key, struct rh_bound *ret_bound,
                      struct rh_error *error)
{
    uint32_t *select = rh_arena_array(arena, table->n_columns, sizeof(*select));
    uint32_t *conjuncts = rh_arena_array(arena, table->n_key, sizeof(*conjuncts));
    struct rh_node *nodes = rh_arena_array(arena, table->n_key, sizeof(*nodes));
    struct rh_column *outputs = rh_arena_array(arena, table->n_columns, sizeof(*outputs));

    if (!select || !conjuncts || !nodes || !outputs)
        return rh_fail_nomem(error);
    for (uint32_t i = 0; i < table->n_columns; i++) {
        select[i] = i;
        outputs[i] = *column_at(table, i);
    }
    for (uint32_t i = 0; i < table->n_key; i++) {
        conjuncts[i] = i;
        nodes[i] = (struct rh_node){.op = RH_OP_EQ, .column = table->key[i], .first = i, .n = 1};
    }
    *ret_bound = (struct rh_bound){.query = {.struct_size = sizeof(struct rh_query),
                                             .schema = table->schema,
                                             .table = table->name,
                                             .columns = outputs,
                                             .n_columns = table->n_columns,
                                             .column_stride = sizeof(*outputs),
                                             .select = select,
                                             .n_select = table->n_columns,
                                             .conjuncts = conjuncts,
                                             .n_conjuncts = table->n_key,
                                             .nodes = nodes,
                                             .n_nodes = table->n_key,
                                             .values = key,
                                             .n_values = table->n_key,
                                             .semijoin_stride = sizeof(struct rh_semijoin),
                                             .limit = 1},
                                   .table = table,
                                   .outputs = outputs,
                                   .n_outputs = table->n_columns};
    return RH_OK;
}

static int fail_not_found(const struct rh_table *table, struct rh_error *error)
{
    return rh_fail(error, RH_NOT_FOUND, "\"%.*s\" has no row with this key",
                   RH_TEXT_ARG(table->name));
}

int rh_read_row(struct rh_session *session, const struct rh_table *table,
                const struct rh_value *key, bool lock, struct rh_value **ret_cells,
                struct rh_error *error)
{
    struct rh_read_options options = {.stream = true, .lock = lock};
    struct rh_arena *arena = session->op->abi.arena;
    struct rh_batch batch = {.struct_size = sizeof(batch)};
    struct rh_read *read = NULL;
    struct rh_bound bound;
    void *room;
    int r;

    if (table->n_key == 0) {
        rh_fail(error, RH_UNSUPPORTED, "\"%.*s\" has no primary key", RH_TEXT_ARG(table->name));
        return rh_error_code(error, "no-key");
    }
    for (uint32_t i = 0; i < table->n_key; i++)
        if (rh_cell_is_null(&key[i]))
            return fail_not_found(table, error);
    r = make_bound(arena, table, key, &bound, error);
    if (r == RH_OK)
        r = rh_read_open_bound(session, &bound, &options, &read, error);
    if (r < 0)
        return r;
    r = rh_read_next(read, &batch, error);
    if (r == RH_END)
        r = fail_not_found(table, error);
    if (r == RH_OK) {
        room = rh_arena_alloc(arena, rh_row_size(batch.cells, batch.n_cols));
        if (room)
            *ret_cells = rh_row_copy(room, batch.cells, batch.n_cols);
        else
            r = rh_fail_nomem(error);
    }
    rh_read_close(read);
    return r;
}

void rh_read_etag(const struct rh_table *table, const struct rh_value *cells, char *ret_etag)
{
    static const char hex[] = "0123456789abcdef";
    uint8_t hash[16];
    struct rh_buf buf;

    rh_buf_init(&buf, MAX_ROW_BYTES);
    rh_buf_add_text(&buf, table->name);
    for (uint32_t i = 0; i < table->n_columns; i++) {
        rh_buf_add_char(&buf, 0);
        rh_buf_add_text(&buf, column_at(table, i)->name);
        rh_buf_add_char(&buf, 0);
        rh_position_add_value(&buf, &cells[i]);
    }
    /* A row too large to be hashed gets a tag that matches no other. */
    if (buf.failed)
        rh_rand_bytes(hash, sizeof(hash));
    else
        rh_position_keyed_hash(buf.data, buf.len, hash);
    rh_buf_free(&buf);
    for (unsigned i = 0; i < sizeof(hash); i++) {
        ret_etag[2 * i] = hex[hash[i] >> 4];
        ret_etag[2 * i + 1] = hex[hash[i] & 15];
    }
    ret_etag[32] = 0;
}
