/*
 * Tables and indexes made and changed. A table is what schema.c says of it; making one in a server
 * of which every database is a table makes the database too, dropping it deletes that. Where a
 * database has tables by a field, their documents are deleted one page after the other.
 *
 * Documents are never rewritten: so tables and columns are not renamed, columns change their type as
 * little as they become NOT NULL, and what a dropped column held stays in the documents.
 */
#include "ddl.h"

#include "base/type.h"
#include "connector/json_cell.h"

#include <string.h>

#define ARENA_BYTES ((size_t)256 << 20)
#define BODY_BYTES ((size_t)16 << 20)
#define ATTEMPTS 5     /* at a schema that others change at the same time */
#define PAGE_ROWS 1000 /* documents that are deleted at once */

/* ---- Requests ------------------------------------------------------------------------------ */

int rh_couchdb_ddl_send(struct ddl *d, const char *method, const struct rh_buf *url,
                        const struct rh_buf *body, const char *what, struct rh_json **ret_answer,
                        struct rh_error *error)
{
    struct rh_text text = body ? rh_buf_text(body) : rh_text_make(NULL, 0);
    struct rh_http_request request = rh_couchdb_request(method, url, text, false);

    *ret_answer = NULL;
    if (url->failed || (body && body->failed))
        return rh_fail_nomem(error);
    rh_buf_addf(d->told, "%s ", method);
    rh_buf_add_text(d->told, rh_buf_text(url));
    if (body)
        rh_buf_add_char(d->told, ' ');
    rh_buf_add_text(d->told, text);
    rh_buf_add_char(d->told, '\n');
    return d->dry_run
               ? RH_OK
               : rh_couchdb_fetch(d->conn, d->op, &request, what, d->arena, ret_answer, error);
}

static int send_database(struct ddl *d, const char *method, struct rh_text table, const char *what,
                         struct rh_error *error)
{
    struct rh_json *answer;
    struct rh_buf url;
    int rc;

    rh_buf_init(&url, BODY_BYTES);
    rh_couchdb_add_database(d->conn, table, &url);
    rc = rh_couchdb_ddl_send(d, method, &url, NULL, what, &answer, error);
    rh_buf_free(&url);
    return rc;
}

static int fail_exists(struct rh_text table, struct rh_error *error)
{
    rh_error_clear(error);
    return rh_fail(error, RH_EXISTS, "there is a table \"%.*s\" already", RH_TEXT_ARG(table));
}

static int fail_no_table(struct rh_text table, struct rh_error *error)
{
    rh_error_clear(error);
    return rh_fail(error, RH_NOT_FOUND, "there is no table \"%.*s\"", RH_TEXT_ARG(table));
}

/* ---- Checking what is to be made ----------------------------------------------------------- */

static int check_name(const struct ddl *d, struct rh_text name, const char *what,
                      struct rh_error *error)
{
    if (!name.len || name.data[0] == '_' || !rh_text_is_utf8(name) ||
        memchr(name.data, 0, name.len))
        return rh_fail(error, RH_INVALID,
                       "\"%.*s\" is no name for a %s: names that begin with _ are CouchDB's own",
                       RH_TEXT_ARG(name), what);
    if (d->conn->config.table_field && rh_text_is(name, d->conn->config.table_field))
        return rh_fail(error, RH_INVALID, "the field \"%.*s\" tells the table of a document",
                       RH_TEXT_ARG(name));
    return RH_OK;
}

/* The default as JSON; its text is a literal of the column's type. */
void rh_couchdb_add_default(const struct rh_column *column, struct rh_buf *body)
{
    struct rh_text native = rh_couchdb_native_type(column->type);

    if (rh_text_is(native, "string"))
        rh_json_add_string(body, column->default_text);
    else
        rh_buf_add_text(body, column->default_text);
}

static int check_default(struct ddl *d, const struct rh_column *column, struct rh_error *error)
{
    struct rh_error ignored = RH_ERROR_INIT;
    struct rh_value cell = {.type = RH_TYPE_NULL};
    struct rh_json *json = NULL;
    struct rh_rowset rows;
    struct rh_buf text;
    int rc;

    if (!column->default_text.data)
        return RH_OK;
    rh_buf_init(&text, BODY_BYTES);
    rh_rowset_init(&rows, 1, BODY_BYTES);
    rh_rowset_clear(&rows, 1);
    rh_couchdb_add_default(column, &text);
    rc = rh_json_parse(d->arena, rh_buf_text(&text), &json, &ignored);
    if (rc == RH_OK)
        rh_json_cell(&rows, &cell, column, json);
    rh_rowset_fini(&rows);
    rh_buf_free(&text);
    if (rc == RH_OK && cell.type == column->type)
        return RH_OK;
    return rh_fail(error, RH_INVALID, "the default of column \"%.*s\" is no %s",
                   RH_TEXT_ARG(column->name), rh_type_name(column->type));
}

static int check_column(struct ddl *d, const struct rh_column *column, struct rh_error *error)
{
    int rc = check_name(d, column->name, "column", error);

    if (rc)
        return rc;
    if (column->flags & (RH_COLUMN_IDENTITY | RH_COLUMN_GENERATED)) {
        rh_fail(error, RH_UNSUPPORTED, "column \"%.*s\": CouchDB does not count",
                RH_TEXT_ARG(column->name));
        return rh_error_hint(error, "use a key of type text or uuid that the writer makes");
    }
    if (column->type < RH_TYPE_BOOL || column->type >= RH_N_TYPES)
        return rh_fail(error, RH_UNSUPPORTED, "column \"%.*s\" has no type that CouchDB can hold",
                       RH_TEXT_ARG(column->name));
    return check_default(d, column, error);
}

static const struct rh_column *column_at(const struct rh_table *table, uint32_t i)
{
    return rh_kit_column(table->columns, table->column_stride, i);
}

static int check_key(const struct rh_table *table, struct rh_error *error)
{
    for (uint32_t i = 0; i < table->n_key; i++) {
        const struct rh_column *column =
            table->key[i] < table->n_columns ? column_at(table, table->key[i]) : NULL;

        if (!column)
            return rh_fail(error, RH_INVALID, "the key names no column");
        if (rh_couchdb_can_be_key(column->type))
            continue;
        rh_fail(error, RH_UNSUPPORTED, "column \"%.*s\" of type %s cannot be in a key",
                RH_TEXT_ARG(column->name), rh_type_name(column->type));
        return rh_error_hint(error, "keys are of type text, int, uuid, bool, date or timestamp");
    }
    return RH_OK;
}

/* What CouchDB takes for the name of a database. */
static int check_database(struct rh_text name, struct rh_error *error)
{
    bool good = name.len <= 238 && name.data[0] >= 'a' && name.data[0] <= 'z';

    for (uint64_t i = 0; i < name.len; i++)
        good = good && strchr("abcdefghijklmnopqrstuvwxyz0123456789_$()+/-", name.data[i]);
    if (good)
        return RH_OK;
    rh_fail(error, RH_INVALID, "\"%.*s\" is no name for a database of CouchDB", RH_TEXT_ARG(name));
    return rh_error_hint(error, "a small letter, then small letters, digits and _ $ ( ) + - /");
}

static int check_table(struct ddl *d, const struct rh_table *table, struct rh_error *error)
{
    const struct rh_couchdb_config *config = &d->conn->config;
    int rc = check_name(d, table->name, "table", error);

    if (rc == RH_OK && !rh_couchdb_ddl_is_shared(d))
        rc = check_database(table->name, error);
    if (rc == RH_OK && table->schema.len)
        rc = rh_fail(error, RH_UNSUPPORTED, "CouchDB has no schemas");
    if (rc == RH_OK && config->database && !rh_couchdb_ddl_is_shared(d)) {
        rh_fail(error, RH_UNSUPPORTED, "the database \"%s\" is one table", config->database);
        rc = rh_error_hint(error, "with the setting table_field it can have several");
    }
    if (rc == RH_OK && table->n_foreign_keys)
        rc = rh_fail(error, RH_UNSUPPORTED, "CouchDB has no foreign keys");
    for (uint32_t i = 0; rc == RH_OK && i < table->n_columns; i++) {
        rc = check_column(d, column_at(table, i), error);
        for (uint32_t k = 0; rc == RH_OK && k < i; k++)
            if (rh_text_equal(column_at(table, i)->name, column_at(table, k)->name))
                rc = rh_fail(error, RH_EXISTS, "there is a column \"%.*s\" already",
                             RH_TEXT_ARG(column_at(table, i)->name));
    }
    return rc == RH_OK ? check_key(table, error) : rc;
}

/* ---- Changing what is declared ------------------------------------------------------------- */

static int add_column(struct rh_couchdb_schema *schema, struct rh_couchdb_table *table,
                      const struct rh_column *from, struct rh_error *error)
{
    struct rh_column *column = rh_vec_push(&table->columns, schema->arena);

    if (!column)
        return rh_fail_nomem(error);
    *column = *from;
    return RH_OK;
}

static int create_declared(struct ddl *d, struct rh_couchdb_schema *schema,
                           const struct rh_ddl_change *change, struct rh_error *error)
{
    const struct rh_table *from = change->table;
    struct rh_couchdb_table *table;
    int rc = RH_OK;

    (void)d;
    if (rh_couchdb_schema_find(schema, from->name))
        return fail_exists(from->name, error);
    table = rh_vec_push(&schema->tables, schema->arena);
    if (!table)
        return rh_fail_nomem(error);
    *table = (struct rh_couchdb_table){.name = from->name,
                                       .comment = from->comment,
                                       .columns = RH_VEC_INIT(struct rh_column),
                                       .n_key = from->n_key};
    for (uint32_t i = 0; i < from->n_columns && rc == RH_OK; i++)
        rc = add_column(schema, table, column_at(from, i), error);
    table->key = rh_arena_array(schema->arena, from->n_key + 1, sizeof(*table->key));
    if (!table->key)
        return rh_fail_nomem(error);
    for (uint32_t i = 0; i < from->n_key && rc == RH_OK; i++) {
        table->key[i] = from->key[i];
        rh_couchdb_columns(table)[from->key[i]].flags |= RH_COLUMN_NOT_NULL;
    }
    return rc;
}

static int drop_column(struct rh_couchdb_table *table, struct rh_text name, struct rh_error *error)
{
    struct rh_column *columns = rh_couchdb_columns(table);
    uint32_t at = (uint32_t)(rh_couchdb_declared_column(table, name) - columns);

    for (uint32_t i = 0; i < table->n_key; i++)
        if (table->key[i] == at)
            return rh_fail(error, RH_INVALID, "column \"%.*s\" is part of the key",
                           RH_TEXT_ARG(name));
    if (table->columns.n == 1)
        return rh_fail(error, RH_INVALID, "column \"%.*s\" is the only one of its table",
                       RH_TEXT_ARG(name));
    for (uint32_t i = at; i + 1 < table->columns.n; i++)
        columns[i] = columns[i + 1];
    table->columns.n--;
    for (uint32_t i = 0; i < table->n_key; i++)
        table->key[i] -= table->key[i] > at;
    return RH_OK;
}

static int alter_column(struct rh_column *column, const struct rh_column *to,
                        struct rh_error *error)
{
    bool stricter = to->flags & RH_COLUMN_NOT_NULL && !(column->flags & RH_COLUMN_NOT_NULL);

    if (to->type != column->type || stricter) {
        rh_fail(error, RH_UNSUPPORTED, "column \"%.*s\" keeps its type, and may not become %s",
                RH_TEXT_ARG(column->name), stricter ? "NOT NULL" : rh_type_name(to->type));
        return rh_error_hint(error, "the documents that are there are not rewritten");
    }
    *column = *to;
    return RH_OK;
}

static int change_columns(struct ddl *d, struct rh_couchdb_schema *schema,
                          const struct rh_ddl_change *change, struct rh_error *error)
{
    struct rh_couchdb_table *table = rh_couchdb_schema_find(schema, change->table->name);
    struct rh_text name = change->column->name;
    struct rh_column *column;
    int rc;

    if (!table)
        return rh_fail(error, RH_UNSUPPORTED,
                       "the columns of the table \"%.*s\" are inferred from its documents",
                       RH_TEXT_ARG(change->table->name));
    column = rh_couchdb_declared_column(table, name);
    if (change->kind != RH_DDL_ADD_COLUMN && !column)
        return rh_fail(error, RH_NOT_FOUND, "there is no column \"%.*s\"", RH_TEXT_ARG(name));
    if (change->kind == RH_DDL_DROP_COLUMN)
        return drop_column(table, name, error);
    rc = check_column(d, change->column, error);
    if (rc)
        return rc;
    if (change->kind == RH_DDL_ALTER_COLUMN)
        return alter_column(column, change->column, error);
    if (column)
        return rh_fail(error, RH_EXISTS, "there is a column \"%.*s\" already", RH_TEXT_ARG(name));
    if (change->column->flags & RH_COLUMN_NOT_NULL)
        return rh_fail(error, RH_UNSUPPORTED,
                       "column \"%.*s\" cannot be NOT NULL: documents that are there lack it",
                       RH_TEXT_ARG(name));
    return add_column(schema, table, change->column, error);
}

static int drop_declared(struct ddl *d, struct rh_couchdb_schema *schema,
                         const struct rh_ddl_change *change, struct rh_error *error)
{
    (void)d;
    (void)error;
    rh_couchdb_schema_find(schema, change->table->name)->name = rh_text_make(NULL, 0);
    return RH_OK;
}

static int put_schema(struct ddl *d, const struct rh_couchdb_schema *schema, struct rh_text table,
                      struct rh_error *error)
{
    struct rh_json *answer;
    struct rh_buf url, body;
    int rc;

    rh_buf_init(&url, BODY_BYTES);
    rh_buf_init(&body, BODY_BYTES);
    rh_couchdb_schema_add(d->conn, schema, table, &url, &body);
    rc =
        rh_couchdb_ddl_send(d, "PUT", &url, &body, "cannot store what is declared", &answer, error);
    rh_buf_free(&url);
    rh_buf_free(&body);
    return rc;
}

typedef int change_fn(struct ddl *d, struct rh_couchdb_schema *schema,
                      const struct rh_ddl_change *change, struct rh_error *error);

/* Reads what is declared, changes it and stores it; again when somebody was faster. */
static int change_schema(struct ddl *d, const struct rh_ddl_change *change, change_fn *fn,
                         struct rh_error *error)
{
    struct rh_couchdb_schema schema;
    int rc = RH_CONFLICT;

    for (int i = 0; i < ATTEMPTS && rc == RH_CONFLICT; i++) {
        rh_error_clear(error);
        rc = rh_couchdb_schema_read(d->conn, d->op, change->table->name, d->arena, &schema, error);
        if (rc == RH_OK)
            rc = fn(d, &schema, change, error);
        if (rc == RH_OK)
            rc = put_schema(d, &schema, change->table->name, error);
    }
    return rc;
}

/* ---- Tables -------------------------------------------------------------------------------- */

static int create_table(struct ddl *d, const struct rh_ddl_change *change, struct rh_error *error)
{
    const struct rh_table *table = change->table;
    int rc = check_table(d, table, error);

    if (rc == RH_OK && !rh_couchdb_ddl_is_shared(d)) {
        rc = send_database(d, "PUT", table->name, "cannot make the database", error);
        if (rc == RH_CONFLICT)
            rc = fail_exists(table->name, error);
    }
    if (rc == RH_OK)
        rc = change_schema(d, change, create_declared, error);
    if (rc == RH_OK && rh_couchdb_ddl_is_shared(d))
        rc = rh_couchdb_make_field_index(d, table->name, error);
    for (uint32_t i = 0; rc == RH_OK && i < table->n_indexes; i++) {
        const char *at = (const char *)table->indexes + (size_t)i * table->index_stride;

        rc = rh_couchdb_create_index(d, table, (const struct rh_index *)(const void *)at, error);
    }
    return rc;
}

/* A page of the documents of a table, from those on that were left: of another table, which the
 * server takes for the same. */
static int find_page(struct ddl *d, struct rh_text table, uint64_t left, struct rh_json **ret_docs,
                     struct rh_error *error)
{
    struct rh_text field = rh_text_of(d->conn->config.table_field);
    struct rh_json *answer = NULL;
    struct rh_http_request request;
    struct rh_buf url, body;
    int rc;

    rh_buf_init(&url, BODY_BYTES);
    rh_buf_init(&body, BODY_BYTES);
    rh_couchdb_add_database(d->conn, table, &url);
    rh_buf_add_str(&url, "/_find");
    rh_buf_add_str(&body, "{\"selector\":{");
    rh_json_add_string(&body, field);
    rh_buf_add_str(&body, ":{\"$eq\":");
    rh_json_add_string(&body, table);
    rh_buf_add_str(&body, "}},\"fields\":[\"_id\",\"_rev\",");
    rh_json_add_string(&body, field);
    rh_buf_addf(&body, "],\"limit\":%d,\"skip\":%llu}", PAGE_ROWS, (unsigned long long)left);
    request = rh_couchdb_request("POST", &url, rh_buf_text(&body), true);
    rc = rh_couchdb_fetch(d->conn, d->op, &request, "cannot read the documents to delete", d->arena,
                          &answer, error);
    rh_buf_free(&url);
    rh_buf_free(&body);
    *ret_docs = (struct rh_json *)(uintptr_t)rh_json_member(answer, "docs");
    if (rc == RH_OK && !*ret_docs)
        rc = rh_fail(error, RH_PROTOCOL, "the server's answer has no documents");
    return rc;
}

static int delete_page(struct ddl *d, struct rh_text table, const struct rh_json *docs,
                       uint32_t *ret_n, struct rh_error *error)
{
    struct rh_json *answer;
    struct rh_buf url, body;
    uint32_t n = 0;
    int rc = RH_OK;

    rh_buf_init(&url, BODY_BYTES);
    rh_buf_init(&body, BODY_BYTES);
    rh_couchdb_add_database(d->conn, table, &url);
    rh_buf_add_str(&url, "/_bulk_docs");
    rh_buf_add_str(&body, "{\"docs\":[");
    for (const struct rh_json *doc = docs->child; doc; doc = doc->next) {
        if (!rh_couchdb_is_row(d->conn, table, doc))
            continue;
        rh_buf_add_str(&body, n++ ? ",{\"_deleted\":true,\"_id\":" : "{\"_deleted\":true,\"_id\":");
        rh_json_add_string(&body, rh_json_string(doc, RH_COUCHDB_ID));
        rh_buf_add_str(&body, ",\"_rev\":");
        rh_json_add_string(&body, rh_json_string(doc, RH_COUCHDB_REV));
        rh_buf_add_char(&body, '}');
    }
    rh_buf_add_str(&body, "]}");
    if (n)
        rc = rh_couchdb_ddl_send(d, "POST", &url, &body, "cannot delete the documents", &answer,
                                 error);
    rh_buf_free(&url);
    rh_buf_free(&body);
    *ret_n = n;
    return rc;
}

/* *ret_any: there were some. */
static int delete_documents(struct ddl *d, struct rh_text table, bool *ret_any,
                            struct rh_error *error)
{
    struct rh_json *docs = NULL;
    uint64_t left = 0;
    uint32_t n = 0;
    int rc;

    *ret_any = false;
    do {
        rh_arena_reset(d->arena);
        rc = find_page(d, table, left, &docs, error);
        if (rc == RH_OK)
            rc = delete_page(d, table, docs, &n, error);
        if (rc)
            return rc;
        left += docs->n - n;
        *ret_any = *ret_any || n;
    } while (docs->n == PAGE_ROWS && !d->dry_run);
    return RH_OK;
}

static int drop_table(struct ddl *d, const struct rh_ddl_change *change, struct rh_error *error)
{
    struct rh_text table = change->table->name;
    struct rh_couchdb_schema schema;
    bool any = false, declared;
    uint32_t n;
    int rc;

    if (!rh_couchdb_ddl_is_shared(d)) {
        rc = rh_couchdb_check_table(d->conn, table, error);
        if (rc == RH_OK && !d->dry_run) /* PouchDB deletes what is not there */
            rc = send_database(d, "GET", table, "cannot find the database", error);
        if (rc == RH_OK)
            rc = send_database(d, "DELETE", table, "cannot delete the database", error);
        return rc == RH_NOT_FOUND ? fail_no_table(table, error) : rc;
    }
    rc = delete_documents(d, table, &any, error);
    if (rc == RH_OK)
        rc = rh_couchdb_schema_read(d->conn, d->op, table, d->arena, &schema, error);
    if (rc)
        return rc;
    declared = rh_couchdb_schema_find(&schema, table) != NULL;
    if (!declared && !any)
        return fail_no_table(table, error);
    rc = rh_couchdb_drop_indexes(d, table, rh_text_make(NULL, 0), &n, error);
    return rc == RH_OK && declared ? change_schema(d, change, drop_declared, error) : rc;
}

/* ---- The call ------------------------------------------------------------------------------ */

static int apply_one(struct ddl *d, const struct rh_ddl_change *change, struct rh_error *error)
{
    bool with_column = change->kind == RH_DDL_ADD_COLUMN || change->kind == RH_DDL_DROP_COLUMN ||
                       change->kind == RH_DDL_ALTER_COLUMN;

    if (!change->table || (with_column && !change->column))
        return rh_fail(error, RH_INVALID, "the change names no table or column");
    switch (change->kind) {
    case RH_DDL_CREATE_TABLE:
        return create_table(d, change, error);
    case RH_DDL_DROP_TABLE:
        return drop_table(d, change, error);
    case RH_DDL_ADD_COLUMN:
    case RH_DDL_DROP_COLUMN:
    case RH_DDL_ALTER_COLUMN:
        return change_schema(d, change, change_columns, error);
    case RH_DDL_CREATE_INDEX:
        return change->table->n_indexes
                   ? rh_couchdb_create_index(d, change->table, change->table->indexes, error)
                   : rh_fail(error, RH_INVALID, "the change names no index");
    case RH_DDL_DROP_INDEX:
        return rh_couchdb_drop_index(d, change, error);
    default:
        rh_fail(error, RH_UNSUPPORTED, "CouchDB renames neither tables nor columns");
        return rh_error_hint(error, "the documents that are there are not rewritten");
    }
}

static int32_t apply(struct rh_conn *conn, const struct rh_op *op,
                     const struct rh_ddl_change *changes, uint32_t n_changes, uint32_t stride,
                     uint32_t flags, struct rh_text *ret_native, struct rh_error *error)
{
    struct rh_buf told;
    struct ddl d = {.conn = conn,
                    .op = op,
                    .arena = rh_arena_new(ARENA_BYTES),
                    .told = &told,
                    .dry_run = (flags & RH_DDL_DRY_RUN) != 0};
    int rc = d.arena ? rh_kit_check(conn->host, op, error) : rh_fail_nomem(error);

    rh_buf_init(&told, BODY_BYTES);
    if (rc == RH_OK && op->flags & RH_OP_READ_ONLY && !d.dry_run)
        rc = rh_fail(error, RH_PERMISSION, "no table may be changed in a read-only operation");
    for (uint32_t i = 0; i < n_changes && rc == RH_OK; i++) {
        const char *at = (const char *)changes + (size_t)i * stride;

        rh_arena_reset(d.arena);
        rc = apply_one(&d, (const struct rh_ddl_change *)(const void *)at, error);
        if (rc && error)
            error->row = i;
    }
    if (rc == RH_OK && ret_native)
        *ret_native = rh_couchdb_copy(conn, op, rh_buf_text(&told));
    rh_buf_free(&told);
    rh_arena_free(d.arena);
    return rc;
}

const struct rh_ddl rh_couchdb_ddl = {
    .struct_size = sizeof(rh_couchdb_ddl),
    .apply = apply,
};
