/* Writes, native queries, changes of tables, feeds. */
#include "host/isolation/codec.h"

#include <string.h>

/* ---- Writes -------------------------------------------------------------------------------- */

struct write_head {
    struct rh_write_spec spec;
    uint32_t has_where;
    uint32_t wants_statuses;
};

void rh_wire_put_write(struct rh_wire_out *out, const struct rh_write_spec *spec,
                       bool wants_statuses)
{
    struct write_head head = {*spec, spec->where != NULL, wants_statuses};
    size_t n_cells;

    if (__builtin_mul_overflow(spec->n_rows, (uint64_t)spec->n_columns, &n_cells)) {
        out->fixed.failed = true;
        return;
    }
    head.spec.schema = rh_wire_text(out, spec->schema);
    head.spec.table = rh_wire_text(out, spec->table);
    head.spec.columns = NULL;
    head.spec.column_stride = sizeof(struct rh_column);
    head.spec.key = NULL;
    head.spec.cells = NULL;
    head.spec.where = NULL;
    head.spec.returning = NULL;
    head.spec.returning_stride = sizeof(struct rh_column);
    rh_wire_put(out, &head, sizeof(head));
    rh_wire_put_columns(out, spec->columns, spec->n_columns, spec->column_stride);
    rh_wire_put_u32s(out, spec->key, spec->n_key);
    rh_wire_put_values(out, spec->cells, n_cells);
    rh_wire_put_columns(out, spec->returning, spec->n_returning, spec->returning_stride);
    if (spec->where)
        rh_wire_put_query(out, spec->where);
}

const struct rh_write_spec *rh_wire_take_write(struct rh_wire_in *in, bool *ret_wants_statuses)
{
    struct write_head *head = rh_wire_take(in, 1, sizeof(*head));
    struct rh_write_spec *spec = head ? &head->spec : NULL;
    uint64_t n_cells;

    if (spec)
        spec->where = NULL;
    if (!head || __builtin_mul_overflow(spec->n_rows, (uint64_t)spec->n_columns, &n_cells) ||
        !rh_wire_fix_text(in, &spec->schema) || !rh_wire_fix_text(in, &spec->table) ||
        !(spec->columns = rh_wire_take_columns(in, spec->n_columns)) ||
        !(spec->key = rh_wire_take(in, spec->n_key, sizeof(uint32_t))) ||
        !(spec->cells = rh_wire_take_values(in, n_cells)) ||
        !(spec->returning = rh_wire_take_columns(in, spec->n_returning)) ||
        (head->has_where && !(spec->where = rh_wire_take_query(in)))) {
        in->failed = true;
        return NULL;
    }
    *ret_wants_statuses = head->wants_statuses != 0;
    return spec;
}

/* A batch: its numbers, then its cells. */
static void put_batch(struct rh_wire_out *out, const struct rh_batch *batch)
{
    struct rh_batch wire = *batch;

    wire.cells = NULL;
    rh_wire_put(out, &wire, sizeof(wire));
    rh_wire_put_values(out, batch->cells, batch->n_rows * batch->n_cols);
}

static bool take_batch(struct rh_wire_in *in, struct rh_batch *ret_batch)
{
    const struct rh_batch *batch = rh_wire_take(in, 1, sizeof(*batch));
    uint64_t n_cells;

    if (!batch || __builtin_mul_overflow(batch->n_rows, (uint64_t)batch->n_cols, &n_cells)) {
        in->failed = true;
        return false;
    }
    *ret_batch = (struct rh_batch){
        .struct_size = sizeof(*batch), .n_cols = batch->n_cols, .n_rows = batch->n_rows};
    ret_batch->cells = rh_wire_take_values(in, n_cells);
    return ret_batch->cells != NULL;
}

void rh_wire_put_written(struct rh_wire_out *out, const struct rh_write_result *result,
                         uint64_t n_statuses)
{
    rh_wire_put(out, &result->n_affected, sizeof(result->n_affected));
    put_batch(out, &result->returned);
    for (uint64_t i = 0; i < n_statuses; i++) {
        struct rh_row_status status = result->statuses[i];

        status.message = rh_wire_text(out, status.message);
        rh_wire_put(out, &status, sizeof(status));
    }
}

bool rh_wire_take_written(struct rh_wire_in *in, struct rh_write_result *result,
                          uint64_t n_statuses, struct rh_arena *arena)
{
    const uint64_t *n_affected = rh_wire_take(in, 1, sizeof(*n_affected));
    struct rh_row_status *statuses;
    bool ok = true;

    if (!n_affected || !take_batch(in, &result->returned) ||
        !(statuses = rh_wire_take(in, n_statuses, sizeof(*statuses))))
        return false;
    result->n_affected = *n_affected;
    for (uint64_t i = 0; i < n_statuses && ok; i++) {
        ok = rh_wire_fix_text(in, &statuses[i].message);
        result->statuses[i] = statuses[i];
        result->statuses[i].message = rh_arena_text(arena, statuses[i].message, &ok);
    }
    return ok;
}

/* ---- Native queries ------------------------------------------------------------------------ */

void rh_wire_put_native(struct rh_wire_out *out, const struct rh_native_spec *spec)
{
    struct rh_native_spec wire = {
        .struct_size = sizeof(wire),
        .n_parameters = spec->n_parameters,
        .text = rh_wire_text(out, spec->text),
    };

    rh_wire_put(out, &wire, sizeof(wire));
    rh_wire_put_values(out, spec->parameters, spec->n_parameters);
}

const struct rh_native_spec *rh_wire_take_native(struct rh_wire_in *in)
{
    struct rh_native_spec *spec = rh_wire_take(in, 1, sizeof(*spec));

    if (!spec || !rh_wire_fix_text(in, &spec->text) ||
        !(spec->parameters = rh_wire_take_values(in, spec->n_parameters)))
        return NULL;
    return spec;
}

/* ---- Changes of tables ---------------------------------------------------------------------- */

/* Stands for a table or column that follows. */
static void *const FOLLOWS = (void *)1;

void rh_wire_put_changes(struct rh_wire_out *out, const struct rh_ddl_change *changes, uint32_t n,
                         uint32_t stride)
{
    rh_wire_put(out, &n, sizeof(n));
    for (uint32_t i = 0; i < n; i++) {
        const struct rh_ddl_change *change =
            (const void *)((const char *)changes + (size_t)i * stride);
        struct rh_ddl_change wire = {
            .kind = change->kind,
            .reserved = change->reserved,
            .table = change->table ? FOLLOWS : NULL,
            .column = change->column ? FOLLOWS : NULL,
            .new_name = rh_wire_text(out, change->new_name),
        };

        rh_wire_put(out, &wire, sizeof(wire));
    }
    for (uint32_t i = 0; i < n; i++) {
        const struct rh_ddl_change *change =
            (const void *)((const char *)changes + (size_t)i * stride);

        if (change->table)
            rh_wire_put_table(out, change->table);
        if (change->column)
            rh_wire_put_columns(out, change->column, 1, sizeof(*change->column));
    }
}

const struct rh_ddl_change *rh_wire_take_changes(struct rh_wire_in *in, uint32_t *ret_n)
{
    const uint32_t *n = rh_wire_take(in, 1, sizeof(*n));
    struct rh_ddl_change *changes = n ? rh_wire_take(in, *n, sizeof(*changes)) : NULL;

    for (uint32_t i = 0; changes && i < *n; i++) {
        struct rh_ddl_change *change = &changes[i];

        if (!rh_wire_fix_text(in, &change->new_name) ||
            (change->table && !(change->table = rh_wire_take_table(in))) ||
            (change->column && !(change->column = rh_wire_take_columns(in, 1))))
            return NULL;
    }
    if (changes)
        *ret_n = *n;
    return changes;
}

/* ---- Feeds --------------------------------------------------------------------------------- */

void rh_wire_put_feed(struct rh_wire_out *out, const struct rh_feed_spec *spec)
{
    struct rh_feed_spec wire = {
        .struct_size = sizeof(wire),
        .schema = rh_wire_text(out, spec->schema),
        .table = rh_wire_text(out, spec->table),
        .since = rh_wire_text(out, spec->since),
        .n_columns = spec->n_columns,
        .column_stride = sizeof(struct rh_column),
    };

    rh_wire_put(out, &wire, sizeof(wire));
    rh_wire_put_columns(out, spec->columns, spec->n_columns, spec->column_stride);
}

const struct rh_feed_spec *rh_wire_take_feed(struct rh_wire_in *in)
{
    struct rh_feed_spec *spec = rh_wire_take(in, 1, sizeof(*spec));

    if (!spec || !rh_wire_fix_text(in, &spec->schema) || !rh_wire_fix_text(in, &spec->table) ||
        !rh_wire_fix_text(in, &spec->since) ||
        !(spec->columns = rh_wire_take_columns(in, spec->n_columns)))
        return NULL;
    return spec;
}

void rh_wire_put_feed_batch(struct rh_wire_out *out, const struct rh_feed_batch *batch)
{
    struct rh_text token = rh_wire_text(out, batch->token);

    rh_wire_put(out, &token, sizeof(token));
    put_batch(out, &batch->rows);
    rh_wire_put_u32s(out, batch->kinds, (uint32_t)batch->rows.n_rows);
}

bool rh_wire_take_feed_batch(struct rh_wire_in *in, struct rh_feed_batch *ret_batch)
{
    struct rh_text *token = rh_wire_take(in, 1, sizeof(*token));
    struct rh_feed_batch batch = {.struct_size = sizeof(batch)};

    if (!token || !rh_wire_fix_text(in, token) || !take_batch(in, &batch.rows) ||
        !(batch.kinds = rh_wire_take(in, batch.rows.n_rows, sizeof(uint32_t))))
        return false;
    batch.token = *token;
    *ret_batch = batch;
    return true;
}
