/*
 * Tables: those that the settings declare, and "objects". Columns that are not declared are inferred
 * from the first rows of the first object; one without an object has none but `_object`.
 */
#include "s3.h"

#include "connector/json_infer.h"
#include "connector/text_cell.h"

#include <string.h>

#define ARENA_BYTES ((size_t)1 << 30)
#define MAX_COLUMNS 1000u

struct listing {
    struct rh_conn *conn;
    const struct rh_op *op;
    struct rh_arena *arena; /* names while at work */
    struct rh_arena *row_arena;
};

/* ---- Samples --------------------------------------------------------------------------------- */

/* A record as a document: what looks like numbers and truth values as such. */
static int infer_record(struct listing *l, struct rh_json_infer *infer,
                        const struct rh_s3_object *object, const struct rh_text *fields,
                        struct rh_error *error)
{
    struct rh_json document = {.kind = RH_JSON_OBJECT, .n = object->n_header}, *members;

    rh_arena_reset(l->row_arena);
    members = rh_arena_array(l->row_arena, object->n_header, sizeof(*members));
    if (!members)
        return rh_fail_nomem(error);
    for (uint32_t i = 0; i < object->n_header; i++) {
        uint8_t type = fields && fields[i].data ? rh_text_cell_type(fields[i]) : RH_TYPE_NULL;

        members[i] = (struct rh_json){.key = object->header[i],
                                      .text = fields ? fields[i] : rh_text_make(NULL, 0),
                                      .next = i + 1 < object->n_header ? &members[i + 1] : NULL};
        members[i].source = members[i].text;
        members[i].kind = type == RH_TYPE_NULL                             ? RH_JSON_NULL
                          : type == RH_TYPE_INT || type == RH_TYPE_DECIMAL ? RH_JSON_NUMBER
                          : type == RH_TYPE_BOOL                           ? RH_JSON_TRUE
                                                                           : RH_JSON_STRING;
    }
    document.child = object->n_header ? members : NULL;
    return rh_json_infer_add(infer, &document, error);
}

static int sample_object(struct listing *l, const struct rh_s3_table *table, struct rh_text key,
                         struct rh_json_infer *infer, struct rh_error *error)
{
    struct rh_s3_object object = {.conn = NULL};
    struct rh_s3_row row;
    int rc = rh_s3_object_open(&object, l->conn, l->op, table, key, error);

    if (rc == RH_OK)
        rc = rh_s3_object_header(&object, l->op, error);
    if (rc == RH_OK && table->format == RH_S3_CSV) /* the header alone makes columns */
        rc = infer_record(l, infer, &object, NULL, error);
    for (uint32_t i = 0; rc == RH_OK && i < l->conn->config.sample; i++) {
        rc = rh_s3_object_next(&object, l->op, &row, error);
        if (rc == RH_OK)
            rc = row.document ? rh_json_infer_add(infer, row.document, error)
                              : infer_record(l, infer, &object, row.fields, error);
    }
    rh_s3_object_close(&object);
    if (rc < 0)
        rh_error_prefix(error, "the object \"%.*s\"", RH_TEXT_ARG(key));
    return rc == RH_END ? RH_OK : rc;
}

static int sample(struct listing *l, const struct rh_s3_table *table, struct rh_json_infer *infer,
                  struct rh_error *error)
{
    const struct rh_s3_bounds bounds = {.prefix = table->prefix};
    const struct rh_s3_entry *entry;
    struct rh_s3_list list;
    struct rh_error mine = RH_ERROR_INIT;
    int rc;

    if (table->object.data) {
        rc = sample_object(l, table, table->object, infer, &mine);
        if (rc && rc != RH_NOT_FOUND && error)
            *error = mine;
        return rc == RH_NOT_FOUND ? RH_OK : rc; /* it may be made by writing */
    }
    rc = rh_s3_list_open(&list, l->conn, &bounds, error);
    while (rc == RH_OK && (rc = rh_s3_list_next(&list, l->op, &entry, error)) == RH_OK)
        if (entry->size && entry->key.data[entry->key.len - 1] != '/')
            break;
    if (rc == RH_OK)
        rc = sample_object(l, table, entry->key, infer, error);
    rh_s3_list_close(&list);
    return rc == RH_END ? RH_OK : rc;
}

/* ---- Describing ------------------------------------------------------------------------------ */

static struct rh_column own_column(const char *name, uint32_t type, uint32_t role, uint32_t flags)
{
    return (struct rh_column){.name = rh_text_of(name),
                              .native_type = RH_TEXT("object"),
                              .type = type,
                              .flags = flags | RH_COLUMN_GENERATED,
                              .native_id = role};
}

static int describe_objects(struct listing *l, struct rh_table *ret_table, struct rh_error *error)
{
    static const uint32_t key[] = {0};
    struct rh_column *columns = l->conn->host->alloc(l->op->arena, 4 * sizeof(*columns));

    if (!columns)
        return rh_fail_nomem(error);
    columns[0] = own_column("key", RH_TYPE_TEXT, RH_S3_KEY,
                            RH_COLUMN_NOT_NULL | RH_COLUMN_EXACT_EQUAL | RH_COLUMN_BINARY_ORDER);
    columns[1] = own_column("size", RH_TYPE_INT, RH_S3_SIZE, RH_COLUMN_NOT_NULL);
    columns[2] = own_column("etag", RH_TYPE_TEXT, RH_S3_ETAG, 0);
    columns[3] = own_column("last_modified", RH_TYPE_TIMESTAMP, RH_S3_MODIFIED, 0);
    *ret_table = (struct rh_table){.flags = RH_TABLE_READ_ONLY,
                                   .name = RH_TEXT("objects"),
                                   .comment = RH_TEXT("what is in the bucket"),
                                   .columns = columns,
                                   .n_columns = 4,
                                   .key = key,
                                   .n_key = 1};
    return RH_OK;
}

static struct rh_text keep(const struct listing *l, struct rh_text text, bool *ok)
{
    char *copy = l->conn->host->alloc(l->op->arena, text.len + 1);

    *ok = *ok && copy;
    if (copy)
        memcpy(copy, text.data ? text.data : "", text.len);
    return rh_text_make(copy, text.len);
}

/* The declared key: columns that are there, never null. */
static int describe_key(struct listing *l, const struct rh_s3_table *table,
                        struct rh_column *columns, uint32_t n, struct rh_table *to,
                        struct rh_error *error)
{
    uint32_t *key = l->conn->host->alloc(l->op->arena, 16 * sizeof(*key));

    if (!key)
        return rh_fail_nomem(error);
    for (uint32_t k = 0; k < table->n_key; k++) {
        uint32_t i = 0;

        while (i < n && !rh_text_equal(columns[i].name, table->key[k]))
            i++;
        if (i == n)
            return RH_OK; /* nothing is there yet that has it */
        columns[i].flags |= RH_COLUMN_NOT_NULL;
        key[k] = i;
    }
    to->key = key;
    to->n_key = table->n_key;
    return RH_OK;
}

static int describe_fields(struct listing *l, const struct rh_s3_table *table,
                           const struct rh_column *fields, uint32_t n_fields, bool texts,
                           struct rh_table *ret_table, struct rh_error *error)
{
    struct rh_column *columns =
        l->conn->host->alloc(l->op->arena, (n_fields + UINT64_C(1)) * sizeof(*columns));
    uint32_t n = 0;
    bool ok = columns != NULL;

    for (uint32_t i = 0; ok && i < n_fields; i++) {
        if (!fields[i].name.len || rh_text_is(fields[i].name, "_object") ||
            memchr(fields[i].name.data, 0, fields[i].name.len))
            continue;
        columns[n] = fields[i];
        columns[n].name = keep(l, fields[i].name, &ok);
        columns[n].native_id = RH_S3_FIELD;
        if (texts && fields[i].type == RH_TYPE_JSON) /* several types are text in CSV */
            columns[n].type = RH_TYPE_TEXT;
        n++;
    }
    if (ok && !table->object.data)
        columns[n++] =
            own_column("_object", RH_TYPE_TEXT, RH_S3_KEY,
                       RH_COLUMN_NOT_NULL | RH_COLUMN_EXACT_EQUAL | RH_COLUMN_BINARY_ORDER);
    *ret_table =
        (struct rh_table){.name = keep(l, table->name, &ok), .columns = columns, .n_columns = n};
    if (!ok)
        return rh_fail_nomem(error);
    return table->n_key ? describe_key(l, table, columns, n, ret_table, error) : RH_OK;
}

static int describe(struct listing *l, const struct rh_s3_table *table, struct rh_table *ret_table,
                    struct rh_error *error)
{
    struct rh_column *inferred = NULL;
    struct rh_json_infer infer;
    uint32_t n = 0;
    int rc = RH_OK;

    if (!table->format) {
        rc = describe_objects(l, ret_table, error);
    } else if (table->columns) {
        rc = describe_fields(l, table, table->columns, table->n_columns, false, ret_table, error);
    } else {
        rh_json_infer_init(&infer, l->arena, MAX_COLUMNS);
        rc = sample(l, table, &infer, error);
        if (rc == RH_OK)
            rc = rh_json_infer_columns(&infer, l->conn->host, l->op->arena, &inferred, &n, error);
        rh_json_infer_fini(&infer);
        if (rc == RH_OK)
            rc = describe_fields(l, table, inferred, n, table->format == RH_S3_CSV, ret_table,
                                 error);
    }
    ret_table->struct_size = sizeof(*ret_table);
    ret_table->column_stride = sizeof(struct rh_column);
    ret_table->index_stride = sizeof(struct rh_index);
    ret_table->foreign_key_stride = sizeof(struct rh_foreign_key);
    ret_table->est_rows = -1;
    return rc;
}

int32_t rh_s3_tables(struct rh_conn *conn, const struct rh_op *op, struct rh_catalog *ret_catalog,
                     struct rh_error *error)
{
    struct listing l = {.conn = conn,
                        .op = op,
                        .arena = rh_arena_new(ARENA_BYTES),
                        .row_arena = rh_arena_new(ARENA_BYTES)};
    const struct rh_s3_config *config = &conn->config;
    struct rh_table *tables = conn->host->alloc(op->arena, config->n_tables * sizeof(*tables) + 1);
    uint32_t n = 0;
    int rc = l.arena && l.row_arena && tables ? RH_OK : rh_fail_nomem(error);

    for (uint32_t i = 0; rc == RH_OK && i < config->n_tables; i++) {
        rc = describe(&l, &config->tables[i], &tables[n], error);
        n += rc == RH_OK && tables[n].n_columns > 0; /* of nothing, nothing is known */
    }
    rh_arena_free(l.arena);
    rh_arena_free(l.row_arena);
    if (rc)
        return rc;
    ret_catalog->tables = tables;
    ret_catalog->n_tables = n;
    ret_catalog->table_stride = sizeof(*tables);
    return RH_OK;
}
