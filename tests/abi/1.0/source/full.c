/*
 * A connector of ABI 1.0 that has everything the ABI has, and tells what it saw: it answers each call with
 * what it read from the host's structs. A later host that moved a field would be told something else.
 * Compiled with the headers of 1.0 beside it and kept as full.so.
 *
 *   table "types"  a column of each type, one row
 *   table "seen"   columns of numbers, one row: what the query said
 */
#include <rowhouse/connector.h>

#include <stdlib.h>
#include <string.h>

#define TEXT(literal)                                                                              \
    {                                                                                              \
        (literal), sizeof(literal) - 1                                                             \
    }
#define SET(field, literal) memcpy(field, literal, sizeof(literal))
#define N_TYPES 14
#define N_SEEN 24

struct rh_cursor {
    struct rh_value cells[N_SEEN];
    uint32_t n_cols;
    uint32_t n_left; /* batches */
    uint32_t kind;   /* of the change, for a feed */
};

struct rh_conn {
    const struct rh_host *host;
    int64_t port; /* the setting */
    uint32_t tx_flags, savepoint;
    int in_tx, cancelled;
    struct rh_value returned[8];
};

/* ---- What there is ------------------------------------------------------------------------- */

#define COLUMN(tag, what)                                                                          \
    {                                                                                              \
        .name = TEXT(what), .native_type = TEXT("native " what), .type = (tag), .native_id = (tag) \
    }
static const struct rh_column types[N_TYPES] = {
    COLUMN(RH_TYPE_BOOL, "bool"),           COLUMN(RH_TYPE_INT, "int"),
    COLUMN(RH_TYPE_UINT, "uint"),           COLUMN(RH_TYPE_FLOAT, "float"),
    COLUMN(RH_TYPE_DECIMAL, "decimal"),     COLUMN(RH_TYPE_TEXT, "text"),
    COLUMN(RH_TYPE_BYTES, "bytes"),         COLUMN(RH_TYPE_DATE, "date"),
    COLUMN(RH_TYPE_TIME, "time"),           COLUMN(RH_TYPE_DATETIME, "datetime"),
    COLUMN(RH_TYPE_TIMESTAMP, "timestamp"), COLUMN(RH_TYPE_INTERVAL, "interval"),
    COLUMN(RH_TYPE_UUID, "uuid"),           COLUMN(RH_TYPE_JSON, "json"),
};
static const struct rh_text options[] = {TEXT("a"), TEXT("b")};
static const struct rh_column seen[1] = {
    {.name = TEXT("n"),
     .native_type = TEXT("number(9,2)"),
     .default_text = TEXT("0"),
     .comment = TEXT("a comment"),
     .options = options,
     .n_options = 2,
     .type = RH_TYPE_INT,
     .flags = RH_COLUMN_NOT_NULL | RH_COLUMN_DEFAULT,
     .precision = 9,
     .scale = 2,
     .max_length = 7,
     .native_id = 99},
};
static const uint32_t first[] = {0};
static const struct rh_text ref_columns[] = {TEXT("int")};
static const struct rh_index indexes[] = {
    {.name = TEXT("seen_n"), .columns = first, .n_columns = 1, .flags = RH_INDEX_UNIQUE}};
static const struct rh_foreign_key foreign_keys[] = {{.name = TEXT("to_types"),
                                                      .schema = TEXT("s"),
                                                      .table = TEXT("types"),
                                                      .columns = first,
                                                      .ref_columns = ref_columns,
                                                      .n_columns = 1}};
static const struct rh_table tables[] = {
    {.struct_size = sizeof(struct rh_table),
     .kind = RH_TABLE_VIEW,
     .flags = RH_TABLE_READ_ONLY,
     .schema = TEXT("s"),
     .name = TEXT("types"),
     .comment = TEXT("every type"),
     .columns = types,
     .n_columns = N_TYPES,
     .column_stride = sizeof(struct rh_column),
     .index_stride = sizeof(struct rh_index),
     .foreign_key_stride = sizeof(struct rh_foreign_key),
     .est_rows = 1},
    {.struct_size = sizeof(struct rh_table),
     .schema = TEXT("s"),
     .name = TEXT("seen"),
     .columns = seen,
     .n_columns = 1,
     .column_stride = sizeof(struct rh_column),
     .key = first,
     .n_key = 1,
     .n_indexes = 1,
     .indexes = indexes,
     .index_stride = sizeof(struct rh_index),
     .n_foreign_keys = 1,
     .foreign_keys = foreign_keys,
     .foreign_key_stride = sizeof(struct rh_foreign_key),
     .est_rows = -1},
};

static int32_t full_tables(struct rh_conn *conn, const struct rh_op *op,
                           struct rh_catalog *ret_catalog, struct rh_error *error)
{
    /* From the op's arena, as a connector should. */
    struct rh_table *copy = conn->host->alloc(op->arena, sizeof(tables));
    if (!copy)
        return RH_RESOURCE;
    memcpy(copy, tables, sizeof(tables));
    ret_catalog->tables = copy;
    ret_catalog->n_tables = 2;
    ret_catalog->table_stride = sizeof(*copy);
    ret_catalog->default_schema = (struct rh_text)TEXT("s");
    return RH_OK;
}

/* ---- Connections --------------------------------------------------------------------------- */

static int32_t full_connect(const struct rh_host *host, const struct rh_op *op,
                            const struct rh_settings *settings, struct rh_conn **ret_conn,
                            struct rh_error *error)
{
    struct rh_conn *conn = calloc(1, sizeof(*conn));
    if (!conn)
        return RH_RESOURCE;
    conn->host = host;
    for (uint32_t i = 0; i < settings->n; i++) {
        const struct rh_setting *setting =
            (const void *)((const char *)settings->items + (size_t)i * settings->stride);
        if (setting->name.len == 4 && memcmp(setting->name.data, "port", 4) == 0)
            conn->port = setting->value.as.i;
    }
    host->log(host, RH_LOG_DEBUG, (struct rh_text)TEXT("full: connected"));
    *ret_conn = conn;
    return RH_OK;
}

static void full_close(struct rh_conn *conn)
{
    free(conn);
}

/* Fails with all that an error can hold, when the operation's user is called "fail". */
static int32_t full_ping(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    if (conn->host->now_us(conn->host) >= op->deadline_us)
        return RH_TIMEOUT;
    if (op->user.len != 4)
        return RH_OK;
    error->error_class = RH_CONSTRAINT;
    error->constraint = RH_CONSTRAINT_CHECK;
    error->retry = RH_RETRY_SAFE;
    error->retry_after_ms = 250;
    error->native_code = conn->port;
    error->row = 3;
    SET(error->sqlstate, "23514");
    SET(error->code, "code");
    SET(error->column, "column");
    SET(error->pointer, "/pointer");
    SET(error->message, "message");
    SET(error->hint, "hint");
    return RH_CONSTRAINT;
}

static int32_t full_reset(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    conn->in_tx = 0;
    return RH_OK;
}

static void full_cancel(struct rh_conn *conn)
{
    conn->cancelled = 1;
}

/* ---- Reading ------------------------------------------------------------------------------- */

static struct rh_value number(uint64_t i)
{
    return (struct rh_value){.type = RH_TYPE_INT, .as.i = (int64_t)i};
}

static struct rh_value bytes(uint8_t type, const void *data, uint32_t len)
{
    return (struct rh_value){.type = type, .len = len, .as.data = data};
}

static void fill_types(struct rh_value *cells)
{
    static const struct rh_interval interval = {.months = 14, .days = -3, .us = 1500000};
    static const unsigned char uuid[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
    const struct rh_value all[N_TYPES] = {
        {.type = RH_TYPE_BOOL, .as.i = 1},
        {.type = RH_TYPE_INT, .as.i = INT64_MIN},
        {.type = RH_TYPE_UINT, .as.u = UINT64_MAX},
        {.type = RH_TYPE_FLOAT, .as.f = 0.1},
        bytes(RH_TYPE_DECIMAL, "-12.50", 6),
        bytes(RH_TYPE_TEXT, "h\xc3\xa9", 3),
        bytes(RH_TYPE_BYTES, "\0\xff", 2),
        {.type = RH_TYPE_DATE, .as.i = -1},
        {.type = RH_TYPE_TIME, .as.i = 86400000000},
        {.type = RH_TYPE_DATETIME, .as.i = 1},
        {.type = RH_TYPE_TIMESTAMP, .as.i = INT64_MAX},
        bytes(RH_TYPE_INTERVAL, &interval, sizeof(interval)),
        bytes(RH_TYPE_UUID, uuid, sizeof(uuid)),
        bytes(RH_TYPE_JSON, "{\"a\": 1}", 8),
    };
    memcpy(cells, all, sizeof(all));
}

static void fill_seen(struct rh_value *cells, const struct rh_query *q)
{
    const struct rh_column *last =
        (const void *)((const char *)q->columns + (size_t)(q->n_columns - 1) * q->column_stride);
    const struct rh_semijoin *semijoin = q->semijoins;
    const uint64_t all[N_SEEN] = {
        q->flags,
        q->n_columns,
        last->native_id,
        q->n_select,
        q->select[q->n_select - 1],
        q->n_conjuncts,
        q->conjuncts[q->n_conjuncts - 1],
        q->n_nodes,
        q->nodes[0].op,
        q->nodes[0].column,
        q->n_values,
        q->values[q->nodes[0].first].as.u,
        semijoin->n_pairs,
        semijoin->outer[0],
        semijoin->inner[0],
        semijoin->conjuncts[semijoin->n_conjuncts - 1],
        q->groups[0].bucket,
        q->aggregates[0].function * 100 + q->aggregates[0].type,
        q->having[0],
        q->order[q->n_order - 1].column * 100 + q->order[q->n_order - 1].flags,
        q->limit,
        q->offset,
        q->row_goal,
        q->schema.len * 100 + q->table.len + semijoin->table.len * 10000,
    };
    for (unsigned i = 0; i < N_SEEN; i++)
        cells[i] = number(all[i]);
}

static int32_t full_open(struct rh_conn *conn, const struct rh_op *op, const struct rh_query *query,
                         struct rh_cursor **ret_cursor, struct rh_error *error)
{
    struct rh_cursor *cursor = calloc(1, sizeof(*cursor));
    if (!cursor)
        return RH_RESOURCE;
    cursor->n_left = 1;
    cursor->n_cols = query->table.len == 5 ? N_TYPES : N_SEEN;
    if (query->table.len == 5)
        fill_types(cursor->cells);
    else
        fill_seen(cursor->cells, query);
    *ret_cursor = cursor;
    return RH_OK;
}

static int32_t full_next(struct rh_cursor *cursor, const struct rh_op *op, uint32_t max_rows,
                         struct rh_batch *ret_batch, struct rh_error *error)
{
    if (cursor->n_left == 0)
        return RH_END;
    cursor->n_left--;
    ret_batch->n_cols = cursor->n_cols;
    ret_batch->n_rows = 1;
    ret_batch->cells = cursor->cells;
    return RH_OK;
}

static void full_finish(struct rh_cursor *cursor)
{
    free(cursor);
}

static int32_t full_plan(struct rh_conn *conn, const struct rh_query *query,
                         struct rh_plan *ret_plan, struct rh_error *error)
{
    for (uint32_t i = 0; i < query->n_conjuncts; i++)
        ret_plan->verdicts[i] = RH_VERDICT_EXACT;
    ret_plan->accepts = RH_ACCEPT_LIMIT | RH_ACCEPT_OFFSET;
    ret_plan->n_order = query->n_order;
    ret_plan->n_needs = 1;
    ret_plan->needs[0] = query->n_columns - 1;
    ret_plan->est_rows = 7;
    return RH_OK;
}

static int32_t full_explain(struct rh_conn *conn, const struct rh_op *op,
                            const struct rh_query *query, struct rh_text *ret_native,
                            struct rh_error *error)
{
    *ret_native = query->table;
    return RH_OK;
}

static int32_t full_estimate(struct rh_conn *conn, const struct rh_op *op,
                             const struct rh_query *query, int64_t *ret_rows,
                             struct rh_error *error)
{
    *ret_rows = (int64_t)conn->host->http->struct_size;
    return RH_OK;
}

/* ---- Groups: each tells what it was given --------------------------------------------------- */

static int32_t echo_write(struct rh_conn *conn, const struct rh_write_spec *spec, uint32_t which,
                          struct rh_write_result *ret_result)
{
    ret_result->n_affected = which * 1000000 + spec->resolve * 100000 + spec->n_columns * 1000 +
                             spec->n_key * 100 + spec->n_rows * 10 + (spec->where != NULL);
    if (spec->n_key)
        ret_result->n_affected += spec->key[spec->n_key - 1] * 10000000;
    for (uint32_t i = 0; i < spec->n_returning && i < 8; i++)
        conn->returned[i] = spec->cells[i];
    ret_result->returned.n_cols = spec->n_returning;
    ret_result->returned.n_rows = spec->n_returning ? 1 : 0;
    ret_result->returned.cells = conn->returned;
    if (ret_result->statuses) {
        ret_result->statuses[0].error_class = RH_CONSTRAINT;
        ret_result->statuses[0].constraint = RH_CONSTRAINT_UNIQUE;
        ret_result->statuses[0].message = spec->table;
    }
    return RH_OK;
}

#define WRITE(verb, which)                                                                         \
    static int32_t full_##verb(struct rh_conn *conn, const struct rh_op *op,                       \
                               const struct rh_write_spec *spec,                                   \
                               struct rh_write_result *ret_result, struct rh_error *error)         \
    {                                                                                              \
        return echo_write(conn, spec, which, ret_result);                                          \
    }
WRITE(insert, 1)
WRITE(update, 2)
WRITE(remove, 3)
WRITE(upsert, 4)

static const struct rh_write write_group = {
    .struct_size = sizeof(write_group),
    .atomicity = RH_ATOMIC_ROW,
    .insert = full_insert,
    .update = full_update,
    .remove = full_remove,
    .upsert = full_upsert,
};

static int32_t full_begin(struct rh_conn *conn, const struct rh_op *op, uint32_t flags,
                          struct rh_error *error)
{
    conn->in_tx = 1;
    conn->tx_flags = flags;
    return flags == (RH_TX_READ_ONLY | RH_TX_SNAPSHOT) ? RH_OK : RH_INVALID;
}

static int32_t full_commit(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    return conn->in_tx ? RH_OK : RH_INVALID;
}

static int32_t full_rollback(struct rh_conn *conn, const struct rh_op *op, struct rh_error *error)
{
    conn->in_tx = 0;
    return RH_OK;
}

static int32_t full_savepoint(struct rh_conn *conn, const struct rh_op *op, uint32_t n,
                              struct rh_error *error)
{
    conn->savepoint = n;
    return RH_OK;
}

static int32_t full_rollback_to(struct rh_conn *conn, const struct rh_op *op, uint32_t n,
                                struct rh_error *error)
{
    return conn->savepoint == n ? RH_OK : RH_INVALID;
}

static int32_t full_release(struct rh_conn *conn, const struct rh_op *op, uint32_t n,
                            struct rh_error *error)
{
    return conn->savepoint == n ? RH_OK : RH_NOT_FOUND;
}

static const struct rh_tx tx_group = {
    .struct_size = sizeof(tx_group),
    .begin = full_begin,
    .commit = full_commit,
    .rollback = full_rollback,
    .savepoint = full_savepoint,
    .rollback_to = full_rollback_to,
    .release = full_release,
};

static int32_t full_run(struct rh_conn *conn, const struct rh_op *op,
                        const struct rh_native_spec *spec, struct rh_native_result *ret_result,
                        struct rh_error *error)
{
    ret_result->n_affected = spec->text.len * 100 + spec->n_parameters;
    if (op->flags & RH_OP_READ_ONLY)
        return RH_PERMISSION;
    struct rh_cursor *cursor = calloc(1, sizeof(*cursor));
    if (!cursor)
        return RH_RESOURCE;
    cursor->n_left = 1;
    cursor->n_cols = 1;
    cursor->cells[0] = spec->parameters[spec->n_parameters - 1];
    ret_result->columns = seen;
    ret_result->n_columns = 1;
    ret_result->cursor = cursor;
    return RH_OK;
}

static const struct rh_native native_group = {
    .struct_size = sizeof(native_group), .language = TEXT("Full"), .run = full_run};

static int32_t full_apply(struct rh_conn *conn, const struct rh_op *op,
                          const struct rh_ddl_change *changes, uint32_t n_changes, uint32_t stride,
                          uint32_t flags, struct rh_text *ret_native, struct rh_error *error)
{
    const struct rh_ddl_change *last =
        (const void *)((const char *)changes + (size_t)(n_changes - 1) * stride);
    *ret_native = flags & RH_DDL_DRY_RUN ? last->new_name : last->table->name;
    return last->kind == RH_DDL_RENAME_TABLE ? RH_OK : RH_INVALID;
}

static const struct rh_ddl ddl_group = {.struct_size = sizeof(ddl_group), .apply = full_apply};

static int32_t full_feed_open(struct rh_conn *conn, const struct rh_op *op,
                              const struct rh_feed_spec *spec, struct rh_cursor **ret_cursor,
                              struct rh_error *error)
{
    struct rh_cursor *cursor = calloc(1, sizeof(*cursor));
    if (!cursor)
        return RH_RESOURCE;
    cursor->n_left = 1;
    cursor->n_cols = 1;
    cursor->cells[0] = number(spec->since.len * 100 + spec->table.len * 10 + spec->n_columns);
    *ret_cursor = cursor;
    return RH_OK;
}

static int32_t full_feed_next(struct rh_cursor *cursor, const struct rh_op *op,
                              uint32_t max_changes, struct rh_feed_batch *ret_batch,
                              struct rh_error *error)
{
    cursor->kind = RH_CHANGE_DELETE;
    ret_batch->kinds = &cursor->kind;
    ret_batch->token = (struct rh_text)TEXT("token");
    return full_next(cursor, op, max_changes, &ret_batch->rows, error);
}

static const struct rh_feed feed_group = {
    .struct_size = sizeof(feed_group), .open = full_feed_open, .next = full_feed_next};

/* ---- The table ----------------------------------------------------------------------------- */

static const struct rh_operator operators[] = {
    {RH_OP_EQ, RH_TYPE_BIT(RH_TYPE_INT), RH_VERDICT_EXACT, 0},
    {RH_OP_LIKE | RH_OP_FOLD | RH_OP_NOT, RH_TYPE_BIT(RH_TYPE_TEXT), RH_VERDICT_SUPERSET, 0},
    {RH_OP_EXISTS, 0, RH_VERDICT_EXACT, 0},
};
static const struct rh_limits limits = {
    .struct_size = sizeof(limits),
    .parameters = 1,
    .in_values = 2,
    .rows_per_write = 3,
    .identifier_bytes = 4,
    .connections = 5,
};

static const struct rh_connector connector = {
    .struct_size = sizeof(connector),
    .abi_minor = RH_ABI_MINOR,
    .kind = RH_KIND_DOCUMENT,
    .threads = RH_THREADS_CONCURRENT,
    .n_operators = 3,
    .operators = operators,
    .operator_stride = sizeof(struct rh_operator),
    .id = TEXT("full"),
    .title = TEXT("Full"),
    .version = TEXT("1.0"),
    .vendor = TEXT("Rowhouse"),
    .license = TEXT("none"),
    .config_schema =
        TEXT("{\"type\": \"object\", \"properties\": {\"port\": {\"type\": \"integer\"}}}"),
    .url_schemes = TEXT("full"),
    .limits = &limits,
    .connect = full_connect,
    .close = full_close,
    .ping = full_ping,
    .tables = full_tables,
    .open = full_open,
    .next = full_next,
    .finish = full_finish,
    .cancel = full_cancel,
    .plan = full_plan,
    .explain = full_explain,
    .estimate = full_estimate,
    .reset = full_reset,
    .write = &write_group,
    .tx = &tx_group,
    .native = &native_group,
    .ddl = &ddl_group,
    .feed = &feed_group,
};

int32_t rh_connector_v1(uint32_t host_minor, const struct rh_connector **ret_connector)
{
    if (host_minor < connector.min_host_minor)
        return RH_UNSUPPORTED;
    *ret_connector = &connector;
    return RH_OK;
}
