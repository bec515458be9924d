/*
 * Upserts that the source cannot do itself, because it has none or none by these columns: the host
 * looks which rows are there, changes those by their primary key and inserts the others.
 *
 * Rows go in runs in which no conflict value comes twice, so that a later row finds what an earlier
 * one made; where rows are to be returned, each is a run of its own, which keeps them in order.
 * Between looking and writing somebody else may insert the same row: only a unique constraint of
 * the source can tell then, and its error is the row's.
 */
#include "rows/writer.h"

#include "base/err.h"
#include "base/text.h"
#include "rows/cell.h"
#include "rows/reader.h"
#include "rows/rowindex.h"
#include "rows/rowstore.h"

#include <string.h>

#define MAX_RUN 1000u

/* What becomes of a row of the run. */
struct target {
    const struct rh_value *key; /* of the row that is there, or NULL */
    bool ambiguous;
};

struct upsert {
    struct rh_writer *writer;
    const struct rh_write_spec *spec;
    const uint32_t *conflict; /* spec->key as positions in the table */
    struct rh_arena *arena;
    struct rh_row_status *statuses; /* or NULL */
    uint64_t n_affected;
    /* The run. */
    uint64_t first, n;
    struct target *targets;
    struct rh_value *tuples; /* n times spec->n_key cells */
    struct rh_rowindex index;
    uint64_t *row_of; /* by entry of the index */
};

static const struct rh_value *cells_of(const struct upsert *u, uint64_t row)
{
    return u->spec->cells + row * u->spec->n_columns;
}

/* ---- The run ----------------------------------------------------------------------------- */

static bool has_null(const struct rh_value *cells, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (rh_cell_is_null(&cells[i]))
            return true;
    return false;
}

/* Adds the next row unless its conflict values are in the run already. A NULL is like no other
 * value, so such a row is always new. */
static int add_to_run(struct upsert *u, bool *ret_added, struct rh_error *error)
{
    uint32_t n_key = u->spec->n_key;
    struct rh_value *tuple = u->tuples + u->n * n_key;
    const struct rh_value *cells = cells_of(u, u->first + u->n);
    for (uint32_t i = 0; i < n_key; i++)
        tuple[i] = cells[u->spec->key[i]];
    *ret_added = true;
    if (!has_null(tuple, n_key)) {
        uint64_t hash = rh_cells_hash(tuple, n_key);
        *ret_added = rh_rowindex_find(&u->index, tuple, hash) == RH_NO_ENTRY;
        if (!*ret_added)
            return 0;
        u->row_of[u->index.n] = u->n;
        if (!rh_rowindex_add(&u->index, tuple, hash))
            return rh_fail_nomem(error);
    }
    u->targets[u->n++] = (struct target){.key = NULL};
    return 0;
}

static int gather_run(struct upsert *u, struct rh_error *error)
{
    uint64_t left = u->spec->n_rows - u->first;
    uint64_t max = u->spec->n_returning ? 1 : left < MAX_RUN ? left : MAX_RUN;
    bool added = true;
    int r = 0;
    rh_rowindex_clear(&u->index);
    u->n = 0;
    while (!r && added && u->n < max)
        r = add_to_run(u, &added, error);
    return r;
}

/* ---- Which rows are there ---------------------------------------------------------------- */

/* One conflict column: column IN (…). */
static void ask_in(const struct upsert *u, struct rh_query *query, struct rh_node *nodes,
                   struct rh_value *values)
{
    for (uint32_t i = 0; i < u->index.n; i++)
        values[i] = u->index.rows[i][0];
    nodes[0] = (struct rh_node){.op = RH_OP_IN, .column = u->conflict[0], .n = u->index.n};
    query->n_nodes = 1;
    query->n_values = u->index.n;
}

/* Several: (a = … AND b = …) OR …: the OR, then the ANDs, then their tests. */
static void ask_or(const struct upsert *u, struct rh_query *query, struct rh_node *nodes,
                   struct rh_value *values)
{
    uint32_t n_key = u->spec->n_key, n = u->index.n, tests = 1 + n;
    nodes[0] = (struct rh_node){.op = RH_OP_OR, .column = RH_NO_COLUMN, .first = 1, .n = n};
    for (uint32_t i = 0; i < n; i++) {
        uint32_t first = tests + i * n_key;
        nodes[1 + i] =
            (struct rh_node){.op = RH_OP_AND, .column = RH_NO_COLUMN, .first = first, .n = n_key};
        for (uint32_t k = 0; k < n_key; k++) {
            values[i * n_key + k] = u->index.rows[i][k];
            nodes[first + k] = (struct rh_node){
                .op = RH_OP_EQ, .column = u->conflict[k], .first = i * n_key + k, .n = 1};
        }
    }
    query->n_nodes = tests + n * n_key;
    query->n_values = n * n_key;
}

/* SELECT primary key, conflict columns WHERE the conflict columns have a value of the run. */
static int make_bound(const struct upsert *u, struct rh_bound *ret_bound, struct rh_error *error)
{
    static const uint32_t the_first = 0;
    const struct rh_table *table = u->writer->table;
    uint32_t n_key = u->spec->n_key, n_select = table->n_key + n_key;
    uint32_t *select = rh_arena_array(u->arena, n_select, sizeof(*select));
    struct rh_column *outputs = rh_arena_array(u->arena, n_select, sizeof(*outputs));
    struct rh_column *columns = rh_arena_array(u->arena, table->n_columns, sizeof(*columns));
    struct rh_node *nodes =
        rh_arena_array(u->arena, (size_t)u->index.n * (n_key + 1) + 1, sizeof(*nodes));
    struct rh_value *values = rh_arena_array(u->arena, (size_t)u->index.n * n_key, sizeof(*values));
    if (!select || !outputs || !columns || !nodes || !values)
        return rh_fail_nomem(error);
    for (uint32_t i = 0; i < table->n_columns; i++)
        columns[i] = table->columns[i];
    for (uint32_t i = 0; i < n_select; i++) {
        select[i] = i < table->n_key ? table->key[i] : u->conflict[i - table->n_key];
        outputs[i] = columns[select[i]];
    }
    *ret_bound = (struct rh_bound){.query = {.struct_size = sizeof(struct rh_query),
                                             .schema = table->schema,
                                             .table = table->name,
                                             .columns = columns,
                                             .n_columns = table->n_columns,
                                             .column_stride = sizeof(*columns),
                                             .select = select,
                                             .n_select = n_select,
                                             .conjuncts = &the_first,
                                             .n_conjuncts = 1,
                                             .nodes = nodes,
                                             .values = values,
                                             .semijoin_stride = sizeof(struct rh_semijoin),
                                             .limit = RH_NO_LIMIT},
                                   .table = table,
                                   .outputs = outputs,
                                   .n_outputs = n_select};
    if (n_key == 1)
        ask_in(u, &ret_bound->query, nodes, values);
    else
        ask_or(u, &ret_bound->query, nodes, values);
    return 0;
}

static int note_found(struct upsert *u, const struct rh_value *cells, struct rh_error *error)
{
    uint32_t n_primary = u->writer->table->n_key, n_key = u->spec->n_key;
    const struct rh_value *tuple = cells + n_primary;
    uint32_t entry = rh_rowindex_find(&u->index, tuple, rh_cells_hash(tuple, n_key));
    if (entry == RH_NO_ENTRY)
        return 0;
    struct target *target = &u->targets[u->row_of[entry]];
    if (target->key) {
        target->ambiguous = true;
        return 0;
    }
    void *room = rh_arena_alloc(u->arena, rh_row_size(cells, n_primary));
    if (!room)
        return rh_fail_nomem(error);
    target->key = rh_row_copy(room, cells, n_primary);
    return 0;
}

static int find_rows(struct upsert *u, struct rh_error *error)
{
    struct rh_read_options options = {.stream = true, .lock = u->writer->session->in_transaction};
    struct rh_batch batch = {.struct_size = sizeof(batch)};
    struct rh_read *read = NULL;
    struct rh_bound bound;
    if (!u->index.n)
        return 0;
    int r = make_bound(u, &bound, error);
    if (!r)
        r = rh_read_open_bound(u->writer->session, &bound, &options, &read, error);
    if (r)
        return r;
    while (!r && (r = rh_read_next(read, &batch, error)) == 0)
        for (uint64_t i = 0; !r && i < batch.n_rows; i++)
            r = note_found(u, batch.cells + i * batch.n_cols, error);
    rh_read_close(read);
    return r == RH_END ? 0 : r;
}

/* ---- Writing them ------------------------------------------------------------------------ */

/* One call for rows of the run, whose positions in the spec are in `rows`. */
static int call(struct upsert *u, enum rh_write_kind kind, const struct rh_write_spec *spec,
                const uint64_t *rows, struct rh_error *error)
{
    struct rh_row_status *statuses = NULL;
    uint64_t n_affected = 0;
    if (u->statuses) {
        statuses = rh_arena_array(u->arena, spec->n_rows, sizeof(*statuses));
        if (!statuses)
            return rh_fail_nomem(error);
    }
    int r = rh_writer_call(u->writer, kind, spec, u->arena, statuses, &n_affected, error);
    u->n_affected += n_affected;
    if (r && error->row < spec->n_rows)
        error->row = rows[error->row];
    for (uint64_t i = 0; !r && statuses && i < spec->n_rows; i++)
        u->statuses[rows[i]] = statuses[i];
    return r;
}

/* A row that a change by key gets: the key of the row that is there, then the given columns. */
struct change {
    struct rh_column *columns;
    struct rh_value *cells;
    uint32_t *given; /* positions in the spec of the columns after the key */
    uint64_t *rows;
    uint32_t n_given;
    uint64_t n;
};

static bool is_conflict(const struct upsert *u, uint32_t column)
{
    for (uint32_t i = 0; i < u->spec->n_key; i++)
        if (u->spec->key[i] == column)
            return true;
    return false;
}

/* The columns that this row gives. */
static void begin_change(struct upsert *u, struct change *change, uint64_t row)
{
    const struct rh_table *table = u->writer->table;
    const struct rh_value *cells = cells_of(u, row);
    change->n = change->n_given = 0;
    for (uint32_t i = 0; i < table->n_key; i++)
        change->columns[i] = table->columns[table->key[i]];
    for (uint32_t i = 0; i < u->spec->n_columns; i++)
        if (!is_conflict(u, i) && cells[i].type != RH_TYPE_MISSING) {
            change->columns[table->n_key + change->n_given] = u->spec->columns[i];
            change->given[change->n_given++] = i;
        }
}

/* Whether the row gives just the columns of the change. */
static bool fits_change(const struct upsert *u, const struct change *change, uint64_t row)
{
    const struct rh_value *cells = cells_of(u, row);
    uint32_t at = 0;
    for (uint32_t i = 0; i < u->spec->n_columns; i++) {
        if (is_conflict(u, i) || cells[i].type == RH_TYPE_MISSING)
            continue;
        if (at == change->n_given || change->given[at++] != i)
            return false;
    }
    return at == change->n_given;
}

static void add_to_change(struct upsert *u, struct change *change, uint64_t i)
{
    uint32_t n_primary = u->writer->table->n_key, width = n_primary + change->n_given;
    struct rh_value *to = change->cells + change->n * width;
    const struct rh_value *cells = cells_of(u, u->first + i);
    memcpy(to, u->targets[i].key, n_primary * sizeof(*to));
    for (uint32_t k = 0; k < change->n_given; k++)
        to[n_primary + k] = cells[change->given[k]];
    change->rows[change->n++] = u->first + i;
}

static int end_change(struct upsert *u, struct change *change, struct rh_error *error)
{
    uint32_t n_primary = u->writer->table->n_key;
    uint32_t *key = rh_arena_array(u->arena, n_primary, sizeof(*key));
    if (!key)
        return rh_fail_nomem(error);
    if (!change->n || !change->n_given) /* nothing but what found it: it stays as it is */
        return 0;
    for (uint32_t i = 0; i < n_primary; i++)
        key[i] = i;
    struct rh_write_spec spec = *u->spec;
    spec.resolve = RH_RESOLVE_ERROR;
    spec.columns = change->columns;
    spec.column_stride = sizeof(*change->columns);
    spec.n_columns = n_primary + change->n_given;
    spec.key = key;
    spec.n_key = n_primary;
    spec.cells = change->cells;
    spec.n_rows = change->n;
    return call(u, RH_WRITE_UPDATE, &spec, change->rows, error);
}

/* Neighbours that give the same columns share a call. */
static int change_rows(struct upsert *u, struct rh_error *error)
{
    uint32_t width = u->writer->table->n_key + u->spec->n_columns;
    struct change change = {
        .columns = rh_arena_array(u->arena, width, sizeof(struct rh_column)),
        .cells = rh_arena_array(u->arena, u->n * width, sizeof(struct rh_value)),
        .given = rh_arena_array(u->arena, u->spec->n_columns, sizeof(uint32_t)),
        .rows = rh_arena_array(u->arena, u->n, sizeof(uint64_t)),
    };
    int r = 0;
    if (!change.columns || !change.cells || !change.given || !change.rows)
        return rh_fail_nomem(error);
    for (uint64_t i = 0; !r && i < u->n; i++) {
        if (!u->targets[i].key || u->targets[i].ambiguous)
            continue;
        if (change.n == rh_writer_max_rows(u->writer) ||
            !(change.n && fits_change(u, &change, u->first + i))) {
            r = end_change(u, &change, error);
            begin_change(u, &change, u->first + i);
        }
        add_to_change(u, &change, i);
    }
    return r ? r : end_change(u, &change, error);
}

static int insert_rows(struct upsert *u, struct rh_error *error)
{
    struct rh_value *cells = rh_arena_array(u->arena, u->n * u->spec->n_columns, sizeof(*cells));
    uint64_t *rows = rh_arena_array(u->arena, u->n, sizeof(*rows));
    struct rh_write_spec spec = *u->spec;
    int r = 0;
    if (!cells || !rows)
        return rh_fail_nomem(error);
    spec.resolve = RH_RESOLVE_ERROR;
    spec.key = NULL;
    spec.n_key = 0;
    spec.cells = cells;
    spec.n_rows = 0;
    for (uint64_t i = 0; !r && i < u->n; i++) {
        if (u->targets[i].key)
            continue;
        memcpy(cells + spec.n_rows * spec.n_columns, cells_of(u, u->first + i),
               spec.n_columns * sizeof(*cells));
        rows[spec.n_rows++] = u->first + i;
        if (spec.n_rows < rh_writer_max_rows(u->writer))
            continue;
        r = call(u, RH_WRITE_INSERT, &spec, rows, error);
        spec.n_rows = 0;
    }
    return r || !spec.n_rows ? r : call(u, RH_WRITE_INSERT, &spec, rows, error);
}

/* Rows that the source has more than once. */
static int refuse_ambiguous(struct upsert *u, struct rh_error *error)
{
    for (uint64_t i = 0; i < u->n; i++) {
        if (!u->targets[i].ambiguous)
            continue;
        if (u->statuses) {
            u->statuses[u->first + i] = (struct rh_row_status){
                .error_class = RH_CONSTRAINT,
                .constraint = RH_CONSTRAINT_AMBIGUOUS_KEY,
                .message = RH_TEXT("several rows have these values in the conflict columns")};
            continue;
        }
        rh_fail(error, RH_CONSTRAINT, "several rows have these values in the conflict columns");
        error->constraint = RH_CONSTRAINT_AMBIGUOUS_KEY;
        error->row = u->first + i;
        return error->error_class;
    }
    return 0;
}

static int write_run(struct upsert *u, struct rh_error *error)
{
    int r = gather_run(u, error);
    if (!r)
        r = find_rows(u, error);
    if (!r)
        r = refuse_ambiguous(u, error);
    if (!r && u->spec->resolve == RH_RESOLVE_MERGE)
        r = change_rows(u, error);
    return r ? r : insert_rows(u, error);
}

/* ---- Public ------------------------------------------------------------------------------ */

/* Looking and writing are one unit in a transaction, or when there is one row. */
static int check_unit(struct rh_writer *writer, uint64_t n_rows, struct rh_error *error)
{
    if (writer->options->not_atomic || writer->session->in_transaction)
        return 0;
    if (rh_writer_has_transactions(writer))
        return rh_writer_begin(writer, error);
    if (n_rows == 1)
        return 0;
    struct rh_text title = writer->session->connector->title;
    rh_fail(error, RH_UNSUPPORTED, "%.*s cannot upsert %llu rows by these columns as one unit",
            RH_TEXT_ARG(title), (unsigned long long)n_rows);
    rh_error_code(error, "no-transactions");
    return rh_error_hint(error, "send one row, or atomic=false to write each for itself");
}

static int complete(struct rh_writer *writer, const struct rh_write_spec *spec,
                    const uint32_t *conflict, struct rh_arena *arena,
                    struct rh_row_status *statuses, uint64_t *ret_affected, struct rh_error *error)
{
    uint64_t max = spec->n_rows < MAX_RUN ? spec->n_rows : MAX_RUN;
    struct upsert u = {
        .writer = writer,
        .spec = spec,
        .conflict = conflict,
        .arena = arena,
        .statuses = statuses,
        .targets = rh_arena_array(arena, max, sizeof(struct target)),
        .tuples = rh_arena_array(arena, max * spec->n_key, sizeof(struct rh_value)),
        .row_of = rh_arena_array(arena, max, sizeof(uint64_t)),
    };
    if (!u.targets || !u.tuples || !u.row_of)
        return rh_fail_nomem(error);
    int r = check_unit(writer, spec->n_rows, error);
    rh_rowindex_init(&u.index, spec->n_key);
    for (; !r && u.first < spec->n_rows; u.first += u.n)
        r = write_run(&u, error);
    rh_rowindex_clear(&u.index);
    if (!r)
        *ret_affected = u.n_affected;
    return r;
}

int rh_writer_upsert(struct rh_writer *writer, const struct rh_write_spec *spec,
                     const uint32_t *conflict, struct rh_arena *arena,
                     struct rh_row_status *statuses, uint64_t *ret_affected, struct rh_error *error)
{
    if (!writer->completes_upserts) {
        int r = rh_writer_call(writer, RH_WRITE_UPSERT, spec, arena, statuses, ret_affected, error);
        if (r != RH_UNSUPPORTED || !writer->table->n_key)
            return r;
        rh_error_clear(error);
        writer->completes_upserts = true;
    }
    return complete(writer, spec, conflict, arena, statuses, ret_affected, error);
}
