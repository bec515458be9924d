/*
 * Tables and changes from JSON. `pointer` follows the reader through the input, so that errors name
 * the place.
 */
#include "server/api/table_json.h"

#include "base/err.h"
#include "base/text.h"
#include "base/type.h"
#include "server/api/call.h"

#include <stdio.h>

#define MAX_COLUMNS 2000
#define MAX_CHANGES 4000
#define POINTER_SIZE 180

static const char *const TABLE_MEMBERS[] = {"name", "schema",  "comment",   "columns",
                                            "key",  "indexes", "relations", NULL};
static const char *const COLUMN_MEMBERS[] = {"name",    "type",       "native_type", "nullable",
                                             "default", "identity",   "precision",   "scale",
                                             "comment", "max_length", "options",     NULL};
static const char *const INDEX_MEMBERS[] = {"name", "columns", "unique", NULL};
static const char *const RELATION_MEMBERS[] = {"name",  "columns",     "schema",
                                               "table", "ref_columns", NULL};
static const char *const CHANGE_MEMBERS[] = {"name", "add",         "alter",        "rename",
                                             "drop", "add_indexes", "drop_indexes", NULL};

static int wrong(const char *pointer, const char *name, const char *wanted, struct rh_error *error)
{
    char at[POINTER_SIZE + 32];

    snprintf(at, sizeof(at), "%s/%s", pointer, name);
    rh_fail(error, RH_INVALID, "%s must be %s", name, wanted);
    return rh_error_pointer(error, at);
}

static int read_text(const struct rh_json *object, const char *name, bool required,
                     const char *pointer, struct rh_text *ret_text, struct rh_error *error)
{
    const struct rh_json *member = rh_json_member(object, name);

    if ((!member || member->kind == RH_JSON_NULL) && !required)
        return RH_OK;
    if (!member || member->kind != RH_JSON_STRING || member->text.len == 0)
        return wrong(pointer, name, "a text", error);
    *ret_text = member->text;
    return RH_OK;
}

static int read_bool(const struct rh_json *object, const char *name, bool fallback,
                     const char *pointer, bool *ret_value, struct rh_error *error)
{
    const struct rh_json *member = rh_json_member(object, name);

    if (member && member->kind != RH_JSON_TRUE && member->kind != RH_JSON_FALSE)
        return wrong(pointer, name, "true or false", error);
    *ret_value = member ? member->kind == RH_JSON_TRUE : fallback;
    return RH_OK;
}

static int read_u32(const struct rh_json *object, const char *name, const char *pointer,
                    uint32_t *ret_value, struct rh_error *error)
{
    const struct rh_json *member = rh_json_member(object, name);
    uint64_t value;

    if (!member)
        return RH_OK;
    if (member->kind != RH_JSON_NUMBER || !rh_text_to_u64(member->text, &value) ||
        value > INT32_MAX)
        return wrong(pointer, name, "a whole number", error);
    *ret_value = (uint32_t)value;
    return RH_OK;
}

/* A list that may be absent (then NULL with n 0). */
static int read_list(const struct rh_json *object, const char *name, const char *pointer,
                     const struct rh_json **ret_list, struct rh_error *error)
{
    const struct rh_json *member = rh_json_member(object, name);

    if (member && (member->kind != RH_JSON_ARRAY || member->n > MAX_COLUMNS))
        return wrong(pointer, name, "a list", error);
    *ret_list = member;
    return RH_OK;
}

static int read_texts(struct rh_arena *arena, const struct rh_json *list, const char *pointer,
                      const char *name, struct rh_text **ret_texts, struct rh_error *error)
{
    struct rh_text *texts = rh_arena_array(arena, list ? list->n : 0, sizeof(*texts));
    uint32_t n = 0;

    if (!texts)
        return rh_fail_nomem(error);
    for (const struct rh_json *item = list ? list->child : NULL; item; item = item->next) {
        if (item->kind != RH_JSON_STRING)
            return wrong(pointer, name, "a list of texts", error);
        texts[n++] = item->text;
    }
    *ret_texts = texts;
    return RH_OK;
}

static int read_type(const struct rh_json *object, bool native, const char *pointer,
                     uint32_t *ret_type, struct rh_error *error)
{
    struct rh_text name = {NULL, 0};
    int rc = read_text(object, "type", !native, pointer, &name, error);

    if (rc != RH_OK)
        return rc;
    *ret_type = RH_TYPE_TEXT;
    for (uint32_t type = RH_TYPE_BOOL; name.data && type <= RH_N_TYPES; type++) {
        if (type == RH_N_TYPES)
            return wrong(
                pointer, "type",
                "bool, int, uint, float, decimal, text, bytes, date, time, datetime, timestamp, "
                "interval, uuid or json",
                error);
        if (rh_text_is(name, rh_type_name(type))) {
            *ret_type = type;
            break;
        }
    }
    return RH_OK;
}

static int read_default(const struct rh_json *object, const char *pointer, struct rh_column *column,
                        struct rh_error *error)
{
    const struct rh_json *value = rh_json_member(object, "default");

    if (!value || value->kind == RH_JSON_NULL)
        return RH_OK;
    if (value->kind == RH_JSON_ARRAY || value->kind == RH_JSON_OBJECT)
        if (column->type != RH_TYPE_JSON)
            return wrong(pointer, "default", "a literal of the column's type", error);
    column->default_text = value->kind == RH_JSON_STRING ? value->text : value->source;
    column->flags |= RH_COLUMN_DEFAULT;
    return RH_OK;
}

static int read_column(struct rh_arena *arena, const struct rh_json *object, const char *pointer,
                       struct rh_column *ret_column, struct rh_error *error)
{
    struct rh_text *options = NULL;
    const struct rh_json *list = NULL;
    bool nullable = true, identity = false;
    int rc;

    rc = rh_call_check_members(object, pointer, COLUMN_MEMBERS, error);
    if (rc == RH_OK)
        rc = read_text(object, "name", true, pointer, &ret_column->name, error);
    if (rc == RH_OK)
        rc = read_text(object, "native_type", false, pointer, &ret_column->native_type, error);
    if (rc == RH_OK)
        rc = read_type(object, ret_column->native_type.data != NULL, pointer, &ret_column->type,
                       error);
    if (rc == RH_OK)
        rc = read_text(object, "comment", false, pointer, &ret_column->comment, error);
    if (rc == RH_OK)
        rc = read_bool(object, "nullable", true, pointer, &nullable, error);
    if (rc == RH_OK)
        rc = read_bool(object, "identity", false, pointer, &identity, error);
    if (rc == RH_OK)
        rc = read_u32(object, "precision", pointer, &ret_column->precision, error);
    if (rc == RH_OK)
        rc = read_u32(object, "scale", pointer, &ret_column->scale, error);
    if (rc == RH_OK)
        rc = read_u32(object, "max_length", pointer, &ret_column->max_length, error);
    if (rc == RH_OK)
        rc = read_list(object, "options", pointer, &list, error);
    if (rc == RH_OK)
        rc = read_texts(arena, list, pointer, "options", &options, error);
    if (rc == RH_OK)
        rc = read_default(object, pointer, ret_column, error);
    if (rc != RH_OK)
        return rc;
    ret_column->options = options;
    ret_column->n_options = list ? list->n : 0;
    ret_column->flags |= nullable ? 0 : RH_COLUMN_NOT_NULL;
    ret_column->flags |= identity ? RH_COLUMN_IDENTITY | RH_COLUMN_DEFAULT : 0;
    return RH_OK;
}

static int read_columns(struct rh_arena *arena, const struct rh_json *list, const char *pointer,
                        struct rh_column **ret_columns, struct rh_error *error)
{
    struct rh_column *columns = rh_arena_array(arena, list ? list->n : 0, sizeof(*columns));
    char at[POINTER_SIZE];
    uint32_t n = 0;

    if (!columns)
        return rh_fail_nomem(error);
    for (const struct rh_json *item = list ? list->child : NULL; item; item = item->next) {
        int rc;
        snprintf(at, sizeof(at), "%s/%u", pointer, n);
        rc = read_column(arena, item, at, &columns[n], error);
        for (uint32_t i = 0; rc == RH_OK && i < n; i++)
            if (rh_text_equal(columns[i].name, columns[n].name))
                rc = wrong(at, "name", "unlike the names before it", error);
        if (rc != RH_OK)
            return rc;
        n++;
    }
    *ret_columns = columns;
    return RH_OK;
}

static uint32_t find_column(const struct rh_table *table, struct rh_text name)
{
    for (uint32_t i = 0; i < table->n_columns; i++)
        if (rh_text_equal(table->columns[i].name, name))
            return i;
    return RH_NO_COLUMN;
}

static int no_column(struct rh_text name, const char *pointer, struct rh_error *error)
{
    rh_fail(error, RH_INVALID, "there is no column \"%.*s\"", RH_TEXT_ARG(name));
    rh_error_pointer(error, pointer);
    return rh_error_code(error, "unknown-column");
}

/* Positions of the columns that a list names. */
static int read_positions(struct rh_arena *arena, const struct rh_json *object, const char *name,
                          const struct rh_table *table, const char *pointer,
                          const uint32_t **ret_positions, uint32_t *ret_n, struct rh_error *error)
{
    const struct rh_json *list = NULL;
    struct rh_text *names = NULL;
    uint32_t *positions;
    int rc;

    rc = read_list(object, name, pointer, &list, error);
    if (rc == RH_OK)
        rc = read_texts(arena, list, pointer, name, &names, error);
    if (rc != RH_OK)
        return rc;
    *ret_n = list ? list->n : 0;
    positions = rh_arena_array(arena, *ret_n, sizeof(*positions));
    if (!positions)
        return rh_fail_nomem(error);
    for (uint32_t i = 0; i < *ret_n; i++) {
        positions[i] = find_column(table, names[i]);
        if (positions[i] == RH_NO_COLUMN) {
            char at[POINTER_SIZE];
            snprintf(at, sizeof(at), "%s/%s/%u", pointer, name, i);
            return no_column(names[i], at, error);
        }
    }
    *ret_positions = positions;
    return RH_OK;
}

static int read_indexes(struct rh_arena *arena, const struct rh_json *list,
                        const struct rh_table *table, const char *pointer,
                        struct rh_index **ret_indexes, struct rh_error *error)
{
    struct rh_index *indexes = rh_arena_array(arena, list ? list->n : 0, sizeof(*indexes));
    char at[POINTER_SIZE];
    uint32_t n = 0;

    if (!indexes)
        return rh_fail_nomem(error);
    for (const struct rh_json *item = list ? list->child : NULL; item; item = item->next, n++) {
        bool unique = false;
        int rc;
        snprintf(at, sizeof(at), "%s/%u", pointer, n);
        rc = rh_call_check_members(item, at, INDEX_MEMBERS, error);
        if (rc == RH_OK)
            rc = read_text(item, "name", true, at, &indexes[n].name, error);
        if (rc == RH_OK)
            rc = read_bool(item, "unique", false, at, &unique, error);
        if (rc == RH_OK)
            rc = read_positions(arena, item, "columns", table, at, &indexes[n].columns,
                                &indexes[n].n_columns, error);
        if (rc != RH_OK)
            return rc;
        if (indexes[n].n_columns == 0)
            return wrong(at, "columns", "a list of at least one column", error);
        indexes[n].flags = unique ? RH_INDEX_UNIQUE : 0;
    }
    *ret_indexes = indexes;
    return RH_OK;
}

static int read_relation(struct rh_arena *arena, const struct rh_json *item,
                         const struct rh_table *table, const char *pointer,
                         struct rh_foreign_key *ret_key, struct rh_error *error)
{
    const struct rh_json *list = NULL;
    struct rh_text *names = NULL;
    int rc;

    rc = rh_call_check_members(item, pointer, RELATION_MEMBERS, error);
    if (rc == RH_OK)
        rc = read_text(item, "name", false, pointer, &ret_key->name, error);
    if (rc == RH_OK)
        rc = read_text(item, "schema", false, pointer, &ret_key->schema, error);
    if (rc == RH_OK)
        rc = read_text(item, "table", true, pointer, &ret_key->table, error);
    if (rc == RH_OK)
        rc = read_positions(arena, item, "columns", table, pointer, &ret_key->columns,
                            &ret_key->n_columns, error);
    if (rc == RH_OK)
        rc = read_list(item, "ref_columns", pointer, &list, error);
    if (rc == RH_OK)
        rc = read_texts(arena, list, pointer, "ref_columns", &names, error);
    if (rc != RH_OK)
        return rc;
    if (ret_key->n_columns == 0 || !list || list->n != ret_key->n_columns)
        return wrong(pointer, "ref_columns", "as many as columns, at least one", error);
    ret_key->ref_columns = names;
    return RH_OK;
}

static int read_relations(struct rh_arena *arena, const struct rh_json *list,
                          struct rh_table *table, struct rh_error *error)
{
    struct rh_foreign_key *keys = rh_arena_array(arena, list ? list->n : 0, sizeof(*keys));
    char at[POINTER_SIZE];
    uint32_t n = 0;

    if (!keys)
        return rh_fail_nomem(error);
    for (const struct rh_json *item = list ? list->child : NULL; item; item = item->next) {
        int rc;
        snprintf(at, sizeof(at), "/relations/%u", n);
        rc = read_relation(arena, item, table, at, &keys[n++], error);
        if (rc != RH_OK)
            return rc;
    }
    table->foreign_keys = keys;
    table->n_foreign_keys = n;
    table->foreign_key_stride = sizeof(*keys);
    return RH_OK;
}

int rh_table_json_read(struct rh_arena *arena, const struct rh_json *body,
                       struct rh_table **ret_table, struct rh_error *error)
{
    struct rh_table *table = rh_arena_alloc(arena, sizeof(*table));
    const struct rh_json *list = NULL;
    struct rh_column *columns = NULL;
    struct rh_index *indexes = NULL;
    int rc;

    if (!table)
        return rh_fail_nomem(error);
    table->struct_size = sizeof(*table);
    table->est_rows = -1;
    rc = rh_call_check_members(body, "", TABLE_MEMBERS, error);
    if (rc == RH_OK)
        rc = read_text(body, "name", true, "", &table->name, error);
    if (rc == RH_OK)
        rc = read_text(body, "schema", false, "", &table->schema, error);
    if (rc == RH_OK)
        rc = read_text(body, "comment", false, "", &table->comment, error);
    if (rc == RH_OK)
        rc = read_list(body, "columns", "", &list, error);
    if (rc == RH_OK && (!list || list->n == 0))
        rc = wrong("", "columns", "a list of at least one column", error);
    if (rc == RH_OK)
        rc = read_columns(arena, list, "/columns", &columns, error);
    if (rc != RH_OK)
        return rc;
    table->columns = columns;
    table->n_columns = list->n;
    table->column_stride = sizeof(*columns);
    rc = read_positions(arena, body, "key", table, "", &table->key, &table->n_key, error);
    if (rc == RH_OK)
        rc = read_list(body, "indexes", "", &list, error);
    if (rc == RH_OK)
        rc = read_indexes(arena, list, table, "/indexes", &indexes, error);
    if (rc != RH_OK)
        return rc;
    table->indexes = indexes;
    table->n_indexes = list ? list->n : 0;
    table->index_stride = sizeof(*indexes);
    rc = read_list(body, "relations", "", &list, error);
    if (rc == RH_OK)
        rc = read_relations(arena, list, table, error);
    if (rc == RH_OK)
        *ret_table = table;
    return rc;
}

/* ---- Changes ----------------------------------------------------------------------------- */

struct changes {
    struct rh_arena *arena;
    const struct rh_table *table;
    struct rh_ddl_change *items;
    uint32_t n;
};

static struct rh_ddl_change *next_change(struct changes *changes, uint32_t kind)
{
    struct rh_ddl_change *change;

    if (changes->n == MAX_CHANGES)
        return NULL;
    change = &changes->items[changes->n++];
    change->kind = kind;
    change->table = changes->table;
    return change;
}

/* Whether the table has the column, or has it by the changes so far. */
static bool has_column(const struct changes *changes, struct rh_text name)
{
    for (uint32_t i = 0; i < changes->n; i++) {
        const struct rh_ddl_change *change = &changes->items[i];
        if ((change->kind == RH_DDL_ADD_COLUMN && rh_text_equal(change->column->name, name)) ||
            (change->kind == RH_DDL_RENAME_COLUMN && rh_text_equal(change->new_name, name)))
            return true;
    }
    return find_column(changes->table, name) != RH_NO_COLUMN;
}

static int too_many(struct rh_error *error)
{
    return rh_fail(error, RH_INVALID, "more than %d changes at once", MAX_CHANGES);
}

static int add_columns(struct changes *changes, const struct rh_json *body, const char *member,
                       uint32_t kind, struct rh_error *error)
{
    const struct rh_json *list = NULL;
    struct rh_column *columns = NULL;
    char pointer[48];
    int rc;

    snprintf(pointer, sizeof(pointer), "/%s", member);
    rc = read_list(body, member, "", &list, error);
    if (rc == RH_OK)
        rc = read_columns(changes->arena, list, pointer, &columns, error);
    for (uint32_t i = 0; rc == RH_OK && list && i < list->n; i++) {
        bool known = kind == RH_DDL_ADD_COLUMN || has_column(changes, columns[i].name);
        struct rh_ddl_change *change = next_change(changes, kind);
        if (!change)
            return too_many(error);
        snprintf(pointer, sizeof(pointer), "/%s/%u/name", member, i);
        if (!known)
            return no_column(columns[i].name, pointer, error);
        change->column = &columns[i];
    }
    return rc;
}

static int add_named(struct changes *changes, const struct rh_json *body, const char *member,
                     uint32_t kind, struct rh_error *error)
{
    const struct rh_json *list = NULL;
    struct rh_text *names = NULL;
    char pointer[48];
    int rc;

    rc = read_list(body, member, "", &list, error);
    if (rc == RH_OK)
        rc = read_texts(changes->arena, list, "", member, &names, error);
    for (uint32_t i = 0; rc == RH_OK && list && i < list->n; i++) {
        bool known = kind == RH_DDL_DROP_INDEX || has_column(changes, names[i]);
        struct rh_ddl_change *change = next_change(changes, kind);
        struct rh_column *column = rh_arena_alloc(changes->arena, sizeof(*column));
        if (!change || !column)
            return change ? rh_fail_nomem(error) : too_many(error);
        snprintf(pointer, sizeof(pointer), "/%s/%u", member, i);
        if (!known)
            return no_column(names[i], pointer, error);
        column->name = names[i];
        change->column = column;
        if (kind == RH_DDL_DROP_INDEX)
            change->new_name = names[i];
    }
    return rc;
}

static int add_renames(struct changes *changes, const struct rh_json *body, struct rh_error *error)
{
    const struct rh_json *object = rh_json_member(body, "rename");

    if (object && object->kind != RH_JSON_OBJECT)
        return wrong("", "rename", "an object of old and new names", error);
    for (const struct rh_json *item = object ? object->child : NULL; item; item = item->next) {
        bool known = has_column(changes, item->key);
        struct rh_ddl_change *change = next_change(changes, RH_DDL_RENAME_COLUMN);
        struct rh_column *column = rh_arena_alloc(changes->arena, sizeof(*column));
        if (!change || !column)
            return change ? rh_fail_nomem(error) : too_many(error);
        if (item->kind != RH_JSON_STRING || item->text.len == 0)
            return wrong("", "rename", "an object of old and new names", error);
        if (!known)
            return no_column(item->key, "/rename", error);
        column->name = item->key;
        change->column = column;
        change->new_name = item->text;
    }
    return RH_OK;
}

static int add_indexes(struct changes *changes, const struct rh_json *body, struct rh_error *error)
{
    const struct rh_json *list = NULL;
    struct rh_index *indexes = NULL;
    int rc;

    rc = read_list(body, "add_indexes", "", &list, error);
    if (rc == RH_OK)
        rc = read_indexes(changes->arena, list, changes->table, "/add_indexes", &indexes, error);
    for (uint32_t i = 0; rc == RH_OK && list && i < list->n; i++) {
        struct rh_ddl_change *change = next_change(changes, RH_DDL_CREATE_INDEX);
        struct rh_table *table = rh_arena_alloc(changes->arena, sizeof(*table));
        if (!change || !table)
            return change ? rh_fail_nomem(error) : too_many(error);
        *table = *changes->table;
        table->indexes = &indexes[i];
        table->n_indexes = 1;
        table->index_stride = sizeof(indexes[i]);
        change->table = table;
    }
    return rc;
}

static int add_table_name(struct changes *changes, const struct rh_json *body,
                          struct rh_error *error)
{
    struct rh_text name = {NULL, 0};
    struct rh_ddl_change *change;
    int rc = read_text(body, "name", false, "", &name, error);

    if (rc != RH_OK || !name.data)
        return rc;
    change = next_change(changes, RH_DDL_RENAME_TABLE);
    if (!change)
        return too_many(error);
    change->new_name = name;
    return RH_OK;
}

int rh_table_json_changes(struct rh_arena *arena, const struct rh_json *body,
                          const struct rh_table *table, struct rh_ddl_change **ret_changes,
                          uint32_t *ret_n, struct rh_error *error)
{
    struct changes changes = {.arena = arena, .table = table};
    int rc;

    changes.items = rh_arena_array(arena, MAX_CHANGES, sizeof(changes.items[0]));
    if (!changes.items)
        return rh_fail_nomem(error);
    rc = rh_call_check_members(body, "", CHANGE_MEMBERS, error);
    if (rc == RH_OK)
        rc = add_named(&changes, body, "drop_indexes", RH_DDL_DROP_INDEX, error);
    if (rc == RH_OK)
        rc = add_indexes(&changes, body, error);
    if (rc == RH_OK)
        rc = add_columns(&changes, body, "add", RH_DDL_ADD_COLUMN, error);
    if (rc == RH_OK)
        rc = add_columns(&changes, body, "alter", RH_DDL_ALTER_COLUMN, error);
    if (rc == RH_OK)
        rc = add_renames(&changes, body, error);
    if (rc == RH_OK)
        rc = add_named(&changes, body, "drop", RH_DDL_DROP_COLUMN, error);
    if (rc == RH_OK)
        rc = add_table_name(&changes, body, error);
    if (rc == RH_OK && changes.n == 0)
        rc = rh_fail(error, RH_INVALID, "the body asks for no change");
    if (rc != RH_OK)
        return rc;
    *ret_changes = changes.items;
    *ret_n = changes.n;
    return RH_OK;
}
