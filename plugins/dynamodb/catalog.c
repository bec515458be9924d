/*
 * Tables: their names, a page at a time; for each one request for its key and indexes and one for a sample.
 * DynamoDB has no request over several tables.
 *
 * Key columns are declared, with the types of the key schema; but a number key is INT while all of the
 * sample is whole, and that is a guess. Other columns are what the sample has, in the order of their names,
 * because items have none.
 */
#include "dynamodb.h"

#include "base/vec.h"

#include <stdlib.h>
#include <string.h>

#define MAX_TABLES 10000u
#define MAX_COLUMNS 1000u

struct listing {
    struct rh_conn *conn;
    const struct rh_op *op;
    struct rh_arena *arena; /* names while at work */
    struct rh_arena *items;
    struct rh_vec names; /* of struct rh_text */
};

/* A column at work. */
struct field {
    struct rh_text name;
    uint32_t types;
};

static struct rh_text string_of(const struct rh_json *object, const char *name)
{
    const struct rh_json *member = rh_json_member(object, name);

    return member && member->kind == RH_JSON_STRING ? member->text : rh_text_make(NULL, 0);
}

static const struct rh_json *elements_of(const struct rh_json *object, const char *name)
{
    const struct rh_json *member = rh_json_member(object, name);

    return member && member->kind == RH_JSON_ARRAY ? member->child : NULL;
}

/* ---- What DescribeTable says --------------------------------------------------------------- */

static void read_key(const struct rh_json *owner, struct rh_text *ret_hash,
                     struct rh_text *ret_range)
{
    *ret_hash = *ret_range = rh_text_make(NULL, 0);
    for (const struct rh_json *e = elements_of(owner, "KeySchema"); e; e = e->next) {
        bool range = rh_text_is(string_of(e, "KeyType"), "RANGE");

        *(range ? ret_range : ret_hash) = string_of(e, "AttributeName");
    }
}

static uint32_t declared_type(const struct rh_json *table, struct rh_text name)
{
    for (const struct rh_json *e = elements_of(table, "AttributeDefinitions"); e; e = e->next) {
        struct rh_text type = string_of(e, "AttributeType");

        if (rh_text_equal(string_of(e, "AttributeName"), name))
            return rh_text_is(type, "S")   ? RH_DYNAMODB_S
                   : rh_text_is(type, "N") ? RH_DYNAMODB_N
                   : rh_text_is(type, "B") ? RH_DYNAMODB_B
                                           : 0;
    }
    return 0;
}

/* Keeps the first ones by name. */
static void add_index(struct rh_dynamodb_schema *schema, const struct rh_json *index, bool global)
{
    struct rh_dynamodb_index found = {.name = string_of(index, "IndexName"), .global = global};
    struct rh_text status = string_of(index, "IndexStatus");
    uint32_t at = schema->n_indexes;

    read_key(index, &found.hash, &found.range);
    if (!found.name.len || !found.hash.len || (status.data && !rh_text_is(status, "ACTIVE")) ||
        !rh_text_is(string_of(rh_json_member(index, "Projection"), "ProjectionType"), "ALL"))
        return;
    if (at == RH_DYNAMODB_SLOTS - 1 &&
        rh_text_compare(found.name, schema->indexes[at - 1].name) >= 0)
        return;
    if (at == RH_DYNAMODB_SLOTS - 1)
        at--;
    else
        schema->n_indexes++;
    for (; at && rh_text_compare(found.name, schema->indexes[at - 1].name) < 0; at--)
        schema->indexes[at] = schema->indexes[at - 1];
    schema->indexes[at] = found;
}

static int read_schema(const struct rh_json *answer, struct rh_text name,
                       struct rh_dynamodb_schema *schema, struct rh_error *error)
{
    const struct rh_json *table = rh_json_member(answer, "Table"), *count;

    *schema = (struct rh_dynamodb_schema){.table = name, .est_rows = -1};
    read_key(table, &schema->hash, &schema->range);
    schema->hash_types = declared_type(table, schema->hash);
    schema->range_types = schema->range.len ? declared_type(table, schema->range) : 0;
    if (!schema->hash.len || !schema->hash_types || (schema->range.len && !schema->range_types))
        return rh_fail(error, RH_PROTOCOL, "the server's description of \"%.*s\" has no key",
                       RH_TEXT_ARG(name));
    schema->active = rh_text_is(string_of(table, "TableStatus"), "ACTIVE") ||
                     rh_text_is(string_of(table, "TableStatus"), "UPDATING");
    count = rh_json_member(table, "ItemCount");
    if (count && count->kind == RH_JSON_NUMBER)
        rh_text_to_i64(count->text, &schema->est_rows);
    for (const struct rh_json *i = elements_of(table, "GlobalSecondaryIndexes"); i; i = i->next)
        add_index(schema, i, true);
    for (const struct rh_json *i = elements_of(table, "LocalSecondaryIndexes"); i; i = i->next)
        add_index(schema, i, false);
    return RH_OK;
}

int rh_dynamodb_describe(struct rh_conn *conn, const struct rh_op *op, struct rh_text table,
                         const struct rh_dynamodb_schema **ret_schema, struct rh_error *error)
{
    struct rh_dynamodb_schema *schema = rh_map_get(&conn->schema_of, table);
    struct rh_json *answer = NULL;
    struct rh_buf body;
    struct rh_text name;
    bool ok = true;
    int rc;

    if (schema) {
        *ret_schema = schema;
        return RH_OK;
    }
    rh_buf_init(&body, 4096);
    rh_buf_add_str(&body, "{\"TableName\":");
    rh_json_add_string(&body, table);
    rh_buf_add_char(&body, '}');
    rc = body.failed ? rh_fail(error, RH_NOT_FOUND, "there is no table with so long a name")
                     : rh_dynamodb_call(conn, op, "DescribeTable", rh_buf_text(&body), true,
                                        "cannot describe the table", conn->schemas, &answer, error);
    rh_buf_free(&body);
    if (rc)
        return rc;
    schema = rh_arena_alloc(conn->schemas, sizeof(*schema));
    name = rh_arena_text(conn->schemas, table, &ok);
    if (!schema || !ok)
        return rh_fail_nomem(error);
    rc = read_schema(answer, name, schema, error);
    if (rc == RH_OK && !rh_map_put(&conn->schema_of, name, schema, NULL))
        rc = rh_fail_nomem(error);
    if (rc == RH_OK)
        *ret_schema = schema;
    return rc;
}

/* ---- Names --------------------------------------------------------------------------------- */

static int list_page(struct listing *l, struct rh_text *last, bool *ret_more,
                     struct rh_error *error)
{
    struct rh_json *answer = NULL;
    struct rh_text next;
    struct rh_buf body;
    bool ok = true;
    int rc;

    rh_buf_init(&body, 4096);
    rh_buf_add_char(&body, '{');
    if (last->data) {
        rh_buf_add_str(&body, "\"ExclusiveStartTableName\":");
        rh_json_add_string(&body, *last);
    }
    rh_buf_add_char(&body, '}');
    rh_arena_reset(l->items);
    rc = rh_dynamodb_call(l->conn, l->op, "ListTables", rh_buf_text(&body), true,
                          "cannot list the tables", l->items, &answer, error);
    rh_buf_free(&body);
    if (rc)
        return rc;
    for (const struct rh_json *e = elements_of(answer, "TableNames"); e && ok; e = e->next) {
        struct rh_text *slot;

        if (l->names.n == MAX_TABLES)
            return rh_fail(error, RH_RESOURCE, "there are more than %u tables", MAX_TABLES);
        slot = rh_vec_push(&l->names, l->arena);
        if (!slot)
            return rh_fail_nomem(error);
        *slot = e->kind == RH_JSON_STRING ? rh_arena_text(l->arena, e->text, &ok) : RH_TEXT("");
    }
    next = string_of(answer, "LastEvaluatedTableName");
    *ret_more = next.data != NULL;
    if (*ret_more && last->data && rh_text_compare(next, *last) <= 0)
        return rh_fail(error, RH_PROTOCOL, "the server lists the same tables again and again");
    *last = rh_arena_text(l->arena, next, &ok);
    return ok ? RH_OK : rh_fail_nomem(error);
}

static int list_names(struct listing *l, struct rh_error *error)
{
    struct rh_text last = {NULL, 0};
    bool more = true;
    int rc = RH_OK;

    while (more && rc == RH_OK)
        rc = list_page(l, &last, &more, error);
    return rc;
}

/* ---- The sample ---------------------------------------------------------------------------- */

struct sample {
    struct rh_vec fields;
    struct rh_map by_name; /* position + 1 */
};

static struct field *field_of(struct listing *l, struct sample *sample, struct rh_text name,
                              bool *ret_ok)
{
    uintptr_t position = (uintptr_t)rh_map_get(&sample->by_name, name);
    struct rh_text copy;
    struct field *field;

    if (position)
        return (struct field *)sample->fields.items + (position - 1);
    if (sample->fields.n == MAX_COLUMNS || !name.len || memchr(name.data, 0, name.len))
        return NULL;
    copy = rh_arena_text(l->arena, name, ret_ok);
    field = *ret_ok ? rh_vec_push(&sample->fields, l->arena) : NULL;
    *ret_ok =
        field && rh_map_put(&sample->by_name, copy, (void *)(uintptr_t)sample->fields.n, NULL);
    if (*ret_ok)
        field->name = copy;
    return *ret_ok ? field : NULL;
}

static int look_at(struct listing *l, struct sample *sample, const struct rh_json *item,
                   struct rh_error *error)
{
    bool ok = true;

    if (item->kind != RH_JSON_OBJECT)
        return rh_fail(error, RH_PROTOCOL, "the server sent an item that is no object");
    for (const struct rh_json *attribute = item->child; attribute && ok;
         attribute = attribute->next) {
        struct field *field = field_of(l, sample, attribute->key, &ok);
        uint32_t type = rh_dynamodb_type_of(attribute);

        if (!type)
            return rh_fail(error, RH_PROTOCOL, "the server sent an attribute without a type");
        if (field)
            field->types |= type;
    }
    return ok ? RH_OK : rh_fail_nomem(error);
}

static int take_sample(struct listing *l, const struct rh_dynamodb_schema *schema,
                       struct sample *sample, struct rh_error *error)
{
    struct rh_http_documents documents = {.http = NULL};
    struct rh_json *item;
    struct rh_buf body;
    int rc;

    rh_buf_init(&body, 4096);
    rh_buf_add_str(&body, "{\"TableName\":");
    rh_json_add_string(&body, schema->table);
    rh_buf_addf(&body, ",\"Limit\":%u}", l->conn->config.sample);
    rc = rh_dynamodb_stream(l->conn, l->op, "Scan", rh_buf_text(&body), "Items",
                            "cannot read a sample", &documents, error);
    while (rc == RH_OK) {
        rh_arena_reset(l->items);
        rc = rh_http_documents_next(&documents, l->op, l->items, &item, error);
        if (rc == RH_OK)
            rc = look_at(l, sample, item, error);
    }
    rh_http_documents_close(&documents);
    rh_buf_free(&body);
    return rc == RH_END ? RH_OK : rc;
}

/* ---- Describing ---------------------------------------------------------------------------- */

static uint32_t role_in(struct rh_text hash, struct rh_text range, struct rh_text name)
{
    if (rh_text_equal(name, hash))
        return range.len ? RH_DYNAMODB_HASH : RH_DYNAMODB_ALONE;
    return range.len && rh_text_equal(name, range) ? RH_DYNAMODB_RANGE : 0;
}

/* An index has the items whose attributes are of the types that its key declares; a column of other types,
 * too, has no part in it. That is seen by what it has: S, B, or numbers alone. */
static bool is_of_one_type(uint32_t types)
{
    types &= ~RH_DYNAMODB_NULL;
    return types == RH_DYNAMODB_S || types == RH_DYNAMODB_B ||
           (types && !(types & ~RH_DYNAMODB_NUMBERS));
}

static uint32_t roles_of(const struct rh_dynamodb_schema *schema, struct rh_text name,
                         uint32_t types)
{
    uint32_t roles = role_in(schema->hash, schema->range, name) << RH_DYNAMODB_ROLE_SHIFT(0);

    for (uint32_t i = 0; i < schema->n_indexes && is_of_one_type(types); i++)
        roles |= role_in(schema->indexes[i].hash, schema->indexes[i].range, name)
                 << RH_DYNAMODB_ROLE_SHIFT(i + 1);
    return roles;
}

static int describe_column(struct listing *l, const struct rh_dynamodb_schema *schema,
                           struct rh_text name, uint32_t types, uint32_t key_types,
                           struct rh_column *ret_column, struct rh_error *error)
{
    char *copy = l->conn->host->alloc(l->op->arena, name.len + 1);

    if (!copy)
        return rh_fail_nomem(error);
    memcpy(copy, name.data, name.len);
    if (key_types && !(types & key_types) && !(key_types == RH_DYNAMODB_N && types))
        types = key_types;
    if (!types)
        types = RH_DYNAMODB_NULL;
    *ret_column = (struct rh_column){
        .name = rh_text_make(copy, name.len),
        .native_type = rh_dynamodb_type_name(types),
        .type = rh_dynamodb_column_type(types),
        .flags = RH_COLUMN_EXACT_EQUAL | RH_COLUMN_BINARY_ORDER,
        .native_id = types | roles_of(schema, name, types),
    };
    if (key_types)
        ret_column->flags |= RH_COLUMN_NOT_NULL;
    if (!key_types || ret_column->type == RH_TYPE_INT)
        ret_column->flags |= RH_COLUMN_INFERRED;
    if (ret_column->type != RH_TYPE_TEXT)
        ret_column->flags &= ~(RH_COLUMN_EXACT_EQUAL | RH_COLUMN_BINARY_ORDER);
    return RH_OK;
}

static int by_name(const void *a, const void *b)
{
    const struct field *left = a, *right = b;

    return rh_text_compare(left->name, right->name);
}

static uint32_t types_of(const struct sample *sample, struct rh_text name)
{
    uintptr_t position = (uintptr_t)rh_map_get(&sample->by_name, name);

    return position ? ((const struct field *)sample->fields.items)[position - 1].types : 0;
}

static int describe(struct listing *l, const struct rh_dynamodb_schema *schema,
                    struct sample *sample, struct rh_table *ret_table, struct rh_error *error)
{
    static const uint32_t key[] = {0, 1};
    const struct rh_host *host = l->conn->host;
    uint32_t n_key = schema->range.len ? 2 : 1, n = n_key;
    const struct field *fields;
    struct rh_column *columns =
        host->alloc(l->op->arena, ((uint64_t)sample->fields.n + 2) * sizeof(*columns));
    char *name = host->alloc(l->op->arena, schema->table.len + 1);
    int rc;

    if (!columns || !name)
        return rh_fail_nomem(error);
    memcpy(name, schema->table.data, schema->table.len);
    rc = describe_column(l, schema, schema->hash, types_of(sample, schema->hash),
                         schema->hash_types, &columns[0], error);
    if (rc == RH_OK && n_key == 2)
        rc = describe_column(l, schema, schema->range, types_of(sample, schema->range),
                             schema->range_types, &columns[1], error);
    if (sample->fields.n)
        qsort(sample->fields.items, sample->fields.n, sizeof(struct field), by_name);
    fields = sample->fields.items;
    for (uint32_t i = 0; i < sample->fields.n && rc == RH_OK; i++)
        if (!role_in(schema->hash, schema->range, fields[i].name))
            rc = describe_column(l, schema, fields[i].name, fields[i].types, 0, &columns[n++],
                                 error);
    *ret_table = (struct rh_table){
        .struct_size = sizeof(*ret_table),
        .name = rh_text_make(name, schema->table.len),
        .columns = columns,
        .n_columns = n,
        .column_stride = sizeof(*columns),
        .key = key,
        .n_key = n_key,
        .index_stride = sizeof(struct rh_index),
        .foreign_key_stride = sizeof(struct rh_foreign_key),
        .est_rows = schema->est_rows,
    };
    return rc;
}

static int add_table(struct listing *l, struct rh_text name, struct rh_table *tables,
                     uint32_t *n_tables, struct rh_error *error)
{
    struct sample sample = {.fields = RH_VEC_INIT(struct field)};
    const struct rh_dynamodb_schema *schema = NULL;
    int rc = rh_dynamodb_describe(l->conn, l->op, name, &schema, error);

    if (rc == RH_NOT_FOUND) { /* it was dropped meanwhile */
        rh_error_clear(error);
        return RH_OK;
    }
    if (rc || !schema->active)
        return rc;
    rh_map_init(&sample.by_name);
    rc = take_sample(l, schema, &sample, error);
    if (rc == RH_OK)
        rc = describe(l, schema, &sample, &tables[*n_tables], error);
    if (rc == RH_OK)
        ++*n_tables;
    rh_map_free(&sample.by_name);
    if (rc != RH_NOT_FOUND)
        return rc;
    rh_error_clear(error);
    return RH_OK;
}

static void forget_schemas(struct rh_conn *conn)
{
    rh_map_free(&conn->schema_of);
    rh_map_init(&conn->schema_of);
    rh_arena_reset(conn->schemas);
}

int32_t rh_dynamodb_tables(struct rh_conn *conn, const struct rh_op *op,
                           struct rh_catalog *ret_catalog, struct rh_error *error)
{
    struct listing l = {.conn = conn,
                        .op = op,
                        .arena = rh_arena_new(RH_DYNAMODB_ARENA_BYTES),
                        .items = rh_arena_new(RH_DYNAMODB_ARENA_BYTES),
                        .names = RH_VEC_INIT(struct rh_text)};
    struct rh_table *tables = NULL;
    uint32_t n_tables = 0;
    int rc = l.arena && l.items ? rh_dynamodb_begin(conn, op, error) : rh_fail_nomem(error);

    forget_schemas(conn);
    if (rc == RH_OK)
        rc = list_names(&l, error);
    if (rc == RH_OK) {
        tables = conn->host->alloc(op->arena, (uint64_t)l.names.n * sizeof(*tables));
        rc = tables ? RH_OK : rh_fail_nomem(error);
    }
    for (uint32_t i = 0; rc == RH_OK && i < l.names.n; i++)
        rc = add_table(&l, ((struct rh_text *)l.names.items)[i], tables, &n_tables, error);
    if (rc == RH_OK) {
        ret_catalog->tables = tables;
        ret_catalog->n_tables = n_tables;
        ret_catalog->table_stride = sizeof(*tables);
    }
    rh_arena_free(l.arena);
    rh_arena_free(l.items);
    return rc;
}
