/* REVIEW (for the owner of this folder): fix what /tmp/rev1/FINDINGS.md lists, then delete this line. */
/*
 * Documents in one table of a connector: key (text, primary), revision (int), body (text).
 *
 * Works through the vtable only: keyed read (EQ on the key), range read (prefix), insert, keyed
 * update and delete with the revision among the key columns, so that a change under a stale
 * revision affects no row. A connector that cannot do these exactly is refused at open.
 */
#include "store/store.h"

#include "base/arena.h"
#include "base/err.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

#define TABLE "documents"
#define SCHEMA_KEY "schema"
#define SCHEMA_VERSION 1
#define ARENA_BYTES ((size_t)64 << 20)
#define KEY_MAX_BYTES 1024

enum { COLUMN_KEY, COLUMN_REVISION, COLUMN_BODY, N_COLUMNS };

static const char *const column_names[N_COLUMNS] = {"key", "revision", "body"};
static const uint32_t column_types[N_COLUMNS] = {RH_TYPE_TEXT, RH_TYPE_INT, RH_TYPE_TEXT};

struct rh_store {
    struct rh_pool *pool;
    struct rh_arena *arena;              /* of the descriptions below */
    struct rh_text schema;               /* of the table */
    struct rh_column columns[N_COLUMNS]; /* as the connector described them */
};

/* ---- Values and queries ------------------------------------------------------------------ */

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

static int check_key(const char *key, struct rh_error *error)
{
    size_t n = strlen(key);
    if (n == 0 || n > KEY_MAX_BYTES)
        return rh_fail(error, RH_INVALID, "a document key has 1 to %d bytes, this has %zu",
                       KEY_MAX_BYTES, n);
    return RH_OK;
}

static const uint32_t all_columns[N_COLUMNS] = {COLUMN_KEY, COLUMN_REVISION, COLUMN_BODY};

/* What both reads share: all columns, by key. */
static struct rh_query base_query(const struct rh_store *store)
{
    return (struct rh_query){
        .struct_size = sizeof(struct rh_query),
        .schema = store->schema,
        .table = RH_TEXT_INIT(TABLE),
        .columns = store->columns,
        .n_columns = N_COLUMNS,
        .column_stride = sizeof(struct rh_column),
        .select = all_columns,
        .n_select = N_COLUMNS,
        .semijoin_stride = sizeof(struct rh_semijoin),
        .limit = RH_NO_LIMIT,
    };
}

static const struct rh_node equal_node[] = {{.op = RH_OP_EQ, .column = COLUMN_KEY, .n = 1}};
static const struct rh_node range_nodes[] = {
    {.op = RH_OP_GTE, .column = COLUMN_KEY, .n = 1},
    {.op = RH_OP_LT, .column = COLUMN_KEY, .first = 1, .n = 1}};
static const uint32_t first_conjuncts[] = {0, 1};
static const struct rh_order key_order[] = {{.column = COLUMN_KEY, .flags = RH_ORDER_BINARY}};

/* values: one for EQ, two for a range; NULL: everything. */
static struct rh_query key_query(const struct rh_store *store, const struct rh_value *values,
                                 uint32_t n_values)
{
    struct rh_query query = base_query(store);
    query.values = values;
    query.n_values = n_values;
    query.nodes = n_values == 1 ? equal_node : range_nodes;
    query.n_nodes = n_values;
    query.conjuncts = first_conjuncts;
    query.n_conjuncts = n_values;
    if (n_values != 1) {
        query.order = key_order;
        query.n_order = 1;
    }
    return query;
}

/* ---- One connection at work -------------------------------------------------------------- */

/* Notes the outcome so that a connection in doubt is not used again. */
static int end_lease(struct rh_lease *lease, int outcome)
{
    rh_pool_return(lease, outcome);
    return outcome;
}

static int check_row(const struct rh_batch *batch, struct rh_error *error)
{
    if (batch->n_cols != N_COLUMNS || !batch->cells)
        return rh_fail(error, RH_CONTRACT,
                       "the store's connector answered %u columns instead of %d", batch->n_cols,
                       N_COLUMNS);
    for (uint64_t r = 0; r < batch->n_rows; r++) {
        const struct rh_value *cells = batch->cells + r * N_COLUMNS;
        if (cells[COLUMN_KEY].type != RH_TYPE_TEXT || cells[COLUMN_REVISION].type != RH_TYPE_INT ||
            cells[COLUMN_BODY].type != RH_TYPE_TEXT)
            return rh_fail(error, RH_DATA,
                           "table \"" TABLE "\" of the store holds a malformed row");
    }
    return RH_OK;
}

static int parse_body(const struct rh_value *cells, json_t **ret_body, struct rh_error *error)
{
    json_error_t problem;
    struct rh_text text = cell_text(&cells[COLUMN_BODY]);
    json_t *body = json_loadb(text.data, text.len, JSON_DECODE_ANY, &problem);
    if (!body)
        return rh_fail(error, RH_DATA, "document \"%.*s\" of the store is not JSON: %s",
                       RH_TEXT_ARG(cell_text(&cells[COLUMN_KEY])), problem.text);
    *ret_body = body;
    return RH_OK;
}

typedef int row_fn(void *context, const struct rh_value *cells, struct rh_error *error);

static int read_rows(const struct rh_store *store, struct rh_lease *lease,
                     const struct rh_query *query, row_fn *row, void *context,
                     struct rh_error *error)
{
    const struct rh_connector *connector = &lease->library->connector;
    const struct rh_op *op = &lease->op->abi;
    struct rh_cursor *cursor = NULL;
    int rc = connector->open(lease->conn, op, query, &cursor, error);
    if (rc != RH_OK)
        return rc;
    for (;;) {
        struct rh_batch batch = {.struct_size = sizeof(batch)};
        rc = connector->next(cursor, op, 256, &batch, error);
        if (rc != RH_OK)
            break;
        if ((rc = check_row(&batch, error)) != RH_OK)
            break;
        for (uint64_t r = 0; r < batch.n_rows && rc == RH_OK; r++)
            rc = row(context, batch.cells + r * N_COLUMNS, error);
        if (rc != RH_OK)
            break;
    }
    connector->finish(cursor);
    return rc == RH_END ? RH_OK : rc;
}

struct found {
    bool any;
    bool want_body;
    int64_t revision;
    json_t *body;
};

static int keep_found(void *context, const struct rh_value *cells, struct rh_error *error)
{
    struct found *found = context;
    if (found->any)
        return RH_OK;
    if (found->want_body) {
        int rc = parse_body(cells, &found->body, error);
        if (rc != RH_OK)
            return rc;
    }
    found->any = true;
    found->revision = cells[COLUMN_REVISION].as.i;
    return RH_OK;
}

static int find(const struct rh_store *store, struct rh_lease *lease, const char *key,
                struct found *found, struct rh_error *error)
{
    struct rh_value value = text_value(rh_text_of(key));
    struct rh_query query = key_query(store, &value, 1);
    return read_rows(store, lease, &query, keep_found, found, error);
}

static int no_such(const char *key, struct rh_error *error)
{
    return rh_fail(error, RH_NOT_FOUND, "there is no document \"%s\"", key);
}

static int stale(const char *key, struct rh_error *error)
{
    return rh_fail(error, RH_CONFLICT, "document \"%s\" was changed by someone else meanwhile",
                   key);
}

/* Calls one function of the write group with a single row. */
static int write_row(const struct rh_store *store, struct rh_lease *lease, rh_write_fn *function,
                     const struct rh_column *columns, uint32_t n_columns, const uint32_t *key,
                     uint32_t n_key, const struct rh_value *cells, uint64_t *ret_affected,
                     struct rh_error *error)
{
    struct rh_write_spec spec = {
        .struct_size = sizeof(spec),
        .schema = store->schema,
        .table = RH_TEXT_INIT(TABLE),
        .columns = columns,
        .n_columns = n_columns,
        .column_stride = sizeof(struct rh_column),
        .key = key,
        .n_key = n_key,
        .n_rows = 1,
        .cells = cells,
        .returning_stride = sizeof(struct rh_column),
    };
    struct rh_write_result result = {.struct_size = sizeof(result),
                                     .returned = {.struct_size = sizeof(struct rh_batch)}};
    int rc = function(lease->conn, &lease->op->abi, &spec, &result, error);
    *ret_affected = result.n_affected;
    return rc;
}

static int insert_document(const struct rh_store *store, struct rh_lease *lease, const char *key,
                           struct rh_text body, struct rh_error *error)
{
    struct rh_value cells[N_COLUMNS] = {text_value(rh_text_of(key)), int_value(1),
                                        text_value(body)};
    uint64_t affected;
    struct rh_error problem = RH_ERROR_INIT;
    int rc = write_row(store, lease, lease->library->connector.write->insert, store->columns,
                       N_COLUMNS, NULL, 0, cells, &affected, &problem);
    if (rc == RH_CONSTRAINT)
        return rh_fail(error, RH_EXISTS, "there is a document \"%s\" already", key);
    if (rc != RH_OK && error)
        *error = problem;
    return rc;
}

static int update_document(const struct rh_store *store, struct rh_lease *lease, const char *key,
                           struct rh_text body, int64_t from, struct rh_error *error)
{
    /* key and revision find the row; revision and body are set */
    const struct rh_column columns[] = {store->columns[COLUMN_KEY], store->columns[COLUMN_REVISION],
                                        store->columns[COLUMN_REVISION],
                                        store->columns[COLUMN_BODY]};
    static const uint32_t key_positions[] = {0, 1};
    struct rh_value cells[] = {text_value(rh_text_of(key)), int_value(from), int_value(from + 1),
                               text_value(body)};
    uint64_t affected = 0;
    int rc = write_row(store, lease, lease->library->connector.write->update, columns, 4,
                       key_positions, 2, cells, &affected, error);
    return rc == RH_OK && affected == 0 ? stale(key, error) : rc;
}

static int delete_document(const struct rh_store *store, struct rh_lease *lease, const char *key,
                           int64_t revision, struct rh_error *error)
{
    static const uint32_t key_positions[] = {0, 1};
    struct rh_value cells[] = {text_value(rh_text_of(key)), int_value(revision)};
    uint64_t affected = 0;
    int rc = write_row(store, lease, lease->library->connector.write->remove, store->columns, 2,
                       key_positions, 2, cells, &affected, error);
    return rc == RH_OK && affected == 0 ? stale(key, error) : rc;
}

/* One change on a connection that is in a transaction. */
static int change_document(const struct rh_store *store, struct rh_lease *lease,
                           const struct rh_store_change *change, int64_t *ret_revision,
                           struct rh_error *error)
{
    int64_t revision = change->expected;
    int rc = check_key(change->key, error);
    if (rc != RH_OK)
        return rc;
    if (revision == RH_STORE_ANY) {
        struct found found = {.any = false};
        if ((rc = find(store, lease, change->key, &found, error)) != RH_OK)
            return rc;
        revision = found.any ? found.revision : RH_STORE_NEW;
    }
    if (!change->body) {
        if (revision == RH_STORE_NEW)
            return no_such(change->key, error);
        return delete_document(store, lease, change->key, revision, error);
    }
    char *text = json_dumps(change->body, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
    if (!text)
        return rh_fail_nomem(error);
    if (revision == RH_STORE_NEW)
        rc = insert_document(store, lease, change->key, rh_text_of(text), error);
    else
        rc = update_document(store, lease, change->key, rh_text_of(text), revision, error);
    free(text);
    if (rc == RH_OK && ret_revision)
        *ret_revision = revision + 1;
    return rc;
}

/* All changes in one transaction. */
static int change_all(struct rh_store *store, struct rh_operation *op,
                      const struct rh_store_change *changes, uint32_t n, int64_t *ret_revision,
                      struct rh_error *error)
{
    struct rh_lease lease;
    int rc = rh_pool_borrow(store->pool, op, &lease, error);
    if (rc != RH_OK)
        return rc;
    const struct rh_tx *tx = lease.library->connector.tx;
    if ((rc = tx->begin(lease.conn, &op->abi, 0, error)) != RH_OK)
        return end_lease(&lease, rc);
    for (uint32_t i = 0; i < n && rc == RH_OK; i++)
        rc = change_document(store, &lease, &changes[i], ret_revision, error);
    if (rc == RH_OK)
        rc = tx->commit(lease.conn, &op->abi, error);
    if (rc != RH_OK) {
        struct rh_error ignored = RH_ERROR_INIT; /* the first error is the one to tell */
        if (tx->rollback(lease.conn, &op->abi, &ignored) != RH_OK)
            lease.poisoned = true;
    }
    return end_lease(&lease, rc);
}

/* ---- Opening ----------------------------------------------------------------------------- */

static int check_connector(const struct rh_connector *connector, struct rh_error *error)
{
    if (!connector->write || !connector->tx || !connector->ddl)
        return rh_fail(error, RH_CONFIG,
                       "connector \"%.*s\" cannot keep the store: it lacks writes, transactions or "
                       "table definitions",
                       RH_TEXT_ARG(connector->id));
    return RH_OK;
}

static int create_table(const struct rh_lease *lease, struct rh_error *error)
{
    struct rh_column columns[N_COLUMNS];
    memset(columns, 0, sizeof(columns));
    for (int i = 0; i < N_COLUMNS; i++) {
        columns[i].name = rh_text_of(column_names[i]);
        columns[i].type = column_types[i];
        columns[i].flags = RH_COLUMN_NOT_NULL;
    }
    static const uint32_t key[] = {COLUMN_KEY};
    struct rh_table table = {
        .struct_size = sizeof(table),
        .name = RH_TEXT_INIT(TABLE),
        .columns = columns,
        .n_columns = N_COLUMNS,
        .column_stride = sizeof(struct rh_column),
        .key = key,
        .n_key = 1,
        .index_stride = sizeof(struct rh_index),
        .foreign_key_stride = sizeof(struct rh_foreign_key),
        .est_rows = -1,
    };
    struct rh_ddl_change change = {.kind = RH_DDL_CREATE_TABLE, .table = &table};
    struct rh_text native = {NULL, 0};
    int rc = lease->library->connector.ddl->apply(lease->conn, &lease->op->abi, &change, 1,
                                                  sizeof(change), 0, &native, error);
    if (rc == RH_EXISTS) { /* another process was faster */
        rh_error_clear(error);
        rc = RH_OK;
    }
    return rc;
}

/* Copies the description of our table; ret_found tells whether there is one. */
static int describe_table(struct rh_store *store, struct rh_lease *lease, bool *ret_found,
                          struct rh_error *error)
{
    struct rh_catalog catalog = {.struct_size = sizeof(catalog)};
    struct rh_op op = lease->op->abi;
    op.arena = store->arena; /* the texts must live as long as the store */
    int rc = lease->library->connector.tables(lease->conn, &op, &catalog, error);
    if (rc != RH_OK)
        return rc;
    *ret_found = false;
    for (uint32_t t = 0; t < catalog.n_tables; t++) {
        const struct rh_table *table =
            (const void *)((const char *)catalog.tables + (size_t)t * catalog.table_stride);
        if (!rh_text_is(table->name, TABLE) ||
            (catalog.default_schema.len && !rh_text_equal(table->schema, catalog.default_schema)))
            continue;
        uint32_t n_found = 0;
        for (uint32_t c = 0; c < table->n_columns; c++) {
            const struct rh_column *column =
                (const void *)((const char *)table->columns + (size_t)c * table->column_stride);
            for (uint32_t i = 0; i < N_COLUMNS; i++) {
                if (rh_text_is(column->name, column_names[i]) && column->type == column_types[i]) {
                    store->columns[i] = *column;
                    n_found++;
                }
            }
        }
        if (n_found != N_COLUMNS)
            return rh_fail(error, RH_CONFIG,
                           "the store's database has a table \"" TABLE "\" of another kind");
        store->schema = table->schema;
        *ret_found = true;
    }
    return RH_OK;
}

/* The store asks for exact answers to the two queries it makes. */
static int check_plan(struct rh_store *store, struct rh_lease *lease, struct rh_error *error)
{
    const struct rh_connector *connector = &lease->library->connector;
    struct rh_value values[] = {text_value(RH_TEXT("a")), text_value(RH_TEXT("b"))};
    for (uint32_t n = 1; n <= 2; n++) {
        struct rh_query query = key_query(store, values, n);
        uint8_t verdicts[2] = {0};
        uint32_t needs[N_COLUMNS] = {0};
        struct rh_plan plan = {.struct_size = sizeof(plan), .verdicts = verdicts, .needs = needs};
        if (!connector->plan)
            return rh_fail(error, RH_CONFIG,
                           "connector \"%.*s\" cannot keep the store: it does "
                           "not find rows by key",
                           RH_TEXT_ARG(connector->id));
        int rc = connector->plan(lease->conn, &query, &plan, error);
        if (rc != RH_OK)
            return rc;
        for (uint32_t i = 0; i < n; i++)
            if (verdicts[i] != RH_VERDICT_EXACT || plan.n_order != query.n_order)
                return rh_fail(error, RH_CONFIG,
                               "connector \"%.*s\" cannot keep the store: it does not find rows "
                               "by key exactly",
                               RH_TEXT_ARG(connector->id));
    }
    return RH_OK;
}

static int open_table(struct rh_store *store, struct rh_operation *op, struct rh_error *error)
{
    struct rh_lease lease;
    bool found = false;
    int rc = rh_pool_borrow(store->pool, op, &lease, error);
    if (rc != RH_OK)
        return rc;
    if ((rc = check_connector(&lease.library->connector, error)) != RH_OK ||
        (rc = describe_table(store, &lease, &found, error)) != RH_OK)
        return end_lease(&lease, rc);
    if (!found && ((rc = create_table(&lease, error)) != RH_OK ||
                   (rc = describe_table(store, &lease, &found, error)) != RH_OK))
        return end_lease(&lease, rc);
    if (!found)
        rc = rh_fail(error, RH_CONTRACT, "the store's table was made but is not to be seen");
    else
        rc = check_plan(store, &lease, error);
    return end_lease(&lease, rc);
}

/* Makes the schema document, or refuses one that a newer Rowhouse wrote. */
static int check_schema(struct rh_store *store, struct rh_operation *op, struct rh_error *error)
{
    struct rh_error problem = RH_ERROR_INIT;
    json_t *body = NULL;
    int rc = rh_store_get(store, op, SCHEMA_KEY, &body, NULL, &problem);
    if (rc == RH_NOT_FOUND) {
        body = json_pack("{s:i}", "version", SCHEMA_VERSION);
        if (!body)
            return rh_fail_nomem(error);
        rc = rh_store_put(store, op, SCHEMA_KEY, body, RH_STORE_NEW, NULL, error);
        json_decref(body);
        if (rc ==
            RH_EXISTS) { /* another process was faster, with the same version or its own check */
            rh_error_clear(error);
            return check_schema(store, op, error);
        }
        return rc;
    }
    if (rc != RH_OK) {
        *error = problem;
        return rc;
    }
    json_int_t version = json_integer_value(json_object_get(body, "version"));
    json_decref(body);
    if (version != SCHEMA_VERSION) {
        rh_fail(error, RH_CONFIG, "the store has schema version %lld, this Rowhouse knows %d",
                (long long)version, SCHEMA_VERSION);
        return rh_error_hint(error, "run a newer Rowhouse, or use another data folder");
    }
    return RH_OK;
}

int rh_store_open(struct rh_pool *pool, struct rh_operation *op, struct rh_store **ret_store,
                  struct rh_error *error)
{
    struct rh_store *store = calloc(1, sizeof(*store));
    struct rh_error problem = RH_ERROR_INIT;
    int rc;
    if (!store)
        return rh_fail_nomem(error);
    store->pool = pool;
    store->arena = rh_arena_new(ARENA_BYTES);
    rc = store->arena ? RH_OK : rh_fail_nomem(&problem);
    if (rc == RH_OK)
        rc = open_table(store, op, &problem);
    if (rc == RH_OK)
        rc = check_schema(store, op, &problem);
    if (rc != RH_OK) {
        rh_store_close(store);
        if (error)
            *error = problem;
        return rc;
    }
    *ret_store = store;
    return RH_OK;
}

void rh_store_close(struct rh_store *store)
{
    if (!store)
        return;
    rh_arena_free(store->arena);
    free(store);
}

/* ---- Documents --------------------------------------------------------------------------- */

int rh_store_get(struct rh_store *store, struct rh_operation *op, const char *key,
                 json_t **ret_body, int64_t *ret_revision, struct rh_error *error)
{
    struct found found = {.want_body = true};
    struct rh_lease lease;
    int rc = check_key(key, error);
    if (rc != RH_OK || (rc = rh_pool_borrow(store->pool, op, &lease, error)) != RH_OK)
        return rc;
    rc = end_lease(&lease, find(store, &lease, key, &found, error));
    if (rc != RH_OK) {
        json_decref(found.body);
        return rc;
    }
    if (!found.any)
        return no_such(key, error);
    *ret_body = found.body;
    if (ret_revision)
        *ret_revision = found.revision;
    return RH_OK;
}

int rh_store_put(struct rh_store *store, struct rh_operation *op, const char *key,
                 const json_t *body, int64_t expected, int64_t *ret_revision,
                 struct rh_error *error)
{
    struct rh_store_change change = {.key = key, .body = body, .expected = expected};
    return change_all(store, op, &change, 1, ret_revision, error);
}

int rh_store_delete(struct rh_store *store, struct rh_operation *op, const char *key,
                    int64_t expected, struct rh_error *error)
{
    struct rh_store_change change = {.key = key, .expected = expected};
    return change_all(store, op, &change, 1, NULL, error);
}

int rh_store_batch(struct rh_store *store, struct rh_operation *op,
                   const struct rh_store_change *changes, uint32_t n, struct rh_error *error)
{
    return change_all(store, op, changes, n, NULL, error);
}

struct walk {
    int (*each)(void *context, const char *key, const json_t *body, int64_t revision,
                struct rh_error *error);
    void *context;
};

static int walk_row(void *context, const struct rh_value *cells, struct rh_error *error)
{
    struct walk *walk = context;
    struct rh_text text = cell_text(&cells[COLUMN_KEY]);
    json_t *body = NULL;
    char key[KEY_MAX_BYTES + 1];
    if (text.len > KEY_MAX_BYTES)
        return rh_fail(error, RH_DATA, "the store holds a document with an overlong key");
    int rc = parse_body(cells, &body, error);
    if (rc != RH_OK)
        return rc;
    memcpy(key, text.data, text.len);
    key[text.len] = '\0';
    rc = walk->each(walk->context, key, body, cells[COLUMN_REVISION].as.i, error);
    json_decref(body);
    return rc;
}

int rh_store_list(struct rh_store *store, struct rh_operation *op, const char *prefix,
                  int (*each)(void *context, const char *key, const json_t *body, int64_t revision,
                              struct rh_error *error),
                  void *context, struct rh_error *error)
{
    struct walk walk = {each, context};
    struct rh_lease lease;
    int rc = check_key(prefix, error);
    if (rc != RH_OK || (rc = rh_pool_borrow(store->pool, op, &lease, error)) != RH_OK)
        return rc;
    /* Keys are plain words, so no key that begins with prefix reaches prefix + U+10FFFF. */
    char upper[KEY_MAX_BYTES + 4];
    size_t n = strlen(prefix);
    memcpy(upper, prefix, n);
    memcpy(upper + n, "\xf4\x8f\xbf\xbf", 4);
    struct rh_value values[] = {text_value(rh_text_of(prefix)),
                                text_value(rh_text_make(upper, n + 4))};
    struct rh_query query = key_query(store, values, 2);
    return end_lease(&lease, read_rows(store, &lease, &query, walk_row, &walk, error));
}
