/*
 * Tables: one request for the collections, and for each a sample, its indexes, its size, and its least
 * and greatest `_id`: when these are of one kind all are, for the index on `_id` sorts by kind first.
 *
 * A view's and a time series' `_id` need not be unique: these are tables without a key, and read-only.
 */
#include "mongodb.h"

#include <stdlib.h>
#include <string.h>

#define MAX_TABLES 4096
#define ARENA_BYTES ((size_t)1 << 30)
#define MAX_INDEXES 64
#define MAX_KEY 32

struct listing {
    struct rh_conn *conn;
    const struct rh_op *op;
    struct rh_arena *arena; /* while at work */
    struct rh_table *tables;
    uint32_t n, cap;
};

struct found {
    const char *name;
    bool is_view; /* or a time series */
    bson_t options;
};

/* ---- Commands -------------------------------------------------------------------------------- */

typedef int each_fn(void *context, const bson_t *document, struct rh_error *error);

/* Calls `each` for every document that the command's cursor has. */
static int each(struct rh_conn *conn, const bson_t *command, const char *collection,
                const char *what, each_fn *fn, void *context, struct rh_error *error)
{
    struct rh_cursor *cursor = NULL;
    bson_t document;
    int rc = rh_mongodb_cursor_new(conn, rh_text_of(collection), NULL, 0, 0, &cursor, error);

    if (rc)
        return rc;
    rc = rh_mongodb_cursor_run(cursor, RH_MONGODB_READ, command, what, error);
    while (rc == RH_OK) {
        rc = rh_mongodb_cursor_document(cursor, &document, error);
        if (rc == RH_OK)
            rc = fn(context, &document, error);
        else if (rc == RH_END && cursor->id)
            rc = rh_mongodb_cursor_more(cursor, 0, 0, error);
    }
    rh_mongodb_finish(cursor);
    return rc == RH_END ? RH_OK : rc;
}

static int add_sample(void *context, const bson_t *document, struct rh_error *error)
{
    return rh_mongodb_schema_add(context, document, error);
}

static int sample(struct listing *l, const struct found *found, struct rh_mongodb_schema *schema,
                  struct rh_error *error)
{
    bson_t command = BSON_INITIALIZER;
    int rc;

    BSON_APPEND_UTF8(&command, "find", found->name);
    BSON_APPEND_INT64(&command, "limit", l->conn->config.sample);
    BSON_APPEND_INT64(&command, "maxTimeMS", rh_mongodb_left_ms(l->conn));
    rc = each(l->conn, &command, found->name, "cannot read a sample", add_sample, schema, error);
    bson_destroy(&command);
    return rc;
}

static int note_kind(void *context, const bson_t *document, struct rh_error *error)
{
    uint32_t *kinds = context;
    bson_iter_t iter;

    if (bson_iter_init_find(&iter, document, RH_MONGODB_ID))
        *kinds |= rh_mongodb_kind(&iter);
    return RH_OK;
}

/* ORDERED when all ids are of one kind that the server orders as we do. */
static int look_at_ids(struct listing *l, const struct found *found, uint32_t *ret_ids,
                       struct rh_error *error)
{
    const uint32_t orderly = RH_MONGODB_OID | RH_MONGODB_STRING | RH_MONGODB_INT | RH_MONGODB_DATE;
    uint32_t kinds = 0;
    int rc = RH_OK;

    for (int direction = -1; direction <= 1 && rc == RH_OK; direction += 2) {
        bson_t command = BSON_INITIALIZER, inner;
        BSON_APPEND_UTF8(&command, "find", found->name);
        bson_append_document_begin(&command, "projection", -1, &inner);
        BSON_APPEND_INT32(&inner, RH_MONGODB_ID, 1);
        bson_append_document_end(&command, &inner);
        bson_append_document_begin(&command, "sort", -1, &inner);
        BSON_APPEND_INT32(&inner, RH_MONGODB_ID, direction);
        bson_append_document_end(&command, &inner);
        BSON_APPEND_INT64(&command, "limit", 1);
        BSON_APPEND_BOOL(&command, "singleBatch", true);
        rc = each(l->conn, &command, found->name, "cannot read the ids", note_kind, &kinds, error);
        bson_destroy(&command);
    }
    *ret_ids = kinds && !(kinds & ~orderly) && !(kinds & (kinds - 1)) ? RH_MONGODB_ORDERED : 0;
    return rc;
}

static int count_rows(struct listing *l, const struct found *found, int64_t *ret_rows,
                      struct rh_error *error)
{
    bson_t command = BSON_INITIALIZER, reply;
    uint32_t server = 0;
    bson_iter_t iter;
    int rc;

    BSON_APPEND_UTF8(&command, "count", found->name);
    rc = rh_mongodb_command(l->conn, RH_MONGODB_READ, NULL, &command, "cannot count documents",
                            &server, &reply, error);
    bson_destroy(&command);
    if (rc)
        return rc;
    if (bson_iter_init_find(&iter, &reply, "n"))
        *ret_rows = bson_iter_as_int64(&iter);
    bson_destroy(&reply);
    return RH_OK;
}

/* ---- Indexes --------------------------------------------------------------------------------- */

struct indexes {
    struct listing *l;
    const struct rh_column *columns;
    uint32_t n_columns;
    struct rh_index items[MAX_INDEXES];
    uint32_t n;
    const uint32_t *key; /* of RH_MONGODB_KEY */
    uint32_t n_key;
};

static char *keep(struct listing *l, const char *text)
{
    size_t n = strlen(text);
    char *copy = l->conn->host->alloc(l->op->arena, n + 1);

    if (copy)
        memcpy(copy, text, n);
    return copy;
}

/* Positions of the index's fields; 0 when one of them is no column, or not simply sorted. */
static uint32_t index_columns(const struct indexes *x, const bson_t *index, uint32_t to[MAX_KEY])
{
    bson_iter_t iter, key;
    uint32_t n = 0;

    if (!bson_iter_init_find(&iter, index, "key") || !BSON_ITER_HOLDS_DOCUMENT(&iter) ||
        !bson_iter_recurse(&iter, &key))
        return 0;
    while (bson_iter_next(&key)) {
        uint32_t i = 0;
        while (i < x->n_columns && !rh_text_is(x->columns[i].name, bson_iter_key(&key)))
            i++;
        if (n == MAX_KEY || i == x->n_columns || !BSON_ITER_HOLDS_NUMBER(&key))
            return 0;
        to[n++] = i;
    }
    return n;
}

static bool has(const bson_t *document, const char *name)
{
    bson_iter_t iter;

    return bson_iter_init_find(&iter, document, name) && bson_iter_as_bool(&iter);
}

static int add_index(void *context, const bson_t *index, struct rh_error *error)
{
    struct indexes *x = context;
    uint32_t positions[MAX_KEY], n = index_columns(x, index, positions);
    struct rh_index *to = &x->items[x->n];
    uint32_t *columns;
    bson_iter_t iter;
    char *name;

    if (!n || x->n == MAX_INDEXES || !bson_iter_init_find(&iter, index, "name") ||
        !BSON_ITER_HOLDS_UTF8(&iter))
        return RH_OK;
    name = keep(x->l, bson_iter_utf8(&iter, NULL));
    columns = x->l->conn->host->alloc(x->l->op->arena, n * sizeof(*columns));
    if (!name || !columns)
        return rh_fail_nomem(error);
    memcpy(columns, positions, n * sizeof(*columns));
    *to = (struct rh_index){.name = rh_text_of(name), .columns = columns, .n_columns = n};
    if (has(index, "unique") || strcmp(name, "_id_") == 0)
        to->flags |= RH_INDEX_UNIQUE;
    if (has(index, "sparse") || has(index, "partialFilterExpression"))
        to->flags |= RH_INDEX_PARTIAL;
    if (strcmp(name, RH_MONGODB_KEY) == 0 && to->flags == RH_INDEX_UNIQUE) {
        x->key = columns;
        x->n_key = n;
    }
    x->n++;
    return RH_OK;
}

static int list_indexes(struct listing *l, const struct found *found, struct indexes *x,
                        struct rh_error *error)
{
    bson_t command = BSON_INITIALIZER;
    int rc;

    BSON_APPEND_UTF8(&command, "listIndexes", found->name);
    rc = each(l->conn, &command, found->name, "cannot list the indexes", add_index, x, error);
    bson_destroy(&command);
    return rc;
}

/* ---- Tables ---------------------------------------------------------------------------------- */

static int add_indexes(struct listing *l, const struct found *found, struct rh_table *table,
                       struct rh_error *error)
{
    static const uint32_t own_key[] = {0};
    struct indexes x = {.l = l, .columns = table->columns, .n_columns = table->n_columns};
    struct rh_index *indexes;
    int rc = list_indexes(l, found, &x, error);

    if (rc)
        return rc;
    indexes = l->conn->host->alloc(l->op->arena, x.n * sizeof(*indexes) + 1);
    if (!indexes)
        return rh_fail_nomem(error);
    memcpy(indexes, x.items, x.n * sizeof(*indexes));
    table->indexes = indexes;
    table->n_indexes = x.n;
    if (x.n_key) {
        table->key = x.key;
        table->n_key = x.n_key;
    } else if (table->n_columns && rh_text_is(table->columns[0].name, RH_MONGODB_ID)) {
        table->key = own_key;
        table->n_key = 1;
    }
    return RH_OK;
}

/* A collection that somebody has dropped in the meantime is left out. */
static int describe(struct listing *l, const struct found *found, struct rh_error *error)
{
    struct rh_mongodb_schema schema = {.arena = l->arena};
    struct rh_table *table = &l->tables[l->n];
    struct rh_column *columns = NULL;
    uint32_t ids = 0, n = 0;
    int rc;

    *table = (struct rh_table){.struct_size = sizeof(*table),
                               .kind = found->is_view ? RH_TABLE_VIEW : RH_TABLE_BASE,
                               .flags = found->is_view ? RH_TABLE_READ_ONLY : 0,
                               .name = rh_text_of(keep(l, found->name)),
                               .column_stride = sizeof(*columns),
                               .index_stride = sizeof(struct rh_index),
                               .foreign_key_stride = sizeof(struct rh_foreign_key),
                               .est_rows = -1};
    rc = table->name.data ? RH_OK : rh_fail_nomem(error);
    if (rc == RH_OK)
        rc = rh_mongodb_schema_declare(&schema, &found->options, error);
    if (rc == RH_OK)
        rc = sample(l, found, &schema, error);
    if (rc == RH_OK && !found->is_view)
        rc = look_at_ids(l, found, &ids, error);
    if (rc == RH_OK)
        rc = rh_mongodb_schema_columns(&schema, l->conn->host, l->op->arena, ids, &columns, &n,
                                       error);
    table->columns = columns;
    table->n_columns = n;
    if (rc == RH_OK && !found->is_view)
        rc = add_indexes(l, found, table, error);
    if (rc == RH_OK && !found->is_view)
        rc = count_rows(l, found, &table->est_rows, error);
    if (rc == RH_NOT_FOUND) {
        rh_error_clear(error);
        return RH_OK;
    }
    l->n += rc == RH_OK;
    return rc;
}

/* One document of listCollections; they are kept, because one cursor is open at a time. */
static int add_collection(void *context, const bson_t *collection, struct rh_error *error)
{
    struct rh_vec *all = ((void **)context)[0];
    struct rh_arena *arena = ((void **)context)[1];
    struct found *found;
    const uint8_t *data = NULL;
    uint32_t size = 0;
    bson_iter_t iter;

    if (!bson_iter_init_find(&iter, collection, "name") || !BSON_ITER_HOLDS_UTF8(&iter))
        return rh_fail(error, RH_PROTOCOL, "the server's list of collections has no names");
    if (!*bson_iter_utf8(&iter, NULL) || strncmp(bson_iter_utf8(&iter, NULL), "system.", 7) == 0)
        return RH_OK;
    if (all->n >= MAX_TABLES)
        return rh_fail(error, RH_RESOURCE, "there are more than %d collections", MAX_TABLES);
    found = rh_vec_push(all, arena);
    if (!found)
        return rh_fail_nomem(error);
    found->name =
        rh_arena_dup(arena, bson_iter_utf8(&iter, NULL), strlen(bson_iter_utf8(&iter, NULL)));
    found->is_view = bson_iter_init_find(&iter, collection, "type") &&
                     BSON_ITER_HOLDS_UTF8(&iter) &&
                     strcmp(bson_iter_utf8(&iter, NULL), "collection") != 0;
    if (bson_iter_init_find(&iter, collection, "options") && BSON_ITER_HOLDS_DOCUMENT(&iter))
        bson_iter_document(&iter, &size, &data);
    data = size ? (const uint8_t *)rh_arena_dup(arena, data, size) : NULL;
    if (!found->name || (size && !data))
        return rh_fail_nomem(error);
    if (!size || !bson_init_static(&found->options, data, size))
        bson_init(&found->options);
    return RH_OK;
}

static int list(struct listing *l, struct rh_vec *all, struct rh_error *error)
{
    void *context[] = {all, l->arena};
    bson_t command = BSON_INITIALIZER;
    int rc;

    BSON_APPEND_INT32(&command, "listCollections", 1);
    rc = each(l->conn, &command, "$cmd.listCollections", "cannot list the collections",
              add_collection, context, error);
    bson_destroy(&command);
    return rc;
}

int32_t rh_mongodb_tables(struct rh_conn *conn, const struct rh_op *op,
                          struct rh_catalog *ret_catalog, struct rh_error *error)
{
    struct listing l = {.conn = conn, .op = op, .arena = rh_arena_new(ARENA_BYTES)};
    struct rh_vec all = RH_VEC_INIT(struct found);
    int rc;

    if (!l.arena)
        return rh_fail_nomem(error);
    rc = conn->cursor ? rh_fail(error, RH_INVALID, "the connection has an open cursor") : RH_OK;
    if (rc == RH_OK)
        rc = rh_mongodb_begin(conn, op, error);
    if (rc == RH_OK)
        rc = list(&l, &all, error);
    if (rc == RH_OK && !(l.tables = conn->host->alloc(op->arena, all.n * sizeof(*l.tables) + 1)))
        rc = rh_fail_nomem(error);
    for (uint32_t i = 0; rc == RH_OK && i < all.n; i++)
        rc = describe(&l, (const struct found *)all.items + i, error);
    rh_mongodb_end(conn);
    rh_arena_free(l.arena);
    if (rc)
        return rc;
    ret_catalog->tables = l.tables;
    ret_catalog->n_tables = l.n;
    ret_catalog->table_stride = sizeof(*l.tables);
    return RH_OK;
}
