/*
 * Tables: one request for the names of the databases, and for each four at most: what is declared,
 * a sample, its indexes, itself. The number of requests grows with the databases, since CouchDB has none over
 * several of them; with table_field there is one database.
 *
 * What is declared is neither sampled nor marked as inferred. The sample is the first documents by
 * _id: a field, or with table_field a whole table, that none of them has is not seen.
 */
#include "couchdb.h"

#include "base/map.h"
#include "base/vec.h"
#include "connector/json_infer.h"

#include <stdlib.h>
#include <string.h>

#define MAX_TABLES 4096
#define MAX_COLUMNS 1000
#define ARENA_BYTES ((size_t)1 << 30)

struct listing {
    struct rh_conn *conn;
    const struct rh_op *op;
    struct rh_arena *arena; /* names while at work */
    struct rh_arena *documents;
    struct rh_vec found; /* of struct found */
    struct rh_map by_name;
};

/* A table at work; freed with the listing. */
struct found {
    struct rh_text name;
    const struct rh_couchdb_table *declared; /* NULL: inferred */
    struct rh_json_infer infer;
    const struct rh_json *indexes; /* of its database; NULL: none */
    bool partitioned;              /* its database is */
    int64_t est_rows;
};

static struct found *add_table(struct listing *l, struct rh_text name, struct rh_error *error)
{
    struct found *found, **slot;
    bool ok = true;

    if (l->found.n >= MAX_TABLES) {
        rh_fail(error, RH_RESOURCE, "there are more than %d tables", MAX_TABLES);
        return NULL;
    }
    found = rh_arena_alloc(l->arena, sizeof(*found));
    slot = rh_vec_push(&l->found, l->arena);
    if (!found || !slot) {
        rh_fail_nomem(error);
        return NULL;
    }
    *slot = found;
    found->name = rh_arena_text(l->arena, name, &ok);
    found->est_rows = -1;
    rh_json_infer_init(&found->infer, l->arena, MAX_COLUMNS);
    if (!ok || !rh_map_put(&l->by_name, found->name, found, NULL)) {
        rh_fail_nomem(error);
        return NULL;
    }
    return found;
}

/* ---- Sampling ------------------------------------------------------------------------------ */

static int look_at(struct listing *l, struct found *table, const struct rh_json *row,
                   struct rh_error *error)
{
    const struct rh_json *document = rh_json_member(row, "doc");
    struct rh_text id = rh_json_string(document, RH_COUCHDB_ID), kind;

    if (!id.data || rh_text_starts(id, "_design/"))
        return RH_OK;
    if (!table) {
        kind = rh_json_string(document, l->conn->config.table_field);
        if (!kind.len || memchr(kind.data, 0, kind.len))
            return RH_OK;
        table = rh_map_get(&l->by_name, kind);
        if (!table)
            table = add_table(l, kind, error);
        if (!table)
            return error ? error->error_class : RH_RESOURCE;
    }
    if (table->declared)
        return RH_OK;
    return rh_json_infer_add(&table->infer, document, error);
}

/* table NULL: the documents say which. */
static int sample(struct listing *l, struct found *table, struct rh_error *error)
{
    const struct rh_json *total = NULL;
    struct rh_http_documents documents = {.http = NULL};
    struct rh_http_request request;
    struct rh_json *row;
    struct rh_buf url;
    int rc;

    rh_buf_init(&url, 65536);
    rh_couchdb_add_database(l->conn, table ? table->name : rh_text_make(NULL, 0), &url);
    rh_buf_addf(&url, "/_all_docs?include_docs=true&limit=%u", (unsigned)l->conn->config.sample);
    request = rh_couchdb_request("GET", &url, rh_text_make(NULL, 0), true);
    rc = rh_http_documents_open(&documents, l->conn->host->http, l->conn->client, l->op, &request,
                                "rows", RH_COUCHDB_DOCUMENT_BYTES, "cannot read a sample", error);
    while (rc == RH_OK) {
        rh_arena_reset(l->documents);
        rc = rh_http_documents_next(&documents, l->op, l->documents, &row, error);
        if (rc == RH_OK)
            rc = look_at(l, table, row, error);
    }
    if (rc == RH_END && !documents.stream.found)
        rc = rh_fail(error, RH_PROTOCOL, "the server's answer has no list of documents");
    if (rc == RH_END)
        total = rh_json_member(documents.stream.envelope, "total_rows");
    if (table && total)
        rh_text_to_i64(total->text, &table->est_rows);
    rh_http_documents_close(&documents);
    rh_buf_free(&url);
    return rc == RH_END ? RH_OK : rc;
}

static int list_databases(struct listing *l, struct rh_error *error)
{
    struct rh_json *answer = NULL;
    struct rh_http_request request;
    struct rh_buf url;
    int rc;

    if (l->conn->config.database)
        return add_table(l, rh_text_of(l->conn->config.database), error) ? RH_OK : RH_RESOURCE;
    rh_buf_init(&url, 64);
    rh_buf_add_str(&url, "/_all_dbs");
    request = rh_couchdb_request("GET", &url, rh_text_make(NULL, 0), true);
    rc = rh_couchdb_fetch(l->conn, l->op, &request, "cannot list the databases", l->arena, &answer,
                          error);
    rh_buf_free(&url);
    if (rc == RH_OK && answer->kind != RH_JSON_ARRAY)
        rc = rh_fail(error, RH_PROTOCOL, "the server's list of databases is no list");
    for (const struct rh_json *name = rc == RH_OK ? answer->child : NULL; name && rc == RH_OK;
         name = name->next)
        if (name->kind == RH_JSON_STRING && !rh_text_starts(name->text, "_") && name->text.len)
            rc = add_table(l, name->text, error) ? RH_OK : RH_RESOURCE;
    return rc;
}

/* ---- What is declared ---------------------------------------------------------------------- */

/* Tells each table of the database of `table` what is declared of it; with table_field, adds them. */
static int find_declared(struct listing *l, struct found *table, struct rh_error *error)
{
    struct rh_text name = table ? table->name : rh_text_make(NULL, 0);
    struct rh_couchdb_schema schema;
    struct rh_couchdb_table *tables;
    int rc = rh_couchdb_schema_read(l->conn, l->op, name, l->arena, &schema, error);

    if (rc)
        return rc;
    if (table) {
        table->declared = rh_couchdb_schema_find(&schema, table->name);
        return RH_OK;
    }
    tables = schema.tables.items;
    for (uint32_t i = 0; i < schema.tables.n; i++) {
        struct found *found = add_table(l, tables[i].name, error);

        if (!found)
            return error ? error->error_class : RH_RESOURCE;
        found->declared = &tables[i];
    }
    return RH_OK;
}

static int find_partitions(struct listing *l, struct rh_text name, bool *ret_partitioned,
                           struct rh_error *error)
{
    const struct rh_json *partitioned;
    struct rh_json *answer = NULL;
    struct rh_http_request request;
    struct rh_buf url;
    int rc;

    rh_buf_init(&url, 65536);
    rh_couchdb_add_database(l->conn, name, &url);
    request = rh_couchdb_request("GET", &url, rh_text_make(NULL, 0), true);
    rc = rh_couchdb_fetch(l->conn, l->op, &request, "cannot look at the database", l->arena,
                          &answer, error);
    rh_buf_free(&url);
    partitioned = rh_json_member(rh_json_member(answer, "props"), "partitioned");
    *ret_partitioned = partitioned && partitioned->kind == RH_JSON_TRUE;
    return rc;
}

static int find_indexes(struct listing *l, struct rh_text name, const struct rh_json **ret_indexes,
                        struct rh_error *error)
{
    struct rh_json *answer = NULL;
    struct rh_http_request request;
    struct rh_buf url;
    int rc;

    rh_buf_init(&url, 65536);
    rh_couchdb_add_database(l->conn, name, &url);
    rh_buf_add_str(&url, "/_index");
    request = rh_couchdb_request("GET", &url, rh_text_make(NULL, 0), true);
    rc = rh_couchdb_fetch(l->conn, l->op, &request, "cannot list the indexes", l->arena, &answer,
                          error);
    rh_buf_free(&url);
    if (rc == RH_OK)
        *ret_indexes = rh_json_member(answer, "indexes");
    return rc;
}

/* ---- Describing ---------------------------------------------------------------------------- */

/* The name of a field in an index's definition, {"name": "asc"}. */
static struct rh_text field_of(const struct rh_json *field)
{
    return field->kind == RH_JSON_OBJECT && field->child ? field->child->key
                                                         : rh_text_make(NULL, 0);
}

/* Is it one of this table, and of columns that it has? */
static bool take_index(struct listing *l, const struct rh_json *json, struct rh_table *table,
                       struct rh_index *ret_index)
{
    const char *field = l->conn->config.table_field;
    const struct rh_json *fields = rh_json_member(rh_json_member(json, "def"), "fields");
    const struct rh_json *first = fields ? fields->child : NULL;
    uint32_t *columns;

    if (!first || !rh_text_is(rh_json_string(json, "type"), "json") ||
        !rh_couchdb_index_is_of(rh_json_string(json, "ddoc"), table->name, field != NULL))
        return false;
    if (field && rh_text_is(field_of(first), field))
        first = first->next;
    columns = l->conn->host->alloc(l->op->arena, ((uint64_t)fields->n + 1) * sizeof(*columns));
    *ret_index = (struct rh_index){
        .columns = columns, .name = rh_couchdb_copy(l->conn, l->op, rh_json_string(json, "name"))};
    for (; columns && first; first = first->next) {
        uint32_t i = 0;
        while (i < table->n_columns && !rh_text_equal(table->columns[i].name, field_of(first)))
            i++;
        if (i == table->n_columns)
            return false;
        columns[ret_index->n_columns++] = i;
    }
    return ret_index->n_columns > 0 && ret_index->name.len > 0;
}

/* Tells plan.c of the indexes, which sees no more than columns. */
static int describe_indexes(struct listing *l, const struct rh_json *list,
                            struct rh_column *columns, struct rh_table *table,
                            struct rh_error *error)
{
    struct rh_index *indexes;

    if (!list || !list->n)
        return RH_OK;
    indexes = l->conn->host->alloc(l->op->arena, (uint64_t)list->n * sizeof(*indexes));
    if (!indexes)
        return rh_fail_nomem(error);
    for (const struct rh_json *json = list->child; json; json = json->next) {
        if (!take_index(l, json, table, &indexes[table->n_indexes]))
            continue;
        columns[indexes[table->n_indexes++].columns[0]].native_id |= RH_COUCHDB_INDEXED;
    }
    table->indexes = indexes;
    return RH_OK;
}

/* What was declared, copied out of the listing. */
static int describe_declared(struct listing *l, const struct rh_couchdb_table *declared,
                             struct rh_column **ret_columns, struct rh_table *table,
                             struct rh_error *error)
{
    const struct rh_column *from = rh_couchdb_columns(declared);
    uint32_t n = declared->columns.n;
    struct rh_column *columns =
        l->conn->host->alloc(l->op->arena, ((uint64_t)n + 1) * sizeof(*columns));
    uint32_t *key =
        l->conn->host->alloc(l->op->arena, ((uint64_t)declared->n_key + 1) * sizeof(*key));
    struct rh_text *options;

    if (!columns || !key)
        return rh_fail_nomem(error);
    for (uint32_t i = 0; i < n; i++) {
        columns[i] = from[i];
        columns[i].name = rh_couchdb_copy(l->conn, l->op, from[i].name);
        columns[i].default_text = rh_couchdb_copy(l->conn, l->op, from[i].default_text);
        columns[i].comment = rh_couchdb_copy(l->conn, l->op, from[i].comment);
        options = l->conn->host->alloc(l->op->arena,
                                       ((uint64_t)from[i].n_options + 1) * sizeof(*options));
        if (!columns[i].name.data || !options)
            return rh_fail_nomem(error);
        for (uint32_t k = 0; k < from[i].n_options; k++)
            options[k] = rh_couchdb_copy(l->conn, l->op, from[i].options[k]);
        columns[i].options = options;
    }
    if (declared->n_key)
        memcpy(key, declared->key, declared->n_key * sizeof(*key));
    table->columns = *ret_columns = columns;
    table->n_columns = n;
    table->key = key;
    table->n_key = declared->n_key;
    table->comment = rh_couchdb_copy(l->conn, l->op, declared->comment);
    return RH_OK;
}

static struct rh_column own_column(const char *name, uint32_t flags)
{
    return (struct rh_column){.name = rh_text_of(name),
                              .native_type = RH_TEXT("string"),
                              .type = RH_TYPE_TEXT,
                              .flags = flags | RH_COLUMN_NOT_NULL | RH_COLUMN_EXACT_EQUAL,
                              .native_id = RH_TYPE_BIT(RH_TYPE_TEXT)};
}

/* _id and _rev first, then what was inferred. */
static int describe_inferred(struct listing *l, const struct found *found,
                             struct rh_column **ret_columns, struct rh_table *table,
                             struct rh_error *error)
{
    static const uint32_t key[] = {0};
    const struct rh_host *host = l->conn->host;
    struct rh_column *columns, *inferred = NULL;
    uint32_t n = 2, n_inferred = 0;
    int rc;

    rc = rh_json_infer_columns(&found->infer, host, l->op->arena, &inferred, &n_inferred, error);
    if (rc)
        return rc;
    columns = host->alloc(l->op->arena, ((uint64_t)n_inferred + 3) * sizeof(*columns));
    if (!columns)
        return rh_fail_nomem(error);
    columns[0] = own_column(RH_COUCHDB_ID, RH_COLUMN_DEFAULT | RH_COLUMN_BINARY_ORDER);
    columns[1] = own_column(RH_COUCHDB_REV, RH_COLUMN_GENERATED);
    if (found->partitioned) {
        columns[n] = own_column(RH_COUCHDB_PARTITION, RH_COLUMN_GENERATED);
        columns[n++].native_id |= RH_COUCHDB_IS_PARTITION;
    }
    for (uint32_t i = 0; i < n_inferred; i++) {
        struct rh_text column = inferred[i].name;
        if (!rh_text_is(column, RH_COUCHDB_ID) && !rh_text_is(column, RH_COUCHDB_REV) &&
            !rh_text_is(column, RH_COUCHDB_PARTITION) && column.len &&
            !memchr(column.data, 0, column.len))
            columns[n++] = inferred[i];
    }
    table->columns = *ret_columns = columns;
    table->n_columns = n;
    table->key = key;
    table->n_key = 1;
    return RH_OK;
}

static int describe(struct listing *l, const struct found *found, struct rh_table *ret_table,
                    struct rh_error *error)
{
    struct rh_table table = {
        .struct_size = sizeof(table),
        .name = rh_couchdb_copy(l->conn, l->op, found->name),
        .column_stride = sizeof(struct rh_column),
        .index_stride = sizeof(struct rh_index),
        .foreign_key_stride = sizeof(struct rh_foreign_key),
        .est_rows = found->est_rows,
    };
    struct rh_column *columns = NULL;
    int rc;

    if (!table.name.data)
        return rh_fail_nomem(error);
    rc = found->declared ? describe_declared(l, found->declared, &columns, &table, error)
                         : describe_inferred(l, found, &columns, &table, error);
    if (rc == RH_OK)
        rc = describe_indexes(l, found->indexes, columns, &table, error);
    if (rc == RH_OK)
        *ret_table = table;
    return rc;
}

static int describe_all(struct listing *l, struct rh_catalog *ret_catalog, struct rh_error *error)
{
    struct found **found = l->found.items;
    struct rh_table *tables =
        l->conn->host->alloc(l->op->arena, (uint64_t)l->found.n * sizeof(*tables));
    int rc = tables ? RH_OK : rh_fail_nomem(error);

    for (uint32_t i = 0; rc == RH_OK && i < l->found.n; i++)
        rc = describe(l, found[i], &tables[i], error);
    if (rc)
        return rc;
    ret_catalog->tables = tables;
    ret_catalog->n_tables = l->found.n;
    ret_catalog->table_stride = sizeof(*tables);
    return RH_OK;
}

/* All of one database; table NULL: with table_field, its documents say which there are. */
static int look_into(struct listing *l, struct found *table, struct rh_error *error)
{
    struct rh_text name = table ? table->name : rh_text_make(NULL, 0);
    const struct rh_json *indexes = NULL;
    bool partitioned = false;
    int rc = find_declared(l, table, error);

    if (rc == RH_OK && l->conn->config.sample && !(table && table->declared))
        rc = sample(l, table, error);
    if (rc == RH_OK)
        rc = find_indexes(l, name, &indexes, error);
    if (rc == RH_OK && l->conn->config.sample)
        rc = find_partitions(l, name, &partitioned, error);
    for (uint32_t i = 0; i < l->found.n; i++) {
        struct found *found = ((struct found **)l->found.items)[i];

        if (table && found != table)
            continue;
        found->indexes = indexes;
        found->partitioned = partitioned;
    }
    return rc;
}

int32_t rh_couchdb_tables(struct rh_conn *conn, const struct rh_op *op,
                          struct rh_catalog *ret_catalog, struct rh_error *error)
{
    struct listing l = {.conn = conn,
                        .op = op,
                        .arena = rh_arena_new(ARENA_BYTES),
                        .documents = rh_arena_new(ARENA_BYTES),
                        .found = RH_VEC_INIT(struct found *)};
    int rc = RH_OK;

    rh_map_init(&l.by_name);
    if (!l.arena || !l.documents) {
        rc = rh_fail_nomem(error);
        goto out;
    }
    if (conn->config.table_field)
        rc = look_into(&l, NULL, error);
    else
        rc = list_databases(&l, error);
    for (uint32_t i = 0; rc == RH_OK && !conn->config.table_field && i < l.found.n; i++)
        rc = look_into(&l, ((struct found **)l.found.items)[i], error);
    if (rc == RH_OK)
        rc = describe_all(&l, ret_catalog, error);
out:
    for (uint32_t i = 0; i < l.found.n; i++)
        rh_json_infer_fini(&((struct found **)l.found.items)[i]->infer);
    rh_map_free(&l.by_name);
    rh_arena_free(l.arena);
    rh_arena_free(l.documents);
    return rc;
}
