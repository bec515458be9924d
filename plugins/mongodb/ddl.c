/*
 * Collections made, dropped and renamed, and indexes. What a table's columns are is kept where MongoDB
 * keeps such things: in a $jsonSchema validator, which also refuses what does not fit. Its key is a unique
 * index of the name rowhouse_key.
 *
 * Columns of a collection that is there are not changed: its documents would have to be.
 */
#include "mongodb.h"

#include <string.h>

#define NATIVE_BYTES ((size_t)1 << 24)

struct ddl {
    struct rh_conn *conn;
    bool dry_run;
    struct rh_buf native;
    struct rh_error *error;
};

/* Runs a command, or only shows it. */
static int execute(struct ddl *d, const char *database, const bson_t *command)
{
    uint32_t server = 0;
    bson_t reply;
    int rc;

    if (d->native.len)
        rh_buf_add_char(&d->native, '\n');
    rc = rh_mongodb_add_document(&d->native, command, d->error);
    if (rc || d->dry_run)
        return rc;
    rc = rh_mongodb_command(d->conn, RH_MONGODB_WRITE, database, command,
                            "cannot change the collection", &server, &reply, d->error);
    if (rc == RH_OK)
        bson_destroy(&reply);
    return rc;
}

static const struct rh_column *column_of(const struct rh_table *table, uint32_t i)
{
    return rh_mongodb_column(table->columns, table->column_stride, i);
}

static void append_name(bson_t *to, const char *key, struct rh_text name)
{
    bson_append_utf8(to, key, -1, name.data ? name.data : "", (int)name.len);
}

static int check_name(struct ddl *d, struct rh_text name)
{
    if (name.len && name.len < 200 && !memchr(name.data, 0, name.len) &&
        !memchr(name.data, '$', name.len) && !rh_text_starts(name, "system.") &&
        name.data[0] != '.')
        return RH_OK;
    return rh_fail(d->error, RH_INVALID, "\"%.*s\" is no name for a collection", RH_TEXT_ARG(name));
}

static int check_columns(struct ddl *d, const struct rh_table *table)
{
    for (uint32_t i = 0; i < table->n_columns; i++) {
        const struct rh_column *column = column_of(table, i);
        bson_t property = BSON_INITIALIZER;
        int rc = RH_OK;

        if (!rh_mongodb_is_plain(column->name))
            rc = rh_fail(d->error, RH_UNSUPPORTED, "\"%.*s\" is a path to MongoDB, not a field",
                         RH_TEXT_ARG(column->name));
        else if (column->flags & (RH_COLUMN_GENERATED | RH_COLUMN_IDENTITY) ||
                 column->default_text.data)
            rc = rh_fail(d->error, RH_UNSUPPORTED,
                         "MongoDB has no defaults and no counted fields: \"%.*s\"",
                         RH_TEXT_ARG(column->name));
        if (rc == RH_OK)
            rc = rh_mongodb_schema_property(column, &property, d->error);
        bson_destroy(&property);
        if (rc)
            return rc;
    }
    return RH_OK;
}

/* {"required": […], "properties": {…}}; the columns have been checked. */
static void append_schema(const struct rh_table *table, bson_t *to)
{
    bson_t list, properties, property;
    uint32_t n = 0;

    BSON_APPEND_UTF8(to, "title", RH_MONGODB_OURS);
    BSON_APPEND_UTF8(to, "bsonType", "object");
    bson_append_array_begin(to, "required", -1, &list);
    for (uint32_t i = 0; i < table->n_columns; i++) {
        char key[16];
        if (!(column_of(table, i)->flags & RH_COLUMN_NOT_NULL))
            continue;
        snprintf(key, sizeof(key), "%u", n++);
        append_name(&list, key, column_of(table, i)->name);
    }
    if (!n) /* an empty list is refused */
        BSON_APPEND_UTF8(&list, "0", RH_MONGODB_ID);
    bson_append_array_end(to, &list);
    bson_append_document_begin(to, "properties", -1, &properties);
    for (uint32_t i = 0; i < table->n_columns; i++) {
        rh_mongodb_begin_document(&properties, column_of(table, i)->name, &property);
        (void)rh_mongodb_schema_property(column_of(table, i), &property, NULL);
        bson_append_document_end(&properties, &property);
    }
    bson_append_document_end(to, &properties);
}

static int create_index(struct ddl *d, const struct rh_table *table, struct rh_text name,
                        const uint32_t *columns, uint32_t n, bool unique)
{
    bson_t command = BSON_INITIALIZER, list, index, key;
    int rc = n ? RH_OK : rh_fail(d->error, RH_INVALID, "an index has no columns");

    append_name(&command, "createIndexes", table->name);
    bson_append_array_begin(&command, "indexes", -1, &list);
    bson_append_document_begin(&list, "0", -1, &index);
    bson_append_document_begin(&index, "key", -1, &key);
    for (uint32_t i = 0; i < n && rc == RH_OK; i++) {
        struct rh_text field =
            columns[i] < table->n_columns ? column_of(table, columns[i])->name : RH_TEXT("");
        if (rh_mongodb_is_plain(field))
            bson_append_int32(&key, field.data, (int)field.len, 1);
        else
            rc = rh_fail(d->error, RH_INVALID, "an index has a column that is none");
    }
    bson_append_document_end(&index, &key);
    append_name(&index, "name", name);
    if (unique)
        BSON_APPEND_BOOL(&index, "unique", true);
    bson_append_document_end(&list, &index);
    bson_append_array_end(&command, &list);
    if (rc == RH_OK)
        rc = execute(d, NULL, &command);
    bson_destroy(&command);
    return rc;
}

static bool is_own_key(const struct rh_table *table)
{
    return !table->n_key || (table->n_key == 1 && table->key[0] < table->n_columns &&
                             rh_text_is(column_of(table, table->key[0])->name, RH_MONGODB_ID));
}

static int drop_table(struct ddl *d, const struct rh_table *table)
{
    bson_t command = BSON_INITIALIZER;
    int rc = rh_mongodb_check_collection(d->conn, table->name, d->error);

    append_name(&command, "drop", table->name);
    if (rc == RH_OK)
        rc = execute(d, NULL, &command);
    bson_destroy(&command);
    return rc;
}

static int create_indexes(struct ddl *d, const struct rh_table *table)
{
    int rc = RH_OK;

    if (!is_own_key(table))
        rc = create_index(d, table, RH_TEXT(RH_MONGODB_KEY), table->key, table->n_key, true);
    for (uint32_t i = 0; i < table->n_indexes && rc == RH_OK; i++) {
        const char *at = (const char *)table->indexes + (size_t)i * table->index_stride;
        const struct rh_index *index = (const struct rh_index *)(const void *)at;
        rc = create_index(d, table, index->name, index->columns, index->n_columns,
                          index->flags & RH_INDEX_UNIQUE);
    }
    return rc;
}

static int create_table(struct ddl *d, const struct rh_table *table)
{
    bson_t command = BSON_INITIALIZER, validator, schema;
    int rc = check_name(d, table->name);

    if (rc == RH_OK && table->n_foreign_keys)
        rc = rh_fail(d->error, RH_UNSUPPORTED, "MongoDB has no foreign keys");
    if (rc == RH_OK)
        rc = check_columns(d, table);
    append_name(&command, "create", table->name);
    bson_append_document_begin(&command, "validator", -1, &validator);
    bson_append_document_begin(&validator, "$jsonSchema", -1, &schema);
    if (rc == RH_OK)
        append_schema(table, &schema);
    bson_append_document_end(&validator, &schema);
    bson_append_document_end(&command, &validator);
    if (rc == RH_OK)
        rc = execute(d, NULL, &command);
    bson_destroy(&command);
    if (rc)
        return rc;
    rc = create_indexes(d, table);
    if (rc && !d->dry_run) { /* all of the table or nothing */
        struct ddl undo = {.conn = d->conn};
        rh_buf_init(&undo.native, NATIVE_BYTES);
        drop_table(&undo, table);
        rh_buf_free(&undo.native);
    }
    return rc;
}

static int rename_table(struct ddl *d, const struct rh_table *table, struct rh_text to)
{
    bson_t command = BSON_INITIALIZER;
    char *from_name, *to_name;
    int rc = check_name(d, to);

    from_name = bson_strdup_printf("%s.%.*s", d->conn->config.database, RH_TEXT_ARG(table->name));
    to_name = bson_strdup_printf("%s.%.*s", d->conn->config.database, RH_TEXT_ARG(to));
    BSON_APPEND_UTF8(&command, "renameCollection", from_name);
    BSON_APPEND_UTF8(&command, "to", to_name);
    if (rc == RH_OK)
        rc = execute(d, "admin", &command);
    bson_free(from_name);
    bson_free(to_name);
    bson_destroy(&command);
    return rc;
}

static int drop_index(struct ddl *d, const struct rh_table *table, struct rh_text name)
{
    bson_t command = BSON_INITIALIZER;
    int rc;

    append_name(&command, "dropIndexes", table->name);
    append_name(&command, "index", name);
    rc = execute(d, NULL, &command);
    bson_destroy(&command);
    return rc;
}

static int apply_one(struct ddl *d, const struct rh_ddl_change *change)
{
    const struct rh_table *table = change->table;
    const struct rh_index *index = table->n_indexes ? table->indexes : NULL;

    switch (change->kind) {
    case RH_DDL_CREATE_TABLE:
        return create_table(d, table);
    case RH_DDL_DROP_TABLE:
        return drop_table(d, table);
    case RH_DDL_RENAME_TABLE:
        return rename_table(d, table, change->new_name);
    case RH_DDL_CREATE_INDEX:
        if (!index)
            return rh_fail(d->error, RH_INVALID, "there is no index to be made");
        return create_index(d, table, index->name, index->columns, index->n_columns,
                            index->flags & RH_INDEX_UNIQUE);
    case RH_DDL_DROP_INDEX:
        return drop_index(d, table, change->new_name);
    default:
        rh_fail(d->error, RH_UNSUPPORTED, "MongoDB does not change the columns of a collection");
        return rh_error_hint(d->error, "write documents with the fields that you want");
    }
}

static int32_t apply(struct rh_conn *conn, const struct rh_op *op,
                     const struct rh_ddl_change *changes, uint32_t n_changes, uint32_t stride,
                     uint32_t flags, struct rh_text *ret_native, struct rh_error *error)
{
    struct ddl d = {.conn = conn, .dry_run = flags & RH_DDL_DRY_RUN, .error = error};
    char *copy = NULL;
    int rc = conn->cursor ? rh_fail(error, RH_INVALID, "the connection has an open cursor") : RH_OK;

    if (rc == RH_OK && op->flags & RH_OP_READ_ONLY && !d.dry_run)
        rc = rh_fail(error, RH_PERMISSION, "nothing may be changed in a read-only operation");
    if (rc == RH_OK)
        rc = rh_mongodb_begin(conn, op, error);
    if (rc)
        return rc;
    rh_buf_init(&d.native, NATIVE_BYTES);
    for (uint32_t i = 0; i < n_changes && rc == RH_OK; i++) {
        const char *at = (const char *)changes + (size_t)i * stride;
        rc = apply_one(&d, (const struct rh_ddl_change *)(const void *)at);
        if (rc && error && error->row == RH_NO_ROW)
            error->row = i;
    }
    if (rc == RH_OK &&
        (d.native.failed || !(copy = conn->host->alloc(op->arena, d.native.len + 1))))
        rc = rh_fail_nomem(error);
    if (rc == RH_OK) {
        memcpy(copy, rh_buf_text(&d.native).data, d.native.len);
        *ret_native = rh_text_make(copy, d.native.len);
    }
    rh_buf_free(&d.native);
    rh_mongodb_end(conn);
    return rc;
}

const struct rh_ddl rh_mongodb_ddl = {
    .struct_size = sizeof(rh_mongodb_ddl),
    .apply = apply,
};
