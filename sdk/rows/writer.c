/*
 * The call of a write group and what stands around it.
 *
 * The connector gets one spec and one arena per call. What it returns is checked before anybody
 * looks at it, and every outcome is noted on the session, which decides whether the connection can
 * be used again.
 */
#include "rows/writer.h"

#include "base/err.h"
#include "base/text.h"
#include "host/check.h"
#include "rows/near.h"

static const struct {
    const char *function;
    const char *verb;
} kinds[] = {
    [RH_WRITE_INSERT] = {"insert", "insert rows"},
    [RH_WRITE_UPDATE] = {"update", "change rows"},
    [RH_WRITE_REMOVE] = {"remove", "delete rows"},
    [RH_WRITE_UPSERT] = {"upsert", "upsert rows"},
};

static rh_write_fn *function_of(const struct rh_write *group, enum rh_write_kind kind)
{
    switch (kind) {
    case RH_WRITE_INSERT:
        return group->insert;
    case RH_WRITE_UPDATE:
        return group->update;
    case RH_WRITE_REMOVE:
        return group->remove;
    default:
        return group->upsert;
    }
}

/* ---- Beginning --------------------------------------------------------------------------- */

static int check_permission(const struct rh_session *session, const struct rh_table *table,
                            struct rh_error *error)
{
    struct rh_text title = session->connector->title, name = rh_near_clip(table->name);
    if (!session->connector->write) {
        rh_fail(error, RH_UNSUPPORTED, "the connector %.*s cannot write", RH_TEXT_ARG(title));
        return rh_error_code(error, "read-only");
    }
    if (session->op->abi.flags & RH_OP_READ_ONLY) {
        rh_fail(error, RH_UNSUPPORTED, "this operation may only read");
        return rh_error_code(error, "read-only");
    }
    if (table->flags & RH_TABLE_READ_ONLY) {
        rh_fail(error, RH_UNSUPPORTED, "\"%.*s\" cannot be written", RH_TEXT_ARG(name));
        return rh_error_code(error, "read-only");
    }
    return 0;
}

static int choose_returning(struct rh_writer *writer, struct rh_error *error)
{
    const struct rh_table *table = writer->table;
    if (!writer->sink || !writer->sink->rows || writer->options->returning == RH_RETURNING_NONE)
        return 0;
    if (writer->options->returning == RH_RETURNING_ROWS) {
        writer->returning = table->columns;
        writer->n_returning = table->n_columns;
        return 0;
    }
    struct rh_column *key =
        rh_arena_array(writer->session->op->abi.arena, table->n_key, sizeof(*key));
    if (!key)
        return rh_fail_nomem(error);
    for (uint32_t i = 0; i < table->n_key; i++)
        key[i] = table->columns[table->key[i]];
    writer->returning = key;
    writer->n_returning = table->n_key;
    return 0;
}

int rh_writer_init(struct rh_writer *writer, struct rh_session *session,
                   const struct rh_table *table, const struct rh_write_options *options,
                   const struct rh_write_sink *sink, struct rh_error *error)
{
    static const struct rh_write_options defaults;
    *writer = (struct rh_writer){
        .session = session,
        .table = table,
        .options = options ? options : &defaults,
        .sink = sink,
    };
    int r = check_permission(session, table, error);
    return r ? r : choose_returning(writer, error);
}

bool rh_writer_has_transactions(const struct rh_writer *writer)
{
    return writer->session->connector->tx != NULL;
}

uint64_t rh_writer_max_rows(const struct rh_writer *writer)
{
    const struct rh_limits *limits = writer->session->connector->limits;
    return limits && limits->rows_per_write ? limits->rows_per_write : UINT64_MAX;
}

bool rh_writer_is_atomic(const struct rh_writer *writer)
{
    return writer->session->connector->write->atomicity == RH_ATOMIC_ALL;
}

int rh_writer_begin(struct rh_writer *writer, struct rh_error *error)
{
    if (writer->session->in_transaction)
        return 0;
    int r = rh_session_begin(writer->session, 0, error);
    writer->owns_transaction = r == 0;
    return r;
}

int rh_writer_end(struct rh_writer *writer, int r, struct rh_error *error)
{
    if (!writer->owns_transaction || !writer->session->in_transaction)
        return r;
    writer->owns_transaction = false;
    if (!r)
        return rh_session_commit(writer->session, error);
    struct rh_error ignored = RH_ERROR_INIT;
    rh_session_rollback(writer->session, &ignored);
    return r;
}

/* ---- The call ---------------------------------------------------------------------------- */

struct rh_write_spec rh_writer_spec(const struct rh_writer *writer)
{
    return (struct rh_write_spec){
        .struct_size = sizeof(struct rh_write_spec),
        .schema = writer->table->schema,
        .table = writer->table->name,
        .column_stride = sizeof(struct rh_column),
        .returning = writer->returning,
        .n_returning = writer->n_returning,
        .returning_stride = sizeof(struct rh_column),
    };
}

static int give_rows(struct rh_writer *writer, const struct rh_batch *batch, uint64_t max_rows,
                     struct rh_error *error)
{
    if (!writer->n_returning || !batch->n_rows)
        return 0;
    int r = rh_check_batch(batch, writer->n_returning, max_rows, NULL, error);
    if (r)
        return rh_session_note(writer->session, r);
    return writer->sink->rows(writer->sink->context, writer->returning, writer->n_returning, batch,
                              error);
}

/* The first row that failed in a call that went through. */
static int find_failure(const struct rh_row_status *statuses, uint64_t n, struct rh_error *error)
{
    for (uint64_t i = 0; i < n; i++) {
        if (statuses[i].error_class >= RH_OK)
            continue;
        rh_fail(error, statuses[i].error_class, "%.*s", RH_TEXT_ARG(statuses[i].message));
        error->constraint = statuses[i].constraint;
        error->row = i;
        return error->error_class;
    }
    return 0;
}

int rh_writer_call(struct rh_writer *writer, enum rh_write_kind kind,
                   const struct rh_write_spec *spec, struct rh_arena *arena,
                   struct rh_row_status *statuses, uint64_t *ret_affected, struct rh_error *error)
{
    struct rh_session *session = writer->session;
    struct rh_write_result result = {.struct_size = sizeof(result),
                                     .returned = {.struct_size = sizeof(result.returned)}};
    struct rh_row_status *own = NULL;
    int r = rh_operation_check(session->op, error);
    if (r)
        return r;
    if (!rh_writer_is_atomic(writer) && !statuses) {
        own = rh_arena_array(arena, spec->n_rows, sizeof(*own));
        if (!own)
            return rh_fail_nomem(error);
    }
    result.statuses = rh_writer_is_atomic(writer) ? NULL : statuses ? statuses : own;
    struct rh_op abi = session->op->abi;
    abi.arena = arena;
    r = function_of(session->connector->write, kind)(session->lease.conn, &abi, spec, &result,
                                                     error);
    r = rh_session_note(session, rh_check_outcome(r, kinds[kind].function, error));
    if (r == RH_END)
        r = rh_fail(error, RH_CONTRACT, "the connector's \"%s\" returned END",
                    kinds[kind].function);
    if (r == RH_UNSUPPORTED) {
        struct rh_text title = session->connector->title;
        return rh_error_prefix(error, "%.*s cannot %s here", RH_TEXT_ARG(title), kinds[kind].verb);
    }
    if (r)
        return r;
    *ret_affected = result.n_affected;
    if (own)
        r = find_failure(own, spec->n_rows, error);
    if (!r)
        r = give_rows(writer, &result.returned, spec->where ? UINT64_MAX : spec->n_rows, error);
    return r;
}

int rh_writer_keyed(const struct rh_writer *writer, struct rh_arena *arena,
                    const struct rh_value *key, const struct rh_rows *set,
                    struct rh_write_spec *ret_spec, struct rh_error *error)
{
    const struct rh_table *table = writer->table;
    uint32_t n_set = set ? set->n_columns : 0, n = table->n_key + n_set;
    struct rh_column *columns = rh_arena_array(arena, n, sizeof(*columns));
    struct rh_value *cells = rh_arena_array(arena, n, sizeof(*cells));
    uint32_t *positions = rh_arena_array(arena, table->n_key, sizeof(*positions));
    if (!columns || !cells || !positions)
        return rh_fail_nomem(error);
    for (uint32_t i = 0; i < table->n_key; i++) {
        columns[i] = table->columns[table->key[i]];
        cells[i] = key[i];
        positions[i] = i;
    }
    for (uint32_t i = 0; i < n_set; i++) {
        columns[table->n_key + i] = set->columns[i];
        cells[table->n_key + i] = set->cells[i];
    }
    *ret_spec = rh_writer_spec(writer);
    ret_spec->columns = columns;
    ret_spec->n_columns = n;
    ret_spec->key = positions;
    ret_spec->n_key = table->n_key;
    ret_spec->cells = cells;
    ret_spec->n_rows = 1;
    return 0;
}

/* ---- If-Match ---------------------------------------------------------------------------- */

bool rh_writer_must_match(const struct rh_writer *writer)
{
    return writer->options->if_match.data && !rh_text_is(writer->options->if_match, "*");
}

int rh_writer_match(struct rh_writer *writer, const struct rh_value *key, struct rh_error *error)
{
    struct rh_value *cells = NULL;
    char etag[33];
    if (!rh_writer_must_match(writer))
        return 0;
    int r = rh_read_row(writer->session, writer->table, key, true, &cells, error);
    if (r)
        return r;
    rh_read_etag(writer->table, cells, etag);
    if (rh_text_is(writer->options->if_match, etag))
        return 0;
    rh_fail(error, RH_CONFLICT, "the row has been changed since it was read");
    rh_error_code(error, "stale");
    return rh_error_hint(error, "read it again and repeat the change");
}

int rh_writer_no_key(const struct rh_writer *writer, struct rh_error *error)
{
    struct rh_text shown = rh_near_clip(writer->table->name);
    rh_fail(error, RH_UNSUPPORTED, "\"%.*s\" has no primary key", RH_TEXT_ARG(shown));
    rh_error_code(error, "no-key");
    return rh_error_hint(error, "use a condition that the source itself understands in full, or "
                                "give the table a key");
}
