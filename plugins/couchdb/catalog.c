/*
 * Tables: one request for the names of the databases, and one for a sample of each. The number of
 * requests grows with the databases, since CouchDB has none over several of them; with table_field
 * there is one database, hence one request.
 *
 * The sample is the first documents by _id. A field, or with table_field a whole table, that none of
 * them has is not seen.
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
    struct rh_json_infer infer;
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
    struct rh_text id = rh_couchdb_string(document, RH_COUCHDB_ID), kind;

    if (!id.data || rh_text_starts(id, "_design/"))
        return RH_OK;
    if (!table) {
        kind = rh_couchdb_string(document, l->conn->config.table_field);
        if (!kind.len || memchr(kind.data, 0, kind.len))
            return RH_OK;
        table = rh_map_get(&l->by_name, kind);
        if (!table)
            table = add_table(l, kind, error);
        if (!table)
            return error ? error->error_class : RH_RESOURCE;
    }
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

/* ---- Describing ---------------------------------------------------------------------------- */

static struct rh_column own_column(const char *name, uint32_t flags)
{
    return (struct rh_column){.name = rh_text_of(name),
                              .native_type = RH_TEXT("string"),
                              .type = RH_TYPE_TEXT,
                              .flags = flags | RH_COLUMN_NOT_NULL | RH_COLUMN_EXACT_EQUAL,
                              .native_id = RH_TYPE_BIT(RH_TYPE_TEXT)};
}

/* _id and _rev first, then what was inferred. */
static int describe(struct listing *l, const struct found *found, struct rh_table *ret_table,
                    struct rh_error *error)
{
    static const uint32_t key[] = {0};
    const struct rh_host *host = l->conn->host;
    struct rh_column *columns, *inferred = NULL;
    uint32_t n = 2, n_inferred = 0;
    char *name = host->alloc(l->op->arena, found->name.len + 1);
    int rc;

    rc = rh_json_infer_columns(&found->infer, host, l->op->arena, &inferred, &n_inferred, error);
    if (rc)
        return rc;
    columns = host->alloc(l->op->arena, ((uint64_t)n_inferred + 2) * sizeof(*columns));
    if (!columns || !name)
        return rh_fail_nomem(error);
    memcpy(name, found->name.data, found->name.len);
    columns[0] = own_column(RH_COUCHDB_ID, RH_COLUMN_DEFAULT | RH_COLUMN_BINARY_ORDER);
    columns[1] = own_column(RH_COUCHDB_REV, RH_COLUMN_GENERATED);
    for (uint32_t i = 0; i < n_inferred; i++) {
        struct rh_text column = inferred[i].name;
        if (!rh_text_is(column, RH_COUCHDB_ID) && !rh_text_is(column, RH_COUCHDB_REV) &&
            column.len && !memchr(column.data, 0, column.len))
            columns[n++] = inferred[i];
    }
    *ret_table = (struct rh_table){
        .struct_size = sizeof(*ret_table),
        .name = rh_text_make(name, found->name.len),
        .columns = columns,
        .n_columns = n,
        .column_stride = sizeof(*columns),
        .key = key,
        .n_key = 1,
        .index_stride = sizeof(struct rh_index),
        .foreign_key_stride = sizeof(struct rh_foreign_key),
        .est_rows = found->est_rows,
    };
    return RH_OK;
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
        rc = sample(&l, NULL, error);
    else
        rc = list_databases(&l, error);
    for (uint32_t i = 0; rc == RH_OK && !conn->config.table_field && i < l.found.n; i++)
        rc = sample(&l, ((struct found **)l.found.items)[i], error);
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
