/*
 * Declared tables: what ddl made, kept in the design document _design/rowhouse of the database, so
 * that it goes where the database goes (replication, back-up) and only an administrator changes it:
 *
 *     {"_id": "_design/rowhouse", "tables": {"notes": {"key": ["id"], "comment": "…", "columns": [
 *         {"name": "id", "type": "int", "nullable": false}, …]}}}
 *
 * A row of a declared table is a document whose _id is "<table>:<key>", where the key is the text of
 * the key's column (of several: a JSON array of them; of none: 32 random hex digits). So rows of a
 * table stand together in _all_docs, in the order of their key where that is a text. The key's
 * columns are members of the document too, as all others are.
 */
#include "couchdb.h"

#include "base/type.h"
#include "connector/json_cell.h"

#include <string.h>

#define SCHEMA_BYTES ((size_t)16 << 20)

struct rh_text rh_couchdb_native_type(uint32_t type)
{
    switch (type) {
    case RH_TYPE_BOOL:
        return RH_TEXT("boolean");
    case RH_TYPE_INT:
    case RH_TYPE_UINT:
    case RH_TYPE_FLOAT:
    case RH_TYPE_DECIMAL:
        return RH_TEXT("number");
    case RH_TYPE_JSON:
        return RH_TEXT("json");
    default:
        return RH_TEXT("string");
    }
}

/* ---- Reading ------------------------------------------------------------------------------- */

static uint32_t number_of(const struct rh_json *object, const char *name)
{
    const struct rh_json *member = rh_json_member(object, name);
    uint64_t number = 0;

    if (member && member->kind == RH_JSON_NUMBER && rh_text_to_u64(member->text, &number))
        return number <= INT32_MAX ? (uint32_t)number : 0;
    return 0;
}

static uint32_t type_of(struct rh_text name)
{
    for (uint32_t type = RH_TYPE_BOOL; type < RH_N_TYPES; type++)
        if (rh_text_is(name, rh_type_name(type)))
            return type;
    return RH_TYPE_NULL;
}

static int read_options(struct rh_couchdb_schema *schema, const struct rh_json *options,
                        struct rh_column *column, struct rh_error *error)
{
    struct rh_text *texts;

    if (!options || options->kind != RH_JSON_ARRAY || !options->n)
        return RH_OK;
    texts = rh_arena_array(schema->arena, options->n, sizeof(*texts));
    if (!texts)
        return rh_fail_nomem(error);
    for (const struct rh_json *option = options->child; option; option = option->next)
        texts[column->n_options++] = option->text;
    column->options = texts;
    return RH_OK;
}

static int read_column(struct rh_couchdb_schema *schema, struct rh_couchdb_table *table,
                       const struct rh_json *json, struct rh_error *error)
{
    const struct rh_json *nullable = rh_json_member(json, "nullable");
    struct rh_column *column = rh_vec_push(&table->columns, schema->arena);

    if (!column)
        return rh_fail_nomem(error);
    *column = (struct rh_column){
        .name = rh_json_string(json, "name"),
        .type = type_of(rh_json_string(json, "type")),
        .default_text = rh_json_string(json, "default"),
        .comment = rh_json_string(json, "comment"),
        .precision = number_of(json, "precision"),
        .scale = number_of(json, "scale"),
        .max_length = number_of(json, "max_length"),
    };
    if (!column->name.len || column->type == RH_TYPE_NULL)
        return rh_fail(error, RH_DATA,
                       "the document " RH_COUCHDB_SCHEMA " of the database is malformed");
    column->native_type = rh_couchdb_native_type(column->type);
    column->native_id = RH_TYPE_BIT(column->type) | RH_TYPE_BIT(RH_TYPE_NULL) | RH_COUCHDB_DECLARED;
    column->flags = column->type == RH_TYPE_TEXT ? RH_COLUMN_EXACT_EQUAL : 0;
    if (nullable && nullable->kind == RH_JSON_FALSE)
        column->flags |= RH_COLUMN_NOT_NULL;
    if (column->default_text.data)
        column->flags |= RH_COLUMN_DEFAULT;
    return read_options(schema, rh_json_member(json, "options"), column, error);
}

static int read_key(struct rh_couchdb_schema *schema, struct rh_couchdb_table *table,
                    const struct rh_json *key, struct rh_error *error)
{
    if (!key || key->kind != RH_JSON_ARRAY)
        return RH_OK;
    table->key = rh_arena_array(schema->arena, key->n + 1, sizeof(*table->key));
    if (!table->key)
        return rh_fail_nomem(error);
    for (const struct rh_json *name = key->child; name; name = name->next) {
        struct rh_column *column = rh_couchdb_declared_column(table, name->text);

        if (!column)
            return rh_fail(error, RH_DATA,
                           "the document " RH_COUCHDB_SCHEMA " of the database is malformed");
        table->key[table->n_key++] = (uint32_t)(column - rh_couchdb_columns(table));
        if (key->n == 1) {
            column->native_id |= RH_COUCHDB_KEY;
            column->flags |= column->type == RH_TYPE_TEXT ? RH_COLUMN_BINARY_ORDER : 0;
        }
    }
    return RH_OK;
}

static int read_table(struct rh_couchdb_schema *schema, const struct rh_json *json,
                      struct rh_error *error)
{
    const struct rh_json *columns = rh_json_member(json, "columns");
    struct rh_couchdb_table *table = rh_vec_push(&schema->tables, schema->arena);
    int rc = RH_OK;

    if (!table)
        return rh_fail_nomem(error);
    *table = (struct rh_couchdb_table){.name = json->key,
                                       .comment = rh_json_string(json, "comment"),
                                       .columns = RH_VEC_INIT(struct rh_column)};
    for (const struct rh_json *column = columns ? columns->child : NULL; column && rc == RH_OK;
         column = column->next)
        rc = read_column(schema, table, column, error);
    return rc == RH_OK ? read_key(schema, table, rh_json_member(json, "key"), error) : rc;
}

/* "/database/_design/rowhouse" */
static void add_url(const struct rh_conn *conn, struct rh_text table, struct rh_buf *url)
{
    rh_couchdb_add_database(conn, table, url);
    rh_buf_add_str(url, "/" RH_COUCHDB_SCHEMA);
}

int rh_couchdb_schema_read(struct rh_conn *conn, const struct rh_op *op, struct rh_text table,
                           struct rh_arena *arena, struct rh_couchdb_schema *ret_schema,
                           struct rh_error *error)
{
    struct rh_couchdb_schema schema = {.arena = arena,
                                       .tables = RH_VEC_INIT(struct rh_couchdb_table)};
    struct rh_error failed = RH_ERROR_INIT;
    const struct rh_json *tables;
    struct rh_json *answer = NULL;
    struct rh_http_request request;
    struct rh_buf url;
    int rc;

    rh_buf_init(&url, SCHEMA_BYTES);
    add_url(conn, table, &url);
    request = rh_couchdb_request("GET", &url, rh_text_make(NULL, 0), true);
    rc = rh_couchdb_fetch(conn, op, &request, "cannot read the declared tables", arena, &answer,
                          &failed);
    rh_buf_free(&url);
    if (rc == RH_OK) {
        schema.rev = rh_json_string(answer, RH_COUCHDB_REV);
        tables = rh_json_member(answer, "tables");
        for (const struct rh_json *json = tables ? tables->child : NULL; json && rc == RH_OK;
             json = json->next)
            rc = read_table(&schema, json, &failed);
    } else if (rc == RH_NOT_FOUND) { /* no design document, or no database */
        rc = RH_OK;
    }
    if (rc == RH_OK)
        *ret_schema = schema;
    else if (error)
        *error = failed;
    return rc;
}

struct rh_couchdb_table *rh_couchdb_schema_find(const struct rh_couchdb_schema *schema,
                                                struct rh_text name)
{
    struct rh_couchdb_table *tables = schema->tables.items;

    for (uint32_t i = 0; i < schema->tables.n; i++)
        if (rh_text_equal(tables[i].name, name))
            return &tables[i];
    return NULL;
}

struct rh_column *rh_couchdb_declared_column(const struct rh_couchdb_table *table,
                                             struct rh_text name)
{
    struct rh_column *columns = rh_couchdb_columns(table);

    for (uint32_t i = 0; i < table->columns.n; i++)
        if (rh_text_equal(columns[i].name, name))
            return &columns[i];
    return NULL;
}

/* ---- Writing ------------------------------------------------------------------------------- */

static void add_text(struct rh_buf *body, const char *name, struct rh_text text)
{
    if (!text.data)
        return;
    rh_buf_add_char(body, ',');
    rh_json_add_key(body, name);
    rh_json_add_string(body, text);
}

static void add_number(struct rh_buf *body, const char *name, uint32_t number)
{
    if (number)
        rh_buf_addf(body, ",\"%s\":%u", name, (unsigned)number);
}

static void add_texts(struct rh_buf *body, const char *name, const struct rh_text *texts,
                      uint32_t n)
{
    rh_buf_addf(body, ",\"%s\":[", name);
    for (uint32_t i = 0; i < n; i++) {
        rh_buf_add_str(body, i ? "," : "");
        rh_json_add_string(body, texts[i]);
    }
    rh_buf_add_char(body, ']');
}

static void add_column(struct rh_buf *body, const struct rh_column *column)
{
    rh_buf_add_str(body, "{\"name\":");
    rh_json_add_string(body, column->name);
    rh_buf_addf(body, ",\"type\":\"%s\"", rh_type_name(column->type));
    if (column->flags & RH_COLUMN_NOT_NULL)
        rh_buf_add_str(body, ",\"nullable\":false");
    add_text(body, "default", column->default_text);
    add_text(body, "comment", column->comment);
    add_number(body, "precision", column->precision);
    add_number(body, "scale", column->scale);
    add_number(body, "max_length", column->max_length);
    if (column->n_options)
        add_texts(body, "options", column->options, column->n_options);
    rh_buf_add_char(body, '}');
}

static void add_table(struct rh_buf *body, const struct rh_couchdb_table *table)
{
    const struct rh_column *columns = rh_couchdb_columns(table);

    rh_json_add_string(body, table->name);
    rh_buf_add_str(body, ":{\"columns\":[");
    for (uint32_t i = 0; i < table->columns.n; i++) {
        rh_buf_add_str(body, i ? "," : "");
        add_column(body, &columns[i]);
    }
    rh_buf_add_str(body, "],\"key\":[");
    for (uint32_t i = 0; i < table->n_key; i++) {
        rh_buf_add_str(body, i ? "," : "");
        rh_json_add_string(body, columns[table->key[i]].name);
    }
    rh_buf_add_char(body, ']');
    add_text(body, "comment", table->comment);
    rh_buf_add_char(body, '}');
}

void rh_couchdb_schema_add(const struct rh_conn *conn, const struct rh_couchdb_schema *schema,
                           struct rh_text table, struct rh_buf *url, struct rh_buf *body)
{
    const struct rh_couchdb_table *tables = schema->tables.items;

    add_url(conn, table, url);
    rh_buf_add_str(body, "{\"tables\":{");
    for (uint32_t i = 0, n = 0; i < schema->tables.n; i++) {
        if (!tables[i].name.data) /* dropped */
            continue;
        rh_buf_add_str(body, n++ ? "," : "");
        add_table(body, &tables[i]);
    }
    rh_buf_add_char(body, '}');
    add_text(body, RH_COUCHDB_REV, schema->rev);
    rh_buf_add_char(body, '}');
}

/* ---- Keys ---------------------------------------------------------------------------------- */

void rh_couchdb_add_prefix(struct rh_text table, struct rh_buf *id)
{
    rh_buf_add_text(id, table);
    rh_buf_add_char(id, ':');
}

bool rh_couchdb_can_be_key(uint32_t type)
{
    return type == RH_TYPE_INT || type == RH_TYPE_UINT || type == RH_TYPE_TEXT ||
           type == RH_TYPE_UUID || type == RH_TYPE_DATE || type == RH_TYPE_DATETIME ||
           type == RH_TYPE_TIMESTAMP || type == RH_TYPE_BOOL;
}

/* Strings without their quotes. */
void rh_couchdb_add_key_text(const struct rh_value *value, struct rh_buf *id)
{
    struct rh_buf json;

    if (value->type == RH_TYPE_TEXT) {
        rh_buf_add_text(id, rh_kit_value_text(value));
        return;
    }
    rh_buf_init(&json, 256);
    if (rh_json_add_value(&json, value, NULL) != RH_OK || json.failed)
        id->failed = true;
    else if (json.len && json.data[0] == '"')
        rh_buf_add(id, json.data + 1, json.len - 2);
    else
        rh_buf_add_text(id, rh_buf_text(&json));
    rh_buf_free(&json);
}
