/*
 * What tables there are. A file has no schema, so each one is read and its columns are inferred; a
 * source that knows its columns would be asked for all of them at once.
 *
 * Whatever the host keeps is made in the op's arena, by host->alloc.
 */
#include "acme.h"

#include "connector/json_infer.h"

#include <dirent.h>
#include <string.h>

#define MAX_TABLES 1024
#define MAX_COLUMNS 1000
#define NAMES_BYTES ((size_t)16 << 20)

/* The member that identifies rows, when the table has it. */
static int find_key(struct rh_conn *conn, struct rh_arena *arena, struct rh_table *table,
                    struct rh_error *error)
{
    for (uint32_t i = 0; conn->config.key && i < table->n_columns; i++) {
        if (!rh_text_is(table->columns[i].name, conn->config.key))
            continue;
        uint32_t *key = conn->host->alloc(arena, sizeof(*key));
        if (!key)
            return rh_fail_nomem(error);
        *key = i;
        table->key = key;
        table->n_key = 1;
    }
    return RH_OK;
}

static int infer(struct rh_conn *conn, const struct rh_op *op, struct rh_json_infer *columns,
                 struct rh_table *table, struct rh_error *error)
{
    struct acme_documents documents;
    struct rh_column *found = NULL;
    struct rh_json *document;
    int rc = acme_documents_open(&documents, conn, table->name, error);
    while (rc == RH_OK && (rc = acme_documents_next(&documents, op, &document, error)) == RH_OK) {
        rc = rh_json_infer_add(columns, document, error);
        table->est_rows++;
    }
    acme_documents_close(&documents);
    if (rc == RH_END)
        rc =
            rh_json_infer_columns(columns, conn->host, op->arena, &found, &table->n_columns, error);
    table->columns = found;
    return rc ? rc : find_key(conn, op->arena, table, error);
}

static int describe(struct rh_conn *conn, const struct rh_op *op, struct rh_text name,
                    struct rh_table *table, struct rh_error *error)
{
    struct rh_json_infer columns;
    char *copy = conn->host->alloc(op->arena, name.len);
    struct rh_arena *arena = rh_arena_new(NAMES_BYTES);
    if (!copy || !arena) {
        rh_arena_free(arena);
        return rh_fail_nomem(error);
    }
    memcpy(copy, name.data, name.len);
    *table = (struct rh_table){
        .struct_size = sizeof(*table),
        .flags = RH_TABLE_READ_ONLY,
        .name = rh_text_make(copy, name.len),
        .column_stride = sizeof(struct rh_column),
        .index_stride = sizeof(struct rh_index),
        .foreign_key_stride = sizeof(struct rh_foreign_key),
    };
    rh_json_infer_init(&columns, arena, MAX_COLUMNS);
    int rc = infer(conn, op, &columns, table, error);
    if (rc)
        rh_error_prefix(error, "table \"%.*s\"", RH_TEXT_ARG(name));
    rh_json_infer_fini(&columns);
    rh_arena_free(arena);
    return rc;
}

/* The table that a file is; no text for other files. */
static struct rh_text table_of(const char *file)
{
    struct rh_text name = rh_text_of(file);
    if (!rh_text_ends(name, ACME_SUFFIX) || name.len == strlen(ACME_SUFFIX) ||
        !rh_text_is_utf8(name))
        return (struct rh_text){NULL, 0};
    return rh_text_make(name.data, name.len - strlen(ACME_SUFFIX));
}

static int list(struct rh_conn *conn, const struct rh_op *op, DIR *folder,
                struct rh_catalog *ret_catalog, struct rh_error *error)
{
    struct rh_table *tables = conn->host->alloc(op->arena, MAX_TABLES * sizeof(*tables));
    const struct dirent *entry;
    uint32_t n = 0;
    int rc = RH_OK;
    if (!tables)
        return rh_fail_nomem(error);
    while (rc == RH_OK && (entry = readdir(folder)) != NULL) {
        struct rh_text name = table_of(entry->d_name);
        if (!name.data)
            continue;
        if (n == MAX_TABLES)
            return rh_fail(error, RH_RESOURCE, "the folder has more than %d tables", MAX_TABLES);
        rc = describe(conn, op, name, &tables[n], error);
        n += tables[n].n_columns > 0; /* nothing can be asked of an empty file */
    }
    ret_catalog->tables = tables;
    ret_catalog->n_tables = n;
    ret_catalog->table_stride = sizeof(*tables);
    return rc;
}

int32_t acme_tables(struct rh_conn *conn, const struct rh_op *op, struct rh_catalog *ret_catalog,
                    struct rh_error *error)
{
    acme_begin(conn);
    int rc = acme_check(conn, op, error);
    if (rc)
        return rc;
    DIR *folder = opendir(conn->config.folder);
    if (!folder)
        return rh_fail(error, RH_UNAVAILABLE, "cannot list the folder");
    rc = list(conn, op, folder, ret_catalog, error);
    closedir(folder);
    return rc;
}
