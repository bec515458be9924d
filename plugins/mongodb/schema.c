/*
 * Types of columns: from the kinds of values that a sample of documents has, or from a validator.
 *
 *   one kind                         its type; ObjectIds are TEXT, documents and arrays JSON
 *   int → Decimal128 → double        numbers widen
 *   numbers + strings                TEXT; each cell keeps the type that it has
 *   strings + ObjectIds              TEXT
 *   any other mixture                JSON
 *   only null                        TEXT
 *
 * A validator counts when it is strict (no document is stored that it refuses), says with $jsonSchema
 * that the document is an object, and gives a property one bsonType, or one and "null". Its columns are not
 * marked as inferred. A collection that Rowhouse has made (ddl.c) shows `_id` only when it was declared.
 */
#include "mongodb.h"

#include <stdlib.h>
#include <string.h>

#define MAX_COLUMNS 1000
#define NUMBERS (RH_MONGODB_INT | RH_MONGODB_DOUBLE | RH_MONGODB_DECIMAL)

struct field {
    struct rh_text name;
    uint32_t kinds;
    bool declared, required;
};

static const struct kind {
    uint32_t kind;
    uint32_t type;
    const char *name; /* in $jsonSchema, and as native type */
} kinds_table[] = {
    {RH_MONGODB_INT, RH_TYPE_INT, "long"},         {RH_MONGODB_INT, RH_TYPE_INT, "int"},
    {RH_MONGODB_DOUBLE, RH_TYPE_FLOAT, "double"},  {RH_MONGODB_DECIMAL, RH_TYPE_DECIMAL, "decimal"},
    {RH_MONGODB_STRING, RH_TYPE_TEXT, "string"},   {RH_MONGODB_OID, RH_TYPE_TEXT, "objectId"},
    {RH_MONGODB_BOOL, RH_TYPE_BOOL, "bool"},       {RH_MONGODB_DATE, RH_TYPE_TIMESTAMP, "date"},
    {RH_MONGODB_BINARY, RH_TYPE_BYTES, "binData"}, {RH_MONGODB_UUID, RH_TYPE_UUID, "uuid"},
    {RH_MONGODB_OTHER, RH_TYPE_JSON, "object"},    {RH_MONGODB_OTHER, RH_TYPE_JSON, "array"},
};
#define N_KINDS (sizeof(kinds_table) / sizeof(kinds_table[0]))

const struct rh_column *rh_mongodb_column(const struct rh_column *columns, uint32_t stride,
                                          uint32_t position)
{
    const char *at = (const char *)columns + (size_t)position * stride;

    return (const struct rh_column *)(const void *)at;
}

bool rh_mongodb_is_plain(struct rh_text name)
{
    return name.len && name.data[0] != '$' && !memchr(name.data, '.', name.len) &&
           !memchr(name.data, 0, name.len);
}

/* ---- Kinds ----------------------------------------------------------------------------------- */

uint32_t rh_mongodb_kind(const bson_iter_t *value)
{
    bson_subtype_t subtype;
    const uint8_t *data;
    uint32_t n;

    switch (bson_iter_type(value)) {
    case BSON_TYPE_NULL:
    case BSON_TYPE_UNDEFINED:
        return 0;
    case BSON_TYPE_INT32:
    case BSON_TYPE_INT64:
        return RH_MONGODB_INT;
    case BSON_TYPE_DOUBLE:
        return RH_MONGODB_DOUBLE;
    case BSON_TYPE_DECIMAL128:
        return RH_MONGODB_DECIMAL;
    case BSON_TYPE_UTF8:
    case BSON_TYPE_SYMBOL:
        return RH_MONGODB_STRING;
    case BSON_TYPE_OID:
        return RH_MONGODB_OID;
    case BSON_TYPE_BOOL:
        return RH_MONGODB_BOOL;
    case BSON_TYPE_DATE_TIME:
        return RH_MONGODB_DATE;
    case BSON_TYPE_BINARY:
        bson_iter_binary(value, &subtype, &n, &data);
        return subtype == BSON_SUBTYPE_BINARY            ? RH_MONGODB_BINARY
               : subtype == BSON_SUBTYPE_UUID && n == 16 ? RH_MONGODB_UUID
                                                         : RH_MONGODB_OTHER;
    default:
        return RH_MONGODB_OTHER;
    }
}

uint32_t rh_mongodb_type(uint32_t kinds)
{
    const uint32_t texts = RH_MONGODB_STRING | RH_MONGODB_OID;

    kinds &= RH_MONGODB_KINDS;
    for (size_t i = 0; i < N_KINDS; i++)
        if (kinds_table[i].kind == kinds)
            return kinds_table[i].type;
    if (!kinds || !(kinds & ~texts))
        return RH_TYPE_TEXT;
    if (!(kinds & ~NUMBERS))
        return kinds & RH_MONGODB_DOUBLE ? RH_TYPE_FLOAT : RH_TYPE_DECIMAL;
    return kinds & ~(NUMBERS | RH_MONGODB_STRING) ? RH_TYPE_JSON : RH_TYPE_TEXT;
}

struct rh_text rh_mongodb_type_name(uint32_t kinds)
{
    kinds &= RH_MONGODB_KINDS;
    if (kinds == RH_MONGODB_OTHER)
        return RH_TEXT("json");
    for (size_t i = 0; i < N_KINDS; i++)
        if (kinds_table[i].kind == kinds)
            return rh_text_of(kinds_table[i].name);
    return !kinds ? RH_TEXT("null") : kinds & ~NUMBERS ? RH_TEXT("mixed") : RH_TEXT("number");
}

/* ---- Fields ---------------------------------------------------------------------------------- */

static struct field *find_field(const struct rh_mongodb_schema *schema, struct rh_text name)
{
    struct field *fields = schema->fields;

    for (uint32_t i = 0; i < schema->n_fields; i++)
        if (rh_text_equal(fields[i].name, name))
            return &fields[i];
    return NULL;
}

/* hint: where the field was in other documents. NULL when out of memory, or when there are too many. */
static struct field *field_of(struct rh_mongodb_schema *schema, const char *key, uint32_t hint)
{
    struct rh_text name = rh_text_of(key);
    struct field *fields = schema->fields, *found;
    bool ok = true;

    if (hint < schema->n_fields && rh_text_equal(fields[hint].name, name))
        return &fields[hint];
    found = find_field(schema, name);
    if (found || schema->n_fields == MAX_COLUMNS)
        return found;
    if (schema->n_fields == schema->cap_fields) {
        uint32_t cap = schema->cap_fields ? schema->cap_fields * 2 : 16;
        fields = rh_arena_array(schema->arena, cap, sizeof(*fields));
        if (!fields)
            return NULL;
        if (schema->n_fields)
            memcpy(fields, schema->fields, schema->n_fields * sizeof(*fields));
        schema->fields = fields;
        schema->cap_fields = cap;
    }
    found = &fields[schema->n_fields];
    *found = (struct field){.name = rh_arena_text(schema->arena, name, &ok)};
    schema->n_fields += ok;
    return ok ? found : NULL;
}

int rh_mongodb_schema_add(struct rh_mongodb_schema *schema, const bson_t *document,
                          struct rh_error *error)
{
    bson_iter_t iter;

    if (!bson_iter_init(&iter, document))
        return rh_fail(error, RH_PROTOCOL, "the server sent a malformed document");
    for (uint32_t i = 0; bson_iter_next(&iter); i++) {
        struct field *field = field_of(schema, bson_iter_key(&iter), i);

        if (!field && schema->n_fields < MAX_COLUMNS)
            return rh_fail_nomem(error);
        if (field && !field->declared)
            field->kinds |= rh_mongodb_kind(&iter);
    }
    return RH_OK;
}

/* ---- Validators ------------------------------------------------------------------------------ */

static uint32_t kind_of_name(const char *name)
{
    for (size_t i = 0; i < N_KINDS; i++)
        if (strcmp(kinds_table[i].name, name) == 0)
            return kinds_table[i].kind;
    return 0;
}

/* What $jsonSchema has no type for is told by the title that schema_property gives. */
static bool is_titled(const bson_iter_t *property, const char *title)
{
    bson_iter_t inner;

    return BSON_ITER_HOLDS_DOCUMENT(property) && bson_iter_recurse(property, &inner) &&
           bson_iter_find(&inner, "title") && BSON_ITER_HOLDS_UTF8(&inner) &&
           strcmp(bson_iter_utf8(&inner, NULL), title) == 0;
}

/* The one kind of a property; null beside it says only that it is not required. */
static uint32_t kind_of_property(const bson_iter_t *property, bool *ret_nullable)
{
    bson_iter_t inner, names;
    uint32_t kind = 0, one;

    *ret_nullable = false;
    if (is_titled(property, "json")) {
        *ret_nullable = !bson_iter_recurse(property, &inner) || !bson_iter_find(&inner, "not");
        return RH_MONGODB_OTHER;
    }
    if (!BSON_ITER_HOLDS_DOCUMENT(property) || !bson_iter_recurse(property, &inner) ||
        !bson_iter_find(&inner, "bsonType"))
        return 0;
    if (BSON_ITER_HOLDS_UTF8(&inner))
        kind = kind_of_name(bson_iter_utf8(&inner, NULL));
    else if (BSON_ITER_HOLDS_ARRAY(&inner) && bson_iter_recurse(&inner, &names))
        while (bson_iter_next(&names)) {
            const char *name = BSON_ITER_HOLDS_UTF8(&names) ? bson_iter_utf8(&names, NULL) : "";
            if (strcmp(name, "null") == 0) {
                *ret_nullable = true;
                continue;
            }
            one = kind_of_name(name);
            if (!one || (kind && one != kind))
                return 0;
            kind = one;
        }
    if (kind == RH_MONGODB_BINARY && is_titled(property, "uuid"))
        kind = RH_MONGODB_UUID;
    return kind;
}

static bool is_strict(const bson_t *options)
{
    bson_iter_t iter;

    if (bson_iter_init_find(&iter, options, "validationLevel") && BSON_ITER_HOLDS_UTF8(&iter) &&
        strcmp(bson_iter_utf8(&iter, NULL), "strict") != 0)
        return false;
    return !bson_iter_init_find(&iter, options, "validationAction") ||
           !BSON_ITER_HOLDS_UTF8(&iter) || strcmp(bson_iter_utf8(&iter, NULL), "error") == 0;
}

static bool is_listed(bson_iter_t names, struct rh_text name)
{
    while (bson_iter_next(&names))
        if (BSON_ITER_HOLDS_UTF8(&names) && rh_text_is(name, bson_iter_utf8(&names, NULL)))
            return true;
    return false;
}

int rh_mongodb_schema_declare(struct rh_mongodb_schema *schema, const bson_t *options,
                              struct rh_error *error)
{
    bson_iter_t iter, properties, root, required;
    bool nullable, lists;

    if (!is_strict(options) || !bson_iter_init(&iter, options) ||
        !bson_iter_find_descendant(&iter, "validator.$jsonSchema", &root) ||
        !BSON_ITER_HOLDS_DOCUMENT(&root) || !bson_iter_recurse(&root, &iter) ||
        !bson_iter_find(&iter, "properties") || !BSON_ITER_HOLDS_DOCUMENT(&iter) ||
        !bson_iter_recurse(&iter, &properties))
        return RH_OK;
    schema->is_ours = is_titled(&root, RH_MONGODB_OURS);
    lists = bson_iter_recurse(&root, &iter) && bson_iter_find(&iter, "required") &&
            BSON_ITER_HOLDS_ARRAY(&iter) && bson_iter_recurse(&iter, &required);
    while (bson_iter_next(&properties)) {
        uint32_t kind = kind_of_property(&properties, &nullable);
        struct field *field =
            kind ? field_of(schema, bson_iter_key(&properties), UINT32_MAX) : NULL;

        if (!field && kind && schema->n_fields < MAX_COLUMNS)
            return rh_fail_nomem(error);
        if (!field)
            continue;
        field->kinds = kind;
        field->declared = true;
        field->required = !nullable && lists && is_listed(required, field->name);
    }
    return RH_OK;
}

/* ---- Columns --------------------------------------------------------------------------------- */

static struct rh_column column_of(struct rh_text name, const struct field *field)
{
    struct rh_column column = {.name = name,
                               .native_type = rh_mongodb_type_name(field->kinds),
                               .type = rh_mongodb_type(field->kinds),
                               .flags = field->declared ? 0 : RH_COLUMN_INFERRED,
                               .native_id = field->kinds | RH_MONGODB_KNOWN};

    if (column.type == RH_TYPE_TEXT)
        column.flags |= RH_COLUMN_BINARY_ORDER | RH_COLUMN_EXACT_EQUAL;
    if (field->declared && field->required) {
        column.flags |= RH_COLUMN_NOT_NULL;
        if (column.type == RH_TYPE_INT || column.type == RH_TYPE_TEXT ||
            column.type == RH_TYPE_TIMESTAMP)
            column.native_id |= RH_MONGODB_ORDERED;
    }
    return column;
}

static struct rh_column id_column(const struct field *own, uint32_t ids)
{
    struct field id = {.kinds = own && own->kinds ? own->kinds : RH_MONGODB_OID};
    struct rh_column column = column_of(RH_TEXT(RH_MONGODB_ID), &id);

    column.flags |= RH_COLUMN_NOT_NULL | RH_COLUMN_DEFAULT;
    column.native_id |= ids;
    return column;
}

int rh_mongodb_schema_columns(const struct rh_mongodb_schema *schema, const struct rh_host *host,
                              struct rh_arena *arena, uint32_t ids, struct rh_column **ret_columns,
                              uint32_t *ret_n, struct rh_error *error)
{
    const struct field *fields = schema->fields;
    struct rh_column *columns =
        host->alloc(arena, ((uint64_t)schema->n_fields + 1) * sizeof(*columns));
    const struct field *own = find_field(schema, RH_TEXT(RH_MONGODB_ID));
    uint32_t n = 0;

    if (!columns)
        return rh_fail_nomem(error);
    if (!schema->is_ours || (own && own->declared))
        columns[n++] = id_column(own, ids);
    for (uint32_t i = 0; i < schema->n_fields; i++) {
        char *name;

        if (rh_text_is(fields[i].name, RH_MONGODB_ID) || !fields[i].name.len)
            continue;
        name = host->alloc(arena, fields[i].name.len + 1);
        if (!name)
            return rh_fail_nomem(error);
        memcpy(name, fields[i].name.data, fields[i].name.len);
        columns[n++] = column_of(rh_text_make(name, fields[i].name.len), &fields[i]);
    }
    *ret_columns = columns;
    *ret_n = n;
    return RH_OK;
}

/* The row of the table for a column that is to be made; NULL: there is none. */
static const struct kind *kind_for(const struct rh_column *column)
{
    for (size_t k = 0; k < N_KINDS; k++)
        if (column->native_type.len ? rh_text_is(column->native_type, kinds_table[k].name)
                                    : kinds_table[k].type == column->type)
            return &kinds_table[k];
    return NULL;
}

static void append_json_property(bson_t *property, bool nullable)
{
    bson_t not ;

    BSON_APPEND_UTF8(property, "title", "json");
    if (nullable)
        return;
    bson_append_document_begin(property, "not", -1, &not );
    BSON_APPEND_UTF8(&not, "bsonType", "null");
    bson_append_document_end(property, &not );
}

int rh_mongodb_schema_property(const struct rh_column *column, bson_t *property,
                               struct rh_error *error)
{
    bool nullable = !(column->flags & RH_COLUMN_NOT_NULL);
    const struct kind *kind = kind_for(column);
    bson_t names;

    if (!kind)
        return rh_fail(error, RH_UNSUPPORTED, "MongoDB has no type for the column \"%.*s\"",
                       RH_TEXT_ARG(column->name));
    if (kind->kind == RH_MONGODB_OTHER) {
        append_json_property(property, nullable);
        return RH_OK;
    }
    if (kind->kind == RH_MONGODB_UUID)
        BSON_APPEND_UTF8(property, "title", "uuid");
    bson_append_array_begin(property, "bsonType", -1, &names);
    BSON_APPEND_UTF8(&names, "0", kind->kind == RH_MONGODB_UUID ? "binData" : kind->name);
    if (kind->kind == RH_MONGODB_INT)
        BSON_APPEND_UTF8(&names, "1", strcmp(kind->name, "int") == 0 ? "long" : "int");
    if (nullable)
        BSON_APPEND_UTF8(&names, kind->kind == RH_MONGODB_INT ? "2" : "1", "null");
    bson_append_array_end(property, &names);
    return RH_OK;
}
